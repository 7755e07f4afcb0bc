//! Other decoders on the same octets, each in its fastest documented use, one instance for each exporter.

mod inputs;
mod outputs;

use core::hint::black_box;

use netflow_parser::variable_versions::{ipfix as parser_ipfix, v9 as parser_v9};
use netflow_parser::{NetflowPacket, NetflowParser};
use netgauze_flow_pkt::{ipfix, netflow};
use netgauze_parse_utils::reader::SliceReader;
use netgauze_parse_utils::traits::ParseFromWithOneInput;

use crate::paths::{Ours, Path};
use crate::workload::{Capture, Datagram, Shape, Workload};

/// A peer that has learned the templates of a workload.
#[derive(Debug)]
pub struct Peer {
    name: &'static str,
    engine: Engine,
}

#[derive(Debug)]
enum Engine {
    FlowparserSflow,
    SflowParser,
    Parser(Vec<NetflowParser>),
    Netgauze(Vec<Netgauze>),
    /// Of messages that were taken apart before, it reads the octets of the value alone.
    SerdeAmqp(Vec<Vec<u8>>),
    /// No decoder: what writes rows that were decoded before.
    Writer(outputs::Writer),
    /// What reads messages of the same rows.
    Reader(inputs::Reader),
}

#[derive(Debug, Default)]
struct Netgauze {
    netflow: netflow::TemplatesMap,
    ipfix: ipfix::TemplatesMap,
}

/// What a peer made of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Decoded {
    /// Records of data it gave.
    pub records: u64,
    /// Datagrams it refused, whole or in part.
    pub refused: u64,
}

impl Peer {
    /// The peers that know the protocol of a workload, in their released versions; none where our own speeds are compared.
    #[must_use]
    pub fn all(workload: &Workload) -> Vec<Self> {
        if matches!(workload.shape(), Shape::Exporters(_) | Shape::Templates(_) | Shape::VanUpdates(_)) {
            return Vec::new();
        }
        if workload.shape() == Shape::Van {
            let values = workload.data().filter_map(|datagram| value_of(datagram.octets)).collect();
            return vec![Self { name: "serde_amqp", engine: Engine::SerdeAmqp(values) }];
        }
        let sflow = matches!(workload.shape(), Shape::Sflow | Shape::Capture(Capture::Hsflowd));
        if sflow {
            return vec![
                Self { name: "flowparser-sflow", engine: Engine::FlowparserSflow },
                Self { name: "sflow-parser", engine: Engine::SflowParser },
            ];
        }
        let mut peers = vec![Self {
            name: "netflow_parser",
            engine: Engine::Parser((0..workload.exporters()).map(|_| NetflowParser::default()).collect()),
        }];
        if workload.shape() != Shape::NetFlow5 {
            let engine = Engine::Netgauze((0..workload.exporters()).map(|_| Netgauze::default()).collect());
            peers.push(Self { name: "netgauze-flow-pkt", engine });
        }
        for peer in &mut peers {
            peer.read(workload.templates());
        }
        peers
    }

    /// The peers of one path: those that write the same, or those that decode the same.
    ///
    /// # Errors
    /// When one of them writes anything else than ours does.
    pub fn of(path: &Path, workload: &Workload) -> anyhow::Result<Vec<Self>> {
        let rows = || {
            let mut ours = Ours::new(workload);
            crate::outputs::rows(ours.outputs().0, workload)
        };
        let writers = |writers: Vec<(_, _)>| {
            writers.into_iter().map(|(name, writer)| Self { name, engine: Engine::Writer(writer) }).collect()
        };
        let readers = |readers: Vec<(_, _)>| {
            readers.into_iter().map(|(name, reader)| Self { name, engine: Engine::Reader(reader) }).collect()
        };
        Ok(match path.name {
            "json" => writers(outputs::Writer::json(&rows())?),
            "goflow2_bin" => writers(outputs::Writer::protobuf(&rows())?),
            "read_goflow2_json" => readers(inputs::Reader::json(&rows())?),
            "read_goflow2_bin" => readers(inputs::Reader::protobuf(&rows())?),
            "csv" | "json_sets" | "goflow2_sets" | "goflow2_json" | "goflow2_json_sets" => Vec::new(),
            _ => Self::all(workload),
        })
    }

    /// The name of its crate.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// One pass over the data; over a recording by a decoder that knows nothing yet.
    pub fn run(&mut self, workload: &Workload) -> Decoded {
        match &mut self.engine {
            Engine::Writer(writer) => return Decoded { records: writer.run(), refused: 0 },
            Engine::Reader(reader) => return Decoded { records: reader.run(), refused: 0 },
            Engine::Parser(parsers) if matches!(workload.shape(), Shape::Capture(_)) => {
                parsers.fill_with(NetflowParser::default);
            }
            Engine::Netgauze(decoders) if matches!(workload.shape(), Shape::Capture(_)) => decoders.fill_with(Netgauze::default),
            _ => {}
        }
        self.read(workload.data())
    }

