//! Connections of an application network and the IP flows of their legs: one row tells pod, service, sites and latency.
//!
//! A connection from site to site has two legs that IP exporters see: client to listener in one site, connector to server in the other.
//! An IP flow is of a leg when it was reported by an exporter of the leg's site, has the leg's source at one end and its destination, as
//! far as that is known, at the other, and overlaps it in time. The same addresses and ports at two times are two legs; a flow that
//! overlaps both is ambiguous, and says so.

mod end;
mod fields;
mod held;
mod leg;
mod rows;
mod sites;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use flowcodec::Timestamp;
use flowcodec::model::{FieldId, FieldSpec, FieldValue, Flow, FlowRecord, Schema, SchemaError};

pub use leg::{End, Leg};
pub use sites::Sites;

use self::fields::Places;
use self::held::{Endpoint, Held, HeldFlow, HeldLeg};
use super::input::{Common, copied, interval};
use super::kept::Kept;
use super::limits::{Limits, Table, nanos};
use super::pending::Handle;

/// How [`Join`] works.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// How much may be held, of legs and flows together.
    pub limits: Limits,
    /// A flow waits so long for legs before it is given out. 15 s: routers tell of a connection within 5 s.
    pub wait: Duration,
    /// A leg is kept so long after it ended and was heard of. 180 s: its last flow record may be a minute late, and idle flows later.
    pub keep: Duration,
    /// A leg that lives is kept so long after it was heard of. 1 h.
    pub alive: Duration,
    /// How far a flow may be from its leg when none overlaps it: clocks differ. 2 s.
    pub skew: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            wait: Duration::from_secs(15),
            keep: Duration::from_mins(3),
            alive: Duration::from_hours(1),
            skew: Duration::from_secs(2),
        }
    }
}

/// What happened so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// IP flow records that came.
    pub flows: u64,
    /// Of them, those given out at once: not TCP, without addresses or ports, or of an exporter of no known site.
    pub passed: u64,
    /// Of them, those that were found one leg for.
    pub matched: u64,
    /// Of them, those that several legs fit.
    pub ambiguous: u64,
    /// Of them, those that were found no leg for.
    pub unmatched: u64,
    /// Legs that were told, without their updates.
    pub legs: u64,
    /// Of them, those that are over, and were found a flow for.
    pub legs_matched: u64,
    /// Of them, those that are over, and shared all their flows with others.
    pub legs_ambiguous: u64,
    /// Of them, those that are over, and were found no flow for.
    pub legs_alone: u64,
    /// Flows and legs that were decided before their time, because there was no room; and legs, because there were too many of one
    /// source.
    pub evicted: u64,
    /// Flows and legs that could not be held at all, as the limits do not suffice for one entry: flows were given out as they were, legs as
    /// `leg`.
    pub refused: u64,
    /// Legs whose connection was of another schema than the join's, and is not told of.
    pub foreign: u64,
}

/// Joins IP flows with the legs of connections.
///
/// Flows and legs may come in any order, as long as a leg comes before the flow's wait is over. Each flow is given out once, with `join`
/// saying what was found; where it was one leg, with the fields of that leg's connection; where it was several, with those that all of them
/// have alike. A leg that no flow was found for is given out when it is over.
///
/// ```
/// use flowcodec::model::{FieldDef, FieldValue, Flow, Schema, String, Unit};
/// use flowcodec::{Text, Timestamp, field};
/// use flowenrich::correlate::join::{End, Join, Leg, Settings, Sites};
///
/// static SERVICE: FieldDef<String> = FieldDef::new("van_address", Unit::None, "Routing key of the service", &[]);
/// let sites = Sites::read("192.0.2.1,west".as_bytes())?;
/// let mut join = Join::new(Settings::default(), sites, &*Schema::common().with([SERVICE.spec()])?)?;
/// let service = join.schema().resolve(&SERVICE).unwrap();
///
/// let now = Timestamp::from_seconds(1_795_176_010);
/// let mut connection = Flow::new(join.schema().clone());
/// connection.set(service.id(), FieldValue::Text(Text::from("backend:8080")));
/// let leg = Leg::new("c-1".into(), End::Client, "west".into(), "10.0.0.5:40000".parse()?, now).telling(&connection);
///
/// let mut flow = Flow::new(Schema::common());
/// flow.set(field::EXPORTER.id(), FieldValue::Address([192, 0, 2, 1].into()));
/// flow.set(field::SRC_ADDR.id(), FieldValue::Address([10, 0, 0, 5].into()));
/// flow.set(field::SRC_PORT.id(), FieldValue::Unsigned(40_000));
/// flow.set(field::DST_ADDR.id(), FieldValue::Address([10, 96, 0, 7].into()));
/// flow.set(field::DST_PORT.id(), FieldValue::Unsigned(8_080));
/// flow.set(field::SRC_POD.id(), FieldValue::Text(Text::from("frontend")));
/// flow.set(field::END.id(), FieldValue::Time(now));
///
/// let mut rows = Vec::new();
/// join.flow(now, &flow, |row| rows.push(row));
/// join.leg(now, &leg, |row| rows.push(row));
/// join.tick(now.offset(16_000_000_000), |row| rows.push(row));
/// assert_eq!((rows[0].get(field::SRC_POD), rows[0].get(service)), (Some("frontend".into()), Some("backend:8080".into())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Join {
    settings: Settings,
    sites: Sites,
    schema: Arc<Schema>,
    places: Places,
    table: Table<Endpoint, Held>,
    /// Flows that were held so far.
    turn: u64,
    stats: Stats,
}

