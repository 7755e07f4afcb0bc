//! Country, city and autonomous system: several databases together, replaced when files change, kept when they break.
#![cfg(test)]
#![cfg(feature = "geo")]

mod mmdb;

use std::sync::Arc;

use flowcodec::batch::FlowBatch;
use flowcodec::model::{FieldValue, Schema};
use flowcodec::{Text, Timestamp, field};
use flowenrich::geo::{Geo, GeoFiles};
use flowenrich::{AddrKey, ByAddress, Chain, Found, Live, Lookup, Scope, Source};
use mmdb::{Value, database};

fn city() -> Vec<u8> {
    let country = |code| ("country", Value::Map(vec![("iso_code", Value::Text(code))]));
    let town =
        |name| ("city", Value::Map(vec![("names", Value::Map(vec![("de", Value::Text("x")), ("en", Value::Text(name))]))]));
    let registered = ("registered_country", Value::Map(vec![("iso_code", Value::Text("NL"))]));
    database(
        "Test-City",
        &[
            ("192.0.2.0/25", Value::Map(vec![country("DE"), town("Frankfurt am Main"), ("location", Value::Map(vec![]))])),
            ("192.0.2.128/25", Value::Map(vec![registered])),
            ("2001:db8::/32", Value::Map(vec![country("JP")])),
            ("203.0.113.0/24", Value::Map(vec![])),
        ],
    )
}

fn asn(number: u32) -> Vec<u8> {
    let system = |organization| {
        Value::Map(vec![
            ("autonomous_system_number", Value::U32(number)),
            ("autonomous_system_organization", Value::Text(organization)),
        ])
    };
    database("Test-ASN", &[("192.0.2.0/24", system("An organization with a name of more than thirty octets"))])
}

fn said(geo: &Geo, addr: &str) -> String {
    match geo.lookup(AddrKey::new(addr.parse().unwrap()), Timestamp::EPOCH) {
        Found::One(place) => {
            format!("{:?} {:?} {:?}", place.country.unwrap_or("-"), place.city.unwrap_or("-"), place.autonomous_system)
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn databases_are_asked_together() {
    let geo = Geo::from_octets([city(), asn(64_500)]).unwrap();
    assert_eq!(said(&geo, "192.0.2.1"), r#""DE" "Frankfurt am Main" Some(64500)"#);
    assert_eq!(said(&geo, "::ffff:192.0.2.200"), r#""NL" "-" Some(64500)"#);
    assert_eq!(said(&geo, "2001:db8::1"), r#""JP" "-" None"#);
    assert_eq!((said(&geo, "203.0.113.1"), said(&geo, "10.0.0.1")), ("Nothing".to_owned(), "Nothing".to_owned()));
    let elsewhere = AddrKey::new("192.0.2.1".parse().unwrap()).in_scope(Scope::named("vms/blue"));
    assert_eq!(geo.lookup(elsewhere, Timestamp::EPOCH), Found::Nothing);
    assert_eq!(format!("{geo:?}"), r#"["Test-City", "Test-ASN"]"#);
}

#[test]
fn columns_of_a_batch() {
    let chain = Chain::new()
        .then(ByAddress::new(Live::new(Geo::from_octets([city(), asn(7)]).unwrap()), "dst_addr=dst_".parse().unwrap()));
    let schema = chain.schema(&Schema::common()).unwrap();
    let mut batch = FlowBatch::builder(Arc::clone(&schema)).all().capacity(4).build().unwrap();
    for addr in ["192.0.2.1", "8.8.8.8"] {
        batch.row().unwrap().set(field::DST_ADDR.id(), FieldValue::Address(addr.parse().unwrap()));
    }
    let outcome = chain.bind(&schema).unwrap().enrich(&mut batch).unwrap();
    assert_eq!((outcome.hits, outcome.misses), (1, 1));
    let value = |name: &str, row| batch.value(schema.find(name).unwrap(), row);
    assert_eq!(value("dst_geo_country", 0), Some(FieldValue::Text(Text::from("DE"))));
    assert_eq!(value("dst_geo_as", 0), Some(FieldValue::Unsigned(7)));
    assert_eq!(
        value("dst_geo_as_org", 0),
        Some(FieldValue::Text(Text::from("An organization with a name of more than thirty octets")))
    );
    assert_eq!(value("dst_geo_country", 1), None);
}

#[test]
fn files_are_read_again_when_they_change_and_kept_when_they_break() {
    let path = std::env::temp_dir().join(format!("flowenrich-{}.mmdb", std::process::id()));
    std::fs::write(&path, asn(1)).unwrap();
    let mut files = GeoFiles::open([&path]).unwrap();
    let live = files.live();
    let number =
        || live.current().lookup(AddrKey::new("192.0.2.1".parse().unwrap()), Timestamp::EPOCH).one().unwrap().autonomous_system;
    assert_eq!((number(), files.reload().unwrap()), (Some(1), false));

    std::fs::write(&path, asn(70_000)).unwrap();
    assert_eq!((files.reload().unwrap(), number()), (true, Some(70_000)));

    let whole = asn(2);
    let mut twisted = whole.clone();
    twisted[whole.len() / 3] ^= 0xff;
    for broken in [&whole[..whole.len() / 2], b"", b"no database at all", &twisted] {
        std::fs::write(&path, broken).unwrap();
        let error = files.reload().unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}: ", path.display())) && error.len() > path.as_os_str().len() + 10, "{error}");
        assert_eq!(number(), Some(70_000), "what was loaded stays");
    }
    std::fs::remove_file(&path).unwrap();
    let error = files.reload().unwrap_err().to_string();
    assert!(error.contains("No such file"), "{error}");
    std::fs::write(&path, &whole).unwrap();
    assert_eq!((files.reload().unwrap(), number()), (true, Some(2)));
    std::fs::remove_file(&path).unwrap();
    assert!(GeoFiles::open([&path]).is_err());
}

#[test]
fn a_change_is_not_lost_when_another_file_is_missing_for_a_moment() {
    let path = |what: &str| std::env::temp_dir().join(format!("flowenrich-{}-{what}.mmdb", std::process::id()));
    let [systems, cities] = ["systems", "cities"].map(path);
    std::fs::write(&systems, asn(1)).unwrap();
    std::fs::write(&cities, city()).unwrap();
    let mut files = GeoFiles::open([&systems, &cities]).unwrap();
    let live = files.live();
    let known = || said(&live.current(), "192.0.2.1");
    assert_eq!(known(), r#""DE" "Frankfurt am Main" Some(1)"#);

    // One is new while the other is away, and the other comes back as it was.
    let aside = path("aside");
    std::fs::write(&systems, asn(70_000)).unwrap();
    std::fs::rename(&cities, &aside).unwrap();
    assert!(files.reload().unwrap_err().to_string().contains("No such file"));
    assert_eq!(known(), r#""DE" "Frankfurt am Main" Some(1)"#, "what was loaded stays");
    std::fs::rename(&aside, &cities).unwrap();
    assert!(files.reload().unwrap());
    assert_eq!(known(), r#""DE" "Frankfurt am Main" Some(70000)"#);
    assert!(!files.reload().unwrap());
    for file in [systems, cities] {
        std::fs::remove_file(file).unwrap();
    }
}
