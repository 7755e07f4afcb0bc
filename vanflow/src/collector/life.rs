//! Sources come, speak, restart, fall silent and go; and what the connection has to do about it.

use core::time::Duration;
use std::sync::Arc;

use flowcodec::Timestamp;

use super::change::{Command, RecordChange, SourceChange};
use super::slab::Key;
use super::sources::{Place, SUFFIXES, Source, Verdict};
use super::store::Epoch;
use super::view::EndedBy;
use super::{ALL, Collector, count};
use crate::message::Beacon;
use crate::record::Class;

/// Who sent a message, and to which epoch it belongs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heard {
    pub(super) source: Key<Source>,
    pub(super) place: Place,
    pub(super) epoch: Key<Epoch>,
}

impl Collector {
    /// A BEACON: the source is known by it, and its addresses.
    pub(super) fn beacon(&mut self, beacon: &Beacon<'_>, link: &str, id: Option<(u64, u64)>) {
        let most = self.settings.identity_bytes;
        let texts = [beacon.id, beacon.address, beacon.direct]
            .map(|text| text.to_str().ok().filter(|text| !text.is_empty() && text.len() <= most));
        let ([Some(name), Some(address), Some(direct)], Some(1)) = (texts, beacon.version) else {
            return count(&mut self.stats.bad_beacons);
        };
        let known = self.by_id.get(name).copied();
        let Some(key) = self.source_at(address, name) else {
            return count(if known.is_some() { &mut self.stats.bad_beacons } else { &mut self.stats.misplaced });
        };
        // On an address of another source it proves nothing of its own.
        let place = self.by_address.get(link).filter(|(source, _)| *source == key).map_or(Place::All, |(_, place)| *place);
        if self.hear(key, place, id).is_none() {
            return;
        }
        count(&mut self.stats.beacons);
        let Some(source) = self.sources.get_mut(key) else { return };
        source.kind = beacon.source_type.and_then(|kind| kind.to_str().ok()).filter(|kind| kind.len() <= most).map(Into::into);
        if source.direct.as_deref() != Some(direct) {
            let first = source.direct.replace(direct.into()).is_none();
            if first {
                self.subscribe(key);
            }
        }
        self.flush_if_due(key);
    }

    /// Any other message on a link: whose it is. `None` when it is nobody's, or was here before.
    pub(super) fn heard(&mut self, link: &str, id: Option<(u64, u64)>) -> Option<Heard> {
        let (source, place) = match self.by_address.get(link) {
            Some(&found) => found,
            None => self.guess_source(link)?,
        };
        let epoch = self.hear(source, place, id)?;
        Some(Heard { source, place, epoch })
    }

    /// A link that no beacon named: its messages may be faster than the beacon.
    fn guess_source(&mut self, link: &str) -> Option<(Key<Source>, Place)> {
        let (base, suffix) = SUFFIXES
            .iter()
            .enumerate()
            .skip(1)
            .find_map(|(place, suffix)| Some((link.strip_suffix(suffix)?, place)))
            .unwrap_or((link, 0));
        let known =
            base.strip_prefix("mc/sfe.").filter(|id| !id.is_empty() && *id != "all" && id.len() <= self.settings.identity_bytes);
        match known.and_then(|id| self.source_at(base, id)) {
            Some(source) => Some((source, Place::Own(suffix))),
            None => {
                count(&mut self.stats.misplaced);
                None
            }
        }
    }

    /// The source of an address; a new one if there is none. `None` when another address has the identity, or the cap is reached.
    fn source_at(&mut self, address: &str, id: &str) -> Option<Key<Source>> {
        if let Some(&(key, place)) = self.by_address.get(address) {
            // What is made from another's address is nobody's own.
            let source = self.sources.get_mut(key).filter(|_| place == Place::Own(0))?;
            if &*source.id != id {
                // Only a guess may be corrected, and only to an identity that nobody has.
                if source.direct.is_some() || self.by_id.contains_key(id) {
                    return None;
                }
                self.by_id.remove(&*source.id);
                source.id = id.into();
                self.by_id.insert(Arc::clone(&source.id), key);
            }
            return Some(key);
        }
        let taken = |suffix: &str| self.by_address.contains_key(&*[address, suffix].concat());
        let refused = address == ALL || self.by_id.contains_key(id) || SUFFIXES.into_iter().any(taken);
        if refused || (self.sources.len() >= self.settings.sources && !self.evict_source()) {
            count(&mut self.stats.refused_sources);
            return None;
        }
        let (id, address): (Arc<str>, Arc<str>) = (id.into(), address.into());
        // The source's key is known only when it is in, and it needs its epoch before.
        let key = self.sources.insert(Source::new(Arc::clone(&id), Arc::clone(&address), Key::MAX, self.now));
        let epoch = self.open_epoch(key, 0);
        if let Some(source) = self.sources.get_mut(key) {
            source.epoch = epoch;
        }
        for (place, suffix) in SUFFIXES.into_iter().enumerate() {
            self.by_address.insert([&*address, suffix].concat().into(), (key, Place::Own(place)));
        }
        self.by_id.insert(Arc::clone(&id), key);
        self.tell_source(SourceChange::Appeared, &id);
        Some(key)
    }

