//! Halves in any order, twice, or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use flowcodec::model::{Field, FieldValue, Flow, Schema, String as TextField, U64};
use flowcodec::{Text, Timestamp, field as core};
use flowenrich::correlate::Correlator;
use flowenrich::correlate::halves::{Settings, Stats, field};
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(1_795_176_000 + seconds)
}

/// One record of a half.
#[derive(Debug, Clone, Copy)]
struct Half {
    flow: u16,
    source: bool,
    /// Seconds from the flow's start.
    end: u64,
    /// Octets and packets so far, and since the record before.
    total: u64,
    delta: u64,
}

impl Half {
    fn flow(self, totals: bool) -> Flow {
        let mut flow = Flow::new(Schema::common());
        let mut number = |field: Field<U64>, value| flow.set(field.id(), FieldValue::Unsigned(value));
        number(core::OCTETS, self.delta);
        number(core::REVERSE_OCTETS, self.delta * 7);
        if totals {
            number(core::OCTETS_TOTAL, self.total);
            number(core::REVERSE_OCTETS_TOTAL, self.total * 7);
        }
        flow.set(core::SRC_ADDR.id(), FieldValue::Address([10, 244, 1, 10].into()));
        flow.set(core::DST_ADDR.id(), FieldValue::Address([10, 244, 2, 31].into()));
        flow.set(core::SRC_PORT.id(), FieldValue::Unsigned(40_000 + u64::from(self.flow)));
        flow.set(core::DST_PORT.id(), FieldValue::Unsigned(80));
        flow.set(core::IP_PROTOCOL.id(), FieldValue::Unsigned(6));
        flow.set(core::FLOW_TYPE.id(), FieldValue::Unsigned(2));
        flow.set(core::START.id(), FieldValue::Time(at(0)));
        flow.set(core::END.id(), FieldValue::Time(at(self.end)));
        let mut text = |field: Field<TextField>, text: &str| flow.set(field.id(), FieldValue::Text(Text::from(text)));
        let (ours, theirs) = if self.source { (core::SRC_POD, core::DST_POD) } else { (core::DST_POD, core::SRC_POD) };
        text(ours, &format!("pod-{}-{}", self.flow, self.source));
        text(theirs, "");
        // What changes while the flow lives, and what only some records say.
        text(core::TCP_STATE, if self.end > 40 { "TIME_WAIT" } else { "ESTABLISHED" });
        if self.end.is_multiple_of(2) {
            text(core::SERVICE_NAME, &format!("service-{}", self.end % 6));
        }
        flow
    }
}

/// Records of some flows: for each side, ends and what each adds.
fn records() -> impl Strategy<Value = Vec<Half>> {
    let side = prop::collection::btree_map(1_u64..60, 0_u64..5_000, 0..5);
    prop::collection::vec((side.clone(), side), 1..6).prop_map(|flows| {
        let mut halves = Vec::new();
        for (flow, (source, destination)) in (0..).zip(flows) {
            for (source, records) in [(true, source), (false, destination)] {
                let mut total = 0;
                for (end, delta) in records {
                    total += delta;
                    halves.push(Half { flow, source, end, total, delta });
                }
            }
        }
        halves
    })
}

/// What matters of a flow in the end: what was told last, and the sums of what was told since the last time.
#[derive(Debug, Clone, PartialEq, Default)]
struct Ended {
    told: BTreeMap<String, String>,
    sums: BTreeMap<String, u64>,
}

fn run(records: &[Half], totals: bool, limits: impl Fn(&mut Settings)) -> (BTreeMap<u16, Ended>, Stats, usize) {
    let mut settings = Settings::default();
    limits(&mut settings);
    let cap = settings.limits;
    let mut correlator = Correlator::new(settings, &Schema::common()).unwrap();
    let (mut ended, schema) = (BTreeMap::new(), Arc::clone(correlator.schema()));
    let mut keep = |flow: Flow| {
        let of: &mut Ended = ended.entry(flow.row().src_port().unwrap() - 40_000).or_default();
        of.told.clear();
        for (id, value) in flow.fields() {
            let name = schema.field(id).unwrap().name.to_string();
            match value {
                _ if name.contains("throughput") => {}
                FieldValue::Unsigned(number) if name.contains("octets") && !name.contains("total") => {
                    *of.sums.entry(name).or_default() += number;
                }
                value => drop(of.told.insert(name, format!("{value:?}"))),
            }
        }
    };
    let (mut now, mut most) = (at(0), 0);
    for half in records {
        now = now.offset(SECOND / 4);
        correlator.offer(now, &half.flow(totals), &mut keep);
        assert!(correlator.held() <= cap.entries);
        most = most.max(correlator.bytes_held());
        correlator.tick(now, &mut keep);
    }
    for _ in 0..400 {
        now = now.offset(SECOND);
        correlator.tick(now, &mut keep);
    }
    assert_eq!(correlator.held(), 0);
    (ended, *correlator.stats(), most)
}

