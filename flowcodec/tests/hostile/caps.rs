//! Every cap of [`Limits`](flowcodec::Limits), at n and at n + 1. What all of them together hold is `tests/memory.rs`.

use flowcodec::FaultKind::{LimitReached, TemplateMissing, TemplateRefused};
use flowcodec::template::TemplateKind::Data;
use flowcodec::{Exporter, ExporterChange, Fault, Layer, LimitedBy, Limits, TemplateChange};

use crate::wire::{
    Bench, IPFIX, NOW, SHAPE, Said, changes, exporter, fault, faults, flows, ipfix, ipfix_of, options, record, set, specifiers,
    template, v5, variable,
};

fn limited(change: impl FnOnce(&mut Limits)) -> Bench {
    Bench::with(|settings| change(&mut settings.limits))
}

fn refused(bytes: usize) -> Fault {
    fault(TemplateRefused, Layer::Template, LimitedBy::Limits, IPFIX + 4, u32::try_from(bytes).unwrap(), (0, 0))
}

#[test]
fn template_fields() {
    let mut bench = limited(|limits| limits.template_fields = 3);
    assert_eq!(faults(&bench.udp(&ipfix(&[set(2, template(256, &[(1, 1); 3]))]))), []);
    assert_eq!(faults(&bench.udp(&ipfix(&[set(2, template(257, &[(1, 1); 4]))]))), [refused(4 + 4 * 4)]);
    // The default, where a count on the wire can go far beyond.
    let mut bench = Bench::new();
    assert_eq!(faults(&bench.udp(&ipfix(&[set(2, template(256, &[(1, 1); 2_048]))]))), []);
    assert_eq!(faults(&bench.udp(&ipfix(&[set(2, template(257, &[(1, 1); 2_049]))]))), [refused(4 + 2_049 * 4)]);
}

#[test]
fn record_bytes() {
    let mut bench = limited(|limits| limits.record_bytes = 8);
    // A variable field counts the octet of its length.
    for (good, more) in [([(8, 4), (1, 4)], [(8, 4), (1, 5)]), ([(1, 7), (82, 65_535)], [(1, 8), (82, 65_535)])] {
        assert_eq!(faults(&bench.udp(&ipfix(&[set(2, template(256, &good))]))), []);
        assert_eq!(faults(&bench.udp(&ipfix(&[set(2, template(257, &more))]))), [refused(12)]);
    }
}

#[test]
fn domain_templates() {
    let mut bench = limited(|limits| limits.domain_templates = 3);
    for id in [256, 257, 258] {
        assert_eq!(changes(&bench.udp(&ipfix(&[set(2, template(id, &SHAPE))]))), [(id, Data, TemplateChange::Learned)]);
    }
    // 256 is used, so 257 is the one that was used least.
    assert_eq!(flows(&bench.udp(&ipfix(&[set(256, record(1))]))), [record(1)]);
    let said = bench.udp(&ipfix(&[set(2, template(259, &SHAPE))]));
    assert_eq!(changes(&said), [(259, Data, TemplateChange::Learned), (257, Data, TemplateChange::Evicted)]);
    assert_eq!(bench.decoder.templates().count(), 3);
    // Another domain has its own.
    assert_eq!(changes(&bench.udp(&ipfix_of(2, 0, &[set(2, template(256, &SHAPE))]))), [(256, Data, TemplateChange::Learned)]);
}

