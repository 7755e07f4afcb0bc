//! The ways through flowcodec that are measured, and the copy that they are compared to.
//!
//! Every path goes once over the data of a workload and gives a checksum, so that nothing can be left out.

use core::hint::black_box;
use std::time::Duration;

use flowcodec::model::{FieldId, Schema};
use flowcodec::netflow5::Packet;
use flowcodec::{Decoder, Event, FlowBatch, RecordSet, RowScratch, field};
use vanflow::collector::Collector;

use crate::arrow::{self, Arrow};
use crate::outputs::{self, Outputs};
use crate::van;
use crate::workload::{ALIGNMENT, Capture, Shape, Workload, aligned};

/// Goes once over the data of a workload, and gives a checksum.
pub type Pass = fn(&mut Ours, &Workload) -> u64;

/// One path: its name, what it goes over, and the function.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Path {
    /// Its name, as `versus` takes and prints it.
    pub name: &'static str,
    /// What it does, in a few words.
    pub what: &'static str,
    /// Which workload it goes over.
    pub shape: Shape,
    /// One pass.
    pub run: Pass,
}

impl Path {
    /// Another way of ours that this one is compared with: its name, and one pass, of the same columns.
    #[must_use]
    pub fn beside(&self) -> Option<(&'static str, Pass)> {
        match self.name {
            "arrow_stream" => Some(("ipfix_columns", columns)),
            "arrow_finish" => Some(("ipfix_columns", arrow::fill)),
            _ => None,
        }
    }
}

