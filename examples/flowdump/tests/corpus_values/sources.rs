//! What other decoders found, read from their own forms.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use flowcodec::ie::ElementId;
use serde_json::Value as Json;

use crate::agree::{Field, Names, What};
use crate::common::{Group, Row, reference, text};

/// Expected records of one group from one source.
pub(crate) struct Case {
    pub(crate) source: &'static str,
    pub(crate) records: Vec<Vec<Field>>,
    /// The records are all there are but for others in between, in order; otherwise some, in any order.
    pub(crate) ordered: bool,
    /// Values whose names nobody registered: not compared.
    pub(crate) nameless: usize,
}

impl Case {
    const fn new(source: &'static str, ordered: bool) -> Self {
        Self { source, records: Vec::new(), ordered, nameless: 0 }
    }

    /// Adds a value to the record at hand.
    fn push(&mut self, record: &mut Vec<Field>, label: &str, ids: Rc<[ElementId]>, value: &Json) {
        if ids.is_empty() {
            self.nameless += 1;
        } else {
            record.push(Field::new(label, What::Element(ids), value.clone()));
        }
    }
}

pub(crate) fn cases(corpus: &Path, group: &Group, names: &Names) -> Vec<Case> {
    let mut cases = vec![tshark(corpus, &group.name, names)];
    let mut goldens = group.goldens.clone();
    // Not every note names the golden of telegraf: they begin with the name of the case, as its files do.
    for entry in std::fs::read_dir(corpus.join("telegraf/golden")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let case = format!("telegraf/{}__", name.split_once("__").unwrap().0);
        let golden = format!("telegraf/golden/{name}");
        if group.members[0].file.starts_with(&case) && !goldens.contains(&golden) {
            goldens.push(golden);
        }
    }
    for golden in &goldens {
        // This one is of the data file alone.
        if golden.contains("missing-templates") {
            continue;
        }
        let text = text(&corpus.join(golden));
        cases.push(match golden.split(['/', '-']).next().unwrap() {
            "beats" => beats(&text, names),
            "logstash" => logstash(&text, names),
            "netgauze" => netgauze(&text, names),
            "telegraf" => telegraf(&text, names),
            other => panic!("{golden}: there is no reader for {other}"),
        });
    }
    cases
}

const COLUMNS: [(&str, &[&str]); 9] = [
    ("srcaddr", &["sourceIPv4Address", "sourceIPv6Address", "sourceIPv4Prefix", "sourceIPv6Prefix"]),
    ("dstaddr", &["destinationIPv4Address", "destinationIPv6Address", "destinationIPv4Prefix", "destinationIPv6Prefix"]),
    ("srcport", &["sourceTransportPort", "tcpSourcePort", "udpSourcePort"]),
    ("dstport", &["destinationTransportPort", "tcpDestinationPort", "udpDestinationPort"]),
    ("proto_no", &["protocolIdentifier", "nextHeaderIPv6"]),
    // tshark shows the first of several counters.
    (
        "octets",
        &[
            "octetDeltaCount",
            "octetTotalCount",
            "postOctetDeltaCount",
            "postOctetTotalCount",
            "layer2OctetDeltaCount",
            "initiatorOctets",
            "responderOctets",
            "transportOctetDeltaCount",
            "reverseOctetDeltaCount",
            "reverseOctetTotalCount",
            "exportedOctetTotalCount",
            "ipTotalLength",
        ],
    ),
    (
        "packets",
        &[
            "packetDeltaCount",
            "packetTotalCount",
            "postPacketDeltaCount",
            "postPacketTotalCount",
            "initiatorPackets",
            "responderPackets",
            "transportPacketDeltaCount",
            "reversePacketDeltaCount",
            "reversePacketTotalCount",
            "exportedMessageTotalCount",
        ],
    ),
    (
        "start",
        &[
            "flowStartSysUpTime",
            "flowStartSeconds",
            "flowStartMilliseconds",
            "flowStartMicroseconds",
            "flowStartNanoseconds",
            "flowStartDeltaMicroseconds",
        ],
    ),
    (
        "end",
        &[
            "flowEndSysUpTime",
            "flowEndSeconds",
            "flowEndMilliseconds",
            "flowEndMicroseconds",
            "flowEndNanoseconds",
            "flowEndDeltaMicroseconds",
        ],
    ),
];

