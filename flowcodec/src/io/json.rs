//! JSON of the common model: one object a record, one member a field that is present.

use core::fmt;
use std::net::IpAddr;
use std::sync::LazyLock;

use super::line::{self, Line, Sink, Today};
use crate::model::{CORE, FieldId, FieldValue, Flow, FlowRecord, HOT, Mac, Numbers, Schema, TakesFields, field, word};
use crate::record::{Record, RecordSet};
use crate::template::{RowScratch, Template};
use crate::text::{Text, ambiguous};
use crate::time::Timestamp;

/// Writes one record as a JSON object, without a line end. Fields under their names in the schema's order, an absent field is an
/// absent member; times as RFC 3339 with nine digits, addresses as text, octets as hex. Octets of text that are not UTF-8 are shown
/// as `\xNN`, and so is a backslash that by itself would look like that ([`Text`]). Fields that only one of `schema` and the template's schema has are absent. Nothing is allocated but what `out` grows by.
pub fn write_record(out: &mut String, record: &Record<'_>, schema: &Schema) {
    write_fields(out, record.fields(schema), schema);
}

/// Writes the fields in `chosen` that the record has, in that order, in the same form.
pub fn write_chosen(out: &mut String, record: &Record<'_>, schema: &Schema, chosen: &[FieldId]) {
    write_fields(out, chosen.iter().filter_map(|&id| Some((id, record.value(id)?))), schema);
}

/// Writes these fields of `schema`, in that order, in the same form.
pub fn write_fields<'v>(out: &mut String, fields: impl Iterator<Item = (FieldId, FieldValue<'v>)>, schema: &Schema) {
    let mut object = Object::new(out, Some(schema));
    let at = object.begin(0);
    let at = fields.fold(at, |at, (id, value)| object.take(at, id, value));
    object.end(at);
}

/// Writes one owned flow in the same form.
pub fn write_flow(out: &mut String, flow: &Flow) {
    let mut object = Object::new(out, Some(flow.schema()));
    let at = object.begin(0);
    let at = object.row(at, flow.row());
    let at = flow.beside().fold(at, |at, (id, value)| object.take(at, id, value));
    object.end(at);
}

/// Writes all records of a set, each as [`write_record`] does and with a line end. Faster: what has a place in a row is read row by row,
/// and the rest record by record only where the template has more.
///
/// ```no_run
/// # use flowcodec::model::Schema;
/// # fn show(set: flowcodec::RecordSet<'_>, scratch: &mut flowcodec::RowScratch) {
/// let mut out = String::new();
/// flowcodec::io::write_set(&mut out, &set, &Schema::common(), scratch);
/// # }
/// ```
pub fn write_set(out: &mut String, set: &RecordSet<'_>, schema: &Schema, scratch: &mut RowScratch) {
    let (context, mut records) = (set.context(), set.records());
    let in_rows = |template: &Template| template.section().is_none() && template.plan().all().iter().all(|it| in_row(it.field));
    let in_rows = set.template().is_some_and(in_rows);
    let mut object = Object::new(out, Some(schema));
    let mut at = 0;
    set.rows(scratch, |rows| {
        for (row, record) in rows.iter().zip(&mut records) {
            at = object.begin(at);
            at = object.row(at, row);
            if in_rows {
                let of_message = [field::EXPORTED.id(), field::AGENT.id()];
                let of_message = of_message.into_iter().filter_map(|id| Some((id, context.field(id)?)));
                at = of_message.fold(at, |at, (id, value)| object.take(at, id, value));
            } else {
                let beside = record.fields(schema).filter(|(id, _)| !in_row(*id));
                at = beside.fold(at, |at, (id, value)| object.take(at, id, value));
            }
            at = object.end(at);
            at = object.line.mark_at(at, b'\n');
        }
    });
}

fn in_row(id: FieldId) -> bool {
    id.index() < HOT.len()
}

/// Writes what rows have room for in the same form, each with a line end: the fastest way, with
/// [`RecordSet::rows`](crate::RecordSet::rows).
///
/// ```no_run
/// # fn show(set: flowcodec::RecordSet<'_>, scratch: &mut flowcodec::RowScratch) {
/// let mut out = String::new();
/// set.rows(scratch, |rows| flowcodec::io::write_rows(&mut out, rows));
/// # }
/// ```
pub fn write_rows(out: &mut String, rows: &[FlowRecord]) {
    let mut object = Object::new(out, None);
    let mut at = 0;
    for row in rows {
        at = object.begin(at);
        at = object.row(at, row);
        at = object.end(at);
        at = object.line.mark_at(at, b'\n');
    }
}

