//! One decoder for the recordings of all exporters, a datagram of each in turn: it knows who is who, and misses nothing that is there.
#![cfg(test)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use common::corpus;
use flowcodec::ipfix::Framer;
use flowcodec::{Decoder, Event, Exporter, ExporterStatus, Protocol, Session, Timestamp};
use flowdump::input::{self, Item, Options};
use serde_json::Value as Json;

/// One datagram, or one message of a stream.
struct Message {
    port: u16,
    stream: bool,
    received: Timestamp,
    bytes: Vec<u8>,
}

fn messages(path: &Path) -> Vec<Message> {
    let (mut messages, mut framers) = (Vec::new(), BTreeMap::new());
    input::read(path, &Options::default(), &mut |_| {}, &mut |item| {
        match item {
            Item::Datagram { source, received_ns, bytes, .. } => messages.push(Message {
                port: source.port(),
                stream: false,
                received: Timestamp::from_nanos(received_ns),
                bytes: bytes.to_vec(),
            }),
            Item::Stream { stream, source, received_ns, bytes, .. } => {
                let framer: &mut Framer = framers.entry(stream).or_default();
                framer.push(bytes);
                while let Some(Ok(bytes)) = framer.next() {
                    let (port, bytes, received) = (source.port(), bytes.to_vec(), Timestamp::from_nanos(received_ns));
                    messages.push(Message { port, stream: true, received, bytes });
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    messages
}

/// Gives a message to a decoder as if recording `number` had an address of its own.
fn give(decoder: &mut Decoder, number: u8, message: &Message) {
    let exporter = Exporter::new(address(number), message.port);
    let events = if message.stream {
        decoder.message(Session::new(exporter, number.into()), message.received, &message.bytes)
    } else {
        decoder.datagram(exporter, message.received, &message.bytes)
    };
    events.for_each(|event| {
        if let Event::Sequence(event) = event {
            panic!("{number}: {event:?}");
        }
    });
}

fn address(number: u8) -> IpAddr {
    Ipv4Addr::new(198, 51, 100, number).into()
}

/// What is known of exporters, in one order.
fn known(decoder: &Decoder) -> Vec<ExporterStatus> {
    let mut all: Vec<_> = decoder.exporters().collect();
    all.sort_by_key(|it| (it.exporter, it.protocol, it.domain, it.agent));
    all
}

fn recordings(corpus: &Path) -> Vec<PathBuf> {
    let exporters = ["fprobe", "hsflowd", "nfdump", "openvswitch", "pmacct", "softflowd"];
    let folders = exporters.map(|folder| corpus.join("exporters").join(folder)).into_iter().chain([corpus.join("antrea")]);
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap()).map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|it| it == "pcap")).collect();
    files.sort();
    files
}

#[test]
fn all_exporters_are_told_apart() {
    let Some(corpus) = corpus() else { return };
    let recordings = recordings(&corpus);
    assert_eq!(recordings.len(), 21 + 8);
    let all: Vec<_> = recordings.iter().map(|path| messages(path)).collect();
    let mut alone = Vec::new();
    for (number, (path, messages)) in (1..).zip(recordings.iter().zip(&all)) {
        let mut decoder = Decoder::default();
        for message in messages {
            give(&mut decoder, number, message);
        }
        drop(decoder.finish());
        let known = known(&decoder);
        as_expected(path, &known);
        alone.extend(known);
    }

    let mut together = Decoder::default();
    for turn in 0..all.iter().map(Vec::len).max().unwrap() {
        for (number, messages) in (1..).zip(&all) {
            if let Some(message) = messages.get(turn) {
                give(&mut together, number, message);
            }
        }
    }
    drop(together.finish());
    assert_eq!(known(&together), alone);
    let stats = together.stats();
    assert_eq!((stats.lost_records, stats.lost_packets, stats.exporters_evicted, stats.sessions_evicted), (0, 0, 0, 0));
    assert_eq!(stats.bytes, stats.bytes_decoded + stats.bytes_reported);
}

/// What an exporter is known by: its protocol, the agent, and the domain, engine or sub-agent.
fn name(status: &ExporterStatus) -> (Protocol, Option<IpAddr>, u32) {
    (status.protocol, status.agent, status.domain)
}

/// The agents and sub-agents in the READMEs of the recordings, and the totals beside them.
fn as_expected(path: &Path, known: &[ExporterStatus]) {
    let recording = path.file_stem().unwrap().to_str().unwrap();
    let agent = |agent: [u8; 4], sub_agent| (Protocol::Sflow, Some(IpAddr::from(agent)), sub_agent);
    let samplers = match recording {
        "s1" => vec![agent([192, 0, 2, 9], 100_000)],
        "sflow1" | "sflow64" => vec![agent([10, 99, 0, 254], 0)],
        // To two collectors, from two ports.
        "seed004" => vec![agent([10, 99, 0, 254], 0); 2],
        "sfprobe" => vec![agent([10, 99, 0, 250], 1_402)],
        _ => vec![],
    };
    let found: Vec<_> = known.iter().filter(|it| it.protocol == Protocol::Sflow).map(name).collect();
    assert_eq!(found, samplers, "{recording}");
    for status in known {
        assert_eq!((status.lost_records, status.lost_packets), (0, 0), "{recording} {status:?}");
        // Data of domain 12 has its templates under 11.
        assert_eq!(status.faults != 0, recording == "ipfix_flow" && status.domain == 12, "{recording} {status:?}");
        assert!(status.first_heard <= status.last_heard && status.messages > 0);
    }
    let Ok(expected) = fs::read(path.with_file_name("expected.json")) else { return };
    let expected: Json = serde_json::from_slice(&expected).unwrap();
    let expected = &expected[format!("{recording}.pcap")];
    let number = |name: &str| expected[name].as_u64();
    let Some(messages) = number("messages") else { return };
    let sum = |of: fn(&ExporterStatus) -> u64| known.iter().map(of).sum::<u64>();
    assert_eq!(sum(|it| it.messages), messages, "{recording}");
    assert_eq!(Some(sum(|it| it.records)), number("flows").map(|flows| flows + number("counters").unwrap_or(0)), "{recording}");
    assert_eq!(Some(sum(|it| it.options)), number("options"), "{recording}");
    let protocols: Vec<_> = expected["protocols"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    let named = |protocol: Protocol| protocol.name().replace("sflow", "sflow5");
    assert!(known.iter().all(|status| protocols.contains(&&*named(status.protocol))), "{recording} {protocols:?}");
}
