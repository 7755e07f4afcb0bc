//! The message in protobuf (proto3): a field that is 0 or empty is left out, numbers of a list stand together.

use super::message::{Beside, Message, View, is_ipv4};
use super::table::{ROWS, Shape, TakesRows, each_row, row};
use super::{Dialect, Framing};
use crate::io::line::lay;
use crate::model::{FlowRecord, Numbers};
use crate::record::RecordSet;
use crate::template::RowScratch;

/// Writes one message. Nothing is allocated but what `out` grows by.
///
/// ```
/// use flowcodec::io::goflow2::{Dialect, Framing, write_protobuf};
/// use flowcodec::model::{FieldValue, Flow, Schema};
/// use flowcodec::field;
///
/// let mut flow = Flow::new(Schema::common());
/// flow.set(field::PACKETS.id(), FieldValue::Unsigned(300));
/// let mut out = Vec::new();
/// write_protobuf(&mut out, &flow, Dialect::V1, Framing::Prefixed);
/// // The length; field 10, a varint; 300.
/// assert_eq!(out, [3, 10 << 3, 0xac, 0x02]);
/// ```
pub fn write_protobuf<'a>(out: &mut Vec<u8>, message: impl Into<Message<'a>>, dialect: Dialect, framing: Framing) {
    message.into().view(|view| write_one(out, view, dialect, framing));
}

fn write_one(out: &mut Vec<u8>, view: &View<'_, true>, dialect: Dialect, framing: Framing) {
    Messages::new(out, framing).write(view, dialect);
}

/// Writes all records of a set. Those of a template without any of the rarer fields (lists, fragments, VRFs, output counters, ...) go
/// row by row, the fastest way; for others, and for samples, each record is walked as well.
pub fn write_protobuf_set(out: &mut Vec<u8>, set: &RecordSet<'_>, scratch: &mut RowScratch, dialect: Dialect, framing: Framing) {
    let sequence = set.context().sequence;
    let mut messages = Messages::new(out, framing);
    if set.template().is_some_and(Beside::is_of_context) {
        let beside = Beside::of_context(set.context());
        set.rows(scratch, |rows| {
            for row in rows {
                messages.write(&View::<false> { row, beside: &beside, sequence }, dialect);
            }
        });
        return;
    }
    let mut records = set.records();
    set.rows(scratch, |rows| {
        for (row, record) in rows.iter().zip(&mut records) {
            messages.write(&View::<true> { row, beside: &Beside::of_record(&record), sequence }, dialect);
        }
    });
}

/// Writes rows that were kept; they have no sequence number and none of the rarer fields.
pub fn write_protobuf_rows(out: &mut Vec<u8>, rows: &[FlowRecord], dialect: Dialect, framing: Framing) {
    let mut messages = Messages::new(out, framing);
    for row in rows {
        messages.write(&View::<false> { row, beside: &Beside::NOTHING, sequence: 0 }, dialect);
    }
}

/// Octets gathered before they go out.
const ROOM: usize = 2_048;
/// What a message takes at most, lists apart: no field is longer than an address of 16 octets behind two of tag and one of length, and
/// laying down may touch a few octets more.
const MOST: usize = 19 * ROWS.len() + 16;
/// Room for the length in front of a message, of which the lists are not in the room.
const PREFIX: usize = 2;

/// Messages on their way out.
struct Messages<'a> {
    out: &'a mut Vec<u8>,
    framing: Framing,
    room: [u8; ROOM],
    /// Where the whole messages in the room end.
    used: usize,
    /// Where in `out` the message begins that is under way, when a part of it is there.
    spilled: Option<usize>,
}

impl Drop for Messages<'_> {
    fn drop(&mut self) {
        self.flush(0, self.used);
    }
}

impl<'a> Messages<'a> {
    #[inline]
    const fn new(out: &'a mut Vec<u8>, framing: Framing) -> Self {
        const { assert!(MOST + PREFIX <= ROOM, "a message fits the room") };
        Self { out, framing, room: [0; ROOM], used: 0, spilled: None }
    }

