//! The records that a connection or request is made from.

use flowcodec::{Text, Timestamp};

use super::{Connection, Request};
use crate::collector::view::RecordView;
use crate::record::{Attribute, RecordType};

/// The records that something is made from.
#[derive(Clone, Copy)]
pub(super) enum Sides<'a> {
    Both(RecordView<'a>),
    Pair { listener: Option<RecordView<'a>>, connector: Option<RecordView<'a>> },
}

impl<'a> Sides<'a> {
    /// The record of the side where the client is, or what stands for it.
    pub(super) const fn first(self) -> Option<RecordView<'a>> {
        match self {
            Self::Both(view) => Some(view),
            Self::Pair { listener, connector } => match listener {
                Some(view) => Some(view),
                None => connector,
            },
        }
    }

    pub(super) const fn listener_side(self) -> Option<RecordView<'a>> {
        match self {
            Self::Both(view) => Some(view),
            Self::Pair { listener, .. } => listener,
        }
    }

    pub(super) const fn connector_side(self) -> Option<RecordView<'a>> {
        match self {
            Self::Both(view) => Some(view),
            Self::Pair { connector, .. } => connector,
        }
    }

    /// What the key is made of: in v1, the listener side's identity also where that side itself is missing.
    pub(super) fn identity(self) -> Text<'a> {
        match self {
            Self::Both(view) | Self::Pair { listener: Some(view), .. } => view.identity(),
            Self::Pair { connector: Some(view), .. } => {
                view.reference(Attribute::COUNTERFLOW).map_or_else(|| view.identity(), |reference| reference.identity())
            }
            Self::Pair { .. } => Text::default(),
        }
    }

    pub(super) fn text(self, attribute: Attribute) -> Option<Text<'a>> {
        let of = |view: Option<RecordView<'a>>| view.and_then(|view| view.text(attribute));
        of(self.listener_side()).or_else(|| of(self.connector_side()))
    }

    pub(super) fn octets(self) -> Option<u64> {
        self.listener_side()?.number(Attribute::OCTETS)
    }

    pub(super) fn octets_reverse(self) -> Option<u64> {
        match self {
            Self::Both(view) => view.number(Attribute::OCTETS_REVERSE),
            Self::Pair { connector, .. } => connector?.number(Attribute::OCTETS),
        }
    }

    pub(super) fn start(self) -> Option<Timestamp> {
        self.first()?.start()
    }

    /// Both sides have to end.
    pub(super) fn end(self) -> Option<Timestamp> {
        match self {
            Self::Pair { listener: Some(listener), connector: Some(connector) } => Some(listener.end()?.max(connector.end()?)),
            _ => self.first()?.end(),
        }
    }

    pub(super) fn counterpart(self) -> bool {
        matches!(self, Self::Both(_) | Self::Pair { listener: Some(_), connector: Some(_) })
    }
}

impl<'a> RecordView<'a> {
    /// The connection that this record is (a part of).
    #[must_use]
    pub fn connection(self) -> Option<Connection<'a>> {
        self.sides().filter(|_| !self.is_request()).map(Connection)
    }

    /// The request that this record is (a part of).
    #[must_use]
    pub fn request(self) -> Option<Request<'a>> {
        self.sides().filter(|_| self.is_request()).map(Request)
    }

    fn sides(self) -> Option<Sides<'a>> {
        match self.record_type() {
            RecordType::BIFLOW_TPORT | RecordType::BIFLOW_APP => Some(Sides::Both(self)),
            RecordType::FLOW => Some(match self.record.reference(Attribute::COUNTERFLOW) {
                Some(_) => {
                    let listener = self.reference(Attribute::COUNTERFLOW).and_then(|reference| reference.record());
                    Sides::Pair {
                        listener: listener.filter(|view| view.record_type() == RecordType::FLOW),
                        connector: Some(self),
                    }
                }
                None if self.is_of_connector() => Sides::Pair { listener: None, connector: Some(self) },
                None => Sides::Pair { listener: Some(self), connector: self.counterpart() },
            }),
            _ => None,
        }
    }

    /// The connector-side flow that names this one.
    fn counterpart(self) -> Option<Self> {
        let collector = self.collector;
        let node = collector.store.nodes.get(self.record.node)?;
        let views = node
            .counterparts
            .iter()
            .filter_map(|&key| Some(RecordView { collector, key, record: collector.store.records.get(key)? }));
        // After a restart the identity may mean another flow.
        views.max_by_key(|view| {
            let means_this = view.reference(Attribute::COUNTERFLOW).and_then(|reference| reference.record());
            (means_this.is_some_and(|record| record.key == self.key), view.record.serial)
        })
    }

    fn is_of_connector(self) -> bool {
        let mut parent = self.parent().and_then(|parent| parent.record());
        // The FLOW of a request lies on a FLOW; no deeper.
        if let Some(flow) = parent.filter(|parent| parent.record_type() == RecordType::FLOW) {
            if flow.record.reference(Attribute::COUNTERFLOW).is_some() {
                return true;
            }
            parent = flow.parent().and_then(|parent| parent.record());
        }
        parent.is_some_and(|parent| parent.record_type() == RecordType::CONNECTOR)
    }

    fn is_request(self) -> bool {
        match self.record_type() {
            RecordType::BIFLOW_APP => true,
            RecordType::FLOW => match self.parent().and_then(|parent| parent.record()) {
                Some(parent) => parent.record_type() == RecordType::FLOW,
                None => self.get(Attribute::METHOD).is_some() || self.get(Attribute::STREAM_ID).is_some(),
            },
            _ => false,
        }
    }

    /// Whether a pair is listed by this record: by the listener's side if it is held.
    pub(super) fn leads(self) -> bool {
        match self.sides() {
            Some(Sides::Pair { listener: Some(listener), .. }) => listener.key == self.key,
            Some(_) => true,
            None => false,
        }
    }
}
