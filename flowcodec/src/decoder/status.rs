//! Counters, of everything and of each exporter.

use std::net::IpAddr;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::SequenceUnit;
use crate::error::FaultKind;
use crate::exporter::{Exporter, Protocol};
use crate::time::Timestamp;

/// What a decoder has seen. `bytes = bytes_decoded + bytes_reported + bytes_pending` holds after every call; after
/// [`finish`](crate::Decoder::finish) nothing is pending.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams given, or messages of streams.
    pub datagrams: u64,
    /// Octets given.
    pub bytes: u64,
    /// Messages found in them.
    pub messages: u64,
    /// Flow records.
    pub flows: u64,
    /// Options records.
    pub options: u64,
    /// Counter records.
    pub counters: u64,
    /// Template records read, those that were refused included.
    pub templates: u64,
    /// Options template records read.
    pub options_templates: u64,
    /// Withdrawals read.
    pub withdrawals: u64,
    /// Data sets whose template was not known when they came.
    pub sets_without_template: u64,
    /// sFlow samples of formats that are not known; given raw.
    pub unknown_samples: u64,
    /// Records inside sFlow samples whose structure is not known; given raw.
    pub unknown_records: u64,
    /// Octets that are in some record, template, header or padding.
    pub bytes_decoded: u64,
    /// Octets that a fault stands for.
    pub bytes_reported: u64,
    /// Octets of data that waits for its template.
    pub bytes_pending: u64,
    /// Records that sequence numbers say are missing.
    pub lost_records: u64,
    /// Messages that sequence numbers say are missing.
    pub lost_packets: u64,
    /// Exporters evicted over a limit.
    pub exporters_evicted: u64,
    /// Sessions (source port, protocol and domain of an exporter) evicted over a limit.
    pub sessions_evicted: u64,
    /// Templates evicted over a limit.
    pub templates_evicted: u64,
    /// Faults by kind.
    pub faults: FaultCounts,
}

impl Stats {
    pub(super) const fn lose(&mut self, unit: SequenceUnit, lost: u32) {
        #[expect(clippy::as_conversions, reason = "widening; From is not const")]
        let lost = lost as u64;
        let counter = if unit.is_packets() { &mut self.lost_packets } else { &mut self.lost_records };
        *counter = counter.saturating_add(lost);
    }
}

/// How often each kind of fault was found. Serialises as a map without the kinds that were not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultCounts {
    // Few kinds ever occur: a short list, in order of first occurrence.
    counts: Vec<(FaultKind, u64)>,
}

impl FaultCounts {
    pub(crate) fn add(&mut self, kind: FaultKind) {
        match self.counts.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.counts.push((kind, 1)),
        }
    }

    /// How often `kind` was found.
    #[must_use]
    pub fn get(&self, kind: FaultKind) -> u64 {
        self.counts.iter().find(|(known, _)| *known == kind).map_or(0, |(_, count)| *count)
    }

    /// How many were found in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|(_, count)| *count).fold(0, u64::saturating_add)
    }

    /// The kinds that were found, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (FaultKind, u64)> + '_ {
        self.counts.iter().copied()
    }
}

impl Serialize for FaultCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sorted = self.counts.clone();
        sorted.sort_unstable();
        let mut map = serializer.serialize_map(Some(sorted.len()))?;
        for (kind, count) in &sorted {
            map.serialize_entry(kind, count)?;
        }
        map.end()
    }
}

/// What is known of one transport source (address and port) in one protocol, and one observation domain or sFlow agent and sub-agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExporterStatus {
    /// Transport source.
    pub exporter: Exporter,
    /// The caller's number of the stream, `None` over UDP.
    pub stream: Option<u64>,
    /// Protocol.
    pub protocol: Protocol,
    /// The sFlow agent the session speaks for.
    pub agent: Option<IpAddr>,
    /// Observation domain; in sFlow the sub-agent.
    pub domain: u32,
    /// When its first message came.
    pub first_heard: Timestamp,
    /// When its last message came.
    pub last_heard: Timestamp,
    /// Messages.
    pub messages: u64,
    /// Flow and counter records.
    pub records: u64,
    /// Options records.
    pub options: u64,
    /// Templates it has now.
    pub templates: u32,
    /// Records that are missing, by its sequence numbers.
    pub lost_records: u64,
    /// Messages that are missing, by its sequence numbers.
    pub lost_packets: u64,
    /// Faults in its messages.
    pub faults: u64,
    /// How far its clock was ahead of the receiver's at the last message, in nanoseconds.
    pub clock_ahead: i64,
}
