//! A bad record between good ones costs itself, in every kind of sample, for every layout and every kind of badness; offsets included.
//! What the views say, the decoder says with its events.

use flowcodec::ie::SflowStructure;
use flowcodec::sflow::table::{self, Kind};
use flowcodec::sflow::{Datagram, Structure, Tally};
use flowcodec::{Fault, FaultKind, Layer, LimitedBy, Limits};

use super::heard::{self, Bench};
use super::layouts::{Case, cases};

/// Words of a datagram.
fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn len32(octets: &[u8]) -> u32 {
    u32::try_from(octets.len()).unwrap()
}

/// A format word, a length word that may lie, and the octets, padded.
fn measured(format: u32, length: u32, octets: &[u8]) -> Vec<u8> {
    let mut out = [&words(&[format, length])[..], octets].concat();
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn record(format: u32, octets: &[u8]) -> Vec<u8> {
    measured(format, len32(octets), octets)
}

/// A sample of `format` with this record count and these records.
fn sample(format: u32, count: u32, records: &[u8]) -> Vec<u8> {
    let head = vec![1_u32; usize::try_from(head_octets(format)).unwrap() / 4 - 1];
    record(format, &[&words(&head)[..], &words(&[count]), records].concat())
}

const fn head_octets(format: u32) -> u32 {
    match format {
        1 | 5 => 32,
        2 => 12,
        3 => 44,
        _ => 16,
    }
}

fn datagram(samples: &[Vec<u8>]) -> Vec<u8> {
    let head = words(&[5, 1, 0xc000_0201, 0, 1, 1, u32::try_from(samples.len()).unwrap()]);
    [head, samples.concat()].concat()
}

/// Where the records of the first sample begin.
const fn records_at(format: u32) -> u32 {
    28 + 8 + head_octets(format)
}

fn seen(octets: &[u8]) -> (Tally, Vec<Fault>) {
    let mut faults = Vec::new();
    let datagram = Datagram::parse(octets).unwrap();
    let tally = datagram.tally(&Limits::default(), |fault| faults.push(fault));
    assert_eq!(tally.octets + tally.lost_octets, len32(octets), "{faults:?}");
    decoded(octets, &tally, &faults);
    (tally, faults)
}

/// The decoder gives the same samples with the same records, and the same faults; and it counts the same.
fn decoded(octets: &[u8], tally: &Tally, faults: &[Fault]) {
    let mut bench = Bench::new();
    let said = bench.hear(octets);
    assert_eq!(heard::faults(&said), faults);
    let samples: Vec<_> = Datagram::parse(octets).unwrap().samples().flatten().collect();
    let seen = heard::all(&said);
    assert_eq!(seen.len(), samples.len());
    for (seen, sample) in seen.iter().zip(&samples) {
        assert_eq!((seen.kind, seen.offset), (sample.kind(), sample.offset()));
        let fit = |record: &Structure<'_>| record.check(&Limits::default()).is_ok();
        assert_eq!(seen.ids(), sample.records().flatten().filter(fit).map(|record| record.id()).collect::<Vec<_>>());
    }
    let stats = bench.decoder.stats();
    let counted = [stats.flows + stats.counters + stats.unknown_samples, stats.unknown_samples, stats.unknown_records];
    assert_eq!(counted, [tally.samples, tally.unknown_samples, tally.unknown_records].map(u64::from));
    assert_eq!([stats.bytes_decoded, stats.bytes_reported], [tally.octets, tally.lost_octets].map(u64::from));
    let heard = bench.decoder.exporters().next().unwrap();
    assert_eq!((heard.faults, heard.records), (stats.faults.total(), stats.flows + stats.counters));
}

/// The records around the one that is tried, as the decoder's records give them: all their values, and the common fields they feed.
fn neighbours(octets: &[u8], stand: &Stand, good: &[u32]) {
    let said = Bench::cursory().hear(octets);
    let sample = &heard::all(&said)[0];
    let (name, fields): (&str, &[(&str, &str)]) = match stand.case.id {
        SflowStructure::Counter(_) => ("vlan_counters", &[]),
        _ => ("extended_switch", &[("post_vlan", "3")]),
    };
    let around = sample.structures.iter().filter(|(id, _)| table::layout(*id).is_some_and(|layout| layout.name == name));
    let values: Vec<_> = around.map(|(_, values)| values.iter().map(|(_, value)| &**value).collect::<Vec<_>>()).collect();
    let expected: &[&str] = match stand.case.id {
        // octets is a hyper of two words.
        SflowStructure::Counter(_) => &["1", "8589934595", "4", "5", "6", "7"],
        _ => &["1", "2", "3", "4"],
    };
    // Where that structure itself is tried, it stands there with other values.
    let around = good.iter().filter(|format| **format == stand.around.0).count();
    assert_eq!(values.iter().filter(|values| **values == expected).count(), around.min(2), "{}", stand.case.name);
    assert_eq!(values.len(), around);
    for (field, value) in fields {
        assert_eq!(sample.field(field), Some(*value), "{}", stand.case.name);
    }
}

/// The formats of records in the first sample that fit, in order.
fn good(octets: &[u8]) -> Vec<u32> {
    let sample = Datagram::parse(octets).unwrap().samples().next().unwrap().unwrap();
    let fit = |record: &Structure<'_>| record.check(&Limits::default()).is_ok();
    sample.records().filter_map(Result::ok).filter(fit).map(|record| record.format().0).collect()
}

/// The case, the format of its records, its body, and a good record of the same kind to stand around it.
struct Stand {
    case: Case,
    format: u32,
    body: Vec<u8>,
    around: (u32, Vec<u8>),
    forms: &'static [u32],
}

fn stands() -> impl Iterator<Item = Stand> {
    cases().into_iter().map(|case| {
        let (format, around, forms): (_, _, &[u32]) = match case.id {
            // extended_switch; vlan_counters
            SflowStructure::Flow(format) => (format, (1001, words(&[1, 2, 3, 4])), &[1, 3, 5]),
            SflowStructure::Counter(format) => (format, (5, words(&[1, 2, 3, 4, 5, 6, 7])), &[2, 4]),
            SflowStructure::Sample(_) => panic!(),
        };
        Stand { body: case.body(), case, format, around, forms }
    })
}

/// Runs one kind of record through every form of sample, between two good ones, before another good sample.
fn between(stand: &Stand, middle: &[u8], mut check: impl FnMut(&str, u32, Vec<u32>, Tally, Vec<Fault>)) {
    let around = record(stand.around.0, &stand.around.1);
    for &form in stand.forms {
        let first = sample(form, 3, &[&around, middle, &around].concat());
        let octets = datagram(&[first, sample(form, 1, &around)]);
        let (tally, faults) = seen(&octets);
        assert_eq!((tally.samples, tally.bad_samples), (2, 0));
        neighbours(&octets, stand, &good(&octets));
        check(&stand.case.name, records_at(form) + len32(&around), good(&octets), tally, faults);
    }
}

#[test]
fn good_records_all_count() {
    for stand in stands() {
        between(&stand, &record(stand.format, &stand.body), |name, _, good, tally, faults| {
            assert_eq!(good, [stand.around.0, stand.format, stand.around.0], "{name}");
            assert_eq!(
                (tally.records, tally.unknown_records, tally.bad_records, faults.len()),
                (4, 0, 0, 0),
                "{name}: {faults:?}"
            );
        });
    }
}

#[test]
fn a_body_shorter_than_its_layout() {
    for stand in stands() {
        let min = stand.case.layout().min_octets();
        for length in (0..min).step_by(4) {
            let cut = &stand.body[..usize::try_from(length).unwrap()];
            between(&stand, &record(stand.format, cut), |name, at, good, tally, faults| {
                assert_eq!(good, [stand.around.0; 2], "{name}");
                assert_eq!((tally.records, tally.bad_records), (3, 1), "{name}");
                let [fault] = faults[..] else { panic!("{name}: {faults:?}") };
                assert_eq!(
                    (fault.kind, fault.layer, fault.limit),
                    (FaultKind::LengthTooSmall, Layer::Record, LimitedBy::RecordLength)
                );
                assert_eq!((fault.offset, fault.bytes), (at, 8 + length), "{name}");
                assert_eq!((fault.required, fault.available), (min, length), "{name}");
            });
        }
    }
}

#[test]
fn a_body_longer_than_its_layout() {
    for stand in stands() {
        for more in [1, 4, 40] {
            let longer = [&stand.body[..], &vec![0xff; more]].concat();
            between(&stand, &record(stand.format, &longer), |name, _, good, _, faults| {
                assert_eq!((good, faults), (vec![stand.around.0, stand.format, stand.around.0], vec![]), "{name}");
            });
        }
    }
}

#[test]
fn a_record_that_runs_past_its_sample() {
    for stand in stands() {
        for beyond in [17 + 40, 10_000, u32::MAX - 1_000] {
            let length = len32(&stand.body) + beyond;
            let middle = measured(stand.format, length, &stand.body);
            between(&stand, &middle, |name, at, good, tally, faults| {
                assert_eq!(good, [stand.around.0], "{name}");
                assert_eq!((tally.records, tally.bad_records), (2, 1), "{name}: the next sample is whole");
                let [fault] = faults[..] else { panic!("{name}: {faults:?}") };
                assert_eq!(
                    (fault.kind, fault.layer, fault.limit),
                    (FaultKind::RecordTruncated, Layer::Record, LimitedBy::SampleLength)
                );
                let rest = len32(&middle) + 8 + len32(&stand.around.1);
                assert_eq!((fault.offset, fault.bytes), (at, rest), "{name}");
                assert_eq!((fault.required, fault.available), (length, rest - 8), "{name}");
            });
        }
    }
}

#[test]
fn an_unknown_format_is_kept_raw() {
    for stand in stands() {
        for format in [0, 999, 4095, 0x8000_0000 | stand.format, u32::MAX] {
            between(&stand, &record(format, &stand.body), |name, _, good, tally, faults| {
                assert_eq!(good, [stand.around.0, format, stand.around.0], "{name}");
                assert_eq!((tally.records, tally.unknown_records, faults.len()), (4, 1, 0), "{name}");
            });
        }
    }
}

#[test]
fn inner_lengths_and_counts_that_do_not_fit() {
    let mut tried = 0;
    for stand in stands() {
        let mut at = 0;
        for (field, line) in stand.case.layout().fields.iter().zip(&stand.case.lines) {
            let (kind, word) = match field.kind {
                Kind::Text | Kind::Opaque => (FaultKind::Truncated, u32::MAX),
                Kind::List(_) => (FaultKind::CountBeyondOctets, u32::MAX),
                Kind::Address => (FaultKind::ValueInvalid, 3),
                _ => {
                    at += line.octets.len();
                    continue;
                }
            };
            let mut body = stand.body.clone();
            body[at..at + 4].copy_from_slice(&word.to_be_bytes());
            between(&stand, &record(stand.format, &body), |name, record, good, tally, faults| {
                assert_eq!(good, [stand.around.0; 2], "{name}");
                assert_eq!((tally.records, tally.bad_records), (3, 1), "{name}");
                let [fault] = faults[..] else { panic!("{name}: {faults:?}") };
                assert_eq!((fault.kind, fault.layer), (kind, Layer::Field), "{name} {}", field.name);
                assert_eq!(fault.offset, record + 8 + u32::try_from(at).unwrap(), "{name} {}", field.name);
                assert_eq!(fault.bytes, 8 + len32(&stand.body).next_multiple_of(4), "{name}");
            });
            tried += 1;
            at += line.octets.len();
        }
    }
    assert!(tried > 60, "{tried}");
}

#[test]
fn counts_of_records_that_are_wrong() {
    for stand in stands() {
        let (around, middle) = (record(stand.around.0, &stand.around.1), record(stand.format, &stand.body));
        let records = [&around[..], &middle, &around].concat();
        for &form in stand.forms {
            for count in [4, 1_000_000, u32::MAX] {
                let octets = datagram(&[sample(form, count, &records), sample(form, 1, &around)]);
                let (tally, faults) = seen(&octets);
                assert_eq!((tally.records, tally.bad_records), (4, 0), "{}", stand.case.name);
                let [fault] = faults[..] else { panic!("{faults:?}") };
                assert_eq!(
                    (fault.kind, fault.layer, fault.limit),
                    (FaultKind::CountBeyondOctets, Layer::Record, LimitedBy::SampleLength)
                );
                assert_eq!((fault.offset, fault.bytes), (records_at(form) + len32(&records), 0));
                assert_eq!((fault.required, fault.available), (count, 3));
            }
            for count in [0_u8, 1, 2] {
                let octets = datagram(&[sample(form, count.into(), &records), sample(form, 1, &around)]);
                let (tally, faults) = seen(&octets);
                assert_eq!(tally.records, u32::from(count) + 1);
                let [fault] = faults[..] else { panic!("{faults:?}") };
                assert_eq!(
                    (fault.kind, fault.layer, fault.limit),
                    (FaultKind::TrailingOctets, Layer::Record, LimitedBy::HeaderCount)
                );
                let good = [0, len32(&around), len32(&around) + len32(&middle)][usize::from(count)];
                assert_eq!((fault.offset, fault.bytes), (records_at(form) + good, len32(&records) - good));
            }
        }
    }
}

#[test]
fn a_bad_sample_costs_itself() {
    let switch = record(1001, &words(&[1, 2, 3, 4]));
    let good = sample(1, 1, &switch);
    for form in 1..=5 {
        for octets in (0..head_octets(form)).step_by(4) {
            let short = record(form, &vec![1; usize::try_from(octets).unwrap()]);
            let octets_in = datagram(&[good.clone(), short.clone(), good.clone()]);
            let (tally, faults) = seen(&octets_in);
            assert_eq!((tally.samples, tally.bad_samples, tally.records), (2, 1, 2));
            let [fault] = faults[..] else { panic!("{faults:?}") };
            assert_eq!(
                (fault.kind, fault.layer, fault.limit),
                (FaultKind::LengthTooSmall, Layer::Sample, LimitedBy::SampleLength)
            );
            assert_eq!((fault.offset, fault.bytes), (28 + len32(&good), len32(&short)));
            assert_eq!((fault.required, fault.available), (head_octets(form), octets));
            assert_eq!(Datagram::parse(&octets_in).unwrap().trailing(), None);
        }
    }
}

#[test]
fn a_sample_that_runs_past_the_datagram_costs_the_rest() {
    let switch = record(1001, &words(&[1, 2, 3, 4]));
    let good = sample(1, 1, &switch);
    for beyond in [1, 4, u32::MAX - 1_000] {
        let mut last = good.clone();
        let length = len32(&good) - 8 + beyond;
        last[4..8].copy_from_slice(&length.to_be_bytes());
        let octets = datagram(&[good.clone(), last]);
        let (tally, faults) = seen(&octets);
        assert_eq!((tally.samples, tally.bad_samples, tally.records), (1, 1, 1));
        let [fault] = faults[..] else { panic!("{faults:?}") };
        assert_eq!((fault.kind, fault.layer, fault.limit), (FaultKind::Truncated, Layer::Sample, LimitedBy::Datagram));
        assert_eq!((fault.offset, fault.bytes), (28 + len32(&good), len32(&good)));
        assert_eq!((fault.required, fault.available), (length, len32(&good) - 8));
        assert_eq!(Datagram::parse(&octets).unwrap().trailing(), Some(fault));
    }
}

#[test]
fn counts_of_samples_that_are_wrong() {
    let good = sample(2, 0, &[]);
    let end = 28 + 2 * len32(&good);
    for (count, kind, offset, bytes) in [
        (3, FaultKind::CountBeyondOctets, end, 0),
        (u32::MAX, FaultKind::CountBeyondOctets, end, 0),
        (1, FaultKind::TrailingOctets, end - len32(&good), len32(&good)),
        (0, FaultKind::TrailingOctets, 28, 2 * len32(&good)),
    ] {
        let mut octets = datagram(&[good.clone(), good.clone()]);
        octets[24..28].copy_from_slice(&count.to_be_bytes());
        let (tally, faults) = seen(&octets);
        assert_eq!((tally.samples, tally.bad_samples), (count.min(2), 0));
        let [fault] = faults[..] else { panic!("{faults:?}") };
        assert_eq!((fault.kind, fault.layer, fault.offset, fault.bytes), (kind, Layer::Sample, offset, bytes));
        assert_eq!(Datagram::parse(&octets).unwrap().trailing(), Some(fault));
    }
}
