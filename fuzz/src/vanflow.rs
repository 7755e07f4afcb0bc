//! AMQP values and VAN-Flow messages, and a collector that is told them.

use ::vanflow::amqp::{self, Encoder, Form, Plain, Sections, Value};
use ::vanflow::collector::{Collector, Settings, Stats};
use ::vanflow::lower::{Lowering, legs};
use ::vanflow::message::{Content, Message};
use ::vanflow::record::Class;
use flowcodec::model::Schema;
use flowcodec::{Fault, Timestamp};

/// One AMQP message: every value of every section, and what VAN-Flow makes of it.
///
/// # Panics
/// When an invariant does not hold.
pub fn vanflow_message(data: &[u8]) {
    let mut values = 0;
    let mut sections = Sections::new(data);
    while let Some(section) = sections.next() {
        match section {
            Ok(section) => values += walk(section.value, data),
            Err(fault) => {
                inside(&fault, data);
                assert!(sections.next().is_none(), "over after a fault");
            }
        }
    }
    // A value is an octet or more, and descriptors are read as well as what they describe.
    assert!(values <= data.len().saturating_mul(2), "{values} values in {} octets", data.len());
    if let Ok(value) = Value::parse(data) {
        // What was read is written and read again as the same.
        for form in [Form::Shortest, Form::WideCompounds, Form::Widest] {
            let mut encoder = Encoder::new(form);
            encoder.put(&value);
            let octets = encoder.finish();
            let mut again = Encoder::new(form);
            again.put(&Value::parse(&octets).unwrap_or(Value::Null));
            assert_eq!(again.finish(), octets);
        }
    }
    assert_eq!(amqp::Message::parse(data).is_ok(), Sections::new(data).all(|section| section.is_ok()) && properties(data));
    match Message::parse(data) {
        Ok(Message { content: Content::Record(updates), .. }) => {
            let promised = updates.len();
            let mut read = 0_u32;
            for update in updates {
                match update {
                    Ok(update) => {
                        read = read.saturating_add(1);
                        let pairs = u32::try_from(update.attributes().count()).unwrap_or(u32::MAX);
                        let skipped = update.skipped().keys.saturating_add(update.skipped().values);
                        assert!(pairs.saturating_add(skipped) <= update.pairs());
                    }
                    Err(fault) => inside(&fault, data),
                }
            }
            assert!(read <= promised);
        }
        Ok(_) => {}
        Err(fault) => inside(&fault, data),
    }
}

/// Whether the properties, where there are any, are a list that can be read: all a message asks of its sections.
fn properties(data: &[u8]) -> bool {
    let first = Sections::new(data).flatten().find_map(|section| match (section.kind, section.value) {
        (Some(amqp::SectionKind::Properties), Value::List(list)) => Some(list),
        _ => None,
    });
    first.is_none_or(|list| list.items().all(|item| item.is_ok()))
}

fn inside(fault: &Fault, data: &[u8]) {
    let reach = usize::try_from(fault.offset.saturating_add(fault.available)).unwrap_or(usize::MAX);
    assert!(reach <= data.len() && usize::try_from(fault.bytes).is_ok_and(|bytes| bytes <= data.len()), "{fault:?}");
}

fn walk(value: Value<'_>, data: &[u8]) -> usize {
    let seen = |fault: Fault| {
        inside(&fault, data);
        0
    };
    let inner = match value {
        Value::List(list) => list.items().map(|item| item.map_or_else(seen, |item| walk(item, data))).sum(),
        Value::Array(array) => array.items().map(|item| item.map_or_else(seen, |item| walk(item, data))).sum(),
        Value::Map(map) => {
            let plain = map.pairs().map(|pair| pair.map(|(key, value)| (key.unsigned(), Plain::from(value))));
            assert!(plain.eq(map.plain()), "two readers of one map");
            map.pairs().map(|pair| pair.map_or_else(seen, |(key, value)| walk(key, data).saturating_add(walk(value, data)))).sum()
        }
        Value::Described(described) => walk(described.value(), data),
        _ => 0_usize,
    };
    inner.saturating_add(1)
}

