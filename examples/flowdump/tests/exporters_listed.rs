//! `--exporters`: who is in a recording, each told once, and no loss that was not there.
#![cfg(test)]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::corpus;
use serde_json::Value as Json;

/// One exporter: name, type, endpoint as the table shows it, records and options, status.
type Listed = (&'static str, &'static str, &'static str, u64, u64, &'static str);

/// The recordings of real exporters. Ports are those in the captures' UDP and TCP headers; domains, agents and sub-agents those of their
/// READMEs; and records of all exporters together are `flows`, `options` and `counters` of expected.json, which the test demands too.
const RECORDINGS: &[(&str, &[Listed])] = &[
    ("fprobe/v5.pcap", &[("127.0.0.1", "NetFlow v5", "127.0.0.1:50868, domain 0", 30, 0, "ok")]),
    ("hsflowd/s1.pcap", &[("192.0.2.9", "sFlow v5", "127.0.0.1:48146, sub-agent 100000", 162, 0, "ok")]),
    ("nfdump/nfreplay_v5.pcap", &[("127.0.0.1", "NetFlow v5", "127.0.0.1:56460, domain 12886", 30, 0, "ok")]),
    (
        "openvswitch/ipfix_each.pcap",
        &[
            ("127.0.0.1", "IPFIX", "127.0.0.1:34695, domain 0", 0, 1, "ok"),
            ("127.0.0.1", "IPFIX", "127.0.0.1:34695, domain 123", 345, 0, "ok"),
        ],
    ),
    (
        "openvswitch/ipfix_flow.pcap",
        &[
            ("127.0.0.1", "IPFIX", "127.0.0.1:38884, domain 0", 0, 1, "ok"),
            ("127.0.0.1", "IPFIX", "127.0.0.1:38884, domain 11", 74, 0, "ok"),
            // Its templates come under domain 11 alone: 48 records without.
            ("127.0.0.1", "IPFIX", "127.0.0.1:38884, domain 12", 0, 0, "silent"),
        ],
    ),
    (
        "openvswitch/ipfix_tunnel.pcap",
        &[
            ("127.0.0.1", "IPFIX", "127.0.0.1:50585, domain 0", 0, 1, "ok"),
            ("127.0.0.1", "IPFIX", "127.0.0.1:50585, domain 321", 221, 0, "ok"),
        ],
    ),
    // Engine type 7, engine id 9.
    ("openvswitch/netflow.pcap", &[("127.0.0.1", "NetFlow v5", "127.0.0.1:48267, domain 1801", 12, 0, "ok")]),
    (
        "openvswitch/seed004.pcap",
        &[
            // Two flow and five counter samples to each collector.
            ("10.99.0.254", "sFlow v5", "127.0.0.1:37298, sub-agent 0", 7, 0, "ok"),
            ("10.99.0.254", "sFlow v5", "127.0.0.1:43196, sub-agent 0", 7, 0, "ok"),
            ("127.0.0.1", "IPFIX", "127.0.0.1:47910, domain 0", 0, 1, "ok"),
            ("127.0.0.1", "IPFIX", "127.0.0.1:47910, domain 123", 191, 0, "ok"),
            ("127.0.0.1", "IPFIX", "127.0.0.1:52145, domain 0", 0, 1, "ok"),
            ("127.0.0.1", "IPFIX", "127.0.0.1:52145, domain 123", 191, 0, "ok"),
            ("127.0.0.1", "NetFlow v5", "127.0.0.1:54413, domain 12241", 17, 0, "ok"),
            ("127.0.0.1", "NetFlow v5", "127.0.0.1:57985, domain 12241", 17, 0, "ok"),
        ],
    ),
    ("openvswitch/sflow1.pcap", &[("10.99.0.254", "sFlow v5", "127.0.0.1:59236, sub-agent 0", 249, 0, "ok")]),
    ("openvswitch/sflow64.pcap", &[("10.99.0.254", "sFlow v5", "127.0.0.1:37552, sub-agent 0", 29, 0, "ok")]),
    ("pmacct/nfv5.pcap", &[("127.0.0.1", "NetFlow v5", "127.0.0.1:43003, domain 772", 9, 0, "ok")]),
    ("pmacct/nfv9.pcap", &[("127.0.0.1", "NetFlow v9", "127.0.0.1:53049, domain 3", 13, 1, "ok")]),
    ("pmacct/sfprobe.pcap", &[("10.99.0.250", "sFlow v5", "127.0.0.1:58188, sub-agent 1402", 61, 0, "ok")]),
    ("softflowd/psamp.pcap", &[("127.0.0.1", "IPFIX", "127.0.0.1:41581, domain 0", 15, 0, "ok")]),
    ("softflowd/v1.pcap", &[("127.0.0.1", "NetFlow v1", "127.0.0.1:47721, domain 0", 10, 0, "ok")]),
    ("softflowd/v10.pcap", &[("127.0.0.1", "IPFIX", "127.0.0.1:46332, domain 0", 14, 1, "ok")]),
    ("softflowd/v10_bidi.pcap", &[("127.0.0.1", "IPFIX", "127.0.0.1:42700, domain 0", 14, 1, "ok")]),
    // The connection was closed before the capture ended.
    ("softflowd/v10_tcp.pcap", &[("127.0.0.1", "IPFIX", "127.0.0.1:57602, domain 0, stream", 14, 1, "ok")]),
    ("softflowd/v5.pcap", &[("127.0.0.1", "NetFlow v5", "127.0.0.1:42094, domain 0", 10, 0, "ok")]),
    ("softflowd/v9.pcap", &[("127.0.0.1", "NetFlow v9", "127.0.0.1:45841, domain 0", 14, 1, "ok")]),
    ("softflowd/v9_s4.pcap", &[("127.0.0.1", "NetFlow v9", "127.0.0.1:54295, domain 0", 10, 1, "ok")]),
];

