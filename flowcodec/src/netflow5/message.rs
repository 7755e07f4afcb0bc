//! Header and packet.

use nom::Parser;
use nom::combinator::map;

use super::record::Record;
use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::exporter::Protocol;
use crate::time::Timestamp;
use crate::wire::{Input, Parsed, array, be16, be32, fault_of, len32};

/// The header of a v1, v5 or v7 packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// [`Protocol::NetFlow1`], [`Protocol::NetFlow5`] or [`Protocol::NetFlow7`].
    pub protocol: Protocol,
    /// Records the header promises.
    pub count: u16,
    /// The router's uptime when it sent the packet, in milliseconds; wraps every 49.7 days.
    pub uptime_ms: u32,
    /// Seconds since 1970 when it sent the packet.
    pub unix_seconds: u32,
    /// Nanoseconds beyond those seconds.
    pub unix_nanos: u32,
    /// v5, v7: flow records sent before this packet (some exporters: up to and with its last record); 0 in v1.
    pub flow_sequence: u32,
    /// v5: type of the engine that sent it.
    pub engine_type: u8,
    /// v5: number of the engine that sent it.
    pub engine_id: u8,
    /// v5: sampling mode (upper 2 bits) and interval (lower 14); see [`sampling_interval`](Self::sampling_interval).
    pub sampling: u16,
}

impl Header {
    /// Octets of the header of a version.
    #[must_use]
    pub const fn size(protocol: Protocol) -> usize {
        if matches!(protocol, Protocol::NetFlow1) { 16 } else { 24 }
    }

    /// When the packet was sent.
    #[must_use]
    pub const fn exported(&self) -> Timestamp {
        #[expect(clippy::as_conversions, reason = "widening; From is not const")]
        Timestamp::from_seconds(self.unix_seconds as u64).offset(self.unix_nanos as i64)
    }

    /// v5: one of how many packets was sampled; `None` when the field is zero. Some exporters set the interval and leave the mode zero.
    #[must_use]
    pub const fn sampling_interval(&self) -> Option<u16> {
        match self.sampling & 0x3fff {
            0 => None,
            interval => Some(interval),
        }
    }
}

/// A whole packet: header, and records that are read when asked for.
///
/// ```
/// # let datagram = { let mut d = vec![0_u8; 72]; d[1] = 5; d[3] = 1; d[24..28].copy_from_slice(&[192, 0, 2, 1]); d };
/// let packet = flowcodec::netflow5::Packet::parse(&datagram)?;
/// let record = packet.records().next().expect("one record")?;
/// assert_eq!(record.src_addr().to_string(), "192.0.2.1");
/// # Ok::<(), flowcodec::Fault>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    header: Header,
    body: Input<'a>,
    record_len: usize,
    /// Whole records present.
    len: usize,
}

