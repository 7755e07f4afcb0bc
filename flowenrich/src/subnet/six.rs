//! IPv6: steps by the upper halves of addresses, ten to a leaf together with what they lead to, so that most look-ups end in one place.

use flowcodec::prefetch;

use super::flat::{Step, Word};

const LEAF: usize = 10;
/// Set in a short word that is the number of a [`Beside`].
const BESIDE: u32 = 1 << 31;
const NONE: u32 = BESIDE - 1;

#[derive(Debug, Clone, Default)]
pub(super) struct Six {
    /// The first key of each leaf.
    firsts: Vec<u64>,
    /// For each stretch of equal length between the least and the greatest of them, how many lie below it.
    stretches: Vec<u32>,
    /// The least, and how far apart stretches are, as a shift.
    least: u64,
    shift: u32,
    leaves: Vec<Leaf>,
    beside: Vec<Beside>,
    /// Steps inside those upper halves that are divided, by their lower halves.
    lower: Vec<u64>,
    words: Vec<Word>,
}

/// Two neighbouring cache lines. What is left over at the end repeats the last key.
#[derive(Debug, Clone, Copy)]
#[repr(align(128))]
struct Leaf {
    keys: [u64; LEAF],
    shorts: [u32; LEAF],
}

/// What does not fit a short word: an upper half that is divided, or a value of a high number.
#[derive(Debug, Clone, Copy)]
struct Beside {
    upper: u64,
    /// Who wins behind its last step.
    last: Word,
    /// Its steps among the lower halves.
    first: usize,
    steps: usize,
}

impl Six {
    pub(super) fn new(steps: &[Step]) -> Self {
        let mut six = Self::default();
        let mut entries: Vec<(u64, u32)> = Vec::new();
        let mut before = Word::NONE;
        for half in steps.chunk_by(|a, b| a.from >> 64 == b.from >> 64) {
            let (Some(first), Some(last)) = (half.first(), half.last()) else { continue };
            let (upper, lower) = halves(first.from);
            let begin = six.lower.len();
            if half.len() > 1 || lower != 0 {
                if lower != 0 {
                    six.lower.push(0);
                    six.words.push(before);
                }
                six.lower.extend(half.iter().map(|step| halves(step.from).1));
                six.words.extend(half.iter().map(|step| step.word));
            }
            let beside = Beside { upper, last: last.word, first: begin, steps: six.lower.len() - begin };
            entries.push((upper, six.short(beside)));
            before = last.word;
        }
        six.firsts = entries.iter().step_by(LEAF).map(|(key, _)| *key).collect();
        six.divide();
        six.leaves = entries.chunks(LEAF).map(Leaf::new).collect();
        six
    }

    /// Divides the keys into stretches, some four for each key, so that a search begins near its end however the keys are spread.
    fn divide(&mut self) {
        // The first key is 0, the step in front of all prefixes: the addresses handed out lie far behind it.
        let (Some(least), Some(greatest)) = (self.firsts.get(1).or_else(|| self.firsts.first()), self.firsts.last()) else {
            return;
        };
        let wanted = self.firsts.len().saturating_mul(4).next_power_of_two().min(1 << 18).ilog2();
        self.least = *least;
        self.shift = (u64::BITS - (greatest - least).leading_zeros()).saturating_sub(wanted);
        let mut below = 0_usize;
        let count = ((greatest - least) >> self.shift).saturating_add(2);
        for stretch in 0..count {
            let from = u128::from(*least) + (u128::from(stretch) << self.shift);
            while self.firsts.get(below).is_some_and(|key| u128::from(*key) < from) {
                below += 1;
            }
            // More than 2^32 leaves do not fit in memory.
            self.stretches.push(u32::try_from(below).unwrap_or(u32::MAX));
        }
    }

