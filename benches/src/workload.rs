//! Flow telemetry made here: deterministic, of 16 exporters in turn, in datagrams of realistic size.
//!
//! Template messages stand apart from data messages, so that the steady state can be measured alone.

mod capture;
mod flow;
mod layout;
mod sflow;
pub(crate) mod van;

use core::ops::Range;
use std::net::{IpAddr, Ipv4Addr};

use flowcodec::{Exporter, Timestamp};

pub use capture::Capture;
use flow::{Flow, Random};
pub use layout::Shape;
use layout::{Field, Layout};
use sflow::{Counters, Numbered};

/// Exporters in turn, where a shape does not say otherwise: enough to defeat a cache of the last template.
pub const EXPORTERS: usize = 16;

/// Seconds since 1970 at which all messages were exported.
const EXPORTED: u32 = 1_790_000_000;
/// Uptime of every router then, in milliseconds.
const UPTIME: u32 = 1_036_800_000;

/// How many octets of data a workload has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Size {
    /// About 180 KB: fits a second-level cache, and a branch predictor may learn it.
    Small,
    /// About 3 MB: neither.
    Large,
    /// About 14 MB: room for 10,000 exporters or templates in turn.
    Rotation,
    /// As large as the capture is.
    Capture,
}

impl Size {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Small, Self::Large, Self::Rotation, Self::Capture];

    /// A short name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "180KB",
            Self::Large => "3MB",
            Self::Rotation => "14MB",
            Self::Capture => "capture",
        }
    }

    const fn octets(self) -> usize {
        match self {
            Self::Small => 180_000,
            Self::Large => 3_000_000,
            Self::Rotation => 13_500_000,
            Self::Capture => 0,
        }
    }
}

/// One datagram: who sent it, and its octets.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// The sender's number, below [`Workload::exporters`].
    pub number: usize,
    /// The sender.
    pub exporter: Exporter,
    /// The octets; they begin at an address divisible by 64.
    pub octets: &'a [u8],
}

/// Datagrams of one shape.
#[derive(Debug)]
pub struct Workload {
    shape: Shape,
    templates: Messages,
    data: Messages,
    received: Timestamp,
    exporters: usize,
    /// What a whole pass adds to the sequence number of each exporter; nothing of captures, which are read as they are.
    strides: Vec<u32>,
    /// What it adds to the numbers of an exporter's samples.
    samples: Vec<Counters>,
    records: u64,
}

impl Workload {
    /// Makes it: always the same octets for the same shape and size. Of a capture that is not here, nothing.
    #[must_use]
    pub fn new(shape: Shape, size: Size) -> Self {
        match shape {
            Shape::Capture(capture) => Self::of_capture(capture),
            Shape::Van | Shape::VanUpdates(_) => Self::of_van(shape, size),
            _ => Self::made(shape, size),
        }
    }

    fn made(shape: Shape, size: Size) -> Self {
        let mut random = Random::new(0x666c_6f77);
        let mut templates = Messages::default();
        let mut data = Messages::default();
        let mut next = vec![0_u32; shape.exporters()];
        for (number, next) in next.iter_mut().enumerate() {
            *next = 1_000_000 + random.below(1_000_000);
            for layouts in shape.layouts(number).chunks(TEMPLATES) {
                let octets = template_message(shape, number, *next, layouts);
                templates.push(number, *next, &octets, Vec::new());
                // v9 counts packets, whatever is in them; the others count records of data.
                *next += u32::from(shape == Shape::NetFlow9);
            }
        }
        let first = next.clone();
        let mut samples = vec![Counters::NEW; next.len()];
        let mut records = 0;
        let mut made = 0;
        while data.octets < size.octets() || made < shape.turns() {
            let round = made / next.len();
            for ((number, next), samples) in next.iter_mut().enumerate().zip(&mut samples) {
                if shape == Shape::Sflow {
                    let (octets, count, numbered) = sflow::datagram(number, *next, samples, &mut random);
                    data.push(number, *next, &octets, numbered);
                    records += u64::from(count);
                    *next += 1;
                    continue;
                }
                let layout = shape.layout(number, made, round);
                let (octets, count) = data_message(shape, layout.as_ref(), number, *next, &mut random);
                data.push(number, *next, &octets, Vec::new());
                records += u64::from(count);
                *next += if shape == Shape::NetFlow9 { 1 } else { count };
                made += 1;
            }
        }
        let exporters = next.len();
        let mut strides = next;
        for (stride, first) in strides.iter_mut().zip(first) {
            *stride -= first;
        }
        for samples in &mut samples {
            for (stride, first) in samples.0.iter_mut().zip(Counters::NEW.0) {
                *stride -= first;
            }
        }
        templates.align();
        data.align();
        Self { shape, templates, data, received: received(), exporters, strides, samples, records }
    }

