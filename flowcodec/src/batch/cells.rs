//! The cells of a batch: one piece of memory in which column stands behind column, and what does not fit into cells of one width.

use crate::kernel::{self, ALIGNMENT, Arena, Plain, TILE};
use crate::model::{ColumnType, FieldValue, Mac, Numbers, address_of_octets, octets_of_address};
use crate::text::Text;
use crate::time::Timestamp;

/// All cells.
#[derive(Debug, Default)]
pub(super) struct Cells {
    pub(super) arena: Arena,
    pub(super) lists: Vec<List>,
    /// What views of more than [`INLINE`] octets point into.
    pub(super) text: Vec<u8>,
}

/// A column of lists of numbers: list n goes from offset n to offset n + 1.
#[derive(Debug, Clone, Default)]
pub(super) struct List {
    pub(super) offsets: Vec<i32>,
    pub(super) items: Vec<u32>,
}

/// Where a column is: in the arena from an octet on, by the width of its cells; or one of the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Octet(usize),
    Pair(usize),
    Quad(usize),
    /// Numbers; times as nanoseconds, and the bits of numbers with a fraction.
    Long(usize),
    Mac(usize),
    Address(usize),
    View(usize),
    List(usize),
}

/// Gives each column its place.
#[derive(Debug)]
pub(super) struct Layout {
    /// Cells of each column. Tiles are written whole, so there are more than rows.
    cells: usize,
    octets: usize,
    lists: usize,
}

impl Layout {
    pub(super) const fn new(rows: usize) -> Self {
        Self { cells: rows.saturating_add(TILE), octets: 0, lists: 0 }
    }

    pub(super) fn place(&mut self, column: ColumnType) -> Place {
        let mut next = |width: usize| {
            let place = self.octets;
            let end = place.saturating_add(self.cells.saturating_mul(width));
            self.octets = end.checked_next_multiple_of(ALIGNMENT).unwrap_or(usize::MAX);
            place
        };
        match column {
            ColumnType::U8 => Place::Octet(next(1)),
            ColumnType::U16 => Place::Pair(next(2)),
            ColumnType::U32 => Place::Quad(next(4)),
            ColumnType::U64 | ColumnType::I64 | ColumnType::Time | ColumnType::Double => Place::Long(next(8)),
            ColumnType::Mac => Place::Mac(next(6)),
            ColumnType::Address => Place::Address(next(16)),
            ColumnType::Text | ColumnType::Octets => Place::View(next(16)),
            ColumnType::U32List => {
                self.lists = self.lists.saturating_add(1);
                Place::List(self.lists.saturating_sub(1))
            }
        }
    }

    /// Whether no allocation can be so large.
    pub(super) const fn is_too_large(&self) -> bool {
        self.cells > MOST || self.octets >= isize::MAX.cast_unsigned() / 2
    }

    pub(super) fn cells(&self) -> Cells {
        Cells { arena: self.arena(Vec::new()), lists: vec![List::default(); self.lists], text: Vec::new() }
    }

    /// Memory for all columns: this one where it is enough.
    pub(super) fn arena(&self, memory: Vec<u128>) -> Arena {
        Arena::new(memory, self.octets)
    }
}

impl Place {
    /// Where in the arena it begins; lists are not there.
    pub(super) const fn begin(self) -> usize {
        match self {
            Self::Octet(at)
            | Self::Pair(at)
            | Self::Quad(at)
            | Self::Long(at)
            | Self::Mac(at)
            | Self::Address(at)
            | Self::View(at) => at,
            Self::List(_) => 0,
        }
    }

    /// Octets of a cell in the arena.
    pub(super) fn octets(self) -> usize {
        match self {
            Self::View(_) => size_of::<u128>(),
            place => usize::from(place.width()),
        }
    }

    /// Octets of a cell; 0 for those that are not copied from the wire as they are.
    pub(super) const fn width(self) -> u16 {
        match self {
            Self::Octet(_) => 1,
            Self::Pair(_) => 2,
            Self::Quad(_) => 4,
            Self::Mac(_) => 6,
            Self::Long(_) => 8,
            Self::Address(_) => 16,
            Self::View(_) | Self::List(_) => 0,
        }
    }
}

impl Cells {
    /// Zeroes the cells `from..to` of a column.
    pub(super) fn zero(&mut self, place: Place, from: usize, to: usize) {
        if let Place::List(number) = place {
            if let Some(list) = self.lists.get_mut(number) {
                list.close(to);
            }
            return;
        }
        let (at, width) = (place.begin(), place.octets());
        let (at, count) = (at.saturating_add(from.saturating_mul(width)), to.saturating_sub(from).saturating_mul(width));
        self.arena.cells_mut::<u8>(at, count).fill(0);
    }

