//! Halves against what Antrea's own aggregator makes of them.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use flowcodec::model::{FieldValue, Schema};
use flowcodec::{Flow, Timestamp, field as core};
use flowenrich::correlate::halves::{Settings, field, fields};
use flowenrich::correlate::{Common, Correlator};
use serde_json::Value as Json;

use crate::common::{corpus, data, flows};

fn schema() -> Arc<Schema> {
    Schema::common().with(fields()).unwrap()
}

/// As the aggregator was run: the records of a second, then a look at what is due.
fn correlate(records: &[(Timestamp, Flow)], correlator: &mut Correlator) -> Vec<(i64, Flow)> {
    let (mut merged, mut records) = (Vec::new(), records.iter().peekable());
    let first = records.peek().unwrap().0.as_seconds();
    for second in first..first + 700 {
        let now = Timestamp::from_seconds(second.cast_unsigned());
        while let Some((_, flow)) = records.next_if(|(at, _)| at.as_seconds() <= second) {
            correlator.offer(now, flow, |flow| merged.push((second, flow)));
        }
        correlator.tick(now, |flow| merged.push((second, flow)));
    }
    merged
}

fn key(flow: &Flow) -> String {
    let row = flow.row();
    let (src, dst) = (row.src_addr().unwrap(), row.dst_addr().unwrap());
    format!("{src},{dst},{},{},{}", row.ip_protocol().unwrap(), row.src_port().unwrap(), row.dst_port().unwrap())
}

fn number(flow: &Flow, name: &str) -> u64 {
    match flow.value(flow.schema().find(name).unwrap()) {
        Some(FieldValue::Unsigned(number)) => number,
        other => panic!("{name}: {other:?} in {flow:?}"),
    }
}

fn text(flow: &Flow, name: &str) -> String {
    match flow.value(flow.schema().find(name).unwrap()) {
        Some(FieldValue::Text(text)) => text.to_string(),
        None => String::new(),
        other => panic!("{name}: {other:?}"),
    }
}

fn by_key(merged: Vec<(i64, Flow)>) -> BTreeMap<String, Vec<(i64, Flow)>> {
    let mut keys = BTreeMap::<_, Vec<_>>::new();
    for (at, flow) in merged {
        keys.entry(key(&flow)).or_default().push((at, flow));
    }
    keys
}

/// Both halves end in the same second, and one knows no TCP state. The aggregator takes that of the half that comes last; ours is what is
/// known.
const DENIED_AT_ONE_SIDE: &str = "10.244.3.32,10.244.2.50,6,40110,5432";
const DELTAS: [&str; 4] = ["octets", "packets", "reverse_octets", "reverse_packets"];
const ELEMENTS: [&str; 4] = ["octet", "packet", "reverseOctet", "reversePacket"];

