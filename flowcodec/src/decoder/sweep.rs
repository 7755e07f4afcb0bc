//! The passing of time, and the end of the input.

use super::{Decoder, ExporterChange, TemplateChange, What};
use crate::error::LimitedBy;
use crate::template::{Owner, OwnerKey, Slot};
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

/// Looks for what was not renewed in time: through all templates once, then through all exporters.
#[derive(Debug)]
pub(super) struct Sweep {
    now: Timestamp,
    template: u32,
    owner: u32,
}

impl Sweep {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self { now, template: 0, owner: 0 }
    }

    /// The time the sweep is for.
    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    /// Goes on to the next thing that is too old; `false` when all have been looked at.
    pub(super) fn step(&mut self, decoder: &mut Decoder) -> bool {
        let limits = &decoder.settings.limits;
        let old = |since: Timestamp, lifetime: core::time::Duration| {
            u128::from(self.now.since(since).max(0).unsigned_abs()) > lifetime.as_nanos()
        };
        while self.template < decoder.store.template_bound() {
            let slot = Slot::at(self.template);
            self.template = self.template.saturating_add(1);
            let Some(entry) = decoder.store.entry(slot).filter(|entry| old(entry.refreshed, limits.template_lifetime)) else {
                continue;
            };
            let (id, kind) = (entry.template.id(), entry.template.kind());
            let Some(key) = decoder.store.scope_state(entry.scope).map(|state| state.key) else { continue };
            // Over a stream templates hold until they are withdrawn or the stream ends (RFC 7011 §8.1).
            if decoder.store.owner_state(key.owner).is_some_and(|state| matches!(state.key, OwnerKey::Stream(_))) {
                continue;
            }
            decoder.store.remove_template(slot);
            let context = decoder.context_of(&key, self.now);
            decoder.note(&context, What::Template { id, kind, change: TemplateChange::Expired, slot: None });
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
