//! CSV: what another reader of it finds is what was said, and every way in writes the same line.
#![cfg(test)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{NOW, exporter, ipfix, set, template};
use flowcodec::ie::{DataType, ElementId};
use flowcodec::io::csv::{ColumnsError, Writer};
use flowcodec::model::{
    Double, FieldDef, FieldId, FieldValue, Flow, I64, Mac, Octets, Schema, Source, String as Texts, U32List, Unit,
};
use flowcodec::{Decoder, Event, FlowBatch, RowScratch, Settings, Text, Timestamp, field};
use proptest::prelude::*;

static LABEL: FieldDef<Texts> = FieldDef::new("label", Unit::None, "A text", &[Source::enterprise(99_999, 1)]);
static KEY: FieldDef<Octets> = FieldDef::new("key", Unit::None, "Octets", &[Source::enterprise(99_999, 2)]);
static SHIFT: FieldDef<I64> = FieldDef::new("shift, signed", Unit::Nanos, "A difference", &[]);
static SHARE: FieldDef<Double> = FieldDef::new("share", Unit::None, "A fraction", &[]);
static PATH: FieldDef<U32List> = FieldDef::new("path", Unit::None, "A list", &[]);

/// The header and the lines, as the csv crate reads them.
fn read(csv: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let cells = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = cells(reader.headers().unwrap());
    (header, reader.records().map(|record| cells(&record.unwrap())).collect())
}

#[test]
fn every_type_and_added_fields() {
    let schema = Schema::common().with([LABEL.spec(), KEY.spec(), SHIFT.spec(), SHARE.spec(), PATH.spec()]).unwrap();
    let added = ["label", "key", "shift, signed", "share", "path"].map(|name| schema.find(name).unwrap());
    let [label, key, shift, share, path] = added;
    let said = [
        (field::SRC_ADDR.id(), FieldValue::Address([192, 0, 2, 1].into()), "192.0.2.1"),
        (field::DST_ADDR.id(), FieldValue::Address("2001:db8::1".parse().unwrap()), "2001:db8::1"),
        (field::NEXT_HOP.id(), FieldValue::Address("1:2:3:4:5:6:7:ffff".parse().unwrap()), "1:2:3:4:5:6:7:ffff"),
        (field::START.id(), FieldValue::Time(Timestamp::from_nanos(1_700_000_000_000_000_001)), "2023-11-14T22:13:20.000000001Z"),
        (field::END.id(), FieldValue::Time(Timestamp::from_nanos(-1)), "1969-12-31T23:59:59.999999999Z"),
        (field::SRC_MAC.id(), FieldValue::Mac(Mac::new([2, 0, 0, 0xab, 0, 9])), "02:00:00:ab:00:09"),
        (field::PROTOCOL.id(), FieldValue::Unsigned(10), "ipfix"),
        (field::TOS.id(), FieldValue::Unsigned(0), "0"),
        (field::SRC_PORT.id(), FieldValue::Unsigned(65_535), "65535"),
        (field::OCTETS.id(), FieldValue::Unsigned(u64::MAX), "18446744073709551615"),
        (field::SAMPLING_RATE.id(), FieldValue::Double(1_000.0), "1000"),
        (field::AS_PATH.id(), FieldValue::Numbers([64_512, 0, u32::MAX].as_slice().into()), "64512 0 4294967295"),
        (field::SRC_POD.id(), FieldValue::Text(Text::from("padded\0\0")), "padded"),
        (label, FieldValue::Text(Text::new(b"a \"b\", \xff\r\n\xe2\x82\xac\x1b")), "a \"b\", \\xff\\x0d\\x0a\u{20ac}\\x1b"),
        (key, FieldValue::Octets(&[0, 0x9a, 0xff]), "009aff"),
        (shift, FieldValue::Signed(i64::MIN), "-9223372036854775808"),
        (share, FieldValue::Double(0.25), "0.25"),
        (path, FieldValue::Numbers([7].as_slice().into()), "7"),
    ];
    let columns = said.map(|(id, ..)| id);
    let writer = Writer::new(&schema, columns).unwrap();
    assert_eq!(writer.columns(), columns);
    let (mut full, empty) = (Flow::new(schema.clone()), Flow::new(schema.clone()));
    for (id, value, _) in said {
        assert!(full.set(id, value), "{value:?}");
    }
    let mut out = writer.header().to_owned();
    for flow in [&full, &empty] {
        writer.write_flow(&mut out, flow);
    }
    let (header, lines) = read(&out);
    let names: Vec<_> = columns.iter().map(|id| schema.field(*id).unwrap().name.to_string()).collect();
    assert_eq!(header, names);
    assert_eq!(lines, [said.map(|(.., shown)| shown.to_owned()).to_vec(), vec![String::new(); said.len()]]);
    assert_eq!(out.split("\r\n").nth(2), Some(&*",".repeat(said.len() - 1)), "absent is nothing at all");
    assert_eq!(out.matches(['\r', '\n']).count(), 2 * 3, "{out}");

    // A batch of the same flows, and what a row has room for.
    let mut batch = FlowBatch::builder(schema.clone()).fields(columns).build().unwrap();
    assert!([&full, &empty].into_iter().all(|flow| batch.push_flow(flow)));
    let mut by_batch = writer.header().to_owned();
    writer.write_batch(&mut by_batch, &batch);
    assert_eq!(by_batch, out);
    let mut by_row = writer.header().to_owned();
    writer.write_rows(&mut by_row, &[*full.row()]);
    let (row, whole) = (&read(&by_row).1[0], &lines[0]);
    for ((id, row), whole) in columns.iter().zip(row).zip(whole) {
        assert_eq!(row, if flowcodec::FlowRecord::holds(*id) { whole } else { "" });
    }

    // The numbers of added fields mean something else in another schema: they are absent, the core is there.
    let other = Schema::common().with([SHIFT.spec(), LABEL.spec()]).unwrap();
    let writer = Writer::new(&other, [field::TOS.id(), other.find("label").unwrap()]).unwrap();
    let mut out = String::new();
    writer.write_flow(&mut out, &full);
    writer.write_batch(&mut out, &batch);
    assert_eq!(out, "0,\r\n0,\r\n,\r\n");
}

