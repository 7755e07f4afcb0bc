//! The same rows as structs of the usual kind, for the usual ways to write them.

use core::hint::black_box;
use std::net::IpAddr;

use anyhow::ensure;
use flowcodec::io;
use flowcodec::io::goflow2::{Dialect, Framing, write_protobuf_rows};
use flowcodec::{FlowRecord, Protocol, Timestamp};
use prost::Message;
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
    Prost(Vec<GoflowMessage>),
}

impl Writer {
    /// Those that write JSON, once their lines have been found to be ours.
    pub(super) fn json(rows: &[FlowRecord]) -> anyhow::Result<Vec<(&'static str, Self)>> {
        let flows: Vec<_> = rows.iter().map(JsonFlow::new).collect();
        let mut ours = String::new();
        for (row, flow) in rows.iter().zip(&flows) {
            ours.clear();
            io::write_rows(&mut ours, core::slice::from_ref(row));
            for theirs in [serde_json::to_string(flow)?, sonic_rs::to_string(flow)?] {
                ensure!(ours.trim_end() == theirs, "json: {theirs} is not {ours}");
            }
        }
        Ok(vec![("serde_json", Self::new(Way::SerdeJson(flows.clone()))), ("sonic-rs", Self::new(Way::SonicRs(flows)))])
    }

