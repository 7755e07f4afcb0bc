//! The commonest samples in one step: whole records of the structures that nearly all samples are made of, each no more than once.
//!
//! Where a sample has nothing else, nothing is wrong with it and nothing in it unknown. This is seen at a fraction of what the walk
//! record by record costs, which finds the same (the tests hold one against the other); and what rows need is read from the places that
//! were seen then.

use core::num::NonZeroU64;

use crate::wire::{be32, len32};

use super::sample::{Interface, Sample, SampleKind, Source};

/// Where the records of such a sample stand: the bodies, in octets behind the head of the sample, 16 bits each. It is one register: what
/// is noted of every sample would otherwise be written to memory in parts and read again as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Places(NonZeroU64);

/// No place: behind all records.
const NONE: u64 = 0xffff;
/// The bits of each structure's place.
const HEADER: u32 = 0;
const SWITCH: u32 = 16;
const ROUTER: u32 = 32;
const GATEWAY: u32 = 48;

impl Places {
    /// Always some: a body stands behind its format and length, so no place is 0.
    #[inline]
    fn new([header, switch, router, gateway]: [u64; 4]) -> Option<Self> {
        NonZeroU64::new(header << HEADER | switch << SWITCH | router << ROUTER | gateway << GATEWAY).map(Self)
    }

    /// That of a structure, whose bits begin there.
    #[inline]
    fn place(self, bits: u32) -> usize {
        usize::try_from(self.0.get().unbounded_shr(bits) & NONE).unwrap_or(usize::MAX)
    }
}

/// `sampled_header`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlainHeader<'a> {
    pub(crate) protocol: u32,
    pub(crate) frame_length: u32,
    pub(crate) stripped: u32,
    pub(crate) header: &'a [u8],
}

/// `extended_switch`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlainSwitch {
    pub(crate) src_vlan: u32,
    pub(crate) dst_vlan: u32,
}

/// `extended_router`; the address as 16 octets, IPv4 mapped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlainRouter {
    pub(crate) next_hop: Option<[u8; 16]>,
    pub(crate) src_mask_len: u32,
    pub(crate) dst_mask_len: u32,
}

/// `extended_gateway` with a path of one segment or none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlainGateway {
    pub(crate) src_as: u32,
    pub(crate) dst_as: Option<u32>,
}

/// One of the commonest samples, as who walks over all of a datagram needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain {
    pub(crate) kind: SampleKind,
    pub(crate) source: Source,
    pub(crate) sequence: u32,
    pub(crate) places: Places,
}

impl Plain {
    /// The first of the samples that stand in `octets`, if it is one of the commonest, and what is behind it.
    #[inline]
    pub(crate) fn split_first(octets: &[u8]) -> Option<(Self, &[u8])> {
        let (head, after) = octets.split_first_chunk::<8>()?;
        let (body, behind) = after.split_at_checked(usize::try_from(be32(head, 4)).ok()?)?;
        // Heads and records are of whole words each, so there is no padding behind such a sample.
        let (source, sequence, count, records) = match be32(head, 0) {
            Sample::FLOW => {
                let (words, records) = body.split_first_chunk::<32>()?;
                (Source::compact(be32(words, 4)), be32(words, 0), be32(words, 28), records)
            }
            Sample::FLOW_EXPANDED => {
                let (words, records) = body.split_first_chunk::<44>()?;
                (Source { class: be32(words, 4), index: be32(words, 8) }, be32(words, 0), be32(words, 40), records)
            }
            format => return Some((Self::other(format, body)?, behind)),
        };
        let places = Places::of(records, count)?;
        Some((Self { kind: SampleKind::Flow, source, sequence, places }, behind))
    }

