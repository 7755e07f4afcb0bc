//! Templates that may not be, withdrawals, redefinitions.

use flowcodec::FaultKind::{
    TemplateEmpty, TemplateIdReserved, TemplateInvalid, TemplateMissing, TemplateRedefined, Truncated, WithdrawalUnknown,
};
use flowcodec::template::TemplateKind::{Data, Options};
use flowcodec::{Layer, LimitedBy, Session, TemplateChange};

use crate::wire::{
    Bench, IPFIX, Protocol, SHAPE, V9, changes, exporter, fault, faults, flows, ipfix, options, record, set, specifiers,
    template, v9,
};

#[test]
fn templates_that_are_refused_cost_themselves() {
    let good = template(300, &SHAPE);
    let refused = |message: Protocol, set_id, bad: Vec<u8>, kind, limit| {
        let header = if set_id < 2 { V9 } else { IPFIX };
        let size = u32::try_from(bad.len()).unwrap();
        // Another template behind it in the same set, and data of it in the next.
        let behind = if set_id == 0 || set_id == 2 { good.clone() } else { vec![] };
        let sets =
            [set(set_id, wire![bad, behind.clone()]), set(if set_id < 2 { 0 } else { 2 }, good.clone()), set(300, record(1))];
        let said = Bench::new().udp(&message(&sets));
        assert_eq!(faults(&said), [fault(kind, Layer::Template, limit, header + 4, size, (0, 0))]);
        assert_eq!(flows(&said), [record(1)]);
    };
    let (by_template, by_set) = (LimitedBy::TemplateLength, LimitedBy::SetLength);
    // Records without an octet would never end.
    refused(v9, 0, template(256, &[(8, 0), (1, 0)]), TemplateEmpty, by_template);
    refused(ipfix, 2, template(256, &[(8, 0)]), TemplateEmpty, by_template);
    refused(v9, 0, template(256, &[]), TemplateEmpty, by_template);
    refused(v9, 1, wire![256_u16, 0_u16, 0_u16], TemplateEmpty, by_template);
    refused(v9, 1, wire![256_u16, 4_u16, 0_u16, 1_u16, 0_u16], TemplateEmpty, by_template);
    // Ids below 256 are sets of other kinds.
    refused(v9, 0, template(255, &SHAPE), TemplateIdReserved, by_set);
    refused(ipfix, 2, template(2, &SHAPE), TemplateIdReserved, by_set);
    refused(ipfix, 3, options(3, &SHAPE), TemplateIdReserved, by_set);
    // v9 has no variable length; more scopes than fields there cannot be.
    refused(v9, 0, template(256, &[(8, 4), (82, 65_535)]), TemplateInvalid, by_template);
    refused(ipfix, 3, wire![256_u16, 2_u16, 3_u16, specifiers(&SHAPE)], TemplateInvalid, by_template);
}

#[test]
fn single_fields_of_no_octets_are_legal() {
    let said = Bench::new().udp(&v9(&[set(0, template(256, &[(8, 4), (82, 0), (1, 4)])), set(256, record(1))]));
    assert_eq!((flows(&said), faults(&said)), (vec![record(1)], vec![]));
}

#[test]
fn options_templates_without_scope_octets_are_taken() {
    // nProbe and some Cisco images send scope length 0, or a scope field of no octets.
    let no_scope = wire![256_u16, 0_u16, 8_u16, specifiers(&SHAPE)];
    let empty_scope = wire![257_u16, 4_u16, 8_u16, 1_u16, 0_u16, specifiers(&SHAPE)];
    let mut bench = Bench::new();
    let said = bench.udp(&v9(&[set(1, no_scope), set(1, empty_scope), set(256, record(1)), set(257, record(2))]));
    assert_eq!(faults(&said), []);
    assert_eq!(changes(&said), [(256, Options, TemplateChange::Learned), (257, Options, TemplateChange::Learned)]);
    assert_eq!(bench.decoder.stats().options, 2);
}

