//! Sampled packets in templated records, read as those of sFlow are: PSAMP's sections in IPFIX (RFC 5477), and those of NetFlow v9.

use flowcodec::model::Schema;
use flowcodec::{Decoder, Event, Exporter, FlowRecord, RowScratch, field};

use super::build::packet;
use super::heard::{self, NOW};

/// Ids and octets of the fields of one record.
type Fields<'a> = &'a [(u16, &'a [u8])];

fn be(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap().to_be_bytes()
}

fn set(id: u16, body: &[u8]) -> Vec<u8> {
    [&id.to_be_bytes()[..], &be(body.len() + 4), body].concat()
}

fn template(fields: Fields<'_>) -> Vec<u8> {
    let specifiers = fields.iter().flat_map(|(id, octets)| [id.to_be_bytes(), be(octets.len())]);
    [[1, 0], be(fields.len())].into_iter().chain(specifiers).flatten().collect()
}

/// A template and one record of it, as an IPFIX message or a v9 packet.
fn message(v9: bool, fields: Fields<'_>) -> Vec<u8> {
    let record: Vec<u8> = fields.iter().flat_map(|(_, octets)| octets.to_vec()).collect();
    let sets = [set(if v9 { 0 } else { 2 }, &template(fields)), set(256, &record)].concat();
    let head = if v9 {
        [&[0, 9, 0, 2][..], &[0, 0, 0, 9, 0x65, 0x53, 0xf1, 0, 0, 0, 0, 0, 0, 0, 0, 1]].concat()
    } else {
        [&[0, 10][..], &be(sets.len() + 16), &[0x65, 0x53, 0xf1, 0, 0, 0, 0, 0, 0, 0, 0, 1]].concat()
    };
    [head, sets].concat()
}

/// The row of one record, which all ways to read it agree on; and its fields beside the row by name.
fn read(v9: bool, fields: Fields<'_>) -> (FlowRecord, Vec<String>) {
    let (mut decoder, mut scratch, schema) = (Decoder::default(), RowScratch::new(), Schema::common());
    let mut read = Vec::new();
    decoder.datagram(Exporter::new([192, 0, 2, 1].into(), 4739), NOW, &message(v9, fields)).for_each(|event| {
        if let Event::Fault(event) = event {
            panic!("{}", event.fault);
        }
        let Event::Flows(set) = event else { return };
        let mut rows = Vec::new();
        set.rows(&mut scratch, |run| rows.extend_from_slice(run));
        for (record, row) in set.records().zip(&rows) {
            let mut filled = FlowRecord::EMPTY;
            record.fill(&mut filled);
            assert_eq!(filled, *row);
            heard::agree(&record, row, &schema);
            // Every element is kept beside the fields that the packet says.
            assert_eq!(record.elements().count(), fields.len());
            let names = record.fields(&schema).map(|(id, _)| schema.field(id).unwrap().name.to_string());
            read.push((*row, names.collect()));
        }
    });
    assert_eq!(read.len(), 1);
    read.remove(0)
}

fn ipfix(fields: Fields<'_>) -> FlowRecord {
    read(false, fields).0
}

fn ports(row: &FlowRecord) -> (Option<u16>, Option<u16>) {
    (row.get(field::SRC_PORT), row.get(field::DST_PORT))
}

#[test]
fn what_each_section_begins_with() {
    let frame = packet();
    let label = [0, 0x3e, 0x81, 0x40];
    let stack = [&label[..], &frame[14..]].concat();
    for v9 in [false, true] {
        // The frame, by the number of old and the one of today; the IP packet; the label stack.
        for (id, octets) in [(104, &frame[..]), (315, &frame), (313, &frame[14..]), (316, &stack)] {
            let (row, names) = read(v9, &[(id, octets)]);
            assert_eq!(row.get(field::SRC_ADDR), "192.0.2.1".parse().ok(), "{id}");
            assert_eq!(ports(&row), (Some(40_002), Some(53)), "{id}");
            assert_eq!((row.get(field::OCTETS), row.get(field::PACKETS)), (Some(100), Some(1)), "{id}");
            assert_eq!(row.get(field::SRC_MAC).is_some(), matches!(id, 104 | 315), "{id}");
            assert_eq!(names.iter().any(|name| name == "mpls_labels"), id == 316);
        }
    }
    // Payloads are no headers.
    let payload = ipfix(&[(314, &frame[14..]), (317, &frame)]);
    assert_eq!((payload.get(field::SRC_ADDR), payload.get(field::PACKETS)), (None, None));
}

#[test]
fn octets_behind_what_was_copied_are_padding() {
    let frame = packet();
    let mut padded = frame[..36].to_vec();
    padded.resize(64, 0);
    // sectionExportedOctets: the destination port was not copied. Zeros would be one.
    let row = ipfix(&[(315, &padded), (410, &36_u16.to_be_bytes())]);
    assert_eq!(ports(&row), (Some(40_002), None));
    assert_eq!(ports(&ipfix(&[(315, &padded)])), (Some(40_002), Some(0)));
    // More than there is: all of it.
    assert_eq!(ports(&ipfix(&[(410, &u16::MAX.to_be_bytes()), (315, &frame)])), (Some(40_002), Some(53)));
    assert_eq!(ipfix(&[(410, &[0, 0]), (315, &frame)]).get(field::SRC_MAC), None);
}

#[test]
fn frames_of_another_kind_and_sections_from_the_middle() {
    let frame = packet();
    // dataLinkFrameType: 1 Ethernet, 2 802.11, of which this is none.
    assert_eq!(ports(&ipfix(&[(408, &[0, 1]), (315, &frame)])), (Some(40_002), Some(53)));
    assert_eq!(ipfix(&[(408, &[0, 2]), (315, &frame)]).get(field::SRC_PORT), None);
    assert_eq!(ipfix(&[(408, &[0, 9]), (315, &frame)]).get(field::PACKETS), None, "nothing is read of it");
    // It says what a frame is, and no packet is one.
    assert_eq!(ports(&ipfix(&[(408, &[0, 9]), (313, &frame[14..])])), (Some(40_002), Some(53)));
    // sectionOffset: 0 is the beginning.
    assert_eq!(ports(&ipfix(&[(409, &[0, 0]), (315, &frame)])), (Some(40_002), Some(53)));
    for id in [104, 315, 313] {
        let row = ipfix(&[(id, &frame), (409, &[0, 14])]);
        assert_eq!((row.get(field::SRC_ADDR), row.get(field::PACKETS)), (None, None));
    }
}

#[test]
fn the_size_of_the_frame_gives_octets_where_no_ip_header_does() {
    let frame = packet();
    let size = 1_000_u16.to_be_bytes();
    // Behind Ethernet.
    assert_eq!(ipfix(&[(312, &size), (315, &frame[..14])]).get(field::OCTETS), Some(986));
    assert_eq!(ipfix(&[(312, &size), (315, &frame)]).get(field::OCTETS), Some(100));
    let (row, names) = read(false, &[(312, &size), (315, &frame)]);
    assert!(names.contains(&"frame_length".to_owned()) && row.get(field::PACKETS) == Some(1));
    assert_eq!(ipfix(&[(315, &frame[..14])]).get(field::OCTETS), None);
}

#[test]
fn what_the_record_says_counts_more() {
    let frame = packet();
    let row = ipfix(&[(7, &9_u16.to_be_bytes()), (315, &frame), (4, &[6]), (8, &[10, 0, 0, 1])]);
    assert_eq!(ports(&row), (Some(9), Some(53)));
    assert_eq!((row.get(field::IP_PROTOCOL), row.get(field::SRC_ADDR)), (Some(6), "10.0.0.1".parse().ok()));
    assert_eq!(row.get(field::TOS), Some(0xb8));
    // Counters of its own: then the section is an example of its packets.
    let counted = ipfix(&[(2, &500_u32.to_be_bytes()), (315, &frame)]);
    assert_eq!((counted.get(field::PACKETS), counted.get(field::OCTETS)), (Some(500), None));
    let (total, _) = read(false, &[(85, &70_u64.to_be_bytes()), (315, &frame)]);
    assert_eq!((total.get(field::PACKETS), total.get(field::OCTETS)), (None, None));
}

#[test]
fn sections_cut_anywhere() {
    let frame = packet();
    for cut in 1..=frame.len() {
        let row = ipfix(&[(315, &frame[..cut])]);
        assert_eq!(row.get(field::DST_MAC).is_some(), cut >= 6, "{cut}");
        assert_eq!(row.get(field::DST_ADDR).is_some(), cut >= 34, "{cut}");
        assert_eq!(ports(&row), ((cut >= 36).then_some(40_002), (cut >= 38).then_some(53)), "{cut}");
    }
}

/// Many records of one template, so that rows come in several runs.
#[test]
fn a_set_of_many_sections() {
    let frame = packet();
    let shape: Fields<'_> = &[(315, &frame), (410, &[0, 42]), (301, &[0; 8])];
    let record: Vec<u8> = shape.iter().flat_map(|(_, octets)| octets.to_vec()).collect();
    let sets = [set(2, &template(shape)), set(256, &record.repeat(100))].concat();
    let head = [&[0, 10][..], &be(sets.len() + 16), &[0x65, 0x53, 0xf1, 0, 0, 0, 0, 0, 0, 0, 0, 1]].concat();
    let (mut decoder, mut scratch, mut rows) = (Decoder::default(), RowScratch::new(), 0);
    decoder.datagram(Exporter::new([192, 0, 2, 1].into(), 4739), NOW, &[head, sets].concat()).for_each(|event| {
        let Event::Flows(set) = event else { return };
        set.rows(&mut scratch, |run| {
            assert!(run.iter().all(|row| ports(row) == (Some(40_002), Some(53)) && row.get(field::OCTETS) == Some(100)));
            rows += run.len();
        });
    });
    assert_eq!(rows, 100);
}
