//! Every message of every recording decodes to what qpid-proton made of it: each value with its type, in the order of the wire.

#[cfg(test)]
mod common;

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};
    use vanflow::amqp::{self, SectionKind, Sections, Value};
    use vanflow::message::{Content, Message};
    use vanflow::record::Scalar;

    use crate::common::{RECORDINGS, recording, recordings, reference};

    /// A value in the form of the references.
    fn json(value: Value<'_>) -> Json {
        match value {
            Value::Null => json!(["null"]),
            Value::Uint(number) => json!(["uint", number]),
            Value::Ulong(number) => json!(["ulong", number]),
            Value::String(text) => json!(["string", text.to_str().unwrap()]),
            Value::Symbol(text) => json!(["symbol", text.to_str().unwrap()]),
            Value::List(list) => json!(["list", list.items().map(|item| json(item.unwrap())).collect::<Vec<_>>()]),
            Value::Map(map) => {
                let pairs = map.pairs().map(|pair| pair.map(|(key, value)| json!([json(key), json(value)])).unwrap());
                json!(["map", pairs.collect::<Vec<_>>()])
            }
            other => panic!("a type that is in no recording: {other:?}"),
        }
    }

    #[test]
    fn messages_are_what_proton_made_of_them() {
        let mut seen = 0;
        for name in RECORDINGS {
            let (Some(messages), Some(references)) = (recording(name), reference(name)) else { continue };
            assert_eq!(messages.len(), references.len());
            for (message, wanted) in messages.iter().zip(&references) {
                let seq = &wanted["seq"];
                assert_eq!(message.octets.len(), wanted["length"]);
                assert_eq!(message.link, wanted["link_address"].as_str().unwrap());
                let read = amqp::Message::parse(&message.octets).unwrap();
                let properties = read.properties();
                assert_eq!(properties.to.unwrap().to_str().unwrap(), wanted["to"].as_str().unwrap(), "{name} {seq}");
                assert_eq!(properties.subject.unwrap().to_str().unwrap(), wanted["subject"].as_str().unwrap(), "{name} {seq}");
                let application = read.application_properties().map_or_else(|| json!(["null"]), |map| json(Value::Map(map)));
                assert_eq!(application, wanted["app_properties"], "{name} {seq}");
                assert_eq!(json(read.value().unwrap_or(Value::Null)), wanted["body"], "{name} {seq}");
                for section in Sections::new(&message.octets) {
                    let kind = section.unwrap().kind.unwrap();
                    assert!(!matches!(
                        kind,
                        SectionKind::MessageAnnotations | SectionKind::DeliveryAnnotations | SectionKind::Footer
                    ));
                }
                seen += 1;
            }
        }
        println!("{seen} messages");
    }

    /// The routers' message-ids, which proton drops: they count up on each address, and no two messages have the same.
    #[test]
    fn message_ids_count_up() {
        for (name, messages) in recordings() {
            let mut last = std::collections::HashMap::new();
            let mut ids = std::collections::HashSet::new();
            let mut controllers = 0;
            for message in &messages {
                let read = Message::parse(&message.octets).unwrap();
                let Some(id) = read.id else {
                    controllers += 1;
                    continue;
                };
                // Beacons of all sources share an address.
                let source = match &read.content {
                    Content::Beacon(beacon) => beacon.id.to_str().unwrap().to_owned(),
                    _ => {
                        message.link.trim_start_matches("mc/sfe.").trim_end_matches(".flows").trim_end_matches(".logs").to_owned()
                    }
                };
                assert!(ids.insert((source.clone(), id)), "{name}: {source} {id} twice");
                if let Some(before) = last.insert((source, message.link.clone()), id) {
                    assert!(before < id, "{name}: {before} {id}");
                }
            }
            let emulated = usize::from(name == "v2-main" || name == "v1-main");
            assert_eq!(controllers > 0, emulated == 1, "{name}: only controllers send none");
        }
    }

    #[test]
    fn updates_are_the_maps_of_the_bodies() {
        let mut updates_seen = Vec::new();
        for name in RECORDINGS {
            let (Some(messages), Some(references)) = (recording(name), reference(name)) else { continue };
            let mut updates = 0;
            for (message, wanted) in messages.iter().zip(&references) {
                let read = Message::parse(&message.octets).unwrap();
                let application: Vec<(String, Json)> = wanted["app_properties"]
                    .get(1)
                    .and_then(Json::as_array)
                    .into_iter()
                    .flatten()
                    .map(|pair| (pair[0][1].as_str().unwrap().to_owned(), pair[1][1].clone()))
                    .collect();
                let said = |key: &str| application.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone()).unwrap();
                match read.content {
                    Content::Beacon(beacon) => {
                        assert_eq!(wanted["subject"], "BEACON");
                        assert_eq!(beacon.version, said("v").as_u64());
                        for (text, key) in [
                            (beacon.source_type.unwrap(), "sourceType"),
                            (beacon.id, "id"),
                            (beacon.address, "address"),
                            (beacon.direct, "direct"),
                        ] {
                            assert_eq!(text.to_str().unwrap(), said(key).as_str().unwrap());
                        }
                    }
                    Content::Heartbeat(beat) => {
                        assert_eq!(wanted["subject"], "HEARTBEAT");
                        assert_eq!((beat.version, beat.now_us), (said("v").as_u64(), said("now").as_u64()));
                        assert_eq!(beat.id.unwrap().to_str().unwrap(), said("id").as_str().unwrap());
                    }
                    Content::Record(records) => {
                        let maps = wanted["body"][1].as_array().unwrap();
                        assert_eq!(usize::try_from(records.len()).unwrap(), maps.len());
                        for (update, map) in records.zip(maps) {
                            let update = update.unwrap();
                            let mut pairs =
                                vec![json!([0, update.record_type().code()]), json!([1, update.identity().to_str().unwrap()])];
                            pairs.extend(update.attributes().map(|(attribute, value)| {
                                assert!(attribute.definition().is_some(), "{name}: {attribute}");
                                match value {
                                    Scalar::Number(number) => json!([attribute.code(), number]),
                                    Scalar::Text(text) => json!([attribute.code(), text.to_str().unwrap()]),
                                    _ => unreachable!(),
                                }
                            }));
                            let wanted: Vec<_> =
                                map[1].as_array().unwrap().iter().map(|pair| json!([pair[0][1], pair[1][1]])).collect();
                            assert_eq!(pairs, wanted, "{name}");
                            assert_eq!(update.skipped(), vanflow::message::Skipped::default());
                            updates += 1;
                        }
                    }
                    other => panic!("{other:?}"),
                }
            }
            updates_seen.push((name, updates));
        }
        // As the recordings' README counts them.
        if !updates_seen.is_empty() {
            assert_eq!(updates_seen, [("v2-main", 338), ("v1-main", 564), ("v1-legacy", 441), ("v2-load", 7295)]);
        }
    }
}
