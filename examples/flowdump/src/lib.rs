//! The library behind the `flowdump` program.
#![forbid(unsafe_code)]

pub mod input;
