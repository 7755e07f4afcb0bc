//! VAN connections and IP flows: a pair of recordings, made here and read as any other.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use flowcodec::ipfix::{FlowWriter, Settings as IpfixSettings, Writer};
use flowcodec::model::{FieldValue, Flow, Schema};
use flowcodec::template::encode::{FlowSettings, TimeForm};
use flowcodec::{Decoder, Event, Exporter, Text, Timestamp, field as core};
use flowenrich::correlate::Join;
use flowenrich::correlate::join::{End, Leg, Settings, Sites, Stats};
use proptest::prelude::*;
use vanflow::collector::Collector;
use vanflow::lower::{LegEnd, Lowering, fields as van_fields, legs};
use vanflow::message::{RecordSpec, beacon, records};
use vanflow::record::{Attribute, RecordType, Scalar};

const WEST: [u8; 4] = [192, 0, 2, 1];
const EAST: [u8; 4] = [192, 0, 2, 2];

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(1_800_000_000 + seconds)
}

fn micros(seconds: u64) -> Scalar<'static> {
    Scalar::Number((1_800_000_000 + seconds) * 1_000_000)
}

/// Five connections from west to east, as their routers tell: client's port, proxy's port, when. The last two are of one client's port at
/// two times.
const CONNECTIONS: [(&str, &str, u64, u64); 5] = [
    ("40001", "50001", 0, 10),
    ("40002", "50002", 5, 20),
    ("40003", "50003", 8, 40),
    ("40004", "50004", 0, 10),
    ("40004", "50005", 30, 40),
];

fn van_recording() -> Vec<(&'static str, Vec<u8>)> {
    let text = |text: &'static str| Scalar::Text(text.into());
    let mut messages = Vec::new();
    for (id, link, site, name) in [("w:0", "mc/sfe.w:0", "site-w", "west"), ("e:0", "mc/sfe.e:0", "site-e", "east")] {
        messages.push(("mc/sfe.all", beacon("ROUTER", id, link, "sfe.x")));
        let of_site = [(Attribute::NAME, text(name)), (Attribute::START_TIME, micros(0))];
        let of_router = [(Attribute::PARENT, text(site)), (Attribute::START_TIME, micros(0))];
        let mut specs: Vec<RecordSpec<'_>> = vec![(RecordType::SITE, site, &of_site), (RecordType::ROUTER, id, &of_router)];
        let listener = [
            (Attribute::PARENT, text("w:0")),
            (Attribute::START_TIME, micros(0)),
            (Attribute::DEST_HOST, text("0.0.0.0")),
            (Attribute::DEST_PORT, text("8080")),
            (Attribute::ADDRESS, text("backend:8080")),
            (Attribute::PROTOCOL, text("tcp")),
        ];
        let connector = [
            (Attribute::PARENT, text("e:0")),
            (Attribute::START_TIME, micros(0)),
            (Attribute::DEST_HOST, text("10.1.0.20")),
            (Attribute::DEST_PORT, text("9090")),
            (Attribute::ADDRESS, text("backend:8080")),
            (Attribute::PROTOCOL, text("tcp")),
        ];
        specs.push(if id == "w:0" {
            (RecordType::LISTENER, "w:2", &listener)
        } else {
            (RecordType::CONNECTOR, "e:2", &connector)
        });
        messages.push((link, records(Some(0), link, &specs)));
    }
    for (number, (client, proxy, start, end)) in (0..).zip(CONNECTIONS) {
        let identity: &'static str = ["w:10", "w:11", "w:12", "w:13", "w:14"][usize::try_from(number).unwrap()];
        let of_connection = [
            (Attribute::PARENT, text("w:2")),
            (Attribute::CONNECTOR, text("e:2")),
            (Attribute::START_TIME, micros(start)),
            (Attribute::END_TIME, micros(end)),
            (Attribute::SOURCE_HOST, text("10.0.0.5")),
            (Attribute::SOURCE_PORT, text(client)),
            (Attribute::PROXY_HOST, text("10.1.0.9")),
            (Attribute::PROXY_PORT, text(proxy)),
            (Attribute::LATENCY, Scalar::Number(1_500 + number)),
        ];
        let link = "mc/sfe.w:0.flows";
        messages.push((link, records(Some(number), link, &[(RecordType::BIFLOW_TPORT, identity, &of_connection)])));
    }
    messages
}

type FlowOf = ([u8; 4], (&'static str, u64), (&'static str, u64), u64, u64);

