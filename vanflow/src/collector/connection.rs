//! Connections and requests: one shape for v2's records and v1's pairs.

use core::fmt;

use flowcodec::{Text, Timestamp};

use super::Collector;
use super::view::{RecordId, RecordView, Reference};
use crate::record::{Attribute, Class, RecordType};

/// A connection across the network: a BIFLOW_TPORT of v2, or a pair of v1's FLOWs, of which one side may be missing.
///
/// Everything is there as soon as it is known; [`missing`](Self::missing) says what is not.
#[derive(Clone, Copy)]
pub struct Connection<'a>(Sides<'a>);

/// A request on a connection: a BIFLOW_APP of v2, or a pair of v1's FLOWs whose parents are FLOWs.
#[derive(Clone, Copy)]
pub struct Request<'a>(Sides<'a>);

/// The records that something is made from.
#[derive(Clone, Copy)]
enum Sides<'a> {
    Both(RecordView<'a>),
    Pair { listener: Option<RecordView<'a>>, connector: Option<RecordView<'a>> },
}

impl<'a> Sides<'a> {
    /// The record of the side where the client is, or what stands for it.
    const fn first(self) -> Option<RecordView<'a>> {
        match self {
            Self::Both(view) => Some(view),
            Self::Pair { listener, connector } => match listener {
                Some(view) => Some(view),
                None => connector,
            },
        }
    }

    const fn listener_side(self) -> Option<RecordView<'a>> {
        match self {
            Self::Both(view) => Some(view),
            Self::Pair { listener, .. } => listener,
        }
    }

    const fn connector_side(self) -> Option<RecordView<'a>> {
        match self {
            Self::Both(view) => Some(view),
            Self::Pair { connector, .. } => connector,
        }
    }

    /// What the key is made of: in v1, the listener side's identity also where that side itself is missing.
    fn identity(self) -> Text<'a> {
        match self {
            Self::Both(view) | Self::Pair { listener: Some(view), .. } => view.identity(),
            Self::Pair { connector: Some(view), .. } => {
                view.reference(Attribute::COUNTERFLOW).map_or_else(|| view.identity(), |reference| reference.identity())
            }
            Self::Pair { .. } => Text::default(),
        }
    }

    fn text(self, attribute: Attribute) -> Option<Text<'a>> {
        let of = |view: Option<RecordView<'a>>| view.and_then(|view| view.text(attribute));
        of(self.listener_side()).or_else(|| of(self.connector_side()))
    }

    fn octets(self) -> Option<u64> {
        self.listener_side()?.number(Attribute::OCTETS)
    }

    fn octets_reverse(self) -> Option<u64> {
        match self {
            Self::Both(view) => view.number(Attribute::OCTETS_REVERSE),
            Self::Pair { connector, .. } => connector?.number(Attribute::OCTETS),
        }
    }

    fn start(self) -> Option<Timestamp> {
        self.first()?.start()
    }

    /// Both sides have to end.
    fn end(self) -> Option<Timestamp> {
        match self {
            Self::Pair { listener: Some(listener), connector: Some(connector) } => Some(listener.end()?.max(connector.end()?)),
            _ => self.first()?.end(),
        }
    }

    fn counterpart(self) -> bool {
        matches!(self, Self::Both(_) | Self::Pair { listener: Some(_), connector: Some(_) })
    }
}

/// A process at one end of a connection, as far as it can be told.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Process<'a> {
    /// A record describes it.
    Known(RecordView<'a>),
    /// A connector refers to it, and nobody describes it.
    Named(Text<'a>),
    /// Several processes have this host: a host network, or one address for several.
    Ambiguous,
    /// No process has this host in this site: one is inferred. Sites use the same addresses for different things.
    Inferred {
        /// Identity of the site.
        site: Text<'a>,
        /// The host.
        host: Text<'a>,
    },
}

impl fmt::Debug for Process<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(view) => write!(f, "Known({})", view.identity()),
            Self::Named(identity) => write!(f, "Named({identity})"),
            Self::Ambiguous => f.write_str("Ambiguous"),
            Self::Inferred { site, host } => write!(f, "Inferred({site}, {host})"),
        }
    }
}

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

    /// The process that a CONNECTOR connects to: what it names, else what has its host in its site. `None` while its site is not known,
    /// and of other records.
    #[must_use]
    pub fn server_process(self) -> Option<Process<'a>> {
        if self.record_type() != RecordType::CONNECTOR {
            return None;
        }
        if let Some(named) = self.reference(Attribute::PROCESS) {
            return Some(named.record().map_or_else(|| Process::Named(named.identity()), Process::Known));
        }
        let site = self.parent()?.record()?.parent()?;
        Some(self.collector.process_at(site, self.text(Attribute::DEST_HOST)?))
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
    fn leads(self) -> bool {
        match self.sides() {
            Some(Sides::Pair { listener: Some(listener), .. }) => listener.key == self.key,
            Some(_) => true,
            None => false,
        }
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

    /// What process has a host in a site.
    pub(super) fn process_at<'a>(&'a self, site: Reference<'a>, host: Text<'a>) -> Process<'a> {
        let mut found = self.store.processes_at(site.node, host).take(MOST_PROCESSES);
        let (mut live, mut ended) = (found.by_ref().filter(|(_, record)| record.ended.is_none()), None);
        let first = live.next();
        let second = live.next();
        if first.is_none() {
            // None lives: the one that ended last.
            ended = self
                .store
                .processes_at(site.node, host)
                .take(MOST_PROCESSES)
                .max_by_key(|(_, record)| record.ended.map(|(_, at)| at));
        }
        match (first.or(ended), second) {
            (_, Some(_)) => Process::Ambiguous,
            (Some((key, record)), None) => Process::Known(RecordView { collector: self, key, record }),
            (None, None) => Process::Inferred { site: site.identity(), host },
        }
    }
}

/// Of more processes with one host in one site, these are looked at: they are ambiguous anyway.
const MOST_PROCESSES: usize = 64;
