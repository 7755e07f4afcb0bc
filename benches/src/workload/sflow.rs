//! sFlow datagrams: flow samples of 128-byte headers with switch, router and gateway records, and now and then counters.

use super::flow::{Flow, Random};
use super::{EXPORTED, UPTIME, exporter, put};

/// Where the sequence number of a sample stands in its datagram, and what counts it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbered {
    pub(super) at: usize,
    pub(super) sequence: u32,
    /// Which of the exporter's counters: of the flow samples of a port, or of its counter samples.
    pub(super) counter: usize,
}

/// Ports of a switch.
const PORTS: usize = 48;

/// The counters of one exporter: flow samples of each port, then counter samples of each port.
#[derive(Debug, Clone)]
pub(super) struct Counters(pub(super) [u32; 2 * PORTS]);

impl Counters {
    pub(super) const NEW: Self = Self([1; 2 * PORTS]);

    fn next(&mut self, counter: usize, at: usize, numbered: &mut Vec<Numbered>) -> u32 {
        let Some(place) = self.0.get_mut(counter) else { return 0 };
        let sequence = *place;
        *place += 1;
        numbered.push(Numbered { at, sequence, counter });
        sequence
    }
}

/// A datagram, how many flow samples it has, and where its samples are numbered.
pub(super) fn datagram(
    number: usize,
    sequence: u32,
    counters: &mut Counters,
    random: &mut Random,
) -> (Vec<u8>, u32, Vec<Numbered>) {
    let mut numbered = Vec::new();
    let mut out = Vec::with_capacity(1_500);
    // Every eighth datagram brings the counters of a port, as with polling every 20 to 30 seconds.
    let with_counters = random.below(8) == 0;
    let flows = if with_counters { 3_u32 } else { 4 };
    let std::net::IpAddr::V4(agent) = exporter(number).address() else { return (out, 0, numbered) };
    put(&mut out, &[&words(&[5, 1]), &agent.octets(), &words(&[0, sequence, UPTIME, flows + u32::from(with_counters)])]);
    for _ in 0..flows {
        let flow = Flow::new(number, random);
        let port = usize::try_from(random.below(48)).unwrap_or(0);
        let source = u32::try_from(port).unwrap_or(0) + 1;
        let from = sample(&mut out, 1);
        let sequence = counters.next(port, out.len(), &mut numbered);
        put(&mut out, &[&words(&[sequence, source, 512, sequence.wrapping_mul(512), 0, source, u32::from(flow.out_if()), 4])]);
        raw_header(&flow, &mut out, random);
        record(&mut out, 1001, &words(&[u32::from(flow.vlan()), 0, u32::from(flow.vlan()), 0]));
        record(&mut out, 1002, &[&words(&[1])[..], &flow.hop(), &words(&[24, 16])].concat());
        let (own, peer) = (64_512 + u32::try_from(number).unwrap_or(0), 3_320);
        let path =
            words(&[own, u32::from(flow.src_as()), peer, 1, 2, 3, 3_320, 1_299, u32::from(flow.dst_as()), 1, 0xfde8_0001, 100]);
        record(&mut out, 1003, &[&words(&[1])[..], &flow.hop(), &path].concat());
        close(&mut out, from);
    }
    if with_counters {
        let port = usize::try_from(random.below(48)).unwrap_or(0);
        let source = u32::try_from(port).unwrap_or(0) + 1;
        let from = sample(&mut out, 2);
        let sequence = counters.next(PORTS + port, out.len(), &mut numbered);
        put(&mut out, &[&words(&[sequence, source, 2])]);
        let octets = [0, random.below(1 << 20)];
        let interface = [&[source, 6, 0, 1_000_000_000, 1, 3][..], &octets, &[9; 6], &octets, &[7; 6]].concat();
        record(&mut out, 1, &words(&interface));
        record(&mut out, 2, &[0; 52]);
        close(&mut out, from);
    }
    (out, flows, numbered)
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Begins a sample; gives where its length stands.
fn sample(out: &mut Vec<u8>, format: u32) -> usize {
    out.extend_from_slice(&words(&[format, 0]));
    out.len() - 4
}

fn close(out: &mut [u8], length_at: usize) {
    let length = u32::try_from(out.len() - length_at - 4).unwrap_or(0);
    if let Some(place) = out.get_mut(length_at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = length.to_be_bytes();
    }
}

fn record(out: &mut Vec<u8>, format: u32, body: &[u8]) {
    out.extend_from_slice(&words(&[format, u32::try_from(body.len()).unwrap_or(0)]));
    out.extend_from_slice(body);
}

/// Ethernet, IPv4, and what the flow has on top, cut at 128 octets.
fn raw_header(flow: &Flow, out: &mut Vec<u8>, random: &mut Random) {
    let mut header = Vec::with_capacity(128);
    put(&mut header, &[&[2, 0, 0, 0, 1, 1], &[2, 0, 0, 0, 2, 2], &[8, 0]]);
    let length = 114 + u16::try_from(random.below(1_300)).unwrap_or(0);
    flow.write_ipv4(length, &mut header);
    header.resize(128, EXPORTED.to_be_bytes()[3]);
    let frame = u32::from(length) + 18;
    record(out, 1, &[&words(&[1, frame, 4, 128])[..], &header].concat());
}
