//! The answers of goflow2-kube-enricher as it was in 2021: the first pod whose status names the address, else the first service.
//!
//! Addresses are compared as text, as its field selectors did; objects stand in the API's order.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use flowenrich::kube::Item;
use serde_json::Value;

use crate::question::{Name, Names};
use crate::record::Added;

/// What it looked at of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Original {
    pods: Table<Pod>,
    services: Table<Service>,
    replica_sets: Table<ReplicaSet>,
    synced: bool,
}

#[derive(Debug)]
struct Pod {
    namespace: String,
    name: String,
    host: String,
    owners: Vec<Owner>,
}

#[derive(Debug)]
struct Service {
    namespace: String,
    name: String,
}

#[derive(Debug)]
struct ReplicaSet {
    owners: Vec<Owner>,
}

#[derive(Debug)]
struct Owner {
    kind: String,
    name: String,
}

impl Original {
    /// All is known that there is: from now on it can answer.
    pub(crate) const fn set_synced(&mut self) {
        self.synced = true;
    }

    pub(crate) const fn is_synced(&self) -> bool {
        self.synced
    }

    /// An object exists in this state.
    pub(crate) fn apply(&mut self, item: &Item<'_>) {
        let text = |pointer: &str| item.json.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (namespace, name) = (text("/metadata/namespace"), text("/metadata/name"));
        let key = format!("{namespace}/{name}");
        match (item.version, item.kind) {
            ("v1", "Pod") => {
                let pod = Pod { namespace, name, host: text("/status/hostIP"), owners: owners(item.json) };
                self.pods.put(key, text("/status/podIP"), pod);
            }
            ("v1", "Service") => self.services.put(key, text("/spec/clusterIP"), Service { namespace, name }),
            ("apps/v1", "ReplicaSet") => {
                self.replica_sets.put(key.clone(), key, ReplicaSet { owners: owners(item.json) });
            }
            _ => {}
        }
    }

    /// An object is gone.
    #[cfg(feature = "kube")]
    pub(crate) fn delete(&mut self, item: &Item<'_>) {
        let text = |pointer: &str| item.json.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let key = format!("{}/{}", text("/metadata/namespace"), text("/metadata/name"));
        match (item.version, item.kind) {
            ("v1", "Pod") => self.pods.remove(&key),
            ("v1", "Service") => self.services.remove(&key),
            ("apps/v1", "ReplicaSet") => self.replica_sets.remove(&key),
            _ => {}
        }
    }

    /// A list of a kind begins, or is complete: what it did not name is gone.
    #[cfg(feature = "kube")]
    pub(crate) fn list(&mut self, kind: &str, complete: bool) {
        match kind {
            "Pod" => self.pods.list(complete),
            "Service" => self.services.list(complete),
            "ReplicaSet" => self.replica_sets.list(complete),
            _ => {}
        }
    }

