//! Streams that are cut, split, wrong or made to hurt.

use flowcodec::io::goflow2::{
    Dialect, Format, Framing, MOST, Reader, Skipped, read_json, read_protobuf, read_protobuf_as, recognise, schema, write_json,
    write_protobuf,
};
use flowcodec::model::{FieldValue, Flow};
use flowcodec::{Fault, FaultKind, LimitedBy, Protocol, Timestamp, field};
use proptest::prelude::*;

fn count(octets: usize) -> u64 {
    u64::try_from(octets).unwrap()
}

fn size(octets: u32) -> usize {
    usize::try_from(octets).unwrap()
}

fn flow(octets: u64) -> Flow {
    let mut flow = Flow::new(schema());
    flow.set(field::PROTOCOL.id(), FieldValue::Unsigned(u64::from(Protocol::Ipfix.code())));
    flow.set(field::RECEIVED.id(), FieldValue::Time(Timestamp::from_seconds(1_700_000_000)));
    flow.set(field::START.id(), FieldValue::Time(Timestamp::from_seconds(1_699_999_990)));
    flow.set(field::END.id(), FieldValue::Time(Timestamp::from_seconds(1_699_999_995)));
    flow.set(field::SRC_ADDR.id(), FieldValue::Address([10, 0, 0, 10].into()));
    flow.set(field::DST_ADDR.id(), FieldValue::Address([10, 10, 10, 10].into()));
    flow.set(field::ETHERTYPE.id(), FieldValue::Unsigned(0x0800));
    flow.set(field::OCTETS.id(), FieldValue::Unsigned(octets));
    flow
}

/// Three messages in each way they can stand in a stream, and where each of them ends with what belongs to it.
fn streams() -> Vec<(Format, Vec<u8>, Vec<usize>)> {
    let mut streams = Vec::new();
    for dialect in [Dialect::V1, Dialect::V2] {
        let (mut text, mut ends) = (String::new(), Vec::new());
        for octets in [1, 2, 3] {
            write_json(&mut text, &flow(octets), dialect);
            text.push('\n');
            ends.push(text.len());
        }
        streams.push((Format::Json, text.into_bytes(), ends));
        for (format, framing) in [
            (Format::Prefixed, Framing::Prefixed),
            (Format::Prefixed, Framing::PrefixedLines),
            (Format::Lines, Framing::BareLines),
        ] {
            let (mut out, mut ends) = (Vec::new(), Vec::new());
            for octets in [1, 2, 3] {
                write_protobuf(&mut out, &flow(octets), dialect, framing);
                ends.push(out.len());
            }
            streams.push((format, out, ends));
        }
    }
    streams
}

/// Everything a reader makes of octets: octets of each flow, or the fault; and where it began.
fn all(mut reader: Reader, pieces: &[&[u8]]) -> Vec<(u64, Result<u64, Fault>)> {
    let mut items = Vec::new();
    let mut take = |reader: &mut Reader| {
        while let Some(item) = reader.next() {
            let octets = item.map(|flow| flow.get(field::OCTETS).unwrap_or(0));
            items.push((reader.position(), octets));
        }
        let stats = reader.stats();
        assert_eq!(stats.bytes, stats.bytes_decoded + stats.bytes_reported + reader.pending());
    };
    for piece in pieces {
        reader.push(piece);
        take(&mut reader);
    }
    reader.end();
    take(&mut reader);
    assert_eq!(reader.pending(), 0);
    let reported: u64 = items.iter().filter_map(|(_, item)| item.err()).map(|fault| u64::from(fault.bytes)).sum();
    // What comes behind the fault that ends a stream belongs to no other.
    assert!(reader.stats().bytes_reported == reported || reader.has_failed());
    items
}

