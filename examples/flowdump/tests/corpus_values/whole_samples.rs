//! Samples of sFlow as tshark decodes them to the end: heads, records, counters, and the headers of sampled packets.

use std::path::Path;

use serde_json::Value as Json;

use crate::agree::{shown, shown_agrees};
use crate::common::text;

/// A place in tshark's tree, and the path of the same value in ours.
type Places = &'static [(&'static str, &'static str)];

const HEADS: Places = &[
    ("sflow.flow_sample.sequence_number", "sequence_number"),
    ("sflow.flow_sample.source_id_class", "source_id_type"),
    ("sflow.flow_sample.index", "source_id_index"),
    ("sflow.flow_sample.source_id_type", "source_id_type"),
    ("sflow.flow_sample.source_id_index", "source_id_index"),
    ("sflow.flow_sample.sampling_rate", "sampling_rate"),
    ("sflow.flow_sample.sample_pool", "sample_pool"),
    ("sflow.flow_sample.dropped_packets", "drops"),
    ("sflow.flow_sample.input_interface", "input"),
    ("sflow.flow_sample.output_interface_tree.sflow.flow_sample.output_interface_value", "output"),
    ("sflow.flow_sample.input_interface_value", "input"),
    ("sflow.flow_sample.output_interface_value", "output"),
    ("sflow.counters_sample.sequence_number", "sequence_number"),
    ("sflow.counters_sample.source_id_type", "source_id_type"),
    ("sflow.counters_sample.source_id_index", "source_id_index"),
];

