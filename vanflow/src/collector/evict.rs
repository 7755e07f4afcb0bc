//! What goes: for want of room, or with its source.

use super::change::{Change, Identity, RecordChange, SourceChange};
use super::slab::Key;
use super::sources::{SUFFIXES, Source};
use super::store::Record;
use super::view::RecordId;
use super::{Collector, count};
use crate::record::Class;

impl Collector {
    /// Flows, logs and then nothing more go until all is under its cap.
    pub(super) fn make_room(&mut self) {
        while self.store.held(Class::Flow) > self.settings.flows || self.store.bytes() > self.settings.total_bytes {
            if !self.evict(Class::Flow) {
                break;
            }
        }
        while self.store.held(Class::Log) > self.settings.logs || self.store.bytes() > self.settings.total_bytes {
            if !self.evict(Class::Log) {
                break;
            }
        }
    }

    /// The record of a class that ended first goes, else the oldest.
    pub(super) fn evict(&mut self, class: Class) -> bool {
        let ranks = self.store.ranks(class);
        let (ended, live) = (ranks.ended.first(), ranks.live.first());
        let Some(key) = ended.or(live) else { return false };
        match class {
            Class::Flow => count(&mut self.stats.evicted_flows),
            _ => count(&mut self.stats.evicted_logs),
        }
        if class == Class::Flow && ended.is_none() {
            count(&mut self.stats.evicted_live_flows);
        }
        self.remove(key);
        true
    }

    /// The silent source that was heard longest ago goes, with all it described.
    pub(super) fn evict_source(&mut self) -> bool {
        let silent = self.sources.iter().filter(|(_, source)| source.silent);
        let Some(key) = silent.min_by_key(|(_, source)| source.last_heard).map(|(key, _)| key) else { return false };
        count(&mut self.stats.evicted_sources);
        self.remove_source(key);
        true
    }

    pub(super) fn remove_source(&mut self, key: Key<Source>) {
        let epochs: Vec<_> = self.store.epochs.iter().filter(|(_, epoch)| epoch.source == key).map(|(epoch, _)| epoch).collect();
        for epoch in epochs {
            self.let_go(Some(epoch));
            while let Some(record) = self.store.epochs.get(epoch).and_then(|epoch| epoch.records.first()) {
                self.remove(record);
            }
        }
        let Some(source) = self.sources.remove(key) else { return };
        self.by_id.remove(&*source.id);
        for suffix in SUFFIXES {
            self.by_address.remove(&*[&*source.address, suffix].concat());
        }
        self.tell_source(SourceChange::Removed, &source.id);
    }

    pub(super) fn remove(&mut self, key: Key<Record>) {
        let Some(record) = self.store.remove(key) else { return };
        let identity = Identity(self.store.forget(&record));
        let id = RecordId::new(key, record.serial);
        self.push(Change::Record { what: RecordChange::Removed, id, record_type: record.kind, identity });
    }
}