#[test]
fn counts_beyond_the_set() {
    let at = |header| header + 4;
    // Ten fields promised, two there. The record has no end, so it costs all that is left of its set.
    let short = wire![256_u16, 10_u16, specifiers(&SHAPE)];
    let said = Bench::new().udp(&v9(&[set(0, short.clone()), set(0, template(300, &SHAPE)), set(300, record(1))]));
    assert_eq!(faults(&said), [fault(Truncated, Layer::Template, LimitedBy::SetLength, at(V9), 12, (40, 8))]);
    assert_eq!(flows(&said), [record(1)]);
    let said = Bench::new().udp(&ipfix(&[set(2, short), set(2, template(300, &SHAPE)), set(300, record(1))]));
    assert_eq!(faults(&said), [fault(Truncated, Layer::Template, LimitedBy::SetLength, at(IPFIX), 12, (40, 8))]);
    assert_eq!(flows(&said), [record(1)]);
    // An enterprise number that is cut off.
    let said = Bench::new().udp(&ipfix(&[set(2, wire![256_u16, 1_u16, 0x8001_u16, 4_u16, 0_u16])]));
    assert_eq!(faults(&said), [fault(Truncated, Layer::Template, LimitedBy::SetLength, at(IPFIX), 10, (8, 6))]);
    // Octets of scopes and options beyond the set.
    for (scopes, others) in [(4_u16, 60_u16), (60, 4), (0xffff, 0xffff)] {
        let said = Bench::new().udp(&v9(&[set(1, wire![256_u16, scopes, others, specifiers(&SHAPE)])]));
        let required = u32::from(scopes) + u32::from(others);
        assert_eq!(faults(&said), [fault(Truncated, Layer::Template, LimitedBy::SetLength, at(V9), 14, (required, 8))]);
    }
    // A head that is cut.
    let said = Bench::new().udp(&ipfix(&[set(3, wire![256_u16, 1_u16, 0_u8])]));
    assert_eq!(faults(&said), [fault(Truncated, Layer::Template, LimitedBy::SetLength, at(IPFIX), 5, (2, 1))]);
}

#[test]
fn zeros_behind_the_last_template_are_padding() {
    for padding in [1, 2, 3, 4, 8, 20] {
        let zeros = vec![0; padding];
        let mut bench = Bench::new();
        let said = bench.udp(&v9(&[set(0, wire![template(256, &SHAPE), zeros.clone()]), set(256, record(1))]));
        assert_eq!((flows(&said), faults(&said)), (vec![record(1)], vec![]));
        let said = bench.udp(&ipfix(&[set(2, wire![template(256, &SHAPE), zeros]), set(256, record(1))]));
        assert_eq!((flows(&said), faults(&said)), (vec![record(1)], vec![]));
        assert_eq!(bench.decoder.stats().withdrawals, 0);
    }
}

const WITHDRAW: [(u16, u16); 0] = [];

#[test]
fn a_withdrawal_over_udp_has_no_effect_unless_set() {
    let announce = ipfix(&[set(2, template(256, &SHAPE))]);
    let withdraw = ipfix(&[set(2, template(256, &WITHDRAW)), set(256, record(1))]);
    let mut bench = Bench::new();
    bench.udp(&announce);
    let said = bench.udp(&withdraw);
    assert_eq!(changes(&said), [(256, Data, TemplateChange::WithdrawalIgnored)]);
    assert_eq!(flows(&said), [record(1)]);

    let mut bench = Bench::with(|settings| settings.udp_withdrawals = true);
    bench.udp(&announce);
    let said = bench.udp(&withdraw);
    assert_eq!(changes(&said), [(256, Data, TemplateChange::Withdrawn)]);
    assert!(flows(&said).is_empty());
    assert_eq!(faults(&bench.finish()), [fault(TemplateMissing, Layer::Set, LimitedBy::Datagram, IPFIX + 8, 12, (0, 0))]);
}

