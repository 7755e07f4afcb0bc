//! Enrichers: what adds fields to flows.

use std::ops::AddAssign;
use std::sync::Arc;

use flowcodec::batch::FlowBatch;
use flowcodec::model::{ColumnType, FieldId, FieldSpec, Flow, Schema};

use crate::lookup::Found;

/// What adds fields to flows. Object-safe, so that a [`Chain`](crate::Chain) holds any; it never blocks.
///
/// Most are a [`Lookup`](crate::Lookup) that can [`Annotate`](crate::Annotate), wrapped in [`ByAddress`](crate::ByAddress): write this
/// trait only for what is not asked by address.
///
/// ```
/// use flowcodec::batch::FlowBatch;
/// use flowcodec::model::{FieldDef, FieldSpec, FieldValue, Schema, U8, Unit};
/// use flowcodec::field;
/// use flowenrich::{BindError, Binding, Chain, Columns, Enricher, OtherSchema, Outcome, Step};
///
/// /// Whether a port below 1,024 was spoken to.
/// struct Privileged;
/// static PRIVILEGED: FieldDef<U8> = FieldDef::new("privileged", Unit::None, "1 for ports below 1,024.", &[]);
///
/// impl Enricher for Privileged {
///     fn fields(&self) -> Vec<FieldSpec> { vec![PRIVILEGED.spec()] }
///     fn bind(&self, schema: &Schema) -> Result<Binding, BindError> { Binding::adding(schema, &self.fields()) }
///     fn enrich(&self, binding: &Binding, batch: &mut FlowBatch) -> Result<Outcome, OtherSchema> {
///         let mut columns = Columns::take(batch, binding.writes(batch.schema())?);
///         for row in 0..batch.len() {
///             if let Some(port) = batch.column(field::DST_PORT).and_then(|ports| ports.get(row)) {
///                 columns.row(row).put(0, FieldValue::Unsigned(u64::from(port < 1_024)));
///             }
///         }
///         Ok(columns.put(batch))
///     }
/// }
///
/// let chain = Chain::new().then(Privileged);
/// let schema = chain.schema(&Schema::common())?;
/// let mut batch = FlowBatch::builder(schema.clone()).all().capacity(8).build()?;
/// batch.row().unwrap().set(field::DST_PORT.id(), FieldValue::Unsigned(443));
/// chain.bind(&schema)?.enrich(&mut batch)?;
/// assert_eq!(batch.value(schema.find("privileged").unwrap(), 0), Some(FieldValue::Unsigned(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Enricher: Send + Sync {
    /// The fields it adds, as rows of a schema.
    fn fields(&self) -> Vec<FieldSpec>;

    /// Finds its fields in a schema, once.
    ///
    /// # Errors
    /// When the schema lacks a field, or has it with another type.
    fn bind(&self, schema: &Schema) -> Result<Binding, BindError>;

    /// Adds what is known to all rows of a batch. Of the added fields, those that the batch has no column for are left out.
    ///
    /// # Errors
    /// When the batch is of another schema than `binding`; nothing is changed then.
    fn enrich(&self, binding: &Binding, batch: &mut FlowBatch) -> Result<Outcome, OtherSchema>;

    /// Adds what is known to one flow: as a batch of one row, which costs a microsecond or two, unless an enricher has a shorter way.
    ///
    /// # Errors
    /// When the flow is of another schema than `binding`; nothing is changed then.
    fn enrich_one(&self, binding: &Binding, flow: &mut Flow) -> Result<Outcome, OtherSchema> {
        binding.steps(flow.schema())?;
        let mut fields: Vec<FieldId> = flow.fields().map(|(id, _)| id).collect();
        let writes = binding.steps.iter().flat_map(|step| &step.writes);
        fields.extend(writes.clone());
        fields.sort_unstable();
        fields.dedup();
        // Fields of a flow are fields of its schema.
        let built = FlowBatch::builder(Arc::clone(flow.schema())).fields(fields).capacity(1).build();
        let mut batch = built.map_err(|_| OtherSchema)?;
        batch.push_flow(flow);
        let mut outcome = self.enrich(binding, &mut batch)?;
        for id in writes {
            if batch.value(*id, 0).is_some_and(|value| !flow.set(*id, value)) {
                outcome.refused = outcome.refused.saturating_add(1);
            }
        }
        Ok(outcome)
    }
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

    /// One question, which adds `fields`.
    ///
    /// # Errors
    /// When the schema lacks one of them, or has it with another type.
    pub fn adding(schema: &Schema, fields: &[FieldSpec]) -> Result<Self, BindError> {
        let writes = fields.iter().map(|spec| added(schema, spec)).collect::<Result<_, _>>()?;
        Ok(Self::new(schema, vec![Step { reads: Vec::new(), writes }]))
    }

    /// The questions, if `schema` is the one they were bound to: that of the batch or flow at hand.
    ///
    /// # Errors
    /// When it is not: field numbers would mean other fields.
    pub fn steps(&self, schema: &Schema) -> Result<&[Step], OtherSchema> {
        if schema.tag() == self.tag { Ok(&self.steps) } else { Err(OtherSchema) }
    }

    /// What the first question writes.
    ///
    /// # Errors
    /// As [`steps`](Self::steps).
    pub fn writes(&self, schema: &Schema) -> Result<&[FieldId], OtherSchema> {
        Ok(self.steps(schema)?.first().map_or(&[], |step| &step.writes))
    }
}

/// A flow or batch was given to an enricher that is bound to another schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the flow or batch is of another schema than the enricher was bound to")]
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

/// Finds a field that an enricher adds.
pub(crate) fn added(schema: &Schema, spec: &FieldSpec) -> Result<FieldId, BindError> {
    let found = schema.find(&spec.name).and_then(|id| Some((id, schema.field(id)?.column)));
    match found {
        Some((id, column)) if column == spec.column => Ok(id),
        Some((_, found)) => Err(BindError::WrongType { name: spec.name.to_string(), wanted: spec.column, found }),
        None => Err(BindError::NotAdded(spec.name.to_string())),
    }
}
