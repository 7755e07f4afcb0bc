//! Responses that stay open: first everything, then each record that changed.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::limits::Served;
use super::pending::{Pending, behind};
use super::pieces::{Writing, next};
use super::shared::{Addresses, RECENT};
use super::v1::{Asked, made, object};
use super::{JSON, begun, typed};
use crate::error::ApiError;
use crate::hub::{Announced, Hub};
use crate::room::Held;

/// How often addresses are compared with what was told of them.
const COMPARE: Duration = Duration::from_secs(1);

struct Watcher {
    served: Arc<Served>,
    asked: Arc<Asked>,
    /// None where addresses are watched.
    changes: Option<Receiver<Announced>>,
    pending: Pending,
    addresses: Arc<Addresses>,
    /// Everything, as long as there is something of it to tell.
    first: Option<(Option<Bytes>, Writing, Held)>,
    _room: OwnedSemaphorePermit,
}

/// Answers, and goes on telling. A watcher that falls far behind is cut off in the middle of the body, so that it sees
/// that it was: it asks anew, and misses nothing.
pub(super) async fn watch(served: &Arc<Served>, asked: Asked) -> Result<Response, ApiError> {
    let (room, asked) = (served.watcher()?, Arc::new(asked));
    let addresses =
        if asked.is_of_addresses() { asked.addresses_shared(served, Duration::ZERO).await?.1 } else { Arc::default() };
    let (changes, (first, rest)) = {
        let (asked, addresses) = (Arc::clone(&asked), Arc::clone(&addresses));
        let rows = move |hub: &Hub| {
            if asked.is_of_addresses() {
                return Ok((None, begun(hub, made(addresses.values().cloned().collect()))?));
            }
            // First listen, then look: what changes in between is told twice, not never. And not before its turn: what happens while it
            // waits for that is in what it sees.
            let changes = hub.watch();
            let rows = asked.answer(&hub.read().collector)?;
            Ok((Some(changes), begun(hub, rows)?))
        };
        served.work(rows).await?
    };
    let held = served.held(rest.octets())?;
    let (served, pending, first) = (Arc::clone(served), Pending::default(), Some((Some(first.into()), rest, held)));
    let watcher = Watcher { served, asked, changes, pending, addresses, first, _room: room };
    let stream = stream::unfold(Some(watcher), |watcher| async {
        let mut watcher = watcher?;
        match watcher.next().await {
            Ok(Some(text)) => Some((Ok(text), Some(watcher))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(typed(JSON, Body::from_stream(stream)))
}

impl Watcher {
    /// What there is to tell next; `None` when there will be nothing more, an error when something was missed.
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if let Some((ready, rest, held)) = self.first.take() {
            // What changes while it takes its time is waited with, each record once.
            if let Some(changes) = &mut self.changes {
                self.pending.take(changes, &self.served.answers)?;
            }
            if let Some(ready) = ready {
                self.first = Some((None, rest, held));
                return Ok(Some(ready));
            }
            let (rest, piece) = next(&self.served, rest).await;
            let piece = piece?;
            self.first = piece.is_some().then_some((None, rest, held));
            return Ok(Some(piece.unwrap_or_else(|| Bytes::from_static(b"\n"))));
        }
        loop {
            let text = if let Some(changes) = &mut self.changes {
                if self.pending.is_empty() {
                    match changes.recv().await {
                        Ok(change) => self.pending.put(change),
                        Err(RecvError::Closed) => return Ok(None),
                        Err(RecvError::Lagged(_)) => return Err(behind()),
                    }
                }
                self.pending.take(changes, &self.served.answers)?;
                self.told().await?
            } else {
                tokio::time::sleep(COMPARE).await;
                self.compared().await?
            };
            if !text.is_empty() {
                return Ok(Some(text.into()));
            }
        }
    }

    /// Some of what changed, as far as it was asked for.
    async fn told(&mut self) -> io::Result<String> {
        let (changes, served, asked) = (self.pending.some(), Arc::clone(&self.served), Arc::clone(&self.asked));
        let told = tokio::task::spawn_blocking(move || {
            let (mut text, hub) = (String::new(), &served.hub);
            let inner = hub.read();
            for change in &changes {
                let Some(view) = inner.collector.record(change.id).filter(|view| asked.wants(*view)) else { continue };
                let line = change.line(&served.answers, || {
                    hub.http.told.fetch_add(1, Ordering::Relaxed);
                    object(view).to_string()
                });
                text.extend([&*line, "\n"]);
            }
            text
        });
        told.await.map_err(io::Error::other)
    }

    /// Addresses that are not as they were told.
    async fn compared(&mut self) -> io::Result<String> {
        let now = self.asked.addresses_shared(&self.served, RECENT).await;
        // Whoever could not be answered this time is the next time.
        let Ok((_, now)) = now else { return Ok(String::new()) };
        let mut text = String::new();
        for (_, json) in now.iter().filter(|(name, json)| self.addresses.get(*name) != Some(json)) {
            text.extend([&*json.to_string(), "\n"]);
        }
        self.addresses = now;
        Ok(text)
    }
}
