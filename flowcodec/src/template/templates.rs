//! What the lists of a record (RFC 6313) are read with.

use super::store::{ScopeId, Store};
use super::{SamplingTable, Template};
use crate::ie::{ElementId, ElementRef, Elements};
use crate::limits::Limits;

/// The templates a record's lists may refer to (those of its own scope), what is known of elements there, and how deep lists are read.
///
/// Copied with every record; every step into a list takes one from the depth, so that no octets can make a reader recurse further.
// (Without gaps: they would be copied too, octet by octet.)
#[derive(Debug, Clone, Copy)]
pub struct Templates<'a> {
    /// A decoder's, of this scope; else a caller's.
    store: Option<&'a Store>,
    scope: ScopeId,
    depth: u32,
    own: &'a [Template],
    elements: Option<&'a Elements>,
}

impl<'a> Templates<'a> {
    /// None at all, and no lists: for records of fixed layouts.
    pub const NONE: Self = Self { store: None, scope: ScopeId::NONE, depth: 0, own: &[], elements: None };

    /// Those of a caller that keeps its own. Finding one is linear in their number.
    #[must_use]
    pub const fn new(templates: &'a [Template], elements: &'a Elements, limits: &Limits) -> Self {
        Self { own: templates, elements: Some(elements), depth: depth_of(limits), ..Self::NONE }
    }

    pub(crate) const fn of(store: &'a Store, scope: ScopeId, elements: &'a Elements, limits: &Limits) -> Self {
        Self { store: Some(store), scope, depth: depth_of(limits), own: &[], elements: Some(elements) }
    }

    /// The template of this id.
    #[must_use]
    pub fn get(self, id: u16) -> Option<&'a Template> {
        match self.store {
            None => self.own.iter().find(|template| template.id() == id),
            Some(store) => Some(&store.entry(store.find(self.scope, id)?)?.template),
        }
    }

    /// What is known of an element: the user's own and the registry, else what this exporter said of it (RFC 5610). Allocates nothing.
    #[must_use]
    pub fn element(self, id: ElementId) -> ElementRef {
        let known = match self.elements {
            Some(elements) => elements.resolve(id),
            None => crate::ie::lookup(id).map_or(ElementRef::Unknown(id), ElementRef::Known),
        };
        match (known, self.store) {
            (ElementRef::Unknown(_), Some(store)) => store
                .scope_state(self.scope)
                .and_then(|state| store.element(state.key.owner, id))
                .map_or(ElementRef::Unknown(id), |element| ElementRef::Runtime(std::sync::Arc::clone(element))),
            (known, _) => known,
        }
    }

    /// The same, one list further in; `None` when lists are not read so deep.
    pub(crate) fn inside(self) -> Option<Self> {
        Some(Self { depth: self.depth.checked_sub(1)?, ..self })
    }

    pub(crate) fn sampling(self) -> Option<&'a SamplingTable> {
        Some(&self.store?.scope_state(self.scope)?.sampling)
    }
}

#[expect(clippy::as_conversions, reason = "widening; From is not const")]
const fn depth_of(limits: &Limits) -> u32 {
    limits.list_depth as u32
}
