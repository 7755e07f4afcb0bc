//! Protobuf on the wire: the fields of a message, each with its number. It knows nothing of goflow2.

use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::wire::len32;

/// A value on the wire.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Octets(&'a [u8]),
    /// Four or eight octets: no field of the message has this form.
    Fixed,
}

/// Walks over the fields of a message.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    message: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    pub(super) const fn new(message: &'a [u8]) -> Self {
        Self { message, at: 0 }
    }

    /// Where the next field begins, its number and its value.
    #[expect(clippy::inline_always, reason = "what it gives stays in registers")]
    #[inline(always)]
    pub(super) fn step(&mut self) -> Result<Option<(usize, u32, Wire<'a>)>, Fault> {
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
pub(super) enum Field<'a> {
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

#[expect(clippy::inline_always, reason = "as above")]
#[inline(always)]
pub(super) fn field(octets: &[u8]) -> Field<'_> {
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

#[inline]
pub(super) fn varint(octets: &[u8]) -> Varint {
    match octets {
        // Most of them, tags among them.
        [octet @ ..0x80, ..] => Varint::Whole(u64::from(*octet), 1),
        _ => longer(octets),
    }
}

#[inline]
fn longer(octets: &[u8]) -> Varint {
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

#[cold]
pub(super) fn invalid(kind: FaultKind, at: usize, message: &[u8]) -> Fault {
    let offset = u32::try_from(at).unwrap_or(u32::MAX);
    Fault::new(kind, Layer::Field, LimitedBy::MessageLength, offset).costing(len32(message))
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
