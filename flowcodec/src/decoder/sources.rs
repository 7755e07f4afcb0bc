//! Sequence numbers of sFlow's samples: each data source counts its flow samples, its counter samples and its notices of discarded
//! packets, each for itself (`sequence_number` of `sflow_version_5.txt`).

use std::collections::HashMap;

use super::sequence::{DOUBTED, ESTABLISHED};
use super::{SequenceChange, SequenceUnit};
use crate::limits::Limits;
use crate::sflow::{Sample, SampleKind, Source};
use crate::template::{Index, List, Slab, indexed, shrink};

type Hasher = foldhash::fast::RandomState;

/// Bytes of one source.
pub(super) const SOURCE_COST: usize = Slab::<SourceState>::COST + indexed::<SourceKey, Index>();

/// One counter of samples: of a source, in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct SourceKey {
    session: Index,
    kind: SampleKind,
    source: Source,
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
    by_key: HashMap<SourceKey, Index, Hasher>,
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
        self.states.touch(list, index);
        let Some(state) = self.states.get_mut(index) else { return Followed::default() };
        if state.epoch != epoch {
            (state.epoch, state.streak, state.gaps, state.last) = (epoch, 0, 0, sequence);
            return Followed::default();
        }
        let lost = state.step(sequence, limits);
        let unit = match key.kind {
            SampleKind::Counters => SequenceUnit::CounterSamples(source),
            SampleKind::Discard => SequenceUnit::Discards(source),
            _ => SequenceUnit::FlowSamples(source),
        };
        Followed { change: lost.map(|lost| SequenceChange::Gap { lost, unit }), ..Followed::default() }
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
    /// The samples missing in front of number `sequence`: `Some(None)` for too many to be believed. Nobody is accused before numbers
    /// have followed one another for some steps.
    fn step(&mut self, sequence: u32, limits: &Limits) -> Option<Option<u32>> {
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
        Some((off.unsigned_abs() <= limits.gap_window).then_some(off.unsigned_abs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(numbers: &[u32]) -> Vec<Option<Option<u32>>> {
        let key = SourceKey { session: 0, kind: SampleKind::Flow, source: Source { class: 0, index: 1 } };
        let mut state = SourceState { key, last: numbers[0], epoch: 0, streak: 0, gaps: 0 };
        numbers[1..].iter().map(|&number| state.step(number, &Limits::default())).collect()
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
