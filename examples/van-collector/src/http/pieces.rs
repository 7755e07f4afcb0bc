//! Bodies of answers, and what slow readers hold of them, which is counted. Rows of records, which may be many, are written piece by piece
//! as they are taken. What is bounded by what elements and series may be is there as a whole: the page's network, `/metrics`, and lists
//! whose rows are no records.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use axum::body::{Body, Bytes, HttpBody};
use futures_util::stream;
use hyper::body::{Frame, SizeHint};
use vanflow::collector::RecordId;

use super::limits::Served;
use crate::answer::Rows;
use crate::error::ApiError;
use crate::hub::Hub;
use crate::room::Held;
use crate::view::Network;

/// A text that many read; it counts once, while there is somebody who reads it.
#[derive(Debug)]
pub(super) struct SharedText {
    octets: Bytes,
    room: Mutex<Weak<Held>>,
}

impl SharedText {
    pub(super) fn new(text: String) -> Arc<Self> {
        Arc::new(Self { octets: text.into(), room: Mutex::default() })
    }

    /// A body for one more reader.
    pub(super) fn body(&self, served: &Served) -> Result<Body, ApiError> {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        let held = if let Some(held) = room.upgrade() { held } else { Arc::new(served.held(self.octets.len())?) };
        *room = Arc::downgrade(&held);
        Ok(whole(held, self.octets.clone()))
    }
}

/// Octets of a piece.
const PIECE: usize = 64 << 10;

/// Rows on their way.
pub(super) struct Writing {
    rows: Rows,
    made: usize,
    next: usize,
    written: usize,
    begun: bool,
    ended: bool,
}

impl From<Rows> for Writing {
    fn from(rows: Rows) -> Self {
        Self { rows, made: 0, next: 0, written: 0, begun: false, ended: false }
    }
}

impl Writing {
    /// What it holds until it is over.
    pub(super) fn octets(&self) -> usize {
        // Those that were made are addresses, of some two hundred octets.
        self.rows.records.len() * size_of::<RecordId>() + self.rows.made.len() * 512 + PIECE
    }

    /// The next piece; `None` when there is none.
    pub(super) fn piece(&mut self, hub: &Hub) -> serde_json::Result<Option<Vec<u8>>> {
        if self.ended {
            return Ok(None);
        }
        let mut out = Vec::with_capacity(PIECE + PIECE / 4);
        if !core::mem::replace(&mut self.begun, true) {
            out.extend_from_slice(if self.rows.enveloped.is_some() { b"{\"results\":[" } else { b"[" });
        }
        while let Some(json) = self.rows.made.get(self.made).filter(|_| out.len() < PIECE) {
            self.made += 1;
            comma(&mut out, &mut self.written);
            serde_json::to_writer(&mut out, json)?;
        }
        if out.len() < PIECE {
            let inner = hub.read();
            let network = Network::new(&inner.collector);
            while let Some(id) = self.rows.records.get(self.next).filter(|_| out.len() < PIECE) {
                self.next += 1;
                let (length, written) = (out.len(), self.written);
                comma(&mut out, &mut self.written);
                if !(self.rows.write)(&network, *id, &mut out)? {
                    out.truncate(length);
                    self.written = written;
                }
            }
        }
        if self.made == self.rows.made.len() && self.next == self.rows.records.len() {
            self.ended = true;
            out.push(b']');
            if let Some(all) = self.rows.enveloped {
                out.extend_from_slice(format!(",\"count\":{},\"timeRangeCount\":{all}}}", self.written).as_bytes());
            }
        }
        Ok(Some(out))
    }
}

fn comma(out: &mut Vec<u8>, written: &mut usize) {
    if *written > 0 {
        out.push(b',');
    }
    *written += 1;
}

/// The body of an answer. Its first piece is written already: whoever asks for little gets it of one moment.
pub(super) fn body(served: &Arc<Served>, first: Vec<u8>, rest: Writing) -> Result<Body, ApiError> {
    if rest.ended {
        return Ok(whole(Arc::new(served.held(first.len())?), first.into()));
    }
    let room = served.held(rest.octets())?;
    let writing = (Arc::clone(served), Some(Bytes::from(first)), rest, room);
    Ok(Body::from_stream(stream::unfold(writing, |(served, first, rest, room)| async {
        if let Some(first) = first {
            return Some((Ok(first), (served, None, rest, room)));
        }
        let (rest, piece) = next(&served, rest).await;
        piece.transpose().map(|piece| (piece, (served, None, rest, room)))
    })))
}

/// The next piece, written where it holds up nobody.
pub(super) async fn next(served: &Arc<Served>, mut rest: Writing) -> (Writing, io::Result<Option<Bytes>>) {
    let hub = Arc::clone(&served.hub);
    let worked = tokio::task::spawn_blocking(move || {
        let piece = rest.piece(&hub);
        (rest, piece.map(|piece| piece.map(Bytes::from)).map_err(io::Error::other))
    });
    match worked.await {
        Ok(worked) => worked,
        Err(error) => {
            let none = Rows { made: Vec::new(), records: Vec::new(), write: |_, _, _| Ok(false), enveloped: None };
            (none.into(), Err(io::Error::other(error)))
        }
    }
}

/// A body that is there as a whole.
pub(super) fn whole(room: Arc<Held>, octets: Bytes) -> Body {
    Body::new(Whole { octets, _room: room })
}

struct Whole {
    octets: Bytes,
    _room: Arc<Held>,
}

impl HttpBody for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.octets.is_empty() {
            return Poll::Ready(None);
        }
        // Not more than the connection takes at a time: the room is given back when the rest is on its way.
        let piece = self.octets.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.octets.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.octets.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(u64::try_from(self.octets.len()).unwrap_or(u64::MAX))
    }
}
