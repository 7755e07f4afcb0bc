//! The rules of a careful answer, each with objects of its own: what every enricher before got wrong, and what is settled where that
//! leaves room.
#![cfg(test)]

mod program;

use program::{args, enriched};
use serde_json::{Map, Value, json};

/// One rule: its objects, and questions of time, address and port with what is said of them.
struct Rule {
    says: &'static str,
    objects: Vec<Value>,
    asked: Vec<(&'static str, &'static str, u16, &'static str)>,
}

fn stamp(time: &str) -> String {
    format!("2026-11-20T{time}Z")
}

fn pod(name: &str, addr: &str, created: &str, more: &Value) -> Value {
    let (namespace, name) = name.split_once('/').unwrap();
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "uid": format!("uid-{name}"), "creationTimestamp": stamp(created)},
        "spec": {"nodeName": "n1"}, "status": {"phase": "Running", "hostIP": "10.1.0.1", "podIP": addr, "podIPs": [{"ip": addr}]}});
    merge(&mut pod, more);
    pod
}

fn node(name: &str, addr: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": "z1"}},
        "status": {"addresses": [{"type": "ExternalIP", "address": "203.0.113.1"}, {"type": "InternalIP", "address": addr}]}})
}

fn service(name: &str, more: &Value) -> Value {
    let (namespace, name) = name.split_once('/').unwrap();
    let mut service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": namespace, "name": name},
        "spec": {"ports": [{"port": 80, "protocol": "TCP"}]}, "status": {}});
    merge(&mut service, more);
    service
}

fn merge(into: &mut Value, more: &Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            more.iter().for_each(|(key, value)| merge(into.entry(key).or_insert(Value::Null), value));
        }
        (into, more) => *into = more.clone(),
    }
}

fn ended(phase: &str, times: &[&str]) -> Value {
    let ends: Vec<Value> = times.iter().map(|time| json!({"state": {"terminated": {"finishedAt": stamp(time)}}})).collect();
    json!({"status": {"phase": phase, "containerStatuses": ends}})
}

fn terminating(asked: &str) -> Value {
    // The timestamp is when the grace period will be over.
    let (hour, rest) = asked.split_once(':').unwrap();
    let over = format!("{hour}:{rest}").replace(":00:00", ":00:30");
    json!({"metadata": {"deletionTimestamp": stamp(&over), "deletionGracePeriodSeconds": 30}})
}

fn owner(version: &str, kind: &str, name: &str, controller: bool) -> Value {
    json!({"apiVersion": version, "kind": kind, "name": name, "uid": format!("uid-{name}"), "controller": controller})
}

