//! Messages written: FLUSH for collectors; the others for tests and emulated sources.

use crate::amqp::{Encoder, Form, SectionKind, Value};
use crate::record::{Attribute, RecordType, Scalar};

/// A FLUSH for the direct address of a source.
#[must_use]
pub fn flush(direct: &str) -> Vec<u8> {
    let mut encoder = Encoder::default();
    properties(&mut encoder, None, direct, "FLUSH");
    encoder.section(SectionKind::Value, |body| {
        body.put(&Value::Null);
    });
    encoder.finish()
}

/// A BEACON as controllers write it.
#[must_use]
pub fn beacon(source_type: &str, id: &str, address: &str, direct: &str) -> Vec<u8> {
    let mut encoder = Encoder::default();
    properties(&mut encoder, None, "mc/sfe.all", "BEACON");
    encoder.section(SectionKind::ApplicationProperties, |section| {
        section.map(|map| {
            map.string("v").put(&Value::Uint(1)).string("sourceType").string(source_type).string("id").string(id);
            map.string("address").string(address).string("direct").string(direct);
        });
    });
    encoder.finish()
}

/// A HEARTBEAT of a source that is called `id`, with its clock.
#[must_use]
pub fn heartbeat(id: &str, now_us: u64) -> Vec<u8> {
    let mut encoder = Encoder::default();
    properties(&mut encoder, None, &["mc/sfe.", id].concat(), "HEARTBEAT");
    encoder.section(SectionKind::ApplicationProperties, |section| {
        section.map(|map| {
            map.string("v").put(&Value::Uint(1)).string("now").put(&Value::Ulong(now_us)).string("id").string(id);
        });
    });
    encoder.finish()
}

/// A record to be written: type, identity, and the other attributes.
pub type RecordSpec<'a> = (RecordType, &'a str, &'a [(Attribute, Scalar<'a>)]);

/// A RECORD to `to`, as a router writes it: a signed message id, wide lists and maps.
#[must_use]
pub fn records(id: Option<u64>, to: &str, records: &[RecordSpec<'_>]) -> Vec<u8> {
    let mut encoder = Encoder::default();
    properties(&mut encoder, id, to, "RECORD");
    let mut body = Encoder::new(Form::WideCompounds);
    body.section(SectionKind::Value, |body| {
        body.list(|list| {
            for (record_type, identity, attributes) in records {
                list.map(|map| {
                    map.put(&Value::Uint(0)).put(&Value::Uint(record_type.code())).put(&Value::Uint(1)).string(identity);
                    for (attribute, value) in *attributes {
                        map.put(&Value::Uint(attribute.code())).put(&match *value {
                            Scalar::Number(number) => Value::Ulong(number),
                            Scalar::Text(text) => Value::String(text),
                        });
                    }
                });
            }
        });
    });
    let mut octets = encoder.finish();
    octets.extend_from_slice(&body.finish());
    octets
}

fn properties(encoder: &mut Encoder, id: Option<u64>, to: &str, subject: &str) {
    encoder.section(SectionKind::Properties, |section| {
        section.list(|list| {
            // As routers do: signed, against the standard.
            list.put(&id.and_then(|id| i64::try_from(id).ok()).map_or(Value::Null, Value::Long));
            list.put(&Value::Null).string(to).string(subject);
        });
    });
}
