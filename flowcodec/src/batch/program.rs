//! What a template's records become in a batch: compiled once for each plan and set of columns.

use core::hash::BuildHasher;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

use super::Slot;
use super::cells::Place;
use crate::kernel::{Cell, Number, Tiles};
use crate::model::{CORE, FieldId, field};
use crate::template::{Extract, Plan, Step, Template};

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

    pub(super) fn contains(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }

    pub(super) fn copy_from(&mut self, other: &Self) {
        self.0.copy_from_slice(&other.0);
    }
}

/// The way from records of one plan into the columns of one batch. A column that nothing here names has no cell of these records.
#[derive(Debug)]
pub(super) struct Program {
    plan: Weak<Plan>,
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
    pub(super) id: FieldId,
    pub(super) number: usize,
    pub(super) place: Place,
}

/// Fewer columns than these are filled faster one by one than by a tile.
const FEW: usize = 3;

impl Program {
    /// `tiled` is the size of the arena, where vector code may be used.
    fn compile(template: &Template, columns: &[Slot], schema_tag: u32, tiled: Option<usize>) -> Self {
        let none = || Columns::none(columns.len());
        let (mut always, mut with_uptime, mut one_by_one) = (none(), none(), none());
        let (mut said, mut nonzero, mut octets, mut others) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut singles: Vec<Single> = Vec::new();
        let (mut rate, mut agent) = (None, None);
        for (number, &Slot { id, place, .. }) in columns.iter().enumerate() {
            let known = id.index() < CORE.len() || template.schema_tag() == schema_tag;
            let bindings = if known { template.bindings(id) } else { &[] };
            let (binding, field) = match bindings {
                [] => {
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
                    continue;
                }
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
                others.push(Other { id, number, place });
            }
        }
        for number in (0..columns.len()).filter(|number| always.contains(*number)) {
            with_uptime.insert(number);
        }
        Self {
            plan: Arc::downgrade(template.plan()),
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
        columns: &[Slot],
        schema_tag: u32,
        tiled: Option<usize>,
    ) -> Option<&Program> {
        let plan = Arc::as_ptr(template.plan()).addr();
        if self.last.0 != plan {
            let number = match self.by_plan.get(&plan) {
                Some(number) => *number,
                None => self.add(plan, Program::compile(template, columns, schema_tag, tiled)),
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
