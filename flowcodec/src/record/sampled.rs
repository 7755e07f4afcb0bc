//! An sFlow sample as a record.
//!
//! A flow sample is one packet: its header, what the agent knows of its way (switch, router, gateway), and where it came in and went
//! out. What of it is a common field is said in one place, [`Parts`]: by number, or straight into a row.

use std::net::IpAddr;

use super::value::Value;
use crate::context::Context;
use crate::ie::{ElementId, SflowStructure};
use crate::model::{FieldId, FieldValue, FlowRecord, Numbers, field, octets_of_address, put};
use crate::packet::{self, Headers, Start};
use crate::sflow::{
    self, Ethernet, Gateway, HeaderProtocol, Interface, Ipv4, Ipv6, Mpls, Nat, NatPort, PacketTime, Places, PlainFlow, RawHeader,
    Router, Sample, SampleKind, SocketIpv4, SocketIpv6, Structure, Switch, User, table,
};
use crate::text::Text;
use crate::time::Timestamp;

/// One sample, and what is needed to read it. Its bad records were reported when it was found; readers pass over them.
#[derive(Debug, Clone, Copy)]
pub(super) struct SampleRef<'a> {
    pub(super) context: &'a Context,
    pub(super) sample: Sample<'a>,
    /// All its octets.
    pub(super) raw: &'a [u8],
    /// How deep records within records are read.
    pub(super) depth: u8,
}

impl<'a> SampleRef<'a> {
    /// Its good records.
    pub(super) fn records(&self) -> impl Iterator<Item = Structure<'a>> + use<'a> {
        let depth = self.depth;
        self.sample.records().flatten().filter(move |record| record.known(depth).is_ok())
    }

    /// The headers of the sampled packet.
    pub(super) fn headers(&self) -> Option<Headers<'a>> {
        let header = self.sample.records().flatten().find_map(|record| match record.id() {
            SflowStructure::Flow(1) => RawHeader::of(&record).ok(),
            _ => None,
        })?;
        Some(packet::parse(Start::from_sflow(header.protocol.0), header.header))
    }

    pub(super) fn value(&self, id: FieldId) -> Option<FieldValue<'a>> {
        self.context_field(id).or_else(|| Parts::of(&self.sample).value(id))
    }

    /// A common field that needs no look at the records.
    pub(super) fn context_field(&self, id: FieldId) -> Option<FieldValue<'a>> {
        if id == field::SAMPLING_RATE.id() {
            return self.sampling_rate().map(FieldValue::Double);
        }
        self.context.field(id)
    }

    /// The rate of the settings where they outrank, else the sample's own; a notice of a dropped packet stands for that packet alone.
    #[inline]
    fn sampling_rate(&self) -> Option<f64> {
        rate_of(self.context, self.sample.sampling_rate()?)
    }

    /// Fills a row.
    pub(super) fn fill(&self, row: &mut FlowRecord) {
        *row = prototype(self.context);
        self.finish(row);
    }

    /// Fills what the message did not.
    fn finish(&self, row: &mut FlowRecord) {
        if let Some(rate) = self.sampling_rate() {
            let mut present = 0;
            put!(row, present, SAMPLING_RATE, rate.to_ne_bytes());
            row.mark(present);
        }
        Parts::of(&self.sample).fill(row);
    }
}

/// The rate of samples that say `own`; 0 says nothing.
#[inline]
fn rate_of(context: &Context, own: u32) -> Option<f64> {
    if context.sampling_fixed || own == 0 { context.sampling_rate } else { Some(f64::from(own)) }
}

