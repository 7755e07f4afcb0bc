//! Adds to goflow2's output which pod, workload, node or service was behind each address.
//!
//! ```text
//! standard input ──► line ──► record ──► questions ──► answers ──► line ──► standard output
//!                    or       members    address,      careful, or
//!                    message  in place   port, time    the original's
//! ```
//!
//! `json` knows nothing of flows, `record` nothing of Kubernetes; `careful` and `original` turn answers into members; `pipe` puts them
//! together, `cluster` and `live` bring the objects, and `cli` is the command line.
#![forbid(unsafe_code)]

mod careful;
pub mod cli;
mod cluster;
mod go_flags;
mod input;
mod json;
#[cfg(feature = "kube")]
mod live;
mod original;
mod pipe;
mod question;
mod record;
