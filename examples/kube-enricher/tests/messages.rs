//! Protobuf in, lines of JSON out.
#![cfg(test)]

mod program;

use flowcodec::io::goflow2::{Dialect, Framing, read_json, write_json, write_protobuf};
use flowcodec::model::Flow;
use program::{args, enriched};

const ENRICHED: &str = include_str!("data/enriched.v1.json");

/// The sample record as a flow, and as bare JSON of a dialect.
fn sample() -> Flow {
    read_json(ENRICHED.trim_end().as_bytes()).unwrap().0
}

fn messages(framing: Framing, dialect: Dialect) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..3 {
        write_protobuf(&mut out, &sample(), dialect, framing);
    }
    out
}

#[test]
fn as_the_same_records_in_json() {
    for (dialect, name) in [(Dialect::V1, "v1"), (Dialect::V2, "v2")] {
        let mut line = String::new();
        write_json(&mut line, &sample(), dialect);
        let lines = format!("{line}\n").repeat(3);
        for mode in ["", "--compat", "--at now"] {
            let expected = enriched(&args(&format!("{mode} --objects")), &lines);
            assert!(mode.is_empty() || expected.contains("local-path-provisioner"), "{expected}");
            for (framing, separator) in [(Framing::Prefixed, "none"), (Framing::PrefixedLines, "newline")] {
                let input = messages(framing, dialect);
                for told in [format!("--separator {separator}"), String::new()] {
                    let arguments = args(&format!("{mode} --input pb --dialect {name} {told} --objects"));
                    assert_eq!(program::run(&arguments, &input).0, expected, "{arguments:?}");
                }
            }
        }
    }
}

#[test]
fn the_originals_sample_from_protobuf() {
    let input = messages(Framing::PrefixedLines, Dialect::V1);
    let (out, told) = program::run(&args("-compat -services off -input pb -separator=newline -objects"), &input);
    assert_eq!(out, ENRICHED.repeat(3));
    assert!(told.contains("3 records, 0 lines that are none; addresses: 3 found, 0 ambiguous, 3 not found"), "{told}");
}

#[test]
fn a_bad_message_costs_itself_and_a_bad_length_the_rest() {
    let good = messages(Framing::Prefixed, Dialect::V2);
    // A length, and octets that are no fields.
    let mut input = good.clone();
    input.extend([3, 0xff, 0xff, 0xff]);
    input.extend(&good);
    let (out, told) = program::run(&args("--input pb --separator none --objects"), &input);
    assert_eq!(out.lines().count(), 6);
    assert!(told.contains(&format!("standard input, octet {}: ", good.len())), "{told}");
    let cut = &good[..good.len() - 5];
    let (code, out, told) = program::status(&args("--input pb --separator none --objects"), cut);
    assert_eq!((code, out.lines().count()), (Some(1), 2));
    assert!(told.contains("nothing behind it can be read"), "{told}");
}
