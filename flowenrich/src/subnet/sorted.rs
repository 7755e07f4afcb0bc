//! The last of many sorted keys that is not above another: a tree of copies over the keys, sixteen to a node.

/// Keys in a node: two cache lines of 64-bit keys.
const NODE: usize = 16;

/// Sorted keys to search in.
#[derive(Debug, Clone, Default)]
pub(super) struct Sorted<K> {
    /// The keys, and above them every sixteenth key of the level below; the topmost first.
    levels: Vec<Level<K>>,
}

#[derive(Debug, Clone)]
struct Level<K> {
    /// Place of its last key; what is left over behind it in its node repeats it.
    last: usize,
    nodes: Vec<[K; NODE]>,
}

impl<K: Copy + Ord> Sorted<K> {
    pub(super) fn new(keys: &[K]) -> Self {
        let mut levels = Vec::new();
        let mut below = keys.to_vec();
        while let Some(&last) = below.last() {
            let node = |keys: &[K]| std::array::from_fn(|at| keys.get(at).copied().unwrap_or(last));
            levels.push(Level { last: below.len().saturating_sub(1), nodes: below.chunks(NODE).map(node).collect() });
            if below.len() <= NODE {
                break;
            }
            below = below.iter().copied().step_by(NODE).collect();
        }
        levels.reverse();
        Self { levels }
    }

    /// Place of the last key that is not above `wanted`; `None` when all are above.
    #[inline]
    pub(super) fn last_up_to(&self, wanted: K) -> Option<usize> {
        self.levels.first()?;
        self.levels.iter().try_fold(0, |at, level| {
            // Counted, not searched: nothing to guess wrong.
            let not_above: usize = level.nodes.get(at)?.iter().map(|key| usize::from(*key <= wanted)).sum();
            Some((at * NODE + not_above).checked_sub(1)?.min(level.last))
        })
    }

    pub(super) fn octets(&self) -> usize {
        self.levels.iter().map(|level| level.nodes.len()).sum::<usize>() * size_of::<[K; NODE]>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_counting_does() {
        for many in [0_u64, 1, 15, 16, 17, 255, 256, 257, 4095, 4096, 4097, 5000] {
            let keys: Vec<u64> = (0..many).map(|n| n * 3 + 1).collect();
            let sorted = Sorted::new(&keys);
            for wanted in 0..many * 3 + 3 {
                let naive = keys.iter().filter(|key| **key <= wanted).count().checked_sub(1);
                assert_eq!(sorted.last_up_to(wanted), naive, "{wanted} in {many}");
            }
            assert!(sorted.octets() >= keys.len() * 8);
        }
    }
}
