//! JSON of the common model: one object a record, one member a field that is present.

use core::fmt::{self, Write};
use std::net::IpAddr;

use crate::model::{FieldId, FieldValue, Flow, Mac, Schema, word};
use crate::record::Record;
use crate::text::Text;
use crate::time::Timestamp;

/// Writes one record as a JSON object, without a line end. Fields under their names in the schema's order, an absent field is an
/// absent member; times as RFC 3339 with nine digits, addresses as text, octets as hex. Octets of text that are not UTF-8 are shown
/// as `\xNN`. Fields that only one of `schema` and the template's schema has are absent.
pub fn write_record(out: &mut String, record: &Record<'_>, schema: &Schema) {
    write_fields(out, schema, record.fields(schema));
}

/// Writes the fields in `chosen` that the record has, in that order, in the same form.
pub fn write_chosen(out: &mut String, record: &Record<'_>, schema: &Schema, chosen: &[FieldId]) {
    write_fields(out, schema, chosen.iter().filter_map(|&id| Some((id, record.value(id)?))));
}

/// Writes one owned flow in the same form.
pub fn write_flow(out: &mut String, flow: &Flow) {
    write_fields(out, flow.schema(), flow.fields());
}

fn write_fields<'a>(out: &mut String, schema: &Schema, fields: impl Iterator<Item = (FieldId, FieldValue<'a>)>) {
    out.push('{');
    let mut first = true;
    for (id, value) in fields {
        let Some(spec) = schema.field(id) else { continue };
        if !core::mem::take(&mut first) {
            out.push(',');
        }
        key(out, &spec.name);
        match value {
            FieldValue::Unsigned(number) => match word(id, number) {
                Some(word) => quoted(out, word),
                None => unsigned(out, number),
            },
            FieldValue::Address(value) => address(out, value),
            FieldValue::Double(number) => float(out, number),
            FieldValue::Time(value) => time(out, value),
            FieldValue::Mac(value) => mac(out, value),
            FieldValue::Text(value) => text(out, value.trimmed()),
            FieldValue::Octets(octets) => hex(out, octets),
            FieldValue::Numbers(numbers) => {
                out.push('[');
                for (index, number) in numbers.iter().enumerate() {
                    if index != 0 {
                        out.push(',');
                    }
                    unsigned(out, u64::from(number));
                }
                out.push(']');
            }
        }
    }
    out.push('}');
}

/// Formatting into a `String` cannot fail.
pub(super) fn put(out: &mut String, value: impl fmt::Display) {
    let _ = write!(out, "{value}");
}

pub(super) fn key(out: &mut String, name: &str) {
    quoted(out, name);
    out.push(':');
}

/// Text between quotes, escaped as RFC 8259 §7 asks, and so is whatever else would command a terminal.
pub(super) fn quoted(out: &mut String, text: &str) {
    out.push('"');
    escaped(out, text);
    out.push('"');
}

fn escaped(out: &mut String, text: &str) {
    let mut rest = text;
    // C1 controls are two octets, of which the first is 0xc2; what else begins with it is harmless, and goes the long way too.
    let special = |octet: &u8| matches!(octet, 0..0x20 | b'"' | b'\\' | 0x7f | 0xc2);
    while let Some((plain, behind)) = rest.bytes().position(|octet| special(&octet)).and_then(|at| rest.split_at_checked(at)) {
        out.push_str(plain);
        let mut characters = behind.chars();
        match characters.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(control) if control.is_control() => put(out, format_args!("\\u{:04x}", u32::from(control))),
            Some(character) => out.push(character),
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
}

/// Something whose display needs no escaping.
pub(super) fn quoted_display(out: &mut String, value: impl fmt::Display) {
    out.push('"');
    put(out, value);
    out.push('"');
}

pub(super) fn text(out: &mut String, text: Text<'_>) {
    out.push('"');
    for chunk in text.as_bytes().utf8_chunks() {
        escaped(out, chunk.valid());
        for &octet in chunk.invalid() {
            out.push_str("\\\\x");
            hex_octet(out, octet);
        }
    }
    out.push('"');
}

pub(super) fn hex(out: &mut String, octets: &[u8]) {
    out.push('"');
    for &octet in octets {
        hex_octet(out, octet);
    }
    out.push('"');
}

fn hex_octet(out: &mut String, octet: u8) {
    for nibble in [octet >> 4, octet & 0xf] {
        out.push(char::from(if nibble < 10 { b'0' | nibble } else { b'a'.wrapping_add(nibble.wrapping_sub(10)) }));
    }
}

/// What follows does what `Display` does, without the detour: most of a line is numbers, addresses and times.
pub(super) fn unsigned(out: &mut String, number: u64) {
    let mut digits = [0_u8; 20];
    let mut left = number;
    let mut used = 0_usize;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' | low_digit(left);
        left /= 10;
        used = used.wrapping_add(1);
        if left == 0 {
            break;
        }
    }
    let digits = digits.get(digits.len().wrapping_sub(used)..).unwrap_or_default();
    out.push_str(core::str::from_utf8(digits).unwrap_or_default());
}

fn low_digit(number: u64) -> u8 {
    u8::try_from(number % 10).unwrap_or(0)
}

/// Exactly `N` digits, zeros in front.
fn digits<const N: usize>(out: &mut String, number: u32) {
    let mut digits = [b'0'; N];
    let mut left = u64::from(number);
    for digit in digits.iter_mut().rev() {
        *digit = b'0' | low_digit(left);
        left /= 10;
    }
    out.push_str(core::str::from_utf8(&digits).unwrap_or_default());
}

pub(super) fn address(out: &mut String, address: IpAddr) {
    let IpAddr::V4(v4) = address else { return quoted_display(out, address) };
    let [a, b, c, d] = v4.octets();
    out.push('"');
    unsigned(out, u64::from(a));
    for octet in [b, c, d] {
        out.push('.');
        unsigned(out, u64::from(octet));
    }
    out.push('"');
}

pub(super) fn time(out: &mut String, time: Timestamp) {
    let crate::time::Civil { year, month, day, hour, minute, second, nanosecond: nanos } = time.to_civil();
    // 64 bits of nanoseconds reach from 1677 to 2262.
    let year = u32::try_from(year).unwrap_or(0);
    out.push('"');
    digits::<4>(out, year);
    for (mark, part) in [('-', month), ('-', day), ('T', hour), (':', minute), (':', second)] {
        out.push(mark);
        digits::<2>(out, u32::from(part));
    }
    out.push('.');
    digits::<9>(out, nanos);
    out.push_str("Z\"");
}

pub(super) fn mac(out: &mut String, mac: Mac) {
    out.push('"');
    for (index, octet) in mac.octets().into_iter().enumerate() {
        if index != 0 {
            out.push(':');
        }
        hex_octet(out, octet);
    }
    out.push('"');
}

/// JSON knows no infinities: they, and what is no number, are text.
pub(super) fn float(out: &mut String, number: f64) {
    if number.is_finite() {
        put(out, number);
    } else {
        quoted_display(out, number);
    }
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
    }

    #[test]
    fn escapes() {
        let shown = said(|out| text(out, Text::new("é\"\\\n\u{1}\x7f\u{9b}°x\u{80}".as_bytes())));
        assert_eq!(shown, "\"é\\\"\\\\\\n\\u0001\\u007f\\u009b°x\\u0080\"");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), "é\"\\\n\u{1}\x7f\u{9b}°x\u{80}");
        assert_eq!(said(|out| text(out, Text::new(b"a\xffb"))), "\"a\\\\xffb\"");
    }
}