fn tshark(corpus: &Path, group: &str, names: &Names) -> Case {
    let columns = COLUMNS.map(|(column, elements)| (column, names.ids(elements)));
    let mut case = Case::new("tshark", true);
    for row in reference(corpus, group) {
        let kind = match &*row["kind"] {
            "data" => "flow",
            "options_data" => "options",
            "sample" => {
                case.records.push(sample(&row));
                continue;
            }
            _ => continue,
        };
        let mut record = vec![Field::new("kind", What::Kind, kind)];
        if matches!(&*row["proto"], "v9" | "v10") {
            record.push(Field::new("domain", What::Domain, &*row["domain_or_agent"]));
            record.push(Field::new("template", What::Template, &*row["set_or_template_id"]));
        }
        for (column, ids) in &columns {
            let value = row.get(*column).map_or("", |value| value.trim());
            if !value.is_empty() {
                let ids = Rc::clone(ids);
                let what = if matches!(*column, "start" | "end") { What::Time(ids) } else { What::Element(ids) };
                record.push(Field::new(column, what, value));
            }
        }
        case.records.push(record);
    }
    case
}

/// The formats of samples, as tshark numbers them.
const SAMPLES: [&str; 5] =
    ["flow_sample", "counters_sample", "flow_sample_expanded", "counters_sample_expanded", "discarded_packet"];

/// Where the values of a sample stand.
const OF_SAMPLES: [(&str, &[&str]); 6] = [
    ("srcaddr", &["sampled_header.sourceIPv4Address", "sampled_header.sourceIPv6Address", "sampled_ipv4.src_ip"]),
    ("dstaddr", &["sampled_header.destinationIPv4Address", "sampled_header.destinationIPv6Address", "sampled_ipv4.dst_ip"]),
    ("srcport", &["sampled_header.sourceTransportPort"]),
    ("dstport", &["sampled_header.destinationTransportPort"]),
    ("proto_no", &["sampled_header.protocolIdentifier"]),
    ("octets", &["sampled_header.frame_length"]),
];

/// A sample of sFlow.
fn sample(row: &Row) -> Vec<Field> {
    let format: usize = row["set_or_template_id"].parse().unwrap();
    let mut record = vec![
        Field::new("sample", What::Shown(&["@sample"]), SAMPLES[format - 1]),
        Field::new("agent", What::Shown(&["@agent"]), &*row["domain_or_agent"]),
    ];
    for (column, paths) in OF_SAMPLES {
        let value = row.get(column).map_or("", |value| value.trim());
        if !value.is_empty() {
            record.push(Field::new(column, What::Shown(paths), value));
        }
    }
    // `rate=1024 Flow sample, seq 588827825`
    let remark = row["remark"].strip_prefix("rate=").unwrap();
    let (rate, rest) = remark.split_once(' ').unwrap();
    if !rate.is_empty() {
        record.push(Field::new("rate", What::Shown(&["sampling_rate"]), rate));
    }
    if let Some((_, sequence)) = rest.split_once(", seq ") {
        record.push(Field::new("seq", What::Shown(&["sequence_number"]), sequence));
    }
    record
}

/// Names of the beats that are spelled otherwise in the registries.
const BEATS: &[(&str, &[&str])] = &[
    ("asa_fw_event", &["firewallEvent", "netflow9/40005"]),
    ("fw_ext_event", &["netflow9/33002"]),
    ("asa_username", &["netflow9/40000"]),
    ("asa_xlate_src_addr_ipv4", &["netflow9/40001"]),
    ("asa_xlate_dst_addr_ipv4", &["netflow9/40002"]),
    ("asa_xlate_src_port", &["netflow9/40003"]),
    ("asa_xlate_dst_port", &["netflow9/40004"]),
    ("ingress_acl_id", &["netflow9/33000"]),
    ("egress_acl_id", &["netflow9/33001"]),
];

