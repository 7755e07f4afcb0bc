//! Flow records as JSON lines: one for each connection and request, written when it is over and all of it is known, or 20 seconds after its
//! end at the latest.
//!
//! What was written may turn out otherwise: a source that was silent returns, and the connection that was taken for ended lives; the other
//! side of a pair comes late. Then it is written once more, when it is over for good, with `van_correction`, which says how many lines it
//! had before; a line that would say the same is not written. `van_id` and `start` are those of the line that it stands in the place of.

mod waiting;

use core::hash::{Hash as _, Hasher as _};
use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use flowcodec::io::write_flow;
use flowcodec::model::{FieldDef, FieldId, FieldValue, Schema, U32, Unit};
use flowcodec::{Flow, Timestamp, field};
use vanflow::collector::{Collector, Connection, RecordChange, RecordId, RecordView, Request, Settings};
use vanflow::lower::{self, Lowering};
use vanflow::record::Class;

use crate::hub::{LINGER, Told};
use crate::lines::{Lines, State};
use waiting::Waiting;

pub use crate::lines::WhenFull;

/// What this program adds to the fields of a flow.
static CORRECTION: FieldDef<U32> = FieldDef::new(
    "van_correction",
    Unit::None,
    "How many lines of this flow came before, which this one takes the place of.",
    &[],
);

/// Writes flows.
#[derive(Debug)]
pub struct FlowWriter {
    out: Lines,
    lowering: Lowering,
    correction: FieldId,
    /// What may differ between two lines that say the same.
    besides: [FieldId; 2],
    waiting: Waiting,
    /// How many may wait: they are written before the collector lets go of them.
    most: usize,
    /// By the serial of the record that a flow goes by.
    accounts: HashMap<u64, Account>,
    /// Records that are no flow of their own: the other side of one, or what another took the place of.
    sides: HashSet<u64>,
    /// Lines that were handed to the writer.
    pub(crate) lines: u64,
    /// Flows that went before they could be written.
    evicted: u64,
    /// Lines that were lost because the reader was too slow.
    refused: u64,
}

/// How it stands with the lines of one flow.
#[derive(Debug, Clone, Copy, Default)]
struct Account {
    stand: Stand,
    lines: u32,
    /// What the last line said.
    seal: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stand {
    /// It is not over.
    #[default]
    Lives,
    /// It is over, and waits to be written.
    Waits,
    /// There is nothing to say of it.
    Written,
}

impl FlowWriter {
    /// Writes to `out`, on a thread of its own. `pace` says what happens while `out` takes nothing.
    ///
    /// # Errors
    /// When the fields of VAN-Flow do not go together with the common ones, or there is no thread.
    pub fn new(out: Box<dyn Write + Send>, pace: WhenFull) -> anyhow::Result<Self> {
        let lowering = Lowering::new(&*Schema::common().with([CORRECTION.spec()])?)?;
        let schema = lowering.schema();
        let correction = schema.resolve(&CORRECTION).context("a field is not there")?.id();
        let clock_offset = schema.resolve(&lower::field::CLOCK_OFFSET).context("a field is not there")?.id();
        Ok(Self {
            out: Lines::new(out, pace)?,
            lowering,
            correction,
            besides: [field::RECEIVED.id(), clock_offset],
            waiting: Waiting::new(),
            most: usize::MAX,
            accounts: HashMap::new(),
            sides: HashSet::new(),
            lines: 0,
            evicted: 0,
            refused: 0,
        })
    }

    /// Fits how long flows wait to how long the collector keeps them.
    pub(crate) fn fit(&mut self, settings: &Settings) {
        self.most = settings.flows / 2;
        self.waiting.at_most(i64::try_from(settings.retention.as_nanos() / 2).unwrap_or(LINGER));
    }

    /// Whether writing failed, for who has to know without asking the writer.
    pub(crate) fn state(&self) -> Arc<State> {
        self.out.state()
    }

    /// Flows and corrections that could not be written.
    pub(crate) const fn lost(&self) -> u64 {
        self.evicted.saturating_add(self.refused)
    }

    pub(crate) fn change(&mut self, collector: &Collector, told: Told) {
        if told.record_type.class() != Some(Class::Flow) {
            return;
        }
        let serial = told.id.serial();
        if told.what == RecordChange::Removed {
            // One without an account came and went before anybody looked.
            let written = self.accounts.remove(&serial).is_some_and(|account| account.stand == Stand::Written);
            if !self.sides.remove(&serial) && !written {
                self.evicted += 1;
            }
            return;
        }
        let Some(view) = collector.record(told.id) else { return };
        let Some((flow, lead)) = FlowView::of(view).and_then(|flow| Some((flow, flow.lead()?))) else {
            self.sides.insert(serial);
            return;
        };
        self.sides.remove(&lead.serial());
        for side in flow.sides().into_iter().flatten().filter(|side| *side != lead) {
            self.replaced(side, lead);
        }
        // One that lives has an account too: should its removal be among changes that are lost, it is missed all the same.
        let account = self.accounts.entry(lead.serial()).or_default();
        match (flow.end(), account.stand) {
            // What was written is looked at once more: it may say something else now.
            (Some(_), Stand::Lives | Stand::Written) => {
                account.stand = Stand::Waits;
                self.waiting.push(collector.now(), lead);
            }
            (Some(_), Stand::Waits) => {}
            (None, _) => account.stand = Stand::Lives,
        }
    }

    /// `new` is the same flow as `old`: the record of one that was taken for ended and lives, or the listener's side of a pair that went
    /// by its connector's.
    pub(crate) fn replaced(&mut self, old: RecordId, new: RecordId) {
        self.sides.insert(old.serial());
        if let Some(old) = self.accounts.remove(&old.serial()).filter(|old| old.lines > 0) {
            let account = self.accounts.entry(new.serial()).or_default();
            account.seal = if account.lines == 0 { old.seal } else { account.seal };
            account.lines = account.lines.saturating_add(old.lines);
        }
    }

