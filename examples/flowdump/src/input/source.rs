//! The octets of a file: opened, decompressed, counted, and looked at before they are read.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, Cursor, ErrorKind, Read};
use std::path::Path;
use std::rc::Rc;

use flate2::read::MultiGzDecoder;
use flowcodec::io::goflow2;

use super::{Goflow2Input, InputError, MAX_RECORD, octets};

/// A file under way. Reading starts with its first octet, even after a look at the head.
pub(super) struct Source<'a> {
    name: String,
    reader: Box<dyn Read + 'a>,
    head: Vec<u8>,
    head_given: usize,
    octets_read: Rc<Cell<u64>>,
    fault: Fault,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A header of 24 octets, then packets.
    Pcap,
    /// Blocks.
    PcapNg,
    /// IPFIX messages back to back.
    Ipfix,
    /// What goflow2 wrote.
    Goflow2,
}

/// The last error of the reader: the capture reader only says that there was one.
type Fault = Rc<RefCell<Option<io::Error>>>;

/// What the user calls the file.
pub(crate) fn name(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() }
}

impl<'a> Source<'a> {
    pub(super) fn open(path: &Path) -> Result<Self, InputError> {
        if path.as_os_str() == "-" {
            return Source::new(name(path), Box::new(io::stdin().lock()));
        }
        let name = name(path);
        match File::open(path) {
            Ok(file) => Source::new(name, Box::new(file)),
            Err(source) => Err(InputError::Io { file: name, source }),
        }
    }

    /// Looks for gzip, which is undone on the way.
    pub(super) fn new(name: String, file: Box<dyn Read + 'a>) -> Result<Self, InputError> {
        let octets_read = Rc::new(Cell::new(0));
        let counted = Counted { file, octets_read: Rc::clone(&octets_read) };
        let mut source =
            Self { name, reader: Box::new(counted), head: Vec::new(), head_given: 0, octets_read, fault: Fault::default() };
        source.fill_head(GZIP.len())?;
        if source.head == GZIP {
            let head = Cursor::new(std::mem::take(&mut source.head));
            source.reader = Box::new(MultiGzDecoder::new(head.chain(source.reader)));
        }
        Ok(source)
    }

    /// Reads until the head has `count` octets or the file ends.
    pub(super) fn fill_head(&mut self, count: usize) -> Result<(), InputError> {
        let missing = octets(count.saturating_sub(self.head.len()));
        let (reader, head) = (&mut self.reader, &mut self.head);
        if let Err(error) = reader.take(missing).read_to_end(head) {
            return Err(self.io_error(error, 0, octets(self.head.len())));
        }
        Ok(())
    }

    /// The octets seen so far.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Says what the file is, and has the whole first record of a capture in the head.
    pub(super) fn kind(&mut self, goflow2: Goflow2Input) -> Result<Kind, InputError> {
        self.fill_head(12)?;
        if self.head.is_empty() {
            return Err(InputError::Empty { file: self.file() });
        }
        if goflow2.messages.is_some() {
            self.fill_head(GOFLOW2_HEAD)?;
            let unknown = goflow2.is_framing_unknown(&self.head);
            return if unknown { Err(InputError::FramingUnknown { file: self.file() }) } else { Ok(Kind::Goflow2) };
        }
        let magic = self.head.first_chunk::<4>().copied().map_or(0, u32::from_be_bytes);
        let (kind, length) = match magic {
            0xa1b2_c3d4 | 0xa1b2_3c4d | 0xd4c3_b2a1 | 0x4d3c_b2a1 | 0x34cd_b2a1 => (Kind::Pcap, 24),
            SECTION_HEADER => (Kind::PcapNg, self.section_header_length()?),
            start if start >> 16 == 10 && start & 0xffff >= 16 => return Ok(Kind::Ipfix),
            _ => {
                self.fill_head(GOFLOW2_HEAD)?;
                if self.head.trim_ascii_start().starts_with(b"{") && goflow2::recognise(&self.head).is_none() {
                    self.fill_head(goflow2::JSON_HEAD)?;
                }
                let known = goflow2::recognise(&self.head).map(|_| Kind::Goflow2);
                return known.ok_or_else(|| InputError::NotRecognised { file: self.file() });
            }
        };
        self.fill_head(length)?;
        if self.head.len() < length {
            return Err(self.truncated(0, octets(self.head.len())));
        }
        Ok(kind)
    }

