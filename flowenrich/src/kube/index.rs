//! The index that readers ask: immutable, cheap to clone.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use flowcodec::Timestamp;
use foldhash::fast::RandomState;

use super::addrs::{Addrs, Asked};
use super::answer::{Answer, Candidate};
use super::chains::{Chain, Chains};
use super::claims::{Claim, Claims};
use super::entry::{By, EndpointsEntry, Entry, Head, Holder, NodeEntry, NodeName, OwnedEntry, OwnerName, PodEntry, ServiceEntry};
use super::settings::Settings;
use crate::lookup::{AddrKey, Found, Lookup, Port, Question, Scope};
use crate::shards::Shards;

/// Who has which address, as far as it was told by some moment. A clone shares everything.
///
/// See the [module](super) for the rules of an answer.
#[derive(Debug, Clone)]
pub struct Index {
    pub(super) settings: Arc<Settings>,
    pub(super) synced: bool,
    pub(super) hasher: RandomState,
    pub(super) addrs: Addrs,
    /// Secondary and user-defined networks by name.
    pub(super) networks: Arc<HashMap<Box<str>, Addrs>>,
    pub(super) node_ports: Arc<HashMap<u16, Claims>>,
    pub(super) pods: Shards<Arc<PodEntry>>,
    pub(super) nodes: Shards<Arc<NodeEntry>>,
    pub(super) services: Shards<Arc<ServiceEntry>>,
    pub(super) endpoints: Shards<Arc<EndpointsEntry<false>>>,
    pub(super) slices: Shards<Arc<EndpointsEntry<true>>>,
    pub(super) owned: Shards<Arc<OwnedEntry>>,
    pub(super) chains: Chains,
}

impl Lookup for Index {
    type Answer<'a> = Answer<'a>;

    fn lookup<'a>(&'a self, key: AddrKey<'_>, at: Timestamp) -> Found<Answer<'a>> {
        if !self.synced {
            return Found::NotSynced;
        }
        self.tell(self.ask(&key), &Question { key, at }, |found| found)
    }

    fn lookup_all<'a>(&'a self, questions: &[Question<'_>], mut each: impl FnMut(usize, Found<Answer<'a>>)) {
        if !self.synced {
            (0..questions.len()).for_each(|place| each(place, Found::NotSynced));
            return;
        }
        // First some dozens are begun, so that the processor fetches many at once; then what came is read.
        let mut begun = [Asked::default(); AT_ONCE];
        for (block, first) in questions.chunks(AT_ONCE).zip((0_usize..).step_by(AT_ONCE)) {
            for (asked, question) in begun.iter_mut().zip(block) {
                *asked = self.ask(&question.key);
            }
            for (place, (asked, question)) in begun.iter().zip(block).enumerate() {
                self.tell(*asked, question, |found| each(first.saturating_add(place), found));
            }
        }
    }
}

/// Questions that wait for memory together.
const AT_ONCE: usize = 64;

impl Index {
    /// Whether all lists it is made of were complete once.
    #[must_use]
    pub const fn is_synced(&self) -> bool {
        self.synced
    }

    /// Pods that exist now.
    #[must_use]
    pub fn pod_count(&self) -> usize {
        self.pods.len()
    }

