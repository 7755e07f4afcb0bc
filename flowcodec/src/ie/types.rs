//! Abstract data types, semantics and the registry row.

use serde::{Deserialize, Serialize};

use super::ElementId;

/// Abstract data type of an information element (RFC 7012 section 3.1).
///
/// The type says what a value means, not how many octets carry it: integers and `Float64` may be sent in
/// fewer octets than their type has (RFC 7011 section 6.2), and exporters often send more.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum DataType {
    /// `unsigned8`.
    Unsigned8,
    /// `unsigned16`.
    Unsigned16,
    /// `unsigned32`.
    Unsigned32,
    /// `unsigned64`.
    Unsigned64,
    /// `unsigned256`, a wide bit field.
    Unsigned256,
    /// `signed8`.
    Signed8,
    /// `signed16`.
    Signed16,
    /// `signed32`.
    Signed32,
    /// `signed64`.
    Signed64,
    /// `float32`, IEEE binary32.
    Float32,
    /// `float64`, IEEE binary64.
    Float64,
    /// `boolean`: 1 is true, 2 is false (RFC 7011 section 6.1.5).
    Boolean,
    /// `macAddress`, 6 octets.
    MacAddress,
    /// `octetArray`, octets without a further meaning.
    OctetArray,
    /// `string`, UTF-8.
    String,
    /// `dateTimeSeconds`, Unix seconds.
    DateTimeSeconds,
    /// `dateTimeMilliseconds`, Unix milliseconds.
    DateTimeMilliseconds,
    /// `dateTimeMicroseconds`, a 64-bit NTP timestamp (RFC 7011 section 6.1.9).
    DateTimeMicroseconds,
    /// `dateTimeNanoseconds`, a 64-bit NTP timestamp (RFC 7011 section 6.1.10).
    DateTimeNanoseconds,
    /// `ipv4Address`, 4 octets.
    Ipv4Address,
    /// `ipv6Address`, 16 octets.
    Ipv6Address,
    /// `basicList` (RFC 6313 section 4.5.1).
    BasicList,
    /// `subTemplateList` (RFC 6313 section 4.5.2).
    SubTemplateList,
    /// `subTemplateMultiList` (RFC 6313 section 4.5.3).
    SubTemplateMultiList,
}

impl DataType {
    /// Every data type, in the order of the RFC 5610 codes.
    pub const ALL: [Self; 24] = [
        Self::OctetArray,
        Self::Unsigned8,
        Self::Unsigned16,
        Self::Unsigned32,
        Self::Unsigned64,
        Self::Signed8,
        Self::Signed16,
        Self::Signed32,
        Self::Signed64,
        Self::Float32,
        Self::Float64,
        Self::Boolean,
        Self::MacAddress,
        Self::String,
        Self::DateTimeSeconds,
        Self::DateTimeMilliseconds,
        Self::DateTimeMicroseconds,
        Self::DateTimeNanoseconds,
        Self::Ipv4Address,
        Self::Ipv6Address,
        Self::BasicList,
        Self::SubTemplateList,
        Self::SubTemplateMultiList,
        Self::Unsigned256,
    ];

    /// Whether values are lists of further values (RFC 6313).
    #[must_use]
    pub const fn is_list(self) -> bool {
        matches!(self, Self::BasicList | Self::SubTemplateList | Self::SubTemplateMultiList)
    }

    /// The IANA spelling, such as `unsigned64`. Serde uses the same words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unsigned8 => "unsigned8",
            Self::Unsigned16 => "unsigned16",
            Self::Unsigned32 => "unsigned32",
            Self::Unsigned64 => "unsigned64",
            Self::Unsigned256 => "unsigned256",
            Self::Signed8 => "signed8",
            Self::Signed16 => "signed16",
            Self::Signed32 => "signed32",
            Self::Signed64 => "signed64",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Boolean => "boolean",
            Self::MacAddress => "macAddress",
            Self::OctetArray => "octetArray",
            Self::String => "string",
            Self::DateTimeSeconds => "dateTimeSeconds",
            Self::DateTimeMilliseconds => "dateTimeMilliseconds",
            Self::DateTimeMicroseconds => "dateTimeMicroseconds",
            Self::DateTimeNanoseconds => "dateTimeNanoseconds",
            Self::Ipv4Address => "ipv4Address",
            Self::Ipv6Address => "ipv6Address",
            Self::BasicList => "basicList",
            Self::SubTemplateList => "subTemplateList",
            Self::SubTemplateMultiList => "subTemplateMultiList",
        }
    }

    /// The type with this IANA spelling, case-sensitive.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name() == name)
    }

    /// Code of `informationElementDataType` (element 339, RFC 5610 section 3).
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::OctetArray => 0,
            Self::Unsigned8 => 1,
            Self::Unsigned16 => 2,
            Self::Unsigned32 => 3,
            Self::Unsigned64 => 4,
            Self::Signed8 => 5,
            Self::Signed16 => 6,
            Self::Signed32 => 7,
            Self::Signed64 => 8,
            Self::Float32 => 9,
            Self::Float64 => 10,
            Self::Boolean => 11,
            Self::MacAddress => 12,
            Self::String => 13,
            Self::DateTimeSeconds => 14,
            Self::DateTimeMilliseconds => 15,
            Self::DateTimeMicroseconds => 16,
            Self::DateTimeNanoseconds => 17,
            Self::Ipv4Address => 18,
            Self::Ipv6Address => 19,
            Self::BasicList => 20,
            Self::SubTemplateList => 21,
            Self::SubTemplateMultiList => 22,
            Self::Unsigned256 => 23,
        }
    }

    /// The type with this RFC 5610 code; `None` for an unassigned one.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// Semantics of a value (RFC 7012 section 3.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Semantics {
    /// Nothing is said of the value.
    #[default]
    Default,
    /// A measured amount at one moment.
    Quantity,
    /// A counter since the metering process began.
    TotalCounter,
    /// A counter since the previous record of the flow.
    DeltaCounter,
    /// An identifier; arithmetic on it has no meaning.
    Identifier,
    /// Bits of their own.
    Flags,
    /// A structured list (RFC 6313).
    List,
    /// An SNMP counter (RFC 8038).
    SnmpCounter,
    /// An SNMP gauge (RFC 8038).
    SnmpGauge,
}

