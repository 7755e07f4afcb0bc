//! Records and sources as they are shown: borrowed from the collector, references resolved when they are asked for.

use core::fmt;

use flowcodec::{Text, Timestamp};

use super::Collector;
use super::slab::Key;
use super::sources::{Source, micros};
use super::store::{Epoch, Held, Node, Record};
use crate::record::{Attribute, Class, RecordType, Scalar};

/// A handle to a record. It leads to nothing once the record is gone, also when its place is used again.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordId {
    index: u32,
    serial: u64,
}

impl RecordId {
    pub(super) const fn new(key: Key<Record>, serial: u64) -> Self {
        Self { index: key.index(), serial }
    }

    pub(super) const fn key(self) -> Key<Record> {
        Key::at(self.index)
    }

    /// A number that no other record of this collector has or had; in the order in which they appeared.
    #[must_use]
    pub const fn serial(self) -> u64 {
        self.serial
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}", self.serial)
    }
}

/// Who says that a record ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EndedBy {
    /// Its source.
    Source,
    /// Inferred: its source restarted.
    Restart,
    /// Inferred: its source fell silent.
    Silence,
}

/// A record. Cheap to copy; all of it is read from the collector when asked for.
#[derive(Clone, Copy)]
pub struct RecordView<'a> {
    pub(super) collector: &'a Collector,
    pub(super) key: Key<Record>,
    pub(super) record: &'a Record,
}

impl<'a> RecordView<'a> {
    /// Its handle.
    #[must_use]
    pub const fn id(&self) -> RecordId {
        RecordId::new(self.key, self.record.serial)
    }

    /// Its identity: opaque, and used again after a restart of its source.
    #[must_use]
    pub fn identity(&self) -> Text<'a> {
        self.collector.store.name(self.record.node)
    }

    /// Its type.
    #[must_use]
    pub const fn record_type(&self) -> RecordType {
        self.record.kind
    }

    /// The source that describes it.
    #[must_use]
    pub fn source(&self) -> Option<SourceView<'a>> {
        let key = self.epoch()?.source;
        Some(SourceView { collector: self.collector, key, source: self.collector.sources.get(key)? })
    }

    /// How often its source had restarted, or had been silent, when it was described.
    #[must_use]
    pub fn epoch_number(&self) -> u64 {
        self.epoch().map_or(0, |epoch| epoch.number)
    }

    fn epoch(&self) -> Option<&'a Epoch> {
        self.collector.store.epochs.get(self.record.epoch)
    }

    /// One attribute, as the last update that had it said.
    #[must_use]
    pub fn get(&self, attribute: Attribute) -> Option<Scalar<'a>> {
        self.record.held(attribute).map(|held| self.scalar(held))
    }

    /// All attributes beside type and identity, by code.
    pub fn attributes(&self) -> impl Iterator<Item = (Attribute, Scalar<'a>)> + use<'a> {
        let view = *self;
        self.record.attributes.iter().map(move |(attribute, held)| (*attribute, view.scalar(held)))
    }

    fn scalar(&self, held: &'a Held) -> Scalar<'a> {
        match held {
            Held::Number(number) => Scalar::Number(*number),
            Held::Text(text) => Scalar::Text(Text::new(text)),
            Held::Reference(node) => Scalar::Text(self.collector.store.name(*node)),
        }
    }

    /// A number.
    #[must_use]
    pub fn number(&self, attribute: Attribute) -> Option<u64> {
        self.record.number(attribute)
    }

    /// A text that is not empty.
    #[must_use]
    pub fn text(&self, attribute: Attribute) -> Option<Text<'a>> {
        self.get(attribute)?.text().filter(|text| !text.is_empty())
    }

    /// The record that an attribute refers to: its identity, and the record if somebody describes it.
    #[must_use]
    pub fn reference(&self, attribute: Attribute) -> Option<Reference<'a>> {
        Some(Reference { from: *self, node: self.record.reference(attribute)? })
    }

    /// The record it belongs to.
    #[must_use]
    pub fn parent(&self) -> Option<Reference<'a>> {
        self.reference(Attribute::PARENT)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> Option<Text<'a>> {
        self.text(Attribute::NAME)
    }

    /// When it began, by its source's clock.
    #[must_use]
    pub fn start(&self) -> Option<Timestamp> {
        self.number(Attribute::START_TIME).and_then(micros)
    }

    /// When it ended: what its source said, by its source's clock; else when an end was inferred, by the receiver's. `None` while it
    /// lives.
    #[must_use]
    pub fn end(&self) -> Option<Timestamp> {
        match self.record.ended? {
            (EndedBy::Source, at) => self.number(Attribute::END_TIME).and_then(micros).or(Some(at)),
            (_, at) => Some(at),
        }
    }

    /// Who says that it ended; `None` while it lives.
    #[must_use]
    pub fn ended(&self) -> Option<EndedBy> {
        self.record.ended.map(|(by, _)| by)
    }

    /// Whether all of it was seen: its start was told. What was first seen between two updates is partial until FLUSH is answered.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.number(Attribute::START_TIME).is_some()
    }

    /// How many updates it had, those that said nothing too.
    #[must_use]
    pub const fn updates(&self) -> u64 {
        self.record.updates
    }

    /// When its first update came, by the receiver's clock.
    #[must_use]
    pub const fn first_heard(&self) -> Timestamp {
        self.record.created
    }

    /// When its last update came, by the receiver's clock.
    #[must_use]
    pub const fn last_heard(&self) -> Timestamp {
        self.record.heard
    }
}

