//! Who emitted what, for people and as JSON lines.

use std::io::{self, Write};
use std::net::IpAddr;

use flowcodec::{ExporterStatus, Protocol};
use serde::Serialize;

use super::grid::{Grid, Heading};
use super::table::shown_time;

/// How an exporter stands, the worst that is true of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Standing {
    /// Records came; nothing is missing, nothing was wrong.
    Ok,
    /// Its sequence numbers say that records or packets are missing.
    Loss,
    /// Something in its messages could not be decoded.
    Faults,
    /// It was heard, and nothing it sent gave a record: templates are missing.
    Silent,
}

impl Standing {
    const fn of(status: &ExporterStatus) -> Self {
        if status.records == 0 && status.options == 0 {
            Self::Silent
        } else if status.faults != 0 {
            Self::Faults
        } else if status.lost_records != 0 || status.lost_packets != 0 {
            Self::Loss
        } else {
            Self::Ok
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Loss => "loss",
            Self::Faults => "faults",
            Self::Silent => "silent",
        }
    }
}

/// The members of a JSON line.
#[derive(Debug, Serialize)]
struct Line {
    /// What people know it by: the agent where one is named, else the address.
    name: IpAddr,
    status: Standing,
    r#type: &'static str,
    protocol: &'static str,
    address: IpAddr,
    port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<IpAddr>,
    domain: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<u64>,
    messages: u64,
    records: u64,
    options: u64,
    templates: u32,
    lost_records: u64,
    lost_packets: u64,
    faults: u64,
    /// RFC 3339.
    first_heard: String,
    last_heard: String,
}

impl From<&ExporterStatus> for Line {
    fn from(status: &ExporterStatus) -> Self {
        let (address, agent) = (status.exporter.address(), status.agent);
        Self {
            name: agent.unwrap_or(address),
            status: Standing::of(status),
            r#type: type_name(status),
            protocol: status.protocol.name(),
            address,
            port: status.exporter.port(),
            agent,
            domain: status.domain,
            stream: status.stream,
            messages: status.messages,
            records: status.records,
            options: status.options,
            templates: status.templates,
            lost_records: status.lost_records,
            lost_packets: status.lost_packets,
            faults: status.faults,
            first_heard: status.first_heard.to_string(),
            last_heard: status.last_heard.to_string(),
        }
    }
}

/// The protocol as people write it.
const fn type_name(status: &ExporterStatus) -> &'static str {
    match status.protocol {
        Protocol::NetFlow1 => "NetFlow v1",
        Protocol::NetFlow5 => "NetFlow v5",
        Protocol::NetFlow7 => "NetFlow v7",
        Protocol::NetFlow8 => "NetFlow v8",
        Protocol::NetFlow9 => "NetFlow v9",
        Protocol::Ipfix => "IPFIX",
        // Of other versions nothing is decoded, and nobody is known.
        Protocol::Sflow => "sFlow v5",
        _ => "unknown",
    }
}

/// Prints exporters as a table: one line for each source address and port, protocol and domain.
///
/// # Errors
/// When `out` does not take it.
pub fn exporters_as_table(out: &mut dyn Write, exporters: &[ExporterStatus]) -> io::Result<()> {
    let headings = vec![
        Heading::left("NAME"),
        Heading::left("STATUS"),
        Heading::left("TYPE"),
        Heading::left("ENDPOINT"),
        Heading::right("RECORDS"),
        Heading::right("OPTIONS"),
        Heading::right("TEMPLATES"),
        Heading::right("LOSS"),
        Heading::right("FAULTS"),
        Heading::left("LAST HEARD"),
    ];
    let mut grid = Grid::new(headings);
    for status in exporters {
        let line = Line::from(status);
        let domain = if status.protocol == Protocol::Sflow { "sub-agent" } else { "domain" };
        let stream = if status.stream.is_some() { ", stream" } else { "" };
        let cells = [
            line.name.to_string(),
            line.status.name().to_owned(),
            line.r#type.to_owned(),
            format!("{}, {domain} {}{stream}", status.exporter, line.domain),
            line.records.to_string(),
            line.options.to_string(),
            line.templates.to_string(),
            loss(line.lost_records, line.lost_packets),
            line.faults.to_string(),
            shown_time(status.last_heard),
        ];
        grid.row(out, cells.into())?;
    }
    grid.flush(out)
}

/// In what the exporter counts: records or packets.
fn loss(records: u64, packets: u64) -> String {
    let counted = |number: u64, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    match (records, packets) {
        (0, 0) => "0".to_owned(),
        (records, 0) => counted(records, "record"),
        (0, packets) => counted(packets, "packet"),
        (records, packets) => format!("{}, {}", counted(records, "record"), counted(packets, "packet")),
    }
}

/// Prints exporters as JSON, one object a line.
///
/// # Errors
/// When `out` does not take it.
pub fn exporters_as_json(out: &mut dyn Write, exporters: &[ExporterStatus]) -> io::Result<()> {
    for status in exporters {
        serde_json::to_writer(&mut *out, &Line::from(status))?;
        writeln!(out)?;
    }
    Ok(())
}
