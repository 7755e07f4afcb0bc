//! What is shown as a line: a record that lies in a datagram, or a flow of its own.

use std::net::IpAddr;

use flowcodec::io::goflow2::Message;
use flowcodec::model::{Field, FieldId, FieldType, FieldValue, Flow};
use flowcodec::{Record, Timestamp, field};

/// One flow.
#[derive(Debug, Clone, Copy)]
pub enum Shown<'a> {
    /// As the decoder gives it.
    Record(Record<'a>),
    /// As it was read from goflow2's messages.
    Flow(&'a Flow),
}

impl<'a> Shown<'a> {
    /// The value of a field, if there is one.
    #[must_use]
    pub fn value(&self, id: FieldId) -> Option<FieldValue<'a>> {
        match self {
            Self::Record(record) => record.value(id),
            Self::Flow(flow) => flow.value(id),
        }
    }

    /// The same for a field whose type is known.
    #[must_use]
    pub fn get<T: FieldType>(&self, field: Field<T>) -> Option<T::Out<'a>> {
        match self {
            Self::Record(record) => record.get(field),
            Self::Flow(flow) => flow.get(field),
        }
    }

    /// When it came in; `None` when goflow2 did not say.
    #[must_use]
    pub fn received(&self) -> Option<Timestamp> {
        match self {
            Self::Record(record) => Some(record.context().received),
            Self::Flow(_) => self.get(field::RECEIVED),
        }
    }

    /// Who sent it, as far as that is known.
    #[must_use]
    pub fn exporter(&self) -> Option<IpAddr> {
        match self {
            Self::Record(record) => Some(record.context().exporter.address()),
            Self::Flow(_) => self.get(field::EXPORTER).or_else(|| self.get(field::AGENT)),
        }
    }

    /// To be written as goflow2's message.
    #[must_use]
    pub fn message(&self) -> Message<'a> {
        match self {
            Self::Record(record) => Message::from(record),
            Self::Flow(flow) => Message::from(*flow),
        }
    }
}
