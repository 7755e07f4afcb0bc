//! The plan: which common field is read from which template field, and how; decided once, when the template is learned.

use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::OnceLock;

use super::TemplateField;
use super::shuffle::Shuffle;
use crate::ie::{DataType, ElementId, REVERSE_PEN};
use crate::kernel;
use crate::model::{ColumnType, FieldId, HOT, Take, Wanted, Wanting, field};

/// How a value is taken from the octets of one template field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extract {
    /// Unsigned number of 1 to 8 octets.
    Unsigned,
    /// Signed number of 1 to 8 octets.
    Signed,
    /// Unsigned number of 1 to 8 octets, for a field that is signed; none that is too large for it.
    Positive,
    /// Its upper octet of two.
    HighOctet,
    /// Its lower octet of two.
    LowOctet,
    /// The upper octet of a port, for ICMP only.
    IcmpHighOctet,
    /// The lower octet of a port, for ICMP only.
    IcmpLowOctet,
    /// Label of an MPLS stack entry of 3 (or 4) octets.
    Label,
    /// IPv4 address, 4 octets.
    Ipv4,
    /// IPv6 address, 16 octets.
    Ipv6,
    /// An address written as text.
    AddressText,
    /// MAC address, 6 octets.
    Mac,
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Millis,
    /// 64-bit NTP time; the lowest 11 bits of the fraction do not count (microseconds).
    NtpMicros,
    /// 64-bit NTP time.
    NtpNanos,
    /// Microseconds before the export time (elements 158, 159).
    BeforeExport,
    /// Milliseconds of the exporter's uptime (elements 21, 22).
    Uptime,
    /// The other end of the flow and milliseconds of duration (element 161).
    DurationMillis,
    /// The other end of the flow and microseconds of duration (element 162).
    DurationMicros,
    /// IEEE 754, 4 or 8 octets.
    Float,
    /// Text.
    Text,
    /// Octets.
    Octets,
}

/// No other field takes part.
pub(crate) const NONE: u16 = u16::MAX;

/// One place a common field is read from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binding {
    pub(crate) field: FieldId,
    /// Index of the template field.
    pub(crate) at: u16,
    pub(crate) extract: Extract,
    /// A second template field that takes part: element 160 for uptimes, the protocol for ICMP in ports; [`NONE`] otherwise.
    pub(crate) with: u16,
    /// Zero means absent.
    pub(crate) nonzero: bool,
    /// The largest number the field's column holds; a larger one is no value of this field.
    pub(crate) max: u64,
}

/// One step of the row executor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowOp {
    pub(crate) kind: RowKind,
    pub(crate) segment: u16,
    pub(crate) offset: u16,
    /// Place in the row.
    pub(crate) to: u16,
    /// For [`RowKind::General`]: index of the first binding of the field, and how many there are.
    pub(crate) bindings: (u16, u16),
    pub(crate) bit: u64,
}

/// The steps that have a loop of their own: width on the wire, then width in the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowKind {
    U1To1,
    U1To2,
    U1To4,
    U2To2,
    U2To4,
    U4To4,
    U4To8,
    U8To8,
    Ipv4,
    Ipv6,
    Mac,
    Millis,
    Seconds,
    Uptime,
    BeforeExport,
    /// ICMP type and code from a port, where the row says ICMP.
    IcmpOfPort,
    /// Anything else: through the bindings of the field.
    General,
}

/// What in a template says at which rate a record was sampled.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SamplingFields {
    /// 302 selectorId, else 48 samplerId.
    pub(crate) selector: Option<u16>,
    /// Where the parameters in [`PARAMETERS`](super::sampling::PARAMETERS) stand, [`NONE`] where they do not; `None` without any.
    pub(crate) parameters: Option<[u16; super::sampling::PARAMETERS.len()]>,
    /// 141 lineCardId.
    pub(crate) line_card: Option<u16>,
    /// Whether the record names interfaces that a sampler may belong to.
    pub(crate) interfaces: bool,
}

