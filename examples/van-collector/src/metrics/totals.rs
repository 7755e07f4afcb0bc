//! Sums that only rise, kept while connections come and go: what a scrape adds up from the records held would fall with each that goes.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use flowcodec::{Text, Timestamp};
use vanflow::collector::{Collector, Connection, RecordChange, RecordId, RecordView, Request};
use vanflow::record::Class;

use crate::hub::{LINGER, Told};
use crate::view::{group_of, identity, name, process_name, shown};

/// Who speaks with whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Labels {
    pub(crate) source_site: String,
    pub(crate) source_site_name: String,
    pub(crate) dest_site: String,
    pub(crate) dest_site_name: String,
    pub(crate) routing_key: String,
    pub(crate) protocol: String,
    pub(crate) source_component: String,
    pub(crate) dest_component: String,
    pub(crate) source_process: String,
    pub(crate) dest_process: String,
}

/// Sums of one such.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sums {
    pub(crate) opened: u64,
    pub(crate) closed: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

/// What was added of one connection or request so far.
#[derive(Debug, Default)]
struct Account {
    /// Where it is added; `None` while that waits for what is not known.
    labels: Option<usize>,
    /// When it is added with what is known by then.
    due: Option<Timestamp>,
    /// Whether its end was seen.
    ended: bool,
    sent: u64,
    received: u64,
    closed: bool,
}

/// Requests that go under one number: who speaks with whom, the method and the class of status.
type RequestLabels = (Labels, String, &'static str);

/// Sums of all that was ever seen.
///
/// A counter cannot move from one label to another. So what is not known in full is held back: until it is, and no longer than
/// [`LINGER`] after it was seen first and after its end.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    accounts: HashMap<u64, Account>,
    /// What is held back, by when it is looked at again.
    waiting: VecDeque<(Timestamp, RecordId)>,
    labels: HashMap<Labels, usize>,
    pub(crate) sums: Vec<(Labels, Sums)>,
    pub(crate) requests: BTreeMap<RequestLabels, u64>,
    methods: HashSet<String>,
    pub(crate) latency: Histogram,
    pub(crate) added: Histogram,
    /// Connections and requests that went while they were held back.
    pub(crate) unsummed: u64,
}

/// Series that are told apart; others are summed under empty labels. Names come from peers and may be without end.
const MOST_LABELS: usize = 10_000;
const MOST_METHODS: usize = 64;

/// How many seconds fell under which bound; one bound may be 0, since what a network adds may be negative.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Histogram {
    pub(crate) counts: [u64; BOUNDS_US.len() + 1],
    pub(crate) sum_us: i64,
    pub(crate) count: u64,
}

pub(crate) const BOUNDS_US: [i64; 9] = [0, 1_000, 2_000, 5_000, 10_000, 50_000, 100_000, 1_000_000, 10_000_000];

impl Histogram {
    fn add(&mut self, us: i64) {
        let place = BOUNDS_US.iter().position(|bound| us <= *bound).unwrap_or(BOUNDS_US.len());
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
        }
        self.sum_us = self.sum_us.saturating_add(us);
        self.count += 1;
    }
}

impl Totals {
    pub(crate) fn change(&mut self, collector: &Collector, told: Told) {
        if told.record_type.class() != Some(Class::Flow) {
            return;
        }
        if told.what == RecordChange::Removed {
            let account = self.accounts.remove(&told.id.serial());
            self.unsummed += u64::from(account.is_some_and(|account| account.due.is_some()));
        } else if let Some(view) = collector.record(told.id) {
            self.look(collector.now(), view, false);
        }
    }

    /// Adds what was held back long enough.
    pub(crate) fn settle(&mut self, collector: &Collector) {
        while let Some(&(_, id)) = self.waiting.front().filter(|(due, _)| *due <= collector.now()) {
            self.waiting.pop_front();
            if let Some(view) = collector.record(id) {
                self.look(collector.now(), view, false);
            }
        }
    }

    /// Nothing more will come: adds all that is held back.
    pub(crate) fn finish(&mut self, collector: &Collector) {
        for (_, id) in core::mem::take(&mut self.waiting) {
            if let Some(view) = collector.record(id) {
                self.look(collector.now(), view, true);
            }
        }
    }

    /// Changes were lost: lets go of the accounts of what is gone. What is held is to be told anew by [`change`](Self::change).
    pub(crate) fn retain(&mut self, held: &HashSet<u64>) {
        let unsummed = &mut self.unsummed;
        self.accounts.retain(|serial, account| {
            let stays = held.contains(serial);
            *unsummed += u64::from(!stays && account.due.is_some());
            stays
        });
    }

    fn look(&mut self, now: Timestamp, view: RecordView<'_>, last: bool) {
        if let Some(connection) = view.connection() {
            self.connection(now, &connection, last);
        } else if let Some(request) = view.request() {
            self.request(now, &request, last);
        }
    }

    /// One account for what had two: the connector's side of a v1 pair stands for it until the listener's is known, and a source that was
    /// silent describes what it has anew.
    pub(crate) fn carry(&mut self, from: RecordId, to: RecordId) {
        let Some(from) = self.accounts.remove(&from.serial()) else { return };
        let to_account = self.accounts.entry(to.serial()).or_default();
        to_account.labels = to_account.labels.or(from.labels);
        to_account.sent = to_account.sent.max(from.sent);
        to_account.received = to_account.received.max(from.received);
        to_account.closed |= from.closed;
        if to_account.labels.is_some() || to_account.closed {
            to_account.due = None;
        }
    }

