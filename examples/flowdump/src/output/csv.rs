//! Comma-separated values (RFC 4180).

use std::fmt::{Display, Write as _};
use std::io::{self, Write};
use std::mem;

use flowcodec::model::Schema;

use super::Form;
use super::cell::Cell;
use crate::fields::Columns;
use crate::shown::Shown;

/// A header line, then one line a flow, ended as the RFC asks by CR and LF.
///
/// An absent field is an empty cell, and a text of no octets is `""`. No cell holds a line end: control characters of exporters' texts
/// stand there as `\xNN`, like octets that are not UTF-8. Nothing is put in front of a text that a spreadsheet would take for a formula
/// (`=`, `+`, `-`, `@`): a name with something in front is another name, and the readers of these files are programs.
#[derive(Debug)]
pub struct Csv {
    columns: Columns,
    /// The header line, until it is written.
    header: String,
    line: String,
}

impl Csv {
    /// A file with these columns of the schema.
    #[must_use]
    pub fn new(columns: Columns, schema: &Schema) -> Self {
        let mut header = String::new();
        put(&mut header, columns.ids().iter().map(|&id| schema.field(id).map(|spec| &spec.name)));
        Self { columns, header, line: String::new() }
    }

    /// Writes the header, unless it is there.
    fn head(&mut self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(mem::take(&mut self.header).as_bytes())
    }
}

impl Form for Csv {
    fn one(&mut self, out: &mut dyn Write, shown: &Shown<'_>) -> io::Result<()> {
        self.head(out)?;
        self.line.clear();
        put(&mut self.line, self.columns.ids().iter().map(|&id| Cell::of(shown, id)));
        out.write_all(self.line.as_bytes())
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.head(out)
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
