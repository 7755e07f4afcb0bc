//! Datagrams and samples octet by octet, from `sflow_version_5.txt` and `sflow_drops.txt`.

use flowcodec::ie::SflowStructure;
use flowcodec::sflow::encode::{DatagramWriter, Settings};
use flowcodec::sflow::{
    CountersHead, DataFormat, Datagram, DiscardHead, DropReason, EncodeError, FlowHead, Form, Interface, Sample, SampleHead,
    SampleKind, Source, Structure,
};
use flowcodec::{FaultKind, Layer, LimitedBy, Limits};

use super::layouts::octets;

pub(super) const HEAD: FlowHead = FlowHead {
    sequence: 1,
    source: Source { class: 0, index: 3 },
    sampling_rate: 1000,
    pool: 125_000,
    drops: 2,
    input: Interface::Index(3),
    output: Interface::Internal,
};

/// `sample_datagram_v5`: one sample of each form, without records; the discard has one.
const DATAGRAM: &str = "
    00000005                     # version
    00000001 c0000201            # agent_address: IP_V4 192.0.2.1
    000186a0                     # sub_agent_id
    0000000b                     # sequence_number
    00003297                     # uptime
    00000006                     # samples
    00000001 00000020            # flow_sample, 32 octets
      0000007d                   #   sequence_number
      00000003                   #   source_id: class 0, index 3
      000003e8 0001e848 00000000 #   sampling_rate, sample_pool, drops
      3fffffff 80000007          #   input: internal; output: 7 interfaces
      00000000                   #   flow_records
    00000002 0000000c            # counters_sample
      0000007e 02000001          #   sequence_number; source_id: entPhysicalEntry.1
      00000000                   #   counters
    00000003 0000002c            # flow_sample_expanded
      0000007f 00000003 01000000 #   sequence_number; source_id: entLogicalEntry.16777216
      00000064 00000065 00000066 #   sampling_rate, sample_pool, drops
      00000000 40000001          #   input: ifIndex 0x40000001
      00000001 00000102          #   output: discarded, 258
      00000000                   #   flow_records
    00000004 00000010            # counters_sample_expanded
      00000080 00000000 00000009 00000000
    00000005 0000002c            # discarded_packet
      00000002 00000000 00000001 #   sequence_number; source_id: ifIndex.1
      00000100                   #   drops
      00000001 00000000          #   inputifindex, outputifindex
      00000101                   #   reason: ttl_exceeded
      00000001                   #   discard_records
      0000040c 00000004 0000002a #     extended_egress_queue: 42
    010cc3ea 00000003 01020300   # rtmetric of enterprise 4300, 3 octets and padding
";

fn bytes(annotated: &str) -> Vec<u8> {
    annotated.lines().flat_map(|line| octets(line.split('#').next().unwrap())).collect()
}

