//! Identity of an element on the wire.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{generated, lookup};

/// Enterprise number of reverse IANA elements (RFC 5103 section 6.1).
pub const REVERSE_PEN: u32 = 29305;
/// Enterprise number of CERT, which marks its reverse elements with a bit of the element number.
const CERT_PEN: u32 = 6871;
/// CERT's reverse bit.
const CERT_REVERSE_BIT: u16 = 0x4000;

/// Which number space a field is named in, and its number there.
///
/// `Display` and `FromStr` use one short text form, stable enough for configuration files and column names:
///
/// | form | meaning |
/// |---|---|
/// | `0/1` | IANA element 1 |
/// | `56506/101` | element 101 of enterprise 56506 |
/// | `netflow9/33002` | NetFlow v9 type without an IANA meaning |
/// | `netflow9-scope/2` | NetFlow v9 scope type |
/// | `sflow-flow/1/3` | field 3 of the sFlow flow record with `data_format` word 1 |
///
/// ```
/// use flowcodec::ie::ElementId;
/// let id: ElementId = "56506/101".parse()?;
/// assert_eq!(id, ElementId::enterprise(56506, 101));
/// assert_eq!(id.to_string(), "56506/101");
/// # Ok::<(), flowcodec::ie::ParseElementIdError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ElementId {
    /// IPFIX information element (RFC 7011 section 3.2); `pen` 0 is the IANA registry.
    Ipfix {
        /// Private enterprise number, 0 for IANA.
        pen: u32,
        /// Element number, 15 bits on the wire.
        id: u16,
    },
    /// NetFlow v9 field type that is no IANA element (RFC 3954 section 8). Bit 15 is no enterprise bit here.
    NetFlow9(u16),
    /// NetFlow v9 scope field type, a number space of its own (RFC 3954 section 6.1).
    NetFlow9Scope(u16),
    /// Field of an sFlow structure, counted from 1 in the order of the structure's definition.
    Sflow {
        /// Structure that holds the field.
        structure: SflowStructure,
        /// Position of the field in the structure.
        field: u16,
    },
}

/// An sFlow structure by its raw `data_format` word: enterprise in the top 20 bits, format in the low 12.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[expect(clippy::exhaustive_enums, reason = "sFlow has these three kinds of structures")]
pub enum SflowStructure {
    /// A sample of the datagram.
    Sample(u32),
    /// A flow record of a flow sample.
    Flow(u32),
    /// A counter record of a counter sample.
    Counter(u32),
}

impl ElementId {
    /// Why a packet was dropped: `reason` of sFlow's `discarded_packet`.
    pub const DROP_REASON: Self = Self::Sflow { structure: SflowStructure::Sample(5), field: 7 };

    /// Element `id` of the IANA registry.
    #[must_use]
    pub const fn iana(id: u16) -> Self {
        Self::Ipfix { pen: 0, id }
    }

    /// Element `id` of an enterprise. PEN 0 is the IANA registry, also when sent with the enterprise bit.
    #[must_use]
    pub const fn enterprise(pen: u32, id: u16) -> Self {
        Self::Ipfix { pen, id }
    }

    /// Meaning of a NetFlow v9 type number: the IANA element where the registry has one of that number,
    /// otherwise [`ElementId::NetFlow9`]. Constant time.
    ///
    /// Vendors number their own types from 32768, so those never become IANA elements.
    #[must_use]
    pub const fn netflow9(number: u16) -> Self {
        if iana_row(number).is_some() { Self::iana(number) } else { Self::NetFlow9(number) }
    }

    /// The same property of the opposite direction of a biflow, and back (RFC 5103).
    ///
    /// IANA element n pairs with n under [`REVERSE_PEN`]; CERT (6871) marks its own with bit `0x4000`.
    /// `None` for elements that RFC 5103 section 6.1 declares non-reversible and for number spaces without
    /// a rule. An IANA number unknown to this registry is taken as reversible.
    #[must_use]
    pub fn reverse(self) -> Option<Self> {
        let Self::Ipfix { pen, id } = self else {
            return None;
        };
        match pen {
            0 if is_reversible(id) => Some(Self::enterprise(REVERSE_PEN, id)),
            REVERSE_PEN if is_reversible(id) => Some(Self::iana(id)),
            CERT_PEN => Some(Self::enterprise(CERT_PEN, id ^ CERT_REVERSE_BIT)),
            _ => None,
        }
    }
}

impl fmt::Display for ElementId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Ipfix { pen, id } => write!(f, "{pen}/{id}"),
            Self::NetFlow9(number) => write!(f, "netflow9/{number}"),
            Self::NetFlow9Scope(number) => write!(f, "netflow9-scope/{number}"),
            Self::Sflow { structure, field } => match structure {
                SflowStructure::Sample(word) => write!(f, "sflow-sample/{word}/{field}"),
                SflowStructure::Flow(word) => write!(f, "sflow-flow/{word}/{field}"),
                SflowStructure::Counter(word) => write!(f, "sflow-counter/{word}/{field}"),
            },
        }
    }
}

