//! Values in an expression, read as the type of their field demands.

use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;

use flowcodec::ie::value_table;
use flowcodec::model::{ColumnType, FieldId, FieldSpec, FieldValue, Mac, Take, Unit, word};
use flowcodec::{Timestamp, field};
use ipnetwork::IpNetwork;

use super::time;
use crate::names;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Address(IpAddr),
    Number(u64),
    Signed(i64),
    Double(f64),
    Time(Timestamp),
    Mac(Mac),
    Text(Box<[u8]>),
    Octets(Box<[u8]>),
}

/// What a value may be in.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    One(Literal),
    /// Both ends are in it.
    Range(u64, u64),
    Network(IpNetwork),
}

impl Literal {
    /// Reads a value of the field's type; of a list, a value of its members.
    pub(super) fn read(id: FieldId, spec: &FieldSpec, octets: &[u8]) -> Option<Self> {
        if spec.column == ColumnType::Text {
            return Some(Self::Text(octets.into()));
        }
        let text = str::from_utf8(octets).ok()?;
        Some(match spec.column {
            ColumnType::Address => Self::Address(text.parse::<IpAddr>().ok()?.to_canonical()),
            ColumnType::I64 => Self::Signed(text.parse().ok()?),
            ColumnType::Double => Self::Double(text.parse().ok().filter(|number: &f64| number.is_finite())?),
            ColumnType::Time => Self::Time(time::read(text)?),
            ColumnType::Mac => Self::Mac(mac(text)?),
            ColumnType::Octets => Self::Octets(hex(text)?),
            _ => Self::Number(number(spec, text).filter(|number| *number <= most(spec)).or_else(|| code(id, spec, text))?),
        })
    }

    /// How `value` stands to this; `None` when it has another type or, as NaN, no place in the order.
    pub(super) fn order(&self, value: &FieldValue<'_>) -> Option<Ordering> {
        match (value, self) {
            (FieldValue::Address(value), Self::Address(this)) => Some(value.to_canonical().cmp(this)),
            (FieldValue::Unsigned(value), Self::Number(this)) => Some(value.cmp(this)),
            (FieldValue::Signed(value), Self::Signed(this)) => Some(value.cmp(this)),
            (FieldValue::Double(value), Self::Double(this)) => value.partial_cmp(this),
            (FieldValue::Time(value), Self::Time(this)) => Some(value.cmp(this)),
            (FieldValue::Mac(value), Self::Mac(this)) => Some(value.cmp(this)),
            (FieldValue::Text(value), Self::Text(this)) => Some(value.trimmed().as_bytes().cmp(this)),
            (FieldValue::Octets(value), Self::Octets(this)) => Some((*value).cmp(this)),
            _ => None,
        }
    }

    /// Whether this is a part of `value`.
    pub(super) fn is_within(&self, value: &FieldValue<'_>) -> bool {
        match (value, self) {
            (FieldValue::Text(value), Self::Text(this)) => {
                let text = value.trimmed().as_bytes();
                this.is_empty() || text.windows(this.len()).any(|part| part == &**this)
            }
            (FieldValue::Numbers(value), Self::Number(this)) => value.iter().any(|number| u64::from(number) == *this),
            _ => false,
        }
    }
}

impl Item {
    /// Reads a value, a range of numbers or a network.
    pub(super) fn read(id: FieldId, spec: &FieldSpec, octets: &[u8]) -> Option<Self> {
        if let Some(literal) = Literal::read(id, spec, octets) {
            return Some(Self::One(literal));
        }
        let text = str::from_utf8(octets).ok()?;
        match spec.column {
            ColumnType::Address => text.parse().ok().map(Self::Network),
            ColumnType::U8 | ColumnType::U16 | ColumnType::U32 | ColumnType::U64 => {
                let (from, to) = text.split_once('-')?;
                let (from, to) = (number(spec, from)?, number(spec, to)?);
                (from <= to && to <= most(spec)).then_some(Self::Range(from, to))
            }
            _ => None,
        }
    }

    pub(super) fn holds(&self, value: &FieldValue<'_>) -> bool {
        match (self, value) {
            (Self::One(literal), value) => literal.order(value).is_some_and(Ordering::is_eq),
            (Self::Range(least, most), FieldValue::Unsigned(value)) => (least..=most).contains(&value),
            (Self::Network(network), FieldValue::Address(value)) => network.contains(value.to_canonical()),
            _ => false,
        }
    }
}

/// The largest number of the field, or of its members.
const fn most(spec: &FieldSpec) -> u64 {
    match spec.column {
        ColumnType::U32List => ColumnType::U32.max(),
        column => column.max(),
    }
}

