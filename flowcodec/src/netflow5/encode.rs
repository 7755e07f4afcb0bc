//! Writing v1, v5 and v7: packets from plain records ([`encode`]), and a [`Writer`] that counts and fills packets.

use std::net::{IpAddr, Ipv4Addr};

use super::message::Header;
use super::record::Record;
use crate::exporter::Protocol;
use crate::model::{Field, FieldId, FieldType, FieldValue, FlowRecord, field};
use crate::template::encode::{EncodeError, uptime_ms};
use crate::time::Timestamp;

/// One flow of v1, v5 or v7, owned: what a [`Record`] shows. What a version has no place for has to be zero there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "the layouts are frozen")]
pub struct OwnedRecord {
    /// Source address.
    pub src_addr: Ipv4Addr,
    /// Destination address.
    pub dst_addr: Ipv4Addr,
    /// Next hop, `0.0.0.0` for none.
    pub next_hop: Ipv4Addr,
    /// Input interface index.
    pub in_if: u16,
    /// Output interface index.
    pub out_if: u16,
    /// Packets.
    pub packets: u32,
    /// Octets.
    pub octets: u32,
    /// Uptime at the first packet, in milliseconds.
    pub first_ms: u32,
    /// Uptime at the last packet, in milliseconds.
    pub last_ms: u32,
    /// Source port.
    pub src_port: u16,
    /// Destination port; of ICMP, type × 256 + code.
    pub dst_port: u16,
    /// TCP flags, OR-ed.
    pub tcp_flags: u8,
    /// IP protocol.
    pub ip_protocol: u8,
    /// Type of service.
    pub tos: u8,
    /// Source AS; not in v1.
    pub src_as: u16,
    /// Destination AS; not in v1.
    pub dst_as: u16,
    /// Prefix length of the source; not in v1.
    pub src_prefix_len: u8,
    /// Prefix length of the destination; not in v1.
    pub dst_prefix_len: u8,
    /// v7: address of the router that the switch bypassed.
    pub bypassed_router: Ipv4Addr,
    /// v7: flags that say which fields are not valid (octets 36, and 46 to 47).
    pub validity_flags: (u8, u16),
}

impl Default for OwnedRecord {
    fn default() -> Self {
        let none = Ipv4Addr::UNSPECIFIED;
        Self {
            src_addr: none,
            dst_addr: none,
            next_hop: none,
            in_if: 0,
            out_if: 0,
            packets: 0,
            octets: 0,
            first_ms: 0,
            last_ms: 0,
            src_port: 0,
            dst_port: 0,
            tcp_flags: 0,
            ip_protocol: 0,
            tos: 0,
            src_as: 0,
            dst_as: 0,
            src_prefix_len: 0,
            dst_prefix_len: 0,
            bypassed_router: none,
            validity_flags: (0, 0),
        }
    }
}

impl From<Record<'_>> for OwnedRecord {
    fn from(record: Record<'_>) -> Self {
        Self {
            src_addr: record.src_addr(),
            dst_addr: record.dst_addr(),
            next_hop: record.next_hop(),
            in_if: record.in_if(),
            out_if: record.out_if(),
            packets: record.packets(),
            octets: record.octets(),
            first_ms: record.first_ms(),
            last_ms: record.last_ms(),
            src_port: record.src_port(),
            dst_port: record.dst_port(),
            tcp_flags: record.tcp_flags(),
            ip_protocol: record.ip_protocol(),
            tos: record.tos(),
            src_as: record.src_as().unwrap_or(0),
            dst_as: record.dst_as().unwrap_or(0),
            src_prefix_len: record.src_prefix_len().unwrap_or(0),
            dst_prefix_len: record.dst_prefix_len().unwrap_or(0),
            bypassed_router: record.bypassed_router().unwrap_or(Ipv4Addr::UNSPECIFIED),
            validity_flags: record.validity_flags().unwrap_or((0, 0)),
        }
    }
}

