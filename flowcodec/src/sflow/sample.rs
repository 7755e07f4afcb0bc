//! One sample: what stands before its records, compact and expanded forms alike.

use crate::error::{Fault, FaultKind, Layer};
use crate::ie::SflowStructure;
use crate::wire::{Input, be32};

use super::reason::DropReason;
use super::structure::{DataFormat, Records};

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
    const INTERNAL: u32 = 0x3fff_ffff;

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
    offset: u32,
    octets: u32,
    head: Option<SampleHead>,
    count: u32,
    /// Records of a known sample, all of an unknown one.
    rest: Input<'a>,
    body: Input<'a>,
}

impl<'a> Sample<'a> {
    pub(super) const FLOW: u32 = 1;
    pub(super) const COUNTERS: u32 = 2;
    pub(super) const FLOW_EXPANDED: u32 = 3;
    pub(super) const COUNTERS_EXPANDED: u32 = 4;
    pub(super) const DISCARD: u32 = 5;

    /// Reads the head. A body too short for it is a fault that costs the sample.
    #[inline]
    pub(super) fn read(format: u32, offset: u32, octets: u32, body: Input<'a>) -> Result<Self, Fault> {
        let size = match format {
            Self::FLOW | Self::DISCARD => 32,
            Self::COUNTERS => 12,
            Self::FLOW_EXPANDED => 44,
            Self::COUNTERS_EXPANDED => 16,
            _ => 0,
        };
        let Some((head, records)) = body.bytes().split_at_checked(size) else {
            let fault = Fault { offset, ..body.fault(FaultKind::LengthTooSmall, Layer::Set) };
            return Err(fault.sizes(u32::try_from(size).unwrap_or(0), body.len32()).costing(octets));
        };
        let rest = Input::at(records, body.offset().saturating_add(crate::wire::len32(head)), crate::error::LimitedBy::SetLength);
        let count = be32(head, size.saturating_sub(4));
        let format = DataFormat(format);
        Ok(Self { format, offset, octets, head: SampleHead::read(format.0, head), count, rest, body })
    }

    /// Enterprise and format of the sample.
    #[must_use]
    pub const fn format(&self) -> DataFormat {
        self.format
    }

    /// What it is about.
    #[must_use]
    pub const fn kind(&self) -> SampleKind {
        match self.head {
            Some(SampleHead::Flow(_)) => SampleKind::Flow,
            Some(SampleHead::Counters(_)) => SampleKind::Counters,
            Some(SampleHead::Discard(_)) => SampleKind::Discard,
            None => SampleKind::Unknown,
        }
    }

    /// Whether sources and interfaces stand in two words each, as in the expanded forms and discarded packets.
    #[must_use]
    pub const fn is_expanded(&self) -> bool {
        matches!(self.format.0, Self::FLOW_EXPANDED | Self::COUNTERS_EXPANDED | Self::DISCARD)
    }

    /// What stands before the records; `None` for a format that is not known.
    #[must_use]
    pub const fn head(&self) -> Option<SampleHead> {
        self.head
    }

