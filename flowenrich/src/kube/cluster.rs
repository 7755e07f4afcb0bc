//! The writer's side: objects come, change and go.

use std::collections::{HashMap, HashSet, VecDeque, hash_map};
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use flowcodec::Timestamp;
use foldhash::fast::RandomState;

use super::addrs::Addrs;
use super::chains::{Chains, bit};
#[cfg(feature = "kube")]
use super::dump::Item;
use super::entry::{
    By, Claim, Claims, EVER, EndpointsEntry, Entry, Head, Holder, NEVER, NodeEntry, NodeName, OwnedEntry, OwnerName, Place,
    PodEntry, ServiceEntry, Uid,
};
use super::index::{Index, hash_owner, heads};
use super::object::{Endpoints, Meta, Node, Object, OwnerRef, Pod, Service};
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

/// What is kept for flows of its time.
#[derive(Debug)]
enum Departed {
    /// An object that went away.
    Holder(Holder),
    /// A former state of an object, in which it had an address that it does not have any more.
    State(Holder),
    /// A step to a workload that went away.
    Owned(Arc<OwnedEntry>),
}

/// Which object went away.
struct Gone {
    namespace: Box<str>,
    name: Box<str>,
    uid: Uid,
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

    fn apply_pod(&mut self, pod: Pod, now: Timestamp) -> bool {
        let Pod { meta, node, host_addr, addrs, networks, finished } = pod;
        if self.pods_own {
            self.step_changed("", "Pod", &meta.namespace, &meta.name);
        }
        let node = node.map(|node| NodeName { hash: self.index.hash_name("", &node), name: self.name(&node) });
        let owner = self.owner(meta.owner.as_ref(), &meta.namespace);
        let entry = PodEntry {
            node,
            host_addr,
            chain: owner.as_ref().map(|owner| owner.number),
            owner,
            terminating: meta.deletion_asked.unwrap_or(NEVER),
            // Done, and nobody knows since when: it never had anything.
            ended: finished.map_or(NEVER, |finished| finished.at.unwrap_or(EVER)),
            addrs: addrs.into(),
            networks: networks.into_iter().map(|(network, addr)| (self.name(&network), addr)).collect(),
            head: self.head(&meta),
        };
        self.apply_entry(entry, now)
    }

    fn apply_node(&mut self, node: Node, now: Timestamp) -> bool {
        let Node { meta, internal_addr, addrs, zone } = node;
        let zone = zone.map(|zone| self.name(&zone));
        let entry = NodeEntry { internal_addr, zone, addrs: addrs.into(), head: self.head(&meta) };
        self.apply_entry(entry, now)
    }

    fn apply_service(&mut self, service: Service, now: Timestamp) -> bool {
        let Service { meta, cluster_addrs, external_addrs, load_balancer_addrs, ports } = service;
        let lists = [(By::ClusterIp, cluster_addrs), (By::ExternalIp, external_addrs), (By::LoadBalancer, load_balancer_addrs)];
        let mut addrs: Vec<(By, IpAddr)> = Vec::new();
        for (by, addr) in lists.into_iter().flat_map(|(by, list)| list.into_iter().map(move |addr| (by, addr))) {
            // An address in two ways is said in the closest.
            if !addrs.iter().any(|(_, other)| *other == addr) {
                addrs.push((by, addr));
            }
        }
        let entry = ServiceEntry { addrs: addrs.into(), ports: ports.into(), head: self.head(&meta) };
        self.apply_entry(entry, now)
    }

    fn apply_endpoints<const SLICE: bool>(&mut self, endpoints: Endpoints, now: Timestamp) -> bool
    where
        EndpointsEntry<SLICE>: Entry,
    {
        let Endpoints { meta, service, addrs } = endpoints;
        if addrs.is_empty() && self.index.find_entry::<EndpointsEntry<SLICE>>(&meta.namespace, &meta.name).is_none() {
            // Nearly all of them: their addresses are pods.
            return false;
        }
        let entry = EndpointsEntry::<SLICE> { service: service.into(), addrs: addrs.into(), head: self.head(&meta) };
        self.apply_entry(entry, now)
    }