impl Semantics {
    /// Every semantics, in the order of the RFC 5610 codes.
    pub const ALL: [Self; 9] = [
        Self::Default,
        Self::Quantity,
        Self::TotalCounter,
        Self::DeltaCounter,
        Self::Identifier,
        Self::Flags,
        Self::List,
        Self::SnmpCounter,
        Self::SnmpGauge,
    ];

    /// The IANA spelling, such as `deltaCounter`. Serde uses the same words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Quantity => "quantity",
            Self::TotalCounter => "totalCounter",
            Self::DeltaCounter => "deltaCounter",
            Self::Identifier => "identifier",
            Self::Flags => "flags",
            Self::List => "list",
            Self::SnmpCounter => "snmpCounter",
            Self::SnmpGauge => "snmpGauge",
        }
    }

    /// Code of `informationElementSemantics` (element 344, RFC 5610 section 3).
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Default => 0,
            Self::Quantity => 1,
            Self::TotalCounter => 2,
            Self::DeltaCounter => 3,
            Self::Identifier => 4,
            Self::Flags => 5,
            Self::List => 6,
            Self::SnmpCounter => 7,
            Self::SnmpGauge => 8,
        }
    }

    /// The semantics with this RFC 5610 code; `None` for an unassigned one.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// One row of the built-in registry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
#[non_exhaustive]
pub struct Element {
    /// Identity on the wire.
    pub id: ElementId,
    /// Registered name, such as `octetDeltaCount`.
    pub name: &'static str,
    /// Abstract data type; [`DataType::OctetArray`] where the source of the row states none.
    pub data_type: DataType,
    /// Semantics; [`Semantics::Default`] for vendor elements, whose sources do not state any.
    pub semantics: Semantics,
    /// Units in IANA words, such as `octets`; empty for none.
    pub units: &'static str,
    /// Whether the registry advises against the element. Exporters still send such elements.
    pub deprecated: bool,
    /// Whether another row has its name.
    #[serde(skip)]
    pub(crate) shared: bool,
}

impl Element {
    /// The same, of which another row has the name.
    pub(super) const fn shared(self) -> Self {
        Self { shared: true, ..self }
    }
}

/// Row of an IPFIX element; the short name keeps the generated table at one row a line.
pub(super) const fn e(
    pen: u32,
    id: u16,
    name: &'static str,
    data_type: DataType,
    semantics: Semantics,
    units: &'static str,
    deprecated: bool,
) -> Element {
    Element { id: ElementId::enterprise(pen, id), name, data_type, semantics, units, deprecated, shared: false }
}

/// Row of a NetFlow v9 vendor type.
pub(super) const fn v(number: u16, name: &'static str, data_type: DataType) -> Element {
    Element {
        id: ElementId::NetFlow9(number),
        name,
        data_type,
        semantics: Semantics::Default,
        units: "",
        deprecated: false,
        shared: false,
    }
}

/// Row of a NetFlow v9 scope type.
pub(super) const fn s(number: u16, name: &'static str, data_type: DataType) -> Element {
    Element {
        id: ElementId::NetFlow9Scope(number),
        name,
        data_type,
        semantics: Semantics::Identifier,
        units: "",
        deprecated: false,
        shared: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_go_there_and_back() {
        for t in DataType::ALL {
            assert_eq!(DataType::from_code(t.code()), Some(t));
            assert_eq!(DataType::from_name(t.name()), Some(t));
            assert_eq!(serde_json::to_string(&t).unwrap(), format!("\"{}\"", t.name()));
        }
        for s in Semantics::ALL {
            assert_eq!(Semantics::from_code(s.code()), Some(s));
            assert_eq!(serde_json::to_string(&s).unwrap(), format!("\"{}\"", s.name()));
        }
        assert_eq!(DataType::from_code(24), None);
        assert_eq!(DataType::from_name("Unsigned8"), None);
        assert_eq!(Semantics::from_code(9), None);
        assert_eq!(DataType::Unsigned256.code(), 23);
        assert_eq!(DataType::SubTemplateMultiList.code(), 22);
    }

    #[test]
    fn codes_agree_with_the_value_registries() {
        for t in DataType::ALL {
            let code = u64::from(t.code());
            assert_eq!(crate::ie::value_name(ElementId::iana(339), code), Some(t.name()));
        }
        for s in Semantics::ALL {
            let code = u64::from(s.code());
            assert_eq!(crate::ie::value_name(ElementId::iana(344), code), Some(s.name()));
        }
    }
}
