//! What a file holds for a flow decoder: UDP payloads, byte streams, and what was passed over.
//!
//! [`read()`] takes one file, says what it is by its first octets (never by its name) and hands its content
//! to a closure, item by item:
//!
//! | first octets | read as |
//! |---|---|
//! | `1f 8b` | gzip of any of the following |
//! | `a1b2c3d4`, `a1b23c4d` in either octet order, `a1b2cd34` | pcap, micro- or nanoseconds |
//! | `0a0d0d0a` | pcapng |
//! | `000a` and a length of 16 or more | IPFIX messages back to back (RFC 5655) |
//! | `{"`, or the first fields of a message in protobuf | goflow2's messages |
//!
//! A capture is read as a stream: memory is bounded by one record (at most [`MAX_RECORD`] octets) and by the
//! limits on IP fragments and TCP segments that wait for their neighbours. IP fragments and TCP streams are not
//! joined over the border of two files. IPFIX over SCTP or TLS is not looked for.

mod capture;
mod fragments;
mod goflow2;
mod link;
mod packet;
mod recognise;
mod source;
mod tcp;
#[cfg(test)]
mod tests;

use std::io::{self, Read};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::ControlFlow;
use std::path::Path;

use thiserror::Error;

pub use goflow2::{Goflow2Input, Messages};
pub use recognise::{COLLECTOR_PORTS, recognise};

pub(crate) use source::name;
use source::{Kind, Source};

/// Octets of the largest record or block of a capture that is read; a longer one is taken as damage.
///
/// The usual tools cut packets at 256 KiB.
pub const MAX_RECORD: usize = 16 << 20;

/// Octets of the largest file that is taken as one datagram: far more than UDP can carry, and little memory.
pub const MAX_RAW: usize = 1 << 20;

/// How a file is to be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// The whole file is one datagram, whatever it looks like.
    pub raw: bool,
    /// What is known of files that goflow2 wrote.
    pub goflow2: Goflow2Input,
}

/// What a file gives, in order.
///
/// Offsets count from 0 in the uncompressed file. Times are nanoseconds since 1970; 0 where the file has none.
/// A source that is not known is `[::]:0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// One UDP payload that looks like a flow protocol, or a whole file where that was asked for.
    Datagram {
        /// Who sent it.
        source: SocketAddr,
        /// Whom it was sent to.
        destination: SocketAddr,
        /// When the capture saw it; of a fragmented datagram, its last piece.
        received_ns: i64,
        /// Where the first octet of `bytes` is in the file.
        offset: u64,
        /// The payload; shorter than what was sent where the capture cut the packet.
        bytes: &'a [u8],
    },
    /// A piece of an IPFIX byte stream, in order, cut anywhere.
    Stream {
        /// Number of the stream, unique over all files of this process.
        stream: u64,
        /// Who sent it.
        source: SocketAddr,
        /// When the capture saw the packet that made this piece readable.
        received_ns: i64,
        /// Where the first octet of `bytes` is in the file.
        offset: u64,
        /// The piece.
        bytes: &'a [u8],
    },
    /// A piece of a file of goflow2's messages, in order, cut anywhere.
    Goflow2 {
        /// Number of the stream, unique over all files of this process.
        stream: u64,
        /// Where the first octet of `bytes` is in the file.
        offset: u64,
        /// The piece.
        bytes: &'a [u8],
    },
    /// The stream gives no more: it was closed, lost a segment for good, or the file ended.
    StreamEnd {
        /// Number of the stream.
        stream: u64,
    },
    /// Octets that are not handed over.
    Passed {
        /// How many: those of the payload as far as it was found, else those of the frame or block.
        bytes: u64,
        /// Why not.
        why: Passed,
    },
}

/// Why octets were passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Passed {
    /// UDP that is no flow protocol.
    OtherUdp,
    /// TCP that is no IPFIX stream.
    OtherTcp,
    /// IP with another protocol than UDP and TCP.
    OtherIp,
    /// A frame without IP, such as ARP.
    NotIp,
    /// A packet of an interface whose link type is not known here.
    LinkType,
    /// The capture cut the packet before enough of it was there.
    Truncated,
    /// A fragment whose neighbours did not come.
    FragmentMissing,
    /// A piece of an IPFIX stream behind a segment that did not come.
    SegmentMissing,
    /// A piece of an IPFIX stream that was there before.
    Repeated,
    /// A packet or block that contradicts itself.
    BadPacket,
}