    /// Its shape.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// Records of data in one pass.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Datagrams of data in one pass.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.data.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.data.places.is_empty()
    }

    /// Octets of data in one pass.
    #[must_use]
    pub const fn octets(&self) -> usize {
        self.data.octets
    }

    /// Octets of the largest datagram.
    #[must_use]
    pub fn largest(&self) -> usize {
        self.data.places.iter().map(|place| place.range.len()).max().unwrap_or(0)
    }

    /// Octets of a buffer that holds all datagrams, each from an address divisible by 64.
    pub(crate) fn room(&self) -> usize {
        self.data.places.iter().map(|place| place.range.len().next_multiple_of(ALIGNMENT)).sum()
    }

    /// When the receiver got them.
    #[must_use]
    pub const fn received(&self) -> Timestamp {
        self.received
    }

    /// How many senders there are.
    #[must_use]
    pub const fn exporters(&self) -> usize {
        self.exporters
    }

    /// The messages that announce the templates; none for v5 and sFlow, nor of captures, which hold theirs.
    pub fn templates(&self) -> impl Iterator<Item = Datagram<'_>> {
        self.templates.iter()
    }

    /// The messages of data, the exporters in turn.
    #[inline]
    pub fn data(&self) -> impl Iterator<Item = Datagram<'_>> {
        self.data.iter()
    }

    /// Numbers the messages as they come in pass number `pass`, counted from 0: a decoder that sees pass after pass sees no gap.
    pub fn number(&mut self, pass: u32) {
        let Some(at) = self.shape.sequence_at() else { return };
        let base = self.data.base;
        for place in &self.data.places {
            let sequence = place.sequence.wrapping_add(self.strides.get(place.number).copied().unwrap_or(0).wrapping_mul(pass));
            let start = base + place.range.start + at;
            put_word(&mut self.data.buffer, start, sequence);
            for sample in &place.samples {
                let stride = self.samples.get(place.number).and_then(|it| it.0.get(sample.counter)).copied().unwrap_or(0);
                let sequence = sample.sequence.wrapping_add(stride.wrapping_mul(pass));
                put_word(&mut self.data.buffer, base + place.range.start + sample.at, sequence);
            }
        }
    }
}

/// When messages that are made here are received: 40 ms after they were exported.
fn received() -> Timestamp {
    Timestamp::from_seconds(u64::from(EXPORTED)).offset(40_000_000)
}

fn put_word(buffer: &mut [u8], at: usize, word: u32) {
    if let Some(octets) = buffer.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *octets = word.to_be_bytes();
    }
}

#[derive(Debug)]
struct Place {
    number: usize,
    exporter: Exporter,
    sequence: u32,
    range: Range<usize>,
    samples: Vec<Numbered>,
}

/// Messages in one buffer, each at an address divisible by 64.
#[derive(Debug, Default)]
struct Messages {
    buffer: Vec<u8>,
    /// Where the first address divisible by 64 stands in the buffer; ranges count from here.
    base: usize,
    places: Vec<Place>,
    octets: usize,
}

impl Messages {
    fn push(&mut self, number: usize, sequence: u32, octets: &[u8], samples: Vec<Numbered>) {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(octets);
        self.buffer.resize(self.buffer.len().next_multiple_of(ALIGNMENT), 0);
        self.octets += octets.len();
        self.places.push(Place { number, exporter: exporter(number), sequence, range: start..start + octets.len(), samples });
    }

    /// A message as it was captured.
    fn push_captured(&mut self, number: usize, exporter: Exporter, octets: &[u8]) {
        self.push(number, 0, octets, Vec::new());
        if let Some(place) = self.places.last_mut() {
            place.exporter = exporter;
        }
    }

    /// Moves the messages to where they stay.
    fn align(&mut self) {
        let (buffer, base) = aligned(self.buffer.len());
        let unaligned = core::mem::replace(&mut self.buffer, buffer);
        self.base = base;
        if let Some(place) = self.buffer.get_mut(base..).and_then(|rest| rest.get_mut(..unaligned.len())) {
            place.copy_from_slice(&unaligned);
        }
    }

    #[inline]
    fn iter(&self) -> impl Iterator<Item = Datagram<'_>> {
        let octets = self.buffer.get(self.base..).unwrap_or_default();
        self.places.iter().map(|place| Datagram {
            number: place.number,
            exporter: place.exporter,
            octets: octets.get(place.range.clone()).unwrap_or_default(),
        })
    }
}

/// Where datagrams begin: at multiples of a cache line.
pub(crate) const ALIGNMENT: usize = 64;

