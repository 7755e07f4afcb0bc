//! Requests.

use core::fmt;

use flowcodec::{Text, Timestamp};

use super::Connection;
use super::sides::Sides;
use crate::collector::view::{RecordId, RecordView};
use crate::record::Attribute;

/// A request on a connection: a BIFLOW_APP of v2, or a pair of v1's FLOWs whose parents are FLOWs.
#[derive(Clone, Copy)]
pub struct Request<'a>(pub(super) Sides<'a>);

impl<'a> Request<'a> {
    /// Its identity: that of the BIFLOW_APP, or of the listener side's FLOW.
    #[must_use]
    pub fn identity(&self) -> Text<'a> {
        self.0.identity()
    }

    /// Handle of the record it is shown by.
    #[must_use]
    pub fn id(&self) -> Option<RecordId> {
        self.0.first().map(|view| view.id())
    }

    /// The record of the listener's side: v2's one record, or v1's FLOW.
    #[must_use]
    pub const fn listener_side(&self) -> Option<RecordView<'a>> {
        self.0.listener_side()
    }

    /// The record of the connector's side: v2's one record, or v1's FLOW.
    #[must_use]
    pub const fn connector_side(&self) -> Option<RecordView<'a>> {
        self.0.connector_side()
    }

    /// Identity of the connection it is on; `None` while the record has not told its parent.
    #[must_use]
    pub fn connection_identity(&self) -> Option<Text<'a>> {
        self.0.first()?.parent().map(|parent| parent.identity())
    }

    /// The connection it is on, if it is held.
    #[must_use]
    pub fn connection(&self) -> Option<Connection<'a>> {
        let of = |view: Option<RecordView<'a>>| view?.parent()?.record().and_then(RecordView::connection);
        of(self.0.listener_side()).or_else(|| of(self.0.connector_side()))
    }

    /// Method, such as `GET`.
    #[must_use]
    pub fn method(&self) -> Option<Text<'a>> {
        self.0.text(Attribute::METHOD)
    }

    /// Status, as text.
    #[must_use]
    pub fn status(&self) -> Option<Text<'a>> {
        self.0.text(Attribute::RESULT)
    }

    /// Reason phrase, as the server sent it.
    #[must_use]
    pub fn reason(&self) -> Option<Text<'a>> {
        self.0.text(Attribute::REASON)
    }

    /// Protocol of the request: HTTP/1.1, HTTP/2.
    #[must_use]
    pub fn protocol(&self) -> Option<Text<'a>> {
        self.0.text(Attribute::PROTOCOL)
    }

    /// Octets from client to server.
    #[must_use]
    pub fn octets(&self) -> Option<u64> {
        self.0.octets()
    }

    /// Octets from server to client.
    #[must_use]
    pub fn octets_reverse(&self) -> Option<u64> {
        self.0.octets_reverse()
    }

    /// Microseconds from the request to the first of the response, at the listener.
    #[must_use]
    pub fn latency_us(&self) -> Option<u64> {
        self.0.listener_side()?.number(Attribute::LATENCY)
    }

    /// When it began, by the clock of the listener's router.
    #[must_use]
    pub fn start(&self) -> Option<Timestamp> {
        self.0.start()
    }

    /// When it ended; `None` while it lives.
    #[must_use]
    pub fn end(&self) -> Option<Timestamp> {
        self.0.end()
    }

    /// Whether it and its connection are known in full.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.0.counterpart() && self.start().is_some() && self.connection().is_some_and(|connection| connection.is_complete())
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("identity", &self.identity())
            .field("method", &self.method())
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
