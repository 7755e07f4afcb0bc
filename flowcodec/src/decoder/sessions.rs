//! What is kept of every exporter beside its templates: sequence numbers and counters, by port, protocol and domain.

use std::collections::HashMap;

use super::exporter_of;
use super::sequence::{self, Step, Tracker};
pub(super) use super::session::SessionKey;
use super::session::SessionState;
use super::sources::{Followed, SOURCE_COST, SampleNumber, Sources};
use super::status::ExporterStatus;
use super::{ExporterChange, SequenceChange, SequenceUnit};
use crate::context::Context;
use crate::exporter::Protocol;
use crate::limits::Limits;
use crate::template::{Dialect, Index, List, Owner, OwnerKey, ScopeKey, Slab, Store, indexed, shrink};
use crate::time::Timestamp;

/// Bytes of one session, and of one counter over all domains.
const SESSION_COST: usize = Slab::<SessionState>::COST + indexed::<(Owner, SessionKey), Index>();
const SHARED_COST: usize = Slab::<Shared>::COST + indexed::<(Owner, SessionKey), Index>();

type Hasher = foldhash::fast::RandomState;

/// Where a session is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SessionId(Index);

impl SessionId {
    /// No session.
    pub(super) const NONE: Self = Self(Index::MAX);
}

/// The counter over all domains of one port and protocol.
#[derive(Debug)]
struct Shared {
    /// None as long as one session is alone.
    tracker: Option<Tracker>,
    /// The session that was alone.
    first: Index,
    /// Sessions that belong to it.
    users: u32,
}

/// What is kept of one exporter.
#[derive(Debug, Clone, Copy)]
struct Peer {
    sessions: List,
    /// The one heard last.
    heard: Index,
    /// Data sources of all its sessions.
    sources: usize,
    skew_told: bool,
}

impl Peer {
    const NEW: Self = Self { sessions: List::EMPTY, heard: Index::MAX, sources: 0, skew_told: false };
}

/// The counter over all domains, once there are several: it begins as that of the first.
fn over_domains<'a>(all: &'a mut Slab<Shared>, sessions: &Slab<SessionState>, index: Index) -> Option<&'a mut Option<Tracker>> {
    let shared = all.get_mut(index)?;
    if shared.tracker.is_none() {
        shared.tracker = sessions.get(shared.first).and_then(|first| first.tracker);
    }
    Some(&mut shared.tracker)
}

/// The sessions of all exporters, which are known by the position of their owner in the store.
#[derive(Debug)]
pub(super) struct Sessions {
    peers: Vec<Peer>,
    states: Slab<SessionState>,
    shared: Slab<Shared>,
    all_shared: List,
    by_key: HashMap<(Owner, SessionKey), Index, Hasher>,
}

/// What one message adds to its session.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) records: u64,
    pub(super) options: u64,
    pub(super) faults: u64,
}

/// A message has begun.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) session: SessionId,
    /// Whether it is the first of its session.
    pub(super) first: bool,
    /// Set once, when the exporter's clock is found to be far off: by so many nanoseconds it is ahead.
    pub(super) skewed: Option<i64>,
    /// A session that had to go. (In a box: nearly no message has one, and all of them are moved about.)
    pub(super) evicted: Option<Box<(SessionKey, ExporterChange)>>,
}

/// The data sources of a session, and the beginning they count from.
pub(super) struct Counting<'s> {
    epoch: u32,
    sources: &'s mut Sources,
}

impl Counting<'_> {
    /// Takes the number of a sample if it is the next of its source.
    #[inline]
    pub(super) fn goes_on(&mut self, number: SampleNumber) -> bool {
        self.sources.goes_on(self.epoch, number)
    }
}

impl Sessions {
    pub(super) fn new() -> Self {
        Self { peers: Vec::new(), states: Slab::new(), shared: Slab::new(), all_shared: List::EMPTY, by_key: HashMap::default() }
    }

    /// Bytes of the tables themselves, on no exporter's account. While one doubles, old and new are there together, which is counted
    /// before it happens.
    fn overhead(&self) -> usize {
        let peers = self.peers.capacity().saturating_mul(size_of::<Peer>()).saturating_mul(3);
        peers.saturating_add(self.states.overhead()).saturating_add(self.shared.overhead())
    }

    /// Forgets an exporter that is gone.
    pub(super) fn remove(&mut self, owner: Owner, store: &mut Store) {
        while let Some(front) = self.list(owner).front() {
            self.remove_session(owner, front);
        }
        if let Some(peer) = place(owner).and_then(|at| self.peers.get_mut(at)) {
            *peer = Peer::NEW;
        }
        store.set_beside(self.overhead());
    }

