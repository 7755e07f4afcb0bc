//! Recordings of agents that sample packets: every frame that was sent is there, with its lengths; rates, pools and sequence numbers.
#![cfg(test)]

mod common;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::Path;

use common::{corpus, decode};
use flowcodec::ie::ElementId;
use flowcodec::model::Scaled;
use flowcodec::sflow::{DropReason, Interface, SampleKind, Source};
use flowcodec::{Decoder, Event, Exporter, Record, SequenceChange, SequenceUnit, Settings, Timestamp, field};
use flowdump::input::{self, Item, Options};

/// What tells the flows of the traffic set apart: IP version, protocol, ports, and the numbers above IP's: VLANs, labels, ICMP type,
/// fragment offset.
type Key = (Option<u8>, Option<u8>, Option<u16>, Option<u16>, Vec<u64>);

/// The traffic set `full` of the README beside the recordings: key, frames, octets of layer 3, and of the frames.
fn traffic() -> BTreeMap<Key, [u64; 3]> {
    let ip = |version, protocol, source, destination, others: &[u64]| {
        (Some(version), Some(protocol), Some(source), Some(destination), others.to_vec())
    };
    let portless = |version, protocol, others: &[u64]| (Some(version), Some(protocol), None, None, others.to_vec());
    [
        (ip(4, 6, 40_001, 80, &[]), [20, 9_800, 10_080]),
        (ip(4, 17, 40_002, 53, &[]), [12, 1_200, 1_368]),
        (portless(4, 1, &[8]), [8, 672, 784]),
        (portless(4, 1, &[3]), [4, 224, 280]),
        (ip(4, 132, 40_003, 5_000, &[]), [8, 800, 912]),
        (portless(4, 47, &[]), [8, 432, 544]),
        (ip(4, 17, 40_009, 9, &[]), [1, 92, 106]),
        (portless(4, 17, &[9]), [1, 84, 98]),
        (ip(6, 6, 40_004, 443, &[]), [20, 6_600, 6_880]),
        (ip(6, 17, 40_005, 5_353, &[]), [8, 1_184, 1_296]),
        (portless(6, 58, &[128]), [8, 704, 816]),
        (ip(4, 17, 40_006, 514, &[100]), [12, 1_416, 1_632]),
        (ip(6, 6, 40_007, 8_443, &[200]), [12, 1_360, 1_576]),
        (ip(4, 17, 40_010, 11, &[10, 20]), [8, 624, 800]),
        (ip(4, 17, 40_008, 69, &[1_000]), [8, 704, 848]),
        // No length says where ARP ends: these are 28 octets and the padding of the shortest frame.
        ((None, None, None, None, vec![0x806]), [1, 46, 60]),
        ((None, None, None, None, vec![0x88cc]), [1, 46, 60]),
    ]
    .into()
}

/// Which flow of the traffic set a packet belongs to, if it went from the one end to the other.
fn key(record: &Record<'_>) -> Option<Key> {
    let sent: [IpAddr; 2] = ["10.99.0.1".parse().unwrap(), "fd00:99::1".parse().unwrap()];
    let ends = [sent, ["10.99.0.2".parse().unwrap(), "fd00:99::2".parse().unwrap()]];
    let number = |value: Option<u64>| value.filter(|number| *number != 0);
    let mut others = Vec::new();
    match (record.get(field::SRC_ADDR), record.get(field::DST_ADDR)) {
        (None, None) => others.push(u64::from(record.get(field::ETHERTYPE)?)),
        (Some(src), Some(dst)) if ends[0].contains(&src) && ends[1].contains(&dst) => {
            others.extend(number(record.get(field::VLAN).map(u64::from)));
            others.extend(number(record.get(field::CUSTOMER_VLAN).map(u64::from)));
            others.extend(
                record.get(field::MPLS_LABELS).into_iter().flat_map(|labels| labels.iter().map(u64::from).collect::<Vec<_>>()),
            );
            others.extend(number(record.get(field::ICMP_TYPE).map(u64::from)));
            others.extend(number(record.get(field::FRAGMENT_OFFSET).map(u64::from)));
        }
        _ => return None,
    }
    Some((
        record.get(field::IP_VERSION),
        record.get(field::IP_PROTOCOL),
        record.get(field::SRC_PORT),
        record.get(field::DST_PORT),
        others,
    ))
}