/// Fills a row from a flow sample that has only the commonest records, as [`Parts::fill`] would.
#[inline]
fn fill_plain(context: &Context, sample: &PlainFlow<'_>, row: &mut FlowRecord) {
    let mut present = 0;
    if let Some(in_if) = sample.in_if {
        put!(row, present, IN_IF, in_if.to_ne_bytes());
    }
    if let Some(out_if) = sample.out_if {
        put!(row, present, OUT_IF, out_if.to_ne_bytes());
    }
    if let Some(rate) = rate_of(context, sample.rate) {
        put!(row, present, SAMPLING_RATE, rate.to_ne_bytes());
    }
    if let Some(switch) = sample.switch() {
        if let Some(vlan) = narrow(switch.src_vlan, MOST_VLAN) {
            put!(row, present, VLAN, vlan.to_ne_bytes());
        }
        if let Some(vlan) = narrow(switch.dst_vlan, MOST_VLAN) {
            put!(row, present, POST_VLAN, vlan.to_ne_bytes());
        }
    }
    if let Some(router) = sample.router() {
        if let Some(octets) = router.next_hop {
            put!(row, present, NEXT_HOP, octets);
        }
        if let Ok(bits) = u8::try_from(router.src_mask_len) {
            put!(row, present, SRC_PREFIX_LEN, [bits]);
        }
        if let Ok(bits) = u8::try_from(router.dst_mask_len) {
            put!(row, present, DST_PREFIX_LEN, [bits]);
        }
    }
    if let Some(gateway) = sample.gateway() {
        put!(row, present, SRC_AS, gateway.src_as.to_ne_bytes());
        if let Some(dst_as) = gateway.dst_as {
            put!(row, present, DST_AS, dst_as.to_ne_bytes());
        }
    }
    if let Some(header) = sample.header() {
        put!(row, present, PACKETS, 1_u64.to_ne_bytes());
        let frame = header.frame_length.saturating_sub(header.stripped);
        present |= packet::fill(Start::from_sflow(header.protocol), header.header, frame, row);
    }
    row.mark(present);
}

/// The part of a row that all samples of a datagram share.
pub(super) fn prototype(context: &Context) -> FlowRecord {
    let mut row = FlowRecord::EMPTY;
    let mut present = 0;
    put!(row, present, RECEIVED, context.received.as_nanos().to_ne_bytes());
    put!(row, present, EXPORTER, context.exporter.octets());
    put!(row, present, EXPORTER_PORT, context.exporter.port().to_ne_bytes());
    put!(row, present, DOMAIN, context.domain.to_ne_bytes());
    put!(row, present, PROTOCOL, [context.protocol.code()]);
    put!(row, present, COUNTERS_SCALED, [context.counters_scaled.code()]);
    row.mark(present);
    row
}

/// All samples as rows, in runs that stand in `rows`.
pub(super) fn rows(
    context: &Context,
    octets: &[u8],
    places: &[Option<Places>],
    depth: u8,
    rows: &mut [FlowRecord],
    mut each: impl FnMut(&[FlowRecord]),
) {
    let mut left = Left { prototype: prototype(context), context, depth, octets, places: places.iter() };
    loop {
        let count = left.fill(rows);
        if count == 0 {
            return;
        }
        each(rows.get(..count).unwrap_or_default());
    }
}

/// As many samples as rows as there is room for; gives how many.
pub(super) fn first_rows(
    context: &Context,
    octets: &[u8],
    places: &[Option<Places>],
    depth: u8,
    rows: &mut [FlowRecord],
) -> usize {
    Left { prototype: prototype(context), context, depth, octets, places: places.iter() }.fill(rows)
}

/// Samples that are still to become rows.
struct Left<'a> {
    prototype: FlowRecord,
    context: &'a Context,
    depth: u8,
    octets: &'a [u8],
    places: core::slice::Iter<'a, Option<Places>>,
}

impl Left<'_> {
    /// Fills as many rows as there are samples; gives how many. (Not a part of [`rows`], which is compiled for each `each`.)
    fn fill(&mut self, rows: &mut [FlowRecord]) -> usize {
        let Self { prototype, context, depth, octets, places } = self;
        let mut count = 0_usize;
        for row in rows {
            let Some((format, body, behind)) = sflow::split(octets) else { break };
            row.copy_from(prototype);
            let noted = places.next().copied().flatten();
            match noted.and_then(|places| PlainFlow::new(format, body, places)) {
                Some(sample) => fill_plain(context, &sample, row),
                None => finish_first(context, octets, *depth, row),
            }
            *octets = behind;
            count = count.wrapping_add(1);
        }
        count
    }
}

