//! What a person or program gets to see.

mod cell;
#[cfg(feature = "columnar")]
mod columnar;
mod csv;
mod exporters;
mod goflow2;
mod grid;
mod shown;
mod table;

use std::io::{self, Write};
use std::sync::Arc;

use flowcodec::model::{Flow, Schema};
use flowcodec::{Event, Record, RecordSet, io as formats};

use crate::fields::Columns;
use crate::filter::Filter;

#[cfg(feature = "columnar")]
pub use columnar::{Columnar, ColumnarError, Kind};
pub use csv::Csv;
pub use exporters::{exporters_as_json, exporters_as_table};
pub use goflow2::Goflow2;
pub use grid::{Grid, Heading};
pub use shown::Shown;
pub use table::Table;

/// Shows the records that pass a filter, in one of the forms of `--format`.
#[derive(Debug)]
pub struct Output {
    schema: Arc<Schema>,
    form: Form,
    filter: Option<Filter>,
    line: String,
}

/// The forms.
#[derive(Debug)]
pub enum Form {
    /// Aligned columns.
    Table(Table),
    /// The common model, one JSON object a line: all fields, or those that were chosen.
    Json(Option<Columns>),
    /// Comma-separated values.
    Csv(Csv),
    /// An Arrow stream or a Parquet file.
    #[cfg(feature = "columnar")]
    Columnar(Box<Columnar>),
    /// Every element by name, one JSON object a line; options and counters too.
    Elements,
    /// goflow2's messages.
    Goflow2(Box<Goflow2>),
    /// Nothing.
    Quiet,
}

impl Output {
    /// Shows the fields of `schema`.
    #[must_use]
    pub const fn new(schema: Arc<Schema>, form: Form, filter: Option<Filter>) -> Self {
        Self { schema, form, filter, line: String::new() }
    }

    /// Shows the records of an event.
    ///
    /// # Errors
    /// When `out` does not take them.
    pub fn event(&mut self, out: &mut dyn Write, event: &Event<'_>) -> io::Result<()> {
        match event {
            Event::Flows(set) => self.records(out, *set),
            Event::Options(set) | Event::Counters(set) | Event::Unknown(set) if matches!(self.form, Form::Elements) => {
                self.records(out, *set)
            }
            _ => Ok(()),
        }
    }

    fn records(&mut self, out: &mut dyn Write, set: RecordSet<'_>) -> io::Result<()> {
        let (schema, filter, line) = (&*self.schema, self.filter.as_ref(), &mut self.line);
        let mut wanted = set.records().filter(|record| filter.is_none_or(|filter| filter.matches(record)));
        match &mut self.form {
            Form::Table(table) => wanted.try_for_each(|record| table.flow(out, &Shown::Record(record))),
            Form::Csv(csv) => {
                csv.head(out, schema)?;
                wanted.try_for_each(|record| csv.flow(out, &Shown::Record(record)))
            }
            #[cfg(feature = "columnar")]
            Form::Columnar(columnar) if filter.is_none() => columnar.set(out, set),
            #[cfg(feature = "columnar")]
            Form::Columnar(columnar) => wanted.try_for_each(|record| columnar.flow(out, &Shown::Record(record))),
            Form::Json(None) => lines(out, line, wanted, |line, record| formats::write_record(line, record, schema)),
            Form::Json(Some(columns)) => {
                lines(out, line, wanted, |line, record| formats::write_chosen(line, record, schema, columns.ids()))
            }
            Form::Elements => lines(out, line, wanted, formats::write_elements),
            Form::Goflow2(messages) if filter.is_none() => messages.set(out, &set),
            Form::Goflow2(messages) => wanted.try_for_each(|record| messages.flow(out, &Shown::Record(record))),
            Form::Quiet => Ok(()),
        }
    }

    /// Shows a flow that was read from goflow2's messages; it has no elements.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn flow(&mut self, out: &mut dyn Write, flow: &Flow) -> io::Result<()> {
        if !self.filter.as_ref().is_none_or(|filter| filter.matches_flow(flow)) {
            return Ok(());
        }
        let (shown, line) = (Shown::Flow(flow), &mut self.line);
        line.clear();
        match &mut self.form {
            Form::Table(table) => return table.flow(out, &shown),
            Form::Csv(csv) => {
                csv.head(out, &self.schema)?;
                return csv.flow(out, &shown);
            }
            #[cfg(feature = "columnar")]
            Form::Columnar(columnar) => return columnar.flow(out, &shown),
            Form::Goflow2(messages) => return messages.flow(out, &shown),
            Form::Json(None) => formats::write_flow(line, flow),
            Form::Json(Some(columns)) => {
                let fields = columns.ids().iter().filter_map(|&id| Some((id, shown.value(id)?)));
                formats::write_fields(line, fields, &self.schema);
            }
            Form::Elements | Form::Quiet => return Ok(()),
        }
        line.push('\n');
        out.write_all(line.as_bytes())
    }

    /// Shows what was held back.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        match &mut self.form {
            Form::Table(table) => table.flush(out),
            Form::Csv(csv) => csv.head(out, &self.schema),
            #[cfg(feature = "columnar")]
            Form::Columnar(columnar) => columnar.finish(out),
            _ => Ok(()),
        }
    }
}

/// One line a record, as `write` has it.
fn lines<'a>(
    out: &mut dyn Write,
    line: &mut String,
    records: impl Iterator<Item = Record<'a>>,
    write: impl Fn(&mut String, &Record<'a>),
) -> io::Result<()> {
    for record in records {
        line.clear();
        write(line, &record);
        line.push('\n');
        out.write_all(line.as_bytes())?;
    }
    Ok(())
}
