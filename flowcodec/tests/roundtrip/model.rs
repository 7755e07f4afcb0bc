//! The fixed layouts and the common model.

use std::net::{IpAddr, Ipv4Addr};

use flowcodec::ie::ElementId;
use flowcodec::model::{ColumnType, FieldId, FieldValue, Mac, Numbers, OtherElement, Schema, field};
use flowcodec::template::encode::{EncodeError, FlowSettings, TimeForm};
use flowcodec::{Flow, FlowRecord, Protocol, Text, Timestamp, ipfix, netflow5, netflow9};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::generate::leak;
use super::seen::heard;
use super::{BOOT, NOW};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

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
            prop_assert_eq!(header.flow_sequence, u32::try_from(sequence).unwrap());
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
                for label in labels {
                    assert!(numbers.push(label));
                }
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
            flow.push_other(OtherElement::new(ElementId::enterprise(64_999, 1), &octets));
            flow.push_other(OtherElement::new(ElementId::iana(25), &[1, 2, 3]));
        }
        Printed(flow)
    })
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
