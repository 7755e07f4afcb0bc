//! The library behind the `flowdump` program: files in, flows out.
//!
//! ```text
//!  files ──► input ──► feed (one Decoder for all files) ──► filter ──► output (table, json, csv, elements, goflow2; exporters)
//! ```
#![forbid(unsafe_code)]

pub mod cli;
pub mod destination;
pub mod feed;
pub mod fields;
pub mod filter;
pub mod goflow2;
pub mod input;
mod names;
pub mod output;
pub mod report;
pub mod shown;
