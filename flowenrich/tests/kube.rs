//! Kubernetes: the made-up cluster with its answers, and every rule with objects of its own.
#![cfg(test)]

use std::net::IpAddr;
use std::sync::Arc;

use flowcodec::model::{FieldValue, Flow, Schema};
use flowcodec::{Timestamp, field};
use flowenrich::kube::{Answer, By, Cluster, Dump, Index, Kind, Meta, Object, Settings};
use flowenrich::{AddrKey, ByAddress, Chain, Found, Lookup, Scope, Source};
use serde_json::{Map, Value, json};

const OBJECTS: &[u8] = include_bytes!("data/k8s/objects.json");
const TRUTH: &[u8] = include_bytes!("data/k8s/truth_best.json");

/// `10:00:05` of the one day, or `10:00:05.5`.
fn at(time: &str) -> Timestamp {
    let mut parts = time.split([':', '.']);
    let mut number = || parts.next().map_or(0, |part| part.parse::<u64>().unwrap());
    let (seconds, tenths) = (number() * 3600 + number() * 60 + number(), number());
    let hundredths = if time.split('.').nth(1).is_some_and(|fraction| fraction.len() == 2) { tenths } else { tenths * 10 };
    // 2026-11-20T00:00:00Z
    Timestamp::from_millis((1_795_132_800 + seconds) * 1_000 + hundredths * 10)
}

fn stamp(time: &str) -> String {
    at(time).to_string()
}

fn object(json: &Value) -> Object {
    let mut problems = Vec::new();
    let object = Object::read(json, &mut problems).unwrap();
    assert_eq!(problems, []);
    object
}

fn cluster(objects: &[Value]) -> Cluster {
    let mut cluster = Cluster::default();
    cluster.load(objects.iter().map(object), at("12:00"));
    cluster
}

fn key(addr: &str) -> AddrKey<'static> {
    AddrKey::new(addr.parse().unwrap())
}

/// An answer as the truth files write it.
fn described(found: Found<Answer<'_>>) -> Value {
    let ambiguous = matches!(found, Found::Ambiguous(_));
    let Some(answer) = found.answer() else { return Value::Null };
    let mut said = Map::new();
    let mut say = |key: &str, value: Option<Value>| value.into_iter().for_each(|value| drop(said.insert(key.to_owned(), value)));
    say("kind", answer.kind().map(|kind| kind.name().into()));
    say("namespace", answer.namespace().map(Into::into));
    say("name", answer.name().map(Into::into));
    say("node", answer.node().map(Into::into));
    say("hostIP", answer.host_addr().map(|addr| addr.to_string().into()));
    say("zone", answer.zone().map(Into::into));
    say("by", answer.by().map(|by| by.name().into()));
    if answer.kind().map(Kind::name) == Some("Pod") && !ambiguous {
        say("owners", Some(answer.owners().map(|owner| owner.to_string()).collect::<Vec<_>>().into()));
    }
    if ambiguous {
        say("ambiguous", Some(answer.candidates().iter().map(ToString::to_string).collect::<Vec<_>>().into()));
    }
    said.into()
}

/// `namespace/name`, `Kind:name`, `?a,b` or `-`.
fn who(index: &Index, key: AddrKey<'_>, at: Timestamp) -> String {
    match index.lookup(key, at) {
        Found::NotSynced => "not synced".to_owned(),
        Found::Nothing => "-".to_owned(),
        Found::One(answer) => answer.candidates()[0].to_string(),
        Found::Ambiguous(answer) => {
            let all: Vec<_> = answer.candidates().iter().map(ToString::to_string).collect();
            format!("?{}", all.join(","))
        }
    }
}

/// Asks one cluster many things: address, time, answer.
fn ask(cluster: &Cluster, questions: &[(&str, &str, &str)]) {
    let index = cluster.live().current();
    for (addr, time, answer) in questions {
        assert_eq!(who(&index, key(addr), at(time)), *answer, "{addr} at {time}");
    }
}

struct Made {
    json: Value,
}

fn pod(name: &str, addr: &str, created: &str) -> Made {
    let (namespace, name) = name.split_once('/').unwrap();
    let uid = format!("uid-{name}-{created}");
    Made {
        json: json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": namespace, "name": name, "uid": uid, "creationTimestamp": stamp(created)},
            "spec": {"nodeName": "n1"}, "status": {"phase": "Running", "podIP": addr, "podIPs": [{"ip": addr}]}}),
    }
}

fn service(name: &str, cluster_ip: &str) -> Made {
    let (namespace, name) = name.split_once('/').unwrap();
    Made {
        json: json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": namespace, "name": name, "uid": format!("svc-{name}")},
            "spec": {"clusterIP": cluster_ip, "clusterIPs": [cluster_ip], "ports": [{"port": 80, "protocol": "TCP"}]}, "status": {}}),
    }
}

fn node(name: &str, addr: &str) -> Made {
    Made {
        json: json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "uid": format!("node-{name}")},
            "status": {"addresses": [{"type": "InternalIP", "address": addr}]}}),
    }
}

impl Made {
    fn with(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        let (parent, leaf) = pointer.rsplit_once('/').unwrap();
        let mut place = &mut self.json;
        for step in parent.split('/').skip(1) {
            place = &mut place[step];
        }
        place[leaf] = value.into();
        self
    }