    /// The length of the first block of a pcapng file; it is written in the octet order which that block states.
    fn section_header_length(&self) -> Result<usize, InputError> {
        let Some([_, _, _, _, a, b, c, d, order @ ..]) = self.head.first_chunk::<12>() else {
            return Err(self.truncated(0, octets(self.head.len())));
        };
        let length = match *order {
            [0x1a, 0x2b, 0x3c, 0x4d] => u32::from_be_bytes([*a, *b, *c, *d]),
            [0x4d, 0x3c, 0x2b, 0x1a] => u32::from_le_bytes([*a, *b, *c, *d]),
            _ => return Err(InputError::NotRecognised { file: self.file() }),
        };
        match usize::try_from(length) {
            Ok(length) if (28..=MAX_RECORD).contains(&length) => Ok(length),
            _ => Err(self.damaged(0, "the length of the section header makes no sense")),
        }
    }

    /// Gives the octets, the head first, to a reader of captures. [`Source::fault`] tells what stopped it.
    pub(super) fn take_reader(&mut self) -> impl Read + 'a {
        let empty: Box<dyn Read + 'a> = Box::new(io::empty());
        let head = Cursor::new(std::mem::take(&mut self.head));
        Noting { reader: head.chain(std::mem::replace(&mut self.reader, empty)), fault: Rc::clone(&self.fault) }
    }

    /// What stopped the reader of [`Source::take_reader`].
    pub(super) fn fault(&self) -> io::Error {
        let fault = self.fault.take();
        fault.unwrap_or_else(|| io::Error::other("the file could not be read"))
    }

    /// Octets of the file as it lies on disk.
    pub(super) fn octets_read(&self) -> u64 {
        self.octets_read.get()
    }

    /// What the user calls the file.
    pub(super) fn file(&self) -> String {
        self.name.clone()
    }

    /// A file that ends inside the record at `offset`.
    pub(super) fn truncated(&self, offset: u64, end: u64) -> InputError {
        InputError::Truncated { file: self.file(), offset, end, inside: "record" }
    }

    /// A file that makes no sense at `offset`.
    pub(super) fn damaged(&self, offset: u64, what: &'static str) -> InputError {
        InputError::Damaged { file: self.file(), offset, what }
    }

    /// An error of the reader; of gzip that stops early, the same as of a file that does.
    pub(super) fn io_error(&self, error: io::Error, offset: u64, end: u64) -> InputError {
        if error.kind() == ErrorKind::UnexpectedEof {
            return self.truncated(offset, end);
        }
        InputError::Io { file: self.file(), source: error }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.head.get(self.head_given..).unwrap_or_default();
        if rest.is_empty() {
            return retry(&mut self.reader, buffer);
        }
        let count = rest.read(buffer)?;
        self.head_given += count;
        Ok(count)
    }
}

struct Counted<'a> {
    file: Box<dyn Read + 'a>,
    octets_read: Rc<Cell<u64>>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.octets_read.set(self.octets_read.get() + octets(count));
        Ok(count)
    }
}

struct Noting<R> {
    reader: R,
    fault: Fault,
}

impl<R: Read> Read for Noting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        retry(&mut self.reader, buffer).map_err(|error| {
            let kind = error.kind();
            self.fault.replace(Some(error));
            kind.into()
        })
    }
}

/// A signal is no reason to stop reading.
fn retry(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Octets that goflow2's messages are told by.
const GOFLOW2_HEAD: usize = 64;
const GZIP: &[u8] = &[0x1f, 0x8b];
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