    /// Changes were lost, and those that were not are told: lets go of what is not held any more. What is held is to be told anew by
    /// [`change`](Self::change).
    pub(crate) fn retain(&mut self, held: &HashSet<u64>) {
        let Self { accounts, sides, evicted, .. } = self;
        accounts.retain(|serial, account| {
            let stays = held.contains(serial);
            *evicted += u64::from(!stays && account.stand != Stand::Written && !sides.contains(serial));
            stays
        });
        self.sides.retain(|serial| held.contains(serial));
    }

    /// Writes what is due. One that waits holds up no other: those behind it may be evicted any moment.
    pub(crate) fn settle(&mut self, collector: &Collector) {
        // The oldest are the first to be evicted: of too many they go, complete or not.
        while self.waiting.len() > self.most
            && let Some(id) = self.waiting.oldest()
        {
            self.look(collector, id, true);
        }
        while let Some(waiter) = self.waiting.next(collector.now()) {
            if !self.look(collector, waiter.id, waiter.due) {
                self.waiting.again(waiter);
            }
        }
    }

    /// Writes a flow that waits, if it is due or all of it is known; false when it has to wait on.
    fn look(&mut self, collector: &Collector, id: RecordId, due: bool) -> bool {
        if self.accounts.get(&id.serial()).is_none_or(|account| account.stand != Stand::Waits) {
            return true;
        }
        // Whoever went is counted when its removal is told.
        let Some(flow) = collector.record(id).and_then(FlowView::of) else { return true };
        let write = due || flow.is_complete();
        if write {
            self.write(id, flow);
        }
        write
    }

    /// Writes the rest: what waits, and what is not over.
    pub(crate) fn finish(&mut self, collector: &Collector) {
        while let Some(id) = self.waiting.oldest() {
            self.look(collector, id, true);
        }
        for view in collector.records_of_class(Class::Flow) {
            let Some(flow) = FlowView::of(view).filter(|flow| flow.lead() == Some(view.id())) else { continue };
            let serial = view.id().serial();
            let written = self.accounts.get(&serial).is_some_and(|account| account.stand == Stand::Written);
            if !written && !self.sides.contains(&serial) {
                self.write(view.id(), flow);
            }
        }
    }

    /// Nothing more is written.
    ///
    /// # Errors
    /// When a flow was lost, with how many and why.
    pub(crate) fn close(mut self) -> anyhow::Result<()> {
        let late = self.out.close()?;
        ensure!(
            self.evicted == 0,
            "{} flows were evicted before they were written; --max-flows says how many are held",
            self.evicted
        );
        let lost = self.refused.saturating_add(late);
        ensure!(lost == 0, "{lost} flows were not written: whoever reads them was too slow");
        Ok(())
    }

    /// Writes a flow, unless its last line said the same.
    fn write(&mut self, id: RecordId, flow: FlowView<'_>) {
        let mut flow = flow.lower(&self.lowering);
        let seal = self.seal(&flow);
        let account = self.accounts.entry(id.serial()).or_default();
        account.stand = Stand::Written;
        if account.lines > 0 {
            if account.seal == seal {
                return;
            }
            flow.set(self.correction, FieldValue::Unsigned(account.lines.into()));
        }
        let mut line = String::new();
        write_flow(&mut line, &flow);
        line.push('\n');
        if self.out.push(line) {
            (account.seal, account.lines) = (seal, account.lines.saturating_add(1));
            self.lines += 1;
        } else {
            // Its loss is counted here, and no later line has to correct it.
            self.refused += 1;
        }
    }

    /// Tells lines apart that say something else. When a flow was last heard of, and how far its clock is off, is not what is said of it.
    fn seal(&self, flow: &Flow) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (id, value) in flow.fields().filter(|(id, _)| !self.besides.contains(id)) {
            id.hash(&mut hasher);
            match value {
                FieldValue::Text(text) => text.as_bytes().hash(&mut hasher),
                FieldValue::Unsigned(number) => number.hash(&mut hasher),
                FieldValue::Time(time) => time.hash(&mut hasher),
                other => format!("{other:?}").hash(&mut hasher),
            }
        }
        hasher.finish()
    }
}

/// A connection or a request.
#[derive(Clone, Copy)]
enum FlowView<'a> {
    Connection(Connection<'a>),
    Request(Request<'a>),
}

impl<'a> FlowView<'a> {
    fn of(view: RecordView<'a>) -> Option<Self> {
        view.connection().map(Self::Connection).or_else(|| view.request().map(Self::Request))
    }

    /// The record it goes by.
    fn lead(&self) -> Option<RecordId> {
        match self {
            Self::Connection(connection) => connection.id(),
            Self::Request(request) => request.id(),
        }
    }

    fn sides(&self) -> [Option<RecordId>; 2] {
        let sides = match self {
            Self::Connection(connection) => [connection.listener_side(), connection.connector_side()],
            Self::Request(request) => [request.listener_side(), request.connector_side()],
        };
        sides.map(|side| side.map(|view| view.id()))
    }

    fn end(&self) -> Option<Timestamp> {
        match self {
            Self::Connection(connection) => connection.end(),
            Self::Request(request) => request.end(),
        }
    }

    fn is_complete(&self) -> bool {
        match self {
            Self::Connection(connection) => connection.is_complete(),
            Self::Request(request) => request.is_complete(),
        }
    }

    fn lower(&self, lowering: &Lowering) -> Flow {
        match self {
            Self::Connection(connection) => lowering.connection(connection),
            Self::Request(request) => lowering.request(request),
        }
    }
}
