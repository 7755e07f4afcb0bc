//! What follows from both ends of a flow together: its direction at the node that reports it, and whether it is the cluster's own traffic.
//! As flowlogs-pipeline defines them.

use std::net::IpAddr;

use flowcodec::batch::FlowBatch;
use flowcodec::model::{ColumnType, FieldDef, FieldId, FieldSpec, FieldValue, Schema, String as TextField, U8, Unit, field};

use crate::cells::Columns;
use crate::enricher::{BindError, Binding, Enricher, OtherSchema, Outcome, Step, added};
use crate::lookup::Found;
use crate::mapping::field_of;

static DIRECTION: FieldDef<U8> =
    FieldDef::new("node_direction", Unit::None, "At the node that reports: 0 ingress, 1 egress, 2 inside it.", &[]);
static LAYER: FieldDef<TextField> =
    FieldDef::new("flow_layer", Unit::None, "`app`, or `infra`: traffic of the cluster itself.", &[]);

/// The enricher that says a flow's direction seen from the node that reports it, which is not that of the interface where it was met: its
/// `direction` stays.
///
/// It compares the agent's address with the hosts of both ends, so it stands behind the enricher that adds these:
/// `ByAddress` of an [`Index`](super::Index) with the same prefixes.
///
/// | | |
/// |---|---|
/// | both ends on one node | 2, inside it |
/// | the source on the reporting node | 1, egress |
/// | the destination on it | 0, ingress |
/// | neither, or not known | absent |
#[derive(Debug, Clone)]
pub struct NodeDirection {
    src: String,
    dst: String,
}

impl Default for NodeDirection {
    fn default() -> Self {
        Self::new("src_", "dst_")
    }
}

impl NodeDirection {
    /// For ends whose fields have these prefixes.
    #[must_use]
    pub fn new(src: &str, dst: &str) -> Self {
        Self { src: format!("{src}k8s_host_addr"), dst: format!("{dst}k8s_host_addr") }
    }
}

impl Enricher for NodeDirection {
    fn fields(&self) -> Vec<FieldSpec> {
        vec![DIRECTION.spec()]
    }

    fn bind(&self, schema: &Schema) -> Result<Binding, BindError> {
        let host = |name| field_of(schema, name, ColumnType::Address).map(Some);
        let reads = vec![host(&self.src)?, host(&self.dst)?];
        Ok(Binding::new(schema, vec![Step { reads, writes: vec![added(schema, &DIRECTION.spec())?] }]))
    }

    fn enrich(&self, binding: &Binding, batch: &mut FlowBatch) -> Result<Outcome, OtherSchema> {
        let mut columns = Columns::take(batch, binding.writes(batch.schema())?);
        let mut outcome = Outcome::default();
        for Step { reads, .. } in binding.steps(batch.schema())? {
            for row in 0..batch.len() {
                let host = |place: usize| address(batch, reads.get(place).copied().flatten(), row);
                let reporter =
                    address(batch, Some(field::AGENT.id()), row).or_else(|| address(batch, Some(field::EXPORTER.id()), row));
                let found = direction(host(0), host(1), reporter);
                outcome.count(&Found::from(found));
                if let Some(direction) = found {
                    columns.row(row).put(0, FieldValue::Unsigned(direction));
                }
            }
        }
        outcome += columns.put(batch);
        Ok(outcome)
    }
}

fn address(batch: &FlowBatch, id: Option<FieldId>, row: usize) -> Option<IpAddr> {
    match batch.value(id?, row)? {
        FieldValue::Address(address) => Some(address.to_canonical()),
        _ => None,
    }
}

fn direction(src: Option<IpAddr>, dst: Option<IpAddr>, reporter: Option<IpAddr>) -> Option<u64> {
    if src.is_some() && src == dst {
        return Some(2);
    }
    let reporter = reporter?;
    match (src == Some(reporter), dst == Some(reporter)) {
        (true, false) => Some(1),
        (false, true) => Some(0),
        _ => None,
    }
}

/// The enricher that tells applications' traffic from the cluster's own: `app` if either end is in a namespace that is not the cluster's,
/// else `infra`.
///
/// It stands behind the enricher that adds namespaces and names of both ends.
#[derive(Debug, Clone)]
pub struct FlowLayer {
    ends: [[String; 2]; 2],
    prefixes: Vec<Box<str>>,
    exceptions: Vec<(Box<str>, Box<str>)>,
}

/// Namespaces that begin with `openshift-` and `netobserv` are the cluster's, and so are `kubernetes` and `openshift` in `default`.
impl Default for FlowLayer {
    fn default() -> Self {
        Self::new("src_", "dst_", &["openshift-", "netobserv"], &[("default", "kubernetes"), ("default", "openshift")])
    }
}

impl FlowLayer {
    /// For ends whose fields have these prefixes: namespaces of the cluster by how they begin, and single objects of it elsewhere by
    /// namespace and name.
    #[must_use]
    pub fn new(src: &str, dst: &str, namespaces: &[&str], objects: &[(&str, &str)]) -> Self {
        Self {
            ends: [src, dst].map(|end| [format!("{end}k8s_namespace"), format!("{end}k8s_name")]),
            prefixes: namespaces.iter().map(|prefix| (*prefix).into()).collect(),
            exceptions: objects.iter().map(|(namespace, name)| ((*namespace).into(), (*name).into())).collect(),
        }
    }

    fn is_app(&self, namespace: &str, name: &str) -> bool {
        let excepted = || self.exceptions.iter().any(|(of, object)| **of == *namespace && **object == *name);
        !namespace.is_empty() && !self.prefixes.iter().any(|prefix| namespace.starts_with(&**prefix)) && !excepted()
    }
}

impl Enricher for FlowLayer {
    fn fields(&self) -> Vec<FieldSpec> {
        vec![LAYER.spec()]
    }

    fn bind(&self, schema: &Schema) -> Result<Binding, BindError> {
        let text = |name: &String| field_of(schema, name, ColumnType::Text).map(Some);
        let reads = self.ends.iter().flatten().map(text).collect::<Result<_, _>>()?;
        Ok(Binding::new(schema, vec![Step { reads, writes: vec![added(schema, &LAYER.spec())?] }]))
    }

    fn enrich(&self, binding: &Binding, batch: &mut FlowBatch) -> Result<Outcome, OtherSchema> {
        let mut columns = Columns::take(batch, binding.writes(batch.schema())?);
        let mut outcome = Outcome::default();
        for Step { reads, .. } in binding.steps(batch.schema())? {
            for row in 0..batch.len() {
                let text = |place: usize| match batch.value((*reads.get(place)?)?, row)? {
                    FieldValue::Text(text) => text.to_str().ok(),
                    _ => None,
                };
                let app = |place: usize| {
                    self.is_app(text(place).unwrap_or_default(), text(place.saturating_add(1)).unwrap_or_default())
                };
                columns.row(row).text(0, if app(0) || app(2) { "app" } else { "infra" });
                outcome.count(&Found::One(()));
            }
        }
        outcome += columns.put(batch);
        Ok(outcome)
    }
}
