//! One kind: its list, then its watch, and what to do when one of them fails.

use std::time::{Duration, Instant};

use futures::stream::{BoxStream, StreamExt};
use kube::api::{Api, ApiResource, GroupVersionKind};
use kube::runtime::watcher::{Config, Error, Event, watcher};
use kube::{Client, Error as ClientError};
use serde_json::Value;

use super::raw::Raw;
use super::{Trouble, WatchedKind};

/// What is heard of a kind.
#[derive(Debug)]
pub(super) enum Heard {
    /// A list begins.
    Begin,
    /// An object, of the list or changed.
    Object(Value),
    /// An object that went away.
    Gone(Value),
    /// The list is complete.
    Complete,
    /// The server does not have the kind, or not for us, and never had.
    Without(Trouble),
    /// Something failed.
    Trouble(Trouble),
}

/// Follows one kind for good.
pub(super) struct Follower {
    client: Client,
    pub(super) watched: WatchedKind,
    config: Config,
    stream: Option<BoxStream<'static, Result<Heard, Error>>>,
    patience: Patience,
    wait: Option<Duration>,
    /// Whether it was complete once, or is done without.
    known: bool,
    /// Since when it is watched without a failure, if its list is complete.
    watched_since: Option<Instant>,
    /// The failure that was told last, until the watch is heard of: it is not told each time it is met again.
    told: Option<String>,
}

/// A watch that has lasted this long is one, though it had nothing to say; connections that are not made fail sooner.
const LASTING: Duration = Duration::from_mins(1);

impl Follower {
    pub(super) fn new(client: Client, watched: WatchedKind, page: u32, streaming: bool) -> Self {
        let config = Config::default().page_size(page);
        let config = if streaming { config.streaming_lists() } else { config };
        let patience = Patience::new();
        Self { client, watched, config, stream: None, patience, wait: None, known: false, watched_since: None, told: None }
    }

    pub(super) async fn next(&mut self) -> Heard {
        loop {
            if let Some(wait) = self.wait.take() {
                tokio::time::sleep(wait).await;
                self.watched_since = self.watched_since.map(|_| Instant::now());
            }
            let stream = match &mut self.stream {
                Some(stream) => stream,
                none => none.insert(follow(&self.client, &self.watched, &self.config)),
            };
            match stream.next().await {
                None => self.stream = None,
                Some(Ok(heard)) => {
                    self.hear(&heard);
                    return heard;
                }
                Some(Err(error)) => {
                    if let Some(failed) = self.failed(&error) {
                        return failed;
                    }
                }
            }
        }
    }

    /// Only what a watch says shows that all is well again: a list can be had over and over where a watch is refused.
    fn hear(&mut self, heard: &Heard) {
        match heard {
            Heard::Begin => self.watched_since = None,
            Heard::Complete => {
                self.known = true;
                self.watched_since = Some(Instant::now());
            }
            _ if self.watched_since.is_some() => self.recovered(),
            _ => {}
        }
    }

    fn recovered(&mut self) {
        self.patience = Patience::new();
        self.told = None;
    }

    fn failed(&mut self, error: &Error) -> Option<Heard> {
        if self.watched_since.is_some_and(|since| since.elapsed() >= LASTING) {
            self.recovered();
        }
        self.wait = Some(self.patience.next());
        // A watch that cannot be started may be one of another server than before, or of the same one without its memory: versions mean
        // nothing there, and only a list tells what was missed. So does what could not be read.
        let lost = matches!(error, Error::WatchStartFailed(_) | Error::WatchFailed(ClientError::SerdeError(_)));
        if lost {
            self.stream = None;
        }
        let trouble = self.trouble(error);
        if self.told.as_ref() == Some(&trouble.what) {
            return None;
        }
        self.told = Some(trouble.what.clone());
        if self.watched.optional && !self.known && matches!(status(error), Some(403..=405)) {
            self.known = true;
            return Some(Heard::Without(trouble));
        }
        Some(Heard::Trouble(trouble))
    }

