//! JSON of the common model: one object a record, one member a field that is present.

use core::fmt::{self, Write};

use crate::model::{FieldId, FieldValue, Flow, Schema, word};
use crate::record::Record;
use crate::text::Text;

/// Writes one record as a JSON object, without a line end. Fields under their names in the schema's order, an absent field is an
/// absent member; times as RFC 3339 with nine digits, addresses as text, octets as hex. Octets of text that are not UTF-8 are shown
/// as `\xNN`.
pub fn write_record(out: &mut String, record: &Record<'_>, schema: &Schema) {
    write_fields(out, schema, ids(schema).filter_map(|id| Some((id, record.value(id)?))));
}

/// Writes one owned flow in the same form.
pub fn write_flow(out: &mut String, flow: &Flow) {
    write_fields(out, flow.schema(), flow.fields());
}

fn ids(schema: &Schema) -> impl Iterator<Item = FieldId> {
    (0_u16..).take(schema.fields().len()).map(FieldId::new)
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
                None => put(out, number),
            },
            FieldValue::Address(address) => quoted_display(out, address),
            FieldValue::Double(number) => float(out, number),
            FieldValue::Time(time) => quoted_display(out, time),
            FieldValue::Mac(mac) => quoted_display(out, mac),
            FieldValue::Text(value) => text(out, value.trimmed()),
            FieldValue::Octets(octets) => hex(out, octets),
            FieldValue::Numbers(numbers) => {
                out.push('[');
                for (index, number) in numbers.as_slice().iter().enumerate() {
                    if index != 0 {
                        out.push(',');
                    }
                    put(out, number);
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

/// Text between quotes, escaped as RFC 8259 §7 asks.
pub(super) fn quoted(out: &mut String, text: &str) {
    out.push('"');
    escaped(out, text);
    out.push('"');
}

fn escaped(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => put(out, format_args!("\\u{:04x}", u32::from(control))),
            character => out.push(character),
        }
    }
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
        for octet in chunk.invalid() {
            put(out, format_args!("\\\\x{octet:02x}"));
        }
    }
    out.push('"');
}

pub(super) fn hex(out: &mut String, octets: &[u8]) {
    out.push('"');
    for octet in octets {
        put(out, format_args!("{octet:02x}"));
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