fn ids(names: &Names, table: &[(&str, &[&str])], name: &str) -> Rc<[ElementId]> {
    names.ids(table.iter().find(|(known, _)| *known == name).map_or(&[name], |(_, elements)| elements))
}

fn beats(text: &str, names: &Names) -> Case {
    let golden: Json = serde_json::from_str(text).unwrap();
    let mut case = Case::new("beats", true);
    for event in golden["events"].as_array().into_iter().flatten() {
        let netflow = event["Fields"]["netflow"].as_object().unwrap();
        let version = netflow["exporter"]["version"].as_u64().unwrap();
        let options = netflow.get("type").is_some_and(|it| it == "netflow_options");
        let mut record = vec![Field::new("kind", What::Kind, if options { "options" } else { "flow" })];
        if let (9 | 10, Some(domain)) = (version, netflow["exporter"].get("source_id")) {
            record.push(Field::new("domain", What::Domain, domain.clone()));
        }
        let inner = |name: &str| netflow.get(name).and_then(Json::as_object).into_iter().flatten();
        let own = netflow.iter().filter(|(name, _)| !["exporter", "type", "options", "scope"].contains(&&***name));
        for (name, value) in own.chain(inner("options")) {
            case.push(&mut record, name, ids(names, BEATS, name), value);
        }
        for (name, value) in inner("scope") {
            if version == 10 {
                case.push(&mut record, name, ids(names, BEATS, name), value);
            } else {
                // The scopes of v9 are named by none.
                case.nameless += 1;
            }
        }
        case.records.push(record);
    }
    case
}

/// Names of logstash's own, and the elements they stand for.
const LOGSTASH: &[(&str, &[&str])] = &[
    ("in_bytes", &["octetDeltaCount"]),
    ("in_pkts", &["packetDeltaCount"]),
    ("flows", &["deltaFlowCount"]),
    ("protocol", &["protocolIdentifier"]),
    ("src_tos", &["ipClassOfService"]),
    ("tcp_flags", &["tcpControlBits"]),
    ("l4_src_port", &["sourceTransportPort"]),
    ("ipv4_src_addr", &["sourceIPv4Address"]),
    ("ipv6_src_addr", &["sourceIPv6Address"]),
    ("src_mask", &["sourceIPv4PrefixLength", "sourceIPv6PrefixLength"]),
    ("input_snmp", &["ingressInterface"]),
    ("l4_dst_port", &["destinationTransportPort"]),
    ("ipv4_dst_addr", &["destinationIPv4Address"]),
    ("ipv6_dst_addr", &["destinationIPv6Address"]),
    ("dst_mask", &["destinationIPv4PrefixLength", "destinationIPv6PrefixLength"]),
    ("output_snmp", &["egressInterface"]),
    ("ipv4_next_hop", &["ipNextHopIPv4Address"]),
    ("src_as", &["bgpSourceAsNumber"]),
    ("dst_as", &["bgpDestinationAsNumber"]),
    ("bgp_ipv4_next_hop", &["bgpNextHopIPv4Address"]),
    ("out_bytes", &["postOctetDeltaCount"]),
    ("out_pkts", &["postPacketDeltaCount"]),
    ("icmp_type", &["icmpTypeCodeIPv4", "icmpTypeIPv4"]),
    ("icmp_code", &["icmpCodeIPv4"]),
    ("flow_active_timeout", &["flowActiveTimeout"]),
    ("flow_inactive_timeout", &["flowIdleTimeout"]),
    ("total_bytes_exp", &["exportedOctetTotalCount"]),
    ("total_pkts_exp", &["exportedMessageTotalCount"]),
    ("total_flows_exp", &["exportedFlowRecordTotalCount"]),
    ("ipv4_src_prefix", &["sourceIPv4Prefix"]),
    ("flow_sampler_id", &["samplerId"]),
    ("ipv4_ident", &["fragmentIdentification"]),
    ("in_src_mac", &["sourceMacAddress"]),
    ("out_dst_mac", &["postDestinationMacAddress"]),
    ("src_vlan", &["vlanId"]),
    ("dst_vlan", &["postVlanId"]),
    ("ip_protocol_version", &["ipVersion"]),
    ("direction", &["flowDirection"]),
    ("in_dst_mac", &["destinationMacAddress"]),
    ("out_src_mac", &["postSourceMacAddress"]),
    ("if_desc", &["interfaceDescription"]),
    ("if_name", &["interfaceName"]),
    ("in_permanent_bytes", &["octetTotalCount"]),
    ("in_permanent_pkts", &["packetTotalCount"]),
    ("ip_dscp", &["ipDiffServCodePoint"]),
    ("conn_id", &["flowId"]),
    ("flow_start_msec", &["flowStartMilliseconds"]),
    ("flow_end_msec", &["flowEndMilliseconds"]),
    ("fw_event", &["firewallEvent", "netflow9/40005"]),
    ("fw_ext_event", &["netflow9/33002"]),
    ("ingress_acl_id", &["netflow9/33000"]),
    ("egress_acl_id", &["netflow9/33001"]),
    ("username", &["netflow9/40000", "userName"]),
    ("xlate_src_addr_ipv4", &["postNATSourceIPv4Address", "netflow9/40001"]),
    ("xlate_dst_addr_ipv4", &["postNATDestinationIPv4Address", "netflow9/40002"]),
    ("xlate_src_port", &["postNAPTSourceTransportPort", "netflow9/40003"]),
    ("xlate_dst_port", &["postNAPTDestinationTransportPort", "netflow9/40004"]),
    ("event_time_msec", &["observationTimeMilliseconds"]),
    ("fwd_flow_delta_bytes", &["initiatorOctets"]),
    ("rev_flow_delta_bytes", &["responderOctets"]),
    ("app_id", &["netflow9/56701"]),
    ("user_id", &["netflow9/56702"]),
];

