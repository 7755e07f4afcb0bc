//! Claims by address: a look-up reads one cache line nearly always, two at most.
//!
//! An address has two buckets that it may be in, seven to a bucket, whatever else is there (cuckoo hashing). A bucket is a cache line: the
//! addresses, where their claims are, and from which second on each is one pod's and nobody else's. So most questions are answered
//! before a claim is read. Pieces of the table are shared until somebody changes one: it is cheap to keep as it is while a writer goes on.

use std::fmt;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use flowcodec::{Timestamp, prefetch};
use foldhash::fast::RandomState;

use super::entry::{Claim, Claims};

/// Claims by address (IPv4 as mapped). A clone shares everything.
#[derive(Clone)]
pub(super) struct Addrs {
    pieces: Arc<[Arc<Piece>; PIECES]>,
    seeds: Seeds,
}

/// A power of two.
const PIECES: usize = 128;

#[derive(Debug, Clone, Default)]
struct Piece {
    buckets: Vec<Bucket>,
    records: Vec<Record>,
}

#[derive(Debug, Clone)]
struct Record {
    bits: u128,
    claims: Claims,
}

/// Addresses of a bucket.
const WAYS: usize = 7;

/// A cache line. Eight lanes each, so that all are compared at once; the last ones are of the bucket itself.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Bucket {
    /// IPv4 addresses; of IPv6 addresses a part of their hash. And how many belong here first and are in their other bucket: eight counts of
    /// four bits, by [`Key::count`], so that few of those that are nowhere are looked for there.
    tags: [u32; WAYS + 1],
    /// Numbers of records, with [`SIX`] and [`ALONE`]; [`FREE`]. And the latest of the seconds from which on addresses are
    /// [alone](Claims::alone_since).
    numbers: [u32; WAYS + 1],
}

/// The address is of IPv6.
const SIX: u32 = 1 << 31;
/// It is one pod's from some second on.
const ALONE: u32 = 1 << 30;
const NUMBER: u32 = ALONE - 1;
const FREE: u32 = u32::MAX;
/// The most that four bits count.
const MOST: u32 = 15;

impl Bucket {
    const EMPTY: Self = {
        let mut numbers = [FREE; WAYS + 1];
        let [.., since] = &mut numbers;
        *since = 0;
        Self { tags: [0; WAYS + 1], numbers }
    };

    /// Whether an address that belongs here first may be in its other bucket.
    #[inline]
    const fn is_elsewhere(&self, key: Key) -> bool {
        let [.., counts] = self.tags;
        counts >> key.count() & MOST != 0
    }

    /// One came there, or went from there. A count that is full stays so: who asks looks in vain, and the next time buckets are made it
    /// begins anew.
    const fn count_elsewhere(&mut self, key: Key, came: bool) {
        let [.., counts] = &mut self.tags;
        let one = 1 << key.count();
        match *counts >> key.count() & MOST {
            MOST => {}
            _ if came => *counts = counts.wrapping_add(one),
            0 => {}
            _ => *counts = counts.wrapping_sub(one),
        }
    }

    /// The numbers behind a tag, as bits.
    #[inline]
    fn ways(&self, tag: u32) -> u32 {
        let equal = self.tags.iter().zip(0..).fold(0, |ways, (other, way)| ways | u32::from(*other == tag) << way);
        equal & ((1 << WAYS) - 1)
    }

    fn put(&mut self, entry: Entry) -> bool {
        let Some(way) = self.numbers.iter().take(WAYS).position(|number| *number == FREE) else { return false };
        if let Some(tag) = self.tags.get_mut(way) {
            *tag = entry.tag;
        }
        self.set(way, entry);
        true
    }

    /// Says of a way what its claims are now.
    fn set(&mut self, way: usize, entry: Entry) {
        let alone = entry.alone_since.map_or(0, |_| ALONE);
        if let Some(number) = self.numbers.get_mut(way) {
            *number = entry.number | entry.family | alone;
        }
        // Once later it stays later: that costs a look at the claim, and is over when the bucket is made anew.
        let [.., since] = &mut self.numbers;
        *since = (*since).max(entry.alone_since.unwrap_or(0));
    }
}

