//! Batches as Arrow's: types, values, what is missing, text that is not UTF-8, and memory that comes back.
#![cfg(test)]
#![deny(unsafe_code)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    DurationNanosecondType, Float64Type, Int64Type, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use common::{NOW, exporter, ipfix, set, template};
use flowcodec::io::arrow::{Addresses, Conversion, RAW_TEXT, RecordBatch, compact};
use flowcodec::model::{FieldDef, FieldId, FieldValue, I64, Mac, Numbers, Schema, String as TextField, U64, Unit};
use flowcodec::{Decoder, Event, FlowBatch, Text, Timestamp, field};

fn append(decoder: &mut Decoder, batch: &mut FlowBatch, sets: &[Vec<u8>]) {
    decoder.datagram(exporter(), NOW, &ipfix(sets)).for_each(|event| {
        if let Event::Flows(set) = event {
            assert!(batch.append(set).is_none());
        }
    });
}

fn batch(names: &[&str], capacity: usize) -> FlowBatch {
    let schema = Schema::common();
    let fields: Vec<FieldId> = names.iter().map(|name| schema.find(name).unwrap()).collect();
    FlowBatch::builder(schema).fields(fields).capacity(capacity).build().unwrap()
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> &'a ArrayRef {
    batch.column_by_name(name).unwrap()
}

fn texts<'a>(batch: &'a RecordBatch, name: &str) -> Vec<Option<&'a str>> {
    column(batch, name).as_string_view().iter().collect()
}

/// One row with everything, one with nothing.
#[test]
fn every_type() {
    let names = [
        "src_addr",
        "start",
        "sampling_rate",
        "src_mac",
        "tcp_state",
        "application_id",
        "as_path",
        "tos",
        "src_port",
        "in_if",
        "octets",
    ];
    for addresses in [Addresses::Octets, Addresses::Text] {
        let mut batch = batch(&names, 4);
        let mut conversion = Conversion::new(&batch).addresses(addresses).build().unwrap();
        let mut row = batch.row().unwrap();
        let values = [
            FieldValue::Address([198, 51, 100, 7].into()),
            FieldValue::Time(Timestamp::from_nanos(-5)),
            FieldValue::Double(0.5),
            FieldValue::Mac(Mac::new([2, 0, 0, 0, 0, 0xa])),
            FieldValue::Text(Text::from("ESTABLISHED and more")),
            FieldValue::Octets(b"more than twelve"),
            FieldValue::Numbers(Numbers::from(&[64_496, 64_511][..])),
            FieldValue::Unsigned(255),
            FieldValue::Unsigned(65_535),
            FieldValue::Unsigned(0xffff_ffff),
            FieldValue::Unsigned(u64::MAX),
        ];
        for (name, value) in names.iter().zip(values) {
            assert!(row.set(Schema::common().find(name).unwrap(), value), "{name}");
        }
        assert!(batch.row().is_some());
        let made = conversion.convert(&mut batch).unwrap();
        assert_eq!((made.num_rows(), made.schema(), batch.len()), (2, conversion.schema().clone(), 0));
        for (name, array) in names.iter().zip(made.columns()) {
            assert_eq!((array.is_null(0), array.is_null(1), array.null_count()), (false, true, 1), "{name}");
            assert!(made.schema().field_with_name(name).unwrap().is_nullable());
        }
        match addresses {
            Addresses::Octets => {
                let octets = column(&made, "src_addr").as_fixed_size_binary();
                assert_eq!(octets.value(0), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 198, 51, 100, 7]);
                assert_eq!(column(&made, "src_mac").as_fixed_size_binary().value(0), [2, 0, 0, 0, 0, 0xa]);
            }
            _ => {
                assert_eq!(texts(&made, "src_addr"), [Some("198.51.100.7"), None]);
                assert_eq!(texts(&made, "src_mac"), [Some("02:00:00:00:00:0a"), None]);
            }
        }
        assert_eq!(column(&made, "start").data_type(), &DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())));
        assert_eq!(column(&made, "start").as_primitive::<TimestampNanosecondType>().value(0), -5);
        assert_eq!(column(&made, "sampling_rate").as_primitive::<Float64Type>().value(0).to_bits(), 0.5_f64.to_bits());
        assert_eq!(texts(&made, "tcp_state"), [Some("ESTABLISHED and more"), None]);
        assert_eq!(column(&made, "application_id").as_binary_view().value(0), b"more than twelve");
        let path = column(&made, "as_path").as_list::<i32>().value(0);
        assert_eq!(path.as_primitive::<UInt32Type>().values()[..], [64_496, 64_511]);
        assert_eq!(column(&made, "tos").as_primitive::<UInt8Type>().value(0), 255);
        assert_eq!(column(&made, "src_port").as_primitive::<UInt16Type>().value(0), 65_535);
        assert_eq!(column(&made, "in_if").as_primitive::<UInt32Type>().value(0), 0xffff_ffff);
        assert_eq!(column(&made, "octets").as_primitive::<UInt64Type>().value(0), u64::MAX);
        assert_eq!(column(&made, RAW_TEXT).null_count(), 2);
    }
}

