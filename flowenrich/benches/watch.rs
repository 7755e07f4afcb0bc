//! Following a cluster of 20,000 pods: the time until it is known, and what is held.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program that measures: it says what it found, or stops")]

#[expect(dead_code, unused_imports, clippy::indexing_slicing, reason = "of the tests of the watch, which use all of it")]
#[path = "../tests/stand_in/mod.rs"]
mod stand_in;

#[path = "../tests/counting/mod.rs"]
mod counting;

use std::time::{Duration, Instant};

use counting::{held, most};
use flowenrich::Source as _;
use flowenrich::kube::Watch;
use serde_json::{Value, json};
use stand_in::{StandIn, follow};

const PODS: u32 = 20_000;

/// A pod of the size that pods have: some kilobytes, nearly all of them of no use here.
fn pod(n: u32) -> Value {
    let [.., b, c, d] = n.to_be_bytes();
    let set = format!("service-{:04}-6d4cf56db6", n / 4);
    let containers: Vec<Value> = (0..2)
        .map(|number| json!({"name": format!("c{number}"), "image": "registry.example/app:1.2.3", "resources": {"requests": {"cpu": "100m"}},
            "env": (0..20).map(|env| json!({"name": format!("VARIABLE_{env}"), "value": "some value of some length"})).collect::<Vec<_>>()}))
        .collect();
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": format!("team-{}", n % 40), "name": format!("{set}-{n:05x}"), "uid": format!("00000000-0000-4000-8000-{n:012}"),
            "resourceVersion": (n + 1).to_string(), "creationTimestamp": "2026-11-20T08:00:00Z", "labels": {"app": set},
            "managedFields": (0..3).map(|_| json!({"manager": "kubelet", "fieldsV1": {"f:status": {"f:conditions": {}, "f:podIPs": {}}}})).collect::<Vec<_>>(),
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set, "uid": format!("rs-{}", n / 4), "controller": true}]},
        "spec": {"nodeName": format!("node-{}", n % 200), "containers": containers},
        "status": {"phase": "Running", "hostIP": "10.1.0.1", "podIP": format!("10.{b}.{c}.{d}"), "podIPs": [{"ip": format!("10.{b}.{c}.{d}")}]}})
}

fn main() {
    let path = std::env::temp_dir().join(format!("flowenrich-20000-{}.json", std::process::id()));
    {
        let objects: Vec<Value> = (0..PODS).map(pod).collect();
        std::fs::write(&path, serde_json::to_vec(&objects).unwrap()).unwrap();
    }
    let size = std::fs::metadata(&path).unwrap().len();
    let data = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/k8s/fakeapi.py"));
    let server = StandIn::start(data, &path, &[]);
    std::fs::remove_file(&path).unwrap();
    let Some(server) = server else { return };
    for (how, watch) in [("pages of 500", Watch::new()), ("streaming lists", Watch::new().streaming_lists())] {
        let before = held();
        most();
        let start = Instant::now();
        let followed = follow(server.port(), watch, |_| ());
        while !followed.live.current().is_synced() {
            assert!(start.elapsed() < Duration::from_mins(2));
            std::thread::sleep(Duration::from_millis(5));
        }
        let took = start.elapsed();
        assert_eq!(followed.live.current().pod_count(), usize::try_from(PODS).unwrap());
        std::thread::sleep(Duration::from_secs(1));
        let each = |octets: usize| octets.saturating_sub(before) / usize::try_from(PODS).unwrap();
        println!(
            "{how}: {PODS} pods of {} octets of JSON known after {took:?}; {} octets a pod held, {} at most meanwhile",
            size / u64::from(PODS),
            each(held()),
            each(most())
        );
    }
}
