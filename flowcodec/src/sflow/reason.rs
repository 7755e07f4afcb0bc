//! Why packets are dropped.

#[rustfmt::skip]
mod generated;

/// Why a packet was dropped: `drop_reason` of a discarded packet, and of a flow sample's output. The first 16 are ICMP's codes of an
/// unreachable destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a word")]
pub struct DropReason(pub u32);

impl DropReason {
    /// Every reason that has a name, ascending.
    pub fn all() -> impl Iterator<Item = (Self, &'static str)> {
        generated::REASONS.iter().map(|&(code, name)| (Self(code), name))
    }

    /// The reason's name in the list of sflow.org; `None` for numbers that are not on it.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        let at = generated::REASONS.binary_search_by_key(&self.0, |&(code, _)| code).ok()?;
        generated::REASONS.get(at).map(|&(_, name)| name)
    }
}

impl core::fmt::Display for DropReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "{}", self.0),
        }
    }
}
