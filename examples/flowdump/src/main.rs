//! Shows the flows inside captures, IPFIX files and raw datagrams.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use flowdump::cli;

fn main() -> ExitCode {
    cli::run(&cli::Arguments::parse())
}
