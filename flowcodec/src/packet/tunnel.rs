//! Tunnels: what stands between the outer and the inner headers.

use super::headers::{Headers, Place};
use super::parse_to_depth;
use super::types::{Layer, Start};
use super::walk::{BRIDGED, PPP, Walk};
use crate::wire::{be16, be32};

/// The header between outer and inner headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tunnel {
    /// GRE (RFC 2784), with RFC 2890's key; version 1 (RFC 2637) has the call id in the key's lower half.
    Gre {
        /// Ethernet type of what is inside; 0x6558 is bridged Ethernet.
        protocol: u16,
        /// Key, where there is one. NVGRE (RFC 7637) has the subnet in its upper 24 bits.
        key: Option<u32>,
    },
    /// VXLAN (RFC 7348): Ethernet inside.
    Vxlan {
        /// Network identifier, 24 bits.
        vni: u32,
    },
    /// Geneve (RFC 8926).
    Geneve {
        /// Network identifier, 24 bits.
        vni: u32,
        /// Ethernet type of what is inside; 0x6558 is Ethernet.
        protocol: u16,
    },
    /// IPv4 straight in IP, protocol 4 (RFC 2003, RFC 2473).
    Ipv4,
    /// IPv6 straight in IP, protocol 41 (RFC 2473, RFC 4213).
    Ipv6,
    /// MPLS straight in IP, protocol 137 (RFC 4023).
    Mpls,
    /// Ethernet straight in IP, protocol 143 (RFC 8986 §4.9).
    Ethernet,
}

impl Tunnel {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gre { .. } => "GRE",
            Self::Vxlan { .. } => "VXLAN",
            Self::Geneve { .. } => "Geneve",
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
            Self::Mpls => "MPLS",
            Self::Ethernet => "Ethernet",
        }
    }

    /// What the inner headers start with.
    #[must_use]
    pub const fn start(self) -> Start {
        match self {
            Self::Gre { protocol, .. } | Self::Geneve { protocol, .. } => match protocol {
                BRIDGED => Start::ETHERNET,
                PPP => Start::PPP,
                other => Start::from_ether_type(other),
            },
            Self::Vxlan { .. } | Self::Ethernet => Start::ETHERNET,
            Self::Ipv4 => Start::IPV4,
            Self::Ipv6 => Start::IPV6,
            Self::Mpls => Start::MPLS,
        }
    }
}

/// Which header stands between the outer and the inner ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    Gre,
    Vxlan,
    Geneve,
    Ipv4,
    Ipv6,
    Mpls,
    Ethernet,
}

impl Headers<'_> {
    /// The tunnel these headers carry. By protocol number; for VXLAN and Geneve by destination port (4789, 6081), and only when the
    /// tunnel header itself is plausible.
    #[must_use]
    pub fn tunnel(&self) -> Option<Tunnel> {
        let carrier = self.tunnel?;
        let header = self.bytes.get(self.tunnel_at.at()..)?;
        Some(match carrier {
            Carrier::Gre => Tunnel::Gre {
                protocol: be16(header, 2),
                key: header.first().filter(|&flags| flags & KEY != 0).map(|flags| be32(header, key_at(*flags))),
            },
            Carrier::Vxlan => Tunnel::Vxlan { vni: be32(header, 4) >> 8 },
            Carrier::Geneve => Tunnel::Geneve { vni: be32(header, 4) >> 8, protocol: be16(header, 2) },
            Carrier::Ipv4 => Tunnel::Ipv4,
            Carrier::Ipv6 => Tunnel::Ipv6,
            Carrier::Mpls => Tunnel::Mpls,
            Carrier::Ethernet => Tunnel::Ethernet,
        })
    }

    /// The headers inside the tunnel, read now. `None` without a tunnel, where its header was cut, and below the depth that was asked for.
    ///
    /// ```
    /// # let bytes = [0_u8; 0];
    /// use flowcodec::packet::{Start, parse};
    /// let outer = parse(Start::ETHERNET, &bytes);
    /// for headers in std::iter::successors(Some(outer), |headers| headers.inner()) {
    ///     let _ = (headers.src_addr(), headers.tunnel());
    /// }
    /// ```
    #[must_use]
    pub fn inner(&self) -> Option<Self> {
        let depth = self.depth.checked_sub(1)?;
        let start = self.tunnel()?.start();
        Some(parse_to_depth(start, self.bytes.get(self.inner_at.at()..)?, depth))
    }
}

