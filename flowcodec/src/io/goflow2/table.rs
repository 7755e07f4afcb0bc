//! The fields of goflow2's message: the one list that both dialects, both encodings, writers and readers work from.

use super::{Dialect, id};
use crate::model::{FieldId, field};

/// One field: where it stands in each dialect, and what it says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) v1: Place,
    pub(super) v2: Place,
    pub(super) form: Form,
}

impl Row {
    pub(super) const fn place(&self, dialect: Dialect) -> Place {
        match dialect {
            Dialect::V1 => self.v1,
            Dialect::V2 => self.v2,
        }
    }
}

/// Where a field stands in one dialect, if it does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Number in protobuf; 0 when it is not there.
    pub(super) number: u32,
    /// Key in JSON; empty when the dialect does not have the field.
    pub(super) key: &'static str,
    /// Whether goflow2 writes it in JSON without being asked to.
    pub(super) listed: bool,
}

/// In both encodings.
const fn p(number: u32, key: &'static str) -> Place {
    Place { number, key, listed: true }
}

/// In protobuf, and in JSON only for those who ask goflow2 for it.
const fn hidden(number: u32, key: &'static str) -> Place {
    Place { number, key, listed: false }
}

/// In JSON alone.
const fn json(key: &'static str) -> Place {
    Place { number: 0, key, listed: true }
}

const fn row(v1: Place, v2: Place, form: Form) -> Row {
    Row { v1, v2, form }
}

const NOT: Place = Place { number: 0, key: "", listed: false };

/// What a field says, and in which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Protocol, as an enumeration of goflow2's own.
    Type,
    /// Sequence number of the message.
    Sequence,
    /// Sampling rate, as a whole number.
    Rate,
    /// Octets of the flow, or the frame length of a sampled packet.
    Octets,
    /// Packets of the flow; a sampled packet is one.
    Packets,
    /// A number.
    Number(FieldId),
    /// VLAN of the packet's own tag.
    VlanId,
    /// The upper three bits of an octet.
    TopBits(FieldId),
    /// A moment in some unit since 1970.
    Time(Moment, Scale),
    /// Exporter; of sFlow the agent.
    Sampler,
    /// An address in 4 or 16 octets.
    Address(FieldId),
    /// Any number of addresses: of an address one, of octets one for every 16 of them.
    Addresses(FieldId),
    /// A MAC address as a number of 48 bits: the first that is there.
    Mac(FieldId, FieldId),
    /// Ethernet type: where it is not said, by the IP version.
    Etype,
    /// IP protocol.
    Protocol,
    /// Prefix length of an address.
    Network { bits: FieldId, of: FieldId },
    /// Any number of numbers.
    Numbers(FieldId),
    /// Any number of layers, which have names.
    Layers(FieldId),
    /// A part of the MPLS stack.
    Mpls(Mpls),
    /// The name of a number that stands elsewhere.
    Name(Name),
    /// A text, which only JSON has.
    Text(FieldId),
}

/// The moments of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Received,
    Start,
    End,
}

/// Units of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scale {
    Seconds,
    Millis,
    Nanos,
}

impl Scale {
    /// Nanoseconds in one.
    pub(super) const fn nanos(self) -> u32 {
        match self {
            Self::Seconds => 1_000_000_000,
            Self::Millis => 1_000_000,
            Self::Nanos => 1,
        }
    }
}

/// What v1 has of the MPLS stack: its first three entries, and its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mpls {
    Any,
    Count,
    Label(usize),
    LastLabel,
    Ttl(usize),
    LastTtl,
}

/// What v1 has names for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Etype,
    Protocol,
    Icmp,
}

/// What a field looks like on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Number,
    Address,
    Numbers,
    Addresses,
    Name,
}

impl Form {
    pub(super) const fn shape(self) -> Shape {
        match self {
            Self::Sampler | Self::Address(_) => Shape::Address,
            Self::Addresses(_) => Shape::Addresses,
            Self::Numbers(_) | Self::Layers(_) => Shape::Numbers,
            Self::Name(_) => Shape::Name,
            _ => Shape::Number,
        }
    }

    /// Fields that a form takes from beside the row, whatever it does with them.
    pub(super) const fn fields(self) -> [Option<FieldId>; 2] {
        match self {
            Self::Octets => [Some(field::POST_OCTETS.id()), Some(field::FRAME_LENGTH.id())],
            Self::Packets => [Some(field::POST_PACKETS.id()), Some(field::FRAME_LENGTH.id())],
            Self::Number(id)
            | Self::TopBits(id)
            | Self::Address(id)
            | Self::Addresses(id)
            | Self::Numbers(id)
            | Self::Layers(id) => [Some(id), None],
            Self::Time(_, _) => [Some(field::EXPORTED.id()), None],
            Self::Sampler => [Some(field::AGENT.id()), None],
            Self::Mac(one, other) => [Some(one), Some(other)],
            Self::Mpls(_) => [Some(field::MPLS_LABELS.id()), Some(id::MPLS_TTLS)],
            _ => [None, None],
        }
    }
}

