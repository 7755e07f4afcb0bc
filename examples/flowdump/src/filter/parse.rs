//! From tokens to a checked expression.

use flowcodec::Text;
use flowcodec::model::{ColumnType, FieldId, FieldSpec, Schema};

use super::expression::{Comparison, Expression, Sides, Test};
use super::token::{Placed, Token, tokens};
use super::value::{Item, Literal, form};
use super::{MOST_LEVELS, MOST_OCTETS};
use crate::fields::{UnknownField, find, kind};

/// What is wrong, and where: octets from the beginning of the expression.
#[derive(Debug)]
pub(super) struct Fail {
    pub(super) at: usize,
    pub(super) what: String,
}

/// Reads a whole expression.
pub(super) fn expression(text: &str, schema: &Schema) -> Result<Expression, Fail> {
    if text.len() > MOST_OCTETS {
        return Err(Fail { at: MOST_OCTETS, what: format!("an expression has at most {MOST_OCTETS} octets") });
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { rest: &tokens, end: text.len(), levels: 0, schema };
    let expression = parser.any()?;
    match parser.rest.first() {
        None => Ok(expression),
        Some(Placed { token: Token::Close, at }) => Err(Fail { at: *at, what: "nothing was opened that this closes".to_owned() }),
        Some(Placed { at, .. }) => Err(Fail { at: *at, what: "here \"and\" or \"or\" is wanted, or the end".to_owned() }),
    }
}

struct Parser<'a> {
    rest: &'a [Placed<'a>],
    /// Where the expression ends.
    end: usize,
    levels: usize,
    schema: &'a Schema,
}

