//! Records, and the identities that they have and refer to.
//!
//! An identity is a *node*: records may refer to it before anybody describes it, and several sources, or several epochs of one, may
//! describe it. Each such description is a record, a *version* of the node. References hold the node, so that nothing has to be done to
//! who refers to a record when it comes, changes or goes: every update costs what it says, not what is held.

mod found;
mod parts;

use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher as _;
use std::sync::Arc;

use flowcodec::{Text, Timestamp};
use foldhash::fast::RandomState;

use crate::collector::settings::Settings;
use crate::collector::slab::{Chain, Key, Lane, Link, Slab};
use crate::collector::view::EndedBy;
use crate::record::{Attribute, Class, RecordType, Scalar, ValueKind, definition};
use parts::Tally;

pub(in crate::collector) use parts::{Epoch, Held, Node, Ranks, Record, Set};

#[derive(Debug)]
pub(in crate::collector) struct Store {
    pub(in crate::collector) records: Slab<Record>,
    pub(in crate::collector) nodes: Slab<Node>,
    pub(in crate::collector) epochs: Slab<Epoch>,
    by_name: HashMap<Arc<[u8]>, Key<Node>, RandomState>,
    elements: Ranks,
    flows: Ranks,
    logs: Ranks,
    /// Processes by site and host.
    hosts: BTreeSet<(Key<Node>, u64, Key<Record>)>,
    tallies: HashMap<(Key<Node>, Key<Epoch>), Tally, RandomState>,
    hasher: RandomState,
    serial: u64,
    bytes: usize,
}

// What things take beside what they hold. Tables grow by doubling, and hash tables are never full: the test `memory` holds the account to
// what is allocated.
const RECORD_BYTES: usize = 2 * size_of::<Option<Record>>() + 16;
const NODE_BYTES: usize = 2 * size_of::<Option<Node>>() + 3 * size_of::<(Arc<[u8]>, Key<Node>)>() + 32;
const TALLY_BYTES: usize = 3 * size_of::<((Key<Node>, Key<Epoch>), Tally)>();
const HOST_BYTES: usize = 3 * size_of::<(Key<Node>, u64, Key<Record>)>();

impl Store {
    pub(in crate::collector) fn new() -> Self {
        let ranks = || Ranks { live: Chain::new(Lane::Class), ended: Chain::new(Lane::Class) };
        Self {
            records: Slab::new(),
            nodes: Slab::new(),
            epochs: Slab::new(),
            by_name: HashMap::default(),
            elements: ranks(),
            flows: ranks(),
            logs: ranks(),
            hosts: BTreeSet::new(),
            tallies: HashMap::default(),
            hasher: RandomState::default(),
            serial: 0,
            bytes: 0,
        }
    }

    pub(in crate::collector) const fn ranks(&self, class: Class) -> &Ranks {
        match class {
            Class::Element => &self.elements,
            Class::Flow => &self.flows,
            Class::Log => &self.logs,
        }
    }

    /// Octets of all records, as they are accounted.
    pub(in crate::collector) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(in crate::collector) const fn held(&self, class: Class) -> usize {
        let ranks = self.ranks(class);
        ranks.live.len().saturating_add(ranks.ended.len())
    }

    pub(in crate::collector) fn hash(&self, octets: &[u8]) -> u64 {
        self.hasher.hash_one(octets)
    }

    // Identities.

    pub(in crate::collector) fn node(&self, name: &[u8]) -> Option<Key<Node>> {
        self.by_name.get(name).copied()
    }

