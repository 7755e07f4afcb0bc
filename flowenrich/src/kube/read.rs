//! Objects read from the API's JSON.
//!
//! Reading is lenient: what is missing is missing, what cannot be read is a [`Problem`] that names its place, and the rest of the object
//! stands.

use std::fmt;
use std::net::IpAddr;

use flowcodec::Timestamp;
use ipnetwork::IpNetwork;
use serde_json::Value;

use super::object::{Endpoints, Finished, Meta, Node, Object, OwnerRef, Pod, Problem, Service, ServicePort};
use crate::rfc3339::parse_rfc3339;

impl Object {
    /// Reads an object that names its own `apiVersion` and `kind`. What is wrong with it is pushed onto `problems`; `None` when it has
    /// no kind or no name.
    pub fn read(json: &Value, problems: &mut Vec<Problem>) -> Option<Self> {
        let version = json.get("apiVersion").and_then(Value::as_str).unwrap_or("v1");
        let kind = json.get("kind").and_then(Value::as_str).unwrap_or_default();
        Self::read_as(version, kind, json, problems)
    }

    /// Reads an object of a kind that is known from elsewhere, as items of a list (`PodList`) and metadata-only objects
    /// (`PartialObjectMetadata`) do not name it. `version` is an `apiVersion`: `v1`, `apps/v1`.
    pub fn read_as(version: &str, kind: &str, json: &Value, problems: &mut Vec<Problem>) -> Option<Self> {
        let group = version.rsplit_once('/').map_or("", |(group, _)| group);
        let name = json.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        let namespace = json.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
        let slash = if namespace.is_empty() { "" } else { "/" };
        let mut reader = Reader { json, object: format!("{kind} {namespace}{slash}{name}"), problems };
        if kind.is_empty() || name.is_empty() {
            reader.problem(if kind.is_empty() { "kind" } else { "metadata.name" }, "missing, so this is no object");
            return None;
        }
        let meta = reader.meta(group, kind, namespace, name);
        Some(match (group, kind) {
            ("", "Pod") => Self::Pod(reader.pod(meta)),
            ("", "Node") => Self::Node(reader.node(meta)),
            ("", "Service") => Self::Service(reader.service(meta)),
            ("", "Endpoints") => Self::Endpoints(reader.endpoints(meta)),
            ("discovery.k8s.io", "EndpointSlice") => Self::Endpoints(reader.slice(meta)),
            _ => Self::Other(meta),
        })
    }
}

struct Reader<'v, 'p> {
    json: &'v Value,
    object: String,
    problems: &'p mut Vec<Problem>,
}

