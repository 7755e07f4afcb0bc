//! Rows and columns: vector code, the portable operations and record after record give the same to the bit.
#![cfg(test)]

mod common;

use common::{DOMAIN, NOW, be, exporter, ipfix_at, netflow9_at, set, template};
use flowcodec::model::{FieldValue, Mac, Schema};
use flowcodec::{Decoder, Event, FlowBatch, FlowRecord, RecordSet, RowScratch, Timestamp, field};
use proptest::prelude::*;

/// Reads the flows of a datagram in all ways, and gives the rows.
fn rows(decoder: &mut Decoder, datagram: &[u8]) -> Vec<FlowRecord> {
    let (mut fast, mut portable) = (RowScratch::new(), RowScratch::portable());
    let batch = |capacity| FlowBatch::builder(Schema::common()).all().capacity(capacity);
    let mut batches = [batch(37).build().unwrap(), batch(37).portable().build().unwrap()];
    let mut all = Vec::new();
    decoder.datagram(exporter(), NOW, datagram).for_each(|event| {
        if let Event::Flows(set) = event {
            let (mut first, mut by_vector, mut by_operation) = (Vec::new(), Vec::new(), Vec::new());
            set.rows(&mut fast, |rows| first.extend_from_slice(rows));
            // The first rows of a template are not worth making vector code for; with the eighth there is some, and the last are by it.
            for _ in 0..=8 / set.len().max(1) {
                by_vector.clear();
                set.rows(&mut fast, |rows| by_vector.extend_from_slice(rows));
            }
            set.rows(&mut portable, |rows| by_operation.extend_from_slice(rows));
            assert_eq!(first, by_operation, "the first rows");
            let mut one = FlowRecord::EMPTY;
            let by_record = set.records().map(|record| {
                record.fill(&mut one);
                one
            });
            assert!(by_record.eq(by_operation.iter().copied()), "record after record");
            assert_eq!(by_vector, by_operation, "by vector");
            assert_eq!(by_vector.len(), usize::try_from(set.len()).unwrap());
            columns(&mut batches, set);
            all.extend(by_vector);
        }
    });
    all
}

/// Appends a set to both batches, and holds them against the records and one another.
fn columns(batches: &mut [FlowBatch; 2], set: RecordSet<'_>) {
    let schema = Schema::common();
    let ids: Vec<_> = schema.fields().iter().map(|spec| schema.find(&spec.name).unwrap()).collect();
    let (mut records, mut rest) = (set.records(), Some(set));
    while let Some(set) = rest {
        let [fast, portable] = &mut *batches;
        let from = fast.len();
        rest = fast.append(set);
        let other = portable.append(set);
        assert_eq!((rest.map(|rest| rest.len()), fast.len()), (other.map(|rest| rest.len()), portable.len()));
        for (row, record) in (from..fast.len()).zip(&mut records) {
            let mut fields = record.fields(&schema).peekable();
            for &id in &ids {
                let value = fields.next_if(|(next, _)| *next == id).map(|(_, value)| value);
                assert!(same(fast.value(id, row), value), "{:?} of row {row}", schema.field(id).unwrap().name);
                assert!(same(portable.value(id, row), value), "{:?} of row {row}, portable", schema.field(id).unwrap().name);
            }
        }
        if rest.is_some() {
            assert!(fast.is_full());
            fast.finish();
            portable.finish();
            for &id in &ids {
                assert_eq!(fast.values(id), portable.values(id));
            }
            fast.clear();
            portable.clear();
        }
    }
    assert_eq!(records.next().map(|record| record.raw().len()), None);
}

/// Whether both say the same to the bit.
fn same(one: Option<FieldValue<'_>>, other: Option<FieldValue<'_>>) -> bool {
    match (one, other) {
        (Some(FieldValue::Double(one)), Some(FieldValue::Double(other))) => one.to_bits() == other.to_bits(),
        _ => one == other,
    }
}

