//! JSON of the elements themselves: everything a record holds, under registered names.

use super::json::{float, hex, key, put, quoted, quoted_display, text};
use crate::ie::{ElementId, lookup};
use crate::record::{Element, List, ListItem, ListKind, Record, Value};
use crate::template::TemplateKind;

/// Writes one record as a JSON object, without a line end: `protocol`, `exporter`, `exporter_port`, `domain`, `template` (not for
/// fixed layouts), `kind` (`flow`, `options`), and `elements`.
///
/// `elements` holds every element by its registered name; `PEN/ID`, or `netflow9/ID`, when it has none, as hex. An element that the
/// template repeats is an array. A list is `{"semantic", "field" or "template", "values"}`.
pub fn write_elements(out: &mut String, record: &Record<'_>) {
    let (context, template) = (record.context(), record.template());
    out.push('{');
    key(out, "protocol");
    quoted(out, context.protocol.name());
    out.push(',');
    key(out, "exporter");
    quoted_display(out, context.exporter.address());
    out.push(',');
    key(out, "exporter_port");
    put(out, context.exporter.port());
    out.push(',');
    key(out, "domain");
    put(out, context.domain);
    out.push(',');
    if template.id() != 0 {
        key(out, "template");
        put(out, template.id());
        out.push(',');
    }
    key(out, "kind");
    quoted(out, if template.kind() == TemplateKind::Options { "options" } else { "flow" });
    out.push(',');
    key(out, "elements");
    object(out, record);
    out.push('}');
}

fn object(out: &mut String, record: &Record<'_>) {
    let fields = record.template().fields();
    // Fixed layouts have padding where the wire has; it is no element of theirs.
    let fixed = record.template().id() == 0;
    let mut elements = record.elements().enumerate();
    let mut first = true;
    out.push('{');
    while let Some((index, element)) = elements.next() {
        let id = element.id();
        let seen = fields.get(..index).is_some_and(|before| before.iter().any(|field| field.id() == id));
        if seen || (fixed && id == ElementId::iana(210)) {
            continue;
        }
        if !core::mem::take(&mut first) {
            out.push(',');
        }
        match element.name() {
            Some(name) => key(out, name),
            None => {
                quoted_display(out, id);
                out.push(':');
            }
        }
        let behind = index.saturating_add(1);
        if fields.get(behind..).is_some_and(|behind| behind.iter().any(|field| field.id() == id)) {
            out.push('[');
            write_value(out, &element);
            for (_, again) in elements.clone().filter(|(_, again)| again.id() == id) {
                out.push(',');
                write_value(out, &again);
            }
            out.push(']');
        } else {
            write_value(out, &element);
        }
    }
    out.push('}');
}

fn write_value(out: &mut String, element: &Element<'_>) {
    value(out, element.value());
}

fn value(out: &mut String, value: Value<'_>) {
    match value {
        Value::Unsigned(number) => put(out, number),
        Value::Signed(number) => put(out, number),
        Value::Float(number) => float(out, number),
        Value::Bool(truth) => put(out, truth),
        Value::Mac(mac) => quoted_display(out, mac),
        Value::Text(value) => text(out, value.trimmed()),
        Value::Octets(octets) => hex(out, octets),
        Value::Time(time) => quoted_display(out, time),
        Value::Address(address) => quoted_display(out, address),
        Value::List(value) => list(out, &value),
    }
}

fn list(out: &mut String, list: &List<'_>) {
    out.push('{');
    key(out, "semantic");
    match list.semantic() {
        0 => quoted(out, "noneOf"),
        1 => quoted(out, "exactlyOneOf"),
        2 => quoted(out, "oneOrMoreOf"),
        3 => quoted(out, "allOf"),
        4 => quoted(out, "ordered"),
        255 => quoted(out, "undefined"),
        other => put(out, other),
    }
    match list.kind() {
        ListKind::Basic { element, .. } => {
            out.push(',');
            key(out, "field");
            match lookup(element) {
                Some(element) => quoted(out, element.name),
                None => quoted_display(out, element),
            }
        }
        ListKind::SubTemplate { template } => {
            out.push(',');
            key(out, "template");
            put(out, template);
        }
        ListKind::SubTemplateMulti => {}
    }
    out.push(',');
    key(out, "values");
    out.push('[');
    for (index, item) in list.items().enumerate() {
        if index != 0 {
            out.push(',');
        }
        match item {
            ListItem::Value(item) => value(out, item),
            ListItem::Record(record) if list.kind() == ListKind::SubTemplateMulti => {
                // Each of these records may follow another template: it is said with each.
                out.push('{');
                key(out, "template");
                put(out, record.template().id());
                out.push(',');
                key(out, "values");
                object(out, &record);
                out.push('}');
            }
            ListItem::Record(record) => object(out, &record),
        }
    }
    out.push_str("]}");
}
