//! From the common model: a template for each combination of fields that comes up, and the records.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

use super::{ElementValue, EncodeError, Shape, Shapes};
use crate::ie::{DataType, ElementId, Elements};
use crate::model::{ColumnType, FieldId, FieldSpec, FieldValue, Numbers, OtherElement, Schema, Source, Take, field};
use crate::template::wire::{Dialect, FieldSpecifier, VARIABLE};
use crate::text::Text;
use crate::time::Timestamp;

/// Which of the elements of a time is written. What is finer than its unit is rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum TimeForm {
    /// 156, 157 and the like: nothing is lost.
    #[default]
    Nanoseconds,
    /// 154, 155 and the like.
    Microseconds,
    /// 152, 153 and the like.
    Milliseconds,
    /// 150, 151 and the like.
    Seconds,
    /// NetFlow v9: 22 and 21, milliseconds of the exporter's uptime. For fields without such an element, and in IPFIX, as `Milliseconds`.
    Uptime,
}

/// One way to write a field.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    element: ElementId,
    data_type: DataType,
    /// [`VARIABLE`]: as long as the value is.
    length: u16,
    take: Take,
}

/// What of flows is written, and how.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FlowSettings {
    /// The schema of the flows; rows belong to any.
    pub schema: Arc<Schema>,
    /// The fields to write, `None` for all that have an element.
    pub fields: Option<Vec<FieldId>>,
    /// How times are written.
    pub times: TimeForm,
    /// Templates the writer may make, one for each combination of fields (and, in NetFlow v9, of text lengths) that comes up: input
    /// that a stranger controls could otherwise fill the wire with templates. Default 1,024.
    pub max_templates: u16,
}

impl FlowSettings {
    /// All fields of a schema.
    #[must_use]
    pub const fn new(schema: Arc<Schema>, times: TimeForm) -> Self {
        Self { schema, fields: None, times, max_templates: 1_024 }
    }
}

/// How flows become records.
#[derive(Debug, Clone)]
pub(crate) struct FlowShapes {
    dialect: Dialect,
    schema: Arc<Schema>,
    elements: Elements,
    /// By field; empty for what is not written.
    candidates: Box<[Box<[Candidate]>]>,
    known: BTreeMap<Box<[(ElementId, u16)]>, u16>,
    most: u16,
    next: u16,
    changes: u64,
    key: Vec<(ElementId, u16)>,
    specifiers: Vec<FieldSpecifier>,
}

impl FlowShapes {
    pub(crate) fn new(shapes: &Shapes, settings: FlowSettings) -> Self {
        let FlowSettings { schema, fields, times, max_templates } = settings;
        let fields = fields.as_deref();
        // Headers of IPFIX tell no uptime.
        let times = if times == TimeForm::Uptime && shapes.dialect == Dialect::Ipfix { TimeForm::Milliseconds } else { times };
        let chosen = |at: usize| fields.is_none_or(|fields| fields.iter().any(|field| field.index() == at));
        let of = |(at, spec): (usize, &FieldSpec)| {
            if chosen(at) { candidates(spec, shapes.dialect, &shapes.elements, times) } else { Box::default() }
        };
        let mut candidates: Box<[Box<[Candidate]>]> = schema.fields().iter().enumerate().map(of).collect();
        let rate = field::SAMPLING_RATE.id().index();
        if let Some(slot) = candidates.get_mut(rate).filter(|_| chosen(rate)) {
            *slot = sampling();
        }
        Self {
            dialect: shapes.dialect,
            schema,
            elements: shapes.elements.clone(),
            candidates,
            known: BTreeMap::new(),
            most: max_templates,
            next: 256,
            changes: 0,
            key: Vec::new(),
            specifiers: Vec::new(),
        }
    }

    /// Whether a field is written.
    pub(crate) fn writes(&self, id: FieldId) -> bool {
        self.candidates.get(id.index()).is_some_and(|candidates| !candidates.is_empty())
    }

    pub(crate) const fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The template of the record that was encoded last, if it has one.
    pub(crate) fn known(&self) -> Option<u16> {
        self.known.get(self.key.as_slice()).copied()
    }

    /// The fields of that template.
    pub(crate) fn specifiers(&mut self) -> &[FieldSpecifier] {
        self.specifiers.clear();
        self.specifiers.extend(self.key.iter().map(|&(element, length)| FieldSpecifier::new(element, length)));
        &self.specifiers
    }

