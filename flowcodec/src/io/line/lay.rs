//! Numbers, words, addresses and times, each laid down whole in a place that is larger than it needs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::Mac;
use crate::time::{Civil, Timestamp};

/// The octets of `part` from `at` on; `len` of them count: gives where those end. A place too small takes nothing.
#[inline]
pub(in crate::io) fn lay<const N: usize>(place: &mut [u8], at: usize, part: [u8; N], len: usize) -> usize {
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
pub(in crate::io) fn decimal(place: &mut [u8], at: usize, number: u64) -> usize {
    match u32::try_from(number) {
        Ok(short @ ..100_000_000) => short_decimal(place, at, short),
        _ => long(place, at, number),
    }
}

/// The same for a number below 100,000,000.
#[inline]
pub(in crate::io) fn short_decimal(place: &mut [u8], at: usize, number: u32) -> usize {
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
pub(in crate::io) fn address(place: &mut [u8], at: usize, address: IpAddr) -> usize {
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
pub(in crate::io) struct Today {
    /// Days since 1970.
    day: i64,
    /// Year, month and day as eight digits.
    digits: u64,
}

impl Today {
    /// 1970-01-01.
    pub(in crate::io) const EPOCH: Self = Self { day: 0, digits: u64::from_le_bytes(*b"19700101") };

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
pub(in crate::io) fn time(place: &mut [u8], at: usize, time: Timestamp, today: &mut Today) -> usize {
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
pub(in crate::io) fn word(place: &mut [u8], at: usize, word: &str) -> usize {
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
pub(in crate::io) fn hex_pair(octet: u8) -> [u8; 2] {
    HEX.get(usize::from(octet)).copied().unwrap_or_default()
}

/// A MAC address between quotes at `at`: 19 octets.
#[inline]
pub(in crate::io) fn mac(place: &mut [u8], at: usize, mac: Mac) -> usize {
    let [[a, b], [c, d], [e, f], [g, h], [i, j], [k, l]] = mac.octets().map(hex_pair);
    let text = [b'"', a, b, b':', c, d, b':', e, f, b':', g, h, b':', i, j, b':', k, l, b'"'];
    lay(place, at, text, text.len())
}
