//! Lists, maps and arrays: their items are read one by one, each from what the one before left.

use flowcodec::wire::{Input, Parsed, array, fault_of, len32};
use flowcodec::{Fault, FaultKind, Text};
use nom::Err;

use super::value::{FIELD, Value, body, scalar, value};

/// A list. Its size is checked; its items are read when they are asked for.
#[derive(Debug, Clone, Copy)]
pub struct List<'a> {
    items: Input<'a>,
    count: u32,
    depth: u8,
}

impl<'a> List<'a> {
    #[inline]
    pub(super) const fn new(items: Input<'a>, count: u32, depth: u8) -> Self {
        Self { items, count, depth }
    }

    /// How many items it says it has; never more than it has octets.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The items in order. After a fault there are no more.
    #[must_use]
    #[inline]
    pub const fn items(&self) -> Items<'a> {
        Items { rest: self.items, left: self.count, depth: self.depth, of: None }
    }

    /// The octets of the items.
    #[must_use]
    pub const fn octets(&self) -> Input<'a> {
        self.items
    }
}

impl PartialEq for List<'_> {
    /// Whether they have the same octets.
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count && self.items.bytes() == other.items.bytes()
    }
}

/// A map. Keys may be of any type and may repeat.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Map<'a>(List<'a>);

impl<'a> Map<'a> {
    #[inline]
    pub(super) const fn new(list: List<'a>) -> Self {
        Self(list)
    }

    /// How many pairs it says it has.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.0.count >> 1
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The pairs in the order of the wire. After a fault there are no more.
    #[must_use]
    #[inline]
    pub const fn pairs(&self) -> Pairs<'a> {
        Pairs(self.0.items())
    }

    /// The pairs as unsigned keys and plain values: what records are made of, read three times as fast. Says the same as
    /// [`pairs`](Self::pairs), and ends with the same fault.
    #[must_use]
    #[inline]
    pub const fn plain(&self) -> PlainPairs<'a> {
        PlainPairs { rest: self.0.items.bytes(), map: *self, left: self.0.count }
    }

    /// The value of a key that is a string or symbol of these octets; the first, if it repeats. Linear in the pairs.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        self.pairs()
            .flatten()
            .find(|(name, _)| name.text().is_some_and(|name| name.as_bytes() == key.as_bytes()))
            .map(|(_, value)| value)
    }

    /// The octets of the pairs.
    #[must_use]
    pub const fn octets(&self) -> Input<'a> {
        self.0.items
    }
}

/// An array: bodies behind one constructor.
#[derive(Debug, Clone, Copy)]
pub struct Array<'a> {
    bodies: Input<'a>,
    count: u32,
    code: u8,
    depth: u8,
}

impl<'a> Array<'a> {
    pub(super) fn read(items: Input<'a>, count: u32, depth: u8) -> Parsed<'a, Self> {
        let (bodies, &[code]) = array(FIELD)(items)?;
        if code == 0 {
            // The constructor itself is described: a value in front of the real one.
            let (rest, _) = value(depth)(bodies)?;
            let (bodies, &[code]) = array(FIELD)(rest)?;
            if code == 0 {
                return Err(Err::Error(rest.fault(FaultKind::ValueInvalid, FIELD).costing(rest.len32())));
            }
            return Ok((bodies, Self { bodies, count, code, depth }));
        }
        Ok((bodies, Self { bodies, count, code, depth }))
    }

    /// How many items it says it has; never more than it has octets.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The items in order, without their description if they have one. After a fault there are no more.
    #[must_use]
    pub const fn items(&self) -> Items<'a> {
        Items { rest: self.bodies, left: self.count, depth: self.depth, of: Some(self.code) }
    }

    /// The constructor of the items.
    #[must_use]
    pub const fn code(&self) -> u8 {
        self.code
    }
}

impl PartialEq for Array<'_> {
    /// Whether they have the same octets.
    fn eq(&self, other: &Self) -> bool {
        (self.count, self.code, self.bodies.bytes()) == (other.count, other.code, other.bodies.bytes())
    }
}

/// The items of a [`List`] or [`Array`].
#[derive(Debug, Clone)]
pub struct Items<'a> {
    rest: Input<'a>,
    left: u32,
    depth: u8,
    of: Option<u8>,
}

