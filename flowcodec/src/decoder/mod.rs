//! The front door: datagrams and stream messages in, events out. No socket, no clock, no thread.

mod datagram;
mod events;
mod learn;
mod message;
mod samples;
mod sequence;
mod session;
mod sessions;
mod set;
mod settings;
mod snapshot;
mod sources;
mod status;
mod sweep;
mod walk;

use std::collections::VecDeque;
use std::sync::Arc;

pub use events::{
    Event, ExporterChange, ExporterEvent, FaultEvent, SamplingEvent, SequenceChange, SequenceEvent, SequenceUnit, TemplateChange,
    TemplateEvent,
};
pub use settings::{ExporterSettings, Settings};
pub use snapshot::{Snapshot, SnapshotError};
pub use status::{ExporterStatus, FaultCounts, Stats};
pub use walk::Events;

use crate::context::Context;
use crate::error::{Fault, LimitedBy};
use crate::exporter::{Exporter, Session};
use crate::netflow5::Layouts;
use crate::record::{MOST_BASES, MOST_PLACES};
use crate::sflow::Places;
use crate::template::{Dialect, OwnerKey, SamplingChange, Slot, Store, Template, TemplateKind};
use crate::time::Timestamp;
use sessions::Sessions;

/// Decodes NetFlow v1, v5, v7, v9, IPFIX and sFlow v5.
///
/// Holds templates, samplers, sequence state and data that waits for its template, all under [`Limits`](crate::Limits). One decoder
/// belongs to one worker; nothing in it is shared or global.
///
/// ```
/// use flowcodec::{Decoder, Event, Exporter, Timestamp, field};
/// # let datagram = { let mut d = vec![0_u8; 72]; d[1] = 5; d[3] = 1; d[24..28].copy_from_slice(&[192, 0, 2, 1]); d };
/// let mut decoder = Decoder::default();
/// let exporter = Exporter::new("198.51.100.7".parse()?, 2055);
/// let mut events = decoder.datagram(exporter, Timestamp::from_seconds(1_700_000_000), &datagram);
/// while let Some(event) = events.next() {
///     match event {
///         Event::Flows(set) => {
///             for record in set {
///                 println!("{:?} {:?}", record.get(field::SRC_ADDR), record.get(field::OCTETS));
///             }
///         }
///         Event::Fault(event) => eprintln!("{}: {}", event.context.exporter, event.fault),
///         _ => {}
///     }
/// }
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug)]
pub struct Decoder {
    settings: Settings,
    layouts: Option<Arc<Layouts>>,
    store: Store,
    sessions: Sessions,
    stats: Stats,
    notes: VecDeque<Note>,
    /// Faults that belong to other messages than the one that was being read.
    faults_elsewhere: u64,
    /// Where the segments of the records of the set at hand begin, record by record; empty when they have one each. Room for it is made
    /// once and for all.
    bases: Vec<u32>,
    /// Where the records of each sFlow sample of the run at hand stand, of the commonest samples. Room for it, too.
    places: Vec<Option<Places>>,
}

/// An event without a borrow, on its way out.
#[derive(Debug, Clone, Copy)]
struct Note {
    context: Context,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    Template { id: u16, kind: TemplateKind, change: TemplateChange, slot: Option<Slot> },
    Sampling(SamplingChange),
    Sequence(SequenceChange),
    Exporter(ExporterChange),
    Fault(Fault),
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

impl Decoder {
    /// A decoder that knows nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let layouts = Layouts::of_settings(&settings.schema, &settings.elements);
        let store = Store::new(settings.scope);
        Self {
            settings,
            layouts,
            store,
            sessions: Sessions::new(),
            stats: Stats::default(),
            notes: VecDeque::new(),
            faults_elsewhere: 0,
            bases: Vec::with_capacity(MOST_BASES),
            places: Vec::with_capacity(MOST_PLACES),
        }
    }

    /// Decodes one UDP datagram. What is not asked of the events is still learned: dropping them reads the datagram to its end.
    ///
    /// Cost: linear in the datagram; no allocation unless something is learned or has to wait.
    #[inline]
    pub fn datagram<'d>(&'d mut self, exporter: Exporter, received: Timestamp, bytes: &'d [u8]) -> Events<'d> {
        Events::datagram(self, exporter, received, bytes)
    }

