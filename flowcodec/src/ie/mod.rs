//! Information elements as data: what each field number means.
//!
//! | number space | source | as |
//! |---|---|---|
//! | IANA registry | RFC 7012 section 7.1 | [`ElementId::Ipfix`] with PEN 0 |
//! | enterprise elements | RFC 7011 section 3.2, vendor lists | [`ElementId::Ipfix`] with their PEN |
//! | reverse elements | RFC 5103 | [`ElementId::Ipfix`] with PEN 29305, see [`ElementId::reverse`] |
//! | NetFlow v9 vendor types | vendor lists | [`ElementId::NetFlow9`] |
//! | NetFlow v9 scopes | RFC 3954 section 6.1 | [`ElementId::NetFlow9Scope`] |
//! | sFlow structures | sFlow version 5 | [`ElementId::Sflow`], not in this table |
//!
//! [`lookup`] and [`by_name`] read tables compiled into the program; nothing is allocated or initialised.
//! [`Elements`] adds elements that are known only at run time, and [`ElementRef`] is what a template keeps.
//!
//! An element is always keyed by enterprise and number together: Antrea renumbered its elements when it
//! got its own enterprise number, so 55829/108 is a string and 56506/108 a port.
//!
//! ```
//! use flowcodec::ie::{self, DataType, ElementId};
//! let element = ie::lookup(ElementId::iana(1)).ok_or("not registered")?;
//! assert_eq!((element.name, element.data_type), ("octetDeltaCount", DataType::Unsigned64));
//! # Ok::<(), &str>(())
//! ```

#[rustfmt::skip]
mod drop_reasons;
#[rustfmt::skip]
mod generated;
mod id;
mod overlay;
mod types;
mod values;

pub use id::{ElementId, ParseElementIdError, REVERSE_PEN, SflowStructure};
pub use overlay::{DefineError, ElementRef, Elements, RuntimeElement};
pub use types::{DataType, Element, Semantics};
pub use values::{value_name, value_table};

/// The built-in row of an element. One index for IANA elements; otherwise a binary search over enterprises and one over its elements.
#[must_use]
#[inline]
pub fn lookup(id: ElementId) -> Option<&'static Element> {
    match id {
        ElementId::Ipfix { pen: 0, id } => row(id::iana_row(id)?),
        ElementId::Ipfix { pen, id } => enterprise_row(pen, id),
        _ => find(&generated::ELEMENTS, id),
    }
}

fn enterprise_row(pen: u32, id: u16) -> Option<&'static Element> {
    find(of_enterprise(pen)?, ElementId::enterprise(pen, id))
}

fn find(rows: &'static [Element], id: ElementId) -> Option<&'static Element> {
    rows.get(rows.binary_search_by_key(&id, |element| element.id).ok()?)
}

/// All elements of an enterprise.
fn of_enterprise(pen: u32) -> Option<&'static [Element]> {
    let at = generated::PENS.binary_search_by_key(&pen, |&(pen, ..)| pen).ok()?;
    let &(_, from, to) = generated::PENS.get(at)?;
    generated::ELEMENTS.get(usize::from(from)..usize::from(to))
}

/// The element with this registered name, case-sensitive. One binary search over names.
///
/// Where several number spaces use the name, IANA wins, then the lowest enterprise number still in use, then NetFlow v9;
/// [`all_by_name`] gives the others.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Element> {
    all_by_name(name).next()
}

/// Every element with this registered name, in the order of [`by_name`].
///
/// ```
/// use flowcodec::ie;
/// let found: Vec<_> = ie::all_by_name("sourcePodName").map(|e| e.id.to_string()).collect();
/// assert_eq!(found, ["56506/101", "55829/101"]);
/// ```
pub fn all_by_name(name: &str) -> impl Iterator<Item = &'static Element> {
    let name_of = |&at: &u16| row(at).map_or("", |element| element.name);
    let start = generated::BY_NAME.partition_point(|at| name_of(at) < name);
    let rows = generated::BY_NAME.get(start..).unwrap_or_default();
    rows.iter().filter_map(|&at| row(at)).take_while(move |element| element.name == name)
}

/// Every built-in element, ascending by [`ElementId`].
pub fn elements() -> impl Iterator<Item = &'static Element> {
    generated::ELEMENTS.iter()
}

