//! The Arrow schema of a batch's columns.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields, TimeUnit};

use super::{Addresses, RAW_TEXT, SchemaRef};
use crate::model::{ColumnType, FieldId, FieldSpec, Schema, Unit, has_words, word};

/// What a column becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    U8,
    U16,
    U32,
    U64,
    I64,
    Double,
    Time,
    /// Unsigned in the batch: what is too long for one is null.
    Duration,
    /// Signed in the batch.
    Difference,
    /// So many octets each.
    Fixed(i32),
    Text,
    Octets,
    List,
    AddressText,
    MacText,
    /// Numbers of so many octets, said in words.
    Words(FieldId, usize),
}

impl Kind {
    pub(super) fn of(schema: &Schema, id: FieldId, addresses: Addresses, words: bool) -> Self {
        let Some(spec) = schema.field(id) else { return Self::Octets };
        let words = words && has_words(id);
        match (spec.column, addresses) {
            (ColumnType::U8, _) if words => Self::Words(id, 1),
            (ColumnType::U32, _) if words => Self::Words(id, 4),
            (ColumnType::U8, _) => Self::U8,
            (ColumnType::U16, _) => Self::U16,
            (ColumnType::U32, _) => Self::U32,
            (ColumnType::U64, _) if spec.unit == Unit::Nanos => Self::Duration,
            (ColumnType::U64, _) => Self::U64,
            (ColumnType::I64, _) if spec.unit == Unit::Nanos => Self::Difference,
            (ColumnType::I64, _) => Self::I64,
            (ColumnType::Double, _) => Self::Double,
            (ColumnType::Time, _) => Self::Time,
            (ColumnType::Address, Addresses::Octets) => Self::Fixed(16),
            (ColumnType::Address, Addresses::Text) => Self::AddressText,
            (ColumnType::Mac, Addresses::Octets) => Self::Fixed(6),
            (ColumnType::Mac, Addresses::Text) => Self::MacText,
            (ColumnType::Text, _) => Self::Text,
            (ColumnType::Octets, _) => Self::Octets,
            (ColumnType::U32List, _) => Self::List,
        }
    }

    /// Octets of a cell in the batch; of lists those of an offset.
    pub(super) const fn width(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::U32 | Self::List => 4,
            Self::U64 | Self::I64 | Self::Double | Self::Time | Self::Duration | Self::Difference => 8,
            Self::Fixed(6) | Self::MacText => 6,
            Self::Words(_, width) => width,
            Self::Fixed(_) | Self::AddressText | Self::Text | Self::Octets => 16,
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Self::U8 => DataType::UInt8,
            Self::U16 => DataType::UInt16,
            Self::U32 => DataType::UInt32,
            Self::U64 => DataType::UInt64,
            Self::I64 => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some(Arc::clone(&UTC))),
            Self::Duration | Self::Difference => DataType::Duration(TimeUnit::Nanosecond),
            Self::Fixed(width) => DataType::FixedSizeBinary(width),
            Self::Octets => DataType::BinaryView,
            Self::List => DataType::List(item()),
            Self::Text | Self::AddressText | Self::MacText | Self::Words(..) => DataType::Utf8View,
        }
    }
}

/// The zone of all times.
pub(super) static UTC: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from("UTC"));

/// A number of a list.
pub(super) fn item() -> FieldRef {
    Arc::new(Field::new("item", DataType::UInt32, false))
}

/// Name of the field, and octets.
pub(super) fn raw_entries() -> Fields {
    [Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Binary, false)].into_iter().collect()
}

/// The schema; with the column of raw text where there are texts.
pub(super) fn of(schema: &Schema, columns: &[(FieldId, Kind)], texts: bool) -> Result<SchemaRef, ArrowError> {
    let mut fields: Vec<Field> = columns.iter().filter_map(|&(id, kind)| Some(field(schema.field(id)?, id, kind))).collect();
    if texts {
        if fields.iter().any(|field| field.name() == RAW_TEXT) {
            return Err(ArrowError::SchemaError(format!(
                "a column is called {RAW_TEXT}, which is where text that is not UTF-8 goes"
            )));
        }
        let entries = Arc::new(Field::new("entries", DataType::Struct(raw_entries()), false));
        let description = "Octets of texts that are not UTF-8, by the name of their field";
        let metadata = HashMap::from([("description".to_owned(), description.to_owned())]);
        fields.push(Field::new(RAW_TEXT, DataType::Map(entries, false), true).with_metadata(metadata));
    }
    Ok(Arc::new(arrow_schema::Schema::new(fields)))
}

fn field(spec: &FieldSpec, id: FieldId, kind: Kind) -> Field {
    let mut metadata = HashMap::from([("description".to_owned(), spec.doc.to_string())]);
    let mut add = |key: &str, value: String| metadata.insert(key.to_owned(), value);
    if spec.unit != Unit::None {
        add("unit", spec.unit.name().to_owned());
    }
    if !spec.sources.is_empty() {
        let elements: Vec<_> = spec.sources.iter().map(|source| source.element.to_string()).collect();
        add("elements", elements.join(" "));
    }
    match (kind, spec.column) {
        (Kind::Fixed(_), ColumnType::Address) => {
            add("encoding", "16 octets of an IPv6 address, IPv4 mapped (::ffff:a.b.c.d)".to_owned());
        }
        (Kind::Fixed(_), _) => {
            add("encoding", "6 octets of a MAC address".to_owned());
        }
        (Kind::U8 | Kind::U32, _) if has_words(id) => {
            add("values", values(id));
        }
        _ => {}
    }
    Field::new(&*spec.name, kind.data_type(), true).with_metadata(metadata)
}

/// What the numbers of a field stand for: `0 unknown, 1 no`.
fn values(id: FieldId) -> String {
    /// No registry of words has larger numbers.
    const LARGEST: u64 = 511;
    let unknown = word(id, LARGEST);
    let mut values = String::new();
    for number in 0..LARGEST {
        // A word for whatever else there may be is said once.
        let Some(word) = word(id, number).filter(|word| Some(*word) != unknown || number == 0) else { continue };
        let _ = write!(values, "{}{number} {word}", if values.is_empty() { "" } else { ", " });
    }
    values
}
