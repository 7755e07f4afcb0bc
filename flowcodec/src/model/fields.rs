//! The schema table. Each row: constant, name (also the accessor of a row), type, unit, place in a [`FlowRecord`], sources best first.
//!
//! Sources are IANA elements unless written `e(PEN, id)` or `v9(type)`. `u` is a value that counts as absent when zero. Fields without
//! sources come from the message or the decoder's state.

use super::row::FlowRecord;
#[cfg(feature = "json")]
use super::row::TakesFields;
use super::schema::{Field, FieldSpec, Source, Take};
use super::types::{
    Address, ColumnType, Double, FieldType, FieldValue, MacAddress, Moment, Octets, String, U8, U16, U32, U32List, U64, Unit,
};

/// Antrea's enterprise number since 0.11.
const ANTREA: u32 = 56506;
/// The number Antrea 0.9 and 0.10 used, with other meanings from 106 on.
const ANTREA_OLD: u32 = 55829;
/// RFC 5103: the reverse direction of IANA elements.
const REVERSE: u32 = 29305;
/// VMware's number, under which Open vSwitch sends its tunnel elements.
const VMWARE: u32 = 6876;

const fn i(id: u16) -> Source {
    Source::iana(id)
}
const fn e(pen: u32, id: u16) -> Source {
    Source::enterprise(pen, id)
}
const fn r(id: u16) -> Source {
    Source::enterprise(REVERSE, id)
}
const fn v9(id: u16) -> Source {
    Source::netflow9(id)
}
const fn a(id: u16) -> Source {
    Source::enterprise(ANTREA, id)
}
const fn nz(source: Source) -> Source {
    source.taking(Take::NonZero)
}
const fn duration(id: u16) -> Source {
    Source::iana(id).taking(Take::Duration)
}
const fn label(id: u16) -> Source {
    Source::iana(id).taking(Take::Label)
}

macro_rules! fields {
    (
        row { $( $konst:ident $name:ident: $ty:ty, $unit:ident, @ $offset:literal, [$($source:expr),*], $doc:literal; )* }
        beside { $( $bkonst:ident $bname:ident: $bty:ty, $bunit:ident, [$($bsource:expr),*], $bdoc:literal; )* }
    ) => {
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "only counts the rows")]
        #[derive(Clone, Copy)]
        #[repr(u16)]
        enum Number { $($konst,)* $($bkonst,)* }

        /// The common fields as typed handles: `record.get(field::SRC_ADDR)`.
        pub mod field {
            use super::*;
            $(#[doc = $doc]
            pub const $konst: Field<$ty> = Field::core(Number::$konst as u16);)*
            $(#[doc = $bdoc]
            pub const $bkonst: Field<$bty> = Field::core(Number::$bkonst as u16);)*
        }

        /// The table.
        pub(crate) static CORE: &[FieldSpec] = &[
            $(FieldSpec::core(stringify!($name), <$ty as FieldType>::COLUMN, Unit::$unit, $doc, &[$($source),*]),)*
            $(FieldSpec::core(stringify!($bname), <$bty as FieldType>::COLUMN, Unit::$bunit, $bdoc, &[$($bsource),*]),)*
        ];

        /// The type of each field, for the compiler to know.
        pub(crate) const COLUMNS: &[ColumnType] = &[$(<$ty as FieldType>::COLUMN,)* $(<$bty as FieldType>::COLUMN,)*];

        /// Place of each field of the row; the position here is the field's number and its presence bit.
        pub(crate) const HOT: &[u16] = &[$($offset),*];

        /// Read accessors, one a field of the row; `None` when the record did not have it.
        impl FlowRecord {
            $(#[doc = $doc]
            #[must_use]
            #[inline]
            pub fn $name(&self) -> Option<<$ty as FieldType>::Out<'static>> {
                let value: FieldValue<'static> = self.load(field::$konst.id(), $offset, <$ty as FieldType>::COLUMN)?;
                <$ty as FieldType>::out(value)
            })*

            /// Hands those of `fields`, some of the presence bits, to `taker`, in the table's order: like [`fields`](Self::fields), but
            /// written out, so that the compiler knows number and type of each. `at` goes through their hands.
            #[cfg(feature = "json")]
            #[inline]
            pub(crate) fn each(&self, fields: u64, taker: &mut impl TakesFields, at: usize) -> usize {
                $(let at = match self.load_of(fields, field::$konst.id(), $offset, <$ty as FieldType>::COLUMN) {
                    Some(value) => taker.take(at, field::$konst.id(), value),
                    None => at,
                };)*
                at
            }
        }
    };
}

