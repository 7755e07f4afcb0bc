//! The message read from protobuf.

use super::draft::{Draft, Given};
use super::table::{ROWS, Row, Shape};
use super::{Dialect, Skipped};
use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::model::Flow;
use crate::wire::len32;

/// Reads one message without anything around it, such as the value of one record of Kafka, as a flow of [`schema`](super::schema). The
/// dialect is told by what is in the message.
///
/// # Errors
/// When the octets are not protobuf. The message is lost as a whole.
pub fn read_protobuf(message: &[u8]) -> Result<(Flow, Skipped), Fault> {
    let dialect = dialect_of(message)?;
    let mut draft = Draft::new();
    let mut fields = Fields::new(message);
    while let Some((at, number, value)) = fields.step()? {
        let Some((place, row)) = row_of(number, dialect) else {
            draft.skipped.count_unknown();
            continue;
        };
        match (row.form.shape(), value) {
            (Shape::Number | Shape::Numbers, Wire::Varint(number)) => draft.put(place, row.form, Given::Number(number)),
            (Shape::Numbers, Wire::Octets(packed)) => {
                let mut rest = packed;
                while !rest.is_empty() {
                    let Varint::Whole(number, len) = varint(rest) else {
                        return Err(invalid(FaultKind::ValueInvalid, at, message));
                    };
                    draft.put(place, row.form, Given::Number(number));
                    rest = rest.get(len..).unwrap_or_default();
                }
            }
            (Shape::Address | Shape::Addresses, Wire::Octets(octets)) => draft.put(place, row.form, Given::Octets(octets)),
            _ => draft.skipped.count_unknown(),
        }
    }
    Ok(draft.finish())
}

fn invalid(kind: FaultKind, at: usize, message: &[u8]) -> Fault {
    let offset = u32::try_from(at).unwrap_or(u32::MAX);
    Fault::new(kind, Layer::Field, LimitedBy::MessageLength, offset).costing(len32(message))
}

/// The dialect a whole message is in. Of the fields both have only number 38 differs: in v1 it is a moment, in v2 three bits.
fn dialect_of(message: &[u8]) -> Result<Dialect, Fault> {
    let (mut v1, mut v2, mut of_38) = (false, false, 0);
    let mut fields = Fields::new(message);
    while let Some((_, number, value)) = fields.step()? {
        let (in_v1, in_v2) = (row_of(number, Dialect::V1).is_some(), row_of(number, Dialect::V2).is_some());
        v1 |= in_v1 && !in_v2;
        v2 |= in_v2 && !in_v1;
        if let (38, Wire::Varint(value)) = (number, value) {
            of_38 = value;
        }
    }
    Ok(if !v2 && (v1 || of_38 > 7) { Dialect::V1 } else { Dialect::V2 })
}

/// Numbers of the table are below this.
const NUMBERS: usize = 128;

/// The row of each number, in either dialect; 255 for none.
const ROW_OF: [[u8; NUMBERS]; 2] = [row_numbers(Dialect::V1), row_numbers(Dialect::V2)];

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler, which refuses what is out of bounds"
)]
const fn row_numbers(dialect: Dialect) -> [u8; NUMBERS] {
    assert!(ROWS.len() < 255, "a row's number fits an octet");
    let mut rows = [255; NUMBERS];
    let mut row = 0;
    while row < ROWS.len() {
        let number = ROWS[row].place(dialect).number as usize;
        if number != 0 {
            rows[number] = row as u8;
        }
        row += 1;
    }
    rows
}

/// The row of a field's number, and which that is.
fn row_of(number: u32, dialect: Dialect) -> Option<(usize, &'static Row)> {
    let [v1, v2] = &ROW_OF;
    let rows = match dialect {
        Dialect::V1 => v1,
        Dialect::V2 => v2,
    };
    let place = usize::from(*rows.get(usize::try_from(number).ok()?)?);
    Some((place, ROWS.get(place)?))
}

/// A value on the wire.
#[derive(Debug, Clone, Copy)]
enum Wire<'a> {
    Varint(u64),
    Octets(&'a [u8]),
    /// Four or eight octets: no field of the message has this form.
    Fixed,
}

/// Walks over the fields of a message.
#[derive(Debug)]
struct Fields<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    const fn new(message: &'a [u8]) -> Self {
        Self { message, at: 0 }
    }

    /// Where the next field begins, its number and its value.
    fn step(&mut self) -> Result<Option<(usize, u32, Wire<'a>)>, Fault> {
        let from = self.at;
        match field(self.message.get(from..).unwrap_or_default()) {
            Field::End => Ok(None),
            Field::Whole { number, value, len } => {
                self.at = from.saturating_add(len);
                Ok(Some((from, number, value)))
            }
            Field::Cut => Err(invalid(FaultKind::Truncated, from, self.message)),
            Field::Invalid => Err(invalid(FaultKind::ValueInvalid, from, self.message)),
        }
    }
}

