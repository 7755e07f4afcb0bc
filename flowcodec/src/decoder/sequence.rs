//! Sequence numbers, counted the way each exporter really counts.
//!
//! The protocols say: v5 and IPFIX count the records sent before a message, v9 counts messages. Exporters also count up to and with a
//! message's own records, count records in v9, or run one counter over all their observation domains. So every session is followed
//! under all of these at once; a way that held for [`ESTABLISHED`] steps in a row may explain a step, and accuse one of loss.

use super::events::{SequenceChange, SequenceUnit};
use crate::time::Timestamp;

/// Steps in a row after which a way of counting is taken as the exporter's.
pub(super) const ESTABLISHED: u8 = 3;

/// Where the counting of steps ends: more say nothing more.
const SETTLED: u8 = 16;

/// Gaps in a row after which the way is doubted instead.
pub(super) const DOUBTED: u8 = 3;

/// What a sequence number may count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Records before this message (RFC 7011 §3.1, NetFlow v5).
    RecordsBefore,
    /// Records up to and with this message.
    RecordsWith,
    /// Messages (RFC 3954 §5.1).
    Messages,
}

impl Way {
    const ALL: [Self; 3] = [Self::RecordsBefore, Self::RecordsWith, Self::Messages];

    const fn unit(self) -> SequenceUnit {
        match self {
            Self::RecordsBefore | Self::RecordsWith => SequenceUnit::Records,
            Self::Messages => SequenceUnit::Packets,
        }
    }
}

/// One message, as far as its number is concerned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) sequence: u32,
    /// Records in the message, `None` when not all could be counted.
    pub(super) records: Option<u32>,
    pub(super) exported: Timestamp,
    /// What the protocol says is counted.
    pub(super) native: SequenceUnit,
    /// How far back still counts as late.
    pub(super) window: u32,
    /// How far forward still counts as loss.
    pub(super) most: u32,
}

/// Follows the numbers of one session, in one domain or over all of them.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Tracker {
    last: u32,
    records: Option<u32>,
    exported: Timestamp,
    streaks: [u8; 3],
    gaps: u8,
    /// The domain of the last message, where this tracker runs over all domains.
    domain: u32,
    /// Steps in a row from one domain to another that a way explained: evidence for one counter over all domains.
    across: u8,
}

/// What one way says of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Fits,
    /// Off by this much: positive is forward.
    Off(i32),
    /// Something could not be counted.
    Unknown,
}

impl Tracker {
    pub(super) const fn new(step: &Step, domain: u32) -> Self {
        Self { last: step.sequence, records: step.records, exported: step.exported, streaks: [0; 3], gaps: 0, domain, across: 0 }
    }

    fn verdict(&self, way: Way, step: &Step) -> Verdict {
        let expected = match way {
            Way::RecordsBefore => self.records,
            Way::RecordsWith => step.records,
            Way::Messages => Some(1),
        };
        match expected.map(|expected| step.sequence.wrapping_sub(self.last).wrapping_sub(expected).cast_signed()) {
            Some(0) => Verdict::Fits,
            Some(off) => Verdict::Off(off),
            None => Verdict::Unknown,
        }
    }

    /// Whether an established way explains the step.
    fn fits(&self, verdicts: [Verdict; 3]) -> bool {
        self.streaks.iter().zip(verdicts).any(|(&streak, verdict)| streak >= ESTABLISHED && verdict == Verdict::Fits)
    }

    fn verdicts(&self, step: &Step) -> [Verdict; 3] {
        Way::ALL.map(|way| self.verdict(way, step))
    }

    /// Which ways fit, when the step goes on in the same domain and no way is in doubt: then nothing needs to be judged.
    #[inline]
    fn plain_fits(&self, step: &Step, domain: u32) -> Option<[bool; 3]> {
        let delta = step.sequence.wrapping_sub(self.last);
        if delta == 0 || domain != self.domain {
            return None;
        }
        match (self.records, step.records) {
            (Some(before), Some(with)) => Some([delta == before, delta == with, delta == 1]),
            // Records are not counted, and never were what is counted here (sFlow).
            _ if matches!(self.streaks, [0, 0, _]) => Some([false, false, delta == 1]),
            _ => None,
        }
    }

    /// Takes such a step, as [`advance`](Self::advance) would.
    #[inline]
    fn take_plain(&mut self, step: &Step, fits: [bool; 3]) {
        let settled = fits.map(|fits| if fits { SETTLED } else { 0 });
        if self.streaks != settled {
            for (streak, settled) in self.streaks.iter_mut().zip(settled) {
                *streak = streak.saturating_add(1).min(settled);
            }
        }
        (self.last, self.records, self.exported) = (step.sequence, step.records, step.exported);
    }

