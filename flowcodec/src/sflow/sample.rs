//! One sample: what stands before its records, compact and expanded forms alike.

use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::ie::SflowStructure;
use crate::wire::{be32, len32};

use super::reason::DropReason;
use super::structure::{DataFormat, Records, Structure, split};
use super::table::{self, Layout, Values};

/// What a sample is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SampleKind {
    /// A sampled packet or transaction: `flow_sample`, `flow_sample_expanded`.
    Flow,
    /// Counters of a source: `counters_sample`, `counters_sample_expanded`.
    Counters,
    /// A packet that was dropped, with the reason: `discarded_packet`.
    Discard,
    /// A format that is not known: [`Sample::body`] is all there is.
    Unknown,
}

/// The source of a sample (`sflow_data_source`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "frozen by sFlow version 5")]
pub struct Source {
    /// 0 ifIndex, 1 smonVlanDataSource, 2 entPhysicalEntry, 3 entLogicalEntry.
    pub class: u32,
    /// Number within the class.
    pub index: u32,
}

impl Source {
    /// From the one word of the compact form.
    #[inline]
    pub(super) const fn compact(word: u32) -> Self {
        Self { class: word >> 24, index: word & 0x00ff_ffff }
    }
}

/// Where a packet came in or went out (`interface`, `interface_expanded`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Interface {
    /// Not known (ifIndex 0).
    Unknown,
    /// An ifIndex.
    Index(u32),
    /// The device itself (ifIndex 0x3fffffff).
    Internal,
    /// Nowhere: it was discarded.
    Discarded(DropReason),
    /// Several at once; 0 for an unknown number of them.
    Multiple(u32),
    /// A format that is not known.
    Other {
        /// Upper 2 bits of the compact form, first word of the expanded form.
        format: u32,
        /// Lower 30 bits, or the second word.
        value: u32,
    },
}

impl Interface {
    /// The ifIndex that stands for the device itself.
    pub const INTERNAL: u32 = 0x3fff_ffff;

    /// From the two words of the expanded form.
    #[must_use]
    pub const fn expanded(format: u32, value: u32) -> Self {
        match (format, value) {
            (0, 0) => Self::Unknown,
            (0, Self::INTERNAL) => Self::Internal,
            (0, index) => Self::Index(index),
            (1, reason) => Self::Discarded(DropReason(reason)),
            (2, number) => Self::Multiple(number),
            (format, value) => Self::Other { format, value },
        }
    }

    /// From the one word of the compact form.
    #[must_use]
    pub const fn compact(word: u32) -> Self {
        Self::expanded(word >> 30, word & Self::INTERNAL)
    }

    /// The two words of the expanded form.
    #[must_use]
    pub const fn words(self) -> (u32, u32) {
        match self {
            Self::Unknown => (0, 0),
            Self::Index(index) => (0, index),
            Self::Internal => (0, Self::INTERNAL),
            Self::Discarded(reason) => (1, reason.0),
            Self::Multiple(number) => (2, number),
            Self::Other { format, value } => (format, value),
        }
    }
}

/// Head of a flow sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "frozen by sFlow version 5")]
pub struct FlowHead {
    /// Counts the samples of this source.
    pub sequence: u32,
    /// Where the packet was sampled.
    pub source: Source,
    /// One of how many packets is sampled: what each sample stands for.
    pub sampling_rate: u32,
    /// Packets that could have been sampled so far; wraps.
    pub pool: u32,
    /// Samples lost for want of resources so far.
    pub drops: u32,
    /// Where the packet came in.
    pub input: Interface,
    /// Where it went out.
    pub output: Interface,
}

/// Head of a counters sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "frozen by sFlow version 5")]
pub struct CountersHead {
    /// Counts the samples of this source.
    pub sequence: u32,
    /// Whose counters these are.
    pub source: Source,
}

/// Head of a discarded packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "frozen by sFlow version 5")]
pub struct DiscardHead {
    /// Counts the notices of this source.
    pub sequence: u32,
    /// Where the packet was dropped.
    pub source: Source,
    /// Notices lost so far.
    pub drops: u32,
    /// Where the packet came in.
    pub input: Interface,
    /// Where it would have gone out.
    pub output: Interface,
    /// Why it was dropped.
    pub reason: DropReason,
}

/// What stands before the records of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SampleHead {
    /// Of a flow sample.
    Flow(FlowHead),
    /// Of a counters sample.
    Counters(CountersHead),
    /// Of a discarded packet.
    Discard(DiscardHead),
}

