//! Directions into biflows.

use std::collections::BTreeMap;

use flowcodec::model::{FieldValue, Flow, Schema};
use flowcodec::{Text, Timestamp, field as core};
use flowenrich::correlate::{BiflowSettings, BiflowStats, Biflows, Dedup, DedupSettings};
use proptest::prelude::*;

use crate::common::{corpus, flows};

const SECOND: i64 = 1_000_000_000;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_795_176_000_000 + millis)
}

fn run(records: &[(Timestamp, Flow)], settings: BiflowSettings) -> (Vec<Flow>, BiflowStats) {
    let mut biflows = Biflows::new(settings, &Schema::common()).unwrap();
    let mut given = Vec::new();
    for (now, flow) in records {
        biflows.tick(*now, |flow| given.push(flow));
        biflows.offer(*now, flow, |flow| given.push(flow));
    }
    biflows.finish(|flow| given.push(flow));
    assert_eq!(biflows.held(), 0);
    (given, *biflows.stats())
}

fn one_way(from: (u8, u64), to: (u8, u64), start: u64, octets: u64) -> Flow {
    let mut flow = Flow::new(Schema::common());
    flow.set(core::SRC_ADDR.id(), FieldValue::Address([192, 0, 2, from.0].into()));
    flow.set(core::DST_ADDR.id(), FieldValue::Address([192, 0, 2, to.0].into()));
    flow.set(core::SRC_PORT.id(), FieldValue::Unsigned(from.1));
    flow.set(core::DST_PORT.id(), FieldValue::Unsigned(to.1));
    flow.set(core::IP_PROTOCOL.id(), FieldValue::Unsigned(6));
    flow.set(core::OCTETS.id(), FieldValue::Unsigned(octets));
    flow.set(core::START.id(), FieldValue::Time(at(start)));
    flow.set(core::END.id(), FieldValue::Time(at(start + 500)));
    flow.set(core::TCP_FLAGS.id(), FieldValue::Unsigned(if from.1 < to.1 { 0x12 } else { 0x02 }));
    flow.set(core::SRC_POD.id(), FieldValue::Text(Text::from(format!("pod-{}", from.0).as_str())));
    flow
}

#[test]
fn who_began_is_the_source() {
    // The server's part comes first, and has the lower address.
    let (home, there) = (one_way((1, 443), (9, 50_000), 3, 9_000), one_way((9, 50_000), (1, 443), 1, 800));
    let mut more = one_way((9, 50_000), (1, 443), 2, 50);
    more.set(core::TCP_FLAGS.id(), FieldValue::Unsigned(0x11));
    let (given, stats) = run(&[(at(0), home), (at(0), there), (at(1), more)], BiflowSettings::default());
    let [flow] = &*given else { panic!("{} flows", given.len()) };
    let row = flow.row();
    assert_eq!((row.src_port(), row.dst_port(), row.octets(), row.tcp_flags()), (Some(50_000), Some(443), Some(850), Some(0x13)));
    assert_eq!((row.start(), row.end()), (Some(at(1)), Some(at(502))));
    assert_eq!((flow.get(core::REVERSE_OCTETS), flow.get(core::REVERSE_TCP_FLAGS)), (Some(9_000), Some(0x12)));
    assert_eq!((flow.get(core::REVERSE_START), flow.get(core::REVERSE_END)), (Some(at(3)), Some(at(503))));
    assert_eq!(flow.get(core::BIFLOW_DIRECTION), Some(1));
    // Each record said who its source is.
    assert_eq!((flow.get(core::SRC_POD), flow.get(core::DST_POD)), (Some("pod-9".into()), Some("pod-1".into())));
    assert_eq!((stats.records, stats.both, stats.one), (3, 1, 0));
}

#[test]
fn when_both_began_at_once_the_lower_port_is_the_server() {
    for order in [[0, 1], [1, 0]] {
        let ways = [one_way((1, 443), (9, 50_000), 0, 9_000), one_way((9, 50_000), (1, 443), 0, 800)];
        let records: Vec<_> = order.iter().map(|n| (at(0), ways[*n].clone())).collect();
        let (given, _) = run(&records, BiflowSettings::default());
        assert_eq!((given[0].row().dst_port(), given[0].get(core::BIFLOW_DIRECTION)), (Some(443), Some(0)));
    }
}

