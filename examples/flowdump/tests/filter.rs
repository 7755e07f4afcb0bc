//! What filters let through, against a plain evaluation of the same conditions over the JSON that shows the records.
#![cfg(test)]

mod common;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{corpus, decode};
use flowcodec::model::{ColumnType, FieldSpec, Schema};
use flowcodec::{Event, Settings, io};
use flowdump::filter::Filter;
use flowdump::input::Options;
use flowdump::shown::Shown;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::Value as Json;

/// A condition that knows nothing of fields, types or records.
#[derive(Debug, Clone)]
enum Condition {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    /// Members of the object, how they compare with a value as text.
    Test(Vec<String>, &'static str, String),
}

impl Condition {
    fn expression(&self) -> String {
        match self {
            Self::All(parts) => parts.iter().map(Self::inside).collect::<Vec<_>>().join(" and "),
            Self::Any(parts) => parts.iter().map(Self::inside).collect::<Vec<_>>().join(" or "),
            Self::Not(part) => format!("not {}", part.inside()),
            Self::Test(names, operator, value) => {
                let name = if names.len() == 1 { &*names[0] } else { names[0].strip_prefix("src_").unwrap() };
                format!("{name} {operator} {value}")
            }
        }
    }

    fn inside(&self) -> String {
        format!("({})", self.expression())
    }

    fn holds(&self, object: &Json) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(object)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(object)),
            Self::Not(part) => !part.holds(object),
            Self::Test(names, operator, value) => {
                names.iter().any(|name| object.get(name).is_some_and(|shown| compare(shown, operator, value)))
            }
        }
    }
}

fn compare(shown: &Json, operator: &str, value: &str) -> bool {
    if operator.is_empty() {
        return true;
    }
    let order = match shown {
        Json::Number(number) if operator == "in" => {
            let (least, most) = value.split_once('-').unwrap();
            let number = number.as_u64().unwrap();
            return least.parse::<u64>().unwrap() <= number && number <= most.parse().unwrap();
        }
        Json::Number(number) => number.as_f64().unwrap().total_cmp(&value.parse().unwrap()),
        Json::String(text) => match operator {
            "in" => return in_network(text, value),
            "contains" => return text.contains(value.trim_matches('"')),
            // Times have one width and one zone: they are in the order of their text.
            _ => text.as_str().cmp(value.trim_matches('"')),
        },
        other => panic!("{other}"),
    };
    match operator {
        "=" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        other => panic!("{other}"),
    }
}

