//! Text that is UTF-8, and text that is not.

use core::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, MapArray, StringArray, StructArray};
use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBuffer, OffsetBuffer};
use arrow_schema::DataType;

use super::arrays::{self, Cells};
use super::schema::{Kind, raw_entries};
use super::{ArrowError, SchemaRef};
use crate::batch::{octets_of_view, view_of};
use crate::text::Text;

/// Takes the NULs off the end that texts of a fixed length are padded with.
pub(super) fn trim(views: &mut [u128], text: &[u8]) {
    for view in views {
        let octets = octets_of_view(view, text).unwrap_or_default();
        if octets.last() == Some(&0) {
            *view = trimmed(*view, text);
        }
    }
}

#[cold]
fn trimmed(view: u128, text: &[u8]) -> u128 {
    let octets = octets_of_view(&view, text).unwrap_or_default();
    let place = usize::try_from(view >> 96).unwrap_or(0);
    view_of(Text::new(octets).trimmed().as_bytes(), place).unwrap_or(view)
}

/// Texts that are not UTF-8.
#[derive(Debug, Default)]
pub(super) struct Raw {
    /// Row, column, and where the octets are.
    found: Vec<(usize, usize, Range<usize>)>,
    octets: Vec<u8>,
}

impl Raw {
    pub(super) const fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// A column of text. What is not UTF-8 is null there, and kept here.
    pub(super) fn text(&mut self, column: usize, cells: Cells<'_>, nulls: Option<&NullBuffer>) -> Result<ArrayRef, ArrowError> {
        let (values, text, rows) = (cells.values.clone(), cells.text, cells.rows);
        // Arrow looks at each value: as a rule all are well.
        if let Ok(array) = arrays::array(Kind::Text, cells, nulls.cloned()) {
            return Ok(array);
        }
        let octets = text.first().map(Buffer::as_slice).unwrap_or_default();
        let mut views = values.typed_data::<u128>().to_vec();
        let mut there = BooleanBufferBuilder::new(rows);
        for (row, view) in views.iter_mut().enumerate() {
            let value = octets_of_view(view, octets).filter(|_| nulls.is_none_or(|nulls| nulls.is_valid(row)));
            let well = value.is_some_and(|value| core::str::from_utf8(value).is_ok());
            if !well {
                if let Some(value) = value {
                    let from = self.octets.len();
                    self.octets.extend_from_slice(value);
                    self.found.push((row, column, from..self.octets.len()));
                }
                *view = 0;
            }
            there.append(well);
        }
        let cells = Cells { values: Buffer::from_vec(views), text, lists: None, rows };
        arrays::array(Kind::Text, cells, Some(NullBuffer::new(there.finish())))
    }

    /// The map of each row; null where all its texts are UTF-8.
    pub(super) fn map(mut self, schema: &SchemaRef, rows: usize) -> Result<ArrayRef, ArrowError> {
        // Found column by column.
        self.found.sort_unstable_by_key(|&(row, column, _)| (row, column));
        let mut lengths = vec![0_usize; rows];
        for &(row, ..) in &self.found {
            if let Some(length) = lengths.get_mut(row) {
                *length = length.saturating_add(1);
            }
        }
        let names = self.found.iter().map(|&(_, column, _)| schema.fields().get(column).map(|field| &**field.name()));
        let values = self.found.iter().map(|(.., place)| self.octets.get(place.clone()));
        let (names, values): (StringArray, BinaryArray) = (names.collect(), values.collect());
        let entries = StructArray::try_new(raw_entries(), vec![Arc::new(names), Arc::new(values)], None)?;
        let nulls: NullBuffer = lengths.iter().map(|length| *length != 0).collect();
        let field = match schema.fields().last().map(|field| field.data_type()) {
            Some(DataType::Map(field, _)) => Arc::clone(field),
            _ => return Err(ArrowError::SchemaError("there is no column for raw text".to_owned())),
        };
        Ok(Arc::new(MapArray::try_new(field, OffsetBuffer::from_lengths(lengths), entries, Some(nulls), false)?))
    }
}
