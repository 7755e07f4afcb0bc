//! The two directions of a conversation become one biflow (RFC 5103).

use std::sync::Arc;
use std::time::Duration;

use flowcodec::Timestamp;
use flowcodec::model::{
    Field, FieldDef, FieldId, FieldSpec, Flow, FlowRecord, Schema, SchemaError, String as TextField, Unit, field,
};

use super::input::{Common, FlowKey, Interval, copied, interval};
use super::limits::{Limits, Table, nanos};
use super::pending::{Handle, Heap};
use super::sum::{Sum, put, put_number, put_text};

static BIFLOW: FieldDef<TextField> =
    FieldDef::new("biflow", Unit::None, "`both` directions are in the flow, or only `one` was reported.", &[]);

/// How [`Biflows`] works.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BiflowSettings {
    /// How much may be held.
    pub limits: Limits,
    /// What comes of a conversation within so long after its first record becomes one flow. 15 s: exporters report the two directions at
    /// about the same time, as both began and ended together.
    pub wait: Duration,
    /// Which direction is the forward one is remembered until nothing came of a conversation for so long. 120 s.
    pub idle: Duration,
}

impl Default for BiflowSettings {
    fn default() -> Self {
        Self { limits: Limits::default(), wait: Duration::from_secs(15), idle: Duration::from_mins(2) }
    }
}

/// What happened so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BiflowStats {
    /// Records that came.
    pub records: u64,
    /// Of them, those without addresses, which were given out as they were.
    pub unkeyed: u64,
    /// Of them, those that were biflows already, which were given out as they were.
    pub already: u64,
    /// Flows given out with both directions.
    pub both: u64,
    /// Flows given out with one, as the other did not come.
    pub one: u64,
    /// Conversations given out or forgotten before their time, because there was no room.
    pub evicted: u64,
    /// Records that could not be held at all and were given out as they were: the limits do not suffice for one entry.
    pub refused: u64,
}

/// Makes one flow of the two directions of a conversation.
///
/// Forward is the direction that began first (`biflow_direction` 1, initiator); when both began at once, that to the lower port
/// (`biflow_direction` 0, arbitrary). What has been found holds for the conversation. The flow is the forward record, with counters, times
/// and flags of the other direction in the fields that begin with `reverse_`, and, where the forward record does not say who its
/// destination is (pod, node, AS ...), what the other record says of its source. Records of one direction are summed. A direction that
/// stays alone is given out after the wait as it is, and `biflow` says `one`.
///
/// ```
/// use flowcodec::model::{FieldValue, Flow, Schema};
/// use flowcodec::{Timestamp, field};
/// use flowenrich::correlate::{BiflowSettings, Biflows};
///
/// let mut biflows = Biflows::new(BiflowSettings::default(), &Schema::common())?;
/// let now = Timestamp::from_seconds(1_795_176_010);
/// let flow = |from: (u8, u64), to: (u8, u64), octets| {
///     let mut flow = Flow::new(Schema::common());
///     flow.set(field::SRC_ADDR.id(), FieldValue::Address([192, 0, 2, from.0].into()));
///     flow.set(field::DST_ADDR.id(), FieldValue::Address([192, 0, 2, to.0].into()));
///     flow.set(field::SRC_PORT.id(), FieldValue::Unsigned(from.1));
///     flow.set(field::DST_PORT.id(), FieldValue::Unsigned(to.1));
///     flow.set(field::OCTETS.id(), FieldValue::Unsigned(octets));
///     flow
/// };
/// let mut given = Vec::new();
/// biflows.offer(now, &flow((7, 443), (1, 50_000), 9_000), |flow| given.push(flow));
/// biflows.offer(now, &flow((1, 50_000), (7, 443), 800), |flow| given.push(flow));
/// biflows.tick(now.offset(16_000_000_000), |flow| given.push(flow));
/// assert_eq!((given[0].get(field::DST_PORT), given[0].get(field::OCTETS)), (Some(443), Some(800)));
/// assert_eq!(given[0].get(field::REVERSE_OCTETS), Some(9_000));
/// # Ok::<(), flowcodec::model::SchemaError>(())
/// ```
#[derive(Debug)]
pub struct Biflows {
    settings: BiflowSettings,
    schema: Arc<Schema>,
    biflow: Option<FieldId>,
    table: Table<FlowKey, Conversation>,
    stats: BiflowStats,
}

#[derive(Debug)]
struct Conversation {
    /// When the first record came of those that wait.
    first: Timestamp,
    heard: Timestamp,
    /// From the lower end to the higher, and back.
    ways: [Option<Box<Sum>>; 2],
    /// Which of the two is forward, and whether that was found by who began.
    forward: Option<(bool, bool)>,
}

