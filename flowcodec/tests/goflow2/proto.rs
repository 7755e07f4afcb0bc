//! The messages as prost has them of goflow2's schemas: written from those, not from the table under test.

/// `FlowMessage` of goflow2 1.3.7.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct V1 {
    #[prost(uint32, tag = "1")]
    pub(super) r#type: u32,
    #[prost(uint64, tag = "2")]
    pub(super) time_received: u64,
    #[prost(uint64, tag = "3")]
    pub(super) sampling_rate: u64,
    #[prost(uint32, tag = "4")]
    pub(super) sequence_num: u32,
    #[prost(uint64, tag = "5")]
    pub(super) time_flow_end: u64,
    #[prost(bytes = "vec", tag = "6")]
    pub(super) src_addr: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    pub(super) dst_addr: Vec<u8>,
    #[prost(uint64, tag = "9")]
    pub(super) bytes: u64,
    #[prost(uint64, tag = "10")]
    pub(super) packets: u64,
    #[prost(bytes = "vec", tag = "11")]
    pub(super) sampler_address: Vec<u8>,
    #[prost(bytes = "vec", tag = "12")]
    pub(super) next_hop: Vec<u8>,
    #[prost(uint32, tag = "13")]
    pub(super) next_hop_as: u32,
    #[prost(uint32, tag = "14")]
    pub(super) src_as: u32,
    #[prost(uint32, tag = "15")]
    pub(super) dst_as: u32,
    #[prost(uint32, tag = "16")]
    pub(super) src_net: u32,
    #[prost(uint32, tag = "17")]
    pub(super) dst_net: u32,
    #[prost(uint32, tag = "18")]
    pub(super) in_if: u32,
    #[prost(uint32, tag = "19")]
    pub(super) out_if: u32,
    #[prost(uint32, tag = "20")]
    pub(super) proto: u32,
    #[prost(uint32, tag = "21")]
    pub(super) src_port: u32,
    #[prost(uint32, tag = "22")]
    pub(super) dst_port: u32,
    #[prost(uint32, tag = "23")]
    pub(super) ip_tos: u32,
    #[prost(uint32, tag = "24")]
    pub(super) forwarding_status: u32,
    #[prost(uint32, tag = "25")]
    pub(super) ip_ttl: u32,
    #[prost(uint32, tag = "26")]
    pub(super) tcp_flags: u32,
    #[prost(uint64, tag = "27")]
    pub(super) src_mac: u64,
    #[prost(uint64, tag = "28")]
    pub(super) dst_mac: u64,
    #[prost(uint32, tag = "29")]
    pub(super) vlan_id: u32,
    #[prost(uint32, tag = "30")]
    pub(super) etype: u32,
    #[prost(uint32, tag = "31")]
    pub(super) icmp_type: u32,
    #[prost(uint32, tag = "32")]
    pub(super) icmp_code: u32,
    #[prost(uint32, tag = "33")]
    pub(super) src_vlan: u32,
    #[prost(uint32, tag = "34")]
    pub(super) dst_vlan: u32,
    #[prost(uint32, tag = "35")]
    pub(super) fragment_id: u32,
    #[prost(uint32, tag = "36")]
    pub(super) fragment_offset: u32,
    #[prost(uint32, tag = "37")]
    pub(super) ipv6_flow_label: u32,
    #[prost(uint64, tag = "38")]
    pub(super) time_flow_start: u64,
    #[prost(uint32, tag = "39")]
    pub(super) ingress_vrf_id: u32,
    #[prost(uint32, tag = "40")]
    pub(super) egress_vrf_id: u32,
    #[prost(uint32, tag = "41")]
    pub(super) bi_flow_direction: u32,
    #[prost(uint32, tag = "42")]
    pub(super) flow_direction: u32,
    #[prost(bool, tag = "53")]
    pub(super) has_mpls: bool,
    #[prost(uint32, tag = "54")]
    pub(super) mpls_count: u32,
    #[prost(uint32, tag = "55")]
    pub(super) mpls_1_ttl: u32,
    #[prost(uint32, tag = "56")]
    pub(super) mpls_1_label: u32,
    #[prost(uint32, tag = "57")]
    pub(super) mpls_2_ttl: u32,
    #[prost(uint32, tag = "58")]
    pub(super) mpls_2_label: u32,
    #[prost(uint32, tag = "59")]
    pub(super) mpls_3_ttl: u32,
    #[prost(uint32, tag = "60")]
    pub(super) mpls_3_label: u32,
    #[prost(uint32, tag = "61")]
    pub(super) mpls_last_ttl: u32,
    #[prost(uint32, tag = "62")]
    pub(super) mpls_last_label: u32,
    #[prost(uint64, tag = "63")]
    pub(super) time_flow_start_ms: u64,
    #[prost(uint64, tag = "64")]
    pub(super) time_flow_end_ms: u64,
    #[prost(bytes = "vec", tag = "65")]
    pub(super) mpls_label_ip: Vec<u8>,
    #[prost(uint32, tag = "70")]
    pub(super) observation_domain_id: u32,
    #[prost(uint32, tag = "71")]
    pub(super) observation_point_id: u32,
    #[prost(bytes = "vec", tag = "100")]
    pub(super) bgp_next_hop: Vec<u8>,
    #[prost(uint32, repeated, tag = "101")]
    pub(super) bgp_communities: Vec<u32>,
    #[prost(uint32, repeated, tag = "102")]
    pub(super) as_path: Vec<u32>,
}

