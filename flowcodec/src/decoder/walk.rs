//! The walk through one datagram, a step at a time.
//!
//! A step finds *what* comes next (which template, which octets) and keeps no borrow of the decoder; the event is built once, behind
//! the loop. So records lend from the decoder without copying, and a caller that stops early loses nothing: dropping reads on.

use core::ops::Range;

use super::events::{Event, ExporterEvent, FaultEvent, SamplingEvent, SequenceEvent, TemplateEvent};
use super::learn::Lesson;
use super::sessions::{EXPORTER_COST, Tally, dialect_of};
use super::{Decoder, ExporterChange, Note, What};
use crate::context::Context;
use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::exporter::{Exporter, Protocol, Session};
use crate::record::{Record, RecordSet, check, is_list};
use crate::template::wire::TemplateRecords;
use crate::template::{
    Owner, OwnerKey, Pending, RecordRef, ScopeId, ScopeKey, Slot, Template, TemplateKind, TemplateUid, Templates,
};
use crate::time::Timestamp;
use crate::wire::{Input, be16, be32, len32};
use crate::{ipfix, netflow5, netflow9};

/// The events of one call, lent one at a time. Dropping it reads what is left, so that the decoder has learned all of it.
#[derive(Debug)]
#[must_use = "events are made when they are asked for; drop this to only learn"]
pub struct Events<'d> {
    decoder: &'d mut Decoder,
    source: Source<'d>,
    /// The event being lent.
    note: Option<Note>,
    /// Data that waited, being delivered.
    held: Option<Pending>,
    /// What is still to be done with its records.
    study: Option<Study>,
}

/// Where events come from.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one lives at a time, on the stack")]
enum Source<'d> {
    /// A datagram, or one message of a stream.
    Bytes(Walk<'d>),
    /// Only what was noted already.
    Notes,
    /// Expiry.
    Tick(Sweep),
    /// What waits is given up, scope by scope.
    Finish { scope: u32 },
}

/// A walk through octets.
#[derive(Debug)]
struct Walk<'d> {
    bytes: &'d [u8],
    exporter: Exporter,
    session: Option<Session>,
    received: Timestamp,
    /// Where the next message begins.
    next: usize,
    message: Option<Message<'d>>,
    done: bool,
}

/// A walk through one message.
#[derive(Debug)]
struct Message<'d> {
    context: Context,
    owner: Owner,
    scope: Option<ScopeId>,
    body: Body<'d>,
    /// Records so far, `None` once some could not be counted.
    counted: Option<u32>,
    tally: Tally,
    faults_before: u64,
    /// The set at hand, and its body, as long as its records are not studied to the end.
    study: Option<(Study, &'d [u8])>,
}

#[derive(Debug)]
enum Body<'d> {
    /// v1, v5, v7.
    Fixed(Option<netflow5::Packet<'d>>),
    NetFlow9 {
        sets: netflow9::Sets<'d>,
        templates: Option<TemplateRecords<'d>>,
    },
    Ipfix {
        sets: ipfix::Sets<'d>,
        templates: Option<TemplateRecords<'d>>,
    },
}