static LATENCY: FieldDef<U64> = FieldDef::new("latency", Unit::Nanos, "Latency", &[]);
static TAKEN: FieldDef<TextField> = FieldDef::new(RAW_TEXT, Unit::None, "Takes the name", &[]);

#[test]
fn durations() {
    let schema = Schema::common().with([LATENCY.spec()]).unwrap();
    let id = schema.resolve(&LATENCY).unwrap().id();
    let mut batch = FlowBatch::builder(schema).fields([id]).build().unwrap();
    let mut conversion = Conversion::new(&batch).build().unwrap();
    for value in [7, i64::MAX.unsigned_abs(), i64::MAX.unsigned_abs() + 1, u64::MAX] {
        batch.row().unwrap().set(id, FieldValue::Unsigned(value));
    }
    let made = conversion.convert(&mut batch).unwrap();
    let found: Vec<_> = made.column(0).as_primitive::<DurationNanosecondType>().iter().collect();
    assert_eq!(found, [Some(7), Some(i64::MAX), None, None], "there is no duration of 2^63 nanoseconds");
    assert_eq!(made.num_columns(), 1, "no text, no raw text");
}

static ADDED: FieldDef<I64> = FieldDef::new("added", Unit::Nanos, "A difference", &[]);
static DEPTH: FieldDef<I64> = FieldDef::new("depth", Unit::None, "A number", &[]);

#[test]
fn signed_numbers() {
    let schema = Schema::common().with([ADDED.spec(), DEPTH.spec()]).unwrap();
    let ids = [&ADDED, &DEPTH].map(|field| schema.resolve(field).unwrap().id());
    let mut batch = FlowBatch::builder(schema).fields(ids).build().unwrap();
    let mut conversion = Conversion::new(&batch).build().unwrap();
    let values = [-7, i64::MIN, 0, i64::MAX];
    for value in values {
        let mut row = batch.row().unwrap();
        assert!(ids.iter().all(|id| row.set(*id, FieldValue::Signed(value))));
    }
    let made = conversion.convert(&mut batch).unwrap();
    let durations: Vec<_> = made.column(0).as_primitive::<DurationNanosecondType>().iter().flatten().collect();
    let numbers: Vec<_> = made.column(1).as_primitive::<Int64Type>().iter().flatten().collect();
    assert_eq!((&*durations, &*numbers), (&values[..], &values[..]), "a difference is a duration, and may be negative");
}

#[test]
fn the_schema_says_what_columns_mean() {
    let batch = batch(&["src_addr", "octets", "protocol", "src_pod", "start", "drop_reason"], 4);
    let plain = Conversion::new(&batch).build().unwrap();
    let say = |name: &str, key: &str| plain.schema().field_with_name(name).unwrap().metadata().get(key).cloned();
    assert_eq!(say("octets", "unit").as_deref(), Some("octets"));
    assert_eq!(say("octets", "elements").as_deref(), Some("0/1 0/231"));
    assert_eq!(say("src_pod", "elements").as_deref(), Some("56506/101 55829/101"));
    assert!(say("src_addr", "encoding").unwrap().contains("::ffff:"));
    assert_eq!(say("start", "unit").as_deref(), Some("nanoseconds since 1970"));
    assert_eq!((say("src_addr", "unit"), say("protocol", "elements")), (None, None));
    let values = say("protocol", "values").unwrap();
    assert!(values.starts_with("0 unknown, 1 ") && values.contains("10 ipfix") && values.contains("105 sflow"), "{values}");
    assert!(say("drop_reason", "values").unwrap().contains("256 "));
    let words = Conversion::new(&batch).addresses(Addresses::Text).words().build().unwrap();
    for name in ["src_addr", "protocol", "src_pod", "drop_reason"] {
        let field = words.schema().field_with_name(name).unwrap().clone();
        assert_eq!((field.data_type(), field.metadata().get("encoding")), (&DataType::Utf8View, None));
    }
    let schema = Schema::common().with([TAKEN.spec()]).unwrap();
    let taken = FlowBatch::builder(schema).all().build().unwrap();
    assert!(Conversion::new(&taken).build().unwrap_err().to_string().contains("raw_text"));
}

