//! Rows that are alike in what they have.

use super::Slot;
use super::cells::Cells;
use super::program::{Columns, Program};

/// Rows at the end whose validity is not written down yet, because it is the same for all of them.
#[derive(Debug)]
pub(super) struct Open {
    /// The plan of the last of them, by its address, and whether the exporter's uptime was known; `None` when others have to begin anew.
    of: Option<(usize, bool)>,
    /// Columns that have a cell in each row behind those that are settled.
    pub(super) always: Columns,
    /// Columns whose validity is written down row by row. All others have no cell in the last rows.
    told: Columns,
}

impl Open {
    /// None, of so many columns.
    pub(super) fn none(columns: usize) -> Self {
        Self { of: None, always: Columns::none(columns), told: Columns::none(columns) }
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
        // Columns that both have go on: templates in turn differ in few.
        settle(self.always.without(always), slots, len);
        for number in always.without(&self.always).chain(program.told.without(&self.always)) {
            if let Some(slot) = slots.get_mut(number) {
                slot.fill(cells, len);
            }
        }
        self.always.copy_from(always);
        self.told.copy_from(&program.told);
    }

    /// Writes down the validity of these rows.
    pub(super) fn settle(&self, slots: &mut [Slot], len: usize) {
        settle(self.always.all(), slots, len);
    }

    pub(super) fn clear(&mut self) {
        self.of = None;
        self.always.clear();
        self.told.clear();
    }
}

/// Columns that have a cell in each row that is not settled.
fn settle(columns: impl Iterator<Item = usize>, slots: &mut [Slot], len: usize) {
    for number in columns {
        if let Some(Slot { validity, .. }) = slots.get_mut(number) {
            validity.extend(len.saturating_sub(validity.filled()), true);
        }
    }
}
