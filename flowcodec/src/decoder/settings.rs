//! What a decoder is told before it starts.

use std::net::IpAddr;
use std::sync::Arc;

use ipnetwork::IpNetwork;

use crate::ie::Elements;
use crate::limits::Limits;
use crate::model::{Scaled, Schema};
use crate::template::ScopePolicy;

/// Settings of a [`Decoder`](crate::Decoder).
///
/// ```
/// use flowcodec::{Decoder, ExporterSettings, Settings};
/// let mut settings = Settings::default();
/// settings.scope.other_domains = true;
/// let sampled = ExporterSettings { sampling_rate: Some(64.0), ..ExporterSettings::default() };
/// settings.exporters.push(("192.0.2.0/24".parse()?, sampled));
/// let decoder = Decoder::new(settings);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// Caps on state.
    pub limits: Limits,
    /// How far templates reach over UDP.
    pub scope: ScopePolicy,
    /// Whether a withdrawal over UDP takes effect. Off by default: RFC 7011 §8.4 forbids it there, and a forged one would cost every
    /// later record.
    pub udp_withdrawals: bool,
    /// Elements beyond the registry.
    pub elements: Elements,
    /// The common fields templates are compiled for.
    pub schema: Arc<Schema>,
    /// What is known of exporters by address; the longest prefix that contains the address counts.
    pub exporters: Vec<(IpNetwork, ExporterSettings)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            scope: ScopePolicy::default(),
            udp_withdrawals: false,
            elements: Elements::default(),
            schema: Schema::common(),
            exporters: Vec::new(),
        }
    }
}

impl Settings {
    /// What is known of the exporter at `address`.
    pub(super) fn of(&self, address: IpAddr) -> ExporterSettings {
        let matching = self.exporters.iter().filter(|(network, _)| network.contains(address));
        matching.max_by_key(|(network, _)| network.prefix()).map(|(_, settings)| *settings).unwrap_or_default()
    }
}

/// What is known of some exporters and not said by them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[expect(clippy::exhaustive_structs, reason = "built with struct update syntax; a new field breaks nobody who does")]
pub struct ExporterSettings {
    /// Their sampling rate: outranks whatever they say.
    pub sampling_rate: Option<f64>,
    /// Their sampling rate where they say none.
    pub sampling_rate_default: Option<f64>,
    /// Whether their counters come multiplied by it.
    pub counters_scaled: Scaled,
}
