//! Elements known only at run time.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{DataType, Element, ElementId, Semantics, all_by_name, lookup};

/// An element known only at run time: from the user, or from an exporter's type records (RFC 5610).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RuntimeElement {
    /// Identity on the wire.
    pub id: ElementId,
    /// Name.
    pub name: Box<str>,
    /// Abstract data type.
    pub data_type: DataType,
    /// Semantics.
    #[serde(default)]
    pub semantics: Semantics,
    /// Units in IANA words; empty for none.
    #[serde(default)]
    pub units: Box<str>,
}

impl RuntimeElement {
    /// An element without semantics or units; set the public fields for those.
    #[must_use]
    pub fn new(id: ElementId, name: impl Into<Box<str>>, data_type: DataType) -> Self {
        Self { id, name: name.into(), data_type, semantics: Semantics::Default, units: Box::default() }
    }
}

/// What a template field knows of its element. Cloning costs at most one reference count.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum ElementRef {
    /// A row of the built-in registry.
    Known(&'static Element),
    /// An element of an [`Elements`] overlay.
    Runtime(Arc<RuntimeElement>),
    /// Nothing but the number.
    Unknown(ElementId),
}

impl ElementRef {
    /// Identity on the wire.
    #[must_use]
    pub fn id(&self) -> ElementId {
        match self {
            Self::Known(element) => element.id,
            Self::Runtime(element) => element.id,
            Self::Unknown(id) => *id,
        }
    }

    /// Name, where one is known. [`ElementRef::id`] prints as a name for the others.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Known(element) => Some(element.name),
            Self::Runtime(element) => Some(&element.name),
            Self::Unknown(_) => None,
        }
    }

    /// The name, unless another element may be meant by it: a run-time element's is not used when the registry gives it to another
    /// element, or when it reads as an [`ElementId`]. For outputs, where names are keys. One binary search over names.
    #[must_use]
    pub fn own_name(&self) -> Option<&str> {
        match self {
            Self::Runtime(own)
                if own.name.parse::<ElementId>().is_ok() || all_by_name(&own.name).any(|other| other.id != own.id) =>
            {
                None
            }
            other => other.name(),
        }
    }

    /// Abstract data type; [`DataType::OctetArray`] for an unknown element (RFC 7011 section 9).
    #[must_use]
    pub fn data_type(&self) -> DataType {
        match self {
            Self::Known(element) => element.data_type,
            Self::Runtime(element) => element.data_type,
            Self::Unknown(_) => DataType::OctetArray,
        }
    }

    /// Semantics; [`Semantics::Default`] for an unknown element.
    #[must_use]
    pub fn semantics(&self) -> Semantics {
        match self {
            Self::Known(element) => element.semantics,
            Self::Runtime(element) => element.semantics,
            Self::Unknown(_) => Semantics::Default,
        }
    }

    /// Units in IANA words; empty for none or unknown.
    #[must_use]
    pub fn units(&self) -> &str {
        match self {
            Self::Known(element) => element.units,
            Self::Runtime(element) => &element.units,
            Self::Unknown(_) => "",
        }
    }
}

/// Elements added to the built-in registry at run time.
///
/// The built-in registry goes first: defining a number that it knows is an error, unless
/// [`Elements::redefine`] says that the overlay is right. An exporter can fill this table through type
/// records, so a caller that lets it should bound [`Elements::len`] and [`Elements::bytes`].
///
/// Your own element, added before templates are read:
///
/// ```
/// use flowcodec::ie::{DataType, ElementId, Elements};
/// let mut elements = Elements::default();
/// let id = ElementId::enterprise(64999, 7);
/// elements.define(id, "tenantName", DataType::String)?;
/// let element = elements.resolve(id);
/// assert_eq!((element.name(), element.data_type()), (Some("tenantName"), DataType::String));
/// # Ok::<(), flowcodec::ie::DefineError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Elements {
    // Ordered, so an exporter that picks the numbers cannot make lookups slow.
    defined: BTreeMap<ElementId, Arc<RuntimeElement>>,
    bytes: usize,
}

impl Elements {
    /// Adds an element that no table knows yet. Logarithmic in the number of elements.
    ///
    /// # Errors
    /// [`DefineError`] when the built-in registry or this table has the number, or the name is empty; the
    /// table is then unchanged.
    pub fn define(&mut self, id: ElementId, name: impl Into<Box<str>>, data_type: DataType) -> Result<(), DefineError> {
        self.define_element(RuntimeElement::new(id, name, data_type))
    }

    /// As [`Elements::define`], with semantics and units.
    ///
    /// # Errors
    /// As [`Elements::define`].
    pub fn define_element(&mut self, element: RuntimeElement) -> Result<(), DefineError> {
        if lookup(element.id).is_some() {
            return Err(DefineError::BuiltIn(element.id));
        }
        if self.defined.contains_key(&element.id) {
            return Err(DefineError::AlreadyDefined(element.id));
        }
        self.redefine_element(element).map(drop)
    }

    /// Adds an element, in place of a built-in or already defined one where there is such.
    /// Templates that already hold the earlier meaning keep it.
    ///
    /// # Errors
    /// [`DefineError::EmptyName`].
    pub fn redefine(&mut self, id: ElementId, name: impl Into<Box<str>>, data_type: DataType) -> Result<(), DefineError> {
        self.redefine_element(RuntimeElement::new(id, name, data_type)).map(drop)
    }

