//! What the decoder makes of the samples of a datagram: runs in order, what is unknown, what is bad.

use flowcodec::ie::SflowStructure;
use flowcodec::sflow::SampleKind;
use flowcodec::{Decoder, Event, ExporterChange, FaultKind, Layer, Protocol};

use super::build::{Head, counters, discard, flow, packet, structure, switch, words};
use super::heard::{Bench, NOW, Said, Seen, exporter, faults};

/// Kinds and sizes of the sets among events.
fn sets(said: &[Said]) -> Vec<(SampleKind, usize)> {
    said.iter()
        .filter_map(|it| match it {
            Said::Flows(samples) => Some((SampleKind::Flow, samples.len())),
            Said::Counters(samples) => Some((SampleKind::Counters, samples.len())),
            Said::Unknown(samples) => Some((SampleKind::Unknown, samples.len())),
            _ => None,
        })
        .collect()
}

/// A sample of a format nobody knows.
fn unknown(octets: &[u8]) -> Vec<u8> {
    structure((4300 << 12) + 1_002, octets)
}

#[test]
fn runs_of_samples_are_events_in_order() {
    use SampleKind::{Counters, Flow, Unknown};
    let samples = [
        flow(1, 1, &[switch(1, 1)]),
        // A packet that was dropped is a flow that went nowhere.
        discard(1, 1, 256, &[]),
        flow(1, 2, &[]),
        counters(1, 1, &[]),
        counters(2, 1, &[structure(1005, &words(&[0]))]),
        unknown(&[1, 2, 3]),
        unknown(&[]),
        flow(2, 1, &[]),
        unknown(&[4]),
        counters(1, 2, &[]),
    ];
    let mut bench = Bench::new();
    let said = bench.hear(&Head::new(1).with(&samples));
    assert_eq!(said[0], Said::Exporter(ExporterChange::Appeared));
    assert_eq!(sets(&said), [(Flow, 3), (Counters, 2), (Unknown, 2), (Flow, 1), (Unknown, 1), (Counters, 1)]);
    let raw: Vec<_> = super::heard::all(&said).into_iter().map(|seen| seen.raw).collect();
    assert_eq!(raw, samples);
    let stats = bench.decoder.stats();
    assert_eq!((stats.flows, stats.counters, stats.unknown_samples, stats.unknown_records), (4, 3, 3, 0));
    let heard = bench.decoder.exporters().next().unwrap();
    assert_eq!((heard.records, heard.options, heard.faults, heard.messages), (7, 0, 0, 1));
}

#[test]
fn a_bad_sample_costs_itself_between_good_ones() {
    use SampleKind::{Counters, Flow, Unknown};
    let (first, last) = (flow(1, 1, &[switch(7, 8)]), flow(1, 2, &[switch(9, 10)]));
    for kind in 1..=5 {
        let bad = structure(kind, &[1; 8]);
        for before in [vec![], vec![first.clone()], vec![first.clone(), counters(1, 1, &[])]] {
            let samples = [&before[..], &[bad.clone(), last.clone(), counters(1, 2, &[]), unknown(&[])]].concat();
            let octets = Head::new(1).with(&samples);
            let said = Bench::new().hear(&octets);
            let [fault] = faults(&said)[..] else { panic!("{said:?}") };
            assert_eq!((fault.kind, fault.layer, fault.bytes), (FaultKind::LengthTooSmall, Layer::Sample, 16));
            let at: usize = before.iter().map(Vec::len).sum();
            assert_eq!(usize::try_from(fault.offset).unwrap(), 28 + at);
            // Each run in front of it, the fault, each behind it.
            let place = said.iter().position(|it| *it == Said::Fault(fault)).unwrap();
            assert_eq!(sets(&said[place..]), [(Flow, 1), (Counters, 1), (Unknown, 1)]);
            assert_eq!(sets(&said[..place]), [(Flow, 1), (Counters, 1)][..before.len()]);
            let seen = super::heard::all(&said);
            assert_eq!(seen[before.len()].field("vlan"), Some("9"));
        }
    }
}