#[test]
fn all_forms_octet_by_octet() {
    use SampleKind::{Counters, Discard, Flow, Unknown};
    let bytes = bytes(DATAGRAM);
    let datagram = Datagram::parse(&bytes).unwrap();
    let header = datagram.header();
    assert_eq!(header.agent, "192.0.2.1".parse().ok());
    assert_eq!((header.sub_agent_id, header.sequence, header.uptime_ms, header.samples), (100_000, 11, 12_951, 6));
    let samples: Vec<_> = datagram.samples().map(|sample| sample.unwrap()).collect();
    let kinds: Vec<_> = samples.iter().map(Sample::kind).collect();
    assert_eq!(kinds, [Flow, Counters, Flow, Counters, Discard, Unknown]);
    assert_eq!(samples.iter().map(Sample::offset).collect::<Vec<_>>(), [28, 68, 88, 140, 164, 216]);
    assert_eq!(samples.iter().map(Sample::is_expanded).collect::<Vec<_>>(), [false, false, true, true, true, false]);
    let source = |class, index| Some(Source { class, index });
    let sources: Vec<_> = samples.iter().map(Sample::source).collect();
    assert_eq!(sources, [source(0, 3), source(2, 1), source(3, 1 << 24), source(0, 9), source(0, 1), None]);
    let sequences: Vec<_> = samples.iter().map(Sample::sequence).collect();
    assert_eq!(sequences, [Some(125), Some(126), Some(127), Some(128), Some(2), None]);

    let [flow, counters, expanded, _, discard, unknown] = samples[..] else { panic!() };
    assert_eq!((flow.sampling_rate(), flow.pool(), flow.drops()), (Some(1000), Some(125_000), Some(0)));
    assert_eq!((flow.input(), flow.output()), (Some(Interface::Internal), Some(Interface::Multiple(7))));
    assert_eq!((counters.sampling_rate(), counters.input(), counters.drops()), (None, None, None));
    assert_eq!((expanded.sampling_rate(), expanded.pool(), expanded.drops()), (Some(100), Some(101), Some(102)));
    assert_eq!(expanded.input(), Some(Interface::Index(0x4000_0001)));
    assert_eq!((expanded.output(), expanded.reason()), (Some(Interface::Discarded(DropReason(258))), Some(DropReason(258))));
    assert_eq!((discard.drops(), discard.reason(), discard.pool()), (Some(256), Some(DropReason(257)), None));
    assert_eq!((discard.input(), discard.output()), (Some(Interface::Index(1)), Some(Interface::Unknown)));
    assert_eq!(discard.record_count(), 1);
    let record = discard.records().next().unwrap().unwrap();
    assert_eq!((record.id(), record.offset(), record.octets()), (SflowStructure::Flow(1036), 204, 12));
    assert_eq!(unknown.format(), DataFormat::new(4300, 1002));
    assert_eq!((unknown.format().to_string(), unknown.body()), ("4300:1002".to_owned(), &[1, 2, 3][..]));
    assert!(unknown.records().next().is_none());

    let tally = datagram.tally(&Limits::default(), |fault| panic!("{fault}"));
    assert_eq!((tally.samples, tally.unknown_samples, tally.records), (6, 1, 1));
    assert_eq!((tally.octets, tally.lost_octets), (u32::try_from(bytes.len()).unwrap(), 0));
    assert_eq!(datagram.trailing(), None);
}

#[test]
fn the_same_octets_through_the_encoder() {
    let bytes = bytes(DATAGRAM);
    let datagram = Datagram::parse(&bytes).unwrap();
    let mut settings = Settings::new(datagram.header().agent);
    (settings.sub_agent_id, settings.sequence) = (100_000, 11);
    let mut writer = DatagramWriter::new(settings);
    for sample in datagram.samples() {
        let sample = sample.unwrap();
        let never = |_: &[u8]| panic!("not full");
        let Some(head) = sample.head() else {
            writer.raw_sample(0, sample.format(), sample.body(), never).unwrap();
            continue;
        };
        let form = if sample.is_expanded() { Form::Expanded } else { Form::Compact };
        let records = |writer: &mut flowcodec::sflow::encode::SampleWriter<'_>| {
            sample.records().try_for_each(|record| writer.raw(record.unwrap().format(), record.unwrap().body()))
        };
        writer.sample(0, &head, form, records, never).unwrap();
    }
    let mut sent = Vec::new();
    writer.flush(12_951, |datagram| sent.push(datagram.to_vec()));
    writer.flush(12_951, |_| panic!("nothing is left"));
    assert_eq!(sent, [bytes]);
    assert_eq!(writer.sequence(), 12);
}

