//! The interpreter: values of a body by its layout, and back.

use core::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::Fault;
use crate::ie::{ElementId, SflowStructure};
use crate::model::Mac;
use crate::text::Text;
use crate::wire::len32;

use super::super::encode::EncodeError;
use super::super::structure::Structure;
use super::super::xdr::{Bad, Reader, Xdr, pad};
use super::{FieldDef, Kind, Layout};

/// A value of any layout.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum XdrValue<'a> {
    /// Of [`Kind::U32`].
    U32(u32),
    /// Of [`Kind::I32`].
    I32(i32),
    /// Of [`Kind::U64`].
    U64(u64),
    /// Of [`Kind::F32`].
    F32(f32),
    /// Of [`Kind::Address`]; `None` when its type is "unknown".
    Address(Option<IpAddr>),
    /// Of [`Kind::Ipv4`].
    Ipv4(Ipv4Addr),
    /// Of [`Kind::Ipv6`].
    Ipv6(Ipv6Addr),
    /// Of [`Kind::Mac`].
    Mac(Mac),
    /// Of [`Kind::Text`].
    Text(Text<'a>),
    /// Of [`Kind::Opaque`] and [`Kind::Fixed`].
    Octets(&'a [u8]),
    /// Of [`Kind::List`].
    List(List<'a>),
}

impl fmt::Display for XdrValue<'_> {
    /// Numbers, addresses and texts as they are, octets in hexadecimal, lists as `[a b, c d]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::U32(number) => number.fmt(f),
            Self::I32(number) => number.fmt(f),
            Self::U64(number) => number.fmt(f),
            Self::F32(number) => number.fmt(f),
            Self::Address(Some(address)) => address.fmt(f),
            Self::Address(None) => f.write_str("unknown"),
            Self::Ipv4(address) => address.fmt(f),
            Self::Ipv6(address) => address.fmt(f),
            Self::Mac(mac) => mac.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Octets(octets) => octets.iter().try_for_each(|octet| write!(f, "{octet:02x}")),
            Self::List(list) => {
                f.write_str("[")?;
                for (at, value) in list.items().enumerate() {
                    let first = at.checked_rem(list.fields.len()) == Some(0);
                    f.write_str(if at == 0 {
                        ""
                    } else if first {
                        ", "
                    } else {
                        " "
                    })?;
                    value.fmt(f)?;
                }
                f.write_str("]")
            }
        }
    }
}

/// The value of one field.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Value<'a> {
    /// The field's definition.
    pub def: &'static FieldDef,
    /// The field as an element.
    pub element: ElementId,
    /// Its value.
    pub value: XdrValue<'a>,
    /// Its octets as they stand on the wire: lengths, counts and padding included.
    pub octets: &'a [u8],
}

/// The values of a body in the layout's order. Over after the first error, which costs the record. What stands behind the last field
/// belongs to a newer layout and is not looked at.
#[derive(Debug, Clone)]
pub struct Values<'a> {
    layout: &'static Layout,
    structure: Structure<'a>,
    rest: Reader<'a>,
    next: usize,
}

impl<'a> Values<'a> {
    pub(super) const fn new(layout: &'static Layout, structure: Structure<'a>) -> Self {
        Self { layout, structure, rest: Reader(structure.body()), next: 0 }
    }

    /// The layout they are read by.
    #[must_use]
    pub const fn layout(&self) -> &'static Layout {
        self.layout
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Result<Value<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.next;
        let def = self.layout.fields.get(at)?;
        self.next = at.saturating_add(1);
        if at == 0
            && let Err(fault) = self.structure.at_least(self.layout.min_octets())
        {
            self.next = usize::MAX;
            return Some(Err(fault));
        }
        let from = self.rest.0;
        match read(def.kind, &mut self.rest) {
            Ok(value) => {
                let octets = from.get(..from.len().saturating_sub(self.rest.0.len())).unwrap_or_default();
                Some(Ok(Value { def, element: self.layout.element(at), value, octets }))
            }
            Err(bad) => {
                self.next = usize::MAX;
                // A body may end before, or in, what only later versions of its layout have.
                (at < self.layout.required).then(|| Err(self.structure.bad(bad.fault(self.structure.input()))))
            }
        }
    }
}

