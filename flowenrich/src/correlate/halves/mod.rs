//! The two halves of a Kubernetes flow become one.
//!
//! A node knows its own pods only. Of a flow between two nodes the source's says pod, service and egress policy, the destination's pod and
//! ingress policy; each counts for itself. The rules are those of Antrea's aggregator; records of any protocol and exporter take part that
//! have the common fields these rules read.

mod fields;
mod life;
mod rule;
mod side;

use std::sync::Arc;
use std::time::Duration;

use flowcodec::model::{Flow, FlowRecord, Schema, SchemaError};
use flowcodec::{Text, Timestamp};
use foldhash::fast::RandomState;

pub use fields::{field, fields};

use self::fields::Places;
use self::life::Life;
use self::rule::{Facts, Part, is_counter};
use self::side::Taken;
use super::input::{Common, FlowKey, Interval, interval};
use super::limits::{Limits, Table, nanos};
use super::pending::Handle;

/// How [`Correlator`] works. The times are those of Antrea's aggregator.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// How much may be held.
    pub limits: Limits,
    /// A flow that goes on is given out as often. 60 s.
    pub active: Duration,
    /// A flow is forgotten when nothing came of it for so long. 90 s.
    pub idle: Duration,
    /// A half waits so long for the other before it is given out as `partial`. 180 s, which is when the aggregator drops it.
    pub wait: Duration,
    /// How much the clocks of two nodes may differ. It only matters where a port is used again at once: the halves of two flows with the
    /// same addresses and ports are told apart by their times. 2 s.
    pub skew: Duration,
    /// Whether records that do not say their flow's type (`flow_type`) are halves when they name a pod at one end only. True. False where
    /// records of pods' flows to the outside have no type: they would wait in vain.
    pub untyped: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            active: Duration::from_mins(1),
            idle: Duration::from_secs(90),
            wait: Duration::from_mins(3),
            skew: Duration::from_secs(2),
            untyped: true,
        }
    }
}

/// What happened so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Records that came.
    pub records: u64,
    /// Of them, those without addresses, which were given out as they were.
    pub unkeyed: u64,
    /// Of them, those that said nothing new: doubles, mostly.
    pub known: u64,
    /// Of them, those whose total was lower than an earlier one's of the same flow. The higher total stays.
    pub resets: u64,
    /// Flows whose halves both came.
    pub merged: u64,
    /// Flows of which no second half was to come.
    pub single: u64,
    /// Flows given out as `partial`. When the other half comes later, the flow counts as merged too.
    pub partial: u64,
    /// Flows given out or forgotten before their time, because there was no room, or too many of the same addresses and
    /// ports.
    pub evicted: u64,
    /// Records that could not be held at all and were given out as they were: the limits do not suffice for one entry.
    pub refused: u64,
    /// Flows given out.
    pub given: u64,
}

/// Makes one flow of two halves.
///
/// A flow is given out when its halves have come, or at once when there is no second one to come; then every minute in which
/// something was new. A half that stays alone is given out after three minutes, and its `correlation` is `partial`. See [`field`] for what
/// flows have beside the common fields.
///
/// ```
/// use flowcodec::model::{FieldValue, Flow, Schema};
/// use flowcodec::{Text, Timestamp, field};
/// use flowenrich::correlate::{Correlator, halves};
///
/// let mut correlator = Correlator::new(halves::Settings::default(), &Schema::common())?;
/// let half = |ours: flowcodec::model::Field<flowcodec::model::String>, pod: &str, octets: u64| {
///     let mut flow = Flow::new(Schema::common());
///     flow.set(field::SRC_ADDR.id(), FieldValue::Address([10, 244, 1, 10].into()));
///     flow.set(field::DST_ADDR.id(), FieldValue::Address([10, 244, 2, 31].into()));
///     flow.set(field::FLOW_TYPE.id(), FieldValue::Unsigned(2));
///     flow.set(field::OCTETS_TOTAL.id(), FieldValue::Unsigned(octets));
///     flow.set(ours.id(), FieldValue::Text(Text::from(pod)));
///     flow
/// };
/// let mut merged = Vec::new();
/// let now = Timestamp::from_seconds(1_795_176_010);
/// correlator.offer(now, &half(field::SRC_POD, "frontend", 1_000), |flow| merged.push(flow));
/// assert!(merged.is_empty(), "the other half is to come");
/// correlator.offer(now, &half(field::DST_POD, "api", 960), |flow| merged.push(flow));
///
/// assert_eq!(merged[0].get(field::SRC_POD), Some("frontend".into()));
/// assert_eq!(merged[0].get(field::DST_POD), Some("api".into()));
/// let from_src = correlator.schema().resolve(&halves::field::SRC_OCTETS_TOTAL).unwrap();
/// let from_dst = correlator.schema().resolve(&halves::field::DST_OCTETS_TOTAL).unwrap();
/// assert_eq!((merged[0].get(from_src), merged[0].get(from_dst)), (Some(1_000), Some(960)));
/// # Ok::<(), flowcodec::model::SchemaError>(())
/// ```
#[derive(Debug)]
pub struct Correlator {
    settings: Settings,
    schema: Arc<Schema>,
    places: Places,
    table: Table<FlowKey, Life>,
    hasher: RandomState,
    stats: Stats,
}

