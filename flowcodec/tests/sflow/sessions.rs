//! State of sFlow: sessions by source, agent and sub-agent; numbers of datagrams, and of the samples of each data source.

use std::net::IpAddr;

use flowcodec::sflow::Source;
use flowcodec::{Exporter, ExporterChange, Protocol, SequenceChange, SequenceUnit, Snapshot, Timestamp};

use super::build::{AGENT, Head, counters, discard, flow, flow_expanded};
use super::heard::{Bench, NOW, Said, changes, exporter};

const PACKETS: SequenceUnit = SequenceUnit::Packets;

fn second(number: u32) -> Timestamp {
    NOW.offset(i64::from(number) * 1_000_000_000)
}

const fn gap(lost: u32, unit: SequenceUnit) -> SequenceChange {
    SequenceChange::Gap { lost: Some(lost), unit }
}

const fn port(index: u32) -> Source {
    Source { class: 0, index }
}

/// Datagrams of [`AGENT`], one a second by their number, each with the samples given.
fn numbered(bench: &mut Bench, numbers: impl IntoIterator<Item = u32>) -> Vec<SequenceChange> {
    let heard = |number| bench.from(exporter(), second(number), &Head::new(number).with(&[]));
    numbers.into_iter().map(heard).flat_map(|said| changes(&said)).collect()
}

// ---- datagrams

#[test]
fn datagrams_missing_late_and_twice() {
    let mut bench = Bench::new();
    assert_eq!(numbered(&mut bench, 10..20), []);
    assert_eq!(numbered(&mut bench, [23]), [gap(3, PACKETS)]);
    assert_eq!(numbered(&mut bench, [21]), [SequenceChange::Late { behind: 3, unit: PACKETS }]);
    assert_eq!(numbered(&mut bench, [23]), [SequenceChange::Late { behind: 1, unit: PACKETS }]);
    assert_eq!(numbered(&mut bench, 24..30), []);
    let status = bench.decoder.exporters().next().unwrap();
    assert_eq!((status.lost_packets, status.lost_records, status.messages), (3, 0, 19));
    assert_eq!(bench.decoder.stats().lost_packets, 3);
}

#[test]
fn the_number_of_datagrams_wraps() {
    let mut bench = Bench::new();
    let mut heard =
        |number: u32, at| changes(&bench.from(exporter(), second(at), &Head { sequence: number, ..Head::new(at) }.with(&[])));
    for at in 0..10 {
        assert_eq!(heard((u32::MAX - 5).wrapping_add(at), at), []);
    }
    assert_eq!(heard(6, 10), [gap(2, PACKETS)]);
}

#[test]
fn how_many_samples_a_datagram_has_is_no_matter() {
    let mut bench = Bench::new();
    for number in 1..20 {
        let samples: Vec<_> = (0..number * number % 7).map(|at| counters(at, 2 * number, &[])).collect();
        assert_eq!(changes(&bench.from(exporter(), second(number), &Head::new(number).with(&samples))), []);
    }
    // Unknown and bad samples neither.
    for number in 20..30 {
        let samples = [super::build::structure(999, &[]), super::build::structure(1, &[])];
        assert_eq!(changes(&bench.from(exporter(), second(number), &Head::new(number).with(&samples))), []);
    }
    let missing = Head::new(32).with(&[]);
    assert_eq!(changes(&bench.from(exporter(), second(32), &missing)), [gap(2, PACKETS)]);
}

#[test]
fn one_sample_in_each_datagram_is_still_a_number_of_datagrams() {
    let mut bench = Bench::new();
    let mut heard = |number| changes(&bench.from(exporter(), second(number), &Head::new(number).with(&[flow(number, 1, &[])])));
    for number in [1, 2, 5, 6, 7, 8] {
        assert_eq!(heard(number), []);
    }
    assert_eq!(heard(10), [gap(1, PACKETS)]);
}

