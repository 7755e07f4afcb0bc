//! Templates compiled once, and run over every record they describe.
//!
//! A [`Template`] knows where each field stands and, through its plan, which field feeds which common field and how. Nothing is
//! interpreted for each record but the plan.

pub mod encode;
mod exec;
mod lazy;
mod list;
mod locate;
mod names;
mod plan;
mod sampling;
mod shuffle;
mod store;
mod templates;
pub mod wire;

use std::sync::Arc;

use crate::error::{Fault, FaultKind, LimitedBy};
use crate::ie::{DataType, ElementId, ElementRef, Elements, RuntimeElement};
use crate::limits::Limits;
use crate::model::{FieldId, Schema, Wanting};

pub use exec::RowScratch;
pub(crate) use exec::{Located, RecordRef, fill_rows, ntp_micros, variable};
pub(crate) use lazy::LazyPlan;
pub(crate) use list::{Index, List, Slab};
pub(crate) use locate::{Fixed, Locate, Variable};
pub(crate) use plan::{Binding, Extract, Plan, SamplingFields};
pub(crate) use sampling::{Learned, Role, SamplingTable, announced};
pub use sampling::{Sampler, SamplingChange};
pub(crate) use shuffle::Step;
pub use store::ScopePolicy;
pub(crate) use store::{Announced, Gone, Owner, OwnerKey, Pending, ScopeId, ScopeKey, Slot, Standing, Store, indexed, shrink};
pub use templates::Templates;
pub use wire::{Dialect, FieldSpecifier, TemplateKind, VARIABLE};

/// Tells a template from every other one a decoder ever held: a redefinition gets a new number, and none is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TemplateUid(u64);

impl TemplateUid {
    /// Of templates that callers make ([`Template::new`]): it tells nothing apart, so nothing may be cached by it.
    pub const NONE: Self = Self(0);

    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// One field of a compiled template.
#[derive(Debug, Clone)]
pub struct TemplateField {
    element: ElementRef,
    length: u16,
    scope: bool,
    // What an output by name needs; see `names`.
    named: bool,
    first: bool,
    again: u16,
    // Where the value (or the length in front of it) begins: octets behind the end of the variable-length field number `segment`
    // of the template; segment 0 begins with the record.
    segment: u16,
    offset: u16,
}

impl TemplateField {
    /// The element's id.
    #[must_use]
    pub fn id(&self) -> ElementId {
        self.element.id()
    }

    /// What is known of the element.
    #[must_use]
    pub const fn element(&self) -> &ElementRef {
        &self.element
    }

    /// The element's registered name, if any.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.element.name()
    }

    /// The element's type; `OctetArray` when unknown.
    #[must_use]
    pub fn data_type(&self) -> DataType {
        self.element.data_type()
    }

    /// Octets of each value by the template, or [`VARIABLE`].
    #[must_use]
    pub const fn length(&self) -> u16 {
        self.length
    }

    /// Whether values carry their own length.
    #[must_use]
    pub const fn is_variable(&self) -> bool {
        self.length == VARIABLE
    }

    /// The segment it stands in: the number of variable-length fields in front of it.
    pub(crate) const fn segment(&self) -> u16 {
        self.segment
    }

    /// Where in its segment the value (or the length in front of it) begins.
    pub(crate) const fn offset(&self) -> u16 {
        self.offset
    }

    /// Whether it is a scope field of an options template.
    #[must_use]
    pub const fn is_scope(&self) -> bool {
        self.scope
    }

    /// The name an output may use for it, `None` when only its [`id`](Self::id) is safe. Within a template no two ids have the same: a
    /// name from a user or exporter that the registry gives to another element is not used, nor one that reads as an id, nor one that
    /// another element in front has.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        if self.named { self.name() } else { None }
    }

    /// Whether no field in front of it has its id.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.first
    }

    /// Place of the next field in the template with its id.
    #[must_use]
    pub fn again(&self) -> Option<u16> {
        (self.again != NO_FIELD).then_some(self.again)
    }
}