    /// Those that write goflow2's message, once it has been found to be ours; the fields of ours stand in another order.
    pub(super) fn protobuf(rows: &[FlowRecord]) -> anyhow::Result<Vec<(&'static str, Self)>> {
        let messages: Vec<_> = rows.iter().map(GoflowMessage::new).collect();
        let mut ours = Vec::new();
        for (row, theirs) in rows.iter().zip(&messages) {
            ours.clear();
            write_protobuf_rows(&mut ours, core::slice::from_ref(row), Dialect::V2, Framing::Prefixed);
            let same = GoflowMessage::decode_length_delimited(&*ours)? == *theirs && ours.len() == prefixed_len(theirs);
            ensure!(same, "goflow2_bin: {ours:02x?} is not {theirs:?}");
        }
        Ok(vec![("prost", Self::new(Way::Prost(messages)))])
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
            Way::Prost(messages) => each(messages, out, |message, out| message.encode_length_delimited(out).is_ok()),
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

/// goflow2's message, version 2, as prost would have it from its schema.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct GoflowMessage {
    #[prost(uint32, tag = "1")]
    r#type: u32,
    #[prost(uint64, tag = "3")]
    sampling_rate: u64,
    #[prost(uint32, tag = "4")]
    sequence_num: u32,
    #[prost(bytes = "vec", tag = "6")]
    src_addr: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    dst_addr: Vec<u8>,
    #[prost(uint64, tag = "9")]
    bytes: u64,
    #[prost(uint64, tag = "10")]
    packets: u64,
    #[prost(bytes = "vec", tag = "11")]
    sampler_address: Vec<u8>,
    #[prost(bytes = "vec", tag = "12")]
    next_hop: Vec<u8>,
    #[prost(uint32, tag = "13")]
    next_hop_as: u32,
    #[prost(uint32, tag = "14")]
    src_as: u32,
    #[prost(uint32, tag = "15")]
    dst_as: u32,
    #[prost(uint32, tag = "16")]
    src_net: u32,
    #[prost(uint32, tag = "17")]
    dst_net: u32,
    #[prost(uint32, tag = "18")]
    in_if: u32,
    #[prost(uint32, tag = "19")]
    out_if: u32,
    #[prost(uint32, tag = "20")]
    proto: u32,
    #[prost(uint32, tag = "21")]
    src_port: u32,
    #[prost(uint32, tag = "22")]
    dst_port: u32,
    #[prost(uint32, tag = "23")]
    ip_tos: u32,
    #[prost(uint32, tag = "24")]
    forwarding_status: u32,
    #[prost(uint32, tag = "25")]
    ip_ttl: u32,
    #[prost(uint32, tag = "26")]
    tcp_flags: u32,
    #[prost(uint64, tag = "27")]
    src_mac: u64,
    #[prost(uint64, tag = "28")]
    dst_mac: u64,
    #[prost(uint32, tag = "29")]
    vlan_id: u32,
    #[prost(uint32, tag = "30")]
    etype: u32,
    #[prost(uint32, tag = "31")]
    icmp_type: u32,
    #[prost(uint32, tag = "32")]
    icmp_code: u32,
    #[prost(uint32, tag = "33")]
    src_vlan: u32,
    #[prost(uint32, tag = "34")]
    dst_vlan: u32,
    #[prost(uint32, tag = "35")]
    fragment_id: u32,
    #[prost(uint32, tag = "36")]
    fragment_offset: u32,
    #[prost(uint32, tag = "37")]
    ipv6_flow_label: u32,
    #[prost(uint32, tag = "38")]
    ip_flags: u32,
    #[prost(uint32, tag = "70")]
    observation_domain_id: u32,
    #[prost(uint32, tag = "71")]
    observation_point_id: u32,
    #[prost(uint32, repeated, tag = "80")]
    mpls_ttl: Vec<u32>,
    #[prost(uint32, repeated, tag = "81")]
    mpls_label: Vec<u32>,
    #[prost(bytes = "vec", repeated, tag = "82")]
    mpls_ip: Vec<Vec<u8>>,
    #[prost(bytes = "vec", tag = "100")]
    bgp_next_hop: Vec<u8>,
    #[prost(uint32, repeated, tag = "101")]
    bgp_communities: Vec<u32>,
    #[prost(uint32, repeated, tag = "102")]
    as_path: Vec<u32>,
    #[prost(int32, repeated, tag = "103")]
    layer_stack: Vec<i32>,
    #[prost(uint32, repeated, tag = "104")]
    layer_size: Vec<u32>,
    #[prost(bytes = "vec", repeated, tag = "105")]
    ipv6_routing_header_addresses: Vec<Vec<u8>>,
    #[prost(uint32, tag = "106")]
    ipv6_routing_header_seg_left: u32,
    #[prost(uint64, tag = "110")]
    time_received_ns: u64,
    #[prost(uint64, tag = "111")]
    time_flow_start_ns: u64,
    #[prost(uint64, tag = "112")]
    time_flow_end_ns: u64,
}

impl GoflowMessage {
    pub(super) fn new(row: &FlowRecord) -> Self {
        let octets = |address: Option<IpAddr>| match address {
            Some(IpAddr::V4(v4)) => v4.octets().to_vec(),
            Some(IpAddr::V6(v6)) => v6.octets().to_vec(),
            None => Vec::new(),
        };
        let nanos = |time: Option<Timestamp>| time.and_then(|time| u64::try_from(time.as_nanos()).ok()).unwrap_or(0);
        Self {
            // The workload is of IPFIX, IPv4 and IPv6.
            r#type: 4,
            etype: if row.src_addr().is_some_and(|address| address.is_ipv4()) { 0x0800 } else { 0x86dd },
            src_addr: octets(row.src_addr()),
            dst_addr: octets(row.dst_addr()),
            bytes: row.octets().unwrap_or(0),
            packets: row.packets().unwrap_or(0),
            sampler_address: octets(row.exporter()),
            next_hop: octets(row.next_hop()),
            src_as: row.src_as().unwrap_or(0),
            dst_as: row.dst_as().unwrap_or(0),
            src_net: row.src_prefix_len().map_or(0, u32::from),
            dst_net: row.dst_prefix_len().map_or(0, u32::from),
            in_if: row.in_if().unwrap_or(0),
            out_if: row.out_if().unwrap_or(0),
            proto: row.ip_protocol().map_or(0, u32::from),
            src_port: row.src_port().map_or(0, u32::from),
            dst_port: row.dst_port().map_or(0, u32::from),
            ip_tos: row.tos().map_or(0, u32::from),
            tcp_flags: row.tcp_flags().map_or(0, u32::from),
            vlan_id: row.vlan().map_or(0, u32::from),
            src_vlan: row.vlan().map_or(0, u32::from),
            dst_vlan: row.post_vlan().map_or(0, u32::from),
            observation_domain_id: row.domain().unwrap_or(0),
            time_received_ns: nanos(row.received()),
            time_flow_start_ns: nanos(row.start()),
            time_flow_end_ns: nanos(row.end()),
            ..Self::default()
        }
    }
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

fn prefixed_len(message: &GoflowMessage) -> usize {
    let len = message.encoded_len();
    len + prost::length_delimiter_len(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outputs;
    use crate::paths::Ours;
    use crate::workload::{Shape, Size, Workload};

    /// What is compared is the writing of the same.
    #[test]
    fn every_line_and_message_is_the_same() {
        let workload = Workload::new(Shape::Ipfix, Size::Small);
        let rows = outputs::rows(Ours::new(&workload).outputs().0, &workload);
        assert!(rows.len() > 1_000);
        assert_eq!((Writer::json(&rows).unwrap().len(), Writer::protobuf(&rows).unwrap().len()), (2, 1));
    }
}
