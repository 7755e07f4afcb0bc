//! The live watch, against the stand-in for the API server.
#![cfg(test)]
#![cfg(feature = "kube")]

mod stand_in;

use std::time::{Duration, Instant, SystemTime};

use flowcodec::Timestamp;
use flowenrich::kube::{By, Cluster, Dump, Index, Watch};
use flowenrich::{AddrKey, Found, Lookup, Source as _};
use serde_json::{Value, json};
use stand_in::{Followed, eventually, follow};

fn now() -> Timestamp {
    SystemTime::now().into()
}

fn who(index: &Index, addr: &str) -> String {
    match index.lookup(AddrKey::new(addr.parse().unwrap()), now()) {
        Found::NotSynced => "not synced".to_owned(),
        Found::Nothing => "-".to_owned(),
        Found::Ambiguous(_) => "?".to_owned(),
        Found::One(answer) => {
            let owners: Vec<_> = answer.owners().map(|owner| owner.to_string()).collect();
            format!("{} {}", answer.candidates()[0], owners.join(" ")).trim_end().to_owned()
        }
    }
}

impl Followed {
    fn becomes(&self, addr: &str, expected: &str) {
        eventually(&format!("{addr} is {expected}"), || (who(&self.live.current(), addr) == expected).then_some(()));
    }

    fn has_heard_of(&self, trouble: &str) {
        eventually(trouble, || self.told.lock().unwrap().troubles.iter().any(|told| told.contains(trouble)).then_some(()));
    }
}

fn not_synced(index: &Index) {
    assert_eq!(who(index, "10.244.0.5"), "not synced");
    assert_eq!(who(index, "203.0.113.99"), "not synced");
}

fn pod(name: &str, addr: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "a", "name": name}, "spec": {"nodeName": "worker-a"},
        "status": {"phase": "Running", "podIP": addr, "podIPs": [{"ip": addr}]}})
}

const PROVISIONER: &str = "local-path-storage/local-path-provisioner-78776bfc44-p2xkl \
    ReplicaSet/local-path-provisioner-78776bfc44 Deployment/local-path-provisioner";

#[test]
fn lists_in_pages_and_as_streams_and_not_synced_before() {
    let Some(server) = stand_in::start(&[]) else { return };
    for watch in [Watch::new().page_size(7), Watch::new().streaming_lists()] {
        let followed = follow(server.port(), watch, not_synced);
        followed.becomes("10.244.0.5", PROVISIONER);
        followed.becomes("10.96.0.1", "default/kubernetes");
        assert_eq!(followed.live.current().pod_count(), 50);
        let told = followed.told.lock().unwrap();
        assert!(told.early > 60, "{} objects came before all lists were complete", told.early);
        assert_eq!(told.counts.problems, 1, "the annotation that is no JSON");
        // The server has no endpoint slices: said, and done without.
        let [trouble] = &told.troubles[..] else { panic!("{:?}", told.troubles) };
        assert!(trouble.starts_with("EndpointSlice: "), "{trouble}");
    }
    assert!(server.asked("list/Pod") >= 50 / 7);
}

#[test]
fn changes_cuts_expiry_and_a_restart_lose_nothing() {
    let Some(mut server) = stand_in::start(&[]) else { return };
    let followed = follow(server.port(), Watch::new(), not_synced);
    followed.becomes("10.244.0.5", PROVISIONER);
    eventually("all are watched", || (server.asked("watch/Pod") == 1 && server.asked("watch/ReplicaSet") == 1).then_some(()));

    // A pod is created: known within a second, owners included that come after it.
    let start = Instant::now();
    let mut one = pod("one", "10.244.9.1");
    one["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs-1", "controller": true}]);
    server.event("ADDED", &one);
    followed.becomes("10.244.9.1", "a/one ReplicaSet/rs-1");
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    let replica_set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"namespace": "a", "name": "rs-1",
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "d-1", "controller": true}]}, "spec": {"replicas": 1}});
    server.event("ADDED", &replica_set);
    followed.becomes("10.244.9.1", "a/one ReplicaSet/rs-1 Deployment/d-1");

    // What is broken costs itself.
    let mut broken = pod("broken", "nonsense");
    broken["metadata"]["annotations"] = json!({"k8s.ovn.org/pod-networks": "{"});
    server.event("ADDED", &broken);
    server.event("ADDED", &json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "a", "name": "bare", "labels": null, "annotations": 7}}));
    eventually("broken objects are counted", || (followed.told.lock().unwrap().counts.problems >= 4).then_some(()));

    // Connections are cut, and things happen at once.
    for round in 2..6 {
        let addr = format!("10.244.9.{round}");
        server.post("/_cut", "");
        server.event("ADDED", &pod(&format!("cut-{round}"), &addr));
        followed.becomes(&addr, &format!("a/cut-{round}"));
    }
    assert_eq!(server.asked("list/Pod"), 1, "a cut is resumed, not listed anew");

    // History is lost: 410, and a list. A pod that went away meanwhile departs, and still answers for its time.
    server.post("/_cut", "");
    server.event("DELETED", &pod("cut-2", "10.244.9.2"));
    server.event("ADDED", &pod("ten", "10.244.9.10"));
    server.post("/_expire", "");
    followed.becomes("10.244.9.10", "a/ten");
    eventually("the deleted one departed", || (followed.told.lock().unwrap().counts.departed >= 1).then_some(()));
    followed.becomes("10.244.9.3", "a/cut-3");

    // The server goes away: what is known stays. It comes back with a lower version and other objects.
    let mut objects = server.objects();
    server.stop();
    followed.has_heard_of("onnect");
    assert_eq!(who(&followed.live.current(), "10.244.9.10"), "a/ten");
    let mut new = pod("after", "10.244.9.20");
    new["metadata"]["resourceVersion"] = json!("5");
    new["metadata"]["uid"] = json!("uid-after");
    objects.push(new);
    server.restart(&objects);
    followed.becomes("10.244.9.20", "a/after");
    eventually("those of before departed", || (followed.live.current().pod_count() == 51).then_some(()));
    followed.becomes("10.244.0.5", PROVISIONER);
    server.event("ADDED", &pod("last", "10.244.9.21"));
    followed.becomes("10.244.9.21", "a/last");
}

