//! Shows the flows inside captures, IPFIX files and raw datagrams.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use flowdump::cli;

fn main() -> ExitCode {
    cli::run(&cli::Arguments::from_command_line())
}