#[test]
fn withdrawals_over_a_stream() {
    let session = Session::new(exporter(), 7);
    let other = Session::new(exporter(), 8);
    let announce = ipfix(&[set(2, wire![template(256, &SHAPE), template(257, &SHAPE)]), set(3, options(258, &SHAPE))]);
    let mut bench = Bench::new();
    bench.message(session, &announce);
    bench.message(other, &announce);
    let said = bench.message(session, &ipfix(&[set(2, template(256, &WITHDRAW))]));
    assert_eq!(changes(&said), [(256, Data, TemplateChange::Withdrawn)]);
    assert_eq!(bench.decoder.templates().count(), 2 + 3, "the other stream keeps its own");
    // Again: it is not known any more.
    let said = bench.message(session, &ipfix(&[set(2, template(256, &WITHDRAW))]));
    assert_eq!(faults(&said), [fault(WithdrawalUnknown, Layer::Template, LimitedBy::SetLength, IPFIX + 4, 0, (0, 0))]);
    // All data templates, then all options templates.
    let said = bench.message(session, &ipfix(&[set(2, template(2, &WITHDRAW))]));
    assert_eq!(changes(&said), [(2, Data, TemplateChange::Withdrawn)]);
    assert_eq!(bench.decoder.templates().count(), 1 + 3);
    let said = bench.message(session, &ipfix(&[set(3, template(3, &WITHDRAW)), set(257, record(1)), set(258, record(2))]));
    assert_eq!(changes(&said), [(3, Options, TemplateChange::Withdrawn)]);
    assert_eq!(bench.decoder.templates().count(), 3);
    // What waits for a template when its stream ends is reported.
    let cost: u32 = faults(&bench.close(session)).iter().map(|fault| fault.bytes).sum();
    assert_eq!(cost, 24);
    bench.close(other);
    assert_eq!(bench.decoder.templates().count(), 0);
}

#[test]
fn a_redefinition() {
    let (old, new) =
        (ipfix(&[set(2, template(256, &SHAPE))]), ipfix(&[set(2, template(256, &[(12, 4)])), set(256, vec![1, 2, 3, 4])]));
    let mut bench = Bench::new();
    bench.udp(&old);
    assert_eq!(changes(&bench.udp(&old)), [], "an identical announcement is no change");
    let said = bench.udp(&new);
    assert_eq!((changes(&said), faults(&said)), (vec![(256, Data, TemplateChange::Changed)], vec![]));
    assert_eq!(flows(&said), [[1, 2, 3, 4]]);
    // Data and options templates share their ids.
    assert_eq!(changes(&bench.udp(&ipfix(&[set(3, options(256, &SHAPE))]))), [(256, Options, TemplateChange::Changed)]);

    // Over a stream it takes a withdrawal first.
    let session = Session::new(exporter(), 7);
    bench.message(session, &old);
    let said = bench.message(session, &new);
    assert_eq!(faults(&said), [fault(TemplateRedefined, Layer::Template, LimitedBy::SetLength, IPFIX + 4, 0, (0, 0))]);
    assert_eq!(flows(&said), [[1, 2, 3, 4]]);
}

#[test]
fn a_refused_redefinition_takes_the_old_definition_with_it() {
    let mut bench = Bench::new();
    bench.udp(&ipfix(&[set(2, template(256, &SHAPE))]));
    let said = bench.udp(&ipfix(&[set(2, template(256, &[(8, 0)])), set(256, record(1))]));
    assert_eq!(changes(&said), [(256, Data, TemplateChange::Invalidated)]);
    assert_eq!(faults(&said), [fault(TemplateEmpty, Layer::Template, LimitedBy::TemplateLength, IPFIX + 4, 8, (0, 0))]);
    assert!(flows(&said).is_empty(), "the records have the new shape, whatever that is");
}

#[test]
fn dropping_the_events_early_still_learns_all() {
    let mut bench = Bench::new();
    let datagram = ipfix(&[set(2, template(256, &SHAPE)), set(2, template(257, &SHAPE)), set(256, record(1))]);
    let mut events = bench.decoder.datagram(exporter(), crate::wire::NOW, &datagram);
    assert!(events.next().is_some());
    drop(events);
    drop(bench.decoder.datagram(exporter(), crate::wire::NOW, &ipfix(&[set(2, template(258, &SHAPE))])));
    assert_eq!(bench.decoder.templates().count(), 3);
    assert_eq!(bench.decoder.stats().flows, 1);
    assert_eq!(flows(&bench.udp(&ipfix(&[set(258, record(2))]))), [record(2)]);
}
