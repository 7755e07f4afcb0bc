//! Arrow streams and Parquet files: flows go into a batch, and full batches into the file.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use arrow_ipc::writer::StreamWriter;
use flowcodec::batch::BatchError;
use flowcodec::io::arrow::{Addresses, ArrowError, Conversion, RecordBatch, SchemaRef, compact};
use flowcodec::io::parquet;
use flowcodec::model::Schema;
use flowcodec::{FlowBatch, RecordSet};

use super::Form;
use crate::fields::Columns;
use crate::shown::Shown;

/// Flows by column. All batches have the schema of the chosen columns, whatever the exporters send.
#[derive(Debug)]
pub struct Columnar {
    columns: Columns,
    batch: FlowBatch,
    conversion: Conversion,
    file: File,
}

/// What batches are written to, with what is not handed on yet; `None` behind its end.
enum File {
    Stream(Option<StreamWriter<Vec<u8>>>),
    Parquet(Option<parquet::Writer<Vec<u8>>>),
}

/// The two kinds of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Arrow's stream format.
    Stream,
    /// Parquet.
    Parquet,
}

/// Why a file could not be begun.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ColumnarError {
    /// The columns are not of the schema.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// Arrow does not take them.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    /// Parquet does not take them.
    #[error(transparent)]
    Parquet(#[from] parquet::ParquetError),
}

impl Columnar {
    /// A file with these columns.
    ///
    /// # Errors
    /// When a column is not of the schema.
    pub fn new(kind: Kind, columns: Columns, schema: &Arc<Schema>, addresses: Addresses) -> Result<Self, ColumnarError> {
        let batch = FlowBatch::builder(Arc::clone(schema)).fields(columns.ids().iter().copied()).build()?;
        let conversion = Conversion::new(&batch).addresses(addresses).words().build()?;
        let file = File::new(kind, conversion.schema())?;
        Ok(Self { columns, batch, conversion, file })
    }

    fn write(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let batch = self.conversion.convert(&mut self.batch).map_err(io::Error::other)?;
        self.file.write(&batch)?;
        drop(batch);
        self.conversion.reclaim(&mut self.batch);
        self.file.hand_on(out)
    }
}

impl Form for Columnar {
    fn set(&mut self, out: &mut dyn Write, mut set: RecordSet<'_>) -> io::Result<()> {
        while let Some(rest) = self.batch.append(set) {
            self.write(out)?;
            set = rest;
        }
        Ok(())
    }

    fn one(&mut self, out: &mut dyn Write, shown: &Shown<'_>) -> io::Result<()> {
        if self.batch.is_full() {
            self.write(out)?;
        }
        if let Some(mut row) = self.batch.row() {
            for &id in self.columns.ids() {
                if let Some(value) = shown.value(id) {
                    row.set(id, value);
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if !self.batch.is_empty() {
            self.write(out)?;
        }
        out.write_all(&self.file.end()?)
    }
}

impl File {
    fn new(kind: Kind, schema: &SchemaRef) -> Result<Self, ColumnarError> {
        Ok(match kind {
            Kind::Stream => Self::Stream(Some(StreamWriter::try_new(Vec::new(), schema)?)),
            Kind::Parquet => Self::Parquet(Some(parquet::Writer::new(Vec::new(), schema)?)),
        })
    }

    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        match self {
            Self::Stream(Some(stream)) => stream.write(&compact(batch).map_err(io::Error::other)?).map_err(io::Error::other),
            Self::Parquet(Some(file)) => file.write(batch).map_err(io::Error::other),
            _ => Ok(()),
        }
    }

    /// Hands on what is written; both writers only append.
    fn hand_on(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let written = match self {
            Self::Stream(Some(stream)) => stream.get_mut(),
            Self::Parquet(Some(file)) => file.get_mut(),
            _ => return Ok(()),
        };
        out.write_all(written)?;
        written.clear();
        Ok(())
    }

    fn end(&mut self) -> io::Result<Vec<u8>> {
        match self {
            Self::Stream(stream) => stream.take().map_or(Ok(Vec::new()), |stream| stream.into_inner().map_err(io::Error::other)),
            Self::Parquet(file) => file.take().map_or(Ok(Vec::new()), |file| file.finish().map_err(io::Error::other)),
        }
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stream(_) => "Stream",
            Self::Parquet(_) => "Parquet",
        })
    }
}