    fn flush(&mut self, from: usize, to: usize) {
        self.out.extend_from_slice(self.room.get(from..to).unwrap_or_default());
        self.used = 0;
    }

    #[inline]
    fn write<const RARE: bool>(&mut self, view: &View<'_, RARE>, dialect: Dialect) {
        if self.used > const { ROOM - MOST - PREFIX } {
            self.flush(0, self.used);
        }
        let body = self.used.wrapping_add(PREFIX);
        let end = match dialect {
            Dialect::V1 => self.fields::<false, RARE>(view, body),
            Dialect::V2 => self.fields::<true, RARE>(view, body),
        };
        self.used = self.frame(body, end);
    }

    #[inline(never)]
    fn fields<const V2: bool, const RARE: bool>(&mut self, view: &View<'_, RARE>, body: usize) -> usize {
        each_row(&mut Fields::<V2, RARE> { messages: self, view, body }, body)
    }

    /// Puts around a message what the framing asks for. Gives where it ends.
    #[inline]
    fn frame(&mut self, body: usize, end: usize) -> usize {
        if self.spilled.is_some() {
            return self.frame_spilled(body, end);
        }
        let len = end.wrapping_sub(body);
        let mut start = body.wrapping_sub(PREFIX);
        if self.framing.has_prefix() && len >= 0x80 {
            let (low, high) = (u8::try_from(len & 0x7f).unwrap_or(0), u8::try_from(len >> 7).unwrap_or(0));
            lay(&mut self.room, start, [low | 0x80, high], PREFIX);
            start = end;
        } else {
            if self.framing.has_prefix() {
                start = lay(&mut self.room, start, [u8::try_from(len).unwrap_or(0)], 1);
            }
            self.room.copy_within(body..end, start);
            start = start.wrapping_add(len);
        }
        if self.framing.has_separator() { lay(&mut self.room, start, [b'\n'], 1) } else { start }
    }

    #[cold]
    fn frame_spilled(&mut self, body: usize, end: usize) -> usize {
        let Some(start) = self.spilled.take() else { return end };
        self.flush(body, end);
        if self.framing.has_prefix() {
            let mut prefix = Vec::new();
            push_varint(&mut prefix, u64::try_from(self.out.len().wrapping_sub(start)).unwrap_or(0));
            self.out.splice(start..start, prefix);
        }
        if self.framing.has_separator() {
            self.out.push(b'\n');
        }
        0
    }

    /// Moves what the room holds of the message to `out`, where lists of any length have room. Gives where to go on: in front of it all.
    fn spill(&mut self, body: usize, at: usize) -> usize {
        if self.spilled.is_none() {
            self.out.extend_from_slice(self.room.get(..body.wrapping_sub(PREFIX)).unwrap_or_default());
            self.spilled = Some(self.out.len());
        }
        self.out.extend_from_slice(self.room.get(body..at).unwrap_or_default());
        body
    }
}

fn push_varint(out: &mut Vec<u8>, value: u64) {
    let mut place = [0; 24];
    let len = varint(&mut place, 0, Tag::NONE, 64, value);
    out.extend_from_slice(place.get(..len).unwrap_or_default());
}

/// Writes the fields of one message.
struct Fields<'m, 'o, 'v, const V2: bool, const RARE: bool> {
    messages: &'m mut Messages<'o>,
    view: &'v View<'v, RARE>,
    body: usize,
}

/// What stands in front of a field, and how many octets that is.
#[derive(Debug, Clone, Copy)]
struct Tag {
    octets: u64,
    len: usize,
}

impl Tag {
    const NONE: Self = Self { octets: 0, len: 0 };

    /// Field numbers are below 2,048 here: two octets at most.
    const fn new(number: u32, wire_type: u32) -> Self {
        #[expect(clippy::as_conversions, reason = "widening; From is not const")]
        let tag = (number << 3 | wire_type) as u64;
        if tag < 0x80 { Self { octets: tag, len: 1 } } else { Self { octets: (tag & 0x7f) | 0x80 | (tag >> 7) << 8, len: 2 } }
    }

