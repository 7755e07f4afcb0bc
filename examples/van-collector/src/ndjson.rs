//! Flow records as JSON lines: one for each connection and request, written once, when it is over.

use std::collections::{HashSet, VecDeque};
use std::io::Write;
use std::sync::Arc;

use anyhow::ensure;
use flowcodec::io::write_flow;
use flowcodec::model::Schema;
use flowcodec::{Flow, Timestamp};
use vanflow::collector::{Collector, RecordChange, RecordId, RecordView, Settings};
use vanflow::lower::Lowering;
use vanflow::record::Class;

use crate::hub::Told;
use crate::lines::{Lines, State};

pub use crate::lines::WhenFull;

/// How long a flow that is over may wait for what is not known of it yet, in nanoseconds: longer than a source takes to answer FLUSH, and
/// than a client may be unknown before it is inferred.
const LINGER: i64 = 20_000_000_000;

/// How often flows that wait are looked at again, in the collector's nanoseconds.
const AGAIN: i64 = 200_000_000;

/// Writes flows.
#[derive(Debug)]
pub struct FlowWriter {
    out: Lines,
    lowering: Lowering,
    /// What is over, and by when it is written at the latest.
    waiting: VecDeque<(Timestamp, RecordId)>,
    /// How many may wait, and how long: they are written before the collector lets go of them.
    most: usize,
    linger: i64,
    /// How many in front were looked at before, and are not again before `again`.
    seen: usize,
    again: Timestamp,
    written: HashSet<u64>,
    /// Records that are no flow of their own: the other side of one.
    sides: HashSet<u64>,
    /// Lines that were handed to the writer.
    pub(crate) lines: u64,
    /// Flows that could not be written: evicted before, or the reader was too slow.
    pub(crate) lost: u64,
    evicted: u64,
}

impl FlowWriter {
    /// Writes to `out`, on a thread of its own. `pace` says what happens while `out` takes nothing.
    ///
    /// # Errors
    /// When the fields of VAN-Flow do not go together with the common ones, or there is no thread.
    pub fn new(out: Box<dyn Write + Send>, pace: WhenFull) -> anyhow::Result<Self> {
        let lowering = Lowering::new(&Schema::common())?;
        Ok(Self {
            out: Lines::new(out, pace)?,
            lowering,
            waiting: VecDeque::new(),
            most: usize::MAX,
            linger: LINGER,
            seen: 0,
            again: Timestamp::EPOCH,
            written: HashSet::new(),
            sides: HashSet::new(),
            lines: 0,
            lost: 0,
            evicted: 0,
        })
    }

    /// Fits how long flows wait to how long the collector keeps them.
    pub(crate) fn fit(&mut self, settings: &Settings) {
        self.most = settings.flows / 2;
        self.linger = i64::try_from(settings.retention.as_nanos() / 2).map_or(LINGER, |half| half.min(LINGER));
    }

    /// Whether writing failed, for who has to know without asking the writer.
    pub(crate) fn state(&self) -> Arc<State> {
        self.out.state()
    }

    pub(crate) fn change(&mut self, collector: &Collector, told: Told) {
        if told.record_type.class() != Some(Class::Flow) {
            return;
        }
        let serial = told.id.serial();
        if told.what == RecordChange::Removed {
            // One that was never written: it waited, or was not over.
            let waited = self.waiting.iter().position(|(_, id)| id.serial() == serial);
            if let Some(place) = waited {
                self.waiting.remove(place);
                self.seen -= usize::from(place < self.seen);
            }
            let (written, side) = (self.written.remove(&serial), self.sides.remove(&serial));
            if waited.is_some() || !written && !side {
                self.evicted += 1;
                self.lost += 1;
            }
            return;
        }
        let Some(view) = collector.record(told.id) else { return };
        let lead = lead(view);
        if lead.is_some_and(|(lead, _)| lead == told.id) {
            self.sides.remove(&serial);
        } else {
            self.sides.insert(serial);
        }
        if let Some((lead, Some(_))) = lead
            && self.written.insert(lead.serial())
        {
            self.waiting.push_back((collector.now().offset(self.linger), lead));
        }
    }

