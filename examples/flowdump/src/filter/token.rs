//! The words and signs of an expression.

use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_while_m_n, take_while1};
use nom::character::complete::{char, multispace0};
use nom::combinator::{map, map_opt, value};
use nom::multi::fold_many0;
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser as _};

use super::expression::Comparison;
use super::parse::Fail;

/// A word or sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'a> {
    Open,
    Close,
    Comma,
    And,
    Or,
    Not,
    In,
    Contains,
    Compare(Comparison),
    /// A name or a value without quotes.
    Word(&'a str),
    /// A value that stood in quotes, as octets: `\xNN` stands for any.
    Quoted(Vec<u8>),
}

/// A token and where it stands: octets from the beginning of the expression.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    pub(super) token: Token<'a>,
    pub(super) at: usize,
}

/// Cuts an expression into tokens.
pub(super) fn tokens(expression: &str) -> Result<Vec<Placed<'_>>, Fail> {
    let mut tokens = Vec::new();
    let mut rest = blank(expression);
    while let Some(first) = rest.chars().next() {
        let at = expression.len().saturating_sub(rest.len());
        let Ok((behind, token)) = token(rest) else {
            return Err(Fail { at, what: meaningless(first) });
        };
        tokens.push(Placed { token, at });
        rest = blank(behind);
    }
    Ok(tokens)
}

fn meaningless(first: char) -> String {
    match first {
        '"' => "this quote does not end, or has a \\ in front of something else than \", \\ or xNN".to_owned(),
        '\'' => "values are quoted by \"".to_owned(),
        other => format!("\"{}\" means nothing here; values with such characters go in quotes", other.escape_debug()),
    }
}

/// Behind the blanks.
fn blank(input: &str) -> &str {
    multispace0::<_, nom::error::Error<&str>>.parse(input).map_or(input, |(rest, _)| rest)
}

fn token(input: &str) -> IResult<&str, Token<'_>> {
    alt((sign, map(quoted, Token::Quoted), map(word, keyword))).parse(input)
}

fn sign(input: &str) -> IResult<&str, Token<'_>> {
    alt((
        value(Token::Open, char('(')),
        value(Token::Close, char(')')),
        value(Token::Comma, char(',')),
        value(Token::And, tag("&&")),
        value(Token::Or, tag("||")),
        value(Token::Contains, char('~')),
        // The longer ones first.
        value(Token::Compare(Comparison::NotEqual), tag("!=")),
        value(Token::Not, char('!')),
        value(Token::Compare(Comparison::AtMost), tag("<=")),
        value(Token::Compare(Comparison::Less), char('<')),
        value(Token::Compare(Comparison::AtLeast), tag(">=")),
        value(Token::Compare(Comparison::Greater), char('>')),
        value(Token::Compare(Comparison::Equal), alt((tag("=="), tag("=")))),
    ))
    .parse(input)
}

/// Names, numbers, addresses with prefix length, MAC addresses, times, ranges.
fn word(input: &str) -> IResult<&str, &str> {
    take_while1(|it: char| it.is_ascii_alphanumeric() || "_.:/+-".contains(it)).parse(input)
}

fn keyword(word: &str) -> Token<'_> {
    match word {
        "and" => Token::And,
        "or" => Token::Or,
        "not" => Token::Not,
        "in" => Token::In,
        "contains" => Token::Contains,
        word => Token::Word(word),
    }
}

fn quoted(input: &str) -> IResult<&str, Vec<u8>> {
    let octet = map_opt(take_while_m_n(2, 2, |it: char| it.is_ascii_hexdigit()), |hex| u8::from_str_radix(hex, 16).ok());
    let escaped = preceded(char('\\'), alt((value(b'"', char('"')), value(b'\\', char('\\')), preceded(char('x'), octet))));
    let piece = alt((map(is_not("\"\\"), |plain: &str| plain.as_bytes().to_vec()), map(escaped, |octet| vec![octet])));
    delimited(
        char('"'),
        fold_many0(piece, Vec::new, |mut text: Vec<u8>, piece| {
            text.extend(piece);
            text
        }),
        char('"'),
    )
    .parse(input)
}
