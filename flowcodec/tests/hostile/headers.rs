//! Versions, header counts and lengths, and what lies behind a message.

use flowcodec::FaultKind::{CountBeyondOctets, LengthTooSmall, TrailingOctets, Truncated, UnknownVersion, UnsupportedVersion};
use flowcodec::{Layer, LimitedBy, Protocol};

use crate::wire::{Bench, IPFIX, SHAPE, Said, fault, faults, flows, ipfix, ipfix_of, len32, record, set, template, v5, v9};

#[test]
fn versions_that_are_not_decoded_cost_the_datagram() {
    let zeros = [0_u8; 30];
    for (head, kind, protocol) in [
        (wire![8_u16, 1_u16], UnsupportedVersion, Protocol::NetFlow8),
        (wire![0_u16, 4_u16], UnsupportedVersion, Protocol::Sflow),
        (wire![0_u16, 2_u16], UnsupportedVersion, Protocol::Sflow),
        (wire![0_u16, 3_u16], UnknownVersion, Protocol::Unknown),
        (wire![6_u16, 1_u16], UnknownVersion, Protocol::Unknown),
        (wire![0xffff_u16, 0xffff_u16], UnknownVersion, Protocol::Unknown),
    ] {
        let said = Bench::new().udp(&wire![head, zeros]);
        let [Said::Fault(context, found)] = said[..] else { panic!("{said:?}") };
        assert_eq!(found, fault(kind, Layer::Header, LimitedBy::Datagram, 0, 34, (0, 0)));
        assert_eq!(context.protocol, protocol);
    }
}

#[test]
fn datagrams_without_a_version() {
    let nothing = fault(Truncated, Layer::Datagram, LimitedBy::Datagram, 0, 0, (2, 0));
    assert_eq!(faults(&Bench::new().udp(&[])), [nothing]);
    let one = fault(Truncated, Layer::Header, LimitedBy::Datagram, 0, 1, (2, 1));
    assert_eq!(faults(&Bench::new().udp(&[10])), [one]);
}

/// Every header, cut at every octet.
#[test]
fn headers_cut_short() {
    let v1 = wire![1_u16, 0_u16, 0_u32, 0_u32, 0_u32];
    let v7 = wire![7_u16, 0_u16, [0; 20]];
    for (datagram, size) in [(v1, 16), (v5(0, 0, &[]), 24), (v7, 24), (v9(&[]), 20), (ipfix(&[]), 16)] {
        assert_eq!(len32(&datagram), size);
        assert_eq!(faults(&Bench::new().udp(&datagram)), []);
        for end in 2..size {
            let found = faults(&Bench::new().udp(&datagram[..usize::try_from(end).unwrap()]));
            assert_eq!(found, [fault(Truncated, Layer::Header, LimitedBy::Datagram, 0, end, (size, end))]);
        }
    }
}

#[test]
fn v5_count_beyond_the_octets_keeps_the_whole_records() {
    let records = [[1_u8; 48], [2; 48]].concat();
    let mut bench = Bench::new();
    let said = bench.udp(&v5(30, 0, &wire![records.clone(), [9_u8; 10]]));
    assert_eq!(flows(&said), [[1_u8; 48], [2; 48]]);
    // Offset behind the two records; thirty were promised, 106 octets are there; ten cost.
    let expected = fault(CountBeyondOctets, Layer::Record, LimitedBy::Datagram, 24 + 96, 10, (30 * 48, 106));
    assert_eq!(faults(&said), [expected]);
    // Not a single octet lost: still a fault, which costs nothing.
    let found = faults(&bench.udp(&v5(3, 0, &records)));
    assert_eq!(found, [fault(CountBeyondOctets, Layer::Record, LimitedBy::Datagram, 24 + 96, 0, (3 * 48, 96))]);
}

#[test]
fn v5_octets_beyond_the_count() {
    let said = Bench::new().udp(&v5(1, 0, &[7; 48 + 1_608]));
    assert_eq!(flows(&said), [[7; 48]]);
    assert_eq!(faults(&said), [fault(TrailingOctets, Layer::Datagram, LimitedBy::HeaderCount, 24 + 48, 1_608, (0, 1_608))]);
    let said = Bench::new().udp(&v5(0, 0, &[7; 48]));
    assert_eq!(faults(&said), [fault(TrailingOctets, Layer::Datagram, LimitedBy::HeaderCount, 24, 48, (0, 48))]);
}