/// Fills what the message did not, the long way: from the first of `octets`. (Taking the sample itself would put it in memory for all
/// the others too.)
#[inline(never)]
fn finish_first(context: &Context, octets: &[u8], depth: u8, row: &mut FlowRecord) {
    if let Some((sample, _)) = Sample::split_first(octets, 0) {
        SampleRef { context, sample, raw: &[], depth }.finish(row);
    }
}

/// Samples of a run whose places are noted at most: 8 KiB. A datagram of 64 KiB with real samples has fewer.
pub(crate) const MOST_PLACES: usize = 1_024;

/// Common fields that samples can have, in the schema's order.
pub(super) const FIELDS: &[FieldId] = &[
    field::RECEIVED.id(),
    field::EXPORTER.id(),
    field::EXPORTER_PORT.id(),
    field::DOMAIN.id(),
    field::PROTOCOL.id(),
    field::SAMPLING_RATE.id(),
    field::COUNTERS_SCALED.id(),
    field::SRC_ADDR.id(),
    field::DST_ADDR.id(),
    field::SRC_PORT.id(),
    field::DST_PORT.id(),
    field::IP_PROTOCOL.id(),
    field::TCP_FLAGS.id(),
    field::TOS.id(),
    field::TTL.id(),
    field::OCTETS.id(),
    field::PACKETS.id(),
    field::IN_IF.id(),
    field::OUT_IF.id(),
    field::NEXT_HOP.id(),
    field::SRC_AS.id(),
    field::DST_AS.id(),
    field::SRC_PREFIX_LEN.id(),
    field::DST_PREFIX_LEN.id(),
    field::VLAN.id(),
    field::POST_VLAN.id(),
    field::SRC_MAC.id(),
    field::DST_MAC.id(),
    field::ETHERTYPE.id(),
    field::FLOW_LABEL.id(),
    field::ICMP_TYPE.id(),
    field::ICMP_CODE.id(),
    field::IP_VERSION.id(),
    field::AGENT.id(),
    field::OBSERVATION_POINT.id(),
    field::OBSERVED.id(),
    field::LAYER2_OCTETS.id(),
    field::SAMPLE_POOL.id(),
    field::SAMPLE_DROPS.id(),
    field::FRAME_LENGTH.id(),
    field::FRAGMENT_ID.id(),
    field::FRAGMENT_OFFSET.id(),
    field::FRAGMENT_FLAGS.id(),
    field::OUT_IF_COUNT.id(),
    field::IN_IF_NAME.id(),
    field::CUSTOMER_VLAN.id(),
    field::BGP_NEXT_HOP.id(),
    field::NEXT_AS.id(),
    field::PREVIOUS_AS.id(),
    field::AS_PATH.id(),
    field::BGP_COMMUNITIES.id(),
    field::LOCAL_PREF.id(),
    field::MPLS_LABELS.id(),
    field::POST_NAT_SRC_ADDR.id(),
    field::POST_NAT_DST_ADDR.id(),
    field::POST_NAT_SRC_PORT.id(),
    field::POST_NAT_DST_PORT.id(),
    field::SRC_USER.id(),
    field::DST_USER.id(),
    field::TUNNEL_KEY.id(),
    field::TUNNEL_SRC_ADDR.id(),
    field::TUNNEL_DST_ADDR.id(),
    field::TUNNEL_PROTOCOL.id(),
    field::TUNNEL_SRC_PORT.id(),
    field::TUNNEL_DST_PORT.id(),
    field::DROP_REASON.id(),
];

/// What of a sample common fields are read from, found in one walk over its records. Of a structure that comes twice the first counts.
#[derive(Debug, Clone)]
pub(super) struct Parts<'a> {
    sample: Sample<'a>,
    header: Option<(RawHeader<'a>, Headers<'a>)>,
    switch: Option<Switch>,
    router: Option<Router>,
    gateway: Option<Gateway<'a>>,
    rare: Rare<'a>,
}

