//! What is kept of objects: names shared, addresses parsed, nothing else.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use flowcodec::{Timestamp, prefetch};

use super::index::Index;
use super::object::ServicePort;
use crate::shards::Shards;

/// A moment before all others.
pub(super) const EVER: Timestamp = Timestamp::from_nanos(i64::MIN);
/// A moment after all others.
pub(super) const NEVER: Timestamp = Timestamp::from_nanos(i64::MAX);

/// A unique id, told apart from others of objects of the same name only; 0 is "not known".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Uid(u64);

impl Uid {
    /// FNV-1a of the text: ids are opaque, and compared only between objects of one kind and name.
    pub(super) fn new(text: &str) -> Self {
        const PRIME: u64 = 0x0000_0100_0000_01b3;
        const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        if text.is_empty() {
            return Self(0);
        }
        Self(text.bytes().fold(BASIS, |hash, octet| (hash ^ u64::from(octet)).wrapping_mul(PRIME)))
    }

    pub(super) const fn is_known(self) -> bool {
        self.0 != 0
    }

    /// Whether these are surely two objects.
    pub(super) const fn differs(self, other: Self) -> bool {
        self.is_known() && other.is_known() && self.0 != other.0
    }
}

/// What all kinds have. Equal when nothing but the version differs, which changes with every heartbeat.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) name: Box<str>,
    pub(super) namespace: Arc<str>,
    pub(super) uid: Uid,
    pub(super) version: u64,
    pub(super) created: Timestamp,
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.namespace, self.uid, self.created) == (&other.name, &other.namespace, other.uid, other.created)
    }
}

impl Eq for Head {}

/// A reference upward; shared by all that have the same owner.
#[derive(Debug, Clone)]
pub(super) struct OwnerName {
    pub(super) group: Arc<str>,
    pub(super) kind: Arc<str>,
    /// Of the object that names it; owners are in the same namespace or in none.
    pub(super) namespace: Arc<str>,
    pub(super) name: Box<str>,
    pub(super) uid: Uid,
    /// Where it is found itself: in its namespace, or in none.
    pub(super) hashes: [u64; 2],
    /// Of its [chain](super::chains::Chains); no part of the name.
    pub(super) number: u32,
}

impl PartialEq for OwnerName {
    fn eq(&self, other: &Self) -> bool {
        let same = self.uid == other.uid && self.hashes == other.hashes && self.name == other.name;
        same && self.kind == other.kind && self.group == other.group && self.namespace == other.namespace
    }
}

impl Eq for OwnerName {}

impl Hash for OwnerName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.hashes, self.uid).hash(state);
    }
}

/// The node of a pod, and where it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NodeName {
    pub(super) name: Arc<str>,
    pub(super) hash: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PodEntry {
    pub(super) head: Head,
    pub(super) node: Option<NodeName>,
    /// As its status says; the node knows better where it is known.
    pub(super) host_addr: Option<IpAddr>,
    pub(super) owner: Option<Arc<OwnerName>>,
    /// The number of that, said again so that its chain is found without reading it.
    pub(super) chain: Option<u32>,
    /// When its deletion was asked for, else [`NEVER`].
    pub(super) terminating: Timestamp,
    /// When its last container ended, if it is done for good, else [`NEVER`].
    pub(super) ended: Timestamp,
    pub(super) addrs: Box<[IpAddr]>,
    pub(super) networks: Box<[(Arc<str>, IpAddr)]>,
}

impl PodEntry {
    /// Sends for what is told of a pod.
    #[inline]
    pub(super) fn send_for(&self) {
        prefetch(&self.head.name);
        prefetch(&self.node);
        prefetch(&self.chain);
        prefetch(&self.host_addr);
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NodeEntry {
    pub(super) head: Head,
    pub(super) internal_addr: Option<IpAddr>,
    pub(super) zone: Option<Arc<str>>,
    pub(super) addrs: Box<[IpAddr]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServiceEntry {
    pub(super) head: Head,
    pub(super) addrs: Box<[(By, IpAddr)]>,
    pub(super) ports: Box<[ServicePort]>,
}

/// Endpoints, or a slice of them: two kinds, whose names are apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EndpointsEntry<const SLICE: bool> {
    pub(super) head: Head,
    pub(super) service: Box<str>,
    pub(super) addrs: Box<[IpAddr]>,
}

/// An object that is owned: a step between a pod and its workload. Objects without owner are not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnedEntry {
    pub(super) group: Arc<str>,
    pub(super) kind: Arc<str>,
    pub(super) head: Head,
    pub(super) owner: Arc<OwnerName>,
}

/// An entry that has addresses and is found by namespace and name.
pub(super) trait Entry: Clone + PartialEq + 'static {
    /// Whether others are found through it, so that it is wanted by name when it is gone.
    const FOUND_BY_NAME: bool = false;