#[test]
fn exporter_domains() {
    let mut bench = limited(|limits| limits.exporter_domains = 2);
    let announce = [set(2, template(256, &SHAPE))];
    for domain in [1, 2] {
        assert_eq!(faults(&bench.udp(&ipfix_of(domain, 0, &announce))), []);
    }
    // One more: the one that is there longest goes, with its template.
    let said = bench.udp(&ipfix_of(3, 0, &announce));
    assert_eq!(faults(&said), []);
    assert_eq!(changes(&said), [(256, Data, TemplateChange::Learned), (256, Data, TemplateChange::Evicted)]);
    let domains = |bench: &Bench| bench.decoder.templates().map(|it| it.domain).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(domains(&bench), [2, 3].into());
    // Data without a template takes no domain's place.
    assert_eq!(faults(&bench.udp(&ipfix_of(4, 0, &[set(256, record(1))]))), []);
    assert_eq!(domains(&bench), [2, 3].into());
    let mut none = limited(|limits| limits.exporter_domains = 0);
    let expected = fault(LimitReached, Layer::Template, LimitedBy::Limits, IPFIX + 4, 12, (0, 0));
    assert_eq!(faults(&none.udp(&ipfix_of(3, 0, &announce))), [expected]);
    // Another exporter may.
    let other = Exporter::new([192, 0, 2, 2].into(), 1);
    assert_eq!(faults(&bench.from(other, NOW, &ipfix_of(3, 0, &announce))), []);
}

#[test]
fn exporter_sessions() {
    let mut bench = limited(|limits| limits.exporter_sessions = 2);
    let heard = |bench: &Bench| {
        let mut ports: Vec<u16> = bench.decoder.exporters().map(|status| status.exporter.port()).collect();
        ports.sort_unstable();
        ports
    };
    for (second, port) in (0..).zip([1, 2]) {
        bench.from(Exporter::new([192, 0, 2, 1].into(), port), NOW.offset(second), &v5(0, 0, &[]));
    }
    assert_eq!(heard(&bench), [1, 2]);
    bench.from(Exporter::new([192, 0, 2, 1].into(), 1), NOW.offset(8), &v5(0, 0, &[]));
    let said = bench.from(Exporter::new([192, 0, 2, 1].into(), 3), NOW.offset(9), &v5(0, 0, &[]));
    assert_eq!(heard(&bench), [1, 3], "the first was heard again");
    let evicted = ExporterChange::SessionEvicted { lost_records: 0, lost_packets: 0 };
    assert!(said.contains(&Said::Exporter(evicted)), "{said:?}");
    assert_eq!(bench.decoder.stats().sessions_evicted, 1);
}

#[test]
fn pending_bytes() {
    let early = |number| ipfix(&[set(300, record(number))]);
    // What one waiting set is on the account.
    let mut bench = Bench::new();
    bench.udp(&early(1));
    let before = bench.decoder.bytes_held();
    bench.udp(&early(2));
    let cost = bench.decoder.bytes_held() - before;
    let given_up = fault(TemplateMissing, Layer::Set, LimitedBy::Limits, IPFIX, 12, (0, 0));

    for (room, lost) in [(2 * cost, 1), (2 * cost - 1, 2)] {
        let mut bench = limited(|limits| limits.pending_bytes = room);
        let mut found = Vec::new();
        for number in 1..=3 {
            found.extend(faults(&bench.udp(&early(number))));
        }
        assert_eq!(found, vec![given_up; lost]);
        // The oldest went.
        let said = bench.udp(&ipfix(&[set(2, template(300, &SHAPE))]));
        assert_eq!(flows(&said), (u8::try_from(lost).unwrap() + 1..=3).map(record).collect::<Vec<_>>());
    }
    // One that is alone too large is reported at once.
    let mut bench = limited(|limits| limits.pending_bytes = cost - 1);
    assert_eq!(faults(&bench.udp(&early(1))), [given_up]);
}

#[test]
fn domain_samplers() {
    let mut bench = limited(|limits| limits.domain_samplers = 2);
    let announce = set(3, options(400, &[(302, 4), (34, 4)]));
    let told = |said: &[Said]| said.iter().filter(|it| matches!(it, Said::Sampling(_))).count();
    let said = bench.udp(&ipfix(&[announce, set(400, wire![1_u32, 10_u32, 2_u32, 20_u32])]));
    assert_eq!((told(&said), faults(&said)), (2, vec![]));
    let said = bench.udp(&ipfix(&[set(400, wire![3_u32, 30_u32, 2_u32, 21_u32])]));
    assert_eq!(told(&said), 1, "those that are known may change");
    assert_eq!(faults(&said), [fault(LimitReached, Layer::Field, LimitedBy::Limits, IPFIX + 4, 0, (0, 0))]);
}

