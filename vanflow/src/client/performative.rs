//! Performatives, by their descriptors (part 2 §2.7, part 5 §5.3), and their fields.

use flowcodec::Fault;

use crate::amqp::{Encoder, List, Value};

pub(super) const OPEN: u64 = 0x10;
pub(super) const BEGIN: u64 = 0x11;
pub(super) const ATTACH: u64 = 0x12;
pub(super) const FLOW: u64 = 0x13;
pub(super) const TRANSFER: u64 = 0x14;
pub(super) const DISPOSITION: u64 = 0x15;
pub(super) const DETACH: u64 = 0x16;
pub(super) const END: u64 = 0x17;
pub(super) const CLOSE: u64 = 0x18;
pub(super) const SASL_MECHANISMS: u64 = 0x40;
pub(super) const SASL_INIT: u64 = 0x41;
pub(super) const SASL_OUTCOME: u64 = 0x44;

pub(super) fn text_or_null(list: &mut Encoder, text: Option<&str>) {
    match text {
        Some(text) => list.string(text),
        None => list.put(&Value::Null),
    };
}

/// The first fields of a performative; those that were left out are null.
pub(super) struct Fields<'a> {
    values: [Value<'a>; 14],
}

impl<'a> Fields<'a> {
    pub(super) fn read(list: List<'a>) -> Result<Self, Fault> {
        let mut values = [Value::Null; 14];
        for (slot, item) in values.iter_mut().zip(list.items()) {
            *slot = item?;
        }
        Ok(Self { values })
    }

    pub(super) fn get(&self, place: usize) -> Value<'a> {
        self.values.get(place).copied().unwrap_or(Value::Null)
    }

    pub(super) fn number(&self, place: usize) -> Option<u64> {
        self.get(place).unsigned()
    }

    pub(super) fn u32(&self, place: usize) -> Option<u32> {
        self.number(place).and_then(|number| u32::try_from(number).ok())
    }

    pub(super) fn truth(&self, place: usize) -> bool {
        self.get(place) == Value::Bool(true)
    }

    /// Condition and description of an error (part 2 §2.8.14).
    pub(super) fn error(&self, place: usize) -> String {
        let Value::Described(error) = self.get(place) else { return String::new() };
        let Value::List(list) = error.value() else { return String::new() };
        let texts: Vec<_> = list.items().flatten().take(2).filter_map(Value::text).map(|text| text.to_string()).collect();
        texts.join(": ")
    }
}
