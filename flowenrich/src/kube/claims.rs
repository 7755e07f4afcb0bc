//! Who claims an address, and until when.

use flowcodec::Timestamp;

use super::entry::{EVER, Holder, NEVER};

/// An address is held by somebody until a time.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) holder: Holder,
    /// Creation of the holder, said again so that a look-up needs to read nothing else.
    pub(super) from: Timestamp,
    /// The first moment at which it is not held any more.
    pub(super) until: Timestamp,
    /// Whether it ended because the object went away, which is known to within the time an event takes; a pod's containers end exactly.
    pub(super) departed: bool,
}

impl Claim {
    pub(super) fn new(holder: Holder, until: Timestamp) -> Self {
        Self { from: holder.head().created, holder, until, departed: false }
    }

    pub(super) fn holds_at(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    /// Whether it would hold if clocks were `tolerance` nanoseconds apart.
    pub(super) fn nearly_holds_at(&self, at: Timestamp, tolerance: i64) -> bool {
        let late = if self.departed { tolerance } else { 0 };
        self.from.offset(tolerance.saturating_neg()) <= at && at < self.until.offset(late)
    }
}

/// All claims to one address or port: nearly always one.
#[derive(Debug, Clone)]
pub(super) struct Claims {
    /// The only one; of several, the one that is [alone](Self::alone_since) at last, else the first.
    first: Claim,
    #[expect(clippy::box_collection, reason = "nearly no address has several claims, and all have these octets")]
    all: Option<Box<Vec<Claim>>>,
}

impl Claims {
    pub(super) const fn new(only: Claim) -> Self {
        Self { first: only, all: None }
    }

    pub(super) const fn first(&self) -> &Claim {
        &self.first
    }

    pub(super) fn as_slice(&self) -> &[Claim] {
        self.all.as_deref().map_or_else(|| std::slice::from_ref(&self.first), Vec::as_slice)
    }

    /// From which second since the Unix epoch on it is the first one's, whatever else is asked: that is a pod's, of whose end nothing is
    /// known, and all other pods have ended before.
    pub(super) fn alone_since(&self) -> Option<u32> {
        let mut pods = self.as_slice().iter().filter(|claim| matches!(claim.holder, Holder::Pod(_)));
        let (mut last, mut since) = (0, EVER);
        let only = pods.try_fold((), |(), claim| {
            last += usize::from(claim.until == NEVER);
            since = since.max(if claim.until == NEVER { claim.from } else { claim.until });
            (last < 2).then_some(())
        });
        only.filter(|()| last == 1)?;
        u32::try_from(since.as_nanos().max(0).cast_unsigned().div_ceil(1_000_000_000)).ok()
    }

    pub(super) fn push(&mut self, claim: Claim) {
        self.all.get_or_insert_with(|| Box::new(vec![self.first.clone()])).push(claim);
        self.settle();
    }

    /// Changes each.
    pub(super) fn for_each_mut(&mut self, change: impl FnMut(&mut Claim)) {
        match &mut self.all {
            None => std::slice::from_mut(&mut self.first).iter_mut().for_each(change),
            Some(all) => all.iter_mut().for_each(change),
        }
        self.settle();
    }

    /// Keeps some; `false` when none is left.
    pub(super) fn retain(&mut self, keep: impl Fn(&Claim) -> bool) -> bool {
        let Some(all) = &mut self.all else { return keep(&self.first) };
        all.retain(keep);
        let left = all.len();
        self.settle();
        if left == 1 {
            self.all = None;
        }
        left > 0
    }

    fn settle(&mut self) {
        let Some(all) = &self.all else { return };
        let lasting = |claim: &&Claim| matches!(claim.holder, Holder::Pod(_)) && claim.until == NEVER;
        if let Some(first) = all.iter().find(lasting).or_else(|| all.first()) {
            self.first = first.clone();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::sync::Arc;

    use super::*;
    use crate::kube::entry::{By, Head, PodEntry, ServiceEntry, Uid};

    fn claim((pod, from, length): (bool, i8, u8)) -> Claim {
        let created = if from == i8::MIN { EVER } else { Timestamp::from_nanos(i64::from(from) * 500_000_000) };
        let head = Head { name: "".into(), namespace: "".into(), uid: Uid::new(""), version: 0, created };
        let until = if length > 200 {
            NEVER
        } else {
            Timestamp::from_nanos(i64::from(from) * 500_000_000).offset(i64::from(length) * 500_000_000)
        };
        let holder = if pod {
            let (addrs, networks) = ([].into(), [].into());
            let pod = PodEntry {
                head,
                node: None,
                host_addr: None,
                owner: None,
                chain: None,
                terminating: NEVER,
                ended: NEVER,
                addrs,
                networks,
            };
            Holder::Pod(Arc::new(pod))
        } else {
            Holder::Service(Arc::new(ServiceEntry { head, addrs: [].into(), ports: [].into() }), By::ClusterIp)
        };
        Claim::new(holder, until)
    }

    proptest! {
        /// From that second on no other pod holds the address, and the first claim does.
        #[test]
        fn alone_is_alone(told in prop::collection::vec((any::<bool>(), any::<i8>(), prop_oneof![any::<u8>(), Just(255)]), 1..5), gone in 0_usize..8) {
            let mut all = told.into_iter().map(claim);
            let mut claims = Claims::new(all.next().unwrap());
            all.for_each(|claim| claims.push(claim));
            if let Some(gone) = claims.as_slice().get(gone).map(|claim| claim.holder.clone()) {
                claims.retain(|claim| !claim.holder.is(&gone));
            }
            let Some(since) = claims.alone_since() else { return Ok(()) };
            for half_seconds in 0..400 {
                let at = Timestamp::from_nanos(i64::from(since) * 1_000_000_000 + half_seconds * 500_000_000);
                prop_assert!(claims.first().holds_at(at));
                let pods = claims.as_slice().iter().filter(|claim| matches!(claim.holder, Holder::Pod(_)) && claim.holds_at(at));
                prop_assert!(pods.map(|pod| pod.holder.is(&claims.first().holder)).eq([true]));
            }
        }
    }
}
