//! Updates into records.

use super::change::{Change, RecordChange};
use super::life::Heard;
use super::slab::Key;
use super::store::{Epoch, Record, Set};
use super::view::{EndedBy, RecordId};
use super::{Collector, Outcome, count};
use crate::message::{Update, Updates};
use crate::record::{Attribute, Class};

impl Collector {
    /// A RECORD that came by `link`.
    pub(super) fn records_from(&mut self, link: &str, id: Option<(u64, u64)>, updates: &Updates<'_>) -> Outcome {
        let mut outcome = Outcome::default();
        let Some(mut heard) = self.heard(link, id) else { return outcome };
        count(&mut self.stats.records);
        // The whole message belongs to one epoch, so this is asked before anything of it is merged.
        if self.tells_of_restart(heard, updates) {
            if let Some(source) = self.sources.get_mut(heard.source) {
                source.restarted_at(heard.place, id.map(|(id, _)| id));
            }
            heard.epoch = self.restart(heard.source);
        }
        for update in updates.clone() {
            let merged = match update {
                Ok(update) => self.merge(heard.epoch, &update),
                Err(fault) => {
                    count(&mut self.stats.bad_updates);
                    outcome.fault.get_or_insert(fault);
                    false
                }
            };
            let counter = if merged { &mut outcome.updates } else { &mut outcome.skipped };
            *counter = counter.saturating_add(1);
        }
        outcome
    }

    /// Whether a record of the epoch that goes on has another start or another type now.
    fn tells_of_restart(&self, heard: Heard, updates: &Updates<'_>) -> bool {
        if self.sources.get(heard.source).is_none_or(|source| source.epoch != heard.epoch) {
            return false;
        }
        updates.clone().flatten().any(|update| {
            let Some(held) = self.held_version(heard.epoch, &update) else { return false };
            if held.kind != update.record_type() {
                return update.record_type().class().is_some();
            }
            let (before, start) = (held.number(Attribute::START_TIME), update.start_us());
            before.zip(start).is_some_and(|(before, start)| before != start)
        })
    }

    fn held_version(&self, epoch: Key<Epoch>, update: &Update<'_>) -> Option<&Record> {
        let node = self.store.node(update.identity().as_bytes())?;
        self.store.records.get(self.store.version_of(node, epoch)?)
    }

    /// Merges one update. `false` when its type is not known, or a cap refuses it.
    fn merge(&mut self, epoch: Key<Epoch>, update: &Update<'_>) -> bool {
        let Some(class) = update.record_type().class() else {
            count(&mut self.stats.unknown_types);
            return false;
        };
        let identity = update.identity().as_bytes();
        let held = self.store.node(identity).and_then(|node| self.store.version_of(node, epoch));
        // A late message of the time before may speak of what an identity was then.
        let held = held.filter(|&key| self.store.records.get(key).is_some_and(|record| record.kind == update.record_type()));
        let Some(key) = held.or_else(|| self.admit(epoch, class, update)) else {
            count(&mut self.stats.refused_updates);
            return false;
        };
        count(&mut self.stats.updates);
        let skipped = update.skipped();
        self.stats.skipped_keys = self.stats.skipped_keys.saturating_add(skipped.keys.into());
        self.stats.skipped_values = self.stats.skipped_values.saturating_add(skipped.values.into());
        if held.is_none() {
            let pairs = usize::try_from(update.pairs()).unwrap_or(usize::MAX);
            self.store.expect(key, pairs.saturating_sub(2).min(self.settings.record_attributes));
        }
        let (mut said, mut changed, mut started) = (false, false, false);
        for (attribute, value) in update.attributes() {
            said = true;
            if attribute.definition().is_none() {
                count(&mut self.stats.unknown_attributes);
            }
            match self.store.set(key, attribute, value, &self.settings) {
                Set::Changed => {
                    changed = true;
                    started |= attribute == Attribute::START_TIME;
                }
                Set::Unchanged => count(&mut self.stats.unchanged_attributes),
                Set::Refused => count(&mut self.stats.refused_attributes),
            }
        }
        if !said {
            count(&mut self.stats.noop_updates);
        }
        let now = self.now;
        if let Some(record) = self.store.records.get_mut(key) {
            record.heard = now;
            record.updates = record.updates.saturating_add(1);
        }
        if started {
            self.take_the_place_of_lost(key);
        }
        if held.is_none() {
            self.tell(key, RecordChange::Appeared);
        } else if changed {
            self.tell(key, RecordChange::Updated);
        }
        if self.store.judge_end(key, now) {
            let ended = self.store.records.get(key).is_some_and(|record| record.ended.is_some());
            self.tell(key, if ended { RecordChange::Ended } else { RecordChange::Updated });
        }
        true
    }

    /// A new record, if the caps have room for it or can make some.
    fn admit(&mut self, epoch: Key<Epoch>, class: Class, update: &Update<'_>) -> Option<Key<Record>> {
        let identity = update.identity().as_bytes();
        if identity.len() > self.settings.identity_bytes {
            return None;
        }
        if let Some(node) = self.store.node(identity)
            && self.store.versions(node).count() >= self.settings.versions
        {
            let oldest =
                self.store.versions(node).filter(|(_, record)| record.ended.is_some()).min_by_key(|(_, record)| record.serial);
            let gone = oldest.map(|(key, _)| key)?;
            self.remove(gone);
        }
        match class {
            Class::Element if self.store.elements_of(epoch) >= self.settings.source_elements => return None,
            Class::Flow if self.store.held(class) >= self.settings.flows => self.evict(class).then_some(())?,
            Class::Log if self.store.held(class) >= self.settings.logs => self.evict(class).then_some(())?,
            _ => {}
        }
        if self.store.bytes() >= self.settings.total_bytes && !self.evict(Class::Flow) && !self.evict(Class::Log) {
            return None;
        }
        // What was removed may have been the last record of an epoch that is over.
        self.store.epochs.get(epoch)?;
        Some(self.store.create(epoch, update.record_type(), class, identity, self.now))
    }

    /// A source that was silent and returned sends its records again: one of the same start is the same thing, which had not ended.
    fn take_the_place_of_lost(&mut self, key: Key<Record>) {
        let Some(record) = self.store.records.get(key) else { return };
        let source = |record: &Record| self.store.epochs.get(record.epoch).map(|epoch| epoch.source);
        let (of, start) = (source(record), record.number(Attribute::START_TIME));
        let same =
            |other: &Record| other.kind == record.kind && other.number(Attribute::START_TIME) == start && source(other) == of;
        let lost = |other: &Record| other.ended.is_some_and(|(by, _)| by == EndedBy::Silence);
        let mut others = self.store.versions(record.node).filter(|&(other, _)| other != key);
        let gone =
            others.find(|(_, other)| lost(other) && same(other)).map(|(gone, other)| (gone, RecordId::new(gone, other.serial)));
        let new = RecordId::new(key, record.serial);
        drop(others);
        if let Some((gone, old)) = gone {
            self.push(Change::Replaced { old, new });
            self.remove(gone);
        }
    }
}