#[test]
fn agents_and_versions() {
    let words = "00000001 00000002 00000003 00000000";
    let parse = |text: &str| Datagram::parse(&octets(text)).map(|datagram| (datagram.header().agent, datagram.header().samples));
    assert_eq!(parse(&format!("00000005 00000000 {words}")), Ok((None, 0)));
    let six = "20010db8 00000000 00000000 00000001";
    assert_eq!(parse(&format!("00000005 00000002 {six} {words}")), Ok(("2001:db8::1".parse().ok(), 0)));
    for (text, kind, offset) in [
        (format!("00000002 00000001 c0000201 {words}"), FaultKind::UnsupportedVersion, 0),
        (format!("00000004 00000001 c0000201 {words}"), FaultKind::UnsupportedVersion, 0),
        (format!("00000003 00000001 c0000201 {words}"), FaultKind::UnknownVersion, 0),
        (format!("00050001 00000001 c0000201 {words}"), FaultKind::UnknownVersion, 0),
        (format!("00000005 00000003 c0000201 {words}"), FaultKind::ValueInvalid, 4),
        ("000000".to_owned(), FaultKind::Truncated, 0),
        ("00000005 00000002 20010db8".to_owned(), FaultKind::Truncated, 8),
        ("00000005 00000001 c0000201 00000001 00000002 00000003 000000".to_owned(), FaultKind::Truncated, 12),
    ] {
        let fault = parse(&text).unwrap_err();
        assert_eq!((fault.kind, fault.layer, fault.offset), (kind, Layer::Header, offset), "{text}");
        assert_eq!(usize::try_from(fault.bytes).unwrap(), octets(&text).len());
    }
}

#[test]
fn interfaces_compact_and_expanded() {
    use Interface::{Discarded, Index, Internal, Multiple, Other, Unknown};
    for (word, interface) in [
        (0, Unknown),
        (1, Index(1)),
        (0x3fff_fffe, Index(0x3fff_fffe)),
        (0x3fff_ffff, Internal),
        (0x4000_0102, Discarded(DropReason(258))),
        (0x8000_0000, Multiple(0)),
        (0x8000_0007, Multiple(7)),
        (0xc000_0001, Other { format: 3, value: 1 }),
    ] {
        assert_eq!(Interface::compact(word), interface);
        let (format, value) = interface.words();
        assert_eq!((format << 30) | value, word);
        assert_eq!(Interface::expanded(format, value), interface);
    }
    assert_eq!(Interface::expanded(0, u32::MAX), Index(u32::MAX));
    assert_eq!(Interface::expanded(7, 1), Other { format: 7, value: 1 });
}

#[test]
fn what_a_form_cannot_hold_is_refused() {
    let mut writer = DatagramWriter::new(Settings::new(None));
    let mut try_to = |head: SampleHead, form| writer.sample(0, &head, form, |_| Ok(()), |_| {});
    let flow = |input, source| SampleHead::Flow(FlowHead { input, source, ..HEAD });
    let source = HEAD.source;
    for (head, compact, expanded) in [
        (flow(Interface::Index(0x3fff_fffe), source), true, true),
        (flow(Interface::Index(0x4000_0000), source), false, true),
        (flow(Interface::Index(0), source), false, false),
        (flow(Interface::Index(0x3fff_ffff), source), false, false),
        (flow(Interface::Other { format: 3, value: 1 }, source), true, true),
        (flow(Interface::Other { format: 4, value: 1 }, source), false, true),
        (flow(Interface::Other { format: 0, value: 1 }, source), false, false),
        (flow(Interface::Unknown, Source { class: 0, index: 0xff_ffff }), true, true),
        (flow(Interface::Unknown, Source { class: 0, index: 0x100_0000 }), false, true),
        (flow(Interface::Unknown, Source { class: 255, index: 0 }), true, true),
        (flow(Interface::Unknown, Source { class: 256, index: 0 }), false, true),
    ] {
        assert_eq!(try_to(head, Form::Compact).is_ok(), compact, "{head:?}");
        assert_eq!(try_to(head, Form::Expanded).is_ok(), expanded, "{head:?}");
    }
    let discard = |output| {
        SampleHead::Discard(DiscardHead {
            sequence: 1,
            source,
            drops: 0,
            input: Interface::Internal,
            output,
            reason: DropReason(1),
        })
    };
    assert_eq!(try_to(discard(Interface::Index(1)), Form::Compact), Ok(()));
    assert_eq!(try_to(discard(Interface::Multiple(2)), Form::Expanded), Err(EncodeError::Form));
}

