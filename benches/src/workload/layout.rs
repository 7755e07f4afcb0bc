//! What the messages look like: which fields, in which order, how many records.

use super::flow::{Fill, Name};
use super::{Capture, EXPORTERS, Size};

/// What kind of messages a workload has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// NetFlow v5, 30 records a packet.
    NetFlow5,
    /// NetFlow v9, 21 fields of fixed length; 18 IPv4 records a packet, or (every fourth) 13 IPv6 records.
    NetFlow9,
    /// The same in IPFIX, with times in milliseconds; 18 IPv4 or 12 IPv6 records a message.
    Ipfix,
    /// The flow aggregator of Antrea 2.7: 66 fields, 17 of them of variable length. 18 records (8 KB) a message, as over a stream.
    Antrea,
    /// The same with the two records that fit into a datagram of an Ethernet frame.
    AntreaDatagrams,
    /// sFlow: four flow samples a datagram, each with a header of 128 octets, switch, router and gateway; now and then counters.
    Sflow,
    /// IPFIX of IPv4 flows from so many exporters in turn.
    Exporters(u16),
    /// The same with so many templates in turn, of [`EXPORTERS`] or as many exporters as there are templates; their fields stand in
    /// different orders.
    Templates(u16),
    /// VAN-Flow: 50 connections a message, each with everything.
    Van,
    /// The same, of so many connections that are held, each with two counters that have counted up.
    VanUpdates(u32),
    /// As it was recorded; templates among the data, and a decoder that knows nothing of them.
    Capture(Capture),
}

impl Shape {
    /// Those that are made, with [`EXPORTERS`].
    pub const ALL: [Self; 6] = [Self::NetFlow5, Self::NetFlow9, Self::Ipfix, Self::Antrea, Self::AntreaDatagrams, Self::Sflow];

    /// A short name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NetFlow5 => "v5",
            Self::NetFlow9 => "v9",
            Self::Ipfix => "ipfix",
            Self::Antrea => "antrea",
            Self::AntreaDatagrams => "antrea_mtu",
            Self::Sflow => "sflow",
            Self::Exporters(_) => "exporters",
            Self::Templates(_) => "templates",
            Self::Van => "vanflow",
            Self::VanUpdates(_) => "vanflow_updates",
            Self::Capture(capture) => capture.name(),
        }
    }

    /// The sizes it is measured in.
    #[must_use]
    pub const fn sizes(self) -> &'static [Size] {
        match self {
            Self::Exporters(_) | Self::Templates(_) => &[Size::Rotation],
            Self::Capture(_) => &[Size::Capture],
            Self::VanUpdates(_) => &[Size::Small, Size::Rotation],
            _ => &[Size::Small, Size::Large],
        }
    }

    /// How many exporters take turns.
    pub(super) fn exporters(self) -> usize {
        match self {
            Self::Exporters(count) => usize::from(count),
            Self::Templates(count) => usize::from(count).min(EXPORTERS),
            _ => EXPORTERS,
        }
    }

    /// Messages after which each template was used.
    pub(super) fn turns(self) -> usize {
        match self {
            Self::Templates(count) => usize::from(count),
            _ => 0,
        }
    }

    /// Where the sequence number stands in the message (in sFlow, of an IPv4 agent).
    pub(super) const fn sequence_at(self) -> Option<usize> {
        match self {
            Self::NetFlow5 | Self::Sflow => Some(16),
            Self::NetFlow9 => Some(12),
            Self::Ipfix | Self::Antrea | Self::AntreaDatagrams | Self::Exporters(_) | Self::Templates(_) => Some(8),
            Self::Van | Self::VanUpdates(_) | Self::Capture(_) => None,
        }
    }

    /// The templates of an exporter.
    pub(super) fn layouts(self, number: usize) -> Vec<Layout> {
        let mut layouts: Vec<_> = [Family::V4, Family::V6].into_iter().filter_map(|family| self.of(family)).collect();
        if let (Self::Templates(count), [first, ..]) = (self, &layouts[..]) {
            let (count, first) = (usize::from(count), *first);
            let turns = (number..count).step_by(self.exporters());
            layouts = turns.zip(0..).map(|(turn, nth)| first.turned(turn, nth)).collect();
        }
        layouts
    }

    /// The template of the message number `made`, the one of its exporter in this round.
    pub(super) fn layout(self, number: usize, made: usize, round: usize) -> Option<Layout> {
        if let Self::Templates(count) = self {
            let own = (usize::from(count) - number).div_ceil(self.exporters());
            let nth = round % own;
            return Some(self.of(Family::V4)?.turned(number + nth * self.exporters(), nth));
        }
        let family = if made % 64 >= 48 { Family::V6 } else { Family::V4 };
        self.of(family).or_else(|| self.of(Family::V4))
    }

    /// The template of a family, where there is one.
    const fn of(self, family: Family) -> Option<Layout> {
        let (id, records, fields): (_, _, &'static [Field]) = match (self, family) {
            (Self::NetFlow9, Family::V4) => (256, 18, &NETFLOW9_V4),
            (Self::NetFlow9, Family::V6) => (257, 13, &NETFLOW9_V6),
            (Self::Ipfix | Self::Exporters(_) | Self::Templates(_), Family::V4) => (256, 18, &IPFIX_V4),
            (Self::Ipfix, Family::V6) => (257, 12, &IPFIX_V6),
            (Self::Antrea, Family::V4) => (256, 18, &ANTREA),
            (Self::AntreaDatagrams, Family::V4) => (256, 2, &ANTREA),
            _ => return None,
        };
        Some(Layout { id, records, fields, first: 0, own: None })
    }
}

