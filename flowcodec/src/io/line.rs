//! Text on its way out. Most of a line is keys, numbers, addresses and times: each is laid down in a place that is larger than it needs,
//! and the next one begins where it really ended.

use core::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::Mac;
use crate::time::{Civil, Timestamp};

/// What text is written to.
pub(super) trait Sink: Write {
    /// Lends a place of `N` octets; `write` puts whole characters of UTF-8 there and tells where they end.
    fn lay<const N: usize>(&mut self, write: impl FnOnce(&mut [u8; N]) -> usize);

    /// Any text.
    fn text(&mut self, text: &str);

    /// Something by its display, which cannot fail here.
    fn put(&mut self, value: impl fmt::Display) {
        let _ = write!(self, "{value}");
    }

    /// One character of ASCII.
    #[inline]
    fn mark(&mut self, mark: u8) {
        self.lay::<1>(|place| {
            *place = [mark];
            1
        });
    }
}

impl Sink for String {
    fn lay<const N: usize>(&mut self, write: impl FnOnce(&mut [u8; N]) -> usize) {
        let mut place = [0; N];
        let end = write(&mut place);
        self.push_str(place.get(..end).and_then(|octets| core::str::from_utf8(octets).ok()).unwrap_or_default());
    }

    fn text(&mut self, text: &str) {
        self.push_str(text);
    }
}

/// Octets gathered before they go to the string: most lines whole, longer ones in pieces.
const ROOM: usize = 1_024;

