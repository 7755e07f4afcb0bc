//! Every record of the corpus written as goflow2's message and read again: JSON and protobuf say the same, and what the record says.
#![cfg(test)]

mod common;

use common::{corpus, groups};
use flowcodec::io::goflow2::{
    Dialect, Framing, read_json, read_protobuf_as, write_json, write_json_set, write_protobuf, write_protobuf_set,
};
use flowcodec::model::{FieldId, FieldValue, Flow, Schema};
use flowcodec::{Event, Record, RecordSet, RowScratch, Settings, field};
use flowdump::filter::Filter;
use flowdump::output::{Goflow2, Output};
use flowdump::shown::Shown;

/// Fields that are in a message as the record has them, where they are not 0.
const SAME: [FieldId; 22] = [
    field::SRC_ADDR.id(),
    field::DST_ADDR.id(),
    field::SRC_PORT.id(),
    field::DST_PORT.id(),
    field::IN_IF.id(),
    field::OUT_IF.id(),
    field::TOS.id(),
    field::TTL.id(),
    field::TCP_FLAGS.id(),
    field::ICMP_TYPE.id(),
    field::ICMP_CODE.id(),
    field::FLOW_LABEL.id(),
    field::FRAGMENT_ID.id(),
    field::FRAGMENT_OFFSET.id(),
    field::FORWARDING_STATUS.id(),
    field::SRC_AS.id(),
    field::DST_AS.id(),
    field::NEXT_AS.id(),
    field::NEXT_HOP.id(),
    field::SRC_MAC.id(),
    field::DST_MAC.id(),
    field::VLAN.id(),
];

/// Said by neither of 1.0's JSON: see `io::goflow2`.
const ONLY_IN_PROTOBUF_1: [FieldId; 9] = [
    field::DIRECTION.id(),
    field::BGP_NEXT_HOP.id(),
    field::BGP_COMMUNITIES.id(),
    field::AS_PATH.id(),
    field::MPLS_LABELS.id(),
    field::MPLS_TOP_ADDR.id(),
    field::DOMAIN.id(),
    field::OBSERVATION_POINT.id(),
    field::ETHERTYPE.id(),
];

#[derive(Default)]
struct Seen {
    records: u64,
    values: u64,
    passed: u64,
    failed: u64,
    scratch: RowScratch,
}

impl Seen {
    fn set(&mut self, set: RecordSet<'_>) {
        let mut one_by_one = [(Vec::new(), String::new()), (Vec::new(), String::new())];
        for record in set {
            self.records += 1;
            for (dialect, (octets, lines)) in [Dialect::V1, Dialect::V2].into_iter().zip(&mut one_by_one) {
                write_protobuf(octets, &record, dialect, Framing::PrefixedLines);
                write_json(lines, &record, dialect);
                lines.push('\n');
                self.record(&record, dialect);
            }
        }
        for (dialect, (octets, lines)) in [Dialect::V1, Dialect::V2].into_iter().zip(one_by_one) {
            let (mut together, mut text) = (Vec::new(), String::new());
            write_protobuf_set(&mut together, &set, &mut self.scratch, dialect, Framing::PrefixedLines);
            assert_eq!(together, octets, "a set is its records");
            write_json_set(&mut text, &set, &mut self.scratch, dialect);
            assert_eq!(text, lines, "a set is its records");
        }
        self.filtered(set);
    }

    /// What passes a filter goes out in runs: the same as one by one.
    fn filtered(&mut self, set: RecordSet<'_>) {
        let filter = Filter::parse("dst_port > 1023 or packets = 1", Schema::common()).unwrap();
        let mut one_by_one = String::new();
        for record in set {
            if filter.matches(&Shown::Record(record)) {
                self.passed += 1;
                write_json(&mut one_by_one, &record, Dialect::V2);
                one_by_one.push('\n');
            } else {
                self.failed += 1;
            }
        }
        let mut written = Vec::new();
        let mut output = Output::new(Box::new(Goflow2::new(Dialect::V2, None)), Some(filter));
        output.event(&mut written, &Event::Flows(set)).unwrap();
        assert_eq!(String::from_utf8(written).unwrap(), one_by_one);
    }

