//! Header and packet.

use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::template::wire::{Dialect, Sets};
use crate::time::Timestamp;
use crate::wire::{Input, Parsed, array, be16, be32, fault_of};

/// The header of a packet (RFC 3954 §5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// Records in the packet, templates included, says the RFC; exporters say otherwise.
    pub count: u16,
    /// Milliseconds since the exporter booted.
    pub uptime_ms: u32,
    /// Seconds since 1970.
    pub unix_seconds: u32,
    /// Packets sent before, for this source id.
    pub sequence: u32,
    /// Source id: the observation domain.
    pub source_id: u32,
}

impl Header {
    /// Its octets.
    pub const SIZE: usize = 20;

    /// When the packet was sent, to the second.
    #[must_use]
    pub fn exported(&self) -> Timestamp {
        Timestamp::from_seconds(u64::from(self.unix_seconds))
    }
}

/// A whole packet.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    header: Header,
    body: Input<'a>,
}

impl<'a> Packet<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// When the version is not 9, or the header is cut short.
    #[inline]
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Fault> {
        packet(Input::new(datagram)).map(|(_, packet)| packet).map_err(fault_of)
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The FlowSets, by their lengths.
    #[must_use]
    pub const fn sets(&self) -> Sets<'a> {
        Sets::new(self.body, Dialect::NetFlow9)
    }
}

#[inline]
fn packet(input: Input<'_>) -> Parsed<'_, Packet<'_>> {
    let (body, head) = array::<{ Header::SIZE }>(Layer::Header)(input)?;
    if be16(head, 0) != 9 {
        return Err(nom::Err::Error(input.fault(FaultKind::UnknownVersion, Layer::Header).costing(input.len32())));
    }
    let header = Header {
        count: be16(head, 2),
        uptime_ms: be32(head, 4),
        unix_seconds: be32(head, 8),
        sequence: be32(head, 12),
        source_id: be32(head, 16),
    };
    let rest = Input::at(&[], body.offset().saturating_add(body.len32()), LimitedBy::Datagram);
    Ok((rest, Packet { header, body }))
}