#[test]
fn numbers_in_words() {
    let mut batch = batch(&["protocol", "drop_reason"], 4);
    let mut conversion = Conversion::new(&batch).words().build().unwrap();
    for (protocol, reason) in [(10, 256), (105, 4_000_000_000)] {
        let mut row = batch.row().unwrap();
        assert!(row.set(field::PROTOCOL.id(), FieldValue::Unsigned(protocol)));
        assert!(row.set(field::DROP_REASON.id(), FieldValue::Unsigned(reason)));
    }
    let made = conversion.convert(&mut batch).unwrap();
    assert_eq!(texts(&made, "protocol"), [Some("ipfix"), Some("sflow")]);
    let word = flowcodec::model::word(field::DROP_REASON.id(), 256).unwrap();
    assert_eq!(texts(&made, "drop_reason"), [Some(word), Some("4000000000")], "a number without a word stays one");
}

const POD: (u32, u16) = (56_506, 101);
const NAMESPACE: (u32, u16) = (56_506, 100);

/// Padding goes, short and long, from the wire and from rows.
#[test]
fn texts_without_their_padding() {
    let mut batch = batch(&["in_if_name", "src_pod"], 16);
    let mut conversion = Conversion::new(&batch).build().unwrap();
    let fields = [(0, 82, 20), (POD.0, POD.1, 65_535)];
    let names: [&[u8; 20]; 4] =
        [b"eth0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", b"twelve-chars\0\0\0\0\0\0\0\0", b"thirteen-char\0\0\0\0\0\0\0", &[0; 20]];
    let records: Vec<u8> = names.iter().flat_map(|name| [&name[..], b"\x04pod\0"].concat()).collect();
    append(&mut Decoder::default(), &mut batch, &[set(2, &template(256, &fields)), set(256, &records)]);
    let made = conversion.convert(&mut batch).unwrap();
    assert_eq!(texts(&made, "in_if_name"), [Some("eth0"), Some("twelve-chars"), Some("thirteen-char"), Some("")]);
    assert_eq!(texts(&made, "src_pod"), [Some("pod"); 4]);
    assert_eq!(column(&made, RAW_TEXT).null_count(), 4);
}

fn raw(batch: &RecordBatch, row: usize) -> Option<Vec<(String, Vec<u8>)>> {
    let map = column(batch, RAW_TEXT).as_map();
    let entries = (!map.is_null(row)).then(|| map.value(row))?;
    let (keys, values) = (entries.column(0).as_string::<i32>(), entries.column(1).as_binary::<i32>());
    Some(keys.iter().zip(values).map(|(key, value)| (key.unwrap().to_owned(), value.unwrap().to_vec())).collect())
}

#[test]
fn text_that_is_not_utf8() {
    let mut batch = batch(&["src_namespace", "src_pod"], 16);
    let mut conversion = Conversion::new(&batch).build().unwrap();
    let fields = [(POD.0, POD.1, 65_535), (NAMESPACE.0, NAMESPACE.1, 65_535)];
    let records: [&[u8]; 5] = [
        b"\x03pod\x02ns",
        b"\x03p\xffd\x02ns",
        b"\x11sixteen and cut \xc3\x03n\xc3\0",
        "\u{5}h\u{e9}h\u{e9}".as_bytes(),
        b"\x04pod2\x00",
    ];
    // "héhé" is six octets.
    let records = [records[0], records[1], records[2], &[6], &records[3][1..], &[0], records[4]].concat();
    append(&mut Decoder::default(), &mut batch, &[set(2, &template(256, &fields)), set(256, &records)]);
    let made = conversion.convert(&mut batch).unwrap();
    assert_eq!(texts(&made, "src_pod"), [Some("pod"), None, None, Some("h\u{e9}h\u{e9}"), Some("pod2")]);
    assert_eq!(texts(&made, "src_namespace"), [Some("ns"), Some("ns"), None, Some(""), Some("")]);
    let pair = |name: &str, octets: &[u8]| (name.to_owned(), octets.to_vec());
    assert_eq!(raw(&made, 1), Some(vec![pair("src_pod", b"p\xffd")]));
    let both = vec![pair("src_namespace", b"n\xc3"), pair("src_pod", b"sixteen and cut \xc3")];
    assert_eq!((raw(&made, 0), raw(&made, 2), raw(&made, 3), raw(&made, 4)), (None, Some(both), None, None));
    // The same schema, with and without.
    append(&mut Decoder::default(), &mut batch, &[set(2, &template(256, &fields)), set(256, b"\x03pod\x02ns")]);
    let well = conversion.convert(&mut batch).unwrap();
    assert_eq!((well.schema(), raw(&well, 0)), (made.schema(), None));
    assert_eq!(texts(&made, "src_pod")[3], Some("h\u{e9}h\u{e9}"), "what was handed on is not touched");
}

