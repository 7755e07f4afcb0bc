//! Values of the hand-made frames that carry others.

use super::frames::frame;
use super::layers::{ip, with};
use crate::model::Numbers;
use crate::packet::{End, Headers, Layer, Start, Tunnel, parse, parse_to_depth};

/// The outer headers are IPv4 or IPv6 from .1 to .2 without TCP ports; the inner ones carry TCP.
fn carries_tcp<'a>(headers: &Headers<'a>, tunnel: Tunnel) -> Headers<'a> {
    assert_eq!((headers.tunnel(), headers.end()), (Some(tunnel), End::Complete));
    assert_ne!(headers.src_port(), Some(443));
    let inner = headers.inner().unwrap();
    assert_eq!((inner.src_port(), inner.tcp_flags(), inner.end()), (Some(443), Some(0x112), End::Complete));
    inner
}

#[test]
fn gre() {
    with("gre", |headers| {
        let inner = carries_tcp(&headers, Tunnel::Gre { protocol: 0x86dd, key: None });
        assert_eq!((headers.ip_protocol(), headers.transport(), headers.src_port()), (Some(47), Some(Layer::Gre), None));
        assert_eq!((inner.src_addr(), inner.ethertype(), inner.src_mac()), (ip("2001:db8::1"), Some(0x86dd), None));
    });
    with("gre key", |headers| {
        let inner = carries_tcp(&headers, Tunnel::Gre { protocol: 0x6558, key: Some(0x0a0b_0c0d) });
        assert_eq!((inner.vlan(), headers.vlan()), (Some(7), None));
    });
    with("gre pptp", |headers| {
        let inner = carries_tcp(&headers, Tunnel::Gre { protocol: 0x880b, key: Some(0x002e_04d2) });
        assert_eq!(inner.ip_version(), Some(4));
    });
    with("gre source routed", |headers| {
        assert_eq!((headers.tunnel(), headers.end()), (None, End::Unknown { layer: Layer::Gre, number: 0 }));
        assert_eq!(headers.inner(), None);
    });
    with("gre keep-alive", |headers| {
        assert_eq!(headers.inner().unwrap().end(), End::Unknown { layer: Layer::Start, number: 0 });
    });
}

#[test]
fn vxlan_and_geneve_by_port_and_looks() {
    with("vxlan", |headers| {
        let inner = carries_tcp(&headers, Tunnel::Vxlan { vni: 12345 });
        assert_eq!((headers.dst_port(), inner.vlan()), (Some(4789), Some(7)));
    });
    with("vxlan not", |headers| {
        assert_eq!(
            (headers.dst_port(), headers.tunnel(), headers.inner(), headers.end()),
            (Some(4789), None, None, End::Complete)
        );
    });
    with("vxlan short", |headers| {
        let inner = headers.inner().unwrap();
        assert_eq!((inner.dst_mac().is_some(), inner.src_mac()), (true, None));
    });
    with("geneve", |headers| {
        let inner = carries_tcp(&headers, Tunnel::Geneve { vni: 666, protocol: 0x6558 });
        assert_eq!((headers.ip_version(), inner.ip_version()), (Some(6), Some(4)));
    });
    with("geneve ip", |headers| {
        let inner = carries_tcp(&headers, Tunnel::Geneve { vni: 666, protocol: 0x86dd });
        assert_eq!((inner.ip_version(), inner.ethertype()), (Some(6), Some(0x86dd)));
    });
}

#[test]
fn straight_in_ip() {
    with("ip in ip", |headers| {
        assert_eq!((headers.tunnel(), headers.ip_protocol(), headers.dst_port()), (Some(Tunnel::Ipv4), Some(4), None));
        assert_eq!(headers.inner().unwrap().dst_port(), Some(53));
    });
    with("6in4", |headers| assert_eq!(carries_tcp(&headers, Tunnel::Ipv6).ip_version(), Some(6)));
    with("4in6", |headers| assert_eq!(carries_tcp(&headers, Tunnel::Ipv4).ip_version(), Some(4)));
    with("6in6 srv6", |headers| assert_eq!(carries_tcp(&headers, Tunnel::Ipv6).ip_version(), Some(6)));
    with("ethernet in ipv6", |headers| assert_eq!(carries_tcp(&headers, Tunnel::Ethernet).vlan(), Some(7)));
    with("mpls in ip", |headers| {
        assert_eq!(carries_tcp(&headers, Tunnel::Mpls).mpls_labels(), Some(Numbers::from(&[32][..])));
    });
}

#[test]
fn depth_is_bounded() {
    let frame = frame("six deep");
    for depth in [0, 1, 4, 6, 7] {
        let outer = parse_to_depth(frame.start, &frame.bytes, depth);
        let levels: Vec<Headers<'_>> = std::iter::successors(Some(outer), Headers::inner).collect();
        assert_eq!(levels.len(), usize::from(depth.min(6)) + 1);
        let last = levels.last().unwrap();
        if depth < 6 {
            assert_eq!((last.end(), last.tunnel()), (End::TooDeep { layer: Layer::Ipv4 }, Some(Tunnel::Ipv4)));
        } else {
            assert_eq!((last.end(), last.dst_port()), (End::Complete, Some(53)));
        }
    }
    assert_eq!(parse(Start::IPV4, &frame.bytes), parse_to_depth(Start::IPV4, &frame.bytes, 4));
}
