//! A connection that waits for its reader, but not for ever.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io::{self, IoSlice};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Patience is used up while a reader takes nothing, and comes back with each octet that is taken, up to what there was at first. So a
/// reader may pause, and one that is slower than the least rate, in drops too, has its answer for as long as the answer is octets at that
/// rate, and that pause once: a limit between two writes alone would be kept by one octet now and then.
///
/// Whoever has nothing to take is waited for by nobody, and that time brings patience back too: a connection is used for many answers.
#[derive(Debug)]
pub(super) struct Patient<S> {
    stream: S,
    most: Duration,
    /// Octets a second; 0 when one octet brings all of it back.
    rate: u64,
    left: Duration,
    /// When something was taken last.
    taken: Instant,
    waiting: Option<Waiting>,
    out: bool,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    end: Pin<Box<Sleep>>,
}

impl<S> Patient<S> {
    /// Waits for so long, and for whoever takes so many octets a second.
    pub(super) fn new(stream: S, most: Duration, rate: u64) -> Self {
        Self { stream, most, rate, left: most, taken: Instant::now(), waiting: None, out: false }
    }

    /// Whether its reader took too little.
    pub(super) const fn is_out(&self) -> bool {
        self.out
    }

    /// What lies below.
    pub(super) const fn stream(&self) -> &S {
        &self.stream
    }

    /// A write as it went, or its end when it has been waited for too long.
    fn judged(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if self.waiting.is_none() {
            // Since then nobody was waited for.
            self.come_back(self.taken.elapsed());
        }
        match &written {
            Poll::Ready(Ok(octets)) => self.taken(*octets),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                let left = self.left;
                let waiting = self.waiting.get_or_insert_with(|| Waiting { since: Instant::now(), end: Box::pin(sleep(left)) });
                ready!(waiting.end.as_mut().poll(cx));
                self.out = true;
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the reader takes too little")));
            }
        }
        written
    }

    fn taken(&mut self, octets: usize) {
        if let Some(waiting) = self.waiting.take() {
            self.left = self.left.saturating_sub(waiting.since.elapsed());
        }
        let nanos = u64::try_from(octets).unwrap_or(u64::MAX).saturating_mul(1_000_000_000);
        self.come_back(nanos.checked_div(self.rate).map_or(self.most, Duration::from_nanos));
        self.taken = Instant::now();
    }

    fn come_back(&mut self, patience: Duration) {
        self.left = self.left.saturating_add(patience).min(self.most);
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, octets);
        self.judged(cx, written)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.judged(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Writes so many octets to a reader who takes `octets` each `every`, with room for 1,000 between: how long it was written to, and
    /// whether it took all.
    async fn read(size: usize, rate: u64, octets: usize, every: Duration) -> (Duration, bool) {
        let (ours, mut theirs) = duplex(1_000);
        let reader = tokio::spawn(async move {
            let mut taken = vec![0; octets];
            loop {
                sleep(every).await;
                if theirs.read(&mut taken).await.unwrap_or(0) == 0 {
                    break;
                }
            }
        });
        let begun = Instant::now();
        let mut ours = Patient::new(ours, 30 * SECOND, rate);
        let whole = ours.write_all(&vec![0; size]).await.is_ok();
        let lasted = begun.elapsed();
        drop(ours);
        reader.await.unwrap();
        (lasted, whole)
    }

    #[tokio::test(start_paused = true)]
    async fn the_least_rate_is_enough_and_less_is_not() {
        // 1,000 octets lie between; the others take a second each 100.
        assert_eq!(read(21_000, 100, 100, SECOND).await, (200 * SECOND, true));
        assert_eq!(read(21_000, 100, 1_000, 10 * SECOND).await, (200 * SECOND, true), "with pauses that are not too long");
        // A tenth less: each second a tenth of a second is lost, until 30 seconds are.
        let (lasted, whole) = read(1_000_000, 100, 90, SECOND).await;
        assert!(!whole && (290 * SECOND..=410 * SECOND).contains(&lasted), "{lasted:?}");
        // In drops: what was taken gave back next to nothing.
        let (lasted, whole) = read(1_000_000, 100, 1, SECOND).await;
        assert!(!whole && (30 * SECOND..=42 * SECOND).contains(&lasted), "{lasted:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_least_rate_only_pauses_count() {
        assert_eq!(read(1_100, 0, 1, 29 * SECOND).await, (100 * 29 * SECOND, true));
        assert_eq!(read(1_100, 0, 1, 31 * SECOND).await, (30 * SECOND, false));
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_nothing_to_take_may_rest() {
        let (ours, mut theirs) = duplex(1_000);
        let mut ours = Patient::new(ours, 30 * SECOND, 100);
        for _ in 0..3 {
            ours.write_all(&[0; 1_000]).await.unwrap();
            sleep(1_000 * SECOND).await;
            theirs.read_exact(&mut [0; 1_000]).await.unwrap();
        }
        // Answer after answer that is taken late: the time between them brings back what each used up.
        for between in [20, 20, 20, 2] {
            ours.write_all(&[0; 1_000]).await.unwrap();
            let late = async {
                sleep(25 * SECOND).await;
                theirs.read_exact(&mut [0; 1_000]).await.unwrap();
            };
            let (written, ()) = tokio::join!(ours.write_all(&[0]), late);
            written.unwrap();
            theirs.read_exact(&mut [0]).await.unwrap();
            sleep(between * SECOND).await;
        }
        ours.write_all(&[0; 1_000]).await.unwrap();
        let begun = Instant::now();
        ours.write_all(&[0]).await.unwrap_err();
        assert_eq!(begun.elapsed(), Duration::from_millis(17_010), "5 were left; 2, 10 and a hundredth came back");
    }
}