#[test]
fn quotes_where_they_are_needed() {
    let schema = Schema::common().with([KEY.spec(), SHARE.spec(), PATH.spec()]).unwrap();
    let [key, share, path] = ["key", "share", "path"].map(|name| schema.find(name).unwrap());
    let line = |columns: &[FieldId], values: &[(FieldId, FieldValue<'_>)]| {
        let mut flow = Flow::new(schema.clone());
        assert!(values.iter().all(|(id, value)| flow.set(*id, *value)));
        let mut out = String::new();
        Writer::new(&schema, columns.iter().copied()).unwrap().write_flow(&mut out, &flow);
        out
    };
    let pod = field::SRC_POD.id();
    let text = |octets| line(&[pod], &[(pod, FieldValue::Text(Text::new(octets)))]);
    assert_eq!(text(b"a b"), "a b\r\n");
    assert_eq!(text(b"a,b"), "\"a,b\"\r\n");
    assert_eq!(text(b"say \"x\""), "\"say \"\"x\"\"\"\r\n");
    assert_eq!(text(b"\""), "\"\"\"\"\r\n");
    assert_eq!(text(b"\"\","), "\"\"\"\"\",\"\r\n");
    assert_eq!(text(b"two\r\nlines"), "two\\x0d\\x0alines\r\n");
    assert_eq!(text(b"caf\xc3"), "caf\\xc3\r\n");
    assert_eq!(text("café".as_bytes()), "café\r\n");
    for formula in ["=1+1", "-", "'", "@x", "+1"] {
        assert_eq!(text(formula.as_bytes()), format!("{formula}\r\n"));
    }
    // There, but empty; and absent.
    let nothing = [
        (pod, FieldValue::Text(Text::new(b"\0\0"))),
        (key, FieldValue::Octets(&[])),
        (path, FieldValue::Numbers([].as_slice().into())),
    ];
    assert_eq!(line(&[pod, key, share, path], &nothing), "\"\",\"\",,\"\"\r\n");
    assert_eq!(line(&[pod], &[]), "\"\"\r\n", "no line is empty");
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e300, 4_294_967_296.0] {
        assert_eq!(line(&[share, pod], &[(share, FieldValue::Double(number))]), format!("{number},\r\n"));
    }
}

