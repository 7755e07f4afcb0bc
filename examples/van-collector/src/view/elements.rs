//! Sites, routers, links, and where services begin and end.

use vanflow::collector::RecordView;
use vanflow::record::{Attribute, RecordType, Scalar};

use super::table::{Cell, Column, Table, columns};
use super::{Network, identity, micros, name, process_id, service_key, shown, site_of, span, text};

macro_rules! element {
    ($table:ident, $singular:literal, $type:ident) => {
        pub(crate) enum $table {}

        impl Table for $table {
            type Row<'a> = RecordView<'a>;
            const SINGULAR: &'static str = $singular;
            const COLUMNS: &'static [Column<Self>] = $type;

            fn rows<'a>(network: &'a Network<'a>) -> Vec<RecordView<'a>> {
                network.elements(RecordType::$type).collect()
            }

            fn span(row: RecordView<'_>) -> (u64, u64) {
                span(row)
            }
        }
    };
}

element!(Sites, "site", SITE);
element!(Routers, "router", ROUTER);
element!(RouterAccesses, "router access", ROUTER_ACCESS);
element!(Listeners, "listener", LISTENER);
element!(Connectors, "connector", CONNECTOR);

const SITE: &[Column<Sites>] = columns! {
    "identity" Text |_, site| Cell::Text(shown(site.identity()));
    "startTime" Number |_, site| Cell::Number(micros(site.start()));
    "endTime" Number |_, site| Cell::Number(micros(site.end()));
    "complete" Truth |_, site| Cell::Truth(site.is_complete());
    "name" Text |_, site| Cell::text(site.name().map(shown));
    "namespace" Text |_, site| Cell::text(text(Some(site), Attribute::NAMESPACE));
    "platform" Text |_, site| Cell::Text(platform(site).into());
    "provider" Text |_, site| Cell::text(text(Some(site), Attribute::PROVIDER));
    "location" Text |_, site| Cell::text(text(Some(site), Attribute::LOCATION));
    "version" Text |_, site| Cell::text(version(site));
    "routerCount" Number |network, site| Cell::Number(routers(network, site));
};

const ROUTER: &[Column<Routers>] = columns! {
    "identity" Text |_, router| Cell::Text(shown(router.identity()));
    "startTime" Number |_, router| Cell::Number(micros(router.start()));
    "endTime" Number |_, router| Cell::Number(micros(router.end()));
    "complete" Truth |_, router| Cell::Truth(router.is_complete());
    "siteId" Text |_, router| Cell::text(identity(router.parent()));
    "name" Text |_, router| Cell::text(router.name().map(shown));
    "mode" Text |_, router| Cell::text(text(Some(router), Attribute::MODE));
    "namespace" Text |_, router| Cell::text(text(Some(router), Attribute::NAMESPACE));
    "imageName" Text |_, router| Cell::text(text(Some(router), Attribute::IMAGE_NAME));
    "imageVersion" Text |_, router| Cell::text(text(Some(router), Attribute::IMAGE_VERSION));
    "hostName" Text |_, router| Cell::text(text(Some(router), Attribute::HOSTNAME));
    "buildVersion" Text |_, router| Cell::text(text(Some(router), Attribute::BUILD_VERSION));
};

const ROUTER_ACCESS: &[Column<RouterAccesses>] = columns! {
    "identity" Text |_, access| Cell::Text(shown(access.identity()));
    "startTime" Number |_, access| Cell::Number(micros(access.start()));
    "endTime" Number |_, access| Cell::Number(micros(access.end()));
    "complete" Truth |_, access| Cell::Truth(access.is_complete());
    "routerId" Text |_, access| Cell::text(identity(access.parent()));
    "name" Text |_, access| Cell::text(access.name().map(shown));
    "linkCount" Number |_, access| Cell::number(access.number(Attribute::LINK_COUNT));
    "role" Text |_, access| Cell::text(text(Some(access), Attribute::ROLE));
};

