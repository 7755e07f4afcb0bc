//! Kubernetes objects as far as addresses go.

use std::net::IpAddr;

use flowcodec::Timestamp;

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Object {
    /// `v1` Pod.
    Pod(Pod),
    /// `v1` Node.
    Node(Node),
    /// `v1` Service.
    Service(Service),
    /// `v1` Endpoints and `discovery.k8s.io` EndpointSlice.
    Endpoints(Endpoints),
    /// Any other: it may own others.
    Other(Meta),
}

/// Which object this is, and what holds for every kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "built by who brings objects from elsewhere; `..Meta::default()` keeps that stable"
)]
pub struct Meta {
    /// API group, empty for the core.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace, empty for cluster-wide objects.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Unique id, empty when not known.
    pub uid: String,
    /// Version, for telling repeated from new states.
    pub resource_version: Option<u64>,
    /// Creation.
    pub created: Option<Timestamp>,
    /// When its deletion was asked for: `deletionTimestamp` less the grace period that it includes.
    pub deletion_asked: Option<Timestamp>,
    /// The owner that controls it, else the first one.
    pub owner: Option<OwnerRef>,
}

/// Who owns an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "as `Meta`")]
pub struct OwnerRef {
    /// API group, empty for the core.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Unique id, empty when not known.
    pub uid: String,
}

/// A pod.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "as `Meta`")]
pub struct Pod {
    /// Which.
    pub meta: Meta,
    /// The node it runs on.
    pub node: Option<String>,
    /// The node's address as the pod's status says it.
    pub host_addr: Option<IpAddr>,
    /// Addresses of its own on the cluster's network; none for a pod on the host's.
    pub addrs: Vec<IpAddr>,
    /// Addresses on secondary and user-defined networks: the network, as `namespace/name`, and the address.
    pub networks: Vec<(String, IpAddr)>,
    /// Whether its containers are done for good (Succeeded, Failed), and when the last of them ended.
    pub finished: Option<Finished>,
}

/// A pod's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "as `Meta`")]
pub struct Finished {
    /// The latest end of a container; without one it is not known until when the pod had its addresses.
    pub at: Option<Timestamp>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "as `Meta`")]
pub struct Node {
    /// Which.
    pub meta: Meta,
    /// Its first internal address.
    pub internal_addr: Option<IpAddr>,
    /// All its addresses, those of OVN's management port included.
    pub addrs: Vec<IpAddr>,
    /// Label `topology.kubernetes.io/zone`.
    pub zone: Option<String>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "as `Meta`")]
pub struct Service {
    /// Which.
    pub meta: Meta,
    /// Cluster addresses; none for headless and external-name services.
    pub cluster_addrs: Vec<IpAddr>,
    /// `spec.externalIPs`.
    pub external_addrs: Vec<IpAddr>,
    /// Addresses that a load balancer gave.
    pub load_balancer_addrs: Vec<IpAddr>,
    /// Ports.
    pub ports: Vec<ServicePort>,
}

/// One port of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[expect(clippy::exhaustive_structs, reason = "as `Meta`")]
pub struct ServicePort {
    /// IP protocol number.
    pub protocol: u8,
    /// Port at the service's own addresses.
    pub port: u16,
    /// Port at every node's address.
    pub node_port: Option<u16>,
}

/// Addresses behind a service that are no pod's: of machines outside the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "as `Meta`")]
pub struct Endpoints {
    /// Which.
    pub meta: Meta,
    /// The service, in the same namespace.
    pub service: String,
    /// Addresses.
    pub addrs: Vec<IpAddr>,
}

/// Something in an object that could not be read; the rest of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
#[non_exhaustive]
pub struct Problem {
    /// Object and field: `Node worker-c: metadata.annotations['k8s.ovn.org/node-subnets']`.
    pub place: String,
    /// What is wrong with it.
    pub what: String,
}

impl Object {
    /// Which object this is.
    #[must_use]
    pub const fn meta(&self) -> &Meta {
        match self {
            Self::Pod(pod) => &pod.meta,
            Self::Node(node) => &node.meta,
            Self::Service(service) => &service.meta,
            Self::Endpoints(endpoints) => &endpoints.meta,
            Self::Other(meta) => meta,
        }
    }
}
