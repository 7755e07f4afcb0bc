//! Datagram and samples.

use std::net::IpAddr;

use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::limits::Limits;
use crate::wire::{Input, be32, len32};

use super::plain::Plain;
use super::sample::{Sample, SampleKind};
use super::structure::{Records, end, past, split};
use super::xdr::{Bad, Reader, Xdr};

/// The header of a datagram (`sample_datagram_v5`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// Address of the agent, which is not always where the datagram came from; `None` when it says that it does not know.
    pub agent: Option<IpAddr>,
    /// Which of the agent's processes sent it.
    pub sub_agent_id: u32,
    /// Counts the datagrams of this sub-agent.
    pub sequence: u32,
    /// The agent's uptime, in milliseconds; wraps every 49.7 days.
    pub uptime_ms: u32,
    /// Samples the header promises.
    pub samples: u32,
}

/// A whole datagram: header, and samples that are read when asked for.
///
/// ```
/// # let datagram = { let mut d = vec![0_u8; 28 + 8 + 12 + 8 + 4]; d[3] = 5; d[7] = 1; d[8..12].copy_from_slice(&[192, 0, 2, 1]);
/// # d[27] = 1; d[31] = 2; d[35] = 24; d[47] = 1; d[50..52].copy_from_slice(&[3, 237]); d[55] = 4; d };
/// let datagram = flowcodec::sflow::Datagram::parse(&datagram)?;
/// for sample in datagram.samples() {
///     for record in sample?.records() {
///         let record = record?;
///         println!("{} at octet {}", record.format(), record.offset());
///         for field in record.values().into_iter().flatten() {
///             let field = field?;
///             println!("  {} {:?}", field.def.name, field.value);
///         }
///     }
/// }
/// # Ok::<(), flowcodec::Fault>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    header: Header,
    body: Input<'a>,
}

impl<'a> Datagram<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// When the version is not 5 (2 and 4 are recognised: [`FaultKind::UnsupportedVersion`]), the agent's address is of an unknown type,
    /// or the header is cut short.
    #[inline]
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Fault> {
        parse(datagram)
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Where the samples begin.
    #[must_use]
    pub const fn body(&self) -> Input<'a> {
        self.body
    }

    /// The samples, by their lengths.
    #[must_use]
    #[inline]
    pub fn samples(&self) -> Samples<'a> {
        let end = self.body.offset().saturating_add(self.body.len32());
        Samples { rest: self.body.bytes(), end, count: self.header.samples, seen: 0, done: false }
    }

    /// What is wrong behind the last sample that can be found: a sample that runs past the datagram, a count beyond the octets, or
    /// octets beyond the count. Walks over the lengths of the samples.
    #[must_use]
    pub fn trailing(&self) -> Option<Fault> {
        let mut samples = self.samples();
        // A bad sample is found again by its length; only what ends the walk counts here.
        samples.by_ref().filter_map(Result::err).last().filter(|_| samples.broken())
    }

    /// Walks the whole datagram: counts what is in it and gives every fault to `found`. The octets of header, samples, records and
    /// faults add up to the datagram's.
    pub fn tally(&self, limits: &Limits, mut found: impl FnMut(Fault)) -> Tally {
        let mut tally = Tally { octets: self.body.offset(), ..Tally::default() };
        for sample in self.samples() {
            let sample = match sample {
                Ok(sample) => sample,
                Err(bad) => {
                    add(&mut tally.bad_samples, u32::from(is_sample(&bad)));
                    add(&mut tally.lost_octets, bad.bytes);
                    found(bad);
                    continue;
                }
            };
            add(&mut tally.samples, 1);
            sample.tally(limits.list_depth, &mut tally, &mut found);
        }
        tally
    }
}

/// What a datagram holds, by [`Datagram::tally`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Tally {
    /// Samples that can be read, unknown ones included.
    pub samples: u32,
    /// Of these, samples of a format that is not known.
    pub unknown_samples: u32,
    /// Samples that cannot be read.
    pub bad_samples: u32,
    /// Records that fit their layout, or have none.
    pub records: u32,
    /// Of these, records without a layout in the [`table`](super::table).
    pub unknown_records: u32,
    /// Records that do not fit.
    pub bad_records: u32,
    /// Octets of headers, samples and records, good and unknown.
    pub octets: u32,
    /// Octets that faults cost.
    pub lost_octets: u32,
}

const fn add(number: &mut u32, more: u32) {
    *number = number.saturating_add(more);
}

impl Sample<'_> {
    /// Walks this sample: counts its records, and gives every fault to `found`. The octets it and its faults add are the sample's.
    pub(crate) fn tally(&self, depth: u8, tally: &mut Tally, mut found: impl FnMut(Fault)) {
        if matches!(self.kind(), SampleKind::Unknown) {
            add(&mut tally.unknown_samples, 1);
            add(&mut tally.octets, self.octets());
            return;
        }
        let (padding, mut records) = (self.padding(), self.records());
        add(&mut tally.octets, padding.saturating_add(records.rest().offset().saturating_sub(self.offset())));
        for record in &mut records {
            match record.and_then(|record| record.known(depth).map(|known| (record, known))) {
                Ok((record, known)) => {
                    add(&mut tally.records, 1);
                    add(&mut tally.unknown_records, u32::from(!known));
                    add(&mut tally.octets, record.octets());
                }
                Err(bad) => {
                    add(&mut tally.bad_records, u32::from(is_record(&bad)));
                    add(&mut tally.lost_octets, bad.bytes);
                    found(bad);
                }
            }
        }
    }
}

