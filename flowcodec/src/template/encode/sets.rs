//! Sets put together into one message.

use super::EncodeError;
use crate::template::wire::{Dialect, TemplateKind};
use crate::time::Timestamp;

/// What a set holds; two items share a set when all of it is equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Set {
    pub(crate) id: u16,
    /// Whether it may be filled up to a multiple of four octets.
    pub(crate) pad: bool,
    /// Withdrawals do not share a set with announcements.
    pub(crate) withdrawal: bool,
}

impl Set {
    /// The set of template records.
    pub(crate) const fn templates(dialect: Dialect, kind: TemplateKind, pad: bool) -> Self {
        let id = match (dialect, kind) {
            (Dialect::NetFlow9, TemplateKind::Data) => 0,
            (Dialect::NetFlow9, TemplateKind::Options) => 1,
            (Dialect::Ipfix, TemplateKind::Data) => 2,
            (Dialect::Ipfix, TemplateKind::Options) => 3,
        };
        Self { id, pad, withdrawal: false }
    }

    /// Records of a template. Padding must be shorter than any record, or it would be read as one (RFC 7011 §3.3.1).
    pub(crate) const fn data(id: u16, pad: bool, min_record_len: u32) -> Self {
        Self { id, pad: pad && min_record_len > 3, withdrawal: false }
    }
}

/// A message under construction: room for a header, then sets.
#[derive(Debug, Clone)]
pub(crate) struct Sets {
    buffer: Vec<u8>,
    header: usize,
    most: usize,
    open: Option<(Set, usize)>,
    data_records: u32,
    template_records: u32,
}

impl Sets {
    /// An empty message of at most `most` octets, its header of `header` octets included.
    pub(crate) fn new(header: usize, most: u16) -> Self {
        Self { buffer: vec![0; header], header, most: usize::from(most), open: None, data_records: 0, template_records: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.len() <= self.header
    }

    pub(crate) const fn data_records(&self) -> u32 {
        self.data_records
    }

    pub(crate) const fn template_records(&self) -> u32 {
        self.template_records
    }

    /// The longest item an empty message has room for.
    pub(crate) fn room(&self) -> usize {
        self.most.saturating_sub(self.header).saturating_sub(4)
    }

    /// The longest item of a set that still fits, but for padding.
    pub(crate) fn left(&self, set: Set) -> usize {
        self.most.saturating_sub(self.end(set, 0))
    }

    /// Whether an item of `octets` still fits.
    pub(crate) fn fits(&self, set: Set, octets: usize) -> bool {
        self.end(set, octets) <= self.most
    }

    /// Where the message would end with it, padding included.
    fn end(&self, set: Set, octets: usize) -> usize {
        let (at, length) = match self.open {
            Some((open, at)) if open == set => (at, self.buffer.len().saturating_sub(at)),
            Some((open, at)) => {
                let length = padded(open, self.buffer.len().saturating_sub(at));
                (at.saturating_add(length), 4)
            }
            None => (self.buffer.len(), 4),
        };
        at.saturating_add(padded(set, length.saturating_add(octets)))
    }

    /// Adds an item that [fits](Self::fits).
    pub(crate) fn push(&mut self, set: Set, octets: &[u8]) {
        if self.open.is_none_or(|(open, _)| open != set) {
            self.close();
            self.open = Some((set, self.buffer.len()));
            self.buffer.extend_from_slice(&set.id.to_be_bytes());
            self.buffer.extend_from_slice(&[0, 0]);
        }
        self.buffer.extend_from_slice(octets);
        let count = if set.id < 256 { &mut self.template_records } else { &mut self.data_records };
        *count = count.saturating_add(1);
    }

    fn close(&mut self) {
        let Some((set, at)) = self.open.take() else { return };
        let length = padded(set, self.buffer.len().saturating_sub(at));
        self.buffer.resize(at.saturating_add(length), 0);
        put_at(&mut self.buffer, at.saturating_add(2), u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
    }

    /// Closes the last set; the caller fills in the header, and [clears](Self::clear) afterwards.
    pub(crate) fn finish(&mut self) -> &mut [u8] {
        self.close();
        &mut self.buffer
    }

    pub(crate) fn clear(&mut self) {
        self.buffer.truncate(self.header);
        self.open = None;
        self.data_records = 0;
        self.template_records = 0;
    }
}

/// The length of a set with its padding.
fn padded(set: Set, length: usize) -> usize {
    if set.pad { length.next_multiple_of(4) } else { length }
}

/// Writes `N` octets at a place that is there.
pub(crate) fn put_at<const N: usize>(out: &mut [u8], at: usize, octets: [u8; N]) {
    if let Some(place) = out.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = octets;
    }
}

/// An export time as the header has it: whole seconds, from 1970 to 2106.
pub(crate) fn unix_seconds(time: Timestamp) -> Result<u32, EncodeError> {
    u32::try_from(time.as_seconds()).map_err(|_| EncodeError::TimeRange)
}
