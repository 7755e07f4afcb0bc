//! Sets and template records on the wire: what NetFlow v9 (RFC 3954 §5.2, §6.1) and IPFIX (RFC 7011 §3.4) share.
//!
//! ```text
//!  template:          | id u16 | field count u16 | specifiers ... |
//!  options, IPFIX:    | id u16 | field count u16 | scope field count u16 | specifiers ... |
//!  options, v9:       | id u16 | scope octets u16 | option octets u16 | specifiers ... |
//!  withdrawal, IPFIX: | id u16 | 0 |
//!  set:               | id u16 | length u16, header included | body |
//!  specifier:         | E, element id u16 | length u16 | (IPFIX, when E is set) enterprise number u32 |
//! ```

use nom::Parser;
use nom::combinator::map;

use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::ie::ElementId;
use crate::wire::{Input, Parsed, array, be16, be32, fault_of, take};

/// Length that marks a variable-length field (RFC 7011 §7).
pub const VARIABLE: u16 = 65_535;

/// Which of the two wrote a template set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// NetFlow v9.
    NetFlow9,
    /// IPFIX.
    Ipfix,
}

/// One field of a template as announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldSpecifier {
    /// The element.
    pub element: ElementId,
    /// Octets of each value, or [`VARIABLE`].
    pub length: u16,
    /// Whether it is a scope field of an options template.
    pub scope: bool,
}

impl FieldSpecifier {
    /// A field that is no scope.
    #[must_use]
    pub const fn new(element: ElementId, length: u16) -> Self {
        Self { element, length, scope: false }
    }

    /// A scope field.
    #[must_use]
    pub const fn scope(element: ElementId, length: u16) -> Self {
        Self { element, length, scope: true }
    }
}

/// What a template record announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TemplateKind {
    /// The shape of flow records.
    Data,
    /// The shape of options records.
    Options,
}

/// One template record, borrowed and structurally complete: its end is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemplateRecord<'a> {
    id: u16,
    kind: TemplateKind,
    dialect: Dialect,
    scopes: u16,
    fields: u16,
    offset: u32,
    size: u32,
    aligned: bool,
    specifiers: &'a [u8],
}

impl<'a> TemplateRecord<'a> {
    /// Template id; a withdrawal of all templates carries 2 or 3.
    #[must_use]
    pub const fn id(&self) -> u16 {
        self.id
    }

    /// Which of the two wrote it.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Data or options.
    #[must_use]
    pub const fn kind(&self) -> TemplateKind {
        self.kind
    }

    /// Number of fields, scopes included.
    #[must_use]
    pub const fn field_count(&self) -> u16 {
        self.fields
    }

    /// How many of them are scopes.
    #[must_use]
    pub const fn scope_count(&self) -> u16 {
        self.scopes
    }

    /// Whether this record withdraws instead of announcing (RFC 7011 §8.1); v9 knows no withdrawal.
    #[must_use]
    pub const fn is_withdrawal(&self) -> bool {
        self.fields == 0 && matches!(self.dialect, Dialect::Ipfix)
    }

    /// Whether the record may stand as a template: its id is not reserved, it has no more scopes than fields, no variable length in v9,
    /// and the lengths of a v9 options template are those of whole specifiers.
    pub(crate) fn check(&self) -> Result<(), (FaultKind, LimitedBy)> {
        if self.id < 256 {
            return Err((FaultKind::TemplateIdReserved, LimitedBy::SetLength));
        }
        let variable = || self.dialect == Dialect::NetFlow9 && self.specifiers().any(|field| field.length == VARIABLE);
        if self.scopes > self.fields || !self.aligned || variable() {
            return Err((FaultKind::TemplateInvalid, LimitedBy::TemplateLength));
        }
        Ok(())
    }

    /// Offset in the message.
    #[must_use]
    pub const fn offset(&self) -> u32 {
        self.offset
    }

    /// Octets it takes.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.size
    }

    /// Its fields in order.
    #[must_use]
    pub const fn specifiers(&self) -> Specifiers<'a> {
        Specifiers { rest: self.specifiers, dialect: self.dialect, scopes: self.scopes, left: self.fields }
    }
}

/// The fields of a [`TemplateRecord`].
#[derive(Debug, Clone)]
pub struct Specifiers<'a> {
    rest: &'a [u8],
    dialect: Dialect,
    scopes: u16,
    left: u16,
}

