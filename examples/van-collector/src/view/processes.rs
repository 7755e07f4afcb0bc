//! Processes, those that nobody describes too, and the components they are grouped by.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use flowcodec::Text;
use vanflow::collector::{InferredProcess, RecordView};
use vanflow::record::{Attribute, RecordType};

use super::table::{Cell, Column, Table, columns};
use super::{
    Network, described_name, identity, inferred_key, inferred_name, micros, name, process_id, service_key, shown, span, text,
};

/// A process.
pub(crate) struct Row<'a> {
    pub(crate) id: Cow<'a, str>,
    pub(crate) of: Of<'a>,
    /// Services it serves, as `name@identity@protocol`.
    pub(crate) services: BTreeSet<String>,
}

#[derive(Clone, Copy)]
pub(crate) enum Of<'a> {
    Record(RecordView<'a>),
    Inferred(InferredProcess<'a>),
}

impl<'a> Row<'a> {
    pub(crate) const fn record(&self) -> Option<RecordView<'a>> {
        match self.of {
            Of::Record(view) => Some(view),
            Of::Inferred(_) => None,
        }
    }

    pub(crate) fn name(&self) -> Cow<'a, str> {
        match self.of {
            Of::Record(view) => described_name(view),
            Of::Inferred(process) => inferred_name(process.host),
        }
    }

    pub(crate) fn site(&self) -> Option<Cow<'a, str>> {
        match self.of {
            Of::Record(view) => identity(view.parent()),
            Of::Inferred(process) => Some(shown(process.site)),
        }
    }

    fn site_name(&self, network: &Network<'a>) -> Option<Cow<'a, str>> {
        match self.of {
            Of::Record(view) => name(view.parent()),
            Of::Inferred(process) => network.site_name(process.site),
        }
    }

    pub(crate) fn group(&self) -> Option<Cow<'a, str>> {
        text(self.record(), Attribute::GROUP)
    }

    pub(crate) fn host(&self) -> Option<Cow<'a, str>> {
        match self.of {
            Of::Record(view) => text(Some(view), Attribute::SOURCE_HOST),
            Of::Inferred(process) => Some(shown(process.host)),
        }
    }

    pub(crate) fn role(&self) -> &'static str {
        // What reaches a service without being described is outside of it.
        match text(self.record(), Attribute::MODE).as_deref() {
            Some("internal") => "internal",
            Some("external") => "external",
            _ => "remote",
        }
    }
}