/// A list inside a structure: as it stands on the wire, or values given to be written. Equal when the values are.
///
/// The items' fields follow one another: a list of two fields and three items has six values.
#[derive(Clone, Copy)]
pub struct List<'a> {
    fields: &'static [FieldDef],
    count: u32,
    // One of the two is empty. What is on the wire reaches to the end of the structure.
    wire: &'a [u8],
    given: &'a [XdrValue<'a>],
}

impl<'a> List<'a> {
    /// A list to write: the fields of the first item, then those of the second, and so on.
    #[must_use]
    pub const fn new(given: &'a [XdrValue<'a>]) -> Self {
        Self { fields: &[], count: 0, wire: &[], given }
    }

    /// What each item has; empty for lists made by [`new`](Self::new).
    #[must_use]
    pub const fn fields(&self) -> &'static [FieldDef] {
        self.fields
    }

    /// The values, item after item.
    #[must_use]
    pub fn items(&self) -> Items<'a> {
        let left = usize::try_from(self.count).unwrap_or(0).saturating_mul(self.fields.len());
        Items { fields: self.fields, at: 0, left, wire: Reader(self.wire), given: self.given.iter() }
    }

    /// Gives every record in the `pdu` items of an aggregation, which is `outer`, to `each`.
    pub(in super::super) fn structures(
        &self,
        outer: &Structure<'a>,
        mut each: impl FnMut(Structure<'a>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let end = outer.input().offset().saturating_add(outer.input().len32());
        for pdu in self.items() {
            let XdrValue::List(records) = pdu else { continue };
            let mut items = records.items();
            loop {
                let offset = end.saturating_sub(len32(items.wire.0));
                let (Some(XdrValue::U32(format)), Some(XdrValue::Octets(body))) = (items.next(), items.next()) else { break };
                each(Structure::new(SflowStructure::Flow(format), body, offset))?;
            }
        }
        Ok(())
    }
}

impl PartialEq for List<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.items().eq(other.items())
    }
}

impl fmt::Debug for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.items()).finish()
    }
}

/// The values of a [`List`], item after item.
#[derive(Debug, Clone)]
pub struct Items<'a> {
    fields: &'static [FieldDef],
    at: usize,
    left: usize,
    wire: Reader<'a>,
    given: core::slice::Iter<'a, XdrValue<'a>>,
}

impl<'a> Iterator for Items<'a> {
    type Item = XdrValue<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some(left) = self.left.checked_sub(1) else { return self.given.next().copied() };
        let def = self.fields.get(self.at)?;
        // The list was walked when it was read, so this does not fail.
        let value = read(def.kind, &mut self.wire).ok()?;
        self.at = self.at.saturating_add(1).checked_rem(self.fields.len()).unwrap_or(0);
        self.left = left;
        Some(value)
    }
}

/// One value. Recursion follows the table, which nests lists three deep at most.
fn read<'a>(kind: Kind, reader: &mut Reader<'a>) -> Result<XdrValue<'a>, Bad> {
    Ok(match kind {
        Kind::U32 => XdrValue::U32(Xdr::read(reader)?),
        Kind::I32 => XdrValue::I32(Xdr::read(reader)?),
        Kind::U64 => XdrValue::U64(Xdr::read(reader)?),
        Kind::F32 => XdrValue::F32(Xdr::read(reader)?),
        Kind::Address => XdrValue::Address(Xdr::read(reader)?),
        Kind::Ipv4 => XdrValue::Ipv4(Xdr::read(reader)?),
        Kind::Ipv6 => XdrValue::Ipv6(Xdr::read(reader)?),
        Kind::Mac => XdrValue::Mac(Xdr::read(reader)?),
        Kind::Text => XdrValue::Text(Xdr::read(reader)?),
        Kind::Opaque => XdrValue::Octets(Xdr::read(reader)?),
        Kind::Fixed(octets) => XdrValue::Octets(reader.take(octets.into())?),
        Kind::List(fields) => {
            let min = fields.iter().fold(0_u32, |sum, field| sum.saturating_add(field.kind.min_octets()));
            let count = reader.count(min)?;
            let wire = reader.0;
            if fields.iter().all(|field| field.kind.is_fixed()) {
                reader.take(count.saturating_mul(min))?;
            } else {
                for _ in 0..count {
                    for field in fields {
                        read(field.kind, reader)?;
                    }
                }
            }
            XdrValue::List(List { fields, count, wire, given: &[] })
        }
    })
}