/// An RFC 5610 record: element 64999/`id` is text of this name.
fn described(id: u16, name: &str) -> Vec<u8> {
    wire![64_999_u32, 0x8000 | id, 13_u8, variable(name.as_bytes())]
}

const DESCRIPTION: [(u16, u16); 4] = [(346, 4), (303, 2), (339, 1), (341, 65_535)];

#[test]
fn exporter_elements_and_their_names() {
    let announce = set(3, wire![400_u16, 4_u16, 2_u16, specifiers(&DESCRIPTION)]);
    let full = |at| fault(LimitReached, Layer::Field, LimitedBy::Limits, at, 0, (0, 0));

    let mut bench = limited(|limits| limits.exporter_elements = 2);
    let first = set(400, wire![described(1, "one"), described(2, "two")]);
    assert_eq!(faults(&bench.udp(&ipfix(&[announce.clone(), first.clone()]))), []);
    assert_eq!(faults(&bench.udp(&ipfix(&[first]))), [], "said again");
    assert_eq!(faults(&bench.udp(&ipfix(&[set(400, described(3, "three"))]))), [full(IPFIX + 4)]);

    let mut bench = limited(|limits| limits.element_name_bytes = 3);
    let both = set(400, wire![described(1, "one"), described(2, "four")]);
    assert_eq!(
        faults(&bench.udp(&ipfix(&[announce.clone(), both]))),
        [full(IPFIX + u32::try_from(announce.len()).unwrap() + 4 + 11)]
    );
}

#[test]
fn exporter_bytes_and_total_bytes() {
    // Room for one template more or less, measured.
    let announce = |id| ipfix(&[set(2, template(id, &SHAPE))]);
    let mut bench = Bench::new();
    for id in 256..266 {
        bench.udp(&announce(id));
    }
    let (ten, held) = (bench.decoder.bytes_held(), |bench: &Bench| bench.decoder.templates().count());
    let mut bench = limited(|limits| limits.exporter_bytes = ten / 2);
    for id in 256..266 {
        bench.udp(&announce(id));
    }
    assert!(held(&bench) < 10, "{}", held(&bench));
    assert!(bench.decoder.stats().templates_evicted > 0);
    assert_eq!(flows(&bench.udp(&ipfix(&[set(265, record(1))]))), [record(1)], "the youngest is there");

    // Whole exporters go over the total: first those that never had a record decoded.
    let mut bench = limited(|limits| limits.total_bytes = 2 * ten);
    bench.udp(&announce(256));
    bench.udp(&ipfix(&[set(256, record(1))]));
    let mut evicted = 0;
    for number in 0..100 {
        let said = bench.from(Exporter::new([198, 51, 100, number].into(), 1), NOW, &announce(256));
        evicted += said.iter().filter(|it| **it == Said::Exporter(ExporterChange::Evicted)).count();
        assert!(bench.decoder.bytes_held() <= 2 * ten);
    }
    assert!(evicted > 50, "{evicted}");
    assert_eq!(bench.decoder.stats().exporters_evicted, u64::try_from(evicted).unwrap());
    assert_eq!(flows(&bench.udp(&ipfix(&[set(256, record(1))]))), [record(1)]);
    assert_eq!(bench.decoder.exporters().filter(|status| status.exporter == exporter()).count(), 1);
}

#[test]
fn a_flood_of_ports_beside_a_session_that_goes_on() {
    for (sessions, forged) in [(8, 2), (64, 8), (256, 4)] {
        let mut bench = limited(|limits| limits.exporter_sessions = sessions);
        let mut appeared = 0;
        for number in 0..8_000_u32 {
            let port = u16::try_from(number).unwrap() + 10_000;
            bench.from(Exporter::new([192, 0, 2, 1].into(), port), NOW, &v5(0, 0, &[]));
            if number % forged == 0 {
                let said = bench.from(exporter(), NOW, &v5(0, number / forged, &[]));
                appeared += said.iter().filter(|it| **it == Said::Exporter(ExporterChange::Appeared)).count();
            }
        }
        assert_eq!(appeared, 1, "{sessions} sessions, {forged} forged ones for each message");
    }
}