#[test]
fn told_apart_by_their_first_octets() {
    for (format, octets, _) in streams() {
        assert_eq!(recognise(&octets), Some(format));
        assert_eq!(recognise(&octets[..40]), Some(format));
    }
    assert_eq!(recognise(b" \n { \"Type\" : 1, \"Bytes\": 60 }"), Some(Format::Json));
    // Sorted, as the enricher writes it: what tells them apart stands behind what others have too.
    let sorted = br#"{"as_path":[],"bgp_next_hop":"","bytes":60,"dst_addr":"","etype":"IPv4","#;
    assert_eq!((recognise(sorted), recognise(&sorted[..48])), (Some(Format::Json), None));
    let others: [&[u8]; 16] = [
        b"",
        b"{1}",
        b"{}",
        br#"{"name":"x"}"#,
        br#"{"type":"event","bytes":60,"colour":{"proto":"TCP","etype":"IPv4"}}"#,
        br#"{"bytes":60}"#,
        // The common model, also of what was read from goflow2; names of information elements.
        br#"{"received":"2026-11-21T04:16:41Z","exporter":"127.0.0.1","protocol":"IPFIX","src_addr":"10.0.0.1","src_port":1}"#,
        br#"{"sequence_num":2,"layer_stack":[1],"mpls_ttls":[3],"src_addr":"10.0.0.1","src_port":1,"packets":1,"src_mac":""}"#,
        br#"{"observationDomainId":1,"ipTTL":64,"flowDirection":0,"fragmentOffset":0,"forwardingStatus":64}"#,
        b"START                    DURATION  PROTO   SOURCE",
        // pcap, pcapng, gzip, NetFlow v5, v9, IPFIX, sFlow.
        &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0],
        &[0x0a, 0x0d, 0x0d, 0x0a, 0x1c, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
        &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xed, 0xbd],
        &[0, 5, 0, 1, 0x6a, 0x66, 0x6b, 0x28, 0x56, 0xd4, 0x98, 0x78],
        &[0, 10, 0, 36, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        &[0, 0, 0, 5, 0, 0, 0, 1, 10, 1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0x35],
    ];
    for other in others {
        assert_eq!(recognise(other), None, "{other:02x?}");
        let mut reader = Reader::new();
        reader.push(other);
        reader.end();
        let fault = reader.next().map(|item| item.unwrap_err().kind);
        assert_eq!(fault, (!other.is_empty()).then_some(FaultKind::UnknownVersion));
    }
}

#[test]
fn every_prefix_of_a_stream_gives_its_whole_messages() {
    for (format, octets, ends) in streams() {
        for len in 0..=octets.len() {
            let items = all(Reader::of(format), &[&octets[..len]]);
            // The last message needs neither its newline nor what tells whether there is one.
            let newline = usize::from(octets[ends[0] - 1] == b'\n' && octets[ends[1] - 1] == b'\n');
            let whole = ends.iter().filter(|end| **end - newline <= len).count();
            // Nothing in a bare message says how long it is: one that is cut behind a field is taken for whole.
            let behind_field = format == Format::Lines && items.len() > whole && items[whole].1.is_ok();
            let flows: Vec<u64> =
                items.iter().take(items.len() - usize::from(behind_field)).filter_map(|(_, item)| item.ok()).collect();
            assert_eq!(flows, [1, 2, 3][..whole], "{format:?} {len}");
            let began = if whole == 0 { 0 } else { ends[whole - 1] };
            match &items[whole..] {
                [] => assert!(len <= began || (whole > 0 && len < began + 1), "{format:?}: {len} lost"),
                [(position, Err(fault))] => {
                    assert_eq!((fault.kind, *position), (FaultKind::Truncated, count(began)), "{format:?} {len}");
                    assert_eq!(size(fault.bytes), len - began, "{format:?} {len}");
                }
                [_] if behind_field => {}
                other => panic!("{format:?} {len}: {other:?}"),
            }
        }
    }
}

