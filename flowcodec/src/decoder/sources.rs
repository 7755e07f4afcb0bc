//! Sequence numbers of sFlow's samples: each data source counts its flow samples, its counter samples and its notices of discarded
//! packets, each for itself (`sequence_number` of `sflow_version_5.txt`).

use core::hash::{Hash, Hasher};
use std::collections::HashMap;

use super::sequence::{DOUBTED, ESTABLISHED};
use super::{SequenceChange, SequenceUnit};
use crate::limits::Limits;
use crate::sflow::{Sample, SampleKind, Source};
use crate::template::{Index, List, Slab, indexed, shrink};

type State = foldhash::fast::RandomState;

/// Bytes of one source.
pub(super) const SOURCE_COST: usize = Slab::<SourceState>::COST + indexed::<SourceKey, Index>();

/// One counter of samples: of a source, in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SourceKey {
    session: Index,
    kind: SampleKind,
    source: Source,
}

impl Hash for SourceKey {
    /// In one piece: it is looked up for every sample.
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let kind = match self.kind {
            SampleKind::Flow => 0_u32,
            SampleKind::Counters => 1,
            _ => 2,
        };
        let (high, low) = ((u64::from(self.session) << 32) | u64::from(kind), u64::from(self.source.class) << 32);
        state.write_u128((u128::from(high) << 64) | u128::from(low | u64::from(self.source.index)));
    }
}

#[derive(Debug)]
struct SourceState {
    key: SourceKey,
    last: u32,
    /// The agent has begun anew when the session's number is another.
    epoch: u32,
    /// Numbers in a row that followed one another, and gaps in a row.
    streak: u8,
    gaps: u8,
}

/// The sources of all sessions.
#[derive(Debug)]
pub(super) struct Sources {
    states: Slab<SourceState>,
    by_key: HashMap<SourceKey, Index, State>,
}

/// What one sample's number showed.
#[derive(Debug, Default)]
pub(super) struct Followed {
    pub(super) change: Option<SequenceChange>,
    /// A source that had to go.
    pub(super) evicted: Option<Source>,
    /// Whether its own place was made for it.
    pub(super) new: bool,
}

impl Sources {
    pub(super) fn new() -> Self {
        Self { states: Slab::new(), by_key: HashMap::default() }
    }

    pub(super) fn overhead(&self) -> usize {
        self.states.overhead()
    }

    /// Forgets all sources of a session; gives how many there were.
    pub(super) fn clear(&mut self, list: &mut List) -> usize {
        let mut count = 0_usize;
        while let Some(state) = list.front().and_then(|front| self.states.remove(list, front)) {
            self.by_key.remove(&state.key);
            count = count.saturating_add(1);
        }
        shrink(&mut self.by_key);
        count
    }

    /// Takes the number of a sample of `session`, whose sources are in `list`.
    pub(super) fn follow(
        &mut self,
        session: Index,
        list: &mut List,
        epoch: u32,
        sample: &Sample<'_>,
        limits: &Limits,
    ) -> Followed {
        let (Some(sequence), Some(source)) = (sample.sequence(), sample.source()) else { return Followed::default() };
        let key = SourceKey { session, kind: sample.kind(), source };
        let Some(&index) = self.by_key.get(&key) else { return self.make(key, list, epoch, sequence, limits) };
        let Some(state) = self.states.get_mut(index) else { return Followed::default() };
        if state.epoch != epoch {
            (state.epoch, state.streak, state.gaps, state.last) = (epoch, 0, 0, sequence);
            return Followed::default();
        }
        Followed { change: state.step(sequence, limits), ..Followed::default() }
    }

