//! The text that Prometheus reads (exposition format 0.0.4).

use core::fmt::{Display, Write as _};
use std::sync::atomic::Ordering;

use vanflow::record::{Attribute, Class, RecordType};

use super::totals::{BOUNDS_US, Histogram, Labels, Sums};
use crate::hub::{Counters, FeedState, Inner};
use crate::ndjson::FlowWriter;
use crate::view::table::{Cell, Table, column};
use crate::view::{Links, Network, Sites, identity, name, shown, site_of};

/// Writes metrics one after the other.
struct Page {
    text: String,
}

type Pairs<'a> = &'a [(&'a str, &'a str)];

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn line(&mut self, name: &str, labels: Pairs<'_>, value: impl Display) {
        self.text.push_str(name);
        for (place, (label, text)) in labels.iter().enumerate() {
            self.text.push(if place == 0 { '{' } else { ',' });
            let _ = write!(self.text, "{label}=\"{}\"", escaped(text));
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{close} {value}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.head(name, kind, help);
        self.line(name, &[], value);
    }

    fn histogram(&mut self, name: &str, help: &str, of: &Histogram) {
        self.head(name, "histogram", help);
        let mut sum = 0;
        for (bound, count) in BOUNDS_US.iter().zip(of.counts) {
            sum += count;
            self.line(&format!("{name}_bucket"), &[("le", &seconds(*bound))], sum);
        }
        self.line(&format!("{name}_bucket"), &[("le", "+Inf")], of.count);
        self.line(&format!("{name}_sum"), &[], seconds(of.sum_us));
        self.line(&format!("{name}_count"), &[], of.count);
    }
}

/// Microseconds as seconds, without a detour by binary fractions.
fn seconds(us: i64) -> String {
    let (sign, us) = (if us < 0 { "-" } else { "" }, us.unsigned_abs());
    format!("{sign}{}.{:06}", us / 1_000_000, us % 1_000_000)
}

/// Labels are text of others: a quote, a backslash or a line end in one must not begin another.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// All metrics.
pub(crate) fn render(inner: &Inner, http: &Counters) -> String {
    let mut page = Page { text: String::new() };
    traffic(&mut page, inner);
    network(&mut page, &Network::new(&inner.collector));
    own(&mut page, inner);
    for (name, help, counter) in [
        ("questions", "Questions that were worked on; the others were answered with what was made before.", &http.questions),
        ("told", "Changed records written out for those who watch, once for all of them.", &http.told),
        ("refused", "Requests and connections refused because of a limit.", &http.refused),
        ("cut", "Connections ended because their reader took too little.", &http.cut),
    ] {
        page.one(&format!("van_collector_http_{name}_total"), "counter", help, counter.load(Ordering::Relaxed));
    }
    page.text
}

type Read = fn(&Sums) -> u64;

fn traffic(page: &mut Page, inner: &Inner) {
    let totals = &inner.totals;
    let of: [(&str, &str, Read); 4] = [
        ("skupper_connections_opened_total", "Connections whose ends are known.", |sums| sums.opened),
        ("skupper_connections_closed_total", "Of these, connections that are over.", |sums| sums.closed),
        ("skupper_sent_bytes_total", "Octets from client to server.", |sums| sums.sent),
        ("skupper_received_bytes_total", "Octets from server to client.", |sums| sums.received),
    ];
    for (name, help, read) in of {
        page.head(name, "counter", help);
        for (labels, sums) in &totals.sums {
            page.line(name, &pairs(labels), read(sums));
        }
    }
    page.head("skupper_requests_total", "counter", "Requests that are over.");
    for ((labels, method, class), count) in &totals.requests {
        let mut pairs = pairs(labels).to_vec();
        pairs.extend([("method", &**method), ("code", *class)]);
        page.line("skupper_requests_total", &pairs, count);
    }
    page.histogram(
        "van_collector_connection_latency_seconds",
        "First octet in to first octet back, at the listener.",
        &totals.latency,
    );
    let help = "What the network added to a connection's latency; below 0 where the connector measured more than the listener.";
    page.histogram("van_collector_added_latency_seconds", help, &totals.added);
}

fn pairs(labels: &Labels) -> [(&str, &str); 12] {
    [
        ("source_site_id", &labels.source_site),
        ("source_site_name", &labels.source_site_name),
        ("dest_site_id", &labels.dest_site),
        ("dest_site_name", &labels.dest_site_name),
        ("routing_key", &labels.routing_key),
        ("protocol", &labels.protocol),
        ("source_component_id", &labels.source_component),
        ("source_component_name", &labels.source_component),
        ("dest_component_id", &labels.dest_component),
        ("dest_component_name", &labels.dest_component),
        ("source_process_name", &labels.source_process),
        ("dest_process_name", &labels.dest_process),
    ]
}

