//! What a person or program gets to see.

mod cell;
#[cfg(feature = "columnar")]
mod columnar;
mod csv;
mod elements;
mod exporters;
mod goflow2;
mod grid;
mod json;
mod table;

use std::fmt::Debug;
use std::io::{self, Write};

use flowcodec::model::Flow;
use flowcodec::{Event, RecordSet};

use crate::filter::Filter;
use crate::shown::Shown;

#[cfg(feature = "columnar")]
pub use columnar::{Columnar, ColumnarError, Kind};
pub use csv::Csv;
pub use elements::Elements;
pub use exporters::{exporters_as_json, exporters_as_table};
pub use goflow2::Goflow2;
pub use grid::{Grid, Heading};
pub use json::Json;
pub use table::Table;

/// A form of `--format`.
pub trait Form: Debug {
    /// Shows a record, or a flow that was read from goflow2's messages.
    ///
    /// # Errors
    /// When `out` does not take it.
    fn one(&mut self, out: &mut dyn Write, shown: &Shown<'_>) -> io::Result<()>;

    /// Shows all records of a set: for forms that have a faster way than one by one.
    ///
    /// # Errors
    /// When `out` does not take them.
    fn set(&mut self, out: &mut dyn Write, set: RecordSet<'_>) -> io::Result<()> {
        set.records().try_for_each(|record| self.one(out, &Shown::Record(record)))
    }

    /// Whether records that are no flows are shown too: options, counters, and what nobody knows.
    fn has_all_records(&self) -> bool {
        false
    }

    /// Shows what was held back, and ends the output.
    ///
    /// # Errors
    /// When `out` does not take it.
    fn finish(&mut self, _out: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

/// Shows in a form what passes a filter.
#[derive(Debug)]
pub struct Output {
    form: Box<dyn Form>,
    filter: Option<Filter>,
}

impl Output {
    /// Without a filter everything passes.
    #[must_use]
    pub const fn new(form: Box<dyn Form>, filter: Option<Filter>) -> Self {
        Self { form, filter }
    }

    /// Shows the records of an event.
    ///
    /// # Errors
    /// When `out` does not take them.
    pub fn event(&mut self, out: &mut dyn Write, event: &Event<'_>) -> io::Result<()> {
        let set = match event {
            Event::Flows(set) => *set,
            Event::Options(set) | Event::Counters(set) | Event::Unknown(set) if self.form.has_all_records() => *set,
            _ => return Ok(()),
        };
        match &self.filter {
            None => self.form.set(out, set),
            Some(filter) => passing_runs(set, filter, |run| self.form.set(out, run)),
        }
    }

    /// Shows a flow that was read from goflow2's messages.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn flow(&mut self, out: &mut dyn Write, flow: &Flow) -> io::Result<()> {
        self.one(out, &Shown::Flow(flow))
    }

    /// Shows what was held back, and ends the output.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.form.finish(out)
    }

    fn one(&mut self, out: &mut dyn Write, shown: &Shown<'_>) -> io::Result<()> {
        let passes = self.filter.as_ref().is_none_or(|filter| filter.matches(shown));
        if passes { self.form.one(out, shown) } else { Ok(()) }
    }
}

/// Hands the records that pass to `each`, those that stand side by side together.
fn passing_runs<'a>(
    set: RecordSet<'a>,
    filter: &Filter,
    mut each: impl FnMut(RecordSet<'a>) -> io::Result<()>,
) -> io::Result<()> {
    let (mut rest, mut passing, mut failing) = (set, 0_u32, 0_u32);
    for record in set.records() {
        match (filter.matches(&Shown::Record(record)), passing) {
            (true, 0) => {
                (_, rest) = rest.split_at(failing);
                (passing, failing) = (1, 0);
            }
            (true, _) => passing = passing.saturating_add(1),
            (false, 0) => failing = failing.saturating_add(1),
            (false, _) => {
                let run;
                (run, rest) = rest.split_at(passing);
                (passing, failing) = (0, 1);
                each(run)?;
            }
        }
    }
    if passing == 0 { Ok(()) } else { each(rest) }
}
