//! Writing values and sections: what a collector has to send, and what tests need to be sent.

use flowcodec::Fault;
use flowcodec::wire::len32;

use super::message::SectionKind;
use super::value::Value;

/// How wide lists, maps, texts and numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Form {
    /// As short as the value allows (`43`, `52`, `a1`, `c0`, `45`).
    #[default]
    Shortest,
    /// Lists and maps wide, the rest as short as the value allows: as who writes without knowing sizes beforehand (Skupper's routers).
    WideCompounds,
    /// Always the wide form (`70`, `80`, `b1`, `d0`).
    Widest,
}

/// Writes values one behind the other.
///
/// ```
/// use vanflow::amqp::{Encoder, SectionKind, Value};
/// let mut encoder = Encoder::default();
/// encoder.section(SectionKind::Value, |body| body.list(|list| {
///     list.put(&Value::Uint(7)).put(&Value::Null);
/// }));
/// assert_eq!(encoder.finish(), [0, 0x53, 0x77, 0xc0, 4, 2, 0x52, 7, 0x40]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Encoder {
    octets: Vec<u8>,
    form: Form,
    values: u32,
}

impl Encoder {
    /// An encoder that writes in `form`.
    #[must_use]
    pub const fn new(form: Form) -> Self {
        Self { octets: Vec::new(), form, values: 0 }
    }

