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
