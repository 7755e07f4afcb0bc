//! Runs a program over the records of a set.

use super::Slot;
use super::cells::{Cells, Place, view, view_of};
use super::program::{Program, Said, Single};
use crate::context::Context;
use crate::kernel::{Clock, Number};
use crate::model::{FieldValue, octets_of_address};
use crate::template::{Fixed, Locate, RecordRef, Template, Templates, Variable, variable};
use crate::time::Timestamp;

/// Records of one template, and what is needed to read them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Records<'a> {
    pub(super) template: &'a Template,
    pub(super) templates: &'a Templates<'a>,
    pub(super) context: &'a Context,
    pub(super) octets: &'a [u8],
    /// Octets of each, where all have the same.
    pub(super) length: Option<usize>,
    /// Where the segments of each begin, record by record; of records of fixed length nothing.
    pub(super) bases: &'a [u32],
    pub(super) count: usize,
}

impl<'a> Records<'a> {
    /// Segments of a record.
    fn stride(&self) -> usize {
        self.template.skips().len().saturating_add(1)
    }

    /// Where their segments of this number begin.
    fn starts(&self, segment: u16) -> Starts<'a> {
        match self.length {
            Some(length) => Starts::Every(length),
            None => Starts::Noted(self.bases.get(usize::from(segment)..).unwrap_or_default(), self.stride()),
        }
    }

    /// One after the other.
    fn each(&self) -> impl Iterator<Item = RecordRef<'a>> {
        let Self { length: fixed, template, context, templates, .. } = *self;
        let stride = self.stride();
        let (mut rest, mut bases) = (self.octets, self.bases);
        (0..self.count).map_while(move |_| {
            let (own, others) = bases.split_at_checked(stride).unwrap_or_default();
            let length = match (fixed, own.first(), others.first()) {
                (Some(length), ..) => length,
                (None, Some(start), Some(end)) => usize::try_from(end.wrapping_sub(*start)).ok()?,
                (None, ..) => rest.len(),
            };
            let (raw, behind) = rest.split_at_checked(length)?;
            (rest, bases) = (behind, others);
            Some(RecordRef { template, context, templates: *templates, raw, bases: own })
        })
    }
}

/// Where records begin.
#[derive(Debug, Clone, Copy)]
enum Starts<'a> {
    /// At multiples of their length.
    Every(usize),
    /// At noted places: each of so many places belongs to the next record.
    Noted(&'a [u32], usize),
}

impl Starts<'_> {
    /// Where record `number` begins.
    #[inline]
    fn at(self, number: usize) -> usize {
        match self {
            Self::Every(length) => number.wrapping_mul(length),
            Self::Noted(places, step) => {
                let place = places.get(number.wrapping_mul(step)).copied();
                place.and_then(|place| usize::try_from(place).ok()).unwrap_or(usize::MAX)
            }
        }
    }
}

/// What a batch is filled with.
#[derive(Debug)]
pub(super) struct Filling<'b> {
    pub(super) cells: &'b mut Cells,
    pub(super) slots: &'b mut [Slot],
    /// The first row to be filled.
    pub(super) row: usize,
}

