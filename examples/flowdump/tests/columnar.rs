//! Arrow's record batches hold what batches hold, and batches what the records say: over the whole corpus.
#![cfg(test)]

mod common;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use common::{corpus, groups};
use flowcodec::io::arrow::arrow_array::cast::AsArray as _;
use flowcodec::io::arrow::arrow_array::types::{
    Float64Type, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use flowcodec::io::arrow::arrow_array::{Array, ArrayRef, RecordBatch};
use flowcodec::io::arrow::arrow_schema::{DataType, SchemaRef};
use flowcodec::io::arrow::{Addresses, Conversion, RAW_TEXT};
use flowcodec::model::{FieldId, FieldValue, Mac, OwnedValue, Schema, word};
use flowcodec::{Event, FlowBatch, RecordSet, Settings, Timestamp};

/// Rows of a batch: few, so that sets are parted.
const ROWS: usize = 500;

/// One of the two ways to say addresses and numbers that have words.
struct Way {
    batch: FlowBatch,
    conversion: Conversion,
    readable: bool,
    schema: Option<SchemaRef>,
}

impl Way {
    fn new(readable: bool) -> Self {
        let batch = FlowBatch::builder(Schema::common()).all().capacity(ROWS).build().unwrap();
        let conversion = Conversion::new(&batch);
        let conversion = if readable { conversion.addresses(Addresses::Text).words() } else { conversion };
        let conversion = conversion.build().unwrap();
        Self { batch, conversion, readable, schema: None }
    }

    /// Adds a set, whose records the values are of, and holds each batch that becomes full against them.
    fn add(&mut self, set: RecordSet<'_>, told: &mut Told) {
        let (mut records, mut rest) = (set.records(), Some(set));
        while let Some(set) = rest {
            let from = self.batch.len();
            rest = self.batch.append(set);
            for (_, record) in (from..self.batch.len()).zip(&mut records) {
                let fields = record.fields(self.batch.schema()).map(|(id, value)| (id, OwnedValue::from(value)));
                told.rows.push(fields.collect());
            }
            if self.batch.is_full() {
                self.convert(told);
            }
        }
    }

    fn convert(&mut self, told: &mut Told) {
        let rows: Vec<Vec<(FieldId, OwnedValue)>> = std::mem::take(&mut told.rows);
        assert_eq!(rows.len(), self.batch.len());
        for (row, fields) in rows.iter().enumerate() {
            for (id, value) in fields {
                assert!(same(self.batch.value(*id, row), Some(value.as_value())), "row {row}, {id:?}");
            }
        }
        let made = self.conversion.convert(&mut self.batch).unwrap();
        let schema = self.schema.get_or_insert_with(|| made.schema());
        assert_eq!((*schema).clone(), made.schema(), "all batches have one schema");
        told.cells += self.hold(&made, &rows, &mut told.raw);
    }

    /// Gives the number of cells that are there.
    fn hold(&self, made: &RecordBatch, rows: &[Vec<(FieldId, OwnedValue)>], raw: &mut usize) -> usize {
        let (schema, raw_column) = (Schema::common(), made.column_by_name(RAW_TEXT).unwrap().as_map());
        let mut there = 0;
        for (row, fields) in rows.iter().enumerate() {
            let mut octets = HashMap::new();
            for (id, value) in fields {
                let (column, name) = (made.column(id.index()), &*schema.field(*id).unwrap().name);
                let value = value.as_value();
                if let FieldValue::Text(text) = value
                    && text.to_str().is_err()
                {
                    assert!(column.is_null(row), "{name} is not UTF-8");
                    octets.insert(name.to_owned(), text.trimmed().as_bytes().to_vec());
                    continue;
                }
                assert!(!column.is_null(row), "{name} of row {row}");
                assert!(self.says(*id, column, row, value), "{name} of row {row}: {value:?}");
                there += 1;
            }
            let mut found = HashMap::new();
            if !raw_column.is_null(row) {
                let entries = raw_column.value(row);
                let (keys, values) = (entries.column(0).as_string::<i32>(), entries.column(1).as_binary::<i32>());
                found.extend(keys.iter().zip(values).map(|(key, value)| (key.unwrap().to_owned(), value.unwrap().to_vec())));
                *raw += found.len();
            }
            assert_eq!(found, octets, "row {row}");
        }
        let cells: usize = made.columns().iter().rev().skip(1).map(|column| column.len() - column.null_count()).sum();
        assert_eq!(cells, there, "nothing is there that no record says");
        there
    }

    fn says(&self, id: FieldId, column: &ArrayRef, row: usize, value: FieldValue<'_>) -> bool {
        let (text, said) = (column.as_string_view_opt(), value);
        if let Some(text) = text {
            assert!(self.readable || matches!(value, FieldValue::Text(_)));
            let wanted = match value {
                FieldValue::Text(text) => text.trimmed().to_str().unwrap().to_owned(),
                FieldValue::Address(address) => address.to_string(),
                FieldValue::Mac(mac) => mac.to_string(),
                FieldValue::Unsigned(number) => word(id, number).map_or_else(|| number.to_string(), str::to_owned),
                other => panic!("{other:?} as text"),
            };
            return text.value(row) == wanted;
        }
        let numbers: Vec<u32>;
        let found = match column.data_type() {
            DataType::UInt8 => FieldValue::Unsigned(column.as_primitive::<UInt8Type>().value(row).into()),
            DataType::UInt16 => FieldValue::Unsigned(column.as_primitive::<UInt16Type>().value(row).into()),
            DataType::UInt32 => FieldValue::Unsigned(column.as_primitive::<UInt32Type>().value(row).into()),
            DataType::UInt64 => FieldValue::Unsigned(column.as_primitive::<UInt64Type>().value(row)),
            DataType::Float64 => FieldValue::Double(column.as_primitive::<Float64Type>().value(row)),
            DataType::Timestamp(..) => {
                FieldValue::Time(Timestamp::from_nanos(column.as_primitive::<TimestampNanosecondType>().value(row)))
            }
            DataType::FixedSizeBinary(16) => {
                let octets: [u8; 16] = column.as_fixed_size_binary().value(row).try_into().unwrap();
                FieldValue::Address(IpAddr::V6(Ipv6Addr::from(octets)).to_canonical())
            }
            DataType::FixedSizeBinary(_) => {
                FieldValue::Mac(Mac::new(column.as_fixed_size_binary().value(row).try_into().unwrap()))
            }
            DataType::BinaryView => FieldValue::Octets(column.as_binary_view().value(row)),
            _ => {
                numbers = column.as_list::<i32>().value(row).as_primitive::<UInt32Type>().values().to_vec();
                FieldValue::Numbers((&*numbers).into())
            }
        };
        same(Some(found), Some(said))
    }
}

/// Whether both say the same, numbers that are none too.
fn same(one: Option<FieldValue<'_>>, other: Option<FieldValue<'_>>) -> bool {
    match (one, other) {
        (Some(FieldValue::Double(one)), Some(FieldValue::Double(other))) => one.to_bits() == other.to_bits(),
        _ => one == other,
    }
}

/// What the records of the rows in a batch say, and what was counted.
#[derive(Default)]
struct Told {
    rows: Vec<Vec<(FieldId, OwnedValue)>>,
    cells: usize,
    raw: usize,
}

#[test]
fn record_batches_say_what_records_say() {
    let Some(corpus) = corpus() else { return };
    let (mut octets, mut readable) = (Way::new(false), Way::new(true));
    let (mut of_octets, mut of_readable) = (Told::default(), Told::default());
    for group in groups(&corpus) {
        group.decode(&corpus, Settings::default(), &mut |event| {
            if let Event::Flows(set) = event {
                octets.add(*set, &mut of_octets);
                readable.add(*set, &mut of_readable);
            }
        });
    }
    octets.convert(&mut of_octets);
    readable.convert(&mut of_readable);
    assert_eq!(of_octets.cells, of_readable.cells);
    assert!(of_octets.cells > 1_000_000, "{} cells", of_octets.cells);
    assert_eq!((of_octets.raw, of_readable.raw), (RAW, RAW), "texts that are not UTF-8");
}

/// Texts in the corpus that are not UTF-8.
const RAW: usize = 0;
