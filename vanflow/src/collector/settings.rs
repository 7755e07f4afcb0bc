//! Caps and times of a collector.

use core::time::Duration;

/// Caps of what a collector holds, and how long it waits and keeps. Nothing it holds is sized by a number from the wire.
///
/// ```
/// let mut settings = vanflow::collector::Settings::default();
/// settings.flows = 10_000;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Flow records held (FLOW, BIFLOW_TPORT, BIFLOW_APP), live and ended. Over it one goes for each that comes: the one that ended
    /// first, else the oldest. Default 500,000: about 400 MB.
    pub flows: usize,
    /// LOG records held, as [`flows`](Self::flows). Default 10,000.
    pub logs: usize,
    /// All other records held of one source. Over it the source's new ones are refused. Default 20,000: processes of a large site.
    pub source_elements: usize,
    /// Sources known. Over it the silent one heard longest ago goes, and if there is none the new one is refused. Default 1,024.
    pub sources: usize,
    /// Octets of all records together, as they are accounted. Over it flows and logs go as over their own caps, and with none left new
    /// records are refused. Default 1 GiB.
    pub total_bytes: usize,
    /// Octets of one text. Longer ones are refused. Default 8,192; routers cut at 300, lines of logs may be longer.
    pub text_bytes: usize,
    /// Octets of an identity or an address. Longer ones are refused. Default 255.
    pub identity_bytes: usize,
    /// Attributes of one record, of codes that are not known too. More are refused. Default 96; 68 are known.
    pub record_attributes: usize,
    /// How many sources may describe one identity at once: the routers of one site all send its SITE. Over it the first that ended goes,
    /// and if none did, the new one is refused. Default 16.
    pub versions: usize,
    /// Changes that wait to be polled. Over it the oldest go, and [`Change::Lost`](super::Change::Lost) says how many. 0 keeps none.
    /// Default 65,536.
    pub changes: usize,
    /// How long a source may be silent before its records are taken for ended. Default 30 seconds: 15 heartbeats.
    pub silence: Duration,
    /// How long to wait for a sign that a subscription is in place before FLUSH is sent anyway. Default 5 seconds.
    pub flush_wait: Duration,
    /// The least time between two FLUSH to one source. Default 2 seconds.
    pub flush_interval: Duration,
    /// How long ended records stay. Default 15 minutes.
    pub retention: Duration,
    /// How long a client's process may be unknown before one is inferred from its host. Default 15 seconds. A server's is at once.
    pub infer_after: Duration,
    /// How long after a restart messages of the time before may still come by other addresses. Default 10 seconds.
    pub restart_grace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            flows: 500_000,
            logs: 10_000,
            source_elements: 20_000,
            sources: 1_024,
            total_bytes: 1 << 30,
            text_bytes: 8_192,
            identity_bytes: 255,
            record_attributes: 96,
            versions: 16,
            changes: 65_536,
            silence: Duration::from_secs(30),
            flush_wait: Duration::from_secs(5),
            flush_interval: Duration::from_secs(2),
            retention: Duration::from_mins(15),
            infer_after: Duration::from_secs(15),
            restart_grace: Duration::from_secs(10),
        }
    }
}

/// What a collector did since it was made. Every message, record and attribute that it was given is in here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Messages given.
    pub messages: u64,
    /// Of these, BEACONs that were taken.
    pub beacons: u64,
    /// HEARTBEATs that were taken.
    pub heartbeats: u64,
    /// RECORDs that were taken.
    pub records: u64,
    /// Messages that could not be read.
    pub bad_messages: u64,
    /// Messages of another subject, FLUSH too.
    pub other_subjects: u64,
    /// Messages on an address that belongs to no source, or of a source that was refused.
    pub misplaced: u64,
    /// Messages that came before, by another path.
    pub duplicates: u64,
    /// BEACONs of another version, of an identity that another address has, or with text that is no UTF-8 or too long.
    pub bad_beacons: u64,
    /// Updates that were merged.
    pub updates: u64,
    /// Of these, updates that said nothing but type and identity.
    pub noop_updates: u64,
    /// Attributes that were sent again unchanged.
    pub unchanged_attributes: u64,
    /// Updates that could not be read.
    pub bad_updates: u64,
    /// Updates of a record type that is not known.
    pub unknown_types: u64,
    /// Attributes of a code that is not known; they are kept.
    pub unknown_attributes: u64,
    /// Pairs passed over because of their key.
    pub skipped_keys: u64,
    /// Pairs passed over because of their value.
    pub skipped_values: u64,
    /// Updates refused by a cap.
    pub refused_updates: u64,
    /// Attributes refused by a cap.
    pub refused_attributes: u64,
    /// Sources refused by a cap.
    pub refused_sources: u64,
    /// Flow records that went because of a cap.
    pub evicted_flows: u64,
    /// Of these, such that had not ended.
    pub evicted_live_flows: u64,
    /// LOG records that went because of a cap.
    pub evicted_logs: u64,
    /// Sources that went because of a cap.
    pub evicted_sources: u64,
    /// Records that went because they had ended and their time was over.
    pub expired: u64,
    /// Restarts of sources that were noticed.
    pub restarts: u64,
    /// Sources that fell silent.
    pub silences: u64,
    /// Commands that nobody polled in time.
    pub lost_commands: u64,
    /// Changes that nobody polled in time.
    pub lost_changes: u64,
}