    fn finished(self, phase: &str, ends: &[&str]) -> Self {
        let ended = |end: &&str| json!({"state": {"terminated": {"finishedAt": stamp(end)}}});
        let containers: Vec<_> = ends.iter().map(ended).collect();
        self.with("/status/phase", phase).with("/status/containerStatuses", containers)
    }

    fn terminating(self, timestamp: &str, grace_seconds: u32) -> Self {
        self.with("/metadata/deletionTimestamp", stamp(timestamp)).with("/metadata/deletionGracePeriodSeconds", grace_seconds)
    }

    fn owned_by(self, owners: Value) -> Self {
        self.with("/metadata/ownerReferences", owners)
    }
}

fn made<const N: usize>(objects: [Made; N]) -> Cluster {
    cluster(&objects.map(|made| made.json))
}

#[test]
fn every_address_of_the_made_up_cluster() {
    let dump = Dump::from_slice(OBJECTS).unwrap();
    assert_eq!((dump.objects.len(), dump.problem_count), (97, 1));
    let problem = dump.problems[0].to_string();
    assert!(problem.contains("Node worker-c: metadata.annotations['k8s.ovn.org/node-subnets']: no JSON: "), "{problem}");
    let mut cluster = Cluster::default();
    cluster.load(dump.objects, at("12:00"));
    let index = cluster.live().current();

    let truth: Value = serde_json::from_slice(TRUTH).unwrap();
    let mut asked = 0;
    let mut check = |addr: &str, time: Timestamp, truth: &Value| {
        let mut truth = truth.clone();
        if truth.get("ambiguous").is_some() {
            // An ambiguous answer names no namespace of its own, whatever its candidates have in common.
            truth.as_object_mut().unwrap().remove("namespace");
        }
        assert_eq!(described(index.lookup(key(addr), time)), truth, "{addr} at {time}");
        asked += 1;
    };
    for (addr, truth) in truth["now"].as_object().unwrap() {
        check(addr, at("12:00"), truth);
    }
    for case in truth["at"].as_array().unwrap() {
        let time = case["time"].as_str().unwrap().strip_prefix("2026-11-20T").unwrap().strip_suffix('Z').unwrap();
        check(case["ip"].as_str().unwrap(), at(time), &case["is"]);
    }
    assert!(asked > 60, "{asked} answers checked");
}

#[test]
fn workloads_of_the_made_up_cluster() {
    let mut cluster = Cluster::default();
    cluster.load(Dump::from_slice(OBJECTS).unwrap().objects, at("12:00"));
    let index = cluster.live().current();
    let workload = |addr| index.lookup(key(addr), at("12:00")).one().unwrap().workload().unwrap().to_string();
    for (addr, expected) in [
        ("10.244.0.5", "Deployment/local-path-provisioner"),
        ("10.244.4.10", "Deployment/gw-istio"),
        ("10.244.3.93", "Rollout/canary"),
        ("10.244.3.96", "DeploymentConfig/shop-old"),
        ("10.244.3.94", "ReplicaSet/orphan-44c9"),
        ("10.244.1.97", "Pod/bare"),
        ("10.89.0.2", "Node/cp-0"),
        ("10.96.20.6", "Service/api"),
    ] {
        assert_eq!(workload(addr), expected, "{addr}");
    }
}

#[test]
fn an_address_used_again_at_three_instants() {
    let job = pod("batch/job", "10.0.0.1", "09:00").finished("Succeeded", &["09:01:30", "09:01:10"]);
    let next = pod("shop/web", "10.0.0.1", "09:02");
    ask(
        &made([job, next]),
        &[
            ("10.0.0.1", "08:59:57", "-"),
            ("10.0.0.1", "08:59:58", "batch/job"),   // within two seconds, and the only one
            ("10.0.0.1", "09:01:29.9", "batch/job"), // the latest of its containers
            ("10.0.0.1", "09:01:30", "-"),
            ("10.0.0.1", "09:01:57", "-"),
            ("10.0.0.1", "09:01:59", "shop/web"),
            ("10.0.0.1", "23:00", "shop/web"),
        ],
    );
}

#[test]
fn a_finished_pod_without_an_end_owns_nothing() {
    let failed = pod("batch/evicted", "10.0.0.1", "09:00").with("/status/phase", "Failed");
    let init = pod("batch/init", "10.0.0.2", "09:00").finished("Failed", &["09:00:10"]);
    let late = json!([{"state": {"terminated": {"finishedAt": "2026-11-20T12:05:00.25+02:00"}}}]);
    let init = init.with("/status/initContainerStatuses", late);
    let questions = [
        ("10.0.0.1", "09:00:01", "-"),
        ("10.0.0.2", "10:04:59", "batch/init"), // offsets and fractions are read
        ("10.0.0.2", "10:05:00.24", "batch/init"),
        ("10.0.0.2", "10:05:00.25", "-"),
    ];
    ask(&made([failed, init]), &questions);
}