/// A room in front of a string: text is checked to be UTF-8 once for each piece instead of once for each value. What is left goes to
/// the string when the line is dropped.
///
/// Where it ends is kept here for whoever writes through [`Sink`]; who lays down places himself keeps it himself, in a register, and
/// says it with [`go_on_at`](Self::go_on_at) before anything else is written.
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

    /// Where it ends.
    #[inline]
    pub(super) const fn at(&self) -> usize {
        self.used
    }

    /// What follows is written from `at` on.
    #[inline]
    pub(super) const fn go_on_at(&mut self, at: usize) {
        self.used = at;
    }

    /// The `N` octets of the room from `at` on, when there are so many.
    #[inline]
    pub(super) fn place<const N: usize>(&mut self, at: usize) -> Option<&mut [u8; N]> {
        self.room.get_mut(at..)?.first_chunk_mut()
    }

    /// Where `N` octets have room: at `at`, or at the start when the room had to be emptied.
    #[inline]
    pub(super) fn make_room<const N: usize>(&mut self, at: usize) -> usize {
        if at > const { ROOM.checked_sub(N).expect("a place fits the room") } {
            self.go_on_at(at);
            self.flush();
            return 0;
        }
        at
    }

    /// One character of ASCII at `at`. Gives where it ends.
    #[inline]
    pub(super) fn mark_at(&mut self, at: usize, mark: u8) -> usize {
        self.go_on_at(at);
        self.mark(mark);
        self.at()
    }

    /// Ends a list, in which a comma stands behind every item, at `at`: `end` takes the place of the last comma. Gives where it ends.
    #[inline]
    pub(super) fn end_list(&mut self, at: usize, end: u8) -> usize {
        let last = at.wrapping_sub(1);
        let comma = self.room.get(last) == Some(&b',');
        self.mark_at(if comma { last } else { at }, end)
    }

    #[cold]
    #[inline(never)]
    fn flush(&mut self) {
        // Only whole characters are ever laid down.
        let piece = self.room.get(..self.used).and_then(|octets| core::str::from_utf8(octets).ok());
        self.out.push_str(piece.unwrap_or_default());
        self.used = 0;
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
    fn lay<const N: usize>(&mut self, write: impl FnOnce(&mut [u8; N]) -> usize) {
        if self.used > const { ROOM.checked_sub(N).expect("a place fits the room") } {
            self.flush();
        }
        if let Some(place) = self.place(self.used) {
            let end = write(place);
            self.used = self.used.wrapping_add(end);
        }
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

/// The octets of `part` from `at` on; `len` of them count: gives where those end. A place too small takes nothing.
#[inline]
pub(super) fn lay<const N: usize>(place: &mut [u8], at: usize, part: [u8; N], len: usize) -> usize {
    if let Some(there) = place.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *there = part;
    }
    at.wrapping_add(len)
}

/// Eight decimal digits, the first in the lowest octet, each as the number it is. The halves, then the pairs, then the digits are
/// worked out side by side in one word: a division by 100 is a multiplication by 5,243 and a shift by 19, exact below 43,699; one by 10 is
/// by 103 and 10, exact below 179.
#[inline]
fn digits(number: u32) -> u64 {
    let number = u64::from(number);
    let halves = (number / 10_000) | ((number % 10_000) << 32);
    let high = (halves.wrapping_mul(5_243) >> 19) & 0x0000_007f_0000_007f;
    digits_of_pairs(high | (halves.wrapping_sub(high.wrapping_mul(100)) << 16))
}

/// The same of four numbers below 100, 16 bits each.
#[inline]
fn digits_of_pairs(pairs: u64) -> u64 {
    let high = (pairs.wrapping_mul(103) >> 10) & 0x000f_000f_000f_000f;
    high | (pairs.wrapping_sub(high.wrapping_mul(10)) << 8)
}

const ZEROS: u64 = 0x3030_3030_3030_3030;

/// A number in decimal at `at`: 20 octets at most, and 8 are overwritten in any case. Gives where it ends.
#[inline]
pub(super) fn decimal(place: &mut [u8], at: usize, number: u64) -> usize {
    match u32::try_from(number) {
        Ok(short @ ..100_000_000) => short_decimal(place, at, short),
        _ => long(place, at, number),
    }
}

/// The same for a number below 100,000,000.
#[inline]
pub(super) fn short_decimal(place: &mut [u8], at: usize, number: u32) -> usize {
    if let Some((dotted, len)) = usize::try_from(number).ok().and_then(|number| DOTTED.get(number)) {
        return lay(place, at, *dotted, usize::from(len.wrapping_sub(1)));
    }
    let digits = digits(number);
    // Zeros in front are shifted away, but not the last digit.
    let zeros = (digits | 1 << 56).trailing_zeros() & !7;
    let len = 8_u32.wrapping_sub(zeros >> 3);
    lay(place, at, ((digits | ZEROS) >> zeros).to_le_bytes(), usize::try_from(len).unwrap_or(8))
}

#[inline(never)]
fn long(place: &mut [u8], at: usize, number: u64) -> usize {
    let part = |number: u64| u32::try_from(number % 100_000_000).unwrap_or(0);
    let (high, middle, low) = (part(number / 10_000_000_000_000_000), part(number / 100_000_000), part(number));
    let following = |place: &mut [u8], at, number| lay(place, at, (digits(number) | ZEROS).to_le_bytes(), 8);
    let at = match high {
        0 => short_decimal(place, at, middle),
        _ => {
            let at = short_decimal(place, at, high);
            following(place, at, middle)
        }
    };
    following(place, at, low)
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
            0..10 => ([c, b'.', 0, 0], 2),
            10..100 => ([b, c, b'.', 0], 3),
            _ => ([a, b, c, b'.'], 4),
        };
        octet += 1;
    }
    table
}

/// Two octets with a dot behind each: eight characters at most.
#[inline]
fn dotted_pair(a: u8, b: u8) -> ([u8; 8], usize) {
    let of = |octet: u8| DOTTED.get(usize::from(octet)).copied().unwrap_or_default();
    let ((a, first), (b, second)) = (of(a), of(b));
    let (a, b) = (u64::from(u32::from_le_bytes(a)), u64::from(u32::from_le_bytes(b)));
    ((a | b << (u32::from(first) << 3)).to_le_bytes(), usize::from(first.wrapping_add(second)))
}

/// An address between quotes at `at`: 41 octets at most. Gives where it ends.
#[inline(never)]
pub(super) fn address(place: &mut [u8], at: usize, address: IpAddr) -> usize {
    match address {
        IpAddr::V4(v4) => ipv4(place, at, v4),
        IpAddr::V6(v6) => ipv6(place, at, v6),
    }
}

