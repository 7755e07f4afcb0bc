//! What a walk found, read from its octets when asked for.

use std::net::{IpAddr, Ipv4Addr};

use super::tunnel::Carrier;
use super::types::{End, Layer};
use crate::model::{Mac, Numbers, address_of_octets};

/// The headers of one packet, from the outermost to the transport: offsets into the octets they were read from.
///
/// Accessors are absent (`None`) for what the packet does not have, for what was cut, and for what a later fragment does not carry.
/// Those of the network and transport layer are the outer ones; [`inner`](Self::inner) gives those inside a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) end: End,
    pub(super) end_at: Place,
    pub(super) dst_mac_at: Place,
    pub(super) src_mac_at: Place,
    /// The first tag behind its type, where there are `tags`.
    pub(super) tag_at: Place,
    /// The first label, where there are `labels`.
    pub(super) labels_at: Place,
    pub(super) pppoe_at: Place,
    pub(super) network_at: Place,
    /// The first IPv6 fragment header.
    pub(super) fragment_at: Place,
    pub(super) transport_at: Place,
    pub(super) tunnel_at: Place,
    pub(super) inner_at: Place,
    /// 0, which is no Ethernet type, for none.
    pub(super) ether_type: u16,
    /// [`NO_PROTOCOL`] for none.
    pub(super) ip_protocol: u16,
    pub(super) network: Network,
    pub(super) transport: Option<Layer>,
    pub(super) tunnel: Option<Carrier>,
    pub(super) tags: u8,
    pub(super) labels: u8,
    pub(super) stack_ended: bool,
    pub(super) depth: u8,
    /// Whether the octets end where a length field says, rather than where the sample was cut.
    pub(super) own_end: bool,
    /// Whether it is the commonest of packets, whole: see [`plain`](super::plain).
    pub(super) plain: bool,
}

/// An IP protocol that is not known.
pub(super) const NO_PROTOCOL: u16 = 0x100;

/// An offset, held within the 16 bits that are looked at. Plain numbers rather than options: a new [`Headers`] is a few wide stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(u16);

impl Place {
    /// No place. Nothing is there to be read.
    pub(super) const NONE: Self = Self(u16::MAX);

    #[inline]
    pub(super) fn new(at: usize) -> Self {
        u16::try_from(at).map_or(Self::NONE, Self)
    }

    /// The offset; behind everything for [`NONE`](Self::NONE).
    #[inline]
    pub(super) fn at(self) -> usize {
        usize::from(self.0)
    }

    #[inline]
    pub(super) fn get(self) -> Option<usize> {
        (self != Self::NONE).then(|| self.at())
    }
}

/// What the network layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    None,
    Ipv4,
    Ipv6,
    Arp,
}

/// An ARP or RARP packet (RFC 826, RFC 903). Addresses are told for Ethernet and IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arp {
    /// Operation: 1 request, 2 reply, 3 and 4 those of RARP.
    pub operation: u16,
    /// Who asks or answers.
    pub sender_mac: Option<Mac>,
    /// Its protocol address.
    pub sender_addr: Option<Ipv4Addr>,
    /// Who is asked for or answered; in a request not known yet, and zero as a rule.
    pub target_mac: Option<Mac>,
    /// Its protocol address.
    pub target_addr: Option<Ipv4Addr>,
}

impl<'a> Headers<'a> {
    #[inline]
    pub(super) const fn new(bytes: &'a [u8], depth: u8) -> Self {
        Self {
            bytes,
            end: End::Complete,
            end_at: Place::NONE,
            dst_mac_at: Place::NONE,
            src_mac_at: Place::NONE,
            tag_at: Place::NONE,
            labels_at: Place::NONE,
            pppoe_at: Place::NONE,
            network_at: Place::NONE,
            fragment_at: Place::NONE,
            transport_at: Place::NONE,
            tunnel_at: Place::NONE,
            inner_at: Place::NONE,
            ether_type: 0,
            ip_protocol: NO_PROTOCOL,
            network: Network::None,
            transport: None,
            tunnel: None,
            tags: 0,
            labels: 0,
            stack_ended: false,
            depth,
            own_end: false,
            plain: false,
        }
    }

