//! Connections and requests: one shape for v2's records and v1's pairs.

mod process;
mod request;
mod sides;

use core::fmt;

use flowcodec::{Text, Timestamp};

use super::Collector;
use super::view::{RecordId, RecordView, Reference};
use crate::record::{Attribute, Class};
use sides::Sides;

pub use process::Process;
pub use request::Request;

/// A connection across the network: a BIFLOW_TPORT of v2, or a pair of v1's FLOWs, of which one side may be missing.
///
/// Everything is there as soon as it is known; [`missing`](Self::missing) says what is not.
#[derive(Clone, Copy)]
pub struct Connection<'a>(Sides<'a>);

/// What is not known of a connection (yet). [`Default`] is: nothing is missing.
#[expect(clippy::struct_excessive_bools, reason = "each is a part of its own")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Missing {
    /// Its start: the record is partial.
    pub start: bool,
    /// The other side of a v1 pair.
    pub counterpart: bool,
    /// The listener's record.
    pub listener: bool,
    /// The connector's record, or which it is.
    pub connector: bool,
    /// The listener's router.
    pub listener_router: bool,
    /// The connector's router.
    pub connector_router: bool,
    /// Which site the listener is in.
    pub client_site: bool,
    /// Which site the connector is in.
    pub server_site: bool,
    /// The client's process.
    pub client: bool,
    /// The server's process.
    pub server: bool,
}

impl Missing {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

impl<'a> Connection<'a> {
    /// Its identity: that of the BIFLOW_TPORT, or of the listener side's FLOW.
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

    /// Whether it is a pair of v1.
    #[must_use]
    pub const fn is_pair(&self) -> bool {
        matches!(self.0, Sides::Pair { .. })
    }

    /// Where the client connected to.
    #[must_use]
    pub fn listener(&self) -> Option<Reference<'a>> {
        self.0.listener_side()?.parent()
    }

