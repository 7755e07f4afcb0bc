//! Flows in aligned columns a person can read: the usual ones, or those that were chosen.

use std::io::{self, Write};
use std::net::IpAddr;

use flowcodec::model::{Schema, word};
use flowcodec::{Civil, Text, Timestamp, field};

use super::Form;
use super::cell::Cell;
use super::grid::{Grid, Heading};
use crate::fields::{Columns, is_number};
use crate::names;
use crate::shown::Shown;

/// Flows, one a line.
#[derive(Debug)]
pub struct Table {
    /// Fields of the schema; without any, what a person asks for first.
    columns: Option<Columns>,
    grid: Grid,
}

impl Table {
    /// The usual columns: several fields go into one where people write them so. One that is empty in the whole sample is left out.
    #[must_use]
    pub fn usual() -> Self {
        let headings = vec![
            Heading::left("START"),
            Heading::right("DURATION"),
            Heading::left("PROTO"),
            Heading::left("SOURCE"),
            Heading::left("DESTINATION"),
            Heading::right("PACKETS"),
            Heading::right("OCTETS"),
            Heading::left("FLAGS"),
            Heading::left("DIR"),
            Heading::left("IN>OUT"),
            Heading::left("FROM"),
            Heading::left("TO"),
            Heading::left("EXPORTER"),
        ];
        Self { columns: None, grid: Grid::new(headings) }
    }

    /// A column for each of these fields, whether or not a flow has it.
    #[must_use]
    pub fn of(columns: Columns, schema: &Schema) -> Self {
        let headings = columns.ids().iter().filter_map(|&id| {
            let spec = schema.field(id)?;
            let name = spec.name.to_uppercase();
            let shown_as_number = is_number(spec.column) && word(id, 0).is_none();
            Some(if shown_as_number { Heading::right(name) } else { Heading::left(name) }.always())
        });
        Self { grid: Grid::new(headings.collect()), columns: Some(columns) }
    }
}

impl Form for Table {
    fn one(&mut self, out: &mut dyn Write, shown: &Shown<'_>) -> io::Result<()> {
        let cells = match &self.columns {
            None => usual(shown).into(),
            // A dash keeps the number of words in a line the same, for programs that count them.
            Some(columns) => {
                let cell = |id| Cell::of(shown, id).map_or_else(|| "-".to_owned(), |cell| cell.to_string());
                columns.ids().iter().copied().map(cell).collect()
            }
        };
        self.grid.row(out, cells)
    }

    fn finish(&mut self, out: &mut dyn Write) -> io::Result<()> {
        self.grid.flush(out)
    }
}

fn usual(flow: &Shown<'_>) -> [String; 13] {
    let start = flow.get(field::START);
    let shown = start.or_else(|| flow.get(field::OBSERVED)).or_else(|| flow.get(field::END)).or_else(|| flow.received());
    let protocol = flow.get(field::IP_PROTOCOL);
    let with_ports = !matches!(protocol, Some(1 | 58));
    let port = |port: Option<u16>| port.filter(|_| with_ports);
    let interfaces = match (flow.get(field::IN_IF), flow.get(field::OUT_IF)) {
        (None, None) => String::new(),
        (from, to) => format!("{}>{}", or_dash(from), or_dash(to)),
    };
    [
        shown.map(shown_time).unwrap_or_default(),
        start.zip(flow.get(field::END)).map(|(start, end)| duration(end.since(start))).unwrap_or_default(),
        protocol.map_or_else(|| layer2(flow), protocol_name),
        endpoint(flow.get(field::SRC_ADDR), flow.get(field::SRC_MAC).map(|mac| mac.to_string()), port(flow.get(field::SRC_PORT))),
        endpoint(flow.get(field::DST_ADDR), flow.get(field::DST_MAC).map(|mac| mac.to_string()), port(flow.get(field::DST_PORT))),
        flow.get(field::PACKETS).map(|number| number.to_string()).unwrap_or_default(),
        flow.get(field::OCTETS).or_else(|| flow.get(field::LAYER2_OCTETS)).map(|number| number.to_string()).unwrap_or_default(),
        flow.get(field::TCP_FLAGS).filter(|_| protocol == Some(6)).map(flags).unwrap_or_default(),
        match flow.get(field::DIRECTION) {
            Some(0) => "in".to_owned(),
            Some(1) => "out".to_owned(),
            _ => String::new(),
        },
        interfaces,
        pod(flow.get(field::SRC_NAMESPACE), flow.get(field::SRC_POD)),
        pod(flow.get(field::DST_NAMESPACE), flow.get(field::DST_POD)),
        flow.exporter().map(|address| address.to_string()).unwrap_or_default(),
    ]
}

fn or_dash(number: Option<u32>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

/// To the millisecond: what most exporters know.
pub(super) fn shown_time(time: Timestamp) -> String {
    let Civil { year, month, day, hour, minute, second, nanosecond, .. } = time.to_civil();
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{:03}", nanosecond / 1_000_000)
}

fn duration(nanos: i64) -> String {
    let millis = nanos / 1_000_000;
    format!("{}.{:03}", millis / 1_000, (millis % 1_000).unsigned_abs())
}

fn protocol_name(number: u8) -> String {
    names::ip_protocol(number).map_or_else(|| number.to_string(), str::to_owned)
}

/// A flow that is not IP is told by its Ethernet type.
fn layer2(flow: &Shown<'_>) -> String {
    match flow.get(field::ETHERTYPE) {
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
