//! What is asked of a record: which members hold addresses, and what else of it belongs to the question.

use std::borrow::Cow;
use std::cell::Cell;
use std::time::SystemTime;

use flowcodec::Timestamp;
use flowenrich::{Mapping, parse_rfc3339};

use crate::json::unquoted;
use crate::record::{Added, Record, Said};

/// A pair of the mapping: where an address stands, and the names of what is added for it.
#[derive(Debug)]
pub(crate) struct Pair {
    /// Members that may hold it: the first that is there does.
    fields: Vec<Field>,
    pub(crate) names: Names,
    /// Whether a record had one of them.
    met: Cell<bool>,
}

#[derive(Debug)]
struct Field {
    address: String,
    /// The port that belongs to it, where goflow2 names it so.
    port: Option<String>,
}

/// What can be added, in the order in which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    Pod,
    Namespace,
    HostIp,
    Workload,
    WorkloadKind,
    Kind,
    Called,
    Node,
    Zone,
    By,
    Owners,
    Ambiguous,
    Warn,
}

/// All of them with their prefix.
#[derive(Debug)]
pub(crate) struct Names([String; 13]);

impl Names {
    fn new(prefix: &str) -> Self {
        let words = [
            "Pod",
            "Namespace",
            "HostIP",
            "Workload",
            "WorkloadKind",
            "Kind",
            "Name",
            "Node",
            "Zone",
            "By",
            "Owners",
            "Ambiguous",
            "Warn",
        ];
        Self(words.map(|word| format!("{prefix}{word}")))
    }

    /// A text to be added.
    pub(crate) fn text(&self, name: Name, text: impl Into<String>) -> Added<'_> {
        Added { name: self.name(name), value: Said::Text(text.into()) }
    }

    /// A list of texts to be added.
    pub(crate) fn list(&self, name: Name, list: Vec<String>) -> Added<'_> {
        Added { name: self.name(name), value: Said::List(list) }
    }

    #[expect(clippy::as_conversions, reason = "the names stand in the order of their numbers")]
    fn name(&self, name: Name) -> &str {
        self.0.get(name as usize).map_or("", String::as_str)
    }
}

/// The two forms of goflow2's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Dialect {
    /// goflow2 1.x: `SrcAddr`.
    V1,
    /// goflow2 2.x: `src_addr`.
    V2,
}

/// The pairs of a mapping, or those that goflow2's records have: of one dialect, or of the one that a record is in.
pub(crate) fn pairs(mapping: Option<&Mapping>, dialect: Option<Dialect>) -> Vec<Pair> {
    let Some(mapping) = mapping else {
        let names = |v1: &str, v2: &str| match dialect {
            Some(Dialect::V1) => vec![Field::new(v1)],
            Some(Dialect::V2) => vec![Field::new(v2)],
            None => vec![Field::new(v1), Field::new(v2)],
        };
        return vec![Pair::new(names("SrcAddr", "src_addr"), "Src"), Pair::new(names("DstAddr", "dst_addr"), "Dst")];
    };
    mapping.pairs().iter().map(|pair| Pair::new(vec![Field::new(&pair.field)], &pair.prefix)).collect()
}

impl Field {
    fn new(address: &str) -> Self {
        let stem = |end: &str, port: &str| address.strip_suffix(end).map(|stem| format!("{stem}{port}"));
        Self { address: address.to_owned(), port: stem("Addr", "Port").or_else(|| stem("_addr", "_port")) }
    }
}

/// The address text that stands at a pair, and the port beside it.
#[derive(Debug)]
pub(crate) struct Place<'r> {
    pub(crate) text: Cow<'r, str>,
    pub(crate) port: Option<u16>,
}

impl Pair {
    fn new(fields: Vec<Field>, prefix: &str) -> Self {
        Self { fields, names: Names::new(prefix), met: Cell::new(false) }
    }

