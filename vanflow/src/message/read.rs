//! A message and its subject.

use flowcodec::{Fault, FaultKind, Layer, LimitedBy, Text};

use super::update::Updates;
use crate::amqp::{self, Value};

/// One VAN-Flow message.
///
/// ```
/// # let octets = vanflow::message::heartbeat("w3st0:0", 1_795_233_109_219_630);
/// use vanflow::message::{Content, Message};
/// match Message::parse(&octets)?.content {
///     Content::Heartbeat(beat) => assert_eq!(beat.id.unwrap().to_str()?, "w3st0:0"),
///     Content::Record(updates) => {
///         for update in updates {
///             let update = update?;
///             for (attribute, value) in update.attributes() {
///                 println!("{} {:?}: {attribute} = {value:?}", update.record_type(), update.identity());
///             }
///         }
///     }
///     other => println!("{other:?}"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Message<'a> {
    /// A router counts its messages, over all its addresses, from 0 on; controllers do not.
    pub id: Option<u64>,
    /// Address it was sent to.
    pub to: Option<Text<'a>>,
    /// What it says.
    pub content: Content<'a>,
}

/// What a message says.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Content<'a> {
    /// A source announces itself.
    Beacon(Beacon<'a>),
    /// A source lives.
    Heartbeat(Heartbeat<'a>),
    /// Records changed.
    Record(Updates<'a>),
    /// A collector asks a source for all it has.
    Flush,
    /// A subject that is not known, or none.
    Other(Option<Text<'a>>),
}

/// A source announces itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Beacon<'a> {
    /// Version of the protocol: 1.
    pub version: Option<u64>,
    /// `ROUTER`, `CONTROLLER` or `COLLECTOR`.
    pub source_type: Option<Text<'a>>,
    /// Identity of the source.
    pub id: Text<'a>,
    /// Address to listen on; `.flows`, `.logs` and `.heartbeats` are made from it.
    pub address: Text<'a>,
    /// Address that takes FLUSH.
    pub direct: Text<'a>,
}

/// A source lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heartbeat<'a> {
    /// Version of the protocol: 1.
    pub version: Option<u64>,
    /// The sender's clock, in microseconds since 1970.
    pub now_us: Option<u64>,
    /// Identity of the source.
    pub id: Option<Text<'a>>,
}

impl<'a> Message<'a> {
    /// Reads a whole message.
    ///
    /// # Errors
    /// When its sections cannot be read, when a BEACON names no id, address or direct address, or the body of a RECORD is no list.
    /// Records inside the body are read when they are asked for.
    pub fn parse(octets: &'a [u8]) -> Result<Self, Fault> {
        Self::of(&amqp::Message::parse(octets)?, octets)
    }

    /// The same of a message whose sections were read already from `octets`.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn of(message: &amqp::Message<'a>, octets: &'a [u8]) -> Result<Self, Fault> {
        let whole = flowcodec::Input::new(octets);
        let invalid = |layer| Fault::new(FaultKind::ValueInvalid, layer, LimitedBy::Datagram, 0).costing(whole.len32());
        let text = |name| message.application_property(name).and_then(Value::text);
        let number = |name| message.application_property(name).and_then(Value::unsigned);
        let properties = message.properties();
        let content = match properties.subject.map(Text::as_bytes) {
            Some(b"RECORD") => match message.value() {
                Some(Value::List(list)) => Content::Record(Updates::new(list)),
                _ => return Err(invalid(Layer::Record)),
            },
            Some(b"HEARTBEAT") => Content::Heartbeat(Heartbeat { version: number("v"), now_us: number("now"), id: text("id") }),
            Some(b"BEACON") => match (text("id"), text("address"), text("direct")) {
                (Some(id), Some(address), Some(direct)) => {
                    Content::Beacon(Beacon { version: number("v"), source_type: text("sourceType"), id, address, direct })
                }
                _ => return Err(invalid(Layer::Header)),
            },
            Some(b"FLUSH") => Content::Flush,
            _ => Content::Other(properties.subject),
        };
        Ok(Self { id: properties.message_id.and_then(Value::natural), to: properties.to, content })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{beacon, flush};

    #[test]
    fn subjects() {
        let octets = beacon("ROUTER", "a:0", "mc/sfe.a:0", "sfe.a:0");
        let Content::Beacon(beacon) = Message::parse(&octets).unwrap().content else { panic!() };
        assert_eq!((beacon.version, beacon.source_type), (Some(1), Some("ROUTER".into())));
        assert_eq!((beacon.id, beacon.address, beacon.direct), ("a:0".into(), "mc/sfe.a:0".into(), "sfe.a:0".into()));
        let octets = flush("sfe.a:0");
        let message = Message::parse(&octets).unwrap();
        assert_eq!((message.id, message.to), (None, Some("sfe.a:0".into())));
        assert!(matches!(message.content, Content::Flush));
        assert!(matches!(Message::parse(&[]).unwrap().content, Content::Other(None)));
    }

    #[test]
    fn a_record_without_a_list_and_a_beacon_without_an_address() {
        let mut encoder = amqp::Encoder::default();
        encoder.section(amqp::SectionKind::Properties, |properties| {
            properties.list(|list| {
                list.put(&Value::Long(-1)).put(&Value::Null).put(&Value::Null).symbol("RECORD");
            });
        });
        let octets = encoder.finish();
        let fault = Message::parse(&octets).unwrap_err();
        assert_eq!((fault.kind, fault.layer, fault.offset), (FaultKind::ValueInvalid, Layer::Record, 0));
        let octets = beacon("ROUTER", "a:0", "mc", "sfe")
            .iter()
            .map(|&octet| if octet == b'd' { b'x' } else { octet })
            .collect::<Vec<_>>();
        assert_eq!(Message::parse(&octets).unwrap_err().layer, Layer::Header);
    }
}
