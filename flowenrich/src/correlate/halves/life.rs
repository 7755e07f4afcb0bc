//! One flow: what its halves said so far.

use std::net::IpAddr;
use std::sync::Arc;

use flowcodec::Timestamp;
use flowcodec::model::{FieldId, FieldValue, Flow, FlowRecord, Schema, field};
use foldhash::fast::RandomState;

use super::fields::{OfSide, Places};
use super::rule::{COMMON, Facts, Part, Whose};
use super::side::{Side, Taken};
use crate::correlate::input::{Interval, octets};
use crate::correlate::kept::Kept;
use crate::correlate::pending::Heap;
use crate::correlate::sum::{put, put_number, put_text, put_time};
use crate::correlate::texts::Texts;

/// From the first record until nothing more came of it for a while. A port that is used again is another.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) kept: Kept,
    sides: [Side; 2],
    /// A record came that no second half belongs to.
    whole: bool,
    /// The client, where the halves are found by what it was translated to.
    client: Option<([u8; 16], Option<u16>)>,
    ended: bool,
    /// Something beside the counters changed since it was given out last.
    renamed: bool,
    /// What was given out of the common counters.
    told: [u64; COMMON.len()],
    pub(super) first: Timestamp,
    pub(super) heard: Timestamp,
    /// When it was given out last.
    pub(super) given: Option<Timestamp>,
}

