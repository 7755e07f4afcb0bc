//! Flows reported from several places: what Open vSwitch really sends.

use std::collections::BTreeMap;

use flowcodec::model::{FieldValue, Flow, Schema};
use flowcodec::{Timestamp, field as core};
use flowenrich::correlate::{Dedup, DedupSettings, DedupStats};
use proptest::prelude::*;

use crate::common::{captures, corpus, flows};

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_795_176_000_000 + millis)
}

/// Records as they came, a tick each second, to the end.
fn run(records: &[(Timestamp, Flow)], settings: DedupSettings) -> (Vec<Flow>, DedupStats) {
    let mut dedup = Dedup::new(settings, &Schema::common()).unwrap();
    let mut given = Vec::new();
    for (now, flow) in records {
        dedup.tick(*now, |flow| given.push(flow));
        dedup.offer(*now, flow, |flow| given.push(flow));
    }
    dedup.finish(|flow| given.push(flow));
    assert_eq!(dedup.held(), 0);
    (given, *dedup.stats())
}

fn sums(flows: &[Flow]) -> (u64, u64) {
    let sum = |value: fn(&Flow) -> Option<u64>| flows.iter().filter_map(value).sum();
    (sum(|flow| flow.row().packets()), sum(|flow| flow.row().octets()))
}

/// 140 frames were sent, and each was reported where it came in and at every port it left by: 345 records. What is left are the 140, with
/// the octets of those that were reported at ingress.
#[test]
fn every_frame_once() {
    let records = flows(&captures().join("openvswitch-ipfix.pcap"), &Schema::common());
    assert_eq!(records.len(), 345);
    let (given, stats) = run(&records, DedupSettings::default());
    assert_eq!(sums(&given), (140, 24_568));
    assert_eq!((stats.records, stats.duplicates, stats.duplicate_octets), (345, 205, 30_120));
    assert!(given.iter().all(|flow| flow.row().direction() == Some(0)));
    assert_eq!((stats.evicted, stats.refused, stats.crowded, stats.taken_over), (0, 0, 0, 0));
    // In any order.
    let mut backwards: Vec<_> = records.iter().map(|(_, flow)| (records[0].0, flow.clone())).collect();
    backwards.reverse();
    let (given, again) = run(&backwards, DedupSettings::default());
    assert_eq!((sums(&given), again.duplicates), ((140, 24_568), 205));
}