/// What few samples have.
#[derive(Debug, Clone, Default)]
struct Rare<'a> {
    /// What the agent read of the packet, where it does not give the header; or the two ends of a transaction.
    ends: Option<Ends>,
    ethernet: Option<Ethernet>,
    user: Option<User<'a>>,
    mpls: Option<Mpls<'a>>,
    nat: Option<Nat>,
    nat_port: Option<NatPort>,
    tunnel: Option<Ends>,
    vni: Option<&'a [u8]>,
    observed: Option<Timestamp>,
    if_index: Option<u32>,
    if_name: Option<Text<'a>>,
}

/// Both ends of a packet or transaction.
#[derive(Debug, Clone, Copy)]
struct Ends {
    src: IpAddr,
    dst: IpAddr,
    src_port: u32,
    dst_port: u32,
    protocol: u32,
    /// Length, TCP flags and type of service: of packets.
    packet: Option<(u32, u32, u32)>,
}

impl From<Ipv4> for Ends {
    fn from(it: Ipv4) -> Self {
        let (src, dst, packet) = (it.src_ip.into(), it.dst_ip.into(), Some((it.length, it.tcp_flags, it.tos)));
        Self { src, dst, src_port: it.src_port, dst_port: it.dst_port, protocol: it.protocol, packet }
    }
}

impl From<Ipv6> for Ends {
    fn from(it: Ipv6) -> Self {
        let (src, dst, packet) = (it.src_ip.into(), it.dst_ip.into(), Some((it.length, it.tcp_flags, it.priority)));
        Self { src, dst, src_port: it.src_port, dst_port: it.dst_port, protocol: it.protocol, packet }
    }
}

/// This end is the source: where a transaction is all there is, nothing says which way its octets went.
impl From<SocketIpv4> for Ends {
    fn from(it: SocketIpv4) -> Self {
        let (src, dst, protocol) = (it.local_ip.into(), it.remote_ip.into(), it.protocol);
        Self { src, dst, src_port: it.local_port, dst_port: it.remote_port, protocol, packet: None }
    }
}

impl From<SocketIpv6> for Ends {
    fn from(it: SocketIpv6) -> Self {
        let (src, dst, protocol) = (it.local_ip.into(), it.remote_ip.into(), it.protocol);
        Self { src, dst, src_port: it.local_port, dst_port: it.remote_port, protocol, packet: None }
    }
}

impl<'a> Parts<'a> {
    #[inline]
    pub(super) fn of(sample: &Sample<'a>) -> Self {
        let mut parts = Self { sample: *sample, header: None, switch: None, router: None, gateway: None, rare: Rare::default() };
        for record in sample.records().flatten() {
            match record.id() {
                SflowStructure::Flow(1) if parts.header.is_none() => {
                    parts.header = RawHeader::of(&record).ok().map(|header| {
                        let headers = packet::parse(Start::from_sflow(header.protocol.0), header.header);
                        (header, headers)
                    });
                }
                SflowStructure::Flow(1001) => first(&mut parts.switch, || Switch::of(&record).ok()),
                SflowStructure::Flow(1002) => first(&mut parts.router, || Router::of(&record).ok()),
                SflowStructure::Flow(1003) => first(&mut parts.gateway, || Gateway::of(&record).ok()),
                _ => parts.rare.take(&record),
            }
        }
        parts
    }

