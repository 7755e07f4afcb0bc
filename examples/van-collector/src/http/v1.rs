//! `/api/v1alpha1`: what the prototype collector served: records as they are, and streams of what changes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use flowcodec::Text;
use serde_json::{Map, Value as Json, json};
use vanflow::collector::{Collector, RecordId, RecordView};
use vanflow::record::{Attribute, Class, RecordType, Scalar, definition};

use super::limits::Served;
use super::shared::Addresses;
use crate::answer::{self, Rows};
use crate::error::ApiError;
use crate::view::{Network, key, shown};

/// Paths of record types.
const TYPES: [(&str, RecordType); 17] = [
    ("sites", RecordType::SITE),
    ("routers", RecordType::ROUTER),
    ("links", RecordType::LINK),
    ("controllers", RecordType::CONTROLLER),
    ("listeners", RecordType::LISTENER),
    ("connectors", RecordType::CONNECTOR),
    ("processes", RecordType::PROCESS),
    ("images", RecordType::IMAGE),
    ("ingresses", RecordType::INGRESS),
    ("egresses", RecordType::EGRESS),
    ("collectors", RecordType::COLLECTOR),
    ("processgroups", RecordType::PROCESS_GROUP),
    ("hosts", RecordType::HOST),
    ("logs", RecordType::LOG),
    ("routeraccess", RecordType::ROUTER_ACCESS),
    ("connections", RecordType::BIFLOW_TPORT),
    ("requests", RecordType::BIFLOW_APP),
];

/// A question, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    what: What,
    deleted: bool,
    pub(crate) watch: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// Routers, and links: of v1 the incoming ones, since the others are the same seen from the other side.
    Topology,
    Records(RecordType),
    Addresses,
    /// An address, its listeners and connectors, and what flows through them.
    Flows(String),
    Named(Vec<String>),
}

impl Asked {
    pub(crate) fn read(path: &[&str], parameters: &[(String, String)]) -> Result<Self, ApiError> {
        let path = match path {
            [] => &"",
            [path] => path,
            _ => return Err(ApiError::unknown("/api/v1alpha1 has no paths within paths")),
        };
        let (mut deleted, mut watch, mut address, mut ids) = (false, false, None, Vec::new());
        for (number, (name, value)) in parameters.iter().enumerate() {
            if name != "id" && parameters.iter().take(number).any(|(before, _)| before == name) {
                return Err(ApiError::bad(format!("{name} is there twice")));
            }
            match &**name {
                "watch" => watch = flag(name, value)?,
                "includeDeleted" => deleted = flag(name, value)?,
                "vanaddr" if *path == "flows" => address = Some(value.clone()),
                "id" if *path == "record" => ids.push(value.clone()),
                _ => return Err(ApiError::bad(format!("{path} has no parameter \"{name}\""))),
            }
        }
        let what = match *path {
            "topology" => What::Topology,
            "vanaddrs" | "addresses" => What::Addresses,
            "flows" => What::Flows(address.ok_or_else(|| ApiError::bad("flows: which? vanaddr=ADDRESS is missing"))?),
            "record" if ids.is_empty() => return Err(ApiError::bad("record: which? id=IDENTITY is missing")),
            "record" => What::Named(ids),
            path => match TYPES.iter().find(|(name, _)| *name == path) {
                Some((_, of)) => What::Records(*of),
                None => {
                    let types: Vec<_> = TYPES.iter().map(|(name, _)| *name).collect();
                    return Err(ApiError::unknown(format!(
                        "there is no \"{path}\" in /api/v1alpha1; there are topology, vanaddrs, flows, record, {}",
                        types.join(", ")
                    )));
                }
            },
        };
        Ok(Self { what, deleted, watch })
    }