fn network<'a>(page: &mut Page, network: &'a Network<'a>) {
    page.head("skupper_site_info", "gauge", "1 for each site.");
    for site in Sites::rows(network).into_iter().filter(|site| site.ended().is_none()) {
        let version = match column::<Sites>("version").map(|column| (column.read)(network, site)) {
            Some(Cell::Text(version)) => version,
            _ => "".into(),
        };
        let (id, name) = (shown(site.identity()), site.name().map(shown).unwrap_or_default());
        page.line("skupper_site_info", &[("site_id", &id), ("name", &name), ("version", &version)], 1);
    }
    page.head("skupper_routers_total", "gauge", "Routers, by mode.");
    let mut modes: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
    for router in network.elements(RecordType::ROUTER).filter(|router| router.ended().is_none()) {
        *modes.entry(router.text(Attribute::MODE).map(shown).unwrap_or_default().into_owned()).or_default() += 1;
    }
    for (mode, count) in &modes {
        page.line("skupper_routers_total", &[("mode", mode)], count);
    }
    for (metric, of, help) in [
        ("skupper_site_listeners_total", RecordType::LISTENER, "Listeners of a site."),
        ("skupper_site_connectors_total", RecordType::CONNECTOR, "Connectors of a site."),
        ("skupper_site_links_total", RecordType::LINK, "Links that a site's routers describe."),
    ] {
        page.head(metric, "gauge", help);
        let mut sites: std::collections::BTreeMap<(String, String), u64> = std::collections::BTreeMap::new();
        for view in network.elements(of).filter(|view| view.ended().is_none()) {
            let site = site_of(view);
            let own = |text: Option<std::borrow::Cow<'_, str>>| text.unwrap_or_default().into_owned();
            *sites.entry((own(identity(site)), own(name(site)))).or_default() += 1;
        }
        for ((id, name), count) in &sites {
            page.line(metric, &[("site_id", id), ("site_name", name)], count);
        }
    }
    page.head("skupper_site_link_errors_total", "counter", "How often a link was lost, as its router counts.");
    for link in Links::rows(network) {
        let id = shown(link.record.identity());
        let count = link.record.number(Attribute::DOWN_COUNT).unwrap_or(0);
        let site = identity(site_of(link.record)).unwrap_or_default();
        page.line("skupper_site_link_errors_total", &[("site_id", &site), ("link_id", &id)], count);
    }
}

fn own(page: &mut Page, inner: &Inner) {
    let (collector, stats) = (&inner.collector, inner.collector.stats());
    for (name, help, value) in [
        ("messages", "Messages received.", stats.messages),
        ("bad_messages", "Messages that could not be read.", stats.bad_messages),
        ("misplaced_messages", "Messages on an address of no source.", stats.misplaced),
        ("duplicate_messages", "Messages that came before, by another path.", stats.duplicates),
        ("bad_beacons", "Beacons that were not taken.", stats.bad_beacons),
        ("updates", "Updates that were merged.", stats.updates),
        ("bad_updates", "Updates that could not be read.", stats.bad_updates),
        ("unknown_types", "Updates of a record type that is not known.", stats.unknown_types),
        ("unknown_attributes", "Attributes of a code that is not known.", stats.unknown_attributes),
        ("refused_updates", "Updates refused by a cap.", stats.refused_updates),
        ("refused_sources", "Sources refused by a cap.", stats.refused_sources),
        ("evicted_flows", "Flow records that went because of a cap.", stats.evicted_flows),
        ("evicted_live_flows", "Of these, such that had not ended.", stats.evicted_live_flows),
        ("evicted_logs", "Log records that went because of a cap.", stats.evicted_logs),
        ("expired_records", "Records that had ended and whose time was over.", stats.expired),
        ("restarts", "Restarts of sources.", stats.restarts),
        ("silences", "Sources that fell silent.", stats.silences),
        ("passed_over_messages", "Messages that the connection did not take: too large, or aborted.", inner.passed_over),
        ("connects", "Connections made to the router.", inner.connects),
        ("flow_lines", "Flows written as JSON lines.", inner.flows.as_ref().map_or(0, |flows| flows.lines)),
        ("lost_changes", "Changes of records that went before they were looked at.", stats.lost_changes),
        ("lost_commands", "What the connection had to do, and was not told in time.", stats.lost_commands),
        ("unsummed_flows", "Flows that went before enough was known to count them.", inner.totals.unsummed),
        ("flow_lines_lost", "Flows that could not be written.", inner.flows.as_ref().map_or(0, FlowWriter::lost)),
    ] {
        page.one(&format!("van_collector_{name}_total"), "counter", help, value);
    }
    page.head("van_collector_records", "gauge", "Records held, ended ones too.");
    for (class, of) in [("element", Class::Element), ("flow", Class::Flow), ("log", Class::Log)] {
        page.line("van_collector_records", &[("class", class)], collector.held(of));
    }
    page.one("van_collector_record_bytes", "gauge", "Octets of all records held.", collector.bytes_held());
    let up = u8::from(matches!(inner.feed, FeedState::Connected | FeedState::Playing));
    page.one("van_collector_up", "gauge", "1 while connected to the router, or playing a recording.", up);
    page.head("van_collector_source_silent", "gauge", "1 for a source that fell silent.");
    for source in collector.sources() {
        page.line("van_collector_source_silent", &[("source", source.id())], u8::from(source.is_silent()));
    }
    page.head("van_collector_connections_missed", "gauge", "Connections that a listener counted and nobody described.");
    // Each identity once: two lines of the same labels are no page for Prometheus.
    for listener in Network::new(collector).elements(RecordType::LISTENER) {
        if let Some(loss) = collector.loss(listener).filter(|_| listener.ended().is_none()) {
            let (id, name) = (shown(listener.identity()), listener.name().map(shown).unwrap_or_default());
            let before = if loss.began_before { "true" } else { "false" };
            let labels = [("listener_id", &*id), ("listener_name", &*name), ("began_before", before)];
            page.line("van_collector_connections_missed", &labels, loss.missing());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_in_their_quotes() {
        let mut page = Page { text: String::new() };
        page.line("m", &[("a", "x\"} 1\nevil{b=\"\\")], 2);
        assert_eq!(page.text, "m{a=\"x\\\"} 1\\nevil{b=\\\"\\\\\"} 2\n");
        assert_eq!((seconds(-1), seconds(12_500_000)), ("-0.000001".into(), "12.500000".into()));
    }
}
