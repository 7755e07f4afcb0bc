//! Sources: where they are heard, whether they restarted, what their clock says.

use std::collections::VecDeque;
use std::sync::Arc;

use flowcodec::Timestamp;

use super::slab::Key;
use super::store::Epoch;

/// The suffixes of a source's address, each a link of its own.
pub(super) const SUFFIXES: [&str; 4] = ["", ".flows", ".logs", ".heartbeats"];

/// By which of a source's addresses a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// `mc/sfe.all`, which all share.
    All,
    /// One of the [`SUFFIXES`].
    Own(usize),
}

impl Place {
    fn index(self) -> usize {
        match self {
            Self::All => 0,
            Self::Own(suffix) => suffix.saturating_add(1),
        }
    }
}

/// A source.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) id: Arc<str>,
    pub(super) address: Arc<str>,
    /// Told by a BEACON.
    pub(super) direct: Option<Arc<str>>,
    pub(super) kind: Option<Box<str>>,
    pub(super) epoch: Key<Epoch>,
    pub(super) epoch_number: u64,
    /// The epoch before a restart, for messages that come late, and until when.
    pub(super) previous: Option<(Key<Epoch>, Timestamp)>,
    pub(super) silent: bool,
    pub(super) first_heard: Timestamp,
    pub(super) last_heard: Timestamp,
    pub(super) beats: u64,
    pub(super) last_beat: Option<Timestamp>,
    pub(super) longest_gap: i64,
    pub(super) clock: Clock,
    /// A FLUSH is wanted, since then.
    pub(super) flush_wanted: Option<Timestamp>,
    /// It was heard on an address of its own since: the subscription is in place.
    pub(super) proven: bool,
    pub(super) last_flush: Option<Timestamp>,
    ids: [Ids; 5],
    highest: Option<u64>,
    highest_before: Option<u64>,
}

/// Message-ids of one link address.
#[derive(Debug, Default)]
struct Ids {
    epoch: u64,
    last: Option<u64>,
    lately: VecDeque<(u64, u64)>,
}

/// How many ids of each address are remembered: a path through the network that is slower by more than that many messages is not known.
const LATELY: usize = 64;

/// What a message-id says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on.
    Current,
    /// The message was here before.
    Duplicate,
    /// It belongs to the time before the last restart.
    Before,
    /// The source began to count again.
    Restart,
}

impl Source {
    pub(super) fn new(id: Arc<str>, address: Arc<str>, epoch: Key<Epoch>, now: Timestamp) -> Self {
        Self {
            id,
            address,
            direct: None,
            kind: None,
            epoch,
            epoch_number: 0,
            previous: None,
            silent: false,
            first_heard: now,
            last_heard: now,
            beats: 0,
            last_beat: None,
            longest_gap: 0,
            clock: Clock::default(),
            flush_wanted: None,
            proven: false,
            last_flush: None,
            ids: Default::default(),
            highest: None,
            highest_before: None,
        }
    }

    /// Judges the id of a message by the ids before it on the same address: it fell to a value not seen there lately, and the source
    /// restarted. Between addresses messages overtake each other; after a restart an address that was not heard since is judged by
    /// which count its id is nearer to.
    pub(super) fn judge(&mut self, place: Place, id: u64, hash: u64) -> Verdict {
        let (number, highest, before) = (self.epoch_number, self.highest, self.highest_before);
        let Some(ids) = self.ids.get_mut(place.index()) else { return Verdict::Current };
        if ids.lately.contains(&(id, hash)) {
            return Verdict::Duplicate;
        }
        let fell = ids.last.is_some_and(|last| id <= last);
        let verdict = if ids.epoch == number {
            if fell { Verdict::Restart } else { Verdict::Current }
        } else if fell || self.previous.is_none() {
            Verdict::Current
        } else {
            let distance = |to: Option<u64>| to.map_or(u64::MAX, |to| to.abs_diff(id));
            if distance(before) < distance(highest) { Verdict::Before } else { Verdict::Current }
        };
        if verdict == Verdict::Restart || (verdict == Verdict::Current && ids.epoch != number) {
            ids.lately.clear();
        }
        match verdict {
            Verdict::Restart => {
                (self.highest_before, self.highest) = (highest, Some(id));
                // The caller opens the next epoch.
                ids.epoch = number.saturating_add(1);
            }
            Verdict::Current => {
                ids.epoch = number;
                self.highest = Some(highest.map_or(id, |highest| highest.max(id)));
            }
            Verdict::Before | Verdict::Duplicate => {}
        }
        ids.last = Some(id);
        if ids.lately.len() >= LATELY {
            ids.lately.pop_front();
        }
        ids.lately.push_back((id, hash));
        verdict
    }