#[test]
fn v1_records_of_both_sizes_and_v7() {
    use flowcodec::field;
    for (version, count, size) in [(1_u16, 3_usize, 48_usize), (1, 3, 52), (1, 1, 48), (1, 1, 52), (7, 2, 52)] {
        let header = wire![version, u16::try_from(count).unwrap(), [0; 12], vec![0; if version == 7 { 8 } else { 0 }]];
        let mut one = vec![0; size];
        (one[3], one[23], one[38]) = (9, 77, 17);
        let mut bench = Bench::new();
        let mut seen = 0;
        bench.decoder.datagram(crate::wire::exporter(), crate::wire::NOW, &wire![header, one.repeat(count)]).for_each(|event| {
            if let flowcodec::Event::Flows(set) = event {
                for record in set {
                    assert_eq!(record.raw().len(), size);
                    assert_eq!(record.get(field::SRC_ADDR).unwrap().to_string(), "0.0.0.9");
                    assert_eq!((record.get(field::OCTETS), record.get(field::IP_PROTOCOL)), (Some(77), Some(17)));
                    seen += 1;
                }
            }
        });
        assert_eq!((seen, bench.decoder.stats().faults.total()), (count, 0));
    }
}

#[test]
fn ipfix_length_below_its_header() {
    for length in [0_u16, 1, 15] {
        let said = Bench::new().udp(&wire![10_u16, length, [0; 12], [1; 8]]);
        assert_eq!(faults(&said), [fault(LengthTooSmall, Layer::Header, LimitedBy::Datagram, 0, 24, (16, u32::from(length)))]);
    }
}

#[test]
fn ipfix_length_beyond_the_datagram_takes_what_is_there() {
    let mut message = ipfix(&[set(2, template(256, &SHAPE)), set(256, record(1))]);
    let whole = len32(&message);
    message[2..4].copy_from_slice(&u16::try_from(whole + 100).unwrap().to_be_bytes());
    let said = Bench::new().udp(&message);
    assert_eq!(flows(&said), [record(1)]);
    // The cut fell between two sets: it costs nothing, but is told.
    assert_eq!(faults(&said), [fault(Truncated, Layer::Header, LimitedBy::Datagram, 0, 0, (whole + 100, whole))]);

    let said =
        Bench::new().udp(&ipfix(&[set(2, template(256, &SHAPE)), set(256, record(1))])[..usize::try_from(whole - 3).unwrap()]);
    let at = IPFIX + 16;
    let expected = [
        fault(Truncated, Layer::Header, LimitedBy::Datagram, 0, 0, (whole, whole - 3)),
        // The record that was cut, and that its set was.
        fault(TrailingOctets, Layer::Record, LimitedBy::Datagram, at + 4, 5, (8, 5)),
        fault(Truncated, Layer::Set, LimitedBy::Datagram, at, 0, (12, 9)),
    ];
    assert_eq!(faults(&said), expected);
}

#[test]
fn several_messages_in_one_datagram_and_junk_behind() {
    let first = ipfix(&[set(2, template(256, &SHAPE))]);
    let second = ipfix_of(1, 0, &[set(256, record(1))]);
    let both = wire![first.clone(), second.clone()];
    let said = Bench::new().udp(&both);
    assert_eq!((flows(&said), faults(&said)), (vec![record(1)], vec![]));
    assert_eq!(crate::wire::only_flows(&said).context.offset, len32(&first), "the message's place in its datagram");

    // Junk is no message: its octets are reported, with an offset in the message it might have been.
    let said = Bench::new().udp(&wire![both.clone(), [0xde_u8, 0xad, 0xbe]]);
    let Some(Said::Fault(context, found)) = said.last() else { panic!("{said:?}") };
    assert_eq!(*found, fault(TrailingOctets, Layer::Datagram, LimitedBy::MessageLength, 0, 3, (0, 3)));
    assert_eq!(context.offset, len32(&both));
    assert_eq!(flows(&said), [record(1)]);

    // Neither can another protocol follow; and one octet is no version.
    let said = Bench::new().udp(&wire![both.clone(), v9(&[])]);
    assert_eq!(faults(&said), [fault(TrailingOctets, Layer::Datagram, LimitedBy::MessageLength, 0, 20, (0, 20))]);
    let said = Bench::new().udp(&wire![both, 10_u8]);
    assert_eq!(faults(&said), [fault(Truncated, Layer::Header, LimitedBy::Datagram, 0, 1, (2, 1))]);
}
