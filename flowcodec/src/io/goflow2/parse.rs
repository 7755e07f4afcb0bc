//! The message read from JSON.

use super::draft::{Draft, Given};
use super::escape::unescaped;
use super::table::{ENRICHED, Form, ROWS, Row, Shape};
use super::{Skipped, schema, words};
use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::model::Flow;
use crate::wire::len32;

/// Reads one object as a flow of [`schema`](super::schema): of either dialect, with the members in any order, and with the keys that
/// goflow2 1.3 and its tags make of the same names (`IpTtl`, `IPTTL` and `ip_ttl` are one).
///
/// # Errors
/// When the octets are not one object of JSON. The message is lost as a whole.
pub fn read_json(line: &[u8]) -> Result<(Flow, Skipped), Fault> {
    let mut parser = Parser { line, at: 0, expected: 0, draft: Draft::new() };
    parser.object()?;
    parser.blank();
    if parser.at < line.len() {
        return Err(parser.fault(FaultKind::TrailingOctets));
    }
    Ok(parser.draft.finish())
}

/// Whether octets, which may end anywhere, begin an object with two members that only goflow2's message has. Keys that the common model
/// has too are none, `type` is one only with a protocol of goflow2's, and keys count as goflow2 writes them alone: names of information
/// elements differ from them in nothing but case.
pub(super) fn looks_like_json(head: &[u8]) -> bool {
    let mut parser = Parser { line: head, at: 0, expected: 0, draft: Draft::new() };
    // With what flows have that were read from goflow2, which may be written as the common model too.
    let schema = schema();
    let mut found = 0_u32;
    // Until two are found, or there is no more.
    let _ = parser.members(|parser, key| {
        let row = ROWS.iter().find(|row| [row.v1.key, row.v2.key].iter().any(|own| !own.is_empty() && own.as_bytes() == key));
        let is_common = || core::str::from_utf8(key).is_ok_and(|key| schema.find(key).is_some());
        let from = parser.at;
        let counts = match row.map(|row| row.form) {
            None => false,
            Some(Form::Type) => match parser.token()? {
                Token::Text(word, _) => words::TYPES.iter().any(|known| known.as_bytes() == word),
                Token::Number(_) => true,
                _ => false,
            },
            Some(_) => !is_common(),
        };
        parser.at = from;
        found = found.saturating_add(u32::from(counts));
        if found < 2 { parser.skip() } else { Err(parser.invalid_here()) }
    });
    found >= 2
}

/// Arrays and objects in one another: more of them in a value that nobody asks for are no message of goflow2.
const DEEPEST: u32 = 64;

struct Parser<'a> {
    line: &'a [u8],
    at: usize,
    /// The row whose key comes next, if they come in goflow2's order.
    expected: usize,
    draft: Draft,
}