#[test]
fn flows_of_the_truth_file() {
    let truth: Json = serde_json::from_str(&fs::read_to_string(data("correlation-a.flows.json")).unwrap()).unwrap();
    let mut correlator = Correlator::new(Settings::default(), &Schema::common()).unwrap();
    let records = flows(&data("correlation-a.pcap"), correlator.schema());
    let given = by_key(correlate(&records, &mut correlator));
    assert_eq!((records.len(), given.len()), (30, 13));

    let mut results = BTreeMap::<_, u32>::new();
    for flow in truth.as_array().unwrap() {
        let result = flow["result"].as_str().unwrap();
        *results.entry(result).or_default() += 1;
        let ours = &given[flow["key"].as_str().unwrap()];
        let (last_at, last) = ours.last().unwrap();
        let status = if result.ends_with("never completed") { "partial" } else { result.split(',').next().unwrap() };
        for (_, flow) in ours {
            assert_eq!(text(flow, "correlation"), status, "{flow:?}");
        }
        if status == "partial" {
            // Given out when the aggregator drops it, and all that the one side said.
            assert_eq!((ours.len(), *last_at), (1, flow["dropped"][0].as_i64().unwrap()));
            let side = if flow["source"][0].is_u64() { "src" } else { "dst" };
            let half = flow["source"][0].as_u64().or_else(|| flow["destination"][0].as_u64()).unwrap();
            let (_, half) = &records[usize::try_from(half).unwrap()];
            for name in DELTAS {
                assert_eq!(number(last, &format!("{name}_from_{side}_node")), number(half, name));
                assert_eq!(number(last, &format!("{name}_total_from_{side}_node")), number(half, &format!("{name}_total")));
            }
            continue;
        }
        let wanted = &flow["final"][0];
        let (sums, fields) = (&wanted["delta_sums"], &wanted["fields"]);
        assert_eq!(wanted["first_export"].as_i64().unwrap(), ours[0].0, "{}", flow["key"]);
        for (side, of_element) in [("src", "Source"), ("dst", "Destination")] {
            for (name, element) in DELTAS.into_iter().zip(ELEMENTS) {
                let of = format!("{element}TotalCountFrom{of_element}Node");
                let sum = &sums[format!("{element}DeltaCountFrom{of_element}Node")];
                let (delta, total) = (format!("{name}_from_{side}_node"), format!("{name}_total_from_{side}_node"));
                assert_eq!(fields[of].as_u64(), Some(number(last, &total)), "{total} of {}", flow["key"]);
                let told: u64 = ours.iter().map(|(_, flow)| number(flow, &delta)).sum();
                assert_eq!(sum.as_u64(), Some(told), "{delta} of {}", flow["key"]);
            }
        }
        for (name, element) in DELTAS.into_iter().zip(ELEMENTS) {
            assert_eq!(
                fields[format!("{element}TotalCount")].as_u64(),
                Some(number(last, &format!("{name}_total"))),
                "{}",
                flow["key"]
            );
            // Ours: what the common total grew by, so that the deltas sum up to it.
            let told: u64 = ours.iter().map(|(_, flow)| number(flow, name)).sum();
            assert_eq!(told, number(last, &format!("{name}_total")));
        }
        for (name, element) in [
            ("src_pod", "sourcePodName"),
            ("src_node", "sourceNodeName"),
            ("dst_pod", "destinationPodName"),
            ("dst_namespace", "destinationPodNamespace"),
            ("service_name", "destinationServicePortName"),
            ("ingress_policy", "ingressNetworkPolicyName"),
            ("egress_policy", "egressNetworkPolicyName"),
            ("tcp_state", "tcpState"),
        ] {
            let theirs = fields[element].as_str().unwrap();
            if (name, flow["key"].as_str()) == ("tcp_state", Some(DENIED_AT_ONE_SIDE)) {
                assert_eq!((theirs, &*text(last, name)), ("", "SYN_SENT"));
                continue;
            }
            assert_eq!(theirs, text(last, name), "{name} of {}", flow["key"]);
        }
        assert_eq!(fields["flowEndReason"].as_u64(), last.row().end_reason().map(u64::from));
        assert_eq!(fields["flowEndSeconds"].as_i64(), last.row().end().map(Timestamp::as_seconds));
        assert_eq!(fields["flowStartSeconds"].as_i64(), last.row().start().map(Timestamp::as_seconds));
    }
    assert_eq!(results.into_iter().collect::<Vec<_>>(), [("merged", 6), ("single, complete", 4), ("single, never completed", 3)]);
    let stats = correlator.stats();
    assert_eq!((stats.records, stats.merged, stats.single, stats.partial, stats.evicted, stats.refused), (30, 6, 4, 3, 0, 0));
    assert_eq!((correlator.held(), stats.known, stats.unkeyed, stats.resets), (0, 0, 0, 0));
}

/// Every export of the aggregator in which something was new: the same fields under the same names, at the same time.
#[test]
fn exports_of_the_aggregator() {
    let schema = schema();
    let mut correlator = Correlator::with(Settings::default(), Arc::clone(&schema));
    let given = by_key(correlate(&flows(&data("correlation-a.pcap"), &schema), &mut correlator));
    let theirs = flows(&data("aggregator-2.7-aggregate.pcap"), &schema);
    let theirs = by_key(theirs.into_iter().map(|(_, flow)| (flow.get(core::EXPORTED).unwrap().as_seconds(), flow)).collect());
    let (mut compared, mut fields) = (0, 0);
    for (key, theirs) in &theirs {
        let new = |flow: &Flow| number(flow, "octets_from_src_node") + number(flow, "octets_from_dst_node") > 0;
        let mut ours = given[key].iter();
        for (at, theirs) in theirs.iter().filter(|(_, flow)| new(flow)) {
            let (ours_at, ours) = ours.next().unwrap();
            assert_eq!(ours_at, at, "{key}");
            fields += same_fields(key, ours, theirs);
            compared += 1;
        }
        assert_eq!(ours.count(), 0, "{key}");
    }
    assert_eq!(compared, 16);
    assert!(fields > 900, "{fields}");
    // And nothing was given out but that, and the three halves that the aggregator drops.
    assert_eq!(given.values().map(Vec::len).sum::<usize>(), compared + 3);
}