/// A compiled template.
#[derive(Debug, Clone)]
pub struct Template {
    uid: TemplateUid,
    id: u16,
    kind: TemplateKind,
    scopes: u16,
    fields: Box<[TemplateField]>,
    // Fixed octets in front of each variable-length field, counted from the end of the one before.
    skips: Box<[u16]>,
    // Fixed octets behind the last variable-length field; of a template without one, the whole record.
    tail: u32,
    has_lists: bool,
    // The first field that holds the first octets of a packet.
    section: u16,
    role: Role,
    // Shared by all templates of a decoder that have the same fields, so that what was compiled from it elsewhere knows it again.
    plan: Arc<LazyPlan>,
    // What the schema's fields are read from.
    wanting: Arc<Wanting>,
    schema_tag: u32,
}

impl Template {
    /// Compiles an announcement, for those who keep their own state; a [`Decoder`](crate::Decoder) does this by itself. `elements` say
    /// what the registry does not know, `schema` which common fields its records have.
    ///
    /// Records are then read with [`RecordSet::read`](crate::RecordSet::read).
    ///
    /// # Errors
    /// A fault that costs the record: a reserved id, no fields or no octets (a withdrawal too), more scopes than fields, octets left
    /// over or a variable length in v9, more than `limits` allow.
    pub fn new(record: &wire::TemplateRecord<'_>, elements: &Elements, schema: &Schema, limits: &Limits) -> Result<Self, Fault> {
        let refused = |reason| refusal(record, reason);
        record.check().map_err(refused)?;
        Self::compile(TemplateUid::NONE, record.id(), record.kind(), record.specifiers(), (elements, |_| None), schema, limits)
            .map_err(refused)
    }

    /// Compiles `specifiers`; of elements that neither the registry nor the user knows, the exporter may have told.
    ///
    /// # Errors
    /// The reason the template is refused, and the limit that says so.
    pub(crate) fn compile(
        uid: TemplateUid,
        id: u16,
        kind: TemplateKind,
        specifiers: impl Iterator<Item = FieldSpecifier>,
        (elements, told): (&Elements, impl Fn(ElementId) -> Option<Arc<RuntimeElement>>),
        schema: &Schema,
        limits: &Limits,
    ) -> Result<Self, (FaultKind, LimitedBy)> {
        const REFUSED: (FaultKind, LimitedBy) = (FaultKind::TemplateRefused, LimitedBy::Limits);
        let mut fields = Vec::with_capacity(specifiers.size_hint().0.min(usize::from(limits.template_fields)));
        let mut segment = 0_u16;
        let mut tail = 0_u32;
        let mut octets = 0_u32;
        let mut scopes = 0_u16;
        let mut empty = 0_u16;
        let (mut has_lists, mut section) = (false, NO_FIELD);
        for specifier in specifiers {
            if fields.len() >= usize::from(limits.template_fields) {
                return Err(REFUSED);
            }
            scopes = scopes.saturating_add(u16::from(specifier.scope));
            empty = empty.saturating_add(u16::from(specifier.length == 0));
            if empty > limits.template_empty_fields {
                return Err(REFUSED);
            }
            let Ok(offset) = u16::try_from(tail) else { return Err(REFUSED) };
            if section == NO_FIELD && holds_packet(specifier.element) {
                section = u16::try_from(fields.len()).unwrap_or(NO_FIELD);
            }
            let (length, scope) = (specifier.length, specifier.scope);
            let field =
                |element| TemplateField { element, length, scope, named: false, first: true, again: NO_FIELD, segment, offset };
            // Each pushed on its own: what is put together here or there, and copied from there, is waited for.
            if let Some(element) = elements.built_in(specifier.element) {
                has_lists |= element.data_type.is_list();
                fields.push(field(ElementRef::Known(element)));
            } else {
                let element = match elements.resolve(specifier.element) {
                    ElementRef::Unknown(id) => told(id).map_or(ElementRef::Unknown(id), ElementRef::Runtime),
                    element => element,
                };
                has_lists |= element.data_type().is_list();
                fields.push(field(element));
            }
            if specifier.length == VARIABLE {
                segment = segment.checked_add(1).ok_or(REFUSED)?;
                tail = 0;
                octets = octets.saturating_add(1);
            } else {
                tail = tail.saturating_add(u32::from(specifier.length));
                octets = octets.saturating_add(u32::from(specifier.length));
            }
            if octets > limits.record_bytes {
                return Err(REFUSED);
            }
        }
        if octets == 0 {
            return Err((FaultKind::TemplateEmpty, LimitedBy::TemplateLength));
        }
        names::work_out(&mut fields);
        let mut skips = Vec::with_capacity(usize::from(segment));
        skips.extend(fields.iter().filter(|field| field.is_variable()).map(|field| field.offset));
        let role = if matches!(kind, TemplateKind::Options) { Role::of(&fields) } else { Role::NONE };
        let plan = Arc::new(LazyPlan::new(&fields, schema.wanting()));
        Ok(Self {
            uid,
            id,
            kind,
            scopes,
            fields: fields.into_boxed_slice(),
            skips: skips.into_boxed_slice(),
            tail,
            has_lists,
            section,
            role,
            plan,
            wanting: Arc::clone(schema.wanting()),
            schema_tag: schema.tag(),
        })
    }