    /// The leaf that a key falls into.
    #[inline]
    fn leaf(&self, upper: u64) -> Option<&Leaf> {
        let stretch = usize::try_from(upper.saturating_sub(self.least) >> self.shift).unwrap_or(usize::MAX);
        let last = self.stretches.len().saturating_sub(2);
        let bounds = self.stretches.get(stretch.min(last)..)?;
        let [from, to, ..] = bounds else { return None };
        let (from, to) = (usize::try_from(*from).ok()?, usize::try_from(*to).ok()?);
        let to = if stretch > last { self.firsts.len() } else { to };
        let within = self.firsts.get(from..to)?.partition_point(|key| *key <= upper);
        self.leaves.get((from + within).checked_sub(1)?)
    }

    /// A word of 31 bits: 23 of the value, 8 of the length; or the number of what is kept beside.
    fn short(&mut self, beside: Beside) -> u32 {
        let plain = match beside.last.parts() {
            _ if beside.steps > 0 => None,
            None => Some(NONE),
            Some((value, prefix)) => {
                let value = u32::try_from(value).ok().filter(|value| *value < (1 << 23) - 1);
                value.map(|value| (value << 8) | u32::from(prefix))
            }
        };
        plain.unwrap_or_else(|| {
            self.beside.push(beside);
            // More than 2^31 do not fit in memory.
            BESIDE | u32::try_from(self.beside.len() - 1).unwrap_or(NONE)
        })
    }

    /// Sends for the leaf that an address falls into; to find it out something has to be read already.
    #[inline]
    pub(super) fn send_for(&self, addr: u128) {
        if let Some(Leaf { keys: [first, .., last], .. }) = self.leaf(halves(addr).0) {
            prefetch(first);
            prefetch(last);
        }
    }

    /// What an address leads to.
    #[inline]
    pub(super) fn find(&self, addr: u128) -> Word {
        let (upper, lower) = halves(addr);
        let short = self.leaf(upper).map_or(NONE, |leaf| leaf.find(upper));
        if short & BESIDE == 0 {
            return if short == NONE { Word::NONE } else { Word::new(short >> 8, short.to_le_bytes()[0]) };
        }
        self.divided(short & !BESIDE, upper, lower).unwrap_or(Word::NONE)
    }

    fn divided(&self, number: u32, upper: u64, lower: u64) -> Option<Word> {
        let beside = self.beside.get(usize::try_from(number).ok()?)?;
        if beside.steps == 0 || beside.upper != upper {
            return Some(beside.last);
        }
        let steps = self.lower.get(beside.first..beside.first.checked_add(beside.steps)?)?;
        let step = steps.partition_point(|from| *from <= lower).checked_sub(1)?;
        self.words.get(beside.first.checked_add(step)?).copied()
    }

    pub(super) fn octets(&self) -> usize {
        let leaves =
            self.leaves.len().saturating_mul(size_of::<Leaf>() + size_of::<u64>()).saturating_add(self.stretches.len() * 4);
        let divided = self.lower.len().saturating_mul(size_of::<u64>() + size_of::<Word>());
        leaves.saturating_add(divided).saturating_add(self.beside.len().saturating_mul(size_of::<Beside>()))
    }
}

impl Leaf {
    fn new(entries: &[(u64, u32)]) -> Self {
        let last = entries.last().copied().unwrap_or((u64::MAX, NONE));
        let entry = |at: usize| entries.get(at).copied().unwrap_or(last);
        Self { keys: std::array::from_fn(|at| entry(at).0), shorts: std::array::from_fn(|at| entry(at).1) }
    }

    /// The word of the last key that is not above `wanted`; the first one is not.
    #[inline]
    fn find(&self, wanted: u64) -> u32 {
        // Counted, not searched: nothing to guess wrong.
        let not_above: usize = self.keys.iter().map(|key| usize::from(*key <= wanted)).sum();
        self.shorts.get(not_above.wrapping_sub(1)).copied().unwrap_or(NONE)
    }
}

#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "the two halves of 128 bits")]
const fn halves(addr: u128) -> (u64, u64) {
    ((addr >> 64) as u64, addr as u64)
}