/// Columns that come late, that nobody has, and batches of different fill; what was cut out of one stays.
#[test]
fn columns_that_are_missing() {
    let mut batch = batch(&["src_port", "octets", "as_path", "mpls_labels", "src_pod", "tos", "next_hop"], 10);
    let mut conversion = Conversion::new(&batch).build().unwrap();
    let mut decoder = Decoder::default();
    let (ports, more) = ([(0, 7, 2)], [(0, 1, 8), (0, 70, 3), (POD.0, POD.1, 65_535)]);
    let record = [&[0, 0, 0, 0, 0, 0, 3, 232, 0, 0, 0x71][..], b"\x15a name longer than 12"].concat();
    append(
        &mut decoder,
        &mut batch,
        &[set(2, &template(256, &ports)), set(2, &template(257, &more)), set(256, &[0, 80].repeat(8)), set(257, &record)],
    );
    let first = conversion.convert(&mut batch).unwrap();
    append(&mut decoder, &mut batch, &[set(256, &[0, 53].repeat(10))]);
    let second = conversion.convert(&mut batch).unwrap();
    let third = conversion.convert(&mut batch).unwrap();
    assert_eq!((first.num_rows(), second.num_rows(), third.num_rows()), (9, 10, 0));
    assert_eq!((first.schema(), second.schema()), (second.schema(), third.schema()));
    let count = |made: &RecordBatch| made.columns().iter().map(Array::logical_null_count).collect::<Vec<_>>();
    assert_eq!(count(&first), [1, 8, 9, 8, 8, 9, 9, 9]);
    assert_eq!(count(&second), [0, 10, 10, 10, 10, 10, 10, 10]);
    let octets = column(&first, "octets").as_primitive::<UInt64Type>();
    assert_eq!((octets.is_null(7), octets.value(8)), (true, 1_000));
    let labels = column(&first, "mpls_labels").as_list::<i32>();
    assert_eq!((labels.value(7).len(), labels.value(8).as_primitive::<UInt32Type>().value(0)), (0, 7));
    assert_eq!(texts(&first, "src_pod")[8], Some("a name longer than 12"));
    assert_eq!(column(&second, "src_port").as_primitive::<UInt16Type>().values()[..], [53; 10]);
    for made in [&first, &second, &third] {
        for array in made.columns() {
            array.to_data().validate_full().unwrap();
        }
    }
    let kept = compact(&first).unwrap();
    assert_eq!(kept, first);
    let data = column(&kept, "src_pod").as_string_view().data_buffers().iter().map(arrow_buffer::Buffer::len).sum::<usize>();
    assert_eq!(data, 21, "the text, and nothing of the records around it");
}

#[test]
fn another_batch_is_refused() {
    let mut own = batch(&["src_port", "tos"], 4);
    let mut conversion = Conversion::new(&own).build().unwrap();
    let foreign =
        FlowBatch::builder(Schema::common().with([LATENCY.spec()]).unwrap()).fields([field::SRC_PORT.id(), field::TOS.id()]);
    let foreign = foreign.capacity(4).build().unwrap();
    for mut other in [foreign, batch(&["src_port"], 4), batch(&["tos", "src_port"], 4), batch(&["src_port", "tos"], 100)] {
        for _ in 0..other.capacity().min(5) {
            assert!(other.row().is_some());
        }
        let len = other.len();
        let refused = conversion.convert(&mut other).unwrap_err().to_string();
        assert!(refused.contains("not made for") && other.len() == len, "{refused}");
    }
    assert!(own.row().is_some());
    assert_eq!(conversion.convert(&mut own).unwrap().num_rows(), 1);
}

