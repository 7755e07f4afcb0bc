//! One session: who counts the messages in it, and what they came to.

use core::hash::Hash;
use std::net::IpAddr;

use super::sequence::Tracker;
use super::sources::Sources;
use crate::context::Context;
use crate::exporter::{Exporter, Protocol};
use crate::template::Index;
use crate::time::Timestamp;

/// One sequence of messages. Sequence numbers always belong to the transport session (source port, domain), whatever the scope of
/// templates: one Open vSwitch sends the same numbers from two ports to two collectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SessionKey {
    pub(super) port: u16,
    pub(super) protocol: Protocol,
    /// `None` for the counter over all domains.
    pub(super) domain: Option<u32>,
    /// The sFlow agent; `None` elsewhere.
    pub(super) agent: Option<IpAddr>,
}

impl Hash for SessionKey {
    #[inline]
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        let [low, high] = self.port.to_be_bytes();
        let [a, b, c, d] = self.domain.unwrap_or(0).to_be_bytes();
        state.write_u64(u64::from_be_bytes([low, high, self.protocol.code(), u8::from(self.domain.is_some()), a, b, c, d]));
        if let Some(agent) = self.agent {
            agent.hash(state);
        }
    }
}

impl SessionKey {
    #[inline]
    pub(super) const fn of(context: &Context) -> Self {
        Self { port: context.exporter.port(), protocol: context.protocol, domain: Some(context.domain), agent: context.agent }
    }

    pub(super) const fn shared(self) -> Self {
        Self { domain: None, ..self }
    }

    /// A context of this session, like one of another session of its exporter.
    pub(super) const fn context(self, like: &Context) -> Context {
        let mut context = Context::new(Exporter::new(like.exporter.address(), self.port), like.received);
        context.stream = like.stream;
        context.protocol = self.protocol;
        context.agent = self.agent;
        if let Some(domain) = self.domain {
            context.domain = domain;
        }
        context
    }
}

#[derive(Debug)]
pub(super) struct SessionState {
    pub(super) key: SessionKey,
    pub(super) shared: Index,
    /// Whether it is the only one there has been of its port and protocol: then the counter over all domains is its own.
    pub(super) alone: bool,
    pub(super) tracker: Option<Tracker>,
    pub(super) first_heard: Timestamp,
    pub(super) last_heard: Timestamp,
    pub(super) messages: u64,
    pub(super) records: u64,
    pub(super) options: u64,
    pub(super) lost_records: u64,
    pub(super) lost_packets: u64,
    pub(super) faults: u64,
    pub(super) clock_ahead: i64,
    /// Of sFlow: when the agent booted, by the times received; how often it did; its data sources.
    pub(super) booted: Timestamp,
    pub(super) epoch: u32,
    pub(super) sources: Sources,
    pub(super) sources_told: bool,
}

impl SessionState {
    /// An sFlow agent tells its uptime and no time of day. With the time received that gives when it booted, give or take how long
    /// datagrams take; where that moves by more, the agent has begun anew (or its 32 bits of milliseconds have).
    pub(super) fn boot(&mut self, context: &Context) {
        const UNCERTAIN: u64 = 60_000_000_000;
        const DRIFT: i64 = 1_000_000;
        if context.protocol != Protocol::Sflow {
            return;
        }
        let booted = context.received.offset(i64::from(context.uptime_ms.unwrap_or(0)).saturating_mul(-1_000_000));
        if self.messages == 1 {
            self.booted = booted;
            return;
        }
        let moved = booted.since(self.booted);
        if moved.unsigned_abs() > UNCERTAIN {
            self.booted = booted;
            self.epoch = self.epoch.wrapping_add(1);
        } else {
            // Clocks drift apart over weeks: followed in steps that no delay of a datagram is as short as.
            self.booted = self.booted.offset(moved.clamp(-DRIFT, DRIFT));
        }
    }

    /// When a message was exported, on one scale with the others of its session.
    pub(super) fn exported(&self, context: &Context) -> Timestamp {
        match (context.protocol, context.uptime_ms) {
            (Protocol::Sflow, Some(uptime_ms)) => self.booted.offset(i64::from(uptime_ms).saturating_mul(1_000_000)),
            _ => context.exported,
        }
    }
}
