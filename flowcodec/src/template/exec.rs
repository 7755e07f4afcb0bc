//! Executors of a plan: one value, or a whole run of rows.

use std::net::IpAddr;

use super::locate::{Fixed, Locate, Variable};
use super::plan::{Binding, Extract, NONE, RowKind, RowOp, SAMPLING_RATE, SamplingFields, picked};
use super::sampling::{Sampler, SamplingTable};
use super::shuffle::Shuffle;
use super::{Template, Templates, variable_end};
use crate::context::Context;
use crate::kernel::Clock;
use crate::model::{
    FieldId, FieldValue, FlowRecord, HOT, Mac, Numbers, address_of_octets, field, octets_of_address, presence_bit,
};
use crate::text::Text;
use crate::time::Timestamp;
use crate::wire::{signed, unsigned};

/// One record and all that is needed to read it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecordRef<'a> {
    pub(crate) template: &'a Template,
    pub(crate) context: &'a Context,
    pub(crate) templates: Templates<'a>,
    pub(crate) raw: &'a [u8],
    /// Where its segments begin in the set, if that is known.
    pub(crate) bases: &'a [u32],
}

/// Where a value stands in its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl<'a> RecordRef<'a> {
    /// Start of segment `segment`: the end of the variable-length field before it.
    #[inline]
    fn segment(&self, segment: u16) -> Option<usize> {
        if let (Some(first), Some(base)) = (self.bases.first(), self.bases.get(usize::from(segment))) {
            return usize::try_from(base.wrapping_sub(*first)).ok();
        }
        let mut at = 0_usize;
        for &skip in self.template.skips().get(..usize::from(segment))? {
            at = variable_end(self.raw, at.wrapping_add(usize::from(skip)))?;
        }
        Some(at)
    }

    /// The octets of the template field number `at`. Cost: one step for each variable-length field in front of it.
    #[inline]
    pub(crate) fn octets(&self, at: u16) -> Option<&'a [u8]> {
        let field = self.template.fields().get(usize::from(at))?;
        let start = self.segment(field.segment)?.wrapping_add(usize::from(field.offset));
        let place = if field.is_variable() {
            variable(self.raw, start)?
        } else {
            Located { start, end: start.wrapping_add(usize::from(field.length)) }
        };
        self.raw.get(place.start..place.end)
    }

    /// The value of a common field by its bindings: the best source that is there and, where there are several or zero means
    /// absent, is not zero.
    #[inline]
    pub(crate) fn bound(&self, bindings: &[Binding]) -> Option<FieldValue<'a>> {
        Some(self.chosen(bindings)?.0)
    }

    /// The same, and where it comes from; of a list of labels, where the first may.
    #[inline]
    pub(crate) fn chosen<'p>(&self, bindings: &'p [Binding]) -> Option<(FieldValue<'a>, &'p Binding)> {
        let first = bindings.first()?;
        if first.extract == Extract::Label {
            return Some((self.labels(bindings)?, first));
        }
        let mut zero = None;
        for binding in bindings {
            let Some(value) = self.extract(*binding) else { continue };
            if !is_zero(&value) {
                return Some((value, binding));
            }
            if !binding.nonzero && zero.is_none() {
                zero = Some((value, binding));
            }
        }
        zero
    }

    fn labels(&self, bindings: &[Binding]) -> Option<FieldValue<'a>> {
        let mut labels = Numbers::default();
        for (_, entry) in self.entries(bindings) {
            labels.push(u32::try_from(unsigned(entry.get(..3)?)? >> 4).ok()?);
        }
        (!labels.is_empty()).then_some(FieldValue::Numbers(labels))
    }

    /// The label stack entries that count, and their places: of an element that is repeated the first, and none of those that fill the
    /// stack's unused places with zeros.
    pub(crate) fn entries<'p>(&self, bindings: &'p [Binding]) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a, 'p> {
        let record = *self;
        let mut before = None;
        bindings.iter().filter_map(move |binding| {
            let id = record.template.fields().get(usize::from(binding.at))?.id();
            let repeated = before.replace(id) == Some(id);
            let octets =
                record.octets(binding.at).filter(|octets| !repeated && octets.iter().take(3).any(|&octet| octet != 0))?;
            Some((binding.at, octets))
        })
    }

    fn extract(&self, binding: Binding) -> Option<FieldValue<'a>> {
        let octets = self.octets(binding.at)?;
        Some(match binding.extract {
            Extract::Unsigned => FieldValue::Unsigned(unsigned(octets).filter(|&number| number <= binding.max)?),
            Extract::HighOctet => FieldValue::Unsigned(u64::from(*octets.first()?)),
            Extract::LowOctet => FieldValue::Unsigned(u64::from(*octets.get(1)?)),
            Extract::IcmpHighOctet | Extract::IcmpLowOctet => {
                let protocol = self.octets(binding.with)?;
                if !matches!(protocol, [1 | 58]) {
                    return None;
                }
                FieldValue::Unsigned(u64::from(*octets.get(usize::from(binding.extract == Extract::IcmpLowOctet))?))
            }
            Extract::Label => FieldValue::Unsigned(unsigned(octets.get(..3)?)? >> 4),
            Extract::Ipv4 => FieldValue::Address(IpAddr::from(*octets.first_chunk::<4>()?)),
            Extract::Ipv6 => FieldValue::Address(address_of_octets(*octets.first_chunk::<16>()?)),
            Extract::AddressText if octets.is_empty() => return None,
            Extract::AddressText => FieldValue::Address(Text::new(octets).trimmed().to_str().ok()?.parse().ok()?),
            Extract::Mac => FieldValue::Mac(Mac::new(*octets.first_chunk::<6>()?)),
            Extract::Seconds => FieldValue::Time(Timestamp::from_seconds(unsigned(octets)?)),
            Extract::Millis => FieldValue::Time(Timestamp::from_millis(unsigned(octets)?)),
            // An NTP time of zero is none (RFC 5905 §6).
            Extract::NtpMicros => FieldValue::Time(unsigned(octets).filter(|&ntp| ntp != 0).map(ntp_micros)?),
            Extract::NtpNanos => FieldValue::Time(unsigned(octets).filter(|&ntp| ntp != 0).map(Timestamp::from_ntp)?),
            Extract::BeforeExport => FieldValue::Time(before(self.context.exported, unsigned(octets)?)),
            Extract::Uptime => FieldValue::Time(self.at_uptime(binding.with, unsigned(octets)?)?),
            Extract::DurationMillis => FieldValue::Time(self.after_start(unsigned(octets)?.saturating_mul(1_000_000))?),
            Extract::DurationMicros => FieldValue::Time(self.after_start(unsigned(octets)?.saturating_mul(1_000))?),
            Extract::Signed => FieldValue::Signed(signed(octets)?),
            Extract::Positive => FieldValue::Signed(i64::try_from(unsigned(octets)?).ok()?),
            Extract::Float => FieldValue::Double(match octets.len() {
                4 => f64::from(f32::from_be_bytes(*octets.first_chunk()?)),
                _ => f64::from_be_bytes(*octets.first_chunk()?),
            }),
            Extract::Text => FieldValue::Text(Text::new(octets)),
            Extract::Octets => FieldValue::Octets(octets),
        })
    }

    fn at_uptime(&self, with: u16, then: u64) -> Option<Timestamp> {
        let then_ms = u32::try_from(then & 0xffff_ffff).ok()?;
        if with != NONE {
            // The record tells its own system init time (element 160).
            let boot = unsigned(self.octets(with)?)?;
            if boot != 0 {
                let exported = self.context.exported;
                return Some(exported.at_uptime(exported.uptime_since(Timestamp::from_millis(boot)), then_ms));
            }
        }
        Some(self.context.exported.at_uptime(self.context.uptime_ms?, then_ms))
    }

    /// The end of a flow that tells its start and how long it took.
    fn after_start(&self, nanos: u64) -> Option<Timestamp> {
        match self.bound(self.template.bindings(field::START.id()))? {
            FieldValue::Time(start) => Some(start.offset(i64::try_from(nanos).ok()?)),
            _ => None,
        }
    }

    /// The sampling rate of this record: settings, then its own sampler, then what it says itself, then the sampler of its template,
    /// interface, line card or domain, then the message header's.
    pub(crate) fn sampling_rate(&self) -> Option<f64> {
        self.sampling_rate_by(&self.template.plan().sampling)
    }

    /// The same by what was looked up in the template before.
    pub(crate) fn sampling_rate_by(&self, fields: &SamplingFields) -> Option<f64> {
        if self.context.sampling_fixed {
            return self.context.sampling_rate;
        }
        let number = |at: u16| self.octets(at).and_then(unsigned);
        let table = self.templates.sampling();
        let by_sampler = || table?.rate(Sampler::Selector(number(fields.selector?)?));
        let in_record = || super::sampling::rate(fields.parameters.map(|parameters| parameters.map(|at| self.octets(at)))?);
        let by_scope = || {
            let table = table?;
            if let Some(rate) = table.rate(Sampler::Template(self.template.id())) {
                return Some(rate);
            }
            let interface = |id: FieldId| match self.bound(self.template.bindings(id))? {
                FieldValue::Unsigned(number) => table.rate(Sampler::Interface(u32::try_from(number).ok()?)),
                _ => None,
            };
            let by_interface = || interface(field::IN_IF.id()).or_else(|| interface(field::OUT_IF.id()));
            let found = if fields.interfaces && table.has_interfaces() { by_interface() } else { None };
            let by_line_card = || table.rate(Sampler::LineCard(u32::try_from(number(fields.line_card?)?).ok()?));
            found.or_else(by_line_card).or_else(|| table.rate(Sampler::Domain))
        };
        by_sampler().or_else(in_record).or_else(by_scope).or(self.context.sampling_rate)
    }

    /// A common field of the message rather than of the record.
    pub(crate) fn of_context(&self, id: FieldId) -> Option<FieldValue<'a>> {
        match id {
            // The fixed layouts of v1, v5 and v7 have none.
            _ if id == field::TEMPLATE.id() && self.template.id() == 0 => None,
            _ if id == field::TEMPLATE.id() => Some(FieldValue::Unsigned(u64::from(self.template.id()))),
            _ if id == SAMPLING_RATE => self.sampling_rate().map(FieldValue::Double),
            _ => self.context.field(id),
        }
    }

    /// Fills a row with all that this record and its message say.
    pub(crate) fn fill(&self, row: &mut FlowRecord) {
        *row = self.prototype(0);
        for op in self.template.plan().rows() {
            self.general(op, row);
            if op.kind == RowKind::IcmpOfPort
                && let Some(code) = self.bound(self.template.bindings(field::ICMP_CODE.id()))
            {
                row.set(field::ICMP_CODE.id(), code);
            }
        }
        self.finish(row, &self.template.plan().sampling);
    }

    /// The part of a row that all records of the message share, and the presence bits of other fields they all have.
    fn prototype(&self, others: u64) -> FlowRecord {
        let context = self.context;
        let mut row = FlowRecord::EMPTY;
        row.put(const { place(field::RECEIVED.id()) }, context.received.as_nanos().to_ne_bytes());
        row.put(const { place(field::EXPORTER.id()) }, context.exporter.octets());
        row.put(const { place(field::EXPORTER_PORT.id()) }, context.exporter.port().to_ne_bytes());
        row.put(const { place(field::DOMAIN.id()) }, context.domain.to_ne_bytes());
        row.put(const { place(field::PROTOCOL.id()) }, [context.protocol.code()]);
        row.put(const { place(field::COUNTERS_SCALED.id()) }, [context.counters_scaled.code()]);
        row.put(const { place(field::TEMPLATE.id()) }, self.template.id().to_ne_bytes());
        let of_template = if self.template.id() == 0 { 0 } else { presence_bit(field::TEMPLATE.id()) };
        row.mark(
            const {
                presence_bit(field::RECEIVED.id())
                    | presence_bit(field::EXPORTER.id())
                    | presence_bit(field::EXPORTER_PORT.id())
                    | presence_bit(field::DOMAIN.id())
                    | presence_bit(field::PROTOCOL.id())
                    | presence_bit(field::COUNTERS_SCALED.id())
            } | of_template
                | others,
        );
        row
    }

    fn general(&self, op: &RowOp, row: &mut FlowRecord) {
        let (from, count) = (usize::from(op.bindings.0), usize::from(op.bindings.1));
        let bindings = self.template.plan().all().get(from..from.wrapping_add(count)).unwrap_or_default();
        if let (Some(first), Some(value)) = (bindings.first(), self.bound(bindings)) {
            row.set(first.field, value);
        }
    }

    fn finish(&self, row: &mut FlowRecord, fields: &SamplingFields) {
        if let Some(rate) = self.sampling_rate_by(fields) {
            row.set(SAMPLING_RATE, FieldValue::Double(rate));
        }
    }

    /// Whether every record of the message has the same rate; `fields` are those of its plan.
    pub(crate) fn rate_is_shared(&self, fields: &SamplingFields) -> bool {
        self.context.sampling_fixed
            || (fields.selector.is_none()
                && fields.parameters.is_none()
                && fields.line_card.is_none()
                && !(fields.interfaces && self.templates.sampling().is_some_and(SamplingTable::has_interfaces)))
    }
}

