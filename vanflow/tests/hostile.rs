//! Broken and hostile messages: no panic, the faults lie inside the message, and what is read is bounded by it.
//!
//! Of `v2-load`, 16 messages chosen by shape; `VANFLOW_HOSTILE=all` takes all of it.

#[cfg(test)]
mod common;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use flowcodec::Fault;
    use proptest::prelude::*;
    use vanflow::amqp::{self, Items, Pairs, Sections, Value};
    use vanflow::message::{Content, Message};

    use crate::common::{Received, recordings};

    /// Reads everything there is, and counts the values.
    fn walk(octets: &[u8]) -> usize {
        let inside = |fault: &Fault| {
            let end = usize::try_from(fault.offset).unwrap() + usize::try_from(fault.available).unwrap();
            assert!(end <= octets.len(), "{fault:?} of {}", octets.len());
            assert!(usize::try_from(fault.bytes).unwrap() <= octets.len(), "{fault:?}");
        };
        let mut values = 0;
        let mut sections = Sections::new(octets);
        while let Some(section) = sections.next() {
            match section {
                Ok(section) => values += value(section.value, &inside),
                Err(fault) => {
                    inside(&fault);
                    assert!(sections.next().is_none(), "over after a fault");
                }
            }
        }
        let whole = amqp::Message::parse(octets).map_err(|fault| inside(&fault));
        match Message::parse(octets) {
            Ok(message) => {
                assert!(whole.is_ok());
                if let Content::Record(updates) = message.content {
                    let promised = updates.len();
                    let mut seen = 0;
                    for update in updates {
                        match update {
                            Ok(update) => {
                                let pairs = update.attributes().count();
                                assert!(pairs <= octets.len());
                                values += pairs;
                                seen += 1;
                            }
                            Err(fault) => inside(&fault),
                        }
                    }
                    assert!(seen <= promised);
                }
            }
            Err(fault) => inside(&fault),
        }
        assert!(values <= octets.len() * 3, "{values} values in {} octets", octets.len());
        values
    }

    fn value(read: Value<'_>, inside: &dyn Fn(&Fault)) -> usize {
        1 + match read {
            Value::List(list) => items(list.items(), inside),
            Value::Array(array) => items(array.items(), inside),
            Value::Map(map) => pairs(map.pairs(), inside),
            Value::Described(described) => value(described.value(), inside),
            _ => 0,
        }
    }

    fn items(items: Items<'_>, inside: &dyn Fn(&Fault)) -> usize {
        items.map(|item| item.map_or_else(|fault| fault_seen(&fault, inside), |item| value(item, inside))).sum()
    }

    fn pairs(pairs: Pairs<'_>, inside: &dyn Fn(&Fault)) -> usize {
        pairs
            .map(|pair| {
                pair.map_or_else(|fault| fault_seen(&fault, inside), |(key, held)| value(key, inside) + value(held, inside))
            })
            .sum()
    }

    fn fault_seen(fault: &Fault, inside: &dyn Fn(&Fault)) -> usize {
        inside(fault);
        0
    }

    /// Messages of all recordings; of a large one, those whose kinds of records and sizes differ most.
    fn inputs() -> Vec<Received> {
        let all = std::env::var_os("VANFLOW_HOSTILE").is_some_and(|which| which == "all");
        let mut chosen = Vec::new();
        for (name, messages) in recordings() {
            if all || name != "v2-load" {
                chosen.extend(messages);
                continue;
            }
            let mut by_shape: HashMap<(String, usize), Received> = HashMap::new();
            for message in messages {
                let shape = (message.link.clone(), message.octets.len().next_power_of_two());
                by_shape.entry(shape).or_insert(message);
            }
            let mut shapes: Vec<_> = by_shape.into_iter().collect();
            shapes.sort_by(|a, b| a.0.cmp(&b.0));
            chosen.extend(shapes.into_iter().map(|(_, message)| message).take(16));
        }
        assert!(chosen.len() >= 157, "tests/data has as many");
        chosen
    }

    #[test]
    fn every_prefix() {
        for message in inputs() {
            for end in 0..message.octets.len() {
                walk(&message.octets[..end]);
            }
        }
    }

    #[test]
    fn every_octet_changed() {
        for message in inputs() {
            let mut octets = message.octets.clone();
            for at in 0..octets.len() {
                let kept = octets[at];
                for changed in [kept ^ 0x01, kept ^ 0x80, 0x00, 0xff] {
                    octets[at] = changed;
                    walk(&octets);
                }
                octets[at] = kept;
            }
            assert!(walk(&octets) > 0);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn noise(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
            walk(&octets);
        }

        /// Octets that are mostly constructors, so that grammar is met more often than by chance.
        #[test]
        fn grammar_noise(
            picks in proptest::collection::vec(
                prop_oneof![
                    4 => proptest::sample::select(&[0x00_u8, 0x40, 0x43, 0x45, 0x52, 0x53, 0x55, 0x80, 0xa1, 0xa3, 0xc0, 0xc1, 0xd0, 0xd1, 0xe0, 0xf0][..]),
                    3 => 0_u8..12,
                    1 => any::<u8>(),
                ],
                0..120,
            ),
        ) {
            walk(&[&[0, 0x53, 0x77][..], &picks].concat());
        }
    }
}
