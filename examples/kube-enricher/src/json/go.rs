//! JSON as Go's `encoding/json` writes it after it has read it: members sorted, compact, with its escapes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::scan::{Member, members};
use super::text::unquoted;

/// A number that no 64-bit float holds: Go refuses the whole line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotForGo;

/// Writes a scanned value. Integers keep their digits, where Go would send them through a float.
pub(crate) fn write_value(value: &[u8], out: &mut Vec<u8>) -> Result<(), NotForGo> {
    match value.first() {
        Some(b'"') => write_string(&unquoted(value), out),
        Some(b'{') => write_object(value, out)?,
        Some(b'[') => write_array(value, out)?,
        Some(b'-' | b'0'..=b'9') => write_number(value, out)?,
        _ => out.extend_from_slice(value),
    }
    Ok(())
}

fn write_object(object: &[u8], out: &mut Vec<u8>) -> Result<(), NotForGo> {
    let mut found: Vec<Member> = Vec::new();
    // It was scanned as a part of the line.
    let _ = members(object, &mut found);
    let at = |range: &Range<usize>| object.get(range.clone()).unwrap_or_default();
    let sorted: BTreeMap<Cow<'_, str>, &[u8]> =
        found.iter().map(|member| (unquoted(at(&member.name)), at(&member.value))).collect();
    out.push(b'{');
    for (number, (name, value)) in sorted.iter().enumerate() {
        if number != 0 {
            out.push(b',');
        }
        write_string(name, out);
        out.push(b':');
        write_value(value, out)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_array(array: &[u8], out: &mut Vec<u8>) -> Result<(), NotForGo> {
    // Items are found as the members of an object would be.
    let mut found: Vec<Range<usize>> = Vec::new();
    items(array, &mut found);
    out.push(b'[');
    for (number, range) in found.into_iter().enumerate() {
        if number != 0 {
            out.push(b',');
        }
        write_value(array.get(range).unwrap_or_default().trim_ascii(), out)?;
    }
    out.push(b']');
    Ok(())
}

/// Where the items of a scanned array stand, blanks included.
fn items(array: &[u8], into: &mut Vec<Range<usize>>) {
    let (mut depth, mut start, mut quoted, mut escaped) = (0_usize, 1, false, false);
    for (at, octet) in array.iter().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'[' | b'{' => depth = depth.saturating_add(1),
            b',' if depth == 1 => {
                into.push(start..at);
                start = at.saturating_add(1);
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                let last = array.get(start..at).unwrap_or_default();
                if depth == 0 && !(into.is_empty() && last.trim_ascii().is_empty()) {
                    into.push(start..at);
                }
            }
            _ => {}
        }
    }
}

fn write_number(number: &[u8], out: &mut Vec<u8>) -> Result<(), NotForGo> {
    if !number.iter().any(|octet| matches!(octet, b'.' | b'e' | b'E')) {
        out.extend_from_slice(number);
        return Ok(());
    }
    let value: f64 =
        str::from_utf8(number).ok().and_then(|text| text.parse().ok()).filter(|value: &f64| value.is_finite()).ok_or(NotForGo)?;
    // Go goes over to exponents where ECMAScript does.
    let text = if value != 0.0 && (value.abs() < 1e-6 || value.abs() >= 1e21) {
        let text = format!("{value:e}");
        if text.contains("e-") { text } else { text.replace('e', "e+") }
    } else {
        format!("{value}")
    };
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// Writes a text with Go's escapes, those for HTML included.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for char in text.chars() {
        match char {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\0'..' ' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(char)).as_bytes());
            }
            _ => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn go(value: &str) -> String {
        let mut out = Vec::new();
        write_value(value.as_bytes(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// Each as `json.Marshal` of what `json.Unmarshal` reads gives it (Go 1.16), but for integers.
    #[test]
    fn as_go_writes_it() {
        for (value, written) in [
            (r#"{ "b" : 1 , "a" : [ 1 , { "d":2, "c":"x" } , [ ] ] , "b" : true }"#, r#"{"a":[1,{"c":"x","d":2},[]],"b":true}"#),
            (r#""\/\u0041<b>&\u2028\u0008\u007f\t""#, "\"/A\\u003cb\\u003e\\u0026\\u2028\\u0008\u{7f}\\t\""),
            (r#"["a,]\"", "[{"]"#, r#"["a,]\"","[{"]"#),
            ("1.0", "1"),
            ("1.50", "1.5"),
            ("1e3", "1000"),
            ("1E21", "1e+21"),
            ("123456789012345680000.0", "123456789012345680000"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("-0.0", "-0"),
            ("18446744073709551615", "18446744073709551615"),
            ("null", "null"),
            ("[]", "[]"),
            ("[ ]", "[]"),
            (r#"{"Z":1,"a":2,"B":3,"é":4}"#, r#"{"B":3,"Z":1,"a":2,"é":4}"#),
        ] {
            assert_eq!(go(value), written, "{value}");
        }
        assert_eq!(write_value(b"[1e400]", &mut Vec::new()), Err(NotForGo));
    }
}
