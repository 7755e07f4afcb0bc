//! A message: its sections.

use flowcodec::wire::{Input, fault_of};
use flowcodec::{Fault, FaultKind, Layer, Text};

use super::compound::{List, Map};
use super::value::{DEPTH, Descriptor, Value, value};

/// Which section of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SectionKind {
    /// Durability, priority, time to live.
    Header,
    /// For the next hop.
    DeliveryAnnotations,
    /// For the infrastructure.
    MessageAnnotations,
    /// Message id, subject and their like.
    Properties,
    /// What the application says beside the body.
    ApplicationProperties,
    /// A body of octets.
    Data,
    /// A body that is a list.
    Sequence,
    /// A body of one value.
    Value,
    /// Behind the body.
    Footer,
}

impl SectionKind {
    /// Code and name of each kind (part 3 §3.2).
    const TABLE: [(Self, u64, &'static str); 9] = [
        (Self::Header, 0x70, "amqp:header:list"),
        (Self::DeliveryAnnotations, 0x71, "amqp:delivery-annotations:map"),
        (Self::MessageAnnotations, 0x72, "amqp:message-annotations:map"),
        (Self::Properties, 0x73, "amqp:properties:list"),
        (Self::ApplicationProperties, 0x74, "amqp:application-properties:map"),
        (Self::Data, 0x75, "amqp:data:binary"),
        (Self::Sequence, 0x76, "amqp:amqp-sequence:list"),
        (Self::Value, 0x77, "amqp:amqp-value:*"),
        (Self::Footer, 0x78, "amqp:footer:map"),
    ];

    /// What a descriptor stands for.
    #[must_use]
    pub fn of(descriptor: Descriptor<'_>) -> Option<Self> {
        let names = |&&(_, code, name): &&(Self, u64, &str)| match descriptor {
            Descriptor::Code(sent) => sent == code,
            Descriptor::Symbol(sent) => sent.as_bytes() == name.as_bytes(),
            Descriptor::Other => false,
        };
        Self::TABLE.iter().find(names).map(|&(kind, ..)| kind)
    }

    /// Its descriptor's code.
    #[must_use]
    pub fn code(self) -> u64 {
        Self::TABLE.iter().find(|(kind, ..)| *kind == self).map_or(0, |&(_, code, _)| code)
    }

    const fn is_body(self) -> bool {
        matches!(self, Self::Data | Self::Sequence | Self::Value)
    }
}

/// One section. Its content is read when it is asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Section<'a> {
    /// Which; `None` for a descriptor that names none.
    pub kind: Option<SectionKind>,
    /// Its content.
    pub value: Value<'a>,
}

/// The sections of a message, in the order of the wire. After a fault there are no more.
#[derive(Debug, Clone)]
pub struct Sections<'a> {
    rest: Input<'a>,
}

impl<'a> Sections<'a> {
    /// The sections of `octets`: a whole message, or any run of sections.
    #[must_use]
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { rest: Input::new(octets) }
    }
}

impl<'a> Iterator for Sections<'a> {
    type Item = Result<Section<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (at, read) = (self.rest, value(DEPTH)(self.rest).map_err(fault_of));
        let (rest, section) = match read {
            Ok((rest, Value::Described(section))) => (rest, Ok(section)),
            Ok(_) => (at, Err(at.fault(FaultKind::ValueInvalid, Layer::Set).costing(at.len32()))),
            Err(fault) => (at, Err(fault)),
        };
        self.rest = if section.is_ok() { rest } else { Input::at(&[], at.offset(), at.limit()) };
        Some(section.map(|section| Section { kind: SectionKind::of(section.descriptor()), value: section.value() }))
    }
}

/// A message: what its sections say. All are optional.
///
/// ```
/// use vanflow::amqp::{Message, Value};
/// // Properties with a subject, and a body.
/// let octets = b"\x00\x53\x73\xc0\x0a\x04\x40\x40\x40\xa1\x04PING\x00\x53\x77\x52\x2a";
/// let message = Message::parse(octets)?;
/// assert_eq!(message.properties().subject.unwrap().to_str()?, "PING");
/// assert_eq!(message.value(), Some(Value::Uint(42)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    properties: Properties<'a>,
    application_properties: Option<Map<'a>>,
    body: Option<Section<'a>>,
    octets: &'a [u8],
}

