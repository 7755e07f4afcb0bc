//! Enrichers: what adds fields to a flow.

use std::borrow::Cow;
use std::ops::AddAssign;

use flowcodec::model::{Address, ColumnType, Field, FieldId, FieldSpec, FieldValue, Flow, Schema, U16, field};
use flowcodec::{Text, Timestamp};

use crate::live::Source;
use crate::lookup::{AddrKey, Found, Lookup, Scope};
use crate::mapping::{Mapping, field_of};

/// What adds fields to a flow. Object-safe, so that a [`Chain`](crate::Chain) holds any; it never blocks.
///
/// Most are a [`Lookup`] that can [`Annotate`], wrapped in [`ByAddress`]: write this trait only for what is not asked by address.
pub trait Enricher: Send + Sync {
    /// The fields it adds, as rows of a schema.
    fn fields(&self) -> Vec<FieldSpec>;

    /// Finds its fields in a schema, once.
    ///
    /// # Errors
    /// When the schema lacks a field, or has it with another type.
    fn bind(&self, schema: &Schema) -> Result<Binding, BindError>;

    /// Adds what is known to one flow.
    ///
    /// # Errors
    /// When the flow is of another schema than `binding`; nothing is changed then.
    fn enrich_one(&self, binding: &Binding, flow: &mut Flow) -> Result<Outcome, OtherSchema>;
}

/// The fields of an enricher within one schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    tag: u32,
    steps: Vec<Step>,
}

/// One question that an enricher asks of each flow: what it reads, and where the answer goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "fields in, fields out: there is no more to a question")]
pub struct Step {
    /// Fields read, in the enricher's order; `None` for one that the schema does not have.
    pub reads: Vec<Option<FieldId>>,
    /// Fields written, in the order of the enricher's own.
    pub writes: Vec<FieldId>,
}

impl Binding {
    /// What an enricher asks of flows of `schema`.
    #[must_use]
    pub const fn new(schema: &Schema, steps: Vec<Step>) -> Self {
        Self { tag: schema.tag(), steps }
    }

    /// The questions, if `flow` is of the schema they were bound to.
    ///
    /// # Errors
    /// When it is not: field numbers would mean other fields.
    pub fn steps(&self, flow: &Flow) -> Result<&[Step], OtherSchema> {
        if flow.schema().tag() == self.tag { Ok(&self.steps) } else { Err(OtherSchema) }
    }
}

/// A flow was given to an enricher that is bound to another schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the flow is of another schema than the enricher was bound to")]
#[non_exhaustive]
pub struct OtherSchema;

/// Why an enricher cannot work on a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The mapping names a field that is not there.
    #[error("no field is named '{name}'{}", near.as_ref().map_or_else(String::new, |near| format!("; did you mean '{near}'?")))]
    NoSuchField {
        /// The name.
        name: String,
        /// One much like it.
        near: Option<String>,
    },
    /// The field is there, and of another type.
    #[error("the field '{name}' is of type {}, not {}", type_name(*found), type_name(*wanted))]
    WrongType {
        /// The name.
        name: String,
        /// The type it should have.
        wanted: ColumnType,
        /// The type it has.
        found: ColumnType,
    },
    /// A field that the enricher adds is not in the schema.
    #[error("the schema has no field '{0}': build it with the fields of the enricher (`Chain::schema`)")]
    NotAdded(String),
}

fn type_name(column: ColumnType) -> String {
    format!("{column:?}").to_ascii_lowercase()
}

/// What came of questions: a count for each finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Outcome {
    /// One answer.
    pub hits: u64,
    /// No answer.
    pub misses: u64,
    /// Several answers of equal right.
    pub ambiguous: u64,
    /// Not asked: the index is not complete yet.
    pub not_synced: u64,
    /// Not asked: the flow does not have the field.
    pub absent: u64,
    /// Values that did not fit the field they were for: an enricher declared another type than it writes.
    pub refused: u64,
}

impl Outcome {
    /// Counts a finding.
    pub const fn count<T>(&mut self, found: &Found<T>) {
        let counter = match found {
            Found::One(_) => &mut self.hits,
            Found::Ambiguous(_) => &mut self.ambiguous,
            Found::Nothing => &mut self.misses,
            Found::NotSynced => &mut self.not_synced,
        };
        *counter = counter.saturating_add(1);
    }
}

