//! Flow records as JSON lines: one for each connection and request, written once, when it is over.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::io::Write;

use flowcodec::io::write_flow;
use flowcodec::model::Schema;
use flowcodec::{Flow, Timestamp};
use vanflow::collector::{Collector, RecordChange, RecordId, RecordView};
use vanflow::lower::Lowering;
use vanflow::record::Class;

use crate::hub::Told;

/// How long a flow that is over may wait for what is not known of it yet, in nanoseconds: longer than a source takes to answer FLUSH, and
/// than a client may be unknown before it is inferred.
const LINGER: i64 = 20_000_000_000;

/// Writes flows.
pub struct FlowWriter {
    out: Box<dyn Write + Send + Sync>,
    lowering: Lowering,
    /// What is over, by when it is written at the latest.
    waiting: VecDeque<(Timestamp, RecordId)>,
    written: HashSet<u64>,
    pub(crate) lines: u64,
    /// Flows that went before they could be written.
    pub(crate) lost: u64,
    failed: bool,
}

impl fmt::Debug for FlowWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlowWriter").field("lines", &self.lines).field("lost", &self.lost).finish_non_exhaustive()
    }
}

impl FlowWriter {
    /// Writes to `out`, which is flushed whenever nothing more is due.
    ///
    /// # Errors
    /// When the fields of VAN-Flow do not go together with the common ones.
    pub fn new(out: Box<dyn Write + Send + Sync>) -> anyhow::Result<Self> {
        let lowering = Lowering::new(&Schema::common())?;
        let (waiting, written) = (VecDeque::new(), HashSet::new());
        Ok(Self { out, lowering, waiting, written, lines: 0, lost: 0, failed: false })
    }

    pub(crate) fn change(&mut self, collector: &Collector, told: Told) {
        if told.record_type.class() != Some(Class::Flow) {
            return;
        }
        match told.what {
            RecordChange::Removed => {
                self.written.remove(&told.id.serial());
            }
            _ => {
                if let Some((lead, end)) = collector.record(told.id).and_then(lead)
                    && end.is_some()
                    && self.written.insert(lead.serial())
                {
                    self.waiting.push_back((collector.now().offset(LINGER), lead));
                }
            }
        }
    }

    /// Writes what is due: in the order in which it ended, so that one that waits holds up those behind it.
    pub(crate) fn settle(&mut self, collector: &Collector) {
        let lines = self.lines;
        while let Some(&(due, id)) = self.waiting.front() {
            let flow = collector.record(id).map(|view| self.lower(view));
            if matches!(&flow, Some((_, false)) if collector.now() < due) {
                break;
            }
            self.waiting.pop_front();
            // A pair of v1 goes by its connector's side until the listener's is known.
            let now_by = collector.record(id).and_then(lead).map(|(lead, _)| lead);
            let twice = now_by.is_some_and(|lead| lead != id && !self.written.insert(lead.serial()));
            match flow {
                Some(_) if twice => {}
                Some((Some(flow), _)) => self.write(&flow),
                _ => self.lost += 1,
            }
        }
        if self.lines != lines {
            self.flush();
        }
    }

    /// Writes the rest: what waits, and what is not over.
    pub(crate) fn finish(&mut self, collector: &Collector) {
        let waiting: Vec<_> = self.waiting.drain(..).map(|(_, id)| id).collect();
        let living = collector.records_of_class(Class::Flow).filter_map(lead).map(|(lead, _)| lead);
        let living: Vec<_> = living.filter(|lead| self.written.insert(lead.serial())).collect();
        for id in waiting.into_iter().chain(living) {
            if let Some((Some(flow), _)) = collector.record(id).map(|view| self.lower(view)) {
                self.write(&flow);
            }
        }
        self.flush();
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
        if let Err(error) = self.out.write_all(line.as_bytes()) {
            self.fail(&error);
        } else {
            self.lines += 1;
        }
    }

    fn flush(&mut self) {
        if let Err(error) = self.out.flush() {
            self.fail(&error);
        }
    }

    fn fail(&mut self, error: &std::io::Error) {
        if !core::mem::replace(&mut self.failed, true) {
            eprintln!("van-collector: flows cannot be written: {error}");
        }
        self.lost += 1;
    }
}

/// The record that a connection or request is shown by, and when it ended.
fn lead(view: RecordView<'_>) -> Option<(RecordId, Option<Timestamp>)> {
    match view.connection() {
        Some(connection) => Some((connection.id()?, connection.end())),
        None => view.request().and_then(|request| Some((request.id()?, request.end()))),
    }
}