thread_local! {
    /// Octets that this thread has allocated and not given back.
    static HELD: Cell<isize> = const { Cell::new(0) };
    /// Allocations of more than a kilobyte.
    static LARGE: Cell<usize> = const { Cell::new(0) };
}

struct Counter;

#[global_allocator]
static COUNTER: Counter = Counter;

fn note(size: usize, sign: isize) {
    HELD.set(HELD.get() + sign * size.cast_signed());
    if sign > 0 && size > 1_024 {
        LARGE.set(LARGE.get() + 1);
    }
}

#[expect(unsafe_code, reason = "an allocator is told of its caller's duties, and passes them on to the system's")]
// SAFETY: both methods hand their arguments on to `System` as they are and give back what that gives, so that the promises of `GlobalAlloc`
// are kept by `System`; counting touches thread-local numbers, and neither allocates nor unwinds. The methods that are not here go by these.
unsafe impl GlobalAlloc for Counter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 1);
        // SAFETY: the caller promised of `layout` what `System` asks for: its size is not zero.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        note(layout.size(), -1);
        // SAFETY: the caller promised that `place` came from this allocator, which is `System`, with this `layout`.
        unsafe { System.dealloc(place, layout) }
    }
}

/// Addresses of the memory of all columns.
fn places(batch: &RecordBatch) -> Vec<usize> {
    let buffers = batch.columns().iter().flat_map(|column| column.to_data().buffers().to_vec());
    buffers.map(|buffer| buffer.as_ptr().addr()).collect()
}

/// A consumer that drops each batch, one that is some batches behind, and one that keeps them all.
#[test]
fn memory_comes_back() {
    let names = ["src_addr", "src_port", "octets", "src_pod", "mpls_labels", "received"];
    let fields = [(0, 8, 4), (0, 7, 2), (0, 1, 8), (0, 70, 3), (POD.0, POD.1, 65_535)];
    let record = [&[198, 51, 100, 7, 0, 80, 0, 0, 0, 0, 0, 0, 3, 232, 0, 0, 0x71][..], b"\x15a name longer than 12"].concat();
    for (behind, reclaiming) in [(0, false), (0, true), (3, false), (3, true)] {
        let mut batch = batch(&names, 1_024);
        let mut conversion = Conversion::new(&batch).build().unwrap();
        let mut decoder = Decoder::default();
        append(&mut decoder, &mut batch, &[set(2, &template(256, &fields))]);
        let datagram = ipfix(&[set(256, &record.repeat(32))]);
        let mut kept = std::collections::VecDeque::new();
        let (mut seen, mut steady) = (Vec::with_capacity(40), (0, 0, 0));
        for round in 0..40 {
            assert!(batch.row().is_some(), "a row in which nothing is there");
            for _ in 0..31 {
                decoder.datagram(exporter(), NOW, &datagram).for_each(|event| {
                    if let Event::Flows(set) = event {
                        assert!(batch.append(set).is_none());
                    }
                });
            }
            let made = conversion.convert(&mut batch).unwrap();
            assert_eq!((made.num_rows(), column(&made, "src_pod").null_count()), (993, 1));
            assert_eq!(column(&made, "src_pod").as_string_view().value(992), "a name longer than 12");
            seen.push(places(&made)[0]);
            kept.push_back(made);
            if kept.len() > behind {
                kept.pop_front();
            }
            if reclaiming {
                conversion.reclaim(&mut batch);
            }
            if round == 19 {
                steady = (LARGE.get(), HELD.get(), seen.len());
            }
        }
        assert_eq!(LARGE.get() - steady.0, 0, "{behind} behind: no column, text, list or bits anew");
        assert_eq!(HELD.get(), steady.1, "{behind} behind: no growth");
        let mut places = seen.split_off(steady.2);
        places.sort_unstable();
        places.dedup();
        let pieces = behind + if reclaiming { 1 } else { 2 };
        assert_eq!(places.len(), pieces, "{behind} behind: the memory of these goes round");
    }
    // All are kept: each has its own memory, and the conversion does not wait for more than a few.
    let mut batch = batch(&names, 64);
    let mut conversion = Conversion::new(&batch).build().unwrap();
    let all: Vec<_> = (0..50)
        .map(|number| {
            batch.row().unwrap().set(field::OCTETS.id(), FieldValue::Unsigned(number));
            conversion.convert(&mut batch).unwrap()
        })
        .collect();
    let octets = all.iter().map(|made| column(made, "octets").as_primitive::<UInt64Type>().value(0));
    assert!(octets.eq(0..50));
}
