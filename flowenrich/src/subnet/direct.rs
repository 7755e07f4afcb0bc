//! IPv4 by direct index: one entry for each /24, and blocks of 256 for those that are divided.
//!
//! Smaller tables of nodes that count bits were tried (12 and 28 MiB for a million prefixes): so much is reckoned for each address that the
//! processor fetches fewer of them side by side, and a look-up takes twice as long.

use flowcodec::prefetch;

use super::flat::{Step, Word};

const HALVES: usize = 1 << 24;
/// Set in an entry that is the number of a block; the others are short words.
const BLOCK: u32 = 1 << 31;

/// 64 MiB and 1 KiB for each divided /24; an address costs one or two reads.
#[derive(Debug, Clone)]
pub(super) struct Direct {
    entries: Vec<u32>,
    blocks: Vec<[u32; 256]>,
}

/// As many prefixes and more are worth 64 MiB.
pub(super) const WORTH: usize = 32_768;
/// As many /24s may be divided: another 128 MiB. A table of many single addresses is searched instead.
const MOST_BLOCKS: usize = 131_072;

impl Direct {
    /// From steps over the addresses 0 to 2^32-1. `None` where the index would grow too large, or there are more distinct values than fit an entry.
    pub(super) fn new(steps: &[Step]) -> Option<Self> {
        let mut table = Self { entries: vec![Word::SHORT_NONE; HALVES], blocks: Vec::new() };
        let mut ends = steps.iter().skip(1).map(|step| step.from).chain([1 << 32]);
        for step in steps {
            let (from, to) = (usize::try_from(step.from).ok()?, usize::try_from(ends.next()?).ok()?);
            table.fill(from, to, step.word.to_short()?)?;
        }
        Some(table)
    }

    /// The addresses `from..to` are of one prefix.
    fn fill(&mut self, from: usize, to: usize, short: u32) -> Option<()> {
        let (first, last) = (from.div_ceil(256), to / 256);
        if first > last {
            // Inside one /24.
            return self.fill_part(from / 256, from % 256, to % 256, short);
        }
        if !from.is_multiple_of(256) {
            self.fill_part(first - 1, from % 256, 256, short)?;
        }
        self.entries.get_mut(first..last)?.fill(short);
        if !to.is_multiple_of(256) {
            self.fill_part(last, 0, to % 256, short)?;
        }
        Some(())
    }

    fn fill_part(&mut self, at: usize, from: usize, to: usize, short: u32) -> Option<()> {
        let entry = self.entries.get_mut(at)?;
        if *entry & BLOCK == 0 {
            if self.blocks.len() == MOST_BLOCKS {
                return None;
            }
            let block = u32::try_from(self.blocks.len()).ok()?;
            self.blocks.push([*entry; 256]);
            *entry = BLOCK | block;
        }
        let block = usize::try_from(*entry & !BLOCK).ok()?;
        self.blocks.get_mut(block)?.get_mut(from..to)?.fill(short);
        Some(())
    }

    /// What an address leads to.
    #[inline]
    pub(super) fn find(&self, addr: u32) -> Word {
        self.word(self.entry(addr), addr)
    }

    /// Sends for the entry of an address.
    #[inline]
    #[expect(clippy::as_conversions, reason = "24 bits fit")]
    pub(super) fn send_for(&self, addr: u32) {
        self.entries.get((addr >> 8) as usize).into_iter().for_each(prefetch);
    }

    /// The entry of an address: the read that has to wait for memory.
    #[inline]
    #[expect(clippy::as_conversions, reason = "32 bits fit, and what is looked up is bounds-checked")]
    pub(super) fn entry(&self, addr: u32) -> u32 {
        self.entries.get((addr >> 8) as usize).copied().unwrap_or(Word::SHORT_NONE)
    }

    /// What the entry of an address says of it.
    #[inline]
    #[expect(clippy::as_conversions, reason = "32 bits fit, and what is looked up is bounds-checked")]
    pub(super) fn word(&self, entry: u32, addr: u32) -> Word {
        if entry & BLOCK == 0 {
            return Word::from_short(entry);
        }
        let block = self.blocks.get((entry & !BLOCK) as usize);
        block.and_then(|block| block.get((addr & 0xff) as usize)).map_or(Word::NONE, |short| Word::from_short(*short))
    }

    pub(super) const fn octets(&self) -> usize {
        self.entries.len() * 4 + self.blocks.len() * 1_024
    }
}