/// Hands the flow samples of a recording to `each`.
fn flows(path: &Path, each: &mut dyn FnMut(&Record<'_>)) {
    let feed = decode(&[path], Options::default(), Settings::default(), &mut |event| match event {
        Event::Flows(set) => set.records().for_each(|record| each(&record)),
        Event::Fault(fault) => panic!("{}: {}", path.display(), fault.fault),
        _ => {}
    });
    let stats = feed.decoder().stats();
    assert_eq!((stats.unknown_samples, stats.unknown_records), (0, 0), "{}", path.display());
}

#[test]
fn at_one_of_one_every_frame_is_there() {
    let Some(corpus) = corpus() else { return };
    for (name, forward) in [("hsflowd/s1", 2), ("openvswitch/sflow1", 2)] {
        let mut found: BTreeMap<Key, [u64; 3]> = BTreeMap::new();
        flows(&corpus.join("exporters").join(name).with_extension("pcap"), &mut |record| {
            assert_eq!(record.get(field::SAMPLING_RATE), Some(1.0));
            assert_eq!(record.context().counters_scaled, Scaled::No, "a sample is of one packet");
            assert_eq!(record.get(field::PACKETS), Some(1));
            let length = u64::from(record.get(field::FRAME_LENGTH).unwrap());
            assert_eq!(record.get(field::LAYER2_OCTETS), Some(length));
            let Some(key) = key(record).filter(|_| record.get(field::IN_IF) == Some(forward)) else { return };
            let sum = found.entry(key).or_default();
            // The check sequence of 4 octets, which was stripped, counts as part of the frame.
            *sum = [sum[0] + 1, sum[1] + record.get(field::OCTETS).unwrap(), sum[2] + length - 4];
        });
        let mut traffic = traffic();
        if name == "openvswitch/sflow1" {
            // Three pings of each kind beside the traffic set, and what comes before they can be sent.
            let pings = [(4, 1, 8, 84, 98), (6, 58, 128, 104, 118)];
            for (version, protocol, icmp_type, octets, frame) in pings {
                let sum = traffic.get_mut(&(Some(version), Some(protocol), None, None, vec![icmp_type])).unwrap();
                *sum = [sum[0] + 3, sum[1] + 3 * octets, sum[2] + 3 * frame];
            }
            traffic.insert((Some(6), Some(58), None, None, vec![136]), [1, 72, 86]);
            let arp = traffic.get_mut(&(None, None, None, None, vec![0x806])).unwrap();
            *arp = [2, 46 + 28, 60 + 42];
        }
        assert_eq!(found, traffic, "{name}");
    }
}

#[test]
fn rates_and_pools() {
    let Some(corpus) = corpus() else { return };
    for (name, samples, rate) in [("openvswitch/sflow64", 22, 64), ("openvswitch/sflow1", 229, 1), ("hsflowd/s1", 152, 1)] {
        let mut pools = Vec::new();
        flows(&corpus.join("exporters").join(name).with_extension("pcap"), &mut |record| {
            assert_eq!(record.get(field::SAMPLING_RATE), Some(f64::from(rate)));
            assert_eq!(record.get(field::SAMPLE_DROPS), Some(0));
            pools.push(record.get(field::SAMPLE_POOL).unwrap());
        });
        // These count what the samples stand for.
        assert_eq!(pools, (1..=samples).map(|number| number * rate).collect::<Vec<_>>(), "{name}");
    }
    // This one counts packets: 140 were there, one of two at random was sampled.
    let mut pools = Vec::new();
    flows(&corpus.join("exporters/pmacct/sfprobe.pcap"), &mut |record| {
        assert_eq!(record.get(field::SAMPLING_RATE), Some(2.0));
        pools.push(record.get(field::SAMPLE_POOL).unwrap());
    });
    assert!(pools.is_sorted() && pools.len() == 61 && (61..=140).contains(pools.last().unwrap()), "{pools:?}");
}

#[test]
fn where_packets_of_open_vswitch_go() {
    let Some(corpus) = corpus() else { return };
    let mut outputs: BTreeMap<String, u32> = BTreeMap::new();
    flows(&corpus.join("exporters/openvswitch/sflow1.pcap"), &mut |record| {
        let output = record.sample().unwrap().output().unwrap();
        let (out_if, count) = (record.get(field::OUT_IF), record.get(field::OUT_IF_COUNT));
        let reason = record.get(field::DROP_REASON);
        match output {
            Interface::Index(index) => assert_eq!((out_if, count, reason), (Some(index), None, None)),
            Interface::Multiple(number) => assert_eq!((out_if, count, reason), (None, Some(number), None)),
            Interface::Discarded(why) => {
                assert_eq!((out_if, count, reason, why.name()), (None, None, Some(256), Some("unknown")));
                assert_eq!(why, DropReason(256));
                // Nothing forwards LLDP.
                assert_eq!(record.get(field::ETHERTYPE), Some(0x88cc));
            }
            other => panic!("{other:?}"),
        }
        *outputs.entry(format!("{output:?}").split('(').next().unwrap().to_owned()).or_default() += 1;
    });
    let expected = [("Discarded", 1), ("Index", 189), ("Multiple", 39)];
    assert_eq!(outputs, expected.map(|(form, count)| (form.to_owned(), count)).into());
}

/// One sample: what it is about, its source and number.
type Numbered = (SampleKind, Source, u32);

/// One datagram of sFlow, and the numbers of its samples.
struct Datagram {
    source: Exporter,
    received: Timestamp,
    bytes: Vec<u8>,
    samples: Vec<Numbered>,
}

fn datagrams(path: &Path) -> Vec<Datagram> {
    let mut datagrams = Vec::new();
    input::read(path, &Options::default(), &mut |_| {}, &mut |item| {
        if let Item::Datagram { source, received_ns, bytes, .. } = item
            && let Ok(datagram) = flowcodec::sflow::Datagram::parse(bytes)
        {
            let samples = datagram.samples().map(|sample| {
                let sample = sample.unwrap();
                (sample.kind(), sample.source().unwrap(), sample.sequence().unwrap())
            });
            datagrams.push(Datagram {
                source: source.into(),
                received: Timestamp::from_nanos(received_ns),
                bytes: bytes.to_vec(),
                samples: samples.collect(),
            });
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    datagrams
}

const RECORDINGS: [&str; 5] =
    ["hsflowd/s1", "openvswitch/sflow1", "openvswitch/sflow64", "openvswitch/seed004", "pmacct/sfprobe"];

#[test]
fn samples_of_each_source_are_numbered_one_by_one() {
    let Some(corpus) = corpus() else { return };
    let mut sources = 0;
    for name in RECORDINGS {
        let mut numbers: BTreeMap<_, Vec<u32>> = BTreeMap::new();
        for datagram in datagrams(&corpus.join("exporters").join(name).with_extension("pcap")) {
            for (kind, source, number) in datagram.samples {
                // Open vSwitch sends everything twice, from two ports.
                numbers.entry((datagram.source.port(), format!("{kind:?}"), source)).or_default().push(number);
            }
        }
        for (source, numbers) in &numbers {
            let expected: Vec<_> = (1..=u32::try_from(numbers.len()).unwrap()).collect();
            assert_eq!(*numbers, expected, "{name} {source:?}");
        }
        sources += numbers.len();
    }
    assert_eq!(sources, 28);
}

/// What the numbers say when one datagram is taken out.
fn without(datagrams: &[Datagram], missing: usize) -> (Vec<SequenceChange>, u64, u64) {
    let mut decoder = Decoder::default();
    let mut changes = Vec::new();
    for (_, datagram) in datagrams.iter().enumerate().filter(|(at, _)| *at != missing) {
        decoder.datagram(datagram.source, datagram.received, &datagram.bytes).for_each(|event| {
            if let Event::Sequence(event) = event {
                changes.push(event.change);
            }
        });
    }
    (changes, decoder.stats().lost_packets, decoder.stats().lost_records)
}

#[test]
fn a_missing_datagram_is_one_gap_of_datagrams_and_one_of_each_source_in_it() {
    let Some(corpus) = corpus() else { return };
    let (mut gaps, mut samples) = (0, 0);
    for name in RECORDINGS {
        let all = datagrams(&corpus.join("exporters").join(name).with_extension("pcap"));
        for missing in 0..all.len() {
            let (before, rest) = all.split_at(missing);
            let (taken, behind) = rest.split_first().unwrap();
            let of_session = |it: &&Datagram| it.source == taken.source;
            // Three steps show how an exporter counts; the number that shows the gap comes behind it.
            let mut expected = Vec::new();
            if before.iter().filter(of_session).count() > 3 && behind.iter().any(|it| it.source == taken.source) {
                expected.push(SequenceChange::Gap { lost: Some(1), unit: SequenceUnit::Packets });
            }
            for &(kind, source, number) in &taken.samples {
                let same = |it: &Numbered| (it.0, it.1) == (kind, source);
                let first = !taken.samples.iter().any(|it| same(it) && it.2 < number);
                let lost = u32::try_from(taken.samples.iter().filter(|it| same(it)).count()).unwrap();
                let heard = before.iter().filter(of_session).flat_map(|it| &it.samples).filter(|it| same(it)).count();
                if first && heard > 3 && behind.iter().filter(of_session).flat_map(|it| &it.samples).any(&same) {
                    let unit = match kind {
                        SampleKind::Counters => SequenceUnit::CounterSamples(source),
                        _ => SequenceUnit::FlowSamples(source),
                    };
                    expected.push(SequenceChange::Gap { lost: Some(lost), unit });
                }
            }
            let (mut found, packets, records) = without(&all, missing);
            let by_text = |change: &SequenceChange| format!("{change:?}");
            expected.sort_by_key(by_text);
            found.sort_by_key(by_text);
            assert_eq!(found, expected, "{name} without {missing}");
            let lost = |of_packets: bool| -> u64 {
                let of_unit = expected.iter().filter_map(|change| match change {
                    SequenceChange::Gap { lost, unit } if unit.is_packets() == of_packets => *lost,
                    _ => None,
                });
                of_unit.map(u64::from).sum()
            };
            assert_eq!((packets, records), (lost(true), lost(false)), "{name} without {missing}");
            gaps += expected.len();
            samples += lost(false);
        }
    }
    assert_eq!((gaps, samples), (140, 421));
}

/// Frames of a capture by the microsecond they were seen, and their octets.
fn frames(path: &Path) -> BTreeMap<u64, Vec<u8>> {
    let octets = std::fs::read(path).unwrap();
    let word = |at: usize| u32::from_le_bytes(octets[at..at + 4].try_into().unwrap());
    assert_eq!((word(0), word(20)), (0xa1b2_c3d4, 1), "microseconds, Ethernet");
    let (mut frames, mut at) = (BTreeMap::new(), 24);
    while at < octets.len() {
        let (seconds, micros, length) = (word(at), word(at + 4), usize::try_from(word(at + 8)).unwrap());
        frames.insert(u64::from(seconds) * 1_000_000 + u64::from(micros), octets[at + 16..at + 16 + length].to_vec());
        at += 16 + length;
    }
    frames
}

/// PSAMP of softflowd (RFC 5477): elements 324 and 315, with 410 for how much of that is no padding.
#[test]
fn sections_of_psamp_are_the_frames_that_were_sent() {
    let Some(corpus) = corpus() else { return };
    let frames = frames(&corpus.join("exporters/input_mix_full.pcap"));
    assert_eq!(frames.len(), 140);
    let traffic = traffic();
    let mut records = 0;
    flows(&corpus.join("exporters/softflowd/psamp.pcap"), &mut |record| {
        records += 1;
        let observed = u64::try_from(record.get(field::OBSERVED).unwrap().as_nanos()).unwrap();
        // It is a microsecond later than the capture has it.
        let micros = observed / 1_000;
        let (_, frame) = frames.range(micros - 1..=micros).next().unwrap();
        let octets = |id| record.elements().find(|element| element.id() == ElementId::iana(id)).unwrap().octets();
        let (section, copied) = (octets(315), octets(410));
        let (copied, padding) = section.split_at(u16::from_be_bytes(copied.try_into().unwrap()).into());
        assert!(copied == frame && padding.iter().all(|octet| *octet == 0), "{copied:x?}");
        let headers = record.headers().unwrap();
        assert_eq!(headers.src_mac().unwrap().octets(), frame[6..12]);
        assert_eq!(record.get(field::PACKETS), Some(1));
        assert_eq!(record.get(field::FRAME_LENGTH), None, "nothing says it");
        // The flow that the frame was sent in, and the octets of one of its packets.
        let [count, octets, _] = traffic[&key(record).unwrap()];
        match record.get(field::OCTETS) {
            Some(found) if record.get(field::IP_PROTOCOL) != Some(6) => assert_eq!(found, octets / count),
            // Segments differ in length; the first one has none.
            Some(found) => assert!((40..=1_500).contains(&found), "{found}"),
            None => assert_eq!(record.get(field::ETHERTYPE), Some(0x88cc)),
        }
    });
    assert_eq!(records, 15);
}