/// The compiled plan of one template, or of several that have the same fields.
#[derive(Debug)]
pub(crate) struct Plan {
    /// By field, and within a field best first.
    bindings: Box<[Binding]>,
    rows: Box<[RowOp]>,
    pub(crate) always: u64,
    pub(crate) sampling: SamplingFields,
    /// Made once it is worth it: so many rows were asked for until then.
    shuffle: OnceLock<Option<Shuffle>>,
    asked: AtomicU32,
}

/// Rows that are filled by the list of operations before there is a [`Shuffle`]: many templates of a small recording never have more, and
/// after a few datagrams nothing is to be allocated.
const EARLY: u32 = 8;

/// The operations whose number in their list is a bit of `some`. There are no more than a row has presence bits.
#[inline]
pub(crate) fn picked(ops: &[RowOp], some: u64) -> impl Iterator<Item = &RowOp> {
    let mut left = some;
    core::iter::from_fn(move || {
        let number = usize::try_from(left.trailing_zeros()).ok()?;
        left &= left.wrapping_sub(1);
        ops.get(number)
    })
}

impl Plan {
    /// `legacy` for the fixed layouts of v1, v5 and v7.
    pub(crate) fn compile(fields: &[TemplateField], wanting: &Wanting, legacy: bool) -> Self {
        let numbered = Numbered::of(fields);
        let (init, protocol) = (numbered.find(160), numbered.find(4));
        let mut ranked: Vec<(Binding, u16)> = Vec::with_capacity(fields.len());
        for (at, template_field) in (0_u16..).zip(fields) {
            for &Wanted { field, column, take, rank } in wanting.of(template_field.id()) {
                let Some(extract) = extract(template_field, column, take) else { continue };
                if !legacy && matches!(extract, Extract::IcmpHighOctet | Extract::IcmpLowOctet) {
                    continue;
                }
                let with = match extract {
                    Extract::Uptime => init,
                    Extract::IcmpHighOctet | Extract::IcmpLowOctet => protocol,
                    _ => None,
                };
                let nonzero = matches!(take, Take::NonZero);
                let binding = Binding { field, at, extract, with: with.unwrap_or(NONE), nonzero, max: column.max() };
                ranked.push((binding, rank));
            }
        }
        // An element that a template repeats counts the first time: order is significant (RFC 7011 §8), first is ingress or outermost.
        ranked.sort_by_key(|(binding, rank)| (binding.field, *rank, binding.at));
        let bindings: Box<[Binding]> = ranked.into_iter().map(|(binding, _)| binding).collect();
        let rows = row_ops(fields, &bindings);
        let always =
            rows.iter().filter(|op| op.kind != RowKind::General && !may_be_absent(op.kind)).fold(0, |bits, op| bits | op.bit);
        let parameters = super::sampling::PARAMETERS.map(|id| numbered.find(id).unwrap_or(NONE));
        let sampling = SamplingFields {
            selector: numbered.find(302).or_else(|| numbered.find(48)),
            parameters: parameters.iter().any(|&at| at != NONE).then_some(parameters),
            line_card: numbered.find(141),
            interfaces: numbered.find(10).or_else(|| numbered.find(14)).is_some(),
        };
        Self { bindings, rows, always, sampling, shuffle: OnceLock::new(), asked: AtomicU32::new(0) }
    }

    /// The fast way to rows, if there is one: made of the template's fields when enough rows were asked for, which are counted until then.
    #[inline]
    pub(crate) fn shuffle(&self, fields: &[TemplateField], rows: impl FnOnce() -> usize) -> Option<&Shuffle> {
        match self.shuffle.get() {
            Some(shuffle) => shuffle.as_ref(),
            None => self.make_shuffle(fields, rows()),
        }
    }

    #[cold]
    fn make_shuffle(&self, fields: &[TemplateField], rows: usize) -> Option<&Shuffle> {
        let rows = u32::try_from(rows).unwrap_or(u32::MAX).min(EARLY);
        if self.asked.fetch_add(rows, Ordering::Relaxed).saturating_add(rows) < EARLY {
            return None;
        }
        self.shuffle.get_or_init(|| Shuffle::compile(fields, &self.bindings, &self.rows, self.always)).as_ref()
    }