impl OwnedRecord {
    /// A row of the common model, as an exporter that booted at `boot` would say it at `now`. Absent fields become zero, and fields that
    /// v5 has no place for are left out; times are rounded down to a millisecond of uptime. ICMP type and code go to the destination
    /// port when the row has none.
    ///
    /// # Errors
    /// [`EncodeError::FieldUnwritable`] for what has a place but does not fit it: IPv6 addresses, counters above 32 bits, AS numbers,
    /// interfaces or TCP flags above theirs. [`EncodeError::TimeRange`] for times 12 days or more from `now`.
    pub fn from_row(row: &FlowRecord, boot: Timestamp, now: Timestamp) -> Result<Self, EncodeError> {
        let address = |field: FieldId| match row.value(field) {
            Some(FieldValue::Address(IpAddr::V4(address))) => Ok(address),
            None => Ok(Ipv4Addr::UNSPECIFIED),
            Some(_) => Err(EncodeError::FieldUnwritable { field }),
        };
        let uptime = |time: Option<Timestamp>| match time {
            Some(time) => uptime_ms(boot, now, time).ok_or(EncodeError::TimeRange),
            None => Ok(0),
        };
        let ip_protocol = number(row, field::IP_PROTOCOL)?;
        let icmp = || {
            let (kind, code) = (row.icmp_type().unwrap_or(0), row.icmp_code().unwrap_or(0));
            if ip_protocol == 1 { u16::from_be_bytes([kind, code]) } else { 0 }
        };
        Ok(Self {
            src_addr: address(field::SRC_ADDR.id())?,
            dst_addr: address(field::DST_ADDR.id())?,
            next_hop: address(field::NEXT_HOP.id())?,
            in_if: number(row, field::IN_IF)?,
            out_if: number(row, field::OUT_IF)?,
            packets: number(row, field::PACKETS)?,
            octets: number(row, field::OCTETS)?,
            first_ms: uptime(row.start())?,
            last_ms: uptime(row.end())?,
            src_port: number(row, field::SRC_PORT)?,
            dst_port: row.dst_port().unwrap_or_else(icmp),
            tcp_flags: number(row, field::TCP_FLAGS)?,
            ip_protocol,
            tos: number(row, field::TOS)?,
            src_as: number(row, field::SRC_AS)?,
            dst_as: number(row, field::DST_AS)?,
            src_prefix_len: number(row, field::SRC_PREFIX_LEN)?,
            dst_prefix_len: number(row, field::DST_PREFIX_LEN)?,
            ..Self::default()
        })
    }
}

/// A number of the row in the width it has here.
fn number<T: TryFrom<u64> + Default, F: FieldType>(row: &FlowRecord, field: Field<F>) -> Result<T, EncodeError> {
    match row.value(field.id()) {
        Some(FieldValue::Unsigned(number)) => T::try_from(number).map_err(|_| EncodeError::FieldUnwritable { field: field.id() }),
        _ => Ok(T::default()),
    }
}

impl Header {
    /// A header of v1, v5 or v7 (other protocols count as v5), sent at `exported` when the uptime was `uptime_ms`. Sequence, engine and
    /// sampling are zero; [`encode`] sets the count.
    ///
    /// # Errors
    /// [`EncodeError::TimeRange`] for times before 1970 or after 2106.
    pub fn new(protocol: Protocol, exported: Timestamp, uptime_ms: u32) -> Result<Self, EncodeError> {
        let unix_seconds = u32::try_from(exported.as_seconds()).map_err(|_| EncodeError::TimeRange)?;
        Ok(Self {
            protocol: if matches!(protocol, Protocol::NetFlow1 | Protocol::NetFlow7) { protocol } else { Protocol::NetFlow5 },
            count: 0,
            uptime_ms,
            unix_seconds,
            unix_nanos: u32::try_from(exported.as_nanos().rem_euclid(1_000_000_000)).unwrap_or(0),
            flow_sequence: 0,
            engine_type: 0,
            engine_id: 0,
            sampling: 0,
        })
    }

    /// Records a packet of this version may hold: 24, 30 or 28.
    #[must_use]
    pub const fn most_records(&self) -> usize {
        match self.protocol {
            Protocol::NetFlow1 => 24,
            Protocol::NetFlow7 => 28,
            _ => 30,
        }
    }
}

