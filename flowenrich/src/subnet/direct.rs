//! IPv4 by direct index: a node for each /16, and one more for each /24 inside it that is divided.
//!
//! A node says for its 256 places where another value begins, a bit each, and the values stand in a row: an address costs two reads, or
//! four, of tables that stay in the cache. (One entry for each /24 would be one read, of 64 MiB.)

use super::flat::{Step, Word};

/// Where values begin among 256 places.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Node {
    /// Set where another value begins; the first always is.
    begins: [u64; 4],
    /// Set bits in front of each word.
    before: [u8; 4],
    /// Its first value.
    first: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Direct {
    /// By the upper 16 bits.
    outer: Vec<Node>,
    inner: Vec<Node>,
    /// Short words, or numbers of inner nodes.
    values: Vec<u32>,
}

/// Set in a value that is the number of an inner node; the others are short words.
const INNER: u32 = 1 << 31;
/// As many prefixes and more are worth the four megabytes of outer nodes.
pub(super) const WORTH: usize = 32_768;
/// As many /24s may be divided: 8 MiB of nodes, and at most 128 MiB of values. A table of many single addresses is searched instead.
const MOST_INNER: usize = 131_072;

impl Direct {
    /// From steps over the addresses 0 to 2^32-1. `None` where the index would grow too large, or there are more distinct values than fit a
    /// short word.
    pub(super) fn new(steps: &[Step]) -> Option<Self> {
        let mut table = Self { outer: Vec::with_capacity(1 << 16), inner: Vec::new(), values: Vec::new() };
        let mut steps = steps.iter().peekable();
        let mut current = Word::SHORT_NONE;
        let (mut runs, mut inside) = (Runs::default(), Runs::default());
        for upper in 0..1_u128 << 16 {
            runs.begin(current);
            while let Some(step) = steps.next_if(|step| step.from >> 16 == upper) {
                let [low, unit, ..] = step.from.to_le_bytes();
                if low == 0 {
                    current = step.word.to_short()?;
                    runs.push(unit, current);
                    continue;
                }
                inside.begin(current);
                let mut step = Some(step);
                while let Some(one) = step {
                    current = one.word.to_short()?;
                    inside.push(one.from.to_le_bytes()[0], current);
                    step = steps.next_if(|next| next.from >> 8 == one.from >> 8);
                }
                if table.inner.len() == MOST_INNER {
                    return None;
                }
                let number = u32::try_from(table.inner.len()).ok()?;
                let node = table.node(&inside)?;
                table.inner.push(node);
                runs.push(unit, INNER | number);
                if let Some(next) = unit.checked_add(1) {
                    runs.push(next, current);
                }
            }
            let node = table.node(&runs)?;
            table.outer.push(node);
        }
        Some(table)
    }

    /// A node of these runs; their values are put behind the others.
    fn node(&mut self, runs: &Runs) -> Option<Node> {
        let mut node = Node { begins: [0; 4], before: [0; 4], first: u32::try_from(self.values.len()).ok()? };
        let mut last = None;
        for (place, value) in &runs.0 {
            if last != Some(value) {
                if let Some(word) = node.begins.get_mut(usize::from(place >> 6)) {
                    *word |= 1 << (place & 63);
                }
                self.values.push(*value);
                last = Some(value);
            }
        }
        let mut before = 0;
        for (place, word) in node.before.iter_mut().zip(node.begins) {
            *place = before;
            before = u8::try_from(u32::from(before) + word.count_ones()).unwrap_or(u8::MAX);
        }
        Some(node)
    }

    /// What an address leads to.
    #[inline]
    pub(super) fn find(&self, addr: u32) -> Word {
        let [a, b, c, d] = addr.to_be_bytes();
        let outer = self.outer.get(usize::from(u16::from_be_bytes([a, b])));
        let Some(value) = outer.and_then(|node| self.value(node, c)) else { return Word::NONE };
        if value & INNER == 0 {
            return Word::from_short(value);
        }
        let inner = usize::try_from(value & !INNER).ok().and_then(|number| self.inner.get(number));
        inner.and_then(|node| self.value(node, d)).map_or(Word::NONE, Word::from_short)
    }

    #[inline]
    #[expect(clippy::as_conversions, reason = "32 bits fit, and what is looked up is bounds-checked")]
    fn value(&self, node: &Node, place: u8) -> Option<u32> {
        let number = usize::from(place >> 6);
        let upto = node.begins.get(number)? & (u64::MAX >> (63 - (place & 63)));
        let run = u32::from(*node.before.get(number)?) + upto.count_ones();
        // The first bit is set, so a run is at least one.
        self.values.get((node.first + run).wrapping_sub(1) as usize).copied()
    }

    pub(super) const fn octets(&self) -> usize {
        (self.outer.len() + self.inner.len()) * size_of::<Node>() + self.values.len() * 4
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
