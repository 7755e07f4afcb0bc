//! Lines of a stream, however long and however it is cut.

use std::io::{BufRead, BufReader, ErrorKind, Read as Source};

use anyhow::Context as _;

/// Where records come from, in errors.
pub(crate) const INPUT: &str = "standard input";

/// The longest line that is looked at: 1 MiB. goflow2's have some hundred octets; a longer one is passed through in pieces.
pub(crate) const MOST: usize = 1 << 20;

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// A line, its newline included; the last one may have none.
    Line,
    /// The beginning of a line that is too long, or more of it.
    Piece,
    /// The last piece of such a line.
    LastPiece,
    /// Nothing: the end.
    End,
}

/// Reads lines; tells before it waits.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    from: BufReader<R>,
    inside_long: bool,
}

impl<R: Source> Lines<R> {
    pub(crate) fn new(from: R) -> Self {
        Self { from: BufReader::with_capacity(1 << 16, from), inside_long: false }
    }

    /// Reads into `line`, in place of what was there. `before_waiting` is called when no more octets are at hand.
    pub(crate) fn next(
        &mut self,
        line: &mut Vec<u8>,
        mut before_waiting: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<Read> {
        line.clear();
        loop {
            if self.from.buffer().is_empty() {
                before_waiting()?;
            }
            let octets = match self.from.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                octets => octets.context(INPUT)?,
            };
            if octets.is_empty() {
                let inside = std::mem::take(&mut self.inside_long);
                return Ok(match (line.is_empty(), inside) {
                    (_, true) => Read::LastPiece,
                    (true, false) => Read::End,
                    (false, false) => Read::Line,
                });
            }
            let newline = octets.iter().position(|octet| *octet == b'\n');
            let count = newline.map_or(octets.len(), |at| at.saturating_add(1));
            line.extend_from_slice(octets.get(..count).unwrap_or_default());
            self.from.consume(count);
            if newline.is_some() {
                let long = std::mem::take(&mut self.inside_long) || line.len() > MOST;
                return Ok(if long { Read::LastPiece } else { Read::Line });
            }
            if line.len() > MOST {
                self.inside_long = true;
                return Ok(Read::Piece);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_however_they_are_cut() {
        struct Slowly<'a>(&'a [u8], usize);
        impl Source for Slowly<'_> {
            fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
                let count = self.1.min(into.len()).min(self.0.len());
                let (now, later) = self.0.split_at(count);
                into[..count].copy_from_slice(now);
                self.0 = later;
                Ok(count)
            }
        }
        let long = "x".repeat(MOST + 200_000);
        let text = format!("one\n\n{long}\ntwo\r\n{long}");
        for step in [1_000, 7, usize::MAX] {
            let mut lines = Lines::new(Slowly(text.as_bytes(), step));
            let (mut line, mut all, mut kinds, mut waits) = (Vec::new(), Vec::new(), Vec::new(), 0);
            loop {
                let read = lines
                    .next(&mut line, || {
                        waits += 1;
                        Ok(())
                    })
                    .unwrap();
                if read == Read::End {
                    break;
                }
                all.extend_from_slice(&line);
                kinds.push(read);
                assert!(line.len() <= MOST + (1 << 16));
            }
            assert!(all == text.as_bytes());
            kinds.dedup();
            assert_eq!(kinds, [Read::Line, Read::Piece, Read::LastPiece, Read::Line, Read::Piece, Read::LastPiece]);
            assert!(waits > 10, "what is done is shown before more is waited for");
        }
    }
}
