//! Messages written: from records, flows and rows, in either encoding.

mod beside;
mod json;
mod message;
mod plan;
mod protobuf;
mod varint;
mod view;

pub use json::{write_json, write_json_rows, write_json_set};
pub use message::Message;
pub use protobuf::{write_protobuf, write_protobuf_rows, write_protobuf_set};
