//! From a frame to the payload of UDP or TCP.

use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;

use etherparse::{
    IpFragOffset, IpNumber, Ipv6ExtensionSlice, LaxIpPayloadSlice, LaxNetSlice, LaxSlicedPacket, TcpSlice, UdpSlice,
};

use super::fragments::{Fragment, Fragments, Key, Whole};
use super::link::Link;
use super::recognise::ENOUGH;
use super::tcp::{Connections, Segment};
use super::{Each, Item, Passed, octets, recognise};

/// A frame of a capture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) link: Link,
    pub(super) bytes: &'a [u8],
    /// Where the frame is in the file.
    pub(super) offset: u64,
    pub(super) received_ns: i64,
    /// The frame was longer than what the capture holds.
    pub(super) cut: bool,
}

/// Takes the frames of one capture apart; holds what waits for its neighbours.
#[derive(Debug, Default)]
pub(super) struct Packets {
    fragments: Fragments,
    connections: Connections,
}

/// What IP carries, after fragments are joined.
struct Payload<'a> {
    source: IpAddr,
    destination: IpAddr,
    protocol: IpNumber,
    bytes: &'a [u8],
    offset: u64,
    received_ns: i64,
    cut: bool,
}

/// Where a fragment belongs.
struct Position {
    identification: u32,
    start: IpFragOffset,
    more: bool,
}

impl Packets {
    /// Takes one frame.
    pub(super) fn frame(&mut self, frame: &Frame<'_>, each: &mut Each<'_>) -> ControlFlow<()> {
        let unreadable = if frame.cut { Passed::Truncated } else { Passed::BadPacket };
        let Some(packet) = frame.link.packet(frame.bytes) else {
            return pass(frame.bytes, unreadable, each);
        };
        let (source, destination, ip, position) = match &packet.net {
            Some(LaxNetSlice::Ipv4(ip)) => {
                let header = ip.header();
                let (source, destination) = (header.source_addr(), header.destination_addr());
                let fragment = header.is_fragmenting_payload().then(|| Position {
                    identification: u32::from(header.identification()),
                    start: header.fragments_offset(),
                    more: header.more_fragments(),
                });
                (source.into(), destination.into(), ip.payload(), fragment)
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                let header = ip.header();
                let (source, destination) = (header.source_addr(), header.destination_addr());
                let mut extensions = ip.extensions().clone().into_iter();
                let fragment = extensions.find_map(|extension| match extension {
                    Ipv6ExtensionSlice::Fragment(header) => header.is_fragmenting_payload().then(|| Position {
                        identification: header.identification(),
                        start: header.fragment_offset(),
                        more: header.more_fragments(),
                    }),
                    _ => None,
                });
                (source.into(), destination.into(), ip.payload(), fragment)
            }
            None if packet.stop_err.is_some() => return pass(frame.bytes, unreadable, each),
            Some(LaxNetSlice::Arp(_)) | None => return pass(frame.bytes, Passed::NotIp, each),
        };
        let mut payload = Payload {
            source,
            destination,
            protocol: ip.ip_number,
            bytes: ip.payload,
            offset: frame.offset + octets(distance(frame.bytes, ip.payload)),
            received_ns: frame.received_ns,
            cut: ip.incomplete,
        };
        let Some(position) = position else {
            if is_broken(&packet, ip) {
                return pass(frame.bytes, unreadable, each);
            }
            return self.payload(&payload, each);
        };
        if ip.incomplete {
            // A hole inside a datagram cannot be filled.
            return pass(ip.payload, Passed::Truncated, each);
        }
        let key =
            Key { source, destination, identification: position.identification, protocol: ip.ip_number, vlans: vlans(&packet) };
        let fragment = Fragment {
            start: position.start,
            more: position.more,
            bytes: payload.bytes,
            offset: payload.offset,
            received_ns: payload.received_ns,
        };
        let whole = self.fragments.add(key, &fragment, each)?;
        let Some(Whole { bytes, offset }) = whole else {
            return ControlFlow::Continue(());
        };
        payload.bytes = &bytes;
        payload.offset = offset;
        self.payload(&payload, each)
    }

