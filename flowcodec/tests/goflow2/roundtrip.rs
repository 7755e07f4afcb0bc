//! Random flows, written and read again.

use std::net::IpAddr;

use flowcodec::io::goflow2::{
    Dialect, Format, Framing, LAYER_SIZES, LAYERS, MPLS_TTLS, Reader, SEGMENTS, SEGMENTS_LEFT, SEQUENCE, Skipped, read_json,
    read_protobuf, read_protobuf_as, schema, write_json, write_json_rows, write_protobuf, write_protobuf_rows,
};
use flowcodec::model::{Field, FieldDef, FieldId, FieldType, FieldValue, Flow, Mac, Numbers, U32List};
use flowcodec::{FlowRecord, Protocol, Timestamp, field};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;

use crate::proto::{V1, V2};

fn id<T: FieldType>(field: Field<T>) -> FieldId {
    field.id()
}

fn added<T: FieldType>(def: &FieldDef<T>) -> FieldId {
    schema().resolve(def).unwrap().id()
}

/// Numbers that both dialects have, and the largest that their fields hold. 0 is what is not known.
fn numbers() -> Vec<(FieldId, u64)> {
    let (octet, two, four, eight) = (0xff, 0xffff, 0xffff_ffff, u64::MAX);
    vec![
        (added(&SEQUENCE), four),
        (id(field::OCTETS), eight),
        (id(field::PACKETS), eight),
        (id(field::ETHERTYPE), two),
        (id(field::IP_PROTOCOL), 145),
        (id(field::SRC_PORT), two),
        (id(field::DST_PORT), two),
        (id(field::IN_IF), four),
        (id(field::OUT_IF), four),
        (id(field::VLAN), two),
        (id(field::POST_VLAN), two),
        (id(field::TOS), octet),
        (id(field::FORWARDING_STATUS), octet),
        (id(field::TTL), octet),
        (id(field::TCP_FLAGS), two),
        (id(field::ICMP_TYPE), octet),
        (id(field::ICMP_CODE), octet),
        (id(field::FLOW_LABEL), four),
        (id(field::FRAGMENT_ID), four),
        (id(field::FRAGMENT_OFFSET), two),
        (id(field::SRC_AS), four),
        (id(field::DST_AS), four),
        (id(field::NEXT_AS), four),
    ]
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from), Just(IpAddr::from([0; 4]))]
}