#[test]
fn every_split_of_a_stream_says_the_same() {
    for (format, octets, _) in streams() {
        let whole = all(Reader::new(), &[&octets]);
        assert_eq!(whole.iter().map(|(_, item)| item.unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
        for at in 0..octets.len() {
            let (one, other) = octets.split_at(at);
            assert_eq!(all(Reader::new(), &[one, other]), whole, "{format:?} {at}");
        }
        let single: Vec<&[u8]> = octets.chunks(1).collect();
        assert_eq!(all(Reader::new(), &single), whole, "{format:?}");
    }
}

#[test]
fn a_bad_message_costs_itself() {
    for (format, octets, ends) in streams() {
        // The wire type of the second message's first field becomes 7, its first brace a bracket.
        let mut bad = octets.clone();
        let first = ends[0] + usize::from(format == Format::Prefixed);
        bad[first] = if format == Format::Json { b'[' } else { bad[first] | 7 };
        let items = all(Reader::new(), &[&bad]);
        let [(0, Ok(1)), (position, Err(fault)), (_, Ok(3))] = items[..] else { panic!("{format:?}: {items:?}") };
        assert_eq!((fault.kind, fault.offset), (FaultKind::ValueInvalid, 0), "{format:?}");
        let separator = u64::from(format == Format::Prefixed && bad[ends[1] - 1] == b'\n');
        assert_eq!((position, u64::from(fault.bytes)), (count(ends[0]), count(ends[1] - ends[0]) - separator), "{format:?}");
    }
}

#[test]
fn faults_say_where() {
    let cases: [(&[u8], FaultKind, u32); 18] = [
        (b"", FaultKind::Truncated, 0),
        (b"{\"bytes\":1", FaultKind::Truncated, 10),
        (b"{\"bytes\":1}}", FaultKind::TrailingOctets, 11),
        (b"{\"bytes\":01}", FaultKind::ValueInvalid, 10),
        (b"{\"bytes\":-}", FaultKind::ValueInvalid, 10),
        (b"{\"bytes\":1.}", FaultKind::ValueInvalid, 11),
        (b"{\"bytes\":1e}", FaultKind::ValueInvalid, 11),
        (b"{\"bytes\":nil}", FaultKind::ValueInvalid, 10),
        (b"{\"bytes\" 1}", FaultKind::ValueInvalid, 9),
        (b"{\"bytes\":1,}", FaultKind::ValueInvalid, 11),
        (b"{\"src_addr\":\"a\\x\"}", FaultKind::ValueInvalid, 15),
        (b"{\"src_addr\":\"\\u12g4\"}", FaultKind::ValueInvalid, 17),
        (b"{\"src_addr\":\"\x1f\"}", FaultKind::ValueInvalid, 13),
        (b"{\"x\":[1,{\"y\":[}]}", FaultKind::ValueInvalid, 14),
        (b"{\"x\":{\"y\":1]}", FaultKind::ValueInvalid, 11),
        (b"{\"x\":[1,2,]}", FaultKind::ValueInvalid, 10),
        (b"{\"as_path\":[1,2,]}", FaultKind::ValueInvalid, 16),
        (b"[1]", FaultKind::ValueInvalid, 0),
    ];
    for (line, kind, offset) in cases {
        let fault = read_json(line).unwrap_err();
        let shown = String::from_utf8_lossy(line);
        assert_eq!((fault.kind, fault.offset, size(fault.bytes)), (kind, offset, line.len()), "{shown}");
        assert!(serde_json::from_slice::<serde_json::Value>(line).is_err() || line == b"[1]", "{shown}");
    }
    let cases: [(&[u8], FaultKind, u32); 8] = [
        // A tag without its value; field 0; groups; a length beyond the end; numbers of more than 64 bits.
        (&[8, 4, 9 << 3], FaultKind::Truncated, 2),
        (&[8, 4, 0, 0], FaultKind::ValueInvalid, 2),
        (&[8, 4, 3 << 3 | 3], FaultKind::ValueInvalid, 2),
        (&[8, 4, 6 << 3 | 2, 5, 1, 2, 3, 4], FaultKind::Truncated, 2),
        (&[6 << 3 | 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], FaultKind::Truncated, 0),
        (&[9 << 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2], FaultKind::ValueInvalid, 0),
        (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], FaultKind::ValueInvalid, 0),
        // A list of numbers of which the last is cut.
        (&[8, 4, 0xb2, 6, 2, 1, 0x80], FaultKind::ValueInvalid, 2),
    ];
    for (message, kind, offset) in cases {
        let fault = read_protobuf(message).unwrap_err();
        assert_eq!((fault.kind, fault.offset, size(fault.bytes)), (kind, offset, message.len()), "{message:02x?}");
    }
}

#[test]
fn what_is_not_known_is_counted() {
    let line =
        br#"{"Bytes":1,"colour":"red","labels":{"a":[1,{"b":null}],"c":"}"},"proto":300,"src_port":70000,"SrcAddr":"nowhere",
        "as_path":[1,[2],3],"packets":-1,"in_if":1.5,"out_if":"17","ip_flags":9,"SrcMac":"1:2:3:4:5:6","vlan_id":5,"SrcVlan":6}"#;
    let (flow, skipped) = read_json(line).unwrap();
    assert_eq!((skipped.unknown_fields, skipped.refused_values), (2, 9));
    assert_eq!((flow.get(field::OCTETS), flow.get(field::OUT_IF), flow.get(field::VLAN)), (Some(1), Some(17), Some(5)));
    assert_eq!(flow.get(field::AS_PATH).unwrap().iter().collect::<Vec<_>>(), [1, 3]);

    // Octets; a mapped field of version 2 (2001); a fixed number; bytes as text; a port too large; an address of 5 octets.
    let message = [
        9 << 3,
        1,
        0x8a,
        0x7d,
        3,
        b'w',
        b'e',
        b'b',
        0x15,
        1,
        2,
        3,
        4,
        10 << 3 | 2,
        1,
        9,
        0xa8,
        1,
        0xf0,
        0xa2,
        4,
        50,
        5,
        1,
        2,
        3,
        4,
        5,
    ];
    let (flow, skipped) = read_protobuf(&message).unwrap();
    assert_eq!((skipped.unknown_fields, skipped.refused_values), (3, 2));
    assert_eq!((flow.get(field::OCTETS), flow.fields().count()), (Some(1), 1));
}