impl AddAssign for Outcome {
    fn add_assign(&mut self, more: Self) {
        self.hits = self.hits.saturating_add(more.hits);
        self.misses = self.misses.saturating_add(more.misses);
        self.ambiguous = self.ambiguous.saturating_add(more.ambiguous);
        self.not_synced = self.not_synced.saturating_add(more.not_synced);
        self.absent = self.absent.saturating_add(more.absent);
        self.refused = self.refused.saturating_add(more.refused);
    }
}

/// An index whose answers can be written as fields.
pub trait Annotate: Lookup {
    /// The fields of an answer, their names without a prefix. Shared by all values of the type.
    fn fields() -> Vec<FieldSpec>;

    /// Writes an answer; `cells` has the places of [`fields`](Self::fields), in their order.
    fn write(found: Found<Self::Answer<'_>>, cells: &mut Cells<'_>);
}

/// Where an answer is written to: the added fields of one flow.
#[derive(Debug)]
pub struct Cells<'f> {
    flow: &'f mut Flow,
    places: &'f [FieldId],
    refused: u64,
}

impl<'f> Cells<'f> {
    /// The fields of `flow` at `places`.
    #[must_use]
    pub const fn new(flow: &'f mut Flow, places: &'f [FieldId]) -> Self {
        Self { flow, places, refused: 0 }
    }

    /// Values that did not fit so far.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Puts a value into the field at `place` of [`Annotate::fields`]. One that does not fit the field's type is counted as refused.
    pub fn put(&mut self, place: usize, value: FieldValue<'_>) {
        if !self.places.get(place).is_some_and(|id| self.flow.set(*id, value)) {
            self.refused = self.refused.saturating_add(1);
        }
    }

    /// Puts a text.
    pub fn text(&mut self, place: usize, text: &str) {
        self.put(place, FieldValue::Text(Text::from(text)));
    }

    /// Puts a text, if there is one.
    pub fn text_if(&mut self, place: usize, text: Option<&str>) {
        if let Some(text) = text {
            self.text(place, text);
        }
    }
}

/// The enricher that asks an index about addresses of a flow: for each pair of its [`Mapping`], the answer's fields are added under the
/// pair's prefix.
///
/// The time asked for is the flow's end, else its start, else when it was received. The port that belongs to the address, and the IP
/// protocol, are told to the index where the flow has them.
///
/// # One of your own
///
/// ```
/// use std::collections::HashMap;
/// use std::net::IpAddr;
/// use std::sync::Arc;
///
/// use flowcodec::model::{FieldDef, FieldSpec, FieldValue, U32, Unit};
/// use flowenrich::{AddrKey, Annotate, ByAddress, Cells, Found, Lookup};
///
/// struct Racks(HashMap<IpAddr, u32>);
/// static RACK: FieldDef<U32> = FieldDef::new("rack", Unit::None, "Rack of the address", &[]);
///
/// impl Lookup for Racks {
///     type Answer<'a> = u32;
///     fn lookup(&self, key: AddrKey<'_>, _: flowcodec::Timestamp) -> Found<u32> { self.0.get(&key.addr()).copied().into() }
/// }
/// impl Annotate for Racks {
///     fn fields() -> Vec<FieldSpec> { vec![RACK.spec()] }
///     fn write(found: Found<u32>, cells: &mut Cells<'_>) {
///         if let Found::One(rack) = found { cells.put(0, FieldValue::Unsigned(rack.into())) }
///     }
/// }
///
/// // And its use: `dst_rack` beside every flow whose destination is known.
/// use flowcodec::{Flow, field, model::Schema};
/// use flowenrich::{Chain, Mapping};
/// let racks = Racks(HashMap::from([("192.0.2.7".parse()?, 12)]));
/// let chain = Chain::new().then(ByAddress::new(Arc::new(racks), Mapping::new([("dst_addr", "dst_")])));
/// let schema = chain.schema(&Schema::common())?;
/// let mut bound = chain.bind(&schema)?;
///
/// let mut flow = Flow::new(schema.clone());
/// flow.set(field::DST_ADDR.id(), FieldValue::Address("192.0.2.7".parse()?));
/// bound.enrich_one(&mut flow)?;
/// assert_eq!(flow.value(schema.find("dst_rack").unwrap()), Some(FieldValue::Unsigned(12)));
/// assert_eq!(bound.counts()[0].hits, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ByAddress<S> {
    source: S,
    mapping: Mapping,
    scope_field: Option<String>,
}

impl<S: Source<Index: Annotate>> ByAddress<S> {
    /// Asks what `source` holds about the fields of `mapping`.
    #[must_use]
    pub const fn new(source: S, mapping: Mapping) -> Self {
        Self { source, mapping, scope_field: None }
    }

