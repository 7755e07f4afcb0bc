//! Enrichers one after another.

use std::fmt;
use std::sync::Arc;

use flowcodec::batch::FlowBatch;
use flowcodec::model::{FieldSpec, Flow, Schema, SchemaError};

use crate::enricher::{BindError, Binding, Enricher, OtherSchema, Outcome};

/// Enrichers in the order in which they are asked: a later one sees what an earlier one added.
#[derive(Clone, Default)]
pub struct Chain(Vec<Arc<dyn Enricher>>);

impl Chain {
    /// One that adds nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// This chain and one more at its end.
    #[must_use]
    pub fn then(mut self, enricher: impl Enricher + 'static) -> Self {
        self.0.push(Arc::new(enricher));
        self
    }

    /// All fields the enrichers add.
    #[must_use]
    pub fn fields(&self) -> Vec<FieldSpec> {
        self.0.iter().flat_map(|enricher| enricher.fields()).collect()
    }

    /// `base` and the fields of the chain.
    ///
    /// # Errors
    /// When two fields have one name: give one of them another prefix.
    pub fn schema(&self, base: &Schema) -> Result<Arc<Schema>, SchemaError> {
        base.with(self.fields())
    }

    /// The chain at work on flows of one schema. A worker binds its own: the counts are kept in it.
    ///
    /// # Errors
    /// As [`Enricher::bind`].
    pub fn bind(&self, schema: &Schema) -> Result<BoundChain, BindError> {
        let links = self.0.iter().map(|enricher| Ok((Arc::clone(enricher), enricher.bind(schema)?)));
        let links: Vec<_> = links.collect::<Result<_, BindError>>()?;
        Ok(BoundChain { counts: vec![Outcome::default(); links.len()], links })
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.fields().into_iter().map(|spec| spec.name);
        f.debug_list().entries(names).finish()
    }
}

/// A [`Chain`] bound to a schema, and what came of its questions.
pub struct BoundChain {
    links: Vec<(Arc<dyn Enricher>, Binding)>,
    counts: Vec<Outcome>,
}

impl BoundChain {
    /// Adds what is known to one flow.
    ///
    /// # Errors
    /// When the flow is of another schema; nothing is changed then.
    pub fn enrich_one(&mut self, flow: &mut Flow) -> Result<Outcome, OtherSchema> {
        let mut all = Outcome::default();
        for ((enricher, binding), counts) in self.links.iter().zip(&mut self.counts) {
            let outcome = enricher.enrich_one(binding, flow)?;
            *counts += outcome;
            all += outcome;
        }
        Ok(all)
    }

    /// Adds what is known to all rows of a batch.
    ///
    /// # Errors
    /// When the batch is of another schema; nothing is changed then.
    pub fn enrich(&mut self, batch: &mut FlowBatch) -> Result<Outcome, OtherSchema> {
        let mut all = Outcome::default();
        for ((enricher, binding), counts) in self.links.iter().zip(&mut self.counts) {
            let outcome = enricher.enrich(binding, batch)?;
            *counts += outcome;
            all += outcome;
        }
        Ok(all)
    }

    /// What came of the questions of each enricher since the chain was bound, in the chain's order.
    #[must_use]
    pub fn counts(&self) -> &[Outcome] {
        &self.counts
    }
}

impl fmt::Debug for BoundChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundChain").field("counts", &self.counts).finish_non_exhaustive()
    }
}
