//! The keys of goflow2's JSON: the field that a key names, however it is written, and the key that comes next.
//!
//! goflow2 writes its keys in one order, so the next one is known and compared as a whole. In another order, and in other spellings, keys
//! are found by a hash of their letters.

use crate::io::goflow2::Dialect;
use crate::io::goflow2::table::{ENRICHED, Form, ROWS, Shape};
use crate::model::{FieldId, field};

/// Fields of the table, and those that are added to JSON.
const FIELDS: usize = ROWS.len() + ENRICHED.len();

/// What a field says, by its place in the table or behind it.
static FORMS: [Form; FIELDS] = forms();

/// Bit n: the field at place n is a list.
pub(super) const LISTS: u128 = lists();

/// Whether the field at a place is a list.
pub(super) fn is_list(place: usize) -> bool {
    u32::try_from(place).is_ok_and(|place| LISTS.wrapping_shr(place) & 1 != 0)
}

/// What the field at a place says.
#[inline]
pub(super) fn form(place: usize) -> Option<Form> {
    FORMS.get(place).copied()
}

/// The field of a row or flow that a number is put into as it is, at a place where nothing else is to be done for it.
#[inline]
pub(super) fn plain(place: usize) -> Option<FieldId> {
    PLAIN.get(place).copied().flatten()
}

static PLAIN: [Option<FieldId>; FIELDS] = plain_fields();

#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "evaluated by the compiler")]
const fn plain_fields() -> [Option<FieldId>; FIELDS] {
    let (mut plain, mut place) = ([None; FIELDS], 0);
    while place < ROWS.len() {
        plain[place] = match ROWS[place].form {
            Form::Octets => Some(field::OCTETS.id()),
            Form::Packets => Some(field::PACKETS.id()),
            Form::Etype => Some(field::ETHERTYPE.id()),
            Form::Protocol => Some(field::IP_PROTOCOL.id()),
            Form::Number(id) | Form::Network { bits: id, .. } => Some(id),
            _ => None,
        };
        place += 1;
    }
    plain
}

/// Where in goflow2's order a line is.
#[derive(Debug)]
pub(super) struct Order {
    dialect: Dialect,
    /// The field whose key comes next.
    next: usize,
}

impl Order {
    /// In front of the first key.
    pub(super) const fn new() -> Self {
        Self { dialect: Dialect::V2, next: 0 }
    }

    /// The field whose key stands at the start of `octets`, if it is the one that comes next and goflow2 wrote it; and how long the key is
    /// with its quotes and colon.
    #[inline]
    pub(super) fn expected(&mut self, octets: &[u8]) -> Option<(usize, usize)> {
        let (keys, following) = match self.dialect {
            Dialect::V1 => (&KEYS_V1, &FOLLOWING_V1),
            Dialect::V2 => (&KEYS_V2, &FOLLOWING_V2),
        };
        let place = self.next;
        let key = keys.get(place)?;
        let there = octets.first_chunk::<LONGEST>()?.as_chunks::<16>().0;
        let differs = there
            .iter()
            .zip(&key.words)
            .zip(&key.masks)
            .fold(0, |differs, ((there, word), mask)| differs | ((u128::from_le_bytes(*there) ^ word) & mask));
        if differs != 0 {
            return None;
        }
        self.next = usize::from(*following.get(place)?);
        Some((place, key.len))
    }

    /// The field that a key names.
    pub(super) fn find(&mut self, key: &[u8]) -> Option<usize> {
        let place = place_of(key)?;
        if let Some(row) = ROWS.get(place) {
            if row.v1.key.as_bytes() == key {
                self.dialect = Dialect::V1;
            } else if row.v2.key.as_bytes() == key {
                self.dialect = Dialect::V2;
            }
            let following = match self.dialect {
                Dialect::V1 => &FOLLOWING_V1,
                Dialect::V2 => &FOLLOWING_V2,
            };
            self.next = following.get(place).map_or(0, |next| usize::from(*next));
        }
        Some(place)
    }
}

/// The longest key with its quotes and colon.
const LONGEST: usize = 32;

/// A key with its quotes and colon, and which bits of it count.
struct Key {
    words: [u128; 2],
    masks: [u128; 2],
    len: usize,
}

static KEYS_V1: [Key; ROWS.len()] = keys(Dialect::V1);
static KEYS_V2: [Key; ROWS.len()] = keys(Dialect::V2);

/// The field behind each one, in goflow2's order.
static FOLLOWING_V1: [u8; ROWS.len()] = following(Dialect::V1);
static FOLLOWING_V2: [u8; ROWS.len()] = following(Dialect::V2);

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler, which refuses what is out of bounds; there are fewer than 256 fields"
)]
const fn following(dialect: Dialect) -> [u8; ROWS.len()] {
    let (mut following, mut row) = ([0; ROWS.len()], 0);
    while row < ROWS.len() {
        let mut next = (row + 1) % ROWS.len();
        while !ROWS[next].place(dialect).listed {
            next = (next + 1) % ROWS.len();
        }
        following[row] = next as u8;
        row += 1;
    }
    following
}

#[expect(
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler, which refuses what is too long"
)]
const fn keys(dialect: Dialect) -> [Key; ROWS.len()] {
    // Without a key all bits count, and no octets are zeros.
    let mut keys = [const { Key { words: [0; 2], masks: [u128::MAX; 2], len: 0 } }; ROWS.len()];
    let mut row = 0;
    while row < ROWS.len() {
        let key = ROWS[row].place(dialect).key.as_bytes();
        if !key.is_empty() {
            let (mut words, mut masks, mut at) = ([0; 2], [0; 2], 0);
            while at < key.len() + 3 {
                let octet = match at {
                    0 => b'"',
                    at if at <= key.len() => key[at - 1],
                    at if at == key.len() + 1 => b'"',
                    _ => b':',
                };
                words[at / 16] |= (octet as u128) << (at % 16 * 8);
                masks[at / 16] |= 0xff << (at % 16 * 8);
                at += 1;
            }
            keys[row] = Key { words, masks, len: at };
        }
        row += 1;
    }
    keys
}

