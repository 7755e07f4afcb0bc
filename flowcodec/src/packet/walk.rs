//! The walk from the outermost header to the transport, once, leaving offsets behind.

use super::headers::{Headers, NO_PROTOCOL, Network, Place};
use super::plain;
use super::types::{End, Kind, Layer, Start};
use crate::wire::len32;

/// Tags that are followed. IEEE 802.1ad has two; stacks of three have been seen.
const MAX_TAGS: u8 = 8;
/// Labels that are followed. Real stacks have up to about seven.
const MAX_LABELS: u8 = 16;
/// Extension headers that are followed. RFC 8200 §4.1 has seven in an orderly packet.
const MAX_EXTENSIONS: u8 = 16;
/// Octets that are looked at: IP has no larger packets but jumbograms, and offsets fit 16 bits.
const MAX_OCTETS: usize = 65_535;

pub(super) const IPV4: u16 = 0x0800;
pub(super) const IPV6: u16 = 0x86dd;
pub(super) const BRIDGED: u16 = 0x6558;
pub(super) const PPP: u16 = 0x880b;
const ARP: u16 = 0x0806;
const RARP: u16 = 0x8035;
const MPLS: u16 = 0x8847;
const MPLS_UPSTREAM: u16 = 0x8848;
const PPPOE_SESSION: u16 = 0x8864;

pub(super) const fn is_tag(ether_type: u16) -> bool {
    matches!(ether_type, 0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300)
}

pub(super) fn walk(start: Start, bytes: &[u8], depth: u8) -> Headers<'_> {
    let bytes = bytes.get(..MAX_OCTETS).unwrap_or(bytes);
    if start == Start::ETHERNET
        && let Some(headers) = plain::headers(bytes, depth)
    {
        return headers;
    }
    let mut headers = Headers::new(bytes, depth);
    Walk { headers: &mut headers }.start(start);
    headers
}

/// One step of the walk takes the next one: a reference that is passed on.
pub(super) struct Walk<'w, 'a> {
    pub(super) headers: &'w mut Headers<'a>,
}

