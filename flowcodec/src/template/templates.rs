//! What the lists of a record (RFC 6313) are read with.

use super::store::{ScopeId, Store};
use super::{SamplingTable, Template};
use crate::ie::{ElementId, ElementRef, Elements};
use crate::limits::Limits;

/// The templates a record's lists may refer to (those of its own scope), what is known of elements there, and how deep lists are read.
///
/// Copied with every record; every step into a list takes one from the depth, so that no octets can make a reader recurse further.
#[derive(Debug, Clone, Copy)]
pub struct Templates<'a> {
    held: Held<'a>,
    elements: Option<&'a Elements>,
    depth: u8,
}

#[derive(Debug, Clone, Copy)]
enum Held<'a> {
    Caller(&'a [Template]),
    Decoder(&'a Store, ScopeId),
}

impl<'a> Templates<'a> {
    /// None at all, and no lists: for records of fixed layouts.
    pub const NONE: Self = Self { held: Held::Caller(&[]), elements: None, depth: 0 };

    /// Those of a caller that keeps its own. Finding one is linear in their number.
    #[must_use]
    pub const fn new(templates: &'a [Template], elements: &'a Elements, limits: &Limits) -> Self {
        Self { held: Held::Caller(templates), elements: Some(elements), depth: limits.list_depth }
    }

    pub(crate) const fn of(store: &'a Store, scope: ScopeId, elements: &'a Elements, limits: &Limits) -> Self {
        Self { held: Held::Decoder(store, scope), elements: Some(elements), depth: limits.list_depth }
    }

    /// The template of this id.
    #[must_use]
    pub fn get(self, id: u16) -> Option<&'a Template> {
        match self.held {
            Held::Caller(templates) => templates.iter().find(|template| template.id() == id),
            Held::Decoder(store, scope) => Some(&store.entry(store.find(scope, id)?)?.template),
        }
    }

    /// What is known of an element: the user's own and the registry, else what this exporter said of it (RFC 5610). Allocates nothing.
    #[must_use]
    pub fn element(self, id: ElementId) -> ElementRef {
        let known = match self.elements {
            Some(elements) => elements.resolve(id),
            None => crate::ie::lookup(id).map_or(ElementRef::Unknown(id), ElementRef::Known),
        };
        match (known, self.held) {
            (ElementRef::Unknown(_), Held::Decoder(store, scope)) => store
                .scope_state(scope)
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
        match self.held {
            Held::Caller(_) => None,
            Held::Decoder(store, scope) => Some(&store.scope_state(scope)?.sampling),
        }
    }
}
