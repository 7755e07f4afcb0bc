//! What is made from several records: links, services, inferred processes, loss.

use std::collections::{BTreeMap, BTreeSet};

use flowcodec::Text;

use super::Collector;
use super::connection::Process;
use super::view::{RecordView, Reference};
use crate::record::{Attribute, RecordType};

/// A link between two routers, as one of its ends describes it: v1 has a record at each end, v2 at the connecting end only.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Link<'a> {
    /// The LINK.
    pub record: RecordView<'a>,
    /// The router that describes it.
    pub router: Option<Reference<'a>>,
    /// The router at the other end, if it is known.
    pub peer: Option<RecordView<'a>>,
}

/// A service: a routing key and a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Service<'a> {
    /// The routing key.
    pub address: Text<'a>,
    /// The protocol.
    pub protocol: Text<'a>,
    /// Live listeners.
    pub listeners: u32,
    /// Live connectors.
    pub connectors: u32,
}

/// A process that no record describes: something has this host in this site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct InferredProcess<'a> {
    /// Identity of the site.
    pub site: Text<'a>,
    /// The host.
    pub host: Text<'a>,
    /// Whether connectors connect to it; else it is a client only.
    pub is_server: bool,
}

/// How many connections of a listener were never seen here: a router describes at most 5,000 at once and says nothing of the others, and
/// messages are lost. The listener counts them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loss {
    /// Connections opened, as the listener counts.
    pub opened: u64,
    /// Connections whose record named the listener, those that are gone too.
    pub seen: u64,
    /// Whether the listener was there before this collector heard its source: then connections of before are among the missing.
    pub began_before: bool,
}

impl Loss {
    /// Connections never seen.
    #[must_use]
    pub const fn missing(&self) -> u64 {
        self.opened.saturating_sub(self.seen)
    }
}

impl Collector {
    /// All links. Goes over the elements held.
    pub fn links(&self) -> impl Iterator<Item = Link<'_>> {
        // v1 names the peer without its area.
        let mut routers: BTreeMap<&[u8], RecordView<'_>> = BTreeMap::new();
        for router in self.records(RecordType::ROUTER) {
            let name = router.name().map_or(&[][..], Text::as_bytes);
            let name = name.split(|&octet| octet == b'/').next_back().unwrap_or(name);
            // Live ones come first.
            routers.entry(name).or_insert(router);
        }
        self.records(RecordType::LINK).map(move |record| {
            let access = record.reference(Attribute::PEER).map(|access| access.record());
            let peer = match access {
                Some(access) => access.and_then(|access| access.parent()).and_then(|router| router.record()),
                None if record.get(Attribute::ROLE).is_none() => {
                    record.name().and_then(|name| routers.get(name.as_bytes()).copied())
                }
                None => None,
            };
            Link { record, router: record.parent(), peer }
        })
    }

    /// All services, by address and protocol. Goes over the elements held.
    #[must_use]
    pub fn services(&self) -> Vec<Service<'_>> {
        let mut services: BTreeMap<(Text<'_>, Text<'_>), (u32, u32)> = BTreeMap::new();
        for (of, is_listener) in [(RecordType::LISTENER, true), (RecordType::CONNECTOR, false)] {
            for view in self.records(of) {
                let Some(address) = view.text(Attribute::ADDRESS) else { continue };
                let counts = services.entry((address, view.text(Attribute::PROTOCOL).unwrap_or_default())).or_default();
                let counter = if is_listener { &mut counts.0 } else { &mut counts.1 };
                *counter = counter.saturating_add(u32::from(view.ended().is_none()));
            }
        }
        let service = |((address, protocol), (listeners, connectors))| Service { address, protocol, listeners, connectors };
        services.into_iter().map(service).collect()
    }

    /// Processes that no record describes but connections and connectors show, by site and host. A record that comes later replaces
    /// them at once, also for connections of before. Goes over all flow records held.
    #[must_use]
    pub fn inferred_processes(&self) -> Vec<InferredProcess<'_>> {
        let mut hosts: BTreeMap<(Text<'_>, Text<'_>), bool> = BTreeMap::new();
        for connection in self.connections() {
            if let Some(Process::Inferred { site, host }) = connection.client() {
                hosts.entry((site, host)).or_default();
            }
        }
        for connector in self.records(RecordType::CONNECTOR).filter(|connector| connector.get(Attribute::PROCESS).is_none()) {
            let site = connector.parent().and_then(|router| router.record()).and_then(|router| router.parent());
            if let (Some(site), Some(host)) = (site, connector.text(Attribute::DEST_HOST))
                && let Process::Inferred { site, host } = self.process_at(site, host)
            {
                hosts.insert((site, host), true);
            }
        }
        hosts.into_iter().map(|((site, host), is_server)| InferredProcess { site, host, is_server }).collect()
    }

    /// Names of the groups that processes are in.
    #[must_use]
    pub fn process_groups(&self) -> BTreeSet<Text<'_>> {
        self.records(RecordType::PROCESS).filter_map(|process| process.text(Attribute::GROUP)).collect()
    }

    /// How many connections of a listener were never seen; `None` until it tells its count, and of what is no listener.
    #[must_use]
    pub fn loss(&self, listener: RecordView<'_>) -> Option<Loss> {
        if listener.record_type() != RecordType::LISTENER {
            return None;
        }
        let opened = listener.number(Attribute::FLOW_COUNT_L4)?;
        let seen = self.store.flows_seen(listener.record.node, listener.record.epoch);
        let source = listener.source()?;
        let began_before = listener.start().is_none_or(|start| source.corrected(start) < source.first_heard());
        Some(Loss { opened, seen, began_before })
    }
}