#[test]
fn a_terminating_pod_yields_to_any_other() {
    // Asked to end at 10:00:00, its grace period over at 10:00:30.
    let going = pod("shop/old", "10.0.0.1", "09:30").terminating("10:00:30", 30);
    let stays = pod("shop/older", "10.0.0.1", "09:00");
    let alone = pod("shop/alone", "10.0.0.2", "09:00").terminating("10:00:30", 30);
    ask(
        &made([going, stays, alone]),
        &[
            ("10.0.0.1", "09:15", "shop/older"),
            ("10.0.0.1", "09:59:59", "shop/old"), // the newer of two that live
            ("10.0.0.1", "10:00:00", "shop/older"),
            ("10.0.0.2", "10:00:29", "shop/alone"),
            ("10.0.0.2", "11:00", "shop/alone"), // for as long as it exists
        ],
    );
}

#[test]
fn pods_of_equal_right_are_ambiguous() {
    let cluster =
        made([pod("a/one", "10.0.0.1", "09:00"), pod("b/two", "10.0.0.1", "09:00"), pod("a/three", "10.0.0.1", "10:00")]);
    ask(&cluster, &[("10.0.0.1", "09:30", "?a/one,b/two"), ("10.0.0.1", "10:30", "a/three")]);
    let index = cluster.live().current();
    let Found::Ambiguous(answer) = index.lookup(key("10.0.0.1"), at("09:30")) else { panic!("not ambiguous") };
    assert_eq!((answer.namespace(), answer.name(), answer.node()), (None, None, None));
    assert_eq!((answer.kind().map(Kind::name), answer.workload()), (Some("Pod"), None));
}

#[test]
fn the_host_network_is_the_nodes() {
    let host = pod("kube-system/proxy", "10.1.0.1", "09:00").with("/spec/hostNetwork", true);
    let unsaid = pod("kube-system/agent", "10.1.0.1", "09:00").with("/status/hostIP", "10.1.0.1");
    let elsewhere = pod("kube-system/lost", "10.1.0.9", "09:00").with("/spec/hostNetwork", true);
    let cluster = made([host, unsaid, elsewhere, node("n1", "10.1.0.1")]);
    ask(&cluster, &[("10.1.0.1", "10:00", "n1"), ("10.1.0.9", "10:00", "-")]);
}

#[test]
fn addresses_are_compared_as_addresses() {
    let six =
        pod("v6/six", "FD00:0:0::00Ab", "09:00").with("/status/podIPs", json!([{"ip": "fd00::ab"}, {"ip": "::ffff:10.0.0.7"}]));
    let questions =
        [("fd00:0000::ab", "10:00", "v6/six"), ("10.0.0.7", "10:00", "v6/six"), ("::ffff:10.0.0.7", "10:00", "v6/six")];
    ask(&made([six]), &questions);
}

#[test]
fn nodes_have_all_their_addresses_and_the_first_internal_one() {
    let addresses = json!([{"type": "ExternalIP", "address": "203.0.113.6"}, {"type": "Hostname", "address": "10.1.0.77"},
        {"type": "InternalIP", "address": "10.1.0.1"}, {"type": "InternalIP", "address": "fd00::1"}, {"type": "InternalDNS", "address": "x"}]);
    let subnets = r#"{"default": ["10.244.1.0/24", "fd00:10:244:1::/64"]}"#;
    let one = node("n1", "10.1.0.1").with("/status/addresses", addresses);
    let one = one.with("/metadata/annotations", json!({"k8s.ovn.org/node-subnets": subnets}));
    let cluster = made([one, pod("a/b", "10.0.0.1", "09:00").with("/status/hostIP", "10.9.9.9")]);
    for addr in ["203.0.113.6", "10.1.0.77", "10.1.0.1", "fd00::1", "10.244.1.2", "fd00:10:244:1::2"] {
        ask(&cluster, &[(addr, "10:00", "n1")]);
    }
    let index = cluster.live().current();
    let host = |addr| index.lookup(key(addr), at("10:00")).one().unwrap().host_addr().unwrap().to_string();
    assert_eq!((host("203.0.113.6"), host("10.0.0.1")), ("10.1.0.1".to_owned(), "10.1.0.1".to_owned()));
}

