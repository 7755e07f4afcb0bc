//! Messages read: one of either encoding, or streams of them.

mod draft;
mod escape;
mod json;
mod keys;
mod moments;
mod protobuf;
mod reader;
mod recognise;
mod scan;
mod stack;
mod stats;
mod text;
mod wire;

pub use json::read_json;
pub use protobuf::{read_protobuf, read_protobuf_as};
pub use reader::{MOST, Reader};
pub use recognise::{Format, JSON_HEAD, recognise};
pub use stats::ReaderStats;
