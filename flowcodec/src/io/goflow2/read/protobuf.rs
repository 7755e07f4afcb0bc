//! The message read from protobuf.

use super::draft::{Draft, Given};
use super::keys;
use super::wire::{Field, Fields, Varint, Wire, field, invalid, varint};
use crate::error::{Fault, FaultKind};
use crate::io::goflow2::table::{Form, ROWS, Shape};
use crate::io::goflow2::{Dialect, Skipped, schema};
use crate::model::Flow;

/// Reads one message without anything around it, such as the value of one record of Kafka, as a flow of
/// [`schema`](crate::io::goflow2::schema). The dialect is told by what is in the message, as far as it tells:
///
/// | number | v1 | v2 | without being told |
/// |---|---|---|---|
/// | 38 | start of the flow, in seconds | IPv4's flags, three bits | by any field that one dialect alone has; else it is v1's when it
/// | | | | needs more than three bits, and else left out |
/// | 63, 64 | its times in milliseconds, from 1.1.1 on; in goflow, which came before goflow2, fields of PPP | | times, when those in
/// | | | | seconds say the same second or, as 1.x does of NetFlow 5 and 9, the next; else left out |
///
/// goflow2 writes when it received a flow into every message, by another number in each dialect, and so its own messages are never in
/// doubt. Whoever makes messages with fewer fields says the dialect: [`read_protobuf_as`]. What is left out is counted.
///
/// # Errors
/// When the octets are not protobuf. The message is lost as a whole.
pub fn read_protobuf(message: &[u8]) -> Result<(Flow, Skipped), Fault> {
    let (mut flow, mut likely) = (Flow::new(schema()), Dialect::V2);
    let skipped = read(message, None, &mut likely, &mut flow)?;
    Ok((flow, skipped))
}

/// The same of a message whose dialect is known; fields that only the other one has are unknown.
///
/// ```
/// use flowcodec::field;
/// use flowcodec::io::goflow2::{Dialect, read_protobuf, read_protobuf_as};
///
/// // Number 38, a varint, is 2.
/// let message = [0xb0, 2, 2];
/// assert_eq!(read_protobuf_as(&message, Dialect::V1)?.0.get(field::START).map(|time| time.as_seconds()), Some(2));
/// assert_eq!(read_protobuf_as(&message, Dialect::V2)?.0.get(field::FRAGMENT_FLAGS), Some(2 << 5));
/// assert_eq!(read_protobuf(&message)?.1.doubtful_values, 1, "it could be either");
/// # Ok::<(), flowcodec::Fault>(())
/// ```
///
/// # Errors
/// When the octets are not protobuf. The message is lost as a whole.
pub fn read_protobuf_as(message: &[u8], dialect: Dialect) -> Result<(Flow, Skipped), Fault> {
    let (mut flow, mut likely) = (Flow::new(schema()), dialect);
    let skipped = read(message, Some(dialect), &mut likely, &mut flow)?;
    Ok((flow, skipped))
}

/// Reads a message into a flow that has nothing yet: of the dialect that is known, or else told by the message; `likely` is the one it
/// probably has, such as that of the message before it, and becomes the one it had.
pub(super) fn read(message: &[u8], known: Option<Dialect>, likely: &mut Dialect, flow: &mut Flow) -> Result<Skipped, Fault> {
    let mut draft = Draft::new(flow);
    if known.is_some() {
        fields(&mut draft, message, known)?;
        return Ok(draft.finish());
    }
    draft.doubt_millis();
    let signs = fields(&mut draft, message, Some(*likely))?;
    let told = signs.dialect();
    // Where nothing tells it, the dialect is of no account but to number 38.
    if told.is_some_and(|told| told != *likely) || (told.is_none() && signs.of_38 != 0) {
        *likely = told.unwrap_or(*likely);
        *flow = Flow::new(schema());
        draft = Draft::new(flow);
        draft.doubt_millis();
        fields(&mut draft, message, told)?;
    }
    Ok(draft.finish())
}

