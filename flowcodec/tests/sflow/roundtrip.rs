//! `decode(encode(x)) = x` for samples, views and values of every layout; and no octets at all that break the sums.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use flowcodec::ie::SflowStructure;
use flowcodec::model::Mac;
use flowcodec::sflow::encode::{DatagramWriter, Settings};
use flowcodec::sflow::table::{self, FieldDef, Kind, Layout, List, XdrValue};
use flowcodec::sflow::{
    AsPath, AsSegment, CountersHead, DataFormat, Datagram, DiscardHead, DropReason, FlowHead, FlowView, Form, Gateway,
    HeaderProtocol, Interface, Mpls, RawHeader, Sample, SampleHead, SampleKind, Source, Structure, Switch, User,
};
use flowcodec::{Limits, Text};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::build::packet;
use super::heard::{self, Bench, Seen};

/// A record to write.
#[derive(Debug, Clone)]
enum Written {
    View(FlowView<'static>),
    Values(&'static Layout, Vec<XdrValue<'static>>),
    Raw(DataFormat, Vec<u8>),
}

/// Generated values are leaked, because values to write are borrowed trees.
fn value(kind: Kind) -> BoxedStrategy<XdrValue<'static>> {
    let octets = |most: usize| vec(any::<u8>(), 0..most).prop_map(|octets| &*octets.leak());
    match kind {
        Kind::U32 => any::<u32>().prop_map(XdrValue::U32).boxed(),
        Kind::I32 => any::<i32>().prop_map(XdrValue::I32).boxed(),
        Kind::U64 => any::<u64>().prop_map(XdrValue::U64).boxed(),
        Kind::F32 => any::<f32>().prop_map(XdrValue::F32).boxed(),
        Kind::Address => address().prop_map(XdrValue::Address).boxed(),
        Kind::Ipv4 => any::<Ipv4Addr>().prop_map(XdrValue::Ipv4).boxed(),
        Kind::Ipv6 => any::<Ipv6Addr>().prop_map(XdrValue::Ipv6).boxed(),
        Kind::Mac => any::<[u8; 6]>().prop_map(|octets| XdrValue::Mac(Mac::new(octets))).boxed(),
        Kind::Text => octets(20).prop_map(|octets| XdrValue::Text(Text::new(octets))).boxed(),
        Kind::Opaque => octets(20).prop_map(XdrValue::Octets).boxed(),
        Kind::Fixed(length) => vec(any::<u8>(), usize::from(length)).prop_map(|octets| XdrValue::Octets(octets.leak())).boxed(),
        Kind::List(fields) => {
            vec(values(fields, fields.len()), 0..4).prop_map(|items| XdrValue::List(List::new(items.concat().leak()))).boxed()
        }
        other => panic!("{other:?}"),
    }
}

fn values(fields: &'static [FieldDef], count: usize) -> BoxedStrategy<Vec<XdrValue<'static>>> {
    fields[..count].iter().map(|field| value(field.kind)).collect::<Vec<_>>().boxed()
}

fn address() -> impl Strategy<Value = Option<IpAddr>> {
    proptest::option::of(any::<IpAddr>())
}

fn words() -> impl Strategy<Value = &'static [u32]> {
    vec(any::<u32>(), 0..5).prop_map(|words| &*words.leak())
}

fn octets() -> impl Strategy<Value = &'static [u8]> {
    vec(any::<u8>(), 0..70).prop_map(|octets| &*octets.leak())
}

/// Header protocols that are read, mostly.
fn protocol() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 1_u32..17, 1 => any::<u32>()]
}

/// The beginning of a frame, with or without a tag.
fn frame() -> impl Strategy<Value = &'static [u8]> {
    (any::<bool>(), any::<[u8; 2]>(), 0..47_usize).prop_map(|(tagged, tag, length)| {
        let mut frame = packet();
        if tagged {
            frame.splice(12..12, [0x81, 0, tag[0], tag[1]]);
        }
        frame.truncate(length);
        &*frame.leak()
    })
}