const LISTENER: &[Column<Listeners>] = columns! {
    "identity" Text |_, listener| Cell::Text(shown(listener.identity()));
    "startTime" Number |_, listener| Cell::Number(micros(listener.start()));
    "endTime" Number |_, listener| Cell::Number(micros(listener.end()));
    "complete" Truth |_, listener| Cell::Truth(listener.is_complete());
    "routerId" Text |_, listener| Cell::text(identity(listener.parent()));
    "name" Text |_, listener| Cell::text(listener.name().map(shown));
    "destHost" Text |_, listener| Cell::text(text(Some(listener), Attribute::DEST_HOST));
    "destPort" Text |_, listener| Cell::text(text(Some(listener), Attribute::DEST_PORT));
    "protocol" Text |_, listener| Cell::text(text(Some(listener), Attribute::PROTOCOL));
    "routingKey" Text |_, listener| Cell::text(text(Some(listener), Attribute::ADDRESS));
    "serviceId" Text |_, listener| Cell::text(service_key(listener));
    "siteId" Text |_, listener| Cell::text(identity(site_of(listener)));
    "siteName" Text |_, listener| Cell::text(name(site_of(listener)));
    "connectionsOpened" Number |network, listener| Cell::number(network.collector.loss(listener).map(|loss| loss.opened));
    "connectionsMissed" Number |network, listener| Cell::number(network.collector.loss(listener).map(|loss| loss.missing()));
};

const CONNECTOR: &[Column<Connectors>] = columns! {
    "identity" Text |_, connector| Cell::Text(shown(connector.identity()));
    "startTime" Number |_, connector| Cell::Number(micros(connector.start()));
    "endTime" Number |_, connector| Cell::Number(micros(connector.end()));
    "complete" Truth |_, connector| Cell::Truth(connector.is_complete());
    "routerId" Text |_, connector| Cell::text(identity(connector.parent()));
    "name" Text |_, connector| Cell::text(connector.name().map(shown));
    "destHost" Text |_, connector| Cell::text(text(Some(connector), Attribute::DEST_HOST));
    "destPort" Text |_, connector| Cell::text(text(Some(connector), Attribute::DEST_PORT));
    "protocol" Text |_, connector| Cell::text(text(Some(connector), Attribute::PROTOCOL));
    "routingKey" Text |_, connector| Cell::text(text(Some(connector), Attribute::ADDRESS));
    "serviceId" Text |_, connector| Cell::text(service_key(connector));
    "processId" Text |_, connector| Cell::text(connector.server_process().and_then(process_id));
    "target" Text |_, connector| Cell::text(text(Some(connector), Attribute::ROLE));
    "siteId" Text |_, connector| Cell::text(identity(site_of(connector)));
    "siteName" Text |_, connector| Cell::text(name(site_of(connector)));
};

pub(crate) enum Links {}