impl Heap for Conversation {
    fn heap(&self) -> usize {
        self.ways.iter().flatten().map(|sum| size_of::<Sum>().saturating_add(sum.heap())).sum()
    }
}

/// The conversation, and whether the record goes from its higher end to the lower.
fn key(row: &FlowRecord) -> Option<(FlowKey, bool)> {
    let mut key = FlowKey::of(row)?;
    if let Some(kind) = row.icmp_type() {
        // Requests and replies are one conversation.
        let class = match (key.protocol, kind) {
            (1, 0) => 8,
            (1, 14 | 16 | 18) => kind.saturating_sub(1),
            (58, 129) => 128,
            _ => kind,
        };
        (key.src_port, key.dst_port) = (class.into(), class.into());
    }
    let back = (key.src, key.src_port) > (key.dst, key.dst_port);
    if back {
        key = FlowKey { src: key.dst, dst: key.src, src_port: key.dst_port, dst_port: key.src_port, ..key };
    }
    Some((key, back))
}

impl Biflows {
    /// Adds the field `biflow` to a schema that does not have it.
    ///
    /// # Errors
    /// When the schema has a field of that name, or too many.
    pub fn new(settings: BiflowSettings, schema: &Schema) -> Result<Self, SchemaError> {
        Ok(Self::with(settings, schema.with(Self::fields())?))
    }

    /// Uses a schema as it is; a field that it lacks is left out.
    #[must_use]
    pub fn with(settings: BiflowSettings, schema: Arc<Schema>) -> Self {
        let (biflow, table) = (schema.resolve(&BIFLOW).map(Field::id), Table::new(settings.limits));
        Self { settings, schema, biflow, table, stats: BiflowStats::default() }
    }

    /// What it adds to a schema.
    pub fn fields() -> impl Iterator<Item = FieldSpec> {
        [BIFLOW.spec()].into_iter()
    }

    /// The schema of the flows given out.
    #[must_use]
    pub const fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// What happened so far.
    #[must_use]
    pub const fn stats(&self) -> &BiflowStats {
        &self.stats
    }