/// The place of a field in the row.
#[expect(
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which refuses what is out of bounds"
)]
const fn place(id: FieldId) -> usize {
    HOT[id.number() as usize] as usize
}

/// The value behind its length.
#[inline]
pub(crate) fn variable(octets: &[u8], at: usize) -> Option<Located> {
    let end = variable_end(octets, at)?;
    let prefix = if *octets.get(at)? < 255 { 1 } else { 3 };
    Some(Located { start: at.wrapping_add(prefix), end })
}

fn is_zero(value: &FieldValue<'_>) -> bool {
    match value {
        FieldValue::Address(address) => address.is_unspecified(),
        FieldValue::Unsigned(number) => *number == 0,
        FieldValue::Text(text) => text.is_empty(),
        FieldValue::Octets(octets) => octets.is_empty(),
        FieldValue::Mac(mac) => mac.octets() == [0; 6],
        FieldValue::Time(time) => *time == Timestamp::EPOCH,
        FieldValue::Signed(_) | FieldValue::Double(_) | FieldValue::Numbers(_) => false,
    }
}

/// Microseconds leave the lowest 11 bits of the fraction without meaning (RFC 7011 §6.1.9); the value is rounded to a microsecond.
pub(crate) fn ntp_micros(ntp: u64) -> Timestamp {
    let nanos = Timestamp::from_ntp(ntp & !0x7ff).as_nanos();
    Timestamp::from_nanos(nanos.saturating_add(999).div_euclid(1_000).saturating_mul(1_000))
}

