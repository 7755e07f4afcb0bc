//! Names learned from messages, and numbers in words, written into flows.
#![cfg(test)]

use std::net::IpAddr;
use std::sync::Arc;

use flowcodec::model::{FieldValue, Flow, Schema};
use flowcodec::{Decoder, Event, Exporter, Protocol, Timestamp, field};
use flowenrich::names::{InterfaceNames, Interfaces, Learned, Services, Words};
use flowenrich::{Chain, Source};

const ROUTER: [u8; 4] = [192, 0, 2, 1];

/// RFC 7011: a set of `id`.
fn set(id: u16, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 4).unwrap();
    [&id.to_be_bytes()[..], &length.to_be_bytes(), body].concat()
}

fn ipfix(sets: &[Vec<u8>]) -> Vec<u8> {
    let body = sets.concat();
    let length = u16::try_from(body.len() + 16).unwrap();
    [&[0, 10][..], &length.to_be_bytes(), &1_700_000_000_u32.to_be_bytes(), &[0; 8], &body].concat()
}

fn words(words: &[u16]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn varied(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}

/// An options record for each interface: index (element 10, the scope), name, description.
fn options(interfaces: &[(u32, &str, &str)]) -> Vec<u8> {
    let template = set(3, &words(&[256, 3, 1, 10, 4, 82, 65535, 83, 65535]));
    let record = |(index, name, text): &(u32, &str, &str)| [&index.to_be_bytes()[..], &varied(name), &varied(text)].concat();
    ipfix(&[template, set(256, &interfaces.iter().map(record).collect::<Vec<_>>().concat())])
}

fn xdr(text: &str) -> Vec<u8> {
    let mut octets = [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat();
    octets.resize(octets.len().next_multiple_of(4), 0);
    octets
}

fn sized(format: u32, body: &[u8]) -> Vec<u8> {
    [&format.to_be_bytes()[..], &u32::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

/// sFlow version 5 of an agent: one counters sample of ifIndex 7 with `port_name` and `host_descr`.
fn sflow(agent: [u8; 4], port: &str, host: &str) -> Vec<u8> {
    let descr = [&xdr(host)[..], &[0; 16], &[0; 8], &xdr("6.1")].concat();
    let records = [sized(1005, &xdr(port)), sized(2000, &descr)].concat();
    let sample = [&[1_u32, 7, 2].map(u32::to_be_bytes).concat()[..], &records].concat();
    let head =
        [[5_u32, 1].map(u32::to_be_bytes).concat(), agent.to_vec(), [0_u32, 1, 1, 1].map(u32::to_be_bytes).concat()].concat();
    [head, sized(2, &sample)].concat()
}

/// Hands all sets of a message to `learned`.
fn learn(learned: &mut Learned, from: [u8; 4], message: &[u8]) {
    let mut decoder = Decoder::default();
    let mut events = decoder.datagram(Exporter::new(from.into(), 2055), Timestamp::from_seconds(1), message);
    let mut sets = 0;
    while let Some(event) = events.next() {
        match event {
            Event::Options(set) | Event::Counters(set) | Event::Flows(set) => {
                learned.learn(set);
                sets += 1;
            }
            Event::Fault(fault) => panic!("{}", fault.fault),
            _ => {}
        }
    }
    assert!(sets > 0);
}

fn text(flow: &Flow, name: &str) -> Option<String> {
    match flow.value(flow.schema().find(name)?)? {
        FieldValue::Text(text) => Some(text.to_string()),
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn interfaces_learned_from_options_and_counters() {
    let mut learned = Learned::default();
    let live = learned.live();
    learn(&mut learned, ROUTER, &options(&[(3, "ge-0/0/3", "to core"), (4, "ge-0/0/4\0\0", "")]));
    learn(&mut learned, [192, 0, 2, 9], &sflow([198, 51, 100, 1], "swp7", "leaf1"));
    let router = IpAddr::from(ROUTER);
    assert_eq!(live.current().interface(router, 3), None, "not published yet");
    learned.publish();
    let names = live.current();
    let known = |device: IpAddr, index| names.interface(device, index).map(|it| (&*it.name, &*it.description));
    assert_eq!(known(router, 3), Some(("ge-0/0/3", "to core")));
    assert_eq!(known(router, 4), Some(("ge-0/0/4", "")), "padding is no part of a name");
    let agent = IpAddr::from([198, 51, 100, 1]);
    assert_eq!((known(agent, 7), names.device(agent)), (Some(("swp7", "")), Some("leaf1")));
    assert_eq!(known([192, 0, 2, 9].into(), 7), None, "the agent has them, not who sent for it");

    // Later words count; what says nothing takes nothing away.
    learn(&mut learned, ROUTER, &options(&[(3, "xe-0/0/3", "")]));
    learned.publish();
    let names = live.current();
    assert_eq!(names.interface(router, 3).map(|it| (&*it.name, &*it.description)), Some(("xe-0/0/3", "to core")));
    assert_eq!(learned.refused(), 0);

    // A snapshot says the same.
    let again: InterfaceNames = serde_json::from_str(&serde_json::to_string(&*names).unwrap()).unwrap();
    assert_eq!(*Learned::from_names(again).live().current(), *names);
}

#[test]
fn flows_get_names_and_words() {
    let names = "# device,index,name,description\n192.0.2.1,3,ge-0/0/3,core, east\n192.0.2.1,,edge1\n192.0.2.1,5,eth5\n";
    let names = InterfaceNames::read(names.as_bytes()).unwrap();
    assert_eq!(&*names.interface(ROUTER.into(), 3).unwrap().description, "core, east");
    let chain = Chain::new().then(Interfaces::new(Arc::new(names))).then(Words::default());
    let schema = chain.schema(&Schema::common()).unwrap();
    let mut bound = chain.bind(&schema).unwrap();
    let flow_of = |numbers: &[(flowcodec::model::FieldId, u64)]| {
        let mut flow = Flow::new(Arc::clone(&schema));
        flow.set(field::EXPORTER.id(), FieldValue::Address(ROUTER.into()));
        for (id, number) in numbers {
            assert!(flow.set(*id, FieldValue::Unsigned(*number)));
        }
        flow
    };
    let mut flow = flow_of(&[
        (field::IN_IF.id(), 3),
        (field::OUT_IF.id(), 4),
        (field::IP_PROTOCOL.id(), 6),
        (field::TCP_FLAGS.id(), 0x12),
        (field::SRC_PORT.id(), 443),
        (field::DST_PORT.id(), 50_000),
        (field::PROTOCOL.id(), Protocol::Ipfix.code().into()),
    ]);
    bound.enrich_one(&mut flow).unwrap();
    let said = |flow: &Flow| {
        let names = [
            "in_if_name",
            "out_if_name",
            "exporter_name",
            "ip_protocol_name",
            "tcp_flag_names",
            "icmp_type_name",
            "src_service",
            "dst_service",
        ];
        names.map(|name| text(flow, name).unwrap_or_else(|| "-".to_owned())).join(" ")
    };
    assert_eq!(said(&flow), "ge-0/0/3 - edge1 TCP SYN|ACK - https -");
    assert_eq!((bound.counts()[0].hits, bound.counts()[0].misses), (2, 1));
    assert_eq!((bound.counts()[1].hits, bound.counts()[1].misses, bound.counts()[1].absent), (3, 1, 1));

    // What the record says itself is not overwritten; the agent is asked before the exporter.
    let mut flow = flow_of(&[
        (field::IN_IF.id(), 3),
        (field::IP_PROTOCOL.id(), 58),
        (field::ICMP_TYPE.id(), 135),
        (field::TCP_FLAGS.id(), 2),
    ]);
    flow.set(field::IN_IF_NAME.id(), FieldValue::Text("own".into()));
    flow.set(field::AGENT.id(), FieldValue::Address([198, 51, 100, 1].into()));
    bound.enrich_one(&mut flow).unwrap();
    assert_eq!(said(&flow), "own - - IPv6-ICMP - Neighbor Solicitation - -");

    let own = Services::read("game 50000/udp".as_bytes()).unwrap();
    let chain = Chain::new().then(Words::with_services(own));
    let schema = chain.schema(&Schema::common()).unwrap();
    let mut flow = Flow::new(Arc::clone(&schema));
    flow.set(field::IP_PROTOCOL.id(), FieldValue::Unsigned(17));
    flow.set(field::DST_PORT.id(), FieldValue::Unsigned(50_000));
    chain.bind(&schema).unwrap().enrich_one(&mut flow).unwrap();
    assert_eq!(text(&flow, "dst_service").as_deref(), Some("game"));
}

#[test]
fn bad_files_name_the_line() {
    for (bad, said) in [
        ("192.0.2.1,3\n", "line 1: '192.0.2.1,3' has no name"),
        ("\nrouter,3,eth0\n", "line 2: 'router' is no address"),
        ("192.0.2.1,eth0,3\n", "line 1: 'eth0' is no interface index"),
    ] {
        assert_eq!(InterfaceNames::read(bad.as_bytes()).unwrap_err().to_string(), said);
    }
}
