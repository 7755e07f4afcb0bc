//! JSON as text: where the members of an object stand, and nothing changed that need not be.
//!
//! A parser that makes values would lose what the text says beside them: the order of members, the spelling of numbers, spaces, members
//! given twice, octets that are no UTF-8 (goflow2 writes texts of its `string` renderer unescaped). So the line is scanned once, members
//! are read where they stand, and what is added is added to the text.

mod go;
mod scan;
mod text;

pub(crate) use go::{NotForGo, write_string as write_go_string, write_value as write_go_value};
pub(crate) use scan::{Member, NoObject, members};
pub(crate) use text::{quoted, unquoted};