/// What exporters of both sites saw: exporter, source, destination, when.
const FLOWS: [FlowOf; 11] = [
    // The clients of three connections, one of them reported twice, one as the answer.
    (WEST, ("10.0.0.5", 40001), ("10.96.0.7", 8080), 0, 10),
    (WEST, ("10.0.0.5", 40002), ("10.96.0.7", 8080), 5, 12),
    (WEST, ("10.0.0.5", 40002), ("10.96.0.7", 8080), 13, 20),
    (WEST, ("10.96.0.7", 8080), ("10.0.0.5", 40003), 9, 39),
    // Their servers; of the third, half a second after it was over.
    (EAST, ("10.1.0.9", 50001), ("10.1.0.20", 9090), 0, 10),
    (EAST, ("10.1.0.9", 50002), ("10.1.0.20", 9090), 6, 19),
    (EAST, ("10.1.0.9", 50003), ("10.1.0.20", 9090), 41, 41),
    // One that overlaps both connections from port 40004.
    (WEST, ("10.0.0.5", 40004), ("10.96.0.7", 8080), 3, 35),
    // Addresses of a leg in the other site; another port of the listener's address; long after the connection.
    (EAST, ("10.0.0.5", 40001), ("10.96.0.7", 8080), 0, 10),
    (WEST, ("10.0.0.5", 40001), ("10.96.0.7", 8081), 0, 10),
    (WEST, ("10.0.0.5", 40001), ("10.96.0.7", 8080), 60, 70),
];

fn ip_recording() -> Vec<([u8; 4], Vec<u8>)> {
    let mut datagrams = Vec::new();
    for (exporter, (src, src_port), (dst, dst_port), start, end) in FLOWS {
        let settings = FlowSettings::new(Schema::common(), TimeForm::Milliseconds);
        let mut writer = FlowWriter::new(Writer::new(1, IpfixSettings::udp(1_400)).unwrap(), settings);
        let mut flow = Flow::new(Schema::common());
        let address = |text: &str| FieldValue::Address(text.parse().unwrap());
        flow.set(core::SRC_ADDR.id(), address(src));
        flow.set(core::DST_ADDR.id(), address(dst));
        flow.set(core::SRC_PORT.id(), FieldValue::Unsigned(src_port));
        flow.set(core::DST_PORT.id(), FieldValue::Unsigned(dst_port));
        flow.set(core::IP_PROTOCOL.id(), FieldValue::Unsigned(6));
        flow.set(core::START.id(), FieldValue::Time(at(start)));
        flow.set(core::END.id(), FieldValue::Time(at(end)));
        if exporter == EAST {
            flow.set(core::DST_POD.id(), FieldValue::Text(Text::from("backend-0")));
        }
        writer.flow(at(end), &flow, |octets| datagrams.push((exporter, octets.to_vec()))).unwrap();
        writer.flush(at(end), |octets| datagrams.push((exporter, octets.to_vec()))).unwrap();
    }
    assert_eq!(datagrams.len(), FLOWS.len());
    datagrams
}

fn sites() -> Sites {
    Sites::read("# exporters\n192.0.2.1,site-w\n192.0.2.2/32,site-e\n".as_bytes()).unwrap()
}