#[test]
fn faults_of_records_are_told_behind_their_sample() {
    let bad = structure(1001, &words(&[1, 2]));
    let octets = Head::new(1).with(&[
        flow(1, 1, &[switch(1, 1)]),
        flow(1, 2, &[switch(2, 2), bad.clone(), bad.clone()]),
        flow(1, 3, &[bad, switch(3, 3)]),
        flow(1, 4, &[switch(4, 4)]),
        counters(1, 1, &[]),
    ]);
    let said = Bench::new().hear(&octets);
    let [
        Said::Exporter(_),
        Said::Flows(two),
        Said::Fault(a),
        Said::Fault(b),
        Said::Flows(third),
        Said::Fault(c),
        Said::Flows(fourth),
        _,
    ] = &said[..]
    else {
        panic!("{said:?}")
    };
    let vlans = |samples: &[Seen]| samples.iter().map(|seen| seen.field("vlan").unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!([vlans(two), vlans(third), vlans(fourth)], [vec!["1", "2"], vec!["3"], vec!["4"]]);
    assert!(a.offset < b.offset && b.offset < c.offset, "{said:?}");
    assert!([a, b, c].iter().all(|fault| fault.layer == Layer::Record && fault.kind == FaultKind::LengthTooSmall));
}

#[test]
fn unknown_samples_are_given_raw() {
    let octets = Head::new(1).with(&[unknown(&[1, 2, 3, 4, 5])]);
    let mut decoder = Decoder::default();
    let mut events = decoder.datagram(exporter(), NOW, &octets);
    let mut given = 0;
    while let Some(event) = events.next() {
        let Event::Unknown(set) = event else { continue };
        let record = set.records().next().unwrap();
        let sample = record.sample().unwrap();
        assert_eq!((sample.format().enterprise(), sample.format().format()), (4300, 1002));
        assert_eq!(sample.body(), [1, 2, 3, 4, 5]);
        assert_eq!(record.raw(), &octets[28..]);
        assert!(set.template().is_none() && record.headers().is_none());
        #[cfg(feature = "json")]
        {
            let mut out = String::new();
            flowcodec::io::write_elements(&mut out, &record);
            let shown = super::heard::strict(&out);
            assert_eq!((&shown["kind"], shown.get("sample")), (&"unknown".into(), None));
            assert_eq!(shown["elements"], serde_json::json!({"4300:1002": "0102030405"}));
        }
        given += 1;
    }
    assert_eq!(given, 1);
}

#[test]
fn unknown_records_are_given_raw_and_counted() {
    let own = |octets: &[u8]| structure((4300 << 12) + 7, octets);
    let samples = [
        flow(1, 1, &[own(&[1, 2]), switch(1, 2), own(&[3]), structure(4000, &[])]),
        counters(1, 1, &[own(&[4])]),
        discard(1, 1, 1, &[own(&[5])]),
    ];
    let octets = Head::new(1).with(&samples);
    let mut bench = Bench::new();
    let seen: Vec<Seen> = super::heard::all(&bench.hear(&octets));
    let id = (4300 << 12) + 7;
    let flow = SflowStructure::Flow;
    assert_eq!(seen[0].ids(), [flow(id), flow(1001), flow(id), flow(4000)]);
    assert_eq!((seen[1].ids(), seen[2].ids()), (vec![SflowStructure::Counter(id)], vec![flow(id)]));
    assert_eq!(bench.decoder.stats().unknown_records, 5);
    #[cfg(feature = "json")]
    {
        let mut shown = Vec::new();
        Decoder::default().datagram(exporter(), NOW, &octets).for_each(|event| {
            if let Event::Flows(set) | Event::Counters(set) = event {
                for record in set {
                    let mut out = String::new();
                    flowcodec::io::write_elements(&mut out, &record);
                    shown.push(super::heard::strict(&out)["elements"].clone());
                }
            }
        });
        // Of one format twice, and apart: one member.
        assert_eq!(shown[0]["4300:7"], serde_json::json!(["0102", "03"]));
        assert_eq!((&shown[0]["0:4000"], &shown[1]["4300:7"]), (&"".into(), &"04".into()));
    }
}

#[cfg(feature = "json")]
#[test]
fn two_structures_of_one_name_are_one_member() {
    // sflow.org calls both `http_request`; the later one has the protocol behind the method.
    let request = |format, first: &[u32], rest| structure(format, &words(&[first, &vec![0; rest]].concat()));
    let (old, new) = (request(2201, &[2], 13), request(2206, &[1, 1001], 13));
    let octets = Head::new(1).with(&[flow(1, 1, &[old, switch(3, 4), new])]);
    let mut out = String::new();
    Decoder::default().datagram(exporter(), NOW, &octets).for_each(|event| {
        let Event::Flows(set) = event else { return };
        flowcodec::io::write_elements(&mut out, &set.records().next().unwrap());
    });
    let shown = super::heard::strict(&out)["elements"]["http_request"].clone();
    assert_eq!([&shown[0]["method"], &shown[1]["method"], &shown[1]["protocol"]], [2, 1, 1001]);
    assert_eq!(shown.as_array().map(Vec::len), Some(2));
}

#[cfg(feature = "json")]
#[test]
fn a_sample_of_thousands_of_records_is_written_whole() {
    // 3,000 formats nobody knows, each twice and apart; among them one that is known.
    let half: Vec<Vec<u8>> = (0..3_000).map(|format| structure((4300 << 12) + format, &[])).collect();
    for records in [[&half[..20], &half[..20]].concat(), [&half[..], &[switch(3, 4)], &half].concat()] {
        let octets = Head::new(1).with(&[flow(1, 1, &records)]);
        Decoder::default().datagram(exporter(), NOW, &octets).for_each(|event| {
            let Event::Flows(set) = event else { return };
            let mut out = String::new();
            flowcodec::io::write_elements(&mut out, &set.records().next().unwrap());
            let shown = super::heard::strict(&out)["elements"].clone();
            let names: Vec<_> = shown.as_object().unwrap().keys().filter(|name| name.starts_with("4300:")).collect();
            assert_eq!(names.len(), records.len() / 2);
            assert!(names.iter().all(|name| shown[*name] == serde_json::json!(["", ""])));
            // In the order their first ones stand in.
            let at = |name: &str| out.find(&format!("\"{name}\":")).unwrap();
            assert!(at("4300:0") < at("4300:1") && at("4300:1") < at("4300:19"));
            assert_eq!(shown.get("extended_switch").is_some(), records.len() > 40);
        });
    }
}

#[test]
fn records_within_records_are_followed_to_the_limit() {
    // extended_80211_aggregation: one pdu of one record, which is another one.
    let aggregation = |inner: Option<Vec<u8>>| match inner {
        None => structure(1016, &words(&[0])),
        Some(inner) => structure(1016, &[words(&[1, 1]), inner].concat()),
    };
    let (one, two) = (aggregation(None), aggregation(Some(aggregation(None))));
    let three = aggregation(Some(two.clone()));
    let octets = Head::new(1).with(&[flow(1, 1, &[switch(1, 1), one, two, three, switch(2, 2)])]);
    for (depth, good) in [(0, 2), (1, 3), (2, 4), (3, 5), (8, 5)] {
        let mut bench = Bench::with(|settings| settings.limits.list_depth = depth);
        let said = bench.hear(&octets);
        assert_eq!(super::heard::all(&said)[0].structures.len(), good, "{depth}");
        let faults = faults(&said);
        assert_eq!(faults.len(), 5 - good);
        assert!(faults.iter().all(|fault| fault.kind == FaultKind::ListTooDeep));
    }
}

#[test]
fn other_versions_of_sflow_are_recognised() {
    for (version, kind) in
        [(2_u32, FaultKind::UnsupportedVersion), (4, FaultKind::UnsupportedVersion), (3, FaultKind::UnknownVersion)]
    {
        let mut octets = Head::new(1).with(&[flow(1, 1, &[])]);
        octets[..4].copy_from_slice(&version.to_be_bytes());
        let mut decoder = Decoder::default();
        let mut told = 0;
        decoder.datagram(exporter(), NOW, &octets).for_each(|event| {
            let Event::Fault(event) = event else { panic!("{event:?}") };
            assert_eq!((event.fault.kind, event.fault.layer), (kind, Layer::Header));
            assert_eq!(usize::try_from(event.fault.bytes).unwrap(), octets.len());
            assert_eq!(event.context.protocol, if version == 3 { Protocol::Unknown } else { Protocol::Sflow });
            told += 1;
        });
        assert_eq!((told, decoder.exporters().count()), (1, 0));
    }
}

#[test]
fn over_a_stream_there_is_no_sflow() {
    let octets = Head::new(1).with(&[flow(1, 1, &[])]);
    let mut decoder = Decoder::default();
    let session = flowcodec::Session::new(exporter(), 1);
    let mut kinds = Vec::new();
    decoder.message(session, NOW, &octets).for_each(|event| {
        if let Event::Fault(event) = event {
            kinds.push(event.fault.kind);
        }
    });
    assert_eq!(kinds, [FaultKind::UnknownVersion]);
}

#[test]
fn a_reader_that_stops_early_loses_nothing() {
    let octets = Head::new(1).with(&[flow(1, 1, &[]), counters(1, 1, &[]), flow(1, 2, &[]), structure(1, &[0; 4])]);
    let mut decoder = Decoder::default();
    let mut events = decoder.datagram(exporter(), NOW, &octets);
    assert!(matches!(events.next(), Some(Event::Exporter(_))));
    assert!(matches!(events.next(), Some(Event::Flows(_))));
    drop(events);
    let stats = decoder.stats();
    assert_eq!((stats.flows, stats.counters, stats.faults.total()), (2, 1, 1));
    assert_eq!(stats.bytes, stats.bytes_decoded + stats.bytes_reported);
}

#[test]
fn a_datagram_without_samples_is_a_message() {
    let mut bench = Bench::new();
    assert_eq!(bench.hear(&Head::new(1).with(&[])), [Said::Exporter(ExporterChange::Appeared)]);
    assert_eq!(bench.hear(&Head { agent: None, ..Head::new(2) }.with(&[])), [Said::Exporter(ExporterChange::Appeared)]);
    let six = Head { agent: "2001:db8::9".parse().ok(), ..Head::new(3) };
    assert_eq!(bench.hear(&six.with(&[flow(1, 1, &[super::build::header(1, 104, &packet())])])).len(), 2);
    let mut agents: Vec<_> = bench.decoder.exporters().map(|status| (status.agent, status.messages)).collect();
    agents.sort_unstable();
    assert_eq!(agents, [(None, 1), ("192.0.2.9".parse().ok(), 1), ("2001:db8::9".parse().ok(), 1)]);
}
