//! What is shared, where those who ask wait for each other.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use axum::body::BodyDataStream;
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

/// Connections whose records change: new ones, in this range.
fn tell(served: &Served, numbers: Range<usize>) {
    for number in numbers {
        let record = records(None, FLOWS, &[(RecordType::BIFLOW_TPORT, &format!("a:{number}"), &[])]);
        served.hub.message(Timestamp::from_seconds(1_800_000_000), FLOWS, &record);
    }
}

/// One who watches connections, and has taken as much of the first answer as lies in one piece.
async fn watcher(served: &Arc<Served>) -> BodyDataStream {
    let asked = Asked::read(&["connections"], &[("watch".into(), "1".into())]).unwrap();
    let mut body = watch(served, asked).await.unwrap().into_body().into_data_stream();
    assert!(body.next().await.unwrap().unwrap().starts_with(b"[{"));
    body
}

async fn read_until(body: &mut BodyDataStream, wanted: &str) {
    let mut told = String::new();
    while !told.contains(wanted) {
        told += &String::from_utf8_lossy(&body.next().await.unwrap().unwrap());
    }
}

/// What changes while a watcher does not take its first answer is counted with the answers: its place, and the line that another who
/// watches has made of it.
#[tokio::test]
async fn what_waits_for_a_watcher_is_counted() {
    const ROOM: usize = 4 << 20;
    let served = served(|limits| limits.answers = ROOM);
    // A first answer of several pieces.
    tell(&served, 0..2_000);
    let (mut slow, mut quick) = (watcher(&served).await, watcher(&served).await);
    read_until(&mut quick, "]\n").await;
    let before = served.answers.free();
    assert!(before > ROOM - (200 << 10), "{before}");
    // 3,000 records wait, 256 octets each.
    tell(&served, 2_000..5_000);
    slow.next().await.unwrap().unwrap();
    let places = before - served.answers.free();
    assert!((700_000..800_000).contains(&places), "{places}");
    // The other is told of them. Each line is counted, once.
    read_until(&mut quick, "\"a:4999\"").await;
    drop(quick);
    let with_lines = before - served.answers.free();
    assert!((700_000..800_000).contains(&(with_lines - places)), "{with_lines}");
    assert_eq!(served.hub.http.told.load(Ordering::Relaxed), 3_000);
    // All of it is told in the end, and given back.
    read_until(&mut slow, "\"a:4999\"").await;
    assert_eq!(served.answers.free(), ROOM);
    assert_eq!(served.hub.http.told.load(Ordering::Relaxed), 3_000);
    // Whoever goes takes it along too.
    let mut slow = watcher(&served).await;
    tell(&served, 5_000..8_000);
    slow.next().await.unwrap().unwrap();
    assert!(served.answers.free() < ROOM - 700_000);
    drop(slow);
    assert_eq!(served.answers.free(), ROOM);
}

/// Where nothing is free, what changes waits where it waits for all, and whoever leaves too much there falls behind; others are told.
#[tokio::test]
async fn where_there_is_no_room_a_watcher_falls_behind() {
    let served = served(|limits| limits.answers = 1 << 20);
    tell(&served, 0..2_000);
    let (mut slow, mut quick) = (watcher(&served).await, watcher(&served).await);
    read_until(&mut quick, "]\n").await;
    let all: Vec<_> = std::iter::from_fn(|| served.answers.take(0)).collect();
    tell(&served, 2_000..5_000);
    slow.next().await.unwrap().unwrap();
    assert_eq!(served.answers.free(), 0);
    read_until(&mut quick, "\"a:4999\"").await;
    tell(&served, 5_000..5_000 + WATCH_BEHIND);
    let last = async {
        while let Some(piece) = slow.next().await {
            piece?;
        }
        Ok::<_, axum::Error>(())
    };
    assert!(last.await.is_err(), "it missed something, and sees that it did");
    drop((all, slow, quick));
    assert_eq!(served.answers.free(), 1 << 20);
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
