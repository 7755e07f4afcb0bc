//! What one message is made from.

use super::beside::Beside;
use super::view::View;
use crate::model::{Flow, FlowRecord};
use crate::record::{Record, RecordSet};
use crate::template::RowScratch;

/// What a message is made from.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Message<'a> {
    /// A record, as the decoder gives it.
    Record(Record<'a>),
    /// A flow of its own. What only goflow2's message has is taken from flows of [`schema`](crate::io::goflow2::schema).
    Flow(&'a Flow),
    /// A row, which has neither a sequence number nor the rarer fields.
    Row(&'a FlowRecord),
}

impl<'a> From<&Record<'a>> for Message<'a> {
    fn from(record: &Record<'a>) -> Self {
        Self::Record(*record)
    }
}

impl<'a> From<&'a Flow> for Message<'a> {
    fn from(flow: &'a Flow) -> Self {
        Self::Flow(flow)
    }
}

impl<'a> From<&'a FlowRecord> for Message<'a> {
    fn from(row: &'a FlowRecord) -> Self {
        Self::Row(row)
    }
}

impl Message<'_> {
    /// Lends it in the form that both encodings are made from.
    pub(super) fn view<T>(self, write: impl FnOnce(&View<'_>) -> T) -> T {
        match self {
            Self::Record(record) => {
                let mut row = FlowRecord::EMPTY;
                record.fill(&mut row);
                write(&View { row: &row, beside: &Beside::of_record(&record), sequence: record.context().sequence })
            }
            Self::Flow(flow) => {
                let (beside, sequence) = Beside::of_flow(flow);
                write(&View { row: flow.row(), beside: &beside, sequence })
            }
            Self::Row(row) => write(&View { row, beside: &Beside::NOTHING, sequence: 0 }),
        }
    }
}

/// Lends all records of a set in that form. Those of a template without any of the rarer fields (lists, fragments, VRFs, output
/// counters, ...) come from rows alone; of others, and of samples, each record is walked as well.
#[inline]
pub(super) fn each_view(set: &RecordSet<'_>, scratch: &mut RowScratch, mut write: impl FnMut(&View<'_>)) {
    let sequence = set.context().sequence;
    if set.template().is_some_and(Beside::is_of_context) {
        let beside = Beside::of_context(set.context());
        set.rows(scratch, |rows| rows.iter().for_each(|row| write(&View { row, beside: &beside, sequence })));
        return;
    }
    let mut records = set.records();
    set.rows(scratch, |rows| {
        for (row, record) in rows.iter().zip(&mut records) {
            write(&View { row, beside: &Beside::of_record(&record), sequence });
        }
    });
}