/// The moment `micros` before an export time.
fn before(exported: Timestamp, micros: u64) -> Timestamp {
    exported.offset(i64::try_from(micros).map_or(i64::MIN, |micros| micros.saturating_mul(-1_000)))
}

/// Rows a caller owns and lends, and the working space to fill them: no allocation for each set once it has grown to the widest template.
#[derive(Debug, Clone)]
pub struct RowScratch {
    rows: Box<[FlowRecord]>,
    // Start of each segment of each record of the run, record by record.
    bases: Vec<u32>,
    portable: bool,
}

impl RowScratch {
    /// Rows of one run: enough to amortise an operation, few enough to stay in the first-level cache.
    pub(crate) const RUN: usize = 32;

    /// Room for one run of rows.
    #[must_use]
    pub fn new() -> Self {
        Self { rows: vec![FlowRecord::EMPTY; Self::RUN].into_boxed_slice(), bases: Vec::new(), portable: false }
    }

    /// The same, to be filled without vector code: what processors without it do. The rows are the same to the bit; this is for those who
    /// want to compare.
    #[must_use]
    pub fn portable() -> Self {
        Self { portable: true, ..Self::new() }
    }

    /// The rows of one run, for those who fill them record by record.
    pub(crate) fn rows(&mut self) -> &mut [FlowRecord] {
        &mut self.rows
    }