    #[inline]
    fn ask(&self, key: &AddrKey<'_>) -> Asked<'_> {
        let addrs = if key.scope().is_default() { Some(&self.addrs) } else { self.networks.get(key.scope().name()) };
        addrs.map_or_else(Asked::default, |addrs| addrs.ask(key.addr()))
    }

    /// What is found. Each case by itself, so that the first, which nearly all are, needs no answer in memory.
    #[inline]
    fn tell<'a, T>(&'a self, asked: Asked<'a>, question: &Question<'_>, mut found: impl FnMut(Found<Answer<'a>>) -> T) -> T {
        let Some(known) = asked.known(|| question.key.addr()) else { return found(Found::Nothing) };
        match known.alone_at(question.at) {
            Some(claim) => found(Found::One(self.alone(claim, &question.key))),
            None => found(self.judged(known.claims(), question)),
        }
    }

    /// Nearly every address: nobody to compare it with.
    #[inline]
    fn alone<'a>(&'a self, claim: &'a Claim, key: &AddrKey<'_>) -> Answer<'a> {
        Answer::new(self, Candidates::of(claim), self.network(key.scope()))
    }

    /// Where there is more than one claim, or an end.
    #[cold]
    fn judged<'a>(&'a self, claims: &'a [Claim], question: &Question<'_>) -> Found<Answer<'a>> {
        let Question { key, at } = question;
        match self.holders(claims, key.port(), *at) {
            Found::One(candidates) | Found::Ambiguous(candidates) if candidates.is_empty() => Found::Nothing,
            found => found.map(|candidates| Answer::new(self, candidates, self.network(key.scope()))),
        }
    }

    /// The name of a network as it is kept here; the cluster's own has none.
    #[inline]
    fn network(&self, scope: Scope<'_>) -> Option<&str> {
        if scope.is_default() {
            return None;
        }
        self.networks.get_key_value(scope.name()).map(|(name, _)| &**name)
    }

    /// Who has right to an address that somebody claims: pods before nodes before services, and only then what clocks may have got wrong.
    fn holders<'a>(&'a self, claims: &'a [Claim], port: Option<Port>, at: Timestamp) -> Found<Candidates<'a>> {
        let pods = newest(claims, |claim| match &claim.holder {
            Holder::Pod(pod) if claim.holds_at(at) => Some((pod.terminating > at, pod.head.created)),
            _ => None,
        });
        if !pods.is_empty() {
            return pods.found();
        }
        let node = newest(claims, |claim| match &claim.holder {
            Holder::Node(node) if claim.holds_at(at) => Some((true, node.head.created)),
            _ => None,
        });
        if !node.is_empty() {
            let service = port.map_or_else(Candidates::default, |port| self.at_node(claims, port, at));
            return if service.is_empty() { node.found() } else { service.found() };
        }
        let services = services(claims, port, at);
        if !services.is_empty() {
            return services.found();
        }
        let mut endpoints = Candidates::default();
        claims.iter().filter(|claim| claim.holds_at(at)).for_each(|claim| endpoints.push(claim));
        if !endpoints.is_empty() {
            return endpoints.found();
        }
        let mut nearly = claims.iter().filter(|claim| claim.nearly_holds_at(at, self.settings.tolerance_nanos));
        match (nearly.next(), nearly.next()) {
            (Some(only), None) => Found::One(Candidates::of(only)),
            _ => Found::Nothing,
        }
    }

    /// A service at a node's address: one that shares it and has the port, else one that has the node port.
    fn at_node<'a>(&'a self, claims: &'a [Claim], port: Port, at: Timestamp) -> Candidates<'a> {
        let mut found = Candidates::default();
        for claim in claims.iter().filter(|claim| claim.holds_at(at) && has_port(claim, port)) {
            found.push(claim);
        }
        if found.is_empty() {
            let by_port = self.node_ports.get(&port.number).map_or(&[][..], Claims::as_slice);
            for claim in by_port.iter().filter(|claim| claim.holds_at(at) && has_node_port(claim, port)) {
                found.push(claim);
            }
        }
        found
    }

    pub(super) fn hash_name(&self, namespace: &str, name: &str) -> u64 {
        hash_name(&self.hasher, namespace, name)
    }

    pub(super) fn hash_owner(&self, group: &str, kind: &str, namespace: &str, name: &str) -> u64 {
        hash_owner(&self.hasher, group, kind, namespace, name)
    }

    pub(super) fn find_entry<E: Entry>(&self, namespace: &str, name: &str) -> Option<&Arc<E>> {
        let is = |entry: &Arc<E>| *entry.head().namespace == *namespace && *entry.head().name == *name;
        E::table(self).find(self.hash_name(namespace, name), is)
    }

    pub(super) fn put_entry<E: Entry>(&mut self, entry: Arc<E>) {
        let hasher = self.hasher.clone();
        let rehash = |entry: &Arc<E>| hash_name(&hasher, &entry.head().namespace, &entry.head().name);
        let new = Arc::clone(&entry);
        let is = |other: &Arc<E>| other.head().name == new.head().name && other.head().namespace == new.head().namespace;
        E::table_mut(self).insert(rehash(&new), entry, is, rehash);
    }

    /// Gives back memory after many objects went.
    pub(super) fn shrink(&mut self) {
        fn named<E: Entry>(hasher: &RandomState) -> impl Fn(&Arc<E>) -> u64 {
            |entry| hash_name(hasher, &entry.head().namespace, &entry.head().name)
        }
        let hasher = &self.hasher;
        self.addrs.shrink();
        self.pods.shrink(named(hasher));
        self.services.shrink(named(hasher));
        self.owned.shrink(|it| hash_owner(hasher, &it.group, &it.kind, &it.head.namespace, &it.head.name));
    }

    pub(super) fn remove_entry<E: Entry>(&mut self, entry: &Arc<E>) {
        let hash = self.hash_name(&entry.head().namespace, &entry.head().name);
        E::table_mut(self).remove(hash, |other| Arc::ptr_eq(other, entry));
    }

    pub(super) fn node(&self, node: &NodeName) -> Option<&NodeEntry> {
        let is = |entry: &Arc<NodeEntry>| entry.head.namespace.is_empty() && *entry.head.name == *node.name;
        self.nodes.find(node.hash, is).map(|node| &**node)
    }

    /// What owns a pod, upward.
    #[inline]
    pub(super) fn chain(&self, pod: &PodEntry) -> Option<&Chain> {
        self.chains.find(pod.chain?, || Chain::of(self, pod.owner.as_deref()))
    }

    /// The owner of an owner, when that object is known.
    pub(super) fn above(&self, of: &OwnerName) -> Option<&Arc<OwnerName>> {
        let same = |head: &Head| !head.uid.differs(of.uid) && *head.name == *of.name;
        if of.group.is_empty() && &*of.kind == "Pod" {
            let hash = self.hash_name(&of.namespace, &of.name);
            let pod = self.pods.find(hash, |pod| same(&pod.head) && pod.head.namespace == of.namespace)?;
            return pod.owner.as_ref();
        }
        let find = |hash: u64, namespace: &str| {
            let is = |owned: &Arc<OwnedEntry>| {
                same(&owned.head) && *owned.head.namespace == *namespace && owned.kind == of.kind && owned.group == of.group
            };
            self.owned.find(hash, is)
        };
        let [here, wide] = of.hashes;
        find(here, &of.namespace).or_else(|| find(wide, "")).map(|owned| &owned.owner)
    }
}