/// A text with a backslash, and a text with an octet that would look the same.
#[test]
fn no_two_texts_are_one_cell() {
    let writer = Writer::new(&Schema::common(), [field::SRC_POD.id(), field::DST_POD.id(), field::SERVICE_NAME.id()]).unwrap();
    let mut flow = Flow::new(Schema::common());
    flow.set(field::SRC_POD.id(), FieldValue::Text(Text::new(b"web\xff")));
    flow.set(field::DST_POD.id(), FieldValue::Text(Text::new(br"web\xff")));
    flow.set(field::SERVICE_NAME.id(), FieldValue::Text(Text::new(br"CORP\user")));
    let mut out = String::new();
    writer.write_flow(&mut out, &flow);
    assert_eq!(out, "web\\xff,web\\x5cxff,CORP\\user\r\n");
}

#[test]
fn columns_that_cannot_be() {
    let schema = Schema::common();
    let beyond = schema.with([LABEL.spec()]).unwrap().find("label").unwrap();
    assert_eq!(Writer::new(&schema, []).unwrap_err(), ColumnsError::None);
    assert_eq!(Writer::new(&schema, [beyond]).unwrap_err(), ColumnsError::UnknownField(beyond));
    let twice = [field::OCTETS.id(), field::TOS.id(), field::OCTETS.id()];
    assert_eq!(Writer::new(&schema, twice).unwrap_err(), ColumnsError::Duplicate("octets".into()));
    let names = Schema::common().with([SHIFT.spec()]).unwrap();
    let writer = Writer::new(&names, [field::TOS.id(), names.find("shift, signed").unwrap()]).unwrap();
    assert_eq!(writer.header(), "tos,\"shift, signed\"\r\n");
}

/// Writes the records of a datagram one by one, as flows, and as sets, and gives how many there were.
fn ways(decoder: &mut Decoder, datagram: &[u8], writers: &[Writer], schema: &Schema) -> u32 {
    let (mut scratch, mut count) = (RowScratch::new(), 0);
    decoder.datagram(exporter(), NOW, datagram).for_each(|event| {
        let (Event::Flows(set) | Event::Options(set) | Event::Counters(set)) = event else { return };
        for writer in writers {
            let mut out = [const { String::new() }; 3];
            let [by_set, by_record, by_flow] = &mut out;
            writer.write_set(by_set, &set, &mut scratch);
            for record in set {
                writer.write_record(by_record, &record);
                writer.write_flow(by_flow, &record.to_flow(&std::sync::Arc::new(schema.clone())));
            }
            assert_eq!(by_set, by_record);
            assert_eq!(by_flow, by_record);
            let lines = read(&(writer.header().to_owned() + by_set)).1;
            assert_eq!(lines.len(), usize::try_from(set.len()).unwrap());
            assert!(lines.iter().all(|line| line.len() == writer.columns().len()));
        }
        count += set.len();
    });
    count
}

/// All fields; those of a row; and a single one.
fn writers(schema: &Schema) -> [Writer; 3] {
    let all: Vec<_> = schema.fields().iter().map(|spec| schema.find(&spec.name).unwrap()).collect();
    let in_rows = all.iter().copied().filter(|id| flowcodec::FlowRecord::holds(*id));
    [Writer::new(schema, all.clone()), Writer::new(schema, in_rows), Writer::new(schema, [field::SRC_POD.id()])]
        .map(Result::unwrap)
}