    /// The value of a common field.
    pub(super) fn value(&self, id: FieldId) -> Option<FieldValue<'a>> {
        let headers = || self.header.as_ref().map(|(_, headers)| headers);
        if let Some(value) = headers().and_then(|headers| headers.value(id)) {
            return Some(value);
        }
        let sample = &self.sample;
        let ends = || self.rare.ends.as_ref();
        let ends_of = || ends().and_then(|ends| ends.packet);
        Some(match id {
            id::SRC_ADDR => address(ends()?.src),
            id::DST_ADDR => address(ends()?.dst),
            id::SRC_PORT => within(ends()?.src_port, 0xffff)?,
            id::DST_PORT => within(ends()?.dst_port, 0xffff)?,
            id::IP_PROTOCOL => within(ends()?.protocol, 0xff)?,
            id::TCP_FLAGS => within(ends_of().filter(|_| ends().is_some_and(is_tcp))?.1, 0xffff)?,
            id::TOS => within(ends_of()?.2, 0xff)?,
            id::OCTETS => number(self.octets()?),
            id::PACKETS => number(u32::from(self.packets()?)),
            id::IN_IF => number(self.in_if()?),
            id::OUT_IF => number(index(sample.output()?)?),
            id::OUT_IF_COUNT => match sample.output()? {
                Interface::Multiple(count) => number(count),
                _ => return None,
            },
            id::NEXT_HOP => address(self.next_hop()?),
            id::SRC_AS => number(self.gateway?.src_as),
            id::DST_AS => number(self.gateway?.dst_as_path.last()?),
            id::SRC_PREFIX_LEN => within(self.router?.src_mask_len, 0xff)?,
            id::DST_PREFIX_LEN => within(self.router?.dst_mask_len, 0xff)?,
            id::VLAN => within(self.switch?.src_vlan, MOST_VLAN)?,
            id::POST_VLAN => within(self.switch?.dst_vlan, MOST_VLAN)?,
            id::SRC_MAC => FieldValue::Mac(self.rare.ethernet?.src_mac),
            id::DST_MAC => FieldValue::Mac(self.rare.ethernet?.dst_mac),
            id::ETHERTYPE => within(self.rare.ethernet?.ether_type, 0xffff)?,
            id::IP_VERSION => number(ends().map(|ends| if ends.src.is_ipv4() { 4 } else { 6 })?),
            id::OBSERVATION_POINT => {
                let source = sample.source()?;
                FieldValue::Unsigned((u64::from(source.class) << 32) | u64::from(source.index))
            }
            id::OBSERVED => FieldValue::Time(self.rare.observed?),
            id::LAYER2_OCTETS | id::FRAME_LENGTH => number(self.frame_length()?),
            id::SAMPLE_POOL => number(sample.pool()?),
            id::SAMPLE_DROPS => number(sample.drops()?),
            id::IN_IF_NAME => FieldValue::Text(self.rare.if_name?),
            id::BGP_NEXT_HOP => address(self.gateway?.next_hop?),
            id::NEXT_AS => number(self.gateway?.dst_as_path.first()?),
            id::PREVIOUS_AS => number(self.gateway?.src_peer_as),
            id::AS_PATH => numbers(self.gateway?.dst_as_path.to_numbers()?)?,
            id::BGP_COMMUNITIES => numbers(self.gateway?.communities.into())?,
            id::LOCAL_PREF => number(self.gateway?.local_pref),
            id::MPLS_LABELS => {
                // The first ten of a deeper stack, as from a header.
                let mut labels = Numbers::default();
                for entry in self.rare.mpls?.in_stack.iter().take(Numbers::MOST) {
                    labels.push(entry >> 12);
                }
                numbers(labels)?
            }
            id::POST_NAT_SRC_ADDR => address(self.rare.nat?.src_address?),
            id::POST_NAT_DST_ADDR => address(self.rare.nat?.dst_address?),
            id::POST_NAT_SRC_PORT => within(self.rare.nat_port?.src_port, 0xffff)?,
            id::POST_NAT_DST_PORT => within(self.rare.nat_port?.dst_port, 0xffff)?,
            id::SRC_USER => FieldValue::Text(self.rare.user?.src_user),
            id::DST_USER => FieldValue::Text(self.rare.user?.dst_user),
            id::TUNNEL_KEY => FieldValue::Octets(self.rare.vni?),
            id::TUNNEL_SRC_ADDR => address(self.rare.tunnel?.src),
            id::TUNNEL_DST_ADDR => address(self.rare.tunnel?.dst),
            id::TUNNEL_PROTOCOL => within(self.rare.tunnel?.protocol, 0xff)?,
            id::TUNNEL_SRC_PORT => within(self.rare.tunnel?.src_port, 0xffff)?,
            id::TUNNEL_DST_PORT => within(self.rare.tunnel?.dst_port, 0xffff)?,
            id::DROP_REASON => number(sample.reason()?.0),
            _ => return None,
        })
    }

    /// Writes the fields of the row; agrees with [`value`](Self::value).
    #[inline]
    fn fill(&self, row: &mut FlowRecord) {
        let mut present = 0;
        if let Some(in_if) = self.in_if() {
            put!(row, present, IN_IF, in_if.to_ne_bytes());
        }
        if let Some(out_if) = self.sample.output().and_then(index) {
            put!(row, present, OUT_IF, out_if.to_ne_bytes());
        }
        if let Some(octets) = self.octets() {
            put!(row, present, OCTETS, u64::from(octets).to_ne_bytes());
        }
        if let Some(packets) = self.packets() {
            put!(row, present, PACKETS, u64::from(packets).to_ne_bytes());
        }
        if let Some(switch) = &self.switch {
            if let Some(vlan) = narrow(switch.src_vlan, MOST_VLAN) {
                put!(row, present, VLAN, vlan.to_ne_bytes());
            }
            if let Some(vlan) = narrow(switch.dst_vlan, MOST_VLAN) {
                put!(row, present, POST_VLAN, vlan.to_ne_bytes());
            }
        }
        if let Some(next_hop) = self.next_hop() {
            put!(row, present, NEXT_HOP, octets_of_address(next_hop));
        }
        if let Some(router) = &self.router {
            if let Ok(bits) = u8::try_from(router.src_mask_len) {
                put!(row, present, SRC_PREFIX_LEN, [bits]);
            }
            if let Ok(bits) = u8::try_from(router.dst_mask_len) {
                put!(row, present, DST_PREFIX_LEN, [bits]);
            }
        }
        if let Some(gateway) = &self.gateway {
            put!(row, present, SRC_AS, gateway.src_as.to_ne_bytes());
            if let Some(dst_as) = gateway.dst_as_path.last() {
                put!(row, present, DST_AS, dst_as.to_ne_bytes());
            }
        }
        row.mark(present);
        if self.rare.ends.is_some() || self.rare.ethernet.is_some() {
            self.fill_ends(row);
        }
        // Over what the records beside it say.
        if let Some((_, headers)) = &self.header {
            headers.fill(row);
        }
    }

    #[cold]
    fn fill_ends(&self, row: &mut FlowRecord) {
        const ENDS: [FieldId; 11] = [
            field::SRC_ADDR.id(),
            field::DST_ADDR.id(),
            field::SRC_PORT.id(),
            field::DST_PORT.id(),
            field::IP_PROTOCOL.id(),
            field::TCP_FLAGS.id(),
            field::TOS.id(),
            field::IP_VERSION.id(),
            field::SRC_MAC.id(),
            field::DST_MAC.id(),
            field::ETHERTYPE.id(),
        ];
        for id in ENDS {
            if let Some(value) = self.value(id) {
                row.set(id, value);
            }
        }
    }

    /// Octets of the packet from its network header on: of the whole packet, not of what was copied of it.
    #[inline]
    fn octets(&self) -> Option<u32> {
        let by_header =
            |(raw, headers): &(RawHeader<'_>, Headers<'_>)| headers.network_len(raw.frame_length.saturating_sub(raw.stripped));
        self.header.as_ref().and_then(by_header).or_else(|| Some(self.rare.ends?.packet?.0))
    }

    /// One packet, unless the sample is of counters or of a transaction.
    #[inline]
    fn packets(&self) -> Option<u8> {
        let packet = self.header.is_some()
            || self.rare.ethernet.is_some()
            || self.rare.ends.is_some_and(|ends| ends.packet.is_some())
            || matches!(self.sample.kind(), SampleKind::Discard);
        packet.then_some(1)
    }

    /// Octets of the frame on the wire, check sequence included; headers that begin with the packet are of no frame.
    fn frame_length(&self) -> Option<u32> {
        let is_frame =
            |raw: &RawHeader<'_>| !matches!(raw.protocol, HeaderProtocol::IPV4 | HeaderProtocol::IPV6 | HeaderProtocol::MPLS);
        let by_header = self.header.as_ref().filter(|(raw, _)| is_frame(raw)).map(|(raw, _)| raw.frame_length);
        by_header.or_else(|| Some(self.rare.ethernet?.length))
    }

    #[inline]
    fn in_if(&self) -> Option<u32> {
        self.sample.input().and_then(index).or(self.rare.if_index)
    }

    #[inline]
    fn next_hop(&self) -> Option<IpAddr> {
        self.router.as_ref().and_then(|router| router.next_hop).or_else(|| self.rare.mpls.as_ref()?.next_hop)
    }
}

