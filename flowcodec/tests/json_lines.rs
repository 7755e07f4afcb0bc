//! Sets go another way to JSON than records: they say the same.
#![cfg(test)]
#![cfg(feature = "json")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{NOW, exporter, ipfix, set, template};
use flowcodec::model::{FieldValue, Flow, Schema};
use flowcodec::{Decoder, Event, RowScratch, Text, field, io};
use proptest::prelude::*;

/// Writes the flows of a datagram in both ways, and gives how many there were.
fn flows(decoder: &mut Decoder, datagram: &[u8]) -> u32 {
    let (schema, mut scratch, mut count) = (Schema::common(), RowScratch::new(), 0);
    decoder.datagram(exporter(), NOW, datagram).for_each(|event| {
        let (Event::Flows(set) | Event::Options(set) | Event::Counters(set)) = event else { return };
        let (mut by_set, mut by_record) = (String::from("in front\n"), String::from("in front\n"));
        io::write_set(&mut by_set, &set, &schema, &mut scratch);
        for record in set {
            io::write_record(&mut by_record, &record, &schema);
            by_record.push('\n');
            let mut by_flow = String::new();
            io::write_flow(&mut by_flow, &record.to_flow(&schema));
            assert!(by_record.ends_with(&format!("\n{by_flow}\n")), "{by_record}{by_flow}");
        }
        assert_eq!(by_set, by_record);
        count += set.len();
    });
    count
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
    let (mut decoder, mut count) = (Decoder::default(), 0);
    let files = manifest.lines().map(|line| line.split('\t').collect::<Vec<_>>()).filter(|columns| columns[2] == "raw");
    for columns in files {
        let octets = fs::read(corpus.join(columns[0])).unwrap();
        if octets.len() <= 65_535 {
            count += flows(&mut decoder, &octets);
        }
    }
    assert!(count > 700, "{count}");
}

proptest! {
    /// Any elements in any width, among them some that feed rows, some that feed other fields, and some that feed none.
    #[test]
    fn random_templates(
        fields in proptest::collection::vec((prop_oneof![1_u16..=100, 128_u16..=260, 312_u16..=316], prop_oneof![Just(65_535_u16), 0_u16..=8, Just(16)]), 1..30),
        octets in proptest::collection::vec(any::<u8>(), 0..800),
    ) {
        let fields: Vec<_> = fields.into_iter().map(|(element, length)| (0, element, length)).collect();
        let datagram = ipfix(&[set(2, &template(256, &fields)), set(256, &octets)]);
        flows(&mut Decoder::default(), &datagram);
    }

    /// Whatever octets a text has, a member tells them all: what JSON escapes itself is read as it was.
    #[test]
    fn any_text_reads_back(texts in proptest::collection::vec(prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        "(\\\\|x|[0-9a-fA-F]{2}|\\\\x[0-9a-f]{2}|é|\"|\n){0,12}".prop_map(String::into_bytes),
        "(\\\\|x|[0-9a-fA-F]{2}|\\\\x[0-9a-f]{2}|é){0,12}".prop_map(|text| [text.as_bytes(), b"\\\xc3\\xc3"].concat()),
    ], 3)) {
        let ids = [field::SRC_POD.id(), field::DST_POD.id(), field::SERVICE_NAME.id()];
        let mut flow = Flow::new(Schema::common());
        for (id, text) in ids.into_iter().zip(&texts) {
            flow.set(id, FieldValue::Text(Text::new(text)));
        }
        let mut out = String::new();
        io::write_flow(&mut out, &flow);
        let object: serde_json::Value = serde_json::from_str(&out).unwrap();
        for (name, text) in ["src_pod", "dst_pod", "service_name"].into_iter().zip(&texts) {
            let member = object[name].as_str().unwrap();
            prop_assert_eq!(Text::octets_of(member), Text::new(text).trimmed().as_bytes(), "{}", out);
        }
    }
}

/// A text with a backslash, and a text with an octet that would look the same.
#[test]
fn no_two_texts_are_one_member() {
    let mut flow = Flow::new(Schema::common());
    flow.set(field::SRC_POD.id(), FieldValue::Text(Text::new(b"web\xff")));
    flow.set(field::DST_POD.id(), FieldValue::Text(Text::new(br"web\xff")));
    flow.set(field::SERVICE_NAME.id(), FieldValue::Text(Text::new(br"CORP\user")));
    let mut out = String::new();
    io::write_flow(&mut out, &flow);
    let object: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        object,
        serde_json::json!({"src_pod": r"web\xff", "dst_pod": r"web\x5cxff", "service_name": r"CORP\user"}),
        "{out}"
    );
}
