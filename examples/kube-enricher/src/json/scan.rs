//! Where the members of an object stand.

use std::ops::Range;

/// A member of an object: where its name stands, quotes included, and where its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: Range<usize>,
    pub(crate) value: Range<usize>,
}

/// Why a line is no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoObject {
    /// Octets from the start of the line.
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

impl std::fmt::Display for NoObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at octet {}", self.what, self.at)
    }
}

/// Values inside values that are followed.
const DEEPEST: usize = 128;

/// Scans a line that is one object; its members are put into `into` in place of what was there. Gives the place of the closing brace.
///
/// The grammar is RFC 8259's, but texts may hold any octets above the control characters.
pub(crate) fn members(line: &[u8], into: &mut Vec<Member>) -> Result<usize, NoObject> {
    into.clear();
    let mut scan = Scan { line, at: 0 };
    scan.blanks();
    if scan.peek() != Some(b'{') {
        return Err(scan.fault("no object"));
    }
    scan.object(0, Some(into))?;
    let end = scan.at.saturating_sub(1);
    scan.blanks();
    if scan.peek().is_some() { Err(scan.fault("more behind the object")) } else { Ok(end) }
}

struct Scan<'l> {
    line: &'l [u8],
    at: usize,
}

impl Scan<'_> {
    fn fault(&self, what: &'static str) -> NoObject {
        NoObject { at: self.at, what }
    }

    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    /// Passes over octets of one kind; says how many.
    fn pass(&mut self, is: impl Fn(u8) -> bool) -> usize {
        let rest = self.line.get(self.at..).unwrap_or_default();
        let count = rest.iter().position(|octet| !is(*octet)).unwrap_or(rest.len());
        self.at = self.at.saturating_add(count);
        count
    }

    fn blanks(&mut self) {
        self.pass(|octet| matches!(octet, b' ' | b'\t' | b'\n' | b'\r'));
    }

    fn take(&mut self, octet: u8, what: &'static str) -> Result<(), NoObject> {
        if self.peek() != Some(octet) {
            return Err(self.fault(what));
        }
        self.step();
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Range<usize>, NoObject> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => self.string()?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'{') => self.object(depth, None)?,
            Some(b'[') => self.array(depth)?,
            Some(b't') => self.word(b"true")?,
            Some(b'f') => self.word(b"false")?,
            Some(b'n') => self.word(b"null")?,
            _ => return Err(self.fault("no value")),
        }
        Ok(start..self.at)
    }

    fn word(&mut self, word: &[u8]) -> Result<(), NoObject> {
        if !self.line.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.fault("no value"));
        }
        self.at = self.at.saturating_add(word.len());
        Ok(())
    }

    fn string(&mut self) -> Result<(), NoObject> {
        self.take(b'"', "no name")?;
        loop {
            self.pass(|octet| octet >= b' ' && octet != b'"' && octet != b'\\');
            match self.peek() {
                Some(b'"') => {
                    self.step();
                    return Ok(());
                }
                Some(b'\\') => {
                    self.step();
                    self.escape()?;
                }
                Some(_) => return Err(self.fault("a control character in a text")),
                None => return Err(self.fault("a text without end")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), NoObject> {
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.step(),
            Some(b'u') => {
                self.step();
                let digits = self.line.get(self.at..self.at.saturating_add(4)).unwrap_or_default();
                if digits.len() != 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(self.fault("no escape"));
                }
                self.at = self.at.saturating_add(4);
            }
            _ => return Err(self.fault("no escape")),
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), NoObject> {
        if self.pass(|octet| octet.is_ascii_digit()) == 0 { Err(self.fault("no number")) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<(), NoObject> {
        if self.peek() == Some(b'-') {
            self.step();
        }
        if self.peek() == Some(b'0') {
            self.step();
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.step();
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.step();
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.step();
            }
            self.digits()?;
        }
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<(), NoObject> {
        let depth = self.deeper(depth)?;
        self.blanks();
        if self.peek() == Some(b']') {
            self.step();
            return Ok(());
        }
        loop {
            self.blanks();
            self.value(depth)?;
            self.blanks();
            if self.peek() != Some(b',') {
                return self.take(b']', "neither comma nor ]");
            }
            self.step();
        }
    }

    fn object(&mut self, depth: usize, mut into: Option<&mut Vec<Member>>) -> Result<(), NoObject> {
        let depth = self.deeper(depth)?;
        self.blanks();
        if self.peek() == Some(b'}') {
            self.step();
            return Ok(());
        }
        loop {
            self.blanks();
            let start = self.at;
            self.string()?;
            let name = start..self.at;
            self.blanks();
            self.take(b':', "no colon")?;
            self.blanks();
            let value = self.value(depth)?;
            if let Some(into) = &mut into {
                into.push(Member { name, value });
            }
            self.blanks();
            if self.peek() != Some(b',') {
                return self.take(b'}', "neither comma nor }");
            }
            self.step();
        }
    }

    /// Behind an opening brace or bracket.
    fn deeper(&mut self, depth: usize) -> Result<usize, NoObject> {
        if depth >= DEEPEST {
            return Err(self.fault("too many values inside one another"));
        }
        self.step();
        Ok(depth.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scanned(line: &[u8]) -> Result<Vec<(String, String)>, NoObject> {
        let mut found = Vec::new();
        members(line, &mut found)?;
        let text = |range: &Range<usize>| String::from_utf8_lossy(&line[range.clone()]).into_owned();
        Ok(found.iter().map(|member| (text(&member.name), text(&member.value))).collect())
    }

    #[test]
    fn members_stand_where_they_stand() {
        let found = scanned(br#" { "a" : 1e+05 ,"b\"":[{"x":null},[]] , "a": "\u00e9" } "#).unwrap();
        let is = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(found, [is("\"a\"", "1e+05"), is("\"b\\\"\"", "[{\"x\":null},[]]"), is("\"a\"", "\"\\u00e9\"")]);
        assert_eq!(scanned(b"{}").unwrap(), []);
        assert_eq!(scanned(b"{\"a\":\"\xff\"}").unwrap().len(), 1, "any octets");
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(scanned(nested(DEEPEST - 1).as_bytes()).is_ok());
        let fault = scanned(nested(DEEPEST).as_bytes()).unwrap_err();
        assert_eq!((fault.at, fault.what), (5 + DEEPEST - 1, "too many values inside one another"));
        assert!(scanned("{\"a\":".repeat(1_000_000).as_bytes()).is_err());
    }

    #[test]
    fn what_is_no_object_is_refused_at_its_place() {
        for (line, at) in [
            ("", 0),
            ("null", 0),
            ("[1]", 0),
            ("{\"a\":1} x", 8),
            ("{\"a\":01}", 6),
            ("{\"a\":1.}", 7),
            ("{\"a\":.5}", 5),
            ("{\"a\":-}", 6),
            ("{\"a\":+1}", 5),
            ("{\"a\":1e}", 7),
            ("{\"a\":tru}", 5),
            ("{\"a\" 1}", 5),
            ("{\"a\":1,}", 7),
            ("{a:1}", 1),
            ("{\"a\":\"\t\"}", 6),
            ("{\"a\":\"\\x\"}", 7),
            ("{\"a\":\"\\u00g0\"}", 8),
            ("{\"a\":\"", 6),
            ("{\"a\":[1 2]}", 8),
        ] {
            assert_eq!(scanned(line.as_bytes()).unwrap_err().at, at, "{line}");
        }
    }

    proptest! {
        /// What serde_json takes is taken, and what it refuses is refused.
        #[test]
        fn agrees_with_serde_json(line in "[{}\\[\\]\",:0-9a-f\\\\.eE+\\- tnrulsx]{0,24}", wrap in any::<bool>()) {
            let line = if wrap { format!("{{\"k\":{line}}}") } else { line };
            let theirs = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&line);
            match (scanned(line.as_bytes()), theirs) {
                (Ok(_), Ok(_)) | (Err(_), Err(_)) => {}
                // Numbers that no float holds are numbers all the same; lone surrogates are somebody else's trouble.
                (Ok(_), Err(error)) => {
                    let said = error.to_string();
                    prop_assert!(said.contains("out of range") || said.contains("surrogate") || said.contains("end of hex escape"), "{line}: {said}");
                }
                (Err(fault), Ok(_)) => prop_assert!(false, "{line}: {fault}"),
            }
        }
    }
}