impl Table for Links {
    type Row<'a> = vanflow::collector::Link<'a>;
    const SINGULAR: &'static str = "router link";
    const COLUMNS: &'static [Column<Self>] = columns! {
        "identity" Text |_, link| Cell::Text(shown(link.record.identity()));
        "startTime" Number |_, link| Cell::Number(micros(link.record.start()));
        "endTime" Number |_, link| Cell::Number(micros(link.record.end()));
        "complete" Truth |_, link| Cell::Truth(link.record.is_complete() && link.peer.is_some());
        "routerId" Text |_, link| Cell::text(identity(link.router));
        "routerName" Text |_, link| Cell::text(name(link.router));
        "name" Text |_, link| Cell::text(link.record.name().map(shown));
        "cost" Number |_, link| Cell::number(link.record.number(Attribute::LINK_COST));
        "role" Text |_, link| Cell::Text(role(link.record).into());
        "status" Text |_, link| Cell::Text(status(link.record).into());
        "octetCount" Number |_, link| Cell::number(link.record.number(Attribute::OCTETS));
        "octetReverseCount" Number |_, link| Cell::number(link.record.number(Attribute::OCTETS_REVERSE));
        "downCount" Number |_, link| Cell::number(link.record.number(Attribute::DOWN_COUNT));
        "error" Text |_, link| Cell::text(error(link.record));
        "protocol" Text |_, link| Cell::text(text(Some(link.record), Attribute::PROTOCOL));
        "routerAccessId" Text |_, link| Cell::text(identity(link.record.reference(Attribute::PEER)));
        "destinationRouterId" Text |_, link| Cell::text(link.peer.map(|peer| shown(peer.identity())));
        "destinationRouterName" Text |_, link| Cell::text(link.peer.and_then(|peer| peer.name()).map(shown));
        "sourceSiteId" Text |_, link| Cell::text(identity(site_of(link.record)));
        "sourceSiteName" Text |_, link| Cell::text(name(site_of(link.record)));
        "destinationSiteId" Text |_, link| Cell::text(identity(link.peer.and_then(|peer| peer.parent())));
        "destinationSiteName" Text |_, link| Cell::text(name(link.peer.and_then(|peer| peer.parent())));
        "proxyProtocol" Text |_, link| Cell::text(proxy(link.record));
    };

    fn rows<'a>(network: &'a Network<'a>) -> Vec<Self::Row<'a>> {
        network.links().to_vec()
    }

    fn span(row: Self::Row<'_>) -> (u64, u64) {
        span(row.record)
    }
}

fn platform(site: RecordView<'_>) -> &'static str {
    let told = site.text(Attribute::PLATFORM);
    let known = ["kubernetes", "podman", "docker", "linux"];
    known.into_iter().find(|known| told.is_some_and(|told| told.as_bytes() == known.as_bytes())).unwrap_or("unknown")
}

/// v2 has a build version, a v1 controller another text under the code that v2 counts links with.
fn version(site: RecordView<'_>) -> Option<std::borrow::Cow<'_, str>> {
    let v1 = || match site.get(Attribute::LINK_COUNT) {
        Some(Scalar::Text(version)) => Some(shown(version)),
        _ => None,
    };
    text(Some(site), Attribute::BUILD_VERSION).or_else(v1)
}

fn routers(network: &Network<'_>, site: RecordView<'_>) -> u64 {
    let of_site = |router: &RecordView<'_>| router.parent().is_some_and(|parent| parent.identity() == site.identity());
    network.elements(RecordType::ROUTER).filter(|router| router.ended().is_none() && of_site(router)).fold(0, |sum, _| sum + 1)
}

/// v1 has a mode where v2 has a role.
fn role(link: RecordView<'_>) -> &'static str {
    let told = link.text(Attribute::ROLE).or_else(|| link.text(Attribute::MODE));
    match told.map_or(&b""[..], |role| role.as_bytes()) {
        b"inter-router" | b"interior" => "inter-router",
        b"edge" => "edge",
        _ => "unknown",
    }
}

/// A link of v1 has no status: it is there, or it ended.
fn status(link: RecordView<'_>) -> &'static str {
    let down = link.ended().is_some() || link.text(Attribute::OPER_STATUS).is_some_and(|status| status.as_bytes() == b"down");
    if down { "down" } else { "up" }
}

/// What the router said when it lost the link last.
fn error(link: RecordView<'_>) -> Option<std::borrow::Cow<'_, str>> {
    match (text(Some(link), Attribute::RESULT), text(Some(link), Attribute::REASON)) {
        (Some(condition), Some(reason)) => Some(format!("{condition}: {reason}").into()),
        (one, other) => one.or(other),
    }
}

fn proxy(link: RecordView<'_>) -> Option<&'static str> {
    let told = link.text(Attribute::HTTP_PROXY)?;
    Some(if told.as_bytes() == b"yes" { "HTTP" } else { "NONE" })
}
