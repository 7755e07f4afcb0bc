//! Captures of others. They are not part of the repository: `FLOWCODEC_CORPUS` says where they are; without them the tests say so.

use std::fs;
use std::path::{Path, PathBuf};

use flowcodec::sflow::table::XdrValue;
use flowcodec::sflow::{Datagram, FlowView};
use flowcodec::{FaultKind, Limits};

/// One file: its name, its datagrams, and the samples that others count in it.
struct File {
    name: String,
    datagrams: Vec<Vec<u8>>,
    samples: Option<u32>,
}

/// Recordings of real exporters: whole, so without a fault.
const EXPORTERS: [&str; 4] = ["openvswitch/sflow1.pcap", "openvswitch/sflow64.pcap", "hsflowd/s1.pcap", "pmacct/sfprobe.pcap"];

fn corpus() -> Vec<File> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let corpus = std::env::var_os("FLOWCODEC_CORPUS").map_or(here, PathBuf::from);
    let Ok(manifest) = fs::read_to_string(corpus.join("MANIFEST.tsv")) else {
        println!("skipped: there is no corpus; FLOWCODEC_CORPUS says where it is");
        return Vec::new();
    };
    let mut lines = manifest.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let names = lines.next().unwrap();
    let column = |name: &str| names.iter().position(|column| *column == name).unwrap();
    let (file, protocols, format) = (column("file"), column("protocols"), column("format"));
    let (by_tshark, by_walk, note) = (column("n_records_ref"), column("n_records_walk"), column("note"));
    let mut files: Vec<File> = lines
        .filter(|row| row[protocols].contains("sFlow"))
        .map(|row| {
            let octets = fs::read(corpus.join(row[file])).unwrap();
            let raw = row[format] == "raw";
            let datagrams = if raw { vec![octets] } else { udp_payloads(&octets) };
            // One file has a sample that runs past its datagram; tshark counts it.
            let past = raw && row.get(note).is_some_and(|note| note.contains("DISAGREE"));
            let samples = row[if past { by_walk } else { by_tshark }].parse().unwrap();
            let malformed = row[protocols].contains("malformed");
            File { name: row[file].to_owned(), datagrams, samples: (!malformed).then_some(samples) }
        })
        .collect();
    assert!(files.len() > 25, "the manifest has lost its sFlow files");
    for name in EXPORTERS {
        let datagrams = udp_payloads(&fs::read(corpus.join("exporters").join(name)).unwrap());
        files.push(File { name: name.to_owned(), datagrams, samples: None });
    }
    files
}

/// UDP payloads of a classic pcap file with Ethernet frames, IPv4 or IPv6 without options; what else it holds is left out.
fn udp_payloads(pcap: &[u8]) -> Vec<Vec<u8>> {
    let little = pcap[..4] == [0xd4, 0xc3, 0xb2, 0xa1];
    let word = |at: usize| {
        let octets = pcap[at..at + 4].try_into().unwrap();
        usize::try_from(if little { u32::from_le_bytes(octets) } else { u32::from_be_bytes(octets) }).unwrap()
    };
    let link = word(20);
    let (mut payloads, mut at) = (Vec::new(), 24);
    while at + 16 <= pcap.len() {
        let frame = &pcap[at + 16..(at + 16 + word(at + 8)).min(pcap.len())];
        at += 16 + word(at + 8);
        let network = match link {
            1 if frame.len() > 14 && frame[12..14] == [0x81, 0] => &frame[18..],
            1 if frame.len() > 14 => &frame[14..],
            101 => frame,
            113 if frame.len() > 16 => &frame[16..],
            _ => continue,
        };
        let udp = match network.first().map(|octet| octet >> 4) {
            Some(4) if network.get(9) == Some(&17) => &network[usize::from(network[0] & 15) * 4..],
            Some(6) if network.get(6) == Some(&17) => &network[40..],
            _ => continue,
        };
        payloads.push(udp.get(8..).unwrap_or_default().to_vec());
    }
    payloads
}

fn is_sflow(datagram: &[u8]) -> bool {
    datagram.starts_with(&[0, 0, 0, 5])
}

