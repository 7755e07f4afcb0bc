//! Batches: what stands in their columns, whatever it came from, and how they are filled, emptied and taken apart.
#![cfg(test)]

mod common;

use std::net::IpAddr;

use common::{DOMAIN, NOW, exporter, ipfix, set, template};
use flowcodec::batch::{BatchError, Dictionary, DictionarySpace, Values};
use flowcodec::model::{FieldDef, FieldId, FieldValue, Flow, Mac, Numbers, Schema, Source, U16, U32, Unit};
use flowcodec::{Decoder, Event, FlowBatch, Protocol, RecordSet, Settings, field};

/// Hands the sets of flows in a datagram to `each`.
fn flows(decoder: &mut Decoder, datagram: &[u8], mut each: impl FnMut(RecordSet<'_>)) {
    decoder.datagram(exporter(), NOW, datagram).for_each(|event| {
        if let Event::Flows(set) = event {
            each(set);
        }
    });
}

fn fields(names: &[&str]) -> Vec<FieldId> {
    names.iter().map(|name| Schema::common().find(name).unwrap()).collect()
}

fn batch(names: &[&str], capacity: usize) -> FlowBatch {
    FlowBatch::builder(Schema::common()).fields(fields(names)).capacity(capacity).build().unwrap()
}

fn v4(last: u8) -> IpAddr {
    [198, 51, 100, last].into()
}

/// Addresses and ports of `count` records, numbered.
fn ports(count: u8) -> Vec<u8> {
    (0..count).flat_map(|number| [198, 51, 100, number, 0x20, number, 0, 53]).collect()
}

const PORTS: [(u32, u16, u16); 3] = [(0, 8, 4), (0, 7, 2), (0, 11, 2)];

#[test]
fn sets_fill_batch_after_batch() {
    let datagram = ipfix(&[set(2, &template(256, &PORTS)), set(256, &ports(100))]);
    let mut batch = batch(&["src_port", "src_addr", "dst_addr", "exporter", "domain"], 30);
    let (mut sizes, mut next) = (Vec::new(), 0);
    let mut check = |batch: &FlowBatch| {
        sizes.push(batch.len());
        let (addresses, ports) = (batch.column(field::SRC_ADDR).unwrap(), batch.column(field::SRC_PORT).unwrap());
        for row in 0..batch.len() {
            assert_eq!((addresses.get(row), ports.get(row)), (Some(v4(next)), Some(0x2000 | u16::from(next))));
            next += 1;
        }
        assert_eq!((addresses.get(batch.len()), addresses.len(), ports.has(batch.len())), (None, batch.len(), false));
        assert!(batch.column(field::DST_ADDR).unwrap().iter().all(|address| address.is_none()));
        assert!(batch.column(field::EXPORTER).unwrap().iter().all(|address| address == Some(exporter().address())));
        assert!(batch.column(field::DOMAIN).unwrap().iter().all(|domain| domain == Some(DOMAIN)));
        assert!(batch.column(field::DST_PORT).is_none(), "no column of this batch");
    };
    flows(&mut Decoder::default(), &datagram, |mut set| {
        while let Some(rest) = batch.append(set) {
            assert!(batch.is_full() && batch.append(rest).is_some_and(|again| again.len() == rest.len()));
            check(&batch);
            batch.clear();
            assert!(batch.is_empty());
            set = rest;
        }
    });
    check(&batch);
    assert_eq!(sizes, [30, 30, 30, 10]);
}

/// A column that is absent at first, and in between, has no cell there; one that nobody has stays without memory of its own.
#[test]
fn columns_come_and_go() {
    let mut decoder = Decoder::default();
    let mut batch = batch(&["src_addr", "octets", "end_reason", "src_pod", "mpls_labels", "tos"], 100);
    let others = [(0, 27, 16), (0, 1, 8), (0, 136, 1), (56_506, 101, 65_535), (0, 70, 3)];
    let record = [
        &[0x20, 1, 0xd, 0xb8][..],
        &[0; 11],
        &[9],
        &[0, 0, 0, 0, 0, 0, 3, 232],
        &[3],
        b"\x15a name longer than 12",
        &[0, 0, 0x71],
    ];
    let sets = [set(2, &template(256, &PORTS)), set(2, &template(257, &others))];
    let (first, second) = (set(256, &ports(9)), set(257, &record.concat().repeat(3)));
    let (first, second) = (std::slice::from_ref(&first), std::slice::from_ref(&second));
    for part in [&sets[..], first, second, first, second] {
        flows(&mut decoder, &ipfix(part), |set| assert!(batch.append(set).is_none()));
    }
    let with = |row: usize| (9..12).contains(&row) || row >= 21;
    let octets = batch.column(field::OCTETS).unwrap();
    let labels = batch.column(field::MPLS_LABELS).unwrap();
    assert_eq!(batch.len(), 24);
    for row in 0..24 {
        assert_eq!(octets.get(row), with(row).then_some(1_000), "row {row}");
        assert_eq!(batch.value(field::END_REASON.id(), row), with(row).then_some(FieldValue::Unsigned(3)));
        let pod = batch.column(field::SRC_POD).unwrap().get(row);
        assert_eq!(pod.map(flowcodec::Text::as_bytes), with(row).then_some(&b"a name longer than 12"[..]));
        assert_eq!(labels.get(row).map(|labels| labels.iter().collect::<Vec<_>>()), with(row).then(|| vec![7]));
        let address = if with(row) { "2001:db8::9".parse().unwrap() } else { v4(u8::try_from(row % 12).unwrap()) };
        assert_eq!(batch.column(field::SRC_ADDR).unwrap().get(row), Some(address));
    }
    assert!(batch.values(field::OCTETS.id()).is_none(), "it is not finished");
    batch.finish();
    let Some((Values::U64(numbers), Some(bits))) = batch.values(field::OCTETS.id()) else { panic!() };
    assert_eq!((numbers[8], numbers[9], numbers[20], numbers[23], bits), (0, 1_000, 0, 1_000, &[0, 0b1110, 0b1110_0000][..]));
    let Some((Values::Lists { offsets, items }, Some(_))) = batch.values(field::MPLS_LABELS.id()) else { panic!() };
    assert_eq!((offsets.len(), offsets[9], offsets[24], items), (25, 0, 6, &[7; 6][..]));
    let Some((Values::Address(addresses), None)) = batch.values(field::SRC_ADDR.id()) else { panic!("all there") };
    assert_eq!(addresses[1], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 198, 51, 100, 1]);
    assert!(batch.values(field::TOS.id()).is_none(), "no record had it");
    batch.clear();
    assert!(batch.values(field::OCTETS.id()).is_none() && batch.column(field::OCTETS).unwrap().is_empty());
}

