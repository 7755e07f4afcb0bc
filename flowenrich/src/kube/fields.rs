//! The fields an answer adds to a flow.

use flowcodec::model::{Address, FieldDef, FieldSpec, FieldValue, String, Unit};

use super::answer::{Answer, MOST_OWNERS, Owner};
use super::index::Index;
use crate::cells::{Annotate, Cells};
use crate::lookup::Found;

const fn text(name: &'static str, doc: &'static str) -> FieldDef<String> {
    FieldDef::new(name, Unit::None, doc, &[])
}

static KIND: FieldDef<String> = text("k8s_kind", "Pod, Node or Service.");
static NAME: FieldDef<String> = text("k8s_name", "Name of the pod, node or service.");
static NAMESPACE: FieldDef<String> = text("k8s_namespace", "Its namespace.");
static NODE: FieldDef<String> = text("k8s_node", "The node it is or runs on.");
static HOST: FieldDef<Address> = FieldDef::new("k8s_host_addr", Unit::None, "First internal address of that node.", &[]);
static ZONE: FieldDef<String> = text("k8s_zone", "Zone of that node.");
static BY: FieldDef<String> =
    text("k8s_by", "How the address is a service's: clusterIP, externalIP, loadBalancer, nodePort, endpoint.");
static NETWORK: FieldDef<String> = text("k8s_network", "Secondary or user-defined network of the address.");
static WORKLOAD: FieldDef<String> = text("k8s_workload", "Name of the workload: the highest owner of a configured kind.");
static WORKLOAD_KIND: FieldDef<String> = text("k8s_workload_kind", "Kind of the workload.");
static OWNERS: FieldDef<String> = text("k8s_owners", "Owners upward, as kind/name, joined by commas.");
static AMBIGUOUS: FieldDef<String> = text("k8s_ambiguous", "All who have equal right, as namespace/name, joined by commas.");
static STATUS: FieldDef<String> = text("k8s_status", "`ambiguous` or `not synced`; absent otherwise.");

impl Annotate for Index {
    fn fields() -> Vec<FieldSpec> {
        let texts =
            [&KIND, &NAME, &NAMESPACE, &NODE, &ZONE, &BY, &NETWORK, &WORKLOAD, &WORKLOAD_KIND, &OWNERS, &AMBIGUOUS, &STATUS];
        texts.map(FieldDef::spec).into_iter().chain([HOST.spec()]).collect()
    }

    fn write(found: Found<Answer<'_>>, cells: &mut Cells<'_>) {
        match &found {
            Found::NotSynced => cells.text(11, "not synced"),
            Found::Ambiguous(answer) => {
                cells.text(11, "ambiguous");
                cells.text(10, &joined(answer.candidates().iter().map(ToString::to_string)));
            }
            Found::One(_) | Found::Nothing => {}
        }
        let Some(answer) = found.answer() else { return };
        cells.text_if(0, answer.kind().map(super::Kind::name));
        cells.text_if(1, answer.name());
        cells.text_if(2, answer.namespace());
        cells.text_if(3, answer.node());
        let (host, zone) = answer.host();
        cells.text_if(4, zone);
        cells.text_if(5, answer.by().map(super::By::name));
        cells.text_if(6, answer.network());
        // Each step upward is a look-up: taken once, for the workload and for the list.
        let mut owners = [None; MOST_OWNERS];
        for (place, owner) in owners.iter_mut().zip(answer.owners()) {
            *place = Some(owner);
        }
        let owners = owners.iter().map_while(|owner| *owner);
        if let Some(Owner { kind, name, .. }) = answer.workload_among(owners.clone()) {
            cells.text(7, name);
            cells.text(8, kind);
        }
        let parts = owners.enumerate().flat_map(|(number, owner)| {
            let comma = if number == 0 { "" } else { "," };
            [comma, owner.kind, "/", owner.name]
        });
        cells.joined(9, parts);
        if let Some(host) = host {
            cells.put(12, FieldValue::Address(host));
        }
    }
}

fn joined(parts: impl Iterator<Item = std::string::String>) -> std::string::String {
    parts.collect::<Vec<_>>().join(",")
}
