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
    let (tag, tag_len) = match tag(octets) {
        Varint::Whole(tag, len) => (tag, len),
        Varint::Cut => return Field::Cut,
        Varint::Invalid => return Field::Invalid,
    };
    let Some(number) = u32::try_from(tag >> 3).ok().filter(|number| (1..1 << 29).contains(number)) else { return Field::Invalid };
    let rest = octets.get(tag_len..).unwrap_or_default();
    // Not a match: two of them are nearly all, and a table of jumps takes longer than to ask.
    let wire_type = tag & 7;
    let (value, len) = if wire_type == 0 {
        match varint(rest) {
            Varint::Whole(value, len) => (Wire::Varint(value), len),
            Varint::Cut => return Field::Cut,
            Varint::Invalid => return Field::Invalid,
        }
    } else if wire_type == 2 {
        let (len, len_len) = match varint(rest) {
            Varint::Whole(len, len_len) => (usize::try_from(len).unwrap_or(usize::MAX), len_len),
            Varint::Cut => return Field::Cut,
            Varint::Invalid => return Field::Invalid,
        };
        let end = len_len.saturating_add(len);
        let Some(octets) = rest.get(len_len..end) else { return Field::Cut };
        (Wire::Octets(octets), end)
    } else {
        match wire_type {
            1 if rest.len() >= 8 => (Wire::Fixed, 8),
            5 if rest.len() >= 4 => (Wire::Fixed, 4),
            1 | 5 => return Field::Cut,
            // Groups went out of use before proto3, and 6 and 7 are nothing.
            _ => return Field::Invalid,
        }
    };
    Field::Whole { number, value, len: tag_len.saturating_add(len) }
}

/// What stands in front of a value: one octet or two, and in a message always the same in the same place.
#[inline]
fn tag(octets: &[u8]) -> Varint {
    match octets {
        [low @ ..0x80, ..] => Varint::Whole(u64::from(*low), 1),
        [low, high @ ..0x80, ..] => Varint::Whole(u64::from(*low & 0x7f) | u64::from(*high) << 7, 2),
        _ => one_by_one(octets),
    }
}

/// A number of seven bits an octet, and how many octets that is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Varint {
    Whole(u64, usize),
    Cut,
    /// More than 64 bits.
    Invalid,
}

#[expect(clippy::inline_always, reason = "as above")]
#[inline(always)]
pub(super) fn varint(octets: &[u8]) -> Varint {
    // Their lengths are as random as numbers are: up to eight octets they decide no branch.
    match octets.first_chunk::<8>().map(|octets| u64::from_le_bytes(*octets)) {
        Some(word) if !word & TOPS != 0 => {
            let end = !word & TOPS;
            let len = usize::try_from(end.trailing_zeros() / 8).unwrap_or(0).wrapping_add(1);
            Varint::Whole(joined(word & (end ^ end.wrapping_sub(1))), len)
        }
        _ => one_by_one(octets),
    }
}

/// The highest bit of every octet: set where another follows.
const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Groups of seven bits, each in an octet of its own, as a number: octets, pairs, then halves move together side by side.
#[inline]
const fn joined(groups: u64) -> u64 {
    let pairs = (groups & 0x007f_007f_007f_007f) | (groups & 0x7f00_7f00_7f00_7f00) >> 1;
    let quarters = (pairs & 0x0000_3fff_0000_3fff) | (pairs & 0x3fff_0000_3fff_0000) >> 2;
    (quarters & 0x0fff_ffff) | (quarters & 0x0fff_ffff_0000_0000) >> 4
}

/// Nine octets and more, and what the octets end within.
#[inline(never)]
fn one_by_one(octets: &[u8]) -> Varint {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_are_those_read_one_by_one(value in any::<u64>(), shift in 0_u32..64, behind in proptest::collection::vec(any::<u8>(), 0..12)) {
            let value = value >> shift;
            let (mut octets, mut rest) = (Vec::new(), value);
            while rest >= 0x80 {
                octets.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
                rest >>= 7;
            }
            octets.push(u8::try_from(rest).unwrap());
            let len = octets.len();
            for cut in 0..len {
                prop_assert_eq!(varint(&octets[..cut]), Varint::Cut);
            }
            octets.extend_from_slice(&behind);
            prop_assert_eq!(varint(&octets), Varint::Whole(value, len));
        }

        #[test]
        fn octets_of_any_kind(octets in proptest::collection::vec(prop_oneof![any::<u8>(), 0x80..=0xff_u8], 0..12)) {
            prop_assert_eq!(varint(&octets), one_by_one(&octets));
        }
    }
}
