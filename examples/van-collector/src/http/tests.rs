//! What is shared, where those who ask wait for each other.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use tokio::task::JoinHandle;
use vanflow::collector::Settings;

use super::limits::{Limits, Served};
use super::shared::RECENT;
use crate::error::ApiError;
use crate::hub::{Clock, Hub};

fn served(change: impl FnOnce(&mut Limits)) -> Arc<Served> {
    let mut limits = Limits::default();
    change(&mut limits);
    Arc::new(Served::new(Hub::new(Settings::default(), Clock::Recording, "test", None), limits))
}

/// A question that is worked on until it is told to end.
async fn busy(served: &Arc<Served>) -> (Sender<()>, JoinHandle<Result<(), ApiError>>) {
    let ((end, ended), (begin, begun), served) = (channel(), tokio::sync::oneshot::channel(), Arc::clone(served));
    let worked = tokio::spawn(async move {
        let wait = move |_: &Hub| {
            let _ = begin.send(());
            let _ = ended.recv();
            Ok(())
        };
        served.work(wait).await
    });
    begun.await.unwrap();
    (end, worked)
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
    let ask = |served: Arc<Served>| async move { served.network.get(&served, RECENT, |_| Ok("made".into())).await };
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
