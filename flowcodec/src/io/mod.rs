//! What goes out: other formats, all driven by the schema table and the registry. Each behind a feature: `json`, `csv`, `arrow`,
//! `parquet`, `goflow2`.

#[cfg(feature = "arrow")]
pub mod arrow;
#[cfg(feature = "csv")]
pub mod csv;
#[cfg(feature = "json")]
mod elements;
#[cfg(feature = "goflow2")]
pub mod goflow2;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "json")]
mod line;
#[cfg(feature = "parquet")]
pub mod parquet;
#[cfg(feature = "json")]
mod samples;

#[cfg(feature = "json")]
pub use elements::write_elements;
#[cfg(feature = "json")]
pub use json::{write_chosen, write_fields, write_flow, write_record, write_rows, write_set};