impl FromStr for ElementId {
    type Err = ParseElementIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (space, rest) = text.split_once('/').ok_or(ParseElementIdError::Form)?;
        let structure = match space {
            "netflow9" => return Ok(Self::NetFlow9(number(rest)?)),
            "netflow9-scope" => return Ok(Self::NetFlow9Scope(number(rest)?)),
            "sflow-sample" => SflowStructure::Sample,
            "sflow-flow" => SflowStructure::Flow,
            "sflow-counter" => SflowStructure::Counter,
            pen if pen.starts_with(|c: char| c.is_ascii_digit()) => {
                return Ok(Self::Ipfix { pen: number(pen)?, id: number(rest)? });
            }
            _ => return Err(ParseElementIdError::Space),
        };
        let (word, field) = rest.split_once('/').ok_or(ParseElementIdError::Form)?;
        Ok(Self::Sflow { structure: structure(number(word)?), field: number(field)? })
    }
}

/// Why a text is no [`ElementId`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParseElementIdError {
    /// Parts are missing.
    #[error("expected PEN/ID, netflow9/TYPE, netflow9-scope/TYPE or sflow-{{sample,flow,counter}}/FORMAT/FIELD")]
    Form,
    /// The part before the first slash is neither an enterprise number nor a known word.
    #[error("unknown number space before the first slash")]
    Space,
    /// A part is no decimal number or too large for its place.
    #[error("not a decimal number, or out of range")]
    Number,
}

/// Row of an IANA element in the element table.
pub(super) const fn iana_row(id: u16) -> Option<u16> {
    #[expect(clippy::as_conversions, reason = "widening; `usize::from` is not const")]
    let at = id as usize;
    // `get` is not const either.
    match generated::IANA_ROWS.split_at_checked(at) {
        Some((_, [row, ..])) if *row != generated::NO_ROW => Some(*row),
        _ => None,
    }
}

/// Whether an IANA element has a reverse. The registry lists the reverse of every current element that has one.
fn is_reversible(id: u16) -> bool {
    lookup(ElementId::iana(id))
        .is_none_or(|element| element.deprecated || lookup(ElementId::enterprise(REVERSE_PEN, id)).is_some())
}

/// Decimal digits only: `FromStr` of the integers also takes a plus sign.
fn number<T: FromStr>(text: &str) -> Result<T, ParseElementIdError> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(ParseElementIdError::Number);
    }
    text.parse().map_err(|_| ParseElementIdError::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_goes_there_and_back() {
        let flow = |word, field| ElementId::Sflow { structure: SflowStructure::Flow(word), field };
        let cases = [
            (ElementId::iana(1), "0/1"),
            (ElementId::enterprise(56506, 101), "56506/101"),
            (ElementId::enterprise(u32::MAX, u16::MAX), "4294967295/65535"),
            (ElementId::NetFlow9(33002), "netflow9/33002"),
            (ElementId::NetFlow9Scope(2), "netflow9-scope/2"),
            (flow(1, 3), "sflow-flow/1/3"),
            (ElementId::Sflow { structure: SflowStructure::Sample(5), field: 1 }, "sflow-sample/5/1"),
            (ElementId::Sflow { structure: SflowStructure::Counter(2001), field: 4 }, "sflow-counter/2001/4"),
        ];
        for (id, text) in cases {
            assert_eq!(id.to_string(), text);
            assert_eq!(text.parse(), Ok(id));
            let json = serde_json::to_string(&id).unwrap();
            assert_eq!(serde_json::from_str::<ElementId>(&json).unwrap(), id);
        }
    }

    #[test]
    fn bad_text_is_refused_by_kind() {
        use ParseElementIdError::{Form, Number, Space};
        let cases = [
            ("", Form),
            ("1", Form),
            ("sflow-flow/1", Form),
            ("ipfix/1", Space),
            ("/1", Space),
            ("+0/1", Space),
            ("0/+1", Number),
            ("0/", Number),
            ("0/65536", Number),
            ("4294967296/1", Number),
            ("0/1/2", Number),
            ("netflow9/x", Number),
            ("sflow-flow/1/2/3", Number),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<ElementId>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn netflow9_numbers() {
        const FIRST: ElementId = ElementId::netflow9(1);
        assert_eq!(FIRST, ElementId::iana(1));
        assert_eq!(ElementId::netflow9(233), ElementId::iana(233));
        // Kept by IANA for NetFlow v9 without a name, and beyond the registry.
        for number in [0, 65, 97, 105, 127, 5000, 32767, 32768, 33002, 57590, u16::MAX] {
            assert_eq!(ElementId::netflow9(number), ElementId::NetFlow9(number));
        }
    }

    #[test]
    fn reverse_follows_rfc5103_and_cert() {
        let octets = ElementId::iana(1).reverse().unwrap();
        assert_eq!(octets, ElementId::enterprise(29305, 1));
        assert_eq!(octets.reverse(), Some(ElementId::iana(1)));
        assert_eq!(lookup(octets).unwrap().name, "reverseOctetDeltaCount");

        let flags = ElementId::enterprise(6871, 14).reverse().unwrap();
        assert_eq!(flags, ElementId::enterprise(6871, 16398));
        assert_eq!(lookup(flags).unwrap().name, "reverseInitialTCPFlags");
        assert_eq!(flags.reverse(), Some(ElementId::enterprise(6871, 14)));

        for id in [40, 130, 137, 145, 149, 168, 210, 239, 291, 293] {
            assert_eq!(ElementId::iana(id).reverse(), None, "{id}");
            assert_eq!(ElementId::enterprise(29305, id).reverse(), None, "{id}");
        }
        assert_eq!(ElementId::iana(30000).reverse(), Some(ElementId::enterprise(29305, 30000)));
        assert_eq!(ElementId::enterprise(56506, 101).reverse(), None);
        assert_eq!(ElementId::NetFlow9(33002).reverse(), None);
    }
}
