//! The events of one call, lent one at a time.
//!
//! A step finds *what* comes next (which template, which octets) and keeps no borrow of the decoder; the event is built once, behind
//! the loop. So records lend from the decoder without copying, and a caller that stops early loses nothing: dropping reads on.

use core::ops::Range;

use super::datagram::Walk;
use super::events::{Event, ExporterEvent, FaultEvent, SamplingEvent, SequenceEvent, TemplateEvent};
use super::message::{Found, Show, Step, Which, resolve_boot};
use super::set::{Study, data_set};
use super::sweep::{Sweep, finish_step};
use super::{Decoder, Note, What};
use crate::error::LimitedBy;
use crate::exporter::{Exporter, Session};
use crate::record::RecordSet;
use crate::template::{Pending, ScopeId, Slot, Template, Templates};
use crate::time::Timestamp;
use crate::wire::Input;

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
    /// Whether all has been told.
    over: bool,
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
    /// What waits is given up, exporter by exporter.
    Finish { owner: u32 },
}

/// What comes next.
enum Next {
    /// The event that was noted.
    Note,
    /// Records of the message at hand.
    Records,
    /// Records of the set in `held`, at this range of its body.
    Held { slot: Slot, scope: ScopeId, range: Range<usize>, len: u32, show: Show },
}

impl<'d> Events<'d> {
    #[inline]
    pub(super) fn datagram(decoder: &'d mut Decoder, exporter: Exporter, received: Timestamp, bytes: &'d [u8]) -> Self {
        Self::bytes(decoder, exporter, None, received, bytes)
    }

    pub(super) fn message(decoder: &'d mut Decoder, session: Session, received: Timestamp, bytes: &'d [u8]) -> Self {
        Self::bytes(decoder, session.exporter, Some(session), received, bytes)
    }

    #[inline]
    fn bytes(
        decoder: &'d mut Decoder,
        exporter: Exporter,
        session: Option<Session>,
        received: Timestamp,
        bytes: &'d [u8],
    ) -> Self {
        decoder.store.begin_call();
        decoder.stats.datagrams = decoder.stats.datagrams.saturating_add(1);
        decoder.stats.bytes = decoder.stats.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let walk = Walk::new(exporter, session, received, bytes);
        Self { decoder, source: Source::Bytes(walk), note: None, held: None, study: None, over: false }
    }

    pub(super) const fn notes(decoder: &'d mut Decoder) -> Self {
        Self { decoder, source: Source::Notes, note: None, held: None, study: None, over: false }
    }

    pub(super) const fn tick(decoder: &'d mut Decoder, now: Timestamp) -> Self {
        Self { decoder, source: Source::Tick(Sweep::new(now)), note: None, held: None, study: None, over: false }
    }

    pub(super) const fn finish(decoder: &'d mut Decoder) -> Self {
        Self { decoder, source: Source::Finish { owner: 0 }, note: None, held: None, study: None, over: false }
    }

