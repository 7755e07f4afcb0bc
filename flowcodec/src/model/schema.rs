//! A schema is a value: the core fields, and whatever fields other crates and users add to them.

use core::fmt;
use core::marker::PhantomData;
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use super::types::{ColumnType, FieldType, Unit};
use super::wanting::Wanting;
use super::{CORE, HOT};
use crate::ie::ElementId;

/// Number of a field within its [`Schema`]; the core fields have the same numbers in every schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldId(u16);

impl FieldId {
    pub(crate) const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number: position in [`Schema::fields`].
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The same as an index.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A typed handle to one field: `record.get(field::SRC_ADDR)`.
pub struct Field<T> {
    id: FieldId,
    tag: u32,
    marker: PhantomData<fn() -> T>,
}

impl<T> Clone for Field<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Field<T> {}

impl<T> fmt::Debug for Field<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Field").field("id", &self.id).finish_non_exhaustive()
    }
}

impl<T: FieldType> Field<T> {
    pub(crate) const fn core(number: u16) -> Self {
        Self { id: FieldId::new(number), tag: 0, marker: PhantomData }
    }

    /// Its number.
    #[must_use]
    pub const fn id(self) -> FieldId {
        self.id
    }

    /// Whether this handle belongs to `schema` (core fields belong to all).
    #[must_use]
    pub const fn belongs_to(self, schema_tag: u32) -> bool {
        self.tag == 0 || self.tag == schema_tag
    }
}

/// Which part of an element's value a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Take {
    /// All of it.
    Whole,
    /// All of it, and a value of zero means "not there" (Antrea's cluster addresses).
    NonZero,
    /// The upper octet of two (ICMP type in elements 32 and 139).
    HighOctet,
    /// The lower octet of two (ICMP code in elements 32 and 139).
    LowOctet,
    /// The upper octet of two, in ICMP records of NetFlow v1, v5 and v7 only, which keep type and code in the destination port.
    IcmpHighOctet,
    /// The lower octet of two, in the same records.
    IcmpLowOctet,
    /// A duration that, with the other end of the flow, gives this end.
    Duration,
    /// The 20 bits of an MPLS label stack entry (elements 70 to 79: label, experimental bits, bottom of stack).
    Label,
}

/// One place a field can be read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Source {
    /// The element.
    pub element: ElementId,
    /// The part of its value.
    pub take: Take,
}

impl Source {
    /// All of an IANA element.
    #[must_use]
    pub const fn iana(id: u16) -> Self {
        Self { element: ElementId::iana(id), take: Take::Whole }
    }

    /// All of an enterprise element.
    #[must_use]
    pub const fn enterprise(pen: u32, id: u16) -> Self {
        Self { element: ElementId::enterprise(pen, id), take: Take::Whole }
    }

    /// All of a NetFlow v9 vendor type.
    #[must_use]
    pub const fn netflow9(id: u16) -> Self {
        Self { element: ElementId::NetFlow9(id), take: Take::Whole }
    }

    /// The same element, another part of it.
    #[must_use]
    pub const fn taking(self, take: Take) -> Self {
        Self { take, ..self }
    }
}

/// A field that is not in the core: declared by another crate or a user, resolved against a schema once.
///
/// ```
/// use flowcodec::model::{ColumnType, FieldDef, Schema, Source, U32, Unit};
/// static RACK: FieldDef<U32> = FieldDef::new("rack", Unit::None, "Rack number the exporter sends", &[Source::enterprise(99999, 1)]);
/// let schema = Schema::common().with([RACK.spec()]).unwrap();
/// assert!(schema.resolve(&RACK).is_some());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FieldDef<T> {
    name: &'static str,
    unit: Unit,
    doc: &'static str,
    sources: &'static [Source],
    marker: PhantomData<fn() -> T>,
}

impl<T: FieldType> FieldDef<T> {
    /// Declares a field.
    #[must_use]
    pub const fn new(name: &'static str, unit: Unit, doc: &'static str, sources: &'static [Source]) -> Self {
        Self { name, unit, doc, sources, marker: PhantomData }
    }

    /// The row this field adds to a schema.
    #[must_use]
    pub const fn spec(&self) -> FieldSpec {
        FieldSpec {
            name: Cow::Borrowed(self.name),
            column: T::COLUMN,
            unit: self.unit,
            doc: Cow::Borrowed(self.doc),
            sources: Cow::Borrowed(self.sources),
        }
    }
}

/// One row of a schema.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FieldSpec {
    /// Name in every output.
    pub name: Cow<'static, str>,
    /// Type.
    pub column: ColumnType,
    /// Unit.
    pub unit: Unit,
    /// One sentence on its meaning.
    pub doc: Cow<'static, str>,
    /// The elements it is read from, best first. Empty for fields that come from the message (exporter, received) or from elsewhere.
    pub sources: Cow<'static, [Source]>,
}

