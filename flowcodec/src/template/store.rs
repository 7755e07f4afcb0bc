//! What exporters announced: templates by scope, what waits for them, and one account of all of it.
//!
//! Exporters own everything: evicting one frees its scopes, templates, samplers, waiting data and run-time elements together. Two
//! lists of exporters (never had a record decoded; had one) are kept oldest first, so that a flood of forged sources eats itself.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::list::{Index, List, Slab};
use super::sampling::Learned;
use super::{Dialect, SamplingTable, Template, TemplateKind, TemplateUid};
use crate::context::Context;
use crate::exporter::Session;
use crate::ie::{ElementId, ElementRef, RuntimeElement};
use crate::limits::Limits;
use crate::model::Schema;
use crate::time::Timestamp;

/// How far a template reaches over UDP. Over a stream it always belongs to its session alone (RFC 7011 §8.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ScopePolicy {
    /// Whether the source port is part of the scope, as the RFC has it. Off by default: real exporters change their port at restarts
    /// and send from several, and expect their templates to hold.
    pub port: bool,
    /// Whether data finds its template in another observation domain of the same exporter when its own has none. Off by default;
    /// Open vSwitch 3.1 needs it, which announces its templates in the first of its domains only.
    pub other_domains: bool,
}

type Hasher = foldhash::fast::RandomState;

/// Whose state it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum OwnerKey {
    /// An exporter's address, over UDP.
    Address([u8; 16]),
    /// A byte stream.
    Stream(Session),
}

/// One exporter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Owner(pub(crate) Index);

/// One observation domain of an exporter, in one protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ScopeId(Index);

/// One template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Slot(Index);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ScopeKey {
    pub(crate) owner: Owner,
    pub(crate) dialect: Dialect,
    /// 0 unless the policy makes ports part of the scope.
    pub(crate) port: u16,
    pub(crate) domain: u32,
}

/// A template and when it was last announced.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) template: Template,
    pub(crate) scope: ScopeId,
    pub(crate) refreshed: Timestamp,
    cost: usize,
}

/// A data set that waits for its template.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) context: Context,
    pub(crate) scope: ScopeId,
    pub(crate) template: u16,
    /// Offset of the set's body in its message.
    pub(crate) offset: u32,
    pub(crate) body: Bytes,
}

impl Pending {
    /// Octets of the set, header included: what the account of bytes decoded and reported counts.
    pub(crate) fn set_len(&self) -> u64 {
        u64::try_from(self.body.len()).unwrap_or(u64::MAX).saturating_add(4)
    }

    /// What it costs on its exporter's account.
    fn account(&self) -> usize {
        // Up to four times the place in the queue, which begins with room for four, and the allocation `Bytes` keeps beside its octets.
        self.body.len().saturating_add(size_of::<Self>().saturating_mul(4)).saturating_add(64).saturating_add(WAITING_COST)
    }
}

#[derive(Debug)]
pub(crate) struct OwnerState {
    pub(crate) key: OwnerKey,
    bytes: usize,
    proven: bool,
    pub(crate) heard: Timestamp,
    scopes: Vec<ScopeId>,
    pending: usize,
    pending_octets: u64,
    elements: HashMap<ElementId, Arc<RuntimeElement>, Hasher>,
}

#[derive(Debug)]
pub(crate) struct ScopeState {
    pub(crate) key: ScopeKey,
    /// Oldest use first.
    templates: List,
    pub(crate) sampling: SamplingTable,
    /// When the exporter booted, from element 160.
    pub(crate) boot: Option<Timestamp>,
    pending: VecDeque<Pending>,
    waiting: HashMap<u16, u32, Hasher>,
}

/// Something that had to go or has run out, for the decoder to report.
#[derive(Debug)]
pub(crate) enum Gone {
    /// A template was evicted.
    Template { scope: ScopeKey, id: u16, kind: TemplateKind },
    /// Data gave up waiting.
    Pending(Box<Pending>),
    /// A whole exporter, with that many octets that were waiting.
    Owner { owner: Owner, key: OwnerKey, pending_octets: u64 },
}

/// What became of an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Announced {
    /// It was not known.
    Learned,
    /// It replaced another definition.
    Changed,
}

