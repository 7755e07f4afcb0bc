//! The targets of VAN-Flow over the recording that lies with the crate, and over changes of it. `FLOWCODEC_FUZZ_ROUNDS` makes more.
#![cfg(test)]

use std::fs;
use std::path::Path;

use flowcodec_fuzz::{Mutator, vanflow_collector, vanflow_message, write_collector};

/// Link, seconds since the one before, octets.
fn recording() -> Vec<(String, u8, Vec<u8>)> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vanflow/tests/data");
    let octets = fs::read(data.join("v2-main.bin")).unwrap();
    let index = fs::read_to_string(data.join("v2-main.index.tsv")).unwrap();
    let mut before = 0;
    index
        .lines()
        .skip(1)
        .map(|row| {
            let row: Vec<_> = row.split('\t').collect();
            let [second, offset, length] = [1, 6, 7].map(|column: usize| row[column].parse::<usize>().unwrap());
            let seconds = u8::try_from((second / 1_000_000).saturating_sub(before).min(60)).unwrap();
            before = second / 1_000_000;
            (row[2].to_owned(), if offset == 4 { 0 } else { seconds }, octets[offset..offset + length].to_vec())
        })
        .collect()
}

fn rounds() -> usize {
    std::env::var("FLOWCODEC_FUZZ_ROUNDS").map_or(100, |rounds| rounds.parse().unwrap())
}

#[test]
fn messages_and_their_changes() {
    let messages = recording();
    let mut mutator = Mutator::new(7);
    for (_, _, octets) in &messages {
        vanflow_message(octets);
        vanflow_message(octets.get(12..).unwrap_or_default());
        for round in 0..rounds() {
            let donor = &messages[round % messages.len()].2;
            vanflow_message(&mutator.change(octets, donor));
        }
    }
}

#[test]
fn collectors_and_their_changes() {
    let messages = recording();
    let session = |part: &[(String, u8, Vec<u8>)]| {
        write_collector(part.iter().map(|(link, seconds, octets)| (link.as_str(), *seconds, octets.as_slice())))
    };
    let whole = session(&messages);
    vanflow_collector(&whole);
    let mut mutator = Mutator::new(11);
    for part in messages.chunks(20) {
        let seed = session(part);
        vanflow_collector(&seed);
        for _ in 0..rounds() / 2 {
            vanflow_collector(&mutator.change(&seed, &whole));
        }
    }
}
