//! Every cap on state, in one place. Nothing in this crate sizes memory by a number from the wire.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Caps of a [`Decoder`](crate::Decoder). All of them together keep what it holds under [`total_bytes`](Self::total_bytes).
///
/// ```
/// let mut limits = flowcodec::Limits::default();
/// limits.total_bytes = 16 << 20;
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Limits {
    /// Ceiling for all state of all exporters together, in bytes: templates, pending data, sampling, sequence, run-time elements,
    /// and the tables that find them. Over it whole exporters go: the least proven first, and of those the one that is there longest
    /// without having been heard again; who was heard is passed over once. An exporter is proven in steps: by a record, by another at
    /// least ten seconds later, by another at least ten minutes later. Default 64 MiB: about 50,000 small exporters.
    pub total_bytes: usize,
    /// What one exporter (one address, or one stream) may hold of it, so that one exporter's flood cannot evict another's state.
    /// Over it the exporter loses its own oldest templates. Default 16 MiB, a quarter of the ceiling.
    pub exporter_bytes: usize,
    /// Data waiting for its template, in bytes for each exporter, but never more than a quarter of
    /// [`exporter_bytes`](Self::exporter_bytes); the oldest goes first and is reported. Default 4 MiB: several
    /// minutes of a busy exporter, while most send templates again within minutes.
    pub pending_bytes: usize,
    /// How long data may wait for its template. Default 30 minutes, the longest resend interval in common use.
    pub pending_lifetime: Duration,
    /// Fields of one template. Default 2,048; the largest real template known (an IPFIX probe with application data) has a few hundred.
    pub template_fields: u16,
    /// Fields of no length in one template: they cost nothing on the wire and time to show. Default 64; the most seen is one.
    pub template_empty_fields: u16,
    /// Octets of one fixed-size record or of the fixed part of a variable one. Default 65,535: what a set can hold.
    pub record_bytes: u32,
    /// Templates of one observation domain; one in any case. Default 4,096.
    pub domain_templates: usize,
    /// Observation domains of one exporter that have templates, of both protocols (and of all ports, where
    /// [`ScopePolicy::port`](crate::template::ScopePolicy::port) has it). Over it one goes as exporters do. Default 1,024.
    pub exporter_domains: usize,
    /// Transport sessions (source port and domain) whose sequence numbers are followed, for each exporter; fewer where they would
    /// take more than a quarter of [`exporter_bytes`](Self::exporter_bytes). Over it the one goes that is there longest without having
    /// been heard again; who was heard is passed over once. Default 1,024.
    pub exporter_sessions: usize,
    /// Data sources of one sFlow session whose sample sequence numbers are followed; fewer where they would take more than a quarter of
    /// [`exporter_bytes`](Self::exporter_bytes). Over it any one of them goes. Default 4,096: three for each port of a large switch.
    pub session_sources: usize,
    /// Samplers remembered for each observation domain. Default 1,024.
    pub domain_samplers: usize,
    /// RFC 5610 elements remembered for each exporter. Default 1,024.
    pub exporter_elements: usize,
    /// Octets of the name of such an element. Default 255; longer ones are refused.
    pub element_name_bytes: usize,
    /// Depth to which RFC 6313 lists are followed. Default 8; a 64 KiB message could nest them ten thousand deep.
    pub list_depth: u8,
    /// How long a template learned over UDP stays valid without being sent again (RFC 7011 §8.4). Default 2 hours: over three times
    /// the longest resend interval in common use.
    pub template_lifetime: Duration,
    /// How long an exporter may be silent before all its state goes. Default 24 hours.
    pub exporter_lifetime: Duration,
    /// How far an exporter's clock may be from the receiver's before it is flagged. Default 1 hour. Nothing is corrected.
    pub clock_skew: Duration,
    /// How far forward a sequence number may jump, in its own unit, and still be counted as loss; further is a loss of unknown size.
    /// Default 16,777,216.
    pub gap_window: u32,
    /// How far back a sequence number counts as late or repeated, in its own unit; further back is a restart. Default 4,096.
    pub reorder_window: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            total_bytes: 64 << 20,
            exporter_bytes: 16 << 20,
            pending_bytes: 4 << 20,
            pending_lifetime: Duration::from_mins(30),
            template_fields: 2_048,
            template_empty_fields: 64,
            record_bytes: 65_535,
            domain_templates: 4_096,
            exporter_domains: 1_024,
            exporter_sessions: 1_024,
            session_sources: 4_096,
            domain_samplers: 1_024,
            exporter_elements: 1_024,
            element_name_bytes: 255,
            list_depth: 8,
            template_lifetime: Duration::from_hours(2),
            exporter_lifetime: Duration::from_hours(24),
            clock_skew: Duration::from_hours(1),
            gap_window: 1 << 24,
            reorder_window: 4_096,
        }
    }
}
