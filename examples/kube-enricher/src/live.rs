//! A live cluster, followed in a thread of its own.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use anyhow::Context as _;
use flowcodec::Timestamp;
use flowenrich::Source as _;
use flowenrich::kube::{Cluster, Item, Settings, Sink, Trouble, Watch};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tracing::{debug, info, warn};

use crate::cluster::{Known, Shared, TOLD};

/// Begins to follow the cluster, and waits for it to be known where that is wanted.
pub(crate) fn follow(kubeconfig: Option<&Path>, original: bool, wait: Option<u64>) -> anyhow::Result<Known> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("the watch of the cluster")?;
    let config = runtime.block_on(configured(kubeconfig))?;
    info!("following {}", config.cluster_url);
    let client = {
        let _inside = runtime.enter();
        Client::try_from(config).context("the connection to the cluster")?
    };
    let (ready, is_ready) = channel();
    let (known, watch, mut sink): (Known, Watch, Box<dyn Sink>) = if original {
        let shared = Shared::default();
        let watch = Watch::new().only(&FOR_THE_ORIGINAL);
        let sink = ForOriginal { shared: shared.clone(), missing: FOR_THE_ORIGINAL.to_vec(), ready: Some(ready) };
        (Known::Original(shared), watch, Box::new(sink))
    } else {
        let watch = Watch::new();
        let cluster = Cluster::new(watch.settings(Settings::default()));
        (Known::Careful(cluster.live()), watch, Box::new(Careful { cluster, told: 0, ready: Some(ready) }))
    };
    std::thread::Builder::new()
        .name("cluster".to_owned())
        .spawn(move || runtime.block_on(watch.run(client, &mut *sink)))
        .context("the thread that follows the cluster")?;
    await_ready(&is_ready, original, wait);
    Ok(known)
}

/// The original asked the API for each record, and so never answered too early. What goflow2 writes must not stand still for long, though.
const ORIGINAL_WAITS: u64 = 30;

fn await_ready(ready: &Receiver<()>, original: bool, wait: Option<u64>) {
    let seconds = wait.unwrap_or(if original { ORIGINAL_WAITS } else { 0 });
    if seconds != 0 && ready.recv_timeout(Duration::from_secs(seconds)).is_err() {
        let so_far = if original { "with nothing added until then" } else { "and say `not synced` until then" };
        warn!("the cluster is not known within {seconds} s; records pass {so_far}");
    }
}

const FOR_THE_ORIGINAL: [&str; 3] = ["Pod", "Service", "ReplicaSet"];

async fn configured(kubeconfig: Option<&Path>) -> anyhow::Result<Config> {
    match kubeconfig {
        Some(path) => {
            let place = || format!("--kubeconfig {}", path.display());
            let read = Kubeconfig::read_from(path).with_context(place)?;
            Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await.with_context(place)
        }
        None => Config::infer().await.context(
            "no cluster: give --kubeconfig FILE or --objects DUMP.json, set KUBECONFIG, or run in a pod with a service account",
        ),
    }
}

/// Objects for careful answers; what is wrong with some of them is told.
struct Careful {
    cluster: Cluster,
    told: usize,
    ready: Option<Sender<()>>,
}

impl Careful {
    fn read(&mut self, item: &Item<'_>) -> Option<flowenrich::kube::Object> {
        let mut problems = Vec::new();
        let object = item.object(&mut problems);
        for problem in problems {
            self.told = self.told.saturating_add(1);
            match self.told.cmp(&TOLD) {
                std::cmp::Ordering::Less => warn!("{problem}"),
                std::cmp::Ordering::Equal => warn!("{problem}; more such problems are told at level debug"),
                std::cmp::Ordering::Greater => debug!("{problem}"),
            }
        }
        object
    }
}

impl Sink for Careful {
    fn begin_list(&mut self, group: &str, kind: &str) {
        self.cluster.begin_list(group, kind);
    }

    fn apply(&mut self, item: Item<'_>, now: Timestamp) {
        if let Some(object) = self.read(&item) {
            self.cluster.apply(object, now);
        }
    }

    fn delete(&mut self, item: Item<'_>, now: Timestamp) {
        if let Some(object) = self.read(&item) {
            self.cluster.delete(object, now);
        }
    }

    fn finish_list(&mut self, group: &str, kind: &str, now: Timestamp) {
        self.cluster.finish_list(group, kind, now);
    }

    fn trouble(&mut self, trouble: &Trouble) {
        tell(trouble);
    }

    fn publish(&mut self, now: Timestamp) {
        self.cluster.tick(now);
        self.cluster.publish();
        if self.ready.is_some() && self.cluster.live().current().is_synced() {
            synced(&mut self.ready);
        }
    }
}

/// Objects for the original's answers.
struct ForOriginal {
    shared: Shared,
    missing: Vec<&'static str>,
    ready: Option<Sender<()>>,
}

impl Sink for ForOriginal {
    fn begin_list(&mut self, _: &str, kind: &str) {
        self.shared.write().list(kind, false);
    }

    fn apply(&mut self, item: Item<'_>, _: Timestamp) {
        self.shared.write().apply(&item);
    }

    fn delete(&mut self, item: Item<'_>, _: Timestamp) {
        self.shared.write().delete(&item);
    }

    fn finish_list(&mut self, _: &str, kind: &str, _: Timestamp) {
        let mut original = self.shared.write();
        original.list(kind, true);
        self.missing.retain(|missing| *missing != kind);
        if self.missing.is_empty() {
            original.set_synced();
        }
    }

    fn trouble(&mut self, trouble: &Trouble) {
        tell(trouble);
    }

    fn publish(&mut self, _: Timestamp) {
        if self.missing.is_empty() {
            synced(&mut self.ready);
        }
    }
}

fn tell(trouble: &Trouble) {
    if trouble.passing { debug!("{trouble}") } else { warn!("{trouble}") }
}

fn synced(ready: &mut Option<Sender<()>>) {
    if let Some(ready) = ready.take() {
        info!("the cluster is known");
        // Nobody may be waiting.
        let _ = ready.send(());
    }
}