/// Of the header or of logstash's own making.
const LOGSTASH_SKIP: [&str; 11] = [
    "version",
    "flow_seq_num",
    "flowset_id",
    "flow_records",
    "first_switched",
    "last_switched",
    "scope_system",
    "engine_id",
    "engine_type",
    "mpls_label_stack_octets",
    "uptime",
];
const V5_HEADER: [&str; 6] = ["engine_id", "engine_type", "sampling_interval", "sampling_algorithm", "sys_uptime", "seq_number"];

fn logstash(text: &str, names: &Names) -> Case {
    let golden: Json = serde_json::from_str(text).unwrap();
    let mut case = Case::new("logstash", false);
    for event in golden["events"].as_array().into_iter().flatten() {
        let Some(netflow) = event["netflow"].as_object() else { continue };
        let v5 = netflow.get("version").is_some_and(|version| version == 5);
        let mut record = Vec::new();
        for (name, value) in netflow {
            if LOGSTASH_SKIP.contains(&&**name) || (v5 && V5_HEADER.contains(&&**name)) {
                continue;
            }
            if name == "application_id" && value.as_str().is_some_and(|value| value.contains("..")) {
                // Written as engine and selector: RFC 6759 is no part of the decoder.
                case.nameless += 1;
                continue;
            }
            case.push(&mut record, name, ids(names, LOGSTASH, name), value);
        }
        case.records.push(record);
    }
    case
}

