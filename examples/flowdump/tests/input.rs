//! Reads every capture of the corpus and compares how many datagrams come out with what its lists say.
//!
//! The corpus is not part of the repository. `FLOWCODEC_CORPUS` says where it is; without one, the tests say so
//! and pass.
#![cfg(test)]

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use flowcodec::Protocol;
use flowdump::input::{Item, Options, Passed, read, recognise};

/// What came out of a file.
#[derive(Debug, Default)]
struct Seen {
    datagrams: u64,
    streams: BTreeMap<u64, Vec<u8>>,
    ended: Vec<u64>,
    passed: BTreeMap<Passed, u64>,
    /// Datagrams that would not be known at a port that is not a collector's.
    known_by_port: Vec<Protocol>,
}

impl Seen {
    fn read(path: &Path) -> Self {
        let mut seen = Self::default();
        let mut read_before = 0;
        let mut progress = |octets| {
            assert!(octets >= read_before);
            read_before = octets;
        };
        read(path, &Options::default(), &mut progress, &mut |item| {
            seen.item(item);
            ControlFlow::Continue(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(read_before, fs::metadata(path).unwrap().len(), "{}", path.display());
        seen
    }

    fn item(&mut self, item: Item<'_>) {
        match item {
            Item::Datagram { destination, received_ns, bytes, .. } => {
                self.datagrams += 1;
                let protocol = recognise(bytes, destination.port(), received_ns).unwrap();
                if recognise(bytes, 40_000, received_ns) != Some(protocol) {
                    self.known_by_port.push(protocol);
                }
            }
            Item::Stream { stream, bytes, .. } => {
                self.streams.entry(stream).or_default().extend(bytes);
            }
            Item::Goflow2 { .. } => panic!("nothing of goflow2 is in the corpus of captures"),
            Item::StreamEnd { stream } => self.ended.push(stream),
            Item::Passed { bytes, why } => *self.passed.entry(why).or_default() += bytes,
        }
    }
}

/// Captures for which the manifest counts another number, the number found here, and why that is right.
/// They are also the only ones that only their port tells.
const OTHER_COUNTS: &[(&str, u64, &str)] = &[(
    "tcpdump/sflow_print-segv.pcap",
    1,
    "the UDP length leaves 8 octets of an sFlow datagram, which the manifest does not count",
)];

#[test]
fn the_captures_of_the_manifest_give_their_datagrams() {
    let Some(corpus) = corpus() else { return };
    let manifest = fs::read_to_string(corpus.join("MANIFEST.tsv")).unwrap();
    let mut rows = manifest.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let names = rows.next().unwrap();
    let column = |name| names.iter().position(|it| *it == name).unwrap();
    let (file, format, count) = (column("file"), column("format"), column("n_datagrams"));
    let mut wrong = Vec::new();
    let mut files = 0;
    for row in rows.filter(|row| row[format] == "pcap") {
        files += 1;
        let stated: u64 = row[count].parse().unwrap();
        let other = OTHER_COUNTS.iter().find(|(name, ..)| *name == row[file]);
        let expected = other.map_or(stated, |(_, count, _)| *count);
        let seen = Seen::read(&corpus.join(row[file]));
        let known_by_port = if other.is_some() { seen.datagrams } else { 0 };
        if seen.datagrams != expected || !seen.streams.is_empty() || octets(seen.known_by_port.len()) != known_by_port {
            wrong.push(format!("{}: expected {expected}, {seen:?}", row[file]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(files, 52);
}

#[test]
fn the_streams_of_the_manifest_come_whole() {
    let Some(corpus) = corpus() else { return };
    let manifest = fs::read_to_string(corpus.join("MANIFEST.tsv")).unwrap();
    let mut files = 0;
    for row in manifest.lines().map(|line| line.split('\t').collect::<Vec<_>>()) {
        if row[2] == "stream" {
            files += 1;
            let path = corpus.join(row[0]);
            let seen = Seen::read(&path);
            let streams: Vec<_> = seen.streams.values().collect();
            assert_eq!(streams, [&fs::read(&path).unwrap()], "{}", row[0]);
            assert_eq!(seen.ended.len(), 1);
            assert_eq!(seen.datagrams, 0);
        }
    }
    assert_eq!(files, 11);
}

#[test]
fn the_recorded_exporters_give_their_messages() {
    let Some(corpus) = corpus() else { return };
    let mut wrong = Vec::new();
    let mut files = 0;
    for folder in folders(&corpus.join("exporters")) {
        let expected = json(&folder.join("expected.json"));
        for (name, expected) in expected.as_object().unwrap() {
            let Some(messages) = expected["messages"].as_u64() else {
                continue;
            };
            files += 1;
            let seen = Seen::read(&folder.join(name));
            if seen.datagrams != messages || !seen.streams.is_empty() {
                wrong.push(format!("{name}: expected {messages}, {seen:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(files > 10, "{files}");
}

#[test]
fn the_recordings_of_antrea_give_their_packets() {
    let Some(corpus) = corpus() else { return };
    for name in [
        "antrea-0.9",
        "antrea-1.12",
        "antrea-1.12-multiset",
        "antrea-1.15",
        "antrea-2.7",
        "correlation-a",
        "aggregator-2.7-aggregate",
    ] {
        let truth = json(&corpus.join(format!("antrea/{name}.truth.json")));
        let seen = Seen::read(&corpus.join(format!("antrea/{name}.pcap")));
        assert_eq!(Some(seen.datagrams), truth["counts"]["packets"].as_u64(), "{name}");
        assert!(seen.passed.is_empty(), "{name}: {seen:?}");
    }
}

#[test]
fn ipfix_over_tcp_comes_as_whole_messages() {
    let Some(corpus) = corpus() else { return };
    for (name, messages) in [("antrea/aggregator-2.7-aggregate-tcp.pcap", 20), ("exporters/softflowd/v10_tcp.pcap", 1)] {
        let seen = Seen::read(&corpus.join(name));
        let streams: Vec<_> = seen.streams.values().collect();
        let [stream] = streams[..] else { panic!("{name}: {} streams", streams.len()) };
        assert_eq!(seen.ended.len(), 1, "{name}");
        assert_eq!(count_messages(stream), messages, "{name}");
        assert_eq!(seen.datagrams, 0, "{name}");
    }
}

#[test]
fn traffic_without_flows_gives_nothing() {
    let Some(corpus) = corpus() else { return };
    for name in ["exporters/input_mix_full.pcap", "vanflow/v2-main.wire.pcap"] {
        let seen = Seen::read(&corpus.join(name));
        assert_eq!(seen.datagrams, 0, "{name}: {seen:?}");
        assert!(seen.streams.is_empty(), "{name}");
        assert!(!seen.passed.is_empty(), "{name}");
    }
}

#[test]
fn the_capture_beside_this_package_gives_its_datagrams() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../captures/openvswitch-ipfix.pcap");
    let seen = Seen::read(&path);
    assert_eq!(seen.datagrams, 365);
    assert!(seen.known_by_port.is_empty());
    assert!(seen.streams.is_empty());
}

fn octets(length: usize) -> u64 {
    u64::try_from(length).unwrap()
}

/// Walks the messages of a stream, which has to end with one.
fn count_messages(mut stream: &[u8]) -> u32 {
    let mut count = 0;
    while let [0, 10, a, b, ..] = *stream {
        stream = &stream[usize::from(u16::from_be_bytes([a, b]))..];
        count += 1;
    }
    assert!(stream.is_empty());
    count
}

fn corpus() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let corpus = std::env::var_os("FLOWCODEC_CORPUS").map_or(here, PathBuf::from);
    if corpus.join("MANIFEST.tsv").exists() {
        return Some(corpus);
    }
    println!("skipped: there is no corpus; FLOWCODEC_CORPUS says where it is");
    None
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).collect()
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}
