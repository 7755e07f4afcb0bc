//! What exporters announced: templates by scope, what waits for them, and one account of all of it.
//!
//! Exporters own everything: evicting one frees its scopes, templates, samplers, waiting data and run-time elements together. They are
//! ranked by how well they are proven, and so are the domains of each: a flood of forged sources or domains eats itself.

mod elements;
mod owners;
mod pending;
mod plans;
mod scopes;
mod standing;
mod templates;

use core::hash::Hash;
use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::list::{Index, List, Slab};
use super::{Dialect, TemplateKind};
use crate::error::LimitedBy;
use crate::exporter::Session;
use crate::limits::Limits;
use elements::LOOKUPS;
use owners::OwnerState;
use plans::Plans;
use scopes::ScopeState;
use standing::Ranks;

pub(crate) use pending::Pending;
pub(crate) use standing::Standing;
pub(crate) use templates::Entry;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnerKey {
    /// An exporter's address, over UDP: its octets as one number, which takes one comparison.
    Address(u128),
    /// A byte stream.
    Stream(Session),
}

impl Hash for OwnerKey {
    /// In one piece: it is looked up for every message.
    #[inline]
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        match self {
            Self::Address(octets) => state.write_u128(*octets),
            Self::Stream(session) => session.hash(state),
        }
    }
}

/// One exporter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Owner(pub(crate) Index);

impl Owner {
    /// One that is gone.
    pub(crate) const NONE: Self = Self(Index::MAX);
}

/// One observation domain of an exporter, in one protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ScopeId(Index);

impl ScopeId {
    /// No scope.
    pub(crate) const NONE: Self = Self(Index::MAX);
}

/// One template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Slot(Index);

impl Slot {
    /// No template.
    pub(crate) const NONE: Self = Self(Index::MAX);

    /// The place of this number; there may be none.
    pub(crate) const fn at(index: Index) -> Self {
        Self(index)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ScopeKey {
    pub(crate) owner: Owner,
    pub(crate) dialect: Dialect,
    /// 0 unless the policy makes ports part of the scope.
    pub(crate) port: u16,
    pub(crate) domain: u32,
}

/// A template id of an exporter: in one domain, or in whichever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Definition {
    owner: Owner,
    dialect: Dialect,
    port: u16,
    domain: Option<u32>,
    id: u16,
}

impl Definition {
    const fn of(key: &ScopeKey, id: u16) -> Self {
        Self { owner: key.owner, dialect: key.dialect, port: key.port, domain: Some(key.domain), id }
    }

    const fn anywhere(key: &ScopeKey, id: u16) -> Self {
        Self { owner: key.owner, dialect: key.dialect, port: key.port, domain: None, id }
    }
}

/// Something that had to go or has run out, for the decoder to report.
#[derive(Debug)]
pub(crate) enum Gone {
    /// A template was evicted.
    Template { scope: ScopeKey, id: u16, kind: TemplateKind },
    /// Data gave up waiting; what made it.
    Pending(Box<Pending>, LimitedBy),
    /// A whole exporter. What waited of it follows.
    Owner { owner: Owner, key: OwnerKey },
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
    /// Whether data may be read with a template of another domain.
    other_domains: bool,
    templates: Slab<Entry>,
    by_id: HashMap<(ScopeId, u16), Slot, Hasher>,
    plans: Plans,
    /// The templates of one id in all domains, the one announced last at the young end; empty unless the policy asks for it.
    kin: Slab<Slot>,
    families: HashMap<Definition, List, Hasher>,
    owners: Slab<OwnerState>,
    by_key: HashMap<OwnerKey, Owner, Hasher>,
    ranks: Ranks,
    scopes: Slab<ScopeState>,
    by_scope: HashMap<ScopeKey, ScopeId, Hasher>,
    /// Scopes that are not in use any more, and have templates to be told of.
    retired: List,
    pending: Slab<Pending>,
    /// What waits for one template: positions in `pending`.
    queued: Slab<Index>,
    queues: HashMap<Definition, List, Hasher>,
    /// Data whose template has come, ready to be delivered.
    ready: List,
    /// Data whose exporter is gone, to be reported.
    leaving: List,
    bytes: usize,
    /// Bytes of tables elsewhere.
    beside: usize,
    /// Whether something was added since the caps were looked at.
    grown: bool,
    uids: u64,
    /// Fields that templates may still look up in this call.
    lookups: u32,
    gone: VecDeque<Gone>,
}

/// Gives back the room of a table that was emptied, as soon as its entries' accounts no longer pay for it.
pub(crate) fn shrink<K: Eq + Hash, V>(table: &mut HashMap<K, V, Hasher>) {
    // Two fifths of the places, of which seven in eight may be taken: half as many then do.
    if table.capacity() > 64 && table.len().saturating_mul(24) < table.capacity().saturating_mul(11) {
        table.shrink_to(table.len());
    }
}

/// What an entry of a hash table costs at most: while the table doubles, old and new together have 3.43 places for each entry; while it
/// [shrinks](shrink), 3.75.
pub(crate) const fn indexed<K, V>() -> usize {
    size_of::<(K, V)>().saturating_add(1).saturating_mul(15) / 4
}

impl Store {
    pub(crate) fn new(policy: ScopePolicy) -> Self {
        Self {
            other_domains: policy.other_domains,
            templates: Slab::new(),
            by_id: HashMap::default(),
            plans: Plans::default(),
            kin: Slab::new(),
            families: HashMap::default(),
            owners: Slab::new(),
            by_key: HashMap::default(),
            ranks: Ranks::EMPTY,
            scopes: Slab::new(),
            by_scope: HashMap::default(),
            retired: List::EMPTY,
            pending: Slab::new(),
            queued: Slab::new(),
            queues: HashMap::default(),
            ready: List::EMPTY,
            leaving: List::EMPTY,
            bytes: 0,
            beside: 0,
            grown: false,
            uids: 0,
            lookups: LOOKUPS,
            gone: VecDeque::new(),
        }
    }