/// One sample of a datagram.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    format: DataFormat,
    kind: SampleKind,
    /// Octets in front of the records, their count included.
    head: u8,
    offset: u32,
    octets: u32,
    /// Not shorter than the head of its format.
    body: &'a [u8],
}

impl<'a> Sample<'a> {
    pub(super) const FLOW: u32 = 1;
    pub(super) const COUNTERS: u32 = 2;
    pub(super) const FLOW_EXPANDED: u32 = 3;
    pub(super) const COUNTERS_EXPANDED: u32 = 4;
    pub(super) const DISCARD: u32 = 5;

    /// The first of the samples that stand in `octets`, which begin at `offset` of the datagram, and what is behind it; `None` when it
    /// cannot be read.
    #[inline]
    pub(crate) fn split_first(octets: &'a [u8], offset: u32) -> Option<(Self, &'a [u8])> {
        let (format, body, rest) = split(octets)?;
        let taken = octets.len().wrapping_sub(rest.len());
        let sample = Self::new(format, offset, u32::try_from(taken).unwrap_or(u32::MAX), body);
        if body.len() < sample.head_octets() { None } else { Some((sample, rest)) }
    }

    /// Reads the head. A body too short for it is a fault that costs the sample.
    #[inline]
    pub(super) fn read(format: u32, offset: u32, octets: u32, body: &'a [u8]) -> Result<Self, Fault> {
        let sample = Self::new(format, offset, octets, body);
        if body.len() < sample.head_octets() { Err(sample.short()) } else { Ok(sample) }
    }

    #[inline]
    const fn new(format: u32, offset: u32, octets: u32, body: &'a [u8]) -> Self {
        let (kind, head) = match format {
            Self::FLOW => (SampleKind::Flow, 32),
            Self::FLOW_EXPANDED => (SampleKind::Flow, 44),
            Self::COUNTERS => (SampleKind::Counters, 12),
            Self::COUNTERS_EXPANDED => (SampleKind::Counters, 16),
            Self::DISCARD => (SampleKind::Discard, 32),
            _ => (SampleKind::Unknown, 0),
        };
        Self { format: DataFormat(format), kind, head, offset, octets, body }
    }

    #[cold]
    fn short(&self) -> Fault {
        let fault = Fault::new(FaultKind::LengthTooSmall, Layer::Sample, LimitedBy::SampleLength, self.offset);
        fault.sizes(u32::try_from(self.head_octets()).unwrap_or(0), len32(self.body)).costing(self.octets)
    }

    /// Octets in front of the records, their count included.
    #[inline]
    pub(super) fn head_octets(&self) -> usize {
        usize::from(self.head)
    }

    /// Enterprise and format of the sample.
    #[must_use]
    pub const fn format(&self) -> DataFormat {
        self.format
    }

    /// What it is about.
    #[must_use]
    #[inline]
    pub const fn kind(&self) -> SampleKind {
        self.kind
    }

    /// Whether sources and interfaces stand in two words each, as in the expanded forms and discarded packets.
    #[must_use]
    pub const fn is_expanded(&self) -> bool {
        matches!(self.format.0, Self::FLOW_EXPANDED | Self::COUNTERS_EXPANDED | Self::DISCARD)
    }

    /// Its octets behind format and length, without padding.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Where it begins, its format word included.
    #[must_use]
    pub const fn offset(&self) -> u32 {
        self.offset
    }

    /// Octets it takes with format, length and padding.
    #[must_use]
    pub const fn octets(&self) -> u32 {
        self.octets
    }

    /// Octets of padding at its end: none, unless its length is not of whole words.
    pub(super) fn padding(&self) -> u32 {
        self.octets.saturating_sub(len32(self.body)).saturating_sub(8)
    }

    /// What stands before the records; `None` for a format that is not known.
    #[must_use]
    pub fn head(&self) -> Option<SampleHead> {
        let (sequence, source) = (self.sequence()?, self.source()?);
        Some(match self.kind() {
            SampleKind::Flow => SampleHead::Flow(FlowHead {
                sequence,
                source,
                sampling_rate: self.sampling_rate()?,
                pool: self.pool()?,
                drops: self.drops()?,
                input: self.input()?,
                output: self.output()?,
            }),
            SampleKind::Counters => SampleHead::Counters(CountersHead { sequence, source }),
            SampleKind::Discard => SampleHead::Discard(DiscardHead {
                sequence,
                source,
                drops: self.drops()?,
                input: self.input()?,
                output: self.output()?,
                reason: self.reason()?,
            }),
            SampleKind::Unknown => return None,
        })
    }

