//! The fixed-size row.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

#[cfg(feature = "goflow2")]
use super::field;
use super::schema::{Field, FieldId, hot_offset};
use super::types::{ColumnType, FieldType, FieldValue, Mac};
use super::{COLUMNS, CORE, HOT};
use crate::time::Timestamp;

/// The common numbers, times and addresses of one flow: 192 octets of plain data, no pointer, no `Drop`.
///
/// Which fields were present is one bit each; accessors are made from the schema table. Rare fields, text and unknown elements are
/// not in it: read them from the [`Record`](crate::Record), or keep an owned [`Flow`](super::Flow).
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct FlowRecord {
    // Native-endian values at the offsets of the schema table; the first 8 octets are the presence bits. One array, because
    // executors of a plan write by offset.
    octets: [u8; Self::SIZE],
}

impl FlowRecord {
    /// Its size in octets.
    pub const SIZE: usize = crate::kernel::ROW;

    /// A row with nothing in it.
    pub const EMPTY: Self = Self { octets: [0; Self::SIZE] };

    /// Whether a field has a place in the row.
    #[must_use]
    pub fn holds(id: FieldId) -> bool {
        hot_offset(id).is_some()
    }

    /// The value of a field, if it has a place in the row and was present.
    #[must_use]
    #[inline]
    pub fn get<T: FieldType>(&self, field: Field<T>) -> Option<T::Out<'static>> {
        T::out(self.value(field.id())?)
    }

    /// The same for a field known by number.
    #[must_use]
    #[inline]
    pub fn value(&self, id: FieldId) -> Option<FieldValue<'static>> {
        let offset = hot_offset(id)?;
        self.load(id, usize::from(offset), *COLUMNS.get(id.index())?)
    }

    /// Presence bits of the fields that are the same in all rows of a message.
    #[cfg(feature = "goflow2")]
    pub(crate) const OF_MESSAGE: u64 = bit(field::RECEIVED.id())
        | bit(field::EXPORTER.id())
        | bit(field::DOMAIN.id())
        | bit(field::PROTOCOL.id())
        | bit(field::SAMPLING_RATE.id());

    /// What rows with the same values of these fields have the same, with one number more.
    #[cfg(feature = "goflow2")]
    #[inline]
    pub(crate) fn of_message(&self, more: u64) -> [u64; 8] {
        let word = |offset| u64::from_ne_bytes(self.at(offset));
        let protocol = self.protocol().map_or(0, u64::from);
        [self.present() & Self::OF_MESSAGE, word(8), word(16), word(24), word(32), word(40), protocol, more]
    }

    /// Whether a field was present.
    #[must_use]
    #[inline]
    pub fn has(&self, id: FieldId) -> bool {
        id.index() < HOT.len() && self.present() & bit(id) != 0
    }

    /// The presence bits: bit n for the field of number n.
    #[must_use]
    #[inline]
    pub fn present(&self) -> u64 {
        u64::from_ne_bytes(self.at(0))
    }

    #[inline]
    pub(crate) fn set_present(&mut self, bits: u64) {
        self.put(0, bits.to_ne_bytes());
    }

    /// All of it.
    #[inline]
    pub(crate) const fn as_octets(&self) -> &[u8; Self::SIZE] {
        &self.octets
    }

    /// The same, to be written.
    #[inline]
    pub(crate) const fn as_octets_mut(&mut self) -> &mut [u8; Self::SIZE] {
        &mut self.octets
    }

    /// One octet of it.
    #[inline]
    pub(crate) fn octet(&self, offset: usize) -> u8 {
        let [octet] = self.at(offset);
        octet
    }

    /// Becomes like another. In three pieces: for the whole the compiler calls a function that copies anything, which takes as long as
    /// ten fields.
    #[inline]
    pub(crate) const fn copy_from(&mut self, other: &Self) {
        const { assert!(Self::SIZE == 192, "the pieces are the whole") };
        let ([a, b, c], [x, y, z]) = (self.octets.as_chunks_mut::<64>().0, other.octets.as_chunks::<64>().0) else { return };
        (*a, *b, *c) = (*x, *y, *z);
    }

    #[inline]
    pub(crate) fn mark(&mut self, bits: u64) {
        self.set_present(self.present() | bits);
    }

    /// `N` octets at `offset`; places come from the schema table, which a test holds within the row.
    #[inline]
    fn at<const N: usize>(&self, offset: usize) -> [u8; N] {
        self.octets.get(offset..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }

    #[inline]
    pub(crate) fn put<const N: usize>(&mut self, offset: usize, octets: [u8; N]) {
        if let Some(place) = self.octets.get_mut(offset..).and_then(|rest| rest.first_chunk_mut()) {
            *place = octets;
        }
    }

    #[inline]
    pub(super) fn load(&self, id: FieldId, offset: usize, column: ColumnType) -> Option<FieldValue<'static>> {
        self.load_of(self.present(), id, offset, column)
    }

    /// The same where `fields` are the presence bits, or some of them.
    #[inline]
    pub(super) fn load_of(&self, fields: u64, id: FieldId, offset: usize, column: ColumnType) -> Option<FieldValue<'static>> {
        if fields & bit(id) == 0 {
            return None;
        }
        Some(match column {
            ColumnType::Address => FieldValue::Address(address(self.at(offset))),
            ColumnType::U8 => FieldValue::Unsigned(u64::from(u8::from_ne_bytes(self.at(offset)))),
            ColumnType::U16 => FieldValue::Unsigned(u64::from(u16::from_ne_bytes(self.at(offset)))),
            ColumnType::U32 => FieldValue::Unsigned(u64::from(u32::from_ne_bytes(self.at(offset)))),
            ColumnType::U64 => FieldValue::Unsigned(u64::from_ne_bytes(self.at(offset))),
            ColumnType::I64 => FieldValue::Signed(i64::from_ne_bytes(self.at(offset))),
            ColumnType::Double => FieldValue::Double(f64::from_ne_bytes(self.at(offset))),
            ColumnType::Time => FieldValue::Time(Timestamp::from_nanos(i64::from_ne_bytes(self.at(offset)))),
            ColumnType::Mac => FieldValue::Mac(Mac::new(self.at(offset))),
            ColumnType::Text | ColumnType::Octets | ColumnType::U32List => return None,
        })
    }

    /// Puts a value in the place of a field of the row. `false` when the field has no place here, or the value does not fit it.
    pub fn set(&mut self, id: FieldId, value: FieldValue<'_>) -> bool {
        let (Some(offset), Some(column)) = (hot_offset(id), COLUMNS.get(id.index())) else { return false };
        let offset = usize::from(offset);
        match (*column, value) {
            (ColumnType::Address, FieldValue::Address(address)) => self.put(offset, octets(address)),
            (_, FieldValue::Unsigned(number)) => return self.set_unsigned(id, number),
            (ColumnType::I64, FieldValue::Signed(number)) => self.put(offset, number.to_ne_bytes()),
            (ColumnType::Double, FieldValue::Double(number)) => self.put(offset, number.to_ne_bytes()),
            (ColumnType::Time, FieldValue::Time(time)) => self.put(offset, time.as_nanos().to_ne_bytes()),
            (ColumnType::Mac, FieldValue::Mac(mac)) => self.put(offset, mac.octets()),
            _ => return false,
        }
        self.mark(bit(id));
        true
    }

    /// The same of a number.
    #[inline]
    pub(crate) fn set_unsigned(&mut self, id: FieldId, number: u64) -> bool {
        let (Some(offset), Some(column)) = (hot_offset(id), COLUMNS.get(id.index())) else { return false };
        if number > column.max() {
            return false;
        }
        let offset = usize::from(offset);
        let [a, b, c, d, ..] = number.to_le_bytes();
        match *column {
            ColumnType::U8 => self.put(offset, [a]),
            ColumnType::U16 => self.put(offset, u16::from_le_bytes([a, b]).to_ne_bytes()),
            ColumnType::U32 => self.put(offset, u32::from_le_bytes([a, b, c, d]).to_ne_bytes()),
            ColumnType::U64 => self.put(offset, number.to_ne_bytes()),
            // Their largest is 0.
            _ => return false,
        }
        self.mark(bit(id));
        true
    }

    /// All fields that are present, in the table's order.
    pub fn fields(&self) -> impl Iterator<Item = (FieldId, FieldValue<'static>)> + '_ {
        (0_u16..).take(HOT.len()).map(FieldId::new).filter_map(|id| Some((id, self.value(id)?)))
    }
}