    /// What connected to the server.
    #[must_use]
    pub fn connector(&self) -> Option<Reference<'a>> {
        match self.0 {
            Sides::Both(view) => view.reference(Attribute::CONNECTOR),
            Sides::Pair { connector, .. } => connector?.parent(),
        }
    }

    fn listener_record(&self) -> Option<RecordView<'a>> {
        self.listener()?.record()
    }

    fn connector_record(&self) -> Option<RecordView<'a>> {
        self.connector()?.record()
    }

    /// The listener's router.
    #[must_use]
    pub fn listener_router(&self) -> Option<Reference<'a>> {
        self.listener_record()?.parent()
    }

    /// The connector's router.
    #[must_use]
    pub fn connector_router(&self) -> Option<Reference<'a>> {
        self.connector_record()?.parent()
    }

    /// The site the client is in.
    #[must_use]
    pub fn client_site(&self) -> Option<Reference<'a>> {
        self.listener_router()?.record()?.parent()
    }

    /// The site the server is in.
    #[must_use]
    pub fn server_site(&self) -> Option<Reference<'a>> {
        self.connector_router()?.record()?.parent()
    }

    /// Routing key of the service.
    #[must_use]
    pub fn address(&self) -> Option<Text<'a>> {
        self.of_service(Attribute::ADDRESS)
    }

    /// Protocol of the service: tcp, http1, http2.
    #[must_use]
    pub fn protocol(&self) -> Option<Text<'a>> {
        self.of_service(Attribute::PROTOCOL)
    }

    fn of_service(&self, attribute: Attribute) -> Option<Text<'a>> {
        let of = |view: Option<RecordView<'a>>| view.and_then(|view| view.text(attribute));
        of(self.listener_record()).or_else(|| of(self.connector_record()))
    }

    /// Host of the client, as the listener's router sees it.
    #[must_use]
    pub fn client_host(&self) -> Option<Text<'a>> {
        self.0.listener_side()?.text(Attribute::SOURCE_HOST)
    }

    /// Port of the client.
    #[must_use]
    pub fn client_port(&self) -> Option<Text<'a>> {
        self.0.listener_side()?.text(Attribute::SOURCE_PORT)
    }

    /// Host of the connector's own end towards the server.
    #[must_use]
    pub fn proxy_host(&self) -> Option<Text<'a>> {
        self.of_proxy(Attribute::PROXY_HOST, Attribute::SOURCE_HOST)
    }

    /// Port of that end.
    #[must_use]
    pub fn proxy_port(&self) -> Option<Text<'a>> {
        self.of_proxy(Attribute::PROXY_PORT, Attribute::SOURCE_PORT)
    }

    fn of_proxy(&self, v2: Attribute, v1: Attribute) -> Option<Text<'a>> {
        match self.0 {
            Sides::Both(view) => view.text(v2),
            Sides::Pair { connector, .. } => connector?.text(v1),
        }
    }

    /// Host of the server, as the connector is told.
    #[must_use]
    pub fn server_host(&self) -> Option<Text<'a>> {
        self.connector_record()?.text(Attribute::DEST_HOST)
    }

    /// Port of the server; may be a service's name.
    #[must_use]
    pub fn server_port(&self) -> Option<Text<'a>> {
        self.connector_record()?.text(Attribute::DEST_PORT)
    }

    /// The client's process. `None` while its site is not known, and for [`Settings::infer_after`](super::Settings::infer_after) while no
    /// process has its host.
    #[must_use]
    pub fn client(&self) -> Option<Process<'a>> {
        let view = self.0.listener_side()?;
        let found = view.collector.process_at(self.client_site()?, self.client_host()?);
        let waited = view.collector.now().since(view.first_heard());
        let enough = i64::try_from(view.collector.settings().infer_after.as_nanos()).is_ok_and(|enough| waited >= enough);
        match found {
            Process::Inferred { .. } if !enough => None,
            found => Some(found),
        }
    }

    /// The server's process: what the connector names, else what has its host in its site.
    #[must_use]
    pub fn server(&self) -> Option<Process<'a>> {
        self.connector_record()?.server_process()
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

    /// Microseconds from the first octet in to the first octet back, at the listener.
    #[must_use]
    pub fn latency_us(&self) -> Option<u64> {
        self.0.listener_side()?.number(Attribute::LATENCY)
    }

    /// The same at the connector: what the server took.
    #[must_use]
    pub fn process_latency_us(&self) -> Option<u64> {
        match self.0 {
            Sides::Both(view) => view.number(Attribute::PROCESS_LATENCY),
            Sides::Pair { connector, .. } => connector?.number(Attribute::LATENCY),
        }
    }

    /// What the network added, in microseconds. May be negative: the two are measured by two routers, of different octets.
    #[must_use]
    pub fn added_latency_us(&self) -> Option<i64> {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        Some(signed(self.latency_us()?).saturating_sub(signed(self.process_latency_us()?)))
    }

    /// When it began, by the clock of the listener's router.
    #[must_use]
    pub fn start(&self) -> Option<Timestamp> {
        self.0.start()
    }

    /// When it ended; `None` while it lives. Both sides of a pair have to end.
    #[must_use]
    pub fn end(&self) -> Option<Timestamp> {
        self.0.end()
    }

    /// Names of the routers passed, without the connector's own: none where both ends are at one router.
    pub fn trace(&self) -> impl Iterator<Item = Text<'a>> + use<'a> {
        // v1 has it at the connector's side. A connection that leaves no router has a word instead of a name.
        let trace = self.0.text(Attribute::TRACE).map(Text::as_bytes).filter(|trace| *trace != b"Local");
        trace.unwrap_or_default().split(|&octet| octet == b'|').filter(|name| !name.is_empty()).map(Text::new)
    }

    /// The error at the listener's side.
    #[must_use]
    pub fn listener_error(&self) -> Option<Text<'a>> {
        self.error(self.0.listener_side(), Attribute::ERROR_LISTENER_SIDE)
    }

    /// The error at the connector's side.
    #[must_use]
    pub fn connector_error(&self) -> Option<Text<'a>> {
        self.error(self.0.connector_side(), Attribute::ERROR_CONNECTOR_SIDE)
    }

    fn error(&self, side: Option<RecordView<'a>>, v2: Attribute) -> Option<Text<'a>> {
        match self.0 {
            Sides::Both(view) => view.text(v2),
            Sides::Pair { .. } => side.and_then(|view| view.text(Attribute::REASON).or_else(|| view.text(Attribute::RESULT))),
        }
    }

    /// What is not known (yet).
    #[must_use]
    pub fn missing(&self) -> Missing {
        Missing {
            start: self.start().is_none(),
            counterpart: !self.0.counterpart(),
            listener: self.listener_record().is_none(),
            connector: self.connector_record().is_none(),
            listener_router: self.listener_router().and_then(|router| router.record()).is_none(),
            connector_router: self.connector_router().and_then(|router| router.record()).is_none(),
            client_site: self.client_site().is_none(),
            server_site: self.server_site().is_none(),
            client: self.client().is_none(),
            server: self.server().is_none(),
        }
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing().is_none()
    }
}

impl fmt::Debug for Connection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("identity", &self.identity())
            .field("address", &self.address())
            .field("missing", &self.missing())
            .finish_non_exhaustive()
    }
}

impl Collector {
    /// All connections, live ones first, each in order of age. Goes over all flow records held.
    pub fn connections(&self) -> impl Iterator<Item = Connection<'_>> {
        self.records_of_class(Class::Flow).filter(|view| view.leads()).filter_map(RecordView::connection)
    }

    /// All requests, live ones first, each in order of age. Goes over all flow records held.
    pub fn requests(&self) -> impl Iterator<Item = Request<'_>> {
        self.records_of_class(Class::Flow).filter(|view| view.leads()).filter_map(RecordView::request)
    }
}
