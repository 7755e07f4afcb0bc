//! Typed views of the flow records that flows often carry. The [`table`](super::table) has these and all others as data.
//!
//! A view is a plain structure of the fields, in sflow.org's order; texts, octets and lists are borrowed. The same structures are given
//! to the [encoder](super::encode).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::Fault;
use crate::ie::SflowStructure;
use crate::model::{Mac, Numbers};
use crate::text::Text;

use super::structure::{DataFormat, Structure};
use super::xdr::{Bad, Reader, Words, Xdr};

macro_rules! views {
    ($($(#[doc = $doc:literal])+ $name:ident $(<$life:lifetime>)? { $($(#[doc = $field_doc:literal])+ $field:ident: $kind:ty,)+ })*) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(clippy::exhaustive_structs, reason = "a structure number stands for one layout; a new layout gets a new number")]
        pub struct $name $(<$life>)? {
            $($(#[doc = $field_doc])+ pub $field: $kind,)+
        }

        impl<'x $(, $life)?> Xdr<'x> for $name $(<$life>)? where $($kind: Xdr<'x>,)+ {
            const MIN: u32 = 0 $( + <$kind as Xdr<'x>>::MIN)+;

            #[inline]
            fn read(reader: &mut Reader<'x>) -> Result<Self, Bad> {
                Ok(Self { $($field: <$kind as Xdr<'x>>::read(reader)?,)+ })
            }

            fn write(&self, out: &mut Vec<u8>) {
                $(self.$field.write(out);)+
            }
        }

        of!($name $(<$life>)?);
    )*};
}

macro_rules! of {
    ($name:ident) => { of!($name, $name, '_,); };
    ($name:ident <$life:lifetime>) => { of!($name, $name<$life>, $life, <$life>); };
    ($name:ident, $kind:ty, $life:lifetime, $(<$made:lifetime>)?) => {
        impl $(<$made>)? $kind {
            /// Reads the body of a record by this layout; its format is the caller's to know. [`Structure::flow`] looks at the format
            /// first, and costs more.
            ///
            /// # Errors
            /// As [`Structure::flow`].
            #[inline]
            pub fn of(record: &Structure<$life>) -> Result<Self, Fault> {
                view(*record)
            }
        }
    };
}

views! {
    /// The beginning of the sampled packet: `sampled_header` (0:1).
    RawHeader<'a> {
        /// What the header is of.
        protocol: HeaderProtocol,
        /// Octets of the packet on the wire, before sampling.
        frame_length: u32,
        /// Octets taken off the packet before its header was copied.
        stripped: u32,
        /// The copied octets.
        header: &'a [u8],
    }

    /// Ethernet fields of the sampled packet: `sampled_ethernet` (0:2).
    Ethernet {
        /// Octets of the frame, without lower layers.
        length: u32,
        /// Source address.
        src_mac: Mac,
        /// Destination address.
        dst_mac: Mac,
        /// EtherType.
        ether_type: u32,
    }

    /// IPv4 fields of the sampled packet: `sampled_ipv4` (0:3).
    Ipv4 {
        /// Octets of the IP packet.
        length: u32,
        /// IP protocol.
        protocol: u32,
        /// Source address.
        src_ip: Ipv4Addr,
        /// Destination address.
        dst_ip: Ipv4Addr,
        /// Source port.
        src_port: u32,
        /// Destination port.
        dst_port: u32,
        /// TCP flags.
        tcp_flags: u32,
        /// Type of service.
        tos: u32,
    }

    /// IPv6 fields of the sampled packet: `sampled_ipv6` (0:4).
    Ipv6 {
        /// Octets of the IP packet.
        length: u32,
        /// Next header.
        protocol: u32,
        /// Source address.
        src_ip: Ipv6Addr,
        /// Destination address.
        dst_ip: Ipv6Addr,
        /// Source port.
        src_port: u32,
        /// Destination port.
        dst_port: u32,
        /// TCP flags.
        tcp_flags: u32,
        /// Traffic class.
        priority: u32,
    }

    /// What a switch did: `extended_switch` (0:1001). 0xffffffff stands for not known.
    Switch {
        /// 802.1Q VLAN of the frame that came in.
        src_vlan: u32,
        /// 802.1p priority of the frame that came in.
        src_priority: u32,
        /// 802.1Q VLAN of the frame that goes out.
        dst_vlan: u32,
        /// 802.1p priority of the frame that goes out.
        dst_priority: u32,
    }

    /// What a router did: `extended_router` (0:1002).
    Router {
        /// The next router.
        next_hop: Option<IpAddr>,
        /// Prefix length of the route to the source, in bits.
        src_mask_len: u32,
        /// Prefix length of the route to the destination, in bits.
        dst_mask_len: u32,
    }

    /// What BGP knows of the route: `extended_gateway` (0:1003).
    Gateway<'a> {
        /// The border router towards the destination.
        next_hop: Option<IpAddr>,
        /// AS of this gateway.
        asn: u32,
        /// AS of the source; 0 for this AS.
        src_as: u32,
        /// AS that the packet came from; 0 for this AS.
        src_peer_as: u32,
        /// AS path to the destination.
        dst_as_path: AsPath<'a>,
        /// BGP communities of the route.
        communities: Words<'a>,
        /// Local preference of the route.
        local_pref: u32,
    }

    /// Users behind the addresses: `extended_user` (0:1004). Character sets are MIBenum numbers; 106 is UTF-8, 0 not known.
    User<'a> {
        /// Character set of the source's user.
        src_charset: u32,
        /// The source's user.
        src_user: Text<'a>,
        /// Character set of the destination's user.
        dst_charset: u32,
        /// The destination's user.
        dst_user: Text<'a>,
    }

    /// URL of the flow: `extended_url` (0:1005), deprecated.
    Url<'a> {
        /// Whose URL it is: 1 the source's, 2 the destination's.
        direction: u32,
        /// The request line.
        url: Text<'a>,
        /// The host field of the request.
        host: Text<'a>,
    }

    /// MPLS label stacks: `extended_mpls` (0:1006). Each word is a label stack entry of RFC 3032, top of stack first.
    Mpls<'a> {
        /// The next router.
        next_hop: Option<IpAddr>,
        /// Stack of the packet that came in.
        in_stack: Words<'a>,
        /// Stack of the packet that goes out.
        out_stack: Words<'a>,
    }

    /// Addresses after translation: `extended_nat` (0:1007).
    Nat {
        /// Source address.
        src_address: Option<IpAddr>,
        /// Destination address.
        dst_address: Option<IpAddr>,
    }

    /// VLAN tags taken off: `extended_vlantunnel` (0:1012).
    VlanTunnel<'a> {
        /// TPID and TCI of each tag in one word, outermost first.
        stack: Words<'a>,
    }

    /// Ports after translation: `extended_nat_port` (0:1020).
    NatPort {
        /// Source port.
        src_port: u32,
        /// Destination port.
        dst_port: u32,
    }

    /// Where the inner header begins: `extended_decapsulate_egress`, `extended_decapsulate_ingress` (0:1027, 0:1028).
    Decapsulate {
        /// Offset in the sampled header.
        inner_header_offset: u32,
    }

    /// Virtual network: `extended_vni_egress`, `extended_vni_ingress` (0:1029, 0:1030).
    Vni {
        /// Virtual network identifier.
        vni: u32,
    }

    /// Queue the packet goes out through: `extended_egress_queue` (0:1036).
    EgressQueue {
        /// Number of the queue.
        queue: u32,
    }

    /// The access list rule that matched: `extended_acl` (0:1037).
    Acl<'a> {
        /// Number of the list.
        number: u32,
        /// Name of the list.
        name: Text<'a>,
        /// 0 not known, 1 ingress, 2 egress.
        direction: u32,
    }

    /// The function that dropped the packet: `extended_function` (0:1038).
    Function<'a> {
        /// Its symbol.
        symbol: Text<'a>,
    }

    /// Delay through the device: `extended_transit` (0:1039).
    TransitDelay {
        /// Nanoseconds; 0xffffffff for that or more.
        delay_ns: u32,
    }

    /// Depth of the queue that the packet met: `extended_queue` (0:1040).
    QueueDepth {
        /// Octets.
        octets: u32,
    }

    /// The hardware trap that dropped the packet: `extended_hw_trap` (0:1041).
    HwTrap<'a> {
        /// Group of the trap.
        group: Text<'a>,
        /// The trap.
        trap: Text<'a>,
    }

    /// Linux' own reason of a drop: `extended_linux_drop_reason` (0:1042).
    LinuxDropReason<'a> {
        /// Its name.
        reason: Text<'a>,
    }

    /// When the packet was sampled: `extended_timestamp` (0:1043).
    PacketTime {
        /// Nanoseconds since 1970.
        nanoseconds: u64,
    }

    /// The socket of a transaction: `extended_socket_ipv4` (0:2100), `extended_proxy_socket_ipv4` (0:2102).
    SocketIpv4 {
        /// IP protocol.
        protocol: u32,
        /// Address of this end.
        local_ip: Ipv4Addr,
        /// Address of the other end.
        remote_ip: Ipv4Addr,
        /// Port of this end.
        local_port: u32,
        /// Port of the other end.
        remote_port: u32,
    }

    /// The socket of a transaction: `extended_socket_ipv6` (0:2101), `extended_proxy_socket_ipv6` (0:2103).
    SocketIpv6 {
        /// IP protocol.
        protocol: u32,
        /// Address of this end.
        local_ip: Ipv6Addr,
        /// Address of the other end.
        remote_ip: Ipv6Addr,
        /// Port of this end.
        local_port: u32,
        /// Port of the other end.
        remote_port: u32,
    }
}

