//! What passes: time, sequence numbers, the process itself.

use std::time::Duration;

use flowcodec::FaultKind::TemplateMissing;
use flowcodec::template::TemplateKind::Data;
use flowcodec::{
    Decoder, Exporter, ExporterChange, Layer, LimitedBy, SequenceChange, SequenceUnit, Session, Snapshot, SnapshotError,
    TemplateChange, Timestamp,
};

use crate::wire::{
    Bench, IPFIX, NOW, SECONDS, SHAPE, Said, changes, exporter, fault, faults, flows, ipfix, ipfix_of, options, record, set,
    specifiers, template, v5, variable,
};

fn after(lifetime: Duration) -> Timestamp {
    NOW.offset(i64::try_from(lifetime.as_nanos()).unwrap())
}

#[test]
fn templates_expire_when_they_are_not_announced_again() {
    let mut bench = Bench::new();
    let lifetime = bench.decoder.settings().limits.template_lifetime;
    bench.udp(&ipfix(&[set(2, wire![template(256, &SHAPE), template(257, &SHAPE)])]));
    bench.message(Session::new(exporter(), 1), &ipfix(&[set(2, template(256, &SHAPE))]));
    // An identical announcement, a nanosecond later, keeps 257.
    bench.from(exporter(), NOW.offset(1), &ipfix(&[set(2, template(257, &SHAPE))]));
    assert_eq!(bench.tick(after(lifetime)), []);
    assert_eq!(changes(&bench.tick(after(lifetime).offset(1))), [(256, Data, TemplateChange::Expired)]);
    assert_eq!(changes(&bench.tick(after(lifetime).offset(2))), [(257, Data, TemplateChange::Expired)]);
    assert_eq!(bench.decoder.templates().count(), 1, "those of a stream live as long as it");
    assert_eq!(bench.tick(NOW), [], "time that goes back expires nothing");
}

#[test]
fn waiting_data_expires() {
    let mut bench = Bench::new();
    let lifetime = bench.decoder.settings().limits.pending_lifetime;
    bench.udp(&ipfix(&[set(256, record(1))]));
    bench.from(exporter(), NOW.offset(1), &ipfix(&[set(256, record(2))]));
    assert_eq!(bench.tick(after(lifetime)), []);
    let expected = fault(TemplateMissing, Layer::Set, LimitedBy::Limits, IPFIX, 12, (0, 0));
    assert_eq!(faults(&bench.tick(after(lifetime).offset(1))), [expected]);
    assert_eq!(flows(&bench.udp(&ipfix(&[set(2, template(256, &SHAPE))]))), [record(2)]);
}

#[test]
fn silent_exporters_are_forgotten() {
    let mut bench = Bench::with(|settings| settings.limits.template_lifetime = Duration::MAX);
    let lifetime = bench.decoder.settings().limits.exporter_lifetime;
    bench.udp(&ipfix(&[set(2, template(256, &SHAPE))]));
    assert_eq!(bench.tick(after(lifetime)), []);
    assert_eq!(bench.tick(after(lifetime).offset(1)), [Said::Exporter(ExporterChange::Expired)]);
    assert_eq!((bench.decoder.exporters().count(), bench.decoder.templates().count()), (0, 0));
}

#[test]
fn clocks_that_are_off_are_told_once() {
    let skew = Bench::new().decoder.settings().limits.clock_skew;
    let hours = i64::try_from(skew.as_nanos()).unwrap();
    let told = |received| {
        let mut bench = Bench::new();
        let said = bench.from(exporter(), received, &ipfix(&[]));
        assert_eq!(bench.from(exporter(), received, &ipfix(&[])), [], "once");
        said.into_iter().filter(|it| *it != Said::Exporter(ExporterChange::Appeared)).collect::<Vec<_>>()
    };
    assert_eq!(told(NOW.offset(hours)), []);
    assert_eq!(told(NOW.offset(hours + 1)), [Said::Exporter(ExporterChange::ClockSkewed(-hours - 1))]);
    assert_eq!(told(NOW.offset(-hours - 1)), [Said::Exporter(ExporterChange::ClockSkewed(hours + 1))]);
}

fn sequences(said: &[Said]) -> Vec<SequenceChange> {
    said.iter().filter_map(|it| if let Said::Sequence(change) = it { Some(*change) } else { None }).collect()
}

/// Six messages in order, then one of each number given.
fn counted(mut one: impl FnMut(u32) -> Vec<u8>, step: u32, then: &[u32]) -> (Bench, Vec<SequenceChange>) {
    let mut bench = Bench::new();
    let mut seen = Vec::new();
    for number in (0..6).map(|number| 10_000 + number * step).chain(then.iter().copied()) {
        seen.extend(sequences(&bench.udp(&one(number))));
    }
    (bench, seen)
}

