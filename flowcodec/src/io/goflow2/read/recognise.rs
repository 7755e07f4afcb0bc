//! The format of a stream, told by how it begins.

use super::json::looks_like_json;
use super::protobuf::looks_like_message;
use super::reader::MOST;
use super::wire::{Varint, varint};

/// How a stream holds its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// JSON, one object a line.
    Json,
    /// Protobuf, the length in front of each message; with or without a newline behind, which the first message tells.
    Prefixed,
    /// Protobuf, a newline behind each message.
    Lines,
}

/// The format that octets from the start of a stream are in; `None` when they are no messages of goflow2. Some 64 octets are enough, but
/// of JSON with its members in another order than goflow2's up to [`JSON_HEAD`]: an object counts when two of its members are such as
/// only goflow2's message has.
///
/// ```
/// use flowcodec::io::goflow2::{Format, recognise};
/// assert_eq!(recognise(br#"{"Type":"IPFIX","TimeReceived":1628419398,"#), Some(Format::Json));
/// assert_eq!(recognise(br#"{"src_addr":"10.0.0.1","octets":60}"#), None, "of the common model");
/// assert_eq!(recognise(&[0, 9, 0, 1, 0, 0, 0, 0]), None);
/// ```
#[must_use]
pub fn recognise(head: &[u8]) -> Option<Format> {
    if is_object(head) {
        return looks_like_json(head).then_some(Format::Json);
    }
    if let Varint::Whole(len, at) = varint(head) {
        let rest = head.get(at..).unwrap_or_default();
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len <= MOST && looks_like_message(rest.get(..len).unwrap_or(rest)) {
            return Some(Format::Prefixed);
        }
    }
    looks_like_message(head).then_some(Format::Lines)
}

/// Whether octets begin an object of JSON.
pub(super) fn is_object(head: &[u8]) -> bool {
    let members = head.trim_ascii_start().strip_prefix(b"{");
    members.is_some_and(|members| matches!(members.trim_ascii_start().first(), None | Some(b'"' | b'}')))
}

/// What is needed to tell the format.
pub(super) const HEAD: usize = 64;

/// What is looked at of JSON, at most, to tell whether goflow2 wrote it: more than one message of its own.
pub const JSON_HEAD: usize = 4096;