#[test]
fn a_direction_that_stays_alone_says_so_and_the_finding_holds() {
    let mut biflows = Biflows::new(BiflowSettings::default(), &Schema::common()).unwrap();
    let word = biflows.schema().find("biflow").unwrap();
    let mut given = Vec::new();
    biflows.offer(at(0), &one_way((9, 50_000), (1, 443), 1, 800), |flow| given.push(flow));
    biflows.offer(at(0), &one_way((1, 443), (9, 50_000), 3, 900), |flow| given.push(flow));
    biflows.tick(at(15_000), |flow| given.push(flow));
    // A minute later the server's piece begins first.
    biflows.offer(at(60_000), &one_way((1, 443), (9, 50_000), 50_000, 70), |flow| given.push(flow));
    biflows.offer(at(60_000), &one_way((9, 50_000), (1, 443), 51_000, 60), |flow| given.push(flow));
    biflows.tick(at(75_000), |flow| given.push(flow));
    // And then only one of them goes on.
    biflows.offer(at(120_000), &one_way((1, 443), (9, 50_000), 110_000, 7), |flow| given.push(flow));
    biflows.tick(at(135_000), |flow| given.push(flow));
    let told: Vec<_> =
        given.iter().map(|flow| (flow.row().src_port(), flow.row().octets(), flow.get(core::REVERSE_OCTETS))).collect();
    assert_eq!(told, [(Some(50_000), Some(800), Some(900)), (Some(50_000), Some(60), Some(70)), (Some(443), Some(7), None)]);
    let words: Vec<_> = given.iter().map(|flow| flow.value(word)).collect();
    assert_eq!(words, ["both", "both", "one"].map(|word| Some(FieldValue::Text(Text::from(word)))));
    assert_eq!((biflows.stats().both, biflows.stats().one, biflows.held()), (2, 1, 1));
    biflows.tick(at(120_000).offset(120 * SECOND), |_| panic!("nothing is left"));
    assert_eq!(biflows.held(), 0);
}

/// Pings and refused connections, as Open vSwitch reports them in all three protocols: made one of many, then one of two.
#[test]
fn questions_and_answers_of_a_real_exporter() {
    let Some(path) = corpus("exporters/openvswitch/seed004.pcap") else { return };
    let mut dedup = Dedup::new(DedupSettings::default(), &Schema::common()).unwrap();
    let mut records = Vec::new();
    for (now, flow) in flows(&path, &Schema::common()) {
        dedup.offer(now, &flow, |flow| records.push((now, flow)));
    }
    dedup.finish(|flow| records.push((Timestamp::from_seconds(1_795_233_000), flow)));
    let (given, stats) = run(&records, BiflowSettings::default());
    let sum = |flows: &mut dyn Iterator<Item = &Flow>| {
        flows.map(|flow| flow.get(core::PACKETS).unwrap_or(0) + flow.get(core::REVERSE_PACKETS).unwrap_or(0)).sum::<u64>()
    };
    assert_eq!(sum(&mut given.iter()), sum(&mut records.iter().map(|(_, flow)| flow)));
    let pings = |kind: u8| {
        let of_kind = given.iter().filter(move |flow| flow.row().icmp_type() == Some(kind));
        of_kind.map(|flow| (flow.row().packets(), flow.get(core::REVERSE_PACKETS))).collect::<Vec<_>>()
    };
    // Three pings of each kind and two of the traffic; each was answered, and each refused connection too.
    assert_eq!((pings(8), pings(128)), (vec![(Some(5), Some(5))], vec![(Some(5), Some(5))]));
    assert!(pings(0).is_empty() && pings(129).is_empty(), "answers are with their questions");
    assert_eq!((stats.both, stats.one, stats.unkeyed), (5, 13, 7));
}

proptest! {
    /// Octets of each direction are the same in any order, and with room for one conversation only.
    #[test]
    fn any_order(
        records in prop::collection::vec((1_u8..4, 1_u8..4, 0_u64..5, 1_u64..1_000), 1..50).prop_flat_map(|it| (Just(it.clone()), Just(it).prop_shuffle())),
    ) {
        let flows = |records: &[(u8, u8, u64, u64)]| {
            records.iter().map(|(a, b, start, octets)| (at(0), one_way((*a, u64::from(*a) * 100), (*b, u64::from(*b) * 100), *start, *octets))).collect::<Vec<_>>()
        };
        let by_direction = |given: &[Flow]| {
            let mut sums = BTreeMap::<_, u64>::new();
            for flow in given {
                let (src, dst) = (flow.row().src_port(), flow.row().dst_port());
                *sums.entry((src, dst)).or_default() += flow.row().octets().unwrap_or(0);
                if let Some(octets) = flow.get(core::REVERSE_OCTETS) {
                    *sums.entry((dst, src)).or_default() += octets;
                }
            }
            sums
        };
        let (first, stats) = run(&flows(&records.0), BiflowSettings::default());
        let (second, again) = run(&flows(&records.1), BiflowSettings::default());
        prop_assert_eq!(stats, again);
        let shape = |given: &[Flow]| {
            let mut shape: Vec<_> = given.iter().map(|flow| (flow.row().src_port(), flow.row().dst_port(), flow.row().octets(), flow.get(core::REVERSE_OCTETS), flow.get(core::BIFLOW_DIRECTION))).collect();
            shape.sort();
            shape
        };
        prop_assert_eq!(shape(&first), shape(&second));
        let mut settings = BiflowSettings::default();
        settings.limits.entries = 1;
        let (third, _) = run(&flows(&records.1), settings);
        prop_assert_eq!(by_direction(&third), by_direction(&first));
    }
}