fn owned(version: &str, kind: &str, name: &str, owners: &Value) -> Value {
    json!({"apiVersion": version, "kind": kind, "metadata": {"namespace": "a", "name": name, "uid": format!("uid-{name}"), "ownerReferences": owners}})
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
fn rules() -> Vec<Rule> {
    let none = json!({});
    vec![
        Rule {
            says: "1. a finished pod has its address until its last container ended; the next pod has it from its creation on",
            objects: vec![
                pod("batch/job", "10.0.0.1", "09:00:00", &ended("Succeeded", &["09:01:30", "09:01:10"])),
                pod("shop/web", "10.0.0.1", "09:02:00", &none),
                pod("batch/evicted", "10.0.0.2", "09:00:00", &json!({"status": {"phase": "Failed"}})),
            ],
            asked: vec![
                ("09:01:00", "10.0.0.1", 0, "Pod batch/job n1"),
                ("09:01:45", "10.0.0.1", 0, "-"),
                ("09:05:00", "10.0.0.1", 0, "Pod shop/web n1"),
                ("09:00:10", "10.0.0.2", 0, "-"),
            ],
        },
        Rule {
            says: "1. among those that live the newest; equally old are ambiguous, and name neither pod nor namespace",
            objects: vec![
                pod("a/old", "10.0.0.1", "09:00:00", &none),
                pod("a/new", "10.0.0.1", "10:00:00", &none),
                pod("b/one", "10.0.0.2", "09:00:00", &none),
                pod("a/two", "10.0.0.2", "09:00:00", &none),
            ],
            asked: vec![
                ("09:30:00", "10.0.0.1", 0, "Pod a/old n1"),
                ("10:30:00", "10.0.0.1", 0, "Pod a/new n1"),
                ("09:30:00", "10.0.0.2", 0, "Pod ? a/two,b/one"),
            ],
        },
        Rule {
            says: "2. a terminating pod keeps its address while nobody else has it, and yields to any other, newer or not",
            objects: vec![
                pod("a/going", "10.0.0.1", "09:30:00", &terminating("10:00:00")),
                pod("a/staying", "10.0.0.1", "09:00:00", &none),
                pod("a/alone", "10.0.0.2", "09:00:00", &terminating("10:00:00")),
            ],
            asked: vec![
                ("09:59:59", "10.0.0.1", 0, "Pod a/going n1"),
                ("10:00:00", "10.0.0.1", 0, "Pod a/staying n1"),
                ("10:00:29", "10.0.0.2", 0, "Pod a/alone n1"),
            ],
        },
        Rule {
            says: "3. clocks may be two seconds apart, where there is one candidate",
            objects: vec![
                pod("a/p", "10.0.0.1", "09:00:00", &none),
                pod("a/q", "10.0.0.2", "09:00:00", &none),
                pod("a/r", "10.0.0.2", "09:00:01", &none),
            ],
            asked: vec![
                ("08:59:58", "10.0.0.1", 0, "Pod a/p n1"),
                ("08:59:57.9", "10.0.0.1", 0, "-"),
                ("08:59:59", "10.0.0.2", 0, "-"),
            ],
        },
        Rule {
            says: "4. an address on the host's network is the node's; so are all addresses of a node",
            objects: vec![
                node("n1", "10.1.0.1"),
                pod("kube-system/proxy", "10.1.0.1", "09:00:00", &json!({"spec": {"hostNetwork": true}})),
                pod("kube-system/agent", "10.1.0.1", "09:00:00", &none),
            ],
            asked: vec![("10:00:00", "10.1.0.1", 0, "Node n1 n1"), ("10:00:00", "203.0.113.1", 0, "Node n1 n1")],
        },
        Rule {
            says: "5. addresses are compared as addresses",
            objects: vec![
                pod("v6/six", "FD00:0:0::00Ab", "09:00:00", &none),
                pod("v4/mapped", "::ffff:10.0.0.7", "09:00:00", &none),
            ],
            asked: vec![
                ("10:00:00", "fd00:0000::ab", 0, "Pod v6/six n1"),
                ("10:00:00", "10.0.0.7", 0, "Pod v4/mapped n1"),
                ("10:00:00", "::FFFF:10.0.0.7", 0, "Pod v4/mapped n1"),
                ("10:00:00", "", 0, "-"),
            ],
        },
        Rule {
            says: "6. services by each of their addresses, and by node ports",
            objects: vec![
                node("n1", "10.1.0.1"),
                service("s/cluster", &json!({"spec": {"clusterIP": "10.96.0.1", "clusterIPs": ["10.96.0.1", "fd00:96::1"]}})),
                service("s/head", &json!({"spec": {"clusterIP": "None", "clusterIPs": ["None"]}})),
                service("s/outer", &json!({"spec": {"externalIPs": ["198.51.100.1", "10.1.0.1"], "ports": [{"port": 8443}]}})),
                service("s/lb", &json!({"status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.2"}]}}})),
                service(
                    "s/lb-too",
                    &json!({"spec": {"ports": [{"port": 25}]}, "status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.2"}]}}}),
                ),
                service("s/np", &json!({"spec": {"ports": [{"port": 443, "nodePort": 30443, "protocol": "UDP"}]}})),
            ],
            asked: vec![
                ("10:00:00", "10.96.0.1", 0, "Service s/cluster clusterIP"),
                ("10:00:00", "fd00:96::1", 0, "Service s/cluster clusterIP"),
                ("10:00:00", "198.51.100.1", 0, "Service s/outer externalIP"),
                ("10:00:00", "198.51.100.2", 0, "Service ? s/lb,s/lb-too"),
                ("10:00:00", "198.51.100.2", 25, "Service s/lb-too loadBalancer"),
                ("10:00:00", "10.1.0.1", 0, "Node n1 n1"),
                ("10:00:00", "10.1.0.1", 22, "Node n1 n1"),
                ("10:00:00", "10.1.0.1", 8443, "Service s/outer externalIP"),
                ("10:00:00", "10.1.0.1", 30443, "Node n1 n1"), // UDP's, and asked is TCP
            ],
        },
        Rule {
            says: "7. owners by the controlling reference, upward, whatever the order; a ring ends; other groups are other kinds",
            objects: vec![
                pod(
                    "a/p",
                    "10.0.0.1",
                    "09:00:00",
                    &json!({"metadata": {"ownerReferences": [owner("tekton.dev/v1", "Run", "r", false), owner("apps/v1", "ReplicaSet", "rs", true)]}}),
                ),
                pod(
                    "a/q",
                    "10.0.0.2",
                    "09:00:00",
                    &json!({"metadata": {"ownerReferences": [owner("batch/v1", "Job", "j", true)]}}),
                ),
                pod(
                    "a/r",
                    "10.0.0.3",
                    "09:00:00",
                    &json!({"metadata": {"ownerReferences": [owner("v1", "ReplicationController", "rc", true)]}}),
                ),
                pod(
                    "a/s",
                    "10.0.0.4",
                    "09:00:00",
                    &json!({"metadata": {"ownerReferences": [owner("x.example/v1", "A", "one", true)]}}),
                ),
                pod(
                    "a/t",
                    "10.0.0.5",
                    "09:00:00",
                    &json!({"metadata": {"ownerReferences": [owner("volcano.example/v1", "Job", "j", true)]}}),
                ),
                owned("apps/v1", "ReplicaSet", "rs", &json!([owner("apps/v1", "Deployment", "d", true)])),
                owned("batch/v1", "Job", "j", &json!([owner("batch/v1", "CronJob", "c", true)])),
                owned(
                    "v1",
                    "ReplicationController",
                    "rc",
                    &json!([owner("apps.openshift.io/v1", "DeploymentConfig", "dc", true)]),
                ),
                owned("x.example/v1", "A", "one", &json!([owner("x.example/v1", "B", "two", true)])),
                owned("x.example/v1", "B", "two", &json!([owner("x.example/v1", "A", "one", true)])),
                json!({"apiVersion": "serving.example/v1", "kind": "Service", "metadata": {"namespace": "a", "name": "s"}, "spec": {"clusterIP": "10.96.0.9"}}),
            ],
            asked: vec![
                ("10:00:00", "10.0.0.1", 0, "Pod a/p n1 Deployment/d ReplicaSet/rs,Deployment/d"),
                ("10:00:00", "10.0.0.2", 0, "Pod a/q n1 CronJob/c Job/j,CronJob/c"),
                ("10:00:00", "10.0.0.3", 0, "Pod a/r n1 DeploymentConfig/dc ReplicationController/rc,DeploymentConfig/dc"),
                ("10:00:00", "10.0.0.4", 0, "Pod a/s n1 B/two A/one,B/two"),
                ("10:00:00", "10.0.0.5", 0, "Pod a/t n1 Job/j Job/j"),
                ("10:00:00", "10.96.0.9", 0, "-"),
            ],
        },
        Rule {
            says: "objects may lack nearly everything, and times have offsets and fractions",
            objects: vec![
                json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "a", "name": "bare"}}),
                json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "bare", "annotations": {"k8s.ovn.org/node-subnets": "{"}}}),
                json!({"apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "a", "name": "bare"}, "spec": null}),
                pod("a/p", "10.0.0.1", "09:00:00", &json!({"metadata": {"creationTimestamp": "2026-11-20T11:00:00.5+02:00"}})),
            ],
            asked: vec![("09:00:00", "10.0.0.1", 0, "Pod a/p n1"), ("08:58:58", "10.0.0.1", 0, "-")],
        },
    ]
}

