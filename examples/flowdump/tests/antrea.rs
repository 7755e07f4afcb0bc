//! Every field of every record that Antrea's exporting library sent, as an element and through the common model, against what was
//! handed to the library.
#![cfg(test)]

mod common;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fs;
use std::net::IpAddr;

use common::{corpus, decode};
use flowcodec::model::{FieldValue, Schema};
use flowcodec::{Event, Protocol, Record, Settings, Timestamp, Value};
use flowdump::input::Options;
use serde_json::Value as Json;

/// The recordings, and how many records, values and common fields each has.
const RECORDINGS: [(&str, usize, usize, usize); 8] = [
    // Enterprise 55829, start and end of 8 octets.
    ("antrea-0.9", 124, 2_852, 2_755),
    ("antrea-1.12", 138, 5_106, 4_882),
    ("antrea-1.12-multiset", 138, 5_106, 4_882),
    ("antrea-1.15", 138, 5_658, 5_344),
    ("antrea-2.7", 161, 6_923, 6_033),
    ("correlation-a", 30, 1_290, 1_135),
    ("aggregator-2.7-aggregate", 34, 2_380, 1_467),
    // Over TCP.
    ("aggregator-2.7-aggregate-tcp", 55, 3_850, 2_350),
];

/// Common fields and the elements they are read from, best first.
const FIELDS: &[(&str, &[&str])] = &[
    ("start", &["flowStartSeconds"]),
    ("end", &["flowEndSeconds"]),
    ("src_addr", &["sourceIPv4Address", "sourceIPv6Address"]),
    ("dst_addr", &["destinationIPv4Address", "destinationIPv6Address"]),
    ("src_port", &["sourceTransportPort"]),
    ("dst_port", &["destinationTransportPort"]),
    ("ip_protocol", &["protocolIdentifier"]),
    ("octets", &["octetDeltaCount"]),
    ("packets", &["packetDeltaCount"]),
    ("octets_total", &["octetTotalCount"]),
    ("packets_total", &["packetTotalCount"]),
    ("reverse_octets", &["reverseOctetDeltaCount"]),
    ("reverse_packets", &["reversePacketDeltaCount"]),
    ("reverse_octets_total", &["reverseOctetTotalCount"]),
    ("reverse_packets_total", &["reversePacketTotalCount"]),
    ("end_reason", &["flowEndReason"]),
    ("src_pod", &["sourcePodName"]),
    ("src_namespace", &["sourcePodNamespace"]),
    ("src_node", &["sourceNodeName"]),
    ("src_labels", &["sourcePodLabels"]),
    ("dst_pod", &["destinationPodName"]),
    ("dst_namespace", &["destinationPodNamespace"]),
    ("dst_node", &["destinationNodeName"]),
    ("dst_labels", &["destinationPodLabels"]),
    ("service_name", &["destinationServicePortName"]),
    ("ingress_policy", &["ingressNetworkPolicyName"]),
    ("ingress_policy_namespace", &["ingressNetworkPolicyNamespace"]),
    ("ingress_policy_type", &["ingressNetworkPolicyType"]),
    ("ingress_policy_rule", &["ingressNetworkPolicyRuleName"]),
    ("ingress_policy_action", &["ingressNetworkPolicyRuleAction"]),
    ("egress_policy", &["egressNetworkPolicyName"]),
    ("egress_policy_namespace", &["egressNetworkPolicyNamespace"]),
    ("egress_policy_type", &["egressNetworkPolicyType"]),
    ("egress_policy_rule", &["egressNetworkPolicyRuleName"]),
    ("egress_policy_action", &["egressNetworkPolicyRuleAction"]),
    ("tcp_state", &["tcpState"]),
    ("flow_type", &["flowType"]),
    ("egress_name", &["egressName"]),
    ("egress_node", &["egressNodeName"]),
    ("app_protocol", &["appProtocolName"]),
    ("http_vals", &["httpVals"]),
    ("cluster_id", &["clusterId"]),
    ("throughput", &["throughput"]),
    ("reverse_throughput", &["reverseThroughput"]),
];

/// The same for those where `0.0.0.0`, `::`, 0 and an empty address mean that there is none.
const NONE_IS_ZERO: &[(&str, &[&str])] = &[
    (
        "service_addr",
        &[
            "destinationServiceIPv4",
            "destinationServiceIPv6",
            "destinationClusterIPv4",
            "destinationClusterIPv6",
            "destinationClusterIP",
        ],
    ),
    ("service_port", &["destinationServicePort"]),
    ("proxy_snat_addr", &["proxySnatIPv4", "proxySnatIPv6"]),
    ("proxy_snat_port", &["proxySnatPort"]),
    ("egress_addr", &["egressIP"]),
];

/// Fields of the message.
const OF_MESSAGE: [&str; 8] =
    ["received", "exporter", "exporter_port", "domain", "protocol", "template", "counters_scaled", "exported"];

