//! What a decoder says of datagrams, without its borrows; and every way to read a sample, held against the others.

use std::sync::Arc;

use flowcodec::ie::{ElementId, SflowStructure};
use flowcodec::model::{FieldValue, Schema};
use flowcodec::packet::{self, Start};
use flowcodec::sflow::{RawHeader, Sample, SampleKind, Structure, table};
use flowcodec::{
    Decoder, Element, Event, Events, Exporter, ExporterChange, Fault, Flow, FlowRecord, Record, RecordSet, RowScratch,
    SequenceChange, Settings, Timestamp, Value, field,
};

pub(super) const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// Where datagrams come from unless a test says otherwise.
pub(super) fn exporter() -> Exporter {
    Exporter::new([198, 51, 100, 7].into(), 6343)
}

/// One event, without its borrow.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    Flows(Vec<Seen>),
    Counters(Vec<Seen>),
    Unknown(Vec<Seen>),
    Fault(Fault),
    Sequence(SequenceChange),
    Exporter(ExporterChange),
}

/// One sample as a record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) kind: SampleKind,
    /// Where it begins in its datagram, and all its octets.
    pub(super) offset: u32,
    pub(super) raw: Vec<u8>,
    /// Structure by structure, names and values.
    pub(super) structures: Vec<(SflowStructure, Vec<(String, String)>)>,
    /// The common fields, by name.
    pub(super) fields: Vec<(String, String)>,
}

impl Seen {
    fn new(record: &Record<'_>, schema: &Arc<Schema>) -> Self {
        let sample = record.sample().unwrap();
        let values = |structure: &Structure<'_>| {
            let values = structure.values().into_iter().flatten().map(|value| value.unwrap());
            values.map(|value| (value.def.name.to_owned(), value.value.to_string())).collect()
        };
        let fields = record.fields(schema).map(|(id, value)| (schema.field(id).unwrap().name.to_string(), shown(&value)));
        Self {
            kind: sample.kind(),
            offset: sample.offset(),
            raw: record.raw().to_vec(),
            structures: record.structures().map(|structure| (structure.id(), values(&structure))).collect(),
            fields: fields.collect(),
        }
    }

    /// A common field as text.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// The structures it has, in order.
    pub(super) fn ids(&self) -> Vec<SflowStructure> {
        self.structures.iter().map(|(id, _)| *id).collect()
    }
}

fn shown(value: &FieldValue<'_>) -> String {
    match value {
        FieldValue::Address(address) => address.to_string(),
        FieldValue::Unsigned(number) => number.to_string(),
        FieldValue::Double(number) => number.to_string(),
        FieldValue::Time(time) => time.to_string(),
        FieldValue::Mac(mac) => mac.to_string(),
        FieldValue::Text(text) => text.to_string(),
        FieldValue::Octets(octets) => format!("{octets:02x?}"),
        FieldValue::Numbers(numbers) => format!("{:?}", numbers.iter().collect::<Vec<_>>()),
        other => format!("{other:?}"),
    }
}

/// A decoder, the books of which are checked after every call.
pub(super) struct Bench {
    pub(super) decoder: Decoder,
    schema: Arc<Schema>,
    scratch: RowScratch,
    faulty: u64,
    /// Whether each sample is read in every way.
    thorough: bool,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        let schema = Arc::clone(&settings.schema);
        Self { decoder: Decoder::new(settings), schema, scratch: RowScratch::new(), faulty: 0, thorough: true }
    }

    /// For inputs by the ten thousand.
    pub(super) fn cursory() -> Self {
        Self { thorough: false, ..Self::new() }
    }

    /// A datagram now, from [`exporter`].
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Vec<Said> {
        self.from(exporter(), NOW, bytes)
    }

    pub(super) fn from(&mut self, exporter: Exporter, received: Timestamp, bytes: &[u8]) -> Vec<Said> {
        let Self { decoder, schema, scratch, thorough, .. } = self;
        let mut said = Vec::new();
        let mut events = decoder.datagram(exporter, received, bytes);
        collect(&mut events, &mut said, |set| samples(set, schema, scratch, *thorough, bytes));
        drop(events);
        self.settle(&said);
        said
    }

    pub(super) fn tick(&mut self, now: Timestamp) -> Vec<Said> {
        let mut said = Vec::new();
        let mut events = self.decoder.tick(now);
        collect(&mut events, &mut said, |set| panic!("{set:?}"));
        drop(events);
        self.settle(&said);
        said
    }

    fn settle(&mut self, said: &[Said]) {
        self.faulty += faults(said).iter().map(|fault| u64::from(fault.bytes)).sum::<u64>();
        let stats = self.decoder.stats();
        assert_eq!(stats.bytes, stats.bytes_decoded + stats.bytes_reported, "{stats:?}");
        assert_eq!((stats.bytes_reported, stats.bytes_pending), (self.faulty, 0), "{stats:?}");
    }
}