    fn trouble(&self, error: &Error) -> Trouble {
        let remedy = match status(error) {
            Some(401) => Some("the token or certificate is not accepted"),
            Some(403) => Some("the account needs list and watch on this kind in all namespaces"),
            _ => None,
        };
        let passing = status(error) == Some(410) || matches!(error, Error::WatchFailed(ClientError::ReadEvents(_)));
        Trouble { kind: self.watched.kind.clone(), what: sentence(error), remedy, passing }
    }
}

fn follow(client: &Client, watched: &WatchedKind, config: &Config) -> BoxStream<'static, Result<Heard, Error>> {
    let names = GroupVersionKind::gvk(&watched.group, &watched.version, &watched.kind);
    let resource = ApiResource::from_gvk_with_plural(&names, &watched.plural);
    let (client, config) = (client.clone(), config.clone());
    if watched.metadata_only {
        watcher(Api::<Raw<true>>::all_with(client, &resource), config).map(|event| event.map(heard)).boxed()
    } else {
        watcher(Api::<Raw<false>>::all_with(client, &resource), config).map(|event| event.map(heard)).boxed()
    }
}

fn heard<const METADATA: bool>(event: Event<Raw<METADATA>>) -> Heard {
    match event {
        Event::Init => Heard::Begin,
        Event::InitApply(object) | Event::Apply(object) => Heard::Object(object.json),
        Event::Delete(object) => Heard::Gone(object.json),
        Event::InitDone => Heard::Complete,
    }
}

/// The HTTP status that the server answered with.
fn status(error: &Error) -> Option<u16> {
    match error {
        Error::InitialListFailed(ClientError::Api(status))
        | Error::WatchStartFailed(ClientError::Api(status))
        | Error::WatchFailed(ClientError::Api(status))
        | Error::WatchError(status) => Some(status.code),
        _ => None,
    }
}

/// An error and its causes; the server's own words where it has said something.
fn sentence(error: &Error) -> String {
    match error {
        Error::InitialListFailed(ClientError::Api(status)) => format!("cannot be listed: {} ({})", status.message, status.code),
        Error::WatchStartFailed(ClientError::Api(status)) => format!("cannot be watched: {} ({})", status.message, status.code),
        Error::WatchError(status) => format!("watch ended: {} ({})", status.message, status.code),
        other => {
            let mut text = other.to_string();
            let mut cause = std::error::Error::source(other);
            while let Some(next) = cause {
                let more = next.to_string();
                if !text.contains(&more) {
                    text = format!("{text}: {more}");
                }
                cause = next.source();
            }
            text
        }
    }
}

/// How long to wait after a failure: from a fifth of a second on, twice as long each time, half a minute at most, and a little more or
/// less, so that many do not come back at once.
#[derive(Debug)]
struct Patience(u32);

impl Patience {
    const fn new() -> Self {
        Self(0)
    }

    fn next(&mut self) -> Duration {
        let base = Duration::from_millis(200).saturating_mul(1 << self.0.min(8)).min(Duration::from_secs(30));
        self.0 = self.0.saturating_add(1);
        let spread = foldhash::fast::RandomState::default();
        let quarter = u32::try_from(std::hash::BuildHasher::hash_one(&spread, self.0) % 1_000).unwrap_or(0);
        base.saturating_add(base.saturating_mul(quarter).checked_div(4_000).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_and_ends_at_half_a_minute() {
        let mut patience = Patience::new();
        let waits: Vec<_> = (0..12).map(|_| patience.next()).collect();
        let near = |wait: Duration, millis: u64| (millis..=millis * 5 / 4).contains(&u64::try_from(wait.as_millis()).unwrap());
        assert!(near(waits[0], 200) && near(waits[1], 400) && near(waits[4], 3_200), "{waits:?}");
        assert!(waits[9..].iter().all(|wait| near(*wait, 30_000)), "{waits:?}");
    }
}
