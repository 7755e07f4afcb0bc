//! Chosen columns, and CSV: exact lines, and what another reader of CSV finds in them.
#![cfg(test)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::corpus;
use flowcodec::model::Schema;
use serde_json::Value as Json;

/// Open vSwitch, one record for every packet, recorded for this project.
fn recording() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../captures/openvswitch-ipfix.pcap")
}

fn run(options: &[&str], file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flowdump")).args(options).arg(file).output().unwrap()
}

fn shown(options: &[&str], file: &Path) -> String {
    let output = run(options, file);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

const CHOSEN: &str = "in_if_name, src_mac,start,src_addr,dst_port,octets,in_if_description,protocol";

#[test]
fn a_table_of_them() {
    let shown = shown(&["--fields", CHOSEN], &recording());
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), 1 + 345);
    assert_eq!(
        [lines[0], lines[1], lines[345]],
        [
            "IN_IF_NAME  SRC_MAC            START                           SRC_ADDR    DST_PORT  OCTETS  IN_IF_DESCRIPTION  PROTOCOL",
            "poda        02:00:00:00:00:0a  2026-11-21T04:16:41.363000000Z  10.99.0.1         80      40                     ipfix",
            "poda        02:00:00:00:00:0a  2026-11-21T04:16:41.460000000Z  -                  -       -                     ipfix",
        ]
    );
}

#[test]
fn json_of_them() {
    let shown = shown(&["--format", "json", "--fields", CHOSEN], &recording());
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), 345);
    assert_eq!(
        [lines[0], lines[344]],
        [
            r#"{"in_if_name":"poda","src_mac":"02:00:00:00:00:0a","start":"2026-11-21T04:16:41.363000000Z","src_addr":"10.99.0.1","dst_port":80,"octets":40,"in_if_description":"","protocol":"ipfix"}"#,
            r#"{"in_if_name":"poda","src_mac":"02:00:00:00:00:0a","start":"2026-11-21T04:16:41.460000000Z","in_if_description":"","protocol":"ipfix"}"#,
        ]
    );
}

#[test]
fn csv_of_them() {
    let shown = shown(&["--format", "csv", "--fields", CHOSEN], &recording());
    let lines: Vec<_> = shown.split("\r\n").collect();
    assert_eq!((lines.len(), lines[346]), (1 + 345 + 1, ""));
    assert_eq!(
        [lines[0], lines[1], lines[345]],
        [
            "in_if_name,src_mac,start,src_addr,dst_port,octets,in_if_description,protocol",
            "poda,02:00:00:00:00:0a,2026-11-21T04:16:41.363000000Z,10.99.0.1,80,40,\"\",ipfix",
            "poda,02:00:00:00:00:0a,2026-11-21T04:16:41.460000000Z,,,,\"\",ipfix",
        ]
    );
}

#[test]
fn the_usual_columns_of_csv() {
    let shown = shown(&["--format", "csv"], &recording());
    let header = shown.split("\r\n").next().unwrap();
    assert_eq!(
        header,
        "received,exporter,exporter_port,domain,protocol,template,sampling_rate,counters_scaled,start,end,src_addr,dst_addr,src_port,\
         dst_port,ip_protocol,tcp_flags,tos,ttl,octets,packets,in_if,out_if,direction,next_hop,src_as,dst_as,src_prefix_len,\
         dst_prefix_len,vlan,post_vlan,src_mac,dst_mac,ethertype,flow_label,icmp_type,icmp_code,forwarding_status,end_reason,ip_version,\
         application_name,src_pod,src_namespace,src_node,dst_pod,dst_namespace,dst_node,service_addr,service_port,service_name,\
         ingress_policy,egress_policy,flow_type,app_protocol"
    );
}

#[test]
fn a_header_stands_where_no_flow_does() {
    let options = ["--format", "csv", "--fields", "src_addr,octets", "--filter", "octets > 1GB"];
    assert_eq!(shown(&options, &recording()), "src_addr,octets\r\n");
    assert_eq!(shown(&["--fields", "src_addr", "--filter", "octets > 1GB"], &recording()), "");
}

/// What another reader of CSV finds is what JSON shows: every field of every flow.
fn reads_back(path: &Path, flows: usize) {
    let schema = Schema::common();
    let all: Vec<_> = schema.fields().iter().map(|spec| &*spec.name).collect();
    let csv = shown(&["--format", "csv", "--fields", &all.join(",")], path);
    let json = shown(&["--format", "json"], path);
    let objects: Vec<Json> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(reader.headers().unwrap(), &all[..]);
    let rows: Vec<_> = reader.records().map(|row| row.unwrap()).collect();
    assert_eq!((rows.len(), objects.len()), (flows, flows), "{}", path.display());
    for (row, object) in rows.iter().zip(&objects) {
        for (cell, name) in row.iter().zip(&all) {
            let expected = match &object[*name] {
                Json::Null => String::new(),
                Json::String(text) => text.clone(),
                Json::Array(items) => items.iter().map(Json::to_string).collect::<Vec<_>>().join(" "),
                other => other.to_string(),
            };
            assert_eq!(cell, expected, "{}: {name}", path.display());
        }
    }
}

#[test]
fn every_field_reads_back() {
    reads_back(&recording(), 345);
    let Some(corpus) = corpus() else { return };
    // Texts with quotes and commas: labels and HTTP values are JSON objects.
    reads_back(&corpus.join("antrea/antrea-2.7.pcap"), 161);
    reads_back(&corpus.join("exporters/openvswitch/ipfix_tunnel.pcap"), 221);
    reads_back(&corpus.join("exporters/pmacct/nfv9.pcap"), 13);
    reads_back(&corpus.join("exporters/openvswitch/sflow1.pcap"), 229);
    // MPLS labels; an AS path and communities.
    reads_back(&corpus.join("akvorado-sflow/data-1140.pcap"), 5);
    reads_back(&corpus.join("akvorado-netflow/mpls.pcap"), 2);
}

