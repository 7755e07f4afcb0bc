//! Room in memory for what waits to be taken by those who asked, counted in octets.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Octets are counted in such pieces: a semaphore gives out no more than 2^32 at once.
const PIECE: usize = 256;

/// So much room, and no more.
#[derive(Debug)]
pub(crate) struct Room {
    pieces: usize,
    free: Arc<Semaphore>,
}

/// Room that is taken until it is dropped.
#[derive(Debug)]
pub(crate) struct Held(#[expect(dead_code, reason = "what counts is that it is there")] OwnedSemaphorePermit);

impl Room {
    /// For so many octets, and for some at least: where there is none, nobody is ever served.
    pub(crate) fn new(octets: usize) -> Self {
        let pieces = (octets / PIECE).clamp(1, Semaphore::MAX_PERMITS);
        Self { pieces, free: Arc::new(Semaphore::new(pieces)) }
    }

    /// Takes so many octets, if they are free; what is larger than all there is, goes alone.
    pub(crate) fn take(&self, octets: usize) -> Option<Held> {
        let wanted = u32::try_from((octets / PIECE + 1).min(self.pieces)).unwrap_or(u32::MAX);
        Arc::clone(&self.free).try_acquire_many_owned(wanted).ok().map(Held)
    }

    /// Octets that nobody has taken.
    #[cfg(test)]
    pub(crate) fn free(&self) -> usize {
        self.free.available_permits() * PIECE
    }
}
