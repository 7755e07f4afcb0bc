//! What the benches measure: traffic made here, the paths over it, and the peers beside them.
//!
//! * [`workload`]: flow telemetry as routers and Antrea send it, the same octets on every run.
//! * [`outputs`]: the ways out, over rows that were decoded before.
//! * [`paths`]: one function for each way through flowcodec, and the copy of the same octets that they are compared to.
//! * [`arrow`]: those to Arrow.
//! * [`lookups`]: look-ups and enrichment beside what one would write without this workspace.
//! * [`van`]: VAN-Flow, decoded and merged.
//! * `peers` (feature `peers`): other decoders on the same octets.
//!
//! `cargo bench -p benches` follows one of them over time; `versus` (`src/bin`) compares them within one process.
#![forbid(unsafe_code)]

pub mod arrow;
pub mod lookups;
pub mod outputs;
pub mod paths;
#[cfg(feature = "peers")]
pub mod peers;
pub mod van;
pub mod workload;
