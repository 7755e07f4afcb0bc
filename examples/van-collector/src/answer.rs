//! What a question is answered with, before it is sent.

use serde::Serialize;
use serde_json::Value as Json;
use vanflow::collector::RecordId;

use crate::view::Network;

/// What is written of one record: false when it is gone, or nothing is to be said of it.
pub(crate) type Write = for<'a> fn(&'a Network<'a>, RecordId, &mut Vec<u8>) -> serde_json::Result<bool>;

/// What an answer consists of.
pub(crate) enum Answer {
    /// JSON that was written.
    Whole(String),
    /// Rows that are still to be written.
    Rows(Rows),
}

/// An array that is written piece by piece: records may be many, and each piece is read from the collector when it is its turn. Which
/// records they are is of one moment, what is said of each of a later one: it may not fit any more what was asked for. A record that went
/// meanwhile is left out.
pub(crate) struct Rows {
    /// What comes first, and was made already.
    pub(crate) made: Vec<Json>,
    pub(crate) records: Vec<RecordId>,
    pub(crate) write: Write,
    /// Where the array is in an envelope: how many rows there are on all pages together.
    pub(crate) enveloped: Option<usize>,
}

/// Writes a value as a row.
pub(crate) fn row(out: &mut Vec<u8>, value: impl Serialize) -> serde_json::Result<bool> {
    value.serialize(&mut serde_json::Serializer::new(out)).map(|()| true)
}
