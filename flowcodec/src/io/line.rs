//! Text on its way out. Most of a line is keys, numbers, addresses and times: each is made as a small array of ASCII and laid down whole,
//! longer than it is, and the next one begins where it really ends.

use core::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::Mac;
use crate::time::{Civil, Timestamp};

/// What text is written to.
pub(super) trait Sink: Write {
    /// The first `len` of these octets, which are ASCII.
    fn ascii<const N: usize>(&mut self, octets: [u8; N], len: usize);

    /// Any text.
    fn text(&mut self, text: &str);

    /// Something by its display, which cannot fail here.
    fn put(&mut self, value: impl fmt::Display) {
        let _ = write!(self, "{value}");
    }

    /// One character of ASCII.
    #[inline]
    fn mark(&mut self, mark: u8) {
        self.ascii([mark], 1);
    }
}

impl Sink for String {
    fn ascii<const N: usize>(&mut self, octets: [u8; N], len: usize) {
        self.push_str(octets.get(..len).and_then(|octets| core::str::from_utf8(octets).ok()).unwrap_or_default());
    }

    fn text(&mut self, text: &str) {
        self.push_str(text);
    }
}

/// Octets gathered before they go to the string; longer lines go in pieces.
const ROOM: usize = 512;

/// A room in front of a string: text is checked to be UTF-8 once for each piece instead of once for each value. What is left goes to
/// the string when the line is dropped.
#[derive(Debug)]
pub(super) struct Line<'a> {
    out: &'a mut String,
    room: [u8; ROOM],
    used: usize,
}

impl<'a> Line<'a> {
    /// A line at the end of `out`.
    #[inline]
    pub(super) const fn new(out: &'a mut String) -> Self {
        Self { out, room: [0; ROOM], used: 0 }
    }

    fn flush(&mut self) {
        // Only whole characters are ever laid down.
        let piece = self.room.get(..self.used).and_then(|octets| core::str::from_utf8(octets).ok());
        self.out.push_str(piece.unwrap_or_default());
        self.used = 0;
    }

    #[inline]
    fn place<const N: usize>(&mut self) -> Option<&mut [u8; N]> {
        self.room.get_mut(self.used..)?.first_chunk_mut()
    }

    /// When the room is full.
    #[cold]
    #[inline(never)]
    fn next_piece(&mut self, octets: &[u8]) {
        self.flush();
        if let Some(place) = self.room.get_mut(..octets.len()) {
            place.copy_from_slice(octets);
        }
    }
}

impl Drop for Line<'_> {
    #[inline]
    fn drop(&mut self) {
        self.flush();
    }
}

impl Sink for Line<'_> {
    #[inline]
    fn ascii<const N: usize>(&mut self, octets: [u8; N], len: usize) {
        const { assert!(N <= ROOM, "a value fits the room") };
        match self.place() {
            Some(place) => *place = octets,
            None => self.next_piece(&octets),
        }
        self.used = self.used.wrapping_add(len);
    }

    #[inline]
    fn text(&mut self, text: &str) {
        let end = self.used.wrapping_add(text.len());
        match self.room.get_mut(self.used..end) {
            Some(place) => {
                place.copy_from_slice(text.as_bytes());
                self.used = end;
            }
            None => {
                self.flush();
                self.out.push_str(text);
            }
        }
    }
}

impl Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text(text);
        Ok(())
    }
}

/// Eight decimal digits, the first in the lowest octet, each as the number it is. The halves, then the pairs, then the digits are
/// worked out side by side in one word: a division by 100 is a multiplication by 5,243 and a shift by 19, exact below 43,699; one by 10 is
/// by 103 and 10, exact below 179.
#[inline]
fn digits(number: u32) -> u64 {
    let number = u64::from(number);
    let halves = (number / 10_000) | ((number % 10_000) << 32);
    let high = (halves.wrapping_mul(5_243) >> 19) & 0x0000_007f_0000_007f;
    let pairs = high | (halves.wrapping_sub(high.wrapping_mul(100)) << 16);
    let high = (pairs.wrapping_mul(103) >> 10) & 0x000f_000f_000f_000f;
    high | (pairs.wrapping_sub(high.wrapping_mul(10)) << 8)
}

const ZEROS: u64 = 0x3030_3030_3030_3030;

/// Exactly eight digits of a number below 100,000,000.
#[inline]
fn eight(number: u32) -> [u8; 8] {
    (digits(number) | ZEROS).to_le_bytes()
}

