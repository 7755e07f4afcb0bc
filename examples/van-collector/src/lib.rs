//! The library behind the `van-collector` program: VAN-Flow in, one view of the network out.
//!
//! ```text
//!   feed ─────────────► hub ──────────────► view ──────────► http
//!   a router, live      the collector,      rows, column     REST of the network observer and of the prototype,
//!   or a recording      behind one lock     by column        the page, /metrics, /healthz
//!                         └─► metrics, ndjson: sums that only rise, and a line for each flow
//! ```
#![forbid(unsafe_code)]

mod answer;
pub mod cli;
mod error;
pub mod feed;
pub mod http;
pub mod http_options;
pub mod hub;
mod lines;
mod metrics;
pub mod ndjson;
mod query;
mod room;
mod view;
