//! The writer's side: objects come, change and go.

mod apply;
mod depart;
mod names;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use flowcodec::Timestamp;
use foldhash::fast::RandomState;

use self::depart::{Departed, Gone};
use self::names::Numbers;
use super::addrs::Addrs;
use super::chains::Chains;
#[cfg(feature = "kube")]
use super::dump::Item;
use super::entry::{EVER, EndpointsEntry, Head, NodeEntry, OwnerName, PodEntry, ServiceEntry, Uid};
use super::index::{Index, heads};
use super::object::{Meta, Object};
use super::settings::Settings;
use crate::live::Live;
use crate::shards::Shards;

/// A cluster as it is told: the one writer of an [`Index`]. It has no socket and no clock; times are arguments, and mean when a
/// thing was learned.
///
/// Readers see what was last [published](Self::publish).
#[derive(Debug)]
pub struct Cluster {
    index: Index,
    live: Live<Index>,
    changed: bool,
    names: HashSet<Arc<str>>,
    owners: HashSet<Arc<OwnerName>>,
    numbers: Numbers,
    /// Steps to workloads that changed since readers were shown them last, as [`bit`]s.
    steps_changed: u64,
    /// Whether any pod owns something, so that it is a step.
    pods_own: bool,
    /// Indices that readers may still hold: whoever lets go of one should not have to take it down.
    replaced: Vec<Arc<Index>>,
    /// Size at which unused names are looked for next.
    pub(super) sweep_at: usize,
    /// Former objects, and when their time is over.
    departed: VecDeque<(Timestamp, Departed)>,
    /// Departed objects, and when they were created: a repeated state of one must not bring it back.
    gone: HashMap<Gravestone, Timestamp>,
    /// Lists under way: a few at a time.
    listings: Vec<Listing>,
    /// Group and kind of lists that were complete once.
    complete: HashSet<(Box<str>, Box<str>)>,
    counts: Counts,
}

/// Id and hash of the name: an id alone could be used again, where a cluster is set back to a former state.
type Gravestone = (Uid, u64);

/// Namespace and name.
type ObjectName = (Box<str>, Box<str>);

/// The group of endpoint slices.
const SLICES: &str = "discovery.k8s.io";

/// A list under way.
#[derive(Debug)]
struct Listing {
    group: Box<str>,
    kind: Box<str>,
    /// Objects that it named so far.
    seen: HashSet<ObjectName>,
}

impl Listing {
    fn is_of(&self, group: &str, kind: &str) -> bool {
        *self.kind == *kind && *self.group == *group
    }
}

/// What a [`Cluster`] was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// States that changed something.
    pub applied: u64,
    /// States that said nothing new, or were older than what is known.
    pub ignored: u64,
    /// Objects that went away.
    pub departed: u64,
    /// Departed objects that were forgotten when their time was over.
    pub expired: u64,
    /// Departed objects that were forgotten early, because there were more than `max_departed`.
    pub evicted: u64,
    /// What could not be read of objects; the rest of them was.
    pub problems: u64,
}

