//! Values and records.

use std::net::IpAddr;

use super::shape::{allowed, put_specifier};
use super::{EncodeError, Shapes};
use crate::ie::{DataType, ElementId};
use crate::model::Mac;
use crate::template::wire::{Dialect, FieldSpecifier, VARIABLE};
use crate::text::Text;
use crate::time::Timestamp;

/// Which form the length in front of a variable-length value takes (RFC 7011 §7). Lists always take the long one, as RFC 6313 §4.5
/// recommends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Lengths {
    /// One octet for values below 255 octets, three for longer ones.
    #[default]
    Shortest,
    /// Always three octets.
    Long,
}

/// One value to write, borrowed. It has to be of the kind of its element's type; [`Raw`](Self::Raw) fits any.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ElementValue<'a> {
    /// unsigned8 to unsigned256.
    Unsigned(u64),
    /// signed8 to signed64.
    Signed(i64),
    /// float32 and float64; rounded to binary32 in four octets.
    Float(f64),
    /// boolean.
    Bool(bool),
    /// macAddress.
    Mac(Mac),
    /// ipv4Address and ipv6Address; an IPv4 address does not become a mapped one by itself.
    Address(IpAddr),
    /// The dateTime types; rounded down to their unit.
    Time(Timestamp),
    /// string; padded with NULs in a longer fixed-length field.
    Text(Text<'a>),
    /// octetArray, of exactly the field's length where that is fixed; unsigned256.
    Octets(&'a [u8]),
    /// Octets as they shall stand on the wire, whatever the type, of exactly the field's length where that is fixed.
    Raw(&'a [u8]),
    /// basicList (RFC 6313 §4.5.1).
    BasicList {
        /// How the items relate: 0 noneOf, 1 exactlyOneOf, 2 oneOrMoreOf, 3 allOf, 4 ordered, 255 undefined.
        semantic: u8,
        /// Element and length of all values; [`VARIABLE`] is possible.
        field: FieldSpecifier,
        /// The values.
        values: &'a [Self],
    },
    /// subTemplateList (RFC 6313 §4.5.2).
    SubTemplateList {
        /// As in a basic list.
        semantic: u8,
        /// The records; their template has to be known to the writer.
        records: ListPart<'a>,
    },
    /// subTemplateMultiList (RFC 6313 §4.5.3).
    SubTemplateMultiList {
        /// As in a basic list.
        semantic: u8,
        /// Runs of records, each of one template.
        parts: &'a [ListPart<'a>],
    },
}

/// Records of one template inside a list.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct ListPart<'a> {
    /// The template's id.
    pub template: u16,
    /// The values of all records, one record after the other: their number is a multiple of the template's fields.
    pub values: &'a [ElementValue<'a>],
}

impl<'a> ListPart<'a> {
    /// Records of `template`.
    #[must_use]
    pub const fn new(template: u16, values: &'a [ElementValue<'a>]) -> Self {
        Self { template, values }
    }
}

