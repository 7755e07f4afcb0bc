//! Every record of the corpus read in every way there is: they agree.
#![cfg(test)]

mod common;

use common::{corpus, decode, groups};
use flowcodec::ie::{ElementId, SflowStructure};
use flowcodec::model::{FieldValue, Schema};
use flowcodec::sflow::table;
use flowcodec::{Element, Event, Flow, FlowBatch, FlowRecord, Record, RecordSet, RowScratch, Settings, field, io};
use flowdump::input::Options;
use serde_json::Value as Json;

/// Records whose owned form is made: all in small groups, every so many in the one large group.
const EVERY: usize = 16;

/// Asserts that each typed read of a record gives what the row has.
macro_rules! agree {
    ($record:ident, $row:ident: $($field:ident)*) => {
        $(assert_eq!($row.get(field::$field), $record.get(field::$field), stringify!($field));)*
    };
}

fn typed(record: &Record<'_>, row: &FlowRecord) {
    agree! { record, row:
        RECEIVED EXPORTER EXPORTER_PORT DOMAIN PROTOCOL TEMPLATE SAMPLING_RATE COUNTERS_SCALED START END SRC_ADDR DST_ADDR SRC_PORT
        DST_PORT IP_PROTOCOL TCP_FLAGS TOS TTL OCTETS PACKETS IN_IF OUT_IF DIRECTION NEXT_HOP SRC_AS DST_AS SRC_PREFIX_LEN
        DST_PREFIX_LEN VLAN POST_VLAN SRC_MAC DST_MAC ETHERTYPE FLOW_LABEL ICMP_TYPE ICMP_CODE FORWARDING_STATUS END_REASON
        IP_VERSION
    }
}

/// Whether a field of a sample stands under the name of its structure; of what is in front of the records, in two words or one.
fn is_shown(element: &Element<'_>, shown: &Json) -> bool {
    let ElementId::Sflow { structure, .. } = element.id() else { return false };
    let (Some(layout), Some(name)) = (table::layout(structure), element.name()) else { return false };
    if matches!(structure, SflowStructure::Sample(_)) {
        return shown.as_object().unwrap().keys().any(|key| key.starts_with(name) || name.starts_with(&**key));
    }
    match &shown[layout.name] {
        Json::Array(several) => several.iter().all(|one| one.get(name).is_some()),
        one => one.get(name).is_some(),
    }
}

/// Whether a value says all of these octets; `None` where it is computed from more than them.
fn says(value: FieldValue<'_>, octets: &[u8]) -> Option<bool> {
    let number = || octets.iter().fold(0_u64, |number, &octet| (number << 8) | u64::from(octet));
    Some(match value {
        FieldValue::Unsigned(value) => octets.len() <= 8 && value == number(),
        FieldValue::Address(std::net::IpAddr::V4(address)) if octets.len() == 4 => address.octets() == octets,
        FieldValue::Address(std::net::IpAddr::V6(address)) => address.octets() == octets,
        FieldValue::Mac(mac) => mac.octets() == octets,
        FieldValue::Octets(value) => value == octets,
        _ => return None,
    })
}

/// Every element stands in the flow: as a field that says it, or beside the fields with its octets.
fn keeps(flow: &Flow, record: &Record<'_>, schema: &Schema) {
    let mut others = flow.other().iter().peekable();
    for element in record.elements().filter(|element| element.field().is_some()) {
        if others.next_if(|other| other.id == element.id() && other.octets == element.octets()).is_some() {
            continue;
        }
        let feeds = flow.fields().filter(|(id, _)| {
            schema.field(*id).is_some_and(|spec| spec.sources.iter().any(|source| source.element == element.id()))
        });
        let feeds: Vec<_> = feeds.map(|(_, value)| value).collect();
        let whole = feeds.iter().any(|value| says(*value, element.octets()) != Some(false));
        // ICMP type and code of one element are two fields.
        let halves =
            element.octets().iter().all(|octet| feeds.iter().any(|value| *value == FieldValue::Unsigned(u64::from(*octet))));
        assert!(whole || halves, "{} {:x?} is lost: {:?}, {:?}", element.id(), element.octets(), flow.row(), flow.other());
    }
}

struct Paths {
    schema: std::sync::Arc<Schema>,
    batch: FlowBatch,
    scratch: RowScratch,
    rows: Vec<FlowRecord>,
    json: String,
    records: usize,
    owned: usize,
    in_columns: usize,
}

impl Paths {
    fn set(&mut self, set: RecordSet<'_>) {
        self.rows.clear();
        set.rows(&mut self.scratch, |run| self.rows.extend_from_slice(run));
        assert_eq!(self.rows.len(), usize::try_from(set.len()).unwrap());
        assert_eq!(set.records().len(), self.rows.len());
        let mut octets = 0;
        let rows = std::mem::take(&mut self.rows);
        for (record, row) in set.records().zip(&rows) {
            let mut filled = FlowRecord::EMPTY;
            record.fill(&mut filled);
            assert_eq!(filled, *row);
            typed(&record, row);
            octets += record.raw().len();
            self.records += 1;
            // The large group alone has more than this.
            if self.records < 20_000 || self.records.is_multiple_of(EVERY) {
                self.owned(&record, row);
            }
        }
        assert_eq!(octets, set.raw().len());
        self.rows = rows;
        if self.records < 20_000 {
            self.columns(set);
        }
    }