/// `Pod namespace/name node workload owners`, `Service namespace/name by`, `Kind ? candidates`, or `-`.
fn said(record: &Map<String, Value>) -> String {
    let text = |name: &str| record.get(name).and_then(Value::as_str);
    let list = |name: &str| {
        record
            .get(name)
            .and_then(Value::as_array)
            .map(|all| all.iter().map(|one| one.as_str().unwrap()).collect::<Vec<_>>().join(","))
    };
    let Some(kind) = text("SrcKind") else { return "-".to_owned() };
    let mut words = vec![kind.to_owned()];
    match list("SrcAmbiguous") {
        Some(all) => {
            assert!(text("SrcName").is_none() && text("SrcNamespace").is_none() && text("SrcPod").is_none(), "{record:?}");
            words.extend(["?".to_owned(), all]);
        }
        None => {
            let (namespace, name) =
                (text("SrcNamespace").map_or_else(String::new, |namespace| format!("{namespace}/")), text("SrcName").unwrap());
            words.push(format!("{namespace}{name}"));
            words.extend(text("SrcNode").or_else(|| text("SrcBy")).map(str::to_owned));
        }
    }
    if let Some(owners) = list("SrcOwners").filter(|owners| !owners.is_empty()) {
        words.extend([format!("{}/{}", text("SrcWorkloadKind").unwrap(), text("SrcWorkload").unwrap()), owners]);
    }
    words.join(" ")
}

#[test]
fn each_rule_with_its_own_objects_and_times() {
    for (number, Rule { says, mut objects, asked }) in rules().into_iter().enumerate() {
        for order in ["forward", "backward"] {
            let dump = std::env::temp_dir().join(format!("kube-enricher-rule-{number}-{order}-{}.json", std::process::id()));
            std::fs::write(&dump, Value::Array(objects.clone()).to_string()).unwrap();
            for (time, addr, port, expected) in &asked {
                let line = json!({"SrcAddr": addr, "SrcPort": port, "Proto": 6});
                let mut arguments = args(&format!("--loglevel error --at 2026-11-20T{time}Z --objects"));
                *arguments.last_mut().unwrap() = dump.display().to_string();
                let out = enriched(&arguments, &format!("{line}\n"));
                assert_eq!(
                    said(&serde_json::from_str(&out).unwrap()),
                    *expected,
                    "{says}: {addr} port {port} at {time}, objects {order}"
                );
            }
            std::fs::remove_file(dump).unwrap();
            objects.reverse();
        }
    }
}
