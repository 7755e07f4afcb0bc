//! Faults: what was wrong with the bytes, where, how much of them it cost, and which length field or cap said so.
//!
//! A [`Fault`] is flat and `Copy`: no text inside, no allocation to make one. [`Display`](core::fmt::Display) makes the sentence.

use serde::{Deserialize, Serialize};

/// What was wrong. New kinds may come: match with a wildcard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// The version field names no protocol this build reads.
    UnknownVersion,
    /// A known protocol in a version that is recognised but not decoded (NetFlow v8, sFlow v2 and v4).
    UnsupportedVersion,
    /// Fewer octets than a fixed structure or a length field asks for.
    Truncated,
    /// A length field smaller than the structure it measures.
    LengthTooSmall,
    /// A count in the header promises more than the octets hold.
    CountBeyondOctets,
    /// Octets follow the last structure that the header counts or the lengths cover.
    TrailingOctets,
    /// A set id that the protocol reserves.
    ReservedSet,
    /// A template id below 256.
    TemplateIdReserved,
    /// A template whose records would have no octets at all.
    TemplateEmpty,
    /// A template that may not be: scope count above field count, variable length in NetFlow v9.
    TemplateInvalid,
    /// A template that some cap of [`Limits`](crate::Limits) refuses.
    TemplateRefused,
    /// Over a stream, a template redefined without a withdrawal (RFC 7011 §8.1): the new definition was taken.
    TemplateRedefined,
    /// A withdrawal of something that is not known.
    WithdrawalUnknown,
    /// Data whose template never came, or came after the data had to be given up.
    TemplateMissing,
    /// A record that runs past the set or sample it lies in.
    RecordTruncated,
    /// A list (RFC 6313) whose inner lengths do not fit.
    ListInvalid,
    /// A list nested deeper than [`Limits::list_depth`](crate::Limits::list_depth).
    ListTooDeep,
    /// A list whose records follow a template that is not known.
    ListTemplateMissing,
    /// A value that its type does not allow and that would steer decoding (a sampling interval of zero, a bad RFC 5610 record).
    ValueInvalid,
    /// State was over [`Limits`](crate::Limits) and something had to go.
    LimitReached,
}

/// Which layer of the message the fault was found in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Layer {
    /// The datagram or stream as a whole.
    Datagram,
    /// A message header.
    Header,
    /// A set (FlowSet) and its header.
    Set,
    /// A sample of sFlow.
    Sample,
    /// A template or options template record.
    Template,
    /// A data record.
    Record,
    /// A field inside a record.
    Field,
}

/// What ended the octets that were available: a length on the wire, or a cap of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LimitedBy {
    /// The end of the datagram, file or stream.
    Datagram,
    /// The message's length field.
    MessageLength,
    /// The header's count.
    HeaderCount,
    /// The set's length field.
    SetLength,
    /// The length field of an sFlow sample.
    SampleLength,
    /// The length field of an sFlow record.
    RecordLength,
    /// The length a template gives to a field or record.
    TemplateLength,
    /// The length in front of a variable-length value.
    FieldLength,
    /// A cap in [`Limits`](crate::Limits).
    Limits,
}

/// One fault. Offsets count from the first octet of the message the fault lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[non_exhaustive]
pub struct Fault {
    /// What was wrong.
    pub kind: FaultKind,
    /// Where in the message's structure.
    pub layer: Layer,
    /// What set the end of the octets available.
    pub limit: LimitedBy,
    /// Octets from the start of the message.
    pub offset: u32,
    /// Octets this fault costs: they are in no record.
    pub bytes: u32,
    /// Octets (or items, for counts) that were asked for.
    pub required: u32,
    /// Octets (or items) that were there.
    pub available: u32,
}

impl Fault {
    /// A fault at `offset` that costs nothing yet.
    #[cold]
    #[inline(never)]
    #[must_use]
    pub const fn new(kind: FaultKind, layer: Layer, limit: LimitedBy, offset: u32) -> Self {
        Self { kind, layer, limit, offset, bytes: 0, required: 0, available: 0 }
    }

    /// The same, with what was asked for and what was there.
    #[must_use]
    pub const fn sizes(mut self, required: u32, available: u32) -> Self {
        self.required = required;
        self.available = available;
        self
    }

    /// The same, costing `bytes` octets.
    #[must_use]
    pub const fn costing(mut self, bytes: u32) -> Self {
        self.bytes = bytes;
        self
    }
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let what = match self.kind {
            FaultKind::UnknownVersion => "unknown version",
            FaultKind::UnsupportedVersion => "version that is recognised but not decoded",
            FaultKind::Truncated => "cut short",
            FaultKind::LengthTooSmall => "length field too small",
            FaultKind::CountBeyondOctets => "count beyond the octets",
            FaultKind::TrailingOctets => "octets behind the end",
            FaultKind::ReservedSet => "reserved set id",
            FaultKind::TemplateIdReserved => "template id below 256",
            FaultKind::TemplateEmpty => "template of zero-size records",
            FaultKind::TemplateInvalid => "template that may not be",
            FaultKind::TemplateRefused => "template over a limit",
            FaultKind::TemplateRedefined => "template redefined without a withdrawal",
            FaultKind::WithdrawalUnknown => "withdrawal of an unknown template",
            FaultKind::TemplateMissing => "data without its template",
            FaultKind::RecordTruncated => "record runs past its set or sample",
            FaultKind::ListInvalid => "list whose lengths do not fit",
            FaultKind::ListTooDeep => "list nested too deep",
            FaultKind::ListTemplateMissing => "list of an unknown template",
            FaultKind::ValueInvalid => "value that may not be",
            FaultKind::LimitReached => "limit reached",
        };
        let layer = match self.layer {
            Layer::Datagram => "datagram",
            Layer::Header => "header",
            Layer::Set => "set",
            Layer::Sample => "sample",
            Layer::Template => "template",
            Layer::Record => "record",
            Layer::Field => "field",
        };
        let by = match self.limit {
            LimitedBy::Datagram => "the end of the datagram or stream",
            LimitedBy::MessageLength => "the message's length",
            LimitedBy::HeaderCount => "the header's count",
            LimitedBy::SetLength => "the set's length",
            LimitedBy::SampleLength => "the sample's length",
            LimitedBy::RecordLength => "the record's length",
            LimitedBy::TemplateLength => "the template",
            LimitedBy::FieldLength => "the value's own length",
            LimitedBy::Limits => "a configured limit",
        };
        write!(f, "{what} in {layer} at octet {}", self.offset)?;
        if self.required != 0 || self.available != 0 {
            write!(f, " ({} needed, {} there by {by})", self.required, self.available)?;
        } else {
            write!(f, " (set by {by})")?;
        }
        if self.bytes != 0 {
            write!(f, "; {} octets not decoded", self.bytes)?;
        }
        Ok(())
    }
}
