//! In the steady state a datagram costs no allocation: neither in the decoder, nor in reading its records in any borrowed way.
#![cfg(test)]
#![deny(unsafe_code)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;

use common::{NOW, SECONDS, exporter, ipfix, netflow9_at, set, template};
use flowcodec::model::Schema;
use flowcodec::{Decoder, Event, FlowBatch, RecordSet, RowScratch, field, ipfix, netflow5, netflow9, sflow};

/// Counts the allocations of each thread, so that tests may run side by side.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is handed to the system's allocator as it is; the counter is a plain number of the thread, which has no destructor
// and allocates nothing. `realloc` is the provided one, which calls `alloc`.
#[expect(unsafe_code, reason = "an allocator cannot be written without; this one only counts")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises about `layout` are the ones the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `block` came from `alloc` above with this layout, so from the system's allocator.
        unsafe { System.dealloc(block, layout) }
    }
}

/// Every borrowed way to read a set.
fn read(set: RecordSet<'_>, scratch: &mut RowScratch, batch: &mut FlowBatch) -> u64 {
    let mut read = 0;
    for record in set {
        for element in record.elements() {
            black_box(element.value());
            read += 1;
        }
        black_box(record.get(field::SRC_ADDR));
        black_box(record.get(field::OCTETS));
        black_box(record.get(field::START));
        black_box(record.get(field::SAMPLING_RATE));
        black_box(record.get(field::SRC_POD).map(|pod| pod.to_str().is_ok()));
        black_box(record.get(field::DST_NAMESPACE));
    }
    set.rows(scratch, |rows| {
        black_box(rows);
    });
    let mut rest = batch.append(set);
    while let Some(set) = rest {
        batch.finish();
        black_box(batch.values(field::SRC_ADDR.id()));
        batch.clear();
        rest = batch.append(set);
    }
    read
}

/// The buffers that text is written to, again and again.
struct Texts {
    lines: String,
    scratch: RowScratch,
    #[cfg(feature = "csv")]
    writer: flowcodec::io::csv::Writer,
}

impl Texts {
    /// CSV has every common field as a column.
    fn new(schema: &Schema) -> Self {
        Self {
            // As long as the batch when it is full.
            lines: String::with_capacity(1 << 20),
            scratch: RowScratch::new(),
            #[cfg(feature = "csv")]
            writer: {
                let columns = schema.fields().iter().map(|spec| schema.find(&spec.name).unwrap());
                flowcodec::io::csv::Writer::new(schema, columns).unwrap()
            },
        }
    }

    /// A set in every way that a whole set can be written.
    fn set(&mut self, set: &RecordSet<'_>, schema: &Schema) {
        self.lines.clear();
        #[cfg(feature = "json")]
        flowcodec::io::write_set(&mut self.lines, set, schema, &mut self.scratch);
        #[cfg(feature = "csv")]
        {
            self.writer.write_set(&mut self.lines, set, &mut self.scratch);
            let (writer, lines) = (&self.writer, &mut self.lines);
            set.rows(&mut self.scratch, |rows| writer.write_rows(lines, rows));
        }
        #[cfg(feature = "goflow2")]
        flowcodec::io::goflow2::write_json_set(&mut self.lines, set, &mut self.scratch, flowcodec::io::goflow2::Dialect::V2);
        #[cfg(not(feature = "json"))]
        let _ = (set, schema, &mut self.scratch);
        black_box(self.lines.len());
    }

    #[cfg(feature = "csv")]
    fn batch(&mut self, batch: &FlowBatch) {
        self.lines.clear();
        self.writer.write_batch(&mut self.lines, batch);
        black_box(self.lines.len());
    }
}

/// Every common field of every record, its JSON, and its line of CSV.
fn whole(set: RecordSet<'_>, schema: &Arc<Schema>, texts: &mut Texts) {
    texts.set(&set, schema);
    let text = &mut texts.lines;
    for record in set {
        black_box(record.fields(schema).count());
        black_box(record.headers().map(|headers| headers.inner().is_some()));
        for structure in record.structures() {
            black_box(structure.flow().is_ok());
            black_box(structure.values().map(Iterator::count));
        }
        text.clear();
        #[cfg(feature = "json")]
        {
            flowcodec::io::write_record(text, &record, schema);
            flowcodec::io::write_elements(text, &record);
        }
        #[cfg(feature = "csv")]
        texts.writer.write_record(text, &record);
        black_box(text.len());
    }
}

