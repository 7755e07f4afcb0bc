//! The network as the page draws it: its parts, and connections summed by client, service and server.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::Value as Json;
use vanflow::collector::{Connection, Process, RecordView, SourceView};
use vanflow::record::{Attribute, Class, RecordType};

use super::feed;
use crate::hub::Inner;
use crate::view::table::{Shown, Table};
use crate::view::{
    Links, Network, Routers, Sites, identity, micros, name, process_id, service_key, service_key_of, shown, site_of, text,
};

type Name<'a> = Option<Cow<'a, str>>;

/// All of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Snapshot<'a> {
    now: u64,
    feed: Feed<'a>,
    counts: Counts,
    sources: Vec<Source<'a>>,
    sites: Vec<Json>,
    routers: Vec<Json>,
    links: Vec<Json>,
    services: Vec<Service<'a>>,
    processes: Vec<ProcessShown<'a>>,
    flows: Vec<Flow>,
    logs: Vec<Log<'a>>,
    happenings: Vec<Happened<'a>>,
}

#[derive(Serialize)]
struct Feed<'a> {
    name: &'a str,
    state: &'static str,
    reason: Option<&'a str>,
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Counts {
    messages: u64,
    bad_messages: u64,
    bad_updates: u64,
    evicted_flows: u64,
    connections: u64,
    live: u64,
    partial: u64,
    failed: u64,
    requests: u64,
    failed_requests: u64,
    missed: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Source<'a> {
    id: &'a str,
    kind: Option<&'a str>,
    silent: bool,
    last_heard: u64,
    restarts: u64,
    clock_offset_us: Option<i64>,
}

#[derive(Serialize)]
struct Service<'a> {
    id: &'a str,
    name: Cow<'a, str>,
    protocol: Cow<'a, str>,
    ends: Vec<ServiceEnd<'a>>,
}

/// A listener or a connector.
#[derive(Serialize)]
struct ServiceEnd<'a> {
    id: Cow<'a, str>,
    name: Name<'a>,
    listener: bool,
    router: Name<'a>,
    site: Name<'a>,
    host: Name<'a>,
    port: Name<'a>,
    process: Name<'a>,
    opened: Option<u64>,
    missed: Option<u64>,
    complete: bool,
    ended: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProcessShown<'a> {
    id: Cow<'a, str>,
    name: Cow<'a, str>,
    site: Name<'a>,
    /// Of one whose site nobody describes: what it says.
    told_site: Name<'a>,
    group: Name<'a>,
    host: Name<'a>,
    role: &'static str,
    inferred: bool,
    complete: bool,
    ended: bool,
}

#[derive(Serialize, Clone, Copy, Default)]
#[serde(rename_all = "camelCase")]
struct Sums {
    connections: u64,
    live: u64,
    failed: u64,
    partial: u64,
    octets: u64,
    octets_reverse: u64,
    requests: u64,
    failed_requests: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Flow {
    #[serde(flatten)]
    between: Between,
    #[serde(flatten)]
    sums: Sums,
}

#[derive(Serialize, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "camelCase")]
struct Between {
    client: Option<String>,
    client_site: Option<String>,
    service: Option<String>,
    server: Option<String>,
    server_site: Option<String>,
}

#[derive(Serialize)]
struct Log<'a> {
    at: u64,
    severity: Option<u64>,
    text: Name<'a>,
    router: Name<'a>,
}

#[derive(Serialize)]
struct Happened<'a> {
    at: u64,
    what: &'static str,
    whom: &'a str,
}

/// Lines of logs shown: the newest.
const LOGS: usize = 50;

/// Writes it, as JSON. Goes over all flow records held.
pub(super) fn of(inner: &Inner) -> serde_json::Result<String> {
    let network = Network::new(&inner.collector);
    let (flows, mut counts) = flows(&network);
    let services = services(&network);
    let stats = inner.collector.stats();
    (counts.messages, counts.bad_messages, counts.bad_updates) = (stats.messages, stats.bad_messages, stats.bad_updates);
    counts.evicted_flows = stats.evicted_flows;
    counts.missed = services.iter().flat_map(|service| &service.ends).filter_map(|end| end.missed).sum();
    let (how, reason) = feed(&inner.feed);
    serde_json::to_string(&Snapshot {
        now: micros(Some(inner.collector.now())),
        feed: Feed { name: &inner.feed_name, state: how, reason },
        counts,
        sources: sources(inner),
        sites: rows::<Sites>(&network)?,
        routers: rows::<Routers>(&network)?,
        links: rows::<Links>(&network)?,
        processes: processes(&network),
        services,
        flows,
        logs: logs(inner),
        happenings: happenings(inner),
    })
}

/// As the REST interface has them.
fn rows<'a, T: Table>(network: &'a Network<'a>) -> serde_json::Result<Vec<Json>> {
    T::rows(network).into_iter().map(|row| serde_json::to_value(Shown::<T> { network, row })).collect()
}

fn sources(inner: &Inner) -> Vec<Source<'_>> {
    inner.collector.sources().map(source).collect()
}

