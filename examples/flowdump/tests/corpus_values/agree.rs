//! When an expected value and an element of a record agree: by the element's type, whatever form the other decoder wrote it in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

use flowcodec::ie::{self, DataType, ElementId};
use flowcodec::sflow::{Sample, SampleKind};
use flowcodec::template::{Template, TemplateKind};
use flowcodec::{Element, Record, Timestamp, Value, io};
use serde_json::Value as Json;

/// Elements by name, letters and digits compared in lower case: `octet_delta_count` is `octetDeltaCount`.
pub(crate) struct Names(HashMap<String, Vec<ElementId>>);

impl Names {
    pub(crate) fn new() -> Self {
        let mut names: HashMap<String, Vec<ElementId>> = HashMap::new();
        for element in ie::elements() {
            names.entry(plain(element.name)).or_default().push(element.id);
        }
        Self(names)
    }

    /// The elements of these names; a name may also be an id in the form of [`ElementId`].
    pub(crate) fn ids(&self, names: &[&str]) -> Rc<[ElementId]> {
        let ids = names.iter().flat_map(|name| match name.parse() {
            Ok(id) => vec![id],
            Err(_) => self.0.get(&plain(name)).cloned().unwrap_or_default(),
        });
        ids.collect()
    }
}

fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// One thing an expected record says.
#[derive(Debug)]
pub(crate) struct Field {
    /// Its name where it comes from.
    pub(crate) label: String,
    pub(crate) what: What,
    pub(crate) value: Json,
}

#[derive(Debug)]
pub(crate) enum What {
    Kind,
    Domain,
    Template,
    /// A value of one of these elements.
    Element(Rc<[ElementId]>),
    /// The value of one element that comes this often, at this place among them.
    Repeated {
        ids: Rc<[ElementId]>,
        at: usize,
        of: usize,
    },
    /// A time as tshark shows it.
    Time(Rc<[ElementId]>),
    /// One of these members of the record as JSON: see [`shown`].
    Shown(&'static [&'static str]),
}

impl Field {
    pub(crate) fn new(label: &str, what: What, value: impl Into<Json>) -> Self {
        Self { label: label.to_owned(), what, value: value.into() }
    }

    /// Whether the record says it.
    pub(crate) fn agrees(&self, record: &Record<'_>) -> bool {
        let number = || self.value.as_u64().or_else(|| self.value.as_str()?.parse().ok());
        match &self.what {
            What::Kind => {
                let kind = match (record.template().map(Template::kind), record.sample().map(Sample::kind)) {
                    (Some(TemplateKind::Options), _) => "options",
                    (_, Some(SampleKind::Counters)) => "counters",
                    _ => "flow",
                };
                self.value == kind
            }
            What::Domain => number() == Some(record.context().domain.into()),
            What::Template => number() == record.template().map(|template| template.id().into()),
            What::Element(ids) => of(record, ids).any(|element| agrees(&self.value, &element)),
            What::Repeated { ids, at, of: count } => {
                let all: Vec<_> = of(record, ids).collect();
                if all.len() == *count { agrees(&self.value, &all[*at]) } else { all.iter().any(|it| agrees(&self.value, it)) }
            }
            What::Time(ids) => of(record, ids).any(|element| time_agrees(self.value.as_str().unwrap(), &element, record)),
            What::Shown(paths) => {
                let json = json(record);
                paths.iter().any(|path| shown(&json, path).is_some_and(|shown| shown_agrees(&self.value, shown, path)))
            }
        }
    }

    /// What the record says instead.
    pub(crate) fn found(&self, record: &Record<'_>) -> String {
        match &self.what {
            What::Kind | What::Domain | What::Template => format!("{:?}", record.template()),
            What::Element(ids) | What::Repeated { ids, .. } | What::Time(ids) => {
                let found: Vec<_> = of(record, ids).map(|element| format!("{:?} {:?}", element.id(), element.value())).collect();
                found.join(", ")
            }
            What::Shown(paths) => {
                let json = json(record);
                let found: Vec<_> = paths.iter().filter_map(|path| Some(format!("{path} {}", shown(&json, path)?))).collect();
                found.join(", ")
            }
        }
    }
}