/// A flow of which everything can be said in one dialect or the other.
fn flow() -> impl Strategy<Value = Flow> {
    let sizes = vec(prop_oneof![Just(0), 1_u64..300, any::<u64>()], numbers().len());
    let protocols = prop_oneof![Just(Protocol::Sflow), Just(Protocol::NetFlow5), Just(Protocol::NetFlow9), Just(Protocol::Ipfix)];
    let moments = vec(proptest::option::weighted(0.8, 1..=i64::MAX), 3);
    let addresses = vec(proptest::option::weighted(0.8, address()), 6);
    let rest =
        (vec(any::<u32>(), 0..20), vec(any::<u32>(), 0..5), vec(1..=255_u32, 4), vec(any::<[u8; 16]>(), 0..3), any::<[u8; 6]>());
    let rate = proptest::option::of(1..=u64::from(u32::MAX));
    let few = (0_u64..=32, 0_u64..=32, 0_u64..8, 0_u64..=1, any::<u32>(), vec(0..14_u32, 0..4));
    (sizes, protocols, moments, addresses, rest, rate, few).prop_map(|(sizes, protocol, moments, addresses, rest, rate, few)| {
        let mut flow = Flow::new(schema());
        let mut set = |id: FieldId, value: FieldValue<'_>| assert!(flow.set(id, value), "{id:?} {value:?}");
        for ((id, most), size) in numbers().into_iter().zip(sizes) {
            let number = if size <= most { size } else { size & most };
            if number != 0 && (id != field::IP_PROTOCOL.id() || number <= 145) {
                set(id, FieldValue::Unsigned(number));
            }
        }
        set(id(field::PROTOCOL), FieldValue::Unsigned(u64::from(protocol.code())));
        for (id, moment) in [id(field::RECEIVED), id(field::START), id(field::END)].into_iter().zip(moments) {
            if let Some(nanos) = moment {
                set(id, FieldValue::Time(Timestamp::from_nanos(nanos)));
            }
        }
        let sampler = if protocol == Protocol::Sflow { id(field::AGENT) } else { id(field::EXPORTER) };
        let of = [
            sampler,
            id(field::SRC_ADDR),
            id(field::DST_ADDR),
            id(field::NEXT_HOP),
            id(field::BGP_NEXT_HOP),
            id(field::MPLS_TOP_ADDR),
        ];
        for (id, address) in of.into_iter().zip(addresses) {
            if let Some(address) = address {
                set(id, FieldValue::Address(address));
            }
        }
        let (path, labels, ttls, segments, card) = rest;
        let lists = [
            (id(field::AS_PATH), path.clone()),
            (id(field::BGP_COMMUNITIES), path.iter().map(|number| !number).collect()),
            (id(field::MPLS_LABELS), labels.clone()),
            (added::<U32List>(&MPLS_TTLS), ttls.iter().copied().take(labels.len()).collect()),
            (added(&LAYERS), few.5.clone()),
            (added(&LAYER_SIZES), few.5.iter().map(|layer| layer * 8).collect()),
        ];
        for (id, list) in lists {
            if !list.is_empty() {
                set(id, FieldValue::Numbers(Numbers::from(&*list)));
            }
        }
        if !segments.is_empty() {
            set(added(&SEGMENTS), FieldValue::Octets(&segments.concat()));
            set(added(&SEGMENTS_LEFT), FieldValue::Unsigned(9));
        }
        if card != [0; 6] {
            set(id(field::SRC_MAC), FieldValue::Mac(Mac::new(card)));
        }
        if let Some(rate) = rate {
            let rate = f64::from(u32::try_from(rate).unwrap());
            set(id(field::SAMPLING_RATE), FieldValue::Double(rate));
        }
        let others = [
            (id(field::SRC_PREFIX_LEN), few.0),
            (id(field::DST_PREFIX_LEN), few.1),
            (id(field::FRAGMENT_FLAGS), few.2 << 5),
            (id(field::DIRECTION), few.3),
            (id(field::BIFLOW_DIRECTION), few.3),
            (id(field::INGRESS_VRF), u64::from(few.4)),
            (id(field::DOMAIN), u64::from(few.4)),
        ];
        for (id, number) in others {
            if number != 0 {
                set(id, FieldValue::Unsigned(number));
            }
        }
        flow
    })
}

