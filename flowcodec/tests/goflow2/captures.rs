//! Real exporters' datagrams, and what goflow2's message has to say of them, worked out by hand from the octets.
//!
//! The captures are those of the fluentd plug-in's tests (in the corpus as `fluentd/`): an export of NetFlow v5, one of v9 with its
//! template, and an sFlow sample of an ICMP packet.

use flowcodec::io::goflow2::{Dialect, Framing, write_json, write_json_set, write_protobuf, write_protobuf_set};
use flowcodec::{Decoder, Event, Exporter, RowScratch, Timestamp};
use prost::Message;
use serde_json::{Value as Json, json};

use crate::proto::{V1, V2};

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|digit| !digit.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// What of one record was written.
struct Written {
    json: [Json; 2],
    v1: V1,
    v2: V2,
}

const RECEIVED: Timestamp = Timestamp::from_nanos(1_700_000_000_123_456_789);

/// The record of these datagrams in all forms; the set writer says the same as the writer of one record.
fn written(datagrams: &[&str]) -> Written {
    let exporter = Exporter::new([192, 0, 2, 1].into(), 2_055);
    let (mut decoder, mut found) = (Decoder::default(), Vec::new());
    for datagram in datagrams {
        decoder.datagram(exporter, RECEIVED, &octets(datagram)).for_each(|event| {
            let Event::Flows(set) = event else { return };
            for record in set {
                let mut lines = [String::new(), String::new()];
                let mut messages = [Vec::new(), Vec::new()];
                for (place, dialect) in [Dialect::V1, Dialect::V2].into_iter().enumerate() {
                    write_json(&mut lines[place], &record, dialect);
                    write_protobuf(&mut messages[place], &record, dialect, Framing::Bare);
                    let mut whole = Vec::new();
                    write_protobuf_set(&mut whole, &set, &mut RowScratch::new(), dialect, Framing::Bare);
                    assert_eq!(whole, messages[place]);
                    let mut text = String::new();
                    write_json_set(&mut text, &set, &mut RowScratch::new(), dialect);
                    assert_eq!(text.strip_suffix('\n'), Some(lines[place].as_str()));
                }
                found.push(Written {
                    json: lines.map(|line| serde_json::from_str(&line).unwrap()),
                    v1: V1::decode(&*messages[0]).unwrap(),
                    v2: V2::decode(&*messages[1]).unwrap(),
                });
            }
        });
    }
    assert_eq!(found.len(), 1);
    found.pop().unwrap()
}

/// Every member of `part` stands in `whole`; all others of `whole` are empty.
fn assert_members(whole: &Json, part: &Json) {
    for (key, value) in whole.as_object().unwrap() {
        match part.get(key) {
            Some(wanted) => assert_eq!(value, wanted, "{key}"),
            None => assert!([json!(0), json!(""), json!([])].contains(value), "{key}: {value}"),
        }
    }
    assert!(part.as_object().unwrap().keys().all(|key| whole.get(key).is_some()));
}