/// `FlowMessage` of goflow2 2.2.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct V2 {
    #[prost(uint32, tag = "1")]
    pub(super) r#type: u32,
    #[prost(uint64, tag = "3")]
    pub(super) sampling_rate: u64,
    #[prost(uint32, tag = "4")]
    pub(super) sequence_num: u32,
    #[prost(bytes = "vec", tag = "6")]
    pub(super) src_addr: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    pub(super) dst_addr: Vec<u8>,
    #[prost(uint64, tag = "9")]
    pub(super) bytes: u64,
    #[prost(uint64, tag = "10")]
    pub(super) packets: u64,
    #[prost(bytes = "vec", tag = "11")]
    pub(super) sampler_address: Vec<u8>,
    #[prost(bytes = "vec", tag = "12")]
    pub(super) next_hop: Vec<u8>,
    #[prost(uint32, tag = "13")]
    pub(super) next_hop_as: u32,
    #[prost(uint32, tag = "14")]
    pub(super) src_as: u32,
    #[prost(uint32, tag = "15")]
    pub(super) dst_as: u32,
    #[prost(uint32, tag = "16")]
    pub(super) src_net: u32,
    #[prost(uint32, tag = "17")]
    pub(super) dst_net: u32,
    #[prost(uint32, tag = "18")]
    pub(super) in_if: u32,
    #[prost(uint32, tag = "19")]
    pub(super) out_if: u32,
    #[prost(uint32, tag = "20")]
    pub(super) proto: u32,
    #[prost(uint32, tag = "21")]
    pub(super) src_port: u32,
    #[prost(uint32, tag = "22")]
    pub(super) dst_port: u32,
    #[prost(uint32, tag = "23")]
    pub(super) ip_tos: u32,
    #[prost(uint32, tag = "24")]
    pub(super) forwarding_status: u32,
    #[prost(uint32, tag = "25")]
    pub(super) ip_ttl: u32,
    #[prost(uint32, tag = "26")]
    pub(super) tcp_flags: u32,
    #[prost(uint64, tag = "27")]
    pub(super) src_mac: u64,
    #[prost(uint64, tag = "28")]
    pub(super) dst_mac: u64,
    #[prost(uint32, tag = "29")]
    pub(super) vlan_id: u32,
    #[prost(uint32, tag = "30")]
    pub(super) etype: u32,
    #[prost(uint32, tag = "31")]
    pub(super) icmp_type: u32,
    #[prost(uint32, tag = "32")]
    pub(super) icmp_code: u32,
    #[prost(uint32, tag = "33")]
    pub(super) src_vlan: u32,
    #[prost(uint32, tag = "34")]
    pub(super) dst_vlan: u32,
    #[prost(uint32, tag = "35")]
    pub(super) fragment_id: u32,
    #[prost(uint32, tag = "36")]
    pub(super) fragment_offset: u32,
    #[prost(uint32, tag = "37")]
    pub(super) ipv6_flow_label: u32,
    #[prost(uint32, tag = "38")]
    pub(super) ip_flags: u32,
    #[prost(uint32, tag = "70")]
    pub(super) observation_domain_id: u32,
    #[prost(uint32, tag = "71")]
    pub(super) observation_point_id: u32,
    #[prost(uint32, repeated, tag = "80")]
    pub(super) mpls_ttl: Vec<u32>,
    #[prost(uint32, repeated, tag = "81")]
    pub(super) mpls_label: Vec<u32>,
    #[prost(bytes = "vec", repeated, tag = "82")]
    pub(super) mpls_ip: Vec<Vec<u8>>,
    #[prost(bytes = "vec", tag = "100")]
    pub(super) bgp_next_hop: Vec<u8>,
    #[prost(uint32, repeated, tag = "101")]
    pub(super) bgp_communities: Vec<u32>,
    #[prost(uint32, repeated, tag = "102")]
    pub(super) as_path: Vec<u32>,
    #[prost(int32, repeated, tag = "103")]
    pub(super) layer_stack: Vec<i32>,
    #[prost(uint32, repeated, tag = "104")]
    pub(super) layer_size: Vec<u32>,
    #[prost(bytes = "vec", repeated, tag = "105")]
    pub(super) ipv6_routing_header_addresses: Vec<Vec<u8>>,
    #[prost(uint32, tag = "106")]
    pub(super) ipv6_routing_header_seg_left: u32,
    #[prost(uint64, tag = "110")]
    pub(super) time_received_ns: u64,
    #[prost(uint64, tag = "111")]
    pub(super) time_flow_start_ns: u64,
    #[prost(uint64, tag = "112")]
    pub(super) time_flow_end_ns: u64,
}
