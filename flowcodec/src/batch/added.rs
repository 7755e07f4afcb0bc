//! Columns that are filled apart from their batch, while other columns are read.

use super::cells::{INLINE, MOST, Place, view_of};
use super::validity::Validity;
use super::{FlowBatch, Slot};
use crate::model::{ColumnType, FieldId, FieldValue, octets_of_address};

/// A column on its way into a batch: [taken](FlowBatch::take_column) from it, filled while others are read, and
/// [put back](FlowBatch::put_column).
///
/// ```
/// use flowcodec::batch::FlowBatch;
/// use flowcodec::model::{FieldValue, Schema};
/// use flowcodec::field;
///
/// let mut batch = FlowBatch::builder(Schema::common()).all().capacity(2).build()?;
/// for protocol in [6, 17] {
///     batch.row().expect("there is room").set(field::IP_PROTOCOL.id(), FieldValue::Unsigned(protocol));
/// }
/// let mut names = batch.take_column(field::APPLICATION_NAME.id()).expect("one of all");
/// for (row, protocol) in batch.column(field::IP_PROTOCOL).expect("this too").iter().enumerate() {
///     if protocol == Some(17) {
///         names.set_text(row, b"udp");
///     }
/// }
/// assert!(batch.put_column(names));
/// let names = batch.column(field::APPLICATION_NAME).expect("it is there");
/// assert_eq!((names.get(0), names.get(1).map(|name| name.to_string())), (None, Some("udp".to_owned())));
/// # Ok::<(), flowcodec::batch::BatchError>(())
/// ```
#[derive(Debug)]
pub struct NewColumn {
    id: FieldId,
    tag: u32,
    column: ColumnType,
    width: usize,
    memory: Memory,
}

/// What a column of its own holds; kept by the batch between uses.
#[derive(Debug, Default)]
pub(super) struct Memory {
    cells: Vec<u8>,
    validity: Validity,
    text: Vec<u8>,
}

impl NewColumn {
    /// Its field.
    #[must_use]
    pub const fn id(&self) -> FieldId {
        self.id
    }

    /// Puts a value into the cell of a row; rows come in ascending order, and one that is left out has no cell. `false` when the value does
    /// not fit the column, or the row is not behind those so far.
    pub fn set(&mut self, row: usize, value: FieldValue<'_>) -> bool {
        if !self.column.holds(&value) {
            return false;
        }
        match (value, self.width) {
            (FieldValue::Text(text), _) => self.set_text(row, text.as_bytes()),
            (FieldValue::Octets(octets), _) => self.set_text(row, octets),
            (FieldValue::Unsigned(value), 1) => u8::try_from(value).is_ok_and(|value| self.cell(row, &value.to_ne_bytes())),
            (FieldValue::Unsigned(value), 2) => u16::try_from(value).is_ok_and(|value| self.cell(row, &value.to_ne_bytes())),
            (FieldValue::Unsigned(value), 4) => u32::try_from(value).is_ok_and(|value| self.cell(row, &value.to_ne_bytes())),
            (FieldValue::Unsigned(value), _) => self.cell(row, &value.to_ne_bytes()),
            (FieldValue::Signed(value), _) => self.cell(row, &value.to_ne_bytes()),
            (FieldValue::Time(time), _) => self.cell(row, &time.as_nanos().to_ne_bytes()),
            (FieldValue::Double(value), _) => self.cell(row, &value.to_bits().to_ne_bytes()),
            (FieldValue::Mac(mac), _) => self.cell(row, &mac.octets()),
            (FieldValue::Address(address), _) => self.cell(row, &octets_of_address(address)),
            _ => false,
        }
    }

    /// The same for text, or octets where the column holds octets.
    #[inline]
    pub fn set_text(&mut self, row: usize, octets: &[u8]) -> bool {
        if !matches!(self.column, ColumnType::Text | ColumnType::Octets) {
            return false;
        }
        let Some(view) = view_of(octets, self.memory.text.len()) else { return false };
        let set = self.cell(row, &view.to_ne_bytes());
        if set && octets.len() > INLINE {
            self.memory.text.extend_from_slice(octets);
        }
        set
    }

