//! All common fields of a record in one pass.

use crate::model::{CORE, FieldId, FieldValue, Schema, field};
use crate::template::{Binding, Extract, RecordRef};
use crate::wire::unsigned;

/// Fields that come from the message, or from the decoder's state; no element feeds them. In the schema's order.
const OF_CONTEXT: [FieldId; 9] = [
    field::RECEIVED.id(),
    field::EXPORTER.id(),
    field::EXPORTER_PORT.id(),
    field::DOMAIN.id(),
    field::PROTOCOL.id(),
    field::TEMPLATE.id(),
    field::SAMPLING_RATE.id(),
    field::COUNTERS_SCALED.id(),
    field::EXPORTED.id(),
];

/// The common fields of a record that are present, in the schema's order.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    record: RecordRef<'a>,
    of_context: &'static [FieldId],
    bindings: &'a [Binding],
}

impl<'a> Fields<'a> {
    /// Fields that only the template's schema has are left out when `schema` is another.
    pub(super) fn new(record: RecordRef<'a>, schema: &Schema) -> Self {
        let mut bindings = record.template.plan().all();
        if schema.tag() != record.template.schema_tag() {
            let core = bindings.partition_point(|binding| binding.field.index() < CORE.len());
            bindings = bindings.get(..core).unwrap_or_default();
        }
        Self { record, of_context: &OF_CONTEXT, bindings }
    }

    /// The next field, and the places it may come from; none for the fields of the message.
    #[inline]
    fn step(&mut self) -> Option<(FieldId, &'a [Binding])> {
        let bound = self.bindings.first().map(|binding| binding.field);
        match self.of_context.split_first() {
            Some((&id, rest)) if bound.is_none_or(|bound| id < bound) => {
                self.of_context = rest;
                Some((id, &[]))
            }
            _ => {
                let id = bound?;
                let count = self.bindings.iter().take_while(|binding| binding.field == id).count();
                let (group, rest) = self.bindings.split_at_checked(count)?;
                self.bindings = rest;
                Some((id, group))
            }
        }
    }

    /// Hands every field to `put`, and tells which elements the fields that `put` took say all of. The rest are: other sources of a field, repeats, zeros that mean "absent", values that fit no field, label stack entries with a traffic class,
    /// times past the end of [`Timestamp`](crate::Timestamp).
    pub(super) fn take(mut self, mut put: impl FnMut(FieldId, FieldValue<'a>) -> bool) -> Taken {
        let mut taken = Taken(vec![0; self.record.template.fields().len()]);
        while let Some((id, group)) = self.step() {
            if group.is_empty() {
                if let Some(value) = self.record.of_context(id) {
                    put(id, value);
                }
                continue;
            }
            let Some((value, from)) = self.record.chosen(group) else { continue };
            if !put(id, value) {
                continue;
            }
            if let FieldValue::Numbers(labels) = value {
                let labels = labels.as_slice();
                for (number, (at, entry)) in (1_usize..).zip(self.record.entries(group)) {
                    let label = labels.get(number.saturating_sub(1)).copied().map(u64::from);
                    let said = label.map(|label| (label << 4) | u64::from(number == labels.len()));
                    if entry.len() == 3 && said.is_some() && said == unsigned(entry) {
                        taken.mark(at, WHOLE);
                    }
                }
                continue;
            }
            let part = match from.extract {
                Extract::HighOctet | Extract::IcmpHighOctet => HIGH,
                Extract::LowOctet | Extract::IcmpLowOctet => LOW,
                _ if held_at_the_end(value) => 0,
                _ => WHOLE,
            };
            taken.mark(from.at, part);
        }
        taken
    }
}

/// Parts of an element's octets.
const HIGH: u8 = 1;
const LOW: u8 = 2;
const WHOLE: u8 = 3;

/// Whether a time is further away than a [`Timestamp`](crate::Timestamp) reaches.
fn held_at_the_end(value: FieldValue<'_>) -> bool {
    matches!(value, FieldValue::Time(time) if matches!(time.as_nanos(), i64::MIN | i64::MAX))
}

/// Which parts of each element of a record, by its place in the template, fields say.
#[derive(Debug)]
pub(super) struct Taken(Vec<u8>);

impl Taken {
    fn mark(&mut self, at: u16, part: u8) {
        if let Some(parts) = self.0.get_mut(usize::from(at)) {
            *parts |= part;
        }
    }

    /// Whether fields say all of the element at this place.
    pub(super) fn whole(&self, at: usize) -> bool {
        self.0.get(at) == Some(&WHOLE)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (FieldId, FieldValue<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (id, group) = self.step()?;
            let value = if group.is_empty() { self.record.of_context(id) } else { self.record.bound(group) };
            if let Some(value) = value {
                return Some((id, value));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_message_are_those_without_sources_and_in_order() {
        assert!(OF_CONTEXT.is_sorted());
        assert!(OF_CONTEXT.iter().all(|id| CORE[id.index()].sources.is_empty()));
    }
}
