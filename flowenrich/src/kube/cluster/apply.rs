//! States of objects: what they say is kept, and what they claim.

use std::collections::hash_map;
use std::net::IpAddr;
use std::sync::Arc;

use flowcodec::Timestamp;

use super::Cluster;
use super::depart::Departed;
use crate::kube::addrs::Addrs;
use crate::kube::chains::bit;
use crate::kube::claims::{Claim, Claims};
use crate::kube::entry::{
    By, EVER, EndpointsEntry, Entry, Head, Holder, NEVER, NodeEntry, NodeName, OwnedEntry, Place, PodEntry, ServiceEntry,
};
use crate::kube::index::hash_owner;
use crate::kube::object::{Endpoints, Meta, Node, Pod, Service};

impl Cluster {
    pub(super) fn apply_pod(&mut self, pod: Pod, now: Timestamp) -> bool {
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

    pub(super) fn apply_node(&mut self, node: Node, now: Timestamp) -> bool {
        let Node { meta, internal_addr, addrs, zone } = node;
        let zone = zone.map(|zone| self.name(&zone));
        let entry = NodeEntry { internal_addr, zone, addrs: addrs.into(), head: self.head(&meta) };
        self.apply_entry(entry, now)
    }

    pub(super) fn apply_service(&mut self, service: Service, now: Timestamp) -> bool {
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

    pub(super) fn apply_endpoints<const SLICE: bool>(&mut self, endpoints: Endpoints, now: Timestamp) -> bool
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

    pub(super) fn apply_other(&mut self, meta: &Meta) -> bool {
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

    pub(super) fn end_claim(&mut self, place: Place, holder: &Holder, until: Timestamp) {
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
    pub(super) fn change_claims(&mut self, place: Place, change: impl FnOnce(&mut Claims) -> bool) {
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
