//! Names that are shared by all who have them, and the numbers of owners.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use super::Cluster;
use crate::kube::chains::bit;
use crate::kube::entry::{EVER, Head, OwnerName, Uid};
use crate::kube::object::{Meta, OwnerRef};

impl Cluster {
    /// Forgets names that nobody uses any more, now and then.
    pub(super) fn sweep(&mut self) {
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

    pub(super) fn head(&mut self, meta: &Meta) -> Head {
        Head {
            name: meta.name.as_str().into(),
            namespace: self.name(&meta.namespace),
            uid: Uid::new(&meta.uid),
            version: meta.resource_version.unwrap_or(0),
            created: meta.created.unwrap_or(EVER),
        }
    }

    pub(super) fn name(&mut self, text: &str) -> Arc<str> {
        shared(&mut self.names, text)
    }

    pub(super) fn owner(&mut self, reference: Option<&OwnerRef>, namespace: &str) -> Option<Arc<OwnerName>> {
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
    pub(super) fn step_changed(&mut self, group: &str, kind: &str, namespace: &str, name: &str) {
        self.steps_changed |= bit(self.index.hash_owner(group, kind, namespace, name));
    }
}

/// Numbers of owners, used again when their owner is forgotten.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    pub(super) next: u32,
    pub(super) free: Vec<u32>,
    /// Taken again since readers were shown the index last.
    pub(super) reused: HashSet<u32>,
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