/// tshark's title of a structure, our name of it, and its values.
const STRUCTURES: &[(&str, &str, Places)] = &[
    ("Raw packet header", "sampled_header", HEADER),
    (
        "Ethernet frame data",
        "sampled_ethernet",
        &[
            ("sflow_245.ethernet.length", "length"),
            ("sflow_245.ethernet.source_mac_address", "src_mac"),
            ("sflow_245.ethernet.destination_mac_address", "dst_mac"),
            ("sflow_245.ethernet.packet_type", "type"),
        ],
    ),
    (
        "IPv4 data",
        "sampled_ipv4",
        &[
            ("sflow_245.ip.length", "length"),
            ("sflow.ip_protocol", "protocol"),
            ("sflow_245.ipv4_src", "src_ip"),
            ("sflow_245.ipv4_dst", "dst_ip"),
            ("sflow_245.ip.source_port", "src_port"),
            ("sflow.ip.destination_port", "dst_port"),
        ],
    ),
    (
        "Extended switch data",
        "extended_switch",
        &[
            ("sflow_245.vlan.in", "src_vlan"),
            ("sflow_245.pri.in", "src_priority"),
            ("sflow_245.vlan.out", "dst_vlan"),
            ("sflow_245.pri.out", "dst_priority"),
        ],
    ),
    (
        "Extended router data",
        "extended_router",
        &[
            ("sflow_245.nexthop", "nexthop"),
            ("sflow_245.nexthop.v6", "nexthop"),
            ("sflow_245.nexthop.src_mask", "src_mask_len"),
            ("sflow_245.nexthop.dst_mask", "dst_mask_len"),
        ],
    ),
    (
        "Extended gateway data",
        "extended_gateway",
        &[
            ("sflow_245.nexthop", "nexthop"),
            ("sflow_245.as", "as"),
            ("sflow_245.srcAS", "src_as"),
            ("sflow_245.peerAS", "src_peer_as"),
            ("sflow_245.localpref", "localpref"),
        ],
    ),
    (
        "Extended user data",
        "extended_user",
        &[
            ("sflow_5.extended_user.source_character_set", "src_charset"),
            ("sflow_5.extended_user.source_user", "src_user"),
            ("sflow_5.extended_user.destination_character_set", "dst_charset"),
            ("sflow_5.extended_user.destination_user", "dst_user"),
        ],
    ),
    (
        "Extended URL data",
        "extended_url",
        &[
            ("sflow_5.extended_url.direction", "direction"),
            ("sflow_5.extended_url.url", "url"),
            ("sflow_5.extended_url.host", "host"),
        ],
    ),
    (
        "Generic interface counters",
        "if_counters",
        &[
            ("sflow_245.ifindex", "ifIndex"),
            ("sflow_245.iftype", "ifType"),
            ("sflow_245.ifspeed", "ifSpeed"),
            ("sflow_245.ifdirection", "ifDirection"),
            ("sflow_245.ifinoct", "ifInOctets"),
            ("sflow_245.ifinpkt", "ifInUcastPkts"),
            ("sflow_245.ifinmcast", "ifInMulticastPkts"),
            ("sflow_245.ifinbcast", "ifInBroadcastPkts"),
            ("sflow_245.ifindisc", "ifInDiscards"),
            ("sflow_245.ifinerr", "ifInErrors"),
            ("sflow_245.ifinunk", "ifInUnknownProtos"),
            ("sflow_245.ifoutoct", "ifOutOctets"),
            ("sflow_245.ifoutpkt", "ifOutUcastPkts"),
            ("sflow_245.ifoutmcast", "ifOutMulticastPkts"),
            ("sflow_245.ifoutbcast", "ifOutBroadcastPkts"),
            ("sflow_245.ifoutdisc", "ifOutDiscards"),
            ("sflow_245.ifouterr", "ifOutErrors"),
            ("sflow_245.ifpromisc", "ifPromiscuousMode"),
        ],
    ),
    (
        "Ethernet interface counters",
        "ethernet_counters",
        &[
            ("sflow_245.dot3StatsAlignmentErrors", "dot3StatsAlignmentErrors"),
            ("sflow_245.dot3StatsFCSErrors", "dot3StatsFCSErrors"),
            ("sflow_245.dot3StatsSingleCollisionFrames", "dot3StatsSingleCollisionFrames"),
            ("sflow_245.dot3StatsMultipleCollisionFrames", "dot3StatsMultipleCollisionFrames"),
            ("sflow_245.dot3StatsSQETestErrors", "dot3StatsSQETestErrors"),
            ("sflow_245.dot3StatsDeferredTransmissions", "dot3StatsDeferredTransmissions"),
            ("sflow_245.dot3StatsLateCollisions", "dot3StatsLateCollisions"),
            ("sflow_245.dot3StatsExcessiveCollisions", "dot3StatsExcessiveCollisions"),
            ("sflow_245.dot3StatsInternalMacTransmitErrors", "dot3StatsInternalMacTransmitErrors"),
            ("sflow_245.dot3StatsCarrierSenseErrors", "dot3StatsCarrierSenseErrors"),
            ("sflow_245.dot3StatsFrameTooLongs", "dot3StatsFrameTooLongs"),
            ("sflow_245.dot3StatsInternalMacReceiveErrors", "dot3StatsInternalMacReceiveErrors"),
            ("sflow_245.dot3StatsSymbolErrors", "dot3StatsSymbolErrors"),
        ],
    ),
    (
        "100 Base VG interface counters",
        "vg_counters",
        &[
            ("sflow_245.dot12InHighPriorityFrames", "dot12InHighPriorityFrames"),
            ("sflow_245.dot12InHighPriorityOctets", "dot12InHighPriorityOctets"),
            ("sflow_245.dot12InNormPriorityFrames", "dot12InNormPriorityFrames"),
            ("sflow_245.dot12InNormPriorityOctets", "dot12InNormPriorityOctets"),
            ("sflow_245.dot12InIPMErrors", "dot12InIPMErrors"),
            ("sflow_245.dot12InOversizeFrameErrors", "dot12InOversizeFrameErrors"),
            ("sflow_245.dot12InDataErrors", "dot12InDataErrors"),
            ("sflow_245.dot12InNullAddressedFrames", "dot12InNullAddressedFrames"),
            ("sflow_245.dot12OutHighPriorityFrames", "dot12OutHighPriorityFrames"),
            ("sflow_245.dot12OutHighPriorityOctets", "dot12OutHighPriorityOctets"),
            ("sflow_245.dot12TransitionIntoTrainings", "dot12TransitionIntoTrainings"),
            ("sflow_245.dot12HCInHighPriorityOctets", "dot12HCInHighPriorityOctets"),
            ("sflow_245.dot12HCInNormPriorityOctets", "dot12HCInNormPriorityOctets"),
            ("sflow_245.dot12HCOutHighPriorityOctets", "dot12HCOutHighPriorityOctets"),
        ],
    ),
    (
        "VLAN counters",
        "vlan_counters",
        &[
            ("sflow_245.vlan_id", "vlan_id"),
            ("sflow_245.octets", "octets"),
            ("sflow_245.ucastPkts", "ucastPkts"),
            ("sflow_245.multicastPkts", "multicastPkts"),
            ("sflow_245.broadcastPkts", "broadcastPkts"),
            ("sflow_245.discards", "discards"),
        ],
    ),
    (
        "LAG counters",
        "lag_port_stats",
        &[
            ("sflow.lag_port.actor_system_id", "dot3adAggPortActorSystemID"),
            ("sflow.lag_port.partner_oper_system_id", "dot3adAggPortPartnerOperSystemID"),
            ("sflow.lag_port.attached_agg_id", "dot3adAggPortAttachedAggID"),
            ("sflow.lag_port.lacpdus.rx", "dot3adAggPortStatsLACPDUsRx"),
            ("sflow.lag_port.marker_pdus.rx", "dot3adAggPortStatsMarkerPDUsRx"),
            ("sflow.lag_port.marker_response_pdus.rx", "dot3adAggPortStatsMarkerResponsePDUsRx"),
            ("sflow.lag_port.unknown.rx", "dot3adAggPortStatsUnknownRx"),
            ("sflow.lag_port.illegal.rx", "dot3adAggPortStatsIllegalRx"),
            ("sflow.lag_port.lacpdus.tx", "dot3adAggPortStatsLACPDUsTx"),
            ("sflow.lag_port.marker_pdus.tx", "dot3adAggPortStatsMarkerPDUsTx"),
            ("sflow.lag_port.marker_response_pdus.tx", "dot3adAggPortStatsMarkerResponsePDUsTx"),
        ],
    ),
    (
        "Processor information",
        "processor",
        &[
            ("sflow_5.cpu_5s", "5s_cpu"),
            ("sflow_5.cpu_1m", "1m_cpu"),
            ("sflow_5.cpu_5m", "5m_cpu"),
            ("sflow_5.total_memory", "total_memory"),
            ("sflow_5.free_memory", "free_memory"),
        ],
    ),
];

