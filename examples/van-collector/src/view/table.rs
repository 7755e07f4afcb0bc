//! What a collection of the REST interface is made of: rows that are read column by column. Nothing is made for a row until somebody asks
//! for it, and a parameter that names a column is known to be wrong before there is a row.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde::ser::{Serialize, SerializeMap, Serializer};

use vanflow::collector::RecordId;

use super::Network;

/// One field of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell<'a> {
    /// Not known: `null`.
    Absent,
    Text(Cow<'a, str>),
    Number(u64),
    Truth(bool),
    Texts(Vec<Cow<'a, str>>),
}

impl<'a> Cell<'a> {
    pub(crate) fn text(text: Option<impl Into<Cow<'a, str>>>) -> Self {
        text.map_or(Self::Absent, |text| Self::Text(text.into()))
    }

    pub(crate) fn number(number: Option<u64>) -> Self {
        number.map_or(Self::Absent, Self::Number)
    }

    /// Absent goes before everything.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            (Self::Number(one), Self::Number(other)) => one.cmp(other),
            (Self::Truth(one), Self::Truth(other)) => one.cmp(other),
            (Self::Texts(one), Self::Texts(other)) => one.cmp(other),
            _ => (*self != Self::Absent).cmp(&(*other != Self::Absent)),
        }
    }
}

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Truth(truth) => serializer.serialize_bool(*truth),
            Self::Texts(texts) => texts.serialize(serializer),
        }
    }
}

/// What values of a column are, so that a filter can be judged without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Truth,
    Texts,
    /// Texts of parts with `@` between them, of which a filter may name one.
    Parts,
}

/// A collection.
pub(crate) trait Table: 'static {
    /// What one row is read from: a view of the collector's, or something that the network has made.
    type Row<'a>: Copy;
    /// In the order of output.
    const COLUMNS: &'static [Column<Self>];
    /// What one row is called in an error.
    const SINGULAR: &'static str;

    /// All rows.
    fn rows<'a>(network: &'a Network<'a>) -> Vec<Self::Row<'a>>;
    /// Begin and end, for time ranges: microseconds; 0 is not known, or not over.
    fn span(row: Self::Row<'_>) -> (u64, u64);

    /// The record that a row is read from, in a collection that may have a row for each flow held: such are not written all at once.
    fn handle(_: Self::Row<'_>) -> Option<RecordId> {
        None
    }

    /// The row of a record, if it is held still.
    fn found<'a>(_: &'a Network<'a>, _: RecordId) -> Option<Self::Row<'a>> {
        None
    }
}

/// How a column is read from a row.
pub(crate) type Read<T> = for<'a> fn(&'a Network<'a>, <T as Table>::Row<'a>) -> Cell<'a>;

/// One column.
pub(crate) struct Column<T: Table + ?Sized> {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) read: Read<T>,
}

/// The column of a name.
pub(crate) fn column<T: Table>(name: &str) -> Option<&'static Column<T>> {
    T::COLUMNS.iter().find(|column| column.name == name)
}

/// A row that can be written.
pub(crate) struct Shown<'a, T: Table> {
    pub(crate) network: &'a Network<'a>,
    pub(crate) row: T::Row<'a>,
}

impl<T: Table> Serialize for Shown<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(T::COLUMNS.len()))?;
        for column in T::COLUMNS {
            map.serialize_entry(column.name, &(column.read)(self.network, self.row))?;
        }
        map.end()
    }
}

/// Writes the columns of a table: name, kind, and how it is read.
macro_rules! columns {
    ($($name:literal $kind:ident |$network:pat_param, $row:pat_param| $read:expr;)*) => {
        &[$($crate::view::table::Column {
            name: $name,
            kind: $crate::view::table::Kind::$kind,
            read: |$network, $row| $read,
        },)*]
    };
}
pub(crate) use columns;