    /// Its members, when no record so far had one of them.
    pub(crate) fn unmet(&self) -> Option<String> {
        let members: Vec<_> = self.fields.iter().map(|field| &*field.address).collect();
        (!self.met.get()).then(|| members.join(" or "))
    }

    /// Where the record, or what has been added to it so far, has its address.
    pub(crate) fn place<'r>(&self, record: &Record<'r>, added: &[Added<'_>]) -> Option<Place<'r>> {
        self.fields.iter().find_map(|Field { address, port }| {
            let before = added.iter().rev().find(|added| added.name == address);
            let text = match before.map(|added| &added.value) {
                Some(Said::Text(text)) => Cow::Owned(text.clone()),
                Some(Said::List(_)) => return None,
                None => text(record.value(address)?)?,
            };
            self.met.set(true);
            let port = port.as_ref().and_then(|port| number(record.value(port)?)?.try_into().ok());
            Some(Place { text, port: port.filter(|port| *port != 0) })
        })
    }
}

fn text(value: &[u8]) -> Option<Cow<'_, str>> {
    value.starts_with(b"\"").then(|| unquoted(value))
}

fn number(value: &[u8]) -> Option<u64> {
    str::from_utf8(value).ok()?.parse().ok()
}

/// The transport protocol of a record, as a number or as one of goflow2's words.
pub(crate) fn protocol(record: &Record<'_>) -> Option<u8> {
    let value = record.value("Proto").or_else(|| record.value("proto"))?;
    match value {
        b"\"TCP\"" => Some(6),
        b"\"UDP\"" => Some(17),
        b"\"SCTP\"" => Some(132),
        _ => number(value)?.try_into().ok(),
    }
}

/// For which time is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The record's own: its end, else its start, else when it was received.
    Record,
    /// Now.
    Now,
    /// This one.
    Time(Timestamp),
}

impl std::str::FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "record" => Ok(Self::Record),
            "now" => Ok(Self::Now),
            _ => parse_rfc3339(text)
                .map(Self::Time)
                .ok_or_else(|| "neither `record`, `now`, nor a time such as 2026-11-20T09:05:00Z".to_owned()),
        }
    }
}

impl At {
    /// The time for one record; `None` when it is the record's own, and the record has none.
    pub(crate) fn of(self, record: &Record<'_>) -> Option<Timestamp> {
        match self {
            Self::Time(time) => Some(time),
            Self::Now => Some(now()),
            Self::Record => own_time(record),
        }
    }
}

/// The clock's time.
pub(crate) fn now() -> Timestamp {
    SystemTime::now().into()
}

/// Members that hold times, the best first: name, nanoseconds of its unit.
const TIMES: [(&[u8], u64); 14] = [
    (b"time_flow_end_ns", 1),
    (b"TimeFlowEndMs", 1_000_000),
    (b"time_flow_end_ms", 1_000_000),
    (b"TimeFlowEnd", 1_000_000_000),
    (b"time_flow_end", 1_000_000_000),
    (b"time_flow_start_ns", 1),
    (b"TimeFlowStartMs", 1_000_000),
    (b"time_flow_start_ms", 1_000_000),
    (b"TimeFlowStart", 1_000_000_000),
    (b"time_flow_start", 1_000_000_000),
    (b"time_received_ns", 1),
    (b"TimeReceivedMs", 1_000_000),
    (b"TimeReceived", 1_000_000_000),
    (b"time_received", 1_000_000_000),
];

