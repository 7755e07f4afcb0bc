//! Generated templates and values.
//!
//! Generated values are leaked, because values to write are borrowed trees; that is some kilobytes for each case.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use flowcodec::ie::{self, DataType, ElementId};
use flowcodec::model::Mac;
use flowcodec::template::encode::{ElementValue, ListPart, Resend};
use flowcodec::template::{Dialect, FieldSpecifier, TemplateKind, VARIABLE};
use flowcodec::{Text, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Templates that lists refer to.
pub(super) const PAIRS: u16 = 60_000;
pub(super) const NAMES: u16 = 60_001;
pub(super) const NESTED: u16 = 60_002;

pub(super) fn iana(id: u16, length: u16) -> FieldSpecifier {
    FieldSpecifier::new(ElementId::iana(id), length)
}

pub(super) fn list_templates() -> [(u16, Vec<FieldSpecifier>); 3] {
    [
        (PAIRS, vec![iana(8, 4), iana(7, 2)]),
        (NAMES, vec![iana(1, 3), iana(82, VARIABLE)]),
        (NESTED, vec![iana(291, VARIABLE), iana(10, 4), iana(292, VARIABLE)]),
    ]
}

pub(super) fn leak<T>(values: Vec<T>) -> &'static [T] {
    values.leak()
}

pub(super) fn type_of(element: ElementId) -> DataType {
    ie::lookup(element).map_or(DataType::OctetArray, |element| element.data_type)
}

/// A length the type can have, by a choice.
pub(super) fn length_of(data_type: DataType, choice: u16, dialect: Dialect) -> u16 {
    let upto = |most: u16| choice % most + 1;
    match data_type {
        DataType::Unsigned8 | DataType::Unsigned16 | DataType::Unsigned32 | DataType::Unsigned64 | DataType::Signed64 => upto(8),
        DataType::Unsigned256 => upto(32),
        DataType::Signed8 | DataType::Boolean => 1,
        DataType::Signed16 => upto(2),
        DataType::Signed32 => upto(4),
        DataType::Float32 | DataType::Ipv4Address => 4,
        DataType::Float64 | DataType::DateTimeSeconds => upto(2) * 4,
        DataType::MacAddress => 6,
        DataType::DateTimeMilliseconds | DataType::DateTimeMicroseconds | DataType::DateTimeNanoseconds => 8,
        DataType::Ipv6Address => 16,
        DataType::String | DataType::OctetArray if dialect == Dialect::NetFlow9 || choice.is_multiple_of(3) => choice % 20,
        _ => VARIABLE,
    }
}

pub(super) fn value_of(data_type: DataType, length: u16, depth: u8) -> BoxedStrategy<ElementValue<'static>> {
    let bits = u32::from(length.min(8)) * 8;
    let octets = |length: u16| match length {
        VARIABLE => prop_oneof![8 => vec(any::<u8>(), 0..20), 1 => vec(any::<u8>(), 250..260)].boxed(),
        length => vec(any::<u8>(), usize::from(length)).boxed(),
    };
    // Before 2106, what NTP forms and four octets of seconds reach.
    let time = (0..4_294_967_296_000_000_000_i64).prop_map(|nanos| ElementValue::Time(Timestamp::from_nanos(nanos)));
    match data_type {
        DataType::Unsigned8 | DataType::Unsigned16 | DataType::Unsigned32 | DataType::Unsigned64 | DataType::Unsigned256 => {
            any::<u64>().prop_map(move |number| ElementValue::Unsigned(number >> (64 - bits))).boxed()
        }
        DataType::Signed8 | DataType::Signed16 | DataType::Signed32 | DataType::Signed64 => {
            any::<i64>().prop_map(move |number| ElementValue::Signed(number >> (64 - bits))).boxed()
        }
        DataType::Float32 => any::<f32>().prop_map(|number| ElementValue::Float(f64::from(number))).boxed(),
        DataType::Float64 if length == 4 => any::<f32>().prop_map(|number| ElementValue::Float(f64::from(number))).boxed(),
        DataType::Float64 => any::<f64>().prop_map(ElementValue::Float).boxed(),
        DataType::Boolean => any::<bool>().prop_map(ElementValue::Bool).boxed(),
        DataType::MacAddress => any::<[u8; 6]>().prop_map(|octets| ElementValue::Mac(Mac::new(octets))).boxed(),
        DataType::Ipv4Address => any::<Ipv4Addr>().prop_map(|address| ElementValue::Address(IpAddr::V4(address))).boxed(),
        DataType::Ipv6Address => any::<Ipv6Addr>().prop_map(|address| ElementValue::Address(IpAddr::V6(address))).boxed(),
        DataType::DateTimeSeconds
        | DataType::DateTimeMilliseconds
        | DataType::DateTimeMicroseconds
        | DataType::DateTimeNanoseconds => time.boxed(),
        DataType::String if length == VARIABLE => {
            octets(length).prop_map(|text| ElementValue::Text(Text::new(leak(text)))).boxed()
        }
        DataType::String => {
            let text = vec(1_u8..=255, 0..=usize::from(length));
            text.prop_map(|text| ElementValue::Text(Text::new(leak(text)))).boxed()
        }
        DataType::BasicList => basic_list(depth),
        DataType::SubTemplateList => {
            (any::<u8>(), part(depth)).prop_map(|(semantic, records)| ElementValue::SubTemplateList { semantic, records }).boxed()
        }
        DataType::SubTemplateMultiList => (any::<u8>(), vec(part(depth), 0..3))
            .prop_map(|(semantic, parts)| ElementValue::SubTemplateMultiList { semantic, parts: leak(parts) })
            .boxed(),
        _ => octets(length).prop_map(|octets| ElementValue::Octets(leak(octets))).boxed(),
    }
}

