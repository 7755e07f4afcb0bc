//! One element of a record, and its value by its type.

use std::net::IpAddr;

use super::list::List;
use super::set::Record;
use crate::ie::{DataType, ElementId};
use crate::model::Mac;
use crate::template::{TemplateField, variable};
use crate::text::Text;
use crate::time::Timestamp;
use crate::wire::{signed, unsigned};

/// A value by the abstract type of its element (RFC 7012 §3.1), decoded by the length it came in.
///
/// A value whose length its type cannot have (an address of two octets) is given as [`Octets`](Self::Octets).
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Value<'a> {
    /// unsigned8 to unsigned64.
    Unsigned(u64),
    /// signed8 to signed64.
    Signed(i64),
    /// float32 and float64.
    Float(f64),
    /// boolean: 1 is true, 2 is false; anything else is given as a number.
    Bool(bool),
    /// macAddress.
    Mac(Mac),
    /// string.
    Text(Text<'a>),
    /// octetArray, unsigned256, and what its type cannot be.
    Octets(&'a [u8]),
    /// The dateTime types.
    Time(Timestamp),
    /// ipv4Address and ipv6Address.
    Address(IpAddr),
    /// basicList, subTemplateList, subTemplateMultiList.
    List(List<'a>),
}

/// One element of a record: its template field and its octets.
#[derive(Debug, Clone, Copy)]
pub struct Element<'a> {
    field: &'a TemplateField,
    octets: &'a [u8],
    record: Record<'a>,
}

impl<'a> Element<'a> {
    pub(super) fn at(record: Record<'a>, at: u16) -> Option<Self> {
        let field = record.template().fields().get(usize::from(at))?;
        Some(Self { field, octets: record.octets_at(at)?, record })
    }

    /// Which element.
    #[must_use]
    pub fn id(&self) -> ElementId {
        self.field.id()
    }

    /// What the template says of it.
    #[must_use]
    pub const fn field(&self) -> &'a TemplateField {
        self.field
    }

    /// Its registered name.
    #[must_use]
    pub fn name(&self) -> Option<&'a str> {
        self.field.name()
    }

    /// Its octets on the wire, the length in front of a variable-length value left out.
    #[must_use]
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> Value<'a> {
        value(self.field.data_type(), self.octets, &self.record)
    }
}

/// Decodes octets as a type. Time types are absolute (RFC 7011 §6.1.7 to §6.1.10); lists refer to the templates of `record`.
pub(super) fn value<'a>(data_type: DataType, octets: &'a [u8], record: &Record<'a>) -> Value<'a> {
    decode(data_type, octets, record).unwrap_or(Value::Octets(octets))
}

fn decode<'a>(data_type: DataType, octets: &'a [u8], record: &Record<'a>) -> Option<Value<'a>> {
    if octets.is_empty() && !matches!(data_type, DataType::String | DataType::OctetArray) {
        return None;
    }
    Some(match data_type {
        DataType::Unsigned8 | DataType::Unsigned16 | DataType::Unsigned32 | DataType::Unsigned64 => {
            Value::Unsigned(unsigned(octets)?)
        }
        DataType::Signed8 | DataType::Signed16 | DataType::Signed32 | DataType::Signed64 => Value::Signed(signed(octets)?),
        DataType::Float32 | DataType::Float64 => Value::Float(match octets.len() {
            4 => f64::from(f32::from_be_bytes(*octets.first_chunk()?)),
            8 => f64::from_be_bytes(*octets.first_chunk()?),
            _ => return None,
        }),
        DataType::Boolean => match *octets {
            [1] => Value::Bool(true),
            [2] => Value::Bool(false),
            _ => Value::Unsigned(unsigned(octets)?),
        },
        DataType::MacAddress if octets.len() == 6 => Value::Mac(Mac::new(*octets.first_chunk()?)),
        DataType::String => Value::Text(Text::new(octets)),
        DataType::DateTimeSeconds => Value::Time(Timestamp::from_seconds(unsigned(octets)?)),
        DataType::DateTimeMilliseconds => Value::Time(Timestamp::from_millis(unsigned(octets)?)),
        DataType::DateTimeMicroseconds if octets.len() == 8 => Value::Time(crate::template::ntp_micros(unsigned(octets)?)),
        DataType::DateTimeNanoseconds if octets.len() == 8 => Value::Time(Timestamp::from_ntp(unsigned(octets)?)),
        DataType::Ipv4Address if octets.len() == 4 => Value::Address(IpAddr::from(*octets.first_chunk::<4>()?)),
        DataType::Ipv6Address if octets.len() == 16 => Value::Address(IpAddr::from(*octets.first_chunk::<16>()?)),
        DataType::BasicList | DataType::SubTemplateList | DataType::SubTemplateMultiList => {
            Value::List(List::new(data_type, octets, record)?)
        }
        _ => return None,
    })
}

/// The elements of a record in wire order, repeats kept.
#[derive(Debug, Clone)]
pub struct Elements<'a> {
    record: Record<'a>,
    fields: core::slice::Iter<'a, TemplateField>,
    at: usize,
}

impl<'a> Elements<'a> {
    pub(super) fn new(record: Record<'a>) -> Self {
        Self { record, fields: record.template().fields().iter(), at: 0 }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        let field = self.fields.next()?;
        let raw = self.record.raw();
        let (start, end) = if field.is_variable() {
            let place = variable(raw, self.at)?;
            (place.start, place.end)
        } else {
            (self.at, self.at.wrapping_add(usize::from(field.length())))
        };
        self.at = end;
        Some(Element { field, octets: raw.get(start..end)?, record: self.record })
    }
}
