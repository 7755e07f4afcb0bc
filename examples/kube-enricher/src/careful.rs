//! The careful answers of the index as members.

use flowcodec::Timestamp;
use flowenrich::kube::{Answer, By, Candidate, Index, Kind};
use flowenrich::{AddrKey, Found, Lookup};

use crate::question::{Name, Names, Place};
use crate::record::Added;

/// Asks for an address; `None` when the text is none.
pub(crate) fn ask<'i>(index: &'i Index, place: &Place<'_>, protocol: Option<u8>, at: Timestamp) -> Option<Found<Answer<'i>>> {
    let key = AddrKey::new(place.text.parse().ok()?);
    let key = place.port.map_or(key, |port| key.at_port(port, protocol));
    Some(index.lookup(key, at))
}

/// What an answer adds.
pub(crate) fn say<'n>(found: Found<Answer<'_>>, names: &'n Names, added: &mut Vec<Added<'n>>) {
    let ambiguous = matches!(found, Found::Ambiguous(_));
    if matches!(found, Found::NotSynced) {
        added.push(names.text(Name::Warn, "not synced"));
    }
    let Some(answer) = found.answer() else { return };
    let mut text = |name: Name, text: Option<&str>| added.extend(text.map(|text| names.text(name, text)));
    let kind = answer.kind();
    text(Name::Pod, answer.name().filter(|_| kind == Some(Kind::Pod)));
    text(Name::Namespace, answer.namespace());
    text(Name::HostIp, answer.host_addr().map(|addr| addr.to_string()).as_deref());
    let workload = answer.workload();
    text(Name::Workload, workload.map(|workload| workload.name));
    text(Name::WorkloadKind, workload.map(|workload| workload.kind));
    text(Name::Kind, kind.map(Kind::name));
    text(Name::Called, answer.name());
    text(Name::Node, answer.node());
    text(Name::Zone, answer.zone());
    text(Name::By, answer.by().map(By::name));
    if kind == Some(Kind::Pod) && !ambiguous {
        added.push(names.list(Name::Owners, answer.owners().map(|owner| owner.to_string()).collect()));
    }
    if ambiguous {
        let candidates = answer.candidates();
        added.push(names.list(Name::Ambiguous, candidates.iter().map(ToString::to_string).collect()));
        added.push(names.text(Name::Warn, warning(kind, &candidates)));
    }
}

/// The original's sentence, where it has one.
fn warning(kind: Option<Kind>, candidates: &[Candidate<'_>]) -> String {
    let kinds = match kind {
        Some(Kind::Pod) => "pods",
        Some(Kind::Service) => "services",
        Some(Kind::Node) => "nodes",
        _ => "objects",
    };
    crate::original::several(kinds, candidates.iter().map(|candidate| (candidate.name, candidate.namespace)))
}