/// All objects of a kind.
pub(super) fn heads<E: Entry>(index: &Index) -> impl Iterator<Item = &Head> {
    E::table(index).iter().map(|entry| entry.head())
}

pub(super) fn hash_name(hasher: &RandomState, namespace: &str, name: &str) -> u64 {
    hasher.hash_one((namespace, name))
}

pub(super) fn hash_owner(hasher: &RandomState, group: &str, kind: &str, namespace: &str, name: &str) -> u64 {
    hasher.hash_one((group, kind, namespace, name))
}

/// Those that have equal right. One of them costs no allocation.
#[derive(Debug, Default)]
pub(super) struct Candidates<'a> {
    first: Option<&'a Claim>,
    more: Vec<&'a Claim>,
}

impl<'a> Candidates<'a> {
    const fn of(claim: &'a Claim) -> Self {
        Self { first: Some(claim), more: Vec::new() }
    }

    /// Adds one, unless it is the same object: a pod may have lost an address and got it back, a service have it in two ways.
    fn push(&mut self, claim: &'a Claim) {
        let Some(first) = self.first else {
            self.first = Some(claim);
            return;
        };
        let same = |other: &Claim| Candidate::new(other) == Candidate::new(claim);
        if !same(first) && !self.more.iter().any(|other| same(other)) {
            self.more.push(claim);
        }
    }

    const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    const fn found(self) -> Found<Self> {
        if self.more.is_empty() { Found::One(self) } else { Found::Ambiguous(self) }
    }

    /// The only one.
    pub(super) const fn one(&self) -> Option<&'a Claim> {
        if self.more.is_empty() { self.first } else { None }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'a Claim> {
        self.first.into_iter().chain(self.more.iter().copied())
    }
}

/// The claims of the highest rank.
fn newest(claims: &[Claim], rank: impl Fn(&Claim) -> Option<(bool, Timestamp)>) -> Candidates<'_> {
    let mut best = Candidates::default();
    let mut highest = None;
    for claim in claims {
        let Some(rank) = rank(claim) else { continue };
        if highest < Some(rank) {
            highest = Some(rank);
            best = Candidates::of(claim);
        } else if highest == Some(rank) {
            best.push(claim);
        }
    }
    best
}

/// Services by address. A cluster address is one service's; others may be shared, and then the port can tell.
fn services(claims: &[Claim], port: Option<Port>, at: Timestamp) -> Candidates<'_> {
    let by = |claim: &Claim| match claim.holder {
        Holder::Service(_, by) if claim.holds_at(at) => Some(by),
        _ => None,
    };
    let cluster = claims.iter().any(|claim| by(claim) == Some(By::ClusterIp));
    let right = |claim: &&Claim| by(claim).is_some_and(|by| !cluster || by == By::ClusterIp);
    let mut all = Candidates::default();
    claims.iter().filter(right).for_each(|claim| all.push(claim));
    let Some(port) = port.filter(|_| !all.more.is_empty()) else { return all };
    let mut of_port = Candidates::default();
    claims.iter().filter(right).filter(|claim| has_port(claim, port)).for_each(|claim| of_port.push(claim));
    if of_port.is_empty() { all } else { of_port }
}

fn has_port(claim: &Claim, wanted: Port) -> bool {
    let is = |protocol: u8| wanted.protocol.is_none_or(|wanted| wanted == protocol);
    match &claim.holder {
        Holder::Service(service, _) => service.ports.iter().any(|port| port.port == wanted.number && is(port.protocol)),
        _ => false,
    }
}

fn has_node_port(claim: &Claim, wanted: Port) -> bool {
    let is = |protocol: u8| wanted.protocol.is_none_or(|wanted| wanted == protocol);
    match &claim.holder {
        Holder::Service(service, _) => {
            service.ports.iter().any(|port| port.node_port == Some(wanted.number) && is(port.protocol))
        }
        _ => false,
    }
}
