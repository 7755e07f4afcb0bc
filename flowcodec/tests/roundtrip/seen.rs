//! What was written and what was read, in one form.

use std::net::{IpAddr, Ipv4Addr};

use flowcodec::ie::{self, DataType};
use flowcodec::model::{Mac, Schema};
use flowcodec::template::encode::{ElementValue, ListPart, Shapes};
use flowcodec::template::{TemplateKind, VARIABLE};
use flowcodec::{
    Decoder, Event, Events, Exporter, FaultKind, Flow, FlowRecord, List, ListItem, ListKind, Record, Timestamp, Value,
};
use proptest::prelude::*;

use super::NOW;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Seen {
    Unsigned(u64),
    Signed(i64),
    Float(u64),
    Bool(bool),
    Mac(Mac),
    Text(Vec<u8>),
    Octets(Vec<u8>),
    Time(Timestamp),
    Address(IpAddr),
    List(ListKind, u8, Vec<SeenItem>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum SeenItem {
    Value(Seen),
    Record(u16, Vec<Seen>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct SeenRecord {
    pub(super) template: u16,
    pub(super) kind: TemplateKind,
    pub(super) values: Vec<Seen>,
}

pub(super) fn read(value: &Value<'_>, fixed: bool) -> Seen {
    match *value {
        Value::Unsigned(number) => Seen::Unsigned(number),
        Value::Signed(number) => Seen::Signed(number),
        Value::Float(number) => Seen::Float(number.to_bits()),
        Value::Bool(truth) => Seen::Bool(truth),
        Value::Mac(mac) => Seen::Mac(mac),
        Value::Text(text) if fixed => Seen::Text(text.trimmed().as_bytes().to_vec()),
        Value::Text(text) => Seen::Text(text.as_bytes().to_vec()),
        Value::Octets(octets) => Seen::Octets(octets.to_vec()),
        Value::Time(time) => Seen::Time(time),
        Value::Address(address) => Seen::Address(address),
        Value::List(list) => read_list(&list),
        ref other => panic!("{other:?}"),
    }
}

pub(super) fn read_list(list: &List<'_>) -> Seen {
    let fixed = matches!(list.kind(), ListKind::Basic { length, .. } if length != VARIABLE);
    let items = list.items().map(|item| match item {
        ListItem::Value(value) => SeenItem::Value(read(&value, fixed)),
        ListItem::Record(record) => SeenItem::Record(record.template().unwrap().id(), read_record(&record)),
        other => panic!("{other:?}"),
    });
    Seen::List(list.kind(), list.semantic(), items.collect())
}

pub(super) fn read_record(record: &Record<'_>) -> Vec<Seen> {
    record.elements().map(|element| read(&element.value(), !element.field().unwrap().is_variable())).collect()
}

/// What a reader is to see of a value written to a field.
pub(super) fn written(shapes: &Shapes, value: &ElementValue<'_>, data_type: DataType, length: u16) -> Seen {
    let floor = |time: Timestamp, unit: i64| Timestamp::from_nanos(time.as_nanos().div_euclid(unit) * unit);
    let records = |part: &ListPart<'_>| {
        let shape = shapes.get(part.template).unwrap();
        part.values.chunks(shape.fields().len()).map(|values| written_record(shapes, part.template, values)).collect::<Vec<_>>()
    };
    let items =
        |part: &ListPart<'_>| records(part).into_iter().map(|record| SeenItem::Record(part.template, record)).collect::<Vec<_>>();
    match *value {
        ElementValue::Unsigned(number) if data_type == DataType::Unsigned256 => {
            let mut octets = vec![0_u8; usize::from(length).saturating_sub(8)];
            octets.extend(&number.to_be_bytes()[8 - usize::from(length.min(8))..]);
            Seen::Octets(octets)
        }
        ElementValue::Unsigned(number) => Seen::Unsigned(number),
        ElementValue::Signed(number) => Seen::Signed(number),
        #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "what four octets hold")]
        ElementValue::Float(number) if length == 4 => Seen::Float(f64::from(number as f32).to_bits()),
        ElementValue::Float(number) => Seen::Float(number.to_bits()),
        ElementValue::Bool(truth) => Seen::Bool(truth),
        ElementValue::Mac(mac) => Seen::Mac(mac),
        ElementValue::Address(address) => Seen::Address(address),
        ElementValue::Time(time) => Seen::Time(match data_type {
            DataType::DateTimeSeconds => floor(time, 1_000_000_000),
            DataType::DateTimeMilliseconds => floor(time, 1_000_000),
            DataType::DateTimeMicroseconds => floor(time, 1_000),
            _ => time,
        }),
        ElementValue::Text(text) => Seen::Text(text.as_bytes().to_vec()),
        ElementValue::Octets(octets) | ElementValue::Raw(octets) => Seen::Octets(octets.to_vec()),
        ElementValue::BasicList { semantic, field, values } => {
            let data_type = ie::lookup(field.element).map_or(DataType::OctetArray, |element| element.data_type);
            let items = values.iter().map(|value| SeenItem::Value(written(shapes, value, data_type, field.length)));
            Seen::List(ListKind::Basic { element: field.element, length: field.length }, semantic, items.collect())
        }
        ElementValue::SubTemplateList { semantic, records } => {
            Seen::List(ListKind::SubTemplate { template: records.template }, semantic, items(&records))
        }
        ElementValue::SubTemplateMultiList { semantic, parts } => {
            Seen::List(ListKind::SubTemplateMulti, semantic, parts.iter().flat_map(items).collect())
        }
        ref other => panic!("{other:?}"),
    }
}

pub(super) fn written_record(shapes: &Shapes, template: u16, values: &[ElementValue<'_>]) -> Vec<Seen> {
    let fields = shapes.get(template).unwrap().fields();
    fields.iter().zip(values).map(|((field, data_type), value)| written(shapes, value, *data_type, field.length)).collect()
}

/// What came out of a decoder.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) records: Vec<SeenRecord>,
    pub(super) flows: Vec<Flow>,
    pub(super) rows: Vec<FlowRecord>,
    pub(super) trouble: Vec<String>,
}

impl Heard {
    pub(super) fn hear(&mut self, mut events: Events<'_>, schema: &std::sync::Arc<Schema>) {
        while let Some(event) = events.next() {
            match event {
                Event::Flows(set) | Event::Options(set) => {
                    for record in set {
                        let template = record.template().unwrap();
                        self.records.push(SeenRecord {
                            template: template.id(),
                            kind: template.kind(),
                            values: read_record(&record),
                        });
                        self.flows.push(record.to_flow(schema));
                        let mut row = FlowRecord::EMPTY;
                        record.fill(&mut row);
                        self.rows.push(row);
                    }
                }
                // Random sampling parameters are mostly nonsense.
                Event::Fault(event) if event.fault.kind == FaultKind::ValueInvalid => {}
                Event::Fault(event) => self.trouble.push(event.fault.to_string()),
                Event::Sequence(event) => self.trouble.push(format!("{:?}", event.change)),
                _ => {}
            }
        }
    }
}

pub(super) fn heard(messages: &[Vec<u8>]) -> (Heard, Decoder) {
    let (mut decoder, mut heard) = (Decoder::default(), Heard::default());
    let exporter = Exporter::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 4_000);
    for message in messages {
        heard.hear(decoder.datagram(exporter, NOW, message), &Schema::common());
    }
    heard.hear(decoder.finish(), &Schema::common());
    (heard, decoder)
}

/// The decoder knows the templates as they were written.
pub(super) fn same_templates(decoder: &Decoder, shapes: &Shapes) -> Result<(), TestCaseError> {
    let mut known: Vec<_> = decoder.templates().map(|info| info.template).collect();
    known.sort_by_key(|template| template.id());
    let ids: Vec<_> = known.iter().map(|template| template.id()).collect();
    prop_assert_eq!(ids, shapes.iter().map(flowcodec::template::encode::Shape::id).collect::<Vec<_>>());
    for (template, shape) in known.iter().zip(shapes.iter()) {
        prop_assert_eq!(template.kind(), shape.kind());
        let fields = template.fields().iter().map(|field| (field.id(), field.length(), field.is_scope())).collect::<Vec<_>>();
        let given = shape.fields().iter().map(|(field, _)| (field.element, field.length, field.scope)).collect::<Vec<_>>();
        prop_assert_eq!(fields, given);
    }
    Ok(())
}
