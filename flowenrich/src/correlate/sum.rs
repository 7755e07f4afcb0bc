//! Several records of one direction as one record.

use std::sync::Arc;

use flowcodec::model::{FieldId, FieldValue, Flow, FlowRecord, Schema, field};
use flowcodec::{Text, Timestamp};

use super::input::{Common, Interval};
use super::kept::Kept;
use super::pending::Heap;
use super::texts::Texts;

/// Counters since the last record: they add up.
const SUMMED: [FieldId; 10] = [
    field::OCTETS.id(),
    field::PACKETS.id(),
    field::REVERSE_OCTETS.id(),
    field::REVERSE_PACKETS.id(),
    field::POST_OCTETS.id(),
    field::POST_PACKETS.id(),
    field::LAYER2_OCTETS.id(),
    field::DROPPED_OCTETS.id(),
    field::DROPPED_PACKETS.id(),
    field::FLOWS.id(),
];

/// The latest record, with the counters of all.
#[derive(Debug)]
pub(super) struct Sum {
    pub(super) kept: Kept,
    sums: [Option<u64>; SUMMED.len()],
    flags: Option<u16>,
    pub(super) when: Interval,
    pub(super) records: u64,
}

impl Sum {
    pub(super) const fn new(when: Interval) -> Self {
        Self { kept: Kept::new(), sums: [None; SUMMED.len()], flags: None, when, records: 0 }
    }

    pub(super) fn take(&mut self, record: &impl Common, row: &FlowRecord, when: Interval, schema: &Schema, texts: &mut Texts) {
        self.records = self.records.saturating_add(1);
        self.when.join(when);
        self.kept.take_row(row, when.end, 0);
        if let Some(flags) = row.tcp_flags() {
            self.flags = Some(self.flags.unwrap_or(0) | flags);
        }
        for (id, sum) in SUMMED.iter().zip(&mut self.sums) {
            add(sum, row.value(*id));
        }
        record.beside(schema, &mut |id, value| match SUMMED.iter().position(|it| *it == id) {
            Some(place) => self.sums.get_mut(place).into_iter().for_each(|sum| add(sum, Some(value))),
            None => _ = self.kept.take(texts, id, value, when.end),
        });
    }

    /// Octets, as far as records said them.
    pub(super) fn octets(&self) -> u64 {
        self.sums.first().copied().flatten().unwrap_or(0)
    }

    /// All of them as one flow.
    pub(super) fn flow(&self, schema: &Arc<Schema>, texts: &Texts) -> Flow {
        let mut flow = Flow::new(Arc::clone(schema));
        self.kept.put(texts, &mut flow);
        let row = self.kept.row();
        for (id, sum) in SUMMED.iter().zip(self.sums) {
            put(&mut flow, Some(*id), sum.map(FieldValue::Unsigned));
        }
        put(&mut flow, Some(field::TCP_FLAGS.id()), self.flags.map(|flags| FieldValue::Unsigned(flags.into())));
        put(&mut flow, Some(field::START.id()), row.start().map(|_| FieldValue::Time(self.when.start)));
        put(&mut flow, Some(field::END.id()), row.end().map(|_| FieldValue::Time(self.when.end)));
        flow
    }
}

fn add(sum: &mut Option<u64>, value: Option<FieldValue<'_>>) {
    if let Some(FieldValue::Unsigned(number)) = value {
        *sum = Some(sum.unwrap_or(0).saturating_add(number));
    }
}

impl Heap for Sum {
    fn heap(&self) -> usize {
        self.kept.heap()
    }
}

/// Puts a value into a flow, where there is both a place and a value.
pub(super) fn put(flow: &mut Flow, id: Option<FieldId>, value: Option<FieldValue<'_>>) {
    if let (Some(id), Some(value)) = (id, value) {
        flow.set(id, value);
    }
}

pub(super) fn put_number(flow: &mut Flow, id: Option<FieldId>, value: Option<u64>) {
    put(flow, id, value.map(FieldValue::Unsigned));
}

pub(super) fn put_text(flow: &mut Flow, id: Option<FieldId>, value: Option<&str>) {
    put(flow, id, value.map(|text| FieldValue::Text(Text::from(text))));
}

pub(super) fn put_time(flow: &mut Flow, id: FieldId, value: Option<Timestamp>) {
    put(flow, Some(id), value.map(FieldValue::Time));
}