    /// Counters, or a packet that was dropped.
    #[inline(never)]
    fn other(format: u32, body: &[u8]) -> Option<Self> {
        let (kind, source, records, count) = match format {
            Sample::COUNTERS => {
                let (words, records) = body.split_first_chunk::<12>()?;
                (SampleKind::Counters, Source::compact(be32(words, 4)), records, be32(words, 8))
            }
            Sample::COUNTERS_EXPANDED => {
                let (words, records) = body.split_first_chunk::<16>()?;
                (SampleKind::Counters, Source { class: be32(words, 4), index: be32(words, 8) }, records, be32(words, 12))
            }
            Sample::DISCARD => {
                let (words, records) = body.split_first_chunk::<32>()?;
                (SampleKind::Discard, Source { class: be32(words, 4), index: be32(words, 8) }, records, be32(words, 28))
            }
            _ => return None,
        };
        let places = if kind == SampleKind::Counters { counters(records, count)? } else { Places::of(records, count)? };
        Some(Self { kind, source, sequence: be32(body, 0), places })
    }
}

impl Places {
    /// Of so many flow records; none of more octets than have places.
    #[inline]
    fn of(records: &[u8], count: u32) -> Option<Self> {
        if len32(records) >= 0xffff {
            None
        } else {
            Self::in_order(records, count).or_else(|| Self::in_any_order(records, count))
        }
    }

    /// In the order that nearly all agents have: time, switch, header, switch, router, gateway, where none has to be there. That is
    /// half of what the walk in any order takes. `None` for all others.
    #[inline]
    fn in_order(records: &[u8], count: u32) -> Option<Self> {
        let [mut header, mut switch, mut router, mut gateway] = [NONE; 4];
        let (mut rest, mut at, mut seen) = (records, 8_u64, 0_u32);
        // Host sFlow begins with the time, which no row has a place for.
        if let Some((body, behind)) = sized(rest, 1043)
            && body.len() >= 8
        {
            at = at.wrapping_add(u64::from(len32(body))).wrapping_add(8);
            (rest, seen) = (behind, 1);
        }
        // Open vSwitch has it in front of the header.
        if let Some((_, behind)) = of_16(rest, 1001) {
            switch = at;
            at = at.wrapping_add(24);
            (rest, seen) = (behind, seen.wrapping_add(1));
        }
        if let Some((body, behind)) = sized(rest, 1)
            && header_fits(body)
        {
            header = at;
            at = at.wrapping_add(u64::from(len32(body))).wrapping_add(8);
            (rest, seen) = (behind, seen.wrapping_add(1));
        }
        if switch == NONE
            && let Some((_, behind)) = of_16(rest, 1001)
        {
            switch = at;
            at = at.wrapping_add(24);
            (rest, seen) = (behind, seen.wrapping_add(1));
        }
        if let Some((body, behind)) = of_16(rest, 1002)
            && be32(body, 0) == 1
        {
            router = at;
            at = at.wrapping_add(24);
            (rest, seen) = (behind, seen.wrapping_add(1));
        }
        if let Some((body, behind)) = sized(rest, 1003)
            && gateway_fits(body)
        {
            gateway = at;
            (rest, seen) = (behind, seen.wrapping_add(1));
        }
        if rest.is_empty() && seen == count { Self::new([header, switch, router, gateway]) } else { None }
    }

    #[inline(never)]
    fn in_any_order(records: &[u8], count: u32) -> Option<Self> {
        let (mut places, mut rest, mut at) = ([NONE; 4], records, 0_u64);
        let [header, switch, router, gateway] = &mut places;
        // Times that rows have no place for.
        let mut times = NONE;
        for _ in 0..count {
            let (head, after) = rest.split_first_chunk::<8>()?;
            let length = be32(head, 4);
            let (body, behind) = after.split_at_checked(whole_words(length)?)?;
            at = at.wrapping_add(8);
            let (place, fits) = match be32(head, 0) {
                1 => (&mut *header, header_fits(body)),
                1001 => (&mut *switch, body.len() >= 16),
                1002 => (&mut *router, router_fits(body)),
                1003 => (&mut *gateway, gateway_fits(body)),
                1043 => (&mut times, body.len() >= 8),
                _ => return None,
            };
            // Of a structure that comes twice the first counts: that is for the long way.
            if !fits || *place != NONE {
                return None;
            }
            *place = at;
            at = at.wrapping_add(u64::from(length));
            rest = behind;
        }
        if rest.is_empty() { Self::new(places) } else { None }
    }
}

