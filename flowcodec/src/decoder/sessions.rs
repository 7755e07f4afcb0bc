//! What is kept of every exporter beside its templates: sequence numbers and counters, by port, protocol and domain.

use std::collections::HashMap;

use super::exporter_of;
use super::sequence::{self, Step, Tracker};
use super::status::ExporterStatus;
use super::{SequenceChange, SequenceUnit};
use crate::context::Context;
use crate::exporter::Protocol;
use crate::limits::Limits;
use crate::template::{Dialect, Owner, OwnerKey, ScopeKey, Store};
use crate::time::Timestamp;

/// Bytes of one exporter here, put on its account when it appears.
pub(super) const EXPORTER_COST: usize = size_of::<Peer>() + 3 * size_of::<usize>();
/// Bytes of one session: a growing table has up to 3.4 places for each entry.
const SESSION_COST: usize = (size_of::<(SessionKey, SessionState)>() + 1) * 7 / 2;

/// One sequence of messages. Sequence numbers always belong to the transport session (source port, domain), whatever the scope of
/// templates: one Open vSwitch sends the same numbers from two ports to two collectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SessionKey {
    pub(super) port: u16,
    pub(super) protocol: Protocol,
    /// `None` for the counter over all domains.
    pub(super) domain: Option<u32>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct SessionState {
    pub(super) tracker: Option<Tracker>,
    first_heard: Timestamp,
    pub(super) last_heard: Timestamp,
    messages: u64,
    records: u64,
    options: u64,
    lost_records: u64,
    lost_packets: u64,
    faults: u64,
    clock_ahead: i64,
}

#[derive(Debug, Default)]
struct Peer {
    sessions: HashMap<SessionKey, SessionState, foldhash::fast::RandomState>,
    skew_told: bool,
}

/// The peers, by the position of their owner in the store.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    peers: Vec<Option<Box<Peer>>>,
}

/// What one message adds to its session.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) records: u64,
    pub(super) options: u64,
    pub(super) faults: u64,
}

impl Sessions {
    pub(super) fn remove(&mut self, owner: Owner) {
        if let Some(peer) = usize::try_from(owner.0).ok().and_then(|at| self.peers.get_mut(at)) {
            *peer = None;
        }
        while matches!(self.peers.last(), Some(None)) {
            self.peers.pop();
        }
        if self.peers.len() < self.peers.capacity() / 8 {
            self.peers.shrink_to(self.peers.len().saturating_mul(2));
        }
    }

    fn peer(&mut self, owner: Owner) -> Option<&mut Peer> {
        let at = usize::try_from(owner.0).ok()?;
        if at >= self.peers.len() {
            self.peers.resize_with(at.checked_add(1)?, || None);
        }
        Some(self.peers.get_mut(at)?.get_or_insert_default())
    }

    pub(super) fn of(&self, owner: Owner) -> impl Iterator<Item = (&SessionKey, &SessionState)> {
        let peer = usize::try_from(owner.0).ok().and_then(|at| self.peers.get(at)?.as_deref());
        peer.into_iter().flat_map(|peer| &peer.sessions)
    }

    /// Makes the session of this key, in place of the one heard longest ago when there are too many.
    #[cold]
    fn make(peer: &mut Peer, owner: Owner, key: SessionKey, now: Timestamp, store: &mut Store, limits: &Limits) {
        if peer.sessions.contains_key(&key) {
            return;
        }
        if peer.sessions.len() >= limits.exporter_sessions.max(2) {
            let oldest = peer.sessions.iter().min_by_key(|(_, session)| session.last_heard).map(|(key, _)| *key);
            if let Some(oldest) = oldest {
                peer.sessions.remove(&oldest);
            }
        } else {
            store.charge(owner, SESSION_COST);
        }
        peer.sessions.insert(key, SessionState { first_heard: now, last_heard: now, ..SessionState::default() });
    }

