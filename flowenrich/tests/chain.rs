//! Chains of enrichers on single flows: fields, order, time, scope, port, counts.
#![cfg(test)]

use std::net::IpAddr;
use std::sync::Arc;

use flowcodec::model::{FieldDef, FieldSpec, FieldValue, Flow, Schema, String, U64, Unit};
use flowcodec::{Text, Timestamp, field};
use flowenrich::{AddrKey, Annotate, BindError, ByAddress, Cells, Chain, Found, Live, Lookup, Mapping, OtherSchema};

static ASKED: FieldDef<String> = FieldDef::new("asked", Unit::None, "What was asked", &[]);
static OTHER: FieldDef<U64> = FieldDef::new("asked", Unit::None, "A number under the same name", &[]);

/// Answers with the question; 192.0.2.0/24 is ambiguous, 198.51.100.0/24 unknown, 203.0.113.0/24 not synced.
struct Echo;

impl Lookup for Echo {
    type Answer<'a> = std::string::String;

    fn lookup<'a>(&'a self, key: AddrKey<'_>, at: Timestamp) -> Found<Self::Answer<'a>> {
        let port = key.port().map(|port| (port.number, port.protocol));
        let answer = format!("{} {} {port:?} {}", key.addr(), key.scope().name(), at.as_nanos());
        match key.addr() {
            IpAddr::V4(v4) => match v4.octets()[0] {
                192 => Found::Ambiguous(answer),
                198 => Found::Nothing,
                203 => Found::NotSynced,
                _ => Found::One(answer),
            },
            IpAddr::V6(_) => Found::One(answer),
        }
    }
}

impl Annotate for Echo {
    fn fields() -> Vec<FieldSpec> {
        vec![ASKED.spec()]
    }

    fn write(found: Found<Self::Answer<'_>>, cells: &mut Cells<'_>) {
        cells.text_if(0, found.answer().as_deref());
    }
}

fn text(flow: &Flow, name: &str) -> Option<std::string::String> {
    match flow.value(flow.schema().find(name)?)? {
        FieldValue::Text(text) => Some(text.to_string()),
        other => panic!("{name} is {other:?}"),
    }
}

fn address(text: &str) -> FieldValue<'static> {
    FieldValue::Address(text.parse().unwrap())
}

#[test]
fn key_and_time_are_those_of_the_flow() {
    let mapping: Mapping = "SrcAddr=src_,dst_addr=dst_,next_hop=nxt_".parse().unwrap();
    let chain = Chain::new().then(ByAddress::new(Arc::new(Echo), mapping).scope_from("vrf_name"));
    let schema = chain.schema(&Schema::common()).unwrap();
    let mut bound = chain.bind(&schema).unwrap();

    let mut flow = Flow::new(Arc::clone(&schema));
    flow.set(field::SRC_ADDR.id(), address("::ffff:10.0.0.1"));
    flow.set(field::DST_ADDR.id(), address("2001:db8::1"));
    flow.set(field::DST_PORT.id(), FieldValue::Unsigned(53));
    flow.set(field::RECEIVED.id(), FieldValue::Time(Timestamp::from_nanos(30)));
    let outcome = bound.enrich_one(&mut flow).unwrap();
    assert_eq!((outcome.hits, outcome.absent), (2, 1), "the next hop is absent");
    assert_eq!(text(&flow, "src_asked").unwrap(), "10.0.0.1  None 30");
    assert_eq!(text(&flow, "dst_asked").unwrap(), "2001:db8::1  Some((53, None)) 30");
    assert_eq!(text(&flow, "nxt_asked"), None);

    flow.set(field::START.id(), FieldValue::Time(Timestamp::from_nanos(10)));
    flow.set(field::IP_PROTOCOL.id(), FieldValue::Unsigned(17));
    flow.set(field::VRF_NAME.id(), FieldValue::Text(Text::from("blue")));
    bound.enrich_one(&mut flow).unwrap();
    assert_eq!(text(&flow, "dst_asked").unwrap(), "2001:db8::1 blue Some((53, Some(17))) 10");
    flow.set(field::END.id(), FieldValue::Time(Timestamp::from_nanos(20)));
    bound.enrich_one(&mut flow).unwrap();
    assert_eq!(text(&flow, "src_asked").unwrap(), "10.0.0.1 blue None 20");

    // A scope that is no text is no scope at all.
    flow.set(field::VRF_NAME.id(), FieldValue::Text(Text::new(b"\xff")));
    assert_eq!(bound.enrich_one(&mut flow).unwrap().misses, 2);
}

#[test]
fn findings_are_counted_for_each_enricher() {
    let one = |from: &str, prefix: &str| ByAddress::new(Live::new(Echo), Mapping::new([(from, prefix)]));
    let chain = Chain::new().then(one("src_addr", "src_")).then(one("dst_addr", "dst_"));
    let schema = chain.schema(&Schema::common()).unwrap();
    let mut bound = chain.bind(&schema).unwrap();
    for (src, dst) in [("10.0.0.1", "192.0.2.1"), ("198.51.100.1", "203.0.113.1"), ("10.0.0.1", "198.51.100.1")] {
        let mut flow = Flow::new(Arc::clone(&schema));
        flow.set(field::SRC_ADDR.id(), address(src));
        flow.set(field::DST_ADDR.id(), address(dst));
        bound.enrich_one(&mut flow).unwrap();
    }
    let counts = bound.counts();
    assert_eq!((counts[0].hits, counts[0].misses), (2, 1));
    assert_eq!((counts[1].ambiguous, counts[1].not_synced, counts[1].misses, counts[1].hits), (1, 1, 1, 0));
}

#[test]
fn another_schema_is_an_error_and_not_a_wrong_column() {
    let chain = Chain::new().then(ByAddress::new(Arc::new(Echo), Mapping::default()));
    let schema = chain.schema(&Schema::common()).unwrap();
    let mut bound = chain.bind(&schema).unwrap();
    let mut flow = Flow::new(Schema::common());
    flow.set(field::SRC_ADDR.id(), address("10.0.0.1"));
    let error: OtherSchema = bound.enrich_one(&mut flow).unwrap_err();
    assert_eq!(error.to_string(), "the flow or batch is of another schema than the enricher was bound to");
    assert_eq!(bound.counts()[0].hits, 0);

    assert_eq!(chain.bind(&Schema::common()).unwrap_err(), BindError::NotAdded("src_asked".to_owned()));
    let wrong = Schema::common().with([{
        let mut spec = OTHER.spec();
        spec.name = "src_asked".into();
        spec
    }]);
    assert_eq!(chain.bind(&wrong.unwrap()).unwrap_err().to_string(), "the field 'src_asked' is of type u64, not text");
    assert!(chain.clone().then(ByAddress::new(Arc::new(Echo), Mapping::default())).schema(&Schema::common()).is_err());
}