/// All paths.
pub const PATHS: [Path; 46] = [
    Path { name: "v5_lazy", what: "5 fields of each record through the packet view", shape: Shape::NetFlow5, run: v5_lazy },
    Path { name: "v5_rows", what: "192-byte rows", shape: Shape::NetFlow5, run: rows },
    Path { name: "v9_rows", what: "21 fields to 192-byte rows", shape: Shape::NetFlow9, run: rows },
    Path { name: "ipfix_rows", what: "21 fields to 192-byte rows", shape: Shape::Ipfix, run: rows },
    Path { name: "v5_rows_scalar", what: "the same without vector code", shape: Shape::NetFlow5, run: rows_scalar },
    Path { name: "v9_rows_scalar", what: "the same without vector code", shape: Shape::NetFlow9, run: rows_scalar },
    Path { name: "ipfix_rows_scalar", what: "the same without vector code", shape: Shape::Ipfix, run: rows_scalar },
    Path { name: "v5_columns", what: "18 columns of a batch", shape: Shape::NetFlow5, run: columns },
    Path { name: "v9_columns", what: "23 columns of a batch", shape: Shape::NetFlow9, run: columns },
    Path { name: "ipfix_columns", what: "23 columns of a batch", shape: Shape::Ipfix, run: columns },
    Path { name: "antrea_columns", what: "49 columns of a batch, 16 of text", shape: Shape::Antrea, run: columns },
    Path { name: "sflow_columns", what: "all common columns of a batch", shape: Shape::Sflow, run: columns },
    Path { name: "v5_columns_scalar", what: "the same without vector code", shape: Shape::NetFlow5, run: columns_scalar },
    Path { name: "v9_columns_scalar", what: "the same without vector code", shape: Shape::NetFlow9, run: columns_scalar },
    Path { name: "ipfix_columns_scalar", what: "the same without vector code", shape: Shape::Ipfix, run: columns_scalar },
    Path { name: "antrea_columns_scalar", what: "the same without vector code", shape: Shape::Antrea, run: columns_scalar },
    Path { name: "record_get", what: "5 fields of each v9 record by Record::get", shape: Shape::NetFlow9, run: record_get },
    Path { name: "antrea_offsets", what: "17 variable-length fields located", shape: Shape::Antrea, run: antrea_offsets },
    Path {
        name: "antrea_mtu",
        what: "the same, two records in each datagram",
        shape: Shape::AntreaDatagrams,
        run: antrea_offsets,
    },
    Path { name: "sflow_rows", what: "flow samples to 192-byte rows, headers parsed", shape: Shape::Sflow, run: rows },
    Path { name: "json", what: "rows, decoded before, as JSON lines", shape: Shape::Ipfix, run: outputs::json },
    Path { name: "csv", what: "the same as CSV, of 23 columns", shape: Shape::Ipfix, run: outputs::csv },
    Path { name: "goflow2_bin", what: "rows, decoded before, as goflow2's message", shape: Shape::Ipfix, run: outputs::goflow2 },
    Path { name: "json_sets", what: "datagrams to JSON lines", shape: Shape::Ipfix, run: outputs::json_sets },
    Path { name: "goflow2_sets", what: "datagrams to goflow2's messages", shape: Shape::Ipfix, run: outputs::goflow2_sets },
    Path {
        name: "goflow2_json",
        what: "rows, decoded before, as goflow2's JSON lines",
        shape: Shape::Ipfix,
        run: outputs::goflow2_json,
    },
    Path {
        name: "goflow2_json_sets",
        what: "datagrams to goflow2's JSON lines",
        shape: Shape::Ipfix,
        run: outputs::goflow2_json_sets,
    },
    Path { name: "read_goflow2_json", what: READ, shape: Shape::Ipfix, run: outputs::read_goflow2_json },
    Path { name: "read_goflow2_bin", what: READ, shape: Shape::Ipfix, run: outputs::read_goflow2_bin },
    Path { name: "antrea_text", what: "17 texts of each record by Record::get", shape: Shape::Antrea, run: antrea_text },
    Path {
        name: "arrow_finish",
        what: "20 nullable columns of 8,192 numbers to a RecordBatch",
        shape: Shape::Ipfix,
        run: arrow::finish,
    },
    Path { name: "arrow_stream", what: "23 columns to RecordBatches of 8,192 rows", shape: Shape::Ipfix, run: arrow::stream },
    Path { name: "exporters_1", what: "ipfix_columns of 1 exporter", shape: Shape::Exporters(1), run: columns },
    Path { name: "exporters_100", what: "of 100 exporters in turn", shape: Shape::Exporters(100), run: columns },
    Path { name: "exporters_10000", what: "of 10,000 exporters in turn", shape: Shape::Exporters(10_000), run: columns },
    Path { name: "templates_1", what: "ipfix_columns of 1 template", shape: Shape::Templates(1), run: columns },
    Path { name: "templates_100", what: "of 100 templates in turn", shape: Shape::Templates(100), run: columns },
    Path { name: "templates_10000", what: "of 10,000 templates in turn", shape: Shape::Templates(10_000), run: columns },
    Path { name: "vanflow_decode", what: "every attribute of every update", shape: Shape::Van, run: van::decode },
    Path { name: "vanflow_merge", what: MERGED, shape: Shape::VanUpdates(1_000), run: van::merge },
    Path { name: "vanflow_merge_10000", what: MERGED, shape: Shape::VanUpdates(10_000), run: van::merge },
    Path { name: "vanflow_merge_100000", what: MERGED, shape: Shape::VanUpdates(100_000), run: van::merge },
    Path { name: "vanflow_merge_1000000", what: MERGED, shape: Shape::VanUpdates(1_000_000), run: van::merge },
    Path { name: "capture_ipfix", what: CAPTURED, shape: Shape::Capture(Capture::Ipfix), run: columns_anew },
    Path { name: "capture_ovs", what: CAPTURED, shape: Shape::Capture(Capture::OpenVswitch), run: columns_anew },
    Path { name: "capture_hsflowd", what: CAPTURED, shape: Shape::Capture(Capture::Hsflowd), run: columns_anew },
];

const MERGED: &str = "updates into a collector that holds 1,000 connections, or as many as the name says";
const READ: &str = "goflow2's messages of the same rows, written before, to flows";
const CAPTURED: &str = "a recording to the common columns, templates learned anew";