/// All templates, samplers and waiting data of all exporters.
#[derive(Debug)]
pub(crate) struct Store {
    templates: Slab<Entry>,
    by_id: HashMap<(ScopeId, u16), Slot, Hasher>,
    owners: Slab<OwnerState>,
    by_key: HashMap<OwnerKey, Owner, Hasher>,
    unproven: List,
    proven: List,
    scopes: Slab<ScopeState>,
    all_scopes: List,
    by_scope: HashMap<ScopeKey, ScopeId, Hasher>,
    bytes: usize,
    uids: u64,
    pub(crate) gone: VecDeque<Gone>,
    /// Data whose template has come, ready to be delivered.
    pub(crate) ready: VecDeque<Pending>,
}

/// Gives back the room of a table that was emptied: its entries' accounts no longer pay for it.
fn shrink<K: Eq + core::hash::Hash, V>(table: &mut HashMap<K, V, Hasher>) {
    if table.capacity() > 1_024 && table.len() < table.capacity() / 8 {
        table.shrink_to(table.len().saturating_mul(2));
    }
}

/// What an entry of a hash table costs at most: while the table doubles, old and new together have 3.4 places for each entry.
const fn indexed<K, V>() -> usize {
    size_of::<(K, V)>().saturating_add(1).saturating_mul(7) / 2
}

