//! From the items of a file to the events of one decoder; and to the flows in what goflow2 wrote.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use flowcodec::io::goflow2::{Format, Reader, ReaderStats, Skipped};
use flowcodec::ipfix::Framer;
use flowcodec::model::Flow;
use flowcodec::{Context, Decoder, Event, Exporter, ExporterStatus, Fault, Session, Stats, Timestamp, ipfix, netflow5, netflow9};
use serde::Serialize;

use crate::input::{self, InputError, Item, Options, Passed};

/// The session of all IPFIX files given together: their templates hold for the files behind them.
const FILES: Session = Session::new(Exporter::UNSPECIFIED, u64::MAX);

/// One decoder, fed from files.
#[derive(Debug)]
pub struct Feed {
    decoder: Decoder,
    options: Options,
    streams: BTreeMap<u64, Stream>,
    /// Those behind streams that have ended: the decoder forgets them then.
    gone: Vec<ExporterStatus>,
    passed: BTreeMap<&'static str, u64>,
    /// Of the file that is being read, when goflow2 wrote it.
    goflow2: Option<Reader>,
    /// Of all such files that were read, if there was one.
    messages: Option<ReaderStats>,
    protobuf: bool,
    /// Why the file that is being read is not read to its end, though its octets came.
    unread: Option<InputError>,
}

#[derive(Debug)]
struct Stream {
    session: Session,
    framer: Framer,
    /// Where in the file no message could be told from the next any more.
    lost_step: Option<u64>,
    /// File offset of the first octet of each piece that is not read to its end yet, by its position in the stream.
    start: u64,
    pushed: u64,
    received: Timestamp,
}

/// Where an event lies.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The file.
    pub file: &'a Path,
    /// Offset in the (uncompressed) file of the datagram or message being read; `None` behind the end of the file.
    pub datagram: Option<u64>,
}

/// What is found.
#[derive(Debug)]
pub enum Seen<'a> {
    /// What the decoder made of a datagram or message.
    Event(Event<'a>),
    /// A flow that goflow2 wrote.
    Flow(&'a Flow),
    /// A message of goflow2's that could not be read.
    Fault(Fault),
}

/// The caller's closure for what is found; a `Break` ends the reading early.
pub type Each<'e> = dyn FnMut(Place<'_>, Seen<'_>) -> ControlFlow<()> + 'e;

/// What went through, for `--stats`.
#[derive(Debug, Serialize)]
pub struct Summary<'a> {
    #[serde(flatten)]
    stats: &'a Stats,
    /// Of files that goflow2 wrote.
    #[serde(skip_serializing_if = "Option::is_none")]
    goflow2: Option<&'a ReaderStats>,
    /// What was passed over, octets by reason.
    passed: &'a BTreeMap<&'static str, u64>,
}

impl Feed {
    /// A feed into `decoder`.
    #[must_use]
    pub fn new(decoder: Decoder, options: Options) -> Self {
        Self {
            decoder,
            options,
            streams: BTreeMap::new(),
            gone: Vec::new(),
            passed: BTreeMap::new(),
            goflow2: None,
            messages: None,
            protobuf: false,
            unread: None,
        }
    }

    /// The decoder.
    #[must_use]
    pub const fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// Who was heard: by address, port, protocol, domain and agent, in that order.
    #[must_use]
    pub fn exporters(&self) -> Vec<ExporterStatus> {
        let mut all: Vec<_> = self.decoder.exporters().chain(self.gone.iter().copied()).collect();
        all.sort_by_key(|it| (it.exporter.address(), it.exporter.port(), it.protocol, it.domain, it.agent, it.stream));
        all
    }