impl Correlator {
    /// Adds [`fields`] to a schema that does not have them.
    ///
    /// # Errors
    /// When the schema has a field of one of their names, or too many.
    pub fn new(settings: Settings, schema: &Schema) -> Result<Self, SchemaError> {
        Ok(Self::with(settings, schema.with(fields())?))
    }

    /// Uses a schema as it is; of [`fields`], those that it lacks are left out.
    #[must_use]
    pub fn with(settings: Settings, schema: Arc<Schema>) -> Self {
        Self {
            places: Places::new(&schema),
            table: Table::new(settings.limits),
            hasher: RandomState::default(),
            stats: Stats::default(),
            schema,
            settings,
        }
    }

    /// The schema of the flows given out. Records of a decoder with this schema bring all its fields, others the core ones.
    #[must_use]
    pub const fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// What happened so far.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
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

    /// Takes a record, and gives out what is ready by it. Cost: one look-up, and a pass over the record's fields.
    pub fn offer(&mut self, now: Timestamp, record: &impl Common, mut out: impl FnMut(Flow)) {
        self.stats.records = self.stats.records.saturating_add(1);
        let row = record.row();
        let facts = Facts::of(record, &row, &self.schema);
        let Some(key) = facts.key(&row) else {
            self.stats.unkeyed = self.stats.unkeyed.saturating_add(1);
            return self.pass(record, &row, None, out);
        };
        let part = facts.part(self.settings.untyped);
        let when = interval(&row, now);
        let handle = match self.life(&key, when, &facts) {
            Some(handle) => handle,
            None => {
                self.keep_few(&key, now, &mut out);
                while let Some(last) = self.table.crowded() {
                    self.give_up(last, now, &mut out);
                }
                let Ok(handle) = self.table.insert(key, Life::new(now)) else {
                    self.stats.refused = self.stats.refused.saturating_add(1);
                    let status = if part == Part::Half { "partial" } else { "single" };
                    return self.pass(record, &row, Some(status), out);
                };
                handle
            }
        };
        self.take(handle, now, record, (&row, when, &facts, part), &mut out);
        while let Some(last) = self.table.excess() {
            self.give_up(last, now, &mut out);
        }
    }

    /// The flow a record is of: of those that can be, the one that began nearest.
    fn life(&self, key: &FlowKey, when: Interval, facts: &Facts) -> Option<Handle> {
        // Records with totals of one flow overlap, as all of them begin when the flow does. Others follow one another.
        let apart = if facts.has_totals() { 0 } else { nanos(self.settings.idle) };
        let skew = nanos(self.settings.skew);
        let near = self
            .table
            .entries
            .find(key)
            .filter_map(|(handle, life)| life.distance(facts.whose(), when, apart, skew).map(|distance| (distance, handle)));
        near.min_by_key(|(distance, _)| *distance).map(|(_, handle)| handle)
    }

    /// Flows of one key are looked through one by one: there are never more than a few.
    fn keep_few(&mut self, key: &FlowKey, now: Timestamp, out: &mut impl FnMut(Flow)) {
        let mut lives = self.table.entries.find(key).map(|(handle, _)| handle);
        if let (Some(oldest), Some(_)) = (lives.next(), lives.nth(MOST_LIVES.saturating_sub(2))) {
            drop(lives);
            self.give_up(oldest, now, out);
        }
    }