fn source(source: SourceView<'_>) -> Source<'_> {
    Source {
        id: source.id(),
        kind: source.source_type(),
        silent: source.is_silent(),
        last_heard: micros(Some(source.last_heard())),
        restarts: source.epoch_number(),
        clock_offset_us: source.clock_offset_ns().map(|nanos| nanos / 1_000),
    }
}

fn services<'a>(network: &'a Network<'a>) -> Vec<Service<'a>> {
    let mut ends: HashMap<String, Vec<ServiceEnd<'a>>> = HashMap::new();
    for of in [RecordType::LISTENER, RecordType::CONNECTOR] {
        for view in network.elements(of) {
            if let Some(service) = service_key(view) {
                ends.entry(service).or_default().push(end(network, view));
            }
        }
    }
    let service = |service: &'a crate::view::ServiceRow<'a>| Service {
        ends: ends.remove(&service.id).unwrap_or_default(),
        id: &service.id,
        name: service.name.clone(),
        protocol: service.protocol.clone(),
    };
    network.services().iter().map(service).collect()
}

fn end<'a>(network: &Network<'a>, view: RecordView<'a>) -> ServiceEnd<'a> {
    let loss = network.collector.loss(view);
    ServiceEnd {
        id: shown(view.identity()),
        name: view.name().map(shown),
        listener: view.record_type() == RecordType::LISTENER,
        router: identity(view.parent()),
        site: identity(site_of(view)),
        host: text(Some(view), Attribute::DEST_HOST),
        port: text(Some(view), Attribute::DEST_PORT),
        process: view.server_process().and_then(process_id),
        opened: loss.map(|loss| loss.opened),
        // Before we listened is no loss.
        missed: loss.filter(|loss| !loss.began_before).map(|loss| loss.missing()),
        complete: view.is_complete(),
        ended: view.ended().is_some(),
    }
}

fn processes<'a>(network: &'a Network<'a>) -> Vec<ProcessShown<'a>> {
    // A controller that is no site leaves its processes without one; a connector shows where such a process is.
    let mut places: HashMap<Name<'a>, Name<'a>> = HashMap::new();
    for connector in network.elements(RecordType::CONNECTOR) {
        if let Some(process) = connector.server_process().and_then(process_id) {
            places.insert(Some(process), identity(site_of(connector)));
        }
    }
    let process = |process: &'a crate::view::ProcessRow<'a>| {
        let told = process.site();
        let is_site =
            |id: &Cow<'_, str>| network.collector.find_all(id.as_bytes()).any(|view| view.record_type() == RecordType::SITE);
        let site = told.clone().filter(is_site).or_else(|| places.get(&Some(process.id.clone())).cloned().flatten());
        ProcessShown {
            id: process.id.clone(),
            name: process.name(),
            told_site: told.filter(|_| site.is_none()),
            site,
            group: process.group(),
            host: process.host(),
            role: process.role(),
            inferred: process.record().is_none(),
            complete: process.record().is_none_or(|view| view.is_complete()),
            ended: process.record().is_some_and(|view| view.ended().is_some()),
        }
    };
    network.processes().iter().map(process).collect()
}

fn flows(network: &Network<'_>) -> (Vec<Flow>, Counts) {
    let mut flows: BTreeMap<Between, Sums> = BTreeMap::new();
    let mut counts = Counts::default();
    for connection in network.collector.connections() {
        let failed = connection.listener_error().is_some() || connection.connector_error().is_some();
        let (live, partial) = (connection.end().is_none(), !connection.is_complete());
        let sums = flows.entry(between(&connection)).or_default();
        for (sum, truth) in [
            (&mut sums.connections, true),
            (&mut sums.live, live),
            (&mut sums.failed, failed),
            (&mut sums.partial, partial),
            (&mut counts.connections, true),
            (&mut counts.live, live),
            (&mut counts.failed, failed),
            (&mut counts.partial, partial),
        ] {
            *sum += u64::from(truth);
        }
        sums.octets = sums.octets.saturating_add(connection.octets().unwrap_or(0));
        sums.octets_reverse = sums.octets_reverse.saturating_add(connection.octets_reverse().unwrap_or(0));
    }
    for request in network.collector.requests() {
        let failed = request.status().is_some_and(|status| matches!(status.as_bytes(), [b'4' | b'5', ..]));
        counts.requests += 1;
        counts.failed_requests += u64::from(failed);
        if let Some(connection) = request.connection() {
            let sums = flows.entry(between(&connection)).or_default();
            sums.requests += 1;
            sums.failed_requests += u64::from(failed);
        }
    }
    (flows.into_iter().map(|(between, sums)| Flow { between, sums }).collect(), counts)
}

fn between(connection: &Connection<'_>) -> Between {
    let process = |process: Option<Process<'_>>| process.and_then(process_id).map(Cow::into_owned);
    Between {
        client: process(connection.client()),
        client_site: identity(connection.client_site()).map(Cow::into_owned),
        service: service_key_of(connection),
        server: process(connection.server()),
        server_site: identity(connection.server_site()).map(Cow::into_owned),
    }
}

/// The newest lines.
fn logs(inner: &Inner) -> Vec<Log<'_>> {
    let mut logs: Vec<_> = inner.collector.records_of_class(Class::Log).collect();
    logs.sort_by_key(|view| core::cmp::Reverse(view.start()));
    logs.into_iter().take(LOGS).map(log).collect()
}

fn log(view: RecordView<'_>) -> Log<'_> {
    Log {
        at: micros(view.start()),
        severity: view.number(Attribute::LOG_SEVERITY),
        text: text(Some(view), Attribute::LOG_TEXT),
        router: name(view.parent()),
    }
}

fn happenings(inner: &Inner) -> Vec<Happened<'_>> {
    let newest = inner.happenings.iter().rev();
    newest.map(|happening| Happened { at: micros(Some(happening.at)), what: happening.what, whom: &happening.whom }).collect()
}
