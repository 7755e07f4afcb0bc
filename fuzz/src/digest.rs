//! One number for everything a decoder said: two runs over the same octets have to give the same.

use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash, Hasher};

use flowcodec::model::FieldValue;
use flowcodec::template::Template;
use flowcodec::{Context, Event, List, ListItem, Record, RecordSet, Value};

/// How deep lists are followed here; the decoder reports those beyond its own limit, and leaves them readable.
const LIST_DEPTH: u8 = 12;

/// Collects what is said.
#[derive(Debug, Default)]
pub(crate) struct Digest {
    hasher: DefaultHasher,
    /// Items of lists that were read.
    pub(crate) items: u64,
}

impl Digest {
    pub(crate) fn finish(&self) -> u64 {
        self.hasher.finish()
    }

    pub(crate) fn add(&mut self, value: impl Hash) {
        value.hash(&mut self.hasher);
    }

    /// Everything of an event but the records of a set.
    pub(crate) fn event(&mut self, event: &Event<'_>) {
        self.context(event.context());
        match event {
            Event::Flows(set) => self.set(1, set),
            Event::Options(set) => self.set(2, set),
            Event::Counters(set) => self.set(3, set),
            Event::Unknown(set) => self.set(5, set),
            Event::Template(event) => {
                self.add((4, event.id, event.kind, event.change));
                self.add(event.template.map(|template| (template.id(), template.kind(), template.fields().len())));
            }
            Event::Sampling(event) => self.debug(&event.change),
            Event::Sequence(event) => self.debug(&event.change),
            Event::Exporter(event) => self.debug(&event.change),
            Event::Fault(event) => self.add(event.fault),
            _ => self.add(0_u8),
        }
    }

    fn set(&mut self, kind: u8, set: &RecordSet<'_>) {
        self.add((kind, set.len(), set.raw(), set.template().map(Template::id)));
    }

    fn context(&mut self, context: &Context) {
        self.add((context.exporter, context.stream, context.protocol, context.domain, context.received));
        self.add((context.exported, context.uptime_ms, context.sequence, context.offset, context.counters_scaled));
        self.add(context.sampling_rate.map(f64::to_bits));
    }

    /// All elements of a record, lists read to their ends.
    pub(crate) fn elements(&mut self, record: &Record<'_>, depth: u8) -> usize {
        let (mut elements, mut octets) = (0_usize, 0_usize);
        for element in record.elements() {
            elements = elements.saturating_add(1);
            octets = octets.saturating_add(element.octets().len());
            self.add((element.id(), element.octets()));
            self.value(&element.value(), depth);
        }
        assert!(octets <= record.raw().len(), "elements hold {octets} octets of a record of {}", record.raw().len());
        if let Some(template) = record.template() {
            assert_eq!(elements, template.fields().len(), "every field of the template is an element of the record");
        }
        elements
    }

    /// The structures of a sample, and the headers of a packet down to the innermost.
    pub(crate) fn packet(&mut self, record: &Record<'_>) {
        for structure in record.structures() {
            self.add((structure.id(), structure.offset(), structure.body()));
            self.debug(&structure.flow());
            if let Some(values) = structure.values() {
                values.for_each(|value| assert!(value.is_ok(), "the records of a sample fit"));
            }
        }
        let mut headers = record.headers();
        while let Some(outer) = headers {
            self.debug(&outer);
            headers = outer.inner();
        }
    }

    fn value(&mut self, value: &Value<'_>, depth: u8) {
        match value {
            Value::Unsigned(number) => self.add((1, number)),
            Value::Signed(number) => self.add((2, number)),
            Value::Float(number) => self.add((3, number.to_bits())),
            Value::Bool(truth) => self.add((4, truth)),
            Value::Mac(mac) => self.add((5, mac)),
            Value::Text(text) => self.add((6, text)),
            Value::Octets(octets) => self.add((7, octets)),
            Value::Time(time) => self.add((8, time)),
            Value::Address(address) => self.add((9, address)),
            Value::List(list) => self.list(list, depth),
            Value::SflowList(list) => self.debug(list),
            _ => self.add(0),
        }
    }

    fn list(&mut self, list: &List<'_>, depth: u8) {
        self.add((list.semantic(), list.octets()));
        self.debug(&list.kind());
        if depth >= LIST_DEPTH {
            return;
        }
        let mut items = 0_usize;
        for item in list.items() {
            items = items.saturating_add(1);
            match item {
                ListItem::Value(value) => self.value(&value, depth.saturating_add(1)),
                ListItem::Record(record) => {
                    self.elements(&record, depth.saturating_add(1));
                }
                _ => {}
            }
        }
        assert!(items <= list.octets().len(), "{items} items in a list of {} octets", list.octets().len());
        self.items = self.items.saturating_add(u64::try_from(items).unwrap_or(u64::MAX));
    }

    /// The value of a common field.
    pub(crate) fn field(&mut self, value: Option<FieldValue<'_>>) {
        match value {
            None => self.add(0),
            Some(FieldValue::Address(address)) => self.add((1, address)),
            Some(FieldValue::Unsigned(number)) => self.add((2, number)),
            Some(FieldValue::Double(number)) => self.add((3, number.to_bits())),
            Some(FieldValue::Signed(number)) => self.add((9, number)),
            Some(FieldValue::Time(time)) => self.add((4, time)),
            Some(FieldValue::Mac(mac)) => self.add((5, mac)),
            Some(FieldValue::Text(text)) => self.add((6, text)),
            Some(FieldValue::Octets(octets)) => self.add((7, octets)),
            Some(FieldValue::Numbers(numbers)) => self.add((8, numbers.iter().collect::<Vec<_>>())),
            Some(other) => self.debug(&other),
        }
    }

    pub(crate) fn debug(&mut self, value: &impl Debug) {
        self.add(format!("{value:?}"));
    }
}
