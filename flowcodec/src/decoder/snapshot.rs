//! What a decoder has learned, in a form that outlives it.

use core::fmt;
use std::net::IpAddr;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::Decoder;
use super::sequence::Tracker;
use super::sessions::{SessionKey, dialect_of};
use crate::exporter::{Exporter, Protocol};
use crate::ie::{ElementId, RuntimeElement};
use crate::template::{FieldSpecifier, OwnerKey, Sampler, ScopeKey, Standing, Template, TemplateKind};
use crate::time::Timestamp;

/// The format version written by this build.
const VERSION: u32 = 3;

/// What a decoder has learned: give it to serde, and to [`Decoder::restore`] after a restart, so that the first datagram decodes.
///
/// One of another format version can be read too, without what it holds, so that [`Decoder::restore`] can say what it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    version: u32,
    exporters: Vec<Peer>,
}

/// Why a snapshot was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// It was written by another format version.
    #[error(
        "the snapshot has format version {found}, this build reads version {expected}: start without it, exporters announce their templates again"
    )]
    Version {
        /// The version it has.
        found: u32,
        /// The version this build reads.
        expected: u32,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Peer {
    exporter: Exporter,
    heard: Timestamp,
    standing: Standing,
    elements: Vec<RuntimeElement>,
    domains: Vec<Domain>,
    sequences: Vec<Sequence>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Domain {
    protocol: Protocol,
    port: u16,
    number: u32,
    standing: Standing,
    boot: Option<Timestamp>,
    samplers: Vec<(Sampler, f64)>,
    templates: Vec<Shape>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Shape {
    id: u16,
    kind: TemplateKind,
    refreshed: Timestamp,
    /// Element, length, whether it is a scope.
    fields: Vec<(ElementId, u16, bool)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Sequence {
    port: u16,
    protocol: Protocol,
    domain: Option<u32>,
    agent: Option<IpAddr>,
    heard: Timestamp,
    tracker: Tracker,
}

impl<'de> Deserialize<'de> for Snapshot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("Snapshot", &["version", "exporters"], SnapshotVisitor)
    }
}

/// Reads the version first, and the rest only if it is ours.
struct SnapshotVisitor;

/// The exporters, read before the version is known: of another version they may have any shape.
#[derive(Deserialize)]
#[serde(untagged)]
enum Body {
    Known(Vec<Peer>),
    Other(IgnoredAny),
}

impl<'de> Visitor<'de> for SnapshotVisitor {
    type Value = Snapshot;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a snapshot of a decoder")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Snapshot, A::Error> {
        let version = parts.next_element()?.ok_or_else(|| A::Error::missing_field("version"))?;
        if version != VERSION {
            while parts.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(Snapshot { version, exporters: Vec::new() });
        }
        let exporters = parts.next_element()?.ok_or_else(|| A::Error::missing_field("exporters"))?;
        Ok(Snapshot { version, exporters })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut parts: A) -> Result<Snapshot, A::Error> {
        let (mut version, mut body) = (None, None);
        while let Some(name) = parts.next_key::<Box<str>>()? {
            match (&*name, version) {
                ("version", None) => version = Some(parts.next_value()?),
                ("version", Some(_)) => return Err(A::Error::duplicate_field("version")),
                ("exporters", Some(VERSION)) => body = Some(Body::Known(parts.next_value()?)),
                ("exporters", None) => body = Some(parts.next_value()?),
                _ => {
                    parts.next_value::<IgnoredAny>()?;
                }
            }
        }
        let version = version.ok_or_else(|| A::Error::missing_field("version"))?;
        let exporters = match body {
            _ if version != VERSION => Vec::new(),
            Some(Body::Known(exporters)) => exporters,
            Some(Body::Other(_)) => return Err(A::Error::custom("the exporters of the snapshot have another shape")),
            None => return Err(A::Error::missing_field("exporters")),
        };
        Ok(Snapshot { version, exporters })
    }
}

impl Snapshot {
    /// How many exporters it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.exporters.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exporters.is_empty()
    }
}

