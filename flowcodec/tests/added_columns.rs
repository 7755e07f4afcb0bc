//! Columns filled apart from their batch: what is put is what is there, among rows of any origin, before and after.
#![cfg(test)]

mod common;

use common::{NOW, exporter, ipfix, set, template};
use flowcodec::batch::{BatchError, FlowBatch};
use flowcodec::field;
use flowcodec::model::{FieldId, FieldValue, Schema};
use flowcodec::{Decoder, Event, Text, Timestamp};
use proptest::prelude::*;

fn batch(capacity: usize) -> FlowBatch {
    FlowBatch::builder(Schema::common()).all().capacity(capacity).build().unwrap()
}

fn text(batch: &FlowBatch, id: FieldId, row: usize) -> Option<String> {
    match batch.value(id, row)? {
        FieldValue::Text(text) => Some(text.to_string()),
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn what_is_put_is_there(
        before in prop::collection::vec(prop::option::of("[a-z]{0,20}"), 0..20),
        puts in prop::collection::vec(prop::collection::vec(prop::option::of("[a-z]{0,20}"), 0..30), 1..4),
        after in prop::collection::vec(prop::option::of("[a-z]{0,20}"), 0..10),
    ) {
        let (pod, node) = (field::SRC_POD.id(), field::SRC_NODE.id());
        let mut batch = batch(64);
        for value in &before {
            let mut row = batch.row().unwrap();
            if let Some(value) = value {
                row.set(pod, FieldValue::Text(Text::from(value.as_str())));
                row.set(node, FieldValue::Text(Text::from(value.as_str())));
            }
        }
        let mut expected: Vec<Option<String>> = before.clone();
        for put in &puts {
            let mut column = batch.take_column(pod).unwrap();
            let rows = put.iter().take(before.len());
            for (row, value) in rows.clone().enumerate() {
                if let Some(value) = value {
                    let (head, tail) = value.as_bytes().split_at(value.len() / 3);
                    let set = if row % 2 == 0 { column.set_text(row, value.as_bytes()) } else { column.set_parts(row, [head, tail]) };
                    prop_assert!(set);
                    prop_assert!(!column.set_parts(row, [head, tail]));
                    prop_assert!(!column.set_text(row, b"again"), "rows ascend");
                }
            }
            prop_assert!(batch.put_column(column));
            expected = rows.cloned().chain(std::iter::repeat(None)).take(before.len()).collect();
        }
        for value in &after {
            let mut row = batch.row().unwrap();
            if let Some(value) = value {
                row.set(pod, FieldValue::Text(Text::from(value.as_str())));
            }
        }
        expected.extend(after.iter().cloned());
        for finished in [false, true] {
            if finished {
                batch.finish();
            }
            for (row, value) in expected.iter().enumerate() {
                prop_assert_eq!(&text(&batch, pod, row), value, "row {}", row);
            }
            for (row, value) in before.iter().enumerate() {
                prop_assert_eq!(&text(&batch, node, row), value, "its neighbour, row {}", row);
            }
        }
        prop_assert_eq!(batch.values(pod).is_some(), expected.iter().any(Option::is_some), "a column without a cell is none");
    }
}

#[test]
fn every_type_and_what_does_not_fit() {
    let mut batch = batch(4);
    for _ in 0..3 {
        batch.row().unwrap();
    }
    let values = [
        (field::IP_PROTOCOL.id(), FieldValue::Unsigned(6)),
        (field::SRC_PORT.id(), FieldValue::Unsigned(65_535)),
        (field::IN_IF.id(), FieldValue::Unsigned(7)),
        (field::OCTETS.id(), FieldValue::Unsigned(u64::MAX)),
        (field::END.id(), FieldValue::Time(Timestamp::from_nanos(-5))),
        (field::SRC_ADDR.id(), FieldValue::Address("192.0.2.1".parse().unwrap())),
        (field::SRC_MAC.id(), FieldValue::Mac(flowcodec::model::Mac::new([1, 2, 3, 4, 5, 6]))),
        (field::SRC_POD.id(), FieldValue::Text(Text::from("a pod of a longer name"))),
    ];
    for (id, value) in values {
        let mut column = batch.take_column(id).unwrap();
        assert!(!column.set(0, FieldValue::Numbers([1_u32].as_slice().into())), "a list is none of these");
        assert!(column.set(1, value), "{value:?}");
        assert!(batch.put_column(column));
        assert_eq!((batch.value(id, 0), batch.value(id, 1), batch.value(id, 2)), (None, Some(value), None));
    }
    let mut ports = batch.take_column(field::SRC_PORT.id()).unwrap();
    assert!(!ports.set(0, FieldValue::Unsigned(65_536)));
    assert!(ports.set(3, FieldValue::Unsigned(1)), "the column cannot know");
    assert!(!batch.put_column(ports), "there is no such row");
    assert_eq!(batch.value(field::SRC_PORT.id(), 1), Some(FieldValue::Unsigned(65_535)), "and nothing is changed");
}

/// One IPFIX record that has its octets alone.
fn octets(decoder: &mut Decoder, batch: &mut FlowBatch, octets: u8) {
    let datagram = ipfix(&[set(2, &template(256, &[(0, 1, 1)])), set(256, &[octets])]);
    let mut events = decoder.datagram(exporter(), NOW, &datagram);
    while let Some(event) = events.next() {
        if let Event::Flows(set) = event {
            assert!(batch.append(set).is_none());
        }
    }
}

#[test]
fn sets_go_on_behind_a_column_that_was_put() {
    let (mut decoder, mut batch) = (Decoder::default(), batch(8));
    octets(&mut decoder, &mut batch, 100);
    let none = batch.take_column(field::OCTETS.id()).unwrap();
    assert!(batch.put_column(none));
    octets(&mut decoder, &mut batch, 101);
    assert_eq!(batch.column(field::OCTETS).unwrap().iter().collect::<Vec<_>>(), [None, Some(101)]);
    batch.finish();
    assert_eq!(batch.column(field::OCTETS).unwrap().iter().collect::<Vec<_>>(), [None, Some(101)]);
    let mut some = batch.take_column(field::OCTETS.id()).unwrap();
    assert!(some.set(0, FieldValue::Unsigned(7)));
    assert!(batch.put_column(some));
    octets(&mut decoder, &mut batch, 102);
    batch.finish();
    assert_eq!(batch.column(field::OCTETS).unwrap().iter().collect::<Vec<_>>(), [Some(7), None, Some(102)]);
}

#[test]
fn a_batch_of_impossible_size_is_refused() {
    for capacity in [usize::MAX, usize::MAX / 2, 1 << 40] {
        let built = FlowBatch::builder(Schema::common()).capacity(capacity).build();
        assert_eq!(built.err(), Some(BatchError::TooLarge(capacity)));
    }
}
