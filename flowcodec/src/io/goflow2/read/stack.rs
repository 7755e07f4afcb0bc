//! What v1 says of an MPLS stack: labels, or their times to live.

/// The first three entries and the last one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Stack {
    pub(super) first: [u32; 3],
    pub(super) last: u32,
}

impl Stack {
    /// Of a stack deeper than four what is between the third and the last is not known. Where nothing says how deep it is, the first
    /// entries are what they are up to one that is not there: goflow2 1.x has labels of NetFlow and IPFIX without their count, and with
    /// `-format.selector` whatever fields were chosen.
    pub(super) fn list(&self, depth: u64) -> Vec<u32> {
        let first = match depth {
            0 => self.first.iter().take_while(|entry| **entry != 0).count(),
            depth => usize::try_from(depth).unwrap_or(usize::MAX),
        };
        let last = (depth > 3).then_some(self.last);
        self.first.iter().copied().take(first).chain(last).collect()
    }

    /// How many entries are not among these, which are its list. The last one may be said twice.
    pub(super) fn lost(&self, held: &[u32]) -> u64 {
        let beyond = self.first.iter().skip(held.len()).filter(|entry| **entry != 0).count();
        let last = self.last != 0 && held.last() != Some(&self.last);
        u64::try_from(beyond).unwrap_or(u64::MAX).saturating_add(u64::from(last))
    }
}