    /// The counters.
    #[must_use]
    pub const fn summary(&self) -> Summary<'_> {
        Summary { stats: self.decoder.stats(), goflow2: self.messages.as_ref(), passed: &self.passed }
    }

    /// Whether files were read that goflow2 wrote.
    #[must_use]
    pub const fn has_read_goflow2(&self) -> bool {
        self.messages.is_some()
    }

    /// Whether some of these were protobuf.
    #[must_use]
    pub const fn has_read_protobuf(&self) -> bool {
        self.protobuf
    }

    fn count(&mut self, reader: &Reader) {
        self.messages.get_or_insert_default().add(reader.stats());
        self.protobuf |= matches!(reader.format(), Some(Format::Prefixed | Format::Lines));
    }

    /// What of goflow2's messages is not in their flows.
    #[must_use]
    pub fn skipped(&self) -> Skipped {
        self.messages.map(|messages| messages.skipped).unwrap_or_default()
    }

    /// Reads one file. `each` gets every event; a `Break` ends the reading early.
    ///
    /// # Errors
    /// As [`input::read`], and when messages back to back end inside one or are out of step: for files, not for TCP inside captures. What
    /// was read before has been given to `each`.
    pub fn read(&mut self, file: &Path, progress: &mut dyn FnMut(u64), each: &mut Each<'_>) -> Result<(), InputError> {
        let options = self.options;
        self.goflow2 = None;
        self.unread = None;
        let read = input::read(file, &options, progress, &mut |item| self.item(file, &item, each));
        // Of a file that could not be read to its end.
        if let Some(reader) = self.goflow2.take() {
            self.count(&reader);
        }
        let unread = self.unread.take();
        read?;
        unread.map_or(Ok(()), Err)
    }

    /// The input has ended: cut streams and data without templates are reported.
    pub fn finish(&mut self, each: &mut Each<'_>) {
        let place = Place { file: Path::new(""), datagram: None };
        let streams: Vec<u64> = self.streams.keys().copied().collect();
        for stream in streams {
            let _ = self.end(place.file, stream, each);
        }
        let mut events = self.decoder.finish();
        while let Some(event) = events.next() {
            if each(place, Seen::Event(event)).is_break() {
                return;
            }
        }
    }

    fn item(&mut self, file: &Path, item: &Item<'_>, each: &mut Each<'_>) -> ControlFlow<()> {
        match *item {
            Item::Datagram { source, received_ns, offset, bytes, .. } => {
                let received = if received_ns == 0 { export_time(bytes) } else { Timestamp::from_nanos(received_ns) };
                let place = Place { file, datagram: Some(offset) };
                let mut events = self.decoder.datagram(Exporter::from(source), received, bytes);
                while let Some(event) = events.next() {
                    each(place, Seen::Event(event))?;
                }
                ControlFlow::Continue(())
            }
            Item::Stream { stream, source, received_ns, offset, bytes } => {
                let exporter = Exporter::from(source);
                let session = if exporter == Exporter::UNSPECIFIED { FILES } else { Session::new(exporter, stream) };
                let entry = self.streams.entry(stream).or_insert_with(|| Stream {
                    session,
                    framer: Framer::new(),
                    lost_step: None,
                    start: offset,
                    pushed: 0,
                    received: Timestamp::EPOCH,
                });
                entry.received = Timestamp::from_nanos(received_ns);
                // Pieces of a file follow one another; those of a capture lie apart, and a message is placed where its last piece begins.
                entry.start = offset.wrapping_sub(entry.pushed);
                entry.pushed = entry.pushed.wrapping_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
                entry.push(&mut self.decoder, file, bytes, each)
            }
            Item::Goflow2 { bytes, .. } => {
                self.goflow2.get_or_insert_with(|| self.options.goflow2.reader()).push(bytes);
                self.messages(file, each)
            }
            Item::StreamEnd { stream } => self.end(file, stream, each),
            Item::Passed { bytes, why } => {
                let passed = self.passed.entry(reason(why)).or_insert(0);
                *passed = passed.saturating_add(bytes);
                ControlFlow::Continue(())
            }
        }
    }

    /// What is whole of goflow2's messages.
    fn messages(&mut self, file: &Path, each: &mut Each<'_>) -> ControlFlow<()> {
        let Some(reader) = &mut self.goflow2 else { return ControlFlow::Continue(()) };
        while let Some(read) = reader.next() {
            let place = Place { file, datagram: Some(reader.position()) };
            match read {
                Ok(flow) => each(place, Seen::Flow(&flow))?,
                Err(fault) => each(place, Seen::Fault(fault))?,
            }
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self, file: &Path, stream: u64, each: &mut Each<'_>) -> ControlFlow<()> {
        if let Some(reader) = &mut self.goflow2 {
            reader.end();
            let flow = self.messages(file, each);
            let read = self.goflow2.take().unwrap_or_default();
            self.count(&read);
            let (offset, end) = (read.position(), read.stats().bytes);
            if read.is_cut() {
                self.unread = Some(InputError::Truncated { file: input::name(file), offset, end, inside: "message" });
            } else if read.has_failed() {
                self.unread = Some(out_of_step(file, offset, end, "no length of a goflow2 message stands there"));
            }
            return flow;
        }
        let Some(stream) = self.streams.remove(&stream) else { return ControlFlow::Continue(()) };
        let rest = stream.framer.rest();
        let place = Place { file, datagram: Some(stream.start.wrapping_add(stream.framer.position())) };
        if stream.session == FILES {
            let end = stream.pushed;
            self.unread = match (stream.lost_step, place.datagram) {
                (Some(offset), _) => Some(out_of_step(file, offset, end, "no header of an IPFIX message stands there")),
                (None, Some(offset)) if !rest.is_empty() => Some(InputError::CutMessage { file: input::name(file), offset, end }),
                _ => None,
            };
        }
        if !rest.is_empty() {
            // A message that was cut: what is there is read, the rest reported.
            let mut events = self.decoder.message(stream.session, stream.received, rest);
            while let Some(event) = events.next() {
                each(place, Seen::Event(event))?;
            }
        }
        if stream.session != FILES {
            let Session { exporter, id, .. } = stream.session;
            self.gone.extend(self.decoder.exporters().filter(|it| it.exporter == exporter && it.stream == Some(id)));
            let mut events = self.decoder.close(stream.session);
            while let Some(event) = events.next() {
                each(place, Seen::Event(event))?;
            }
        }
        ControlFlow::Continue(())
    }
}

