//! The rows of a plan by vector code: which of its operations the kernel does, and how.

use super::TemplateField;
use super::plan::{Binding, Extract, NONE, RowOp, width};
use crate::kernel::{self, Move, Number, PAIR};
use crate::model::{HOT, field};

/// The rows of a plan by vector code: for records of fixed length, where the processor has what it takes.
#[derive(Debug, Clone)]
pub(crate) struct Shuffle {
    pub(crate) kernel: kernel::Rows,
    /// What the kernel cannot do, to be done after it: [some](picked) of the plan's operations.
    pub(crate) after: u64,
    /// Presence bits that all rows get, and those they get where the exporter's uptime is known.
    pub(crate) always: u64,
    pub(crate) uptimes: u64,
    /// The operations for addresses whose last four octets the kernel brings.
    pub(crate) mapped: u64,
}

impl Shuffle {
    pub(super) fn compile(fields: &[TemplateField], bindings: &[Binding], rows: &[RowOp], always: u64) -> Option<Self> {
        let last = fields.last()?;
        if fields.iter().any(TemplateField::is_variable) {
            return None;
        }
        let length = usize::from(last.offset).saturating_add(usize::from(last.length));
        let steps: Vec<Option<Step>> = rows.iter().map(|op| Step::of_row(op, fields, bindings)).collect();
        let mut pair = [PAIR, PAIR.saturating_add(8)]
            .map(|to| steps.iter().flatten().find(|step| step.octets.to == to).map_or(Number::Plain, |step| step.number));
        // Both ends of a flow are told in the same way; where they are not, the exporter's uptime is read by the portable executor.
        let mixed = pair.iter().any(|number| matches!(number, Number::Scale(_)));
        if mixed {
            pair = pair.map(|number| if number == Number::Ago { Number::Plain } else { number });
        }
        let (mut moves, mut after, mut mapped) = (Vec::new(), 0, 0);
        let (mut always, mut uptimes) = (always, 0);
        for ((number, op), step) in (0..u64::BITS).zip(rows).zip(steps) {
            let own = 1_u64 << number;
            let Some(step) = step.filter(|step| step.number != Number::Ago || !mixed) else {
                after |= own;
                continue;
            };
            moves.push(step.octets);
            if step.number == Number::Ago {
                uptimes |= op.bit;
            } else {
                always |= op.bit;
            }
            if step.mapped {
                mapped |= own;
            }
        }
        let kernel = kernel::Rows::compile(length, &moves, pair)?;
        Some(Self { kernel, after, always, uptimes, mapped })
    }
}

/// How the kernel reads a field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    /// From its segment of the record to its place.
    pub(crate) octets: Move,
    pub(crate) number: Number,
    /// For IPv4 addresses.
    pub(crate) mapped: bool,
}

impl Step {
    /// `None` for what the kernel cannot do: fields of several sources, numbers that may not fit, text and the like.
    fn of_row(op: &RowOp, fields: &[TemplateField], bindings: &[Binding]) -> Option<Self> {
        let (first, count) = op.bindings;
        let binding = bindings.get(usize::from(first)).filter(|binding| count == 1 && !binding.nonzero)?;
        let mut step = Self::of(binding, fields.get(usize::from(binding.at))?, width(binding.field))?;
        step.octets.to = step.octets.to.saturating_add(usize::from(op.to));
        Some(step)
    }

    /// The only binding of a field that takes `width` octets as a number.
    pub(crate) fn of(binding: &Binding, field: &TemplateField, width: u16) -> Option<Self> {
        if field.is_variable() {
            return None;
        }
        let (from, len) = (usize::from(field.offset), usize::from(field.length));
        let plain = Self { octets: Move { from, to: 0, len, reversed: false }, number: Number::Plain, mapped: false };
        let octets = |from, len| Self { octets: Move { from, to: 0, len, reversed: true }, ..plain };
        Some(match binding.extract {
            Extract::Unsigned if len <= usize::from(width) => octets(from, len),
            Extract::HighOctet => octets(from, 1),
            Extract::LowOctet => octets(from.checked_add(1)?, 1),
            Extract::Float if len == 8 => octets(from, len),
            Extract::Ipv4 => Self { octets: Move { to: 12, ..plain.octets }, mapped: true, ..plain },
            Extract::Ipv6 | Extract::Mac => plain,
            Extract::Seconds => Self { number: Number::Scale(1_000_000_000), ..octets(from, len) },
            Extract::Millis => Self { number: Number::Scale(1_000_000), ..octets(from, len) },
            // Its lower 32 bits.
            Extract::Uptime if binding.with == NONE => {
                Self { number: Number::Ago, ..octets(from.checked_add(len.checked_sub(4)?)?, 4) }
            }
            _ => return None,
        })
    }
}

/// The times of the row stand where the kernel reckons with them.
const _: () = {
    #[expect(clippy::as_conversions, clippy::indexing_slicing, reason = "evaluated by the compiler")]
    let places = [HOT[field::START.id().number() as usize] as usize, HOT[field::END.id().number() as usize] as usize];
    assert!(places[0] == PAIR && places[1] == PAIR + 8, "a field has moved: the kernel has to follow");
};