impl Join {
    /// Adds [`fields`](Self::fields) to a schema that does not have them.
    ///
    /// # Errors
    /// When the schema has a field of one of their names, or too many.
    pub fn new(settings: Settings, sites: Sites, schema: &Schema) -> Result<Self, SchemaError> {
        Ok(Self::with(settings, sites, schema.with(Self::fields())?))
    }

    /// Uses a schema as it is; of [`fields`](Self::fields), those that it lacks are left out.
    #[must_use]
    pub fn with(settings: Settings, sites: Sites, schema: Arc<Schema>) -> Self {
        let (places, table) = (Places::new(&schema), Table::new(settings.limits));
        Self { settings, sites, schema, places, table, turn: 0, stats: Stats::default() }
    }

    /// What it adds to a schema.
    pub fn fields() -> impl Iterator<Item = FieldSpec> {
        fields::fields()
    }

    /// The schema of the rows given out, and the one that the flows of connections have to be of.
    #[must_use]
    pub const fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// What happened so far.
    #[must_use]
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Flows and legs held.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.table.entries.len()
    }

    /// Octets allocated for them, names and tables included.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        self.table.bytes()
    }

    /// Takes an IP flow. Cost: a pass over the record's fields; when it is given out, two look-ups.
    pub fn flow(&mut self, now: Timestamp, record: &impl Common, mut out: impl FnMut(Flow)) {
        self.stats.flows = self.stats.flows.saturating_add(1);
        let row = record.row();
        let site = row.exporter().and_then(|exporter| self.sites.site(exporter));
        let (Some(ends), Some(site)) = (ends(&row), site) else {
            self.stats.passed = self.stats.passed.saturating_add(1);
            return out(copied(record, &row, &self.schema));
        };
        self.make_room(&mut out);
        let Some(site) = self.room().then(|| self.table.texts.hold(site.as_bytes())).flatten() else {
            self.stats.refused = self.stats.refused.saturating_add(1);
            return out(copied(record, &row, &self.schema));
        };
        let when = interval(&row, now);
        let mut kept = Kept::new();
        kept.take_row(&row, when.end, 0);
        let texts = &mut self.table.texts;
        record.beside(&self.schema, &mut |id, value| _ = kept.take(texts, id, value, when.end));
        // It looks for legs; nothing looks for it. So it has a key of its own, and a busy server's flows do not stand in one row.
        self.turn = self.turn.wrapping_add(1);
        let key = Endpoint::of_none(self.turn);
        let held = Held::Flow(HeldFlow { site, ends, when, kept });
        match self.table.entries.insert(key, held) {
            Ok(handle) => self.table.entries.set_timer(handle, now.offset(nanos(self.settings.wait)), now),
            Err((_, held)) => {
                held.release(&mut self.table.texts);
                self.stats.refused = self.stats.refused.saturating_add(1);
                out(copied(record, &row, &self.schema));
            }
        }
        self.shrink(&mut out);
    }

    /// Takes a leg, or what is new of one. Cost: one look-up, and a pass over the connection's fields.
    pub fn leg(&mut self, now: Timestamp, leg: &Leg<'_>, mut out: impl FnMut(Flow)) {
        let foreign = leg.connection.is_some() && leg.told_in(&self.schema).is_none();
        self.stats.foreign = self.stats.foreign.saturating_add(foreign.into());
        self.make_room(&mut out);
        let Some(site) = self.table.texts.hold(leg.site.as_bytes()) else { return self.refuse(leg, &mut out) };
        let at = Endpoint::new(site, leg.source);
        let known = self.table.entries.find(&at).find_map(|(handle, held)| match held {
            Held::Leg(held) if held.is(leg, &self.table.texts) => Some(handle),
            _ => None,
        });
        let handle = match known {
            Some(handle) => {
                self.table.texts.release(site);
                handle
            }
            None => {
                self.keep_few(&at, &mut out);
                let Some(id) = self.room().then(|| self.table.texts.hold(leg.id.as_bytes())).flatten() else {
                    self.table.texts.release(site);
                    return self.refuse(leg, &mut out);
                };
                match self.table.entries.insert(at, Held::Leg(HeldLeg::new(leg, id, site, now))) {
                    Ok(handle) => {
                        self.stats.legs = self.stats.legs.saturating_add(1);
                        handle
                    }
                    Err((_, held)) => {
                        held.release(&mut self.table.texts);
                        return self.refuse(leg, &mut out);
                    }
                }
            }
        };
        self.update(handle, now, leg);
        self.shrink(&mut out);
    }

    /// A leg that cannot be held is given out as one without flows: no flow will be told of its connection.
    fn refuse(&mut self, leg: &Leg<'_>, out: &mut impl FnMut(Flow)) {
        self.stats.refused = self.stats.refused.saturating_add(1);
        out(self.row_of(leg));
    }

    fn update(&mut self, handle: Handle, now: Timestamp, leg: &Leg<'_>) {
        let (ours, texts) = (leg.told_in(&self.schema), &mut self.table.texts);
        self.table.entries.edit(handle, |_, held| {
            let Held::Leg(held) = held else { return };
            held.heard = held.heard.max(now);
            held.start = held.start.min(leg.start);
            held.until = held.until.max(leg.until);
            let (addr, port) = leg.destination;
            held.destination = (addr.or(held.destination.0), port.or(held.destination.1));
            for (id, value) in ours.into_iter().flat_map(of_connection) {
                held.kept.take(texts, id, value, now);
            }
        });
        self.wait_for_leg(handle, now);
    }

    /// A leg that lives is kept longer than one that is over.
    fn wait_for_leg(&mut self, handle: Handle, now: Timestamp) {
        if let Some(at) = self.table.entries.get(handle).and_then(|held| self.leg_over(held)) {
            self.table.entries.set_timer(handle, at, now);
        }
    }

    fn leg_over(&self, held: &Held) -> Option<Timestamp> {
        let Held::Leg(leg) = held else { return None };
        Some(match leg.until {
            Some(until) => until.max(leg.heard).offset(nanos(self.settings.keep)),
            None => leg.heard.offset(nanos(self.settings.alive)),
        })
    }

    /// Lets time pass: gives out flows that have waited, and legs that are over. About once a second.
    pub fn tick(&mut self, now: Timestamp, mut out: impl FnMut(Flow)) {
        while let Some(handle) = self.table.entries.due(now) {
            let over = self.table.entries.get(handle).and_then(|held| self.leg_over(held));
            if over.is_some_and(|at| at > now) {
                self.wait_for_leg(handle, now);
            } else {
                self.decide(handle, &mut out);
            }
        }
    }

    /// When [`tick`](Self::tick) has something to do next; not later than that.
    #[must_use]
    pub fn next_tick(&self) -> Option<Timestamp> {
        self.table.entries.next_due()
    }

    /// The end of input: decides all flows, then all legs, and forgets everything.
    pub fn finish(&mut self, mut out: impl FnMut(Flow)) {
        let mut legs = Vec::new();
        while let Some(handle) = self.table.entries.next() {
            if matches!(self.table.entries.get(handle), Some(Held::Leg(_))) {
                self.table.entries.unset_timer(handle);
                legs.push(handle);
            } else {
                self.decide(handle, &mut out);
            }
        }
        for handle in legs {
            self.decide(handle, &mut out);
        }
    }
}

/// What there is to say of a connection that is not said of its IP flows themselves.
fn of_connection(connection: &Flow) -> impl Iterator<Item = (FieldId, FieldValue<'_>)> {
    let core = Schema::common().fields().len();
    connection.fields().filter(move |(id, _)| id.index() >= core)
}

/// The two ends of a flow that may be one of a leg.
fn ends(row: &FlowRecord) -> Option<[SocketAddr; 2]> {
    if row.ip_protocol().is_some_and(|protocol| protocol != TCP) {
        return None;
    }
    let source = SocketAddr::new(row.src_addr()?, row.src_port()?);
    Some([source, SocketAddr::new(row.dst_addr()?, row.dst_port()?)])
}

/// All that application networks carry.
const TCP: u8 = 6;