impl<'a> Rare<'a> {
    fn packet(&mut self, ends: impl FnOnce() -> Option<Ends>) {
        if self.ends.is_none_or(|ends| ends.packet.is_none()) {
            self.ends = ends().or(self.ends);
        }
    }

    #[inline(never)]
    fn take(&mut self, record: &Structure<'a>) {
        match record.id() {
            SflowStructure::Flow(2) => first(&mut self.ethernet, || Ethernet::of(record).ok()),
            // What is said of a packet counts more than what is said of a socket.
            SflowStructure::Flow(3) => self.packet(|| Ipv4::of(record).ok().map(Ends::from)),
            SflowStructure::Flow(4) => self.packet(|| Ipv6::of(record).ok().map(Ends::from)),
            SflowStructure::Flow(2100) => first(&mut self.ends, || SocketIpv4::of(record).ok().map(Ends::from)),
            SflowStructure::Flow(2101) => first(&mut self.ends, || SocketIpv6::of(record).ok().map(Ends::from)),
            SflowStructure::Flow(1004) => first(&mut self.user, || User::of(record).ok()),
            SflowStructure::Flow(1006) => first(&mut self.mpls, || Mpls::of(record).ok()),
            SflowStructure::Flow(1007) => first(&mut self.nat, || Nat::of(record).ok()),
            SflowStructure::Flow(1020) => first(&mut self.nat_port, || NatPort::of(record).ok()),
            SflowStructure::Flow(1023 | 1024) => first(&mut self.tunnel, || Ipv4::of(record).ok().map(Ends::from)),
            SflowStructure::Flow(1025 | 1026) => first(&mut self.tunnel, || Ipv6::of(record).ok().map(Ends::from)),
            SflowStructure::Flow(1029 | 1030) => first(&mut self.vni, || record.body().get(..4)),
            SflowStructure::Flow(1043) => first(&mut self.observed, || {
                let nanoseconds = PacketTime::of(record).ok()?.nanoseconds;
                Some(Timestamp::from_nanos(i64::try_from(nanoseconds).ok()?))
            }),
            SflowStructure::Counter(1) => first(&mut self.if_index, || match record.values()?.next()?.ok()?.value {
                table::XdrValue::U32(index) => Some(index),
                _ => None,
            }),
            SflowStructure::Counter(1005) => first(&mut self.if_name, || match record.values()?.next()?.ok()?.value {
                table::XdrValue::Text(name) => Some(name),
                _ => None,
            }),
            _ => {}
        }
    }
}