/// One set, whichever protocol it came in.
enum AnySet<'d> {
    Templates(TemplateRecords<'d>),
    Data { id: u16, body: Input<'d> },
    Reserved { body: Input<'d> },
}

/// What a step found.
enum Found<'d> {
    /// An event that was noted.
    Note(Note),
    /// Records of the message at hand.
    Records { which: Which, octets: &'d [u8], len: u32, kind: TemplateKind },
    /// Records of the set in `held`, at this range of its body.
    Held { slot: Slot, range: Range<usize>, len: u32, kind: TemplateKind },
}

/// Which template.
#[derive(Clone, Copy)]
enum Which {
    Learned { slot: Slot, scope: ScopeId },
    Layout { protocol: Protocol, record_len: usize },
}

#[derive(Debug)]
struct Sweep {
    now: Timestamp,
    owner: u32,
    scope: u32,
}

impl<'d> Events<'d> {
    pub(super) fn datagram(decoder: &'d mut Decoder, exporter: Exporter, received: Timestamp, bytes: &'d [u8]) -> Self {
        Self::bytes(decoder, exporter, None, received, bytes)
    }

    pub(super) fn message(decoder: &'d mut Decoder, session: Session, received: Timestamp, bytes: &'d [u8]) -> Self {
        Self::bytes(decoder, session.exporter, Some(session), received, bytes)
    }

    fn bytes(
        decoder: &'d mut Decoder,
        exporter: Exporter,
        session: Option<Session>,
        received: Timestamp,
        bytes: &'d [u8],
    ) -> Self {
        decoder.stats.datagrams = decoder.stats.datagrams.saturating_add(1);
        decoder.stats.bytes = decoder.stats.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let walk = Walk { bytes, exporter, session, received, next: 0, message: None, done: false };
        Self { decoder, source: Source::Bytes(walk), note: None, held: None, study: None }
    }

    pub(super) const fn notes(decoder: &'d mut Decoder) -> Self {
        Self { decoder, source: Source::Notes, note: None, held: None, study: None }
    }

    pub(super) const fn tick(decoder: &'d mut Decoder, now: Timestamp) -> Self {
        Self { decoder, source: Source::Tick(Sweep { now, owner: 0, scope: 0 }), note: None, held: None, study: None }
    }

    pub(super) const fn finish(decoder: &'d mut Decoder) -> Self {
        Self { decoder, source: Source::Finish { scope: 0 }, note: None, held: None, study: None }
    }

    /// The next event.
    #[expect(clippy::should_implement_trait, reason = "lends from the decoder; Iterator cannot")]
    pub fn next(&mut self) -> Option<Event<'_>> {
        let found = self.find()?;
        Some(match found {
            Found::Note(note) => {
                let note = &*self.note.insert(note);
                event(self.decoder, note)
            }
            Found::Records { which, octets, len, kind } => {
                let Source::Bytes(Walk { message: Some(message), .. }) = &self.source else { return None };
                let (template, templates) = match which {
                    Which::Layout { protocol, record_len } => {
                        (self.decoder.layouts.as_ref()?.of(protocol, record_len), Templates::NONE)
                    }
                    Which::Learned { slot, scope } => {
                        (&self.decoder.store.entry(slot)?.template, Templates::of(&self.decoder.store, scope))
                    }
                };
                records(kind, RecordSet::new(&message.context, template, templates, octets, len))
            }
            Found::Held { slot, range, len, kind } => {
                let held = self.held.as_ref()?;
                let template = &self.decoder.store.entry(slot)?.template;
                let templates = Templates::of(&self.decoder.store, held.scope);
                records(kind, RecordSet::new(&held.context, template, templates, held.body.get(range)?, len))
            }
        })
    }

    /// Hands every event to `each`.
    pub fn for_each(mut self, mut each: impl FnMut(Event<'_>)) {
        while let Some(event) = self.next() {
            each(event);
        }
    }

    /// Steps until something is found.
    fn find(&mut self) -> Option<Found<'d>> {
        loop {
            if let Some(note) = self.decoder.notes.pop_front() {
                return Some(Found::Note(note));
            }
            if !self.decoder.store.gone.is_empty() {
                self.decoder.drain_gone(self.now());
                continue;
            }
            if let (Some(study), Some(held)) = (&mut self.study, &self.held) {
                if !study.step(self.decoder, &held.context, &held.body) {
                    self.study = None;
                }
                continue;
            }
            if let Some(found) = self.deliver() {
                return Some(found);
            }
            // Nothing of that set, but others wait behind it: all of them come before the message goes on.
            if !self.decoder.store.ready.is_empty() {
                continue;
            }
            let more = match &mut self.source {
                Source::Bytes(walk) => match walk.step(self.decoder) {
                    Step::Found(found) => return Some(found),
                    Step::Again => true,
                    Step::Done => false,
                },
                Source::Notes => false,
                Source::Tick(sweep) => sweep.step(self.decoder),
                Source::Finish { scope } => finish_step(self.decoder, scope),
            };
            let quiet =
                self.decoder.notes.is_empty() && self.decoder.store.gone.is_empty() && self.decoder.store.ready.is_empty();
            if !more && quiet {
                return None;
            }
        }
    }

    /// Delivers one set whose template has come.
    fn deliver(&mut self) -> Option<Found<'d>> {
        if let Some(held) = self.held.take() {
            self.decoder.store.delivered(&held);
        }
        let pending = self.decoder.store.next_ready()?;
        self.decoder.stats.bytes_pending = self.decoder.stats.bytes_pending.saturating_sub(pending.set_len());
        let Some(slot) = self.decoder.store.find(pending.scope, pending.template) else {
            // Evicted between its announcement and now. The octets are reported, not lost.
            self.decoder.stats.bytes_pending = self.decoder.stats.bytes_pending.saturating_add(pending.set_len());
            self.decoder.give_up(&pending, LimitedBy::Limits);
            self.decoder.store.delivered(&pending);
            return None;
        };
        let owner = self.decoder.store.scope_state(pending.scope)?.key.owner;
        let body = Input::at(&pending.body, pending.offset, LimitedBy::SetLength);
        let mut context = pending.context;
        resolve_boot(self.decoder, &mut context, Some(pending.scope));
        let read = data_set(self.decoder, &context, owner, pending.scope, slot, body);
        self.decoder.stats.bytes_decoded =
            self.decoder.stats.bytes_decoded.saturating_add(pending.set_len().saturating_sub(read.lost));
        let range = 0..read.used;
        self.study = read.study;
        self.held = Some(Pending { context, ..pending });
        (read.len != 0).then_some(Found::Held { slot, range, len: read.len, kind: read.kind })
    }

    const fn now(&self) -> Timestamp {
        match &self.source {
            Source::Bytes(walk) => walk.received,
            Source::Tick(sweep) => sweep.now,
            Source::Notes | Source::Finish { .. } => Timestamp::EPOCH,
        }
    }
}

