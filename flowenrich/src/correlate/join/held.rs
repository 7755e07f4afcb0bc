//! What waits for its counterpart: legs and flows, at their endpoints.

use std::net::{IpAddr, SocketAddr};

use flowcodec::Timestamp;

use super::leg::{End, Leg};
use crate::correlate::input::{Interval, octets};
use crate::correlate::kept::Kept;
use crate::correlate::pending::Heap;
use crate::correlate::texts::{TextId, Texts};

/// An address and port of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Endpoint {
    /// The site's name, as held.
    pub(super) site: u32,
    pub(super) addr: [u8; 16],
    pub(super) port: u16,
}

impl Endpoint {
    pub(super) fn new(site: TextId, at: SocketAddr) -> Self {
        Self { site: site.number(), addr: octets(at.ip()), port: at.port() }
    }

    /// A key that no leg has.
    pub(super) fn of_none(turn: u64) -> Self {
        Self { site: u32::MAX, addr: u128::from(turn).to_be_bytes(), port: 0 }
    }
}

#[derive(Debug)]
pub(super) enum Held {
    /// At its source.
    Leg(HeldLeg),
    /// At no endpoint; it looks for legs at both its ends.
    Flow(HeldFlow),
}

#[derive(Debug)]
pub(super) struct HeldLeg {
    pub(super) id: TextId,
    pub(super) site: TextId,
    pub(super) end: End,
    pub(super) destination: (Option<IpAddr>, Option<u16>),
    pub(super) start: Timestamp,
    pub(super) until: Option<Timestamp>,
    pub(super) kept: Kept,
    pub(super) heard: Timestamp,
    /// A flow is its alone.
    pub(super) matched: bool,
    /// A flow may be its.
    pub(super) ambiguous: bool,
}

#[derive(Debug)]
pub(super) struct HeldFlow {
    pub(super) site: TextId,
    pub(super) ends: [SocketAddr; 2],
    pub(super) when: Interval,
    pub(super) kept: Kept,
}

impl Heap for Held {
    fn heap(&self) -> usize {
        match self {
            Self::Leg(leg) => leg.kept.heap(),
            Self::Flow(flow) => flow.kept.heap(),
        }
    }
}

impl Held {
    pub(super) fn release(self, texts: &mut Texts) {
        let (site, id, mut kept) = match self {
            Self::Leg(leg) => (leg.site, Some(leg.id), leg.kept),
            Self::Flow(flow) => (flow.site, None, flow.kept),
        };
        kept.release(texts);
        texts.release(site);
        if let Some(id) = id {
            texts.release(id);
        }
    }
}

impl HeldLeg {
    pub(super) const fn new(leg: &Leg<'_>, id: TextId, site: TextId, now: Timestamp) -> Self {
        Self {
            id,
            site,
            end: leg.end,
            destination: leg.destination,
            start: leg.start,
            until: None,
            kept: Kept::new(),
            heard: now,
            matched: false,
            ambiguous: false,
        }
    }

    /// While it lives it has no end.
    pub(super) fn when(&self) -> Interval {
        let end = self.until.unwrap_or(Timestamp::from_nanos(i64::MAX));
        Interval { start: self.start.min(end), end: end.max(self.start) }
    }

    /// Whether this is told of the same leg: identities are used again after a restart of their router.
    pub(super) fn is(&self, leg: &Leg<'_>, texts: &Texts) -> bool {
        let until = leg.until.unwrap_or(Timestamp::from_nanos(i64::MAX)).max(leg.start);
        let told = Interval { start: leg.start, end: until };
        self.end == leg.end && texts.get(self.id) == leg.id.as_bytes() && self.when().gap(told) == 0
    }

    /// Whether it goes there, as far as is known.
    pub(super) fn goes_to(&self, at: SocketAddr) -> bool {
        let (addr, port) = self.destination;
        addr.is_none_or(|addr| addr == at.ip().to_canonical()) && port.is_none_or(|port| port == at.port())
    }
}