/// Walks all there is, and holds the sum of octets.
fn walk(octets: &[u8]) -> Option<flowcodec::sflow::Tally> {
    let datagram = match Datagram::parse(octets) {
        Ok(datagram) => datagram,
        Err(fault) => {
            assert_eq!(usize::try_from(fault.bytes).unwrap(), octets.len());
            return None;
        }
    };
    let tally = datagram.tally(&Limits::default(), |fault| {
        assert!(usize::try_from(fault.offset).unwrap() <= octets.len(), "{fault}");
    });
    assert_eq!(usize::try_from(tally.octets + tally.lost_octets).unwrap(), octets.len());
    for record in datagram.samples().flatten().flat_map(|sample| sample.records()).flatten() {
        let view = record.flow();
        let mut values = record.values().into_iter().flatten().map(|value| value.map(|value| value.value.to_string().len()));
        assert_eq!(
            values.find_map(Result::err).is_some() && record.layout().is_some(),
            record.check(&Limits::default()).is_err()
        );
        if !matches!(view, Ok(FlowView::Other(_))) {
            assert_eq!(view.is_err(), record.check(&Limits::default()).is_err());
        }
    }
    Some(tally)
}

#[test]
fn every_prefix_of_every_datagram() {
    let mut prefixes = 0;
    for file in corpus() {
        for datagram in file.datagrams.iter().filter(|datagram| is_sflow(datagram)) {
            for length in 0..=datagram.len() {
                walk(&datagram[..length]);
                prefixes += 1;
            }
        }
    }
    println!("{prefixes} prefixes");
}

#[test]
fn samples_are_those_that_others_count() {
    for file in corpus() {
        let tallies: Vec<_> =
            file.datagrams.iter().filter(|datagram| is_sflow(datagram)).filter_map(|datagram| walk(datagram)).collect();
        let samples: u32 = tallies.iter().map(|tally| tally.samples).sum();
        if let Some(others) = file.samples {
            assert_eq!(samples, others, "{}", file.name);
        }
        let bad: u32 = tallies.iter().map(|tally| tally.bad_records).sum();
        let unknown: u32 = tallies.iter().map(|tally| tally.unknown_records + tally.unknown_samples).sum();
        println!("{}: {samples} samples, {bad} bad records, {unknown} unknown structures", file.name);
        if EXPORTERS.contains(&file.name.as_str()) {
            assert!(samples > 0 && tallies.iter().all(|tally| tally.lost_octets == 0), "{}", file.name);
        }
    }
}

#[test]
fn what_a_few_of_them_say() {
    let files = corpus();
    let Some(drop) = files.iter().find(|file| file.name.ends_with("sflow_drop_1036.bin")) else { return };
    let datagram = Datagram::parse(&drop.datagrams[0]).unwrap();
    let sample = datagram.samples().next().unwrap().unwrap();
    assert_eq!((sample.drops(), sample.reason().unwrap().name()), (Some(256), Some("host_unreachable")));
    let FlowView::EgressQueue(queue) = sample.records().next().unwrap().unwrap().flow().unwrap() else { panic!() };
    assert_eq!(queue.queue, 42);

    let cut = files.iter().find(|file| file.name.ends_with("gopacket_sflow.11.bin")).unwrap();
    let datagram = Datagram::parse(&cut.datagrams[0]).unwrap();
    let fault = datagram.samples().next().unwrap().unwrap_err();
    assert_eq!((fault.kind, fault.offset, fault.required, fault.available), (FaultKind::Truncated, 28, 116, 76));

    let macs = files.iter().find(|file| file.name.ends_with("gopacket_sflow.12.bin")).unwrap();
    let datagram = Datagram::parse(&macs.datagrams[0]).unwrap();
    let record = datagram.samples().next().unwrap().unwrap().records().next().unwrap().unwrap();
    let values: Vec<_> = record.values().unwrap().map(|value| value.unwrap().value.to_string()).collect();
    assert_eq!(values, ["16", "00:25:90:a2:53:58", "00:1d:b5:a2:5f:c0", "3"]);

    // Hosts: adapters with names, processors and memory.
    let hosts = files.iter().find(|file| file.name.contains("30_pdus")).unwrap();
    let all: Vec<_> =
        hosts.datagrams.iter().filter(|datagram| is_sflow(datagram)).filter_map(|d| Datagram::parse(d).ok()).collect();
    let records = all.iter().flat_map(Datagram::samples).flatten().flat_map(|s| s.records()).flatten();
    let load =
        records.filter_map(|record| record.values()).flatten().flatten().find(|value| value.def.name == "load_one").unwrap();
    assert!(matches!(load.value, XdrValue::F32(load) if (0.0..1000.0).contains(&load)), "{:?}", load.value);
}
