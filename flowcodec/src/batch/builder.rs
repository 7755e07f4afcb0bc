//! Which columns a batch has.

use std::sync::Arc;

use super::cells::Layout;
use super::open::Open;
use super::program::Programs;
use super::validity::Validity;
use super::{FlowBatch, NONE, Slot};
use crate::model::{FieldId, HOT, Schema};

/// Why a batch could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// A field number that the schema does not have.
    #[error("the schema has no field of number {}", .0.number())]
    UnknownField(FieldId),
    /// A field that is a column already.
    #[error("the field {0} is a column already")]
    Duplicate(String),
    /// More rows than texts can be told apart in, or than can be addressed.
    #[error("a batch cannot have room for {0} rows")]
    TooLarge(usize),
}

/// Chooses the columns and the size of a [`FlowBatch`].
#[derive(Debug, Clone)]
pub struct FlowBatchBuilder {
    schema: Arc<Schema>,
    fields: Option<Vec<FieldId>>,
    capacity: usize,
    programs: usize,
    portable: bool,
}

impl FlowBatchBuilder {
    pub(super) const fn new(schema: Arc<Schema>) -> Self {
        Self { schema, fields: None, capacity: 8_192, programs: 16_384, portable: false }
    }

    /// These fields, in this order.
    #[must_use]
    pub fn fields(mut self, fields: impl IntoIterator<Item = FieldId>) -> Self {
        self.fields = Some(fields.into_iter().collect());
        self
    }

    /// The fields that have a place in a [`FlowRecord`](crate::FlowRecord): what most flows have.
    #[must_use]
    pub fn common(mut self) -> Self {
        self.fields = None;
        self
    }

    /// All fields of the schema. A column costs nothing as long as no record has a cell of it.
    #[must_use]
    pub fn all(self) -> Self {
        let count = self.schema.fields().len();
        self.fields((0..).take(count).map(FieldId::new))
    }

    /// Rows it has room for; at least one. Cost: a batch that stays in the second-level cache (some 2,048 rows) is filled a twentieth faster,
    /// a quarter where it has much text.
    #[must_use]
    pub fn capacity(mut self, rows: usize) -> Self {
        self.capacity = rows.max(1);
        self
    }

    /// Templates whose way into the columns is kept; at least one. Default 16,384, of about three kilobytes each. Over it, or when there are
    /// twice as many as before, those of templates that are gone are given up; if all are in use, it begins anew.
    #[must_use]
    pub fn programs(mut self, most: usize) -> Self {
        self.programs = most.max(1);
        self
    }

    /// Without vector code: what processors without it do. The batch is the same to the bit; this is for those who want to compare.
    #[must_use]
    pub const fn portable(mut self) -> Self {
        self.portable = true;
        self
    }

    /// Makes the batch. The memory for its columns is zeroed by the system: what is not written to costs nothing.
    ///
    /// # Errors
    /// When a field is not of the schema, or named twice; or when so many rows cannot be.
    pub fn build(self) -> Result<FlowBatch, BatchError> {
        let Self { schema, fields, capacity, programs, portable } = self;
        let fields = fields.unwrap_or_else(|| (0..).take(HOT.len()).map(FieldId::new).collect());
        let mut by_field = vec![NONE; schema.fields().len()].into_boxed_slice();
        let mut layout = Layout::new(capacity);
        let mut slots = Vec::new();
        for (number, id) in (0..).zip(fields) {
            let spec = schema.field(id).ok_or(BatchError::UnknownField(id))?;
            let place = layout.place(spec.column);
            match by_field.get_mut(id.index()) {
                Some(slot) if *slot == NONE => *slot = number,
                _ => return Err(BatchError::Duplicate(spec.name.to_string())),
            }
            slots.push(Slot { id, column: spec.column, place, validity: Validity::default() });
        }
        if layout.is_too_large() {
            return Err(BatchError::TooLarge(capacity));
        }
        let open = Open::none(slots.len());
        let (programs, cells) = (Programs::new(programs), layout.cells());
        let slots = slots.into_boxed_slice();
        let beside = slots.iter().any(|slot| slot.id.index() >= HOT.len());
        Ok(FlowBatch {
            schema,
            slots,
            by_field,
            capacity,
            len: 0,
            layout,
            cells,
            open,
            programs,
            portable,
            beside,
            bases: Vec::new(),
            scratch: None,
            waiting: 0,
            spare: Vec::new(),
        })
    }
}
