//! Batches as Arrow `RecordBatch`es (feature `arrow`).
//!
//! Full batch in, `RecordBatch` out: its arrays take over the memory of the columns, and the batch goes on with other memory. When the
//! consumer has dropped a `RecordBatch` and all that was cut out of it, its memory comes back by itself. All batches of one
//! [`Conversion`] have one schema.
//!
//! | column | Arrow type |
//! |---|---|
//! | unsigned numbers | `UInt8` to `UInt64` |
//! | numbers with a fraction | `Float64` |
//! | times | `Timestamp(Nanosecond, "UTC")` |
//! | whole nanoseconds that are no time | `Duration(Nanosecond)`; null from 2^63 (292 years) on |
//! | IP addresses | `FixedSizeBinary(16)`, IPv4 as `::ffff:a.b.c.d`; on demand text |
//! | MAC addresses | `FixedSizeBinary(6)`; on demand text |
//! | text | `Utf8View`, without the NULs that pad it |
//! | octets | `BinaryView` |
//! | lists of numbers | `List(UInt32)` |
//!
//! Any cell may be missing, so every column is nullable. **Text that is not UTF-8 is null in its column, and its octets stand in the
//! last column, [`RAW_TEXT`]**, a nullable map from the name of the field to the octets; that column is there when there are texts.
//!
//! Metadata of a field: `description`; `unit`, where it has one; `elements`, the information elements it is read from, best first, as
//! "enterprise number/id"; `encoding` of addresses as octets; `values`, what the numbers stand for, where they are said in words elsewhere.
//!
//! ```
//! # let mut datagram = vec![0, 10, 0, 36, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 12, 1, 0, 0, 1, 0, 8, 0, 4];
//! # datagram.extend([1, 0, 0, 8, 192, 0, 2, 7]);
//! use flowcodec::io::arrow::{Addresses, Conversion};
//! use flowcodec::model::Schema;
//! use flowcodec::{Decoder, Event, Exporter, FlowBatch, Timestamp};
//!
//! let mut batch = FlowBatch::builder(Schema::common()).common().build()?;
//! let mut conversion = Conversion::new(&batch).addresses(Addresses::Text).build()?;
//! let mut decoder = Decoder::default();
//! let mut events = decoder.datagram(Exporter::new([192, 0, 2, 1].into(), 4739), Timestamp::EPOCH, &datagram);
//! while let Some(event) = events.next() {
//!     if let Event::Flows(mut set) = event {
//!         while let Some(rest) = batch.append(set) {
//!             let full = conversion.convert(&mut batch)?;
//!             // ... hand it on, and go on with what did not fit.
//!             # drop(full);
//!             conversion.reclaim(&mut batch);
//!             set = rest;
//!         }
//!     }
//! }
//! let last = conversion.convert(&mut batch)?;
//! assert_eq!((last.num_rows(), last.column_by_name("src_addr").map(|column| column.null_count())), (1, Some(0)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arrays;
mod compact;
mod memory;
mod schema;
mod text;

use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef, RecordBatchOptions};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};

use crate::batch::{Contents, FlowBatch};
use crate::model::FieldId;
use arrays::Cells;
use memory::{Kept, Memory};
use schema::Kind;
use text::Raw;

pub use arrow_array::{self, RecordBatch};
pub use arrow_schema::{self, ArrowError, SchemaRef};
pub use compact::compact;

/// The column that holds text which is not UTF-8.
pub const RAW_TEXT: &str = "raw_text";

/// How IP and MAC addresses are said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Addresses {
    /// As octets, which costs nothing: 16 of an IP address (IPv4 mapped), 6 of a MAC address.
    #[default]
    Octets,
    /// As people write them. Each is written anew.
    Text,
}

/// Chooses how a [`Conversion`] says things.
#[derive(Debug, Clone, Copy)]
pub struct ConversionBuilder<'b> {
    batch: &'b FlowBatch,
    addresses: Addresses,
    words: bool,
}

/// Turns what stands in batches of the same columns into `RecordBatch`es; see the [module](self).
#[derive(Debug)]
pub struct Conversion {
    schema: SchemaRef,
    /// Of the schema that the numbers of the fields belong to.
    tag: u32,
    columns: Box<[Column]>,
    /// Where there are texts: as many rows without raw text.
    no_raw: Option<ArrayRef>,
    memory: Memory,
    /// Memory that is not lent, since the batch had better use the other.
    spare: Option<Contents>,
}

/// What becomes of a column.
#[derive(Debug)]
struct Column {
    id: FieldId,
    kind: Kind,
    /// As many rows as a batch holds, without a cell.
    missing: ArrayRef,
}

