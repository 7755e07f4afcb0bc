//! One value, and the grammar of constructors.

use flowcodec::wire::{Input, Parsed, array, be32, fault_of, take};
use flowcodec::{Fault, FaultKind, Layer, LimitedBy, Text};
use nom::combinator::map;
use nom::{Err, Parser as _};

use super::compound::{Array, List, Map};

/// How deep lists, maps, arrays and descriptors may lie in one another. VAN-Flow needs 3.
pub const DEPTH: u8 = 8;

/// A value of any AMQP type, borrowed. New types may come: match with a wildcard.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// No value.
    Null,
    /// True or false.
    Bool(bool),
    /// Unsigned, 8 bits.
    Ubyte(u8),
    /// Unsigned, 16 bits.
    Ushort(u16),
    /// Unsigned, 32 bits.
    Uint(u32),
    /// Unsigned, 64 bits.
    Ulong(u64),
    /// Signed, 8 bits.
    Byte(i8),
    /// Signed, 16 bits.
    Short(i16),
    /// Signed, 32 bits.
    Int(i32),
    /// Signed, 64 bits.
    Long(i64),
    /// IEEE 754 binary32.
    Float(f32),
    /// IEEE 754 binary64.
    Double(f64),
    /// A Unicode code point, as it was sent: it need not be one.
    Char(u32),
    /// Milliseconds since 1970.
    Timestamp(i64),
    /// A UUID.
    Uuid(&'a [u8; 16]),
    /// Octets.
    Binary(&'a [u8]),
    /// Text that should be UTF-8.
    String(Text<'a>),
    /// Text that should be ASCII.
    Symbol(Text<'a>),
    /// A list of values.
    List(List<'a>),
    /// Keys and values.
    Map(Map<'a>),
    /// Values of one type.
    Array(Array<'a>),
    /// A value and what it means.
    Described(Described<'a>),
    /// Decimal numbers, and types the standard does not have: the code, and the octets that its class says.
    Other(u8, &'a [u8]),
}

impl<'a> Value<'a> {
    /// Reads one value that takes all the octets.
    ///
    /// ```
    /// use vanflow::amqp::Value;
    /// assert_eq!(Value::parse(&[0x53, 7])?, Value::Ulong(7));
    /// # Ok::<(), flowcodec::Fault>(())
    /// ```
    ///
    /// # Errors
    /// When the octets hold no value, or more than one.
    pub fn parse(octets: &'a [u8]) -> Result<Self, Fault> {
        let (rest, value) = value(DEPTH)(Input::new(octets)).map_err(fault_of)?;
        if rest.is_empty() { Ok(value) } else { Err(rest.fault(FaultKind::TrailingOctets, Layer::Field).costing(rest.len32())) }
    }

    /// Reads one value, and gives the octets behind it: a performative and its payload.
    ///
    /// # Errors
    /// When the octets do not begin with a value.
    pub fn split(octets: &'a [u8]) -> Result<(Self, &'a [u8]), Fault> {
        let (rest, value) = value(DEPTH)(Input::new(octets)).map_err(fault_of)?;
        Ok((value, rest.bytes()))
    }

    /// An unsigned number of any width.
    #[must_use]
    #[inline]
    pub fn unsigned(self) -> Option<u64> {
        match self {
            Self::Ulong(number) => Some(number),
            Self::Uint(number) => Some(number.into()),
            Self::Ushort(number) => Some(number.into()),
            Self::Ubyte(number) => Some(number.into()),
            _ => None,
        }
    }

    /// A number that is not negative, of any integer type: what a lenient reader takes for an id.
    #[must_use]
    pub fn natural(self) -> Option<u64> {
        match self {
            Self::Long(number) => u64::try_from(number).ok(),
            Self::Int(number) => u64::try_from(number).ok(),
            Self::Short(number) => u64::try_from(number).ok(),
            Self::Byte(number) => u64::try_from(number).ok(),
            other => other.unsigned(),
        }
    }

    /// A string or a symbol.
    #[must_use]
    #[inline]
    pub const fn text(self) -> Option<Text<'a>> {
        match self {
            Self::String(text) | Self::Symbol(text) => Some(text),
            _ => None,
        }
    }

    /// Whether there is no value.
    #[must_use]
    pub const fn is_null(self) -> bool {
        matches!(self, Self::Null)
    }
}

/// A described value: what it means, and the value; both are read when asked for.
#[derive(Debug, Clone, Copy)]
pub struct Described<'a> {
    /// Descriptor and value, which were walked once to find their end.
    octets: Input<'a>,
    depth: u8,
}

impl<'a> Described<'a> {
    /// What the value means.
    #[must_use]
    pub fn descriptor(&self) -> Descriptor<'a> {
        match value(self.depth)(self.octets) {
            Ok((_, Value::Ulong(code))) => Descriptor::Code(code),
            Ok((_, Value::Symbol(name))) => Descriptor::Symbol(name),
            _ => Descriptor::Other,
        }
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> Value<'a> {
        let inner = value(self.depth)(self.octets).and_then(|(inner, _)| value(self.depth)(inner));
        inner.map_or(Value::Null, |(_, value)| value)
    }

    /// The octets of descriptor and value, constructors included.
    #[must_use]
    pub const fn octets(&self) -> &'a [u8] {
        self.octets.bytes()
    }
}

impl PartialEq for Described<'_> {
    /// Whether they have the same octets.
    fn eq(&self, other: &Self) -> bool {
        self.octets() == other.octets()
    }
}

/// What a described value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Descriptor<'a> {
    /// Domain (upper 32 bits) and number.
    Code(u64),
    /// A name.
    Symbol(Text<'a>),
    /// A value of another type, which names nothing.
    Other,
}

/// A value and its constructor, with `depth` levels left below it.
#[inline]
pub(super) fn value<'a>(depth: u8) -> impl Fn(Input<'a>) -> Parsed<'a, Value<'a>> {
    move |input| {
        let (rest, &[code]) = array(Layer::Field)(input)?;
        if code == 0 { described(deeper(depth, input)?)(rest) } else { body(code, depth)(rest) }
    }
}

/// What follows the constructor `code`.
#[inline]
pub(super) fn body<'a>(code: u8, depth: u8) -> impl Fn(Input<'a>) -> Parsed<'a, Value<'a>> {
    move |input| match scalar(code, input.bytes()) {
        Some((value, length)) => map(take(length, FIELD, input.limit()), |_| value).parse(input),
        None => compound(code, depth, input),
    }
}

/// A value without others in it, and its octets: `None` when it is a compound, of no type that has a name here, or cut short.
///
/// Read from the slice, not by combinators: records are made of these, and a combinator each cost ten times as much.
#[inline]
pub(super) fn scalar(code: u8, octets: &[u8]) -> Option<(Value<'_>, usize)> {
    Some(match code {
        0x40 => (Value::Null, 0),
        0x41 => (Value::Bool(true), 0),
        0x42 => (Value::Bool(false), 0),
        0x43 => (Value::Uint(0), 0),
        0x44 => (Value::Ulong(0), 0),
        0x50 => (Value::Ubyte(*octets.first()?), 1),
        0x51 => (Value::Byte(octets.first()?.cast_signed()), 1),
        0x52 => (Value::Uint((*octets.first()?).into()), 1),
        0x53 => (Value::Ulong((*octets.first()?).into()), 1),
        0x54 => (Value::Int(octets.first()?.cast_signed().into()), 1),
        0x55 => (Value::Long(octets.first()?.cast_signed().into()), 1),
        0x56 => (Value::Bool(*octets.first()? != 0), 1),
        0x60 => (Value::Ushort(u16::from_be_bytes(*octets.first_chunk()?)), 2),
        0x61 => (Value::Short(i16::from_be_bytes(*octets.first_chunk()?)), 2),
        0x70 => (Value::Uint(u32::from_be_bytes(*octets.first_chunk()?)), 4),
        0x71 => (Value::Int(i32::from_be_bytes(*octets.first_chunk()?)), 4),
        0x72 => (Value::Float(f32::from_be_bytes(*octets.first_chunk()?)), 4),
        0x73 => (Value::Char(u32::from_be_bytes(*octets.first_chunk()?)), 4),
        0x80 => (Value::Ulong(u64::from_be_bytes(*octets.first_chunk()?)), 8),
        0x81 => (Value::Long(i64::from_be_bytes(*octets.first_chunk()?)), 8),
        0x82 => (Value::Double(f64::from_be_bytes(*octets.first_chunk()?)), 8),
        0x83 => (Value::Timestamp(i64::from_be_bytes(*octets.first_chunk()?)), 8),
        0x98 => (Value::Uuid(octets.first_chunk()?), 16),
        0xa0 | 0xa1 | 0xa3 => {
            let (&size, rest) = octets.split_first()?;
            let size = usize::from(size);
            (of_octets(code, rest.get(..size)?), size.saturating_add(1))
        }
        0xb0 | 0xb1 | 0xb3 => {
            let (size, rest) = octets.split_first_chunk()?;
            let size = usize::try_from(u32::from_be_bytes(*size)).ok()?;
            (of_octets(code, rest.get(..size)?), size.saturating_add(4))
        }
        _ => return None,
    })
}

#[inline]
const fn of_octets(code: u8, octets: &[u8]) -> Value<'_> {
    match code & 0x0f {
        0 => Value::Binary(octets),
        1 => Value::String(Text::new(octets)),
        _ => Value::Symbol(Text::new(octets)),
    }
}

