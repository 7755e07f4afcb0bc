//! IPv4 by direct index: a node for each /18, and four more for each /24 inside it that is divided.
//!
//! A node is one cache line. It says for its 64 places where another value begins, a bit each, and holds the first of these values: nearly
//! every address costs one read, of a table of 16 MiB. (One entry for each /24 would cost one too, of 64 MiB; nodes and values apart were
//! tried, and two reads of less memory took twice as long.)

use super::flat::{Step, Word};

/// Values inside a node; the last place holds where the others are.
const INSIDE: usize = 13;

/// Where values begin among 64 places.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Node {
    /// Set where another value begins; the first always is.
    begins: u64,
    values: [u32; INSIDE],
    /// Its further values begin here among all of these.
    more: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Direct {
    /// By the upper 18 bits.
    outer: Vec<Node>,
    /// Four for each divided /24.
    inner: Vec<Node>,
    more: Vec<u32>,
}

/// Set in a value that is the number of a divided /24; the others are short words.
const INNER: u32 = 1 << 31;
/// As many prefixes and more are worth the 16 MiB of outer nodes.
pub(super) const WORTH: usize = 32_768;
/// As many /24s may be divided: 32 MiB of nodes. A table of many single addresses is searched instead.
const MOST_INNER: usize = 131_072;

impl Direct {
    /// From steps over the addresses 0 to 2^32-1. `None` where the index would grow too large, or there are more distinct values than fit a
    /// short word.
    pub(super) fn new(steps: &[Step]) -> Option<Self> {
        let mut table = Self { outer: Vec::with_capacity(1 << 18), inner: Vec::new(), more: Vec::new() };
        let mut steps = steps.iter().peekable();
        let mut current = Word::SHORT_NONE;
        let (mut runs, mut inside) = (Runs::default(), Runs::default());
        for upper in 0..1_u128 << 18 {
            runs.begin(current);
            while let Some(step) = steps.next_if(|step| step.from >> 14 == upper) {
                let [low, unit, ..] = step.from.to_le_bytes();
                let unit = unit & 63;
                if low == 0 {
                    current = step.word.to_short()?;
                    runs.push(unit, current);
                    continue;
                }
                let number = u32::try_from(table.inner.len() / 4).ok().filter(|_| table.inner.len() / 4 < MOST_INNER)?;
                // Its first part may begin with what holds in front of the first step.
                let mut next = Some(step);
                for quarter in 0..4 {
                    inside.begin(current);
                    while let Some(one) = next.take_if(|one| one.from.to_le_bytes()[0] >> 6 == quarter) {
                        current = one.word.to_short()?;
                        inside.push(one.from.to_le_bytes()[0] & 63, current);
                        next = steps.next_if(|other| other.from >> 8 == one.from >> 8);
                    }
                    let node = table.node(&inside)?;
                    table.inner.push(node);
                }
                runs.push(unit, INNER | number);
                if unit < 63 {
                    runs.push(unit + 1, current);
                }
            }
            let node = table.node(&runs)?;
            table.outer.push(node);
        }
        Some(table)
    }

    /// A node of these runs.
    fn node(&mut self, runs: &Runs) -> Option<Node> {
        let mut node = Node { begins: 0, values: [Word::SHORT_NONE; INSIDE], more: u32::try_from(self.more.len()).ok()? };
        let (mut last, mut count) = (None, 0);
        for (place, value) in &runs.0 {
            if last != Some(value) {
                node.begins |= 1 << place;
                match node.values.get_mut(count) {
                    Some(inside) => *inside = *value,
                    None => self.more.push(*value),
                }
                count += 1;
                last = Some(value);
            }
        }
        Some(node)
    }

    /// What an address leads to.
    #[inline]
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "32 bits fit, and what is looked up is bounds-checked"
    )]
    pub(super) fn find(&self, addr: u32) -> Word {
        let outer = self.outer.get((addr >> 14) as usize);
        let Some(value) = outer.and_then(|node| self.value(node, (addr >> 8) as u8)) else { return Word::NONE };
        if value & INNER == 0 {
            return Word::from_short(value);
        }
        let inner = self.inner.get((value & !INNER) as usize * 4 + (addr >> 6 & 3) as usize);
        inner.and_then(|node| self.value(node, addr as u8)).map_or(Word::NONE, Word::from_short)
    }

    /// The value at a place of a node, of which the lower six bits count.
    #[inline]
    #[expect(clippy::as_conversions, reason = "32 bits fit, and what is looked up is bounds-checked")]
    fn value(&self, node: &Node, place: u8) -> Option<u32> {
        let upto = node.begins & (u64::MAX >> (63 - (place & 63)));
        // The first bit is set, so there is one at least.
        let run = upto.count_ones().wrapping_sub(1) as usize;
        match node.values.get(run) {
            Some(value) => Some(*value),
            None => self.more.get((node.more as usize).wrapping_add(run - INSIDE)).copied(),
        }
    }

    pub(super) const fn octets(&self) -> usize {
        (self.outer.len() + self.inner.len()) * size_of::<Node>() + self.more.len() * 4
    }
}

/// Places from which on a value holds, ascending.
#[derive(Debug, Default)]
struct Runs(Vec<(u8, u32)>);

impl Runs {
    fn begin(&mut self, value: u32) {
        self.0.clear();
        self.0.push((0, value));
    }

    fn push(&mut self, place: u8, value: u32) {
        self.0.pop_if(|(last, _)| *last == place);
        self.0.push((place, value));
    }
}
