//! Elements learned at run time (RFC 5610).
//!
//! Templates are not told when an element is learned: each looks when it is used the next time, and the looking of one call is bounded.
//! So a datagram full of definitions costs what it costs to keep them, however many templates carry the elements.

use std::sync::Arc;

use super::super::TemplateUid;
use super::{Owner, Slot, Store, indexed};
use crate::ie::{ElementId, ElementRef, RuntimeElement};
use crate::limits::Limits;

const ELEMENT_COST: usize = indexed::<ElementId, Arc<RuntimeElement>>() + size_of::<RuntimeElement>() + 64;

/// Template fields that may be looked up in one call. What is left over is done in the next; until then the template is read without
/// the new names. No single template has more fields.
pub(super) const LOOKUPS: u32 = 65_536;

impl Store {
    /// What an exporter said of an element.
    pub(crate) fn element(&self, owner: Owner, id: ElementId) -> Option<&Arc<RuntimeElement>> {
        self.owners.get(owner.0)?.elements.get(&id)
    }

    pub(crate) fn elements_of(&self, owner: Owner) -> impl Iterator<Item = &RuntimeElement> {
        self.owners.get(owner.0).into_iter().flat_map(|state| state.elements.values()).map(|element| &**element)
    }

    /// Remembers an element; the first definition stays. `false` when there is no room for it.
    pub(crate) fn learn_element(&mut self, owner: Owner, element: RuntimeElement, limits: &Limits) -> bool {
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
        state.elements.insert(element.id, Arc::new(element));
        self.charge(owner, cost);
        true
    }

    /// A call begins: its templates may look for elements again.
    #[inline]
    pub(crate) const fn begin_call(&mut self) {
        self.lookups = LOOKUPS;
    }

    /// A template of an exporter that learned elements since is used. Lists (RFC 6313) read the other templates of its scope too.
    #[cold]
    pub(super) fn freshen(&mut self, slot: Slot) {
        if !self.look_up(slot) {
            return;
        }
        let Some(entry) = self.templates.get(slot.0).filter(|entry| entry.template.has_lists()) else { return };
        let (scope, known) = (entry.scope, entry.elements);
        let mut next = self.scopes.get(scope.0).and_then(|state| state.templates.front());
        while let Some(index) = next {
            if !self.look_up(Slot(index)) {
                return;
            }
            next = self.templates.next(index);
        }
        if let Some(state) = self.scopes.get_mut(scope.0) {
            state.elements = known;
        }
    }

    /// Gives a template what is known of its elements now; `false` when that has to wait for another call.
    fn look_up(&mut self, slot: Slot) -> bool {
        let Some(entry) = self.templates.get_mut(slot.0) else { return true };
        let Some(owner) = self.scopes.get(entry.scope.0).map(|state| state.key.owner) else { return true };
        let Some(elements) = self.owners.get(owner.0).map(|state| &state.elements) else { return true };
        let stale = entry.elements != elements.len() && entry.unknown;
        let work = if stale { u32::try_from(entry.template.fields().len()).unwrap_or(u32::MAX) } else { 1 };
        let Some(left) = self.lookups.checked_sub(work) else { return false };
        self.lookups = left;
        entry.elements = elements.len();
        if !stale {
            return true;
        }
        let uid = TemplateUid::new(self.uids.wrapping_add(1));
        let known = |id| elements.get(&id).map(|element| ElementRef::Runtime(Arc::clone(element)));
        // What the schema reads of it gives it another plan.
        self.plans.leave(&entry.template);
        let changed = entry.template.learn(uid, known);
        self.plans.share(&mut entry.template);
        if changed {
            self.uids = uid.number();
            entry.unknown = entry.template.has_unknown();
            let before = entry.cost;
            if let Some(now) = self.templates.get(slot.0).map(|entry| self.template_cost(&entry.template)) {
                if let Some(entry) = self.templates.get_mut(slot.0) {
                    entry.cost = now;
                }
                self.discharge(owner, before);
                self.charge(owner, now);
            }
        }
        true
    }
}