pub(super) fn take(decoder: &Decoder) -> Snapshot {
    let store = &decoder.store;
    // In the order they would go: the same again after a restart.
    let exporters = store.all_owners().filter_map(|(owner, state)| {
        let OwnerKey::Address(_) = state.key else { return None };
        let domains = store.scopes_of(owner).map(|(scope, state)| Domain {
            protocol: protocol_of(&state.key),
            port: state.key.port,
            number: state.key.domain,
            standing: state.standing,
            boot: state.boot,
            samplers: state.sampling.rates().to_vec(),
            templates: store.templates_of(scope).map(|(_, entry)| shape(&entry.template, entry.refreshed)).collect(),
        });
        let sequences = decoder.sessions.trackers(owner).map(|(key, heard, tracker)| Sequence {
            port: key.port,
            protocol: key.protocol,
            domain: key.domain,
            agent: key.agent,
            heard,
            tracker,
        });
        let mut elements: Vec<RuntimeElement> = store.elements_of(owner).cloned().collect();
        elements.sort_by_key(|element| element.id);
        let mut sequences: Vec<Sequence> = sequences.collect();
        // One counter runs over several domains.
        sequences.sort_by_key(|it| (it.port, it.protocol, it.agent, it.domain, core::cmp::Reverse(it.heard)));
        sequences.dedup_by_key(|sequence| (sequence.port, sequence.protocol, sequence.agent, sequence.domain));
        Some(Peer {
            exporter: super::exporter_of(state.key, 0),
            heard: state.heard,
            standing: state.standing,
            elements,
            domains: domains.collect(),
            sequences,
        })
    });
    Snapshot { version: VERSION, exporters: exporters.collect() }
}

fn shape(template: &Template, refreshed: Timestamp) -> Shape {
    let fields = template.fields().iter().map(|field| (field.id(), field.length(), field.is_scope())).collect();
    Shape { id: template.id(), kind: template.kind(), refreshed, fields }
}

const fn protocol_of(key: &ScopeKey) -> Protocol {
    match key.dialect {
        crate::template::Dialect::NetFlow9 => Protocol::NetFlow9,
        _ => Protocol::Ipfix,
    }
}

pub(super) fn restore(decoder: &mut Decoder, snapshot: &Snapshot) -> Result<(), SnapshotError> {
    if snapshot.version != VERSION {
        return Err(SnapshotError::Version { found: snapshot.version, expected: VERSION });
    }
    for peer in &snapshot.exporters {
        let key = OwnerKey::Address(u128::from_be_bytes(peer.exporter.octets()));
        let owner = decoder.store.restore_owner(key, peer.heard, peer.standing);
        for element in &peer.elements {
            decoder.store.learn_element(owner, element.clone(), &decoder.settings.limits);
        }
        for domain in &peer.domains {
            let Some(dialect) = dialect_of(domain.protocol) else { continue };
            let key = ScopeKey { owner, dialect, port: domain.port, domain: domain.number };
            let Some(scope) = decoder.store.scope(key, &decoder.settings.limits) else { continue };
            decoder.store.restore_standing(scope, domain.standing);
            if let Some(boot) = domain.boot {
                decoder.store.set_boot(scope, Some(boot));
            }
            for &(sampler, rate) in &domain.samplers {
                decoder.store.learn_sampling(scope, sampler, Some(rate), &decoder.settings.limits);
            }
            for shape in &domain.templates {
                if decoder.store.find(scope, shape.id).is_some() {
                    continue;
                }
                let specifiers = shape.fields.iter().map(|&(element, length, scope)| FieldSpecifier { element, length, scope });
                if let Ok(template) = decoder.compile(owner, shape.id, shape.kind, specifiers) {
                    decoder.store.insert(scope, template, shape.refreshed, &decoder.settings.limits);
                }
            }
        }
        // The counters over all domains come behind the domains they run over.
        let (own, shared): (Vec<_>, Vec<_>) = peer.sequences.iter().partition(|sequence| sequence.domain.is_some());
        for sequence in own.into_iter().chain(shared) {
            let Sequence { port, protocol, domain, agent, .. } = *sequence;
            let key = SessionKey { port, protocol, domain, agent };
            let limits = &decoder.settings.limits;
            decoder.sessions.restore(owner, key, sequence.tracker, sequence.heard, &mut decoder.store, limits);
        }
        decoder.store.enforce(owner, None, &decoder.settings.limits);
        // The next exporter may take the place of one that had to go: what is kept beside the store goes first.
        while decoder.store.has_gone() {
            decoder.drain_gone(peer.heard);
        }
    }
    Ok(())
}
