//! The commonest samples in one step: whole records of the structures that nearly all samples are made of, each no more than once.
//!
//! Where a sample has nothing else, nothing is wrong with it and nothing in it unknown. This is seen at a fraction of what the walk
//! record by record costs, which finds the same (the tests hold one against the other); and what rows need is read from the places that
//! were seen then.

use crate::wire::be32;

use super::sample::{Interface, Sample, SampleKind};

/// Where the records of such a sample stand: the bodies, in octets behind the head of the sample; [`NONE`](Self::NONE) for those it
/// does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Places {
    header: u32,
    switch: u32,
    router: u32,
    gateway: u32,
}

impl Places {
    const NONE: u32 = u32::MAX;
    const EMPTY: Self = Self { header: Self::NONE, switch: Self::NONE, router: Self::NONE, gateway: Self::NONE };
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

impl<'a> Sample<'a> {
    /// Where its records stand, if it is one of the commonest.
    #[inline]
    pub(crate) fn places(&self) -> Option<Places> {
        match self.kind() {
            SampleKind::Unknown => None,
            SampleKind::Counters => self.places_of(|format, body, _, _| counters(format, body)),
            SampleKind::Flow | SampleKind::Discard => self.places_of(|format, body, at, places| {
                let place = match format {
                    1 if header_fits(body) => &mut places.header,
                    1001 if body.len() >= 16 => &mut places.switch,
                    1002 if router_fits(body) => &mut places.router,
                    1003 if gateway_fits(body) => &mut places.gateway,
                    _ => return false,
                };
                // Of a structure that comes twice the first counts: that is for the long way.
                core::mem::replace(place, at) == Places::NONE
            }),
        }
    }

    /// Hands format, body and place of each record to `take`, which gives `false` for those it does not know or that do not fit.
    #[inline]
    fn places_of(&self, mut take: impl FnMut(u32, &'a [u8], u32, &mut Places) -> bool) -> Option<Places> {
        let mut places = Places::EMPTY;
        let (mut at, mut left) = (0_u32, self.record_count());
        let mut rest = self.body().get(self.head_octets()..)?;
        while left != 0 {
            let (head, after) = rest.split_first_chunk::<8>()?;
            let (format, length) = (be32(head, 0), be32(head, 4));
            let (body, behind) = after.split_at_checked(usize::try_from(length).ok()?)?;
            if !take(format, body, at.wrapping_add(8), &mut places) || length & 3 != 0 {
                return None;
            }
            at = at.wrapping_add(8).wrapping_add(length);
            left = left.wrapping_sub(1);
            rest = behind;
        }
        rest.is_empty().then_some(places)
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

    /// The octets from a place on; none from [`Places::NONE`].
    #[inline]
    fn at(&self, place: u32) -> Option<&'a [u8]> {
        self.records.get(usize::try_from(place).ok()?..)
    }

    /// Its header.
    #[inline]
    pub(crate) fn header(&self) -> Option<PlainHeader<'a>> {
        let (words, rest) = self.at(self.places.header)?.split_first_chunk::<16>()?;
        let header = rest.get(..usize::try_from(be32(words, 12)).ok()?)?;
        Some(PlainHeader { protocol: be32(words, 0), frame_length: be32(words, 4), stripped: be32(words, 8), header })
    }

    /// What the switch did.
    #[inline]
    pub(crate) fn switch(&self) -> Option<PlainSwitch> {
        let words = self.at(self.places.switch)?.first_chunk::<16>()?;
        Some(PlainSwitch { src_vlan: be32(words, 0), dst_vlan: be32(words, 8) })
    }

    /// What the router did.
    #[inline]
    pub(crate) fn router(&self) -> Option<PlainRouter> {
        let body = self.at(self.places.router)?;
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
        let body = self.at(self.places.gateway)?;
        let (words, path) = body.get(address_len(body)?.wrapping_add(4)..)?.split_first_chunk::<16>()?;
        let dst_as = match be32(words, 12) {
            0 => None,
            _ => numbers(path.get(4..)?)?.0.last_chunk().map(|number| u32::from_be_bytes(*number)),
        };
        Some(PlainGateway { src_as: be32(words, 4), dst_as })
    }
}

/// `if_counters` and `ethernet_counters`.
#[inline]
const fn counters(format: u32, body: &[u8]) -> bool {
    match format {
        1 => body.len() >= 88,
        2 => body.len() >= 52,
        _ => false,
    }
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

#[inline]
fn gateway_fits(body: &[u8]) -> bool {
    let fits = || {
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
