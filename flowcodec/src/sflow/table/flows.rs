//! Flow records.

use super::{
    BITS, FieldDef, Layout, MICROSECONDS, MILLISECONDS, NANOSECONDS, OCTETS, PACKETS, address, fixed, hyper, int, ip_v4, ip_v6,
    list, mac, opaque, string, word,
};

const ETHERNET: &[FieldDef] = &[word("length").unit(OCTETS), mac("src_mac"), mac("dst_mac"), word("type")];

const IPV4: &[FieldDef] = &[
    word("length").unit(OCTETS),
    word("protocol"),
    ip_v4("src_ip"),
    ip_v4("dst_ip"),
    word("src_port"),
    word("dst_port"),
    word("tcp_flags"),
    word("tos"),
];

const IPV6: &[FieldDef] = &[
    word("length").unit(OCTETS),
    word("protocol"),
    ip_v6("src_ip"),
    ip_v6("dst_ip"),
    word("src_port"),
    word("dst_port"),
    word("tcp_flags"),
    word("priority"),
];

const SOCKET_IPV4: &[FieldDef] =
    &[word("protocol"), ip_v4("local_ip"), ip_v4("remote_ip"), word("local_port"), word("remote_port")];

const SOCKET_IPV6: &[FieldDef] =
    &[word("protocol"), ip_v6("local_ip"), ip_v6("remote_ip"), word("local_port"), word("remote_port")];

const LABELS: &[FieldDef] = &[word("label")];
const TAGS: &[FieldDef] = &[word("tag")];
const AS_PATH: &[FieldDef] = &[word("type"), list("as", &[word("as")])];
const COMMUNITIES: &[FieldDef] = &[word("community")];

/// `pdu`: a list of `flow_record`, each of which is a word and opaque octets.
const PDUS: &[FieldDef] = &[list("flow_records", FLOW_RECORD)];
const FLOW_RECORD: &[FieldDef] = &[word("flow_format"), opaque("flow_data")];