impl Layout {
    /// Writes a body of this layout at the end of `out`. Fields that only later versions have may be left out. On an error `out` is as
    /// before.
    ///
    /// ```
    /// use flowcodec::sflow::table::{self, XdrValue};
    /// use flowcodec::sflow::DataFormat;
    /// let mut body = Vec::new();
    /// let ports = table::flow(DataFormat(1020)).expect("in the table");
    /// ports.encode(&[XdrValue::U32(80), XdrValue::U32(443)], &mut body)?;
    /// assert_eq!(body, [0, 0, 0, 80, 0, 0, 1, 187]);
    /// # Ok::<(), flowcodec::sflow::EncodeError>(())
    /// ```
    ///
    /// # Errors
    /// [`EncodeError::ValueCount`] and [`EncodeError::ValueKind`].
    pub fn encode(&self, values: &[XdrValue<'_>], out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if values.len() < self.required || values.len() > self.fields.len() {
            return Err(EncodeError::ValueCount { structure: self.structure, values: values.len() });
        }
        let start = out.len();
        for (def, value) in self.fields.iter().zip(values) {
            if write(def.kind, value, out).is_none() {
                out.truncate(start);
                return Err(EncodeError::ValueKind { structure: self.structure, field: def.name });
            }
        }
        Ok(())
    }
}

/// Writes one value; `None` when it is not of its kind.
fn write(kind: Kind, value: &XdrValue<'_>, out: &mut Vec<u8>) -> Option<()> {
    match (kind, value) {
        (Kind::U32, XdrValue::U32(number)) => number.write(out),
        (Kind::I32, XdrValue::I32(number)) => number.write(out),
        (Kind::U64, XdrValue::U64(number)) => number.write(out),
        (Kind::F32, XdrValue::F32(number)) => number.write(out),
        (Kind::Address, XdrValue::Address(address)) => address.write(out),
        (Kind::Ipv4, XdrValue::Ipv4(address)) => address.write(out),
        (Kind::Ipv6, XdrValue::Ipv6(address)) => address.write(out),
        (Kind::Mac, XdrValue::Mac(mac)) => mac.write(out),
        (Kind::Text, XdrValue::Text(text)) => text.write(out),
        (Kind::Opaque, XdrValue::Octets(octets)) => octets.write(out),
        (Kind::Fixed(length), XdrValue::Octets(octets)) if octets.len() == usize::from(length) => {
            out.extend_from_slice(octets);
            pad(out, octets.len());
        }
        (Kind::List(fields), XdrValue::List(list)) => {
            let at = out.len();
            0_u32.write(out);
            let mut written = 0_usize;
            for (value, def) in list.items().zip(fields.iter().cycle()) {
                write(def.kind, &value, out)?;
                written = written.saturating_add(1);
            }
            // Whole items only.
            if written.checked_rem(fields.len()) != Some(0) {
                return None;
            }
            let count = u32::try_from(written.checked_div(fields.len())?).ok()?;
            out.get_mut(at..)?.first_chunk_mut()?.clone_from(&count.to_be_bytes());
        }
        _ => return None,
    }
    Some(())
}