/// Our side: a decoder, and what a caller would keep beside it.
#[derive(Debug)]
pub struct Ours {
    decoder: Decoder,
    scratch: RowScratch,
    portable: RowScratch,
    batch: FlowBatch,
    portable_batch: FlowBatch,
    stream: Arrow,
    numbers: Arrow,
    ends: Vec<u32>,
    outputs: Outputs,
    collector: Collector,
}

impl Ours {
    /// A decoder that has learned the templates of a workload.
    #[must_use]
    pub fn new(workload: &Workload) -> Self {
        let mut decoder = Decoder::default();
        for datagram in workload.templates() {
            decoder.datagram(datagram.exporter, workload.received(), datagram.octets).for_each(|_| ());
        }
        let batch = |rows: usize, portable: bool| {
            let batch = FlowBatch::builder(Schema::common()).capacity(rows);
            let batch = match columns_of(workload.shape()) {
                Some(fields) => batch.fields(fields),
                None => batch.common(),
            };
            let batch = if portable { batch.portable() } else { batch };
            batch.build().unwrap_or_else(|error| unreachable!("the fields are the schema's: {error}"))
        };
        Self {
            decoder,
            scratch: RowScratch::new(),
            portable: RowScratch::portable(),
            batch: batch(BATCH, false),
            portable_batch: batch(BATCH, true),
            stream: Arrow::new(batch(ARROW_BATCH, false)),
            numbers: Arrow::of_numbers(),
            ends: Vec::new(),
            outputs: Outputs::default(),
            collector: van::collector(workload.shape(), workload.received()),
        }
    }

    /// The decoder.
    #[must_use]
    pub const fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// What the last pass has taken, where only a part of it counts.
    pub const fn finishing(&mut self) -> Option<Duration> {
        self.numbers.finishing()
    }

    pub(crate) const fn stream(&mut self) -> (&mut Decoder, &mut Arrow) {
        (&mut self.decoder, &mut self.stream)
    }

    pub(crate) const fn numbers(&mut self) -> (&mut Decoder, &mut Arrow) {
        (&mut self.decoder, &mut self.numbers)
    }

    pub(crate) const fn collector(&mut self) -> &mut Collector {
        &mut self.collector
    }

    /// The decoder, and what the ways out keep.
    pub(crate) const fn outputs(&mut self) -> (&mut Decoder, &mut Outputs) {
        (&mut self.decoder, &mut self.outputs)
    }
}

/// Where datagrams are copied to: the reference is the copy of the same octets.
#[derive(Debug)]
pub struct Copies {
    buffer: Vec<u8>,
    base: usize,
}

impl Copies {
    /// Room for all datagrams of a workload.
    #[must_use]
    pub fn new(workload: &Workload) -> Self {
        let (buffer, base) = aligned(workload.room());
        Self { buffer, base }
    }

    /// Each datagram to the same aligned place, which stays in the first-level cache. Gives the sum of the last octets.
    pub fn one_place(&mut self, workload: &Workload) -> u64 {
        let mut sum = 0_u64;
        for datagram in workload.data() {
            sum = sum.wrapping_add(self.copy(0, datagram.octets));
        }
        sum
    }

    /// Each datagram to an aligned place of its own, as a caller would who keeps them. Gives the sum of the last octets.
    pub fn side_by_side(&mut self, workload: &Workload) -> u64 {
        let (mut sum, mut at) = (0_u64, 0_usize);
        for datagram in workload.data() {
            sum = sum.wrapping_add(self.copy(at, datagram.octets));
            at += datagram.octets.len().next_multiple_of(ALIGNMENT);
        }
        sum
    }

    #[inline]
    fn copy(&mut self, at: usize, octets: &[u8]) -> u64 {
        let place = self.buffer.get_mut(self.base + at..).and_then(|rest| rest.get_mut(..octets.len()));
        place.map_or(0, |place| {
            place.copy_from_slice(octets);
            black_box(place).last().copied().map_or(0, u64::from)
        })
    }
}

