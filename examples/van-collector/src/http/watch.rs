//! Responses that stay open: first everything, then each record that changed.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::Value as Json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use vanflow::collector::RecordId;

use super::v1::Asked;
use crate::error::ApiError;
use crate::hub::{Hub, Told};

/// How often addresses are compared with what was told of them.
const COMPARE: Duration = Duration::from_secs(1);

struct Watcher {
    hub: Arc<Hub>,
    asked: Asked,
    changes: Receiver<Told>,
    addresses: BTreeMap<String, Json>,
    waiting: VecDeque<Json>,
}

/// Answers, and goes on telling. A watcher that falls far behind is cut off in the middle of the body, so that it sees
/// that it was: it asks anew, and misses nothing.
pub(super) fn watch(hub: &Arc<Hub>, asked: Asked) -> Result<Response, ApiError> {
    // First listen, then look: what changes in between is told twice, not never.
    let changes = hub.watch();
    let (first, addresses) = {
        let collector = &hub.read().collector;
        let addresses = if asked.is_of_addresses() { asked.addresses(collector) } else { BTreeMap::new() };
        (asked.answer(collector)?, addresses)
    };
    let waiting = VecDeque::from([Json::Array(first)]);
    let watcher = Watcher { hub: Arc::clone(hub), asked, changes, addresses, waiting };
    let stream = stream::unfold(watcher, |mut watcher| async {
        while watcher.waiting.is_empty() {
            match watcher.wait().await {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some((Err(error), watcher)),
            }
        }
        let mut text = String::new();
        for json in watcher.waiting.drain(..) {
            text.push_str(&json.to_string());
            text.push('\n');
        }
        Some((Ok::<_, io::Error>(Bytes::from(text)), watcher))
    });
    Ok(([(CONTENT_TYPE, "application/json")], Body::from_stream(stream)).into_response())
}

impl Watcher {
    /// Waits for changes; false when there will be none, an error when some were missed.
    async fn wait(&mut self) -> io::Result<bool> {
        if self.asked.is_of_addresses() {
            tokio::time::sleep(COMPARE).await;
            let now = self.asked.addresses(&self.hub.read().collector);
            self.waiting
                .extend(now.iter().filter(|(name, json)| self.addresses.get(*name) != Some(json)).map(|(_, json)| json.clone()));
            self.addresses = now;
            return Ok(true);
        }
        let mut ids: Vec<RecordId> = match self.changes.recv().await {
            Ok(told) => vec![told.id],
            Err(RecvError::Closed) => return Ok(false),
            Err(RecvError::Lagged(_)) => return Err(behind()),
        };
        // What came together is told together, each record once.
        loop {
            match self.changes.try_recv() {
                Ok(told) if ids.contains(&told.id) => {}
                Ok(told) => ids.push(told.id),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                Err(TryRecvError::Lagged(_)) => return Err(behind()),
            }
            if ids.len() >= 64 {
                break;
            }
        }
        let inner = self.hub.read();
        self.waiting.extend(ids.into_iter().filter_map(|id| self.asked.changed(&inner.collector, id)));
        Ok(true)
    }
}

fn behind() -> io::Error {
    io::Error::other("the watcher fell behind")
}
