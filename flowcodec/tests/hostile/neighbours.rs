//! A broken field, record or set costs only itself: whatever is in a set, the set behind it is read.

use proptest::collection::vec;
use proptest::prelude::{any, prop_oneof};
use proptest::strategy::{Just, Strategy};
use proptest::{prop_assert_eq, proptest};

use crate::wire::{Bench, Protocol, SHAPE, flows, ipfix, record, set, specifiers, template, v9, variable};

/// Sets of every kind of trouble, by hand.
fn troubles() -> Vec<Vec<u8>> {
    vec![
        set(77, vec![1; 9]),
        set(256, vec![1; 9]),
        set(256, vec![]),
        set(2, wire![256_u16, 9_u16, specifiers(&SHAPE)]),
        set(0, wire![256_u16, 9_u16, specifiers(&SHAPE)]),
        set(2, template(256, &[(8, 0)])),
        set(2, template(12, &SHAPE)),
        set(2, template(256, &[])),
        set(3, wire![256_u16, 2_u16, 9_u16, specifiers(&SHAPE)]),
        set(1, wire![256_u16, 999_u16, 999_u16, specifiers(&SHAPE)]),
        set(2, template(256, &[(82, 65_535)])),
        set(256, wire![variable(b"eth0"), 200_u8, "eth"]),
        set(2, template(256, &[(291, 65_535), (292, 65_535), (293, 65_535)])),
        set(256, wire![variable(&[3, 0, 8, 0, 0, 1]), variable(&[3, 9, 9, 1]), variable(&[3, 1, 0, 0, 1])]),
        set(3, wire![256_u16, 2_u16, 1_u16, specifiers(&[(302, 4), (34, 4)])]),
        set(256, wire![1_u32, 0_u32, 2_u32, 0_u32]),
        set(3, wire![256_u16, 3_u16, 2_u16, specifiers(&[(346, 4), (303, 2), (341, 65_535)])]),
        set(256, wire![64_999_u32, 9_u16, variable(&[0xff, 0xfe]), 0_u32, 8_u16, variable(b"octets")]),
    ]
}

#[test]
fn every_trouble_and_every_two_in_a_row() {
    let troubles = troubles();
    for first in &troubles {
        for second in &troubles {
            let protocols: [(Protocol, u16); 2] = [(v9, 0), (ipfix, 2)];
            for (message, templates) in protocols {
                let good = [set(templates, template(300, &SHAPE)), set(300, wire![record(1), record(2)])];
                let mut bench = Bench::new();
                bench.udp(&message(&good));
                let said = bench.udp(&message(&[first.clone(), set(300, record(3)), second.clone(), set(300, record(4))]));
                let found: Vec<_> = flows(&said).into_iter().filter(|raw| raw.len() == 8 && raw[..3] == [192, 0, 2]).collect();
                assert_eq!(found, [record(3), record(4)], "{first:02x?} {second:02x?}");
                bench.finish();
            }
        }
    }
}

fn any_set() -> impl Strategy<Value = Vec<u8>> {
    let id = prop_oneof![any::<u16>(), 0_u16..5, Just(256), Just(300)];
    (id, vec(prop_oneof![any::<u8>(), 0_u8..4, Just(255)], 0..120)).prop_map(|(id, body)| set(id, body))
}

proptest! {
    #[test]
    fn any_set_at_all(bad in vec(any_set(), 1..4), is_v9 in any::<bool>()) {
        let (message, templates): (Protocol, u16) = if is_v9 { (v9, 0) } else { (ipfix, 2) };
        // The set may have defined 300 in its own way, so it is defined again behind it.
        let mut sets = bad;
        sets.push(set(templates, template(300, &SHAPE)));
        sets.push(set(300, record(1)));
        let mut bench = Bench::new();
        let said = bench.udp(&message(&sets));
        prop_assert_eq!(flows(&said).pop(), Some(record(1)));
        bench.finish();
    }
}