/// Fields that a program added, as a decoder reads them.
#[test]
fn added_fields_of_records() {
    let mut settings = Settings::default();
    settings.elements.define(ElementId::enterprise(99_999, 1), "label", DataType::String).unwrap();
    settings.elements.define(ElementId::enterprise(99_999, 2), "key", DataType::OctetArray).unwrap();
    settings.schema = Schema::common().with([LABEL.spec(), KEY.spec()]).unwrap();
    let schema = settings.schema.clone();
    let mut decoder = Decoder::new(settings);
    let fields = [(99_999, 1, 65_535), (0, 1, 1), (99_999, 2, 2)];
    let records = b"\x04x,\"y\x07\x01\x02\x00\x08\xfe\xff";
    let datagram = ipfix(&[set(2, &template(256, &fields)), set(256, records)]);
    let columns = ["label", "octets", "key", "src_pod"].map(|name| schema.find(name).unwrap());
    let writer = Writer::new(&schema, columns).unwrap();
    let common = Writer::new(&Schema::common(), [field::OCTETS.id()]).unwrap();
    let (mut out, mut core) = (String::new(), String::new());
    decoder.datagram(exporter(), NOW, &datagram).for_each(|event| {
        if let Event::Flows(set) = event {
            writer.write_set(&mut out, &set, &mut RowScratch::new());
            common.write_set(&mut core, &set, &mut RowScratch::new());
        }
    });
    assert_eq!(out, "\"x,\"\"y\",7,0102,\r\n\"\",8,feff,\r\n");
    assert_eq!(core, "7\r\n8\r\n");
    assert_eq!(ways(&mut decoder, &datagram, &writers(&schema), &schema), 2);
}

/// Bare datagrams of the corpus, file after file as if one exporter had sent them.
#[test]
fn captures_of_others() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let corpus = std::env::var_os("FLOWCODEC_CORPUS").map_or(here, PathBuf::from);
    let Ok(manifest) = fs::read_to_string(corpus.join("MANIFEST.tsv")) else {
        println!("skipped: there is no corpus; FLOWCODEC_CORPUS says where it is");
        return;
    };
    let (schema, mut decoder, mut count) = (Schema::common(), Decoder::default(), 0);
    let writers = writers(&schema);
    let files = manifest.lines().map(|line| line.split('\t').collect::<Vec<_>>()).filter(|columns| columns[2] == "raw");
    for columns in files {
        let octets = fs::read(corpus.join(columns[0])).unwrap();
        if octets.len() <= 65_535 {
            count += ways(&mut decoder, &octets, &writers, &schema);
        }
    }
    assert!(count > 700, "{count}");
}

proptest! {
    /// Whatever octets a text has, the reader finds what [`Text`] shows, and tells absent from empty by the quotes.
    #[test]
    fn any_text_reads_back(texts in prop::collection::vec(prop::option::of(prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        "[a-c,\" é\r\n]{0,40}".prop_map(String::into_bytes),
        "[a-z,]{0,3000}".prop_map(String::into_bytes),
        // What looks like an octet, and octets.
        "(\\\\|x|[0-9a-fA-F]{2}|\\\\x[0-9a-f]{2}|é|,){0,12}".prop_map(|text| [text.as_bytes(), b"\\\xc3\\xc3"].concat()),
    ]), 1..7)) {
        let schema = Schema::common();
        let ids = [field::SRC_POD, field::SRC_NODE, field::SRC_NAMESPACE, field::DST_POD, field::DST_NODE, field::SERVICE_NAME];
        let writer = Writer::new(&schema, ids.iter().take(texts.len()).map(|field| field.id())).unwrap();
        let mut flow = Flow::new(schema);
        for (id, text) in writer.columns().iter().zip(&texts) {
            if let Some(text) = text {
                flow.set(*id, FieldValue::Text(Text::new(text)));
            }
        }
        let mut out = writer.header().to_owned();
        writer.write_flow(&mut out, &flow);
        let shown: Vec<_> = texts.iter().map(|text| text.as_ref().map_or_else(String::new, |text| Text::new(text).trimmed().to_string())).collect();
        let lines = read(&out).1;
        prop_assert_eq!(&lines, &[shown]);
        for (cell, text) in lines[0].iter().zip(&texts) {
            let octets = Text::new(text.as_deref().unwrap_or_default()).trimmed();
            prop_assert_eq!(Text::octets_of(cell), octets.as_bytes(), "{}", cell);
        }
        prop_assert_eq!(out.matches(['\r', '\n']).count(), 4);
    }
}
