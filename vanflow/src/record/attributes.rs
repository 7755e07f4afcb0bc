//! Attributes.

use core::fmt;

use flowcodec::Text;

use super::types::RecordType;

/// Code of an attribute. Unknown codes are values too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attribute(u32);

/// What an attribute's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ValueKind {
    /// An unsigned number.
    Number,
    /// Text.
    Text,
    /// The identity of another record.
    Reference,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// Nothing.
    None,
    /// Microseconds since 1970, by the sender's clock.
    UnixMicros,
    /// Microseconds.
    Micros,
    /// Octets.
    Octets,
    /// Octets per second.
    OctetsPerSecond,
    /// Things, so far.
    Count,
}

/// The value of an attribute. Attributes have no other kinds of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Scalar<'a> {
    /// A number.
    Number(u64),
    /// Text, or the identity of a record. Its octets need not be UTF-8: hosts and reasons come from peers.
    Text(Text<'a>),
}

impl<'a> Scalar<'a> {
    /// The number, if it is one.
    #[must_use]
    pub const fn number(self) -> Option<u64> {
        if let Self::Number(number) = self { Some(number) } else { None }
    }

    /// The text, if it is one.
    #[must_use]
    pub const fn text(self) -> Option<Text<'a>> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }
}

/// One row of the table of attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttributeDef {
    /// Its code.
    pub code: Attribute,
    /// The specification's name.
    pub name: &'static str,
    /// What its values are.
    pub kind: ValueKind,
    /// What its numbers count.
    pub unit: Unit,
    /// Its meaning.
    pub doc: &'static str,
}

impl Attribute {
    /// From a code.
    #[must_use]
    pub const fn new(code: u32) -> Self {
        Self(code)
    }

    /// The code.
    #[must_use]
    pub const fn code(self) -> u32 {
        self.0
    }