    pub(in crate::collector) fn name(&self, node: Key<Node>) -> Text<'_> {
        Text::new(self.nodes.get(node).map_or(&[], |node| &node.name))
    }

    fn intern(&mut self, name: &[u8]) -> Key<Node> {
        if let Some(&node) = self.by_name.get(name) {
            return node;
        }
        let name: Arc<[u8]> = name.into();
        let node = self.nodes.insert(Node { name: Arc::clone(&name), versions: None, references: 0, counterparts: Vec::new() });
        self.bytes = self.bytes.saturating_add(NODE_BYTES).saturating_add(name.len());
        self.by_name.insert(name, node);
        node
    }

    /// Lets go of a node that nothing describes and nothing refers to.
    fn release(&mut self, key: Key<Node>) {
        let loose = self.nodes.get(key).is_some_and(|node| node.versions.is_none() && node.references == 0);
        if let Some(node) = loose.then(|| self.nodes.remove(key)).flatten() {
            self.by_name.remove(&node.name);
            self.bytes = self.bytes.saturating_sub(NODE_BYTES).saturating_sub(node.name.len());
        }
    }

    pub(in crate::collector) fn versions(&self, node: Key<Node>) -> impl Iterator<Item = (Key<Record>, &Record)> {
        let mut at = self.nodes.get(node).and_then(|node| node.versions);
        core::iter::from_fn(move || {
            let key = at?;
            let record = self.records.get(key)?;
            at = record.next_version;
            Some((key, record))
        })
    }

    pub(in crate::collector) fn version_of(&self, node: Key<Node>, epoch: Key<Epoch>) -> Option<Key<Record>> {
        self.versions(node).find(|(_, record)| record.epoch == epoch).map(|(key, _)| key)
    }

    // Records.

    /// A new record. Its place among the caps was made by the caller.
    pub(in crate::collector) fn create(
        &mut self,
        epoch: Key<Epoch>,
        record_type: RecordType,
        class: Class,
        name: &[u8],
        now: Timestamp,
    ) -> Key<Record> {
        let node = self.intern(name);
        self.serial = self.serial.saturating_add(1);
        let next_version = self.nodes.get(node).and_then(|node| node.versions);
        let bytes = RECORD_BYTES;
        let key = self.records.insert(Record {
            serial: self.serial,
            kind: record_type,
            class,
            node,
            epoch,
            attributes: Vec::new(),
            created: now,
            heard: now,
            updates: 0,
            ended: None,
            next_version,
            queued: false,
            bytes,
            by_class: Link::LOOSE,
            by_epoch: Link::LOOSE,
        });
        self.bytes = self.bytes.saturating_add(bytes);
        if let Some(node) = self.nodes.get_mut(node) {
            node.versions = Some(key);
        }
        let Self { records, elements, flows, logs, .. } = self;
        ranks_of(class, elements, flows, logs).live.push(records, key);
        if let Some(epoch) = self.epochs.get_mut(epoch) {
            epoch.records.push(&mut self.records, key);
            epoch.elements = epoch.elements.saturating_add(usize::from(class == Class::Element));
        }
        key
    }

    pub(in crate::collector) fn elements_of(&self, epoch: Key<Epoch>) -> usize {
        self.epochs.get(epoch).map_or(0, |epoch| epoch.elements)
    }

    /// Makes room for as many attributes at once.
    pub(in crate::collector) fn expect(&mut self, key: Key<Record>, attributes: usize) {
        let Some(record) = self.records.get_mut(key) else { return };
        let before = record.attributes.capacity();
        record.attributes.reserve_exact(attributes.saturating_sub(record.attributes.len()));
        let more = record.attributes.capacity().saturating_sub(before).saturating_mul(size_of::<(Attribute, Held)>());
        record.bytes = record.bytes.saturating_add(more);
        self.bytes = self.bytes.saturating_add(more);
    }

    /// Sets one attribute, if it is within the caps.
    pub(in crate::collector) fn set(
        &mut self,
        key: Key<Record>,
        attribute: Attribute,
        value: Scalar<'_>,
        caps: &Settings,
    ) -> Set {
        let Some(record) = self.records.get(key) else { return Set::Refused };
        let found = record.attributes.binary_search_by_key(&attribute, |(code, _)| *code);
        if let Some((_, held)) = found.ok().and_then(|place| record.attributes.get(place)) {
            let same = match (held, value) {
                (Held::Number(held), Scalar::Number(sent)) => *held == sent,
                (Held::Text(held), Scalar::Text(sent)) => &**held == sent.as_bytes(),
                (Held::Reference(node), Scalar::Text(sent)) => self.name(*node) == sent,
                _ => false,
            };
            if same {
                return Set::Unchanged;
            }
        } else if record.attributes.len() >= caps.record_attributes {
            return Set::Refused;
        }
        let refers = definition(record.kind, attribute, &value).is_some_and(|row| row.kind == ValueKind::Reference);
        let held = match value {
            Scalar::Number(number) => Held::Number(number),
            // An unset reference is the empty string.
            Scalar::Text(text) if refers && !text.is_empty() => {
                if text.as_bytes().len() > caps.identity_bytes {
                    return Set::Refused;
                }
                Held::Reference(self.refer(text.as_bytes()))
            }
            Scalar::Text(text) if text.as_bytes().len() > caps.text_bytes => return Set::Refused,
            Scalar::Text(text) => Held::Text(text.as_bytes().into()),
        };
        self.unhook(key, attribute);
        let Some(record) = self.records.get_mut(key) else { return Set::Refused };
        let (more, old) = match found {
            Ok(place) => match record.attributes.get_mut(place) {
                Some((_, slot)) => (held.octets(), Some(core::mem::replace(slot, held))),
                None => return Set::Refused,
            },
            Err(place) => {
                let (octets, before) = (held.octets(), record.attributes.capacity());
                // Few records get more attributes later, and those few get few.
                record.attributes.reserve_exact(1);
                record.attributes.insert(place, (attribute, held));
                let places = record.attributes.capacity().saturating_sub(before);
                (places.saturating_mul(size_of::<(Attribute, Held)>()).saturating_add(octets), None)
            }
        };
        let less = old.as_ref().map_or(0, Held::octets);
        record.bytes = record.bytes.saturating_add(more).saturating_sub(less);
        self.bytes = self.bytes.saturating_add(more).saturating_sub(less);
        self.drop_held(old.as_ref());
        self.hook(key, attribute);
        Set::Changed
    }

    fn refer(&mut self, name: &[u8]) -> Key<Node> {
        let node = self.intern(name);
        if let Some(node) = self.nodes.get_mut(node) {
            node.references = node.references.saturating_add(1);
        }
        node
    }

    fn drop_held(&mut self, held: Option<&Held>) {
        if let Some(&Held::Reference(key)) = held {
            if let Some(node) = self.nodes.get_mut(key) {
                node.references = node.references.saturating_sub(1);
            }
            self.release(key);
        }
    }

    /// Ends a record, or has it live again, by what it and its epoch say. `true` when that changed.
    pub(in crate::collector) fn judge_end(&mut self, key: Key<Record>, now: Timestamp) -> bool {
        let Some(record) = self.records.get(key) else { return false };
        let by_epoch = self.epochs.get(record.epoch).and_then(|epoch| epoch.ended);
        let ended = if record.says_ended() { Some((EndedBy::Source, now)) } else { by_epoch.map(|(by, _)| (by, now)) };
        if record.ended.is_some() == ended.is_some() {
            let (held, new) = (record.ended, ended.map(|(by, _)| by));
            // The source's own word stands above what was inferred.
            if let (Some((_, at)), Some(by)) = (held, new)
                && let Some(record) = self.records.get_mut(key)
            {
                record.ended = Some((by, at));
            }
            return false;
        }
        self.rank(key, ended);
        true
    }

    fn rank(&mut self, key: Key<Record>, ended: Option<(EndedBy, Timestamp)>) {
        let Self { records, elements, flows, logs, .. } = self;
        let Some(record) = records.get_mut(key) else { return };
        let was = core::mem::replace(&mut record.ended, ended).is_some();
        let ranks = ranks_of(record.class, elements, flows, logs);
        let (from, to) = if was { (&mut ranks.ended, &mut ranks.live) } else { (&mut ranks.live, &mut ranks.ended) };
        from.unlink(records, key);
        to.push(records, key);
    }

    /// Removes a record from everything that finds it.
    pub(in crate::collector) fn remove(&mut self, key: Key<Record>) -> Option<Record> {
        for attribute in [Attribute::PARENT, Attribute::COUNTERFLOW] {
            self.unhook(key, attribute);
        }
        let Self { records, elements, flows, logs, epochs, .. } = self;
        let record = records.get(key)?;
        let (class, epoch, node) = (record.class, record.epoch, record.node);
        let ranks = ranks_of(class, elements, flows, logs);
        let chain = if record.ended.is_some() { &mut ranks.ended } else { &mut ranks.live };
        chain.unlink(records, key);
        if let Some(epoch) = epochs.get_mut(epoch) {
            epoch.records.unlink(records, key);
            epoch.elements = epoch.elements.saturating_sub(usize::from(class == Class::Element));
        }
        let mut record = records.remove(key)?;
        self.bytes = self.bytes.saturating_sub(record.bytes);
        self.unlink_version(node, key, record.next_version);
        for (_, held) in core::mem::take(&mut record.attributes) {
            self.drop_held(Some(&held));
        }
        self.release_tally(node, epoch);
        self.release_epoch(epoch);
        Some(record)
    }

    /// What the record was called; then the node goes, if nothing else needs it.
    pub(in crate::collector) fn forget(&mut self, record: &Record) -> Arc<[u8]> {
        let name = self.nodes.get(record.node).map_or_else(|| Arc::from(&[][..]), |node| Arc::clone(&node.name));
        self.release(record.node);
        name
    }

    fn unlink_version(&mut self, node: Key<Node>, gone: Key<Record>, next: Option<Key<Record>>) {
        let Some(node) = self.nodes.get_mut(node) else { return };
        if node.versions == Some(gone) {
            node.versions = next;
            return;
        }
        let mut at = node.versions;
        while let Some(record) = at.and_then(|key| self.records.get_mut(key)) {
            if record.next_version == Some(gone) {
                record.next_version = next;
                return;
            }
            at = record.next_version;
        }
    }

    /// Lets go of an epoch that is over and has no records left.
    pub(in crate::collector) fn release_epoch(&mut self, key: Key<Epoch>) {
        if self.epochs.get(key).is_some_and(|epoch| !epoch.kept && epoch.records.len() == 0) {
            self.epochs.remove(key);
        }
    }

    /// Which record a reference means. Its own epoch knows best; else, of several, the one that was there when the referring record
    /// began: the newest that had started by then. A live one goes before an ended one of no known start.
    pub(in crate::collector) fn resolve(&self, node: Key<Node>, from: &Record) -> Option<(Key<Record>, &Record)> {
        let begin = from.number(Attribute::START_TIME).unwrap_or(u64::MAX).saturating_add(RESOLVE_SLACK_US);
        self.versions(node).max_by_key(|(_, record)| {
            let start = record.number(Attribute::START_TIME);
            let there = start.is_none_or(|start| start <= begin);
            (record.epoch == from.epoch, there, record.ended.is_none(), start, record.serial)
        })
    }

    /// The best version of an identity when nothing else is known: a live one, then the newest.
    pub(in crate::collector) fn best(&self, node: Key<Node>) -> Option<(Key<Record>, &Record)> {
        self.versions(node).max_by_key(|(_, record)| {
            let epoch = self.epochs.get(record.epoch).map(|epoch| epoch.number);
            (record.ended.is_none(), epoch, record.number(Attribute::START_TIME), record.serial)
        })
    }
}

/// Clocks of two sources may differ, and a record may begin at the same time as what it refers to.
const RESOLVE_SLACK_US: u64 = 5_000_000;

const fn ranks_of<'a>(class: Class, elements: &'a mut Ranks, flows: &'a mut Ranks, logs: &'a mut Ranks) -> &'a mut Ranks {
    match class {
        Class::Element => elements,
        Class::Flow => flows,
        Class::Log => logs,
    }
}
