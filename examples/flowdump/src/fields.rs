//! The schema's fields by name: the columns a person chooses, and the list to choose from.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::Arc;

use flowcodec::model::{ColumnType, FieldId, FieldSpec, Schema};
use flowcodec::{FlowRecord, field};

use crate::output::{Grid, Heading};

/// The default columns of a file are the fields of a row, and these: who spoke, by name.
const BESIDE_THE_ROW: [FieldId; 14] = [
    field::APPLICATION_NAME.id(),
    field::SRC_POD.id(),
    field::SRC_NAMESPACE.id(),
    field::SRC_NODE.id(),
    field::DST_POD.id(),
    field::DST_NAMESPACE.id(),
    field::DST_NODE.id(),
    field::SERVICE_ADDR.id(),
    field::SERVICE_PORT.id(),
    field::SERVICE_NAME.id(),
    field::INGRESS_POLICY.id(),
    field::EGRESS_POLICY.id(),
    field::FLOW_TYPE.id(),
    field::APP_PROTOCOL.id(),
];

/// All fields of this program: the common ones, and what only goflow2's messages have.
#[must_use]
pub fn schema() -> Arc<Schema> {
    flowcodec::io::goflow2::schema()
}

/// Fields in an order, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns(Vec<FieldId>);

/// Why columns could not be chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ColumnsError {
    /// Nothing stands where a name is wanted.
    #[error("a name is missing: write names with commas between, src_addr,dst_addr; flowdump --list-fields names them all")]
    Missing,
    /// A name that is none.
    #[error(transparent)]
    Unknown(#[from] UnknownField),
    /// A field that is there already.
    #[error("{0} is named twice")]
    Twice(String),
}

/// A name that no field has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownField {
    name: String,
    nearest: Vec<Cow<'static, str>>,
}

impl Columns {
    /// The fields named in `list`, with commas between.
    ///
    /// # Errors
    /// When a name is missing, not in the schema, or stands there twice.
    pub fn named(list: &str, schema: &Schema) -> Result<Self, ColumnsError> {
        let mut columns = Vec::new();
        for name in list.split(',').map(str::trim) {
            if name.is_empty() {
                return Err(ColumnsError::Missing);
            }
            let id = schema.find(name).ok_or_else(|| UnknownField::new(schema, name))?;
            if columns.contains(&id) {
                return Err(ColumnsError::Twice(name.to_owned()));
            }
            columns.push(id);
        }
        Ok(Self(columns))
    }

    /// What a file of flows has when nobody chose: the fields of a [`FlowRecord`], application and Kubernetes names, in the schema's
    /// order.
    #[must_use]
    pub fn common(schema: &Schema) -> Self {
        let ids = schema.fields().iter().filter_map(|spec| schema.find(&spec.name));
        Self(ids.filter(|id| FlowRecord::holds(*id) || BESIDE_THE_ROW.contains(id)).collect())
    }

    /// The fields.
    #[must_use]
    pub fn ids(&self) -> &[FieldId] {
        &self.0
    }
}

/// The field called `name`.
pub(crate) fn find<'s>(schema: &'s Schema, name: &str) -> Option<(FieldId, &'s FieldSpec)> {
    let id = schema.find(name)?;
    Some((id, schema.field(id)?))
}

impl UnknownField {
    /// With up to three names that `name` may have been meant for, the nearest first.
    pub(crate) fn new(schema: &Schema, name: &str) -> Self {
        /// Below this, names have no more in common than any two words.
        const ALIKE: f64 = 0.75;
        let alike = |spec: &FieldSpec| (strsim::jaro(&spec.name, name), spec.name.clone());
        let mut found: Vec<_> = schema.fields().iter().map(alike).filter(|(alike, _)| *alike >= ALIKE).collect();
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        Self { name: name.to_owned(), nearest: found.into_iter().take(3).map(|(_, name)| name).collect() }
    }
}

impl std::fmt::Display for UnknownField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "no field is called \"{}\"", self.name)?;
        if !self.nearest.is_empty() {
            write!(f, "; nearest: {}", self.nearest.join(", "))?;
        }
        f.write_str("; flowdump --list-fields names them all")
    }
}

impl std::error::Error for UnknownField {}

/// What the values of a type are called, with an article where the word wants one.
pub(crate) const fn kind(column: ColumnType) -> &'static str {
    match column {
        ColumnType::Address => "an address",
        ColumnType::U8 | ColumnType::U16 | ColumnType::U32 | ColumnType::U64 | ColumnType::I64 | ColumnType::Double => "a number",
        ColumnType::Time => "a time",
        ColumnType::Mac => "a MAC address",
        ColumnType::Text => "text",
        ColumnType::U32List => "a list of numbers",
        _ => "octets",
    }
}

/// Whether the values of a type are numbers, which stand right in a table.
pub(crate) const fn is_number(column: ColumnType) -> bool {
    matches!(column, ColumnType::U8 | ColumnType::U16 | ColumnType::U32 | ColumnType::U64 | ColumnType::I64 | ColumnType::Double)
}

/// The type in one word.
const fn type_name(column: ColumnType) -> &'static str {
    match column {
        ColumnType::Address => "address",
        ColumnType::U8 => "u8",
        ColumnType::U16 => "u16",
        ColumnType::U32 => "u32",
        ColumnType::U64 => "u64",
        ColumnType::I64 => "i64",
        ColumnType::Double => "double",
        ColumnType::Time => "time",
        ColumnType::Mac => "mac",
        ColumnType::Text => "text",
        ColumnType::U32List => "u32 list",
        _ => "octets",
    }
}

/// Prints every field of the schema: name, type, unit and meaning.
///
/// # Errors
/// When `out` does not take it.
pub fn list(out: &mut dyn Write, schema: &Schema) -> io::Result<()> {
    let mut grid = Grid::new(["NAME", "TYPE", "UNIT", "MEANING"].map(Heading::left).into());
    for spec in schema.fields() {
        let cells = [&*spec.name, type_name(spec.column), spec.unit.name(), &*spec.doc];
        grid.row(out, cells.map(str::to_owned).into())?;
    }
    grid.flush(out)
}
