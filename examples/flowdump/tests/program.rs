//! The program itself: what it prints, where, and how it ends.
#![cfg(test)]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value as Json, json};

/// Open vSwitch, one record for every packet, recorded for this project.
fn recording() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../captures/openvswitch-ipfix.pcap")
}

/// A file of this test run.
fn temporary(name: &str, octets: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("program");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, octets).unwrap();
    path
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_flowdump"))
}

fn run(options: &[&str], files: &[&Path]) -> Output {
    program().args(options).args(files).stdin(Stdio::null()).output().unwrap()
}

fn lines(octets: &[u8]) -> Vec<&str> {
    str::from_utf8(octets).unwrap().lines().collect()
}

/// Standard output of a run that ends well and has nothing to complain of.
fn shown(options: &[&str], files: &[&Path]) -> Vec<u8> {
    let output = run(options, files);
    assert_eq!((output.status.code(), lines(&output.stderr)), (Some(0), vec![]));
    output.stdout
}

fn objects(octets: &[u8]) -> Vec<Json> {
    lines(octets).into_iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn stats(files: &[&Path]) -> Json {
    let shown = shown(&["--stats"], files);
    let [stats] = &objects(&shown)[..] else { panic!("more than one object") };
    stats.clone()
}

/// The UDP payloads of the recording, a pcap of Ethernet with IPv4 headers of 20 octets, and the offsets of their frames' records.
fn payloads() -> Vec<(usize, Vec<u8>)> {
    let file = fs::read(recording()).unwrap();
    let mut payloads = Vec::new();
    let mut at = 24;
    while at < file.len() {
        let length = usize::try_from(u32::from_le_bytes(file[at + 8..at + 12].try_into().unwrap())).unwrap();
        payloads.push((at, file[at + 16 + 42..at + 16 + length].to_vec()));
        at += 16 + length;
    }
    payloads
}

/// A pcap (microseconds, little-endian, Ethernet) of one UDP datagram; its payload begins at [`PAYLOAD`].
fn pcap(payload: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, 1] {
        file.extend(u32::to_le_bytes(word));
    }
    let frame = frame(payload);
    let length = u32::try_from(frame.len()).unwrap();
    for word in [1_700_000_000, 0, length, length] {
        file.extend(u32::to_le_bytes(word));
    }
    file.extend(frame);
    file
}

const PAYLOAD: usize = 24 + 16 + 14 + 20 + 8;

fn frame(payload: &[u8]) -> Vec<u8> {
    let length = |more: usize| u16::try_from(payload.len() + more).unwrap().to_be_bytes();
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    frame.extend([0x45, 0]);
    frame.extend(length(28));
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    frame.extend([0x87, 0x87, 0x12, 0x83]);
    frame.extend(length(8));
    frame.extend([0, 0]);
    frame.extend(payload);
    frame
}

#[test]
fn a_table() {
    let shown = shown(&[], &[&recording()]);
    let lines = lines(&shown);
    assert_eq!(lines.len(), 1 + 345);
    assert_eq!(
        lines[..3],
        [
            "START                    DURATION  PROTO   SOURCE              DESTINATION        PACKETS  OCTETS  DIR  IN>OUT  EXPORTER",
            "2026-11-21 04:16:41.363     0.000  TCP     10.99.0.1:40001     10.99.0.2:80             1      40  in   2>-     127.0.0.1",
            "2026-11-21 04:16:41.363     0.000  TCP     10.99.0.1:40001     10.99.0.2:80             1      40  out  2>3     127.0.0.1",
        ]
    );
    assert_eq!(
        lines[345],
        "2026-11-21 04:16:41.460     0.000  LLDP    02:00:00:00:00:0a   01:80:c2:00:00:0e        1      60  in   2>-     127.0.0.1"
    );
}