    #[cold]
    fn make(&mut self, key: SourceKey, list: &mut List, epoch: u32, sequence: u32, limits: &Limits) -> Followed {
        let mut followed = Followed { new: true, ..Followed::default() };
        // They may take a quarter of what the exporter may hold.
        let most = limits.session_sources.min(limits.exporter_bytes / (4 * SOURCE_COST)).max(1);
        if usize::try_from(list.len()).unwrap_or(usize::MAX) >= most
            && let Some(state) = list.front().and_then(|front| self.states.remove(list, front))
        {
            self.by_key.remove(&state.key);
            followed.evicted = Some(state.key.source);
        }
        let index = self.states.insert(list, SourceState { key, last: sequence, epoch, streak: 0, gaps: 0 });
        self.by_key.insert(key, index);
        followed
    }
}

impl SourceState {
    /// Whether samples are missing in front of number `sequence`. Nobody is accused before numbers have followed one another for some
    /// steps.
    fn step(&mut self, sequence: u32, limits: &Limits) -> Option<SequenceChange> {
        let off = sequence.wrapping_sub(self.last).wrapping_sub(1).cast_signed();
        // Late or repeated; the datagram's own number tells of it.
        if off < 0 && off.unsigned_abs() <= limits.reorder_window {
            return None;
        }
        self.last = sequence;
        if off == 0 {
            self.streak = self.streak.saturating_add(1);
            self.gaps = 0;
            return None;
        }
        if off < 0 || self.streak < ESTABLISHED {
            self.streak = 0;
            return None;
        }
        self.gaps = self.gaps.saturating_add(1);
        if self.gaps >= DOUBTED {
            (self.streak, self.gaps) = (0, 0);
        }
        let unit = match self.key.kind {
            SampleKind::Counters => SequenceUnit::CounterSamples(self.key.source),
            SampleKind::Discard => SequenceUnit::Discards(self.key.source),
            _ => SequenceUnit::FlowSamples(self.key.source),
        };
        let lost = (off.unsigned_abs() <= limits.gap_window).then_some(off.unsigned_abs());
        Some(SequenceChange::Gap { lost, unit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: Source = Source { class: 0, index: 1 };

    /// `None` for nothing shown, `Some(None)` for a gap of unknown size.
    #[expect(clippy::option_option, reason = "short to write expectations in")]
    fn run(numbers: &[u32]) -> Vec<Option<Option<u32>>> {
        let key = SourceKey { session: 0, kind: SampleKind::Flow, source: SOURCE };
        let mut state = SourceState { key, last: numbers[0], epoch: 0, streak: 0, gaps: 0 };
        let steps = numbers[1..].iter().map(|&number| state.step(number, &Limits::default()));
        let lost = |change| match change {
            SequenceChange::Gap { lost, unit: SequenceUnit::FlowSamples(SOURCE) } => lost,
            other => panic!("{other:?}"),
        };
        steps.map(|change| change.map(lost)).collect()
    }

    #[test]
    fn gaps_are_told_once_numbers_have_followed_one_another() {
        assert_eq!(run(&[1, 5, 6, 7, 8, 9, 12, 13]), [None, None, None, None, None, Some(Some(2)), None]);
        assert_eq!(run(&[1, 2, 3, 4, 5 + (1 << 25)]).last(), Some(&Some(None)), "too far to be a number");
        assert_eq!(run(&[u32::MAX - 3, u32::MAX - 2, u32::MAX - 1, u32::MAX, 0, 2]).last(), Some(&Some(Some(1))), "it wraps");
    }

    #[test]
    fn late_numbers_change_nothing_and_a_new_beginning_accuses_nobody() {
        assert_eq!(run(&[7, 8, 9, 10, 9, 10, 11, 12]), [None; 7]);
        assert_eq!(
            run(&[90_000, 90_001, 90_002, 90_003, 1, 2, 3, 4, 7]),
            [None, None, None, None, None, None, None, Some(Some(2))]
        );
        assert_eq!(run(&[90_000, 90_001, 90_002, 90_003, 1, 7]), [None; 5]);
    }

    #[test]
    fn a_source_that_counts_otherwise_is_not_accused_for_ever() {
        let numbers: Vec<u32> = (0..4).chain((1..20).map(|n| 3 + n * 5)).collect();
        assert_eq!(run(&numbers).iter().flatten().count(), usize::from(DOUBTED));
    }
}
