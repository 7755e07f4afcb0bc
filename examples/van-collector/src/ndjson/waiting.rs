//! Flows that are over and wait until all of them is known. Each is looked at less and less often, so that many that wait cost little.

use std::collections::VecDeque;

use flowcodec::Timestamp;
use vanflow::collector::RecordId;

use crate::hub::LINGER;

/// How long after it came a flow is looked at: nanoseconds, the last is the longest that one may wait.
const LOOKS: [i64; 8] = [0, 200_000_000, 600_000_000, 1_400_000_000, 3_000_000_000, 6_000_000_000, 12_000_000_000, LINGER];

/// Those that wait, by the look that comes next. What is in one queue came in this order, so the front is the first whose time comes.
#[derive(Debug)]
pub(super) struct Waiting {
    queues: [VecDeque<(Timestamp, RecordId)>; LOOKS.len()],
    linger: i64,
}

/// One whose time has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiter {
    pub(super) id: RecordId,
    /// Whether it waits no longer.
    pub(super) due: bool,
    since: Timestamp,
    look: usize,
}

impl Waiting {
    pub(super) fn new() -> Self {
        Self { queues: Default::default(), linger: LINGER }
    }

    /// None waits for longer than that, in nanoseconds.
    pub(super) fn at_most(&mut self, linger: i64) {
        self.linger = linger.min(LINGER);
    }

    pub(super) fn len(&self) -> usize {
        self.queues.iter().map(VecDeque::len).sum()
    }

    pub(super) fn push(&mut self, now: Timestamp, id: RecordId) {
        let [first, ..] = &mut self.queues;
        first.push_back((now, id));
    }

    /// One to look at now.
    pub(super) fn next(&mut self, now: Timestamp) -> Option<Waiter> {
        for (look, (queue, after)) in self.queues.iter_mut().zip(LOOKS).enumerate() {
            if let Some(&(since, id)) = queue.front().filter(|(since, _)| now.since(*since) >= after.min(self.linger)) {
                queue.pop_front();
                return Some(Waiter { id, due: now.since(since) >= self.linger, since, look });
            }
        }
        None
    }

    /// The one that waited longest.
    pub(super) fn oldest(&mut self) -> Option<RecordId> {
        self.queues.iter_mut().rev().find_map(VecDeque::pop_front).map(|(_, id)| id)
    }

    /// It has to wait on.
    pub(super) fn again(&mut self, waiter: Waiter) {
        if let Some(queue) = self.queues.get_mut(waiter.look + 1) {
            queue.push_back((waiter.since, waiter.id));
        }
    }
}