    /// Decodes one message of a byte stream, as an [`ipfix::Framer`](crate::ipfix::Framer) cuts them. Templates belong to the session
    /// alone, and withdrawals take effect.
    pub fn message<'d>(&'d mut self, session: Session, received: Timestamp, bytes: &'d [u8]) -> Events<'d> {
        Events::message(self, session, received, bytes)
    }

    /// A stream has ended: its templates and all its other state go.
    pub fn close(&mut self, session: Session) -> Events<'_> {
        let now = self
            .store
            .find_owner(OwnerKey::Stream(session))
            .and_then(|owner| self.store.owner_state(owner))
            .map(|state| state.heard);
        self.forget(OwnerKey::Stream(session), now.unwrap_or_default(), ExporterChange::Closed);
        Events::notes(self)
    }

    /// Time has passed: what was not renewed in time goes. The only way time passes here; once a second is often enough, and a
    /// decoder that is never ticked never forgets.
    pub fn tick(&mut self, now: Timestamp) -> Events<'_> {
        Events::tick(self, now)
    }

    /// The input has ended: data that still waits for its template is reported. Everything learned stays.
    pub fn finish(&mut self) -> Events<'_> {
        Events::finish(self)
    }

    /// All that was learned, to start another decoder warm: templates, samplers, sequence numbers, run-time elements. Streams, which
    /// do not outlive their process, are left out, and so is data that waits.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        snapshot::take(self)
    }

    /// Learns all that a snapshot holds, in addition to what is known; what is known better stays.
    ///
    /// # Errors
    /// When the snapshot has another format version.
    pub fn restore(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        snapshot::restore(self, snapshot)
    }

    /// Who was heard, one for each transport source (address and port), protocol, and observation domain or sFlow agent and sub-agent.
    pub fn exporters(&self) -> impl Iterator<Item = ExporterStatus> + '_ {
        self.sessions.statuses(&self.store)
    }

    /// All templates that are known now, with the exporter's address, the protocol's dialect and the observation domain.
    pub fn templates(&self) -> impl Iterator<Item = TemplateInfo<'_>> {
        self.store.all_templates().map(|(scope, entry)| TemplateInfo {
            exporter: self
                .store
                .owner_state(scope.owner)
                .map_or(Exporter::UNSPECIFIED, |state| exporter_of(state.key, scope.port)),
            dialect: scope.dialect,
            domain: scope.domain,
            refreshed: entry.refreshed,
            template: &entry.template,
        })
    }

    /// Counters.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Bytes of state held for all exporters, by the account that [`Limits::total_bytes`](crate::Limits::total_bytes) caps.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        self.store.bytes()
    }

    /// The settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether something is to be told before anything else is read.
    #[inline]
    fn is_loud(&self) -> bool {
        !self.notes.is_empty() || self.store.has_gone() || self.store.has_ready()
    }

    /// Forgets an exporter or stream, and notes what that costs.
    fn forget(&mut self, key: OwnerKey, now: Timestamp, change: ExporterChange) {
        let Some(owner) = self.store.find_owner(key) else { return };
        if let Some(key) = self.store.remove_owner(owner, LimitedBy::Datagram) {
            self.gone(owner, key, now, change);
        }
    }
}

/// One template a decoder knows.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct TemplateInfo<'a> {
    /// Whose it is; port 0 unless ports are part of the scope.
    pub exporter: Exporter,
    /// v9 or IPFIX.
    pub dialect: Dialect,
    /// Observation domain.
    pub domain: u32,
    /// When it was last announced.
    pub refreshed: Timestamp,
    /// The template.
    pub template: &'a Template,
}

/// The exporter behind a key; over UDP the port is known only where it is part of the scope.
fn exporter_of(key: OwnerKey, port: u16) -> Exporter {
    match key {
        OwnerKey::Address(octets) => Exporter::new(std::net::Ipv6Addr::from(octets).into(), port),
        OwnerKey::Stream(session) => session.exporter,
    }
}