impl Iterator for Specifiers<'_> {
    type Item = FieldSpecifier;

    fn next(&mut self) -> Option<FieldSpecifier> {
        let (head, rest) = self.rest.split_at_checked(4)?;
        let (number, length) = (be16(head, 0), be16(head, 2));
        self.rest = rest;
        let scope = self.scopes > 0;
        self.scopes = self.scopes.saturating_sub(1);
        self.left = self.left.saturating_sub(1);
        let element = match self.dialect {
            Dialect::NetFlow9 if scope => ElementId::NetFlow9Scope(number),
            Dialect::NetFlow9 => ElementId::netflow9(number),
            Dialect::Ipfix if number & 0x8000 != 0 => {
                let (pen, rest) = self.rest.split_at_checked(4)?;
                self.rest = rest;
                ElementId::enterprise(be32(pen, 0), number & 0x7fff)
            }
            Dialect::Ipfix => ElementId::iana(number),
        };
        Some(FieldSpecifier { element, length, scope })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.left), Some(usize::from(self.left)))
    }
}

/// The records of one template set, padding left out.
///
/// After an error whose end is not known the iteration is over; [`rest`](Self::rest) then tells what was not read.
#[derive(Debug, Clone)]
pub struct TemplateRecords<'a> {
    rest: Input<'a>,
    dialect: Dialect,
    kind: TemplateKind,
}

impl<'a> TemplateRecords<'a> {
    /// Over the body of a template set.
    #[must_use]
    pub const fn new(body: Input<'a>, dialect: Dialect, kind: TemplateKind) -> Self {
        Self { rest: body, dialect, kind }
    }

    /// What was not read yet.
    #[must_use]
    pub const fn rest(&self) -> Input<'a> {
        self.rest
    }
}

impl<'a> Iterator for TemplateRecords<'a> {
    type Item = Result<TemplateRecord<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        // Fewer than four octets cannot be a record, and a run of zeros is no template either: both are padding.
        if self.rest.bytes().len() < 4 || self.rest.bytes().iter().all(|&octet| octet == 0) {
            self.rest = Input::at(&[], self.rest.offset(), LimitedBy::SetLength);
            return None;
        }
        match template_record(self.dialect, self.kind)(self.rest) {
            Ok((rest, record)) => {
                self.rest = rest;
                Some(Ok(record))
            }
            Err(error) => {
                // Where the next record would begin is not known: the fault begins with this one and costs all that is left.
                let fault = Fault { offset: self.rest.offset(), ..fault_of(error) }.costing(self.rest.len32());
                self.rest = Input::at(&[], self.rest.offset(), LimitedBy::SetLength);
                Some(Err(fault))
            }
        }
    }
}

/// One set (FlowSet).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Set<'a> {
    /// Templates, options templates, or withdrawals of them.
    Templates(TemplateRecords<'a>),
    /// Records of the template `id`, and padding.
    Data {
        /// Template id.
        id: u16,
        /// Records and padding.
        body: Input<'a>,
    },
    /// An id that the protocol reserves.
    Reserved {
        /// The id.
        id: u16,
        /// What it holds.
        body: Input<'a>,
    },
}

/// The sets of a message, by their lengths.
///
/// A set that is cut with its datagram is given as far as it goes, and the fault, which costs nothing itself, comes behind it. A set
/// whose length cannot be right is a fault that costs all that is left. Either is the last item.
#[derive(Debug, Clone)]
pub struct Sets<'a> {
    rest: Input<'a>,
    dialect: Dialect,
    cut: Option<Fault>,
    done: bool,
}

impl<'a> Sets<'a> {
    /// Over the body of a message.
    #[must_use]
    pub const fn new(body: Input<'a>, dialect: Dialect) -> Self {
        Self { rest: body, dialect, cut: None, done: false }
    }

    /// What was not read yet.
    #[must_use]
    pub const fn rest(&self) -> Input<'a> {
        self.rest
    }

    /// Whether the set given last was cut: that is told next.
    #[inline]
    pub(crate) const fn is_cut(&self) -> bool {
        self.cut.is_some()
    }

    fn is_over(&self) -> bool {
        let rest = self.rest.bytes();
        // Behind the last FlowSet of a v9 packet, up to three octets of zeros are padding of the packet.
        let padding = matches!(self.dialect, Dialect::NetFlow9) && rest.len() < 4 && rest.iter().all(|&octet| octet == 0);
        self.done || rest.is_empty() || padding
    }
}

impl<'a> Iterator for Sets<'a> {
    type Item = Result<Set<'a>, Fault>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(fault) = self.cut.take() {
            self.done = true;
            return Some(Err(fault));
        }
        if self.is_over() {
            return None;
        }
        match set(self.dialect)(self.rest) {
            Ok((rest, (set, cut))) => {
                self.rest = rest;
                self.cut = cut;
                Some(Ok(set))
            }
            Err(error) => {
                self.done = true;
                Some(Err(fault_of(error)))
            }
        }
    }
}