/// A record as `flowdump --format elements` shows it.
pub(crate) fn json(record: &Record<'_>) -> Json {
    let mut out = String::new();
    io::write_elements(&mut out, record);
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

/// A member of the record by its path among the elements, as `sampled_header.ipTTL`; `@agent` is one beside them.
pub(crate) fn shown<'a>(record: &'a Json, path: &str) -> Option<&'a Json> {
    match path.strip_prefix('@') {
        Some(name) => record.get(name),
        None => path.split('.').try_fold(&record["elements"], |at, name| at.get(name)),
    }
}

/// The same number, address or MAC address, or the same text.
pub(crate) fn shown_agrees(expected: &Json, shown: &Json, path: &str) -> bool {
    if let (Some(expected), Some(shown)) = (address_of(expected), address_of(shown)) {
        return expected == shown;
    }
    let name = path.rsplit('.').next().unwrap_or(path);
    match shown {
        Json::Number(number) => number.as_u64().is_some_and(|number| number_of(expected, name) == Some(number.into())),
        Json::String(text) => expected == text || octets_of(expected).is_some_and(|octets| octets_of(shown) == Some(octets)),
        _ => false,
    }
}

fn of<'a>(record: &Record<'a>, ids: &[ElementId]) -> impl Iterator<Item = Element<'a>> {
    record.elements().filter(move |element| ids.contains(&element.id()))
}

fn agrees(expected: &Json, element: &Element<'_>) -> bool {
    let name = element.name().unwrap_or_default();
    match element.value() {
        Value::Unsigned(number) => number_of(expected, name) == Some(number.into()),
        Value::Signed(number) => number_of(expected, name) == Some(number.into()),
        Value::Float(number) => {
            let expected = expected.as_f64().or_else(|| expected.as_str()?.parse().ok());
            expected.is_some_and(|expected| (expected - number).abs() <= number.abs() * 1e-6)
        }
        Value::Bool(truth) => *expected == truth || number_of(expected, name) == Some(if truth { 1 } else { 2 }),
        Value::Mac(mac) => octets_of(expected).as_deref() == Some(&mac.octets()),
        Value::Address(address) => address_of(expected) == Some(address.to_canonical()),
        Value::Time(time) => {
            let unit = unit(element.field().unwrap().data_type());
            let expected = match expected {
                Json::String(text) => parse_time(text).or_else(|| Some(text.parse::<i64>().ok()? * unit)),
                other => other.as_i64().map(|number| number * unit),
            };
            expected.is_some_and(|expected| same_time(expected, time, unit))
        }
        Value::Text(text) => {
            let octets = text.trimmed().as_bytes();
            match expected {
                // What is not UTF-8 stands as one replacement character or several.
                Json::String(text) if text.contains('\u{fffd}') => ascii_of(text.as_bytes()) == ascii_of(octets),
                Json::String(text) => {
                    text.trim_end_matches('\0').as_bytes() == octets
                        // tshark and telegraf have no type for some elements.
                        || octets_of(expected).is_some_and(|expected| expected == element.octets())
                }
                other => octets_of(other).is_some_and(|expected| expected == element.octets()),
            }
        }
        Value::Octets(octets) => {
            let number = |octets: &[u8]| octets.iter().skip_while(|octet| **octet == 0).copied().collect::<Vec<_>>();
            octets_of(expected).as_deref() == Some(octets)
                || base64_of(expected).as_deref() == Some(octets)
                || expected.as_u64().is_some_and(|expected| number(&expected.to_be_bytes()) == number(octets))
                || address_of(expected).is_some_and(|address| match address {
                    IpAddr::V4(address) => address.octets() == octets,
                    IpAddr::V6(address) => address.octets() == octets,
                })
        }
        _ => false,
    }
}