fn netgauze(text: &str, names: &Names) -> Case {
    let mut case = Case::new("netgauze", true);
    for line in text.lines() {
        let packet: Json = serde_json::from_str(line).unwrap();
        for message in packet.as_object().unwrap().values() {
            let domain = message.get("observation_domain_id").unwrap_or_else(|| &message["source_id"]);
            for set in message["sets"].as_array().unwrap().iter().filter_map(|set| set.get("Data")) {
                for found in set["records"].as_array().unwrap() {
                    let scopes = found["scope_fields"].as_array().unwrap();
                    let options = if scopes.is_empty() { "flow" } else { "options" };
                    let mut record = vec![
                        Field::new("kind", What::Kind, options),
                        Field::new("template", What::Template, set["id"].clone()),
                        Field::new("domain", What::Domain, domain.clone()),
                    ];
                    let fields = scopes.iter().chain(found["fields"].as_array().unwrap());
                    let fields: Vec<(&String, &Json)> = fields.flat_map(|field| field.as_object().unwrap()).collect();
                    let mut seen: HashMap<&str, usize> = HashMap::new();
                    for (name, value) in &fields {
                        let at = seen.entry(name).or_default();
                        let of = fields.iter().filter(|(other, _)| other == name).count();
                        // {"Cisco": {"Unknown": {"pen": 9, "id": 4252, "value": [0]}}}
                        if let Some(unknown) = value.get("Unknown").filter(|unknown| unknown.get("id").is_some()) {
                            let pen = match &***name {
                                "Huawei" => 2011,
                                "Cisco" => 9,
                                other => panic!("the enterprise number of {other}"),
                            };
                            let ids = names.ids(&[&format!("{pen}/{}", unknown["id"])]);
                            case.push(&mut record, name, ids, &unknown["value"]);
                        } else {
                            let ids = names.ids(&[name]);
                            assert!(!ids.is_empty(), "{name}");
                            record.push(Field::new(name, What::Repeated { ids, at: *at, of }, (*value).clone()));
                        }
                        *at += 1;
                    }
                    case.records.push(record);
                }
            }
        }
    }
    case
}

/// Names of telegraf's own, and the elements they stand for.
const TELEGRAF: &[(&str, &[&str])] = &[
    ("src", &["sourceIPv4Address", "sourceIPv6Address"]),
    ("dst", &["destinationIPv4Address", "destinationIPv6Address"]),
    ("src_port", &["sourceTransportPort"]),
    ("dst_port", &["destinationTransportPort"]),
    ("protocol", &["protocolIdentifier"]),
    ("in_bytes", &["octetDeltaCount"]),
    ("in_packets", &["packetDeltaCount"]),
    ("in_total_bytes", &["octetTotalCount"]),
    ("in_total_packets", &["packetTotalCount"]),
    ("first_switched", &["flowStartSysUpTime"]),
    ("last_switched", &["flowEndSysUpTime"]),
    ("flow_start_ms", &["flowStartMilliseconds"]),
    ("flow_end_ms", &["flowEndMilliseconds"]),
    ("tcp_flags", &["tcpControlBits"]),
    ("src_tos", &["ipClassOfService"]),
    ("bgp_src_as", &["bgpSourceAsNumber"]),
    ("bgp_dst_as", &["bgpDestinationAsNumber"]),
    ("src_mask", &["sourceIPv4PrefixLength", "sourceIPv6PrefixLength"]),
    ("dst_mask", &["destinationIPv4PrefixLength", "destinationIPv6PrefixLength"]),
    ("in_snmp", &["ingressInterface"]),
    ("out_snmp", &["egressInterface"]),
    ("next_hop", &["ipNextHopIPv4Address", "ipNextHopIPv6Address"]),
    ("in_src_mac", &["sourceMacAddress"]),
    ("out_dst_mac", &["postDestinationMacAddress"]),
    ("flow_end_reason", &["flowEndReason"]),
    ("ip_version", &["ipVersion"]),
    ("direction", &["flowDirection"]),
    ("vlan_src", &["vlanId"]),
    ("interface", &["interfaceName", "ingressInterface"]),
    ("interface_desc", &["interfaceDescription"]),
    ("exporter", &["exporterIPv4Address"]),
    ("exporting_pid", &["exportingProcessId"]),
    ("observation_domain_id", &["observationDomainId"]),
    ("total_flows_exported", &["exportedFlowRecordTotalCount"]),
    ("system_init_ms", &["systemInitTimeMilliseconds"]),
    ("notsent_packet_total", &["notSentPacketTotalCount"]),
    ("ignored_packet_total", &["ignoredPacketTotalCount"]),
    ("dropped_packets_total", &["droppedPacketTotalCount"]),
];

/// Of the message, of telegraf's own making, or written in its own way (it splits element 32 into type and code).
const TELEGRAF_SKIP: [&str; 11] = [
    "sys_uptime",
    "seq_number",
    "engine_id",
    "engine_type",
    "fwd_reason",
    "fwd_status",
    "icmp_type",
    "icmp_code",
    "status",
    "event_time",
    "padding",
];