/// A value with others in it, or one that is skipped by its class; and the fault of a scalar that is cut short.
fn compound(code: u8, depth: u8, input: Input<'_>) -> Parsed<'_, Value<'_>> {
    match code {
        0x45 => Ok((input, Value::List(List::new(Input::at(&[], input.offset(), LimitedBy::FieldLength), 0, depth)))),
        0xc0 | 0xd0 => {
            let (rest, (items, count)) = counted(code, input)?;
            Ok((rest, Value::List(List::new(items, count, deeper(depth, input)?))))
        }
        0xc1 | 0xd1 => {
            let (rest, (items, count)) = counted(code, input)?;
            if count % 2 != 0 {
                return Err(Err::Error(items.fault(FaultKind::ValueInvalid, FIELD).costing(items.len32())));
            }
            Ok((rest, Value::Map(Map::new(List::new(items, count, deeper(depth, input)?)))))
        }
        0xe0 | 0xf0 => {
            let (rest, (items, count)) = counted(code, input)?;
            let (_, array) = Array::read(items, count, deeper(depth, input)?)?;
            Ok((rest, Value::Array(array)))
        }
        _ => other(code, input),
    }
}

/// Levels left below a container at `input`.
#[inline]
fn deeper(depth: u8, input: Input<'_>) -> Result<u8, Err<Fault>> {
    depth.checked_sub(1).ok_or_else(|| Err::Error(input.fault(FaultKind::ListTooDeep, FIELD).costing(input.len32())))
}

