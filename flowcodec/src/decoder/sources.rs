//! Sequence numbers of sFlow's samples: each data source counts its flow samples, its counter samples and its notices of discarded
//! packets, each for itself (`sequence_number` of `sflow_version_5.txt`).

use core::hash::BuildHasher;

use hashbrown::HashTable;

use super::sequence::{DOUBTED, ESTABLISHED};
use super::{SequenceChange, SequenceUnit};
use crate::limits::Limits;
use crate::sflow::{Plain, Sample, SampleKind, Source};
use crate::template::indexed;

/// Bytes of one source.
pub(super) const SOURCE_COST: usize = indexed::<(), SourceState>();

/// One counter of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SourceKey {
    source: Source,
    /// What is counted: a number, for it is compared for every sample.
    kind: u32,
}

impl SourceKey {
    #[inline]
    const fn new(kind: SampleKind, source: Source) -> Self {
        let kind = match kind {
            SampleKind::Flow | SampleKind::Unknown => FLOWS,
            SampleKind::Counters => COUNTERS,
            SampleKind::Discard => DISCARDS,
        };
        Self { source, kind }
    }

    #[inline]
    fn hash(self, hasher: &foldhash::fast::RandomState) -> u64 {
        hasher.hash_one((u64::from(self.source.class) << 34) ^ (u64::from(self.kind) << 32) ^ u64::from(self.source.index))
    }

    const fn unit(self) -> SequenceUnit {
        match self.kind {
            COUNTERS => SequenceUnit::CounterSamples(self.source),
            DISCARDS => SequenceUnit::Discards(self.source),
            _ => SequenceUnit::FlowSamples(self.source),
        }
    }
}

const FLOWS: u32 = 0;
const COUNTERS: u32 = 1;
const DISCARDS: u32 = 2;

#[derive(Debug, Clone, Copy)]
struct SourceState {
    key: SourceKey,
    last: u32,
    /// The agent has begun anew when the session's number is another.
    epoch: u32,
    /// Numbers in a row that followed one another; gaps of one size in a row, and that size.
    streak: u8,
    gaps: u8,
    stride: u32,
}

/// The number a sample has from its source.
#[derive(Debug, Clone, Copy)]
pub(super) struct SampleNumber {
    key: SourceKey,
    sequence: u32,
}

impl SampleNumber {
    #[inline]
    pub(super) fn of(sample: &Sample<'_>) -> Option<Self> {
        let key = SourceKey::new(sample.kind(), sample.source()?);
        Some(Self { key, sequence: sample.sequence()? })
    }

    #[inline]
    pub(super) const fn of_plain(sample: &Plain) -> Self {
        Self { key: SourceKey::new(sample.kind, sample.source), sequence: sample.sequence }
    }
}

/// The sources of one session.
#[derive(Debug, Default)]
pub(super) struct Sources {
    // One is looked up for every sample: a key that is handed over by reference would be written to memory in parts and read as a whole.
    states: HashTable<SourceState>,
    hasher: foldhash::fast::RandomState,
}

/// What one sample's number showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Followed {
    /// Nothing.
    Nothing,
    /// Samples are missing.
    Change(SequenceChange),
    /// A source was not known, and has a place now.
    New,
    /// The same, in the place of this one; or this one is not followed, for want of a place.
    Instead(Source),
}

impl Sources {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// Takes the number of a sample if it is the next of its source; nothing is changed otherwise. `epoch` counts the agent's beginnings.
    #[inline]
    pub(super) fn goes_on(&mut self, epoch: u32, number: SampleNumber) -> bool {
        let SampleNumber { key, sequence } = number;
        let Some(state) = self.states.find_mut(key.hash(&self.hasher), |state| state.key == key) else { return false };
        let next = state.last.wrapping_add(1) == sequence && state.epoch == epoch && state.gaps == 0;
        if next {
            state.last = sequence;
            state.streak = state.streak.saturating_add(1);
        }
        next
    }

    /// Takes the number of a sample; `None` when its source is not known.
    pub(super) fn follow(&mut self, epoch: u32, number: SampleNumber, limits: &Limits) -> Option<Followed> {
        let SampleNumber { key, sequence } = number;
        let state = self.states.find_mut(key.hash(&self.hasher), |state| state.key == key)?;
        Some(state.step(epoch, sequence, limits).map_or(Followed::Nothing, Followed::Change))
    }

    /// Makes a place for a source that is not known; in a session that is `full`, in that of another one.
    pub(super) fn make(&mut self, epoch: u32, number: SampleNumber, full: bool) -> Followed {
        let SampleNumber { key, sequence } = number;
        let mut made = Followed::New;
        if full {
            // Any of them goes, so that nobody can choose which; where there is none, there is no place.
            let Some(evicted) = self.states.iter().next().map(|state| state.key) else { return Followed::Instead(key.source) };
            if let Ok(found) = self.states.find_entry(evicted.hash(&self.hasher), |state| state.key == evicted) {
                found.remove();
            }
            made = Followed::Instead(evicted.source);
        }
        let state = SourceState { key, last: sequence, epoch, streak: 0, gaps: 0, stride: 0 };
        self.states.insert_unique(key.hash(&self.hasher), state, |state| state.key.hash(&self.hasher));
        made
    }
}

impl SourceState {
    /// Whether samples are missing in front of number `sequence`. Nobody is accused before numbers have followed one another for some
    /// steps.
    fn step(&mut self, epoch: u32, sequence: u32, limits: &Limits) -> Option<SequenceChange> {
        if self.epoch != epoch {
            *self = Self { key: self.key, last: sequence, epoch, streak: 0, gaps: 0, stride: 0 };
            return None;
        }
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
        // Loss comes in gaps of all sizes; the same gap again and again is another way of counting.
        let again = self.gaps != 0 && self.stride == off.unsigned_abs();
        self.gaps = if again { self.gaps.saturating_add(1) } else { 1 };
        self.stride = off.unsigned_abs();
        if self.gaps >= DOUBTED {
            (self.streak, self.gaps) = (0, 0);
        }
        let lost = (off.unsigned_abs() <= limits.gap_window).then_some(off.unsigned_abs());
        Some(SequenceChange::Gap { lost, unit: self.key.unit() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: Source = Source { class: 0, index: 1 };

    /// `None` for nothing shown, `Some(None)` for a gap of unknown size.
    #[expect(clippy::option_option, reason = "short to write expectations in")]
    fn run(numbers: &[u32]) -> Vec<Option<Option<u32>>> {
        let key = SourceKey::new(SampleKind::Flow, SOURCE);
        let mut state = SourceState { key, last: numbers[0], epoch: 0, streak: 0, gaps: 0, stride: 0 };
        let steps = numbers[1..].iter().map(|&number| state.step(0, number, &Limits::default()));
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
    fn sustained_loss_goes_on_being_told() {
        let seen = run(&[1, 2, 3, 4, 5, 8, 10, 14, 16, 17, 20]);
        assert_eq!(seen.iter().flatten().flatten().copied().collect::<Vec<_>>(), [2, 1, 3, 1, 2]);
    }

    #[test]
    fn a_source_that_counts_otherwise_is_not_accused_for_ever() {
        let numbers: Vec<u32> = (0..4).chain((1..20).map(|n| 3 + n * 5)).collect();
        assert_eq!(run(&numbers).iter().flatten().count(), usize::from(DOUBTED));
    }
}