/// Which addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

/// One template and how many of its records a message holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) id: u16,
    pub(super) records: u16,
    fields: &'static [Field],
    /// The field that it begins with; those in front of it come last.
    first: usize,
    /// An element that no other template has, behind them all: so none is compiled for another.
    own: Option<Field>,
}

impl Layout {
    pub(super) fn fields(&self) -> impl Iterator<Item = Field> + use<> {
        let (behind, ahead) = self.fields.split_at_checked(self.first).unwrap_or_default();
        ahead.iter().chain(behind).copied().chain(self.own)
    }

    /// The same fields in the order number `turn` and one of its own, as the template number `nth` of its exporter.
    fn turned(self, turn: usize, nth: usize) -> Self {
        let element = u16::try_from(turn).unwrap_or(0) & 0x7fff;
        let own = Some(Field { enterprise: Some(UNKNOWN), element, fill: Fill::Code });
        let id = self.id.wrapping_add(u16::try_from(nth).unwrap_or(0));
        Self { id, first: turn % self.fields.len().max(1), own, ..self }
    }
}

/// The enterprise number for examples (RFC 5612).
const UNKNOWN: u32 = 32_473;

/// One field of a template.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) enterprise: Option<u32>,
    pub(super) element: u16,
    pub(super) fill: Fill,
}

const fn i(element: u16, fill: Fill) -> Field {
    Field { enterprise: None, element, fill }
}

const fn r(element: u16, fill: Fill) -> Field {
    Field { enterprise: Some(29_305), element, fill }
}

const fn a(element: u16, fill: Fill) -> Field {
    Field { enterprise: Some(56_506), element, fill }
}

const fn text(element: u16, name: Name) -> Field {
    a(element, Fill::Text(name))
}

static NETFLOW9_V4: [Field; 21] = [
    i(8, Fill::Src4),
    i(12, Fill::Dst4),
    i(15, Fill::NextHop4),
    i(10, Fill::InIf),
    i(14, Fill::OutIf),
    i(2, Fill::Packets),
    i(1, Fill::Octets),
    i(22, Fill::StartUptime),
    i(21, Fill::EndUptime),
    i(7, Fill::SrcPort),
    i(11, Fill::DstPort),
    i(6, Fill::Flags),
    i(4, Fill::Protocol),
    i(5, Fill::Tos),
    i(16, Fill::SrcAs),
    i(17, Fill::DstAs),
    i(9, Fill::SrcMask4),
    i(13, Fill::DstMask4),
    i(58, Fill::Vlan),
    i(59, Fill::Vlan),
    i(61, Fill::Direction),
];

static NETFLOW9_V6: [Field; 21] = [
    i(27, Fill::Src6),
    i(28, Fill::Dst6),
    i(62, Fill::NextHop6),
    i(10, Fill::InIf),
    i(14, Fill::OutIf),
    i(2, Fill::Packets),
    i(1, Fill::Octets),
    i(22, Fill::StartUptime),
    i(21, Fill::EndUptime),
    i(7, Fill::SrcPort),
    i(11, Fill::DstPort),
    i(6, Fill::Flags),
    i(4, Fill::Protocol),
    i(5, Fill::Tos),
    i(16, Fill::SrcAs),
    i(17, Fill::DstAs),
    i(29, Fill::SrcMask6),
    i(30, Fill::DstMask6),
    i(58, Fill::Vlan),
    i(59, Fill::Vlan),
    i(61, Fill::Direction),
];