    /// The places of one field, best first.
    #[inline]
    pub(crate) fn bindings(&self, field: FieldId) -> &[Binding] {
        let from = self.bindings.partition_point(|binding| binding.field < field);
        let rest = self.bindings.get(from..).unwrap_or_default();
        let count = rest.iter().take_while(|binding| binding.field == field).count();
        rest.get(..count).unwrap_or_default()
    }

    /// All places, by field.
    pub(crate) fn all(&self) -> &[Binding] {
        &self.bindings
    }

    pub(crate) fn rows(&self) -> &[RowOp] {
        &self.rows
    }

    /// Octets that a plan of so many bindings takes at most, once all of it is made: where all records have one `length`, a shuffle too.
    pub(super) fn most_bytes(bindings: u32, length: Option<u32>) -> usize {
        let bindings = usize::try_from(bindings).unwrap_or(usize::MAX);
        let each = size_of::<Binding>().saturating_add(size_of::<RowOp>());
        let length = length.and_then(|length| usize::try_from(length).ok());
        let kernel = length.map_or(0, |length| kernel::Rows::most_bytes(length, bindings));
        size_of::<Self>().saturating_add(bindings.saturating_mul(each)).saturating_add(kernel)
    }
}

/// Where the elements of the IANA registry stand that a plan asks for by number; the first of each.
struct Numbered([u16; Self::NUMBERS]);

impl Numbered {
    /// Those that plans ask for are below.
    const NUMBERS: usize = 320;

    fn of(fields: &[TemplateField]) -> Self {
        let mut places = [NONE; Self::NUMBERS];
        for (at, field) in (0_u16..).zip(fields) {
            if let ElementId::Ipfix { pen: 0, id } = field.id()
                && let Some(place) = places.get_mut(usize::from(id)).filter(|place| **place == NONE)
            {
                *place = at;
            }
        }
        Self(places)
    }

    fn find(&self, id: u16) -> Option<u16> {
        self.0.get(usize::from(id)).copied().filter(|&at| at != NONE)
    }
}

/// Uptimes without a known boot time give nothing, nor do ports of what is not ICMP.
const fn may_be_absent(kind: RowKind) -> bool {
    matches!(kind, RowKind::Uptime | RowKind::IcmpOfPort)
}

fn row_ops(fields: &[TemplateField], bindings: &[Binding]) -> Box<[RowOp]> {
    let mut ops = Vec::new();
    let mut from = 0_usize;
    while let Some(first) = bindings.get(from) {
        let count = bindings.iter().skip(from).take_while(|binding| binding.field == first.field).count();
        if let (Some(&to), Some(at), Ok(start), Ok(length)) =
            (HOT.get(first.field.index()), fields.get(usize::from(first.at)), u16::try_from(from), u16::try_from(count))
        {
            let alone = count == 1 && !first.nonzero && !at.is_variable();
            let kind = match first.extract {
                Extract::IcmpHighOctet if alone => RowKind::IcmpOfPort,
                // Taken together with the type.
                Extract::IcmpLowOctet if alone => {
                    from = from.saturating_add(count);
                    continue;
                }
                extract if alone && first.with == NONE => row_kind(extract, at.length, width(first.field)),
                _ => RowKind::General,
            };
            ops.push(RowOp {
                kind,
                segment: at.segment,
                offset: at.offset,
                to,
                bindings: (start, length),
                bit: crate::model::presence_bit(first.field),
            });
        }
        from = from.saturating_add(count);
    }
    ops.into_boxed_slice()
}

/// Octets a field takes in the row.
pub(super) fn width(id: FieldId) -> u16 {
    match crate::model::CORE.get(id.index()).map(|spec| spec.column) {
        Some(ColumnType::U8) => 1,
        Some(ColumnType::U16) => 2,
        Some(ColumnType::U32) => 4,
        Some(ColumnType::U64 | ColumnType::I64 | ColumnType::Time | ColumnType::Double) => 8,
        _ => 0,
    }
}