impl Drop for Events<'_> {
    fn drop(&mut self) {
        while self.find().is_some() {}
    }
}

const fn records(kind: TemplateKind, set: RecordSet<'_>) -> Event<'_> {
    match kind {
        TemplateKind::Data => Event::Flows(set),
        TemplateKind::Options => Event::Options(set),
    }
}

fn event<'a>(decoder: &'a Decoder, note: &'a Note) -> Event<'a> {
    let context = &note.context;
    match note.what {
        What::Template { id, kind, change, slot } => {
            let template = slot
                .and_then(|slot| decoder.store.entry(slot))
                .map(|entry| &entry.template)
                .filter(|template| template.id() == id);
            Event::Template(TemplateEvent { context, id, kind, change, template })
        }
        What::Sampling(change) => Event::Sampling(SamplingEvent { context, change }),
        What::Sequence(change) => Event::Sequence(SequenceEvent { context, change }),
        What::Exporter(change) => Event::Exporter(ExporterEvent { context, change }),
        What::Fault(fault) => Event::Fault(FaultEvent { context, fault }),
    }
}

enum Step<'d> {
    Found(Found<'d>),
    Again,
    Done,
}

impl<'d> Walk<'d> {
    fn step(&mut self, decoder: &mut Decoder) -> Step<'d> {
        let Some(message) = &mut self.message else {
            if self.done || self.next >= self.bytes.len() {
                return if core::mem::replace(&mut self.done, true) || !self.bytes.is_empty() {
                    Step::Done
                } else {
                    self.empty(decoder)
                };
            }
            self.open(decoder);
            return Step::Again;
        };
        match message.step(decoder) {
            Step::Done => {
                message.close(decoder);
                self.message = None;
                Step::Again
            }
            step => step,
        }
    }

    /// A datagram without octets is no message.
    fn empty(&self, decoder: &mut Decoder) -> Step<'d> {
        let fault = Fault::new(FaultKind::Truncated, Layer::Datagram, LimitedBy::Datagram, 0).sizes(2, 0);
        decoder.fault(&Context::new(self.exporter, self.received), fault);
        Step::Again
    }

    fn fail(&mut self, decoder: &mut Decoder, context: &Context, fault: Fault) {
        self.done = true;
        let left = len32(self.bytes.get(self.next..).unwrap_or_default());
        decoder.fault(context, fault.costing(left));
    }

    /// Begins the message at `next`.
    fn open(&mut self, decoder: &mut Decoder) {
        let bytes = self.bytes.get(self.next..).unwrap_or_default();
        let mut context = Context::new(self.exporter, self.received);
        context.stream = self.session.map(|session| session.id);
        context.offset = u32::try_from(self.next).unwrap_or(u32::MAX);
        if bytes.len() < 2 {
            let fault = Fault::new(FaultKind::Truncated, Layer::Header, LimitedBy::Datagram, 0).sizes(2, len32(bytes));
            return self.fail(decoder, &context, fault);
        }
        let version = be16(bytes, 0);
        // What follows a message in the same datagram can only be another of IPFIX: only there a length says where the first ended.
        if self.next != 0 && version != 10 {
            let fault = Fault::new(FaultKind::TrailingOctets, Layer::Datagram, LimitedBy::MessageLength, 0);
            return self.fail(decoder, &context, fault.sizes(0, len32(bytes)));
        }
        let parsed = match version {
            1 | 5 | 7 => netflow5::Packet::parse(bytes).map(|packet| self.open_fixed(&mut context, packet)),
            9 => netflow9::Packet::parse(bytes).map(|packet| self.open_netflow9(&mut context, &packet)),
            10 => ipfix::Message::parse(bytes).map(|message| Self::open_ipfix(decoder, &mut context, &message)),
            version => {
                let (protocol, kind) = match version {
                    8 => (Protocol::NetFlow8, FaultKind::UnsupportedVersion),
                    0 if matches!(be32(bytes, 0), 2 | 4 | 5) => (Protocol::Sflow, FaultKind::UnsupportedVersion),
                    _ => (Protocol::Unknown, FaultKind::UnknownVersion),
                };
                context.protocol = protocol;
                Err(Fault::new(kind, Layer::Header, LimitedBy::Datagram, 0))
            }
        };
        match parsed {
            Ok((body, header, end)) => {
                self.next = self.next.saturating_add(end);
                self.begin(decoder, context, body, header);
            }
            Err(fault) => {
                if context.protocol == Protocol::Unknown {
                    context.protocol = protocol_of(version);
                }
                self.fail(decoder, &context, fault);
            }
        }
    }

    fn open_fixed(&self, context: &mut Context, packet: netflow5::Packet<'d>) -> (Body<'d>, u32, usize) {
        let header = packet.header();
        context.protocol = header.protocol;
        context.exported = header.exported();
        context.uptime_ms = Some(header.uptime_ms);
        context.sequence = header.flow_sequence;
        context.domain = u32::from(u16::from_be_bytes([header.engine_type, header.engine_id]));
        context.sampling_rate = header.sampling_interval().map(f64::from);
        let size = u32::try_from(netflow5::Header::size(header.protocol)).unwrap_or(0);
        (Body::Fixed(Some(packet)), size, self.bytes.len().saturating_sub(self.next))
    }

    fn open_netflow9(&self, context: &mut Context, packet: &netflow9::Packet<'d>) -> (Body<'d>, u32, usize) {
        let header = packet.header();
        context.protocol = Protocol::NetFlow9;
        context.exported = header.exported();
        context.uptime_ms = Some(header.uptime_ms);
        context.sequence = header.sequence;
        context.domain = header.source_id;
        let body = Body::NetFlow9 { sets: packet.sets(), templates: None };
        (body, 20, self.bytes.len().saturating_sub(self.next))
    }

    fn open_ipfix(decoder: &mut Decoder, context: &mut Context, message: &ipfix::Message<'d>) -> (Body<'d>, u32, usize) {
        let header = message.header();
        context.protocol = Protocol::Ipfix;
        context.exported = header.exported();
        context.sequence = header.sequence;
        context.domain = header.domain;
        if let Some(fault) = message.truncated() {
            decoder.fault(context, fault);
        }
        (Body::Ipfix { sets: message.sets(), templates: None }, 16, message.present())
    }

    /// The header is good: from here on the message belongs to its exporter.
    fn begin(&mut self, decoder: &mut Decoder, mut context: Context, body: Body<'d>, header: u32) {
        decoder.stats.messages = decoder.stats.messages.saturating_add(1);
        decoder.stats.bytes_decoded = decoder.stats.bytes_decoded.saturating_add(u64::from(header));
        let key = self.session.map_or_else(|| OwnerKey::Address(self.exporter.octets()), OwnerKey::Stream);
        let (owner, _) = decoder.store.owner(key, context.received, EXPORTER_COST);
        if !decoder.settings.exporters.is_empty() {
            let known = decoder.settings.of(context.exporter.address());
            context.counters_scaled = known.counters_scaled;
            context.sampling_fixed = known.sampling_rate.is_some();
            context.sampling_rate = known.sampling_rate.or(context.sampling_rate);
        }
        let scope = dialect_of(context.protocol).and_then(|dialect| {
            let port = if self.session.is_none() && decoder.settings.scope.port { context.exporter.port() } else { 0 };
            decoder.store.find_scope(&ScopeKey { owner, dialect, port, domain: context.domain })
        });
        resolve_boot(decoder, &mut context, scope);
        let (first, skewed) = decoder.sessions.begin(owner, &context, &mut decoder.store, &decoder.settings.limits);
        if first {
            decoder.note(&context, What::Exporter(ExporterChange::Appeared));
        }
        if let Some(ahead) = skewed {
            decoder.note(&context, What::Exporter(ExporterChange::ClockSkewed(ahead)));
        }
        decoder.store.enforce(owner, scope, &decoder.settings.limits);
        let faults_before = decoder.stats.faults.total();
        self.message =
            Some(Message { context, owner, scope, body, counted: Some(0), tally: Tally::default(), faults_before, study: None });
    }
}

