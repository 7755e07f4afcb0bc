//! What one message is made from, and what each field of it says.

use std::net::IpAddr;

use super::table::{Form, Moment, Mpls, ROWS, Scale};
use super::{ADDED, Dialect, id, schema};
use crate::context::Context;
use crate::exporter::Protocol;
use crate::model::{COLUMNS, FieldId, FieldValue, Flow, FlowRecord, HOT, Mac, Numbers, address_of_octets, field};
use crate::record::{Record, RecordSet};
use crate::template::{RowScratch, Template};
use crate::time::Timestamp;

/// What a message is made from.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Message<'a> {
    /// A record, as the decoder gives it.
    Record(Record<'a>),
    /// A flow of its own. What only goflow2's message has is taken from flows of [`schema`].
    Flow(&'a Flow),
    /// A row, which has neither a sequence number nor the rarer fields.
    Row(&'a FlowRecord),
}

impl<'a> From<&Record<'a>> for Message<'a> {
    fn from(record: &Record<'a>) -> Self {
        Self::Record(*record)
    }
}

impl<'a> From<&'a Flow> for Message<'a> {
    fn from(flow: &'a Flow) -> Self {
        Self::Flow(flow)
    }
}

impl<'a> From<&'a FlowRecord> for Message<'a> {
    fn from(row: &'a FlowRecord) -> Self {
        Self::Row(row)
    }
}

impl Message<'_> {
    /// Lends it in the form that both encodings are made from.
    pub(super) fn view<T>(self, write: impl FnOnce(&View<'_>) -> T) -> T {
        match self {
            Self::Record(record) => {
                let mut row = FlowRecord::EMPTY;
                record.fill(&mut row);
                write(&View { row: &row, beside: &Beside::of_record(&record), sequence: record.context().sequence })
            }
            Self::Flow(flow) => {
                let (beside, sequence) = Beside::of_flow(flow);
                write(&View { row: flow.row(), beside: &beside, sequence })
            }
            Self::Row(row) => write(&View { row, beside: &Beside::NOTHING, sequence: 0 }),
        }
    }
}

/// Lends all records of a set in that form. Those of a template without any of the rarer fields (lists, fragments, VRFs, output
/// counters, ...) come from rows alone; of others, and of samples, each record is walked as well.
#[inline]
pub(super) fn each_view(set: &RecordSet<'_>, scratch: &mut RowScratch, mut write: impl FnMut(&View<'_>)) {
    let sequence = set.context().sequence;
    if set.template().is_some_and(Beside::is_of_context) {
        let beside = Beside::of_context(set.context());
        set.rows(scratch, |rows| rows.iter().for_each(|row| write(&View { row, beside: &beside, sequence })));
        return;
    }
    let mut records = set.records();
    set.rows(scratch, |rows| {
        for (row, record) in rows.iter().zip(&mut records) {
            write(&View { row, beside: &Beside::of_record(&record), sequence });
        }
    });
}

/// The fields beside the row that the table asks for, and how many there are.
const WANTED: ([FieldId; 32], usize) = wanted();

#[expect(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler, which refuses what is out of bounds"
)]
const fn wanted() -> ([FieldId; 32], usize) {
    let mut wanted = ([field::EXPORTED.id(); 32], 0);
    let mut place = 0;
    while place < 2 * ROWS.len() {
        if let Some(id) = ROWS[place / 2].form.fields()[place % 2] {
            let mut known = 0;
            while known < wanted.1 && wanted.0[known].number() != id.number() {
                known += 1;
            }
            if id.number() as usize >= HOT.len() && known == wanted.1 {
                wanted.0[known] = id;
                wanted.1 += 1;
            }
        }
        place += 1;
    }
    wanted
}

/// Where among them each field of [`schema`] is; 255 for all others.
const SLOTS: [u8; COLUMNS.len() + ADDED] = slots();

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "as above; there are 32 at most"
)]
const fn slots() -> [u8; COLUMNS.len() + ADDED] {
    let mut slots = [u8::MAX; COLUMNS.len() + ADDED];
    let mut slot = 0;
    while slot < WANTED.1 {
        slots[WANTED.0[slot].number() as usize] = slot as u8;
        slot += 1;
    }
    slots
}

/// Bits of the values that a message says of all its records and that no field of goflow2's is by itself.
#[expect(clippy::as_conversions, clippy::indexing_slicing, reason = "as above")]
const OF_CONTEXT: u32 = 1 << SLOTS[field::EXPORTED.id().number() as usize];

/// Values that have no place in a row.
#[derive(Debug)]
pub(super) struct Beside<'a> {
    values: [Option<FieldValue<'a>>; WANTED.1],
    /// Bit n: value n is there.
    present: u32,
}

impl<'a> Beside<'a> {
    pub(super) const NOTHING: Self = Self { values: [const { None }; WANTED.1], present: 0 };

    /// What the message says of all its records.
    pub(super) fn of_context(context: &Context) -> Self {
        let mut beside = Self::NOTHING;
        let ids = [field::EXPORTED.id(), field::AGENT.id()];
        beside.collect(ids.into_iter().filter_map(|id| Some((id, context.field(id)?))));
        beside
    }

    /// Whether records of this template have nothing more to say than their message and a row.
    pub(super) fn is_of_context(template: &Template) -> bool {
        let mut ids = WANTED.0.iter().take(WANTED.1);
        template.section().is_none() && !ids.any(|id| id.index() < COLUMNS.len() && template.provides(*id))
    }

    pub(super) fn of_record(record: &Record<'a>) -> Self {
        if record.template().is_some_and(Self::is_of_context) {
            return Self::of_context(record.context());
        }
        let mut beside = Self::NOTHING;
        beside.collect(record.fields(&schema()));
        beside
    }

    /// With the sequence number, which flows of [`schema`] have.
    fn of_flow(flow: &'a Flow) -> (Self, u32) {
        let mut beside = Self::NOTHING;
        // In a schema with other fields added the same number is another field.
        let own = flow.schema().tag() == schema().tag();
        let known = if own { SLOTS.len() } else { COLUMNS.len() };
        beside.collect(flow.beside().filter(|(id, _)| id.index() < known));
        let sequence = match flow.value(id::SEQUENCE) {
            Some(FieldValue::Unsigned(number)) if own => u32::try_from(number).unwrap_or(0),
            _ => 0,
        };
        (beside, sequence)
    }

    fn collect(&mut self, fields: impl Iterator<Item = (FieldId, FieldValue<'a>)>) {
        for (id, value) in fields {
            let slot = SLOTS.get(id.index()).copied().unwrap_or(u8::MAX);
            if let Some(place) = self.values.get_mut(usize::from(slot)) {
                *place = Some(value);
                self.present |= 1_u32.wrapping_shl(u32::from(slot));
            }
        }
    }

    /// Whether there is more than what a message says of all its records.
    pub(super) const fn has_its_own(&self) -> bool {
        self.present & !OF_CONTEXT != 0
    }

    #[inline]
    fn value(&self, id: FieldId) -> Option<FieldValue<'a>> {
        let slot = *SLOTS.get(id.index())?;
        if self.present.wrapping_shr(u32::from(slot)) & 1 == 0 {
            return None;
        }
        *self.values.get(usize::from(slot))?
    }
}

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

/// The protocol that goflow2 has this number for.
pub(super) const fn protocol(kind: u64) -> Option<Protocol> {
    Some(match kind {
        1 => Protocol::Sflow,
        2 => Protocol::NetFlow5,
        3 => Protocol::NetFlow9,
        4 => Protocol::Ipfix,
        _ => return None,
    })
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
