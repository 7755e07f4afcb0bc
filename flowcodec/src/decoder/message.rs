//! The walk through one datagram, message by message and set by set.

use super::sessions::{SessionId, Tally, dialect_of};
use super::set::{Study, data_set};
use super::{Decoder, ExporterChange, SequenceChange, What};
use crate::context::Context;
use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::exporter::{Exporter, Protocol, Session};
use crate::model::Scaled;
use crate::template::wire::{Set, Sets, TemplateRecord, TemplateRecords};
use crate::template::{Owner, OwnerKey, Pending, ScopeId, ScopeKey, Slot, TemplateKind, refusal};
use crate::time::Timestamp;
use crate::wire::{Input, be16, be32, len32};
use crate::{ipfix, netflow5, netflow9, sflow};

/// A walk through octets.
#[derive(Debug)]
pub(super) struct Walk<'d> {
    bytes: &'d [u8],
    exporter: Exporter,
    session: Option<Session>,
    received: Timestamp,
    /// Where the next message begins.
    next: usize,
    message: Option<Message<'d>>,
    done: bool,
}

/// What one step of a walk came to.
pub(super) enum Step<'d> {
    /// Records.
    Found(Found<'d>),
    /// Nothing to show; there may be notes.
    Again,
    /// The end.
    Done,
}

/// Records of the message at hand.
pub(super) struct Found<'d> {
    pub(super) which: Which,
    pub(super) octets: &'d [u8],
    pub(super) len: u32,
    pub(super) show: Show,
}

/// What they are read with.
#[derive(Clone, Copy)]
pub(super) enum Which {
    /// A template that was learned.
    Learned { slot: Slot, scope: ScopeId },
    /// The built-in template of v1, v5 or v7.
    Layout { protocol: Protocol, record_len: usize },
    /// Nothing: they are sFlow samples, the first at this offset.
    Samples { offset: u32 },
}

/// As which event they are given.
#[derive(Clone, Copy, PartialEq, Eq)]
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
    body: Body<'d>,
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
    closed: bool,
}

/// What is left of a message.
#[derive(Debug)]
enum Body<'d> {
    /// v1, v5, v7: all records at once.
    Fixed(netflow5::Packet<'d>),
    /// v9, IPFIX: the sets, and the records of the template set at hand.
    Sets(Sets<'d>, Option<TemplateRecords<'d>>),
    /// sFlow.
    Samples(sflow::Samples<'d>),
    /// Nothing.
    Over,
}

/// A message whose header was read: its body, the octets of the header, and those of the whole message.
struct Opened<'d> {
    body: Body<'d>,
    header: usize,
    len: usize,
}

impl<'d> Walk<'d> {
    pub(super) const fn new(exporter: Exporter, session: Option<Session>, received: Timestamp, bytes: &'d [u8]) -> Self {
        Self { bytes, exporter, session, received, next: 0, message: None, done: false }
    }

    /// When the octets were received.
    pub(super) const fn received(&self) -> Timestamp {
        self.received
    }

    /// The message at hand.
    pub(super) fn context(&self) -> Option<&Context> {
        self.message.as_ref().map(|message| &message.context)
    }

