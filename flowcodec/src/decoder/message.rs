//! The walk through one message, set by set.

use super::sessions::{SessionId, Tally, dialect_of};
use super::set::{Study, data_set};
use super::{Decoder, ExporterChange, SequenceChange, What};
use crate::context::Context;
use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::exporter::{Protocol, Session};
use crate::template::wire::{Set, Sets, TemplateRecord, TemplateRecords};
use crate::template::{Owner, OwnerKey, Pending, ScopeId, ScopeKey, Slot, TemplateKind, refusal};
use crate::time::Timestamp;
use crate::wire::{Input, len32};
use crate::{netflow5, sflow};

/// What one step of a walk came to.
#[derive(Clone, Copy)]
pub(super) enum Step {
    /// Records: the message at hand has them. (They are not handed back: what is put together and moved on at once is waited for.)
    Found,
    /// Nothing to show; there may be notes.
    Again,
    /// The end.
    Done,
}

/// Records of the message at hand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'d> {
    pub(super) which: Which,
    pub(super) octets: &'d [u8],
    pub(super) len: u32,
    pub(super) show: Show,
}

/// What they are read with.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which {
    /// A template that was learned.
    Learned { slot: Slot, scope: ScopeId },
    /// The built-in template of v1, v5 or v7.
    Layout { protocol: Protocol, record_len: usize },
    /// Nothing: they are sFlow samples, the first at this offset.
    Samples { offset: u32 },
}

/// As which event they are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    Flows,
    Options,
    Counters,
    Unknown,
}

impl Show {
    pub(super) const fn of(kind: TemplateKind) -> Self {
        match kind {
            TemplateKind::Data => Self::Flows,
            TemplateKind::Options => Self::Options,
        }
    }
}

/// A walk through one message.
#[derive(Debug)]
pub(super) struct Message<'d> {
    pub(super) context: Context,
    pub(super) owner: Owner,
    pub(super) session: SessionId,
    scope: Option<ScopeId>,
    pub(super) body: Body<'d>,
    /// The records found last.
    pub(super) found: Found<'d>,
    /// Records so far, `None` once some could not be counted.
    pub(super) counted: Option<u32>,
    pub(super) tally: Tally,
    faults_before: u64,
    /// The set at hand, and its body, as long as its records are not studied to the end.
    study: Option<(Study, &'d [u8])>,
    /// The sample given last, as long as what is wrong with its records is not told to the end.
    pub(super) bad: Option<sflow::RecordFaults<'d>>,
    /// When the exporter booted, as far as was known when the message began.
    boot: Option<Timestamp>,
    /// Whether its sequence number was compared.
    pub(super) closed: bool,
}

/// What is left of a message.
#[derive(Debug)]
pub(super) enum Body<'d> {
    /// v1, v5, v7: all records at once.
    Fixed(netflow5::Packet<'d>),
    /// v9, IPFIX: the sets, and the records of the template set at hand.
    Sets(Sets<'d>, Option<TemplateRecords<'d>>),
    /// sFlow.
    Samples(sflow::Samples<'d>),
    /// Nothing.
    Over,
}

/// The records of a packet of v1, v5 or v7, and how many its header promises.
#[derive(Clone, Copy)]
struct Fixed<'d> {
    octets: &'d [u8],
    record_len: usize,
    len: u32,
    count: u16,
}

impl<'d> Message<'d> {
    /// What its header says; whose it is comes after that.
    #[inline]
    pub(super) const fn new(context: Context, body: Body<'d>) -> Self {
        Self {
            context,
            owner: Owner::NONE,
            session: SessionId::NONE,
            scope: None,
            body,
            found: Found { which: Which::Samples { offset: 0 }, octets: &[], len: 0, show: Show::Flows },
            counted: None,
            tally: Tally { records: 0, options: 0, faults: 0 },
            faults_before: 0,
            study: None,
            bad: None,
            boot: None,
            closed: false,
        }
    }