fn view() -> impl Strategy<Value = FlowView<'static>> {
    let segment = (1_u32..3, words()).prop_map(|(kind, numbers)| AsSegment { kind, numbers: numbers.into() });
    let path = vec(segment, 0..4).prop_map(|segments| AsPath::from(&*segments.leak()));
    prop_oneof![
        (protocol(), any::<[u32; 2]>(), prop_oneof![octets(), frame()]).prop_map(
            |(protocol, [frame_length, stripped], header)| {
                FlowView::Header(RawHeader { protocol: HeaderProtocol(protocol), frame_length, stripped, header })
            }
        ),
        any::<[u32; 4]>().prop_map(|[src_vlan, src_priority, dst_vlan, dst_priority]| {
            FlowView::Switch(Switch { src_vlan, src_priority, dst_vlan, dst_priority })
        }),
        (address(), any::<[u32; 4]>(), path, words()).prop_map(
            |(next_hop, [asn, src_as, src_peer_as, local_pref], dst_as_path, communities)| {
                let communities = communities.into();
                FlowView::Gateway(Gateway { next_hop, asn, src_as, src_peer_as, dst_as_path, communities, local_pref })
            }
        ),
        (address(), words(), words()).prop_map(|(next_hop, in_stack, out_stack)| {
            FlowView::Mpls(Mpls { next_hop, in_stack: in_stack.into(), out_stack: out_stack.into() })
        }),
        (any::<[u32; 2]>(), octets(), octets()).prop_map(|([src_charset, dst_charset], src, dst)| {
            FlowView::User(User { src_charset, src_user: Text::new(src), dst_charset, dst_user: Text::new(dst) })
        }),
    ]
}

fn record(counters: bool) -> BoxedStrategy<Written> {
    let of_kind = move |layout: &&Layout| matches!(layout.structure, SflowStructure::Counter(_)) == counters;
    let layouts: Vec<_> = table::layouts().filter(of_kind).collect();
    let by_values = select(layouts)
        .prop_flat_map(|layout| (layout.required..=layout.fields.len()).prop_map(move |count| (layout, count)))
        .prop_flat_map(|(layout, count)| values(layout.fields, count).prop_map(move |values| Written::Values(layout, values)));
    let raw = (3_000_u32..4_000, vec(any::<u8>(), 0..30))
        .prop_filter("unknown", |(format, _)| table::counter(DataFormat(*format)).is_none())
        .prop_map(|(format, body)| Written::Raw(DataFormat(format), body));
    if counters {
        prop_oneof![4 => by_values, 1 => raw].boxed()
    } else {
        prop_oneof![4 => by_values, 4 => view().prop_map(Written::View), 1 => raw].boxed()
    }
}

fn interface(expanded: bool) -> impl Strategy<Value = Interface> {
    let most = if expanded { u32::MAX } else { 0x3fff_ffff };
    prop_oneof![
        (0..=most).prop_map(|index| Interface::expanded(0, index)),
        (0..=most).prop_map(|reason| Interface::Discarded(DropReason(reason))),
        (0..=most).prop_map(Interface::Multiple),
        (0..=most).prop_map(|value| Interface::Other { format: 3, value }),
    ]
}

fn source(form: Form) -> impl Strategy<Value = Source> {
    let (class, index) = if form == Form::Expanded { (u32::MAX, u32::MAX) } else { (0xff, 0xff_ffff) };
    (0..=class, 0..=index).prop_map(|(class, index)| Source { class, index })
}

fn head(form: Form) -> impl Strategy<Value = SampleHead> {
    let expanded = form == Form::Expanded;
    let flow = (any::<[u32; 4]>(), source(form), interface(expanded), interface(expanded)).prop_map(
        |([sequence, sampling_rate, pool, drops], source, input, output)| {
            SampleHead::Flow(FlowHead { sequence, source, sampling_rate, pool, drops, input, output })
        },
    );
    let counters =
        (any::<u32>(), source(form)).prop_map(|(sequence, source)| SampleHead::Counters(CountersHead { sequence, source }));
    let discard = (any::<[u32; 5]>(), source(Form::Expanded)).prop_map(|([sequence, drops, input, output, reason], source)| {
        let [input, output] = [input, output].map(|index| Interface::expanded(0, index));
        SampleHead::Discard(DiscardHead { sequence, source, drops, input, output, reason: DropReason(reason) })
    });
    prop_oneof![2 => flow, 1 => counters, 1 => discard]
}

fn sample() -> impl Strategy<Value = (SampleHead, Form, Vec<Written>)> {
    select(vec![Form::Compact, Form::Expanded]).prop_flat_map(|form| head(form).prop_map(move |head| (head, form))).prop_flat_map(
        |(head, form)| vec(record(matches!(head, SampleHead::Counters(_))), 0..5).prop_map(move |records| (head, form, records)),
    )
}

