//! Lists (RFC 6313) that do not fit, nest too deep, or name themselves. A broken list costs its own field; the record and its
//! neighbours stay.

use flowcodec::FaultKind::{ListInvalid, ListTemplateMissing, ListTooDeep};
use flowcodec::{Event, Layer, LimitedBy, ListItem, Record, Value};

use crate::wire::{Bench, IPFIX, NOW, SHAPE, exporter, fault, faults, flows, ipfix, record, set, template, variable};

const BASIC: u16 = 291;
const RECORDS: u16 = 292;
const MULTI: u16 = 293;

/// Template 256 (an address, then a list of this kind) and 300 ([`SHAPE`]), one record with this list between two without items.
fn with_list(kind: u16, list: &[u8]) -> (Vec<u8>, u32, Vec<Vec<u8>>) {
    let templates = set(2, wire![template(256, &[(8, 4), (kind, 65_535)]), template(300, &SHAPE)]);
    let empty = match kind {
        BASIC => wire![3_u8, 8_u16, 4_u16],
        RECORDS => wire![3_u8, 300_u16],
        _ => wire![3_u8],
    };
    let before = wire![[10_u8, 0, 0, 1], variable(&empty)];
    let one = wire![[10_u8, 0, 0, 2], variable(list)];
    let at = IPFIX + u32::try_from(templates.len() + 4 + before.len() + 5).unwrap();
    let records = vec![before.clone(), one, before];
    (ipfix(&[templates, set(256, records.concat()), set(300, record(1))]), at, records)
}

/// How many items a value holds, lists inside lists counted through.
fn items(value: &Value<'_>, depth: u32) -> usize {
    let Value::List(list) = value else { return 1 };
    if depth == 20 {
        return 0;
    }
    let of_record = |record: Record<'_>| record.elements().map(|element| items(&element.value(), depth + 1)).sum();
    let one = |item: ListItem<'_>| match item {
        ListItem::Value(value) => items(&value, depth + 1),
        ListItem::Record(record) => of_record(record),
        other => panic!("{other:?}"),
    };
    list.items().map(one).sum()
}

/// The items of the list in the middle record, which is there whatever is wrong with its list.
fn read(datagram: &[u8]) -> usize {
    let mut bench = Bench::new();
    let mut seen = Vec::new();
    bench.decoder.datagram(exporter(), NOW, datagram).for_each(|event| {
        if let Event::Flows(set) = event {
            seen.extend(set.records().map(|record| items(&record.elements().nth(1).unwrap().value(), 0)));
        }
    });
    // Three records with lists, one of the good set.
    assert_eq!(seen.len(), 4);
    seen[1]
}

#[test]
fn lists_that_are_whole() {
    for (kind, list, count) in [
        (BASIC, wire![3_u8, 8_u16, 4_u16, [0; 12]], 3),
        (BASIC, wire![3_u8, 82_u16, 65_535_u16, variable(b"a"), variable(b""), variable(b"bc")], 3),
        (BASIC, wire![255_u8, 0x8007_u16, 2_u16, 64_999_u32, [0; 4]], 2),
        (RECORDS, wire![4_u8, 300_u16, record(7), record(8)], 4),
        (MULTI, wire![0_u8, 300_u16, 20_u16, record(7), record(8), 300_u16, 4_u16, 300_u16, 12_u16, record(9)], 6),
    ] {
        let (datagram, _, records) = with_list(kind, &list);
        let said = Bench::new().udp(&datagram);
        assert_eq!(faults(&said), [], "{list:02x?}");
        assert_eq!(flows(&said), [&records[..], &[record(1)]].concat());
        assert_eq!(read(&datagram), count, "{list:02x?}");
    }
}

