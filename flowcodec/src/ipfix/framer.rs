//! Messages cut out of a byte stream (RFC 7011 §10.4) or a file (RFC 5655).

use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::wire::be16;

/// Cuts messages out of octets that arrive split anywhere. Holds at most one message (65,535 octets) beside what
/// the last push brought.
///
/// ```
/// use flowcodec::ipfix::Framer;
/// let message = [0, 10, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// let mut framer = Framer::new();
/// framer.push(&message[..5]);
/// assert!(framer.next().is_none());
/// framer.push(&message[5..]);
/// assert_eq!(framer.next(), Some(Ok(&message[..])));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    // What of the buffer has been handed out.
    used: usize,
    // Octets of the stream that lie before the buffer.
    base: u64,
    failed: bool,
}

impl Framer {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self { buffer: Vec::new(), used: 0, base: 0, failed: false }
    }

    /// Adds octets of the stream. What was handed out before is let go.
    pub fn push(&mut self, octets: &[u8]) {
        self.buffer.drain(..self.used);
        self.base = self.base.saturating_add(u64::try_from(self.used).unwrap_or(u64::MAX));
        self.used = 0;
        if !self.failed {
            self.buffer.extend_from_slice(octets);
        }
    }

    /// Where the octets that were not handed out yet begin in the stream.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.base.saturating_add(u64::try_from(self.used).unwrap_or(u64::MAX))
    }

    /// The octets that were not handed out yet: after the end of the stream, what was cut.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        self.buffer.get(self.used..).unwrap_or_default()
    }

    /// Whether the stream is out of step. A stream has no marks to find the next message by: it has to be closed.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        self.failed
    }

    /// The next whole message, or the fault that ends the stream: a version other than 10, or a length below 16.
    #[expect(clippy::should_implement_trait, reason = "lends from the framer; Iterator cannot")]
    pub fn next(&mut self) -> Option<Result<&[u8], Fault>> {
        if self.failed {
            return None;
        }
        let rest = self.buffer.get(self.used..)?;
        let head = rest.first_chunk::<4>()?;
        let (version, length) = (be16(head, 0), be16(head, 2));
        if version != 10 || length < 16 {
            self.failed = true;
            let kind = if version == 10 { FaultKind::LengthTooSmall } else { FaultKind::UnknownVersion };
            let there = u32::try_from(rest.len()).unwrap_or(u32::MAX);
            let fault = Fault::new(kind, Layer::Header, LimitedBy::MessageLength, 0).costing(there);
            return Some(Err(if version == 10 { fault.sizes(16, u32::from(length)) } else { fault }));
        }
        let end = self.used.saturating_add(usize::from(length));
        let message = self.buffer.get(self.used..end)?;
        self.used = end;
        Some(Ok(message))
    }
}