/// What the decoder gives of a sample is what the views have.
fn same(seen: &Seen, sample: &Sample<'_>, records: &[Structure<'_>]) {
    assert_eq!((seen.kind, seen.offset, seen.structures.len()), (sample.kind(), sample.offset(), records.len()));
    for ((id, values), record) in seen.structures.iter().zip(records) {
        let read = record.values().into_iter().flatten().map(|value| value.unwrap());
        let read: Vec<_> = read.map(|value| (value.def.name.to_owned(), value.value.to_string())).collect();
        assert_eq!((*id, values), (record.id(), &read));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn samples_come_back(samples in vec(sample(), 1..8), agent in address(), most in 9_000_u16..20_000, sequence in any::<u32>()) {
        let mut settings = Settings::new(agent);
        (settings.max_datagram, settings.sequence, settings.sub_agent_id) = (most, sequence, 7);
        let (mut writer, mut sent) = (DatagramWriter::new(settings), Vec::new());
        for (head, form, records) in &samples {
            let build = |writer: &mut flowcodec::sflow::encode::SampleWriter<'_>| {
                records.iter().try_for_each(|record| match record {
                    Written::View(view) => writer.flow(view),
                    Written::Values(layout, values) => writer.values(layout, values),
                    Written::Raw(format, body) => writer.raw(*format, body),
                })
            };
            writer.sample(5, head, *form, build, |datagram| sent.push(datagram.to_vec())).unwrap();
        }
        writer.flush(5, |datagram| sent.push(datagram.to_vec()));
        prop_assert_eq!(writer.sequence(), sequence.wrapping_add(u32::try_from(sent.len()).unwrap()));
        let mut back = samples.iter();
        let mut bench = Bench::new();
        for (at, octets) in (0..).zip(&sent) {
            let said = bench.hear(octets);
            prop_assert_eq!(heard::faults(&said), vec![]);
            let mut heard = heard::all(&said).into_iter();
            prop_assert!(octets.len() <= usize::from(most));
            let datagram = Datagram::parse(octets).unwrap();
            let header = datagram.header();
            prop_assert_eq!((header.agent, header.sub_agent_id, header.uptime_ms), (agent, 7, 5));
            prop_assert_eq!(header.sequence, sequence.wrapping_add(at));
            let mut faults = Vec::new();
            let tally = datagram.tally(&Limits::default(), |fault| faults.push(fault));
            prop_assert_eq!(usize::try_from(tally.octets).unwrap(), octets.len());
            prop_assert_eq!(faults, vec![]);
            for sample in datagram.samples() {
                let sample = sample.unwrap();
                let (head, form, records) = back.next().unwrap();
                prop_assert_eq!(sample.head(), Some(*head));
                prop_assert_eq!(sample.is_expanded(), *form == Form::Expanded || sample.kind() == SampleKind::Discard);
                let read: Vec<_> = sample.records().map(|record| record.unwrap()).collect();
                prop_assert_eq!(read.len(), records.len());
                same(&heard.next().unwrap(), &sample, &read);
                for (read, record) in read.iter().zip(records) {
                    match record {
                        Written::View(view) => prop_assert_eq!(&read.flow().unwrap(), view),
                        Written::Raw(format, body) => prop_assert_eq!((read.format(), read.body()), (*format, &body[..])),
                        Written::Values(layout, values) => {
                            prop_assert_eq!(read.id(), layout.structure);
                            let back: Vec<_> = read.values().unwrap().map(|value| value.unwrap().value).collect();
                            prop_assert_eq!(&back, values);
                        }
                    }
                }
            }
        }
        prop_assert!(back.next().is_none());
        let stats = bench.decoder.stats();
        prop_assert_eq!(stats.flows + stats.counters, u64::try_from(samples.len()).unwrap());
    }

    #[test]
    fn damage_never_breaks_the_sum(samples in vec(sample(), 1..4), damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>()) {
        let mut settings = Settings::new(None);
        settings.max_datagram = u16::MAX;
        let (mut writer, mut octets) = (DatagramWriter::new(settings), Vec::new());
        for (head, form, records) in &samples {
            let build = |writer: &mut flowcodec::sflow::encode::SampleWriter<'_>| {
                records.iter().try_for_each(|record| match record {
                    Written::View(view) => writer.flow(view),
                    Written::Values(layout, values) => writer.values(layout, values),
                    Written::Raw(format, body) => writer.raw(*format, body),
                })
            };
            writer.sample(5, head, *form, build, |_| {}).unwrap();
        }
        writer.flush(5, |datagram| octets = datagram.to_vec());
        for (at, octet) in damage {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        octets.truncate(cut.index(octets.len() * 2).max(1));
        // A datagram of another protocol would say other things.
        if octets.starts_with(&[0, 0, 0, 5]) {
            Bench::new().hear(&octets);
        }
        let mut lost = 0;
        match Datagram::parse(&octets) {
            Ok(datagram) => {
                let tally = datagram.tally(&Limits::default(), |fault| lost += fault.bytes);
                prop_assert_eq!(tally.lost_octets, lost);
                prop_assert_eq!(usize::try_from(tally.octets + lost).unwrap(), octets.len());
                for record in datagram.samples().flatten().flat_map(|sample| sample.records()).flatten() {
                    for value in record.values().into_iter().flatten().flatten() {
                        prop_assert!(value.value.to_string().len() < 400_000);
                    }
                    let _ = record.flow();
                }
            }
            Err(fault) => prop_assert_eq!(usize::try_from(fault.bytes).unwrap(), octets.len()),
        }
    }
}
