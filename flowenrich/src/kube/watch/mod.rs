//! Following a live cluster: lists and watches of its API.
//!
//! ```text
//! API server ──► list, watch of each kind ──► Sink: a Cluster ──► Index ──► readers
//!                resumed, or listed anew      the only writer     published
//!                when history is lost                             ten times a second
//! ```
//!
//! Of a kind's objects at most one page is held whole. Owners are watched by their metadata alone. A connection that is cut is resumed
//! where it was; after `410 Gone`, or when the server could not be reached, the kind is listed anew, and what went away meanwhile departs.
//! What is known stays known through all of this.
//!
//! ```no_run
//! # async fn example() -> Result<(), kube::Error> {
//! use flowenrich::kube::{Cluster, Settings, Watch};
//!
//! let watch = Watch::new();
//! let mut cluster = Cluster::new(watch.settings(Settings::default()));
//! let live = cluster.live(); // for readers, in any thread
//! let client = kube::Client::try_default().await?;
//! tokio::spawn(async move { watch.run(client, &mut cluster).await });
//! # Ok(()) }
//! ```

mod follow;
mod raw;

use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use flowcodec::Timestamp;
use futures::stream::{BoxStream, StreamExt, select_all, unfold};
use kube::Client;

use self::follow::{Follower, Heard};
use super::cluster::Cluster;
use super::dump::Item;
use super::settings::Settings;

/// What is told of a cluster's objects. A [`Cluster`] is one; others can keep more of objects, or log what is wrong with them.
pub trait Sink: Send {
    /// A complete list of one kind begins (its API group, empty for the core, and its name); its items follow.
    fn begin_list(&mut self, group: &str, kind: &str);