    /// A message of a source: it lives, and its id says in which epoch. `None` when the message was here before.
    fn hear(&mut self, key: Key<Source>, place: Place, id: Option<(u64, u64)>) -> Option<Key<Epoch>> {
        let now = self.now;
        if self.sources.get(key)?.silent {
            self.return_of(key);
        }
        let source = self.sources.get_mut(key)?;
        let verdict = id.map_or(Verdict::Current, |(id, hash)| source.judge(place, id, hash));
        source.last_heard = now;
        source.proven |= matches!(place, Place::Own(_));
        let epoch = match verdict {
            Verdict::Duplicate => {
                count(&mut self.stats.duplicates);
                return None;
            }
            Verdict::Current => source.epoch,
            Verdict::Before => source.previous.map_or(source.epoch, |(epoch, _)| epoch),
            Verdict::Restart => self.restart(key),
        };
        self.flush_if_due(key);
        Some(epoch)
    }

    fn open_epoch(&mut self, source: Key<Source>, number: u64) -> Key<Epoch> {
        self.store.epochs.insert(Epoch::new(source, number))
    }

    /// The source restarted: all it described has ended, and it is asked for everything again. Gives the new epoch.
    pub(super) fn restart(&mut self, key: Key<Source>) -> Key<Epoch> {
        count(&mut self.stats.restarts);
        let (old, new) = self.next_epoch(key, EndedBy::Restart);
        let until = self.now.offset(nanos(self.settings.restart_grace));
        let forgotten = self.sources.get_mut(key).and_then(|source| source.previous.replace((old, until)));
        self.let_go(forgotten.map(|(epoch, _)| epoch));
        if let Some(id) = self.sources.get(key).map(|source| Arc::clone(&source.id)) {
            self.tell_source(SourceChange::Restarted, &id);
        }
        self.want_flush(key);
        new
    }

    /// Ends the epoch of a source and opens the next: old and new.
    fn next_epoch(&mut self, key: Key<Source>, by: EndedBy) -> (Key<Epoch>, Key<Epoch>) {
        let number = self.sources.get(key).map_or(0, |source| source.epoch_number.saturating_add(1));
        let new = self.open_epoch(key, number);
        let old = match self.sources.get_mut(key) {
            Some(source) => {
                source.epoch_number = number;
                core::mem::replace(&mut source.epoch, new)
            }
            None => new,
        };
        self.end_epoch(old, by);
        (old, new)
    }

    /// All records of an epoch end, each once.
    fn end_epoch(&mut self, epoch: Key<Epoch>, by: EndedBy) {
        let now = self.now;
        let Some(ending) = self.store.epochs.get_mut(epoch).filter(|epoch| epoch.ended.is_none()) else { return };
        ending.ended = Some((by, now));
        let live = self.store.epochs.get(epoch).into_iter().flat_map(|epoch| epoch.records.iter(&self.store.records));
        let live: Vec<_> = live.filter(|(_, record)| record.ended.is_none()).map(|(key, _)| key).collect();
        for key in live {
            if self.store.judge_end(key, now) {
                self.tell(key, RecordChange::Ended);
            }
        }
    }

    /// The source does not count on this epoch any more.
    pub(super) fn let_go(&mut self, epoch: Option<Key<Epoch>>) {
        if let Some(key) = epoch {
            if let Some(epoch) = self.store.epochs.get_mut(key) {
                epoch.kept = false;
            }
            self.store.release_epoch(key);
        }
    }

    /// A silent source is heard again.
    fn return_of(&mut self, key: Key<Source>) {
        let Some(source) = self.sources.get_mut(key) else { return };
        source.silent = false;
        source.first_heard = self.now;
        (source.last_beat, source.longest_gap) = (None, 0);
        let (old, id) = (source.epoch, Arc::clone(&source.id));
        self.next_epoch(key, EndedBy::Silence);
        self.let_go(Some(old));
        if let Some(source) = self.sources.get_mut(key) {
            source.forget_ids();
        }
        self.tell_source(SourceChange::Returned, &id);
        if self.sources.get(key).is_some_and(|source| source.direct.is_some()) {
            self.subscribe(key);
        }
    }

    /// Makes time pass: silence, expiry, and FLUSH that waited long enough. Costs a step for each source, and one for each record that
    /// ends or goes.
    pub fn tick(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        let now = self.now;
        let (silence, retention) = (nanos(self.settings.silence), nanos(self.settings.retention));
        let keys: Vec<_> = self.sources.iter().map(|(key, _)| key).collect();
        for key in keys {
            let Some(source) = self.sources.get_mut(key) else { continue };
            let over = source.previous.take_if(|(_, until)| *until <= now);
            if !source.silent && now.since(source.last_heard) >= silence {
                source.silent = true;
                let (epoch, id) = (source.epoch, Arc::clone(&source.id));
                count(&mut self.stats.silences);
                self.end_epoch(epoch, EndedBy::Silence);
                self.unsubscribe(key);
                self.tell_source(SourceChange::Silent, &id);
            }
            self.let_go(over.map(|(epoch, _)| epoch));
            self.flush_if_due(key);
        }
        for class in [Class::Element, Class::Flow, Class::Log] {
            while let Some(key) = self.store.ranks(class).ended.first() {
                let ended = self.store.records.get(key).and_then(|record| record.ended);
                if ended.is_none_or(|(_, at)| now.since(at) < retention) {
                    break;
                }
                count(&mut self.stats.expired);
                self.remove(key);
            }
        }
        self.forget_sources(retention);
    }