    /// What it adds for an address; says how many objects had a right to it.
    pub(crate) fn say<'n>(&self, addr: &str, with_services: bool, names: &'n Names, added: &mut Vec<Added<'n>>) -> usize {
        // Objects without an address must not answer for records without one.
        if addr.is_empty() {
            return 0;
        }
        let pods = self.pods.at(addr);
        let mut warnings = Vec::new();
        if let Some(pod) = pods.first() {
            if pods.len() > 1 {
                warnings.push(several("pods", pods.iter().map(|pod| (&*pod.name, &*pod.namespace))));
            }
            added.push(names.text(Name::Pod, &pod.name));
            added.push(names.text(Name::Namespace, &pod.namespace));
            added.push(names.text(Name::HostIp, &pod.host));
            let (kind, name) = self.workload(pod, &mut warnings);
            added.push(names.text(Name::Workload, name));
            added.push(names.text(Name::WorkloadKind, kind));
            warn(names, &warnings, added);
            return pods.len();
        }
        let services = if with_services { self.services.at(addr) } else { Vec::new() };
        if let Some(service) = services.first() {
            if services.len() > 1 {
                warnings.push(several("services", services.iter().map(|service| (&*service.name, &*service.namespace))));
            }
            added.push(names.text(Name::Workload, &service.name));
            added.push(names.text(Name::WorkloadKind, "Service"));
            added.push(names.text(Name::Namespace, &service.namespace));
            warn(names, &warnings, added);
        }
        services.len()
    }

    /// Kind and name of the first owner; of a replica set, the first owner of that.
    fn workload<'o>(&'o self, pod: &'o Pod, warnings: &mut Vec<String>) -> (&'o str, &'o str) {
        let Some(first) = pod.owners.first() else { return ("Pod", &pod.name) };
        warnings.extend(several_owners("pod", &pod.name, &pod.owners));
        if first.kind == "ReplicaSet"
            && let Some(replica_set) = self.replica_sets.at(&format!("{}/{}", pod.namespace, first.name)).first()
            && let Some(above) = replica_set.owners.first()
        {
            warnings.extend(several_owners("replica", &first.name, &replica_set.owners));
            return (&above.kind, &above.name);
        }
        (&first.kind, &first.name)
    }
}

fn warn<'n>(names: &'n Names, warnings: &[String], added: &mut Vec<Added<'n>>) {
    if !warnings.is_empty() {
        added.push(names.text(Name::Warn, warnings.join("; ")));
    }
}

/// `Several pods found for same IP: a.ns,b.ns`
pub(crate) fn several<'c>(kinds: &str, all: impl Iterator<Item = (&'c str, &'c str)>) -> String {
    let all: Vec<_> = all.map(|(name, namespace)| format!("{name}.{namespace}")).collect();
    format!("Several {kinds} found for same IP: {}", all.join(","))
}

fn several_owners(of: &str, name: &str, owners: &[Owner]) -> Option<String> {
    if owners.len() < 2 {
        return None;
    }
    let all: Vec<_> = owners.iter().map(|Owner { kind, name }| format!("{kind}/{name}")).collect();
    Some(format!("Several owners found for {of} {name}: {}", all.join(",")))
}

fn owners(json: &Value) -> Vec<Owner> {
    let all = json.pointer("/metadata/ownerReferences").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let text = |owner: &Value, key: &str| owner.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    all.iter().map(|owner| Owner { kind: text(owner, "kind"), name: text(owner, "name") }).collect()
}

/// Objects by what they are looked up by, in the API's order: that of `namespace/name`.
#[derive(Debug)]
struct Table<T> {
    by_key: HashMap<String, String>,
    found: HashMap<String, BTreeMap<String, Arc<T>>>,
    /// Keys that the list under way named.
    listed: Option<HashSet<String>>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { by_key: HashMap::new(), found: HashMap::new(), listed: None }
    }
}

impl<T> Table<T> {
    fn put(&mut self, key: String, at: String, value: T) {
        self.remove(&key);
        if let Some(listed) = &mut self.listed {
            listed.insert(key.clone());
        }
        self.found.entry(at.clone()).or_default().insert(key.clone(), Arc::new(value));
        self.by_key.insert(key, at);
    }

    fn remove(&mut self, key: &str) {
        let Some(at) = self.by_key.remove(key) else { return };
        if let Some(all) = self.found.get_mut(&at) {
            all.remove(key);
            if all.is_empty() {
                self.found.remove(&at);
            }
        }
    }

    fn at(&self, at: &str) -> Vec<&T> {
        self.found.get(at).map_or_else(Vec::new, |all| all.values().map(|value| &**value).collect())
    }

    #[cfg(feature = "kube")]
    fn list(&mut self, complete: bool) {
        if !complete {
            self.listed = Some(HashSet::new());
            return;
        }
        let Some(listed) = self.listed.take() else { return };
        let gone: Vec<_> = self.by_key.keys().filter(|key| !listed.contains(*key)).cloned().collect();
        for key in gone {
            self.remove(&key);
        }
    }
}
