//! The target of goflow2's messages over its seeds, over what the recording gives, over changes of both, and over every prefix.
//! `FLOWCODEC_FUZZ_ROUNDS` makes more changes.
#![cfg(test)]

mod inputs;

use flowcodec::io::goflow2::{Dialect, Framing, write_json, write_protobuf_set};
use flowcodec::{Decoder, Event, RowScratch, Timestamp};
use flowcodec_fuzz::{Mutator, goflow2, write_goflow2};

fn rounds() -> usize {
    std::env::var("FLOWCODEC_FUZZ_ROUNDS").map_or(100, |rounds| rounds.parse().unwrap())
}

/// The first flows of the recording in every form there is.
fn written() -> Vec<Vec<u8>> {
    let (mut decoder, mut scratch, mut forms) = (Decoder::default(), RowScratch::new(), vec![Vec::new(); 10]);
    for datagram in inputs::captures().iter().flat_map(|file| &file.datagrams).take(30) {
        decoder.datagram(datagram.source.into(), Timestamp::from_seconds(1_700_000_000), &datagram.bytes).for_each(|event| {
            let Event::Flows(set) = event else { return };
            let mut places = forms.iter_mut();
            for dialect in [Dialect::V1, Dialect::V2] {
                let mut lines = String::new();
                for record in set.records() {
                    write_json(&mut lines, &record, dialect);
                    lines.push('\n');
                }
                places.next().unwrap().extend(lines.as_bytes());
                for framing in [Framing::Bare, Framing::BareLines, Framing::Prefixed, Framing::PrefixedLines] {
                    write_protobuf_set(places.next().unwrap(), &set, &mut scratch, dialect, framing);
                }
            }
        });
    }
    assert!(forms.iter().all(|form| form.len() > 500));
    forms
}

fn all() -> Vec<Vec<u8>> {
    let seeds = inputs::messages().into_iter().flat_map(|file| file.datagrams).map(|seed| seed.bytes);
    seeds.chain(written()).collect()
}

#[test]
fn streams_as_they_are() {
    for octets in all() {
        for piece in [0, 1, 7, 64, 255] {
            goflow2(&write_goflow2(piece, &octets));
        }
    }
}

#[test]
fn every_prefix() {
    for octets in all() {
        for end in 0..octets.len().min(1_000) {
            goflow2(&write_goflow2(13, &octets[..end]));
        }
    }
}

#[test]
fn changes() {
    let all = all();
    let mut mutator = Mutator::new(23);
    for octets in &all {
        let octets = &octets[..octets.len().min(2_000)];
        for round in 0..rounds() {
            let piece = u8::try_from(round % 256).unwrap();
            goflow2(&write_goflow2(piece, &mutator.change(octets, &all[round % all.len()])));
        }
    }
}