    /// Takes the step. `keep` leaves the ways that did not fit as they were: the step was a gap, not another way of counting.
    fn advance(&mut self, step: &Step, verdicts: [Verdict; 3], domain: u32, keep: bool) {
        // Template messages all carry the same number: they fit every way of counting records, and show nothing.
        if step.sequence == self.last && verdicts.contains(&Verdict::Fits) {
            return self.restart(step, domain);
        }
        let mut fits = false;
        // Messages of one record each, not counted: the number goes up by one whichever way is the exporter's.
        let undecided = Way::ALL.into_iter().zip(verdicts).any(|(way, it)| way.unit() == step.native && it == Verdict::Unknown);
        for ((way, streak), verdict) in Way::ALL.into_iter().zip(&mut self.streaks).zip(verdicts) {
            match verdict {
                Verdict::Fits if undecided && way.unit() != step.native => {}
                Verdict::Fits => {
                    *streak = streak.saturating_add(1).min(SETTLED);
                    fits = true;
                }
                Verdict::Off(_) if !keep => *streak = 0,
                Verdict::Off(_) if *streak < ESTABLISHED => *streak = 0,
                Verdict::Off(_) | Verdict::Unknown => {}
            }
        }
        if domain != self.domain {
            self.across = if fits { self.across.saturating_add(1).min(SETTLED) } else { 0 };
        }
        self.restart(step, domain);
    }

    fn restart(&mut self, step: &Step, domain: u32) {
        self.last = step.sequence;
        self.records = step.records;
        self.exported = step.exported;
        self.domain = domain;
    }
}

/// Follows one step in the tracker of its domain and in the one over all domains of the session, where there are several. Either is
/// made when it is missing.
#[inline]
pub(super) fn follow(
    own: &mut Option<Tracker>,
    mut shared: Option<&mut Option<Tracker>>,
    step: &Step,
    domain: u32,
) -> Option<SequenceChange> {
    // Nearly every message: what the exporter is known to count went on as it should.
    if let Some(own) = own.as_mut()
        && let Some(fits) = own.plain_fits(step, domain)
        && own.gaps == 0
        && own.streaks.iter().zip(fits).any(|(&streak, fits)| fits && streak >= ESTABLISHED)
    {
        match &mut shared {
            None => {
                own.take_plain(step, fits);
                return None;
            }
            Some(Some(shared)) => {
                if let Some(shared_fits) = shared.plain_fits(step, domain) {
                    own.take_plain(step, fits);
                    shared.take_plain(step, shared_fits);
                    return None;
                }
            }
            Some(None) => {}
        }
    }
    follow_closely(own, shared.unwrap_or(&mut None), step, domain)
}

/// The same of any step.
#[cold]
fn follow_closely(own: &mut Option<Tracker>, shared: &mut Option<Tracker>, step: &Step, domain: u32) -> Option<SequenceChange> {
    let own_verdicts = own.as_ref().map(|tracker| tracker.verdicts(step));
    let shared_verdicts = shared.as_ref().map(|tracker| tracker.verdicts(step));
    let change = judge(own.as_ref().zip(own_verdicts), shared.as_ref().zip(shared_verdicts), step);
    let mut keep = false;
    match change {
        // Nothing is learned from a message out of order.
        Some(SequenceChange::Late { .. }) => return change,
        Some(SequenceChange::Restarted) => {
            for tracker in [&mut *own, &mut *shared].into_iter().flatten() {
                tracker.restart(step, domain);
            }
        }
        Some(SequenceChange::Gap { .. }) => {
            let gaps = own.as_mut().map_or(0, |tracker| {
                tracker.gaps = tracker.gaps.saturating_add(1);
                tracker.gaps
            });
            keep = gaps < DOUBTED;
        }
        _ => {
            if let Some(tracker) = own.as_mut() {
                tracker.gaps = 0;
            }
        }
    }
    for (tracker, verdicts) in [(own, own_verdicts), (shared, shared_verdicts)] {
        match (tracker, verdicts) {
            (Some(tracker), Some(verdicts)) if change != Some(SequenceChange::Restarted) => {
                tracker.advance(step, verdicts, domain, keep);
            }
            (Some(_), _) => {}
            (tracker @ None, _) => *tracker = Some(Tracker::new(step, domain)),
        }
    }
    change
}

type Judged<'a> = Option<(&'a Tracker, [Verdict; 3])>;

/// The established ways of a tracker, and what each says of the step.
fn established(judged: Judged<'_>) -> [Option<(Way, Verdict, &Tracker)>; 3] {
    let Some((tracker, verdicts)) = judged else { return [None; 3] };
    let mut ways = Way::ALL.into_iter().zip(verdicts).zip(tracker.streaks);
    core::array::from_fn(|_| {
        ways.next().filter(|(_, streak)| *streak >= ESTABLISHED).map(|((way, verdict), _)| (way, verdict, tracker))
    })
}