#[test]
fn json_of_the_common_model() {
    let shown = shown(&["--format", "json"], &[&recording()]);
    let objects = objects(&shown);
    assert_eq!(objects.len(), 345);
    assert_eq!(
        objects[0],
        json!({
            "received": "2026-11-21T04:16:41.363841000Z",
            "exporter": "127.0.0.1",
            "exporter_port": 34695,
            "domain": 123,
            "protocol": "ipfix",
            "template": 280,
            "counters_scaled": "unknown",
            "start": "2026-11-21T04:16:41.363000000Z",
            "end": "2026-11-21T04:16:41.363000000Z",
            "src_addr": "10.99.0.1",
            "dst_addr": "10.99.0.2",
            "src_port": 40001,
            "dst_port": 80,
            "ip_protocol": 6,
            "tos": 184,
            "ttl": 64,
            "octets": 40,
            "packets": 1,
            "in_if": 2,
            "direction": 0,
            "src_mac": "02:00:00:00:00:0a",
            "dst_mac": "02:00:00:00:00:0b",
            "ethertype": 2048,
            "end_reason": 2,
            "ip_version": 4,
            "exported": "2026-11-21T04:16:42.000000000Z",
            "observation_point": 456,
            "octets_total": 40,
            "packets_total": 1,
            "layer2_octets": 54,
            "dropped_octets": 0,
            "dropped_packets": 0,
            "in_if_name": "poda",
            "in_if_description": ""
        })
    );
    // Members stand in the order of the schema, and an absent field is no member: this frame was not IP.
    assert!(lines(&shown)[0].starts_with(r#"{"received":"2026-11-21T04:16:41.363841000Z","exporter":"127.0.0.1","#));
    let lldp = objects[344].as_object().unwrap();
    assert_eq!(lldp["ethertype"], 0x88cc);
    assert_eq!(lldp["layer2_octets"], 60);
    for absent in ["src_addr", "dst_addr", "src_port", "ip_protocol", "octets"] {
        assert!(!lldp.contains_key(absent), "{absent}");
    }
}

#[test]
fn json_of_the_elements() {
    let shown = shown(&["--format", "elements"], &[&recording()]);
    let objects = objects(&shown);
    // The options record comes first.
    assert_eq!(objects.len(), 346);
    assert_eq!(
        objects[0],
        json!({
            "protocol": "ipfix",
            "exporter": "127.0.0.1",
            "exporter_port": 34695,
            "domain": 0,
            "template": 462,
            "kind": "options",
            "elements": {"exportingProcessId": 2, "notSentPacketTotalCount": 0}
        })
    );
    let flow = &objects[1];
    assert_eq!((&flow["domain"], &flow["template"], &flow["kind"]), (&json!(123), &json!(280), &json!("flow")));
    let elements = flow["elements"].as_object().unwrap();
    assert_eq!(elements.len(), 52);
    assert_eq!(elements["flowStartDeltaMicroseconds"], 637_000);
    assert_eq!(elements["sourceMacAddress"], "02:00:00:00:00:0a");
    assert_eq!(elements["octetDeltaCount"], 40);
    // An egress template has the names of both interfaces.
    assert_eq!(objects[2]["elements"]["interfaceName"], json!(["poda", "podb"]));
}

#[test]
fn counters() {
    assert_eq!(
        stats(&[&recording()]),
        json!({
            "datagrams": 365,
            "bytes": 119_840,
            "messages": 365,
            "flows": 345,
            "options": 1,
            "counters": 0,
            "templates": 88,
            "options_templates": 1,
            "withdrawals": 0,
            "sets_without_template": 0,
            "unknown_samples": 0,
            "unknown_records": 0,
            "bytes_decoded": 119_840,
            "bytes_reported": 0,
            "bytes_pending": 0,
            "lost_records": 0,
            "lost_packets": 0,
            "exporters_evicted": 0,
            "sessions_evicted": 0,
            "templates_evicted": 0,
            "faults": {},
            "passed": {}
        })
    );
}

#[test]
fn bare_datagrams_share_one_decoder() {
    let payloads = payloads();
    let files: Vec<_> =
        payloads.iter().take(22).enumerate().map(|(at, (_, octets))| temporary(&format!("raw-{at:02}"), octets)).collect();
    let files: Vec<_> = files.iter().map(PathBuf::as_path).collect();
    let shown = shown(&["--raw", "--format", "json"], &files);
    let objects = objects(&shown);
    // 18 messages with templates, one with an options template, one with options.
    assert_eq!(objects.len(), 2);
    assert_eq!(objects[0]["src_port"], 40001);
    // Nobody says who sent a bare datagram, or when it came.
    assert_eq!((&objects[0]["exporter"], &objects[0]["received"]), (&json!("::"), &objects[0]["exported"]));

    let alone = run(&["--raw"], &files[20..21]);
    assert_eq!((alone.status.code(), lines(&alone.stdout)), (Some(0), vec![]));
    let set = payloads[20].1.len() - 16;
    let missing = format!(
        "flowdump: ipfix: data without its template in set at octet 16 (set by the end of the datagram or stream); {set} octets not decoded"
    );
    assert_eq!(lines(&alone.stderr), [missing]);
}

#[test]
fn ipfix_files_share_one_decoder() {
    let payloads = payloads();
    let join = |payloads: &[(usize, Vec<u8>)]| payloads.iter().flat_map(|(_, octets)| octets.clone()).collect::<Vec<_>>();
    let templates = temporary("templates.ipfix", &join(&payloads[..20]));
    let data = temporary("data.ipfix", &join(&payloads[20..]));
    assert_eq!(stats(&[&templates, &data])["flows"], 345);
    assert_eq!(lines(&shown(&["--format", "json"], &[&templates, &data])).len(), 345);
    assert_eq!(stats(&[&data])["flows"], 0);
}

#[test]
fn standard_input() {
    let input = File::open(recording()).unwrap();
    let output = program().args(["--format", "json", "-"]).stdin(input).output().unwrap();
    assert_eq!((output.status.code(), lines(&output.stderr)), (Some(0), vec![]));
    assert_eq!(output.stdout, shown(&["--format", "json"], &[&recording()]));
}

#[test]
fn gzipped() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&fs::read(recording()).unwrap()).unwrap();
    let path = temporary("recording.pcap.gz", &gzip.finish().unwrap());
    assert_eq!(shown(&["--format", "json"], &[&path]), shown(&["--format", "json"], &[&recording()]));
}

