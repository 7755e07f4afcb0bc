//! The common model, one JSON object a line.

use std::io::{self, Write};
use std::sync::Arc;

use flowcodec::model::Schema;
use flowcodec::{RecordSet, RowScratch, io as formats};

use super::Form;
use crate::fields::Columns;
use crate::shown::Shown;

/// All fields that a flow has, in the order of the schema, or those that were chosen.
#[derive(Debug)]
pub struct Json {
    schema: Arc<Schema>,
    columns: Option<Columns>,
    scratch: RowScratch,
    lines: String,
}

impl Json {
    /// Without `columns`, all.
    #[must_use]
    pub fn new(schema: Arc<Schema>, columns: Option<Columns>) -> Self {
        Self { schema, columns, scratch: RowScratch::new(), lines: String::new() }
    }
}

impl Form for Json {
    fn one(&mut self, out: &mut dyn Write, shown: &Shown<'_>) -> io::Result<()> {
        self.lines.clear();
        match (&self.columns, shown) {
            (Some(columns), _) => {
                let fields = columns.ids().iter().filter_map(|&id| Some((id, shown.value(id)?)));
                formats::write_fields(&mut self.lines, fields, &self.schema);
            }
            (None, Shown::Record(record)) => formats::write_record(&mut self.lines, record, &self.schema),
            (None, Shown::Flow(flow)) => formats::write_flow(&mut self.lines, flow),
        }
        self.lines.push('\n');
        out.write_all(self.lines.as_bytes())
    }

    fn set(&mut self, out: &mut dyn Write, set: RecordSet<'_>) -> io::Result<()> {
        if self.columns.is_some() {
            return set.records().try_for_each(|record| self.one(out, &Shown::Record(record)));
        }
        self.lines.clear();
        formats::write_set(&mut self.lines, &set, &self.schema, &mut self.scratch);
        out.write_all(self.lines.as_bytes())
    }
}
