//! The words goflow2 has for numbers.

use super::table::Name;
use crate::exporter::Protocol;

/// Protocols a message came in, by number.
pub(super) const TYPES: [&str; 5] = ["FLOWUNKNOWN", "SFLOW_5", "NETFLOW_V5", "NETFLOW_V9", "IPFIX"];

/// The protocol that goflow2 has this number for.
pub(super) const fn protocol_of_type(kind: u64) -> Option<Protocol> {
    Some(match kind {
        1 => Protocol::Sflow,
        2 => Protocol::NetFlow5,
        3 => Protocol::NetFlow9,
        4 => Protocol::Ipfix,
        _ => return None,
    })
}

/// An Ethernet type; empty for most.
pub(super) const fn etype(number: u64) -> &'static str {
    match number {
        0x0800 => "IPv4",
        0x0806 => "ARP",
        0x86dd => "IPv6",
        _ => "",
    }
}

/// The Ethernet type of a word.
pub(super) fn etype_of(word: &[u8]) -> Option<u64> {
    [0x0800, 0x0806, 0x86dd].into_iter().find(|&number| etype(number).as_bytes() == word)
}

/// An IP protocol, as v2 says it.
pub(super) fn protocol(number: u64) -> &'static str {
    let word = usize::try_from(number).ok().and_then(|number| PROTOCOLS.get(number));
    word.copied().unwrap_or(match number {
        146..=252 => "unassigned",
        253 | 254 => "experimental",
        255 => "reserved",
        _ => "unknown",
    })
}

/// The IP protocol of a word, also of those of v1 and of v2 before 2.2; `None` for words that several have.
pub(super) fn protocol_of(word: &[u8]) -> Option<u64> {
    let number = match word {
        // What most packets are is not looked for.
        b"TCP" => Some(6),
        b"UDP" => Some(17),
        b"ICMPv6" => Some(58),
        b"reserved" => Some(255),
        _ => PROTOCOLS.iter().position(|known| known.as_bytes() == word),
    };
    number.and_then(|number| u64::try_from(number).ok())
}

/// A layer of the sampled headers; empty when it has no name.
pub(super) fn layer(number: u32) -> &'static str {
    match number {
        99 => "Custom",
        _ => usize::try_from(number).ok().and_then(|number| LAYERS.get(number)).copied().unwrap_or_default(),
    }
}

/// The layer of a word.
pub(super) fn layer_of(word: &[u8]) -> Option<u64> {
    let number = LAYERS.iter().position(|known| known.as_bytes() == word).or_else(|| (word == b"Custom").then_some(99));
    number.and_then(|number| u64::try_from(number).ok())
}

/// What v1 adds to the numbers: empty for most.
pub(super) const fn name(name: Name, etype: u64, protocol: u64, icmp_type: u64) -> &'static str {
    match (name, protocol) {
        (Name::Etype, _) => self::etype(etype),
        (Name::Protocol, 1) => "ICMP",
        (Name::Protocol, 6) => "TCP",
        (Name::Protocol, 17) => "UDP",
        (Name::Protocol, 58) => "ICMPv6",
        (Name::Protocol, 132) => "SCTP",
        (Name::Icmp, 1) => match icmp_type {
            0 => "EchoReply",
            3 => "DestinationUnreachable",
            8 => "Echo",
            9 => "RouterAdvertisement",
            10 => "RouterSolicitation",
            11 => "TimeExceeded",
            _ => "",
        },
        (Name::Icmp, 58) => match icmp_type {
            1 => "DestinationUnreachable",
            2 => "PacketTooBig",
            3 => "TimeExceeded",
            128 => "EchoRequest",
            129 => "EchoReply",
            133 => "RouterSolicitation",
            134 => "RouterAdvertisement",
            _ => "",
        },
        _ => "",
    }
}

/// By number.
const LAYERS: [&str; 14] = [
    "Ethernet",
    "IPv4",
    "IPv6",
    "TCP",
    "UDP",
    "MPLS",
    "Dot1Q",
    "ICMP",
    "ICMPv6",
    "GRE",
    "IPv6HeaderRouting",
    "IPv6HeaderFragment",
    "Geneve",
    "Teredo",
];

/// By number: IANA's keywords, and goflow2's own where IANA has none.
#[rustfmt::skip]
const PROTOCOLS: [&str; 146] = [
    "HOPOPT", "ICMP", "IGMP", "GGP", "IPv4", "ST", "TCP", "CBT", "EGP", "IGP", "BBN-RCC-MON", "NVP-II", "PUP", "ARGUS",
    "EMCON", "XNET", "CHAOS", "UDP", "MUX", "DCN-MEAS", "HMP", "PRM", "XNS-IDP", "TRUNK-1", "TRUNK-2", "LEAF-1", "LEAF-2",
    "RDP", "IRTP", "ISO-TP4", "NETBLT", "MFE-NSP", "MERIT-INP", "DCCP", "3PC", "IDPR", "XTP", "DDP", "IDPR-CMTP", "TP++", "IL",
    "IPv6", "SDRP", "IPv6-Route", "IPv6-Frag", "IDRP", "RSVP", "GRE", "DSR", "BNA", "ESP", "AH", "I-NLSP", "SWIPE", "NARP",
    "Min-IPv4", "TLSP", "SKIP", "IPv6-ICMP", "IPv6-NoNxt", "IPv6-Opts", "any-host-internal-protocol", "CFTP",
    "any-local-network", "SAT-EXPAK", "KRYPTOLAN", "RVD", "IPPC", "any-distributed-file-system", "SAT-MON", "VISA", "IPCV",
    "CPNX", "CPHB", "WSN", "PVP", "BR-SAT-MON", "SUN-ND", "WB-MON", "WB-EXPAK", "ISO-IP", "VMTP", "SECURE-VMTP", "VINES",
    "IPTM", "NSFNET-IGP", "DGP", "TCF", "EIGRP", "OSPFIGP", "Sprite-RPC", "LARP", "MTP", "AX.25", "IPIP", "MICP", "SCC-SP",
    "ETHERIP", "ENCAP", "any-private-encryption-scheme", "GMTP", "IFMP", "PNNI", "PIM", "ARIS", "SCPS", "QNX", "A/N", "IPComp",
    "SNP", "Compaq-Peer", "IPX-in-IP", "VRRP", "PGM", "any-0-hop-protocol", "L2TP", "DDX", "IATP", "STP", "SRP", "UTI", "SMP",
    "SM", "PTP", "ISIS over IPv4", "FIRE", "CRTP", "CRUDP", "SSCOPMCE", "IPLT", "SPS", "PIPE", "SCTP", "FC", "RSVP-E2E-IGNORE",
    "Mobility Header", "UDPLite", "MPLS-in-IP", "manet", "HIP", "Shim6", "WESP", "ROHC", "Ethernet", "AGGFRAG", "NSH",
];
