//! What each field of a message says, whatever it was made from.

use std::net::IpAddr;

use super::beside::Beside;
use crate::exporter::Protocol;
use crate::io::goflow2::table::{Form, Moment, Mpls, Scale};
use crate::io::goflow2::{Dialect, id};
use crate::model::{FieldId, FieldValue, FlowRecord, HOT, Mac, Numbers, address_of_octets, field};
use crate::time::Timestamp;

/// A message as its fields: what the forms of the table stand for.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) row: &'a FlowRecord,
    pub(super) beside: &'a Beside<'a>,
    pub(super) sequence: u32,
}

impl<'a> View<'a> {
    #[inline]
    fn value(&self, id: FieldId) -> Option<FieldValue<'a>> {
        if id.index() < HOT.len() { self.row.value(id) } else { self.beside.value(id) }
    }

    #[inline]
    fn unsigned(&self, id: FieldId) -> Option<u64> {
        match self.value(id)? {
            FieldValue::Unsigned(number) => Some(number),
            _ => None,
        }
    }

    #[inline]
    fn time(&self, id: FieldId) -> Option<Timestamp> {
        match self.value(id)? {
            FieldValue::Time(time) => Some(time),
            _ => None,
        }
    }

    /// An address; `None` when it is not known.
    #[inline]
    pub(super) fn address(&self, form: Form) -> Option<IpAddr> {
        match form {
            Form::Address(id) => self.address_of(id),
            Form::Sampler if self.is_sflow() => {
                self.address_of(field::AGENT.id()).or_else(|| self.address_of(field::EXPORTER.id()))
            }
            Form::Sampler => self.address_of(field::EXPORTER.id()),
            _ => None,
        }
    }

    #[inline]
    fn address_of(&self, id: FieldId) -> Option<IpAddr> {
        match self.value(id)? {
            FieldValue::Address(address) => Some(address),
            _ => None,
        }
    }

    /// A number; 0 when it is not known.
    #[inline]
    pub(super) fn number(&self, form: Form, dialect: Dialect) -> u64 {
        match form {
            Form::Type => self.kind(),
            Form::Sequence => u64::from(self.sequence),
            Form::Rate => self.rate(),
            Form::Octets => self.octets(),
            Form::Packets => self.packets(),
            Form::Number(id) => self.unsigned(id).unwrap_or(0),
            Form::VlanId => self.row.vlan().map_or(0, u64::from),
            Form::TopBits(id) => self.unsigned(id).unwrap_or(0) >> 5,
            Form::Time(moment, scale) => self.time_since_1970(moment, scale, dialect),
            Form::Mac(one, other) => match self.value(one).or_else(|| self.value(other)) {
                Some(FieldValue::Mac(mac)) => number_of_mac(mac),
                _ => 0,
            },
            Form::Etype => self.etype(),
            Form::Protocol => self.unsigned(field::IP_PROTOCOL.id()).unwrap_or(0),
            Form::Network { bits, .. } => self.unsigned(bits).unwrap_or(0),
            Form::Mpls(part) => self.mpls(part),
            Form::Sampler
            | Form::Address(_)
            | Form::Addresses(_)
            | Form::Numbers(_)
            | Form::Layers(_)
            | Form::Name(_)
            | Form::Text(_) => 0,
        }
    }

    /// Type, time, sequence number and rate, which are the same of all that came in together.
    pub(super) fn of_message(&self, dialect: Dialect) -> [u64; 4] {
        let received = self.time_since_1970(Moment::Received, dialect.scale(), dialect);
        [self.kind(), received, u64::from(self.sequence), self.rate()]
    }

    /// Start and end; Ethernet type and VLAN, of 16 bits.
    #[inline]
    pub(super) fn of_record(&self, dialect: Dialect) -> ([u64; 2], [u64; 2]) {
        let (start, end) = (self.row.start(), self.row.end());
        let or_default = |said: Option<Timestamp>| match said {
            Some(time) => since_1970(time, dialect.scale()),
            None => self.when_not_said(dialect).map_or(0, |time| since_1970(time, dialect.scale())),
        };
        ([or_default(start), or_default(end)], [self.etype(), self.row.vlan().map_or(0, u64::from)])
    }

    #[inline]
    fn kind(&self) -> u64 {
        kind(self.row.protocol().map_or(Protocol::Unknown, Protocol::from_code))
    }

    #[inline]
    fn rate(&self) -> u64 {
        self.row.sampling_rate().map_or(0, rounded)
    }

    #[inline]
    fn time_since_1970(&self, moment: Moment, scale: Scale, dialect: Dialect) -> u64 {
        self.moment(moment, dialect).map_or(0, |time| since_1970(time, scale))
    }

    /// A list of numbers; `None` when there is none.
    #[inline]
    pub(super) fn numbers(&self, form: Form) -> Option<Numbers<'a>> {
        match form {
            Form::Numbers(id) | Form::Layers(id) => self.list(id),
            _ => None,
        }
    }

    #[inline]
    fn list(&self, id: FieldId) -> Option<Numbers<'a>> {
        match self.value(id)? {
            FieldValue::Numbers(numbers) if !numbers.is_empty() => Some(numbers),
            _ => None,
        }
    }

    /// Hands every address of a list to `each`.
    #[inline]
    pub(super) fn each_address(&self, form: Form, mut each: impl FnMut(IpAddr)) {
        let Form::Addresses(id) = form else { return };
        match self.value(id) {
            Some(FieldValue::Address(address)) => each(address),
            Some(FieldValue::Octets(octets)) => {
                octets.as_chunks::<16>().0.iter().for_each(|octets| each(address_of_octets(*octets)));
            }
            _ => {}
        }
    }

    #[inline]
    pub(super) fn is_sflow(&self) -> bool {
        self.row.protocol() == Some(const { Protocol::Sflow.code() })
    }

    /// goflow2 counts the whole frame of a sampled packet, and takes output counters where there are no others.
    #[inline]
    fn octets(&self) -> u64 {
        let frame = || self.unsigned(field::FRAME_LENGTH.id());
        let sampled = if self.is_sflow() { frame() } else { None };
        let flow = || self.row.octets().or_else(|| self.unsigned(field::POST_OCTETS.id()));
        sampled.or_else(flow).or_else(frame).unwrap_or(0)
    }

    #[inline]
    fn packets(&self) -> u64 {
        let packets = self.row.packets().or_else(|| self.unsigned(field::POST_PACKETS.id()));
        packets.unwrap_or_else(|| self.unsigned(field::FRAME_LENGTH.id()).map_or(0, |_| 1))
    }

    #[inline]
    fn moment(&self, moment: Moment, dialect: Dialect) -> Option<Timestamp> {
        match moment {
            Moment::Received => self.row.received(),
            Moment::Start => self.row.start().or_else(|| self.when_not_said(dialect)),
            Moment::End => self.row.end().or_else(|| self.when_not_said(dialect)),
        }
    }

    /// A packet was seen when its sample came in. In v2 a flow that does not say its times has those of its export.
    #[inline(never)]
    fn when_not_said(&self, dialect: Dialect) -> Option<Timestamp> {
        match dialect {
            _ if self.is_sflow() => self.row.received(),
            Dialect::V1 => None,
            Dialect::V2 => self.time(field::EXPORTED.id()).or_else(|| self.row.received()),
        }
    }

    #[inline]
    fn etype(&self) -> u64 {
        if let Some(said) = self.row.ethertype() {
            return u64::from(said);
        }
        let is_ipv4 = match (self.row.ip_version(), self.row.src_addr()) {
            (Some(version), _) => Some(version == 4),
            (None, Some(address)) => Some(address.is_ipv4()),
            (None, None) => self.row.dst_addr().map(|address| address.is_ipv4()),
        };
        match is_ipv4 {
            Some(true) => 0x0800,
            Some(false) => 0x86dd,
            None => 0,
        }
    }

    #[inline]
    fn mpls(&self, part: Mpls) -> u64 {
        let Some(labels) = self.list(field::MPLS_LABELS.id()) else { return 0 };
        let ttls = || self.list(id::MPLS_TTLS);
        let item = match part {
            Mpls::Any => return 1,
            Mpls::Count => return u64::try_from(labels.len()).unwrap_or(0),
            Mpls::Label(place) => labels.iter().nth(place),
            Mpls::LastLabel => labels.iter().last(),
            Mpls::Ttl(place) => ttls().and_then(|ttls| ttls.iter().nth(place)),
            Mpls::LastTtl => ttls().and_then(|ttls| ttls.iter().last()),
        };
        item.map_or(0, u64::from)
    }
}

/// The number goflow2 has for a protocol.
const fn kind(protocol: Protocol) -> u64 {
    match protocol {
        Protocol::Sflow => 1,
        Protocol::NetFlow5 => 2,
        Protocol::NetFlow9 => 3,
        Protocol::Ipfix => 4,
        _ => 0,
    }
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate that no whole number comes near is held at the end of the range"
)]
fn rounded(rate: f64) -> u64 {
    rate.round() as u64
}

/// Whole units since 1970; 0 before.
#[inline]
fn since_1970(time: Timestamp, scale: Scale) -> u64 {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(0);
    match scale {
        Scale::Seconds => nanos / 1_000_000_000,
        Scale::Millis => nanos / 1_000_000,
        Scale::Nanos => nanos,
    }
}

#[inline]
fn number_of_mac(mac: Mac) -> u64 {
    let [a, b, c, d, e, f] = mac.octets();
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}
