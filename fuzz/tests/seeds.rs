//! Every target over every seed, over changed seeds, and over every prefix of every datagram.
//!
//! The corpus is not part of the repository: `FLOWCODEC_CORPUS` says where it is, and without it these tests read the seeds and
//! recordings of the project alone. More than the ordinary run does:
//!
//! ```text
//! FLOWCODEC_FUZZ=all cargo test --release -p flowcodec-fuzz           every prefix of the largest capture too; a minute
//! FLOWCODEC_FUZZ_ROUNDS=5000 cargo test --release -p flowcodec-fuzz   changes of each seed; the ordinary run makes 100
//! ```
#![cfg(test)]

mod inputs;

use flowcodec::{Exporter, Settings, Timestamp};
use flowcodec_fuzz::{Audit, Mutator, Reading, headers, ipfix, netflow5, netflow9, session, sflow, write_headers, write_session};
use inputs::{Datagram, File};

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

#[test]
fn every_target_over_the_seeds() {
    for file in &inputs::seeds() {
        whole(file);
    }
}

#[test]
fn every_target_over_the_recordings() {
    for file in &inputs::captures() {
        whole(file);
    }
}

#[test]
fn every_target_over_the_corpus() {
    for file in &inputs::corpus() {
        whole(file);
    }
}

/// The big one: one run of the session target, and the views now and then.
#[test]
fn the_session_over_the_largest_capture() {
    let Some(file) = inputs::largest() else { return };
    for datagram in evenly(&file.datagrams, 64) {
        ipfix(&datagram.bytes);
    }
    for part in file.datagrams.chunks(200).step_by(4) {
        sessions(part);
    }
}

#[test]
fn every_prefix_of_the_seeds_and_recordings() {
    for file in inputs::seeds().iter().chain(&inputs::captures()) {
        prefixes(file, usize::MAX);
    }
}

// Four parts, so that they run side by side.
#[test]
fn every_prefix_of_the_corpus_1() {
    prefixes_of_corpus(0);
}

#[test]
fn every_prefix_of_the_corpus_2() {
    prefixes_of_corpus(1);
}

#[test]
fn every_prefix_of_the_corpus_3() {
    prefixes_of_corpus(2);
}

#[test]
fn every_prefix_of_the_corpus_4() {
    prefixes_of_corpus(3);
}

#[test]
fn every_prefix_of_the_largest_capture() {
    let Some(file) = inputs::largest() else { return };
    prefixes(&file, MOST);
}

#[test]
fn every_header_of_the_corpus() {
    let packets = inputs::packets();
    for (number, packet) in (0_u8..).cycle().zip(&packets) {
        // Ethernet, as nearly all are; and another start.
        for start in [1, number] {
            headers(&write_headers(start, number, packet));
        }
    }
    let mut mutator = Mutator::new(7);
    for (number, packet) in (0_u8..).cycle().zip(&packets) {
        let donor = &packets[usize::from(number) % packets.len()];
        for _ in 0..rounds() / 10 {
            headers(&write_headers(1, number, &mutator.change(packet, donor)));
        }
    }
}

#[test]
fn every_target_over_changed_seeds() {
    let seeds = inputs::seeds();
    changed(&seeds, &seeds, 1);
}

#[test]
fn every_target_over_changed_datagrams_of_the_corpus() {
    let corpus = inputs::corpus();
    let some: Vec<File> = corpus
        .iter()
        .filter_map(|file| {
            let first = file.datagrams.iter().find(|datagram| datagram.bytes.len() < 1_500)?;
            let datagrams = vec![Datagram { source: first.source, bytes: first.bytes.clone() }];
            Some(File { name: file.name.clone(), datagrams })
        })
        .collect();
    changed(&some, &inputs::seeds(), 4);
}

/// Datagrams of the largest capture whose prefixes are read in an ordinary run.
const MOST: usize = 64;

/// Every target over a file as it is.
fn whole(file: &File) {
    for datagram in &file.datagrams {
        each(&datagram.bytes);
    }
    sessions(&file.datagrams);
    for packet in inputs::packets_of(file) {
        headers(&write_headers(1, 40, &packet));
    }
}