fn collect(events: &mut Events<'_>, said: &mut Vec<Said>, mut samples: impl FnMut(RecordSet<'_>) -> Vec<Seen>) {
    while let Some(event) = events.next() {
        said.push(match event {
            Event::Flows(set) => Said::Flows(samples(set)),
            Event::Counters(set) => Said::Counters(samples(set)),
            Event::Unknown(set) => Said::Unknown(samples(set)),
            Event::Fault(event) => Said::Fault(event.fault),
            Event::Sequence(event) => Said::Sequence(event.change),
            Event::Exporter(event) => Said::Exporter(event.change),
            other => panic!("{other:?}"),
        });
    }
}

pub(super) fn faults(said: &[Said]) -> Vec<Fault> {
    said.iter().filter_map(|it| if let Said::Fault(fault) = it { Some(*fault) } else { None }).collect()
}

pub(super) fn changes(said: &[Said]) -> Vec<SequenceChange> {
    said.iter().filter_map(|it| if let Said::Sequence(change) = it { Some(*change) } else { None }).collect()
}

/// All samples, in the order of the events.
pub(super) fn all(said: &[Said]) -> Vec<Seen> {
    let sets = said.iter().filter_map(|it| match it {
        Said::Flows(samples) | Said::Counters(samples) | Said::Unknown(samples) => Some(samples),
        _ => None,
    });
    sets.flatten().cloned().collect()
}

fn samples(set: RecordSet<'_>, schema: &Arc<Schema>, scratch: &mut RowScratch, thorough: bool, bytes: &[u8]) -> Vec<Seen> {
    let mut rows = Vec::new();
    set.rows(scratch, |run| rows.extend_from_slice(run));
    assert_eq!(rows.len(), usize::try_from(set.len()).unwrap());
    assert_eq!(set.records().map(|record| record.raw()).collect::<Vec<_>>().concat(), set.raw());
    let read = |(record, row): (Record<'_>, &FlowRecord)| {
        let mut filled = FlowRecord::EMPTY;
        record.fill(&mut filled);
        assert_eq!(filled, *row, "{record:?}");
        let seen = Seen::new(&record, schema);
        let at = usize::try_from(seen.offset).unwrap();
        assert_eq!(bytes[at..at + seen.raw.len()], seen.raw);
        if thorough {
            agree(&record, row, schema);
        }
        seen
    };
    set.records().zip(&rows).map(read).collect()
}

/// All ways to a record agree: elements, common fields one by one, all at once, as a row, owned, and as JSON.
pub(super) fn agree(record: &Record<'_>, row: &FlowRecord, schema: &Arc<Schema>) {
    let flow = record.to_flow(schema);
    assert_eq!(flow.row(), row);
    let listed: Vec<_> = record.fields(schema).collect();
    assert!(listed.is_sorted_by_key(|(id, _)| *id));
    assert_eq!(listed, flow.fields().collect::<Vec<_>>());
    for spec in schema.fields() {
        let id = schema.find(&spec.name).unwrap();
        assert_eq!(record.value(id), flow.value(id), "{}", spec.name);
    }
    typed(record, row, &flow);
    // All elements of a sample are kept beside its fields.
    if let Some(sample) = record.sample() {
        let elements: Vec<_> = record.elements().map(|element| (element.id(), element.octets().to_vec())).collect();
        let other: Vec<_> = flow.other().iter().map(|other| (other.id, other.octets.to_vec())).collect();
        assert_eq!(elements, other);
        elements_of(record, sample);
        headers_of(record, sample);
    }
    let (written, read) = (serde_json::to_string(&flow).unwrap(), |text: &str| serde_json::from_str::<Flow>(text));
    assert!(read(&written).is_ok_and(|back| back == flow), "{written}");
    #[cfg(feature = "json")]
    json_of(record, &flow, schema);
}

macro_rules! agree {
    ($record:ident, $other:ident: $($field:ident)*) => {
        $(assert_eq!($other.get(field::$field), $record.get(field::$field), stringify!($field));)*
    };
}

fn typed(record: &Record<'_>, row: &FlowRecord, flow: &Flow) {
    agree! { record, row:
        RECEIVED EXPORTER EXPORTER_PORT DOMAIN PROTOCOL TEMPLATE SAMPLING_RATE COUNTERS_SCALED START END SRC_ADDR DST_ADDR SRC_PORT
        DST_PORT IP_PROTOCOL TCP_FLAGS TOS TTL OCTETS PACKETS IN_IF OUT_IF DIRECTION NEXT_HOP SRC_AS DST_AS SRC_PREFIX_LEN
        DST_PREFIX_LEN VLAN POST_VLAN SRC_MAC DST_MAC ETHERTYPE FLOW_LABEL ICMP_TYPE ICMP_CODE FORWARDING_STATUS END_REASON
        IP_VERSION
    }
    agree! { record, flow:
        AGENT OBSERVATION_POINT OBSERVED LAYER2_OCTETS SAMPLE_POOL SAMPLE_DROPS FRAME_LENGTH FRAGMENT_ID FRAGMENT_OFFSET
        FRAGMENT_FLAGS OUT_IF_COUNT IN_IF_NAME CUSTOMER_VLAN BGP_NEXT_HOP NEXT_AS PREVIOUS_AS AS_PATH BGP_COMMUNITIES LOCAL_PREF
        MPLS_LABELS POST_NAT_SRC_ADDR POST_NAT_DST_ADDR POST_NAT_SRC_PORT POST_NAT_DST_PORT SRC_USER DST_USER TUNNEL_KEY
        TUNNEL_SRC_ADDR TUNNEL_DST_ADDR TUNNEL_PROTOCOL TUNNEL_SRC_PORT TUNNEL_DST_PORT DROP_REASON
    }
}