/// A descriptor and its value.
fn described<'a>(depth: u8) -> impl Fn(Input<'a>) -> Parsed<'a, Value<'a>> {
    move |input| {
        let (inner, _) = value(depth)(input)?;
        let (rest, _) = value(depth)(inner)?;
        let length = input.bytes().len().saturating_sub(rest.bytes().len());
        map(take(length, FIELD, LimitedBy::FieldLength), |octets| Value::Described(Described { octets, depth })).parse(input)
    }
}

/// A size of 1 octet (even classes) or 4 (odd ones), and that many octets.
#[inline]
fn sized<'a>(code: u8) -> impl Fn(Input<'a>) -> Parsed<'a, Input<'a>> {
    move |input| {
        let (rest, size) = number(code, input)?;
        take(usize::try_from(size).unwrap_or(usize::MAX), FIELD, LimitedBy::FieldLength)(rest)
    }
}

/// Size and count, and the octets of that many items; every item takes one octet or more.
#[inline]
fn counted(code: u8, input: Input<'_>) -> Parsed<'_, (Input<'_>, u32)> {
    let (rest, sub) = sized(code)(input)?;
    let (items, count) = number(code, sub)?;
    if count > items.len32() {
        let fault = items.fault(FaultKind::CountBeyondOctets, FIELD).sizes(count, items.len32());
        return Err(Err::Error(fault.costing(items.len32())));
    }
    Ok((rest, (items, count)))
}

/// A number of 1 octet where bit 4 of the constructor is clear, of 4 where it is set.
#[inline]
fn number(code: u8, input: Input<'_>) -> Parsed<'_, u32> {
    if code & 0x10 == 0 {
        map(array(FIELD), |&[octet]| u32::from(octet)).parse(input)
    } else {
        map(array::<4>(FIELD), |octets| be32(octets, 0)).parse(input)
    }
}

/// A code without a type of its own here, skipped by its class.
#[cold]
fn other(code: u8, input: Input<'_>) -> Parsed<'_, Value<'_>> {
    let fixed =
        |length| map(take(length, FIELD, input.limit()), |octets: Input<'_>| Value::Other(code, octets.bytes())).parse(input);
    match code >> 4 {
        0x4 => fixed(0),
        0x5 => fixed(1),
        0x6 => fixed(2),
        0x7 => fixed(4),
        0x8 => fixed(8),
        0x9 => fixed(16),
        0xa..=0xf => map(sized(code), |octets| Value::Other(code, octets.bytes())).parse(input),
        _ => Err(Err::Error(input.fault(FaultKind::ValueInvalid, FIELD).costing(input.len32()))),
    }
}

/// The layer of faults in values.
pub(super) const FIELD: Layer = Layer::Field;

#[cfg(test)]
mod tests {
    use super::*;

    /// One example of each width, by the table of part 1 §1.6.
    #[test]
    fn every_scalar() {
        let cases: &[(&[u8], Value<'_>)] = &[
            (&[0x40], Value::Null),
            (&[0x41], Value::Bool(true)),
            (&[0x42], Value::Bool(false)),
            (&[0x56, 1], Value::Bool(true)),
            (&[0x50, 0xff], Value::Ubyte(255)),
            (&[0x60, 0x12, 0x34], Value::Ushort(0x1234)),
            (&[0x43], Value::Uint(0)),
            (&[0x52, 0x80], Value::Uint(128)),
            (&[0x70, 0, 1, 0, 0], Value::Uint(65_536)),
            (&[0x44], Value::Ulong(0)),
            (&[0x53, 0xff], Value::Ulong(255)),
            (&[0x80, 0xff, 0, 0, 0, 0, 0, 0, 1], Value::Ulong(0xff00_0000_0000_0001)),
            (&[0x51, 0x80], Value::Byte(-128)),
            (&[0x61, 0xff, 0xfe], Value::Short(-2)),
            (&[0x54, 0xff], Value::Int(-1)),
            (&[0x71, 0x80, 0, 0, 0], Value::Int(i32::MIN)),
            (&[0x55, 0x80], Value::Long(-128)),
            (&[0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfd], Value::Long(-3)),
            (&[0x72, 0x3f, 0x80, 0, 0], Value::Float(1.0)),
            (&[0x82, 0xc0, 0, 0, 0, 0, 0, 0, 0], Value::Double(-2.0)),
            (&[0x73, 0, 1, 0xf6, 0], Value::Char(0x1f600)),
            (&[0x83, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Value::Timestamp(-1)),
            (&[0xa0, 2, 1, 2], Value::Binary(&[1, 2])),
            (&[0xb0, 0, 0, 0, 1, 9], Value::Binary(&[9])),
            (&[0xa1, 2, b'h', b'i'], Value::String(Text::new(b"hi"))),
            (&[0xb1, 0, 0, 0, 0], Value::String(Text::new(b""))),
            (&[0xa3, 1, b'v'], Value::Symbol(Text::new(b"v"))),
            (&[0xb3, 0, 0, 0, 1, b'v'], Value::Symbol(Text::new(b"v"))),
            (&[0x74, 1, 2, 3, 4], Value::Other(0x74, &[1, 2, 3, 4])),
            (&[0x4f], Value::Other(0x4f, &[])),
            (&[0xaf, 1, 7], Value::Other(0xaf, &[7])),
            (&[0xdf, 0, 0, 0, 2, 7, 8], Value::Other(0xdf, &[7, 8])),
        ];
        for (octets, wanted) in cases {
            assert_eq!(Value::parse(octets).as_ref(), Ok(wanted), "{octets:02x?}");
            for cut in 0..octets.len() {
                let fault = Value::parse(&octets[..cut]).unwrap_err();
                assert_eq!(fault.kind, FaultKind::Truncated, "{octets:02x?} cut to {cut}");
            }
        }
        assert_eq!(Value::parse(&[[0x98].as_slice(), &[7; 16]].concat()), Ok(Value::Uuid(&[7; 16])));
    }

    #[test]
    fn lenient_numbers_and_texts() {
        assert_eq!(Value::Long(5).natural(), Some(5));
        assert_eq!(Value::Long(-5).natural(), None);
        assert_eq!(Value::Long(5).unsigned(), None);
        assert_eq!(Value::Ubyte(5).unsigned(), Some(5));
        assert_eq!(Value::Symbol(Text::new(b"x")).text(), Some(Text::new(b"x")));
        assert_eq!(Value::Binary(b"x").text(), None);
    }

    #[test]
    fn what_may_not_be() {
        let kinds = |octets: &[u8]| {
            let fault = Value::parse(octets).unwrap_err();
            (fault.kind, fault.offset)
        };
        assert_eq!(kinds(&[0x53, 1, 2]), (FaultKind::TrailingOctets, 2));
        assert_eq!(kinds(&[0x13, 1]), (FaultKind::ValueInvalid, 1), "a class that is none");
        assert_eq!(kinds(&[0xc0, 1, 5]), (FaultKind::CountBeyondOctets, 3));
        assert_eq!(kinds(&[0xc1, 2, 1, 0x40]), (FaultKind::ValueInvalid, 3), "a key without a value");
        assert_eq!(kinds(&[0xc0, 0]), (FaultKind::Truncated, 2), "no room for the count");
        assert_eq!(kinds(&[0xd0, 0, 0, 0, 9, 0, 0, 0, 0]), (FaultKind::Truncated, 5), "a size beyond the octets");
    }

    #[test]
    fn nesting_ends_at_its_limit() {
        // Descriptors of descriptors: each level is one octet.
        for levels in [1, usize::from(DEPTH)] {
            let octets = [vec![0; levels], [0x53, 1].repeat(levels + 1)].concat();
            assert!(Value::parse(&octets).is_ok(), "{levels}");
        }
        let deep = [vec![0; 100_000], vec![0x40; 100_001]].concat();
        assert_eq!(Value::parse(&deep).unwrap_err().kind, FaultKind::ListTooDeep);
        // Lists in lists, walked.
        let mut octets = vec![0x45];
        for _ in 0..12 {
            octets = [&[0xc0, u8::try_from(octets.len() + 1).unwrap(), 1][..], &octets].concat();
        }
        let (mut value, mut levels) = (Value::parse(&octets), 0);
        while let Ok(Value::List(list)) = value {
            levels += 1;
            value = list.items().next().unwrap();
        }
        assert_eq!((levels, value.unwrap_err().kind), (DEPTH, FaultKind::ListTooDeep));
    }
}
