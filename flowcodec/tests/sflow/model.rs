//! Samples in the common model: which structure feeds which field, and what counts more where two say the same.

use std::net::IpAddr;

use flowcodec::model::Schema;
use flowcodec::sflow::DropReason;
use flowcodec::{Decoder, Event, ExporterSettings, FlowBatch, field};

use super::build::{
    Head, address, counters, discard, flow, flow_between, flow_expanded, header, opaque, packet, structure, switch, words,
};
use super::heard::{Bench, NOW, Seen, all, exporter};

/// The samples of one datagram.
fn seen(samples: &[Vec<u8>]) -> Vec<Seen> {
    all(&Bench::new().hear(&Head::new(1).with(samples)))
}

/// A flow sample with these records.
fn with(records: &[Vec<u8>]) -> Seen {
    seen(&[flow(3, 7, records)]).remove(0)
}

/// Fields that a sample has beside those of its datagram and head.
fn beside_head(seen: &Seen) -> Vec<(&str, &str)> {
    const OF_HEAD: [&str; 13] = [
        "received",
        "exporter",
        "exporter_port",
        "domain",
        "protocol",
        "sampling_rate",
        "counters_scaled",
        "in_if",
        "out_if",
        "agent",
        "observation_point",
        "sample_pool",
        "sample_drops",
    ];
    let fields = seen.fields.iter().map(|(name, value)| (&**name, &**value));
    fields.filter(|(name, _)| !OF_HEAD.contains(name)).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn what_the_head_says() {
    let seen = with(&[]);
    let expected = [
        ("received", "2023-11-14T22:13:20.000000000Z"),
        ("exporter", "198.51.100.7"),
        ("exporter_port", "6343"),
        ("domain", "0"),
        ("protocol", "105"),
        ("sampling_rate", "100"),
        ("counters_scaled", "1"),
        ("in_if", "1"),
        ("out_if", "2"),
        ("agent", "192.0.2.9"),
        ("observation_point", "3"),
        ("sample_pool", "700"),
        ("sample_drops", "3"),
    ];
    assert_eq!(seen.fields, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    // A source of two words: class, index.
    let expanded = seen_of_expanded([2, 0x0100_0000], [[0, 1], [0, 2]]);
    assert_eq!(expanded.field("observation_point"), Some(&*((2_u64 << 32) | 0x0100_0000).to_string()));
}

fn seen_of_expanded(source: [u32; 2], interfaces: [[u32; 2]; 2]) -> Seen {
    seen(&[flow_expanded(source, 1, interfaces, &[])]).remove(0)
}

#[test]
fn a_packet_by_its_header() {
    let seen = with(&[header(1, 118, &packet())]);
    let expected = [
        ("src_addr", "192.0.2.1"),
        ("dst_addr", "198.51.100.2"),
        ("src_port", "40002"),
        ("dst_port", "53"),
        ("ip_protocol", "17"),
        ("tos", "184"),
        ("ttl", "64"),
        // Of the packet, not of what was copied of it.
        ("octets", "100"),
        ("packets", "1"),
        ("src_mac", "02:00:00:00:00:0a"),
        ("dst_mac", "02:00:00:00:00:0b"),
        ("ethertype", "2048"),
        ("ip_version", "4"),
        ("layer2_octets", "118"),
        ("frame_length", "118"),
        ("fragment_id", "1"),
        ("fragment_offset", "0"),
        ("fragment_flags", "64"),
    ];
    assert_eq!(beside_head(&seen), expected);
    // Where no IP header says it: the frame without the octets stripped, behind Ethernet.
    assert_eq!(with(&[header(1, 118, &packet()[..14])]).field("octets"), Some("100"));
    // A header that begins with IP is of no frame.
    let bare = with(&[header(11, 104, &packet()[14..])]);
    let length = ["octets", "frame_length", "layer2_octets", "src_mac", "src_port"].map(|name| bare.field(name));
    assert_eq!(length, [Some("100"), None, None, None, Some("40002")]);
    // A protocol that is not read: nothing but the frame is known.
    assert_eq!(
        beside_head(&with(&[header(4, 118, &packet())])),
        [("packets", "1"), ("layer2_octets", "118"), ("frame_length", "118")]
    );
    // An agent that knows nothing of the packet says so with an empty header.
    assert_eq!(with(&[header(1, 118, &[])]).field("packets"), Some("1"));
}

#[test]
fn what_the_agent_read_of_a_packet() {
    let ipv4 = structure(3, &words(&[1_400, 6, 0xc000_0201, 0xc633_6402, 443, 40_000, 0x12, 0x20]));
    let ipv6 = |protocol| {
        let ends = [address(Some(ip("2001:db8::1")))[4..].to_vec(), address(Some(ip("2001:db8::2")))[4..].to_vec()].concat();
        structure(4, &[words(&[1_400, protocol]), ends, words(&[443, 40_000, 0x12, 0x20])].concat())
    };
    let ethernet =
        structure(2, &[&words(&[1_414])[..], &[2, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0], &words(&[0x0800])].concat());
    let four = [
        ("src_addr", "192.0.2.1"),
        ("dst_addr", "198.51.100.2"),
        ("src_port", "443"),
        ("dst_port", "40000"),
        ("ip_protocol", "6"),
        ("tcp_flags", "18"),
        ("tos", "32"),
        ("octets", "1400"),
        ("packets", "1"),
    ];
    assert_eq!(beside_head(&with(std::slice::from_ref(&ipv4))), [&four[..], &[("ip_version", "4")]].concat());
    let six = with(&[ipv6(6)]);
    assert_eq!(
        ["src_addr", "dst_addr", "ip_version", "tcp_flags"].map(|name| six.field(name).unwrap()),
        ["2001:db8::1", "2001:db8::2", "6", "18"]
    );
    assert_eq!(with(&[ipv6(17)]).field("tcp_flags"), None, "only TCP has them");
    let frame = [
        ("packets", "1"),
        ("src_mac", "02:00:00:00:00:01"),
        ("dst_mac", "02:00:00:00:00:02"),
        ("ethertype", "2048"),
        ("layer2_octets", "1414"),
        ("frame_length", "1414"),
    ];
    assert_eq!(beside_head(&with(std::slice::from_ref(&ethernet))), frame);
    // The packet itself counts more than what is said of it, wherever it stands; what is said fills in what was cut.
    let ipv4 = structure(3, &words(&[1_400, 17, 0xc000_0201, 0xc633_6402, 443, 40_000, 0, 0x20]));
    let cut = with(&[ipv4.clone(), header(1, 118, &packet()[..30])]);
    assert_eq!(
        ["src_addr", "dst_addr", "src_port", "ttl"].map(|name| cut.field(name).unwrap()),
        ["192.0.2.1", "198.51.100.2", "443", "64"]
    );
    let header = header(1, 118, &packet());
    for records in [[header.clone(), ipv4.clone(), ethernet.clone()], [ethernet, ipv4, header]] {
        let seen = with(&records);
        let said = ["src_port", "octets", "src_mac", "frame_length"].map(|name| seen.field(name).unwrap());
        assert_eq!(said, ["40002", "100", "02:00:00:00:00:0a", "118"]);
        assert_eq!(seen.field("tcp_flags"), None);
    }
}

#[test]
fn what_the_way_of_a_packet_was() {
    let router = structure(1002, &[address(Some(ip("192.0.2.254"))), words(&[24, 22])].concat());
    let path = [words(&[2, 2, 2, 65_001, 65_002, 1, 1, 65_003])].concat();
    let gateway = [address(Some(ip("2001:db8::fe"))), words(&[64_500, 64_501, 64_502]), path, words(&[2, 0xfde8_0001, 7, 100])];
    let gateway = structure(1003, &gateway.concat());
    let user = structure(1004, &[words(&[106]), opaque(b"alice"), words(&[106]), opaque(b"bob")].concat());
    let nat = structure(1007, &[address(Some(ip("203.0.113.1"))), address(Some(ip("203.0.113.2")))].concat());
    let nat_port = structure(1020, &words(&[1_024, 65_535]));
    let tunnel = structure(1024, &words(&[1_500, 47, 0x0a00_0001, 0x0a00_0002, 4_789, 4_790, 0, 0]));
    let vni = structure(1030, &words(&[0x0012_3456]));
    let time = structure(1043, &1_700_000_000_123_456_789_u64.to_be_bytes());
    let mpls = structure(1006, &[address(None), words(&[2, 1_000 << 12 | 0x100 | 64, 17 << 12 | 0x1ff, 0])].concat());
    let seen = with(&[switch(100, 200), router, gateway, user, mpls, nat, nat_port, tunnel, vni, time]);
    let expected = [
        ("next_hop", "192.0.2.254"),
        ("src_as", "64501"),
        ("dst_as", "65003"),
        ("src_prefix_len", "24"),
        ("dst_prefix_len", "22"),
        ("vlan", "100"),
        ("post_vlan", "200"),
        ("observed", "2023-11-14T22:13:20.123456789Z"),
        ("bgp_next_hop", "2001:db8::fe"),
        ("next_as", "65001"),
        ("previous_as", "64502"),
        ("as_path", "[65001, 65002, 65003]"),
        ("bgp_communities", "[4259840001, 7]"),
        ("local_pref", "100"),
        ("mpls_labels", "[1000, 17]"),
        ("post_nat_src_addr", "203.0.113.1"),
        ("post_nat_dst_addr", "203.0.113.2"),
        ("post_nat_src_port", "1024"),
        ("post_nat_dst_port", "65535"),
        ("src_user", "alice"),
        ("dst_user", "bob"),
        ("tunnel_key", "[00, 12, 34, 56]"),
        ("tunnel_src_addr", "10.0.0.1"),
        ("tunnel_dst_addr", "10.0.0.2"),
        ("tunnel_protocol", "47"),
        ("tunnel_src_port", "4789"),
        ("tunnel_dst_port", "4790"),
    ];
    assert_eq!(beside_head(&seen), expected);
}

#[test]
fn ipv4_inside_ipv6_is_ipv4() {
    let mapped = |last| ip(&format!("::ffff:192.0.2.{last}"));
    let ends = [address(Some(mapped(1)))[4..].to_vec(), address(Some(mapped(2)))[4..].to_vec()].concat();
    let records = [
        structure(4, &[words(&[100, 17]), ends, words(&[1, 2, 0, 0])].concat()),
        structure(1002, &[address(Some(mapped(3))), words(&[24, 24])].concat()),
        structure(1007, &[address(Some(mapped(4))), address(Some(mapped(5)))].concat()),
    ];
    let seen = with(&records);
    let names = ["src_addr", "dst_addr", "next_hop", "post_nat_src_addr", "post_nat_dst_addr"];
    let expected = (1..=5).map(|last| Some(format!("192.0.2.{last}")));
    assert_eq!(names.map(|name| seen.field(name).map(str::to_owned)).to_vec(), expected.collect::<Vec<_>>());
    // The elements are as they were sent.
    assert_eq!(seen.structures[0].1[2].1, "::ffff:192.0.2.1");
}

#[test]
fn numbers_that_no_field_can_hold_are_no_values() {
    // "Not known" of `extended_switch`; prefixes, ports and protocols beyond their widths.
    assert_eq!(beside_head(&with(&[switch(u32::MAX, 4_096)])), []);
    assert_eq!(beside_head(&with(&[switch(0, 4_095)])), [("vlan", "0"), ("post_vlan", "4095")]);
    let router = structure(1002, &[address(None), words(&[256, 255])].concat());
    assert_eq!(beside_head(&with(&[router])), [("dst_prefix_len", "255")]);
    let ipv4 = structure(3, &words(&[60, 256, 0x0a00_0001, 0x0a00_0002, 65_536, 65_535, 0x1_0000, 256]));
    let seen = with(&[ipv4]);
    assert_eq!(["ip_protocol", "src_port", "dst_port", "tos"].map(|name| seen.field(name)), [None, None, Some("65535"), None]);
    // A time that is none: 2^63 nanoseconds are past the end of it.
    assert_eq!(beside_head(&with(&[structure(1043, &[0xff; 8])])), []);
}

#[test]
fn of_a_structure_that_comes_twice_the_first_counts() {
    let second = [switch(1, 2), switch(3, 4), header(1, 118, &packet()), header(12, 60, &[0x60; 40])];
    let seen = with(&second);
    assert_eq!(["vlan", "post_vlan", "ip_version"].map(|name| seen.field(name)), [Some("1"), Some("2"), Some("4")]);
}

#[test]
fn transactions_of_hosts_are_no_packets() {
    let socket = structure(2100, &words(&[6, 0xc000_0201, 0xc633_6402, 80, 40_000]));
    let seen = with(&[socket]);
    let expected = [
        ("src_addr", "192.0.2.1"),
        ("dst_addr", "198.51.100.2"),
        ("src_port", "80"),
        ("dst_port", "40000"),
        ("ip_protocol", "6"),
        ("ip_version", "4"),
    ];
    assert_eq!(beside_head(&seen), expected);
}

#[test]
fn counters_say_whose_they_are() {
    let interface: Vec<u32> = [&[17, 6, 0, 1_000_000_000, 1, 3][..], &[1; 16]].concat();
    let records = [structure(1, &words(&interface)), structure(1005, &opaque(b"eth17"))];
    let seen = &seen(&[counters(17, 1, &records)])[0];
    assert_eq!(
        [("in_if", "17"), ("in_if_name", "eth17")].map(|(name, value)| (seen.field(name), value)),
        [(Some("17"), "17"), (Some("eth17"), "eth17")]
    );
    for name in ["packets", "octets", "sampling_rate", "sample_pool", "sample_drops", "out_if", "layer2_octets"] {
        assert_eq!(seen.field(name), None, "{name}");
    }
    assert_eq!((seen.field("observation_point"), seen.field("counters_scaled")), (Some("17"), Some("1")));
}

// ---- interfaces and reasons

/// `in_if`, `out_if`, `out_if_count`, `drop_reason`.
fn places(seen: &Seen) -> [Option<&str>; 4] {
    ["in_if", "out_if", "out_if_count", "drop_reason"].map(|name| seen.field(name))
}

#[test]
fn interfaces_in_their_forms() {
    const INTERNAL: &str = "1073741823";
    let compact = |input, output| seen(&[flow_between(3, 1, [input, output], &[])]).remove(0);
    let expanded = |input, output| seen_of_expanded([0, 3], [input, output]);
    let forms = |format: u32, value: u32| [compact(0, (format << 30) | value), expanded([0, 0], [format, value])];
    for seen in forms(0, 7) {
        assert_eq!(places(&seen), [None, Some("7"), None, None]);
    }
    for seen in forms(0, 0x3fff_ffff) {
        assert_eq!(places(&seen), [None, Some(INTERNAL), None, None]);
    }
    for seen in forms(1, 258) {
        assert_eq!(places(&seen), [None, None, None, Some("258")]);
    }
    for seen in forms(2, 3).into_iter().chain(forms(2, 0)) {
        let [.., count, reason] = places(&seen);
        assert!(matches!(count, Some("3" | "0")) && reason.is_none());
        assert_eq!(places(&seen)[..2], [None, None]);
    }
    for seen in forms(3, 5) {
        assert_eq!(places(&seen), [None; 4]);
    }
    // Where it came in is an index or nothing.
    for (input, expected) in
        [(9, Some("9")), (0, None), (0x3fff_ffff, Some(INTERNAL)), ((1 << 30) | 5, None), ((2 << 30) | 5, None)]
    {
        assert_eq!(places(&compact(input, 0))[0], expected, "{input:x}");
    }
    assert_eq!(places(&expanded([0, u32::MAX], [0, 0x4000_0000])), [Some("4294967295"), Some("1073741824"), None, None]);
    assert_eq!(places(&expanded([7, 1], [0, 0]))[0], None);
}

#[test]
fn discarded_packets_say_why() {
    let mut bench = Bench::new();
    let reasons: Vec<_> = DropReason::all().collect();
    assert!(reasons.len() > 100 && reasons.contains(&(DropReason(258), "acl")), "{}", reasons.len());
    for (at, (reason, name)) in (1..).zip(reasons) {
        // As a notice, and as the output of a sample.
        let output = (1 << 30) | reason.0;
        let samples = [discard(3, at, reason.0, &[header(1, 118, &packet())]), flow_between(3, at, [1, output], &[])];
        let octets = Head::new(at).with(&samples);
        for seen in all(&bench.hear(&octets)) {
            assert_eq!(seen.field("drop_reason"), Some(&*reason.0.to_string()), "{name}");
        }
        #[cfg(feature = "json")]
        Decoder::default().datagram(exporter(), NOW, &octets).for_each(|event| {
            let Event::Flows(set) = event else { return };
            for record in set {
                let mut out = String::new();
                flowcodec::io::write_record(&mut out, &record, &Schema::common());
                assert_eq!(super::heard::strict(&out)["drop_reason"], name);
            }
        });
    }
    // One that has no name is a number.
    #[cfg(feature = "json")]
    Decoder::default().datagram(exporter(), NOW, &Head::new(1).with(&[discard(3, 1, 77_777, &[])])).for_each(|event| {
        let Event::Flows(set) = event else { return };
        let mut out = String::new();
        flowcodec::io::write_record(&mut out, &set.records().next().unwrap(), &Schema::common());
        assert_eq!(super::heard::strict(&out)["drop_reason"], 77_777);
    });
    // A notice is of one packet, and stands for no other.
    let seen = &seen(&[discard(3, 1, 1, &[])])[0];
    assert_eq!(beside_head(seen), [("packets", "1"), ("drop_reason", "1")]);
    assert_eq!((seen.field("sampling_rate"), seen.field("sample_drops"), seen.field("sample_pool")), (None, Some("9"), None));
}

#[cfg(feature = "json")]
#[test]
fn interfaces_as_elements() {
    let samples = [
        flow_between(3, 1, [(1 << 30) | 256, (2 << 30) | 4], &[]),
        flow_expanded([0, 3], 2, [[0, 9], [0, 0x3fff_ffff]], &[]),
        discard(3, 3, 258, &[]),
    ];
    let mut shown = Vec::new();
    Decoder::default().datagram(exporter(), NOW, &Head::new(1).with(&samples)).for_each(|event| {
        let Event::Flows(set) = event else { return };
        for record in set {
            let mut out = String::new();
            flowcodec::io::write_elements(&mut out, &record);
            shown.push(super::heard::strict(&out)["elements"].clone());
        }
    });
    let expected = serde_json::json!([
        {
            "sequence_number": 1, "source_id_type": 0, "source_id_index": 3, "sampling_rate": 100, "sample_pool": 100, "drops": 3,
            "input": {"format": 1, "value": 256}, "output": {"format": 2, "value": 4},
        },
        {
            "sequence_number": 2, "source_id_type": 0, "source_id_index": 3, "sampling_rate": 100, "sample_pool": 100, "drops": 3,
            "input": 9, "output": 1_073_741_823,
        },
        {"sequence_number": 3, "source_id_type": 0, "source_id_index": 3, "drops": 9, "input": 1, "output": 0, "reason": 258},
    ]);
    assert_eq!(serde_json::Value::from(shown), expected);
}

// ---- paths

/// `extended_gateway` with a path of these segments.
fn gateway(segments: &[(u32, Vec<u32>)]) -> Vec<u8> {
    let mut path = vec![u32::try_from(segments.len()).unwrap()];
    for (kind, numbers) in segments {
        path.extend([*kind, u32::try_from(numbers.len()).unwrap()]);
        path.extend(numbers);
    }
    structure(1003, &[words(&[0, 1, 2, 3]), words(&path), words(&[0, 9])].concat())
}

#[test]
fn paths_of_autonomous_systems() {
    const NAMES: [&str; 4] = ["as_path", "next_as", "dst_as", "src_as"];
    let path = |segments: &[(u32, Vec<u32>)]| {
        let seen = with(&[gateway(segments)]);
        NAMES.map(|name| seen.field(name).map(str::to_owned))
    };
    let text = |numbers: &[u32]| Some(format!("{numbers:?}"));
    let number = |number: u32| Some(number.to_string());
    // One long sequence, as most are.
    let long: Vec<u32> = (64_000..64_030).collect();
    assert_eq!(path(&[(2, long.clone())]), [text(&long), number(64_000), number(64_029), number(2)]);
    // Several segments, as long as they are not many numbers together.
    assert_eq!(
        path(&[(2, vec![1, 2, 3]), (1, vec![4]), (2, vec![5, 6])]),
        [text(&[1, 2, 3, 4, 5, 6]), number(1), number(6), number(2)]
    );
    let (ten, eleven): (Vec<u32>, Vec<u32>) = ((1..=10).collect(), (1..=11).collect());
    assert_eq!(path(&[(2, ten[..9].to_vec()), (1, vec![10])])[0], text(&ten));
    // Part of a path would be another path. Its ends are known.
    assert_eq!(path(&[(2, eleven[..10].to_vec()), (1, vec![11])]), [None, number(1), number(11), number(2)]);
    assert_eq!(path(&[]), [None, None, None, number(2)]);
    assert_eq!(path(&[(2, vec![]), (2, vec![7])]), [text(&[7]), number(7), number(7), number(2)]);
}

// ---- rates

#[test]
fn rates_of_samples_and_of_settings() {
    let rates = |settings: ExporterSettings| {
        let mut bench = Bench::with(|all| all.exporters.push(("198.51.100.0/24".parse().unwrap(), settings)));
        let none = structure(1, &words(&[2, 3, 0, 0, 0, 1, 2, 0]));
        let said = bench.hear(&Head::new(1).with(&[flow(3, 1, &[]), none, discard(3, 1, 1, &[]), counters(3, 1, &[])]));
        all(&said).iter().map(|seen| seen.field("sampling_rate").map(str::to_owned)).collect::<Vec<_>>()
    };
    let text = |rate: &str| Some(rate.to_owned());
    let settings = ExporterSettings::default();
    assert_eq!(rates(settings), [text("100"), None, None, None]);
    assert_eq!(rates(ExporterSettings { sampling_rate_default: Some(7.0), ..settings }), [text("100"), text("7"), None, None]);
    let fixed = ExporterSettings { sampling_rate: Some(8.0), ..settings };
    assert_eq!(rates(fixed)[..2], [text("8"), text("8")]);
}

/// What makes a sample plain, so that rows are filled in one step, makes no difference: beside a record that nobody knows they are
/// filled the long way.
#[test]
fn plain_samples_are_as_the_others() {
    let router = |hop: Option<IpAddr>| structure(1002, &[address(hop), words(&[24, 300])].concat());
    let frames =
        [packet(), tagged(&[0x8100_0064]), tagged(&[0x88a8_2000, 0x8100_0007]), tagged(&[0x8100_0000]), vec![0x45; 60], vec![]];
    let unknown = structure(4_000, &[]);
    let mut compared = 0;
    for frame in &frames {
        for cut in 0..=frame.len() {
            for protocol in [1, 11, 12, 13, 99] {
                let header = header(protocol, 118, &frame[..cut]);
                let plain = [
                    vec![header.clone()],
                    vec![switch(5, u32::MAX), header.clone()],
                    vec![header.clone(), switch(5, 6), router(Some(ip("192.0.2.3")))],
                    vec![gateway(&[(2, vec![1, 2])]), router(Some(ip("2001:db8::3"))), header.clone()],
                    vec![gateway(&[]), router(None), header],
                ];
                for records in &plain[..if cut % 7 == 0 { 5 } else { 2 }] {
                    let long = [&records[..], std::slice::from_ref(&unknown)].concat();
                    let octets = Head::new(1).with(&[flow(3, 7, records), flow(3, 7, &long)]);
                    let mut decoder = Decoder::default();
                    let mut rows = Vec::new();
                    let mut scratch = flowcodec::RowScratch::new();
                    decoder.datagram(exporter(), NOW, &octets).for_each(|event| {
                        let Event::Flows(set) = event else { return };
                        set.rows(&mut scratch, |run| rows.extend_from_slice(run));
                        for (record, row) in set.records().zip(&rows) {
                            assert_eq!(row.get(field::VLAN), record.get(field::VLAN));
                        }
                    });
                    assert_eq!(rows[0], rows[1], "{records:x?}");
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 2_000, "{compared}");
}

/// Rows say the same in whatever order the records of a sample come, and beside one that nobody knows: nothing is taken for the usual order.
#[test]
fn rows_do_not_depend_on_the_order_of_records() {
    let router = structure(1002, &[address(Some(ip("192.0.2.3"))), words(&[24, 16])].concat());
    let time = structure(1043, &[0, 0, 0, 1, 0, 0, 0, 2]);
    let (first, second) = (switch(5, 6), switch(7, 8));
    let records = [time, first, header(1, 118, &packet()), router, gateway(&[(2, vec![1, 2])]), second, structure(4_000, &[])];
    let mut made = std::collections::BTreeMap::new();
    // Every choice of records, in every order up to five of them.
    let mut orders = vec![Vec::new()];
    while let Some(order) = orders.pop() {
        if order.len() < 5 {
            orders.extend((0..records.len()).filter(|next| !order.contains(next)).map(|next| [&order[..], &[next]].concat()));
        }
        let chosen: Vec<Vec<u8>> = order.iter().map(|&number| records[number].clone()).collect();
        let octets = Head::new(1).with(&[flow(3, 7, &chosen)]);
        let (mut decoder, mut scratch, mut rows) = (Decoder::default(), flowcodec::RowScratch::new(), Vec::new());
        decoder.datagram(exporter(), NOW, &octets).for_each(|event| match event {
            Event::Flows(set) => set.rows(&mut scratch, |run| rows.extend_from_slice(run)),
            Event::Fault(fault) => panic!("{fault:?} in {order:?}"),
            _ => {}
        });
        assert_eq!(decoder.stats().bytes_decoded, u64::try_from(octets.len()).unwrap(), "{order:?}");
        // Which of two records of a kind comes first does matter; time and what is unknown say nothing that a row has.
        let switch = order.iter().find(|&&number| number == 1 || number == 5);
        let mut says: Vec<usize> =
            order.iter().copied().filter(|number| (2..5).contains(number)).chain(switch.copied()).collect();
        says.sort_unstable();
        let row = *made.entry(says.clone()).or_insert(rows[0]);
        assert_eq!((rows.len(), row), (1, rows[0]), "{order:?}");
        let vlan = switch.map(|&number| if number == 1 { 5 } else { 7 });
        assert_eq!((row.vlan(), row.src_prefix_len()), (vlan, says.contains(&3).then_some(24)), "{order:?}");
        assert_eq!((row.dst_as(), row.packets()), (says.contains(&4).then_some(2), says.contains(&2).then_some(1)), "{order:?}");
    }
    assert_eq!(made.len(), 8 * 3);
}

/// A batch says of samples what their rows say, as soon as they are in it and also when it is finished, however many come at a time and
/// whatever comes between.
#[test]
fn samples_in_batches_are_as_their_rows() {
    let schema = Schema::common();
    for at_once in [1, 3, 4, 15, 16, 17, 40] {
        for of_all in [false, true] {
            let batch = FlowBatch::builder(schema.clone()).capacity(120);
            let mut batch = if of_all { batch.all() } else { batch.common() }.build().unwrap();
            let (mut decoder, mut scratch, mut rows) = (Decoder::default(), flowcodec::RowScratch::new(), Vec::new());
            let check = |batch: &FlowBatch, rows: &[Option<flowcodec::FlowRecord>]| {
                assert_eq!(batch.len(), rows.len());
                for (number, row) in rows.iter().enumerate() {
                    for id in batch.fields().filter(|id| flowcodec::FlowRecord::holds(*id)) {
                        assert_eq!(batch.value(id, number), row.and_then(|row| row.value(id)), "{id:?} of row {number}");
                    }
                    // Of a row of its own nothing was set; samples have their source beside what rows hold.
                    let source = batch.value(field::OBSERVATION_POINT.id(), number);
                    assert_eq!(source.is_some(), of_all && row.is_some());
                }
            };
            for round in 0..6_u32 {
                let samples: Vec<Vec<u8>> = (0..at_once)
                    .map(|number| match number % 3 {
                        0 => flow(3, number + round, &[header(1, 118, &packet())]),
                        1 => flow(3, 7, &[switch(number, 6)]),
                        _ => flow(3, 7, &[structure(4_000, &[])]),
                    })
                    .collect();
                decoder.datagram(exporter(), NOW, &Head::new(round + 1).with(&samples)).for_each(|event| {
                    let Event::Flows(set) = event else { return };
                    let room = batch.capacity() - batch.len();
                    set.rows(&mut scratch, |run| rows.extend(run.iter().copied().map(Some)));
                    let left = batch.append(set);
                    assert_eq!(left.is_some(), usize::try_from(set.len()).unwrap() > room);
                    rows.truncate(batch.capacity());
                    check(&batch, &rows);
                });
                if round % 2 == 1 && batch.row().is_some() {
                    rows.push(None);
                    check(&batch, &rows);
                }
            }
            batch.finish();
            check(&batch, &rows);
            batch.clear();
            assert!(batch.is_empty());
            check(&batch, &[]);
        }
    }
}

/// [`packet`] behind tags: each is a type and a tag.
fn tagged(tags: &[u32]) -> Vec<u8> {
    let packet = packet();
    [&packet[..12], &words(tags), &packet[12..]].concat()
}

/// Samples wait for their columns: whatever comes behind them, every cell is what its record says.
#[test]
fn what_comes_behind_samples_that_wait() {
    let schema = Schema::common();
    let section = ipfix_section();
    // How many samples each datagram has; 0 is a record with the headers of a packet, which is read by way of rows too.
    let all: [&[u32]; 6] = [&[3, 17, 2, 40], &[3, 0, 1, 0, 16], &[16, 16, 1, 17, 0], &[1; 40], &[31, 1, 0, 2], &[0, 2, 0]];
    for (counts, finish) in all.into_iter().flat_map(|counts| [(counts, false), (counts, true)]) {
        let mut batch = FlowBatch::builder(schema.clone()).all().capacity(200).build().unwrap();
        let (mut decoder, mut expected) = (Decoder::default(), Vec::new());
        for (&count, number) in counts.iter().zip(1..) {
            let samples: Vec<_> = (0..count).map(|nth| flow(3, number * 100 + nth, &[header(1, 118, &packet())])).collect();
            let datagram = if count == 0 { section.clone() } else { Head::new(number).with(&samples) };
            decoder.datagram(exporter(), NOW, &datagram).for_each(|event| {
                let Event::Flows(set) = event else { return };
                expected.extend(
                    set.records()
                        .map(|record| record.fields(&schema).map(|(id, value)| (id, format!("{value:?}"))).collect::<Vec<_>>()),
                );
                assert!(batch.append(set).is_none());
            });
        }
        if finish {
            batch.finish();
        }
        assert_eq!(batch.len(), expected.len(), "{counts:?}");
        assert_eq!(expected.len(), usize::try_from(counts.iter().map(|&count| count.max(1)).sum::<u32>()).unwrap());
        for (row, fields) in expected.iter().enumerate() {
            let cells = batch.fields().filter_map(|id| Some((id, format!("{:?}", batch.value(id, row)?))));
            assert_eq!(&cells.collect::<Vec<_>>(), fields, "{counts:?}, row {row}");
        }
    }
}

/// An IPFIX message of a template with sourceIPv4Address and dataLinkFrameSection (315), and one record.
fn ipfix_section() -> Vec<u8> {
    let mut section = packet();
    section.resize(60, 0);
    let template: Vec<u8> = [2_u16, 16, 256, 2, 8, 4, 315, 60].into_iter().flat_map(u16::to_be_bytes).collect();
    let data = [&[1, 0, 0, 68, 9, 9, 9, 9], &*section].concat();
    let len = u16::try_from(16 + template.len() + data.len()).unwrap();
    [&10_u16.to_be_bytes()[..], &len.to_be_bytes(), &[0; 12], &template, &data].concat()
}
