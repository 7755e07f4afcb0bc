//! Text as it came: octets that should be UTF-8 and sometimes are not.

use core::fmt;

/// Text of a record, borrowed. Exporters cut strings in the middle of a character and pad them with NULs: the octets are kept as
/// they are; [`to_str`](Self::to_str) is strict, and [`Display`](fmt::Display) shows what is not UTF-8, and what would command a terminal,
/// as `\xNN`, so nothing is replaced silently and no text of an exporter can move a cursor.
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
            while let Some(at) = rest.find(commands) {
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

/// Control characters, line and paragraph separators, and what turns the direction of writing.
fn commands(character: char) -> bool {
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
    fn padding_goes_only_at_the_end() {
        assert_eq!(Text::new(b"a\0b\0\0").trimmed(), Text::new(b"a\0b"));
        assert_eq!(Text::new(b"\0\0").trimmed(), Text::new(b""));
    }
}
