//! Exporters.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::list::{Index, List, Slab};
use super::standing::{Ranks, Standing};
use super::{Hasher, Owner, OwnerKey, ScopeId, Slot, Store, indexed, shrink};
use crate::error::LimitedBy;
use crate::ie::{ElementId, RuntimeElement};
use crate::time::Timestamp;

#[derive(Debug)]
pub(crate) struct OwnerState {
    pub(crate) key: OwnerKey,
    pub(super) bytes: usize,
    pub(crate) standing: Standing,
    pub(crate) heard: Timestamp,
    pub(super) scopes: Ranks,
    /// The scope of its last message.
    pub(super) entered: ScopeId,
    /// Sets that wait for their templates, oldest first, and what they cost.
    pub(super) waiting: List,
    pub(super) pending: usize,
    pub(super) elements: HashMap<ElementId, Arc<RuntimeElement>, Hasher>,
}

const OWNER_COST: usize = Slab::<OwnerState>::COST + indexed::<OwnerKey, Owner>();

impl Store {
    /// The exporter of this key; made when it is new.
    #[inline]
    pub(crate) fn owner(&mut self, key: OwnerKey, now: Timestamp) -> Owner {
        if let Some(&owner) = self.by_key.get(&key) {
            if let Some(state) = self.owners.touch(owner.0) {
                state.heard = now;
            }
            return owner;
        }
        self.make_owner(key, now)
    }

    #[cold]
    fn make_owner(&mut self, key: OwnerKey, now: Timestamp) -> Owner {
        let state = OwnerState {
            key,
            bytes: 0,
            standing: Standing::NEW,
            heard: now,
            scopes: Ranks::EMPTY,
            entered: ScopeId::NONE,
            waiting: List::EMPTY,
            pending: 0,
            elements: HashMap::default(),
        };
        let owner = Owner(self.owners.insert(self.ranks.list(Standing::NEW), state));
        self.by_key.insert(key, owner);
        self.charge(owner, OWNER_COST);
        owner
    }

    /// The exporter of this key, as it is remembered: what is known better stays.
    pub(crate) fn restore_owner(&mut self, key: OwnerKey, heard: Timestamp, standing: Standing) -> Owner {
        let owner = self.find_owner(key).unwrap_or_else(|| self.make_owner(key, heard));
        if let Some(state) = self.owners.get_mut(owner.0) {
            state.heard = state.heard.max(heard);
            let (before, after) = (state.standing, state.standing.or(standing));
            state.standing = after;
            self.move_owner(owner, before, after);
        }
        owner
    }

    pub(crate) fn find_owner(&self, key: OwnerKey) -> Option<Owner> {
        self.by_key.get(&key).copied()
    }

    pub(crate) fn owner_state(&self, owner: Owner) -> Option<&OwnerState> {
        self.owners.get(owner.0)
    }

    pub(crate) fn owner_bound(&self) -> Index {
        self.owners.bound()
    }

    /// All exporters, in the order they would go.
    pub(crate) fn all_owners(&self) -> impl Iterator<Item = (Owner, &OwnerState)> {
        self.ranks.walk(&self.owners).map(|(index, state)| (Owner(index), state))
    }

    /// A record of this exporter was decoded.
    #[inline]
    pub(crate) fn prove(&mut self, owner: Owner, received: Timestamp) {
        if let Some(state) = self.owners.get_mut(owner.0)
            && state.standing.earns(received)
        {
            let (before, after) = (state.standing, state.standing.earned(received));
            state.standing = after;
            self.move_owner(owner, before, after);
        }
    }

    fn move_owner(&mut self, owner: Owner, before: Standing, after: Standing) {
        if before.level() != after.level() {
            let mut list = *self.ranks.list(before);
            self.owners.relink(&mut list, self.ranks.list(after), owner.0);
            *self.ranks.list(before) = list;
        }
    }

    /// Forgets an exporter and all it owns. Its waiting data is given up one by one, each with what `limit` says.
    pub(crate) fn remove_owner(&mut self, owner: Owner, limit: LimitedBy) -> Option<OwnerKey> {
        while let Some(front) = self.owners.get(owner.0)?.waiting.front() {
            self.leave(front, limit);
        }
        while let Some(scope) = self.owners.get(owner.0)?.scopes.first().map(ScopeId) {
            while let Some(front) = self.scopes.get(scope.0).and_then(|state| state.templates.front()) {
                self.remove_template(Slot(front));
            }
            self.remove_scope(scope);
        }
        let standing = self.owners.get(owner.0)?.standing;
        let state = self.owners.remove(self.ranks.list(standing), owner.0)?;
        self.by_key.remove(&state.key);
        shrink(&mut self.by_key);
        self.bytes = self.bytes.saturating_sub(state.bytes);
        Some(state.key)
    }

    /// Puts bytes on an exporter's account.
    pub(crate) fn charge(&mut self, owner: Owner, bytes: usize) {
        if let Some(state) = self.owners.get_mut(owner.0) {
            state.bytes = state.bytes.saturating_add(bytes);
            self.bytes = self.bytes.saturating_add(bytes);
            self.grown = true;
        }
    }

    /// Takes them off again.
    pub(crate) fn discharge(&mut self, owner: Owner, bytes: usize) {
        if let Some(state) = self.owners.get_mut(owner.0) {
            state.bytes = state.bytes.saturating_sub(bytes);
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }
}