    /// As [`Elements::redefine`], with semantics and units. Returns the overlay's earlier element.
    ///
    /// # Errors
    /// [`DefineError::EmptyName`].
    pub fn redefine_element(&mut self, element: RuntimeElement) -> Result<Option<Arc<RuntimeElement>>, DefineError> {
        if element.name.is_empty() {
            return Err(DefineError::EmptyName(element.id));
        }
        self.bytes = self.bytes.saturating_add(held(&element));
        let earlier = self.defined.insert(element.id, Arc::new(element));
        if let Some(earlier) = &earlier {
            self.bytes = self.bytes.saturating_sub(held(earlier));
        }
        Ok(earlier)
    }

    /// What is known of an element. One map search in this table, then the cost of [`lookup`].
    #[must_use]
    pub fn resolve(&self, id: ElementId) -> ElementRef {
        // Only `redefine` puts a built-in number here, so looking here first keeps the built-in meaning otherwise.
        if let Some(element) = self.defined.get(&id) {
            return ElementRef::Runtime(Arc::clone(element));
        }
        lookup(id).map_or(ElementRef::Unknown(id), ElementRef::Known)
    }

    /// The built-in row of an element, as long as this table has nothing: then there is no more to look for.
    #[inline]
    pub(crate) fn built_in(&self, id: ElementId) -> Option<&'static Element> {
        if self.defined.is_empty() { lookup(id) } else { None }
    }

    /// The elements of this table, ascending by [`ElementId`].
    pub fn iter(&self) -> impl Iterator<Item = &RuntimeElement> {
        self.defined.values().map(AsRef::as_ref)
    }

    /// How many elements this table adds or replaces.
    #[must_use]
    pub fn len(&self) -> usize {
        self.defined.len()
    }

    /// Whether nothing was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.defined.is_empty()
    }

    /// Memory held by the elements: structures, names and units, without the free room of the map. Constant time.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Why an element was not added.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DefineError {
    /// The built-in registry knows the number.
    #[error("element {0} is built in")]
    BuiltIn(ElementId),
    /// The overlay has the number already.
    #[error("element {0} is already defined")]
    AlreadyDefined(ElementId),
    /// The name is empty.
    #[error("element {0} has an empty name")]
    EmptyName(ElementId),
}

/// Memory of one element: map entry, the two counts of the `Arc`, the element and its texts.
fn held(element: &RuntimeElement) -> usize {
    const FIXED: usize = size_of::<(ElementId, Arc<RuntimeElement>)>() + 2 * size_of::<usize>() + size_of::<RuntimeElement>();
    FIXED.saturating_add(element.name.len()).saturating_add(element.units.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: ElementId = ElementId::enterprise(64999, 7);

    #[test]
    fn built_in_goes_first_unless_redefined() {
        let mut elements = Elements::default();
        let octets = ElementId::iana(1);
        let refused = elements.define(octets, "mine", DataType::String);
        assert_eq!(refused, Err(DefineError::BuiltIn(octets)));
        assert_eq!(elements.resolve(octets).name(), Some("octetDeltaCount"));
        assert!(elements.is_empty());

        elements.redefine(octets, "mine", DataType::String).unwrap();
        assert_eq!(elements.resolve(octets).name(), Some("mine"));
        assert_eq!(elements.resolve(octets).data_type(), DataType::String);
        assert_eq!(lookup(octets).unwrap().name, "octetDeltaCount");
    }

    #[test]
    fn defined_once() {
        let mut elements = Elements::default();
        elements.define(OWN, "first", DataType::Unsigned8).unwrap();
        let again = elements.define(OWN, "second", DataType::Unsigned16);
        assert_eq!(again, Err(DefineError::AlreadyDefined(OWN)));
        assert_eq!(
            elements.define(ElementId::NetFlow9(50000), "", DataType::String).unwrap_err(),
            DefineError::EmptyName(ElementId::NetFlow9(50000))
        );
        assert_eq!(elements.redefine(OWN, "", DataType::String), Err(DefineError::EmptyName(OWN)));
        assert_eq!(elements.resolve(OWN).name(), Some("first"));
        assert_eq!(elements.len(), 1);
        assert_eq!(DefineError::BuiltIn(OWN).to_string(), "element 64999/7 is built in");
    }

    #[test]
    fn unknown_is_octets() {
        let element = Elements::default().resolve(OWN);
        assert_eq!(element, ElementRef::Unknown(OWN));
        assert_eq!((element.id(), element.name(), element.units()), (OWN, None, ""));
        assert_eq!(element.data_type(), DataType::OctetArray);
        assert_eq!(element.semantics(), Semantics::Default);
    }

    #[test]
    fn bytes_follow_the_texts() {
        let mut elements = Elements::default();
        assert_eq!(elements.bytes(), 0);
        elements.define(OWN, "ab", DataType::String).unwrap();
        let before = elements.bytes();
        let mut longer = RuntimeElement::new(OWN, "abcd", DataType::Unsigned32);
        longer.units = "octets".into();
        longer.semantics = Semantics::Quantity;
        let earlier = elements.redefine_element(longer.clone()).unwrap().unwrap();
        assert_eq!(&*earlier.name, "ab");
        assert_eq!(elements.bytes(), before + 2 + 6);
        assert_eq!(elements.iter().collect::<Vec<_>>(), [&longer]);
        let element = elements.resolve(OWN);
        assert_eq!((element.id(), element.units()), (OWN, "octets"));
        assert_eq!(element.semantics(), Semantics::Quantity);
        // A clone is a table of its own.
        let mut copy = elements.clone();
        copy.define(ElementId::enterprise(64999, 8), "other", DataType::String).unwrap();
        assert_eq!((elements.len(), copy.len()), (1, 2));
    }
}