/// What the fields of a row are handed to.
#[cfg(feature = "json")]
pub(crate) trait TakesFields {
    /// Takes one field. How far it is goes in and comes out, and stays in a register between fields.
    fn take(&mut self, at: usize, id: FieldId, value: FieldValue<'_>) -> usize;
}

/// The presence bit of a field of the row.
#[inline]
pub(crate) const fn bit(id: FieldId) -> u64 {
    #[expect(clippy::as_conversions, reason = "widening; From is not const")]
    1_u64.wrapping_shl(id.number() as u32)
}

/// `::ffff:0.0.0.0`: what IPv4 addresses are mapped to (RFC 4291 §2.5.5.2).
const MAPPED: u128 = 0xffff << 32;

/// 16 octets as an address, IPv4 unmapped.
#[inline]
pub(crate) fn address(octets: [u8; 16]) -> IpAddr {
    // As numbers: octet by octet takes several times as long.
    let bits = u128::from_be_bytes(octets);
    match u32::try_from(bits ^ MAPPED) {
        Ok(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4)),
        Err(_) => IpAddr::V6(Ipv6Addr::from_bits(bits)),
    }
}

/// An address as 16 octets, IPv4 mapped.
#[inline]
pub(crate) fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

impl Default for FlowRecord {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl core::fmt::Debug for FlowRecord {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut map = f.debug_map();
        for (id, value) in self.fields() {
            if let Some(spec) = CORE.get(id.index()) {
                map.entry(&spec.name, &value);
            }
        }
        map.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::field;

