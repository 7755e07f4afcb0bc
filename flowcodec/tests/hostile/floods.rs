//! Floods from one address, and what they do to those that are well-behaved there; what they make the decoder work.

use std::time::{Duration, Instant};

use flowcodec::FaultKind::TemplateMissing;
use flowcodec::{Exporter, ExporterChange, Timestamp};

use crate::wire::{
    Bench, NOW, SHAPE, Said, exporter, faults, flows, ipfix, ipfix_of, only_flows, record, set, specifiers, template, v5,
    variable,
};

const fn second(number: i64) -> Timestamp {
    NOW.offset(number * 1_000_000_000)
}

#[test]
fn forged_domains_lock_no_real_one_out() {
    for room in [16 << 20, 300 << 10] {
        let mut bench = Bench::with(|settings| settings.limits.exporter_bytes = room);
        bench.udp(&ipfix_of(7, 0, &[set(2, template(256, &SHAPE))]));
        for at in [0, 60] {
            assert_eq!(flows(&bench.from(exporter(), second(at), &ipfix_of(7, 0, &[set(256, record(1))]))), [record(1)]);
        }
        for domain in 1_000..4_000 {
            bench.from(exporter(), second(90), &ipfix_of(domain, 0, &[set(2, template(256, &SHAPE)), set(256, record(2))]));
            bench.from(exporter(), second(90), &ipfix_of(domain, 0, &[set(300, record(3))]));
        }
        assert!(bench.decoder.templates().count() <= 1_024);
        assert_eq!(flows(&bench.from(exporter(), second(120), &ipfix_of(7, 0, &[set(256, record(4))]))), [record(4)]);
        // A new one finds its place too.
        let said = bench.from(exporter(), second(120), &ipfix_of(8, 0, &[set(2, template(256, &SHAPE)), set(256, record(5))]));
        assert_eq!(flows(&said), [record(5)]);
    }
}

/// The data of each flow set, and the domain it came from.
fn domains(said: &[Said]) -> Vec<(u32, Vec<Vec<u8>>)> {
    let sets = said.iter().filter_map(|it| if let Said::Flows(set) = it { Some(set) } else { None });
    sets.map(|set| (set.context.domain, set.raw.clone())).collect()
}

#[test]
fn data_that_waits_in_another_domain_is_delivered_where_the_policy_has_it() {
    let mut bench = Bench::with(|settings| settings.scope.other_domains = true);
    bench.udp(&ipfix_of(2, 0, &[set(256, record(1))]));
    bench.udp(&ipfix_of(3, 0, &[set(256, record(2)), set(257, record(3))]));
    let said = bench.udp(&ipfix_of(1, 0, &[set(2, template(256, &SHAPE))]));
    assert_eq!(domains(&said), [(2, vec![record(1)]), (3, vec![record(2)])]);
    assert_eq!(faults(&bench.finish()).len(), 1, "257 was never announced");

    // Off, each domain stands for itself.
    let mut bench = Bench::new();
    bench.udp(&ipfix_of(2, 0, &[set(256, record(1))]));
    assert!(domains(&bench.udp(&ipfix_of(1, 0, &[set(2, template(256, &SHAPE))]))).is_empty());
}

#[test]
fn another_domain_lends_the_definition_announced_last() {
    let mut bench = Bench::with(|settings| settings.scope.other_domains = true);
    let (long, short) = ([set(2, template(256, &SHAPE))], [set(2, template(256, &[(12, 4)]))]);
    let data = ipfix_of(9, 0, &[set(256, vec![7; 8])]);
    bench.udp(&ipfix_of(1, 0, &long));
    bench.udp(&ipfix_of(3, 0, &short));
    assert_eq!(domains(&bench.udp(&data)), [(9, vec![vec![7; 4]; 2])]);
    bench.udp(&ipfix_of(1, 0, &long));
    assert_eq!(domains(&bench.udp(&data)), [(9, vec![vec![7; 8]])], "announced again");
    // Its own always comes first.
    bench.udp(&ipfix_of(9, 0, &short));
    bench.udp(&ipfix_of(1, 0, &long));
    assert_eq!(domains(&bench.udp(&data)), [(9, vec![vec![7; 4]; 2])]);
}

#[test]
fn another_domain_of_another_port_lends_nothing_where_ports_count() {
    let mut bench = Bench::with(|settings| {
        settings.scope.other_domains = true;
        settings.scope.port = true;
    });
    let port = |port| Exporter::new([192, 0, 2, 1].into(), port);
    bench.from(port(1), NOW, &ipfix_of(1, 0, &[set(2, template(256, &SHAPE))]));
    assert!(domains(&bench.from(port(2), NOW, &ipfix_of(2, 0, &[set(256, record(1))]))).is_empty());
    assert_eq!(domains(&bench.from(port(1), NOW, &ipfix_of(2, 0, &[set(256, record(1))]))), [(2, vec![record(1)])]);
}