    /// The next id that is free.
    pub(crate) fn free(&mut self, is_free: impl Fn(u16) -> bool) -> Result<u16, EncodeError> {
        if self.known.len() >= usize::from(self.most) {
            return Err(EncodeError::TemplatesExhausted);
        }
        let id = (self.next..=u16::MAX).find(|&id| is_free(id)).ok_or(EncodeError::TemplatesExhausted)?;
        self.next = id;
        Ok(id)
    }

    /// The record encoded last has this template from now on.
    pub(crate) fn learn(&mut self, id: u16) {
        self.known.insert(self.key.as_slice().into(), id);
    }

    /// Forgets templates that were replaced or withdrawn behind its back.
    pub(crate) fn check(&mut self, shapes: &Shapes, changes: u64) {
        if self.changes == changes {
            return;
        }
        self.changes = changes;
        self.next = 256;
        self.known.retain(|key, id| {
            let fields = shapes.get(*id).map(Shape::fields).unwrap_or_default();
            fields.iter().map(|(field, _)| (field.element, field.length)).eq(key.iter().copied())
        });
    }

    /// Writes a record of the fields that are present. `clock` is the export time, and when the exporter booted.
    pub(crate) fn encode<'v>(
        &mut self,
        shapes: &Shapes,
        out: &mut Vec<u8>,
        (now, boot): (Timestamp, Option<Timestamp>),
        fields: impl Iterator<Item = (FieldId, FieldValue<'v>)>,
        other: &[OtherElement],
    ) -> Result<(), EncodeError> {
        self.key.clear();
        let mut six = false;
        for (id, value) in fields {
            six |= is_six(id, &value);
            let candidates = self.candidates.get(id.index()).map(|candidates| &**candidates).unwrap_or_default();
            if candidates.is_empty() {
                continue;
            }
            let unwritable = EncodeError::FieldUnwritable { field: id };
            match value {
                FieldValue::Numbers(labels) => {
                    put_labels(&mut self.key, out, candidates, &labels).ok_or(unwritable)?;
                }
                FieldValue::Double(rate) if id == field::SAMPLING_RATE.id() => {
                    // A record that says its rate by another element says it there.
                    if !other.iter().any(|element| SAMPLING.contains(&element.id)) {
                        put_rate(&mut self.key, out, candidates, rate).ok_or(unwritable)?;
                    }
                }
                value => {
                    let candidate = choose(candidates, &value, six).ok_or(unwritable)?;
                    let specifier = put_field(shapes, out, candidate, &value, |then| uptime_ms(boot?, now, then), unwritable)?;
                    self.key.push((specifier.element, specifier.length));
                }
            }
        }
        for element in other {
            let specifier = put_other(shapes, &self.elements, self.dialect, out, element)?;
            self.key.push((specifier.element, specifier.length));
        }
        if out.is_empty() { Err(EncodeError::FlowEmpty) } else { Ok(()) }
    }
}

/// Milliseconds of uptime at `then`, modulo 2^32. `None` when that is 12 days or more from `now`: readers take the nearest moment within
/// 24 days of the export, which may be a while after `now`.
pub(crate) fn uptime_ms(boot: Timestamp, now: Timestamp, then: Timestamp) -> Option<u32> {
    const FAR: u64 = (1 << 30) * 1_000_000;
    if then.since(now).unsigned_abs() >= FAR {
        return None;
    }
    u32::try_from(then.since(boot).div_euclid(1_000_000).rem_euclid(1 << 32)).ok()
}

/// Elements that say a record's rate.
const SAMPLING: [ElementId; 4] = [ElementId::iana(34), ElementId::iana(50), ElementId::iana(305), ElementId::iana(306)];

/// A rate has no element of its own: of 1 + 306 packets, 305 were taken.
fn sampling() -> Box<[Candidate]> {
    let candidate =
        |id| Candidate { element: ElementId::iana(id), data_type: DataType::Unsigned32, length: 4, take: Take::Whole };
    Box::new([candidate(305), candidate(306)])
}

fn put_rate(key: &mut Vec<(ElementId, u16)>, out: &mut Vec<u8>, candidates: &[Candidate], rate: f64) -> Option<()> {
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "compared afterwards")]
    let whole = rate as u32;
    // One of so many: other rates have no exact form that readers take from a record.
    if f64::from(whole).to_bits() != rate.to_bits() {
        return None;
    }
    let space = whole.checked_sub(1)?;
    for (candidate, number) in candidates.iter().zip([1, space]) {
        key.push((candidate.element, candidate.length));
        out.extend_from_slice(&number.to_be_bytes());
    }
    Some(())
}

