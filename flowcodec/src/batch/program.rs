//! What a template's records become in a batch: compiled once for each plan and set of columns.

use core::hash::BuildHasher;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

use super::Slot;
use super::cells::Place;
use crate::kernel::{Cell, Number, Tiles};
use crate::model::{CORE, FieldId, field};
use crate::template::{Binding, Extract, LazyPlan, Plan, SamplingFields, Step, Template};

/// Some of the columns, by their numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns(Box<[u64]>);

impl PartialEq for Columns {
    /// Word by word: there are one or two.
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().eq(&other.0)
    }
}

impl Columns {
    pub(super) fn none(of: usize) -> Self {
        Self(vec![0; of.div_ceil(64)].into_boxed_slice())
    }

    fn insert(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    fn add(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    pub(super) fn contains(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }

    /// Their numbers.
    pub(super) fn all(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(at, &word)| bits(at, word))
    }

    /// The numbers of those that are not among `others`.
    pub(super) fn without(&self, others: &Self) -> impl Iterator<Item = usize> {
        self.0.iter().zip(&others.0).enumerate().flat_map(|(at, (word, other))| bits(at, word & !other))
    }

    pub(super) fn copy_from(&mut self, other: &Self) {
        self.0.copy_from_slice(&other.0);
    }
}

/// The numbers of the columns that the word at this place has.
fn bits(at: usize, word: u64) -> impl Iterator<Item = usize> {
    let mut left = word;
    core::iter::from_fn(move || {
        let bit = usize::try_from(left.checked_ilog2()?).ok()?;
        left ^= 1 << bit;
        Some(at.saturating_mul(64).saturating_add(bit))
    })
}

/// The way from records of one plan into the columns of one batch. A column that nothing here names has no cell of these records.
#[derive(Debug)]
pub(super) struct Program {
    plan: Weak<LazyPlan>,
    /// Columns of which every record has a cell; and with those that need the exporter's uptime.
    pub(super) always: Columns,
    pub(super) timed: Columns,
    /// Whether there are any such.
    pub(super) reads_uptime: bool,
    /// Columns of which each record says whether it has a cell.
    pub(super) told: Columns,
    /// Columns that the message fills.
    pub(super) said: Box<[Said]>,
    pub(super) agent: Option<(usize, Place)>,
    /// Columns that are filled some records at a time.
    pub(super) tiles: Option<Tiles>,
    pub(super) singles: Box<[Single]>,
    /// Columns in which zero means absent.
    pub(super) nonzero: Box<[(usize, Place)]>,
    pub(super) octets: Box<[Octets]>,
    pub(super) others: Box<[Other]>,
    pub(super) rate: Option<(usize, Place)>,
    /// What in the records says their rate.
    pub(super) sampling: SamplingFields,
}

/// What every message of a templated protocol says of its records, and where that column begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Said {
    Received(usize),
    Exported(usize),
    Exporter(usize),
    ExporterPort(usize),
    Domain(usize),
    Protocol(usize),
    CountersScaled(usize),
    Template(usize),
}

impl Said {
    /// As far as templates of this number are concerned: the fixed layouts have none.
    fn of(id: FieldId, place: Place, template: u16) -> Option<Self> {
        Some(match place {
            Place::Long(at) if id == field::RECEIVED.id() => Self::Received(at),
            Place::Long(at) if id == field::EXPORTED.id() => Self::Exported(at),
            Place::Address(at) if id == field::EXPORTER.id() => Self::Exporter(at),
            Place::Pair(at) if id == field::EXPORTER_PORT.id() => Self::ExporterPort(at),
            Place::Quad(at) if id == field::DOMAIN.id() => Self::Domain(at),
            Place::Octet(at) if id == field::PROTOCOL.id() => Self::Protocol(at),
            Place::Octet(at) if id == field::COUNTERS_SCALED.id() => Self::CountersScaled(at),
            Place::Pair(at) if id == field::TEMPLATE.id() && template != 0 => Self::Template(at),
            _ => return None,
        })
    }
}

/// A column that is filled on its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Single {
    pub(super) place: Place,
    pub(super) segment: u16,
    pub(super) step: Step,
}