    /// Everything that was asked for, now.
    pub(crate) fn answer(&self, collector: &Collector) -> Result<Rows, ApiError> {
        let shown = |view: &RecordView<'_>| self.deleted || view.ended().is_none();
        let (mut made, mut records) = (Vec::new(), Vec::new());
        match &self.what {
            What::Topology => {
                let (routers, links) = (collector.records(RecordType::ROUTER), collector.records(RecordType::LINK));
                records.extend(routers.chain(links.filter(|link| is_incoming(*link))).filter(shown).map(|view| view.id()));
            }
            What::Records(of) => records.extend(collector.records(*of).filter(shown).map(|view| view.id())),
            What::Addresses => made.extend(addresses(collector, self.deleted).into_values()),
            What::Flows(address) => {
                made.extend(addresses(collector, self.deleted).remove(address));
                self.flows(collector, address, &mut records);
                // Who watches may wait for an address that is still to come.
                if made.is_empty() && records.is_empty() && !self.watch {
                    return Err(ApiError::unknown(format!("address '{address}' not found")));
                }
            }
            What::Named(ids) => {
                let found: Vec<_> = ids.iter().flat_map(|id| collector.find_all(id.as_bytes())).collect();
                if found.is_empty() {
                    return Err(ApiError::unknown(format!("record '{}' not found", ids.join("', '"))));
                }
                records.extend(found.into_iter().filter(shown).map(|view| view.id()));
            }
        }
        // What ends before its row is written is left out as it would have been before.
        let write = if self.deleted { write } else { write_live };
        Ok(Rows { made, records, write, enveloped: None })
    }

    /// Whether a watcher is told of a record that changed.
    pub(crate) fn wants(&self, view: RecordView<'_>) -> bool {
        match &self.what {
            What::Topology => match view.record_type() {
                RecordType::LINK => is_incoming(view),
                of => of == RecordType::ROUTER,
            },
            What::Records(of) => view.record_type() == *of,
            What::Addresses => false,
            What::Flows(address) => address_of(view).is_some_and(|of| of.as_bytes() == address.as_bytes()),
            What::Named(ids) => ids.iter().any(|id| id.as_bytes() == view.identity().as_bytes()),
        }
    }

    /// Whether what is watched are addresses, which are no records: they are compared from time to time.
    pub(crate) fn is_of_addresses(&self) -> bool {
        self.what == What::Addresses
    }

    /// All addresses, made for all who ask together.
    pub(super) async fn addresses_shared(&self, served: &Served, age: Duration) -> Result<(u64, Arc<Addresses>), ApiError> {
        let deleted = self.deleted;
        let [live, all] = &served.addresses;
        let shared = if deleted { all } else { live };
        shared.get(served, age, move |inner| Ok(Arc::new(addresses(&inner.collector, deleted)))).await
    }

    /// Depth first: the address, each listener and connector of it, each with its flows, each with what is on it.
    fn flows(&self, collector: &Collector, address: &str, records: &mut Vec<RecordId>) {
        let mut children: HashMap<RecordId, Vec<RecordView<'_>>> = HashMap::new();
        for flow in collector.records_of_class(Class::Flow) {
            if let Some(parent) = flow.parent().and_then(|parent| parent.record()) {
                children.entry(parent.id()).or_default().push(flow);
            }
        }
        for view in collector.records(RecordType::LISTENER).chain(collector.records(RecordType::CONNECTOR)) {
            if view.text(Attribute::ADDRESS).is_some_and(|of| of.as_bytes() == address.as_bytes()) {
                self.descend(view, &children, 0, records);
            }
        }
    }

    fn descend(
        &self,
        view: RecordView<'_>,
        children: &HashMap<RecordId, Vec<RecordView<'_>>>,
        depth: u8,
        records: &mut Vec<RecordId>,
    ) {
        if !self.deleted && view.ended().is_some() {
            return;
        }
        records.push(view.id());
        // Requests on connections of listeners, and no deeper, whatever records claim to be each other's parents.
        if depth < 2 {
            for child in children.get(&view.id()).into_iter().flatten() {
                self.descend(*child, children, depth + 1, records);
            }
        }
    }
}

/// An answer of what is made already.
pub(super) fn made(made: Vec<Json>) -> Rows {
    Rows { made, records: Vec::new(), write, enveloped: None }
}

