//! The octets of protobuf: tags, varints and addresses, each laid down whole in a room that is larger.

use core::net::IpAddr;

use crate::io::line::lay;

/// Octets gathered before they go out.
pub(super) const ROOM: usize = 2_048;

/// Where they are gathered.
pub(super) type Room = [u8; ROOM];

/// What stands in front of a field, and how many octets that is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag {
    pub(super) octets: u16,
    pub(super) len: usize,
}

impl Tag {
    pub(super) const NONE: Self = Self { octets: 0, len: 0 };

    /// Field numbers are below 2,048 here: two octets at most.
    pub(super) const fn new(number: u32, wire_type: u32) -> Self {
        #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "see above")]
        let tag = (number << 3 | wire_type) as u16;
        if tag < 0x80 { Self { octets: tag, len: 1 } } else { Self { octets: (tag & 0x7f) | 0x80 | (tag >> 7) << 8, len: 2 } }
    }
}

pub(super) const VARINT: u32 = 0;
pub(super) const LENGTH: u32 = 2;

/// A varint at the end of `out`.
pub(super) fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        let [low, ..] = value.to_le_bytes();
        out.push(low | 0x80);
        value >>= 7;
    }
    let [low, ..] = value.to_le_bytes();
    out.push(low);
}

/// How many groups of seven bits a number needs: those of its bits, divided by 7 and rounded up, as a ninth part of 64.
#[inline]
pub(super) fn groups(value: u64) -> usize {
    let bits = 64_u32.wrapping_sub((value | 1).leading_zeros());
    usize::try_from(bits.wrapping_mul(9).wrapping_add(64) >> 6).unwrap_or(1)
}

/// Groups of seven bits, each in an octet of its own, of a number below 2^56: halves, quarters, then octets move apart side by side.
#[inline]
fn spread(value: u64) -> u64 {
    let value = (value & 0x0fff_ffff) | (value & 0x00ff_ffff_f000_0000) << 4;
    let value = (value & 0x0000_3fff_0000_3fff) | (value & 0x0fff_c000_0fff_c000) << 2;
    (value & 0x007f_007f_007f_007f) | (value & 0x3f80_3f80_3f80_3f80) << 1
}

/// The same of a number below 2^32.
#[inline]
fn spread_32(value: u64) -> u64 {
    let value = (value & 0x3fff) | (value & 0x0fff_c000) << 2 | (value & 0xf000_0000) << 4;
    (value & 0x0000_000f_007f_007f) | (value & 0x3f80_3f80) << 1
}

/// A tag and a number of so many bits as a varint, at `at`: up to 18 octets are overwritten. Gives where it ends; a zero is left out.
#[inline]
pub(super) fn varint<const BITS: u32>(room: &mut Room, at: usize, tag: Tag, value: u64) -> usize {
    let (octets, len) = match BITS {
        // Where it has an eighth bit, that is the one that says that another octet follows.
        0..=8 => (value | (value & 0x80) << 1, value.wrapping_add(0x180) >> 8),
        9..=16 => {
            // What is not below 2^7 or 2^14 carries over into bit 16.
            let (two, three) = (value.wrapping_add(0xff80) >> 16, value.wrapping_add(0xc000) >> 16);
            let octets = (value & 0x7f) | two << 7 | (value & 0x3f80) << 1 | three << 15 | (value & 0xc000) << 2;
            (octets, two.wrapping_add(three).wrapping_add(1))
        }
        17..=32 => {
            let reaches = |bit: u32| u64::from(value >= 1 << bit);
            let more = reaches(7).wrapping_add(reaches(14)).wrapping_add(reaches(21)).wrapping_add(reaches(28));
            let octets = spread_32(value) | MORE.get(usize::try_from(more).unwrap_or(0)).copied().unwrap_or(0);
            (octets, more.wrapping_add(1))
        }
        _ if value >= 1 << 56 => return long_varint(room, at, tag, value),
        _ => {
            let groups = groups(value);
            let octets = spread(value) | MORE.get(groups.wrapping_sub(1)).copied().unwrap_or(0);
            (octets, u64::try_from(groups).unwrap_or(0))
        }
    };
    let from = lay(room, at, tag.octets.to_le_bytes(), tag.len);
    let end = lay(room, from, octets.to_le_bytes(), usize::try_from(len).unwrap_or(0));
    if value == 0 { at } else { end }
}

/// The first bit of each of so many octets: another one follows.
const MORE: [u64; 9] =
    [0, 0x80, 0x8080, 0x0080_8080, 0x8080_8080, 0x0080_8080_8080, 0x8080_8080_8080, 0x0080_8080_8080_8080, 0x8080_8080_8080_8080];

/// One that takes more than eight octets.
#[inline]
fn long_varint(room: &mut Room, at: usize, tag: Tag, value: u64) -> usize {
    let at = lay(room, at, tag.octets.to_le_bytes(), tag.len);
    let low = spread(value & 0x00ff_ffff_ffff_ffff) | 0x8080_8080_8080_8080;
    let at = lay(room, at, low.to_le_bytes(), 8);
    let [.., high] = value.to_le_bytes();
    lay(room, at, [high, 1], if high < 0x80 { 1 } else { 2 })
}

/// A tag and an address, in 4 or 16 octets. Gives where it ends.
#[inline]
pub(super) fn address(room: &mut Room, at: usize, tag: Tag, address: IpAddr) -> usize {
    let at = lay(room, at, tag.octets.to_le_bytes(), tag.len);
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            lay(room, at, [4, a, b, c, d], 5)
        }
        IpAddr::V6(v6) => {
            let at = lay(room, at, [16], 1);
            lay(room, at, v6.octets(), 16)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::goflow2::table::ROWS;

    type Way = fn(&mut Room, usize, Tag, u64) -> usize;

    fn encoded(value: u64) -> Vec<u8> {
        let mut out = Vec::new();
        push_varint(&mut out, value);
        out
    }

    /// The definition: seven bits at a time, the lowest first, the first bit says that more follow.
    fn by_the_book(mut value: u64) -> Vec<u8> {
        let mut out = Vec::new();
        while value >= 0x80 {
            out.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        out.push(value.to_le_bytes()[0]);
        out
    }

    #[test]
    fn varints_at_every_length() {
        for bit in 0..64 {
            for value in [1_u64 << bit, (1 << bit) - 1, (1 << bit) + 1, u64::MAX >> bit, 0x5a5a_5a5a_5a5a_5a5a >> bit] {
                assert_eq!(encoded(value), by_the_book(value), "{value:#x}");
                for tag in [Tag::new(9, VARINT), Tag::new(112, VARINT)] {
                    let mut room = [0xee; ROOM];
                    let ways: [(u32, Way); 4] = [(8, varint::<8>), (16, varint::<16>), (32, varint::<32>), (64, varint::<64>)];
                    for (bits, way) in ways.into_iter().filter(|(bits, _)| value.checked_shr(*bits).unwrap_or(0) == 0) {
                        let end = way(&mut room, 1, tag, value);
                        let wanted = [by_the_book(if tag.len == 1 { 9 << 3 } else { 112 << 3 }), by_the_book(value)].concat();
                        let wanted = if value == 0 { &[][..] } else { &wanted };
                        assert_eq!(&room[1..end], wanted, "{value:#x} of {bits} bits");
                    }
                }
            }
        }
    }

    #[test]
    fn tags_are_of_two_octets_at_most() {
        for row in ROWS {
            for place in [row.v1, row.v2] {
                assert!(place.number < 2_048, "{}", place.key);
            }
        }
    }
}