/// What of a message tells its dialect.
#[derive(Debug, Default)]
struct Signs {
    /// [`ONLY_V1`], [`ONLY_V2`], or both.
    only: u8,
    /// All bits of number 38.
    of_38: u64,
}

impl Signs {
    /// Numbers of v1 can stand in messages of v2, which maps elements to any number, but not the other way round.
    const fn dialect(&self) -> Option<Dialect> {
        if self.only & ONLY_V2 != 0 {
            return Some(Dialect::V2);
        }
        if self.only & ONLY_V1 != 0 || self.of_38 > 7 { Some(Dialect::V1) } else { None }
    }
}

/// Takes all fields of a message; when the dialect is not known, all but number 38.
#[inline]
fn fields(draft: &mut Draft<'_>, message: &[u8], dialect: Option<Dialect>) -> Result<Signs, Fault> {
    let (mut signs, mut fields) = (Signs::default(), Fields::new(message));
    let rows = match dialect {
        Some(Dialect::V1) => &ROWS_V1,
        Some(Dialect::V2) | None => &ROWS_V2,
    };
    while let Some((at, number, value)) = fields.step()? {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        signs.only |= ONLY.get(number).copied().unwrap_or(0);
        let place = rows.get(number).map_or(usize::MAX, |place| usize::from(*place));
        match value {
            Wire::Varint(value) if number == 38 => {
                signs.of_38 |= value;
                if dialect.is_some() { draft.put_number(place, value) } else { draft.doubt() }
            }
            Wire::Varint(value) if keys::plain(place).is_some() => draft.put_number(place, value),
            _ => match (keys::form(place).map(Form::shape), value) {
                (Some(Shape::Number | Shape::Numbers), Wire::Varint(number)) => draft.put(place, Given::Number(number)),
                (Some(Shape::Numbers), Wire::Octets(packed)) => {
                    let mut rest = packed;
                    while !rest.is_empty() {
                        let Varint::Whole(number, len) = varint(rest) else {
                            return Err(invalid(FaultKind::ValueInvalid, at, message));
                        };
                        draft.put(place, Given::Number(number));
                        rest = rest.get(len..).unwrap_or_default();
                    }
                }
                (Some(Shape::Address | Shape::Addresses), Wire::Octets(octets)) => draft.put_octets(place, octets),
                _ => draft.skipped.count_unknown(),
            },
        }
    }
    Ok(signs)
}

/// Numbers of the table are below this.
const NUMBERS: usize = 128;

/// The row of each number; 255 for none.
static ROWS_V1: [u8; NUMBERS] = row_numbers(Dialect::V1);
static ROWS_V2: [u8; NUMBERS] = row_numbers(Dialect::V2);

/// Which numbers one dialect alone has.
static ONLY: [u8; NUMBERS] = only();
const ONLY_V1: u8 = 1;
const ONLY_V2: u8 = 2;

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

#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "as above")]
const fn only() -> [u8; NUMBERS] {
    let (v1, v2) = (row_numbers(Dialect::V1), row_numbers(Dialect::V2));
    let (mut only, mut number) = ([0; NUMBERS], 0);
    while number < NUMBERS {
        only[number] = match (v1[number], v2[number]) {
            (255, 255) => 0,
            (_, 255) => ONLY_V1,
            (255, _) => ONLY_V2,
            (v1, v2) => {
                assert!(v1 == v2 || number == 38, "another number with two meanings");
                0
            }
        };
        number += 1;
    }
    only
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
                let number = usize::try_from(number).unwrap_or(usize::MAX);
                let forms = [&ROWS_V1, &ROWS_V2].into_iter().filter_map(|rows| ROWS.get(usize::from(*rows.get(number)?)));
                let fits = forms.map(|row| (row.form.shape(), value)).any(|pair| match pair {
                    (Shape::Number, Wire::Varint(_)) | (Shape::Numbers, Wire::Varint(_) | Wire::Octets(_)) => true,
                    (Shape::Address | Shape::Addresses, Wire::Octets(octets)) => matches!(octets.len(), 4 | 16),
                    _ => false,
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