    fn record(&mut self, record: &Record<'_>, dialect: Dialect) {
        let (mut line, mut octets) = (String::new(), Vec::new());
        write_json(&mut line, record, dialect);
        write_protobuf(&mut octets, record, dialect, Framing::Bare);
        let (from_json, skipped) = read_json(line.as_bytes()).unwrap();
        // Bare datagrams were received at no time, and messages of them do not tell their dialect.
        let (from_protobuf, skipped_too) = read_protobuf_as(&octets, dialect).unwrap();
        assert_eq!((skipped.unknown_fields, skipped_too.unknown_fields, skipped_too.refused_values), (0, 0, 0), "{line}");
        for id in SAME {
            let behind = match id {
                id if id == field::SRC_MAC.id() => record.value(field::POST_SRC_MAC.id()),
                id if id == field::DST_MAC.id() => record.value(field::POST_DST_MAC.id()),
                _ => None,
            };
            let said = record.value(id).or(behind).filter(|value| !is_nothing(*value));
            assert_eq!(from_protobuf.value(id), said, "{line}");
            self.values += u64::from(said.is_some());
        }
        for id in ids(&from_json, &from_protobuf) {
            let (one, other) = (from_json.value(id), from_protobuf.value(id));
            let expected = match (dialect, one) {
                // Without a word: an Ethernet type that has none, and protocols that share one.
                (Dialect::V2, None) if id == field::ETHERTYPE.id() || id == field::IP_PROTOCOL.id() => continue,
                // Of an address that is not known, or has fewer bits.
                (Dialect::V2, None) if id == field::SRC_PREFIX_LEN.id() || id == field::DST_PREFIX_LEN.id() => {
                    line.contains("invalid Prefix")
                }
                (Dialect::V1, None) => ONLY_IN_PROTOBUF_1.contains(&id) || other.is_none(),
                // Milliseconds, where JSON has seconds.
                (Dialect::V1, Some(FieldValue::Time(time))) => {
                    matches!(other, Some(FieldValue::Time(fine)) if fine.as_seconds() == time.as_seconds())
                }
                _ => one == other,
            };
            assert!(expected, "{id:?}: {one:?} in {line}, {other:?} in protobuf");
        }
    }
}

/// What goflow2 has no other sign for.
fn is_nothing(value: FieldValue<'_>) -> bool {
    match value {
        FieldValue::Unsigned(number) => number == 0,
        FieldValue::Mac(mac) => mac.octets() == [0; 6],
        _ => false,
    }
}

fn ids(one: &Flow, other: &Flow) -> Vec<FieldId> {
    let mut ids: Vec<_> = one.fields().chain(other.fields()).map(|(id, _)| id).collect();
    ids.sort();
    ids.dedup();
    ids
}

#[test]
fn both_encodings_say_what_the_records_say() {
    let Some(corpus) = corpus() else { return };
    let mut seen = Seen::default();
    for group in groups(&corpus) {
        // One file has more records than all the others together: some of it is enough.
        let large = group.members.iter().map(|member| member.records).sum::<u64>() > 20_000;
        let mut sets = 0_u64;
        group.decode(&corpus, Settings::default(), &mut |event| {
            if let Event::Flows(set) = event {
                sets += 1;
                if !large || sets.is_multiple_of(16) {
                    seen.set(*set);
                }
            }
        });
    }
    assert!(seen.passed > 1_000 && seen.failed > 1_000, "{} passed, {} did not", seen.passed, seen.failed);
    assert!(seen.records > 10_000 && seen.values > 100_000, "{} records, {} values", seen.records, seen.values);
}