fn judge(own: Judged<'_>, shared: Judged<'_>, step: &Step) -> Option<SequenceChange> {
    // Nearly every message: what the exporter is known to count went on as it should.
    if own.is_some_and(|(tracker, verdicts)| tracker.fits(verdicts)) {
        return None;
    }
    let (by_own, by_shared) = (established(own), established(shared));
    let mut all = by_own.iter().chain(&by_shared).flatten();
    if all.clone().any(|(_, verdict, _)| matches!(verdict, Verdict::Fits | Verdict::Unknown)) {
        return None;
    }
    if all.next().is_none() {
        return unexplained(own, shared);
    }
    // One counter over all domains may accuse only when messages of several domains have shown that it is one.
    let across = shared.map_or(0, |(tracker, _)| tracker.across);
    let accusers = by_own.iter().chain(by_shared.iter().filter(|_| across >= ESTABLISHED)).flatten();
    let (way, verdict, tracker) = accusers.max_by_key(|(way, ..)| (way.unit() == step.native, *way == Way::RecordsBefore))?;
    let Verdict::Off(off) = *verdict else { return None };
    let unit = way.unit();
    if off > 0 {
        // Before that, what other domains sent since may be part of the gap.
        let doubtful = (1..ESTABLISHED).contains(&across) && shared.is_some_and(|(all, _)| all.last != tracker.last);
        return Some(SequenceChange::Gap {
            lost: (!doubtful && off.unsigned_abs() <= step.most).then_some(off.unsigned_abs()),
            unit,
        });
    }
    // A late message was exported before the newest one; one exported after it that counts lower comes from a new beginning.
    if off.unsigned_abs() > step.window || step.exported > tracker.exported {
        return Some(SequenceChange::Restarted);
    }
    Some(SequenceChange::Late { behind: off.unsigned_abs(), unit })
}

