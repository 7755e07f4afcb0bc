//! The message as JSON: every key, known or not, in goflow2's order.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::message::{Message, View};
use super::table::{Form, Place, Shape, TakesRows, each_row, row};
use super::{Dialect, words};
use crate::io::json::{address, unsigned};
use crate::io::line::{self, Line, Sink};
use crate::model::{Mac, address_of_octets, field};

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
    message.into().view(|view| write(out, view, dialect));
}

fn write(out: &mut String, view: &View<'_, true>, dialect: Dialect) {
    let mut line = Line::new(out);
    let at = line.mark_at(0, b'{');
    let at = match dialect {
        Dialect::V1 => members::<false>(&mut line, view, at),
        Dialect::V2 => members::<true>(&mut line, view, at),
    };
    line.end_list(at, b'}');
}

#[inline(never)]
fn members<const V2: bool>(line: &mut Line<'_>, view: &View<'_, true>, at: usize) -> usize {
    each_row(&mut Members::<V2> { line, view }, at)
}

/// Writes the members of one object.
struct Members<'m, 'l, 'v, const V2: bool> {
    line: &'m mut Line<'l>,
    view: &'v View<'v, true>,
}

/// Room for a key and a value.
const PLACE: usize = 96;

/// The key of a row as it stands in an object, `"key":`, and how long that is.
const fn key_of(place: Place) -> Option<([u8; 32], usize)> {
    if place.listed { Some(quoted_key(place.key.as_bytes())) } else { None }
}

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler, which refuses what is too long"
)]
const fn quoted_key(key: &[u8]) -> ([u8; 32], usize) {
    let mut octets = [0; 32];
    octets[0] = b'"';
    let mut at = 0;
    while at < key.len() {
        octets[at + 1] = key[at];
        at += 1;
    }
    octets[at + 1] = b'"';
    octets[at + 2] = b':';
    (octets, at + 3)
}

impl<const V2: bool> TakesRows for Members<'_, '_, '_, V2> {
    #[inline]
    fn take<const ROW: usize>(&mut self, at: usize) -> usize {
        let (form, dialect) = const { (row(ROW).form, Dialect::new(V2)) };
        let Some((key, len)) = (const { key_of(row(ROW).place(Dialect::new(V2))) }) else { return at };
        let at = self.line.make_room::<PLACE>(at);
        let Some(place) = self.line.place::<PLACE>(at) else { return at };
        let after_key = line::lay(place, 0, key, len);
        let view = self.view;
        let end = match (form.shape(), form) {
            (Shape::Numbers | Shape::Addresses, _) => return self.list(at.wrapping_add(after_key), form),
            (Shape::Address, _) => match view.address(form) {
                Some(it) => line::address(place, after_key, address_of(it)),
                None => line::lay(place, after_key, *b"\"\"", 2),
            },
            (_, Form::Type) => {
                let word = usize::try_from(view.number(form, dialect)).ok().and_then(|number| words::TYPES.get(number));
                line::word(place, after_key, word.copied().unwrap_or_default())
            }
            (_, Form::Mac(..)) => line::mac(place, after_key, mac_of_number(view.number(form, dialect))),
            (_, Form::Etype) if V2 => line::word(place, after_key, words::etype(view.number(form, dialect))),
            (_, Form::Protocol) if V2 => line::word(place, after_key, words::protocol(view.number(form, dialect))),
            (_, Form::Network { of, .. }) if V2 => {
                network(place, after_key, view.address(Form::Address(of)).map(address_of), view.number(form, dialect))
            }
            (_, Form::Name(name)) => {
                let icmp_type = view.number(Form::Number(field::ICMP_TYPE.id()), dialect);
                let (etype, protocol) = (view.number(Form::Etype, dialect), view.number(Form::Protocol, dialect));
                line::word(place, after_key, words::name(name, etype, protocol, icmp_type))
            }
            _ => line::decimal(place, after_key, view.number(form, dialect)),
        };
        let end = line::lay(place, end, [b','], 1);
        at.wrapping_add(end)
    }
}

impl<const V2: bool> Members<'_, '_, '_, V2> {
    /// A list of any length.
    #[inline(never)]
    fn list(&mut self, at: usize, form: Form) -> usize {
        let Self { line, view } = self;
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
                    _ => unsigned(*line, u64::from(number)),
                }
                line.mark(b',');
            }
        }
        view.each_address(form, |it| {
            address(*line, address_of(it));
            line.mark(b',');
        });
        let at = line.end_list(line.at(), b']');
        line.mark_at(at, b',')
    }
}

fn address_of(bits: u128) -> IpAddr {
    address_of_octets(bits.to_be_bytes())
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