pub(super) fn basic_list(depth: u8) -> BoxedStrategy<ElementValue<'static>> {
    let mut fields = vec![iana(10, 2), iana(27, 16), iana(82, VARIABLE), iana(82, 9)];
    fields.push(FieldSpecifier::new(ElementId::enterprise(6876, 891), 1));
    if depth > 0 {
        fields.push(iana(291, VARIABLE));
        fields.push(iana(292, VARIABLE));
    }
    let of = move |field: FieldSpecifier| {
        let values = vec(value_of(type_of(field.element), field.length, depth.saturating_sub(1)), 0..4);
        (any::<u8>(), values).prop_map(move |(semantic, values)| ElementValue::BasicList {
            semantic,
            field,
            values: leak(values),
        })
    };
    select(fields).prop_flat_map(of).boxed()
}

pub(super) fn part(depth: u8) -> BoxedStrategy<ListPart<'static>> {
    let mut templates = list_templates().to_vec();
    templates.truncate(if depth > 0 { 3 } else { 2 });
    let of = move |(template, fields): (u16, Vec<FieldSpecifier>)| {
        let record = fields.iter().map(|field| value_of(type_of(field.element), field.length, depth.saturating_sub(1)));
        vec(record.collect::<Vec<_>>(), 0..3).prop_map(move |records| ListPart::new(template, leak(records.concat())))
    };
    select(templates).prop_flat_map(of).boxed()
}

pub(super) fn is_list(data_type: DataType) -> bool {
    matches!(data_type, DataType::BasicList | DataType::SubTemplateList | DataType::SubTemplateMultiList)
}

/// Every element that the protocol can name.
pub(super) fn elements(dialect: Dialect) -> Vec<ElementId> {
    let of = |element: &'static ie::Element| match (dialect, element.id) {
        (Dialect::Ipfix, ElementId::Ipfix { .. }) | (_, ElementId::NetFlow9(_) | ElementId::Ipfix { pen: 0, .. }) => {
            let foreign = dialect == Dialect::Ipfix && matches!(element.id, ElementId::NetFlow9(_));
            (!foreign && !is_list(element.data_type)).then_some(element.id)
        }
        _ => None,
    };
    ie::elements().filter_map(of).collect()
}

#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) kind: TemplateKind,
    pub(super) fields: Vec<FieldSpecifier>,
    pub(super) records: Vec<Vec<ElementValue<'static>>>,
}

/// A template of random elements (some of them repeated, some unknown, some lists), and records of it.
pub(super) fn plan(dialect: Dialect) -> impl Strategy<Value = Plan> {
    let known = elements(dialect);
    let field = (any::<Index>(), any::<u16>(), 0_u8..20).prop_map(move |(index, choice, special)| {
        let element = match (special, dialect) {
            (0, Dialect::Ipfix) => ElementId::iana(291 + choice % 3),
            (1, Dialect::Ipfix) => ElementId::enterprise(64_999, choice & 0x7fff),
            (1, _) => ElementId::netflow9(50_000),
            // Repeats are likely among few.
            (2..5, _) => ElementId::iana(1 + choice % 3),
            _ => *index.get(&known),
        };
        FieldSpecifier::new(element, length_of(type_of(element), choice, dialect))
    });
    let scopes = prop_oneof![3 => Just(0_usize), 1 => Just(1), 1 => Just(2)];
    (vec(field, 1..12), scopes).prop_flat_map(move |(mut fields, scopes)| {
        let kind = if scopes == 0 { TemplateKind::Data } else { TemplateKind::Options };
        for (number, field) in (1..).zip(fields.iter_mut().take(scopes)) {
            *field = match dialect {
                Dialect::Ipfix => FieldSpecifier::scope(field.element, field.length),
                _ => FieldSpecifier::scope(ElementId::NetFlow9Scope(number), 4),
            };
        }
        if fields.iter().all(|field| field.length == 0) {
            fields.push(iana(1, 4));
        }
        let record: Vec<_> = fields.iter().map(|field| value_of(type_of(field.element), field.length, 2)).collect();
        vec(record, 0..6).prop_map(move |records| Plan { kind, fields: fields.clone(), records })
    })
}

pub(super) fn plans(dialect: Dialect) -> impl Strategy<Value = Vec<Plan>> {
    vec(plan(dialect), 1..5)
}

/// The records of all plans, those of the templates taking turns.
pub(super) fn turns(plans: &[Plan]) -> impl Iterator<Item = (u16, &Plan, &[ElementValue<'static>])> {
    let longest = plans.iter().map(|plan| plan.records.len()).max().unwrap_or(0);
    (0..longest).flat_map(move |at| {
        (256_u16..).zip(plans).filter_map(move |(id, plan)| Some((id, plan, plan.records.get(at)?.as_slice())))
    })
}

pub(super) fn resend() -> impl Strategy<Value = Resend> {
    prop_oneof![Just(Resend::NEVER), (1_u32..4).prop_map(|messages| Resend::new(Some(messages), Some(Duration::from_mins(1))))]
}