    /// The first of them, that were filled so.
    pub(crate) fn made(&self, count: usize) -> Option<&[FlowRecord]> {
        self.rows.get(..count)
    }
}

impl Default for RowScratch {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs the plan over `octets`, which hold whole records, and hands the rows out in runs.
pub(crate) fn fill_rows(record: RecordRef<'_>, octets: &[u8], scratch: &mut RowScratch, mut each: impl FnMut(&[FlowRecord])) {
    let plan = record.template.plan();
    let fixed = record.template.record_len().and_then(|length| usize::try_from(length).ok());
    let shuffle = match fixed {
        Some(length) if !scratch.portable => {
            plan.shuffle(record.template.fields(), || octets.len().checked_div(length).unwrap_or(0))
        }
        _ => None,
    };
    let fast = shuffle.and_then(|shuffle| Fast::new(shuffle, record.context));
    let ops = plan.rows();
    let (some, always) = fast.as_ref().map_or((u64::MAX, plan.always), |fast| (fast.shuffle.after, fast.always()));
    let mut prototype = record.prototype(always);
    let shared_rate = record.rate_is_shared(&plan.sampling);
    if shared_rate {
        record.finish(&mut prototype, &plan.sampling);
    }
    for op in picked(ops, fast.as_ref().map_or(0, |fast| fast.shuffle.mapped)) {
        prototype.put(usize::from(op.to), octets_of_address(IpAddr::from([0_u8; 4])));
    }
    let one_by_one = !shared_rate || picked(ops, some).any(|op| op.kind == RowKind::General);
    let mut rest = octets;
    while !rest.is_empty() {
        let (count, used) = match fixed {
            Some(length) => {
                let count = rest.len().checked_div(length).unwrap_or(0).min(RowScratch::RUN);
                (count, count.saturating_mul(length))
            }
            None => segments(record.template, rest, &mut scratch.bases),
        };
        let (Some(run), Some(rows)) = (rest.get(..used), scratch.rows.get_mut(..count)) else { return };
        if rows.is_empty() {
            return;
        }
        match &fast {
            Some(fast) => {
                let places = rows.iter_mut().map(FlowRecord::as_octets_mut);
                fast.shuffle.kernel.run(run, fast.clock, prototype.as_octets(), places);
            }
            None => rows.fill(prototype),
        }
        for op in picked(ops, some).filter(|op| op.kind != RowKind::General) {
            match fixed {
                Some(length) => run_op(op, record.context, rows, Fixed { octets: run, length }),
                None => run_op(
                    op,
                    record.context,
                    rows,
                    Variable { octets: run, bases: &scratch.bases, stride: stride(record.template) },
                ),
            }
        }
        if one_by_one {
            let mut left = run;
            for row in rows.iter_mut() {
                let Some((raw, next)) = record.template.record_at(left).and_then(|length| left.split_at_checked(length)) else {
                    break;
                };
                left = next;
                let one = RecordRef { raw, bases: &[], ..record };
                for op in picked(ops, some).filter(|op| op.kind == RowKind::General) {
                    one.general(op, row);
                }
                if !shared_rate {
                    one.finish(row, &plan.sampling);
                }
            }
        }
        each(rows);
        rest = rest.get(used..).unwrap_or_default();
    }
}

/// The vector code of a plan, and what it needs to know of the message.
struct Fast<'a> {
    shuffle: &'a Shuffle,
    clock: Option<Clock>,
}

