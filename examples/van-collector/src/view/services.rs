//! Services: what has one routing key and protocol.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use vanflow::record::RecordType;

use super::flows::spoken;
use super::table::{Cell, Column, Table, columns};
use super::{Network, key, service_key, service_key_of, shown, span};

/// A service.
pub(crate) struct Row<'a> {
    pub(crate) id: String,
    pub(crate) name: Cow<'a, str>,
    pub(crate) protocol: Cow<'a, str>,
    pub(crate) listeners: u32,
    pub(crate) connectors: u32,
    observed: BTreeSet<Cow<'a, str>>,
    start: u64,
    end: u64,
}

impl<'a> Network<'a> {
    /// All services. Goes over all requests, for what they were seen to speak.
    pub(crate) fn services(&self) -> &[Row<'a>] {
        self.services.get_or_init(|| {
            let mut spans: BTreeMap<String, (u64, u64, bool)> = BTreeMap::new();
            for of in [RecordType::LISTENER, RecordType::CONNECTOR] {
                for view in self.elements(of) {
                    let (Some(id), (start, end)) = (service_key(view), span(view)) else { continue };
                    let (first, last, live) = spans.entry(id).or_insert((u64::MAX, 0, false));
                    *first = if start == 0 { *first } else { start.min(*first) };
                    (*last, *live) = ((*last).max(end), *live || end == 0);
                }
            }
            let mut observed: BTreeMap<String, BTreeSet<Cow<'a, str>>> = BTreeMap::new();
            for request in self.collector.requests() {
                let (Some(connection), Some(protocol)) = (request.connection(), request.protocol()) else { continue };
                if let Some(service) = service_key_of(&connection) {
                    observed.entry(service).or_default().insert(spoken(protocol));
                }
            }
            let row = |service: vanflow::collector::Service<'a>| {
                let (name, protocol) = (shown(service.address), shown(service.protocol));
                let id = key(&[&name, &protocol]);
                let (start, end, live) = spans.get(&id).copied().unwrap_or_default();
                Row {
                    observed: observed.remove(&id).unwrap_or_default(),
                    listeners: service.listeners,
                    connectors: service.connectors,
                    start: if start == u64::MAX { 0 } else { start },
                    end: if live { 0 } else { end },
                    id,
                    name,
                    protocol,
                }
            };
            self.collector.services().into_iter().map(row).collect()
        })
    }
}

pub(crate) enum Services {}

impl Table for Services {
    type Row<'a> = &'a Row<'a>;
    const SINGULAR: &'static str = "service";
    const COLUMNS: &'static [Column<Self>] = columns! {
        "identity" Text |_, service| Cell::Text(Cow::Borrowed(&service.id));
        "startTime" Number |_, service| Cell::Number(service.start);
        "endTime" Number |_, service| Cell::Number(service.end);
        "name" Text |_, service| Cell::Text(service.name.clone());
        "protocol" Text |_, service| Cell::Text(service.protocol.clone());
        "observedApplicationProtocols" Texts |_, service| Cell::Texts(service.observed.iter().cloned().collect());
        "listenerCount" Number |_, service| Cell::Number(service.listeners.into());
        "connectorCount" Number |_, service| Cell::Number(service.connectors.into());
        "isBound" Truth |_, service| Cell::Truth(service.listeners > 0 && service.connectors > 0);
        "hasListener" Truth |_, service| Cell::Truth(service.listeners > 0);
    };

    fn rows<'a>(network: &'a Network<'a>) -> Vec<&'a Row<'a>> {
        network.services().iter().collect()
    }

    fn span(service: &Row<'_>) -> (u64, u64) {
        (service.start, service.end)
    }
}
