//! Reads the records of a set in every way there is, and holds the ways against each other.

use std::sync::{Arc, LazyLock};

use flowcodec::model::{FieldId, FieldValue, Schema};
use flowcodec::{Flow, FlowBatch, FlowRecord, Record, RecordSet, RowScratch, field};

use crate::digest::Digest;

/// How much of each record is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Elements, lists, every common field, rows, an owned flow and its JSON; all of it goes into the digest.
    Full,
    /// Elements are counted and measured, some fields read, rows counted: for inputs that come by the million.
    Cheap,
}

/// Rows of a batch: few, so that sets are parted.
const ROWS: usize = 61;

/// Whether both say the same, numbers that are none too.
fn same(one: Option<FieldValue<'_>>, other: Option<FieldValue<'_>>) -> bool {
    match (one, other) {
        (Some(FieldValue::Double(one)), Some(FieldValue::Double(other))) => one.to_bits() == other.to_bits(),
        _ => one == other,
    }
}

/// The numbers of all common fields.
static FIELDS: LazyLock<Vec<FieldId>> = LazyLock::new(|| {
    let schema = Schema::common();
    schema.fields().iter().filter_map(|spec| schema.find(&spec.name)).collect()
});

/// What is needed to read, kept from set to set.
#[derive(Debug)]
pub(crate) struct Reader {
    reading: Reading,
    schema: Arc<Schema>,
    scratch: RowScratch,
    rows: Vec<FlowRecord>,
    /// By vector code where there is some, and without.
    batches: Option<[FlowBatch; 2]>,
    pub(crate) digest: Digest,
}

impl Reader {
    pub(crate) fn new(reading: Reading) -> Self {
        let scratch = RowScratch::new();
        let batch = || FlowBatch::builder(Schema::common()).all().capacity(ROWS);
        let batches = [batch(), batch().portable()].map(|batch| batch.build().ok());
        let batches = match batches {
            [Some(fast), Some(portable)] if reading == Reading::Full => Some([fast, portable]),
            _ => None,
        };
        Self { reading, schema: Schema::common(), scratch, rows: Vec::new(), batches, digest: Digest::default() }
    }

    pub(crate) fn full(&self) -> bool {
        self.reading == Reading::Full
    }

    pub(crate) fn set(&mut self, set: RecordSet<'_>) {
        let len = usize::try_from(set.len()).unwrap_or(usize::MAX);
        assert_eq!(set.records().len(), len, "a set says how many records it has");
        assert!(len <= set.raw().len(), "{len} records in {} octets: none is empty", set.raw().len());
        assert!(len != 0, "a set without records is no event");
        match self.reading {
            Reading::Full => self.full_set(set, len),
            Reading::Cheap => self.cheap_set(set, len),
        }
    }

    fn full_set(&mut self, set: RecordSet<'_>, len: usize) {
        self.rows.clear();
        let rows = &mut self.rows;
        set.rows(&mut self.scratch, |run| rows.extend_from_slice(run));
        assert_eq!(self.rows.len(), len, "there is a row for each record");
        let rows = core::mem::take(&mut self.rows);
        let (mut read, mut octets) = (0_usize, 0_usize);
        let mut ends = Vec::new();
        for (record, row) in set.records().zip(&rows) {
            // Reading JSON back looks every field up by name: the first records of a set will do.
            self.flow(&record, row, read < 2);
            read = read.saturating_add(1);
            octets = octets.saturating_add(record.raw().len());
            self.digest.elements(&record, 0);
            self.digest.packet(&record);
            self.fields(&record);
            let mut filled = FlowRecord::EMPTY;
            record.fill(&mut filled);
            assert_eq!(filled, *row, "both ways to a row agree");
            record.variable_ends(&mut ends);
            assert!(ends.is_sorted());
        }
        assert_eq!((read, octets), (len, set.raw().len()), "the records are the octets of the set");
        self.rows = rows;
        self.columns(set);
    }

    /// Columns say what records say, however they are filled.
    fn columns(&mut self, set: RecordSet<'_>) {
        let Some(batches) = &mut self.batches else { return };
        let mut records = set.records();
        let mut rest = Some(set);
        while let Some(set) = rest {
            let [fast, portable] = &mut *batches;
            let from = fast.len();
            rest = fast.append(set);
            let other = portable.append(set);
            assert_eq!(rest.map(|rest| rest.len()), other.map(|rest| rest.len()), "both take as much");
            for (row, record) in (from..fast.len()).zip(&mut records) {
                let mut fields = record.fields(&self.schema).peekable();
                for &id in FIELDS.iter() {
                    let value = fields.next_if(|(next, _)| *next == id).map(|(_, value)| value);
                    assert!(same(fast.value(id, row), value), "{id:?}: {:?}, {value:?}", fast.value(id, row));
                    assert!(same(portable.value(id, row), value), "{id:?}: {:?}, {value:?}", portable.value(id, row));
                }
            }
            if rest.is_some() {
                assert!(fast.is_full() && portable.is_full());
                fast.finish();
                portable.finish();
                for &id in FIELDS.iter() {
                    assert_eq!(fast.values(id), portable.values(id), "{id:?} in memory");
                }
                fast.clear();
                portable.clear();
            }
        }
        assert!(records.next().is_none(), "every record is a row");
    }

    fn fields(&mut self, record: &Record<'_>) {
        for &id in FIELDS.iter() {
            self.digest.field(record.value(id));
        }
    }

    /// The owned copy says the same as the record, and goes through JSON.
    fn flow(&mut self, record: &Record<'_>, row: &FlowRecord, back: bool) {
        let flow = record.to_flow(&self.schema);
        assert_eq!(flow.row(), row, "the owned flow has the same row");
        if record.headers().is_some() || record.sample().is_some() {
            assert!(record.fields(&self.schema).eq(flow.fields()), "the same fields, in order");
            assert!(flow.fields().all(|(id, value)| record.value(id) == Some(value)), "one by one too");
        }
        let written = serde_json::to_vec(&flow);
        assert!(written.is_ok(), "{written:?}");
        let written = written.unwrap_or_default();
        // JSON has no word for what is no number; all else comes back.
        if back && flow.get(field::SAMPLING_RATE).is_none_or(f64::is_finite) {
            let back = serde_json::from_slice::<Flow>(&written);
            assert!(back.is_ok_and(|back| back == flow), "an owned flow comes back from JSON: {row:?}, {:?}", flow.other());
        }
        self.digest.add(written);
    }

    fn cheap_set(&mut self, set: RecordSet<'_>, len: usize) {
        let (mut read, mut octets) = (0_usize, 0_usize);
        for record in set {
            read = read.saturating_add(1);
            octets = octets.saturating_add(record.raw().len());
            let elements = record.elements().count();
            assert_eq!(elements, record.template().map_or(elements, |template| template.fields().len()));
            let _ = (record.headers().is_some(), record.structures().count());
            let _ =
                (record.get(field::SRC_ADDR), record.get(field::OCTETS), record.get(field::START), record.get(field::SRC_POD));
        }
        let mut rows = 0_usize;
        set.rows(&mut self.scratch, |run| rows = rows.saturating_add(run.len()));
        assert_eq!((read, rows, octets), (len, len, set.raw().len()));
    }
}
