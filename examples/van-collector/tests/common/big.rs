//! A network of any size: sites, each with a router and a controller, processes in components, services, connections, requests; some
//! fail, some are known in part.

use std::sync::Arc;

use flowcodec::Timestamp;
use van_collector::hub::{Clock, Hub};
use vanflow::collector::Settings;
use vanflow::message::{beacon, heartbeat, records};
use vanflow::record::{Attribute, RecordType, Scalar};

/// What a network is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Big {
    pub(crate) sites: u64,
    pub(crate) processes: u64,
    pub(crate) services: u64,
    pub(crate) connections: u64,
}

const SITES: [&str; 6] = ["frankfurt", "oregon", "singapore", "on-premises", "saopaulo", "edge-lab"];
const PARTS: [&str; 8] = ["frontend", "checkout", "catalog", "payments", "search", "reports", "gateway", "batch"];
const SERVICES: [&str; 10] =
    ["cart", "catalog", "payments", "search", "ledger", "identity", "pricing", "shipping", "events", "archive"];

/// The recording's kind of time.
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn text(text: &str) -> Scalar<'_> {
    Scalar::Text(text.into())
}

fn send(hub: &Hub, address: &str, kind: RecordType, identity: &str, attributes: &[(Attribute, Scalar<'_>)]) {
    let base = address.trim_end_matches(".flows");
    let to = if kind.class() == Some(vanflow::record::Class::Flow) { format!("{base}.flows") } else { base.to_owned() };
    hub.message(NOW, &to, &records(None, &to, &[(kind, identity, attributes)]));
}

/// A hub that was told all of it.
pub(crate) fn of(big: Big) -> Arc<Hub> {
    let hub = Hub::new(Settings::default(), Clock::Recording, "generated", None);
    tell(&hub, big);
    hub
}

/// Tells the hub all of it.
pub(crate) fn tell(hub: &Hub, big: Big) {
    sites(hub, big);
    processes(hub, big);
    services(hub, big);
    connections(hub, big);
}

const START: Scalar<'_> = Scalar::Number(1_799_999_000_000_000);

fn router(site: u64) -> String {
    format!("r{site:03}x:0")
}

fn address(site: u64) -> String {
    format!("mc/sfe.r{site:03}x:0")
}

fn sites(hub: &Hub, big: Big) {
    for site in 0..big.sites {
        let (id, name) = (format!("site-{site}"), SITES[usize::try_from(site).unwrap() % SITES.len()]);
        for (kind, id, base) in [("ROUTER", router(site), address(site)), ("CONTROLLER", id.clone(), format!("mc/sfe.{id}"))] {
            hub.message(NOW, "mc/sfe.all", &beacon(kind, &id, &base, &base.replace("mc/", "")));
            hub.message(NOW, &base, &heartbeat(&id, 1_800_000_000_000_000));
        }
        let platform = if site % 2 == 0 { "kubernetes" } else { "podman" };
        let described = [
            (Attribute::NAME, text(name)),
            (Attribute::PLATFORM, text(platform)),
            (Attribute::NAMESPACE, text("shop")),
            (Attribute::START_TIME, START),
        ];
        send(hub, &address(site), RecordType::SITE, &id, &described);
        let long = format!("0/{name}-skupper-router-7c9f8d6b5-{site}");
        let described = [
            (Attribute::PARENT, text(&id)),
            (Attribute::NAME, text(&long)),
            (Attribute::MODE, text("interior")),
            (Attribute::BUILD_VERSION, text("3.5.1")),
            (Attribute::START_TIME, START),
        ];
        send(hub, &address(site), RecordType::ROUTER, &router(site), &described);
        let access = format!("r{site:03}x:1");
        send(
            hub,
            &address(site),
            RecordType::ROUTER_ACCESS,
            &access,
            &[(Attribute::PARENT, text(&router(site))), (Attribute::START_TIME, START)],
        );
        if site > 0 {
            let peer = format!("r{:03}x:1", (site - 1) / 2);
            let status = if site == 4 { "down" } else { "up" };
            let mut link = vec![
                (Attribute::PARENT, Scalar::Text("".into())),
                (Attribute::PEER, text(&peer)),
                (Attribute::OPER_STATUS, text(status)),
                (Attribute::ROLE, text("inter-router")),
                (Attribute::OCTETS, Scalar::Number(site * 7_654_321)),
                (Attribute::START_TIME, START),
            ];
            let own = router(site);
            link[0].1 = text(&own);
            if site == 4 {
                link.push((Attribute::RESULT, text("amqp:connection:framing-error")));
            }
            link.sort();
            send(hub, &address(site), RecordType::LINK, &format!("r{site:03}x:2"), &link);
        }
    }
}

fn processes(hub: &Hub, big: Big) {
    for process in 0..big.processes {
        let part = PARTS[usize::try_from(process / big.sites).unwrap() % PARTS.len()];
        let (id, name, host) = (
            format!("pod-{process}"),
            format!("{part}-7d9c-{process:04}"),
            format!("10.{}.{}.{}", process % big.sites, process / 250, process % 250),
        );
        let site = format!("site-{}", process % big.sites);
        let described = [
            (Attribute::PARENT, text(&site)),
            (Attribute::START_TIME, START),
            (Attribute::SOURCE_HOST, text(&host)),
            (Attribute::NAME, text(&name)),
            (Attribute::GROUP, text(part)),
        ];
        let base = format!("mc/sfe.{site}");
        send(hub, &base, RecordType::PROCESS, &id, &described);
    }
}

fn services(hub: &Hub, big: Big) {
    for service in 0..big.services {
        let name = format!("{}:{}", SERVICES[usize::try_from(service).unwrap() % SERVICES.len()], 8_080 + service);
        for site in 0..big.sites {
            let own = router(site);
            let shared = [
                (Attribute::PARENT, text(&own)),
                (Attribute::START_TIME, START),
                (Attribute::PROTOCOL, text("tcp")),
                (Attribute::ADDRESS, text(&name)),
                (Attribute::NAME, text(&name)),
            ];
            send(hub, &address(site), RecordType::LISTENER, &format!("r{site:03}x:{}", 100 + service), &shared);
            if (service + site) % 2 == 0 || big.sites == 1 {
                for copy in 0..3 {
                    let server = format!("pod-{}", (service * 31 + site + copy * big.sites * 5) % big.processes);
                    let mut with = shared.to_vec();
                    with.push((Attribute::PROCESS, text(&server)));
                    with.sort();
                    send(hub, &address(site), RecordType::CONNECTOR, &format!("r{site:03}x:{}", 200 + service * 3 + copy), &with);
                }
            }
        }
    }
}

fn connections(hub: &Hub, big: Big) {
    for connection in 0..big.connections {
        let client = (connection * 7 + connection / 11) % big.processes;
        let (site, service) = (client % big.sites, connection % big.services);
        let there = (0..big.sites)
            .map(|step| (site + step) % big.sites)
            .find(|there| (service + there) % 2 == 0 || big.sites == 1)
            .unwrap();
        let parent = format!("r{site:03}x:{}", 100 + service);
        let connector = format!("r{there:03}x:{}", 200 + service * 3 + connection % 3);
        let host = format!("10.{}.{}.{}", site, client / 250, client % 250);
        let (id, port) = (format!("r{site:03}x:{}", 10_000 + connection), (30_000 + connection % 30_000).to_string());
        let began = 1_799_999_900_000_000 + connection * 1_000;
        let mut attributes = vec![
            (Attribute::PARENT, text(&parent)),
            (Attribute::START_TIME, Scalar::Number(began)),
            (Attribute::SOURCE_HOST, text(&host)),
            (Attribute::SOURCE_PORT, text(&port)),
            (Attribute::OCTETS, Scalar::Number(1_000 + connection * 77 % 90_000)),
            (Attribute::OCTETS_REVERSE, Scalar::Number(connection * 7_919 % 900_000)),
            (Attribute::LATENCY, Scalar::Number(400 + connection % 5_000)),
            (Attribute::CONNECTOR, text(&connector)),
        ];
        if connection % 3 != 0 {
            attributes.push((Attribute::END_TIME, Scalar::Number(began + 90_000)));
        }
        if connection % 97 == 5 {
            attributes.push((Attribute::ERROR_CONNECTOR_SIDE, text("amqp:connection-refused (the server does not answer)")));
        }
        if connection % 151 == 7 {
            attributes.retain(|(attribute, _)| *attribute != Attribute::CONNECTOR);
        }
        attributes.sort();
        send(hub, &address(site), RecordType::BIFLOW_TPORT, &id, &attributes);
        if connection % 4 == 0 {
            let status = if connection % 40 == 8 { "503" } else { "200" };
            let request = [
                (Attribute::PARENT, text(&id)),
                (Attribute::START_TIME, Scalar::Number(began)),
                (Attribute::END_TIME, Scalar::Number(began + 9_000)),
                (Attribute::PROTOCOL, text("HTTP/1.1")),
                (Attribute::METHOD, text("GET")),
                (Attribute::RESULT, text(status)),
                (Attribute::LATENCY, Scalar::Number(900)),
            ];
            send(hub, &address(site), RecordType::BIFLOW_APP, &format!("r{site:03}x:{}", 50_000 + connection), &request);
        }
    }
}