#[test]
fn services_and_how_they_matched() {
    let balanced = |name: &str, port: u16| {
        let ports = json!([{"port": port, "protocol": "TCP", "nodePort": 30000 + port}, {"port": port, "protocol": "UDP"}]);
        let balancer = json!({"ingress": [{"ip": "198.51.100.1"}, {"hostname": "lb.example.net"}]});
        service(name, "None").with("/spec/ports", ports).with("/status/loadBalancer", balancer)
    };
    let external = service("c/ext", "10.96.0.3").with("/spec/externalIPs", json!(["10.1.0.1", "198.51.100.9"]));
    let both = service("d/both", "10.96.0.4").with("/spec/externalIPs", json!(["10.96.0.4"]));
    let name = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "e", "name": "out"},
        "spec": {"type": "ExternalName", "externalName": "db.example.net"}});
    let objects =
        [balanced("a/web", 443).json, balanced("b/mail", 25).json, external.json, both.json, node("n1", "10.1.0.1").json, name];
    let cluster = cluster(&objects);
    let index = cluster.live().current();
    let asked = |key: AddrKey<'_>| {
        let by = match index.lookup(key, at("10:00")) {
            Found::One(answer) => answer.by().map_or("", By::name).to_owned(),
            _ => String::new(),
        };
        format!("{} {by}", who(&index, key, at("10:00"))).trim_end().to_owned()
    };
    assert_eq!(asked(key("10.96.0.3")), "c/ext clusterIP");
    assert_eq!(asked(key("10.96.0.3").at_port(9999, Some(6))), "c/ext clusterIP", "whatever the port");
    assert_eq!(asked(key("10.96.0.4")), "d/both clusterIP", "the closest of two ways");
    assert_eq!(asked(key("198.51.100.9")), "c/ext externalIP");
    assert_eq!(asked(key("198.51.100.1")), "?a/web,b/mail");
    assert_eq!(asked(key("198.51.100.1").at_port(25, Some(6))), "b/mail loadBalancer");
    assert_eq!(asked(key("198.51.100.1").at_port(26, Some(6))), "?a/web,b/mail");
    // Shared with a node: the node's, unless the port is the service's.
    assert_eq!(asked(key("10.1.0.1")), "n1");
    assert_eq!(asked(key("10.1.0.1").at_port(80, Some(6))), "c/ext externalIP");
    assert_eq!(asked(key("10.1.0.1").at_port(80, None)), "c/ext externalIP");
    assert_eq!(asked(key("10.1.0.1").at_port(80, Some(17))), "n1", "UDP is another port");
    assert_eq!(asked(key("10.1.0.1").at_port(30443, Some(6))), "a/web nodePort");
    assert_eq!(asked(key("10.1.0.1").at_port(30443, Some(17))), "n1");
    assert_eq!(asked(key("10.1.0.1").at_port(22, Some(6))), "n1");
}

#[test]
fn endpoints_outside_come_last() {
    let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"namespace": "data", "name": "db-x1", "labels": {"kubernetes.io/service-name": "db"}},
        "endpoints": [{"addresses": ["192.0.2.50", "10.0.0.1"]}, {"addresses": ["10.0.0.2"], "targetRef": {"kind": "Pod", "name": "p"}}]});
    let old = json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"namespace": "data", "name": "db"},
        "subsets": [{"addresses": [{"ip": "192.0.2.50"}], "notReadyAddresses": [{"ip": "192.0.2.51"}]}]});
    let cluster = cluster(&[slice, old, pod("a/b", "10.0.0.1", "09:00").json]);
    let questions = [
        ("192.0.2.50", "10:00", "data/db"), // said twice, and one service
        ("192.0.2.51", "10:00", "data/db"),
        ("10.0.0.1", "10:00", "a/b"),
        ("10.0.0.2", "10:00", "-"),
    ];
    ask(&cluster, &questions);
    let index = cluster.live().current();
    assert_eq!(index.lookup(key("192.0.2.50"), at("10:00")).one().unwrap().by().unwrap().name(), "endpoint");
}