    fn width(column: ColumnType) -> usize {
        match column {
            ColumnType::Address => 16,
            ColumnType::U8 => 1,
            ColumnType::U16 => 2,
            ColumnType::U32 => 4,
            ColumnType::U64 | ColumnType::I64 | ColumnType::Double | ColumnType::Time => 8,
            ColumnType::Mac => 6,
            other => panic!("{other:?} has no place in a row"),
        }
    }

    #[test]
    fn places_are_aligned_apart_and_inside() {
        assert!(HOT.len() <= 64, "one presence bit each");
        let mut taken = [false; FlowRecord::SIZE];
        taken[..8].fill(true);
        for (spec, &offset) in CORE.iter().zip(HOT) {
            let width = width(spec.column);
            let offset = usize::from(offset);
            assert!(width == 6 || offset % width == 0, "{} is not aligned", spec.name);
            for (at, taken) in taken.iter_mut().enumerate().skip(offset).take(width) {
                assert!(!*taken, "{} overlaps another field at {at}", spec.name);
                *taken = true;
            }
            assert!(offset + width <= FlowRecord::SIZE, "{}", spec.name);
        }
    }

    #[test]
    fn names_are_unique_and_no_element_feeds_two_fields_with_one_meaning() {
        let mut names = std::collections::HashSet::new();
        let mut sources = std::collections::HashSet::new();
        for spec in CORE {
            assert!(names.insert(&spec.name), "{} twice", spec.name);
            for source in spec.sources.iter() {
                assert!(sources.insert((source.element, source.take)), "{:?} twice ({})", source, spec.name);
            }
        }
    }

    #[test]
    fn absent_is_not_zero() {
        let mut row = FlowRecord::EMPTY;
        assert_eq!(row.octets(), None);
        assert!(row.set(field::OCTETS.id(), FieldValue::Unsigned(0)));
        assert_eq!(row.octets(), Some(0));
        assert!(!row.set(field::SRC_PORT.id(), FieldValue::Unsigned(70_000)));
        assert_eq!(row.src_port(), None);
    }
}