fields! {
    row {
        RECEIVED received: Moment, UnixNanos, @32, [], "When the receiver got the message.";
        EXPORTER exporter: Address, None, @16, [], "Transport source address of the message.";
        EXPORTER_PORT exporter_port: U16, None, @46, [], "Transport source port of the message.";
        DOMAIN domain: U32, None, @40, [], "Observation domain (IPFIX), source id (v9), engine type and id (v5).";
        PROTOCOL protocol: U8, None, @119, [], "Protocol the record came in: 1, 5, 7, 8, 9 NetFlow of that version, 10 IPFIX, 105 sFlow, 200 VAN-Flow, 0 unknown.";
        TEMPLATE template: U16, None, @44, [], "Id of the template that describes the record.";
        SAMPLING_RATE sampling_rate: Double, PacketsPerSample, @8, [], "Packets each sampled packet stands for, when known; never multiplied into counters.";
        COUNTERS_SCALED counters_scaled: U8, None, @120, [], "Whether counters were multiplied by the exporter: 0 unknown, 1 no, 2 yes.";
        START start: Moment, UnixNanos, @144, [i(156), i(154), i(152), i(150), i(158), i(22)], "First packet of the flow.";
        END end: Moment, UnixNanos, @152, [i(157), i(155), i(153), i(151), i(159), i(21), duration(161), duration(162)], "Last packet of the flow.";
        SRC_ADDR src_addr: Address, None, @64, [i(8), i(27)], "Source address.";
        DST_ADDR dst_addr: Address, None, @80, [i(12), i(28)], "Destination address.";
        SRC_PORT src_port: U16, None, @176, [i(7), i(182), i(180)], "Source port.";
        DST_PORT dst_port: U16, None, @178, [i(11), i(183), i(181)], "Destination port.";
        IP_PROTOCOL ip_protocol: U8, None, @186, [i(4), i(193)], "IP protocol number.";
        TCP_FLAGS tcp_flags: U16, None, @180, [i(6)], "TCP control bits of all packets, OR-ed (RFC 9565).";
        TOS tos: U8, None, @187, [i(5)], "IPv4 type of service or IPv6 traffic class.";
        TTL ttl: U8, Hops, @191, [i(192), i(52)], "Time to live or hop limit.";
        OCTETS octets: U64, Octets, @128, [i(1), i(231)], "Octets since the last record of this flow, IP headers included.";
        PACKETS packets: U64, Packets, @136, [i(2), i(298)], "Packets since the last record of this flow.";
        IN_IF in_if: U32, None, @160, [i(10), i(252)], "Input interface index.";
        OUT_IF out_if: U32, None, @164, [i(14), i(253)], "Output interface index.";
        DIRECTION direction: U8, None, @190, [i(61)], "Direction at the observation point: 0 ingress, 1 egress.";
        NEXT_HOP next_hop: Address, None, @96, [i(15), i(62)], "Address of the next hop router.";
        SRC_AS src_as: U32, None, @168, [i(16)], "AS of the source address.";
        DST_AS dst_as: U32, None, @172, [i(17)], "AS of the destination address.";
        SRC_PREFIX_LEN src_prefix_len: U8, Bits, @188, [i(9), i(29)], "Prefix length of the source address's route.";
        DST_PREFIX_LEN dst_prefix_len: U8, Bits, @189, [i(13), i(30)], "Prefix length of the destination address's route.";
        VLAN vlan: U16, None, @182, [i(58), i(243)], "VLAN id at ingress.";
        POST_VLAN post_vlan: U16, None, @184, [i(59), i(254)], "VLAN id at egress.";
        SRC_MAC src_mac: MacAddress, None, @48, [i(56)], "Source MAC address at ingress.";
        DST_MAC dst_mac: MacAddress, None, @54, [i(80)], "Destination MAC address at ingress.";
        ETHERTYPE ethertype: U16, None, @112, [i(256)], "Ethernet type.";
        FLOW_LABEL flow_label: U32, None, @60, [i(31)], "IPv6 flow label.";
        ICMP_TYPE icmp_type: U8, None, @116, [i(176), i(178), i(32).taking(Take::HighOctet), i(139).taking(Take::HighOctet), i(11).taking(Take::IcmpHighOctet)], "ICMP type.";
        ICMP_CODE icmp_code: U8, None, @117, [i(177), i(179), i(32).taking(Take::LowOctet), i(139).taking(Take::LowOctet), i(11).taking(Take::IcmpLowOctet)], "ICMP code.";
        FORWARDING_STATUS forwarding_status: U8, None, @115, [i(89)], "Forwarding status (upper 2 bits) and reason (lower 6), RFC 7270.";
        END_REASON end_reason: U8, None, @114, [i(136)], "Why the flow ended: 1 idle, 2 active, 3 end of flow, 4 forced, 5 lack of resources.";
        IP_VERSION ip_version: U8, None, @118, [i(60)], "IP version.";
    }
    beside {
        EXPORTED exported: Moment, UnixNanos, [], "Export time of the message, by the exporter's clock.";
        AGENT agent: Address, None, [i(130), i(131)], "The agent or exporter the record names, where it is not the transport source.";
        ORIGINAL_EXPORTER original_exporter: Address, None, [i(403), i(404)], "The exporter behind a mediator.";
        ORIGINAL_DOMAIN original_domain: U32, None, [i(405)], "Observation domain behind a mediator.";
        OBSERVATION_POINT observation_point: U64, None, [i(138)], "Observation point id.";
        OBSERVED observed: Moment, UnixNanos, [i(325), i(324), i(323), i(322)], "When an event, rather than a flow, was observed.";
        OCTETS_TOTAL octets_total: U64, Octets, [i(85)], "Octets since the flow, or for some exporters the metering, began.";
        PACKETS_TOTAL packets_total: U64, Packets, [i(86)], "Packets since the flow, or for some exporters the metering, began.";
        REVERSE_OCTETS reverse_octets: U64, Octets, [r(1), i(232)], "Octets of the opposite direction since the last record.";
        REVERSE_PACKETS reverse_packets: U64, Packets, [r(2), i(299)], "Packets of the opposite direction since the last record.";
        REVERSE_OCTETS_TOTAL reverse_octets_total: U64, Octets, [r(85)], "Octets of the opposite direction since the flow began.";
        REVERSE_PACKETS_TOTAL reverse_packets_total: U64, Packets, [r(86)], "Packets of the opposite direction since the flow began.";
        REVERSE_TCP_FLAGS reverse_tcp_flags: U16, None, [r(6)], "TCP control bits of the opposite direction.";
        REVERSE_START reverse_start: Moment, UnixNanos, [r(156), r(154), r(152), r(150), r(158), r(22)], "First packet of the opposite direction.";
        REVERSE_END reverse_end: Moment, UnixNanos, [r(157), r(155), r(153), r(151), r(159), r(21)], "Last packet of the opposite direction.";
        POST_OCTETS post_octets: U64, Octets, [i(23)], "Octets after the exporter's own treatment (output counters).";
        POST_PACKETS post_packets: U64, Packets, [i(24)], "Packets after the exporter's own treatment (output counters).";
        LAYER2_OCTETS layer2_octets: U64, Octets, [i(352)], "Octets since the last record, layer 2 headers included.";
        DROPPED_OCTETS dropped_octets: U64, Octets, [i(132)], "Octets dropped since the last record.";
        DROPPED_PACKETS dropped_packets: U64, Packets, [i(133)], "Packets dropped since the last record.";
        SAMPLE_POOL sample_pool: U32, Packets, [], "Packets the sampler could have sampled so far; wraps (sFlow).";
        SAMPLE_DROPS sample_drops: U32, None, [], "Samples the sampler lost so far, for want of resources; wraps (sFlow).";
        FLOWS flows: U64, Flows, [i(3)], "Flows that were aggregated into this record.";
        FRAME_LENGTH frame_length: U32, Octets, [i(312)], "Length of the sampled frame on the wire.";
        POST_TOS post_tos: U8, None, [i(55)], "Type of service after the exporter's own treatment.";
        FRAGMENT_ID fragment_id: U32, None, [i(54)], "IP identification.";
        FRAGMENT_OFFSET fragment_offset: U16, None, [i(88)], "Fragment offset in units of 8 octets.";
        FRAGMENT_FLAGS fragment_flags: U8, None, [i(197)], "IP fragment flags.";
        OUT_IF_COUNT out_if_count: U32, None, [], "Output interfaces of a packet that went out by several; 0 when their number is not known (sFlow).";
        IN_IF_NAME in_if_name: String, None, [i(82)], "Name of the (input) interface.";
        IN_IF_DESCRIPTION in_if_description: String, None, [i(83)], "Description of the (input) interface.";
        CUSTOMER_VLAN customer_vlan: U16, None, [i(245)], "Customer VLAN id (802.1ad).";
        POST_SRC_MAC post_src_mac: MacAddress, None, [i(81)], "Source MAC address at egress.";
        POST_DST_MAC post_dst_mac: MacAddress, None, [i(57)], "Destination MAC address at egress.";
        BGP_NEXT_HOP bgp_next_hop: Address, None, [i(18), i(63)], "Address of the BGP next hop.";
        NEXT_AS next_as: U32, None, [i(128)], "First AS on the path to the destination.";
        PREVIOUS_AS previous_as: U32, None, [i(129)], "Last AS on the path from the source.";
        AS_PATH as_path: U32List, None, [], "AS path to the destination.";
        BGP_COMMUNITIES bgp_communities: U32List, None, [], "BGP communities of the route (sFlow).";
        LOCAL_PREF local_pref: U32, None, [], "BGP local preference of the route (sFlow).";
        MPLS_LABELS mpls_labels: U32List, None, [label(70), label(71), label(72), label(73), label(74), label(75), label(76), label(77), label(78), label(79)], "MPLS labels, top of stack first.";
        MPLS_TOP_TYPE mpls_top_type: U8, None, [i(46)], "What bound the top label.";
        MPLS_TOP_ADDR mpls_top_addr: Address, None, [i(47), i(140)], "Address of the label switched path's end.";
        POST_NAT_SRC_ADDR post_nat_src_addr: Address, None, [i(225), i(281), v9(40001)], "Source address after translation.";
        POST_NAT_DST_ADDR post_nat_dst_addr: Address, None, [i(226), i(282), v9(40002)], "Destination address after translation.";
        POST_NAT_SRC_PORT post_nat_src_port: U16, None, [i(227), v9(40003)], "Source port after translation.";
        POST_NAT_DST_PORT post_nat_dst_port: U16, None, [i(228), v9(40004)], "Destination port after translation.";
        NAT_EVENT nat_event: U8, None, [i(230)], "NAT event (RFC 8158).";
        FIREWALL_EVENT firewall_event: U8, None, [i(233), v9(40005)], "Firewall event: 1 created, 2 deleted, 3 denied, 4 alert, 5 update.";
        INGRESS_VRF ingress_vrf: U32, None, [i(234)], "VRF at ingress.";
        EGRESS_VRF egress_vrf: U32, None, [i(235)], "VRF at egress.";
        VRF_NAME vrf_name: String, None, [i(236)], "Name of the VRF.";
        BIFLOW_DIRECTION biflow_direction: U8, None, [i(239)], "How source and destination were assigned (RFC 5103): 0 arbitrary, 1 initiator, 2 reverse initiator, 3 perimeter.";
        FLOW_ID flow_id: U64, None, [i(148)], "Identifier of the flow within its domain.";
        SRC_USER src_user: String, None, [], "User behind the source (sFlow).";
        DST_USER dst_user: String, None, [], "User behind the destination (sFlow).";
        APPLICATION_ID application_id: Octets, None, [i(95)], "Application id (RFC 6759): classification engine, then selector.";
        APPLICATION_NAME application_name: String, None, [i(96)], "Application name.";
        TUNNEL_TYPE tunnel_type: U8, None, [e(VMWARE, 891)], "Tunnel type of Open vSwitch: 1 VXLAN, 2 GRE, 3 LISP, 4 STT, 5 IPsec GRE, 7 Geneve.";
        TUNNEL_KEY tunnel_key: Octets, None, [e(VMWARE, 892)], "Tunnel key or VNI.";
        TUNNEL_SRC_ADDR tunnel_src_addr: Address, None, [e(VMWARE, 893)], "Source address of the outer header.";
        TUNNEL_DST_ADDR tunnel_dst_addr: Address, None, [e(VMWARE, 894)], "Destination address of the outer header.";
        TUNNEL_PROTOCOL tunnel_protocol: U8, None, [e(VMWARE, 895)], "IP protocol of the outer header.";
        TUNNEL_SRC_PORT tunnel_src_port: U16, None, [e(VMWARE, 896)], "Source port of the outer header.";
        TUNNEL_DST_PORT tunnel_dst_port: U16, None, [e(VMWARE, 897)], "Destination port of the outer header.";
        VIRTUAL_OBSERVATION_ID virtual_observation_id: String, None, [e(VMWARE, 898)], "Virtual observation id of Open vSwitch.";
        DROP_REASON drop_reason: U32, None, [], "Why a packet was dropped (sFlow).";
        SRC_POD src_pod: String, None, [a(101), e(ANTREA_OLD, 101)], "Source pod.";
        SRC_NAMESPACE src_namespace: String, None, [a(100), e(ANTREA_OLD, 100)], "Namespace of the source pod.";
        SRC_NODE src_node: String, None, [a(104), e(ANTREA_OLD, 104)], "Node of the source pod.";
        SRC_LABELS src_labels: String, None, [a(143)], "Labels of the source pod, a JSON object.";
        DST_POD dst_pod: String, None, [a(103), e(ANTREA_OLD, 103)], "Destination pod.";
        DST_NAMESPACE dst_namespace: String, None, [a(102), e(ANTREA_OLD, 102)], "Namespace of the destination pod.";
        DST_NODE dst_node: String, None, [a(105), e(ANTREA_OLD, 105)], "Node of the destination pod.";
        DST_LABELS dst_labels: String, None, [a(144)], "Labels of the destination pod, a JSON object.";
        SERVICE_ADDR service_addr: Address, None, [nz(a(168)), nz(a(169)), nz(a(106)), nz(a(107)), nz(e(ANTREA_OLD, 106))], "Address of the service the client spoke to; zero on the wire means none.";
        SERVICE_PORT service_port: U16, None, [nz(a(108)), nz(e(ANTREA_OLD, 107))], "Port of the service; zero on the wire means none.";
        SERVICE_NAME service_name: String, None, [a(109), e(ANTREA_OLD, 108)], "Service port name: namespace/name:port.";
        INGRESS_POLICY ingress_policy: String, None, [a(110), e(ANTREA_OLD, 109)], "Network policy at ingress.";
        INGRESS_POLICY_NAMESPACE ingress_policy_namespace: String, None, [a(111), e(ANTREA_OLD, 110)], "Namespace of the policy at ingress.";
        INGRESS_POLICY_TYPE ingress_policy_type: U8, None, [a(115)], "Kind of the policy at ingress: 0 none, 1 K8s, 2 Antrea, 3 Antrea cluster, 4 K8s cluster.";
        INGRESS_POLICY_RULE ingress_policy_rule: String, None, [a(141)], "Rule of the policy at ingress.";
        INGRESS_POLICY_ACTION ingress_policy_action: U8, None, [a(139)], "What the rule at ingress did: 0 none, 1 allow, 2 drop, 3 reject.";
        EGRESS_POLICY egress_policy: String, None, [a(112), e(ANTREA_OLD, 111)], "Network policy at egress.";
        EGRESS_POLICY_NAMESPACE egress_policy_namespace: String, None, [a(113), e(ANTREA_OLD, 112)], "Namespace of the policy at egress.";
        EGRESS_POLICY_TYPE egress_policy_type: U8, None, [a(118)], "Kind of the policy at egress, as at ingress.";
        EGRESS_POLICY_RULE egress_policy_rule: String, None, [a(142)], "Rule of the policy at egress.";
        EGRESS_POLICY_ACTION egress_policy_action: U8, None, [a(140)], "What the rule at egress did, as at ingress.";
        TCP_STATE tcp_state: String, None, [a(136)], "TCP state, in conntrack's words.";
        FLOW_TYPE flow_type: U8, None, [a(137)], "1 within a node, 2 between nodes, 3 to external, 4 from external.";
        EGRESS_NAME egress_name: String, None, [a(153)], "Egress object.";
        EGRESS_ADDR egress_addr: Address, None, [a(154)], "Egress address (text on the wire).";
        EGRESS_NODE egress_node: String, None, [a(157)], "Node of the Egress.";
        PROXY_SNAT_ADDR proxy_snat_addr: Address, None, [nz(a(170)), nz(a(171))], "Address kube-proxy's replacement translated the client to; zero on the wire means none.";
        PROXY_SNAT_PORT proxy_snat_port: U16, None, [nz(a(172))], "Port of the same.";
        APP_PROTOCOL app_protocol: String, None, [a(155)], "Application protocol.";
        HTTP_VALS http_vals: String, None, [a(156)], "HTTP values, a JSON object.";
        CLUSTER_ID cluster_id: String, None, [a(158)], "Cluster of the exporter.";
        THROUGHPUT throughput: U64, BitsPerSecond, [a(145)], "Throughput.";
        REVERSE_THROUGHPUT reverse_throughput: U64, BitsPerSecond, [a(146)], "Throughput of the opposite direction.";
    }
}
