//! `decode(encode(x)) = x`: for elements, lists, templates, the fixed layouts and the common model; with messages split at any size,
//! and streams cut anywhere.
//!
//! Generated values are leaked, because values to write are borrowed trees; that is some kilobytes for each case.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use flowcodec::ie::{self, DataType, ElementId};
use flowcodec::model::{ColumnType, FieldId, FieldValue, Mac, Numbers, Schema, field};
use flowcodec::template::encode::{ElementValue, EncodeError, FlowSettings, Lengths, ListPart, Resend, Shapes, TimeForm};
use flowcodec::template::{Dialect, FieldSpecifier, TemplateKind, VARIABLE};
use flowcodec::{
    Decoder, Event, Events, Exporter, FaultKind, Flow, FlowRecord, List, ListItem, ListKind, Protocol, Record, Session, Text,
    Timestamp, Value, ipfix, netflow5, netflow9,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
const BOOT: Timestamp = Timestamp::from_seconds(1_690_000_000);

// ---- what was written and what was read, in one form

#[derive(Debug, Clone, PartialEq)]
enum Seen {
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
enum SeenItem {
    Value(Seen),
    Record(u16, Vec<Seen>),
}

#[derive(Debug, Clone, PartialEq)]
struct SeenRecord {
    template: u16,
    kind: TemplateKind,
    values: Vec<Seen>,
}

fn read(value: &Value<'_>, fixed: bool) -> Seen {
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

fn read_list(list: &List<'_>) -> Seen {
    let fixed = matches!(list.kind(), ListKind::Basic { length, .. } if length != VARIABLE);
    let items = list.items().map(|item| match item {
        ListItem::Value(value) => SeenItem::Value(read(&value, fixed)),
        ListItem::Record(record) => SeenItem::Record(record.template().id(), read_record(&record)),
        other => panic!("{other:?}"),
    });
    Seen::List(list.kind(), list.semantic(), items.collect())
}

fn read_record(record: &Record<'_>) -> Vec<Seen> {
    record.elements().map(|element| read(&element.value(), !element.field().is_variable())).collect()
}

/// What a reader is to see of a value written to a field.
fn written(shapes: &Shapes, value: &ElementValue<'_>, data_type: DataType, length: u16) -> Seen {
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

fn written_record(shapes: &Shapes, template: u16, values: &[ElementValue<'_>]) -> Vec<Seen> {
    let fields = shapes.get(template).unwrap().fields();
    fields.iter().zip(values).map(|((field, data_type), value)| written(shapes, value, *data_type, field.length)).collect()
}

/// What came out of a decoder.
#[derive(Debug, Default)]
struct Heard {
    records: Vec<SeenRecord>,
    flows: Vec<Flow>,
    rows: Vec<FlowRecord>,
    trouble: Vec<String>,
}

impl Heard {
    fn hear(&mut self, mut events: Events<'_>, schema: &std::sync::Arc<Schema>) {
        while let Some(event) = events.next() {
            match event {
                Event::Flows(set) | Event::Options(set) => {
                    for record in set {
                        let template = record.template();
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

fn heard(messages: &[Vec<u8>]) -> (Heard, Decoder) {
    let (mut decoder, mut heard) = (Decoder::default(), Heard::default());
    let exporter = Exporter::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 4_000);
    for message in messages {
        heard.hear(decoder.datagram(exporter, NOW, message), &Schema::common());
    }
    heard.hear(decoder.finish(), &Schema::common());
    (heard, decoder)
}

/// The decoder knows the templates as they were written.
fn same_templates(decoder: &Decoder, shapes: &Shapes) -> Result<(), TestCaseError> {
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

// ---- generated templates and values

/// Templates that lists refer to.
const PAIRS: u16 = 60_000;
const NAMES: u16 = 60_001;
const NESTED: u16 = 60_002;

fn iana(id: u16, length: u16) -> FieldSpecifier {
    FieldSpecifier::new(ElementId::iana(id), length)
}

fn list_templates() -> [(u16, Vec<FieldSpecifier>); 3] {
    [
        (PAIRS, vec![iana(8, 4), iana(7, 2)]),
        (NAMES, vec![iana(1, 3), iana(82, VARIABLE)]),
        (NESTED, vec![iana(291, VARIABLE), iana(10, 4), iana(292, VARIABLE)]),
    ]
}

fn leak<T>(values: Vec<T>) -> &'static [T] {
    values.leak()
}

fn type_of(element: ElementId) -> DataType {
    ie::lookup(element).map_or(DataType::OctetArray, |element| element.data_type)
}

/// A length the type can have, by a choice.
fn length_of(data_type: DataType, choice: u16, dialect: Dialect) -> u16 {
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
        DataType::String | DataType::OctetArray if dialect == Dialect::NetFlow9 || choice % 3 == 0 => choice % 20,
        _ => VARIABLE,
    }
}

fn value_of(data_type: DataType, length: u16, depth: u8) -> BoxedStrategy<ElementValue<'static>> {
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

fn basic_list(depth: u8) -> BoxedStrategy<ElementValue<'static>> {
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

fn part(depth: u8) -> BoxedStrategy<ListPart<'static>> {
    let mut templates = list_templates().to_vec();
    templates.truncate(if depth > 0 { 3 } else { 2 });
    let of = move |(template, fields): (u16, Vec<FieldSpecifier>)| {
        let record = fields.iter().map(|field| value_of(type_of(field.element), field.length, depth.saturating_sub(1)));
        vec(record.collect::<Vec<_>>(), 0..3).prop_map(move |records| ListPart::new(template, leak(records.concat())))
    };
    select(templates).prop_flat_map(of).boxed()
}

fn is_list(data_type: DataType) -> bool {
    matches!(data_type, DataType::BasicList | DataType::SubTemplateList | DataType::SubTemplateMultiList)
}

/// Every element that the protocol can name.
fn elements(dialect: Dialect) -> Vec<ElementId> {
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
struct Plan {
    kind: TemplateKind,
    fields: Vec<FieldSpecifier>,
    records: Vec<Vec<ElementValue<'static>>>,
}

/// A template of random elements (some of them repeated, some unknown, some lists), and records of it.
fn plan(dialect: Dialect) -> impl Strategy<Value = Plan> {
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

fn plans(dialect: Dialect) -> impl Strategy<Value = Vec<Plan>> {
    vec(plan(dialect), 1..5)
}

/// The records of all plans, those of the templates taking turns.
fn turns(plans: &[Plan]) -> impl Iterator<Item = (u16, &Plan, &[ElementValue<'static>])> {
    let longest = plans.iter().map(|plan| plan.records.len()).max().unwrap_or(0);
    (0..longest).flat_map(move |at| {
        (256_u16..).zip(plans).filter_map(move |(id, plan)| Some((id, plan, plan.records.get(at)?.as_slice())))
    })
}

fn resend() -> impl Strategy<Value = Resend> {
    prop_oneof![Just(Resend::NEVER), (1_u32..4).prop_map(|messages| Resend::new(Some(messages), Some(Duration::from_secs(60))))]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn ipfix_over_udp(plans in plans(Dialect::Ipfix), most in 256_u16..2_000, pad in any::<bool>(), long in any::<bool>(), resend in resend()) {
        let mut settings = ipfix::Settings::udp(most);
        settings.transport = ipfix::Transport::Udp(resend);
        settings.pad_sets = pad;
        settings.lengths = if long { Lengths::Long } else { Lengths::Shortest };
        let mut writer = ipfix::Writer::new(7, settings).unwrap();
        for (id, fields) in list_templates() {
            writer.add_template(id, &fields).unwrap();
        }
        for (id, plan) in (256..).zip(&plans) {
            match plan.kind {
                TemplateKind::Data => writer.add_template(id, &plan.fields).unwrap(),
                _ => writer.add_options_template(id, &plan.fields).unwrap(),
            }
        }
        let (mut messages, mut expected) = (Vec::new(), Vec::new());
        for (template, plan, values) in turns(&plans) {
            match writer.record(NOW, template, values, |message| messages.push(message.to_vec())) {
                Ok(()) => {
                    let values = written_record(writer.templates(), template, values);
                    expected.push(SeenRecord { template, kind: plan.kind, values });
                }
                Err(EncodeError::RecordTooLong { octets, room }) => prop_assert!(octets > room && room <= u32::from(most) - 20),
                Err(other) => panic!("{other}"),
            }
        }
        writer.flush(NOW, |message| messages.push(message.to_vec())).unwrap();
        prop_assert!(messages.iter().all(|message| message.len() <= usize::from(most)));
        prop_assert!(!pad || messages.iter().all(|message| message.len() > 20));
        prop_assert_eq!(writer.sequence() as usize, expected.len());
        let (heard, decoder) = heard(&messages);
        prop_assert_eq!(heard.trouble, Vec::<String>::new());
        prop_assert_eq!(heard.records, expected);
        same_templates(&decoder, writer.templates())?;
    }

    #[test]
    fn ipfix_over_a_stream(before in plans(Dialect::Ipfix), after in plans(Dialect::Ipfix), most in prop_oneof![Just(u16::MAX), 1_000_u16..3_000], cuts in vec(1_usize..700, 1..20)) {
        let mut settings = ipfix::Settings::stream();
        settings.max_message = most;
        let mut writer = ipfix::Writer::new(7, settings).unwrap();
        for (id, fields) in list_templates() {
            writer.add_template(id, &fields).unwrap();
        }
        let (mut stream, mut expected) = (Vec::new(), Vec::new());
        for (round, plans) in [&before, &after].into_iter().enumerate() {
            for (id, plan) in (256..).zip(plans) {
                let add = |writer: &mut ipfix::Writer| match plan.kind {
                    TemplateKind::Data => writer.add_template(id, &plan.fields),
                    _ => writer.add_options_template(id, &plan.fields),
                };
                if round == 1 && id < 256 + u16::try_from(before.len()).unwrap() {
                    // Records of the first round may have been too long to send any template with them.
                    if add(&mut writer) == Err(EncodeError::TemplateInUse(id)) {
                        writer.withdraw_template(NOW, id, |message| stream.extend_from_slice(message)).unwrap();
                    }
                }
                add(&mut writer).unwrap();
            }
            for (template, plan, values) in turns(plans) {
                match writer.record(NOW, template, values, |message| stream.extend_from_slice(message)) {
                    Ok(()) => {
                        let values = written_record(writer.templates(), template, values);
                        expected.push(SeenRecord { template, kind: plan.kind, values });
                    }
                    Err(EncodeError::RecordTooLong { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        }
        writer.flush(NOW, |message| stream.extend_from_slice(message)).unwrap();
        let (mut decoder, mut heard, mut framer) = (Decoder::default(), Heard::default(), ipfix::Framer::new());
        let session = Session::new(Exporter::UNSPECIFIED, 1);
        let mut rest = stream.as_slice();
        for cut in cuts.iter().cycle() {
            let (piece, left) = rest.split_at((*cut).min(rest.len()));
            framer.push(piece);
            while let Some(message) = framer.next() {
                heard.hear(decoder.message(session, NOW, message.unwrap()), &Schema::common());
            }
            rest = left;
            if rest.is_empty() {
                break;
            }
        }
        heard.hear(decoder.finish(), &Schema::common());
        prop_assert!(framer.rest().is_empty());
        prop_assert_eq!(heard.trouble, Vec::<String>::new());
        prop_assert_eq!(heard.records, expected);
        same_templates(&decoder, writer.templates())?;
    }

    #[test]
    fn netflow9_packets(plans in plans(Dialect::NetFlow9), most in 300_u16..2_000, pad in any::<bool>(), resend in resend()) {
        let mut settings = netflow9::Settings::new(most);
        settings.pad_sets = pad;
        settings.resend = resend;
        let mut writer = netflow9::Writer::new(7, BOOT, settings).unwrap();
        for (id, plan) in (256..).zip(&plans) {
            match plan.kind {
                TemplateKind::Data => writer.add_template(id, &plan.fields).unwrap(),
                _ => writer.add_options_template(id, &plan.fields).unwrap(),
            }
        }
        let (mut packets, mut expected) = (Vec::new(), Vec::new());
        for (template, plan, values) in turns(&plans) {
            writer.record(NOW, template, values, |packet| packets.push(packet.to_vec())).unwrap();
            let values = written_record(writer.templates(), template, values);
            expected.push(SeenRecord { template, kind: plan.kind, values });
        }
        writer.flush(NOW, |packet| packets.push(packet.to_vec())).unwrap();
        prop_assert!(packets.iter().all(|packet| packet.len() <= usize::from(most)));
        prop_assert_eq!(writer.sequence() as usize, packets.len());
        let (heard, decoder) = heard(&packets);
        prop_assert_eq!(heard.trouble, Vec::<String>::new());
        prop_assert_eq!(heard.records, expected);
        same_templates(&decoder, writer.templates())?;
    }

    #[test]
    fn fixed_layouts(records in vec(owned_record(), 0..70), version in select(vec![Protocol::NetFlow1, Protocol::NetFlow5, Protocol::NetFlow7])) {
        let records: Vec<_> = records.into_iter().map(|record| within(version, record)).collect();
        let mut settings = netflow5::Settings::new(BOOT);
        settings.protocol = version;
        if version == Protocol::NetFlow5 {
            (settings.engine_type, settings.engine_id, settings.sampling) = (1, 2, 0x4064);
        }
        let (mut writer, mut packets) = (netflow5::Writer::new(settings), Vec::new());
        for record in &records {
            writer.record(NOW, *record, |packet| packets.push(packet.to_vec())).unwrap();
        }
        writer.flush(NOW, |packet| packets.push(packet.to_vec())).unwrap();
        let mut back = Vec::new();
        for packet in &packets {
            let packet = netflow5::Packet::parse(packet).unwrap();
            let header = packet.header();
            let sequence = if version == Protocol::NetFlow1 { 0 } else { back.len() };
            prop_assert_eq!(header.flow_sequence as usize, sequence);
            prop_assert_eq!((header.protocol, header.exported()), (version, NOW));
            back.extend(packet.records().map(|record| netflow5::OwnedRecord::from(record.unwrap())));
        }
        prop_assert_eq!(&back, &records);
        let (heard, _) = heard(&packets);
        prop_assert_eq!(heard.trouble, Vec::<String>::new());
        prop_assert_eq!(heard.rows.len(), records.len());
    }

    #[test]
    fn rows_through_netflow5(rows in vec(small_row(), 1..40)) {
        let (mut writer, mut packets) = (netflow5::Writer::new(netflow5::Settings::new(BOOT)), Vec::new());
        for row in &rows {
            writer.row(NOW, row, |packet| packets.push(packet.to_vec())).unwrap();
        }
        writer.flush(NOW, |packet| packets.push(packet.to_vec())).unwrap();
        let (heard, _) = heard(&packets);
        prop_assert_eq!(heard.rows.len(), rows.len());
        for (row, back) in rows.iter().zip(&heard.rows) {
            for (id, value) in row.fields() {
                prop_assert_eq!(back.value(id), Some(value), "field {}", name(id));
            }
        }
    }

    #[test]
    fn flows_through_ipfix(flows in vec(flow(), 1..8), most in 1_400_u16..4_000) {
        let settings = FlowSettings::new(Schema::common(), TimeForm::Nanoseconds);
        let mut writer = ipfix::FlowWriter::new(ipfix::Writer::new(7, ipfix::Settings::udp(most)).unwrap(), settings);
        let (mut messages, mut expected) = (Vec::new(), Vec::new());
        for Printed(flow) in &flows {
            match writer.flow(NOW, flow, |message| messages.push(message.to_vec())) {
                Ok(()) => expected.push(flow),
                // Every address has both forms but that of Open vSwitch's tunnels.
                Err(EncodeError::FieldUnwritable { field: id }) => {
                    let tunnel = [field::TUNNEL_SRC_ADDR.id(), field::TUNNEL_DST_ADDR.id()];
                    prop_assert!(tunnel.contains(&id), "{}", name(id));
                }
                Err(EncodeError::FlowEmpty) => prop_assert!(flow.fields().all(|(id, _)| !writer.writes(id))),
                Err(other) => panic!("{other}"),
            }
        }
        writer.flush(NOW, |message| messages.push(message.to_vec())).unwrap();
        let (heard, _) = heard(&messages);
        prop_assert_eq!(heard.trouble, Vec::<String>::new());
        prop_assert_eq!(heard.flows.len(), expected.len());
        for (flow, back) in expected.iter().zip(&heard.flows) {
            for id in all_fields().filter(|id| writer.writes(*id)) {
                prop_assert_eq!(back.value(id), flow.value(id), "field {}", name(id));
            }
            prop_assert_eq!(without_sampling(back), without_sampling(flow));
        }
    }

    #[test]
    fn rows_through_netflow9(flows in vec(flow(), 1..8)) {
        let settings = FlowSettings::new(Schema::common(), TimeForm::Uptime);
        let mut writer = netflow9::FlowWriter::new(netflow9::Writer::new(7, BOOT, netflow9::Settings::new(1_400)).unwrap(), settings);
        let (mut packets, mut expected) = (Vec::new(), Vec::new());
        for Printed(flow) in &flows {
            match writer.row(NOW, flow.row(), |packet| packets.push(packet.to_vec())) {
                Ok(()) => expected.push(flow.row()),
                Err(EncodeError::FlowEmpty) => {}
                Err(other) => panic!("{other}"),
            }
        }
        writer.flush(NOW, |packet| packets.push(packet.to_vec())).unwrap();
        let (heard, _) = heard(&packets);
        prop_assert_eq!(heard.trouble, Vec::<String>::new());
        prop_assert_eq!(heard.rows.len(), expected.len());
        for (row, back) in expected.into_iter().zip(&heard.rows) {
            for id in all_fields().filter(|id| writer.writes(*id)) {
                let value = row.value(id).map(|value| match value {
                    FieldValue::Time(time) => FieldValue::Time(to_millis(time)),
                    value => value,
                });
                prop_assert_eq!(back.value(id), value, "field {}", name(id));
            }
        }
    }
}

// ---- the fixed layouts and the common model

fn owned_record() -> impl Strategy<Value = netflow5::OwnedRecord> {
    let addresses = (any::<Ipv4Addr>(), any::<Ipv4Addr>(), any::<Ipv4Addr>(), any::<Ipv4Addr>());
    (addresses, any::<[u32; 4]>(), any::<[u16; 6]>(), any::<[u8; 6]>(), any::<u16>()).prop_map(
        |((src_addr, dst_addr, next_hop, bypassed_router), words, shorts, octets, flags)| netflow5::OwnedRecord {
            src_addr,
            dst_addr,
            next_hop,
            in_if: shorts[0],
            out_if: shorts[1],
            packets: words[0],
            octets: words[1],
            first_ms: words[2],
            last_ms: words[3],
            src_port: shorts[2],
            dst_port: shorts[3],
            tcp_flags: octets[0],
            ip_protocol: octets[1],
            tos: octets[2],
            src_as: shorts[4],
            dst_as: shorts[5],
            src_prefix_len: octets[3],
            dst_prefix_len: octets[4],
            bypassed_router,
            validity_flags: (octets[5], flags),
        },
    )
}

/// What a version has a place for.
fn within(version: Protocol, mut record: netflow5::OwnedRecord) -> netflow5::OwnedRecord {
    if version != Protocol::NetFlow7 {
        (record.bypassed_router, record.validity_flags) = (Ipv4Addr::UNSPECIFIED, (0, 0));
    }
    if version == Protocol::NetFlow1 {
        (record.src_as, record.dst_as, record.src_prefix_len, record.dst_prefix_len) = (0, 0, 0, 0);
    }
    record
}

fn all_fields() -> impl Iterator<Item = FieldId> {
    let schema = Schema::common();
    let ids: Vec<_> = schema.fields().iter().filter_map(|spec| schema.find(&spec.name)).collect();
    ids.into_iter()
}

fn name(id: FieldId) -> String {
    Schema::common().field(id).unwrap().name.to_string()
}

fn to_millis(time: Timestamp) -> Timestamp {
    Timestamp::from_nanos(time.as_nanos().div_euclid(1_000_000) * 1_000_000)
}

/// The elements beside the common fields, but for those that say the sampling rate.
fn without_sampling(flow: &Flow) -> Vec<(ElementId, &[u8])> {
    let rate = [ElementId::iana(305), ElementId::iana(306)];
    flow.other().iter().filter(|element| !rate.contains(&element.id)).map(|element| (element.id, &*element.octets)).collect()
}

/// A time within a week of the export, to the nanosecond.
fn near() -> impl Strategy<Value = Timestamp> {
    (-600_000_000_000_000_i64..0).prop_map(|nanos| NOW.offset(nanos))
}

/// A row of fields that v5 has, in their widths there.
fn small_row() -> impl Strategy<Value = FlowRecord> {
    (owned_record(), near(), near()).prop_map(|(record, start, end)| {
        let mut row = FlowRecord::EMPTY;
        let address = |address| FieldValue::Address(IpAddr::V4(address));
        let number = |number: u32| FieldValue::Unsigned(u64::from(number));
        for (id, value) in [
            (field::START.id(), FieldValue::Time(to_millis(start))),
            (field::END.id(), FieldValue::Time(to_millis(end))),
            (field::SRC_ADDR.id(), address(record.src_addr)),
            (field::DST_ADDR.id(), address(record.dst_addr)),
            (field::NEXT_HOP.id(), address(record.next_hop)),
            (field::IN_IF.id(), number(record.in_if.into())),
            (field::OUT_IF.id(), number(record.out_if.into())),
            (field::PACKETS.id(), number(record.packets)),
            (field::OCTETS.id(), number(record.octets)),
            (field::SRC_PORT.id(), number(record.src_port.into())),
            (field::DST_PORT.id(), number(record.dst_port.into())),
            (field::TCP_FLAGS.id(), number(record.tcp_flags.into())),
            (field::IP_PROTOCOL.id(), number(record.ip_protocol.into())),
            (field::TOS.id(), number(record.tos.into())),
            (field::SRC_AS.id(), number(record.src_as.into())),
            (field::DST_AS.id(), number(record.dst_as.into())),
            (field::SRC_PREFIX_LEN.id(), number(record.src_prefix_len.into())),
            (field::DST_PREFIX_LEN.id(), number(record.dst_prefix_len.into())),
        ] {
            assert!(row.set(id, value));
        }
        row
    })
}

/// A value that a common field can have.
fn field_value(id: FieldId, column: ColumnType) -> BoxedStrategy<FieldValue<'static>> {
    let number = |bits: u32| any::<u64>().prop_map(move |number| FieldValue::Unsigned((number >> (64 - bits)).max(1))).boxed();
    let octets = vec(1_u8..=255, 1..30);
    match column {
        // The element is narrower than the field.
        _ if id == field::FRAME_LENGTH.id() => number(16),
        ColumnType::Address => any::<IpAddr>()
            .prop_map(|address| address.to_canonical())
            .prop_filter("zero is absent in some", |address| !address.is_unspecified())
            .prop_map(FieldValue::Address)
            .boxed(),
        ColumnType::U8 => number(8),
        ColumnType::U16 => number(16),
        ColumnType::U32 => number(32),
        ColumnType::U64 => number(64),
        ColumnType::Double => (1_u32..).prop_map(|rate| FieldValue::Double(f64::from(rate))).boxed(),
        ColumnType::Time => near().prop_map(FieldValue::Time).boxed(),
        ColumnType::Mac => any::<[u8; 6]>().prop_map(|octets| FieldValue::Mac(Mac::new(octets))).boxed(),
        ColumnType::Text => octets.prop_map(|octets| FieldValue::Text(Text::new(leak(octets)))).boxed(),
        ColumnType::Octets => octets.prop_map(|octets| FieldValue::Octets(leak(octets))).boxed(),
        _ => vec(1_u32..1 << 20, 1..=10)
            .prop_map(|labels| {
                let mut numbers = Numbers::default();
                labels.into_iter().for_each(|label| assert!(numbers.push(label)));
                FieldValue::Numbers(numbers)
            })
            .boxed(),
    }
}

/// A flow that prints its fields and not its schema.
#[derive(Clone)]
struct Printed(Flow);

impl std::fmt::Debug for Printed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.0.fields().map(|(id, value)| (name(id), value))).finish()?;
        f.debug_list().entries(self.0.other()).finish()
    }
}

/// A flow of some of the common fields.
fn flow() -> impl Strategy<Value = Printed> {
    let schema = Schema::common();
    let fields: Vec<_> = all_fields().zip(schema.fields()).map(|(id, spec)| (id, spec.column)).collect();
    let values = fields.into_iter().map(|(id, column)| {
        // Few tunnels, which do not go over IPv6, so that most flows can be written.
        let rare = id == field::TUNNEL_SRC_ADDR.id() || id == field::TUNNEL_DST_ADDR.id();
        let present = proptest::option::weighted(if rare { 0.05 } else { 0.3 }, field_value(id, column));
        present.prop_map(move |value| (id, value))
    });
    let other = proptest::option::of(vec(any::<u8>(), 0..9));
    (values.collect::<Vec<_>>(), other).prop_map(|(values, other)| {
        let mut flow = Flow::new(Schema::common());
        for (id, value) in values {
            if let Some(value) = value {
                assert!(flow.set(id, value), "{}", name(id));
            }
        }
        if let Some(octets) = other {
            flow.push_other(flowcodec::model::OtherElement::new(ElementId::enterprise(64_999, 1), &octets));
            flow.push_other(flowcodec::model::OtherElement::new(ElementId::iana(25), &[1, 2, 3]));
        }
        Printed(flow)
    })
}

// ---- one case at a time

#[test]
fn over_udp_a_new_definition_takes_over_between_records() {
    let mut writer = ipfix::Writer::new(7, ipfix::Settings::udp(1_400)).unwrap();
    let mut messages = Vec::new();
    writer.add_template(256, &[iana(1, 4)]).unwrap();
    writer.record(NOW, 256, &[ElementValue::Unsigned(1)], |_| {}).unwrap();
    writer.add_template(256, &[iana(2, 4), iana(1, 4)]).unwrap();
    writer.record(NOW, 256, &[ElementValue::Unsigned(2), ElementValue::Unsigned(3)], |_| {}).unwrap();
    writer.flush(NOW, |message| messages.push(message.to_vec())).unwrap();
    let (heard, _) = heard(&messages);
    let values: Vec<_> = heard.records.into_iter().map(|record| record.values).collect();
    assert_eq!(values, [vec![Seen::Unsigned(1)], vec![Seen::Unsigned(2), Seen::Unsigned(3)]]);
    assert_eq!(heard.trouble, Vec::<String>::new());
}

#[test]
fn a_collector_that_starts_late_learns_the_templates() {
    let mut settings = ipfix::Settings::udp(100);
    settings.transport = ipfix::Transport::Udp(Resend::new(Some(3), None));
    let mut writer = ipfix::Writer::new(7, settings).unwrap();
    writer.add_template(256, &[iana(1, 8)]).unwrap();
    let mut messages = Vec::new();
    for number in 0..100 {
        writer.record(NOW, 256, &[ElementValue::Unsigned(number)], |message| messages.push(message.to_vec())).unwrap();
    }
    writer.flush(NOW, |message| messages.push(message.to_vec())).unwrap();
    let (all, _) = heard(&messages);
    assert_eq!(all.records.len(), 100);
    // What came before its template waits for it.
    let (late, _) = heard(&messages[1..]);
    let mut values: Vec<_> = late.records.iter().map(|record| record.values.clone()).collect();
    values.sort_by_key(|values| format!("{values:?}"));
    assert_eq!((late.trouble, values.len()), (Vec::new(), 100 - 8));
}

#[test]
fn flows_by_every_form_of_time() {
    let start = NOW.offset(-123_456_789);
    for (times, unit) in [
        (TimeForm::Nanoseconds, 1),
        (TimeForm::Microseconds, 1_000),
        (TimeForm::Milliseconds, 1_000_000),
        (TimeForm::Uptime, 1_000_000),
        (TimeForm::Seconds, 1_000_000_000),
    ] {
        let mut row = FlowRecord::EMPTY;
        row.set(field::START.id(), FieldValue::Time(start));
        let expected = Timestamp::from_nanos(start.as_nanos().div_euclid(unit) * unit);
        let flows = || FlowSettings::new(Schema::common(), times);
        let mut six = ipfix::FlowWriter::new(ipfix::Writer::new(7, ipfix::Settings::udp(500)).unwrap(), flows());
        let mut nine = netflow9::FlowWriter::new(netflow9::Writer::new(7, BOOT, netflow9::Settings::new(500)).unwrap(), flows());
        for nine_or_six in [true, false] {
            let mut messages = Vec::new();
            let out = |message: &[u8]| messages.push(message.to_vec());
            if nine_or_six {
                nine.row(NOW, &row, |_| {}).unwrap();
                nine.flush(NOW, out).unwrap();
            } else {
                six.row(NOW, &row, |_| {}).unwrap();
                six.flush(NOW, out).unwrap();
            }
            assert_eq!(heard(&messages).0.rows[0].start(), Some(expected), "{times:?}");
        }
    }
}