impl<'a> Network<'a> {
    pub(crate) fn site_name(&self, site: Text<'a>) -> Option<Cow<'a, str>> {
        self.collector.find(site.as_bytes())?.name().map(shown)
    }

    /// All processes, described ones first.
    pub(crate) fn processes(&self) -> &[Row<'a>] {
        self.processes.get_or_init(|| {
            let mut services: HashMap<Cow<'a, str>, BTreeSet<String>> = HashMap::new();
            for connector in self.elements(RecordType::CONNECTOR).filter(|connector| connector.ended().is_none()) {
                let process = connector.server_process().and_then(process_id);
                if let (Some(process), Some(service)) = (process, service_key(connector)) {
                    let part = |attribute| text(Some(connector), attribute).unwrap_or_default();
                    let entry = format!("{}@{service}@{}", part(Attribute::ADDRESS), part(Attribute::PROTOCOL));
                    services.entry(process).or_default().insert(entry);
                }
            }
            let known = self.elements(RecordType::PROCESS).map(|view| (shown(view.identity()), Of::Record(view)));
            let inferred = self.collector.inferred_processes().into_iter();
            let inferred = inferred.map(|process| (inferred_key(process.site, process.host).into(), Of::Inferred(process)));
            known.chain(inferred).map(|(id, of)| Row { services: services.remove(&id).unwrap_or_default(), id, of }).collect()
        })
    }

    pub(crate) fn components(&self) -> &[Component<'a>] {
        self.components.get_or_init(|| {
            let mut components: BTreeMap<Cow<'a, str>, Component<'a>> = BTreeMap::new();
            for process in self.processes() {
                let (Some(view), Some(group)) = (process.record(), process.group()) else { continue };
                let (start, end) = span(view);
                let component = components.entry(group.clone()).or_insert_with(|| Component::new(group, process.role()));
                component.processes += u64::from(end == 0);
                component.start = if component.start == 0 { start } else { component.start.min(start) };
                component.live |= end == 0;
                component.end = component.end.max(end);
            }
            components.into_values().collect()
        })
    }
}

pub(crate) enum Processes {}

impl Table for Processes {
    type Row<'a> = &'a Row<'a>;
    const SINGULAR: &'static str = "process";
    const COLUMNS: &'static [Column<Self>] = columns! {
        "identity" Text |_, process| Cell::Text(process.id.clone());
        "startTime" Number |_, process| Cell::Number(micros(process.record().and_then(|view| view.start())));
        "endTime" Number |_, process| Cell::Number(micros(process.record().and_then(|view| view.end())));
        "complete" Truth |_, process| Cell::Truth(process.record().is_some_and(|view| view.is_complete()));
        "name" Text |_, process| Cell::Text(process.name());
        "siteId" Text |_, process| Cell::text(process.site());
        "siteName" Text |network, process| Cell::text(process.site_name(network));
        "componentId" Text |_, process| Cell::text(process.group());
        "componentName" Text |_, process| Cell::text(process.group());
        "hostName" Text |_, process| Cell::text(text(process.record(), Attribute::HOSTNAME));
        "sourceHost" Text |_, process| Cell::text(process.host());
        "imageName" Text |_, process| Cell::text(text(process.record(), Attribute::IMAGE_NAME));
        "role" Text |_, process| Cell::Text(process.role().into());
        "binding" Text |_, process| Cell::Text(binding(process).into());
        "inferred" Truth |_, process| Cell::Truth(process.record().is_none());
        "services" Parts |_, process| Cell::Texts(process.services.iter().map(|service| Cow::Borrowed(&**service)).collect());
    };

    fn rows<'a>(network: &'a Network<'a>) -> Vec<&'a Row<'a>> {
        network.processes().iter().collect()
    }

    fn span(process: &Row<'_>) -> (u64, u64) {
        process.record().map_or((0, 0), span)
    }
}

fn binding(process: &Row<'_>) -> &'static str {
    if process.services.is_empty() { "unbound" } else { "bound" }
}

/// Processes of one group name.
pub(crate) struct Component<'a> {
    pub(crate) name: Cow<'a, str>,
    role: &'static str,
    processes: u64,
    start: u64,
    end: u64,
    live: bool,
}

impl<'a> Component<'a> {
    const fn new(name: Cow<'a, str>, role: &'static str) -> Self {
        Self { name, role, processes: 0, start: 0, end: 0, live: false }
    }

    const fn span(&self) -> (u64, u64) {
        (self.start, if self.live { 0 } else { self.end })
    }
}

pub(crate) enum Components {}

impl Table for Components {
    type Row<'a> = &'a Component<'a>;
    const SINGULAR: &'static str = "component";
    const COLUMNS: &'static [Column<Self>] = columns! {
        "identity" Text |_, component| Cell::Text(component.name.clone());
        "startTime" Number |_, component| Cell::Number(component.span().0);
        "endTime" Number |_, component| Cell::Number(component.span().1);
        "name" Text |_, component| Cell::Text(component.name.clone());
        "role" Text |_, component| Cell::Text(component.role.into());
        "processCount" Number |_, component| Cell::Number(component.processes);
    };

    fn rows<'a>(network: &'a Network<'a>) -> Vec<&'a Component<'a>> {
        network.components().iter().collect()
    }

    fn span(component: &Component<'_>) -> (u64, u64) {
        component.span()
    }
}
