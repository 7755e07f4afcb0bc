//! Writing sFlow version 5: samples collected into datagrams.
//!
//! ```
//! use flowcodec::sflow::encode::{DatagramWriter, Settings};
//! use flowcodec::sflow::{Datagram, FlowHead, FlowView, Form, Interface, RawHeader, HeaderProtocol, SampleHead, Source};
//! let mut writer = DatagramWriter::new(Settings::new("192.0.2.1".parse().ok()));
//! let head = FlowHead {
//!     sequence: 1,
//!     source: Source { class: 0, index: 3 },
//!     sampling_rate: 1_000,
//!     pool: 1_000,
//!     drops: 0,
//!     input: Interface::Index(3),
//!     output: Interface::Index(4),
//! };
//! let packet = RawHeader { protocol: HeaderProtocol::ETHERNET, frame_length: 1_518, stripped: 4, header: &[0; 60] };
//! let mut sent = Vec::new();
//! writer.sample(5_000, &SampleHead::Flow(head), Form::Compact, |records| records.flow(&FlowView::Header(packet)), |datagram| {
//!     sent.push(datagram.to_vec());
//! })?;
//! writer.flush(5_000, |datagram| sent.push(datagram.to_vec()));
//!
//! let datagram = Datagram::parse(&sent[0])?;
//! let sample = datagram.samples().next().expect("one sample")?;
//! assert_eq!(sample.head(), Some(SampleHead::Flow(head)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::net::IpAddr;

use crate::ie::SflowStructure;

use super::flow::FlowView;
use super::sample::{CountersHead, DiscardHead, FlowHead, Interface, Sample, SampleHead, Source};
use super::structure::DataFormat;
use super::table::{Layout, XdrValue};
use super::xdr::{Xdr, pad};

/// Why something cannot be written. Nothing of it has been written then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Fewer values than the layout requires, or more than it has.
    #[error("{values} values do not make a {structure:?}")]
    ValueCount {
        /// The structure.
        structure: SflowStructure,
        /// Values given.
        values: usize,
    },
    /// A value that is not of its field's kind.
    #[error("the value of {field} in {structure:?} is of another kind")]
    ValueKind {
        /// The structure.
        structure: SflowStructure,
        /// The field.
        field: &'static str,
    },
    /// A flow record in a counters sample, or a counter record elsewhere.
    #[error("{0:?} is not for this kind of sample")]
    RecordKind(SflowStructure),
    /// A source or interface that the form of the sample has no room for, or that would be read as something else.
    #[error("a source or interface that this form of sample cannot hold")]
    Form,
    /// A sample that no datagram of this writer has room for.
    #[error("a sample of {octets} octets, a datagram has room for {room}")]
    SampleTooLong {
        /// Octets of the sample.
        octets: usize,
        /// Octets there are.
        room: usize,
    },
}

/// Whether sources and interfaces take one word each or two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(clippy::exhaustive_enums, reason = "sFlow version 5 has these two")]
pub enum Form {
    /// One word: ifIndex below 2^30 - 1, source index below 2^24. Discarded packets have no such form and are written expanded.
    #[default]
    Compact,
    /// Two words.
    Expanded,
}

/// Who writes, and how much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Address of the agent; `None` for an unknown one.
    pub agent: Option<IpAddr>,
    /// Which of the agent's processes this is.
    pub sub_agent_id: u32,
    /// Octets of a datagram at most. Default 1,400, as sflow.org's agents.
    pub max_datagram: u16,
    /// Sequence number of the first datagram. Default 1.
    pub sequence: u32,
}

impl Settings {
    /// Sub-agent 0 of an agent.
    #[must_use]
    pub const fn new(agent: Option<IpAddr>) -> Self {
        Self { agent, sub_agent_id: 0, max_datagram: 1_400, sequence: 1 }
    }
}

/// Writes the datagrams of one sub-agent. Samples are collected until a datagram is full or [flushed](Self::flush); finished datagrams go
/// to the `out` of the call that finished them. A sample that fails is not written, those before it stay.
#[derive(Debug, Clone)]
pub struct DatagramWriter {
    settings: Settings,
    sequence: u32,
    samples: u32,
    body: Vec<u8>,
    datagram: Vec<u8>,
}

