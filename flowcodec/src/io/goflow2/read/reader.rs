//! Messages out of a stream of octets.

mod bare;

use memchr::memchr;

use super::json;
use super::protobuf;
use super::recognise::{Format, HEAD, JSON_HEAD, is_object, recognise};
use super::stats::ReaderStats;
use super::wire::{Varint, varint};
use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::io::goflow2::{Dialect, Skipped, schema};
use crate::model::Flow;

/// Reads messages out of octets that arrive split anywhere. It has no source of its own: it is fed.
///
/// A bad line or message is a fault and costs itself. Only a length that cannot be one ends the stream, because nothing marks the next
/// message. It holds one message at most ([`MOST`] octets) beside what the last push brought.
///
/// ```
/// use flowcodec::field;
/// use flowcodec::io::goflow2::Reader;
///
/// let mut reader = Reader::new();
/// reader.push(b"{\"type\":\"IPFIX\",\"bytes\":20800,\"proto\":\"TCP\"}\n{\"type\":\"IPF");
/// reader.push(b"IX\",\"bytes\":60}\nnonsense\n");
/// reader.end();
/// let first = reader.next().unwrap()?;
/// assert_eq!((first.get(field::OCTETS), first.get(field::IP_PROTOCOL)), (Some(20_800), Some(6)));
/// assert_eq!(reader.next().unwrap()?.get(field::OCTETS), Some(60));
/// let fault = reader.next().unwrap().unwrap_err();
/// assert_eq!((reader.position(), fault.offset, fault.bytes), (73, 0, 9));
/// assert!(reader.next().is_none());
/// # Ok::<(), flowcodec::Fault>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Reader {
    buffer: Vec<u8>,
    /// What of the buffer is done with.
    used: usize,
    /// Octets of the stream that lie before the buffer.
    base: u64,
    /// Octets behind `used` in which the end of the message has been looked for.
    searched: usize,
    /// Whether something in the message was no field, so that only a newline ends it.
    astray: bool,
    format: Option<Format>,
    /// Whether newlines stand behind prefixed messages, once that is known.
    separated: Option<bool>,
    /// The dialect of protobuf, when it was said.
    dialect: Option<Dialect>,
    /// The dialect of the message before.
    likely: Option<Dialect>,
    /// Whether the next octet stands behind a message.
    behind: bool,
    /// Octets of a message that is too long which have been let go.
    dropped: u64,
    stage: Stage,
    /// Whether it ended inside a message.
    cut: bool,
    /// Where the last item began.
    last: u64,
    stats: ReaderStats,
}

/// How far a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    #[default]
    Open,
    /// No more comes.
    Ended,
    /// Out of step.
    Failed,
}

/// The longest message that is read: 1 MiB, as much as Kafka takes by default. goflow2's have some hundred octets.
pub const MOST: usize = 1 << 20;

impl Reader {
    /// A reader that tells the format by the first octets.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A reader of a known format.
    #[must_use]
    pub fn of(format: Format) -> Self {
        Self { format: Some(format), ..Self::default() }
    }

    /// Says whether newlines stand behind messages with their length in front. Without this a newline behind the first message says it; it
    /// could also be the length of a message of ten octets, but goflow2's are longer.
    #[must_use]
    pub const fn separated(mut self, separated: bool) -> Self {
        self.separated = Some(separated);
        self
    }

