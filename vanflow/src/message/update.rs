//! Record updates: the items of a RECORD's body.

use flowcodec::wire::Input;
use flowcodec::{Fault, FaultKind, Layer, LimitedBy, Text};

use crate::amqp::{Items, List, Map, Plain, PlainPairs, Value};
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
    start: Option<u64>,
}

impl<'a> Update<'a> {
    /// Walks the whole map once, so that iterating the attributes cannot fail: keys stand in any order.
    #[inline]
    fn read(map: Map<'a>) -> Result<Self, Fault> {
        let (mut record_type, mut identity, mut skipped, mut start) = (None, None, Skipped::default(), None);
        // What an attribute means depends on the type, which routers send first and Go programs anywhere.
        let mut early = false;
        for pair in map.plain() {
            let (key, value) = pair?;
            match (code(key), value) {
                (None, _) => skipped.keys = skipped.keys.saturating_add(1),
                (Some(Attribute::RECORD_TYPE), value) => {
                    early |= record_type.is_some();
                    record_type = number(value).and_then(|code| u32::try_from(code).ok()).map(RecordType::new);
                }
                (Some(Attribute::IDENTITY), value) => identity = if let Plain::Text(text) = value { Some(text) } else { None },
                (Some(attribute), value) => {
                    if attribute == Attribute::START_TIME {
                        start = number(value).or(start);
                    }
                    match record_type {
                        Some(of) => {
                            skipped.values = skipped.values.saturating_add(u32::from(scalar(of, attribute, value).is_none()));
                        }
                        None => early = true,
                    }
                }
            }
        }
        let (Some(record_type), Some(identity)) = (record_type, identity) else {
            // Offset 0 stands for "the record": the caller knows where it is.
            return Err(Input::new(&[]).fault(FaultKind::ValueInvalid, Layer::Record));
        };
        if early {
            let attributes = map.plain().flatten().filter_map(|(key, value)| Some((code(key)?, value)));
            let attributes = attributes.filter(|(attribute, _)| *attribute > Attribute::IDENTITY);
            let bad = attributes.filter(|(attribute, value)| scalar(record_type, *attribute, *value).is_none()).count();
            skipped.values = u32::try_from(bad).unwrap_or(u32::MAX);
        }
        Ok(Self { record_type, identity, map, skipped, start })
    }

    /// When the record began, in microseconds since 1970 by the source's clock, if this update says so.
    #[must_use]
    pub const fn start_us(&self) -> Option<u64> {
        self.start
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
        Attributes { of: self.record_type, checked: self.skipped.values == 0, pairs: self.map.plain() }
    }

    /// One attribute. Linear in the attributes.
    #[must_use]
    pub fn get(&self, attribute: Attribute) -> Option<Scalar<'a>> {
        self.attributes().filter(|(code, _)| *code == attribute).last().map(|(_, value)| value)
    }
}

/// A value as an attribute of a record of this type may have it.
#[inline]
fn scalar(of: RecordType, attribute: Attribute, value: Plain<'_>) -> Option<Scalar<'_>> {
    let scalar = plain(value)?;
    let known = attribute.definition().is_none() || definition(of, attribute, &scalar).is_some();
    known.then_some(scalar)
}

#[inline]
const fn plain(value: Plain<'_>) -> Option<Scalar<'_>> {
    match value {
        Plain::Unsigned(number) => Some(Scalar::Number(number)),
        Plain::Text(text) => Some(Scalar::Text(text)),
        _ => None,
    }
}

#[inline]
const fn number(value: Plain<'_>) -> Option<u64> {
    if let Plain::Unsigned(number) = value { Some(number) } else { None }
}

/// The attribute that a key stands for.
#[inline]
fn code(key: Option<u64>) -> Option<Attribute> {
    key.and_then(|code| u32::try_from(code).ok()).map(Attribute::new)
}

/// The attributes of an [`Update`].
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    of: RecordType,
    /// Whether every value is what its attribute's values are.
    checked: bool,
    pairs: PlainPairs<'a>,
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
                && let Some(scalar) = if self.checked { plain(value) } else { scalar(self.of, attribute, value) }
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