/// Decodes `datagram` (whose sequence number stands at `sequence`) a thousand times after a few to warm up; `step` is what it counts up by.
/// `announce` comes first.
fn steady(announce: Option<&[u8]>, datagram: &mut [u8], sequence: usize, step: u32, elements: u64) {
    let mut decoder = Decoder::default();
    let (mut scratch, schema) = (RowScratch::new(), Schema::common());
    let mut texts = Texts::new(&schema);
    let mut batch = FlowBatch::builder(Schema::common()).all().capacity(64).build().unwrap();
    let exporter = exporter();
    if let Some(announce) = announce {
        drop(decoder.datagram(exporter, NOW, announce));
    }
    let (mut before, mut read_all) = (0, 0);
    for number in 0..1_010_u32 {
        if number == 10 {
            (before, read_all) = (ALLOCATIONS.get(), 0);
        }
        datagram[sequence..sequence + 4].copy_from_slice(&(number * step).to_be_bytes());
        let mut events = decoder.datagram(exporter, NOW, datagram);
        while let Some(event) = events.next() {
            if let Event::Flows(set) | Event::Counters(set) | Event::Unknown(set) = event {
                read_all += read(set, &mut scratch, &mut batch);
                whole(set, &schema, &mut texts);
                #[cfg(feature = "csv")]
                texts.batch(&batch);
            }
        }
    }
    assert_eq!(ALLOCATIONS.get() - before, 0, "allocations in a thousand datagrams");
    assert_eq!(read_all, 1_000 * elements, "and they were read");
    assert_eq!(decoder.stats().faults.total(), 0, "{:?}", decoder.stats());
}

#[test]
fn netflow5_decoder_and_views() {
    let mut datagram = vec![0_u8; 24 + 30 * 48];
    (datagram[1], datagram[3]) = (5, 30);
    steady(None, &mut datagram, 16, 30, 30 * 20);

    let before = ALLOCATIONS.get();
    let packet = netflow5::Packet::parse(&datagram).unwrap();
    let octets: u64 = packet.records().map(|record| u64::from(record.unwrap().octets())).sum();
    assert_eq!((octets, ALLOCATIONS.get() - before), (0, 0));
}

/// Fields of a plain template: enterprise, element, length.
const FIELDS: [(u32, u16, u16); 9] =
    [(0, 8, 4), (0, 12, 4), (0, 7, 2), (0, 11, 2), (0, 4, 1), (0, 6, 1), (0, 1, 4), (0, 2, 4), (0, 10, 4)];

#[test]
fn netflow9_decoder_and_views() {
    let announce = netflow9_at(SECONDS, 9, &[set(0, &template(260, &FIELDS))]);
    let mut datagram = netflow9_at(SECONDS, 9, &[set(260, &[7; 40 * 26])]);
    steady(Some(&announce), &mut datagram, 12, 1, 40 * 9);

    let before = ALLOCATIONS.get();
    let sets = netflow9::Packet::parse(&datagram).unwrap().sets().map(Result::unwrap).count();
    assert_eq!((sets, ALLOCATIONS.get() - before), (1, 0));
}

#[test]
fn ipfix_of_fixed_length_decoder_and_views() {
    let announce = ipfix(&[set(2, &template(260, &FIELDS))]);
    let mut datagram = ipfix(&[set(260, &[7; 40 * 26])]);
    steady(Some(&announce), &mut datagram, 8, 40, 40 * 9);

    let before = ALLOCATIONS.get();
    let message = ipfix::Message::parse(&announce).unwrap();
    let mut fields = 0;
    for set in message.sets() {
        if let ipfix::Set::Templates(records) = set.unwrap() {
            fields += records.map(|record| record.unwrap().specifiers().count()).sum::<usize>();
        }
    }
    assert_eq!((fields, ALLOCATIONS.get() - before), (9, 0));
}

/// Pods, namespaces, nodes and services as text, in front of and behind numbers.
#[test]
fn ipfix_of_antrea() {
    let texts = [100, 101, 102, 103, 104, 105, 109, 110].map(|element| (56_506, element, 65_535));
    let announce = ipfix(&[set(2, &template(260, &[&FIELDS[..], &texts, &[(0, 152, 8)]].concat()))]);
    let mut record = vec![7; 26];
    // One of them has to be escaped in every way there is.
    let texts =
        [&b"default"[..], b"client-5f7b", b"kube-system", b"", b"node-1", b"", b"default/web:http", b"al\"l,ow\x1b\xff\\xff"];
    for text in texts {
        record.push(u8::try_from(text.len()).unwrap());
        record.extend_from_slice(text);
    }
    record.extend_from_slice(&1_700_000_000_000_u64.to_be_bytes());
    let mut datagram = ipfix(&[set(260, &record.repeat(12))]);
    steady(Some(&announce), &mut datagram, 8, 12, 12 * 18);
}

/// The datagram that brings its template every time: an announcement that is known costs nothing either.
#[test]
fn a_template_announced_again() {
    let mut datagram = ipfix(&[set(2, &template(260, &FIELDS)), set(260, &[7; 26])]);
    steady(None, &mut datagram, 8, 1, 9);
}