#[test]
fn owners_by_the_controlling_reference_and_whatever_the_order() {
    let reference = |version: &str, kind: &str, name: &str, controls: bool| json!({"apiVersion": version, "kind": kind, "name": name, "uid": format!("u-{name}"), "controller": controls});
    let owned = |version: &str, kind: &str, name: &str, owners: Value| json!({"apiVersion": version, "kind": kind, "metadata": {"namespace": "a", "name": name, "uid": format!("u-{name}"), "ownerReferences": owners}});
    let one = pod("a/p", "10.0.0.1", "09:00")
        .owned_by(json!([reference("tekton.dev/v1", "Run", "first", false), reference("batch/v1", "Job", "j", true)]));
    let ring = pod("a/r", "10.0.0.2", "09:00").owned_by(json!([reference("x.example/v1", "A", "a", true)]));
    let driver = pod("a/driver", "10.0.0.3", "09:00")
        .with("/metadata/uid", "u-driver")
        .owned_by(json!([reference("batch/v1", "Job", "j", true)]));
    let executor = pod("a/executor", "10.0.0.4", "09:00").owned_by(json!([reference("v1", "Pod", "driver", true)]));
    let stranger = pod("a/stranger", "10.0.0.5", "09:00").owned_by(json!([reference("volcano.example/v1", "Job", "j", true)]));
    let statics = pod("a/static", "10.0.0.6", "09:00").owned_by(json!([reference("v1", "Node", "n1", true)]));
    let objects = [
        one.json,
        ring.json,
        executor.json,
        driver.json,
        stranger.json,
        statics.json,
        owned("batch/v1", "Job", "j", json!([reference("batch/v1", "CronJob", "c", true)])),
        owned("x.example/v1", "A", "a", json!([reference("x.example/v1", "B", "b", true)])),
        owned("x.example/v1", "B", "b", json!([reference("x.example/v1", "A", "a", true)])),
        // Another group's kinds of familiar names.
        json!({"apiVersion": "serving.example/v1", "kind": "Service", "metadata": {"namespace": "a", "name": "s"}, "spec": {"clusterIP": "10.96.0.9"}}),
        json!({"apiVersion": "infra.example/v1", "kind": "Node", "metadata": {"name": "n9"}, "status": {"addresses": [{"type": "InternalIP", "address": "10.1.0.9"}]}}),
    ];
    let mut backwards = objects.to_vec();
    backwards.reverse();
    for objects in [&objects[..], &backwards] {
        let cluster = cluster(objects);
        let index = cluster.live().current();
        let owners = |addr| {
            index
                .lookup(key(addr), at("10:00"))
                .one()
                .unwrap()
                .owners()
                .map(|owner| owner.to_string())
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(owners("10.0.0.1"), "Job/j CronJob/c");
        assert_eq!(owners("10.0.0.2"), "A/a B/b");
        assert_eq!(owners("10.0.0.4"), "Pod/driver Job/j CronJob/c");
        assert_eq!(owners("10.0.0.5"), "Job/j", "a Job of another group has another owner");
        assert_eq!(owners("10.0.0.6"), "Node/n1");
        let workload = index.lookup(key("10.0.0.6"), at("10:00")).one().unwrap().workload().unwrap().to_string();
        assert_eq!(workload, "Pod/static");
        ask(&cluster, &[("10.96.0.9", "10:00", "-"), ("10.1.0.9", "10:00", "-")]);
    }
}

#[test]
fn other_networks_answer_in_their_own_scope() {
    let status = r#"[{"name": "ovn", "default": true, "ips": ["10.0.0.1"]}, {"name": "vms/lab", "interface": "net1", "ips": ["192.168.50.7"]}]"#;
    let networks = r#"{"default": {"ip_address": "10.0.0.1/24"}, "vms/blue": {"ip_addresses": ["10.200.0.12/24"], "ip_address": "10.200.0.12/24"}}"#;
    let annotations = json!({"k8s.v1.cni.cncf.io/network-status": status, "k8s.ovn.org/pod-networks": networks});
    let cluster = made([pod("vms/v", "10.0.0.1", "09:00").with("/metadata/annotations", annotations)]);
    let index = cluster.live().current();
    for (addr, scope, answer) in [
        ("192.168.50.7", "", "-"),
        ("192.168.50.7", "vms/lab", "vms/v"),
        ("10.200.0.12", "vms/blue", "vms/v"),
        ("10.200.0.12", "vms/lab", "-"),
        ("10.0.0.1", "vms/lab", "-"),
        ("10.0.0.1", "", "vms/v"),
    ] {
        let scoped = key(addr).in_scope(Scope::named(scope));
        assert_eq!(who(&index, scoped, at("10:00")), answer, "{addr} in '{scope}'");
        if answer != "-" {
            let found = index.lookup(scoped, at("10:00")).one().unwrap();
            assert_eq!(found.network().unwrap_or(""), scope);
        }
    }
}

#[test]
fn bad_objects_cost_themselves_and_say_where() {
    let dump = json!({"kind": "PodList", "apiVersion": "v1", "items": [
        {"metadata": {"name": "good", "namespace": "a"}, "status": {"podIP": "10.0.0.1"}},
        {"metadata": {"name": "bare"}},
        {"metadata": {"namespace": "a"}},
        {"metadata": {"name": "odd", "namespace": "a", "creationTimestamp": "yesterday", "labels": null,
            "annotations": {"k8s.v1.cni.cncf.io/network-status": "{", "k8s.ovn.org/pod-networks": "{\"x\": {\"ip_address\": \"10.0.0.300/24\"}}"}},
            "spec": null, "status": {"podIP": "10.0.0.2", "podIPs": [{"ip": "nonsense"}, {"ip": "10.0.0.3"}, {}], "hostIP": ""}},
        42]});
    let dump = Dump::from_slice(dump.to_string().as_bytes()).unwrap();
    let problems: Vec<_> = dump.problems.iter().map(ToString::to_string).collect();
    assert_eq!(dump.objects.len(), 3);
    assert_eq!(
        problems,
        [
            "items[2], Pod a/: metadata.name: missing, so this is no object",
            "items[3], Pod a/odd: metadata.creationTimestamp: 'yesterday' is no time (RFC 3339)",
            "items[3], Pod a/odd: status.podIPs[0].ip: \"nonsense\" is no address",
            "items[3], Pod a/odd: metadata.annotations['k8s.v1.cni.cncf.io/network-status']: no JSON: EOF while parsing an object at line 1 column 1",
            "items[3], Pod a/odd: metadata.annotations['k8s.ovn.org/pod-networks'], network x: \"10.0.0.300/24\" is no address with a prefix length",
            "items[4], Pod : metadata.name: missing, so this is no object",
        ]
    );
    let mut cluster = Cluster::default();
    cluster.load(dump.objects, at("12:00"));
    ask(&cluster, &[("10.0.0.1", "10:00", "a/good"), ("10.0.0.2", "10:00", "a/odd"), ("10.0.0.3", "10:00", "a/odd")]);

    let error = Dump::from_slice(b"{\"items\": [\n{\"kind\": }]}").unwrap_err().to_string();
    assert!(error.contains("line 2 column"), "{error}");
    for wrong in ["", "7", "{}", "[] []", "{\"items\": 3}"] {
        assert!(Dump::from_slice(wrong.as_bytes()).is_err(), "{wrong}");
    }
    for empty in ["[]", "{\"items\": null}", "{\"kind\": \"List\", \"items\": []}"] {
        assert_eq!(Dump::from_slice(empty.as_bytes()).unwrap(), Dump::default(), "{empty}");
    }
    let one = Dump::from_slice(node("n1", "10.1.0.1").json.to_string().as_bytes()).unwrap();
    assert_eq!(one.objects.len(), 1);
}

#[test]
fn nothing_is_guessed_before_the_lists_are_complete() {
    let mut cluster = Cluster::default();
    let web = object(&pod("a/web", "10.0.0.1", "09:00").json);
    for kind in ["Pod", "Node", "Service"] {
        cluster.begin_list("", kind);
        if kind == "Pod" {
            cluster.apply(web.clone(), at("12:00"));
        }
        cluster.publish();
        ask(&cluster, &[("10.0.0.1", "12:00", "not synced"), ("8.8.8.8", "12:00", "not synced")]);
        cluster.finish_list("", kind, at("12:00"));
    }
    cluster.publish();
    ask(&cluster, &[("10.0.0.1", "12:00", "a/web"), ("8.8.8.8", "12:00", "-")]);
    // Listing anew, as after a 410, takes nothing away until it is complete.
    cluster.begin_list("", "Pod");
    cluster.publish();
    ask(&cluster, &[("10.0.0.1", "12:00", "a/web")]);
}

#[test]
fn departed_objects_answer_for_their_time_and_then_go() {
    let mut cluster = Cluster::default();
    let old = object(&pod("a/old", "10.0.0.1", "09:00").json);
    let svc = object(
        &service("a/svc", "10.96.0.1").with("/spec/ports", json!([{"port": 80, "protocol": "TCP", "nodePort": 30080}])).json,
    );
    cluster.load([old.clone(), svc.clone(), object(&node("n1", "10.1.0.1").json)], at("12:00"));
    let before = cluster.live().current();
    cluster.delete(old.clone(), at("12:01"));
    cluster.delete(svc, at("12:01"));
    cluster.apply(object(&pod("a/new", "10.0.0.1", "12:02").json), at("12:02"));
    cluster.publish();
    let node_port = |time| who(&cluster.live().current(), key("10.1.0.1").at_port(30080, Some(6)), at(time));
    assert_eq!((node_port("12:00"), node_port("12:01:30")), ("a/svc".to_owned(), "n1".to_owned()));
    let questions = [
        ("10.0.0.1", "12:00:59", "a/old"),
        ("10.0.0.1", "12:01:01.9", "a/old"), // an event takes its time
        ("10.0.0.1", "12:01:10", "-"),
        ("10.0.0.1", "12:02", "a/new"),
        ("10.96.0.1", "12:00:59", "a/svc"),
        ("10.96.0.1", "12:01:10", "-"),
    ];
    ask(&cluster, &questions);
    assert_eq!(who(&before, key("10.0.0.1"), at("12:03")), "a/old", "who holds a snapshot keeps it");

    // Neither a repeated deletion nor a late repetition of its states brings it back, or keeps it longer.
    cluster.delete(old.clone(), at("12:04"));
    cluster.apply(old, at("12:04"));
    cluster.publish();
    ask(&cluster, &questions);
    assert_eq!(cluster.counts().departed, 2);

    cluster.tick(at("12:05:59"));
    cluster.publish();
    ask(&cluster, &questions);
    cluster.tick(at("12:06"));
    cluster.publish();
    ask(&cluster, &[("10.0.0.1", "12:00:59", "-"), ("10.0.0.1", "12:02", "a/new"), ("10.96.0.1", "12:00:59", "-")]);
    assert_eq!(cluster.counts().expired, 2);
    assert_eq!((cluster.counts().evicted, cluster.live().current().pod_count()), (0, 1));
}

#[test]
fn a_list_tells_what_went_unseen() {
    let mut cluster = Cluster::default();
    let [one, two] = [("a/one", "10.0.0.1"), ("a/two", "10.0.0.2")].map(|(name, addr)| object(&pod(name, addr, "09:00").json));
    let owned = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"namespace": "a", "name": "rs", "uid": "rs",
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"}]}});
    cluster.load([one.clone(), two, object(&node("n1", "10.1.0.1").json), object(&owned)], at("10:00"));
    // A list that is cut says nothing.
    cluster.begin_list("", "Pod");
    cluster.begin_list("", "Pod");
    cluster.apply(one, at("11:00"));
    cluster.finish_list("", "Pod", at("11:00"));
    for (group, kind) in [("", "Node"), ("apps", "ReplicaSet")] {
        cluster.begin_list(group, kind);
        cluster.finish_list(group, kind, at("11:00"));
    }
    cluster.publish();
    ask(
        &cluster,
        &[("10.0.0.1", "11:30", "a/one"), ("10.0.0.2", "10:59", "a/two"), ("10.0.0.2", "11:30", "-"), ("10.1.0.1", "11:30", "-")],
    );
    assert_eq!(cluster.counts().departed, 3);
    cluster.tick(at("11:05"));
    cluster.publish();
    ask(&cluster, &[("10.0.0.1", "11:30", "a/one"), ("10.0.0.2", "10:59", "-"), ("10.1.0.1", "10:59", "-")]);
}

#[test]
fn kinds_of_one_name_in_two_groups_are_two() {
    let mut cluster = Cluster::default();
    // Knative's services are no services: a list of them neither completes the core's nor takes one away.
    let knative = json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"namespace": "a", "name": "svc", "uid": "kn",
        "ownerReferences": [{"apiVersion": "example.org/v1", "kind": "App", "name": "app"}]}});
    for (group, kind) in [("", "Pod"), ("", "Node"), ("serving.knative.dev", "Service")] {
        cluster.begin_list(group, kind);
        cluster.finish_list(group, kind, at("10:00"));
    }
    cluster.publish();
    ask(&cluster, &[("10.96.0.1", "10:30", "not synced")]);
    // Both lists at once: what one names the other has not named.
    cluster.begin_list("", "Service");
    cluster.begin_list("serving.knative.dev", "Service");
    cluster.apply(object(&service("a/svc", "10.96.0.1").json), at("10:00"));
    cluster.apply(object(&service("a/more", "10.96.0.2").json), at("10:00"));
    cluster.apply(object(&knative), at("10:00"));
    cluster.finish_list("", "Service", at("10:00"));
    cluster.finish_list("serving.knative.dev", "Service", at("10:00"));
    cluster.publish();
    let both = [("10.96.0.1", "10:30", "a/svc"), ("10.96.0.2", "10:30", "a/more")];
    ask(&cluster, &both);
    cluster.begin_list("serving.knative.dev", "Service");
    cluster.finish_list("serving.knative.dev", "Service", at("10:10"));
    cluster.publish();
    ask(&cluster, &both);
    assert_eq!(cluster.counts().departed, 1, "Knative's own");

    // Endpoints and a slice of the same name, each with an address of its own.
    let endpoints = json!({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"namespace": "a", "name": "db", "uid": "e"},
        "subsets": [{"addresses": [{"ip": "192.0.2.1"}, {"ip": "192.0.2.3"}]}]});
    let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"namespace": "a", "name": "db", "uid": "s", "labels": {"kubernetes.io/service-name": "db"}},
        "endpoints": [{"addresses": ["192.0.2.2", "192.0.2.3"]}]});
    cluster.apply(object(&endpoints), at("10:20"));
    cluster.apply(object(&slice), at("10:20"));
    cluster.publish();
    ask(&cluster, &[("192.0.2.1", "10:30", "a/db"), ("192.0.2.2", "10:30", "a/db"), ("192.0.2.3", "10:30", "a/db")]);
    cluster.begin_list("discovery.k8s.io", "EndpointSlice");
    cluster.finish_list("discovery.k8s.io", "EndpointSlice", at("10:40"));
    cluster.publish();
    ask(&cluster, &[("192.0.2.1", "10:50", "a/db"), ("192.0.2.2", "10:50", "-"), ("192.0.2.3", "10:50", "a/db")]);
    cluster.begin_list("", "Endpoints");
    cluster.finish_list("", "Endpoints", at("11:00"));
    cluster.publish();
    ask(&cluster, &[("192.0.2.1", "10:50", "a/db"), ("192.0.2.1", "11:10", "-"), ("192.0.2.3", "11:10", "-")]);
}