/// Addresses of two sources, and one of none.
const LINKS: [&str; 8] = [
    "mc/sfe.all",
    "mc/sfe.w3st0:0",
    "mc/sfe.w3st0:0.flows",
    "mc/sfe.w3st0:0.logs",
    "mc/sfe.iQeO_:0",
    "mc/sfe.iQeO_:0.flows",
    "mc/sfe.ctrl-west-v2",
    "elsewhere",
];

/// Messages as [`vanflow_collector`] reads them: the number of the link among its `LINKS`, seconds since the message before, and the octets.
pub fn write_collector<'a>(messages: impl Iterator<Item = (&'a str, u8, &'a [u8])>) -> Vec<u8> {
    let mut data = Vec::new();
    for (link, seconds, octets) in messages {
        let link = LINKS.iter().position(|known| *known == link).unwrap_or(LINKS.len().saturating_sub(1));
        data.extend([u8::try_from(link).unwrap_or(0), seconds]);
        data.extend(u16::try_from(octets.len()).unwrap_or(u16::MAX).to_be_bytes());
        data.extend_from_slice(octets.get(..octets.len().min(usize::from(u16::MAX))).unwrap_or_default());
    }
    data
}

/// A collector with small caps, and several sources.
///
/// # Panics
/// When an invariant does not hold.
pub fn vanflow_collector(mut data: &[u8]) {
    let mut settings = Settings::default();
    (settings.flows, settings.logs, settings.source_elements, settings.sources) = (50, 5, 20, 3);
    (settings.total_bytes, settings.record_attributes, settings.versions, settings.changes) = (100_000, 30, 3, 40);
    let caps = settings.clone();
    let mut collector = Collector::new(settings);
    let mut now = Timestamp::from_seconds(1_795_233_109);
    while let Some((&[link, seconds, a, b], rest)) = data.split_first_chunk() {
        let (octets, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([a, b]))).unwrap_or((rest, &[]));
        data = rest;
        now = now.offset(i64::from(seconds).saturating_mul(1_000_000_000));
        let link = LINKS.get(usize::from(link & 7)).copied().unwrap_or_default();
        if collector.message(now, link, octets).is_err() {
            vanflow_message(octets);
        }
        if seconds > 0 {
            collector.tick(now);
        }
        assert!(collector.held(Class::Flow) <= caps.flows && collector.held(Class::Log) <= caps.logs);
        assert!(collector.sources().count() <= caps.sources);
    }
    views(&mut collector);
    let mut ticks = 0_u32;
    while let Some(next) = collector.next_tick() {
        collector.tick(next);
        ticks = ticks.saturating_add(1);
        assert!(ticks < 10_000, "time goes on");
    }
    assert_eq!((collector.bytes_held(), collector.sources().count(), collector.all_records().count()), (0, 0, 0));
}

/// Every message is counted once, and everything can be looked at.
fn views(collector: &mut Collector) {
    let Stats {
        messages, beacons, heartbeats, records, bad_messages, other_subjects, misplaced, duplicates, bad_beacons, ..
    } = *collector.stats();
    let told = [beacons, heartbeats, records, bad_messages, other_subjects, misplaced, duplicates, bad_beacons];
    assert_eq!(told.into_iter().fold(0, u64::saturating_add), messages, "{:?}", collector.stats());
    if let Ok(lowering) = Lowering::new(&Schema::common()) {
        for connection in collector.connections() {
            let flow = lowering.connection(&connection);
            assert_eq!(flow.get(flowcodec::field::OCTETS_TOTAL), connection.octets());
            assert!(connection.is_complete() == connection.missing().is_none());
            core::hint::black_box(legs(&connection));
        }
        for request in collector.requests() {
            core::hint::black_box(lowering.request(&request));
        }
    }
    for record in collector.all_records() {
        assert!(collector.record(record.id()).is_some_and(|found| found.identity() == record.identity()));
    }
    core::hint::black_box((collector.links().count(), collector.services(), collector.inferred_processes()));
    while collector.poll_command().is_some() || collector.poll_change().is_some() {}
}