impl FieldSpec {
    pub(crate) const fn core(
        name: &'static str,
        column: ColumnType,
        unit: Unit,
        doc: &'static str,
        sources: &'static [Source],
    ) -> Self {
        Self { name: Cow::Borrowed(name), column, unit, doc: Cow::Borrowed(doc), sources: Cow::Borrowed(sources) }
    }
}

/// Why a schema could not be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// Two fields of one name.
    #[error("the schema has a field named {0} already")]
    Duplicate(String),
    /// More fields than numbers.
    #[error("a schema holds at most 65,535 fields")]
    TooMany,
}

/// All fields a decoder, a batch and a writer agree on.
#[derive(Debug, Clone)]
pub struct Schema {
    fields: Vec<FieldSpec>,
    tag: u32,
    /// What they want of which element.
    wanting: Arc<Wanting>,
}

impl Schema {
    /// The core fields alone, shared.
    #[must_use]
    pub fn common() -> Arc<Self> {
        static COMMON: LazyLock<Arc<Schema>> = LazyLock::new(|| Arc::new(Schema::index(CORE.to_vec(), 0)));
        Arc::clone(&COMMON)
    }

    /// This schema and `more` fields.
    ///
    /// # Errors
    /// When a name is taken, or the numbers run out.
    pub fn with(&self, more: impl IntoIterator<Item = FieldSpec>) -> Result<Arc<Self>, SchemaError> {
        let mut fields = self.fields.clone();
        for spec in more {
            if fields.iter().any(|field| field.name == spec.name) {
                return Err(SchemaError::Duplicate(spec.name.into_owned()));
            }
            fields.push(spec);
        }
        if fields.len() >= usize::from(u16::MAX) {
            return Err(SchemaError::TooMany);
        }
        // The tag tells schemas with other added fields apart (FNV-1a over names and types), so that a handle cannot be used with the wrong one.
        let tag = fields.iter().skip(CORE.len()).fold(0x811c_9dc5_u32, |hash, field| {
            field
                .name
                .bytes()
                .chain([0, field.column.code()])
                .fold(hash, |hash, octet| (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193))
        });
        Ok(Arc::new(Self::index(fields, tag.max(1))))
    }

    fn index(fields: Vec<FieldSpec>, tag: u32) -> Self {
        let wanting = Arc::new(Wanting::new(&fields));
        Self { fields, tag, wanting }
    }

    /// All fields; the position is the [`FieldId`].
    #[must_use]
    pub fn fields(&self) -> &[FieldSpec] {
        &self.fields
    }

    /// One field.
    #[must_use]
    pub fn field(&self, id: FieldId) -> Option<&FieldSpec> {
        self.fields.get(id.index())
    }

    /// The number of the field called `name`. Linear in the number of fields: for set-up, not for each record.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<FieldId> {
        let index = self.fields.iter().position(|field| field.name == name)?;
        u16::try_from(index).ok().map(FieldId::new)
    }

    /// The handle of an added field.
    #[must_use]
    pub fn resolve<T: FieldType>(&self, def: &FieldDef<T>) -> Option<Field<T>> {
        let id = self.find(def.name)?;
        let matches = self.field(id).is_some_and(|field| field.column == T::COLUMN);
        matches.then_some(Field { id, tag: if id.index() < CORE.len() { 0 } else { self.tag }, marker: PhantomData })
    }

    /// What tells this schema from others with other added fields; 0 for the core alone.
    #[must_use]
    pub const fn tag(&self) -> u32 {
        self.tag
    }

    /// Which fields are read from which element.
    pub(crate) const fn wanting(&self) -> &Arc<Wanting> {
        &self.wanting
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.fields == other.fields
    }
}

/// Whether a field has a place in a [`FlowRecord`](super::FlowRecord), and where.
#[inline]
pub(crate) fn hot_offset(id: FieldId) -> Option<u16> {
    HOT.get(id.index()).copied()
}

/// The word for a number of the fields that are said in words: `protocol` and `counters_scaled`, whose codes are this crate's own, and
/// `drop_reason`.
#[must_use]
#[inline]
pub fn word(id: FieldId, number: u64) -> Option<&'static str> {
    if id == super::field::DROP_REASON.id() {
        return crate::ie::value_name(ElementId::DROP_REASON, number);
    }
    let code = u8::try_from(number).ok()?;
    if id == super::field::PROTOCOL.id() {
        return Some(crate::exporter::Protocol::from_code(code).name());
    }
    if id == super::field::COUNTERS_SCALED.id() {
        return Some(super::Scaled::from_code(code).name());
    }
    None
}

/// Whether the numbers of a field are said in words, by [`word`].
#[must_use]
pub fn has_words(id: FieldId) -> bool {
    use super::field::{COUNTERS_SCALED, DROP_REASON, PROTOCOL};
    [COUNTERS_SCALED.id(), PROTOCOL.id(), DROP_REASON.id()].contains(&id)
}