    /// Cells of a column from a row on.
    #[inline]
    pub(super) fn rows<T: Plain>(&mut self, at: usize, row: usize, count: usize) -> &mut [T] {
        self.arena.cells_mut(at.saturating_add(row.saturating_mul(size_of::<T>())), count)
    }

    /// The same value in cells of a column from a row on. Four at a time and without a rest: up to three behind the last are written too,
    /// for which there is room.
    #[inline]
    pub(super) fn fill<T: Plain>(&mut self, at: usize, row: usize, count: usize, value: T) {
        const { assert!(TILE >= 4, "room behind the last row") };
        for cells in self.rows(at, row, count.next_multiple_of(4)).as_chunks_mut().0 {
            *cells = [value; 4];
        }
    }

    fn set<T: Plain>(&mut self, at: usize, row: usize, value: T) -> bool {
        self.rows(at, row, 1).first_mut().map(|cell| *cell = value).is_some()
    }

    /// Puts a value into cell `row`; `false` when it does not fit.
    pub(super) fn put(&mut self, place: Place, row: usize, value: &FieldValue<'_>) -> bool {
        match (place, value) {
            (Place::Octet(at), FieldValue::Unsigned(value)) => u8::try_from(*value).is_ok_and(|value| self.set(at, row, value)),
            (Place::Pair(at), FieldValue::Unsigned(value)) => u16::try_from(*value).is_ok_and(|value| self.set(at, row, value)),
            (Place::Quad(at), FieldValue::Unsigned(value)) => u32::try_from(*value).is_ok_and(|value| self.set(at, row, value)),
            (Place::Long(at), FieldValue::Unsigned(value)) => self.set(at, row, *value),
            (Place::Long(at), FieldValue::Signed(value)) => self.set(at, row, value.cast_unsigned()),
            (Place::Long(at), FieldValue::Time(time)) => self.set(at, row, time.as_nanos().cast_unsigned()),
            (Place::Long(at), FieldValue::Double(value)) => self.set(at, row, value.to_bits()),
            (Place::Mac(at), FieldValue::Mac(mac)) => self.set(at, row, mac.octets()),
            (Place::Address(at), FieldValue::Address(address)) => self.set(at, row, octets_of_address(*address)),
            (Place::View(at), FieldValue::Text(text)) => self.put_octets(at, row, text.as_bytes()),
            (Place::View(at), FieldValue::Octets(octets)) => self.put_octets(at, row, octets),
            (Place::List(number), FieldValue::Numbers(numbers)) => {
                self.lists.get_mut(number).is_some_and(|list| list.put(row, *numbers))
            }
            _ => false,
        }
    }

    /// Octets as the view of a cell; `false` when there is no room for them.
    pub(super) fn put_octets(&mut self, at: usize, row: usize, octets: &[u8]) -> bool {
        let room = self.text.len().saturating_add(octets.len()) <= MOST;
        let Some(view) = view_of(octets, self.text.len()).filter(|_| room) else { return false };
        if octets.len() > INLINE {
            self.text.extend_from_slice(octets);
        }
        self.set(at, row, view)
    }

    /// The value of cell `row`, whatever it says of its being there.
    pub(super) fn value(&self, place: Place, column: ColumnType, row: usize) -> Option<FieldValue<'_>> {
        Some(match place {
            Place::Octet(at) => FieldValue::Unsigned(u64::from(*self.get::<u8>(at, row)?)),
            Place::Pair(at) => FieldValue::Unsigned(u64::from(*self.get::<u16>(at, row)?)),
            Place::Quad(at) => FieldValue::Unsigned(u64::from(*self.get::<u32>(at, row)?)),
            Place::Long(at) => {
                let value = *self.get::<u64>(at, row)?;
                match column {
                    ColumnType::Time => FieldValue::Time(Timestamp::from_nanos(value.cast_signed())),
                    ColumnType::I64 => FieldValue::Signed(value.cast_signed()),
                    ColumnType::Double => FieldValue::Double(f64::from_bits(value)),
                    _ => FieldValue::Unsigned(value),
                }
            }
            Place::Mac(at) => FieldValue::Mac(Mac::new(*self.get(at, row)?)),
            Place::Address(at) => FieldValue::Address(address_of_octets(*self.get(at, row)?)),
            Place::View(at) => {
                let octets = octets_of(self.get(at, row)?, &self.text)?;
                match column {
                    ColumnType::Text => FieldValue::Text(Text::new(octets)),
                    _ => FieldValue::Octets(octets),
                }
            }
            Place::List(number) => FieldValue::Numbers(Numbers::from(self.lists.get(number)?.get(row)?)),
        })
    }

    fn get<T: Plain>(&self, at: usize, row: usize) -> Option<&T> {
        self.arena.cells(at.saturating_add(row.saturating_mul(size_of::<T>())), 1).first()
    }
}

impl List {
    /// Lists that have not been told are empty, up to list `row`.
    fn close(&mut self, row: usize) {
        let end = i32::try_from(self.items.len()).unwrap_or(i32::MAX);
        self.offsets.resize(row.saturating_add(1).max(self.offsets.len()), end);
    }

