//! Records as columns: a batch of rows, stored field by field.
//!
//! A [`FlowBatch`] has a fixed set of columns and room for so many rows, and takes record sets of any protocol, exporter and template.
//! What a template's records become in it is compiled once. Each column is a buffer of its own, laid out as Arrow has them: numbers in
//! the machine's own order, addresses as 16 octets (IPv4 mapped), text as views into one arena, and a bit a row where cells are missing.
//! Nothing in it borrows a datagram.
//!
//! ```
//! # let mut datagram = vec![0, 10, 0, 36, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 12, 1, 0, 0, 1, 0, 8, 0, 4];
//! # datagram.extend([1, 0, 0, 8, 192, 0, 2, 7]);
//! use flowcodec::batch::FlowBatch;
//! use flowcodec::model::Schema;
//! use flowcodec::{Decoder, Event, Exporter, Timestamp, field};
//!
//! let mut batch = FlowBatch::builder(Schema::common()).common().capacity(8_192).build()?;
//! let mut decoder = Decoder::default();
//! let mut events = decoder.datagram(Exporter::new([192, 0, 2, 1].into(), 4739), Timestamp::EPOCH, &datagram);
//! while let Some(event) = events.next() {
//!     if let Event::Flows(mut set) = event {
//!         while let Some(rest) = batch.append(set) {
//!             // It is full: use it up, and go on with what did not fit.
//!             batch.clear();
//!             set = rest;
//!         }
//!     }
//! }
//! let sources = batch.column(field::SRC_ADDR).expect("one of the common fields");
//! assert_eq!(sources.get(0), Some([192, 0, 2, 7].into()));
//! assert_eq!(batch.column(field::DST_ADDR).expect("this too").get(0), None);
//! # Ok::<(), flowcodec::batch::BatchError>(())
//! ```

mod added;
mod buffers;
mod builder;
mod cells;
mod column;
mod dictionary;
mod open;
mod program;
mod rows;
mod run;
mod validity;
mod writer;

use std::sync::Arc;

use crate::exporter::Protocol;
use crate::kernel::Clock;
use crate::model::{ColumnType, Field, FieldId, FieldType, FieldValue, Flow, Schema};
use crate::record::RecordSet;
use crate::template::{RowScratch, Template};

pub use added::NewColumn;
pub use buffers::{Column as OwnedColumn, Contents};
pub use builder::{BatchError, FlowBatchBuilder};
use cells::{Cells, Layout, MOST, Place};
#[cfg(feature = "arrow")]
pub(crate) use cells::{octets_of as octets_of_view, view_of};
pub use column::{Column, Values};
pub use dictionary::{Dictionary, DictionarySpace};
use open::Open;
use program::{Numbered, Programs};
use run::{Filling, Records};
use validity::Validity;
pub use writer::RowWriter;

/// Rows by column; see the [module](self).
///
/// Appending allocates only until it has met every column and template, and the texts have had their largest size.
#[derive(Debug)]
pub struct FlowBatch {
    schema: Arc<Schema>,
    slots: Box<[Slot]>,
    /// The slot of each field of the schema, [`NONE`] for those that are no column.
    by_field: Box<[u16]>,
    capacity: usize,
    len: usize,
    layout: Layout,
    cells: Cells,
    open: Open,
    programs: Programs,
    portable: bool,
    /// Whether it has columns that rows have no place for.
    beside: bool,
    // Working space: the segments of records whose set has not noted them, and rows on their way into columns.
    bases: Vec<u32>,
    scratch: Option<RowScratch>,
    /// Rows at the end whose fields stand in `scratch` and in no column yet, but for those that rows have no place for.
    waiting: usize,
    /// Memory of columns that were filled apart.
    spare: Vec<added::Memory>,
}

/// One column.
#[derive(Debug)]
struct Slot {
    id: FieldId,
    column: ColumnType,
    place: Place,
    validity: Validity,
}

/// No slot.
const NONE: u16 = u16::MAX;

impl FlowBatch {
    /// Begins a batch for fields of `schema`; by default it has the [common](FlowBatchBuilder::common) ones, and room for 8,192 rows.
    #[must_use]
    pub const fn builder(schema: Arc<Schema>) -> FlowBatchBuilder {
        FlowBatchBuilder::new(schema)
    }

