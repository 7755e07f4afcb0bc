//! What is known of an address.

use std::fmt;
use std::net::IpAddr;

use super::chains::Chain;
use super::claims::Claim;
use super::entry::{By, Holder, OwnerName, PodEntry};
use super::index::{Candidates, Index};
use super::settings::Settings;

/// Kind of what has an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A pod.
    Pod,
    /// A node, and so whatever runs on its network.
    Node,
    /// A service.
    Service,
}

impl Kind {
    /// As the API writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pod => "Pod",
            Self::Node => "Node",
            Self::Service => "Service",
        }
    }
}

/// Who had an address; several, if they have equal right. Borrows from the index, and looks up what is asked of it.
#[derive(Debug)]
pub struct Answer<'a> {
    index: &'a Index,
    who: Candidates<'a>,
    network: Option<&'a str>,
}

/// One of those an answer consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Candidate<'a> {
    /// Kind.
    pub kind: Kind,
    /// Namespace, empty for nodes.
    pub namespace: &'a str,
    /// Name.
    pub name: &'a str,
}

impl<'a> Candidate<'a> {
    pub(super) fn new(claim: &'a Claim) -> Self {
        let head = claim.holder.head();
        let (kind, name) = match &claim.holder {
            Holder::Pod(_) => (Kind::Pod, &*head.name),
            Holder::Node(_) => (Kind::Node, &*head.name),
            Holder::Service(..) => (Kind::Service, &*head.name),
            Holder::Endpoints(endpoints) => (Kind::Service, &*endpoints.service),
            Holder::Slice(slice) => (Kind::Service, &*slice.service),
        };
        Self { kind, namespace: &head.namespace, name }
    }
}

/// `namespace/name`, a node by its name.
impl fmt::Display for Candidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() { f.write_str(self.name) } else { write!(f, "{}/{}", self.namespace, self.name) }
    }
}

/// An object above another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Owner<'a> {
    /// API group, empty for the core.
    pub group: &'a str,
    /// Kind.
    pub kind: &'a str,
    /// Name.
    pub name: &'a str,
}

/// `kind/name`.
impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl<'a> Answer<'a> {
    pub(super) const fn new(index: &'a Index, who: Candidates<'a>, network: Option<&'a str>) -> Self {
        Self { index, who, network }
    }

    /// All who have equal right, sorted; one, unless the answer is ambiguous.
    #[must_use]
    pub fn candidates(&self) -> Vec<Candidate<'a>> {
        let mut all: Vec<_> = self.who.iter().map(Candidate::new).collect();
        all.sort_unstable();
        all
    }

    /// Kind; when ambiguous, that of all of them, if it is one.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        self.common(|claim| Candidate::new(claim).kind)
    }

    /// Its name; `None` when ambiguous.
    #[must_use]
    pub fn name(&self) -> Option<&'a str> {
        self.who.one().map(|claim| Candidate::new(claim).name)
    }

    /// Its namespace; `None` for nodes and when ambiguous.
    #[must_use]
    pub fn namespace(&self) -> Option<&'a str> {
        let head = self.who.one()?.holder.head();
        Some(&*head.namespace).filter(|namespace| !namespace.is_empty())
    }

    /// The node it is or runs on.
    #[must_use]
    pub fn node(&self) -> Option<&'a str> {
        match &self.who.one()?.holder {
            Holder::Pod(pod) => pod.node.as_ref().map(|node| &*node.name),
            Holder::Node(node) => Some(&node.head.name),
            _ => None,
        }
    }

    /// What is known before any of it is read.
    #[inline]
    pub(super) const fn claim(&self) -> Option<&'a Claim> {
        self.who.one()
    }

    /// The pod, if it is one.
    #[inline]
    pub(super) fn pod(&self) -> Option<&'a PodEntry> {
        match &self.who.one()?.holder {
            Holder::Pod(pod) => Some(pod),
            _ => None,
        }
    }

    /// Host address and zone, found together.
    pub(super) fn host(&self) -> (Option<IpAddr>, Option<&'a str>) {
        match self.who.one().map(|claim| &claim.holder) {
            Some(Holder::Pod(pod)) => {
                let node = pod.node.as_ref().and_then(|node| self.index.node(node));
                (node.and_then(|node| node.internal_addr).or(pod.host_addr), node.and_then(|node| node.zone.as_deref()))
            }
            Some(Holder::Node(node)) => (node.internal_addr, node.zone.as_deref()),
            _ => (None, None),
        }
    }

    /// The first internal address of that node; where the node is not known, what the pod's status says.
    #[must_use]
    pub fn host_addr(&self) -> Option<IpAddr> {
        self.host().0
    }

    /// The zone of that node.
    #[must_use]
    pub fn zone(&self) -> Option<&'a str> {
        self.host().1
    }

    /// How the address is a service's; `None` for others.
    #[must_use]
    pub fn by(&self) -> Option<By> {
        self.common(|claim| match &claim.holder {
            Holder::Service(_, by) => Some(*by),
            Holder::Endpoints(_) | Holder::Slice(_) => Some(By::Endpoint),
            _ => None,
        })?
    }

    /// The secondary or user-defined network it was found on; `None` on the cluster's own.
    #[must_use]
    pub const fn network(&self) -> Option<&'a str> {
        self.network
    }

    /// What owns it, upward as far as objects are known; the last one named need not be. At every step the owner that controls it, else
    /// the first. Looked up now, so that it does not matter in which order the objects came.
    pub fn owners(&self) -> impl Iterator<Item = Owner<'a>> + use<'a> {
        Owners::new(self.index, self.pod().and_then(|pod| pod.owner.as_deref()))
    }

    /// The same, and the workload among them, as text that the index keeps.
    #[inline]
    pub(super) fn chain(&self) -> Option<&'a Chain> {
        self.index.chain(self.pod()?)
    }

    /// The workload: the highest owner that is of one of the configured kinds, else the highest owner there is, else the thing itself.
    /// A node is not a workload (it owns its static pods).
    #[must_use]
    pub fn workload(&self) -> Option<Owner<'a>> {
        let itself = || {
            let Candidate { kind, name, .. } = Candidate::new(self.who.one()?);
            Some(Owner { group: "", kind: kind.name(), name })
        };
        workload_among(&self.index.settings, self.owners()).or_else(itself)
    }

    fn common<T: PartialEq>(&self, of: impl Fn(&'a Claim) -> T) -> Option<T> {
        let mut all = self.who.iter().map(of);
        let first = all.next()?;
        all.all(|other| other == first).then_some(first)
    }
}