impl DatagramWriter {
    /// A sub-agent that has sent nothing yet.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self { settings, sequence: settings.sequence, samples: 0, body: Vec::new(), datagram: Vec::new() }
    }

    /// Sequence number of the next datagram.
    #[must_use]
    pub const fn sequence(&self) -> u32 {
        self.sequence
    }

    /// Adds a sample whose records `build` writes. `uptime_ms` is that of now, for the datagram that this sample may push out.
    ///
    /// # Errors
    /// What `build` gives; [`EncodeError::Form`]; [`EncodeError::SampleTooLong`].
    pub fn sample(
        &mut self,
        uptime_ms: u32,
        head: &SampleHead,
        form: Form,
        build: impl FnOnce(&mut SampleWriter<'_>) -> Result<(), EncodeError>,
        out: impl FnMut(&[u8]),
    ) -> Result<(), EncodeError> {
        let start = self.body.len();
        let done = sample(head, form, build, &mut self.body);
        self.settle(start, done, uptime_ms, out)
    }

    /// Adds a sample of any format with this body.
    ///
    /// # Errors
    /// [`EncodeError::SampleTooLong`].
    pub fn raw_sample(
        &mut self,
        uptime_ms: u32,
        format: DataFormat,
        body: &[u8],
        out: impl FnMut(&[u8]),
    ) -> Result<(), EncodeError> {
        let start = self.body.len();
        format.0.write(&mut self.body);
        body.write(&mut self.body);
        self.settle(start, Ok(()), uptime_ms, out)
    }

    /// Sends the samples collected so far, if any.
    pub fn flush(&mut self, uptime_ms: u32, out: impl FnMut(&[u8])) {
        self.send(uptime_ms, self.body.len(), out);
    }

    /// Keeps the sample that begins at `start`, after sending those before it when both do not fit one datagram.
    fn settle(
        &mut self,
        start: usize,
        done: Result<(), EncodeError>,
        uptime_ms: u32,
        out: impl FnMut(&[u8]),
    ) -> Result<(), EncodeError> {
        let room = usize::from(self.settings.max_datagram).saturating_sub(self.head_octets());
        let octets = self.body.len().saturating_sub(start);
        let fits = if octets > room { Err(EncodeError::SampleTooLong { octets, room }) } else { Ok(()) };
        if let Err(error) = done.and(fits) {
            self.body.truncate(start);
            return Err(error);
        }
        if self.body.len() > room {
            self.send(uptime_ms, start, out);
        }
        self.samples = self.samples.saturating_add(1);
        Ok(())
    }

    const fn head_octets(&self) -> usize {
        24_usize.saturating_add(match self.settings.agent {
            None => 0,
            Some(IpAddr::V4(_)) => 4,
            Some(IpAddr::V6(_)) => 16,
        })
    }

    /// Sends the first `octets` of the samples.
    fn send(&mut self, uptime_ms: u32, octets: usize, mut out: impl FnMut(&[u8])) {
        if self.samples == 0 {
            return;
        }
        self.datagram.clear();
        5_u32.write(&mut self.datagram);
        self.settings.agent.write(&mut self.datagram);
        for word in [self.settings.sub_agent_id, self.sequence, uptime_ms, self.samples] {
            word.write(&mut self.datagram);
        }
        self.datagram.extend(self.body.drain(..octets.min(self.body.len())));
        out(&self.datagram);
        self.sequence = self.sequence.wrapping_add(1);
        self.samples = 0;
    }
}

/// Writes the records of one sample.
#[derive(Debug)]
pub struct SampleWriter<'w> {
    out: &'w mut Vec<u8>,
    counters: bool,
    count: u32,
}

impl SampleWriter<'_> {
    /// A flow record by its view. [`FlowView::Other`] is copied as it is.
    ///
    /// # Errors
    /// [`EncodeError::RecordKind`] in a counters sample.
    pub fn flow(&mut self, view: &FlowView<'_>) -> Result<(), EncodeError> {
        let id = match view {
            FlowView::Other(structure) => structure.id(),
            view => SflowStructure::Flow(view.format().0),
        };
        self.record(id, |out| {
            view.write(out);
            Ok(())
        })
    }

    /// A record of any layout by its values.
    ///
    /// # Errors
    /// [`EncodeError::RecordKind`], and as [`Layout::encode`].
    pub fn values(&mut self, layout: &Layout, values: &[XdrValue<'_>]) -> Result<(), EncodeError> {
        self.record(layout.structure, |out| layout.encode(values, out))
    }

    /// A record of any format with this body.
    ///
    /// # Errors
    /// None today; it is fallible like its siblings.
    pub fn raw(&mut self, format: DataFormat, body: &[u8]) -> Result<(), EncodeError> {
        let id = if self.counters { SflowStructure::Counter(format.0) } else { SflowStructure::Flow(format.0) };
        self.record(id, |out| {
            out.extend_from_slice(body);
            Ok(())
        })
    }

    fn record(
        &mut self,
        id: SflowStructure,
        body: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let format = match id {
            SflowStructure::Flow(format) if !self.counters => format,
            SflowStructure::Counter(format) if self.counters => format,
            other => return Err(EncodeError::RecordKind(other)),
        };
        let start = self.out.len();
        format.write(self.out);
        measured(self.out, body).inspect_err(|_| self.out.truncate(start))?;
        self.count = self.count.saturating_add(1);
        Ok(())
    }
}