    /// With what follows, as one word.
    #[inline]
    fn with(self, octets: u64) -> [u8; 8] {
        (self.octets | octets << (self.len << 3)).to_le_bytes()
    }
}

const VARINT: u32 = 0;
const LENGTH: u32 = 2;

impl<const V2: bool, const RARE: bool> TakesRows for Fields<'_, '_, '_, V2, RARE> {
    #[inline]
    fn take<const ROW: usize>(&mut self, at: usize) -> usize {
        let (form, dialect, number) = const { (row(ROW).form, Dialect::new(V2), row(ROW).place(Dialect::new(V2)).number) };
        if number == 0 {
            return at;
        }
        let (varint_tag, length_tag) = (Tag::new(number, VARINT), Tag::new(number, LENGTH));
        match form.shape() {
            Shape::Number => {
                let number = self.view.number(form, dialect);
                if number == 0 {
                    return at;
                }
                varint(&mut self.messages.room, at, varint_tag, const { row(ROW).form.bits() }, number)
            }
            Shape::Address => match self.view.address(form) {
                Some(it) => address(&mut self.messages.room, at, length_tag, it),
                None => at,
            },
            Shape::Numbers => match self.view.numbers(form) {
                Some(numbers) => self.numbers(at, length_tag, &numbers),
                None => at,
            },
            Shape::Addresses => {
                let mut at = at;
                let Self { messages, view, body } = self;
                view.each_address(form, |it| {
                    let from = messages.spill(*body, at);
                    at = address(&mut messages.room, from, length_tag, it);
                });
                at
            }
            Shape::Name => at,
        }
    }
}

impl<const V2: bool, const RARE: bool> Fields<'_, '_, '_, V2, RARE> {
    /// Numbers of a list, one behind the other.
    #[inline(never)]
    fn numbers(&mut self, at: usize, tag: Tag, numbers: &Numbers<'_>) -> usize {
        let at = self.messages.spill(self.body, at);
        let out = &mut *self.messages.out;
        out.extend(tag.octets.to_le_bytes().iter().take(tag.len));
        let len: usize = numbers.iter().map(|number| groups(u64::from(number))).fold(0, usize::wrapping_add);
        push_varint(out, u64::try_from(len).unwrap_or(0));
        numbers.iter().for_each(|number| push_varint(out, u64::from(number)));
        at
    }
}

/// How many groups of seven bits a number needs: those of its bits, divided by 7 and rounded up, as a ninth part of 64.
#[inline]
fn groups(value: u64) -> usize {
    let bits = 64_u32.wrapping_sub((value | 1).leading_zeros());
    usize::try_from(bits.wrapping_mul(9).wrapping_add(64) >> 6).unwrap_or(1)
}

/// Groups of seven bits, each in an octet of its own, of a number below 2^56: halves, quarters, then octets move apart side by side.
#[inline]
fn spread(value: u64) -> u64 {
    let value = (value & 0x0fff_ffff) | (value & 0x00ff_ffff_f000_0000) << 4;
    let value = (value & 0x0000_3fff_0000_3fff) | (value & 0x0fff_c000_0fff_c000) << 2;
    (value & 0x007f_007f_007f_007f) | (value & 0x3f80_3f80_3f80_3f80) << 1
}

/// The first bit of each of so many octets, seven at most: another one follows.
#[inline]
fn more(octets: usize) -> u64 {
    0x8080_8080_8080_8080 & !(u64::MAX << (octets << 3))
}

