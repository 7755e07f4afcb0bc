//! The packets of pcap and pcapng files.

use std::ops::ControlFlow;

use pcap_parser::pcapng::{Block, EnhancedPacketBlock, InterfaceDescriptionBlock, OptionCode, SimplePacketBlock, UnknownBlock};
use pcap_parser::traits::{PcapNGPacketBlock, PcapReaderIterator};
use pcap_parser::{LegacyPcapReader, PcapBlockOwned, PcapError, PcapHeader, PcapNGReader};

use super::link::Link;
use super::packet::{Frame, Packets, pass, pass_octets};
use super::source::{Kind, Source};
use super::{Each, InputError, MAX_RECORD, Passed, octets};

/// Reads the capture that `source` is.
pub(super) fn read(
    source: &mut Source<'_>,
    kind: Kind,
    progress: &mut dyn FnMut(u64),
    each: &mut Each<'_>,
) -> Result<(), InputError> {
    let mut capture = Capture::new(kind);
    match capture.read(source, kind, progress, each) {
        Err(Stop::Asked) => Ok(()),
        Err(Stop::Error(error)) => {
            // What was read so far is as good as at the end of a file.
            let _ = capture.packets.finish(each);
            Err(error)
        }
        Ok(()) => {
            // There is nothing left to break off.
            let _ = capture.packets.finish(each);
            Ok(())
        }
    }
}

struct Capture {
    packets: Packets,
    format: Format,
    big_endian: bool,
    /// Of a pcap file, one; of a section of a pcapng file, in order.
    interfaces: Vec<Interface>,
}

#[derive(Debug, Clone, Copy)]
enum Format {
    /// Octets of a record ahead of its frame.
    Pcap {
        header: usize,
    },
    PcapNg,
}

/// Where packets were captured.
#[derive(Debug, Clone, Copy)]
struct Interface {
    link: Option<Link>,
    snaplen: u32,
    /// As pcapng writes it: a negative power of 10, or of 2 with the highest bit set.
    resolution: u8,
    offset_s: i64,
}

/// Why reading stopped ahead of the end.
enum Stop {
    /// The caller broke off.
    Asked,
    Error(InputError),
}

/// What to do with the reader next.
enum Step {
    /// The record is done: so many octets.
    Done(usize),
    /// The record is not all there.
    More,
    End,
    Asked,
    /// The record makes no sense.
    Bad,
    LinkType(u16),
}

impl Capture {
    fn new(kind: Kind) -> Self {
        let format = if kind == Kind::PcapNg { Format::PcapNg } else { Format::Pcap { header: 16 } };
        Self { packets: Packets::default(), format, big_endian: false, interfaces: Vec::new() }
    }

