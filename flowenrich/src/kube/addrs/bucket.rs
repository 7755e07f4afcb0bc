//! A cache line of the table, and where in the table an address belongs.

use std::net::IpAddr;

use super::PIECES;

/// Addresses of a bucket.
pub(super) const WAYS: usize = 7;

/// A cache line. Eight lanes each, so that all are compared at once; the last ones are of the bucket itself.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Bucket {
    /// IPv4 addresses; of IPv6 addresses a part of their hash. And the latest of the seconds from which on addresses are
    /// [alone](crate::kube::claims::Claims::alone_since).
    pub(super) tags: [u32; WAYS + 1],
    /// Numbers of records, with [`SIX`] and [`ALONE`]; [`FREE`]. And, with [`SIX`] so that it is no number of IPv4's, how many addresses
    /// belong here first and are in their other bucket: eight counts of three bits, by [`Key::count`], so that few of those that are nowhere
    /// are looked for there.
    pub(super) numbers: [u32; WAYS + 1],
}

/// The address is of IPv6.
pub(super) const SIX: u32 = 1 << 31;
/// It is one pod's from some second on.
pub(super) const ALONE: u32 = 1 << 30;
pub(super) const NUMBER: u32 = ALONE - 1;
pub(super) const FREE: u32 = u32::MAX;
/// The most that three bits count.
pub(super) const MOST: u32 = 7;

impl Bucket {
    pub(super) const EMPTY: Self = {
        let mut numbers = [FREE; WAYS + 1];
        let [.., counts] = &mut numbers;
        *counts = SIX;
        Self { tags: [0; WAYS + 1], numbers }
    };

    /// Whether an address that belongs here first may be in its other bucket.
    #[inline]
    pub(super) const fn is_elsewhere(&self, key: Key) -> bool {
        let [.., counts] = self.numbers;
        counts >> key.count() & MOST != 0
    }

    /// One came there, or went from there. A count that is full stays so: who asks looks in vain, and the next time buckets are made it
    /// begins anew.
    pub(super) const fn count_elsewhere(&mut self, key: Key, came: bool) {
        let [.., counts] = &mut self.numbers;
        let one = 1 << key.count();
        match *counts >> key.count() & MOST {
            MOST => {}
            _ if came => *counts = counts.wrapping_add(one),
            0 => {}
            _ => *counts = counts.wrapping_sub(one),
        }
    }

    /// The latest of the seconds from which on addresses are alone.
    #[inline]
    pub(super) const fn since(&self) -> u32 {
        let [.., since] = self.tags;
        since
    }

    /// The numbers behind a tag, as bits. The bucket's own lane may be among them: it has no number of IPv4's, and of IPv6's the record tells.
    #[inline]
    pub(super) fn ways(&self, tag: u32) -> u32 {
        self.tags.iter().zip(0..).fold(0, |ways, (other, way)| ways | u32::from(*other == tag) << way)
    }

    pub(super) fn put(&mut self, entry: Entry) -> bool {
        let Some(way) = self.numbers.iter().take(WAYS).position(|number| *number == FREE) else { return false };
        if let Some(tag) = self.tags.get_mut(way) {
            *tag = entry.tag;
        }
        self.set(way, entry);
        true
    }

    /// Says of a way what its claims are now.
    pub(super) fn set(&mut self, way: usize, entry: Entry) {
        let alone = entry.alone_since.map_or(0, |_| ALONE);
        if let Some(number) = self.numbers.get_mut(way) {
            *number = entry.number | entry.family | alone;
        }
        // Once later it stays later: that costs a look at the claim, and is over when the bucket is made anew.
        let [.., since] = &mut self.tags;
        *since = (*since).max(entry.alone_since.unwrap_or(0));
    }
}

/// What a bucket knows of an address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) tag: u32,
    pub(super) number: u32,
    pub(super) family: u32,
    pub(super) alone_since: Option<u32>,
}

/// Where addresses are looked for is secret: nobody can choose such as share their buckets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seeds(pub(super) [u64; 2]);

impl Seeds {
    #[inline]
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "cut into parts")]
    pub(super) fn key(self, addr: IpAddr) -> Key {
        let Self([first, second]) = self;
        match addr {
            IpAddr::V4(v4) => {
                let tag = v4.to_bits();
                Key { hash: folded(u64::from(tag) ^ first, 0x9e37_79b9_7f4a_7c15), tag, family: 0 }
            }
            IpAddr::V6(v6) => {
                let bits = v6.to_bits();
                let high = folded((bits >> 64) as u64 ^ first, 0x9e37_79b9_7f4a_7c15);
                let hash = folded(high ^ bits as u64 ^ second, 0xd6e8_feb8_6659_fd93);
                Key { hash, tag: (hash.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32) as u32, family: SIX }
            }
        }
    }
}

/// Both halves of a product, one over the other.
#[inline]
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "cut into its halves")]
const fn folded(a: u64, b: u64) -> u64 {
    let product = (a as u128).wrapping_mul(b as u128);
    product as u64 ^ (product >> 64) as u64
}

/// Where an address is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) hash: u64,
    pub(super) tag: u32,
    /// [`SIX`] for IPv6.
    pub(super) family: u32,
}

impl Key {
    #[inline]
    #[expect(clippy::as_conversions, reason = "reduced below the number of pieces")]
    pub(super) const fn piece(self) -> usize {
        (self.hash >> 57) as usize % PIECES
    }

    /// Where in its first bucket it is counted when it is elsewhere.
    #[inline]
    #[expect(clippy::as_conversions, reason = "three bits")]
    const fn count(self) -> u32 {
        ((self.hash >> 32) as u32 & 7) * 3
    }

    /// The first of so many buckets.
    #[inline]
    #[expect(clippy::as_conversions, reason = "reduced below the number of buckets")]
    pub(super) const fn first(self, count: usize) -> usize {
        (((self.hash & 0xffff_ffff) * count as u64) >> 32) as usize
    }

    /// The second.
    #[inline]
    #[expect(clippy::as_conversions, reason = "reduced below the number of buckets")]
    pub(super) const fn second(self, count: usize) -> usize {
        ((((self.hash >> 32) & 0x1ff_ffff) * count as u64) >> 25) as usize
    }
}