/// Names of telegraf's own for what samples of sFlow hold.
const TELEGRAF_SFLOW: &[(&str, &[&str])] = &[
    ("agent_ip", &["@agent"]),
    ("agent_subid", &["@domain"]),
    ("interface", &["if_counters.ifIndex"]),
    ("interface_type", &["if_counters.ifType"]),
    ("speed", &["if_counters.ifSpeed"]),
    ("in_bytes", &["if_counters.ifInOctets"]),
    ("in_unicast_packets_total", &["if_counters.ifInUcastPkts"]),
    ("in_mcast_packets_total", &["if_counters.ifInMulticastPkts"]),
    ("in_broadcast_packets_total", &["if_counters.ifInBroadcastPkts"]),
    ("in_dropped_packets", &["if_counters.ifInDiscards"]),
    ("in_errors", &["if_counters.ifInErrors"]),
    ("in_unknown_protocol", &["if_counters.ifInUnknownProtos"]),
    ("out_bytes", &["if_counters.ifOutOctets"]),
    ("out_unicast_packets_total", &["if_counters.ifOutUcastPkts"]),
    ("out_mcast_packets_total", &["if_counters.ifOutMulticastPkts"]),
    ("out_broadcast_packets_total", &["if_counters.ifOutBroadcastPkts"]),
    ("out_dropped_packets", &["if_counters.ifOutDiscards"]),
    ("out_errors", &["if_counters.ifOutErrors"]),
    ("promiscuous", &["if_counters.ifPromiscuousMode"]),
    ("errors_alignment", &["ethernet_counters.dot3StatsAlignmentErrors"]),
    ("errors_fcs", &["ethernet_counters.dot3StatsFCSErrors"]),
    ("collision_frames_single", &["ethernet_counters.dot3StatsSingleCollisionFrames"]),
    ("collision_frames_multi", &["ethernet_counters.dot3StatsMultipleCollisionFrames"]),
    ("errors_sqetest", &["ethernet_counters.dot3StatsSQETestErrors"]),
    ("deferred", &["ethernet_counters.dot3StatsDeferredTransmissions"]),
    ("collisions_late", &["ethernet_counters.dot3StatsLateCollisions"]),
    ("collisions_excessive", &["ethernet_counters.dot3StatsExcessiveCollisions"]),
    ("errors_internal_mac_tx", &["ethernet_counters.dot3StatsInternalMacTransmitErrors"]),
    ("errors_carrier_sense", &["ethernet_counters.dot3StatsCarrierSenseErrors"]),
    ("errors_frame_too_long", &["ethernet_counters.dot3StatsFrameTooLongs"]),
    ("errors_internal_mac_rx", &["ethernet_counters.dot3StatsInternalMacReceiveErrors"]),
    ("errors_symbols", &["ethernet_counters.dot3StatsSymbolErrors"]),
    // The structure `port_name` has one field, the name.
    ("port_name", &["port_name.name"]),
    ("in_snmp", &["input", "if_counters.ifIndex"]),
    ("out_snmp", &["output"]),
    ("in_total_packets", &["sample_pool"]),
    ("sampling_interval", &["sampling_rate"]),
    ("sampling_drops", &["drops"]),
    ("reason", &["reason"]),
    ("out_queue", &["extended_egress_queue.queue"]),
    ("l2_bytes", &["sampled_header.frame_length"]),
    ("src", &["sampled_header.sourceIPv4Address", "sampled_header.sourceIPv6Address"]),
    ("dst", &["sampled_header.destinationIPv4Address", "sampled_header.destinationIPv6Address"]),
    ("src_port", &["sampled_header.sourceTransportPort"]),
    ("dst_port", &["sampled_header.destinationTransportPort"]),
    ("protocol", &["sampled_header.protocolIdentifier"]),
    ("in_src_mac", &["sampled_header.sourceMacAddress"]),
    ("out_dst_mac", &["sampled_header.destinationMacAddress"]),
    ("src_tos", &["sampled_header.ipClassOfService"]),
    ("ttl", &["sampled_header.ipTTL"]),
    ("ipv4_total_len", &["sampled_header.ipTotalLength"]),
    ("ipv4_id", &["sampled_header.fragmentIdentification"]),
    ("fragment_offset", &["sampled_header.fragmentOffset"]),
    ("vlan_src", &["extended_switch.src_vlan"]),
    ("vlan_dst", &["extended_switch.dst_vlan"]),
    ("vlan_src_priority", &["extended_switch.src_priority"]),
    ("vlan_dst_priority", &["extended_switch.dst_priority"]),
];

