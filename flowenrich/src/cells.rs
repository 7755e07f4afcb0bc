//! Where answers are written to.

use flowcodec::Text;
use flowcodec::batch::{FlowBatch, NewColumn};
use flowcodec::model::{FieldId, FieldSpec, FieldValue, Flow};

use crate::enricher::Outcome;
use crate::lookup::{Found, Lookup, Question};

/// An index whose answers can be written as fields.
pub trait Annotate: Lookup {
    /// The fields of an answer, their names without a prefix. Shared by all values of the type.
    fn fields() -> Vec<FieldSpec>;

    /// Writes an answer; `cells` has the places of [`fields`](Self::fields), in their order.
    fn write(found: Found<Self::Answer<'_>>, cells: &mut Cells<'_>);

    /// Asks for many rows of a batch, and writes the answers: `rows` are those of the questions, in ascending order. Provided by
    /// [`lookup_all`](Lookup::lookup_all) and [`write`](Self::write); an index whose answers have many fields writes them column by
    /// column.
    fn write_all(&self, questions: &[Question<'_>], rows: &[usize], columns: &mut Columns) -> Outcome {
        let mut outcome = Outcome::default();
        self.lookup_all(questions, |number, found| {
            outcome.count(&found);
            if let Some(row) = rows.get(number) {
                Self::write(found, &mut columns.row(*row));
            }
        });
        outcome
    }
}

/// Where an answer is written to: the added fields of one flow, or of one row of a batch.
#[derive(Debug)]
pub struct Cells<'f> {
    to: To<'f>,
    refused: u64,
}

#[derive(Debug)]
enum To<'f> {
    Flow { flow: &'f mut Flow, places: &'f [FieldId] },
    Row { columns: &'f mut Columns, row: usize },
}

impl<'f> Cells<'f> {
    /// The fields of `flow` at `places`.
    #[must_use]
    pub const fn new(flow: &'f mut Flow, places: &'f [FieldId]) -> Self {
        Self { to: To::Flow { flow, places }, refused: 0 }
    }

    /// Values that did not fit so far.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Puts a value into the field at `place` of [`Annotate::fields`]. One that does not fit the field's type is counted as refused.
    pub fn put(&mut self, place: usize, value: FieldValue<'_>) {
        match &mut self.to {
            To::Flow { flow, places } => {
                if !places.get(place).is_some_and(|id| flow.set(*id, value)) {
                    self.refused = self.refused.saturating_add(1);
                }
            }
            To::Row { columns, row } => columns.fill(place, |column| column.set(*row, value)),
        }
    }

    /// Puts a text.
    #[inline]
    pub fn text(&mut self, place: usize, text: &str) {
        match &mut self.to {
            To::Row { columns, row } => columns.fill(place, |column| column.set_text(*row, text.as_bytes())),
            To::Flow { .. } => self.put(place, FieldValue::Text(Text::from(text))),
        }
    }

    /// Puts a text that is made of parts; nothing, if there are none.
    pub fn joined<'t>(&mut self, place: usize, parts: impl Iterator<Item = &'t str>) {
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return;
        }
        match &mut self.to {
            To::Row { columns, row } => columns.fill(place, |column| column.set_parts(*row, parts.map(str::as_bytes))),
            To::Flow { .. } => self.text(place, &parts.collect::<String>()),
        }
    }

    /// Puts a text, if there is one.
    #[inline]
    pub fn text_if(&mut self, place: usize, text: Option<&str>) {
        if let Some(text) = text {
            self.text(place, text);
        }
    }
}

/// The added columns of a batch, filled row by row while the others are read. See [`Enricher`](crate::Enricher) for their use.
#[derive(Debug)]
pub struct Columns {
    columns: Vec<Column>,
    refused: u64,
}

/// One of them; a batch need not have it, and a schema may have none for a place.
#[derive(Debug)]
enum Column {
    Here(NewColumn),
    Elsewhere,
}

impl Columns {
    /// Takes the columns of `fields` from a batch.
    #[must_use]
    pub fn take(batch: &mut FlowBatch, fields: &[FieldId]) -> Self {
        let columns = fields.iter().map(|id| batch.take_column(*id).map_or(Column::Elsewhere, Column::Here)).collect();
        Self { columns, refused: 0 }
    }

    /// The cells of a row. Rows come in ascending order; those that are left out have no cells.
    #[must_use]
    pub const fn row(&mut self, row: usize) -> Cells<'_> {
        Cells { to: To::Row { columns: self, row }, refused: 0 }
    }

    /// Puts texts into one column: rows, which ascend, and what stands in them.
    pub fn texts<'t>(&mut self, place: usize, texts: impl Iterator<Item = (usize, &'t str)>) {
        self.fill_all(place, texts, |column, row, text| column.set_text(row, text.as_bytes()));
    }

    /// Puts values into one column, likewise.
    pub fn values<'t>(&mut self, place: usize, values: impl Iterator<Item = (usize, FieldValue<'t>)>) {
        self.fill_all(place, values, NewColumn::set);
    }

    /// A column that the batch does not have costs nothing.
    #[inline]
    fn fill_all<T>(
        &mut self,
        place: usize,
        cells: impl Iterator<Item = (usize, T)>,
        mut set: impl FnMut(&mut NewColumn, usize, T) -> bool,
    ) {
        let refused = match self.columns.get_mut(place) {
            Some(Column::Here(column)) => cells.filter_map(|(row, value)| (!set(column, row, value)).then_some(())).count(),
            Some(Column::Elsewhere) => 0,
            None => cells.count(),
        };
        self.refused = self.refused.saturating_add(u64::try_from(refused).unwrap_or(u64::MAX));
    }

    /// Puts the columns into the batch. What was refused of them stands in the outcome.
    pub fn put(self, batch: &mut FlowBatch) -> Outcome {
        let mut outcome = Outcome { refused: self.refused, ..Outcome::default() };
        for column in self.columns {
            if let Column::Here(column) = column
                && !batch.put_column(column)
            {
                outcome.refused = outcome.refused.saturating_add(1);
            }
        }
        outcome
    }

    #[inline]
    fn fill(&mut self, place: usize, fill: impl FnOnce(&mut NewColumn) -> bool) {
        let filled = match self.columns.get_mut(place) {
            Some(Column::Here(column)) => fill(column),
            Some(Column::Elsewhere) => true,
            None => false,
        };
        if !filled {
            self.refused = self.refused.saturating_add(1);
        }
    }
}
