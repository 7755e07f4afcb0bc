//! What went away, and answers for its time as long as that is kept.

use std::sync::Arc;

use flowcodec::Timestamp;

use super::{Cluster, SLICES};
use crate::kube::chains::bit;
use crate::kube::entry::{EndpointsEntry, Entry, Head, Holder, NodeEntry, OwnedEntry, PodEntry, ServiceEntry, Uid};

/// What is kept for flows of its time.
#[derive(Debug)]
pub(super) enum Departed {
    /// An object that went away.
    Holder(Holder),
    /// A former state of an object, in which it had an address that it does not have any more.
    State(Holder),
    /// A step to a workload that went away.
    Owned(Arc<OwnedEntry>),
}

/// Which object went away.
pub(super) struct Gone {
    pub(super) namespace: Box<str>,
    pub(super) name: Box<str>,
    pub(super) uid: Uid,
}

impl Cluster {
    /// An object went away.
    pub(super) fn depart(&mut self, group: &str, kind: &str, head: &Gone, now: Timestamp) {
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
    pub(super) fn depart_entry<E: Entry>(&mut self, entry: Arc<E>, now: Timestamp) {
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

    pub(super) fn evict(&mut self) {
        while self.departed.len() > self.index.settings.max_departed {
            self.forget_oldest();
            self.counts.evicted = self.counts.evicted.saturating_add(1);
        }
    }

    pub(super) fn forget_oldest(&mut self) {
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
}

impl Departed {
    fn head(&self) -> &Head {
        match self {
            Self::Holder(holder) | Self::State(holder) => holder.head(),
            Self::Owned(owned) => &owned.head,
        }
    }
}
