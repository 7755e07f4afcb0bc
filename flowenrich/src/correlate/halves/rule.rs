//! Which records are halves, of which side, and what they are found by: the rules of Antrea's aggregator.

use std::net::IpAddr;

use flowcodec::model::{FieldId, FieldValue, FlowRecord, Schema, field};

use super::fields::COUNTERS;
use crate::correlate::input::{Common, FlowKey, octets};

/// What of a record decides.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Facts {
    flow_type: Option<u64>,
    ingress: u64,
    egress: u64,
    src_pod: bool,
    dst_pod: bool,
    snat: Option<IpAddr>,
    snat_port: Option<u16>,
    pub(super) deltas: [Option<u64>; COUNTERS],
    pub(super) totals: [Option<u64>; COUNTERS],
}

/// What a record is to its flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All there is to come: within a node, to external, denied at its own side.
    Whole,
    /// One half, another is to come.
    Half,
}

/// Whose record it is: an index into what is kept for each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Source,
    Destination,
}

const FLOW_TYPE: FieldId = field::FLOW_TYPE.id();
const INGRESS: FieldId = field::INGRESS_POLICY_ACTION.id();
const EGRESS: FieldId = field::EGRESS_POLICY_ACTION.id();
const SRC_POD: FieldId = field::SRC_POD.id();
const DST_POD: FieldId = field::DST_POD.id();
const SNAT_ADDR: FieldId = field::PROXY_SNAT_ADDR.id();
const SNAT_PORT: FieldId = field::PROXY_SNAT_PORT.id();
const OCTETS_TOTAL: FieldId = field::OCTETS_TOTAL.id();
const PACKETS_TOTAL: FieldId = field::PACKETS_TOTAL.id();
const REVERSE_OCTETS: FieldId = field::REVERSE_OCTETS.id();
const REVERSE_PACKETS: FieldId = field::REVERSE_PACKETS.id();
const REVERSE_OCTETS_TOTAL: FieldId = field::REVERSE_OCTETS_TOTAL.id();
const REVERSE_PACKETS_TOTAL: FieldId = field::REVERSE_PACKETS_TOTAL.id();
const THROUGHPUT: FieldId = field::THROUGHPUT.id();
const REVERSE_THROUGHPUT: FieldId = field::REVERSE_THROUGHPUT.id();

/// Counters beside the row, and what is reckoned from them: kept for each side, not as fields.
pub(super) const fn is_counter(id: FieldId) -> bool {
    matches!(
        id,
        OCTETS_TOTAL
            | PACKETS_TOTAL
            | REVERSE_OCTETS
            | REVERSE_PACKETS
            | REVERSE_OCTETS_TOTAL
            | REVERSE_PACKETS_TOTAL
            | THROUGHPUT
            | REVERSE_THROUGHPUT
    )
}

/// The fields of the common counters: since the last record, and since the flow began.
pub(super) const COMMON: [(FieldId, FieldId); COUNTERS] = [
    (field::OCTETS.id(), OCTETS_TOTAL),
    (field::PACKETS.id(), PACKETS_TOTAL),
    (REVERSE_OCTETS, REVERSE_OCTETS_TOTAL),
    (REVERSE_PACKETS, REVERSE_PACKETS_TOTAL),
];

impl Facts {
    pub(super) fn of(record: &impl Common, row: &FlowRecord, schema: &Schema) -> Self {
        let mut facts = Self { deltas: [row.octets(), row.packets(), None, None], ..Self::default() };
        let [_, _, reverse_octets, reverse_packets] = &mut facts.deltas;
        let [octets_total, packets_total, reverse_octets_total, reverse_packets_total] = &mut facts.totals;
        record.beside(schema, &mut |id, value| match (id, value) {
            (FLOW_TYPE, FieldValue::Unsigned(number)) => facts.flow_type = Some(number).filter(|number| *number != 0),
            (INGRESS, FieldValue::Unsigned(number)) => facts.ingress = number,
            (EGRESS, FieldValue::Unsigned(number)) => facts.egress = number,
            (SRC_POD, FieldValue::Text(text)) => facts.src_pod = !text.as_bytes().is_empty(),
            (DST_POD, FieldValue::Text(text)) => facts.dst_pod = !text.as_bytes().is_empty(),
            (SNAT_ADDR, FieldValue::Address(address)) => facts.snat = Some(address),
            (SNAT_PORT, FieldValue::Unsigned(port)) => facts.snat_port = u16::try_from(port).ok(),
            (REVERSE_OCTETS, FieldValue::Unsigned(number)) => *reverse_octets = Some(number),
            (REVERSE_PACKETS, FieldValue::Unsigned(number)) => *reverse_packets = Some(number),
            (OCTETS_TOTAL, FieldValue::Unsigned(number)) => *octets_total = Some(number),
            (PACKETS_TOTAL, FieldValue::Unsigned(number)) => *packets_total = Some(number),
            (REVERSE_OCTETS_TOTAL, FieldValue::Unsigned(number)) => *reverse_octets_total = Some(number),
            (REVERSE_PACKETS_TOTAL, FieldValue::Unsigned(number)) => *reverse_packets_total = Some(number),
            _ => {}
        });
        facts
    }

    /// The half of a flow from outside the cluster that is seen where it enters: it knows the client, and what the client was
    /// translated to.
    pub(super) fn is_entrance(&self) -> bool {
        self.flow_type == Some(FROM_EXTERNAL) && !self.dst_pod && self.snat.is_some()
    }

    /// What it is found by: addresses, ports, protocol, as the second node sees them.
    pub(super) fn key(&self, row: &FlowRecord) -> Option<FlowKey> {
        let mut key = FlowKey::of(row)?;
        if let Some(snat) = self.snat.filter(|_| self.is_entrance()) {
            (key.src, key.src_port) = (octets(snat), self.snat_port.unwrap_or(0));
        }
        Some(key)
    }

    /// Whether another half is to come. Of records that do not say their flow's type, those that name a pod at one end only are halves
    /// if `untyped`.
    pub(super) fn part(&self, untyped: bool) -> Part {
        let denied = matches!(self.egress, DROP | REJECT) || self.ingress == REJECT;
        let wanted = match self.flow_type {
            Some(INTER_NODE) => true,
            Some(_) => self.is_entrance(),
            None => untyped,
        };
        let one_end = self.src_pod != self.dst_pod || self.is_entrance();
        if wanted && one_end && !denied { Part::Half } else { Part::Whole }
    }

    pub(super) const fn whose(&self) -> Whose {
        if self.dst_pod && !self.src_pod { Whose::Destination } else { Whose::Source }
    }

    /// Whether it counts since the flow began, and not only since the last record.
    pub(super) fn has_totals(&self) -> bool {
        self.totals.iter().any(Option::is_some)
    }
}

const INTER_NODE: u64 = 2;
pub(super) const FROM_EXTERNAL: u64 = 4;
const DROP: u64 = 2;
const REJECT: u64 = 3;