    fn columns(&mut self, set: RecordSet<'_>) {
        let (mut records, mut rest) = (set.records(), Some(set));
        while let Some(set) = rest {
            if self.batch.is_full() {
                self.batch.clear();
            }
            let from = self.batch.len();
            rest = self.batch.append(set);
            for (row, record) in (from..self.batch.len()).zip(&mut records) {
                for spec in self.schema.fields() {
                    let id = self.schema.find(&spec.name).unwrap();
                    assert_eq!(self.batch.value(id, row), record.value(id), "{}", spec.name);
                }
                self.in_columns += 1;
            }
        }
    }

    fn owned(&mut self, record: &Record<'_>, row: &FlowRecord) {
        self.owned += 1;
        let flow = record.to_flow(&self.schema);
        assert_eq!(flow.row(), row);
        if record.template().is_some_and(|template| template.id() != 0) {
            keeps(&flow, record, &self.schema);
        }
        let copy: Flow = serde_json::from_str(&serde_json::to_string(&flow).unwrap()).unwrap();
        assert_eq!(copy, flow);
        for spec in self.schema.fields() {
            let id = self.schema.find(&spec.name).unwrap();
            assert_eq!(record.value(id), flow.value(id), "{}", spec.name);
        }

        self.json.clear();
        io::write_record(&mut self.json, record, &self.schema);
        let parsed: Json = serde_json::from_str(&self.json).unwrap_or_else(|error| panic!("{error}: {}", self.json));
        let members = parsed.as_object().unwrap();
        assert_eq!(members.len(), flow.fields().count());
        for (id, value) in flow.fields() {
            let name = &*self.schema.field(id).unwrap().name;
            let shown = &members[name];
            match value {
                FieldValue::Unsigned(number) => assert!(*shown == number || shown.is_string(), "{name}: {shown}"),
                FieldValue::Address(address) => assert_eq!(*shown, address.to_string(), "{name}"),
                FieldValue::Time(time) => assert_eq!(*shown, time.to_string(), "{name}"),
                _ => {}
            }
        }
        let mut again = String::new();
        io::write_flow(&mut again, &flow);
        assert_eq!(again, self.json);

        again.clear();
        io::write_elements(&mut again, record);
        let parsed: Json = serde_json::from_str(&again).unwrap_or_else(|error| panic!("{error}: {again}"));
        assert_eq!(parsed["domain"], record.context().domain);
        for element in record.elements() {
            let shown = &parsed["elements"];
            match element.field() {
                Some(field) => {
                    let name = field.label().map_or_else(|| element.id().to_string(), str::to_owned);
                    // The padding of fixed layouts is not shown.
                    assert!(shown.get(&name).is_some() || record.template().unwrap().id() == 0, "{name}: {again}");
                }
                None => assert!(is_shown(&element, shown), "{}: {again}", element.id()),
            }
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        if let Event::Flows(set) | Event::Options(set) | Event::Counters(set) | Event::Unknown(set) = event {
            self.set(*set);
        }
    }
}

#[test]
fn all_ways_of_reading_agree() {
    let Some(corpus) = corpus() else { return };
    let mut paths = Paths {
        schema: Schema::common(),
        batch: FlowBatch::builder(Schema::common()).all().capacity(100).build().unwrap(),
        scratch: RowScratch::default(),
        rows: Vec::new(),
        json: String::new(),
        records: 0,
        owned: 0,
        in_columns: 0,
    };
    let mut groups = groups(&corpus);
    // The large group last, to take a part of it.
    groups.sort_by_key(|group| group.name == "netflow_parser__IPFIX");
    for recording in [
        "hsflowd/s1",
        "openvswitch/ipfix_each",
        "openvswitch/ipfix_tunnel",
        "openvswitch/sflow1",
        "pmacct/sfprobe",
        "softflowd/psamp",
        "softflowd/v10_bidi",
    ] {
        let path = corpus.join("exporters").join(recording).with_extension("pcap");
        decode(&[path], Options::default(), Settings::default(), &mut |event| paths.event(event));
    }
    for recording in ["antrea-0.9", "antrea-1.15", "antrea-2.7", "aggregator-2.7-aggregate-tcp"] {
        let path = corpus.join(format!("antrea/{recording}.pcap"));
        decode(&[path], Options::default(), Settings::default(), &mut |event| paths.event(event));
    }
    for group in &groups {
        group.decode(&corpus, Settings::default(), &mut |event| paths.event(event));
    }
    // 79,998 of the groups, and the recordings.
    assert_eq!((paths.records, paths.owned, paths.in_columns), (81_546, 23_846, 19_994));
}