    /// What tells it from every other template of this decoder.
    #[must_use]
    pub const fn uid(&self) -> TemplateUid {
        self.uid
    }

    /// Its id on the wire; 0 for the built-in templates of v1, v5 and v7.
    #[must_use]
    pub const fn id(&self) -> u16 {
        self.id
    }

    /// Data or options.
    #[must_use]
    pub const fn kind(&self) -> TemplateKind {
        self.kind
    }

    /// Its fields in wire order.
    #[must_use]
    pub fn fields(&self) -> &[TemplateField] {
        &self.fields
    }

    /// How many of them are scopes.
    #[must_use]
    pub const fn scope_count(&self) -> u16 {
        self.scopes
    }

    /// Octets of every record, `None` when a field is of variable length.
    #[must_use]
    pub fn record_len(&self) -> Option<u32> {
        self.skips.is_empty().then_some(self.tail)
    }

    /// Octets of the shortest record: variable-length fields count one.
    #[must_use]
    pub fn min_record_len(&self) -> u32 {
        self.skips.iter().fold(self.tail, |octets, &skip| octets.saturating_add(u32::from(skip)).saturating_add(1))
    }

    /// Whether a field is a list (RFC 6313).
    pub(crate) const fn has_lists(&self) -> bool {
        self.has_lists
    }

    /// The first field that holds the first octets of a packet.
    pub(crate) fn section(&self) -> Option<u16> {
        (self.section != NO_FIELD).then_some(self.section)
    }

    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    /// How its records are read: compiled when that is asked for first.
    #[inline]
    pub(crate) fn plan(&self) -> &Plan {
        self.plan.of(&self.fields, &self.wanting, self.id == 0)
    }

    /// The same, compiled or not.
    pub(crate) const fn lazy_plan(&self) -> &Arc<LazyPlan> {
        &self.plan
    }

    /// Puts an equal plan in the place of its own.
    pub(crate) fn set_plan(&mut self, plan: Arc<LazyPlan>) {
        self.plan = plan;
    }

    pub(crate) fn skips(&self) -> &[u16] {
        &self.skips
    }

    pub(crate) const fn tail(&self) -> u32 {
        self.tail
    }

    /// The places a common field is read from, best first; empty when this template does not have it.
    pub(crate) fn bindings(&self, field: FieldId) -> &[Binding] {
        self.plan().bindings(field)
    }

    /// Which schema it was compiled for.
    pub(crate) const fn schema_tag(&self) -> u32 {
        self.schema_tag
    }

    /// Whether this template feeds a common field.
    #[must_use]
    pub fn provides(&self, field: FieldId) -> bool {
        !self.bindings(field).is_empty()
    }

