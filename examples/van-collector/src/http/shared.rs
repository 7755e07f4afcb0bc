//! Answers that many ask for again and again, made once for all of them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use tokio::sync::Mutex;

use super::limits::Served;
use crate::error::ApiError;
use crate::hub::Inner;

/// Addresses by name, as the prototype shows them.
pub(super) type Addresses = BTreeMap<String, Json>;

/// How old an answer may be for who asks each second anyway.
pub(super) const RECENT: Duration = Duration::from_millis(500);

/// The last answer to one question. Whoever asks while it is being made waits for it.
#[derive(Debug)]
pub(super) struct Shared<T>(Mutex<Option<Made<T>>>);

#[derive(Debug, Clone)]
struct Made<T> {
    version: u64,
    at: Instant,
    answer: T,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone + Send + 'static> Shared<T> {
    /// The answer, and the version of the hub that it is of: the hub's own, or one not older than `age`.
    pub(super) async fn get(
        &self,
        served: &Served,
        age: Duration,
        question: impl FnOnce(&Inner) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<(u64, T), ApiError> {
        // Whoever comes later waits for those before, each for as long as one may wait for its turn.
        let asked = Instant::now();
        let mut last = served.in_turn(asked, self.0.lock()).await?;
        if let Some(made) = last.as_ref().filter(|made| made.version == served.hub.version() || made.at.elapsed() < age) {
            return Ok((made.version, made.answer.clone()));
        }
        let made = served.work_since(asked, |hub| {
            let inner = hub.read();
            Ok(Made { version: inner.version, at: Instant::now(), answer: question(&inner)? })
        });
        let made = made.await?;
        let answer = (made.version, made.answer.clone());
        *last = Some(made);
        Ok(answer)
    }
}