/// 0 is how goflow2 writes "not known".
fn own_time(record: &Record<'_>) -> Option<Timestamp> {
    let mut best: Option<(usize, Timestamp)> = None;
    for (name, value) in record.raw().filter(|(name, _)| matches!(name, [b't' | b'T', b'i', ..])) {
        let Some((rank, (_, unit))) = TIMES.iter().enumerate().find(|(_, (time, _))| *time == name) else { continue };
        let time = match text(value) {
            // goflow2 2.x can be told to write times as text.
            Some(text) => parse_rfc3339(&text),
            None => number(value)
                .filter(|number| *number != 0)
                .and_then(|number| i64::try_from(number.checked_mul(*unit)?).ok())
                .map(Timestamp::from_nanos),
        };
        if let Some(time) = time
            && best.is_none_or(|(other, _)| rank <= other)
        {
            best = Some((rank, time));
        }
    }
    best.map(|(_, time)| time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked<T>(line: &str, ask: impl FnOnce(&Record<'_>) -> T) -> T {
        let mut space = Vec::new();
        ask(&Record::scan(line.as_bytes(), &mut space).unwrap())
    }

    #[test]
    fn the_time_is_the_end_else_the_start_else_the_receipt() {
        for (line, nanos) in [
            (r#"{"TimeReceived":5,"TimeFlowStart":3,"TimeFlowEnd":4}"#, Some(4_000_000_000)),
            (r#"{"TimeReceived":5,"TimeFlowStart":3,"TimeFlowEnd":0}"#, Some(3_000_000_000)),
            (r#"{"TimeReceived":5,"TimeFlowStart":0,"TimeFlowEnd":0}"#, Some(5_000_000_000)),
            (r#"{"TimeFlowEnd":4,"TimeFlowEndMs":4250,"TimeFlowStartMs":1}"#, Some(4_250_000_000)),
            (r#"{"time_received_ns":7,"time_flow_start_ns":6,"time_flow_end_ns":9}"#, Some(9)),
            (r#"{"time_flow_end_ns":"2026-11-20T12:00:00Z"}"#, Some(1_795_176_000_000_000_000)),
            (r#"{"time_flow_end_ns":"soon","time_received_ns":7}"#, Some(7)),
            (r#"{"TimeReceived":-1,"TimeFlowEnd":99999999999999999999}"#, None),
            (r#"{"TimeReceived":1e9}"#, None),
        ] {
            assert_eq!(asked(line, own_time).map(Timestamp::as_nanos), nanos, "{line}");
        }
    }

    #[test]
    fn addresses_ports_and_protocols_of_both_dialects() {
        let pairs = pairs(None, None);
        let place = |line: &str| {
            asked(line, |record| {
                pairs
                    .iter()
                    .map(|pair| pair.place(record, &[]).map(|place| (place.text.into_owned(), place.port)))
                    .collect::<Vec<_>>()
            })
        };
        let found = |text: &str, port| Some((text.to_owned(), port));
        assert_eq!(
            place(r#"{"SrcAddr":"10.0.0.1","SrcPort":80,"DstAddr":"::1","DstPort":0}"#),
            [found("10.0.0.1", Some(80)), found("::1", None)]
        );
        assert_eq!(place(r#"{"src_addr":"10.0.0.1","src_port":70000}"#), [found("10.0.0.1", None), None]);
        assert_eq!(place(r#"{"SrcAddr":7,"DstAddr":null}"#), [None, None]);
        assert_eq!(asked(r#"{"Proto":17}"#, protocol), Some(17));
        assert_eq!(asked(r#"{"proto":"SCTP"}"#, protocol), Some(132));
        assert_eq!(asked(r#"{"proto":"ICMP"}"#, protocol), None);
    }

    #[test]
    fn what_an_earlier_pair_added_can_be_asked_about() {
        let mapping: Mapping = "SrcAddr=Src,SrcHostIP=Host".parse().unwrap();
        let pairs = pairs(Some(&mapping), None);
        let added = [pairs[0].names.text(Name::HostIp, "10.89.0.2")];
        let text = asked(r#"{"SrcHostIP":"old"}"#, |record| pairs[1].place(record, &added).unwrap().text.into_owned());
        assert_eq!(text, "10.89.0.2");
        assert_eq!(pairs[1].names.text(Name::Pod, "").name, "HostPod");
    }
}