impl<'a> Items<'a> {
    /// What was not read yet.
    #[must_use]
    pub const fn rest(&self) -> Input<'a> {
        self.rest
    }

    #[cold]
    fn stop(&mut self, fault: Fault) -> Fault {
        self.left = 0;
        self.rest = Input::at(&[], self.rest.offset(), self.rest.limit());
        fault
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Value<'a>, Fault>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let Some(left) = self.left.checked_sub(1) else {
            if self.rest.is_empty() {
                return None;
            }
            let fault = self.rest.fault(FaultKind::TrailingOctets, FIELD).costing(self.rest.len32());
            return Some(Err(self.stop(fault)));
        };
        // Most items are scalars: those are read here.
        let quick = match (self.of, self.rest.bytes().split_first()) {
            (None, Some((&code, octets))) => scalar(code, octets).map(|(item, length)| (item, length.saturating_add(1))),
            (None, None) => None,
            (Some(code), _) => scalar(code, self.rest.bytes()),
        };
        if let Some((item, length)) = quick {
            self.rest = behind(self.rest, length);
            self.left = left;
            return Some(Ok(item));
        }
        let read = match self.of {
            None => value(self.depth)(self.rest),
            Some(code) => body(code, self.depth)(self.rest),
        };
        Some(match read {
            Ok((rest, item)) => {
                (self.rest, self.left) = (rest, left);
                Ok(item)
            }
            Err(error) => Err(self.stop(fault_of(error))),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // And a fault behind them.
        (0, usize::try_from(self.left).ok().and_then(|left| left.checked_add(1)))
    }
}

/// What a value is to who reads numbers and texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Plain<'a> {
    /// An unsigned number of any width.
    Unsigned(u64),
    /// A string or a symbol.
    Text(Text<'a>),
    /// Anything else.
    Other,
}

impl<'a> From<Value<'a>> for Plain<'a> {
    fn from(value: Value<'a>) -> Self {
        value.unsigned().map(Plain::Unsigned).or_else(|| value.text().map(Plain::Text)).unwrap_or(Plain::Other)
    }
}

/// The pairs of a [`Map`] as [`Map::plain`] gives them: a key that is no unsigned number is `None`.
///
/// What is in the short forms that routers send is read from the slice; the grammar reads what is not, and finds every fault.
#[derive(Debug, Clone)]
pub struct PlainPairs<'a> {
    rest: &'a [u8],
    map: Map<'a>,
    left: u32,
}

impl<'a> PlainPairs<'a> {
    #[cold]
    fn by_grammar(&mut self) -> Option<Result<(Option<u64>, Plain<'a>), Fault>> {
        let whole = self.map.0.items;
        let offset = whole.offset().saturating_add(whole.len32().saturating_sub(len32(self.rest)));
        let rest = Input::at(self.rest, offset, whole.limit());
        let mut pairs = Pairs(Items { rest, left: self.left, depth: self.map.0.depth, of: None });
        let pair = pairs.next();
        (self.rest, self.left) = (pairs.0.rest.bytes(), pairs.0.left);
        pair.map(|pair| pair.map(|(key, value)| (key.unsigned(), value.into())))
    }
}

impl<'a> Iterator for PlainPairs<'a> {
    type Item = Result<(Option<u64>, Plain<'a>), Fault>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(left) = self.left.checked_sub(2) {
            if let Some((key, rest)) = short_key(self.rest)
                && let Some((value, rest)) = short_value(rest)
            {
                (self.rest, self.left) = (rest, left);
                return Some(Ok((Some(key), value)));
            }
        } else if self.rest.is_empty() {
            return None;
        }
        self.by_grammar()
    }
}

#[inline]
fn short_key(octets: &[u8]) -> Option<(u64, &[u8])> {
    match octets {
        [0x52, key, rest @ ..] => Some(((*key).into(), rest)),
        [0x43, rest @ ..] => Some((0, rest)),
        _ => None,
    }
}

#[inline]
fn short_value(octets: &[u8]) -> Option<(Plain<'_>, &[u8])> {
    match octets {
        [0xa1, size, rest @ ..] => {
            let (text, rest) = rest.split_at_checked(usize::from(*size))?;
            Some((Plain::Text(Text::new(text)), rest))
        }
        [0x80, rest @ ..] => {
            let (number, rest) = rest.split_first_chunk()?;
            Some((Plain::Unsigned(u64::from_be_bytes(*number)), rest))
        }
        [0x52 | 0x53, number, rest @ ..] => Some((Plain::Unsigned((*number).into()), rest)),
        [0x43 | 0x44, rest @ ..] => Some((Plain::Unsigned(0), rest)),
        _ => None,
    }
}

