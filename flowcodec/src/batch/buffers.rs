//! All columns taken out of a batch, and their memory given back.

use core::ops::Range;

use super::FlowBatch;
use super::cells::{List, Place};
use crate::model::FieldId;

/// All that a batch held, owned: its columns stand side by side in one piece of memory, laid out as [`Values`](super::Values) says.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Contents {
    /// The memory.
    pub cells: Vec<u128>,
    /// What views of more than 12 octets point into.
    pub text: Vec<u8>,
    /// Rows of each column.
    pub rows: usize,
    /// The columns, in the order of the batch.
    pub columns: Vec<Column>,
}

/// One of these columns.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Column {
    /// Its field.
    pub id: FieldId,
    /// Its octets in the memory, from an address on that is a multiple of 64; empty when no row has a cell in it, and for lists.
    pub octets: Range<usize>,
    /// A bit a row, the lowest of an octet first; `None` where no cell is missing, or none is there.
    pub validity: Option<Vec<u8>>,
    /// Rows without a cell.
    pub nulls: usize,
    /// Of lists: one offset more than there are rows, and the numbers of all.
    pub lists: (Vec<i32>, Vec<u32>),
}

impl FlowBatch {
    /// Takes all rows out, without copying a cell: [finishes](Self::finish) the batch, and leaves it empty. Its memory comes back by
    /// [`give`](Self::give), or new memory is allocated.
    pub fn take(&mut self) -> Contents {
        self.exchange(Contents::default())
    }

    /// The same, and gives it other memory to go on with, whatever that holds, as [`give`](Self::give) does. No memory is allocated where
    /// that is enough.
    pub fn exchange(&mut self, memory: Contents) -> Contents {
        self.finish();
        let rows = self.len;
        let (cells, skipped) = core::mem::take(&mut self.cells.arena).into_words();
        let mut columns = Vec::with_capacity(self.slots.len());
        for slot in &mut self.slots {
            let there = slot.validity.any();
            let (validity, nulls) = if there { core::mem::take(&mut slot.validity).into_parts() } else { (None, rows) };
            let (octets, lists) = match slot.place {
                Place::List(number) if there => {
                    let list = self.cells.lists.get_mut(number).map(core::mem::take).unwrap_or_default();
                    (0..0, (list.offsets, list.items))
                }
                place if there => {
                    let begin = place.begin().saturating_add(skipped.saturating_mul(size_of::<u128>()));
                    (begin..begin.saturating_add(rows.saturating_mul(place.octets())), <_>::default())
                }
                _ => (0..0, <_>::default()),
            };
            columns.push(Column { id: slot.id, octets, validity, nulls, lists });
        }
        let text = core::mem::take(&mut self.cells.text);
        self.clear();
        self.give(memory);
        Contents { cells, text, rows, columns }
    }

    /// Takes memory to be used again, whatever it holds: what [`take`](Self::take) gave, once nobody needs it. Of a batch that is not
    /// empty, or of memory of another batch that is too small, it is dropped.
    pub fn give(&mut self, contents: Contents) {
        if !self.is_empty() {
            return;
        }
        let Contents { cells, mut text, columns, .. } = contents;
        self.cells.arena = self.layout.arena(cells);
        text.clear();
        self.cells.text = text;
        for (slot, column) in self.slots.iter_mut().zip(columns) {
            slot.validity.reuse(column.validity);
            if let Place::List(number) = slot.place
                && let Some(list) = self.cells.lists.get_mut(number)
            {
                let (offsets, items) = column.lists;
                *list = List { offsets, items };
                list.clear();
            }
        }
    }
}