/// Ascending by structure.
pub(super) static LAYOUTS: &[Layout] = &[
    Layout::flow(
        0,
        1,
        "sampled_header",
        const { &[word("protocol"), word("frame_length").unit(OCTETS), word("stripped").unit(OCTETS), opaque("header")] },
    ),
    Layout::flow(0, 2, "sampled_ethernet", ETHERNET),
    Layout::flow(0, 3, "sampled_ipv4", IPV4),
    Layout::flow(0, 4, "sampled_ipv6", IPV6),
    Layout::flow(
        0,
        1001,
        "extended_switch",
        const { &[word("src_vlan"), word("src_priority"), word("dst_vlan"), word("dst_priority")] },
    ),
    Layout::flow(
        0,
        1002,
        "extended_router",
        const { &[address("nexthop"), word("src_mask_len").unit(BITS), word("dst_mask_len").unit(BITS)] },
    ),
    Layout::flow(
        0,
        1003,
        "extended_gateway",
        const {
            &[
                address("nexthop"),
                word("as"),
                word("src_as"),
                word("src_peer_as"),
                list("dst_as_path", AS_PATH),
                list("communities", COMMUNITIES),
                word("localpref"),
            ]
        },
    ),
    Layout::flow(
        0,
        1004,
        "extended_user",
        const { &[word("src_charset"), string("src_user"), word("dst_charset"), string("dst_user")] },
    ),
    Layout::flow(0, 1005, "extended_url", const { &[word("direction"), string("url"), string("host")] }),
    Layout::flow(0, 1006, "extended_mpls", const { &[address("nexthop"), list("in_stack", LABELS), list("out_stack", LABELS)] }),
    Layout::flow(0, 1007, "extended_nat", const { &[address("src_address"), address("dst_address")] }),
    Layout::flow(0, 1008, "extended_mpls_tunnel", const { &[string("tunnel_lsp_name"), word("tunnel_id"), word("tunnel_cos")] }),
    Layout::flow(0, 1009, "extended_mpls_vc", const { &[string("vc_instance_name"), word("vll_vc_id"), word("vc_label_cos")] }),
    Layout::flow(0, 1010, "extended_mpls_FTN", const { &[string("mplsFTNDescr"), word("mplsFTNMask")] }),
    Layout::flow(0, 1011, "extended_mpls_LDP_FEC", const { &[word("mplsFecAddrPrefixLength").unit(BITS)] }),
    Layout::flow(0, 1012, "extended_vlantunnel", const { &[list("stack", TAGS)] }),
    Layout::flow(0, 1013, "extended_80211_payload", const { &[word("ciphersuite"), opaque("data")] }),
    Layout::flow(
        0,
        1014,
        "extended_80211_rx",
        const {
            &[
                string("ssid"),
                mac("bssid"),
                word("version"),
                word("channel"),
                hyper("speed").unit("bits per second"),
                word("rsni"),
                word("rcpi"),
                word("packet_duration").unit(MICROSECONDS),
            ]
        },
    ),
    Layout::flow(
        0,
        1015,
        "extended_80211_tx",
        const {
            &[
                string("ssid"),
                mac("bssid"),
                word("version"),
                word("transmissions"),
                word("packet_duration").unit(MICROSECONDS),
                word("retrans_duration").unit(MICROSECONDS),
                word("channel"),
                hyper("speed").unit("bits per second"),
                word("power").unit("milliwatts"),
            ]
        },
    ),
    Layout::flow(0, 1016, "extended_80211_aggregation", const { &[list("pdus", PDUS)] }),
    Layout::flow(0, 1017, "extended_openflow_v1", const { &[hyper("flow_cookie"), word("flow_match"), word("flow_actions")] }),
    Layout::flow(
        0,
        1018,
        "extended_fc",
        const { &[word("src_mask_len").unit(BITS), word("dst_mask_len").unit(BITS), word("next_hop"), word("metric")] },
    ),
    Layout::flow(0, 1019, "extended_queue_length", const { &[word("queueIndex"), word("queueLength").unit("segments")] }),
    Layout::flow(0, 1020, "extended_nat_port", const { &[word("src_port"), word("dst_port")] }),
    Layout::flow(0, 1021, "extended_L2_tunnel_egress", ETHERNET),
    Layout::flow(0, 1022, "extended_L2_tunnel_ingress", ETHERNET),
    Layout::flow(0, 1023, "extended_ipv4_tunnel_egress", IPV4),
    Layout::flow(0, 1024, "extended_ipv4_tunnel_ingress", IPV4),
    Layout::flow(0, 1025, "extended_ipv6_tunnel_egress", IPV6),
    Layout::flow(0, 1026, "extended_ipv6_tunnel_ingress", IPV6),
    Layout::flow(0, 1027, "extended_decapsulate_egress", const { &[word("inner_header_offset").unit(OCTETS)] }),
    Layout::flow(0, 1028, "extended_decapsulate_ingress", const { &[word("inner_header_offset").unit(OCTETS)] }),
    Layout::flow(0, 1029, "extended_vni_egress", const { &[word("vni")] }),
    Layout::flow(0, 1030, "extended_vni_ingress", const { &[word("vni")] }),
    Layout::flow(
        0,
        1031,
        "extended_ib_lrh",
        const {
            &[
                word("src_vl"),
                word("src_sl"),
                word("src_dlid"),
                word("src_slid"),
                word("src_lnh"),
                word("dst_vl"),
                word("dst_sl"),
                word("dst_dlid"),
                word("dst_slid"),
                word("dst_lnh"),
            ]
        },
    ),
    Layout::flow(
        0,
        1032,
        "extended_ib_grh",
        const {
            &[
                word("flow_label"),
                word("tc"),
                fixed("s_gid", 16),
                fixed("d_gid", 16),
                word("next_header"),
                word("length").unit(OCTETS),
            ]
        },
    ),
    Layout::flow(0, 1033, "extended_ib_bth", const { &[word("pkey"), word("dst_qp"), word("opcode")] }),
    Layout::flow(0, 1034, "extended_vlanin", const { &[list("stack", TAGS)] }),
    Layout::flow(0, 1035, "extended_vlanout", const { &[list("stack", TAGS)] }),
    Layout::flow(0, 1036, "extended_egress_queue", const { &[word("queue")] }),
    Layout::flow(0, 1037, "extended_acl", const { &[word("number"), string("name"), word("direction")] }),
    Layout::flow(0, 1038, "extended_function", const { &[string("symbol")] }),
    Layout::flow(0, 1039, "extended_transit", const { &[word("delay").unit(NANOSECONDS)] }),
    Layout::flow(0, 1040, "extended_queue", const { &[word("depth").unit(OCTETS)] }),
    Layout::flow(0, 1041, "extended_hw_trap", const { &[string("group"), string("trap")] }),
    Layout::flow(0, 1042, "extended_linux_drop_reason", const { &[string("reason")] }),
    Layout::flow(0, 1043, "extended_timestamp", const { &[hyper("nanoseconds").unit("nanoseconds since 1970")] }),
    Layout::flow(
        0,
        2000,
        "transaction",
        const {
            &[
                word("direction"),
                word("wait").unit(MICROSECONDS),
                word("duration").unit(MICROSECONDS),
                word("status"),
                hyper("bytes_received").unit(OCTETS),
                hyper("bytes_send").unit(OCTETS),
            ]
        },
    ),
    Layout::flow(0, 2001, "extended_nfs_storage_transaction", const { &[opaque("path"), word("operation"), word("status")] }),
    Layout::flow(0, 2002, "extended_scsi_storage_transaction", const { &[word("lun"), word("operation"), word("status")] }),
    Layout::flow(
        0,
        2003,
        "extended_http_transaction",
        const { &[string("url"), string("host"), string("referer"), string("useragent"), string("user"), word("status")] },
    ),
    Layout::flow(0, 2100, "extended_socket_ipv4", SOCKET_IPV4),
    Layout::flow(0, 2101, "extended_socket_ipv6", SOCKET_IPV6),
    Layout::flow(0, 2102, "extended_proxy_socket_ipv4", SOCKET_IPV4),
    Layout::flow(0, 2103, "extended_proxy_socket_ipv6", SOCKET_IPV6),
    Layout::flow(
        0,
        2200,
        "memcache_operation",
        const {
            &[
                word("protocol"),
                word("cmd"),
                string("key"),
                word("nkeys"),
                word("value_bytes").unit(OCTETS),
                word("uS").unit(MICROSECONDS),
                word("status"),
            ]
        },
    ),
    Layout::flow(
        0,
        2201,
        "http_request",
        const {
            &[
                word("method"),
                string("uri"),
                string("host"),
                string("referer"),
                string("useragent"),
                string("xff"),
                string("authuser"),
                string("mime_type"),
                hyper("req_bytes").unit(OCTETS),
                hyper("resp_bytes").unit(OCTETS),
                word("uS").unit(MICROSECONDS),
                int("status"),
            ]
        },
    ),
    Layout::flow(
        0,
        2202,
        "app_operation",
        const {
            &[
                string("application"),
                string("operation"),
                string("attributes"),
                string("status_descr"),
                hyper("req_bytes").unit(OCTETS),
                hyper("resp_bytes").unit(OCTETS),
                word("uS").unit(MICROSECONDS),
                word("status"),
            ]
        },
    ),
    Layout::flow(0, 2203, "app_parent_context", const { &[string("application"), string("operation"), string("attributes")] }),
    Layout::flow(0, 2204, "app_initiator", const { &[string("actor")] }),
    Layout::flow(0, 2205, "app_target", const { &[string("actor")] }),
    Layout::flow(
        0,
        2206,
        "http_request",
        const {
            &[
                word("method"),
                word("protocol"),
                string("uri"),
                string("host"),
                string("referer"),
                string("useragent"),
                string("xff"),
                string("authuser"),
                string("mime-type"),
                hyper("req_bytes").unit(OCTETS),
                hyper("resp_bytes").unit(OCTETS),
                word("uS").unit(MICROSECONDS),
                int("status"),
            ]
        },
    ),
    Layout::flow(0, 2207, "extended_proxy_request", const { &[string("uri"), string("host")] }),
    Layout::flow(
        0,
        2208,
        "extended_nav_timing",
        const {
            &[
                word("type"),
                word("redirectCount"),
                word("navigationStart").unit(MILLISECONDS),
                word("unloadEventStart").unit(MILLISECONDS),
                word("unloadEventEnd").unit(MILLISECONDS),
                word("redirectStart").unit(MILLISECONDS),
                word("redirectEnd").unit(MILLISECONDS),
                word("fetchStart").unit(MILLISECONDS),
                word("domainLookupStart").unit(MILLISECONDS),
                word("domainLookupEnd").unit(MILLISECONDS),
                word("connectStart").unit(MILLISECONDS),
                word("connectEnd").unit(MILLISECONDS),
                word("secureConnectionStart").unit(MILLISECONDS),
                word("requestStart").unit(MILLISECONDS),
                word("responseStart").unit(MILLISECONDS),
                word("responseEnd").unit(MILLISECONDS),
                word("domLoading").unit(MILLISECONDS),
                word("domInteractive").unit(MILLISECONDS),
                word("domContentLoadedEventStart").unit(MILLISECONDS),
                word("domContentLoadedEventEnd").unit(MILLISECONDS),
                word("domComplete").unit(MILLISECONDS),
                word("loadEventStart").unit(MILLISECONDS),
                word("loadEventEnd").unit(MILLISECONDS),
            ]
        },
    ),
    Layout::flow(
        0,
        2209,
        "extended_tcp_info",
        const {
            &[
                word("dir"),
                word("snd_mss").unit(OCTETS),
                word("rcv_mss").unit(OCTETS),
                word("unacked").unit(PACKETS),
                word("lost").unit(PACKETS),
                word("retrans").unit(PACKETS),
                word("pmtu").unit(OCTETS),
                word("rtt").unit(MICROSECONDS),
                word("rttvar").unit(MICROSECONDS),
                word("snd_cwnd").unit(PACKETS),
                word("reordering").unit(PACKETS),
                word("min_rtt").unit(MICROSECONDS),
            ]
        },
    ),
    Layout::flow(
        0,
        2210,
        "extended_entities",
        const { &[word("src_dsClass"), word("src_dsIndex"), word("dst_dsClass"), word("dst_dsIndex")] },
    ),
    Layout::flow(4413, 1, "extended_bst_egress_queue", const { &[word("queue")] }),
];
