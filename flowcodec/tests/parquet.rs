//! Parquet files: row groups, compression and statistics, and what is read back.
#![cfg(test)]

use arrow_array::cast::AsArray as _;
use arrow_array::types::{UInt16Type, UInt64Type};
use flowcodec::io::arrow::{Addresses, Conversion};
use flowcodec::io::parquet::{ROWS, Writer};
use flowcodec::model::{FieldValue, Schema};
use flowcodec::{FlowBatch, Text, Timestamp, field};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding};
use parquet::file::statistics::Statistics;

/// More rows than a row group has, so that there are two.
#[test]
fn files_for_scans() {
    let fields = [field::START.id(), field::SRC_ADDR.id(), field::DST_PORT.id(), field::OCTETS.id(), field::SRC_POD.id()];
    let mut batch = FlowBatch::builder(Schema::common()).fields(fields).build().unwrap();
    let mut conversion = Conversion::new(&batch).addresses(Addresses::Text).build().unwrap();
    let mut file = Writer::new(Vec::new(), conversion.schema()).unwrap();
    let rows = u64::try_from(ROWS).unwrap() + 10_000;
    for number in 0..rows {
        if batch.is_full() {
            file.write(&conversion.convert(&mut batch).unwrap()).unwrap();
        }
        let mut row = batch.row().unwrap();
        assert!(row.set(field::START.id(), FieldValue::Time(Timestamp::from_seconds(1_700_000_000 + number))));
        assert!(row.set(field::DST_PORT.id(), FieldValue::Unsigned(number % 7)));
        assert!(row.set(field::OCTETS.id(), FieldValue::Unsigned(number)));
        if number % 1_000 == 0 {
            assert!(row.set(field::SRC_ADDR.id(), FieldValue::Address([192, 0, 2, 7].into())));
            assert!(row.set(field::SRC_POD.id(), FieldValue::Text(Text::from("default/a-pod-of-many"))));
        }
    }
    file.write(&conversion.convert(&mut batch).unwrap()).unwrap();
    let octets = bytes::Bytes::from(file.finish().unwrap());
    let reader = ParquetRecordBatchReaderBuilder::try_new(octets.clone()).unwrap();
    let groups = reader.metadata().row_groups();
    let counts: Vec<_> = groups.iter().map(|group| usize::try_from(group.num_rows()).unwrap()).collect();
    assert_eq!(counts, [ROWS, 10_000]);
    for group in groups {
        for column in group.columns() {
            assert!(matches!(column.compression(), Compression::ZSTD(_)), "{:?}", column.column_path());
            let has = column.statistics().is_some() || column.column_path().string().starts_with("raw_text");
            assert!(has, "{:?}", column.column_path());
        }
        assert!(group.column(0).encodings().any(|encoding| encoding == Encoding::DELTA_BINARY_PACKED));
    }
    let Some(Statistics::Int64(octets_of_second)) = groups[1].column(3).statistics() else { panic!() };
    let first_of_second = i64::try_from(ROWS).unwrap();
    assert_eq!(
        (octets_of_second.min_opt(), octets_of_second.max_opt()),
        (Some(&first_of_second), Some(&(first_of_second + 9_999)))
    );
    assert_eq!(reader.schema().field(3).metadata()["elements"], "0/1 0/231");

    let (mut sum, mut count, mut pods) = (0, 0, 0);
    for made in reader.build().unwrap() {
        let made = made.unwrap();
        let numbers = made.column(3).as_primitive::<UInt64Type>();
        sum += numbers.iter().flatten().sum::<u64>();
        let ports = made.column(2).as_primitive::<UInt16Type>();
        assert!(numbers.iter().zip(ports).all(|(number, port)| number.unwrap() % 7 == u64::from(port.unwrap())), "in order");
        let (addresses, names) = (made.column(1).as_string_view(), made.column(4).as_string_view());
        assert!(addresses.iter().flatten().all(|address| address == "192.0.2.7"));
        pods += names.iter().flatten().filter(|name| *name == "default/a-pod-of-many").count();
        count += made.num_rows();
    }
    assert_eq!((count, sum, pods), (ROWS + 10_000, rows * (rows - 1) / 2, 273));
}