/// What a bucket knows of an address.
#[derive(Debug, Clone, Copy)]
struct Entry {
    tag: u32,
    number: u32,
    family: u32,
    alone_since: Option<u32>,
}

/// Where addresses are looked for is secret: nobody can choose such as share their buckets.
#[derive(Debug, Clone, Copy)]
struct Seeds([u64; 2]);

impl Seeds {
    #[inline]
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "cut into parts")]
    fn key(self, addr: IpAddr) -> Key {
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
struct Key {
    hash: u64,
    tag: u32,
    /// [`SIX`] for IPv6.
    family: u32,
}

impl Key {
    #[inline]
    #[expect(clippy::as_conversions, reason = "reduced below the number of pieces")]
    const fn piece(self) -> usize {
        (self.hash >> 57) as usize % PIECES
    }

    /// Where in its first bucket it is counted when it is elsewhere.
    #[inline]
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "three bits")]
    const fn count(self) -> u32 {
        ((self.hash >> 32) as u32 & 7) * 4
    }

    /// The first of so many buckets.
    #[inline]
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "reduced below the number of buckets")]
    const fn first(self, count: usize) -> usize {
        (((self.hash & 0xffff_ffff) * count as u64) >> 32) as usize
    }

    /// The second.
    #[inline]
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "reduced below the number of buckets")]
    const fn second(self, count: usize) -> usize {
        ((((self.hash >> 32) & 0x1ff_ffff) * count as u64) >> 25) as usize
    }
}

/// An address on its way to be answered: its bucket is on its way from memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    piece: &'a Piece,
    bucket: &'a Bucket,
    key: Key,
}

/// What is known of an address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    claims: &'a Claims,
    /// Where there is a time from which on the first claim is the only one that matters.
    alone_since: Option<u32>,
}

impl<'a> Known<'a> {
    /// The claim that holds at a time, where that is clear without reading any.
    #[inline]
    pub(super) fn alone_at(self, at: Timestamp) -> Option<&'a Claim> {
        // Of 32 bits, so it fits.
        let since = i64::from(self.alone_since?).wrapping_mul(1_000_000_000);
        (since <= at.as_nanos()).then(|| self.claims.first())
    }

    /// All claims.
    pub(super) fn claims(self) -> &'a [Claim] {
        self.claims.as_slice()
    }
}

impl Default for Asked<'_> {
    fn default() -> Self {
        Self { piece: &NOTHING, bucket: &Bucket::EMPTY, key: Key { hash: 0, tag: 0, family: 0 } }
    }
}

static NOTHING: Piece = Piece { buckets: Vec::new(), records: Vec::new() };

impl Addrs {
    pub(super) fn new() -> Self {
        let (hasher, empty) = (RandomState::default(), Arc::new(Piece::default()));
        Self {
            pieces: Arc::new(std::array::from_fn(|_| Arc::clone(&empty))),
            seeds: Seeds([hasher.hash_one(0), hasher.hash_one(1)]),
        }
    }

    #[inline]
    fn piece(&self, key: Key) -> &Piece {
        self.pieces.get(key.piece()).map_or(&NOTHING, |piece| piece)
    }

    fn piece_mut(&mut self, key: Key) -> Option<&mut Piece> {
        Arc::make_mut(&mut self.pieces).get_mut(key.piece()).map(Arc::make_mut)
    }

