//! The values of a message that have no place in a row.

use crate::context::Context;
use crate::io::goflow2::table::ROWS;
use crate::io::goflow2::{ADDED, id, schema};
use crate::model::{COLUMNS, FieldId, FieldValue, Flow, HOT, field};
use crate::record::Record;
use crate::template::Template;

/// The fields beside the row that the table asks for, and how many there are.
const WANTED: ([FieldId; 32], usize) = wanted();

#[expect(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler, which refuses what is out of bounds"
)]
const fn wanted() -> ([FieldId; 32], usize) {
    let mut wanted = ([field::EXPORTED.id(); 32], 0);
    let mut place = 0;
    while place < 2 * ROWS.len() {
        if let Some(id) = ROWS[place / 2].form.fields()[place % 2] {
            let mut known = 0;
            while known < wanted.1 && wanted.0[known].number() != id.number() {
                known += 1;
            }
            if id.number() as usize >= HOT.len() && known == wanted.1 {
                wanted.0[known] = id;
                wanted.1 += 1;
            }
        }
        place += 1;
    }
    wanted
}

/// Where among them each field of [`schema`] is; 255 for all others.
const SLOTS: [u8; COLUMNS.len() + ADDED] = slots();

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "as above; there are 32 at most"
)]
const fn slots() -> [u8; COLUMNS.len() + ADDED] {
    let mut slots = [u8::MAX; COLUMNS.len() + ADDED];
    let mut slot = 0;
    while slot < WANTED.1 {
        slots[WANTED.0[slot].number() as usize] = slot as u8;
        slot += 1;
    }
    slots
}

/// Bits of the values that a message says of all its records and that no field of goflow2's is by itself.
#[expect(clippy::as_conversions, clippy::indexing_slicing, reason = "as above")]
const OF_CONTEXT: u32 = 1 << SLOTS[field::EXPORTED.id().number() as usize];

/// Values that have no place in a row.
#[derive(Debug)]
pub(super) struct Beside<'a> {
    values: [Option<FieldValue<'a>>; WANTED.1],
    /// Bit n: value n is there.
    present: u32,
}

impl<'a> Beside<'a> {
    pub(super) const NOTHING: Self = Self { values: [const { None }; WANTED.1], present: 0 };

    /// What the message says of all its records.
    pub(super) fn of_context(context: &Context) -> Self {
        let mut beside = Self::NOTHING;
        let ids = [field::EXPORTED.id(), field::AGENT.id()];
        beside.collect(ids.into_iter().filter_map(|id| Some((id, context.field(id)?))));
        beside
    }

    /// Whether records of this template have nothing more to say than their message and a row.
    pub(super) fn is_of_context(template: &Template) -> bool {
        let mut ids = WANTED.0.iter().take(WANTED.1);
        template.section().is_none() && !ids.any(|id| id.index() < COLUMNS.len() && template.provides(*id))
    }

    pub(super) fn of_record(record: &Record<'a>) -> Self {
        if record.template().is_some_and(Self::is_of_context) {
            return Self::of_context(record.context());
        }
        let mut beside = Self::NOTHING;
        beside.collect(record.fields(&schema()));
        beside
    }

    /// With the sequence number, which flows of [`schema`] have.
    pub(super) fn of_flow(flow: &'a Flow) -> (Self, u32) {
        let mut beside = Self::NOTHING;
        // In a schema with other fields added the same number is another field.
        let own = flow.schema().tag() == schema().tag();
        let known = if own { SLOTS.len() } else { COLUMNS.len() };
        beside.collect(flow.beside().filter(|(id, _)| id.index() < known));
        let sequence = match flow.value(id::SEQUENCE) {
            Some(FieldValue::Unsigned(number)) if own => u32::try_from(number).unwrap_or(0),
            _ => 0,
        };
        (beside, sequence)
    }

    fn collect(&mut self, fields: impl Iterator<Item = (FieldId, FieldValue<'a>)>) {
        for (id, value) in fields {
            let slot = SLOTS.get(id.index()).copied().unwrap_or(u8::MAX);
            if let Some(place) = self.values.get_mut(usize::from(slot)) {
                *place = Some(value);
                self.present |= 1_u32.wrapping_shl(u32::from(slot));
            }
        }
    }

    /// Whether there is more than what a message says of all its records.
    pub(super) const fn has_its_own(&self) -> bool {
        self.present & !OF_CONTEXT != 0
    }

    #[inline]
    pub(super) fn value(&self, id: FieldId) -> Option<FieldValue<'a>> {
        let slot = *SLOTS.get(id.index())?;
        if self.present.wrapping_shr(u32::from(slot)) & 1 == 0 {
            return None;
        }
        *self.values.get(usize::from(slot))?
    }
}