    /// The layout of what stands before the records; `None` for a format that is not known.
    #[must_use]
    pub fn layout(&self) -> Option<&'static Layout> {
        table::layout(SflowStructure::Sample(self.format.0))
    }

    /// The values of what stands before the records, by the [`layout`](Self::layout).
    #[must_use]
    pub fn values(&self) -> Option<Values<'a>> {
        let structure = Structure::new(SflowStructure::Sample(self.format.0), self.body, self.offset);
        self.layout().map(|layout| layout.values_of(structure))
    }

    /// Counts the samples of its source.
    #[must_use]
    #[inline]
    pub fn sequence(&self) -> Option<u32> {
        (!matches!(self.kind(), SampleKind::Unknown)).then(|| self.word(0))
    }

    /// Its source.
    #[must_use]
    #[inline]
    pub fn source(&self) -> Option<Source> {
        let class = self.word(4);
        match self.kind() {
            SampleKind::Unknown => None,
            _ if self.is_expanded() => Some(Source { class, index: self.word(8) }),
            _ => Some(Source::compact(class)),
        }
    }

    /// Of a flow sample: one of how many packets is sampled.
    #[must_use]
    #[inline]
    pub fn sampling_rate(&self) -> Option<u32> {
        self.flow_word(8)
    }

    /// Of a flow sample: packets that could have been sampled so far.
    #[must_use]
    #[inline]
    pub fn pool(&self) -> Option<u32> {
        self.flow_word(12)
    }

    /// Of a flow sample or a discarded packet: what the agent lost so far.
    #[must_use]
    #[inline]
    pub fn drops(&self) -> Option<u32> {
        if self.format.0 == Self::DISCARD { Some(self.word(12)) } else { self.flow_word(16) }
    }

    /// Of a flow sample or a discarded packet: where the packet came in.
    #[must_use]
    #[inline]
    pub fn input(&self) -> Option<Interface> {
        match self.format.0 {
            Self::FLOW => Some(Interface::compact(self.word(20))),
            Self::FLOW_EXPANDED => Some(Interface::expanded(self.word(24), self.word(28))),
            Self::DISCARD => Some(Interface::expanded(0, self.word(16))),
            _ => None,
        }
    }

    /// Of a flow sample or a discarded packet: where the packet went out, or would have.
    #[must_use]
    #[inline]
    pub fn output(&self) -> Option<Interface> {
        match self.format.0 {
            Self::FLOW => Some(Interface::compact(self.word(24))),
            Self::FLOW_EXPANDED => Some(Interface::expanded(self.word(32), self.word(36))),
            Self::DISCARD => Some(Interface::expanded(0, self.word(20))),
            _ => None,
        }
    }

    /// Why the packet was dropped: of a discarded packet, or of a flow sample whose output says so.
    #[must_use]
    pub fn reason(&self) -> Option<DropReason> {
        match self.output() {
            _ if self.format.0 == Self::DISCARD => Some(DropReason(self.word(24))),
            Some(Interface::Discarded(reason)) => Some(reason),
            _ => None,
        }
    }

    /// Records it promises; 0 for a format that is not known.
    #[must_use]
    #[inline]
    pub fn record_count(&self) -> u32 {
        self.head_octets().checked_sub(4).map_or(0, |at| self.word(at))
    }

    /// The records, by their lengths; none for a format that is not known.
    #[must_use]
    #[inline]
    pub fn records(&self) -> Records<'a> {
        let at = match self.kind() {
            SampleKind::Unknown => self.body.len(),
            _ => self.head_octets(),
        };
        let end = self.offset.saturating_add(8).saturating_add(len32(self.body));
        let counters = matches!(self.kind(), SampleKind::Counters);
        Records::new(self.body.get(at..).unwrap_or_default(), end, counters, self.record_count())
    }

    /// A word of the head.
    #[inline]
    fn word(&self, at: usize) -> u32 {
        be32(self.body, at)
    }

    /// A word of a flow sample, at `at` of the compact form; what stands behind an expanded source comes one word later.
    #[inline]
    fn flow_word(&self, at: usize) -> Option<u32> {
        match self.format.0 {
            Self::FLOW => Some(self.word(at)),
            Self::FLOW_EXPANDED => Some(self.word(at.saturating_add(4))),
            _ => None,
        }
    }
}
