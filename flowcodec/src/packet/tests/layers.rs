//! Values of the hand-made frames, layer by layer.

use std::net::IpAddr;

use super::frames::frame;
use crate::ie::ElementId;
use crate::model::{FieldValue, FlowRecord, Mac, Numbers, field};
use crate::packet::{End, Headers, Layer, Start, parse};

pub(super) fn ip(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

#[expect(clippy::unnecessary_wraps, reason = "compared with what accessors give")]
fn mac(last: u8) -> Option<Mac> {
    Some(Mac::new([2, 0, 0, 0, 0, last]))
}

/// Runs `check` on the headers of a hand-made frame.
pub(super) fn with(name: &str, check: impl FnOnce(Headers<'_>)) {
    let frame = frame(name);
    check(parse(frame.start, &frame.bytes));
}

fn is_tcp4(headers: &Headers<'_>) {
    assert_eq!((headers.src_addr(), headers.dst_addr()), (ip("192.0.2.1"), ip("198.51.100.2")));
    is_tcp(headers, 4);
}

fn is_tcp6(headers: &Headers<'_>) {
    assert_eq!((headers.src_addr(), headers.dst_addr()), (ip("2001:db8::1"), ip("2001:db8::2")));
    is_tcp(headers, 6);
}

fn is_tcp(headers: &Headers<'_>, version: u8) {
    assert_eq!(headers.ip_version(), Some(version));
    assert_eq!((headers.ip_protocol(), headers.transport()), (Some(6), Some(Layer::Tcp)));
    assert_eq!((headers.src_port(), headers.dst_port(), headers.tcp_flags()), (Some(443), Some(50_000), Some(0x112)));
    assert_eq!(headers.end(), End::Complete);
}

#[test]
fn every_field_of_a_plain_frame() {
    with("ethernet ipv4 tcp", |headers| {
        is_tcp4(&headers);
        assert!(headers.plain, "the short cut is taken, and held against the walk by the tests of cuts");
        assert_eq!((headers.src_mac(), headers.dst_mac(), headers.ethertype()), (mac(10), mac(11), Some(0x0800)));
        assert_eq!((headers.tos(), headers.ttl(), headers.flow_label()), (Some(0xb8), Some(63), None));
        assert_eq!(
            (headers.fragment_id(), headers.fragment_offset(), headers.fragment_flags()),
            (Some(0x1234), Some(0), Some(0x40))
        );
        assert_eq!((headers.network_offset(), headers.transport_offset(), headers.end_offset()), (Some(14), Some(34), 58));
        assert_eq!((headers.ip_len(), headers.network_len(1500)), (Some(44), Some(44)));
        assert_eq!((headers.vlan(), headers.customer_vlan(), headers.vlan_tags(), headers.mpls_labels()), (None, None, 0, None));
        assert_eq!((headers.icmp_type(), headers.icmp_code(), headers.tunnel(), headers.arp()), (None, None, None, None));
    });
    with("ethernet ipv6 tcp", |headers| {
        is_tcp6(&headers);
        assert_eq!((headers.tos(), headers.ttl(), headers.flow_label()), (Some(0xb8), Some(63), Some(0x12345)));
        assert_eq!((headers.fragment_id(), headers.fragment_offset(), headers.fragment_flags()), (None, None, None));
        assert_eq!((headers.network_offset(), headers.transport_offset(), headers.ip_len()), (Some(14), Some(54), Some(64)));
    });
    with("ethernet ipv4 udp padded", |headers| {
        assert_eq!((headers.src_port(), headers.dst_port(), headers.tcp_flags()), (Some(12345), Some(53), None));
        assert_eq!((headers.end(), headers.end_offset(), headers.ip_len()), (End::Complete, 42, Some(32)));
    });
}

#[test]
fn vlan_tags() {
    with("vlan", |headers| {
        is_tcp4(&headers);
        assert_eq!((headers.vlan(), headers.vlan_priority(), headers.customer_vlan()), (Some(100), Some(5), None));
        assert_eq!((headers.ethertype(), headers.network_offset()), (Some(0x0800), Some(18)));
    });
    with("802.1ad", |headers| {
        is_tcp6(&headers);
        assert_eq!((headers.vlan(), headers.customer_vlan(), headers.ethertype()), (Some(200), Some(100), Some(0x86dd)));
    });
    with("three tags", |headers| {
        is_tcp4(&headers);
        assert_eq!((headers.vlan(), headers.customer_vlan(), headers.vlan_tags()), (Some(1), Some(2), 3));
    });
    with("nine tags", |headers| {
        assert_eq!((headers.end(), headers.end_offset(), headers.vlan()), (End::TooDeep { layer: Layer::Vlan }, 46, Some(1)));
        assert_eq!((headers.ethertype(), headers.src_addr()), (None, None));
    });
}

#[test]
fn llc_and_snap() {
    with("802.3 stp", |headers| {
        assert_eq!((headers.end(), headers.end_offset()), (End::Unknown { layer: Layer::Llc, number: 0x42 }, 14));
        assert_eq!((headers.ethertype(), headers.src_mac(), headers.network_len(60)), (None, mac(10), Some(46)));
    });
    with("802.3 snap", |headers| {
        is_tcp4(&headers);
        assert_eq!((headers.ethertype(), headers.network_offset()), (Some(0x0800), Some(22)));
    });
    with("802.3 cisco", |headers| assert_eq!(headers.end(), End::Unknown { layer: Layer::Llc, number: 0x0c }));
    with("802.3 length too small", |headers| {
        assert_eq!((headers.end(), headers.src_addr()), (End::Invalid { layer: Layer::Llc }, None));
    });
    with("lldp", |headers| {
        assert_eq!((headers.ethertype(), headers.end()), (Some(0x88cc), End::Unknown { layer: Layer::Ethernet, number: 0x88cc }));
        assert_eq!((headers.ip_len(), headers.network_len(64)), (None, Some(50)));
    });
}

#[test]
fn mpls() {
    with("mpls", |headers| {
        is_tcp4(&headers);
        assert_eq!(headers.mpls_labels(), Some(Numbers::from(&[16001, 24][..])));
        assert_eq!((headers.ethertype(), headers.network_offset()), (Some(0x8847), Some(22)));
    });
    with("mpls start ipv6", |headers| {
        is_tcp6(&headers);
        assert_eq!((headers.mpls_labels(), headers.ethertype()), (Some(Numbers::from(&[32][..])), None));
    });
    with("mpls twelve", |headers| {
        is_tcp4(&headers);
        assert_eq!(headers.mpls_labels(), Some(Numbers::from(&[16; 10][..])));
    });
    with("mpls endless", |headers| {
        assert_eq!((headers.end(), headers.end_offset()), (End::TooDeep { layer: Layer::Mpls }, 78));
        assert_eq!(headers.mpls_labels(), Some(Numbers::from(&[16; 10][..])));
    });
    with("mpls pseudowire", |headers| {
        assert_eq!((headers.end(), headers.end_offset()), (End::Unknown { layer: Layer::Mpls, number: 0 }, 18));
        assert_eq!((headers.mpls_labels(), headers.src_addr()), (Some(Numbers::from(&[16][..])), None));
    });
}

#[test]
fn pppoe_ppp_and_pos() {
    with("pppoe", |headers| {
        is_tcp4(&headers);
        assert_eq!(
            (headers.pppoe_session(), headers.ethertype(), headers.network_offset()),
            (Some(1234), Some(0x8864), Some(22))
        );
    });
    with("pppoe ipv6", |headers| is_tcp6(&headers));
    with("pppoe lcp", |headers| {
        assert_eq!((headers.end(), headers.end_offset()), (End::Unknown { layer: Layer::Ppp, number: 0xc021 }, 20));
    });
    with("pppoe wrong", |headers| assert_eq!(headers.end(), End::Invalid { layer: Layer::Pppoe }));
    with("pppoe discovery", |headers| {
        assert_eq!((headers.end(), headers.pppoe_session()), (End::Unknown { layer: Layer::Ethernet, number: 0x8863 }, None));
    });
    with("ppp hdlc", |headers| {
        is_tcp4(&headers);
        assert_eq!((headers.src_mac(), headers.ethertype(), headers.network_offset()), (None, None, Some(4)));
    });
    with("ppp short", |headers| is_tcp6(&headers));
    with("ppp mpls", |headers| {
        is_tcp4(&headers);
        assert_eq!(headers.mpls_labels(), Some(Numbers::from(&[16][..])));
    });
    with("pos ppp", |headers| is_tcp6(&headers));
    with("pos cisco", |headers| {
        is_tcp4(&headers);
        assert_eq!(headers.ethertype(), Some(0x0800));
    });
}

#[test]
fn arp_is_no_ip_flow() {
    with("arp", |headers| {
        let arp = headers.arp().unwrap();
        assert_eq!((arp.operation, arp.sender_mac, arp.target_mac), (1, mac(10), Some(Mac::default())));
        assert_eq!(arp.sender_addr.map(IpAddr::from), ip("192.0.2.1"));
        assert_eq!(arp.target_addr.map(IpAddr::from), ip("198.51.100.2"));
        assert_eq!((headers.src_addr(), headers.ip_version(), headers.ip_protocol()), (None, None, None));
        assert_eq!((headers.end(), headers.end_offset(), headers.network_len(60)), (End::Complete, 42, Some(46)));
    });
    with("arp other", |headers| {
        let arp = headers.arp().unwrap();
        assert_eq!((arp.operation, arp.sender_mac, arp.sender_addr), (2, None, None));
        assert_eq!((headers.end(), headers.end_offset()), (End::Complete, 46));
    });
}

#[test]
fn where_to_start() {
    with("ip start 4", |headers| assert_eq!((headers.ip_version(), headers.dst_port()), (Some(4), Some(53))));
    with("ip start 6", |headers| is_tcp6(&headers));
    with("aal5 ip", |headers| is_tcp6(&headers));
    with("ip start 5", |headers| assert_eq!(headers.end(), End::Unknown { layer: Layer::Start, number: 5 }));
    with("ipv4 start is 6", |headers| {
        assert_eq!((headers.end(), headers.ip_version()), (End::Invalid { layer: Layer::Ipv4 }, None));
    });
    with("infiniband", |headers| assert_eq!(headers.end(), End::Unknown { layer: Layer::Start, number: 18 }));
    for protocol in (0..=30).chain([u32::MAX]) {
        let start = Start::from_sflow(protocol);
        let headers = parse(start, &[0x45; 64]);
        let raw = headers.end() == End::Unknown { layer: Layer::Start, number: protocol };
        assert_eq!(raw, !start.is_read(), "{start}");
        assert_eq!(start.name() == "unknown", !(1..=18).contains(&protocol), "{start}");
    }
    assert_eq!(Start::from_element(ElementId::iana(104)), Some(Start::ETHERNET));
    assert_eq!(Start::from_element(ElementId::iana(313)), Some(Start::IP));
    assert_eq!(Start::from_element(ElementId::iana(315)), Some(Start::ETHERNET));
    assert_eq!(Start::from_element(ElementId::iana(316)), Some(Start::MPLS));
    assert_eq!(Start::from_element(ElementId::iana(314)), None);
    assert_eq!(Start::from_element(ElementId::enterprise(9, 104)), None);
    assert_eq!(
        [None, Some(1), Some(2), Some(3)].map(Start::from_frame_type),
        [Some(Start::ETHERNET), Some(Start::ETHERNET), Some(Start::WLAN), None]
    );
    assert_eq!(parse(Start::from_ether_type(5), &[0; 9]).end(), End::Unknown { layer: Layer::Start, number: 5 });
}

#[test]
fn ipv4_options_lengths_and_fragments() {
    with("ipv4 options", |headers| {
        is_tcp4(&headers);
        assert_eq!((headers.transport_offset(), headers.end_offset(), headers.ip_len()), (Some(28), 52, Some(52)));
    });
    with("ipv4 first fragment", |headers| {
        assert_eq!((headers.src_port(), headers.fragment_offset(), headers.fragment_flags()), (Some(12345), Some(0), Some(0x20)));
    });
    with("ipv4 later fragment", |headers| {
        assert_eq!((headers.src_port(), headers.dst_port(), headers.transport()), (None, None, None));
        assert_eq!(
            (headers.ip_protocol(), headers.fragment_id(), headers.fragment_offset()),
            (Some(17), Some(0xbeef), Some(185))
        );
        assert_eq!((headers.end(), headers.end_offset(), headers.fragment_flags()), (End::Complete, 20, Some(0)));
    });
    with("ipv4 length 0", |headers| {
        is_tcp4(&headers);
        assert_eq!((headers.ip_len(), headers.network_len(9014)), (None, Some(9000)));
    });
    with("ipv4 length too small", |headers| {
        assert_eq!(
            (headers.end(), headers.ip_len(), headers.src_addr()),
            (End::Invalid { layer: Layer::Ipv4 }, None, ip("192.0.2.1"))
        );
        assert_eq!((headers.src_port(), headers.transport_offset()), (None, None));
    });
    with("ipv4 4 words", |headers| {
        assert_eq!((headers.end(), headers.src_addr()), (End::Invalid { layer: Layer::Ipv4 }, None));
    });
    with("ipv4 shorter than tcp", |headers| {
        assert_eq!((headers.src_port(), headers.dst_port(), headers.tcp_flags()), (Some(443), Some(50_000), None));
        assert_eq!(headers.end(), End::Invalid { layer: Layer::Tcp });
    });
    with("ospf", |headers| {
        assert_eq!((headers.ip_protocol(), headers.src_addr()), (Some(89), ip("192.0.2.1")));
        assert_eq!((headers.end(), headers.end_offset()), (End::Unknown { layer: Layer::Ipv4, number: 89 }, 20));
    });
}

#[test]
fn ipv6_extension_headers() {
    with("ipv6 extensions", |headers| {
        is_tcp6(&headers);
        assert_eq!((headers.transport_offset(), headers.ip_len()), (Some(96), Some(120)));
    });
    with("ipv6 first fragment", |headers| {
        assert_eq!((headers.dst_port(), headers.fragment_id()), (Some(53), Some(0x00c0_ffee)));
        assert_eq!((headers.fragment_offset(), headers.fragment_flags()), (Some(0), Some(0x20)));
    });
    with("ipv6 later fragment", |headers| {
        assert_eq!((headers.dst_port(), headers.ip_protocol(), headers.transport()), (None, Some(17), None));
        assert_eq!((headers.fragment_offset(), headers.fragment_flags(), headers.end()), (Some(185), Some(0), End::Complete));
    });
    with("ipv6 later fragment of options", |headers| {
        assert_eq!((headers.ip_protocol(), headers.fragment_flags(), headers.end()), (None, Some(0x20), End::Complete));
    });
    with("ipv6 no next header", |headers| assert_eq!((headers.ip_protocol(), headers.end()), (Some(59), End::Complete)));
    with("ipv6 esp", |headers| {
        assert_eq!((headers.ip_protocol(), headers.end()), (Some(50), End::Unknown { layer: Layer::Ipv6, number: 50 }));
    });
    with("ipv6 endless", |headers| {
        assert_eq!((headers.ip_protocol(), headers.end()), (None, End::TooDeep { layer: Layer::Ipv6Extension }));
    });
    with("ipv6 jumbogram", |headers| {
        is_tcp6(&headers);
        assert_eq!(headers.ip_len(), Some(65_536 + 32 + 40));
    });
    with("ipv6 mapped", |headers| assert_eq!(headers.src_addr(), ip("192.0.2.1")));
}

#[test]
fn transports() {
    with("icmp", |headers| {
        assert_eq!((headers.icmp_type(), headers.icmp_code(), headers.src_port()), (Some(3), Some(3), None));
        assert_eq!((headers.end(), headers.end_offset()), (End::Complete, 42));
    });
    with("icmpv6", |headers| assert_eq!((headers.icmp_type(), headers.icmp_code()), (Some(128), Some(0))));
    for (name, layer, protocol) in [("sctp", Layer::Sctp, 132), ("dccp", Layer::Dccp, 33), ("udp-lite", Layer::UdpLite, 136)] {
        with(name, |headers| {
            assert_eq!((headers.transport(), headers.ip_protocol()), (Some(layer), Some(protocol)));
            assert_eq!((headers.src_port(), headers.dst_port(), headers.end()), (Some(2905), Some(2906), End::Complete));
        });
    }
    with("tcp offset too small", |headers| {
        assert_eq!(
            (headers.src_port(), headers.tcp_flags(), headers.end()),
            (Some(443), Some(0x112), End::Invalid { layer: Layer::Tcp })
        );
    });
}

#[test]
fn wireless() {
    for (name, complete) in [("802.11 to", Some(443)), ("802.11 from", Some(12345)), ("802.11 bridge", Some(12345))] {
        with(name, |headers| {
            assert_eq!((headers.src_mac(), headers.dst_mac()), (mac(10), mac(11)), "{name}");
            assert_eq!(
                (headers.src_port(), headers.ethertype(), headers.end()),
                (complete, Some(0x0800), End::Complete),
                "{name}"
            );
        });
    }
    with("802.11 encrypted", |headers| {
        assert_eq!((headers.end(), headers.end_offset()), (End::Unknown { layer: Layer::Wlan, number: 0x0841 }, 24));
    });
    with("802.11 null", |headers| assert_eq!((headers.end(), headers.end_offset()), (End::Complete, 24)));
    with("802.11 beacon", |headers| {
        assert_eq!((headers.src_mac(), headers.dst_mac()), (mac(10), mac(11)));
        assert_eq!(headers.end(), End::Unknown { layer: Layer::Wlan, number: 0x8000 });
    });
    with("802.11 aggregated", |headers| assert_eq!(headers.end(), End::Unknown { layer: Layer::Wlan, number: 0x8801 }));
}

#[test]
fn where_a_cut_is_and_what_it_lacks() {
    let frame = frame("ethernet ipv4 tcp");
    let cases = [
        (0, Layer::Ethernet, 0, 14, 0),
        (13, Layer::Ethernet, 0, 14, 13),
        (14, Layer::Ipv4, 14, 20, 0),
        (33, Layer::Ipv4, 14, 20, 19),
        (34, Layer::Tcp, 34, 20, 0),
        (53, Layer::Tcp, 34, 20, 19),
        (54, Layer::Tcp, 34, 24, 20),
    ];
    for (cut, layer, offset, needed, available) in cases {
        let headers = parse(frame.start, &frame.bytes[..cut]);
        assert_eq!((headers.end(), headers.end_offset()), (End::Truncated { layer, needed, available }, offset), "cut at {cut}");
    }
    let end = End::Truncated { layer: Layer::Ipv4, needed: 20, available: 19 };
    assert_eq!(end.to_string(), "IPv4 cut short: 20 octets needed, 19 there");
}

#[test]
fn a_row_keeps_what_headers_do_not_give() {
    let mut row = FlowRecord::EMPTY;
    row.set(field::SRC_PORT.id(), FieldValue::Unsigned(1));
    row.set(field::OCTETS.id(), FieldValue::Unsigned(2));
    with("icmp", |headers| headers.fill(&mut row));
    assert_eq!((row.src_port(), row.octets(), row.packets()), (Some(1), Some(2), None));
    assert_eq!((row.src_addr(), row.ethertype(), row.icmp_type()), (ip("192.0.2.1"), Some(0x0800), Some(3)));
    with("ethernet ipv4 tcp", |headers| headers.fill(&mut row));
    assert_eq!((row.src_port(), row.src_mac(), row.tcp_flags(), row.ttl()), (Some(443), mac(10), Some(0x112), Some(63)));
}
