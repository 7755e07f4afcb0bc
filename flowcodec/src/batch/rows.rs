//! Records that no program knows, by way of rows: samples of sFlow, and records that hold the headers of a packet.

use super::cells::{Cells, Place};
use super::{FlowBatch, Slot};
use crate::model::{FlowRecord, HOT, presence_bit};
use crate::record::RecordSet;
use crate::template::RowScratch;

impl FlowBatch {
    /// Adds a set that fits: the columns that rows have from there, and the others, if any are wanted, field by field.
    pub(super) fn by_rows(&mut self, set: RecordSet<'_>) {
        let portable = self.portable;
        let fresh = || if portable { RowScratch::portable() } else { RowScratch::new() };
        let mut scratch = self.scratch.take().unwrap_or_else(fresh);
        let first = self.len;
        set.rows(&mut scratch, |rows| self.put_rows(rows));
        self.scratch = Some(scratch);
        if self.slots.iter().all(|slot| slot.id.index() < HOT.len()) {
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

    /// Adds rows, 64 at most.
    fn put_rows(&mut self, rows: &[FlowRecord]) {
        let row = self.open_rows(rows.len());
        let (all, any) = rows.iter().fold((u64::MAX, 0), |(all, any), row| (all & row.present(), any | row.present()));
        for slot in &mut self.slots {
            let Some(&offset) = HOT.get(slot.id.index()) else { continue };
            let bit = presence_bit(slot.id);
            if any & bit == 0 {
                continue;
            }
            slot.fill(&mut self.cells, row);
            self.cells.put_column(slot, usize::from(offset), row, rows);
            if all & bit != 0 {
                slot.validity.extend(rows.len(), true);
            } else {
                let mask = rows.iter().rev().fold(0, |mask, row| mask << 1 | u64::from(row.present() & bit != 0));
                slot.validity.push(mask, rows.len());
            }
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