#[test]
fn gaps_in_records_of_v5_and_ipfix() {
    let gap = |lost| SequenceChange::Gap { lost: Some(lost), unit: SequenceUnit::Records };
    let late = |behind| SequenceChange::Late { behind, unit: SequenceUnit::Records };
    let of_v5 = |sequence| v5(2, sequence, &[0; 96]);
    let mut announced = false;
    let of_ipfix = |sequence| {
        let announce = if core::mem::replace(&mut announced, true) { vec![] } else { set(2, template(256, &SHAPE)) };
        ipfix_of(1, sequence, &[announce, set(256, wire![record(1), record(2)])])
    };
    // The next number would be 10,012.
    let (bench, seen) = counted(of_v5, 2, &[10_015, 10_017, 10_013, 10_019]);
    assert_eq!(seen, [gap(3), late(6)]);
    assert_eq!(bench.decoder.stats().lost_records, 3);
    assert_eq!(bench.decoder.exporters().next().unwrap().lost_records, 3);
    let (bench, seen) = counted(of_ipfix, 2, &[10_015, 10_017, 10_013, 10_019]);
    assert_eq!(seen, [gap(3), late(6)]);
    assert_eq!(bench.decoder.stats().lost_records, 3);
    // As far back as the window is late; further is another beginning.
    let window = bench.decoder.settings().limits.reorder_window;
    assert_eq!(counted(of_v5, 2, &[10_012 - window]).1, [late(window)]);
    assert_eq!(counted(of_v5, 2, &[10_012 - window - 1]).1, [SequenceChange::Restarted]);
}

#[test]
fn gaps_in_packets_of_v9() {
    let mut announced = false;
    let one = |sequence| {
        let announce = if core::mem::replace(&mut announced, true) { vec![] } else { set(0, template(256, &SHAPE)) };
        let sets = wire![announce, set(256, wire![record(1), record(2)])];
        wire![9_u16, 2_u16, 0_u32, SECONDS, sequence, 1_u32, sets]
    };
    let (bench, seen) = counted(one, 1, &[10_006, 10_011, 10_012]);
    assert_eq!(seen, [SequenceChange::Gap { lost: Some(4), unit: SequenceUnit::Packets }]);
    assert_eq!((bench.decoder.stats().lost_packets, bench.decoder.stats().lost_records), (4, 0));
}

#[test]
fn data_that_could_not_be_counted_accuses_nobody() {
    let mut bench = Bench::new();
    bench.udp(&ipfix(&[set(2, template(256, &SHAPE))]));
    for number in 0..6 {
        assert_eq!(sequences(&bench.udp(&ipfix_of(1, number, &[set(256, record(1))]))), []);
    }
    bench.udp(&ipfix_of(1, 6, &[set(999, vec![0; 50])]));
    assert_eq!(sequences(&bench.udp(&ipfix_of(1, 56, &[set(256, record(1))]))), []);
}

/// A decoder that has learned something of every kind.
fn taught() -> Bench {
    let mut bench = Bench::new();
    let described = wire![64_999_u32, 0x8001_u16, 13_u8, variable(b"rack")];
    let sampled = wire![5_u32, 64_u32];
    bench.udp(&ipfix(&[
        set(2, wire![template(256, &SHAPE), template(257, &[(0x8001, 65_535)])]),
        set(3, wire![400_u16, 4_u16, 2_u16, specifiers(&[(346, 4), (303, 2), (339, 1), (341, 65_535)])]),
        set(3, options(401, &[(302, 4), (34, 4)])),
        set(400, described),
        set(401, sampled),
        set(2, template(258, &[(302, 4), (1, 4)])),
    ]));
    for number in 1..7 {
        bench.udp(&ipfix_of(1, number + 1, &[set(256, record(1))]));
    }
    bench
}

