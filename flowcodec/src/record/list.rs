//! Lists (RFC 6313): values of one element, records of one template, or records of several.
//!
//! ```text
//!  basicList:             | semantic u8 | E, element u16 | length u16 | (E set) enterprise u32 | values ... |
//!  subTemplateList:       | semantic u8 | template u16 | records ... |
//!  subTemplateMultiList:  | semantic u8 | then: template u16 | length u16, these 4 octets included | records ... |
//! ```

use super::record::Record;
use super::value::{Value, value};
use crate::error::FaultKind;
use crate::ie::{DataType, ElementId, ElementRef};
use crate::template::{RecordRef, Template, Templates, VARIABLE, variable};
use crate::wire::{be16, be32};

/// A list, borrowed. Its items are read when asked for; those behind something broken are not given (the decoder has reported it).
///
/// Lists hold lists to [`Limits::list_depth`](crate::Limits::list_depth); what lies deeper is given as octets, so that a reader that
/// follows every list recurses no further than that.
#[derive(Debug, Clone, Copy)]
pub struct List<'a> {
    kind: ListKind,
    semantic: u8,
    body: &'a [u8],
    octets: &'a [u8],
    /// Type of the values of a basic list.
    item: DataType,
    /// The record it stands in, as one that is a list further in.
    record: RecordRef<'a>,
}

/// What a list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListKind {
    /// Values of one element; the length is [`VARIABLE`] or that of each.
    Basic {
        /// The element.
        element: ElementId,
        /// Octets of each value.
        length: u16,
    },
    /// Records of one template.
    SubTemplate {
        /// Its id.
        template: u16,
    },
    /// Records of several templates.
    SubTemplateMulti,
}

/// One item of a list.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum ListItem<'a> {
    /// Of a basic list.
    Value(Value<'a>),
    /// Of the lists of records.
    Record(Record<'a>),
}

impl<'a> List<'a> {
    /// `None` when its head is cut, or it lies deeper than lists are read.
    pub(super) fn new(data_type: DataType, octets: &'a [u8], record: RecordRef<'a>) -> Option<Self> {
        let record = RecordRef { templates: record.templates.inside()?, ..record };
        let mut item = DataType::OctetArray;
        let (&semantic, rest) = octets.split_first()?;
        let (kind, body) = match data_type {
            DataType::BasicList => {
                let (element, length, values) = basic_head(rest)?;
                item = record.templates.element(element).data_type();
                (ListKind::Basic { element, length }, values)
            }
            DataType::SubTemplateList => {
                let (head, rest) = rest.split_at_checked(2)?;
                (ListKind::SubTemplate { template: be16(head, 0) }, rest)
            }
            _ => (ListKind::SubTemplateMulti, rest),
        };
        Some(Self { kind, semantic, body, octets, item, record })
    }

    /// What it holds.
    #[must_use]
    pub const fn kind(&self) -> ListKind {
        self.kind
    }

    /// How the items relate: 0 noneOf, 1 exactlyOneOf, 2 oneOrMoreOf, 3 allOf, 4 ordered, 255 undefined.
    #[must_use]
    pub const fn semantic(&self) -> u8 {
        self.semantic
    }

    /// What is known of the element of a basic list.
    #[must_use]
    pub fn element(&self) -> Option<ElementRef> {
        match self.kind {
            ListKind::Basic { element, .. } => Some(self.record.templates.element(element)),
            _ => None,
        }
    }

    /// The octets of the whole list.
    #[must_use]
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// The items.
    #[must_use]
    pub const fn items(&self) -> ListItems<'a> {
        ListItems { list: *self, rest: self.body, run: None }
    }
}

/// The items of a [`List`].
#[derive(Debug, Clone)]
pub struct ListItems<'a> {
    list: List<'a>,
    rest: &'a [u8],
    // The run of records of one template that is being read.
    run: Option<(&'a Template, &'a [u8])>,
}

impl<'a> Iterator for ListItems<'a> {
    type Item = ListItem<'a>;