/// A number in decimal.
#[inline]
pub(super) fn unsigned(out: &mut impl Sink, number: u64) {
    match u32::try_from(number) {
        Ok(short @ ..100_000_000) => {
            let digits = digits(short);
            // Zeros in front are shifted away, but not the last digit.
            let zeros = (digits | 1 << 56).trailing_zeros() & !7;
            let len = 8_u32.wrapping_sub(zeros >> 3);
            out.ascii(((digits | ZEROS) >> zeros).to_le_bytes(), usize::try_from(len).unwrap_or(8));
        }
        _ => long(out, number),
    }
}

fn long(out: &mut impl Sink, number: u64) {
    unsigned(out, number / 100_000_000);
    out.ascii(eight(u32::try_from(number % 100_000_000).unwrap_or(0)), 8);
}

/// The decimal of each octet with a dot behind it, and how long that is.
static DOTTED: [([u8; 4], u8); 256] = dotted();

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler, which refuses what is out of bounds; digits are below 10"
)]
const fn dotted() -> [([u8; 4], u8); 256] {
    let mut table = [([0; 4], 0); 256];
    let mut octet = 0_usize;
    while octet < 256 {
        let [a, b, c] = [b'0' + (octet / 100) as u8, b'0' + (octet / 10 % 10) as u8, b'0' + (octet % 10) as u8];
        table[octet] = match octet {
            ..10 => ([c, b'.', 0, 0], 2),
            ..100 => ([b, c, b'.', 0], 3),
            _ => ([a, b, c, b'.'], 4),
        };
        octet += 1;
    }
    table
}

/// Two octets with a dot behind each: eight characters at most.
#[inline]
fn dotted_pair(a: u8, b: u8) -> (u64, usize) {
    let of = |octet: u8| DOTTED.get(usize::from(octet)).copied().unwrap_or_default();
    let ((a, first), (b, second)) = (of(a), of(b));
    let (a, b) = (u64::from(u32::from_le_bytes(a)), u64::from(u32::from_le_bytes(b)));
    (a | b << (u32::from(first) << 3), usize::from(first.wrapping_add(second)))
}

/// An address, without quotes.
#[inline]
pub(super) fn address(out: &mut impl Sink, address: IpAddr) {
    match address {
        IpAddr::V4(v4) => ipv4(out, v4),
        IpAddr::V6(v6) => ipv6(out, v6),
    }
}

#[inline]
fn ipv4(out: &mut impl Sink, address: Ipv4Addr) {
    let [a, b, c, d] = address.octets();
    let ((front, first), (back, second)) = (dotted_pair(a, b), dotted_pair(c, d));
    out.ascii(front.to_le_bytes(), first);
    out.ascii(back.to_le_bytes(), second.wrapping_sub(1));
}

/// RFC 5952: the first of the longest runs of two or more zero groups becomes `::`.
fn ipv6(out: &mut impl Sink, address: Ipv6Addr) {
    if address.to_ipv4_mapped().is_some() {
        return out.put(address);
    }
    let groups = address.segments();
    let (mut from, mut longest, mut run) = (8_usize, 1_usize, 0_usize);
    for (at, group) in groups.into_iter().enumerate() {
        run = if group == 0 { run.wrapping_add(1) } else { 0 };
        if run > longest {
            (from, longest) = (at.wrapping_add(1).wrapping_sub(run), run);
        }
    }
    for (at, group) in groups.into_iter().enumerate() {
        if at == from {
            out.ascii(*b"::", 2);
        } else if at < from || at >= from.wrapping_add(longest) {
            if at != 0 && at != from.wrapping_add(longest) {
                out.mark(b':');
            }
            let [high, low] = group.to_be_bytes().map(hex_pair);
            let digits = u32::from_le_bytes([high[0], high[1], low[0], low[1]]);
            let zeros = (group.leading_zeros() & !3).min(12);
            out.ascii((digits >> (zeros << 1)).to_le_bytes(), usize::try_from(4_u32.wrapping_sub(zeros >> 2)).unwrap_or(4));
        }
    }
}

/// A moment as RFC 3339 with nine digits, between quotes. 64 bits of nanoseconds reach from 1677 to 2262.
#[inline]
pub(super) fn time(out: &mut impl Sink, time: Timestamp) {
    let Civil { year, month, day, hour, minute, second, nanosecond } = time.to_civil();
    let six = |a: u8, b: u8, c: u8| {
        u32::from(a).wrapping_mul(10_000).wrapping_add(u32::from(b).wrapping_mul(100)).wrapping_add(u32::from(c))
    };
    let date = u32::try_from(year).unwrap_or(0).wrapping_mul(10_000).wrapping_add(six(0, month, day));
    let [y0, y1, y2, y3, m0, m1, d0, d1] = eight(date);
    let [_, _, h0, h1, i0, i1, s0, s1] = eight(six(hour, minute, second));
    let [n0, n1, n2, n3, n4, n5, n6, n7] = eight(nanosecond / 10);
    let n8 = b'0' | u8::try_from(nanosecond % 10).unwrap_or(0);
    let text = [
        b'"', y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', i0, i1, b':', s0, s1, b'.', n0, n1, n2, n3, n4, n5,
        n6, n7, n8, b'Z', b'"',
    ];
    out.ascii(text, text.len());
}