fn is_none(value: &Json) -> bool {
    *value == 0 || *value == "" || *value == "0.0.0.0" || *value == "::"
}

fn same_value(value: Value<'_>, expected: &Json) -> bool {
    match value {
        Value::Unsigned(number) => *expected == number,
        Value::Time(time) => expected.as_u64().map(Timestamp::from_seconds) == Some(time),
        Value::Address(address) => expected.as_str().and_then(|text| text.parse().ok()) == Some(address),
        Value::Text(text) => expected.as_str().map(str::as_bytes) == Some(text.as_bytes()),
        _ => false,
    }
}

fn same_field(value: FieldValue<'_>, expected: &Json) -> bool {
    match value {
        FieldValue::Unsigned(number) => *expected == number,
        FieldValue::Time(time) => expected.as_u64().map(Timestamp::from_seconds) == Some(time),
        FieldValue::Address(address) => expected.as_str().and_then(|text| text.parse::<IpAddr>().ok()) == Some(address),
        FieldValue::Text(text) => expected.as_str().map(str::as_bytes) == Some(text.as_bytes()),
        _ => false,
    }
}

/// Compares all elements; gives their number.
fn elements(record: &Record<'_>, truth: &Json) -> usize {
    let fields = truth["fields"].as_object().unwrap();
    let mut names = Vec::new();
    for element in record.elements() {
        let name = element.name().unwrap_or_else(|| panic!("{} has no name", element.id()));
        assert!(same_value(element.value(), &fields[name]), "{name}: {:?} and {}", element.value(), fields[name]);
        names.push(name);
    }
    names.sort_unstable();
    assert!(fields.keys().is_sorted() && fields.keys().eq(&names), "{names:?}");
    names.len()
}

/// Compares all common fields; gives their number. There is no other field in the record.
fn common_fields(record: &Record<'_>, truth: &Json, schema: &Schema) -> usize {
    let fields = &truth["fields"];
    let mut expected: BTreeMap<&str, &Json> = BTreeMap::new();
    for (name, sources) in FIELDS {
        expected.extend(sources.iter().find_map(|source| Some((*name, fields.get(source)?))));
    }
    for (name, sources) in NONE_IS_ZERO {
        let some = |source: &&str| fields.get(source).filter(|value| !is_none(value));
        expected.extend(sources.iter().find_map(|source| Some((*name, some(source)?))));
    }
    for spec in schema.fields() {
        let found = record.value(schema.find(&spec.name).unwrap());
        if OF_MESSAGE.contains(&&*spec.name) {
            assert!(found.is_some(), "{}", spec.name);
            continue;
        }
        match (found, expected.get(&*spec.name)) {
            (None, None) => {}
            (Some(found), Some(expected)) => assert!(same_field(found, expected), "{}: {found:?} and {expected}", spec.name),
            (found, expected) => panic!("{}: {found:?} and {expected:?}", spec.name),
        }
    }
    expected.len()
}

#[test]
fn every_field_is_what_was_sent() {
    let Some(corpus) = corpus() else { return };
    let schema = Schema::common();
    for (name, records, values, fields) in RECORDINGS {
        let path = corpus.join(format!("antrea/{name}.pcap"));
        let truth: Json = serde_json::from_slice(&fs::read(path.with_extension("truth.json")).unwrap()).unwrap();
        let key = |record: &Json, name: &str| u32::try_from(record[name].as_u64().unwrap()).unwrap();
        let mut left: HashMap<(u32, u32), VecDeque<&Json>> = HashMap::new();
        for record in truth["records"].as_array().unwrap() {
            left.entry((key(record, "domain"), key(record, "template"))).or_default().push_back(record);
        }
        let mut found = (0, 0, 0);
        let feed = decode(&[path], Options::default(), Settings::default(), &mut |event| match event {
            Event::Flows(set) => {
                for record in set.records() {
                    let context = record.context();
                    let queue = left.get_mut(&(context.domain, record.template().unwrap().id().into())).unwrap();
                    let truth = queue.pop_front().unwrap();
                    assert_eq!(context.protocol, Protocol::Ipfix);
                    assert_eq!(context.exported.as_seconds(), truth["export_time"].as_i64().unwrap(), "{name}");
                    assert_eq!(truth["exporter"], context.exporter.address().to_string(), "{name}");
                    found.0 += 1;
                    found.1 += elements(&record, truth);
                    found.2 += common_fields(&record, truth, &schema);
                }
            }
            Event::Fault(_) | Event::Options(_) => panic!("{name}: {event:?}"),
            _ => {}
        });
        assert!(left.values().all(VecDeque::is_empty), "{name}");
        assert_eq!(found, (records, values, fields), "{name}");
        let stats = feed.decoder().stats();
        assert_eq!(truth["counts"]["messages"], stats.messages, "{name}");
        assert_eq!((stats.bytes_reported, stats.bytes), (0, stats.bytes_decoded), "{name}");
    }
}