    fn next(&mut self) -> Option<ListItem<'a>> {
        let parent = self.list.record;
        if let ListKind::Basic { length, .. } = self.list.kind {
            let (octets, rest) = basic_value(self.rest, length)?;
            self.rest = rest;
            return Some(ListItem::Value(value(self.list.item, octets, parent)));
        }
        loop {
            if let Some((template, octets)) = self.run {
                if let Some((raw, rest)) = template.record_at(octets).and_then(|length| octets.split_at_checked(length))
                    && !raw.is_empty()
                {
                    self.run = Some((template, rest));
                    return Some(ListItem::Record(Record::from(RecordRef { template, raw, bases: &[], ..parent })));
                }
                self.run = None;
            }
            if self.rest.is_empty() {
                return None;
            }
            let (id, octets) = match self.list.kind {
                ListKind::SubTemplate { template } => (template, core::mem::take(&mut self.rest)),
                _ => {
                    let (id, octets, rest) = multi_part(self.rest)?;
                    self.rest = rest;
                    (id, octets)
                }
            };
            self.run = parent.templates.get(id).map(|template| (template, octets));
        }
    }
}

/// The head of a basic list behind its semantic: element, length of each value, the values.
fn basic_head(octets: &[u8]) -> Option<(ElementId, u16, &[u8])> {
    let (head, rest) = octets.split_at_checked(4)?;
    let (number, length) = (be16(head, 0), be16(head, 2));
    if number & 0x8000 == 0 {
        return Some((ElementId::iana(number), length, rest));
    }
    let (pen, rest) = rest.split_at_checked(4)?;
    Some((ElementId::enterprise(be32(pen, 0), number & 0x7fff), length, rest))
}

/// The next value of a basic list. A length of zero would never end.
fn basic_value(octets: &[u8], length: u16) -> Option<(&[u8], &[u8])> {
    if octets.is_empty() || length == 0 {
        return None;
    }
    if length == VARIABLE {
        let place = variable(octets, 0)?;
        return Some((octets.get(place.start..place.end)?, octets.get(place.end..)?));
    }
    octets.split_at_checked(usize::from(length))
}

/// The next part of a subTemplateMultiList: template, its records, the rest.
fn multi_part(octets: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let head = octets.first_chunk::<4>()?;
    let length = usize::from(be16(head, 2));
    let (part, rest) = octets.split_at_checked(length)?;
    Some((be16(head, 0), part.get(4..)?, rest))
}

/// Walks a list to its end, to a bounded depth: what is wrong with it first, if anything. Cost: linear in its octets.
pub(crate) fn check(data_type: DataType, octets: &[u8], templates: Templates<'_>) -> Result<(), FaultKind> {
    let templates = templates.inside().ok_or(FaultKind::ListTooDeep)?;
    let (_, rest) = octets.split_first().ok_or(FaultKind::ListInvalid)?;
    match data_type {
        DataType::BasicList => {
            let (element, length, mut rest) = basic_head(rest).ok_or(FaultKind::ListInvalid)?;
            let inner = Some(templates.element(element).data_type()).filter(|data_type| data_type.is_list());
            while !rest.is_empty() {
                let (value, after) = basic_value(rest, length).ok_or(FaultKind::ListInvalid)?;
                if let Some(inner) = inner {
                    check(inner, value, templates)?;
                }
                rest = after;
            }
            Ok(())
        }
        DataType::SubTemplateList => {
            let (head, records) = rest.split_at_checked(2).ok_or(FaultKind::ListInvalid)?;
            check_records(be16(head, 0), records, templates)
        }
        _ => {
            let mut rest = rest;
            while !rest.is_empty() {
                let (id, records, after) = multi_part(rest).ok_or(FaultKind::ListInvalid)?;
                check_records(id, records, templates)?;
                rest = after;
            }
            Ok(())
        }
    }
}

fn check_records(id: u16, mut records: &[u8], templates: Templates<'_>) -> Result<(), FaultKind> {
    if records.is_empty() {
        return Ok(());
    }
    let template = templates.get(id).ok_or(FaultKind::ListTemplateMissing)?;
    while !records.is_empty() {
        let length = template.record_at(records).filter(|&length| length != 0).ok_or(FaultKind::ListInvalid)?;
        let (raw, rest) = records.split_at_checked(length).ok_or(FaultKind::ListInvalid)?;
        if template.has_lists() {
            let mut at = 0_usize;
            for field in template.fields() {
                let place = if field.is_variable() {
                    variable(raw, at).ok_or(FaultKind::ListInvalid)?
                } else {
                    crate::template::Located { start: at, end: at.saturating_add(usize::from(field.length())) }
                };
                at = place.end;
                if field.data_type().is_list() {
                    let value = raw.get(place.start..place.end).ok_or(FaultKind::ListInvalid)?;
                    check(field.data_type(), value, templates)?;
                }
            }
        }
        records = rest;
    }
    Ok(())
}