/// What rows need of such a flow sample: its own words, and its records at their places.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlainFlow<'a> {
    pub(crate) rate: u32,
    pub(crate) in_if: Option<u32>,
    pub(crate) out_if: Option<u32>,
    records: &'a [u8],
    places: Places,
}

impl<'a> PlainFlow<'a> {
    /// Reads the head of the sample of this format; `None` when it is no flow sample.
    #[inline]
    pub(crate) fn new(format: u32, body: &'a [u8], places: Places) -> Option<Self> {
        // What is no ifIndex has a format in the upper 2 bits, and ifIndex 0 is none.
        let compact = |word: u32| Some(word).filter(|word| word.wrapping_sub(1) < Interface::INTERNAL);
        let expanded = |format: u32, value: u32| Some(value).filter(|_| format == 0 && value != 0);
        match format {
            Sample::FLOW => {
                let (words, records) = body.split_first_chunk::<32>()?;
                let (in_if, out_if) = (compact(be32(words, 20)), compact(be32(words, 24)));
                Some(Self { rate: be32(words, 8), in_if, out_if, records, places })
            }
            Sample::FLOW_EXPANDED => {
                let (words, records) = body.split_first_chunk::<44>()?;
                let in_if = expanded(be32(words, 24), be32(words, 28));
                Some(Self { rate: be32(words, 12), in_if, out_if: expanded(be32(words, 32), be32(words, 36)), records, places })
            }
            _ => None,
        }
    }

    /// The octets from the place of a structure on; none of one that the sample does not have.
    #[inline]
    fn at(&self, bits: u32) -> Option<&'a [u8]> {
        self.records.get(self.places.place(bits)..)
    }

    /// Its header.
    #[inline]
    pub(crate) fn header(&self) -> Option<PlainHeader<'a>> {
        let (words, rest) = self.at(HEADER)?.split_first_chunk::<16>()?;
        let header = rest.get(..usize::try_from(be32(words, 12)).ok()?)?;
        Some(PlainHeader { protocol: be32(words, 0), frame_length: be32(words, 4), stripped: be32(words, 8), header })
    }

    /// What the switch did.
    #[inline]
    pub(crate) fn switch(&self) -> Option<PlainSwitch> {
        let words = self.at(SWITCH)?.first_chunk::<16>()?;
        Some(PlainSwitch { src_vlan: be32(words, 0), dst_vlan: be32(words, 8) })
    }

    /// What the router did.
    #[inline]
    pub(crate) fn router(&self) -> Option<PlainRouter> {
        let body = self.at(ROUTER)?;
        if let Some(words) = body.first_chunk::<16>()
            && be32(words, 0) == 1
        {
            let next_hop = Some(((0xffff_u128 << 32) | u128::from(be32(words, 4))).to_be_bytes());
            return Some(PlainRouter { next_hop, src_mask_len: be32(words, 8), dst_mask_len: be32(words, 12) });
        }
        let octets = address_len(body)?;
        let next_hop = if octets == 16 { body.get(4..)?.first_chunk().copied() } else { None };
        let masks = body.get(octets.wrapping_add(4)..)?.first_chunk::<8>()?;
        Some(PlainRouter { next_hop, src_mask_len: be32(masks, 0), dst_mask_len: be32(masks, 4) })
    }

    /// What BGP knows.
    #[inline]
    pub(crate) fn gateway(&self) -> Option<PlainGateway> {
        let body = self.at(GATEWAY)?;
        if let Some((words, path)) = of_one_segment(body) {
            let path = path.get(..usize::try_from(be32(words, 28)).ok()?.checked_mul(4)?)?;
            return Some(PlainGateway {
                src_as: be32(words, 12),
                dst_as: path.last_chunk().map(|number| u32::from_be_bytes(*number)),
            });
        }
        let (words, path) = body.get(address_len(body)?.wrapping_add(4)..)?.split_first_chunk::<16>()?;
        let dst_as = match be32(words, 12) {
            0 => None,
            _ => numbers(path.get(4..)?)?.0.last_chunk().map(|number| u32::from_be_bytes(*number)),
        };
        Some(PlainGateway { src_as: be32(words, 4), dst_as })
    }
}

