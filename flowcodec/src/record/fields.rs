//! All common fields of a record in one pass.

use super::sampled::{self, Parts, SampleRef};
use super::section::Section;
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
pub struct Fields<'a>(From<'a>);

#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "one lives at a time, on the stack")]
enum From<'a> {
    Template(Bound<'a>),
    /// A template whose records hold packet headers too.
    Section {
        bound: Bound<'a>,
        /// The next field of the template.
        ahead: Option<(FieldId, FieldValue<'a>)>,
        section: Section<'a>,
        ids: core::slice::Iter<'static, FieldId>,
    },
    Sample {
        sample: SampleRef<'a>,
        parts: Parts<'a>,
        ids: core::slice::Iter<'static, FieldId>,
    },
}

impl<'a> Fields<'a> {
    pub(super) fn of_template(record: RecordRef<'a>, schema: &Schema) -> Self {
        let bound = Bound::new(record, schema);
        Self(match Section::of(&record) {
            None => From::Template(bound),
            Some(section) => From::Section { bound, ahead: None, section, ids: sampled::FIELDS.iter() },
        })
    }

    pub(super) fn of_sample(sample: SampleRef<'a>) -> Self {
        Self(From::Sample { sample, parts: Parts::of(&sample.sample), ids: sampled::FIELDS.iter() })
    }

    /// Hands every field to `put`, and tells which elements the fields that `put` took say all of: see [`Bound::take`].
    pub(super) fn take(self, mut put: impl FnMut(FieldId, FieldValue<'a>) -> bool) -> Taken {
        match self.0 {
            From::Template(bound) => bound.take(put),
            From::Section { bound, section, .. } => {
                let mut given = Vec::new();
                let taken = bound.take(|id, value| {
                    given.push(id);
                    put(id, value)
                });
                for id in Section::fields().filter(|id| !given.contains(id)) {
                    if let Some(value) = section.value(id) {
                        put(id, value);
                    }
                }
                taken
            }
            sample @ From::Sample { .. } => {
                for (id, value) in Self(sample) {
                    put(id, value);
                }
                Taken(Vec::new())
            }
        }
    }
}

/// The fields that a template binds, and those of the message.
#[derive(Debug, Clone)]
struct Bound<'a> {
    record: RecordRef<'a>,
    of_context: &'static [FieldId],
    bindings: &'a [Binding],
}

impl<'a> Bound<'a> {
    /// Fields that only the template's schema has are left out when `schema` is another.
    fn new(record: RecordRef<'a>, schema: &Schema) -> Self {
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

    /// Hands every field to `put`, and tells which elements the fields that `put` took say all of. The rest are: other sources of a
    /// field, repeats, zeros that mean "absent", values that fit no field, label stack entries with a traffic class, times past the end
    /// of [`Timestamp`](crate::Timestamp).
    fn take(mut self, mut put: impl FnMut(FieldId, FieldValue<'a>) -> bool) -> Taken {
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
                for ((number, (at, entry)), label) in (1_usize..).zip(self.record.entries(group)).zip(labels.iter()) {
                    let said = (u64::from(label) << 4) | u64::from(number == labels.len());
                    if entry.len() == 3 && unsigned(entry) == Some(said) {
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
        match &mut self.0 {
            From::Template(bound) => bound.next(),
            From::Section { bound, ahead, section, ids } => loop {
                *ahead = ahead.take().or_else(|| bound.next());
                match (ids.as_slice().first().copied(), *ahead) {
                    (Some(id), Some((next, _))) if id > next => return ahead.take(),
                    (Some(id), Some((next, _))) if id == next => {
                        ids.next();
                        return ahead.take();
                    }
                    (Some(id), _) => {
                        ids.next();
                        if let Some(value) = section.value(id) {
                            return Some((id, value));
                        }
                    }
                    (None, _) => return ahead.take(),
                }
            },
            From::Sample { sample, parts, ids } => ids.find_map(|&id| {
                let value = sample.context_field(id).or_else(|| parts.value(id))?;
                Some((id, value))
            }),
        }
    }
}

impl<'a> Iterator for Bound<'a> {
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
