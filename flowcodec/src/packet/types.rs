//! Where a walk starts and how it ends.

use core::fmt;

use crate::ie::ElementId;

/// What the first octet belongs to.
///
/// The numbers are those of sFlow v5 (`header_protocol`); what sFlow has no number for stands above them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Start(pub(super) Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// A header protocol of sFlow.
    Sflow(u32),
    /// IPv4 or IPv6, by the first 4 bits.
    Ip,
    /// What an Ethernet type says.
    EtherType(u16),
}

impl Start {
    /// Ethernet (IEEE 802.3), without preamble.
    pub const ETHERNET: Self = Self::from_sflow(1);
    /// PPP, with or without HDLC address and control octets (RFC 1661, RFC 1662).
    pub const PPP: Self = Self::from_sflow(7);
    /// IPv4.
    pub const IPV4: Self = Self::from_sflow(11);
    /// IPv6.
    pub const IPV6: Self = Self::from_sflow(12);
    /// An MPLS label stack (RFC 3032).
    pub const MPLS: Self = Self::from_sflow(13);
    /// Packet over SONET: PPP (RFC 2615) or Cisco HDLC.
    pub const POS: Self = Self::from_sflow(14);
    /// An 802.11 MAC frame.
    pub const WLAN: Self = Self::from_sflow(15);
    /// IPv4 or IPv6, by the version in the first 4 bits.
    pub const IP: Self = Self(Kind::Ip);

    /// A header protocol as sFlow numbers it. Any number is taken: those without a parser here, and unknown ones, are left raw.
    #[must_use]
    pub const fn from_sflow(protocol: u32) -> Self {
        Self(Kind::Sflow(protocol))
    }

    /// What an Ethernet type stands for, from 0x0600 up.
    #[must_use]
    pub const fn from_ether_type(ether_type: u16) -> Self {
        Self(Kind::EtherType(ether_type))
    }

    /// What a `dataLinkFrameType` stands for (element 408, RFC 7133 §3.9.3): 1 Ethernet, 2 802.11; Ethernet where nobody said.
    ///
    /// ```
    /// use flowcodec::packet::Start;
    /// assert_eq!(Start::from_frame_type(None), Some(Start::ETHERNET));
    /// ```
    #[must_use]
    pub const fn from_frame_type(frame_type: Option<u16>) -> Option<Self> {
        match frame_type {
            None | Some(1) => Some(Self::ETHERNET),
            Some(2) => Some(Self::WLAN),
            Some(_) => None,
        }
    }

    /// What an element holds that carries the first octets of packets: 104 and 315 a frame, 313 an IP packet, 316 a label stack.
    /// They may begin later in the packet; `sectionOffset` (409), where it is sent and not zero, means they cannot be read.
    #[must_use]
    pub const fn from_element(element: ElementId) -> Option<Self> {
        match element {
            ElementId::Ipfix { pen: 0, id: 104 | 315 } => Some(Self::ETHERNET),
            ElementId::Ipfix { pen: 0, id: 313 } => Some(Self::IP),
            ElementId::Ipfix { pen: 0, id: 316 } => Some(Self::MPLS),
            _ => None,
        }
    }

    /// Whether there is a parser for it here.
    #[must_use]
    pub const fn is_read(self) -> bool {
        matches!(self.0, Kind::Ip | Kind::EtherType(0x0600..) | Kind::Sflow(1 | 7 | 10..=15))
    }

    /// Its name in sFlow's structure `sampled_header`, where it has one.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            Kind::Ip => "IP",
            Kind::EtherType(_) => "Ethernet type",
            Kind::Sflow(number) => match number {
                1 => "Ethernet",
                2 => "token bus",
                3 => "token ring",
                4 => "FDDI",
                5 => "frame relay",
                6 => "X.25",
                7 => "PPP",
                8 => "SMDS",
                9 => "AAL5",
                10 => "AAL5 IP",
                11 => "IPv4",
                12 => "IPv6",
                13 => "MPLS",
                14 => "POS",
                15 => "802.11 MAC",
                16 => "802.11 A-MPDU",
                17 => "802.11 A-MSDU",
                18 => "InfiniBand",
                _ => "unknown",
            },
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Sflow(number) if self.name() == "unknown" => write!(f, "header protocol {number}"),
            Kind::EtherType(kind) => write!(f, "Ethernet type 0x{kind:04x}"),
            _ => f.write_str(self.name()),
        }
    }
}

/// A header that is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layer {
    /// What the agent said the packet begins with.
    Start,
    /// Ethernet, up to its type.
    Ethernet,
    /// A VLAN tag.
    Vlan,
    /// LLC (IEEE 802.2), SNAP included.
    Llc,
    /// 802.11.
    Wlan,
    /// PPPoE.
    Pppoe,
    /// PPP.
    Ppp,
    /// An MPLS label.
    Mpls,
    /// ARP or RARP.
    Arp,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// An IPv6 extension header.
    Ipv6Extension,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// UDP-Lite.
    UdpLite,
    /// SCTP.
    Sctp,
    /// DCCP.
    Dccp,
    /// ICMP.
    Icmp,
    /// ICMPv6.
    Icmpv6,
    /// GRE.
    Gre,
    /// VXLAN.
    Vxlan,
    /// Geneve.
    Geneve,
}

impl Layer {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "header protocol",
            Self::Ethernet => "Ethernet",
            Self::Vlan => "VLAN tag",
            Self::Llc => "LLC",
            Self::Wlan => "802.11",
            Self::Pppoe => "PPPoE",
            Self::Ppp => "PPP",
            Self::Mpls => "MPLS",
            Self::Arp => "ARP",
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
            Self::Ipv6Extension => "IPv6 extension header",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::UdpLite => "UDP-Lite",
            Self::Sctp => "SCTP",
            Self::Dccp => "DCCP",
            Self::Icmp => "ICMP",
            Self::Icmpv6 => "ICMPv6",
            Self::Gre => "GRE",
            Self::Vxlan => "VXLAN",
            Self::Geneve => "Geneve",
        }
    }
}

/// Why a walk ended; [`Headers::end_offset`](super::Headers::end_offset) says where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum End {
    /// All headers were there and known; the payload, a later fragment's data, or inner headers follow.
    Complete,
    /// The octets ended within a header.
    Truncated {
        /// The header.
        layer: Layer,
        /// Octets it takes, as far as that was to be seen.
        needed: u32,
        /// Octets of it that were there.
        available: u32,
    },
    /// A header was followed by something without a parser here.
    Unknown {
        /// The last header that was read.
        layer: Layer,
        /// What it said would follow: Ethernet type, IP or PPP protocol, LLC service access point, header protocol of sFlow, first 4
        /// bits below MPLS, GRE version, frame control of 802.11.
        number: u32,
    },
    /// A header that contradicts itself or an outer length field; it and what it holds were not read further.
    Invalid {
        /// The header.
        layer: Layer,
    },
    /// More tags, labels, extension headers or tunnels than are followed.
    TooDeep {
        /// The header that was one too many.
        layer: Layer,
    },
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complete => f.write_str("complete"),
            Self::Truncated { layer, needed, available } => {
                write!(f, "{} cut short: {needed} octets needed, {available} there", layer.name())
            }
            Self::Unknown { layer, number } => write!(f, "0x{number:04x} in {} is not known here", layer.name()),
            Self::Invalid { layer } => write!(f, "{} that may not be", layer.name()),
            Self::TooDeep { layer } => write!(f, "too many headers: {}", layer.name()),
        }
    }
}
