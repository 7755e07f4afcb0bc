//! What is told to whoever watches.

use std::sync::Arc;

use super::change::{Change, Identity, RecordChange, SourceChange};
use super::slab::Key;
use super::store::Record;
use super::view::RecordId;
use super::{Collector, count};

impl Collector {
    /// Tells of a record; several updates in a row are one.
    pub(super) fn tell(&mut self, key: Key<Record>, what: RecordChange) {
        if !self.changes.wanted() {
            return;
        }
        let Some(record) = self.store.records.get_mut(key) else { return };
        if what == RecordChange::Updated && record.queued {
            return;
        }
        record.queued = true;
        let (id, record_type, node) = (RecordId::new(key, record.serial), record.kind, record.node);
        let Some(name) = self.store.nodes.get(node).map(|node| Arc::clone(&node.name)) else { return };
        self.push(Change::Record { what, id, record_type, identity: Identity(name) });
    }

    pub(super) fn tell_source(&mut self, what: SourceChange, id: &Arc<str>) {
        if self.changes.wanted() {
            self.push(Change::Source { what, id: Arc::clone(id) });
        }
    }

    pub(super) fn push(&mut self, change: Change) {
        let gone = self.changes.push(change);
        if gone.is_some() {
            count(&mut self.stats.lost_changes);
        }
        self.polled(gone.as_ref());
    }

    /// A change left the queue: later ones of its record are told again.
    pub(super) fn polled(&mut self, change: Option<&Change>) {
        if let Some(Change::Record { id, .. }) = change
            && let Some(record) = self.store.records.get_mut(id.key())
            && record.serial == id.serial()
        {
            record.queued = false;
        }
    }
}
