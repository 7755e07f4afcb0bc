//! Which fields of a template repeat an id, and which may go by their name.

use super::{NO_FIELD, TemplateField};
use crate::ie::{ElementId, ElementRef};

/// Works it out, once for all records.
pub(super) fn work_out(fields: &mut [TemplateField]) {
    let (mut last, mut mixed, mut shared) = ([NO_FIELD; PLACES], false, 0_u32);
    for at in 0_u16.. {
        let Some(field) = fields.get_mut(usize::from(at)) else { break };
        let id = field.id();
        (field.first, field.again) = (true, NO_FIELD);
        field.named = match &field.element {
            ElementRef::Known(element) => {
                shared = shared.wrapping_add(u32::from(element.shared));
                true
            }
            ElementRef::Runtime(_) => {
                shared = shared.wrapping_add(1);
                field.element.own_name().is_some()
            }
            ElementRef::Unknown(_) => false,
        };
        let Some(place) = last.get_mut(place(id)) else { continue };
        let before = core::mem::replace(place, at);
        match fields.get_mut(usize::from(before)) {
            None => {}
            Some(before) if before.id() == id => {
                before.again = at;
                if let Some(field) = fields.get_mut(usize::from(at)) {
                    field.first = false;
                }
            }
            Some(_) => mixed = true,
        }
    }
    // Few templates have either.
    if mixed {
        link_repeated(fields);
    }
    if shared > 1 {
        part_names(fields);
    }
}

/// Places for ids: half of them for the IANA registry, where nearly each element has its own, the other half for all others.
const PLACES: usize = 1_024;

/// Where an id is noted; others that are noted there too are told apart.
fn place(id: ElementId) -> usize {
    let number = match id {
        ElementId::Ipfix { pen: 0, id } => return usize::from(id) % (PLACES / 2),
        // So that the numbers of two enterprises, which all begin at 1 or so, are seldom at the same place.
        ElementId::Ipfix { pen, id } => {
            usize::from(id).wrapping_add(usize::try_from(pen.wrapping_mul(0x9e37_79b9) >> 20).unwrap_or(0))
        }
        ElementId::NetFlow9(number) | ElementId::NetFlow9Scope(number) => usize::from(number),
        ElementId::Sflow { field, .. } => usize::from(field),
    };
    (PLACES / 2) | (number % (PLACES / 2))
}

/// Notes which fields have the id of one in front of them, where different ids came to one place.
#[cold]
fn link_repeated(fields: &mut [TemplateField]) {
    let mut order: Vec<(ElementId, u16)> = fields.iter().map(TemplateField::id).zip(0..).collect();
    order.sort_unstable();
    let mut later = order.iter().skip(1);
    let mut before = None;
    for &(id, at) in &order {
        let again = later.next().filter(|(next, _)| *next == id).map_or(NO_FIELD, |(_, at)| *at);
        if let Some(field) = fields.get_mut(usize::from(at)) {
            (field.first, field.again) = (before != Some(id), again);
        }
        before = Some(id);
    }
}

/// Of two ids with one name, the one in front keeps it. Only names that the registry has twice, and those from users and exporters, can
/// be the same.
#[cold]
fn part_names(fields: &mut [TemplateField]) {
    let shared = |field: &TemplateField| match &field.element {
        ElementRef::Known(element) => element.shared,
        ElementRef::Runtime(_) => true,
        ElementRef::Unknown(_) => false,
    };
    let label = |at: u16| {
        let field = fields.get(usize::from(at)).filter(|field| shared(field))?;
        Some((field.label()?, field.first.then_some(at)?))
    };
    let mut labels: Vec<(&str, u16)> = (0..).take(fields.len()).filter_map(label).collect();
    labels.sort_unstable();
    let shared: Vec<u16> = labels.iter().zip(labels.iter().skip(1)).filter(|(a, b)| a.0 == b.0).map(|(_, (_, at))| *at).collect();
    for mut at in shared {
        while let Some(field) = fields.get_mut(usize::from(at)) {
            field.named = false;
            at = field.again;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{FieldSpecifier, Template, TemplateKind, TemplateUid};
    use super::*;
    use crate::ie::Elements;
    use crate::limits::Limits;
    use crate::model::Schema;

    fn template(ids: &[ElementId]) -> Template {
        let (schema, limits) = (Schema::common(), Limits::default());
        let specifiers = ids.iter().map(|&id| FieldSpecifier::new(id, 4));
        Template::compile(
            TemplateUid::NONE,
            256,
            TemplateKind::Data,
            specifiers,
            (&Elements::default(), |_| None),
            &schema,
            &limits,
        )
        .unwrap()
    }

    /// Few numbers, so that many are there again, and such as come to the same place.
    fn ids() -> impl Strategy<Value = Vec<ElementId>> {
        let number = prop_oneof![1_u16..12, 61_u16..63, 513_u16..524];
        let id = prop_oneof![
            number.clone().prop_map(ElementId::iana),
            (prop_oneof![Just(9_u32), Just(6_876), Just(29_305), 0..u32::MAX], number.clone())
                .prop_map(|(pen, id)| ElementId::enterprise(pen, id)),
            number.clone().prop_map(ElementId::NetFlow9),
            number.prop_map(ElementId::NetFlow9Scope),
            // flowDirection is 61 of IANA and 954 of VMware; tunnelType 891.
            prop_oneof![Just(891_u16), Just(954)].prop_map(|id| ElementId::enterprise(6_876, id)),
        ];
        proptest::collection::vec(id, 1..60)
    }

    proptest! {
        /// Against a look at all pairs.
        #[test]
        fn repeated_ids_are_linked_and_names_are_one_elements(ids in ids()) {
            let template = template(&ids);
            for (at, field) in template.fields().iter().enumerate() {
                let again = ids.iter().skip(at + 1).position(|id| *id == ids[at]).map(|next| u16::try_from(at + 1 + next).unwrap());
                prop_assert_eq!(field.again(), again);
                prop_assert_eq!(field.is_first(), !ids[..at].contains(&ids[at]));
                // It goes by its name, unless another element in front of the first of its kind has that.
                let first = ids.iter().position(|id| *id == ids[at]).unwrap();
                let taken = template.fields()[..first].iter().any(|other| other.name() == field.name());
                prop_assert_eq!(field.label(), field.name().filter(|_| !taken));
            }
        }
    }
}