    /// Heap octets it holds.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.fields).saturating_add(size_of_val(&*self.skips)).saturating_add(self.plan.bytes(self.record_len()))
    }

    /// Whether the announcement says the same as this template.
    pub(crate) fn announces(&self, kind: TemplateKind, mut specifiers: impl Iterator<Item = FieldSpecifier>) -> bool {
        self.kind == kind
            && self.fields.iter().all(|field| {
                specifiers.next().is_some_and(|specifier| {
                    specifier.length == field.length && specifier.scope == field.scope && specifier.element == field.id()
                })
            })
            && specifiers.next().is_none()
    }

    /// Whether nothing is known of some field's element.
    pub(crate) fn has_unknown(&self) -> bool {
        self.fields.iter().any(|field| field.name().is_none())
    }

    /// Gives every field of an unknown element what is `known` of it now (RFC 5610). What that changes is another template, under the
    /// number `uid`; it gets another plan only if the schema reads one of those elements. Gives whether it changed.
    pub(crate) fn learn(&mut self, uid: TemplateUid, known: impl Fn(ElementId) -> Option<ElementRef>) -> bool {
        let (mut changed, mut wanted) = (false, false);
        for field in self.fields.iter_mut().filter(|field| field.name().is_none()) {
            if let Some(element) = known(field.id()) {
                wanted |= self.wanting.count(field.id()) != 0;
                field.element = element;
                changed = true;
            }
        }
        if changed {
            names::work_out(&mut self.fields);
            self.uid = uid;
            self.has_lists = self.fields.iter().any(|field| field.data_type().is_list());
        }
        if wanted {
            self.plan = Arc::new(LazyPlan::new(&self.fields, &self.wanting));
        }
        changed
    }

    /// Notes where the segments of the record at `at` begin; gives where the last one does.
    #[inline]
    pub(crate) fn note_segments(&self, octets: &[u8], mut at: usize, bases: &mut Vec<u32>) -> Option<usize> {
        bases.reserve(self.skips.len().saturating_add(1));
        bases.push(u32::try_from(at).ok()?);
        for &skip in &self.skips {
            at = variable_end(octets, at.wrapping_add(usize::from(skip)))?;
            bases.push(u32::try_from(at).ok()?);
        }
        Some(at)
    }

    /// Length of the record at the start of `octets`, `None` when it runs past the end.
    #[inline]
    pub(crate) fn record_at(&self, octets: &[u8]) -> Option<usize> {
        let tail = usize::try_from(self.tail).ok()?;
        if self.skips.is_empty() {
            return (octets.len() >= tail).then_some(tail);
        }
        let mut at = 0_usize;
        for &skip in &self.skips {
            at = at.wrapping_add(usize::from(skip));
            at = variable_end(octets, at)?;
        }
        let end = at.wrapping_add(tail);
        (octets.len() >= end).then_some(end)
    }
}

/// No other field has the id.
const NO_FIELD: u16 = u16::MAX;

/// Whether an element holds the first octets of a packet: layer2packetSectionData, ipHeaderPacketSection, dataLinkFrameSection,
/// mplsLabelStackSection.
const fn holds_packet(id: ElementId) -> bool {
    matches!(id, ElementId::Ipfix { pen: 0, id: 104 | 313 | 315 | 316 })
}

/// Where the variable-length value whose length stands at `at` ends (RFC 7011 §7); may lie past the end of `octets`.
#[inline]
pub(crate) fn variable_end(octets: &[u8], at: usize) -> Option<usize> {
    let length = *octets.get(at)?;
    if length < 255 {
        return Some(at.wrapping_add(usize::from(length)).wrapping_add(1));
    }
    let long = octets.get(at.wrapping_add(1)..)?.first_chunk::<2>()?;
    Some(at.wrapping_add(usize::from(u16::from_be_bytes(*long))).wrapping_add(3))
}

/// A fault that refuses `record`.
pub(crate) fn refusal(record: &wire::TemplateRecord<'_>, (kind, limit): (FaultKind, LimitedBy)) -> Fault {
    wire::refused(record, kind, limit)
}
