//! JSON of the elements themselves: everything a record holds, under registered names.

use super::json::{address, float, hex, key, mac, put, quoted, quoted_display, text, time, unsigned};
use crate::ie::{ElementId, ElementRef};
use crate::record::{List, ListItem, ListKind, Record, Value};
use crate::template::TemplateKind;

/// Writes one record as a JSON object, without a line end: `protocol`, `exporter`, `exporter_port`, `domain`, `template` (not for
/// fixed layouts), `kind` (`flow`, `options`), and `elements`.
///
/// `elements` holds every element by its registered name; `PEN/ID`, or `netflow9/ID`, when it has none, as hex. An element that the
/// template repeats is an array. A list is `{"semantic", "field" or "template", "values"}`; lists deeper than
/// [`Limits::list_depth`](crate::Limits::list_depth) are hex. No two members of an object have one name
/// ([`TemplateField::label`](crate::template::TemplateField::label)): `PEN/ID` stands where a name would be taken twice.
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
    // Fixed layouts have padding where the wire has; it is no element of theirs.
    let fixed = record.template().id() == 0;
    let mut first = true;
    out.push('{');
    for element in record.elements() {
        let field = element.field();
        if !field.is_first() || (fixed && element.id() == ElementId::iana(210)) {
            continue;
        }
        if !core::mem::take(&mut first) {
            out.push(',');
        }
        match field.label() {
            Some(name) => key(out, name),
            None => {
                quoted_display(out, element.id());
                out.push(':');
            }
        }
        let mut again = field.again();
        if again.is_none() {
            value(out, element.value());
            continue;
        }
        out.push('[');
        value(out, element.value());
        while let Some(element) = again.and_then(|at| record.element_at(at)) {
            out.push(',');
            value(out, element.value());
            again = element.field().again();
        }
        out.push(']');
    }
    out.push('}');
}

fn value(out: &mut String, value: Value<'_>) {
    match value {
        Value::Unsigned(number) => unsigned(out, number),
        Value::Signed(number) => put(out, number),
        Value::Float(number) => float(out, number),
        Value::Bool(truth) => put(out, truth),
        Value::Mac(value) => mac(out, value),
        Value::Text(value) => text(out, value.trimmed()),
        Value::Octets(octets) => hex(out, octets),
        Value::Time(value) => time(out, value),
        Value::Address(value) => address(out, value),
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
        ListKind::Basic { element: id, .. } => {
            out.push(',');
            key(out, "field");
            let element = list.element();
            match element.as_ref().and_then(ElementRef::own_name) {
                Some(name) => quoted(out, name),
                None => quoted_display(out, id),
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