#[test]
fn rows_that_come_from_no_template() {
    let mut batch = batch(&["src_addr", "start", "sampling_rate", "src_mac", "tcp_state", "application_id", "as_path", "tos"], 3);
    let mut row = batch.row().unwrap();
    assert!(row.set(field::SRC_ADDR.id(), FieldValue::Address(v4(1))));
    assert!(row.set(field::TOS.id(), FieldValue::Unsigned(8)) && !row.set(field::TOS.id(), FieldValue::Unsigned(256)));
    assert!(!row.set(field::TTL.id(), FieldValue::Unsigned(8)), "no column");
    assert!(!row.set(field::START.id(), FieldValue::Unsigned(8)), "another type");
    assert!(row.set(field::AS_PATH.id(), FieldValue::Numbers(Numbers::from(&[1, 2, 3][..]))));
    assert!(row.set(field::AS_PATH.id(), FieldValue::Numbers(Numbers::from(&[4, 5][..]))), "the last stays");
    let mut flow = Flow::new(Schema::common());
    assert!(flow.set(field::START.id(), FieldValue::Time(NOW)) && flow.set(field::SAMPLING_RATE.id(), FieldValue::Double(0.5)));
    assert!(flow.set(field::SRC_MAC.id(), FieldValue::Mac(Mac::new([2, 0, 0, 0, 0, 1]))));
    assert!(flow.set(field::TCP_STATE.id(), FieldValue::Text(flowcodec::Text::from("ESTABLISHED"))));
    assert!(flow.set(field::APPLICATION_ID.id(), FieldValue::Octets(b"more than twelve")));
    assert!(flow.set(field::TTL.id(), FieldValue::Unsigned(64)), "a flow may say more than the batch holds");
    assert!(batch.push_flow(&flow) && batch.row().is_some() && batch.row().is_none() && !batch.push_flow(&flow));
    assert_eq!(batch.column(field::SRC_ADDR).unwrap().iter().collect::<Vec<_>>(), [Some(v4(1)), None, None]);
    assert_eq!(batch.column(field::TOS).unwrap().get(0), Some(8));
    assert_eq!(batch.column(field::START).unwrap().iter().collect::<Vec<_>>(), [None, Some(NOW), None]);
    assert_eq!(batch.column(field::SAMPLING_RATE).unwrap().get(1), Some(0.5));
    assert_eq!(batch.column(field::SRC_MAC).unwrap().get(1), Some(Mac::new([2, 0, 0, 0, 0, 1])));
    assert_eq!(batch.column(field::TCP_STATE).unwrap().get(1), Some(flowcodec::Text::from("ESTABLISHED")));
    assert_eq!(batch.column(field::APPLICATION_ID).unwrap().get(1), Some(&b"more than twelve"[..]));
    let paths: Vec<_> =
        batch.column(field::AS_PATH).unwrap().iter().map(|path| path.map(|path| path.iter().collect::<Vec<_>>())).collect();
    assert_eq!(paths, [Some(vec![4, 5]), None, None]);
}

