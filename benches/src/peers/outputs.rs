//! The same rows as structs of the usual kind, for the usual ways to write them.

use core::hint::black_box;
use std::net::IpAddr;

use flowcodec::{FlowRecord, Protocol, Timestamp};
use serde::{Serialize, Serializer};

use crate::outputs::BATCH;

/// One way to write, what it writes, and the buffer it writes to.
#[derive(Debug)]
pub(super) struct Writer {
    way: Way,
    out: Vec<u8>,
}

#[derive(Debug)]
enum Way {
    SerdeJson(Vec<JsonFlow>),
    SonicRs(Vec<JsonFlow>),
}

impl Writer {
    /// Those that write JSON.
    pub(super) fn json(rows: &[FlowRecord]) -> [(&'static str, Self); 2] {
        let flows: Vec<_> = rows.iter().map(JsonFlow::new).collect();
        [("serde_json", Way::SerdeJson(flows.clone())), ("sonic-rs", Way::SonicRs(flows))]
            .map(|(name, way)| (name, Self::new(way)))
    }

    fn new(way: Way) -> Self {
        Self { way, out: Vec::with_capacity(2 * BATCH) }
    }

    /// Writes all of it, batch by batch. Gives the number of rows.
    pub(super) fn run(&mut self) -> u64 {
        let Self { way, out } = self;
        match way {
            Way::SerdeJson(flows) => each(flows, out, |flow, out| {
                serde_json::to_writer(&mut *out, flow).is_ok_and(|()| {
                    out.push(b'\n');
                    true
                })
            }),
            Way::SonicRs(flows) => each(flows, out, |flow, out| {
                sonic_rs::to_writer(&mut *out, flow).is_ok_and(|()| {
                    out.push(b'\n');
                    true
                })
            }),
        }
    }
}

fn each<T>(items: &[T], out: &mut Vec<u8>, mut write: impl FnMut(&T, &mut Vec<u8>) -> bool) -> u64 {
    let mut count = 0;
    for item in items {
        count += u64::from(write(item, out));
        if out.len() >= BATCH {
            black_box(&*out);
            out.clear();
        }
    }
    black_box(&*out);
    out.clear();
    count
}

/// A row as a serde struct: the members, their names, order and values are those of [`flowcodec::io::write_rows`].
#[derive(Debug, Clone, Serialize)]
pub(super) struct JsonFlow {
    #[serde(skip_serializing_if = "Option::is_none")]
    received: Option<Rfc3339>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exporter: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exporter_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    protocol: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sampling_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counters_scaled: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<Rfc3339>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<Rfc3339>,
    #[serde(skip_serializing_if = "Option::is_none")]
    src_addr: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dst_addr: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    src_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dst_port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_protocol: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tcp_flags: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tos: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    octets: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    packets: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    in_if: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_if: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_hop: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    src_as: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dst_as: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    src_prefix_len: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dst_prefix_len: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vlan: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    post_vlan: Option<u16>,
}

impl JsonFlow {
    pub(super) fn new(row: &FlowRecord) -> Self {
        Self {
            received: row.received().map(Rfc3339),
            exporter: row.exporter(),
            exporter_port: row.exporter_port(),
            domain: row.domain(),
            protocol: row.protocol().map(|code| Protocol::from_code(code).name()),
            template: row.template(),
            sampling_rate: row.sampling_rate(),
            counters_scaled: row.counters_scaled().map(|code| flowcodec::model::Scaled::from_code(code).name()),
            start: row.start().map(Rfc3339),
            end: row.end().map(Rfc3339),
            src_addr: row.src_addr(),
            dst_addr: row.dst_addr(),
            src_port: row.src_port(),
            dst_port: row.dst_port(),
            ip_protocol: row.ip_protocol(),
            tcp_flags: row.tcp_flags(),
            tos: row.tos(),
            ttl: row.ttl(),
            octets: row.octets(),
            packets: row.packets(),
            in_if: row.in_if(),
            out_if: row.out_if(),
            direction: row.direction(),
            next_hop: row.next_hop(),
            src_as: row.src_as(),
            dst_as: row.dst_as(),
            src_prefix_len: row.src_prefix_len(),
            dst_prefix_len: row.dst_prefix_len(),
            vlan: row.vlan(),
            post_vlan: row.post_vlan(),
        }
    }
}

/// A moment that goes out as text, made in a buffer on the stack: neither a formatter nor an allocation slows the peers down.
#[derive(Debug, Clone, Copy)]
struct Rfc3339(Timestamp);

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let civil = self.0.to_civil();
        let mut text = *b"0000-00-00T00:00:00.000000000Z";
        let mut put = |to: usize, width: usize, mut number: u32| {
            for place in text.iter_mut().take(to).rev().take(width) {
                *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
                number /= 10;
            }
        };
        put(4, 4, u32::try_from(civil.year).unwrap_or(0));
        put(7, 2, u32::from(civil.month));
        put(10, 2, u32::from(civil.day));
        put(13, 2, u32::from(civil.hour));
        put(16, 2, u32::from(civil.minute));
        put(19, 2, u32::from(civil.second));
        put(29, 9, civil.nanosecond);
        serializer.serialize_str(core::str::from_utf8(&text).unwrap_or_default())
    }
}
