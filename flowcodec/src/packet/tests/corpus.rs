//! The traffic that the exporters of the corpus were fed, cut everywhere, and read by another parser.
//!
//! The corpus is not part of the repository. `FLOWCODEC_CORPUS` says where it is; without one, the tests say so and pass.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use etherparse::{NetSlice, SlicedPacket, TransportSlice};

use super::cuts::every_cut_agrees;
use crate::packet::{Headers, Layer, Start, parse};

fn corpus() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let corpus = std::env::var_os("FLOWCODEC_CORPUS").map_or(here, PathBuf::from).join("exporters");
    if corpus.is_dir() {
        return Some(corpus);
    }
    eprintln!("skipped: there is no corpus; FLOWCODEC_CORPUS says where it is");
    None
}

/// The frames of a classic, little-endian pcap file of Ethernet; none of another file.
fn pcap(path: &Path) -> Vec<Vec<u8>> {
    let file = fs::read(path).unwrap();
    let word =
        |at: usize| file.get(at..at + 4).map(|word| usize::try_from(u32::from_le_bytes(word.try_into().unwrap())).unwrap());
    if word(0) != Some(0xa1b2_c3d4) || word(20) != Some(1) {
        return Vec::new();
    }
    let (mut frames, mut at) = (Vec::new(), 24);
    while let Some(length) = word(at + 8) {
        frames.push(file[at + 16..at + 16 + length].to_vec());
        at += 16 + length;
    }
    frames
}

fn traffic() -> Option<Vec<Vec<u8>>> {
    let frames = pcap(&corpus()?.join("input_mix_full.pcap"));
    assert!(!frames.is_empty());
    Some(frames)
}

#[test]
fn every_cut_of_the_exporters_traffic_agrees() {
    for (number, frame) in traffic().unwrap_or_default().iter().enumerate() {
        every_cut_agrees(Start::ETHERNET, frame, 128, &format!("frame {number}"));
    }
}

/// The exporters' own datagrams are frames as well.
#[test]
fn every_cut_of_their_exports_agrees() {
    let Some(corpus) = corpus() else { return };
    let mut seen = 0;
    let folders = fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    for path in folders.flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path()) {
        if path.extension().is_none_or(|extension| extension != "pcap") {
            continue;
        }
        for frame in pcap(&path).iter().take(50) {
            every_cut_agrees(Start::ETHERNET, frame, 128, &path.display().to_string());
            assert!(parse(Start::ETHERNET, frame).dst_port().is_some(), "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 0);
}

/// etherparse reads neither MPLS nor 802.3, and stops at a transport it does not know.
#[test]
fn another_parser_sees_the_same() {
    let Some(frames) = traffic() else { return };
    let (mut networks, mut transports) = (0, 0);
    for (number, frame) in frames.iter().enumerate() {
        let (ours, theirs) = (parse(Start::ETHERNET, frame), SlicedPacket::from_ethernet(frame).unwrap());
        let what = format!("frame {number}: {ours:?}");
        let link = theirs.link.as_ref().unwrap().to_header().unwrap().ethernet2().unwrap();
        assert_eq!(ours.src_mac().unwrap().octets(), link.source, "{what}");
        assert_eq!(ours.dst_mac().unwrap().octets(), link.destination, "{what}");
        let tags: Vec<u16> = theirs.vlan_ids().iter().map(|id| id.value()).collect();
        assert_eq!((ours.vlan(), ours.customer_vlan()), (tags.first().copied(), tags.get(1).copied()), "{what}");
        networks += usize::from(same_network(&ours, theirs.net.as_ref(), &what));
        transports += usize::from(same_transport(&ours, theirs.transport.as_ref(), &what));
    }
    eprintln!("{} frames: {networks} network and {transports} transport headers compared", frames.len());
    assert!(networks > 100 && transports > 80);
}

fn same_network(ours: &Headers<'_>, theirs: Option<&NetSlice<'_>>, what: &str) -> bool {
    let (version, src, dst, protocol, ttl, length): (u8, IpAddr, IpAddr, u8, u8, u32) = match theirs {
        Some(NetSlice::Ipv4(v4)) => {
            let head = v4.header();
            let (src, dst) = (head.source_addr().into(), head.destination_addr().into());
            (4, src, dst, v4.payload_ip_number().0, head.ttl(), u32::from(head.total_len()))
        }
        Some(NetSlice::Ipv6(v6)) => {
            let head = v6.header();
            let (src, dst) = (head.source_addr().into(), head.destination_addr().into());
            assert_eq!(ours.flow_label(), Some(head.flow_label().value()), "{what}");
            (6, src, dst, v6.payload().ip_number.0, head.hop_limit(), u32::from(head.payload_length()) + 40)
        }
        Some(NetSlice::Arp(arp)) => {
            assert_eq!(ours.arp().unwrap().operation, arp.operation().0, "{what}");
            assert_eq!((ours.ip_version(), ours.src_addr()), (None, None), "{what}");
            return true;
        }
        None => return false,
    };
    assert_eq!(ours.ip_version(), Some(version), "{what}");
    assert_eq!((ours.src_addr(), ours.dst_addr()), (Some(src), Some(dst)), "{what}");
    assert_eq!((ours.ip_protocol(), ours.ttl(), ours.ip_len()), (Some(protocol), Some(ttl), Some(length)), "{what}");
    true
}

fn same_transport(ours: &Headers<'_>, theirs: Option<&TransportSlice<'_>>, what: &str) -> bool {
    match theirs {
        Some(TransportSlice::Tcp(tcp)) => {
            assert_eq!(ours.transport(), Some(Layer::Tcp), "{what}");
            assert_eq!((ours.src_port(), ours.dst_port()), (Some(tcp.source_port()), Some(tcp.destination_port())), "{what}");
            let flags = ours.tcp_flags().unwrap();
            let bits = [tcp.fin(), tcp.syn(), tcp.rst(), tcp.psh(), tcp.ack(), tcp.urg(), tcp.ece(), tcp.cwr(), tcp.ns()];
            assert_eq!(flags, bits.iter().rev().fold(0, |flags, &bit| (flags << 1) | u16::from(bit)), "{what}");
        }
        Some(TransportSlice::Udp(udp)) => {
            assert_eq!(ours.transport(), Some(Layer::Udp), "{what}");
            assert_eq!((ours.src_port(), ours.dst_port()), (Some(udp.source_port()), Some(udp.destination_port())), "{what}");
        }
        Some(TransportSlice::Icmpv4(icmp)) => {
            assert_eq!((ours.icmp_type(), ours.icmp_code()), (Some(icmp.type_u8()), Some(icmp.code_u8())), "{what}");
        }
        Some(TransportSlice::Icmpv6(icmp)) => {
            assert_eq!((ours.icmp_type(), ours.icmp_code()), (Some(icmp.type_u8()), Some(icmp.code_u8())), "{what}");
        }
        _ => return false,
    }
    true
}