#[test]
fn states_change_repeat_and_come_late() {
    let mut cluster = Cluster::default();
    let state =
        |version: u32, addr: &str| object(&pod("a/p", addr, "09:00").with("/metadata/resourceVersion", version.to_string()).json);
    cluster.load([state(5, "")], at("10:00"));
    ask(&cluster, &[("10.0.0.1", "10:00", "-")]);
    cluster.apply(state(6, "10.0.0.1"), at("10:01"));
    cluster.apply(state(6, "10.0.0.1"), at("10:01"));
    cluster.apply(state(5, ""), at("10:02"));
    assert_eq!((cluster.counts().applied, cluster.counts().ignored), (2, 2));
    // Its sandbox was made anew: another address. The old one answers for its time.
    cluster.apply(state(7, "10.0.0.2"), at("10:05"));
    cluster.apply(object(&pod("a/q", "10.0.0.1", "10:06").json), at("10:06"));
    cluster.publish();
    let questions =
        [("10.0.0.1", "10:04", "a/p"), ("10.0.0.1", "10:05:30", "-"), ("10.0.0.1", "10:07", "a/q"), ("10.0.0.2", "10:07", "a/p")];
    ask(&cluster, &questions);
    // The same name, another pod: the deletion between them was missed.
    let again = |created: &str, addr: &str| object(&pod("a/p", addr, created).json);
    cluster.apply(again("10:08", "10.0.0.3"), at("10:08:05"));
    cluster.apply(again("09:30", "10.0.0.9"), at("10:08:06"));
    cluster.publish();
    ask(
        &cluster,
        &[("10.0.0.2", "10:07", "a/p"), ("10.0.0.2", "10:09", "-"), ("10.0.0.3", "10:09", "a/p"), ("10.0.0.9", "10:09", "-")],
    );
    // It ends while it is watched: exactly then.
    let done = pod("a/q", "10.0.0.1", "10:06").finished("Succeeded", &["10:10"]);
    cluster.apply(object(&done.json), at("10:12"));
    cluster.publish();
    ask(&cluster, &[("10.0.0.1", "10:09", "a/q"), ("10.0.0.1", "10:10:01", "-")]);
}

