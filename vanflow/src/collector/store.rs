//! Records, and the identities that they have and refer to.
//!
//! An identity is a *node*: records may refer to it before anybody describes it, and several sources, or several epochs of one, may
//! describe it. Each such description is a record, a *version* of the node. References hold the node, so that nothing has to be done to
//! who refers to a record when it comes, changes or goes: every update costs what it says, not what is held.

use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher as _;
use std::sync::Arc;

use flowcodec::{Text, Timestamp};
use foldhash::fast::RandomState;

use super::settings::Settings;
use super::slab::{Chain, Key, Lane, Link, Linked, Slab};
use super::sources::Source;
use super::view::EndedBy;
use crate::record::{Attribute, Class, RecordType, Scalar, ValueKind, definition};

/// An identity.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: Arc<[u8]>,
    /// The newest version; the others follow it.
    pub(super) versions: Option<Key<Record>>,
    /// Records that refer to it.
    references: u32,
    /// Connector-side flows that name it as their counterflow; more than [`COUNTERPARTS`] are not kept.
    pub(super) counterparts: Vec<Key<Record>>,
}

/// One pair has one counterpart; epochs may add some.
const COUNTERPARTS: usize = 4;

/// A value of a record.
#[derive(Debug)]
pub(super) enum Held {
    Number(u64),
    Text(Box<[u8]>),
    Reference(Key<Node>),
}

/// One description of one identity, by one epoch of one source.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) serial: u64,
    pub(super) kind: RecordType,
    class: Class,
    pub(super) node: Key<Node>,
    pub(super) epoch: Key<Epoch>,
    /// By code.
    pub(super) attributes: Vec<(Attribute, Held)>,
    pub(super) created: Timestamp,
    pub(super) heard: Timestamp,
    pub(super) updates: u64,
    pub(super) ended: Option<(EndedBy, Timestamp)>,
    pub(super) next_version: Option<Key<Self>>,
    /// Whether a change of it waits to be polled.
    pub(super) queued: bool,
    bytes: usize,
    by_class: Link<Self>,
    by_epoch: Link<Self>,
}

impl Linked for Record {
    fn link(&mut self, lane: Lane) -> &mut Link<Self> {
        match lane {
            Lane::Class => &mut self.by_class,
            Lane::Epoch => &mut self.by_epoch,
        }
    }

    fn link_of(&self, lane: Lane) -> &Link<Self> {
        match lane {
            Lane::Class => &self.by_class,
            Lane::Epoch => &self.by_epoch,
        }
    }
}

impl Record {
    pub(super) fn held(&self, attribute: Attribute) -> Option<&Held> {
        let place = self.attributes.binary_search_by_key(&attribute, |(code, _)| *code).ok()?;
        self.attributes.get(place).map(|(_, held)| held)
    }

    pub(super) fn number(&self, attribute: Attribute) -> Option<u64> {
        if let Some(Held::Number(number)) = self.held(attribute) { Some(*number) } else { None }
    }

    pub(super) fn reference(&self, attribute: Attribute) -> Option<Key<Node>> {
        if let Some(Held::Reference(node)) = self.held(attribute) { Some(*node) } else { None }
    }

    /// Whether the source says that it ended: 0, and an end before the start, say that it did not.
    fn says_ended(&self) -> bool {
        self.number(Attribute::END_TIME).is_some_and(|end| end > 0 && end >= self.number(Attribute::START_TIME).unwrap_or(0))
    }
}

/// A time between two restarts of a source.
#[derive(Debug)]
pub(super) struct Epoch {
    pub(super) source: Key<Source>,
    pub(super) number: u64,
    /// How and when it ended.
    pub(super) ended: Option<(EndedBy, Timestamp)>,
    /// Records of it that are held.
    pub(super) records: Chain<Record>,
    /// Of these, those of [`Class::Element`].
    elements: usize,
    /// Whether its source still counts on it.
    pub(super) kept: bool,
}

impl Epoch {
    /// One that its source counts on.
    pub(super) const fn new(source: Key<Source>, number: u64) -> Self {
        Self { source, number, ended: None, records: Chain::new(Lane::Epoch), elements: 0, kept: true }
    }
}

/// What is known of the flows that name a parent.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    seen: u64,
    held: u64,
}

/// What setting an attribute did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    Changed,
    Unchanged,
    Refused,
}

