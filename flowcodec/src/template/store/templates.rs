//! Templates: found by scope and id, and over the domains of an exporter where the policy says so.

use super::super::list::{Index, Slab};
use super::super::{Template, TemplateUid};
use super::plans::PLAN_COST;
use super::{Announced, Definition, Gone, ScopeId, ScopeKey, Slot, Store, indexed, shrink};
use crate::limits::Limits;
use crate::time::Timestamp;

/// A template and when it was last announced.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) template: Template,
    pub(crate) scope: ScopeId,
    pub(crate) refreshed: Timestamp,
    pub(super) cost: usize,
    /// How many of the exporter's elements (RFC 5610) it knows of.
    pub(super) elements: usize,
    /// Whether some of its elements are not known.
    pub(super) unknown: bool,
    /// Its place among the templates of this id in all domains, where the policy lets them be used there.
    kin: Option<Index>,
}

const TEMPLATE_COST: usize = Slab::<Entry>::COST + indexed::<(ScopeId, u16), Slot>() + PLAN_COST;
const KIN_COST: usize = Slab::<Slot>::COST + indexed::<Definition, super::List>();

impl Store {
    pub(super) fn template_cost(&self, template: &Template) -> usize {
        let kin = if self.other_domains { KIN_COST } else { 0 };
        TEMPLATE_COST.saturating_add(kin).saturating_add(template.bytes())
    }

    #[inline]
    pub(crate) fn find(&self, scope: ScopeId, id: u16) -> Option<Slot> {
        // Nearly always the one that was used last.
        let last = self.scopes.get(scope.0)?.used;
        match self.templates.get(last.0) {
            Some(entry) if entry.scope == scope && entry.template.id() == id => Some(last),
            _ => self.by_id.get(&(scope, id)).copied(),
        }
    }

    /// The template that data of this scope is read with: its own, else the one announced last in another domain of the exporter, where
    /// the policy has it.
    #[inline]
    pub(crate) fn definition(&self, key: &ScopeKey, scope: Option<ScopeId>, id: u16) -> Option<Slot> {
        scope.and_then(|scope| self.find(scope, id)).or_else(|| if self.other_domains { self.elsewhere(key, id) } else { None })
    }

    #[cold]
    fn elsewhere(&self, key: &ScopeKey, id: u16) -> Option<Slot> {
        let family = self.families.get(&Definition::anywhere(key, id))?;
        self.kin.get(family.back()?).copied()
    }

    #[inline]
    pub(crate) fn entry(&self, slot: Slot) -> Option<&Entry> {
        self.templates.get(slot.0)
    }

    /// A template is used: it is marked, and knows what its exporter said of its elements.
    #[inline]
    pub(crate) fn used(&mut self, slot: Slot) {
        let Some(entry) = self.templates.touch(slot.0) else { return };
        let (known, lists) = (entry.elements, entry.template.has_lists());
        let Some(state) = self.scopes.get_mut(entry.scope.0) else { return };
        let (owner, all) = (state.key.owner, state.elements);
        state.used = slot;
        let now = self.owners.get(owner.0).map_or(0, |state| state.elements.len());
        if known != now || (lists && all != now) {
            self.freshen(slot);
        }
    }

    pub(crate) fn next_uid(&mut self) -> TemplateUid {
        self.uids = self.uids.wrapping_add(1);
        TemplateUid::new(self.uids)
    }

    /// A known template was announced again.
    pub(crate) fn refresh(&mut self, slot: Slot, now: Timestamp) {
        let Some(entry) = self.templates.get_mut(slot.0) else { return };
        entry.refreshed = now;
        let (kin, id, scope) = (entry.kin, entry.template.id(), entry.scope);
        if let (Some(kin), Some(state)) = (kin, self.scopes.get(scope.0))
            && let Some(family) = self.families.get_mut(&Definition::anywhere(&state.key, id))
        {
            self.kin.renew(family, kin);
        }
        self.used(slot);
    }

