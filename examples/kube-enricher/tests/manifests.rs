//! The manifests: well-formed, consistent, and with the rights that the program needs.
#![cfg(test)]

use serde_json::Value;

fn documents(yaml: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(yaml).unwrap()
}

fn of_kind<'d>(documents: &'d [Value], kind: &str) -> &'d Value {
    let mut all = documents.iter().filter(|document| document["kind"] == kind);
    let one = all.next().unwrap_or_else(|| panic!("no {kind}"));
    assert!(all.next().is_none(), "one {kind}");
    one
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

fn check(yaml: &str) -> Vec<Value> {
    let documents = documents(yaml);
    let account = of_kind(&documents, "ServiceAccount");
    let (role, binding) = (of_kind(&documents, "ClusterRole"), of_kind(&documents, "ClusterRoleBinding"));
    let (deployment, service) = (of_kind(&documents, "Deployment"), of_kind(&documents, "Service"));

    // The pod runs as the account that has the role.
    let template = &deployment["spec"]["template"];
    assert_eq!(template["spec"]["serviceAccountName"], account["metadata"]["name"]);
    assert_eq!(binding["subjects"][0]["name"], account["metadata"]["name"]);
    assert_eq!(binding["subjects"][0]["namespace"], account["metadata"]["namespace"]);
    assert_eq!((&binding["roleRef"]["kind"], &binding["roleRef"]["name"]), (&"ClusterRole".into(), &role["metadata"]["name"]));
    let mut allowed: Vec<String> = Vec::new();
    for rule in role["rules"].as_array().unwrap() {
        assert_eq!(texts(&rule["verbs"]), ["list", "watch"]);
        let [group] = texts(&rule["apiGroups"])[..] else { panic!("{rule}") };
        allowed.extend(texts(&rule["resources"]).iter().map(|resource| format!("{group}/{resource}")));
    }
    allowed.sort();
    let needed = [
        "/nodes",
        "/pods",
        "/replicationcontrollers",
        "/services",
        "apps/daemonsets",
        "apps/deployments",
        "apps/replicasets",
        "apps/statefulsets",
        "batch/cronjobs",
        "batch/jobs",
        "discovery.k8s.io/endpointslices",
    ];
    assert_eq!(allowed, needed);

    // The service finds the pod, and every port is one that goflow2 listens on.
    assert_eq!(service["spec"]["selector"], template["metadata"]["labels"]);
    assert_eq!(deployment["spec"]["selector"]["matchLabels"], template["metadata"]["labels"]);
    let container = &template["spec"]["containers"][0];
    let command = texts(&container["command"])[2];
    let number = |port: &Value, key: &str| (port["name"].clone(), port[key].as_u64().unwrap(), port["protocol"].clone());
    let outer: Vec<_> = service["spec"]["ports"].as_array().unwrap().iter().map(|port| number(port, "port")).collect();
    let inner: Vec<_> = container["ports"].as_array().unwrap().iter().map(|port| number(port, "containerPort")).collect();
    assert_eq!((outer.len(), &outer), (3, &inner));
    for (_, port, protocol) in &outer {
        assert!(*protocol == "UDP" && command.contains(&format!("://:{port}")), "{port}: {command}");
    }
    let (_, enricher) = command.split_once(" | /kube-enricher ").unwrap();
    let output =
        std::process::Command::new(env!("CARGO_BIN_EXE_kube-enricher")).args(enricher.split(' ')).arg("-v").output().unwrap();
    assert!(output.status.success(), "{enricher}");
    documents
}

#[test]
fn in_the_cluster() {
    let documents = check(include_str!("../goflow-kube.yaml"));
    assert_eq!(of_kind(&documents, "Service")["spec"]["type"], Value::Null);
}

#[test]
fn by_node_ports() {
    let documents = check(include_str!("../goflow-kube-nodeport.yaml"));
    let service = &of_kind(&documents, "Service")["spec"];
    assert_eq!(service["type"], "NodePort");
    for port in service["ports"].as_array().unwrap() {
        assert!((30_000..32_768).contains(&port["nodePort"].as_u64().unwrap()), "{port}");
    }
    // All else is the same.
    let mut other = self::documents(include_str!("../goflow-kube.yaml"));
    let mut documents = documents;
    let not_service = |document: &Value| document["kind"] != "Service";
    documents.retain(not_service);
    other.retain(not_service);
    assert_eq!(documents, other);
}
