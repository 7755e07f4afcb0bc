//! What everything meets in: the collector, who feeds it, and who wants to know.
//!
//! Feeds write (`message`, `tick`), one at a time; questions read, many at a time. Changes are taken from the collector right behind each
//! write, summed up for `/metrics`, written as flows, and told to whoever watches.

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flowcodec::Timestamp;
use tokio::sync::broadcast;
use vanflow::collector::{Change, Collector, Command, RecordChange, RecordId, Settings, SourceChange};
use vanflow::record::{Class, RecordType};

use crate::metrics::Totals;
use crate::ndjson::FlowWriter;
use crate::room::{Held, Room};

/// A change of a record, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) id: RecordId,
    pub(crate) record_type: RecordType,
    pub(crate) what: RecordChange,
}

/// How long to wait for what is not known of a flow, in nanoseconds: the other side of a pair, sites, processes. Longer than a source takes
/// to answer FLUSH, and than a client may be unknown before it is inferred.
pub(crate) const LINGER: i64 = 20_000_000_000;

/// A change of a record, for whoever watches; what is said of it is written once for all of them.
#[derive(Debug, Clone)]
pub(crate) struct Announced {
    pub(crate) id: RecordId,
    line: Arc<OnceLock<Option<(String, Held)>>>,
}

impl Announced {
    fn new(id: RecordId) -> Self {
        Self { id, line: Arc::default() }
    }

    /// What is said of it: by whoever asks first, and for all of them where there is room to keep it.
    pub(crate) fn line(&self, room: &Room, write: impl Fn() -> String) -> Cow<'_, str> {
        let kept = self.line.get_or_init(|| {
            let line = write();
            let held = room.take(line.len())?;
            Some((line, held))
        });
        kept.as_ref().map_or_else(|| write().into(), |(line, _)| line.into())
    }
}

/// Changes that a slow watcher may be behind; a slower one is let go, and asks anew.
pub(crate) const WATCH_BEHIND: usize = 4_096;

/// What was done for those who asked.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Questions that were worked on; the others were answered by what had been made for one before.
    pub(crate) questions: AtomicU64,
    /// Changed records that were written out for those who watch, once for all of them.
    pub(crate) told: AtomicU64,
    /// Requests and connections that were refused because of a limit.
    pub(crate) refused: AtomicU64,
    /// Connections that were ended because what was sent was not taken.
    pub(crate) cut: AtomicU64,
}

/// Whose clock counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// This machine's.
    Live,
    /// That of a recording: the time of its last message.
    Recording,
}

/// How it stands with the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedState {
    /// A connection is being made, or waited for.
    Connecting {
        /// Why there is none, if there was one or it failed.
        reason: Option<String>,
    },
    /// Connected to the router.
    Connected,
    /// A recording is being played.
    Playing,
    /// A recording is over; its clock stands still.
    Played,
}

/// What happened, for the page.
#[derive(Debug, Clone)]
pub(crate) struct Happening {
    pub(crate) at: Timestamp,
    pub(crate) what: &'static str,
    pub(crate) whom: String,
}

/// Happenings that are kept.
const HAPPENINGS: usize = 100;

/// All that is shared.
#[derive(Debug)]
pub struct Hub {
    inner: RwLock<Inner>,
    told: broadcast::Sender<Announced>,
    clock: Clock,
    /// That of `inner`, to be asked without waiting.
    version: AtomicU64,
    pub(crate) http: Counters,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) collector: Collector,
    pub(crate) totals: Totals,
    pub(crate) feed: FeedState,
    pub(crate) feed_name: String,
    pub(crate) connects: u64,
    /// Messages that a connection did not take, too large or aborted.
    pub(crate) passed_over: u64,
    pub(crate) happenings: VecDeque<Happening>,
    /// Counts what is seen: whoever has seen this number has seen all.
    pub(crate) version: u64,
    pub(crate) flows: Option<FlowWriter>,
}

