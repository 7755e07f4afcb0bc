//! Arrays over the memory of columns.

use std::fmt::{self, Display, Write as _};
use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::{
    ArrayRef, BinaryViewArray, DurationNanosecondArray, FixedSizeBinaryArray, Float64Array, Int64Array, ListArray,
    StringViewArray, TimestampNanosecondArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

use super::ArrowError;
use super::schema::{Kind, UTC, item};
use crate::model::{FieldId, Mac, address_of_octets, word};

/// The cells of one column.
#[derive(Debug)]
pub(super) struct Cells<'a> {
    pub(super) values: Buffer,
    /// What views point into.
    pub(super) text: &'a Arc<[Buffer]>,
    /// Of lists: offsets, and the numbers of all.
    pub(super) lists: Option<&'a (Buffer, Buffer)>,
    pub(super) rows: usize,
}

/// The array of a column. Nothing is copied but what is written as text.
pub(super) fn array(kind: Kind, cells: Cells<'_>, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
    let Cells { values, text, lists, rows } = cells;
    Ok(match kind {
        Kind::U8 => Arc::new(UInt8Array::try_new(values.into(), nulls)?),
        Kind::U16 => Arc::new(UInt16Array::try_new(values.into(), nulls)?),
        Kind::U32 => Arc::new(UInt32Array::try_new(values.into(), nulls)?),
        Kind::U64 => Arc::new(UInt64Array::try_new(values.into(), nulls)?),
        Kind::I64 => Arc::new(Int64Array::try_new(values.into(), nulls)?),
        Kind::Difference => Arc::new(DurationNanosecondArray::try_new(values.into(), nulls)?),
        Kind::Double => Arc::new(Float64Array::try_new(values.into(), nulls)?),
        Kind::Time => Arc::new(TimestampNanosecondArray::try_new(values.into(), nulls)?.with_timezone(Arc::clone(&UTC))),
        Kind::Duration => {
            let values: ScalarBuffer<i64> = values.into();
            let nulls = without_negative(&values, nulls);
            Arc::new(DurationNanosecondArray::try_new(values, nulls)?)
        }
        Kind::Fixed(width) => Arc::new(FixedSizeBinaryArray::try_new_with_len(width, values, nulls, rows)?),
        Kind::Text => Arc::new(StringViewArray::try_new(values.into(), Arc::clone(text), nulls)?),
        Kind::Octets => Arc::new(BinaryViewArray::try_new(values.into(), Arc::clone(text), nulls)?),
        Kind::List => {
            let (offsets, items) = lists.ok_or_else(|| ArrowError::InvalidArgumentError("lists without offsets".to_owned()))?;
            let items = UInt32Array::try_new(items.clone().into(), None)?;
            Arc::new(ListArray::try_new(item(), OffsetBuffer::new(offsets.clone().into()), Arc::new(items), nulls)?)
        }
        Kind::AddressText => written(&values, nulls.as_ref(), |octets: &[u8; 16]| address_of_octets(*octets)),
        Kind::MacText => written(&values, nulls.as_ref(), |octets: &[u8; 6]| Mac::new(*octets)),
        Kind::Words(id, 1) => written(&values, nulls.as_ref(), |&[number]: &[u8; 1]| Word(id, number.into())),
        Kind::Words(id, _) => written(&values, nulls.as_ref(), |octets: &[u8; 4]| Word(id, u32::from_ne_bytes(*octets))),
    })
}

/// An array without a cell: all columns share the zeros and the bits.
pub(super) fn missing(kind: Kind, zeros: &Buffer, nulls: &NullBuffer, rows: usize) -> Result<ArrayRef, ArrowError> {
    // Views of nothing stand where text is written.
    let (kind, width) = match kind {
        Kind::AddressText | Kind::MacText | Kind::Words(..) => (Kind::Text, Kind::Text.width()),
        kind => (kind, kind.width()),
    };
    let values = zeros.slice_with_length(0, rows.saturating_mul(width));
    let offsets = zeros.slice_with_length(0, rows.saturating_add(1).saturating_mul(Kind::List.width()));
    let lists = (offsets, zeros.slice_with_length(0, 0));
    let text: Arc<[Buffer]> = Arc::new([]);
    array(kind, Cells { values, text: &text, lists: Some(&lists), rows }, Some(nulls.clone()))
}

/// Values as text.
fn written<const N: usize, T: Display>(values: &[u8], nulls: Option<&NullBuffer>, value: impl Fn(&[u8; N]) -> T) -> ArrayRef {
    let (cells, _) = values.as_chunks::<N>();
    let mut builder = StringViewBuilder::with_capacity(cells.len());
    let mut text = String::new();
    for (row, cell) in cells.iter().enumerate() {
        if nulls.is_none_or(|nulls| nulls.is_valid(row)) {
            text.clear();
            let _ = write!(text, "{}", value(cell));
            builder.append_value(&text);
        } else {
            builder.append_null();
        }
    }
    Arc::new(builder.finish())
}

/// A number of a field that is said in words; one without a word as it is.
struct Word(FieldId, u32);

impl Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match word(self.0, self.1.into()) {
            Some(word) => f.write_str(word),
            None => self.1.fmt(f),
        }
    }
}

/// Numbers of 2^63 and more came out negative: there is no such duration.
fn without_negative(values: &ScalarBuffer<i64>, nulls: Option<NullBuffer>) -> Option<NullBuffer> {
    if values.iter().all(|value| *value >= 0) {
        return nulls;
    }
    let there = BooleanBuffer::collect_bool(values.len(), |row| {
        values.get(row).is_some_and(|value| *value >= 0) && nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row))
    });
    Some(NullBuffer::new(there))
}
