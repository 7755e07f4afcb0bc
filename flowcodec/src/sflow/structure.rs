//! Records of a sample, raw: format, octets and place.

use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::ie::SflowStructure;
use crate::limits::Limits;
use crate::wire::{Input, be32, len32};

use super::flow::FlowView;
use super::table::{self, Layout, Values, XdrValue};

/// A `data_format` word: enterprise number in the upper 20 bits, format number in the lower 12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a word")]
pub struct DataFormat(pub u32);

impl DataFormat {
    /// From its parts; what does not fit is cut off.
    #[must_use]
    pub const fn new(enterprise: u32, format: u32) -> Self {
        Self((enterprise << 12) | (format & 0xfff))
    }

    /// Enterprise number; 0 is sflow.org.
    #[must_use]
    pub const fn enterprise(self) -> u32 {
        self.0 >> 12
    }

    /// Format number within the enterprise.
    #[must_use]
    pub const fn format(self) -> u32 {
        self.0 & 0xfff
    }
}

impl core::fmt::Display for DataFormat {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}:{}", self.enterprise(), self.format())
    }
}

/// One record of a sample: `flow_record` or `counter_record` of sFlow version 5, not yet looked into.
///
/// [`flow`](Self::flow) gives typed views of what flows often carry, [`values`](Self::values) every field of every layout in the
/// [`table`](super::table). Both find a body that its layout does not fit; such a fault costs this record and no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Structure<'a> {
    id: SflowStructure,
    offset: u32,
    octets: u32,
    body: &'a [u8],
}

impl<'a> Structure<'a> {
    /// Octets of the format and length words in front of the body.
    pub const HEAD: u32 = 8;

    /// A record of `id` with this body, as if it stood at `offset` of a message.
    #[must_use]
    pub fn new(id: SflowStructure, body: &'a [u8], offset: u32) -> Self {
        Self { id, offset, octets: len32(body).saturating_add(Self::HEAD), body }
    }

    /// Which structure it is.
    #[must_use]
    pub const fn id(&self) -> SflowStructure {
        self.id
    }

    /// Enterprise and format.
    #[must_use]
    pub const fn format(&self) -> DataFormat {
        let (SflowStructure::Sample(word) | SflowStructure::Flow(word) | SflowStructure::Counter(word)) = self.id;
        DataFormat(word)
    }

    /// Its body, without padding.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// Where it begins, its format word included.
    #[must_use]
    pub const fn offset(&self) -> u32 {
        self.offset
    }

    /// Octets it takes with its two words and its padding.
    #[must_use]
    pub const fn octets(&self) -> u32 {
        self.octets
    }

    /// Its layout; `None` for structures that the table does not have.
    #[must_use]
    pub fn layout(&self) -> Option<&'static Layout> {
        table::layout(self.id)
    }

    /// Its values by its layout; `None` for structures that the table does not have.
    #[must_use]
    pub fn values(&self) -> Option<Values<'a>> {
        self.layout().map(|layout| layout.values_of(*self))
    }

    /// The typed view of a flow record; [`FlowView::Other`] when there is none of this format.
    ///
    /// # Errors
    /// A body shorter than its layout, or with an inner length that does not fit. The fault costs this record.
    #[inline]
    pub fn flow(&self) -> Result<FlowView<'a>, Fault> {
        FlowView::read(*self)
    }

    /// Holds the body against its layout, with the records inside an `extended_80211_aggregation` down to
    /// [`Limits::list_depth`]. Unknown structures pass.
    ///
    /// # Errors
    /// As [`flow`](Self::flow), for every layout of the table.
    pub fn check(&self, limits: &Limits) -> Result<(), Fault> {
        self.check_at(limits.list_depth)
    }

    fn check_at(&self, depth: u8) -> Result<(), Fault> {
        self.known(depth).map(drop)
    }

    /// As [`check`](Self::check); `false` for structures that the table does not have.
    pub(crate) fn known(&self, depth: u8) -> Result<bool, Fault> {
        // The views of what most samples carry know the same without a search.
        if let Some(fits) = FlowView::fits(*self) {
            return fits.map(|()| true);
        }
        let Some(layout) = self.layout() else { return Ok(false) };
        if layout.is_fixed() {
            self.at_least(layout.min_octets())?;
            return Ok(true);
        }
        for value in layout.values_of(*self) {
            let value = value?.value;
            if let (SflowStructure::Flow(AGGREGATION), XdrValue::List(pdus)) = (self.id, value) {
                let depth = depth.checked_sub(1).ok_or_else(|| {
                    let fault = Fault::new(FaultKind::ListTooDeep, Layer::Record, LimitedBy::Limits, self.offset);
                    self.bad(fault)
                })?;
                pdus.structures(self, |inner| inner.check_at(depth).map_err(|fault| self.bad(fault)))?;
            }
        }
        Ok(true)
    }

    /// The body and where it is.
    pub(super) const fn input(&self) -> Input<'a> {
        Input::at(self.body, self.offset.saturating_add(Self::HEAD), LimitedBy::RecordLength)
    }

    /// Whether the body has the octets that every body of a layout has.
    #[inline]
    pub(super) fn at_least(&self, octets: u32) -> Result<(), Fault> {
        if len32(self.body) >= octets { Ok(()) } else { Err(self.short(octets)) }
    }

    #[cold]
    fn short(&self, octets: u32) -> Fault {
        let fault = Fault::new(FaultKind::LengthTooSmall, Layer::Record, LimitedBy::RecordLength, self.offset);
        self.bad(fault.sizes(octets, len32(self.body)))
    }

    /// The same fault, costing this record.
    #[cold]
    pub(super) const fn bad(&self, fault: Fault) -> Fault {
        fault.costing(self.octets)
    }
}