impl fmt::Debug for RecordView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.record_type(), self.identity())?;
        f.debug_map().entries(self.attributes()).finish()
    }
}

/// A reference from one record to another.
#[derive(Clone, Copy)]
pub struct Reference<'a> {
    from: RecordView<'a>,
    pub(super) node: Key<Node>,
}

impl<'a> Reference<'a> {
    /// Identity of the record that is meant.
    #[must_use]
    pub fn identity(&self) -> Text<'a> {
        self.from.collector.store.name(self.node)
    }

    /// The record, if a source describes it. Of several descriptions, that of the referring record's own source and epoch; else the one
    /// that was there when the referring record began.
    #[must_use]
    pub fn record(&self) -> Option<RecordView<'a>> {
        let collector = self.from.collector;
        let (key, record) = collector.store.resolve(self.node, self.from.record)?;
        Some(RecordView { collector, key, record })
    }
}

impl fmt::Debug for Reference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.identity(), f)
    }
}

/// A source of messages.
#[derive(Clone, Copy)]
pub struct SourceView<'a> {
    collector: &'a Collector,
    key: Key<Source>,
    source: &'a Source,
}

impl<'a> SourceView<'a> {
    /// Its identity.
    #[must_use]
    pub fn id(&self) -> &'a str {
        &self.source.id
    }

    /// The address it sends to; `.flows`, `.logs` and `.heartbeats` are made from it.
    #[must_use]
    pub fn address(&self) -> &'a str {
        &self.source.address
    }

    /// The address that takes FLUSH; `None` until its BEACON came.
    #[must_use]
    pub fn direct(&self) -> Option<&'a str> {
        self.source.direct.as_deref()
    }

    /// `ROUTER`, `CONTROLLER` or another word; `None` until its BEACON came.
    #[must_use]
    pub fn source_type(&self) -> Option<&'a str> {
        self.source.kind.as_deref()
    }

    /// Whether it was not heard for [`Settings::silence`](super::Settings::silence).
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        self.source.silent
    }

    /// How often it restarted, or was silent and returned.
    #[must_use]
    pub const fn epoch_number(&self) -> u64 {
        self.source.epoch_number
    }

    /// When it was heard first since it was silent, by the receiver's clock.
    #[must_use]
    pub const fn first_heard(&self) -> Timestamp {
        self.source.first_heard
    }

    /// When it was heard last, by the receiver's clock.
    #[must_use]
    pub const fn last_heard(&self) -> Timestamp {
        self.source.last_heard
    }

    /// Heartbeats heard.
    #[must_use]
    pub const fn heartbeats(&self) -> u64 {
        self.source.beats
    }

    /// The longest time between two heartbeats, in nanoseconds, by the receiver's clock.
    #[must_use]
    pub const fn longest_gap_ns(&self) -> i64 {
        self.source.longest_gap
    }

    /// How far the receiver's clock is ahead of the source's, in nanoseconds, or behind if it is negative: what to add to a time of this
    /// source. It contains the least time that a heartbeat travelled. `None` before a heartbeat with a time.
    #[must_use]
    pub fn clock_offset_ns(&self) -> Option<i64> {
        self.source.clock.offset()
    }

    /// A time of this source by the receiver's clock, as well as it is known.
    #[must_use]
    pub fn corrected(&self, time: Timestamp) -> Timestamp {
        time.offset(self.clock_offset_ns().unwrap_or(0))
    }

    /// The records of its present epoch, in the order in which they appeared.
    pub fn records(&self) -> impl Iterator<Item = RecordView<'a>> + use<'a> {
        let collector = self.collector;
        let epoch = collector.store.epochs.get(self.source.epoch);
        let records = epoch.into_iter().flat_map(|epoch| epoch.records.iter(&collector.store.records));
        records.map(|(key, record)| RecordView { collector, key, record })
    }
}