    fn head(&self) -> &Head;

    fn holder(self: Arc<Self>) -> Holder;

    fn table(index: &Index) -> &Shards<Arc<Self>>;

    fn table_mut(index: &mut Index) -> &mut Shards<Arc<Self>>;

    /// When it ended, as it says itself.
    fn ended(&self) -> Timestamp {
        NEVER
    }
}

macro_rules! entries {
    ($($entry:ty, $table:ident => $holder:expr, { $($more:tt)* })*) => {$(
        impl Entry for $entry {
            $($more)*

            fn head(&self) -> &Head {
                &self.head
            }

            fn holder(self: Arc<Self>) -> Holder {
                $holder(self)
            }

            fn table(index: &Index) -> &Shards<Arc<Self>> {
                &index.$table
            }

            fn table_mut(index: &mut Index) -> &mut Shards<Arc<Self>> {
                &mut index.$table
            }
        }
    )*};
}

entries! {
    PodEntry, pods => Holder::Pod, { fn ended(&self) -> Timestamp { self.ended } }
    NodeEntry, nodes => Holder::Node, { const FOUND_BY_NAME: bool = true; }
    ServiceEntry, services => (|service| Holder::Service(service, By::ClusterIp)), {}
    EndpointsEntry<false>, endpoints => Holder::Endpoints, {}
    EndpointsEntry<true>, slices => Holder::Slice, {}
}

/// How an address is a service's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum By {
    /// It is a cluster address of it.
    ClusterIp,
    /// It is one of its external addresses.
    ExternalIp,
    /// A load balancer gave it.
    LoadBalancer,
    /// It is a node's, and the port is the service's node port.
    NodePort,
    /// It is behind the service, and no pod's.
    Endpoint,
}

impl By {
    /// The word used in outputs: `clusterIP`, `externalIP`, `loadBalancer`, `nodePort`, `endpoint`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClusterIp => "clusterIP",
            Self::ExternalIp => "externalIP",
            Self::LoadBalancer => "loadBalancer",
            Self::NodePort => "nodePort",
            Self::Endpoint => "endpoint",
        }
    }
}

/// Who has an address.
#[derive(Debug, Clone)]
pub(super) enum Holder {
    Pod(Arc<PodEntry>),
    Node(Arc<NodeEntry>),
    Service(Arc<ServiceEntry>, By),
    Endpoints(Arc<EndpointsEntry<false>>),
    Slice(Arc<EndpointsEntry<true>>),
}

/// What can be held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// An address on the cluster's network.
    Addr(IpAddr),
    /// An address on another network.
    Network(Arc<str>, IpAddr),
    /// A port of all nodes.
    NodePort(u16),
}

impl Holder {
    /// All that it holds, and as what.
    pub(super) fn places(&self) -> Vec<(Place, Self)> {
        let plain = |addrs: &[IpAddr]| addrs.iter().map(|addr| (Place::Addr(*addr), self.clone())).collect::<Vec<_>>();
        match self {
            Self::Pod(pod) => {
                let networks = pod.networks.iter().map(|(network, addr)| Place::Network(Arc::clone(network), *addr));
                plain(&pod.addrs).into_iter().chain(networks.map(|place| (place, self.clone()))).collect()
            }
            Self::Node(node) => plain(&node.addrs),
            Self::Service(service, _) => {
                let addrs = service.addrs.iter().map(|(by, addr)| (Place::Addr(*addr), *by));
                // Each number once: TCP and UDP may share one.
                let numbers: BTreeSet<u16> = service.ports.iter().filter_map(|port| port.node_port).collect();
                let ports = numbers.into_iter().map(|number| (Place::NodePort(number), By::NodePort));
                addrs.chain(ports).map(|(place, by)| (place, Self::Service(Arc::clone(service), by))).collect()
            }
            Self::Endpoints(endpoints) => plain(&endpoints.addrs),
            Self::Slice(slice) => plain(&slice.addrs),
        }
    }

    pub(super) fn head(&self) -> &Head {
        match self {
            Self::Pod(pod) => &pod.head,
            Self::Node(node) => &node.head,
            Self::Service(service, _) => &service.head,
            Self::Endpoints(endpoints) => &endpoints.head,
            Self::Slice(slice) => &slice.head,
        }
    }

    /// Whether both are the same entry, matched the same way.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Pod(a), Self::Pod(b)) => Arc::ptr_eq(a, b),
            (Self::Node(a), Self::Node(b)) => Arc::ptr_eq(a, b),
            (Self::Service(a, by), Self::Service(b, also)) => Arc::ptr_eq(a, b) && by == also,
            (Self::Endpoints(a), Self::Endpoints(b)) => Arc::ptr_eq(a, b),
            (Self::Slice(a), Self::Slice(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }
}