    /// Keeps a template, in place of the one of the same id if there is one.
    pub(crate) fn insert(
        &mut self,
        scope: ScopeId,
        mut template: Template,
        now: Timestamp,
        limits: &Limits,
    ) -> Option<(Slot, Announced)> {
        let id = template.id();
        let key = self.scopes.get(scope.0)?.key;
        let announced = match self.find(scope, id).and_then(|slot| self.remove_template(slot)) {
            Some(_) => Announced::Changed,
            None => Announced::Learned,
        };
        // Each is charged for the whole plan: whose goes first is not known.
        let cost = self.template_cost(&template);
        self.plans.share(&mut template);
        let entry = Entry {
            scope,
            refreshed: now,
            cost,
            elements: self.owners.get(key.owner.0)?.elements.len(),
            unknown: template.has_unknown(),
            kin: None,
            template,
        };
        let state = self.scopes.get_mut(scope.0)?;
        let slot = Slot(self.templates.insert(&mut state.templates, entry));
        state.used = slot;
        let full = usize::try_from(state.templates.len()).unwrap_or(usize::MAX) > limits.domain_templates;
        self.by_id.insert((scope, id), slot);
        if self.other_domains {
            let family = self.families.entry(Definition::anywhere(&key, id)).or_insert(super::List::EMPTY);
            let kin = self.kin.insert(family, slot);
            if let Some(entry) = self.templates.get_mut(slot.0) {
                entry.kin = Some(kin);
            }
        }
        self.charge(key.owner, cost);
        if full {
            self.evict_oldest(scope, Some(slot));
        }
        self.enforce(key.owner, Some(scope), limits);
        Some((slot, announced))
    }

    /// Forgets a template.
    pub(crate) fn remove_template(&mut self, slot: Slot) -> Option<Entry> {
        let scope = self.templates.get(slot.0)?.scope;
        let state = self.scopes.get_mut(scope.0)?;
        let key = state.key;
        let entry = self.templates.remove(&mut state.templates, slot.0)?;
        let id = entry.template.id();
        self.by_id.remove(&(scope, id));
        shrink(&mut self.by_id);
        self.plans.leave(&entry.template);
        let definition = Definition::anywhere(&key, id);
        if let (Some(kin), Some(family)) = (entry.kin, self.families.get_mut(&definition)) {
            self.kin.remove(family, kin);
            if family.is_empty() {
                self.families.remove(&definition);
                shrink(&mut self.families);
            }
        }
        self.discharge(key.owner, entry.cost);
        Some(entry)
    }

    pub(super) fn evict_template(&mut self, slot: Slot) {
        if let Some(entry) = self.remove_template(slot)
            && let Some(scope) = self.scopes.get(entry.scope.0)
        {
            self.gone.push_back(Gone::Template { scope: scope.key, id: entry.template.id(), kind: entry.template.kind() });
        }
    }

    /// The templates of a scope, the oldest first.
    pub(crate) fn templates_of(&self, scope: ScopeId) -> impl Iterator<Item = (Slot, &Entry)> {
        let list = self.scopes.get(scope.0).map_or(super::List::EMPTY, |state| state.templates);
        self.templates.walk(list).map(|(index, entry)| (Slot(index), entry))
    }

    /// Places of templates that may be in use: for walks that outlive a borrow.
    pub(crate) fn template_bound(&self) -> Index {
        self.templates.bound()
    }

    /// How many templates a scope has.
    pub(crate) fn template_count(&self, scope: ScopeId) -> u32 {
        self.scopes.get(scope.0).map_or(0, |state| state.templates.len())
    }

    /// All templates.
    pub(crate) fn all_templates(&self) -> impl Iterator<Item = (&ScopeKey, &Entry)> {
        self.templates.iter().filter_map(|(_, entry)| Some((&self.scopes.get(entry.scope.0)?.key, entry)))
    }
}
