//! Flow telemetry decoded without copying.
#![deny(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, clippy::exhaustive_enums, clippy::exhaustive_structs))]

mod context;
mod error;
mod exporter;
pub mod ie;
pub mod ipfix;
mod limits;
pub mod model;
pub mod netflow5;
pub mod netflow9;
pub mod template;
mod text;
mod time;
#[doc(hidden)]
pub mod wire;

pub use context::Context;
pub use error::{Fault, FaultKind, Layer, LimitedBy};
pub use exporter::{Exporter, Protocol, Session};
pub use limits::Limits;
pub use model::{Flow, FlowRecord, field};
pub use text::Text;
pub use time::Timestamp;
