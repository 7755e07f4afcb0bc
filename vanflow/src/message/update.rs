//! Record updates: the items of a RECORD's body.

use flowcodec::wire::Input;
use flowcodec::{Fault, FaultKind, Layer, LimitedBy, Text};

use crate::amqp::{Items, List, Map, Pairs, Value};
use crate::record::{Attribute, RecordType, Scalar, definition};

/// The updates of a RECORD. A record that cannot be read is a fault of its own and costs itself.
#[derive(Debug, Clone)]
pub struct Updates<'a> {
    items: Items<'a>,
    count: u32,
}

impl<'a> Updates<'a> {
    pub(super) const fn new(list: List<'a>) -> Self {
        Self { items: list.items(), count: list.len() }
    }

    /// How many records the body says it has; never more than it has octets.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl<'a> Iterator for Updates<'a> {
    type Item = Result<Update<'a>, Fault>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let at = self.items.rest();
        let item = self.items.next()?;
        let (bytes, offset) = (at.len32().saturating_sub(self.items.rest().len32()), at.offset());
        Some(item.and_then(|value| {
            let read = if let Value::Map(map) = value {
                Update::read(map)
            } else {
                Err(Input::new(&[]).fault(FaultKind::ValueInvalid, Layer::Record))
            };
            read.map_err(|mut fault| {
                fault.layer = Layer::Record;
                fault.bytes = bytes;
                if fault.offset == 0 {
                    (fault.offset, fault.limit) = (offset, LimitedBy::FieldLength);
                }
                fault
            })
        }))
    }
}

/// What of an update was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Skipped {
    /// Pairs whose key is not an unsigned integer.
    pub keys: u32,
    /// Pairs whose value is neither an unsigned number nor text, or not what the attribute's values are.
    pub values: u32,
}

/// One update: what changed in one record. Absent attributes are as they were.
#[derive(Debug, Clone, Copy)]
pub struct Update<'a> {
    record_type: RecordType,
    identity: Text<'a>,
    map: Map<'a>,
    skipped: Skipped,
}

impl<'a> Update<'a> {
    /// Walks the whole map once, so that iterating the attributes cannot fail: keys stand in any order.
    #[inline]
    fn read(map: Map<'a>) -> Result<Self, Fault> {
        let (mut record_type, mut identity, mut skipped) = (None, None, Skipped::default());
        for pair in map.pairs() {
            let (key, value) = pair?;
            match code(key) {
                None => skipped.keys = skipped.keys.saturating_add(1),
                Some(Attribute::RECORD_TYPE) => record_type = value.unsigned().and_then(|code| u32::try_from(code).ok()),
                Some(Attribute::IDENTITY) => identity = value.text(),
                Some(_) => {}
            }
        }
        let (Some(record_type), Some(identity)) = (record_type.map(RecordType::new), identity) else {
            // Offset 0 stands for "the record": the caller knows where it is.
            return Err(Input::new(&[]).fault(FaultKind::ValueInvalid, Layer::Record));
        };
        let mut update = Self { record_type, identity, map, skipped };
        for (key, value) in map.pairs().flatten() {
            if let Some(attribute) = code(key)
                && attribute > Attribute::IDENTITY
                && update.scalar(attribute, value).is_none()
            {
                update.skipped.values = update.skipped.values.saturating_add(1);
            }
        }
        Ok(update)
    }

    /// Type of the record; it may be one that is not known.
    #[must_use]
    pub const fn record_type(&self) -> RecordType {
        self.record_type
    }

    /// Identity of the record: opaque octets.
    #[must_use]
    pub const fn identity(&self) -> Text<'a> {
        self.identity
    }

    /// How many pairs it has, type and identity and what was passed over too.
    #[must_use]
    pub const fn pairs(&self) -> u32 {
        self.map.len()
    }

    /// What was passed over.
    #[must_use]
    pub const fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// The attributes beside type and identity, in the order of the wire, unknown codes too; of a code sent twice the last counts.
    #[must_use]
    #[inline]
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes { update: *self, pairs: self.map.pairs() }
    }

    /// One attribute. Linear in the attributes.
    #[must_use]
    pub fn get(&self, attribute: Attribute) -> Option<Scalar<'a>> {
        self.attributes().filter(|(code, _)| *code == attribute).last().map(|(_, value)| value)
    }

    #[inline]
    fn scalar(&self, attribute: Attribute, value: Value<'a>) -> Option<Scalar<'a>> {
        let scalar = value.unsigned().map(Scalar::Number).or_else(|| value.text().map(Scalar::Text))?;
        let known = attribute.definition().is_none() || definition(self.record_type, attribute, &scalar).is_some();
        known.then_some(scalar)
    }
}