#[test]
fn lists_that_are_broken_cost_themselves() {
    for (kind, list, what, whole) in [
        // No octet at all; a head that is cut.
        (BASIC, wire![], ListInvalid, 1),
        (RECORDS, wire![], ListInvalid, 1),
        (MULTI, wire![], ListInvalid, 1),
        (BASIC, wire![3_u8, 8_u16, 4_u8], ListInvalid, 1),
        (BASIC, wire![3_u8, 0x8007_u16, 2_u16, 0_u16], ListInvalid, 1),
        (RECORDS, wire![3_u8, 1_u8], ListInvalid, 1),
        // Values of no octets would never end; values that do not come out even.
        (BASIC, wire![3_u8, 8_u16, 0_u16, [0; 12]], ListInvalid, 0),
        (BASIC, wire![3_u8, 8_u16, 4_u16, [0; 11]], ListInvalid, 2),
        (BASIC, wire![3_u8, 82_u16, 65_535_u16, variable(b"a"), 9_u8, "bc"], ListInvalid, 1),
        // Half a record; a template that is not there.
        (RECORDS, wire![3_u8, 300_u16, record(7), [0; 7]], ListInvalid, 2),
        (RECORDS, wire![3_u8, 999_u16, record(7)], ListTemplateMissing, 0),
        // Parts with lengths below their own head, or past the list.
        (MULTI, wire![3_u8, 300_u16, 0_u16, record(7)], ListInvalid, 0),
        (MULTI, wire![3_u8, 300_u16, 3_u16, record(7)], ListInvalid, 0),
        (MULTI, wire![3_u8, 300_u16, 13_u16, record(7)], ListInvalid, 0),
        (MULTI, wire![3_u8, 300_u16, 12_u16, record(7), 999_u16, 5_u16, 0_u8], ListTemplateMissing, 2),
        (MULTI, wire![3_u8, 300_u16, 12_u16, record(7), 1_u16], ListInvalid, 2),
    ] {
        let (datagram, at, records) = with_list(kind, &list);
        let said = Bench::new().udp(&datagram);
        let size = u32::try_from(list.len()).unwrap();
        assert_eq!(faults(&said), [fault(what, Layer::Field, LimitedBy::FieldLength, at, size, (0, 0))], "{list:02x?}");
        assert_eq!(flows(&said), [&records[..], &[record(1)]].concat(), "the records stay, and so does the set behind");
        assert_eq!(read(&datagram), whole, "what can be read in front of the break: {list:02x?}");
    }
}

/// `depth` lists, one in the other.
fn nested(depth: usize) -> Vec<u8> {
    let mut list = wire![3_u8, 8_u16, 4_u16, [0; 4]];
    for _ in 1..depth {
        let value = wire![255_u8, u16::try_from(list.len()).unwrap(), list];
        list = wire![3_u8, BASIC, 65_535_u16, value];
    }
    list
}

#[test]
fn lists_at_the_depth_and_beyond() {
    for (cap, depth) in [(1, 1), (1, 2), (3, 3), (3, 4), (8, 8), (8, 9), (8, 5_000), (255, 255), (255, 256)] {
        let mut bench = Bench::with(|settings| settings.limits.list_depth = cap);
        bench.udp(&ipfix(&[set(2, wire![template(256, &[(BASIC, 65_535)]), template(300, &SHAPE)])]));
        let list = nested(depth);
        let value = wire![255_u8, u16::try_from(list.len()).unwrap(), list.clone()];
        let said = bench.udp(&ipfix(&[set(256, value.clone()), set(300, record(1))]));
        let size = u32::try_from(list.len()).unwrap();
        let expected = fault(ListTooDeep, Layer::Field, LimitedBy::Limits, IPFIX + 4 + 3, size, (0, 0));
        let expected = if depth > usize::from(cap) { vec![expected] } else { vec![] };
        assert_eq!(faults(&said), expected);
        assert_eq!(flows(&said), [value, record(1)]);
    }
}

#[test]
fn a_template_that_names_itself() {
    let mut bench = Bench::new();
    bench.udp(&ipfix(&[set(2, wire![template(256, &[(RECORDS, 65_535)]), template(300, &SHAPE)])]));
    // Each list holds one record of template 256, which is a list.
    let mut list = wire![3_u8, 256_u16];
    for _ in 0..40 {
        list = wire![3_u8, 256_u16, variable(&list)];
    }
    let said = bench.udp(&ipfix(&[set(256, variable(&list)), set(300, record(1))]));
    let size = u32::try_from(list.len()).unwrap();
    assert_eq!(faults(&said), [fault(ListTooDeep, Layer::Field, LimitedBy::Limits, IPFIX + 5, size, (0, 0))]);
    assert_eq!(flows(&said), [variable(&list), record(1)]);
}
