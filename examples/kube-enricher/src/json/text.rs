//! Texts with their quotes and escapes, and without.

use std::borrow::Cow;

/// The text of a JSON string that was scanned; octets that are no UTF-8, and halves of surrogate pairs, become U+FFFD.
pub(crate) fn unquoted(quoted: &[u8]) -> Cow<'_, str> {
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    if !inner.contains(&b'\\') {
        return String::from_utf8_lossy(inner);
    }
    let mut out = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.iter().position(|octet| *octet == b'\\') {
        let (plain, escape) = rest.split_at(at);
        out.push_str(&String::from_utf8_lossy(plain));
        rest = unescape(escape.get(1..).unwrap_or_default(), &mut out);
    }
    out.push_str(&String::from_utf8_lossy(rest));
    Cow::Owned(out)
}

/// Reads what stands behind a backslash; gives what stands behind that.
fn unescape<'t>(escape: &'t [u8], out: &mut String) -> &'t [u8] {
    let Some((letter, rest)) = escape.split_first() else { return &[] };
    let plain = match letter {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let (first, behind) = hex(rest);
            if let (0xd800..0xdc00, Some(low)) = (first, behind.strip_prefix(b"\\u"))
                && let (second @ 0xdc00..0xe000, behind) = hex(low)
            {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                return behind;
            }
            out.push(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
            return behind;
        }
        other => char::from(*other),
    };
    out.push(plain);
    rest
}

fn hex(text: &[u8]) -> (u32, &[u8]) {
    let (digits, rest) = text.split_at_checked(4).unwrap_or((text, &[]));
    let digit = |octet: &u8| char::from(*octet).to_digit(16).unwrap_or(0);
    (digits.iter().fold(0, |sum, octet| sum << 4 | digit(octet)), rest)
}

/// A text as a JSON string, with no more escapes than needed.
pub(crate) fn quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut done = 0;
    for (at, octet) in text.bytes().enumerate().filter(|(_, octet)| matches!(octet, 0..b' ' | b'"' | b'\\')) {
        out.extend_from_slice(text.as_bytes().get(done..at).unwrap_or_default());
        match octet {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', octet]),
            _ => out.extend_from_slice(format!("\\u{octet:04x}").as_bytes()),
        }
        done = at.saturating_add(1);
    }
    out.extend_from_slice(text.as_bytes().get(done..).unwrap_or_default());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_and_what_is_no_text() {
        assert_eq!(unquoted(br#""a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00z""#), "a\"\\/\u{8}\u{c}\n\r\t\u{e9}\u{1f600}z");
        assert_eq!(unquoted(br#""\ud83dx\ude00\ud83d\u0041""#), "\u{fffd}x\u{fffd}\u{fffd}A");
        assert_eq!(unquoted(b"\"\xc3\xa9\xff\""), "\u{e9}\u{fffd}");
        assert_eq!(unquoted(b"\"\""), "");
    }

    proptest! {
        #[test]
        fn written_and_read_back(text in any::<String>()) {
            let mut out = Vec::new();
            quoted(&text, &mut out);
            prop_assert_eq!(&unquoted(&out), &text);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text.clone());
            let theirs = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(unquoted(theirs.as_bytes()), text);
        }
    }
}
