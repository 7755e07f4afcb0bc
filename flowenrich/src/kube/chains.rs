//! What owners lead to, found out once for all pods that have them.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use flowcodec::prefetch;

use super::answer::{Owners, workload_among};
use super::entry::OwnerName;
use super::index::Index;

/// A chain for each number of an owner, found out by the first who asks; and for good, as an index does not change.
#[derive(Debug, Clone, Default)]
pub(super) struct Chains(Arc<[OnceLock<Chain>]>);

/// An owner, and what owns it, upward.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    /// As kind/name, joined by commas.
    text: Arc<str>,
    /// Where in it the workload stands: the first octets of its kind and its name, and the one behind.
    workload: Option<[u16; 3]>,
    /// What was looked for on the way, as [`bit`]s.
    steps: u64,
}

/// One of 64 that a step to a workload falls to, by its hash.
pub(super) const fn bit(hash: u64) -> u64 {
    1 << (hash >> 58)
}

impl Chains {
    /// The chain of a number; `resolve` finds it out.
    #[inline]
    pub(super) fn find(&self, number: u32, resolve: impl FnOnce() -> Chain) -> Option<&Chain> {
        let place = self.0.get(usize::try_from(number).ok()?)?;
        place.get().or_else(|| {
            // Two may come at once: both find the same, and neither waits for the other.
            let _ = place.set(resolve());
            place.get()
        })
    }

    /// Sends for a chain that is going to be asked for.
    #[inline]
    pub(super) fn send_for(&self, number: Option<u32>) {
        let place = number.and_then(|number| self.0.get(usize::try_from(number).ok()?));
        place.into_iter().for_each(prefetch);
    }

    /// The same, without the chains that may have changed: those with any of the `changed` steps, and of numbers that now mean another owner.
    pub(super) fn renew(&mut self, changed: u64, reused: &HashSet<u32>, count: u32) {
        let missing = usize::try_from(count).is_ok_and(|count| count > self.0.len());
        if changed == 0 && reused.is_empty() && !missing {
            return;
        }
        let count = count.max(1).checked_next_multiple_of(1_024).unwrap_or(u32::MAX);
        let holds = |number: u32, chain: &&Chain| chain.steps & changed == 0 && !reused.contains(&number);
        let kept = |number: u32| {
            let chain = self.0.get(usize::try_from(number).ok()?)?.get().filter(|chain| holds(number, chain))?;
            Some(OnceLock::from(chain.clone()))
        };
        self.0 = (0..count).map(|number| kept(number).unwrap_or_default()).collect();
    }
}

impl Chain {
    /// Cold: once for each owner.
    #[cold]
    pub(super) fn of(index: &Index, owner: Option<&OwnerName>) -> Self {
        let owners = || Owners::new(index, owner);
        let (mut text, mut places, mut steps) = (String::new(), Vec::new(), 0);
        for name in owners().names() {
            if !text.is_empty() {
                text.push(',');
            }
            let kind = text.len();
            text.push_str(&name.kind);
            text.push('/');
            let begin = text.len();
            text.push_str(&name.name);
            places.push([kind, begin, text.len()].map(|place| u16::try_from(place).unwrap_or(u16::MAX)));
            steps |= name.hashes.into_iter().fold(0, |steps, hash| steps | bit(hash));
        }
        let workload = workload_among(&index.settings, owners());
        let place = workload.and_then(|workload| owners().position(|owner| owner == workload));
        Self { text: text.into(), workload: place.and_then(|place| places.get(place)).copied(), steps }
    }

    /// Owners upward, as kind/name, joined by commas.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Kind and name of the workload; `None` where nothing in the chain is one.
    #[inline]
    pub(super) fn workload(&self) -> Option<(&str, &str)> {
        let [kind, name, end] = self.workload?.map(usize::from);
        Some((self.text.get(kind..name.saturating_sub(1))?, self.text.get(name..end)?))
    }
}

#[cfg(test)]
mod tests {
    use flowcodec::Timestamp;
    use proptest::prelude::*;

