//! How much may be held.

use std::time::Duration;

use super::pending::{Handle, Heap, Pending};
use super::texts::Texts;

/// What may be held at once. Over it, entries are given out before their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Entries. 200,000: a minute of 3,000 flows a second, where `bytes` suffice for them.
    pub entries: usize,
    /// Octets, with names and tables. 256 MiB: of halves with the names of their pod, its node and namespace, and its labels, some 150,000.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 200_000, bytes: 256 << 20 }
    }
}

/// Entries and the texts they hold, under one cap.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    pub(super) entries: Pending<K, V>,
    pub(super) texts: Texts,
    bytes: usize,
}

impl<K: std::hash::Hash + Eq, V: Heap> Table<K, V> {
    pub(super) fn new(limits: Limits) -> Self {
        Self { entries: Pending::new(limits.entries), texts: Texts::new(limits.bytes), bytes: limits.bytes }
    }

    pub(super) fn bytes(&self) -> usize {
        self.entries.bytes().saturating_add(self.texts.bytes())
    }

    /// What has to go before an entry more can be held. Room that nothing is in is given back first, by which entries may move: handles
    /// from before are not valid any more.
    pub(super) fn crowded(&mut self) -> Option<Handle> {
        while !self.entries.is_full() && self.is_hopeless() && self.entries.give_back() {}
        self.is_hopeless().then(|| self.entries.next()).flatten()
    }

    /// The first entry of a key.
    pub(super) fn first(&self, key: &K) -> Option<Handle> {
        self.entries.find(key).map(|(handle, _)| handle).next()
    }

    /// Adds an entry, for which room [was made](Self::crowded). It comes back when there is none even so.
    pub(super) fn insert(&mut self, key: K, value: V) -> Result<Handle, (K, V)> {
        if self.is_hopeless() { Err((key, value)) } else { self.entries.insert(key, value) }
    }

    /// Whether an entry more would be too much.
    pub(super) fn is_hopeless(&self) -> bool {
        self.entries.is_full() || self.bytes().saturating_add(self.entries.growth()) > self.bytes
    }

    /// What has to go so that the cap is kept; as [`crowded`](Self::crowded).
    pub(super) fn excess(&mut self) -> Option<Handle> {
        while self.bytes() > self.bytes && self.entries.give_back() {}
        (self.bytes() > self.bytes).then(|| self.entries.next()).flatten()
    }
}

/// As the time of flows is reckoned.
pub(super) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