/// Runs of octets that are not ASCII as one `?`.
fn ascii_of(octets: &[u8]) -> Vec<u8> {
    let mut ascii: Vec<u8> = octets.iter().map(|octet| if octet.is_ascii() { *octet } else { b'?' }).collect();
    ascii.dedup_by(|a, b| *a == b'?' && *b == b'?');
    ascii
}

fn address_of(expected: &Json) -> Option<IpAddr> {
    match expected {
        Json::String(text) => text.parse::<IpAddr>().ok().map(|address| address.to_canonical()),
        _ => None,
    }
}

/// Octets written as hex, with or without separators and `0x`, or as a list.
fn octets_of(expected: &Json) -> Option<Vec<u8>> {
    match expected {
        Json::Array(items) => items.iter().map(|item| u8::try_from(item.as_u64()?).ok()).collect(),
        Json::String(text) => {
            let text = text.strip_prefix("0x").unwrap_or(text);
            let digits: Vec<u8> = text.bytes().filter(|octet| !b":-. ".contains(octet)).collect();
            if !digits.len().is_multiple_of(2) {
                return None;
            }
            let digit = |octet: u8| char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            digits.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
        }
        _ => None,
    }
}

/// Octets as the beats write them.
fn base64_of(expected: &Json) -> Option<Vec<u8>> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = expected.as_str().filter(|text| text.len().is_multiple_of(4))?.trim_end_matches('=');
    let (mut octets, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes() {
        bits = bits << 6 | u32::try_from(LETTERS.iter().position(|it| *it == letter)?).ok()?;
        held += 6;
        if held >= 8 {
            held -= 8;
            octets.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    Some(octets)
}

/// A number, or what stands for one.
fn number_of(expected: &Json, name: &str) -> Option<i128> {
    match expected {
        Json::Number(number) => number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from)),
        Json::Bool(truth) => Some(i128::from(*truth)),
        Json::Array(_) => {
            let octets = octets_of(expected).filter(|octets| octets.len() <= 8)?;
            Some(octets.iter().fold(0, |number, octet| number << 8 | i128::from(*octet)))
        }
        Json::String(text) => match text.strip_prefix("0x") {
            Some(hex) => i128::from_str_radix(hex, 16).ok(),
            None => text.parse().ok().or_else(|| word(name, text)).or_else(|| flags(text)),
        },
        Json::Object(members) => {
            let flag = |name: &str, bit: i128| if members[name] == true { bit } else { 0 };
            if members.contains_key("FIN") {
                let names = ["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
                return Some(names.into_iter().enumerate().map(|(at, name)| flag(name, 1 << at)).sum());
            }
            if let (Some(status), Some(reason)) = (members.get("status"), members.get("reason")) {
                return Some(i128::from(status.as_u64()? << 6 | reason.as_u64()?));
            }
            let (key, value) = members.iter().next()?;
            // {"Unassigned": 255}, {"Forwarded": "Unknown"}
            value.as_u64().map(i128::from).or_else(|| word(name, &format!("{key} {}", value.as_str()?)))
        }
        Json::Null => None,
    }
}

/// Words that other decoders write for numbers.
fn word(name: &str, word: &str) -> Option<i128> {
    let word = plain(word);
    let words: &[(&str, i128)] = match name {
        "protocolIdentifier" => &[
            ("icmp", 1),
            ("igmp", 2),
            ("ipv4", 4),
            ("tcp", 6),
            ("udp", 17),
            ("ipv6", 41),
            ("gre", 47),
            ("ipv6icmp", 58),
            ("icmp6", 58),
            ("icmpv6", 58),
            ("ospf", 89),
            ("vrrp", 112),
            ("sctp", 132),
        ],
        "flowDirection" => &[("ingress", 0), ("egress", 1)],
        "flowEndReason" => &[
            ("idletimeout", 1),
            ("activetimeout", 2),
            ("endofflow", 3),
            ("endofflowdetected", 3),
            ("forcedend", 4),
            ("lackofresources", 5),
        ],
        "mplsTopLabelType" => &[("unknown", 0), ("temidpt", 1), ("pseudowire", 2), ("vpn", 3), ("bgp", 4), ("ldp", 5)],
        "selectorAlgorithm" => &[("systematiccountbasedsampling", 1), ("randomnoutofnsampling", 3)],
        "ipVersion" => &[("ipv4", 4), ("ipv6", 6)],
        "forwardingStatus" => &[("unknown", 0), ("forwardedunknown", 64), ("consumedforus", 195)],
        _ => &[],
    };
    words.iter().find(|(known, _)| *known == word).map(|(_, number)| *number)
}

/// `...AP...`
fn flags(text: &str) -> Option<i128> {
    let bits = text.bytes().map(|letter| i128::from(letter != b'.'));
    let known = text.len() == 8 && text.bytes().all(|letter| b".CEUAPRSF".contains(&letter));
    known.then(|| bits.fold(0, |flags, bit| flags << 1 | bit))
}

/// Nanoseconds of one of a type.
fn unit(data_type: DataType) -> i64 {
    match data_type {
        DataType::DateTimeSeconds => 1_000_000_000,
        DataType::DateTimeMilliseconds => 1_000_000,
        _ => 1,
    }
}

/// Equal to the nanosecond where the type has whole units; NTP fractions are rounded in several ways.
fn same_time(expected: i64, time: Timestamp, unit: i64) -> bool {
    time.as_nanos().abs_diff(expected) <= if unit == 1 { 1_000 } else { 0 }
}

/// tshark shows uptimes as seconds with nine decimals (an uptime of 0 as a date), and times as text.
fn time_agrees(shown: &str, element: &Element<'_>, record: &Record<'_>) -> bool {
    let time = parse_time(shown);
    let nanos = shown.replace('.', "").parse::<i64>().ok().or(time).unwrap();
    match (element.value(), element.name()) {
        (Value::Unsigned(millis), Some("flowStartSysUpTime" | "flowEndSysUpTime")) => {
            i128::from(millis) * 1_000_000 == i128::from(nanos)
        }
        // Microseconds before the export time.
        (Value::Unsigned(micros), Some("flowStartDeltaMicroseconds" | "flowEndDeltaMicroseconds")) => {
            let before = i64::try_from(micros).unwrap() * 1_000;
            time == Some(record.context().exported.as_nanos() - before)
        }
        (Value::Time(found), _) => time.is_some_and(|time| same_time(time, found, unit(element.field().unwrap().data_type()))),
        _ => false,
    }
}

/// `2020-01-02T03:04:05.678Z`, or `Jan  2, 2020 03:04:05.678 UTC`, as nanoseconds since 1970.
fn parse_time(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = text.strip_suffix('Z').or_else(|| text.strip_suffix(" UTC"))?;
    let mut parts = text.split([' ', ',', '-', 'T']).filter(|part| !part.is_empty());
    let (first, second, third, clock) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let (year, month, day): (i64, i64, i64) = match MONTHS.iter().position(|month| *month == first) {
        Some(month) => (third.parse().ok()?, i64::try_from(month).ok()? + 1, second.parse().ok()?),
        None => (first.parse().ok()?, second.parse().ok()?, third.parse().ok()?),
    };
    let mut clock = clock.split([':', '.']);
    let mut number = || clock.next().map_or(Some(0), |part| part.parse::<i64>().ok());
    let seconds = number()? * 3_600 + number()? * 60 + number()?;
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    let nanos: i64 = format!("{fraction:0<9.9}").parse().ok()?;
    Some((days(year, month, day) * 86_400 + seconds) * 1_000_000_000 + nanos)
}

/// Days from 1970-01-01.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let years: i64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    years + lengths.iter().take(usize::try_from(month - 1).unwrap()).sum::<i64>() + day - 1
}