    fn apply_entry<E: Entry>(&mut self, entry: E, now: Timestamp) -> bool {
        let entry = Arc::new(entry);
        let new = Arc::clone(&entry).holder();
        let old = self.index.find_entry::<E>(&entry.head().namespace, &entry.head().name).cloned();
        if let Some(old) = old {
            match Age::of(entry.head(), old.head()) {
                Age::Stale => return false,
                Age::Same if old == entry => return false,
                Age::Same => self.supersede(&old.holder(), &new, entry.ended(), now),
                Age::Other => self.depart_entry(old, now),
            }
        }
        if entry.ended() > EVER {
            for (place, holder) in new.places() {
                self.claim(place, Claim::new(holder, entry.ended()));
            }
        }
        self.index.put_entry(entry);
        true
    }

    fn apply_other(&mut self, meta: &Meta) -> bool {
        let hash = self.index.hash_owner(&meta.group, &meta.kind, &meta.namespace, &meta.name);
        let is = |owned: &Arc<OwnedEntry>| {
            let same = *owned.head.namespace == *meta.namespace && *owned.head.name == *meta.name;
            same && *owned.kind == *meta.kind && *owned.group == *meta.group
        };
        let old = self.index.owned.find(hash, is).cloned();
        let head = self.head(meta);
        if old.as_ref().is_some_and(|old| matches!(Age::of(&head, &old.head), Age::Stale)) {
            return false;
        }
        let Some(owner) = self.owner(meta.owner.as_ref(), &meta.namespace) else {
            self.steps_changed |= bit(hash);
            return self.index.owned.remove(hash, is).is_some();
        };
        let entry = Arc::new(OwnedEntry { group: self.name(&meta.group), kind: self.name(&meta.kind), owner, head });
        if old.is_some_and(|old| old == entry) {
            return false;
        }
        self.steps_changed |= bit(hash);
        let hasher = self.index.hasher.clone();
        let rehash = |it: &Arc<OwnedEntry>| hash_owner(&hasher, &it.group, &it.kind, &it.head.namespace, &it.head.name);
        self.index.owned.insert(hash, entry, is, rehash);
        true
    }

    /// An object went away.
    fn depart(&mut self, group: &str, kind: &str, head: &Gone, now: Timestamp) {
        let Gone { namespace, name, uid } = head;
        match (group, kind) {
            ("", "Pod") => self.depart_named::<PodEntry>(head, now),
            ("", "Node") => self.depart_named::<NodeEntry>(head, now),
            ("", "Service") => self.depart_named::<ServiceEntry>(head, now),
            ("", "Endpoints") => self.depart_named::<EndpointsEntry<false>>(head, now),
            (SLICES, "EndpointSlice") => self.depart_named::<EndpointsEntry<true>>(head, now),
            _ => {
                let hash = self.index.hash_owner(group, kind, namespace, name);
                let is = |owned: &Arc<OwnedEntry>| {
                    let same = *owned.head.namespace == **namespace && *owned.head.name == **name;
                    same && !owned.head.uid.differs(*uid) && *owned.kind == *kind && *owned.group == *group
                };
                if let Some(owned) = self.index.owned.find(hash, is).cloned() {
                    self.keep_for_a_while(Departed::Owned(owned), now);
                }
            }
        }
    }

    fn depart_named<E: Entry>(&mut self, gone: &Gone, now: Timestamp) {
        let found = self.index.find_entry::<E>(&gone.namespace, &gone.name);
        if let Some(entry) = found.filter(|entry| !entry.head().uid.differs(gone.uid)).cloned() {
            self.depart_entry(entry, now);
        }
    }

    /// Its claims end now, and are kept for a while.
    fn depart_entry<E: Entry>(&mut self, entry: Arc<E>, now: Timestamp) {
        if self.gone.get(&self.gravestone(entry.head())).is_some_and(|created| *created >= entry.head().created) {
            return;
        }
        // Nodes stay findable by name, for the pods that ran on them; without an id they could not come back then.
        if !E::FOUND_BY_NAME || !entry.head().uid.is_known() {
            self.index.remove_entry(&entry);
        }
        let holder = entry.holder();
        if self.pods_own && matches!(holder, Holder::Pod(_)) {
            let Head { namespace, name, .. } = holder.head();
            self.step_changed("", "Pod", namespace, name);
        }
        for (place, held) in holder.places() {
            self.end_claim(place, &held, now);
        }
        self.keep_for_a_while(Departed::Holder(holder), now);
    }

