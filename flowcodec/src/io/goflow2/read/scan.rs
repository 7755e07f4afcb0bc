//! JSON, octet by octet: what stands there, where, and what may not (RFC 8259). It knows nothing of goflow2.

use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::wire::len32;

/// A place in a line of JSON.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    line: &'a [u8],
    at: usize,
}

/// A value, or how one that has parts begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Token<'a> {
    Text(Quoted<'a>),
    /// `None` when it is no whole number of 64 bits without a sign.
    Number(Option<u64>),
    Bool(bool),
    Null,
    Array,
    Object,
}

/// What stands between quotes, and whether there are escapes in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quoted<'a> {
    pub(super) octets: &'a [u8],
    pub(super) escaped: bool,
}

/// Arrays and objects in one another: more of them in a value that nobody asks for are no message of goflow2.
const DEEPEST: u32 = 64;

impl<'a> Scan<'a> {
    pub(super) const fn new(line: &'a [u8]) -> Self {
        Self { line, at: 0 }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// Goes back to where a value began.
    pub(super) const fn go_back(&mut self, at: usize) {
        self.at = at;
    }

    /// What has not been read yet.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.line.get(self.at..).unwrap_or_default()
    }

    /// Goes over octets that were seen in [`rest`](Self::rest).
    #[inline]
    pub(super) const fn pass(&mut self, octets: usize) {
        self.at = self.at.saturating_add(octets);
    }

    /// Into an object; whether it has members.
    pub(super) fn open(&mut self) -> Result<bool, Fault> {
        self.blank();
        self.expect(b'{')?;
        self.blank();
        let is_empty = self.peek() == Some(b'}');
        self.at = self.at.saturating_add(usize::from(is_empty));
        Ok(!is_empty)
    }