impl Shapes {
    /// Writes one record at the end of `out`; on an error `out` is as before.
    ///
    /// # Errors
    /// An unknown template, another number of values than it has fields, or a value that [`put_value`](Self::put_value) refuses.
    pub fn put_record(&self, out: &mut Vec<u8>, template: u16, values: &[ElementValue<'_>]) -> Result<(), EncodeError> {
        let start = out.len();
        let shape = self.get(template).ok_or(EncodeError::TemplateUnknown(template))?;
        if shape.fields().len() != values.len() {
            return Err(value_count(template, shape.fields().len(), values.len()));
        }
        let written = shape.fields().iter().zip(values).try_for_each(|((field, data_type), value)| {
            // What `add` checked once is not checked for each value.
            self.put(out, *field, *data_type, value)
        });
        written.inspect_err(|_| out.truncate(start))
    }

    /// Writes one value, behind its length where `field` is of variable length; on an error `out` is as before.
    ///
    /// Unsigned and signed integers take exactly the field's length (RFC 7011 §6.2); booleans are 1 and 2 (§6.1.5); dateTimeSeconds
    /// take 4 or 8 octets, the others 8 (§6.1.7 to §6.1.10). Elements 158 and 159 are plain unsigned microseconds, 21 and 22 plain
    /// unsigned milliseconds.
    ///
    /// # Errors
    /// A length that the type cannot have, a value of another kind than `data_type`, or one that does not fit.
    pub fn put_value(
        &self,
        out: &mut Vec<u8>,
        field: FieldSpecifier,
        data_type: DataType,
        value: &ElementValue<'_>,
    ) -> Result<(), EncodeError> {
        let start = out.len();
        if (field.length == VARIABLE && self.dialect == Dialect::NetFlow9) || !allowed(data_type, field.length) {
            return Err(EncodeError::FieldLength { element: field.element, data_type, length: field.length });
        }
        self.put(out, field, data_type, value).inspect_err(|_| out.truncate(start))
    }

    pub(super) fn put(
        &self,
        out: &mut Vec<u8>,
        field: FieldSpecifier,
        data_type: DataType,
        value: &ElementValue<'_>,
    ) -> Result<(), EncodeError> {
        let FieldSpecifier { element, length, .. } = field;
        let range = EncodeError::ValueRange { element, length };
        match (data_type, *value) {
            (_, ElementValue::Raw(octets)) | (DataType::OctetArray | DataType::Unsigned256, ElementValue::Octets(octets)) => {
                self.put_octets(out, field, octets)
            }
            (
                DataType::Unsigned8 | DataType::Unsigned16 | DataType::Unsigned32 | DataType::Unsigned64 | DataType::Unsigned256,
                ElementValue::Unsigned(number),
            ) => put_unsigned(out, number, length).ok_or(range),
            (DataType::Signed8 | DataType::Signed16 | DataType::Signed32 | DataType::Signed64, ElementValue::Signed(number)) => {
                put_signed(out, number, length).ok_or(range)
            }
            (DataType::Float32 | DataType::Float64, ElementValue::Float(number)) => put_float(out, number, length).ok_or(range),
            (DataType::Boolean, ElementValue::Bool(truth)) => {
                out.push(if truth { 1 } else { 2 });
                Ok(())
            }
            (DataType::MacAddress, ElementValue::Mac(mac)) => {
                out.extend_from_slice(&mac.octets());
                Ok(())
            }
            (DataType::Ipv4Address, ElementValue::Address(IpAddr::V4(address))) => {
                out.extend_from_slice(&address.octets());
                Ok(())
            }
            (DataType::Ipv6Address, ElementValue::Address(IpAddr::V6(address))) => {
                out.extend_from_slice(&address.octets());
                Ok(())
            }
            (
                DataType::DateTimeSeconds
                | DataType::DateTimeMilliseconds
                | DataType::DateTimeMicroseconds
                | DataType::DateTimeNanoseconds,
                ElementValue::Time(time),
            ) => {
                let number = moment(data_type, time).ok_or(range)?;
                put_unsigned(out, number, length).ok_or(range)
            }
            (DataType::String, ElementValue::Text(text)) => self.put_text(out, field, text.as_bytes()),
            (DataType::BasicList, ElementValue::BasicList { .. })
            | (DataType::SubTemplateList, ElementValue::SubTemplateList { .. })
            | (DataType::SubTemplateMultiList, ElementValue::SubTemplateMultiList { .. }) => self.put_list(out, field, value),
            _ => Err(EncodeError::ValueType { element, data_type }),
        }
    }

    fn put_text(&self, out: &mut Vec<u8>, field: FieldSpecifier, octets: &[u8]) -> Result<(), EncodeError> {
        let padding = usize::from(field.length).checked_sub(octets.len());
        match padding {
            Some(padding) if field.length != VARIABLE => {
                out.extend_from_slice(octets);
                out.resize(out.len().saturating_add(padding), 0);
                Ok(())
            }
            _ => self.put_octets(out, field, octets),
        }
    }

    fn put_octets(&self, out: &mut Vec<u8>, field: FieldSpecifier, octets: &[u8]) -> Result<(), EncodeError> {
        let wrong = value_length(field, octets.len());
        if field.length == VARIABLE {
            let length = u16::try_from(octets.len()).map_err(|_| wrong)?;
            match u8::try_from(length) {
                Ok(short) if short < 255 && self.lengths == Lengths::Shortest => out.push(short),
                _ => {
                    out.push(255);
                    out.extend_from_slice(&length.to_be_bytes());
                }
            }
        } else if octets.len() != usize::from(field.length) {
            return Err(wrong);
        }
        out.extend_from_slice(octets);
        Ok(())
    }

    /// Lists are written in place; the length in front, of three octets, is filled in afterwards.
    fn put_list(&self, out: &mut Vec<u8>, field: FieldSpecifier, list: &ElementValue<'_>) -> Result<(), EncodeError> {
        let variable = field.length == VARIABLE;
        if variable {
            out.extend_from_slice(&[255, 0, 0]);
        }
        let start = out.len();
        self.put_list_content(out, field.element, list)?;
        let octets = out.len().saturating_sub(start);
        let wrong = value_length(field, octets);
        let length = u16::try_from(octets).map_err(|_| wrong)?;
        if variable {
            super::put_at(out, start.saturating_sub(2), length.to_be_bytes());
        } else if length != field.length {
            return Err(wrong);
        }
        Ok(())
    }

    fn put_list_content(&self, out: &mut Vec<u8>, element: ElementId, list: &ElementValue<'_>) -> Result<(), EncodeError> {
        match *list {
            ElementValue::BasicList { semantic, field, values } => {
                let data_type = self.elements.resolve(field.element).data_type();
                if field.length == 0 {
                    return Err(EncodeError::ListEmptyItems(field.element));
                }
                if !allowed(data_type, field.length) {
                    return Err(EncodeError::FieldLength { element: field.element, data_type, length: field.length });
                }
                out.push(semantic);
                put_specifier(out, self.dialect, field)?;
                values.iter().try_for_each(|value| self.put(out, field, data_type, value))
            }
            ElementValue::SubTemplateList { semantic, records } => {
                out.push(semantic);
                out.extend_from_slice(&records.template.to_be_bytes());
                self.put_part(out, records)
            }
            ElementValue::SubTemplateMultiList { semantic, parts } => {
                out.push(semantic);
                for part in parts {
                    let start = out.len();
                    out.extend_from_slice(&part.template.to_be_bytes());
                    out.extend_from_slice(&[0, 0]);
                    self.put_part(out, *part)?;
                    let octets = out.len().saturating_sub(start);
                    let wrong = value_length(FieldSpecifier::new(element, VARIABLE), octets);
                    // This length counts its own four octets (RFC 6313 §4.5.3).
                    let length = u16::try_from(octets).map_err(|_| wrong)?;
                    super::put_at(out, start.saturating_add(2), length.to_be_bytes());
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn put_part(&self, out: &mut Vec<u8>, part: ListPart<'_>) -> Result<(), EncodeError> {
        let shape = self.get(part.template).ok_or(EncodeError::TemplateUnknown(part.template))?;
        let records = part.values.chunks_exact(shape.fields().len().max(1));
        if !records.remainder().is_empty() {
            return Err(value_count(part.template, shape.fields().len(), part.values.len()));
        }
        for record in records {
            self.put_record(out, part.template, record)?;
        }
        Ok(())
    }
}

#[cold]
fn value_count(template: u16, fields: usize, values: usize) -> EncodeError {
    let count = |count| u32::try_from(count).unwrap_or(u32::MAX);
    EncodeError::ValueCount { template, fields: count(fields), values: count(values) }
}

const fn value_length(field: FieldSpecifier, octets: usize) -> EncodeError {
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "checked; try_from is not const")]
    let octets = if octets > u32::MAX as usize { u32::MAX } else { octets as u32 };
    EncodeError::ValueLength { element: field.element, length: field.length, octets }
}

/// The number a moment is sent as (RFC 7011 §6.1.7 to §6.1.10); `None` before 1970, and for the NTP forms from 2106 on.
fn moment(data_type: DataType, time: Timestamp) -> Option<u64> {
    let nanos = u64::try_from(time.as_nanos()).ok()?;
    let ntp = |time: Timestamp| u32::try_from(time.as_seconds()).is_ok().then(|| time.to_ntp());
    match data_type {
        DataType::DateTimeSeconds => Some(nanos / 1_000_000_000),
        DataType::DateTimeMilliseconds => Some(nanos / 1_000_000),
        // The lowest 11 bits are below a microsecond (§6.1.9).
        DataType::DateTimeMicroseconds => {
            let micros = Timestamp::from_nanos(i64::try_from(nanos.saturating_sub(nanos % 1_000)).ok()?);
            ntp(micros).map(|ntp| ntp & !0x7ff)
        }
        _ => ntp(time),
    }
}

/// The number in exactly `length` octets, `None` when it needs more.
fn put_unsigned(out: &mut Vec<u8>, number: u64, length: u16) -> Option<()> {
    let octets = number.to_be_bytes();
    let length = usize::from(length);
    if let Some(unused) = octets.len().checked_sub(length) {
        let (lost, kept) = octets.split_at_checked(unused)?;
        if lost.iter().any(|&octet| octet != 0) {
            return None;
        }
        out.extend_from_slice(kept);
    } else {
        out.resize(out.len().saturating_add(length.saturating_sub(octets.len())), 0);
        out.extend_from_slice(&octets);
    }
    Some(())
}

fn put_signed(out: &mut Vec<u8>, number: i64, length: u16) -> Option<()> {
    let octets = number.to_be_bytes();
    let (_, kept) = octets.split_at_checked(octets.len().checked_sub(usize::from(length))?)?;
    if crate::wire::signed(kept) != Some(number) {
        return None;
    }
    out.extend_from_slice(kept);
    Some(())
}

fn put_float(out: &mut Vec<u8>, number: f64, length: u16) -> Option<()> {
    if length == 8 {
        out.extend_from_slice(&number.to_be_bytes());
        return Some(());
    }
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "rounding is what binary32 means")]
    let short = number as f32;
    if short.is_infinite() && number.is_finite() {
        return None;
    }
    out.extend_from_slice(&short.to_be_bytes());
    Some(())
}
