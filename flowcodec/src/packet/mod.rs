//! Sampled packet headers, read in place: the first octets of a packet as sFlow (raw packet header), IPFIX (elements 104, 313, 315 and
//! 316) and NetFlow v9 (sections) carry them, cut anywhere.
//!
//! ```text
//!  Ethernet: | destination 6 | source 6 | [type 0x8100.. u16, tag u16]* | type u16 |                                     14 + 4n
//!  MPLS:     | [label 20 bits, class 3, bottom of stack 1, TTL 8]+ | IPv4 or IPv6 by the first 4 bits |                  4n
//!  IPv4:     | 4, words | TOS | total length u16 | id u16 | flags 3, offset 13 | TTL | protocol | checksum | from | to |  20 + options
//!  IPv6:     | 6, class, flow label | payload length u16 | next u8 | hops u8 | from 16 | to 16 | extension headers |      40 + ...
//!  TCP:      | ports u16 u16 | sequence | acknowledgement | words 4 bits, flags 12 | window | checksum | urgent |         20 + options
//!  tunnels:  IP, or UDP 4789 or 6081, or GRE, and in it once more from the top: the inner headers
//! ```
//!
//! | read | by | given |
//! |---|---|---|
//! | Ethernet, 802.3 LLC and SNAP | IEEE 802.3 §3, IEEE 802 §9, RFC 1042 | addresses, type |
//! | 802.1Q, 802.1ad, stacked tags (0x8100, 0x88A8, 0x9100, 0x9200, 0x9300) | IEEE 802.1Q §9 | outer and customer VLAN id |
//! | MPLS stack | RFC 3032 | labels; what is below by its first 4 bits |
//! | PPPoE session, PPP, Cisco HDLC | RFC 2516, RFC 1661, RFC 1662, RFC 2615 | session |
//! | 802.11 data frames in the clear | IEEE 802.11 §9 | addresses, type |
//! | ARP, RARP | RFC 826, RFC 903 | as ARP ([`Arp`]), never as an IP flow |
//! | IPv4, options skipped | RFC 791, RFC 9565 | all of its fields |
//! | IPv6; hop-by-hop, routing, fragment, AH, destination, mobility, HIP, shim6 headers | RFC 8200, RFC 2675, RFC 4302 | all of its fields, the last protocol |
//! | TCP, UDP, UDP-Lite, SCTP, DCCP | RFC 9293, RFC 768, RFC 3828, RFC 9260, RFC 4340 | ports, TCP flags |
//! | ICMP, ICMPv6 | RFC 792, RFC 4443 | type, code |
//! | GRE, and version 1 (PPTP) | RFC 2784, RFC 2890, RFC 2637 | key, [`inner`](Headers::inner) |
//! | VXLAN, Geneve, by destination port and a plausible header | RFC 7348, RFC 8926 | VNI, [`inner`](Headers::inner) |
//! | IPv4 and IPv6 in either, Ethernet (143) and MPLS (137) in IP | RFC 2003, RFC 2473, RFC 4213, RFC 8986, RFC 4023 | [`inner`](Headers::inner) |
//!
//! Left raw, and named so by [`End::Unknown`]: token bus, token ring, FDDI, frame relay, X.25, SMDS, AAL5, A-MPDU, A-MSDU, InfiniBand;
//! other Ethernet types (PBB, MACsec, PPPoE discovery, ERSPAN in GRE); pseudowires in MPLS; encrypted 802.11; ESP and other IP protocols.
//!
//! Nothing fails: [`parse`] stops where the octets end or go on in a way that is not known, and [`Headers::end`] says where and why.
//! Each field comes from octets at its place; one that was cut is absent, never half. A length field in a header (802.3, PPPoE, IP, UDP)
//! ends what may be read after it, so the padding of a frame is no port.
//!
//! ```
//! use flowcodec::packet::{End, Start, parse};
//! # let bytes = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0,
//! #     0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2,
//! #     0x01, 0xbb, 0xc3, 0x50, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x12, 0xff, 0xff, 0, 0, 0, 0];
//! let headers = parse(Start::from_sflow(1), &bytes);
//! assert_eq!(headers.src_addr(), Some("192.0.2.1".parse()?));
//! assert_eq!((headers.src_port(), headers.tcp_flags(), headers.end()), (Some(443), Some(0x12), End::Complete));
//!
//! let cut = parse(Start::ETHERNET, &bytes[..36]);
//! assert_eq!((cut.src_port(), cut.dst_port()), (Some(443), None));
//! # Ok::<(), std::net::AddrParseError>(())
//! ```

use crate::model::{FlowRecord, put};

mod headers;
mod lower;
mod plain;
mod tunnel;
mod types;
mod walk;

pub use headers::{Arp, Headers};
pub use tunnel::Tunnel;
pub use types::{End, Layer, Start};

/// How many headers within headers [`Headers::inner`] goes down to, unless [`parse_to_depth`] says otherwise. Real packets have one or
/// two: Geneve in a provider's GRE.
pub const DEPTH: u8 = 4;

/// Reads the headers of a packet from its first octets.
///
/// Never fails and allocates nothing. Cost: some nanoseconds for Ethernet, IPv4 and TCP; in the worst case a bounded walk (8 VLAN tags,
/// 16 labels, 16 extension headers). Inner headers are read when asked for.
#[must_use]
#[inline]
pub fn parse(start: Start, bytes: &[u8]) -> Headers<'_> {
    parse_to_depth(start, bytes, DEPTH)
}

/// Reads headers straight into a row: their fields, and the octets of the packet from its network header on; gives presence bits that
/// are to be marked. `frame` are the octets of the packet on the wire. The same as [`parse`], [`Headers::fill`] and
/// [`Headers::network_len`], without what stands between.
#[inline]
pub(crate) fn fill(start: Start, bytes: &[u8], frame: u32, row: &mut FlowRecord) -> u64 {
    if start == Start::ETHERNET
        && let Some(present) = plain::parse_into(bytes, row)
    {
        return present;
    }
    let headers = parse(start, bytes);
    headers.fill(row);
    let mut present = 0;
    if let Some(octets) = headers.network_len(frame) {
        put!(row, present, OCTETS, u64::from(octets).to_ne_bytes());
    }
    present
}

/// The same, with `depth` levels of inner headers; 0 for none.
#[must_use]
pub fn parse_to_depth(start: Start, bytes: &[u8], depth: u8) -> Headers<'_> {
    walk::walk(start, bytes, depth)
}

#[cfg(test)]
mod tests;