    /// A record told of a restart that the ids did not: the message that brought it, on `place`, is the first of the new epoch.
    pub(super) fn restarted_at(&mut self, place: Place, id: Option<u64>) {
        let number = self.epoch_number.saturating_add(1);
        if let (Some(id), Some(ids)) = (id, self.ids.get_mut(place.index())) {
            ids.epoch = number;
            // What was the highest may have been of either time; nothing better is known.
            (self.highest_before, self.highest) = (self.highest, Some(id));
        }
    }

    /// All that was remembered of ids is void.
    pub(super) fn forget_ids(&mut self) {
        let number = self.epoch_number;
        for ids in &mut self.ids {
            *ids = Ids { epoch: number, ..Ids::default() };
        }
        (self.highest, self.highest_before) = (None, None);
    }

    pub(super) fn beat(&mut self, now: Timestamp, sent_us: Option<u64>) {
        self.beats = self.beats.saturating_add(1);
        if let Some(before) = self.last_beat.replace(now) {
            self.longest_gap = self.longest_gap.max(now.since(before));
        }
        if let Some(sent) = sent_us.and_then(micros) {
            self.clock.heard(now, now.since(sent));
        }
    }
}

/// Microseconds of the wire as a moment; `None` beyond the year 2262.
pub(super) fn micros(us: u64) -> Option<Timestamp> {
    Some(Timestamp::from_nanos(i64::try_from(us).ok()?.checked_mul(1_000)?))
}

/// How far the receiver's clock is ahead of a source's: the least of what was received minus what was sent, of the last ten to twenty
/// minutes, since the message that travelled least says most and clocks drift.
#[derive(Debug, Default)]
pub(super) struct Clock {
    now: Option<(Timestamp, i64)>,
    before: Option<i64>,
}

const CLOCK_SPAN: i64 = 600_000_000_000;

impl Clock {
    fn heard(&mut self, now: Timestamp, ahead: i64) {
        match &mut self.now {
            Some((since, least)) if now.since(*since) < CLOCK_SPAN => *least = (*least).min(ahead),
            current => {
                self.before = current.map(|(_, least)| least);
                *current = Some((now, ahead));
            }
        }
    }

    pub(super) fn offset(&self) -> Option<i64> {
        let (_, least) = self.now?;
        Some(self.before.map_or(least, |before| before.min(least)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> Source {
        Source::new("a:0".into(), "mc/sfe.a:0".into(), Key::MIN, Timestamp::EPOCH)
    }

    const BASE: Place = Place::Own(0);
    const FLOWS: Place = Place::Own(1);

    #[test]
    fn ids_go_on_repeat_and_fall() {
        let mut source = source();
        for id in [3, 5, 9] {
            assert_eq!(source.judge(BASE, id, id), Verdict::Current);
        }
        assert_eq!(source.judge(BASE, 5, 5), Verdict::Duplicate, "by another path");
        assert_eq!(source.judge(FLOWS, 4, 4), Verdict::Current, "lower on another address says nothing");
        assert_eq!(source.judge(BASE, 10, 10), Verdict::Current);
        assert_eq!(source.judge(BASE, 5, 6), Verdict::Restart, "another message of that number");
    }

    #[test]
    fn after_a_restart_each_address_is_judged_alone() {
        let mut source = source();
        for id in 990..1_000 {
            source.judge(if id % 2 == 0 { BASE } else { FLOWS }, id, id);
        }
        assert_eq!(source.judge(BASE, 2, 2), Verdict::Restart);
        source.epoch_number = 1;
        source.previous = Some((Key::MIN, Timestamp::EPOCH));
        assert_eq!(source.judge(FLOWS, 1_001, 1), Verdict::Before, "one that was on its way");
        assert_eq!(source.judge(BASE, 3, 3), Verdict::Current);
        assert_eq!(source.judge(FLOWS, 5, 5), Verdict::Current, "it fell here too");
        assert_eq!(source.judge(Place::All, 4, 4), Verdict::Current, "never heard there before");
        assert_eq!(source.judge(FLOWS, 6, 6), Verdict::Current);
    }

    #[test]
    fn the_clock_takes_the_least_of_the_last_minutes() {
        let (mut clock, at) = (Clock::default(), |seconds| Timestamp::from_seconds(seconds));
        assert_eq!(clock.offset(), None);
        clock.heard(at(0), 500);
        clock.heard(at(2), -300);
        clock.heard(at(4), 900);
        assert_eq!(clock.offset(), Some(-300));
        clock.heard(at(700), 100);
        assert_eq!(clock.offset(), Some(-300));
        clock.heard(at(1_400), 200);
        assert_eq!(clock.offset(), Some(100), "the oldest is forgotten");
    }
}