impl Default for Cluster {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

impl Cluster {
    /// Nothing known, and not synced.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let index = Index {
            settings: Arc::new(settings),
            synced: false,
            hasher: RandomState::default(),
            addrs: Addrs::new(),
            networks: Arc::default(),
            node_ports: Arc::default(),
            pods: Shards::new(),
            nodes: Shards::new(),
            services: Shards::new(),
            endpoints: Shards::new(),
            slices: Shards::new(),
            owned: Shards::new(),
            chains: Chains::default(),
        };
        Self {
            live: Live::new(index.clone()),
            index,
            changed: false,
            names: HashSet::new(),
            owners: HashSet::new(),
            numbers: Numbers::default(),
            steps_changed: 0,
            pods_own: false,
            replaced: Vec::new(),
            sweep_at: 1_024,
            departed: VecDeque::new(),
            gone: HashMap::new(),
            listings: Vec::new(),
            complete: HashSet::new(),
            counts: Counts::default(),
        }
    }

    /// Where readers find the index: the same slot at every call.
    #[must_use]
    pub fn live(&self) -> Live<Index> {
        self.live.clone()
    }

    /// Shows readers what was told so far. Costs the pieces that changed since the last time (an index is 128 pieces for each kind), so
    /// under many changes it is better done some ten times a second than for each.
    pub fn publish(&mut self) {
        if std::mem::take(&mut self.changed) {
            let Numbers { next, reused, .. } = &mut self.numbers;
            self.index.chains.renew(std::mem::take(&mut self.steps_changed), &std::mem::take(reused), *next);
            self.replaced.push(self.live.replace(self.index.clone()));
            self.sweep();
        }
        self.replaced.retain(|index| Arc::strong_count(index) > 1);
    }

    /// What it was told.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes all of a dump, says that it is complete, and publishes. What was known before and is not in it stays.
    pub fn load(&mut self, objects: impl IntoIterator<Item = Object>, now: Timestamp) {
        objects.into_iter().for_each(|object| self.apply(object, now));
        self.set_synced();
        self.publish();
    }

    /// Reads an object as the API wrote it. What is wrong with it is counted.
    #[cfg(feature = "kube")]
    pub(super) fn read(&mut self, item: &Item<'_>) -> Option<Object> {
        let mut problems = Vec::new();
        let object = item.object(&mut problems);
        self.counts.problems = self.counts.problems.saturating_add(u64::try_from(problems.len()).unwrap_or(u64::MAX));
        object
    }

    /// An object exists in this state: an item of a list, or what a watch calls ADDED or MODIFIED. Repeated states change nothing.
    pub fn apply(&mut self, object: Object, now: Timestamp) {
        let Meta { group, kind, namespace, name, .. } = object.meta();
        if let Some(listing) = self.listings.iter_mut().find(|listing| listing.is_of(group, kind)) {
            listing.seen.insert((namespace.as_str().into(), name.as_str().into()));
        }
        if self.is_gone(object.meta()) {
            self.counts.ignored = self.counts.ignored.saturating_add(1);
            return;
        }
        let applied = match object {
            Object::Pod(pod) => self.apply_pod(pod, now),
            Object::Node(node) => self.apply_node(node, now),
            Object::Service(service) => self.apply_service(service, now),
            Object::Endpoints(endpoints) if endpoints.meta.group.is_empty() => self.apply_endpoints::<false>(endpoints, now),
            Object::Endpoints(slice) => self.apply_endpoints::<true>(slice, now),
            Object::Other(meta) => self.apply_other(&meta),
        };
        self.changed |= applied;
        let counter = if applied { &mut self.counts.applied } else { &mut self.counts.ignored };
        *counter = counter.saturating_add(1);
        self.evict();
    }

    /// An object is gone; its last known state is taken first. It answers for flows of its time as long as
    /// [`Settings::retention_nanos`] says.
    pub fn delete(&mut self, object: Object, now: Timestamp) {
        let meta = object.meta().clone();
        self.apply(object, now);
        let gone = Gone { namespace: meta.namespace.into(), name: meta.name.into(), uid: Uid::new(&meta.uid) };
        self.depart(&meta.group, &meta.kind, &gone, now);
        self.evict();
    }

    /// A complete list of one kind begins: its API group, empty for the core, and its name (`""` and `Pod`, `apps` and `ReplicaSet`). Its
    /// items follow by [`apply`](Self::apply), in as many pages as it takes. A list that was under way is forgotten: nothing departs
    /// because of it.
    pub fn begin_list(&mut self, group: &str, kind: &str) {
        self.listings.retain(|listing| !listing.is_of(group, kind));
        self.listings.push(Listing { group: group.into(), kind: kind.into(), seen: HashSet::new() });
    }

    /// The list is complete: what it did not name went away unseen. Once all [needed](Settings::needed) kinds are complete, the index is
    /// synced, and stays so when lists are made anew.
    pub fn finish_list(&mut self, group: &str, kind: &str, now: Timestamp) {
        let Some(place) = self.listings.iter().position(|listing| listing.is_of(group, kind)) else { return };
        let Listing { group, kind, seen } = self.listings.swap_remove(place);
        for gone in self.unseen(&group, &kind, &seen) {
            self.depart(&group, &kind, &gone, now);
        }
        self.complete.insert((group, kind));
        if self.index.settings.needed.iter().all(|needed| self.complete.contains(needed)) {
            self.set_synced();
        }
        self.evict();
    }

    /// What is known of a kind and was not named.
    fn unseen(&self, group: &str, kind: &str, seen: &HashSet<ObjectName>) -> Vec<Gone> {
        fn missing<'h>(heads: impl Iterator<Item = &'h Head>, seen: &HashSet<ObjectName>) -> Vec<Gone> {
            let names = heads.map(|head| (((&*head.namespace).into(), head.name.clone()), head.uid));
            let unseen = names.filter(|(name, _)| !seen.contains(name));
            unseen.map(|((namespace, name), uid)| Gone { namespace, name, uid }).collect()
        }
        match (group, kind) {
            ("", "Pod") => missing(heads::<PodEntry>(&self.index), seen),
            ("", "Node") => missing(heads::<NodeEntry>(&self.index), seen),
            ("", "Service") => missing(heads::<ServiceEntry>(&self.index), seen),
            ("", "Endpoints") => missing(heads::<EndpointsEntry<false>>(&self.index), seen),
            (SLICES, "EndpointSlice") => missing(heads::<EndpointsEntry<true>>(&self.index), seen),
            _ => {
                let of_kind = self.index.owned.iter().filter(|owned| *owned.kind == *kind && *owned.group == *group);
                missing(of_kind.map(|owned| &owned.head), seen)
            }
        }
    }

    /// Time passes: departed objects whose time is over are forgotten. Once a second is often enough.
    pub fn tick(&mut self, now: Timestamp) {
        while self.departed.front().is_some_and(|(expires, _)| *expires <= now) {
            self.forget_oldest();
            self.counts.expired = self.counts.expired.saturating_add(1);
        }
        if self.departed.capacity() > self.departed.len().saturating_mul(4).max(64) {
            self.departed.shrink_to_fit();
            self.gone.shrink_to_fit();
            self.index.shrink();
            self.sweep_at = 0;
        }
    }

    fn gravestone(&self, head: &Head) -> Gravestone {
        (head.uid, self.index.hash_name(&head.namespace, &head.name))
    }

    /// Whether this is a state of an object that departed.
    fn is_gone(&self, meta: &Meta) -> bool {
        let uid = Uid::new(&meta.uid);
        let created = self.gone.get(&(uid, self.index.hash_name(&meta.namespace, &meta.name)));
        uid.is_known() && created.is_some_and(|created| *created >= meta.created.unwrap_or(EVER))
    }

    fn set_synced(&mut self) {
        self.changed |= !self.index.synced;
        self.index.synced = true;
    }
}
