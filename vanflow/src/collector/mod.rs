//! The collector: messages of all sources in, one view of the network out. No socket, no clock, no thread.
//!
//! ```text
//!   message(now, address, octets) ─► who sent it ─► which epoch ─► merge ─► changes
//!   tick(now)                     ─► silence, expiry, FLUSH that is due
//!   poll_command() ◄─ subscribe, unsubscribe, flush          poll_change() ◄─ what changed
//! ```
//!
//! # What it holds to
//!
//! - **Merging** takes the last value of each attribute, and never adds: a message that comes twice changes nothing, and messages of
//!   different addresses may overtake each other. Within one address the order received is the truth.
//! - **Nothing waits.** A record shows with its first update, with what is known of it. References are resolved when a view is read, so
//!   it does not matter what came first, and an update costs what it says, whatever is held.
//! - **A restart is noticed** by a message-id that falls within one source and address to a value not seen there lately, or by a record
//!   that has another start or type. What was known of the source ends, a new epoch begins, and FLUSH asks for everything again:
//!   identities are used again, and an epoch keeps two connections of one identity apart.
//! - **Silence ends.** Routers seldom say that their records end. When a source was not heard for [`Settings::silence`], they are taken
//!   for ended; when it is heard again, a record of the same start takes the place of the one before.
//! - **Memory is bounded** by [`Settings`], and what went is counted in [`Stats`].
//!
//! # Use
//!
//! Attach a receiver for each [`Command::Subscribe`], give every message to [`Collector::message`] with the address of the link it came
//! by, call [`Collector::tick`] when [`Collector::next_tick`] says, and carry out the commands. After a lost connection call
//! [`Collector::reconnected`].
//!
//! A recording, without any connection:
//!
//! ```
//! use flowcodec::Timestamp;
//! use vanflow::collector::{Collector, Settings};
//!
//! let index = include_str!("../../tests/data/v2-main.index.tsv");
//! let recording = include_bytes!("../../tests/data/v2-main.bin");
//! let mut collector = Collector::new(Settings::default());
//! for row in index.lines().skip(1) {
//!     let row: Vec<&str> = row.split('\t').collect();
//!     let (at, offset, length): (i64, usize, usize) = (row[1].parse()?, row[6].parse()?, row[7].parse()?);
//!     collector.message(Timestamp::from_nanos(at * 1000), row[2], &recording[offset..offset + length])?;
//! }
//! assert_eq!(collector.sources().count(), 3);
//! let echo = collector.connections().find(|connection| connection.address() == Some("echo:9090".into())).unwrap();
//! println!("{:?} -> {:?}: {:?} octets", echo.client_site(), echo.server_site(), echo.octets());
//! assert_eq!(echo.server_site().unwrap().identity(), "site-east-0002".into());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod change;
mod connection;
mod evict;
mod life;
mod merge;
mod network;
mod settings;
mod slab;
mod sources;
mod store;
mod tell;
mod view;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use flowcodec::{Fault, Timestamp};
use foldhash::fast::RandomState;

use crate::message::{Content, Message};
use crate::record::Class;
use change::Changes;
use slab::{Key, Slab};
use sources::{Place, Source};
use store::Store;

pub use change::{Change, Command, Identity, RecordChange, SourceChange};
pub use connection::{Connection, Missing, Process, Request};
pub use network::{InferredProcess, Link, Loss, Service};
pub use settings::{Settings, Stats};
pub use view::{EndedBy, RecordId, RecordView, Reference, SourceView};

/// The address that all sources announce themselves on.
const ALL: &str = "mc/sfe.all";

/// Takes messages, keeps the state of the network. See the [module](self).
#[derive(Debug)]
pub struct Collector {
    settings: Settings,
    stats: Stats,
    now: Timestamp,
    store: Store,
    sources: Slab<Source>,
    by_address: HashMap<Arc<str>, (Key<Source>, Place), RandomState>,
    by_id: HashMap<Arc<str>, Key<Source>, RandomState>,
    commands: VecDeque<Command>,
    changes: Changes,
}

/// What became of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Outcome {
    /// Updates that were merged.
    pub updates: u32,
    /// Updates that could not be read, are of a type that is not known, or were refused by a cap.
    pub skipped: u32,
    /// The first fault of a record inside the message.
    pub fault: Option<Fault>,
}

impl Collector {
    /// A collector that knows nothing. Its first command subscribes to the beacons.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let changes = Changes::new(settings.changes);
        Self {
            settings,
            stats: Stats::default(),
            now: Timestamp::EPOCH,
            store: Store::new(),
            sources: Slab::new(),
            by_address: HashMap::default(),
            by_id: HashMap::default(),
            commands: VecDeque::from([Command::Subscribe(ALL.into())]),
            changes,
        }
    }

    /// Takes one message, received at `now` by a link whose source address is `link`. Time never runs backwards: an earlier `now` counts
    /// as the latest one.
    ///
    /// Costs as much as the message says, whatever is held; a restart costs each record of the source once.
    ///
    /// # Errors
    /// When the message cannot be read; then it costs only itself. Records inside that cannot be read are in [`Outcome`].
    pub fn message(&mut self, now: Timestamp, link: &str, octets: &[u8]) -> Result<Outcome, Fault> {
        self.now = self.now.max(now);
        count(&mut self.stats.messages);
        let message = match Message::parse(octets) {
            Ok(message) => message,
            Err(fault) => {
                count(&mut self.stats.bad_messages);
                return Err(fault);
            }
        };
        let hash = message.id.map(|id| (id, self.store.hash(octets)));
        let mut outcome = Outcome::default();
        match message.content {
            Content::Beacon(beacon) => self.beacon(&beacon, link, hash),
            Content::Heartbeat(beat) => {
                if self.heard(link, hash).is_some() {
                    count(&mut self.stats.heartbeats);
                    if let Some(source) = self.by_address.get(link).and_then(|(key, _)| self.sources.get_mut(*key)) {
                        source.beat(self.now, beat.now_us);
                    }
                }
            }
            Content::Record(updates) => outcome = self.records_from(link, hash, &updates),
            Content::Flush | Content::Other(_) => count(&mut self.stats.other_subjects),
        }
        self.make_room();
        Ok(outcome)
    }

    /// The next thing to be done by the connection.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.commands.pop_front()
    }

    /// The next change. Whoever never polls may set [`Settings::changes`] to 0.
    pub fn poll_change(&mut self) -> Option<Change> {
        let change = self.changes.pop();
        self.polled(change.as_ref());
        change
    }

    /// What it did so far.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Its caps and times.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The latest time it was told.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// How many records of a class are held, ended ones too.
    #[must_use]
    pub const fn held(&self, class: Class) -> usize {
        self.store.held(class)
    }

    /// Octets of all records held, as they are accounted.
    #[must_use]
    pub const fn bytes_held(&self) -> usize {
        self.store.bytes()
    }
}

impl Default for Collector {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

const fn count(number: &mut u64) {
    *number = number.saturating_add(1);
}
