//! Header, packet and FlowSets.

use nom::Parser;
use nom::combinator::map;

use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::template::wire::{Dialect, TemplateKind, TemplateRecords};
use crate::time::Timestamp;
use crate::wire::{Input, Parsed, array, be16, be32, fault_of, take};

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
        Sets { rest: self.body, done: false }
    }
}

/// One FlowSet.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Set<'a> {
    /// Templates or options templates.
    Templates(TemplateRecords<'a>),
    /// Records of the template `id`, and padding.
    Data {
        /// Template id.
        id: u16,
        /// Records and padding.
        body: Input<'a>,
    },
    /// An id that the protocol reserves (2 to 255).
    Reserved {
        /// The id.
        id: u16,
        /// What it holds.
        body: Input<'a>,
    },
}

/// The FlowSets of a packet. Over after the first error, whose fault costs all that was left.
#[derive(Debug, Clone)]
pub struct Sets<'a> {
    rest: Input<'a>,
    done: bool,
}

impl<'a> Sets<'a> {
    /// What was not read yet.
    #[must_use]
    pub const fn rest(&self) -> Input<'a> {
        self.rest
    }
}

impl<'a> Iterator for Sets<'a> {
    type Item = Result<Set<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        // Up to three octets behind the last FlowSet are padding of the packet.
        if self.done || (self.rest.bytes().len() < 4 && self.rest.bytes().iter().all(|&octet| octet == 0)) {
            return None;
        }
        match set(self.rest) {
            Ok((rest, set)) => {
                self.rest = rest;
                Some(Ok(set))
            }
            Err(error) => {
                self.done = true;
                Some(Err(fault_of(error)))
            }
        }
    }
}

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

fn set(input: Input<'_>) -> Parsed<'_, Set<'_>> {
    let (after, (id, length)) = map(array::<4>(Layer::Set), |head| (be16(head, 0), usize::from(be16(head, 2)))).parse(input)?;
    let Some(length) = length.checked_sub(4) else {
        let fault = input.fault(FaultKind::LengthTooSmall, Layer::Set).sizes(4, u32::try_from(length).unwrap_or(0));
        return Err(nom::Err::Error(fault.costing(input.len32())));
    };
    let (rest, body) = take(length, Layer::Set, LimitedBy::SetLength)(after)
        .map_err(|error| error.map(|fault| Fault { offset: input.offset(), ..fault }.costing(input.len32())))?;
    let set = match id {
        0 => Set::Templates(TemplateRecords::new(body, Dialect::NetFlow9, TemplateKind::Data)),
        1 => Set::Templates(TemplateRecords::new(body, Dialect::NetFlow9, TemplateKind::Options)),
        2..256 => Set::Reserved { id, body },
        _ => Set::Data { id, body },
    };
    Ok((rest, set))
}
