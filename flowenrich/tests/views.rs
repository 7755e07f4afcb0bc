//! Direction at the reporting node and layer of a flow, behind the enricher that says where its ends are.
#![cfg(test)]

use std::sync::Arc;

use flowcodec::batch::FlowBatch;
use flowcodec::model::{FieldValue, Flow, Schema};
use flowcodec::{Timestamp, field};
use flowenrich::kube::{Cluster, Dump, FlowLayer, NodeDirection};
use flowenrich::{ByAddress, Chain, Mapping};

/// `web` and `db` on one node, `far` on another, the cluster's own in `openshift-dns`; the API's service.
const OBJECTS: &str = r#"[
    {"kind": "Node", "metadata": {"name": "n1"}, "status": {"addresses": [{"type": "InternalIP", "address": "10.1.0.1"}]}},
    {"kind": "Node", "metadata": {"name": "n2"}, "status": {"addresses": [{"type": "InternalIP", "address": "10.1.0.2"}]}},
    {"kind": "Pod", "metadata": {"namespace": "shop", "name": "web"}, "spec": {"nodeName": "n1"}, "status": {"podIP": "10.0.1.1"}},
    {"kind": "Pod", "metadata": {"namespace": "shop", "name": "db"}, "spec": {"nodeName": "n1"}, "status": {"podIP": "10.0.1.2"}},
    {"kind": "Pod", "metadata": {"namespace": "openshift-dns", "name": "dns"}, "spec": {"nodeName": "n2"}, "status": {"podIP": "10.0.2.1"}},
    {"kind": "Service", "metadata": {"namespace": "default", "name": "kubernetes"}, "spec": {"clusterIP": "10.96.0.1"}},
    {"kind": "Service", "metadata": {"namespace": "default", "name": "shop"}, "spec": {"clusterIP": "10.96.0.2"}}]"#;

#[test]
fn direction_and_layer() {
    let mut cluster = Cluster::default();
    cluster.load(Dump::from_slice(OBJECTS.as_bytes()).unwrap().objects, Timestamp::EPOCH);
    let chain = Chain::new()
        .then(ByAddress::new(cluster.live(), Mapping::default()))
        .then(NodeDirection::default())
        .then(FlowLayer::default());
    let schema = chain.schema(&Schema::common()).unwrap();
    let mut bound = chain.bind(&schema).unwrap();
    let (direction, layer) = (schema.find("node_direction").unwrap(), schema.find("flow_layer").unwrap());
    let cases = [
        // source, destination, exporter, agent; direction, layer
        ("10.0.1.1", "10.0.2.1", "10.1.0.1", None, Some(1), "app"),
        ("10.0.1.1", "10.0.2.1", "10.1.0.2", None, Some(0), "app"),
        ("10.0.1.1", "10.0.2.1", "192.0.2.1", Some("10.1.0.2"), Some(0), "app"),
        ("10.0.1.1", "10.0.1.2", "10.1.0.1", None, Some(2), "app"),
        ("10.0.1.1", "10.0.1.2", "192.0.2.1", None, Some(2), "app"),
        ("10.0.1.1", "8.8.8.8", "10.1.0.1", None, Some(1), "app"),
        ("8.8.8.8", "10.0.1.1", "10.1.0.1", None, Some(0), "app"),
        ("10.0.1.1", "10.0.2.1", "192.0.2.1", None, None, "app"),
        ("10.0.2.1", "10.96.0.1", "10.1.0.2", None, Some(1), "infra"),
        ("10.0.2.1", "10.96.0.2", "10.1.0.2", None, Some(1), "app"),
        ("10.1.0.1", "10.1.0.2", "10.1.0.1", None, Some(1), "infra"),
        ("8.8.8.8", "9.9.9.9", "192.0.2.1", None, None, "infra"),
    ];
    let mut batch = FlowBatch::builder(Arc::clone(&schema)).all().capacity(cases.len()).build().unwrap();
    for (src, dst, exporter, agent, ..) in cases {
        let mut flow = Flow::new(Arc::clone(&schema));
        let addresses = [
            (field::SRC_ADDR, Some(src)),
            (field::DST_ADDR, Some(dst)),
            (field::EXPORTER, Some(exporter)),
            (field::AGENT, agent),
        ];
        for (field, addr) in addresses {
            assert!(addr.is_none_or(|addr| flow.set(field.id(), FieldValue::Address(addr.parse().unwrap()))));
        }
        assert!(batch.push_flow(&flow));
    }
    bound.enrich(&mut batch).unwrap();
    for (row, (src, dst, exporter, agent, wanted, of_layer)) in cases.into_iter().enumerate() {
        let what = format!("{src} to {dst}, told by {exporter} {agent:?}");
        assert_eq!(batch.value(direction, row), wanted.map(FieldValue::Unsigned), "{what}");
        assert!(matches!(batch.value(layer, row), Some(FieldValue::Text(text)) if text.to_string() == of_layer), "{what}");
    }
    // Without what they need, or in front of it, they cannot be bound.
    let error = Chain::new().then(NodeDirection::default()).bind(&Schema::common()).unwrap_err().to_string();
    assert!(error.starts_with("no field is named 'src_k8s_host_addr'"), "{error}");
}