/// Fills a place that is empty.
#[inline]
fn first<T>(place: &mut Option<T>, value: impl FnOnce() -> Option<T>) {
    if place.is_none() {
        *place = value();
    }
}

/// The largest VLAN id; larger numbers stand for "not known".
const MOST_VLAN: u32 = 0xfff;

/// The index of an interface that is one.
#[inline]
const fn index(interface: Interface) -> Option<u32> {
    match interface {
        Interface::Index(index) => Some(index),
        Interface::Internal => Some(Interface::INTERNAL),
        _ => None,
    }
}

const fn is_tcp(ends: &Ends) -> bool {
    ends.protocol == 6
}

#[inline]
fn narrow(number: u32, most: u32) -> Option<u16> {
    // One comparison: the compiler sees that what is not above `most` fits.
    if number <= most { u16::try_from(number).ok() } else { None }
}

/// IPv4 as IPv4, as rows have it.
const fn address(address: IpAddr) -> FieldValue<'static> {
    FieldValue::Address(address.to_canonical())
}

fn number(number: u32) -> FieldValue<'static> {
    FieldValue::Unsigned(u64::from(number))
}

fn within(value: u32, most: u32) -> Option<FieldValue<'static>> {
    (value <= most).then(|| number(value))
}

/// The numbers as patterns.
mod id {
    use crate::model::{FieldId, field};