/// Five fields of every v5 record, read where they lie, without a decoder.
#[must_use]
pub fn v5_lazy(_: &mut Ours, workload: &Workload) -> u64 {
    // Each field has a sum of its own: one for all would make every addition wait for the one before.
    let (mut addresses, mut octets, mut packets, mut ports) = (0, 0_u64, 0_u64, 0_u64);
    for datagram in workload.data() {
        let Ok(packet) = Packet::parse(datagram.octets) else { continue };
        for record in packet.records().flatten() {
            addresses ^= u32::from(record.src_addr()) ^ u32::from(record.dst_addr());
            octets += u64::from(record.octets());
            packets += u64::from(record.packets());
            ports += u64::from(record.src_port());
        }
    }
    u64::from(addresses) + octets + packets + ports
}

/// Every record as a row. Gives the number of rows.
pub fn rows(ours: &mut Ours, workload: &Workload) -> u64 {
    rows_into(&mut ours.decoder, &mut ours.scratch, workload)
}

/// The same without vector code. Gives the number of rows.
pub fn rows_scalar(ours: &mut Ours, workload: &Workload) -> u64 {
    rows_into(&mut ours.decoder, &mut ours.portable, workload)
}

fn rows_into(decoder: &mut Decoder, scratch: &mut RowScratch, workload: &Workload) -> u64 {
    flows(decoder, workload, |set| {
        let mut count = 0_u64;
        set.rows(scratch, |rows| {
            count += u64::try_from(black_box(rows).len()).unwrap_or(0);
        });
        count
    })
}

/// Rows of a batch, which is emptied when it is full: as many as stay in the second-level cache, columns of text included.
pub const BATCH: usize = 2_048;

/// Rows of a batch that becomes a `RecordBatch`: fewer would be small ones for who reads them.
pub const ARROW_BATCH: usize = 8_192;

/// The columns of a workload's batch: of v5 what its records hold, of the others also when and from whom; of sFlow and
/// recordings the common ones.
#[must_use]
pub fn columns_of(shape: Shape) -> Option<Vec<FieldId>> {
    let flow = [
        "src_addr",
        "dst_addr",
        "next_hop",
        "in_if",
        "out_if",
        "packets",
        "octets",
        "start",
        "end",
        "src_port",
        "dst_port",
        "tcp_flags",
        "ip_protocol",
        "tos",
        "src_as",
        "dst_as",
        "src_prefix_len",
        "dst_prefix_len",
    ];
    let switched = ["vlan", "post_vlan", "direction", "received", "exporter"];
    let antrea = [
        "received",
        "exported",
        "exporter",
        "domain",
        "template",
        "start",
        "end",
        "end_reason",
        "src_port",
        "dst_port",
        "ip_protocol",
        "packets_total",
        "octets_total",
        "packets",
        "octets",
        "src_addr",
        "dst_addr",
        "reverse_packets_total",
        "reverse_octets_total",
        "reverse_packets",
        "reverse_octets",
        "src_pod",
        "src_namespace",
        "src_node",
        "dst_pod",
        "dst_namespace",
        "dst_node",
        "service_port",
        "service_name",
        "ingress_policy",
        "ingress_policy_namespace",
        "ingress_policy_type",
        "ingress_policy_rule",
        "ingress_policy_action",
        "egress_policy",
        "egress_policy_namespace",
        "egress_policy_type",
        "egress_policy_rule",
        "egress_policy_action",
        "tcp_state",
        "flow_type",
        "egress_name",
        "egress_addr",
        "egress_node",
        "proxy_snat_port",
        "service_addr",
        "proxy_snat_addr",
        "throughput",
        "reverse_throughput",
    ];
    let names = match shape {
        Shape::NetFlow5 => flow.to_vec(),
        Shape::NetFlow9 | Shape::Ipfix | Shape::Exporters(_) | Shape::Templates(_) => [&flow[..], &switched].concat(),
        Shape::Antrea | Shape::AntreaDatagrams => antrea.to_vec(),
        Shape::Sflow | Shape::Van | Shape::VanUpdates(_) | Shape::Capture(_) => return None,
    };
    let schema = Schema::common();
    Some(names.into_iter().filter_map(|name| schema.find(name)).collect())
}

