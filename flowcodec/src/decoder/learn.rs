//! What messages teach: templates, withdrawals, and what options records say.

use crate::context::Context;
use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::exporter::Protocol;
use crate::ie::{DataType, ElementId, ElementRef, RuntimeElement, Semantics};
use crate::record::Record;
use crate::template::wire::TemplateRecord;
use crate::template::{
    Announced, FieldSpecifier, Gone, Learned, Owner, OwnerKey, Role, ScopeId, ScopeKey, Slot, Template, TemplateKind, announced,
    refusal,
};
use crate::time::Timestamp;
use crate::wire::unsigned;

use super::sessions::dialect_of;
use super::{Decoder, ExporterChange, Note, SequenceChange, Settings, TemplateChange, What, exporter_of};

impl Decoder {
    pub(super) fn note(&mut self, context: &Context, what: What) {
        self.notes.push_back(Note { context: *context, what });
    }

    /// Notes a fault and counts what it costs as reported.
    pub(super) fn fault(&mut self, context: &Context, fault: Fault) {
        self.stats.faults.add(fault.kind);
        self.stats.bytes_reported = self.stats.bytes_reported.saturating_add(u64::from(fault.bytes));
        self.note(context, What::Fault(fault));
    }

    /// Notes what a sequence number showed, and counts what is missing.
    pub(super) fn sequence(&mut self, context: &Context, change: SequenceChange) {
        if let SequenceChange::Gap { lost: Some(lost), unit } = change {
            self.stats.lose(unit, lost);
        }
        self.note(context, What::Sequence(change));
    }

    /// One template record. Gives the octets it costs if it is refused.
    pub(super) fn template(&mut self, context: &Context, owner: Owner, scope: ScopeId, record: &TemplateRecord<'_>) -> u32 {
        if record.is_withdrawal() {
            self.stats.withdrawals = self.stats.withdrawals.saturating_add(1);
            return self.withdraw(context, scope, record);
        }
        let counter = match record.kind() {
            TemplateKind::Data => &mut self.stats.templates,
            TemplateKind::Options => &mut self.stats.options_templates,
        };
        *counter = counter.saturating_add(1);
        match self.announce(context, owner, scope, record) {
            Ok(()) => 0,
            Err(reason) => {
                // Data under the old definition would be read wrongly from now on.
                if let Some(slot) = self.store.find(scope, record.id()) {
                    self.store.remove_template(slot);
                    let change = TemplateChange::Invalidated;
                    self.note(context, What::Template { id: record.id(), kind: record.kind(), change, slot: None });
                }
                let fault = refusal(record, reason);
                self.fault(context, fault);
                fault.bytes
            }
        }
    }

    fn announce(
        &mut self,
        context: &Context,
        owner: Owner,
        scope: ScopeId,
        record: &TemplateRecord<'_>,
    ) -> Result<(), (FaultKind, LimitedBy)> {
        let (id, kind) = (record.id(), record.kind());
        let known = self.store.find(scope, id);
        if let Some(slot) = known
            && self.store.entry(slot).is_some_and(|entry| entry.template.announces(kind, record.specifiers()))
        {
            self.store.refresh(slot, context.received);
            return Ok(());
        }
        record.check()?;
        let template = self.compile(owner, id, kind, record.specifiers())?;
        let Some((slot, announced)) = self.store.insert(scope, template, context.received, &self.settings.limits) else {
            return Err((FaultKind::TemplateRefused, LimitedBy::Limits));
        };
        let change = match announced {
            Announced::Learned => TemplateChange::Learned,
            Announced::Changed => TemplateChange::Changed,
        };
        if announced == Announced::Changed && context.stream.is_some() {
            self.fault(context, Fault::new(FaultKind::TemplateRedefined, Layer::Template, LimitedBy::SetLength, record.offset()));
        }
        self.note(context, What::Template { id, kind, change, slot: Some(slot) });
        if let Some(key) = self.store.scope_state(scope).map(|state| state.key) {
            self.store.release(&key, id);
        }
        Ok(())
    }

    /// Compiles a template of an exporter.
    pub(super) fn compile(
        &mut self,
        owner: Owner,
        id: u16,
        kind: TemplateKind,
        specifiers: impl Iterator<Item = FieldSpecifier>,
    ) -> Result<Template, (FaultKind, LimitedBy)> {
        let uid = self.store.next_uid();
        let told = |id| self.store.element(owner, id).map(std::sync::Arc::clone);
        let Settings { elements, schema, limits, .. } = &self.settings;
        Template::compile(uid, id, kind, specifiers, (elements, told), schema, limits)
    }

    fn withdraw(&mut self, context: &Context, scope: ScopeId, record: &TemplateRecord<'_>) -> u32 {
        let (id, kind) = (record.id(), record.kind());
        if context.stream.is_none() && !self.settings.udp_withdrawals {
            self.note(context, What::Template { id, kind, change: TemplateChange::WithdrawalIgnored, slot: None });
            return 0;
        }
        let all = matches!((id, kind), (2, TemplateKind::Data) | (3, TemplateKind::Options));
        let slots: Vec<Slot> = if all {
            let of_kind = self.store.templates_of(scope).filter(|(_, entry)| entry.template.kind() == kind);
            of_kind.map(|(slot, _)| slot).collect()
        } else {
            self.store.find(scope, id).into_iter().collect()
        };
        if slots.is_empty() && !all {
            self.fault(context, Fault::new(FaultKind::WithdrawalUnknown, Layer::Template, LimitedBy::SetLength, record.offset()));
        }
        for slot in slots {
            self.store.remove_template(slot);
        }
        self.note(context, What::Template { id, kind, change: TemplateChange::Withdrawn, slot: None });
        0
    }