/// A restart shows in the uptime: numbers begin anew, or go on.
#[test]
fn agents_begin_anew() {
    let mut bench = Bench::new();
    let samples = |number| [flow(1, number, &[])];
    for number in 100..110 {
        assert_eq!(changes(&bench.from(exporter(), second(number), &Head::new(number).with(&samples(number)))), []);
    }
    // 70 seconds later it has been up for one, and counts from one.
    let begun = |number: u32| Head { uptime_ms: 1_000 * number, ..Head::new(number) }.with(&samples(number));
    assert_eq!(changes(&bench.from(exporter(), second(180), &begun(1))), [SequenceChange::Restarted]);
    for number in 2..10 {
        assert_eq!(changes(&bench.from(exporter(), second(179 + number), &begun(number))), []);
    }
    // Samples are told of first.
    assert_eq!(
        changes(&bench.from(exporter(), second(190), &begun(11))),
        [gap(1, SequenceUnit::FlowSamples(port(1))), gap(1, PACKETS)]
    );
}

#[test]
fn an_agent_that_begins_anew_is_late_neither_with_small_numbers() {
    let mut bench = Bench::new();
    assert_eq!(numbered(&mut bench, 1..9), []);
    // Numbers that could pass for late ones, but for the uptime.
    let begun = Head { uptime_ms: 500, ..Head::new(2) }.with(&[]);
    assert_eq!(changes(&bench.from(exporter(), second(300), &begun)), [SequenceChange::Restarted]);
}

#[test]
fn an_uptime_that_comes_round_changes_nothing() {
    let mut bench = Bench::new();
    let mut heard = |number: u32, uptime_ms| {
        let samples = [flow(1, number, &[])];
        changes(&bench.from(exporter(), second(number), &Head { uptime_ms, ..Head::new(number) }.with(&samples)))
    };
    // 49.7 days after it booted.
    for number in 1..20 {
        assert_eq!(heard(number, (1_000 * number).wrapping_sub(10_000)), [], "{number}");
    }
    assert_eq!(heard(22, 12_000), [gap(2, SequenceUnit::FlowSamples(port(1))), gap(2, PACKETS)]);
}

// ---- who is who

#[test]
fn a_forged_source_touches_nothing() {
    let mut bench = Bench::new();
    let real = |bench: &mut Bench, number: u32| {
        let samples = [flow(1, number, &[]), counters(1, number, &[])];
        changes(&bench.from(exporter(), second(number), &Head::new(number).with(&samples)))
    };
    // The same agent, sub-agent and data sources: from another address, from another port.
    let forged = [Exporter::new([203, 0, 113, 66].into(), 6343), Exporter::new(exporter().address(), 6344)];
    for number in 1..40 {
        assert_eq!(real(&mut bench, number), [], "{number}");
        for (at, forged) in (0..).zip(forged) {
            let sequence = number.wrapping_mul(2_654_435_761).wrapping_add(at);
            let head = Head { sequence, uptime_ms: sequence, ..Head::new(number) };
            let samples = [flow(1, sequence, &[]), counters(1, sequence.wrapping_add(77), &[]), flow(number, 1, &[])];
            bench.from(forged, second(number), &head.with(&samples));
        }
    }
    let of = |bench: &Bench, exporter| bench.decoder.exporters().find(|status| status.exporter == exporter).unwrap();
    let status = of(&bench, exporter());
    assert_eq!((status.messages, status.records, status.lost_packets, status.lost_records), (39, 78, 0, 0));
    assert_eq!((status.first_heard, status.last_heard), (second(1), second(39)));
    assert_eq!((of(&bench, forged[0]).messages, of(&bench, forged[1]).records), (39, 117));
    assert_eq!(real(&mut bench, 42).len(), 3, "and what is really missing is told");
}

