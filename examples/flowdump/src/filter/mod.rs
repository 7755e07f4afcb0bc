//! Which flows are shown: `src_addr in 10.0.0.0/8 and dst_port = 443`.
//!
//! ```text
//! expression = all { or all }              or:  or  ||
//! all        = one { and one }             and: and &&
//! one        = not one | ( expression ) | test          not: not !
//! test       = FIELD                                the flow has it
//!            | FIELD compare VALUE                  compare: = == != < <= > >=
//!            | FIELD in item | FIELD in ( item { , item } )
//!            | FIELD contains VALUE                 contains: contains ~
//! item       = VALUE | LEAST-MOST | ADDRESS/LENGTH
//! ```
//!
//! A field is one of the schema, or the name of two without `src_` and `dst_`, which then means either. Values are read as the type of
//! the field demands, so an expression that compiles compares like with like. A test of a field that the flow does not have is false,
//! `!=` too.
//!
//! An expression is parsed once and then evaluated against records as they lie in the datagram, without allocation.

mod expression;
mod parse;
mod time;
mod token;
mod value;

use std::fmt;
use std::sync::Arc;

use flowcodec::model::Schema;

use crate::shown::Shown;
use expression::Expression;

/// Octets an expression may have: more than a person writes, and than lists of a few hundred networks need.
pub const MOST_OCTETS: usize = 16_384;
/// Levels of parentheses and `not`: what parsing and evaluating may take of the stack.
pub const MOST_LEVELS: usize = 64;

/// An expression that was checked against a schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    schema: Arc<Schema>,
    root: Expression,
}

impl Filter {
    /// Reads an expression. Records it is used with must come from a decoder with the same schema.
    ///
    /// # Errors
    /// When it is no expression, names a field that is not in the schema, or compares a field with what it cannot be.
    pub fn parse(expression: &str, schema: Arc<Schema>) -> Result<Self, FilterError> {
        match parse::expression(expression, &schema) {
            Ok(root) => Ok(Self { schema, root }),
            Err(parse::Fail { at, what }) => Err(FilterError { expression: expression.to_owned(), at, what }),
        }
    }

    /// Whether the record or flow passes. Cost: at most one look-up of a field for each test.
    #[must_use]
    pub fn matches(&self, shown: &Shown<'_>) -> bool {
        self.root.holds(&|id| shown.value(id))
    }
}

/// The expression again, with no more parentheses than it needs; parsed, it gives an equal filter.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.write(f, &self.schema)
    }
}

/// Why an expression was refused, and where. Shown as a sentence, the expression, and a mark below the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    expression: String,
    /// In octets.
    at: usize,
    what: String,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Characters shown in front of the mark, and behind it.
        const BEFORE: usize = 60;
        const BEHIND: usize = 40;
        let (before, behind) = self.expression.split_at_checked(self.at).unwrap_or((&self.expression, ""));
        let column = before.chars().count();
        let cut = column.saturating_sub(BEFORE);
        let plain = |character: char| if character.is_control() { ' ' } else { character };
        let shown: String = before.chars().skip(cut).chain(behind.chars().take(BEHIND)).map(plain).collect();
        let (front, back) = (if cut == 0 { "" } else { "..." }, if behind.chars().nth(BEHIND).is_some() { "..." } else { "" });
        writeln!(f, "{}", self.what)?;
        writeln!(f, "  {front}{shown}{back}")?;
        write!(f, "  {:width$}^", "", width = front.len().saturating_add(column.saturating_sub(cut)))
    }
}

impl std::error::Error for FilterError {}

#[cfg(test)]
mod tests;