    /// Goes on to the next records, or to the next thing that is to be told first.
    pub(super) fn step(&mut self, decoder: &mut Decoder) -> Step<'d> {
        loop {
            match &mut self.message {
                // A datagram without octets is a fault of its own; otherwise the walk ends with the octets.
                None if self.done || (self.next >= self.bytes.len() && self.next != 0) => return Step::Done,
                None => self.open(decoder),
                Some(message) => match message.step(decoder) {
                    Step::Again => {}
                    Step::Done => {
                        message.close(decoder);
                        self.message = None;
                    }
                    Step::Found(found) => {
                        // Its last records may be given while it is closed already: what closing shows is told behind them.
                        if message.is_over() {
                            message.close(decoder);
                        }
                        return Step::Found(found);
                    }
                },
            }
            if decoder.is_loud() {
                return Step::Again;
            }
        }
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
            let layer = if bytes.is_empty() { Layer::Datagram } else { Layer::Header };
            let fault = Fault::new(FaultKind::Truncated, layer, LimitedBy::Datagram, 0).sizes(2, len32(bytes));
            return self.fail(decoder, &context, fault);
        }
        let version = be16(bytes, 0);
        // What follows a message in the same datagram can only be another of IPFIX: only there a length says where the first ended.
        if self.next != 0 && version != 10 {
            let fault = Fault::new(FaultKind::TrailingOctets, Layer::Datagram, LimitedBy::MessageLength, 0);
            return self.fail(decoder, &context, fault.sizes(0, len32(bytes)));
        }
        let opened = match version {
            // A stream has no other protocol: what looks like one is a stream out of step.
            version if version != 10 && self.session.is_some() => {
                Err(Fault::new(FaultKind::UnknownVersion, Layer::Header, LimitedBy::Datagram, 0))
            }
            1 | 5 | 7 => netflow5::Packet::parse(bytes).map(|packet| self.open_fixed(&mut context, packet)),
            9 => netflow9::Packet::parse(bytes).map(|packet| self.open_netflow9(&mut context, &packet)),
            10 => ipfix::Message::parse(bytes).map(|message| Self::open_ipfix(decoder, &mut context, &message)),
            0 if matches!(be32(bytes, 0), 2 | 4 | 5) => {
                context.protocol = Protocol::Sflow;
                sflow::Datagram::parse(bytes).map(|datagram| Self::open_sflow(&mut context, &datagram, bytes.len()))
            }
            8 => {
                context.protocol = Protocol::NetFlow8;
                Err(Fault::new(FaultKind::UnsupportedVersion, Layer::Header, LimitedBy::Datagram, 0))
            }
            _ => Err(Fault::new(FaultKind::UnknownVersion, Layer::Header, LimitedBy::Datagram, 0)),
        };
        match opened {
            Ok(opened) => {
                self.next = self.next.saturating_add(opened.len);
                self.begin(decoder, context, opened);
            }
            Err(fault) => {
                if context.protocol == Protocol::Unknown {
                    context.protocol = protocol_of(version);
                }
                self.fail(decoder, &context, fault);
            }
        }
    }

    fn open_fixed(&self, context: &mut Context, packet: netflow5::Packet<'d>) -> Opened<'d> {
        let header = packet.header();
        context.protocol = header.protocol;
        context.exported = header.exported();
        context.uptime_ms = Some(header.uptime_ms);
        context.sequence = header.flow_sequence;
        context.domain = u32::from(u16::from_be_bytes([header.engine_type, header.engine_id]));
        context.sampling_rate = header.sampling_interval().map(f64::from);
        let size = netflow5::Header::size(header.protocol);
        Opened { body: Body::Fixed(packet), header: size, len: self.bytes.len().saturating_sub(self.next) }
    }

    fn open_netflow9(&self, context: &mut Context, packet: &netflow9::Packet<'d>) -> Opened<'d> {
        let header = packet.header();
        context.protocol = Protocol::NetFlow9;
        context.exported = header.exported();
        context.uptime_ms = Some(header.uptime_ms);
        context.sequence = header.sequence;
        context.domain = header.source_id;
        let body = Body::Sets(packet.sets(), None);
        Opened { body, header: netflow9::Header::SIZE, len: self.bytes.len().saturating_sub(self.next) }
    }

    fn open_ipfix(decoder: &mut Decoder, context: &mut Context, message: &ipfix::Message<'d>) -> Opened<'d> {
        let header = message.header();
        context.protocol = Protocol::Ipfix;
        context.exported = header.exported();
        context.sequence = header.sequence;
        context.domain = header.domain;
        if let Some(fault) = message.truncated() {
            decoder.fault(context, fault);
        }
        Opened { body: Body::Sets(message.sets(), None), header: ipfix::Header::SIZE, len: message.present() }
    }

    fn open_sflow(context: &mut Context, datagram: &sflow::Datagram<'d>, len: usize) -> Opened<'d> {
        let header = datagram.header();
        context.agent = header.agent;
        context.domain = header.sub_agent_id;
        context.sequence = header.sequence;
        context.uptime_ms = Some(header.uptime_ms);
        let octets = usize::try_from(datagram.body().offset()).unwrap_or(0);
        Opened { body: Body::Samples(datagram.samples()), header: octets, len }
    }

    /// The header is good: from here on the message belongs to its exporter.
    fn begin(&mut self, decoder: &mut Decoder, mut context: Context, opened: Opened<'d>) {
        decoder.stats.messages = decoder.stats.messages.saturating_add(1);
        decoder.stats.bytes_decoded = decoder.stats.bytes_decoded.saturating_add(u64::try_from(opened.header).unwrap_or(0));
        let key = self.session.map_or_else(|| OwnerKey::Address(self.exporter.octets()), OwnerKey::Stream);
        let owner = decoder.store.owner(key, context.received);
        if !decoder.settings.exporters.is_empty() {
            let known = decoder.settings.of(context.exporter.address());
            context.counters_scaled = known.counters_scaled;
            context.sampling_fixed = known.sampling_rate.is_some();
            context.sampling_rate = known.sampling_rate.or(context.sampling_rate).or(known.sampling_rate_default);
        }
        if context.protocol == Protocol::Sflow {
            // One sample is one packet, whatever the rate.
            context.counters_scaled = Scaled::No;
        }
        let scope = scope_key(decoder, owner, &context).and_then(|key| decoder.store.enter(&key));
        resolve_boot(decoder, &mut context, scope);
        let begun = decoder.sessions.begin(owner, &context, &mut decoder.store, &decoder.settings.limits);
        if let Some((evicted, change)) = begun.evicted.map(|evicted| *evicted) {
            decoder.stats.sessions_evicted = decoder.stats.sessions_evicted.saturating_add(1);
            decoder.note(&evicted.context(&context), What::Exporter(change));
        }
        if begun.first {
            decoder.note(&context, What::Exporter(ExporterChange::Appeared));
        }
        if let Some(ahead) = begun.skewed {
            decoder.note(&context, What::Exporter(ExporterChange::ClockSkewed(ahead)));
        }
        decoder.store.enforce(owner, scope, &decoder.settings.limits);
        self.message = Some(Message {
            context,
            owner,
            session: begun.session,
            scope,
            body: opened.body,
            // Samples have numbers of their own: those of sFlow's datagrams count datagrams.
            counted: (context.protocol != Protocol::Sflow).then_some(0),
            tally: Tally::default(),
            faults_before: decoder.own_faults(),
            study: None,
            bad: None,
            boot: scope.and_then(|scope| decoder.store.scope_state(scope)).and_then(|state| state.boot),
            closed: false,
        });
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

/// Where the templates of a message belong.
fn scope_key(decoder: &Decoder, owner: Owner, context: &Context) -> Option<ScopeKey> {
    let dialect = dialect_of(context.protocol)?;
    let port = if context.stream.is_none() && decoder.settings.scope.port { context.exporter.port() } else { 0 };
    Some(ScopeKey { owner, dialect, port, domain: context.domain })
}

/// IPFIX headers carry no uptime; where element 160 told when the exporter booted, it is export time less that (modulo 2^32).
pub(super) fn resolve_boot(decoder: &Decoder, context: &mut Context, scope: Option<ScopeId>) {
    if context.protocol == Protocol::Ipfix
        && let Some(boot) = scope.and_then(|scope| decoder.store.scope_state(scope)).and_then(|state| state.boot)
    {
        context.uptime_ms = Some(context.exported.uptime_since(boot));
    }
}

impl<'d> Message<'d> {
    fn step(&mut self, decoder: &mut Decoder) -> Step<'d> {
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
            Body::Samples(samples) => {
                let mut samples = samples.clone();
                let step = self.samples(decoder, &mut samples);
                if !matches!(self.body, Body::Over) {
                    self.body = Body::Samples(samples);
                }
                step
            }
            Body::Fixed(packet) => {
                let packet = *packet;
                self.body = Body::Over;
                self.fixed(decoder, &packet)
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
    fn set(&mut self, decoder: &mut Decoder, set: Option<Result<Set<'d>, Fault>>, rest: Input<'d>) -> Step<'d> {
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

    fn data(&mut self, decoder: &mut Decoder, id: u16, body: Input<'d>) -> Step<'d> {
        let Some(key) = self.key(decoder) else { return Step::Again };
        let Some(mut found) = decoder.store.definition(&key, self.scope, id) else {
            self.pend(decoder, key, id, body);
            return Step::Again;
        };
        let mut own = self.scope;
        if own.is_none() {
            // Records of another domain's template still belong to their own; without a scope of their own they use the template's.
            // Making the scope may evict, so the template is looked for again.
            own = self.scope(decoder);
            let again = if own.is_some() { decoder.store.definition(&key, own, id) } else { Some(found) };
            let Some(again) = again else {
                self.pend(decoder, key, id, body);
                return Step::Again;
            };
            found = again;
        }
        let slot = found;
        let Some(scope) = own.or_else(|| Some(decoder.store.entry(slot)?.scope)) else {
            self.pend(decoder, key, id, body);
            return Step::Again;
        };
        decoder.store.used(slot, &decoder.settings.schema);
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
        Step::Found(Found { which: Which::Learned { slot, scope }, octets, len: read.len, show: Show::of(read.kind) })
    }

    /// Keeps a set until its template comes, or reports it.
    fn pend(&mut self, decoder: &mut Decoder, key: ScopeKey, id: u16, body: Input<'d>) {
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
        decoder.store.prove(self.owner, self.context.received);
        let which = Which::Layout { protocol: self.context.protocol, record_len: packet.record_len() };
        Step::Found(Found { which, octets, len, show: Show::Flows })
    }

    /// Whether nothing is left to be read, once the records at hand have been given.
    #[inline]
    fn is_over(&self) -> bool {
        self.study.is_none()
            && self.bad.is_none()
            && match &self.body {
                Body::Over => true,
                Body::Fixed(_) => false,
                Body::Samples(samples) => samples.is_over(),
                Body::Sets(sets, templates) => templates.is_none() && sets.rest().is_empty(),
            }
    }

    /// The message has been read: its sequence number is compared.
    fn close(&mut self, decoder: &mut Decoder) {
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