    /// Gives what it cost.
    fn remove_session(&mut self, owner: Owner, index: Index) -> usize {
        let Some(peer) = place(owner).and_then(|at| self.peers.get_mut(at)) else { return 0 };
        let Some(session) = self.states.remove(&mut peer.sessions, index) else { return 0 };
        if peer.heard == index {
            peer.heard = Index::MAX;
        }
        self.by_key.remove(&(owner, session.key));
        peer.sources = peer.sources.saturating_sub(session.sources.len());
        let mut cost = SESSION_COST.saturating_add(session.sources.len().saturating_mul(SOURCE_COST));
        if let Some(shared) = self.shared.get_mut(session.shared) {
            shared.users = shared.users.saturating_sub(1);
            if shared.first == index {
                (shared.tracker, shared.first) = (shared.tracker.or(session.tracker), Index::MAX);
            }
            if shared.users == 0 {
                self.shared.remove(&mut self.all_shared, session.shared);
                self.by_key.remove(&(owner, session.key.shared()));
                cost = cost.saturating_add(SHARED_COST);
            }
        }
        shrink(&mut self.by_key);
        cost
    }

    fn list(&self, owner: Owner) -> List {
        place(owner).and_then(|at| self.peers.get(at)).map_or(List::EMPTY, |peer| peer.sessions)
    }

    fn peer(&mut self, owner: Owner) -> Option<&mut Peer> {
        let at = place(owner)?;
        if at >= self.peers.len() {
            self.peers.resize(at.checked_add(1)?, Peer::NEW);
        }
        self.peers.get_mut(at)
    }

    /// Makes a session, in place of one not heard for long when there are too many.
    #[cold]
    fn make(
        &mut self,
        owner: Owner,
        key: SessionKey,
        now: Timestamp,
        store: &mut Store,
        limits: &Limits,
    ) -> (Index, Option<(SessionKey, ExporterChange)>) {
        let mut evicted = None;
        let list = self.list(owner);
        // They may take a quarter of what the exporter may hold: its templates need the rest.
        let most = limits.exporter_sessions.min(limits.exporter_bytes / (4 * (SESSION_COST + SHARED_COST))).max(1);
        if usize::try_from(list.len()).unwrap_or(usize::MAX) >= most
            && let Some(peer) = place(owner).and_then(|at| self.peers.get_mut(at))
            && let Some(oldest) = self.states.oldest(&mut peer.sessions, None)
        {
            evicted = self.states.get(oldest).map(|session| {
                let (lost_records, lost_packets) = (session.lost_records, session.lost_packets);
                (session.key, ExporterChange::SessionEvicted { lost_records, lost_packets })
            });
            let cost = self.remove_session(owner, oldest);
            store.discharge(owner, cost);
        }
        let known = self.by_key.get(&(owner, key.shared())).copied();
        let shared = known.unwrap_or_else(|| {
            let shared = self.shared.insert(&mut self.all_shared, Shared { tracker: None, first: Index::MAX, users: 0 });
            self.by_key.insert((owner, key.shared()), shared);
            store.charge(owner, SHARED_COST);
            shared
        });
        let state = SessionState {
            key,
            shared,
            alone: known.is_none(),
            tracker: None,
            first_heard: now,
            last_heard: now,
            messages: 0,
            records: 0,
            options: 0,
            lost_records: 0,
            lost_packets: 0,
            faults: 0,
            clock_ahead: 0,
            booted: now,
            epoch: 0,
            sources: Sources::default(),
            sources_told: false,
        };
        let mut list = self.list(owner);
        let index = self.states.insert(&mut list, state);
        if let Some(shared) = self.shared.get_mut(shared) {
            shared.users = shared.users.saturating_add(1);
            match self.states.get_mut(shared.first) {
                Some(first) => first.alone = false,
                None if known.is_none() => shared.first = index,
                None => {}
            }
        }
        if let Some(peer) = self.peer(owner) {
            peer.sessions = list;
        }
        self.by_key.insert((owner, key), index);
        store.charge(owner, SESSION_COST);
        store.set_beside(self.overhead());
        (index, evicted)
    }

