//! Lines to a file or pipe, on a thread of its own: whoever reads them slowly holds up nobody.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use tokio::sync::Notify;

/// Lines that wait to be written, at most.
const QUEUE: usize = 8_192;
/// How long a reader that takes nothing is waited for at the end.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked whether there is room.
const LOOK: Duration = Duration::from_millis(1);

/// What happens when nobody takes the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// Wait: a recording can.
    Wait,
    /// Lose the line, and count it: a router does not wait.
    Lose,
}

/// How it stands with the writing.
#[derive(Debug, Default)]
pub(crate) struct State {
    error: Mutex<Option<io::Error>>,
    failed: Notify,
    /// The end is near: a reader is waited for only so long.
    hurry: AtomicBool,
    /// Lines taken from the queue and written.
    written: AtomicU64,
}

impl State {
    /// Returns when writing failed.
    pub(crate) async fn failed(&self) {
        self.failed.notified().await;
    }

    /// Whoever waits for the reader waits no longer.
    pub(crate) fn hurry(&self) {
        self.hurry.store(true, Ordering::Relaxed);
    }
}

/// The end of the queue that lines are put in.
#[derive(Debug)]
pub(crate) struct Lines {
    queue: Option<SyncSender<String>>,
    thread: Option<JoinHandle<()>>,
    state: Arc<State>,
    when_full: WhenFull,
    pushed: u64,
    /// Until when `push` waits after [`State::hurry`].
    until: Option<Instant>,
}

impl Lines {
    pub(crate) fn new(out: Box<dyn Write + Send>, when_full: WhenFull) -> anyhow::Result<Self> {
        let (queue, lines) = sync_channel(QUEUE);
        let state = Arc::new(State::default());
        let told = Arc::clone(&state);
        let thread = thread::Builder::new().name("flows".into()).spawn(move || {
            if let Err(error) = write_all(out, &lines, &told.written) {
                *told.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                // Kept for who asks later.
                told.failed.notify_one();
            }
        });
        let thread = Some(thread.context("no thread to write flows")?);
        Ok(Self { queue: Some(queue), thread, state, when_full, pushed: 0, until: None })
    }

    pub(crate) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    /// Puts a line in the queue; false when it is lost.
    pub(crate) fn push(&mut self, mut line: String) -> bool {
        let Some(queue) = &self.queue else { return false };
        loop {
            match queue.try_send(line) {
                Ok(()) => {
                    self.pushed += 1;
                    return true;
                }
                Err(TrySendError::Disconnected(_)) => return false,
                Err(TrySendError::Full(back)) => line = back,
            }
            let hurry = self.state.hurry.load(Ordering::Relaxed);
            let wait = if hurry {
                Instant::now() < *self.until.get_or_insert_with(|| Instant::now() + PATIENCE)
            } else {
                self.when_full == WhenFull::Wait
            };
            if !wait {
                return false;
            }
            thread::sleep(LOOK);
        }
    }

    /// Waits until all is written, or the reader takes nothing; how many lines were left then.
    pub(crate) fn close(&mut self) -> anyhow::Result<u64> {
        self.queue = None;
        let written = || self.state.written.load(Ordering::Relaxed);
        let (mut before, mut since) = (written(), Instant::now());
        while self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) && since.elapsed() < PATIENCE {
            thread::sleep(LOOK);
            let now = written();
            // Whoever still reads is waited for.
            if now != core::mem::replace(&mut before, now) {
                since = Instant::now();
            }
        }
        let left = self.pushed.saturating_sub(written());
        match self.state.error.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(error) => Err(anyhow!(error).context("flows cannot be written")),
            None => Ok(left),
        }
    }
}

fn write_all(mut out: Box<dyn Write + Send>, lines: &Receiver<String>, written: &AtomicU64) -> io::Result<()> {
    loop {
        let line = match lines.try_recv() {
            Ok(line) => line,
            Err(TryRecvError::Disconnected) => return out.flush(),
            Err(TryRecvError::Empty) => {
                // Nothing more is due: what is there is seen.
                out.flush()?;
                match lines.recv() {
                    Ok(line) => line,
                    Err(_) => return Ok(()),
                }
            }
        };
        out.write_all(line.as_bytes())?;
        written.fetch_add(1, Ordering::Relaxed);
    }
}
