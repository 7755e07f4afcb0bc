//! What changed while a watcher was busy with what came before.

use std::collections::{HashMap, VecDeque};
use std::io;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;
use vanflow::collector::RecordId;

use crate::hub::{Announced, WATCH_BEHIND};
use crate::room::{Held, Room};

/// Records that are told of in one piece; so many may wait without being counted.
const TOGETHER: usize = 64;
/// Octets for each of the others: its places in two tables that are half empty, and that of its line. The line itself is counted where it
/// is written.
const ENTRY: usize = 256;
/// Records of which a watcher may wait to be told.
const MOST: usize = 16 * WATCH_BEHIND;

/// Changes that are not told yet, each record once and as it was last.
#[derive(Debug, Default)]
pub(super) struct Pending {
    order: VecDeque<RecordId>,
    last: HashMap<RecordId, Announced>,
    room: Vec<Held>,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub(super) fn put(&mut self, change: Announced) {
        let id = change.id;
        if self.last.insert(id, change).is_none() {
            self.order.push_back(id);
        }
    }

    /// Takes what is there and has room. The rest stays where it is, and whoever leaves too much there falls behind.
    pub(super) fn take(&mut self, changes: &mut Receiver<Announced>, room: &Room) -> io::Result<()> {
        while self.has_room(room) {
            match changes.try_recv() {
                Ok(change) => self.put(change),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                Err(TryRecvError::Lagged(_)) => return Err(behind()),
            }
        }
        Ok(())
    }

    fn has_room(&mut self, room: &Room) -> bool {
        if self.order.len() >= MOST {
            return false;
        }
        if self.room.len() < self.order.len() / TOGETHER {
            let Some(held) = room.take(TOGETHER * ENTRY) else { return false };
            self.room.push(held);
        }
        true
    }

    /// Those that have waited longest.
    pub(super) fn some(&mut self) -> Vec<Announced> {
        let some = self.order.len().min(TOGETHER);
        let changes = self.order.drain(..some).filter_map(|id| self.last.remove(&id)).collect();
        let left = self.order.len();
        self.room.truncate(left / TOGETHER);
        if self.last.capacity() > 4 * left.max(TOGETHER) {
            self.last.shrink_to(2 * left);
            self.order.shrink_to(2 * left);
        }
        changes
    }
}

pub(super) fn behind() -> io::Error {
    io::Error::other("the watcher fell behind")
}
