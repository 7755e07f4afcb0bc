//! The passing of time, and the end of the input.

use super::{Decoder, ExporterChange, TemplateChange, What};
use crate::error::LimitedBy;
use crate::template::{Owner, OwnerKey};
use crate::time::Timestamp;

/// Gives up what waits of one exporter after the other; `false` when there is none left.
pub(super) fn finish_step(decoder: &mut Decoder, owner: &mut u32) -> bool {
    if *owner >= decoder.store.owner_bound() {
        return false;
    }
    match decoder.store.pop_pending(Owner(*owner)) {
        Some(pending) => decoder.give_up(&pending, LimitedBy::Datagram),
        None => *owner = owner.saturating_add(1),
    }
    true
}

/// Looks for what was not renewed in time, one scope and one exporter after the other.
#[derive(Debug)]
pub(super) struct Sweep {
    now: Timestamp,
    owner: u32,
    scope: u32,
}

impl Sweep {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self { now, owner: 0, scope: 0 }
    }

    /// The time the sweep is for.
    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    /// Looks at one exporter or one scope; `false` when all have been looked at.
    pub(super) fn step(&mut self, decoder: &mut Decoder) -> bool {
        let limits = &decoder.settings.limits;
        let old = |since: Timestamp, lifetime: core::time::Duration| {
            u128::from(self.now.since(since).max(0).unsigned_abs()) > lifetime.as_nanos()
        };
        if self.scope < decoder.store.scope_bound() {
            let Some((scope, state)) = decoder.store.scope_at(self.scope) else {
                self.scope = self.scope.saturating_add(1);
                return true;
            };
            let key = state.key;
            let stream = decoder.store.owner_state(key.owner).is_some_and(|state| matches!(state.key, OwnerKey::Stream(_)));
            let expired =
                decoder.store.templates_of(scope).find(|(_, entry)| !stream && old(entry.refreshed, limits.template_lifetime));
            if let Some((slot, entry)) = expired.map(|(slot, entry)| (slot, (entry.template.id(), entry.template.kind()))) {
                decoder.store.remove_template(slot);
                let context = decoder.context_of(&key, self.now);
                let (id, kind) = entry;
                decoder.note(&context, What::Template { id, kind, change: TemplateChange::Expired, slot: None });
                return true;
            }
            self.scope = self.scope.saturating_add(1);
            return true;
        }
        if self.owner < decoder.store.owner_bound() {
            let owner = Owner(self.owner);
            if decoder.store.first_pending(owner).is_some_and(|pending| old(pending.context.received, limits.pending_lifetime)) {
                if let Some(pending) = decoder.store.pop_pending(owner) {
                    decoder.give_up(&pending, LimitedBy::Limits);
                }
                return true;
            }
            self.owner = self.owner.saturating_add(1);
            let Some(state) = decoder.store.owner_state(owner) else { return true };
            if matches!(state.key, OwnerKey::Address(_)) && old(state.heard, limits.exporter_lifetime) {
                decoder.forget(state.key, self.now, ExporterChange::Expired);
            }
            return true;
        }
        false
    }
}
