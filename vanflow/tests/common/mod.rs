//! What the tests over recordings share: where they lie, and how one is read.
//!
//! `v2-main` lies in `tests/data`. The others are in the corpus, which is not part of the repository: `FLOWCODEC_CORPUS` says where it is.
//! Without one, tests of the others say so and pass.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flowcodec::Timestamp;
use serde_json::Value;

/// Names of all recordings.
pub(crate) const RECORDINGS: [&str; 4] = ["v2-main", "v1-main", "v1-legacy", "v2-load"];

/// One message as it was received.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) at: Timestamp,
    pub(crate) link: String,
    pub(crate) octets: Vec<u8>,
}

/// The folder of the corpus' recordings, if there is one.
pub(crate) fn corpus() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let corpus = std::env::var_os("FLOWCODEC_CORPUS").map_or(here, PathBuf::from).join("vanflow");
    if corpus.exists() {
        return Some(corpus);
    }
    eprintln!("skipped: there is no corpus; FLOWCODEC_CORPUS says where it is");
    None
}

fn folder(name: &str) -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    if own.join(format!("{name}.bin")).exists() { Some(own) } else { corpus() }
}

/// The messages of a recording, in the order they came.
pub(crate) fn recording(name: &str) -> Option<Vec<Received>> {
    let folder = folder(name)?;
    let octets = fs::read(folder.join(format!("{name}.bin"))).unwrap();
    let index = fs::read_to_string(folder.join(format!("{name}.index.tsv"))).unwrap();
    let messages = index.lines().skip(1).map(|line| {
        let columns: Vec<_> = line.split('\t').collect();
        let micros: i64 = columns[1].parse().unwrap();
        let (offset, length): (usize, usize) = (columns[6].parse().unwrap(), columns[7].parse().unwrap());
        let octets = octets[offset..offset + length].to_vec();
        Received { at: Timestamp::from_nanos(micros * 1000), link: columns[2].to_owned(), octets }
    });
    Some(messages.collect())
}

/// All recordings there are.
pub(crate) fn recordings() -> Vec<(&'static str, Vec<Received>)> {
    RECORDINGS.into_iter().filter_map(|name| Some((name, recording(name)?))).collect()
}

/// The messages as qpid-proton decoded them.
pub(crate) fn reference(name: &str) -> Option<Vec<Value>> {
    let file = corpus()?.join(format!("{name}.jsonl"));
    let text = if file.exists() {
        fs::read_to_string(file).unwrap()
    } else {
        let mut text = String::new();
        let packed = fs::File::open(file.with_extension("jsonl.gz")).unwrap();
        flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
        text
    };
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// The final state, by an independent merge.
pub(crate) fn state(name: &str) -> Option<Value> {
    Some(serde_json::from_str(&fs::read_to_string(folder(name)?.join(format!("{name}.state.json"))).unwrap()).unwrap())
}