/// A block of pcapng: type, length, body padded to four octets, length.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let padding = body.len().next_multiple_of(4) - body.len();
    let length = u32::try_from(body.len() + padding + 12).unwrap().to_le_bytes();
    [&kind.to_le_bytes(), &length, body, &vec![0; padding], &length].concat()
}

#[test]
fn pcapng() {
    let pcap = fs::read(recording()).unwrap();
    // Version 1.0 with a section of unknown length; Ethernet; times in microseconds.
    let mut file = block(0x0a0d_0d0a, &[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
    file.extend(block(1, &[1, 0, 0, 0, 0, 0, 4, 0]));
    for (at, payload) in payloads() {
        let word = |at: usize| u32::from_le_bytes(pcap[at..at + 4].try_into().unwrap());
        let micros = u64::from(word(at)) * 1_000_000 + u64::from(word(at + 4));
        let frame = &pcap[at + 16..at + 16 + 42 + payload.len()];
        let length = u32::try_from(frame.len()).unwrap().to_le_bytes();
        let (high, low) = (u32::try_from(micros >> 32).unwrap(), u32::try_from(micros & 0xffff_ffff).unwrap());
        let interface = 0_u32;
        file.extend(block(
            6,
            &[&interface.to_le_bytes(), &high.to_le_bytes(), &low.to_le_bytes(), &length, &length, frame].concat(),
        ));
    }
    let path = temporary("recording.pcapng", &file);
    assert_eq!(shown(&["--format", "json"], &[&path]), shown(&["--format", "json"], &[&recording()]));
}

#[test]
fn what_is_no_capture_is_said_in_a_sentence() {
    let text = temporary("notes.txt", b"These are my notes.\n");
    let missing = text.with_file_name("missing.pcap");
    let output = run(&["--format", "json"], &[&text, &missing, &recording()]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        lines(&output.stderr),
        [
            format!(
                "flowdump: {} is neither a capture (pcap, pcapng), nor an IPFIX file, nor goflow2's output; for a bare datagram use --raw",
                text.display()
            ),
            format!("flowdump: {}: No such file or directory (os error 2)", missing.display()),
        ]
    );
    // The file behind them is read all the same.
    assert_eq!(output.stdout, shown(&["--format", "json"], &[&recording()]));
}

#[test]
fn a_fault_is_told_with_its_place_in_the_file() {
    // A template set, a data set of it, and a set that is longer than what is left of the message.
    let mut message = vec![0, 10, 0, 48, 0x65, 0x53, 0xf1, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    message.extend([0, 2, 0, 12, 1, 0, 0, 1, 0, 8, 0, 4]);
    message.extend([1, 0, 0, 8, 198, 51, 100, 1]);
    message.extend([1, 0, 0, 200, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(message.len(), 48);
    let path = temporary("bad-set.pcap", &pcap(&message));
    let output = run(&["--format", "json"], &[&path]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        lines(&output.stderr),
        [format!(
            "flowdump: {}: octet {}: ipfix from 192.0.2.1:34695: cut short in set at octet 36 (200 needed, 12 there by the message's length); \
             12 octets not decoded",
            path.display(),
            PAYLOAD + 36
        )]
    );
    let objects = objects(&output.stdout);
    assert_eq!((objects.len(), &objects[0]["src_addr"]), (1, &json!("198.51.100.1")));
    let stats = stats(&[&path]);
    assert_eq!((&stats["bytes_decoded"], &stats["bytes_reported"]), (&json!(36), &json!(12)));
    assert_eq!(stats["faults"], json!({"truncated": 1}));
}

#[test]
fn uptimes_count_from_the_boot_time_in_the_same_message() {
    // As softflowd sends: templates, one options record with systemInitTimeMilliseconds (160), flows with uptimes (22, 21).
    let mut message = vec![0, 10, 0, 94, 0x65, 0x53, 0xf1, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    message.extend([0, 3, 0, 18, 1, 0, 0, 2, 0, 1, 0, 143, 0, 4, 0, 160, 0, 8]);
    message.extend([0, 2, 0, 20, 1, 1, 0, 3, 0, 8, 0, 4, 0, 22, 0, 4, 0, 21, 0, 4]);
    message.extend([1, 0, 0, 16, 0, 0, 0, 1]);
    message.extend(1_700_000_000_250_u64.to_be_bytes());
    message.extend([1, 1, 0, 16, 198, 51, 100, 1, 0, 0, 0x03, 0xe8, 0, 0, 0x07, 0xd0]);
    message[3] = u8::try_from(message.len()).unwrap();
    let path = temporary("boot.pcap", &pcap(&message));
    let flows = objects(&shown(&["--format", "json"], &[&path]));
    assert_eq!(flows.len(), 1);
    assert_eq!(flows[0]["start"], "2023-11-14T22:13:21.250000000Z");
    assert_eq!(flows[0]["end"], "2023-11-14T22:13:22.250000000Z");
}

#[test]
fn traffic_that_is_no_flow_protocol_is_counted() {
    let path = temporary("other.pcap", &pcap(b"hello, this is no flow protocol"));
    let stats = stats(&[&path]);
    assert_eq!((&stats["datagrams"], &stats["passed"]), (&json!(0), &json!({"other_udp": 31})));
}

#[test]
fn help_and_wrong_command_lines() {
    let help = shown(&["--help"], &[]);
    let help = lines(&help);
    assert!(help.contains(&"Examples:"));
    assert!(help.iter().any(|line| line.contains("tcpdump -U -w - udp port 4739 | flowdump -")));
    assert_eq!(run(&[], &[]).status.code(), Some(2));
    assert_eq!(run(&["--format", "xml"], &[&recording()]).status.code(), Some(2));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    // More output than a pipe holds.
    let mut child = program()
        .args(["--format", "elements"])
        .args([recording(), recording()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.starts_with(r#"{"protocol":"ipfix""#));
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), lines(&output.stderr)), (Some(0), vec![]));
}
