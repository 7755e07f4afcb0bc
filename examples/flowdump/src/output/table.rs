//! Aligned columns a person can read.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::IpAddr;

use flowcodec::{Civil, Record, Text, Timestamp, field};

/// Records looked at before the first line is printed: they decide which columns there are, and how wide.
const SAMPLE: usize = 1_000;

/// The columns, in order; one that is empty in the whole sample is left out.
const HEADINGS: [&str; 13] = [
    "START",
    "DURATION",
    "PROTO",
    "SOURCE",
    "DESTINATION",
    "PACKETS",
    "OCTETS",
    "FLAGS",
    "DIR",
    "IN>OUT",
    "FROM",
    "TO",
    "EXPORTER",
];
/// Columns of numbers stand right.
const RIGHT: [bool; 13] = [false, true, false, false, false, true, true, false, false, false, false, false, false];

type Row = [String; 13];

/// A table that prints itself when it has seen enough rows to know its columns.
#[derive(Debug, Default)]
pub struct Table {
    held: Vec<Row>,
    widths: Option<[usize; 13]>,
}

impl Table {
    /// Adds a flow.
    ///
    /// # Errors
    /// When `out` does not take the line.
    pub fn record(&mut self, out: &mut dyn Write, record: &Record<'_>) -> io::Result<()> {
        let row = row(record);
        match &self.widths {
            Some(widths) => line(out, widths, &row),
            None => {
                self.held.push(row);
                if self.held.len() < SAMPLE { Ok(()) } else { self.flush(out) }
            }
        }
    }

    /// Prints what is held back.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn flush(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if self.widths.is_some() || self.held.is_empty() {
            return Ok(());
        }
        let mut widths = [0; 13];
        for row in &self.held {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for (width, heading) in widths.iter_mut().zip(HEADINGS) {
            if *width != 0 {
                *width = heading.len().max(*width);
            }
        }
        self.widths = Some(widths);
        line(out, &widths, &HEADINGS.map(str::to_owned))?;
        self.held.drain(..).try_for_each(|row| line(out, &widths, &row))
    }
}

fn line(out: &mut dyn Write, widths: &[usize; 13], row: &Row) -> io::Result<()> {
    let mut text = String::new();
    for ((cell, &width), right) in row.iter().zip(widths).zip(RIGHT).filter(|((_, width), _)| **width != 0) {
        if !text.is_empty() {
            text.push_str("  ");
        }
        let _ = if right { write!(text, "{cell:>width$}") } else { write!(text, "{cell:<width$}") };
    }
    writeln!(out, "{}", text.trim_end())
}

fn row(record: &Record<'_>) -> Row {
    let start = record.get(field::START);
    let shown = start
        .or_else(|| record.get(field::OBSERVED))
        .or_else(|| record.get(field::END))
        .unwrap_or_else(|| record.context().received);
    let protocol = record.get(field::IP_PROTOCOL);
    let with_ports = !matches!(protocol, Some(1 | 58));
    let port = |port: Option<u16>| port.filter(|_| with_ports);
    let interfaces = match (record.get(field::IN_IF), record.get(field::OUT_IF)) {
        (None, None) => String::new(),
        (from, to) => format!("{}>{}", or_dash(from), or_dash(to)),
    };
    [
        shown_time(shown),
        start.zip(record.get(field::END)).map(|(start, end)| duration(end.since(start))).unwrap_or_default(),
        protocol.map_or_else(|| layer2(record), protocol_name),
        endpoint(
            record.get(field::SRC_ADDR),
            record.get(field::SRC_MAC).map(|mac| mac.to_string()),
            port(record.get(field::SRC_PORT)),
        ),
        endpoint(
            record.get(field::DST_ADDR),
            record.get(field::DST_MAC).map(|mac| mac.to_string()),
            port(record.get(field::DST_PORT)),
        ),
        record.get(field::PACKETS).map(|number| number.to_string()).unwrap_or_default(),
        record
            .get(field::OCTETS)
            .or_else(|| record.get(field::LAYER2_OCTETS))
            .map(|number| number.to_string())
            .unwrap_or_default(),
        record.get(field::TCP_FLAGS).filter(|_| protocol == Some(6)).map(flags).unwrap_or_default(),
        match record.get(field::DIRECTION) {
            Some(0) => "in".to_owned(),
            Some(1) => "out".to_owned(),
            _ => String::new(),
        },
        interfaces,
        pod(record.get(field::SRC_NAMESPACE), record.get(field::SRC_POD)),
        pod(record.get(field::DST_NAMESPACE), record.get(field::DST_POD)),
        record.context().exporter.address().to_string(),
    ]
}

fn or_dash(number: Option<u32>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

/// To the millisecond: what most exporters know.
fn shown_time(time: Timestamp) -> String {
    let Civil { year, month, day, hour, minute, second, nanosecond, .. } = time.to_civil();
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{:03}", nanosecond / 1_000_000)
}

fn duration(nanos: i64) -> String {
    let millis = nanos / 1_000_000;
    format!("{}.{:03}", millis / 1_000, (millis % 1_000).unsigned_abs())
}

fn protocol_name(number: u8) -> String {
    let name = match number {
        1 => "ICMP",
        2 => "IGMP",
        4 => "IPIP",
        6 => "TCP",
        17 => "UDP",
        41 => "IPv6",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        58 => "ICMPv6",
        89 => "OSPF",
        103 => "PIM",
        112 => "VRRP",
        132 => "SCTP",
        other => return other.to_string(),
    };
    name.to_owned()
}

/// A flow that is not IP is told by its Ethernet type.
fn layer2(record: &Record<'_>) -> String {
    match record.get(field::ETHERTYPE) {
        Some(0x0806) => "ARP".to_owned(),
        Some(0x8847 | 0x8848) => "MPLS".to_owned(),
        Some(0x88cc) => "LLDP".to_owned(),
        Some(number) => format!("0x{number:04x}"),
        None => String::new(),
    }
}

fn endpoint(address: Option<IpAddr>, mac: Option<String>, port: Option<u16>) -> String {
    match (address, port) {
        (Some(address), Some(port)) => std::net::SocketAddr::new(address, port).to_string(),
        (Some(address), None) => address.to_string(),
        (None, _) => mac.unwrap_or_default(),
    }
}

fn flags(flags: u16) -> String {
    let letters = [(0x80, 'C'), (0x40, 'E'), (0x20, 'U'), (0x10, 'A'), (0x08, 'P'), (0x04, 'R'), (0x02, 'S'), (0x01, 'F')];
    letters.map(|(bit, letter)| if flags & bit == 0 { '.' } else { letter }).iter().collect()
}

fn pod<'a>(namespace: Option<Text<'a>>, name: Option<Text<'a>>) -> String {
    let said = |text: Option<Text<'a>>| text.map(Text::trimmed).filter(|text| !text.is_empty());
    match (said(namespace), said(name)) {
        (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
        (None, Some(name)) => name.to_string(),
        _ => String::new(),
    }
}
