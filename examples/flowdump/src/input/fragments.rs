//! Joining IP fragments, with a limit on what waits.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::ControlFlow;

use etherparse::{IpFragOffset, IpNumber, defrag::IpDefragBuf};

use super::packet::pass_octets;
use super::{Each, Passed, octets};

/// What the fragments of one packet have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) identification: u32,
    pub(super) protocol: IpNumber,
    /// The same addresses in another VLAN are other hosts.
    pub(super) vlans: [u16; 3],
}

/// One fragment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fragment<'a> {
    pub(super) start: IpFragOffset,
    pub(super) more: bool,
    pub(super) bytes: &'a [u8],
    /// Where `bytes` is in the file.
    pub(super) offset: u64,
    pub(super) received_ns: i64,
}

/// The payload of a packet whose fragments are all there.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) bytes: Vec<u8>,
    /// Where the first fragment's payload is in the file.
    pub(super) offset: u64,
}

/// The packets whose fragments are not all there yet.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    waiting: HashMap<Key, Waiting>,
    /// Counts packets, to know the oldest.
    count: u64,
}

#[derive(Debug)]
struct Waiting {
    buffer: IpDefragBuf,
    /// File offset of the first fragment.
    offset: u64,
    octets: u64,
    number: u64,
    received_ns: i64,
}

impl Fragments {
    /// Takes a fragment; gives the payload when it was the last one missing.
    pub(super) fn add(&mut self, key: Key, fragment: &Fragment<'_>, each: &mut Each<'_>) -> ControlFlow<(), Option<Whole>> {
        let known = self.waiting.get(&key);
        if known.is_some_and(|known| fragment.received_ns.saturating_sub(known.received_ns) > LIFETIME_NS) {
            // The 16 bits of the identification come round: this is another packet.
            self.drop(&key, Passed::FragmentMissing, each)?;
        }
        if !self.waiting.contains_key(&key) && self.waiting.len() >= MAX_WAITING {
            let oldest = self.waiting.iter().min_by_key(|(_, waiting)| waiting.number);
            if let Some((&oldest, _)) = oldest {
                self.drop(&oldest, Passed::FragmentMissing, each)?;
            }
        }
        self.count += 1;
        let waiting = self.waiting.entry(key).or_insert_with(|| Waiting {
            buffer: IpDefragBuf::new(key.protocol, Vec::new(), Vec::new()),
            offset: fragment.offset,
            octets: 0,
            number: self.count,
            received_ns: fragment.received_ns,
        });
        if fragment.start == IpFragOffset::ZERO {
            waiting.offset = fragment.offset;
        }
        waiting.octets += octets(fragment.bytes.len());
        let added = waiting.buffer.add(fragment.start, fragment.more, fragment.bytes);
        if added.is_err() {
            self.drop(&key, Passed::BadPacket, each)?;
            return ControlFlow::Continue(None);
        }
        if !waiting.buffer.is_complete() {
            return ControlFlow::Continue(None);
        }
        let whole =
            self.waiting.remove(&key).map(|waiting| Whole { bytes: waiting.buffer.take_bufs().0, offset: waiting.offset });
        ControlFlow::Continue(whole)
    }

    /// Says which packets were never complete.
    pub(super) fn finish(&mut self, each: &mut Each<'_>) -> ControlFlow<()> {
        let mut left: Vec<_> = self.waiting.drain().map(|(_, waiting)| waiting).collect();
        left.sort_unstable_by_key(|waiting| waiting.number);
        left.iter().try_for_each(|waiting| pass_octets(waiting.octets, Passed::FragmentMissing, each))
    }

    fn drop(&mut self, key: &Key, why: Passed, each: &mut Each<'_>) -> ControlFlow<()> {
        match self.waiting.remove(key) {
            Some(waiting) => pass_octets(waiting.octets, why, each),
            None => ControlFlow::Continue(()),
        }
    }
}

/// Packets that wait for fragments; each holds at most 64 KiB.
const MAX_WAITING: usize = 512;
/// Hosts give up after 30 to 60 seconds.
const LIFETIME_NS: i64 = 60_000_000_000;
