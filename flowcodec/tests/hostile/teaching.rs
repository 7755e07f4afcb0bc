//! What messages teach: elements (RFC 5610), sampling rates, the time of boot; and what the common model makes of odd fields.

use flowcodec::FaultKind::ValueInvalid;
use flowcodec::template::{Sampler, SamplingChange};
use flowcodec::{Event, ExporterSettings, Layer, LimitedBy, Timestamp, field};

use crate::wire::{
    Bench, IPFIX, NOW, SECONDS, Said, exporter, fault, faults, ipfix, ipfix_of, only_flows, options, set, specifiers, template,
    v9, variable,
};

fn describe(pen: u32, id: u16, data_type: u8, name: &str) -> Vec<u8> {
    wire![pen, id, data_type, variable(name.as_bytes())]
}

const DESCRIPTION: [(u16, u16); 4] = [(346, 4), (303, 2), (339, 1), (341, 65_535)];

#[test]
fn an_element_described_behind_its_template() {
    let shape = [(0x8007, 65_535), (1, 4)];
    let data = wire![variable(b"r7"), 9_u32];
    let mut bench = Bench::new();
    // Octets, as long as nobody said what they are.
    let said = bench.udp(&ipfix(&[set(2, template(256, &shape)), set(256, data.clone())]));
    assert_eq!(only_flows(&said).names, [None]);
    // Text, in the template that was there and in one that comes after.
    let announce = set(3, wire![400_u16, 4_u16, 2_u16, specifiers(&DESCRIPTION)]);
    bench.udp(&ipfix(&[announce, set(400, describe(64_999, 0x8007, 13, "rack"))]));
    let said = bench.udp(&ipfix(&[set(256, data.clone())]));
    assert_eq!(only_flows(&said).names, [Some("r7".to_owned())]);
    let said = bench.udp(&ipfix(&[set(2, template(257, &shape)), set(257, data.clone())]));
    assert_eq!(only_flows(&said).names, [Some("r7".to_owned())]);
    let names: Vec<_> = bench.decoder.templates().flat_map(|it| it.template.fields()).filter_map(|field| field.name()).collect();
    assert_eq!(names.iter().filter(|name| **name == "rack").count(), 2);
    // The first definition stays; another exporter has its own; the registry is never overridden.
    bench.udp(&ipfix(&[set(400, wire![describe(64_999, 0x8007, 1, "other"), describe(0, 1, 13, "mine")])]));
    assert_eq!(only_flows(&bench.udp(&ipfix(&[set(256, data.clone())]))).names, [Some("r7".to_owned())]);
    let other = flowcodec::Exporter::new([192, 0, 2, 9].into(), 1);
    let said = bench.from(other, NOW, &ipfix(&[set(2, template(256, &shape)), set(256, data)]));
    assert_eq!(only_flows(&said).names, [None]);
    assert_eq!(faults(&said), []);
}

/// The rates of the flow records in one datagram.
fn rates(bench: &mut Bench, datagram: &[u8]) -> Vec<Option<f64>> {
    only_flows(&bench.udp(datagram)).rates.clone()
}

fn learned(sampler: Sampler, before: Option<f64>, rate: f64, said: &[Said]) -> bool {
    let found: Vec<_> = said.iter().filter_map(|it| if let Said::Sampling(change) = it { Some(*change) } else { None }).collect();
    matches!(found[..], [SamplingChange { sampler: s, before: b, rate: r, .. }] if (s, b, r) == (sampler, before, Some(rate)))
}