/// Writes one packet at the end of `out`; the header's count is that of `records`. Records of v1 take 52 octets. On an error `out` is as
/// before.
///
/// ```
/// use flowcodec::netflow5::{Header, OwnedRecord, Packet, encode};
/// use flowcodec::{Protocol, Timestamp};
/// let header = Header::new(Protocol::NetFlow5, Timestamp::from_seconds(1_700_000_000), 5_000)?;
/// let mut datagram = Vec::new();
/// encode(&header, &[OwnedRecord { octets: 1_500, ..OwnedRecord::default() }], &mut datagram)?;
/// let packet = Packet::parse(&datagram)?;
/// assert_eq!(packet.records().next().expect("one record")?.octets(), 1_500);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`EncodeError::TooManyRecords`]; [`EncodeError::FieldUnwritable`] for AS numbers or prefix lengths in v1, and
/// [`EncodeError::NotInVersion`] for what else the version has no place for.
pub fn encode(header: &Header, records: &[OwnedRecord], out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let (most, given) = (header.most_records(), records.len());
    let count32 = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let count = u16::try_from(given).ok().filter(|_| given <= most);
    let count = count.ok_or_else(|| EncodeError::TooManyRecords { records: count32(given), most: count32(most) })?;
    let start = out.len();
    put_header(header, count, out)?;
    for record in records {
        put_record(header.protocol, record, out).inspect_err(|_| out.truncate(start))?;
    }
    Ok(())
}

fn put_header(header: &Header, count: u16, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let (sequence, engine) = (header.flow_sequence != 0, (header.engine_type, header.engine_id, header.sampling) != (0, 0, 0));
    let (version, misplaced): (u16, bool) = match header.protocol {
        Protocol::NetFlow1 => (1, sequence || engine),
        Protocol::NetFlow7 => (7, engine),
        _ => (5, false),
    };
    if misplaced {
        return Err(EncodeError::NotInVersion);
    }
    out.extend_from_slice(&version.to_be_bytes());
    out.extend_from_slice(&count.to_be_bytes());
    for word in [header.uptime_ms, header.unix_seconds, header.unix_nanos] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    if version != 1 {
        out.extend_from_slice(&header.flow_sequence.to_be_bytes());
        out.extend_from_slice(&[header.engine_type, header.engine_id]);
        out.extend_from_slice(&header.sampling.to_be_bytes());
    }
    Ok(())
}

fn put_record(protocol: Protocol, record: &OwnedRecord, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let seven = protocol == Protocol::NetFlow7;
    if !seven && (record.validity_flags != (0, 0) || !record.bypassed_router.is_unspecified()) {
        return Err(EncodeError::NotInVersion);
    }
    for address in [record.src_addr, record.dst_addr, record.next_hop] {
        out.extend_from_slice(&address.octets());
    }
    for index in [record.in_if, record.out_if] {
        out.extend_from_slice(&index.to_be_bytes());
    }
    for word in [record.packets, record.octets, record.first_ms, record.last_ms] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    for port in [record.src_port, record.dst_port] {
        out.extend_from_slice(&port.to_be_bytes());
    }
    let (flags_one, flags_two) = record.validity_flags;
    if protocol == Protocol::NetFlow1 {
        let beyond = [
            (u16::from(record.src_prefix_len), field::SRC_PREFIX_LEN.id()),
            (u16::from(record.dst_prefix_len), field::DST_PREFIX_LEN.id()),
            (record.src_as, field::SRC_AS.id()),
            (record.dst_as, field::DST_AS.id()),
        ];
        if let Some((_, field)) = beyond.into_iter().find(|(number, _)| *number != 0) {
            return Err(EncodeError::FieldUnwritable { field });
        }
        out.extend_from_slice(&[0, 0, record.ip_protocol, record.tos, record.tcp_flags]);
        out.extend_from_slice(&[0; 11]);
        return Ok(());
    }
    out.extend_from_slice(&[flags_one, record.tcp_flags, record.ip_protocol, record.tos]);
    for number in [record.src_as, record.dst_as] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(&[record.src_prefix_len, record.dst_prefix_len]);
    out.extend_from_slice(&flags_two.to_be_bytes());
    if seven {
        out.extend_from_slice(&record.bypassed_router.octets());
    }
    Ok(())
}