    /// One options record of a template that teaches something.
    pub(super) fn options_record(&mut self, context: &Context, owner: Owner, scope: ScopeId, lesson: Lesson) {
        let mut refused = None;
        if let Some((sampler, rate)) = lesson.sampling {
            match self.store.learn_sampling(scope, sampler, rate, &self.settings.limits) {
                Learned::Change(change) => self.note(context, What::Sampling(change)),
                Learned::Known => {}
                Learned::Full => refused = Some((FaultKind::LimitReached, LimitedBy::Limits)),
            }
            if rate.is_none() {
                refused = Some((FaultKind::ValueInvalid, LimitedBy::TemplateLength));
            }
        }
        if let Some(boot) = lesson.boot {
            self.store.set_boot(scope, Some(boot));
        }
        if let Some(element) = lesson.element
            && matches!(self.settings.elements.resolve(element.id), ElementRef::Unknown(_))
            && !self.store.learn_element(owner, element, &self.settings.limits)
        {
            refused = Some((FaultKind::LimitReached, LimitedBy::Limits));
        }
        if let Some((kind, limit)) = refused {
            self.fault(context, Fault::new(kind, Layer::Field, limit, lesson.offset));
        }
    }

    /// Turns one thing the store had to let go into events.
    pub(super) fn drain_gone(&mut self, now: Timestamp) {
        if let Some(gone) = self.store.next_gone() {
            match gone {
                Gone::Template { scope, id, kind } => {
                    self.stats.templates_evicted = self.stats.templates_evicted.saturating_add(1);
                    let context = self.context_of(&scope, now);
                    self.note(&context, What::Template { id, kind, change: TemplateChange::Evicted, slot: None });
                }
                Gone::Pending(pending, limit) => self.give_up(&pending, limit),
                Gone::Owner { owner, key } => {
                    self.stats.exporters_evicted = self.stats.exporters_evicted.saturating_add(1);
                    self.gone(owner, key, now, ExporterChange::Evicted);
                }
            }
        }
    }

    /// A set that waited is reported instead of decoded.
    pub(super) fn give_up(&mut self, pending: &crate::template::Pending, limit: LimitedBy) {
        let octets = pending.set_len();
        self.stats.bytes_pending = self.stats.bytes_pending.saturating_sub(octets);
        let fault = Fault::new(FaultKind::TemplateMissing, Layer::Set, limit, pending.offset.saturating_sub(4));
        self.fault(&pending.context, fault.costing(u32::try_from(octets).unwrap_or(u32::MAX)));
        // It is a fault of the message it came in, not of the one at hand.
        self.faults_elsewhere = self.faults_elsewhere.saturating_add(1);
        self.sessions.blame(pending.key.owner, &pending.context);
    }

    /// Faults of messages that are being read.
    pub(super) fn own_faults(&self) -> u64 {
        self.stats.faults.total().saturating_sub(self.faults_elsewhere)
    }

    /// An exporter and all it owned is gone.
    pub(super) fn gone(&mut self, owner: Owner, key: OwnerKey, now: Timestamp, change: ExporterChange) {
        self.sessions.remove(owner, &mut self.store);
        let mut context = Context::new(exporter_of(key, 0), now);
        context.stream = super::sessions::stream_of(key);
        self.note(&context, What::Exporter(change));
    }

    pub(super) fn context_of(&self, scope: &ScopeKey, now: Timestamp) -> Context {
        let key = self.store.owner_state(scope.owner).map(|state| state.key);
        let exporter = key.map_or(crate::Exporter::UNSPECIFIED, |key| exporter_of(key, scope.port));
        let mut context = Context::new(exporter, now);
        context.stream = key.and_then(super::sessions::stream_of);
        context.domain = scope.domain;
        context.protocol = match scope.dialect {
            crate::template::Dialect::NetFlow9 => Protocol::NetFlow9,
            _ => Protocol::Ipfix,
        };
        debug_assert_eq!(dialect_of(context.protocol), Some(scope.dialect), "the dialects and their protocols are one to one");
        context
    }
}

/// What one options record says, without a borrow of it.
#[derive(Debug, Default)]
pub(super) struct Lesson {
    sampling: Option<(crate::template::Sampler, Option<f64>)>,
    boot: Option<Timestamp>,
    element: Option<RuntimeElement>,
    offset: u32,
}

impl Lesson {
    pub(super) fn of(record: &Record<'_>, role: Role, offset: u32) -> Self {
        let octets = |id: ElementId| record.element(id).map(|element| element.octets());
        Self {
            sampling: role.sampling.then(|| announced(octets)),
            boot: if role.boot {
                octets(ElementId::iana(160)).and_then(unsigned).filter(|&millis| millis != 0).map(Timestamp::from_millis)
            } else {
                None
            },
            element: if role.elements { described(octets) } else { None },
            offset,
        }
    }
}

/// The element an RFC 5610 record describes (346 and 303 as scope; 341 name, 339 type, 344 semantics).
fn described<'a>(octets: impl Fn(ElementId) -> Option<&'a [u8]>) -> Option<RuntimeElement> {
    let number = |id: u16| octets(ElementId::iana(id)).and_then(unsigned);
    let pen = u32::try_from(number(346)?).ok()?;
    let id = u16::try_from(number(303)? & 0x7fff).ok()?;
    let name = crate::Text::new(octets(ElementId::iana(341))?).trimmed().to_str().ok()?;
    if name.is_empty() {
        return None;
    }
    let code = |id: u16| number(id).and_then(|code| u8::try_from(code).ok());
    let data_type = code(339).and_then(DataType::from_code).unwrap_or(DataType::OctetArray);
    let mut element = RuntimeElement::new(ElementId::enterprise(pen, id), name, data_type);
    element.semantics = code(344).and_then(Semantics::from_code).unwrap_or_default();
    Some(element)
}