#[test]
fn datagrams_fill_up_and_are_cut_at_samples() {
    let mut settings = Settings::new(Some("2001:db8::1".parse().unwrap()));
    settings.max_datagram = 40 + 100;
    let (mut writer, mut sent) = (DatagramWriter::new(settings), Vec::new());
    // 8 + 12 octets and a record of 8 + 4.
    let head = SampleHead::Counters(CountersHead { sequence: 1, source: HEAD.source });
    for at in 0..7_u32 {
        let record = |records: &mut flowcodec::sflow::encode::SampleWriter<'_>| records.raw(DataFormat(4000), &at.to_be_bytes());
        writer.sample(at, &head, Form::Compact, record, |datagram| sent.push(datagram.to_vec())).unwrap();
    }
    writer.flush(9, |datagram| sent.push(datagram.to_vec()));
    let seen: Vec<_> = sent
        .iter()
        .map(|datagram| Datagram::parse(datagram).unwrap())
        .map(|d| (d.header().sequence, d.header().uptime_ms, d.samples().flatten().count(), d.trailing()))
        .collect();
    assert_eq!(seen, [(1, 3, 3, None), (2, 6, 3, None), (3, 9, 1, None)]);
    assert!(sent.iter().all(|datagram| datagram.len() <= 140));

    let long =
        |octets| move |records: &mut flowcodec::sflow::encode::SampleWriter<'_>| records.raw(DataFormat(1), &vec![0; octets]);
    let mut try_with = |octets| writer.sample(0, &head, Form::Compact, long(octets), |_| {});
    assert_eq!((try_with(72), try_with(73)), (Ok(()), Err(EncodeError::SampleTooLong { octets: 104, room: 100 })));
}

#[test]
fn aggregations_are_followed_to_the_limit() {
    // extended_80211_aggregation of sflow_80211.txt: one pdu of one record, which is another aggregation, and so on.
    let nested = |depth: usize| {
        let mut body = 0_u32.to_be_bytes().to_vec();
        for _ in 1..depth {
            let words = [1, 1, 1016, u32::try_from(body.len()).unwrap()];
            body = [words.map(u32::to_be_bytes).concat(), body].concat();
        }
        body
    };
    let mut limits = Limits::default();
    for depth in [1_u8, 2, 8] {
        limits.list_depth = depth;
        let body = nested(depth.into());
        assert_eq!(Structure::new(SflowStructure::Flow(1016), &body, 0).check(&limits), Ok(()));
        let body = nested(usize::from(depth) + 1);
        let fault = Structure::new(SflowStructure::Flow(1016), &body, 200).check(&limits).unwrap_err();
        assert_eq!((fault.kind, fault.limit, fault.layer), (FaultKind::ListTooDeep, LimitedBy::Limits, Layer::Record));
        assert_eq!(fault.offset, 200 + 16 * u32::from(depth), "the record that is too deep");
        assert_eq!(fault.bytes, u32::try_from(body.len()).unwrap() + 8, "the whole record");
    }
    // As deep as a datagram can be.
    let body = nested(4000);
    let structure = Structure::new(SflowStructure::Flow(1016), &body, 0);
    assert_eq!(structure.check(&Limits::default()).unwrap_err().kind, FaultKind::ListTooDeep);
    assert_eq!(structure.values().unwrap().flatten().count(), 1);
    // A record inside that does not fit.
    let inside = octets("00000001 00000001 00000406 00000003 00000000");
    let fault = Structure::new(SflowStructure::Flow(1016), &inside, 0).check(&Limits::default()).unwrap_err();
    assert_eq!((fault.kind, fault.offset, fault.bytes), (FaultKind::LengthTooSmall, 16, 28));
}