impl fmt::Debug for SourceView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceView")
            .field("id", &self.id())
            .field("type", &self.source_type())
            .field("silent", &self.is_silent())
            .finish_non_exhaustive()
    }
}

impl PartialEq for SourceView<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Collector {
    /// All sources.
    pub fn sources(&self) -> impl Iterator<Item = SourceView<'_>> {
        self.sources.iter().map(|(key, source)| SourceView { collector: self, key, source })
    }

    /// The source of an identity.
    #[must_use]
    pub fn source(&self, id: &str) -> Option<SourceView<'_>> {
        let key = *self.by_id.get(id)?;
        Some(SourceView { collector: self, key, source: self.sources.get(key)? })
    }

    /// The record of a handle, if it is still held.
    #[must_use]
    pub fn record(&self, id: RecordId) -> Option<RecordView<'_>> {
        let record = self.store.records.get(id.key()).filter(|record| record.serial == id.serial())?;
        Some(RecordView { collector: self, key: id.key(), record })
    }

    /// The record of an identity: of several descriptions a live one, then the newest.
    #[must_use]
    pub fn find(&self, identity: &[u8]) -> Option<RecordView<'_>> {
        let (key, record) = self.store.best(self.store.node(identity)?)?;
        Some(RecordView { collector: self, key, record })
    }

    /// All descriptions of an identity: by several sources, or by several epochs of one.
    pub fn find_all(&self, identity: &[u8]) -> impl Iterator<Item = RecordView<'_>> {
        let versions = self.store.node(identity).into_iter().flat_map(|node| self.store.versions(node));
        versions.map(|(key, record)| RecordView { collector: self, key, record })
    }

    /// All records of a class, ended ones last, each in order of age.
    pub fn records_of_class(&self, class: Class) -> impl Iterator<Item = RecordView<'_>> {
        let ranks = self.store.ranks(class);
        let records = ranks.live.iter(&self.store.records).chain(ranks.ended.iter(&self.store.records));
        records.map(|(key, record)| RecordView { collector: self, key, record })
    }

    /// All records of a type, ended ones last, each in order of age. Goes over the records of the type's class.
    pub fn records(&self, of: RecordType) -> impl Iterator<Item = RecordView<'_>> {
        of.class().into_iter().flat_map(|class| self.records_of_class(class)).filter(move |view| view.record_type() == of)
    }

    /// All records held.
    pub fn all_records(&self) -> impl Iterator<Item = RecordView<'_>> {
        [Class::Element, Class::Flow, Class::Log].into_iter().flat_map(|class| self.records_of_class(class))
    }
}