impl<'a> Packet<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// When the version is none of the three, or the header is cut short.
    #[inline]
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Fault> {
        // Nearly every packet is of v5; made of its parts here, it stays in registers.
        let (header, rest, at) = match datagram.split_first_chunk::<24>() {
            Some((head, rest)) if be16(head, 0) == 5 => (header(Protocol::NetFlow5, head), rest, 24),
            _ => other(datagram)?,
        };
        let record_len = match header.protocol {
            Protocol::NetFlow5 => 48,
            // Cisco's 52 octets, or softflowd's 48: told by what there is for each record.
            Protocol::NetFlow1 if (48..52).contains(&rest.len().checked_div(usize::from(header.count)).unwrap_or(52)) => 48,
            _ => 52,
        };
        // Divided only where there are fewer than promised.
        let promised = usize::from(header.count);
        let all = promised.saturating_mul(record_len) <= rest.len();
        let len = if all { promised } else { rest.len().checked_div(record_len).unwrap_or(0) };
        Ok(Self { header, body: Input::at(rest, at, LimitedBy::Datagram), record_len, len })
    }

    /// The header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Octets of one record: 48 or 52.
    #[must_use]
    pub const fn record_len(&self) -> usize {
        self.record_len
    }

    /// Whole records present, at most the header's count.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether no whole record is present.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The octets of the whole records, and where they begin.
    #[must_use]
    #[inline]
    pub fn record_octets(&self) -> Input<'a> {
        let octets = self.body.bytes().get(..self.len().saturating_mul(self.record_len)).unwrap_or_default();
        Input::at(octets, self.body.offset(), LimitedBy::HeaderCount)
    }

    /// What is wrong behind the last whole record: a count beyond the octets, or octets beyond the count.
    #[must_use]
    #[inline]
    pub fn trailing(&self) -> Option<Fault> {
        let promised = self.len == usize::from(self.header.count);
        let exact = self.body.bytes().len() == self.len.saturating_mul(self.record_len);
        if promised && exact { None } else { self.amiss() }
    }

    #[cold]
    fn amiss(&self) -> Option<Fault> {
        let good = self.record_octets();
        let offset = good.offset().saturating_add(good.len32());
        let left = self.body.len32().saturating_sub(good.len32());
        if self.len() < usize::from(self.header.count) {
            let needed = u32::from(self.header.count).saturating_mul(u32::try_from(self.record_len).unwrap_or(u32::MAX));
            let fault = Fault::new(FaultKind::CountBeyondOctets, Layer::Record, LimitedBy::Datagram, offset);
            return Some(fault.sizes(needed, self.body.len32()).costing(left));
        }
        (left != 0).then(|| {
            Fault::new(FaultKind::TrailingOctets, Layer::Datagram, LimitedBy::HeaderCount, offset).sizes(0, left).costing(left)
        })
    }

    /// The records.
    #[must_use]
    #[inline]
    pub fn records(&self) -> Records<'a> {
        Records {
            rest: self.record_octets().bytes(),
            len: self.record_len,
            protocol: self.header.protocol,
            fault: self.trailing(),
        }
    }
}

/// The records of a [`Packet`]; the fault behind the last one, if any, comes as the last item.
#[derive(Debug, Clone)]
pub struct Records<'a> {
    rest: &'a [u8],
    len: usize,
    protocol: Protocol,
    fault: Option<Fault>,
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Fault>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if let Some((octets, rest)) = self.rest.split_at_checked(self.len)
            && let Some(record) = Record::new(octets, self.protocol)
        {
            self.rest = rest;
            return Some(Ok(record));
        }
        self.fault.take().map(Err)
    }
}

/// Header, records and where they begin, of any version; and whatever is wrong.
#[cold]
fn other(datagram: &[u8]) -> Result<(Header, &[u8], u32), Fault> {
    let parse = |input| -> Parsed<'_, Header> {
        let (_, version) = map(array::<2>(Layer::Header), |head| be16(head, 0)).parse(input)?;
        match version {
            1 => map(array::<16>(Layer::Header), |head| header(Protocol::NetFlow1, head)).parse(input),
            5 => map(array::<24>(Layer::Header), |head| header(Protocol::NetFlow5, head)).parse(input),
            7 => map(array::<24>(Layer::Header), |head| header(Protocol::NetFlow7, head)).parse(input),
            _ => {
                let fault = input.fault(FaultKind::UnknownVersion, Layer::Header).costing(len32(input.bytes()));
                Err(nom::Err::Error(fault))
            }
        }
    };
    let (rest, header) = parse(Input::new(datagram)).map_err(fault_of)?;
    Ok((header, rest.bytes(), rest.offset()))
}

/// All three begin alike; what v1 does not have reads as zero.
#[inline]
fn header(protocol: Protocol, octets: &[u8]) -> Header {
    let v5 = matches!(protocol, Protocol::NetFlow5);
    let octet = |at: usize| if v5 { octets.get(at).copied().unwrap_or(0) } else { 0 };
    Header {
        protocol,
        count: be16(octets, 2),
        uptime_ms: be32(octets, 4),
        unix_seconds: be32(octets, 8),
        unix_nanos: be32(octets, 12),
        flow_sequence: be32(octets, 16),
        engine_type: octet(20),
        engine_id: octet(21),
        sampling: if v5 { be16(octets, 22) } else { 0 },
    }
}
