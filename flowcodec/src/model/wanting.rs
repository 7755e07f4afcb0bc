//! Which fields of a schema are read from an element: asked for each field of each template that is announced.

use std::collections::HashMap;

use super::schema::{FieldId, FieldSpec, Take};
use super::types::ColumnType;
use crate::ie::ElementId;

/// A field that wants an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) field: FieldId,
    pub(crate) column: ColumnType,
    /// Which part of its value.
    pub(crate) take: Take,
    /// Its rank among the field's sources.
    pub(crate) rank: u16,
}

/// Elements of the IANA registry below this number are found by it; those of users may be above.
const DIRECT: usize = 1_024;

/// From, and to in front of, among all that is wanted.
type Span = (u32, u32);

/// All that the fields of a schema want, by element.
#[derive(Debug, Default)]
pub(crate) struct Wanting {
    wanted: Vec<Wanted>,
    iana: Vec<Span>,
    others: HashMap<ElementId, Span, foldhash::fast::RandomState>,
}

impl Wanting {
    pub(super) fn new(fields: &[FieldSpec]) -> Self {
        let mut all: Vec<(ElementId, Wanted)> = Vec::new();
        for (number, spec) in (0_u16..).zip(fields) {
            let field = FieldId::new(number);
            for (rank, source) in (0_u16..).zip(spec.sources.iter()) {
                all.push((source.element, Wanted { field, column: spec.column, take: source.take, rank }));
            }
        }
        // In the order of the fields for each element.
        all.sort_by_key(|(element, _)| *element);
        let mut wanting = Self::default();
        for same in all.chunk_by(|(a, _), (b, _)| a == b) {
            let from = wanting.wanted.len();
            wanting.wanted.extend(same.iter().map(|(_, wanted)| *wanted));
            let span = (u32::try_from(from).unwrap_or(u32::MAX), u32::try_from(wanting.wanted.len()).unwrap_or(u32::MAX));
            match same.first() {
                Some((ElementId::Ipfix { pen: 0, id }, _)) if usize::from(*id) < DIRECT => {
                    let at = usize::from(*id);
                    if wanting.iana.len() <= at {
                        wanting.iana.resize(at.saturating_add(1), (0, 0));
                    }
                    if let Some(place) = wanting.iana.get_mut(at) {
                        *place = span;
                    }
                }
                Some((element, _)) => {
                    wanting.others.insert(*element, span);
                }
                None => {}
            }
        }
        wanting
    }

    /// Which fields are read from `element`, in their order.
    #[inline]
    pub(crate) fn of(&self, element: ElementId) -> &[Wanted] {
        match self.span(element).map(|(from, to)| (usize::try_from(from), usize::try_from(to))) {
            Some((Ok(from), Ok(to))) => self.wanted.get(from..to).unwrap_or_default(),
            _ => &[],
        }
    }

    /// How many they are.
    #[inline]
    pub(crate) fn count(&self, element: ElementId) -> u32 {
        self.span(element).map_or(0, |(from, to)| to.wrapping_sub(from))
    }

    #[inline]
    fn span(&self, element: ElementId) -> Option<Span> {
        match element {
            ElementId::Ipfix { pen: 0, id } if usize::from(id) < DIRECT => self.iana.get(usize::from(id)).copied(),
            _ => self.others.get(&element).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Schema, Unit};
    use super::*;
    use crate::model::{FieldDef, Source, U32};

    static OWN: [FieldDef<U32>; 3] = [
        FieldDef::new("near", Unit::None, "Below the direct ones", &[Source::iana(1), Source::iana(700)]),
        FieldDef::new("edge", Unit::None, "At the edge", &[Source::iana(1_023), Source::iana(1_024)]),
        FieldDef::new(
            "far",
            Unit::None,
            "Elsewhere",
            &[Source::enterprise(99_999, 1), Source::iana(32_767), Source::netflow9(40_000)],
        ),
    ];

    /// Against a walk over all fields.
    #[test]
    fn every_source_of_every_field_is_found_and_nothing_else() {
        let schema = Schema::common().with(OWN.each_ref().map(FieldDef::spec)).unwrap();
        let wanting = Wanting::new(schema.fields());
        let mut elements: Vec<ElementId> = (0..=u16::MAX).map(ElementId::iana).collect();
        elements.extend(schema.fields().iter().flat_map(|field| field.sources.iter().map(|source| source.element)));
        elements.extend([ElementId::NetFlow9(1), ElementId::NetFlow9Scope(1), ElementId::enterprise(1, 1)]);
        elements.sort_unstable();
        elements.dedup();
        let mut found = 0;
        for element in elements {
            let mut expected = Vec::new();
            for (number, spec) in (0_u16..).zip(schema.fields()) {
                for (rank, source) in (0_u16..).zip(spec.sources.iter()).filter(|(_, source)| source.element == element) {
                    expected.push(Wanted { field: FieldId::new(number), column: spec.column, take: source.take, rank });
                }
            }
            found += expected.len();
            assert_eq!(wanting.of(element), expected, "{element}");
            assert_eq!(usize::try_from(wanting.count(element)).unwrap(), expected.len(), "{element}");
        }
        assert_eq!(found, schema.fields().iter().map(|field| field.sources.len()).sum::<usize>());
        assert!(found > 200, "{found}");
    }
}