/// An object under way. Every member ends with a comma, and the last comma makes way for the brace.
struct Object<'a> {
    line: Line<'a>,
    keys: &'static [Key],
    /// Of fields that are not of the core.
    schema: Option<&'a Schema>,
    today: Today,
}

#[expect(
    clippy::inline_always,
    reason = "written out for each field of a row, whose name and type are known there: a call costs more"
)]
impl<'a> Object<'a> {
    #[inline]
    fn new(out: &'a mut String, schema: Option<&'a Schema>) -> Self {
        Self { line: Line::new(out), keys: &KEYS, schema, today: Today::EPOCH }
    }

    fn begin(&mut self, at: usize) -> usize {
        self.line.mark_at(at, b'{')
    }

    fn end(&mut self, at: usize) -> usize {
        self.line.end_list(at, b'}')
    }

    /// All that a row has. One copy of this is enough: it is long.
    #[inline(never)]
    fn row(&mut self, at: usize, row: &FlowRecord) -> usize {
        row.each(row.present(), self, at)
    }

    #[inline(always)]
    fn unsigned(&mut self, at: usize, id: FieldId, number: u64) -> usize {
        match u32::try_from(number) {
            Ok(number @ ..100_000_000) => self.short(at, id, |place, at, _| line::short_decimal(place, at, number)),
            _ => self.long(at, id, number),
        }
    }

    #[inline(never)]
    fn long(&mut self, at: usize, id: FieldId, number: u64) -> usize {
        self.short(at, id, |place, at, _| line::decimal(place, at, number))
    }

    #[inline(always)]
    fn address(&mut self, at: usize, id: FieldId, value: IpAddr) -> usize {
        self.short(at, id, |place, at, _| line::address(place, at, value))
    }

    #[inline(always)]
    fn time(&mut self, at: usize, id: FieldId, value: Timestamp) -> usize {
        self.short(at, id, |place, at, today| line::time(place, at, value, today))
    }

    #[inline(never)]
    fn mac(&mut self, at: usize, id: FieldId, value: Mac) -> usize {
        self.short(at, id, |place, at, _| line::mac(place, at, value))
    }

    /// The words of this crate are short and need no escapes.
    #[inline(always)]
    fn word(&mut self, at: usize, id: FieldId, word: &str) -> usize {
        self.short(at, id, |place, at, _| line::word(place, at, word))
    }

    /// A member of any length.
    #[inline(never)]
    fn value(&mut self, at: usize, id: FieldId, write: impl FnOnce(&mut Line<'a>)) -> usize {
        let at = self.short(at, id, |_, at, _| at);
        // The comma behind the name.
        self.line.go_on_at(at.wrapping_sub(1));
        write(&mut self.line);
        self.line.mark(b',');
        self.line.at()
    }

    /// Name and value in one place; the value takes 46 octets at most.
    #[inline(always)]
    fn short(&mut self, at: usize, id: FieldId, value: impl FnOnce(&mut [u8], usize, &mut Today) -> usize) -> usize {
        let at = self.line.make_room::<PLACE>(at);
        let (Some(key), Some(place)) = (self.keys.get(id.index()), self.line.place::<PLACE>(at)) else {
            return self.added(at, id, value);
        };
        let from = line::lay(place, 0, key.octets, key.len);
        let end = value(place, from, &mut self.today);
        at.wrapping_add(line::lay(place, end, [b','], 1))
    }

    /// The same of a field that was added to the core: its name may be long.
    #[cold]
    #[inline(never)]
    fn added(&mut self, at: usize, id: FieldId, value: impl FnOnce(&mut [u8], usize, &mut Today) -> usize) -> usize {
        let (line, today) = (&mut self.line, &mut self.today);
        line.go_on_at(at);
        key(line, self.schema.and_then(|schema| schema.field(id)).map_or("", |spec| &spec.name));
        line.lay::<48>(|place| {
            let end = value(place, 0, today);
            line::lay(place, end, [b','], 1)
        });
        line.at()
    }
}

/// Room for a name of the core and a short value.
const PLACE: usize = 80;

impl TakesFields for Object<'_> {
    #[expect(clippy::inline_always, reason = "of the choice nothing is left where the type is known")]
    #[inline(always)]
    fn take(&mut self, at: usize, id: FieldId, value: FieldValue<'_>) -> usize {
        match value {
            FieldValue::Unsigned(number) => match word(id, number) {
                Some(word) => self.word(at, id, word),
                None => self.unsigned(at, id, number),
            },
            FieldValue::Address(value) => self.address(at, id, value),
            FieldValue::Time(value) => self.time(at, id, value),
            FieldValue::Mac(value) => self.mac(at, id, value),
            FieldValue::Signed(number) => self.value(at, id, |line| put(line, number)),
            FieldValue::Double(number) => self.value(at, id, |line| float(line, number)),
            FieldValue::Text(value) => self.value(at, id, |line| text(line, value.trimmed())),
            FieldValue::Octets(octets) => self.value(at, id, |line| hex(line, octets)),
            FieldValue::Numbers(numbers) => self.value(at, id, |line| list(line, numbers)),
        }
    }
}