    /// `N` octets at `at`, unless they were cut.
    #[inline]
    pub(super) fn octets<const N: usize>(&self, at: usize) -> Option<&'a [u8; N]> {
        self.bytes.get(at..)?.first_chunk()
    }

    #[inline]
    fn u16_at(&self, at: usize) -> Option<u16> {
        self.octets(at).map(|octets| u16::from_be_bytes(*octets))
    }

    /// `N` octets at `at` of the IPv4 header.
    #[inline]
    pub(super) fn ipv4<const N: usize>(&self, at: usize) -> Option<&'a [u8; N]> {
        self.network_octets(Network::Ipv4, at)
    }

    /// `N` octets at `at` of the IPv6 header.
    #[inline]
    pub(super) fn ipv6<const N: usize>(&self, at: usize) -> Option<&'a [u8; N]> {
        self.network_octets(Network::Ipv6, at)
    }

    #[inline]
    fn network_octets<const N: usize>(&self, network: Network, at: usize) -> Option<&'a [u8; N]> {
        if self.network != network {
            return None;
        }
        self.octets(self.network_at.at().wrapping_add(at))
    }

    /// Why the walk ended.
    #[must_use]
    pub const fn end(&self) -> End {
        self.end
    }

    /// Where it ended: at the payload or the inner headers when [`End::Complete`], else at the header that could not be read, or, for
    /// [`End::Unknown`], at what is not known or the header that named it. May lie behind the octets that are there.
    #[must_use]
    pub fn end_offset(&self) -> usize {
        self.end_at.at()
    }

    /// Source MAC address.
    #[must_use]
    #[inline]
    pub fn src_mac(&self) -> Option<Mac> {
        self.octets(self.src_mac_at.at()).map(|octets| Mac::new(*octets))
    }

    /// Destination MAC address.
    #[must_use]
    #[inline]
    pub fn dst_mac(&self) -> Option<Mac> {
        self.octets(self.dst_mac_at.at()).map(|octets| Mac::new(*octets))
    }

    /// Ethernet type of the payload: behind all VLAN tags, from SNAP, or what GRE or Geneve says of these inner headers. 802.3 frames
    /// without SNAP have none.
    #[must_use]
    #[inline]
    pub const fn ethertype(&self) -> Option<u16> {
        if self.ether_type == 0 { None } else { Some(self.ether_type) }
    }

    /// VLAN tags seen.
    #[must_use]
    pub const fn vlan_tags(&self) -> u8 {
        self.tags
    }

    /// VLAN id of the outermost tag: the service VLAN of 802.1ad. 0 is a tag that only has a priority (IEEE 802.1Q §9.6).
    #[must_use]
    #[inline]
    pub fn vlan(&self) -> Option<u16> {
        self.tag(0).map(|tag| tag & 0x0fff)
    }

    /// Priority code point of the outermost tag.
    #[must_use]
    pub fn vlan_priority(&self) -> Option<u8> {
        self.tag(0).map(|tag| tag.to_be_bytes()[0] >> 5)
    }

    /// VLAN id of the second tag: the customer's.
    #[must_use]
    #[inline]
    pub fn customer_vlan(&self) -> Option<u16> {
        self.tag(1).map(|tag| tag & 0x0fff)
    }

    #[inline]
    fn tag(&self, number: u8) -> Option<u16> {
        if self.tags <= number {
            return None;
        }
        self.u16_at(self.tag_at.at().wrapping_add(usize::from(number).wrapping_mul(4)))
    }

    /// MPLS labels, top of stack first; the first ten of a deeper stack. Absent when the stack was cut before its bottom (or the tenth
    /// label): part of a stack would be another stack.
    #[must_use]
    pub fn mpls_labels(&self) -> Option<Numbers<'static>> {
        if self.labels == 0 || !(self.stack_ended || self.labels >= 10) {
            return None;
        }
        let mut numbers = Numbers::default();
        let (labels, _) = self.bytes.get(self.labels_at.at()..)?.as_chunks::<4>();
        for label in labels.iter().take(usize::from(self.labels.min(10))) {
            numbers.push(u32::from_be_bytes(*label) >> 12);
        }
        Some(numbers)
    }

    /// PPPoE session id.
    #[must_use]
    pub fn pppoe_session(&self) -> Option<u16> {
        self.u16_at(self.pppoe_at.get()?.wrapping_add(2))
    }

    /// ARP or RARP.
    #[must_use]
    pub fn arp(&self) -> Option<Arp> {
        let &[hardware_a, hardware_b, kind_a, kind_b, hardware_len, kind_len, a, b] = self.network_octets(Network::Arp, 0)?;
        let mut arp = Arp {
            operation: u16::from_be_bytes([a, b]),
            sender_mac: None,
            sender_addr: None,
            target_mac: None,
            target_addr: None,
        };
        if [hardware_a, hardware_b, kind_a, kind_b, hardware_len, kind_len] == [0, 1, 8, 0, 6, 4] {
            let mac = |at| self.network_octets(Network::Arp, at).map(|octets| Mac::new(*octets));
            let address = |at| self.network_octets::<4>(Network::Arp, at).map(|octets| Ipv4Addr::from(*octets));
            (arp.sender_mac, arp.sender_addr) = (mac(8), address(14));
            (arp.target_mac, arp.target_addr) = (mac(18), address(24));
        }
        Some(arp)
    }

    /// IP version.
    #[must_use]
    #[inline]
    pub const fn ip_version(&self) -> Option<u8> {
        match self.network {
            Network::Ipv4 => Some(4),
            Network::Ipv6 => Some(6),
            Network::None | Network::Arp => None,
        }
    }

    /// Source address. An IPv4-mapped IPv6 address is given as IPv4, as everywhere in this crate.
    #[must_use]
    #[inline]
    pub fn src_addr(&self) -> Option<IpAddr> {
        self.address(12, 8)
    }

    /// Destination address, as [`src_addr`](Self::src_addr). With an SRv6 routing header (RFC 8754) it is the current segment.
    #[must_use]
    #[inline]
    pub fn dst_addr(&self) -> Option<IpAddr> {
        self.address(16, 24)
    }

    #[inline]
    fn address(&self, v4_at: usize, v6_at: usize) -> Option<IpAddr> {
        match self.network {
            Network::Ipv4 => self.ipv4::<4>(v4_at).map(|octets| IpAddr::from(*octets)),
            _ => self.ipv6(v6_at).map(|octets| address_of_octets(*octets)),
        }
    }

    /// IP protocol: in IPv6 the one behind the extension headers, absent where those were cut or cannot be followed.
    #[must_use]
    #[inline]
    pub fn ip_protocol(&self) -> Option<u8> {
        u8::try_from(self.ip_protocol).ok()
    }

    /// IPv4 type of service or IPv6 traffic class.
    #[must_use]
    pub fn tos(&self) -> Option<u8> {
        match self.network {
            Network::Ipv4 => self.ipv4::<1>(1).map(|&[tos]| tos),
            _ => self.ipv6(0).map(|&[a, b]| u16::from_be_bytes([a, b]).wrapping_shl(4).to_be_bytes()[0]),
        }
    }

    /// Time to live or hop limit.
    #[must_use]
    pub fn ttl(&self) -> Option<u8> {
        match self.network {
            Network::Ipv4 => self.ipv4::<1>(8),
            _ => self.ipv6(7),
        }
        .map(|&[ttl]| ttl)
    }

    /// IPv6 flow label.
    #[must_use]
    pub fn flow_label(&self) -> Option<u32> {
        self.ipv6(0).map(|octets| u32::from_be_bytes(*octets) & 0x000f_ffff)
    }

    /// Length of the original IP packet in octets, its header included, whatever the sample was cut to: IPv4 total length, IPv6 payload
    /// length and 40, or a jumbogram's (RFC 2675). Absent when the header has 0 there (a packet the network card had yet to cut up).
    #[must_use]
    pub fn ip_len(&self) -> Option<u32> {
        if self.network == Network::Ipv4 {
            let &[first, _, a, b] = self.ipv4(0)?;
            let length = u16::from_be_bytes([a, b]);
            return (length >= u16::from(first & 0x0f).wrapping_mul(4)).then_some(u32::from(length));
        }
        let &[a, b, next] = self.ipv6(4)?;
        let length = match u16::from_be_bytes([a, b]) {
            // Hop-by-hop options that begin with "jumbo payload": type 0xC2, 4 octets.
            0 if next == 0 => match self.ipv6(42)? {
                &[0xc2, 4, a, b, c, d] => u32::from_be_bytes([a, b, c, d]),
                _ => return None,
            },
            0 => return None,
            length => u32::from(length),
        };
        length.checked_add(40)
    }

    /// Octets of the original packet from its network header on, as flow records count them: what the IP header says, or else what
    /// `frame_octets` (the frame's length on the wire, check sequence left out; 0 for not known) leaves behind the link's headers.
    #[must_use]
    pub fn network_len(&self, frame_octets: u32) -> Option<u32> {
        let behind = || frame_octets.checked_sub(u32::try_from(self.network_at.get()?).ok()?).filter(|_| frame_octets != 0);
        self.ip_len().or_else(behind)
    }

    /// Identification: of the IPv4 header, or of the IPv6 fragment header.
    #[must_use]
    pub fn fragment_id(&self) -> Option<u32> {
        match self.fragment_at.get() {
            Some(at) => self.octets(at.wrapping_add(4)).map(|octets| u32::from_be_bytes(*octets)),
            None => self.ipv4(4).map(|octets| u32::from(u16::from_be_bytes(*octets))),
        }
    }

    /// Fragment offset in units of 8 octets: of the IPv4 header, or of the IPv6 fragment header.
    #[must_use]
    pub fn fragment_offset(&self) -> Option<u16> {
        match self.fragment_at.get() {
            Some(at) => self.u16_at(at.wrapping_add(2)).map(|word| word >> 3),
            None => self.ipv4(6).map(|octets| u16::from_be_bytes(*octets) & 0x1fff),
        }
    }

    /// Fragment flags as element 197 has them: 0x40 do not fragment, 0x20 more fragments.
    #[must_use]
    pub fn fragment_flags(&self) -> Option<u8> {
        match self.fragment_at.get() {
            Some(at) => self.octets(at.wrapping_add(3)).map(|&[low]| low.wrapping_shl(5) & 0x20),
            None => self.ipv4(6).map(|&[high]| high & 0xe0),
        }
    }

    /// The transport header, or GRE's; none in later fragments.
    #[must_use]
    pub const fn transport(&self) -> Option<Layer> {
        self.transport
    }

    /// `N` octets at `at` of a transport header of one of the kinds that `like` accepts.
    #[inline]
    pub(super) fn transport_octets<const N: usize>(&self, like: fn(Layer) -> bool, at: usize) -> Option<&'a [u8; N]> {
        if like(self.transport?) { self.octets(self.transport_at.at().wrapping_add(at)) } else { None }
    }

    /// Source port of TCP, UDP, UDP-Lite, SCTP or DCCP.
    #[must_use]
    #[inline]
    pub fn src_port(&self) -> Option<u16> {
        self.transport_octets(has_ports, 0).map(|octets| u16::from_be_bytes(*octets))
    }

    /// Destination port of the same.
    #[must_use]
    #[inline]
    pub fn dst_port(&self) -> Option<u16> {
        self.transport_octets(has_ports, 2).map(|octets| u16::from_be_bytes(*octets))
    }

    /// TCP control bits: the 8 flags and the 4 bits above them, as element 6 has them (RFC 9565).
    #[must_use]
    #[inline]
    pub fn tcp_flags(&self) -> Option<u16> {
        self.transport_octets(|layer| layer == Layer::Tcp, 12).map(|octets| u16::from_be_bytes(*octets) & 0x0fff)
    }

    /// ICMP or ICMPv6 type.
    #[must_use]
    #[inline]
    pub fn icmp_type(&self) -> Option<u8> {
        self.transport_octets(is_icmp, 0).map(|&[kind]| kind)
    }

    /// ICMP or ICMPv6 code.
    #[must_use]
    #[inline]
    pub fn icmp_code(&self) -> Option<u8> {
        self.transport_octets(is_icmp, 1).map(|&[code]| code)
    }

    /// Where the network header is: behind the link's headers, tags and labels, also when it is not IP.
    #[must_use]
    pub fn network_offset(&self) -> Option<usize> {
        self.network_at.get()
    }

    /// Where the transport header is, or would be had it not been cut.
    #[must_use]
    pub fn transport_offset(&self) -> Option<usize> {
        self.transport_at.get()
    }
}

pub(super) const fn has_ports(layer: Layer) -> bool {
    matches!(layer, Layer::Tcp | Layer::Udp | Layer::UdpLite | Layer::Sctp | Layer::Dccp)
}

pub(super) const fn is_icmp(layer: Layer) -> bool {
    matches!(layer, Layer::Icmp | Layer::Icmpv6)
}