/// Field 38 is a moment in v1 and three bits in v2.
#[test]
fn dialects_are_told_apart_by_what_is_there() {
    let flags = |message: &[u8]| {
        let (flow, skipped) = read_protobuf(message).unwrap();
        (flow.get(field::START).map(Timestamp::as_seconds), flow.get(field::FRAGMENT_FLAGS), skipped.doubtful_values)
    };
    let seconds = [0xb0, 2, 0x80, 0xe2, 0xcf, 0xaa, 6];
    assert_eq!(flags(&seconds), (Some(1_700_000_000), None, 0));
    // Beside the moment of reception in seconds, or in nanoseconds.
    assert_eq!(flags(&[2 << 3, 1, 0xb0, 2, 2]), (Some(2), None, 0));
    assert_eq!(flags(&[0xb0, 2, 2, 0xf0, 6, 1]), (None, Some(0x40), 0));
    // Both: v2, whose mapping can put an element of any kind at number 2.
    assert_eq!(flags(&[2 << 3, 1, 0xb0, 2, 2, 0xf0, 6, 1]), (None, Some(0x40), 0));
}

/// Where nothing in a message tells its dialect, what means one thing or another is left out and counted; the rest is there.
#[test]
fn what_the_dialect_decides_is_not_guessed() {
    // 8 packets; number 38 is 2.
    let message = [10 << 3, 8, 0xb0, 2, 2];
    let (flow, skipped) = read_protobuf(&message).unwrap();
    assert_eq!((flow.get(field::PACKETS), flow.fields().count(), skipped.doubtful_values), (Some(8), 1, 1));
    let read = |dialect| {
        let (flow, skipped) = read_protobuf_as(&message, dialect).unwrap();
        assert_eq!((skipped, flow.get(field::PACKETS)), (Skipped::default(), Some(8)));
        (flow.get(field::START).map(Timestamp::as_seconds), flow.get(field::FRAGMENT_FLAGS))
    };
    assert_eq!((read(Dialect::V1), read(Dialect::V2)), ((Some(2), None), (None, Some(0x40))));
    // A stream tells no more than its messages do, unless it was said: what stands before and behind is of no account.
    let told = [2 << 3, 1, 10 << 3, 8];
    let stream = [&[4][..], &told, &[5], &message, &[4], &told].concat();
    for (dialect, wanted) in
        [(None, (None, None, 1)), (Some(Dialect::V1), (Some(2), None, 0)), (Some(Dialect::V2), (None, Some(0x40), 0))]
    {
        let reader = Reader::of(Format::Prefixed).separated(false);
        let mut reader = if let Some(dialect) = dialect { reader.dialect(dialect) } else { reader };
        reader.push(&stream);
        reader.end();
        let flows: Vec<Flow> = core::iter::from_fn(|| reader.next()).map(Result::unwrap).collect();
        let start = flows[1].get(field::START).map(Timestamp::as_seconds);
        assert_eq!((start, flows[1].get(field::FRAGMENT_FLAGS), reader.stats().skipped.doubtful_values), wanted);
        // What only v1 has is unknown in v2.
        let unknown = if dialect == Some(Dialect::V2) { 2 } else { 0 };
        assert_eq!((flows.len(), reader.stats().skipped.unknown_fields), (3, unknown));
    }
}

