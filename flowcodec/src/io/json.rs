//! JSON of the common model: one object a record, one member a field that is present.

use core::fmt;
use std::net::IpAddr;
use std::sync::LazyLock;

use super::line::{self, Line, Sink, Today};
use crate::model::{CORE, FieldId, FieldValue, Flow, FlowRecord, Mac, Numbers, Schema, TakesFields, word};
use crate::record::Record;
use crate::text::Text;
use crate::time::Timestamp;

/// Writes one record as a JSON object, without a line end. Fields under their names in the schema's order, an absent field is an
/// absent member; times as RFC 3339 with nine digits, addresses as text, octets as hex. Octets of text that are not UTF-8 are shown
/// as `\xNN`. Fields that only one of `schema` and the template's schema has are absent. Nothing is allocated but what `out` grows by.
pub fn write_record(out: &mut String, record: &Record<'_>, schema: &Schema) {
    let mut line = Line::new(out);
    let mut object = Object::new(&mut line, Some(schema));
    for (id, value) in record.fields(schema) {
        object.take(id, value);
    }
    object.end();
}

/// Writes one owned flow in the same form.
pub fn write_flow(out: &mut String, flow: &Flow) {
    let mut line = Line::new(out);
    let mut object = Object::new(&mut line, Some(flow.schema()));
    flow.row().each(&mut object);
    for (id, value) in flow.beside() {
        object.take(id, value);
    }
    object.end();
}

/// Writes what a row has room for in the same form: the fastest way, with [`RecordSet::rows`](crate::RecordSet::rows).
pub fn write_row(out: &mut String, row: &FlowRecord) {
    let mut line = Line::new(out);
    let mut object = Object::new(&mut line, None);
    row.each(&mut object);
    object.end();
}

/// An object under way.
struct Object<'l, 's> {
    line: &'l mut Line<'s>,
    keys: &'static [Key],
    /// Of fields that are not of the core.
    schema: Option<&'s Schema>,
    /// What stands in front of the next member.
    mark: u8,
    today: Today,
}

impl<'l, 's> Object<'l, 's> {
    fn new(line: &'l mut Line<'s>, schema: Option<&'s Schema>) -> Self {
        Self { line, keys: &KEYS, schema, mark: b'{', today: Today::EPOCH }
    }

    #[inline(never)]
    fn unsigned(&mut self, id: FieldId, number: u64) {
        self.short(id, |place, at, _| line::decimal(place, at, number));
    }

    #[inline(never)]
    fn address(&mut self, id: FieldId, value: IpAddr) {
        self.short(id, |place, at, _| line::address(place, at, value));
    }

    #[inline(never)]
    fn time(&mut self, id: FieldId, value: Timestamp) {
        self.short(id, |place, at, today| line::time(place, at, value, today));
    }

    #[inline(never)]
    fn mac(&mut self, id: FieldId, value: Mac) {
        self.short(id, |place, at, _| line::mac(place, at, value));
    }

    /// The words of this crate are short and need no escapes.
    #[inline(never)]
    fn word(&mut self, id: FieldId, word: &str) {
        self.short(id, |place, at, _| line::word(place, at, word));
    }

    #[inline(never)]
    fn value(&mut self, id: FieldId, write: impl FnOnce(&mut Line<'s>)) {
        self.short(id, |_, at, _| at);
        write(self.line);
    }

    /// Name and value in one place; the value takes 48 octets at most.
    #[inline]
    fn short(&mut self, id: FieldId, value: impl FnOnce(&mut [u8], usize, &mut Today) -> usize) {
        let mark = core::mem::replace(&mut self.mark, b',');
        match self.keys.get(id.index()) {
            Some(Key { octets, len }) => self.line.lay::<80>(|place| {
                let at = line::lay(place, 0, *octets, *len);
                place[0] = mark;
                value(place, at, &mut self.today)
            }),
            None => {
                self.line.mark(mark);
                key(self.line, self.schema.and_then(|schema| schema.field(id)).map_or("", |spec| &spec.name));
                self.line.lay::<48>(|place| value(place, 0, &mut self.today));
            }
        }
    }

    fn end(self) {
        if self.mark == b'{' {
            self.line.mark(b'{');
        }
        self.line.mark(b'}');
    }
}

impl TakesFields for Object<'_, '_> {
    /// One member, in a function for each type.
    #[expect(clippy::inline_always, reason = "where a row is written out, the type is known, and one call is left of it")]
    #[inline(always)]
    fn take(&mut self, id: FieldId, value: FieldValue<'_>) {
        match value {
            FieldValue::Unsigned(number) => match word(id, number) {
                Some(word) => self.word(id, word),
                None => self.unsigned(id, number),
            },
            FieldValue::Address(value) => self.address(id, value),
            FieldValue::Time(value) => self.time(id, value),
            FieldValue::Mac(value) => self.mac(id, value),
            FieldValue::Double(number) => self.value(id, |line| float(line, number)),
            FieldValue::Text(value) => self.value(id, |line| text(line, value.trimmed())),
            FieldValue::Octets(octets) => self.value(id, |line| hex(line, octets)),
            FieldValue::Numbers(numbers) => self.value(id, |line| list(line, numbers)),
        }
    }
}

/// The name of a core field as it stands in an object, behind another member: `,"name":`.
struct Key {
    octets: [u8; 32],
    len: usize,
}

static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let made = CORE.iter().map(|spec| {
        let text = format!(",\"{}\":", spec.name);
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

pub(super) fn text(out: &mut impl Sink, text: Text<'_>) {
    if let Ok(valid) = text.to_str() {
        return quoted(out, valid);
    }
    out.mark(b'"');
    for chunk in text.as_bytes().utf8_chunks() {
        escaped(out, chunk.valid());
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

fn hex_octet(out: &mut impl Sink, octet: u8) {
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
            assert_eq!(key.octets.get(..key.len), Some(format!(",\"{}\":", spec.name).as_bytes()));
        }
    }

    #[test]
    fn escapes() {
        let shown = said(|out| text(out, Text::new("é\"\\\n\u{1}\x7f\u{9b}°x\u{80}".as_bytes())));
        assert_eq!(shown, "\"é\\\"\\\\\\n\\u0001\\u007f\\u009b°x\\u0080\"");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), "é\"\\\n\u{1}\x7f\u{9b}°x\u{80}");
        assert_eq!(said(|out| text(out, Text::new(b"a\xffb"))), "\"a\\\\xffb\"");
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