    /// The first half of a look-up, which waits for nothing: many are begun before the first is [answered](Asked::known).
    #[inline]
    pub(super) fn ask(&self, addr: IpAddr) -> Asked<'_> {
        let key = self.seeds.key(addr);
        let piece = self.piece(key);
        let bucket = piece.buckets.get(key.first(piece.buckets.len())).unwrap_or(&Bucket::EMPTY);
        prefetch(bucket);
        Asked { piece, bucket, key }
    }

    /// One more claim.
    pub(super) fn push(&mut self, addr: IpAddr, claim: Claim) {
        let (key, seeds) = (self.seeds.key(addr), self.seeds);
        let Some(piece) = self.piece_mut(key) else { return };
        match piece.find(key, addr) {
            Some(place) => {
                piece.edit(place, key, |claims| claims.push(claim));
            }
            None => piece.insert(Record { bits: bits(addr), claims: Claims::new(claim) }, seeds),
        }
    }

    /// Changes the claims to an address, if there are any; `change` says whether any is left. Nothing is copied for what is not there.
    pub(super) fn change(&mut self, addr: IpAddr, change: impl FnOnce(&mut Claims) -> bool) {
        let (key, seeds) = (self.seeds.key(addr), self.seeds);
        let Some(place) = self.piece(key).find(key, addr) else { return };
        let Some(piece) = self.piece_mut(key) else { return };
        if piece.edit(place, key, change) == Some(false) {
            piece.remove(place, seeds);
        }
    }

    /// Gives back what pieces hold that have become sparse.
    pub(super) fn shrink(&mut self) {
        let seeds = self.seeds;
        if self.pieces.iter().any(|piece| piece.is_sparse()) {
            for piece in Arc::make_mut(&mut self.pieces).iter_mut().filter(|piece| piece.is_sparse()) {
                Arc::make_mut(piece).fit(seeds);
            }
        }
    }

    /// Addresses in it.
    pub(super) fn len(&self) -> usize {
        self.pieces.iter().map(|piece| piece.records.len()).sum()
    }
}

impl<'a> Asked<'a> {
    /// The second half, for the same address.
    #[inline]
    pub(super) fn known(self, addr: impl Fn() -> IpAddr) -> Option<Known<'a>> {
        let Self { piece, bucket, key } = self;
        let known = piece.known(bucket, key, &addr);
        if known.is_some() || !bucket.is_elsewhere(key) {
            return known;
        }
        piece.known(piece.buckets.get(key.second(piece.buckets.len()))?, key, addr)
    }
}

/// Where an address is: bucket and way, and the number of its record.
#[derive(Debug, Clone, Copy)]
struct Place {
    bucket: usize,
    way: usize,
    number: usize,
}