/// Octets of a packet, and what they say.
const HEADER: Places = &[
    ("sflow_245.header_protocol", "protocol"),
    ("sflow_245.header.frame_length", "frame_length"),
    ("sflow_245.header.payload_stripped", "stripped"),
    ("sflow_245.header", "header"),
    ("eth.eth.src", "sourceMacAddress"),
    ("eth.eth.dst", "destinationMacAddress"),
    ("vlan.vlan.id", "vlanId"),
    ("ip.ip.src", "sourceIPv4Address"),
    ("ip.ip.dst", "destinationIPv4Address"),
    ("ip.ip.ttl", "ipTTL"),
    ("ip.ip.proto", "protocolIdentifier"),
    ("ip.ip.len", "ipTotalLength"),
    ("ip.ip.id", "fragmentIdentification"),
    ("ip.ip.dsfield", "ipClassOfService"),
    ("ip.ip.frag_offset", "fragmentOffset"),
    ("ipv6.ipv6.src", "sourceIPv6Address"),
    ("ipv6.ipv6.dst", "destinationIPv6Address"),
    ("ipv6.ipv6.hlim", "ipTTL"),
    ("ipv6.ipv6.flow", "flowLabelIPv6"),
    ("ipv6.ipv6.tclass", "ipClassOfService"),
    ("tcp.tcp.srcport", "sourceTransportPort"),
    ("tcp.tcp.dstport", "destinationTransportPort"),
    ("tcp.tcp.flags", "tcpControlBits"),
    ("udp.udp.srcport", "sourceTransportPort"),
    ("udp.udp.dstport", "destinationTransportPort"),
    ("icmp.icmp.type", "icmpTypeIPv4"),
    ("icmp.icmp.code", "icmpCodeIPv4"),
    ("icmpv6.icmpv6.type", "icmpTypeIPv6"),
    ("icmpv6.icmpv6.code", "icmpCodeIPv6"),
];

/// One sample of tshark's: its title, and its tree.
pub(crate) struct Sample {
    pub(crate) title: String,
    tree: Json,
    /// It is one of [`CUT`].
    cut: bool,
}

/// Samples of 52 octets with a record that would end behind them, of the sources of a test: tshark reads on.
const CUT: [&str; 2] = ["src-gopacket_sflow__gopacket_sflow.05", "src-gopacket_sflow__gopacket_sflow.08"];

/// All samples of a group, in the order of the datagrams.
pub(crate) fn samples(corpus: &Path, group: &str) -> Vec<Sample> {
    let path = corpus.join(format!("reference/{group}.tshark.json.gz"));
    let frames: Json = serde_json::from_str(&text(&path)).unwrap();
    let mut samples = Vec::new();
    for frame in frames.as_array().unwrap() {
        let members = frame["sflow"].as_object().into_iter().flatten();
        for (title, tree) in members.filter(|(title, _)| title.contains("sample, seq ") || *title == "Unknown sample format") {
            samples.extend(several(tree).map(|tree| Sample {
                title: title.clone(),
                tree: tree.clone(),
                cut: CUT.contains(&group),
            }));
        }
    }
    samples
}

