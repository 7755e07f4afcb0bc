//! A batch of rows says what its rows say one by one.
#![cfg(test)]

use std::sync::Arc;

use flowcodec::batch::FlowBatch;
use flowcodec::model::{FieldId, FieldValue, Flow, Schema};
use flowcodec::{Text, Timestamp, field};
use flowenrich::kube::{Cluster, Dump};
use flowenrich::names::{InterfaceNames, Interfaces, Words};
use flowenrich::subnet::Subnets;
use flowenrich::{ByAddress, Chain, Mapping};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

const OBJECTS: &[u8] = include_bytes!("data/k8s/objects.json");

fn chain() -> Chain {
    let mut cluster = Cluster::default();
    // 2026-11-20T12:00:00Z
    cluster.load(Dump::from_slice(OBJECTS).unwrap().objects, Timestamp::from_seconds(1_795_176_000));
    let subnets = Subnets::read("10.0.0.0/8,inside\n10.244.0.0/16,pods of the cluster\n2001:db8::/32,lab\n".as_bytes()).unwrap();
    let names =
        InterfaceNames::read("192.0.2.1,,the core router\n192.0.2.1,7,ge-0/0/7,to the other side of town\n".as_bytes()).unwrap();
    let ends: Mapping = "src_addr=src_,dst_addr=dst_".parse().unwrap();
    Chain::new()
        .then(ByAddress::new(cluster.live(), ends.clone()).scope_from("vrf_name"))
        // Asks about what the one before added.
        .then(ByAddress::new(Arc::new(subnets), "src_addr=src_,dst_addr=dst_,src_k8s_host_addr=src_host_".parse().unwrap()))
        .then(Words::default())
        .then(Interfaces::new(Arc::new(names)))
}

/// A flow with some fields absent.
fn flow(schema: &Arc<Schema>) -> impl Strategy<Value = Flow> + use<> {
    let address = prop::option::of(prop::sample::select(vec![
        "10.244.0.5",
        "10.244.1.90",
        "10.96.0.1",
        "10.89.0.3",
        "8.8.8.8",
        "2001:db8::1",
        "::ffff:10.244.3.70",
        "fd00:10:244:1::66",
    ]));
    let small = |most: u64| prop::option::of(0..most);
    let times = [small(10_000), small(10_000), small(10_000)];
    let scope = prop::option::of(prop::sample::select(vec![&b""[..], b"vms/blue", b"\xff"]));
    let name = prop::option::of("[a-z0-9/]{1,20}");
    let schema = Arc::clone(schema);
    (address.clone(), address, (small(500), small(31_000)), small(140), times, scope, (name, small(9), small(9), any::<bool>()))
        .prop_map(move |(src, dst, (src_port, dst_port), protocol, times, scope, (name, input, output, exporter))| {
            let mut flow = Flow::new(Arc::clone(&schema));
            let mut set = |id: FieldId, value: Option<FieldValue<'_>>| assert!(value.is_none_or(|value| flow.set(id, value)));
            let addr = |text: Option<&str>| text.map(|text| FieldValue::Address(text.parse().unwrap()));
            set(field::SRC_ADDR.id(), addr(src));
            set(field::DST_ADDR.id(), addr(dst));
            set(field::EXPORTER.id(), addr(exporter.then_some("192.0.2.1")));
            let numbers = [
                (field::SRC_PORT.id(), src_port),
                (field::DST_PORT.id(), dst_port),
                (field::IP_PROTOCOL.id(), protocol),
                (field::TCP_FLAGS.id(), src_port.map(|port| port & 0xff)),
                (field::IN_IF.id(), input),
                (field::OUT_IF.id(), output),
            ];
            for (id, number) in numbers {
                set(id, number.map(FieldValue::Unsigned));
            }
            for (id, seconds) in [field::END.id(), field::START.id(), field::RECEIVED.id()].into_iter().zip(times) {
                set(id, seconds.map(|seconds| FieldValue::Time(Timestamp::from_seconds(1_795_161_600 + seconds))));
            }
            set(field::VRF_NAME.id(), scope.map(|scope| FieldValue::Text(Text::new(scope))));
            set(field::IN_IF_NAME.id(), name.as_deref().map(|name| FieldValue::Text(Text::from(name))));
            flow
        })
}

fn said(schema: &Schema, value: impl Fn(FieldId) -> Option<String>) -> Vec<String> {
    let id = |name: &str| schema.find(name).unwrap();
    schema.fields().iter().filter_map(|spec| Some(format!("{}={}", spec.name, value(id(&spec.name))?))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn as_one_by_one(seed in any::<u64>(), many in 1_usize..300) {
        let chain = chain();
        let schema = chain.schema(&Schema::common()).unwrap();
        let (mut together, mut apart) = (chain.bind(&schema).unwrap(), chain.bind(&schema).unwrap());
        let mut runner = proptest::test_runner::TestRunner::deterministic();
        let mut flows = Vec::new();
        for number in 0..many {
            // A few kinds of flows, in an order that the seed gives.
            let pick = seed.rotate_left(u32::try_from(number % 64).unwrap()) % 7;
            if flows.len() < 7 || pick == 0 {
                flows.push(flow(&schema).new_tree(&mut runner).unwrap().current());
            } else {
                flows.push(flows[usize::try_from(pick).unwrap()].clone());
            }
        }
        let mut batch = FlowBatch::builder(Arc::clone(&schema)).all().capacity(many).build().unwrap();
        for flow in &flows {
            prop_assert!(batch.push_flow(flow));
        }
        let outcome = together.enrich(&mut batch).unwrap();
        for (row, flow) in flows.iter_mut().enumerate() {
            apart.enrich_one(flow).unwrap();
            let of_flow = said(&schema, |id| flow.value(id).map(|value| format!("{value:?}")));
            let of_batch = said(&schema, |id| batch.value(id, row).map(|value| format!("{value:?}")));
            prop_assert_eq!(of_flow, of_batch, "row {}", row);
        }
        prop_assert_eq!(together.counts(), apart.counts());
        prop_assert_eq!(outcome.refused, 0);
    }
}

#[test]
fn columns_the_batch_does_not_have_are_left_out() {
    let chain = chain();
    let schema = chain.schema(&Schema::common()).unwrap();
    let wanted = ["src_addr", "src_k8s_name", "src_subnet"].map(|name| schema.find(name).unwrap());
    let mut batch = FlowBatch::builder(Arc::clone(&schema)).fields(wanted).capacity(4).build().unwrap();
    batch.row().unwrap().set(wanted[0], FieldValue::Address("10.244.0.5".parse().unwrap()));
    let outcome = chain.bind(&schema).unwrap().enrich(&mut batch).unwrap();
    // No time in it: long before the cluster, so only the subnet is known.
    assert_eq!((outcome.hits, outcome.refused), (1, 0));
    assert_eq!(batch.value(wanted[2], 0), Some(FieldValue::Text(Text::from("pods of the cluster"))));

    let mut other = FlowBatch::builder(Schema::common()).build().unwrap();
    let error = chain.bind(&schema).unwrap().enrich(&mut other).unwrap_err();
    assert_eq!(error.to_string(), "the flow or batch is of another schema than the enricher was bound to");
}