#[test]
fn the_departed_are_bounded() {
    for (cap, evicted) in [(3, 1), (4, 0)] {
        let mut settings = Settings::default();
        settings.max_departed = cap;
        let mut cluster = Cluster::new(settings);
        cluster.load([], at("09:00"));
        for n in 0..4 {
            let addr = format!("10.0.0.{n}");
            let pod = object(&pod(&format!("a/p{n}"), &addr, "09:00").json);
            cluster.delete(pod, at("10:00"));
        }
        cluster.publish();
        assert_eq!(cluster.counts().evicted, evicted, "at most {cap}");
        ask(&cluster, &[("10.0.0.0", "09:30", if evicted == 1 { "-" } else { "a/p0" }), ("10.0.0.1", "09:30", "a/p1")]);
    }
}

#[test]
fn whatever_order_of_events_ends_alike() {
    use proptest::prelude::*;
    let step = (0_u8..6, 0_u8..4, 0_u32..3, any::<bool>());
    proptest!(ProptestConfig::with_cases(200), |(steps in prop::collection::vec(step, 1..60))| {
        // One cluster is told everything; the other only what is true in the end.
        let mut told = Cluster::default();
        let mut truth = std::collections::BTreeMap::new();
        told.load([], at("09:00"));
        let mut version = 0;
        for (second, (name, addr, generation, delete)) in (0..).zip(&steps) {
            version += 1;
            let now = at("10:00").offset(second * 1_000_000_000);
            let json = pod(&format!("a/p{name}"), &format!("10.0.0.{addr}"), &format!("09:0{generation}"));
            let object = object(&json.with("/metadata/resourceVersion", version.to_string()).json);
            let known: Option<&(u32, Object)> = truth.get(name);
            if known.is_some_and(|(other, _)| other > generation) {
                continue; // an older generation does not come back
            }
            if *delete {
                told.delete(object, now);
                truth.insert(*name, (generation + 1, Object::Other(Meta::default())));
            } else {
                told.apply(object.clone(), now);
                truth.insert(*name, (*generation, object));
            }
        }
        let mut fresh = Cluster::default();
        fresh.load(truth.into_values().map(|(_, object)| object).filter(|object| !matches!(object, Object::Other(_))), at("11:00"));
        told.tick(at("23:00"));
        told.publish();
        let (told, fresh) = (told.live().current(), fresh.live().current());
        for addr in 0..4_u8 {
            let key = AddrKey::new(IpAddr::from([10, 0, 0, addr]));
            prop_assert_eq!(who(&told, key, at("11:00")), who(&fresh, key, at("11:00")));
        }
        prop_assert_eq!(told.pod_count(), fresh.pod_count());
    });
}