impl ConversionBuilder<'_> {
    /// How addresses are said; as octets by default.
    #[must_use]
    pub const fn addresses(mut self, addresses: Addresses) -> Self {
        self.addresses = addresses;
        self
    }

    /// Says the numbers of fields that other outputs say in words (`protocol`, `counters_scaled`, `drop_reason`) in words.
    #[must_use]
    pub const fn words(mut self) -> Self {
        self.words = true;
        self
    }

    /// Makes the conversion.
    ///
    /// # Errors
    /// When the batch has a column called [`RAW_TEXT`] beside text.
    pub fn build(self) -> Result<Conversion, ArrowError> {
        let Self { batch, addresses, words } = self;
        let kinds: Vec<_> = batch.fields().map(|id| (id, Kind::of(batch.schema(), id, addresses, words))).collect();
        let texts = kinds.iter().any(|(_, kind)| *kind == Kind::Text);
        let schema = schema::of(batch.schema(), &kinds, texts)?;
        let rows = batch.capacity();
        let zeros = Buffer::from_vec(vec![0_u128; rows.saturating_add(1)]);
        let nulls = NullBuffer::new_null(rows);
        let column = |(id, kind): (FieldId, Kind)| {
            let missing = arrays::missing(kind, &zeros, &nulls, rows)?;
            Ok(Column { id, kind, missing })
        };
        let columns = kinds.into_iter().map(column).collect::<Result<_, ArrowError>>()?;
        let no_raw = if texts { Some(Raw::default().map(&schema, rows)?) } else { None };
        Ok(Conversion { schema, tag: batch.schema().tag(), columns, no_raw, memory: Memory::default(), spare: None })
    }
}

impl Conversion {
    /// Begins a conversion for batches with the columns and the size of this one.
    #[expect(clippy::new_ret_no_self, reason = "what is left to choose is chosen before")]
    #[must_use]
    pub const fn new(batch: &FlowBatch) -> ConversionBuilder<'_> {
        ConversionBuilder { batch, addresses: Addresses::Octets, words: false }
    }

    /// The schema of every `RecordBatch` it makes.
    #[must_use]
    pub const fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Takes all rows out of a batch. The batch goes on with memory that came back from consumers, or with new memory.
    ///
    /// Cost: about two hundred nanoseconds a column, whatever the number of rows; of text, addresses as text, and words, also a look at each
    /// value. Nothing is copied but what is written anew.
    ///
    /// # Errors
    /// When the batch has other columns, or more rows than the one that this was made for; then it keeps its rows.
    pub fn convert(&mut self, batch: &mut FlowBatch) -> Result<RecordBatch, ArrowError> {
        if !self.is_for(batch) || self.columns.first().is_some_and(|column| batch.len() > column.missing.len()) {
            return Err(ArrowError::InvalidArgumentError("a batch that this conversion was not made for".to_owned()));
        }
        let Contents { mut cells, text, rows, columns: mut parts } =
            batch.exchange(self.spare.take().unwrap_or_else(|| self.memory.back()));
        for (column, part) in self.columns.iter().zip(&parts) {
            if column.kind == Kind::Text {
                let views = cells.get_mut(part.octets.start / 16..part.octets.end / 16);
                text::trim(views.unwrap_or_default(), &text);
            }
        }
        let (cells, text) = (Buffer::from_vec(cells), Buffer::from_vec(text));
        let texts: Arc<[Buffer]> = Arc::new([text.clone()]);
        let mut arrays = Vec::with_capacity(self.schema.fields().len());
        let mut raw = Raw::default();
        let mut kept = Vec::with_capacity(parts.len());
        for (number, (column, part)) in self.columns.iter().zip(&mut parts).enumerate() {
            if part.nulls == rows {
                arrays.push(rows_of(&column.missing, rows));
                kept.push(Kept::default());
                continue;
            }
            let validity = part.validity.take().map(Buffer::from_vec);
            let nulls = validity.clone().map(|bits| NullBuffer::new(BooleanBuffer::new(bits, 0, rows)));
            let lists = (column.kind == Kind::List).then(|| {
                let (offsets, items) = core::mem::take(&mut part.lists);
                (Buffer::from_vec(offsets), Buffer::from_vec(items))
            });
            let values = cells.slice_with_length(part.octets.start, part.octets.len());
            let cells = Cells { values, text: &texts, lists: lists.as_ref(), rows };
            arrays.push(match column.kind {
                Kind::Text => raw.text(number, cells, nulls.as_ref())?,
                kind => arrays::array(kind, cells, nulls)?,
            });
            kept.push(Kept { validity, lists });
        }
        if let Some(no_raw) = &self.no_raw {
            arrays.push(if raw.is_empty() { rows_of(no_raw, rows) } else { raw.map(&self.schema, rows)? });
        }
        self.memory.lend(cells, text, parts, kept);
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &RecordBatchOptions::new().with_row_count(Some(rows)))
    }

    /// Lets an empty batch go on with the memory that came back last, in place of what it has: for those whose consumer is done with a
    /// `RecordBatch` before the next row comes. That memory is in the caches still; without this, two pieces of memory take turns.
    pub fn reclaim(&mut self, batch: &mut FlowBatch) {
        if batch.is_empty() && self.spare.is_none() && self.is_for(batch) {
            let back = self.memory.back();
            if !back.cells.is_empty() {
                self.spare = Some(batch.exchange(back));
            }
        }
    }

    fn is_for(&self, batch: &FlowBatch) -> bool {
        batch.schema().tag() == self.tag && batch.fields().eq(self.columns.iter().map(|column| column.id))
    }
}

/// The first rows of an array.
fn rows_of(array: &ArrayRef, rows: usize) -> ArrayRef {
    if array.len() == rows { Arc::clone(array) } else { array.slice(0, rows) }
}