/// Runs both recordings through decoder and collector, in the given order of what there is to join.
fn run(order: &[usize], settings: Settings) -> (Vec<Flow>, Stats, usize) {
    let schema = Schema::common().with(van_fields()).unwrap();
    let mut join = Join::new(settings, sites(), &schema).unwrap();
    let schema = Arc::clone(join.schema());

    let mut collector = Collector::default();
    for (link, octets) in van_recording() {
        assert_eq!(collector.message(at(40), link, &octets).unwrap().fault, None);
    }
    let lowering = Lowering::with(Arc::clone(&schema));
    let connections: Vec<_> = collector.connections().map(|connection| (connection, lowering.connection(&connection))).collect();
    let mut all_legs = Vec::new();
    for (connection, told) in &connections {
        for leg in legs(connection) {
            let end = if leg.end == LegEnd::Client { End::Client } else { End::Server };
            let source = SocketAddr::new(leg.source.address().unwrap(), leg.source.port().unwrap());
            let ours = Leg::new(connection.identity(), end, leg.site.unwrap(), source, leg.start.unwrap());
            all_legs.push(ours.to(leg.destination.address(), leg.destination.port()).until(leg.until).telling(told));
        }
    }
    assert_eq!(all_legs.len(), 10);

    let mut settings = flowcodec::Settings::default();
    settings.schema = Arc::clone(&schema);
    let (mut decoder, mut flows) = (Decoder::new(settings), Vec::new());
    for (port, (exporter, octets)) in (1..).zip(ip_recording()) {
        let mut events = decoder.datagram(Exporter::new(IpAddr::from(exporter), port), at(45), &octets);
        while let Some(event) = events.next() {
            if let Event::Flows(set) = event {
                flows.extend(set.into_iter().map(|record| record.to_flow(&schema)));
            }
        }
    }
    assert_eq!(flows.len(), FLOWS.len());

    let (mut rows, mut most, mut now) = (Vec::new(), 0, at(45));
    for n in order {
        now = now.offset(100_000_000);
        match all_legs.get(*n) {
            Some(leg) => join.leg(now, leg, |row| rows.push(row)),
            None => join.flow(now, &flows[n - all_legs.len()], |row| rows.push(row)),
        }
        join.tick(now, |row| rows.push(row));
        most = most.max(join.bytes_held());
    }
    for _ in 0..400 {
        now = now.offset(1_000_000_000);
        join.tick(now, |row| rows.push(row));
    }
    assert_eq!(join.held(), 0);
    (rows, *join.stats(), most)
}

fn text(row: &Flow, name: &str) -> Option<String> {
    match row.value(row.schema().find(name).unwrap()) {
        Some(FieldValue::Text(text)) => Some(text.to_string()),
        None => None,
        other => panic!("{name}: {other:?}"),
    }
}

/// A row in short: what it is, of which end, site and connection, from which port, and how long after the first octet came the first back.
fn short(row: &Flow) -> String {
    let latency = row.value(row.schema().find("van_latency").unwrap());
    let latency = match latency {
        Some(FieldValue::Unsigned(nanos)) => nanos.to_string(),
        _ => "-".to_owned(),
    };
    let word = |name| text(row, name).unwrap_or_else(|| "-".to_owned());
    let ports = [row.row().src_port(), row.row().dst_port()].map(|port| port.map_or(0, |port| port));
    let reversed = row.value(row.schema().find("join_reversed").unwrap()) == Some(FieldValue::Unsigned(1));
    format!(
        "{} {} {} {} {ports:?}{} {latency} {} {}",
        word("join"),
        word("join_end"),
        word("join_site"),
        word("van_id"),
        if reversed { " reversed" } else { "" },
        word("van_address"),
        word("dst_pod"),
    )
}