/// An IPFIX file: a template of one text (interfaceName), and a record with each of `texts`.
fn file_of(name: &str, texts: &[&[u8]]) -> PathBuf {
    let mut data = Vec::new();
    for text in texts {
        data.push(u8::try_from(text.len()).unwrap());
        data.extend(*text);
    }
    let length = |octets: usize| u16::try_from(octets).unwrap().to_be_bytes();
    let mut message = vec![0, 10];
    message.extend(length(16 + 12 + 4 + data.len()));
    message.extend([0x65, 0x53, 0xf1, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
    message.extend([0, 2, 0, 12, 1, 0, 0, 1, 0, 82, 0xff, 0xff]);
    message.extend([1, 0]);
    message.extend(length(4 + data.len()));
    message.extend(data);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, message).unwrap();
    path
}

#[test]
fn texts_that_want_care() {
    let texts: [&[u8]; 9] =
        [b"plain", b"a,b", b"say \"x\"", b"two\r\nlines", b"caf\xc3", b"caf\xc3\xa9", b"=1+1", b"\x1b[2J", b""];
    let path = file_of("texts.ipfix", &texts);
    assert_eq!(
        shown(&["--format", "csv", "--fields", "in_if_name,domain,src_pod"], &path),
        "in_if_name,domain,src_pod\r\n\
         plain,7,\r\n\
         \"a,b\",7,\r\n\
         \"say \"\"x\"\"\",7,\r\n\
         two\\x0d\\x0alines,7,\r\n\
         caf\\xc3,7,\r\n\
         café,7,\r\n\
         =1+1,7,\r\n\
         \\x1b[2J,7,\r\n\
         \"\",7,\r\n"
    );
    // One column, and an absent field: still a line that readers count.
    assert_eq!(shown(&["--format", "csv", "--fields", "src_pod"], &path), format!("src_pod\r\n{}", "\"\"\r\n".repeat(9)));
    let table = shown(&["--fields", "in_if_name,domain"], &path);
    assert_eq!(table.lines().nth(4), Some("two\\x0d\\x0alines       7"));
}

#[test]
fn the_list_of_fields_is_the_schema() {
    let output = Command::new(env!("CARGO_BIN_EXE_flowdump")).arg("--list-fields").output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = shown.lines().collect();
    let schema = flowdump::fields::schema();
    assert_eq!(lines.len(), 1 + schema.fields().len());
    for (line, spec) in lines[1..].iter().zip(schema.fields()) {
        assert_eq!(line.split(' ').next(), Some(&*spec.name));
        assert!(line.ends_with(&*spec.doc) && line.contains(spec.unit.name()), "{line}");
    }
    let line = |name: &str| *lines.iter().find(|line| line.starts_with(name)).unwrap();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["NAME", "TYPE", "UNIT", "MEANING"]);
    assert_eq!(line("src_port ").split_whitespace().collect::<Vec<_>>(), ["src_port", "u16", "Source", "port."]);
    assert_eq!(
        line("throughput ").split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>(),
        ["throughput", "u64", "bits per second", "Throughput."]
    );
}

#[test]
fn what_is_no_choice_is_said() {
    let said = |options: &[&str]| {
        let output = run(options, &recording());
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
        String::from_utf8(output.stderr).unwrap().lines().next().unwrap().to_owned()
    };
    assert_eq!(
        said(&["--fields", "octets,src_adr"]),
        "error: invalid value 'octets,src_adr' for '--fields <NAME,...>': no field is called \"src_adr\"; nearest: src_addr, \
         service_addr, src_as; flowdump --list-fields names them all"
    );
    assert_eq!(
        said(&["--fields", "octets,"]),
        "error: invalid value 'octets,' for '--fields <NAME,...>': a name is missing: write names with commas between, \
         src_addr,dst_addr; flowdump --list-fields names them all"
    );
    assert_eq!(
        said(&["--fields", "octets,octets"]),
        "error: invalid value 'octets,octets' for '--fields <NAME,...>': octets is named twice"
    );
    assert_eq!(
        said(&["--fields", "octets", "--format", "elements"]),
        "error: --format elements shows all elements; --fields is for the others"
    );
    assert_eq!(said(&["--exporters", "--format", "csv"]), "error: --exporters comes as a table, or with --format json");
    assert_eq!(
        said(&["--fields", "octets", "--stats"]),
        "error: the argument '--fields <NAME,...>' cannot be used with '--stats'"
    );
}

/// The words of a command line, some of them in single quotes.
fn words(line: &str) -> Vec<String> {
    let quoted = line.split('\'').enumerate().map(|(at, part)| (at % 2 == 1, part));
    let words = quoted.flat_map(|(quoted, part)| if quoted { vec![part] } else { part.split_whitespace().collect() });
    words.map(str::to_owned).collect()
}

#[test]
fn the_readme_shows_what_is_printed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let mut compared = 0;
    for block in readme.split("```text\n").skip(1).map(|block| block.split("```").next().unwrap()) {
        for shown in block.split("$ flowdump ").skip(1) {
            let (command, expected) = shown.split_once('\n').unwrap();
            let output = Command::new(env!("CARGO_BIN_EXE_flowdump")).args(words(command)).current_dir(&root).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap().replace('\r', ""), expected, "{command}");
            compared += 1;
        }
    }
    assert_eq!(compared, 2);
}
