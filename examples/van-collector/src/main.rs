//! Collects Skupper's VAN-Flow from a router, or from a recording, and shows the network.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser as _;
use van_collector::cli;

fn main() -> ExitCode {
    cli::run(&cli::Arguments::parse())
}
