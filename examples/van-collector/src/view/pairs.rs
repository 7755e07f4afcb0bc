//! Who speaks with whom: connections summed by sites, components and processes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use vanflow::collector::Connection;

use super::table::{Cell, Column, Table, columns};
use super::{Network, group_of, identity, key, micros, name, process_id, process_name, shown};

/// Connections of one source, destination and protocol.
pub(crate) struct Pair<'a> {
    id: String,
    kind: &'static str,
    connections: u64,
    source: End<'a>,
    destination: End<'a>,
    protocol: Cow<'a, str>,
    start: u64,
    end: u64,
    live: bool,
}

#[derive(Clone)]
struct End<'a> {
    id: Cow<'a, str>,
    name: Option<Cow<'a, str>>,
    site: Option<(Cow<'a, str>, Option<Cow<'a, str>>)>,
}

impl Pair<'_> {
    const fn span(&self) -> (u64, u64) {
        (self.start, if self.live { 0 } else { self.end })
    }
}

/// All of them, by kind.
#[derive(Default)]
pub(crate) struct Pairs<'a> {
    sites: Vec<Pair<'a>>,
    components: Vec<Pair<'a>>,
    processes: Vec<Pair<'a>>,
}

impl<'a> Pairs<'a> {
    /// Sums up connections, in one pass.
    pub(crate) fn of(connections: impl Iterator<Item = Connection<'a>>) -> Self {
        let (mut sites, mut components, mut processes) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for connection in connections {
            let protocol = protocol(&connection);
            if let Some((source, destination)) = site_ends(&connection) {
                add(&mut sites, "SITE", source, destination, protocol.clone(), &connection);
            }
            if let Some((source, destination)) = component_ends(&connection) {
                add(&mut components, "PROCESS_GROUP", source, destination, protocol.clone(), &connection);
            }
            if let Some((source, destination)) = process_ends(&connection) {
                add(&mut processes, "PROCESS", source, destination, protocol.clone(), &connection);
            }
        }
        let list = |pairs: BTreeMap<_, _>| pairs.into_values().collect();
        Self { sites: list(sites), components: list(components), processes: list(processes) }
    }
}

fn add<'a>(
    pairs: &mut BTreeMap<String, Pair<'a>>,
    kind: &'static str,
    source: End<'a>,
    destination: End<'a>,
    protocol: Cow<'a, str>,
    connection: &Connection<'a>,
) {
    let id = key(&[&source.id, &destination.id, &protocol]);
    let (start, end) = (micros(connection.start()), micros(connection.end()));
    let pair = pairs.entry(id.clone()).or_insert_with(|| Pair {
        id,
        kind,
        connections: 0,
        source,
        destination,
        protocol,
        start: 0,
        end: 0,
        live: false,
    });
    pair.connections += 1;
    pair.start = if pair.start == 0 { start } else { pair.start.min(start) };
    pair.end = pair.end.max(end);
    pair.live |= end == 0;
}

fn protocol<'a>(connection: &Connection<'a>) -> Cow<'a, str> {
    connection.protocol().map(shown).unwrap_or_default()
}

fn ends<'a, T>(
    source: Option<T>,
    destination: Option<T>,
    end: impl Fn(T, bool) -> Option<End<'a>>,
) -> Option<(End<'a>, End<'a>)> {
    Some((end(source?, true)?, end(destination?, false)?))
}

fn site<'a>(connection: &Connection<'a>, is_source: bool) -> Option<(Cow<'a, str>, Option<Cow<'a, str>>)> {
    let site = if is_source { connection.client_site() } else { connection.server_site() };
    Some((identity(site)?, name(site)))
}

fn site_ends<'a>(connection: &Connection<'a>) -> Option<(End<'a>, End<'a>)> {
    let end = |(id, name): (Cow<'a, str>, Option<Cow<'a, str>>), _| {
        Some(End { id: id.clone(), name: name.clone(), site: Some((id, name)) })
    };
    ends(site(connection, true), site(connection, false), end)
}

fn component_ends<'a>(connection: &Connection<'a>) -> Option<(End<'a>, End<'a>)> {
    let end = |name: Cow<'a, str>, _| Some(End { id: name.clone(), name: Some(name), site: None });
    ends(group_of(connection.client()), group_of(connection.server()), end)
}

fn process_ends<'a>(connection: &Connection<'a>) -> Option<(End<'a>, End<'a>)> {
    let end = |process, is_source| {
        Some(End { id: process_id(process)?, name: process_name(process), site: site(connection, is_source) })
    };
    ends(connection.client(), connection.server(), end)
}

fn pair_id(connection: &Connection<'_>, ends: Option<(End<'_>, End<'_>)>) -> Option<String> {
    let (source, destination) = ends?;
    Some(key(&[&source.id, &destination.id, &protocol(connection)]))
}

pub(crate) fn site_pair(connection: &Connection<'_>) -> Option<String> {
    pair_id(connection, site_ends(connection))
}

pub(crate) fn component_pair(connection: &Connection<'_>) -> Option<String> {
    pair_id(connection, component_ends(connection))
}

pub(crate) fn process_pair(connection: &Connection<'_>) -> Option<String> {
    pair_id(connection, process_ends(connection))
}

macro_rules! pairs {
    ($table:ident, $singular:literal, $place:ident) => {
        pub(crate) enum $table {}

        impl Table for $table {
            type Row<'a> = &'a Pair<'a>;
            const SINGULAR: &'static str = $singular;
            const COLUMNS: &'static [Column<Self>] = columns! {
                "identity" Text |_, pair| Cell::Text(Cow::Borrowed(&pair.id));
                "startTime" Number |_, pair| Cell::Number(pair.span().0);
                "endTime" Number |_, pair| Cell::Number(pair.span().1);
                "pairType" Text |_, pair| Cell::Text(pair.kind.into());
                "recordCount" Number |_, pair| Cell::Number(pair.connections);
                "sourceId" Text |_, pair| Cell::Text(pair.source.id.clone());
                "sourceName" Text |_, pair| Cell::text(pair.source.name.clone());
                "destinationId" Text |_, pair| Cell::Text(pair.destination.id.clone());
                "destinationName" Text |_, pair| Cell::text(pair.destination.name.clone());
                "sourceSiteId" Text |_, pair| Cell::text(pair.source.site.clone().map(|(id, _)| id));
                "sourceSiteName" Text |_, pair| Cell::text(pair.source.site.clone().and_then(|(_, name)| name));
                "destinationSiteId" Text |_, pair| Cell::text(pair.destination.site.clone().map(|(id, _)| id));
                "destinationSiteName" Text |_, pair| Cell::text(pair.destination.site.clone().and_then(|(_, name)| name));
                "protocol" Text |_, pair| Cell::Text(pair.protocol.clone());
            };

            fn rows<'a>(network: &'a Network<'a>) -> Vec<&'a Pair<'a>> {
                network.pairs().$place.iter().collect()
            }

            fn span(pair: &Pair<'_>) -> (u64, u64) {
                pair.span()
            }
        }
    };
}

pairs!(SitePairs, "site pair", sites);
pairs!(ComponentPairs, "component pair", components);
pairs!(ProcessPairs, "process pair", processes);

impl<'a> Network<'a> {
    fn pairs(&self) -> &Pairs<'a> {
        self.pairs.get_or_init(|| Pairs::of(self.collector.connections()))
    }
}