    /// The header is good: from here on the message belongs to its exporter.
    pub(super) fn begin(&mut self, decoder: &mut Decoder, session: Option<Session>) {
        let context = &mut self.context;
        let key = match session {
            None => OwnerKey::Address(u128::from_be_bytes(context.exporter.octets())),
            Some(session) => OwnerKey::Stream(session),
        };
        let owner = decoder.store.owner(key, context.received);
        if !decoder.settings.exporters.is_empty() {
            let known = decoder.settings.of(context.exporter.address());
            if context.protocol != Protocol::Sflow {
                context.counters_scaled = known.counters_scaled;
            }
            context.sampling_fixed = known.sampling_rate.is_some();
            context.sampling_rate = known.sampling_rate.or(context.sampling_rate).or(known.sampling_rate_default);
        }
        let entered = scope_key(decoder, owner, context).and_then(|key| decoder.store.enter(&key));
        let (scope, boot) = (entered.map(|(scope, _)| scope), entered.and_then(|(_, boot)| boot));
        count_from_boot(context, boot);
        let begun = decoder.sessions.begin(owner, context, &mut decoder.store, &decoder.settings.limits);
        if let Some((evicted, change)) = begun.evicted.map(|evicted| *evicted) {
            decoder.stats.sessions_evicted = decoder.stats.sessions_evicted.saturating_add(1);
            decoder.note(&evicted.context(context), What::Exporter(change));
        }
        if begun.first {
            decoder.note(context, What::Exporter(ExporterChange::Appeared));
        }
        if let Some(ahead) = begun.skewed {
            decoder.note(context, What::Exporter(ExporterChange::ClockSkewed(ahead)));
        }
        decoder.store.enforce(owner, scope, &decoder.settings.limits);
        // Samples have numbers of their own: those of sFlow's datagrams count datagrams.
        self.counted = (context.protocol != Protocol::Sflow).then_some(0);
        (self.owner, self.session, self.scope, self.boot) = (owner, begun.session, scope, boot);
        self.faults_before = decoder.own_faults();
    }
}

/// Where the templates of a message belong.
fn scope_key(decoder: &Decoder, owner: Owner, context: &Context) -> Option<ScopeKey> {
    let dialect = dialect_of(context.protocol)?;
    let port = if context.stream.is_none() && decoder.settings.scope.port { context.exporter.port() } else { 0 };
    Some(ScopeKey { owner, dialect, port, domain: context.domain })
}

/// What is known by now of when the exporter booted.
pub(super) fn resolve_boot(decoder: &Decoder, context: &mut Context, scope: Option<ScopeId>) {
    count_from_boot(context, scope.and_then(|scope| decoder.store.scope_state(scope)).and_then(|state| state.boot));
}

/// IPFIX headers carry no uptime; where element 160 told when the exporter booted, it is export time less that (modulo 2^32).
#[inline]
fn count_from_boot(context: &mut Context, boot: Option<Timestamp>) {
    if let Some(boot) = boot.filter(|_| context.protocol == Protocol::Ipfix) {
        context.uptime_ms = Some(context.exported.uptime_since(boot));
    }
}

impl<'d> Message<'d> {
    pub(super) fn step(&mut self, decoder: &mut Decoder) -> Step {
        if let Some((study, body)) = &mut self.study {
            if !study.step(decoder, &self.context, body) {
                self.study = None;
                // softflowd sends the time it booted in the same message as the flows that count from it.
                resolve_boot(decoder, &mut self.context, self.scope);
            }
            return Step::Again;
        }
        if let Some(bad) = &mut self.bad {
            match bad.next() {
                Some(fault) => decoder.fault(&self.context, fault),
                None => self.bad = None,
            }
            return Step::Again;
        }
        match &mut self.body {
            Body::Over => Step::Done,
            Body::Samples(samples) if samples.is_over() => Step::Done,
            Body::Samples(samples) => {
                let samples = samples.clone();
                self.samples(decoder, samples)
            }
            Body::Fixed(packet) => {
                // Each on its own: a copy of the whole, right behind writing it, would wait for all of it.
                let (octets, record_len, count) = (packet.record_octets().bytes(), packet.record_len(), packet.header().count);
                let (len, trailing) = (packet.len(), packet.trailing());
                self.body = Body::Over;
                let len = u32::try_from(len).unwrap_or(u32::MAX);
                self.fixed(decoder, Fixed { octets, record_len, len, count }, trailing)
            }
            Body::Sets(sets, templates) => {
                if let Some(record) = templates.as_mut().and_then(Iterator::next) {
                    self.template(decoder, record);
                    return Step::Again;
                }
                *templates = None;
                let rest = sets.rest();
                let set = sets.next();
                self.set(decoder, set, rest)
            }
        }
    }