/// `443`, `0x88cc`, `10k`, `4Ki`; of octets also `1MB` and `1MiB`.
fn number(spec: &FieldSpec, text: &str) -> Option<u64> {
    if let Some(digits) = text.strip_prefix("0x").filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit())) {
        return u64::from_str_radix(digits, 16).ok();
    }
    let (digits, unit) = text.split_at_checked(text.bytes().take_while(u8::is_ascii_digit).count())?;
    let unit = if spec.unit == Unit::Octets { unit.strip_suffix('B').unwrap_or(unit) } else { unit };
    let times = match unit {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(times)
}

/// A number by its name.
fn code(id: FieldId, spec: &FieldSpec, text: &str) -> Option<u64> {
    codes(id, spec).find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(number, _)| number)
}

/// Names of the field's numbers: this program's words, IP protocols, and the registries behind the elements it is read from.
fn codes(id: FieldId, spec: &FieldSpec) -> impl Iterator<Item = (u64, &'static str)> {
    let words = (0..=0xff).filter_map(move |number| Some((number, word(id, number)?)));
    let is_protocol = id == field::IP_PROTOCOL.id() || id == field::TUNNEL_PROTOCOL.id();
    let protocols = names::IP_PROTOCOLS.iter().filter(move |_| is_protocol).map(|&(number, name)| (u64::from(number), name));
    let whole = spec.sources.iter().filter(|source| source.take == Take::Whole);
    let registered = whole.filter_map(|source| value_table(source.element)).flatten().copied();
    words.chain(protocols).chain(registered)
}

/// How values of a field are written.
pub(super) fn form(id: FieldId, spec: &FieldSpec) -> String {
    /// Names told; there are registries of hundreds.
    const TOLD: usize = 16;
    match spec.column {
        ColumnType::Address => "write 10.0.0.1 or 2001:db8::1, or behind \"in\" a network, 10.0.0.0/8".to_owned(),
        ColumnType::I64 => "write 100 or -100".to_owned(),
        ColumnType::Double => "write 100 or 0.5".to_owned(),
        ColumnType::Time => "write 2026-11-21T04:16:41.5Z, \"2026-11-21 04:16:41\" or 2026-11-21, in UTC".to_owned(),
        ColumnType::Mac => "write 02:00:00:00:00:0a".to_owned(),
        ColumnType::Text => "write web or \"a b\"".to_owned(),
        ColumnType::Octets => "write two hexadecimal digits for each octet: 00002a".to_owned(),
        ColumnType::U32List => "write 64496".to_owned(),
        _ => {
            let mut names: Vec<&str> = Vec::new();
            for (_, name) in codes(id, spec).filter(|(_, name)| name.split(' ').count() == 1) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            let unit = if spec.unit == Unit::Octets { ", 10MB" } else { "" };
            if names.is_empty() {
                return format!("write 80, 0x50, 10k{unit} or behind \"in\" 80-90, up to {}", most(spec));
            }
            let more = if names.len() > TOLD { ", ..." } else { "" };
            names.truncate(TOLD);
            format!("write a number up to {}, or {}{more}", most(spec), names.join(", "))
        }
    }
}

fn mac(text: &str) -> Option<Mac> {
    let mut octets = [0; 6];
    let mut parts = text.split(':');
    for octet in &mut octets {
        *octet = parts.next().filter(|part| part.len() == 2).and_then(octet_of)?;
    }
    parts.next().is_none().then(|| Mac::new(octets))
}

/// Octets as outputs show them, with or without `0x`.
fn hex(text: &str) -> Option<Box<[u8]>> {
    let (pairs, rest) = text.strip_prefix("0x").unwrap_or(text).as_bytes().as_chunks::<2>();
    let octets = pairs.iter().map(|pair| octet_of(str::from_utf8(pair).ok()?)).collect::<Option<_>>()?;
    rest.is_empty().then_some(octets)
}

/// Two hexadecimal digits.
fn octet_of(digits: &str) -> Option<u8> {
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u8::from_str_radix(digits, 16).ok())?
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Signed(number) => number.fmt(f),
            Self::Double(number) => number.fmt(f),
            Self::Time(time) => time.fmt(f),
            Self::Mac(mac) => mac.fmt(f),
            Self::Text(text) => {
                f.write_str("\"")?;
                for chunk in text.utf8_chunks() {
                    chunk.valid().chars().try_for_each(|character| match character {
                        '"' => f.write_str("\\\""),
                        '\\' => f.write_str("\\\\"),
                        control if control.is_control() => escape(f, control.encode_utf8(&mut [0; 4]).as_bytes()),
                        plain => write!(f, "{plain}"),
                    })?;
                    escape(f, chunk.invalid())?;
                }
                f.write_str("\"")
            }
            Self::Octets(octets) => {
                f.write_str("\"")?;
                octets.iter().try_for_each(|octet| write!(f, "{octet:02x}"))?;
                f.write_str("\"")
            }
        }
    }
}

fn escape(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    octets.iter().try_for_each(|octet| write!(f, "\\x{octet:02x}"))
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(literal) => literal.fmt(f),
            Self::Range(least, most) => write!(f, "{least}-{most}"),
            Self::Network(network) => network.fmt(f),
        }
    }
}