    fn keep_for_a_while(&mut self, what: Departed, now: Timestamp) {
        let (gravestone, created) = (self.gravestone(what.head()), what.head().created);
        if what.head().uid.is_known() {
            if self.gone.get(&gravestone).is_some_and(|other| *other >= created) {
                return;
            }
            self.gone.insert(gravestone, created);
        }
        self.changed = true;
        self.counts.departed = self.counts.departed.saturating_add(1);
        self.departed.push_back((now.offset(self.index.settings.retention_nanos), what));
    }

    /// The same object in a new state: what it does not have any more ends and is kept for a while, what it still has is claimed anew by
    /// the caller. `ended` is the end of the new state: at [`EVER`] nothing was ever right.
    fn supersede(&mut self, old: &Holder, new: &Holder, ended: Timestamp, now: Timestamp) {
        let kept = new.places();
        let mut lost = false;
        for (place, holder) in old.places() {
            if ended == EVER || kept.iter().any(|(other, _)| *other == place) {
                self.change_claims(place, |claims| claims.retain(|claim| !claim.holder.is(&holder)));
            } else {
                lost = true;
                self.end_claim(place, &holder, now.min(ended));
            }
        }
        if lost {
            let expires = now.offset(self.index.settings.retention_nanos);
            self.departed.push_back((expires, Departed::State(old.clone())));
        }
    }

    fn claim(&mut self, place: Place, claim: Claim) {
        match place {
            Place::Addr(addr) => self.index.addrs.push(addr, claim),
            Place::Network(network, addr) => {
                let networks = Arc::make_mut(&mut self.index.networks);
                networks.entry((&*network).into()).or_insert_with(Addrs::new).push(addr, claim);
            }
            Place::NodePort(number) => match Arc::make_mut(&mut self.index.node_ports).entry(number) {
                hash_map::Entry::Occupied(claims) => claims.into_mut().push(claim),
                hash_map::Entry::Vacant(place) => {
                    place.insert(Claims::new(claim));
                }
            },
        }
    }

    fn end_claim(&mut self, place: Place, holder: &Holder, until: Timestamp) {
        self.change_claims(place, |claims| {
            claims.for_each_mut(|claim| {
                if claim.holder.is(holder) && until < claim.until {
                    claim.until = until;
                    claim.departed = true;
                }
            });
            true
        });
    }

    /// Changes the claims to a place, if there are any; `change` says whether any is left.
    fn change_claims(&mut self, place: Place, change: impl FnOnce(&mut Claims) -> bool) {
        match place {
            Place::Addr(addr) => self.index.addrs.change(addr, change),
            Place::Network(network, addr) => {
                if !self.index.networks.contains_key(&*network) {
                    return;
                }
                let networks = Arc::make_mut(&mut self.index.networks);
                let Some(addrs) = networks.get_mut(&*network) else { return };
                addrs.change(addr, change);
                if addrs.len() == 0 {
                    networks.remove(&*network);
                }
            }
            Place::NodePort(number) => {
                if !self.index.node_ports.contains_key(&number) {
                    return;
                }
                let ports = Arc::make_mut(&mut self.index.node_ports);
                if !ports.get_mut(&number).is_some_and(change) {
                    ports.remove(&number);
                }
            }
        }
    }

