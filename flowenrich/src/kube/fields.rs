//! The fields an answer adds to a flow.

use std::net::IpAddr;

use flowcodec::model::{Address, FieldDef, FieldSpec, FieldValue, String, Unit};
use flowcodec::prefetch;

use super::answer::{Answer, Kind};
use super::chains::Chain;
use super::entry::By;
use super::index::Index;
use crate::cells::{Annotate, Cells, Columns};
use crate::enricher::Outcome;
use crate::lookup::{Found, Lookup, Question};

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

/// Fields in front of [`AMBIGUOUS`]: texts that the index keeps.
const KEPT: usize = 10;

impl Annotate for Index {
    fn fields() -> Vec<FieldSpec> {
        let texts =
            [&KIND, &NAME, &NAMESPACE, &NODE, &ZONE, &BY, &NETWORK, &WORKLOAD, &WORKLOAD_KIND, &OWNERS, &AMBIGUOUS, &STATUS];
        texts.map(FieldDef::spec).into_iter().chain([HOST.spec()]).collect()
    }

    fn write(found: Found<Answer<'_>>, cells: &mut Cells<'_>) {
        let card = Card::of(&found);
        for (place, text) in card.kept.into_iter().enumerate() {
            cells.text_if(place, text);
        }
        cells.text_if(KEPT, card.ambiguous.as_deref());
        cells.text_if(KEPT + 1, card.status);
        if let Some(host) = card.host {
            cells.put(KEPT + 2, FieldValue::Address(host));
        }
    }

    /// Step by step for all of them, and then column by column: what is read next is on its way from memory for many rows at once.
    fn write_all(&self, questions: &[Question<'_>], rows: &[usize], columns: &mut Columns) -> Outcome {
        let (mut outcome, mut all) = (Outcome::default(), Vec::with_capacity(questions.len()));
        self.lookup_all(questions, |_, found| {
            outcome.count(&found);
            all.push(found);
        });
        // What is read in one step is sent for in the one before, for all rows.
        all.iter().filter_map(|found| found.as_ref().one()?.claim()).for_each(prefetch);
        let pods: Vec<_> = all.iter().filter_map(|found| found.as_ref().one()?.pod()).collect();
        for pod in &pods {
            pod.send_for();
        }
        for pod in &pods {
            self.chains.send_for(pod.chain);
            pod.head.name.as_bytes().first().into_iter().for_each(prefetch);
        }
        for text in pods.iter().filter_map(|pod| Some(self.chain(pod)?.text())) {
            text.as_bytes().first().into_iter().for_each(prefetch);
        }
        let cards: Vec<_> = all.iter().map(Card::of).collect();
        let of_rows = || rows.iter().copied().zip(&cards);
        for place in 0..KEPT {
            columns.texts(place, of_rows().filter_map(|(row, card)| Some((row, card.kept.get(place).copied().flatten()?))));
        }
        columns.texts(KEPT, of_rows().filter_map(|(row, card)| Some((row, card.ambiguous.as_deref()?))));
        columns.texts(KEPT + 1, of_rows().filter_map(|(row, card)| Some((row, card.status?))));
        let hosts = of_rows().filter_map(|(row, card)| Some((row, FieldValue::Address(card.host?))));
        columns.values(KEPT + 2, hosts);
        outcome
    }
}

/// What is written of an answer.
#[derive(Debug, Default)]
struct Card<'a> {
    kept: [Option<&'a str>; KEPT],
    ambiguous: Option<std::string::String>,
    status: Option<&'static str>,
    host: Option<IpAddr>,
}

impl<'a> Card<'a> {
    #[inline]
    fn of(found: &Found<Answer<'a>>) -> Self {
        match found {
            Found::Nothing => Self::default(),
            Found::NotSynced => Self { status: Some("not synced"), ..Self::default() },
            Found::One(answer) => Self::new(answer),
            Found::Ambiguous(answer) => {
                let all: Vec<_> = answer.candidates().iter().map(ToString::to_string).collect();
                Self { status: Some("ambiguous"), ambiguous: Some(all.join(",")), ..Self::new(answer) }
            }
        }
    }

    #[inline]
    fn new(answer: &Answer<'a>) -> Self {
        let (host, zone) = answer.host();
        let (kind, name, chain) = (answer.kind().map(Kind::name), answer.name(), answer.chain());
        let (workload_kind, workload) = match chain.and_then(Chain::workload) {
            Some((kind, name)) => (Some(kind), Some(name)),
            None => (kind.filter(|_| name.is_some()), name),
        };
        let (node, by, owners) = (answer.node(), answer.by().map(By::name), chain.map(Chain::text));
        let kept = [kind, name, answer.namespace(), node, zone, by, answer.network(), workload, workload_kind, owners];
        Self { kept, host, ..Self::default() }
    }
}
