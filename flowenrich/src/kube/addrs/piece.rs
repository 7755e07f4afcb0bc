//! A piece of the table: buckets, and the claims they lead to.

use std::net::{IpAddr, Ipv6Addr};

use super::Known;
use super::bucket::{ALONE, Bucket, Entry, FREE, Key, NUMBER, SIX, Seeds, WAYS};
use crate::kube::claims::{Claim, Claims};

#[derive(Debug, Clone, Default)]
pub(super) struct Piece {
    pub(super) buckets: Vec<Bucket>,
    pub(super) records: Vec<Record>,
}

#[derive(Debug, Clone)]
pub(super) struct Record {
    bits: u128,
    claims: Claims,
}

pub(super) static NOTHING: Piece = Piece { buckets: Vec::new(), records: Vec::new() };

/// Where an address is: bucket and way, and the number of its record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    bucket: usize,
    way: usize,
    number: usize,
}

impl Piece {
    #[inline]
    pub(super) fn known(&self, bucket: &Bucket, key: Key, addr: impl Fn() -> IpAddr) -> Option<Known<'_>> {
        let (way, number) = self.way(bucket, key, addr)?;
        let alone = bucket.numbers.get(way).is_some_and(|number| number & ALONE != 0);
        Some(Known { claims: &self.records.get(number)?.claims, alone_since: alone.then_some(bucket.since()) })
    }

    #[inline]
    fn way(&self, bucket: &Bucket, key: Key, addr: impl Fn() -> IpAddr) -> Option<(usize, usize)> {
        let mut ways = bucket.ways(key.tag);
        while ways != 0 {
            let way = usize::try_from(ways.trailing_zeros()).ok()?;
            let word = *bucket.numbers.get(way)?;
            let number = usize::try_from(word & NUMBER).ok()?;
            // An IPv4 address is its tag.
            let is = |record: &Record| key.family == 0 || record.bits == bits(addr());
            if way < WAYS && word & SIX == key.family && word != FREE && self.records.get(number).is_some_and(is) {
                return Some((way, number));
            }
            ways &= ways.wrapping_sub(1);
        }
        None
    }

    fn buckets(&self, key: Key) -> [usize; 2] {
        let count = self.buckets.len();
        [key.first(count), key.second(count)]
    }

    pub(super) fn find(&self, key: Key, addr: IpAddr) -> Option<Place> {
        self.buckets(key).into_iter().find_map(|bucket| {
            let (way, number) = self.way(self.buckets.get(bucket)?, key, || addr)?;
            Some(Place { bucket, way, number })
        })
    }

    pub(super) fn edit<R>(&mut self, place: Place, key: Key, edit: impl FnOnce(&mut Claims) -> R) -> Option<R> {
        let result = edit(&mut self.records.get_mut(place.number)?.claims);
        let entry = self.entry(place.number, key)?;
        self.buckets.get_mut(place.bucket)?.set(place.way, entry);
        Some(result)
    }

    fn entry(&self, number: usize, key: Key) -> Option<Entry> {
        let alone_since = self.records.get(number)?.claims.alone_since();
        // More than 2^30 do not fit in memory.
        let number = u32::try_from(number).ok().filter(|number| *number < NUMBER)?;
        Some(Entry { tag: key.tag, number, family: key.family, alone_since })
    }

    pub(super) fn insert(&mut self, record: Record, seeds: Seeds) {
        let number = self.records.len();
        if number == self.records.capacity() {
            // A quarter more and not twice as many: half of the memory would stand empty.
            self.records.reserve_exact((number / 4).max(4));
        }
        self.records.push(record);
        // Fuller, and too many would be in their other bucket.
        let crowded = self.records.len().saturating_mul(5) > self.buckets.len().saturating_mul(WAYS * 4);
        if crowded || !self.enter(number, seeds) {
            self.fit(seeds);
        }
    }

    /// Makes as many buckets as the records want.
    pub(super) fn fit(&mut self, seeds: Seeds) {
        self.records.shrink_to(self.records.len().saturating_mul(3) / 2);
        let mut count = (self.records.len() / 5).max(1);
        loop {
            self.buckets = vec![Bucket::EMPTY; count];
            if (0..self.records.len()).all(|number| self.enter(number, seeds)) {
                return;
            }
            count = count.saturating_add(count.div_ceil(4));
        }
    }

    /// Gives a record a place in a bucket; `false` when there is none.
    fn enter(&mut self, number: usize, seeds: Seeds) -> bool {
        let Some(key) = self.records.get(number).map(|record| seeds.key(record.addr())) else { return false };
        let Some(entry) = self.entry(number, key) else { return false };
        let [first, second] = self.buckets(key);
        for full in [false, true] {
            for bucket in [first, second] {
                if full {
                    self.make_room(bucket, seeds);
                }
                if self.buckets.get_mut(bucket).is_some_and(|bucket| bucket.put(entry)) {
                    self.count_elsewhere(key, bucket, true);
                    return true;
                }
            }
        }
        false
    }

    /// Moves one of a bucket's addresses into its other bucket, if that has room for any of them.
    fn make_room(&mut self, bucket: usize, seeds: Seeds) {
        for way in 0..WAYS {
            let Some(word) = self.buckets.get(bucket).and_then(|bucket| bucket.numbers.get(way)) else { return };
            let Ok(number) = usize::try_from(word & NUMBER) else { return };
            let Some(key) = self.records.get(number).map(|record| seeds.key(record.addr())) else { continue };
            let [first, second] = self.buckets(key);
            let other = if bucket == first { second } else { first };
            let Some(entry) = self.entry(number, key) else { continue };
            if other != bucket && self.buckets.get_mut(other).is_some_and(|other| other.put(entry)) {
                self.clear(bucket, way);
                self.count_elsewhere(key, bucket, false);
                self.count_elsewhere(key, other, true);
                return;
            }
        }
    }

    fn clear(&mut self, bucket: usize, way: usize) {
        if let Some(number) = self.buckets.get_mut(bucket).and_then(|bucket| bucket.numbers.get_mut(way)) {
            *number = FREE;
        }
    }

    /// An address came to a bucket, or went from it.
    fn count_elsewhere(&mut self, key: Key, bucket: usize, came: bool) {
        let first = key.first(self.buckets.len());
        if let Some(home) = self.buckets.get_mut(first).filter(|_| bucket != first) {
            home.count_elsewhere(key, came);
        }
    }

    pub(super) fn remove(&mut self, place: Place, seeds: Seeds) {
        let last = self.records.len().saturating_sub(1);
        let of_last = self.records.get(last).map(Record::addr).and_then(|addr| self.find(seeds.key(addr), addr));
        self.clear(place.bucket, place.way);
        let removed = self.records.swap_remove(place.number);
        self.count_elsewhere(seeds.key(removed.addr()), place.bucket, false);
        // The last record has taken its number.
        if let Some(moved) = of_last.filter(|_| place.number != last)
            && let Some(number) = self.buckets.get_mut(moved.bucket).and_then(|bucket| bucket.numbers.get_mut(moved.way))
        {
            *number = (*number & !NUMBER) | u32::try_from(place.number).unwrap_or(NUMBER);
        }
    }

    pub(super) const fn is_sparse(&self) -> bool {
        let enough = self.records.len().saturating_mul(4);
        self.buckets.len().saturating_mul(WAYS) > enough.saturating_add(WAYS)
            || self.records.capacity() > enough.saturating_add(8)
    }
}

impl Record {
    pub(super) const fn new(addr: IpAddr, only: Claim) -> Self {
        Self { bits: bits(addr), claims: Claims::new(only) }
    }

    fn addr(&self) -> IpAddr {
        Ipv6Addr::from_bits(self.bits).to_canonical()
    }
}

/// IPv4 as mapped.
const fn bits(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}