impl<'a> Walk<'_, 'a> {
    #[inline]
    pub(super) fn rest(&self, at: usize) -> &'a [u8] {
        self.headers.bytes.get(at..).unwrap_or_default()
    }

    #[inline]
    pub(super) fn chunk<const N: usize>(&self, at: usize) -> Option<&'a [u8; N]> {
        self.headers.bytes.get(at..)?.first_chunk()
    }

    /// Nothing at or behind `end` belongs to what is read from here on.
    #[inline]
    pub(super) fn limit(&mut self, end: usize) {
        if let Some(bytes) = self.headers.bytes.get(..end)
            && bytes.len() < self.headers.bytes.len()
        {
            self.headers.bytes = bytes;
            self.headers.own_end = true;
        }
    }

    #[inline]
    pub(super) fn complete(self, at: usize) {
        self.ended(at, End::Complete);
    }

    #[inline]
    fn ended(self, at: usize, end: End) {
        self.headers.end = end;
        self.headers.end_at = Place::new(at);
    }

    #[cold]
    pub(super) fn cut(self, layer: Layer, at: usize, needed: usize) {
        let available = len32(self.rest(at));
        let end = if self.headers.own_end {
            End::Invalid { layer }
        } else {
            End::Truncated { layer, needed: u32::try_from(needed).unwrap_or(u32::MAX), available }
        };
        self.ended(at, end);
    }

    #[cold]
    pub(super) fn unknown(self, layer: Layer, at: usize, number: impl Into<u32>) {
        self.ended(at, End::Unknown { layer, number: number.into() });
    }

    #[cold]
    pub(super) fn invalid(self, layer: Layer, at: usize) {
        self.ended(at, End::Invalid { layer });
    }

    #[cold]
    pub(super) fn too_deep(self, layer: Layer, at: usize) {
        self.ended(at, End::TooDeep { layer });
    }

    pub(super) fn start(self, start: Start) {
        match start.0 {
            Kind::Sflow(1) => self.ethernet(),
            Kind::Ip | Kind::Sflow(10) => self.ip(0, Layer::Start),
            Kind::Sflow(11) => self.ipv4(0),
            Kind::Sflow(12) => self.ipv6(0),
            Kind::Sflow(13) => self.mpls(0),
            Kind::Sflow(7) => self.hdlc(false),
            Kind::Sflow(14) => self.hdlc(true),
            Kind::Sflow(15) => self.wlan(),
            Kind::Sflow(number) => self.unknown(Layer::Start, 0, number),
            // Below 0x0600 it is no Ethernet type, and what it counts (GRE keep-alives send 0) is nothing here.
            Kind::EtherType(kind @ ..0x0600) => self.unknown(Layer::Start, 0, kind),
            Kind::EtherType(kind) => self.typed(kind, 0, Layer::Start),
        }
    }

    /// IEEE 802.3 §3.1.1: destination, source, length or type.
    #[inline]
    fn ethernet(self) {
        (self.headers.dst_mac_at, self.headers.src_mac_at) = (Place::new(0), Place::new(6));
        match self.chunk::<14>(0) {
            Some(head) => self.typed(u16::from_be_bytes([head[12], head[13]]), 14, Layer::Ethernet),
            None => self.cut(Layer::Ethernet, 0, 14),
        }
    }

    /// What an Ethernet type or length announces.
    #[inline]
    fn typed(self, kind: u16, at: usize, layer: Layer) {
        if kind == IPV4 {
            self.headers.ether_type = kind;
            self.ipv4(at);
        } else {
            self.typed_otherwise(kind, at, layer);
        }
    }

    fn typed_otherwise(self, mut kind: u16, mut at: usize, mut layer: Layer) {
        while is_tag(kind) {
            // IEEE 802.1Q §9.6: priority 3 bits, drop eligible 1, VLAN id 12; then the next type.
            if self.headers.tags == 0 {
                self.headers.tag_at = Place::new(at);
            } else if self.headers.tags == MAX_TAGS {
                return self.too_deep(Layer::Vlan, at);
            }
            self.headers.tags = self.headers.tags.wrapping_add(1);
            let Some(tag) = self.chunk::<4>(at) else { return self.cut(Layer::Vlan, at, 4) };
            kind = u16::from_be_bytes([tag[2], tag[3]]);
            at = at.wrapping_add(4);
            layer = Layer::Vlan;
        }
        if kind < 0x0600 {
            return self.llc_of_length(kind, at, layer);
        }
        self.headers.ether_type = kind;
        match kind {
            IPV4 => self.ipv4(at),
            IPV6 => self.ipv6(at),
            ARP | RARP => self.arp(at),
            MPLS | MPLS_UPSTREAM => self.mpls(at),
            PPPOE_SESSION => self.pppoe(at),
            _ => {
                self.headers.network_at = Place::new(at);
                self.unknown(layer, at, kind);
            }
        }
    }

    /// IEEE 802.3 §3.2.6: up to 1500 it is the length of an LLC frame, behind which there is only padding; up to 1535 it is neither.
    fn llc_of_length(mut self, length: u16, at: usize, layer: Layer) {
        if length > 1500 {
            return self.unknown(layer, at, length);
        }
        self.limit(at.wrapping_add(usize::from(length)));
        self.llc(at);
    }

    /// IEEE 802.2 §3.2 (two access points, control), RFC 1042 (AA AA 03, organisation 3 octets, type).
    fn llc(self, at: usize) {
        let Some(&[to, from, control]) = self.chunk::<3>(at) else { return self.cut(Layer::Llc, at, 3) };
        if (to, from, control) != (0xaa, 0xaa, 0x03) {
            self.headers.network_at = Place::new(at);
            return self.unknown(Layer::Llc, at, to);
        }
        let Some(&[_, _, _, a, b, c, d, e]) = self.chunk::<8>(at) else { return self.cut(Layer::Llc, at, 8) };
        let kind = u16::from_be_bytes([d, e]);
        // Ethernet types, as RFC 1042 and as IEEE 802.1H (bridge tunnel) carry them; other organisations have numbers of their own.
        if matches!([a, b, c], [0, 0, 0 | 0xf8]) && kind >= 0x0600 {
            self.typed(kind, at.wrapping_add(8), Layer::Llc);
        } else {
            self.headers.network_at = Place::new(at);
            self.unknown(Layer::Llc, at, u32::from_be_bytes([0, a, b, c]));
        }
    }

    /// IEEE 802.11 §9.2: frame control, duration, addresses by the direction bits, sequence; data frames go on with LLC.
    fn wlan(self) {
        let Some(&[kind, flags]) = self.chunk::<2>(0) else { return self.cut(Layer::Wlan, 0, 2) };
        let number = u16::from_be_bytes([kind, flags]);
        if kind & 0x03 != 0 {
            return self.invalid(Layer::Wlan, 0);
        }
        // Places of destination and source: to a distribution system, from one, both (a fourth address) or neither.
        let ((to, from), mut size) = match flags & 0x03 {
            0 => ((4, 10), 24),
            1 => ((16, 10), 24),
            2 => ((4, 16), 24),
            _ => ((16, 24), 30_usize),
        };
        match kind & 0x0c {
            0x08 => (self.headers.dst_mac_at, self.headers.src_mac_at) = (Place::new(to), Place::new(from)),
            0x00 => {
                (self.headers.dst_mac_at, self.headers.src_mac_at) = (Place::new(4), Place::new(10));
                return self.unknown(Layer::Wlan, 0, number);
            }
            _ => return self.unknown(Layer::Wlan, 0, number),
        }
        if kind & 0x80 != 0 {
            // QoS control, whose bit 7 says that several frames are aggregated in this one; then, maybe, HT control.
            let Some(&[control, _]) = self.chunk::<2>(size) else { return self.cut(Layer::Wlan, 0, size.wrapping_add(2)) };
            if control & 0x80 != 0 {
                return self.unknown(Layer::Wlan, 0, number);
            }
            size = size.wrapping_add(if flags & 0x80 != 0 { 6 } else { 2 });
        }
        if self.rest(0).len() < size {
            self.cut(Layer::Wlan, 0, size);
        } else if kind & 0x40 != 0 {
            self.complete(size); // A null frame: no data.
        } else if flags & 0x40 != 0 {
            self.unknown(Layer::Wlan, size, number); // Encrypted.
        } else {
            self.llc(size);
        }
    }

    /// RFC 1662 §3.1 (FF 03 in front of PPP, which may be left out); Cisco HDLC (0F or 8F, 00, Ethernet type) where `cisco`.
    fn hdlc(self, cisco: bool) {
        match self.rest(0) {
            [0xff, 0x03, ..] => self.ppp(2),
            [0x0f | 0x8f, 0x00, a, b, ..] if cisco => {
                let kind = u16::from_be_bytes([*a, *b]);
                if kind < 0x0600 { self.unknown(Layer::Ppp, 4, kind) } else { self.typed(kind, 4, Layer::Ppp) }
            }
            [] | [_] => self.cut(Layer::Ppp, 0, 2),
            [0x0f | 0x8f, 0x00, ..] if cisco => self.cut(Layer::Ppp, 0, 4),
            _ => self.ppp(0),
        }
    }

    /// RFC 2516 §4: version and type 1, code 0 for data, session, length.
    fn pppoe(mut self, at: usize) {
        self.headers.pppoe_at = Place::new(at);
        let Some(head) = self.chunk::<6>(at) else { return self.cut(Layer::Pppoe, at, 6) };
        if head[0] != 0x11 {
            return self.invalid(Layer::Pppoe, at);
        }
        let from = at.wrapping_add(6);
        self.limit(from.wrapping_add(usize::from(u16::from_be_bytes([head[4], head[5]]))));
        self.ppp(from);
    }

    /// RFC 1661 §2 and §6.5: the protocol in two octets, or in one when that is odd.
    fn ppp(self, at: usize) {
        let (protocol, size) = match *self.rest(at) {
            [a, ..] if a & 1 != 0 => (u16::from(a), 1),
            [a, b, ..] => (u16::from_be_bytes([a, b]), 2),
            _ => return self.cut(Layer::Ppp, at, 2),
        };
        let from = at.wrapping_add(size);
        match protocol {
            0x0021 => self.ipv4(from),
            0x0057 => self.ipv6(from),
            0x0281 | 0x0283 => self.mpls(from),
            _ => {
                self.headers.network_at = Place::new(from);
                self.unknown(Layer::Ppp, at, protocol);
            }
        }
    }

    /// RFC 3032 §2.1. What is below the stack says no label; IP is told by its version, as routers do for load sharing (RFC 4928 §2).
    fn mpls(self, mut at: usize) {
        self.headers.labels_at = Place::new(at);
        for labels in 1..=MAX_LABELS {
            let Some(label) = self.chunk::<4>(at) else { return self.cut(Layer::Mpls, at, 4) };
            at = at.wrapping_add(4);
            self.headers.labels = labels;
            if label[2] & 1 != 0 {
                self.headers.stack_ended = true;
                return self.ip(at, Layer::Mpls);
            }
        }
        self.too_deep(Layer::Mpls, at);
    }

    /// RFC 826: read on demand.
    fn arp(self, at: usize) {
        self.headers.network = Network::Arp;
        self.headers.network_at = Place::new(at);
        let Some(head) = self.chunk::<8>(at) else { return self.cut(Layer::Arp, at, 28) };
        let addresses = usize::from(head[4]).wrapping_add(usize::from(head[5])).wrapping_mul(2);
        let size = addresses.wrapping_add(8);
        if self.rest(at).len() < size { self.cut(Layer::Arp, at, size) } else { self.complete(at.wrapping_add(size)) }
    }

    /// IP of either version.
    fn ip(self, at: usize, layer: Layer) {
        match self.rest(at).first().map(|first| first >> 4) {
            Some(4) => self.ipv4(at),
            Some(6) => self.ipv6(at),
            Some(version) => {
                self.headers.network_at = Place::new(at);
                self.unknown(layer, at, version);
            }
            None => self.cut(layer, at, 1),
        }
    }

    /// RFC 791 §3.1.
    #[inline]
    fn ipv4(mut self, at: usize) {
        self.headers.network_at = Place::new(at);
        let Some(&first) = self.rest(at).first() else { return self.cut(Layer::Ipv4, at, 20) };
        let size = usize::from(first & 0x0f).wrapping_mul(4);
        if first >> 4 != 4 || size < 20 {
            return self.invalid(Layer::Ipv4, at);
        }
        self.headers.network = Network::Ipv4;
        let Some(head) = self.chunk::<20>(at) else {
            self.headers.ip_protocol = self.rest(at).get(9).map_or(NO_PROTOCOL, |&protocol| protocol.into());
            return self.cut(Layer::Ipv4, at, size);
        };
        let protocol = head[9];
        self.headers.ip_protocol = protocol.into();
        // A length of 0 is what a host sees of a packet its network card will cut up (TSO): the length is not known.
        let total = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if total != 0 {
            if total < size {
                return self.invalid(Layer::Ipv4, at);
            }
            self.limit(at.wrapping_add(total));
        }
        let next = at.wrapping_add(size);
        if self.headers.bytes.len() < next {
            self.cut(Layer::Ipv4, at, size);
        } else if u16::from_be_bytes([head[6], head[7]]) & 0x1fff != 0 {
            self.complete(next); // A later fragment has no transport header.
        } else {
            self.transport(protocol, next, Layer::Ipv4);
        }
    }

    /// RFC 8200 §3 and §4.
    fn ipv6(mut self, at: usize) {
        self.headers.network_at = Place::new(at);
        let Some(&first) = self.rest(at).first() else { return self.cut(Layer::Ipv6, at, 40) };
        if first >> 4 != 6 {
            return self.invalid(Layer::Ipv6, at);
        }
        self.headers.network = Network::Ipv6;
        let Some(head) = self.chunk::<40>(at) else {
            self.protocol(self.rest(at).get(6).copied());
            return self.cut(Layer::Ipv6, at, 40);
        };
        let next = at.wrapping_add(40);
        // 0 in a jumbogram (RFC 2675), and where a network card will cut the packet up.
        let length = usize::from(u16::from_be_bytes([head[4], head[5]]));
        if length != 0 {
            self.limit(next.wrapping_add(length));
        }
        if is_extension(head[6]) {
            self.extensions(head[6], next);
        } else {
            self.headers.ip_protocol = head[6].into();
            self.transport(head[6], next, Layer::Ipv6);
        }
    }

    /// The protocol that IPv6 carries, unless another extension header comes first.
    fn protocol(&mut self, next: Option<u8>) {
        if let Some(next) = next.filter(|&next| !is_extension(next)) {
            self.headers.ip_protocol = next.into();
        }
    }

    /// RFC 8200 §4: next header, then in most of them the length in units of 8 octets, the first 8 not counted.
    fn extensions(mut self, mut next: u8, mut at: usize) {
        for _ in 0..MAX_EXTENSIONS {
            if !is_extension(next) {
                self.headers.ip_protocol = next.into();
                return self.transport(next, at, Layer::Ipv6Extension);
            }
            let Some(&[after, length]) = self.chunk::<2>(at) else { return self.cut(Layer::Ipv6Extension, at, 8) };
            let mut later = false;
            let size = match next {
                FRAGMENT => {
                    if self.headers.fragment_at == Place::NONE {
                        self.headers.fragment_at = Place::new(at);
                    }
                    let Some(head) = self.chunk::<8>(at) else {
                        // What follows a later fragment's header is data: whether `after` is the protocol is not known yet.
                        self.protocol(Some(after));
                        return self.cut(Layer::Ipv6Extension, at, 8);
                    };
                    later = u16::from_be_bytes([head[2], head[3]]) & 0xfff8 != 0;
                    8
                }
                AUTHENTICATION => usize::from(length).wrapping_add(2).wrapping_mul(4), // RFC 4302 §2.2.
                _ => usize::from(length).wrapping_add(1).wrapping_mul(8),
            };
            self.protocol(Some(after));
            if self.rest(at).len() < size {
                return self.cut(Layer::Ipv6Extension, at, size);
            }
            at = at.wrapping_add(size);
            if later {
                return self.complete(at);
            }
            next = after;
        }
        self.too_deep(Layer::Ipv6Extension, at);
    }

    #[inline]
    fn transport(self, protocol: u8, at: usize, ip: Layer) {
        let (layer, size) = match protocol {
            6 => (Layer::Tcp, 20),
            17 => (Layer::Udp, 8),
            _ => return self.transport_otherwise(protocol, at, ip),
        };
        (self.headers.transport, self.headers.transport_at) = (Some(layer), Place::new(at));
        let rest = self.rest(at);
        if layer == Layer::Udp {
            return match rest.first_chunk::<8>() {
                Some(head) => self.udp(*head, at),
                None => self.cut(Layer::Udp, at, size),
            };
        }
        let Some(head) = rest.first_chunk::<20>() else { return self.cut(Layer::Tcp, at, size) };
        let size = usize::from(head[12] >> 4).wrapping_mul(4);
        if size < 20 {
            self.invalid(Layer::Tcp, at);
        } else if rest.len() < size {
            self.cut(Layer::Tcp, at, size);
        } else {
            self.complete(at.wrapping_add(size));
        }
    }

    fn transport_otherwise(self, protocol: u8, at: usize, ip: Layer) {
        let (layer, size) = match protocol {
            1 => (Layer::Icmp, 8),
            58 => (Layer::Icmpv6, 4),
            33 => (Layer::Dccp, 12),
            132 => (Layer::Sctp, 12),
            136 => (Layer::UdpLite, 8),
            59 => return self.complete(at), // RFC 8200 §4.7: no next header.
            4 | 41 | 47 | 137 | 143 => return self.tunnel(protocol, at),
            _ => return self.unknown(ip, at, protocol),
        };
        (self.headers.transport, self.headers.transport_at) = (Some(layer), Place::new(at));
        if self.rest(at).len() < size { self.cut(layer, at, size) } else { self.complete(at.wrapping_add(size)) }
    }
}

const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;

/// Whether an IP protocol is an extension header that can be walked: all of RFC 8200 §4 but ESP, and those of RFC 6275, 7401 and 5533.
const fn is_extension(protocol: u8) -> bool {
    matches!(protocol, 0 | 43 | FRAGMENT | AUTHENTICATION | 60 | 135 | 139 | 140)
}
