//! The network as collections of rows, made from a collector when it is asked.

mod elements;
mod flows;
mod pairs;
mod processes;
mod services;
pub(crate) mod table;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;

use flowcodec::{Text, Timestamp};
use vanflow::collector::{Collector, Connection, Link, Process, RecordView, Reference};
use vanflow::record::{Attribute, RecordType};

pub(crate) use elements::{Connectors, Links, Listeners, RouterAccesses, Routers, Sites};
pub(crate) use flows::{Connections, Requests};
pub(crate) use pairs::{ComponentPairs, Pairs, ProcessPairs, SitePairs};
pub(crate) use processes::{Components, Processes, Row as ProcessRow};
pub(crate) use services::{Row as ServiceRow, Services};

/// A collector, and what was made from it for this one question.
pub(crate) struct Network<'a> {
    pub(crate) collector: &'a Collector,
    processes: OnceCell<Vec<processes::Row<'a>>>,
    components: OnceCell<Vec<processes::Component<'a>>>,
    services: OnceCell<Vec<services::Row<'a>>>,
    pairs: OnceCell<Pairs<'a>>,
    links: OnceCell<Vec<Link<'a>>>,
    sites_of_routers: OnceCell<HashMap<&'a [u8], Cow<'a, str>>>,
}

impl<'a> Network<'a> {
    pub(crate) const fn new(collector: &'a Collector) -> Self {
        Self {
            collector,
            processes: OnceCell::new(),
            components: OnceCell::new(),
            services: OnceCell::new(),
            pairs: OnceCell::new(),
            links: OnceCell::new(),
            sites_of_routers: OnceCell::new(),
        }
    }

    /// One whose pairs are made from some connections only.
    pub(crate) fn with_pairs(collector: &'a Collector, pairs: Pairs<'a>) -> Self {
        Self { pairs: OnceCell::from(pairs), ..Self::new(collector) }
    }

    /// Records of a type, each identity once: several routers describe one site, and a restarted one describes all it has anew.
    pub(crate) fn elements(&self, of: RecordType) -> impl Iterator<Item = RecordView<'a>> + use<'a> {
        let collector = self.collector;
        collector.records(of).filter(move |view| is_best(collector, *view))
    }

    /// Name of the site that a router of this name stands in.
    fn site_of_router(&self, router: Text<'a>) -> Option<Cow<'a, str>> {
        let sites = self.sites_of_routers.get_or_init(|| {
            let named = |router: RecordView<'a>| {
                let site = router.parent()?;
                Some((router.name()?.as_bytes(), name(Some(site)).unwrap_or_else(|| shown(site.identity()))))
            };
            self.elements(RecordType::ROUTER).filter_map(named).collect()
        });
        sites.get(router.as_bytes()).cloned()
    }

    fn links(&self) -> &[Link<'a>] {
        self.links.get_or_init(|| self.collector.links().filter(|link| is_best(self.collector, link.record)).collect())
    }
}

fn is_best(collector: &Collector, view: RecordView<'_>) -> bool {
    collector
        .find(view.identity().as_bytes())
        .is_none_or(|best| best.id() == view.id() || best.record_type() != view.record_type())
}

/// Text as JSON can hold it: octets that are not UTF-8 as `\xNN`, and no other text like that.
pub(crate) fn shown(text: Text<'_>) -> Cow<'_, str> {
    match text.to_str() {
        Ok(valid) if !valid.contains("\\x") => Cow::Borrowed(valid),
        _ => Cow::Owned(text.to_string()),
    }
}

pub(crate) fn micros(time: Option<Timestamp>) -> u64 {
    time.and_then(|time| u64::try_from(time.as_nanos() / 1_000).ok()).unwrap_or(0)
}

pub(crate) fn span(view: RecordView<'_>) -> (u64, u64) {
    (micros(view.start()), micros(view.end()))
}

pub(crate) fn text(view: Option<RecordView<'_>>, attribute: Attribute) -> Option<Cow<'_, str>> {
    view?.text(attribute).map(shown)
}

pub(crate) fn identity(reference: Option<Reference<'_>>) -> Option<Cow<'_, str>> {
    reference.map(|reference| shown(reference.identity()))
}

pub(crate) fn name(reference: Option<Reference<'_>>) -> Option<Cow<'_, str>> {
    reference?.record()?.name().map(shown)
}

/// The site of what belongs to a router.
pub(crate) fn site_of(view: RecordView<'_>) -> Option<Reference<'_>> {
    view.parent()?.record()?.parent()
}

/// An identity of what has none on the wire: parts with `~` between them, which no part holds. `%7E` and `%25` stand for `~` and `%`.
pub(crate) fn key(parts: &[&str]) -> String {
    let parts: Vec<_> = parts.iter().map(|part| part.replace('%', "%25").replace('~', "%7E")).collect();
    parts.join("~")
}

/// Identity of a service.
pub(crate) fn service_key(view: RecordView<'_>) -> Option<String> {
    let address = view.text(Attribute::ADDRESS)?;
    Some(key(&[&shown(address), &view.text(Attribute::PROTOCOL).map(shown).unwrap_or_default()]))
}

pub(crate) fn service_key_of(connection: &Connection<'_>) -> Option<String> {
    let address = connection.address()?;
    Some(key(&[&shown(address), &connection.protocol().map(shown).unwrap_or_default()]))
}

/// Identity of a process, also of one that is inferred; `None` where several have its host.
pub(crate) fn process_id(process: Process<'_>) -> Option<Cow<'_, str>> {
    match process {
        Process::Known(view) => Some(shown(view.identity())),
        Process::Named(identity) => Some(shown(identity)),
        Process::Inferred { site, host } => Some(inferred_key(site, host).into()),
        _ => None,
    }
}

pub(crate) fn process_name(process: Process<'_>) -> Option<Cow<'_, str>> {
    match process {
        Process::Known(view) => Some(described_name(view)),
        Process::Named(identity) => Some(shown(identity)),
        Process::Inferred { host, .. } => Some(inferred_name(host)),
        Process::Ambiguous => Some("ambiguous".into()),
        _ => None,
    }
}

fn described_name(process: RecordView<'_>) -> Cow<'_, str> {
    shown(process.name().unwrap_or_else(|| process.identity()))
}

/// Name of a process that nobody describes: its host. It may be client of one service and server of another, so its name says neither.
fn inferred_name(host: Text<'_>) -> Cow<'_, str> {
    shown(host)
}

pub(crate) fn inferred_key(site: Text<'_>, host: Text<'_>) -> String {
    key(&["inferred", &shown(site), &shown(host)])
}

/// Group of a process.
pub(crate) fn group_of(process: Option<Process<'_>>) -> Option<Cow<'_, str>> {
    match process? {
        Process::Known(view) => view.text(Attribute::GROUP).map(shown),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Identities are compared as they are shown.
    #[test]
    fn no_two_texts_are_shown_alike() {
        let texts: [(&[u8], &str); 4] =
            [(b"a\xff", "a\\xff"), (b"a\\xff", "a\\x5cxff"), (b"a\\b", "a\\b"), ("é\u{202e}".as_bytes(), "é\u{202e}")];
        for (octets, expected) in texts {
            assert_eq!(shown(Text::new(octets)), expected);
        }
    }
}
