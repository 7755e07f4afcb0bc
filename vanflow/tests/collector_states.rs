//! The collector's state after each recording is the state that an independent merge came to: all identities and attributes, what ended,
//! what belongs together; and it is the same whatever is done to the way the messages come.

#[cfg(test)]
mod common;

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet, HashMap};

    use flowcodec::Text;
    use proptest::prelude::*;
    use serde_json::{Map, Value as Json, json};
    use vanflow::amqp::{self, Encoder, Form, SectionKind, Value};
    use vanflow::collector::{Collector, EndedBy, RecordView, Settings};
    use vanflow::record::{Attribute, RecordType, Scalar};

    use crate::common::{Received, recording, recordings, state};

    fn text(text: Text<'_>) -> String {
        text.to_str().unwrap().to_owned()
    }

    fn collect(messages: &[Received]) -> Collector {
        let mut collector = Collector::new(Settings::default());
        for message in messages {
            let outcome = collector.message(message.at, &message.link, &message.octets).unwrap();
            assert_eq!((outcome.skipped, outcome.fault), (0, None));
        }
        collector
    }

    /// Identity to type, attributes and end, in the form of the states.
    fn records(collector: &Collector) -> Map<String, Json> {
        let view = |record: RecordView<'_>| {
            let mut attributes = Map::new();
            attributes.insert("0".into(), record.record_type().code().into());
            attributes.insert("1".into(), text(record.identity()).into());
            for (attribute, value) in record.attributes() {
                let value = match value {
                    Scalar::Number(number) => number.into(),
                    Scalar::Text(value) => text(value).into(),
                    _ => unreachable!(),
                };
                attributes.insert(attribute.code().to_string(), value);
            }
            json!({
                "attrs": attributes,
                "ended": record.ended().is_some(),
                "source_address": record.source().unwrap().address(),
                "type": record.record_type().to_string(),
                "updates": record.updates(),
            })
        };
        collector.all_records().map(|record| (text(record.identity()), view(record))).collect()
    }

    /// `source_address` of the states is the link's, with its suffix.
    fn without_suffixes(records: &Json) -> Map<String, Json> {
        let mut records = records.as_object().unwrap().clone();
        for record in records.values_mut() {
            let address = record["source_address"].as_str().unwrap();
            let base = address.trim_end_matches(".flows").trim_end_matches(".logs").to_owned();
            record["source_address"] = base.into();
        }
        records
    }

    #[test]
    fn records_sources_and_counts_of_every_recording() {
        for (name, messages) in recordings() {
            let wanted = state(name).unwrap();
            let collector = collect(&messages);
            let (found, records_wanted) = (records(&collector), without_suffixes(&wanted["records"]));
            for (identity, record) in &records_wanted {
                assert_eq!(&found[identity], record, "{name}: {identity}");
            }
            assert_eq!(found.len(), records_wanted.len(), "{name}");
            let stats = collector.stats();
            let number = |key: &str| wanted[key].as_u64().unwrap();
            assert_eq!(stats.updates, number("record_updates"), "{name}");
            assert_eq!(stats.noop_updates, number("noop_updates"), "{name}");
            assert_eq!(stats.unchanged_attributes, number("resent_unchanged_attributes"), "{name}");
            let messages = &wanted["messages"];
            assert_eq!(
                json!([stats.beacons, stats.heartbeats, stats.records]),
                json!([messages["BEACON"], messages["HEARTBEAT"], messages["RECORD"]])
            );
            assert_eq!(
                (stats.restarts, stats.silences, stats.duplicates, stats.misplaced, stats.unknown_attributes),
                (0, 0, 0, 0, 0),
                "{name}"
            );
            for (id, source) in wanted["sources"].as_object().unwrap() {
                let found = collector.source(id).unwrap();
                assert_eq!(found.address(), source["address"]);
                assert_eq!(found.direct().unwrap(), source["direct"]);
                assert_eq!(found.source_type().unwrap(), source["sourceType"]);
                let beats = &wanted["heartbeats"][id];
                assert_eq!(found.heartbeats(), beats["n"].as_u64().unwrap());
            }
            assert_eq!(collector.sources().count(), wanted["sources"].as_object().unwrap().len());
        }
    }

    #[test]
    fn connections_and_requests_of_v2() {
        for name in ["v2-main", "v2-load"] {
            let (Some(messages), Some(wanted)) = (recording(name), state(name)) else { continue };
            let collector = collect(&messages);
            let pairs = wanted["pairs"].as_array().unwrap();
            let connections: HashMap<_, _> = collector.connections().map(|found| (text(found.identity()), found)).collect();
            let requests: HashMap<_, _> = collector.requests().map(|found| (text(found.identity()), found)).collect();
            for pair in pairs {
                if let Some(request) = pair.get("request") {
                    let found = requests[request.as_str().unwrap()];
                    assert_eq!(json!(found.connection_identity().map(text)), pair["connection"], "{name}: {request}");
                    assert_eq!(found.connection().is_some(), pair["connection_known"].as_bool().unwrap());
                    assert!(found.is_complete() <= found.connection().is_some());
                    continue;
                }
                let found = connections[pair["connection"].as_str().unwrap()];
                let site = |site: Option<vanflow::collector::Reference<'_>>| json!(site.map(|site| text(site.identity())));
                let as_json = json!({
                    "connection": text(found.identity()),
                    "address": found.address().map(text),
                    "connector": site(found.connector()),
                    "connector_known": found.connector().and_then(|connector| connector.record()).is_some(),
                    "listener": site(found.listener()),
                    "listener_known": found.listener().and_then(|listener| listener.record()).is_some(),
                    "src_router": site(found.listener_router()),
                    "dst_router": site(found.connector_router()),
                    "src_site": site(found.client_site()),
                    "dst_site": site(found.server_site()),
                    "ended": found.end().is_some(),
                    "octets": found.octets(),
                    "octets_reverse": found.octets_reverse(),
                    "latency_us": found.latency_us(),
                    "process_latency_us": found.process_latency_us(),
                });
                assert_eq!(&as_json, pair, "{name}");
            }
            assert_eq!(connections.len() + requests.len(), pairs.len(), "{name}");
        }
    }

    #[test]
    fn latency_may_be_negative() {
        // As counted in the reference beside the recordings.
        for (name, negative, both) in [("v2-main", 8, 37), ("v2-load", 62, 1426)] {
            let Some(messages) = recording(name) else { continue };
            let collector = collect(&messages);
            let added: Vec<_> = collector.connections().filter_map(|found| found.added_latency_us()).collect();
            assert_eq!((added.iter().filter(|added| **added < 0).count(), added.len()), (negative, both), "{name}");
        }
    }

    /// Of 42 connections, four stay at one router and five were refused (counted in the independent state).
    #[test]
    fn traces_and_errors() {
        let collector = collect(&recording("v2-main").unwrap());
        let (mut local, mut refused) = (0, 0);
        for found in collector.connections() {
            let trace: Vec<_> = found.trace().map(text).collect();
            let stays = found.listener_router().unwrap().identity() == found.connector_router().unwrap().identity();
            assert_eq!(trace, if stays { &[][..] } else { &["0/rtr-west"] });
            local += usize::from(stays);
            if let Some(error) = found.connector_error() {
                assert_eq!(text(error), "proton:io (Connection refused - on connect 127.0.0.1:21029)");
                assert_eq!(found.listener_error().map(text).unwrap(), "delivery-failed (destination unreachable)");
                assert_eq!(found.process_latency_us(), None);
                refused += 1;
            }
        }
        assert_eq!((local, refused), (4, 5));
    }

    #[test]
    fn pairs_of_v1() {
        for name in ["v1-main", "v1-legacy"] {
            let (Some(messages), Some(wanted)) = (recording(name), state(name)) else { continue };
            let collector = collect(&messages);
            let of_connections = collector.connections().map(|found| (found.listener_side(), found.connector_side(), true));
            let of_requests = collector.requests().map(|found| (found.listener_side(), found.connector_side(), false));
            let sides: Vec<_> = of_connections.chain(of_requests).collect();
            let pairs: BTreeSet<_> = sides
                .iter()
                .filter_map(|(listener, connector, _)| Some((text((*connector)?.identity()), text((*listener)?.identity()))))
                .collect();
            let wanted: BTreeSet<_> = wanted["pairs"]
                .as_array()
                .unwrap()
                .iter()
                .map(|pair| {
                    assert_eq!(pair["resolved"], true);
                    let side = |key: &str| pair[key].as_str().unwrap().to_owned();
                    (side("connector_side"), side("listener_side"))
                })
                .collect();
            assert_eq!(pairs, wanted, "{name}");
            // Every flow shows exactly once, with or without its partner.
            let shown: usize = sides.iter().map(|(a, b, _)| usize::from(a.is_some()) + usize::from(b.is_some())).sum();
            assert_eq!(shown, collector.records(RecordType::FLOW).count(), "{name}");
            assert!(sides.iter().any(|(_, _, connection)| !connection) && sides.iter().any(|(_, _, connection)| *connection));
            for (listener, connector, _) in sides {
                let (Some(listener), Some(connector)) = (listener, connector) else { continue };
                assert_eq!(listener.connection().is_some(), connector.connection().is_some(), "a pair is of one kind");
            }
        }
    }

    #[test]
    fn v1_sites_say_their_version() {
        let Some(messages) = recording("v1-main") else { return };
        let collector = collect(&messages);
        let site = collector.find(b"ctrl-west-v1").unwrap();
        assert_eq!(site.text(Attribute::LINK_COUNT), Some("1.9.6".into()));
        assert_eq!(site.text(Attribute::OPER_STATUS), Some("disabled".into()));
    }

    #[test]
    fn the_listener_counts_what_the_router_did_not_tell() {
        let Some(messages) = recording("v2-load") else { return };
        let collector = collect(&messages);
        let echo = collector
            .records(RecordType::LISTENER)
            .find(|listener| listener.text(Attribute::ADDRESS) == Some("echo:9090".into()));
        let loss = collector.loss(echo.unwrap()).unwrap();
        assert_eq!((loss.opened, loss.seen, loss.missing()), (1_500, 1_426, 74));
    }

    #[test]
    fn services_are_what_listeners_and_connectors_name() {
        for (name, messages) in recordings() {
            let (collector, wanted) = (collect(&messages), state(name).unwrap());
            let mut services: BTreeMap<(String, String), [u32; 2]> = BTreeMap::new();
            let mut groups = BTreeSet::new();
            for record in wanted["records"].as_object().unwrap().values() {
                let said = |code: &str| record["attrs"][code].as_str().unwrap_or_default().to_owned();
                let side = match record["type"].as_str().unwrap() {
                    "LISTENER" => 0,
                    "CONNECTOR" => 1,
                    "PROCESS" => {
                        groups.insert(said("46"));
                        continue;
                    }
                    _ => continue,
                };
                services.entry((said("19"), said("16"))).or_default()[side] += 1;
            }
            let found: BTreeMap<_, _> = collector
                .services()
                .iter()
                .map(|service| ((text(service.address), text(service.protocol)), [service.listeners, service.connectors]))
                .collect();
            assert_eq!(found, services, "{name}");
            assert_eq!(collector.process_groups().into_iter().map(text).collect::<BTreeSet<_>>(), groups, "{name}");
        }
    }

    #[test]
    fn links_lead_to_the_other_router() {
        for (name, links, found) in [("v2-main", 1, 1), ("v1-main", 2, 2), ("v1-legacy", 2, 2)] {
            let Some(messages) = recording(name) else { continue };
            let collector = collect(&messages);
            assert_eq!(collector.links().count(), links, "{name}");
            let ends = collector.links().filter(|link| {
                let peer = link.peer.map(|peer| peer.identity());
                peer.is_some() && peer != link.router.map(|router| router.identity())
            });
            assert_eq!(ends.count(), found, "{name}");
        }
    }

    #[test]
    fn under_a_cap_flows_go_and_are_counted() {
        let Some(messages) = recording("v2-load") else { return };
        let mut settings = Settings::default();
        settings.flows = 1_000;
        let mut collector = Collector::new(settings);
        for message in &messages {
            collector.message(message.at, &message.link, &message.octets).unwrap();
            assert!(collector.held(vanflow::record::Class::Flow) <= 1_000);
        }
        let held = u64::try_from(collector.held(vanflow::record::Class::Flow)).unwrap();
        assert_eq!(held, 1_000);
        // 6,427 identities; a flow that is updated after it went is a new one.
        assert!(collector.stats().evicted_flows >= 5_427, "{:?}", collector.stats());
    }

    // Whatever is done to the way the messages come.

    /// What does not depend on it: everything but how often things were said.
    fn essence(collector: &Collector) -> (BTreeMap<String, Json>, BTreeSet<String>) {
        let mut all = BTreeMap::new();
        for (identity, mut record) in records(collector) {
            record.as_object_mut().unwrap().remove("updates");
            all.insert(identity, record);
        }
        let connections =
            collector.connections().map(|found| format!("{found:?} {:?} {:?}", found.listener(), found.connector()));
        let requests = collector.requests().map(|found| format!("{found:?} {:?}", found.connection_identity()));
        (all, connections.chain(requests).collect())
    }

    /// Without the inference that waits: that depends on when.
    fn collect_patiently(messages: &[Received]) -> Collector {
        let mut settings = Settings::default();
        settings.infer_after = std::time::Duration::ZERO;
        let mut collector = Collector::new(settings);
        for message in messages {
            collector.message(message.at, &message.link, &message.octets).unwrap();
        }
        collector
    }

    #[test]
    fn every_message_twice() {
        for (name, messages) in recordings() {
            let twice: Vec<_> = messages.iter().flat_map(|message| [message.clone(), message.clone()]).collect();
            let collector = collect_patiently(&twice);
            assert_eq!(essence(&collector), essence(&collect_patiently(&messages)), "{name}");
            assert_eq!(collector.stats().restarts, 0, "{name}");
            assert!(collector.stats().duplicates > 0, "{name}");
        }
    }

    /// Every path once more, some messages later.
    #[test]
    fn every_message_again_by_a_slower_path() {
        for (name, messages) in recordings() {
            // Controllers send no ids: a late copy of theirs cannot be told from news.
            let slow: Vec<_> = messages.iter().filter(|message| !message.link.contains("ctrl-")).cloned().collect();
            for delay in [1, 7, 40] {
                let mut both = Vec::new();
                for (at, message) in messages.iter().enumerate() {
                    both.push(message.clone());
                    if let Some(late) = at
                        .checked_sub(delay)
                        .map(|at| &messages[at])
                        .filter(|late| slow.iter().any(|slow| slow.octets == late.octets))
                    {
                        both.push(late.clone());
                    }
                }
                assert_eq!(essence(&collect_patiently(&both)), essence(&collect_patiently(&messages)), "{name} {delay}");
            }
        }
    }

    /// Puts the messages of the addresses together anew; within one address the order stays.
    fn interleave(messages: &[Received], picks: &[u16]) -> Vec<Received> {
        let mut queues: BTreeMap<&str, std::collections::VecDeque<&Received>> = BTreeMap::new();
        for message in messages {
            queues.entry(&message.link).or_default().push_back(message);
        }
        let mut queues: Vec<_> = queues.into_values().collect();
        let times: Vec<_> = messages.iter().map(|message| message.at).collect();
        let mut picks = picks.iter().copied().cycle();
        let mut mixed = Vec::new();
        while !queues.is_empty() {
            let which = usize::from(picks.next().unwrap()) % queues.len();
            let mut message = queues[which].pop_front().unwrap().clone();
            message.at = times[mixed.len()];
            mixed.push(message);
            queues.retain(|queue| !queue.is_empty());
        }
        mixed
    }

    /// The same message in another form: lists, maps and texts of the other width, pairs of maps turned round by `turn`.
    fn rewrite(octets: &[u8], form: Form, turn: usize) -> Vec<u8> {
        let message = amqp::Message::parse(octets).unwrap();
        let mut encoder = Encoder::new(form);
        for section in message.sections() {
            let section = section.unwrap();
            encoder.section(section.kind.unwrap(), |encoder| match (section.kind, section.value) {
                (Some(SectionKind::Value), Value::List(list)) => encoder.list(|encoder| {
                    for item in list.items() {
                        let Value::Map(map) = item.unwrap() else { panic!() };
                        let mut pairs: Vec<_> = map.pairs().map(Result::unwrap).collect();
                        let middle = turn % pairs.len();
                        pairs.rotate_left(middle);
                        encoder.map(|encoder| {
                            for (key, value) in &pairs {
                                encoder.put(key).put(value);
                            }
                        });
                    }
                }),
                (_, value) => {
                    encoder.put(&value);
                }
            });
        }
        encoder.finish()
    }

    #[test]
    fn other_forms_and_other_orders_of_keys() {
        for (name, messages) in recordings() {
            let plain = essence(&collect_patiently(&messages));
            for (form, turn) in
                [(Form::Shortest, 0), (Form::Widest, 1), (Form::Shortest, 3), (Form::WideCompounds, 5), (Form::Widest, 7)]
            {
                let written: Vec<_> = messages
                    .iter()
                    .map(|message| Received { octets: rewrite(&message.octets, form, turn), ..message.clone() })
                    .collect();
                assert_eq!(essence(&collect_patiently(&written)), plain, "{name} {form:?} {turn}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn addresses_overtake_each_other(picks in proptest::collection::vec(any::<u16>(), 1..400)) {
            for name in ["v2-main", "v1-main", "v1-legacy"] {
                let Some(messages) = recording(name) else { continue };
                let mixed = collect_patiently(&interleave(&messages, &picks));
                prop_assert_eq!(mixed.stats().restarts, 0);
                prop_assert_eq!(essence(&mixed), essence(&collect_patiently(&messages)), "{}", name);
            }
        }
    }

    #[test]
    fn one_address_behind_the_other() {
        for (name, messages) in recordings() {
            let plain = essence(&collect_patiently(&messages));
            let mut links: Vec<_> = messages.iter().map(|message| &message.link).collect();
            links.sort();
            links.dedup();
            for _ in 0..links.len() {
                links.rotate_left(1);
                let mut sorted = messages.clone();
                sorted.sort_by_key(|message| links.iter().position(|link| **link == message.link));
                for (at, message) in sorted.iter_mut().enumerate() {
                    message.at = messages[at].at;
                }
                let collector = collect_patiently(&sorted);
                assert_eq!(collector.stats().restarts, 0);
                assert_eq!(essence(&collector), plain, "{name} {}", links[0]);
            }
        }
    }

    #[test]
    fn nobody_ended_but_by_its_source() {
        for (name, messages) in recordings() {
            let collector = collect(&messages);
            assert!(collector.all_records().all(|record| record.ended().is_none_or(|by| by == EndedBy::Source)), "{name}");
        }
    }
}
