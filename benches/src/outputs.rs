//! The ways out: rows that were decoded before, written as text or protobuf into a buffer that is used again; all the way from
//! datagrams to both; and what was written as goflow2's messages, read again.

use core::hint::black_box;

use flowcodec::io;
use flowcodec::io::csv::Writer;
use flowcodec::io::goflow2::{
    Dialect, Format, Framing, Reader, write_json_rows, write_json_set, write_protobuf_rows, write_protobuf_set,
};
use flowcodec::model::Schema;
use flowcodec::{Decoder, Event, FlowRecord, RecordSet, RowScratch};

use crate::paths::{Ours, columns_of};
use crate::workload::Workload;

/// What is written before a buffer is emptied: a batch as one would hand it on.
pub(crate) const BATCH: usize = 64 << 10;

/// Rows at a time, as [`RecordSet::rows`] hands them out.
const RUN: usize = 32;

/// The rows of a workload, and the buffers they are written to.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    rows: Option<Vec<FlowRecord>>,
    csv: Option<Writer>,
    scratch: RowScratch,
    text: String,
    octets: Vec<u8>,
    messages: Option<Vec<u8>>,
}

/// All records of a workload as rows.
pub(crate) fn rows(decoder: &mut Decoder, workload: &Workload) -> Vec<FlowRecord> {
    let (mut kept, mut scratch) = (Vec::new(), RowScratch::new());
    each_set(decoder, workload, |set| set.rows(&mut scratch, |rows| kept.extend_from_slice(rows)));
    kept
}

fn each_set(decoder: &mut Decoder, workload: &Workload, mut each: impl FnMut(&RecordSet<'_>)) {
    for datagram in workload.data() {
        decoder.datagram(datagram.exporter, workload.received(), datagram.octets).for_each(|event| {
            if let Event::Flows(set) = event {
                each(&set);
            }
        });
    }
}

/// Every row as a line of JSON of the common model. Gives the number of rows.
pub fn json(ours: &mut Ours, workload: &Workload) -> u64 {
    let (decoder, Outputs { rows: kept, text, .. }) = ours.outputs();
    let rows = kept.get_or_insert_with(|| rows(decoder, workload));
    for run in rows.chunks(RUN) {
        io::write_rows(text, run);
        empty_text(text);
    }
    u64::try_from(rows.len()).unwrap_or(0)
}

/// Every record of every datagram as a line of JSON, with all its common fields. Gives the number of records.
pub fn json_sets(ours: &mut Ours, workload: &Workload) -> u64 {
    let (decoder, Outputs { text, scratch, .. }) = ours.outputs();
    let (schema, mut count) = (Schema::common(), 0);
    each_set(decoder, workload, |set| {
        io::write_set(text, set, &schema, scratch);
        empty_text(text);
        count += u64::from(set.len());
    });
    count
}

/// The columns of a workload, of every row, as a line of CSV. Gives the number of rows.
pub fn csv(ours: &mut Ours, workload: &Workload) -> u64 {
    let (decoder, Outputs { rows: kept, csv, text, .. }) = ours.outputs();
    let rows = kept.get_or_insert_with(|| rows(decoder, workload));
    let writer = csv.get_or_insert_with(|| {
        let columns = columns_of(workload.shape()).unwrap_or_default();
        Writer::new(&Schema::common(), columns).unwrap_or_else(|error| unreachable!("the fields are the schema's: {error}"))
    });
    for run in rows.chunks(RUN) {
        writer.write_rows(text, run);
        empty_text(text);
    }
    u64::try_from(rows.len()).unwrap_or(0)
}

/// Every row as goflow2's message, with its length in front. Gives the number of rows.
pub fn goflow2(ours: &mut Ours, workload: &Workload) -> u64 {
    let (decoder, Outputs { rows: kept, octets, .. }) = ours.outputs();
    let rows = kept.get_or_insert_with(|| rows(decoder, workload));
    for run in rows.chunks(RUN) {
        write_protobuf_rows(octets, run, Dialect::V2, Framing::Prefixed);
        empty_octets(octets);
    }
    u64::try_from(rows.len()).unwrap_or(0)
}

/// Every record of every datagram as goflow2's message. Gives the number of records.
pub fn goflow2_sets(ours: &mut Ours, workload: &Workload) -> u64 {
    let (decoder, Outputs { octets, scratch, .. }) = ours.outputs();
    let mut count = 0;
    each_set(decoder, workload, |set| {
        write_protobuf_set(octets, set, scratch, Dialect::V2, Framing::Prefixed);
        empty_octets(octets);
        count += u64::from(set.len());
    });
    count
}

/// Every row as a line of goflow2's JSON. Gives the number of rows.
pub fn goflow2_json(ours: &mut Ours, workload: &Workload) -> u64 {
    let (decoder, Outputs { rows: kept, text, .. }) = ours.outputs();
    let rows = kept.get_or_insert_with(|| rows(decoder, workload));
    for run in rows.chunks(RUN) {
        write_json_rows(text, run, Dialect::V2);
        empty_text(text);
    }
    u64::try_from(rows.len()).unwrap_or(0)
}

/// Every record of every datagram as a line of goflow2's JSON. Gives the number of records.
pub fn goflow2_json_sets(ours: &mut Ours, workload: &Workload) -> u64 {
    let (decoder, Outputs { text, scratch, .. }) = ours.outputs();
    let mut count = 0;
    each_set(decoder, workload, |set| {
        write_json_set(text, set, scratch, Dialect::V2);
        empty_text(text);
        count += u64::from(set.len());
    });
    count
}

/// The messages of all rows, written before as JSON lines, read as flows. Gives the number of flows.
pub fn read_goflow2_json(ours: &mut Ours, workload: &Workload) -> u64 {
    let messages = |rows: &[FlowRecord]| {
        let mut text = String::new();
        write_json_rows(&mut text, rows, Dialect::V2);
        text.into_bytes()
    };
    read(ours, workload, Format::Json, messages)
}

/// The same from protobuf, with its length in front of each message. Gives the number of flows.
pub fn read_goflow2_bin(ours: &mut Ours, workload: &Workload) -> u64 {
    let messages = |rows: &[FlowRecord]| {
        let mut octets = Vec::new();
        write_protobuf_rows(&mut octets, rows, Dialect::V2, Framing::Prefixed);
        octets
    };
    read(ours, workload, Format::Prefixed, messages)
}

fn read(ours: &mut Ours, workload: &Workload, format: Format, write: impl FnOnce(&[FlowRecord]) -> Vec<u8>) -> u64 {
    let (decoder, Outputs { messages, .. }) = ours.outputs();
    let messages = messages.get_or_insert_with(|| write(&rows(decoder, workload)));
    let mut reader = Reader::of(format);
    for piece in messages.chunks(BATCH) {
        reader.push(piece);
        while let Some(read) = reader.next() {
            let _ = black_box(read);
        }
    }
    reader.end();
    while let Some(read) = reader.next() {
        let _ = black_box(read);
    }
    reader.stats().flows
}

fn empty_text(text: &mut String) {
    if text.len() >= BATCH {
        black_box(&*text);
        text.clear();
    }
}

fn empty_octets(octets: &mut Vec<u8>) {
    if octets.len() >= BATCH {
        black_box(&*octets);
        octets.clear();
    }
}