/// Why a file could not be read, or not to its end. What was read before has been handed over.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InputError {
    /// The file could not be opened or read.
    #[error("{file}: {source}")]
    Io {
        /// The file.
        file: String,
        /// What the system or the decompressor said.
        source: io::Error,
    },
    /// There is nothing in the file.
    #[error("{file} is empty")]
    Empty {
        /// The file.
        file: String,
    },
    /// The file holds goflow2's messages, and nothing tells one from the next.
    #[error(
        "{file}: its first octets do not tell whether lengths stand in front of goflow2's messages; say it: --input-length-prefix yes or no"
    )]
    FramingUnknown {
        /// The file.
        file: String,
    },
    /// The first octets belong to no format that is known here.
    #[error("{file} is neither a capture (pcap, pcapng), nor an IPFIX file, nor goflow2's output; for a bare datagram use --raw")]
    NotRecognised {
        /// The file.
        file: String,
    },
    /// A file that stops inside a record of a capture, or inside a message of goflow2's.
    #[error("{file} is cut short: it ends at octet {end}, inside the {inside} that starts at octet {offset}")]
    Truncated {
        /// The file.
        file: String,
        /// Where the unfinished record starts, in the uncompressed file.
        offset: u64,
        /// Where the file ends, uncompressed.
        end: u64,
        /// What is unfinished.
        inside: &'static str,
    },
    /// A file of IPFIX that stops inside a message. What of that is there has been read too.
    #[error(
        "{file} is cut short: it ends at octet {end}, inside the message that starts at octet {offset}, and is read up to there"
    )]
    CutMessage {
        /// The file.
        file: String,
        /// Where the unfinished message starts, in the uncompressed file.
        offset: u64,
        /// Where the file ends, uncompressed.
        end: u64,
    },
    /// Messages that cannot be told from one another from here on.
    #[error(
        "{file} is given up at octet {offset}: {lost} octets to its end are not read; {what}, and nothing else says where the next \
         message begins. Is it damaged, or several files of different forms in one? What follows can be given alone: tail -c +{}",
        offset.saturating_add(1)
    )]
    OutOfStep {
        /// The file.
        file: String,
        /// The first octet that is not read, in the uncompressed file.
        offset: u64,
        /// Octets from there to the end.
        lost: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// A capture that makes no sense from here on.
    #[error("{file} is damaged at octet {offset}: {what}")]
    Damaged {
        /// The file.
        file: String,
        /// Where the record starts, in the uncompressed file.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A capture of a network that is not known here.
    #[error("{file}: packets of link type {link} cannot be read")]
    LinkType {
        /// The file.
        file: String,
        /// The number of the link type.
        link: u16,
    },
    /// The file cannot be a bare datagram.
    #[error("{file} is longer than {limit} octets: too long for a bare datagram")]
    RawTooLong {
        /// The file.
        file: String,
        /// The most that is read.
        limit: usize,
    },
}

/// Reads a file (`-` is the standard input) and gives its content to `each`, until that breaks off.
///
/// `progress` is told now and then how many octets of the file, as it lies on disk, have been read.
///
/// # Errors
///
/// [`InputError`] where the file cannot be read, is nothing known here, or stops making sense; the items ahead of that
/// place have been given.
pub fn read(path: &Path, options: &Options, progress: &mut dyn FnMut(u64), each: &mut Each<'_>) -> Result<(), InputError> {
    read_source(Source::open(path)?, *options, progress, each)
}

/// The caller's closure for items.
pub type Each<'e> = dyn FnMut(Item<'_>) -> ControlFlow<()> + 'e;

/// The address of a sender that is not known.
pub const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0);

fn read_source(
    mut source: Source<'_>,
    options: Options,
    progress: &mut dyn FnMut(u64),
    each: &mut Each<'_>,
) -> Result<(), InputError> {
    let done = if options.raw {
        read_raw(&mut source, each)
    } else {
        match source.kind(options.goflow2)? {
            kind @ (Kind::Pcap | Kind::PcapNg) => capture::read(&mut source, kind, progress, each),
            kind @ (Kind::Ipfix | Kind::Goflow2) => read_stream(&mut source, kind, progress, each),
        }
    };
    progress(source.octets_read());
    done
}

fn read_raw(source: &mut Source<'_>, each: &mut Each<'_>) -> Result<(), InputError> {
    source.fill_head(MAX_RAW + 1)?;
    let bytes = source.head();
    if bytes.is_empty() {
        return Err(InputError::Empty { file: source.file() });
    }
    if bytes.len() > MAX_RAW {
        return Err(InputError::RawTooLong { file: source.file(), limit: MAX_RAW });
    }
    let datagram = Item::Datagram { source: NOWHERE, destination: NOWHERE, received_ns: 0, offset: 0, bytes };
    // There is nothing left to break off.
    let _ = each(datagram);
    Ok(())
}

fn read_stream(
    source: &mut Source<'_>,
    kind: Kind,
    progress: &mut dyn FnMut(u64),
    each: &mut Each<'_>,
) -> Result<(), InputError> {
    let stream = tcp::next_stream();
    let mut buffer = vec![0; STREAM_PIECE];
    let mut offset = 0;
    loop {
        let count = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) => {
                // What came before is whole, and its reader has to hear that nothing follows.
                let _ = each(Item::StreamEnd { stream });
                return Err(source.io_error(error, offset, offset));
            }
        };
        let bytes = buffer.get(..count).unwrap_or_default();
        let piece = match kind {
            Kind::Goflow2 => Item::Goflow2 { stream, offset, bytes },
            _ => Item::Stream { stream, source: NOWHERE, received_ns: 0, offset, bytes },
        };
        if each(piece).is_break() {
            return Ok(());
        }
        offset += octets(count);
        progress(source.octets_read());
    }
    // There is nothing left to break off.
    let _ = each(Item::StreamEnd { stream });
    Ok(())
}

/// A length as the offsets and counts of this module have it.
fn octets(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Octets read at once from a file of messages.
const STREAM_PIECE: usize = 64 << 10;