    fn evict(&mut self) {
        while self.departed.len() > self.index.settings.max_departed {
            self.forget_oldest();
            self.counts.evicted = self.counts.evicted.saturating_add(1);
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, what)) = self.departed.pop_front() else { return };
        self.changed = true;
        if !matches!(what, Departed::State(_)) {
            let gravestone = self.gravestone(what.head());
            if self.gone.get(&gravestone) == Some(&what.head().created) {
                self.gone.remove(&gravestone);
            }
        }
        match what {
            Departed::Owned(owned) => {
                let hash = self.index.hash_owner(&owned.group, &owned.kind, &owned.head.namespace, &owned.head.name);
                self.steps_changed |= bit(hash);
                self.index.owned.remove(hash, |other| Arc::ptr_eq(other, &owned));
            }
            Departed::Holder(holder) | Departed::State(holder) => {
                for (place, held) in holder.places() {
                    self.change_claims(place, |claims| claims.retain(|claim| !claim.holder.is(&held)));
                }
                if let Holder::Node(node) = &holder {
                    self.index.remove_entry(node);
                }
            }
        }
    }

    /// Forgets names that nobody uses any more, now and then.
    fn sweep(&mut self) {
        if self.names.len().saturating_add(self.owners.len()) < self.sweep_at {
            return;
        }
        // What only stands here has a count of one. A reader may still hold an index that uses it: then it goes the next time.
        let Self { owners, numbers, .. } = self;
        owners.retain(|owner| {
            let used = Arc::strong_count(owner) > 1;
            if !used {
                numbers.free.push(owner.number);
            }
            used
        });
        self.names.retain(|name| Arc::strong_count(name) > 1);
        self.sweep_at = self.names.len().saturating_add(self.owners.len()).saturating_mul(2).max(1_024);
    }

    fn head(&mut self, meta: &Meta) -> Head {
        Head {
            name: meta.name.as_str().into(),
            namespace: self.name(&meta.namespace),
            uid: Uid::new(&meta.uid),
            version: meta.resource_version.unwrap_or(0),
            created: meta.created.unwrap_or(EVER),
        }
    }

    fn name(&mut self, text: &str) -> Arc<str> {
        shared(&mut self.names, text)
    }

    fn owner(&mut self, reference: Option<&OwnerRef>, namespace: &str) -> Option<Arc<OwnerName>> {
        let OwnerRef { group, kind, name, uid } = reference?;
        let mut owner = OwnerName {
            group: self.name(group),
            kind: self.name(kind),
            namespace: self.name(namespace),
            name: name.as_str().into(),
            uid: Uid::new(uid),
            hashes: [namespace, ""].map(|namespace| self.index.hash_owner(group, kind, namespace, name)),
            number: 0,
        };
        if let Some(known) = self.owners.get(&owner) {
            return Some(Arc::clone(known));
        }
        owner.number = self.numbers.take();
        self.pods_own |= owner.group.is_empty() && &*owner.kind == "Pod";
        let owner = Arc::new(owner);
        self.owners.insert(Arc::clone(&owner));
        Some(owner)
    }

    /// An object through which others may be owned came, changed or went.
    fn step_changed(&mut self, group: &str, kind: &str, namespace: &str, name: &str) {
        self.steps_changed |= bit(self.index.hash_owner(group, kind, namespace, name));
    }
}

/// Numbers of owners, used again when their owner is forgotten.
#[derive(Debug, Default)]
struct Numbers {
    next: u32,
    free: Vec<u32>,
    /// Taken again since readers were shown the index last.
    reused: HashSet<u32>,
}

impl Numbers {
    fn take(&mut self) -> u32 {
        if let Some(number) = self.free.pop() {
            self.reused.insert(number);
            return number;
        }
        let number = self.next;
        self.next = number.saturating_add(1);
        number
    }
}

impl Departed {
    fn head(&self) -> &Head {
        match self {
            Self::Holder(holder) | Self::State(holder) => holder.head(),
            Self::Owned(owned) => &owned.head,
        }
    }
}

/// How a state relates to what is known under its name.
enum Age {
    /// The same object, not older.
    Same,
    /// Another object of the same name.
    Other,
    /// Older than what is known.
    Stale,
}

impl Age {
    fn of(new: &Head, old: &Head) -> Self {
        if old.uid.differs(new.uid) {
            // Of two generations the one created later is the newer; a late repetition of the older is not taken.
            return if new.created < old.created { Self::Stale } else { Self::Other };
        }
        if new.version != 0 && new.version < old.version { Self::Stale } else { Self::Same }
    }
}

fn shared<T: Eq + Hash + ?Sized>(names: &mut HashSet<Arc<T>>, name: &T) -> Arc<T>
where
    for<'n> Arc<T>: From<&'n T>,
{
    if let Some(known) = names.get(name) {
        return Arc::clone(known);
    }
    let new = Arc::from(name);
    names.insert(Arc::clone(&new));
    new
}