impl Hub {
    /// A hub whose collector knows nothing yet. `feed_name` is what people call the feed: a router's address, or a file.
    #[must_use]
    pub fn new(settings: Settings, clock: Clock, feed_name: &str, mut flows: Option<FlowWriter>) -> Arc<Self> {
        if let Some(flows) = &mut flows {
            flows.fit(&settings);
        }
        let inner = Inner {
            collector: Collector::new(settings),
            totals: Totals::default(),
            feed: if clock == Clock::Live { FeedState::Connecting { reason: None } } else { FeedState::Playing },
            feed_name: feed_name.to_owned(),
            connects: 0,
            passed_over: 0,
            happenings: VecDeque::new(),
            version: 0,
            flows,
        };
        let (inner, told) = (RwLock::new(inner), broadcast::Sender::new(WATCH_BEHIND));
        Arc::new(Self { inner, told, clock, version: AtomicU64::new(0), http: Counters::default() })
    }

    /// The time that counts.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.time(&self.read())
    }

    /// The same, for who has the hub open already.
    pub(crate) fn time(&self, inner: &Inner) -> Timestamp {
        match self.clock {
            Clock::Live => wall_clock(),
            Clock::Recording => inner.collector.now(),
        }
    }

    /// Takes a message. What cannot be read costs only itself, is counted, and now and then said.
    pub fn message(&self, now: Timestamp, link: &str, octets: &[u8]) {
        self.write(|inner| {
            if let Err(fault) = inner.collector.message(now, link, octets) {
                let bad = inner.collector.stats().bad_messages;
                if bad.is_power_of_two() {
                    eprintln!("van-collector: a message on {link:?} cannot be read: {fault} ({bad} so far)");
                }
            }
        });
    }

    /// Makes time pass.
    pub fn tick(&self, now: Timestamp) {
        self.pass(|inner| inner.collector.tick(now));
    }

    /// Makes time pass up to `now`, one step after the other, as a clock would.
    pub fn tick_through(&self, now: Timestamp) {
        // Each step settles what was due; one that settles nothing would be due forever.
        let mut last = None;
        while let Some(due) = self.next_tick().filter(|due| *due <= now && last != Some(*due)) {
            self.tick(due);
            last = Some(due);
        }
    }

    /// When [`tick`](Self::tick) has something to do.
    #[must_use]
    pub fn next_tick(&self) -> Option<Timestamp> {
        self.read().collector.next_tick()
    }

    /// The connection is there (again): everything is subscribed to and asked for.
    pub fn connected(&self, now: Timestamp) {
        self.write(|inner| {
            inner.connects += 1;
            inner.collector.reconnected(now);
            inner.feed = FeedState::Connected;
            inner.happens(now, "connected", inner.feed_name.clone());
        });
    }

    /// The connection did not take so many messages.
    pub(crate) fn passed_over(&self, messages: u64) {
        if messages > 0 {
            self.write(|inner| inner.passed_over = inner.passed_over.saturating_add(messages));
        }
    }

    /// How it stands with the feed.
    pub fn set_feed(&self, now: Timestamp, state: FeedState) {
        self.write(|inner| {
            if let FeedState::Connecting { reason: Some(reason) } = &state
                && inner.feed == FeedState::Connected
            {
                inner.happens(now, "connection lost", reason.clone());
            }
            inner.feed = state;
        });
    }

    /// What the connection has to do.
    #[must_use]
    pub fn commands(&self) -> Vec<Command> {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        core::iter::from_fn(|| inner.collector.poll_command()).collect()
    }

    /// Nothing more will come: what was not written is.
    pub fn finish(&self) {
        self.write(|inner| {
            inner.totals.finish(&inner.collector);
            if let Some(flows) = &mut inner.flows {
                flows.finish(&inner.collector);
            }
        });
    }

    /// The same, and waits until it is written.
    ///
    /// # Errors
    /// When a flow was lost, with how many and why.
    pub fn close(&self) -> anyhow::Result<()> {
        self.finish();
        let flows = self.inner.write().unwrap_or_else(PoisonError::into_inner).flows.take();
        flows.map_or(Ok(()), FlowWriter::close)
    }

    /// Looks at the collector. Nothing is taken in meanwhile.
    pub fn look<R>(&self, at: impl FnOnce(&Collector) -> R) -> R {
        at(&self.read().collector)
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn watch(&self) -> broadcast::Receiver<Announced> {
        self.told.subscribe()
    }

    /// Which version of all that is shared counts now.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Changes something that is seen.
    fn write(&self, change: impl FnOnce(&mut Inner)) {
        self.pass(|inner| {
            inner.version += 1;
            change(inner);
        });
    }

    /// The same where time passes, which is seen only by the changes it makes.
    fn pass(&self, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut inner);
        self.settle(&mut inner);
        self.version.store(inner.version, Ordering::Release);
    }

    fn settle(&self, inner: &mut RwLockWriteGuard<'_, Inner>) {
        let mut lost = 0;
        while let Some(change) = inner.collector.poll_change() {
            inner.version += 1;
            match change {
                Change::Record { what, id, record_type, .. } => {
                    let told = Told { id, record_type, what };
                    let Inner { collector, totals, flows, .. } = &mut **inner;
                    totals.change(collector, told);
                    if let Some(flows) = flows {
                        flows.change(collector, told);
                    }
                    if self.told.receiver_count() > 0 {
                        // The last one may have gone just now.
                        let _ = self.told.send(Announced::new(id));
                    }
                }
                Change::Source { what, id } => {
                    let now = inner.collector.now();
                    inner.happens(now, word(what), id.to_string());
                }
                Change::Replaced { old, new } => {
                    inner.totals.carry(old, new);
                    if let Some(flows) = &mut inner.flows {
                        flows.replaced(old, new);
                    }
                }
                Change::Lost(changes) => lost = changes,
                _ => {}
            }
        }
        // Those that were not lost come first: what they say is gone has its accounts still, and is not missed twice.
        if lost > 0 {
            eprintln!("van-collector: {lost} changes came faster than they were read: all records are read again");
            inner.read_again();
        }
        let Inner { collector, totals, flows, .. } = &mut **inner;
        totals.settle(collector);
        if let Some(flows) = flows {
            flows.settle(collector);
        }
    }
}