#[test]
fn agents_and_sub_agents_behind_one_address_are_apart() {
    let mut bench = Bench::new();
    let agents: [(Option<IpAddr>, u32); 4] = [(Some(AGENT), 0), (Some(AGENT), 1), ("2001:db8::9".parse().ok(), 0), (None, 0)];
    let mut said = Vec::new();
    for number in 0..20 {
        for (at, (agent, sub_agent)) in (1..).zip(agents) {
            // Each with numbers and uptimes of its own; the third one misses a datagram with a sample.
            if (at, number) == (3, 10) {
                continue;
            }
            let sequence = number + 1_000 * at;
            let head = Head { agent, sub_agent, sequence, uptime_ms: 1_000 * sequence };
            said.extend(bench.from(exporter(), second(number), &head.with(&[flow(5, number * at, &[])])));
        }
    }
    // Each appears once. The numbers of the samples count by `at`: nobody else's are one by one, and only those may be judged.
    assert_eq!(said.iter().filter(|it| **it == Said::Exporter(ExporterChange::Appeared)).count(), 4);
    assert_eq!(changes(&said), [gap(1, PACKETS)]);
    let mut found: Vec<_> = bench.decoder.exporters().map(|it| (it.agent, it.domain, it.messages, it.lost_packets)).collect();
    found.sort_unstable();
    let expected = [(None, 0, 20, 0), (Some(AGENT), 0, 20, 0), (Some(AGENT), 1, 20, 0), ("2001:db8::9".parse().ok(), 0, 19, 1)];
    assert_eq!(found, expected);
    assert!(bench.decoder.exporters().all(|it| it.protocol == Protocol::Sflow && it.templates == 0 && it.options == 0));
}

// ---- samples

/// Sequence changes of one session whose datagrams are all there: the numbers are those of one sample each.
struct Numbers {
    bench: Bench,
    datagrams: u32,
}

impl Numbers {
    fn new() -> Self {
        Self { bench: Bench::new(), datagrams: 0 }
    }

    fn hear(&mut self, sample: Vec<u8>) -> Vec<SequenceChange> {
        self.datagrams += 1;
        changes(&self.bench.from(exporter(), second(self.datagrams), &Head::new(self.datagrams).with(&[sample])))
    }

    fn flows(&mut self, numbers: impl IntoIterator<Item = u32>) -> Vec<SequenceChange> {
        numbers.into_iter().flat_map(|number| self.hear(flow(3, number, &[]))).collect()
    }
}

#[test]
fn samples_missing_late_and_wrapped() {
    let unit = SequenceUnit::FlowSamples(port(3));
    let mut numbers = Numbers::new();
    assert_eq!(numbers.flows((u32::MAX - 4..=u32::MAX).chain(0..5)), []);
    assert_eq!(numbers.flows([9]), [gap(4, unit)]);
    assert_eq!(numbers.flows([7, 8, 9, 10]), [], "late ones are not missing any more, and nobody is accused of them");
    assert_eq!(numbers.flows([11, 14]), [gap(2, unit)]);
    let status = numbers.bench.decoder.exporters().next().unwrap();
    assert_eq!((status.lost_records, status.lost_packets), (6, 0));
    assert_eq!(numbers.bench.decoder.stats().lost_records, 6);
    // Too far to be a number of samples.
    assert_eq!(numbers.flows(15..20), []);
    assert_eq!(numbers.flows([20 + (1 << 25)]), [SequenceChange::Gap { lost: None, unit }]);
    assert_eq!(numbers.bench.decoder.stats().lost_records, 6);
}

