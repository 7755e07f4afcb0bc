//! Captures made by hand, read from memory.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{IpFragOffset, IpNumber, Ipv4Header, PacketBuilder, PacketBuilderStep};
use flate2::{Compression, write::GzEncoder};

use super::*;

mod captures;
mod links;
mod streams;

/// An [`Item`] that owns its octets.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Got {
    Datagram(SocketAddr, SocketAddr, i64, u64, Vec<u8>),
    /// Streams are numbered in the order of one capture here.
    Stream(usize, SocketAddr, i64, u64, Vec<u8>),
    End(usize),
    Passed(u64, Passed),
}

/// Reads at most so many octets at once: pipes do.
struct Slow<'a>(&'a [u8], usize);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(self.1);
        self.0.read(&mut buffer[..count])
    }
}

fn run(file: &[u8]) -> (Vec<Got>, Result<(), InputError>) {
    let quick = run_with(Slow(file, usize::MAX), Options::default());
    let slow = run_with(Slow(file, 1), Options::default());
    // But to the pieces of a file of messages, and to how much a decompressor gives ahead of damage.
    let pieces = matches!(quick.0.first(), Some(Got::Stream(_, NOWHERE, ..)));
    let damaged = quick.1.is_err() && file.starts_with(&[0x1f, 0x8b]);
    if !pieces && !damaged {
        assert_eq!(quick.0, slow.0, "the size of reads makes no difference");
    }
    quick
}

fn run_with(file: impl Read, options: Options) -> (Vec<Got>, Result<(), InputError>) {
    let mut got = Vec::new();
    let mut streams = Vec::new();
    let mut number = |stream| {
        let known = streams.iter().position(|it| *it == stream);
        known.unwrap_or_else(|| {
            streams.push(stream);
            streams.len() - 1
        })
    };
    let mut each = |item: Item<'_>| {
        got.push(match item {
            Item::Datagram { source, destination, received_ns, offset, bytes } => {
                Got::Datagram(source, destination, received_ns, offset, bytes.to_vec())
            }
            Item::Stream { stream, source, received_ns, offset, bytes } => {
                let bytes = bytes.to_vec();
                Got::Stream(number(stream), source, received_ns, offset, bytes)
            }
            Item::Goflow2 { stream, offset, bytes } => Got::Stream(number(stream), NOWHERE, 0, offset, bytes.to_vec()),
            Item::StreamEnd { stream } => Got::End(number(stream)),
            Item::Passed { bytes, why } => Got::Passed(bytes, why),
        });
        ControlFlow::Continue(())
    };
    let done = Source::new("test.pcap".to_owned(), Box::new(file))
        .and_then(|source| read_source(source, options, &mut |_| {}, &mut each));
    (got, done)
}

/// What a whole file gives.
fn all(file: &[u8]) -> Vec<Got> {
    let (got, done) = run(file);
    done.unwrap();
    got
}

/// The file offset and octets of each datagram.
fn datagrams(file: &[u8]) -> Vec<(u64, Vec<u8>)> {
    all(file)
        .into_iter()
        .map(|got| match got {
            Got::Datagram(_, _, _, offset, bytes) => (offset, bytes),
            other => panic!("{other:?}"),
        })
        .collect()
}

/// A payload that is taken for NetFlow v9 at a collector's port.
fn flow(length: usize) -> Vec<u8> {
    let mut bytes = vec![0, 9];
    bytes.extend((2..length).map(|i| u8::try_from(i % 251).unwrap()));
    bytes
}

/// An IPFIX message of `length` octets.
fn message(length: u16) -> Vec<u8> {
    let mut bytes = vec![0, 10];
    bytes.extend(length.to_be_bytes());
    bytes.resize(16, 0);
    if length > 16 {
        bytes.extend([1, 0]);
        bytes.extend((length - 16).to_be_bytes());
    }
    bytes.resize(usize::from(length), 7);
    bytes
}

const SOURCE: [u8; 4] = [192, 0, 2, 1];
const DESTINATION: [u8; 4] = [192, 0, 2, 2];
const SOURCE6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const DESTINATION6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

fn socket(address: [u8; 4], port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::from(address)), port)
}

fn socket6(address: [u8; 16], port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V6(Ipv6Addr::from(address)), port)
}

/// IPv4 and UDP from port 5000 to `port`.
fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ipv4(SOURCE, DESTINATION, 64);
    let mut packet = Vec::new();
    builder.udp(5000, port).write(&mut packet, payload).unwrap();
    packet
}

fn udp6(port: u16, payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ipv6(SOURCE6, DESTINATION6, 64);
    let mut packet = Vec::new();
    builder.udp(5000, port).write(&mut packet, payload).unwrap();
    packet
}

/// IPv4 with anything in it.
fn ipv4(protocol: IpNumber, payload: &[u8]) -> Vec<u8> {
    fragment(protocol, 0, 0, false, payload)
}

fn fragment(protocol: IpNumber, id: u16, at: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap();
    let mut header = Ipv4Header::new(length, 64, protocol, SOURCE, DESTINATION).unwrap();
    header.identification = id;
    header.more_fragments = more;
    header.fragment_offset = IpFragOffset::try_new(at / 8).unwrap();
    [&header.to_bytes()[..], payload].concat()
}

fn ethernet(ether_type: u16, packet: &[u8]) -> Vec<u8> {
    [&[2; 12][..], &ether_type.to_be_bytes(), packet].concat()
}

/// A pcap file in the octet order of x86 with a second between packets, the first at 1,000 s.
fn pcap(link: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = pcap_header(link);
    for (second, frame) in (1000..).zip(frames) {
        file.extend(record(second, frame, frame.len()));
    }
    file
}

fn pcap_header(link: u32) -> Vec<u8> {
    let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0];
    file.extend(link.to_le_bytes());
    file
}

fn record(second: u32, frame: &[u8], length: usize) -> Vec<u8> {
    let lengths = [frame.len(), length].map(|it| u32::try_from(it).unwrap());
    let mut record = [second, 0, lengths[0], lengths[1]].map(u32::to_le_bytes).concat();
    record.extend(frame);
    record
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Nanoseconds.
const SECOND: i64 = 1_000_000_000;
const ETHERNET: u32 = 1;
const RAW_IP: u32 = 101;
