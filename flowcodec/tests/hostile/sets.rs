//! Sets: lengths, ids, padding, records that do not fit.

use flowcodec::FaultKind::{LengthTooSmall, RecordTruncated, ReservedSet, TemplateMissing, TrailingOctets, Truncated};
use flowcodec::{Layer, LimitedBy};

use crate::wire::{Bench, IPFIX, Protocol, SHAPE, Said, V9, fault, faults, flows, ipfix, record, set, template, v9, variable};

/// Both protocols, with the id of a template set and the octets of the header.
fn both() -> [(Protocol, u16, u32); 2] {
    [(v9, 0, V9), (ipfix, 2, IPFIX)]
}

#[test]
fn set_lengths_from_zero_to_three_end_the_message() {
    for (message, templates, header) in both() {
        for length in 0..4_u16 {
            let bad = wire![256_u16, length, [1; 10]];
            let said = Bench::new().udp(&message(&[set(templates, template(256, &SHAPE)), set(256, record(1)), bad]));
            let at = header + 16 + 12;
            let limit = LimitedBy::Datagram;
            // Of an IPFIX message, its own length sets the end.
            let limit = if header == IPFIX { LimitedBy::MessageLength } else { limit };
            assert_eq!(faults(&said), [fault(LengthTooSmall, Layer::Set, limit, at, 14, (4, u32::from(length)))]);
            assert_eq!(flows(&said), [record(1)]);
        }
    }
}

#[test]
fn a_set_that_runs_past_the_message() {
    for (message, templates, header) in both() {
        let bad = wire![256_u16, 100_u16, record(2), record(3), [7; 4]];
        let said = Bench::new().udp(&message(&[set(templates, template(256, &SHAPE)), set(256, record(1)), bad]));
        let at = header + 28;
        if header == IPFIX {
            // The message is whole by its own length: the set's length is wrong, and where its records end is not known.
            assert_eq!(faults(&said), [fault(Truncated, Layer::Set, LimitedBy::MessageLength, at, 24, (100, 24))]);
            assert_eq!(flows(&said), [record(1)]);
        } else {
            // A packet of v9 has no length of its own: it was cut, and the records in front of the cut are whole.
            let cut = fault(TrailingOctets, Layer::Record, LimitedBy::Datagram, at + 20, 4, (8, 4));
            assert_eq!(faults(&said), [cut, fault(Truncated, Layer::Set, LimitedBy::Datagram, at, 0, (100, 24))]);
            assert_eq!(flows(&said), [record(1), record(2), record(3)]);
        }
    }
}

/// A set that is cut behind a record is as much of a fault as one cut within.
#[test]
fn a_set_that_is_cut_between_records() {
    for (message, templates, header) in both() {
        let records = [1, 2, 3, 4].map(record).concat();
        let whole = message(&[set(templates, template(256, &SHAPE)), set(256, records)]);
        for lost in [8, 16] {
            let mut bench = Bench::new();
            let said = bench.udp(&whole[..whole.len() - lost]);
            assert_eq!(flows(&said).len(), 4 - lost / 8);
            let told = faults(&said);
            assert_eq!((told.last().unwrap().kind, told.last().unwrap().layer), (Truncated, Layer::Set));
            // The header of IPFIX tells of it too.
            assert_eq!(told.len(), if header == IPFIX { 2 } else { 1 });
            let status = bench.decoder.exporters().next().unwrap();
            assert_eq!(status.faults, 1, "the header's comes before the message is its session's");
        }
    }
}

#[test]
fn reserved_sets_are_skipped() {
    let (reserved_v9, reserved_ipfix) = ([2, 3, 255], [0, 1, 4, 255]);
    for (message, templates, header) in both() {
        for id in if header == V9 { reserved_v9.to_vec() } else { reserved_ipfix.to_vec() } {
            let sets = [set(templates, template(256, &SHAPE)), set(id, vec![9; 7]), set(256, record(1))];
            let said = Bench::new().udp(&message(&sets));
            assert_eq!(faults(&said), [fault(ReservedSet, Layer::Set, LimitedBy::SetLength, header + 16, 11, (0, 0))]);
            assert_eq!(flows(&said), [record(1)]);
        }
    }
}

#[test]
fn padding_and_what_is_too_much_for_it() {
    for (message, templates, header) in both() {
        let with = |behind: &[u8]| {
            let sets = [set(templates, template(256, &SHAPE)), set(256, wire![record(1), behind.to_vec()]), set(256, record(2))];
            let said = Bench::new().udp(&message(&sets));
            assert_eq!(flows(&said), [record(1), record(2)]);
            faults(&said)
        };
        // Up to three octets of anything, or zeros, are padding; more is a piece of a record.
        for padding in [&[][..], &[7], &[7; 3], &[0; 7]] {
            assert_eq!(with(padding), []);
        }
        for piece in [4, 7] {
            let at = header + 16 + 12;
            let expected = fault(TrailingOctets, Layer::Record, LimitedBy::SetLength, at, piece, (8, piece));
            assert_eq!(with(&vec![7; usize::try_from(piece).unwrap()]), [expected]);
        }
    }
}

