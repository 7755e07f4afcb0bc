//! What the store consists of.

use std::sync::Arc;

use flowcodec::Timestamp;

use crate::collector::slab::{Chain, Key, Lane, Link, Linked};
use crate::collector::sources::Source;
use crate::collector::view::EndedBy;
use crate::record::{Attribute, Class, RecordType};

/// An identity.
#[derive(Debug)]
pub(in crate::collector) struct Node {
    pub(in crate::collector) name: Arc<[u8]>,
    /// The newest version; the others follow it.
    pub(in crate::collector) versions: Option<Key<Record>>,
    /// Records that refer to it.
    pub(super) references: u32,
    /// Connector-side flows that name it as their counterflow; more than [`COUNTERPARTS`] are not kept.
    pub(in crate::collector) counterparts: Vec<Key<Record>>,
}

/// One pair has one counterpart; epochs may add some.
pub(super) const COUNTERPARTS: usize = 4;

/// A value of a record.
#[derive(Debug)]
pub(in crate::collector) enum Held {
    Number(u64),
    Text(Box<[u8]>),
    Reference(Key<Node>),
}

/// One description of one identity, by one epoch of one source.
#[derive(Debug)]
pub(in crate::collector) struct Record {
    pub(in crate::collector) serial: u64,
    pub(in crate::collector) kind: RecordType,
    pub(super) class: Class,
    pub(in crate::collector) node: Key<Node>,
    pub(in crate::collector) epoch: Key<Epoch>,
    /// By code.
    pub(in crate::collector) attributes: Vec<(Attribute, Held)>,
    pub(in crate::collector) created: Timestamp,
    pub(in crate::collector) heard: Timestamp,
    pub(in crate::collector) updates: u64,
    pub(in crate::collector) ended: Option<(EndedBy, Timestamp)>,
    pub(in crate::collector) next_version: Option<Key<Self>>,
    /// Whether a change of it waits to be polled.
    pub(in crate::collector) queued: bool,
    pub(super) bytes: usize,
    pub(super) by_class: Link<Self>,
    pub(super) by_epoch: Link<Self>,
}

impl Linked for Record {
    fn link(&mut self, lane: Lane) -> &mut Link<Self> {
        match lane {
            Lane::Class => &mut self.by_class,
            Lane::Epoch => &mut self.by_epoch,
        }
    }

    fn link_of(&self, lane: Lane) -> &Link<Self> {
        match lane {
            Lane::Class => &self.by_class,
            Lane::Epoch => &self.by_epoch,
        }
    }
}

impl Record {
    pub(in crate::collector) fn held(&self, attribute: Attribute) -> Option<&Held> {
        let place = self.attributes.binary_search_by_key(&attribute, |(code, _)| *code).ok()?;
        self.attributes.get(place).map(|(_, held)| held)
    }

    pub(in crate::collector) fn number(&self, attribute: Attribute) -> Option<u64> {
        if let Some(Held::Number(number)) = self.held(attribute) { Some(*number) } else { None }
    }

    pub(in crate::collector) fn reference(&self, attribute: Attribute) -> Option<Key<Node>> {
        if let Some(Held::Reference(node)) = self.held(attribute) { Some(*node) } else { None }
    }

    /// Whether the source says that it ended: 0, and an end before the start, say that it did not.
    pub(super) fn says_ended(&self) -> bool {
        self.number(Attribute::END_TIME).is_some_and(|end| end > 0 && end >= self.number(Attribute::START_TIME).unwrap_or(0))
    }
}

/// A time between two restarts of a source.
#[derive(Debug)]
pub(in crate::collector) struct Epoch {
    pub(in crate::collector) source: Key<Source>,
    pub(in crate::collector) number: u64,
    /// How and when it ended.
    pub(in crate::collector) ended: Option<(EndedBy, Timestamp)>,
    /// Records of it that are held.
    pub(in crate::collector) records: Chain<Record>,
    /// Of these, those of [`Class::Element`].
    pub(super) elements: usize,
    /// Whether its source still counts on it.
    pub(in crate::collector) kept: bool,
}

impl Epoch {
    /// One that its source counts on.
    pub(in crate::collector) const fn new(source: Key<Source>, number: u64) -> Self {
        Self { source, number, ended: None, records: Chain::new(Lane::Epoch), elements: 0, kept: true }
    }
}

/// What is known of the flows that name a parent.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) seen: u64,
    pub(super) held: u64,
}

/// What setting an attribute did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::collector) enum Set {
    Changed,
    Unchanged,
    Refused,
}

/// Live and ended records of one class, by age.
#[derive(Debug)]
pub(in crate::collector) struct Ranks {
    pub(in crate::collector) live: Chain<Record>,
    pub(in crate::collector) ended: Chain<Record>,
}

impl Held {
    pub(super) fn octets(&self) -> usize {
        if let Self::Text(text) = self { text.len() } else { 0 }
    }
}