static IPFIX_V4: [Field; 21] = [
    i(8, Fill::Src4),
    i(12, Fill::Dst4),
    i(5, Fill::Tos),
    i(4, Fill::Protocol),
    i(7, Fill::SrcPort),
    i(11, Fill::DstPort),
    i(10, Fill::InIf),
    i(14, Fill::OutIf),
    i(58, Fill::Vlan),
    i(59, Fill::Vlan),
    i(9, Fill::SrcMask4),
    i(13, Fill::DstMask4),
    i(16, Fill::SrcAs),
    i(17, Fill::DstAs),
    i(15, Fill::NextHop4),
    i(6, Fill::Flags),
    i(61, Fill::Direction),
    i(1, Fill::Octets),
    i(2, Fill::Packets),
    i(152, Fill::StartMillis),
    i(153, Fill::EndMillis),
];

static IPFIX_V6: [Field; 21] = [
    i(27, Fill::Src6),
    i(28, Fill::Dst6),
    i(5, Fill::Tos),
    i(4, Fill::Protocol),
    i(7, Fill::SrcPort),
    i(11, Fill::DstPort),
    i(10, Fill::InIf),
    i(14, Fill::OutIf),
    i(58, Fill::Vlan),
    i(59, Fill::Vlan),
    i(29, Fill::SrcMask6),
    i(30, Fill::DstMask6),
    i(16, Fill::SrcAs),
    i(17, Fill::DstAs),
    i(62, Fill::NextHop6),
    i(6, Fill::Flags),
    i(61, Fill::Direction),
    i(1, Fill::Octets),
    i(2, Fill::Packets),
    i(152, Fill::StartMillis),
    i(153, Fill::EndMillis),
];

/// The aggregator of Antrea 2.7 in its Aggregate mode, IPv4, without pod labels, cluster id and the deprecated 106.
static ANTREA: [Field; 66] = [
    i(150, Fill::StartSeconds),
    i(151, Fill::EndSeconds),
    i(136, Fill::EndReason),
    i(7, Fill::SrcPort),
    i(11, Fill::DstPort),
    i(4, Fill::Protocol),
    i(86, Fill::Counter),
    i(85, Fill::Counter),
    i(2, Fill::Packets),
    i(1, Fill::Octets),
    i(8, Fill::Src4),
    i(12, Fill::Dst4),
    r(86, Fill::Counter),
    r(85, Fill::Counter),
    r(2, Fill::Counter),
    r(1, Fill::Counter),
    text(101, Name::Pod { empty: 5 }),
    text(100, Name::Namespace { empty: 5 }),
    text(104, Name::Node { empty: 0 }),
    text(103, Name::Pod { empty: 35 }),
    text(102, Name::Namespace { empty: 35 }),
    text(105, Name::Node { empty: 35 }),
    a(108, Fill::DstPort),
    text(109, Name::Service),
    text(110, Name::Policy),
    text(111, Name::Namespace { empty: 70 }),
    a(115, Fill::Code),
    text(141, Name::Rule),
    a(139, Fill::Code),
    text(112, Name::Policy),
    text(113, Name::Namespace { empty: 70 }),
    a(118, Fill::Code),
    text(142, Name::Rule),
    a(140, Fill::Code),
    text(136, Name::TcpState),
    a(137, Fill::Code),
    text(153, Name::Egress),
    text(154, Name::EgressAddress),
    text(157, Name::Node { empty: 95 }),
    a(172, Fill::SrcPort),
    a(168, Fill::NextHop4),
    a(170, Fill::NextHop4),
    a(123, Fill::Counter),
    a(131, Fill::Counter),
    a(121, Fill::Counter),
    a(129, Fill::Counter),
    a(122, Fill::Counter),
    a(130, Fill::Counter),
    a(120, Fill::Counter),
    a(128, Fill::Counter),
    a(127, Fill::Counter),
    a(135, Fill::Counter),
    a(125, Fill::Counter),
    a(133, Fill::Counter),
    a(126, Fill::Counter),
    a(134, Fill::Counter),
    a(124, Fill::Counter),
    a(132, Fill::Counter),
    a(151, Fill::EndSeconds),
    a(152, Fill::EndSeconds),
    a(145, Fill::Counter),
    a(147, Fill::Counter),
    a(148, Fill::Counter),
    a(146, Fill::Counter),
    a(149, Fill::Counter),
    a(150, Fill::Counter),
];