/// Members of one name stand in an array.
fn several(tree: &Json) -> impl Iterator<Item = &Json> {
    match tree {
        Json::Array(trees) => trees.iter(),
        tree => std::slice::from_ref(tree).iter(),
    }
}

/// The value at a path of tshark's, whose names have dots in them.
fn at<'a>(tree: &'a Json, path: &str) -> Option<&'a Json> {
    if let Some(found) = tree.get(path) {
        return Some(found);
    }
    path.match_indices('.').find_map(|(dot, _)| {
        // Of several headers of a protocol, the first.
        let inside = several(tree.get(&path[..dot])?).next()?;
        at(inside, &path[dot + 1..])
    })
}

/// Hex without separators.
fn plain(octets: &Json) -> String {
    octets.as_str().unwrap().replace(':', "")
}

impl Sample {
    /// Whether tshark is of no use behind the head: it does not skip a record of counters that it does not know, and reads on in it.
    fn head_alone(&self) -> bool {
        let title = |title: &str| self.tree.get(title).is_some();
        self.cut || (title("Unknown sample format") && title("sflow.counters_sample.counters_records"))
    }

    /// How many values agree with those of our `record`; or how many did until the first that does not.
    pub(crate) fn agree(&self, record: &Json) -> Result<usize, (usize, String)> {
        let mut count = 0;
        self.compare(record, &mut count).map(|()| count).map_err(|differs| (count, differs))
    }

    fn compare(&self, record: &Json, count: &mut usize) -> Result<(), String> {
        let mut compare = |tree: &Json, place: &str, ours: &Json, path: &str| {
            let Some(theirs) = at(tree, place) else { return Ok(()) };
            let mine = shown(ours, path).ok_or_else(|| format!("{path} is not there, but {place} {theirs}"))?;
            // An interface that is none is an object.
            let mine = mine.get("value").unwrap_or(mine);
            // Of several tags, the outer one.
            let theirs = several(theirs).next().unwrap_or(theirs);
            // It shows the padding of the octets too.
            let octets = mine.as_str().filter(|_| path == "header");
            let padded = |octets: &str| plain(theirs).strip_prefix(octets).is_some_and(|rest| rest.len() < 8);
            if !octets.map_or_else(|| shown_agrees(theirs, mine, path), padded) {
                return Err(format!("{path} {mine}, but {place} {theirs}"));
            }
            *count += 1;
            Ok(())
        };
        for (place, path) in HEADS {
            compare(&self.tree, place, record, path)?;
        }
        if self.head_alone() {
            return Ok(());
        }
        let elements = &record["elements"];
        for (title, name, places) in STRUCTURES {
            let theirs: Vec<_> = self.tree.get(title).into_iter().flat_map(several).collect();
            let mine: Vec<_> = elements.get(name).into_iter().flat_map(several).collect();
            if theirs.len() != mine.len() {
                return Err(format!("{} of {name}, but {} of {title}", mine.len(), theirs.len()));
            }
            for (theirs, mine) in theirs.into_iter().zip(mine) {
                let mine = serde_json::json!({ "elements": mine });
                for (place, path) in *places {
                    compare(theirs, place, &mine, path)?;
                    if let Some(headers) = theirs.get("sflow_245.header_tree") {
                        compare(headers, place, &mine, path)?;
                    }
                }
            }
        }
        if let Some(gateways) = self.tree.get("Extended gateway data") {
            for (theirs, mine) in several(gateways).zip(several(&elements["extended_gateway"])) {
                for (place, name) in [("sflow.as_type_tree", "dst_as_path"), ("sflow_245.communityEntries_tree", "communities")] {
                    let (theirs, mine) = (numbers(&theirs[place]), numbers(&mine[name]));
                    if theirs != mine {
                        return Err(format!("{name} {mine:?}, but {place} {theirs:?}"));
                    }
                    *count += mine.len();
                }
            }
        }
        Ok(())
    }
}

/// The numbers of an AS path without its segments, or of communities.
fn numbers(tree: &Json) -> Vec<u64> {
    match tree {
        Json::Array(items) => items.iter().flat_map(numbers).collect(),
        Json::Object(members) => {
            ["sflow_245.dstAS", "as"].iter().filter_map(|name| members.get(*name)).flat_map(numbers).collect()
        }
        other => other.as_u64().or_else(|| other.as_str()?.parse().ok()).into_iter().collect(),
    }
}
