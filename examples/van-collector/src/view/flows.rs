//! Connections and requests.

use std::borrow::Cow;

use flowcodec::Text;
use vanflow::collector::{Connection, RecordId, Request};

use super::pairs::{component_pair, process_pair, site_pair};
use super::table::{Cell, Column, Table, columns};
use super::{Network, identity, micros, name, process_id, process_name, service_key_of, shown};

pub(crate) enum Connections {}

impl Table for Connections {
    type Row<'a> = Connection<'a>;
    const SINGULAR: &'static str = "connection";
    const COLUMNS: &'static [Column<Self>] = columns! {
        "identity" Text |_, connection| Cell::Text(shown(connection.identity()));
        "startTime" Number |_, connection| Cell::Number(micros(connection.start()));
        "endTime" Number |_, connection| Cell::Number(micros(connection.end()));
        "complete" Truth |_, connection| Cell::Truth(connection.is_complete());
        "missing" Texts |_, connection| Cell::Texts(missing(&connection));
        "duration" Number |_, connection| Cell::number(duration(span_of(&connection)));
        "processPairId" Text |_, connection| Cell::text(process_pair(&connection));
        "componentPairId" Text |_, connection| Cell::text(component_pair(&connection));
        "sitePairId" Text |_, connection| Cell::text(site_pair(&connection));
        "sourceSiteId" Text |_, connection| Cell::text(identity(connection.client_site()));
        "sourceSiteName" Text |_, connection| Cell::text(name(connection.client_site()));
        "sourceProcessId" Text |_, connection| Cell::text(connection.client().and_then(process_id));
        "sourceProcessName" Text |_, connection| Cell::text(connection.client().and_then(process_name));
        "destSiteId" Text |_, connection| Cell::text(identity(connection.server_site()));
        "destSiteName" Text |_, connection| Cell::text(name(connection.server_site()));
        "destProcessId" Text |_, connection| Cell::text(connection.server().and_then(process_id));
        "destProcessName" Text |_, connection| Cell::text(connection.server().and_then(process_name));
        "routingKey" Text |_, connection| Cell::text(connection.address().map(shown));
        "protocol" Text |_, connection| Cell::text(connection.protocol().map(shown));
        "serviceId" Text |_, connection| Cell::text(service_key_of(&connection));
        "listenerId" Text |_, connection| Cell::text(identity(connection.listener()));
        "connectorId" Text |_, connection| Cell::text(identity(connection.connector()));
        "sourceRouterId" Text |_, connection| Cell::text(identity(connection.listener_router()));
        "destRouterId" Text |_, connection| Cell::text(identity(connection.connector_router()));
        "sourceHost" Text |_, connection| Cell::text(connection.client_host().map(shown));
        "sourcePort" Text |_, connection| Cell::text(connection.client_port().map(shown));
        "destHost" Text |_, connection| Cell::text(connection.server_host().map(shown));
        "destPort" Text |_, connection| Cell::text(connection.server_port().map(shown));
        "proxyHost" Text |_, connection| Cell::text(connection.proxy_host().map(shown));
        "proxyPort" Text |_, connection| Cell::text(connection.proxy_port().map(shown));
        "octetCount" Number |_, connection| Cell::number(connection.octets());
        "octetReverseCount" Number |_, connection| Cell::number(connection.octets_reverse());
        "latency" Number |_, connection| Cell::number(connection.latency_us());
        "latencyReverse" Number |_, connection| Cell::number(connection.process_latency_us());
        "listenerError" Text |_, connection| Cell::text(connection.listener_error().map(shown));
        "connectorError" Text |_, connection| Cell::text(connection.connector_error().map(shown));
        "traceRouters" Texts |_, connection| Cell::Texts(connection.trace().map(shown).collect());
        "traceSites" Texts |network, connection| Cell::Texts(trace_sites(network, &connection));
    };

    fn rows<'a>(network: &'a Network<'a>) -> Vec<Connection<'a>> {
        network.collector.connections().collect()
    }

    fn handle(connection: Connection<'_>) -> Option<RecordId> {
        connection.id()
    }

    fn found<'a>(network: &'a Network<'a>, id: RecordId) -> Option<Connection<'a>> {
        network.collector.record(id)?.connection()
    }

    fn span(connection: Connection<'_>) -> (u64, u64) {
        span_of(&connection)
    }
}

pub(crate) enum Requests {}

