//! JSON of the elements themselves: everything a record holds, under registered names.

use super::json::{address, float, hex, key, mac, put, quoted, quoted_display, text, time, unsigned};
use super::samples;
use crate::ie::{ElementId, ElementRef};
use crate::record::{Element, List, ListItem, ListKind, Record, Value};
use crate::sflow::{Sample, SampleKind};
use crate::template::{Template, TemplateField, TemplateKind};

/// Writes one record as a JSON object, without a line end: `protocol`, `exporter`, `exporter_port`, `agent` (sFlow), `domain` (in sFlow
/// the sub-agent), `template` (not for fixed layouts and sFlow), `kind` (`flow`, `options`, `counters`; `unknown` for sFlow samples of an
/// unknown format), `sample` (sFlow: the structure's name), and `elements`.
///
/// `elements` holds every element by its registered name; `PEN/ID`, or `netflow9/ID`, when it has none, as hex. An element that the
/// template repeats is an array. A list is `{"semantic", "field" or "template", "values"}`; lists deeper than
/// [`Limits::list_depth`](crate::Limits::list_depth) are hex. No two members of an object have one name
/// ([`TemplateField::label`](crate::template::TemplateField::label)): `PEN/ID` stands where a name would be taken twice.
///
/// Of sFlow samples it holds what stands before the records and each record as an object, under sflow.org's names; what is unknown under
/// `ENTERPRISE:FORMAT`, as hex. Beside a sampled header stands what it says, under the names of the elements of the same meaning.
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
    if let Some(agent) = context.agent {
        key(out, "agent");
        address(out, agent);
        out.push(',');
    }
    key(out, "domain");
    put(out, context.domain);
    out.push(',');
    if let Some(template) = template.filter(|template| template.id() != 0) {
        key(out, "template");
        put(out, template.id());
        out.push(',');
    }
    key(out, "kind");
    quoted(out, kind(record));
    out.push(',');
    if let Some(layout) = record.sample().and_then(Sample::layout) {
        key(out, "sample");
        quoted(out, layout.name);
        out.push(',');
    }
    key(out, "elements");
    match record.sample() {
        Some(sample) => samples::object(out, record, sample),
        None => object(out, record),
    }
    out.push('}');
}

fn kind(record: &Record<'_>) -> &'static str {
    match (record.template().map(Template::kind), record.sample().map(Sample::kind)) {
        (Some(TemplateKind::Options), _) => "options",
        (_, Some(SampleKind::Counters)) => "counters",
        (_, Some(SampleKind::Unknown)) => "unknown",
        _ => "flow",
    }
}

fn object(out: &mut String, record: &Record<'_>) {
    // Fixed layouts have padding where the wire has; it is no element of theirs.
    let fixed = record.template().is_some_and(|template| template.id() == 0);
    let mut first = true;
    out.push('{');
    for element in record.elements() {
        let Some(field) = element.field() else { continue };
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
        match field.again() {
            None => value(out, &element.value()),
            Some(again) => repeated(out, record, &element, again),
        }
    }
    out.push('}');
}

/// All values of an element that the template repeats, next at the place `again`. (Not inlined: lists within lists would have room for
/// this too on the stack, level by level.)
#[inline(never)]
fn repeated(out: &mut String, record: &Record<'_>, first: &Element<'_>, again: u16) {
    out.push('[');
    value(out, &first.value());
    let mut again = Some(again);
    while let Some(element) = again.and_then(|at| record.element_at(at)) {
        out.push(',');
        value(out, &element.value());
        again = element.field().and_then(TemplateField::again);
    }
    out.push(']');
}

fn value(out: &mut String, value: &Value<'_>) {
    match *value {
        Value::Unsigned(number) => unsigned(out, number),
        Value::Signed(number) => put(out, number),
        Value::Float(number) => float(out, number),
        Value::Bool(truth) => put(out, truth),
        Value::Mac(value) => mac(out, value),
        Value::Text(value) => text(out, value.trimmed()),
        Value::Octets(octets) => hex(out, octets),
        Value::Time(value) => time(out, value),
        Value::Address(value) => address(out, value),
        Value::List(ref value) => list(out, value),
        Value::SflowList(ref value) => samples::list(out, value),
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
            ListItem::Value(item) => value(out, &item),
            ListItem::Record(record) if list.kind() == ListKind::SubTemplateMulti => {
                // Each of these records may follow another template: it is said with each.
                out.push('{');
                key(out, "template");
                put(out, record.template().map_or(0, Template::id));
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
