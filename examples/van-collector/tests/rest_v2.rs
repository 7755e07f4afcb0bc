//! Every collection and every parameter of `/api/v2alpha1`, over a recording of two real routers, against its independent final state.

#[cfg(test)]
mod common;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value as Json;

    use crate::common::{Server, corpus, encoded, played, state, v2_main};

    const COLLECTIONS: [&str; 14] = [
        "sites",
        "routers",
        "routerlinks",
        "routeraccess",
        "listeners",
        "connectors",
        "processes",
        "components",
        "services",
        "sitepairs",
        "componentpairs",
        "processpairs",
        "connections",
        "applicationflows",
    ];

    async fn server() -> Server {
        Server::of(played(&v2_main()).await).await
    }

    fn identity(row: &Json) -> &str {
        row["identity"].as_str().unwrap()
    }

    fn identities(rows: &[Json]) -> BTreeSet<&str> {
        rows.iter().map(identity).collect()
    }

    fn of_type<'a>(state: &'a Json, of: &str) -> BTreeSet<&'a str> {
        let records = state["records"].as_object().unwrap();
        records.iter().filter(|(_, record)| record["type"] == of).map(|(id, _)| &**id).collect()
    }

    #[tokio::test]
    async fn collections_hold_what_the_recording_says() {
        let (server, state) = (server().await, state());
        for (collection, of) in [
            ("sites", "SITE"),
            ("routers", "ROUTER"),
            ("routerlinks", "LINK"),
            ("routeraccess", "ROUTER_ACCESS"),
            ("listeners", "LISTENER"),
            ("connectors", "CONNECTOR"),
            ("connections", "BIFLOW_TPORT"),
            ("applicationflows", "BIFLOW_APP"),
        ] {
            let rows = server.list(&format!("/api/v2alpha1/{collection}")).await;
            assert_eq!(identities(&rows), of_type(&state, of), "{collection}");
            for row in &rows {
                let record = &state["records"][identity(row)];
                let attrs = &record["attrs"];
                // Whatever the table calls it: code of the wire, and whether every record has it.
                for (field, code) in [
                    ("startTime", "3"),
                    ("name", "30"),
                    ("namespace", "12"),
                    ("location", "9"),
                    ("mode", "13"),
                    ("hostName", "22"),
                    ("imageName", "20"),
                    ("imageVersion", "21"),
                    ("cost", "33"),
                    ("destPort", "18"),
                    ("routingKey", "19"),
                    ("linkCount", "52"),
                    ("octetCount", "23"),
                    ("octetReverseCount", "58"),
                    ("latency", "24"),
                    ("latencyReverse", "61"),
                    ("proxyHost", "62"),
                    ("proxyPort", "63"),
                    ("listenerError", "64"),
                    ("connectorError", "65"),
                    ("sourcePort", "17"),
                    ("method", "27"),
                    ("status", if of == "LINK" { "53" } else { "28" }),
                ] {
                    // Of a connection, some of these are its service's or its connector's.
                    let borrowed = matches!(of, "BIFLOW_TPORT" | "BIFLOW_APP") && matches!(field, "routingKey" | "destPort");
                    if let Some(shown) = row.get(field).filter(|_| !borrowed) {
                        // A record that was seen in part has no start: 0.
                        let wanted =
                            if field == "startTime" { attrs[code].as_u64().unwrap_or(0).into() } else { attrs[code].clone() };
                        assert_eq!(shown, &wanted, "{field} of {of} {}", identity(row));
                    }
                }
                let end = if record["ended"] == true { attrs["4"].as_u64().unwrap() } else { 0 };
                assert_eq!(row["endTime"], end);
            }
        }
    }

    #[tokio::test]
    async fn connections_are_resolved_as_the_reference_does() {
        let (server, state) = (server().await, state());
        let rows = server.list("/api/v2alpha1/connections").await;
        let mut seen = 0;
        for pair in state["pairs"].as_array().unwrap().iter().filter(|pair| pair["listener"].is_string()) {
            let row = rows.iter().find(|row| row["identity"] == pair["connection"]).unwrap();
            for (field, wanted) in [
                ("listenerId", "listener"),
                ("connectorId", "connector"),
                ("sourceSiteId", "src_site"),
                ("destSiteId", "dst_site"),
                ("sourceRouterId", "src_router"),
                ("destRouterId", "dst_router"),
                ("routingKey", "address"),
                ("octetCount", "octets"),
                ("octetReverseCount", "octets_reverse"),
                ("latency", "latency_us"),
                ("latencyReverse", "process_latency_us"),
            ] {
                assert_eq!(row[field], pair[wanted], "{field} of {}", identity(row));
            }
            let name = |site: &Json| state["records"][site.as_str().unwrap()]["attrs"]["30"].clone();
            assert_eq!((&row["sourceSiteName"], &row["destSiteName"]), (&name(&pair["src_site"]), &name(&pair["dst_site"])));
            assert_eq!(row["serviceId"], format!("{}~tcp", pair["address"].as_str().unwrap()));
            assert_eq!(row["duration"].as_u64().unwrap(), row["endTime"].as_u64().unwrap() - row["startTime"].as_u64().unwrap());
            seen += 1;
        }
        assert_eq!(seen, 42);
        // By whom they are called, the connector's own word before an address.
        let echo = rows.iter().filter(|row| row["routingKey"] == "echo:9090");
        assert!(echo.clone().count() == 21 && echo.clone().all(|row| row["destProcessName"] == "echo-pod-1"));
        // A process has one name, also one that nobody describes; and what nobody tells is null.
        let processes = server.list("/api/v2alpha1/processes").await;
        let mut inferred = 0;
        for row in &rows {
            for (id, name) in [("sourceProcessId", "sourceProcessName"), ("destProcessId", "destProcessName")] {
                if let Some(process) = processes.iter().find(|process| process["identity"] == row[id]) {
                    assert_eq!(row[name], process["name"], "{id} of {}", identity(row));
                    inferred += usize::from(process["inferred"] == true);
                }
            }
        }
        assert!(inferred > 0);
        assert!(server.list("/api/v2alpha1/sites").await.iter().all(|site| site["provider"] != "unknown"));
        let services = server.list("/api/v2alpha1/services").await;
        let web = services.iter().find(|service| service["name"] == "web:8080").unwrap();
        assert_eq!(web["observedApplicationProtocols"], serde_json::json!(["http1"]));
        let errors = rows.iter().filter(|row| row["connectorError"].is_string()).count();
        assert_eq!(errors, 5, "refused connections");
        let requests = server.list("/api/v2alpha1/applicationflows").await;
        let known = state["pairs"].as_array().unwrap().iter().filter(|pair| pair["connection_known"] == true);
        for pair in known {
            let row = requests.iter().find(|row| row["identity"] == pair["request"]).unwrap();
            assert_eq!(
                (&row["connectionId"], &row["protocol"], &row["routingKey"]),
                (&pair["connection"], &"http1".into(), &"web:8080".into())
            );
        }
    }

    #[tokio::test]
    async fn each_row_by_its_identity_and_no_other() {
        let server = server().await;
        for collection in COLLECTIONS {
            let rows = server.list(&format!("/api/v2alpha1/{collection}")).await;
            assert_eq!(rows.is_empty(), collection == "componentpairs", "{collection}: clients of the recording have no group");
            for row in &rows {
                let answer = server.get(&format!("/api/v2alpha1/{collection}/{}", encoded(identity(row)))).await;
                assert_eq!(answer.status, 200, "{}", answer.body);
                assert_eq!(answer.json()["results"], *row);
            }
            let message = server.refused(&format!("/api/v2alpha1/{collection}/no%2Fsuch"), 404, "ErrResourceNotFound").await;
            assert!(message.contains("'no/such' not found"), "{message}");
            server.refused(&format!("/api/v2alpha1/{collection}/a/b/c"), 404, "ErrResourceNotFound").await;
            if let Some(row) = rows.first() {
                let path = format!("/api/v2alpha1/{collection}/{}?limit=1", encoded(identity(row)));
                server.refused(&path, 400, "ErrBadRequest").await;
            }
        }
    }

    #[tokio::test]
    async fn what_lies_below() {
        let server = server().await;
        let below = |path: &'static str| {
            let server = server.clone();
            async move { server.list(&format!("/api/v2alpha1/{path}")).await }
        };
        assert_eq!(identities(&below("sites/site-east-0002/routers").await), BTreeSet::from(["iQeO_:0"]));
        assert_eq!(
            identities(&below("sites/site-west-0001/processes").await),
            BTreeSet::from(["inferred~site-west-0001~127.0.0.1"])
        );
        let processes = below("services/echo%3A9090~tcp/processes").await;
        assert_eq!(identities(&processes), BTreeSet::from(["proc-echo"]));
        assert_eq!(processes[0]["services"], serde_json::json!(["echo:9090@echo:9090~tcp@tcp"]));
        let connections = below("services/web%3A8080~tcp/connections").await;
        assert_eq!(connections.len(), 12);
        assert_eq!(below("services/web%3A8080~tcp/connections?limit=5&sortBy=startTime.desc").await.len(), 5);
        let pairs = below("services/web%3A8080~tcp/processpairs").await;
        // Of one the client is not inferred yet: it was heard less than 15 seconds before the clock stood still.
        let known = connections.iter().filter(|row| row["processPairId"] == pairs[0]["identity"]).count();
        assert_eq!((pairs.len(), &pairs[0]["recordCount"], known), (1, &11.into(), 11), "only those of the service");
        for path in
            ["sites/x/routers", "sites/x/processes", "services/x/processes", "services/x/processpairs", "services/x/connections"]
        {
            server.refused(&format!("/api/v2alpha1/{path}"), 404, "ErrResourceNotFound").await;
        }
        for path in ["hosts", "hosts/1", "sites/site-east-0002/hosts"] {
            server.refused(&format!("/api/v2alpha1/{path}"), 410, "ErrDeprecated").await;
        }
        for path in ["sites/site-east-0002/routers", "services/web%3A8080~tcp/processpairs"] {
            server.refused(&format!("/api/v2alpha1/{path}?nonsense=1"), 400, "ErrBadRequest").await;
        }
    }

    #[tokio::test]
    async fn every_field_filters_and_sorts() {
        let server = server().await;
        for collection in COLLECTIONS {
            let rows = server.list(&format!("/api/v2alpha1/{collection}")).await;
            let Some(first) = rows.first() else { continue };
            for (field, value) in first.as_object().unwrap() {
                let asked = match value {
                    Json::String(text) => Some(encoded(text)),
                    Json::Array(texts) => {
                        texts.first().and_then(Json::as_str).map(|text| encoded(text.split('@').next().unwrap()))
                    }
                    Json::Null => None,
                    other => Some(other.to_string()),
                };
                if let Some(asked) = asked {
                    let found = server.list(&format!("/api/v2alpha1/{collection}?{field}={asked}")).await;
                    let wanted = rows.iter().filter(|row| match (&row[field], value) {
                        (Json::String(text), Json::String(start)) => text.starts_with(&**start),
                        (Json::Array(texts), Json::Array(starts)) => {
                            let start = starts[0].as_str().unwrap().split('@').next().unwrap();
                            texts.iter().filter_map(Json::as_str).any(|text| text.starts_with(start))
                        }
                        (one, other) => one == other,
                    });
                    assert_eq!(identities(&found), wanted.map(identity).collect(), "{collection}: {field}={asked}");
                }
                let unlike = format!("/api/v2alpha1/{collection}?{field}=%00nothing");
                match value {
                    Json::Number(_) | Json::Bool(_) => {
                        assert!(server.refused(&unlike, 400, "ErrBadRequest").await.contains(&**field));
                    }
                    _ => assert_eq!(server.list(&unlike).await.len(), 0),
                }
                let up = server.list(&format!("/api/v2alpha1/{collection}?sortBy={field}.asc")).await;
                let down = server.list(&format!("/api/v2alpha1/{collection}?sortBy={field}.desc")).await;
                assert_eq!((up.len(), down.len()), (rows.len(), rows.len()));
                let order = |one: &Json, other: &Json| match (one, other) {
                    (Json::Number(one), Json::Number(other)) => one.as_u64() <= other.as_u64(),
                    (Json::String(one), Json::String(other)) => one <= other,
                    (Json::Null, _) => true,
                    (_, Json::Null) => false,
                    _ => true,
                };
                assert!(up.windows(2).all(|pair| order(&pair[0][field], &pair[1][field])), "{collection} by {field}");
                assert!(
                    down.windows(2).all(|pair| order(&pair[1][field], &pair[0][field])),
                    "{collection} by {field}, downwards"
                );
            }
        }
    }

    #[tokio::test]
    async fn several_values_are_or_and_several_fields_are_and() {
        let server = server().await;
        let count = |query: &'static str| {
            let server = server.clone();
            async move { server.list(&format!("/api/v2alpha1/connections?{query}")).await.len() }
        };
        assert_eq!(count("routingKey=echo%3A9090&routingKey=web%3A8080").await, 33);
        assert_eq!(count("routingKey=echo%3A9090&protocol=http").await, 0);
        assert_eq!(count("routingKey=e").await, 21, "texts by their beginning");
        let processes = server.list("/api/v2alpha1/processes?services=ECHO%3A9090~TCP").await;
        assert_eq!(identities(&processes), BTreeSet::from(["proc-echo"]), "one part of a service, in any case");
    }

    #[tokio::test]
    async fn pages_do_not_overlap() {
        let server = server().await;
        // Many have the same protocol: the order between them has to be the same for each page.
        let all = server.list("/api/v2alpha1/applicationflows?sortBy=protocol.desc").await;
        let mut paged = Vec::new();
        for offset in (0..70).step_by(10) {
            let path = format!("/api/v2alpha1/applicationflows?sortBy=protocol.desc&offset={offset}&limit=10");
            let answer = server.get(&path).await.json();
            assert_eq!(answer["timeRangeCount"], 65);
            paged.extend(answer["results"].as_array().unwrap().clone());
        }
        assert_eq!((paged.len(), paged), (65, all));
        assert_eq!(server.list("/api/v2alpha1/sites?offset=9").await.len(), 0);
        assert_eq!(server.list("/api/v2alpha1/sites?limit=0").await.len(), 0);
        for wrong in ["limit=-1", "offset=-1", "limit=1&limit=2"] {
            server.refused(&format!("/api/v2alpha1/sites?{wrong}"), 400, "ErrBadRequest").await;
        }
    }

    #[tokio::test]
    async fn times_and_states() {
        let server = server().await;
        let rows = server.list("/api/v2alpha1/connections?timeRangeStart=0").await;
        let times: Vec<u64> = rows.iter().map(|row| row["startTime"].as_u64().unwrap()).collect();
        let (from, until) = (times[times.len() / 4], times[times.len() / 2] + 1_000_000);
        let (from, until) = (from.min(until), from.max(until));
        let mut sizes = Vec::new();
        for operation in ["intersects", "contains", "within"] {
            let path =
                format!("/api/v2alpha1/connections?timeRangeStart={from}&timeRangeEnd={until}&timeRangeOperation={operation}");
            let found = server.list(&path).await;
            let wanted = rows.iter().filter(|row| {
                let (start, end) = (row["startTime"].as_u64().unwrap(), row["endTime"].as_u64().unwrap());
                match operation {
                    "intersects" => !((end != 0 && end < from) || start > until),
                    "contains" => start <= from && (end == 0 || end >= until),
                    _ => start >= from && end != 0 && end <= until,
                }
            });
            assert_eq!(identities(&found), wanted.map(identity).collect(), "{operation}");
            sizes.push(found.len());
        }
        assert!(sizes[0] > sizes[2] && sizes[2] > 0, "{sizes:?}");
        for (collection, state, wanted) in [
            ("connections", "all", 42),
            ("connections", "active", 0),
            ("connections", "terminated", 42),
            ("listeners", "active", 4),
            ("listeners", "terminated", 0),
            ("processes", "terminated", 1),
        ] {
            assert_eq!(
                server.list(&format!("/api/v2alpha1/{collection}?state={state}")).await.len(),
                wanted,
                "{collection} {state}"
            );
        }
        // Without a range: the last 15 minutes of the recording's clock, whatever the clock on the wall says.
        assert_eq!(server.list("/api/v2alpha1/connections").await.len(), 42);
        let later = 1_795_233_113_000_000_u64 + 3_600_000_000;
        assert_eq!(server.list(&format!("/api/v2alpha1/connections?timeRangeStart={later}")).await.len(), 0);
    }

    #[tokio::test]
    async fn what_is_not_understood_is_refused() {
        let server = server().await;
        for collection in COLLECTIONS {
            for (query, wanted) in [
                ("nonsense=1", "neither a parameter nor a field"),
                ("offset=x", "offset: \"x\" is not an integer"),
                ("limit=1.5", "limit: \"1.5\" is not an integer"),
                ("sortBy=identity", "FIELD.asc or FIELD.desc"),
                ("sortBy=identity.up", "FIELD.asc or FIELD.desc"),
                ("sortBy=nonsense.asc", "neither a parameter nor a field"),
                ("timeRangeStart=yesterday", "microseconds since 1970"),
                ("timeRangeEnd=-1", "microseconds since 1970"),
                ("timeRangeStart=2&timeRangeEnd=1", "timeRangeStart is after timeRangeEnd"),
                ("timeRangeOperation=near", "none of intersects, contains, within"),
                ("state=living", "none of all, active, terminated"),
                ("startTime=soon", "not a number"),
            ] {
                let message = server.refused(&format!("/api/v2alpha1/{collection}?{query}"), 400, "ErrBadRequest").await;
                assert!(message.contains(wanted), "{collection}?{query}: {message}");
            }
        }
        server.refused("/api/v2alpha1/nonsense", 404, "ErrResourceNotFound").await;
        server.refused("/api/v2alpha1", 404, "ErrResourceNotFound").await;
        server.refused("/api/v2alpha1/sites/%ff", 400, "ErrBadRequest").await;
        for method in ["POST", "DELETE", "PUT"] {
            assert_eq!(server.ask(method, "/api/v2alpha1/sites", "").await.status, 405);
        }
        assert_eq!(server.ask("HEAD", "/api/v2alpha1/sites", "").await.body, "");
    }

    #[tokio::test]
    async fn pairs_of_v1_are_connections_too() {
        let Some(file) = corpus("v1-main") else { return };
        let server = Server::of(played(&file).await).await;
        let rows = server.list("/api/v2alpha1/connections").await;
        let state: Json =
            serde_json::from_str(&std::fs::read_to_string(file.with_extension("").with_extension("state.json")).unwrap())
                .unwrap();
        let pairs = state["pairs"].as_array().unwrap();
        let wanted: BTreeSet<&str> = pairs.iter().map(|pair| pair["listener_side"].as_str().unwrap()).collect();
        let found = identities(&rows);
        let requests = server.list("/api/v2alpha1/applicationflows").await;
        let found: BTreeSet<&str> = found.into_iter().chain(identities(&requests)).collect();
        assert!(wanted.is_subset(&found), "{:?}", wanted.difference(&found));
        let links = server.list("/api/v2alpha1/routerlinks").await;
        assert!(links.len() == 2 && links.iter().all(|link| link["destinationRouterId"].is_string()), "one at each end");
    }
}
