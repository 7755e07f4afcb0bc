//! Many who ask at once, and some that mean ill: each costs only itself, and others are served.

#[cfg(test)]
mod common;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use serde_json::Value as Json;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpSocket, TcpStream};
    use tokio::task::JoinHandle;
    use tokio::time::{sleep, timeout};
    use van_collector::http::Limits;
    use van_collector::hub::{Clock, Hub};
    use vanflow::collector::Settings;
    use vanflow::message::{beacon, records};
    use vanflow::record::{Attribute, RecordType, Scalar};

    use crate::common::big::{Big, NOW, of};
    use crate::common::{Answer, Server, rest, until};

    const BASE: &str = "mc/sfe.a:0";

    fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
        let mut limits = Limits::default();
        change(&mut limits);
        limits
    }

    /// A hub that one listener was told of, which can be told anew.
    fn small() -> Arc<Hub> {
        let hub = Hub::new(Settings::default(), Clock::Recording, "small", None);
        hub.message(NOW, "mc/sfe.all", &beacon("ROUTER", "a:0", BASE, "sfe.a:0"));
        rename(&hub, "first");
        hub
    }

    fn rename(hub: &Hub, name: &str) {
        let named = [(Attribute::NAME, Scalar::Text(name.into())), (Attribute::ADDRESS, Scalar::Text(name.into()))];
        hub.message(NOW, BASE, &records(None, BASE, &[(RecordType::LISTENER, "a:1", &named)]));
    }

    async fn metric(server: &Server, name: &str) -> u64 {
        let page = server.get("/metrics").await.body;
        let line = page.lines().find(|line| line.split(' ').next() == Some(name)).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Asks until it is answered.
    async fn served_at_last(server: &Server, path: &str) {
        let asking = async {
            while server.get(path).await.status != 200 {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(Duration::from_secs(10), asking).await.expect("there is room again");
    }

    fn is_busy(answer: &Answer) -> bool {
        answer.status == 503 && answer.header("retry-after") == Some("5") && answer.json()["code"] == "ErrBusy"
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn more_connections_than_there_is_room_for_are_told_so() {
        let server = Server::within(small(), limits(|limits| limits.connections = 8)).await;
        let mut open = Vec::new();
        for _ in 0..8 {
            let mut stream = server.open("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
            until(&mut stream, "\"ok\"").await;
            open.push(stream);
        }
        for _ in 0..20 {
            let refused = server.get("/healthz").await;
            assert!(is_busy(&refused), "{refused:?}");
        }
        // Those inside are served on, and whoever goes makes room.
        let mut first = open.remove(0);
        first.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        until(&mut first, "\"ok\"").await;
        drop(first);
        served_at_last(&server, "/healthz").await;
        assert!(metric(&server, "van_collector_http_refused_total").await >= 20);
    }

    /// Heads that never end, in drops or not at all; and requests that nobody can hold.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_head_that_does_not_come_costs_its_connection() {
        let server =
            Server::within(small(), limits(|limits| (limits.connections, limits.head) = (40, Duration::from_millis(500)))).await;
        let begun = Instant::now();
        let mut slow = Vec::new();
        for number in 0..30 {
            let stream = server.open(if number % 2 == 0 { "" } else { "GET /healthz HTTP/1.1\r\nX-A: " }).await;
            slow.push(tokio::spawn(async move {
                let mut stream = stream;
                // A drop now and then does not help.
                while number % 4 == 1 && begun.elapsed() < Duration::from_secs(5) && stream.write_all(b"a").await.is_ok() {
                    sleep(Duration::from_millis(50)).await;
                }
                rest(stream).await
            }));
        }
        assert_eq!(server.get("/healthz").await.status, 200, "others are served meanwhile");
        for slow in slow {
            let answer = slow.await.unwrap();
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
        }
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        let long = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n\r\n", "a".repeat(1 << 20));
        let mut stream = TcpStream::connect(&server.address).await.unwrap();
        let _ = stream.write_all(long.as_bytes()).await;
        let answer = rest(stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
        assert_eq!(server.get("/healthz").await.status, 200);
    }

    /// What waits to be taken is bounded also where there are many who wait.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn answers_that_wait_are_counted() {
        let server = Server::within(
            of(Big { sites: 6, processes: 200, services: 10, connections: 10_000 }),
            limits(|limits| (limits.answers, limits.stall) = (1 << 20, Duration::from_secs(1))),
        )
        .await;
        let mut stalled = Vec::new();
        for _ in 0..30 {
            stalled.push(server.open("GET /api/v2alpha1/connections HTTP/1.1\r\nHost: localhost\r\n\r\n").await);
        }
        sleep(Duration::from_millis(500)).await;
        assert!(is_busy(&server.get("/api/v2alpha1/connections").await));
        assert_eq!(server.get("/healthz").await.status, 200);
        // They are cut, and there is room again.
        served_at_last(&server, "/api/v2alpha1/connections").await;
    }

    const CONNECTIONS: &str = "/api/v2alpha1/connections";

    /// A reader for whom little is held on the way, and who takes up to 16 KiB now and then: how many octets came, in which time.
    async fn trickle(server: &Server, now_and_then: Duration) -> JoinHandle<(usize, Duration)> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(8 << 10).unwrap();
        let mut stream = socket.connect(server.address.parse().unwrap()).await.unwrap();
        let begun = Instant::now();
        let request = format!("GET {CONNECTIONS} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        tokio::spawn(async move {
            let (mut all, mut taken) = (0, vec![0; 16 << 10]);
            loop {
                match stream.read(&mut taken).await {
                    Ok(0) | Err(_) => return (all, begun.elapsed()),
                    Ok(octets) => all += octets,
                }
                sleep(now_and_then).await;
            }
        })
    }

    /// Pauses are longer than what lies on the way lasts those who take it in drops: only the rate tells them from others.
    const PAUSE: Duration = Duration::from_secs(5);
    const DROPS: Duration = Duration::from_millis(200);

    /// Whoever takes an answer in drops, and so never takes nothing, does not keep its room; whoever is not so slow has all of it.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn readers_in_drops_are_cut_off() {
        let hub = of(Big { sites: 6, processes: 200, services: 10, connections: 10_000 });
        let strict = limits(|limits| (limits.answers, limits.stall, limits.rate) = (500 << 10, PAUSE, 256 << 10));
        let server = Server::within(Arc::clone(&hub), strict).await;
        let size = server.get(CONNECTIONS).await.body.len();
        assert!(size > 7 << 20, "{size}");
        // Two of them hold all the room that there is for answers.
        let mut drops = Vec::new();
        for _ in 0..2 {
            drops.push(trickle(&server, DROPS).await);
        }
        sleep(Duration::from_millis(500)).await;
        assert!(is_busy(&server.get(CONNECTIONS).await));
        for reader in drops {
            let (taken, lasted) = timeout(Duration::from_secs(20), reader).await.expect("it ends").unwrap();
            eprintln!("{taken} of {size} octets in {lasted:?}");
            assert!(taken < size / 2 && lasted > PAUSE, "{taken} of {size} octets in {lasted:?}");
        }
        assert_eq!(metric(&server, "van_collector_http_cut_total").await, 2);
        // There is room again; and who takes more gets all of it, though it lasts longer than any pause may.
        let (taken, lasted) = trickle(&server, DROPS / 20).await.await.unwrap();
        eprintln!("{taken} of {size} octets in {lasted:?}");
        assert!(taken > size && lasted > PAUSE, "{taken} of {size} octets in {lasted:?}");
        assert_eq!(metric(&server, "van_collector_http_cut_total").await, 2);
    }

    /// The same drops are enough where only pauses count.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn drops_are_enough_where_no_rate_is_asked() {
        let hub = of(Big { sites: 6, processes: 200, services: 10, connections: 10_000 });
        let server = Server::within(hub, limits(|limits| (limits.stall, limits.rate) = (PAUSE, 0))).await;
        let reader = trickle(&server, DROPS).await;
        sleep(3 * PAUSE).await;
        assert!(!reader.is_finished());
        assert_eq!(metric(&server, "van_collector_http_cut_total").await, 0);
        reader.abort();
    }

    /// Limits of nothing and of everything: both are limits, and none is an error.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_least_and_the_most_are_limits() {
        let hub = of(Big { sites: 6, processes: 200, services: 10, connections: 10_000 });
        let all = limits(|limits| {
            (limits.connections, limits.watchers, limits.questions, limits.answers) =
                (usize::MAX, usize::MAX, usize::MAX, usize::MAX);
            (limits.turn, limits.stall) = (Duration::MAX, Duration::MAX);
        });
        let server = Server::within(Arc::clone(&hub), all).await;
        assert_eq!(server.get("/api/v2alpha1/connections").await.status, 200);
        let none = limits(|limits| (limits.watchers, limits.questions, limits.answers) = (0, 0, 0));
        let server = Server::within(hub, none).await;
        let request = "GET /api/v2alpha1/connections HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let mut first = server.open(request).await;
        assert!(until(&mut first, "\r\n\r\n").await.starts_with("HTTP/1.1 200"));
        // It is not taken: there is no room for a second.
        assert!(is_busy(&server.get("/api/v2alpha1/connections").await));
        drop(first);
        served_at_last(&server, "/api/v2alpha1/connections").await;
    }

    /// What goes while an answer is on its way is left out, and the counts say so.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn rows_that_go_meanwhile_are_left_out() {
        let mut settings = Settings::default();
        settings.flows = 20_000;
        let hub = Hub::new(settings, Clock::Recording, "full", None);
        let flows = format!("{BASE}.flows");
        let tell = |first: u32| {
            for number in first..first + 20_000 {
                let id = format!("a:{number}");
                hub.message(NOW, &flows, &records(None, &flows, &[(RecordType::BIFLOW_TPORT, &id, &[])]));
            }
        };
        tell(0);
        let server = Server::of(Arc::clone(&hub)).await;
        let mut stream = server.open("GET /api/v2alpha1/connections?timeRangeStart=0 HTTP/1.0\r\n\r\n").await;
        let begun = until(&mut stream, "\"results\":[").await;
        sleep(Duration::from_millis(500)).await;
        // All that was held goes for others, while the answer waits to be taken.
        tell(20_000);
        let whole = begun + &rest(stream).await;
        let answer: Json = serde_json::from_str(whole.split_once("\r\n\r\n").unwrap().1).unwrap();
        let rows = answer["results"].as_array().unwrap();
        assert_eq!((answer["count"].as_u64(), answer["timeRangeCount"].as_u64()), (u64::try_from(rows.len()).ok(), Some(20_000)));
        assert!((1..20_000).contains(&rows.len()), "{}", rows.len());
        let numbers = rows.iter().map(|row| row["identity"].as_str().unwrap()[2..].parse::<u32>().unwrap());
        assert!(numbers.max().unwrap() < 20_000, "and none that came later is among them");
    }

    /// What ends while an answer is on its way is no row of those that live, unless it was written before; what ended is asked for by name.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn rows_that_end_meanwhile_are_left_out_of_those_that_live() {
        let hub = Hub::new(Settings::default(), Clock::Recording, "ending", None);
        let flows = format!("{BASE}.flows");
        let tell = |said: (Attribute, Scalar<'_>)| {
            for number in 0..20_000 {
                let id = format!("a:{number}");
                hub.message(NOW, &flows, &records(None, &flows, &[(RecordType::BIFLOW_TPORT, &id, &[said])]));
            }
        };
        // All of them are more than a connection holds.
        tell((Attribute::TRACE, Scalar::Text((&*"x".repeat(300)).into())));
        let server = Server::of(Arc::clone(&hub)).await;
        let mut answers = Vec::new();
        for parameters in ["", "?includeDeleted=1"] {
            let mut stream = server.open(&format!("GET /api/v1alpha1/connections{parameters} HTTP/1.0\r\n\r\n")).await;
            answers.push((until(&mut stream, "[").await, stream));
        }
        sleep(Duration::from_millis(500)).await;
        tell((Attribute::END_TIME, Scalar::Number(1_800_000_000_000_000)));
        let mut counts = Vec::new();
        for (begun, stream) in answers {
            let whole = begun + &rest(stream).await;
            let rows: Json = serde_json::from_str(whole.split_once("\r\n\r\n").unwrap().1).unwrap();
            let rows = rows.as_array().unwrap();
            counts.push((rows.len(), rows.iter().filter(|row| row.get("endTime").is_some()).count()));
        }
        let [(live, ended), (all, of_all_ended)] = counts[..] else { panic!("{counts:?}") };
        assert!((1..20_000).contains(&live) && ended == 0, "{counts:?}");
        assert!(all == 20_000 && of_all_ended > 0, "{counts:?}");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn only_so_many_watch() {
        let server = Server::within(small(), limits(|limits| limits.watchers = 3)).await;
        let mut watching = Vec::new();
        for _ in 0..3 {
            let mut stream = server.open("GET /api/v1alpha1/listeners?watch=1 HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
            until(&mut stream, "first").await;
            watching.push(stream);
        }
        let refused = server.get("/api/v1alpha1/listeners?watch=1").await;
        assert!(is_busy(&refused) && refused.body.contains("3 watch already"), "{refused:?}");
        assert_eq!(server.get("/api/v1alpha1/listeners").await.status, 200);
        watching.pop();
        let again = async {
            loop {
                let mut stream = server.open("GET /api/v1alpha1/listeners?watch=1 HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
                if until(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 200") {
                    break;
                }
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(Duration::from_secs(10), again).await.expect("whoever goes makes room");
    }

    /// Whoever watches and takes nothing is cut off, and sees it; others are told all.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_watcher_that_takes_nothing_is_let_go() {
        let hub = small();
        let server = Server::within(Arc::clone(&hub), limits(|limits| limits.stall = Duration::from_secs(1))).await;
        let request = "GET /api/v1alpha1/connections?watch=1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let (mut stalled, mut reader) = (server.open(request).await, server.open(request).await);
        until(&mut stalled, "[]").await;
        until(&mut reader, "[]").await;
        let (mut told, flows) = (String::new(), format!("{BASE}.flows"));
        let long = "x".repeat(300);
        // The one is read as it comes, the other is not: all of it is more than a connection holds.
        for number in 1_000..61_000_u32 {
            let id = format!("a:{number}");
            let named = [(Attribute::TRACE, Scalar::Text((&*long).into()))];
            hub.message(NOW, &flows, &records(None, &flows, &[(RecordType::BIFLOW_TPORT, &id, &named)]));
            if number % 1_000 == 999 {
                told += &until(&mut reader, &format!("\"{id}\"")).await;
            }
        }
        assert_eq!(told.matches("\"identity\"").count(), 60_000);
        let cut = rest(stalled).await;
        assert!(!cut.ends_with("\r\n0\r\n\r\n"), "cut off in the middle");
        assert!(cut.matches("\"identity\"").count() < 60_000);
    }

    /// One that is slower than what happens is told that it missed something, by a body that does not end well.
    #[tokio::test]
    async fn a_watcher_that_falls_behind_is_cut_off() {
        let hub = small();
        let server = Server::within(Arc::clone(&hub), Limits::default()).await;
        let mut stream = server.open("GET /api/v1alpha1/connections?watch=1 HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        until(&mut stream, "[]").await;
        let flows = format!("{BASE}.flows");
        // On one thread: nobody is told anything before all of it has happened.
        for number in 1_000..6_000_u32 {
            let id = format!("a:{number}");
            hub.message(NOW, &flows, &records(None, &flows, &[(RecordType::BIFLOW_TPORT, &id, &[])]));
        }
        assert!(!rest(stream).await.ends_with("\r\n0\r\n\r\n"));
        assert_eq!(server.get("/healthz").await.status, 200);
    }

    /// A hundred pages and a hundred who watch cost about what one does.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_many_ask_for_is_made_once() {
        let hub = small();
        let server = Server::within(Arc::clone(&hub), limits(|limits| limits.watchers = 200)).await;
        let mut watching = Vec::new();
        for _ in 0..100 {
            let mut stream = server.open("GET /api/v1alpha1/listeners?watch=1 HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
            until(&mut stream, "first").await;
            watching.push(stream);
            let mut stream = server.open("GET /api/v1alpha1/vanaddrs?watch=1 HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
            until(&mut stream, "first").await;
            watching.push(stream);
        }
        sleep(Duration::from_secs(1)).await;
        let before = metric(&server, "van_collector_http_questions_total").await;
        let ask = || {
            let server = server.clone();
            tokio::spawn(async move { server.get("/page/network").await })
        };
        rename(&hub, "second");
        let asked: Vec<_> = (0..100).map(|_| ask()).collect();
        for answer in asked {
            assert!(answer.await.unwrap().body.contains("second"));
        }
        for stream in &mut watching {
            until(stream, "second").await;
        }
        let questions = metric(&server, "van_collector_http_questions_total").await - before;
        eprintln!("{questions} questions were worked on for 100 pages, 200 who watch, and this one");
        assert!(questions <= 8, "{questions}");
        assert_eq!(metric(&server, "van_collector_http_told_total").await, 1, "one change, written once for a hundred");
        // A page that has seen it is told so, and one that has not gets it.
        let tag = server.get("/page/network").await.header("etag").unwrap().to_owned();
        assert_eq!(server.ask("GET", "/page/network", &format!("If-None-Match: {tag}\r\n")).await.status, 304);
        rename(&hub, "third");
        sleep(Duration::from_millis(600)).await;
        let answer = server.ask("GET", "/page/network", &format!("If-None-Match: {tag}\r\n")).await;
        assert!(answer.status == 200 && answer.body.contains("third"), "{answer:?}");
    }

    /// Before the router has said anything, the page knows that it is there.
    #[tokio::test]
    async fn a_connection_is_news() {
        let hub = Hub::new(Settings::default(), Clock::Live, "router", None);
        let server = Server::of(Arc::clone(&hub)).await;
        let before = server.get("/page/network").await;
        assert_eq!(before.json()["feed"]["state"], "connecting", "{}", before.body);
        hub.connected(hub.now());
        // Older ones are not given any more.
        sleep(Duration::from_millis(600)).await;
        let seen = format!("If-None-Match: {}\r\n", before.header("etag").unwrap());
        let answer = server.ask("GET", "/page/network", &seen).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["feed"]["state"], "connected", "{}", answer.body);
    }
}
