//! Text as it came: octets that should be UTF-8 and sometimes are not.

use core::fmt;

/// Text of a record, borrowed. Exporters cut strings in the middle of a character and pad them with NULs: the octets are kept as
/// they are; [`to_str`](Self::to_str) is strict, and [`Display`](fmt::Display) shows what is not UTF-8, and what would command a terminal,
/// as `\xNN`, so nothing is replaced silently and no text of an exporter can move a cursor.
///
/// A backslash that stands in front of `x` and two hexadecimal digits by itself is shown as `\x5c`, so that no two texts look the same:
/// who puts an octet in the place of every `\xNN` has the text again ([`octets_of`](Self::octets_of)). Every other backslash stands as it
/// came.
///
/// ```
/// use flowcodec::Text;
/// for (octets, shown) in [(&b"caf\xc3"[..], r"caf\xc3"), (br"caf\xc3", r"caf\x5cxc3"), (br"CORP\user", r"CORP\user")] {
///     assert_eq!(Text::new(octets).to_string(), shown);
///     assert_eq!(Text::octets_of(shown), octets);
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// Wraps octets.
    #[must_use]
    pub const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The octets as they came.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The octets without NULs at the end, which fixed-length string fields are padded with.
    #[must_use]
    pub fn trimmed(self) -> Self {
        let end = self.0.iter().rposition(|&octet| octet != 0).map_or(0, |last| last.saturating_add(1));
        Self(self.0.get(..end).unwrap_or_default())
    }

    /// The text, if it is UTF-8.
    ///
    /// # Errors
    /// When the octets are not UTF-8.
    pub const fn to_str(self) -> Result<&'a str, core::str::Utf8Error> {
        core::str::from_utf8(self.0)
    }

    /// The octets of a text by how it is shown: the way back from [`Display`](fmt::Display), and from the texts of every output of this
    /// crate that is text itself, where they are without NULs at the end ([`trimmed`](Self::trimmed)).
    #[must_use]
    pub fn octets_of(shown: &str) -> Vec<u8> {
        let mut octets = Vec::with_capacity(shown.len());
        let mut rest = shown.as_bytes();
        while let [octet, behind @ ..] = rest {
            rest = behind;
            let escape = if *octet == b'\\' { escape(behind) } else { None };
            octets.push(escape.unwrap_or(*octet));
            if escape.is_some() {
                rest = behind.get(3..).unwrap_or_default();
            }
        }
        octets
    }

    /// Whether there are no octets.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            let mut rest = chunk.valid();
            while let Some(at) = special(rest) {
                let (harmless, command) = rest.split_at_checked(at).unwrap_or((rest, ""));
                f.write_str(harmless)?;
                let mut characters = command.chars();
                let character = characters.next();
                character.map_or(Ok(()), |character| hex(f, character.encode_utf8(&mut [0; 4]).as_bytes()))?;
                rest = characters.as_str();
            }
            f.write_str(rest)?;
            hex(f, chunk.invalid())?;
        }
        Ok(())
    }
}

fn hex(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    octets.iter().try_for_each(|octet| write!(f, "\\x{octet:02x}"))
}

/// What stands as octets in a shown text: what would command a terminal, and a backslash that would look like one of those octets.
fn special(text: &str) -> Option<usize> {
    let special = |(at, character): (usize, char)| commands(character) || (character == '\\' && looks_escaped(text, at));
    text.char_indices().find(|it| special(*it)).map(|(at, _)| at)
}

/// The first backslash of a text that looks like an octet which is not UTF-8.
#[cfg(feature = "json")]
pub(crate) fn ambiguous(text: &str) -> Option<usize> {
    text.match_indices('\\').map(|(at, _)| at).find(|at| looks_escaped(text, *at))
}

/// Whether `x` and two hexadecimal digits stand behind the backslash at a place.
fn looks_escaped(text: &str, at: usize) -> bool {
    text.as_bytes().get(at.saturating_add(1)..).is_some_and(|behind| escape(behind).is_some())
}

/// The octet that `x` and two hexadecimal digits behind a backslash stand for.
fn escape(behind: &[u8]) -> Option<u8> {
    let [b'x', digits @ ..] = behind.first_chunk::<3>()? else { return None };
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? << 4 | low?).ok()
}

/// Control characters, line and paragraph separators, and what turns the direction of writing.
pub(crate) fn commands(character: char) -> bool {
    character.is_control() || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::strategy::Strategy as _;

    #[test]
    fn what_is_not_utf8_is_shown_and_kept() {
        let text = Text::new(b"caf\xc3");
        assert_eq!(text.to_string(), "caf\\xc3");
        assert!(text.to_str().is_err());
        assert_eq!(text.as_bytes(), b"caf\xc3");
    }

    #[test]
    fn what_commands_a_terminal_is_shown() {
        let text = Text::new("a\x1b[2J\n\0b\u{9b}31m\u{202e}c\x7fé".as_bytes());
        assert_eq!(text.to_string(), "a\\x1b[2J\\x0a\\x00b\\xc2\\x9b31m\\xe2\\x80\\xaec\\x7fé");
    }

    #[test]
    fn no_two_texts_look_the_same() {
        let cases: [(&[u8], &str); 9] = [
            (b"\\xff", "\\x5cxff"),
            (b"\xff", "\\xff"),
            (b"\\\xff", "\\\\xff"),
            (b"\\\\xff", "\\\\x5cxff"),
            (b"\\xf\xff", "\\xf\\xff"),
            (b"\\x\x0a", "\\x\\x0a"),
            (b"\\xFF\\xfg\\Xff", "\\x5cxFF\\xfg\\Xff"),
            (b"C:\\temp", "C:\\temp"),
            (b"\\x5cxff", "\\x5cx5cxff"),
        ];
        for (octets, shown) in cases {
            assert_eq!(Text::new(octets).to_string(), shown);
            assert_eq!(Text::octets_of(shown), octets, "{shown}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_shown_stands_for_its_octets(
            pieces in proptest::collection::vec(proptest::prop_oneof![
                proptest::prelude::any::<[u8; 2]>().prop_map(Vec::from),
                proptest::sample::select(vec![&b"\\"[..], b"x", b"ff", b"\\x", b"0", b"\xc3", b"\xa9", b"\xe2\x80\xae"]).prop_map(Vec::from),
            ], 0..12),
        ) {
            let octets = pieces.concat();
            let shown = Text::new(&octets).to_string();
            proptest::prop_assert_eq!(Text::octets_of(&shown), octets);
            proptest::prop_assert!(!shown.chars().any(char::is_control));
        }
    }

    #[test]
    fn padding_goes_only_at_the_end() {
        assert_eq!(Text::new(b"a\0b\0\0").trimmed(), Text::new(b"a\0b"));
        assert_eq!(Text::new(b"\0\0").trimmed(), Text::new(b""));
    }
}
