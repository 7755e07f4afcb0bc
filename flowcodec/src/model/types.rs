//! The types a common field can have.

use core::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::text::Text;
use crate::time::Timestamp;

/// How a field is laid out in a column or row. Only outputs map these to the types of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ColumnType {
    /// 16 octets, IPv4 mapped.
    Address,
    /// Unsigned, 1 octet.
    U8,
    /// Unsigned, 2 octets.
    U16,
    /// Unsigned, 4 octets.
    U32,
    /// Unsigned, 8 octets.
    U64,
    /// Signed, 8 octets, two's complement.
    I64,
    /// IEEE 754 binary64.
    Double,
    /// Nanoseconds since the Unix epoch.
    Time,
    /// 6 octets.
    Mac,
    /// Octets that should be UTF-8. JSON and CSV show those that are not as [`Text`] does, so that no two values look the same, and let
    /// nothing through that would command a terminal; Arrow keeps them apart.
    Text,
    /// Octets without a meaning of their own.
    Octets,
    /// A short list of unsigned numbers.
    U32List,
}

impl ColumnType {
    /// Tells the types apart, for this build only.
    pub(crate) const fn code(self) -> u8 {
        #[expect(clippy::as_conversions, reason = "an enum without fields, of fewer than 256 variants")]
        return self as u8;
    }

    /// The largest number of an unsigned type; 0 for the others.
    #[must_use]
    pub const fn max(self) -> u64 {
        match self {
            Self::U8 => 0xff,
            Self::U16 => 0xffff,
            Self::U32 => 0xffff_ffff,
            Self::U64 => u64::MAX,
            _ => 0,
        }
    }

    /// Whether this is the layout of `value`, and wide enough for it.
    #[must_use]
    pub const fn holds(self, value: &FieldValue<'_>) -> bool {
        match value {
            FieldValue::Address(_) => matches!(self, Self::Address),
            FieldValue::Unsigned(number) => matches!(self, Self::U8 | Self::U16 | Self::U32 | Self::U64) && *number <= self.max(),
            FieldValue::Signed(_) => matches!(self, Self::I64),
            FieldValue::Double(_) => matches!(self, Self::Double),
            FieldValue::Time(_) => matches!(self, Self::Time),
            FieldValue::Mac(_) => matches!(self, Self::Mac),
            FieldValue::Text(_) => matches!(self, Self::Text),
            FieldValue::Octets(_) => matches!(self, Self::Octets),
            FieldValue::Numbers(_) => matches!(self, Self::U32List),
        }
    }
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unit {
    /// Nothing: an identifier, an address, a name.
    None,
    /// Octets.
    Octets,
    /// Packets.
    Packets,
    /// Flows.
    Flows,
    /// Nanoseconds since the Unix epoch.
    UnixNanos,
    /// Bits.
    Bits,
    /// Packets for one that was sampled.
    PacketsPerSample,
    /// Bits per second.
    BitsPerSecond,
    /// Hops.
    Hops,
    /// Nanoseconds.
    Nanos,
}

impl Unit {
    /// The unit in words, empty for [`Unit::None`].
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Octets => "octets",
            Self::Packets => "packets",
            Self::Flows => "flows",
            Self::UnixNanos => "nanoseconds since 1970",
            Self::Bits => "bits",
            Self::PacketsPerSample => "packets per sampled packet",
            Self::BitsPerSecond => "bits per second",
            Self::Hops => "hops",
            Self::Nanos => "nanoseconds",
        }
    }
}

