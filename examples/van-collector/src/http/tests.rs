//! What is shared, where those who ask wait for each other.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use axum::http::{Request, StatusCode};
use axum::response::IntoResponse as _;
use flowcodec::Timestamp;
use futures_util::StreamExt as _;
use tokio::task::JoinHandle;
use vanflow::collector::Settings;
use vanflow::message::records;
use vanflow::record::RecordType;

use super::limits::{Limits, Served};
use super::network;
use super::pieces::SharedText;
use super::shared::RECENT;
use super::v1::Asked;
use super::watch::watch;
use crate::error::ApiError;
use crate::hub::{Clock, Hub, WATCH_BEHIND};

const FLOWS: &str = "mc/sfe.a:0.flows";

fn served(change: impl FnOnce(&mut Limits)) -> Arc<Served> {
    let mut limits = Limits::default();
    change(&mut limits);
    Arc::new(Served::new(Hub::new(Settings::default(), Clock::Recording, "test", None), limits))
}

/// A question that is worked on until it is told to end.
async fn busy(served: &Arc<Served>) -> (Sender<()>, JoinHandle<Result<(), ApiError>>) {
    let ((end, ended), (told, working), served) = (channel(), tokio::sync::oneshot::channel(), Arc::clone(served));
    let worked = tokio::spawn(async move {
        let wait = move |_: &Hub| {
            let _ = told.send(());
            let _ = ended.recv();
            Ok(())
        };
        served.work(wait).await
    });
    working.await.unwrap();
    (end, worked)
}

/// More changes than a watcher may be behind.
fn much_happens(hub: &Hub) {
    for number in 0..=WATCH_BEHIND {
        let id = format!("a:{number}");
        let record = records(None, FLOWS, &[(RecordType::BIFLOW_TPORT, &id, &[])]);
        hub.message(Timestamp::from_seconds(1_800_000_000), FLOWS, &record);
    }
}

fn is_busy(error: ApiError) -> bool {
    error.into_response().status() == StatusCode::SERVICE_UNAVAILABLE
}

/// Many who ask for the same wait as long as one, not one after the other.
#[tokio::test]
async fn the_last_in_the_queue_waits_no_longer_than_the_first() {
    const TURN: Duration = Duration::from_millis(300);
    let served = served(|limits| (limits.questions, limits.turn) = (1, TURN));
    let (end, worked) = busy(&served).await;
    let asked = Instant::now();
    let ask =
        |served: Arc<Served>| async move { served.network.get(&served, RECENT, |_| Ok(SharedText::new("made".into()))).await };
    let asking: Vec<_> = (0..6).map(|_| tokio::spawn(ask(Arc::clone(&served)))).collect();
    for answer in asking {
        assert!(is_busy(answer.await.unwrap().unwrap_err()));
    }
    let waited = asked.elapsed();
    assert!((TURN..3 * TURN).contains(&waited), "{waited:?}");
    end.send(()).unwrap();
    worked.await.unwrap().unwrap();
    assert!(ask(served).await.is_ok());
}

/// What happens before a watcher sees everything is in what it sees.
#[tokio::test]
async fn a_watcher_is_not_behind_before_it_has_begun() {
    let served = served(|limits| limits.questions = 1);
    let (end, worked) = busy(&served).await;
    let asked = Asked::read(&["connections"], &[("watch".into(), "1".into())]).unwrap();
    let watching = tokio::spawn({
        let served = Arc::clone(&served);
        async move { watch(&served, asked).await }
    });
    tokio::task::yield_now().await;
    much_happens(&served.hub);
    end.send(()).unwrap();
    worked.await.unwrap().unwrap();
    let mut body = watching.await.unwrap().unwrap().into_body().into_data_stream();
    let (mut seen, last) = (String::new(), format!("\"a:{WATCH_BEHIND}\""));
    while !seen.contains(&last) {
        seen += &String::from_utf8_lossy(&body.next().await.unwrap().unwrap());
    }
}

/// Who watches addresses is told of no records, and behind none.
#[tokio::test]
async fn a_watcher_of_addresses_is_behind_nothing() {
    let served = served(|_| ());
    let asked = Asked::read(&["vanaddrs"], &[("watch".into(), "1".into())]).unwrap();
    let mut body = watch(&served, asked).await.unwrap().into_body().into_data_stream();
    much_happens(&served.hub);
    assert_eq!(body.next().await.unwrap().unwrap(), "[]");
}

/// What all pages hold together is there once, and counts once, as long as one of them holds it.
#[tokio::test]
async fn one_text_for_many_counts_once() {
    // An answer as large as all there is room for.
    let served = served(|limits| limits.answers = 1);
    let (page, ()) = Request::new(()).into_parts();
    let mut pages = Vec::new();
    for _ in 0..3 {
        pages.push(network(&served, &page).await.unwrap());
    }
    assert!(is_busy(served.held(1).unwrap_err()), "there is no room beside it");
    pages.truncate(1);
    assert!(is_busy(served.held(1).unwrap_err()), "one holds it still");
    pages.clear();
    drop(served.held(1).unwrap());
    assert!(network(&served, &page).await.is_ok());
}