    /// Its octets behind format and length, without padding.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body.bytes()
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
        self.octets.saturating_sub(self.body.len32()).saturating_sub(8)
    }

    /// Counts the samples of its source.
    #[must_use]
    pub const fn sequence(&self) -> Option<u32> {
        match self.head {
            Some(
                SampleHead::Flow(FlowHead { sequence, .. })
                | SampleHead::Counters(CountersHead { sequence, .. })
                | SampleHead::Discard(DiscardHead { sequence, .. }),
            ) => Some(sequence),
            None => None,
        }
    }

    /// Its source.
    #[must_use]
    pub const fn source(&self) -> Option<Source> {
        match self.head {
            Some(
                SampleHead::Flow(FlowHead { source, .. })
                | SampleHead::Counters(CountersHead { source, .. })
                | SampleHead::Discard(DiscardHead { source, .. }),
            ) => Some(source),
            None => None,
        }
    }

    /// Of a flow sample: one of how many packets is sampled.
    #[must_use]
    pub const fn sampling_rate(&self) -> Option<u32> {
        if let Some(SampleHead::Flow(head)) = self.head { Some(head.sampling_rate) } else { None }
    }

    /// Of a flow sample: packets that could have been sampled so far.
    #[must_use]
    pub const fn pool(&self) -> Option<u32> {
        if let Some(SampleHead::Flow(head)) = self.head { Some(head.pool) } else { None }
    }

    /// Of a flow sample or a discarded packet: what the agent lost so far.
    #[must_use]
    pub const fn drops(&self) -> Option<u32> {
        match self.head {
            Some(SampleHead::Flow(FlowHead { drops, .. }) | SampleHead::Discard(DiscardHead { drops, .. })) => Some(drops),
            _ => None,
        }
    }

    /// Of a flow sample or a discarded packet: where the packet came in.
    #[must_use]
    pub const fn input(&self) -> Option<Interface> {
        match self.head {
            Some(SampleHead::Flow(FlowHead { input, .. }) | SampleHead::Discard(DiscardHead { input, .. })) => Some(input),
            _ => None,
        }
    }

    /// Of a flow sample or a discarded packet: where the packet went out, or would have.
    #[must_use]
    pub const fn output(&self) -> Option<Interface> {
        match self.head {
            Some(SampleHead::Flow(FlowHead { output, .. }) | SampleHead::Discard(DiscardHead { output, .. })) => Some(output),
            _ => None,
        }
    }

    /// Why the packet was dropped: of a discarded packet, or of a flow sample whose output says so.
    #[must_use]
    pub const fn reason(&self) -> Option<DropReason> {
        match self.head {
            Some(
                SampleHead::Discard(DiscardHead { reason, .. })
                | SampleHead::Flow(FlowHead { output: Interface::Discarded(reason), .. }),
            ) => Some(reason),
            _ => None,
        }
    }

    /// Records it promises; 0 for a format that is not known.
    #[must_use]
    pub const fn record_count(&self) -> u32 {
        self.count
    }

    /// The records, by their lengths; none for a format that is not known.
    #[must_use]
    pub fn records(&self) -> Records<'a> {
        match self.kind() {
            SampleKind::Counters => Records::new(self.rest, SflowStructure::Counter, self.count),
            SampleKind::Flow | SampleKind::Discard => Records::new(self.rest, SflowStructure::Flow, self.count),
            SampleKind::Unknown => {
                Records::new(Input::at(&[], self.offset, crate::error::LimitedBy::SetLength), SflowStructure::Flow, 0)
            }
        }
    }
}

impl SampleHead {
    /// Of the head of a sample of this format, whose size was checked.
    #[inline]
    fn read(format: u32, head: &[u8]) -> Option<Self> {
        let word = |at: usize| be32(head, at);
        let compact = || Source { class: word(4) >> 24, index: word(4) & 0x00ff_ffff };
        let expanded = || Source { class: word(4), index: word(8) };
        Some(match format {
            Sample::FLOW => Self::Flow(FlowHead {
                sequence: word(0),
                source: compact(),
                sampling_rate: word(8),
                pool: word(12),
                drops: word(16),
                input: Interface::compact(word(20)),
                output: Interface::compact(word(24)),
            }),
            Sample::FLOW_EXPANDED => Self::Flow(FlowHead {
                sequence: word(0),
                source: expanded(),
                sampling_rate: word(12),
                pool: word(16),
                drops: word(20),
                input: Interface::expanded(word(24), word(28)),
                output: Interface::expanded(word(32), word(36)),
            }),
            Sample::COUNTERS => Self::Counters(CountersHead { sequence: word(0), source: compact() }),
            Sample::COUNTERS_EXPANDED => Self::Counters(CountersHead { sequence: word(0), source: expanded() }),
            Sample::DISCARD => Self::Discard(DiscardHead {
                sequence: word(0),
                source: expanded(),
                drops: word(12),
                input: Interface::expanded(0, word(16)),
                output: Interface::expanded(0, word(20)),
                reason: DropReason(word(24)),
            }),
            _ => return None,
        })
    }
}