/// Views as Arrow lays them out: length, then the octets, or the first four and where all are.
#[test]
fn texts_are_views() {
    let texts = ["", "a", "twelve-chars", "thirteen-char", "\u{e9}"];
    let body: Vec<u8> =
        texts.iter().flat_map(|text| [&[u8::try_from(text.len()).unwrap()][..], text.as_bytes()].concat()).collect();
    let datagram = ipfix(&[set(2, &template(256, &[(56_506, 101, 65_535)])), set(256, &body)]);
    let mut batch = batch(&["src_pod"], 10);
    flows(&mut Decoder::default(), &datagram, |set| assert!(batch.append(set).is_none()));
    let found: Vec<_> =
        batch.column(field::SRC_POD).unwrap().iter().map(|text| text.unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(found, texts);
    batch.finish();
    let Some((Values::Views { views, octets }, None)) = batch.values(field::SRC_POD.id()) else { panic!() };
    assert_eq!(views[1].to_le_bytes(), [1, 0, 0, 0, b'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(views[2].to_le_bytes(), *b"\x0c\0\0\0twelve-chars");
    let long = views[3].to_le_bytes();
    let place = usize::try_from(u32::from_le_bytes(long[12..].try_into().unwrap())).unwrap();
    assert_eq!((&long[..12], &octets[place..place + 13]), (&b"\x0d\0\0\0thir\0\0\0\0"[..], &b"thirteen-char"[..]));
}

/// Numbers of texts against a list of those met, over rows with and without a cell, and over batches.
#[test]
fn texts_by_number() {
    let names = ["web", "twelve-chars", "thirteen-char", "thirteen-chat", "", "thirteen-char and more", "wec"];
    let body = |from: usize| -> Vec<u8> {
        let text = |at: usize| names[at * at % names.len()];
        (from..from + 60).flat_map(|at| [&[u8::try_from(text(at).len()).unwrap()][..], text(at).as_bytes()].concat()).collect()
    };
    let sets = [set(2, &[template(256, &[(56_506, 101, 65_535)]), template(257, &PORTS)].concat()), set(256, &body(0))];
    let (mut decoder, mut batch, mut space) = (Decoder::default(), batch(&["src_pod", "tos"], 200), DictionarySpace::default());
    for round in [&sets[..], &[set(257, &ports(9)), set(256, &body(3))]] {
        flows(&mut decoder, &ipfix(round), |set| assert!(batch.append(set).is_none()));
        let mut met: Vec<&[u8]> = Vec::new();
        let dictionary = batch.dictionary(field::SRC_POD.id(), &mut space).unwrap();
        assert_eq!(dictionary.ids().len(), batch.len());
        for (text, &id) in batch.column(field::SRC_POD).unwrap().iter().zip(dictionary.ids()) {
            let Some(text) = text.map(flowcodec::Text::as_bytes) else {
                assert_eq!((id, dictionary.get(id)), (Dictionary::NONE, None));
                continue;
            };
            if !met.contains(&text) {
                met.push(text);
            }
            assert_eq!(dictionary.get(id), Some(text));
        }
        assert!(met.len() > 2 && dictionary.values().eq(met), "each once, in the order in which they come");
    }
    assert_eq!((batch.len(), batch.dictionary(field::TOS.id(), &mut space).map(|_| ())), (129, None), "no text");
    assert!(batch.dictionary(field::DST_POD.id(), &mut space).is_none(), "no column");
    batch.clear();
    assert!(batch.dictionary(field::SRC_POD.id(), &mut space).unwrap().is_empty());
}

static RACK: FieldDef<U32> = FieldDef::new("rack", Unit::None, "Rack", &[Source::enterprise(99_999, 1)]);
static ROW: FieldDef<U16> = FieldDef::new("row", Unit::None, "Row", &[Source::enterprise(99_999, 1)]);

/// Fields of others are columns too; those of another schema are not taken for them.
#[test]
fn fields_that_others_add() {
    let mut settings = Settings::default();
    settings.schema = Schema::common().with([RACK.spec()]).unwrap();
    let schema = settings.schema.clone();
    let rack = schema.resolve(&RACK).unwrap();
    let datagram = ipfix(&[set(2, &template(256, &[(0, 7, 2), (99_999, 1, 3)])), set(256, &[0, 80, 1, 0, 2].repeat(20))]);
    let mut own = FlowBatch::builder(schema.clone()).all().build().unwrap();
    let other = Schema::common().with([ROW.spec()]).unwrap();
    let mut foreign = FlowBatch::builder(other.clone()).all().build().unwrap();
    let mut flow = None;
    flows(&mut Decoder::new(settings), &datagram, |set| {
        assert!(own.append(set).is_none() && foreign.append(set).is_none());
        flow = set.records().next().map(|record| record.to_flow(&schema));
    });
    assert_eq!(own.column(rack).unwrap().get(19), Some(0x1_0002));
    let row = other.resolve(&ROW).unwrap();
    assert!(own.column(row).is_none() && foreign.column(rack).is_none());
    assert_eq!((foreign.column(row).unwrap().get(0), foreign.column(field::SRC_PORT).unwrap().get(19)), (None, Some(80)));
    assert!(foreign.push_flow(&flow.unwrap()));
    assert_eq!((foreign.value(row.id(), 20), foreign.column(field::SRC_PORT).unwrap().get(20)), (None, Some(80)));
    let unknown = FieldId::clone(&rack.id());
    let refused = FlowBatch::builder(Schema::common()).fields([unknown]).build().err();
    assert_eq!(refused, Some(BatchError::UnknownField(unknown)));
    let refused = FlowBatch::builder(Schema::common()).fields([field::TOS.id(), field::TOS.id()]).build().err();
    assert_eq!(refused, Some(BatchError::Duplicate("tos".to_owned())));
}

/// Contents are whole columns in one piece of memory, which comes back.
#[test]
fn contents_are_taken_and_given_back() {
    let datagram = ipfix(&[set(2, &template(256, &PORTS)), set(256, &ports(20))]);
    let mut batch = batch(&["src_addr", "tos", "src_port", "as_path", "sampling_rate"], 20);
    let mut decoder = Decoder::default();
    let mut place = None;
    for round in 0..3 {
        flows(&mut decoder, &datagram, |set| assert!(batch.append(set).is_none()));
        batch.finish();
        assert!(batch.values(field::SAMPLING_RATE.id()).is_none(), "it was looked for in each message, and never there");
        let contents = batch.take();
        assert!(batch.is_empty() && batch.column(field::SRC_ADDR).unwrap().get(0).is_none());
        assert_eq!((contents.rows, contents.columns.len()), (20, 5));
        let octets: Vec<u8> = contents.cells.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let [addresses, tos, ports, paths, rates] = &contents.columns[..] else { panic!() };
        assert_eq!((addresses.octets.len(), ports.octets.len(), tos.octets.len(), paths.lists.0.len()), (320, 40, 0, 0));
        assert_eq!((addresses.nulls, tos.nulls, ports.validity.as_ref(), paths.nulls), (0, 20, None, 20));
        assert_eq!((rates.octets.len(), rates.nulls, rates.validity.as_ref()), (0, 20, None));
        for column in [addresses, ports] {
            let begin = contents.cells.as_ptr().addr() + column.octets.start;
            assert_eq!(begin % 64, 0, "as Arrow wants it");
        }
        assert_eq!(octets[addresses.octets.clone()][16 * 7 + 12..][..4], [198, 51, 100, 7]);
        assert_eq!(octets[ports.octets.clone()][38..], 0x2013_u16.to_ne_bytes());
        assert!(place.is_none_or(|place| place == contents.cells.as_ptr()), "round {round}: the same memory again");
        place = Some(contents.cells.as_ptr());
        batch.give(contents);
    }
    flows(&mut decoder, &datagram, |set| assert!(batch.append(set).is_none()));
    batch.give(flowcodec::batch::Contents::default());
    assert_eq!(batch.column(field::SRC_PORT).unwrap().get(3), Some(0x2003), "a batch that is not empty keeps what it has");
}

/// Templates by the thousand: programs are given up, and compiled again.
#[test]
fn more_templates_than_programs_are_kept() {
    let mut settings = Settings::default();
    settings.limits.domain_templates = 4_000;
    let mut decoder = Decoder::new(settings);
    let batch = || FlowBatch::builder(Schema::common()).fields(fields(&["src_addr", "src_port"])).capacity(8);
    for mut batch in [batch().build().unwrap(), batch().programs(100).build().unwrap(), batch().programs(0).build().unwrap()] {
        for id in 256..1_500_u16 {
            // Another order every time, so that a wrong program would be seen; and an element of its own, so that it is no other's.
            let mut order = PORTS.to_vec();
            order.rotate_left(usize::from(id % 3));
            let mut record: Vec<u8> = order
                .iter()
                .flat_map(|(_, element, _)| if *element == 8 { vec![198, 51, 100, 1] } else { id.to_be_bytes().to_vec() })
                .collect();
            order.push((99_999, id, 1));
            record.push(7);
            flows(&mut decoder, &ipfix(&[set(2, &template(id, &order)), set(id, &record)]), |set| {
                assert!(batch.append(set).is_none());
                let row = batch.len() - 1;
                assert_eq!(batch.column(field::SRC_ADDR).unwrap().get(row), Some(v4(1)));
                assert_eq!(batch.column(field::SRC_PORT).unwrap().get(row), Some(id));
                if batch.is_full() {
                    batch.clear();
                }
            });
        }
    }
}

/// A program that had to go comes back: templates in turn, one more than there is room for.
#[test]
fn templates_in_turn() {
    let mut decoder = Decoder::default();
    let mut batch = FlowBatch::builder(Schema::common()).fields(fields(&["src_port"])).programs(8).capacity(16).build().unwrap();
    for round in 0..20_u16 {
        for id in 256..265_u16 {
            let layout = [(99_999, id, id % 5 + 1), (0, 7, 2)];
            let record = [vec![0; usize::from(id % 5 + 1)], (id + round).to_be_bytes().to_vec()].concat();
            flows(&mut decoder, &ipfix(&[set(2, &template(id, &layout)), set(id, &record)]), |set| {
                assert!(batch.append(set).is_none());
                assert_eq!(batch.column(field::SRC_PORT).unwrap().get(batch.len() - 1), Some(id + round));
                if batch.is_full() {
                    batch.clear();
                }
            });
        }
    }
}

/// Records that are large by what no column shows: their texts are kept, and nothing else.
#[test]
fn texts_of_large_records() {
    for (length, name) in [(1_900_u16, 4_u16), (500, 4), (1_900, 65_535)] {
        let layout = [(99_999, 1, length), (56_506, 101, name), (0, 7, 2)];
        let texts = ["pods", "a-name-that-is-no-longer-in-its-view", ""];
        let records: Vec<u8> = texts
            .iter()
            .flat_map(|text| {
                let text = if name == 4 {
                    "pods".as_bytes().to_vec()
                } else {
                    [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
                };
                [vec![b'x'; usize::from(length)], text, vec![0, 80]].concat()
            })
            .collect();
        let mut decoder = Decoder::default();
        let mut batch = batch(&["src_pod", "src_port"], 100);
        for _ in 0..30 {
            flows(&mut decoder, &ipfix(&[set(2, &template(300, &layout)), set(300, &records)]), |set| {
                assert!(batch.append(set).is_none());
            });
        }
        let pods = batch.column(field::SRC_POD).unwrap();
        for row in 0..90 {
            let wanted = if name == 4 { "pods" } else { texts[row % 3] };
            assert_eq!(pods.get(row).map(|pod| pod.as_bytes().to_vec()), Some(wanted.as_bytes().to_vec()));
            assert_eq!(batch.column(field::SRC_PORT).unwrap().get(row), Some(80));
        }
        let kept = batch.take().text.len();
        let large = if name == 4 { 0 } else { 30 * texts[1].len() };
        assert_eq!(kept, if length > 1_024 { large } else { 30 * records.len() });
    }
}

/// Two decoders number their templates alike; a batch takes none for the other.
#[test]
fn one_batch_for_several_decoders() {
    let mut batch = batch(&["src_addr", "src_port", "dst_port", "protocol"], 4);
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
        let order = order.map(|at| PORTS[at]);
        let record: Vec<u8> = order
            .iter()
            .flat_map(|(_, element, _)| match element {
                8 => vec![198, 51, 100, 5],
                7 => vec![0, 7],
                _ => vec![0, 11],
            })
            .collect();
        flows(&mut Decoder::default(), &ipfix(&[set(2, &template(256, &order)), set(256, &record)]), |set| {
            assert!(batch.append(set).is_none());
        });
    }
    for row in 0..3 {
        assert_eq!(batch.column(field::SRC_ADDR).unwrap().get(row), Some(v4(5)), "row {row}");
        assert_eq!(
            (batch.column(field::SRC_PORT).unwrap().get(row), batch.column(field::DST_PORT).unwrap().get(row)),
            (Some(7), Some(11))
        );
        assert_eq!(batch.column(field::PROTOCOL).unwrap().get(row), Some(Protocol::Ipfix.code()));
    }
}

#[test]
fn batches_move_between_threads() {
    fn both<T: Send + Sync>(_: &T) {}
    both(&batch(&["tos"], 1));
}
