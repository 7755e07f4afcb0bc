//! `/api/v1alpha1` as the prototype had it, `/metrics`, `/healthz`, and the page's files.

#[cfg(test)]
mod common;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use flowcodec::Timestamp;
    use serde_json::Value as Json;
    use tokio::io::AsyncReadExt as _;
    use van_collector::hub::{Clock, Hub};
    use vanflow::collector::Settings;
    use vanflow::message::{beacon, records};
    use vanflow::record::{Attribute, RecordType, Scalar};

    use crate::common::{Server, corpus, encoded, played, state, v2_main};

    async fn server() -> Server {
        Server::of(played(&v2_main()).await).await
    }

    async fn array(server: &Server, path: &str) -> Vec<Json> {
        let answer = server.get(&format!("/api/v1alpha1/{path}")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json().as_array().unwrap().clone()
    }

    #[tokio::test]
    async fn records_by_type() {
        let (server, state) = (server().await, state());
        for (path, of) in [
            ("sites", "SITE"),
            ("routers", "ROUTER"),
            ("links", "LINK"),
            ("controllers", "CONTROLLER"),
            ("listeners", "LISTENER"),
            ("connectors", "CONNECTOR"),
            ("processes", "PROCESS"),
            ("images", "IMAGE"),
            ("ingresses", "INGRESS"),
            ("egresses", "EGRESS"),
            ("collectors", "COLLECTOR"),
            ("processgroups", "PROCESS_GROUP"),
            ("hosts", "HOST"),
            ("logs", "LOG"),
            ("routeraccess", "ROUTER_ACCESS"),
            ("connections", "BIFLOW_TPORT"),
            ("requests", "BIFLOW_APP"),
        ] {
            let wanted: Vec<_> = state["records"].as_object().unwrap().values().filter(|record| record["type"] == of).collect();
            let all = array(&server, &format!("{path}?includeDeleted=1")).await;
            assert_eq!(all.len(), wanted.len(), "{path}");
            assert!(all.iter().all(|object| object["recordType"] == of));
            let live = array(&server, path).await;
            assert_eq!(live.len(), wanted.iter().filter(|record| record["ended"] == false).count(), "{path}");
            assert!(live.iter().all(|object| object.get("endTime").is_none()));
            assert_eq!(array(&server, &format!("{path}?includeDeleted=0")).await, live);
        }
        let echo = &array(&server, &format!("record?id={}", encoded("w3st0:2"))).await[0];
        assert_eq!(
            (&echo["vanAddress"], &echo["recordType"], &echo["flowCountL4"]),
            (&"echo:9090".into(), &"LISTENER".into(), &21.into())
        );
        let two = array(&server, "record?id=proc-echo&id=proc-idle").await;
        assert_eq!(two.len(), 1, "one of them ended");
        let two = array(&server, "record?id=proc-echo&id=proc-idle&includeDeleted=true").await;
        assert_eq!((two.len(), two[1]["duration"].as_u64()), (2, Some(15_193_397)));
    }

    #[tokio::test]
    async fn topology_addresses_and_flows() {
        let server = server().await;
        let types: Vec<_> = array(&server, "topology").await.iter().map(|object| object["recordType"].to_string()).collect();
        assert_eq!(types, ["\"ROUTER\"", "\"ROUTER\"", "\"LINK\""]);
        let addresses = array(&server, "vanaddrs").await;
        let counts: Vec<_> = addresses
            .iter()
            .map(|address| (address["name"].as_str().unwrap(), address["totalFlows"].as_u64().unwrap()))
            .collect();
        assert_eq!(counts, [("echo:9090", 21), ("local:1", 4), ("refused:1", 5), ("web:8080", 12)]);
        assert_eq!(array(&server, "addresses").await, addresses, "as the published prototype calls it");
        let types = |objects: &[Json]| -> Vec<String> {
            objects.iter().map(|object| object["recordType"].as_str().unwrap().to_owned()).collect()
        };
        let live = array(&server, "flows?vanaddr=web:8080").await;
        assert_eq!(types(&live), ["VAN_ADDRESS", "LISTENER", "CONNECTOR"]);
        let all = array(&server, "flows?vanaddr=web:8080&includeDeleted=1").await;
        let counted = |of: &str| types(&all).iter().filter(|other| *other == of).count();
        assert_eq!((counted("BIFLOW_TPORT"), counted("BIFLOW_APP")), (12, 64), "the one request without a connection is nowhere");
        let first = types(&all).iter().position(|of| of == "BIFLOW_APP").unwrap();
        assert_eq!(all[first]["parent"], all[first - 1]["identity"], "depth first");
    }

    #[tokio::test]
    async fn of_v1_links_the_incoming_ones() {
        let Some(file) = corpus("v1-main") else { return };
        let server = Server::of(played(&file).await).await;
        let topology = array(&server, "topology?includeDeleted=1").await;
        let links: Vec<_> = topology.iter().filter(|object| object["recordType"] == "LINK").collect();
        assert!(links.len() == 1 && links[0]["direction"] == "incoming", "{links:?}");
    }

    #[tokio::test]
    async fn what_is_not_understood_is_refused() {
        let server = server().await;
        for (path, status, code, wanted) in [
            ("flows", 400, "ErrBadRequest", "vanaddr=ADDRESS"),
            ("record", 400, "ErrBadRequest", "id=IDENTITY"),
            ("record?id=nobody", 404, "ErrResourceNotFound", "'nobody'"),
            ("routers?watch=yes", 400, "ErrBadRequest", "neither 1 nor 0"),
            ("routers?includeDeleted=2", 400, "ErrBadRequest", "neither 1 nor 0"),
            ("flows?vanaddr=nobody", 404, "ErrResourceNotFound", "not found"),
            ("flows?vanaddr=a&vanaddr=b", 400, "ErrBadRequest", "twice"),
            ("routers?vanaddr=x", 400, "ErrBadRequest", "no parameter"),
            ("topology?limit=1", 400, "ErrBadRequest", "no parameter"),
            ("nonsense", 404, "ErrResourceNotFound", "nonsense"),
            ("routers/x", 404, "ErrResourceNotFound", "paths"),
        ] {
            let message = server.refused(&format!("/api/v1alpha1/{path}"), status, code).await;
            assert!(message.contains(wanted), "{path}: {message}");
        }
    }

    /// A response that stays open, read until something stands in it.
    struct Stream {
        stream: tokio::net::TcpStream,
        read: String,
    }

    impl Stream {
        async fn until(&mut self, wanted: &str) -> &str {
            let reading = async {
                while !self.read.contains(wanted) {
                    let mut octets = [0; 4096];
                    let length = self.stream.read(&mut octets).await.unwrap();
                    assert_ne!(length, 0, "it was closed: {}", self.read);
                    self.read.push_str(&String::from_utf8_lossy(&octets[..length]));
                }
            };
            tokio::time::timeout(Duration::from_secs(10), reading).await.unwrap();
            &self.read
        }
    }

    #[tokio::test]
    async fn watchers_are_told() {
        let hub = Hub::new(Settings::default(), Clock::Live, "test", None);
        let server = Server::of(hub.clone()).await;
        let now = Timestamp::from_seconds(1_800_000_000);
        hub.message(now, "mc/sfe.all", &beacon("ROUTER", "a:0", "mc/sfe.a:0", "sfe.a:0"));
        let mut listeners = Vec::new();
        for path in ["listeners?watch=1", "routers?watch=1", "vanaddrs?watch=1", "flows?vanaddr=shop&watch=1", "topology?watch=1"]
        {
            let stream = server.open(&format!("GET /api/v1alpha1/{path} HTTP/1.0\r\n\r\n")).await;
            listeners.push(Stream { stream, read: String::new() });
        }
        for stream in &mut listeners {
            stream.until("[]\n").await;
        }
        let text = |text: &'static str| Scalar::Text(text.into());
        let listener = [(Attribute::PARENT, text("a:0")), (Attribute::ADDRESS, text("shop")), (Attribute::PROTOCOL, text("tcp"))];
        let router = [(Attribute::NAME, text("0/one"))];
        let flow = [(Attribute::PARENT, text("a:1")), (Attribute::SOURCE_HOST, text("10.0.0.1"))];
        hub.message(
            now,
            "mc/sfe.a:0",
            &records(None, "mc/sfe.a:0", &[(RecordType::LISTENER, "a:1", &listener), (RecordType::ROUTER, "a:0", &router)]),
        );
        hub.message(now, "mc/sfe.a:0.flows", &records(None, "mc/sfe.a:0.flows", &[(RecordType::BIFLOW_TPORT, "a:2", &flow)]));
        assert!(!listeners[0].until("\"a:1\"").await.contains("ROUTER"));
        assert!(!listeners[1].until("0/one").await.contains("LISTENER"));
        assert!(listeners[2].until("\"totalFlows\":1").await.contains("\"name\":\"shop\""));
        listeners[3].until("\"10.0.0.1\"").await;
        assert!(!listeners[4].until("0/one").await.contains("LISTENER"));
        let again = [(Attribute::NAME, text("0/renamed"))];
        hub.message(now, "mc/sfe.a:0", &records(None, "mc/sfe.a:0", &[(RecordType::ROUTER, "a:0", &again)]));
        listeners[1].until("0/renamed").await;
        // Each object stands for itself: what was first an array is followed by objects, a line each.
        let lines: Vec<Json> =
            listeners[1].read.split("\r\n\r\n").nth(1).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines[0].is_array() && lines[1..].iter().all(|line| line["identity"] == "a:0"), "{lines:?}");
    }

    #[tokio::test]
    async fn metrics_agree_with_the_recording() {
        let (server, state) = (server().await, state());
        let answer = server.get("/metrics").await;
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        let sum = |name: &str| -> u64 {
            let lines = answer.body.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
            lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
        };
        let records = state["records"].as_object().unwrap().values();
        let of = |code: &str| -> u64 {
            records
                .clone()
                .filter(|record| record["type"] == "BIFLOW_TPORT")
                .filter_map(|record| record["attrs"][code].as_u64())
                .sum()
        };
        assert_eq!((sum("skupper_connections_opened_total"), sum("skupper_connections_closed_total")), (42, 42));
        assert_eq!((sum("skupper_sent_bytes_total"), sum("skupper_received_bytes_total")), (of("23"), of("58")));
        assert_eq!(sum("skupper_requests_total"), 65);
        assert_eq!((sum("skupper_site_info"), sum("skupper_routers_total"), sum("skupper_site_links_total")), (2, 2, 1));
        assert_eq!((sum("van_collector_messages_total"), sum("van_collector_updates_total")), (157, 338));
        assert!(answer.body.contains("van_collector_added_latency_seconds_bucket{le=\"0.000000\"} 8\n"), "eight are below zero");
        // One name, one kind; each line a name, labels, a number.
        let mut kinds: Vec<_> = answer
            .body
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .map(|line| line.split(' ').next().unwrap())
            .collect();
        let count = kinds.len();
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds.len(), count);
    }

    /// Sum of a metric's lines that have all these labels.
    fn sum(page: &str, name: &str, labels: &[&str]) -> u64 {
        let lines = page.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
        let lines = lines.filter(|line| labels.iter().all(|label| line.contains(label)));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    /// Nothing of a v1 pair is counted for each of its sides, and nothing of a half that found no other is left out.
    #[tokio::test]
    async fn metrics_of_pairs_agree_with_the_rows() {
        for (recording, requests) in [("v1-main", 48), ("v1-legacy", 44)] {
            let Some(file) = corpus(recording) else { return };
            let server = Server::of(played(&file).await).await;
            let page = server.get("/metrics").await.body;
            let rows = server.list("/api/v2alpha1/applicationflows").await;
            let over = rows.iter().filter(|row| row["endTime"] != 0).count();
            assert_eq!((sum(&page, "skupper_requests_total", &[]), over), (requests, usize::try_from(requests).unwrap()));
            let rows = server.list("/api/v2alpha1/connections").await;
            assert_eq!(sum(&page, "skupper_connections_opened_total", &[]), u64::try_from(rows.len()).unwrap(), "{recording}");
            let services: std::collections::BTreeSet<_> =
                rows.iter().map(|row| row["routingKey"].as_str().unwrap_or("")).collect();
            for service in services {
                let of = |field: &str| -> u64 {
                    let rows = rows.iter().filter(|row| row["routingKey"].as_str().unwrap_or("") == service);
                    rows.filter_map(|row| row[field].as_u64()).sum()
                };
                let label = format!("routing_key=\"{service}\"");
                let told =
                    (sum(&page, "skupper_sent_bytes_total", &[&label]), sum(&page, "skupper_received_bytes_total", &[&label]));
                assert_eq!(told, (of("octetCount"), of("octetReverseCount")), "{recording}: {service}");
            }
        }
    }

    const BASE: &str = "mc/sfe.a:0";

    fn send(hub: &Hub, seconds: u64, of: RecordType, identity: &str, attributes: &[(Attribute, Scalar<'_>)]) {
        let to = if of == RecordType::BIFLOW_TPORT { format!("{BASE}.flows") } else { BASE.to_owned() };
        hub.message(Timestamp::from_seconds(seconds), &to, &records(None, &to, &[(of, identity, attributes)]));
    }

    fn word(word: &str) -> Scalar<'_> {
        Scalar::Text(word.into())
    }

    const START: (Attribute, Scalar<'_>) = (Attribute::START_TIME, Scalar::Number(1_000_000));

    /// A router, its site, a listener and a connector; their records come at this time.
    fn describe(hub: &Hub, seconds: u64) {
        hub.message(Timestamp::from_seconds(seconds), "mc/sfe.all", &beacon("ROUTER", "a:0", BASE, "sfe.a:0"));
        send(hub, seconds, RecordType::SITE, "site", &[START, (Attribute::NAME, word("west"))]);
        send(hub, seconds, RecordType::ROUTER, "a:0", &[START, (Attribute::PARENT, word("site"))]);
        for (of, id) in [(RecordType::LISTENER, "a:1"), (RecordType::CONNECTOR, "a:2")] {
            let host = (Attribute::DEST_HOST, word("10.0.0.2"));
            send(hub, seconds, of, id, &[START, (Attribute::PARENT, word("a:0")), (Attribute::ADDRESS, word("web")), host]);
        }
    }

    fn connect(hub: &Hub, seconds: u64, octets: u64, end: Option<u64>) {
        let mut attributes = vec![
            START,
            (Attribute::PARENT, word("a:1")),
            (Attribute::CONNECTOR, word("a:2")),
            (Attribute::SOURCE_HOST, word("10.0.0.1")),
            (Attribute::OCTETS, Scalar::Number(octets)),
        ];
        attributes.extend(end.map(|end| (Attribute::END_TIME, Scalar::Number(end))));
        send(hub, seconds, RecordType::BIFLOW_TPORT, "a:3", &attributes);
    }

    /// What ended is held back until its client is described.
    #[tokio::test]
    async fn metrics_wait_for_who_it_was() {
        let hub = Hub::new(Settings::default(), Clock::Recording, "test", None);
        let server = Server::of(std::sync::Arc::clone(&hub)).await;
        let opened = async |labels: &[&str]| {
            let page = server.get("/metrics").await.body;
            (sum(&page, "skupper_connections_opened_total", &[]), sum(&page, "skupper_connections_closed_total", labels))
        };
        describe(&hub, 10);
        connect(&hub, 11, 5, Some(2_000_000));
        assert_eq!(opened(&[]).await, (0, 0));
        let parts =
            [(Attribute::NAME, word("shop-1")), (Attribute::GROUP, word("shop")), (Attribute::SOURCE_HOST, word("10.0.0.1"))];
        send(&hub, 20, RecordType::PROCESS, "p", &[&[START, (Attribute::PARENT, word("site"))], &parts[..]].concat());
        hub.tick(Timestamp::from_seconds(31));
        let shop = ["source_process_name=\"shop-1\"", "source_component_name=\"shop\"", "dest_process_name=\"10.0.0.2\""];
        assert_eq!(opened(&shop).await, (1, 1));
    }

    /// A connection that went on while its source was silent is one connection.
    #[tokio::test]
    async fn metrics_count_once_what_returned() {
        let hub = Hub::new(Settings::default(), Clock::Recording, "test", None);
        let server = Server::of(std::sync::Arc::clone(&hub)).await;
        let sums = async || {
            let page = server.get("/metrics").await.body;
            ["opened", "closed"]
                .map(|what| sum(&page, &format!("skupper_connections_{what}_total"), &[]))
                .into_iter()
                .chain([sum(&page, "skupper_sent_bytes_total", &[])])
                .collect::<Vec<_>>()
        };
        describe(&hub, 10);
        connect(&hub, 11, 500, None);
        hub.tick(Timestamp::from_seconds(32));
        assert_eq!(sums().await, [1, 0, 500]);
        hub.tick(Timestamp::from_seconds(60));
        assert_eq!(sums().await, [1, 1, 500], "its source is silent");
        describe(&hub, 70);
        connect(&hub, 71, 700, None);
        hub.tick(Timestamp::from_seconds(95));
        assert_eq!(sums().await, [1, 1, 700]);
        connect(&hub, 96, 900, Some(3_000_000));
        hub.tick(Timestamp::from_seconds(120));
        assert_eq!(sums().await, [1, 1, 900]);
    }

    /// Changes that came faster than they were looked at cost nothing but a look at all.
    #[tokio::test]
    async fn metrics_are_whole_when_changes_were_lost() {
        let mut settings = Settings::default();
        settings.changes = 2;
        let hub = Hub::new(settings, Clock::Recording, "test", None);
        let server = Server::of(std::sync::Arc::clone(&hub)).await;
        describe(&hub, 10);
        let attributes = [START, (Attribute::PARENT, word("a:1")), (Attribute::OCTETS, Scalar::Number(7))];
        let to = format!("{BASE}.flows");
        let ids: Vec<String> = (10..20).map(|id| format!("a:{id}")).collect();
        let flows: Vec<vanflow::message::RecordSpec<'_>> =
            ids.iter().map(|id| (RecordType::BIFLOW_TPORT, &**id, &attributes[..])).collect();
        hub.message(Timestamp::from_seconds(11), &to, &records(None, &to, &flows));
        hub.tick(Timestamp::from_seconds(32));
        let page = server.get("/metrics").await.body;
        let of = |name: &str| sum(&page, name, &[]);
        assert_eq!((of("skupper_connections_opened_total"), of("skupper_sent_bytes_total")), (10, 70));
        assert_eq!(of("van_collector_lost_changes_total"), 8);
    }

    #[tokio::test]
    async fn health_page_and_what_is_not_there() {
        let server = server().await;
        let health = server.get("/healthz").await.json();
        assert_eq!((&health["status"], &health["feed"], &health["sources"]), (&"ok".into(), &"played".into(), &3.into()));
        for (path, kind) in [
            ("/", "text/html; charset=utf-8"),
            ("/page.css", "text/css; charset=utf-8"),
            ("/page/main.js", "text/javascript; charset=utf-8"),
        ] {
            let answer = server.get(path).await;
            assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{path}");
            assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            assert!(!answer.body.contains("://"), "{path} asks nobody else");
        }
        let network = server.get("/page/network").await;
        let tag = network.header("etag").unwrap().to_owned();
        let again = server.ask("GET", "/page/network", &format!("If-None-Match: {tag}\r\n")).await;
        assert_eq!((again.status, &*again.body), (304, ""));
        let network = network.json();
        let flows = network["flows"].as_array().unwrap();
        let sum = |of: &str| flows.iter().map(|flow| flow[of].as_u64().unwrap()).sum::<u64>();
        assert_eq!((sum("connections"), sum("failed"), sum("requests")), (42, 5, 64));
        assert_eq!((&network["counts"]["connections"], &network["counts"]["requests"]), (&42.into(), &65.into()));
        server.refused("/nothing", 404, "ErrResourceNotFound").await;
        server.refused("/page/nothing", 404, "ErrResourceNotFound").await;
    }
}
