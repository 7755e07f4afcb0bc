//! Plans that templates share.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Weak};

use super::super::{LazyPlan, Template};
use super::{Hasher, indexed, shrink};

/// What sharing costs for each template at most: two places in the table, and a plan that is gone but for its name there.
pub(super) const PLAN_COST: usize = 2 * indexed::<u64, Weak<LazyPlan>>() + size_of::<LazyPlan>() + size_of::<[usize; 2]>();

const FIRST_SWEEP: usize = 64;

/// Plans in use, by the hash of what they were compiled of. Thousands of exporters announce the same templates: what is kept of a plan,
/// and what is compiled of it elsewhere, is there once for all of them.
#[derive(Debug, Default)]
pub(super) struct Plans {
    by_shape: HashMap<u64, Weak<LazyPlan>, Hasher>,
    /// How many there are when those that callers held last are looked for next: twice as many as were left the last time.
    sweep: usize,
}

impl Plans {
    /// Gives a template the plan that another one of its shape has, compiled or not.
    pub(super) fn share(&mut self, template: &mut Template) {
        let key = self.by_shape.hasher().hash_one(template.lazy_plan().shape());
        match self.by_shape.get(&key).and_then(Weak::upgrade) {
            Some(plan) if plan.shape() == template.lazy_plan().shape() => template.set_plan(plan),
            // Two shapes of one hash: the second is not shared.
            Some(_) => {}
            None => {
                if self.by_shape.len() >= self.sweep {
                    self.by_shape.retain(|_, plan| plan.strong_count() != 0);
                    self.sweep = self.by_shape.len().saturating_mul(2).max(FIRST_SWEEP);
                }
                self.by_shape.insert(key, Arc::downgrade(template.lazy_plan()));
            }
        }
    }

    /// A template goes.
    pub(super) fn leave(&mut self, template: &Template) {
        let plan = template.lazy_plan();
        if Arc::strong_count(plan) == 1 {
            let key = self.by_shape.hasher().hash_one(plan.shape());
            if self.by_shape.get(&key).is_some_and(|kept| core::ptr::eq(kept.as_ptr(), Arc::as_ptr(plan))) {
                self.by_shape.remove(&key);
                shrink(&mut self.by_shape);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{OwnerKey, ScopeKey, ScopePolicy, Slot, Store};
    use crate::error::LimitedBy;
    use crate::ie::{ElementId, Elements};
    use crate::limits::Limits;
    use crate::model::Schema;
    use crate::template::{Dialect, FieldSpecifier, LazyPlan, Template, TemplateKind};
    use crate::time::Timestamp;

    /// Template `id` of exporter `number`: fields of these lengths.
    fn learn(store: &mut Store, number: u128, id: u16, lengths: &[u16]) -> Slot {
        let (limits, schema) = (Limits::default(), Schema::common());
        let owner = store.owner(OwnerKey::Address(number), Timestamp::EPOCH);
        let scope = store.scope(ScopeKey { owner, dialect: Dialect::Ipfix, port: 0, domain: 0 }, &limits).unwrap();
        let fields =
            (1..).zip(lengths).map(|(id, &length)| FieldSpecifier { element: ElementId::iana(id), length, scope: false });
        let (uid, elements) = (store.next_uid(), Elements::default());
        let template = Template::compile(uid, id, TemplateKind::Data, fields, (&elements, |_| None), &schema, &limits).unwrap();
        store.insert(scope, template, Timestamp::EPOCH, &limits).unwrap().0
    }

    #[test]
    fn templates_of_the_same_fields_have_one_plan() {
        let mut store = Store::new(ScopePolicy::default());
        let slots = [(1, 256, [4, 8]), (2, 256, [4, 8]), (2, 300, [4, 8]), (2, 301, [8, 8]), (3, 256, [4, 4])]
            .map(|(exporter, id, lengths)| learn(&mut store, exporter, id, &lengths));
        let plan = |store: &Store, slot: Slot| Arc::as_ptr(store.entry(slot).unwrap().template.lazy_plan());
        let [first, second, third, wider, narrower] = slots.map(|slot| plan(&store, slot));
        assert_eq!((first, first), (second, third));
        assert!(first != wider && first != narrower && wider != narrower);
        assert_eq!(store.plans.by_shape.len(), 3);
        // It stays as long as one of them does.
        for (exporter, left) in [(1, 3), (3, 2), (2, 0)] {
            let owner = store.find_owner(OwnerKey::Address(exporter)).unwrap();
            store.remove_owner(owner, LimitedBy::Limits);
            assert_eq!(store.plans.by_shape.len(), left);
        }
    }

    #[test]
    fn a_plan_is_compiled_once_when_it_is_asked_for() {
        let mut store = Store::new(ScopePolicy::default());
        let slots = [(1, [4, 8]), (2, [4, 8])].map(|(exporter, lengths)| learn(&mut store, exporter, 256, &lengths));
        let [first, second] = slots.map(|slot| &store.entry(slot).unwrap().template);
        assert!(!first.lazy_plan().is_compiled());
        let before = first.bytes();
        // Octets and packets.
        assert_eq!((first.plan().all().len(), first.lazy_plan().is_compiled()), (2, true));
        assert!(second.lazy_plan().is_compiled() && core::ptr::eq(first.plan(), second.plan()));
        assert_eq!((first.bytes(), second.bytes()), (before, before), "what it costs was known before");
    }

    #[test]
    fn plans_that_are_held_elsewhere_do_not_pile_up() {
        let mut store = Store::new(ScopePolicy::default());
        let mut held: Option<Arc<LazyPlan>> = None;
        for length in 1..2_000 {
            // What replaces a template takes it away while somebody has its plan.
            let slot = learn(&mut store, 1, 256, &[4, 8, length]);
            held = Some(Arc::clone(store.entry(slot).unwrap().template.lazy_plan()));
        }
        assert!(store.plans.by_shape.len() <= super::FIRST_SWEEP, "{}", store.plans.by_shape.len());
        drop(held);
    }
}
