//! Values of JSON: texts with their escapes, numbers, addresses, times.

use core::fmt;
use std::net::IpAddr;

use crate::io::line::{self, Sink, Today};
use crate::model::{Mac, Numbers};
use crate::text::{Text, ambiguous, commands};
use crate::time::Timestamp;

pub(in crate::io) fn put(out: &mut impl Sink, value: impl fmt::Display) {
    out.put(value);
}

pub(in crate::io) fn key(out: &mut impl Sink, name: &str) {
    quoted(out, name);
    out.mark(b':');
}

/// Text between quotes, escaped as RFC 8259 §7 asks, and so is whatever else would command a terminal.
pub(in crate::io) fn quoted(out: &mut impl Sink, text: &str) {
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
            // All of them are below U+10000.
            Some(command) if commands(command) => out.put(format_args!("\\u{:04x}", u32::from(command))),
            Some(character) => out.text(character.encode_utf8(&mut [0; 4])),
            None => {}
        }
        rest = characters.as_str();
    }
    out.text(rest);
}

/// Where something may stand that needs an escape. Sixteen octets are asked at once, all of them: the compiler makes vectors of that.
fn first_special(octets: &[u8]) -> Option<usize> {
    // C1 controls are two octets, of which the first is 0xc2; separators and what turns the direction are three, of which the first is
    // 0xe2. What else begins with these is harmless, and goes the long way too.
    let special = |octet: &u8| *octet < 0x20 || matches!(octet, b'"' | b'\\' | 0x7f | 0xc2 | 0xe2);
    let (chunks, rest) = octets.as_chunks::<16>();
    let plain = chunks.iter().position(|chunk| chunk.iter().fold(false, |any, octet| any | special(octet)));
    let from = plain.unwrap_or(chunks.len()).wrapping_mul(16);
    let tail = if plain.is_some() { octets.get(from..).unwrap_or_default() } else { rest };
    Some(from.wrapping_add(tail.iter().position(special)?))
}

/// Something whose display needs no escaping.
pub(in crate::io) fn quoted_display(out: &mut impl Sink, value: impl fmt::Display) {
    out.mark(b'"');
    out.put(value);
    out.mark(b'"');
}

/// What [`Text`] shows between quotes, but for what would command a terminal, which has escapes of its own in JSON.
pub(in crate::io) fn text(out: &mut impl Sink, text: Text<'_>) {
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

pub(in crate::io) fn hex(out: &mut impl Sink, octets: &[u8]) {
    out.mark(b'"');
    for &octet in octets {
        hex_octet(out, octet);
    }
    out.mark(b'"');
}

pub(in crate::io) fn hex_octet(out: &mut impl Sink, octet: u8) {
    out.lay::<2>(|place| line::lay(place, 0, line::hex_pair(octet), 2));
}

pub(in crate::io) fn list(out: &mut impl Sink, numbers: Numbers<'_>) {
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
pub(in crate::io) fn unsigned(out: &mut impl Sink, number: u64) {
    out.lay::<24>(|place| line::decimal(place, 0, number));
}

#[inline]
pub(in crate::io) fn address(out: &mut impl Sink, address: IpAddr) {
    out.lay::<48>(|place| line::address(place, 0, address));
}

#[inline]
pub(in crate::io) fn time(out: &mut impl Sink, time: Timestamp) {
    out.lay::<32>(|place| line::time(place, 0, time, &mut { Today::EPOCH }));
}

#[inline]
pub(in crate::io) fn mac(out: &mut impl Sink, mac: Mac) {
    out.lay::<19>(|place| line::mac(place, 0, mac));
}

/// JSON knows no infinities: they, and what is no number, are text. Most rates are whole, and are shown without a point.
pub(in crate::io) fn float(out: &mut impl Sink, number: f64) {
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
    fn escapes() {
        let shown = said(|out| text(out, Text::new("é\"\\\n\u{1}\x7f\u{9b}°x\u{80}".as_bytes())));
        assert_eq!(shown, "\"é\\\"\\\\\\n\\u0001\\u007f\\u009b°x\\u0080\"");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), "é\"\\\n\u{1}\x7f\u{9b}°x\u{80}");
        let turned = said(|out| text(out, Text::new("a\u{202e}b\u{2028}c\u{2069}\u{200f}–€".as_bytes())));
        assert_eq!(turned, r#""a\u202eb\u2028c\u2069\u200f–€""#);
        assert_eq!(serde_json::from_str::<String>(&turned).unwrap(), "a\u{202e}b\u{2028}c\u{2069}\u{200f}–€");
        assert_eq!(said(|out| text(out, Text::new(b"\xe2\x80\xae\xff"))), r#""\u202e\\xff""#);
        assert_eq!(said(|out| text(out, Text::new(b"a\xffb"))), "\"a\\\\xffb\"");
        assert_eq!(said(|out| text(out, Text::new(br"a\xffb\c"))), r#""a\\x5cxffb\\c""#);
        assert_eq!(said(|out| text(out, Text::new(b"\\xff\xff\n"))), r#""\\x5cxff\\xff\n""#);
        // Wherever it stands among sixteen.
        for place in 0..40 {
            for special in ['"', '\\', '\n', '\u{1f}', '\x7f', '\u{85}', '\u{a0}', '\u{2066}', '€', 'é', ' '] {
                let value = format!("{}{special}{}", "x".repeat(place), "y".repeat(40 - place));
                let shown = said(|out| quoted(out, &value));
                assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), value);
                assert!(!shown.chars().any(commands), "{shown}");
            }
        }
    }
}