/// Header: 0x56d49878 s and 0x05662fd8 ns since 1970, uptime 0x6a666b28 ms; the flow began at 0x6a6667bd ms, 875 ms before.
#[test]
fn netflow5() {
    let Written { json: [one, two], v1, v2 } = written(&["
        00050001 6a666b28 56d49878 05662fd8 00000001 01010000
        0a00000b 140000bb 1e0000fe 0001 0002 000000ad 000011e5
        6a6667bd 6a666b28 03e9 0bb9 00 1b 06 00 0065 00c9 18 18 0000"]);
    let wanted = V2 {
        r#type: 2,
        sequence_num: 1,
        src_addr: vec![10, 0, 0, 11],
        dst_addr: vec![20, 0, 0, 187],
        bytes: 4_581,
        packets: 173,
        sampler_address: vec![192, 0, 2, 1],
        next_hop: vec![30, 0, 0, 254],
        src_as: 101,
        dst_as: 201,
        src_net: 24,
        dst_net: 24,
        in_if: 1,
        out_if: 2,
        proto: 6,
        src_port: 1_001,
        dst_port: 3_001,
        tcp_flags: 0x1b,
        etype: 0x0800,
        // The engine's type and number, which goflow2 leaves out.
        observation_domain_id: 0x0101,
        time_received_ns: 1_700_000_000_123_456_789,
        time_flow_start_ns: 1_456_773_239_215_583_000,
        time_flow_end_ns: 1_456_773_240_090_583_000,
        ..V2::default()
    };
    assert_eq!(v2, wanted);
    let wanted = V1 {
        r#type: 2,
        time_received: 1_700_000_000,
        time_flow_start: 1_456_773_239,
        time_flow_end: 1_456_773_240,
        time_flow_start_ms: 1_456_773_239_215,
        time_flow_end_ms: 1_456_773_240_090,
        sequence_num: 1,
        src_addr: v2.src_addr,
        dst_addr: v2.dst_addr,
        bytes: 4_581,
        packets: 173,
        sampler_address: v2.sampler_address,
        next_hop: v2.next_hop,
        src_as: 101,
        dst_as: 201,
        src_net: 24,
        dst_net: 24,
        in_if: 1,
        out_if: 2,
        proto: 6,
        src_port: 1_001,
        dst_port: 3_001,
        tcp_flags: 0x1b,
        etype: 0x0800,
        observation_domain_id: 0x0101,
        ..V1::default()
    };
    assert_eq!(v1, wanted);
    let macs = "00:00:00:00:00:00";
    assert_members(
        &one,
        &json!({
            "Type": "NETFLOW_V5", "TimeReceived": 1_700_000_000, "SequenceNum": 1, "SamplerAddress": "192.0.2.1",
            "TimeFlowStart": 1_456_773_239, "TimeFlowEnd": 1_456_773_240, "Bytes": 4_581, "Packets": 173,
            "SrcAddr": "10.0.0.11", "DstAddr": "20.0.0.187", "Etype": 2_048, "Proto": 6, "SrcPort": 1_001, "DstPort": 3_001,
            "InIf": 1, "OutIf": 2, "SrcMac": macs, "DstMac": macs, "TCPFlags": 27, "SrcAS": 101, "DstAS": 201,
            "NextHop": "30.0.0.254", "SrcNet": 24, "DstNet": 24, "EtypeName": "IPv4", "ProtoName": "TCP",
        }),
    );
    assert_members(
        &two,
        &json!({
            "type": "NETFLOW_V5", "time_received_ns": 1_700_000_000_123_456_789_u64, "sequence_num": 1, "sampler_address": "192.0.2.1",
            "time_flow_start_ns": 1_456_773_239_215_583_000_u64, "time_flow_end_ns": 1_456_773_240_090_583_000_u64,
            "bytes": 4_581, "packets": 173, "src_addr": "10.0.0.11", "dst_addr": "20.0.0.187", "etype": "IPv4", "proto": "TCP",
            "src_port": 1_001, "dst_port": 3_001, "in_if": 1, "out_if": 2, "src_mac": macs, "dst_mac": macs, "tcp_flags": 27,
            "src_as": 101, "dst_as": 201, "next_hop": "30.0.0.254", "src_net": "10.0.0.0/24", "dst_net": "20.0.0.0/24",
            "observation_domain_id": 257,
        }),
    );
}

/// Fields 2 1 8 12 10 14 21 22 7 11 16 17 18 9 13 4 6 5 61 89 48 234 235 in this order. The flow was 0xfd809024 - 0xfd8051d9 = 15,947 ms
/// before its export.
#[test]
fn netflow9() {
    let template = "
        00090001 fd808e7e 56bd5951 0046e406 00000821
        0000 0064 0104 0017 00020004 00010004 00080004 000c0004 000a0004 000e0004 00150004 00160004 00070002
        000b0002 00100004 00110004 00120004 00090001 000d0001 00040001 00060001 00050001 003d0001 00590001 00300002
        00ea0004 00eb0004";
    let data = "
        00090001 fd809024 56bd5951 0046e407 00000821
        0104 0048 00000001 0000003c c0a80001 c0a80002 00000036 0000001d fd8051d9 fd8051d9 0050 8036
        00000000 0000fde8 c0a80003 18 18 06 12 00 00 40 0001 60000000 60000000 0000";
    let Written { json: [one, two], v1, v2 } = written(&[template, data]);
    let wanted = V2 {
        r#type: 3,
        sequence_num: 4_645_895,
        src_addr: vec![192, 168, 0, 1],
        dst_addr: vec![192, 168, 0, 2],
        bytes: 60,
        packets: 1,
        sampler_address: vec![192, 0, 2, 1],
        dst_as: 65_000,
        src_net: 24,
        dst_net: 24,
        in_if: 54,
        out_if: 29,
        proto: 6,
        src_port: 80,
        dst_port: 32_822,
        forwarding_status: 64,
        tcp_flags: 0x12,
        etype: 0x0800,
        observation_domain_id: 2_081,
        bgp_next_hop: vec![192, 168, 0, 3],
        time_received_ns: 1_700_000_000_123_456_789,
        time_flow_start_ns: 1_455_249_729_053_000_000,
        time_flow_end_ns: 1_455_249_729_053_000_000,
        ..V2::default()
    };
    assert_eq!(v2, wanted);
    assert_eq!((v1.ingress_vrf_id, v1.egress_vrf_id, v1.flow_direction), (0x6000_0000, 0x6000_0000, 0));
    assert_eq!((v1.time_received, v1.time_flow_start, v1.time_flow_end_ms), (1_700_000_000, 1_455_249_729, 1_455_249_729_053));
    assert_eq!((v1.r#type, v1.sequence_num, v1.bytes, v1.bgp_next_hop), (3, 4_645_895, 60, vec![192, 168, 0, 3]));
    assert_eq!(
        (&one["IngressVrfID"], &one["ForwardingStatus"], &one["DstAS"]),
        (&json!(0x6000_0000), &json!(64), &json!(65_000))
    );
    assert_eq!((&two["bgp_next_hop"], &two["forwarding_status"]), (&json!("192.168.0.3"), &json!(64)));
    assert_eq!((&two["src_net"], &two["dst_net"]), (&json!("192.168.0.0/24"), &json!("192.168.0.0/24")));
}

/// One packet in five: a frame of 102 octets, 00:27 08:00 to 02:05..., an IPv4 echo request of 84 octets with "do not fragment".
#[test]
fn sflow() {
    let Written { json: [one, two], v1, v2 } = written(&["
        00000005 00000001 0a010201 00000000 00000035 003a1e6d 00000001
        00000001 000000cc 0000002c 00000201 00000005 000000e1 00000000 00000201 00000200 00000003
        00000001 00000074 00000001 00000066 00000004 00000062
        020586717d03 080027129909 0800 45000054b061400040017944 0a010202 01000401 0800df97041203ad
        d21a875900000000f661020000000000101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f30313233343536370000
        000003e9 00000010 00000000 00000000 00000000 00000000
        000003ea 00000010 00000001 caf902a9 00000020 00000016"]);
    let wanted = V2 {
        r#type: 1,
        sampling_rate: 5,
        sequence_num: 0x35,
        src_addr: vec![10, 1, 2, 2],
        dst_addr: vec![1, 0, 4, 1],
        bytes: 102,
        packets: 1,
        sampler_address: vec![10, 1, 2, 1],
        next_hop: vec![202, 249, 2, 169],
        src_net: 32,
        dst_net: 22,
        in_if: 513,
        out_if: 512,
        proto: 1,
        ip_ttl: 64,
        ip_flags: 2,
        src_mac: 0x0800_2712_9909,
        dst_mac: 0x0205_8671_7d03,
        etype: 0x0800,
        icmp_type: 8,
        fragment_id: 0xb061,
        // The source of the sample: interface 513. goflow2 leaves it out.
        observation_point_id: 513,
        time_received_ns: 1_700_000_000_123_456_789,
        time_flow_start_ns: 1_700_000_000_123_456_789,
        time_flow_end_ns: 1_700_000_000_123_456_789,
        ..V2::default()
    };
    assert_eq!(v2, wanted);
    assert_eq!((v1.time_flow_start, v1.time_flow_end_ms, v1.bytes), (1_700_000_000, 1_700_000_000_123, 102));
    assert_eq!((&one["IcmpName"], &one["ProtoName"], &one["IcmpType"]), (&json!("Echo"), &json!("ICMP"), &json!(8)));
    assert_eq!((&one["SrcMac"], &one["SamplingRate"]), (&json!("08:00:27:12:99:09"), &json!(5)));
    assert_eq!((&two["dst_net"], &two["proto"], &two["ip_flags"]), (&json!("1.0.4.0/22"), &json!("ICMP"), &json!(2)));
}