/// Behind services may be addresses that are no pod's. A slice that is watched says what it says in a dump.
#[test]
fn endpoint_slices_are_followed_like_all_else() {
    let Some(mut server) = stand_in::start(&["--slices"]) else { return };
    let slice = |name: &str, addrs: &[&str]| {
        let endpoints: Vec<Value> =
            addrs.iter().map(|addr| json!({"addresses": [addr], "conditions": {"ready": true}})).collect();
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"namespace": "a", "name": name, "uid": name, "resourceVersion": "900", "creationTimestamp": "2026-11-20T08:00:00Z",
                "labels": {"kubernetes.io/service-name": "mainframe"}}, "endpoints": endpoints})
    };
    // One is there from the beginning, listed; its pod has a better claim to the second address.
    let mut objects = server.objects();
    objects.push(slice("mainframe-1", &["198.51.100.7", "10.244.0.5"]));
    server.stop();
    server.restart(&objects);
    let by = |followed: &Followed, addr: &str| {
        let index = followed.live.current();
        index.lookup(AddrKey::new(addr.parse().unwrap()), now()).one().and_then(|answer| answer.by()).map(By::name)
    };
    let followed = follow(server.port(), Watch::new(), not_synced);
    followed.becomes("198.51.100.7", "a/mainframe");
    followed.becomes("10.244.0.5", PROVISIONER);
    assert_eq!((by(&followed, "198.51.100.7"), by(&followed, "10.244.0.5")), (Some("endpoint"), None));
    assert_eq!(followed.told.lock().unwrap().troubles, [""; 0], "the server has slices, and all else");

    // Others come, change and go while they are watched; a cut, and a list after lost history, tell the same.
    let start = Instant::now();
    server.event("ADDED", &slice("mainframe-2", &["198.51.100.8"]));
    followed.becomes("198.51.100.8", "a/mainframe");
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    server.event("MODIFIED", &slice("mainframe-2", &["198.51.100.9"]));
    followed.becomes("198.51.100.9", "a/mainframe");
    server.post("/_cut", "");
    server.event("DELETED", &slice("mainframe-2", &["198.51.100.9"]));
    server.event("ADDED", &slice("mainframe-3", &["198.51.100.10"]));
    server.post("/_expire", "");
    followed.becomes("198.51.100.10", "a/mainframe");
    eventually("the deleted one departed", || (followed.told.lock().unwrap().counts.departed >= 1).then_some(()));
    // Pods move, and so do endpoints: who went answers for the time it was there, not for now.
    let later = now().offset(10_000_000_000);
    eventually("not its any more", || {
        let index = followed.live.current();
        matches!(index.lookup(AddrKey::new("198.51.100.9".parse().unwrap()), later), Found::Nothing).then_some(())
    });

    // A dump of the same objects gives the same answers.
    objects.push(slice("mainframe-3", &["198.51.100.10"]));
    let dump = Dump::from_slice(&serde_json::to_vec(&objects).unwrap()).unwrap();
    let mut cluster = Cluster::default();
    cluster.load(dump.objects, now());
    for addr in ["198.51.100.7", "198.51.100.8", "198.51.100.10", "10.244.0.5", "10.96.0.1", "203.0.113.99"] {
        let told = |index: &Index| match index.lookup(AddrKey::new(addr.parse().unwrap()), later).answer() {
            Some(answer) => format!("{:?} {:?}", answer.candidates(), answer.by()),
            None => "-".to_owned(),
        };
        assert_eq!(told(&followed.live.current()), told(&cluster.live().current()), "{addr}");
    }
}

#[test]
fn a_refused_watch_is_told_once_and_tried_ever_more_slowly() {
    let Some(server) = stand_in::start(&["--no-watch"]) else { return };
    let followed = follow(server.port(), Watch::new().only(&["Pod", "Node", "Service"]), not_synced);
    let trouble =
        "Pod: cannot be watched: watch is forbidden (403); the account needs list and watch on this kind in all namespaces";
    followed.has_heard_of(trouble);
    followed.becomes("10.96.0.1", "default/kubernetes");
    // The waits are 0.2, 0.4, 0.8, 1.6 seconds and more.
    std::thread::sleep(Duration::from_secs(3));
    let lists = server.asked("list/Pod");
    assert!((3..=5).contains(&lists), "{lists} lists");
    let troubles = followed.told.lock().unwrap().troubles.clone();
    assert_eq!((troubles.iter().filter(|told| *told == trouble).count(), troubles.len()), (1, 3), "{troubles:?}");
}

#[test]
fn who_may_not_see_is_told() {
    let Some(server) = stand_in::start(&["--token", "secret"]) else { return };
    let followed = follow(server.port(), Watch::new(), not_synced);
    followed.has_heard_of("Pod: cannot be listed: Unauthorized (401); the token or certificate is not accepted");
    assert_eq!(who(&followed.live.current(), "10.244.0.5"), "not synced");
}