fn row(at: u16) -> Option<&'static Element> {
    generated::ELEMENTS.get(usize::from(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(id: ElementId) -> (&'static str, DataType) {
        lookup(id).map(|element| (element.name, element.data_type)).unwrap()
    }

    #[test]
    fn lookups() {
        let octets = lookup(ElementId::iana(1)).unwrap();
        assert_eq!(octets.name, "octetDeltaCount");
        assert_eq!(octets.data_type, DataType::Unsigned64);
        assert_eq!(octets.semantics, Semantics::DeltaCounter);
        assert_eq!(octets.units, "octets");
        assert!(!octets.deprecated);
        assert!(lookup(ElementId::iana(34)).unwrap().deprecated);

        let pen = ElementId::enterprise;
        assert_eq!(found(pen(56506, 108)), ("destinationServicePort", DataType::Unsigned16));
        assert_eq!(found(pen(55829, 108)), ("destinationServicePortName", DataType::String));
        assert_eq!(found(pen(6876, 898)), ("virtualObsID", DataType::String));
        assert_eq!(found(pen(29305, 1)), ("reverseOctetDeltaCount", DataType::Unsigned64));
        assert_eq!(found(ElementId::iana(515)).1, DataType::Unsigned256);
        assert_eq!(found(ElementId::NetFlow9(33002)), ("firewallEventExtended", DataType::Unsigned16));
        assert_eq!(found(ElementId::NetFlow9(56701)), ("paloAltoAppId", DataType::String));
        assert_eq!(found(ElementId::NetFlow9Scope(2)), ("scopeInterface", DataType::Unsigned32));
        assert_eq!(found(ElementId::NetFlow9Scope(5)), ("scopeTemplate", DataType::OctetArray));
    }

    #[test]
    fn a_reverse_element_keeps_semantics_and_units() {
        let reverse = lookup(ElementId::enterprise(29305, 1)).unwrap();
        assert_eq!((reverse.semantics, reverse.units), (Semantics::DeltaCounter, "octets"));
    }

    #[test]
    fn unknown_elements() {
        // Reserved, kept for NetFlow v9, nameless, past the end, other number spaces.
        for id in [0, 65, 97, 105, 416, 419, 534, 32767, u16::MAX] {
            assert_eq!(lookup(ElementId::iana(id)), None, "{id}");
        }
        assert_eq!(lookup(ElementId::enterprise(1, 1)), None);
        assert_eq!(lookup(ElementId::NetFlow9(1)), None);
        assert_eq!(lookup(ElementId::NetFlow9Scope(6)), None);
        let structure = SflowStructure::Flow(1);
        assert_eq!(lookup(ElementId::Sflow { structure, field: 1 }), None);
    }

    #[test]
    fn names() {
        assert_eq!(by_name("octetDeltaCount").unwrap().id, ElementId::iana(1));
        assert_eq!(by_name("reverseOctetDeltaCount").unwrap().id, ElementId::enterprise(29305, 1));
        assert_eq!(by_name("clusterId").unwrap().id, ElementId::enterprise(56506, 158));
        assert_eq!(by_name("scopeInterface").unwrap().id, ElementId::NetFlow9Scope(2));
        assert_eq!(by_name("OctetDeltaCount"), None);
        assert_eq!(by_name(""), None);
        assert_eq!(by_name("\u{10FFFF}"), None);
    }

    #[test]
    fn the_table_is_sorted_without_repeats_and_every_row_is_found() {
        assert!(generated::ELEMENTS.is_sorted_by(|a, b| a.id < b.id));
        for element in elements() {
            assert_eq!(lookup(element.id), Some(element));
            assert!(all_by_name(element.name).any(|other| other == element), "{}", element.name);
        }
        assert!(elements().count() > 2900);
    }

    #[test]
    fn rows_know_whether_another_has_their_name() {
        for element in elements() {
            assert_eq!(element.shared, all_by_name(element.name).count() > 1, "{}", element.name);
        }
        assert!(elements().any(|element| element.shared));
    }

    #[test]
    fn every_name_of_iana_wins() {
        for element in elements().filter(|e| matches!(e.id, ElementId::Ipfix { pen: 0, .. })) {
            assert_eq!(by_name(element.name), Some(element));
        }
    }
}
