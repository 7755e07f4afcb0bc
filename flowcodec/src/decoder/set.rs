//! The walk through one data set, before its records are given to anyone.

use super::Decoder;
use super::learn::Lesson;
use crate::context::Context;
use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::record::{Record, check, is_list};
use crate::template::{Owner, RecordRef, ScopeId, Slot, Template, TemplateKind, TemplateUid, Templates};
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

/// Walks the records of a set before they are given to anyone: how many are whole, and what is wrong behind them.
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
    let (len, used, truncated) = whole_records(template, body.bytes());
    let mut lost = 0_u64;
    let rest = body.bytes().get(used..).unwrap_or_default();
    // Up to three octets, or only zeros, are padding (RFC 7011 §3.3.1); more is a record that was cut.
    if truncated || (rest.len() > 3 && rest.iter().any(|&octet| octet != 0)) {
        let fault_kind = if truncated { FaultKind::RecordTruncated } else { FaultKind::TrailingOctets };
        let offset = body.offset().saturating_add(u32::try_from(used).unwrap_or(u32::MAX));
        let fault = Fault::new(fault_kind, Layer::Record, body.limit(), offset);
        let fault = fault.sizes(template.min_record_len(), len32(rest)).costing(len32(rest));
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

/// Number of whole records, their octets, and whether the one behind them runs past the end.
fn whole_records(template: &Template, body: &[u8]) -> (u32, usize, bool) {
    if let Some(length) = template.record_len().and_then(|length| usize::try_from(length).ok()) {
        let len = body.len().checked_div(length).unwrap_or(0);
        return (u32::try_from(len).unwrap_or(u32::MAX), len.saturating_mul(length), false);
    }
    let min = usize::try_from(template.min_record_len()).unwrap_or(usize::MAX);
    let (mut len, mut used) = (0_u32, 0_usize);
    loop {
        let rest = body.get(used..).unwrap_or_default();
        if rest.len() < min {
            return (len, used, false);
        }
        match template.record_at(rest) {
            Some(length) => {
                used = used.saturating_add(length);
                len = len.saturating_add(1);
            }
            None => return (len, used, true),
        }
    }
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
        let templates = Templates::of(&decoder.store, self.scope);
        let record = Record::from(RecordRef { template, context, templates, raw });
        let (kind, role) = (template.kind(), template.role());
        let teaches = kind == TemplateKind::Options && !role.is_none();
        let lesson = teaches.then(|| Lesson::of(&record, role, offset));
        let depth = decoder.settings.limits.list_depth;
        let broken = if template.has_lists() { broken_lists(&record, offset, depth) } else { Vec::new() };
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
fn broken_lists(record: &Record<'_>, offset: u32, depth: u8) -> Vec<Fault> {
    let mut broken = Vec::new();
    for element in record.elements().filter(|element| is_list(element.field().data_type())) {
        let octets = element.octets();
        if let Err(kind) = check(element.field().data_type(), octets, record.templates(), depth) {
            let within = octets.as_ptr().addr().saturating_sub(record.raw().as_ptr().addr());
            let offset = offset.saturating_add(u32::try_from(within).unwrap_or(u32::MAX));
            let limit = if kind == FaultKind::ListTooDeep { LimitedBy::Limits } else { LimitedBy::FieldLength };
            broken.push(Fault::new(kind, Layer::Field, limit, offset).costing(len32(octets)));
        }
    }
    broken
}
