//! Information elements by their registered names, one JSON object a line.

use std::io::{self, Write};

use flowcodec::io::write_elements;

use super::Form;
use crate::shown::Shown;

/// Everything that records have, options and counters too.
#[derive(Debug, Default)]
pub struct Elements {
    line: String,
}

impl Form for Elements {
    fn one(&mut self, out: &mut dyn Write, shown: &Shown<'_>) -> io::Result<()> {
        // goflow2's messages have no elements.
        let Shown::Record(record) = shown else { return Ok(()) };
        self.line.clear();
        write_elements(&mut self.line, record);
        self.line.push('\n');
        out.write_all(self.line.as_bytes())
    }

    fn has_all_records(&self) -> bool {
        true
    }
}