/// A shuffled copy, in which every record is there and some twice.
fn disorder(records: Vec<Half>) -> impl Strategy<Value = (Vec<Half>, Vec<Half>)> {
    let all = records.len();
    let again = prop::collection::vec(0..all.max(1), 0..=all);
    again.prop_flat_map(move |again| {
        let doubled: Vec<_> = records.iter().copied().chain(again.into_iter().filter_map(|n| records.get(n).copied())).collect();
        (Just(records.clone()), Just(doubled).prop_shuffle())
    })
}

proptest! {
    /// The same flows, totals and sums, whether records say totals and growth, or growth only.
    #[test]
    fn any_order_and_doubles((records, disordered) in records().prop_flat_map(disorder), totals in any::<bool>()) {
        let (wanted, stats, _) = run(&records, totals, |_| {});
        let (got, again, _) = run(&disordered, totals, |_| {});
        prop_assert_eq!(&got, &wanted);
        prop_assert_eq!((stats.merged, stats.evicted, stats.known), (again.merged, 0, 0));
        // And they are what the sides counted.
        for (flow, ended) in &wanted {
            for (side, name) in [(true, "octets_from_src_node"), (false, "octets_from_dst_node")] {
                let counted: u64 = records.iter().filter(|half| half.flow == *flow && half.source == side).map(|half| half.delta).sum();
                prop_assert_eq!(ended.sums.get(name).copied().unwrap_or(0), counted);
            }
        }
    }

    /// Records that are lost cost nothing but what they alone knew: with the last of each side, the totals are the same; with the first
    /// one too, the sums are.
    #[test]
    fn losses(records in records(), lost in prop::collection::vec(any::<bool>(), 64), order in any::<u64>()) {
        let same = |a: &Half, b: &Half| (a.flow, a.source) == (b.flow, b.source);
        let inner = |n: usize| records[..n].iter().any(|it| same(it, &records[n])) && records[n + 1..].iter().any(|it| same(it, &records[n]));
        let mut left: Vec<_> = (0..records.len()).filter(|n| !(inner(*n) && lost[n % 64])).map(|n| records[n]).collect();
        let turn = usize::try_from(order % 64).unwrap() % left.len().max(1);
        left.rotate_left(turn);
        let (wanted, ..) = run(&records, true, |_| {});
        let (got, ..) = run(&left, true, |_| {});
        for (flow, wanted) in &wanted {
            let got = &got[flow];
            prop_assert_eq!(&got.sums, &wanted.sums);
            for name in ["octets_total", "reverse_octets_total_from_src_node", "octets_total_from_dst_node", "end", "src_pod", "dst_pod", "correlation"] {
                prop_assert_eq!(got.told.get(name), wanted.told.get(name), "{}", name);
            }
        }
    }

    /// With room for two flows and few octets nothing is lost: what is counted is the same, only in more pieces.
    #[test]
    fn under_caps((records, disordered) in records().prop_flat_map(disorder), entries in 1_usize..3) {
        let (wanted, ..) = run(&records, true, |_| {});
        let (got, stats, most) = run(&disordered, true, |settings| {
            settings.limits.entries = entries;
            settings.limits.bytes = 130_000;
        });
        prop_assert!(most <= 130_000, "{} octets held", most);
        prop_assert_eq!(stats.refused, 0);
        prop_assert_eq!(got.len(), wanted.len());
        let flows = disordered.iter().map(|half| half.flow).collect::<std::collections::BTreeSet<_>>().len();
        prop_assert_eq!(stats.evicted > 0, flows > entries);
        if stats.evicted == 0 {
            prop_assert_eq!(&got, &wanted);
        }
        // As the records of each side come in their order, each piece goes on where the one before it ended.
        let mut ordered = records.clone();
        ordered.sort_by_key(|half| half.end);
        let (got, ..) = run(&ordered, true, |settings| settings.limits.entries = entries);
        for (flow, wanted) in &wanted {
            for name in ["octets_from_src_node", "octets_from_dst_node", "reverse_octets_from_dst_node"] {
                prop_assert_eq!(got[flow].sums.get(name), wanted.sums.get(name), "{}", name);
            }
        }
    }
}

fn status(flow: &Flow) -> String {
    let id = flow.schema().resolve(&field::CORRELATION).unwrap();
    flow.get(id).unwrap().to_string()
}

#[test]
fn a_port_used_again_is_another_flow() {
    let mut correlator = Correlator::new(Settings::default(), &Schema::common()).unwrap();
    let (mut given, mut halves) = (Vec::new(), Vec::new());
    for (start, end, octets) in [(0, 10, 500), (20, 30, 90)] {
        for source in [true, false] {
            let mut flow = Half { flow: 0, source, end, total: octets, delta: octets }.flow(true);
            flow.set(core::START.id(), FieldValue::Time(at(start)));
            halves.push(flow);
        }
    }
    // The second one's halves come between those of the first.
    for n in [0, 3, 2, 1] {
        correlator.offer(at(31), &halves[n], |flow| given.push(flow));
    }
    let told: Vec<_> = given
        .iter()
        .map(|flow| (flow.row().end().unwrap().since(at(0)) / SECOND, flow.get(core::OCTETS_TOTAL), status(flow)))
        .collect();
    assert_eq!(told, [(30, Some(90), "merged".to_owned()), (10, Some(500), "merged".to_owned())]);
    assert_eq!((correlator.held(), correlator.stats().merged, correlator.stats().resets), (2, 2, 0));
}