/// A value, or how one that has parts begins.
#[derive(Debug, Clone, Copy)]
enum Token<'a> {
    /// What stands between the quotes; whether there are escapes in it.
    Text(&'a [u8], bool),
    Number(&'a [u8]),
    Bool(bool),
    Null,
    Array,
    Object,
}

impl<'a> Parser<'a> {
    fn object(&mut self) -> Result<(), Fault> {
        self.members(|parser, key| match parser.form_of(key) {
            Some((place, form)) => parser.member(place, form),
            None => {
                parser.draft.skipped.count_unknown();
                parser.skip()
            }
        })
    }

    /// Walks over an object: `each` gets every key, and takes the value behind it.
    fn members(&mut self, mut each: impl FnMut(&mut Self, &[u8]) -> Result<(), Fault>) -> Result<(), Fault> {
        self.blank();
        self.expect(b'{')?;
        self.blank();
        if self.peek() == Some(b'}') {
            self.at = self.at.saturating_add(1);
            return Ok(());
        }
        loop {
            self.blank();
            self.expect(b'"')?;
            let (key, escaped) = self.text()?;
            self.blank();
            self.expect(b':')?;
            self.blank();
            match if escaped { unescaped(key) } else { None } {
                Some(key) => each(self, &key)?,
                None => each(self, key)?,
            }
            self.blank();
            match self.next() {
                Some(b',') => {}
                Some(b'}') => return Ok(()),
                _ => return Err(self.invalid_before()),
            }
        }
    }

    /// The value of a field of the message.
    fn member(&mut self, place: usize, form: Form) -> Result<(), Fault> {
        let is_list = matches!(form.shape(), Shape::Numbers | Shape::Addresses);
        self.blank();
        let from = self.at;
        match self.token()? {
            Token::Array if is_list => loop {
                self.blank();
                if self.peek() == Some(b']') {
                    self.at = self.at.saturating_add(1);
                    return Ok(());
                }
                let from = self.at;
                let item = self.token()?;
                self.scalar(place, form, item, from)?;
                self.blank();
                match self.next() {
                    Some(b',') => {}
                    Some(b']') => return Ok(()),
                    _ => return Err(self.invalid_before()),
                }
            },
            token => self.scalar(place, form, token, from),
        }
    }

    /// A value that began at `from`; one with parts is passed over and counted as refused.
    fn scalar(&mut self, place: usize, form: Form, token: Token<'a>, from: usize) -> Result<(), Fault> {
        // What stands for a value that cannot be one.
        let refused = Given::Octets(b"?");
        let plain;
        let given = match token {
            Token::Text(text, false) => Given::Text(text),
            Token::Text(text, true) => {
                plain = unescaped(text);
                plain.as_deref().map_or(refused, Given::Text)
            }
            Token::Number(digits) => {
                core::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).map_or(refused, Given::Number)
            }
            Token::Bool(truth) => Given::Number(u64::from(truth)),
            Token::Null => return Ok(()),
            Token::Array | Token::Object => {
                self.at = from;
                self.skip()?;
                refused
            }
        };
        self.draft.put(place, form, given);
        Ok(())
    }

    /// Passes over a value with all its parts.
    fn skip(&mut self) -> Result<(), Fault> {
        // Bit n: what stands open at depth n is an object.
        let (mut objects, mut depth) = (0_u64, 0_u32);
        loop {
            self.blank();
            match self.token()? {
                token @ (Token::Array | Token::Object) => {
                    if depth == DEEPEST {
                        return Err(self.fault(FaultKind::ListTooDeep));
                    }
                    let is_object = matches!(token, Token::Object);
                    objects = objects << 1 | u64::from(is_object);
                    depth = depth.saturating_add(1);
                    self.blank();
                    let end = if is_object { b'}' } else { b']' };
                    if self.peek() != Some(end) {
                        if is_object {
                            self.key()?;
                        }
                        continue;
                    }
                }
                _ if depth == 0 => return Ok(()),
                _ => {}
            }
            // Behind a value, or in front of the end of something empty.
            loop {
                self.blank();
                let (end, is_object) = if objects & 1 == 1 { (b'}', true) } else { (b']', false) };
                match self.next() {
                    Some(b',') => {
                        self.blank();
                        if is_object {
                            self.key()?;
                        }
                        break;
                    }
                    Some(octet) if octet == end => {
                        objects >>= 1;
                        depth = depth.saturating_sub(1);
                        if depth == 0 {
                            return Ok(());
                        }
                    }
                    _ => return Err(self.invalid_before()),
                }
            }
        }
    }

    fn key(&mut self) -> Result<(), Fault> {
        self.expect(b'"')?;
        self.text()?;
        self.blank();
        self.expect(b':')
    }

    /// A value as a whole, or the first octet of one that has parts.
    fn token(&mut self) -> Result<Token<'a>, Fault> {
        match self.next() {
            Some(b'"') => self.text().map(|(text, escaped)| Token::Text(text, escaped)),
            Some(b'[') => Ok(Token::Array),
            Some(b'{') => Ok(Token::Object),
            Some(b't') => self.word(b"rue", Token::Bool(true)),
            Some(b'f') => self.word(b"alse", Token::Bool(false)),
            Some(b'n') => self.word(b"ull", Token::Null),
            Some(b'-' | b'0'..=b'9') => {
                self.at = self.at.saturating_sub(1);
                self.number()
            }
            _ => Err(self.invalid_before()),
        }
    }

    fn word(&mut self, rest: &[u8], token: Token<'a>) -> Result<Token<'a>, Fault> {
        rest.iter().try_for_each(|octet| self.expect(*octet)).map(|()| token)
    }

    /// RFC 8259 §6.
    fn number(&mut self) -> Result<Token<'a>, Fault> {
        let from = self.at;
        self.accept(b"-");
        if !self.accept(b"0") {
            self.digits()?;
        }
        if self.accept(b".") {
            self.digits()?;
        }
        if self.accept(b"eE") {
            self.accept(b"+-");
            self.digits()?;
        }
        Ok(Token::Number(self.line.get(from..self.at).unwrap_or_default()))
    }

    /// One digit at least.
    fn digits(&mut self) -> Result<(), Fault> {
        let from = self.at;
        while self.accept(b"0123456789") {}
        if self.at > from { Ok(()) } else { Err(self.invalid_here()) }
    }

    fn accept(&mut self, any: &[u8]) -> bool {
        let accepted = self.peek().is_some_and(|octet| any.contains(&octet));
        self.at = self.at.saturating_add(usize::from(accepted));
        accepted
    }

    /// What stands up to the next quote, and whether there are escapes in it (RFC 8259 §7).
    fn text(&mut self) -> Result<(&'a [u8], bool), Fault> {
        let (from, mut escaped) = (self.at, false);
        loop {
            match self.next() {
                Some(b'"') => {
                    let end = self.at.saturating_sub(1);
                    return Ok((self.line.get(from..end).unwrap_or_default(), escaped));
                }
                Some(b'\\') => {
                    escaped = true;
                    match self.next() {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {}
                        Some(b'u') => {
                            for _ in 0..4 {
                                if !self.next().is_some_and(|octet| octet.is_ascii_hexdigit()) {
                                    return Err(self.invalid_before());
                                }
                            }
                        }
                        _ => return Err(self.invalid_before()),
                    }
                }
                Some(0x20..) => {}
                _ => return Err(self.invalid_before()),
            }
        }
    }

    fn blank(&mut self) {
        while self.accept(b" \t\r\n") {}
    }

    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    /// The next octet; at the end the place goes one further, as if there were one.
    fn next(&mut self) -> Option<u8> {
        let octet = self.peek();
        self.at = self.at.saturating_add(1);
        octet
    }

    fn expect(&mut self, octet: u8) -> Result<(), Fault> {
        if self.next() == Some(octet) { Ok(()) } else { Err(self.invalid_before()) }
    }

    /// The octet that was just taken may not stand there.
    fn invalid_before(&mut self) -> Fault {
        self.at = self.at.saturating_sub(1);
        self.invalid_here()
    }

    fn invalid_here(&self) -> Fault {
        self.fault(if self.at < self.line.len() { FaultKind::ValueInvalid } else { FaultKind::Truncated })
    }

    fn fault(&self, kind: FaultKind) -> Fault {
        let offset = u32::try_from(self.at).unwrap_or(u32::MAX);
        Fault::new(kind, Layer::Record, LimitedBy::MessageLength, offset).costing(len32(self.line))
    }

    /// What a key stands for, and its place in the table or behind it.
    fn form_of(&mut self, key: &[u8]) -> Option<(usize, Form)> {
        if let Some((place, row)) = self.row_of(key) {
            return Some((place, row.form));
        }
        let mut added = (ROWS.len()..).zip(ENRICHED);
        added.find_map(|(place, (name, form))| same(key, name.as_bytes()).then_some((place, *form)))
    }

    /// The row with this key, and which it is: the one behind the last, or any.
    fn row_of(&mut self, key: &[u8]) -> Option<(usize, &'static Row)> {
        let (before, after) = ROWS.split_at_checked(self.expected)?;
        let at = (self.expected..).zip(after).chain((0..).zip(before)).find_map(|(at, row)| has_key(row, key).then_some(at))?;
        // One row in three is of the other dialect: the next is not far.
        self.expected = at.saturating_add(1).min(ROWS.len());
        Some((at, ROWS.get(at)?))
    }
}

fn has_key(row: &Row, key: &[u8]) -> bool {
    [row.v1, row.v2].into_iter().any(|place| !place.key.is_empty() && same(key, place.key.as_bytes()))
}

/// Whether two keys are the same, apart from case and underscores.
fn same(key: &[u8], other: &[u8]) -> bool {
    key == other || letters(key).eq(letters(other))
}

fn letters(key: &[u8]) -> impl Iterator<Item = u8> {
    key.iter().filter(|octet| **octet != b'_').map(u8::to_ascii_lowercase)
}
