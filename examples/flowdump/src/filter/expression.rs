//! A checked expression: evaluated and printed.

use std::cmp::Ordering;
use std::fmt::{self, Display as _};

use flowcodec::model::{FieldId, FieldValue, Schema};

use super::value::{Item, Literal};

/// A condition of a record.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    /// All of two or more.
    All(Vec<Self>),
    /// Any of two or more.
    Any(Vec<Self>),
    Not(Box<Self>),
    Test(Sides, Test),
}

/// The field that is tested; or those of source and destination, of which one has to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sides {
    pub(super) one: FieldId,
    pub(super) other: Option<FieldId>,
}

/// What is asked of a field that is there.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// Nothing more.
    Present,
    Compare(Comparison, Literal),
    In(Vec<Item>),
    /// Text within text, or a number within a list.
    Contains(Literal),
}

/// How a value stands to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Comparison {
    fn admits(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }

    /// Whether it asks for more than being the same.
    pub(super) const fn orders(self) -> bool {
        !matches!(self, Self::Equal | Self::NotEqual)
    }

    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        }
    }
}

impl Expression {
    /// `value` gives the fields of the record.
    pub(super) fn holds<'a>(&self, value: &impl Fn(FieldId) -> Option<FieldValue<'a>>) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(value)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(value)),
            Self::Not(part) => !part.holds(value),
            Self::Test(Sides { one, other }, test) => {
                [Some(*one), *other].into_iter().flatten().filter_map(value).any(|value| test.holds(&value))
            }
        }
    }

    /// Prints it: the names of fields are those of `schema`.
    pub(super) fn write(&self, f: &mut fmt::Formatter<'_>, schema: &Schema) -> fmt::Result {
        match self {
            Self::All(parts) => parts.iter().enumerate().try_for_each(|(at, part)| {
                f.write_str(if at == 0 { "" } else { " and " })?;
                part.write_within(f, schema, matches!(part, Self::All(_) | Self::Any(_)))
            }),
            Self::Any(parts) => parts.iter().enumerate().try_for_each(|(at, part)| {
                f.write_str(if at == 0 { "" } else { " or " })?;
                part.write_within(f, schema, matches!(part, Self::Any(_)))
            }),
            Self::Not(part) => {
                f.write_str("not ")?;
                part.write_within(f, schema, matches!(**part, Self::All(_) | Self::Any(_)))
            }
            Self::Test(Sides { one, other }, test) => {
                let name = schema.field(*one).map_or("", |spec| &*spec.name);
                f.write_str(name.strip_prefix("src_").filter(|_| other.is_some()).unwrap_or(name))?;
                test.fmt(f)
            }
        }
    }

    fn write_within(&self, f: &mut fmt::Formatter<'_>, schema: &Schema, parentheses: bool) -> fmt::Result {
        if !parentheses {
            return self.write(f, schema);
        }
        f.write_str("(")?;
        self.write(f, schema)?;
        f.write_str(")")
    }
}

impl Test {
    fn holds(&self, value: &FieldValue<'_>) -> bool {
        match self {
            Self::Present => true,
            Self::Compare(comparison, literal) => literal.order(value).is_some_and(|order| comparison.admits(order)),
            Self::In(items) => items.iter().any(|item| item.holds(value)),
            Self::Contains(literal) => literal.is_within(value),
        }
    }
}

/// Behind the name of the field.
impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present => Ok(()),
            Self::Compare(comparison, literal) => write!(f, " {} {literal}", comparison.sign()),
            Self::Contains(literal) => write!(f, " contains {literal}"),
            Self::In(items) => {
                f.write_str(" in (")?;
                for (at, item) in items.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { ", " })?;
                    item.fmt(f)?;
                }
                f.write_str(")")
            }
        }
    }
}
