//! Flow telemetry decoded without copying.
#![deny(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, clippy::exhaustive_enums, clippy::exhaustive_structs))]

mod context;
mod decoder;
mod error;
mod exporter;
pub mod ie;
#[cfg(feature = "json")]
pub mod io;
pub mod ipfix;
mod limits;
pub mod model;
pub mod netflow5;
pub mod netflow9;
mod record;
pub mod template;
mod text;
mod time;
#[doc(hidden)]
pub mod wire;

pub use context::Context;
pub use decoder::{
    Decoder, Event, Events, ExporterChange, ExporterEvent, ExporterSettings, ExporterStatus, FaultCounts, FaultEvent,
    SamplingEvent, SequenceChange, SequenceEvent, SequenceUnit, Settings, Snapshot, SnapshotError, Stats, TemplateChange,
    TemplateEvent, TemplateInfo,
};
pub use error::{Fault, FaultKind, Layer, LimitedBy};
pub use exporter::{Exporter, Protocol, Session};
pub use limits::Limits;
pub use model::{Flow, FlowRecord, field};
pub use record::{Element, Elements, List, ListItem, ListItems, ListKind, Record, RecordSet, Records, Value};
pub use template::RowScratch;
pub use text::Text;
pub use time::Timestamp;