#[inline]
fn ipv4(place: &mut [u8], at: usize, address: Ipv4Addr) -> usize {
    let [a, b, c, d] = address.octets();
    let ((front, first), (back, second)) = (dotted_pair(a, b), dotted_pair(c, d));
    let at = lay(place, at, [b'"'], 1);
    let at = lay(place, at, front, first);
    // The last dot gives way to the quote.
    let at = lay(place, at, back, second.wrapping_sub(1));
    lay(place, at, [b'"'], 1)
}

/// RFC 5952: the first of the longest runs of two or more zero groups becomes `::`.
#[inline(never)]
fn ipv6(place: &mut [u8], at: usize, address: Ipv6Addr) -> usize {
    let mut at = lay(place, at, [b'"'], 1);
    if let Some(v4) = address.to_ipv4_mapped() {
        at = lay(place, at, *b"::ffff", 6);
        let end = ipv4(place, at, v4);
        lay(place, at, [b':'], 1);
        return end;
    }
    let groups = address.segments();
    let (mut from, mut longest, mut run) = (8_usize, 1_usize, 0_usize);
    for (number, group) in groups.into_iter().enumerate() {
        run = if group == 0 { run.wrapping_add(1) } else { 0 };
        if run > longest {
            (from, longest) = (number.wrapping_add(1).wrapping_sub(run), run);
        }
    }
    let end = from.wrapping_add(longest);
    for (number, group) in groups.into_iter().enumerate() {
        if number == from {
            at = lay(place, at, *b"::", 2);
        } else if number < from || number >= end {
            if number != 0 && number != end {
                at = lay(place, at, [b':'], 1);
            }
            at = group_of_hex(place, at, group);
        }
    }
    lay(place, at, [b'"'], 1)
}

/// Up to four digits, without zeros in front.
#[inline]
fn group_of_hex(place: &mut [u8], at: usize, group: u16) -> usize {
    let [high, low] = group.to_be_bytes().map(|octet| u32::from(u16::from_le_bytes(hex_pair(octet))));
    let zeros = (group.leading_zeros() & !3).min(12);
    let len = 4_u32.wrapping_sub(zeros >> 2);
    lay(place, at, ((high | low << 16) >> (zeros << 1)).to_le_bytes(), usize::try_from(len).unwrap_or(4))
}

/// The date that was written last: the times of neighbours have mostly the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Today {
    /// Days since 1970.
    day: i64,
    /// Year, month and day as eight digits.
    digits: u64,
}

impl Today {
    /// 1970-01-01.
    pub(super) const EPOCH: Self = Self { day: 0, digits: u64::from_le_bytes(*b"19700101") };

    #[inline(never)]
    fn of(day: i64, civil: Civil) -> Self {
        // 64 bits of nanoseconds reach from 1677 to 2262.
        let year = u32::try_from(civil.year).unwrap_or(0).wrapping_mul(10_000);
        let month = u32::from(civil.month).wrapping_mul(100);
        Self { day, digits: digits(year.wrapping_add(month).wrapping_add(u32::from(civil.day))) | ZEROS }
    }
}

/// A moment as RFC 3339 with nine digits, between quotes, at `at`: 32 octets.
#[inline(never)]
pub(super) fn time(place: &mut [u8], at: usize, time: Timestamp, today: &mut Today) -> usize {
    const DAY: i64 = 86_400 * 1_000_000_000;
    let (day, of_day) = (time.as_nanos().div_euclid(DAY), time.as_nanos().rem_euclid(DAY));
    if today.day != day {
        *today = Today::of(day, time.to_civil());
    }
    let of_day = u64::try_from(of_day).unwrap_or(0);
    let [second, nanos] = [of_day / 1_000_000_000, of_day % 1_000_000_000].map(|part| u32::try_from(part).unwrap_or(0));
    let [hour, minute, second] = [second / 3_600, second / 60 % 60, second % 60].map(u64::from);
    let clock = digits_of_pairs(hour | minute << 16 | second << 32) | ZEROS;
    let [nanos, last] = [digits(nanos / 10), u64::from(nanos % 10)].map(|digits| digits | ZEROS);
    let Some(place) = place.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<32>()) else { return at };
    // Over the zeros between the marks go the digits.
    *place = *b"\"0000-00-00T00:00:00.000000000Z\"";
    let pair = |digits: u64, number: u32| {
        let [a, b, ..] = (digits >> number.wrapping_mul(16)).to_le_bytes();
        [a, b]
    };
    place[1..3].copy_from_slice(&pair(today.digits, 0));
    place[3..5].copy_from_slice(&pair(today.digits, 1));
    place[6..8].copy_from_slice(&pair(today.digits, 2));
    place[9..11].copy_from_slice(&pair(today.digits, 3));
    place[12..14].copy_from_slice(&pair(clock, 0));
    place[15..17].copy_from_slice(&pair(clock, 1));
    place[18..20].copy_from_slice(&pair(clock, 2));
    place[21..29].copy_from_slice(&nanos.to_le_bytes());
    [place[29], ..] = last.to_le_bytes();
    at.wrapping_add(place.len())
}

