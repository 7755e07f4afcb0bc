//! The record of goflow2 1.x in the corpus, without the five keys that an enricher added to it.

use std::collections::BTreeMap;

use flowcodec::io::goflow2::{Dialect, SEQUENCE, read_json, schema, write_json};
use flowcodec::model::{FieldId, FieldValue, Flow, Mac};
use flowcodec::{Protocol, Timestamp, field};
use serde_json::Value as Json;

/// goflow2's order, which the enricher sorted away.
const KEYS: [&str; 43] = [
    "Type",
    "TimeReceived",
    "SequenceNum",
    "SamplingRate",
    "SamplerAddress",
    "TimeFlowStart",
    "TimeFlowEnd",
    "Bytes",
    "Packets",
    "SrcAddr",
    "DstAddr",
    "Etype",
    "Proto",
    "SrcPort",
    "DstPort",
    "InIf",
    "OutIf",
    "SrcMac",
    "DstMac",
    "SrcVlan",
    "DstVlan",
    "VlanId",
    "IngressVrfID",
    "EgressVrfID",
    "IPTos",
    "ForwardingStatus",
    "IPTTL",
    "TCPFlags",
    "IcmpType",
    "IcmpCode",
    "IPv6FlowLabel",
    "FragmentId",
    "FragmentOffset",
    "BiFlowDirection",
    "SrcAS",
    "DstAS",
    "NextHop",
    "NextHopAS",
    "SrcNet",
    "DstNet",
    "EtypeName",
    "ProtoName",
    "IcmpName",
];

const KEYS_V2: [&str; 50] = [
    "type",
    "time_received_ns",
    "sequence_num",
    "sampling_rate",
    "sampler_address",
    "time_flow_start_ns",
    "time_flow_end_ns",
    "bytes",
    "packets",
    "src_addr",
    "dst_addr",
    "etype",
    "proto",
    "src_port",
    "dst_port",
    "in_if",
    "out_if",
    "src_mac",
    "dst_mac",
    "src_vlan",
    "dst_vlan",
    "vlan_id",
    "ip_tos",
    "forwarding_status",
    "ip_ttl",
    "ip_flags",
    "tcp_flags",
    "icmp_type",
    "icmp_code",
    "ipv6_flow_label",
    "fragment_id",
    "fragment_offset",
    "src_as",
    "dst_as",
    "next_hop",
    "next_hop_as",
    "src_net",
    "dst_net",
    "bgp_next_hop",
    "bgp_communities",
    "as_path",
    "mpls_ttl",
    "mpls_label",
    "mpls_ip",
    "observation_domain_id",
    "observation_point_id",
    "layer_stack",
    "layer_size",
    "ipv6_routing_header_addresses",
    "ipv6_routing_header_seg_left",
];

/// The record as it stands in the corpus, `../shared/corpus/goflow2/enriched.v1.json`.
const ENRICHED: &str = concat!(
    r#"{"BiFlowDirection":0,"Bytes":20800,"DstAS":0,"DstAddr":"10.96.0.1","DstMac":"0a:58:0a:f4:00:01","DstNet":0,"DstPort":443,"#,
    r#""DstVlan":0,"EgressVrfID":0,"Etype":2048,"EtypeName":"IPv4","ForwardingStatus":0,"FragmentId":0,"FragmentOffset":0,"IPTTL":0,"#,
    r#""IPTos":0,"IPv6FlowLabel":0,"IcmpCode":0,"IcmpName":"","IcmpType":0,"InIf":12,"IngressVrfID":0,"NextHop":"","NextHopAS":0,"#,
    r#""OutIf":0,"Packets":400,"Proto":6,"ProtoName":"TCP","SamplerAddress":"10.244.0.2","SamplingRate":0,"SequenceNum":577,"#,
    r#""SrcAS":0,"SrcAddr":"10.244.0.5","SrcHostIP":"10.89.0.2","SrcMac":"0a:58:0a:f4:00:05","SrcNamespace":"local-path-storage","#,
    r#""SrcNet":0,"SrcPod":"local-path-provisioner-78776bfc44-p2xkl","SrcPort":56144,"SrcVlan":0,"SrcWorkload":"#,
    r#""local-path-provisioner","SrcWorkloadKind":"Deployment","TCPFlags":0,"TimeFlowEnd":0,"TimeFlowStart":0,"#,
    r#""TimeReceived":1628419398,"Type":"IPFIX","VlanId":0}"#
);

/// The keys of a written object in the order they stand in.
fn keys(line: &str) -> Vec<String> {
    // No value of this message holds a quote or a colon that would mislead, apart from addresses, which stand behind a colon.
    let members = line.trim_matches(['{', '}']).split(",\"");
    members.map(|member| member.trim_start_matches('"').split("\":").next().unwrap().to_owned()).collect()
}

