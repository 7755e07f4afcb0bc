//! goflow2's message, in either encoding.

use std::io::{self, Write};

use flowcodec::io::goflow2::{Dialect, Framing, write_json, write_json_set, write_protobuf, write_protobuf_set};
use flowcodec::{RecordSet, RowScratch};

use super::Form;
use crate::shown::Shown;

/// Writes goflow2's messages.
#[derive(Debug)]
pub struct Goflow2 {
    dialect: Dialect,
    /// `None` for JSON.
    framing: Option<Framing>,
    scratch: RowScratch,
    lines: String,
    octets: Vec<u8>,
}

impl Goflow2 {
    /// In JSON, one object a line; or, with a framing, in protobuf.
    #[must_use]
    pub fn new(dialect: Dialect, framing: Option<Framing>) -> Self {
        Self { dialect, framing, scratch: RowScratch::new(), lines: String::new(), octets: Vec::new() }
    }
}

impl Form for Goflow2 {
    fn one(&mut self, out: &mut dyn Write, shown: &Shown<'_>) -> io::Result<()> {
        match self.framing {
            None => {
                self.lines.clear();
                write_json(&mut self.lines, shown.message(), self.dialect);
                self.lines.push('\n');
                out.write_all(self.lines.as_bytes())
            }
            Some(framing) => {
                self.octets.clear();
                write_protobuf(&mut self.octets, shown.message(), self.dialect, framing);
                out.write_all(&self.octets)
            }
        }
    }

    fn set(&mut self, out: &mut dyn Write, set: RecordSet<'_>) -> io::Result<()> {
        match self.framing {
            None => {
                self.lines.clear();
                write_json_set(&mut self.lines, &set, &mut self.scratch, self.dialect);
                out.write_all(self.lines.as_bytes())
            }
            Some(framing) => {
                self.octets.clear();
                write_protobuf_set(&mut self.octets, &set, &mut self.scratch, self.dialect, framing);
                out.write_all(&self.octets)
            }
        }
    }
}