    fn take(
        &mut self,
        handle: Handle,
        now: Timestamp,
        record: &impl Common,
        (row, when, facts, part): (&FlowRecord, Interval, &Facts, Part),
        out: &mut impl FnMut(Flow),
    ) {
        let (schema, places, hasher, texts) = (&self.schema, &self.places, &self.hasher, &mut self.table.texts);
        let taken = self.table.entries.edit(handle, |_, life| {
            let (settled, mut changed) = ((life.is_settled(), life.is_merged()), false);
            let taken = life.take(row, when, facts, part, hasher);
            life.heard = life.heard.max(now);
            record.beside(schema, &mut |id, value| {
                if !is_counter(id) && !places.has(id) {
                    changed |= life.take_field(texts, id, value, when.end);
                }
            });
            let known = taken == Taken::Known && !changed;
            (taken == Taken::Reset, known, settled, (life.is_settled(), life.is_merged()))
        });
        let Some((reset, known, (was_settled, was_merged), (settled, merged))) = taken else { return };
        self.stats.known = self.stats.known.saturating_add(u64::from(known));
        self.stats.resets = self.stats.resets.saturating_add(u64::from(reset));
        if merged && !was_merged {
            self.stats.merged = self.stats.merged.saturating_add(1);
        } else if settled && !was_settled {
            self.stats.single = self.stats.single.saturating_add(1);
        }
        if settled && !was_settled {
            self.give(handle, now, out);
        }
        self.wait(handle, now);
    }

    /// Lets time pass: gives out what is due. About once a second.
    pub fn tick(&mut self, now: Timestamp, mut out: impl FnMut(Flow)) {
        while let Some(handle) = self.table.entries.due(now) {
            let Some(life) = self.table.entries.get(handle) else { continue };
            if life.is_fresh() && self.settings.give_at(life) <= now {
                self.give(handle, now, &mut out);
            }
            let forgotten = self.table.entries.get(handle).is_some_and(|life| self.settings.forget_at(life) <= now);
            if forgotten {
                self.end(handle, now, &mut out);
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
    pub fn finish(&mut self, now: Timestamp, mut out: impl FnMut(Flow)) {
        while let Some(handle) = self.table.entries.next() {
            self.end(handle, now, &mut out);
        }
    }

    fn wait(&mut self, handle: Handle, now: Timestamp) {
        let Some(life) = self.table.entries.get(handle) else { return };
        let forget = self.settings.forget_at(life);
        let at = if life.is_fresh() { forget.min(self.settings.give_at(life)) } else { forget };
        self.table.entries.set_timer(handle, at, now);
    }

    fn give(&mut self, handle: Handle, now: Timestamp, out: &mut impl FnMut(Flow)) {
        let (schema, places, texts) = (&self.schema, &self.places, &self.table.texts);
        let flow = self.table.entries.edit(handle, |_, life| {
            let first_partial = life.given.is_none() && !life.is_settled();
            life.given = Some(now);
            (life.flow(schema, places, texts), first_partial)
        });
        if let Some((flow, partial)) = flow {
            self.stats.partial = self.stats.partial.saturating_add(u64::from(partial));
            self.stats.given = self.stats.given.saturating_add(1);
            out(flow);
        }
    }

    fn give_up(&mut self, handle: Handle, now: Timestamp, out: &mut impl FnMut(Flow)) {
        self.stats.evicted = self.stats.evicted.saturating_add(1);
        self.end(handle, now, out);
    }

    fn end(&mut self, handle: Handle, now: Timestamp, out: &mut impl FnMut(Flow)) {
        if self.table.entries.get(handle).is_some_and(Life::is_fresh) {
            self.give(handle, now, out);
        }
        if let Some((_, mut life)) = self.table.entries.remove(handle) {
            life.kept.release(&mut self.table.texts);
        }
    }

    /// Gives a record out as it is.
    fn pass(&mut self, record: &impl Common, row: &FlowRecord, status: Option<&str>, mut out: impl FnMut(Flow)) {
        let mut flow = super::input::copied(record, row, &self.schema);
        if let (Some(id), Some(status)) = (self.places.correlation, status) {
            flow.set(id, flowcodec::model::FieldValue::Text(Text::from(status)));
        }
        self.stats.given = self.stats.given.saturating_add(1);
        out(flow);
    }
}

/// As many flows of the same addresses and ports are held at once, each from another time.
const MOST_LIVES: usize = 8;

impl Settings {
    /// When what is new of a flow is given out.
    fn give_at(&self, life: &Life) -> Timestamp {
        match life.given {
            Some(given) => given.offset(nanos(self.active)),
            None if life.is_settled() => life.first,
            None => life.first.offset(nanos(self.wait)),
        }
    }

    /// When it is forgotten. A half is waited for to the end.
    fn forget_at(&self, life: &Life) -> Timestamp {
        let idle = life.heard.offset(nanos(self.idle));
        if life.given.is_some() { idle } else { idle.max(life.first.offset(nanos(self.wait))) }
    }
}
