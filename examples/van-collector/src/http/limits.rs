//! What is shared by all who ask, and how much of it there is.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::pieces::SharedText;
use super::shared::{Addresses, Shared};
use crate::error::ApiError;
use crate::hub::Hub;
use crate::room::{Held, Room};

/// How many may ask at once, and how long is waited for them. Over a limit the answer is 503 with `Retry-After`. A limit of 0 is one of 1.
///
/// ```
/// let mut limits = van_collector::http::Limits::default();
/// limits.watchers = 16;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections. Default 512: half of the handles that a process usually has.
    pub connections: usize,
    /// Of these, such that watch. Default 128.
    pub watchers: usize,
    /// Questions that are worked on at once; others wait in turn. Default 4.
    pub questions: usize,
    /// How long a question waits for its turn. Default 10 seconds.
    pub turn: Duration,
    /// Octets of answers that wait to be taken, and of what changes meanwhile for those who watch. Default 256 MiB; an answer that is
    /// larger than all of it goes alone.
    pub answers: usize,
    /// How long the head of a request may take, and a connection be idle. Default 15 seconds.
    pub head: Duration,
    /// How long a reader may take nothing. Default 30 seconds.
    pub stall: Duration,
    /// Octets a second that a reader has to take on the whole; `stall` is what it may be late. Default 16 KiB, which is less than any line
    /// carries: an answer of 100 MB is taken in less than two hours, or not. 0 asks for none.
    /// Progress shows when the system's send buffer takes more, so some 200 KB have to be taken within `stall` in any case.
    pub rate: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            watchers: 128,
            questions: 4,
            turn: Duration::from_secs(10),
            answers: 256 << 20,
            head: Duration::from_secs(15),
            stall: Duration::from_secs(30),
            rate: 16 << 10,
        }
    }
}

/// What handlers share.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) hub: Arc<Hub>,
    pub(super) network: Shared<Arc<SharedText>>,
    pub(super) addresses: [Shared<Arc<Addresses>>; 2],
    limits: Limits,
    questions: Arc<Semaphore>,
    watchers: Arc<Semaphore>,
    pub(super) answers: Room,
}

/// Room for so many, and for one at least: where there is none, nobody is ever served.
pub(super) fn room(for_so_many: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(for_so_many.clamp(1, Semaphore::MAX_PERMITS)))
}

impl Served {
    pub(super) fn new(hub: Arc<Hub>, limits: Limits) -> Self {
        Self {
            hub,
            network: Shared::default(),
            addresses: Default::default(),
            questions: room(limits.questions),
            watchers: room(limits.watchers),
            answers: Room::new(limits.answers),
            limits,
        }
    }

    /// Works on a question, on a thread of its own and when it is its turn: it may take a while, and must not hold up the feed.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Hub) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.work_since(Instant::now(), question).await
    }

    /// The same for who has waited since `asked` already.
    pub(super) async fn work_since<T: Send + 'static>(
        &self,
        asked: Instant,
        question: impl FnOnce(&Hub) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = self.in_turn(asked, Arc::clone(&self.questions).acquire_owned()).await?.map_err(ApiError::internal)?;
        let hub = Arc::clone(&self.hub);
        let worked = tokio::task::spawn_blocking(move || {
            // Whoever asked may have gone: the work goes on, and so does its turn.
            let _turn = turn;
            hub.http.questions.fetch_add(1, Ordering::Relaxed);
            question(&hub)
        });
        worked.await.unwrap_or_else(|error| Err(ApiError::internal(error)))
    }

    /// Waits for something, as long as who asked at `asked` may wait for all of it together.
    pub(super) async fn in_turn<T>(&self, asked: Instant, what: impl Future<Output = T>) -> Result<T, ApiError> {
        let left = self.limits.turn.saturating_sub(asked.elapsed());
        timeout(left, what).await.map_err(|_| self.refused("too many questions are being worked on"))
    }

    /// Room for one that watches.
    pub(super) fn watcher(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let most = self.limits.watchers.max(1);
        Arc::clone(&self.watchers)
            .try_acquire_owned()
            .map_err(|_| self.refused(format!("{most} watch already; ask without watch=1, or later")))
    }

    /// Room for what was answered, until it is taken.
    pub(super) fn held(&self, octets: usize) -> Result<Held, ApiError> {
        self.answers.take(octets).ok_or_else(|| self.refused("too many answers wait to be taken"))
    }

    fn refused(&self, what: impl Into<String>) -> ApiError {
        self.hub.http.refused.fetch_add(1, Ordering::Relaxed);
        ApiError::busy(what)
    }
}