#[test]
fn a_snapshot_goes_through_json_and_starts_warm() {
    let snapshot = taught().decoder.snapshot();
    let written = serde_json::to_string(&snapshot).unwrap();
    let read: Snapshot = serde_json::from_str(&written).unwrap();
    assert_eq!(read, snapshot);

    let mut bench = Bench::new();
    bench.decoder.restore(&read).unwrap();
    assert_eq!(bench.decoder.snapshot(), snapshot);
    // The first datagram decodes, with the element's name and the sampler's rate; and what was lost meanwhile is known.
    let said = bench.udp(&ipfix_of(1, 18, &[set(256, record(1)), set(257, variable(b"r7")), set(258, wire![5_u32, 9_u32])]));
    let sets: Vec<_> = said.iter().filter_map(|it| if let Said::Flows(set) = it { Some(set) } else { None }).collect();
    assert_eq!(sets[0].raw, [record(1)]);
    assert_eq!(sets[1].names, [Some("r7".to_owned())]);
    assert_eq!(sets[2].rates, [Some(64.0)]);
    assert_eq!(sequences(&said), [SequenceChange::Gap { lost: Some(10), unit: SequenceUnit::Records }]);
    assert_eq!(faults(&said), []);
}

#[test]
fn a_snapshot_of_another_version_is_refused_whole() {
    let mut written = serde_json::to_value(taught().decoder.snapshot()).unwrap();
    written["version"] = 7.into();
    let other: Snapshot = serde_json::from_value(written).unwrap();
    let mut decoder = Decoder::default();
    assert_eq!(decoder.restore(&other), Err(SnapshotError::Version { found: 7, expected: 3 }));
    assert_eq!((decoder.templates().count(), decoder.bytes_held()), (0, 0));
}