/// What of a flow a dialect and an encoding can say, written out apart from the table that is tested.
fn said(flow: &Flow, dialect: Dialect, protobuf: bool) -> Flow {
    let (v1, v2) = (dialect == Dialect::V1, dialect == Dialect::V2);
    let mut said = Flow::new(schema());
    let only_v2 = [id(field::FRAGMENT_FLAGS), added(&LAYERS), added(&LAYER_SIZES), added(&SEGMENTS), added(&SEGMENTS_LEFT)];
    let never_in_v1_json = [
        id(field::DIRECTION),
        id(field::BGP_NEXT_HOP),
        id(field::BGP_COMMUNITIES),
        id(field::AS_PATH),
        id(field::MPLS_LABELS),
        id(field::MPLS_TOP_ADDR),
        added(&MPLS_TTLS),
        id(field::DOMAIN),
    ];
    let only_v1 = [id(field::DIRECTION), id(field::BIFLOW_DIRECTION), id(field::INGRESS_VRF)];
    for (id, value) in flow.fields() {
        let lost =
            (v1 && only_v2.contains(&id)) || (v1 && !protobuf && never_in_v1_json.contains(&id)) || (v2 && only_v1.contains(&id));
        if lost {
            continue;
        }
        let value = match value {
            FieldValue::Time(time) if v1 => {
                let unit = if protobuf && id != field::RECEIVED.id() { 1_000_000 } else { 1_000_000_000 };
                FieldValue::Time(Timestamp::from_nanos(time.as_nanos() / unit * unit))
            }
            other => other,
        };
        // Less than a whole unit after 1970 is what is not known.
        if value != FieldValue::Time(Timestamp::EPOCH) {
            assert!(said.set(id, value));
        }
    }
    // A flow of v2 without times, and every sampled packet, has those it was received at.
    let received = flow.get(field::RECEIVED);
    let sflow = flow.get(field::PROTOCOL) == Some(Protocol::Sflow.code());
    for id in [id(field::START), id(field::END)] {
        if flow.value(id).is_none()
            && (v2 || sflow)
            && let Some(received) = received
        {
            let unit = if v2 {
                1
            } else if protobuf {
                1_000_000
            } else {
                1_000_000_000
            };
            let nanos = received.as_nanos() / unit * unit;
            if nanos != 0 {
                said.set(id, FieldValue::Time(Timestamp::from_nanos(nanos)));
            }
        }
    }
    let by_address = flow.get(field::SRC_ADDR).or_else(|| flow.get(field::DST_ADDR));
    if flow.get(field::ETHERTYPE).is_none()
        && let Some(address) = by_address
    {
        said.set(field::ETHERTYPE.id(), FieldValue::Unsigned(if address.is_ipv4() { 0x0800 } else { 0x86dd }));
    }
    // v2 has words for three Ethernet types alone; and for a prefix it needs the address.
    if v2 && !protobuf {
        let mut kept = Flow::new(schema());
        for (id, value) in said.fields() {
            let nameless = id == field::ETHERTYPE.id() && ![0x0800, 0x0806, 0x86dd].map(FieldValue::Unsigned).contains(&value);
            let homeless = (id == field::SRC_PREFIX_LEN.id() && flow.get(field::SRC_ADDR).is_none())
                || (id == field::DST_PREFIX_LEN.id() && flow.get(field::DST_ADDR).is_none());
            if !nameless && !homeless {
                assert!(kept.set(id, value));
            }
        }
        return kept;
    }
    said
}

/// By a second or more, which is the least that v1 can say.
fn received_and_begun_after_1970(flow: &Flow) -> bool {
    let after = |time: Option<Timestamp>| time.is_none_or(|time| time.as_seconds() > 0);
    flow.get(field::RECEIVED).is_some() && [field::RECEIVED, field::START, field::END].into_iter().all(|id| after(flow.get(id)))
}