/// An element for each label, in three octets (RFC 3032 §2.1 without the time to live); the last one is marked as bottom of stack.
fn put_labels(key: &mut Vec<(ElementId, u16)>, out: &mut Vec<u8>, candidates: &[Candidate], labels: &Numbers<'_>) -> Option<()> {
    if labels.is_empty() || labels.len() > candidates.len() {
        return None;
    }
    let last = labels.len().saturating_sub(1);
    for (at, (label, candidate)) in labels.iter().zip(candidates).enumerate() {
        let entry = (u64::from(label) << 4) | u64::from(at == last);
        // An entry of zeros reads as an unused place.
        if label >> 20 != 0 || entry == 0 {
            return None;
        }
        let [_, _, _, _, _, high, middle, low] = entry.to_be_bytes();
        out.extend_from_slice(&[high, middle, low]);
        key.push((candidate.element, candidate.length));
    }
    Some(())
}

/// Whether a value shows that the flow is one of IPv6.
fn is_six(id: FieldId, value: &FieldValue<'_>) -> bool {
    match value {
        FieldValue::Address(IpAddr::V6(_)) => id == field::SRC_ADDR.id() || id == field::DST_ADDR.id(),
        FieldValue::Unsigned(number) => id == field::IP_PROTOCOL.id() && *number == 58,
        _ => false,
    }
}

/// Elements that mean the same for IPv4 and for IPv6, and the latter ones among them.
const SIX: [ElementId; 4] = [ElementId::iana(29), ElementId::iana(30), ElementId::iana(178), ElementId::iana(179)];

/// The first way whose type fits the value.
fn choose<'c>(candidates: &'c [Candidate], value: &FieldValue<'_>, six: bool) -> Option<&'c Candidate> {
    let of_type = |data_type| candidates.iter().find(move |candidate| candidate.data_type == data_type);
    match value {
        FieldValue::Address(IpAddr::V4(_)) => of_type(DataType::Ipv4Address).or_else(|| of_type(DataType::String)),
        FieldValue::Address(IpAddr::V6(_)) => of_type(DataType::Ipv6Address).or_else(|| of_type(DataType::String)),
        _ => {
            let of_six = || candidates.iter().find(|candidate| SIX.contains(&candidate.element));
            of_six().filter(|_| six).or_else(|| candidates.first())
        }
    }
}

fn put_field(
    shapes: &Shapes,
    out: &mut Vec<u8>,
    candidate: &Candidate,
    value: &FieldValue<'_>,
    uptime: impl Fn(Timestamp) -> Option<u32>,
    unwritable: EncodeError,
) -> Result<FieldSpecifier, EncodeError> {
    let mut specifier = FieldSpecifier::new(candidate.element, candidate.length);
    // An address as text is 45 octets at most.
    let mut text = [0_u8; 48];
    let value = match (*value, candidate.data_type) {
        (FieldValue::Address(address), DataType::String) => {
            let mut rest = text.as_mut_slice();
            write!(rest, "{address}").map_err(|_| unwritable)?;
            let used = 48_usize.saturating_sub(rest.len());
            ElementValue::Text(Text::new(text.get(..used).unwrap_or_default()))
        }
        (FieldValue::Address(address), _) => ElementValue::Address(address),
        (FieldValue::Unsigned(number), _) => ElementValue::Unsigned(number),
        (FieldValue::Signed(number), _) => ElementValue::Signed(number),
        (FieldValue::Double(number), _) => ElementValue::Float(number),
        (FieldValue::Time(time), DataType::Unsigned32) => {
            ElementValue::Unsigned(u64::from(uptime(time).ok_or(EncodeError::TimeRange)?))
        }
        (FieldValue::Time(time), _) => ElementValue::Time(time),
        (FieldValue::Mac(mac), _) => ElementValue::Mac(mac),
        (FieldValue::Text(text), _) => ElementValue::Text(text),
        (FieldValue::Octets(octets), _) => ElementValue::Octets(octets),
        (FieldValue::Numbers(_), _) => return Err(unwritable),
    };
    let zero = match value {
        ElementValue::Address(address) => address.is_unspecified(),
        ElementValue::Unsigned(number) => number == 0,
        _ => false,
    };
    if zero && candidate.take == Take::NonZero {
        return Err(unwritable);
    }
    // NetFlow v9 has no variable length: a field as long as the value.
    if specifier.length == VARIABLE && shapes.dialect == Dialect::NetFlow9 {
        let octets = match value {
            ElementValue::Text(text) => text.as_bytes().len(),
            ElementValue::Octets(octets) => octets.len(),
            _ => 0,
        };
        specifier.length = u16::try_from(octets).ok().filter(|&length| length != VARIABLE).ok_or(unwritable)?;
    }
    shapes.put_value(out, specifier, candidate.data_type, &value)?;
    Ok(specifier)
}