fn run(options: &[&str], files: &[&Path]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_flowdump")).args(options).args(files).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn objects(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Cells of a line of the table: two blanks or more stand between them.
fn cells(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

#[test]
fn of_the_recording_in_the_repository() {
    let recording = Path::new(env!("CARGO_MANIFEST_DIR")).join("../captures/openvswitch-ipfix.pcap");
    // 365 messages, of which two are of domain 0: the options template, and its record; 88 templates (README of the recording's origin).
    assert_eq!(
        run(&["--exporters"], &[&recording]),
        "\
NAME       STATUS  TYPE   ENDPOINT                     RECORDS  OPTIONS  TEMPLATES  LOSS  FAULTS  LAST HEARD
127.0.0.1  ok      IPFIX  127.0.0.1:34695, domain 0          0        1          1     0       0  2026-11-21 04:16:41.363
127.0.0.1  ok      IPFIX  127.0.0.1:34695, domain 123      345        0         88     0       0  2026-11-21 04:16:41.460
"
    );
    assert_eq!(
        run(&["--exporters", "--format", "json"], &[&recording]),
        "{\"name\":\"127.0.0.1\",\"status\":\"ok\",\"type\":\"IPFIX\",\"protocol\":\"ipfix\",\"address\":\"127.0.0.1\",\"port\":34695,\
         \"domain\":0,\"messages\":2,\"records\":0,\"options\":1,\"templates\":1,\"lost_records\":0,\"lost_packets\":0,\"faults\":0,\
         \"first_heard\":\"2026-11-21T04:16:41.363830000Z\",\"last_heard\":\"2026-11-21T04:16:41.363836000Z\"}\n\
         {\"name\":\"127.0.0.1\",\"status\":\"ok\",\"type\":\"IPFIX\",\"protocol\":\"ipfix\",\"address\":\"127.0.0.1\",\"port\":34695,\
         \"domain\":123,\"messages\":363,\"records\":345,\"options\":0,\"templates\":88,\"lost_records\":0,\"lost_packets\":0,\"faults\":0,\
         \"first_heard\":\"2026-11-21T04:16:41.363675000Z\",\"last_heard\":\"2026-11-21T04:16:41.460539000Z\"}\n"
    );
}

#[test]
fn each_recording_has_its_own_and_no_others() {
    let Some(corpus) = corpus() else { return };
    for &(name, listed) in RECORDINGS {
        let path = corpus.join("exporters").join(name);
        let table = run(&["--exporters"], &[&path]);
        let shown: Vec<_> = table.lines().skip(1).map(cells).collect();
        let expected: Vec<_> = listed.iter().map(|it| [it.0, it.5, it.1, it.2]).collect();
        assert_eq!(shown.iter().map(|cells| cells[..4].try_into().unwrap()).collect::<Vec<[&str; 4]>>(), expected, "{name}");
        let objects = objects(&run(&["--exporters", "--format", "json"], &[&path]));
        assert_eq!(objects.len(), listed.len(), "{name}");
        for (object, (.., endpoint, records, options, status)) in objects.iter().zip(listed) {
            assert_eq!((&object["records"], &object["options"]), (&(*records).into(), &(*options).into()), "{name} {endpoint}");
            assert_eq!((&object["lost_records"], &object["lost_packets"]), (&0.into(), &0.into()), "{name} {endpoint}");
            assert_eq!(object["faults"] == 0, *status == "ok", "{name} {endpoint}");
        }
        as_expected(&corpus, name, &objects);
    }
}

/// All exporters of a recording together, against its totals.
fn as_expected(corpus: &Path, name: &str, objects: &[Json]) {
    let (folder, file) = name.split_once('/').unwrap();
    let expected = fs::read(corpus.join("exporters").join(folder).join("expected.json")).unwrap();
    let expected: Json = serde_json::from_slice(&expected).unwrap();
    let Some(messages) = expected[file]["messages"].as_u64() else { return };
    let number = |name: &str| expected[file][name].as_u64().unwrap();
    let sum = |name: &str| objects.iter().map(|object| object[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum("records"), number("flows") + number("counters"), "{name}");
    assert_eq!(sum("options"), number("options"), "{name}");
    assert_eq!(sum("messages"), messages, "{name}");
}

#[test]
fn one_decoder_for_all_of_them_tells_the_same() {
    let Some(corpus) = corpus() else { return };
    let (mut files, mut expected) = (Vec::new(), Vec::new());
    for (number, (name, _)) in (1_u8..).zip(RECORDINGS) {
        let path = corpus.join("exporters").join(name);
        // All of them were sent from 127.0.0.1. Each gets an address of its own.
        let mut file = fs::read(&path).unwrap();
        let mut at = 24;
        while at < file.len() {
            let frame = at + 16;
            for address in [frame + 14 + 12, frame + 14 + 16] {
                file[address..address + 4].copy_from_slice(&[198, 51, 100, number]);
            }
            at = frame + length(&file, at);
        }
        let own = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("own-{number}.pcap"));
        fs::write(&own, file).unwrap();
        files.push(own);
        let alone = run(&["--exporters", "--format", "json"], &[&path]);
        let alone = alone.replace("127.0.0.1", &format!("198.51.100.{number}"));
        expected.extend(objects(&alone));
    }
    let paths: Vec<_> = files.iter().map(|path| &**path).collect();
    let mut together = objects(&run(&["--exporters", "--format", "json"], &paths));
    // The number of a stream is the reader's.
    for object in together.iter_mut().chain(&mut expected) {
        object.as_object_mut().unwrap().remove("stream");
    }
    assert_eq!(together.len(), RECORDINGS.iter().map(|(_, listed)| listed.len()).sum::<usize>());
    assert_eq!(together, expected);
}

/// Octets of the frame in the record of a capture that begins at `at`.
fn length(file: &[u8], at: usize) -> usize {
    usize::try_from(u32::from_le_bytes(file[at + 8..at + 12].try_into().unwrap())).unwrap()
}

#[test]
fn what_is_missing_is_told() {
    let Some(corpus) = corpus() else { return };
    // One datagram is taken out: 16 octets of the capture's header, and a frame.
    let mut file = fs::read(corpus.join("exporters/openvswitch/ipfix_each.pcap")).unwrap();
    let mut at = 24;
    for _ in 0..200 {
        at += 16 + length(&file, at);
    }
    let end = at + 16 + length(&file, at);
    file.drain(at..end);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("one-missing.pcap");
    fs::write(&path, file).unwrap();
    let table = run(&["--exporters"], &[&path]);
    let lines: Vec<_> = table.lines().map(cells).collect();
    assert_eq!(lines[2][..9], ["127.0.0.1", "loss", "IPFIX", "127.0.0.1:34695, domain 123", "344", "0", "88", "1 record", "0"]);
}

#[test]
fn files_together_are_told_together_in_order() {
    let Some(corpus) = corpus() else { return };
    let path = |name: &str| corpus.join("exporters").join(name);
    let objects = objects(&run(
        &["--exporters", "--format", "json"],
        &[&path("softflowd/v9.pcap"), &path("pmacct/nfv5.pcap"), &path("softflowd/v10_tcp.pcap"), &path("softflowd/v5.pcap")],
    ));
    let shown: Vec<_> = objects.iter().map(|it| (it["port"].as_u64().unwrap(), it["type"].as_str().unwrap())).collect();
    assert_eq!(shown, [(42_094, "NetFlow v5"), (43_003, "NetFlow v5"), (45_841, "NetFlow v9"), (57_602, "IPFIX")]);
}