/// `extended_80211_aggregation`, the one structure that holds records.
pub(super) const AGGREGATION: u32 = 1016;

/// The records of a sample, by their lengths. A record that runs past its sample ends them, with a fault that costs the rest of the
/// sample; a last fault without an end says that the sample's count and its octets do not agree.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    rest: &'a [u8],
    end: u32,
    counters: bool,
    count: u32,
    seen: u32,
    done: bool,
}

impl<'a> Records<'a> {
    /// Records of a sample that ends at octet `end`.
    #[inline]
    pub(super) const fn new(rest: &'a [u8], end: u32, counters: bool, count: u32) -> Self {
        Self { rest, end, counters, count, seen: 0, done: false }
    }

    /// What was not read yet.
    #[must_use]
    pub fn rest(&self) -> Input<'a> {
        Input::at(self.rest, self.end.saturating_sub(len32(self.rest)), LimitedBy::SampleLength)
    }

    #[cold]
    fn past(&mut self) -> Fault {
        self.done = true;
        Fault { kind: FaultKind::RecordTruncated, ..past(self.rest(), Layer::Record) }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Structure<'a>, Fault>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        if self.rest.is_empty() || self.seen == self.count {
            self.done = true;
            if self.rest.is_empty() && self.seen == self.count {
                return None;
            }
            return end(self.rest(), self.count, self.seen, Layer::Record).map(Err);
        }
        let Some((word, body, rest)) = split(self.rest) else { return Some(Err(self.past())) };
        let id = if self.counters { SflowStructure::Counter(word) } else { SflowStructure::Flow(word) };
        let octets = len32(self.rest).wrapping_sub(len32(rest));
        let offset = self.end.wrapping_sub(len32(self.rest));
        self.rest = rest;
        self.seen = self.seen.wrapping_add(1);
        Some(Ok(Structure { id, offset, octets, body }))
    }
}

/// What a count and the octets it stands for disagree about when the structures have ended.
#[cold]
pub(super) fn end(rest: Input<'_>, count: u32, seen: u32, layer: Layer) -> Option<Fault> {
    if !rest.is_empty() {
        let fault = Fault::new(FaultKind::TrailingOctets, layer, LimitedBy::HeaderCount, rest.offset());
        return Some(fault.sizes(0, rest.len32()).costing(rest.len32()));
    }
    (seen < count).then(|| rest.fault(FaultKind::CountBeyondOctets, layer).sizes(count, seen))
}

/// Format word, body by its length, and what is behind body and padding. The padding of the last structure may be missing.
#[inline]
pub(crate) fn split(octets: &[u8]) -> Option<(u32, &[u8], &[u8])> {
    let ([a, b, c, d, e, f, g, h], after) = octets.split_first_chunk::<8>()?;
    let length = u32::from_be_bytes([*e, *f, *g, *h]);
    let (body, rest) = after.split_at_checked(usize::try_from(length).ok()?)?;
    let rest = rest.get(body.len().wrapping_neg() & 3..).unwrap_or_default();
    Some((u32::from_be_bytes([*a, *b, *c, *d]), body, rest))
}

/// The fault of a structure that [`split`] cannot split: it costs all that is left.
#[cold]
pub(super) fn past(input: Input<'_>, layer: Layer) -> Fault {
    let (required, available) = match input.bytes().split_first_chunk::<8>() {
        Some((head, behind)) => (be32(head, 4), len32(behind)),
        None => (Structure::HEAD, input.len32()),
    };
    input.fault(FaultKind::Truncated, layer).sizes(required, available).costing(input.len32())
}
