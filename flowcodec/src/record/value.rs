//! One element of a record, and its value by its type.

use std::net::IpAddr;

use super::list::List;
use super::sampled::{SampleElement, SampleElements, SampleRef};
use crate::ie::{DataType, ElementId};
use crate::model::Mac;
use crate::sflow::table::{self, XdrValue};
use crate::template::{RecordRef, TemplateField, variable};
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
    /// A list inside an sFlow structure.
    SflowList(table::List<'a>),
}

impl<'a> From<XdrValue<'a>> for Value<'a> {
    /// An address of unknown type, which has no octets, is [`Octets`](Value::Octets) without octets.
    fn from(value: XdrValue<'a>) -> Self {
        match value {
            XdrValue::U32(number) => Self::Unsigned(u64::from(number)),
            XdrValue::I32(number) => Self::Signed(i64::from(number)),
            XdrValue::U64(number) => Self::Unsigned(number),
            XdrValue::F32(number) => Self::Float(f64::from(number)),
            XdrValue::Address(Some(address)) => Self::Address(address),
            XdrValue::Address(None) => Self::Octets(&[]),
            XdrValue::Ipv4(address) => Self::Address(IpAddr::V4(address)),
            XdrValue::Ipv6(address) => Self::Address(IpAddr::V6(address)),
            XdrValue::Mac(mac) => Self::Mac(mac),
            XdrValue::Text(text) => Self::Text(text),
            XdrValue::Octets(octets) => Self::Octets(octets),
            XdrValue::List(list) => Self::SflowList(list),
        }
    }
}

/// One element of a record: what it is, and its octets.
#[derive(Debug, Clone, Copy)]
pub struct Element<'a>(Of<'a>);

#[derive(Debug, Clone, Copy)]
enum Of<'a> {
    Field { field: &'a TemplateField, octets: &'a [u8], record: RecordRef<'a> },
    Sample(SampleElement<'a>),
}

impl<'a> Element<'a> {
    pub(super) fn at(record: RecordRef<'a>, at: u16) -> Option<Self> {
        let field = record.template.fields().get(usize::from(at))?;
        Some(Self(Of::Field { field, octets: record.octets(at)?, record }))
    }

    /// Which element. Field 0 of an sFlow structure is a structure that is not known, as a whole.
    #[must_use]
    pub fn id(&self) -> ElementId {
        match &self.0 {
            Of::Field { field, .. } => field.id(),
            Of::Sample(element) => element.id,
        }
    }

    /// What the template says of it; `None` in sFlow.
    #[must_use]
    pub const fn field(&self) -> Option<&'a TemplateField> {
        match self.0 {
            Of::Field { field, .. } => Some(field),
            Of::Sample(_) => None,
        }
    }

    /// Its registered name, or sflow.org's.
    #[must_use]
    pub fn name(&self) -> Option<&'a str> {
        match self.0 {
            Of::Field { field, .. } => field.name(),
            Of::Sample(element) => element.name,
        }
    }

    /// Its octets on the wire: without the length in front of a variable-length value; in sFlow, as XDR has them.
    #[must_use]
    pub const fn octets(&self) -> &'a [u8] {
        match self.0 {
            Of::Field { octets, .. } => octets,
            Of::Sample(element) => element.octets,
        }
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> Value<'a> {
        match self.0 {
            Of::Field { field, octets, record } => value(field.data_type(), octets, record),
            Of::Sample(element) => element.value,
        }
    }
}

/// Decodes octets as a type. Time types are absolute (RFC 7011 §6.1.7 to §6.1.10); lists refer to the templates of `record`.
pub(super) fn value<'a>(data_type: DataType, octets: &'a [u8], record: RecordRef<'a>) -> Value<'a> {
    decode(data_type, octets, record).unwrap_or(Value::Octets(octets))
}

fn decode<'a>(data_type: DataType, octets: &'a [u8], record: RecordRef<'a>) -> Option<Value<'a>> {
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
pub struct Elements<'a>(Source<'a>);

#[derive(Debug, Clone)]
enum Source<'a> {
    Fields { record: RecordRef<'a>, fields: core::slice::Iter<'a, TemplateField>, at: usize },
    Sample(SampleElements<'a>),
}

impl<'a> Elements<'a> {
    pub(super) fn of_template(record: RecordRef<'a>) -> Self {
        Self(Source::Fields { record, fields: record.template.fields().iter(), at: 0 })
    }

    pub(super) fn of_sample(sample: SampleRef<'a>) -> Self {
        Self(Source::Sample(SampleElements::new(sample)))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    #[inline]
    fn next(&mut self) -> Option<Element<'a>> {
        match &mut self.0 {
            Source::Fields { record, fields, at } => {
                let field = fields.next()?;
                let (start, end) = if field.is_variable() {
                    let place = variable(record.raw, *at)?;
                    (place.start, place.end)
                } else {
                    (*at, at.wrapping_add(usize::from(field.length())))
                };
                *at = end;
                Some(Element(Of::Field { field, octets: record.raw.get(start..end)?, record: *record }))
            }
            Source::Sample(elements) => elements.next().map(|element| Element(Of::Sample(element))),
        }
    }
}