const fn row_kind(extract: Extract, wire: u16, row: u16) -> RowKind {
    match (extract, wire, row) {
        (Extract::Unsigned, 1, 1) => RowKind::U1To1,
        (Extract::Unsigned, 1, 2) => RowKind::U1To2,
        (Extract::Unsigned, 1, 4) => RowKind::U1To4,
        (Extract::Unsigned, 2, 2) => RowKind::U2To2,
        (Extract::Unsigned, 2, 4) => RowKind::U2To4,
        (Extract::Unsigned, 4, 4) => RowKind::U4To4,
        (Extract::Unsigned, 4, 8) => RowKind::U4To8,
        (Extract::Unsigned, 8, 8) => RowKind::U8To8,
        (Extract::Ipv4, ..) => RowKind::Ipv4,
        (Extract::Ipv6, ..) => RowKind::Ipv6,
        (Extract::Mac, ..) => RowKind::Mac,
        (Extract::Millis, 8, _) => RowKind::Millis,
        (Extract::Seconds, 4, _) => RowKind::Seconds,
        (Extract::Uptime, 4, _) => RowKind::Uptime,
        (Extract::BeforeExport, 4, _) => RowKind::BeforeExport,
        _ => RowKind::General,
    }
}

/// How `column` is taken from a field of this type and length; `None` where that makes no sense (an address of two octets).
fn extract(from: &TemplateField, column: ColumnType, take: Take) -> Option<Extract> {
    let length = from.length;
    let fixed = |lengths: core::ops::RangeInclusive<u16>, extract| lengths.contains(&length).then_some(extract);
    // A part of a number is a number.
    if column.max() == 0 && matches!(take, Take::HighOctet | Take::LowOctet | Take::IcmpHighOctet | Take::IcmpLowOctet) {
        return None;
    }
    match (column, take) {
        (ColumnType::U32List, _) => fixed(3..=4, Extract::Label),
        (_, Take::HighOctet) => fixed(2..=2, Extract::HighOctet),
        (_, Take::LowOctet) => fixed(2..=2, Extract::LowOctet),
        (_, Take::IcmpHighOctet) => fixed(2..=2, Extract::IcmpHighOctet),
        (ColumnType::Time, Take::Duration) => match from.id() {
            ElementId::Ipfix { id: 161, .. } => fixed(1..=8, Extract::DurationMillis),
            _ => fixed(1..=8, Extract::DurationMicros),
        },
        (_, Take::IcmpLowOctet) => fixed(2..=2, Extract::IcmpLowOctet),
        (ColumnType::U8 | ColumnType::U16 | ColumnType::U32 | ColumnType::U64, _) => fixed(1..=8, Extract::Unsigned),
        (ColumnType::I64, _) => match from.data_type() {
            DataType::Unsigned8 | DataType::Unsigned16 | DataType::Unsigned32 | DataType::Unsigned64 => {
                fixed(1..=8, Extract::Positive)
            }
            _ => fixed(1..=8, Extract::Signed),
        },
        (ColumnType::Address, _) => match (from.data_type(), length) {
            (DataType::String, _) => Some(Extract::AddressText),
            (_, 4) => Some(Extract::Ipv4),
            (_, 16) => Some(Extract::Ipv6),
            _ => None,
        },
        (ColumnType::Mac, _) => fixed(6..=6, Extract::Mac),
        (ColumnType::Double, _) => match length {
            4 | 8 => Some(Extract::Float),
            _ => None,
        },
        (ColumnType::Text, _) => Some(Extract::Text),
        (ColumnType::Octets, _) => Some(Extract::Octets),
        (ColumnType::Time, _) => match (from.id(), from.data_type()) {
            (ElementId::Ipfix { pen: 0 | REVERSE_PEN, id: 21 | 22 }, _) => fixed(4..=8, Extract::Uptime),
            (ElementId::Ipfix { pen: 0 | REVERSE_PEN, id: 158 | 159 }, _) => fixed(1..=8, Extract::BeforeExport),
            (_, DataType::DateTimeSeconds) => fixed(4..=8, Extract::Seconds),
            (_, DataType::DateTimeMilliseconds) => fixed(4..=8, Extract::Millis),
            (_, DataType::DateTimeMicroseconds) => fixed(8..=8, Extract::NtpMicros),
            (_, DataType::DateTimeNanoseconds) => fixed(8..=8, Extract::NtpNanos),
            _ => None,
        },
    }
}

/// Fields that the row executor fills from the message, not from a template.
pub(crate) const SAMPLING_RATE: FieldId = field::SAMPLING_RATE.id();
