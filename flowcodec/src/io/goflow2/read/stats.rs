//! What a reader counts.

use crate::io::goflow2::Skipped;

/// What a reader has done so far. `bytes` is the sum of `bytes_decoded`, `bytes_reported` and what the reader still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct ReaderStats {
    /// Octets given to it.
    pub bytes: u64,
    /// Of them in flows, or between them.
    pub bytes_decoded: u64,
    /// Of them in faults.
    pub bytes_reported: u64,
    /// Flows.
    pub flows: u64,
    /// Faults.
    pub faults: u64,
    /// What of messages is not in flows.
    #[serde(flatten)]
    pub skipped: Skipped,
}

impl ReaderStats {
    /// Counts what another reader has done as well.
    pub const fn add(&mut self, other: &Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.bytes_decoded = self.bytes_decoded.saturating_add(other.bytes_decoded);
        self.bytes_reported = self.bytes_reported.saturating_add(other.bytes_reported);
        self.flows = self.flows.saturating_add(other.flows);
        self.faults = self.faults.saturating_add(other.faults);
        self.skipped.add(other.skipped);
    }
}