/// The target that reads this version.
fn each(bytes: &[u8]) {
    match bytes {
        [0, 0, 0, 2 | 4 | 5, ..] => sflow(bytes),
        [0, 1 | 5 | 7, ..] => netflow5(bytes),
        [0, 9, ..] => netflow9(bytes),
        _ => ipfix(bytes),
    }
}

/// Datagrams as one session, under every setting.
fn sessions(datagrams: &[Datagram]) {
    for flags in [0, 1 | 8, 2 | 4, 16] {
        let numbered = datagrams.iter().zip((0..4).cycle());
        let steps = numbered.map(|(datagram, number)| (u8::from(flags & 1 != 0) * number, datagram.bytes.as_slice()));
        session(&write_session(flags, steps));
    }
}

/// Every prefix of (at most `most`) datagrams, in a decoder that knows nothing and in one that knows what the file teaches.
fn prefixes(file: &File, most: usize) {
    let most = if std::env::var_os("FLOWCODEC_FUZZ").is_some_and(|it| it == "all") { usize::MAX } else { most };
    let mut taught = Audit::new(Settings::default(), Reading::Cheap);
    for datagram in &file.datagrams {
        taught.datagram(datagram.source.into(), NOW, &datagram.bytes);
    }
    taught.finish();
    let lesson = taught.snapshot();
    for datagram in evenly(&file.datagrams, most) {
        let mut fresh = Audit::new(Settings::default(), Reading::Cheap);
        let mut taught = Audit::restored(Settings::default(), Reading::Cheap, &lesson);
        for end in 0..=datagram.bytes.len() {
            let prefix = &datagram.bytes[..end];
            // An exporter that was never heard is as good as a fresh decoder.
            let [.., a, b] = end.to_be_bytes();
            fresh.datagram(Exporter::new([10, 0, a, b].into(), 0), NOW, prefix);
            taught.datagram(datagram.source.into(), NOW, prefix);
        }
        fresh.finish();
        taught.finish();
        if datagram.bytes.starts_with(&[0, 0, 0, 5]) {
            in_session(file, datagram);
        }
    }
}

/// Every prefix of a datagram of sFlow behind all of its file: snapshots do not have the data sources of agents.
fn in_session(file: &File, datagram: &Datagram) {
    let mut audit = Audit::new(Settings::default(), Reading::Cheap);
    for datagram in &file.datagrams {
        audit.datagram(datagram.source.into(), NOW, &datagram.bytes);
    }
    for end in 0..=datagram.bytes.len() {
        audit.datagram(datagram.source.into(), NOW, &datagram.bytes[..end]);
    }
    audit.finish();
}

fn prefixes_of_corpus(part: usize) {
    for file in inputs::corpus().iter().skip(part).step_by(4) {
        prefixes(file, usize::MAX);
    }
}

/// `count` items at even distances, the first and the last among them.
fn evenly<T>(items: &[T], count: usize) -> impl Iterator<Item = &T> {
    let taken = items.len().min(count);
    (0..taken).map(move |number| &items[number * (items.len() - 1) / (taken - 1).max(1)])
}

/// How often each seed is changed.
fn rounds() -> usize {
    std::env::var("FLOWCODEC_FUZZ_ROUNDS").map_or(100, |rounds| rounds.parse().unwrap())
}

/// Every target over changed copies of the files' datagrams.
fn changed(files: &[File], donors: &[File], slower: usize) {
    let rounds = rounds();
    for (number, file) in (0..).zip(files) {
        let mut mutator = Mutator::new(number);
        let steps = file.datagrams.iter().map(|datagram| (0, datagram.bytes.as_slice()));
        let session_seed = write_session(0, steps.clone().chain(steps));
        for round in 0..rounds / slower {
            let donor = &donors[round % donors.len()].datagrams[0].bytes;
            for datagram in &file.datagrams {
                each(&mutator.change(&datagram.bytes, donor));
            }
            session(&mutator.change(&session_seed, donor));
        }
    }
}
