//! What is told of a cut packet is what is told of the whole one, or nothing.

use proptest::prelude::*;

use super::frames::frames;
use crate::model::{FieldId, FlowRecord};
use crate::packet::walk::Walk;
use crate::packet::{End, Headers, Start, parse, plain};

/// Every accessor of `cut` gives nothing, or what `whole` gives; rows and values agree; the same for the headers inside.
pub(super) fn agrees(cut: &Headers<'_>, whole: &Headers<'_>, what: &str) {
    macro_rules! each {
        ($($name:ident)*) => { $(
            let (part, all) = (cut.$name(), whole.$name());
            assert!(part.is_none() || part == all, "{what}: {} is {part:?}, of the whole {all:?}", stringify!($name));
        )* };
    }
    each!(src_mac dst_mac ethertype vlan vlan_priority customer_vlan mpls_labels pppoe_session ip_version src_addr dst_addr ip_protocol
        tos ttl flow_label ip_len fragment_id fragment_offset fragment_flags transport src_port dst_port tcp_flags icmp_type icmp_code
        network_offset transport_offset tunnel);
    assert!(cut.vlan_tags() <= whole.vlan_tags(), "{what}");
    if let Some(part) = cut.arp() {
        let all = whole.arp().unwrap();
        assert_eq!(part.operation, all.operation, "{what}");
        assert!(part.sender_mac.is_none() || part.sender_mac == all.sender_mac, "{what}");
        assert!(part.sender_addr.is_none() || part.sender_addr == all.sender_addr, "{what}");
        assert!(part.target_mac.is_none() || part.target_mac == all.target_mac, "{what}");
        assert!(part.target_addr.is_none() || part.target_addr == all.target_addr, "{what}");
    }
    row_agrees(cut, what);
    if let Some(inner) = cut.inner() {
        agrees(&inner, &whole.inner().unwrap(), what);
    }
}

/// `fill` writes what `value` gives, and nothing else.
fn row_agrees(headers: &Headers<'_>, what: &str) {
    let mut row = FlowRecord::EMPTY;
    headers.fill(&mut row);
    let mut by_value = FlowRecord::EMPTY;
    for id in (0..u16::MAX).take(200).map(FieldId::new) {
        if let Some(value) = headers.value(id) {
            assert!(Headers::FIELDS.contains(&id), "{what}: {id:?}");
            by_value.set(id, value);
        }
    }
    assert_eq!(row, by_value, "{what}");
}

/// The one step for the commonest packets finds what the walk does.
fn short_cut_agrees(start: Start, bytes: &[u8], what: &str) {
    if start == Start::ETHERNET
        && let Some(plain) = plain::headers(bytes, 4)
    {
        let mut walked = Headers::new(bytes, 4);
        Walk { headers: &mut walked }.start(start);
        let (mut by_step, mut by_layer) = (FlowRecord::EMPTY, FlowRecord::EMPTY);
        plain.fill(&mut by_step);
        walked.fill(&mut by_layer);
        assert_eq!(by_step, by_layer, "{what}");
        walked.plain = true;
        assert_eq!(plain, walked, "{what}");
    }
}

/// All prefixes up to `most` octets.
pub(super) fn every_cut_agrees(start: Start, bytes: &[u8], most: usize, what: &str) {
    let whole = parse(start, bytes);
    for cut in 0..=bytes.len().min(most) {
        agrees(&parse(start, &bytes[..cut]), &whole, what);
        short_cut_agrees(start, &bytes[..cut], what);
    }
}

#[test]
fn of_every_hand_made_frame() {
    let frames = frames();
    assert!(frames.len() > 70);
    for frame in frames {
        every_cut_agrees(frame.start, &frame.bytes, usize::MAX, frame.name);
    }
}

/// A complete walk stays within the octets; one that was cut says how many more it takes, and then gets further.
#[test]
fn the_octets_asked_for_are_enough_to_go_on() {
    for frame in frames() {
        for cut in 0..frame.bytes.len() {
            let headers = parse(frame.start, &frame.bytes[..cut]);
            match headers.end() {
                End::Complete => assert!(headers.end_offset() <= cut, "{} at {cut}", frame.name),
                end @ End::Truncated { needed, available, .. } => {
                    assert!(needed > available, "{} at {cut}: {end}", frame.name);
                    let to = headers.end_offset() + usize::try_from(needed).unwrap();
                    if let Some(more) = frame.bytes.get(..to) {
                        let more = parse(frame.start, more);
                        assert_ne!((more.end(), more.end_offset()), (end, headers.end_offset()), "{} at {cut}", frame.name);
                    }
                }
                _ => {}
            }
        }
    }
}

fn starts() -> impl Strategy<Value = Start> {
    prop_oneof![(0_u32..20).prop_map(Start::from_sflow), Just(Start::IP), any::<u16>().prop_map(Start::from_ether_type),]
}

/// Octets, half of them hand-made frames with some octets changed: pure chance never gets past the first header.
fn octets() -> impl Strategy<Value = (Start, Vec<u8>)> {
    let random = (starts(), prop::collection::vec(any::<u8>(), 0..160));
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let changed = (prop::sample::select((0..frames().len()).collect::<Vec<_>>()), edits).prop_map(|(number, edits)| {
        let mut frame = frames().swap_remove(number);
        for (index, octet) in edits {
            let at = index.index(frame.bytes.len());
            frame.bytes[at] = octet;
        }
        (frame.start, frame.bytes)
    });
    prop_oneof![1 => random, 3 => changed]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn of_any_octets((start, bytes) in octets()) {
        every_cut_agrees(start, &bytes, usize::MAX, &format!("{start} {bytes:02x?}"));
        prop_assert_eq!(parse(start, &bytes), parse(start, &bytes));
    }
}