/// The name of a core field as it stands in an object: `"name":`.
struct Key {
    octets: [u8; 32],
    len: usize,
}

static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let made = CORE.iter().map(|spec| {
        let text = format!("\"{}\":", spec.name);
        let mut octets = [0; 32];
        octets.iter_mut().zip(text.bytes()).for_each(|(place, octet)| *place = octet);
        Key { octets, len: text.len() }
    });
    made.collect()
});

pub(super) fn put(out: &mut impl Sink, value: impl fmt::Display) {
    out.put(value);
}

pub(super) fn key(out: &mut impl Sink, name: &str) {
    quoted(out, name);
    out.mark(b':');
}

/// Text between quotes, escaped as RFC 8259 §7 asks, and so is whatever else would command a terminal.
pub(super) fn quoted(out: &mut impl Sink, text: &str) {
    out.mark(b'"');
    escaped(out, text);
    out.mark(b'"');
}

fn escaped(out: &mut impl Sink, text: &str) {
    let mut rest = text;
    while let Some((plain, behind)) = first_special(rest.as_bytes()).and_then(|at| rest.split_at_checked(at)) {
        out.text(plain);
        let mut characters = behind.chars();
        match characters.next() {
            Some('"') => out.text("\\\""),
            Some('\\') => out.text("\\\\"),
            Some('\n') => out.text("\\n"),
            Some('\r') => out.text("\\r"),
            Some('\t') => out.text("\\t"),
            Some(control) if control.is_control() => out.put(format_args!("\\u{:04x}", u32::from(control))),
            Some(character) => out.text(character.encode_utf8(&mut [0; 4])),
            None => {}
        }
        rest = characters.as_str();
    }
    out.text(rest);
}

/// Where something may stand that needs an escape. Sixteen octets are asked at once, all of them: the compiler makes vectors of that.
fn first_special(octets: &[u8]) -> Option<usize> {
    // C1 controls are two octets, of which the first is 0xc2; what else begins with it is harmless, and goes the long way too.
    let special = |octet: &u8| *octet < 0x20 || matches!(octet, b'"' | b'\\' | 0x7f | 0xc2);
    let (chunks, rest) = octets.as_chunks::<16>();
    let plain = chunks.iter().position(|chunk| chunk.iter().fold(false, |any, octet| any | special(octet)));
    let from = plain.unwrap_or(chunks.len()).wrapping_mul(16);
    let tail = if plain.is_some() { octets.get(from..).unwrap_or_default() } else { rest };
    Some(from.wrapping_add(tail.iter().position(special)?))
}

/// Something whose display needs no escaping.
pub(super) fn quoted_display(out: &mut impl Sink, value: impl fmt::Display) {
    out.mark(b'"');
    out.put(value);
    out.mark(b'"');
}

/// What [`Text`] shows between quotes, but for control characters, which have escapes of their own.
pub(super) fn text(out: &mut impl Sink, text: Text<'_>) {
    match text.to_str() {
        Ok(valid) if first_special(text.as_bytes()).is_none() => {
            out.mark(b'"');
            out.text(valid);
            out.mark(b'"');
        }
        _ => text_with_care(out, text),
    }
}

fn text_with_care(out: &mut impl Sink, text: Text<'_>) {
    out.mark(b'"');
    for chunk in text.as_bytes().utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some((plain, behind)) = ambiguous(rest).and_then(|at| rest.split_at_checked(at)) {
            escaped(out, plain);
            out.text("\\\\x5c");
            rest = behind.get(1..).unwrap_or_default();
        }
        escaped(out, rest);
        for &octet in chunk.invalid() {
            out.text("\\\\x");
            hex_octet(out, octet);
        }
    }
    out.mark(b'"');
}

pub(super) fn hex(out: &mut impl Sink, octets: &[u8]) {
    out.mark(b'"');
    for &octet in octets {
        hex_octet(out, octet);
    }
    out.mark(b'"');
}

pub(super) fn hex_octet(out: &mut impl Sink, octet: u8) {
    out.lay::<2>(|place| line::lay(place, 0, line::hex_pair(octet), 2));
}