/// A column of text or octets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Octets {
    /// Where its views begin.
    pub(super) at: usize,
    /// Where the value, or the length in front of it, stands.
    pub(super) segment: u16,
    pub(super) offset: u16,
    /// Of every value; `None` where each has its own.
    pub(super) length: Option<u16>,
}

/// A column that needs a look at each record: several sources, numbers that may not fit, lists and the like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Other {
    /// Where its bindings begin in the plan, and how many there are.
    from: usize,
    count: usize,
    pub(super) number: usize,
    pub(super) place: Place,
}

impl Other {
    /// The places that it is read from, best first.
    pub(super) fn bindings<'p>(&self, plan: &'p Plan) -> &'p [Binding] {
        plan.all().get(self.from..self.from.saturating_add(self.count)).unwrap_or_default()
    }
}

/// Fields that a message may say of all its records.
const OF_MESSAGE: [FieldId; 10] = [
    field::RECEIVED.id(),
    field::EXPORTED.id(),
    field::EXPORTER.id(),
    field::EXPORTER_PORT.id(),
    field::DOMAIN.id(),
    field::PROTOCOL.id(),
    field::COUNTERS_SCALED.id(),
    field::TEMPLATE.id(),
    field::SAMPLING_RATE.id(),
    field::AGENT.id(),
];

/// The columns of a batch, and which of them each field is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbered<'b> {
    pub(super) slots: &'b [Slot],
    pub(super) by_field: &'b [u16],
}

impl Numbered<'_> {
    /// The column of a field.
    fn of(&self, id: FieldId) -> Option<(usize, FieldId, Place)> {
        let number = usize::from(*self.by_field.get(id.index())?);
        Some((number, id, self.slots.get(number)?.place))
    }
}

/// Fewer columns than these are filled faster one by one than by a tile.
const FEW: usize = 3;

impl Program {
    /// `tiled` is the size of the arena, where vector code may be used.
    fn compile(template: &Template, columns: &Numbered<'_>, schema_tag: u32, tiled: Option<usize>) -> Self {
        let none = || Columns::none(columns.slots.len());
        let (mut always, mut with_uptime, mut one_by_one) = (none(), none(), none());
        let (mut nonzero, mut octets, mut others) = (Vec::new(), Vec::new(), Vec::new());
        let (mut singles, mut said) = (Vec::with_capacity(template.plan().all().len()), Vec::with_capacity(OF_MESSAGE.len()));
        let (mut rate, mut agent) = (None, None);
        let mut from = 0_usize;
        for bindings in template.plan().all().chunk_by(|a, b| a.field == b.field) {
            let first = from;
            from = from.saturating_add(bindings.len());
            let Some((number, id, place)) = bindings.first().and_then(|binding| columns.of(binding.field)) else { continue };
            if id.index() >= CORE.len() && template.schema_tag() != schema_tag {
                continue;
            }
            let (binding, field) = match bindings {
                [binding] => (Some(binding), template.fields().get(usize::from(binding.at))),
                _ => (None, None),
            };
            let only = binding.zip(field);
            if let Some((binding, step, segment)) =
                only.and_then(|(binding, field)| Some((binding, Step::of(binding, field, place.width())?, field.segment())))
            {
                singles.push(Single { place, segment, step });
                if binding.nonzero {
                    one_by_one.insert(number);
                    nonzero.push((number, place));
                } else if step.number == Number::Ago {
                    with_uptime.insert(number);
                } else {
                    always.insert(number);
                }
            } else if let (Some((binding, field)), Place::View(at)) = (only, place)
                && matches!(binding.extract, Extract::Text | Extract::Octets)
                && !binding.nonzero
            {
                let length = (!field.is_variable()).then_some(field.length());
                octets.push(Octets { at, segment: field.segment(), offset: field.offset(), length });
                always.insert(number);
            } else {
                one_by_one.insert(number);
                others.push(Other { from: first, count: bindings.len(), number, place });
            }
        }
        // What the records do not say, their message may.
        for (number, id, place) in OF_MESSAGE.into_iter().filter_map(|id| columns.of(id)) {
            if always.contains(number) || with_uptime.contains(number) || one_by_one.contains(number) {
                continue;
            }
            if id == field::SAMPLING_RATE.id() {
                one_by_one.insert(number);
                rate = Some((number, place));
            } else if id == field::AGENT.id() {
                one_by_one.insert(number);
                agent = Some((number, place));
            } else if let Some(what) = Said::of(id, place, template.id()) {
                always.insert(number);
                said.push(what);
            }
        }
        with_uptime.add(&always);
        Self {
            plan: Arc::downgrade(template.lazy_plan()),
            reads_uptime: always != with_uptime,
            always,
            timed: with_uptime,
            told: one_by_one,
            said: said.into(),
            agent,
            tiles: match tiled {
                // Where fields begin in each record elsewhere, one column at a time is faster.
                Some(octets) if template.record_len().is_some() => tiles(&mut singles, octets),
                _ => None,
            },
            singles: singles.into(),
            nonzero: nonzero.into(),
            octets: octets.into(),
            others: others.into(),
            rate,
            sampling: template.plan().sampling,
        }
    }

