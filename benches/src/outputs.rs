//! The ways out: rows that were decoded before, written as text or protobuf into a buffer that is used again.

use core::hint::black_box;

use flowcodec::io;
use flowcodec::io::goflow2::{Dialect, Framing, write_protobuf_rows};
use flowcodec::{Decoder, Event, FlowRecord, RowScratch};

use crate::paths::Ours;
use crate::workload::Workload;

/// What is written before a buffer is emptied: a batch as one would hand it on.
pub(crate) const BATCH: usize = 64 << 10;

/// Rows at a time, as [`RecordSet::rows`](flowcodec::RecordSet::rows) hands them out.
const RUN: usize = 32;

/// The rows of a workload, and the buffers they are written to.
#[derive(Debug)]
pub(crate) struct Outputs {
    rows: Vec<FlowRecord>,
    text: String,
    octets: Vec<u8>,
}

impl Outputs {
    fn new(decoder: &mut Decoder, workload: &Workload) -> Self {
        let room = 2 * BATCH;
        Self { rows: rows(decoder, workload), text: String::with_capacity(room), octets: Vec::with_capacity(room) }
    }
}

/// All records of a workload as rows.
pub(crate) fn rows(decoder: &mut Decoder, workload: &Workload) -> Vec<FlowRecord> {
    let (mut kept, mut scratch) = (Vec::new(), RowScratch::new());
    for datagram in workload.data() {
        decoder.datagram(datagram.exporter, workload.received(), datagram.octets).for_each(|event| {
            if let Event::Flows(set) = event {
                set.rows(&mut scratch, |rows| kept.extend_from_slice(rows));
            }
        });
    }
    kept
}

/// Every row as a line of JSON of the common model. Gives the octets written.
pub fn json(ours: &mut Ours, workload: &Workload) -> u64 {
    let (decoder, outputs) = ours.outputs();
    let Outputs { rows, text, .. } = outputs.get_or_insert_with(|| Outputs::new(decoder, workload));
    let mut written = 0;
    for run in rows.chunks(RUN) {
        io::write_rows(text, run);
        if text.len() >= BATCH {
            written += black_box(&*text).len();
            text.clear();
        }
    }
    written += text.len();
    text.clear();
    u64::try_from(written).unwrap_or(0)
}

/// Every row as goflow2's message, with its length in front. Gives the octets written.
pub fn goflow2(ours: &mut Ours, workload: &Workload) -> u64 {
    let (decoder, outputs) = ours.outputs();
    let Outputs { rows, octets, .. } = outputs.get_or_insert_with(|| Outputs::new(decoder, workload));
    let mut written = 0;
    for run in rows.chunks(RUN) {
        write_protobuf_rows(octets, run, Dialect::V2, Framing::Prefixed);
        if octets.len() >= BATCH {
            written += black_box(&*octets).len();
            octets.clear();
        }
    }
    written += octets.len();
    octets.clear();
    u64::try_from(written).unwrap_or(0)
}