pub(super) fn list(out: &mut impl Sink, numbers: Numbers<'_>) {
    out.mark(b'[');
    for (index, number) in numbers.iter().enumerate() {
        if index != 0 {
            out.mark(b',');
        }
        unsigned(out, u64::from(number));
    }
    out.mark(b']');
}

#[inline]
pub(super) fn unsigned(out: &mut impl Sink, number: u64) {
    out.lay::<24>(|place| line::decimal(place, 0, number));
}

#[inline]
pub(super) fn address(out: &mut impl Sink, address: IpAddr) {
    out.lay::<48>(|place| line::address(place, 0, address));
}

#[inline]
pub(super) fn time(out: &mut impl Sink, time: Timestamp) {
    out.lay::<32>(|place| line::time(place, 0, time, &mut { Today::EPOCH }));
}

#[inline]
pub(super) fn mac(out: &mut impl Sink, mac: Mac) {
    out.lay::<19>(|place| line::mac(place, 0, mac));
}

/// JSON knows no infinities: they, and what is no number, are text. Most rates are whole, and are shown without a point.
pub(super) fn float(out: &mut impl Sink, number: f64) {
    match whole(number) {
        Some(whole) => unsigned(out, u64::from(whole)),
        None if number.is_finite() => out.put(number),
        None => quoted_display(out, number),
    }
}

/// The number as an integer, when it is a small one and not the negative zero.
fn whole(number: f64) -> Option<u32> {
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked by the way back"
    )]
    let whole = number as u32;
    (f64::from(whole).to_bits() == number.to_bits()).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(write: impl Fn(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    #[test]
    fn the_short_ways_say_what_display_says() {
        for number in [0, 1, 9, 10, 99, 100, 12_345_678_901_234_567_890, u64::MAX] {
            assert_eq!(said(|out| unsigned(out, number)), number.to_string());
            let moment = Timestamp::from_nanos(i64::from_ne_bytes(number.to_ne_bytes()));
            assert_eq!(said(|out| time(out, moment)), format!("\"{moment}\""));
        }
        for moment in [i64::MIN, i64::MAX, 1_700_000_000_000_000_001].map(Timestamp::from_nanos) {
            assert_eq!(said(|out| time(out, moment)), format!("\"{moment}\""));
        }
        for shown in ["0.0.0.0", "192.0.2.10", "255.255.255.255", "::", "2001:db8::1"] {
            assert_eq!(said(|out| address(out, shown.parse().unwrap())), format!("\"{shown}\""));
        }
        let card = Mac::new([0, 0x1f, 0xa0, 9, 0xff, 0x5b]);
        assert_eq!(said(|out| mac(out, card)), format!("\"{card}\""));
        assert_eq!(said(|out| hex(out, &[0, 0x9a, 0xff])), "\"009aff\"");
        for number in [0.0, -0.0, 1.0, 1_000.0, 4_294_967_295.0, 4_294_967_296.0, 0.5, -3.0, 1e300, f64::MIN_POSITIVE] {
            assert_eq!(said(|out| float(out, number)), number.to_string());
        }
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(said(|out| float(out, number)), format!("\"{number}\""));
        }
    }

    #[test]
    fn keys_fit() {
        for (spec, key) in CORE.iter().zip(&*KEYS) {
            assert_eq!(key.octets.get(..key.len), Some(format!("\"{}\":", spec.name).as_bytes()));
        }
    }

    #[test]
    fn escapes() {
        let shown = said(|out| text(out, Text::new("é\"\\\n\u{1}\x7f\u{9b}°x\u{80}".as_bytes())));
        assert_eq!(shown, "\"é\\\"\\\\\\n\\u0001\\u007f\\u009b°x\\u0080\"");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), "é\"\\\n\u{1}\x7f\u{9b}°x\u{80}");
        assert_eq!(said(|out| text(out, Text::new(b"a\xffb"))), "\"a\\\\xffb\"");
        assert_eq!(said(|out| text(out, Text::new(br"a\xffb\c"))), r#""a\\x5cxffb\\c""#);
        assert_eq!(said(|out| text(out, Text::new(b"\\xff\xff\n"))), r#""\\x5cxff\\xff\n""#);
        // Wherever it stands among sixteen.
        for place in 0..40 {
            for special in ['"', '\\', '\n', '\u{1f}', '\x7f', '\u{85}', '\u{a0}', 'é', ' '] {
                let value = format!("{}{special}{}", "x".repeat(place), "y".repeat(40 - place));
                let shown = said(|out| quoted(out, &value));
                assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), value);
                assert!(!shown.chars().any(char::is_control), "{shown}");
            }
        }
    }
}