    /// Bytes held for all exporters, counted as the account counts them: never less than what is allocated.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        let state = self.templates.overhead().saturating_add(self.owners.overhead()).saturating_add(self.scopes.overhead());
        let waiting = self.kin.overhead().saturating_add(self.pending.overhead()).saturating_add(self.queued.overhead());
        self.bytes.saturating_add(state).saturating_add(waiting).saturating_add(self.beside)
    }

    /// What the tables take that are kept by the side of this one.
    pub(crate) const fn set_beside(&mut self, bytes: usize) {
        self.beside = bytes;
        self.grown = true;
    }

    /// Whether something is gone that has to be told, or ready to be delivered.
    #[inline]
    pub(crate) fn has_gone(&self) -> bool {
        !(self.gone.is_empty() && self.leaving.is_empty() && self.retired.is_empty())
    }

    #[inline]
    pub(crate) const fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// One thing that is gone. One at a time, so that what there is to tell never piles up.
    pub(crate) fn next_gone(&mut self) -> Option<Gone> {
        loop {
            if let Some(gone) = self.gone.pop_front() {
                return Some(gone);
            }
            if let Some(scope) = self.retired.front().map(ScopeId) {
                match self.scopes.get(scope.0).and_then(|state| state.templates.front()) {
                    Some(template) => self.evict_template(Slot(template)),
                    None => self.remove_retired(scope),
                }
                continue;
            }
            return self.next_leaving();
        }
    }

    /// Whether an exporter may hold so much more. What cannot be evicted one by one has to be refused instead: otherwise one exporter
    /// could grow until others have to go.
    fn has_room(&self, owner: Owner, bytes: usize, limits: &Limits) -> bool {
        let ceiling = limits.exporter_bytes.min(limits.total_bytes);
        self.owners.get(owner.0).is_some_and(|state| state.bytes.saturating_add(bytes) <= ceiling)
    }

    /// Brings the state under its caps again. `owner` and `scope` are the ones at work: they lose their oldest templates, but are not
    /// forgotten.
    #[inline]
    pub(crate) fn enforce(&mut self, owner: Owner, scope: Option<ScopeId>, limits: &Limits) {
        let above = self.owners.get(owner.0).is_some_and(|state| state.bytes > limits.exporter_bytes);
        // The sum of all is taken when something was added since.
        if above || (core::mem::take(&mut self.grown) && self.bytes() > limits.total_bytes) {
            self.shed(owner, scope, limits);
        }
    }

    #[cold]
    fn shed(&mut self, owner: Owner, scope: Option<ScopeId>, limits: &Limits) {
        while self.owners.get(owner.0).is_some_and(|state| state.bytes > limits.exporter_bytes) {
            if !self.evict_within(owner, scope) {
                break;
            }
        }
        while self.bytes() > limits.total_bytes {
            let Some(victim) = self.ranks.least(&mut self.owners, u8::MAX, Some(owner.0)).map(Owner) else {
                if !self.evict_within(owner, scope) {
                    break;
                }
                continue;
            };
            if let Some(key) = self.remove_owner(victim, LimitedBy::Limits) {
                self.gone.push_back(Gone::Owner { owner: victim, key });
            }
        }
        // The exporter at work is not forgotten: while it is over by itself, the next message has to look again.
        self.grown = self.bytes() > limits.total_bytes;
    }

    /// Evicts one thing of an exporter: of a domain less proven than the one at work; else a template of that, never the one at work; else
    /// of another domain; else waiting data.
    fn evict_within(&mut self, owner: Owner, scope: Option<ScopeId>) -> bool {
        let working = scope.and_then(|scope| self.scopes.get(scope.0));
        let level = working.map_or(u8::MAX, |state| state.standing.level());
        let own = scope.zip(working.filter(|state| state.templates.len() > 1).map(|state| state.used));
        if let Some(least) = self.least_scope(owner, level, scope) {
            self.evict_of(least);
        } else if let Some((own, keep)) = own {
            self.evict_oldest(own, Some(keep));
        } else if let Some(least) = self.least_scope(owner, u8::MAX, scope) {
            self.evict_of(least);
        } else {
            return self.evict_pending(owner);
        }
        true
    }

    /// The domain of an exporter to go first of those less proven than `level`, but not `keep`.
    fn least_scope(&mut self, owner: Owner, level: u8, keep: Option<ScopeId>) -> Option<ScopeId> {
        let ranks = &mut self.owners.get_mut(owner.0)?.scopes;
        ranks.least(&mut self.scopes, level, keep.map(|scope| scope.0)).map(ScopeId)
    }

    /// Evicts the oldest template of a scope, and the scope with its last one.
    fn evict_of(&mut self, scope: ScopeId) {
        self.evict_oldest(scope, None);
        if self.scopes.get(scope.0).is_some_and(|state| state.templates.is_empty()) {
            self.remove_scope(scope);
        }
    }

    /// Evicts the oldest template of a scope, but not `keep`.
    fn evict_oldest(&mut self, scope: ScopeId, keep: Option<Slot>) {
        let Some(state) = self.scopes.get_mut(scope.0) else { return };
        if let Some(oldest) = self.templates.oldest(&mut state.templates, keep.map(|slot| slot.0)) {
            self.evict_template(Slot(oldest));
        }
    }
}
