//! A value as text in a table.

use std::fmt;

use flowcodec::model::{FieldId, FieldValue, word};

use crate::shown::Shown;

/// The value of a field as the CSV writer shows it, without quotes. Nothing in it commands a terminal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell<'a> {
    id: FieldId,
    value: FieldValue<'a>,
}

impl<'a> Cell<'a> {
    /// The value of a field of the schema, if the flow has it.
    pub(super) fn of(shown: &Shown<'a>, id: FieldId) -> Option<Self> {
        Some(Self { id, value: shown.value(id)? })
    }
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            FieldValue::Unsigned(number) => match word(self.id, number) {
                Some(word) => f.write_str(word),
                None => number.fmt(f),
            },
            FieldValue::Address(address) => address.fmt(f),
            FieldValue::Signed(number) => number.fmt(f),
            FieldValue::Double(number) => number.fmt(f),
            FieldValue::Time(time) => time.fmt(f),
            FieldValue::Mac(mac) => mac.fmt(f),
            FieldValue::Text(text) => text.trimmed().fmt(f),
            FieldValue::Octets(octets) => octets.iter().try_for_each(|octet| write!(f, "{octet:02x}")),
            FieldValue::Numbers(numbers) => numbers.iter().enumerate().try_for_each(|(at, number)| {
                f.write_str(if at == 0 { "" } else { " " })?;
                number.fmt(f)
            }),
            other => write!(f, "{other:?}"),
        }
    }
}
