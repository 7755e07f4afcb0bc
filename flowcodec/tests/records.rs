//! Records in every form: nothing is lost on the way to an owned flow, nothing recurses further than the limit, no JSON key stands twice.
#![cfg(test)]
#![cfg(feature = "json")]

mod common;

use std::sync::Arc;

use common::{NOW, be, exporter, ipfix, set, template};
use flowcodec::ie::{DataType, ElementId};
use flowcodec::model::{FieldDef, FieldValue, Flow, FlowRecord, I64, Schema, Source, U16, U32, Unit};
use flowcodec::{Decoder, Event, FlowBatch, ListItem, Record, Settings, Timestamp, Value, field, io};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

/// Hands the records of `bytes` to `each`.
fn records(decoder: &mut Decoder, bytes: &[u8], mut each: impl FnMut(Record<'_>)) -> usize {
    let mut count = 0;
    decoder.datagram(exporter(), NOW, bytes).for_each(|event| {
        if let Event::Flows(set) = event {
            for record in set {
                count += 1;
                each(record);
            }
        }
    });
    count
}

/// One record of one template.
fn one(settings: Settings, fields: &[(u32, u16, u16)], octets: &[u8], each: impl FnMut(Record<'_>)) {
    let bytes = ipfix(&[set(2, &template(256, fields)), set(256, octets)]);
    assert_eq!(records(&mut Decoder::new(settings), &bytes, each), 1);
}

fn elements(record: &Record<'_>) -> (String, Json) {
    let mut out = String::new();
    io::write_elements(&mut out, record);
    let parsed: Json = serde_json::from_str(&out).unwrap();
    (out, parsed["elements"].clone())
}

fn common(record: &Record<'_>) -> Json {
    let mut out = String::new();
    io::write_record(&mut out, record, &Schema::common());
    serde_json::from_str(&out).unwrap()
}

// ---- depth

/// Follows every list; gives how deep they went.
fn depth(value: &Value<'_>) -> usize {
    let Value::List(list) = value else { return 0 };
    let inside = list.items().map(|item| match item {
        ListItem::Value(value) => depth(&value),
        ListItem::Record(record) => record.elements().map(|element| depth(&element.value())).max().unwrap_or(0),
        other => panic!("{other:?}"),
    });
    1 + inside.max().unwrap_or(0)
}

/// As many basic lists, one in the other, as a message holds.
fn nested_lists() -> Vec<u8> {
    let mut list = Vec::new();
    for count in (0..13_000).rev() {
        list.extend([3, 1, 35]);
        list.extend(be(count * 5));
    }
    list
}

/// Lists of one record of the template they stand in.
fn nested_records() -> Vec<u8> {
    let mut list = vec![3, 1, 0];
    while list.len() < 65_000 {
        list = [&[3, 1, 0, 255][..], &be(list.len()), &list].concat();
    }
    list
}

#[test]
fn no_list_overflows_a_small_stack() {
    for cap in [0, 1, 8, 255] {
        for (element, list) in [(291, nested_lists()), (292, nested_records())] {
            let reader = move || {
                let mut settings = Settings::default();
                settings.limits.list_depth = cap;
                let octets = [&[255][..], &be(list.len()), &list].concat();
                one(settings, &[(0, element, 65_535)], &octets, |record| {
                    let mut out = String::new();
                    io::write_elements(&mut out, &record);
                    assert!(out.len() > list.len(), "what is deeper is there as octets");
                    assert_eq!(depth(&record.elements().next().unwrap().value()), usize::from(cap));
                    let flow = record.to_flow(&Schema::common());
                    assert_eq!(*flow.other()[0].octets, list);
                });
            };
            std::thread::Builder::new().stack_size(512 << 10).spawn(reader).unwrap().join().unwrap();
        }
    }
}

// ---- names

#[test]
fn no_name_stands_twice() {
    let mut settings = Settings::default();
    for (id, name) in
        [(1, "sourceIPv4Address"), (2, "99999/3"), (4, "mine"), (5, "mine"), (6, "destinationIPv4Address"), (7, "yours")]
    {
        settings.elements.define(ElementId::enterprise(99_999, id), name, DataType::Unsigned8).unwrap();
    }
    let own = |id| (99_999, id, 1);
    // Antrea's element has one name under both of its numbers.
    let fields = [own(1), (0, 8, 4), own(2), own(3), own(4), own(5), own(5), own(6), own(7), (55_829, 101, 1), (56_506, 101, 1)];
    one(settings, &fields, &[1, 10, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, b'a', b'b'], |record| {
        let (out, parsed) = elements(&record);
        let expected = json!({
            "99999/1": 1, "sourceIPv4Address": "10.0.0.1", "99999/2": 2, "99999/3": "03", "mine": 4, "99999/5": [5, 6], "99999/6": 7,
            "yours": 8, "sourcePodName": "a", "56506/101": "b",
        });
        assert_eq!(parsed, expected);
        for name in expected.as_object().unwrap().keys() {
            assert_eq!(out.matches(&format!("\"{name}\":")).count(), 1, "{name}: {out}");
        }
    });
}

#[test]
fn lists_know_the_elements_of_users_and_exporters() {
    let mut settings = Settings::default();
    settings.elements.define(ElementId::enterprise(99_999, 1), "rackNumber", DataType::Unsigned16).unwrap();
    let mut decoder = Decoder::new(settings);
    // RFC 5610: enterprise 346, element 303, type 339, name 341.
    let types = [&[1, 1, 0, 4, 0, 2][..], &[1, 90, 0, 4, 1, 47, 0, 2, 1, 83, 0, 1, 1, 85, 255, 255]].concat();
    let told = [&99_999_u32.to_be_bytes()[..], &[0, 2, 2, 5], b"shelf"].concat();
    records(&mut decoder, &ipfix(&[set(3, &types), set(257, &told)]), |_| {});
    let list = |id: u8| [&[9 + 4, 3, 0x80, id, 0, 2][..], &99_999_u32.to_be_bytes(), &[0, 1, 0, 2]].concat();
    let bytes = ipfix(&[
        set(2, &template(256, &[(0, 291, 65_535), (0, 291, 65_535), (0, 291, 65_535)])),
        set(256, &[list(1), list(2), list(3)].concat()),
    ]);
    let count = records(&mut decoder, &bytes, |record| {
        let (_, parsed) = elements(&record);
        let list = |name: &str, values: Json| json!({"semantic": "allOf", "field": name, "values": values});
        let lists = [list("rackNumber", json!([1, 2])), list("shelf", json!([1, 2])), list("99999/3", json!(["0001", "0002"]))];
        assert_eq!(parsed["basicList"], json!(lists));
    });
    assert_eq!(count, 1);
}

// ---- the common model

static RACK: FieldDef<U16> = FieldDef::new("rack", Unit::None, "Rack", &[Source::enterprise(99_999, 1)]);
static WIDE: FieldDef<U32> = FieldDef::new("rack", Unit::None, "Rack", &[]);
static ROW: FieldDef<U32> = FieldDef::new("row", Unit::None, "Row of racks", &[Source::enterprise(99_999, 2)]);

static OFFSET: FieldDef<I64> = FieldDef::new("offset", Unit::Nanos, "Offset", &[Source::enterprise(99_999, 3)]);

/// Signed numbers are as short as the exporter makes them, and signed in every form.
#[test]
fn a_field_may_be_negative() {
    let mut settings = Settings::default();
    settings.schema = Schema::common().with([OFFSET.spec()]).unwrap();
    let (schema, offset) = (Arc::clone(&settings.schema), settings.schema.resolve(&OFFSET).unwrap());
    for (octets, wanted) in [
        (&[0xfe][..], -2),
        (&[0xff, 0x7f], -129),
        (&[0x80, 0, 0, 0, 0, 0, 0, 0], i64::MIN),
        (&[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], i64::MAX),
        (&[0, 0], 0),
    ] {
        let length = u16::try_from(octets.len()).unwrap();
        one(settings.clone(), &[(99_999, 3, length)], octets, |record| {
            assert_eq!((record.get(offset), record.value(offset.id())), (Some(wanted), Some(FieldValue::Signed(wanted))));
            let mut shown = String::new();
            io::write_record(&mut shown, &record, &schema);
            assert_eq!(serde_json::from_str::<Json>(&shown).unwrap()["offset"], json!(wanted));
            let flow = record.to_flow(&schema);
            assert_eq!((flow.get(offset), flow.other().len()), (Some(wanted), 0));
            let mut line = String::new();
            io::write_flow(&mut line, &flow);
            assert_eq!(serde_json::from_str::<Json>(&line).unwrap()["offset"], json!(wanted));
            let mut batch = FlowBatch::builder(Arc::clone(&schema)).fields([offset.id()]).build().unwrap();
            assert!(batch.push_flow(&flow));
            assert_eq!(batch.column(offset).unwrap().iter().collect::<Vec<_>>(), [Some(wanted)]);
        });
        // Straight from the template into a column, by both executors.
        for portable in [false, true] {
            let batch = FlowBatch::builder(Arc::clone(&schema)).fields([offset.id()]);
            let mut batch = if portable { batch.portable() } else { batch }.build().unwrap();
            let bytes =
                ipfix(&[set(2, &template(256, &[(99_999, 3, length), (0, 7, 2)])), set(256, &[octets, &[0, 80]].concat())]);
            let mut decoder = Decoder::new(settings.clone());
            let source = exporter();
            let mut events = decoder.datagram(source, Timestamp::EPOCH, &bytes);
            while let Some(event) = events.next() {
                if let Event::Flows(set) = event {
                    assert!(batch.append(set).is_none());
                }
            }
            assert_eq!(batch.column(offset).unwrap().iter().collect::<Vec<_>>(), [Some(wanted)], "portable: {portable}");
        }
    }
    assert!(!Flow::new(schema).set(offset.id(), FieldValue::Unsigned(1)), "a kind of its own");
}

/// An element that is known to be unsigned is not taken for negative; what is too large for a signed number is no value.
#[test]
fn a_signed_field_of_an_unsigned_element() {
    let mut settings = Settings::default();
    settings.elements.define(ElementId::enterprise(99_999, 3), "height", DataType::Unsigned64).unwrap();
    settings.schema = Schema::common().with([OFFSET.spec()]).unwrap();
    let (schema, offset) = (Arc::clone(&settings.schema), settings.schema.resolve(&OFFSET).unwrap());
    for (octets, wanted) in [(&[200][..], Some(200)), (&[0xee, 0x6b, 0x28, 0], Some(4_000_000_000)), (&[0xff; 8], None)] {
        let length = u16::try_from(octets.len()).unwrap();
        for portable in [false, true] {
            let batch = FlowBatch::builder(Arc::clone(&schema)).fields([offset.id()]);
            let mut batch = if portable { batch.portable() } else { batch }.build().unwrap();
            one(settings.clone(), &[(99_999, 3, length)], octets, |record| {
                assert_eq!((record.get(offset), record.to_flow(&schema).get(offset)), (wanted, wanted));
                assert!(batch.push_flow(&record.to_flow(&schema)));
            });
            let bytes =
                ipfix(&[set(2, &template(256, &[(99_999, 3, length), (0, 7, 2)])), set(256, &[octets, &[0, 80]].concat())]);
            Decoder::new(settings.clone()).datagram(exporter(), Timestamp::EPOCH, &bytes).for_each(|event| {
                if let Event::Flows(set) = event {
                    assert!(batch.append(set).is_none());
                }
            });
            assert_eq!(batch.column(offset).unwrap().iter().collect::<Vec<_>>(), [wanted; 2], "portable: {portable}");
        }
    }
}

#[test]
fn a_number_too_large_for_its_field_is_no_value_of_it() {
    let mut settings = Settings::default();
    settings.schema = Schema::common().with([RACK.spec()]).unwrap();
    let (schema, rack) = (Arc::clone(&settings.schema), settings.schema.resolve(&RACK).unwrap());
    // A port and a rack in four octets; a protocol in two, and its other source behind it.
    let fields = [(0, 7, 4), (99_999, 1, 4), (0, 4, 2), (0, 193, 1), (0, 11, 4)];
    let octets = [0, 1, 0, 0, 0, 1, 0, 0, 1, 6, 17, 0, 0, 0, 80];
    one(settings, &fields, &octets, |record| {
        assert_eq!(record.get(field::SRC_PORT), None);
        assert_eq!(record.value(field::SRC_PORT.id()), None);
        assert_eq!((record.get(rack), record.value(rack.id())), (None, None));
        assert_eq!((record.get(field::IP_PROTOCOL), record.get(field::DST_PORT)), (Some(17), Some(80)));
        let mut row = FlowRecord::EMPTY;
        record.fill(&mut row);
        assert_eq!((row.src_port(), row.ip_protocol(), row.dst_port()), (None, Some(17), Some(80)));
        let shown = common(&record);
        assert_eq!((&shown["src_port"], &shown["ip_protocol"], &shown["dst_port"]), (&Json::Null, &json!(17), &json!(80)));
        let flow = record.to_flow(&schema);
        let others: Vec<_> = flow.other().iter().map(|other| (other.id.to_string(), other.octets.to_vec())).collect();
        let element = |id: &str, octets: &[u8]| (id.to_owned(), octets.to_vec());
        let port = ElementId::iana(7).to_string();
        let protocol = ElementId::iana(4).to_string();
        assert_eq!(others, [element(&port, &[0, 1, 0, 0]), element("99999/1", &[0, 1, 0, 0]), element(&protocol, &[1, 6])]);
    });
}

#[test]
fn fields_of_another_schema_are_not_read_under_its_names() {
    let (mine, other) = (Schema::common().with([RACK.spec()]).unwrap(), Schema::common().with([ROW.spec()]).unwrap());
    let mut settings = Settings::default();
    settings.schema = Arc::clone(&mine);
    one(settings, &[(99_999, 1, 2), (0, 7, 2)], &[0, 9, 0, 80], |record| {
        let written = |schema: &Schema| {
            let mut out = String::new();
            io::write_record(&mut out, &record, schema);
            serde_json::from_str::<Json>(&out).unwrap()
        };
        assert_eq!((&written(&mine)["rack"], &written(&mine)["src_port"]), (&json!(9), &json!(80)));
        for schema in [&other, &Schema::common()] {
            let shown = written(schema);
            assert_eq!((&shown["rack"], &shown["row"], &shown["src_port"]), (&Json::Null, &Json::Null, &json!(80)));
            let flow = record.to_flow(schema);
            assert_eq!(flow.get(field::SRC_PORT), Some(80));
            assert_eq!((flow.other().len(), &*flow.other()[0].octets), (1, &[0, 9][..]));
        }
        assert!(record.to_flow(&mine).other().is_empty());
    });
    // The same name with another type is another schema.
    assert_ne!(Schema::common().with([WIDE.spec()]).unwrap().tag(), mine.tag());
}

#[test]
fn an_owned_flow_takes_only_what_fits() {
    let mut flow = Flow::new(Schema::common());
    let (pod, tos, total) = (field::SRC_POD.id(), field::POST_TOS.id(), field::OCTETS_TOTAL.id());
    assert!(!flow.set(pod, FieldValue::Unsigned(1)));
    assert!(!flow.set(pod, FieldValue::Octets(b"a")));
    assert!(!flow.set(tos, FieldValue::Unsigned(256)));
    assert!(!flow.set(total, FieldValue::Time(NOW)));
    assert_eq!(flow.fields().count(), 0);
    assert!(flow.set(tos, FieldValue::Unsigned(255)) && flow.set(total, FieldValue::Unsigned(u64::MAX)));
    assert!(flow.set(pod, FieldValue::Text("a".into())));
}

/// Whether a field's value says all of these octets; `None` where the value is computed from more than them.
fn says(value: FieldValue<'_>, octets: &[u8]) -> Option<bool> {
    let number = || octets.iter().fold(0_u64, |number, &octet| (number << 8) | u64::from(octet));
    Some(match value {
        FieldValue::Unsigned(value) => octets.len() <= 8 && value == number(),
        FieldValue::Address(std::net::IpAddr::V4(address)) if octets.len() == 4 => address.octets() == octets,
        FieldValue::Address(std::net::IpAddr::V4(address)) => address.to_ipv6_mapped().octets() == octets,
        FieldValue::Address(std::net::IpAddr::V6(address)) => address.octets() == octets,
        FieldValue::Mac(mac) => mac.octets() == octets,
        FieldValue::Text(text) => text.as_bytes() == octets,
        FieldValue::Octets(value) => value == octets,
        FieldValue::Numbers(numbers) => {
            let last = numbers.len() - 1;
            let entry = |at: usize, label: u32| u64::from(label << 4) | u64::from(at == last);
            octets.len() == 3 && numbers.iter().enumerate().any(|(at, label)| entry(at, label) == number())
        }
        _ => return None,
    })
}

/// Elements that feed fields in every way there is, and some that feed none.
fn fields() -> impl Strategy<Value = Vec<(u32, u16, u16)>> {
    let element = prop_oneof![
        proptest::sample::select(vec![
            1_u16, 231, 2, 298, 7, 182, 4, 193, 6, 22, 152, 156, 32, 176, 177, 70, 71, 72, 34, 305, 225, 95
        ])
        .prop_flat_map(|id| (Just(0), Just(id), prop_oneof![Just(1_u16), Just(2), Just(3), Just(4), Just(8), Just(9)])),
        proptest::sample::select(vec![(0, 8, 4), (0, 27, 16), (0, 56, 6), (0, 210, 3), (99_999, 1, 5), (56_506, 101, 4)]),
        proptest::sample::select(vec![(56_506, 106, 4), (56_506, 168, 4), (56_506, 108, 2), (56_506, 169, 16), (0, 85, 8)]),
    ];
    proptest::collection::vec(element, 1..14)
}

proptest! {
    /// Every element of a record is said by a field of the flow, or stands in `other` with its octets.
    #[test]
    fn owned_flows_keep_everything(
        fields in fields(),
        octets in proptest::collection::vec(prop_oneof![4 => Just(0_u8), 3 => any::<u8>(), 1 => Just(1)], 14 * 16),
    ) {
        let length: u16 = fields.iter().map(|field| field.2).sum();
        one(Settings::default(), &fields, &octets[..usize::from(length)], |record| {
            let schema = Schema::common();
            let flow = record.to_flow(&schema);
            let mut others = flow.other().iter().peekable();
            for element in record.elements() {
                if others.next_if(|other| other.id == element.id() && other.octets == element.octets()).is_some() {
                    continue;
                }
                let feeds: Vec<_> = flow
                    .fields()
                    .filter(|(id, _)| schema.field(*id).unwrap().sources.iter().any(|source| source.element == element.id()))
                    .collect();
                let whole = feeds.iter().any(|(_, value)| says(*value, element.octets()) != Some(false));
                // ICMP type and code of one element are two fields.
                let halves = element.octets().iter().all(|octet| {
                    feeds.iter().any(|(_, value)| *value == FieldValue::Unsigned(u64::from(*octet)))
                });
                assert!(whole || halves, "{} {:x?} is lost: {:?}, {:?}", element.id(), element.octets(), flow.row(), flow.other());
            }
            assert_eq!(others.next(), None, "in wire order, and nothing else");
            // All ways to a field agree.
            let listed: Vec<_> = record.fields(&schema).collect();
            assert_eq!(listed, flow.fields().collect::<Vec<_>>());
            for spec in schema.fields() {
                let id = schema.find(&spec.name).unwrap();
                assert_eq!(record.value(id), flow.value(id), "{}", spec.name);
            }
        });
    }
}
