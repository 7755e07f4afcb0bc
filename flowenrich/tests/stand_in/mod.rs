//! The stand-in for the API server, and a watch that follows it.

mod server;

use std::path::Path;
use std::sync::{Arc, Mutex};

use flowcodec::Timestamp;
use flowenrich::kube::{Cluster, Counts, Index, Item, Settings, Sink, Trouble, Watch};
use flowenrich::{Live, Source as _};
use kube::{Client, Config};

pub(crate) use server::{StandIn, eventually};

/// Starts it with the made-up cluster; `None` where there is no Python.
pub(crate) fn start(more: &[&str]) -> Option<StandIn> {
    let data = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/k8s"));
    StandIn::start(&data.join("fakeapi.py"), &data.join("objects.json"), more)
}

/// A cluster that is followed in a thread of its own.
pub(crate) struct Followed {
    pub(crate) live: Live<Index>,
    pub(crate) told: Arc<Mutex<Told>>,
}

/// What happened while it was followed.
#[derive(Default)]
pub(crate) struct Told {
    /// Objects that came while the index was not complete; for each it was asked, and said so.
    pub(crate) early: u64,
    pub(crate) troubles: Vec<String>,
    pub(crate) counts: Counts,
}

struct Watched {
    cluster: Cluster,
    told: Arc<Mutex<Told>>,
    probe: fn(&Index),
}

impl Sink for Watched {
    fn begin_list(&mut self, group: &str, kind: &str) {
        self.cluster.begin_list(group, kind);
    }

    fn apply(&mut self, item: Item<'_>, now: Timestamp) {
        Sink::apply(&mut self.cluster, item, now);
        let index = self.cluster.live().current();
        if !index.is_synced() {
            (self.probe)(&index);
            self.told.lock().unwrap().early += 1;
        }
    }

    fn delete(&mut self, item: Item<'_>, now: Timestamp) {
        Sink::delete(&mut self.cluster, item, now);
    }

    fn finish_list(&mut self, group: &str, kind: &str, now: Timestamp) {
        self.cluster.finish_list(group, kind, now);
    }

    fn trouble(&mut self, trouble: &Trouble) {
        self.told.lock().unwrap().troubles.push(trouble.to_string());
    }

    fn publish(&mut self, now: Timestamp) {
        Sink::publish(&mut self.cluster, now);
        self.told.lock().unwrap().counts = self.cluster.counts();
    }
}

/// Follows the cluster at a port; `probe` asks the index as long as it is not complete.
pub(crate) fn follow(port: u16, watch: Watch, probe: fn(&Index)) -> Followed {
    let cluster = Cluster::new(watch.settings(Settings::default()));
    let (live, told) = (cluster.live(), Arc::default());
    let mut sink = Watched { cluster, told: Arc::clone(&told), probe };
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let config = Config::new(format!("http://127.0.0.1:{port}").parse().unwrap());
            watch.run(Client::try_from(config).unwrap(), &mut sink).await
        })
    });
    Followed { live, told }
}