/// Rates of a domain, an interface and a selector, each closer to the record than the one before; then the record's own, then the settings'.
#[test]
fn sampling_rates_from_far_to_near() {
    let mut bench = Bench::new();
    // Selector, input interface, output interface, octets.
    let announce = |id, fields: &[(u16, u16)]| set(2, template(id, fields));
    bench.udp(&ipfix(&[
        announce(256, &[(302, 4), (10, 4), (14, 4), (1, 4)]),
        announce(257, &[(10, 4), (34, 4)]),
        announce(258, &[(1, 4)]),
    ]));
    let flows = |selector: u32, input: u32, output: u32| ipfix(&[set(256, wire![selector, input, output, 1_u32])]);
    assert_eq!(rates(&mut bench, &flows(5, 7, 8)), [None]);

    let said = bench.udp(&ipfix(&[set(3, options(400, &[(149, 4), (34, 4)])), set(400, wire![1_u32, 10_u32])]));
    assert!(learned(Sampler::Domain, None, 10.0, &said), "{said:?}");
    assert_eq!(rates(&mut bench, &flows(5, 7, 8)), [Some(10.0)]);
    assert_eq!(rates(&mut bench, &ipfix(&[set(258, wire![1_u32])])), [Some(10.0)]);

    let said = bench.udp(&ipfix(&[set(3, options(401, &[(10, 4), (34, 4)])), set(401, wire![8_u32, 20_u32])]));
    assert!(learned(Sampler::Interface(8), None, 20.0, &said), "{said:?}");
    assert_eq!(rates(&mut bench, &flows(5, 7, 8)), [Some(20.0)], "by its output interface");
    bench.udp(&ipfix(&[set(401, wire![7_u32, 30_u32])]));
    assert_eq!(rates(&mut bench, &flows(5, 7, 8)), [Some(30.0)], "by its input interface first");
    assert_eq!(rates(&mut bench, &flows(5, 1, 2)), [Some(10.0)]);

    // One of every hundred, systematically; in the same datagram as the data.
    let selector = set(3, options(402, &[(302, 4), (304, 2), (305, 4), (306, 4)]));
    let said =
        bench.udp(&ipfix(&[selector, set(402, wire![5_u32, 1_u16, 1_u32, 99_u32]), set(256, wire![5_u32, 7_u32, 8_u32, 1_u32])]));
    assert!(learned(Sampler::Selector(5), None, 100.0, &said), "{said:?}");
    assert_eq!(only_flows(&said).rates, [Some(100.0)]);
    assert_eq!(rates(&mut bench, &flows(6, 1, 2)), [Some(10.0)], "another selector");
    let said = bench.udp(&ipfix(&[set(402, wire![5_u32, 1_u16, 1_u32, 49_u32])]));
    assert!(learned(Sampler::Selector(5), Some(100.0), 50.0, &said), "{said:?}");
    assert!(!bench.udp(&ipfix(&[set(402, wire![5_u32, 1_u16, 1_u32, 49_u32])])).iter().any(|it| matches!(it, Said::Sampling(_))));

    // What the record says itself; zero says nothing.
    assert_eq!(rates(&mut bench, &ipfix(&[set(257, wire![7_u32, 40_u32, 7_u32, 0_u32])])), [Some(40.0), Some(30.0)]);
    // Another domain has its own.
    let said = bench.udp(&ipfix_of(2, 0, &[announce(256, &[(302, 4), (1, 4)]), set(256, wire![5_u32, 1_u32])]));
    assert_eq!(only_flows(&said).rates, [None]);

    // The settings outrank all of it.
    let mut bench = Bench::with(|settings| {
        let sampled = ExporterSettings { sampling_rate: Some(7.5), ..ExporterSettings::default() };
        settings.exporters.push(("192.0.2.0/24".parse().unwrap(), sampled));
    });
    let said = bench.udp(&ipfix(&[announce(257, &[(10, 4), (34, 4)]), set(257, wire![7_u32, 40_u32])]));
    assert_eq!(only_flows(&said).rates, [Some(7.5)]);
}

#[test]
fn the_rate_of_a_v5_header() {
    // Mode and interval: some exporters leave the mode zero; the interval alone counts.
    for (sampling, rate) in
        [(0x4064_u16, Some(100.0)), (0x0064, Some(100.0)), (0x4000, None), (0, None), (0x7fff, Some(16_383.0))]
    {
        let datagram = wire![5_u16, 1_u16, 0_u32, SECONDS, 0_u32, 0_u32, 0_u16, sampling, [0; 48]];
        assert_eq!(rates(&mut Bench::new(), &datagram), [rate]);
    }
}