    /// Conversations held.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.table.entries.len()
    }

    /// Octets allocated for them, names and tables included.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        self.table.bytes()
    }

    /// Takes a record. Cost: one look-up, and a pass over the record's fields.
    pub fn offer(&mut self, now: Timestamp, record: &impl Common, mut out: impl FnMut(Flow)) {
        self.stats.records = self.stats.records.saturating_add(1);
        let row = record.row();
        let Some((key, back)) = key(&row) else {
            self.stats.unkeyed = self.stats.unkeyed.saturating_add(1);
            return out(copied(record, &row, &self.schema));
        };
        if is_biflow(record, &self.schema) {
            self.stats.already = self.stats.already.saturating_add(1);
            return out(copied(record, &row, &self.schema));
        }
        let handle = match self.table.first(&key) {
            Some(handle) => handle,
            None => {
                while let Some(last) = self.table.crowded() {
                    self.give_up(last, &mut out);
                }
                let conversation = Conversation { first: now, heard: now, ways: [None, None], forward: None };
                let Ok(handle) = self.table.insert(key, conversation) else {
                    self.stats.refused = self.stats.refused.saturating_add(1);
                    return out(copied(record, &row, &self.schema));
                };
                handle
            }
        };
        self.take(handle, now, record, (&row, interval(&row, now), back));
        while let Some(last) = self.table.excess() {
            self.give_up(last, &mut out);
        }
    }

    fn take(&mut self, handle: Handle, now: Timestamp, record: &impl Common, of: (&FlowRecord, Interval, bool)) {
        let ((row, when, back), schema, texts) = (of, &self.schema, &mut self.table.texts);
        self.table.entries.edit(handle, |_, conversation| {
            conversation.heard = conversation.heard.max(now);
            if conversation.ways.iter().all(Option::is_none) {
                conversation.first = now;
            }
            let [out, home] = &mut conversation.ways;
            let way = if back { home } else { out };
            way.get_or_insert_with(|| Box::new(Sum::new(when))).take(record, row, when, schema, texts);
        });
        self.wait(handle, now);
    }

    fn wait(&mut self, handle: Handle, now: Timestamp) {
        let Some(conversation) = self.table.entries.get(handle) else { return };
        let at = if conversation.ways.iter().any(Option::is_some) {
            conversation.first.offset(nanos(self.settings.wait))
        } else {
            conversation.heard.offset(nanos(self.settings.idle))
        };
        self.table.entries.set_timer(handle, at, now);
    }

    /// Lets time pass: gives out what has waited long enough. About once a second.
    pub fn tick(&mut self, now: Timestamp, mut out: impl FnMut(Flow)) {
        while let Some(handle) = self.table.entries.due(now) {
            self.give(handle, &mut out);
            let idle = nanos(self.settings.idle);
            if self.table.entries.get(handle).is_some_and(|it| it.heard.offset(idle) <= now) {
                self.table.entries.remove(handle);
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

    /// The end of input: gives out all that waits, and forgets everything.
    pub fn finish(&mut self, mut out: impl FnMut(Flow)) {
        while let Some(handle) = self.table.entries.next() {
            self.give(handle, &mut out);
            self.table.entries.remove(handle);
        }
    }

    fn give_up(&mut self, handle: Handle, out: &mut impl FnMut(Flow)) {
        self.stats.evicted = self.stats.evicted.saturating_add(1);
        self.give(handle, out);
        self.table.entries.remove(handle);
    }

    fn give(&mut self, handle: Handle, out: &mut impl FnMut(Flow)) {
        let (schema, texts, biflow) = (&self.schema, &mut self.table.texts, self.biflow);
        let flow = self.table.entries.edit(handle, |_, conversation| {
            let ways = std::mem::take(&mut conversation.ways);
            let flow = match &ways {
                [Some(there), Some(home)] => {
                    let (swapped, by_start) = *conversation.forward.get_or_insert_with(|| forward(there, home));
                    let (forward, reverse) = if swapped { (home, there) } else { (there, home) };
                    let (mut flow, back) = (forward.flow(schema, texts), reverse.flow(schema, texts));
                    stitch(&mut flow, &back);
                    put_number(&mut flow, Some(field::BIFLOW_DIRECTION.id()), Some(by_start.into()));
                    put_text(&mut flow, biflow, Some("both"));
                    Some((flow, true))
                }
                [Some(way), None] | [None, Some(way)] => {
                    let mut flow = way.flow(schema, texts);
                    put_text(&mut flow, biflow, Some("one"));
                    Some((flow, false))
                }
                [None, None] => None,
            };
            for mut sum in ways.into_iter().flatten() {
                sum.kept.release(texts);
            }
            flow
        });
        if let Some((flow, both)) = flow.flatten() {
            let counter = if both { &mut self.stats.both } else { &mut self.stats.one };
            *counter = counter.saturating_add(1);
            out(flow);
        }
    }
}

fn is_biflow(record: &impl Common, schema: &Schema) -> bool {
    let mut is = false;
    record.beside(schema, &mut |id, _| {
        is |= [field::REVERSE_OCTETS.id(), field::REVERSE_PACKETS.id(), field::BIFLOW_DIRECTION.id()].contains(&id);
    });
    is
}

/// Whether the way home is the forward one, and whether that is known by who began.
fn forward(there: &Sum, home: &Sum) -> (bool, bool) {
    if there.when.start != home.when.start {
        return (home.when.start < there.when.start, true);
    }
    let port = |sum: &Sum| sum.kept.row().dst_port().unwrap_or(0);
    (port(home) < port(there), false)
}

/// Fields that are said of the opposite direction under another name (RFC 5103 §3), and fields of one end that are those of the other end
/// seen from there.
fn stitch(flow: &mut Flow, back: &Flow) {
    use field as f;
    const REVERSED: [(FieldId, FieldId); 7] = [
        (f::REVERSE_OCTETS.id(), f::OCTETS.id()),
        (f::REVERSE_PACKETS.id(), f::PACKETS.id()),
        (f::REVERSE_OCTETS_TOTAL.id(), f::OCTETS_TOTAL.id()),
        (f::REVERSE_PACKETS_TOTAL.id(), f::PACKETS_TOTAL.id()),
        (f::REVERSE_TCP_FLAGS.id(), f::TCP_FLAGS.id()),
        (f::REVERSE_START.id(), f::START.id()),
        (f::REVERSE_END.id(), f::END.id()),
    ];
    const ENDS: [(FieldId, FieldId); 7] = [
        (f::SRC_POD.id(), f::DST_POD.id()),
        (f::SRC_NAMESPACE.id(), f::DST_NAMESPACE.id()),
        (f::SRC_NODE.id(), f::DST_NODE.id()),
        (f::SRC_LABELS.id(), f::DST_LABELS.id()),
        (f::SRC_USER.id(), f::DST_USER.id()),
        (f::SRC_AS.id(), f::DST_AS.id()),
        (f::SRC_PREFIX_LEN.id(), f::DST_PREFIX_LEN.id()),
    ];
    for (to, from) in REVERSED {
        put(flow, Some(to), back.value(from));
    }
    for (a, b) in ENDS {
        for (to, from) in [(a, b), (b, a)] {
            if flow.value(to).is_none() {
                put(flow, Some(to), back.value(from));
            }
        }
    }
}
