#![doc = include_str!("../README.md")]
//!
//! # Where to begin
//!
//! - [`Decoder`]: datagrams in, [`Event`]s out. [`Settings`] and [`Limits`] say how, [`Stats`] and [`ExporterStatus`] what happened.
//! - [`RecordSet`] and [`Record`]: borrowed records; [`field`] names what to ask them for, [`FlowRecord`] is a plain row of it, [`Flow`] an
//!   owned copy of everything. [`FlowBatch`] takes them as columns.
//! - [`netflow5`], [`netflow9`], [`ipfix`], [`sflow`], [`packet`]: lazy views over the wire, for those who bring their own state;
//!   [`ipfix::Framer`] cuts streams. Each protocol has its encoder.
//! - [`ie`]: information elements as data. [`model`]: the schema of common fields, and how to add to it.
//!
//! Add an element of your own, and a field that reads it:
//!
//! ```
//! use flowcodec::ie::{DataType, ElementId};
//! use flowcodec::model::{FieldDef, Schema, Source, U32, Unit};
//! use flowcodec::{Decoder, Settings};
//!
//! static RACK: FieldDef<U32> = FieldDef::new("rack", Unit::None, "Rack of the exporter", &[Source::enterprise(64999, 1)]);
//!
//! let mut settings = Settings::default();
//! settings.elements.define(ElementId::enterprise(64999, 1), "rackNumber", DataType::Unsigned32)?;
//! settings.schema = Schema::common().with([RACK.spec()])?;
//! let rack = settings.schema.resolve(&RACK).expect("just added");
//! let decoder = Decoder::new(settings);
//! // ... and later: record.get(rack)
//! # let _ = (decoder, rack);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, clippy::exhaustive_enums, clippy::exhaustive_structs))]

pub mod batch;
mod context;
mod decoder;
mod error;
mod exporter;
pub mod ie;
#[cfg(any(feature = "json", feature = "arrow"))]
pub mod io;
pub mod ipfix;
mod kernel;
mod limits;
pub mod model;
pub mod netflow5;
pub mod netflow9;
pub mod packet;
mod record;
pub mod sflow;
pub mod template;
mod text;
mod time;
#[doc(hidden)]
pub mod wire;

pub use batch::FlowBatch;
pub use context::Context;
pub use decoder::{
    Decoder, Event, Events, ExporterChange, ExporterEvent, ExporterSettings, ExporterStatus, FaultCounts, FaultEvent,
    SamplingEvent, SequenceChange, SequenceEvent, SequenceUnit, Settings, Snapshot, SnapshotError, Stats, TemplateChange,
    TemplateEvent, TemplateInfo,
};
pub use error::{Fault, FaultKind, Layer, LimitedBy};
pub use exporter::{Exporter, Protocol, Session};
#[doc(hidden)]
pub use kernel::prefetch;
pub use limits::Limits;
pub use model::{Flow, FlowRecord, field};
pub use record::{Element, Elements, Fields, List, ListItem, ListItems, ListKind, Record, RecordSet, Records, Value};
pub use template::RowScratch;
pub use text::Text;
pub use time::{Civil, Timestamp};
pub use wire::Input;

/// The workspace's README: its program is compiled and run with the doctests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[derive(Debug)]
pub struct WorkspaceReadme;
