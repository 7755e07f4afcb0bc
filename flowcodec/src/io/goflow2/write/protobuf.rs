//! The message in protobuf (proto3): a field that is 0 or empty is left out, numbers of a list stand together.

use super::beside::Beside;
use super::message::{Message, each_view};
use super::plan::{self, ALWAYS, DIRECT, NOT_OF_SFLOW, Other, Plan, RARE};
use super::varint::{LENGTH, ROOM, Room, Tag, VARINT, address, groups, push_varint, varint};
use super::view::View;
use crate::io::goflow2::table::{ROWS, Shape};
use crate::io::goflow2::{Dialect, Framing};
use crate::io::line::lay;
use crate::model::{COLUMNS, ColumnType, FieldId, FieldValue, FlowRecord, Numbers, TakesFields, presence_bit};
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

fn write_one(out: &mut Vec<u8>, view: &View<'_>, dialect: Dialect, framing: Framing) {
    Messages::new(out, framing).write(view, dialect);
}

/// Writes all records of a set. Those of a template without any of the rarer fields (lists, fragments, VRFs, output counters, ...) go
/// row by row, the fastest way; for others, and for samples, each record is walked as well.
pub fn write_protobuf_set(out: &mut Vec<u8>, set: &RecordSet<'_>, scratch: &mut RowScratch, dialect: Dialect, framing: Framing) {
    let mut messages = Messages::new(out, framing);
    each_view(set, scratch, |view| messages.write(view, dialect));
}

/// Writes rows that were kept; they have no sequence number and none of the rarer fields.
pub fn write_protobuf_rows(out: &mut Vec<u8>, rows: &[FlowRecord], dialect: Dialect, framing: Framing) {
    let mut messages = Messages::new(out, framing);
    for row in rows {
        messages.write(&View { row, beside: &Beside::NOTHING, sequence: 0 }, dialect);
    }
}

/// What a message takes at most, lists apart: no field is longer than an address of 16 octets behind two of tag and one of length, and
/// laying down may touch a few octets more.
const MOST: usize = 19 * ROWS.len() + 16;
/// Room for the length in front of a message, of which the lists are not in the room.
const PREFIX: usize = 2;

