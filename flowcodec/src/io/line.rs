//! Text on its way out. Most of a line is keys, numbers, addresses and times: each is laid down in a place that is larger than it needs,
//! and the next one begins where it really ended.

mod lay;

use core::fmt::{self, Write};

pub(super) use lay::{Today, address, decimal, hex_pair, lay, mac, short_decimal, time, word};

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Mac;
    use crate::time::Timestamp;
    use std::net::IpAddr;

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