impl<'a> Fast<'a> {
    /// `None` where it cannot do the times of this message.
    fn new(shuffle: &'a Shuffle, context: &Context) -> Option<Self> {
        let uptime = context.uptime_ms.filter(|_| shuffle.uptimes != 0);
        let clock = uptime.map(|now| Clock::new(context.exported.as_nanos(), now));
        if clock == Some(None) {
            return None;
        }
        Some(Self { shuffle, clock: clock.flatten() })
    }

    /// Presence bits that all rows get.
    const fn always(&self) -> u64 {
        self.shuffle.always | if self.clock.is_some() { self.shuffle.uptimes } else { 0 }
    }
}

/// Segments of one record: one more than it has variable-length fields, and its end.
fn stride(template: &Template) -> usize {
    template.skips().len().saturating_add(1)
}

/// Fills `bases` for the next run of variable records; gives their number and octets.
fn segments(template: &Template, octets: &[u8], bases: &mut Vec<u32>) -> (usize, usize) {
    bases.clear();
    let mut start = 0_usize;
    let mut count = 0_usize;
    let tail = usize::try_from(template.tail()).unwrap_or(usize::MAX);
    while count < RowScratch::RUN && start < octets.len() {
        let mut at = start;
        bases.push(u32::try_from(at).unwrap_or(u32::MAX));
        for &skip in template.skips() {
            let Some(end) = variable_end(octets, at.wrapping_add(usize::from(skip))) else { return (count, start) };
            at = end;
            bases.push(u32::try_from(at).unwrap_or(u32::MAX));
        }
        let end = at.saturating_add(tail);
        if end > octets.len() {
            return (count, start);
        }
        start = end;
        count = count.saturating_add(1);
    }
    (count, start)
}