/// The elements are the values in front of the records, and those of each record; one octet string where the layout is not known.
fn elements_of(record: &Record<'_>, sample: &Sample<'_>) {
    let mut elements = record.elements();
    let same = |value: table::Value<'_>, element: &Element<'_>| {
        assert_eq!((element.id(), element.octets(), element.name()), (value.element, value.octets, Some(value.def.name)));
        assert_eq!(format!("{:?}", element.value()), format!("{:?}", Value::from(value.value)));
    };
    let raw = |structure: SflowStructure, body: &[u8], element: &Element<'_>| {
        assert_eq!(element.id(), ElementId::Sflow { structure, field: 0 });
        assert_eq!((element.octets(), element.name()), (body, None));
        assert!(matches!(element.value(), Value::Octets(octets) if octets == body));
    };
    match sample.values() {
        Some(values) => values.for_each(|value| same(value.unwrap(), &elements.next().unwrap())),
        None => raw(SflowStructure::Sample(sample.format().0), sample.body(), &elements.next().unwrap()),
    }
    for structure in record.structures() {
        match structure.values() {
            Some(values) => values.for_each(|value| same(value.unwrap(), &elements.next().unwrap())),
            None => raw(structure.id(), structure.body(), &elements.next().unwrap()),
        }
    }
    assert!(elements.next().is_none());
    assert!(record.elements().all(|element| element.field().is_none()));
    let first = record.elements().next().unwrap();
    assert_eq!(record.element(first.id()).map(|element| element.octets()), Some(first.octets()));
}

/// The headers are those of the first `sampled_header`.
fn headers_of(record: &Record<'_>, sample: &Sample<'_>) {
    let first = sample.records().flatten().filter(|it| it.id() == SflowStructure::Flow(1)).find_map(|it| RawHeader::of(&it).ok());
    let parsed = first.map(|header| packet::parse(Start::from_sflow(header.protocol.0), header.header));
    assert_eq!(format!("{:?}", record.headers()), format!("{parsed:?}"));
}

#[cfg(feature = "json")]
fn json_of(record: &Record<'_>, flow: &Flow, schema: &Arc<Schema>) {
    use flowcodec::io;
    let (mut common, mut again, mut elements) = (String::new(), String::new(), String::new());
    io::write_record(&mut common, record, schema);
    io::write_flow(&mut again, flow);
    assert_eq!(common, again);
    assert_eq!(strict(&common).as_object().unwrap().len(), flow.fields().count());
    io::write_elements(&mut elements, record);
    let parsed = strict(&elements);
    let agent = record.context().agent.map(|agent| agent.to_string());
    assert_eq!(parsed.get("agent").and_then(|agent| agent.as_str()), agent.as_deref());
    let name = |it: Structure<'_>| it.layout().map_or_else(|| it.format().to_string(), |layout| layout.name.to_owned());
    for structure in record.structures() {
        let name_here = name(structure);
        let same = record.structures().filter(|other| name(*other) == name_here).count();
        let shown = &parsed["elements"][&name_here];
        assert_eq!(shown.as_array().map_or(1, Vec::len), same, "{name_here}: {elements}");
    }
}

/// A document in which no member of an object stands twice.
#[cfg(feature = "json")]
pub(super) fn strict(text: &str) -> serde_json::Value {
    use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
    struct Strict;
    impl<'de> Deserialize<'de> for Strict {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(Self)
        }
    }
    impl<'de> Visitor<'de> for Strict {
        type Value = Self;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("JSON")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
            let mut seen = std::collections::HashSet::new();
            while let Some((name, _)) = map.next_entry::<String, Self>()? {
                if !seen.insert(name.clone()) {
                    return Err(A::Error::custom(format!("{name} stands twice")));
                }
            }
            Ok(Self)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
            while items.next_element::<Self>()?.is_some() {}
            Ok(Self)
        }

        fn visit_str<E>(self, _: &str) -> Result<Self, E> {
            Ok(Self)
        }

        fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
            Ok(Self)
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
            Ok(Self)
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
            Ok(Self)
        }

        fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
            Ok(Self)
        }

        fn visit_unit<E>(self) -> Result<Self, E> {
            Ok(Self)
        }
    }
    serde_json::from_str::<Strict>(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    serde_json::from_str(text).unwrap()
}