/// Elements of every kind of row field, in widths that fit and widths that do not, and elements that feed none.
fn fields(variable: bool) -> impl Strategy<Value = Vec<(u32, u16, u16)>> {
    let numbers = vec![
        1_u16, 2, 231, 298, 4, 5, 6, 7, 11, 182, 183, 193, 9, 13, 29, 30, 10, 14, 252, 253, 16, 17, 31, 52, 58, 59, 60, 61, 89,
        136, 176, 177, 192, 243, 254, 256, 85, 86, 210, 32, 139, 34, 48, 999,
    ];
    let element = prop_oneof![
        8 => (Just(0), proptest::sample::select(numbers), 1_u16..=16),
        4 => proptest::sample::select(vec![
            (0_u32, 8_u16, 4_u16), (0, 12, 4), (0, 15, 4), (0, 27, 16), (0, 28, 16), (0, 62, 16), (0, 56, 6), (0, 80, 6), (0, 32, 2),
            (0, 7, 2), (0, 11, 2), (0, 4, 1), (0, 1, 8), (0, 2, 8), (0, 1, 4), (0, 2, 4),
        ]),
        3 => (Just(0), proptest::sample::select(vec![21_u16, 22, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159]), 1_u16..=8),
        2 => (Just(0), proptest::sample::select(vec![21_u16, 22, 150, 151]), Just(4)),
        2 => (Just(0), proptest::sample::select(vec![152_u16, 153, 160, 161]), Just(8)),
        1 => (Just(99_999), 1_u16..4, 1_u16..=16),
        1 => proptest::sample::select(vec![(0_u32, 70_u16, 3_u16), (0, 71, 3), (0, 82, 9), (0, 95, 4), (0, 225, 4), (0, 281, 16), (0, 305, 4)]),
        if variable { 3 } else { 0 } => (Just(56_506), 100_u16..112, prop_oneof![4 => Just(65_535_u16), 1 => Just(4), 1 => Just(2)]),
    ];
    proptest::collection::vec(element, 1..30)
}

