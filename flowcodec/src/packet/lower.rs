//! Headers as common fields: one value, or straight into a row.

use super::headers::{Headers, has_ports, is_icmp};
use super::plain;
use super::types::Layer;
use crate::model::{FieldId, FieldValue, FlowRecord, field, octets_of_address, put};

impl Headers<'_> {
    /// Fields of the common model that headers can give: those of the row, which [`fill`](Self::fill) writes, and behind them those
    /// beside it. Counters are not among them: how many packets a sample stands for, and whether the record has counters of its own,
    /// the headers do not know ([`network_len`](Self::network_len) gives the octets of this one).
    pub const FIELDS: &'static [FieldId] = &[
        field::SRC_ADDR.id(),
        field::DST_ADDR.id(),
        field::SRC_PORT.id(),
        field::DST_PORT.id(),
        field::IP_PROTOCOL.id(),
        field::TCP_FLAGS.id(),
        field::TOS.id(),
        field::TTL.id(),
        field::VLAN.id(),
        field::SRC_MAC.id(),
        field::DST_MAC.id(),
        field::ETHERTYPE.id(),
        field::FLOW_LABEL.id(),
        field::ICMP_TYPE.id(),
        field::ICMP_CODE.id(),
        field::IP_VERSION.id(),
        field::FRAGMENT_ID.id(),
        field::FRAGMENT_OFFSET.id(),
        field::FRAGMENT_FLAGS.id(),
        field::CUSTOMER_VLAN.id(),
        field::MPLS_LABELS.id(),
    ];

    /// The value of a common field; `None` for what is absent and for fields that headers do not give.
    #[must_use]
    pub fn value(&self, id: FieldId) -> Option<FieldValue<'static>> {
        Some(match id {
            id::SRC_ADDR => FieldValue::Address(self.src_addr()?),
            id::DST_ADDR => FieldValue::Address(self.dst_addr()?),
            id::SRC_PORT => number(self.src_port()?),
            id::DST_PORT => number(self.dst_port()?),
            id::IP_PROTOCOL => number(self.ip_protocol()?),
            id::TCP_FLAGS => number(self.tcp_flags()?),
            id::TOS => number(self.tos()?),
            id::TTL => number(self.ttl()?),
            id::VLAN => number(self.vlan().filter(|&vlan| is_vlan(vlan))?),
            id::SRC_MAC => FieldValue::Mac(self.src_mac()?),
            id::DST_MAC => FieldValue::Mac(self.dst_mac()?),
            id::ETHERTYPE => number(self.ethertype()?),
            id::FLOW_LABEL => number(self.flow_label()?),
            id::ICMP_TYPE => number(self.icmp_type()?),
            id::ICMP_CODE => number(self.icmp_code()?),
            id::IP_VERSION => number(self.ip_version()?),
            id::FRAGMENT_ID => number(self.fragment_id()?),
            id::FRAGMENT_OFFSET => number(self.fragment_offset()?),
            id::FRAGMENT_FLAGS => number(self.fragment_flags()?),
            id::CUSTOMER_VLAN => number(self.customer_vlan()?),
            id::MPLS_LABELS => FieldValue::Numbers(self.mpls_labels()?),
            _ => return None,
        })
    }

    /// Writes every field of the row that these headers give, over what was there; the others are left as they were.
    /// Agrees with [`value`](Self::value).
    pub fn fill(&self, row: &mut FlowRecord) {
        if self.plain
            && let Some(head) = self.bytes.first_chunk()
        {
            let present = plain::fill(head, row);
            row.mark(present);
        } else {
            self.fill_by_layer(row);
        }
    }

    fn fill_by_layer(&self, row: &mut FlowRecord) {
        let mut present = 0;
        if let Some(mac) = self.dst_mac() {
            put!(row, present, DST_MAC, mac.octets());
        }
        if let Some(mac) = self.src_mac() {
            put!(row, present, SRC_MAC, mac.octets());
        }
        if let Some(ether_type) = self.ethertype() {
            put!(row, present, ETHERTYPE, ether_type.to_ne_bytes());
        }
        if let Some(vlan) = self.vlan().filter(|&vlan| is_vlan(vlan)) {
            put!(row, present, VLAN, vlan.to_ne_bytes());
        }
        present |= self.fill_network(row);
        present |= self.fill_transport(row);
        row.mark(present);
    }

    #[inline]
    fn fill_network(&self, row: &mut FlowRecord) -> u64 {
        let mut present = 0;
        if let Some(protocol) = self.ip_protocol() {
            put!(row, present, IP_PROTOCOL, [protocol]);
        }
        if let Some(head) = self.ipv4::<20>(0) {
            let &[_, tos, _, _, _, _, _, _, ttl, _, _, _, a, b, c, d, e, f, g, h] = head;
            put!(row, present, IP_VERSION, [4]);
            put!(row, present, TOS, [tos]);
            put!(row, present, TTL, [ttl]);
            put!(row, present, SRC_ADDR, octets_of_address([a, b, c, d].into()));
            put!(row, present, DST_ADDR, octets_of_address([e, f, g, h].into()));
        } else if let Some(head) = self.ipv6::<40>(0)
            && let (Some(word), Some(src), Some(dst)) = (head.first_chunk::<4>(), self.ipv6::<16>(8), self.ipv6::<16>(24))
        {
            let word = u32::from_be_bytes(*word);
            put!(row, present, IP_VERSION, [6]);
            put!(row, present, TOS, [word.wrapping_shl(4).to_be_bytes()[0]]);
            put!(row, present, TTL, [head[7]]);
            put!(row, present, FLOW_LABEL, (word & 0x000f_ffff).to_ne_bytes());
            put!(row, present, SRC_ADDR, *src);
            put!(row, present, DST_ADDR, *dst);
        } else if self.ip_version().is_some() {
            self.fill_cut_network(row);
        }
        present
    }

    /// A network header that was cut: field by field.
    #[cold]
    fn fill_cut_network(&self, row: &mut FlowRecord) {
        for id in [id::IP_VERSION, id::TOS, id::TTL, id::FLOW_LABEL, id::SRC_ADDR, id::DST_ADDR] {
            if let Some(value) = self.value(id) {
                row.set(id, value);
            }
        }
    }

    #[inline]
    fn fill_transport(&self, row: &mut FlowRecord) -> u64 {
        let mut present = 0;
        let Some(layer) = self.transport else { return present };
        if has_ports(layer) {
            if let Some(port) = self.src_port() {
                put!(row, present, SRC_PORT, port.to_ne_bytes());
            }
            if let Some(port) = self.dst_port() {
                put!(row, present, DST_PORT, port.to_ne_bytes());
            }
            if layer == Layer::Tcp
                && let Some(flags) = self.tcp_flags()
            {
                put!(row, present, TCP_FLAGS, flags.to_ne_bytes());
            }
        } else if is_icmp(layer) {
            if let Some(kind) = self.icmp_type() {
                put!(row, present, ICMP_TYPE, [kind]);
            }
            if let Some(code) = self.icmp_code() {
                put!(row, present, ICMP_CODE, [code]);
            }
        }
        present
    }
}

/// A tag of VLAN 0 has a priority and belongs to no VLAN (IEEE 802.1Q §9.6).
#[inline]
const fn is_vlan(vlan: u16) -> bool {
    vlan != 0
}

#[inline]
fn number(number: impl Into<u64>) -> FieldValue<'static> {
    FieldValue::Unsigned(number.into())
}

/// The numbers as patterns.
mod id {
    use crate::model::{FieldId, field};

    macro_rules! ids {
        ($($name:ident)*) => { $(pub(super) const $name: FieldId = field::$name.id();)* };
    }

    ids! {
        SRC_ADDR DST_ADDR SRC_PORT DST_PORT IP_PROTOCOL TCP_FLAGS TOS TTL VLAN SRC_MAC DST_MAC ETHERTYPE FLOW_LABEL ICMP_TYPE
        ICMP_CODE IP_VERSION FRAGMENT_ID FRAGMENT_OFFSET FRAGMENT_FLAGS CUSTOMER_VLAN MPLS_LABELS
    }
}
