//! Observation domains of exporters, and what is known of each beside its templates.

use super::super::list::{List, Slab};
use super::super::sampling::Learned;
use super::super::{Sampler, SamplingTable};
use super::standing::{Ranks, Standing};
use super::{Owner, ScopeId, ScopeKey, Slot, Store, indexed, shrink};
use crate::limits::Limits;
use crate::time::Timestamp;

#[derive(Debug)]
pub(crate) struct ScopeState {
    pub(crate) key: ScopeKey,
    pub(crate) standing: Standing,
    /// Oldest use first.
    pub(super) templates: List,
    /// The template used last.
    pub(super) used: Slot,
    pub(crate) sampling: SamplingTable,
    /// When the exporter booted, from element 160.
    pub(crate) boot: Option<Timestamp>,
    /// How many of the exporter's elements all its templates know of.
    pub(super) elements: usize,
}

const SCOPE_COST: usize = Slab::<ScopeState>::COST + indexed::<ScopeKey, ScopeId>();
const SAMPLER_COST: usize = 3 * size_of::<(Sampler, Option<f64>)>();

impl Store {
    #[inline]
    pub(crate) fn find_scope(&self, key: &ScopeKey) -> Option<ScopeId> {
        self.by_scope.get(key).copied()
    }

    /// The scope of a message that begins, if there is one, and when its exporter booted.
    #[inline]
    pub(crate) fn enter(&mut self, key: &ScopeKey) -> Option<(ScopeId, Option<Timestamp>)> {
        // Nearly always the one of its last message.
        let entered = self.owners.get(key.owner.0)?.entered;
        let scope = match self.scopes.get(entered.0) {
            Some(state) if state.key == *key => entered,
            _ => {
                let scope = self.find_scope(key)?;
                self.owners.get_mut(key.owner.0)?.entered = scope;
                scope
            }
        };
        Some((scope, self.scopes.touch(scope.0)?.boot))
    }

    /// The scope of this key, made when it is new. An exporter that has as many as it may loses the least proven one, of those one
    /// that was not used. `None` when it may have none, or no more bytes.
    pub(crate) fn scope(&mut self, key: ScopeKey, limits: &Limits) -> Option<ScopeId> {
        if let Some(scope) = self.find_scope(&key) {
            return Some(scope);
        }
        if limits.exporter_domains == 0 {
            return None;
        }
        while self.owners.get(key.owner.0)?.scopes.len() >= limits.exporter_domains {
            let least = self.least_scope(key.owner, u8::MAX, None)?;
            self.retire(least);
        }
        while !self.has_room(key.owner, SCOPE_COST, limits) {
            if !self.evict_within(key.owner, None) {
                return None;
            }
        }
        let state = ScopeState {
            key,
            standing: Standing::NEW,
            templates: List::EMPTY,
            used: Slot::NONE,
            sampling: SamplingTable::default(),
            boot: None,
            elements: self.owners.get(key.owner.0)?.elements.len(),
        };
        let scope = ScopeId(self.scopes.insert(self.owners.get_mut(key.owner.0)?.scopes.list(Standing::NEW), state));
        self.by_scope.insert(key, scope);
        self.charge(key.owner, SCOPE_COST);
        Some(scope)
    }

    /// A record of this scope was decoded, or of a template of it.
    #[inline]
    pub(crate) fn prove_scope(&mut self, scope: ScopeId, received: Timestamp) {
        if let Some(state) = self.scopes.get(scope.0)
            && state.standing.earns(received)
        {
            let standing = state.standing.earned(received);
            self.set_standing(scope, standing);
        }
    }

    /// What is remembered of a scope's standing; the better one counts.
    pub(crate) fn restore_standing(&mut self, scope: ScopeId, standing: Standing) {
        if let Some(known) = self.scopes.get(scope.0).map(|state| state.standing) {
            self.set_standing(scope, known.or(standing));
        }
    }

    fn set_standing(&mut self, scope: ScopeId, after: Standing) {
        let Some(state) = self.scopes.get_mut(scope.0) else { return };
        let before = core::mem::replace(&mut state.standing, after);
        let Some(owner) = self.owners.get_mut(state.key.owner.0) else { return };
        if before.level() != after.level() {
            let mut list = *owner.scopes.list(before);
            self.scopes.relink(&mut list, owner.scopes.list(after), scope.0);
            *owner.scopes.list(before) = list;
        }
    }

    /// Takes a scope out of use at once; its templates go one by one, as they are told.
    fn retire(&mut self, scope: ScopeId) {
        let Some(state) = self.scopes.get(scope.0) else { return };
        let (key, standing) = (state.key, state.standing);
        self.by_scope.remove(&key);
        if let Some(owner) = self.owners.get_mut(key.owner.0) {
            owner.entered = ScopeId::NONE;
            self.scopes.relink(owner.scopes.list(standing), &mut self.retired, scope.0);
        }
    }

    /// Forgets a scope without templates.
    pub(super) fn remove_scope(&mut self, scope: ScopeId) {
        let Some(state) = self.scopes.get(scope.0) else { return };
        let (key, standing) = (state.key, state.standing);
        let cost = SCOPE_COST.saturating_add(SAMPLER_COST.saturating_mul(state.sampling.rates().len()));
        self.by_scope.remove(&key);
        if let Some(owner) = self.owners.get_mut(key.owner.0) {
            self.scopes.remove(owner.scopes.list(standing), scope.0);
        }
        self.discharge(key.owner, cost);
        shrink(&mut self.by_scope);
    }

    /// Forgets a retired scope without templates.
    pub(super) fn remove_retired(&mut self, scope: ScopeId) {
        if let Some(state) = self.scopes.remove(&mut self.retired, scope.0) {
            let samplers = SAMPLER_COST.saturating_mul(state.sampling.rates().len());
            self.discharge(state.key.owner, SCOPE_COST.saturating_add(samplers));
            shrink(&mut self.by_scope);
        }
    }

    #[inline]
    pub(crate) fn scope_state(&self, scope: ScopeId) -> Option<&ScopeState> {
        self.scopes.get(scope.0)
    }

    /// The scopes of an exporter, in the order they would go.
    pub(crate) fn scopes_of(&self, owner: Owner) -> impl Iterator<Item = (ScopeId, &ScopeState)> {
        let ranks = self.owners.get(owner.0).map_or(Ranks::EMPTY, |state| state.scopes);
        ranks.walk(&self.scopes).map(|(index, state)| (ScopeId(index), state))
    }

    pub(crate) fn set_boot(&mut self, scope: ScopeId, boot: Option<Timestamp>) {
        if let Some(state) = self.scopes.get_mut(scope.0) {
            state.boot = boot;
        }
    }

    /// Remembers a sampling rate of a scope, while the exporter has room for it.
    pub(crate) fn learn_sampling(&mut self, scope: ScopeId, sampler: Sampler, rate: Option<f64>, limits: &Limits) -> Learned {
        let Some(owner) = self.scopes.get(scope.0).map(|state| state.key.owner) else { return Learned::Full };
        let cap = if self.has_room(owner, SAMPLER_COST, limits) { limits.domain_samplers } else { 0 };
        let Some(state) = self.scopes.get_mut(scope.0) else { return Learned::Full };
        let before = state.sampling.rates().len();
        let learned = state.sampling.learn(sampler, rate, cap);
        if state.sampling.rates().len() > before {
            self.charge(owner, SAMPLER_COST);
        }
        learned
    }
}