/// The flow of that record, put together by hand.
fn flow() -> Flow {
    let schema = schema();
    let sequence = schema.resolve(&SEQUENCE).unwrap().id();
    let mut flow = Flow::new(schema);
    let mut set = |id: FieldId, value: FieldValue<'_>| assert!(flow.set(id, value));
    set(sequence, FieldValue::Unsigned(577));
    set(field::PROTOCOL.id(), FieldValue::Unsigned(u64::from(Protocol::Ipfix.code())));
    set(field::RECEIVED.id(), FieldValue::Time(Timestamp::from_seconds(1_628_419_398)));
    set(field::EXPORTER.id(), FieldValue::Address([10, 244, 0, 2].into()));
    set(field::SRC_ADDR.id(), FieldValue::Address([10, 244, 0, 5].into()));
    set(field::DST_ADDR.id(), FieldValue::Address([10, 96, 0, 1].into()));
    set(field::OCTETS.id(), FieldValue::Unsigned(20_800));
    set(field::PACKETS.id(), FieldValue::Unsigned(400));
    set(field::IP_PROTOCOL.id(), FieldValue::Unsigned(6));
    set(field::SRC_PORT.id(), FieldValue::Unsigned(56_144));
    set(field::DST_PORT.id(), FieldValue::Unsigned(443));
    set(field::IN_IF.id(), FieldValue::Unsigned(12));
    set(field::SRC_MAC.id(), FieldValue::Mac(Mac::new([0x0a, 0x58, 0x0a, 0xf4, 0, 5])));
    set(field::DST_MAC.id(), FieldValue::Mac(Mac::new([0x0a, 0x58, 0x0a, 0xf4, 0, 1])));
    flow
}

#[test]
fn written_key_by_key() {
    let mut line = String::new();
    write_json(&mut line, &flow(), Dialect::V1);
    assert_eq!(keys(&line), KEYS);
    let written: BTreeMap<String, Json> = serde_json::from_str(&line).unwrap();
    let mut wanted: BTreeMap<String, Json> = serde_json::from_str(ENRICHED).unwrap();
    let added = ["SrcPod", "SrcNamespace", "SrcHostIP", "SrcWorkload", "SrcWorkloadKind"];
    assert!(added.iter().all(|key| wanted.remove(*key).is_some()));
    assert_eq!(wanted.len(), 43);
    assert_eq!(written, wanted);
}

#[test]
fn read_and_written_again() {
    let (read, skipped) = read_json(ENRICHED.as_bytes()).unwrap();
    assert_eq!((skipped.unknown_fields, skipped.refused_values), (3, 0), "what the enricher added and flows have no field for");
    let mut wanted = flow();
    assert!(wanted.set(field::SRC_POD.id(), FieldValue::Text(flowcodec::Text::new(b"local-path-provisioner-78776bfc44-p2xkl"))));
    assert!(wanted.set(field::SRC_NAMESPACE.id(), FieldValue::Text(flowcodec::Text::new(b"local-path-storage"))));
    // goflow2 says the Ethernet type, which the flow above leaves to its addresses.
    assert!(wanted.set(field::ETHERTYPE.id(), FieldValue::Unsigned(0x0800)));
    assert_eq!(read, wanted);
    let (mut one, mut other) = (String::new(), String::new());
    write_json(&mut one, &read, Dialect::V1);
    write_json(&mut other, &flow(), Dialect::V1);
    assert_eq!(one, other);
}

/// The record lies in the corpus as it stands above.
#[test]
fn the_record_is_that_of_the_corpus() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let corpus = std::env::var_os("FLOWCODEC_CORPUS").map_or(here, std::path::PathBuf::from);
    match std::fs::read_to_string(corpus.join("goflow2/enriched.v1.json")) {
        Ok(text) => assert_eq!(text.trim_end(), ENRICHED),
        Err(_) => println!("skipped: there is no corpus; FLOWCODEC_CORPUS says where it is"),
    }
}

/// The same flow as goflow2 2.2 would have written it: its keys, and the renderers it has by default.
#[test]
fn the_second_dialect() {
    let mut line = String::new();
    write_json(&mut line, &flow(), Dialect::V2);
    assert_eq!(keys(&line), KEYS_V2);
    let written: BTreeMap<String, Json> = serde_json::from_str(&line).unwrap();
    let text = |key: &str| written[key].as_str().unwrap().to_owned();
    let number = |key: &str| written[key].as_u64().unwrap();
    assert_eq!([text("type"), text("etype"), text("proto")], ["IPFIX", "IPv4", "TCP"]);
    assert_eq!([text("src_net"), text("dst_net")], ["0.0.0.0/0", "0.0.0.0/0"], "no prefix is a prefix of no bits");
    assert_eq!([text("next_hop"), text("bgp_next_hop"), text("src_mac")], ["", "", "0a:58:0a:f4:00:05"]);
    assert_eq!(number("time_received_ns"), 1_628_419_398_000_000_000);
    // A flow that does not say when it was has the times of its export; this one's is not known.
    assert_eq!([number("time_flow_start_ns"), number("time_flow_end_ns")], [1_628_419_398_000_000_000; 2]);
    for key in ["as_path", "bgp_communities", "mpls_ttl", "mpls_label", "mpls_ip", "layer_stack", "layer_size"] {
        assert_eq!(written[key], Json::Array(Vec::new()), "{key}");
    }
    assert_eq!(number("sequence_num") + number("in_if") + number("bytes"), 577 + 12 + 20_800);
}