    /// The schema its fields belong to.
    #[must_use]
    pub const fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Its columns, in order.
    #[must_use]
    pub fn fields(&self) -> impl ExactSizeIterator<Item = FieldId> + '_ {
        self.slots.iter().map(|slot| slot.id)
    }

    /// Rows in it.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no rows.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Rows it has room for.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Whether no further row fits.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.len >= self.capacity
    }

    /// Adds the records of a set as rows, and gives those that did not fit.
    ///
    /// Cost: a look-up for the set, and five to ten nanoseconds for each record of a fixed layout; for those with text also a copy of the set's
    /// octets. Records of sFlow, and those that hold packet headers, become rows first; what of them has no
    /// place in a row, where it is wanted, is read field by field.
    #[inline]
    pub fn append<'a>(&mut self, set: RecordSet<'a>) -> Option<RecordSet<'a>> {
        // Nearly all fit as they are, and are not moved.
        if !set.is_empty() && set.len() <= self.room() && self.has_text_for(&set) {
            self.add(&set);
            return None;
        }
        self.append_first(set)
    }

    /// The same for a set that may not fit as a whole.
    #[cold]
    fn append_first<'a>(&mut self, set: RecordSet<'a>) -> Option<RecordSet<'a>> {
        if set.is_empty() {
            return None;
        }
        if self.is_full() || !self.has_text_for(&set) {
            return Some(set);
        }
        let (first, rest) = set.split_at(self.room());
        self.add(&first);
        Some(rest)
    }

    /// Rows that still fit.
    fn room(&self) -> u32 {
        u32::try_from(self.capacity.saturating_sub(self.len)).unwrap_or(u32::MAX)
    }

    /// Whether the texts of a set fit; an empty batch takes any.
    fn has_text_for(&self, set: &RecordSet<'_>) -> bool {
        self.cells.text.len().saturating_add(set.raw().len()) <= MOST || self.len == 0
    }

    /// Adds a row without cells, and lends it to be filled; `None` when the batch is full. For what has no template behind it.
    pub fn row(&mut self) -> Option<RowWriter<'_>> {
        if self.is_full() {
            return None;
        }
        let row = self.open_rows(1);
        Some(RowWriter { batch: self, row })
    }

    /// Adds rows without cells that no program fills, and gives the first: their cells are put in one by one.
    fn open_rows(&mut self, count: usize) -> usize {
        self.close();
        let row = self.len;
        self.len = row.saturating_add(count);
        row
    }

    /// Adds an owned flow as a row; `false` when the batch is full. Of a flow of another schema, the core fields.
    pub fn push_flow(&mut self, flow: &Flow) -> bool {
        let core = flow.schema().tag() != self.schema.tag();
        let Some(mut row) = self.row() else { return false };
        for (id, value) in flow.fields().filter(|(id, _)| !core || id.index() < crate::model::CORE.len()) {
            row.set(id, value);
        }
        true
    }

    /// One column, to be read by type; `None` when the batch does not have it.
    #[must_use]
    pub fn column<T: FieldType>(&self, field: Field<T>) -> Option<Column<'_, T>> {
        if !field.belongs_to(self.schema.tag()) {
            return None;
        }
        Some(Column::new(self, self.slot_of(field.id())?))
    }

    /// One cell.
    #[must_use]
    pub fn value(&self, id: FieldId, row: usize) -> Option<FieldValue<'_>> {
        self.cell(self.slot_of(id)?, row)
    }

    /// Puts the last samples into their columns, and writes down what is missing in those that have cells, so that
    /// [`values`](Self::values) and [`take`](Self::take) give whole columns.
    pub fn finish(&mut self) {
        self.settle();
        let (len, cells) = (self.len, &mut self.cells);
        for slot in self.slots.iter_mut().filter(|slot| slot.validity.any()) {
            slot.fill(cells, len);
        }
    }

    /// Empties it; what is allocated is kept.
    pub fn clear(&mut self) {
        self.waiting = 0;
        for slot in &mut self.slots {
            slot.validity.clear();
        }
        for list in &mut self.cells.lists {
            list.clear();
        }
        self.cells.text.clear();
        self.open.clear();
        self.len = 0;
    }

    /// Octets of the arena, where vector code may write to it.
    fn tiled(&self) -> Option<usize> {
        (!self.portable).then_some(self.cells.arena.len())
    }

    fn slot_of(&self, id: FieldId) -> Option<usize> {
        let slot = self.by_field.get(id.index()).copied().filter(|&slot| slot != NONE)?;
        Some(usize::from(slot))
    }

    /// Whether a cell is there.
    fn has(&self, number: usize, row: usize) -> bool {
        let Some(slot) = self.slots.get(number) else { return false };
        if let Some(waiting) = self.waiting_at(slot, row) {
            return waiting.has(slot.id);
        }
        let filled = slot.validity.filled();
        if row < filled { slot.validity.get(row) } else { row < self.len && self.open.always.contains(number) }
    }

    fn cell(&self, number: usize, row: usize) -> Option<FieldValue<'_>> {
        let slot = self.slots.get(number)?;
        if let Some(waiting) = self.waiting_at(slot, row) {
            return waiting.value(slot.id);
        }
        if !self.has(number, row) {
            return None;
        }
        self.cells.value(slot.place, slot.column, row)
    }

    /// Adds a set that fits.
    fn add(&mut self, set: &RecordSet<'_>) {
        let whole = self.by_program(set);
        if !whole {
            self.by_rows(*set);
        }
    }

    /// `false` for sets that are read by way of rows.
    fn by_program(&mut self, set: &RecordSet<'_>) -> bool {
        let (Some((template, templates, bases)), context) = (set.templated(), set.context()) else { return false };
        // A packet's headers are fields too; sFlow's messages say less.
        if template.section().is_some() || context.protocol == Protocol::Sflow {
            return false;
        }
        let Ok(count) = usize::try_from(set.len()) else { return false };
        self.put_waiting();
        let tiled = self.tiled();
        let Self { programs, slots, by_field, cells, open, .. } = self;
        let columns = Numbered { slots, by_field };
        let Some(program) = programs.find(template, columns, self.schema.tag(), tiled) else { return false };
        let clock = match context.uptime_ms.filter(|_| program.reads_uptime) {
            None => None,
            // Times so far off that vector code cannot tell them; without it the same is done, so that both lay out text alike.
            Some(now) => match Clock::new(context.exported.as_nanos(), now) {
                None => return false,
                clock => clock,
            },
        };
        let length = template.record_len().and_then(|length| usize::try_from(length).ok());
        let bases = if length.is_some() { Some(&[][..]) } else { segments(template, set.raw(), bases, count, &mut self.bases) };
        let Some(bases) = bases else { return false };
        open.turn_to(program, context.uptime_ms.is_some(), slots, cells, self.len);
        let records = Records { template, templates, context, octets: set.raw(), length, bases, count };
        Filling { cells, slots, row: self.len }.run(program, &records, clock);
        self.len = self.len.saturating_add(count);
        true
    }

    /// Puts the rows at the end that wait into columns, and writes down their validity.
    fn settle(&mut self) {
        self.put_waiting();
        self.open.settle(&mut self.slots, self.len);
    }

    /// The same, and no program goes on from there: the next begins with columns that are filled up to its first row.
    fn close(&mut self) {
        self.settle();
        self.open.clear();
    }
}