    /// Takes the scope of a flow's addresses from a text field of it (the name of its network or site); absent is the default scope.
    #[must_use]
    pub fn scope_from(self, field: impl Into<String>) -> Self {
        Self { scope_field: Some(field.into()), ..self }
    }

    /// Where the index comes from.
    #[must_use]
    pub const fn source(&self) -> &S {
        &self.source
    }
}

impl<S: Source<Index: Annotate>> Enricher for ByAddress<S> {
    fn fields(&self) -> Vec<FieldSpec> {
        let fields = S::Index::fields();
        let of_pair = |prefix: &str| fields.iter().map(|spec| prefixed(spec, prefix)).collect::<Vec<_>>();
        self.mapping.pairs().iter().flat_map(|pair| of_pair(&pair.prefix)).collect()
    }

    fn bind(&self, schema: &Schema) -> Result<Binding, BindError> {
        let fields = S::Index::fields();
        let scope = self.scope_field.as_ref().map(|name| field_of(schema, name, ColumnType::Text)).transpose()?;
        let steps = self.mapping.pairs().iter().map(|pair| {
            let address = field_of(schema, &pair.field, ColumnType::Address)?;
            let writes = fields.iter().map(|spec| added(schema, &prefixed(spec, &pair.prefix)));
            Ok(Step { reads: vec![Some(address), port_of(address), scope], writes: writes.collect::<Result<_, _>>()? })
        });
        Ok(Binding::new(schema, steps.collect::<Result<_, _>>()?))
    }

    fn enrich_one(&self, binding: &Binding, flow: &mut Flow) -> Result<Outcome, OtherSchema> {
        let steps = binding.steps(flow)?;
        let index = self.source.current();
        let at = asked_time(flow);
        let mut outcome = Outcome::default();
        for step in steps {
            let read = |place: usize| flow.value((*step.reads.get(place)?)?);
            let Some(FieldValue::Address(address)) = read(0) else {
                outcome.absent = outcome.absent.saturating_add(1);
                continue;
            };
            let scope = match read(2) {
                Some(FieldValue::Text(text)) => text.to_str().ok(),
                _ => Some(""),
            };
            let key = AddrKey::new(address);
            let key = match read(1) {
                Some(FieldValue::Unsigned(port)) => {
                    u16::try_from(port).map_or(key, |port| key.at_port(port, flow.get(field::IP_PROTOCOL)))
                }
                _ => key,
            };
            // A scope that is not even text is none that an index could know.
            let found = scope.map_or(Found::Nothing, |scope| index.lookup(key.in_scope(Scope::named(scope)), at));
            outcome.count(&found);
            let mut cells = Cells::new(flow, &step.writes);
            S::Index::write(found, &mut cells);
            outcome.refused = outcome.refused.saturating_add(cells.refused);
        }
        Ok(outcome)
    }
}

/// The time to ask for: the flow's end, else its start, else when it was received.
#[must_use]
pub fn asked_time(flow: &Flow) -> Timestamp {
    let row = flow.row();
    row.end().or_else(|| row.start()).or_else(|| row.received()).unwrap_or_default()
}

fn prefixed(spec: &FieldSpec, prefix: &str) -> FieldSpec {
    let mut spec = spec.clone();
    spec.name = Cow::Owned(format!("{prefix}{}", spec.name));
    spec
}

/// Finds a field that an enricher adds.
pub(crate) fn added(schema: &Schema, spec: &FieldSpec) -> Result<FieldId, BindError> {
    let found = schema.find(&spec.name).and_then(|id| Some((id, schema.field(id)?.column)));
    match found {
        Some((id, column)) if column == spec.column => Ok(id),
        Some((_, found)) => Err(BindError::WrongType { name: spec.name.to_string(), wanted: spec.column, found }),
        None => Err(BindError::NotAdded(spec.name.to_string())),
    }
}

/// The port that belongs to an address field.
fn port_of(address: FieldId) -> Option<FieldId> {
    const PORTS: &[(Field<Address>, Field<U16>)] = &[
        (field::SRC_ADDR, field::SRC_PORT),
        (field::DST_ADDR, field::DST_PORT),
        (field::SERVICE_ADDR, field::SERVICE_PORT),
        (field::POST_NAT_SRC_ADDR, field::POST_NAT_SRC_PORT),
        (field::POST_NAT_DST_ADDR, field::POST_NAT_DST_PORT),
        (field::PROXY_SNAT_ADDR, field::PROXY_SNAT_PORT),
    ];
    PORTS.iter().find(|(of, _)| of.id() == address).map(|(_, port)| port.id())
}