    /// A message begins.
    #[inline]
    pub(super) fn begin(&mut self, owner: Owner, context: &Context, store: &mut Store, limits: &Limits) -> Begun {
        let key = SessionKey::of(context);
        // Nearly always the one of its last message.
        let heard = place(owner).and_then(|at| self.peers.get(at)).map_or(Index::MAX, |peer| peer.heard);
        let known = match self.states.get(heard) {
            Some(session) if session.key == key => Some(heard),
            _ => self.by_key.get(&(owner, key)).copied(),
        };
        let (index, evicted) = match known {
            Some(index) => (index, None),
            None => self.make(owner, key, context.received, store, limits),
        };
        let mut begun = Begun { session: SessionId(index), first: false, skewed: None, evicted: evicted.map(Box::new) };
        let Some(peer) = place(owner).and_then(|at| self.peers.get_mut(at)) else { return begun };
        peer.heard = index;
        // To be made is not to be used: a flood of new ones would pass for sessions that go on.
        let session = if known.is_some() { self.states.touch(index) } else { self.states.get_mut(index) };
        let Some(session) = session else { return begun };
        session.messages = session.messages.saturating_add(1);
        session.last_heard = context.received;
        session.clock_ahead = context.exported.since(context.received);
        session.boot(context);
        let limit = u64::try_from(limits.clock_skew.as_nanos()).unwrap_or(u64::MAX);
        let skewed = !peer.skew_told && session.clock_ahead.unsigned_abs() > limit;
        peer.skew_told |= skewed;
        begun.first = session.messages == 1;
        begun.skewed = skewed.then_some(session.clock_ahead);
        begun
    }

