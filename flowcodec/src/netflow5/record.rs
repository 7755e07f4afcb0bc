//! One record, read where it lies.

use std::net::Ipv4Addr;

use crate::exporter::Protocol;
use crate::wire::{be16, be32};

/// One flow record of v1, v5 or v7.
///
/// ```text
///   0 source address      4 destination address   8 next hop
///  12 input u16  14 output u16  16 packets u32  20 octets u32  24 first ms u32  28 last ms u32  32 source port  34 destination port
///  v5, v7: 36 pad (v7: flags)  37 TCP flags  38 protocol  39 ToS  40 source AS  42 destination AS  44 prefix lengths  46 pad (v7: flags)
///  v1:     36 pad              38 protocol   39 ToS  40 TCP flags  41 pad
///  v7:     48 address of the router that was bypassed
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    octets: &'a [u8],
    /// What all three versions have.
    common: &'a [u8; Record::COMMON],
    protocol: Protocol,
}

macro_rules! accessors {
    ($($(#[doc = $doc:literal])+ $name:ident -> $type:ty = |$octets:ident| $value:expr;)*) => {
        impl Record<'_> {$(
            $(#[doc = $doc])+
            #[must_use]
            #[inline]
            pub fn $name(&self) -> $type {
                let $octets = self.common;
                $value
            }
        )*}
    };
}

accessors! {
    /// Source address.
    src_addr -> Ipv4Addr = |octets| Ipv4Addr::from(be32(octets, 0));
    /// Destination address.
    dst_addr -> Ipv4Addr = |octets| Ipv4Addr::from(be32(octets, 4));
    /// Next hop; `0.0.0.0` in v7 and where there is none.
    next_hop -> Ipv4Addr = |octets| Ipv4Addr::from(be32(octets, 8));
    /// Input interface index.
    in_if -> u16 = |octets| be16(octets, 12);
    /// Output interface index.
    out_if -> u16 = |octets| be16(octets, 14);
    /// Packets.
    packets -> u32 = |octets| be32(octets, 16);
    /// Octets.
    octets -> u32 = |octets| be32(octets, 20);
    /// Uptime at the first packet, in milliseconds.
    first_ms -> u32 = |octets| be32(octets, 24);
    /// Uptime at the last packet, in milliseconds.
    last_ms -> u32 = |octets| be32(octets, 28);
    /// Source port.
    src_port -> u16 = |octets| be16(octets, 32);
    /// Destination port; of ICMP, type × 256 + code.
    dst_port -> u16 = |octets| be16(octets, 34);
    /// IP protocol.
    ip_protocol -> u8 = |octets| octets[38];
    /// Type of service.
    tos -> u8 = |octets| octets[39];
}

impl<'a> Record<'a> {
    /// Octets of the shortest record.
    const COMMON: usize = 48;

    /// `None` of octets that are too few.
    #[inline]
    pub(super) const fn new(octets: &'a [u8], protocol: Protocol) -> Option<Self> {
        match octets.first_chunk() {
            Some(common) => Some(Self { octets, common, protocol }),
            None => None,
        }
    }

    /// The octets of the record.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.octets
    }

    /// TCP flags, OR-ed.
    #[must_use]
    #[inline]
    pub fn tcp_flags(&self) -> u8 {
        let at = if matches!(self.protocol, Protocol::NetFlow1) { 40 } else { 37 };
        self.common.get(at).copied().unwrap_or(0)
    }

    /// Source AS; `None` in v1.
    #[must_use]
    #[inline]
    pub fn src_as(&self) -> Option<u16> {
        self.beyond_v1().map(|octets| be16(octets, 40))
    }

    /// Destination AS; `None` in v1.
    #[must_use]
    #[inline]
    pub fn dst_as(&self) -> Option<u16> {
        self.beyond_v1().map(|octets| be16(octets, 42))
    }

    /// Prefix length of the source; `None` in v1.
    #[must_use]
    #[inline]
    pub fn src_prefix_len(&self) -> Option<u8> {
        self.beyond_v1().map(|octets| octets[44])
    }

    /// Prefix length of the destination; `None` in v1.
    #[must_use]
    #[inline]
    pub fn dst_prefix_len(&self) -> Option<u8> {
        self.beyond_v1().map(|octets| octets[45])
    }

    /// v7: address of the router that the switch bypassed.
    #[must_use]
    #[inline]
    pub fn bypassed_router(&self) -> Option<Ipv4Addr> {
        matches!(self.protocol, Protocol::NetFlow7).then(|| Ipv4Addr::from(be32(self.octets, 48)))
    }

    /// v7: flags that say which fields are not valid (octets 36, and 46 to 47).
    #[must_use]
    #[inline]
    pub fn validity_flags(&self) -> Option<(u8, u16)> {
        matches!(self.protocol, Protocol::NetFlow7).then(|| (self.common[36], be16(self.common, 46)))
    }

    #[inline]
    fn beyond_v1(&self) -> Option<&'a [u8; Record::COMMON]> {
        (!matches!(self.protocol, Protocol::NetFlow1)).then_some(self.common)
    }
}
