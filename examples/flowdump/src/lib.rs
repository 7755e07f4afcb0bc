//! The library behind the `flowdump` program: files in, flows out.
//!
//! ```text
//!  files ──► input ──► feed (one Decoder for all files) ──► output (table, json, elements)
//! ```
#![forbid(unsafe_code)]

pub mod cli;
pub mod feed;
pub mod input;
pub mod output;
