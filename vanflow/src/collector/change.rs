//! What the collector tells: changes for whoever watches, and what it wants done.

use std::collections::VecDeque;
use std::sync::Arc;

use flowcodec::Text;

use super::view::RecordId;
use crate::record::RecordType;

/// Something changed. Read the rest from the collector: a change names a record, not its values. What is shown of others that refer to the
/// record changes with it (a connection is complete once its listener is there), and is not told for each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// A record.
    Record {
        /// What happened to it. Several updates that nobody has polled yet are one.
        what: RecordChange,
        /// Its handle; after [`RecordChange::Removed`] it leads to nothing.
        id: RecordId,
        /// Its type.
        record_type: RecordType,
        /// Its identity.
        identity: Identity,
    },
    /// A record takes the place of one whose source was silent and returned: both are the same thing. Told before the old one's
    /// [`RecordChange::Removed`].
    Replaced {
        /// Handle of the record that goes.
        old: RecordId,
        /// Handle of the record that stays.
        new: RecordId,
    },
    /// A source.
    Source {
        /// What happened to it.
        what: SourceChange,
        /// Its identity.
        id: Arc<str>,
    },
    /// So many changes were not polled in time and are lost: read all again.
    Lost(u64),
}

/// What happened to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecordChange {
    /// It is new.
    Appeared,
    /// Attributes of it changed.
    Updated,
    /// It ended.
    Ended,
    /// It is not held any more.
    Removed,
}

/// What happened to a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SourceChange {
    /// It is new.
    Appeared,
    /// It restarted: what it described before has ended.
    Restarted,
    /// It fell silent: what it described is taken for ended.
    Silent,
    /// It was silent and is heard again.
    Returned,
    /// It is not held any more.
    Removed,
}

/// Identity of a record: opaque octets, shared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(pub(super) Arc<[u8]>);

impl Identity {
    /// As text.
    #[must_use]
    pub fn as_text(&self) -> Text<'_> {
        Text::new(&self.0)
    }
}

/// What the collector wants its connection to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command {
    /// Attach a receiver to this address, with credit well above 50.
    Subscribe(Arc<str>),
    /// Close the receiver of this address.
    Unsubscribe(Arc<str>),
    /// Send [`flush`](crate::message::flush) to this address, by a sender with a link name of its own: routers close the connection on a
    /// second attach of one name.
    Flush(Arc<str>),
}

/// Changes that wait to be polled.
#[derive(Debug)]
pub(super) struct Changes {
    waiting: VecDeque<Change>,
    cap: usize,
    lost: u64,
}

impl Changes {
    pub(super) const fn new(cap: usize) -> Self {
        Self { waiting: VecDeque::new(), cap, lost: 0 }
    }

    /// `false` when nobody wants any.
    pub(super) const fn wanted(&self) -> bool {
        self.cap > 0
    }

    /// Gives what had to go for it.
    pub(super) fn push(&mut self, change: Change) -> Option<Change> {
        if !self.wanted() {
            return None;
        }
        let gone = if self.waiting.len() >= self.cap { self.waiting.pop_front() } else { None };
        self.lost = self.lost.saturating_add(u64::from(gone.is_some()));
        self.waiting.push_back(change);
        gone
    }

    pub(super) fn pop(&mut self) -> Option<Change> {
        match core::mem::take(&mut self.lost) {
            0 => self.waiting.pop_front(),
            lost => Some(Change::Lost(lost)),
        }
    }
}