    /// Writes what is due. One that waits holds up no other: those behind it may be evicted any moment.
    pub(crate) fn settle(&mut self, collector: &Collector) {
        // The oldest are the first to be evicted: of too many they go, complete or not.
        while self.waiting.len() > self.most {
            let oldest = self.waiting.pop_front();
            self.seen = self.seen.saturating_sub(1);
            if let Some((_, id)) = oldest.filter(|(_, id)| !self.emit(collector, *id, true)) {
                self.lose(id);
            }
        }
        let from = if collector.now() >= self.again { 0 } else { self.seen };
        if from == 0 {
            self.again = collector.now().offset(AGAIN);
        }
        for (due, id) in self.waiting.split_off(from) {
            // Whoever went is counted when its removal is told.
            if !self.emit(collector, id, collector.now() >= due) {
                self.waiting.push_back((due, id));
            }
        }
        self.seen = self.waiting.len();
    }

    /// Writes a flow that is complete, or due; false when it is neither, or gone.
    fn emit(&mut self, collector: &Collector, id: RecordId, due: bool) -> bool {
        let Some((Some(flow), complete)) = collector.record(id).map(|view| self.lower(view)) else { return false };
        if !complete && !due {
            return false;
        }
        // A pair of v1 goes by its connector's side until the listener's is known.
        let now_by = collector.record(id).and_then(lead).map(|(lead, _)| lead);
        if now_by.is_none_or(|lead| lead == id || self.written.insert(lead.serial())) {
            self.write(&flow);
        }
        true
    }

    /// A flow went before it could be written; its removal is not counted again.
    fn lose(&mut self, id: RecordId) {
        self.written.insert(id.serial());
        self.evicted += 1;
        self.lost += 1;
    }

    /// Writes the rest: what waits, and what is not over.
    pub(crate) fn finish(&mut self, collector: &Collector) {
        let waiting: Vec<_> = self.waiting.drain(..).map(|(_, id)| id).collect();
        self.seen = 0;
        let living = collector.records_of_class(Class::Flow).filter_map(lead).map(|(lead, _)| lead);
        let living: Vec<_> = living.filter(|lead| self.written.insert(lead.serial())).collect();
        for id in waiting.into_iter().chain(living) {
            match collector.record(id).map(|view| self.lower(view)) {
                Some((Some(flow), _)) => self.write(&flow),
                _ => {
                    self.evicted += 1;
                    self.lost += 1;
                }
            }
        }
    }

    /// Nothing more is written.
    ///
    /// # Errors
    /// When a flow was lost, with how many and why.
    pub(crate) fn close(mut self) -> anyhow::Result<()> {
        let late = self.out.close()?;
        ensure!(
            self.evicted == 0,
            "{} flows were evicted before they were written; --max-flows says how many are held",
            self.evicted
        );
        let lost = self.lost + late;
        ensure!(lost == 0, "{lost} flows were not written: whoever reads them was too slow");
        Ok(())
    }

    /// The flow of a record, and whether all of it is known.
    fn lower(&self, view: RecordView<'_>) -> (Option<Flow>, bool) {
        if let Some(connection) = view.connection() {
            return (Some(self.lowering.connection(&connection)), connection.is_complete());
        }
        let request = view.request();
        (request.map(|request| self.lowering.request(&request)), request.is_some_and(|request| request.is_complete()))
    }

    fn write(&mut self, flow: &Flow) {
        let mut line = String::new();
        write_flow(&mut line, flow);
        line.push('\n');
        if self.out.push(line) {
            self.lines += 1;
        } else {
            self.lost += 1;
        }
    }
}

/// The record that a connection or request is shown by, and when it ended.
fn lead(view: RecordView<'_>) -> Option<(RecordId, Option<Timestamp>)> {
    match view.connection() {
        Some(connection) => Some((connection.id()?, connection.end())),
        None => view.request().and_then(|request| Some((request.id()?, request.end()))),
    }
}