/// A value of any common field, borrowed from a record or copied out of it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum FieldValue<'a> {
    /// Of [`ColumnType::Address`].
    Address(IpAddr),
    /// Of the unsigned types.
    Unsigned(u64),
    /// Of [`ColumnType::I64`].
    Signed(i64),
    /// Of [`ColumnType::Double`].
    Double(f64),
    /// Of [`ColumnType::Time`].
    Time(Timestamp),
    /// Of [`ColumnType::Mac`].
    Mac(Mac),
    /// Of [`ColumnType::Text`].
    Text(Text<'a>),
    /// Of [`ColumnType::Octets`].
    Octets(&'a [u8]),
    /// Of [`ColumnType::U32List`].
    Numbers(Numbers<'a>),
}

/// A MAC address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mac([u8; 6]);

impl Mac {
    /// From its octets.
    #[must_use]
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// Its octets.
    #[must_use]
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A short list of numbers: the MPLS labels of a record (elements 70 to 79), an AS path, communities. Equal when the numbers are.
///
/// ```
/// use flowcodec::model::Numbers;
/// assert_eq!(Numbers::from(&[64496, 64511][..]).iter().collect::<Vec<_>>(), [64496, 64511]);
/// ```
#[derive(Clone, Copy)]
pub struct Numbers<'a>(Held<'a>);

/// Where the numbers are.
#[derive(Clone, Copy)]
enum Held<'a> {
    /// Here: what was put together from several places.
    Here {
        items: [u32; Numbers::MOST],
        len: u8,
    },
    Given(&'a [u32]),
    /// As they stand on the wire.
    Wire(&'a [[u8; 4]]),
}

impl<'a> Numbers<'a> {
    /// As many as [`push`](Self::push) takes.
    pub const MOST: usize = 10;

    /// Numbers as they stand on the wire: 4 octets each, big-endian.
    #[must_use]
    pub const fn on_wire(words: &'a [[u8; 4]]) -> Self {
        Self(Held::Wire(words))
    }

    /// Adds a number at the end; `false` when ten are there already, or when these are borrowed.
    pub fn push(&mut self, item: u32) -> bool {
        let Held::Here { items, len } = &mut self.0 else { return false };
        match items.get_mut(usize::from(*len)) {
            Some(slot) => {
                *slot = item;
                *len = len.saturating_add(1);
                true
            }
            None => false,
        }
    }

    /// The numbers in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let (given, wire): (&[u32], &[[u8; 4]]) = match &self.0 {
            Held::Here { items, len } => (items.get(..usize::from(*len)).unwrap_or_default(), &[]),
            Held::Given(given) => (given, &[]),
            Held::Wire(wire) => (&[], wire),
        };
        given.iter().copied().chain(wire.iter().map(|octets| u32::from_be_bytes(*octets)))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self.0 {
            Held::Here { len, .. } => usize::from(len),
            Held::Given(given) => given.len(),
            Held::Wire(wire) => wire.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for Numbers<'_> {
    fn default() -> Self {
        Self(Held::Here { items: [0; Self::MOST], len: 0 })
    }
}

impl<'a> From<&'a [u32]> for Numbers<'a> {
    fn from(given: &'a [u32]) -> Self {
        Self(Held::Given(given))
    }
}

impl PartialEq for Numbers<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Numbers<'_> {}

impl fmt::Debug for Numbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Whether an exporter's counters were already multiplied by its sampling rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Scaled {
    /// Nobody said.
    #[default]
    Unknown,
    /// They count sampled packets only.
    No,
    /// They were multiplied by the exporter.
    Yes,
}

impl Scaled {
    /// The word used in outputs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::No => "no",
            Self::Yes => "yes",
        }
    }

    /// What a [`code`](Self::code) stands for.
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::No,
            2 => Self::Yes,
            _ => Self::Unknown,
        }
    }

    /// The number used in a row: 0 unknown, 1 no, 2 yes.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::No => 1,
            Self::Yes => 2,
        }
    }
}

/// A type that a [`Field`](super::Field) can have: what reading it gives.
pub trait FieldType: sealed::Sealed + 'static {
    /// What [`Record::get`](crate::Record::get) gives.
    type Out<'a>;
    /// Its layout.
    const COLUMN: ColumnType;
    /// Picks the value out of its dynamic form.
    fn out(value: FieldValue<'_>) -> Option<Self::Out<'_>>;
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody outside may add field types")]
    pub trait Sealed {}
}

macro_rules! field_types {
    ($($(#[doc = $doc:literal])+ $name:ident => $out:ty, $column:ident, $pattern:pat => $value:expr;)*) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct $name;
        impl sealed::Sealed for $name {}
        impl FieldType for $name {
            type Out<'a> = $out;
            const COLUMN: ColumnType = ColumnType::$column;
            #[inline]
            fn out(value: FieldValue<'_>) -> Option<Self::Out<'_>> {
                match value {
                    $pattern => $value,
                    _ => None,
                }
            }
        }
    )*};
}

field_types! {
    /// An IP address.
    Address => IpAddr, Address, FieldValue::Address(address) => Some(address);
    /// An unsigned number of 8 bits.
    U8 => u8, U8, FieldValue::Unsigned(number) => u8::try_from(number).ok();
    /// An unsigned number of 16 bits.
    U16 => u16, U16, FieldValue::Unsigned(number) => u16::try_from(number).ok();
    /// An unsigned number of 32 bits.
    U32 => u32, U32, FieldValue::Unsigned(number) => u32::try_from(number).ok();
    /// An unsigned number of 64 bits.
    U64 => u64, U64, FieldValue::Unsigned(number) => Some(number);
    /// A number that may be negative.
    I64 => i64, I64, FieldValue::Signed(number) => Some(number);
    /// A number with a fraction.
    Double => f64, Double, FieldValue::Double(number) => Some(number);
    /// A moment.
    Moment => Timestamp, Time, FieldValue::Time(time) => Some(time);
    /// A MAC address.
    MacAddress => Mac, Mac, FieldValue::Mac(mac) => Some(mac);
    /// Text.
    String => Text<'a>, Text, FieldValue::Text(text) => Some(text);
    /// Octets.
    Octets => &'a [u8], Octets, FieldValue::Octets(octets) => Some(octets);
    /// A short list of unsigned numbers.
    U32List => Numbers<'a>, U32List, FieldValue::Numbers(numbers) => Some(numbers);
}
