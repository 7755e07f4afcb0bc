//! What records are read through: the common model, whoever holds it.

use std::net::IpAddr;
use std::sync::Arc;

use flowcodec::batch::FlowBatch;
use flowcodec::model::{FieldId, FieldValue, FlowRecord, Schema};
use flowcodec::{Flow, Record, Timestamp};

/// A record of the common model: an owned [`Flow`], a [`Record`] that is borrowed from its datagram, or a [row](BatchRow) of a batch.
pub trait Common {
    /// The part that is a row.
    fn row(&self) -> FlowRecord;

    /// Hands over the fields beside the row that belong to `schema`, in its order. Of a flow or template that was made for another
    /// schema, only the core fields.
    fn beside(&self, schema: &Schema, each: &mut dyn FnMut(FieldId, FieldValue<'_>));
}

impl Common for Flow {
    fn row(&self) -> FlowRecord {
        *Self::row(self)
    }

    fn beside(&self, schema: &Schema, each: &mut dyn FnMut(FieldId, FieldValue<'_>)) {
        let known = if self.schema().tag() == schema.tag() { usize::MAX } else { Schema::common().fields().len() };
        for (id, value) in self.fields().filter(|(id, _)| !FlowRecord::holds(*id) && id.index() < known) {
            each(id, value);
        }
    }
}

impl Common for Record<'_> {
    fn row(&self) -> FlowRecord {
        let mut row = FlowRecord::EMPTY;
        self.fill(&mut row);
        row
    }

    fn beside(&self, schema: &Schema, each: &mut dyn FnMut(FieldId, FieldValue<'_>)) {
        for (id, value) in self.fields(schema).filter(|(id, _)| !FlowRecord::holds(*id)) {
            each(id, value);
        }
    }
}

/// The rows of a batch, to be offered one by one without making a flow of each.
///
/// ```
/// use flowcodec::batch::FlowBatch;
/// use flowcodec::model::{FieldValue, Schema};
/// use flowcodec::{Timestamp, field};
/// use flowenrich::correlate::{BatchRows, Dedup, DedupSettings};
///
/// let mut dedup = Dedup::new(DedupSettings::default(), &Schema::common())?;
/// let mut batch = FlowBatch::builder(dedup.schema().clone()).all().build()?;
/// for interface in [3, 7] {
///     let mut row = batch.row().unwrap();
///     row.set(field::SRC_ADDR.id(), FieldValue::Address([10, 99, 0, 1].into()));
///     row.set(field::DST_ADDR.id(), FieldValue::Address([10, 99, 0, 2].into()));
///     row.set(field::OUT_IF.id(), FieldValue::Unsigned(interface));
/// }
/// let (now, mut given) = (Timestamp::from_seconds(1_795_176_010), Vec::new());
/// for row in BatchRows::new(&batch).iter() {
///     dedup.offer(now, &row, |flow| given.push(flow));
/// }
/// dedup.finish(|flow| given.push(flow));
/// assert_eq!((given.len(), given[0].get(field::OUT_IF)), (1, Some(3)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct BatchRows<'b> {
    batch: &'b FlowBatch,
    /// Its columns that rows have, and the others, in the schema's order.
    of_row: Vec<FieldId>,
    beside: Vec<FieldId>,
}

/// One of them.
#[derive(Debug, Clone, Copy)]
pub struct BatchRow<'b> {
    rows: &'b BatchRows<'b>,
    number: usize,
}

impl<'b> BatchRows<'b> {
    /// Those of `batch`. What it has no column for is not known of its rows.
    #[must_use]
    pub fn new(batch: &'b FlowBatch) -> Self {
        let (of_row, mut beside): (Vec<_>, Vec<_>) = batch.fields().partition(|id| FlowRecord::holds(*id));
        beside.sort_unstable();
        Self { batch, of_row, beside }
    }

    /// In order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = BatchRow<'_>> {
        (0..self.batch.len()).map(|number| BatchRow { rows: self, number })
    }
}

impl Common for BatchRow<'_> {
    fn row(&self) -> FlowRecord {
        let mut row = FlowRecord::EMPTY;
        for id in &self.rows.of_row {
            if let Some(value) = self.rows.batch.value(*id, self.number) {
                row.set(*id, value);
            }
        }
        row
    }

    fn beside(&self, schema: &Schema, each: &mut dyn FnMut(FieldId, FieldValue<'_>)) {
        let BatchRows { batch, beside, .. } = self.rows;
        let known = if batch.schema().tag() == schema.tag() { usize::MAX } else { Schema::common().fields().len() };
        for id in beside.iter().filter(|id| id.index() < known) {
            if let Some(value) = batch.value(*id, self.number) {
                each(*id, value);
            }
        }
    }
}

/// A record as an owned flow of `schema`.
pub(super) fn copied(record: &impl Common, row: &FlowRecord, schema: &Arc<Schema>) -> Flow {
    let mut flow = Flow::new(Arc::clone(schema));
    for (id, value) in row.fields() {
        flow.set(id, value);
    }
    record.beside(schema, &mut |id, value| {
        flow.set(id, value);
    });
    flow
}

/// First and last packet, in order: what a record does not say is taken from the other end, and at last from `now`.
pub(super) fn interval(row: &FlowRecord, now: Timestamp) -> Interval {
    let end = row.end().or_else(|| row.start()).or_else(|| row.received()).unwrap_or(now);
    let start = row.start().unwrap_or(end);
    Interval { start: start.min(end), end: end.max(start) }
}

/// From the first packet to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval {
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
}

impl Interval {
    /// Nanoseconds between the two; 0 when they touch or overlap.
    pub(super) fn gap(self, other: Self) -> i64 {
        self.start.since(other.end).max(other.start.since(self.end)).max(0)
    }

    pub(super) fn join(&mut self, other: Self) {
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
    }
}

/// An address as 16 octets, IPv4 mapped: `::ffff:192.0.2.1` and `192.0.2.1` are one.
pub(super) fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// The opposite.
pub(super) fn address(octets: [u8; 16]) -> IpAddr {
    IpAddr::from(octets).to_canonical()
}

/// Who speaks to whom: what tells conversations apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FlowKey {
    pub(super) src: [u8; 16],
    pub(super) dst: [u8; 16],
    pub(super) src_port: u16,
    pub(super) dst_port: u16,
    pub(super) protocol: u8,
    /// Addresses, or what stands in their place.
    pub(super) kind: u8,
}

impl FlowKey {
    /// Addresses, protocol and ports; of protocols without ports, zeros.
    pub(super) fn of(row: &FlowRecord) -> Option<Self> {
        Some(Self {
            src: octets(row.src_addr()?),
            dst: octets(row.dst_addr()?),
            src_port: row.src_port().unwrap_or(0),
            dst_port: row.dst_port().unwrap_or(0),
            protocol: row.ip_protocol().unwrap_or(0),
            kind: 0,
        })
    }
}