#[test]
fn each_source_and_kind_has_numbers_of_its_own() {
    let mut numbers = Numbers::new();
    let expanded = |number| flow_expanded([2, 3], number, [[0, 1], [0, 2]], &[]);
    for number in 0..10 {
        for sample in [
            flow(3, 100 + number, &[]),
            flow(4, 200 + number, &[]),
            counters(3, 300 + number, &[]),
            discard(3, 400 + number, 256, &[]),
            // Class 2 of the same index.
            expanded(500 + number),
        ] {
            assert_eq!(numbers.hear(sample), []);
        }
    }
    assert_eq!(numbers.hear(flow(3, 111, &[])), [gap(1, SequenceUnit::FlowSamples(port(3)))]);
    assert_eq!(numbers.hear(flow(4, 212, &[])), [gap(2, SequenceUnit::FlowSamples(port(4)))]);
    assert_eq!(numbers.hear(counters(3, 313, &[])), [gap(3, SequenceUnit::CounterSamples(port(3)))]);
    assert_eq!(numbers.hear(discard(3, 414, 256, &[])), [gap(4, SequenceUnit::Discards(port(3)))]);
    assert_eq!(numbers.hear(expanded(515)), [gap(5, SequenceUnit::FlowSamples(Source { class: 2, index: 3 }))]);
    // The compact form of class 2, index 3 is the same source.
    assert_eq!(numbers.hear(flow((2 << 24) | 3, 517, &[])), [gap(1, SequenceUnit::FlowSamples(Source { class: 2, index: 3 }))]);
}

#[test]
fn several_samples_of_a_source_in_one_datagram() {
    let mut bench = Bench::new();
    let mut number = 0;
    for datagram in 1..10 {
        let samples: Vec<_> = (number + 1..=number + 5).map(|number| flow(1, number, &[])).collect();
        number += 5;
        assert_eq!(changes(&bench.from(exporter(), second(datagram), &Head::new(datagram).with(&samples))), []);
    }
    let samples = [flow(1, number + 2, &[]), flow(1, number + 3, &[]), flow(1, number + 5, &[])];
    let said = bench.from(exporter(), second(10), &Head::new(10).with(&samples));
    assert_eq!(changes(&said), [gap(1, SequenceUnit::FlowSamples(port(1))); 2]);
}

// ---- caps

#[test]
fn session_sources() {
    let evicted = |said: &[Said]| -> Vec<Source> {
        let sources = said.iter().filter_map(|it| match it {
            Said::Exporter(ExporterChange::SourceEvicted(source)) => Some(*source),
            _ => None,
        });
        sources.collect()
    };
    let mut bench = Bench::with(|settings| settings.limits.session_sources = 3);
    let mut datagram = 0;
    let mut hear = |bench: &mut Bench, source, number| {
        datagram += 1;
        bench.from(exporter(), second(datagram), &Head::new(datagram).with(&[flow(source, number, &[])]))
    };
    for number in 1..6 {
        for source in 1..=3 {
            assert_eq!(evicted(&hear(&mut bench, source, number)), []);
        }
    }
    // One more: any of them goes, and the others are followed.
    let [gone] = evicted(&hear(&mut bench, 4, 1))[..] else { panic!() };
    assert!((1..=3).contains(&gone.index), "{gone:?}");
    for source in (1..=3).filter(|source| *source != gone.index) {
        assert_eq!(changes(&hear(&mut bench, source, 8)), [gap(2, SequenceUnit::FlowSamples(port(source)))]);
    }
    assert_eq!(evicted(&hear(&mut bench, 4, 2)), [], "it has the place now");
    // The one that went comes again, as if it were new. That another goes for it is not said again.
    let said = hear(&mut bench, gone.index, 90);
    assert_eq!((evicted(&said), changes(&said)), (vec![], vec![]));
    // What was found missing stays counted, and another session has room of its own.
    assert_eq!(bench.decoder.exporters().next().unwrap().lost_records, 4);
    let other = |samples: &[Vec<u8>]| Head { sub_agent: 9, ..Head::new(1) }.with(samples);
    assert_eq!(evicted(&bench.from(exporter(), second(99), &other(&[flow(1, 1, &[]), flow(2, 1, &[]), flow(3, 1, &[])]))), []);
    assert_eq!(evicted(&bench.from(exporter(), second(99), &other(&[flow(4, 1, &[])]))).len(), 1);
    // Flow samples and counters of one source are followed apart.
    let mut bench = Bench::with(|settings| settings.limits.session_sources = 1);
    let both = [flow(7, 1, &[]), counters(7, 1, &[])];
    assert_eq!(evicted(&bench.hear(&Head::new(1).with(&both))), [port(7)]);
}