impl Filling<'_> {
    /// Fills a row for each record. The columns are prepared; those that the program tells record by record are settled up to the row.
    #[inline]
    pub(super) fn run(&mut self, program: &Program, records: &Records<'_>, clock: Option<Clock>) {
        let octets = records.octets;
        match records.length {
            Some(length) => {
                if let Some(tiles) = &program.tiles {
                    tiles.run(octets, records.count, length, clock, &mut self.cells.arena, self.row);
                }
                self.singles(program, records, Fixed { octets, length });
            }
            None => self.singles(program, records, Variable { octets, bases: records.bases, stride: records.stride() }),
        }
        self.octets(program, records);
        self.message(program, records);
        for &(number, place) in &program.nonzero {
            self.tell_nonzero(number, place, records.count);
        }
        for other in &program.others {
            let bindings = other.bindings(records.template.plan());
            for (row, record) in (self.row..).zip(records.each()) {
                let value = record.bound(bindings);
                self.tell(other.number, other.place, row, value);
            }
        }
        match program.rate {
            Some((number, place)) if !records.one().rate_is_shared(&program.sampling) => {
                for (row, record) in (self.row..).zip(records.each()) {
                    self.tell(number, place, row, record.sampling_rate_by(&program.sampling).map(FieldValue::Double));
                }
            }
            Some((number, place)) => {
                let rate = records.one().sampling_rate_by(&program.sampling).map(FieldValue::Double);
                self.tell_all(number, place, records.count, rate);
            }
            None => {}
        }
    }

    /// Columns of numbers, times and addresses that no tile fills.
    fn singles(&mut self, program: &Program, records: &Records<'_>, places: impl Locate) {
        for single in &program.singles {
            self.single(single, records.context, records.count, places);
        }
    }

    /// One column, record by record.
    fn single(&mut self, single: &Single, context: &Context, count: usize, places: impl Locate) {
        let (row, octets) = (self.row, single.step.octets);
        let place = (single.segment, u16::try_from(octets.from).unwrap_or(u16::MAX));
        macro_rules! each {
            ($cell:ty, $at:ident, $width:literal, |$octets:ident| $value:expr) => {
                places.each::<$cell, $width>(self.cells.rows($at, row, count), place, |cell, $octets| *cell = $value)
            };
        }
        macro_rules! long {
            ($at:ident, $width:literal) => {
                match single.step.number {
                    Number::Plain => each!(u64, $at, $width, |octets| number(octets)),
                    Number::Scale(1_000_000) => {
                        each!(u64, $at, $width, |octets| nanos(Timestamp::from_millis(number(octets))))
                    }
                    Number::Scale(_) => each!(u64, $at, $width, |octets| nanos(Timestamp::from_seconds(number(octets)))),
                    Number::Ago => {
                        let (exported, now) = (context.exported, context.uptime_ms.unwrap_or(0));
                        each!(u64, $at, $width, |octets| {
                            nanos(exported.at_uptime(now, u32::try_from(number(octets)).unwrap_or(0)))
                        })
                    }
                }
            };
        }
        match (single.place, octets.len) {
            (Place::Octet(at), 1) => each!(u8, at, 1, |octets| u8::from_be_bytes(octets)),
            (Place::Pair(at), 1) => each!(u16, at, 1, |octets| u16::from(u8::from_be_bytes(octets))),
            (Place::Pair(at), 2) => each!(u16, at, 2, |octets| u16::from_be_bytes(octets)),
            (Place::Quad(at), 1) => each!(u32, at, 1, |octets| u32::from(u8::from_be_bytes(octets))),
            (Place::Quad(at), 2) => each!(u32, at, 2, |octets| u32::from(u16::from_be_bytes(octets))),
            (Place::Quad(at), 3) => each!(u32, at, 3, |octets| u32::try_from(number(octets)).unwrap_or(0)),
            (Place::Quad(at), 4) => each!(u32, at, 4, |octets| u32::from_be_bytes(octets)),
            (Place::Long(at), 1) => long!(at, 1),
            (Place::Long(at), 2) => long!(at, 2),
            (Place::Long(at), 3) => long!(at, 3),
            (Place::Long(at), 4) => long!(at, 4),
            (Place::Long(at), 5) => long!(at, 5),
            (Place::Long(at), 6) => long!(at, 6),
            (Place::Long(at), 7) => long!(at, 7),
            (Place::Long(at), 8) => long!(at, 8),
            (Place::Mac(at), 6) => each!([u8; 6], at, 6, |octets| octets),
            (Place::Address(at), 4) => each!([u8; 16], at, 4, |octets| octets_of_address(octets.into())),
            (Place::Address(at), 16) => each!([u8; 16], at, 16, |octets| octets),
            _ => {}
        }
    }

    /// Columns of text and octets: the octets of all records are copied once, and the views point in there.
    fn octets(&mut self, program: &Program, records: &Records<'_>) {
        if program.octets.is_empty() {
            return;
        }
        if records.octets.len().checked_div(records.count).is_some_and(|octets| octets > LARGE) {
            return self.octets_one_by_one(program, records);
        }
        let base = self.cells.text.len();
        self.cells.text.extend_from_slice(records.octets);
        for column in &program.octets {
            let views = self.cells.rows::<u128>(column.at, self.row, records.count);
            let starts = records.starts(column.segment);
            let offset = usize::from(column.offset);
            match (column.length, starts) {
                (Some(length), starts) => {
                    for (number, cell) in views.iter_mut().enumerate() {
                        *cell = view_at(records.octets, starts.at(number).wrapping_add(offset), usize::from(length), base);
                    }
                }
                (None, Starts::Noted(places, step)) => {
                    for (cell, places) in views.iter_mut().zip(places.chunks(step.max(1))) {
                        let start = places.first().and_then(|place| usize::try_from(*place).ok()).unwrap_or(usize::MAX);
                        *cell = variable_at(records.octets, start.wrapping_add(offset), base);
                    }
                }
                // No record of one length has a field of variable length.
                (None, Starts::Every(_)) => views.fill(0),
            }
        }
    }

    /// The same of large records, of which other things may be the most: only what the columns show is kept.
    #[cold]
    fn octets_one_by_one(&mut self, program: &Program, records: &Records<'_>) {
        for column in &program.octets {
            let (starts, offset) = (records.starts(column.segment), usize::from(column.offset));
            for number in 0..records.count {
                let at = starts.at(number).wrapping_add(offset);
                let value = match column.length {
                    Some(length) => records.octets.get(at..).and_then(|rest| rest.get(..usize::from(length))),
                    None => variable(records.octets, at).and_then(|value| records.octets.get(value.start..value.end)),
                };
                self.cells.put_octets(column.at, self.row.saturating_add(number), value.unwrap_or_default());
            }
        }
    }

    /// Columns that the message fills.
    fn message(&mut self, program: &Program, records: &Records<'_>) {
        for said in &program.said {
            self.said(*said, records);
        }
        if let Some((number, place)) = program.agent {
            self.tell_all(number, place, records.count, records.context.agent.map(FieldValue::Address));
        }
    }

    /// One of them. Not inlined: what the others say would be worked out too.
    #[inline(never)]
    fn said(&mut self, said: Said, records: &Records<'_>) {
        let (context, row, count) = (records.context, self.row, records.count);
        match said {
            Said::Received(at) => self.cells.fill(at, row, count, nanos(context.received)),
            Said::Exported(at) => self.cells.fill(at, row, count, nanos(context.exported)),
            Said::Exporter(at) => self.cells.fill(at, row, count, context.exporter.octets()),
            Said::ExporterPort(at) => self.cells.fill(at, row, count, context.exporter.port()),
            Said::Domain(at) => self.cells.fill(at, row, count, context.domain),
            Said::Protocol(at) => self.cells.fill(at, row, count, context.protocol.code()),
            Said::CountersScaled(at) => self.cells.fill(at, row, count, context.counters_scaled.code()),
            Said::Template(at) => self.cells.fill(at, row, count, records.template.id()),
        }
    }

    /// The same value in all rows.
    fn fill(&mut self, place: Place, count: usize, value: FieldValue<'_>) {
        for row in (self.row..).take(count) {
            self.cells.put(place, row, &value);
        }
    }

    fn tell_all(&mut self, number: usize, place: Place, count: usize, value: Option<FieldValue<'_>>) {
        match value {
            Some(value) => self.fill(place, count, value),
            None => self.cells.zero(place, self.row, self.row.saturating_add(count)),
        }
        if let Some(column) = self.slots.get_mut(number) {
            column.validity.extend(count, value.is_some());
        }
    }

    fn tell(&mut self, number: usize, place: Place, row: usize, value: Option<FieldValue<'_>>) {
        let there = value.is_some_and(|value| self.cells.put(place, row, &value));
        if !there {
            self.cells.zero(place, row, row.saturating_add(1));
        }
        if let Some(column) = self.slots.get_mut(number) {
            column.validity.extend(1, there);
        }
    }

    /// Of a column in which zero means absent: which cells are there, after all have been filled.
    fn tell_nonzero(&mut self, number: usize, place: Place, count: usize) {
        const MAPPED: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0];
        let row = self.row;
        let Some(column) = self.slots.get_mut(number) else { return };
        macro_rules! nonzero {
            ($type:ty, $at:ident, |$cell:ident| $zero:expr) => {{
                for cells in self.cells.rows::<$type>($at, row, count).chunks_mut(64) {
                    let mut mask = 0_u64;
                    for (bit, $cell) in cells.iter_mut().enumerate() {
                        mask |= u64::from(!$zero) << bit;
                    }
                    column.validity.push(mask, cells.len());
                }
            }};
        }
        match place {
            Place::Octet(at) => nonzero!(u8, at, |cell| *cell == 0),
            Place::Pair(at) => nonzero!(u16, at, |cell| *cell == 0),
            Place::Quad(at) => nonzero!(u32, at, |cell| *cell == 0),
            Place::Long(at) => nonzero!(u64, at, |cell| *cell == 0),
            Place::Mac(at) => nonzero!([u8; 6], at, |cell| *cell == [0; 6]),
            Place::Address(at) => nonzero!([u8; 16], at, |cell| {
                if *cell == MAPPED {
                    *cell = [0; 16];
                }
                *cell == [0; 16]
            }),
            Place::View(_) | Place::List(_) => {}
        }
    }
}