    /// An object exists in this state.
    fn apply(&mut self, item: Item<'_>, now: Timestamp);

    /// An object is gone; this was its last state.
    fn delete(&mut self, item: Item<'_>, now: Timestamp);

    /// The list is complete: what it did not name is gone.
    fn finish_list(&mut self, group: &str, kind: &str, now: Timestamp);

    /// Something failed. It is tried again; what is known stays.
    fn trouble(&mut self, trouble: &Trouble);

    /// Comes ten times a second: time to show readers what was told.
    fn publish(&mut self, now: Timestamp);
}

/// Something failed between here and the API server.
#[derive(Debug, thiserror::Error)]
#[error("{kind}: {what}{}", remedy.map(|remedy| format!("; {remedy}")).unwrap_or_default())]
#[non_exhaustive]
pub struct Trouble {
    /// The kind that was listed or watched.
    pub kind: String,
    /// What happened.
    pub what: String,
    /// What may help.
    pub remedy: Option<&'static str>,
    /// Whether it is usual, and over with the next try: an expired version, a connection that was cut.
    pub passing: bool,
}

impl Sink for Cluster {
    fn begin_list(&mut self, group: &str, kind: &str) {
        Self::begin_list(self, group, kind);
    }

    fn apply(&mut self, item: Item<'_>, now: Timestamp) {
        if let Some(object) = self.read(&item) {
            Self::apply(self, object, now);
        }
    }

    fn delete(&mut self, item: Item<'_>, now: Timestamp) {
        if let Some(object) = self.read(&item) {
            Self::delete(self, object, now);
        }
    }

    fn finish_list(&mut self, group: &str, kind: &str, now: Timestamp) {
        Self::finish_list(self, group, kind, now);
    }

    fn trouble(&mut self, _: &Trouble) {}

    fn publish(&mut self, now: Timestamp) {
        self.tick(now);
        Self::publish(self);
    }
}

/// Which kinds are followed, and how.
#[derive(Debug, Clone)]
pub struct Watch {
    kinds: Vec<WatchedKind>,
    page: u32,
    streaming: bool,
}

/// A kind of objects in the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WatchedKind {
    group: String,
    version: String,
    kind: String,
    plural: String,
    /// Whether only its metadata is asked for.
    metadata_only: bool,
    /// Whether it may be missing, or not be allowed.
    optional: bool,
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

impl Watch {
    /// Pods, nodes, services, endpoint slices, and what usually owns pods: `ReplicaSet`, `Job`, `ReplicationController`, `Deployment`,
    /// `StatefulSet`, `DaemonSet`, `CronJob`.
    #[must_use]
    pub fn new() -> Self {
        let kind = |group: &str, kind: &str, plural: &str, optional| WatchedKind {
            group: group.to_owned(),
            version: "v1".to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
            metadata_only: false,
            optional,
        };
        let whole = [
            kind("", "Pod", "pods", false),
            kind("", "Node", "nodes", false),
            kind("", "Service", "services", false),
            kind("discovery.k8s.io", "EndpointSlice", "endpointslices", true),
        ];
        Self { kinds: whole.to_vec(), page: 500, streaming: false }
            .owners("apps", "v1", "ReplicaSet", "replicasets")
            .owners("batch", "v1", "Job", "jobs")
            .owners("", "v1", "ReplicationController", "replicationcontrollers")
            .owners("apps", "v1", "Deployment", "deployments")
            .owners("apps", "v1", "StatefulSet", "statefulsets")
            .owners("apps", "v1", "DaemonSet", "daemonsets")
            .owners("batch", "v1", "CronJob", "cronjobs")
    }

    /// Only these of the kinds: for who needs less, or may see less.
    #[must_use]
    pub fn only(mut self, kinds: &[&str]) -> Self {
        self.kinds.retain(|watched| kinds.contains(&&*watched.kind));
        self
    }

    /// One more kind that owns pods, or what owns them: `"argoproj.io", "v1alpha1", "Rollout", "rollouts"`. Its metadata is followed; a
    /// server that does not have it, or does not allow it, is done without.
    #[must_use]
    pub fn owners(mut self, group: &str, version: &str, kind: &str, plural: &str) -> Self {
        self.kinds.push(WatchedKind {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
            metadata_only: true,
            optional: true,
        });
        self
    }

    /// Objects asked for at once in lists: 500, unless said otherwise.
    #[must_use]
    pub const fn page_size(mut self, objects: u32) -> Self {
        self.page = objects;
        self
    }

    /// Lists come as the beginning of a watch (Kubernetes 1.32 and later have this on by default), object by object, and not in pages.
    #[must_use]
    pub const fn streaming_lists(mut self) -> Self {
        self.streaming = true;
        self
    }

    /// Settings of an index that is not synced before all of these kinds are known.
    #[must_use]
    pub fn settings(&self, settings: Settings) -> Settings {
        let named = |watched: &WatchedKind| (watched.group.as_str().into(), watched.kind.as_str().into());
        Settings { needed: self.kinds.iter().map(named).collect(), ..settings }
    }

    /// Follows the cluster until the future is dropped.
    pub async fn run(&self, client: Client, sink: &mut dyn Sink) -> Infallible {
        let follow = |watched: &WatchedKind| {
            let follower = Follower::new(client.clone(), watched.clone(), self.page, self.streaming);
            unfold(follower, |mut follower| async {
                let heard = follower.next().await;
                Some((Step::Heard(follower.watched.clone(), heard), follower))
            })
            .boxed()
        };
        let ticks = unfold(tokio::time::interval(PUBLISH), |mut interval| async {
            interval.tick().await;
            Some((Step::Tick, interval))
        });
        let streams = self.kinds.iter().map(follow).chain([ticks.boxed()]);
        let mut all = select_all(streams.collect::<Vec<BoxStream<'_, Step>>>());
        loop {
            match all.next().await {
                Some(Step::Heard(watched, heard)) => watched.tell(sink, heard),
                Some(Step::Tick) => sink.publish(now()),
                // None of them ends.
                None => std::future::pending::<()>().await,
            }
        }
    }
}

const PUBLISH: Duration = Duration::from_millis(100);

enum Step {
    Heard(WatchedKind, Heard),
    Tick,
}

impl WatchedKind {
    fn tell(&self, sink: &mut dyn Sink, heard: Heard) {
        let version = if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) };
        let (group, kind) = (&*self.group, &*self.kind);
        match heard {
            Heard::Begin => sink.begin_list(group, kind),
            Heard::Object(json) => sink.apply(Item { at: None, version: &version, kind, json: &json }, now()),
            Heard::Gone(json) => sink.delete(Item { at: None, version: &version, kind, json: &json }, now()),
            Heard::Complete => {
                sink.finish_list(group, kind, now());
                sink.publish(now());
            }
            Heard::Without(trouble) => {
                sink.trouble(&trouble);
                sink.begin_list(group, kind);
                sink.finish_list(group, kind, now());
            }
            Heard::Trouble(trouble) => sink.trouble(&trouble),
        }
    }
}

fn now() -> Timestamp {
    SystemTime::now().into()
}
