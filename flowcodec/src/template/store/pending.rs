//! Data that waits for its template.
//!
//! Each set stands in two lists: that of its exporter, by age, which says what goes first; and that of the template it waits for, which
//! says what is delivered with it.

use bytes::Bytes;

use super::super::list::{Index, List, Slab};
use super::{Definition, Gone, Owner, ScopeKey, Store, indexed, shrink};
use crate::context::Context;
use crate::error::LimitedBy;
use crate::limits::Limits;

/// A data set that waits for its template.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) context: Context,
    pub(crate) key: ScopeKey,
    pub(crate) template: u16,
    /// Offset of the set's body in its message.
    pub(crate) offset: u32,
    pub(crate) body: Bytes,
    /// Octets of the body: it is not kept when the set is given up.
    len: usize,
    /// What made it be given up.
    limit: LimitedBy,
    /// Its place among those that wait for the same template.
    place: Index,
}

impl Pending {
    pub(crate) fn new(context: Context, key: ScopeKey, template: u16, offset: u32, body: &[u8]) -> Self {
        let (len, body) = (body.len(), Bytes::copy_from_slice(body));
        Self { context, key, template, offset, body, len, limit: LimitedBy::Limits, place: 0 }
    }

    /// Octets of the set, header included: what the account of bytes decoded and reported counts.
    pub(crate) fn set_len(&self) -> u64 {
        u64::try_from(self.len).unwrap_or(u64::MAX).saturating_add(4)
    }

    /// What it costs on its exporter's account.
    fn account(&self) -> usize {
        // The allocation `Bytes` keeps beside its octets; places in both lists, and one for the template it waits for.
        self.len.saturating_add(64).saturating_add(PENDING_COST)
    }
}

const PENDING_COST: usize = Slab::<Pending>::COST + Slab::<Index>::COST + indexed::<Definition, List>();
/// What is left of it while it waits to be reported.
const LEFT_COST: usize = Slab::<Pending>::COST;

impl Store {
    fn awaited(&self, key: &ScopeKey, template: u16) -> Definition {
        if self.other_domains { Definition::anywhere(key, template) } else { Definition::of(key, template) }
    }

    /// Keeps a data set until its template comes. Older waiting data goes when the exporter has too much of it.
    pub(crate) fn pend(&mut self, mut pending: Pending, limits: &Limits) -> bool {
        let (key, cost) = (pending.key, pending.account());
        let owner = key.owner;
        // Never more than a quarter of what the exporter may hold: its templates need the rest.
        let most = limits.pending_bytes.min(limits.exporter_bytes / 4);
        if cost > most {
            return false;
        }
        while self.owners.get(owner.0).is_some_and(|state| state.pending.saturating_add(cost) > most) {
            if !self.evict_pending(owner) {
                return false;
            }
        }
        let awaited = self.awaited(&key, pending.template);
        let Some(state) = self.owners.get_mut(owner.0) else { return false };
        state.pending = state.pending.saturating_add(cost);
        let queue = self.queues.entry(awaited).or_insert(List::EMPTY);
        // The place is told to the set, and the set to its place.
        pending.place = self.queued.insert(queue, 0);
        let place = pending.place;
        let index = self.pending.insert(&mut state.waiting, pending);
        if let Some(at) = self.queued.get_mut(place) {
            *at = index;
        }
        self.charge(owner, cost);
        let scope = self.find_scope(&key);
        self.enforce(owner, scope, limits);
        true
    }

    /// Takes a set out of the queue of its template.
    fn unqueue(&mut self, index: Index) {
        let Some((key, template, place)) = self.pending.get(index).map(|it| (it.key, it.template, it.place)) else { return };
        let awaited = self.awaited(&key, template);
        if let Some(queue) = self.queues.get_mut(&awaited) {
            self.queued.remove(queue, place);
            if queue.is_empty() {
                self.queues.remove(&awaited);
                shrink(&mut self.queues);
            }
        }
    }

    /// Moves what waited for this template to [`ready`](Self::ready), where it stays on its exporter's account until
    /// [`delivered`](Self::delivered).
    pub(crate) fn release(&mut self, key: &ScopeKey, template: u16) {
        let awaited = self.awaited(key, template);
        let Some(mut queue) = self.queues.remove(&awaited) else { return };
        shrink(&mut self.queues);
        while let Some(place) = queue.front() {
            let Some(index) = self.queued.remove(&mut queue, place) else { break };
            let Some(cost) = self.pending.get(index).map(Pending::account) else { continue };
            if let Some(state) = self.owners.get_mut(key.owner.0) {
                state.pending = state.pending.saturating_sub(cost);
                self.pending.relink(&mut state.waiting, &mut self.ready, index);
            }
        }
    }

    /// The next set whose template has come, as long as there is one.
    #[inline]
    pub(crate) fn next_ready(&mut self) -> Option<Pending> {
        let front = self.ready.front()?;
        self.pending.remove(&mut self.ready, front)
    }

    /// A set that was [`ready`](Self::ready) has been handed over: it leaves the account.
    pub(crate) fn delivered(&mut self, pending: &Pending) {
        self.discharge(pending.key.owner, pending.account());
    }

    /// Gives up the oldest waiting set of an exporter.
    pub(super) fn evict_pending(&mut self, owner: Owner) -> bool {
        let pending = self.pop_pending(owner);
        let any = pending.is_some();
        self.gone.extend(pending.map(|pending| Gone::Pending(Box::new(pending), LimitedBy::Limits)));
        any
    }

    /// Takes out the oldest waiting set of an exporter.
    pub(crate) fn pop_pending(&mut self, owner: Owner) -> Option<Pending> {
        let front = self.owners.get(owner.0)?.waiting.front()?;
        self.unqueue(front);
        let state = self.owners.get_mut(owner.0)?;
        let pending = self.pending.remove(&mut state.waiting, front)?;
        state.pending = state.pending.saturating_sub(pending.account());
        self.discharge(owner, pending.account());
        Some(pending)
    }

    /// The oldest waiting set of an exporter.
    pub(crate) fn first_pending(&self, owner: Owner) -> Option<&Pending> {
        self.pending.get(self.owners.get(owner.0)?.waiting.front()?)
    }

    /// A waiting set whose exporter goes: what there is to report of it stays until it is reported.
    pub(super) fn leave(&mut self, index: Index, limit: LimitedBy) {
        self.unqueue(index);
        let Some(pending) = self.pending.get_mut(index) else { return };
        let owner = pending.key.owner;
        let cost = pending.account();
        pending.body = Bytes::new();
        pending.limit = limit;
        // Its exporter's position may be used again.
        pending.key.owner = Owner::NONE;
        if let Some(state) = self.owners.get_mut(owner.0) {
            state.pending = state.pending.saturating_sub(cost);
            self.pending.relink(&mut state.waiting, &mut self.leaving, index);
        }
        self.discharge(owner, cost);
        self.bytes = self.bytes.saturating_add(LEFT_COST);
        self.grown = true;
    }

    /// The next set that is left of an exporter that went.
    pub(super) fn next_leaving(&mut self) -> Option<Gone> {
        let front = self.leaving.front()?;
        let pending = self.pending.remove(&mut self.leaving, front)?;
        self.bytes = self.bytes.saturating_sub(LEFT_COST);
        let limit = pending.limit;
        Some(Gone::Pending(Box::new(pending), limit))
    }
}
