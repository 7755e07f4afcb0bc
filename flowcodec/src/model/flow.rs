//! The owned flow: everything a record said, kept beyond its datagram.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::row::FlowRecord;
use super::schema::{Field, FieldId, Schema};
use super::types::{FieldType, FieldValue, Mac, Numbers};
use crate::ie::ElementId;
use crate::text::Text;
use crate::time::Timestamp;

/// A value that owns its octets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OwnedValue {
    /// An address.
    Address(IpAddr),
    /// An unsigned number of any width.
    Unsigned(u64),
    /// A number that may be negative.
    Signed(i64),
    /// A number with a fraction.
    Double(f64),
    /// A moment.
    Time(Timestamp),
    /// A MAC address.
    Mac(Mac),
    /// Text, its octets as they came.
    Text(Bytes),
    /// Octets.
    Octets(Bytes),
    /// A short list of numbers.
    Numbers(Vec<u32>),
}

impl OwnedValue {
    /// The same value, borrowed.
    #[must_use]
    pub fn as_value(&self) -> FieldValue<'_> {
        match self {
            Self::Address(address) => FieldValue::Address(*address),
            Self::Unsigned(number) => FieldValue::Unsigned(*number),
            Self::Signed(number) => FieldValue::Signed(*number),
            Self::Double(number) => FieldValue::Double(*number),
            Self::Time(time) => FieldValue::Time(*time),
            Self::Mac(mac) => FieldValue::Mac(*mac),
            Self::Text(octets) => FieldValue::Text(Text::new(octets)),
            Self::Octets(octets) => FieldValue::Octets(octets),
            Self::Numbers(numbers) => FieldValue::Numbers(Numbers::from(&**numbers)),
        }
    }
}

impl From<FieldValue<'_>> for OwnedValue {
    fn from(value: FieldValue<'_>) -> Self {
        match value {
            FieldValue::Address(address) => Self::Address(address),
            FieldValue::Unsigned(number) => Self::Unsigned(number),
            FieldValue::Signed(number) => Self::Signed(number),
            FieldValue::Double(number) => Self::Double(number),
            FieldValue::Time(time) => Self::Time(time),
            FieldValue::Mac(mac) => Self::Mac(mac),
            FieldValue::Text(text) => Self::Text(Bytes::copy_from_slice(text.as_bytes())),
            FieldValue::Octets(octets) => Self::Octets(Bytes::copy_from_slice(octets)),
            FieldValue::Numbers(numbers) => Self::Numbers(numbers.iter().collect()),
        }
    }
}

/// An element that no common field says all of: its id and its octets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OtherElement {
    /// Which element.
    pub id: ElementId,
    /// Its octets as they stood on the wire.
    pub octets: Bytes,
}

impl OtherElement {
    /// Keeps a copy of `octets`.
    #[must_use]
    pub fn new(id: ElementId, octets: &[u8]) -> Self {
        Self { id, octets: Bytes::copy_from_slice(octets) }
    }
}

/// One flow that owns all it says: the row, the fields beside it, and every element that no field of it says all of.
///
/// Serialises as `{"fields": {name: value, ...}, "other": [...]}`; reading it back knows the fields of [`Schema::common`].
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    schema: Arc<Schema>,
    row: FlowRecord,
    beside: Vec<(FieldId, OwnedValue)>,
    other: Vec<OtherElement>,
}

impl Flow {
    /// An empty flow of a schema.
    #[must_use]
    pub const fn new(schema: Arc<Schema>) -> Self {
        Self { schema, row: FlowRecord::EMPTY, beside: Vec::new(), other: Vec::new() }
    }

    /// The schema its fields belong to.
    #[must_use]
    pub const fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The part that is a row.
    #[must_use]
    pub const fn row(&self) -> &FlowRecord {
        &self.row
    }