macro_rules! flow_views {
    ($($(#[doc = $doc:literal])+ $name:ident($kind:ty) = $format:literal,)*) => {
        /// A flow record by its format.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum FlowView<'a> {
            $($(#[doc = $doc])+ $name($kind),)*
            /// A record without a view: its values may be in the [`table`](super::table).
            Other(Structure<'a>),
        }

        impl<'a> FlowView<'a> {
            /// Formats that have a view, ascending.
            pub const FORMATS: &'static [DataFormat] = &[$(DataFormat($format)),*];

            #[inline]
            pub(super) fn read(structure: Structure<'a>) -> Result<Self, Fault> {
                match structure.id() {
                    $(SflowStructure::Flow($format) => view(structure).map(Self::$name),)*
                    _ => Ok(Self::Other(structure)),
                }
            }

            /// Whether the body fits the view of its format; `None` where there is no view.
            #[inline]
            pub(super) fn fits(structure: Structure<'a>) -> Option<Result<(), Fault>> {
                match structure.id() {
                    $(SflowStructure::Flow($format) => Some(view::<$kind>(structure).map(drop)),)*
                    _ => None,
                }
            }

            /// Enterprise and format of its record.
            #[must_use]
            pub const fn format(&self) -> DataFormat {
                match self {
                    $(Self::$name(_) => DataFormat($format),)*
                    Self::Other(structure) => structure.format(),
                }
            }

            /// Writes the body.
            pub(super) fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$name(view) => view.write(out),)*
                    Self::Other(structure) => out.extend_from_slice(structure.body()),
                }
            }
        }
    };
}

flow_views! {
    /// Beginning of the packet.
    Header(RawHeader<'a>) = 1,
    /// Ethernet fields.
    Ethernet(Ethernet) = 2,
    /// IPv4 fields.
    Ipv4(Ipv4) = 3,
    /// IPv6 fields.
    Ipv6(Ipv6) = 4,
    /// What a switch did.
    Switch(Switch) = 1001,
    /// What a router did.
    Router(Router) = 1002,
    /// What BGP knows.
    Gateway(Gateway<'a>) = 1003,
    /// Users.
    User(User<'a>) = 1004,
    /// URL.
    Url(Url<'a>) = 1005,
    /// MPLS label stacks.
    Mpls(Mpls<'a>) = 1006,
    /// Translated addresses.
    Nat(Nat) = 1007,
    /// VLAN tags taken off.
    VlanTunnel(VlanTunnel<'a>) = 1012,
    /// Translated ports.
    NatPort(NatPort) = 1020,
    /// Ethernet header of a tunnel, put on at egress.
    L2TunnelEgress(Ethernet) = 1021,
    /// Ethernet header of a tunnel, taken off at ingress.
    L2TunnelIngress(Ethernet) = 1022,
    /// IPv4 header of a tunnel, put on at egress.
    Ipv4TunnelEgress(Ipv4) = 1023,
    /// IPv4 header of a tunnel, taken off at ingress.
    Ipv4TunnelIngress(Ipv4) = 1024,
    /// IPv6 header of a tunnel, put on at egress.
    Ipv6TunnelEgress(Ipv6) = 1025,
    /// IPv6 header of a tunnel, taken off at ingress.
    Ipv6TunnelIngress(Ipv6) = 1026,
    /// The inner header, for decapsulation at egress.
    DecapsulateEgress(Decapsulate) = 1027,
    /// The inner header, for decapsulation at ingress.
    DecapsulateIngress(Decapsulate) = 1028,
    /// Virtual network at egress.
    VniEgress(Vni) = 1029,
    /// Virtual network at ingress.
    VniIngress(Vni) = 1030,
    /// VLAN tags at ingress (`extended_vlanin`).
    VlanIn(VlanTunnel<'a>) = 1034,
    /// VLAN tags at egress (`extended_vlanout`).
    VlanOut(VlanTunnel<'a>) = 1035,
    /// Queue.
    EgressQueue(EgressQueue) = 1036,
    /// Access list.
    Acl(Acl<'a>) = 1037,
    /// Function that dropped the packet.
    Function(Function<'a>) = 1038,
    /// Delay.
    TransitDelay(TransitDelay) = 1039,
    /// Queue depth.
    QueueDepth(QueueDepth) = 1040,
    /// Hardware trap.
    HwTrap(HwTrap<'a>) = 1041,
    /// Linux' drop reason.
    LinuxDropReason(LinuxDropReason<'a>) = 1042,
    /// When the packet was sampled.
    PacketTime(PacketTime) = 1043,
    /// Socket of a transaction.
    SocketIpv4(SocketIpv4) = 2100,
    /// Socket of a transaction.
    SocketIpv6(SocketIpv6) = 2101,
    /// Socket behind a proxy.
    ProxySocketIpv4(SocketIpv4) = 2102,
    /// Socket behind a proxy.
    ProxySocketIpv6(SocketIpv6) = 2103,
}

#[inline]
fn view<'a, V: Xdr<'a>>(structure: Structure<'a>) -> Result<V, Fault> {
    structure.at_least(V::MIN)?;
    // Octets behind the last field belong to a newer layout.
    V::read(&mut Reader(structure.body())).map_err(|bad| structure.bad(bad.fault(structure.input())))
}

/// What a sampled header is of (`header_protocol`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a word")]
pub struct HeaderProtocol(pub u32);

impl HeaderProtocol {
    /// ETHERNET-ISO88023.
    pub const ETHERNET: Self = Self(1);
    /// PPP.
    pub const PPP: Self = Self(7);
    /// IPv4.
    pub const IPV4: Self = Self(11);
    /// IPv6.
    pub const IPV6: Self = Self(12);
    /// MPLS.
    pub const MPLS: Self = Self(13);
    /// POS (RFC 1662, 2615).
    pub const POS: Self = Self(14);
    /// IEEE 802.11 MAC.
    pub const IEEE80211_MAC: Self = Self(15);
    /// InfiniBand.
    pub const INFINIBAND: Self = Self(18);

    /// Its name in sflow.org's list; `None` for other numbers.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "ETHERNET-ISO88023",
            2 => "ISO88024-TOKENBUS",
            3 => "ISO88025-TOKENRING",
            4 => "FDDI",
            5 => "FRAME-RELAY",
            6 => "X25",
            7 => "PPP",
            8 => "SMDS",
            9 => "AAL5",
            10 => "AAL5-IP",
            11 => "IPv4",
            12 => "IPv6",
            13 => "MPLS",
            14 => "POS",
            15 => "IEEE80211MAC",
            16 => "IEEE80211-AMPDU",
            17 => "IEEE80211-AMSDU-Subframe",
            18 => "InfiniBand",
            _ => return None,
        })
    }
}

impl Xdr<'_> for HeaderProtocol {
    const MIN: u32 = 4;

    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self, Bad> {
        u32::read(reader).map(Self)
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }
}

/// One piece of an AS path (`as_path_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "frozen by sFlow version 5")]
pub struct AsSegment<'a> {
    /// 1 for a set without order (`AS_SET`), 2 for a sequence (`AS_SEQUENCE`).
    pub kind: u32,
    /// AS numbers.
    pub numbers: Words<'a>,
}

impl<'a> Xdr<'a> for AsSegment<'a> {
    const MIN: u32 = 8;

    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, Bad> {
        Ok(Self { kind: u32::read(reader)?, numbers: Words::read(reader)? })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.kind.write(out);
        self.numbers.write(out);
    }
}

/// An AS path: as it stands on the wire, or given to be written. Equal when the segments are.
///
/// ```
/// use flowcodec::sflow::{AsPath, AsSegment};
/// let path = [AsSegment { kind: 2, numbers: (&[64496, 64511][..]).into() }];
/// assert_eq!(AsPath::from(&path[..]).last(), Some(64511));
/// ```
#[derive(Clone, Copy, Default)]
pub struct AsPath<'a> {
    // `count` segments that were read once, or none.
    wire: &'a [u8],
    count: u32,
    given: &'a [AsSegment<'a>],
}

impl<'a> AsPath<'a> {
    /// The segments in order.
    pub fn segments(&self) -> impl Iterator<Item = AsSegment<'a>> + use<'a> {
        let (mut reader, mut left) = (Reader(self.wire), self.count);
        let wire = core::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            AsSegment::read(&mut reader).ok()
        });
        wire.chain(self.given.iter().copied())
    }

    /// The AS numbers of all segments.
    pub fn numbers(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.segments().flat_map(|segment| segment.numbers.iter())
    }

    /// The AS numbers of all segments as a common value. A path of one segment, which nearly all are, has any length; one of several
    /// segments has [`Numbers::MOST`] at most, and none is given for a longer one: part of a path would be another path.
    #[must_use]
    pub fn to_numbers(&self) -> Option<Numbers<'a>> {
        let mut segments = self.segments();
        let first = segments.next().map(|segment| segment.numbers).unwrap_or_default();
        if segments.next().is_none() {
            return Some(first.into());
        }
        let mut numbers = Numbers::default();
        self.numbers().all(|number| numbers.push(number)).then_some(numbers)
    }

    /// The last AS of the path: the destination's.
    #[must_use]
    pub fn last(&self) -> Option<u32> {
        self.segments().filter_map(|segment| segment.numbers.last()).last()
    }

    /// The first AS of the path: the neighbour that the packet goes to.
    #[must_use]
    pub fn first(&self) -> Option<u32> {
        self.segments().find_map(|segment| segment.numbers.iter().next())
    }
}

impl<'a> From<&'a [AsSegment<'a>]> for AsPath<'a> {
    fn from(given: &'a [AsSegment<'a>]) -> Self {
        Self { wire: &[], count: 0, given }
    }
}

impl PartialEq for AsPath<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.segments().eq(other.segments())
    }
}

impl Eq for AsPath<'_> {}

impl core::fmt::Debug for AsPath<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.segments()).finish()
    }
}

impl<'a> Xdr<'a> for AsPath<'a> {
    const MIN: u32 = 4;

    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, Bad> {
        let count = reader.count(AsSegment::MIN)?;
        let wire = reader.0;
        for _ in 0..count {
            AsSegment::read(reader)?;
        }
        Ok(Self { wire, count, given: &[] })
    }

    fn write(&self, out: &mut Vec<u8>) {
        let count = self.segments().count();
        u32::try_from(count).unwrap_or(u32::MAX).write(out);
        self.segments().for_each(|segment| segment.write(out));
    }
}
