//! The message as JSON: every key, known or not, in goflow2's order.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::beside::Beside;
use super::message::{Message, each_view};
use super::view::View;
use crate::io::goflow2::table::{Form, ROWS, Shape};
use crate::io::goflow2::{Dialect, words};
use crate::io::json::{address, unsigned};
use crate::io::line::{self, Line, Sink};
use crate::model::{FlowRecord, Mac, field};
use crate::record::RecordSet;
use crate::template::RowScratch;

/// Writes one message as a JSON object, without a line end. Nothing is allocated but what `out` grows by.
///
/// Every key of the dialect is there, in goflow2's order: 43 in v1, 50 in v2. What is not known is `0`, `""`, `[]` or a MAC address of
/// zeros.
///
/// ```
/// use flowcodec::io::goflow2::{Dialect, write_json};
/// use flowcodec::model::{Flow, Schema};
///
/// let mut out = String::new();
/// write_json(&mut out, &Flow::new(Schema::common()), Dialect::V1);
/// assert!(out.starts_with(r#"{"Type":"FLOWUNKNOWN","TimeReceived":0,"SequenceNum":0,"SamplingRate":0,"SamplerAddress":"","#));
/// ```
pub fn write_json<'a>(out: &mut String, message: impl Into<Message<'a>>, dialect: Dialect) {
    message.into().view(|view| {
        let mut line = Line::new(out);
        object(&mut line, 0, view, dialect);
    });
}

/// Writes all records of a set, each with a line end: the faster way, as of [`write_protobuf_set`](super::write_protobuf_set).
///
/// ```no_run
/// # use flowcodec::io::goflow2::{Dialect, write_json_set};
/// # fn show(set: flowcodec::RecordSet<'_>, scratch: &mut flowcodec::RowScratch) {
/// let mut out = String::new();
/// write_json_set(&mut out, &set, scratch, Dialect::V2);
/// # }
/// ```
pub fn write_json_set(out: &mut String, set: &RecordSet<'_>, scratch: &mut RowScratch, dialect: Dialect) {
    let (mut line, mut at) = (Line::new(out), 0);
    each_view(set, scratch, |view| {
        let end = object(&mut line, at, view, dialect);
        at = line.mark_at(end, b'\n');
    });
}

/// Writes rows that were kept, each with a line end; they have no sequence number and none of the rarer fields.
pub fn write_json_rows(out: &mut String, rows: &[FlowRecord], dialect: Dialect) {
    let (mut line, mut at) = (Line::new(out), 0);
    for row in rows {
        let end = object(&mut line, at, &View { row, beside: &Beside::NOTHING, sequence: 0 }, dialect);
        at = line.mark_at(end, b'\n');
    }
}

/// Writes one object. Gives where it ends.
fn object(line: &mut Line<'_>, at: usize, view: &View<'_>, dialect: Dialect) -> usize {
    let mut at = line.mark_at(at, b'{');
    let keys = match dialect {
        Dialect::V1 => &KEYS_V1,
        Dialect::V2 => &KEYS_V2,
    };
    for (row, key) in ROWS.iter().zip(keys).filter(|(_, key)| key.len != 0) {
        at = member(line, at, key, view, row.form, dialect);
    }
    line.end_list(at, b'}')
}

/// Room for a key and a value.
const PLACE: usize = 96;

/// A key as it stands in an object, `"key":`; empty where a dialect does not have it.
#[derive(Clone, Copy)]
struct Key {
    octets: [u8; 32],
    len: usize,
}

static KEYS_V1: [Key; ROWS.len()] = keys(Dialect::V1);
static KEYS_V2: [Key; ROWS.len()] = keys(Dialect::V2);

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler, which refuses what is too long"
)]
const fn keys(dialect: Dialect) -> [Key; ROWS.len()] {
    let mut keys = [Key { octets: [0; 32], len: 0 }; ROWS.len()];
    let mut row = 0;
    while row < ROWS.len() {
        let place = ROWS[row].place(dialect);
        if place.listed {
            keys[row] = quoted_key(place.key.as_bytes());
        }
        row += 1;
    }
    keys
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler, which refuses what is too long"
)]
const fn quoted_key(key: &[u8]) -> Key {
    let mut octets = [0; 32];
    octets[0] = b'"';
    let mut at = 0;
    while at < key.len() {
        octets[at + 1] = key[at];
        at += 1;
    }
    octets[at + 1] = b'"';
    octets[at + 2] = b':';
    Key { octets, len: at + 3 }
}