    /// A message begins: `true` when it is the first of its exporter, protocol and domain. The second value is set once, when the
    /// exporter's clock is found to be far off.
    pub(super) fn begin(&mut self, owner: Owner, context: &Context, store: &mut Store, limits: &Limits) -> (bool, Option<i64>) {
        let Some(peer) = self.peer(owner) else { return (false, None) };
        let (own, shared) = keys(context);
        if !matches!(peer.sessions.get_disjoint_mut([&own, &shared]), [Some(_), Some(_)]) {
            Self::make(peer, owner, own, context.received, store, limits);
            Self::make(peer, owner, shared, context.received, store, limits);
        }
        let [Some(session), Some(all)] = peer.sessions.get_disjoint_mut([&own, &shared]) else { return (false, None) };
        session.messages = session.messages.saturating_add(1);
        session.last_heard = context.received;
        all.last_heard = context.received;
        session.clock_ahead = context.exported.since(context.received);
        let (first, ahead) = (session.messages == 1, session.clock_ahead);
        let limit = u64::try_from(limits.clock_skew.as_nanos()).unwrap_or(u64::MAX);
        let skewed = !peer.skew_told && ahead.unsigned_abs() > limit;
        peer.skew_told |= skewed;
        (first, skewed.then_some(ahead))
    }

    /// A message has ended.
    pub(super) fn end(
        &mut self,
        owner: Owner,
        context: &Context,
        counted: Option<u32>,
        tally: Tally,
        limits: &Limits,
    ) -> Option<SequenceChange> {
        let peer = self.peer(owner)?;
        let (own, shared) = keys(context);
        let [Some(session), Some(all)] = peer.sessions.get_disjoint_mut([&own, &shared]) else { return None };
        session.records = session.records.saturating_add(tally.records);
        session.options = session.options.saturating_add(tally.options);
        session.faults = session.faults.saturating_add(tally.faults);
        // v1 has no sequence numbers.
        if context.protocol == Protocol::NetFlow1 {
            return None;
        }
        let native = if context.protocol == Protocol::NetFlow9 { SequenceUnit::Packets } else { SequenceUnit::Records };
        let step = Step {
            sequence: context.sequence,
            records: counted,
            exported: context.exported,
            native,
            window: limits.reorder_window,
            most: limits.gap_window,
        };
        let change = sequence::follow(&mut session.tracker, &mut all.tracker, &step, context.domain);
        if let Some(SequenceChange::Gap { lost: Some(lost), unit }) = change {
            match unit {
                SequenceUnit::Records => session.lost_records = session.lost_records.saturating_add(u64::from(lost)),
                SequenceUnit::Packets => session.lost_packets = session.lost_packets.saturating_add(u64::from(lost)),
            }
        }
        change
    }

    /// Puts a remembered tracker back, unless the session is known already.
    pub(super) fn restore(
        &mut self,
        owner: Owner,
        key: SessionKey,
        tracker: Tracker,
        now: Timestamp,
        store: &mut Store,
        limits: &Limits,
    ) {
        let Some(peer) = self.peer(owner) else { return };
        Self::make(peer, owner, key, now, store, limits);
        if let Some(session) = peer.sessions.get_mut(&key) {
            session.tracker.get_or_insert(tracker);
        }
    }

    pub(super) fn statuses<'a>(&'a self, store: &'a Store) -> impl Iterator<Item = ExporterStatus> + 'a {
        (0..store.owner_bound()).map(Owner).filter_map(|owner| Some((owner, store.owner_state(owner)?.key))).flat_map(
            move |(owner, key)| {
                self.of(owner).filter_map(move |(session_key, session)| {
                    let domain = session_key.domain?;
                    if session.messages == 0 {
                        return None;
                    }
                    Some(ExporterStatus {
                        exporter: exporter_of(key, session_key.port),
                        stream: stream_of(key),
                        protocol: session_key.protocol,
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
    scope(0).or_else(|| scope(session.port)).map_or(0, |scope| store.templates_of(scope).count().try_into().unwrap_or(u32::MAX))
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

/// The session of a message, and the one over all domains beside it.
const fn keys(context: &Context) -> (SessionKey, SessionKey) {
    let own = SessionKey { port: context.exporter.port(), protocol: context.protocol, domain: Some(context.domain) };
    (own, SessionKey { domain: None, ..own })
}