/// A length word, and what it measures, padded to the next word.
fn measured<T>(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>) -> Result<T, EncodeError>) -> Result<T, EncodeError> {
    let at = out.len();
    0_u32.write(out);
    let start = out.len();
    let done = body(out)?;
    let length = out.len().saturating_sub(start);
    // Beyond 4 GiB the sample is refused as too long before anyone reads this word.
    put_at(out, at, u32::try_from(length).unwrap_or(u32::MAX));
    pad(out, length);
    Ok(done)
}

fn put_at(out: &mut [u8], at: usize, word: u32) {
    if let Some(octets) = out.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *octets = word.to_be_bytes();
    }
}

fn sample(
    head: &SampleHead,
    form: Form,
    build: impl FnOnce(&mut SampleWriter<'_>) -> Result<(), EncodeError>,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let format = match (head, form) {
        (SampleHead::Flow(_), Form::Compact) => Sample::FLOW,
        (SampleHead::Flow(_), Form::Expanded) => Sample::FLOW_EXPANDED,
        (SampleHead::Counters(_), Form::Compact) => Sample::COUNTERS,
        (SampleHead::Counters(_), Form::Expanded) => Sample::COUNTERS_EXPANDED,
        (SampleHead::Discard(_), _) => Sample::DISCARD,
    };
    format.write(out);
    measured(out, |out| {
        put_head(head, form, out)?;
        let at = out.len();
        0_u32.write(out);
        let mut writer = SampleWriter { out, counters: matches!(head, SampleHead::Counters(_)), count: 0 };
        build(&mut writer)?;
        let count = writer.count;
        put_at(out, at, count);
        Ok(())
    })
}

fn put_head(head: &SampleHead, form: Form, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match *head {
        SampleHead::Flow(FlowHead { sequence, source, sampling_rate, pool, drops, input, output }) => {
            sequence.write(out);
            put_source(source, form, out)?;
            for word in [sampling_rate, pool, drops] {
                word.write(out);
            }
            put_interface(input, form, out)?;
            put_interface(output, form, out)
        }
        SampleHead::Counters(CountersHead { sequence, source }) => {
            sequence.write(out);
            put_source(source, form, out)
        }
        SampleHead::Discard(DiscardHead { sequence, source, drops, input, output, reason }) => {
            sequence.write(out);
            put_source(source, Form::Expanded, out)?;
            drops.write(out);
            for interface in [input, output] {
                match interface.words() {
                    (0, index) if Interface::expanded(0, index) == interface => index.write(out),
                    _ => return Err(EncodeError::Form),
                }
            }
            reason.0.write(out);
            Ok(())
        }
    }
}

fn put_source(source: Source, form: Form, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match form {
        Form::Compact if source.class < 1 << 8 && source.index < 1 << 24 => ((source.class << 24) | source.index).write(out),
        Form::Compact => return Err(EncodeError::Form),
        Form::Expanded => {
            source.class.write(out);
            source.index.write(out);
        }
    }
    Ok(())
}

fn put_interface(interface: Interface, form: Form, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let (format, value) = interface.words();
    // What would be read back as something else is not written: index 0 is `Unknown`.
    if Interface::expanded(format, value) != interface {
        return Err(EncodeError::Form);
    }
    match form {
        Form::Compact if format < 4 && value < 1 << 30 => ((format << 30) | value).write(out),
        Form::Compact => return Err(EncodeError::Form),
        Form::Expanded => {
            format.write(out);
            value.write(out);
        }
    }
    Ok(())
}