impl<'a> Records<'a> {
    /// The message, as a record without octets.
    fn one(&self) -> RecordRef<'a> {
        RecordRef { template: self.template, context: self.context, templates: *self.templates, raw: &[], bases: &[] }
    }
}

/// Octets of a record, texts and all the rest: over it a batch keeps its texts alone, not the whole of it.
const LARGE: usize = 1_024;

/// The view of `len` octets that were copied to behind `base`.
#[inline]
fn view_at(octets: &[u8], start: usize, len: usize, base: usize) -> u128 {
    let rest = octets.get(start..).unwrap_or_default();
    let place = base.saturating_add(start);
    let value = match rest.first_chunk() {
        Some(head) => view(*head, len, place),
        None => view_of(rest.get(..len).unwrap_or_default(), place),
    };
    value.unwrap_or(0)
}

/// The view of the octets behind the length at `start`.
#[inline]
fn variable_at(octets: &[u8], start: usize, base: usize) -> u128 {
    // The length and what can stand in a view are read at once, but towards the end of the octets.
    let near = octets.get(start..).and_then(|rest| rest.first_chunk::<17>());
    match near.and_then(|near| near.split_first_chunk()) {
        Some((&[length @ ..=254], head)) => {
            let (len, place) = (usize::from(length), base.wrapping_add(start).wrapping_add(1));
            head.first_chunk().and_then(|head| view(*head, len, place)).unwrap_or(0)
        }
        _ => variable(octets, start).map_or(0, |value| view_at(octets, value.start, value.end.saturating_sub(value.start), base)),
    }
}

#[inline]
const fn nanos(time: Timestamp) -> u64 {
    time.as_nanos().cast_unsigned()
}

/// An unsigned number of up to 8 octets.
#[inline]
fn number<const N: usize>(octets: [u8; N]) -> u64 {
    octets.into_iter().fold(0, |number, octet| number << 8 | u64::from(octet))
}
