//! One flow, reported from several places: one of them speaks.

mod group;

use std::sync::Arc;
use std::time::Duration;

use flowcodec::Timestamp;
use flowcodec::model::{Field, FieldDef, FieldId, FieldSpec, Flow, FlowRecord, Schema, SchemaError, U32, Unit};

use self::group::{Group, Place, key};
use super::input::{Common, FlowKey, Interval, copied, interval};
use super::limits::{Limits, Table, nanos};
use super::pending::Handle;
use super::sum::put_number;

static PLACES: FieldDef<U32> = FieldDef::new(
    "observation_points",
    Unit::None,
    "Places that have reported the flow so far: interfaces, exporters, protocols.",
    &[],
);

/// How [`Dedup`] works.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DedupSettings {
    /// How much may be held.
    pub limits: Limits,
    /// After the first record of a flow, reports from other places are waited for so long before one is chosen. 5 s.
    pub wait: Duration,
    /// A flow is forgotten when nothing came of it for so long; and when nothing came from the place that was chosen, another one is.
    /// 120 s: longer than exporters hold back what they have of a flow.
    pub idle: Duration,
}

impl Default for DedupSettings {
    fn default() -> Self {
        Self { limits: Limits::default(), wait: Duration::from_secs(5), idle: Duration::from_mins(2) }
    }
}

/// What happened so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DedupStats {
    /// Records that came.
    pub records: u64,
    /// Of them, those with neither IP nor MAC addresses, which were given out as they were.
    pub unkeyed: u64,
    /// Of them, those from other places than the chosen ones.
    pub duplicates: u64,
    /// Octets of those.
    pub duplicate_octets: u64,
    /// Of the duplicates, those from so many places that theirs was not remembered.
    pub crowded: u64,
    /// Times that a place fell silent and another took over.
    pub taken_over: u64,
    /// Flows chosen for or forgotten before their time, because there was no room.
    pub evicted: u64,
    /// Records that could not be held at all and were given out as they were: the limits do not suffice for one entry.
    pub refused: u64,
    /// Flows given out.
    pub given: u64,
}

impl DedupStats {
    /// Records from another place than the chosen one.
    const fn duplicate(&mut self, records: u64, octets: u64) {
        self.duplicates = self.duplicates.saturating_add(records);
        self.duplicate_octets = self.duplicate_octets.saturating_add(octets);
    }
}

/// Lets one place speak for each flow: an exporter, its domain, the interfaces and the direction.
///
/// Open vSwitch reports a packet where it comes in and at every port it leaves by; routers along a path each report the flow. The first
/// record of a flow opens a short wait. Then the best place is chosen: the least sampled, ingress before egress, and else the lowest in order
/// of exporter and interfaces, so that the choice does not depend on the order of records. What it said so far is given out as one
/// flow, counters summed; from then on its records are given out at once, and those from elsewhere are counted and not given out.
///
/// Flows are told apart by addresses, protocol and ports (of ICMP, type and code), so the two directions are two flows; what has no IP
/// address, by MAC addresses and Ethernet type. Every given flow says in `observation_points` how many places reported it so far.
///
/// ```
/// use flowcodec::model::{FieldValue, Flow, Schema};
/// use flowcodec::{Timestamp, field};
/// use flowenrich::correlate::{Dedup, DedupSettings};
///
/// let mut dedup = Dedup::new(DedupSettings::default(), &Schema::common())?;
/// let (mut given, now) = (Vec::new(), Timestamp::from_seconds(1_795_176_010));
/// for direction in [1, 0, 1] {
///     let mut flow = Flow::new(Schema::common());
///     flow.set(field::SRC_ADDR.id(), FieldValue::Address([10, 99, 0, 1].into()));
///     flow.set(field::DST_ADDR.id(), FieldValue::Address([10, 99, 0, 2].into()));
///     flow.set(field::DIRECTION.id(), FieldValue::Unsigned(direction));
///     flow.set(field::OUT_IF.id(), FieldValue::Unsigned(direction * 3));
///     flow.set(field::OCTETS.id(), FieldValue::Unsigned(540));
///     dedup.offer(now, &flow, |flow| given.push(flow));
/// }
/// dedup.tick(now.offset(6_000_000_000), |flow| given.push(flow));
/// assert_eq!((given.len(), given[0].get(field::DIRECTION), given[0].get(field::OCTETS)), (1, Some(0), Some(540)));
/// assert_eq!(dedup.stats().duplicates, 2);
/// # Ok::<(), flowcodec::model::SchemaError>(())
/// ```
#[derive(Debug)]
pub struct Dedup {
    settings: DedupSettings,
    schema: Arc<Schema>,
    places: Option<FieldId>,
    table: Table<FlowKey, Group>,
    stats: DedupStats,
}

impl Dedup {
    /// Adds `observation_points` to a schema that does not have it.
    ///
    /// # Errors
    /// When the schema has a field of that name, or too many.
    pub fn new(settings: DedupSettings, schema: &Schema) -> Result<Self, SchemaError> {
        Ok(Self::with(settings, schema.with(Self::fields())?))
    }

    /// Uses a schema as it is; a field that it lacks is left out.
    #[must_use]
    pub fn with(settings: DedupSettings, schema: Arc<Schema>) -> Self {
        let (places, table) = (schema.resolve(&PLACES).map(Field::id), Table::new(settings.limits));
        Self { settings, schema, places, table, stats: DedupStats::default() }
    }

    /// What it adds to a schema.
    pub fn fields() -> impl Iterator<Item = FieldSpec> {
        [PLACES.spec()].into_iter()
    }

