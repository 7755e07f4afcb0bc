//! The templates a writer knows.

use std::collections::BTreeMap;

use super::EncodeError;
use crate::ie::{DataType, ElementId, Elements};
use crate::template::wire::{Dialect, FieldSpecifier, TemplateKind, VARIABLE};

/// A validated template to write by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    id: u16,
    kind: TemplateKind,
    fields: Box<[(FieldSpecifier, DataType)]>,
    min_record_len: u32,
}

impl Shape {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> u16 {
        self.id
    }

    /// Data or options.
    #[must_use]
    pub const fn kind(&self) -> TemplateKind {
        self.kind
    }

    /// Its fields in wire order, with the type their values are written by. Elements of NetFlow v9 are named as a reader names them:
    /// by the IANA registry where that has the number.
    #[must_use]
    pub fn fields(&self) -> &[(FieldSpecifier, DataType)] {
        &self.fields
    }

    /// Octets of its shortest record: variable-length fields count one.
    #[must_use]
    pub const fn min_record_len(&self) -> u32 {
        self.min_record_len
    }
}

/// The templates of one observation domain to write by, and the types of their elements.
///
/// ```
/// use flowcodec::ie::ElementId;
/// use flowcodec::template::encode::{ElementValue, Shapes};
/// use flowcodec::template::{Dialect, FieldSpecifier, TemplateKind};
/// let mut shapes = Shapes::new(Dialect::Ipfix);
/// shapes.add(256, TemplateKind::Data, &[FieldSpecifier::new(ElementId::iana(1), 4)])?;
/// let mut record = Vec::new();
/// shapes.put_record(&mut record, 256, &[ElementValue::Unsigned(1_000)])?;
/// assert_eq!(record, [0, 0, 3, 232]);
/// # Ok::<(), flowcodec::template::encode::EncodeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Shapes {
    pub(super) dialect: Dialect,
    pub(super) elements: Elements,
    pub(super) lengths: super::Lengths,
    by_id: BTreeMap<u16, Shape>,
}

impl Shapes {
    /// None yet, with the built-in elements.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, elements: Elements::default(), lengths: super::Lengths::Shortest, by_id: BTreeMap::new() }
    }

    /// The same with elements of your own: they say which type an unregistered element has. Templates added before keep theirs.
    #[must_use]
    pub fn with_elements(mut self, elements: Elements) -> Self {
        self.elements = elements;
        self
    }

    /// The same with another form of the length in front of variable-length values.
    #[must_use]
    pub const fn with_lengths(mut self, lengths: super::Lengths) -> Self {
        self.lengths = lengths;
        self
    }

    /// The protocol they are for.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Checks a template and keeps it, in place of one of the same id.
    ///
    /// # Errors
    /// An id below 256; no fields or records of no octets; scope fields missing or not in front; elements without a number in the
    /// protocol; lengths their type cannot have; variable length in NetFlow v9.
    pub fn add(&mut self, id: u16, kind: TemplateKind, fields: &[FieldSpecifier]) -> Result<(), EncodeError> {
        let shape = self.check(id, kind, fields)?;
        self.insert(shape);
        Ok(())
    }

    pub(super) fn insert(&mut self, shape: Shape) {
        self.by_id.insert(shape.id, shape);
    }

    pub(super) fn check(&self, id: u16, kind: TemplateKind, fields: &[FieldSpecifier]) -> Result<Shape, EncodeError> {
        if id < 256 {
            return Err(EncodeError::TemplateIdReserved(id));
        }
        let scopes = fields.iter().take_while(|field| field.scope).count();
        let well_placed = match kind {
            TemplateKind::Data => scopes == 0,
            // Scopes are missing in options templates of some v9 exporters; RFC 7011 §3.4.2.2 says there must be one.
            TemplateKind::Options => scopes > 0 || self.dialect == Dialect::NetFlow9,
        };
        if !well_placed || fields.iter().skip(scopes).any(|field| field.scope) {
            return Err(EncodeError::TemplateScopes(id));
        }
        let mut min_record_len = 0_u32;
        let mut checked = Vec::with_capacity(fields.len());
        for field in fields {
            let (_, _, element) = number(self.dialect, *field)?;
            let data_type = self.elements.resolve(element).data_type();
            let variable = field.length == VARIABLE;
            if (variable && self.dialect == Dialect::NetFlow9) || !allowed(data_type, field.length) {
                return Err(EncodeError::FieldLength { element, data_type, length: field.length });
            }
            min_record_len = min_record_len.saturating_add(if variable { 1 } else { u32::from(field.length) });
            checked.push((FieldSpecifier { element, ..*field }, data_type));
        }
        if min_record_len == 0 {
            return Err(EncodeError::TemplateEmpty(id));
        }
        Ok(Shape { id, kind, fields: checked.into_boxed_slice(), min_record_len })
    }

    /// One template.
    #[must_use]
    pub fn get(&self, id: u16) -> Option<&Shape> {
        self.by_id.get(&id)
    }

    /// Forgets one template.
    pub fn remove(&mut self, id: u16) -> Option<Shape> {
        self.by_id.remove(&id)
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Shape> {
        self.by_id.values()
    }

    /// Writes a template record (RFC 7011 §3.4.1, §3.4.2; RFC 3954 §5.2, §6.1) at the end of `out`.
    ///
    /// # Errors
    /// [`EncodeError::TemplateUnknown`], or [`EncodeError::TemplateTooLong`] for more than 65,535 fields or octets of fields.
    pub fn put_template(&self, out: &mut Vec<u8>, id: u16) -> Result<(), EncodeError> {
        self.put_shape(out, self.get(id).ok_or(EncodeError::TemplateUnknown(id))?)
    }

    pub(super) fn put_shape(&self, out: &mut Vec<u8>, shape: &Shape) -> Result<(), EncodeError> {
        let id = shape.id;
        let short = |count: usize| {
            u16::try_from(count).map_err(|_| EncodeError::TemplateTooLong {
                template: id,
                octets: u32::try_from(count).unwrap_or(u32::MAX),
                room: u32::from(u16::MAX),
            })
        };
        let scopes = shape.fields.iter().take_while(|(field, _)| field.scope).count();
        let plain = shape.fields.len().saturating_sub(scopes);
        let [first, second] = match (shape.kind, self.dialect) {
            (TemplateKind::Data, _) => [Some(short(shape.fields.len())?), None],
            (TemplateKind::Options, Dialect::Ipfix) => [Some(short(shape.fields.len())?), Some(short(scopes)?)],
            (TemplateKind::Options, Dialect::NetFlow9) => {
                [Some(short(scopes.saturating_mul(4))?), Some(short(plain.saturating_mul(4))?)]
            }
        };
        out.extend_from_slice(&id.to_be_bytes());
        for count in [first, second].into_iter().flatten() {
            out.extend_from_slice(&count.to_be_bytes());
        }
        for (field, _) in &shape.fields {
            put_specifier(out, self.dialect, *field)?;
        }
        Ok(())
    }
}