    /// One set, or the end: `rest` is what was left in front of it.
    fn set(&mut self, decoder: &mut Decoder, set: Option<Result<Set<'d>, Fault>>, rest: Input<'d>) -> Step {
        match set {
            None => {
                // Padding behind the last set.
                decoder.stats.bytes_decoded = decoder.stats.bytes_decoded.saturating_add(u64::from(rest.len32()));
                Step::Done
            }
            Some(Err(fault)) => {
                self.counted = None;
                decoder.fault(&self.context, fault);
                self.body = Body::Over;
                Step::Again
            }
            Some(Ok(Set::Templates(records))) => {
                // Templates are charged as they are read: what one costs is taken off again.
                decoder.stats.bytes_decoded =
                    decoder.stats.bytes_decoded.saturating_add(u64::from(records.rest().len32()).saturating_add(4));
                if let Body::Sets(_, templates) = &mut self.body {
                    *templates = Some(records);
                }
                Step::Again
            }
            Some(Ok(Set::Data { id, body })) => self.data(decoder, id, body),
            Some(Ok(Set::Reserved { body, .. })) => {
                let fault = Fault::new(FaultKind::ReservedSet, Layer::Set, LimitedBy::SetLength, body.offset().saturating_sub(4));
                decoder.fault(&self.context, fault.costing(body.len32().saturating_add(4)));
                Step::Again
            }
        }
    }

    /// Where its templates belong.
    fn key(&self, decoder: &Decoder) -> Option<ScopeKey> {
        scope_key(decoder, self.owner, &self.context)
    }

    fn scope(&mut self, decoder: &mut Decoder) -> Option<ScopeId> {
        if self.scope.is_none() {
            self.scope = decoder.store.scope(self.key(decoder)?, &decoder.settings.limits);
        }
        self.scope
    }

    fn template(&mut self, decoder: &mut Decoder, record: Result<TemplateRecord<'d>, Fault>) {
        let lost = match record {
            Ok(record) => match self.scope(decoder) {
                Some(scope) => decoder.template(&self.context, self.owner, scope, &record),
                None => {
                    let fault = refusal(&record, (FaultKind::LimitReached, LimitedBy::Limits));
                    decoder.fault(&self.context, fault);
                    fault.bytes
                }
            },
            Err(fault) => {
                decoder.fault(&self.context, fault);
                fault.bytes
            }
        };
        decoder.stats.bytes_decoded = decoder.stats.bytes_decoded.saturating_sub(u64::from(lost));
    }

    fn data(&mut self, decoder: &mut Decoder, id: u16, body: Input<'d>) -> Step {
        let own = self.scope.and_then(|scope| Some((decoder.store.find(scope, id)?, scope)));
        let Some((slot, scope)) = own.or_else(|| self.elsewhere(decoder, id)) else {
            self.pend(decoder, id, body);
            return Step::Again;
        };
        decoder.store.used(slot);
        let read = data_set(decoder, &self.context, self.owner, scope, slot, body);
        let set_len = u64::from(body.len32()).saturating_add(4);
        decoder.stats.bytes_decoded = decoder.stats.bytes_decoded.saturating_add(set_len.saturating_sub(read.lost));
        self.counted = self.counted.map(|counted| counted.wrapping_add(read.len));
        match read.kind {
            TemplateKind::Data => self.tally.records = self.tally.records.saturating_add(u64::from(read.len)),
            TemplateKind::Options => self.tally.options = self.tally.options.saturating_add(u64::from(read.len)),
        }
        self.study = read.study.map(|study| (study, body.bytes()));
        let octets = body.bytes().get(..read.used).unwrap_or_default();
        if read.len == 0 {
            return Step::Again;
        }
        self.found = Found { which: Which::Learned { slot, scope }, octets, len: read.len, show: Show::of(read.kind) };
        Step::Found
    }