fn shown(flow: &Flow) -> Vec<String> {
    flow.fields().map(|(id, value)| format!("{} {value:?}", flow.schema().field(id).unwrap().name)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn written_flows_are_read_again(flow in flow()) {
        for dialect in [Dialect::V1, Dialect::V2] {
            let mut line = String::new();
            write_json(&mut line, &flow, dialect);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{line}");
            let (read, skipped) = read_json(line.as_bytes()).unwrap();
            prop_assert_eq!(shown(&read), shown(&said(&flow, dialect, false)), "{:?} {}", dialect, line);
            prop_assert_eq!(skipped, Skipped::default());

            let mut message = Vec::new();
            write_protobuf(&mut message, &flow, dialect, Framing::Bare);
            let (read, skipped) = read_protobuf_as(&message, dialect).unwrap();
            prop_assert_eq!(shown(&read), shown(&said(&flow, dialect, true)), "{:?} {:02x?}", dialect, message);
            prop_assert_eq!(skipped, Skipped::default());
            // goflow2 always says when it received a flow: then nobody has to tell the dialect.
            if received_and_begun_after_1970(&flow) {
                prop_assert_eq!(read_protobuf(&message).unwrap(), (read.clone(), skipped), "{:?} {:02x?}", dialect, message);
            }

            // prost reads the same octets, knows every field of them, and writes as many.
            let again = match dialect {
                Dialect::V1 => V1::decode(&*message).unwrap().encode_to_vec(),
                Dialect::V2 => V2::decode(&*message).unwrap().encode_to_vec(),
            };
            prop_assert_eq!(again.len(), message.len());
            prop_assert_eq!(read_protobuf_as(&again, dialect).unwrap().0, read);
        }
    }

    #[test]
    fn every_framing_of_every_encoding(flows in vec(flow(), 1..6), cuts in vec(1_usize..200, 1..20)) {
        for dialect in [Dialect::V1, Dialect::V2] {
            let wanted = |protobuf| flows.iter().map(|flow| shown(&said(flow, dialect, protobuf))).collect::<Vec<_>>();
            let mut lines = String::new();
            for flow in &flows {
                write_json(&mut lines, flow, dialect);
                lines.push('\n');
            }
            prop_assert_eq!(read_in_pieces(Reader::new(), lines.as_bytes(), &cuts), wanted(false));
            let framings = [
                (Framing::Prefixed, Reader::of(Format::Prefixed).separated(false)),
                (Framing::PrefixedLines, Reader::of(Format::Prefixed).separated(true)),
                (Framing::Prefixed, Reader::of(Format::Prefixed)),
                (Framing::PrefixedLines, Reader::of(Format::Prefixed)),
                (Framing::BareLines, Reader::of(Format::Lines)),
            ];
            for (framing, reader) in framings {
                let mut out = Vec::new();
                for flow in &flows {
                    write_protobuf(&mut out, flow, dialect, framing);
                }
                prop_assert_eq!(read_in_pieces(reader.dialect(dialect), &out, &cuts), wanted(true), "{:?} {:?}", framing, dialect);
            }
        }
    }

    /// Rows go another way through the writer: without what is beside them.
    #[test]
    fn rows_say_what_flows_of_rows_say(flows in vec(flow(), 1..30)) {
        let rows: Vec<FlowRecord> = flows.iter().map(|flow| *flow.row()).collect();
        for dialect in [Dialect::V1, Dialect::V2] {
            for framing in [Framing::Bare, Framing::BareLines, Framing::Prefixed, Framing::PrefixedLines] {
                let (mut by_rows, mut one_by_one) = (vec![7], vec![7]);
                write_protobuf_rows(&mut by_rows, &rows, dialect, framing);
                for row in &rows {
                    write_protobuf(&mut one_by_one, row, dialect, framing);
                }
                prop_assert_eq!(by_rows, one_by_one);
            }
            let (mut by_rows, mut one_by_one) = (String::from("7"), String::from("7"));
            write_json_rows(&mut by_rows, &rows, dialect);
            for row in &rows {
                write_json(&mut one_by_one, row, dialect);
                one_by_one.push('\n');
            }
            prop_assert_eq!(by_rows, one_by_one);
        }
    }
}

fn count(octets: usize) -> u64 {
    u64::try_from(octets).unwrap()
}

/// All flows of a stream that arrives cut into pieces.
fn read_in_pieces(mut reader: Reader, octets: &[u8], cuts: &[usize]) -> Vec<Vec<String>> {
    let (mut flows, mut rest, mut cuts) = (Vec::new(), octets, cuts.iter().cycle());
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
        rest = behind;
        reader.push(piece);
        while let Some(item) = reader.next() {
            flows.push(shown(&item.unwrap()));
        }
    }
    reader.end();
    while let Some(item) = reader.next() {
        flows.push(shown(&item.unwrap()));
    }
    let stats = reader.stats();
    assert_eq!((stats.bytes, stats.bytes_decoded, stats.faults), (count(octets.len()), count(octets.len()), 0));
    assert_eq!((stats.flows, reader.pending()), (count(flows.len()), 0));
    flows
}