    /// A key, up to its value.
    pub(super) fn key(&mut self) -> Result<Quoted<'a>, Fault> {
        self.blank();
        self.expect(b'"')?;
        let key = self.text()?;
        self.blank();
        self.expect(b':')?;
        self.blank();
        Ok(key)
    }

    /// Behind a member or an item; whether another follows before `end`.
    #[inline]
    pub(super) fn more(&mut self, end: u8) -> Result<bool, Fault> {
        if self.peek() == Some(b',') {
            self.pass(1);
            return Ok(true);
        }
        self.blank();
        match self.next() {
            Some(b',') => Ok(true),
            Some(octet) if octet == end => Ok(false),
            _ => Err(self.invalid_before()),
        }
    }

    /// Over the end of an array that has no items.
    pub(super) fn is_empty_array(&mut self) -> bool {
        self.blank();
        let is_empty = self.peek() == Some(b']');
        self.at = self.at.saturating_add(usize::from(is_empty));
        is_empty
    }

    /// To the end of the line, where nothing else may stand.
    pub(super) fn close(&mut self) -> Result<(), Fault> {
        self.blank();
        if self.at < self.line.len() { Err(self.fault(FaultKind::TrailingOctets)) } else { Ok(()) }
    }

    /// Passes over a value with all its parts.
    pub(super) fn skip(&mut self) -> Result<(), Fault> {
        // Bit n: what stands open at depth n is an object.
        let (mut objects, mut depth) = (0_u64, 0_u32);
        loop {
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
                let is_object = objects & 1 == 1;
                if self.more(if is_object { b'}' } else { b']' })? {
                    if is_object {
                        self.key()?;
                    }
                    break;
                }
                objects >>= 1;
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Ok(());
                }
            }
        }
    }

    /// A value as a whole, or the first octet of one that has parts.
    pub(super) fn token(&mut self) -> Result<Token<'a>, Fault> {
        self.blank();
        match self.peek() {
            Some(b'"') => {
                self.pass(1);
                self.text().map(Token::Text)
            }
            Some(b'-' | b'0'..=b'9') => self.number().map(Token::Number),
            _ => self.rarer(),
        }
    }

    fn rarer(&mut self) -> Result<Token<'a>, Fault> {
        match self.next() {
            Some(b'[') => Ok(Token::Array),
            Some(b'{') => Ok(Token::Object),
            Some(b't') => self.word(b"rue", Token::Bool(true)),
            Some(b'f') => self.word(b"alse", Token::Bool(false)),
            Some(b'n') => self.word(b"ull", Token::Null),
            _ => Err(self.invalid_before()),
        }
    }

    fn word(&mut self, rest: &[u8], token: Token<'a>) -> Result<Token<'a>, Fault> {
        rest.iter().try_for_each(|octet| self.expect(*octet)).map(|()| token)
    }

    /// A whole number of 64 bits without a sign, if one stands here as goflow2 writes it: nothing is passed over otherwise.
    #[inline]
    pub(super) fn plain_number(&mut self) -> Option<u64> {
        let (mut number, mut digits) = (0_u64, 0_usize);
        let rest = self.rest();
        for octet in rest {
            let digit = octet.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
            digits = digits.wrapping_add(1);
        }
        let goes_on = matches!(rest.get(digits), Some(b'.' | b'e' | b'E'));
        // Nineteen digits are below 2^64, and a zero in front is the whole number.
        let is_plain = matches!(digits, 1..=19) && !goes_on && (digits == 1 || rest.first() != Some(&b'0'));
        if is_plain {
            self.pass(digits);
            return Some(number);
        }
        None
    }

    /// A text without escapes, if one stands here: nothing is passed over otherwise.
    #[inline]
    pub(super) fn plain_text(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest().strip_prefix(b"\"")?;
        let len = plain(rest);
        if rest.get(len) != Some(&b'"') {
            return None;
        }
        self.pass(len.wrapping_add(2));
        rest.get(..len)
    }

    /// RFC 8259 §6; `None` for what is no whole number of 64 bits without a sign.
    fn number(&mut self) -> Result<Option<u64>, Fault> {
        match self.plain_number() {
            Some(number) => Ok(Some(number)),
            None => self.rarer_number(),
        }
    }

    #[cold]
    fn rarer_number(&mut self) -> Result<Option<u64>, Fault> {
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
        let written = self.line.get(from..self.at).unwrap_or_default();
        Ok(core::str::from_utf8(written).ok().and_then(|digits| digits.parse().ok()))
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

    /// What stands up to the next quote (RFC 8259 §7).
    fn text(&mut self) -> Result<Quoted<'a>, Fault> {
        let (from, mut escaped) = (self.at, false);
        loop {
            self.pass(plain(self.rest()));
            match self.next() {
                Some(b'"') => {
                    let end = self.at.saturating_sub(1);
                    return Ok(Quoted { octets: self.line.get(from..end).unwrap_or_default(), escaped });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(self.invalid_before()),
            }
        }
    }

    #[cold]
    fn escape(&mut self) -> Result<(), Fault> {
        match self.next() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(()),
            Some(b'u') => {
                for _ in 0..4 {
                    if !self.next().is_some_and(|octet| octet.is_ascii_hexdigit()) {
                        return Err(self.invalid_before());
                    }
                }
                Ok(())
            }
            _ => Err(self.invalid_before()),
        }
    }

    #[inline]
    fn blank(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.pass(1);
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    /// The next octet; at the end the place goes one further, as if there were one.
    #[inline]
    fn next(&mut self) -> Option<u8> {
        let octet = self.peek();
        self.at = self.at.saturating_add(1);
        octet
    }

    fn expect(&mut self, octet: u8) -> Result<(), Fault> {
        if self.next() == Some(octet) { Ok(()) } else { Err(self.invalid_before()) }
    }

    /// The octet that was just taken may not stand there.
    #[cold]
    fn invalid_before(&mut self) -> Fault {
        self.at = self.at.saturating_sub(1);
        self.invalid_here()
    }

    #[cold]
    fn invalid_here(&self) -> Fault {
        self.fault(if self.at < self.line.len() { FaultKind::ValueInvalid } else { FaultKind::Truncated })
    }

    #[cold]
    fn fault(&self, kind: FaultKind) -> Fault {
        let offset = u32::try_from(self.at).unwrap_or(u32::MAX);
        Fault::new(kind, Layer::Record, LimitedBy::MessageLength, offset).costing(len32(self.line))
    }
}

/// How many octets stand in front of the first quote, backslash or control character: eight at a time.
#[inline]
fn plain(octets: &[u8]) -> usize {
    let (words, rest) = octets.as_chunks::<8>();
    let mut at = 0_usize;
    for word in words {
        let marks = marks(u64::from_le_bytes(*word));
        if marks != 0 {
            return at.wrapping_add(usize::try_from(marks.trailing_zeros() / 8).unwrap_or(0));
        }
        at = at.wrapping_add(8);
    }
    let ends = |octet: &u8| matches!(octet, b'"' | b'\\' | ..0x20);
    at.wrapping_add(rest.iter().position(ends).unwrap_or(rest.len()))
}

/// The lowest bit that is set stands in the first octet that is a quote, a backslash or a control character. A borrow can set others
/// behind it, none in front of it.
#[inline]
const fn marks(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const QUOTES: u64 = u64::from_ne_bytes([b'"'; 8]);
    const BACKSLASHES: u64 = u64::from_ne_bytes([b'\\'; 8]);
    const BLANKS: u64 = u64::from_ne_bytes([b' '; 8]);
    const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);
    let (quotes, backslashes) = (word ^ QUOTES, word ^ BACKSLASHES);
    let marks = (quotes.wrapping_sub(ONES) & !quotes)
        | (backslashes.wrapping_sub(ONES) & !backslashes)
        | (word.wrapping_sub(BLANKS) & !word);
    marks & TOPS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_that_is_not_plain(octets in proptest::collection::vec(prop_oneof![any::<u8>(), 0x1d..0x24_u8, 0x5b..0x5e_u8], 0..40)) {
            let naive = octets.iter().position(|octet| *octet == b'"' || *octet == b'\\' || *octet < 0x20).unwrap_or(octets.len());
            prop_assert_eq!(plain(&octets), naive);
        }
    }
}