/// A port used again and again: only the last few are looked through.
#[test]
fn lives_of_one_key_are_few() {
    let mut correlator = Correlator::new(Settings::default(), &Schema::common()).unwrap();
    let mut given = 0;
    for n in 0..20 {
        let mut flow = Half { flow: 0, source: true, end: n * 10 + 5, total: 1, delta: 1 }.flow(true);
        flow.set(core::START.id(), FieldValue::Time(at(n * 10)));
        correlator.offer(at(0), &flow, |_| given += 1);
        assert_eq!((correlator.held(), given), (usize::try_from(n).unwrap().min(7) + 1, n.saturating_sub(7)));
    }
    assert_eq!((correlator.stats().evicted, correlator.stats().partial), (12, 12));
}

#[test]
fn a_half_that_comes_late_completes_what_was_partial() {
    let mut correlator = Correlator::new(Settings::default(), &Schema::common()).unwrap();
    let mut given = Vec::new();
    let half = |source, end, total, delta| Half { flow: 0, source, end, total, delta }.flow(true);
    correlator.offer(at(0), &half(true, 1, 100, 100), |flow| given.push(flow));
    correlator.offer(at(150), &half(true, 50, 300, 200), |flow| given.push(flow));
    correlator.tick(at(179), |flow| given.push(flow));
    assert!(given.is_empty());
    correlator.tick(at(180), |flow| given.push(flow));
    assert_eq!((given.len(), status(&given[0]), given[0].get(core::OCTETS)), (1, "partial".to_owned(), Some(300)));
    correlator.offer(at(200), &half(false, 50, 290, 290), |flow| given.push(flow));
    assert_eq!((given.len(), status(&given[1]), given[1].get(core::OCTETS)), (2, "merged".to_owned(), Some(0)));
    assert_eq!(given[1].get(core::OCTETS_TOTAL), Some(300));
    correlator.tick(at(290), |_| panic!("nothing new"));
    assert_eq!((correlator.held(), correlator.stats().partial, correlator.stats().merged), (0, 1, 1));
}

#[test]
fn a_counter_that_went_backwards_adds_nothing() {
    let mut correlator = Correlator::new(Settings::default(), &Schema::common()).unwrap();
    let mut given = Vec::new();
    let half = |source, end, total, delta: u64| Half { flow: 0, source, end, total, delta: delta / 7 }.flow(true);
    correlator.offer(at(0), &half(true, 1, 700, 700), |flow| given.push(flow));
    // 2^64 less three hundred and some: more than there ever was.
    correlator.offer(at(60), &half(true, 2, 400, u64::MAX - 300), |flow| given.push(flow));
    correlator.offer(at(61), &half(false, 2, 400, 400), |flow| given.push(flow));
    let octets = given[0].schema().resolve(&field::SRC_OCTETS_TOTAL).unwrap();
    assert_eq!((given[0].get(octets), correlator.stats().resets), (Some(700), 1));
    assert!(given[0].get(core::OCTETS).unwrap() <= 700);
}

#[test]
fn records_that_cannot_be_held_are_given_out_as_they_are() {
    let mut settings = Settings::default();
    settings.limits.bytes = 1_000;
    let mut correlator = Correlator::new(settings, &Schema::common()).unwrap();
    let half = Half { flow: 3, source: true, end: 5, total: 10, delta: 10 };
    let mut given = Vec::new();
    correlator.offer(at(0), &half.flow(true), |flow| given.push(flow));
    assert_eq!((given.len(), status(&given[0]), given[0].get(core::OCTETS_TOTAL)), (1, "partial".to_owned(), Some(10)));
    let mut nobody = Flow::new(Schema::common());
    nobody.set(core::OCTETS.id(), FieldValue::Unsigned(1));
    correlator.offer(at(0), &nobody, |flow| given.push(flow));
    assert_eq!(given[1].get(core::OCTETS), Some(1));
    assert_eq!((correlator.stats().refused, correlator.stats().unkeyed, correlator.stats().given), (1, 1, 2));
}

/// Without a flow type, a record that names one pod is a half, unless that is not wanted.
#[test]
fn records_without_a_type() {
    for (untyped, waiting) in [(true, 1), (false, 0)] {
        let mut settings = Settings::default();
        settings.untyped = untyped;
        settings.wait = Duration::from_secs(5);
        let mut correlator = Correlator::new(settings, &Schema::common()).unwrap();
        let mut flow = Half { flow: 0, source: true, end: 1, total: 1, delta: 1 }.flow(true);
        flow.set(core::FLOW_TYPE.id(), FieldValue::Unsigned(0));
        let mut given = Vec::new();
        correlator.offer(at(0), &flow, |flow| given.push(status(&flow)));
        assert_eq!(given.len(), 1 - waiting);
        correlator.tick(at(5), |flow| given.push(status(&flow)));
        assert_eq!(given, [if untyped { "partial" } else { "single" }]);
    }
}
