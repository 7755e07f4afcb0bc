//! Packet headers inside templated records: PSAMP's packet sections (RFC 5477), and those of NetFlow v9.

use crate::ie::ElementId;
use crate::model::{Field, FieldId, FieldValue, FlowRecord, field};
use crate::packet::{self, Headers, Start};
use crate::template::RecordRef;
use crate::wire::unsigned;

/// The first octets of a packet in a record, read as headers. What the record says itself counts more.
#[derive(Debug, Clone)]
pub(super) struct Section<'a> {
    headers: Headers<'a>,
    /// Octets of the frame on the wire, when the record says them and the section begins with the frame.
    frame: Option<u32>,
    /// Whether the record has no counters: then it is of this one packet.
    alone: bool,
}

impl<'a> Section<'a> {
    /// Cost of a template without sections: one comparison.
    #[inline]
    pub(super) fn of(record: &RecordRef<'a>) -> Option<Self> {
        record.template.section().and_then(|at| Self::read(record, at))
    }

    #[cold]
    fn read(record: &RecordRef<'a>, at: u16) -> Option<Self> {
        let fields = record.template.fields();
        let number = |id: u16| {
            let at = fields.iter().zip(0..).find(|(field, _)| field.id() == ElementId::iana(id)).map(|(_, at)| at)?;
            record.octets(at).and_then(unsigned)
        };
        // sectionOffset: the octets begin somewhere within the packet.
        if number(409).is_some_and(|offset| offset != 0) {
            return None;
        }
        let mut start = Start::from_element(fields.get(usize::from(at))?.id())?;
        if start == Start::ETHERNET {
            start = Start::from_frame_type(number(408).map(|kind| u16::try_from(kind).unwrap_or(u16::MAX)))?;
        }
        let octets = record.octets(at)?;
        // sectionExportedOctets: what is behind them is padding.
        let copied = number(410).and_then(|copied| octets.get(..usize::try_from(copied).ok()?));
        let headers = packet::parse(start, copied.unwrap_or(octets));
        let counts = [field::OCTETS, field::PACKETS, field::OCTETS_TOTAL, field::PACKETS_TOTAL].map(Field::id);
        let counted = counts.into_iter().any(|id| record.template.provides(id));
        let of_frame = matches!(fields.get(usize::from(at))?.id(), ElementId::Ipfix { pen: 0, id: 104 | 315 });
        let frame = number(312).and_then(|octets| u32::try_from(octets).ok()).filter(|_| of_frame);
        Some(Self { headers, frame, alone: !counted })
    }

    pub(super) const fn headers(&self) -> &Headers<'a> {
        &self.headers
    }

    pub(super) fn value(&self, id: FieldId) -> Option<FieldValue<'static>> {
        if id == field::PACKETS.id() {
            return self.alone.then_some(FieldValue::Unsigned(1));
        }
        if id == field::OCTETS.id() {
            let octets = self.headers.ip_len().or_else(|| self.headers.network_len(self.frame?)).filter(|_| self.alone);
            return octets.map(|octets| FieldValue::Unsigned(u64::from(octets)));
        }
        self.headers.value(id)
    }

    /// Fields that sections can give.
    pub(super) fn fields() -> impl Iterator<Item = FieldId> {
        [field::OCTETS.id(), field::PACKETS.id()].into_iter().chain(Headers::FIELDS.iter().copied())
    }

    /// Fills what the row does not have yet.
    pub(super) fn fill(&self, row: &mut FlowRecord) {
        for id in Self::fields() {
            if let Some(value) = self.value(id).filter(|_| !row.has(id)) {
                row.set(id, value);
            }
        }
    }
}