/// The options template of RFC 5610, and a description of element 64999/`id`.
fn descriptions(ids: impl Iterator<Item = u16>) -> Vec<u8> {
    let shape = wire![9_000_u16, 4_u16, 2_u16, specifiers(&[(346, 4), (303, 2), (339, 1), (341, 65_535)])];
    let all: Vec<u8> = ids.flat_map(|id| wire![64_999_u32, 0x8000 | id, 1_u8, variable(b"n")]).collect();
    ipfix(&[set(3, shape), set(9_000, all)])
}

/// Octets in one field each, of elements nobody knows.
fn unknown(fields: u16) -> Vec<(u16, u16)> {
    (0..fields).map(|id| (0x8000 | id, 1)).collect()
}

#[test]
fn elements_learned_cost_little_however_many_templates_carry_them() {
    let mut bench = Bench::new();
    for id in 256..556 {
        bench.udp(&ipfix(&[set(2, template(id, &unknown(1_000)))]));
    }
    let uids = |bench: &Bench| {
        let data = bench.decoder.templates().filter(|it| it.template.id() < 9_000);
        data.map(|it| it.template.uid()).collect::<Vec<_>>()
    };
    let (before, start) = (uids(&bench), Instant::now());
    bench.udp(&descriptions(0..1_000));
    // It took 11.9 seconds of an optimised build when every template was compiled again for every element.
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(uids(&bench), before, "none was touched");
    let named = |bench: &Bench| {
        let fields = bench.decoder.templates().filter(|it| it.template.id() < 9_000).flat_map(|it| it.template.fields());
        fields.filter(|field| field.name().is_some()).count()
    };
    // Those that are used know, under another number; 65 of a thousand fields each are what one call may look up.
    let used = |from: u16| ipfix(&(from..from + 60).map(|id| set(id, vec![1; 1_000])).collect::<Vec<_>>());
    bench.udp(&used(256));
    assert_eq!(named(&bench), 60_000);
    assert_eq!(uids(&bench).iter().filter(|uid| !before.contains(uid)).count(), 60);
    let empty: Vec<_> = (316..556).map(|id| set(id, vec![])).collect();
    bench.udp(&ipfix(&empty));
    assert_eq!(named(&bench), 125_000);
    for _ in 0..3 {
        bench.udp(&ipfix(&empty));
    }
    assert_eq!(named(&bench), 300_000, "the rest was done later");
    let known = uids(&bench);
    bench.udp(&ipfix(&empty));
    assert_eq!(uids(&bench), known);
}

#[test]
fn lists_read_templates_that_know() {
    let mut bench = Bench::new();
    // 256 has a subTemplateList of 257; no data set ever names 257.
    bench.udp(&ipfix(&[set(2, wire![template(256, &[(292, 65_535)]), template(257, &[(0x8000, 1)])])]));
    bench.udp(&descriptions(0..1));
    bench.udp(&ipfix(&[set(256, variable(&wire![3_u8, 257_u16, 9_u8]))]));
    let names = bench.decoder.templates().filter(|it| it.template.id() == 257).flat_map(|it| it.template.fields());
    assert_eq!(names.map(flowcodec::template::TemplateField::name).collect::<Vec<_>>(), [Some("n")]);
}

#[test]
fn what_others_lose_is_no_fault_of_the_one_that_speaks() {
    let other = Exporter::new([198, 51, 100, 1].into(), 1);
    let mut measured = Bench::new();
    measured.from(other, NOW, &ipfix_of(1, 41, &[set(256, record(1)), set(256, record(2))]));
    measured.udp(&v5(1, 0, &[0; 48]));
    let held = measured.decoder.bytes_held();

    let mut bench = Bench::with(|settings| settings.limits.total_bytes = held - 1);
    bench.from(other, NOW, &ipfix_of(1, 41, &[set(256, record(1)), set(256, record(2))]));
    let said = bench.udp(&v5(1, 0, &[0; 48]));
    assert!(said.contains(&Said::Exporter(ExporterChange::Evicted)), "{said:?}");
    let contexts: Vec<_> =
        said.iter().filter_map(|it| if let Said::Fault(context, fault) = it { Some((context, fault)) } else { None }).collect();
    assert_eq!(contexts.len(), 2);
    for ((context, fault), offset) in contexts.into_iter().zip([16, 28]) {
        assert_eq!((context.exporter, context.sequence, context.domain), (other, 41, 1), "each with the message it came in");
        assert_eq!((fault.kind, fault.offset, fault.bytes), (TemplateMissing, offset, 12));
    }
    assert_eq!(bench.decoder.exporters().map(|it| (it.exporter, it.faults)).collect::<Vec<_>>(), [(exporter(), 0)]);

    // Over its own limit, it is.
    let mut bench = Bench::with(|settings| settings.limits.pending_bytes = 1_000);
    for number in 0..10 {
        bench.from(other, NOW, &ipfix_of(1, 41, &[set(256, record(number))]));
    }
    let lost = bench.decoder.stats().faults.total();
    assert!(lost > 5, "{lost}");
    assert_eq!(bench.decoder.exporters().next().unwrap().faults, lost);
    assert_eq!(only_flows(&bench.from(other, NOW, &v5(1, 0, &[0; 48]))).raw.len(), 1);
}