    /// Its row of the table; `None` for a code that is not known. See [`definition`] for codes of several meanings.
    #[must_use]
    #[inline]
    pub fn definition(self) -> Option<&'static AttributeDef> {
        // The table has a row for each code from 0 on; a test holds it.
        usize::try_from(self.0).ok().and_then(|row| ATTRIBUTES.get(row))
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.definition() {
            Some(row) => f.write_str(row.name),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What an attribute means in a record of this type, with a value of this kind: `None` when the code is not known, or its values are of
/// another kind.
#[must_use]
#[inline]
pub fn definition(of: RecordType, attribute: Attribute, value: &Scalar<'_>) -> Option<&'static AttributeDef> {
    let text = matches!(value, Scalar::Text(_));
    let v1 = match (of, attribute) {
        (RecordType::SITE, Attribute::LINK_COUNT | Attribute::OPER_STATUS) | (RecordType::CONNECTOR, Attribute::ROLE) => {
            V1_ATTRIBUTES.iter().find(|row| row.code == attribute)
        }
        _ => None,
    };
    v1.or_else(|| attribute.definition()).filter(|row| (row.kind == ValueKind::Number) != text)
}

macro_rules! attributes {
    ($($code:literal $konst:ident $name:ident: $kind:ident, $unit:ident, $doc:literal;)*) => {
        impl Attribute {
            $(#[doc = $doc]
            pub const $konst: Self = Self($code);)*
        }

        /// All attributes, in their v2 meaning; the position is the code.
        pub static ATTRIBUTES: &[AttributeDef] = &[$(row($code, stringify!($name), ValueKind::$kind, Unit::$unit, $doc),)*];
    };
}

const fn row(code: u32, name: &'static str, kind: ValueKind, unit: Unit, doc: &'static str) -> AttributeDef {
    AttributeDef { code: Attribute(code), name, kind, unit, doc }
}

/// What v1 controllers mean by codes that v2 routers use for other things.
static V1_ATTRIBUTES: &[AttributeDef] = &[
    row(52, "version", ValueKind::Text, Unit::None, "SITE of a v1 controller: its version."),
    row(53, "policy", ValueKind::Text, Unit::None, "SITE of a v1 controller: its policy."),
    row(54, "target", ValueKind::Text, Unit::None, "CONNECTOR of v1: what it is bound to."),
];

attributes! {
    0 RECORD_TYPE recordType: Number, None, "Type of the record.";
    1 IDENTITY identity: Reference, None, "Identity of the record; always there.";
    2 PARENT parent: Reference, None, "Record that this one belongs to.";
    3 START_TIME startTime: Number, UnixMicros, "Creation at the source; of a LOG, when the line was written.";
    4 END_TIME endTime: Number, UnixMicros, "End; 0, or less than the start, means that it lives.";
    5 COUNTERFLOW counterflow: Reference, None, "FLOW, connector side only: the flow of the listener side.";
    6 PEER peer: Reference, None, "LINK of v2: the ROUTER_ACCESS it is connected to.";
    7 PROCESS process: Reference, None, "CONNECTOR: the process behind it.";
    8 SIBLING_ORDINAL sibOrdinal: Number, None, "Not used.";
    9 LOCATION location: Text, None, "SITE: where it is.";
    10 PROVIDER provider: Text, None, "SITE, HOST: who runs it.";
    11 PLATFORM platform: Text, None, "SITE, HOST: kubernetes, podman, docker, linux.";
    12 NAMESPACE namespace: Text, None, "SITE, ROUTER: namespace.";
    13 MODE mode: Text, None, "ROUTER: interior, edge, standalone; LINK of v1: interior, edge; PROCESS: internal, external, remote.";
    14 SOURCE_HOST sourceHost: Text, None, "Host of the client; of a PROCESS its address; of a request the first X-Forwarded-For.";
    15 DEST_HOST destHost: Text, None, "LISTENER, CONNECTOR, LINK: host it listens on or connects to.";
    16 PROTOCOL protocol: Text, None, "tcp, http1, http2; of a LINK amqp, amqps; of a request HTTP/1.1 and the like.";
    17 SOURCE_PORT sourcePort: Text, None, "Port of the client.";
    18 DEST_PORT destPort: Text, None, "Port it listens on or connects to; may be a service name.";
    19 ADDRESS address: Text, None, "LISTENER, CONNECTOR: routing key of the service.";
    20 IMAGE_NAME imageName: Text, None, "PROCESS, ROUTER: container image.";
    21 IMAGE_VERSION imageVersion: Text, None, "ROUTER: version of the image.";
    22 HOSTNAME hostname: Text, None, "ROUTER: its host; PROCESS: its node.";
    23 OCTETS octets: Number, Octets, "FLOW: payload from its own endpoint; BIFLOW: client to server; LINK: sent. Counts up.";
    24 LATENCY latency: Number, Micros, "FLOW: own side; BIFLOW_TPORT: at the listener, first octet in to first octet back; request: to its response.";
    25 TRANSIT_LATENCY transitLatency: Number, Micros, "Not used.";
    26 BACKLOG backlog: Number, None, "Not used.";
    27 METHOD method: Text, None, "Request: its method.";
    28 RESULT result: Text, None, "Request: HTTP status; FLOW of v1: condition; LINK: condition of the last loss.";
    29 REASON reason: Text, None, "Request: reason phrase; FLOW, LINK: the condition in words.";
    30 NAME name: Text, None, "Name; of a ROUTER area/id; of a LINK of v1 the other router, without the area.";
    31 TRACE trace: Text, None, "Names of the routers passed, with | between them, without the connector's own.";
    32 BUILD_VERSION buildVersion: Text, None, "ROUTER, SITE of v2: version.";
    33 LINK_COST linkCost: Number, None, "LINK: its cost.";
    34 DIRECTION direction: Text, None, "LINK of v1: incoming, outgoing.";
    35 OCTET_RATE octetRate: Number, OctetsPerSecond, "FLOW of v1, LINK of 3.0: average of ten seconds.";
    36 OCTETS_OUT octetsOut: Number, Octets, "Octets that left. Counts up.";
    37 OCTETS_UNACKED octetsUnacked: Number, Octets, "FLOW of v1: octets not acknowledged.";
    38 WINDOW_CLOSURES windowClosures: Number, Count, "FLOW of v1: how often the window closed. Counts up.";
    39 WINDOW_SIZE windowSize: Number, Octets, "FLOW of v1: size of the window.";
    40 FLOW_COUNT_L4 flowCountL4: Number, Count, "LISTENER, CONNECTOR: connections opened so far.";
    41 FLOW_COUNT_L7 flowCountL7: Number, Count, "LISTENER, CONNECTOR: requests so far.";
    42 FLOW_RATE_L4 flowRateL4: Number, None, "LISTENER, CONNECTOR: connections a second.";
    43 FLOW_RATE_L7 flowRateL7: Number, None, "LISTENER, CONNECTOR: requests a second.";
    44 DURATION duration: Number, Micros, "Never sent.";
    45 IMAGE image: Reference, None, "PROCESS: its IMAGE; collectors make it.";
    46 GROUP group: Text, None, "PROCESS: name of its group.";
    47 STREAM_ID streamId: Number, None, "Request: stream of HTTP/2.";
    48 LOG_SEVERITY logSeverity: Number, None, "LOG: 0 debug, 1 info, 2 warning, 3 error, 4 critical.";
    49 LOG_TEXT logText: Text, None, "LOG: the line.";
    50 SOURCE_FILE sourceFile: Text, None, "LOG: file of the source that wrote it.";
    51 SOURCE_LINE sourceLine: Number, None, "LOG: line of that file.";
    52 LINK_COUNT linkCount: Number, Count, "ROUTER_ACCESS: links. SITE of v1: version (text).";
    53 OPER_STATUS operStatus: Text, None, "LINK: up, down. SITE of v1: policy.";
    54 ROLE role: Text, None, "LINK, ROUTER_ACCESS: inter-router, edge, normal, route-container. CONNECTOR of v1: target.";
    55 UP_TIMESTAMP upTimestamp: Number, UnixMicros, "LINK: when it came up.";
    56 DOWN_TIMESTAMP downTimestamp: Number, UnixMicros, "LINK: when it went down.";
    57 DOWN_COUNT downCount: Number, Count, "LINK: how often it went down. Counts up.";
    58 OCTETS_REVERSE octetsReverse: Number, Octets, "BIFLOW: server to client; LINK: received. Counts up.";
    59 OCTET_RATE_REVERSE octetRateReverse: Number, OctetsPerSecond, "LINK of 3.0: average of ten seconds.";
    60 CONNECTOR connector: Reference, None, "BIFLOW_TPORT: the connector it left the network by.";
    61 PROCESS_LATENCY processLatency: Number, Micros, "BIFLOW_TPORT: latency measured at the connector.";
    62 PROXY_HOST proxyHost: Text, None, "BIFLOW_TPORT: the router's own end towards the server.";
    63 PROXY_PORT proxyPort: Text, None, "BIFLOW_TPORT: port of that end.";
    64 ERROR_LISTENER_SIDE errorListenerSide: Text, None, "BIFLOW_TPORT: error at the listener, name (description).";
    65 ERROR_CONNECTOR_SIDE errorConnectorSide: Text, None, "BIFLOW_TPORT: error at the connector, name (description).";
    66 ACTIVE_TLS_ORDINAL activeTlsOrdinal: Number, None, "LINK, ROUTER_ACCESS: certificate in use.";
    67 HTTP_PROXY httpProxy: Text, None, "LINK: whether it passes an HTTP proxy, yes or no.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_is_the_code() {
        for (code, row) in (0..).zip(ATTRIBUTES) {
            assert_eq!(row.code, Attribute::new(code));
        }
        assert_eq!((ATTRIBUTES.len(), Attribute::new(68).definition()), (68, None));
        let mut names: Vec<_> = ATTRIBUTES.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 68);
    }

    #[test]
    fn codes_of_two_meanings() {
        let text = Scalar::Text("x".into());
        let name = |of, code, value: &Scalar<'_>| definition(of, Attribute::new(code), value).map(|row| row.name);
        assert_eq!(name(RecordType::SITE, 52, &text), Some("version"));
        assert_eq!(name(RecordType::SITE, 53, &text), Some("policy"));
        assert_eq!(name(RecordType::CONNECTOR, 54, &text), Some("target"));
        assert_eq!(name(RecordType::ROUTER_ACCESS, 52, &Scalar::Number(2)), Some("linkCount"));
        assert_eq!(name(RecordType::LINK, 53, &text), Some("operStatus"));
        assert_eq!(name(RecordType::LINK, 54, &text), Some("role"));
        assert_eq!(name(RecordType::LINK, 52, &text), None, "of the wrong kind");
        assert_eq!(name(RecordType::FLOW, 23, &text), None, "of the wrong kind");
        assert_eq!(name(RecordType::FLOW, 2, &text), Some("parent"), "a reference is text");
    }
}
