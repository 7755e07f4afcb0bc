//! The last of many sorted keys that is not above another: a tree of copies over the keys, sixteen to a node.

/// Keys in a node: two cache lines of 64-bit keys.
const NODE: usize = 16;

/// Sorted keys to search in.
#[derive(Debug, Clone, Default)]
pub(super) struct Sorted<K> {
    keys: Vec<K>,
    /// Every sixteenth key of the level below; the topmost last.
    above: Vec<Vec<K>>,
}

impl<K: Copy + Ord> Sorted<K> {
    pub(super) fn new(keys: Vec<K>) -> Self {
        let mut above: Vec<Vec<K>> = Vec::new();
        loop {
            let below = above.last().unwrap_or(&keys);
            if below.len() <= NODE {
                return Self { keys, above };
            }
            above.push(below.iter().copied().step_by(NODE).collect());
        }
    }

    /// Place of the last key that is not above `wanted`, and that key; `None` when all are above.
    #[inline]
    pub(super) fn last_up_to(&self, wanted: K) -> Option<(usize, K)> {
        let mut at = 0;
        for level in self.above.iter().rev().chain([&self.keys]) {
            let from = at * NODE;
            let node = level.get(from..level.len().min(from + NODE))?;
            at = from + node.partition_point(|key| *key <= wanted).checked_sub(1)?;
        }
        Some((at, *self.keys.get(at)?))
    }

    pub(super) fn octets(&self) -> usize {
        self.above.iter().map(Vec::len).sum::<usize>().saturating_add(self.keys.len()) * size_of::<K>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_counting_does() {
        for many in [0_u64, 1, 15, 16, 17, 255, 256, 257, 4095, 4096, 4097, 5000] {
            let keys: Vec<u64> = (0..many).map(|n| n * 3 + 1).collect();
            let sorted = Sorted::new(keys.clone());
            for wanted in 0..many * 3 + 3 {
                let naive = keys.iter().filter(|key| **key <= wanted).count().checked_sub(1);
                let naive = naive.map(|at| (at, keys[at]));
                assert_eq!(sorted.last_up_to(wanted), naive, "{wanted} in {many}");
            }
            assert!(sorted.octets() >= keys.len() * 8);
        }
    }
}