/// The workload among owners; `None` where there is none.
pub(super) fn workload_among<'a>(settings: &Settings, owners: impl Iterator<Item = Owner<'a>>) -> Option<Owner<'a>> {
    let (mut known, mut highest) = (None, None);
    for owner in owners.filter(|owner| !is_node(owner.group, owner.kind)) {
        highest = Some(owner);
        if settings.workload_kinds.iter().any(|kind| **kind == *owner.kind) {
            known = Some(owner);
        }
    }
    known.or(highest)
}

/// No real chain is longer than five.
const MOST_OWNERS: usize = 16;

/// An owner and those above it.
pub(super) struct Owners<'a> {
    index: &'a Index,
    next: Option<&'a OwnerName>,
    seen: [Option<&'a OwnerName>; MOST_OWNERS],
}

impl<'a> Owners<'a> {
    pub(super) const fn new(index: &'a Index, first: Option<&'a OwnerName>) -> Self {
        Self { index, next: first, seen: [None; MOST_OWNERS] }
    }

    /// As they are named.
    pub(super) fn names(mut self) -> impl Iterator<Item = &'a OwnerName> {
        std::iter::from_fn(move || self.step())
    }

    fn step(&mut self) -> Option<&'a OwnerName> {
        let owner = self.next.take()?;
        // References can form a ring: who was named already is not named again.
        let same = |seen: &OwnerName| seen.name == owner.name && seen.kind == owner.kind && seen.group == owner.group;
        if self.seen.iter().flatten().any(|seen| same(seen)) {
            return None;
        }
        *self.seen.iter_mut().find(|place| place.is_none())? = Some(owner);
        if !is_node(&owner.group, &owner.kind) {
            self.next = self.index.above(owner).map(|above| &**above);
        }
        Some(owner)
    }
}

impl<'a> Iterator for Owners<'a> {
    type Item = Owner<'a>;

    fn next(&mut self) -> Option<Owner<'a>> {
        self.step().map(|owner| Owner { group: &owner.group, kind: &owner.kind, name: &owner.name })
    }
}

fn is_node(group: &str, kind: &str) -> bool {
    group.is_empty() && kind == "Node"
}
