//! Columns as they are read.

use core::fmt;
use core::marker::PhantomData;

use super::FlowBatch;
use super::cells::Place;
use crate::model::{FieldId, FieldType};

/// One column of a batch, read by type.
pub struct Column<'a, T> {
    batch: &'a FlowBatch,
    number: usize,
    marker: PhantomData<fn() -> T>,
}

impl<T> Clone for Column<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Column<'_, T> {}

impl<T> fmt::Debug for Column<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Column").field("number", &self.number).field("len", &self.batch.len).finish_non_exhaustive()
    }
}

impl<'a, T: FieldType> Column<'a, T> {
    pub(super) const fn new(batch: &'a FlowBatch, number: usize) -> Self {
        Self { batch, number, marker: PhantomData }
    }

    /// Its rows: those of the batch.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.batch.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// The cell of a row; `None` where it is missing.
    #[must_use]
    #[inline]
    pub fn get(&self, row: usize) -> Option<T::Out<'a>> {
        T::out(self.batch.cell(self.number, row)?)
    }

    /// Whether the cell of a row is there.
    #[must_use]
    #[inline]
    pub fn has(&self, row: usize) -> bool {
        self.batch.has(self.number, row)
    }

    /// All cells in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<T::Out<'a>>> + use<'a, T> {
        let column = *self;
        (0..self.len()).map(move |row| column.get(row))
    }
}

/// The cells of a column as they stand in memory; those of rows without a cell are zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Values<'a> {
    /// Unsigned numbers of one octet.
    U8(&'a [u8]),
    /// Unsigned numbers of two octets.
    U16(&'a [u16]),
    /// Unsigned numbers of four octets.
    U32(&'a [u32]),
    /// Unsigned numbers of eight octets; times as nanoseconds, and the bits of numbers with a fraction.
    U64(&'a [u64]),
    /// MAC addresses.
    Mac(&'a [[u8; 6]]),
    /// IP addresses, IPv4 mapped.
    Address(&'a [[u8; 16]]),
    /// Text and octets: Arrow's views into `octets`.
    Views {
        /// One a row.
        views: &'a [u128],
        /// What views of more than 12 octets point into.
        octets: &'a [u8],
    },
    /// Lists: that of row n goes from offset n to offset n + 1.
    Lists {
        /// One more than there are rows.
        offsets: &'a [i32],
        /// The numbers of all lists.
        items: &'a [u32],
    },
}

impl FlowBatch {
    /// The cells of a column as they stand in memory, and a bit a row, the lowest of an octet first, where any is missing. `None` when the
    /// batch has no such column, no row has a cell in it, or [`finish`](Self::finish) is due.
    #[must_use]
    pub fn values(&self, id: FieldId) -> Option<(Values<'_>, Option<&[u8]>)> {
        let slot = self.slots.get(self.slot_of(id)?).filter(|slot| slot.validity.filled() == self.len && slot.validity.any())?;
        let (cells, len) = (&self.cells, self.len);
        let values = match slot.place {
            Place::Octet(at) => Values::U8(cells.arena.cells(at, len)),
            Place::Pair(at) => Values::U16(cells.arena.cells(at, len)),
            Place::Quad(at) => Values::U32(cells.arena.cells(at, len)),
            Place::Long(at) => Values::U64(cells.arena.cells(at, len)),
            Place::Mac(at) => Values::Mac(cells.arena.cells(at, len)),
            Place::Address(at) => Values::Address(cells.arena.cells(at, len)),
            Place::View(at) => Values::Views { views: cells.arena.cells(at, len), octets: &cells.text },
            Place::List(number) => {
                let list = cells.lists.get(number)?;
                Values::Lists { offsets: list.offsets.get(..=len)?, items: &list.items }
            }
        };
        Some((values, slot.validity.bits()))
    }
}
