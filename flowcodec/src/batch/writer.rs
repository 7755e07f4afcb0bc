//! Rows that come from no template.

use super::FlowBatch;
use crate::model::{FieldId, FieldValue};

/// The last row of a batch, to be filled cell by cell. See [`FlowBatch::row`].
#[derive(Debug)]
pub struct RowWriter<'b> {
    pub(super) batch: &'b mut FlowBatch,
    pub(super) row: usize,
}

impl RowWriter<'_> {
    /// Puts a value into its column; `false` when the batch does not have the column, or the value does not fit. Of several the last
    /// stays.
    pub fn set(&mut self, id: FieldId, value: FieldValue<'_>) -> bool {
        let FlowBatch { slots, cells, by_field, .. } = &mut *self.batch;
        let number = by_field.get(id.index()).copied().map(usize::from);
        number.and_then(|number| slots.get_mut(number)).is_some_and(|slot| slot.set(cells, self.row, &value))
    }
}