    fn read<'a>(&mut self, datagrams: impl Iterator<Item = Datagram<'a>>) -> Decoded {
        let mut decoded = Decoded::default();
        match &mut self.engine {
            Engine::Parser(parsers) => {
                for datagram in datagrams {
                    let Some(parser) = parsers.get_mut(datagram.number) else { continue };
                    for packet in parser.iter_packets(datagram.octets) {
                        match packet {
                            Ok(packet) => decoded.records += of_parser(&black_box(packet)),
                            Err(error) => {
                                decoded.refused += 1;
                                black_box(error);
                            }
                        }
                    }
                }
            }
            // Both are stateless.
            Engine::FlowparserSflow => {
                let parser = flowparser_sflow::SflowParser::default();
                for datagram in datagrams {
                    let result = black_box(parser.parse_bytes(datagram.octets));
                    decoded.refused += u64::from(result.error.is_some());
                    let samples = result.datagrams.iter().flat_map(|datagram| &datagram.samples);
                    let flows = samples.filter(|sample| {
                        matches!(sample, flowparser_sflow::SflowSample::Flow(_) | flowparser_sflow::SflowSample::ExpandedFlow(_))
                    });
                    decoded.records += u64::try_from(flows.count()).unwrap_or(0);
                }
            }
            Engine::SflowParser => {
                for datagram in datagrams {
                    let Ok(parsed) = black_box(sflow_parser::parse_datagram(datagram.octets)) else {
                        decoded.refused += 1;
                        continue;
                    };
                    let flow = |sample: &&sflow_parser::SampleRecord| {
                        matches!(
                            sample.sample_data,
                            sflow_parser::SampleData::FlowSample(_) | sflow_parser::SampleData::FlowSampleExpanded(_)
                        )
                    };
                    decoded.records += u64::try_from(parsed.samples.iter().filter(flow).count()).unwrap_or(0);
                }
            }
            Engine::Netgauze(decoders) => {
                for datagram in datagrams {
                    let Some(netgauze) = decoders.get_mut(datagram.number) else { continue };
                    match netgauze.read(datagram.octets) {
                        Some(records) => decoded.records += records,
                        None => decoded.refused += 1,
                    }
                }
            }
            Engine::SerdeAmqp(values) => {
                for value in values {
                    match black_box(serde_amqp::from_slice::<serde_amqp::Value>(value)) {
                        Ok(serde_amqp::Value::List(updates)) => decoded.records += u64::try_from(updates.len()).unwrap_or(0),
                        _ => decoded.refused += 1,
                    }
                }
            }
            Engine::Writer(_) | Engine::Reader(_) => {}
        }
        decoded
    }
}

/// The octets of the value in a message's amqp-value section.
fn value_of(message: &[u8]) -> Option<Vec<u8>> {
    let section = message.windows(4).position(|window| window == [0, 0x53, 0x77, 0xd0])?;
    message.get(section + 3..).map(<[u8]>::to_vec)
}

fn of_parser(packet: &NetflowPacket) -> u64 {
    let records: usize = match packet {
        NetflowPacket::V5(packet) => packet.flowsets.len(),
        NetflowPacket::V9(packet) => packet
            .flowsets
            .iter()
            .map(|set| match &set.body {
                parser_v9::FlowSetBody::Data(data) => data.fields.len(),
                _ => 0,
            })
            .sum(),
        NetflowPacket::IPFix(message) => message
            .flowsets
            .iter()
            .map(|set| match &set.body {
                parser_ipfix::FlowSetBody::Data(data) => data.fields.len(),
                _ => 0,
            })
            .sum(),
        _ => 0,
    };
    u64::try_from(records).unwrap_or(0)
}

impl Netgauze {
    /// Records in the message, `None` when it is refused.
    fn read(&mut self, octets: &[u8]) -> Option<u64> {
        let mut reader = SliceReader::new(octets);
        let records: usize = if octets.starts_with(&[0, 9]) {
            let packet = black_box(netflow::NetFlowV9Packet::parse(&mut reader, &mut self.netflow).ok()?);
            let count = |set: &netflow::Set| match set {
                netflow::Set::Data { records, .. } => records.len(),
                _ => 0,
            };
            packet.sets().iter().map(count).sum()
        } else {
            let message = black_box(ipfix::IpfixPacket::parse(&mut reader, &mut self.ipfix).ok()?);
            let count = |set: &ipfix::Set| match set {
                ipfix::Set::Data { records, .. } => records.len(),
                _ => 0,
            };
            message.sets().iter().map(count).sum()
        };
        u64::try_from(records).ok()
    }
}