    /// The address of its plan.
    pub(super) fn plan(&self) -> usize {
        self.plan.as_ptr().addr()
    }
}

/// Takes out of `singles` what tiles fill.
fn tiles(singles: &mut Vec<Single>, octets: usize) -> Option<Tiles> {
    // MAC addresses are rare, and their cells have a width of their own.
    let mut taken: Vec<Single> = singles.extract_if(.., |single| !matches!(single.place, Place::Mac(_))).collect();
    taken.sort_by_key(|single| single.step.octets.from);
    let cells: Option<Vec<Cell>> = taken.iter().map(cell).collect();
    let tiles = cells.filter(|cells| cells.len() >= FEW).and_then(|cells| Tiles::compile(&cells, octets));
    if tiles.is_none() {
        singles.extend(taken);
    }
    tiles
}

fn cell(single: &Single) -> Option<Cell> {
    let (Place::Octet(column) | Place::Pair(column) | Place::Quad(column) | Place::Long(column) | Place::Address(column)) =
        single.place
    else {
        return None;
    };
    let (width, Step { octets, number, mapped }) = (usize::from(single.place.width()), single.step);
    Some(Cell { octets, width, mapped, number, column })
}

/// The programs of a batch. They know a plan by its address, which stays its own as long as the program is kept.
#[derive(Debug)]
pub(super) struct Programs {
    by_plan: HashMap<usize, usize, foldhash::fast::RandomState>,
    /// The plan that was looked for last, and its program: all of v5 have the same.
    last: (usize, usize),
    list: Vec<Program>,
    most: usize,
    /// How many there are when those of templates that are gone are looked for next: twice as many as were left the last time.
    sweep: usize,
}

impl Programs {
    pub(super) fn new(most: usize) -> Self {
        Self { by_plan: HashMap::default(), last: (0, 0), list: Vec::new(), most, sweep: FIRST_SWEEP.min(most) }
    }

    /// A template's program.
    #[inline]
    pub(super) fn find(
        &mut self,
        template: &Template,
        columns: Numbered<'_>,
        schema_tag: u32,
        tiled: Option<usize>,
    ) -> Option<&Program> {
        let plan = Arc::as_ptr(template.lazy_plan()).addr();
        if self.last.0 != plan {
            let number = match self.by_plan.get(&plan) {
                Some(number) => *number,
                None => self.add(plan, Program::compile(template, &columns, schema_tag, tiled)),
            };
            self.last = (plan, number);
        }
        self.list.get(self.last.1)
    }

    #[cold]
    fn add(&mut self, plan: usize, program: Program) -> usize {
        if self.sweep == 0 {
            self.list.retain(|program| program.plan.strong_count() != 0);
            self.by_plan = self.list.iter().zip(0..).map(|(program, number)| (program.plan(), number)).collect();
            self.sweep = self.list.len().max(FIRST_SWEEP);
        }
        self.sweep = self.sweep.saturating_sub(1);
        let mut number = self.list.len();
        if number < self.most {
            self.list.push(program);
        } else {
            // Any of them goes. (Were it the oldest, templates in turn would each find that theirs has just gone.)
            let chance = usize::try_from(self.by_plan.hasher().hash_one(plan) >> 32).unwrap_or(0);
            number = chance.checked_rem(number).unwrap_or(0);
            if let Some(place) = self.list.get_mut(number) {
                self.by_plan.remove(&core::mem::replace(place, program).plan());
            }
        }
        self.by_plan.insert(plan, number);
        number
    }
}

const FIRST_SWEEP: usize = 512;