    /// Silent sources of which nothing is left.
    fn forget_sources(&mut self, retention: i64) {
        let now = self.now;
        let gone: Vec<_> = self
            .sources
            .iter()
            .filter(|(_, source)| source.silent && now.since(source.last_heard) >= retention && self.is_empty(source))
            .map(|(key, _)| key)
            .collect();
        for key in gone {
            self.remove_source(key);
        }
    }

    fn is_empty(&self, source: &Source) -> bool {
        self.store.epochs.get(source.epoch).is_none_or(|epoch| epoch.records.len() == 0)
    }

    /// When [`tick`](Self::tick) has something to do; `None` while nothing is known.
    #[must_use]
    pub fn next_tick(&self) -> Option<Timestamp> {
        let (silence, retention) = (nanos(self.settings.silence), nanos(self.settings.retention));
        let of_sources = self.sources.iter().flat_map(|(_, source)| {
            // A silent source waits for its last record, whose own time is below.
            let silent = (!source.silent).then(|| source.last_heard.offset(silence));
            let forgotten = (source.silent && self.is_empty(source)).then(|| source.last_heard.offset(retention));
            let flush = source.flush_wanted.filter(|_| source.direct.is_some()).map(|since| self.flush_at(source, since));
            [silent, forgotten, flush, source.previous.map(|(_, until)| until)].into_iter().flatten()
        });
        let of_records = [Class::Element, Class::Flow, Class::Log].into_iter().filter_map(|class| {
            let (_, at) = self.store.records.get(self.store.ranks(class).ended.first()?)?.ended?;
            Some(at.offset(retention))
        });
        of_sources.chain(of_records).min()
    }

    /// The connection was lost and is there again: everything is subscribed to anew, and every source is asked for everything.
    pub fn reconnected(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        self.commands.clear();
        self.commands.push_back(Command::Subscribe(ALL.into()));
        let keys: Vec<_> =
            self.sources.iter().filter(|(_, source)| !source.silent && source.direct.is_some()).map(|(key, _)| key).collect();
        for key in keys {
            self.subscribe(key);
        }
    }

    // What the connection has to do.

    /// Where nobody carries out commands, as over a recording, the oldest go.
    fn command(&mut self, command: Command) {
        // Each source has four addresses, and may come, go and be flushed between two polls.
        if self.commands.len() >= self.settings.sources.saturating_mul(16).max(16) {
            self.commands.pop_front();
            count(&mut self.stats.lost_commands);
        }
        self.commands.push_back(command);
    }

    fn subscribe(&mut self, key: Key<Source>) {
        let Some(source) = self.sources.get(key) else { return };
        let addresses = SUFFIXES.map(|suffix| Command::Subscribe([&*source.address, suffix].concat().into()));
        for address in addresses {
            self.command(address);
        }
        if let Some(source) = self.sources.get_mut(key) {
            source.proven = false;
        }
        self.want_flush(key);
    }

    fn unsubscribe(&mut self, key: Key<Source>) {
        let Some(source) = self.sources.get_mut(key) else { return };
        (source.flush_wanted, source.proven) = (None, false);
        if source.direct.is_some() {
            let addresses = SUFFIXES.map(|suffix| Command::Unsubscribe([&*source.address, suffix].concat().into()));
            for address in addresses {
                self.command(address);
            }
        }
    }

    fn want_flush(&mut self, key: Key<Source>) {
        let now = self.now;
        if let Some(source) = self.sources.get_mut(key) {
            source.flush_wanted.get_or_insert(now);
        }
        self.flush_if_due(key);
    }

    /// When a FLUSH that is wanted since then goes out: once the source was heard on an address of its own, or after a while.
    fn flush_at(&self, source: &Source, since: Timestamp) -> Timestamp {
        let proof = if source.proven { since } else { since.offset(nanos(self.settings.flush_wait)) };
        source.last_flush.map_or(proof, |last| proof.max(last.offset(nanos(self.settings.flush_interval))))
    }

    fn flush_if_due(&mut self, key: Key<Source>) {
        let Some(source) = self.sources.get(key) else { return };
        let due = source.flush_wanted.is_some_and(|since| self.flush_at(source, since) <= self.now);
        if let Some(direct) = source.direct.clone().filter(|_| due) {
            self.command(Command::Flush(direct));
            let now = self.now;
            if let Some(source) = self.sources.get_mut(key) {
                (source.flush_wanted, source.last_flush) = (None, Some(now));
            }
        }
    }
}

/// A time to wait, in nanoseconds.
fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
