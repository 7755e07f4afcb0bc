//! The common record model: one schema table, from which the row, the owned flow and every output are made.
//!
//! [`fields`](self::field) lists every common field once: its name, type, unit, where it stands in a [`FlowRecord`], and which elements
//! it is read from. One field has one meaning whatever the protocol; what has no common field stays reachable on the
//! [`Record`](crate::Record) as element id and octets.

mod fields;
mod flow;
mod put;
mod row;
mod schema;
mod types;
mod wanting;

pub use fields::field;
pub use flow::{Flow, OtherElement, OwnedValue};
pub use row::FlowRecord;
pub use schema::{Field, FieldDef, FieldId, FieldSpec, Schema, SchemaError, Source, Take, has_words, word};
pub use types::{
    Address, ColumnType, Double, FieldType, FieldValue, I64, Mac, MacAddress, Moment, Numbers, Octets, Scaled, String, U8, U16,
    U32, U32List, U64, Unit,
};

pub(crate) use fields::{COLUMNS, CORE, HOT};
pub(crate) use put::{place, put};
#[cfg(feature = "json")]
pub(crate) use row::TakesFields;
pub(crate) use row::{address as address_of_octets, bit as presence_bit, octets as octets_of_address};
pub(crate) use wanting::{Wanted, Wanting};