fn write(network: &Network<'_>, id: RecordId, out: &mut Vec<u8>) -> serde_json::Result<bool> {
    network.collector.record(id).map_or(Ok(false), |view| answer::row(out, object(view)))
}

fn write_live(network: &Network<'_>, id: RecordId, out: &mut Vec<u8>) -> serde_json::Result<bool> {
    let lives = network.collector.record(id).is_some_and(|view| view.ended().is_none());
    if lives { write(network, id, out) } else { Ok(false) }
}

/// Addresses by name. Goes over all connections held.
fn addresses(collector: &Collector, deleted: bool) -> Addresses {
    #[derive(Default)]
    struct Counts {
        listeners: u64,
        connectors: u64,
        total: u64,
        current: u64,
    }
    let mut addresses: BTreeMap<String, Counts> = BTreeMap::new();
    for (of, is_listener) in [(RecordType::LISTENER, true), (RecordType::CONNECTOR, false)] {
        for view in collector.records(of).filter(|view| deleted || view.ended().is_none()) {
            let Some(address) = view.text(Attribute::ADDRESS) else { continue };
            let counts = addresses.entry(shown(address).into_owned()).or_default();
            *(if is_listener { &mut counts.listeners } else { &mut counts.connectors }) += 1;
        }
    }
    for connection in collector.connections() {
        let Some(address) = connection.address() else { continue };
        if let Some(counts) = addresses.get_mut(&*shown(address)) {
            counts.total += 1;
            counts.current += u64::from(connection.end().is_none());
        }
    }
    let object = |(name, counts): (String, Counts)| {
        let object = json!({
            "recordType": "VAN_ADDRESS",
            "identity": key(&["address", &name]),
            "name": name,
            "listenerCount": counts.listeners,
            "connectorCount": counts.connectors,
            "totalFlows": counts.total,
            "currentFlows": counts.current,
        });
        (name, object)
    };
    addresses.into_iter().map(object).collect()
}

fn flag(name: &str, value: &str) -> Result<bool, ApiError> {
    match value {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(ApiError::bad(format!("{name}: \"{value}\" is neither 1 nor 0"))),
    }
}

fn is_incoming(link: RecordView<'_>) -> bool {
    link.text(Attribute::DIRECTION).is_none_or(|direction| direction.as_bytes() == b"incoming")
}

/// The address that a listener, connector, connection or request belongs to.
fn address_of(view: RecordView<'_>) -> Option<Text<'_>> {
    let connection = view.connection().or_else(|| view.request().and_then(|request| request.connection()));
    match connection {
        Some(connection) => connection.address(),
        None if matches!(view.record_type(), RecordType::LISTENER | RecordType::CONNECTOR) => view.text(Attribute::ADDRESS),
        None => None,
    }
}

/// A record as the prototype shows it: attributes by name, the duration of what is over, and an end that was inferred.
pub(super) fn object(view: RecordView<'_>) -> Json {
    let mut object = Map::new();
    object.insert("recordType".into(), view.record_type().to_string().into());
    object.insert("identity".into(), shown(view.identity()).into());
    for (attribute, value) in view.attributes() {
        let name = match definition(view.record_type(), attribute, &value) {
            _ if attribute == Attribute::ADDRESS => "vanAddress".to_owned(),
            Some(row) => row.name.to_owned(),
            // Not known, and passed on.
            None => format!("attribute{}", attribute.code()),
        };
        let value = match value {
            Scalar::Number(number) => number.into(),
            Scalar::Text(text) => shown(text).into(),
            _ => Json::Null,
        };
        object.insert(name, value);
    }
    let micros = |time: Option<flowcodec::Timestamp>| time.map(|time| time.as_nanos() / 1_000);
    match micros(view.end()) {
        // 0 on the wire means that it lives; the prototype has no end then.
        None => {
            object.remove("endTime");
        }
        Some(end) => {
            object.insert("endTime".into(), end.into());
            if let Some(start) = micros(view.start()) {
                object.insert("duration".into(), end.saturating_sub(start).max(0).into());
            }
        }
    }
    Json::Object(object)
}