impl Walk<'_, '_> {
    /// Tunnels by IP protocol.
    pub(super) fn tunnel(self, protocol: u8, at: usize) {
        if protocol == 47 {
            return self.gre(at);
        }
        let (carrier, layer) = match protocol {
            4 => (Carrier::Ipv4, Layer::Ipv4),
            41 => (Carrier::Ipv6, Layer::Ipv6),
            137 => (Carrier::Mpls, Layer::Mpls),
            _ => (Carrier::Ethernet, Layer::Ethernet),
        };
        self.tunnelled(carrier, at, at, layer);
    }

    fn tunnelled(self, carrier: Carrier, at: usize, inner_at: usize, layer: Layer) {
        self.headers.tunnel = Some(carrier);
        (self.headers.tunnel_at, self.headers.inner_at) = (Place::new(at), Place::new(inner_at));
        if self.headers.depth == 0 {
            self.too_deep(layer, inner_at);
        } else {
            self.complete(inner_at);
        }
    }

    /// RFC 2784 §2, RFC 2890 §2: flags, version, protocol; then checksum, key and sequence, 4 octets each, where their flag is set.
    fn gre(self, at: usize) {
        (self.headers.transport, self.headers.transport_at) = (Some(Layer::Gre), Place::new(at));
        let Some(&[flags, low, a, b]) = self.chunk::<4>(at) else { return self.cut(Layer::Gre, at, 4) };
        let present = |flag: u8| if flags & flag != 0 { 4_usize } else { 0 };
        let optional = present(CHECKSUM).wrapping_add(present(KEY)).wrapping_add(present(SEQUENCE));
        let size = match low & 0x07 {
            // Source routes (RFC 1701) are gone from RFC 2784.
            version @ 0 if flags & ROUTING != 0 => return self.unknown(Layer::Gre, at, version),
            0 => optional.wrapping_add(4),
            // RFC 2637 §4.1: always a key, never a checksum, PPP inside; an acknowledgement with a flag of its own.
            1 if flags & (CHECKSUM | ROUTING | KEY) == KEY && u16::from_be_bytes([a, b]) == PPP => {
                optional.wrapping_add(if low & 0x80 != 0 { 8 } else { 4 })
            }
            1 => return self.invalid(Layer::Gre, at),
            version => return self.unknown(Layer::Gre, at, version),
        };
        if self.rest(at).len() < size {
            return self.cut(Layer::Gre, at, size);
        }
        self.tunnelled(Carrier::Gre, at, at.wrapping_add(size), Layer::Gre);
    }

    /// RFC 768: ports, length, checksum; tunnels by destination port.
    #[inline]
    pub(super) fn udp(self, head: [u8; 8], at: usize) {
        let data = at.wrapping_add(8);
        match u16::from_be_bytes([head[2], head[3]]) {
            VXLAN_PORT => self.udp_tunnel(Layer::Vxlan, head, at),
            GENEVE_PORT => self.udp_tunnel(Layer::Geneve, head, at),
            _ => self.complete(data),
        }
    }

    fn udp_tunnel(mut self, layer: Layer, head: [u8; 8], udp_at: usize) {
        let at = udp_at.wrapping_add(8);
        let length = usize::from(u16::from_be_bytes([head[4], head[5]]));
        if length >= 8 {
            self.limit(udp_at.wrapping_add(length));
        }
        // Any host may pick these ports: what does not look like the tunnel is payload.
        let Some(&[first, _, _, _, _, _, _, last]) = self.chunk::<8>(at) else {
            return if self.headers.own_end { self.complete(at) } else { self.cut(layer, at, 8) };
        };
        let (carrier, size) = match layer {
            // RFC 7348 §5: the I flag says the VNI is valid; the last octet is reserved.
            Layer::Vxlan if first & 0x08 != 0 && last == 0 => (Carrier::Vxlan, 8),
            // RFC 8926 §3.4: version 0, length of the options in units of 4 octets; the last octet is reserved.
            Layer::Geneve if first >> 6 == 0 && last == 0 => {
                (Carrier::Geneve, usize::from(first & 0x3f).wrapping_mul(4).wrapping_add(8))
            }
            _ => return self.complete(at),
        };
        if self.rest(at).len() < size {
            return self.cut(layer, at, size);
        }
        self.tunnelled(carrier, at, at.wrapping_add(size), layer);
    }
}

pub(super) const fn is_tunnel_port(port: u16) -> bool {
    matches!(port, VXLAN_PORT | GENEVE_PORT)
}

const VXLAN_PORT: u16 = 4789;
const GENEVE_PORT: u16 = 6081;

const CHECKSUM: u8 = 0x80;
const ROUTING: u8 = 0x40;
const KEY: u8 = 0x20;
const SEQUENCE: u8 = 0x10;

/// Where the key stands: behind the checksum, where there is one.
const fn key_at(flags: u8) -> usize {
    if flags & CHECKSUM != 0 { 8 } else { 4 }
}