const TEMPLATE_COST: usize = Slab::<Entry>::COST + indexed::<(ScopeId, u16), Slot>();
const OWNER_COST: usize = Slab::<OwnerState>::COST + indexed::<OwnerKey, Owner>();
const SCOPE_COST: usize = Slab::<ScopeState>::COST + indexed::<ScopeKey, ScopeId>() + 3 * size_of::<ScopeId>();
const WAITING_COST: usize = indexed::<u16, u32>() * 2;
const ELEMENT_COST: usize = indexed::<ElementId, Arc<RuntimeElement>>() + size_of::<RuntimeElement>() + 64;
const SAMPLER_COST: usize = 3 * size_of::<(super::Sampler, f64)>();

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            templates: Slab::new(),
            by_id: HashMap::default(),
            owners: Slab::new(),
            by_key: HashMap::default(),
            unproven: List::EMPTY,
            proven: List::EMPTY,
            scopes: Slab::new(),
            all_scopes: List::EMPTY,
            by_scope: HashMap::default(),
            bytes: 0,
            uids: 0,
            gone: VecDeque::new(),
            ready: VecDeque::new(),
        }
    }

    /// Bytes held for all exporters, counted as the account counts them: never less than what is allocated.
    pub(crate) fn bytes(&self) -> usize {
        let slabs = self.templates.overhead().saturating_add(self.owners.overhead()).saturating_add(self.scopes.overhead());
        self.bytes.saturating_add(slabs)
    }

    // ---- exporters

    /// The exporter of this key; made (with `beside` bytes on its account for what the decoder keeps of it) when it is new.
    #[inline]
    pub(crate) fn owner(&mut self, key: OwnerKey, now: Timestamp, beside: usize) -> (Owner, bool) {
        if let Some(&owner) = self.by_key.get(&key) {
            if let Some(state) = self.owners.get_mut(owner.0) {
                state.heard = now;
                let list = if state.proven { &mut self.proven } else { &mut self.unproven };
                self.owners.touch(list, owner.0);
            }
            return (owner, false);
        }
        let state = OwnerState {
            key,
            bytes: 0,
            proven: false,
            heard: now,
            scopes: Vec::new(),
            pending: 0,
            pending_octets: 0,
            elements: HashMap::default(),
        };
        let owner = Owner(self.owners.insert(&mut self.unproven, state));
        self.by_key.insert(key, owner);
        self.charge(owner, OWNER_COST.saturating_add(beside));
        (owner, true)
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

    pub(crate) fn scope_bound(&self) -> Index {
        self.scopes.bound()
    }

    pub(crate) fn scope_at(&self, index: Index) -> Option<(ScopeId, &ScopeState)> {
        Some((ScopeId(index), self.scopes.get(index)?))
    }

    /// A record of this exporter was decoded: from now on it goes last.
    #[inline]
    pub(crate) fn prove(&mut self, owner: Owner) {
        let Some(state) = self.owners.get_mut(owner.0) else { return };
        if !state.proven {
            state.proven = true;
            self.owners.relink(&mut self.unproven, &mut self.proven, owner.0);
        }
    }

    /// Puts bytes on an exporter's account.
    pub(crate) fn charge(&mut self, owner: Owner, bytes: usize) {
        if let Some(state) = self.owners.get_mut(owner.0) {
            state.bytes = state.bytes.saturating_add(bytes);
            self.bytes = self.bytes.saturating_add(bytes);
        }
    }

    fn discharge(&mut self, owner: Owner, bytes: usize) {
        if let Some(state) = self.owners.get_mut(owner.0) {
            state.bytes = state.bytes.saturating_sub(bytes);
            self.bytes = self.bytes.saturating_sub(bytes);
        }
    }

    /// Forgets an exporter and all it owns. Gives the octets that were waiting.
    pub(crate) fn remove_owner(&mut self, owner: Owner) -> Option<(OwnerKey, u64)> {
        let scopes = core::mem::take(&mut self.owners.get_mut(owner.0)?.scopes);
        for scope in scopes {
            while let Some(front) = self.scopes.get(scope.0).and_then(|state| state.templates.front()) {
                self.remove_template(Slot(front));
            }
            if let Some(state) = self.scopes.remove(&mut self.all_scopes, scope.0) {
                self.by_scope.remove(&state.key);
            }
        }
        let list = if self.owners.get(owner.0)?.proven { &mut self.proven } else { &mut self.unproven };
        let state = self.owners.remove(list, owner.0)?;
        self.by_key.remove(&state.key);
        shrink(&mut self.by_key);
        shrink(&mut self.by_scope);
        shrink(&mut self.by_id);
        self.bytes = self.bytes.saturating_sub(state.bytes);
        Some((state.key, state.pending_octets))
    }

    /// Brings the state under its caps again. `owner` and `scope` are the ones at work: they lose their oldest templates, but are not
    /// forgotten.
    pub(crate) fn enforce(&mut self, owner: Owner, scope: Option<ScopeId>, limits: &Limits) {
        while self.owners.get(owner.0).is_some_and(|state| state.bytes > limits.exporter_bytes) {
            if !self.evict_within(owner, scope) {
                break;
            }
        }
        while self.bytes() > limits.total_bytes {
            let oldest = |list: List| list.front().filter(|&front| front != owner.0).or_else(|| self.owners.next(list.front()?));
            let Some(victim) = oldest(self.unproven).or_else(|| oldest(self.proven)) else {
                if !self.evict_within(owner, scope) {
                    break;
                }
                continue;
            };
            if let Some((key, pending_octets)) = self.remove_owner(Owner(victim)) {
                self.gone.push_back(Gone::Owner { owner: Owner(victim), key, pending_octets });
            }
        }
    }

    /// Evicts one thing of an exporter: a template, from the scope at work first and never the youngest of it; else waiting data.
    fn evict_within(&mut self, owner: Owner, scope: Option<ScopeId>) -> bool {
        let Some(state) = self.owners.get(owner.0) else { return false };
        let oldest = |scope: ScopeId, keep: u32| {
            self.scopes.get(scope.0).and_then(|state| state.templates.front().filter(|_| state.templates.len() > keep))
        };
        let slot = scope
            .and_then(|scope| oldest(scope, 1))
            .or_else(|| state.scopes.iter().find_map(|&scope| oldest(scope, 1)))
            .or_else(|| state.scopes.iter().filter(|&&other| Some(other) != scope).find_map(|&scope| oldest(scope, 0)));
        if let Some(slot) = slot {
            self.evict_template(Slot(slot));
            return true;
        }
        self.evict_pending(owner)
    }

    fn evict_template(&mut self, slot: Slot) {
        if let Some(entry) = self.remove_template(slot)
            && let Some(scope) = self.scopes.get(entry.scope.0)
        {
            self.gone.push_back(Gone::Template { scope: scope.key, id: entry.template.id(), kind: entry.template.kind() });
        }
    }

    // ---- scopes

    #[inline]
    pub(crate) fn find_scope(&self, key: &ScopeKey) -> Option<ScopeId> {
        self.by_scope.get(key).copied()
    }

    /// The scope of this key; `None` when it is new and the exporter has as many domains, or as many bytes, as it may.
    pub(crate) fn scope(&mut self, key: ScopeKey, limits: &Limits) -> Option<ScopeId> {
        if let Some(scope) = self.find_scope(&key) {
            return Some(scope);
        }
        if self.owners.get(key.owner.0)?.scopes.len() >= limits.exporter_domains {
            return None;
        }
        while !self.has_room(key.owner, SCOPE_COST, limits) {
            if !self.evict_within(key.owner, None) {
                return None;
            }
        }
        let state = ScopeState {
            key,
            templates: List::EMPTY,
            sampling: SamplingTable::default(),
            boot: None,
            pending: VecDeque::new(),
            waiting: HashMap::default(),
        };
        let scope = ScopeId(self.scopes.insert(&mut self.all_scopes, state));
        self.by_scope.insert(key, scope);
        self.owners.get_mut(key.owner.0)?.scopes.push(scope);
        self.charge(key.owner, SCOPE_COST);
        Some(scope)
    }

    #[inline]
    pub(crate) fn scope_state(&self, scope: ScopeId) -> Option<&ScopeState> {
        self.scopes.get(scope.0)
    }

    pub(crate) fn scopes_of(&self, owner: Owner) -> &[ScopeId] {
        self.owners.get(owner.0).map_or(&[], |state| &state.scopes)
    }

    pub(crate) fn set_boot(&mut self, scope: ScopeId, boot: Timestamp) {
        if let Some(state) = self.scopes.get_mut(scope.0) {
            state.boot = Some(boot);
        }
    }

    /// Remembers a sampling rate of a scope, while the exporter has room for it.
    pub(crate) fn learn_sampling(
        &mut self,
        scope: ScopeId,
        sampler: super::Sampler,
        rate: Option<f64>,
        limits: &Limits,
    ) -> Learned {
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

    /// Whether an exporter may hold so much more. What cannot be evicted one by one has to be refused instead: otherwise one exporter
    /// could grow until others have to go.
    fn has_room(&self, owner: Owner, bytes: usize, limits: &Limits) -> bool {
        let ceiling = limits.exporter_bytes.min(limits.total_bytes);
        self.owners.get(owner.0).is_some_and(|state| state.bytes.saturating_add(bytes) <= ceiling)
    }

    // ---- templates

    #[inline]
    pub(crate) fn find(&self, scope: ScopeId, id: u16) -> Option<Slot> {
        self.by_id.get(&(scope, id)).copied()
    }

    /// The template of this id in another domain of the same exporter and protocol.
    pub(crate) fn find_elsewhere(&self, scope: &ScopeKey, id: u16) -> Option<Slot> {
        let scopes = self.scopes_of(scope.owner).iter().copied();
        scopes
            .filter(|&other| self.scopes.get(other.0).is_some_and(|state| state.key.dialect == scope.dialect))
            .find_map(|other| self.find(other, id))
    }

    #[inline]
    pub(crate) fn entry(&self, slot: Slot) -> Option<&Entry> {
        self.templates.get(slot.0)
    }

    /// A template was used: it becomes the youngest of its scope.
    #[inline]
    pub(crate) fn used(&mut self, slot: Slot) {
        if let Some(scope) = self.templates.get(slot.0).map(|entry| entry.scope)
            && let Some(state) = self.scopes.get_mut(scope.0)
        {
            self.templates.touch(&mut state.templates, slot.0);
        }
    }

    pub(crate) fn next_uid(&mut self) -> TemplateUid {
        self.uids = self.uids.wrapping_add(1);
        TemplateUid::new(self.uids)
    }

    /// A known template was announced again.
    pub(crate) fn refresh(&mut self, slot: Slot, now: Timestamp) {
        if let Some(entry) = self.templates.get_mut(slot.0) {
            entry.refreshed = now;
        }
        self.used(slot);
    }

    /// Keeps a template, in place of the one of the same id if there is one.
    pub(crate) fn insert(
        &mut self,
        scope: ScopeId,
        template: Template,
        now: Timestamp,
        limits: &Limits,
    ) -> Option<(Slot, Announced)> {
        let id = template.id();
        let owner = self.scopes.get(scope.0)?.key.owner;
        let announced = match self.find(scope, id).and_then(|slot| self.remove_template(slot)) {
            Some(_) => Announced::Changed,
            None => Announced::Learned,
        };
        let cost = TEMPLATE_COST.saturating_add(template.bytes());
        let state = self.scopes.get_mut(scope.0)?;
        let slot = Slot(self.templates.insert(&mut state.templates, Entry { template, scope, refreshed: now, cost }));
        let full = usize::try_from(state.templates.len()).unwrap_or(usize::MAX) > limits.domain_templates;
        let oldest = state.templates.front();
        self.by_id.insert((scope, id), slot);
        self.charge(owner, cost);
        if let (true, Some(oldest)) = (full, oldest) {
            self.evict_template(Slot(oldest));
        }
        self.enforce(owner, Some(scope), limits);
        Some((slot, announced))
    }

    /// Forgets a template.
    pub(crate) fn remove_template(&mut self, slot: Slot) -> Option<Entry> {
        let scope = self.templates.get(slot.0)?.scope;
        let state = self.scopes.get_mut(scope.0)?;
        let owner = state.key.owner;
        let entry = self.templates.remove(&mut state.templates, slot.0)?;
        self.by_id.remove(&(scope, entry.template.id()));
        self.discharge(owner, entry.cost);
        Some(entry)
    }

    /// The templates of a scope, oldest use first.
    pub(crate) fn templates_of(&self, scope: ScopeId) -> impl Iterator<Item = (Slot, &Entry)> {
        let mut at = self.scopes.get(scope.0).and_then(|state| state.templates.front());
        core::iter::from_fn(move || {
            let index = at?;
            at = self.templates.next(index);
            Some((Slot(index), self.templates.get(index)?))
        })
    }

    /// All templates.
    pub(crate) fn all_templates(&self) -> impl Iterator<Item = (&ScopeKey, &Entry)> {
        self.templates.iter().filter_map(|(_, entry)| Some((&self.scopes.get(entry.scope.0)?.key, entry)))
    }

    // ---- elements learned at run time (RFC 5610)

    /// What an exporter said of an element.
    pub(crate) fn element(&self, owner: Owner, id: ElementId) -> Option<&Arc<RuntimeElement>> {
        self.owners.get(owner.0)?.elements.get(&id)
    }

    pub(crate) fn elements_of(&self, owner: Owner) -> impl Iterator<Item = &RuntimeElement> {
        self.owners.get(owner.0).into_iter().flat_map(|state| state.elements.values()).map(|element| &**element)
    }

    /// Remembers an element; the first definition stays. The exporter's templates that carry it are compiled again. `false` when there
    /// is no room for it.
    pub(crate) fn learn_element(&mut self, owner: Owner, element: RuntimeElement, schema: &Schema, limits: &Limits) -> bool {
        if self.element(owner, element.id).is_some() {
            return true;
        }
        let texts = element.name.len().saturating_add(element.units.len());
        let cost = ELEMENT_COST.saturating_add(texts);
        if texts > limits.element_name_bytes || !self.has_room(owner, cost, limits) {
            return false;
        }
        let Some(state) = self.owners.get_mut(owner.0).filter(|state| state.elements.len() < limits.exporter_elements) else {
            return false;
        };
        let id = element.id;
        let element = Arc::new(element);
        state.elements.insert(id, Arc::clone(&element));
        let scopes = state.scopes.clone();
        self.charge(owner, cost);
        let known = ElementRef::Runtime(element);
        for scope in scopes {
            let slots: Vec<Slot> = self.templates_of(scope).map(|(slot, _)| slot).collect();
            for slot in slots {
                let Some(entry) = self.templates.get_mut(slot.0) else { continue };
                entry.template.learn(id, &known, schema);
                let (before, now) = (entry.cost, TEMPLATE_COST.saturating_add(entry.template.bytes()));
                entry.cost = now;
                self.discharge(owner, before);
                self.charge(owner, now);
            }
        }
        true
    }

    // ---- data that waits

    /// Keeps a data set until its template comes. Older waiting data goes when the exporter has too much of it.
    pub(crate) fn pend(&mut self, pending: Pending, limits: &Limits) -> bool {
        let (scope, cost) = (pending.scope, pending.account());
        let Some(owner) = self.scopes.get(scope.0).map(|state| state.key.owner) else { return false };
        if cost > limits.pending_bytes {
            return false;
        }
        while self.owners.get(owner.0).is_some_and(|state| state.pending.saturating_add(cost) > limits.pending_bytes) {
            if !self.evict_pending(owner) {
                return false;
            }
        }
        if let Some(state) = self.owners.get_mut(owner.0) {
            state.pending = state.pending.saturating_add(cost);
            state.pending_octets = state.pending_octets.saturating_add(pending.set_len());
        }
        if let Some(state) = self.scopes.get_mut(scope.0) {
            let waiting = state.waiting.entry(pending.template).or_insert(0);
            *waiting = waiting.saturating_add(1);
            state.pending.push_back(pending);
        }
        self.charge(owner, cost);
        self.enforce(owner, Some(scope), limits);
        true
    }

    /// Moves what waited for this template to [`ready`](Self::ready), where it stays on its exporter's account until
    /// [`delivered`](Self::delivered).
    pub(crate) fn release(&mut self, scope: ScopeId, template: u16) {
        let Some(state) = self.scopes.get_mut(scope.0) else { return };
        let Some(waiting) = state.waiting.remove(&template) else { return };
        let owner = state.key.owner;
        self.ready.reserve_exact(usize::try_from(waiting).unwrap_or(0));
        let (mut cost, mut octets) = (0_usize, 0_u64);
        for _ in 0..state.pending.len() {
            let Some(pending) = state.pending.pop_front() else { break };
            if pending.template == template {
                cost = cost.saturating_add(pending.account());
                octets = octets.saturating_add(pending.set_len());
                self.ready.push_back(pending);
            } else {
                state.pending.push_back(pending);
            }
        }
        state.give_back_room();
        if let Some(state) = self.owners.get_mut(owner.0) {
            state.pending = state.pending.saturating_sub(cost);
            state.pending_octets = state.pending_octets.saturating_sub(octets);
        }
    }

    /// The next set whose template has come, as long as there is one.
    pub(crate) fn next_ready(&mut self) -> Option<Pending> {
        let pending = self.ready.pop_front();
        if pending.is_none() && self.ready.capacity() != 0 {
            self.ready = VecDeque::new();
        }
        pending
    }

    /// A set that was [`ready`](Self::ready) has been handed over: it leaves the account.
    pub(crate) fn delivered(&mut self, pending: &Pending) {
        if let Some(owner) = self.scopes.get(pending.scope.0).map(|state| state.key.owner) {
            self.discharge(owner, pending.account());
        }
    }

    fn unpend(&mut self, owner: Owner, cost: usize, octets: u64) {
        if let Some(state) = self.owners.get_mut(owner.0) {
            state.pending = state.pending.saturating_sub(cost);
            state.pending_octets = state.pending_octets.saturating_sub(octets);
        }
        self.discharge(owner, cost);
    }

    /// Gives up the oldest waiting set of an exporter.
    fn evict_pending(&mut self, owner: Owner) -> bool {
        let oldest = self.scopes_of(owner).iter().copied().filter_map(|scope| {
            let front = self.scopes.get(scope.0)?.pending.front()?;
            Some((front.context.received, scope))
        });
        let Some((_, scope)) = oldest.min_by_key(|(received, _)| *received) else { return false };
        match self.pop_pending(scope) {
            Some(pending) => {
                self.gone.push_back(Gone::Pending(Box::new(pending)));
                true
            }
            None => false,
        }
    }

    /// Takes out the oldest waiting set of a scope.
    pub(crate) fn pop_pending(&mut self, scope: ScopeId) -> Option<Pending> {
        let state = self.scopes.get_mut(scope.0)?;
        let pending = state.pending.pop_front()?;
        if let Some(waiting) = state.waiting.get_mut(&pending.template) {
            *waiting = waiting.saturating_sub(1);
            if *waiting == 0 {
                state.waiting.remove(&pending.template);
            }
        }
        state.give_back_room();
        let owner = state.key.owner;
        self.unpend(owner, pending.account(), pending.set_len());
        Some(pending)
    }

    /// The oldest waiting set of a scope.
    pub(crate) fn first_pending(&self, scope: ScopeId) -> Option<&Pending> {
        self.scopes.get(scope.0)?.pending.front()
    }
}

impl ScopeState {
    /// Waiting data has left: the places it took go too, so that what is held stays under what is on the account.
    fn give_back_room(&mut self) {
        let few = |len: usize, capacity: usize| len < capacity / 4 || (len == 0 && capacity != 0);
        if few(self.pending.len(), self.pending.capacity()) {
            self.pending.shrink_to(self.pending.len().saturating_mul(2));
        }
        if few(self.waiting.len(), self.waiting.capacity()) {
            self.waiting.shrink_to(self.waiting.len().saturating_mul(2));
        }
    }
}
