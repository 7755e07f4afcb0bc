//! Comma-separated values.

use std::io::{self, Write};

use flowcodec::io::csv::{ColumnsError, Writer};
use flowcodec::model::Schema;
use flowcodec::{RecordSet, RowScratch};

use super::Form;
use crate::fields::Columns;
use crate::shown::Shown;

/// A header line, whether or not a flow follows, then one line a flow, as [`flowcodec::io::csv`] has them.
#[derive(Debug)]
pub struct Csv {
    writer: Writer,
    scratch: RowScratch,
    /// What is to be written next: at first the header.
    lines: String,
}

impl Csv {
    /// A file with these columns of the schema.
    ///
    /// # Errors
    /// When they are not of the schema.
    pub fn new(columns: &Columns, schema: &Schema) -> Result<Self, ColumnsError> {
        let writer = Writer::new(schema, columns.ids().iter().copied())?;
        Ok(Self { lines: writer.header().to_owned(), writer, scratch: RowScratch::new() })
    }

    fn flush(&mut self, out: &mut dyn Write) -> io::Result<()> {
        let written = out.write_all(self.lines.as_bytes());
        self.lines.clear();
        written
    }
}

impl Form for Csv {
    fn one(&mut self, out: &mut dyn Write, shown: &Shown<'_>) -> io::Result<()> {
        match shown {
            Shown::Record(record) => self.writer.write_record(&mut self.lines, record),
            Shown::Flow(flow) => self.writer.write_flow(&mut self.lines, flow),
        }
        self.flush(out)
    }

    fn set(&mut self, out: &mut dyn Write, set: RecordSet<'_>) -> io::Result<()> {
        self.writer.write_set(&mut self.lines, &set, &mut self.scratch);
        self.flush(out)
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.flush(out)
    }
}
