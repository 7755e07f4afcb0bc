//! Comma-separated values (RFC 4180).

use std::fmt::{Display, Write as _};
use std::io::{self, Write};

use flowcodec::model::Schema;

use super::Shown;
use super::cell::Cell;
use crate::fields::Columns;

/// A header line, then one line a flow, ended as the RFC asks by CR and LF.
///
/// An absent field is an empty cell, and a text of no octets is `""`. No cell holds a line end: control characters of exporters' texts
/// stand there as `\xNN`, like octets that are not UTF-8. Nothing is put in front of a text that a spreadsheet would take for a formula
/// (`=`, `+`, `-`, `@`): a name with something in front is another name, and the readers of these files are programs.
#[derive(Debug)]
pub struct Csv {
    columns: Columns,
    headed: bool,
    line: String,
}

impl Csv {
    /// A file with these columns.
    #[must_use]
    pub const fn new(columns: Columns) -> Self {
        Self { columns, headed: false, line: String::new() }
    }

    /// Writes the header, unless it is there.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn head(&mut self, out: &mut dyn Write, schema: &Schema) -> io::Result<()> {
        if std::mem::replace(&mut self.headed, true) {
            return Ok(());
        }
        self.line.clear();
        put(&mut self.line, self.columns.ids().iter().map(|&id| schema.field(id).map(|spec| &spec.name)));
        out.write_all(self.line.as_bytes())
    }

    /// Writes a flow.
    ///
    /// # Errors
    /// When `out` does not take the line.
    pub fn flow(&mut self, out: &mut dyn Write, shown: &Shown<'_>) -> io::Result<()> {
        self.line.clear();
        put(&mut self.line, self.columns.ids().iter().map(|&id| Cell::of(shown, id)));
        out.write_all(self.line.as_bytes())
    }
}

/// Writes the cells of a line and its end.
fn put<T: Display>(line: &mut String, cells: impl ExactSizeIterator<Item = Option<T>>) {
    // Readers pass over lines without anything in them.
    let lonely = cells.len() == 1;
    for (at, cell) in cells.enumerate() {
        if at != 0 {
            line.push(',');
        }
        let start = line.len();
        let absent = cell.is_none();
        if let Some(cell) = cell {
            let _ = write!(line, "{cell}");
        }
        let text = line.get(start..).unwrap_or_default();
        if text.contains([',', '"']) || (text.is_empty() && (!absent || lonely)) {
            let text = line.split_off(start);
            line.push('"');
            line.push_str(&text.replace('"', "\"\""));
            line.push('"');
        }
    }
    line.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line<const N: usize>(cells: [Option<&str>; N]) -> String {
        let mut line = String::new();
        put(&mut line, cells.into_iter());
        line
    }

    #[test]
    fn quotes_where_they_are_needed() {
        assert_eq!(line([Some("a"), Some("b c"), None, Some("d")]), "a,b c,,d\r\n");
        assert_eq!(line([Some("a,b"), Some("say \"x\""), Some("\"")]), "\"a,b\",\"say \"\"x\"\"\",\"\"\"\"\r\n");
        assert_eq!(line([Some("=1+1"), Some("-"), Some("'")]), "=1+1,-,'\r\n");
    }

    #[test]
    fn absent_is_not_empty_and_no_line_is_lost() {
        assert_eq!(line([None, Some(""), None]), ",\"\",\r\n");
        assert_eq!(line([None]), "\"\"\r\n");
        assert_eq!(line([Some("")]), "\"\"\r\n");
    }
}
