//! Records that no program knows, by way of rows: samples of sFlow, and records that hold the headers of a packet.

use super::cells::{Cells, Place};
use super::{FlowBatch, Slot};
use crate::model::{FlowRecord, HOT, presence_bit};
use crate::record::RecordSet;
use crate::template::RowScratch;

impl FlowBatch {
    /// Adds a set that fits: the columns that rows have from there, and the others, if any are wanted, field by field.
    pub(super) fn by_rows(&mut self, set: RecordSet<'_>) {
        let first = self.len;
        if !self.wait(&set) {
            // What waits stands in the scratch that is filled anew here.
            self.put_waiting();
            let mut scratch = self.scratch.take().unwrap_or_else(|| new_scratch(self.portable));
            set.rows(&mut scratch, |rows| {
                let row = self.open_rows(rows.len());
                put_rows(&mut self.slots, &mut self.cells, row, rows);
            });
            self.scratch = Some(scratch);
        }
        if !self.beside {
            return;
        }
        let Self { schema, slots, cells, by_field, .. } = self;
        for (row, record) in (first..).zip(set) {
            for (id, value) in record.fields(schema).filter(|(id, _)| id.index() >= HOT.len()) {
                let number = by_field.get(id.index()).copied().map(usize::from);
                if let Some(slot) = number.and_then(|number| slots.get_mut(number)) {
                    slot.set(cells, row, &value);
                }
            }
        }
    }

    /// Samples become rows that wait, until there are enough of them: a datagram has a few, and to begin with a column costs as much as
    /// ten of its cells. `false` for all other sets, and for those that are large enough.
    fn wait(&mut self, set: &RecordSet<'_>) -> bool {
        let Some(count) = usize::try_from(set.len()).ok().filter(|count| *count <= RowScratch::RUN / 2) else { return false };
        if self.waiting.saturating_add(count) > RowScratch::RUN {
            self.put_waiting();
        }
        if self.waiting == 0 {
            self.close();
        }
        let scratch = self.scratch.get_or_insert_with(|| new_scratch(self.portable));
        let free = scratch.rows().get_mut(self.waiting..).unwrap_or_default();
        let Some(made) = set.rows_of_samples(free) else { return false };
        self.waiting = self.waiting.saturating_add(made);
        self.len = self.len.saturating_add(made);
        true
    }

    /// Puts the rows that wait into columns.
    #[inline]
    pub(super) fn put_waiting(&mut self) {
        if self.waiting != 0 {
            self.put_all_waiting();
        }
    }

    fn put_all_waiting(&mut self) {
        let count = core::mem::take(&mut self.waiting);
        let rows = self.scratch.as_ref().and_then(|scratch| scratch.made(count));
        put_rows(&mut self.slots, &mut self.cells, self.len.saturating_sub(count), rows.unwrap_or_default());
    }

    /// The row that waits, of a column that rows have a place for.
    #[inline]
    pub(super) fn waiting_at(&self, slot: &Slot, row: usize) -> Option<&FlowRecord> {
        let at = row.checked_sub(self.len.saturating_sub(self.waiting))?;
        if slot.id.index() >= HOT.len() {
            return None;
        }
        self.scratch.as_ref()?.made(self.waiting)?.get(at)
    }
}

fn new_scratch(portable: bool) -> RowScratch {
    if portable { RowScratch::portable() } else { RowScratch::new() }
}

/// Puts rows, 64 at most, into the cells from a row on.
fn put_rows(slots: &mut [Slot], cells: &mut Cells, row: usize, rows: &[FlowRecord]) {
    let (all, any) = rows.iter().fold((u64::MAX, 0), |(all, any), row| (all & row.present(), any | row.present()));
    for slot in slots {
        let Some(&offset) = HOT.get(slot.id.index()) else { continue };
        let bit = presence_bit(slot.id);
        if any & bit == 0 {
            continue;
        }
        slot.fill(cells, row);
        cells.put_column(slot, usize::from(offset), row, rows);
        if all & bit != 0 {
            slot.validity.extend(rows.len(), true);
        } else {
            let mask = rows.iter().rev().fold(0, |mask, row| mask << 1 | u64::from(row.present() & bit != 0));
            slot.validity.push(mask, rows.len());
        }
    }
}

impl Cells {
    /// The cells of a column, out of the octets at `offset` of rows; those of absent fields are zeros there.
    fn put_column(&mut self, slot: &Slot, offset: usize, row: usize, rows: &[FlowRecord]) {
        macro_rules! copy {
            ($cell:ty, $at:ident, |$octets:ident| $value:expr) => {
                for (cell, row) in self.rows::<$cell>($at, row, rows.len()).iter_mut().zip(rows) {
                    if let Some(&$octets) = row.as_octets().get(offset..).and_then(|rest| rest.first_chunk()) {
                        *cell = $value;
                    }
                }
            };
        }
        match slot.place {
            Place::Octet(at) => copy!(u8, at, |octets| u8::from_ne_bytes(octets)),
            Place::Pair(at) => copy!(u16, at, |octets| u16::from_ne_bytes(octets)),
            Place::Quad(at) => copy!(u32, at, |octets| u32::from_ne_bytes(octets)),
            Place::Long(at) => copy!(u64, at, |octets| u64::from_ne_bytes(octets)),
            Place::Mac(at) => copy!([u8; 6], at, |octets| octets),
            Place::Address(at) => copy!([u8; 16], at, |octets| octets),
            // Rows have neither texts nor lists.
            Place::View(_) | Place::List(_) => {}
        }
    }
}