impl Inner {
    /// Changes were lost, nobody knows of what: looks at all flows as if each had changed.
    fn read_again(&mut self) {
        let Self { collector, totals, flows, .. } = self;
        let held: HashSet<u64> = collector.records_of_class(Class::Flow).map(|view| view.id().serial()).collect();
        totals.retain(&held);
        if let Some(flows) = flows {
            flows.retain(&held);
        }
        for view in collector.records_of_class(Class::Flow) {
            let told = Told { id: view.id(), record_type: view.record_type(), what: RecordChange::Updated };
            totals.change(collector, told);
            if let Some(flows) = flows {
                flows.change(collector, told);
            }
        }
    }

    fn happens(&mut self, at: Timestamp, what: &'static str, whom: String) {
        if self.happenings.len() >= HAPPENINGS {
            self.happenings.pop_front();
        }
        self.happenings.push_back(Happening { at, what, whom });
    }
}

const fn word(change: SourceChange) -> &'static str {
    match change {
        SourceChange::Appeared => "source appeared",
        SourceChange::Restarted => "source restarted",
        SourceChange::Silent => "source fell silent",
        SourceChange::Returned => "source returned",
        SourceChange::Removed => "source forgotten",
        _ => "source changed",
    }
}

/// This machine's clock, read once: from then on it only goes on, however the clock is set.
pub(crate) fn wall_clock() -> Timestamp {
    static START: OnceLock<(Duration, Instant)> = OnceLock::new();
    let (wall, start) = START.get_or_init(|| (SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(), Instant::now()));
    let since = wall.saturating_add(start.elapsed());
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