/// Two hexadecimal digits of each octet.
static HEX: [[u8; 2]; 256] = hex_table();

#[expect(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler, which refuses what is out of bounds"
)]
const fn hex_table() -> [[u8; 2]; 256] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut octet = 0_usize;
    while octet < 256 {
        table[octet] = [DIGITS[octet >> 4], DIGITS[octet & 15]];
        octet += 1;
    }
    table
}

/// An octet as two hexadecimal digits.
#[inline]
pub(super) fn hex_pair(octet: u8) -> [u8; 2] {
    HEX.get(usize::from(octet)).copied().unwrap_or_default()
}

/// A MAC address between quotes.
#[inline]
pub(super) fn mac(out: &mut impl Sink, mac: Mac) {
    let [[a, b], [c, d], [e, f], [g, h], [i, j], [k, l]] = mac.octets().map(hex_pair);
    let text = [b'"', a, b, b':', c, d, b':', e, f, b':', g, h, b':', i, j, b':', k, l, b'"'];
    out.ascii(text, text.len());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is written to a string, and that a line says the same wherever it is cut into pieces.
    fn said(write: impl Fn(&mut String), again: impl Fn(&mut Line<'_>)) -> String {
        let mut plain = String::new();
        write(&mut plain);
        for filled in [0, ROOM - 40, ROOM - 20, ROOM - 8, ROOM - 1, ROOM] {
            let mut out = String::new();
            let mut line = Line::new(&mut out);
            for _ in 0..filled {
                line.mark(b'.');
            }
            again(&mut line);
            drop(line);
            assert_eq!(out, format!("{}{plain}", ".".repeat(filled)));
        }
        plain
    }

    macro_rules! said {
        ($write:expr, $value:expr) => {
            said(|out| $write(out, $value), |out| $write(out, $value))
        };
    }

    #[test]
    fn numbers_at_every_length() {
        let mut number = 1_u64;
        loop {
            for number in [number - 1, number, number + 1, number.saturating_mul(9)] {
                assert_eq!(said!(unsigned, number), number.to_string());
            }
            let Some(next) = number.checked_mul(10) else { break };
            number = next;
        }
        assert_eq!(said!(unsigned, u64::MAX), "18446744073709551615");
    }

    #[test]
    fn zeros_in_addresses() {
        for shown in [
            "::",
            "::1",
            "1::",
            "1::1",
            "0:1::",
            "::1:0:0",
            "1:0:0:2::",
            "1:0:0:2:3:0:0:4",
            "1:0:2:3:4:5:6:7",
            "0:1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:0",
            "::2:3:4:5:6:7",
            "fe80::10:0:100:1000",
            "::ffff:192.0.2.1",
            "64:ff9b::c000:201",
        ] {
            let parsed: IpAddr = shown.parse().unwrap();
            assert_eq!(said!(address, parsed), parsed.to_string());
        }
    }

    proptest! {
        #[test]
        fn the_short_ways_say_what_display_says(
            number: u64, small: u32, octets: [u8; 4], groups in proptest::array::uniform8(prop_oneof![Just(0), 0..=0xfff_u16, any::<u16>()]),
            nanos: i64, card: [u8; 6],
        ) {
            prop_assert_eq!(said!(unsigned, number), number.to_string());
            prop_assert_eq!(said!(unsigned, u64::from(small)), small.to_string());
            let (v4, v6) = (IpAddr::from(octets), IpAddr::from(groups));
            prop_assert_eq!(said!(address, v4), v4.to_string());
            prop_assert_eq!(said!(address, v6), v6.to_string());
            let moment = Timestamp::from_nanos(nanos);
            prop_assert_eq!(said!(time, moment), format!("\"{moment}\""));
            prop_assert_eq!(said!(mac, Mac::new(card)), format!("\"{}\"", Mac::new(card)));
        }

        #[test]
        fn text_goes_through_in_pieces(parts in proptest::collection::vec("\\PC{0,200}", 0..20)) {
            let mut out = String::from("in front");
            let mut line = Line::new(&mut out);
            for part in &parts {
                line.text(part);
                line.mark(b',');
                line.put(7);
            }
            drop(line);
            let whole: String = parts.iter().map(|part| format!("{part},7")).collect();
            prop_assert_eq!(out, format!("in front{whole}"));
        }
    }
}
