//! The usual ways to read what goflow2 wrote: into structs, as they come from its schema.

use core::hint::black_box;

use anyhow::ensure;
use flowcodec::FlowRecord;
use flowcodec::io::goflow2::{Dialect, Framing, write_json_rows, write_protobuf_rows};
use prost::Message;
use serde::Deserialize;

use super::outputs::GoflowMessage;

/// One way to read, and what it reads.
#[derive(Debug)]
pub(super) struct Reader {
    way: Way,
    messages: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    SerdeJson,
    SonicRs,
    Prost,
}

impl Reader {
    /// Those that read JSON, once they have found the same octets in each line as the rows have.
    pub(super) fn json(rows: &[FlowRecord]) -> anyhow::Result<Vec<(&'static str, Self)>> {
        let mut text = String::new();
        write_json_rows(&mut text, rows, Dialect::V2);
        let messages = text.into_bytes();
        for (line, row) in lines(&messages).zip(rows) {
            let octets = row.octets().unwrap_or(0);
            ensure!(serde_json::from_slice::<JsonMessage<'_>>(line)?.bytes == octets, "serde_json has read something else");
            ensure!(sonic_rs::from_slice::<JsonMessage<'_>>(line)?.bytes == octets, "sonic-rs has read something else");
        }
        Ok(vec![
            ("serde_json", Self { way: Way::SerdeJson, messages: messages.clone() }),
            ("sonic-rs", Self { way: Way::SonicRs, messages }),
        ])
    }

    /// Those that read protobuf, once they have found the message of each row.
    pub(super) fn protobuf(rows: &[FlowRecord]) -> anyhow::Result<Vec<(&'static str, Self)>> {
        let mut messages = Vec::new();
        write_protobuf_rows(&mut messages, rows, Dialect::V2, Framing::Prefixed);
        let mut rest = &*messages;
        for row in rows {
            let same = GoflowMessage::decode_length_delimited(&mut rest)? == GoflowMessage::new(row);
            ensure!(same, "prost has read something else");
        }
        Ok(vec![("prost", Self { way: Way::Prost, messages })])
    }

    /// Reads all of it. Gives the number of messages.
    pub(super) fn run(&self) -> u64 {
        let mut count = 0;
        let mut each = |read: bool| count += u64::from(read);
        match self.way {
            Way::SerdeJson => lines(&self.messages)
                .for_each(|line| each(serde_json::from_slice::<JsonMessage<'_>>(line).map(black_box).is_ok())),
            Way::SonicRs => {
                lines(&self.messages).for_each(|line| each(sonic_rs::from_slice::<JsonMessage<'_>>(line).map(black_box).is_ok()))
            }
            Way::Prost => {
                let mut rest = &*self.messages;
                while !rest.is_empty() {
                    let read = GoflowMessage::decode_length_delimited(&mut rest).map(black_box).is_ok();
                    each(read);
                    if !read {
                        break;
                    }
                }
            }
        }
        count
    }
}

fn lines(octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    octets.split(|octet| *octet == b'\n').filter(|line| !line.is_empty())
}

/// goflow2's line, version 2. Texts are borrowed: what is in them (addresses, prefixes, names) is not read, as ours is.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "what they read is handed to a black box")]
struct JsonMessage<'a> {
    r#type: &'a str,
    time_received_ns: u64,
    sequence_num: u32,
    sampling_rate: u64,
    sampler_address: &'a str,
    time_flow_start_ns: u64,
    time_flow_end_ns: u64,
    bytes: u64,
    packets: u64,
    src_addr: &'a str,
    dst_addr: &'a str,
    etype: &'a str,
    proto: &'a str,
    src_port: u32,
    dst_port: u32,
    in_if: u32,
    out_if: u32,
    src_mac: &'a str,
    dst_mac: &'a str,
    src_vlan: u32,
    dst_vlan: u32,
    vlan_id: u32,
    ip_tos: u32,
    forwarding_status: u32,
    ip_ttl: u32,
    ip_flags: u32,
    tcp_flags: u32,
    icmp_type: u32,
    icmp_code: u32,
    ipv6_flow_label: u32,
    fragment_id: u32,
    fragment_offset: u32,
    src_as: u32,
    dst_as: u32,
    next_hop: &'a str,
    next_hop_as: u32,
    src_net: &'a str,
    dst_net: &'a str,
    bgp_next_hop: &'a str,
    bgp_communities: Vec<u32>,
    as_path: Vec<u32>,
    mpls_ttl: Vec<u32>,
    mpls_label: Vec<u32>,
    mpls_ip: Vec<&'a str>,
    observation_domain_id: u32,
    observation_point_id: u32,
    layer_stack: Vec<&'a str>,
    layer_size: Vec<u32>,
    ipv6_routing_header_addresses: Vec<&'a str>,
    ipv6_routing_header_seg_left: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outputs;
    use crate::paths::Ours;
    use crate::workload::{Shape, Size, Workload};

    /// What is compared is the reading of the same.
    #[test]
    fn every_line_and_message_is_read() {
        let workload = Workload::new(Shape::Ipfix, Size::Small);
        let rows = outputs::rows(Ours::new(&workload).outputs().0, &workload);
        let readers = Reader::json(&rows).unwrap().into_iter().chain(Reader::protobuf(&rows).unwrap());
        let counts: Vec<_> = readers.map(|(_, reader)| reader.run()).collect();
        assert_eq!(counts, [u64::try_from(rows.len()).unwrap(); 3]);
    }
}
