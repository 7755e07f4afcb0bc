//! The walk through one data set, before its records are given to anyone.

use super::Decoder;
use super::learn::Lesson;
use crate::context::Context;
use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::record::{Record, check, whole_records};
use crate::template::{Owner, RecordRef, ScopeId, Slot, TemplateField, TemplateKind, TemplateUid, Templates};
use crate::wire::{Input, len32};

/// What was read of a data set.
pub(super) struct Read {
    pub(super) kind: TemplateKind,
    pub(super) len: u32,
    /// Octets of whole records, from the start of the body.
    pub(super) used: usize,
    /// Octets reported instead of decoded.
    pub(super) lost: u64,
    /// What is still to be done with its records.
    pub(super) study: Option<Study>,
}

impl Decoder {
    /// What the lists in the records of a scope are read with.
    pub(super) const fn templates_of(&self, scope: ScopeId) -> Templates<'_> {
        Templates::of(&self.store, scope, &self.settings.elements, &self.settings.limits)
    }
}

/// Walks the records of a set before they are given to anyone: how many are whole, and what is wrong behind them.
#[inline]
pub(super) fn data_set(
    decoder: &mut Decoder,
    context: &Context,
    owner: Owner,
    scope: ScopeId,
    slot: Slot,
    body: Input<'_>,
) -> Read {
    let Some(entry) = decoder.store.entry(slot) else {
        return Read { kind: TemplateKind::Data, len: 0, used: 0, lost: 0, study: None };
    };
    let template = &entry.template;
    let (kind, uid, lists) = (template.kind(), template.uid(), template.has_lists());
    let teaches = kind == TemplateKind::Options && !template.role().is_none();
    let (len, used, cut) = whole_records(template, body, &mut decoder.bases);
    let mut lost = 0_u64;
    if let Some(fault) = cut {
        lost = lost.saturating_add(u64::from(fault.bytes));
        decoder.fault(context, fault);
    }
    let counter = match kind {
        TemplateKind::Data => &mut decoder.stats.flows,
        TemplateKind::Options => &mut decoder.stats.options,
    };
    *counter = counter.saturating_add(u64::from(len));
    if len != 0 {
        // Both are in use: the scope of the records, and the one that has their template.
        let home = decoder.store.entry(slot).map_or(scope, |entry| entry.scope);
        decoder.store.prove(owner, context.received);
        decoder.store.prove_scope(home, context.received);
        if home != scope {
            decoder.store.prove_scope(scope, context.received);
        }
    }
    let study = (len != 0 && (lists || teaches)).then(|| Study { uid, slot, scope, owner, offset: body.offset(), used, at: 0 });
    Read { kind, len, used, lost, study }
}

/// A second walk through the records of a set, one at a time, so that what there is to say of them never piles up: their lists, and what
/// options records teach.
#[derive(Debug)]
pub(super) struct Study {
    uid: TemplateUid,
    slot: Slot,
    scope: ScopeId,
    owner: Owner,
    /// Offset of the set's body in its message.
    offset: u32,
    /// Octets of whole records.
    used: usize,
    at: usize,
}

impl Study {
    /// One record of the set's `body`; `false` when there is none left.
    pub(super) fn step(&mut self, decoder: &mut Decoder, context: &Context, body: &[u8]) -> bool {
        let entry = decoder.store.entry(self.slot).filter(|entry| entry.template.uid() == self.uid);
        let Some(template) = entry.map(|entry| &entry.template) else { return false };
        let left = body.get(self.at..self.used).unwrap_or_default();
        let Some(length) = template.record_at(left).filter(|&length| length != 0) else { return false };
        let raw = left.get(..length).unwrap_or_default();
        let offset = self.offset.saturating_add(u32::try_from(self.at).unwrap_or(u32::MAX));
        let templates = decoder.templates_of(self.scope);
        let record = Record::from(RecordRef { template, context, templates, raw, bases: &[] });
        let (kind, role) = (template.kind(), template.role());
        let teaches = kind == TemplateKind::Options && !role.is_none();
        let lesson = teaches.then(|| Lesson::of(&record, role, offset));
        let broken = if template.has_lists() { broken_lists(&record, offset) } else { Vec::new() };
        for fault in broken {
            // The set was counted as decoded; what a list costs is taken off again.
            decoder.stats.bytes_decoded = decoder.stats.bytes_decoded.saturating_sub(u64::from(fault.bytes));
            decoder.fault(context, fault);
        }
        if let Some(lesson) = lesson {
            decoder.options_record(context, self.owner, self.scope, lesson);
        }
        self.at = self.at.saturating_add(length);
        true
    }
}

/// The lists of a record, which begins at `offset`, that are broken.
fn broken_lists(record: &Record<'_>, offset: u32) -> Vec<Fault> {
    let mut broken = Vec::new();
    for element in record.elements() {
        let Some(data_type) = element.field().map(TemplateField::data_type).filter(|data_type| data_type.is_list()) else {
            continue;
        };
        let octets = element.octets();
        if let Err(kind) = check(data_type, octets, record.templates()) {
            let within = octets.as_ptr().addr().saturating_sub(record.raw().as_ptr().addr());
            let offset = offset.saturating_add(u32::try_from(within).unwrap_or(u32::MAX));
            let limit = if kind == FaultKind::ListTooDeep { LimitedBy::Limits } else { LimitedBy::FieldLength };
            broken.push(Fault::new(kind, Layer::Field, limit, offset).costing(len32(octets)));
        }
    }
    broken
}