    fn read(
        &mut self,
        source: &mut Source<'_>,
        kind: Kind,
        progress: &mut dyn FnMut(u64),
        each: &mut Each<'_>,
    ) -> Result<(), Stop> {
        let mut capacity = BUFFER.max(2 * source.head().len());
        let input = source.take_reader();
        let mut reader: Box<dyn PcapReaderIterator + '_> = match kind {
            Kind::PcapNg => Box::new(PcapNGReader::new(capacity, input).map_err(|error| unreadable(source, &error))?),
            Kind::Pcap | Kind::Ipfix | Kind::Goflow2 => {
                Box::new(LegacyPcapReader::new(capacity, input).map_err(|error| unreadable(source, &error))?)
            }
        };
        loop {
            let at = octets(reader.consumed());
            let mut step = self.step(reader.as_mut(), at, each);
            let data = reader.data();
            let end = at + octets(data.len());
            let stated = self.stated_length(data);
            if matches!(step, Step::More | Step::Bad) {
                if stated.is_some_and(|length| length > MAX_RECORD) {
                    return Err(Stop::Error(source.damaged(at, "its length makes no sense")));
                }
                if let Some(length) = stated.and_then(|length| self.whole_block(data, length)) {
                    // The block is there, so it is only its content that makes no sense.
                    step = match self.bad_block(data, length, each) {
                        ControlFlow::Continue(()) => Step::Done(length),
                        ControlFlow::Break(()) => Step::Asked,
                    };
                }
            }
            match step {
                Step::Done(length) => reader.consume(length),
                Step::More if reader.reader_exhausted() && data.is_empty() => return Ok(()),
                Step::More if reader.reader_exhausted() => {
                    return Err(Stop::Error(source.truncated(at, end)));
                }
                Step::More => {
                    let needed = stated.unwrap_or_default() + SLACK;
                    if needed > capacity {
                        reader.grow(needed);
                        capacity = needed;
                    }
                    if reader.refill().is_err() {
                        return Err(Stop::Error(source.io_error(source.fault(), at, end)));
                    }
                    progress(source.octets_read());
                }
                Step::End => return Ok(()),
                Step::Asked => return Err(Stop::Asked),
                Step::Bad => {
                    return Err(Stop::Error(source.damaged(at, "this is no record")));
                }
                Step::LinkType(link) => {
                    let file = source.file();
                    return Err(Stop::Error(InputError::LinkType { file, link }));
                }
            }
        }
    }

    fn step(&mut self, reader: &mut (dyn PcapReaderIterator + '_), at: u64, each: &mut Each<'_>) -> Step {
        let (length, block) = match reader.next() {
            Ok(next) => next,
            Err(PcapError::Eof) => return Step::End,
            Err(PcapError::Incomplete(_) | PcapError::BufferTooSmall | PcapError::UnexpectedEof) => return Step::More,
            Err(_) => return Step::Bad,
        };
        let done = match &block {
            PcapBlockOwned::LegacyHeader(header) => match self.pcap_header(header) {
                Ok(()) => ControlFlow::Continue(()),
                Err(link) => return Step::LinkType(link),
            },
            PcapBlockOwned::Legacy(record) => {
                let (Format::Pcap { header }, Some(interface)) = (self.format, self.interfaces.first()) else {
                    return Step::Bad;
                };
                let ticks = u64::from(record.ts_usec);
                let second = i64::from(record.ts_sec) * 1_000_000_000;
                let frame = RawFrame {
                    bytes: record.data,
                    offset: at + octets(header),
                    received_ns: interface.nanoseconds(ticks).saturating_add(second),
                    length: record.origlen,
                };
                self.frame(&frame, 0, each)
            }
            PcapBlockOwned::NG(block) => self.block(block, at, each),
        };
        match done {
            ControlFlow::Continue(()) => Step::Done(length),
            ControlFlow::Break(()) => Step::Asked,
        }
    }

    fn pcap_header(&mut self, header: &PcapHeader) -> Result<(), u16> {
        // The upper bits say whether frames end with a checksum, which the IP length cuts off.
        let number = u16::try_from(header.network.0 & 0xffff).unwrap_or_default();
        let Some(link) = Link::new(number) else {
            return Err(number);
        };
        self.big_endian = header.is_bigendian();
        if header.is_modified_format() {
            self.format = Format::Pcap { header: 24 };
        }
        self.interfaces.push(Interface {
            link: Some(link),
            snaplen: header.snaplen,
            resolution: if header.is_nanosecond_precision() { 9 } else { 6 },
            offset_s: 0,
        });
        Ok(())
    }

    fn block(&mut self, block: &Block<'_>, at: u64, each: &mut Each<'_>) -> ControlFlow<()> {
        match block {
            Block::SectionHeader(header) => {
                self.big_endian = header.big_endian();
                self.interfaces.clear();
                ControlFlow::Continue(())
            }
            Block::InterfaceDescription(description) => {
                let interface = Interface::new(description, self.big_endian);
                self.add_interface(interface);
                ControlFlow::Continue(())
            }
            Block::EnhancedPacket(packet) => self.enhanced(packet, at, each),
            Block::SimplePacket(packet) => self.simple(packet, at, each),
            Block::Unknown(block) => self.unknown(block, at, each),
            // Names, statistics, keys.
            _ => ControlFlow::Continue(()),
        }
    }

    fn enhanced(&mut self, packet: &EnhancedPacketBlock<'_>, at: u64, each: &mut Each<'_>) -> ControlFlow<()> {
        let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
        let frame = RawFrame {
            bytes: packet.packet_data(),
            offset: at + 28,
            received_ns: self.nanoseconds(packet.if_id, ticks),
            length: packet.origlen,
        };
        self.frame(&frame, packet.if_id, each)
    }

    /// A packet without time and interface: that is the first.
    fn simple(&mut self, packet: &SimplePacketBlock<'_>, at: u64, each: &mut Each<'_>) -> ControlFlow<()> {
        let snaplen = self.interfaces.first().map_or(0, |it| it.snaplen);
        let captured = match snaplen {
            0 => packet.origlen,
            snaplen => packet.origlen.min(snaplen),
        };
        let captured = usize::try_from(captured).unwrap_or(usize::MAX);
        let frame = RawFrame {
            bytes: packet.data.get(..captured).unwrap_or(packet.data),
            offset: at + 12,
            received_ns: 0,
            length: packet.origlen,
        };
        self.frame(&frame, 0, each)
    }

    /// The packet block that old captures have; anything else is skipped, as the format asks for.
    fn unknown(&mut self, block: &UnknownBlock<'_>, at: u64, each: &mut Each<'_>) -> ControlFlow<()> {
        if self.u32(block.block_type.to_le_bytes()) != OLD_PACKET {
            return ControlFlow::Continue(());
        }
        let Some((header, bytes)) = block.data.split_first_chunk::<20>() else {
            return pass(block.data, Passed::BadPacket, each);
        };
        let (words, _) = header.as_chunks::<4>();
        let &[[a, b, ..], high, low, captured, length] = words else {
            return pass(block.data, Passed::BadPacket, each);
        };
        let interface = if self.big_endian { u16::from_be_bytes([a, b]) } else { u16::from_le_bytes([a, b]) };
        let interface = u32::from(interface);
        let ticks = u64::from(self.u32(high)) << 32 | u64::from(self.u32(low));
        let captured = usize::try_from(self.u32(captured)).unwrap_or(usize::MAX);
        let frame = RawFrame {
            bytes: bytes.get(..captured).unwrap_or(bytes),
            offset: at + 28,
            received_ns: self.nanoseconds(interface, ticks),
            length: self.u32(length),
        };
        self.frame(&frame, interface, each)
    }

    fn frame(&mut self, frame: &RawFrame<'_>, interface: u32, each: &mut Each<'_>) -> ControlFlow<()> {
        let Some(interface) = self.interface(interface) else {
            return pass(frame.bytes, Passed::BadPacket, each);
        };
        let Some(link) = interface.link else {
            return pass(frame.bytes, Passed::LinkType, each);
        };
        let frame = Frame {
            link,
            bytes: frame.bytes,
            offset: frame.offset,
            received_ns: frame.received_ns,
            cut: octets(frame.bytes.len()) < u64::from(frame.length),
        };
        self.packets.frame(&frame, each)
    }

    fn interface(&self, number: u32) -> Option<&Interface> {
        self.interfaces.get(usize::try_from(number).ok()?)
    }

    fn nanoseconds(&self, interface: u32, ticks: u64) -> i64 {
        self.interface(interface).map_or(0, |interface| interface.nanoseconds(ticks))
    }

    fn add_interface(&mut self, interface: Interface) {
        if self.interfaces.len() < MAX_INTERFACES {
            self.interfaces.push(interface);
        }
    }

    /// The length of the record at the start of `data`, as it says itself.
    fn stated_length(&self, data: &[u8]) -> Option<usize> {
        let (field, more) = match self.format {
            Format::Pcap { header } => (data.get(8..)?, header),
            Format::PcapNg => (data.get(4..)?, 0),
        };
        let field = *field.first_chunk()?;
        let length = if more == 0 && data.starts_with(SECTION_HEADER) {
            // A new section may have another octet order than the one that it ends.
            match data.get(8..)?.first_chunk()? {
                [0x1a, 0x2b, 0x3c, 0x4d] => u32::from_be_bytes(field),
                _ => u32::from_le_bytes(field),
            }
        } else {
            self.u32(field)
        };
        usize::try_from(length).ok()?.checked_add(more)
    }

    /// The length of the block at the start of `data`, if it is all there and ends as it has to.
    fn whole_block(&self, data: &[u8], length: usize) -> Option<usize> {
        let Format::PcapNg = self.format else {
            return None;
        };
        let end = data.get(..length)?.get(8..)?.last_chunk()?;
        let end = usize::try_from(self.u32(*end)).ok()?;
        (end == length).then_some(length)
    }

    fn bad_block(&mut self, data: &[u8], length: usize, each: &mut Each<'_>) -> ControlFlow<()> {
        let kind = data.first_chunk().map(|kind| self.u32(*kind));
        if kind == Some(INTERFACE) {
            // The numbers of the interfaces behind it have to stay right.
            self.add_interface(Interface { link: None, snaplen: 0, resolution: 6, offset_s: 0 });
        }
        pass_octets(octets(length), Passed::BadPacket, each)
    }

    fn u32(&self, bytes: [u8; 4]) -> u32 {
        if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

/// A frame of an interface that is still to be looked up.
struct RawFrame<'a> {
    bytes: &'a [u8],
    offset: u64,
    received_ns: i64,
    /// Octets that the frame had on the wire.
    length: u32,
}

impl Interface {
    fn new(block: &InterfaceDescriptionBlock<'_>, big_endian: bool) -> Self {
        // pcap-parser reads the offset as little-endian always.
        let offset_s = if big_endian {
            let mut options = block.options.iter();
            let option = options.find(|option| option.code == OptionCode::IfTsoffset);
            let bytes = option.and_then(|option| option.value.first_chunk());
            bytes.map_or(0, |bytes| i64::from_be_bytes(*bytes))
        } else {
            block.if_tsoffset
        };
        Self {
            link: u16::try_from(block.linktype.0).ok().and_then(Link::new),
            snaplen: block.snaplen,
            resolution: block.if_tsresol,
            offset_s,
        }
    }

    /// The time that a number of ticks means; 0 where the resolution makes no sense.
    fn nanoseconds(&self, ticks: u64) -> i64 {
        let exponent = u32::from(self.resolution & 0x7f);
        let base: u128 = if self.resolution & 0x80 == 0 { 10 } else { 2 };
        let Some(ticks_per_second) = base.checked_pow(exponent) else {
            return 0;
        };
        let nanoseconds = u128::from(ticks) * 1_000_000_000 / ticks_per_second;
        let offset = self.offset_s.saturating_mul(1_000_000_000);
        i64::try_from(nanoseconds).map_or(0, |it| it.saturating_add(offset))
    }
}

/// Why the first record could not be read.
fn unreadable(source: &Source<'_>, error: &PcapError<&[u8]>) -> Stop {
    Stop::Error(match error {
        PcapError::ReadError => source.io_error(source.fault(), 0, 0),
        _ => source.damaged(0, "its header makes no sense"),
    })
}

/// Octets that the reader holds at first; it grows with the longest record.
const BUFFER: usize = 256 << 10;
/// Octets that the reader needs beyond a record.
const SLACK: usize = 64;
/// Interfaces of a section that are remembered.
const MAX_INTERFACES: usize = 65_536;
/// Block types.
const SECTION_HEADER: &[u8] = &[0x0a, 0x0d, 0x0d, 0x0a];
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
