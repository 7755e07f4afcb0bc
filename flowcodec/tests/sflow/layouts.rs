//! Each layout by octets laid out from its definition (`layouts.txt`): values, views, and the same octets again.

use std::collections::BTreeSet;

use flowcodec::FaultKind;
use flowcodec::ie::{ElementId, SflowStructure};
use flowcodec::sflow::encode::{DatagramWriter, Settings};
use flowcodec::sflow::table::{self, Kind, Layout, XdrValue};
use flowcodec::sflow::{
    AsPath, AsSegment, CountersHead, DataFormat, Datagram, FlowView, Form, HeaderProtocol, SampleHead, SampleKind, Source,
    Structure, Switch, Words,
};

/// One field of `layouts.txt`.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) octets: Vec<u8>,
    pub(super) value: String,
}

/// One structure of `layouts.txt`.
pub(super) struct Case {
    pub(super) id: SflowStructure,
    pub(super) name: String,
    pub(super) lines: Vec<Line>,
}

impl Case {
    pub(super) fn body(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| line.octets.clone()).collect()
    }

    pub(super) fn layout(&self) -> &'static Layout {
        table::layout(self.id).unwrap_or_else(|| panic!("{} is not in the table", self.name))
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in include_str!("layouts.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(field) = line.strip_prefix("  ") {
            let (left, value) = field.split_once(" = ").unwrap();
            let mut words = left.split_whitespace();
            let name = words.next().unwrap().to_owned();
            let octets = words.flat_map(octets).collect();
            cases.last_mut().unwrap().lines.push(Line { name, octets, value: value.to_owned() });
        } else {
            let mut words = line.split_whitespace();
            let (kind, format, name) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            assert!(line.contains(" -- "), "{name} names no source");
            let (enterprise, format) = format.split_once(':').unwrap();
            let format = DataFormat::new(enterprise.parse().unwrap(), format.parse().unwrap());
            let id = match kind {
                "flow" => SflowStructure::Flow(format.0),
                "counter" => SflowStructure::Counter(format.0),
                other => panic!("{other}"),
            };
            cases.push(Case { id, name: name.to_owned(), lines: Vec::new() });
        }
    }
    cases
}