impl Table for Requests {
    type Row<'a> = Request<'a>;
    const SINGULAR: &'static str = "application flow";
    const COLUMNS: &'static [Column<Self>] = columns! {
        "identity" Text |_, request| Cell::Text(shown(request.identity()));
        "startTime" Number |_, request| Cell::Number(micros(request.start()));
        "endTime" Number |_, request| Cell::Number(micros(request.end()));
        "complete" Truth |_, request| Cell::Truth(request.is_complete());
        "connectionId" Text |_, request| Cell::text(request.connection_identity().map(shown));
        "duration" Number |_, request| Cell::number(duration(span_of_request(&request)));
        "sourceSiteId" Text |_, request| on(&request, |connection| identity(connection.client_site()));
        "sourceSiteName" Text |_, request| on(&request, |connection| name(connection.client_site()));
        "sourceProcessId" Text |_, request| on(&request, |connection| connection.client().and_then(process_id));
        "sourceProcessName" Text |_, request| on(&request, |connection| connection.client().and_then(process_name));
        "destSiteId" Text |_, request| on(&request, |connection| identity(connection.server_site()));
        "destSiteName" Text |_, request| on(&request, |connection| name(connection.server_site()));
        "destProcessId" Text |_, request| on(&request, |connection| connection.server().and_then(process_id));
        "destProcessName" Text |_, request| on(&request, |connection| connection.server().and_then(process_name));
        "routingKey" Text |_, request| on(&request, |connection| connection.address().map(shown));
        "serviceId" Text |_, request| on(&request, |connection| service_key_of(&connection).map(Cow::Owned));
        "protocol" Text |_, request| Cell::text(request.protocol().map(spoken));
        "method" Text |_, request| Cell::text(request.method().map(shown));
        "status" Text |_, request| Cell::text(request.status().map(shown));
        "reason" Text |_, request| Cell::text(request.reason().map(shown));
        "octetCount" Number |_, request| Cell::number(request.octets());
        "octetReverseCount" Number |_, request| Cell::number(request.octets_reverse());
        "latency" Number |_, request| Cell::number(request.latency_us());
        "traceRouters" Texts |_, request| Cell::Texts({
            request.connection().map(|connection| connection.trace().map(shown).collect()).unwrap_or_default()
        });
        "traceSites" Texts |network, request| Cell::Texts({
            request.connection().map(|connection| trace_sites(network, &connection)).unwrap_or_default()
        });
    };

    fn rows<'a>(network: &'a Network<'a>) -> Vec<Request<'a>> {
        network.collector.requests().collect()
    }

    fn handle(request: Request<'_>) -> Option<RecordId> {
        request.id()
    }

    fn found<'a>(network: &'a Network<'a>, id: RecordId) -> Option<Request<'a>> {
        network.collector.record(id)?.request()
    }

    fn span(request: Request<'_>) -> (u64, u64) {
        span_of_request(&request)
    }
}

fn on<'a>(request: &Request<'a>, read: impl FnOnce(Connection<'a>) -> Option<Cow<'a, str>>) -> Cell<'a> {
    Cell::text(request.connection().and_then(read))
}

fn span_of(connection: &Connection<'_>) -> (u64, u64) {
    (micros(connection.start()), micros(connection.end()))
}

fn span_of_request(request: &Request<'_>) -> (u64, u64) {
    (micros(request.start()), micros(request.end()))
}

const fn duration((start, end): (u64, u64)) -> Option<u64> {
    if start == 0 || end == 0 { None } else { Some(end.saturating_sub(start)) }
}

/// As clients of the network observer know it; any other as it was sent.
pub(crate) fn spoken(told: Text<'_>) -> Cow<'_, str> {
    match told.as_bytes() {
        b"HTTP/1.0" | b"HTTP/1.1" => "http1".into(),
        b"HTTP/2" => "http2".into(),
        _ => shown(told),
    }
}

/// Sites that the routers passed stand in, in order.
fn trace_sites<'a>(network: &Network<'a>, connection: &Connection<'a>) -> Vec<Cow<'a, str>> {
    let mut sites: Vec<Cow<'a, str>> = Vec::new();
    for site in connection.trace().filter_map(|router| network.site_of_router(router)) {
        if sites.last() != Some(&site) {
            sites.push(site);
        }
    }
    sites
}

/// Names of what is not known of a connection.
pub(crate) fn missing<'a>(connection: &Connection<'_>) -> Vec<Cow<'a, str>> {
    let missing = connection.missing();
    let parts = [
        (missing.start, "start"),
        (missing.counterpart, "counterpart"),
        (missing.listener, "listener"),
        (missing.connector, "connector"),
        (missing.listener_router, "listenerRouter"),
        (missing.connector_router, "connectorRouter"),
        (missing.client_site, "sourceSite"),
        (missing.server_site, "destSite"),
        (missing.client, "sourceProcess"),
        (missing.server, "destProcess"),
    ];
    parts.into_iter().filter(|(missing, _)| *missing).map(|(_, name)| name.into()).collect()
}
