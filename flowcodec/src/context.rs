//! What a message says about all of its records.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::exporter::{Exporter, Protocol};
use crate::model::{FieldId, FieldValue, Scaled, field};
use crate::time::Timestamp;

/// The message a record, a template or a fault belongs to. Every event carries its own: data that waited for its template keeps the
/// context it arrived with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Context {
    /// Transport source.
    pub exporter: Exporter,
    /// The caller's number of the byte stream, `None` over UDP.
    pub stream: Option<u64>,
    /// Protocol.
    pub protocol: Protocol,
    /// Observation domain (IPFIX), source id (v9), engine type and id as one number (v5), sub-agent (sFlow), else 0.
    pub domain: u32,
    /// The sFlow agent the message speaks for, which is not always where it came from.
    pub agent: Option<IpAddr>,
    /// When the receiver got it.
    pub received: Timestamp,
    /// When the exporter sent it, by its own clock: whole seconds in v9 and IPFIX, nanoseconds in v1, v5 and v7. sFlow agents do not
    /// say: there it is the time received.
    pub exported: Timestamp,
    /// The exporter's uptime when it sent it, in milliseconds modulo 2^32: from the header, or from element 160 learned before.
    pub uptime_ms: Option<u32>,
    /// Sequence number of the header, 0 where the protocol has none.
    pub sequence: u32,
    /// Where the message begins in its datagram.
    pub offset: u32,
    /// The rate the header or the settings give for all records of the message.
    pub sampling_rate: Option<f64>,
    /// Whether that rate comes from the settings and outranks what records and options say.
    pub sampling_fixed: bool,
    /// Whether the exporter scales its counters, as the settings say.
    pub counters_scaled: Scaled,
}

impl Context {
    /// The context of a datagram of which nothing is known yet.
    #[must_use]
    pub const fn new(exporter: Exporter, received: Timestamp) -> Self {
        Self {
            exporter,
            stream: None,
            protocol: Protocol::Unknown,
            domain: 0,
            agent: None,
            received,
            exported: received,
            uptime_ms: None,
            sequence: 0,
            offset: 0,
            sampling_rate: None,
            sampling_fixed: false,
            counters_scaled: Scaled::Unknown,
        }
    }
    /// A common field that the message says of all its records.
    pub(crate) fn field(&self, id: FieldId) -> Option<FieldValue<'static>> {
        Some(match id {
            _ if id == field::RECEIVED.id() => FieldValue::Time(self.received),
            _ if id == field::EXPORTED.id() && self.protocol != Protocol::Sflow => FieldValue::Time(self.exported),
            _ if id == field::EXPORTER.id() => FieldValue::Address(self.exporter.address()),
            _ if id == field::EXPORTER_PORT.id() => FieldValue::Unsigned(u64::from(self.exporter.port())),
            _ if id == field::AGENT.id() => FieldValue::Address(self.agent?),
            _ if id == field::DOMAIN.id() => FieldValue::Unsigned(u64::from(self.domain)),
            _ if id == field::PROTOCOL.id() => FieldValue::Unsigned(u64::from(self.protocol.code())),
            _ if id == field::COUNTERS_SCALED.id() => FieldValue::Unsigned(u64::from(self.counters_scaled.code())),
            _ => return None,
        })
    }
}