    macro_rules! ids {
        ($($name:ident)*) => { $(pub(super) const $name: FieldId = field::$name.id();)* };
    }

    ids! {
        SRC_ADDR DST_ADDR SRC_PORT DST_PORT IP_PROTOCOL TCP_FLAGS TOS OCTETS PACKETS IN_IF OUT_IF OUT_IF_COUNT NEXT_HOP SRC_AS
        DST_AS SRC_PREFIX_LEN DST_PREFIX_LEN VLAN POST_VLAN SRC_MAC DST_MAC ETHERTYPE IP_VERSION OBSERVATION_POINT OBSERVED
        LAYER2_OCTETS FRAME_LENGTH SAMPLE_POOL SAMPLE_DROPS IN_IF_NAME BGP_NEXT_HOP NEXT_AS PREVIOUS_AS AS_PATH
        BGP_COMMUNITIES LOCAL_PREF MPLS_LABELS POST_NAT_SRC_ADDR POST_NAT_DST_ADDR POST_NAT_SRC_PORT POST_NAT_DST_PORT
        SRC_USER DST_USER TUNNEL_KEY TUNNEL_SRC_ADDR TUNNEL_DST_ADDR TUNNEL_PROTOCOL TUNNEL_SRC_PORT TUNNEL_DST_PORT
        DROP_REASON
    }
}

/// An empty list is no value.
fn numbers(numbers: Numbers<'_>) -> Option<FieldValue<'_>> {
    (!numbers.is_empty()).then_some(FieldValue::Numbers(numbers))
}

/// One field of a sample: the element, its name in sflow.org's documents, its value and octets.
#[derive(Debug, Clone, Copy)]
pub(super) struct SampleElement<'a> {
    pub(super) id: ElementId,
    pub(super) name: Option<&'static str>,
    pub(super) value: Value<'a>,
    pub(super) octets: &'a [u8],
}

impl<'a> From<table::Value<'a>> for SampleElement<'a> {
    fn from(it: table::Value<'a>) -> Self {
        Self { id: it.element, name: Some(it.def.name), value: Value::from(it.value), octets: it.octets }
    }
}

impl<'a> SampleElement<'a> {
    fn raw(structure: SflowStructure, octets: &'a [u8]) -> Self {
        Self { id: ElementId::Sflow { structure, field: 0 }, name: None, value: Value::Octets(octets), octets }
    }
}

/// The fields of a sample in wire order: what stands before its records, then record by record. A record of an unknown structure is one
/// element, field 0 of it; so is a sample of an unknown format.
#[derive(Debug, Clone)]
pub(super) struct SampleElements<'a> {
    unknown: Option<(SflowStructure, &'a [u8])>,
    values: Option<table::Values<'a>>,
    records: sflow::Records<'a>,
    depth: u8,
}

impl<'a> SampleElements<'a> {
    pub(super) fn new(it: SampleRef<'a>) -> Self {
        let sample = it.sample;
        let unknown = sample.layout().is_none().then(|| (SflowStructure::Sample(sample.format().0), sample.body()));
        Self { unknown, values: sample.values(), records: sample.records(), depth: it.depth }
    }
}

impl<'a> Iterator for SampleElements<'a> {
    type Item = SampleElement<'a>;

    fn next(&mut self) -> Option<SampleElement<'a>> {
        if let Some((structure, body)) = self.unknown.take() {
            return Some(SampleElement::raw(structure, body));
        }
        loop {
            if let Some(Ok(value)) = self.values.as_mut().and_then(Iterator::next) {
                return Some(value.into());
            }
            self.values = None;
            let Ok(record) = self.records.next()? else { continue };
            match record.known(self.depth) {
                Ok(true) => self.values = record.values(),
                Ok(false) => return Some(SampleElement::raw(record.id(), record.body())),
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CORE, HOT};

    #[test]
    fn the_list_is_in_order_and_has_all_that_headers_give() {
        assert!(FIELDS.is_sorted());
        assert!(Headers::FIELDS.iter().all(|id| FIELDS.contains(id)));
        assert!(FIELDS.iter().all(|id| id.index() < CORE.len() && HOT.len() < CORE.len()));
    }
}
