//! A decoder and what it owes after every call.

use flowcodec::{Decoder, Event, Events, Exporter, ExporterChange, Session, Settings, Snapshot, Timestamp};

use crate::read::{Reader, Reading};

/// A decoder whose books are checked after every call:
///
/// - octets given = decoded + reported + pending, and what the faults cost is what was reported;
/// - what is held is under the ceiling;
/// - events and records are bounded by the octets given and the state that was there.
#[derive(Debug)]
pub struct Audit {
    decoder: Decoder,
    reader: Reader,
    given: u64,
    reported: u64,
    records: u64,
    unknown: u64,
    chance: bool,
}

impl Audit {
    /// A fresh decoder.
    #[must_use]
    pub fn new(settings: Settings, reading: Reading) -> Self {
        Self {
            decoder: Decoder::new(settings),
            reader: Reader::new(reading),
            given: 0,
            reported: 0,
            records: 0,
            unknown: 0,
            chance: false,
        }
    }

    /// A decoder that starts with what another has learned.
    ///
    /// # Panics
    /// When the snapshot is refused.
    #[must_use]
    pub fn restored(settings: Settings, reading: Reading, snapshot: &Snapshot) -> Self {
        let mut audit = Self::new(settings, reading);
        assert_eq!(audit.decoder.restore(snapshot), Ok(()));
        audit.settle(0);
        audit
    }

    /// One datagram.
    ///
    /// # Panics
    /// When an invariant does not hold; so do all the others here.
    pub fn datagram(&mut self, exporter: Exporter, received: Timestamp, bytes: &[u8]) {
        self.call(Call::Datagram(exporter, received, bytes));
    }

    /// One message of a stream.
    ///
    /// # Panics
    /// As [`datagram`](Self::datagram).
    pub fn message(&mut self, session: Session, received: Timestamp, bytes: &[u8]) {
        self.call(Call::Message(session, received, bytes));
    }

    /// A stream has ended.
    ///
    /// # Panics
    /// As [`datagram`](Self::datagram).
    pub fn close(&mut self, session: Session) {
        self.call(Call::Close(session));
    }

    /// Time has passed.
    ///
    /// # Panics
    /// As [`datagram`](Self::datagram).
    pub fn tick(&mut self, now: Timestamp) {
        self.call(Call::Tick(now));
    }

    /// The input has ended: nothing is pending.
    ///
    /// # Panics
    /// As [`datagram`](Self::datagram).
    pub fn finish(&mut self) {
        self.call(Call::Finish);
        assert_eq!(self.decoder.stats().bytes_pending, 0, "nothing waits after the end");
    }

    /// Ends this decoder and starts another from its snapshot, by way of JSON.
    ///
    /// # Panics
    /// As [`datagram`](Self::datagram), and when the snapshot does not survive.
    pub fn restart(&mut self) {
        self.finish();
        let snapshot = self.decoder.snapshot();
        let written = serde_json::to_vec(&snapshot);
        assert!(written.is_ok(), "{written:?}");
        let read = serde_json::from_slice::<Snapshot>(&written.unwrap_or_default());
        assert!(read.is_ok(), "{read:?}");
        let Ok(read) = read else { return };
        assert_eq!(read, snapshot, "a snapshot comes back from JSON");
        self.decoder = Decoder::new(self.decoder.settings().clone());
        assert_eq!(self.decoder.restore(&read), Ok(()));
        (self.given, self.reported, self.records, self.unknown) = (0, 0, 0, 0);
        self.settle(0);
    }

