//! Claims by address: a look-up reads one cache line nearly always, two at most.
//!
//! An address has two buckets that it may be in, seven to a bucket, whatever else is there (cuckoo hashing). A bucket is a cache line: the
//! addresses, where their claims are, and from which second on each is one pod's and nobody else's. So most questions are answered
//! before a claim is read. Pieces of the table are shared until somebody changes one: it is cheap to keep as it is while a writer goes on.

mod bucket;
mod piece;

use std::fmt;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;

use flowcodec::{Timestamp, prefetch};
use foldhash::fast::RandomState;

use self::bucket::{Bucket, Key, Seeds};
use self::piece::{NOTHING, Piece, Record};
use super::claims::{Claim, Claims};

/// Claims by address (IPv4 as mapped). A clone shares everything.
#[derive(Clone)]
pub(super) struct Addrs {
    pieces: Arc<[Arc<Piece>; PIECES]>,
    seeds: Seeds,
}

/// A power of two.
const PIECES: usize = 128;

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
            None => piece.insert(Record::new(addr, claim), seeds),
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

impl fmt::Debug for Addrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} addresses", self.len())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::bucket::{MOST, SIX, WAYS};
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
            1 => std::net::Ipv6Addr::new(0xfd00, 0, 0, n, 0, 0, 0, 0).into(),
            _ => std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, n).into(),
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
        let of_bucket = |bucket: &Bucket| (0..8).map(|count| bucket.numbers[WAYS] >> (3 * count) & MOST).sum::<u32>();
        let elsewhere: u32 = addrs.pieces.iter().flat_map(|piece| &piece.buckets).map(of_bucket).sum();
        assert_eq!((addrs.len(), size_of::<Bucket>()), (100_000, 64));
        assert!(buckets * size_of::<Bucket>() < 2 << 20, "{buckets} buckets");
        assert!(elsewhere < 20_000, "{elsewhere} elsewhere");
        for n in 0..100_000_u32 {
            addrs.change((0x0a00_0000 | n).to_be_bytes().into(), |_| false);
        }
        addrs.shrink();
        assert_eq!(addrs.len(), 0);
        assert!(addrs.pieces.iter().all(|piece| piece.buckets.iter().all(|bucket| bucket.numbers[WAYS] == SIX)));
        assert!(addrs.pieces.iter().all(|piece| piece.buckets.len() <= 1 && piece.records.capacity() <= 8));
    }
}
