//! Parquet files of `RecordBatch`es (feature `parquet`), with what suits flows.
//!
//! Zstandard; statistics of every column in each row group and page, so that a question for an hour or a port reads little; row groups of
//! [`ROWS`] rows, or fewer when they come to [`OCTETS`] octets. Rows stand in the order in which they were given, which for flows is by
//! time already, more or less. A row group is held in memory, encoded, until it is complete.
//!
//! ```
//! # use flowcodec::model::Schema;
//! use flowcodec::io::{arrow, parquet};
//!
//! let mut batch = flowcodec::FlowBatch::builder(Schema::common()).build()?;
//! let mut conversion = arrow::Conversion::new(&batch).addresses(arrow::Addresses::Text).build()?;
//! let mut file = parquet::Writer::new(Vec::new(), conversion.schema())?;
//! // ... for every full batch, and for the last:
//! file.write(&conversion.convert(&mut batch)?)?;
//! let octets = file.finish()?;
//! assert_eq!((octets.get(..4), octets.last_chunk()), (Some(&b"PAR1"[..]), Some(b"PAR1")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use core::fmt;
use std::io::Write;
use std::sync::Arc;

use arrow_schema::DataType;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::arrow::{RecordBatch, SchemaRef};

pub use parquet::errors::ParquetError;

/// The most rows of a row group: enough for long scans, and few enough that a file of some millions keeps several cores busy.
pub const ROWS: usize = 262_144;

/// The most octets of a row group, roughly.
pub const OCTETS: usize = 128 << 20;

/// Writes a file. It is not one until [`finish`](Self::finish).
pub struct Writer<W: Write + Send>(ArrowWriter<W>);

impl<W: Write + Send> fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("in_progress_rows", &self.0.in_progress_rows()).finish_non_exhaustive()
    }
}

impl<W: Write + Send> Writer<W> {
    /// Begins a file for batches of a schema.
    ///
    /// # Errors
    /// When `out` does not take the beginning.
    pub fn new(out: W, schema: &SchemaRef) -> Result<Self, ParquetError> {
        Ok(Self(ArrowWriter::try_new(out, Arc::clone(schema), Some(properties(schema)?))?))
    }

    /// Adds the rows of a batch.
    ///
    /// # Errors
    /// When `out` does not take a row group that became complete, or the batch has another schema.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), ParquetError> {
        self.0.write(batch)
    }

    /// What is written to. Who takes octets away from there must not change the others.
    pub fn get_mut(&mut self) -> &mut W {
        self.0.inner_mut()
    }

    /// Writes what is left, and the end of the file.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn finish(self) -> Result<W, ParquetError> {
        self.0.into_inner()
    }
}

fn properties(schema: &SchemaRef) -> Result<WriterProperties, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_max_row_group_row_count(Some(ROWS))
        .set_max_row_group_bytes(Some(OCTETS))
        .set_created_by(concat!("flowcodec ", env!("CARGO_PKG_VERSION")).to_owned());
    for field in schema.fields() {
        // Times are near the one before, and seldom the same.
        if matches!(field.data_type(), DataType::Timestamp(..)) {
            let column = ColumnPath::from(field.name().as_str());
            properties = properties
                .set_column_dictionary_enabled(column.clone(), false)
                .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
        }
    }
    Ok(properties.build())
}