impl<'v> Reader<'v, '_> {
    fn problem(&mut self, field: impl fmt::Display, what: impl fmt::Display) {
        self.problems.push(Problem { place: format!("{}: {field}", self.object), what: what.to_string() });
    }

    fn at(&self, pointer: &str) -> Option<&'v Value> {
        self.json.pointer(pointer)
    }

    fn text(&self, pointer: &str) -> Option<&'v str> {
        self.at(pointer)?.as_str().filter(|text| !text.is_empty())
    }

    fn list(&self, pointer: &str) -> &'v [Value] {
        items(self.at(pointer))
    }

    fn time(&mut self, value: Option<&Value>, field: &str) -> Option<Timestamp> {
        let text = value?.as_str().unwrap_or_default();
        let time = parse_rfc3339(text);
        if time.is_none() {
            self.problem(field, format_args!("'{text}' is no time (RFC 3339)"));
        }
        time
    }

    /// An address, pushed if it is one and not there yet.
    fn address(&mut self, value: Option<&Value>, field: impl fmt::Display, into: &mut Vec<IpAddr>) {
        let Some(value) = value else { return };
        let text = value.as_str().unwrap_or_default();
        match text.parse::<IpAddr>() {
            Ok(address) => push_once(into, address),
            // Fields that are there and empty are how the API says "none yet".
            Err(_) if value.is_null() || value.as_str() == Some("") => {}
            Err(_) => self.problem(field, format_args!("{value} is no address")),
        }
    }

    fn meta(&mut self, group: &str, kind: &str, namespace: &str, name: &str) -> Meta {
        let or_empty = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let created = self.time(present(self.at("/metadata/creationTimestamp")), "metadata.creationTimestamp");
        let grace = self.at("/metadata/deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0).max(0);
        let deletion = self.time(present(self.at("/metadata/deletionTimestamp")), "metadata.deletionTimestamp");
        let references = self.list("/metadata/ownerReferences");
        let controls = |reference: &&Value| reference.get("controller").and_then(Value::as_bool) == Some(true);
        let reference = references.iter().find(controls).or_else(|| references.first());
        let owner = reference.and_then(|reference| {
            let text = |key: &str| reference.get(key).and_then(Value::as_str);
            let group = text("apiVersion").and_then(|version| version.rsplit_once('/')).map_or("", |(group, _)| group);
            let (kind, name) = (text("kind")?.to_owned(), text("name")?.to_owned());
            Some(OwnerRef { group: group.to_owned(), kind, name, uid: or_empty(text("uid")) })
        });
        if reference.is_some() && owner.is_none() {
            self.problem("metadata.ownerReferences", "an owner without kind or name");
        }
        Meta {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            uid: or_empty(self.text("/metadata/uid")),
            resource_version: self.text("/metadata/resourceVersion").and_then(|version| version.parse().ok()),
            created,
            deletion_asked: deletion.map(|at| at.offset(grace.saturating_mul(-1_000_000_000))),
            owner,
        }
    }

    fn pod(&mut self, meta: Meta) -> Pod {
        let mut hosts = Vec::new();
        self.address(self.at("/status/hostIP"), "status.hostIP", &mut hosts);
        let host_addr = hosts.first().copied();
        for (at, host) in self.list("/status/hostIPs").iter().enumerate() {
            self.address(host.get("ip"), format_args!("status.hostIPs[{at}].ip"), &mut hosts);
        }
        let mut addrs = Vec::new();
        if self.at("/spec/hostNetwork").and_then(Value::as_bool) != Some(true) {
            self.address(self.at("/status/podIP"), "status.podIP", &mut addrs);
            for (at, pod) in self.list("/status/podIPs").iter().enumerate() {
                self.address(pod.get("ip"), format_args!("status.podIPs[{at}].ip"), &mut addrs);
            }
            addrs.retain(|address| !hosts.contains(address));
        }
        let finished =
            matches!(self.text("/status/phase"), Some("Succeeded" | "Failed")).then(|| Finished { at: self.finished() });
        let mut networks = Vec::new();
        self.network_status(&mut networks);
        self.pod_networks(&mut networks);
        Pod { node: self.text("/spec/nodeName").map(str::to_owned), host_addr, addrs, networks, finished, meta }
    }

    /// The latest end of any container.
    fn finished(&mut self) -> Option<Timestamp> {
        let mut latest = None;
        for list in ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"] {
            for (at, container) in self.list(&format!("/status/{list}")).iter().enumerate() {
                let ended = present(container.pointer("/state/terminated/finishedAt"));
                latest = latest.max(self.time(ended, &format!("status.{list}[{at}].state.terminated.finishedAt")));
            }
        }
        latest
    }

    /// Multus: a list of networks of which one is the default.
    fn network_status(&mut self, networks: &mut Vec<(String, IpAddr)>) {
        const NAME: &str = "k8s.v1.cni.cncf.io/network-status";
        let Some(Value::Array(list)) = self.annotation(NAME) else { return };
        for network in &list {
            let name = network.get("name").and_then(Value::as_str).unwrap_or_default();
            if name.is_empty() || network.get("default").and_then(Value::as_bool) == Some(true) {
                continue;
            }
            let mut addrs = Vec::new();
            for address in items(network.get("ips")) {
                self.address(Some(address), format_args!("{}, network {name}", annotation_place(NAME)), &mut addrs);
            }
            for address in addrs {
                push_once(networks, (name.to_owned(), address));
            }
        }
    }

    /// OVN-Kubernetes: networks by name, `default` among them.
    fn pod_networks(&mut self, networks: &mut Vec<(String, IpAddr)>) {
        const NAME: &str = "k8s.ovn.org/pod-networks";
        let Some(Value::Object(map)) = self.annotation(NAME) else { return };
        for (name, network) in map.iter().filter(|(name, _)| *name != "default") {
            for address in network.get("ip_address").into_iter().chain(items(network.get("ip_addresses"))) {
                match address.as_str().and_then(|text| text.parse::<IpNetwork>().ok()) {
                    Some(address) => push_once(networks, (name.clone(), address.ip().to_canonical())),
                    None => self.problem(
                        format_args!("{}, network {name}", annotation_place(NAME)),
                        format_args!("{address} is no address with a prefix length"),
                    ),
                }
            }
        }
    }

    /// An annotation that holds JSON.
    fn annotation(&mut self, name: &str) -> Option<Value> {
        let text = self.at("/metadata/annotations")?.get(name)?.as_str()?;
        match serde_json::from_str(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(annotation_place(name), format_args!("no JSON: {error}"));
                None
            }
        }
    }

    fn node(&mut self, meta: Meta) -> Node {
        let (mut addrs, mut internal) = (Vec::new(), Vec::new());
        for (at, address) in self.list("/status/addresses").iter().enumerate() {
            let kind = address.get("type").and_then(Value::as_str).unwrap_or_default();
            let field = format!("status.addresses[{at}].address");
            if kind == "InternalIP" {
                self.address(address.get("address"), &field, &mut internal);
            }
            if kind.ends_with("IP") {
                self.address(address.get("address"), &field, &mut addrs);
            } else if let Some(named) = address.get("address").and_then(|name| name.as_str()?.parse().ok()) {
                // Some clouds name their machines by address.
                push_once(&mut addrs, named);
            }
        }
        self.management(&mut addrs);
        let zone = self.at("/metadata/labels").and_then(|labels| labels.get("topology.kubernetes.io/zone")?.as_str());
        let internal_addr = internal.first().or_else(|| addrs.first()).copied();
        Node { internal_addr, addrs, zone: zone.filter(|zone| !zone.is_empty()).map(str::to_owned), meta }
    }

    /// OVN's management port has the third address of each of the node's subnets: a text in old versions, a list in new ones.
    fn management(&mut self, addrs: &mut Vec<IpAddr>) {
        const NAME: &str = "k8s.ovn.org/node-subnets";
        let Some(annotation) = self.annotation(NAME) else { return };
        let subnets = match annotation.get("default") {
            Some(one @ Value::String(_)) => std::slice::from_ref(one),
            other => items(other),
        };
        for subnet in subnets {
            match subnet.as_str().and_then(|text| text.parse::<IpNetwork>().ok()) {
                Some(IpNetwork::V4(net)) => push_once(addrs, IpAddr::V4(net.network().to_bits().wrapping_add(2).into())),
                Some(IpNetwork::V6(net)) => push_once(addrs, IpAddr::V6(net.network().to_bits().wrapping_add(2).into())),
                None => self.problem(annotation_place(NAME), format_args!("{subnet} is no subnet")),
            }
        }
    }

    fn service(&mut self, meta: Meta) -> Service {
        let mut service = Service { meta, ..Service::default() };
        let none = |value: &&Value| value.as_str() != Some("None");
        self.address(self.at("/spec/clusterIP").filter(none), "spec.clusterIP", &mut service.cluster_addrs);
        for (at, address) in self.list("/spec/clusterIPs").iter().enumerate() {
            self.address(Some(address).filter(none), format_args!("spec.clusterIPs[{at}]"), &mut service.cluster_addrs);
        }
        for (at, address) in self.list("/spec/externalIPs").iter().enumerate() {
            self.address(Some(address), format_args!("spec.externalIPs[{at}]"), &mut service.external_addrs);
        }
        for (at, ingress) in self.list("/status/loadBalancer/ingress").iter().enumerate() {
            let field = format!("status.loadBalancer.ingress[{at}].ip");
            self.address(ingress.get("ip"), field, &mut service.load_balancer_addrs);
        }
        for (at, port) in self.list("/spec/ports").iter().enumerate() {
            let number = |key: &str| port.get(key).and_then(Value::as_u64).and_then(|number| u16::try_from(number).ok());
            let protocol = match port.get("protocol").and_then(Value::as_str) {
                None | Some("TCP") => 6,
                Some("UDP") => 17,
                Some("SCTP") => 132,
                Some(other) => {
                    self.problem(format_args!("spec.ports[{at}].protocol"), format_args!("'{other}' is no protocol of services"));
                    continue;
                }
            };
            let Some(own) = number("port") else {
                self.problem(format_args!("spec.ports[{at}].port"), "no port number");
                continue;
            };
            service.ports.push(ServicePort { protocol, port: own, node_port: number("nodePort").filter(|port| *port != 0) });
        }
        service
    }

    fn endpoints(&mut self, meta: Meta) -> Endpoints {
        let mut addrs = Vec::new();
        for (at, subset) in self.list("/subsets").iter().enumerate() {
            let all = items(subset.get("addresses")).iter().chain(items(subset.get("notReadyAddresses")));
            for address in all.filter(|address| !is_pod(address)) {
                self.address(address.get("ip"), format_args!("subsets[{at}].addresses"), &mut addrs);
            }
        }
        Endpoints { service: meta.name.clone(), addrs, meta }
    }

    fn slice(&mut self, meta: Meta) -> Endpoints {
        let mut addrs = Vec::new();
        let named = self.text("/addressType") == Some("FQDN");
        for (at, endpoint) in self.list("/endpoints").iter().enumerate().filter(|(_, endpoint)| !named && !is_pod(endpoint)) {
            for address in items(endpoint.get("addresses")) {
                self.address(Some(address), format_args!("endpoints[{at}].addresses"), &mut addrs);
            }
        }
        let service = self.at("/metadata/labels").and_then(|labels| labels.get("kubernetes.io/service-name")?.as_str());
        Endpoints { service: service.unwrap_or_default().to_owned(), addrs, meta }
    }
}

fn is_pod(endpoint: &Value) -> bool {
    endpoint.pointer("/targetRef/kind").and_then(Value::as_str) == Some("Pod")
}

fn annotation_place(name: &str) -> String {
    format!("metadata.annotations['{name}']")
}

fn present(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

trait Canonical: PartialEq {
    fn canonical(self) -> Self;
}

impl Canonical for IpAddr {
    fn canonical(self) -> Self {
        self.to_canonical()
    }
}

impl Canonical for (String, IpAddr) {
    fn canonical(self) -> Self {
        (self.0, self.1.to_canonical())
    }
}

fn push_once<T: Canonical>(list: &mut Vec<T>, item: T) {
    let item = item.canonical();
    if !list.contains(&item) {
        list.push(item);
    }
}
