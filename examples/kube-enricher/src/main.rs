//! Adds to goflow2's output which pod, workload, node or service was behind each address.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    kube_enricher::cli::main()
}