/// A structure of sFlow: format, length, octets, padding.
fn structure(format: u32, octets: &[u8]) -> Vec<u8> {
    let mut out = [format, u32::try_from(octets.len()).unwrap()].map(u32::to_be_bytes).concat();
    out.extend_from_slice(octets);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Flow samples as switches and routers send them, with text in them and without; counters; a dropped packet; and what nobody knows.
fn sflow_samples() -> Vec<Vec<u8>> {
    let frame = [
        &[2, 0, 0, 0, 0, 0x0b, 2, 0, 0, 0, 0, 0x0a, 0x81, 0, 0, 100, 8, 0][..],
        &[0x45, 0, 0, 120, 0, 1, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2, 0x9c, 0x42, 0x12, 0xb5, 0, 100, 0, 0],
        // VXLAN, and a frame inside.
        &[8, 0, 0, 0, 0, 0, 7, 0, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 60, 0, 1, 0, 0, 64, 6, 0, 0],
        &[10, 0, 0, 1, 10, 0, 0, 2, 0, 80, 0, 90],
    ]
    .concat();
    let header = [words(&[1, 142, 4, u32::try_from(frame.len()).unwrap()]), frame].concat();
    let path = words(&[1, 0xc000_0201, 1, 2, 3, 2, 2, 2, 64_500, 64_501, 1, 1, 64_502, 2, 7, 8, 100]);
    let user = [words(&[106, 5]), b"alice\0\0\0".to_vec(), words(&[106, 3]), b"bob\0".to_vec()].concat();
    let records = [
        structure(1, &header),
        structure(1001, &words(&[100, 0, 200, 0])),
        structure(1002, &words(&[1, 0xc000_02fe, 24, 22])),
        structure(1003, &path),
        structure(1004, &user),
        structure(1006, &words(&[0, 2, 0x003e_8100, 0x0001_1140, 0])),
        structure((4300 << 12) + 7, &[1, 2, 3]),
        structure((4300 << 12) + 7, &[4]),
    ];
    let plain = &records[..4];
    let flow = |format, head: &[u32], records: &[Vec<u8>]| {
        let head = [head, &[u32::try_from(records.len()).unwrap()]].concat();
        structure(format, &[words(&head), records.concat()].concat())
    };
    let interface: Vec<u32> = (1..=22).collect();
    let counters = [structure(1, &words(&interface)), structure(1005, &words(&[4, 0x6574_6831]))];
    vec![
        flow(1, &[1, 3, 100, 100, 0, 1, 2], plain),
        flow(1, &[2, 3, 100, 200, 0, 1, 2], &records),
        flow(3, &[1, 0, 70_000, 100, 100, 0, 0, 1, 2, 3], plain),
        flow(5, &[1, 0, 3, 0, 1, 0, 258], &records[..1]),
        flow(2, &[1, 3], &counters),
        flow(4, &[1, 0, 70_000], &counters),
        structure((4300 << 12) + 1_002, &[1, 2, 3]),
    ]
}

#[test]
fn sflow_decoder_and_views() {
    let samples = sflow_samples();
    let head = words(&[5, 1, 0xc000_0209, 0, 1, 1_000, u32::try_from(samples.len()).unwrap()]);
    let mut datagram = [head, samples.concat()].concat();
    let views = sflow::Datagram::parse(&datagram).unwrap();
    let in_sample = |sample: &sflow::Sample<'_>| {
        let records: usize = sample.records().map(|record| record.unwrap().values().map_or(1, Iterator::count)).sum();
        records + sample.values().map_or(1, Iterator::count)
    };
    let before = ALLOCATIONS.get();
    let elements: usize = views.samples().map(|sample| in_sample(&sample.unwrap())).sum();
    let tally = views.tally(&flowcodec::Limits::default(), |fault| panic!("{fault}"));
    assert_eq!((tally.samples, tally.unknown_samples, tally.unknown_records), (7, 1, 2));
    assert_eq!(ALLOCATIONS.get() - before, 0);
    steady(None, &mut datagram, 16, 1, u64::try_from(elements).unwrap());
}

/// Sections of packets in templated records.
#[test]
fn ipfix_of_psamp() {
    let announce = ipfix(&[set(2, &template(260, &[(0, 315, 64), (0, 410, 2)]))]);
    let frame = [
        &[2, 0, 0, 0, 0, 0x0b, 2, 0, 0, 0, 0, 0x0a, 8, 0][..],
        &[0x45, 0, 0, 120, 0, 1, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2, 0x9c, 0x42, 0x12, 0xb5, 0, 100, 0, 0],
        &[0; 22],
        &[0, 42],
    ]
    .concat();
    let mut datagram = ipfix(&[set(260, &frame.repeat(12))]);
    steady(Some(&announce), &mut datagram, 8, 12, 12 * 2);
}
