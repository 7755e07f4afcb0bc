//! The commonest headers in one step: Ethernet without tags, IPv4 without options at 14, TCP, UDP or ICMP at 34.
//!
//! Where they are all there, and nothing ends or goes on within them, they are told and written to a row by constant places. This is
//! half the cost of walking them layer by layer, which finds the same: the tests hold one against the other.

use super::headers::{Headers, Network, Place};
use super::tunnel::is_tunnel_port;
use super::types::{End, Layer};
use super::walk::IPV4;
use crate::model::{FlowRecord, put};

/// Octets up to the end of a TCP header.
pub(super) const SIZE: usize = 54;

/// Writes all fields of such headers, and the packet's octets; gives their presence bits, `None` for all other packets.
#[inline]
pub(super) fn parse_into(bytes: &[u8], row: &mut FlowRecord) -> Option<u64> {
    let (head, _, _) = shape(bytes)?;
    let mut present = 0;
    put!(row, present, OCTETS, u64::from(u16::from_be_bytes([head[16], head[17]])).to_ne_bytes());
    Some(present | fill(head, row))
}

/// What the walk would find; `None` for all other packets.
#[inline]
pub(super) fn headers(bytes: &[u8], depth: u8) -> Option<Headers<'_>> {
    let (head, layer, end) = shape(bytes)?;
    // Made in one piece, where the caller wants it: copying it right behind narrow writes would cost as much as all of the above.
    Some(Headers {
        plain: true,
        dst_mac_at: Place::new(0),
        src_mac_at: Place::new(6),
        ether_type: IPV4,
        network: Network::Ipv4,
        network_at: Place::new(14),
        ip_protocol: u16::from(head[23]),
        transport: Some(layer),
        transport_at: Place::new(34),
        end: End::Complete,
        end_at: Place::new(end),
        ..Headers::new(bytes, depth)
    })
}

/// The octets of such headers, the transport header and where it ends.
#[inline]
fn shape(bytes: &[u8]) -> Option<(&[u8; SIZE], Layer, usize)> {
    let head = bytes.first_chunk::<SIZE>()?;
    let total = usize::from(u16::from_be_bytes([head[16], head[17]]));
    let (typed, whole) = (head[12..15] == [0x08, 0x00, 0x45], (head[20] & 0x1f) | head[21] == 0);
    // Octets behind the packet's own length would have to be left out.
    if !typed || !whole || total.wrapping_add(14) < bytes.len() {
        return None;
    }
    match head[23] {
        6 => {
            let size = usize::from(head[46] >> 4).wrapping_mul(4);
            let whole = size >= 20 && bytes.len() >= size.wrapping_add(34);
            whole.then_some((head, Layer::Tcp, size.wrapping_add(34)))
        }
        17 if !is_tunnel_port(u16::from_be_bytes([head[36], head[37]])) => Some((head, Layer::Udp, 42)),
        1 => Some((head, Layer::Icmp, 42)),
        _ => None,
    }
}

/// Writes all fields of such headers; gives their presence bits.
#[inline]
pub(super) fn fill(head: &[u8; SIZE], row: &mut FlowRecord) -> u64 {
    let mut present = 0;
    let address = |[a, b, c, d]: [u8; 4]| [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d];
    // Each in one piece: put together octet by octet they take twice as long.
    if let [dst_mac, src_mac, ..] = head.as_chunks::<6>().0 {
        put!(row, present, DST_MAC, *dst_mac);
        put!(row, present, SRC_MAC, *src_mac);
    }
    put!(row, present, ETHERTYPE, IPV4.to_ne_bytes());
    put!(row, present, IP_VERSION, [4]);
    put!(row, present, TOS, [head[15]]);
    put!(row, present, TTL, [head[22]]);
    put!(row, present, IP_PROTOCOL, [head[23]]);
    put!(row, present, SRC_ADDR, address([head[26], head[27], head[28], head[29]]));
    put!(row, present, DST_ADDR, address([head[30], head[31], head[32], head[33]]));
    if head[23] == 1 {
        put!(row, present, ICMP_TYPE, [head[34]]);
        put!(row, present, ICMP_CODE, [head[35]]);
        return present;
    }
    put!(row, present, SRC_PORT, u16::from_be_bytes([head[34], head[35]]).to_ne_bytes());
    put!(row, present, DST_PORT, u16::from_be_bytes([head[36], head[37]]).to_ne_bytes());
    if head[23] == 6 {
        put!(row, present, TCP_FLAGS, (u16::from_be_bytes([head[46], head[47]]) & 0x0fff).to_ne_bytes());
    }
    present
}