    fn put(&mut self, row: usize, numbers: Numbers<'_>) -> bool {
        // Lists are put one after the other; who puts the last one again replaces it.
        if self.offsets.len() == row.saturating_add(2) {
            self.offsets.pop();
            let start = self.offsets.last().and_then(|start| usize::try_from(*start).ok()).unwrap_or(0);
            self.items.truncate(start);
        }
        self.close(row);
        if self.items.len().saturating_add(numbers.len()) > MOST {
            return false;
        }
        self.items.extend(numbers.iter());
        self.close(row.saturating_add(1));
        true
    }

    pub(super) fn clear(&mut self) {
        self.offsets.clear();
        self.items.clear();
    }

    fn get(&self, row: usize) -> Option<&[u32]> {
        let place = |row: usize| usize::try_from(*self.offsets.get(row)?).ok();
        self.items.get(place(row)?..place(row.checked_add(1)?)?)
    }
}

/// Octets that stand in the view itself; of longer ones the first four do.
pub(super) const INLINE: usize = 12;

/// Octets that views and lists can point into.
pub(super) const MOST: usize = 0x7fff_ffff;

/// Arrow's view of octets: 4 octets of length, then all of them, or the first four, the number of the buffer (0), and the place there.
#[inline]
pub(crate) fn view_of(octets: &[u8], place: usize) -> Option<u128> {
    view(head(octets), octets.len(), place)
}

/// The first octets, and zeros behind the last: by two reads that overlap, not octet by octet.
#[inline]
fn head(octets: &[u8]) -> [u8; 16] {
    if let Some(head) = octets.first_chunk() {
        return *head;
    }
    // Bits of the second read that the first has already.
    let known = |both: usize| u32::try_from(both.saturating_sub(octets.len()).saturating_mul(8)).unwrap_or(0);
    let whole = if let (Some(first), Some(last)) = (octets.first_chunk::<8>(), octets.last_chunk::<8>()) {
        let behind = u64::from_le_bytes(*last).unbounded_shr(known(16));
        u128::from(u64::from_le_bytes(*first)) | u128::from(behind) << 64
    } else if let (Some(first), Some(last)) = (octets.first_chunk::<4>(), octets.last_chunk::<4>()) {
        let behind = u32::from_le_bytes(*last).unbounded_shr(known(8));
        u128::from(u32::from_le_bytes(*first)) | u128::from(behind) << 32
    } else {
        octets.iter().rev().fold(0, |whole, octet| whole << 8 | u128::from(*octet))
    };
    whole.to_le_bytes()
}

/// The same of `len` octets that begin with those of `head`. Both forms are made, and one is kept: which one cannot be foretold.
#[inline]
pub(super) fn view([a, b, c, d, rest @ ..]: [u8; 16], len: usize, place: usize) -> Option<u128> {
    let (length, place) = (u32::try_from(len).ok()?, u32::try_from(place).ok()?);
    let (of_first, of_rest, of_place) = *MASKS.get(len.min(INLINE.saturating_add(1)))?;
    let first = u64::from(u32::from_le_bytes([a, b, c, d]) & of_first) << 32 | u64::from(length);
    let rest = u64::from_le_bytes(*rest.first_chunk()?) & of_rest | u64::from(place) << 32 & of_place;
    Some(u128::from(rest) << 64 | u128::from(first))
}

/// What of the first four octets, of the eight behind them, and of the place stands in a view, by the number of octets; the last is for
/// all longer ones.
static MASKS: [(u32, u64, u64); INLINE + 2] = {
    let mut masks = [(u32::MAX, 0, u64::MAX); INLINE + 2];
    let mut len = 0;
    while len <= INLINE {
        #[expect(
            clippy::indexing_slicing,
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            reason = "evaluated by the compiler, which refuses what is out of bounds"
        )]
        {
            let octets = (1_u128 << (8 * len)) - 1;
            masks[len] = (octets as u32, (octets >> 32) as u64, 0);
        }
        len += 1;
    }
    masks
};

/// The octets of a view.
pub(crate) fn octets_of<'a>(view: &'a u128, text: &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(view & 0xffff_ffff).ok()?;
    if len <= INLINE {
        return kernel::octets(view).get(4..)?.get(..len);
    }
    let place = usize::try_from(view >> 96).ok()?;
    text.get(place..place.checked_add(len)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_any_length() {
        let octets: Vec<u8> = (1..=40).collect();
        for (from, len) in (0..8).flat_map(|from| (0..=32).map(move |len| (from, len))) {
            let text = &octets[from..from + len];
            let mut naive = [0; 16];
            naive.iter_mut().zip(text).for_each(|(to, octet)| *to = *octet);
            assert_eq!(head(text), naive);
        }
    }
}