/// Bit by bit.
fn in_network(address: &str, network: &str) -> bool {
    let bits = |address: &str| -> Vec<bool> {
        let octets = match address.parse().unwrap() {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        octets.iter().flat_map(|octet| (0..8).rev().map(move |bit| octet >> bit & 1 == 1)).collect()
    };
    let (network, length) = network.split_once('/').unwrap();
    let (address, network, length) = (bits(address), bits(network), length.parse::<usize>().unwrap());
    address.len() == network.len() && address[..length] == network[..length]
}

/// The flows of a recording as JSON shows them.
fn shown(path: &Path) -> Vec<Json> {
    let mut shown = Vec::new();
    decode(&[path], Options::default(), Settings::default(), &mut |event| {
        let Event::Flows(set) = event else { return };
        for record in set.records() {
            let mut line = String::new();
            io::write_record(&mut line, &record, &Schema::common());
            shown.push(serde_json::from_str(&line).unwrap());
        }
    });
    shown
}

/// Which flows of a recording each of the filters lets through.
fn passed(path: &Path, filters: &[Filter]) -> Vec<Vec<bool>> {
    let mut passed = vec![Vec::new(); filters.len()];
    decode(&[path], Options::default(), Settings::default(), &mut |event| {
        let Event::Flows(set) = event else { return };
        for record in set.records() {
            passed.iter_mut().zip(filters).for_each(|(passed, filter)| passed.push(filter.matches(&Shown::Record(record))));
        }
    });
    passed
}

/// A test of a field with a value of some record, or one beside it, so that it holds for some and not for others.
fn test(spec: &FieldSpec, value: &Json, pick: prop::sample::Index, by: u64) -> Condition {
    const ORDERED: [&str; 6] = ["=", "!=", "<", "<=", ">", ">="];
    const EQUAL: [&str; 2] = ["=", "!="];
    let name = &*spec.name;
    let names = vec![name.to_owned()];
    let either = [name.replacen("dst_", "src_", 1), name.replacen("src_", "dst_", 1)];
    let shorthand = either[0].strip_prefix("src_").is_some_and(|it| Schema::common().find(it).is_none());
    let both = if either[0] != either[1] && shorthand { either.to_vec() } else { names.clone() };
    let some = |them: &[&'static str]| *pick.get(them);
    if by == 0 {
        return Condition::Test(both, "", String::new());
    }
    let (text, is_number) = match value {
        Json::String(text) => (text.clone(), false),
        other => (other.to_string(), true),
    };
    let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    match spec.column {
        ColumnType::Double | ColumnType::Time => Condition::Test(names, some(&ORDERED), text),
        ColumnType::Text if by.is_multiple_of(2) && !text.contains(['"', '\\']) => {
            let part: String = text.chars().skip(1).take(usize::try_from(by).unwrap()).collect();
            Condition::Test(both, "contains", format!("\"{part}\""))
        }
        ColumnType::Address if by.is_multiple_of(2) => {
            let most = if text.contains(':') { 129 } else { 33 };
            Condition::Test(both, "in", format!("{text}/{}", by % most))
        }
        ColumnType::Text => Condition::Test(names, some(&EQUAL), quoted),
        ColumnType::Address | ColumnType::Mac => Condition::Test(names, some(&EQUAL), text),
        _ if is_number && by.is_multiple_of(3) => {
            let number: u64 = text.parse().unwrap();
            Condition::Test(
                both,
                "in",
                format!("{}-{}", number.saturating_sub(by), number.saturating_add(by).min(spec.column.max())),
            )
        }
        _ if is_number => {
            let number: u64 = text.parse().unwrap();
            Condition::Test(names, some(&ORDERED), number.saturating_add(by % 2).min(spec.column.max()).to_string())
        }
        // Words for numbers.
        _ => Condition::Test(names, some(&EQUAL), text),
    }
}

fn conditions(flows: Vec<Json>) -> impl Strategy<Value = Condition> {
    let leaf = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0_u64..200);
    let leaf = leaf.prop_filter_map("octets and lists are for other tests", move |(flow, member, pick, by)| {
        let schema = Schema::common();
        let members: Vec<_> = flow.get(&flows).as_object().unwrap().iter().collect();
        let (name, value) = member.get(&members);
        let spec = schema.field(schema.find(name).unwrap()).unwrap();
        let simple = !matches!(spec.column, ColumnType::Octets | ColumnType::U32List);
        simple.then(|| test(spec, value, pick, by))
    });
    leaf.prop_recursive(4, 16, 3, |inner| {
        let parts = || prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            parts().prop_map(Condition::All),
            parts().prop_map(Condition::Any),
            inner.prop_map(|part| Condition::Not(Box::new(part))),
        ]
    })
}

/// Compares many random conditions over all flows of a recording.
fn agree(path: &Path, flows: usize) {
    let objects = shown(path);
    assert_eq!(objects.len(), flows, "{}", path.display());
    let mut runner = TestRunner::deterministic();
    let strategy = conditions(objects.clone());
    let conditions: Vec<_> = (0..400).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect();
    let filters: Vec<_> = conditions
        .iter()
        .map(|condition| {
            let expression = condition.expression();
            Filter::parse(&expression, Schema::common()).unwrap_or_else(|error| panic!("{error}"))
        })
        .collect();
    let mut telling = 0;
    for ((condition, filter), passed) in conditions.iter().zip(&filters).zip(passed(path, &filters)) {
        let expected: Vec<_> = objects.iter().map(|object| condition.holds(object)).collect();
        assert_eq!(passed, expected, "{}: {filter}", path.display());
        telling += usize::from(expected.contains(&true) && expected.contains(&false));
    }
    assert!(telling > 100, "{}: only {telling} conditions tell flows apart", path.display());
}

#[test]
fn filters_hold_where_plain_conditions_hold() {
    agree(&recording(), 345);
}