/// The field or fields a name stands for.
struct Named<'a> {
    name: &'a str,
    sides: Sides,
    spec: &'a FieldSpec,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<&'a Placed<'a>> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    /// Takes the token if it is the next.
    fn takes(&mut self, token: &Token<'_>) -> bool {
        let found = self.rest.first().is_some_and(|next| next.token == *token);
        if found {
            self.next();
        }
        found
    }

    /// Where the next token is.
    fn at(&self) -> usize {
        self.rest.first().map_or(self.end, |next| next.at)
    }

    fn fail<T>(&self, what: impl Into<String>) -> Result<T, Fail> {
        Err(Fail { at: self.at(), what: what.into() })
    }

    fn any(&mut self) -> Result<Expression, Fail> {
        let first = self.all()?;
        let mut parts = vec![];
        while self.takes(&Token::Or) {
            parts.push(self.all()?);
        }
        Ok(joined(first, parts, Expression::Any))
    }

    fn all(&mut self) -> Result<Expression, Fail> {
        let first = self.one()?;
        let mut parts = vec![];
        while self.takes(&Token::And) {
            parts.push(self.one()?);
        }
        Ok(joined(first, parts, Expression::All))
    }

    fn one(&mut self) -> Result<Expression, Fail> {
        match self.rest.first().map(|next| &next.token) {
            Some(Token::Not) => self.deeper(|it| Ok(Expression::Not(Box::new(it.one()?)))),
            Some(Token::Open) => self.deeper(|it| {
                let expression = it.any()?;
                if it.takes(&Token::Close) { Ok(expression) } else { it.fail("here \")\" is wanted, or \"and\" or \"or\"") }
            }),
            Some(Token::Word(name)) => self.test(name),
            _ => self.fail("here the name of a field is wanted, \"not\" or \"(\""),
        }
    }

    /// One level down, behind the next token.
    fn deeper(&mut self, then: impl FnOnce(&mut Self) -> Result<Expression, Fail>) -> Result<Expression, Fail> {
        if self.levels == MOST_LEVELS {
            return self.fail(format!("more than {MOST_LEVELS} levels of parentheses and \"not\""));
        }
        self.next();
        self.levels = self.levels.saturating_add(1);
        let expression = then(self)?;
        self.levels = self.levels.saturating_sub(1);
        Ok(expression)
    }

    fn test(&mut self, name: &'a str) -> Result<Expression, Fail> {
        let named = self.named(name)?;
        self.next();
        let test = match self.rest.first().map(|next| &next.token) {
            Some(Token::Compare(comparison)) => self.compare(&named, *comparison)?,
            Some(Token::In) => self.within(&named)?,
            Some(Token::Contains) => self.contains(&named)?,
            Some(Token::Word(_) | Token::Quoted(_)) => {
                return self.fail("here = != < <= > >= \"in\" or \"contains\" is wanted");
            }
            _ => Test::Present,
        };
        Ok(Expression::Test(named.sides, test))
    }

    /// The field of this name; or, when there is none, those of source and destination.
    fn named(&self, name: &'a str) -> Result<Named<'a>, Fail> {
        let side = |side: &str| find(self.schema, &format!("{side}_{name}"));
        if let Some((one, spec)) = find(self.schema, name) {
            return Ok(Named { name, sides: Sides { one, other: None }, spec });
        }
        match (side("src"), side("dst")) {
            (Some((one, spec)), Some((other, like))) if like.column == spec.column => {
                Ok(Named { name, sides: Sides { one, other: Some(other) }, spec })
            }
            _ => self.fail(UnknownField::new(self.schema, name).to_string()),
        }
    }

    fn compare(&mut self, named: &Named<'_>, comparison: Comparison) -> Result<Test, Fail> {
        let name = named.name;
        match named.spec.column {
            ColumnType::U32List => {
                return self.fail(format!("{name} is a list of numbers: ask whether it \"contains\" one"));
            }
            ColumnType::Address if comparison.orders() => {
                return self.fail(format!("addresses have no order: ask whether {name} is \"in\" a network"));
            }
            ColumnType::Mac | ColumnType::Text | ColumnType::Octets if comparison.orders() => {
                return self.fail(format!("{name} is {}, which has no order", kind(named.spec.column)));
            }
            _ if comparison == Comparison::NotEqual && named.sides.other.is_some() => {
                return self.fail(format!("{name} is either side, so != is unclear: say \"not {name} = ...\""));
            }
            _ => {}
        }
        self.next();
        self.value(named, Literal::read).map(|literal| Test::Compare(comparison, literal))
    }

    fn contains(&mut self, named: &Named<'_>) -> Result<Test, Fail> {
        if !matches!(named.spec.column, ColumnType::Text | ColumnType::U32List) {
            return self.fail(format!("{} is {}, and only text and lists contain", named.name, kind(named.spec.column)));
        }
        self.next();
        self.value(named, Literal::read).map(Test::Contains)
    }

    fn within(&mut self, named: &Named<'_>) -> Result<Test, Fail> {
        if named.spec.column == ColumnType::U32List {
            return self.fail(format!("{} is a list of numbers: ask whether it \"contains\" one", named.name));
        }
        self.next();
        if !self.takes(&Token::Open) {
            return self.value(named, Item::read).map(|item| Test::In(vec![item]));
        }
        let mut items = vec![self.value(named, Item::read)?];
        while self.takes(&Token::Comma) {
            items.push(self.value(named, Item::read)?);
        }
        if self.takes(&Token::Close) { Ok(Test::In(items)) } else { self.fail("here \",\" or \")\" is wanted") }
    }

    /// The next token, as a value of the field.
    fn value<T>(&mut self, named: &Named<'_>, read: impl Fn(FieldId, &FieldSpec, &[u8]) -> Option<T>) -> Result<T, Fail> {
        let octets = match self.rest.first().map(|next| &next.token) {
            Some(Token::Word(word)) => word.as_bytes(),
            Some(Token::Quoted(octets)) => octets,
            _ => return self.fail(format!("here a value is wanted: {}", form(named.sides.one, named.spec))),
        };
        match read(named.sides.one, named.spec, octets) {
            Some(value) => {
                self.next();
                Ok(value)
            }
            None => self.fail(misfit(named, octets)),
        }
    }
}

fn joined(first: Expression, mut more: Vec<Expression>, join: impl FnOnce(Vec<Expression>) -> Expression) -> Expression {
    if more.is_empty() {
        return first;
    }
    more.insert(0, first);
    join(more)
}

/// Why a value is none of the field.
fn misfit(named: &Named<'_>, octets: &[u8]) -> String {
    let Named { name, sides, spec } = named;
    format!("\"{}\" is no value of {name}, which is {}: {}", Text::new(octets), kind(spec.column), form(sides.one, spec))
}