/// In goflow, which came before goflow2, numbers 63 and 64 belong to PPP: whether there is a header, and its octets.
#[test]
fn ppp_is_no_moment() {
    // Received and begun at 1,700,000,000; number 63 is 1, number 64 is 0xff03.
    let seconds = [0x80, 0xe2, 0xcf, 0xaa, 6];
    let goflow = [&[2 << 3][..], &seconds, &[0xb0, 2], &seconds, &[0xf8, 3, 1, 0x80, 4, 0x83, 0xfe, 3]].concat();
    let (flow, skipped) = read_protobuf(&goflow).unwrap();
    let times = [flow.get(field::START), flow.get(field::END)].map(|time| time.map(Timestamp::as_nanos));
    assert_eq!((times, skipped.doubtful_values), ([Some(1_700_000_000_000_000_000), None], 2));
    // goflow2's own milliseconds are of the second that stands beside them; alone they count when the dialect was said.
    let millis = [0xf8, 3, 0x87, 0xd0, 0x95, 0xff, 0xbc, 0x31];
    let of = |read: (Flow, _)| read.0.get(field::START).map(Timestamp::as_nanos);
    let beside = [&[0xb0, 2][..], &seconds, &millis].concat();
    assert_eq!(of(read_protobuf(&beside).unwrap()), Some(1_700_000_000_007_000_000));
    assert_eq!(of(read_protobuf(&millis).unwrap()), None);
    assert_eq!(of(read_protobuf_as(&millis, Dialect::V1).unwrap()), Some(1_700_000_000_007_000_000));
    let named = read_json(br#"{"TimeFlowStartMs":1700000000007}"#).unwrap();
    assert_eq!(of(named), Some(1_700_000_000_007_000_000), "JSON has names");
}

/// RFC 8259 §7: an escape is another way to write what it stands for.
#[test]
fn escapes_are_undone() {
    let line = br#"{"src_net":"10.0.0.0\/8","pr\u006fto":"\u0054CP","SrcPod":"\u00fc\ud83d\ude00\"\\\t","type":"IPFI\u0058"}"#;
    let (flow, skipped) = read_json(line).unwrap();
    assert_eq!((skipped.unknown_fields, skipped.refused_values), (0, 0));
    assert_eq!((flow.get(field::SRC_PREFIX_LEN), flow.get(field::IP_PROTOCOL)), (Some(8), Some(6)));
    assert_eq!(flow.get(field::SRC_POD).map(|pod| pod.as_bytes().to_vec()), Some("\u{fc}\u{1f600}\"\\\t".as_bytes().to_vec()));
    for half in [r"\ud83d", r"\ude00", r"\ud83dx", r"\ud83d\u0041", r"\ud83d\n"] {
        let (flow, skipped) = read_json(format!(r#"{{"SrcPod":"{half}"}}"#).as_bytes()).unwrap();
        assert_eq!((flow.get(field::SRC_POD).is_none(), skipped.refused_values), (true, 1), "{half}");
    }
}

/// A word that several protocols have is none; what is not known is written as goflow2 does, who has no word for that.
#[test]
fn words_of_several_numbers_are_refused() {
    for word in ["experimental", "unassigned", "unknown"] {
        let (flow, skipped) = read_json(format!(r#"{{"proto":"{word}","etype":""}}"#).as_bytes()).unwrap();
        assert_eq!((flow.get(field::IP_PROTOCOL), skipped.refused_values), (None, 1), "{word}");
        assert_eq!(flow.get(field::ETHERTYPE), None);
    }
}

/// The members may be written as goflow2 1.3 does, as its tags do, or by hand.
#[test]
fn keys_in_all_their_forms() {
    let forms = [
        r#"{"IpTtl":7,"Ipv6FlowLabel":9,"IngressVrfId":3,"SrcAs":5,"HasMpls":true,"MplsCount":1,"Mpls_1Label":16}"#,
        r#"{"ip_ttl":7,"ipv6_flow_label":9,"ingress_vrf_id":3,"src_as":5,"has_mpls":true,"mpls_count":1,"mpls_1_label":16}"#,
        r#"{"IPTTL":"7","mpls_1_label":16,"mpls_count":1,"SrcAS":5,"IngressVrfID":3,"IPv6FlowLabel":9}"#,
    ];
    for form in forms {
        let (flow, skipped) = read_json(form.as_bytes()).unwrap();
        let numbers = (flow.get(field::TTL), flow.get(field::FLOW_LABEL), flow.get(field::INGRESS_VRF), flow.get(field::SRC_AS));
        assert_eq!(numbers, (Some(7), Some(9), Some(3), Some(5)), "{form}");
        assert_eq!(flow.get(field::MPLS_LABELS).unwrap().iter().collect::<Vec<_>>(), [16], "{form}");
        assert_eq!((skipped.unknown_fields, skipped.refused_values), (0, 0), "{form}");
    }
}

#[test]
fn nothing_is_held_by_a_length_from_the_stream() {
    // A length of four gigabytes, and octets that never end.
    let mut reader = Reader::of(Format::Prefixed);
    reader.push(&[0xff, 0xff, 0xff, 0xff, 0x0f, 8, 4]);
    let fault = reader.next().unwrap().unwrap_err();
    assert_eq!((fault.kind, fault.limit, fault.bytes), (FaultKind::LimitReached, LimitedBy::Limits, 7));
    assert_eq!((fault.required, size(fault.available)), (u32::MAX, MOST));
    assert!(reader.has_failed() && !reader.is_cut() && reader.next().is_none());
    for _ in 0..100 {
        reader.push(&[0; 1_000]);
        assert!(reader.next().is_none());
    }
    assert_eq!((reader.stats().bytes_reported, reader.pending()), (100_007, 0));
}

/// A stream is cut where it ends inside a message, and there only.
#[test]
fn a_stream_that_ends_inside_a_message() {
    for (format, octets, ends) in streams() {
        let whole = |len: usize| len == 0 || ends.contains(&len);
        for len in 0..=octets.len() {
            let mut reader = Reader::of(format);
            reader.push(&octets[..len]);
            reader.end();
            let fault = std::iter::from_fn(|| reader.next()).last().and_then(Result::err);
            assert_eq!(reader.is_cut(), fault.is_some(), "{format:?} {len}");
            assert!(!(reader.is_cut() && whole(len)), "{format:?} {len}");
            if let (Format::Prefixed, Some(fault)) = (format, fault) {
                assert_eq!((fault.kind, fault.limit), (FaultKind::Truncated, LimitedBy::Datagram));
                assert!(fault.available < fault.required && size(fault.available) == size(fault.bytes), "{fault}");
                assert_eq!(reader.position() + u64::from(fault.bytes), count(len));
            }
        }
    }
}

#[test]
fn a_message_at_the_limit_and_one_beyond() {
    for (len, kind) in [(MOST, None), (MOST + 1, Some(FaultKind::LimitReached))] {
        let line = format!("{{\"bytes\":7{}}}\n{{\"bytes\":8}}\n", " ".repeat(len - 11));
        let items = all(Reader::of(Format::Json), &line.as_bytes().chunks(1_000).collect::<Vec<_>>());
        assert_eq!(items[0].1.map_err(|fault| fault.kind), kind.map_or(Ok(7), Err));
        assert_eq!(items[1], (count(len) + 1, Ok(8)));
        if let Err(fault) = items[0].1 {
            assert_eq!((fault.offset, size(fault.bytes), size(fault.available)), (0, len + 1, MOST));
        }

        // A text of a field that nobody knows fills it up: two octets of tag, three of length.
        let fill = |behind: usize| {
            let text = len - 7;
            let size = [
                u8::try_from(text & 0x7f).unwrap() | 0x80,
                u8::try_from(text >> 7 & 0x7f).unwrap() | 0x80,
                u8::try_from(text >> 14).unwrap(),
            ];
            [&[9 << 3, 7, 0x8a, 0x7d][..], &size, &vec![b'x'; text], &vec![b'\n'; behind]].concat()
        };
        let prefix = [
            u8::try_from(len & 0x7f).unwrap() | 0x80,
            u8::try_from(len >> 7 & 0x7f).unwrap() | 0x80,
            u8::try_from(len >> 14).unwrap(),
        ];
        let items = all(Reader::of(Format::Prefixed), &[&prefix, &fill(0), &[2, 9 << 3, 8]]);
        assert_eq!(items[0].1.map_err(|fault| fault.kind), kind.map_or(Ok(7), Err));
        let lines = [fill(1), vec![9 << 3, 8, b'\n']].concat();
        let items = all(Reader::of(Format::Lines), &lines.chunks(1_000).collect::<Vec<_>>());
        assert_eq!(items[0].1.map_err(|fault| fault.kind), kind.map_or(Ok(7), Err));
        assert_eq!(items[1], (count(len) + 1, Ok(8)));
    }
}

/// A line that never ends is let go of while it comes, and so is text in it that never ends.
#[test]
fn memory_is_bounded_by_the_limit() {
    let mut reader = Reader::of(Format::Json);
    reader.push(b"{\"x\":\"");
    for _ in 0..100 {
        reader.push(&vec![b'a'; 100_000]);
        assert!(reader.next().is_none());
    }
    reader.push(b"\n{\"bytes\":1}\n");
    let fault = reader.next().unwrap().unwrap_err();
    assert_eq!((fault.kind, fault.bytes, reader.position()), (FaultKind::LimitReached, 10_000_007, 0));
    assert_eq!(reader.next().unwrap().unwrap().get(field::OCTETS), Some(1));
    assert_eq!(reader.position(), 10_000_007);
}

/// Brackets as deep as a message is long are refused without recursion.
#[test]
fn depth_is_bounded() {
    let deep = |depth: usize| format!("{{\"x\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(read_json(deep(64).as_bytes()).is_ok());
    let fault = read_json(deep(65).as_bytes()).unwrap_err();
    assert_eq!((fault.kind, fault.offset), (FaultKind::ListTooDeep, 70));
    assert!(read_json(deep(500_000).as_bytes()).is_err());
}

/// A separator is asked for where the caller, or the first message, says that there is one.
#[test]
fn separators() {
    let (mut plain, mut lines) = (Vec::new(), Vec::new());
    for octets in 1..=3 {
        write_protobuf(&mut plain, &flow(octets), Dialect::V2, Framing::Prefixed);
        write_protobuf(&mut lines, &flow(octets), Dialect::V2, Framing::PrefixedLines);
    }
    let flows = |reader: Reader, octets: &[u8]| {
        all(reader, &[octets]).into_iter().map(|(_, item)| item.map_err(|fault| fault.kind)).collect::<Vec<_>>()
    };
    let reader = || Reader::of(Format::Prefixed);
    assert_eq!(flows(reader(), &plain), [Ok(1), Ok(2), Ok(3)]);
    assert_eq!(flows(reader(), &lines), [Ok(1), Ok(2), Ok(3)]);
    assert_eq!(flows(reader().separated(false), &plain), [Ok(1), Ok(2), Ok(3)]);
    assert_eq!(flows(reader().separated(true), &lines), [Ok(1), Ok(2), Ok(3)]);
    assert_eq!(flows(reader().separated(true), &plain), [Ok(1), Err(FaultKind::ValueInvalid)]);
    // A newline is a length of ten: what is read behind it is not what was written.
    assert_eq!(flows(reader().separated(false), &lines)[0], Ok(1));
    assert_ne!(flows(reader().separated(false), &lines)[1], Ok(2));
    // Messages of ten octets, where no separators are said to stand.
    let ten = [10, 9 << 3, 5, 10 << 3, 1, 0x90, 1, 1, 0x98, 1, 1];
    assert_eq!(flows(reader().separated(false), &[ten, ten].concat()), [Ok(5), Ok(5)]);
}

proptest! {
    #[test]
    fn octets_of_any_kind_are_accounted_for(octets in proptest::collection::vec(any::<u8>(), 0..300), format in 0_usize..4) {
        let formats = [None, Some(Format::Json), Some(Format::Prefixed), Some(Format::Lines)];
        let reader = || formats[format].map_or_else(Reader::new, Reader::of);
        let whole = all(reader(), &[&octets]);
        let single: Vec<&[u8]> = octets.chunks(1).collect();
        prop_assert_eq!(all(reader(), &single).into_iter().map(|(at, item)| (at, item.map_err(|fault| fault.kind))).collect::<Vec<_>>(),
            whole.into_iter().map(|(at, item)| (at, item.map_err(|fault| fault.kind))).collect::<Vec<_>>());
        let _ = (read_json(&octets), read_protobuf(&octets));
    }

    #[test]
    fn changed_streams_are_accounted_for(which in 0_usize..8, changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..8)) {
        let (_, mut octets, _) = streams().swap_remove(which);
        for (at, octet) in changes {
            *at.get_mut(&mut octets) = octet;
        }
        let items = all(Reader::new(), &[&octets]);
        prop_assert!(items.len() <= octets.len());
    }

    #[test]
    fn json_that_is_read_is_json(line in "[\\[\\]{}\",:0-9a\\\\. e-]{0,30}", key in prop_oneof![Just("x"), Just("as_path")]) {
        let line = format!("{{\"{key}\":{line}}}");
        let strict = serde_json::from_str::<serde_json::Value>(&line).is_ok();
        // Only numbers that serde_json finds too large are JSON for one alone.
        prop_assert!(read_json(line.as_bytes()).is_ok() == strict || line.contains('e'), "{line}");
    }
}

/// Messages without anything between them look like one: that is not passed over in silence.
#[test]
fn what_is_there_twice_is_counted() {
    let mut octets = Vec::new();
    for count in 1..=3 {
        write_protobuf(&mut octets, &flow(count), Dialect::V2, Framing::Bare);
    }
    let (read, skipped) = read_protobuf(&octets).unwrap();
    let mut one = Vec::new();
    write_protobuf(&mut one, &flow(3), Dialect::V2, Framing::Bare);
    assert_eq!(read, read_protobuf(&one).unwrap().0, "as protobuf has it, the last one counts");
    // Type, three times, two addresses, the Ethernet type and octets: each of them twice too often.
    assert_eq!((skipped.unknown_fields, skipped.refused_values), (0, 16));
    let (read, skipped) = read_json(br#"{"bytes":1,"as_path":[1],"Bytes":2,"as_path":[2]}"#).unwrap();
    assert_eq!((read.get(field::OCTETS), skipped.refused_values), (Some(2), 1));
    assert_eq!(read.get(field::AS_PATH).unwrap().iter().collect::<Vec<_>>(), [1, 2]);
}

/// What another value takes the place of is counted, and so is what has nowhere to go.
#[test]
fn nothing_is_lost_in_silence() {
    let refused = |line: &str| {
        let (flow, skipped) = read_json(line.as_bytes()).unwrap();
        assert_eq!((skipped.unknown_fields, skipped.doubtful_values), (0, 0), "{line}");
        (flow, skipped.refused_values)
    };
    // Of moments the finest counts. Whole seconds may be rounded either way: 1.x has one more of NetFlow 9 than in milliseconds.
    for (line, nanos, lost) in [
        (r#"{"TimeFlowStart":1000,"TimeFlowStartMs":2000999}"#, 2_000_999_000_000, 1),
        (r#"{"TimeFlowStart":2000,"TimeFlowStartMs":2000999}"#, 2_000_999_000_000, 0),
        (r#"{"TimeFlowStart":2001,"TimeFlowStartMs":2000999}"#, 2_000_999_000_000, 0),
        (r#"{"TimeFlowStart":2001,"TimeFlowStartMs":2000000}"#, 2_000_000_000_000, 1),
        (r#"{"TimeFlowStart":1,"TimeFlowStartMs":5,"time_flow_start_ns":3000000001}"#, 3_000_000_001, 2),
        (r#"{"TimeFlowStart":0,"TimeFlowStartMs":0,"time_flow_start_ns":3000000001}"#, 3_000_000_001, 0),
    ] {
        let (flow, refused) = refused(line);
        assert_eq!((flow.get(field::START).map(Timestamp::as_nanos), refused), (Some(nanos), lost), "{line}");
    }
    // 1,000 seconds and 2,000,999 milliseconds.
    let message = [0xb0, 2, 0xe8, 7, 0xf8, 3, 0xe7, 0x90, 0x7a];
    let (flow, skipped) = read_protobuf_as(&message, Dialect::V1).unwrap();
    assert_eq!((flow.get(field::START).map(Timestamp::as_nanos), skipped.refused_values), (Some(2_000_999_000_000), 1));

    let labels = |line: &str| {
        let (flow, refused) = refused(line);
        (flow.get(field::MPLS_LABELS).map(|labels| labels.iter().collect::<Vec<_>>()).unwrap_or_default(), refused)
    };
    for (line, wanted, lost) in [
        // As 1.3 has them of NetFlow and IPFIX: without a count.
        (r#"{"HasMPLS":true,"MPLS1Label":100}"#, &[100][..], 0),
        (r#"{"HasMPLS":true,"MPLSCount":0,"MPLS1Label":100,"MPLS2Label":200,"MPLS3Label":0}"#, &[100, 200], 0),
        (r#"{"MPLS1Label":100,"MPLS3Label":300,"MPLSLastLabel":400}"#, &[100], 2),
        (r#"{"MPLS2Label":200}"#, &[], 1),
        (r#"{"MPLSCount":1,"MPLS1Label":100,"MPLS2Label":200}"#, &[100], 1),
        (r#"{"MPLSCount":1,"MPLS1Label":100,"MPLSLastLabel":100}"#, &[100], 0),
        (r#"{"MPLSCount":2,"MPLS1Label":100,"MPLSLastLabel":200}"#, &[100, 0], 1),
        (r#"{"MPLSCount":5,"MPLS1Label":1,"MPLS2Label":2,"MPLS3Label":3,"MPLSLastLabel":5}"#, &[1, 2, 3, 5], 1),
        (r#"{"mpls_label":[1,2],"MPLSCount":1,"MPLS1Label":100}"#, &[100], 2),
        (r#"{"mpls_label":[100],"MPLSCount":1,"MPLS1Label":100}"#, &[100], 0),
        (r#"{"mpls_label":[1,2],"MPLSCount":0,"MPLS1Label":0}"#, &[1, 2], 0),
        (r#"{"MPLSCount":1,"MPLS1Label":100,"MPLS1TTL":9,"MPLS2TTL":8}"#, &[100], 1),
    ] {
        assert_eq!(labels(line), (wanted.to_vec(), lost), "{line}");
    }

    // Names repeat numbers, and that of type 0 of ICMP is there without it.
    for (line, lost) in [
        (r#"{"ProtoName":"TCP"}"#, 1),
        (r#"{"ProtoName":"TCP","Proto":6}"#, 0),
        (r#"{"ProtoName":6}"#, 1),
        (r#"{"EtypeName":"IPv4","Etype":0}"#, 1),
        (r#"{"EtypeName":"","ProtoName":"","icmp_name":"unknown"}"#, 0),
        (r#"{"icmp_name":"Echo"}"#, 1),
        (r#"{"icmp_name":"Echo","proto":"ICMP","icmp_type":8}"#, 0),
        (r#"{"icmp_name":"Echo","proto":"ICMP","icmp_type":0}"#, 1),
        (r#"{"icmp_name":"EchoReply","proto":"ICMP","icmp_type":0}"#, 0),
        (r#"{"icmp_name":"EchoReply","proto":"ICMPv6","icmp_type":0}"#, 1),
    ] {
        assert_eq!(refused(line).1, lost, "{line}");
    }
}

/// 1.x subtracts whole seconds of uptime from seconds and milliseconds from milliseconds: base 1,700,000,000, uptime 1,500 ms ago.
#[test]
fn milliseconds_of_netflow_are_no_doubt() {
    // 1,699,999,999 seconds and 1,699,999,998,500 milliseconds.
    let message = [0xb0, 2, 0xff, 0xe1, 0xcf, 0xaa, 6, 0xf8, 3, 0xa4, 0xc4, 0x95, 0xff, 0xbc, 0x31];
    let (flow, skipped) = read_protobuf(&message).unwrap();
    assert_eq!((flow.get(field::START).map(Timestamp::as_nanos), skipped), (Some(1_699_999_998_500_000_000), Skipped::default()));
}

/// 0 and empty are what is not known, and what does not fit is no value: what was there before stays, and is counted against the other.
#[test]
fn the_last_one_that_says_something_counts() {
    let line =
        r#"{"bytes":5,"src_port":7,"SamplerAddress":"10.0.0.1","vlan_id":3,"TimeReceived":9,"MPLSCount":1,"MPLS1Label":4}"#;
    let again = r#"{"Bytes":0,"SrcPort":70000,"sampler_address":"","VlanId":0,"time_received":0,"mpls_count":0,"mpls1_label":0}"#;
    let (once, _) = read_json(line.as_bytes()).unwrap();
    let twice = format!("{},{}", line.trim_end_matches('}'), again.trim_start_matches('{'));
    let (flow, skipped) = read_json(twice.as_bytes()).unwrap();
    assert_eq!((flow, skipped.unknown_fields, skipped.refused_values), (once, 0, 8));
}