#[test]
fn empty_sets_and_messages_are_legal() {
    for (message, templates, _) in both() {
        let mut bench = Bench::new();
        for sets in [&[][..], &[set(templates, vec![])], &[set(templates, template(256, &SHAPE)), set(256, vec![])]] {
            assert_eq!(faults(&bench.udp(&message(sets))), []);
        }
        assert_eq!(faults(&bench.udp(&message(&[set(256, vec![0; 3])]))), []);
        assert_eq!(bench.decoder.stats().flows, 0);
    }
}

#[test]
fn a_variable_value_past_its_set() {
    let shape = [(8, 4), (82, 65_535)];
    let good = wire![[192_u8, 0, 2, 1], variable(b"eth0")];
    for (bad, rest) in [
        (wire![[192_u8, 0, 2, 2], 5_u8, "eth"], 8),
        (wire![[192_u8, 0, 2, 2], 255_u8, 0_u16], 0),
        (wire![[192_u8, 0, 2, 2], 255_u8, 1_u16], 7),
        (wire![[192_u8, 0, 2, 2], 255_u8, 0_u8], 6),
        (wire![[192_u8, 0, 2, 2], 254_u8, [0; 200]], 205),
    ] {
        let sets = [set(2, template(256, &shape)), set(256, wire![good.clone(), bad.clone()]), set(256, good.clone())];
        let said = Bench::new().udp(&ipfix(&sets));
        if rest == 0 {
            assert_eq!(
                (flows(&said), faults(&said)),
                (vec![good.clone(), bad, good.clone()], vec![]),
                "a length in three octets"
            );
            continue;
        }
        let expected = fault(RecordTruncated, Layer::Record, LimitedBy::SetLength, IPFIX + 16 + 4 + 9, rest, (5, rest));
        assert_eq!(faults(&said), [expected]);
        assert_eq!(flows(&said), [good.clone(), good.clone()]);
    }
}

#[test]
fn data_ahead_of_its_template_comes_with_its_own_context() {
    for (message, templates, header) in both() {
        let mut bench = Bench::new();
        let early = message(&[set(256, wire![record(1), record(2)])]);
        let then = crate::wire::NOW.offset(-5_000_000_000);
        let said = bench.from(crate::wire::exporter(), then, &early);
        assert_eq!((flows(&said).len(), faults(&said)), (0, vec![]));
        assert_eq!(bench.decoder.stats().bytes_pending, 20);
        let said = bench.udp(&message(&[set(256, record(3)), set(templates, template(256, &SHAPE)), set(256, record(4))]));
        let sets: Vec<_> = said.iter().filter_map(|it| if let Said::Flows(set) = it { Some(set) } else { None }).collect();
        assert_eq!(flows(&said), [record(1), record(2), record(3), record(4)]);
        assert_eq!(sets.iter().map(|set| set.context.received).collect::<Vec<_>>(), [then, crate::wire::NOW, crate::wire::NOW]);
        assert_eq!(bench.decoder.stats().bytes_pending, 0);
        assert_eq!(bench.decoder.stats().sets_without_template, 2);

        // A piece of a record behind data that waited is reported in the context it came with.
        let mut bench = Bench::new();
        bench.from(crate::wire::exporter(), then, &message(&[set(256, wire![record(1), [9_u8; 5]])]));
        let said = bench.udp(&message(&[set(templates, template(256, &SHAPE))]));
        let found: Vec<_> = said
            .iter()
            .filter_map(|it| if let Said::Fault(context, fault) = it { Some((context, *fault)) } else { None })
            .collect();
        let expected = fault(TrailingOctets, Layer::Record, LimitedBy::SetLength, header + 4 + 8, 5, (8, 5));
        assert!(matches!(found[..], [(context, found)] if found == expected && context.received == then), "{said:?}");
    }
}

#[test]
fn data_whose_template_never_comes_is_reported_at_the_end() {
    let mut bench = Bench::new();
    bench.udp(&ipfix(&[set(300, record(1)), set(301, record(2))]));
    let missing = |at| fault(TemplateMissing, Layer::Set, LimitedBy::Datagram, at, 12, (0, 0));
    assert_eq!(faults(&bench.finish()), [missing(IPFIX), missing(IPFIX + 12)]);
    assert_eq!(faults(&bench.finish()), []);
}

/// An empty set that waited must not let the message overtake those that waited behind it.
#[test]
fn data_that_waited_comes_before_the_message_goes_on() {
    let mut bench = Bench::new();
    bench.udp(&ipfix(&[set(256, vec![]), set(256, record(1))]));
    let redefined = template(256, &[(8, 4)]);
    let said =
        bench.udp(&ipfix(&[set(2, template(256, &SHAPE)), set(256, record(2)), set(2, redefined), set(256, vec![1, 2, 3, 4])]));
    assert_eq!(flows(&said), [record(1), record(2), vec![1, 2, 3, 4]]);
    assert_eq!(faults(&said), []);
}
