//! goflow2's formats: written by the program, and read by it.
#![cfg(test)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value as Json, json};

/// Open vSwitch, 345 records, recorded for this project.
fn recording() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../captures/openvswitch-ipfix.pcap")
}

fn temporary(name: &str, octets: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("goflow2");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, octets).unwrap();
    path
}

fn run(options: &[&str], file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flowdump")).args(options).arg(file).stdin(Stdio::null()).output().unwrap()
}

/// Standard output of a run that ends well and has nothing to complain of.
fn shown(options: &[&str], file: &Path) -> Vec<u8> {
    let output = run(options, file);
    assert_eq!((output.status.code(), str::from_utf8(&output.stderr).unwrap()), (Some(0), ""));
    output.stdout
}

fn objects(octets: &[u8]) -> Vec<Json> {
    str::from_utf8(octets).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What is refused, as a sentence.
fn refusal(options: &[&str]) -> String {
    let output = run(options, &recording());
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{options:?}");
    String::from_utf8(output.stderr).unwrap().lines().next().unwrap().to_owned()
}

/// The protobuf forms that are told apart when they are read.
const FORMS: [&[&str]; 6] = [
    &["--dialect", "v1"],
    &["--dialect", "v1", "--length-prefix", "yes"],
    &["--dialect", "v1", "--length-prefix", "yes", "--separator", "none"],
    &["--dialect", "v2", "--length-prefix", "no"],
    &[],
    &["--separator", "none"],
];

#[test]
fn what_is_written_is_read_again() {
    let direct = objects(&shown(&["--format", "json"], &recording()));
    assert_eq!(direct.len(), 345);
    for dialect in ["v1", "v2"] {
        let lines = shown(&["--format", "goflow2-json", "--dialect", dialect], &recording());
        let from_json = objects(&shown(&["--format", "json"], &temporary(&format!("{dialect}.json"), &lines)));
        assert_eq!(from_json.len(), 345);
        for (read, direct) in from_json.iter().zip(&direct) {
            for name in ["src_addr", "dst_addr", "src_port", "dst_port", "ip_protocol", "octets", "packets", "in_if", "exporter"]
            {
                assert_eq!(read.get(name), direct.get(name).filter(|value| **value != json!(0)), "{name}");
            }
        }
        for form in FORMS.iter().filter(|form| form.contains(&"v1") == (dialect == "v1")) {
            let octets = shown(&[&["--format", "goflow2-bin"], *form].concat(), &recording());
            let file = temporary(&format!("{dialect}{}.bin", form.concat()), &octets);
            let from_protobuf = objects(&shown(&["--format", "json"], &file));
            assert_eq!(from_protobuf.len(), 345, "{form:?}");
            for (one, other) in from_protobuf.iter().zip(&from_json) {
                // In v1 only protobuf has milliseconds, direction and the observation domain.
                for (name, value) in other.as_object().unwrap().iter().filter(|(name, _)| !["start", "end"].contains(&&***name)) {
                    assert_eq!(one.get(name), Some(value), "{form:?} {name}");
                }
                // In v2 JSON has words for three Ethernet types only.
                let mut one = one.clone();
                if dialect == "v2" {
                    one.as_object_mut()
                        .unwrap()
                        .retain(|name, value| name != "ethertype" || [0x0800, 0x0806, 0x86dd].contains(&value.as_u64().unwrap()));
                    assert_eq!(&one, other, "{form:?}");
                }
            }
        }
    }
}

/// goflow2's frames: a varint of the length, the message, a newline; the first field is the type.
#[test]
fn frames_are_those_of_goflow2() {
    let octets = shown(&["--format", "goflow2-bin"], &recording());
    let (mut rest, mut count, mut lengths) = (&*octets, 0, 0);
    while let [low, behind @ ..] = rest {
        let (len, message) = if *low < 0x80 {
            (usize::from(*low), behind)
        } else {
            (usize::from(low & 0x7f) | usize::from(behind[0]) << 7, &behind[1..])
        };
        assert!(message[..2] == [1 << 3, 4] && message[len] == b'\n');
        (rest, count, lengths) = (&message[len + 1..], count + 1, lengths + 1 + usize::from(*low >= 0x80));
    }
    assert_eq!(count, 345);
    assert_eq!(shown(&["--format", "goflow2-bin", "--separator", "none"], &recording()).len(), octets.len() - 345);
    assert_eq!(shown(&["--format", "goflow2-bin", "--length-prefix", "no"], &recording()).len(), octets.len() - lengths);
}

#[test]
fn every_output_shows_what_goflow2_wrote() {
    let lines = shown(&["--format", "goflow2-json"], &recording());
    let file = temporary("shown.json", &lines);
    let filter = ["--filter", "dst_port = 80 and octets < 100"];
    let table = String::from_utf8(shown(&filter, &file)).unwrap();
    assert_eq!(
        table.lines().nth(1).unwrap().split_whitespace().collect::<Vec<_>>(),
        ["2026-11-21", "04:16:41.363", "0.000", "TCP", "10.99.0.1:40001", "10.99.0.2:80", "1", "40", "2>-", "127.0.0.1"]
    );
    let csv = String::from_utf8(shown(&["--format", "csv", "--fields", "start,src_addr,sequence_num"], &file)).unwrap();
    let csv: Vec<_> = csv.lines().take(2).collect();
    assert_eq!(csv, ["start,src_addr,sequence_num", "2026-11-21T04:16:41.363000000Z,10.99.0.1,2"]);
    let chosen = objects(&shown(&[&filter[..], &["--format", "json", "--fields", "dst_port,octets"]].concat(), &file));
    assert_eq!(chosen[0], json!({"dst_port": 80, "octets": 40}));
    assert_eq!(shown(&["--format", "goflow2-json"], &file), lines, "the same again");
    let [stats] = &objects(&shown(&["--stats"], &file))[..] else { panic!("more than one object") };
    let counted = &stats["goflow2"];
    assert_eq!((&counted["flows"], &counted["faults"], &counted["bytes"]), (&json!(345), &json!(0), &json!(lines.len())));
    for option in [&["--exporters"][..], &["--format", "elements"]] {
        let output = run(option, &file);
        assert!(str::from_utf8(&output.stderr).unwrap().contains("--format json shows them"), "{option:?}");
    }
}

#[test]
fn a_bad_line_is_told_and_costs_itself() {
    let mut octets = shown(&["--format", "goflow2-json", "--filter", "dst_port = 80 and in_if = 2"], &recording());
    let (count, at) = (objects(&octets).len(), octets.len());
    write!(octets, "{{\"type\":\"IPFIX\",\n{{\"bytes\":7}}\n").unwrap();
    let output = run(&["--format", "json"], &temporary("bad.json", &octets));
    assert_eq!((output.status.code(), objects(&output.stdout).len()), (Some(0), count + 1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains(&format!("octet {}: goflow2's message: ", at + 16)), "{told}");
}

/// Nobody else's JSON passes for goflow2's, the program's own neither.
#[test]
fn other_json_is_refused() {
    let own = shown(&["--format", "json"], &recording());
    let elements = shown(&["--format", "elements"], &recording());
    let lines = shown(&["--format", "goflow2-json"], &recording());
    let read_before = shown(&["--format", "json"], &temporary("before.json", &lines));
    for other in [&own[..], &elements, &read_before, br#"{"name":"x"}"#] {
        let output = run(&["--format", "json"], &temporary("other.json", other));
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
        assert!(str::from_utf8(&output.stderr).unwrap().contains("neither a capture"), "{output:?}");
    }
}

#[test]
fn what_is_left_out_is_told() {
    let lines =
        br#"{"type":"IPFIX","sampler_address":"10.0.0.1","bytes":60,"colour":"red","src_port":70000,"proto":"experimental"}"#;
    let file = temporary("left-out.json", lines);
    let output = run(&["--format", "csv"], &file);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        str::from_utf8(&output.stderr).unwrap(),
        "flowdump: goflow2's messages: 1 unknown fields and 2 values that no flow can hold were left out; --stats counts them\n"
    );
    let stats = &objects(&shown(&["--stats"], &file))[0]["goflow2"];
    assert_eq!((&stats["unknown_fields"], &stats["refused_values"]), (&json!(1), &json!(2)));
}

#[test]
fn options_are_refused_where_they_mean_nothing() {
    let cases: [(&[&str], &str); 5] = [
        (&["--dialect", "v1"], "--format goflow2-json and --format goflow2-bin"),
        (&["--format", "goflow2-json", "--separator", "none"], "one object a line"),
        (&["--format", "goflow2-bin", "--fields", "src_addr"], "fields of its own"),
        (&["--format", "goflow2-bin", "--exporters"], "--exporters comes as a table"),
        (&["--format", "goflow2-bin", "--dialect", "v1", "--separator", "none"], "nobody could tell one from the next"),
    ];
    for (options, wanted) in cases {
        let told = refusal(options);
        assert!(told.contains(wanted), "{options:?}: {told}");
    }
}

/// Two messages of 8 packets, with 2 at number 38 and nothing that tells their dialect: each behind its length.
const DOUBTFUL: [u8; 12] = [5, 10 << 3, 8, 0xb0, 2, 2, 5, 10 << 3, 8, 0xb0, 2, 2];

#[test]
fn a_dialect_that_is_not_told_is_not_guessed() {
    let file = temporary("doubtful.pb", &DOUBTFUL);
    let prefixed = ["--format", "json", "--input-format", "goflow2-bin", "--input-length-prefix", "yes"];
    let output = run(&prefixed, &file);
    assert_eq!(objects(&output.stdout), [json!({"packets": 8}), json!({"packets": 8})]);
    let said = String::from_utf8(output.stderr).unwrap();
    let wanted =
        "2 values mean one thing in one version and another in others, and were left out; --input-dialect v1 or v2 says which";
    assert!(said.contains(wanted), "{said}");
    let stats = &objects(&shown(&[&["--stats"], &prefixed[2..]].concat(), &file))[0]["goflow2"];
    assert_eq!((&stats["flows"], &stats["doubtful_values"]), (&json!(2), &json!(2)));

    let told = |dialect| objects(&shown(&[&prefixed[..], &["--input-dialect", dialect]].concat(), &file));
    assert_eq!(told("v1")[1], json!({"packets": 8, "start": "1970-01-01T00:00:02.000000000Z"}));
    assert_eq!(told("v2")[1], json!({"packets": 8, "fragment_flags": 0x40}));
}

/// What the options say goes before what the first octets look like.
#[test]
fn the_form_of_an_input_can_be_said() {
    let json = ["--format", "json"];
    // Too short to be told.
    let file = temporary("short.pb", &DOUBTFUL);
    let output = run(&[&json[..], &["--input-format", "goflow2-bin"]].concat(), &file);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("--input-length-prefix yes or no"), "{said}");
    let file = temporary("short.json", br#"{"bytes":60}"#);
    let output = run(&json, &file);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert_eq!(objects(&shown(&[&json[..], &["--input-format", "goflow2-json"]].concat(), &file)), [json!({"octets": 60})]);
    // Ten octets behind the first message look like a newline.
    let long = [5, 10 << 3, 8, 0xb0, 2, 2, 10, 10 << 3, 9, 6 << 3 | 2, 4, 10, 0, 0, 1, 9 << 3, 1];
    let file = temporary("ten.pb", &[&long[..], &[9 << 3, 1][..0]].concat());
    let form =
        ["--input-format", "goflow2-bin", "--input-dialect", "v2", "--input-length-prefix", "yes", "--input-separator", "none"];
    let read = objects(&shown(&[&json[..], &form].concat(), &file));
    assert_eq!(read[1], json!({"packets": 9, "src_addr": "10.0.0.1", "octets": 1}));
    // Messages behind one another, as the same options write them.
    for dialect in ["v1", "v2"] {
        for (prefix, separator) in [("no", "newline"), ("yes", "newline"), ("yes", "none")] {
            let written = ["--format", "goflow2-bin", "--dialect", dialect, "--length-prefix", prefix, "--separator", separator];
            let file = temporary(&format!("said-{dialect}{prefix}{separator}.pb"), &shown(&written, &recording()));
            let prefix = if prefix == "no" { &["--input-length-prefix", "no"][..] } else { &["--input-length-prefix", "yes"] };
            let said = [&json[..], &["--input-format", "goflow2-bin", "--input-dialect", dialect], prefix].concat();
            assert!(shown(&[&said[..], &["--input-separator", separator]].concat(), &file) == shown(&json, &file));
        }
    }
}

#[test]
fn inputs_that_make_no_sense_are_refused() {
    let json_dialect = refusal(&["--input-format", "goflow2-json", "--input-dialect", "v1"]);
    assert!(json_dialect.contains("--input-dialect is for --input-format goflow2-bin"), "{json_dialect}");
    let json_framing = refusal(&["--input-format", "goflow2-json", "--input-length-prefix", "yes"]);
    assert!(json_framing.contains("one object a line"), "{json_framing}");
    let form = ["--input-format", "goflow2-bin", "--input-length-prefix", "no", "--input-separator", "none"];
    assert!(refusal(&form).contains("nobody can tell one from the next"));
    for options in
        [&["--input-length-prefix", "yes"][..], &["--input-separator", "none"], &["--raw", "--input-format", "goflow2-bin"]]
    {
        let output = run(options, &recording());
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{options:?}");
    }
    // JSON tells its dialect itself.
    let json = temporary("tells.json", &shown(&["--format", "goflow2-json"], &recording()));
    for file in [recording(), json] {
        let output = run(&["--input-dialect", "v1", "--format", "csv"], &file);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && said.contains("--input-dialect was of no use"), "{said}");
    }
    let protobuf = temporary("tells.bin", &shown(&["--format", "goflow2-bin", "--dialect", "v1"], &recording()));
    shown(&["--input-dialect", "v1", "--format", "csv"], &protobuf);
}
