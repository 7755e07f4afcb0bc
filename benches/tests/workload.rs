//! The workloads decode completely: what is measured is the decoding, not the handling of faults.

use std::collections::BTreeSet;

use benches::paths::{Copies, Ours, PATHS, columns_of};
use benches::workload::{EXPORTERS, Shape, Size, Workload};
use flowcodec::{Decoder, Event, field};

const PASSES: u32 = 4;

#[test]
fn every_record_and_no_fault_and_no_gap() {
    for shape in Shape::ALL {
        let mut workload = Workload::new(shape, Size::Small);
        let mut decoder = Decoder::default();
        let (mut flows, mut counters, mut templates, mut other) = (0_u64, 0_u64, 0_u64, Vec::new());
        for pass in 0..=PASSES {
            workload.number(pass);
            let messages: Vec<_> =
                if pass == 0 { workload.templates().chain(workload.data()).collect() } else { workload.data().collect() };
            for datagram in messages {
                decoder.datagram(datagram.exporter, workload.received(), datagram.octets).for_each(|event| match event {
                    Event::Flows(set) => flows += u64::try_from(set.records().count()).unwrap(),
                    Event::Template(_) => templates += 1,
                    Event::Exporter(_) => {}
                    Event::Counters(_) if shape == Shape::Sflow => counters += 1,
                    event => other.push(format!("{event:?}")),
                });
            }
        }
        assert_eq!(flows, workload.records() * u64::from(PASSES + 1), "{}", shape.name());
        assert_eq!(other, Vec::<String>::new(), "{}", shape.name());
        assert_eq!(counters != 0, shape == Shape::Sflow, "{}", shape.name());
        let announced = match shape {
            Shape::NetFlow5 | Shape::Sflow => 0,
            Shape::NetFlow9 | Shape::Ipfix => 2 * EXPORTERS,
            Shape::Antrea | Shape::AntreaDatagrams => EXPORTERS,
            shape => unreachable!("{shape:?}"),
        };
        assert_eq!(templates, u64::try_from(announced).unwrap(), "{}", shape.name());
        let stats = decoder.stats();
        assert_eq!((stats.faults.total(), stats.lost_records, stats.lost_packets), (0, 0, 0), "{}", shape.name());
        assert_eq!(stats.bytes_decoded, stats.bytes, "{}", shape.name());
    }
}

#[test]
fn shapes_are_what_they_say() {
    for shape in Shape::ALL {
        for &size in shape.sizes() {
            let workload = Workload::new(shape, size);
            let wanted = match size {
                Size::Small => 180_000..200_000 + 16 * workload.largest(),
                Size::Large => 3_000_000..3_020_000 + 16 * workload.largest(),
                size => unreachable!("{size:?}"),
            };
            assert!(wanted.contains(&workload.octets()), "{} {}: {}", shape.name(), size.name(), workload.octets());
            let limit = if shape == Shape::Antrea { 12_000 } else { 1_472 };
            assert!(workload.largest() <= limit, "{} {}: {}", shape.name(), size.name(), workload.largest());
            assert!(workload.data().all(|datagram| datagram.octets.as_ptr().addr().is_multiple_of(64)));
        }
    }
    let mut decoder = Decoder::default();
    let workload = Workload::new(Shape::Antrea, Size::Small);
    for datagram in workload.templates() {
        decoder.datagram(datagram.exporter, workload.received(), datagram.octets).for_each(|_| ());
    }
    let template = decoder.templates().next().unwrap().template;
    assert_eq!(template.fields().len(), 66);
    assert_eq!(template.fields().iter().filter(|field| field.is_variable()).count(), 17);
    assert!(template.fields().iter().all(|field| field.name().is_some()));
}

