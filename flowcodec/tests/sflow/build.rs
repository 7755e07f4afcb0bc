//! Datagrams put together word by word, as `sflow_version_5.txt` lays them out.

use std::net::IpAddr;

pub(super) fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A structure: format, length, octets, padding.
pub(super) fn structure(format: u32, octets: &[u8]) -> Vec<u8> {
    let mut out = [&words(&[format, u32::try_from(octets.len()).unwrap()])[..], octets].concat();
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

/// Octets behind their length, padded.
pub(super) fn opaque(octets: &[u8]) -> Vec<u8> {
    structure(0, octets)[4..].to_vec()
}

/// An address of IPv4 or IPv6, or of unknown type.
pub(super) fn address(address: Option<IpAddr>) -> Vec<u8> {
    match address {
        None => words(&[0]),
        Some(IpAddr::V4(address)) => [&words(&[1])[..], &address.octets()].concat(),
        Some(IpAddr::V6(address)) => [&words(&[2])[..], &address.octets()].concat(),
    }
}

fn with_records(head: &[u32], records: &[Vec<u8>]) -> Vec<u8> {
    let count = u32::try_from(records.len()).unwrap();
    [words(head), words(&[count]), records.concat()].concat()
}

/// `flow_sample` of ifIndex `source`, one of 100 packets, from interface 1 to 2.
pub(super) fn flow(source: u32, sequence: u32, records: &[Vec<u8>]) -> Vec<u8> {
    flow_between(source, sequence, [1, 2], records)
}

/// The same, with the words of its interfaces.
pub(super) fn flow_between(source: u32, sequence: u32, [input, output]: [u32; 2], records: &[Vec<u8>]) -> Vec<u8> {
    structure(1, &with_records(&[sequence, source, 100, 100_u32.wrapping_mul(sequence), 3, input, output], records))
}

/// `flow_sample_expanded` of a source of two words, between interfaces of two words each.
pub(super) fn flow_expanded(source: [u32; 2], sequence: u32, [input, output]: [[u32; 2]; 2], records: &[Vec<u8>]) -> Vec<u8> {
    let head = [sequence, source[0], source[1], 100, 100, 3, input[0], input[1], output[0], output[1]];
    structure(3, &with_records(&head, records))
}

/// `counters_sample`.
pub(super) fn counters(source: u32, sequence: u32, records: &[Vec<u8>]) -> Vec<u8> {
    structure(2, &with_records(&[sequence, source], records))
}

/// `discarded_packet`, from interface 1, for this reason.
pub(super) fn discard(source: u32, sequence: u32, reason: u32, records: &[Vec<u8>]) -> Vec<u8> {
    structure(5, &with_records(&[sequence, 0, source, 9, 1, 0, reason], records))
}

/// `extended_switch`.
pub(super) fn switch(src_vlan: u32, dst_vlan: u32) -> Vec<u8> {
    structure(1001, &words(&[src_vlan, 5, dst_vlan, 6]))
}

/// `sampled_header` of a frame of `frame_length`, 4 of which were stripped.
pub(super) fn header(protocol: u32, frame_length: u32, octets: &[u8]) -> Vec<u8> {
    structure(1, &[words(&[protocol, frame_length, 4]), opaque(octets)].concat())
}

/// Ethernet, IPv4, UDP; 42 octets of a packet of 100 octets.
pub(super) fn packet() -> Vec<u8> {
    let ethernet = [2, 0, 0, 0, 0, 0x0b, 2, 0, 0, 0, 0, 0x0a, 8, 0];
    let ip = [0x45, 0xb8, 0, 100, 0, 1, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2];
    let udp = [0x9c, 0x42, 0, 53, 0, 80, 0, 0];
    [&ethernet[..], &ip, &udp].concat()
}

/// Header of a datagram; samples go behind it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) agent: Option<IpAddr>,
    pub(super) sub_agent: u32,
    pub(super) sequence: u32,
    pub(super) uptime_ms: u32,
}

pub(super) const AGENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 9));

impl Head {
    /// Datagram `sequence` of [`AGENT`], one a second.
    pub(super) const fn new(sequence: u32) -> Self {
        Self { agent: Some(AGENT), sub_agent: 0, sequence, uptime_ms: 1_000 * sequence }
    }

    pub(super) fn with(self, samples: &[Vec<u8>]) -> Vec<u8> {
        let count = u32::try_from(samples.len()).unwrap();
        let rest = words(&[self.sub_agent, self.sequence, self.uptime_ms, count]);
        [words(&[5]), address(self.agent), rest, samples.concat()].concat()
    }
}
