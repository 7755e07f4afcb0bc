//! What is to be kept or sent.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{BinaryViewType, StringViewType};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

use super::{ArrowError, RecordBatch};

/// The same batch, in which each column of text and octets has a copy of its own values.
///
/// Texts are taken into a batch by one copy a set, so their views point into memory that holds whole records, and all of them into the
/// same. Arrow's file and stream formats write that memory once for each column, and who keeps a batch keeps all of it. The Parquet
/// writer takes only the values: it needs no copy.
///
/// # Errors
/// None: the columns fit the schema as they did before.
pub fn compact(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(|column| -> ArrayRef {
        match column.data_type() {
            DataType::Utf8View => Arc::new(column.as_byte_view::<StringViewType>().gc()),
            DataType::BinaryView => Arc::new(column.as_byte_view::<BinaryViewType>().gc()),
            _ => Arc::clone(column),
        }
    });
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns.collect(), &options)
}