    /// Says what still waits at the end of the capture.
    pub(super) fn finish(&mut self, each: &mut Each<'_>) -> ControlFlow<()> {
        self.fragments.finish(each)?;
        self.connections.finish(each)
    }

    fn payload(&mut self, payload: &Payload<'_>, each: &mut Each<'_>) -> ControlFlow<()> {
        let unreadable = if payload.cut { Passed::Truncated } else { Passed::BadPacket };
        match payload.protocol {
            IpNumber::UDP => match UdpSlice::from_slice_lax(payload.bytes) {
                Ok(udp) => datagram(payload, &udp, each),
                Err(_) => pass(payload.bytes, unreadable, each),
            },
            IpNumber::TCP => match TcpSlice::from_slice(payload.bytes) {
                Ok(tcp) => self.connections.segment(&segment(payload, &tcp), each),
                Err(_) => pass(payload.bytes, unreadable, each),
            },
            _ => pass(payload.bytes, Passed::OtherIp, each),
        }
    }
}

fn datagram(payload: &Payload<'_>, udp: &UdpSlice<'_>, each: &mut Each<'_>) -> ControlFlow<()> {
    let bytes = udp.payload();
    let (from, to) = (udp.source_port(), udp.destination_port());
    if recognise(bytes, to, payload.received_ns).is_some() {
        return each(Item::Datagram {
            source: SocketAddr::new(payload.source, from),
            destination: SocketAddr::new(payload.destination, to),
            received_ns: payload.received_ns,
            offset: payload.offset + octets(distance(payload.bytes, bytes)),
            bytes,
        });
    }
    let cut = payload.cut && bytes.len() < ENOUGH;
    let why = if cut { Passed::Truncated } else { Passed::OtherUdp };
    pass(bytes, why, each)
}

fn segment<'a>(payload: &Payload<'a>, tcp: &TcpSlice<'a>) -> Segment<'a> {
    let bytes = tcp.payload();
    Segment {
        source: SocketAddr::new(payload.source, tcp.source_port()),
        destination: SocketAddr::new(payload.destination, tcp.destination_port()),
        sequence: tcp.sequence_number(),
        syn: tcp.syn(),
        fin: tcp.fin(),
        rst: tcp.rst(),
        bytes,
        offset: payload.offset + octets(distance(payload.bytes, bytes)),
        received_ns: payload.received_ns,
        cut: payload.cut,
    }
}

/// Says that octets are not handed over, if there are any.
pub(super) fn pass(bytes: &[u8], why: Passed, each: &mut Each<'_>) -> ControlFlow<()> {
    pass_octets(octets(bytes.len()), why, each)
}

/// The same by number.
pub(super) fn pass_octets(bytes: u64, why: Passed, each: &mut Each<'_>) -> ControlFlow<()> {
    if bytes == 0 {
        return ControlFlow::Continue(());
    }
    each(Item::Passed { bytes, why })
}

/// An extension header that cannot be read hides what follows it.
fn is_broken(packet: &LaxSlicedPacket<'_>, ip: &LaxIpPayloadSlice<'_>) -> bool {
    let transport = [IpNumber::UDP, IpNumber::TCP].contains(&ip.ip_number);
    packet.stop_err.is_some() && !transport
}

fn vlans(packet: &LaxSlicedPacket<'_>) -> [u16; 3] {
    let mut vlans = [0; 3];
    for (to, id) in vlans.iter_mut().zip(packet.vlan_ids()) {
        *to = id.value();
    }
    vlans
}

/// How far into `outer` its part `inner` starts.
fn distance(outer: &[u8], inner: &[u8]) -> usize {
    let distance = inner.as_ptr().addr().wrapping_sub(outer.as_ptr().addr());
    distance.min(outer.len())
}