/// How a [`Writer`] behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// [`Protocol::NetFlow1`], [`Protocol::NetFlow5`] or [`Protocol::NetFlow7`].
    pub protocol: Protocol,
    /// When the exporter booted.
    pub boot: Timestamp,
    /// v5: type of the engine.
    pub engine_type: u8,
    /// v5: number of the engine.
    pub engine_id: u8,
    /// v5: sampling mode (upper 2 bits) and interval (lower 14).
    pub sampling: u16,
}

impl Settings {
    /// v5 without sampling.
    #[must_use]
    pub const fn new(boot: Timestamp) -> Self {
        Self { protocol: Protocol::NetFlow5, boot, engine_type: 0, engine_id: 0, sampling: 0 }
    }
}

/// Writes the packets of one engine. Records are collected until a packet is full or [flushed](Self::flush); finished packets go to
/// the `out` of the call that finished them. The sequence number counts flows sent before. A call that fails writes nothing.
///
/// The header's time is held to whole milliseconds of uptime, so that readers get the times of flows back to the millisecond.
#[derive(Debug, Clone)]
pub struct Writer {
    settings: Settings,
    sequence: u32,
    records: Vec<OwnedRecord>,
    packet: Vec<u8>,
}

impl Writer {
    /// An engine that has sent nothing yet.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self { settings, sequence: 0, records: Vec::new(), packet: Vec::new() }
    }

    /// Sequence number of the next packet.
    #[must_use]
    pub const fn sequence(&self) -> u32 {
        self.sequence
    }

    /// Adds a record.
    ///
    /// # Errors
    /// What the version has no place for; `now` outside 1970 to 2106.
    pub fn record(&mut self, now: Timestamp, record: OwnedRecord, out: impl FnMut(&[u8])) -> Result<(), EncodeError> {
        let header = self.header(now)?;
        // Tried alone first, so that a bad record is refused when it comes and not with its packet.
        self.packet.clear();
        encode(&header, &[record], &mut self.packet)?;
        self.records.push(record);
        if self.records.len() >= header.most_records() { self.send(header, out) } else { Ok(()) }
    }

    /// Adds a row of the common model.
    ///
    /// # Errors
    /// As [`OwnedRecord::from_row`] and [`record`](Self::record).
    pub fn row(&mut self, now: Timestamp, row: &FlowRecord, out: impl FnMut(&[u8])) -> Result<(), EncodeError> {
        self.record(now, OwnedRecord::from_row(row, self.settings.boot, now)?, out)
    }

    /// Sends the records collected so far, if any.
    ///
    /// # Errors
    /// `now` outside 1970 to 2106.
    pub fn flush(&mut self, now: Timestamp, out: impl FnMut(&[u8])) -> Result<(), EncodeError> {
        let header = self.header(now)?;
        if self.records.is_empty() { Ok(()) } else { self.send(header, out) }
    }

    fn send(&mut self, header: Header, mut out: impl FnMut(&[u8])) -> Result<(), EncodeError> {
        self.packet.clear();
        encode(&header, &self.records, &mut self.packet)?;
        out(&self.packet);
        self.sequence = self.sequence.wrapping_add(u32::try_from(self.records.len()).unwrap_or(0));
        self.records.clear();
        Ok(())
    }

    fn header(&self, now: Timestamp) -> Result<Header, EncodeError> {
        let Settings { protocol, boot, engine_type, engine_id, sampling } = self.settings;
        let uptime = now.since(boot).div_euclid(1_000_000);
        let exported = boot.offset(uptime.saturating_mul(1_000_000));
        let header = Header::new(protocol, exported, u32::try_from(uptime.rem_euclid(1 << 32)).unwrap_or(0))?;
        let flow_sequence = if header.protocol == Protocol::NetFlow1 { 0 } else { self.sequence };
        Ok(Header { flow_sequence, engine_type, engine_id, sampling, ..header })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_nanos(1_000_000_500_700_000);
    const BOOT: Timestamp = Timestamp::from_nanos(1_000_000_000_200_000);

    #[test]
    fn what_does_not_fit_is_refused() {
        let six = FieldValue::Address("2001:db8::1".parse().unwrap());
        for (id, value) in [
            (field::SRC_ADDR.id(), six),
            (field::NEXT_HOP.id(), six),
            (field::OCTETS.id(), FieldValue::Unsigned(1 << 32)),
            (field::PACKETS.id(), FieldValue::Unsigned(1 << 32)),
            (field::SRC_AS.id(), FieldValue::Unsigned(65_536)),
            (field::IN_IF.id(), FieldValue::Unsigned(65_536)),
            (field::TCP_FLAGS.id(), FieldValue::Unsigned(256)),
        ] {
            let mut row = FlowRecord::EMPTY;
            assert!(row.set(id, value));
            assert_eq!(OwnedRecord::from_row(&row, BOOT, NOW), Err(EncodeError::FieldUnwritable { field: id }));
        }
        let mut row = FlowRecord::EMPTY;
        row.set(field::START.id(), FieldValue::Time(NOW.offset(-(1 << 49))));
        assert!(OwnedRecord::from_row(&row, BOOT, NOW).is_ok(), "before the boot is a wrap");
        row.set(field::START.id(), FieldValue::Time(NOW.offset(-(1 << 50))));
        assert_eq!(OwnedRecord::from_row(&row, BOOT, NOW), Err(EncodeError::TimeRange));
    }

    #[test]
    fn icmp_goes_to_the_destination_port() {
        let mut row = FlowRecord::EMPTY;
        for (id, number) in [(field::IP_PROTOCOL.id(), 1), (field::ICMP_TYPE.id(), 3), (field::ICMP_CODE.id(), 1)] {
            row.set(id, FieldValue::Unsigned(number));
        }
        assert_eq!(OwnedRecord::from_row(&row, BOOT, NOW).unwrap().dst_port, 0x0301);
    }

    #[test]
    fn a_packet_holds_thirty_records() {
        let header = Header::new(Protocol::NetFlow5, NOW, 1).unwrap();
        let mut out = vec![1];
        encode(&header, &[OwnedRecord::default(); 30], &mut out).unwrap();
        assert_eq!(out.len(), 1 + 24 + 30 * 48);
        out.truncate(1);
        let many = encode(&header, &[OwnedRecord::default(); 31], &mut out);
        assert_eq!(many, Err(EncodeError::TooManyRecords { records: 31, most: 30 }));
        let router = OwnedRecord { bypassed_router: Ipv4Addr::LOCALHOST, ..OwnedRecord::default() };
        assert_eq!(encode(&header, &[router], &mut out), Err(EncodeError::NotInVersion));
        let one = Header { protocol: Protocol::NetFlow1, ..header };
        let route = OwnedRecord { src_as: 1, ..OwnedRecord::default() };
        assert_eq!(encode(&one, &[route], &mut out), Err(EncodeError::FieldUnwritable { field: field::SRC_AS.id() }));
        assert_eq!(out, [1], "taken back");
    }

    #[test]
    fn headers_octet_by_octet() {
        let mut settings = Settings::new(BOOT);
        (settings.engine_type, settings.engine_id, settings.sampling) = (1, 2, 0x4064);
        let (mut writer, mut sent) = (Writer::new(settings), Vec::new());
        writer.record(NOW, OwnedRecord::default(), |_| {}).unwrap();
        writer.flush(NOW, |packet| sent.push(packet.to_vec())).unwrap();
        // 500.5 ms of uptime are 500, and the time is that of the 500th millisecond.
        let expected = [0, 5, 0, 1, 0, 0, 1, 244, 0, 15, 66, 64, 0x1d, 0xd0, 0x72, 0x40, 0, 0, 0, 0, 1, 2, 0x40, 0x64];
        assert_eq!(sent[0][..24], expected);
        assert_eq!(writer.sequence(), 1);
    }
}