/// One operation over a run of rows: the choice is made once, the loop inside has constant widths.
#[inline]
fn run_op(op: &RowOp, context: &Context, rows: &mut [FlowRecord], records: impl Locate) {
    let (segment, offset, to) = (op.segment, op.offset, usize::from(op.to));
    macro_rules! each {
        (|$octets:ident: $width:literal| $value:expr) => {{
            records.each::<_, $width>(rows, (segment, offset), |row, $octets| row.put(to, $value));
        }};
    }
    match op.kind {
        RowKind::U1To1 => each!(|octets: 1| octets),
        RowKind::U1To2 => each!(|octets: 1| u16::from(u8::from_be_bytes(octets)).to_ne_bytes()),
        RowKind::U1To4 => each!(|octets: 1| u32::from(u8::from_be_bytes(octets)).to_ne_bytes()),
        RowKind::U2To2 => each!(|octets: 2| u16::from_be_bytes(octets).to_ne_bytes()),
        RowKind::U2To4 => each!(|octets: 2| u32::from(u16::from_be_bytes(octets)).to_ne_bytes()),
        RowKind::U4To4 => each!(|octets: 4| u32::from_be_bytes(octets).to_ne_bytes()),
        RowKind::U4To8 => each!(|octets: 4| u64::from(u32::from_be_bytes(octets)).to_ne_bytes()),
        RowKind::U8To8 => each!(|octets: 8| u64::from_be_bytes(octets).to_ne_bytes()),
        RowKind::Ipv4 => each!(|octets: 4| octets_of_address(IpAddr::from(octets))),
        RowKind::Ipv6 => each!(|octets: 16| octets),
        RowKind::Mac => each!(|octets: 6| octets),
        RowKind::Millis => each!(|octets: 8| Timestamp::from_millis(u64::from_be_bytes(octets)).as_nanos().to_ne_bytes()),
        RowKind::Seconds => {
            each!(|octets: 4| Timestamp::from_seconds(u64::from(u32::from_be_bytes(octets))).as_nanos().to_ne_bytes());
        }
        RowKind::BeforeExport => {
            let exported = context.exported;
            each!(|octets: 4| before(exported, u64::from(u32::from_be_bytes(octets))).as_nanos().to_ne_bytes());
        }
        RowKind::Uptime => {
            let (Some(now), exported) = (context.uptime_ms, context.exported) else { return };
            each!(|octets: 4| exported.at_uptime(now, u32::from_be_bytes(octets)).as_nanos().to_ne_bytes());
            for row in rows {
                row.mark(op.bit);
            }
        }
        RowKind::IcmpOfPort => {
            // Few rows have it, and all are asked: by the octet alone, which is zero where it is absent.
            for (number, row) in rows.iter_mut().enumerate() {
                if matches!(row.octet(const { place(field::IP_PROTOCOL.id()) }), 1 | 58)
                    && let Some([kind, code]) = records.one(number, (segment, offset))
                {
                    row.put(const { place(field::ICMP_TYPE.id()) }, [kind]);
                    row.put(const { place(field::ICMP_CODE.id()) }, [code]);
                    row.mark(const { presence_bit(field::ICMP_TYPE.id()) | presence_bit(field::ICMP_CODE.id()) });
                }
            }
        }
        RowKind::General => {}
    }
}

const _: () = assert!(presence_bit(field::RECEIVED.id()) == 1, "the first field of the table has the first bit");