    /// The next event.
    #[expect(clippy::should_implement_trait, reason = "lends from the decoder; Iterator cannot")]
    #[inline]
    pub fn next(&mut self) -> Option<Event<'_>> {
        // Nearly always known with the last records: nothing is called to find it.
        if self.over { None } else { self.advance() }
    }

    fn advance(&mut self) -> Option<Event<'_>> {
        let found = self.find()?;
        Some(match found {
            Next::Note => event(self.decoder, self.note.as_ref()?),
            Next::Records => {
                let Source::Bytes(walk) = &self.source else { return None };
                let (context, &Found { which, octets, len, show }) = walk.found()?;
                let (template, templates) = match which {
                    Which::Layout { protocol, record_len } => {
                        (self.decoder.layouts.as_ref()?.of(protocol, record_len), Templates::NONE)
                    }
                    Which::Learned { slot, scope } => {
                        (&self.decoder.store.entry(slot)?.template, self.decoder.templates_of(scope))
                    }
                    Which::Samples { offset } => {
                        let depth = self.decoder.settings.limits.list_depth;
                        return Some(show.event(RecordSet::samples(context, octets, offset, &self.decoder.places, len, depth)));
                    }
                };
                show.event(RecordSet::new(context, template, templates, octets, bases(&self.decoder.bases, template), len))
            }
            Next::Held { slot, scope, range, len, show } => {
                let held = self.held.as_ref()?;
                let template = &self.decoder.store.entry(slot)?.template;
                let templates = self.decoder.templates_of(scope);
                let bases = bases(&self.decoder.bases, template);
                show.event(RecordSet::new(&held.context, template, templates, held.body.get(range)?, bases, len))
            }
        })
    }

    /// Hands every event to `each`.
    pub fn for_each(mut self, mut each: impl FnMut(Event<'_>)) {
        while let Some(event) = self.next() {
            each(event);
        }
    }

    /// Steps until something is found. (Only one place calls it: what it gives stays in registers.)
    #[inline]
    fn find(&mut self) -> Option<Next> {
        while !self.over {
            if self.held.is_some() || self.decoder.is_loud() {
                match self.tell() {
                    Some(found) => return Some(found),
                    None => continue,
                }
            }
            let more = match &mut self.source {
                Source::Bytes(walk) => match walk.step(self.decoder) {
                    Step::Found => {
                        self.over = walk.is_spent() && !self.decoder.is_loud();
                        return Some(Next::Records);
                    }
                    Step::Again => true,
                    Step::Done => false,
                },
                Source::Notes => false,
                Source::Tick(sweep) => sweep.step(self.decoder),
                Source::Finish { owner } => finish_step(self.decoder, owner),
            };
            self.over = !more && !self.decoder.is_loud();
        }
        None
    }

    /// What comes before the message goes on: notes, what had to go, and data that waited.
    #[cold]
    fn tell(&mut self) -> Option<Next> {
        if !self.decoder.notes.is_empty() {
            self.note = self.decoder.notes.pop_front();
            return Some(Next::Note);
        }
        if self.decoder.store.has_gone() {
            self.decoder.drain_gone(self.now());
            return None;
        }
        self.deliver_step()
    }

    /// Goes on with the set that waited, or to the next one.
    fn deliver_step(&mut self) -> Option<Next> {
        if let (Some(study), Some(held)) = (&mut self.study, &self.held) {
            if !study.step(self.decoder, &held.context, &held.body) {
                self.study = None;
            }
            return None;
        }
        self.deliver()
    }

    /// Delivers one set whose template has come.
    fn deliver(&mut self) -> Option<Next> {
        if let Some(held) = self.held.take() {
            self.decoder.store.delivered(&held);
        }
        let mut pending = self.decoder.store.next_ready()?;
        self.decoder.stats.bytes_pending = self.decoder.stats.bytes_pending.saturating_sub(pending.set_len());
        let store = &self.decoder.store;
        let own = store.find_scope(&pending.key);
        let found = store.definition(&pending.key, own, pending.template);
        // Data of a domain that has no scope of its own uses the template's.
        let Some((slot, scope)) = found.and_then(|slot| Some((slot, own.or_else(|| Some(store.entry(slot)?.scope))?))) else {
            // Evicted between its announcement and now. The octets are reported, not lost.
            self.decoder.stats.bytes_pending = self.decoder.stats.bytes_pending.saturating_add(pending.set_len());
            self.decoder.give_up(&pending, LimitedBy::Limits);
            self.decoder.store.delivered(&pending);
            return None;
        };
        self.decoder.store.used(slot);
        let body = Input::at(&pending.body, pending.offset, LimitedBy::SetLength);
        let mut context = pending.context;
        resolve_boot(self.decoder, &mut context, Some(scope));
        let read = data_set(self.decoder, &context, pending.key.owner, scope, slot, body);
        self.decoder.stats.bytes_decoded =
            self.decoder.stats.bytes_decoded.saturating_add(pending.set_len().saturating_sub(read.lost));
        let range = 0..read.used;
        self.study = read.study;
        pending.context = context;
        self.held = Some(pending);
        (read.len != 0).then_some(Next::Held { slot, scope, range, len: read.len, show: Show::of(read.kind) })
    }

    const fn now(&self) -> Timestamp {
        match &self.source {
            Source::Bytes(walk) => walk.received(),
            Source::Tick(sweep) => sweep.now(),
            Source::Notes | Source::Finish { .. } => Timestamp::EPOCH,
        }
    }
}

impl Drop for Events<'_> {
    fn drop(&mut self) {
        while !self.over && self.next().is_some() {}
    }
}

/// What was noted of the set at hand: nothing for templates whose records have one segment each.
fn bases<'a>(bases: &'a [u32], template: &Template) -> &'a [u32] {
    if template.record_len().is_some() { &[] } else { bases }
}

impl Show {
    const fn event(self, set: RecordSet<'_>) -> Event<'_> {
        match self {
            Self::Flows => Event::Flows(set),
            Self::Options => Event::Options(set),
            Self::Counters => Event::Counters(set),
            Self::Unknown => Event::Unknown(set),
        }
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