/// Where the segments of so many records begin: as it was noted before, or noted now.
fn segments<'b>(template: &Template, octets: &[u8], noted: &'b [u32], count: usize, own: &'b mut Vec<u32>) -> Option<&'b [u32]> {
    let stride = template.skips().len().saturating_add(1);
    if let Some(noted) = noted.get(..stride.saturating_mul(count)).filter(|noted| noted.first() == Some(&0)) {
        return Some(noted);
    }
    let tail = usize::try_from(template.tail()).unwrap_or(usize::MAX);
    own.clear();
    (0..count).try_fold(0, |at, _| Some(template.note_segments(octets, at, own)?.saturating_add(tail)))?;
    Some(own)
}

impl Slot {
    /// Rows that are not settled yet, in front of `row`, have no cell.
    fn fill(&mut self, cells: &mut Cells, row: usize) {
        let filled = self.validity.filled();
        if filled < row {
            cells.zero(self.place, filled, row);
            self.validity.extend(row.saturating_sub(filled), false);
        }
    }

    /// Puts a value into cell `row`, the last one or the one behind it; `false` when it does not fit.
    fn set(&mut self, cells: &mut Cells, row: usize, value: &FieldValue<'_>) -> bool {
        if !self.column.holds(value) {
            return false;
        }
        self.fill(cells, row);
        if !cells.put(self.place, row, value) {
            return false;
        }
        if self.validity.filled() == row {
            self.validity.extend(1, true);
        }
        true
    }
}