fn same_fields(key: &str, ours: &Flow, theirs: &Flow) -> u32 {
    let mut fields = 0;
    for (id, value) in ours.fields() {
        let name = &*ours.schema().field(id).unwrap().name;
        if DELTAS.contains(&name) {
            // The aggregator's own depend on the order of arrival: see DESIGN.md.
            continue;
        }
        match name {
            // Of the message, not of the flow; and what only we say.
            "received" | "exported" | "exporter" | "exporter_port" | "domain" | "template" | "protocol" | "counters_scaled"
            | "sampling_rate" | "correlation" => continue,
            // It adds the names of pods that no half told, from a list of pods.
            "src_pod" | "src_namespace" | "src_node" | "dst_pod" | "dst_namespace" | "dst_node"
                if text(ours, name).is_empty() =>
            {
                continue;
            }
            "tcp_state" if key == DENIED_AT_ONE_SIDE => continue,
            _ => {}
        }
        assert_eq!(Some(value), theirs.value(id), "{name} of {key}");
        fields += 1;
    }
    fields
}

/// The aggregator's answers have no field that ours lack, but what it knows of itself.
#[test]
fn names_of_the_fields() {
    let schema = schema();
    let mut correlator = Correlator::with(Settings::default(), Arc::clone(&schema));
    let given = correlate(&flows(&data("correlation-a.pcap"), &schema), &mut correlator);
    let names = |flows: &[(i64, Flow)]| {
        let fields = flows.iter().flat_map(|(_, flow)| flow.fields());
        fields.map(|(id, _)| schema.field(id).unwrap().name.to_string()).collect::<std::collections::BTreeSet<_>>()
    };
    let ours = names(&given);
    for file in ["aggregator-2.7-aggregate.pcap", "aggregator-2.7-aggregate-tcp.pcap"] {
        let path = Some(data(file)).filter(|path| path.exists()).or_else(|| corpus(&format!("antrea/{file}")));
        let Some(path) = path else { continue };
        let records = flows(&path, &schema);
        let theirs: Vec<_> = records.into_iter().map(|(at, flow)| (at.as_seconds(), flow)).collect();
        assert!(theirs.len() >= 34);
        let theirs = names(&theirs);
        let only: Vec<_> = theirs.difference(&ours).map(String::as_str).collect();
        let of_itself = ["cluster_id", "dst_labels", "src_labels"];
        // The other recording has flows from outside too.
        let of_external = ["cluster_id", "dst_labels", "proxy_snat_addr", "proxy_snat_port", "src_labels"];
        assert!(only == of_itself || only == of_external, "{only:?}");
        assert_eq!(ours.difference(&theirs).collect::<Vec<_>>(), ["correlation"]);
        for spec in fields().filter(|spec| spec.name != "correlation") {
            assert!(theirs.contains(&*spec.name), "{}", spec.name);
        }
    }
}

/// All flows of a larger recording, from outside the cluster too.
#[test]
fn from_external_flows_keep_their_client() {
    let Some(path) = corpus("antrea/antrea-2.7.pcap") else { return };
    let schema = schema();
    let mut correlator = Correlator::with(Settings::default(), Arc::clone(&schema));
    let records = flows(&path, &schema);
    let given = by_key(correlate(&records, &mut correlator));
    let theirs = flows(&corpus("antrea/aggregator-2.7-aggregate-tcp.pcap").unwrap(), &schema);
    let mut seen = 0;
    for (_, theirs) in theirs.iter().filter(|(_, flow)| flow.get(core::FLOW_TYPE) == Some(4)) {
        let ours = &given[&key(theirs)];
        let (_, first) = &ours[0];
        assert_eq!(first.get(core::FLOW_TYPE), Some(4));
        assert_eq!(text(first, "correlation"), "merged");
        assert_eq!(first.get(core::DST_POD), theirs.get(core::DST_POD));
        assert_eq!(first.get(core::PROXY_SNAT_PORT), theirs.get(core::PROXY_SNAT_PORT));
        same_fields("from external", first, theirs);
        seen += 1;
    }
    assert_eq!(seen, 1);
}

/// A borrowed record gives the same as an owned flow.
#[test]
fn a_record_is_as_good_as_a_flow() {
    let schema = schema();
    for (_, flow) in flows(&data("correlation-a.pcap"), &schema) {
        let mut beside = 0;
        Common::beside(&flow, &schema, &mut |id, value| {
            assert_eq!(flow.value(id), Some(value));
            beside += 1;
        });
        assert!(beside > 20);
        // Of another schema, only what all have.
        let other = Schema::common();
        Common::beside(&flow, &other, &mut |id, _| assert!(id.index() < other.fields().len()));
    }
    assert!(schema.resolve(&field::CORRELATION).is_some());
}