/// Writes a field specifier (RFC 7011 §3.2), as in templates and in front of basic lists.
pub(super) fn put_specifier(out: &mut Vec<u8>, dialect: Dialect, field: FieldSpecifier) -> Result<(), EncodeError> {
    let (number, pen, _) = number(dialect, field)?;
    out.extend_from_slice(&number.to_be_bytes());
    out.extend_from_slice(&field.length.to_be_bytes());
    if let Some(pen) = pen {
        out.extend_from_slice(&pen.to_be_bytes());
    }
    Ok(())
}

/// Number on the wire, enterprise number if any, and the name a reader gives it.
fn number(dialect: Dialect, field: FieldSpecifier) -> Result<(u16, Option<u32>, ElementId), EncodeError> {
    let element = field.element;
    match (dialect, element) {
        (Dialect::Ipfix, ElementId::Ipfix { pen: 0, id }) if id < 0x8000 => Ok((id, None, element)),
        (Dialect::Ipfix, ElementId::Ipfix { pen, id }) if id < 0x8000 => Ok((id | 0x8000, Some(pen), element)),
        (Dialect::NetFlow9, ElementId::NetFlow9Scope(number)) if field.scope => Ok((number, None, element)),
        // From 32768 on a v9 type is a vendor's own, never an IANA element.
        (Dialect::NetFlow9, ElementId::Ipfix { pen: 0, id }) if !field.scope && id < 0x8000 => {
            Ok((id, None, ElementId::netflow9(id)))
        }
        (Dialect::NetFlow9, ElementId::NetFlow9(number)) if !field.scope => Ok((number, None, ElementId::netflow9(number))),
        _ => Err(EncodeError::ElementForeign(element)),
    }
}

/// Whether values of a type may have a length. Integers may be shorter than their type (RFC 7011 §6.2), and unsigned ones longer, as
/// real exporters have them.
pub(super) const fn allowed(data_type: DataType, length: u16) -> bool {
    match data_type {
        DataType::Unsigned8 | DataType::Unsigned16 | DataType::Unsigned32 | DataType::Unsigned64 | DataType::Signed64 => {
            1 <= length && length <= 8
        }
        DataType::Unsigned256 => 1 <= length && length <= 32,
        DataType::Signed8 | DataType::Boolean => length == 1,
        DataType::Signed16 => 1 <= length && length <= 2,
        DataType::Signed32 => 1 <= length && length <= 4,
        DataType::Float32 | DataType::Ipv4Address => length == 4,
        DataType::Float64 | DataType::DateTimeSeconds => length == 4 || length == 8,
        DataType::MacAddress => length == 6,
        DataType::DateTimeMilliseconds | DataType::DateTimeMicroseconds | DataType::DateTimeNanoseconds => length == 8,
        DataType::Ipv6Address => length == 16,
        DataType::OctetArray
        | DataType::String
        | DataType::BasicList
        | DataType::SubTemplateList
        | DataType::SubTemplateMultiList => true,
    }
}