/// A buffer with room for `octets` from an address divisible by 64, and where that is.
pub(crate) fn aligned(octets: usize) -> (Vec<u8>, usize) {
    let buffer = vec![0; octets + ALIGNMENT];
    let base = buffer.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
    (buffer, base)
}

fn exporter(number: usize) -> Exporter {
    let host = u32::try_from(number).unwrap_or(u32::MAX);
    let address = Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 51, 100, 10)).wrapping_add(host));
    Exporter::new(IpAddr::V4(address), 40_000 + u16::try_from(host % 2_000).unwrap_or(0) * 7)
}

/// The message in front of data of `shape`, with everything but what is in it.
fn header(shape: Shape, number: usize, sequence: u32, count: u16) -> Vec<u8> {
    let mut out = Vec::with_capacity(1_500);
    let domain = u32::try_from(number).unwrap_or(0) + 256;
    match shape {
        Shape::NetFlow5 => {
            put(&mut out, &[&5_u16.to_be_bytes(), &count.to_be_bytes(), &UPTIME.to_be_bytes(), &EXPORTED.to_be_bytes()]);
            // Nanoseconds, then engine 0/1 without sampling.
            put(&mut out, &[&20_000_000_u32.to_be_bytes(), &sequence.to_be_bytes(), &[0, 1, 0, 0]]);
        }
        Shape::NetFlow9 => {
            put(&mut out, &[&9_u16.to_be_bytes(), &count.to_be_bytes(), &UPTIME.to_be_bytes(), &EXPORTED.to_be_bytes()]);
            put(&mut out, &[&sequence.to_be_bytes(), &domain.to_be_bytes()]);
        }
        // Their messages are made elsewhere, and captures were recorded.
        Shape::Sflow | Shape::Van | Shape::VanUpdates(_) | Shape::Capture(_) => {}
        Shape::Ipfix | Shape::Antrea | Shape::AntreaDatagrams | Shape::Exporters(_) | Shape::Templates(_) => {
            put(&mut out, &[&10_u16.to_be_bytes(), &[0, 0], &EXPORTED.to_be_bytes()]);
            put(&mut out, &[&sequence.to_be_bytes(), &domain.to_be_bytes()]);
        }
    }
    out
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// Puts the length of what follows `from` in the two octets at `at`.
fn put_length(out: &mut [u8], at: usize, from: usize) {
    let length = u16::try_from(out.len() - from).unwrap_or(u16::MAX).to_be_bytes();
    if let Some(place) = out.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = length;
    }
}

/// Ends a set that began at `from`, then the message.
fn close(shape: Shape, out: &mut Vec<u8>, from: usize) {
    if shape == Shape::NetFlow9 {
        out.resize(out.len().next_multiple_of(4), 0);
    }
    put_length(out, from + 2, from);
    if shape != Shape::NetFlow9 {
        put_length(out, 2, 0);
    }
}

/// Templates in one message, at most.
const TEMPLATES: usize = 8;

fn template_message(shape: Shape, number: usize, sequence: u32, layouts: &[Layout]) -> Vec<u8> {
    let mut out = header(shape, number, sequence, u16::try_from(layouts.len()).unwrap_or(0));
    let from = out.len();
    let set = if shape == Shape::NetFlow9 { 0_u16 } else { 2 };
    put(&mut out, &[&set.to_be_bytes(), &[0, 0]]);
    for layout in layouts {
        let count = u16::try_from(layout.fields().count()).unwrap_or(0);
        put(&mut out, &[&layout.id.to_be_bytes(), &count.to_be_bytes()]);
        for Field { enterprise, element, fill } in layout.fields() {
            match enterprise {
                None => put(&mut out, &[&element.to_be_bytes(), &fill.length().to_be_bytes()]),
                Some(enterprise) => {
                    let element = element | 0x8000;
                    put(&mut out, &[&element.to_be_bytes(), &fill.length().to_be_bytes(), &enterprise.to_be_bytes()]);
                }
            }
        }
    }
    close(shape, &mut out, from);
    out
}

/// A message full of records, and how many those are.
fn data_message(shape: Shape, layout: Option<&Layout>, number: usize, sequence: u32, random: &mut Random) -> (Vec<u8>, u32) {
    let Some(layout) = layout else {
        let mut out = header(shape, number, sequence, 30);
        for _ in 0..30 {
            Flow::new(number, random).write_netflow5(&mut out);
        }
        return (out, 30);
    };
    let mut out = header(shape, number, sequence, layout.records);
    let from = out.len();
    put(&mut out, &[&layout.id.to_be_bytes(), &[0, 0]]);
    for _ in 0..layout.records {
        let flow = Flow::new(number, random);
        for field in layout.fields() {
            flow.write(field.fill, random, &mut out);
        }
    }
    close(shape, &mut out, from);
    (out, u32::from(layout.records))
}
