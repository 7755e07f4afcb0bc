//! The ways from datagrams to Arrow.

use core::hint::black_box;
use std::time::{Duration, Instant};

use flowcodec::io::arrow::Conversion;
use flowcodec::model::Schema;
use flowcodec::{FlowBatch, RecordSet};

use crate::paths::{ARROW_BATCH, Ours, flows};
use crate::workload::Workload;

/// A batch, and what makes `RecordBatch`es of it.
#[derive(Debug)]
pub(crate) struct Arrow {
    batch: FlowBatch,
    conversion: Conversion,
    /// What finishing has taken since somebody asked.
    finishing: Option<Duration>,
}

/// Numbers and times that a record of IPFIX has.
const NUMBERS: [&str; 20] = [
    "received",
    "domain",
    "in_if",
    "out_if",
    "packets",
    "octets",
    "start",
    "end",
    "src_port",
    "dst_port",
    "tcp_flags",
    "ip_protocol",
    "tos",
    "src_as",
    "dst_as",
    "src_prefix_len",
    "dst_prefix_len",
    "vlan",
    "post_vlan",
    "direction",
];

impl Arrow {
    pub(crate) fn new(batch: FlowBatch) -> Self {
        let conversion =
            Conversion::new(&batch).build().unwrap_or_else(|error| unreachable!("the columns are the schema's: {error}"));
        Self { batch, conversion, finishing: None }
    }

    /// With 20 columns of numbers.
    pub(crate) fn of_numbers() -> Self {
        let schema = Schema::common();
        let fields = NUMBERS.map(|name| schema.find(name)).into_iter().flatten();
        let batch = FlowBatch::builder(Schema::common()).fields(fields).capacity(ARROW_BATCH).build();
        Self::new(batch.unwrap_or_else(|error| unreachable!("the fields are the schema's: {error}")))
    }

    /// Adds a set; `full` is done to each batch that is.
    #[inline]
    fn add(&mut self, set: RecordSet<'_>, mut full: impl FnMut(&mut Self)) -> u64 {
        let mut rest = self.batch.append(set);
        while let Some(set) = rest {
            full(self);
            rest = self.batch.append(set);
        }
        u64::from(set.len())
    }

    /// Adds a set to a batch in which each column misses a cell, so that all have their bits written.
    #[inline]
    fn add_nullable(&mut self, set: RecordSet<'_>, full: impl FnMut(&mut Self)) -> u64 {
        if self.batch.is_empty() {
            black_box(self.batch.row());
        }
        self.add(set, full)
    }

    fn convert(&mut self) {
        black_box(self.conversion.convert(&mut self.batch)).unwrap_or_else(|error| unreachable!("its own batch: {error}"));
    }

    pub(crate) const fn finishing(&mut self) -> Option<Duration> {
        self.finishing.take()
    }
}

/// Datagrams to `RecordBatch`es of 8,192 rows, each handed on and dropped. Gives the number of rows.
pub fn stream(ours: &mut Ours, workload: &Workload) -> u64 {
    let (decoder, arrow) = ours.stream();
    flows(decoder, workload, |set| {
        arrow.add(*set, |arrow| {
            arrow.convert();
            arrow.conversion.reclaim(&mut arrow.batch);
        })
    })
}

/// Batches of 8,192 rows and 20 nullable columns of numbers, each made a `RecordBatch` and dropped; [`Ours::finishing`] says how long that
/// took. Gives the number of rows.
pub fn finish(ours: &mut Ours, workload: &Workload) -> u64 {
    let (decoder, arrow) = ours.numbers();
    arrow.finishing = Some(Duration::ZERO);
    flows(decoder, workload, |set| {
        arrow.add_nullable(*set, |arrow| {
            let start = Instant::now();
            arrow.convert();
            arrow.finishing = arrow.finishing.map(|finishing| finishing + start.elapsed());
        })
    })
}

/// The same columns filled, and nothing made of them. Gives the number of rows.
pub fn fill(ours: &mut Ours, workload: &Workload) -> u64 {
    let (decoder, arrow) = ours.numbers();
    flows(decoder, workload, |set| {
        arrow.add_nullable(*set, |arrow| {
            arrow.batch.finish();
            black_box(&arrow.batch);
            arrow.batch.clear();
        })
    })
}