/// One set, and the fault when it is cut.
#[inline]
fn set(dialect: Dialect) -> impl Fn(Input<'_>) -> Parsed<'_, (Set<'_>, Option<Fault>)> {
    move |input| {
        let (after, (id, length)) = map(array::<4>(Layer::Set), |head| (be16(head, 0), be16(head, 2))).parse(input)?;
        let Some(body_len) = usize::from(length).checked_sub(4) else {
            let fault = input.fault(FaultKind::LengthTooSmall, Layer::Set).sizes(4, u32::from(length));
            return Err(nom::Err::Error(fault.costing(input.len32())));
        };
        let Ok((rest, body)) = take(body_len, Layer::Set, LimitedBy::SetLength)(after) else {
            let fault = input.fault(FaultKind::Truncated, Layer::Set).sizes(u32::from(length), input.len32());
            // The message is whole, so the set's length is wrong: what it holds is anybody's guess.
            if input.limit() == LimitedBy::MessageLength {
                return Err(nom::Err::Error(fault.costing(input.len32())));
            }
            let end = Input::at(&[], after.offset().saturating_add(after.len32()), LimitedBy::Datagram);
            return Ok((end, (Set::of(dialect, id, after), Some(fault))));
        };
        Ok((rest, (Set::of(dialect, id, body), None)))
    }
}

impl<'a> Set<'a> {
    #[inline]
    fn of(dialect: Dialect, id: u16, body: Input<'a>) -> Self {
        let templates = |kind| Self::Templates(TemplateRecords::new(body, dialect, kind));
        match (dialect, id) {
            (_, 256..) => Self::Data { id, body },
            (Dialect::NetFlow9, 0) | (Dialect::Ipfix, 2) => templates(TemplateKind::Data),
            (Dialect::NetFlow9, 1) | (Dialect::Ipfix, 3) => templates(TemplateKind::Options),
            _ => Self::Reserved { id, body },
        }
    }
}

/// One template record.
fn template_record(dialect: Dialect, kind: TemplateKind) -> impl Fn(Input<'_>) -> Parsed<'_, TemplateRecord<'_>> {
    move |input| {
        let (body, (id, count)) = map(array::<4>(Layer::Template), |head| (be16(head, 0), be16(head, 2))).parse(input)?;
        let withdrawal = count == 0 && matches!(dialect, Dialect::Ipfix);
        let (rest, (scopes, specifiers)) = match (kind, dialect) {
            _ if withdrawal => (body, (0, Input::at(&[], body.offset(), LimitedBy::SetLength))),
            (TemplateKind::Data, _) => {
                map(|input| specifiers(dialect, count, input), |specifiers| (0, specifiers)).parse(body)?
            }
            (TemplateKind::Options, Dialect::Ipfix) => {
                let (body, scopes) = map(array::<2>(Layer::Template), |head| be16(head, 0)).parse(body)?;
                map(|input| specifiers(dialect, count, input), |specifiers| (scopes, specifiers)).parse(body)?
            }
            (TemplateKind::Options, Dialect::NetFlow9) => {
                let scope_octets = usize::from(count);
                let (body, option_octets) = map(array::<2>(Layer::Template), |head| usize::from(be16(head, 0))).parse(body)?;
                let octets = scope_octets.saturating_add(option_octets);
                let (rest, both) = take(octets, Layer::Template, LimitedBy::SetLength)(body)?;
                (rest, (u16::try_from(scope_octets / 4).unwrap_or(u16::MAX), both))
            }
        };
        let size = rest.offset().saturating_sub(input.offset());
        let specifiers = specifiers.bytes();
        let fields = match (kind, dialect) {
            (TemplateKind::Options, Dialect::NetFlow9) => u16::try_from(specifiers.len() / 4).unwrap_or(u16::MAX),
            _ => count,
        };
        // Both lengths of a v9 options template count octets of specifiers of four.
        let aligned = !matches!((kind, dialect), (TemplateKind::Options, Dialect::NetFlow9))
            || (count % 4 == 0 && specifiers.len() % 4 == 0);
        Ok((rest, TemplateRecord { id, kind, dialect, scopes, fields, offset: input.offset(), size, aligned, specifiers }))
    }
}

/// `count` specifiers, 4 octets each and 4 more where the enterprise bit says so.
fn specifiers(dialect: Dialect, count: u16, input: Input<'_>) -> Parsed<'_, Input<'_>> {
    let octets = match dialect {
        Dialect::NetFlow9 => Some(usize::from(count).saturating_mul(4)),
        Dialect::Ipfix => (0..count).try_fold(0_usize, |at, _| {
            let number = input.bytes().get(at..)?.first_chunk::<2>()?;
            Some(at.saturating_add(if number.first().is_some_and(|octet| octet & 0x80 != 0) { 8 } else { 4 }))
        }),
    };
    match octets {
        Some(octets) => take(octets, Layer::Template, LimitedBy::SetLength)(input),
        None => Err(nom::Err::Error(input.short(Layer::Template, u32::from(count).saturating_mul(4)))),
    }
}

/// A fault about a template record as a whole, which is skipped.
#[cold]
#[must_use]
pub fn refused(record: &TemplateRecord<'_>, kind: FaultKind, limit: LimitedBy) -> Fault {
    Fault::new(kind, Layer::Template, limit, record.offset).costing(record.size)
}