pub(super) fn octets(hex: &str) -> Vec<u8> {
    let hex: String = hex.split_whitespace().collect();
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn every_layout_has_a_case_and_every_case_a_layout() {
    let cases: Vec<_> = cases().iter().map(|case| case.id).collect();
    assert_eq!(cases, table::layouts().map(|layout| layout.structure).collect::<Vec<_>>(), "also ascending");
    assert_eq!(cases.iter().collect::<BTreeSet<_>>().len(), cases.len());
    let flows = cases.iter().filter(|id| matches!(id, SflowStructure::Flow(_))).count();
    assert_eq!((flows, cases.len() - flows), (67, 49));
}

#[test]
fn values_of_every_layout_and_the_same_octets_again() {
    for case in cases() {
        let (layout, body) = (case.layout(), case.body());
        assert_eq!(layout.name, case.name);
        let values: Vec<_> = layout.values(&body).map(|value| value.unwrap()).collect();
        let read: Vec<_> = values.iter().map(|value| (value.def.name, value.value.to_string())).collect();
        let written: Vec<_> = case.lines.iter().map(|line| (line.name.as_str(), line.value.clone())).collect();
        assert_eq!(read, written, "{}", case.name);
        for (at, value) in (1..).zip(&values) {
            assert_eq!(value.element, ElementId::Sflow { structure: case.id, field: at });
            assert_eq!(table::field(value.element), Some(value.def));
        }
        assert!(Structure::new(case.id, &body, 0).check(&flowcodec::Limits::default()).is_ok(), "{}", case.name);

        let values: Vec<_> = values.iter().map(|value| value.value).collect();
        let mut again = vec![9];
        layout.encode(&values, &mut again).unwrap();
        assert_eq!(again[1..], body, "{}", case.name);

        // A newer version of the layout.
        let longer = [&body[..], &[1, 2, 3, 4, 5, 6, 7, 8]].concat();
        assert!(layout.values(&longer).map(|value| value.unwrap().value).eq(values.iter().copied()), "{}", case.name);
    }
}

#[test]
fn sizes_that_the_definitions_state() {
    for (format, octets) in [(1, 88), (2, 52), (3, 72), (4, 80), (5, 28), (6, 80), (7, 56), (11, 20), (1001, 28), (2003, 68)] {
        let layout = table::counter(DataFormat(format)).unwrap();
        assert_eq!((layout.min_octets(), layout.is_fixed()), (octets, true), "{}", layout.name);
    }
    let words = |format| table::counter(DataFormat(format)).unwrap().fields.len();
    assert_eq!([2007, 2008, 2009, 2010, 2200, 2204].map(words), [19, 25, 15, 7, 33, 31]);
    assert_eq!(table::counter(DataFormat::new(4413, 3)).unwrap().fields.len(), 36);
}

#[test]
fn a_body_that_is_cut_anywhere_costs_the_record() {
    for case in cases() {
        let (layout, body) = (case.layout(), case.body());
        // Of hosts' processors the last three words are newer.
        let required: usize = case.lines[..layout.required].iter().map(|line| line.octets.len()).sum();
        for length in 0..body.len() {
            let structure = Structure::new(case.id, &body[..length], 100);
            let mut values = structure.values().unwrap();
            let fault = values.by_ref().find_map(Result::err);
            assert!(values.next().is_none(), "over after a fault");
            assert_eq!(structure.check(&flowcodec::Limits::default()).err(), fault, "{} cut at {length}", case.name);
            // The padding of a last text may be missing.
            let whole = length >= required || (required - length < 4 && pads_at_end(&case, required - length));
            let Some(fault) = fault else {
                assert!(whole, "{} cut at {length}", case.name);
                continue;
            };
            assert!(!whole, "{} cut at {length}: {fault}", case.name);
            assert_eq!(fault.bytes, u32::try_from(length).unwrap() + 8);
            if length < usize::try_from(layout.min_octets()).unwrap() {
                let expected = (FaultKind::LengthTooSmall, 100, layout.min_octets(), u32::try_from(length).unwrap());
                assert_eq!((fault.kind, fault.offset, fault.required, fault.available), expected);
            } else {
                assert!((108..=108 + u32::try_from(length).unwrap()).contains(&fault.offset), "{fault}");
                assert!(matches!(fault.kind, FaultKind::Truncated | FaultKind::CountBeyondOctets), "{fault}");
            }
        }
    }
}

/// Whether the last octets of a case are padding. An aggregation ends with the octets of its last record.
fn pads_at_end(case: &Case, octets: usize) -> bool {
    let layout = case.layout();
    let body = case.body();
    let last = layout.fields[..layout.required].last().unwrap().kind;
    (matches!(last, Kind::Text | Kind::Opaque) || layout.name == "extended_80211_aggregation")
        && body[body.len() - octets..].iter().all(|&octet| octet == 0)
}

#[test]
fn views_agree_with_the_table() {
    let mut viewed = Vec::new();
    for case in cases() {
        let body = case.body();
        let structure = Structure::new(case.id, &body, 0);
        let view = structure.flow().unwrap();
        if matches!(view, FlowView::Other(_)) {
            assert_eq!(view, FlowView::Other(structure));
            continue;
        }
        viewed.push(view.format());
        // Through the encoder the same octets.
        let mut writer = DatagramWriter::new(Settings::new(None));
        let mut sent = Vec::new();
        let head = SampleHead::Flow(super::samples::HEAD);
        writer.sample(0, &head, Form::Expanded, |records| records.flow(&view), |_| {}).unwrap();
        writer.flush(0, |datagram| sent = datagram.to_vec());
        assert_eq!(sent[24 + 8 + 44 + 8..], body, "{}", case.name);
        // A body too short for the view is too short for the table, with the same fault.
        for length in 0..body.len() {
            let cut = Structure::new(case.id, &body[..length], 40);
            assert_eq!(cut.flow().err(), cut.check(&flowcodec::Limits::default()).err(), "{} cut at {length}", case.name);
        }
        let longer = [&body[..], &[0; 4]].concat();
        assert_eq!(Structure::new(case.id, &longer, 0).flow().unwrap(), view);
    }
    assert_eq!(viewed, FlowView::FORMATS);
}

#[test]
fn what_views_say() {
    let cases = cases();
    let view = |format: u32, check: &dyn Fn(FlowView<'_>)| {
        let case = cases.iter().find(|case| case.id == SflowStructure::Flow(format)).unwrap();
        check(Structure::new(case.id, &case.body(), 0).flow().unwrap());
    };
    view(1003, &|view| {
        let FlowView::Gateway(gateway) = view else { panic!("{view:?}") };
        assert_eq!(gateway.next_hop, "198.51.100.32".parse().ok());
        assert_eq!((gateway.asn, gateway.src_as, gateway.local_pref), (555_810_849, 572_653_602, 606_339_108));
        let given =
            [AsSegment { kind: 2, numbers: (&[65001, 65002][..]).into() }, AsSegment { kind: 1, numbers: (&[65003][..]).into() }];
        assert_eq!(gateway.dst_as_path, AsPath::from(&given[..]));
        assert_eq!((gateway.dst_as_path.first(), gateway.dst_as_path.last()), (Some(65001), Some(65003)));
        assert_eq!(format!("{:?}", gateway.communities), "[4259840001, 4259840002]");
        assert_eq!(gateway.communities.len(), 2);
    });
    let case = cases.iter().find(|case| case.id == SflowStructure::Flow(1001)).unwrap();
    let (body, record) = (case.body(), case.id);
    let switch = Structure::new(record, &body, 0);
    assert_eq!(Switch::of(&switch).map(FlowView::Switch), switch.flow());
    let short = Structure::new(record, &body[..12], 40);
    assert_eq!(Switch::of(&short).map(FlowView::Switch), short.flow());
    assert_eq!((Words::from(&[1, 2][..]).last(), Words::default().last(), AsPath::default().last()), (Some(2), None, None));
    view(1006, &|view| {
        let FlowView::Mpls(mpls) = view else { panic!("{view:?}") };
        assert_eq!(mpls.next_hop, "2001:db8::102c".parse().ok());
        assert_eq!((mpls.in_stack, mpls.out_stack), ((&[65600, 69952][..]).into(), (&[74048][..]).into()));
    });
    view(1, &|view| {
        let FlowView::Header(header) = view else { panic!("{view:?}") };
        assert_eq!(header.protocol, HeaderProtocol(0x0101_0001));
        assert_eq!((header.frame_length, header.stripped), (0x0202_0002, 0x0303_0003));
        assert_eq!(header.header, [1, 2, 3, 4, 5]);
    });
    assert_eq!(HeaderProtocol::ETHERNET.name(), Some("ETHERNET-ISO88023"));
    assert_eq!((HeaderProtocol::INFINIBAND.name(), HeaderProtocol(19).name()), (Some("InfiniBand"), None));
}

#[test]
fn processors_of_older_hosts() {
    let case = cases().into_iter().find(|case| case.id == SflowStructure::Counter(2003)).unwrap();
    let layout = case.layout();
    let last = |octets: &[u8]| layout.values(octets).last().unwrap().unwrap().def.name;
    let body = case.body();
    assert_eq!(body.len(), 80);
    assert_eq!((last(&body), last(&body[..68])), ("cpu_guest_nice", "contexts"));
    // Half a word of the newer fields is none of them.
    assert_eq!(last(&body[..74]), "cpu_steal");
    assert!(layout.values(&body[..67]).next().unwrap().is_err());
    let values: Vec<_> = layout.values(&body[..68]).map(|value| value.unwrap().value).collect();
    let mut again = Vec::new();
    layout.encode(&values, &mut again).unwrap();
    assert_eq!(again, body[..68]);
    assert!(layout.encode(&values[..16], &mut again).is_err());
}

#[test]
fn values_of_the_wrong_kind_are_refused() {
    let mut out = vec![7];
    let adapters = table::counter(DataFormat(2001)).unwrap();
    let odd = [XdrValue::U32(1)];
    assert!(adapters.encode(&[XdrValue::List(table::List::new(&odd))], &mut out).is_err(), "half an item");
    let lag = table::counter(DataFormat(7)).unwrap();
    assert!(lag.encode(&[XdrValue::U32(1); 12], &mut out).is_err());
    let descr = table::counter(DataFormat(2000)).unwrap();
    let text = XdrValue::Text("a".into());
    assert!(descr.encode(&[text, XdrValue::Octets(&[1; 15]), odd[0], odd[0], text], &mut out).is_err(), "15 octets of 16");
    assert_eq!(out, [7]);
}

#[test]
fn counters_through_the_encoder() {
    for case in cases().iter().filter(|case| matches!(case.id, SflowStructure::Counter(_))) {
        let body = case.body();
        let values: Vec<_> = case.layout().values(&body).map(|value| value.unwrap().value).collect();
        let mut writer = DatagramWriter::new(Settings::new(None));
        let mut sent = Vec::new();
        let head = SampleHead::Counters(CountersHead { sequence: 1, source: Source { class: 2, index: 1 } });
        writer.sample(0, &head, Form::Compact, |records| records.values(case.layout(), &values), |_| {}).unwrap();
        writer.flush(0, |datagram| sent = datagram.to_vec());
        let datagram = Datagram::parse(&sent).unwrap();
        let sample = datagram.samples().next().unwrap().unwrap();
        assert_eq!((sample.kind(), sample.head()), (SampleKind::Counters, Some(head)));
        let record = sample.records().next().unwrap().unwrap();
        assert_eq!((record.id(), record.body()), (case.id, &body[..]), "{}", case.name);
    }
}