    /// The same for text that is made of parts.
    pub fn set_parts<'t>(&mut self, row: usize, parts: impl IntoIterator<Item = &'t [u8]>) -> bool {
        if !matches!(self.column, ColumnType::Text | ColumnType::Octets) {
            return false;
        }
        let place = self.memory.text.len();
        for part in parts {
            self.memory.text.extend_from_slice(part);
        }
        let whole = self.memory.text.get(place..).unwrap_or_default();
        let (short, view) = (whole.len() <= INLINE, view_of(whole, place));
        let set = view.is_some_and(|view| self.cell(row, &view.to_ne_bytes()));
        if short || !set {
            self.memory.text.truncate(place);
        }
        set
    }

    #[inline]
    fn cell(&mut self, row: usize, octets: &[u8]) -> bool {
        let Memory { cells, validity, .. } = &mut self.memory;
        let filled = validity.filled();
        if row < filled || octets.len() != self.width {
            return false;
        }
        if row > filled {
            validity.extend(row.saturating_sub(filled), false);
            cells.resize(row.saturating_mul(self.width), 0);
        }
        validity.there();
        cells.extend_from_slice(octets);
        true
    }
}

impl FlowBatch {
    /// A column to be filled apart; `None` when the batch does not have it, or it holds lists. What it holds now stays until another is put
    /// in its place.
    pub fn take_column(&mut self, id: FieldId) -> Option<NewColumn> {
        let slot = self.slots.get(self.slot_of(id)?)?;
        if matches!(slot.place, Place::List(_)) {
            return None;
        }
        let mut memory = self.spare.pop().unwrap_or_default();
        memory.cells.clear();
        memory.text.clear();
        memory.validity.clear();
        Some(NewColumn { id, tag: self.schema.tag(), column: slot.column, width: slot.place.octets(), memory })
    }

    /// Puts a column in the place of the one that it was taken for; rows that it does not have get no cell. `false`, and nothing is changed,
    /// when it is of another schema, has more rows than the batch, or there is no room for more text.
    ///
    /// Cost: a copy of its cells, and of its text.
    pub fn put_column(&mut self, column: NewColumn) -> bool {
        let NewColumn { id, tag, mut memory, width, .. } = column;
        let (len, base) = (self.len, self.cells.text.len());
        let fits = tag == self.schema.tag()
            && memory.validity.filled() <= len
            && base.saturating_add(memory.text.len()) <= MOST
            && memory.text.len() <= MOST;
        let Some(number) = self.slot_of(id).filter(|_| fits) else { return false };
        self.close();
        let Some(Slot { place, validity, .. }) = self.slots.get_mut(number) else { return false };
        if place.octets() != width {
            return false;
        }
        let to = self.cells.arena.cells_mut::<u8>(place.begin(), len.saturating_mul(width));
        let (there, behind) = to.split_at_mut_checked(memory.cells.len()).unwrap_or_default();
        there.copy_from_slice(memory.cells.get(..there.len()).unwrap_or_default());
        behind.fill(0);
        if !memory.text.is_empty() {
            let Place::View(at) = *place else { return false };
            let moved = u128::try_from(base).unwrap_or_default() << 96;
            for view in self.cells.arena.cells_mut::<u128>(at, len) {
                // The lower half of the lower half is the length.
                if *view & u128::from(u32::MAX) > u128::try_from(INLINE).unwrap_or_default() {
                    *view = view.wrapping_add(moved);
                }
            }
            self.cells.text.extend_from_slice(&memory.text);
        }
        if memory.validity.any() {
            memory.validity.extend(len.saturating_sub(memory.validity.filled()), false);
        } else {
            memory.validity.clear();
        }
        core::mem::swap(validity, &mut memory.validity);
        self.spare.push(memory);
        true
    }
}