/// As many exporters and templates as they say, all of them kept, and used in turn.
#[test]
fn rotations_are_what_they_say() {
    let shapes = [1, 100, 10_000].map(|count| [Shape::Exporters(count), Shape::Templates(count)]).concat();
    for shape in shapes {
        let mut workload = Workload::new(shape, Size::Rotation);
        assert!((13_500_000..15_000_000).contains(&workload.octets()), "{shape:?}: {}", workload.octets());
        let mut decoder = Decoder::default();
        let (mut flows, mut used, mut other) = (0, BTreeSet::new(), Vec::new());
        for datagram in workload.templates() {
            decoder.datagram(datagram.exporter, workload.received(), datagram.octets).for_each(|_| ());
        }
        for pass in 0..2 {
            workload.number(pass);
            for datagram in workload.data() {
                decoder.datagram(datagram.exporter, workload.received(), datagram.octets).for_each(|event| match event {
                    Event::Flows(set) => {
                        flows += u64::from(set.len());
                        used.insert((datagram.number, set.template().unwrap().id()));
                    }
                    event => other.push(format!("{event:?}")),
                });
            }
        }
        assert_eq!((flows, other), (2 * workload.records(), Vec::<String>::new()), "{shape:?}");
        let (Shape::Exporters(count) | Shape::Templates(count)) = shape else { unreachable!() };
        assert_eq!(used.len(), usize::from(count), "{shape:?}");
        assert_eq!(decoder.exporters().count(), workload.exporters(), "{shape:?}");
    }
}

#[test]
fn the_same_octets_every_time() {
    for shape in Shape::ALL {
        let (one, other) = (Workload::new(shape, Size::Small), Workload::new(shape, Size::Small));
        assert!(one.data().map(|datagram| datagram.octets).eq(other.data().map(|datagram| datagram.octets)));
    }
}

#[test]
fn values_vary_as_traffic_does() {
    let workload = Workload::new(Shape::NetFlow9, Size::Small);
    let mut decoder = Decoder::default();
    let (mut sources, mut families, mut counters) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for datagram in workload.templates().chain(workload.data()) {
        decoder.datagram(datagram.exporter, workload.received(), datagram.octets).for_each(|event| {
            if let Event::Flows(set) = event {
                for record in set {
                    let source = record.get(field::SRC_ADDR).unwrap();
                    families.insert(source.is_ipv4());
                    sources.insert(source);
                    counters.insert(record.get(field::OCTETS).unwrap());
                    assert!(record.get(field::START) <= record.get(field::END));
                    assert!(record.get(field::END) <= Some(record.context().exported));
                }
            }
        });
    }
    assert_eq!(families.len(), 2);
    assert!(sources.len() > 1_000 && counters.len() > 1_000, "{} {}", sources.len(), counters.len());
}

#[test]
fn every_path_sees_every_pass_alike() {
    for path in PATHS {
        let [size, ..] = path.shape.sizes() else { unreachable!() };
        let mut workload = Workload::new(path.shape, *size);
        if workload.is_empty() {
            println!("skipped: the recording of {} is not here; FLOWCODEC_CORPUS says where the corpus is", path.name);
            continue;
        }
        let mut ours = Ours::new(&workload);
        let first = (path.run)(&mut ours, &workload);
        workload.number(1);
        assert_ne!(first, 0, "{}", path.name);
        assert_eq!(first, (path.run)(&mut ours, &workload), "{}", path.name);
        let columns = matches!(path.shape, Shape::Exporters(_) | Shape::Templates(_) | Shape::Capture(_));
        if columns || path.name.contains("_rows") || path.name.contains("_columns") {
            assert_eq!(first, workload.records(), "{}", path.name);
        }
        assert_eq!(ours.decoder().stats().faults.total(), 0, "{}", path.name);
    }
    let columns = |shape| columns_of(shape).map(|fields| fields.len());
    assert_eq!([Shape::NetFlow5, Shape::Ipfix, Shape::Antrea, Shape::Sflow].map(columns), [Some(18), Some(23), Some(49), None]);
    let workload = Workload::new(Shape::Ipfix, Size::Small);
    let mut copies = Copies::new(&workload);
    assert_eq!(copies.one_place(&workload), copies.side_by_side(&workload));
}
