//! Messages out of a stream of octets.

use super::Skipped;
use super::decode::{LineEnd, Varint, end_of_line, looks_like_message, read_protobuf, varint};
use super::parse::{looks_like_json, read_json};
use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::model::Flow;

/// How a stream holds its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// JSON, one object a line.
    Json,
    /// Protobuf, the length in front of each message; with or without a newline behind, which the first message tells.
    Prefixed,
    /// Protobuf, a newline behind each message.
    Lines,
}

/// The format that octets from the start of a stream are in; `None` when they are no messages of goflow2. Some 64 octets are enough, but
/// of JSON with its members in another order than goflow2's up to [`JSON_HEAD`]: an object counts when two of its members are such as
/// only goflow2's message has.
///
/// ```
/// use flowcodec::io::goflow2::{Format, recognise};
/// assert_eq!(recognise(br#"{"Type":"IPFIX","TimeReceived":1628419398,"#), Some(Format::Json));
/// assert_eq!(recognise(br#"{"src_addr":"10.0.0.1","octets":60}"#), None, "of the common model");
/// assert_eq!(recognise(&[0, 9, 0, 1, 0, 0, 0, 0]), None);
/// ```
#[must_use]
pub fn recognise(head: &[u8]) -> Option<Format> {
    if is_object(head) {
        return looks_like_json(head).then_some(Format::Json);
    }
    if let Varint::Whole(len, at) = varint(head) {
        let rest = head.get(at..).unwrap_or_default();
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len <= MOST && looks_like_message(rest.get(..len).unwrap_or(rest)) {
            return Some(Format::Prefixed);
        }
    }
    looks_like_message(head).then_some(Format::Lines)
}

/// Whether octets begin an object of JSON.
fn is_object(head: &[u8]) -> bool {
    let members = head.trim_ascii_start().strip_prefix(b"{");
    members.is_some_and(|members| matches!(members.trim_ascii_start().first(), None | Some(b'"' | b'}')))
}

/// What a reader has done so far. `bytes` is the sum of `bytes_decoded`, `bytes_reported` and what the reader still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct ReaderStats {
    /// Octets given to it.
    pub bytes: u64,
    /// Of them in flows, or between them.
    pub bytes_decoded: u64,
    /// Of them in faults.
    pub bytes_reported: u64,
    /// Flows.
    pub flows: u64,
    /// Faults.
    pub faults: u64,
    /// What of messages is not in flows.
    #[serde(flatten)]
    pub skipped: Skipped,
}

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

/// What is needed to tell the format.
const HEAD: usize = 64;

/// What is looked at of JSON, at most, to tell whether goflow2 wrote it: more than one message of its own.
pub const JSON_HEAD: usize = 4096;

impl ReaderStats {
    /// Counts what another reader has done as well.
    pub const fn add(&mut self, other: &Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.bytes_decoded = self.bytes_decoded.saturating_add(other.bytes_decoded);
        self.bytes_reported = self.bytes_reported.saturating_add(other.bytes_reported);
        self.flows = self.flows.saturating_add(other.flows);
        self.faults = self.faults.saturating_add(other.faults);
        self.skipped.add(other.skipped);
    }
}

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
            let found = self.rest().get(from..).and_then(|rest| rest.iter().position(|octet| *octet == b'\n'));
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
                let read = read_json(line);
                self.cut = !ends && read.is_err();
                return Some(self.done(end, read));
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
        let Some(message) = rest.get(prefix..end) else {
            return if self.has_ended() { Some(self.cut_short(end)) } else { None };
        };
        let read = match len {
            0 => Err(Fault::new(FaultKind::LengthTooSmall, Layer::Header, LimitedBy::MessageLength, 0)),
            _ => read_protobuf(message),
        };
        self.behind = true;
        Some(self.done(end, read))
    }

    /// A message in front of a newline. Where something is no field, the message ends at the next newline behind which one begins as
    /// goflow2's do, with their type: a newline alone could be a part of an address.
    fn next_bare(&mut self) -> Option<Result<Flow, Fault>> {
        if self.dropped == 0 && self.rest().is_empty() {
            return None;
        }
        if !self.astray && self.dropped == 0 {
            match end_of_line(self.rest(), self.searched) {
                LineEnd::At(at) | LineEnd::Beyond(at) => self.searched = at,
                LineEnd::Invalid(at) => (self.searched, self.astray) = (at, true),
            }
        }
        let astray = self.astray || self.dropped != 0;
        let ahead = self.rest().get(self.searched..).unwrap_or_default();
        let newline = if astray { line_end_astray(ahead) } else { (ahead.first() == Some(&b'\n')).then_some(0) };
        let (len, end) = match newline.map(|at| self.searched.saturating_add(at)) {
            Some(at) if !astray || self.has_ended() || self.rest().len() > at.saturating_add(2) => (at, at.saturating_add(1)),
            None if self.has_ended() => (self.rest().len(), self.rest().len()),
            undecided => {
                let len = self.rest().len();
                if astray {
                    self.searched = undecided.unwrap_or(len);
                }
                self.drop_long(if astray { self.searched } else { len });
                return None;
            }
        };
        let ends = end > len;
        if self.dropped != 0 || len > MOST {
            self.cut = !ends;
            return Some(self.too_long(end));
        }
        let read = match len {
            0 => Err(Fault::new(FaultKind::LengthTooSmall, Layer::Header, LimitedBy::MessageLength, 0)),
            _ => read_protobuf(self.rest().get(..len).unwrap_or_default()),
        };
        self.cut = !ends && read.is_err();
        Some(self.done(end, read))
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
    fn done(&mut self, octets: usize, read: Result<(Flow, Skipped), Fault>) -> Result<Flow, Fault> {
        self.consume(octets);
        match read {
            Ok((flow, skipped)) => {
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

/// The first newline behind which a message begins with its type, or behind which the octets end before that can be told.
fn line_end_astray(octets: &[u8]) -> Option<usize> {
    let newlines = octets.iter().enumerate().filter(|(_, octet)| **octet == b'\n').map(|(at, _)| at);
    let mut ends = newlines.filter(|at| {
        let behind = octets.get(at.saturating_add(1)..).unwrap_or_default();
        matches!(behind, [] | [8] | [8, 1..=4, ..])
    });
    ends.next()
}

fn count(octets: usize) -> u64 {
    u64::try_from(octets).unwrap_or(u64::MAX)
}

fn count32(octets: usize) -> u32 {
    u32::try_from(octets).unwrap_or(u32::MAX)
}