/// Live and ended records of one class, by age.
#[derive(Debug)]
pub(super) struct Ranks {
    pub(super) live: Chain<Record>,
    pub(super) ended: Chain<Record>,
}

#[derive(Debug)]
pub(super) struct Store {
    pub(super) records: Slab<Record>,
    pub(super) nodes: Slab<Node>,
    pub(super) epochs: Slab<Epoch>,
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
    pub(super) fn new() -> Self {
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

    pub(super) const fn ranks(&self, class: Class) -> &Ranks {
        match class {
            Class::Element => &self.elements,
            Class::Flow => &self.flows,
            Class::Log => &self.logs,
        }
    }

    /// Octets of all records, as they are accounted.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) const fn held(&self, class: Class) -> usize {
        let ranks = self.ranks(class);
        ranks.live.len().saturating_add(ranks.ended.len())
    }

    pub(super) fn hash(&self, octets: &[u8]) -> u64 {
        self.hasher.hash_one(octets)
    }

    // Identities.

    pub(super) fn node(&self, name: &[u8]) -> Option<Key<Node>> {
        self.by_name.get(name).copied()
    }

    pub(super) fn name(&self, node: Key<Node>) -> Text<'_> {
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

    pub(super) fn versions(&self, node: Key<Node>) -> impl Iterator<Item = (Key<Record>, &Record)> {
        let mut at = self.nodes.get(node).and_then(|node| node.versions);
        core::iter::from_fn(move || {
            let key = at?;
            let record = self.records.get(key)?;
            at = record.next_version;
            Some((key, record))
        })
    }

    pub(super) fn version_of(&self, node: Key<Node>, epoch: Key<Epoch>) -> Option<Key<Record>> {
        self.versions(node).find(|(_, record)| record.epoch == epoch).map(|(key, _)| key)
    }

    // Records.