#[test]
fn answers_become_fields_of_flows() {
    let mut cluster = Cluster::default();
    let chain = Chain::new().then(ByAddress::new(cluster.live(), "SrcAddr=src_,DstAddr=dst_".parse().unwrap()));
    let schema = chain.schema(&Schema::common()).unwrap();
    let mut bound = chain.bind(&schema).unwrap();
    let mut said = |src: &str, dst: &str, port: u64| {
        let mut flow = Flow::new(Arc::clone(&schema));
        flow.set(field::SRC_ADDR.id(), FieldValue::Address(src.parse().unwrap()));
        flow.set(field::DST_ADDR.id(), FieldValue::Address(dst.parse().unwrap()));
        flow.set(field::DST_PORT.id(), FieldValue::Unsigned(port));
        flow.set(field::END.id(), FieldValue::Time(at("12:00")));
        let outcome = bound.enrich_one(&mut flow).unwrap();
        assert_eq!(outcome.refused, 0);
        let value = |id| match flow.value(id) {
            Some(FieldValue::Text(text)) => text.to_string(),
            other => format!("{other:?}"),
        };
        let added = flow.fields().filter(|(id, _)| schema.field(*id).unwrap().name.contains("k8s"));
        added.map(|(id, _)| format!("{}={}", schema.field(id).unwrap().name, value(id))).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(said("10.244.0.5", "10.96.0.1", 443), "src_k8s_status=not synced dst_k8s_status=not synced");
    cluster.load(Dump::from_slice(OBJECTS).unwrap().objects, at("12:00"));
    assert_eq!(
        said("10.244.0.5", "10.96.0.1", 443),
        "src_k8s_kind=Pod src_k8s_name=local-path-provisioner-78776bfc44-p2xkl src_k8s_namespace=local-path-storage src_k8s_node=cp-0 \
         src_k8s_zone=zone-a src_k8s_workload=local-path-provisioner src_k8s_workload_kind=Deployment \
         src_k8s_owners=ReplicaSet/local-path-provisioner-78776bfc44,Deployment/local-path-provisioner \
         src_k8s_host_addr=Some(Address(10.89.0.2)) dst_k8s_kind=Service dst_k8s_name=kubernetes dst_k8s_namespace=default \
         dst_k8s_by=clusterIP dst_k8s_workload=kubernetes dst_k8s_workload_kind=Service"
    );
    assert_eq!(
        said("10.244.1.90", "10.89.0.3", 30080),
        "src_k8s_kind=Pod src_k8s_ambiguous=legacy/dup-a,legacy/dup-b src_k8s_status=ambiguous \
         dst_k8s_kind=Service dst_k8s_by=nodePort dst_k8s_ambiguous=shop/api,shop/frontend dst_k8s_status=ambiguous"
    );
    assert_eq!(said("8.8.8.8", "2001:db8::1", 53), "");
    let counts = bound.counts()[0];
    assert_eq!((counts.hits, counts.ambiguous, counts.misses, counts.not_synced), (2, 2, 2, 2));
}
