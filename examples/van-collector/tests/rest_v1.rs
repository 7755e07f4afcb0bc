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