/// Messages on their way out.
struct Messages<'a> {
    out: &'a mut Vec<u8>,
    framing: Framing,
    room: Room,
    head: Head,
    /// Octets of the length in front of the last message: the next one is put where it needs as many.
    prefix: usize,
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
        Self {
            out,
            framing,
            room: [0; ROOM],
            head: Head { said: [u64::MAX; 8], octets: [0; HEAD], len: 0 },
            prefix: 0,
            used: 0,
            spilled: None,
        }
    }

    fn flush(&mut self, from: usize, to: usize) {
        self.out.extend_from_slice(self.room.get(from..to).unwrap_or_default());
        self.used = 0;
    }

    fn write(&mut self, view: &View<'_>, dialect: Dialect) {
        if self.used > const { ROOM - MOST - PREFIX } {
            self.flush(0, self.used);
        }
        let body = self.used.wrapping_add(self.prefix);
        let end = self.fields(view, dialect, body);
        self.used = self.frame(body, end);
    }

    /// Writes the fields of a message from `body` on. Gives where they end.
    fn fields(&mut self, view: &View<'_>, dialect: Dialect, body: usize) -> usize {
        let plan = plan::of(dialect);
        let there = view.row.present() | ALWAYS | if view.beside.has_its_own() { RARE } else { 0 };
        let direct = if view.is_sflow() { there & !NOT_OF_SFLOW } else { there };
        let direct = direct & plan.direct;
        let mut at = self.head(view, plan, dialect, direct & FlowRecord::OF_MESSAGE, body);
        let (times, others) = view.of_record(dialect);
        let (tags_of_times, tags_of_others) = &plan.of_record;
        for (tag, number) in tags_of_times.iter().zip(times) {
            at = varint::<64>(&mut self.room, at, *tag, number);
        }
        for (tag, number) in tags_of_others.iter().zip(others) {
            at = varint::<16>(&mut self.room, at, *tag, number);
        }
        at = view.row.each(direct & !FlowRecord::OF_MESSAGE, &mut Direct { room: &mut self.room, plan }, at);
        if there & !direct & plan.wants == 0 {
            return at;
        }
        for other in plan.common() {
            if there & other.wants != 0 && direct & other.unless == 0 {
                at = self.other(view, dialect, other, body, at);
            }
        }
        if there & RARE != 0 {
            for other in plan.rare() {
                if direct & other.unless == 0 {
                    at = self.other(view, dialect, other, body, at);
                }
            }
        }
        at
    }

    /// Writes what is the same of all records that came in together: worked out for the first of them, and then copied.
    #[inline]
    fn head(&mut self, view: &View<'_>, plan: &Plan, dialect: Dialect, direct: u64, body: usize) -> usize {
        let said = view.row.of_message(u64::from(view.sequence));
        let differ = said.iter().zip(&self.head.said).fold(0, |differ, (one, other)| differ | (one ^ other));
        if differ != 0 {
            let mut at = body;
            for (tag, number) in plan.of_message.iter().zip(view.of_message(dialect)) {
                at = varint::<64>(&mut self.room, at, *tag, number);
            }
            at = view.row.each(direct, &mut Direct { room: &mut self.room, plan }, at);
            let octets = self.room.get(body..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; HEAD]);
            self.head = Head { said, octets, len: at.wrapping_sub(body) };
        }
        lay(&mut self.room, body, self.head.octets, self.head.len)
    }

    /// Writes a field that has to be worked out.
    #[inline]
    fn other(&mut self, view: &View<'_>, dialect: Dialect, other: &Other, body: usize, at: usize) -> usize {
        let (varint_tag, length_tag) = (Tag::new(other.number, VARINT), Tag::new(other.number, LENGTH));
        match other.form.shape() {
            Shape::Number => match view.number(other.form, dialect) {
                0 => at,
                number => varint::<64>(&mut self.room, at, varint_tag, number),
            },
            Shape::Address => view.address(other.form).map_or(at, |it| address(&mut self.room, at, length_tag, it)),
            Shape::Numbers => view.numbers(other.form).map_or(at, |numbers| self.list(at, body, length_tag, &numbers)),
            Shape::Addresses => {
                let mut at = at;
                view.each_address(other.form, |it| {
                    let from = self.spill(body, at);
                    at = address(&mut self.room, from, length_tag, it);
                });
                at
            }
            Shape::Name => at,
        }
    }

    /// Numbers of a list, one behind the other.
    #[inline(never)]
    fn list(&mut self, at: usize, body: usize, tag: Tag, numbers: &Numbers<'_>) -> usize {
        let at = self.spill(body, at);
        let out = &mut *self.out;
        out.extend(tag.octets.to_le_bytes().iter().take(tag.len));
        let len: usize = numbers.iter().map(|number| groups(u64::from(number))).fold(0, usize::wrapping_add);
        push_varint(out, u64::try_from(len).unwrap_or(0));
        numbers.iter().for_each(|number| push_varint(out, u64::from(number)));
        at
    }

    /// Puts around a message what the framing asks for. Gives where it ends.
    #[inline]
    fn frame(&mut self, body: usize, end: usize) -> usize {
        if self.spilled.is_some() {
            return self.frame_spilled(body, end);
        }
        let (start, len) = (body.wrapping_sub(self.prefix), end.wrapping_sub(body));
        let prefix = match len {
            _ if !self.framing.has_prefix() => 0,
            0..0x80 => 1,
            _ => 2,
        };
        let mut end = end;
        if prefix != self.prefix {
            let from = start.wrapping_add(prefix);
            self.room.copy_within(body..end, from);
            (self.prefix, end) = (prefix, from.wrapping_add(len));
        }
        let (low, high) = (u8::try_from(len & 0x7f).unwrap_or(0), u8::try_from(len >> 7).unwrap_or(0));
        match prefix {
            0 => {}
            1 => _ = lay(&mut self.room, start, [low], 1),
            _ => _ = lay(&mut self.room, start, [low | 0x80, high], 2),
        }
        if self.framing.has_separator() { lay(&mut self.room, end, [b'\n'], 1) } else { end }
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
            self.out.extend_from_slice(self.room.get(..body.wrapping_sub(self.prefix)).unwrap_or_default());
            self.spilled = Some(self.out.len());
        }
        self.out.extend_from_slice(self.room.get(body..at).unwrap_or_default());
        body
    }
}

/// What is the same of all records that came in together.
#[derive(Debug)]
struct Head {
    /// Of what: no row has all bits set.
    said: [u64; 8],
    octets: [u8; HEAD],
    len: usize,
}

/// Room for it: three numbers of 64 bits, two of 32, one small one and an address.
const HEAD: usize = 80;

/// Writes fields that stand in the row as they are.
struct Direct<'a> {
    room: &'a mut Room,
    plan: &'a Plan,
}

impl TakesFields for Direct<'_> {
    #[expect(clippy::inline_always, reason = "of the choice nothing is left where the type is known")]
    #[inline(always)]
    fn take(&mut self, at: usize, id: FieldId, value: FieldValue<'_>) -> usize {
        let (room, tag) = (&mut *self.room, self.plan.tag(id));
        if DIRECT & presence_bit(id) == 0 {
            return at;
        }
        match (COLUMNS.get(id.index()), value) {
            (Some(ColumnType::U8), FieldValue::Unsigned(number)) => varint::<8>(room, at, tag, number),
            (Some(ColumnType::U16), FieldValue::Unsigned(number)) => varint::<16>(room, at, tag, number),
            (Some(ColumnType::U32), FieldValue::Unsigned(number)) => varint::<32>(room, at, tag, number),
            (_, FieldValue::Unsigned(number)) => varint::<64>(room, at, tag, number),
            (_, FieldValue::Address(it)) => address(room, at, tag, it),
            _ => at,
        }
    }
}