/// Of the datagram, words for numbers, or of telegraf's own making; `ip_total_len` is what follows the IP header.
const TELEGRAF_SFLOW_SKIP: [&str; 12] = [
    "sys_uptime",
    "seq_number",
    "status",
    "type",
    "direction",
    "ip_version",
    "datalink_frame_type",
    "l2_protocol",
    "fragment_flags",
    "ip_total_len",
    "ipv4_inet_header_len",
    "ipv6_total_len",
];

fn telegraf_sflow(line: &str, case: &mut Case) -> Vec<Field> {
    let mut record = Vec::new();
    for (name, value) in line_protocol(line) {
        // Where it calls a sample of egress so, it gives the interface of the source as the input.
        let interface = matches!(name, "in_snmp" | "out_snmp") && line.contains("direction=\"egress\"");
        if TELEGRAF_SFLOW_SKIP.contains(&name) || interface {
            continue;
        }
        match TELEGRAF_SFLOW.iter().find(|(known, _)| *known == name) {
            Some((_, paths)) => record.push(Field::new(name, What::Shown(paths), value)),
            None => case.nameless += 1,
        }
    }
    record
}

fn telegraf(text: &str, names: &Names) -> Case {
    let mut case = Case::new("telegraf", false);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (tags, rest) = line.split_once(' ').unwrap();
        if tags.contains("version=sFlowV5") {
            let record = telegraf_sflow(rest, &mut case);
            case.records.push(record);
            continue;
        }
        let options = tags.starts_with("netflow_options");
        let v5 = tags.contains("version=NetFlowV5");
        let mut record = vec![Field::new("kind", What::Kind, if options { "options" } else { "flow" })];
        for (name, value) in line_protocol(rest) {
            if TELEGRAF_SKIP.contains(&name)
                || (v5 && (V5_HEADER.contains(&name) || name == "flows"))
                // It takes scope type 1 for element 1.
                || (options && name == "in_bytes")
            {
                continue;
            }
            // `type_29305_rev_40`
            let ids = match name.strip_prefix("type_").and_then(|id| id.split_once('_')) {
                Some((pen, id)) => {
                    let number: u16 = id.trim_start_matches("rev_").parse().unwrap();
                    // It leaves the enterprise bit in the numbers of scope fields.
                    let number = if id.starts_with("rev_") { number | 0x4000 } else { number & 0x7fff };
                    names.ids(&[&format!("{pen}/{number}")])
                }
                None if TELEGRAF.iter().any(|(known, _)| *known == name) => ids(names, TELEGRAF, name),
                None => names.ids(&[]),
            };
            case.push(&mut record, name, ids, &value);
        }
        case.records.push(record);
    }
    case
}

/// The fields of a line: `name="text",other=12u`, then a space and the time.
fn line_protocol(mut rest: &str) -> Vec<(&str, Json)> {
    let mut fields = Vec::new();
    while let Some((name, value)) = rest.split_once('=') {
        let length = match value.strip_prefix('"') {
            Some(text) => {
                let mut escaped = false;
                let end = text.find(|letter| {
                    let ends = letter == '"' && !escaped;
                    escaped = letter == '\\' && !escaped;
                    ends
                });
                end.unwrap() + 2
            }
            None => value.find([',', ' ']).unwrap_or(value.len()),
        };
        let (value, after) = value.split_at(length);
        let value = match value.strip_prefix('"') {
            Some(text) => Json::from(text[..text.len() - 1].replace("\\\"", "\"").replace("\\\\", "\\")),
            None => Json::from(value.trim_end_matches(['u', 'i']).parse::<i64>().unwrap()),
        };
        fields.push((name, value));
        rest = after.strip_prefix(',').unwrap_or_default();
    }
    fields
}