    /// The schema of the flows given out.
    #[must_use]
    pub const fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// What happened so far.
    #[must_use]
    pub const fn stats(&self) -> &DedupStats {
        &self.stats
    }

    /// Flows held.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.table.entries.len()
    }

    /// Octets allocated for them, names and tables included.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        self.table.bytes()
    }

    /// Takes a record, and gives it out if its place was chosen. Cost: one look-up, and a pass over the record's fields.
    pub fn offer(&mut self, now: Timestamp, record: &impl Common, mut out: impl FnMut(Flow)) {
        self.stats.records = self.stats.records.saturating_add(1);
        let row = record.row();
        let Some(key) = key(&row) else {
            self.stats.unkeyed = self.stats.unkeyed.saturating_add(1);
            return self.give(copied(record, &row, &self.schema), 0, &mut out);
        };
        let handle = match self.table.first(&key) {
            Some(handle) => handle,
            None => {
                while let Some(last) = self.table.crowded() {
                    self.give_up(last, &mut out);
                }
                let Ok(handle) = self.table.insert(key, Group::new(now)) else {
                    self.stats.refused = self.stats.refused.saturating_add(1);
                    return self.give(copied(record, &row, &self.schema), 0, &mut out);
                };
                handle
            }
        };
        self.take(handle, now, record, (&row, interval(&row, now)), &mut out);
        while let Some(last) = self.table.excess() {
            self.give_up(last, &mut out);
        }
    }

    fn take(
        &mut self,
        handle: Handle,
        now: Timestamp,
        record: &impl Common,
        (row, when): (&FlowRecord, Interval),
        out: &mut impl FnMut(Flow),
    ) {
        let place = Place::of(row);
        let (idle, schema, texts, stats) = (nanos(self.settings.idle), &self.schema, &mut self.table.texts, &mut self.stats);
        let chosen = self.table.entries.edit(handle, |_, group| {
            group.heard = group.heard.max(now);
            group.see(place);
            match &mut group.chosen {
                Some((chosen, heard)) if *chosen == place => {
                    *heard = (*heard).max(now);
                    return Some(group.seen.len());
                }
                Some((_, heard)) if now.since(*heard) <= idle => {
                    stats.duplicate(1, row.octets().unwrap_or(0));
                    return None;
                }
                Some(_) => {
                    stats.taken_over = stats.taken_over.saturating_add(1);
                    (group.chosen, group.first) = (None, now);
                }
                None => {}
            }
            match group.place(place, when, texts, stats) {
                Some(sum) => sum.take(record, row, when, schema, texts),
                None => {
                    stats.crowded = stats.crowded.saturating_add(1);
                    stats.duplicate(1, row.octets().unwrap_or(0));
                }
            }
            None
        });
        if let Some(places) = chosen.flatten() {
            let flow = copied(record, row, &self.schema);
            self.give(flow, places, out);
        }
        self.wait(handle, now);
    }

    fn wait(&mut self, handle: Handle, now: Timestamp) {
        let Some(group) = self.table.entries.get(handle) else { return };
        let at = match group.chosen {
            None => group.first.offset(nanos(self.settings.wait)),
            Some(_) => group.heard.offset(nanos(self.settings.idle)),
        };
        self.table.entries.set_timer(handle, at, now);
    }

    /// Lets time pass: chooses, and gives out what the chosen said. About once a second.
    pub fn tick(&mut self, now: Timestamp, mut out: impl FnMut(Flow)) {
        while let Some(handle) = self.table.entries.due(now) {
            let Some(group) = self.table.entries.get(handle) else { continue };
            if group.chosen.is_none() {
                self.choose(handle, &mut out);
                self.wait(handle, now);
            } else if group.heard.offset(nanos(self.settings.idle)) <= now {
                self.end(handle, &mut out);
            } else {
                self.wait(handle, now);
            }
        }
    }

    /// When [`tick`](Self::tick) has something to do next; not later than that.
    #[must_use]
    pub fn next_tick(&self) -> Option<Timestamp> {
        self.table.entries.next_due()
    }

    /// The end of input: gives out all that was not, and forgets everything.
    pub fn finish(&mut self, mut out: impl FnMut(Flow)) {
        while let Some(handle) = self.table.entries.next() {
            self.end(handle, &mut out);
        }
    }

    fn choose(&mut self, handle: Handle, out: &mut impl FnMut(Flow)) {
        let (schema, texts, stats) = (&self.schema, &mut self.table.texts, &mut self.stats);
        let flow = self.table.entries.edit(handle, |_, group| {
            let mut flow = None;
            for (place, mut sum) in std::mem::take(&mut group.places) {
                if group.chosen.is_none() {
                    group.chosen = Some((place, group.heard));
                    flow = Some((sum.flow(schema, texts), group.seen.len()));
                } else {
                    stats.duplicate(sum.records, sum.octets());
                }
                sum.kept.release(texts);
            }
            flow
        });
        if let Some((flow, places)) = flow.flatten() {
            self.give(flow, places, out);
        }
    }

    fn give(&mut self, mut flow: Flow, places: usize, out: &mut impl FnMut(Flow)) {
        self.stats.given = self.stats.given.saturating_add(1);
        put_number(&mut flow, self.places, u64::try_from(places.max(1)).ok());
        out(flow);
    }

    fn give_up(&mut self, handle: Handle, out: &mut impl FnMut(Flow)) {
        self.stats.evicted = self.stats.evicted.saturating_add(1);
        self.end(handle, out);
    }

    fn end(&mut self, handle: Handle, out: &mut impl FnMut(Flow)) {
        self.choose(handle, out);
        self.table.entries.remove(handle);
    }
}
