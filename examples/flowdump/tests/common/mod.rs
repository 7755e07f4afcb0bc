//! What the tests over the corpus share: where it lies, its groups, and how one is decoded.
//!
//! The corpus is not part of the repository. `FLOWCODEC_CORPUS` says where it is; without one, the tests say so and pass.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use flowcodec::{Decoder, Event, Settings};
use flowdump::feed::{Feed, Seen};
use flowdump::input::{InputError, Options};

/// The folder of the corpus, if there is one.
pub(crate) fn corpus() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let corpus = std::env::var_os("FLOWCODEC_CORPUS").map_or(here, PathBuf::from);
    if corpus.join("MANIFEST.tsv").exists() {
        return Some(corpus);
    }
    eprintln!("skipped: there is no corpus; FLOWCODEC_CORPUS says where it is");
    None
}

/// Files that are decoded together, in order.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) members: Vec<Member>,
    /// Recorded answers of other decoders, relative to the corpus.
    pub(crate) goldens: Vec<String>,
}

/// One file of a group.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) file: String,
    pub(crate) protocols: String,
    /// `pcap`, `raw` (one UDP payload) or `stream` (IPFIX messages).
    pub(crate) format: String,
    /// Octets of the uncompressed file.
    pub(crate) bytes: u64,
    pub(crate) records: u64,
    pub(crate) templates: u64,
    note: String,
    /// It belongs to another group first, and its counts there are of no use here.
    pub(crate) borrowed: bool,
}

impl Group {
    /// Whether the file is one bare datagram.
    pub(crate) fn options(&self) -> Options {
        Options { raw: self.members[0].format == "raw", ..Options::default() }
    }

    /// Decodes all members with one decoder.
    pub(crate) fn decode(&self, corpus: &Path, settings: Settings, each: &mut dyn FnMut(&Event<'_>)) -> Feed {
        let files: Vec<_> = self.members.iter().map(|member| corpus.join(&member.file)).collect();
        decode(&files, self.options(), settings, each)
    }
}

/// The one file of the corpus whose message says that it is longer than the file.
const CUT: &str = "ipfixcol/bad-length-in-set.ipfix";

/// Decodes files with one decoder, to the end of the input.
pub(crate) fn decode<P: AsRef<Path>>(
    files: &[P],
    options: Options,
    settings: Settings,
    each: &mut dyn FnMut(&Event<'_>),
) -> Feed {
    let mut feed = Feed::new(Decoder::new(settings), options);
    for file in files {
        let result = feed.read(file.as_ref(), &mut |_| {}, &mut |_, seen| {
            if let Seen::Event(event) = seen {
                each(&event);
            }
            ControlFlow::Continue(())
        });
        match result {
            Err(InputError::CutMessage { .. }) if file.as_ref().ends_with(CUT) => {}
            result => result.unwrap_or_else(|error| panic!("{error}")),
        }
    }
    feed.finish(&mut |_, seen| {
        if let Seen::Event(event) = seen {
            each(&event);
        }
        ControlFlow::Continue(())
    });
    feed
}

/// All groups of the manifest.
pub(crate) fn groups(corpus: &Path) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut borrowed: Vec<(String, Member)> = Vec::new();
    for row in table(&corpus.join("MANIFEST.tsv")) {
        let number = |name: &str| row[name].parse().unwrap_or(0);
        let member = Member {
            file: row["file"].clone(),
            protocols: row["protocols"].clone(),
            format: row["format"].clone(),
            bytes: number("bytes"),
            records: number("n_records_ref"),
            templates: number("n_templates_ref"),
            note: row["note"].clone(),
            borrowed: false,
        };
        if let Some((_, other)) = member.note.split_once("also a member of group ") {
            let other = other.split([';', ',', ' ']).next().unwrap().to_owned();
            borrowed.push((other, Member { borrowed: true, ..member.clone() }));
        }
        let goldens = member.note.split_once("golden: ").map_or("", |(_, goldens)| goldens);
        let goldens: Vec<_> = goldens.split(", ").filter(|golden| !golden.is_empty()).map(str::to_owned).collect();
        match groups.iter_mut().find(|group| group.name == row["group"]) {
            Some(group) => {
                group.members.push(member);
                for golden in goldens {
                    if !group.goldens.contains(&golden) {
                        group.goldens.push(golden);
                    }
                }
            }
            None => groups.push(Group { name: row["group"].clone(), members: vec![member], goldens }),
        }
    }
    for (name, member) in borrowed {
        groups.iter_mut().find(|group| group.name == name).unwrap().members.push(member);
    }
    for group in &mut groups {
        put_in_order(corpus, group);
    }
    groups
}

/// "member i of n" of the notes; where that is missing, the order of the group's reference.
fn put_in_order(corpus: &Path, group: &mut Group) {
    let noted = |note: &str| -> Option<usize> { note.split_once("member ")?.1.split(' ').next()?.parse().ok() };
    let reference: Vec<String> = if group.members.len() > 1 && group.members.iter().any(|it| noted(&it.note).is_none()) {
        reference(corpus, &group.name).into_iter().map(|mut row| row.remove("file").unwrap()).collect()
    } else {
        Vec::new()
    };
    group.members.sort_by_key(|member| match noted(&member.note).filter(|_| reference.is_empty()) {
        Some(place) => place,
        None => reference.iter().position(|file| *file == member.file).unwrap_or(0),
    });
}

pub(crate) type Row = HashMap<String, String>;

/// The records and templates tshark found in a group.
pub(crate) fn reference(corpus: &Path, group: &str) -> Vec<Row> {
    let path = corpus.join(format!("reference/{group}.records.tsv"));
    table(&if path.exists() { path } else { path.with_added_extension("gz") })
}

/// The rows of a table with a heading, fields apart by tabs.
fn table(path: &Path) -> Vec<Row> {
    let text = text(path);
    let mut lines = text.lines().map(|line| line.split('\t').map(str::to_owned));
    let names: Vec<_> = lines.next().unwrap().collect();
    lines.map(|line| names.iter().cloned().zip(line).collect()).collect()
}

/// The text of a file, gzipped or not.
pub(crate) fn text(path: &Path) -> String {
    let octets = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if path.extension() != Some(OsStr::new("gz")) {
        return String::from_utf8(octets).unwrap();
    }
    let mut text = String::new();
    flate2::read::GzDecoder::new(&*octets).read_to_string(&mut text).unwrap();
    text
}
