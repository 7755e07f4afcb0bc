//! Kubernetes: which pod, node or service had an address at a time.
//!
//! A [`Cluster`] is told of objects (from a [`Dump`], or as a watch tells them) and publishes an [`Index`], which answers.
//!
//! ```
//! use flowcodec::Timestamp;
//! use flowenrich::kube::{Cluster, Dump};
//! use flowenrich::{AddrKey, Lookup, Source};
//!
//! let dump = Dump::from_slice(br#"{"kind": "List", "items": [{"apiVersion": "v1", "kind": "Pod",
//!     "metadata": {"namespace": "shop", "name": "api-1"}, "status": {"phase": "Running", "podIP": "10.244.1.30"}}]}"#)?;
//! let mut cluster = Cluster::default();
//! cluster.load(dump.objects, Timestamp::EPOCH);
//! let index = cluster.live().current();
//! let answer = index.lookup(AddrKey::new("10.244.1.30".parse()?), Timestamp::EPOCH).one().unwrap();
//! assert_eq!((answer.namespace(), answer.name()), (Some("shop"), Some("api-1")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The rules of an answer
//!
//! | | |
//! |---|---|
//! | time | an object has its addresses from its creation on, until its containers are done for good (Succeeded, Failed: the latest `finishedAt`; without one it has none) or it went away; departed objects answer for their time for [some minutes](Settings::retention_nanos) |
//! | several pods | one whose deletion was not asked for before one that is terminating, then the newest; of equal age: ambiguous |
//! | clocks | up to [2 s](Settings::tolerance_nanos) before its creation or after it went away an address is an object's, if nobody else's |
//! | host network | the address is the node's |
//! | nodes | all their addresses, and that of OVN's management port |
//! | services | cluster addresses, external ones, load balancers'; several at one of the latter: the port tells, else ambiguous |
//! | a node's address | the node; but a service's, if the port is known and is one of a service that shares the address, or a node port |
//! | endpoints | addresses behind services that are no pod's come last |
//! | other networks | in the [scope](crate::Scope) of the network's name (`vms/blue`) only |
//! | owners | the controlling reference, else the first; upward through objects known; looked up when asked |

mod addrs;
mod answer;
mod chains;
mod claims;
mod cluster;
mod dump;
mod entry;
mod fields;
mod index;
mod object;
mod read;
mod settings;
mod views;
#[cfg(feature = "kube")]
mod watch;

pub use answer::{Answer, Candidate, Kind, Owner};
pub use cluster::{Cluster, Counts};
pub use dump::{Dump, DumpError, Item, each_item};
pub use entry::By;
pub use index::Index;
pub use object::{Endpoints, Finished, Meta, Node, Object, OwnerRef, Pod, Problem, Service, ServicePort};
pub use settings::Settings;
pub use views::{FlowLayer, NodeDirection};
#[cfg(feature = "kube")]
pub use watch::{Sink, Trouble, Watch};