    /// One field; `None` when it is absent or belongs to another schema.
    #[must_use]
    pub fn get<T: FieldType>(&self, field: Field<T>) -> Option<T::Out<'_>> {
        if !field.belongs_to(self.schema.tag()) {
            return None;
        }
        T::out(self.value(field.id())?)
    }

    /// One field by number.
    #[must_use]
    pub fn value(&self, id: FieldId) -> Option<FieldValue<'_>> {
        self.row.value(id).or_else(|| {
            let place = self.beside.binary_search_by_key(&id, |(id, _)| *id).ok()?;
            self.beside.get(place).map(|(_, value)| value.as_value())
        })
    }

    /// Puts a value in; `false` when the number is not one of the schema, or the value does not fit the field.
    pub fn set(&mut self, id: FieldId, value: FieldValue<'_>) -> bool {
        if super::schema::hot_offset(id).is_some() {
            return self.row.set(id, value);
        }
        if !self.schema.field(id).is_some_and(|spec| spec.column.holds(&value)) {
            return false;
        }
        match self.beside.binary_search_by_key(&id, |(id, _)| *id) {
            Ok(place) => {
                if let Some((_, slot)) = self.beside.get_mut(place) {
                    *slot = value.into();
                }
            }
            Err(place) => self.beside.insert(place, (id, value.into())),
        }
        true
    }

    /// Puts a number in, as [`set`](Self::set) does.
    #[cfg(feature = "goflow2")]
    #[inline]
    pub(crate) fn set_unsigned(&mut self, id: FieldId, number: u64) -> bool {
        match super::schema::hot_offset(id) {
            Some(_) => self.row.set_unsigned(id, number),
            None => self.set(id, FieldValue::Unsigned(number)),
        }
    }

    /// Keeps an element that no field of this flow says all of.
    pub fn push_other(&mut self, element: OtherElement) {
        self.other.push(element);
    }

    /// All fields that are present, in the schema's order.
    pub fn fields(&self) -> impl Iterator<Item = (FieldId, FieldValue<'_>)> {
        let of_row = self.row.fields().map(|(id, value): (FieldId, FieldValue<'_>)| (id, value));
        of_row.chain(self.beside())
    }

    /// Those of them that have no place in the row.
    pub(crate) fn beside(&self) -> impl Iterator<Item = (FieldId, FieldValue<'_>)> {
        self.beside.iter().map(|(id, value)| (*id, value.as_value()))
    }

    /// Elements that no field of this flow says all of, in wire order. Beside those without a common field: other sources of one,
    /// repeats, zeros that mean "absent", numbers too large for their field.
    #[must_use]
    pub fn other(&self) -> &[OtherElement] {
        &self.other
    }
}

struct Fields<'a>(&'a Flow);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (id, value) in self.0.fields() {
            if let Some(spec) = self.0.schema.field(id) {
                map.serialize_entry(&*spec.name, &OwnedValue::from(value))?;
            }
        }
        map.end()
    }
}

impl Serialize for Flow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("fields", &Fields(self))?;
        map.serialize_entry("other", &self.other)?;
        map.end()
    }
}

impl<'de> Deserialize<'de> for Flow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            fields: NamedFields,
            #[serde(default)]
            other: Vec<OtherElement>,
        }
        let wire = Wire::deserialize(deserializer)?;
        Ok(Self { other: wire.other, ..wire.fields.0 })
    }
}

struct NamedFields(Flow);

impl<'de> Deserialize<'de> for NamedFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByName;
        impl<'de> Visitor<'de> for ByName {
            type Value = NamedFields;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("a map from field name to value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<NamedFields, A::Error> {
                let mut flow = Flow::new(Schema::common());
                while let Some((name, value)) = map.next_entry::<String, OwnedValue>()? {
                    let id = flow
                        .schema
                        .find(&name)
                        .ok_or_else(|| A::Error::custom(format_args!("no common field is named {name}")))?;
                    if !flow.set(id, value.as_value()) {
                        return Err(A::Error::custom(format_args!("the value of {name} does not fit its type")));
                    }
                }
                Ok(NamedFields(flow))
            }
        }
        deserializer.deserialize_map(ByName)
    }
}