    /// The template of another domain, where that is allowed, and the scope that its records belong to.
    #[cold]
    fn elsewhere(&mut self, decoder: &mut Decoder, id: u16) -> Option<(Slot, ScopeId)> {
        let key = self.key(decoder)?;
        let found = decoder.store.definition(&key, self.scope, id)?;
        if let Some(own) = self.scope {
            return Some((found, own));
        }
        // They still belong to their own; without a scope of their own they use the template's. Making the scope may evict, so the
        // template is looked for again.
        match self.scope(decoder) {
            Some(own) => Some((decoder.store.definition(&key, Some(own), id)?, own)),
            None => Some((found, decoder.store.entry(found)?.scope)),
        }
    }

    /// Keeps a set until its template comes, or reports it.
    #[cold]
    fn pend(&mut self, decoder: &mut Decoder, id: u16, body: Input<'d>) {
        let Some(key) = self.key(decoder) else { return };
        decoder.stats.sets_without_template = decoder.stats.sets_without_template.saturating_add(1);
        let octets = u64::from(body.len32()).saturating_add(4);
        if body.is_empty() {
            // A set without records says nothing, whatever its template.
            decoder.stats.bytes_decoded = decoder.stats.bytes_decoded.saturating_add(octets);
            return;
        }
        self.counted = None;
        let pending = Pending::new(self.context, key, id, body.offset(), body.bytes());
        decoder.stats.bytes_pending = decoder.stats.bytes_pending.saturating_add(octets);
        if decoder.store.pend(pending, &decoder.settings.limits) {
            return;
        }
        decoder.stats.bytes_pending = decoder.stats.bytes_pending.saturating_sub(octets);
        let fault = Fault::new(FaultKind::TemplateMissing, Layer::Set, LimitedBy::Limits, body.offset().saturating_sub(4));
        decoder.fault(&self.context, fault.costing(body.len32().saturating_add(4)));
    }

    #[inline]
    fn fixed(&mut self, decoder: &mut Decoder, records: Fixed<'d>, trailing: Option<Fault>) -> Step {
        let Fixed { octets, record_len, len, count } = records;
        decoder.stats.bytes_decoded = decoder.stats.bytes_decoded.saturating_add(u64::from(len32(octets)));
        decoder.stats.flows = decoder.stats.flows.saturating_add(u64::from(len));
        self.tally.records = u64::from(len);
        // The header's count is what the exporter has counted, whatever arrived.
        self.counted = Some(u32::from(count));
        if let Some(fault) = trailing {
            decoder.fault(&self.context, fault);
        }
        if len == 0 {
            return Step::Again;
        }
        decoder.store.prove(self.owner, self.context.received);
        let which = Which::Layout { protocol: self.context.protocol, record_len };
        self.found = Found { which, octets, len, show: Show::Flows };
        Step::Found
    }

    /// Whether nothing is left to be read, once the records at hand have been given.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.study.is_none()
            && self.bad.is_none()
            && match &self.body {
                Body::Over => true,
                Body::Fixed(_) => false,
                Body::Samples(samples) => samples.is_over(),
                Body::Sets(sets, templates) => templates.is_none() && sets.rest().is_empty() && !sets.is_cut(),
            }
    }

    /// The message has been read: its sequence number is compared.
    pub(super) fn close(&mut self, decoder: &mut Decoder) {
        if core::mem::replace(&mut self.closed, true) {
            return;
        }
        self.tally.faults = decoder.own_faults().saturating_sub(self.faults_before);
        let change = decoder.sessions.end(self.session, &self.context, self.counted, self.tally, &decoder.settings.limits);
        if let Some(change) = change {
            // An exporter that began anew has booted since: uptimes count from another moment, unless this message has told it already.
            if let (SequenceChange::Restarted, Some(scope)) = (change, self.scope)
                && decoder.store.scope_state(scope).is_some_and(|state| state.boot == self.boot)
            {
                decoder.store.set_boot(scope, None);
            }
            decoder.sequence(&self.context, change);
        }
    }
}