/// Octets of `count` records; values of variable length take theirs from the octets.
fn records(fields: &[(u32, u16, u16)], count: usize, octets: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut source = octets.iter().copied().cycle();
    for _ in 0..count {
        for &(_, _, length) in fields {
            let mut length = usize::from(length);
            if length == 65_535 {
                length = usize::from(source.next().unwrap() % 40);
                body.push(u8::try_from(length).unwrap());
            }
            body.extend(source.by_ref().take(length));
        }
    }
    body
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(
        prop_oneof![3 => Just(0_u8), 1 => Just(1), 1 => Just(58), 4 => any::<u8>(), 1 => Just(255)],
        400..1_000,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn any_template_of_fixed_length(
        fields in fields(false),
        count in 0_usize..80,
        octets in octets(),
        (exported, uptime) in prop_oneof![Just((0, 0)), Just((u32::MAX, u32::MAX)), any::<(u32, u32)>()],
        nine in any::<bool>(),
    ) {
        let length: usize = fields.iter().map(|field| usize::from(field.2)).sum();
        let count = count.min(60_000 / length);
        let body = records(&fields, count, &octets);
        let mut decoder = Decoder::default();
        let found = if nine {
            let fields: Vec<_> = fields.iter().map(|&(_, element, length)| (0, element, length)).collect();
            rows(&mut decoder, &netflow9_at(exported, uptime, &[set(0, &template(256, &fields)), set(256, &body)]))
        } else {
            rows(&mut decoder, &ipfix_at(exported, &[set(2, &template(256, &fields)), set(256, &body)]))
        };
        prop_assert_eq!(found.len(), count);
    }

    #[test]
    fn any_template_with_values_of_variable_length(fields in fields(true), count in 0_usize..70, octets in octets(), exported: u32) {
        let body = records(&fields, count, &octets);
        let found = rows(&mut Decoder::default(), &ipfix_at(exported, &[set(2, &template(256, &fields)), set(256, &body)]));
        prop_assert_eq!(found.len(), count);
    }

    #[test]
    fn the_fixed_layouts(
        version in proptest::sample::select(vec![(1_u8, 16_usize, 52_usize), (5, 24, 48), (7, 24, 52)]),
        count in 1_usize..30,
        octets in octets(),
        (uptime, exported, nanos) in any::<(u32, u32, u32)>(),
    ) {
        let (version, header, length) = version;
        let mut datagram = [&[0, version][..], &be(count), &uptime.to_be_bytes(), &exported.to_be_bytes(), &nanos.to_be_bytes()].concat();
        datagram.resize(header, 0);
        datagram.extend(octets.iter().cycle().take(count * length));
        prop_assert_eq!(rows(&mut Decoder::default(), &datagram).len(), count);
    }
}

/// One record of known values in every field that the kernel places, checked against what the octets say.
#[test]
fn values_stand_where_they_belong() {
    let fields = [
        (0, 7, 2),
        (0, 11, 1),
        (0, 8, 4),
        (0, 28, 16),
        (0, 1, 3),
        (0, 2, 8),
        (0, 152, 8),
        (0, 151, 4),
        (0, 56, 6),
        (0, 4, 1),
        (0, 32, 2),
        (0, 10, 2),
        (0, 58, 4),
    ];
    let record: Vec<u8> = [
        &[0x1f, 0x90, 53, 198, 51, 100, 7][..],
        &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
        &[1, 0, 0],
        &[0, 0, 0, 0, 0, 0, 2, 1],
        &1_700_000_000_123_u64.to_be_bytes(),
        &1_700_000_007_u32.to_be_bytes(),
        &[2, 0, 0, 0, 0, 5, 1, 8, 3, 1, 0],
        &[0, 0, 0, 77],
    ]
    .concat();
    let body = record.repeat(41);
    let rows = rows(&mut Decoder::default(), &ipfix_at(1_700_000_010, &[set(2, &template(256, &fields)), set(256, &body)]));
    assert_eq!(rows.len(), 41);
    for row in rows {
        assert_eq!((row.src_port(), row.dst_port()), (Some(8080), Some(53)));
        assert_eq!(row.src_addr(), Some([198, 51, 100, 7].into()));
        assert_eq!(row.dst_addr(), Some("2001:db8::9".parse().unwrap()));
        assert_eq!((row.octets(), row.packets()), (Some(65_536), Some(513)));
        assert_eq!(row.start(), Some(Timestamp::from_nanos(1_700_000_000_123_000_000)));
        assert_eq!(row.end(), Some(Timestamp::from_seconds(1_700_000_007)));
        assert_eq!(row.src_mac(), Some(Mac::new([2, 0, 0, 0, 0, 5])));
        assert_eq!((row.ip_protocol(), row.icmp_type(), row.icmp_code()), (Some(1), Some(8), Some(3)));
        assert_eq!((row.in_if(), row.vlan()), (Some(256), Some(77)), "four octets that fit into two");
        assert_eq!((row.received(), row.domain(), row.template()), (Some(NOW), Some(DOMAIN), Some(256)));
        assert_eq!((row.tos(), row.next_hop(), row.get(field::TTL)), (None, None, None));
    }
}

/// Times at the ends of what a moment can say are held there, and an uptime without a boot time is none.
#[test]
fn times_that_do_not_fit() {
    let fields = [(0, 152, 8), (0, 153, 8), (0, 8, 4)];
    let body = [&u64::MAX.to_be_bytes()[..], &9_223_372_036_854_u64.to_be_bytes(), &[10, 0, 0, 1]].concat();
    let found = rows(&mut Decoder::default(), &ipfix_at(0, &[set(2, &template(256, &fields)), set(256, &body)]));
    assert_eq!(
        (found[0].start(), found[0].end()),
        (Some(Timestamp::from_nanos(i64::MAX)), Some(Timestamp::from_nanos(9_223_372_036_854_000_000)))
    );
    let fields = [(0, 22, 4), (0, 21, 4), (0, 8, 4)];
    let body = [&[0; 8][..], &[10, 0, 0, 1]].concat();
    let found = rows(&mut Decoder::default(), &ipfix_at(0, &[set(2, &template(256, &fields)), set(256, &body)]));
    assert_eq!((found[0].start(), found[0].end(), found[0].src_addr()), (None, None, Some([10, 0, 0, 1].into())));
    let found = rows(&mut Decoder::default(), &netflow9_at(0, 5, &[set(0, &template(256, &fields)), set(256, &body)]));
    assert_eq!(found[0].start(), Some(Timestamp::from_nanos(-5_000_000)));
}