/// Every record as a row of a batch. Gives the number of rows.
pub fn columns(ours: &mut Ours, workload: &Workload) -> u64 {
    columns_into(&mut ours.decoder, &mut ours.batch, workload)
}

/// The same without vector code. Gives the number of rows.
pub fn columns_scalar(ours: &mut Ours, workload: &Workload) -> u64 {
    columns_into(&mut ours.decoder, &mut ours.portable_batch, workload)
}

/// Every record as a row of a batch, by a decoder that knows nothing yet: so a recording can be read again. Gives the number of rows.
pub fn columns_anew(ours: &mut Ours, workload: &Workload) -> u64 {
    ours.decoder = Decoder::default();
    columns(ours, workload)
}

fn columns_into(decoder: &mut Decoder, batch: &mut FlowBatch, workload: &Workload) -> u64 {
    flows(decoder, workload, |set| {
        let mut rest = batch.append(*set);
        while let Some(set) = rest {
            batch.finish();
            black_box(&*batch);
            batch.clear();
            rest = batch.append(set);
        }
        u64::from(set.len())
    })
}

/// Five fields of every record, each asked for by its name.
pub fn record_get(ours: &mut Ours, workload: &Workload) -> u64 {
    flows(&mut ours.decoder, workload, |set| {
        let mut sum = 0_u64;
        for record in set.records() {
            black_box((record.get(field::SRC_ADDR), record.get(field::DST_ADDR)));
            let counters = record.get(field::OCTETS).unwrap_or(0).wrapping_add(record.get(field::PACKETS).unwrap_or(0));
            sum = sum.wrapping_add(counters).wrapping_add(u64::from(record.get(field::SRC_PORT).unwrap_or(0)));
        }
        sum
    })
}

/// Where each of the 17 variable-length fields of every record ends.
pub fn antrea_offsets(ours: &mut Ours, workload: &Workload) -> u64 {
    let Ours { decoder, ends, .. } = ours;
    flows(decoder, workload, |set| {
        let mut sum = 0_u64;
        for record in set.records() {
            record.variable_ends(ends);
            sum = sum.wrapping_add(black_box(&*ends).last().copied().map_or(0, u64::from));
        }
        sum
    })
}

/// All the texts of every Antrea record (one of them is an address written as text).
pub fn antrea_text(ours: &mut Ours, workload: &Workload) -> u64 {
    flows(&mut ours.decoder, workload, |set| {
        let mut sum = 0_usize;
        for record in set.records() {
            for name in TEXTS {
                sum += black_box(record.get(name)).map_or(0, |text| text.as_bytes().len());
            }
            sum += usize::from(black_box(record.get(field::EGRESS_ADDR)).is_some());
        }
        u64::try_from(sum).unwrap_or(0)
    })
}

const TEXTS: [flowcodec::model::Field<flowcodec::model::String>; 16] = [
    field::SRC_POD,
    field::SRC_NAMESPACE,
    field::SRC_NODE,
    field::DST_POD,
    field::DST_NAMESPACE,
    field::DST_NODE,
    field::SERVICE_NAME,
    field::INGRESS_POLICY,
    field::INGRESS_POLICY_NAMESPACE,
    field::INGRESS_POLICY_RULE,
    field::EGRESS_POLICY,
    field::EGRESS_POLICY_NAMESPACE,
    field::EGRESS_POLICY_RULE,
    field::TCP_STATE,
    field::EGRESS_NAME,
    field::EGRESS_NODE,
];

/// Decodes all data and sums up what `each` makes of the sets of flows.
#[inline]
pub(crate) fn flows(decoder: &mut Decoder, workload: &Workload, mut each: impl FnMut(&RecordSet<'_>) -> u64) -> u64 {
    let received = workload.received();
    let mut sum = 0_u64;
    for datagram in workload.data() {
        let mut events = decoder.datagram(datagram.exporter, received, datagram.octets);
        while let Some(event) = events.next() {
            if let Event::Flows(set) = &event {
                sum = sum.wrapping_add(each(set));
            }
        }
    }
    sum
}