#[test]
fn rates_that_say_nothing_are_told() {
    let mut bench = Bench::new();
    let announce = set(3, options(400, &[(302, 4), (34, 4)]));
    let at = IPFIX + u32::try_from(announce.len()).unwrap() + 4;
    let said = bench.udp(&ipfix(&[announce, set(400, wire![1_u32, 8_u32, 2_u32, 0_u32])]));
    assert_eq!(faults(&said), [fault(ValueInvalid, Layer::Field, LimitedBy::TemplateLength, at + 8, 0, (0, 0))]);
    assert!(learned(Sampler::Selector(1), None, 8.0, &said), "{said:?}");
    // v9: the interface is a scope there.
    let announce = set(1, wire![400_u16, 4_u16, 4_u16, 2_u16, 4_u16, 34_u16, 4_u16]);
    let said = bench.udp(&v9(&[announce, set(400, wire![9_u32, 16_u32])]));
    assert!(learned(Sampler::Interface(9), None, 16.0, &said), "{said:?}");
}

/// Start and end of the only record.
fn times(bench: &mut Bench, datagram: &[u8]) -> (Option<Timestamp>, Option<Timestamp>) {
    let mut times = None;
    bench.decoder.datagram(exporter(), NOW, datagram).for_each(|event| {
        if let Event::Flows(set) = event {
            let record = set.records().next().unwrap();
            times = Some((record.get(field::START), record.get(field::END)));
        }
    });
    times.unwrap()
}

#[test]
fn uptimes_with_and_without_a_known_boot() {
    let shape = set(2, template(256, &[(22, 4), (21, 4)]));
    let data = set(256, wire![1_000_u32, 3_000_u32]);
    let mut bench = Bench::new();
    assert_eq!(times(&mut bench, &ipfix(&[shape, data.clone()])), (None, None), "IPFIX headers carry no uptime");
    let boot = u64::from(SECONDS) * 1_000 - 10_000;
    bench.udp(&ipfix(&[set(3, options(400, &[(149, 4), (160, 8)])), set(400, wire![1_u32, boot])]));
    let seconds = |back: i64| Some(NOW.offset(back * 1_000_000_000));
    assert_eq!(times(&mut bench, &ipfix(&[data])), (seconds(-9), seconds(-7)));
    // v9 at an uptime of 1,000 seconds; the end lies a second behind the export.
    let data = set(256, wire![999_000_u32, 1_001_000_u32]);
    assert_eq!(times(&mut Bench::new(), &v9(&[set(0, template(256, &[(22, 4), (21, 4)])), data])), (seconds(-1), seconds(1)));
}

#[test]
fn icmp_by_every_road() {
    let icmp = |datagram: &[u8]| {
        let mut found = None;
        let mut bench = Bench::new();
        bench.decoder.datagram(exporter(), NOW, datagram).for_each(|event| {
            if let Event::Flows(set) = event {
                let record = set.records().next().unwrap();
                found = Some((record.get(field::ICMP_TYPE), record.get(field::ICMP_CODE)));
            }
        });
        found.unwrap()
    };
    let echo = (Some(8), Some(3));
    let mut record = [0_u8; 48];
    (record[34], record[35], record[38]) = (8, 3, 1);
    assert_eq!(icmp(&crate::wire::v5(1, 0, &record)), echo);
    record[38] = 6;
    assert_eq!(icmp(&crate::wire::v5(1, 0, &record)), (None, None), "a TCP port is no ICMP type");
    for fields in [&[(32, 2)][..], &[(139, 2)], &[(176, 1), (177, 1)], &[(178, 1), (179, 1)]] {
        assert_eq!(icmp(&ipfix(&[set(2, template(256, fields)), set(256, vec![8, 3])])), echo, "{fields:?}");
    }
}
