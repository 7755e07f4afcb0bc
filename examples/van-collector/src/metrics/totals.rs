//! Sums that only rise, kept while connections come and go: what a scrape adds up from the records held would fall with each that goes.

use std::collections::{BTreeMap, HashMap, HashSet};

use flowcodec::{Text, Timestamp};
use vanflow::collector::{Collector, Connection, RecordChange, RecordId, RecordView, Request};
use vanflow::record::Class;

use crate::hub::Told;
use crate::view::{identity, name, process_name, shown};

/// Who speaks with whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Labels {
    pub(crate) source_site: String,
    pub(crate) source_site_name: String,
    pub(crate) dest_site: String,
    pub(crate) dest_site_name: String,
    pub(crate) routing_key: String,
    pub(crate) protocol: String,
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

/// What was added of one connection so far.
#[derive(Debug, Default)]
struct Account {
    labels: Option<usize>,
    sent: u64,
    received: u64,
    closed: bool,
}

/// Sums of all that was ever seen.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    accounts: HashMap<u64, Account>,
    /// Connections whose ends are not known yet, and when they were looked at last.
    waiting: HashSet<RecordId>,
    looked: Timestamp,
    labels: HashMap<Labels, usize>,
    pub(crate) sums: Vec<(Labels, Sums)>,
    /// By method and class of status.
    pub(crate) requests: BTreeMap<(String, &'static str), u64>,
    pub(crate) latency: Histogram,
    pub(crate) added: Histogram,
}

/// Pairs that are told apart; others are summed under empty labels. Names come from peers and may be without end.
const MOST_LABELS: usize = 10_000;
const MOST_METHODS: usize = 64;
/// In nanoseconds.
const LOOK_AGAIN: i64 = 1_000_000_000;

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
            self.accounts.remove(&told.id.serial());
            return;
        }
        let Some(view) = collector.record(told.id) else { return };
        if let Some(connection) = view.connection() {
            self.connection(&connection);
        } else if let Some(request) = view.request() {
            self.request(&request);
        }
    }

    /// Looks again at connections whose ends were not known: once a second, since they may be many.
    pub(crate) fn settle(&mut self, collector: &Collector) {
        if self.waiting.is_empty() || collector.now().since(self.looked) < LOOK_AGAIN {
            return;
        }
        self.looked = collector.now();
        for id in core::mem::take(&mut self.waiting) {
            if let Some(connection) = collector.record(id).and_then(RecordView::connection) {
                self.connection(&connection);
            }
        }
    }

    fn connection(&mut self, connection: &Connection<'_>) {
        let Some(id) = connection.id() else { return };
        let (ended, missing) = (connection.end().is_some(), connection.missing());
        // A pair of v1 goes by its connector's side until the listener's is known.
        let before = connection.connector_side().map(|side| side.id()).filter(|side| *side != id);
        if let Some(account) = before.and_then(|side| self.accounts.remove(&side.serial())) {
            self.accounts.entry(id.serial()).or_insert(account);
        }
        let account = self.accounts.entry(id.serial()).or_default();
        if account.labels.is_none() {
            // A counter cannot move from one label to another: it waits until both sites are known, or it is over.
            if !ended && (missing.client_site || missing.server_site) {
                self.waiting.insert(id);
                return;
            }
            let labels = labels(connection);
            let full = self.sums.len() >= MOST_LABELS && !self.labels.contains_key(&labels);
            let labels = if full { Labels::default() } else { labels };
            let next = self.sums.len();
            let place = *self.labels.entry(labels.clone()).or_insert(next);
            if place == next {
                self.sums.push((labels, Sums::default()));
            }
            account.labels = Some(place);
            if let Some((_, sums)) = self.sums.get_mut(place) {
                sums.opened += 1;
            }
        }
        let Some((_, sums)) = account.labels.and_then(|place| self.sums.get_mut(place)) else { return };
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

    fn request(&mut self, request: &Request<'_>) {
        let Some(id) = request.id() else { return };
        let account = self.accounts.entry(id.serial()).or_default();
        if request.end().is_some() && !core::mem::replace(&mut account.closed, true) {
            let method = request.method().map(shown).unwrap_or_default().into_owned();
            let known = self.requests.len() < MOST_METHODS || self.requests.keys().any(|(other, _)| *other == method);
            let method = if known { method } else { "other".to_owned() };
            let class = class(request.status().map(Text::as_bytes));
            *self.requests.entry((method, class)).or_default() += 1;
        }
    }
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
        source_process: own(connection.client().and_then(process_name)),
        dest_process: own(connection.server().and_then(process_name)),
    }
}