/// What octets begin with.
#[derive(Debug)]
enum Field<'a> {
    End,
    Whole {
        number: u32,
        value: Wire<'a>,
        len: usize,
    },
    /// The octets end within it.
    Cut,
    /// A number, or a way of writing, that no field has.
    Invalid,
}

fn field(octets: &[u8]) -> Field<'_> {
    if octets.is_empty() {
        return Field::End;
    }
    let (tag, tag_len) = match varint(octets) {
        Varint::Whole(tag, len) => (tag, len),
        Varint::Cut => return Field::Cut,
        Varint::Invalid => return Field::Invalid,
    };
    let Some(number) = u32::try_from(tag >> 3).ok().filter(|number| (1..1 << 29).contains(number)) else { return Field::Invalid };
    let rest = octets.get(tag_len..).unwrap_or_default();
    let (value, len) = match tag & 7 {
        0 => match varint(rest) {
            Varint::Whole(value, len) => (Wire::Varint(value), len),
            Varint::Cut => return Field::Cut,
            Varint::Invalid => return Field::Invalid,
        },
        1 if rest.len() >= 8 => (Wire::Fixed, 8),
        5 if rest.len() >= 4 => (Wire::Fixed, 4),
        1 | 5 => return Field::Cut,
        2 => {
            let (len, len_len) = match varint(rest) {
                Varint::Whole(len, len_len) => (usize::try_from(len).unwrap_or(usize::MAX), len_len),
                Varint::Cut => return Field::Cut,
                Varint::Invalid => return Field::Invalid,
            };
            let end = len_len.saturating_add(len);
            let Some(octets) = rest.get(len_len..end) else { return Field::Cut };
            (Wire::Octets(octets), end)
        }
        // Groups went out of use before proto3, and 6 and 7 are nothing.
        _ => return Field::Invalid,
    };
    Field::Whole { number, value, len: tag_len.saturating_add(len) }
}

/// A number of seven bits an octet, and how many octets that is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Varint {
    Whole(u64, usize),
    Cut,
    /// More than 64 bits.
    Invalid,
}

pub(super) fn varint(octets: &[u8]) -> Varint {
    let mut value = 0_u64;
    for (place, &octet) in (0_u32..10).zip(octets) {
        if place == 9 && octet > 1 {
            return Varint::Invalid;
        }
        value |= u64::from(octet & 0x7f).wrapping_shl(place.wrapping_mul(7));
        if octet < 0x80 {
            return Varint::Whole(value, usize::try_from(place.wrapping_add(1)).unwrap_or(0));
        }
    }
    Varint::Cut
}

/// Where a message ends that a newline follows, looked for from `from` on, where one of its fields begins. No field of the message begins
/// with an octet of a newline: number 1 would have to be text.
pub(super) fn end_of_line(octets: &[u8], from: usize) -> LineEnd {
    let mut at = from;
    loop {
        let rest = octets.get(at..).unwrap_or_default();
        if rest.first() == Some(&b'\n') {
            return LineEnd::At(at);
        }
        match field(rest) {
            Field::Whole { len, .. } => at = at.saturating_add(len),
            Field::End | Field::Cut => return LineEnd::Beyond(at),
            Field::Invalid => return LineEnd::Invalid(at),
        }
    }
}

/// What [`end_of_line`] found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LineEnd {
    /// The newline.
    At(usize),
    /// The octets end before it; here its next field begins.
    Beyond(usize),
    /// Here is something that is no field.
    Invalid(usize),
}

/// Whether octets, which may end anywhere, look like the message: whole fields of it, and hardly any others.
pub(super) fn looks_like_message(octets: &[u8]) -> bool {
    let (mut known, mut unknown, mut at) = (0_u32, 0_u32, 0_usize);
    loop {
        let rest = octets.get(at..).unwrap_or_default();
        if rest.first() == Some(&b'\n') {
            break;
        }
        match field(rest) {
            Field::Whole { number, value, len } => {
                let fits =
                    [Dialect::V1, Dialect::V2].into_iter().filter_map(|dialect| row_of(number, dialect)).any(|(_, row)| {
                        match (row.form.shape(), value) {
                            (Shape::Number, Wire::Varint(_)) | (Shape::Numbers, Wire::Varint(_) | Wire::Octets(_)) => true,
                            (Shape::Address | Shape::Addresses, Wire::Octets(octets)) => matches!(octets.len(), 4 | 16),
                            _ => false,
                        }
                    });
                let count = if fits { &mut known } else { &mut unknown };
                *count = count.saturating_add(1);
                at = at.saturating_add(len);
            }
            Field::End | Field::Cut => break,
            Field::Invalid => return false,
        }
    }
    known >= 3 && known > unknown
}
