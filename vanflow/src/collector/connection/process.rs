//! Processes at the ends of connections: described, named, or inferred from a host in a site.

use core::fmt;

use flowcodec::Text;

use crate::collector::Collector;
use crate::collector::view::{RecordView, Reference};
use crate::record::{Attribute, RecordType};

/// A process at one end of a connection, as far as it can be told.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Process<'a> {
    /// A record describes it.
    Known(RecordView<'a>),
    /// A connector refers to it, and nobody describes it.
    Named(Text<'a>),
    /// Several processes have this host: a host network, or one address for several.
    Ambiguous,
    /// No process has this host in this site: one is inferred. Sites use the same addresses for different things.
    Inferred {
        /// Identity of the site.
        site: Text<'a>,
        /// The host.
        host: Text<'a>,
    },
}

impl fmt::Debug for Process<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(view) => write!(f, "Known({})", view.identity()),
            Self::Named(identity) => write!(f, "Named({identity})"),
            Self::Ambiguous => f.write_str("Ambiguous"),
            Self::Inferred { site, host } => write!(f, "Inferred({site}, {host})"),
        }
    }
}

impl<'a> RecordView<'a> {
    /// The process that a CONNECTOR connects to: what it names, else what has its host in its site. `None` while its site is not known,
    /// and of other records.
    #[must_use]
    pub fn server_process(self) -> Option<Process<'a>> {
        if self.record_type() != RecordType::CONNECTOR {
            return None;
        }
        if let Some(named) = self.reference(Attribute::PROCESS) {
            return Some(named.record().map_or_else(|| Process::Named(named.identity()), Process::Known));
        }
        let site = self.parent()?.record()?.parent()?;
        Some(self.collector.process_at(site, self.text(Attribute::DEST_HOST)?))
    }
}

impl Collector {
    /// What process has a host in a site.
    pub(in crate::collector) fn process_at<'a>(&'a self, site: Reference<'a>, host: Text<'a>) -> Process<'a> {
        let mut found = self.store.processes_at(site.node, host).take(MOST_PROCESSES);
        let (mut live, mut ended) = (found.by_ref().filter(|(_, record)| record.ended.is_none()), None);
        let first = live.next();
        let second = live.next();
        if first.is_none() {
            // None lives: the one that ended last.
            ended = self
                .store
                .processes_at(site.node, host)
                .take(MOST_PROCESSES)
                .max_by_key(|(_, record)| record.ended.map(|(_, at)| at));
        }
        match (first.or(ended), second) {
            (_, Some(_)) => Process::Ambiguous,
            (Some((key, record)), None) => Process::Known(RecordView { collector: self, key, record }),
            (None, None) => Process::Inferred { site: site.identity(), host },
        }
    }
}

/// Of more processes with one host in one site, these are looked at: they are ambiguous anyway.
const MOST_PROCESSES: usize = 64;
