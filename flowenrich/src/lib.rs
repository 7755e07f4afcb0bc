//! Who was behind an address, at that time.
//!
//! An index ([`Lookup`]) answers for an address and a time; an [`Enricher`] writes answers into flows, a batch at a time or one by one; a [`Chain`] is several of them in
//! order. Nothing here has a socket, clock or thread: what is known is handed over, and readers never wait for whoever hands it over.
//!
//! [`ByAddress`] shows an enricher of one's own.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::exhaustive_enums, clippy::exhaustive_structs))]

mod by_address;
mod cells;
mod chain;
pub mod correlate;
mod enricher;
#[cfg(feature = "geo")]
pub mod geo;
mod inputs;
pub mod kube;
mod live;
mod lookup;
mod mapping;
pub mod names;
mod read;
mod rfc3339;
mod shards;
pub mod subnet;

pub use by_address::{ByAddress, asked_time};
pub use cells::{Annotate, Cells, Columns};
pub use chain::{BoundChain, Chain};
pub use enricher::{BindError, Binding, Enricher, OtherSchema, Outcome, Step};
pub use live::{Live, Source};
pub use lookup::{AddrKey, Found, Lookup, Port, Question, Scope};
pub use mapping::{Mapping, MappingError, Pair};
pub use read::ReadError;
pub use rfc3339::parse_rfc3339;
