//! The first octets of a packet, read as headers.
//!
//! ```text
//!  input: | start u8 | cut u8 | octets ... |
//! ```

use std::sync::LazyLock;

use flowcodec::ie::ElementId;
use flowcodec::model::{FieldId, FlowRecord, Schema};
use flowcodec::packet::{DEPTH, End, Headers, Start, parse, parse_to_depth};
use flowcodec::{Decoder, Event, Exporter, RowScratch};

use crate::digest::Digest;
use crate::views::NOW;

/// Octets from every kind of start; cut; and in samples.
///
/// # Panics
/// When an invariant does not hold.
pub fn headers(data: &[u8]) {
    let (&[which, cut], octets) = data.split_first_chunk().unwrap_or((&[0, 0], &[]));
    let starts = starts();
    for (place, &(start, protocol)) in starts.iter().enumerate() {
        one(start, octets);
        if usize::from(which).checked_rem(starts.len()) == Some(place) {
            assert_eq!(digest(start, octets), digest(start, octets), "the same octets say the same");
            let cut = usize::from(cut).min(octets.len());
            for end in [cut, octets.len().saturating_sub(cut), octets.len().saturating_sub(1)] {
                prefix(start, octets, end);
            }
            sampled(protocol.unwrap_or(1), octets);
        }
    }
}

/// The input that gives `octets` to [`headers`], with the start of this place among all, cut in this place.
#[must_use]
pub fn write_headers(start: u8, cut: u8, octets: &[u8]) -> Vec<u8> {
    [&[start, cut][..], octets].concat()
}

/// Every kind of start, with its number in sFlow where it has one.
fn starts() -> Vec<(Start, Option<u32>)> {
    let sflow = (0..20).chain([u32::MAX]).map(|protocol| (Start::from_sflow(protocol), Some(protocol)));
    let types = [0x0800, 0x86dd, 0x8100, 0x88a8, 0x8847, 0x8864, 0x0806, 0x6558, 0x0600, 0x05ff, 0, 0xffff];
    let types = types.into_iter().map(|ether_type| (Start::from_ether_type(ether_type), None));
    let elements = [104, 313, 315, 316].into_iter().filter_map(|id| Some((Start::from_element(ElementId::iana(id))?, None)));
    sflow.chain(types).chain(elements).chain([(Start::IP, None)]).collect()
}

/// One parse, down to the innermost headers.
fn one(start: Start, octets: &[u8]) {
    let (mut headers, mut depth) = (Some(parse(start, octets)), 0_u8);
    while let Some(outer) = headers {
        consistent(&outer, octets.len());
        headers = outer.inner();
        depth = depth.saturating_add(1);
        assert!(depth <= DEPTH.saturating_add(1), "inner headers have an end");
    }
    assert!(parse_to_depth(start, octets, 0).inner().is_none());
    if !start.is_read() {
        let raw = parse(start, octets);
        assert!(raw.src_mac().is_none() && raw.src_addr().is_none() && !matches!(raw.end(), End::Complete), "{start}");
    }
}

fn digest(start: Start, octets: &[u8]) -> u64 {
    let mut digest = Digest::default();
    let mut headers = Some(parse(start, octets));
    while let Some(outer) = headers {
        digest.debug(&outer);
        headers = outer.inner();
    }
    digest.finish()
}

/// Fields that headers do not give.
static OTHERS: LazyLock<Vec<FieldId>> = LazyLock::new(|| {
    let schema = Schema::common();
    let all = schema.fields().iter().filter_map(|spec| schema.find(&spec.name));
    all.filter(|id| !Headers::FIELDS.contains(id)).collect()
});

/// What one parse says of itself.
fn consistent(headers: &Headers<'_>, len: usize) {
    assert!(headers.end_offset() <= len, "{} of {len}", headers.end_offset());
    for at in [headers.network_offset(), headers.transport_offset()].into_iter().flatten() {
        assert!(at <= len);
    }
    let mut filled = FlowRecord::EMPTY;
    headers.fill(&mut filled);
    let mut by_value = FlowRecord::EMPTY;
    for &id in Headers::FIELDS {
        if let Some(value) = headers.value(id) {
            by_value.set(id, value);
        }
    }
    assert_eq!(filled, by_value, "both ways to a row agree");
    for &id in OTHERS.iter() {
        assert_eq!(headers.value(id), None);
    }
}

/// What is told of a cut packet is told of the whole one, or nothing.
fn prefix(start: Start, octets: &[u8], end: usize) {
    let cut = octets.get(..end).unwrap_or(octets);
    let (mut part, mut whole) = (Some(parse(start, cut)), Some(parse(start, octets)));
    while let (Some(cut), Some(all)) = (part, whole) {
        for &id in Headers::FIELDS {
            if let Some(value) = cut.value(id) {
                assert_eq!(Some(value), all.value(id), "{id:?}");
            }
        }
        (part, whole) = (cut.inner(), all.inner());
    }
    assert!(part.is_none(), "no headers inside that the whole has not");
}

/// In a flow sample, alone (which is read in one step) and beside a record that nobody knows: the rows are the same, and what a record
/// says one by one.
fn sampled(protocol: u32, octets: &[u8]) {
    let octets = octets.get(..2_048).unwrap_or(octets);
    let length = u32::try_from(octets.len()).unwrap_or(0);
    let padded = octets.iter().copied().chain(core::iter::repeat_n(0, octets.len().wrapping_neg() & 3));
    let mut header: Vec<u8> = words(&[1, length.next_multiple_of(4).saturating_add(16), protocol, 1_500, 4, length]);
    header.extend(padded);
    let unknown = words(&[4_000, 0]);
    let sample = |records: u32, body: &[u8]| {
        let size = u32::try_from(body.len()).unwrap_or(0).saturating_add(32);
        [words(&[1, size, 1, 1, 1, 1, 0, 1, 2, records]), body.to_vec()].concat()
    };
    let samples = [sample(1, &header), sample(2, &[header.clone(), unknown].concat())].concat();
    let datagram = [words(&[5, 1, 0xc000_0201, 0, 1, 1, 2]), samples].concat();
    let (mut decoder, mut scratch, mut rows) = (Decoder::default(), RowScratch::new(), Vec::new());
    decoder.datagram(Exporter::UNSPECIFIED, NOW, &datagram).for_each(|event| match event {
        Event::Flows(set) => {
            set.rows(&mut scratch, |run| rows.extend_from_slice(run));
            for record in set {
                let mut filled = FlowRecord::EMPTY;
                record.fill(&mut filled);
                assert!(rows.contains(&filled), "both ways to a row agree");
            }
        }
        Event::Fault(event) => assert_eq!(event.fault.to_string(), ""),
        _ => {}
    });
    assert_eq!(rows.len(), 2);
    assert_eq!(rows.first(), rows.last(), "in one step or the long way");
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}