impl<'a> Message<'a> {
    /// Reads the sections of a whole message, or of a body section alone.
    ///
    /// # Errors
    /// When the octets are not a run of sections, or properties are not a list. What lies inside the body is not looked at.
    pub fn parse(octets: &'a [u8]) -> Result<Self, Fault> {
        let mut message = Self { properties: Properties::default(), application_properties: None, body: None, octets };
        let mut had_properties = false;
        for section in Sections::new(octets) {
            let section = section?;
            match (section.kind, section.value) {
                (Some(SectionKind::Properties), Value::List(list)) if !had_properties => {
                    had_properties = true;
                    message.properties = Properties::read(list)?;
                }
                (Some(SectionKind::ApplicationProperties), Value::Map(map)) if message.application_properties.is_none() => {
                    message.application_properties = Some(map);
                }
                (Some(kind), _) if kind.is_body() && message.body.is_none() => message.body = Some(section),
                _ => {}
            }
        }
        Ok(message)
    }

    /// The properties; all absent where there was no such section.
    #[must_use]
    pub const fn properties(&self) -> &Properties<'a> {
        &self.properties
    }

    /// The application properties.
    #[must_use]
    pub const fn application_properties(&self) -> Option<Map<'a>> {
        self.application_properties
    }

    /// An application property by name; the name may have been sent as a string or a symbol.
    #[must_use]
    pub fn application_property(&self, name: &str) -> Option<Value<'a>> {
        self.application_properties.and_then(|map| map.get(name))
    }

    /// The first section of the body.
    #[must_use]
    pub const fn body(&self) -> Option<Section<'a>> {
        self.body
    }

    /// The body, if it is a value (amqp-value) or a list (amqp-sequence).
    #[must_use]
    pub fn value(&self) -> Option<Value<'a>> {
        self.body.filter(|body| body.kind != Some(SectionKind::Data)).map(|body| body.value)
    }

    /// All sections, those that have no accessor here too.
    #[must_use]
    pub const fn sections(&self) -> Sections<'a> {
        Sections::new(self.octets)
    }
}

/// The properties of a message that this crate has a use for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct Properties<'a> {
    /// Id of the message, of any type.
    pub message_id: Option<Value<'a>>,
    /// Address it is sent to.
    pub to: Option<Text<'a>>,
    /// What it is about.
    pub subject: Option<Text<'a>>,
    /// Address to answer to.
    pub reply_to: Option<Text<'a>>,
    /// Id of the message it belongs to, of any type.
    pub correlation_id: Option<Value<'a>>,
}

impl<'a> Properties<'a> {
    fn read(list: List<'a>) -> Result<Self, Fault> {
        let mut properties = Self::default();
        for (place, item) in (0_u32..).zip(list.items()) {
            let item = item?;
            match place {
                0 => properties.message_id = Some(item).filter(|id| !id.is_null()),
                2 => properties.to = item.text(),
                3 => properties.subject = item.text(),
                4 => properties.reply_to = item.text(),
                5 => properties.correlation_id = Some(item).filter(|id| !id.is_null()),
                _ => {}
            }
        }
        Ok(properties)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_of_three_kinds() {
        let body = b"\xa1\x02hi";
        let narrow = [&[0, 0x53, 0x77][..], body].concat();
        let wide = [&[0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x77][..], body].concat();
        let named = [&[0, 0xa3, 17][..], b"amqp:amqp-value:*", body].concat();
        for octets in [narrow, wide, named] {
            assert_eq!(Message::parse(&octets).unwrap().value(), Some(Value::String(Text::new(b"hi"))), "{octets:02x?}");
        }
        for (kind, code, name) in SectionKind::TABLE {
            assert_eq!(SectionKind::of(Descriptor::Code(code)), Some(kind));
            assert_eq!(SectionKind::of(Descriptor::Symbol(Text::from(name))), Some(kind));
            assert_eq!(kind.code(), code);
        }
    }

    #[test]
    fn unknown_sections_are_passed_over_and_strays_are_not() {
        let octets = [&[0, 0x53, 0x11, 0x40][..], &[0, 0x53, 0x77, 0x41]].concat();
        assert_eq!(Message::parse(&octets).unwrap().value(), Some(Value::Bool(true)));
        let fault = Message::parse(&[0, 0x53, 0x77, 0x41, 0x41]).unwrap_err();
        assert_eq!((fault.kind, fault.layer, fault.offset, fault.bytes), (FaultKind::ValueInvalid, Layer::Set, 4, 1));
        assert_eq!(Message::parse(&[]).unwrap().value(), None);
    }

    #[test]
    fn a_body_of_octets_is_no_value() {
        let message = Message::parse(&[0, 0x53, 0x75, 0xa0, 1, 9]).unwrap();
        assert_eq!(message.value(), None);
        assert_eq!(message.body().unwrap().value, Value::Binary(&[9]));
    }
}