    /// A new record. Its place among the caps was made by the caller.
    pub(super) fn create(
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

    pub(super) fn elements_of(&self, epoch: Key<Epoch>) -> usize {
        self.epochs.get(epoch).map_or(0, |epoch| epoch.elements)
    }

    /// Makes room for as many attributes at once.
    pub(super) fn expect(&mut self, key: Key<Record>, attributes: usize) {
        let Some(record) = self.records.get_mut(key) else { return };
        let before = record.attributes.capacity();
        record.attributes.reserve_exact(attributes.saturating_sub(record.attributes.len()));
        let more = record.attributes.capacity().saturating_sub(before).saturating_mul(size_of::<(Attribute, Held)>());
        record.bytes = record.bytes.saturating_add(more);
        self.bytes = self.bytes.saturating_add(more);
    }

    /// Sets one attribute, if it is within the caps.
    pub(super) fn set(&mut self, key: Key<Record>, attribute: Attribute, value: Scalar<'_>, caps: &Settings) -> Set {
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

    /// Enters what an attribute of this record is found by.
    fn hook(&mut self, key: Key<Record>, attribute: Attribute) {
        let Some(record) = self.records.get(key) else { return };
        let epoch = record.epoch;
        match (record.kind, attribute) {
            (RecordType::PROCESS, Attribute::PARENT | Attribute::SOURCE_HOST) => {
                if let Some((site, host)) = self.site_and_host(record)
                    && self.hosts.insert((site, host, key))
                {
                    self.bytes = self.bytes.saturating_add(HOST_BYTES);
                }
            }
            (RecordType::FLOW, Attribute::COUNTERFLOW) => {
                if let Some(node) = record.reference(attribute).and_then(|node| self.nodes.get_mut(node))
                    && node.counterparts.len() < COUNTERPARTS
                {
                    node.counterparts.push(key);
                }
            }
            (_, Attribute::PARENT) if record.class == Class::Flow => {
                if let Some(parent) = record.reference(attribute) {
                    let bytes = &mut self.bytes;
                    let tally = self.tallies.entry((parent, epoch)).or_insert_with(|| {
                        *bytes = bytes.saturating_add(TALLY_BYTES);
                        Tally::default()
                    });
                    tally.seen = tally.seen.saturating_add(1);
                    tally.held = tally.held.saturating_add(1);
                }
            }
            _ => {}
        }
    }

    /// Undoes [`hook`](Self::hook).
    fn unhook(&mut self, key: Key<Record>, attribute: Attribute) {
        let Some(record) = self.records.get(key) else { return };
        let epoch = record.epoch;
        match (record.kind, attribute) {
            (RecordType::PROCESS, Attribute::PARENT | Attribute::SOURCE_HOST) => {
                if let Some((site, host)) = self.site_and_host(record)
                    && self.hosts.remove(&(site, host, key))
                {
                    self.bytes = self.bytes.saturating_sub(HOST_BYTES);
                }
            }
            (RecordType::FLOW, Attribute::COUNTERFLOW) => {
                if let Some(node) = record.reference(attribute).and_then(|node| self.nodes.get_mut(node)) {
                    node.counterparts.retain(|counterpart| *counterpart != key);
                }
            }
            (_, Attribute::PARENT) if record.class == Class::Flow => {
                if let Some(parent) = record.reference(attribute) {
                    if let Some(tally) = self.tallies.get_mut(&(parent, epoch)) {
                        tally.held = tally.held.saturating_sub(1);
                    }
                    self.release_tally(parent, epoch);
                }
            }
            _ => {}
        }
    }

    /// Lets go of a tally whose parent is not described and whose flows are gone.
    fn release_tally(&mut self, parent: Key<Node>, epoch: Key<Epoch>) {
        let empty = self.tallies.get(&(parent, epoch)).is_some_and(|tally| tally.held == 0);
        if empty && self.version_of(parent, epoch).is_none() {
            self.tallies.remove(&(parent, epoch));
            self.bytes = self.bytes.saturating_sub(TALLY_BYTES);
        }
    }

    /// How many flows of an epoch named this parent, also those that went.
    pub(super) fn flows_seen(&self, parent: Key<Node>, epoch: Key<Epoch>) -> u64 {
        self.tallies.get(&(parent, epoch)).map_or(0, |tally| tally.seen)
    }

    fn site_and_host(&self, process: &Record) -> Option<(Key<Node>, u64)> {
        let site = process.reference(Attribute::PARENT)?;
        let Some(Held::Text(host)) = process.held(Attribute::SOURCE_HOST) else { return None };
        Some((site, self.hash(host)))
    }

    /// Live processes of a host in a site, and ended ones behind them.
    pub(super) fn processes_at(&self, site: Key<Node>, host: Text<'_>) -> impl Iterator<Item = (Key<Record>, &Record)> {
        let hash = self.hash(host.as_bytes());
        let octets = host.as_bytes().to_vec();
        self.hosts
            .range((site, hash, Key::MIN)..=(site, hash, Key::MAX))
            .filter_map(|&(_, _, key)| Some((key, self.records.get(key)?)))
            .filter(move |(_, record)| matches!(record.held(Attribute::SOURCE_HOST), Some(Held::Text(text)) if **text == *octets))
    }

    /// Ends a record, or has it live again, by what it and its epoch say. `true` when that changed.
    pub(super) fn judge_end(&mut self, key: Key<Record>, now: Timestamp) -> bool {
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
    pub(super) fn remove(&mut self, key: Key<Record>) -> Option<Record> {
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
    pub(super) fn forget(&mut self, record: &Record) -> Arc<[u8]> {
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
    pub(super) fn release_epoch(&mut self, key: Key<Epoch>) {
        if self.epochs.get(key).is_some_and(|epoch| !epoch.kept && epoch.records.len() == 0) {
            self.epochs.remove(key);
        }
    }

    /// Which record a reference means. Its own epoch knows best; else, of several, the one that was there when the referring record
    /// began: the newest that had started by then. A live one goes before an ended one of no known start.
    pub(super) fn resolve(&self, node: Key<Node>, from: &Record) -> Option<(Key<Record>, &Record)> {
        let begin = from.number(Attribute::START_TIME).unwrap_or(u64::MAX).saturating_add(RESOLVE_SLACK_US);
        self.versions(node).max_by_key(|(_, record)| {
            let start = record.number(Attribute::START_TIME);
            let there = start.is_none_or(|start| start <= begin);
            (record.epoch == from.epoch, there, record.ended.is_none(), start, record.serial)
        })
    }

    /// The best version of an identity when nothing else is known: a live one, then the newest.
    pub(super) fn best(&self, node: Key<Node>) -> Option<(Key<Record>, &Record)> {
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

impl Held {
    fn octets(&self) -> usize {
        if let Self::Text(text) = self { text.len() } else { 0 }
    }
}
