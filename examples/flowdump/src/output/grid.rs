//! Aligned columns.

use std::fmt::Write as _;
use std::io::{self, Write};

/// Rows looked at before the first line is printed: they decide how wide the columns are.
const SAMPLE: usize = 1_000;

/// The head of a column, and how the cells stand below it.
#[derive(Debug, Clone)]
pub struct Heading {
    text: String,
    right: bool,
    /// Whether the column stands there when all its cells are empty.
    always: bool,
}

impl Heading {
    /// Cells stand left; a column that is empty in the whole sample is left out.
    #[must_use]
    pub fn left(text: impl Into<String>) -> Self {
        Self { text: text.into(), right: false, always: false }
    }

    /// Cells stand right, as numbers do.
    #[must_use]
    pub fn right(text: impl Into<String>) -> Self {
        Self { right: true, ..Self::left(text) }
    }

    /// The column stands there in any case.
    #[must_use]
    pub fn always(self) -> Self {
        Self { always: true, ..self }
    }
}

/// A table that prints itself when it has seen enough rows to know its columns.
#[derive(Debug)]
pub struct Grid {
    headings: Vec<Heading>,
    held: Vec<Vec<String>>,
    /// Once known; 0 for a column that is left out.
    widths: Option<Vec<usize>>,
}

impl Grid {
    /// A table without rows.
    #[must_use]
    pub const fn new(headings: Vec<Heading>) -> Self {
        Self { headings, held: Vec::new(), widths: None }
    }

    /// Adds a row: one cell for each heading.
    ///
    /// # Errors
    /// When `out` does not take the line.
    pub fn row(&mut self, out: &mut dyn Write, row: Vec<String>) -> io::Result<()> {
        match &self.widths {
            Some(widths) => line(out, &self.headings, widths, &row),
            None => {
                self.held.push(row);
                if self.held.len() < SAMPLE { Ok(()) } else { self.flush(out) }
            }
        }
    }

    /// Prints what is held back. A table without rows has no headings either.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn flush(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.widths.is_some() || self.held.is_empty() {
            return Ok(());
        }
        let mut widths = vec![0; self.headings.len()];
        for row in &self.held {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for (width, heading) in widths.iter_mut().zip(&self.headings) {
            if *width != 0 || heading.always {
                *width = heading.text.chars().count().max(*width);
            }
        }
        let heads: Vec<_> = self.headings.iter().map(|heading| heading.text.clone()).collect();
        line(out, &self.headings, &widths, &heads)?;
        self.held.drain(..).try_for_each(|row| line(out, &self.headings, &widths, &row))?;
        self.widths = Some(widths);
        Ok(())
    }
}

fn line(out: &mut dyn Write, headings: &[Heading], widths: &[usize], row: &[String]) -> io::Result<()> {
    let mut text = String::new();
    for ((cell, &width), heading) in row.iter().zip(widths).zip(headings).filter(|((_, width), _)| **width != 0) {
        if !text.is_empty() {
            text.push_str("  ");
        }
        let _ = if heading.right { write!(text, "{cell:>width$}") } else { write!(text, "{cell:<width$}") };
    }
    writeln!(out, "{}", text.trim_end())
}