impl Piece {
    #[inline]
    fn known(&self, bucket: &Bucket, key: Key, addr: impl Fn() -> IpAddr) -> Option<Known<'_>> {
        let (way, number) = self.way(bucket, key, addr)?;
        let [.., since] = bucket.numbers;
        let alone = bucket.numbers.get(way).is_some_and(|number| number & ALONE != 0);
        Some(Known { claims: &self.records.get(number)?.claims, alone_since: alone.then_some(since) })
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
            if word & SIX == key.family && word != FREE && self.records.get(number).is_some_and(is) {
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

    fn find(&self, key: Key, addr: IpAddr) -> Option<Place> {
        self.buckets(key).into_iter().find_map(|bucket| {
            let (way, number) = self.way(self.buckets.get(bucket)?, key, || addr)?;
            Some(Place { bucket, way, number })
        })
    }

    fn edit<R>(&mut self, place: Place, key: Key, edit: impl FnOnce(&mut Claims) -> R) -> Option<R> {
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

    fn insert(&mut self, record: Record, seeds: Seeds) {
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
    fn fit(&mut self, seeds: Seeds) {
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

    fn remove(&mut self, place: Place, seeds: Seeds) {
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

    const fn is_sparse(&self) -> bool {
        let enough = self.records.len().saturating_mul(4);
        self.buckets.len().saturating_mul(WAYS) > enough.saturating_add(WAYS)
            || self.records.capacity() > enough.saturating_add(8)
    }
}

impl Record {
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

impl fmt::Debug for Addrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} addresses", self.len())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::kube::entry::{By, EVER, Head, Holder, NEVER, ServiceEntry, Uid};

    fn claim(port: u16) -> Claim {
        let head = Head { name: "".into(), namespace: "".into(), uid: Uid::new(""), version: port.into(), created: EVER };
        Claim::new(Holder::Service(Arc::new(ServiceEntry { head, addrs: [].into(), ports: [].into() }), By::ClusterIp), NEVER)
    }

    fn told(addrs: &Addrs, addr: IpAddr) -> Vec<u64> {
        let known = addrs.ask(addr).known(|| addr);
        known.map_or_else(Vec::new, |known| known.claims().iter().map(|claim| claim.holder.head().version).collect())
    }

    /// Few enough that they come again, of both families; some differ in one octet only.
    fn addr(n: u16) -> IpAddr {
        let [high, low] = n.to_be_bytes();
        match n % 3 {
            0 => [10, 0, high, low].into(),
            1 => Ipv6Addr::new(0xfd00, 0, 0, n, 0, 0, 0, 0).into(),
            _ => Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n).into(),
        }
    }

    proptest! {
        /// As a map does, while clones keep what they had.
        #[test]
        fn as_a_map(steps in prop::collection::vec((0_u8..8, 0_u16..6_000, any::<u16>()), 1..3_000)) {
            let (mut addrs, mut model) = (Addrs::new(), HashMap::<IpAddr, Vec<u64>>::new());
            let (mut before, mut then) = (addrs.clone(), model.clone());
            for (what, n, port) in steps {
                match what {
                    0..5 => {
                        addrs.push(addr(n), claim(port));
                        model.entry(addr(n)).or_default().push(port.into());
                    }
                    5 => {
                        addrs.change(addr(n), |claims| claims.retain(|claim| claim.holder.head().version % 2 == 0));
                        if let Some(ports) = model.get_mut(&addr(n)) {
                            ports.retain(|port| port % 2 == 0);
                            if ports.is_empty() {
                                model.remove(&addr(n));
                            }
                        }
                    }
                    6 => {
                        addrs.change(addr(n), |_| false);
                        model.remove(&addr(n));
                        if port % 64 == 0 {
                            addrs.shrink();
                        }
                    }
                    _ if port % 256 == 0 => (before, then) = (addrs.clone(), model.clone()),
                    _ => {}
                }
            }
            for (addrs, model) in [(&addrs, &model), (&before, &then)] {
                prop_assert_eq!(addrs.len(), model.len());
                for n in 0..6_000 {
                    prop_assert_eq!(told(addrs, addr(n)), model.get(&addr(n)).cloned().unwrap_or_default());
                }
            }
        }
    }

    /// Piece by piece: no table is so full that nothing fits, and nearly all are in their first bucket.
    #[test]
    fn buckets_are_well_filled_and_most_are_found_in_the_first() {
        let mut addrs = Addrs::new();
        for n in 0..100_000_u32 {
            addrs.push((0x0a00_0000 | n).to_be_bytes().into(), claim(0));
        }
        let buckets: usize = addrs.pieces.iter().map(|piece| piece.buckets.len()).sum();
        let of_bucket = |bucket: &Bucket| (0..8).map(|count| bucket.tags[WAYS] >> (4 * count) & MOST).sum::<u32>();
        let elsewhere: u32 = addrs.pieces.iter().flat_map(|piece| &piece.buckets).map(of_bucket).sum();
        assert_eq!((addrs.len(), size_of::<Bucket>()), (100_000, 64));
        assert!(buckets * size_of::<Bucket>() < 2 << 20, "{buckets} buckets");
        assert!(elsewhere < 20_000, "{elsewhere} elsewhere");
        for n in 0..100_000_u32 {
            addrs.change((0x0a00_0000 | n).to_be_bytes().into(), |_| false);
        }
        addrs.shrink();
        assert_eq!(addrs.len(), 0);
        assert!(addrs.pieces.iter().all(|piece| piece.buckets.iter().all(|bucket| bucket.tags[WAYS] == 0)));
        assert!(addrs.pieces.iter().all(|piece| piece.buckets.len() <= 1 && piece.records.capacity() <= 8));
    }
}