    /// What was written.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.octets
    }

    /// A section with the value that `content` writes.
    pub fn section(&mut self, kind: SectionKind, content: impl FnOnce(&mut Self)) -> &mut Self {
        self.described(kind.code(), content)
    }

    /// The value that `content` writes, described by a code.
    pub fn described(&mut self, code: u64, content: impl FnOnce(&mut Self)) -> &mut Self {
        self.octets.push(0);
        let values = self.values;
        self.put(&Value::Ulong(code));
        content(self);
        // However it is described, it is one value.
        self.values = values.saturating_add(1);
        self
    }

    /// A string.
    pub fn string(&mut self, text: &str) -> &mut Self {
        self.put(&Value::String(text.into()))
    }

    /// A symbol.
    pub fn symbol(&mut self, text: &str) -> &mut Self {
        self.put(&Value::Symbol(text.into()))
    }

    /// A list of the values that `items` writes.
    pub fn list(&mut self, items: impl FnOnce(&mut Self)) {
        self.compound([0xc0, 0xd0], items);
    }

    /// A map of the keys and values that `pairs` writes by turns. A key that was left without a value gets null.
    pub fn map(&mut self, pairs: impl FnOnce(&mut Self)) {
        self.compound([0xc1, 0xd1], |encoder| {
            pairs(encoder);
            if encoder.values % 2 != 0 {
                encoder.put(&Value::Null);
            }
        });
    }

    /// Any value. A compound is written again, item by item, as far as it can be read; an array keeps the order of its items and becomes
    /// a list, since its items may take several forms.
    pub fn put(&mut self, value: &Value<'_>) -> &mut Self {
        let wide = self.form == Form::Widest;
        match *value {
            Value::Null => self.fixed(0x40, []),
            Value::Bool(true) => self.fixed(0x41, []),
            Value::Bool(false) => self.fixed(0x42, []),
            Value::Ubyte(number) => self.fixed(0x50, number.to_be_bytes()),
            Value::Ushort(number) => self.fixed(0x60, number.to_be_bytes()),
            Value::Uint(0) if !wide => self.fixed(0x43, []),
            Value::Uint(number) => match u8::try_from(number) {
                Ok(short) if !wide => self.fixed(0x52, [short]),
                _ => self.fixed(0x70, number.to_be_bytes()),
            },
            Value::Ulong(0) if !wide => self.fixed(0x44, []),
            Value::Ulong(number) => match u8::try_from(number) {
                Ok(short) if !wide => self.fixed(0x53, [short]),
                _ => self.fixed(0x80, number.to_be_bytes()),
            },
            Value::Byte(number) => self.fixed(0x51, number.to_be_bytes()),
            Value::Short(number) => self.fixed(0x61, number.to_be_bytes()),
            Value::Int(number) => match i8::try_from(number) {
                Ok(short) if !wide => self.fixed(0x54, short.to_be_bytes()),
                _ => self.fixed(0x71, number.to_be_bytes()),
            },
            Value::Long(number) => match i8::try_from(number) {
                Ok(short) if !wide => self.fixed(0x55, short.to_be_bytes()),
                _ => self.fixed(0x81, number.to_be_bytes()),
            },
            Value::Float(number) => self.fixed(0x72, number.to_be_bytes()),
            Value::Double(number) => self.fixed(0x82, number.to_be_bytes()),
            Value::Char(point) => self.fixed(0x73, point.to_be_bytes()),
            Value::Timestamp(millis) => self.fixed(0x83, millis.to_be_bytes()),
            Value::Uuid(octets) => self.fixed(0x98, *octets),
            Value::Binary(octets) => self.variable([0xa0, 0xb0], octets),
            Value::String(text) => self.variable([0xa1, 0xb1], text.as_bytes()),
            Value::Symbol(text) => self.variable([0xa3, 0xb3], text.as_bytes()),
            Value::List(list) => self.list(|encoder| encoder.all(list.items())),
            Value::Array(array) => self.list(|encoder| encoder.all(array.items())),
            Value::Map(map) => self.map(|encoder| {
                for (key, value) in map.pairs().map_while(Result::ok) {
                    encoder.put(&key).put(&value);
                }
            }),
            Value::Described(described) => {
                self.octets.push(0);
                let values = self.values;
                self.put(&match described.descriptor() {
                    super::Descriptor::Code(code) => Value::Ulong(code),
                    super::Descriptor::Symbol(name) => Value::Symbol(name),
                    super::Descriptor::Other => Value::Null,
                });
                self.put(&described.value());
                self.values = values.saturating_add(1);
            }
            Value::Other(code, octets) if code < 0xa0 => {
                self.octets.push(code);
                self.octets.extend_from_slice(octets);
                self.values = self.values.saturating_add(1);
            }
            // Both widths of one type differ in one bit.
            Value::Other(code, octets) => self.variable([code & !0x10, code | 0x10], octets),
        }
        self
    }

    fn all<'a>(&mut self, items: impl Iterator<Item = Result<Value<'a>, Fault>>) {
        for item in items.map_while(Result::ok) {
            self.put(&item);
        }
    }

    fn fixed<const N: usize>(&mut self, code: u8, octets: [u8; N]) {
        self.octets.push(code);
        self.octets.extend_from_slice(&octets);
        self.values = self.values.saturating_add(1);
    }

    fn variable(&mut self, [narrow, wide]: [u8; 2], octets: &[u8]) {
        match u8::try_from(octets.len()) {
            Ok(size) if self.form != Form::Widest => self.octets.extend_from_slice(&[narrow, size]),
            _ => {
                self.octets.push(wide);
                self.octets.extend_from_slice(&len32(octets).to_be_bytes());
            }
        }
        self.octets.extend_from_slice(octets);
        self.values = self.values.saturating_add(1);
    }

    fn compound(&mut self, [narrow, wide]: [u8; 2], items: impl FnOnce(&mut Self)) {
        let mut inner = Self { octets: Vec::new(), form: self.form, values: 0 };
        items(&mut inner);
        self.values = self.values.saturating_add(1);
        // The size counts the count.
        let sizes = u8::try_from(inner.octets.len().saturating_add(1)).ok().zip(u8::try_from(inner.values).ok());
        match sizes {
            Some((_, 0)) if self.form == Form::Shortest && narrow == 0xc0 => self.octets.push(0x45),
            Some((size, count)) if self.form == Form::Shortest => self.octets.extend_from_slice(&[narrow, size, count]),
            _ => {
                self.octets.push(wide);
                self.octets.extend_from_slice(&len32(&inner.octets).saturating_add(4).to_be_bytes());
                self.octets.extend_from_slice(&inner.values.to_be_bytes());
            }
        }
        self.octets.extend_from_slice(&inner.octets);
    }
}