/// A tag and a number as a varint, at `at`: up to 18 octets are overwritten. Gives where it ends.
#[expect(clippy::inline_always, reason = "of a constant tag and a narrow number little is left")]
#[inline(always)]
fn varint(room: &mut [u8], at: usize, tag: Tag, bits: u32, value: u64) -> usize {
    let (octets, len) = match bits {
        // Where it has an eighth bit, that is the one that says that another octet follows.
        0..=8 => (value | (value & 0x80) << 1, value.wrapping_add(0x180) >> 8),
        9..=16 => {
            // What is not below 2^7 or 2^14 carries over into bit 16.
            let (two, three) = (value.wrapping_add(0xff80) >> 16, value.wrapping_add(0xc000) >> 16);
            let octets = (value & 0x7f) | two << 7 | (value & 0x3f80) << 1 | three << 15 | (value & 0xc000) << 2;
            (octets, two.wrapping_add(three).wrapping_add(1))
        }
        _ => {
            let groups = groups(value);
            if groups.wrapping_add(tag.len) > 8 {
                return long_varint(room, at, tag, value);
            }
            return lay(room, at, tag.with(spread(value) | more(groups.wrapping_sub(1))), tag.len.wrapping_add(groups));
        }
    };
    lay(room, at, tag.with(octets), tag.len.wrapping_add(usize::try_from(len).unwrap_or(0)))
}

/// One that takes more than eight octets.
#[inline]
fn long_varint(room: &mut [u8], at: usize, tag: Tag, value: u64) -> usize {
    let groups = groups(value);
    let at = lay(room, at, tag.octets.to_le_bytes(), tag.len);
    let low =
        spread(value & 0x00ff_ffff_ffff_ffff) | if groups > 8 { 0x8080_8080_8080_8080 } else { more(groups.wrapping_sub(1)) };
    lay(room, at, low.to_le_bytes(), 8);
    let high = u16::try_from(value >> 56).unwrap_or(0);
    let high = (high & 0x7f) | (high & 0x80) << 1 | if groups > 9 { 0x80 } else { 0 };
    lay(room, at.wrapping_add(8), high.to_le_bytes(), 2);
    at.wrapping_add(groups)
}

/// A tag and an address, in 4 or 16 octets. Gives where it ends.
#[inline]
fn address(room: &mut [u8], at: usize, tag: Tag, bits: u128) -> usize {
    let octets = bits.to_be_bytes();
    if is_ipv4(bits) {
        let [.., a, b, c, d] = octets;
        let octets = 4 | u64::from(u32::from_le_bytes([a, b, c, d])) << 8;
        return lay(room, at, tag.with(octets), tag.len.wrapping_add(5));
    }
    let at = lay(room, at, tag.with(16), tag.len.wrapping_add(1));
    lay(room, at, octets, 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(value: u64) -> Vec<u8> {
        let mut out = Vec::new();
        push_varint(&mut out, value);
        out
    }

    /// The definition: seven bits at a time, the lowest first, the first bit says that more follow.
    fn by_the_book(mut value: u64) -> Vec<u8> {
        let mut out = Vec::new();
        while value >= 0x80 {
            out.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        out.push(value.to_le_bytes()[0]);
        out
    }

    #[test]
    fn varints_at_every_length() {
        for bit in 0..64 {
            for value in [1_u64 << bit, (1 << bit) - 1, (1 << bit) + 1, u64::MAX >> bit, 0x5a5a_5a5a_5a5a_5a5a >> bit] {
                assert_eq!(encoded(value), by_the_book(value), "{value:#x}");
                for tag in [Tag::new(9, VARINT), Tag::new(112, VARINT)] {
                    let mut room = [0xee; 24];
                    for bits in [8, 16, 32, 64].into_iter().filter(|bits| value.checked_shr(*bits).unwrap_or(0) == 0) {
                        let end = varint(&mut room, 1, tag, bits, value);
                        let wanted = [by_the_book(if tag.len == 1 { 9 << 3 } else { 112 << 3 }), by_the_book(value)].concat();
                        assert_eq!(room[1..end], wanted, "{value:#x} of {bits} bits");
                    }
                }
            }
        }
    }

    #[test]
    fn tags_are_of_two_octets_at_most() {
        for row in ROWS {
            for place in [row.v1, row.v2] {
                assert!(place.number < 2_048, "{}", place.key);
            }
        }
    }
}
