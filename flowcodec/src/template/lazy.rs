//! The plan of all templates that have the same fields, compiled when the first record is read with it.
//!
//! Exporters announce more than they send: of the 88 templates of an Open vSwitch, its recording uses 22.

use core::hash::{Hash, Hasher};
use std::sync::OnceLock;

use super::{Plan, TemplateField};
use crate::ie::{DataType, ElementId};
use crate::model::Wanting;

/// What of a template's field its plan depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    id: ElementId,
    length: u16,
    data_type: DataType,
}

impl Hash for Shape {
    /// In one piece: there are dozens in each template that is announced.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (space, enterprise, number) = match self.id {
            ElementId::Ipfix { pen, id } => (0_u8, pen, id),
            ElementId::NetFlow9(number) => (1, 0, number),
            ElementId::NetFlow9Scope(number) => (2, 0, number),
            ElementId::Sflow { field, .. } => (3, 0, field),
        };
        let id = u64::from(enterprise) << 24 | u64::from(number) << 8 | u64::from(space);
        state.write_u128(u128::from(id) << 64 | u128::from(self.length) << 8 | u128::from(self.data_type.code()));
    }
}

/// A plan, or what it will be compiled of.
#[derive(Debug)]
pub(crate) struct LazyPlan {
    shape: Box<[Shape]>,
    /// Bindings that it may have.
    most: u32,
    plan: OnceLock<Box<Plan>>,
}

impl LazyPlan {
    pub(super) fn new(fields: &[TemplateField], wanting: &Wanting) -> Self {
        let (mut shape, mut most) = (Vec::with_capacity(fields.len()), 0_u32);
        for field in fields {
            let id = field.id();
            most = most.saturating_add(wanting.count(id));
            shape.push(Shape { id, length: field.length, data_type: field.data_type() });
        }
        Self { shape: shape.into_boxed_slice(), most, plan: OnceLock::new() }
    }

    /// What it is compiled of: of one schema, and not of a fixed layout, all plans of a shape are alike. Types that were learned later
    /// and no field of the schema reads are not in it.
    pub(super) const fn shape(&self) -> &[Shape] {
        &self.shape
    }

    /// The plan, compiled by who asks first. `fields` are those of any template of this shape.
    #[inline]
    pub(super) fn of(&self, fields: &[TemplateField], wanting: &Wanting, legacy: bool) -> &Plan {
        self.plan.get_or_init(|| Box::new(Plan::compile(fields, wanting, legacy)))
    }

    /// Whether somebody has asked.
    #[cfg(test)]
    pub(super) fn is_compiled(&self) -> bool {
        self.plan.get().is_some()
    }

    /// Heap octets it takes at most, compiled or not: what is on an exporter's account does not change when its records are read. They
    /// have one `length`, or not.
    pub(super) fn bytes(&self, length: Option<u32>) -> usize {
        // Its two counters too: it stands on the heap itself.
        let own = size_of::<Self>().saturating_add(size_of::<[usize; 2]>()).saturating_add(size_of_val(&*self.shape));
        own.saturating_add(Plan::most_bytes(self.most, length))
    }
}