#[test]
fn sources_are_on_the_account_of_their_exporter() {
    let mut bench = Bench::new();
    bench.hear(&Head::new(1).with(&[]));
    let before = bench.decoder.bytes_held();
    let samples: Vec<_> = (0..1_000).map(|source| flow(source, 1, &[])).collect();
    bench.hear(&Head::new(2).with(&samples));
    let cost = bench.decoder.bytes_held() - before;
    assert!(cost > 50_000, "{cost}");
    // All of it goes with the exporter.
    bench.tick(NOW.offset(48 * 3_600 * 1_000_000_000));
    assert_eq!(bench.decoder.exporters().count(), 0);
    bench.hear(&Head::new(1).with(&[]));
    assert!(bench.decoder.bytes_held() < before + 140_000, "tables of up to a thousand places are kept");
    // A small account holds few.
    let mut bench = Bench::with(|settings| settings.limits.exporter_bytes = 64 << 10);
    let said = bench.hear(&Head::new(2).with(&samples));
    assert_eq!(said.iter().filter(|it| matches!(it, Said::Exporter(ExporterChange::SourceEvicted(_)))).count(), 1, "said once");
    assert!(bench.decoder.bytes_held() < 64 << 10);
}

#[test]
fn exporter_sessions_by_agent() {
    let mut bench = Bench::with(|settings| settings.limits.exporter_sessions = 2);
    let agent = |number: u8| Head { agent: Some([192, 0, 2, number].into()), ..Head::new(1) };
    let heard = |bench: &Bench| {
        let mut agents: Vec<_> = bench.decoder.exporters().map(|status| status.agent.unwrap().to_string()).collect();
        agents.sort_unstable();
        agents
    };
    for number in [1, 2] {
        bench.from(exporter(), second(number.into()), &agent(number).with(&[flow(1, 1, &[])]));
    }
    assert_eq!(heard(&bench), ["192.0.2.1", "192.0.2.2"]);
    let said = bench.from(exporter(), second(9), &agent(3).with(&[]));
    let evicted = ExporterChange::SessionEvicted { lost_records: 0, lost_packets: 0 };
    assert!(said.contains(&Said::Exporter(evicted)), "{said:?}");
    assert_eq!(heard(&bench), ["192.0.2.2", "192.0.2.3"]);
}

// ---- after a restart of our own

#[test]
fn snapshots_keep_the_numbers_of_datagrams() {
    let mut bench = Bench::new();
    for number in 1..10 {
        for (sub_agent, sequence) in [(0, number), (1, 500 + number)] {
            let head = Head { sub_agent, sequence, ..Head::new(number) };
            bench.from(exporter(), second(number), &head.with(&[flow(1, number, &[])]));
        }
    }
    let written = serde_json::to_string(&bench.decoder.snapshot()).unwrap();
    let snapshot: Snapshot = serde_json::from_str(&written).unwrap();
    assert_eq!(snapshot, bench.decoder.snapshot());

    let mut warm = Bench::new();
    warm.decoder.restore(&snapshot).unwrap();
    // Sessions of which nothing was heard yet are no exporters.
    assert_eq!(warm.decoder.exporters().count(), 0);
    let mut hear = |sub_agent, sequence, sample| {
        let head = Head { sub_agent, sequence, ..Head::new(12) };
        changes(&warm.from(exporter(), second(12), &head.with(&[flow(1, sample, &[])])))
    };
    // Samples are followed anew: nobody is accused of those between.
    assert_eq!(hear(0, 12, 30), [gap(2, PACKETS)]);
    assert_eq!(hear(1, 510, 40), []);
    assert_eq!(hear(1, 515, 41), [gap(4, PACKETS)]);
    let again = warm.decoder.snapshot();
    assert_eq!(again.len(), 1);
}