    /// The data sources of an sFlow session.
    #[inline]
    pub(super) fn sources(&mut self, id: SessionId) -> Option<Counting<'_>> {
        let session = self.states.get_mut(id.0)?;
        Some(Counting { epoch: session.epoch, sources: &mut session.sources })
    }

    /// One sample of an sFlow session.
    pub(super) fn sampled(
        &mut self,
        owner: Owner,
        id: SessionId,
        number: SampleNumber,
        store: &mut Store,
        limits: &Limits,
    ) -> Followed {
        let Some(session) = self.states.get_mut(id.0) else { return Followed::Nothing };
        let Some(followed) = session.sources.follow(session.epoch, number, limits) else {
            return self.source(owner, id, number, store, limits);
        };
        if let Followed::Change(SequenceChange::Gap { lost: Some(lost), .. }) = followed {
            session.lost_records = session.lost_records.saturating_add(u64::from(lost));
        }
        followed
    }

    /// A data source that is not known. Those of all sessions of the exporter may take a quarter of what it may hold.
    #[cold]
    fn source(&mut self, owner: Owner, id: SessionId, number: SampleNumber, store: &mut Store, limits: &Limits) -> Followed {
        let peer = place(owner).and_then(|at| self.peers.get_mut(at));
        let (Some(session), Some(peer)) = (self.states.get_mut(id.0), peer) else { return Followed::Nothing };
        let most = limits.exporter_bytes / (4 * SOURCE_COST);
        let full = session.sources.len() >= limits.session_sources.max(1) || peer.sources >= most;
        let followed = session.sources.make(session.epoch, number, full);
        if followed == Followed::New {
            peer.sources = peer.sources.saturating_add(1);
            store.charge(owner, SOURCE_COST);
            store.enforce(owner, None, limits);
        }
        // Once: with more sources than there are places for, nearly every sample would tell it again.
        match followed {
            Followed::Instead(_) if core::mem::replace(&mut session.sources_told, true) => Followed::Nothing,
            followed => followed,
        }
    }

    /// A message has ended.
    #[inline]
    pub(super) fn end(
        &mut self,
        session: SessionId,
        context: &Context,
        counted: Option<u32>,
        tally: Tally,
        limits: &Limits,
    ) -> Option<SequenceChange> {
        let SessionState { alone, shared, .. } = *self.states.get(session.0)?;
        let shared = if alone { None } else { over_domains(&mut self.shared, &self.states, shared) };
        let session = self.states.get_mut(session.0)?;
        session.records = session.records.saturating_add(tally.records);
        session.options = session.options.saturating_add(tally.options);
        session.faults = session.faults.saturating_add(tally.faults);
        // v1 has no sequence numbers.
        if context.protocol == Protocol::NetFlow1 {
            return None;
        }
        let native = match context.protocol {
            Protocol::NetFlow9 | Protocol::Sflow => SequenceUnit::Packets,
            _ => SequenceUnit::Records,
        };
        let step = Step {
            sequence: context.sequence,
            records: counted,
            exported: session.exported(context),
            native,
            window: limits.reorder_window,
            most: limits.gap_window,
        };
        let change = sequence::follow(&mut session.tracker, shared, &step, context.domain);
        if let Some(SequenceChange::Gap { lost: Some(lost), unit }) = change {
            let lost_so_far = if unit.is_packets() { &mut session.lost_packets } else { &mut session.lost_records };
            *lost_so_far = lost_so_far.saturating_add(u64::from(lost));
        }
        change
    }

    /// A message that ended before turns out to have a fault.
    pub(super) fn blame(&mut self, owner: Owner, context: &Context) {
        let session = self.by_key.get(&(owner, SessionKey::of(context))).copied();
        if let Some(session) = session.and_then(|index| self.states.get_mut(index)) {
            session.faults = session.faults.saturating_add(1);
        }
    }

    /// Puts a remembered tracker back, unless the session is known already.
    pub(super) fn restore(
        &mut self,
        owner: Owner,
        key: SessionKey,
        tracker: Tracker,
        heard: Timestamp,
        store: &mut Store,
        limits: &Limits,
    ) {
        let known = self.by_key.get(&(owner, key)).copied();
        let place = if key.domain.is_some() {
            let index = known.unwrap_or_else(|| self.make(owner, key, heard, store, limits).0);
            self.states.get_mut(index).map(|session| &mut session.tracker)
        } else {
            let Some(shared) = known.and_then(|index| self.shared.get_mut(index)) else { return };
            match self.states.get_mut(shared.first) {
                // It has been heard: what it counts is known better.
                Some(first) if first.alone && first.messages != 0 => return,
                // There were others before.
                Some(first) => first.alone = false,
                None => {}
            }
            Some(&mut shared.tracker)
        };
        if let Some(place) = place {
            place.get_or_insert(tracker);
        }
    }

    /// What each session of an exporter counts, and the counter over all domains, where there are several, beside each.
    pub(super) fn trackers(&self, owner: Owner) -> impl Iterator<Item = (SessionKey, Timestamp, Tracker)> {
        self.states.walk(self.list(owner)).flat_map(|(_, session)| {
            let shared = self.shared.get(session.shared).and_then(|shared| shared.tracker);
            let of = |key, tracker: Option<Tracker>| tracker.map(|tracker| (key, session.last_heard, tracker));
            [of(session.key, session.tracker), of(session.key.shared(), shared)].into_iter().flatten()
        })
    }

    pub(super) fn statuses<'a>(&'a self, store: &'a Store) -> impl Iterator<Item = ExporterStatus> + 'a {
        (0..store.owner_bound()).map(Owner).filter_map(|owner| Some((owner, store.owner_state(owner)?.key))).flat_map(
            move |(owner, key)| {
                self.states.walk(self.list(owner)).filter_map(move |(_, session)| {
                    let session_key = &session.key;
                    let domain = session_key.domain?;
                    if session.messages == 0 {
                        return None;
                    }
                    Some(ExporterStatus {
                        exporter: exporter_of(key, session_key.port),
                        stream: stream_of(key),
                        protocol: session_key.protocol,
                        agent: session_key.agent,
                        domain,
                        first_heard: session.first_heard,
                        last_heard: session.last_heard,
                        messages: session.messages,
                        records: session.records,
                        options: session.options,
                        templates: templates_of(store, owner, session_key, domain),
                        lost_records: session.lost_records,
                        lost_packets: session.lost_packets,
                        faults: session.faults,
                        clock_ahead: session.clock_ahead,
                    })
                })
            },
        )
    }
}

/// Templates of the scope a session decodes with.
fn templates_of(store: &Store, owner: Owner, session: &SessionKey, domain: u32) -> u32 {
    let Some(dialect) = dialect_of(session.protocol) else { return 0 };
    let scope = |port| store.find_scope(&ScopeKey { owner, dialect, port, domain });
    scope(0).or_else(|| scope(session.port)).map_or(0, |scope| store.template_count(scope))
}

pub(super) const fn dialect_of(protocol: Protocol) -> Option<Dialect> {
    match protocol {
        Protocol::NetFlow9 => Some(Dialect::NetFlow9),
        Protocol::Ipfix => Some(Dialect::Ipfix),
        _ => None,
    }
}

pub(super) const fn stream_of(key: OwnerKey) -> Option<u64> {
    match key {
        OwnerKey::Address(_) => None,
        OwnerKey::Stream(session) => Some(session.id),
    }
}

fn place(owner: Owner) -> Option<usize> {
    usize::try_from(owner.0).ok()
}