impl Stream {
    fn push(&mut self, decoder: &mut Decoder, file: &Path, bytes: &[u8], each: &mut Each<'_>) -> ControlFlow<()> {
        let mut give = |message: &[u8], offset: u64, received: Timestamp| {
            let received = if received == Timestamp::EPOCH { export_time(message) } else { received };
            let mut events = decoder.message(self.session, received, message);
            while let Some(event) = events.next() {
                each(Place { file, datagram: Some(offset) }, Seen::Event(event))?;
            }
            ControlFlow::Continue(())
        };
        if self.lost_step.is_some() {
            // The decoder reports octets that are no IPFIX message; a stream has no other protocol.
            return give(bytes, self.start, self.received);
        }
        self.framer.push(bytes);
        loop {
            let offset = self.start.wrapping_add(self.framer.position());
            match self.framer.next() {
                Some(Ok(message)) => give(message, offset, self.received)?,
                Some(Err(_)) => {
                    let rest = self.framer.rest().to_vec();
                    give(&rest, offset, self.received)?;
                    self.framer = Framer::new();
                    self.lost_step = Some(offset);
                    return ControlFlow::Continue(());
                }
                None => return ControlFlow::Continue(()),
            }
        }
    }
}

/// A file whose messages are out of step from `offset` on.
fn out_of_step(file: &Path, offset: u64, end: u64, what: &'static str) -> InputError {
    InputError::OutOfStep { file: input::name(file), offset, lost: end.saturating_sub(offset), what }
}

/// The export time of a message, for files that do not say when it was received.
fn export_time(bytes: &[u8]) -> Timestamp {
    let exported = netflow5::Packet::parse(bytes).map(|packet| packet.header().exported());
    let exported = exported.or_else(|_| netflow9::Packet::parse(bytes).map(|packet| packet.header().exported()));
    exported.or_else(|_| ipfix::Message::parse(bytes).map(|message| message.header().exported())).unwrap_or_default()
}

/// Offset in the file of a fault, where it lies in the datagram or message at hand.
#[must_use]
pub fn file_offset(place: Place<'_>, context: Option<&Context>, offset: u32) -> Option<u64> {
    let message = context.map_or(0, |context| context.offset);
    Some(place.datagram?.wrapping_add(u64::from(message)).wrapping_add(u64::from(offset)))
}

const fn reason(why: Passed) -> &'static str {
    match why {
        Passed::OtherUdp => "other_udp",
        Passed::OtherTcp => "other_tcp",
        Passed::OtherIp => "other_ip",
        Passed::NotIp => "not_ip",
        Passed::LinkType => "link_type",
        Passed::Truncated => "truncated",
        Passed::FragmentMissing => "fragment_missing",
        Passed::SegmentMissing => "segment_missing",
        Passed::Repeated => "repeated",
        Passed::BadPacket => "bad_packet",
    }
}
