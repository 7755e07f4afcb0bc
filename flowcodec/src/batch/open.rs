//! Rows that are alike in what they have.

use super::Slot;
use super::cells::Cells;
use super::program::{Columns, Program};

/// Rows at the end whose validity is not written down yet, because it is the same for all of them.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) from: usize,
    /// The plan of the last of them, by its address, and whether the exporter's uptime was known; `None` when others have to begin anew.
    of: Option<(usize, bool)>,
    /// Columns that have a cell in each of these rows.
    pub(super) always: Columns,
    /// Columns whose validity is written down row by row. All others have no cell in these rows.
    told: Columns,
}

impl Open {
    /// None, of so many columns.
    pub(super) fn none(columns: usize) -> Self {
        Self { from: 0, of: None, always: Columns::none(columns), told: Columns::none(columns) }
    }

    /// Makes ready for rows of a program.
    #[inline]
    pub(super) fn turn_to(&mut self, program: &Program, uptime: bool, slots: &mut [Slot], cells: &mut Cells, len: usize) {
        let of = Some((program.plan(), uptime));
        if self.of == of {
            return;
        }
        self.of = of;
        let always = if uptime { &program.timed } else { &program.always };
        if self.always == *always && self.told == program.told {
            return;
        }
        self.settle(slots, len);
        self.always.copy_from(always);
        self.told.copy_from(&program.told);
        for (number, slot) in slots.iter_mut().enumerate() {
            if self.always.contains(number) || self.told.contains(number) {
                slot.fill(cells, len);
            }
        }
    }

    /// Writes down the validity of these rows.
    pub(super) fn settle(&mut self, slots: &mut [Slot], len: usize) {
        if self.from < len {
            for (_, slot) in slots.iter_mut().enumerate().filter(|(number, _)| self.always.contains(*number)) {
                slot.validity.extend(len.saturating_sub(slot.validity.filled()), true);
            }
            self.from = len;
        }
    }

    pub(super) fn clear(&mut self) {
        self.of = None;
        self.always.clear();
        self.told.clear();
    }
}
