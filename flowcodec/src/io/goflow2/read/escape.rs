//! Escapes of JSON (RFC 8259 §7), which goflow2 itself does not write.

/// A text with its escapes undone; `None` when half of a surrogate pair stands alone. Its form has been checked.
#[cold]
pub(super) fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [octet, behind @ ..] = rest {
        rest = behind;
        if *octet != b'\\' {
            plain.push(*octet);
            continue;
        }
        let (escape, behind) = rest.split_first()?;
        rest = behind;
        plain.push(match escape {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let mut unit = code_unit(&mut rest)?;
                if let 0xd800..0xdc00 = unit {
                    rest = rest.strip_prefix(b"\\u")?;
                    let low = code_unit(&mut rest)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
                    unit = ((unit & 0x3ff) << 10 | low).saturating_add(0x1_0000);
                }
                let letter = char::from_u32(unit)?;
                plain.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            other => *other,
        });
    }
    Some(plain)
}

/// Four hexadecimal digits.
fn code_unit(rest: &mut &[u8]) -> Option<u32> {
    let (digits, behind) = rest.split_at_checked(4)?;
    *rest = behind;
    u32::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()
}
