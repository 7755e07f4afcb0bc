//! `--exporters`: who is in a recording, each told once, and no loss that was not there.
#![cfg(test)]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::corpus;
use serde_json::Value as Json;

/// One exporter: type, endpoint as the table shows it, records and options, status.
type Listed = (&'static str, &'static str, u64, u64, &'static str);

/// The recordings of real exporters. Ports are those in the captures' UDP and TCP headers, domains those of their READMEs, and records
/// of all exporters together are `flows`, `options` and `counters` of expected.json, which the test demands too.
const RECORDINGS: &[(&str, &[Listed])] = &[
    ("fprobe/v5.pcap", &[("NetFlow v5", "127.0.0.1:50868, domain 0", 30, 0, "ok")]),
    ("nfdump/nfreplay_v5.pcap", &[("NetFlow v5", "127.0.0.1:56460, domain 12886", 30, 0, "ok")]),
    (
        "openvswitch/ipfix_each.pcap",
        &[("IPFIX", "127.0.0.1:34695, domain 0", 0, 1, "ok"), ("IPFIX", "127.0.0.1:34695, domain 123", 345, 0, "ok")],
    ),
    (
        "openvswitch/ipfix_flow.pcap",
        &[
            ("IPFIX", "127.0.0.1:38884, domain 0", 0, 1, "ok"),
            ("IPFIX", "127.0.0.1:38884, domain 11", 74, 0, "ok"),
            // Its templates come under domain 11 alone: 48 records without.
            ("IPFIX", "127.0.0.1:38884, domain 12", 0, 0, "silent"),
        ],
    ),
    (
        "openvswitch/ipfix_tunnel.pcap",
        &[("IPFIX", "127.0.0.1:50585, domain 0", 0, 1, "ok"), ("IPFIX", "127.0.0.1:50585, domain 321", 221, 0, "ok")],
    ),
    // Engine type 7, engine id 9.
    ("openvswitch/netflow.pcap", &[("NetFlow v5", "127.0.0.1:48267, domain 1801", 12, 0, "ok")]),
    (
        "openvswitch/seed004.pcap",
        &[
            ("IPFIX", "127.0.0.1:47910, domain 0", 0, 1, "ok"),
            ("IPFIX", "127.0.0.1:47910, domain 123", 191, 0, "ok"),
            ("IPFIX", "127.0.0.1:52145, domain 0", 0, 1, "ok"),
            ("IPFIX", "127.0.0.1:52145, domain 123", 191, 0, "ok"),
            ("NetFlow v5", "127.0.0.1:54413, domain 12241", 17, 0, "ok"),
            ("NetFlow v5", "127.0.0.1:57985, domain 12241", 17, 0, "ok"),
        ],
    ),
    ("pmacct/nfv5.pcap", &[("NetFlow v5", "127.0.0.1:43003, domain 772", 9, 0, "ok")]),
    ("pmacct/nfv9.pcap", &[("NetFlow v9", "127.0.0.1:53049, domain 3", 13, 1, "ok")]),
    ("softflowd/psamp.pcap", &[("IPFIX", "127.0.0.1:41581, domain 0", 15, 0, "ok")]),
    ("softflowd/v1.pcap", &[("NetFlow v1", "127.0.0.1:47721, domain 0", 10, 0, "ok")]),
    ("softflowd/v10.pcap", &[("IPFIX", "127.0.0.1:46332, domain 0", 14, 1, "ok")]),
    ("softflowd/v10_bidi.pcap", &[("IPFIX", "127.0.0.1:42700, domain 0", 14, 1, "ok")]),
    // The connection was closed before the capture ended.
    ("softflowd/v10_tcp.pcap", &[("IPFIX", "127.0.0.1:57602, domain 0, stream", 14, 1, "ok")]),
    ("softflowd/v5.pcap", &[("NetFlow v5", "127.0.0.1:42094, domain 0", 10, 0, "ok")]),
    ("softflowd/v9.pcap", &[("NetFlow v9", "127.0.0.1:45841, domain 0", 14, 1, "ok")]),
    ("softflowd/v9_s4.pcap", &[("NetFlow v9", "127.0.0.1:54295, domain 0", 10, 1, "ok")]),
];

/// Messages of sFlow, which is not decoded yet, in recordings that have other protocols too.
const SFLOW: &[(&str, u64, u64, u64)] = &[("openvswitch/seed004.pcap", 4, 10, 10)];

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
        let expected: Vec<_> = listed.iter().map(|it| [it.0, it.1, it.4]).collect();
        assert_eq!(shown.iter().map(|cells| [cells[2], cells[3], cells[1]]).collect::<Vec<_>>(), expected, "{name}");
        let objects = objects(&run(&["--exporters", "--format", "json"], &[&path]));
        assert_eq!(objects.len(), listed.len(), "{name}");
        for (object, (_, endpoint, records, options, status)) in objects.iter().zip(listed) {
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
    let (_, flows, counters, sflow) = SFLOW.iter().find(|it| it.0 == name).unwrap_or(&("", 0, 0, 0));
    let sum = |name: &str| objects.iter().map(|object| object[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum("records"), number("flows") + number("counters") - flows - counters, "{name}");
    assert_eq!(sum("options"), number("options"), "{name}");
    assert_eq!(sum("messages"), messages - sflow, "{name}");
}

#[test]
fn what_is_missing_is_told() {
    let Some(corpus) = corpus() else { return };
    // One datagram is taken out: 16 octets of the capture's header, and a frame.
    let mut file = fs::read(corpus.join("exporters/openvswitch/ipfix_each.pcap")).unwrap();
    let mut at = 24;
    let length = |file: &[u8], at: usize| usize::try_from(u32::from_le_bytes(file[at + 8..at + 12].try_into().unwrap())).unwrap();
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