#[test]
fn a_snapshot_of_another_version_may_have_any_shape() {
    for written in
        [r#"{"version":9,"exporters":{"by":"name"},"more":[1]}"#, r#"{"exporters":[[1],[2]],"version":9}"#, r#"{"version":9}"#]
    {
        let other: Snapshot = serde_json::from_str(written).unwrap();
        assert_eq!(Decoder::default().restore(&other), Err(SnapshotError::Version { found: 9, expected: 3 }), "{written}");
    }
    for wrong in
        [r#"{"version":3,"exporters":[1]}"#, r#"{"exporters":[1],"version":3}"#, r#"{"exporters":[]}"#, r#"{"version":3}"#]
    {
        assert!(serde_json::from_str::<Snapshot>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_snapshot_keeps_how_well_exporters_are_proven() {
    let minute = |number: i64| NOW.offset(number * 60_000_000_000);
    let mut bench = Bench::new();
    bench.udp(&ipfix(&[set(2, template(256, &SHAPE))]));
    for number in 0..2 {
        bench.from(exporter(), minute(number), &ipfix(&[set(256, record(1))]));
    }
    let snapshot = bench.decoder.snapshot();
    let mut bench = Bench::with(|settings| settings.limits.total_bytes = 256 << 10);
    bench.decoder.restore(&snapshot).unwrap();
    for number in 0..2_000_u16 {
        let [a, b] = number.to_be_bytes();
        bench.from(Exporter::new([198, 51, a, b].into(), 1), minute(2), &v5(1, 0, &[0; 48]));
    }
    assert!(bench.decoder.stats().exporters_evicted > 1_000, "{:?}", bench.decoder.stats());
    assert_eq!(flows(&bench.from(exporter(), minute(3), &ipfix(&[set(256, record(2))]))), [record(2)]);
}

#[test]
fn an_old_snapshot_makes_no_exporter_silent() {
    let snapshot = taught().decoder.snapshot();
    let mut bench = Bench::with(|settings| settings.limits.template_lifetime = Duration::MAX);
    let later = NOW.offset(3_600_000_000_000);
    bench.from(exporter(), later, &ipfix(&[set(2, template(300, &SHAPE))]));
    bench.decoder.restore(&snapshot).unwrap();
    let lifetime = bench.decoder.settings().limits.exporter_lifetime;
    assert_eq!(bench.tick(after(lifetime).offset(1)), []);
}

#[test]
fn a_snapshot_adds_to_what_is_known() {
    let snapshot = taught().decoder.snapshot();
    let mut bench = Bench::new();
    bench.udp(&ipfix(&[set(2, template(256, &[(12, 4)]))]));
    bench.decoder.restore(&snapshot).unwrap();
    assert_eq!(flows(&bench.udp(&ipfix(&[set(256, vec![1, 2, 3, 4])]))), [[1, 2, 3, 4]], "what is known already stays");
    assert_eq!(flows(&bench.udp(&ipfix(&[set(257, variable(b"r7"))]))), [variable(b"r7")]);
}

/// More exporters in a snapshot than the decoder may hold: the account stays right, and the exporters that are left are whole.
#[test]
fn a_snapshot_larger_than_the_ceiling() {
    let mut bench = Bench::new();
    for number in 0..200 {
        let from = Exporter::new([198, 51, 100, number].into(), 1);
        for sequence in 0..6 {
            bench.from(from, NOW, &ipfix_of(1, sequence, &[set(2, template(256, &SHAPE)), set(256, record(1))]));
        }
    }
    let snapshot = bench.decoder.snapshot();
    let mut small = Bench::with(|settings| settings.limits.total_bytes = bench.decoder.bytes_held() / 4);
    small.decoder.restore(&snapshot).unwrap();
    assert!(small.decoder.bytes_held() <= small.decoder.settings().limits.total_bytes);
    small.tick(NOW);
    let left: Vec<_> = small.decoder.templates().map(|it| it.exporter.address()).collect();
    assert!(left.len() > 10, "{}", left.len());
    for address in left {
        let said = small.from(Exporter::new(address, 1), NOW, &ipfix_of(1, 9, &[set(256, record(1))]));
        assert_eq!(flows(&said), [record(1)]);
        assert_eq!(sequences(&said), [SequenceChange::Gap { lost: Some(3), unit: SequenceUnit::Records }]);
    }
}

/// Messages of one record each: domain and sequence number in turn. Gives what was said of sequences.
fn sequence(bench: &mut Bench, messages: impl IntoIterator<Item = (u32, u32)>) -> Vec<Said> {
    let sets = [set(2, template(256, &SHAPE)), set(256, record(1))];
    let said =
        messages.into_iter().flat_map(|(domain, sequence)| bench.udp(&ipfix_of(domain, sequence, &sets))).collect::<Vec<_>>();
    said.into_iter().filter(|it| matches!(it, Said::Sequence(_))).collect()
}

fn restored(snapshot: &serde_json::Value) -> Bench {
    let mut bench = Bench::new();
    bench.decoder.restore(&serde_json::from_value(snapshot.clone()).unwrap()).unwrap();
    bench
}

#[test]
fn one_counter_over_domains_of_which_one_is_not_remembered() {
    let mut bench = Bench::new();
    assert_eq!(sequence(&mut bench, (0..20).map(|n| (1 + n % 2, n))), []);
    let mut snapshot = serde_json::to_value(bench.decoder.snapshot()).unwrap();
    let sequences = snapshot["exporters"][0]["sequences"].as_array_mut().unwrap();
    assert_eq!(sequences.len(), 3, "two domains, and the counter over both");
    sequences.retain(|it| it["domain"] != 2);
    // Domain 1 goes on alone, then the other comes back: nothing is missing.
    assert_eq!(sequence(&mut restored(&snapshot), (20..60).map(|n| (1, n)).chain((60..70).map(|n| (1 + n % 2, n)))), []);
}

#[test]
fn a_counter_of_one_domain_that_was_remembered_as_one_of_all() {
    let mut bench = Bench::new();
    assert_eq!(sequence(&mut bench, (0..20).map(|n| (1, n))), []);
    let mut snapshot = serde_json::to_value(bench.decoder.snapshot()).unwrap();
    let sequences = snapshot["exporters"][0]["sequences"].as_array_mut().unwrap();
    assert_eq!(sequences.len(), 1, "its own is that of all domains");
    let mut shared = sequences[0].clone();
    shared["domain"] = serde_json::Value::Null;
    sequences.push(shared);
    // Another domain with a counter of its own.
    let mut after = restored(&snapshot);
    assert_eq!(sequence(&mut after, (20..60).map(|n| (1, n)).chain((0..9).flat_map(|n| [(2, 5_000 + n), (1, 60 + n)]))), []);
    // What a decoder knows itself is better than what it is told again.
    let mut warm = Bench::new();
    assert_eq!(sequence(&mut warm, (0..60).map(|n| (1, n))), []);
    warm.decoder.restore(&serde_json::from_value(snapshot).unwrap()).unwrap();
    assert_eq!(sequence(&mut warm, (60..80).map(|n| (1 + n % 2, n))), []);
}

#[test]
fn what_is_used_is_remembered_as_such() {
    let announce = [set(2, template(256, &SHAPE))];
    let limited = || Bench::with(|settings| settings.limits.exporter_domains = 3);
    let kept = |bench: &Bench| bench.decoder.templates().map(|it| it.domain).collect::<std::collections::BTreeSet<_>>();
    let mut bench = limited();
    for domain in [1, 2, 3, 1] {
        bench.udp(&ipfix_of(domain, 0, &announce));
    }
    let mut after = limited();
    after.decoder.restore(&bench.decoder.snapshot()).unwrap();
    for mut bench in [bench, after] {
        bench.udp(&ipfix_of(4, 0, &announce));
        assert_eq!(kept(&bench), [1, 3, 4].into());
    }
}