/// The table, in the order in which goflow2 writes JSON in either dialect.
pub(super) const ROWS: &[Row] = &[
    row(p(1, "Type"), p(1, "type"), Form::Type),
    row(p(2, "TimeReceived"), NOT, Form::Time(Moment::Received, Scale::Seconds)),
    row(NOT, p(110, "time_received_ns"), Form::Time(Moment::Received, Scale::Nanos)),
    row(p(4, "SequenceNum"), p(4, "sequence_num"), Form::Sequence),
    row(p(3, "SamplingRate"), p(3, "sampling_rate"), Form::Rate),
    row(hidden(42, "FlowDirection"), NOT, Form::Number(field::DIRECTION.id())),
    row(p(11, "SamplerAddress"), p(11, "sampler_address"), Form::Sampler),
    row(p(38, "TimeFlowStart"), NOT, Form::Time(Moment::Start, Scale::Seconds)),
    row(NOT, p(111, "time_flow_start_ns"), Form::Time(Moment::Start, Scale::Nanos)),
    row(p(5, "TimeFlowEnd"), NOT, Form::Time(Moment::End, Scale::Seconds)),
    row(NOT, p(112, "time_flow_end_ns"), Form::Time(Moment::End, Scale::Nanos)),
    row(hidden(63, "TimeFlowStartMs"), NOT, Form::Time(Moment::Start, Scale::Millis)),
    row(hidden(64, "TimeFlowEndMs"), NOT, Form::Time(Moment::End, Scale::Millis)),
    row(p(9, "Bytes"), p(9, "bytes"), Form::Octets),
    row(p(10, "Packets"), p(10, "packets"), Form::Packets),
    row(p(6, "SrcAddr"), p(6, "src_addr"), Form::Address(field::SRC_ADDR.id())),
    row(p(7, "DstAddr"), p(7, "dst_addr"), Form::Address(field::DST_ADDR.id())),
    row(p(30, "Etype"), p(30, "etype"), Form::Etype),
    row(p(20, "Proto"), p(20, "proto"), Form::Protocol),
    row(p(21, "SrcPort"), p(21, "src_port"), Form::Number(field::SRC_PORT.id())),
    row(p(22, "DstPort"), p(22, "dst_port"), Form::Number(field::DST_PORT.id())),
    row(p(18, "InIf"), p(18, "in_if"), Form::Number(field::IN_IF.id())),
    row(p(19, "OutIf"), p(19, "out_if"), Form::Number(field::OUT_IF.id())),
    row(p(27, "SrcMac"), p(27, "src_mac"), Form::Mac(field::SRC_MAC.id(), field::POST_SRC_MAC.id())),
    row(p(28, "DstMac"), p(28, "dst_mac"), Form::Mac(field::DST_MAC.id(), field::POST_DST_MAC.id())),
    row(p(33, "SrcVlan"), p(33, "src_vlan"), Form::Number(field::VLAN.id())),
    row(p(34, "DstVlan"), p(34, "dst_vlan"), Form::Number(field::POST_VLAN.id())),
    row(p(29, "VlanId"), p(29, "vlan_id"), Form::VlanId),
    row(p(39, "IngressVrfID"), NOT, Form::Number(field::INGRESS_VRF.id())),
    row(p(40, "EgressVrfID"), NOT, Form::Number(field::EGRESS_VRF.id())),
    row(p(23, "IPTos"), p(23, "ip_tos"), Form::Number(field::TOS.id())),
    row(p(24, "ForwardingStatus"), p(24, "forwarding_status"), Form::Number(field::FORWARDING_STATUS.id())),
    row(p(25, "IPTTL"), p(25, "ip_ttl"), Form::Number(field::TTL.id())),
    row(NOT, p(38, "ip_flags"), Form::TopBits(field::FRAGMENT_FLAGS.id())),
    row(p(26, "TCPFlags"), p(26, "tcp_flags"), Form::Number(field::TCP_FLAGS.id())),
    row(p(31, "IcmpType"), p(31, "icmp_type"), Form::Number(field::ICMP_TYPE.id())),
    row(p(32, "IcmpCode"), p(32, "icmp_code"), Form::Number(field::ICMP_CODE.id())),
    row(p(37, "IPv6FlowLabel"), p(37, "ipv6_flow_label"), Form::Number(field::FLOW_LABEL.id())),
    row(p(35, "FragmentId"), p(35, "fragment_id"), Form::Number(field::FRAGMENT_ID.id())),
    row(p(36, "FragmentOffset"), p(36, "fragment_offset"), Form::Number(field::FRAGMENT_OFFSET.id())),
    row(p(41, "BiFlowDirection"), NOT, Form::Number(field::BIFLOW_DIRECTION.id())),
    row(p(14, "SrcAS"), p(14, "src_as"), Form::Number(field::SRC_AS.id())),
    row(p(15, "DstAS"), p(15, "dst_as"), Form::Number(field::DST_AS.id())),
    row(p(12, "NextHop"), p(12, "next_hop"), Form::Address(field::NEXT_HOP.id())),
    row(p(13, "NextHopAS"), p(13, "next_hop_as"), Form::Number(field::NEXT_AS.id())),
    row(p(16, "SrcNet"), p(16, "src_net"), Form::Network { bits: field::SRC_PREFIX_LEN.id(), of: field::SRC_ADDR.id() }),
    row(p(17, "DstNet"), p(17, "dst_net"), Form::Network { bits: field::DST_PREFIX_LEN.id(), of: field::DST_ADDR.id() }),
    row(hidden(100, "BgpNextHop"), p(100, "bgp_next_hop"), Form::Address(field::BGP_NEXT_HOP.id())),
    row(hidden(101, "BgpCommunities"), p(101, "bgp_communities"), Form::Numbers(field::BGP_COMMUNITIES.id())),
    row(hidden(102, "AsPath"), p(102, "as_path"), Form::Numbers(field::AS_PATH.id())),
    row(hidden(53, "HasMPLS"), NOT, Form::Mpls(Mpls::Any)),
    row(hidden(54, "MPLSCount"), NOT, Form::Mpls(Mpls::Count)),
    row(hidden(55, "MPLS1TTL"), NOT, Form::Mpls(Mpls::Ttl(0))),
    row(hidden(56, "MPLS1Label"), NOT, Form::Mpls(Mpls::Label(0))),
    row(hidden(57, "MPLS2TTL"), NOT, Form::Mpls(Mpls::Ttl(1))),
    row(hidden(58, "MPLS2Label"), NOT, Form::Mpls(Mpls::Label(1))),
    row(hidden(59, "MPLS3TTL"), NOT, Form::Mpls(Mpls::Ttl(2))),
    row(hidden(60, "MPLS3Label"), NOT, Form::Mpls(Mpls::Label(2))),
    row(hidden(61, "MPLSLastTTL"), NOT, Form::Mpls(Mpls::LastTtl)),
    row(hidden(62, "MPLSLastLabel"), NOT, Form::Mpls(Mpls::LastLabel)),
    row(hidden(65, "MplsLabelIp"), NOT, Form::Address(field::MPLS_TOP_ADDR.id())),
    row(NOT, p(80, "mpls_ttl"), Form::Numbers(id::MPLS_TTLS)),
    row(NOT, p(81, "mpls_label"), Form::Numbers(field::MPLS_LABELS.id())),
    row(NOT, p(82, "mpls_ip"), Form::Addresses(field::MPLS_TOP_ADDR.id())),
    row(hidden(70, "ObservationDomainId"), p(70, "observation_domain_id"), Form::Number(field::DOMAIN.id())),
    row(hidden(71, "ObservationPointId"), p(71, "observation_point_id"), Form::Number(field::OBSERVATION_POINT.id())),
    row(NOT, p(103, "layer_stack"), Form::Layers(id::LAYERS)),
    row(NOT, p(104, "layer_size"), Form::Numbers(id::LAYER_SIZES)),
    row(NOT, p(105, "ipv6_routing_header_addresses"), Form::Addresses(id::SEGMENTS)),
    row(NOT, p(106, "ipv6_routing_header_seg_left"), Form::Number(id::SEGMENTS_LEFT)),
    row(json("EtypeName"), NOT, Form::Name(Name::Etype)),
    row(json("ProtoName"), NOT, Form::Name(Name::Protocol)),
    row(json("IcmpName"), NOT, Form::Name(Name::Icmp)),
];

/// What goflow2-kube-enricher, and kube-enricher in its place, adds to JSON and the common model has a field for: read, not written.
pub(super) const ENRICHED: &[(&str, Form)] = &[
    ("SrcPod", Form::Text(field::SRC_POD.id())),
    ("SrcNamespace", Form::Text(field::SRC_NAMESPACE.id())),
    ("DstPod", Form::Text(field::DST_POD.id())),
    ("DstNamespace", Form::Text(field::DST_NAMESPACE.id())),
];
