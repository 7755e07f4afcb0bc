//! What goflow2 wrote, or looks as if it had.
//!
//! ```text
//!  input: | octets of a piece u8 | octets ... |
//! ```

use flowcodec::io::goflow2::{
    Dialect, Format, Framing, Reader, ReaderStats, read_json, read_protobuf, read_protobuf_as, write_json, write_protobuf,
};
use flowcodec::model::Flow;
use flowcodec::{Fault, FaultKind};

/// A stream in every format, whole and in pieces; and the octets as one message.
///
/// # Panics
/// When an invariant does not hold.
pub fn goflow2(data: &[u8]) {
    let (&[piece], octets) = data.split_first_chunk().unwrap_or((&[0], &[]));
    for format in [None, Some(Format::Json), Some(Format::Prefixed), Some(Format::Lines)] {
        let (items, stats) = read(format, &[octets]);
        let pieces: Vec<_> = octets.chunks(usize::from(piece).max(1)).collect();
        let (apart, _) = read(format, &pieces);
        assert_eq!(items.len(), apart.len(), "{format:?}: pieces make no difference");
        for ((at, item), (other_at, other)) in items.iter().zip(&apart) {
            assert_eq!(at, other_at);
            match (item, other) {
                (Ok(flow), Ok(other)) => assert_eq!(flow, other),
                (Err(fault), Err(other)) => assert_eq!(fault.kind, other.kind),
                _ => assert_eq!(item.is_ok(), other.is_ok(), "{format:?}: a flow or a fault, however the octets come"),
            }
        }
        assert_eq!(stats.bytes, stats.bytes_decoded.saturating_add(stats.bytes_reported), "every octet is accounted for");
        items.iter().filter_map(|(_, item)| item.as_ref().ok()).for_each(rewritten);
    }
    if let Ok((flow, _)) = read_protobuf(octets) {
        rewritten(&flow);
    }
    one_line(octets);
}

/// The input that gives `octets` to [`goflow2`] in pieces of this size.
#[must_use]
pub fn write_goflow2(piece: u8, octets: &[u8]) -> Vec<u8> {
    [&[piece][..], octets].concat()
}

/// Where each message began, and what it was; and what was counted.
type Read = (Vec<(u64, Result<Flow, Fault>)>, ReaderStats);

fn read(format: Option<Format>, pieces: &[&[u8]]) -> Read {
    let (mut reader, mut items) = (format.map_or_else(Reader::new, Reader::of), Vec::new());
    for piece in pieces {
        reader.push(piece);
        while let Some(item) = reader.next() {
            items.push((reader.position(), item));
        }
    }
    reader.end();
    while let Some(item) = reader.next() {
        items.push((reader.position(), item));
    }
    assert_eq!(reader.pending(), 0);
    let stats = *reader.stats();
    let flows = items.iter().filter(|(_, item)| item.is_ok()).count();
    assert_eq!(u64::try_from(flows), Ok(stats.flows));
    assert!(items.windows(2).all(|pair| matches!(pair, [(at, _), (behind, _)] if at < behind)), "each is behind the last");
    (items, stats)
}

/// What was read and written is read and written the same.
fn rewritten(flow: &Flow) {
    for (dialect, keys) in [(Dialect::V1, 43), (Dialect::V2, 50)] {
        let mut line = String::new();
        write_json(&mut line, flow, dialect);
        let object = serde_json::from_str::<serde_json::Value>(&line);
        assert_eq!(object.ok().and_then(|object| object.as_object().map(serde_json::Map::len)), Some(keys), "{line}");
        assert!(read_json(line.as_bytes()).is_ok(), "{line}");

        let (mut bare, mut framed) = (Vec::new(), Vec::new());
        write_protobuf(&mut bare, flow, dialect, Framing::Bare);
        assert!(read_protobuf(&bare).is_ok(), "{bare:02x?}");
        write_protobuf(&mut framed, flow, dialect, Framing::PrefixedLines);
        assert!(framed.ends_with(&[&*bare, b"\n"].concat()), "the frame is around the message");
        if dialect == Dialect::V2
            && let Ok((again, _)) = read_protobuf_as(&bare, dialect)
        {
            let mut second = Vec::new();
            write_protobuf(&mut second, &again, dialect, Framing::Bare);
            assert_eq!(second, bare);
        }
    }
}

/// What is an object of JSON for others is one here.
fn one_line(octets: &[u8]) {
    let read = read_json(octets);
    if let Ok(object) = serde_json::from_slice::<serde_json::Value>(octets)
        && object.is_object()
    {
        assert!(!matches!(&read, Err(fault) if fault.kind != FaultKind::ListTooDeep), "{read:?}");
    }
    if let Ok((flow, _)) = read {
        rewritten(&flow);
    }
}
