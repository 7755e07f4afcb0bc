//! The message read from JSON.

use super::draft::{Draft, Given};
use super::escape::unescaped;
use super::keys::{self, Order};
use super::scan::{Quoted, Scan, Token};
use crate::error::Fault;
use crate::io::goflow2::table::{Form, ROWS};
use crate::io::goflow2::{Skipped, schema, words};
use crate::model::Flow;

/// Reads one object as a flow of [`schema`](crate::io::goflow2::schema): of either dialect, with the members in any order, and with the
/// keys that goflow2 1.3 and its tags make of the same names (`IpTtl`, `IPTTL` and `ip_ttl` are one).
///
/// The keys say which dialect a field is of, and what is written as a word says so itself: nothing has to be told, and nothing is guessed.
///
/// # Errors
/// When the octets are not one object of JSON. The message is lost as a whole.
pub fn read_json(line: &[u8]) -> Result<(Flow, Skipped), Fault> {
    let mut flow = Flow::new(schema());
    let skipped = read(line, &mut flow)?;
    Ok((flow, skipped))
}

/// The same into a flow that has nothing yet.
pub(super) fn read(line: &[u8], flow: &mut Flow) -> Result<Skipped, Fault> {
    let (mut scan, mut order, mut draft) = (Scan::new(line), Order::new(), Draft::new(flow));
    let mut more = scan.open()?;
    while more {
        let place = match order.expected(scan.rest()) {
            Some((place, len)) => {
                scan.pass(len);
                Some(place)
            }
            None => find(&mut scan, &mut order)?,
        };
        match place {
            Some(place) => member(&mut scan, &mut draft, place)?,
            None => {
                draft.skipped.count_unknown();
                scan.skip()?;
            }
        }
        more = scan.more(b'}')?;
    }
    scan.close()?;
    Ok(draft.finish())
}

/// The field that the next key names.
#[inline(never)]
fn find(scan: &mut Scan<'_>, order: &mut Order) -> Result<Option<usize>, Fault> {
    let key = scan.key()?;
    Ok(plain(key, |key| order.find(key)))
}

/// Hands on a text with its escapes undone; as it is written where they stand for nothing.
#[inline]
fn plain<T>(text: Quoted<'_>, take: impl FnOnce(&[u8]) -> T) -> T {
    match if text.escaped { unescaped(text.octets) } else { None } {
        Some(text) => take(&text),
        None => take(text.octets),
    }
}

/// The value of a field of the message.
#[inline]
fn member(scan: &mut Scan<'_>, draft: &mut Draft<'_>, place: usize) -> Result<(), Fault> {
    // As goflow2 writes nearly all of them.
    if let Some(number) = scan.plain_number() {
        draft.put_number(place, number);
        return Ok(());
    }
    if let Some(text) = scan.plain_text() {
        draft.put_text(place, text);
        return Ok(());
    }
    rarer_member(scan, draft, place)
}

/// The same of lists, and of whatever else may stand there.
fn rarer_member(scan: &mut Scan<'_>, draft: &mut Draft<'_>, place: usize) -> Result<(), Fault> {
    let from = scan.at();
    match scan.token()? {
        Token::Array if keys::is_list(place) => {
            let mut more = !scan.is_empty_array();
            while more {
                let from = scan.at();
                let item = scan.token()?;
                scalar(scan, draft, place, item, from)?;
                more = scan.more(b']')?;
            }
            Ok(())
        }
        token => scalar(scan, draft, place, token, from),
    }
}

/// A value that began at `from`; one with parts is passed over and counted as refused.
fn scalar(scan: &mut Scan<'_>, draft: &mut Draft<'_>, place: usize, token: Token<'_>, from: usize) -> Result<(), Fault> {
    // What stands for a value that cannot be one.
    let refused = Given::Octets(b"?");
    let plain;
    let given = match token {
        Token::Text(Quoted { octets, escaped: false }) => Given::Text(octets),
        Token::Text(Quoted { octets, escaped: true }) => {
            plain = unescaped(octets);
            plain.as_deref().map_or(refused, Given::Text)
        }
        Token::Number(number) => number.map_or(refused, Given::Number),
        Token::Bool(truth) => Given::Number(u64::from(truth)),
        Token::Null => return Ok(()),
        Token::Array | Token::Object => {
            scan.go_back(from);
            scan.skip()?;
            refused
        }
    };
    draft.put(place, given);
    Ok(())
}

/// Whether octets, which may end anywhere, begin an object with two members that only goflow2's message has. Keys that the common model
/// has too are none, `type` is one only with a protocol of goflow2's, and keys count as goflow2 writes them alone: names of information
/// elements differ from them in nothing but case.
pub(super) fn looks_like_json(head: &[u8]) -> bool {
    let (mut scan, mut found) = (Scan::new(head), 0_u32);
    // Until two are found, or there is no more.
    let mut more = scan.open().unwrap_or(false);
    while more && found < 2 {
        let Ok(counts) = is_of_goflow2(&mut scan) else { break };
        found = found.saturating_add(u32::from(counts));
        more = found < 2 && scan.skip().and_then(|()| scan.more(b'}')).unwrap_or(false);
    }
    found >= 2
}

/// Whether the next member is one that only goflow2's message has; goes to its value.
fn is_of_goflow2(scan: &mut Scan<'_>) -> Result<bool, Fault> {
    // With what flows have that were read from goflow2, which may be written as the common model too.
    let is_common = |key: &[u8]| core::str::from_utf8(key).is_ok_and(|key| schema().find(key).is_some());
    let key = scan.key()?;
    let (row, is_common) = plain(key, |key| {
        let is_key = |own: &&str| !own.is_empty() && own.as_bytes() == key;
        (ROWS.iter().find(|row| [row.v1.key, row.v2.key].iter().any(is_key)), is_common(key))
    });
    let from = scan.at();
    let counts = match row.map(|row| row.form) {
        None => false,
        Some(Form::Type) => match scan.token()? {
            Token::Text(word) => words::TYPES.iter().any(|known| known.as_bytes() == word.octets),
            Token::Number(_) => true,
            _ => false,
        },
        Some(_) => !is_common,
    };
    scan.go_back(from);
    Ok(counts)
}