    /// Whether what is not known in full is still held back.
    fn waits(&mut self, now: Timestamp, id: RecordId, ended: bool) -> bool {
        let account = self.accounts.entry(id.serial()).or_default();
        let ends = ended && !core::mem::replace(&mut account.ended, true);
        match account.due {
            Some(due) if !ends => due > now,
            _ => {
                let due = now.offset(LINGER);
                account.due = Some(due);
                self.waiting.push_back((due, id));
                true
            }
        }
    }

    fn connection(&mut self, now: Timestamp, connection: &Connection<'_>, last: bool) {
        let Some(id) = connection.id() else { return };
        if let Some(side) = connection.connector_side().map(|side| side.id()).filter(|side| *side != id) {
            self.carry(side, id);
        }
        let ended = connection.end().is_some();
        let place = self.accounts.entry(id.serial()).or_default().labels;
        let place = if let Some(place) = place {
            place
        } else {
            if !last && !is_known(connection) && self.waits(now, id, ended) {
                return;
            }
            let place = self.place(labels(connection));
            if let Some((_, sums)) = self.sums.get_mut(place) {
                sums.opened += 1;
            }
            place
        };
        let account = self.accounts.entry(id.serial()).or_default();
        (account.labels, account.due) = (Some(place), None);
        let Some((_, sums)) = self.sums.get_mut(place) else { return };
        let (sent, received) = (connection.octets().unwrap_or(0), connection.octets_reverse().unwrap_or(0));
        sums.sent += sent.saturating_sub(account.sent);
        sums.received += received.saturating_sub(account.received);
        (account.sent, account.received) = (sent.max(account.sent), received.max(account.received));
        if ended && !core::mem::replace(&mut account.closed, true) {
            sums.closed += 1;
            if let Some(us) = connection.latency_us().and_then(|us| i64::try_from(us).ok()) {
                self.latency.add(us);
            }
            if let Some(us) = connection.added_latency_us() {
                self.added.add(us);
            }
        }
    }

    fn place(&mut self, labels: Labels) -> usize {
        let full = self.sums.len() >= MOST_LABELS && !self.labels.contains_key(&labels);
        let labels = if full { Labels::default() } else { labels };
        let next = self.sums.len();
        let place = *self.labels.entry(labels.clone()).or_insert(next);
        if place == next {
            self.sums.push((labels, Sums::default()));
        }
        place
    }

    fn request(&mut self, now: Timestamp, request: &Request<'_>, last: bool) {
        let Some(id) = request.id() else { return };
        if let Some(side) = request.connector_side().map(|side| side.id()).filter(|side| *side != id) {
            self.carry(side, id);
        }
        // Only what is over is counted.
        if request.end().is_none() || self.accounts.get(&id.serial()).is_some_and(|account| account.closed) {
            return;
        }
        let connection = request.connection();
        let known = !is_half(request) && connection.as_ref().is_some_and(is_known);
        if !last && !known && self.waits(now, id, true) {
            return;
        }
        let account = self.accounts.entry(id.serial()).or_default();
        (account.closed, account.due) = (true, None);
        let method = request.method().map(shown).unwrap_or_default().into_owned();
        let known = self.methods.contains(&method) || self.methods.len() < MOST_METHODS;
        let method = if known { method } else { "other".to_owned() };
        self.methods.insert(method.clone());
        let class = class(request.status().map(Text::as_bytes));
        let of = (connection.as_ref().map(labels).unwrap_or_default(), method, class);
        let full = self.requests.len() >= MOST_LABELS && !self.requests.contains_key(&of);
        let of = if full { (Labels::default(), of.1, of.2) } else { of };
        *self.requests.entry(of).or_default() += 1;
    }
}

/// Whether all that the labels say is known.
fn is_known(connection: &Connection<'_>) -> bool {
    let missing = connection.missing();
    !(missing.counterpart || missing.client_site || missing.server_site || missing.client || missing.server)
}

/// Whether one side of a v1 pair is missing.
fn is_half(request: &Request<'_>) -> bool {
    request.listener_side().is_none() || request.connector_side().is_none()
}

fn class(status: Option<&[u8]>) -> &'static str {
    match status {
        Some([b'1', ..]) => "1xx",
        Some([b'2', ..]) => "2xx",
        Some([b'3', ..]) => "3xx",
        Some([b'4', ..]) => "4xx",
        Some([b'5', ..]) => "5xx",
        _ => "unknown",
    }
}

fn labels(connection: &Connection<'_>) -> Labels {
    let own = |text: Option<std::borrow::Cow<'_, str>>| text.map(std::borrow::Cow::into_owned).unwrap_or_default();
    Labels {
        source_site: own(identity(connection.client_site())),
        source_site_name: own(name(connection.client_site())),
        dest_site: own(identity(connection.server_site())),
        dest_site_name: own(name(connection.server_site())),
        routing_key: own(connection.address().map(shown)),
        protocol: own(connection.protocol().map(shown)),
        source_component: own(group_of(connection.client())),
        dest_component: own(group_of(connection.server())),
        source_process: own(connection.client().and_then(process_name)),
        dest_process: own(connection.server().and_then(process_name)),
    }
}