/// What is left behind `length` octets.
#[inline]
fn behind(input: Input<'_>, length: usize) -> Input<'_> {
    let rest = input.bytes().get(length..).unwrap_or_default();
    let skipped = input.len32().saturating_sub(len32(rest));
    Input::at(rest, input.offset().saturating_add(skipped), input.limit())
}

/// The pairs of a [`Map`].
#[derive(Debug, Clone)]
pub struct Pairs<'a>(Items<'a>);

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<(Value<'a>, Value<'a>), Fault>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match (self.0.next()?, self.0.next()) {
            (Ok(key), Some(Ok(value))) => Some(Ok((key, value))),
            (Err(fault), _) | (_, Some(Err(fault))) => Some(Err(fault)),
            // A map has as many values as keys.
            (Ok(_), None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lists_and_maps_of_both_widths() {
        let narrow = Value::parse(&[0xc0, 5, 2, 0x53, 1, 0x52, 2]).unwrap();
        let wide = Value::parse(&[0xd0, 0, 0, 0, 8, 0, 0, 0, 2, 0x53, 1, 0x52, 2]).unwrap();
        assert_eq!(narrow, wide);
        let Value::List(list) = wide else { panic!("{wide:?}") };
        assert_eq!(list.items().map(Result::unwrap).collect::<Vec<_>>(), [Value::Ulong(1), Value::Uint(2)]);
        let Value::Map(map) = Value::parse(&[0xc1, 6, 2, 0xa3, 1, b'v', 0x52, 2]).unwrap() else { panic!() };
        assert_eq!((map.len(), map.get("v"), map.get("w")), (1, Some(Value::Uint(2)), None));
        let Value::List(empty) = Value::parse(&[0x45]).unwrap() else { panic!() };
        assert_eq!((empty.len(), empty.items().count()), (0, 0));
    }

    #[test]
    fn a_list_ends_where_its_size_says() {
        let Value::List(list) = Value::parse(&[0xc0, 4, 1, 0x53, 1, 0x40]).unwrap() else { panic!() };
        let mut items = list.items();
        assert_eq!(items.next().unwrap().unwrap(), Value::Ulong(1));
        let fault = items.next().unwrap().unwrap_err();
        assert_eq!((fault.kind, fault.offset, fault.bytes), (FaultKind::TrailingOctets, 5, 1));
        assert!(items.next().is_none(), "over after a fault");
        let Value::List(list) = Value::parse(&[0xc0, 4, 2, 0x53, 1, 0x53]).unwrap() else { panic!() };
        let mut items = list.items();
        assert_eq!(items.next().unwrap().unwrap(), Value::Ulong(1));
        let fault = items.next().unwrap().unwrap_err();
        assert_eq!((fault.kind, fault.offset, fault.required), (FaultKind::Truncated, 6, 1));
        assert!(items.next().is_none(), "over after a fault");
    }

    proptest! {
        /// The two readers of pairs say the same: values, faults and where they end, whatever the octets.
        #[test]
        fn plain_pairs_are_the_pairs(
            octets in proptest::collection::vec(
                prop_oneof![
                    6 => proptest::sample::select(&[0x43_u8, 0x52, 0x53, 0x80, 0xa1, 0xa3, 0x44, 0x40, 0x45, 0x70, 0x00, 0xb1, 0xc0][..]),
                    5 => 0_u8..5,
                    1 => any::<u8>(),
                ],
                0..60,
            ),
            count in 0_u32..20,
        ) {
            let items = Input::at(&octets, 100, flowcodec::LimitedBy::FieldLength);
            let map = Map::new(List::new(items, count * 2, 3));
            let plain: Vec<_> = map.plain().collect();
            let general: Vec<_> = map.pairs().map(|pair| pair.map(|(key, value)| (key.unsigned(), Plain::from(value)))).collect();
            prop_assert_eq!(plain, general);
        }
    }

    #[test]
    fn arrays() {
        let Value::Array(array) = Value::parse(&[0xe0, 6, 2, 0x60, 0, 1, 0, 2]).unwrap() else { panic!() };
        assert_eq!(array.items().map(Result::unwrap).collect::<Vec<_>>(), [Value::Ushort(1), Value::Ushort(2)]);
        // Described: constructor 00, descriptor, constructor.
        let Value::Array(array) = Value::parse(&[0xe0, 7, 2, 0, 0x53, 9, 0x50, 1, 2]).unwrap() else { panic!() };
        assert_eq!(array.items().map(Result::unwrap).collect::<Vec<_>>(), [Value::Ubyte(1), Value::Ubyte(2)]);
        // Four thousand million nulls in six octets.
        assert_eq!(
            Value::parse(&[0xf0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x40]).unwrap_err().kind,
            FaultKind::CountBeyondOctets
        );
    }
}