    /// What was learned.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.decoder.snapshot()
    }

    /// The decoder.
    #[must_use]
    pub const fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// A number for all that was said: events, elements, fields. Of a [`Reading::Cheap`] one it says nothing; `None` where something
    /// was left to chance: which data source of sFlow goes when there are too many is nobody's to know.
    #[must_use]
    pub fn digest(&self) -> Option<u64> {
        (!self.chance).then(|| self.reader.digest.finish())
    }

    fn call(&mut self, call: Call<'_>) {
        let octets = match call {
            Call::Datagram(_, _, bytes) | Call::Message(_, _, bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Call::Close(_) | Call::Tick(_) | Call::Finish => 0,
        };
        self.given = self.given.saturating_add(octets);
        let stats = self.decoder.stats();
        // Every record has an octet at least; other events come from an octet, from state that goes, or once a message.
        let most_records = octets.saturating_add(stats.bytes_pending);
        let held = u64::try_from(self.decoder.bytes_held()).unwrap_or(u64::MAX);
        let most_events = octets.saturating_mul(4).saturating_add(stats.bytes_pending).saturating_add(held).saturating_add(16);
        let Self { decoder, reader, reported, records, unknown, chance, .. } = self;
        let (mut seen, mut seen_records, mut seen_unknown) = (0_u64, 0_u64, 0_u64);
        let mut events = call.begin(decoder);
        while let Some(event) = events.next() {
            seen = seen.saturating_add(1);
            if reader.full() {
                reader.digest.event(&event);
            }
            match event {
                Event::Flows(set) | Event::Options(set) | Event::Counters(set) => {
                    seen_records = seen_records.saturating_add(u64::from(set.len()));
                    reader.set(set);
                }
                Event::Unknown(set) => {
                    seen_unknown = seen_unknown.saturating_add(u64::from(set.len()));
                    reader.set(set);
                }
                Event::Exporter(event) => *chance |= matches!(event.change, ExporterChange::SourceEvicted(_)),
                Event::Fault(event) => {
                    assert!(!event.fault.to_string().is_empty());
                    *reported = reported.saturating_add(u64::from(event.fault.bytes));
                }
                _ => {}
            }
        }
        drop(events);
        *records = records.saturating_add(seen_records);
        *unknown = unknown.saturating_add(seen_unknown);
        let seen_records = seen_records.saturating_add(seen_unknown);
        assert!(seen_records <= most_records, "{seen_records} records from {most_records} octets");
        assert!(seen <= most_events, "{seen} events from {octets} octets");
        self.settle(octets);
    }

    fn settle(&mut self, octets: u64) {
        let stats = self.decoder.stats();
        assert_eq!(stats.bytes, self.given, "octets given");
        assert_eq!(
            stats.bytes_decoded.saturating_add(stats.bytes_reported).saturating_add(stats.bytes_pending),
            stats.bytes,
            "octets decoded, reported and pending after {octets} more: {stats:?}"
        );
        assert_eq!(stats.bytes_reported, self.reported, "the faults cost what was reported");
        assert_eq!(stats.flows.saturating_add(stats.options).saturating_add(stats.counters), self.records, "records counted");
        assert_eq!(stats.unknown_samples, self.unknown, "samples of unknown formats counted");
        let (held, ceiling) = (self.decoder.bytes_held(), self.decoder.settings().limits.total_bytes);
        assert!(held <= ceiling, "{held} bytes held, {ceiling} allowed");
        if self.reader.full() {
            let domains = self.decoder.exporters().count();
            let templates = self.decoder.templates().count();
            self.reader.digest.add((domains, templates));
            self.reader.digest.debug(stats);
        }
    }
}

/// One call of a decoder.
#[derive(Clone, Copy)]
enum Call<'a> {
    Datagram(Exporter, Timestamp, &'a [u8]),
    Message(Session, Timestamp, &'a [u8]),
    Close(Session),
    Tick(Timestamp),
    Finish,
}

impl<'a> Call<'a> {
    fn begin(self, decoder: &'a mut Decoder) -> Events<'a> {
        match self {
            Self::Datagram(exporter, received, bytes) => decoder.datagram(exporter, received, bytes),
            Self::Message(session, received, bytes) => decoder.message(session, received, bytes),
            Self::Close(session) => decoder.close(session),
            Self::Tick(now) => decoder.tick(now),
            Self::Finish => decoder.finish(),
        }
    }
}