/// What is wrong with the records of a sample, fault by fault.
#[derive(Debug)]
pub(crate) struct RecordFaults<'a> {
    records: Records<'a>,
    depth: u8,
}

impl<'a> RecordFaults<'a> {
    pub(crate) fn new(sample: &Sample<'a>, depth: u8) -> Self {
        Self { records: sample.records(), depth }
    }
}

impl Iterator for RecordFaults<'_> {
    type Item = Fault;

    fn next(&mut self) -> Option<Fault> {
        self.records.find_map(|record| record.and_then(|record| record.known(self.depth)).err())
    }
}

const fn is_sample(fault: &Fault) -> bool {
    !matches!(fault.kind, FaultKind::TrailingOctets | FaultKind::CountBeyondOctets)
}

/// A record's own inner counts are of the layer of fields.
const fn is_record(fault: &Fault) -> bool {
    is_sample(fault) || matches!(fault.layer, Layer::Field)
}

/// The samples of a datagram. A sample too short for its own header costs itself, and the next one follows. One that runs past the
/// datagram ends them, with a fault that costs the rest; a last fault without such an end says that count and octets do not agree.
#[derive(Debug, Clone)]
pub struct Samples<'a> {
    rest: &'a [u8],
    end: u32,
    count: u32,
    seen: u32,
    done: bool,
}

impl<'a> Samples<'a> {
    /// What was not read yet.
    #[must_use]
    pub fn rest(&self) -> Input<'a> {
        Input::at(self.rest, self.end.saturating_sub(len32(self.rest)), LimitedBy::Datagram)
    }

    /// The next sample, and what is behind it; `None` when there is none that can be read. Its offset is not told.
    #[inline]
    pub(crate) fn peek(&self) -> Option<(Sample<'a>, &'a [u8])> {
        if self.seen == self.count { None } else { Sample::split_first(self.rest, 0) }
    }

    /// The same, if it is one of the commonest.
    #[inline]
    pub(crate) fn peek_plain(&self) -> Option<(Plain, &'a [u8])> {
        if self.seen == self.count { None } else { Plain::split_first(self.rest) }
    }

    /// Octets that were not read yet.
    #[inline]
    pub(crate) const fn left(&self) -> usize {
        self.rest.len()
    }

    /// Takes the sample that was [peeked](Self::peek) at.
    #[inline]
    pub(crate) const fn advance(&mut self, behind: &'a [u8]) {
        self.rest = behind;
        self.seen = self.seen.wrapping_add(1);
    }

    /// Whether they ended as the header said.
    #[inline]
    pub(crate) const fn is_over(&self) -> bool {
        self.rest.is_empty() && self.seen == self.count
    }

    /// Whether the samples ended otherwise than the header said.
    const fn broken(&self) -> bool {
        !self.is_over()
    }

    #[cold]
    fn past(&mut self) -> Fault {
        self.done = true;
        past(self.rest(), Layer::Sample)
    }
}

impl<'a> Iterator for Samples<'a> {
    type Item = Result<Sample<'a>, Fault>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        if self.rest.is_empty() || self.seen == self.count {
            self.done = true;
            return if self.broken() { end(self.rest(), self.count, self.seen, Layer::Sample).map(Err) } else { None };
        }
        let Some((format, body, rest)) = split(self.rest) else { return Some(Err(self.past())) };
        let octets = len32(self.rest).wrapping_sub(len32(rest));
        let offset = self.end.wrapping_sub(len32(self.rest));
        self.rest = rest;
        self.seen = self.seen.wrapping_add(1);
        Some(Sample::read(format, offset, octets, body))
    }
}

#[inline]
fn parse(bytes: &[u8]) -> Result<Datagram<'_>, Fault> {
    // Nearly every datagram is of version 5 and an IPv4 agent; made of its parts here, it stays in registers.
    let (header, rest, at) = match bytes.split_first_chunk::<28>() {
        Some((head, rest)) if be32(head, 0) == 5 && be32(head, 4) == 1 => {
            let agent = Some(IpAddr::from(be32(head, 8).to_be_bytes()));
            let [sub_agent_id, sequence, uptime_ms, samples] = [12, 16, 20, 24].map(|at| be32(head, at));
            (Header { agent, sub_agent_id, sequence, uptime_ms, samples }, rest, 28)
        }
        _ => parse_any(bytes)?,
    };
    Ok(Datagram { header, body: Input::at(rest, at, LimitedBy::Datagram) })
}

/// Header, samples and where they begin.
#[cold]
fn parse_any(bytes: &[u8]) -> Result<(Header, &[u8], u32), Fault> {
    let whole = Input::new(bytes);
    let bad = |fault: Fault| Fault { layer: Layer::Header, limit: LimitedBy::Datagram, ..fault }.costing(whole.len32());
    let mut reader = Reader(bytes);
    let mut read = || {
        let version = u32::read(&mut reader)?;
        if version != 5 {
            return Ok(Err(version));
        }
        Ok(Ok((Option::<IpAddr>::read(&mut reader)?, *reader.array::<16>()?)))
    };
    match read().map_err(|at: Bad| bad(at.fault(whole)))? {
        Ok((agent, words)) => {
            let [sub_agent_id, sequence, uptime_ms, samples] = [0, 4, 8, 12].map(|at| be32(&words, at));
            let header = Header { agent, sub_agent_id, sequence, uptime_ms, samples };
            Ok((header, reader.0, whole.len32().saturating_sub(len32(reader.0))))
        }
        Err(2 | 4) => Err(bad(whole.fault(FaultKind::UnsupportedVersion, Layer::Header))),
        Err(_) => Err(bad(whole.fault(FaultKind::UnknownVersion, Layer::Header))),
    }
}