#[test]
fn and_over_other_exporters() {
    let Some(corpus) = corpus() else { return };
    // Kubernetes names and texts; tunnels; uptimes and sampling rates.
    agree(&corpus.join("antrea/antrea-2.7.pcap"), 161);
    agree(&corpus.join("exporters/openvswitch/ipfix_tunnel.pcap"), 221);
    agree(&corpus.join("exporters/softflowd/v9.pcap"), 14);
    agree(&corpus.join("exporters/pmacct/nfv5.pcap"), 9);
    // Samples, whose headers are read when a field is asked for.
    agree(&corpus.join("exporters/openvswitch/sflow1.pcap"), 229);
    agree(&corpus.join("exporters/pmacct/sfprobe.pcap"), 61);
}

/// Open vSwitch, one record for every packet: what was sent is in the README of the recording's origin.
fn recording() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../captures/openvswitch-ipfix.pcap")
}

fn count(expression: &str) -> usize {
    let filter = Filter::parse(expression, Schema::common()).unwrap_or_else(|error| panic!("{error}"));
    passed(&recording(), &[filter])[0].iter().filter(|passed| **passed).count()
}

#[test]
fn frames_that_were_sent() {
    // 20 of TCP to port 80 over IPv4, 20 to port 443 over IPv6, 12 to port 53, 8 echo requests; all at ingress and at egress.
    assert_eq!(count("dst_port = 80 and ip_protocol = tcp"), 40);
    assert_eq!(count("dst_port = 443 and src_addr in fd00:99::/64 and direction = ingress"), 20);
    assert_eq!(count("port = 53 and ip_version = 4 and direction = egress"), 12);
    assert_eq!(count("src_addr in 10.99.0.0/16 and icmp_type = 8"), 16);
    assert_eq!(count("ip_protocol in (sctp, gre)"), 32);
    // Of the 140 frames 18 are not IP to the switch: 8 with MPLS, 8 with two VLAN tags, ARP, LLDP.
    assert_eq!(count("direction = ingress"), 140);
    assert_eq!(count("direction = ingress and not ip_version"), 18);
    assert_eq!(count("protocol = ipfix and start >= 2026-11-21T04:16:41Z and start < 2026-11-21T04:16:42Z"), 345);
}

#[test]
fn a_test_of_an_absent_field_is_false() {
    let all = 345;
    let with_port = count("dst_port");
    assert!(0 < with_port && with_port < all);
    assert_eq!(count("dst_port = 443") + count("dst_port != 443"), with_port);
    assert_eq!(count("not dst_port = 443"), all - count("dst_port = 443"));
    assert_eq!(count("dst_port in 0-65535"), with_port);
    assert_eq!(count("src_pod or src_pod = \"\" or src_pod contains \"\""), 0);
    assert_eq!(count("not src_pod"), all);
    // Empty is not absent.
    assert_eq!(count("in_if_description = \"\""), all);
}

#[test]
fn all_outputs_show_what_passes() {
    let run = |options: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_flowdump"))
            .args(["--filter", "src_addr = 10.99.0.1 and dst_port = 53 and direction = ingress"])
            .args(options)
            .arg(recording())
            .output()
            .unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(run(&[]).lines().count(), 1 + 12);
    assert_eq!(run(&["--fields", "octets"]).lines().count(), 1 + 12);
    assert_eq!(run(&["--format", "csv"]).lines().count(), 1 + 12);
    assert_eq!(run(&["--format", "json"]).lines().count(), 12);
    // The options record has none of these fields.
    assert_eq!(run(&["--format", "elements"]).lines().count(), 12);
    let with_options = Command::new(env!("CARGO_BIN_EXE_flowdump"))
        .args(["--format", "elements", "--filter", "not src_addr = 10.99.0.1 and domain = 0"])
        .arg(recording())
        .output()
        .unwrap();
    assert_eq!(str::from_utf8(&with_options.stdout).unwrap().lines().count(), 1);
}

#[test]
fn a_wrong_expression_ends_the_program() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_flowdump")).args(["--filter", "src_addr = 5"]).arg(recording()).output().unwrap();
    assert_eq!((output.status.code(), output.stdout), (Some(2), vec![]));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: invalid value 'src_addr = 5' for '--filter <EXPRESSION>': \"5\" is no value of src_addr, which is an address: write \
         10.0.0.1 or 2001:db8::1, or behind \"in\" a network, 10.0.0.0/8\n  src_addr = 5\n             ^\n\n\
         For more information, try '--help'.\n"
    );
}