/// Three protocols at once, each to two collectors: 44 flows sent from a pod and the answers to it.
#[test]
fn every_flow_once_whatever_the_protocols() {
    let Some(path) = corpus("exporters/openvswitch/seed004.pcap") else { return };
    let records = flows(&path, &Schema::common());
    let (given, stats) = run(&records, DedupSettings::default());
    // Of all records of one protocol and collector: what came in (and what was made here and is only seen leaving).
    let of_one = |flow: &&(Timestamp, Flow)| flow.1.row().protocol() == Some(flowcodec::Protocol::Ipfix.code());
    let ports: std::collections::BTreeSet<_> =
        records.iter().filter(of_one).map(|(_, flow)| flow.row().exporter_port()).collect();
    assert_eq!(ports.len(), 2);
    let mut wanted = BTreeMap::<_, BTreeMap<_, u64>>::new();
    for (_, flow) in records.iter().filter(of_one).filter(|(_, flow)| flow.row().exporter_port() == *ports.first().unwrap()) {
        let row = flow.row();
        let Some(key) = row.src_addr().zip(row.dst_addr()) else { continue };
        let key = (key, row.src_port(), row.dst_port(), row.ip_protocol(), row.icmp_type(), row.icmp_code());
        *wanted.entry(key).or_default().entry((row.direction(), row.in_if(), row.out_if())).or_default() +=
            row.packets().unwrap();
    }
    let mut got = BTreeMap::<_, u64>::new();
    for flow in &given {
        let row = flow.row();
        let Some(key) = row.src_addr().zip(row.dst_addr()) else { continue };
        let key = (key, row.src_port(), row.dst_port(), row.ip_protocol(), row.icmp_type(), row.icmp_code());
        assert_eq!(row.protocol(), Some(flowcodec::Protocol::Ipfix.code()), "sFlow samples one of 64, v5 has no direction");
        *got.entry(key).or_default() += row.packets().unwrap();
    }
    assert_eq!(got.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for (key, places) in &wanted {
        // The best place is the first in order: ingress, then the lowest interfaces.
        assert_eq!(got[key], *places.first_key_value().unwrap().1, "{key:?}: {places:?}");
    }
    assert!(stats.duplicates > 250, "{stats:?}");
}

fn reported(exporter: u8, direction: u64, port: u16, octets: u64) -> Flow {
    let mut flow = Flow::new(Schema::common());
    flow.set(core::EXPORTER.id(), FieldValue::Address([192, 0, 2, exporter].into()));
    flow.set(core::SRC_ADDR.id(), FieldValue::Address([10, 0, 0, 1].into()));
    flow.set(core::DST_ADDR.id(), FieldValue::Address([10, 0, 0, 2].into()));
    flow.set(core::SRC_PORT.id(), FieldValue::Unsigned(port.into()));
    flow.set(core::DIRECTION.id(), FieldValue::Unsigned(direction));
    flow.set(core::OCTETS.id(), FieldValue::Unsigned(octets));
    flow.set(core::PACKETS.id(), FieldValue::Unsigned(1));
    flow
}

#[test]
fn the_chosen_speaks_until_it_falls_silent() {
    let mut dedup = Dedup::new(DedupSettings::default(), &Schema::common()).unwrap();
    let mut given = Vec::new();
    let of = |flow: &Flow| (flow.row().exporter().unwrap().to_string(), flow.row().octets().unwrap());
    // Two routers; the second is asked first, and holds records back for a minute.
    dedup.offer(at(0), &reported(2, 0, 1, 100), |flow| given.push(of(&flow)));
    dedup.offer(at(4_000), &reported(1, 0, 1, 110), |flow| given.push(of(&flow)));
    dedup.tick(at(5_000), |flow| given.push(of(&flow)));
    assert_eq!(given, [("192.0.2.1".to_owned(), 110)]);
    dedup.offer(at(60_000), &reported(2, 0, 1, 200), |flow| given.push(of(&flow)));
    dedup.offer(at(64_000), &reported(1, 0, 1, 210), |flow| given.push(of(&flow)));
    assert_eq!(given[1..], [("192.0.2.1".to_owned(), 210)]);
    for second in [120, 180] {
        dedup.offer(at(second * 1_000), &reported(2, 0, 1, 300), |_| panic!("the other one still speaks"));
    }
    dedup.offer(at(185_000), &reported(2, 0, 1, 400), |_| panic!("a new choice has to be made"));
    dedup.tick(at(191_000), |flow| given.push(of(&flow)));
    assert_eq!(given[2..], [("192.0.2.2".to_owned(), 400)]);
    let stats = dedup.stats();
    assert_eq!((stats.duplicates, stats.duplicate_octets, stats.taken_over, stats.given), (4, 900, 1, 3));
    dedup.tick(at(400_000), |_| panic!("nothing is left"));
    assert_eq!(dedup.held(), 0);
}

proptest! {
    /// The order of records changes nothing; octets are given out or counted; caps hold.
    #[test]
    fn any_order(
        records in prop::collection::vec((0_u8..12, 0_u64..2, 0_u16..4, 1_u64..1_000), 1..60).prop_flat_map(|it| (Just(it.clone()), Just(it).prop_shuffle())),
        entries in 1_usize..5,
    ) {
        let flows = |records: &[(u8, u64, u16, u64)]| records.iter().map(|(e, d, p, o)| (at(0), reported(*e, *d, *p, *o))).collect::<Vec<_>>();
        let key = |flow: &Flow| (flow.row().src_port(), flow.row().exporter(), flow.row().direction(), flow.row().octets(), flow.row().packets());
        let sorted = |given: Vec<Flow>| { let mut keys: Vec<_> = given.iter().map(key).collect(); keys.sort(); keys };
        let (first, stats) = run(&flows(&records.0), DedupSettings::default());
        let (second, again) = run(&flows(&records.1), DedupSettings::default());
        let total: u64 = records.0.iter().map(|record| record.3).sum();
        prop_assert_eq!(sums(&first).1 + stats.duplicate_octets, total);
        prop_assert_eq!(sorted(first), sorted(second));
        prop_assert_eq!((stats.duplicates, stats.duplicate_octets), (again.duplicates, again.duplicate_octets));

        let mut settings = DedupSettings::default();
        settings.limits.entries = entries;
        let (given, stats) = run(&flows(&records.1), settings);
        prop_assert_eq!(sums(&given).1 + stats.duplicate_octets, total);
    }
}