/// Writes one member with the comma behind it. Gives where it ends.
fn member(line: &mut Line<'_>, at: usize, key: &Key, view: &View<'_>, form: Form, dialect: Dialect) -> usize {
    let at = line.make_room::<PLACE>(at);
    let Some(place) = line.place::<PLACE>(at) else { return at };
    let from = line::lay(place, 0, key.octets, key.len);
    let v2 = dialect == Dialect::V2;
    let end = match (form.shape(), form) {
        (Shape::Numbers | Shape::Addresses, _) => return list(line, at.wrapping_add(from), view, form),
        (Shape::Address, _) => match view.address(form) {
            Some(it) => line::address(place, from, it),
            None => line::lay(place, from, *b"\"\"", 2),
        },
        (_, Form::Type) => {
            let word = usize::try_from(view.number(form, dialect)).ok().and_then(|number| words::TYPES.get(number));
            line::word(place, from, word.copied().unwrap_or_default())
        }
        (_, Form::Mac(..)) => line::mac(place, from, mac_of_number(view.number(form, dialect))),
        (_, Form::Etype) if v2 => line::word(place, from, words::etype(view.number(form, dialect))),
        (_, Form::Protocol) if v2 => line::word(place, from, words::protocol(view.number(form, dialect))),
        (_, Form::Network { of, .. }) if v2 => network(place, from, view.address(Form::Address(of)), view.number(form, dialect)),
        (_, Form::Name(name)) => {
            let icmp_type = view.number(Form::Number(field::ICMP_TYPE.id()), dialect);
            let (etype, protocol) = (view.number(Form::Etype, dialect), view.number(Form::Protocol, dialect));
            line::word(place, from, words::name(name, etype, protocol, icmp_type))
        }
        _ => line::decimal(place, from, view.number(form, dialect)),
    };
    let end = line::lay(place, end, [b','], 1);
    at.wrapping_add(end)
}

/// A list of any length. Gives where it ends.
fn list(line: &mut Line<'_>, at: usize, view: &View<'_>, form: Form) -> usize {
    line.go_on_at(at);
    line.mark(b'[');
    if let Some(numbers) = view.numbers(form) {
        for number in numbers.iter() {
            match form {
                Form::Layers(_) => {
                    line.mark(b'"');
                    line.text(words::layer(number));
                    line.mark(b'"');
                }
                _ => unsigned(line, u64::from(number)),
            }
            line.mark(b',');
        }
    }
    view.each_address(form, |it| {
        address(line, it);
        line.mark(b',');
    });
    let at = line.end_list(line.at(), b']');
    line.mark_at(at, b',')
}

#[inline]
fn mac_of_number(number: u64) -> Mac {
    let [_, _, octets @ ..] = number.to_be_bytes();
    Mac::new(octets)
}

/// The network of an address, as v2 says it: 45 octets at most.
#[inline(never)]
fn network(place: &mut [u8], at: usize, address: Option<IpAddr>, bits: u64) -> usize {
    let network: Option<IpAddr> = u32::try_from(bits).ok().and_then(|bits| {
        Some(match address? {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32_u32.checked_sub(bits)?).unwrap_or(0);
                Ipv4Addr::from_bits(v4.to_bits() & mask).into()
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128_u32.checked_sub(bits)?).unwrap_or(0);
                Ipv6Addr::from_bits(v6.to_bits() & mask).into()
            }
        })
    });
    let Some(network) = network else { return line::word(place, at, "invalid Prefix") };
    // Over the quote behind the address.
    let at = line::address(place, at, network).wrapping_sub(1);
    let at = line::lay(place, at, [b'/'], 1);
    let at = line::decimal(place, at, bits);
    line::lay(place, at, [b'"'], 1)
}