impl Life {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            kept: Kept::new(),
            sides: Default::default(),
            whole: false,
            client: None,
            ended: false,
            renamed: false,
            told: [0; COMMON.len()],
            first: now,
            heard: now,
            given: None,
        }
    }

    const fn side(&self, whose: Whose) -> (&Side, &Side) {
        let [source, destination] = &self.sides;
        match whose {
            Whose::Source => (source, destination),
            Whose::Destination => (destination, source),
        }
    }

    /// How far a record is from this life, if it can be of it. What one side said is by one clock: records of a flow overlap, or
    /// are `apart` at most. The clocks of the two sides differ by `skew`.
    pub(super) fn distance(&self, whose: Whose, when: Interval, apart: i64, skew: i64) -> Option<i64> {
        let (own, other) = self.side(whose);
        let (of, most) = match (own.when(), other.when()) {
            (Some(own), _) => (own, apart),
            (None, Some(other)) => (other, apart.max(skew)),
            (None, None) => return None,
        };
        (when.gap(of) <= most).then(|| when.start.since(of.start).saturating_abs())
    }

    /// Takes what a record says, but for the fields beside its row.
    pub(super) fn take(&mut self, row: &FlowRecord, when: Interval, facts: &Facts, part: Part, hasher: &RandomState) -> Taken {
        let whose = facts.whose();
        self.whole |= part == Part::Whole;
        self.ended |= row.end_reason() == Some(END_OF_FLOW);
        if facts.is_entrance() {
            self.client = self.client.max(row.src_addr().map(|client| (octets(client), row.src_port())));
        }
        self.renamed |= self.kept.take_row(row, when.end, u8::from(whose == Whose::Source));
        let [source, destination] = &mut self.sides;
        let side = match whose {
            Whose::Source => source,
            Whose::Destination => destination,
        };
        side.take(when, facts, hasher)
    }

    /// Nothing more is needed.
    pub(super) fn is_settled(&self) -> bool {
        self.whole || self.is_merged()
    }

    pub(super) fn is_merged(&self) -> bool {
        self.sides.iter().all(|side| side.when().is_some())
    }

    /// There is something that was not given out.
    pub(super) fn is_fresh(&self) -> bool {
        self.renamed || self.sides.iter().any(Side::is_fresh)
    }

    /// Takes a field beside the row, said by a record that ended at `end`.
    /// Whether that changed anything.
    pub(super) fn take_field(&mut self, texts: &mut Texts, id: FieldId, value: FieldValue<'_>, end: Timestamp) -> bool {
        let changed = self.kept.take(texts, id, value, end);
        self.renamed |= changed;
        changed
    }

    /// The flow as it is known now. What is told is not told again: counters since the last record begin anew.
    pub(super) fn flow(&mut self, schema: &Arc<Schema>, places: &Places, texts: &Texts) -> Flow {
        let mut flow = Flow::new(Arc::clone(schema));
        self.renamed = false;
        self.kept.put(texts, &mut flow);
        let row = self.kept.row();
        let whens = || self.sides.iter().filter_map(Side::when);
        if row.start().is_some() {
            put_time(&mut flow, field::START.id(), whens().map(|when| when.start).min());
        }
        if row.end().is_some() {
            put_time(&mut flow, field::END.id(), whens().map(|when| when.end).max());
        }
        if self.ended {
            put_number(&mut flow, Some(field::END_REASON.id()), Some(END_OF_FLOW.into()));
        }
        if let Some((client, port)) = self.client {
            let client = IpAddr::from(client).to_canonical();
            put(&mut flow, Some(field::SRC_ADDR.id()), Some(FieldValue::Address(client)));
            put_number(&mut flow, Some(field::SRC_PORT.id()), port.map(u64::from));
            put_number(&mut flow, Some(field::FLOW_TYPE.id()), Some(super::rule::FROM_EXTERNAL));
        }
        let status = if self.is_merged() {
            "merged"
        } else if self.whole {
            "single"
        } else {
            "partial"
        };
        put_text(&mut flow, places.correlation, Some(status));
        self.counters(&mut flow, places);
        flow
    }

    fn counters(&mut self, flow: &mut Flow, places: &Places) {
        // Both sides count the same packets, and neither counts any that were not there: the greater is nearer.
        let [source, destination] = &mut self.sides;
        let most = |a: [Option<u64>; COMMON.len()], b: [Option<u64>; COMMON.len()]| {
            let mut both = a;
            both.iter_mut().zip(b).for_each(|(a, b)| *a = (*a).max(b));
            both
        };
        let (totals, growths) = (most(source.totals(), destination.totals()), most(source.growths(), destination.growths()));
        for ((((delta, total), of_all), growth), told) in COMMON.into_iter().zip(totals).zip(growths).zip(&mut self.told) {
            put_number(flow, Some(total), of_all);
            put_number(flow, Some(delta), growth.map(|growth| growth.saturating_sub(*told)));
            *told = growth.unwrap_or(0).max(*told);
        }
        // The common throughput is that of the side that was heard of last.
        let last = [&*source, &*destination].into_iter().filter(|side| side.is_fresh());
        let last = last.reduce(|a, b| if b.when().map(|when| when.end) > a.when().map(|when| when.end) { b } else { a });
        if let Some([forward, reverse]) = last.unwrap_or(source).throughputs() {
            put_number(flow, Some(field::THROUGHPUT.id()), Some(forward));
            put_number(flow, Some(field::REVERSE_THROUGHPUT.id()), Some(reverse));
        }
        let told = [source, destination].map(|side| side.when().map(|when| OfOne::tell(side, when)));
        let [source, destination] = &told;
        let [to_source, to_destination] = &places.sides;
        for (of, other, to) in [(source, destination, to_source), (destination, source, to_destination)] {
            // A flow that is whole with one record was seen by one node, which speaks for both ends.
            if let Some(of) = of.as_ref().or_else(|| other.as_ref().filter(|_| self.whole)) {
                of.put(flow, to);
            }
        }
    }
}

/// What there is to tell of one side.
struct OfOne {
    deltas: [Option<u64>; COMMON.len()],
    totals: [Option<u64>; COMMON.len()],
    throughputs: Option<[u64; 2]>,
    end: Timestamp,
}

impl OfOne {
    fn tell(side: &mut Side, when: Interval) -> Self {
        let throughputs = side.throughputs();
        Self { deltas: side.tell(), totals: side.totals(), throughputs, end: when.end }
    }

    fn put(&self, flow: &mut Flow, to: &OfSide) {
        for (id, value) in to.deltas.into_iter().zip(self.deltas).chain(to.totals.into_iter().zip(self.totals)) {
            put_number(flow, id, value);
        }
        put(flow, to.end, Some(FieldValue::Time(self.end)));
        if let Some(throughputs) = self.throughputs {
            to.throughputs.into_iter().zip(throughputs).for_each(|(id, value)| put_number(flow, id, Some(value)));
        }
    }
}

impl Heap for Life {
    fn heap(&self) -> usize {
        let sides: usize = self.sides.iter().map(Side::heap).sum();
        self.kept.heap().saturating_add(sides)
    }
}

/// The flow end reason of RFC 5102: its end was detected. Seen once, it holds.
const END_OF_FLOW: u8 = 3;