#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "evaluated by the compiler")]
const fn forms() -> [Form; FIELDS] {
    let (mut forms, mut place) = ([Form::Type; FIELDS], 0);
    while place < FIELDS {
        forms[place] = if place < ROWS.len() { ROWS[place].form } else { ENRICHED[place - ROWS.len()].1 };
        place += 1;
    }
    forms
}

#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "evaluated by the compiler")]
const fn lists() -> u128 {
    const { assert!(FIELDS <= 128, "a bit for each") };
    let (mut lists, mut place) = (0, 0);
    while place < ROWS.len() {
        if matches!(ROWS[place].form.shape(), Shape::Numbers | Shape::Addresses) {
            lists |= 1 << place;
        }
        place += 1;
    }
    lists
}

/// The place of the field that a key names, apart from case and underscores.
fn place_of(key: &[u8]) -> Option<usize> {
    let mut slot = slot_of(key);
    loop {
        let place = usize::from(*SLOTS.get(slot)?);
        let [one, other] = names(place)?;
        if same(key, one) || same(key, other) {
            return Some(place);
        }
        slot = slot.wrapping_add(1) % SLOTS_LEN;
    }
}

/// The names of a field; one that it does not have is empty. `None` behind the last.
fn names(place: usize) -> Option<[&'static [u8]; 2]> {
    let row = ROWS.get(place).map(|row| [row.v1.key.as_bytes(), row.v2.key.as_bytes()]);
    row.or_else(|| Some([ENRICHED.get(place.checked_sub(ROWS.len())?)?.0.as_bytes(), b""]))
}

/// Whether a key is this name, apart from case and underscores.
fn same(key: &[u8], name: &[u8]) -> bool {
    !name.is_empty() && (key == name || letters(key).eq(letters(name)))
}

fn letters(key: &[u8]) -> impl Iterator<Item = u8> {
    key.iter().filter(|octet| **octet != b'_').map(u8::to_ascii_lowercase)
}

/// Where a key is looked for first.
const fn slot_of(key: &[u8]) -> usize {
    let (mut hash, mut rest) = (0x811c_9dc5_u32, key);
    while let [octet, behind @ ..] = rest {
        if *octet != b'_' {
            // FNV-1a
            #[expect(clippy::as_conversions, reason = "widening; From is not const")]
            let letter = octet.to_ascii_lowercase() as u32;
            hash = (hash ^ letter).wrapping_mul(0x0100_0193);
        }
        rest = behind;
    }
    #[expect(clippy::as_conversions, reason = "widening; From is not const")]
    let slot = (hash ^ hash >> 13) as usize;
    slot % SLOTS_LEN
}

/// Several times as many as there are names, so that most are found at once and others end soon.
const SLOTS_LEN: usize = 512;

/// The place of the field whose name has this slot, or one before it; 255 for none.
static SLOTS: [u8; SLOTS_LEN] = slots();

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "evaluated by the compiler, which refuses what is out of bounds"
)]
const fn slots() -> [u8; SLOTS_LEN] {
    const { assert!(FIELDS < 255, "a place fits an octet, and 255 is none") };
    let (mut slots, mut name) = ([255; SLOTS_LEN], 0);
    while name < 2 * FIELDS {
        let place = name / 2;
        let key = match ROWS.len() {
            rows if place >= rows && name % 2 == 1 => "",
            rows if place >= rows => ENRICHED[place - rows].0,
            _ if name % 2 == 0 => ROWS[place].v1.key,
            _ => ROWS[place].v2.key,
        };
        if !key.is_empty() {
            let mut slot = slot_of(key.as_bytes());
            while slots[slot] != 255 {
                slot = (slot + 1) % SLOTS_LEN;
            }
            slots[slot] = place as u8;
        }
        name += 1;
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_no_two_fields_share_one() {
        let mut seen = std::collections::HashMap::new();
        for place in 0..FIELDS {
            for name in names(place).unwrap().into_iter().filter(|name| !name.is_empty()) {
                assert_eq!(place_of(name), Some(place));
                let plain: Vec<u8> = letters(name).collect();
                assert_eq!((place_of(&plain), place_of(&plain.to_ascii_uppercase())), (Some(place), Some(place)));
                assert!(name.len() + 3 <= LONGEST);
                let first = *seen.entry(plain).or_insert(place);
                assert_eq!(first, place, "{}", String::from_utf8_lossy(name));
            }
        }
        for other in [&b""[..], b"_", b"typ", b"types", b"colour", b"\xff"] {
            assert_eq!(place_of(other), None);
        }
    }

    #[test]
    fn the_keys_of_a_dialect_in_its_order_are_expected() {
        for dialect in [Dialect::V1, Dialect::V2] {
            let mut order = Order::new();
            for (place, row) in ROWS.iter().enumerate().filter(|(_, row)| row.place(dialect).listed) {
                let line = format!("\"{}\":0,                                ", row.place(dialect).key);
                let len = row.place(dialect).key.len() + 3;
                let wrong = line.replacen("\":", "x:", 1);
                assert_eq!(order.expected(wrong.as_bytes()), None);
                if place == 0 && dialect == Dialect::V1 {
                    assert_eq!(order.expected(line.as_bytes()), None, "told by its first key");
                    assert_eq!(order.find(b"Type"), Some(0));
                } else {
                    assert_eq!(order.expected(line.as_bytes()), Some((place, len)));
                }
            }
        }
    }
}