/// No way is established yet. A step that none explains, forward under all of them, is a gap of unknown size.
fn unexplained(own: Judged<'_>, shared: Judged<'_>) -> Option<SequenceChange> {
    let (tracker, verdicts) = own?;
    // Whether one counter runs over all domains is not known yet either.
    if shared.is_some_and(|(shared, verdicts)| {
        shared.last != tracker.last || !verdicts.iter().all(|verdict| matches!(verdict, Verdict::Off(1..)))
    }) {
        return None;
    }
    // Some step has to have fitted before: the first two numbers of a session say nothing.
    let seen = tracker.streaks.iter().any(|&streak| streak > 0);
    let forward = verdicts.iter().all(|verdict| matches!(verdict, Verdict::Off(1..)));
    (seen && forward).then_some(SequenceChange::Gap { lost: None, unit: SequenceUnit::Records })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u32 = 100;

    /// Feeds (sequence, records, export second, domain), gives what each step showed.
    fn run(native: SequenceUnit, steps: &[(u32, Option<u32>, u64, u32)]) -> Vec<Option<SequenceChange>> {
        let mut own = std::collections::HashMap::new();
        let mut shared = None;
        let mut alone = None;
        let mut seen = Vec::new();
        let one_domain = steps.iter().all(|step| step.3 == steps[0].3);
        for &(sequence, records, second, domain) in steps {
            let step =
                Step { sequence, records, exported: Timestamp::from_seconds(second), native, window: WINDOW, most: 1 << 24 };
            let change = follow(own.entry(domain).or_insert(None), Some(&mut shared), &step, domain);
            if one_domain {
                assert_eq!(follow(&mut alone, None, &step, domain), change, "alone, it is the counter over all domains");
                assert_eq!(alone, own[&domain]);
            }
            seen.push(change);
        }
        seen
    }

    const fn gap(lost: u32, unit: SequenceUnit) -> SequenceChange {
        SequenceChange::Gap { lost: Some(lost), unit }
    }

    #[test]
    fn records_before_the_message() {
        let counts = [3, 9, 1, 30, 2, 7, 5];
        let mut sequence = 100;
        let mut steps = Vec::new();
        for (second, count) in (0..).zip(counts) {
            steps.push((sequence, Some(count), second, 1));
            sequence += count;
        }
        assert!(run(SequenceUnit::Records, &steps).iter().all(Option::is_none));
        let lost = steps.remove(5);
        let seen = run(SequenceUnit::Records, &steps);
        assert_eq!(seen[5], Some(gap(lost.1.unwrap(), SequenceUnit::Records)));
        assert_eq!(seen.iter().flatten().count(), 1);
    }

    #[test]
    fn records_with_the_message() {
        let counts = [3, 9, 1, 30, 2, 7, 5];
        let mut sequence = 0;
        let mut steps = Vec::new();
        for (second, count) in (0..).zip(counts) {
            sequence += count;
            steps.push((sequence, Some(count), second, 1));
        }
        assert!(run(SequenceUnit::Records, &steps).iter().all(Option::is_none));
        steps.remove(5);
        assert_eq!(run(SequenceUnit::Records, &steps)[5], Some(gap(7, SequenceUnit::Records)));
    }

    #[test]
    fn one_counter_over_two_domains() {
        let steps: Vec<_> = (0..12).map(|n| (n * 2, Some(2), u64::from(n), n % 3)).collect();
        assert!(run(SequenceUnit::Records, &steps).iter().all(Option::is_none));
        let mut lossy = steps;
        lossy.remove(10);
        assert_eq!(run(SequenceUnit::Records, &lossy)[10], Some(gap(2, SequenceUnit::Records)));
    }

    #[test]
    fn a_new_domain_with_a_counter_of_its_own_is_no_gap() {
        let mut steps: Vec<_> = (0..6).map(|n| (n, Some(1), u64::from(n), 1)).collect();
        steps.extend((0..6).map(|n| (9_000 + n, Some(1), u64::from(n), 2)));
        steps.extend((6..9).map(|n| (n, Some(1), u64::from(n), 1)));
        assert!(run(SequenceUnit::Records, &steps).iter().all(Option::is_none));
    }

    #[test]
    fn messages_late_and_restarted() {
        let packets = SequenceUnit::Packets;
        let mut steps: Vec<_> = (0..6).map(|n| (n + 500, Some(20), u64::from(n), 1)).collect();
        steps.push((508, Some(20), 8, 1));
        steps.push((507, Some(20), 7, 1));
        steps.push((509, Some(20), 9, 1));
        steps.push((1, Some(20), 20, 1));
        steps.push((2, Some(20), 21, 1));
        let seen = run(packets, &steps);
        assert_eq!(seen[6], Some(gap(2, packets)));
        assert_eq!(seen[7], Some(SequenceChange::Late { behind: 2, unit: packets }));
        assert_eq!((seen[8], seen[9], seen[10]), (None, Some(SequenceChange::Restarted), None));
    }

    #[test]
    fn what_could_not_be_counted_accuses_nobody() {
        let mut steps: Vec<_> = (0..6).map(|n| (n * 5, Some(5), u64::from(n), 1)).collect();
        steps.push((30, None, 6, 1));
        steps.push((64, Some(5), 7, 1));
        assert!(run(SequenceUnit::Records, &steps).iter().all(Option::is_none));
    }

    #[test]
    fn records_that_are_not_counted_do_not_pass_for_messages() {
        // Six messages of one record and one of two, their template not known yet, then it comes in a message without records.
        let mut steps: Vec<_> = (0..6).map(|n| (n, None, u64::from(n), 1)).collect();
        steps.extend([(6, None, 6, 1), (8, None, 7, 1), (9, Some(0), 8, 1), (9, Some(3), 9, 1), (12, Some(1), 10, 1)]);
        assert!(run(SequenceUnit::Records, &steps).iter().all(Option::is_none));
    }

    #[test]
    fn messages_without_records_show_nothing() {
        // Open vSwitch: templates of one domain, options of another that count too, then data, the first message of it lost.
        let mut steps = vec![(1, Some(0), 0, 123); 18];
        steps.extend([(1, Some(0), 0, 0), (1, Some(1), 0, 0), (3, Some(1), 1, 123), (4, Some(1), 2, 123)]);
        assert!(run(SequenceUnit::Records, &steps).iter().all(Option::is_none));
    }

    #[test]
    fn what_other_domains_sent_is_not_lost() {
        // One counter over two domains that speak in turns of ten; nothing but message 19 is lost.
        let mut steps: Vec<_> = (0..30).map(|n| (n, Some(1), u64::from(n), n / 10 % 2)).collect();
        steps.remove(19);
        let seen = run(SequenceUnit::Records, &steps);
        assert_eq!(seen[19], Some(SequenceChange::Gap { lost: None, unit: SequenceUnit::Records }));
        assert_eq!(seen.iter().flatten().count(), 1);
    }

    #[test]
    fn the_number_wraps() {
        let steps: Vec<_> =
            (0..8_u32).map(|n| (u32::MAX.wrapping_sub(8).wrapping_add(n * 4), Some(4), u64::from(n), 1)).collect();
        assert!(run(SequenceUnit::Records, &steps).iter().all(Option::is_none));
    }
}
