//! The commonest samples in one step: whole records of the structures that nearly all samples are made of, each no more than once.
//!
//! Where a sample has nothing else, nothing is wrong with it and nothing in it unknown. This is seen, and what rows need of it read, at
//! a fraction of what the walk record by record costs, which finds the same: the tests hold one against the other.

use crate::wire::be32;

use super::sample::{Sample, SampleKind};

/// Takes what rows need of the records.
pub(crate) trait TakePlain<'a> {
    /// `sampled_header`.
    fn header(&mut self, protocol: u32, frame_length: u32, stripped: u32, header: &'a [u8]);
    /// `extended_switch`.
    fn switch(&mut self, src_vlan: u32, dst_vlan: u32);
    /// `extended_router`, its address if it is IPv4.
    fn next_hop4(&mut self, address: &[u8; 4]);
    /// The same for IPv6.
    fn next_hop6(&mut self, address: &[u8; 16]);
    /// The rest of `extended_router`.
    fn masks(&mut self, src_mask_len: u32, dst_mask_len: u32);
    /// `extended_gateway` with a path of one segment or none.
    fn gateway(&mut self, src_as: u32, dst_as: Option<u32>);
}

/// Takes nothing: for those who only ask whether a sample is plain.
struct Nothing;

impl TakePlain<'_> for Nothing {
    #[inline]
    fn header(&mut self, _: u32, _: u32, _: u32, _: &[u8]) {}
    #[inline]
    fn switch(&mut self, _: u32, _: u32) {}
    #[inline]
    fn next_hop4(&mut self, _: &[u8; 4]) {}
    #[inline]
    fn next_hop6(&mut self, _: &[u8; 16]) {}
    #[inline]
    fn masks(&mut self, _: u32, _: u32) {}
    #[inline]
    fn gateway(&mut self, _: u32, _: Option<u32>) {}
}

impl<'a> Sample<'a> {
    /// Whether this sample is one of the commonest.
    #[inline]
    pub(super) fn is_plain(&self) -> bool {
        match self.kind() {
            SampleKind::Counters => self.plain_records(counters).is_some(),
            SampleKind::Unknown => false,
            SampleKind::Flow | SampleKind::Discard => self.take_plain(&mut Nothing),
        }
    }

    /// Hands the records of a flow sample or a discarded packet to `taker`. `false` when it is none of the commonest: then nothing may
    /// be made of what was taken.
    #[inline]
    pub(crate) fn take_plain(&self, taker: &mut impl TakePlain<'a>) -> bool {
        let take = |format, body: &'a [u8]| match format {
            1 => header(body, taker),
            1001 => switch(body, taker),
            1002 => router(body, taker),
            1003 => gateway(body, taker),
            _ => None,
        };
        self.plain_records(take).is_some()
    }

    /// Hands format and body of each record to `take`, which gives `None` for those it does not know or that do not fit.
    #[inline]
    fn plain_records(&self, mut take: impl FnMut(u32, &'a [u8]) -> Option<()>) -> Option<()> {
        let mut rest = self.body().get(self.head_octets()..)?;
        let mut seen = 0_u32;
        for _ in 0..self.record_count() {
            let (head, after) = rest.split_first_chunk::<8>()?;
            let (format, length) = (be32(head, 0), be32(head, 4));
            let (body, behind) = after.split_at_checked(usize::try_from(length).ok()?)?;
            let bit = 1_u32.wrapping_shl(format & 0xf);
            if (length & 3) | (seen & bit) != 0 {
                return None;
            }
            seen |= bit;
            take(format, body)?;
            rest = behind;
        }
        rest.is_empty().then_some(())
    }
}

/// `if_counters` and `ethernet_counters`.
#[inline]
fn counters(format: u32, body: &[u8]) -> Option<()> {
    let octets = match format {
        1 => 88,
        2 => 52,
        _ => return None,
    };
    (body.len() >= octets).then_some(())
}

#[inline]
fn header<'a>(body: &'a [u8], taker: &mut impl TakePlain<'a>) -> Option<()> {
    let (words, rest) = body.split_first_chunk::<16>()?;
    let header = rest.get(..usize::try_from(be32(words, 12)).ok()?)?;
    taker.header(be32(words, 0), be32(words, 4), be32(words, 8), header);
    Some(())
}

#[inline]
fn switch<'a>(body: &'a [u8], taker: &mut impl TakePlain<'a>) -> Option<()> {
    let words = body.first_chunk::<16>()?;
    taker.switch(be32(words, 0), be32(words, 8));
    Some(())
}

#[inline]
fn router<'a>(body: &'a [u8], taker: &mut impl TakePlain<'a>) -> Option<()> {
    let rest = match address_len(body)? {
        4 => {
            let (octets, rest) = body.split_first_chunk::<8>()?;
            taker.next_hop4(octets.last_chunk()?);
            rest
        }
        16 => {
            let (octets, rest) = body.split_first_chunk::<20>()?;
            taker.next_hop6(octets.last_chunk()?);
            rest
        }
        _ => body.get(4..)?,
    };
    let masks = rest.first_chunk::<8>()?;
    taker.masks(be32(masks, 0), be32(masks, 4));
    Some(())
}

#[inline]
fn gateway<'a>(body: &'a [u8], taker: &mut impl TakePlain<'a>) -> Option<()> {
    let rest = body.get(address_len(body)?.wrapping_add(4)..)?;
    let (words, rest) = rest.split_first_chunk::<16>()?;
    let (path, rest) = match be32(words, 12) {
        0 => (&[][..], rest),
        1 => numbers(rest.get(4..)?)?,
        _ => return None,
    };
    let (_, rest) = numbers(rest)?;
    rest.first_chunk::<4>()?;
    taker.gateway(be32(words, 4), path.last_chunk().map(|number| u32::from_be_bytes(*number)));
    Some(())
}

/// Octets of the address a body begins with.
#[inline]
fn address_len(body: &[u8]) -> Option<usize> {
    match u32::from_be_bytes(*body.first_chunk()?) {
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
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*count)).ok()?.checked_mul(4)?)
}
