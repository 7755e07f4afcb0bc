//! Where inputs come from: the seeds beside this package, the project's recordings, and the corpus where there is one.

#![allow(dead_code, reason = "each test program uses a part of this")]

use std::fs;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use flowcodec::ipfix::Framer;
use flowcodec::sflow::{Datagram as Datagram5, FlowView};
use flowdump::input::{Item, Options, read};

/// One datagram, or one message of a stream.
pub(crate) struct Datagram {
    pub(crate) source: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

/// The datagrams of one file, in order.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) datagrams: Vec<Datagram>,
}

/// The seeds made by hand: hexadecimal, with comments.
pub(crate) fn seeds() -> Vec<File> {
    let mut seeds = all_seeds();
    seeds.retain(|seed| !is_of_goflow2(seed));
    assert!(seeds.len() >= 8, "{} seeds", seeds.len());
    seeds
}

/// Those of goflow2's messages.
pub(crate) fn messages() -> Vec<File> {
    let mut seeds = all_seeds();
    seeds.retain(is_of_goflow2);
    assert!(seeds.len() >= 4, "{} seeds", seeds.len());
    seeds
}

fn is_of_goflow2(seed: &File) -> bool {
    seed.name.starts_with("seeds/goflow2-")
}

fn all_seeds() -> Vec<File> {
    files(&package().join("seeds")).into_iter().map(|path| seed(&path)).collect()
}

/// The recordings of the project itself.
pub(crate) fn captures() -> Vec<File> {
    let captures: Vec<File> = files(&package().join("../examples/captures"))
        .iter()
        .filter(|path| path.extension().is_some_and(|it| it == "pcap"))
        .map(|path| file(path, false))
        .collect();
    assert!(captures.iter().any(|file| file.datagrams.len() == 365), "the recording of Open vSwitch has 365 datagrams");
    captures
}

/// All files of the corpus that hold flow exports, but the one so large that it is a test of its own: [`largest`].
pub(crate) fn corpus() -> Vec<File> {
    let Some(corpus) = corpus_folder() else { return Vec::new() };
    let manifest = fs::read_to_string(corpus.join("MANIFEST.tsv")).unwrap();
    let mut all = Vec::new();
    for row in manifest.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>()) {
        if row[0] != LARGEST {
            all.push(file(&corpus.join(row[0]), row[2] == "raw"));
        }
    }
    assert!(all.len() > 200, "{} files", all.len());
    for folder in ["antrea", "exporters"] {
        let mut captures = Vec::new();
        walk(&corpus.join(folder), &mut captures);
        all.extend(captures.iter().map(|path| file(path, false)).filter(|file| !file.datagrams.is_empty()));
    }
    all
}

/// The one file that is larger than all the others together.
pub(crate) fn largest() -> Option<File> {
    Some(file(&corpus_folder()?.join(LARGEST), false))
}

/// The first octets of packets: of the samples of sFlow in the corpus, of the traffic that was sent to the exporters, and made by hand.
pub(crate) fn packets() -> Vec<Vec<u8>> {
    let mut packets: Vec<_> = seeds().iter().chain(&corpus()).flat_map(packets_of).collect();
    if let Some(corpus) = corpus_folder() {
        packets.extend(frames(&corpus.join("exporters/input_mix_full.pcap")));
    }
    packets.sort();
    packets.dedup();
    packets
}

/// Those in the samples of a file; a seed of packets is one itself.
pub(crate) fn packets_of(file: &File) -> Vec<Vec<u8>> {
    if file.name.starts_with("seeds/headers-") {
        return file.datagrams.iter().map(|datagram| datagram.bytes.clone()).collect();
    }
    let datagrams = file.datagrams.iter().filter_map(|datagram| Datagram5::parse(&datagram.bytes).ok());
    let records = datagrams.flat_map(|datagram| datagram.samples().flatten()).flat_map(|sample| sample.records().flatten());
    let headers = records.filter_map(|record| match record.flow() {
        Ok(FlowView::Header(header)) => Some(header.header.to_vec()),
        _ => None,
    });
    headers.collect()
}

/// The frames of a capture of the one kind there is.
fn frames(path: &Path) -> Vec<Vec<u8>> {
    let octets = fs::read(path).unwrap();
    let (mut frames, mut at) = (Vec::new(), 24);
    while at < octets.len() {
        let length = usize::try_from(u32::from_le_bytes(octets[at + 8..at + 12].try_into().unwrap())).unwrap();
        frames.push(octets[at + 16..at + 16 + length].to_vec());
        at += 16 + length;
    }
    assert_eq!(frames.len(), 140);
    frames
}

const LARGEST: &str = "netflow_parser/IPFIX.pcap.gz";

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn corpus_folder() -> Option<PathBuf> {
    let beside = package().join("../../shared/corpus");
    let corpus = std::env::var_os("FLOWCODEC_CORPUS").map_or(beside, PathBuf::from);
    if corpus.join("MANIFEST.tsv").exists() {
        return Some(corpus);
    }
    eprintln!("skipped: there is no corpus of captures here; FLOWCODEC_CORPUS says where it is");
    None
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn walk(folder: &Path, captures: &mut Vec<PathBuf>) {
    for path in files(folder) {
        if path.is_dir() {
            walk(&path, captures);
        } else if path.extension().is_some_and(|it| it == "pcap") {
            captures.push(path);
        }
    }
}

fn name(path: &Path) -> String {
    let parts: Vec<_> = path.iter().rev().take(2).map(|part| part.to_string_lossy()).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}

fn seed(path: &Path) -> File {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let bytes = lines.flat_map(str::split_whitespace).map(|octet| u8::from_str_radix(octet, 16).unwrap()).collect();
    File { name: name(path), datagrams: vec![Datagram { source: flowdump::input::NOWHERE, bytes }] }
}

fn file(path: &Path, raw: bool) -> File {
    let mut datagrams = Vec::new();
    let mut framers = std::collections::BTreeMap::new();
    let options = Options { raw, ..Options::default() };
    read(path, &options, &mut |_| {}, &mut |item| {
        match item {
            Item::Datagram { source, bytes, .. } => datagrams.push(Datagram { source, bytes: bytes.to_vec() }),
            Item::Stream { stream, source, bytes, .. } => {
                let framer = framers.entry(stream).or_insert_with(Framer::new);
                framer.push(bytes);
                while let Some(Ok(message)) = framer.next() {
                    datagrams.push(Datagram { source, bytes: message.to_vec() });
                }
            }
            Item::Goflow2 { .. } | Item::StreamEnd { .. } | Item::Passed { .. } => {}
        }
        ControlFlow::Continue(())
    })
    .unwrap_or_else(|error| panic!("{error}"));
    File { name: name(path), datagrams }
}