    /// Says which dialect protobuf is in. Without this each message tells it, as [`read_protobuf`](super::read_protobuf) does. JSON says
    /// in its keys what a field is.
    #[must_use]
    pub const fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = Some(dialect);
        self
    }

    /// Adds octets of the stream.
    pub fn push(&mut self, octets: &[u8]) {
        self.buffer.drain(..self.used);
        self.base = self.base.saturating_add(count(self.used));
        self.used = 0;
        self.stats.bytes = self.stats.bytes.saturating_add(count(octets.len()));
        if self.has_failed() {
            self.base = self.base.saturating_add(count(octets.len()));
            self.stats.bytes_reported = self.stats.bytes_reported.saturating_add(count(octets.len()));
        } else {
            self.buffer.extend_from_slice(octets);
        }
    }

    /// Says that there is no more: what is left is a last message, or one that was cut.
    pub fn end(&mut self) {
        if self.stage == Stage::Open {
            self.stage = Stage::Ended;
        }
    }

    fn has_ended(&self) -> bool {
        self.stage == Stage::Ended
    }

    /// The format, once it is known.
    #[must_use]
    pub const fn format(&self) -> Option<Format> {
        self.format
    }

    /// Where in the stream the message began that [`next`](Self::next) gave last, or the fault.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.last
    }

    /// What it has done so far.
    #[must_use]
    pub const fn stats(&self) -> &ReaderStats {
        &self.stats
    }

    /// Octets that wait for more.
    #[must_use]
    pub fn pending(&self) -> u64 {
        count(self.buffer.len().saturating_sub(self.used)).saturating_add(self.dropped)
    }

    /// The next flow, or what was wrong; `None` until more is pushed, and for good after [`end`](Self::end).
    #[expect(clippy::should_implement_trait, reason = "more may come behind a None")]
    pub fn next(&mut self) -> Option<Result<Flow, Fault>> {
        let format = match self.format {
            _ if self.has_failed() => return None,
            Some(format) => format,
            None => {
                let rest = self.rest();
                if rest.is_empty() || (rest.len() < HEAD && !self.has_ended()) {
                    return None;
                }
                let most = if is_object(rest.get(..HEAD).unwrap_or(rest)) { JSON_HEAD } else { HEAD };
                match recognise(rest.get(..most).unwrap_or(rest)) {
                    Some(format) => *self.format.insert(format),
                    None if rest.len() < most && !self.has_ended() => return None,
                    None => return Some(self.fail(lost(FaultKind::UnknownVersion))),
                }
            }
        };
        match format {
            Format::Json => self.next_line(),
            Format::Prefixed => self.next_prefixed(),
            Format::Lines => self.next_bare(),
        }
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.used..).unwrap_or_default()
    }

    /// A line of JSON; empty ones are passed over.
    fn next_line(&mut self) -> Option<Result<Flow, Fault>> {
        loop {
            let from = self.searched.min(self.rest().len());
            let found = self.rest().get(from..).and_then(|rest| memchr(b'\n', rest));
            let (len, end) = match found.map(|at| from.saturating_add(at)) {
                Some(at) => (at, at.saturating_add(1)),
                None if self.has_ended() => (self.rest().len(), self.rest().len()),
                None => {
                    self.searched = self.rest().len();
                    self.drop_long(self.searched);
                    return None;
                }
            };
            let ends = end > len;
            if self.dropped != 0 || len > MOST {
                self.cut = !ends;
                return Some(self.too_long(end));
            }
            if end == 0 {
                return None;
            }
            let line = self.rest().get(..len).unwrap_or_default();
            if !line.trim_ascii().is_empty() {
                let mut flow = Flow::new(schema());
                let read = json::read(line, &mut flow);
                self.cut = !ends && read.is_err();
                return Some(self.done(end, flow, read));
            }
            self.pass(end);
        }
    }

    /// A message behind its length.
    fn next_prefixed(&mut self) -> Option<Result<Flow, Fault>> {
        if self.behind {
            let separator = self.rest().first().map(|octet| *octet == b'\n');
            match (self.separated, separator) {
                (_, None) => return None,
                (Some(false), _) => {}
                (None, Some(separator)) => {
                    self.separated = Some(separator);
                    self.pass(usize::from(separator));
                }
                (Some(true), Some(true)) => self.pass(1),
                (Some(true), Some(false)) => return Some(self.fail(lost(FaultKind::ValueInvalid))),
            }
            self.behind = false;
        }
        let rest = self.rest();
        let (len, prefix) = match varint(rest) {
            Varint::Whole(len, prefix) => (usize::try_from(len).unwrap_or(usize::MAX), prefix),
            Varint::Cut if self.has_ended() && !rest.is_empty() => return Some(self.cut_short(rest.len().saturating_add(1))),
            Varint::Cut => return None,
            Varint::Invalid => return Some(self.fail(lost(FaultKind::ValueInvalid))),
        };
        if len > MOST {
            let fault = Fault::new(FaultKind::LimitReached, Layer::Header, LimitedBy::Limits, 0);
            return Some(self.fail(fault.sizes(count32(len), count32(MOST))));
        }
        let end = prefix.saturating_add(len);
        if rest.len() < end {
            return if self.has_ended() { Some(self.cut_short(end)) } else { None };
        }
        let mut flow = Flow::new(schema());
        let read = self.message(self.used.saturating_add(prefix), len, &mut flow);
        self.behind = true;
        Some(self.done(end, flow, read))
    }

    /// A message of protobuf that lies in the buffer.
    fn message(&mut self, from: usize, len: usize, flow: &mut Flow) -> Result<Skipped, Fault> {
        if len == 0 {
            return Err(Fault::new(FaultKind::LengthTooSmall, Layer::Header, LimitedBy::MessageLength, 0));
        }
        let mut likely = self.likely.unwrap_or(Dialect::V2);
        let message = self.buffer.get(from..from.saturating_add(len)).unwrap_or_default();
        let read = protobuf::read(message, self.dialect, &mut likely, flow);
        self.likely = Some(likely);
        read
    }

    /// Lets go of so many octets of a message that is too long already; its end is still looked for.
    fn drop_long(&mut self, octets: usize) {
        if self.dropped != 0 || self.rest().len() > MOST {
            if self.dropped == 0 {
                self.last = self.base.saturating_add(count(self.used));
            }
            self.dropped = self.dropped.saturating_add(count(octets));
            self.used = self.used.saturating_add(octets);
            self.searched = 0;
        }
    }

    /// The end of a message that is too long was found.
    fn too_long(&mut self, end: usize) -> Result<Flow, Fault> {
        let began = if self.dropped == 0 { self.base.saturating_add(count(self.used)) } else { self.last };
        let cost = core::mem::take(&mut self.dropped).saturating_add(count(end));
        self.consume(end);
        self.last = began;
        let cost32 = u32::try_from(cost).unwrap_or(u32::MAX);
        let fault = Fault::new(FaultKind::LimitReached, Layer::Header, LimitedBy::Limits, 0);
        self.reported(cost, fault.sizes(cost32, count32(MOST)).costing(cost32))
    }

    /// Passes over octets between messages.
    fn pass(&mut self, octets: usize) {
        self.consume(octets);
        self.stats.bytes_decoded = self.stats.bytes_decoded.saturating_add(count(octets));
    }

    fn consume(&mut self, octets: usize) {
        self.last = self.base.saturating_add(count(self.used));
        self.used = self.used.saturating_add(octets);
        (self.searched, self.astray) = (0, false);
    }

    /// A message of so many octets, with what stands around it, was read.
    #[inline]
    fn done(&mut self, octets: usize, flow: Flow, read: Result<Skipped, Fault>) -> Result<Flow, Fault> {
        self.consume(octets);
        match read {
            Ok(skipped) => {
                self.stats.bytes_decoded = self.stats.bytes_decoded.saturating_add(count(octets));
                self.stats.flows = self.stats.flows.saturating_add(1);
                self.stats.skipped.add(skipped);
                Ok(flow)
            }
            Err(fault) => self.reported(count(octets), fault.costing(count32(octets))),
        }
    }

    fn reported(&mut self, octets: u64, fault: Fault) -> Result<Flow, Fault> {
        self.stats.bytes_reported = self.stats.bytes_reported.saturating_add(octets);
        self.stats.faults = self.stats.faults.saturating_add(1);
        Err(fault)
    }

    /// The stream is out of step: nothing behind this can be found.
    #[cold]
    fn fail(&mut self, fault: Fault) -> Result<Flow, Fault> {
        self.stage = Stage::Failed;
        let cost = self.rest().len();
        self.consume(cost);
        self.reported(count(cost), fault.costing(count32(cost)))
    }

    /// The stream has ended inside a message of so many octets with its length.
    #[cold]
    fn cut_short(&mut self, wanted: usize) -> Result<Flow, Fault> {
        self.cut = true;
        let there = self.rest().len();
        self.fail(Fault::new(FaultKind::Truncated, Layer::Header, LimitedBy::Datagram, 0).sizes(count32(wanted), count32(there)))
    }

    /// Whether the stream is over before its end: out of step, or ended inside a message that has its length in front. What is pushed is
    /// counted as reported.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.stage == Stage::Failed
    }

    /// Whether the stream has ended inside its last message: that had less than its length, or no newline behind it and could not be
    /// read. The last fault says where.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.cut
    }
}

/// Where a length or a newline has to be, something else is.
const fn lost(kind: FaultKind) -> Fault {
    Fault::new(kind, Layer::Header, LimitedBy::MessageLength, 0)
}

fn count(octets: usize) -> u64 {
    u64::try_from(octets).unwrap_or(u64::MAX)
}

fn count32(octets: usize) -> u32 {
    u32::try_from(octets).unwrap_or(u32::MAX)
}