const ROWS: [&str; 13] = [
    "ambiguous client site-w - [40004, 8080] - backend:8080 -",
    "leg server site-e w:13 [50004, 9090] 1503000 backend:8080 -",
    "leg server site-e w:14 [50005, 9090] 1504000 backend:8080 -",
    "matched client site-w w:10 [40001, 8080] 1500000 backend:8080 -",
    "matched client site-w w:11 [40002, 8080] 1501000 backend:8080 -",
    "matched client site-w w:11 [40002, 8080] 1501000 backend:8080 -",
    "matched client site-w w:12 [8080, 40003] reversed 1502000 backend:8080 -",
    "matched server site-e w:10 [50001, 9090] 1500000 backend:8080 backend-0",
    "matched server site-e w:11 [50002, 9090] 1501000 backend:8080 backend-0",
    "matched server site-e w:12 [50003, 9090] 1502000 backend:8080 backend-0",
    "unmatched - site-e - [40001, 8080] - - backend-0",
    "unmatched - site-w - [40001, 8080] - - -",
    "unmatched - site-w - [40001, 8081] - - -",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// Ten legs: six matched, two ambiguous, two without a partner. In any order, each leg told once or twice, under the cap.
    #[test]
    fn ten_legs(
        order in (Just((0..10 + FLOWS.len()).collect::<Vec<_>>()), prop::collection::vec(0_usize..10, 0..5))
            .prop_map(|(all, again)| all.into_iter().chain(again).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let mut settings = Settings::default();
        (settings.limits.entries, settings.limits.bytes) = (30, 120_000);
        let (rows, stats, most) = run(&order, settings);
        let mut shorts: Vec<_> = rows.iter().map(short).collect();
        shorts.sort();
        prop_assert_eq!(shorts, ROWS);
        prop_assert_eq!((stats.legs, stats.legs_matched, stats.legs_ambiguous, stats.legs_alone), (10, 6, 2, 2));
        prop_assert_eq!((stats.flows, stats.matched, stats.ambiguous, stats.unmatched, stats.passed), (11, 7, 1, 3, 0));
        prop_assert_eq!((stats.evicted, stats.refused, stats.foreign), (0, 0, 0));
        prop_assert!(most <= 120_000, "{} octets held", most);
        for row in rows.iter().filter(|row| text(row, "join").as_deref() == Some("matched")) {
            prop_assert_eq!(text(row, "van_src_site_name"), Some("west".to_owned()));
            prop_assert_eq!(text(row, "van_dst_site_name"), Some("east".to_owned()));
        }
    }
}

/// With too little room every flow is given out all the same, and what was decided early is counted.
#[test]
fn under_a_small_cap_nothing_is_lost() {
    let order: Vec<_> = (0..10 + FLOWS.len()).collect();
    for entries in [1, 3, 5] {
        let mut settings = Settings::default();
        settings.limits.entries = entries;
        let (rows, stats, _) = run(&order, settings);
        let of_flows = rows.iter().filter(|row| text(row, "join").as_deref() != Some("leg")).count();
        assert_eq!(of_flows, FLOWS.len());
        assert_eq!(stats.matched + stats.ambiguous + stats.unmatched + stats.passed, 11);
        assert_eq!(stats.legs_matched + stats.legs_ambiguous + stats.legs_alone, stats.legs);
        assert!(stats.evicted >= 21 - 2 * u64::try_from(entries).unwrap(), "{stats:?}");
    }
}

#[test]
fn what_cannot_be_of_a_leg_is_given_out_at_once() {
    let sites = Sites::by(|exporter| (exporter == IpAddr::from(WEST)).then(|| "site-w".into()));
    let mut join = Join::new(Settings::default(), sites, &Schema::common()).unwrap();
    let mut flow = Flow::new(Schema::common());
    flow.set(core::EXPORTER.id(), FieldValue::Address(WEST.into()));
    flow.set(core::SRC_ADDR.id(), FieldValue::Address([10, 0, 0, 5].into()));
    flow.set(core::DST_ADDR.id(), FieldValue::Address([10, 0, 0, 6].into()));
    let mut given = 0;
    join.flow(at(0), &flow, |_| given += 1);
    flow.set(core::SRC_PORT.id(), FieldValue::Unsigned(1));
    flow.set(core::DST_PORT.id(), FieldValue::Unsigned(2));
    flow.set(core::IP_PROTOCOL.id(), FieldValue::Unsigned(17));
    join.flow(at(0), &flow, |_| given += 1);
    flow.set(core::IP_PROTOCOL.id(), FieldValue::Unsigned(6));
    flow.set(core::EXPORTER.id(), FieldValue::Address(EAST.into()));
    join.flow(at(0), &flow, |_| given += 1);
    assert_eq!((given, join.stats().passed, join.held()), (3, 3, 0));
    flow.set(core::EXPORTER.id(), FieldValue::Address(WEST.into()));
    join.flow(at(0), &flow, |_| given += 1);
    // A connection of another schema is told nothing of.
    let leg = Leg::new("x".into(), End::Client, "site-w".into(), "10.0.0.5:1".parse().unwrap(), at(0)).telling(&flow);
    join.leg(at(1), &leg, |_| given += 1);
    assert_eq!((given, join.held(), join.stats().foreign), (3, 2, 1));
    let mut last = BTreeMap::new();
    join.finish(|row| *last.entry(text(&row, "join")).or_insert(0) += 1);
    assert_eq!(last, BTreeMap::from([(Some("matched".to_owned()), 1)]));
}

#[test]
fn legs_of_one_source_are_few() {
    let mut join = Join::new(Settings::default(), sites(), &Schema::common()).unwrap();
    let mut alone = 0;
    for n in 0..40_u64 {
        let leg = Leg::new("x".into(), End::Client, "site-w".into(), "10.0.0.5:1".parse().unwrap(), at(n * 10));
        join.leg(at(0), &leg.until(Some(at(n * 10 + 5))), |_| alone += 1);
        assert_eq!((join.held(), alone), (usize::try_from(n).unwrap().min(15) + 1, n.saturating_sub(15)));
    }
    assert_eq!((join.stats().evicted, join.stats().legs_alone, join.stats().legs), (24, 24, 40));
}

/// Every connection of the real recording gives two legs; made into flows, each finds its own.
#[test]
fn legs_of_a_real_recording_find_the_flows_made_of_them() {
    let octets = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../vanflow/tests/data/v2-main.bin")).unwrap();
    let index = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../vanflow/tests/data/v2-main.index.tsv")).unwrap();
    let mut collector = Collector::default();
    let mut now = Timestamp::EPOCH;
    for row in index.lines().skip(1).map(|row| row.split('\t').collect::<Vec<_>>()) {
        let [micros, offset, length] = [1, 6, 7].map(|column: usize| row[column].parse::<usize>().unwrap());
        now = Timestamp::from_nanos(i64::try_from(micros).unwrap() * 1_000);
        collector.message(now, row[2], &octets[offset..offset + length]).unwrap();
    }
    let schema = Schema::common().with(van_fields()).unwrap();
    let of_site =
        |exporter: IpAddr| Some(if exporter == IpAddr::from(WEST) { "site-west-0001" } else { "site-east-0002" }.into());
    let mut join = Join::new(Settings::default(), Sites::by(of_site), &schema).unwrap();
    let lowering = Lowering::with(Arc::clone(join.schema()));
    let (mut rows, mut sent) = (Vec::new(), 0);
    for connection in collector.connections() {
        let told = lowering.connection(&connection);
        for leg in legs(&connection) {
            let (Some(site), Some(addr), Some(port), Some(start)) =
                (leg.site, leg.source.address(), leg.source.port(), leg.start)
            else {
                continue;
            };
            let (end, source) = (if leg.end == LegEnd::Client { End::Client } else { End::Server }, SocketAddr::new(addr, port));
            let ours = Leg::new(connection.identity(), end, site, source, start).until(leg.until).telling(&told);
            join.leg(now, &ours.to(leg.destination.address(), leg.destination.port()), |row| rows.push(row));

            let mut flow = Flow::new(Schema::common());
            let exporter = if site == "site-west-0001".into() { WEST } else { EAST };
            flow.set(core::EXPORTER.id(), FieldValue::Address(exporter.into()));
            flow.set(core::SRC_ADDR.id(), FieldValue::Address(addr));
            flow.set(core::SRC_PORT.id(), FieldValue::Unsigned(port.into()));
            flow.set(core::DST_ADDR.id(), FieldValue::Address(leg.destination.address().unwrap()));
            flow.set(core::DST_PORT.id(), FieldValue::Unsigned(leg.destination.port().unwrap().into()));
            flow.set(core::START.id(), FieldValue::Time(start));
            flow.set(core::END.id(), FieldValue::Time(leg.until.unwrap()));
            flow.set(core::SRC_USER.id(), FieldValue::Text(Text::from(format!("{} {end:?}", connection.identity()).as_str())));
            join.flow(now, &flow, |row| rows.push(row));
            sent += 1;
        }
    }
    join.finish(|row| rows.push(row));
    assert!(sent > 60, "{sent}");
    assert_eq!(rows.len(), sent);
    for row in rows {
        let found = format!(
            "{} {}",
            text(&row, "van_id").unwrap(),
            if text(&row, "join_end").unwrap() == "client" { "Client" } else { "Server" }
        );
        assert_eq!((text(&row, "join").as_deref(), row.get(core::SRC_USER)), (Some("matched"), Some(found.as_str().into())));
    }
}

/// Where there is no room for any entry, flows and legs come out at once, and each says what it is.
#[test]
fn what_cannot_be_held_is_given_out() {
    let mut settings = Settings::default();
    settings.limits.bytes = 1;
    let order: Vec<_> = (0..10 + FLOWS.len()).collect();
    let (rows, stats, _) = run(&order, settings);
    assert_eq!((stats.flows, stats.legs, stats.refused), (11, 0, 21));
    let (legs, flows): (Vec<_>, Vec<_>) = rows.iter().partition(|row| text(row, "join").as_deref() == Some("leg"));
    assert_eq!((legs.len(), flows.len()), (10, 11));
    // All that is known of a leg that found no flow stands in its row.
    let (held, _, _) = run(&(0..10).collect::<Vec<_>>(), Settings::default());
    let sorted = |rows: &[&Flow]| {
        let mut lines: Vec<_> = rows.iter().map(|row| format!("{:?}", row.fields().collect::<Vec<_>>())).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&legs), sorted(&held.iter().collect::<Vec<_>>()));
    assert!(flows.iter().all(|row| text(row, "join").is_none() && row.row().src_port().is_some()));
}
