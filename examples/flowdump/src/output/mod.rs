//! What a person or program gets to see.

mod table;

use std::io::{self, Write};

use flowcodec::model::Schema;
use flowcodec::{Event, RecordSet, io as formats};

pub use table::Table;

/// One of the forms of `--format`.
#[derive(Debug)]
pub enum Output {
    /// Aligned columns.
    Table(Box<Table>),
    /// The common model, one JSON object a line.
    Json(String),
    /// Every element by name, one JSON object a line.
    Elements(String),
    /// Nothing.
    Quiet,
}

impl Output {
    /// Shows the records of an event.
    ///
    /// # Errors
    /// When `out` does not take them.
    pub fn event(&mut self, out: &mut dyn Write, event: &Event<'_>) -> io::Result<()> {
        match event {
            Event::Flows(set) | Event::Options(set) | Event::Counters(set) => {
                self.records(out, *set, matches!(event, Event::Flows(_)))
            }
            _ => Ok(()),
        }
    }

    fn records(&mut self, out: &mut dyn Write, set: RecordSet<'_>, flows: bool) -> io::Result<()> {
        match self {
            Self::Table(table) if flows => set.records().try_for_each(|record| table.record(out, &record)),
            Self::Json(line) if flows => {
                let schema = Schema::common();
                set.records().try_for_each(|record| {
                    line.clear();
                    formats::write_record(line, &record, &schema);
                    line.push('\n');
                    out.write_all(line.as_bytes())
                })
            }
            Self::Elements(line) => set.records().try_for_each(|record| {
                line.clear();
                formats::write_elements(line, &record);
                line.push('\n');
                out.write_all(line.as_bytes())
            }),
            _ => Ok(()),
        }
    }

    /// Shows what was held back.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Table(table) => table.flush(out),
            _ => Ok(()),
        }
    }
}
