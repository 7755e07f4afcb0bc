//! One flow and the places that report it.

use flowcodec::Timestamp;
use flowcodec::model::{FlowRecord, Mac};

use super::DedupStats;
use crate::correlate::input::{FlowKey, Interval, octets};
use crate::correlate::pending::Heap;
use crate::correlate::sum::Sum;
use crate::correlate::texts::Texts;

/// One flow.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) first: Timestamp,
    pub(super) heard: Timestamp,
    /// The best first; no more than [`MOST`].
    pub(super) places: Vec<(Place, Sum)>,
    /// The places that were seen, as far as they are remembered.
    pub(super) seen: Vec<Place>,
    pub(super) chosen: Option<(Place, Timestamp)>,
}

impl Group {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self { first: now, heard: now, places: Vec::new(), seen: Vec::new(), chosen: None }
    }

    pub(super) fn see(&mut self, place: Place) {
        if !self.seen.contains(&place) && self.seen.len() < MOST {
            self.seen.reserve_exact(1);
            self.seen.push(place);
        }
    }

    /// Where a place's records are summed; of too many places, the worst has to go.
    pub(super) fn place(&mut self, place: Place, when: Interval, texts: &mut Texts, stats: &mut DedupStats) -> Option<&mut Sum> {
        let at = match self.places.binary_search_by_key(&place, |(place, _)| *place) {
            Ok(at) => at,
            Err(at) => {
                if self.places.len() >= MOST {
                    if at >= MOST {
                        return None;
                    }
                    if let Some((_, mut worst)) = self.places.pop() {
                        stats.crowded = stats.crowded.saturating_add(worst.records);
                        stats.duplicate(worst.records, worst.octets());
                        worst.kept.release(texts);
                    }
                }
                self.places.reserve_exact(1);
                self.places.insert(at, (place, Sum::new(when)));
                at
            }
        };
        self.places.get_mut(at).map(|(_, sum)| sum)
    }
}

impl Heap for Group {
    fn heap(&self) -> usize {
        let sums: usize = self.places.iter().map(|(_, sum)| sum.heap()).sum();
        let places = self.places.capacity().saturating_mul(size_of::<(Place, Sum)>());
        sums.saturating_add(places).saturating_add(self.seen.capacity().saturating_mul(size_of::<Place>()))
    }
}

/// Where a record was made. Its order is that of preference: the rate in 65,536ths, ingress (0) before unknown and egress, then whatever
/// is lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    rate: u64,
    direction: u8,
    exporter: [u8; 16],
    protocol: u8,
    port: u16,
    domain: u32,
    interfaces: [u32; 2],
}

impl Place {
    pub(super) fn of(row: &FlowRecord) -> Self {
        #[expect(
            clippy::as_conversions,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "only an order; saturates"
        )]
        let rate = (row.sampling_rate().unwrap_or(1.0).max(1.0) * 65_536.0) as u64;
        Self {
            rate,
            direction: match row.direction() {
                Some(0) => 0,
                Some(1) => 2,
                _ => 1,
            },
            exporter: row.exporter().map_or([0; 16], octets),
            protocol: row.protocol().unwrap_or(0),
            port: row.exporter_port().unwrap_or(0),
            domain: row.domain().unwrap_or(0),
            interfaces: [row.in_if().unwrap_or(0), row.out_if().unwrap_or(0)],
        }
    }
}

/// What tells flows apart here: type and code of ICMP too, and Ethernet where there is no IP.
pub(super) fn key(row: &FlowRecord) -> Option<FlowKey> {
    if let Some(mut key) = FlowKey::of(row) {
        if let (Some(kind), Some(code)) = (row.icmp_type(), row.icmp_code()) {
            (key.src_port, key.dst_port) = (0, u16::from_be_bytes([kind, code]));
        }
        return Some(key);
    }
    let of_mac = |mac: Mac| {
        let mut octets = [0; 16];
        octets.iter_mut().zip(mac.octets()).for_each(|(to, octet)| *to = octet);
        octets
    };
    let (src, dst) = (of_mac(row.src_mac()?), of_mac(row.dst_mac()?));
    Some(FlowKey { src, dst, src_port: row.ethertype().unwrap_or(0), dst_port: 0, protocol: 0, kind: 1 })
}

/// As many places of a flow are remembered.
const MOST: usize = 8;