/// The body of a record of this format, and what is behind it.
#[inline]
fn sized(records: &[u8], format: u32) -> Option<(&[u8], &[u8])> {
    let (head, after) = records.split_first_chunk::<8>()?;
    if be32(head, 0) != format {
        return None;
    }
    after.split_at_checked(whole_words(be32(head, 4))?)
}

/// The same of a body of 16 octets, as switches and routers of IPv4 have them.
#[inline]
fn of_16(records: &[u8], format: u32) -> Option<(&[u8; 16], &[u8])> {
    let (record, behind) = records.split_first_chunk::<24>()?;
    let (head, body) = (record.first_chunk::<8>()?, record.last_chunk::<16>()?);
    (u64::from_be_bytes(*head) == u64::from(format) << 32 | 16).then_some((body, behind))
}

/// Of so many counter records, which are all `if_counters` and `ethernet_counters`.
#[inline]
fn counters(records: &[u8], count: u32) -> Option<Places> {
    let mut rest = records;
    for _ in 0..count {
        let (head, after) = rest.split_first_chunk::<8>()?;
        let length = whole_words(be32(head, 4))?;
        let least = match be32(head, 0) {
            1 => 88,
            2 => 52,
            _ => return None,
        };
        if length < least {
            return None;
        }
        rest = after.get(length..)?;
    }
    if rest.is_empty() { Places::new([NONE; 4]) } else { None }
}

/// A length, unless padding follows.
#[inline]
fn whole_words(length: u32) -> Option<usize> {
    if length.is_multiple_of(4) { usize::try_from(length).ok() } else { None }
}

#[inline]
fn header_fits(body: &[u8]) -> bool {
    let Some((words, rest)) = body.split_first_chunk::<16>() else { return false };
    usize::try_from(be32(words, 12)).is_ok_and(|length| length <= rest.len())
}

#[inline]
fn router_fits(body: &[u8]) -> bool {
    address_len(body).is_some_and(|octets| body.len() >= octets.wrapping_add(12))
}

/// A gateway with an IPv4 address and a path of one segment, as nearly all have: the words up to its length, and what is behind.
#[inline]
fn of_one_segment(body: &[u8]) -> Option<(&[u8; 32], &[u8])> {
    body.split_first_chunk::<32>().filter(|(words, _)| be32(*words, 0) == 1 && be32(*words, 20) == 1)
}

#[inline]
fn gateway_fits(body: &[u8]) -> bool {
    let fits = || {
        if let Some((words, path)) = of_one_segment(body) {
            let rest = path.get(usize::try_from(be32(words, 28)).ok()?.checked_mul(4)?..)?;
            return numbers(rest)?.1.first_chunk::<4>();
        }
        let (words, rest) = body.get(address_len(body)?.wrapping_add(4)..)?.split_first_chunk::<16>()?;
        let rest = match be32(words, 12) {
            0 => rest,
            1 => numbers(rest.get(4..)?)?.1,
            _ => return None,
        };
        numbers(rest)?.1.first_chunk::<4>()
    };
    fits().is_some()
}

/// Octets of the address a body begins with.
#[inline]
fn address_len(body: &[u8]) -> Option<usize> {
    match be32(body.first_chunk::<4>()?, 0) {
        0 => Some(0),
        1 => Some(4),
        2 => Some(16),
        _ => None,
    }
}

/// Octets of the words behind their count, and what is behind them.
#[inline]
fn numbers(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let (count, rest) = body.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(be32(count, 0)).ok()?.checked_mul(4)?)
}
