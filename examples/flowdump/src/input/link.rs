//! From a frame to its IP packet: the link layers of captures.

use etherparse::{EtherType, LaxSlicedPacket};

/// How the frames of an interface start.
///
/// The numbers are those of the registry of link types that pcap and pcapng share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// Ethernet II, with up to three VLAN tags.
    Ethernet,
    /// Four octets of address family, in the octet order of the machine (0) or of the network (108).
    Loopback,
    /// IPv4 or IPv6 at once.
    Ip,
    /// Linux "any" device: 16 octets, the EtherType last.
    Cooked,
    /// Its second version: 20 octets, the EtherType first.
    Cooked2,
}

impl Link {
    /// The link layer with this number, if it is known here.
    pub(super) fn new(number: u16) -> Option<Self> {
        Some(match number {
            1 => Self::Ethernet,
            0 | 108 => Self::Loopback,
            12 | 14 | 101 | 228 | 229 => Self::Ip,
            113 => Self::Cooked,
            276 => Self::Cooked2,
            _ => return None,
        })
    }

    /// Takes the headers apart, down to IP where there is IP; `None` where the frame is too short or nonsense.
    pub(super) fn packet(self, frame: &[u8]) -> Option<LaxSlicedPacket<'_>> {
        match self {
            Self::Ethernet => LaxSlicedPacket::from_ethernet(frame).ok(),
            Self::Loopback => {
                let (family, packet) = frame.split_first_chunk()?;
                if is_ip(*family) { LaxSlicedPacket::from_ip(packet).ok() } else { Some(not_ip(packet)) }
            }
            Self::Ip => LaxSlicedPacket::from_ip(frame).ok(),
            Self::Cooked => {
                let (header, packet) = frame.split_first_chunk::<16>()?;
                let [.., a, b] = *header;
                Some(with_ether_type([a, b], packet))
            }
            Self::Cooked2 => {
                let (header, packet) = frame.split_first_chunk::<20>()?;
                let [a, b, ..] = *header;
                Some(with_ether_type([a, b], packet))
            }
        }
    }
}

fn with_ether_type(ether_type: [u8; 2], packet: &[u8]) -> LaxSlicedPacket<'_> {
    LaxSlicedPacket::from_ether_type(EtherType(u16::from_be_bytes(ether_type)), packet)
}

/// A packet of which nothing is taken apart.
fn not_ip(packet: &[u8]) -> LaxSlicedPacket<'_> {
    LaxSlicedPacket::from_ether_type(EtherType(0), packet)
}

/// IPv4 is family 2 everywhere; IPv6 is 24, 28 or 30 on the BSDs and 10 on Linux.
fn is_ip(family: [u8; 4]) -> bool {
    let either = [u32::from_le_bytes(family), u32::from_be_bytes(family)];
    either.iter().any(|family| matches!(family, 2 | 10 | 24 | 28 | 30))
}
