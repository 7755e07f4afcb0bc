//! Why packets are dropped.

use crate::ie::{ElementId, value_name, value_table};

/// Why a packet was dropped: `drop_reason` of a discarded packet, and of a flow sample's output. The first 16 are ICMP's codes of an
/// unreachable destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a word")]
pub struct DropReason(pub u32);

impl DropReason {
    /// Every reason that has a name, ascending.
    pub fn all() -> impl Iterator<Item = (Self, &'static str)> {
        let names = value_table(ElementId::DROP_REASON).unwrap_or_default();
        names.iter().filter_map(|&(code, name)| Some((Self(u32::try_from(code).ok()?), name)))
    }

    /// The reason's name in the list of sflow.org; `None` for numbers that are not on it.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        value_name(ElementId::DROP_REASON, u64::from(self.0))
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