const fn protocol_of(version: u16) -> Protocol {
    match version {
        1 => Protocol::NetFlow1,
        5 => Protocol::NetFlow5,
        7 => Protocol::NetFlow7,
        9 => Protocol::NetFlow9,
        10 => Protocol::Ipfix,
        _ => Protocol::Unknown,
    }
}

/// IPFIX headers carry no uptime; where element 160 told when the exporter booted, it is export time less that (modulo 2^32).
fn resolve_boot(decoder: &Decoder, context: &mut Context, scope: Option<ScopeId>) {
    if context.protocol == Protocol::Ipfix
        && let Some(boot) = scope.and_then(|scope| decoder.store.scope_state(scope)).and_then(|state| state.boot)
    {
        let millis = context.exported.since(boot).div_euclid(1_000_000);
        context.uptime_ms = u32::try_from(millis.rem_euclid(1 << 32)).ok();
    }
}

impl<'d> Message<'d> {
    fn step(&mut self, decoder: &mut Decoder) -> Step<'d> {
        if let Some((study, body)) = &mut self.study {
            if !study.step(decoder, &self.context, body) {
                self.study = None;
            }
            return Step::Again;
        }
        match &mut self.body {
            Body::Fixed(packet) => match packet.take() {
                Some(packet) => self.fixed(decoder, &packet),
                None => Step::Done,
            },
            Body::NetFlow9 { sets, templates } => {
                if let Some(records) = templates
                    && let Some(record) = records.next()
                {
                    self.template(decoder, record);
                    return Step::Again;
                }
                *templates = None;
                let rest = sets.rest();
                let set = sets.next().map(|set| {
                    set.map(|set| match set {
                        netflow9::Set::Templates(records) => AnySet::Templates(records),
                        netflow9::Set::Data { id, body } => AnySet::Data { id, body },
                        netflow9::Set::Reserved { body, .. } => AnySet::Reserved { body },
                    })
                });
                self.set(decoder, set, rest)
            }
            Body::Ipfix { sets, templates } => {
                if let Some(records) = templates
                    && let Some(record) = records.next()
                {
                    self.template(decoder, record);
                    return Step::Again;
                }
                *templates = None;
                let rest = sets.rest();
                let set = sets.next().map(|set| {
                    set.map(|set| match set {
                        ipfix::Set::Templates(records) => AnySet::Templates(records),
                        ipfix::Set::Data { id, body } => AnySet::Data { id, body },
                        ipfix::Set::Reserved { body, .. } => AnySet::Reserved { body },
                    })
                });
                self.set(decoder, set, rest)
            }
        }
    }

    /// One set, or the end: `rest` is what was left in front of it.
    fn set(&mut self, decoder: &mut Decoder, set: Option<Result<AnySet<'d>, Fault>>, rest: Input<'d>) -> Step<'d> {
        match set {
            None => {
                // Padding behind the last set.
                decoder.stats.bytes_decoded = decoder.stats.bytes_decoded.saturating_add(u64::from(rest.len32()));
                Step::Done
            }
            Some(Err(fault)) => {
                self.counted = None;
                decoder.fault(&self.context, fault);
                // What the fault costs was left in front of this set; the next step finds nothing more.
                self.body = Body::Fixed(None);
                Step::Again
            }
            Some(Ok(AnySet::Templates(records))) => {
                // Templates are charged as they are read: what one costs is taken off again.
                decoder.stats.bytes_decoded =
                    decoder.stats.bytes_decoded.saturating_add(u64::from(records.rest().len32()).saturating_add(4));
                match &mut self.body {
                    Body::NetFlow9 { templates, .. } | Body::Ipfix { templates, .. } => *templates = Some(records),
                    Body::Fixed(_) => {}
                }
                Step::Again
            }
            Some(Ok(AnySet::Data { id, body })) => self.data(decoder, id, body),
            Some(Ok(AnySet::Reserved { body })) => {
                let fault = Fault::new(FaultKind::ReservedSet, Layer::Set, LimitedBy::SetLength, body.offset().saturating_sub(4));
                decoder.fault(&self.context, fault.costing(body.len32().saturating_add(4)));
                Step::Again
            }
        }
    }

    fn scope(&mut self, decoder: &mut Decoder) -> Option<ScopeId> {
        if self.scope.is_none() {
            let dialect = dialect_of(self.context.protocol)?;
            let port =
                if self.context.stream.is_none() && decoder.settings.scope.port { self.context.exporter.port() } else { 0 };
            let key = ScopeKey { owner: self.owner, dialect, port, domain: self.context.domain };
            self.scope = decoder.store.scope(key, &decoder.settings.limits);
        }
        self.scope
    }

    fn template(&mut self, decoder: &mut Decoder, record: Result<crate::template::wire::TemplateRecord<'d>, Fault>) {
        let lost = match record {
            Ok(record) => match self.scope(decoder) {
                Some(scope) => decoder.template(&self.context, self.owner, scope, &record),
                None => {
                    let fault = crate::template::refusal(&record, (FaultKind::LimitReached, LimitedBy::Limits));
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

    fn data(&mut self, decoder: &mut Decoder, id: u16, body: Input<'d>) -> Step<'d> {
        // Making the scope may evict, so it is made before a template of another one is looked for.
        let scope = if decoder.settings.scope.other_domains { self.scope(decoder) } else { self.scope };
        let found = scope.and_then(|scope| decoder.store.find(scope, id)).or_else(|| {
            let dialect = dialect_of(self.context.protocol).filter(|_| decoder.settings.scope.other_domains)?;
            let key = ScopeKey { owner: self.owner, dialect, port: 0, domain: self.context.domain };
            decoder.store.find_elsewhere(&key, id)
        });
        let Some(slot) = found else {
            self.pend(decoder, id, body);
            return Step::Again;
        };
        // Records of another domain's template still belong to their own; without a scope of their own they use the template's.
        let Some(scope) = self.scope(decoder).or_else(|| decoder.store.entry(slot).map(|entry| entry.scope)) else {
            return Step::Again;
        };
        decoder.store.used(slot);
        let read = data_set(decoder, &self.context, self.owner, scope, slot, body);
        if read.kind == TemplateKind::Options {
            // softflowd sends the time it booted in the same message as the flows that count from it.
            resolve_boot(decoder, &mut self.context, Some(scope));
        }
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
        Step::Found(Found::Records { which: Which::Learned { slot, scope }, octets, len: read.len, kind: read.kind })
    }

    /// Keeps a set until its template comes, or reports it.
    fn pend(&mut self, decoder: &mut Decoder, id: u16, body: Input<'d>) {
        decoder.stats.sets_without_template = decoder.stats.sets_without_template.saturating_add(1);
        self.counted = None;
        let octets = u64::from(body.len32()).saturating_add(4);
        let scope = self.scope(decoder);
        if let Some(scope) = scope {
            let body_bytes = bytes::Bytes::copy_from_slice(body.bytes());
            let pending = Pending { context: self.context, scope, template: id, offset: body.offset(), body: body_bytes };
            decoder.stats.bytes_pending = decoder.stats.bytes_pending.saturating_add(octets);
            if decoder.store.pend(pending, &decoder.settings.limits) {
                return;
            }
            decoder.stats.bytes_pending = decoder.stats.bytes_pending.saturating_sub(octets);
        }
        let fault = Fault::new(FaultKind::TemplateMissing, Layer::Set, LimitedBy::Limits, body.offset().saturating_sub(4));
        decoder.fault(&self.context, fault.costing(body.len32().saturating_add(4)));
    }

    fn fixed(&mut self, decoder: &mut Decoder, packet: &netflow5::Packet<'d>) -> Step<'d> {
        let octets = packet.record_octets().bytes();
        let len = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        decoder.stats.bytes_decoded = decoder.stats.bytes_decoded.saturating_add(u64::from(len32(octets)));
        decoder.stats.flows = decoder.stats.flows.saturating_add(u64::from(len));
        self.tally.records = u64::from(len);
        // The header's count is what the exporter has counted, whatever arrived.
        self.counted = Some(u32::from(packet.header().count));
        if let Some(fault) = packet.trailing() {
            decoder.fault(&self.context, fault);
        }
        if len == 0 {
            return Step::Again;
        }
        decoder.store.prove(self.owner);
        let which = Which::Layout { protocol: self.context.protocol, record_len: packet.record_len() };
        Step::Found(Found::Records { which, octets, len, kind: TemplateKind::Data })
    }

    /// The message has been read: its sequence number is compared.
    fn close(&mut self, decoder: &mut Decoder) {
        self.tally.faults = decoder.stats.faults.total().saturating_sub(self.faults_before);
        let change = decoder.sessions.end(self.owner, &self.context, self.counted, self.tally, &decoder.settings.limits);
        if let Some(change) = change {
            if let super::SequenceChange::Gap { lost: Some(lost), unit } = change {
                let counter = match unit {
                    super::SequenceUnit::Records => &mut decoder.stats.lost_records,
                    super::SequenceUnit::Packets => &mut decoder.stats.lost_packets,
                };
                *counter = counter.saturating_add(u64::from(lost));
            }
            decoder.note(&self.context, What::Sequence(change));
        }
    }
}

/// What was read of a data set.
struct Read {
    kind: TemplateKind,
    len: u32,
    /// Octets of whole records, from the start of the body.
    used: usize,
    /// Octets reported instead of decoded.
    lost: u64,
    /// What is still to be done with its records.
    study: Option<Study>,
}

/// Walks the records of a set before they are given to anyone: how many are whole, and what is wrong behind them.
fn data_set(decoder: &mut Decoder, context: &Context, owner: Owner, scope: ScopeId, slot: Slot, body: Input<'_>) -> Read {
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
        let fault = Fault::new(fault_kind, Layer::Record, LimitedBy::SetLength, offset);
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
        decoder.store.prove(owner);
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
struct Study {
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
    fn step(&mut self, decoder: &mut Decoder, context: &Context, body: &[u8]) -> bool {
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

/// Gives up what waits in one scope after the other; `false` when there is none left.
fn finish_step(decoder: &mut Decoder, scope: &mut u32) -> bool {
    if *scope >= decoder.store.scope_bound() {
        return false;
    }
    let pending = decoder.store.scope_at(*scope).map(|(id, _)| id).and_then(|id| decoder.store.pop_pending(id));
    match pending {
        Some(pending) => decoder.give_up(&pending, LimitedBy::Datagram),
        None => *scope = scope.saturating_add(1),
    }
    true
}

impl Sweep {
    /// Looks at one exporter or one scope; `false` when all have been looked at.
    fn step(&mut self, decoder: &mut Decoder) -> bool {
        let limits = &decoder.settings.limits;
        if self.scope < decoder.store.scope_bound() {
            let Some((scope, state)) = decoder.store.scope_at(self.scope) else {
                self.scope = self.scope.saturating_add(1);
                return true;
            };
            let key = state.key;
            let old = |since: Timestamp, lifetime: core::time::Duration| {
                u128::from(self.now.since(since).max(0).unsigned_abs()) > lifetime.as_nanos()
            };
            if decoder.store.first_pending(scope).is_some_and(|pending| old(pending.context.received, limits.pending_lifetime)) {
                if let Some(pending) = decoder.store.pop_pending(scope) {
                    decoder.give_up(&pending, LimitedBy::Limits);
                }
                return true;
            }
            let stream = decoder.store.owner_state(key.owner).is_some_and(|state| matches!(state.key, OwnerKey::Stream(_)));
            let expired =
                decoder.store.templates_of(scope).find(|(_, entry)| !stream && old(entry.refreshed, limits.template_lifetime));
            if let Some((slot, entry)) = expired.map(|(slot, entry)| (slot, (entry.template.id(), entry.template.kind()))) {
                decoder.store.remove_template(slot);
                let context = decoder.context_of(&key, self.now);
                let (id, kind) = entry;
                decoder.note(&context, What::Template { id, kind, change: super::TemplateChange::Expired, slot: None });
                return true;
            }
            self.scope = self.scope.saturating_add(1);
            return true;
        }
        if self.owner < decoder.store.owner_bound() {
            let owner = Owner(self.owner);
            self.owner = self.owner.saturating_add(1);
            let Some(state) = decoder.store.owner_state(owner) else { return true };
            let silent = u128::from(self.now.since(state.heard).max(0).unsigned_abs());
            if matches!(state.key, OwnerKey::Address(_)) && silent > limits.exporter_lifetime.as_nanos() {
                decoder.forget(state.key, self.now, ExporterChange::Expired);
            }
            return true;
        }
        false
    }
}
