//! The fixed layouts as templates, under the IPFIX elements of the same meaning, so that one plan engine reads them too.

use std::sync::{Arc, LazyLock};

use crate::exporter::Protocol;
use crate::ie::{ElementId, Elements};
use crate::limits::Limits;
use crate::model::Schema;
use crate::template::{FieldSpecifier, Template, TemplateKind, TemplateUid};

/// Element and octets, in wire order; 210 is padding.
const COMMON: [(u16, u16); 11] = [(8, 4), (12, 4), (15, 4), (10, 2), (14, 2), (2, 4), (1, 4), (22, 4), (21, 4), (7, 2), (11, 2)];
const V1: [(u16, u16); 5] = [(210, 2), (4, 1), (5, 1), (6, 1), (210, 7)];
const V5: [(u16, u16); 9] = [(210, 1), (6, 1), (4, 1), (5, 1), (16, 2), (17, 2), (9, 1), (13, 1), (210, 2)];
/// v1 in Cisco's layout and v7 have four octets more: reserved, and the bypassed router (no element means that).
const MORE: [(u16, u16); 1] = [(210, 4)];

/// The compiled layouts.
#[derive(Debug)]
pub(crate) struct Layouts {
    v1_short: Template,
    v1: Template,
    v5: Template,
    v7: Template,
}

impl Layouts {
    /// For the common fields and the registry alone they are compiled once, for all decoders.
    pub(crate) fn of_settings(schema: &Schema, elements: &Elements) -> Option<Arc<Self>> {
        static COMMON: LazyLock<Option<Arc<Layouts>>> =
            LazyLock::new(|| Layouts::new(&Schema::common(), &Elements::default()).map(Arc::new));
        if schema.tag() == 0 && elements.is_empty() { COMMON.clone() } else { Self::new(schema, elements).map(Arc::new) }
    }

    fn new(schema: &Schema, elements: &Elements) -> Option<Self> {
        let compile = |number: u64, parts: &[&[(u16, u16)]]| {
            let fields = COMMON.iter().chain(parts.iter().copied().flatten());
            let specifiers = fields.map(|&(id, length)| FieldSpecifier::new(ElementId::iana(id), length));
            let uid = TemplateUid::new(u64::MAX.wrapping_sub(number));
            Template::compile(uid, 0, TemplateKind::Data, specifiers, (elements, |_| None), schema, &Limits::default()).ok()
        };
        Some(Self {
            v1_short: compile(0, &[&V1])?,
            v1: compile(1, &[&V1, &MORE])?,
            v5: compile(2, &[&V5])?,
            v7: compile(3, &[&V5, &MORE])?,
        })
    }

    pub(crate) const fn of(&self, protocol: Protocol, record_len: usize) -> &Template {
        match (protocol, record_len) {
            (Protocol::NetFlow1, 48) => &self.v1_short,
            (Protocol::NetFlow1, _) => &self.v1,
            (Protocol::NetFlow7, _) => &self.v7,
            _ => &self.v5,
        }
    }
}