    use crate::kube::{Answer, Cluster, Meta, Object, OwnerRef, Pod};
    use crate::lookup::{AddrKey, Lookup as _};
    use crate::{Live, Source as _};

    /// Pods of four sets, which are of three deployments, which are of two applications; and pods that own pods.
    fn object(kind: u8, name: u8, owner: Option<u8>, generation: u8) -> Object {
        const KINDS: [(&str, &str); 4] =
            [("", "Pod"), ("apps", "ReplicaSet"), ("apps", "Deployment"), ("argoproj.io", "Application")];
        let kinds = |kind: u8| KINDS[usize::from(kind % 4)];
        let named = |kind: u8, name: u8| format!("{}-{name}", kinds(kind).1.to_lowercase());
        let above = if kind == 0 && name >= 8 { 0 } else { kind + 1 };
        let owner = owner.filter(|_| kind < 3).map(|owner| OwnerRef {
            group: kinds(above).0.to_owned(),
            kind: kinds(above).1.to_owned(),
            name: named(above, owner),
            uid: String::new(),
        });
        let meta = Meta {
            group: kinds(kind).0.to_owned(),
            kind: kinds(kind).1.to_owned(),
            namespace: "a".to_owned(),
            name: named(kind, name),
            uid: format!("{kind}-{name}-{generation}"),
            created: Some(Timestamp::from_seconds(generation.into())),
            owner,
            ..Meta::default()
        };
        match kind {
            0 => Object::Pod(Pod { meta, addrs: vec![[10, 0, 0, name].into()], ..Pod::default() }),
            _ => Object::Other(meta),
        }
    }

    fn told(answer: &Answer<'_>) -> (String, Option<(String, String)>) {
        let owners: Vec<_> = answer.owners().map(|owner| owner.to_string()).collect();
        let workload = answer.workload().map(|workload| (workload.kind.to_owned(), workload.name.to_owned()));
        (owners.join(","), workload)
    }

    fn kept(answer: &Answer<'_>) -> (String, Option<(String, String)>) {
        let Some(chain) = answer.chain() else { return told(answer) };
        let itself = || answer.name().map(|name| ("Pod".to_owned(), name.to_owned()));
        let workload = chain.workload().map(|(kind, name)| (kind.to_owned(), name.to_owned()));
        (chain.text().to_owned(), workload.or_else(itself))
    }

    proptest! {
        /// What is kept is what is found by walking upward, whatever came, changed and went since it was found out; and an index that a
        /// reader still holds says what it said.
        #[test]
        fn as_walked(steps in prop::collection::vec((0_u8..3, 0_u8..12, prop::option::of(0_u8..4), 0_u8..10), 1..120)) {
            let mut cluster = Cluster::default();
            cluster.load([], Timestamp::EPOCH);
            let live: Live<_> = cluster.live();
            let all = |index: &super::Index| {
                let addr = |name: u8| AddrKey::new([10, 0, 0, name].into());
                let at = Timestamp::from_seconds(1_000);
                let answers = (0..12).map(|name| index.lookup(addr(name), at).answer());
                answers.map(|answer| answer.map(|answer| (told(&answer), kept(&answer)))).collect::<Vec<_>>()
            };
            let (mut now, mut before) = (Timestamp::from_seconds(1_000), None);
            for (kind, name, owner, what) in steps {
                let name = if kind == 0 { name } else { name % 4 };
                match what {
                    0 => cluster.delete(object(kind, name, owner, 1), now),
                    1 => {
                        // So long that what departed is forgotten, and numbers of owners are used again.
                        now = now.offset(400_000_000_000);
                        cluster.tick(now);
                        cluster.sweep_at = 0;
                    }
                    _ => cluster.apply(object(kind, name, owner, what), now),
                }
                cluster.publish();
                let index = live.current();
                for (told, kept) in all(&index).into_iter().flatten() {
                    prop_assert_eq!(told, kept);
                }
                if let Some((index, said)) = before.replace((std::sync::Arc::clone(&index), all(&index))) {
                    prop_assert_eq!(all(&index), said);
                }
            }
        }
    }
}