/// A word without anything to escape between quotes at `at`. Gives where it ends.
#[inline(never)]
pub(super) fn word(place: &mut [u8], at: usize, word: &str) -> usize {
    let (from, end) = (at.wrapping_add(1), at.wrapping_add(1).wrapping_add(word.len()));
    if let Some(there) = place.get_mut(from..end) {
        for (there, octet) in there.iter_mut().zip(word.bytes()) {
            *there = octet;
        }
    }
    lay(place, at, [b'"'], 1);
    lay(place, end, [b'"'], 1)
}

/// Two hexadecimal digits of each octet.
static HEX: [[u8; 2]; 256] = hex_table();

#[expect(
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

/// A MAC address between quotes at `at`: 19 octets.
#[inline]
pub(super) fn mac(place: &mut [u8], at: usize, mac: Mac) -> usize {
    let [[a, b], [c, d], [e, f], [g, h], [i, j], [k, l]] = mac.octets().map(hex_pair);
    let text = [b'"', a, b, b':', c, d, b':', e, f, b':', g, h, b':', i, j, b':', k, l, b'"'];
    lay(place, at, text, text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is written to a string, and that a line says the same wherever it is cut into pieces.
    fn said<T: Copy>(write: fn(&mut [u8], usize, T) -> usize, value: T) -> String {
        let mut plain = String::new();
        plain.lay::<48>(|place| write(place, 0, value));
        for filled in [0, ROOM - 40, ROOM - 20, ROOM - 8, ROOM - 1, ROOM] {
            let mut out = String::new();
            let mut line = Line::new(&mut out);
            for _ in 0..filled {
                line.mark(b'.');
            }
            line.lay::<48>(|place| write(place, 0, value));
            drop(line);
            assert_eq!(out, format!("{}{plain}", ".".repeat(filled)));
        }
        plain
    }

    #[test]
    fn numbers_at_every_length() {
        let mut number = 1_u64;
        loop {
            for number in [number - 1, number, number + 1, number.saturating_mul(9)] {
                assert_eq!(said(decimal, number), number.to_string());
            }
            let Some(next) = number.checked_mul(10) else { break };
            number = next;
        }
        assert_eq!(said(decimal, u64::MAX), "18446744073709551615");
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
            assert_eq!(said(address, parsed), format!("\"{parsed}\""));
        }
    }

    proptest! {
        #[test]
        fn the_short_ways_say_what_display_says(
            number: u64, small: u32, octets: [u8; 4], groups in proptest::array::uniform8(prop_oneof![Just(0), 0..=0xfff_u16, any::<u16>()]),
            nanos: i64, card: [u8; 6],
        ) {
            prop_assert_eq!(said(decimal, number), number.to_string());
            prop_assert_eq!(said(decimal, u64::from(small)), small.to_string());
            let (v4, v6) = (IpAddr::from(octets), IpAddr::from(groups));
            prop_assert_eq!(said(address, v4), format!("\"{v4}\""));
            prop_assert_eq!(said(address, v6), format!("\"{v6}\""));
            let moment = Timestamp::from_nanos(nanos);
            prop_assert_eq!(said(|place, at, moment| time(place, at, moment, &mut { Today::EPOCH }), moment), format!("\"{moment}\""));
            prop_assert_eq!(said(mac, Mac::new(card)), format!("\"{}\"", Mac::new(card)));
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
            let whole = parts.iter().fold(String::from("in front"), |whole, part| whole + part + ",7");
            prop_assert_eq!(out, whole);
        }
    }
}
