//! What a decoder says.

use crate::context::Context;
use crate::error::Fault;
use crate::record::RecordSet;
use crate::sflow::Source;
use crate::template::{SamplingChange, Template, TemplateKind};

/// One thing that came out of a datagram. Lives until the next call.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// Flow records.
    Flows(RecordSet<'a>),
    /// Options records: what the exporter says of itself.
    Options(RecordSet<'a>),
    /// Counter records (sFlow).
    Counters(RecordSet<'a>),
    /// sFlow samples of formats that are not known, raw.
    Unknown(RecordSet<'a>),
    /// A template came or went.
    Template(TemplateEvent<'a>),
    /// A sampling rate was learned or changed.
    Sampling(SamplingEvent<'a>),
    /// Messages are missing, late, or begin anew.
    Sequence(SequenceEvent<'a>),
    /// Something about an exporter as a whole.
    Exporter(ExporterEvent<'a>),
    /// Octets that could not be decoded, or state that had to go.
    Fault(FaultEvent<'a>),
}

impl<'a> Event<'a> {
    /// The message it belongs to: every event has its own.
    #[must_use]
    pub const fn context(&self) -> &'a Context {
        match self {
            Self::Flows(set) | Self::Options(set) | Self::Counters(set) | Self::Unknown(set) => set.context(),
            Self::Template(event) => event.context,
            Self::Sampling(event) => event.context,
            Self::Sequence(event) => event.context,
            Self::Exporter(event) => event.context,
            Self::Fault(event) => event.context,
        }
    }
}

/// A template came or went.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct TemplateEvent<'a> {
    /// The message that brought it, or of the moment it went.
    pub context: &'a Context,
    /// Its id; 2 and 3 in a withdrawal stand for all templates and all options templates.
    pub id: u16,
    /// Data or options.
    pub kind: TemplateKind,
    /// What happened.
    pub change: TemplateChange,
    /// The template, where it is there now.
    pub template: Option<&'a Template>,
}

/// What happened to a template. An identical announcement only makes it valid for longer, and is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TemplateChange {
    /// It was not known.
    Learned,
    /// It replaced another definition of its id.
    Changed,
    /// It was withdrawn (RFC 7011 §8.1).
    Withdrawn,
    /// It was withdrawn over UDP, where that has no effect unless [`Settings::udp_withdrawals`](crate::Settings::udp_withdrawals)
    /// is set: a forged withdrawal would cost every later record.
    WithdrawalIgnored,
    /// It was not announced again in time.
    Expired,
    /// It had to go, over a limit.
    Evicted,
    /// Its id was announced again with a definition that had to be refused: data under the old one would be read wrongly.
    Invalidated,
}

/// A sampling rate was learned or changed.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SamplingEvent<'a> {
    /// The message that said it.
    pub context: &'a Context,
    /// What changed.
    pub change: SamplingChange,
}

/// Messages are missing, late, or begin anew.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SequenceEvent<'a> {
    /// The message whose sequence number showed it.
    pub context: &'a Context,
    /// What it showed.
    pub change: SequenceChange,
}

/// What a sequence number showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SequenceChange {
    /// Something is missing in front of this message.
    Gap {
        /// How much, in `unit`; `None` while the exporter's way of counting is not known, or when records before could not be counted.
        lost: Option<u32>,
        /// What the exporter counts.
        unit: SequenceUnit,
    },
    /// This message is older than ones that came before it, or came twice.
    Late {
        /// How far back, in `unit`.
        behind: u32,
        /// What the exporter counts.
        unit: SequenceUnit,
    },
    /// The exporter began to count anew.
    Restarted,
}

/// What an exporter's sequence numbers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SequenceUnit {
    /// Records.
    Records,
    /// Messages.
    Packets,
    /// Flow samples of one sFlow data source.
    FlowSamples(Source),
    /// Counter samples of one sFlow data source.
    CounterSamples(Source),
    /// Notices of discarded packets of one sFlow data source.
    Discards(Source),
}

impl SequenceUnit {
    /// Whether messages are counted, rather than records or samples.
    #[must_use]
    pub const fn is_packets(self) -> bool {
        matches!(self, Self::Packets)
    }
}

/// Something about an exporter as a whole.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ExporterEvent<'a> {
    /// The message that showed it, or of the moment it went.
    pub context: &'a Context,
    /// What happened.
    pub change: ExporterChange,
}

/// What happened to an exporter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExporterChange {
    /// The first message of this transport source (address and port) in this protocol and domain.
    Appeared,
    /// Its clock is far from the receiver's: by this many nanoseconds it is ahead. Said once; nothing is corrected.
    ClockSkewed(i64),
    /// Its stream was closed, and its templates went with it.
    Closed,
    /// It was silent for too long; its state went.
    Expired,
    /// Its state had to go, over a limit.
    Evicted,
    /// It sends from more ports or in more domains than [`Limits::exporter_sessions`](crate::Limits::exporter_sessions): what was counted
    /// for one of them is not followed any more.
    SessionEvicted {
        /// Records that were missing there.
        lost_records: u64,
        /// Messages that were missing there.
        lost_packets: u64,
    },
    /// An sFlow session has more data sources than [`Limits::session_sources`](crate::Limits::session_sources): the sequence numbers of
    /// this one, and later of others, are not followed any more. Said once a session. What was found missing stays counted.
    SourceEvicted(Source),
}

/// Octets that could not be decoded, or state that had to go.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct FaultEvent<'a> {
    /// The message it lies in.
    pub context: &'a Context,
    /// What was wrong.
    pub fault: Fault,
}