/// The code a key stands for.
#[inline]
fn code(key: Value<'_>) -> Option<Attribute> {
    key.unsigned().and_then(|code| u32::try_from(code).ok()).map(Attribute::new)
}

/// The attributes of an [`Update`].
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    update: Update<'a>,
    pairs: Pairs<'a>,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (Attribute, Scalar<'a>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            // The map was walked before: there are no faults in it.
            let (key, value) = self.pairs.next()?.ok()?;
            if let Some(attribute) = code(key)
                && attribute > Attribute::IDENTITY
                && let Some(scalar) = self.update.scalar(attribute, value)
            {
                return Some((attribute, scalar));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amqp::Encoder;

    fn body(write: impl FnOnce(&mut Encoder)) -> Vec<u8> {
        let mut encoder = Encoder::default();
        encoder.list(write);
        encoder.finish()
    }

    fn updates(octets: &[u8]) -> Vec<Result<Update<'_>, Fault>> {
        let Value::List(list) = Value::parse(octets).unwrap() else { panic!() };
        Updates::new(list).collect()
    }

    #[test]
    fn keys_in_any_order_and_of_any_type() {
        let octets = body(|list| {
            list.map(|map| {
                map.put(&Value::Uint(23)).put(&Value::Ulong(5)).string("stray").put(&Value::Null);
                map.put(&Value::Uint(1)).symbol("a:7").put(&Value::Uint(14)).put(&Value::Ulong(9));
                map.put(&Value::Ulong(0)).put(&Value::Ulong(16)).put(&Value::Uint(99)).string("new");
                map.put(&Value::Uint(98)).put(&Value::Bool(true)).put(&Value::Uint(23)).put(&Value::Uint(6));
            });
        });
        let all = updates(&octets);
        let update = all[0].unwrap();
        assert_eq!((update.record_type(), update.identity()), (RecordType::BIFLOW_TPORT, "a:7".into()));
        assert_eq!(update.skipped(), Skipped { keys: 1, values: 2 }, "a text for a key; a number for a host, and a truth");
        let attributes: Vec<_> = update.attributes().collect();
        let text = Scalar::Text("new".into());
        assert_eq!(
            attributes,
            [(Attribute::OCTETS, Scalar::Number(5)), (Attribute::new(99), text), (Attribute::OCTETS, Scalar::Number(6))]
        );
        assert_eq!(update.get(Attribute::OCTETS), Some(Scalar::Number(6)), "the last counts");
    }

    #[test]
    fn a_bad_record_costs_itself() {
        let octets = body(|list| {
            list.map(|map| {
                map.put(&Value::Uint(0)).put(&Value::Uint(4));
            });
            list.string("no record");
            list.map(|map| {
                map.put(&Value::Uint(0)).put(&Value::Uint(200)).put(&Value::Uint(1)).string("x");
            });
        });
        let all = updates(&octets);
        // list8 header 3, map8 of 3 + 3 octets, string of 11.
        let fault = all[0].unwrap_err();
        assert_eq!((fault.kind, fault.layer, fault.offset, fault.bytes), (FaultKind::ValueInvalid, Layer::Record, 3, 6));
        let fault = all[1].unwrap_err();
        assert_eq!((fault.offset, fault.bytes), (9, 11));
        assert_eq!(all[2].unwrap().record_type().definition(), None, "unknown, and delivered");
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn a_fault_inside_a_map_says_where() {
        let mut octets = body(|list| {
            list.map(|map| {
                map.put(&Value::Uint(0)).put(&Value::Uint(4)).put(&Value::Uint(1)).string("abc");
            });
            list.map(|map| {
                map.put(&Value::Uint(0)).put(&Value::Uint(5)).put(&Value::Uint(1)).string("def");
            });
        });
        // The first string says it is longer than its map.
        octets[6 + 3 + 2 + 1] = 40;
        let all = updates(&octets);
        let fault = all[0].unwrap_err();
        assert_eq!((fault.kind, fault.layer, fault.offset, fault.bytes), (FaultKind::Truncated, Layer::Record, 13, 13));
        assert_eq!((fault.required, fault.available), (40, 3));
        assert_eq!(all[1].unwrap().identity(), "def".into());
    }
}