/// An element without a common field, as it stood on the wire.
fn put_other(
    shapes: &Shapes,
    elements: &Elements,
    dialect: Dialect,
    out: &mut Vec<u8>,
    other: &OtherElement,
) -> Result<FieldSpecifier, EncodeError> {
    let data_type = elements.resolve(other.id).data_type();
    let octets = u16::try_from(other.octets.len()).ok().filter(|&length| length != VARIABLE);
    let length = match data_type {
        // Their records follow templates of the exporter they came from.
        DataType::SubTemplateList | DataType::SubTemplateMultiList => return Err(EncodeError::ElementForeign(other.id)),
        DataType::String | DataType::OctetArray | DataType::BasicList if dialect == Dialect::Ipfix => VARIABLE,
        _ => octets.ok_or(EncodeError::ElementForeign(other.id))?,
    };
    let specifier = FieldSpecifier::new(other.id, length);
    shapes.put_value(out, specifier, data_type, &ElementValue::Raw(&other.octets))?;
    Ok(specifier)
}

/// The ways to write a field, best first.
fn candidates(spec: &FieldSpec, dialect: Dialect, elements: &Elements, times: TimeForm) -> Box<[Candidate]> {
    let mut found: Vec<(u8, Candidate)> = Vec::new();
    for source in spec.sources.iter() {
        if !speaks(dialect, source.element) {
            continue;
        }
        let data_type = elements.resolve(source.element).data_type();
        if let Some((rank, length)) = way(spec.column, source, data_type, times) {
            found.push((rank, Candidate { element: source.element, data_type, length, take: source.take }));
        }
    }
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, candidate)| candidate).collect()
}

fn speaks(dialect: Dialect, element: ElementId) -> bool {
    match (dialect, element) {
        (Dialect::Ipfix, ElementId::Ipfix { .. }) | (Dialect::NetFlow9, ElementId::NetFlow9(_)) => true,
        (Dialect::NetFlow9, ElementId::Ipfix { pen, id }) => pen == 0 && id < 0x8000,
        _ => false,
    }
}

/// Rank (lower is better) and length of one source of a field; `None` where the field cannot be written to it.
fn way(column: ColumnType, source: &Source, data_type: DataType, times: TimeForm) -> Option<(u8, u16)> {
    if column == ColumnType::U32List {
        return (source.take == Take::Label && data_type == DataType::OctetArray).then_some((0, 3));
    }
    if !matches!(source.take, Take::Whole | Take::NonZero) {
        return None;
    }
    let wide = match data_type {
        DataType::Unsigned8 => 1,
        DataType::Unsigned16 => 2,
        DataType::Unsigned32 => 4,
        DataType::Unsigned64 => 8,
        _ => 0,
    };
    let number = |octets: u16| (wide != 0).then_some((0, octets.min(wide)));
    match (column, data_type) {
        (ColumnType::U8, _) => number(1),
        (ColumnType::U16, _) => number(2),
        (ColumnType::U32, _) => number(4),
        (ColumnType::U64, _) => number(8),
        (ColumnType::Address, DataType::Ipv4Address) | (ColumnType::Double, DataType::Float32) => Some((0, 4)),
        (ColumnType::Address, DataType::Ipv6Address) => Some((0, 16)),
        (ColumnType::I64, DataType::Signed64) | (ColumnType::Double, DataType::Float64) => Some((0, 8)),
        (ColumnType::Mac, DataType::MacAddress) => Some((0, 6)),
        (ColumnType::Address | ColumnType::Text, DataType::String) | (ColumnType::Octets, DataType::OctetArray) => {
            Some((0, VARIABLE))
        }
        (ColumnType::Time, _) => time_way(source.element, data_type, times),
        _ => None,
    }
}

fn time_way(element: ElementId, data_type: DataType, times: TimeForm) -> Option<(u8, u16)> {
    if matches!(element, ElementId::Ipfix { pen: 0, id: 21 | 22 }) {
        return (times == TimeForm::Uptime).then_some((0, 4));
    }
    let wanted = match times {
        TimeForm::Nanoseconds => DataType::DateTimeNanoseconds,
        TimeForm::Microseconds => DataType::DateTimeMicroseconds,
        TimeForm::Milliseconds | TimeForm::Uptime => DataType::DateTimeMilliseconds,
        TimeForm::Seconds => DataType::DateTimeSeconds,
    };
    let length = match data_type {
        DataType::DateTimeSeconds => 4,
        DataType::DateTimeMilliseconds | DataType::DateTimeMicroseconds | DataType::DateTimeNanoseconds => 8,
        _ => return None,
    };
    Some((if data_type == wanted { 1 } else { 2 }, length))
}
