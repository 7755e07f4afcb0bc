//! What a decoder has learned, in a form that outlives it.

use serde::{Deserialize, Serialize};

use super::Decoder;
use super::sequence::Tracker;
use super::sessions::{EXPORTER_COST, SessionKey, dialect_of};
use crate::exporter::{Exporter, Protocol};
use crate::ie::{ElementId, ElementRef, RuntimeElement};
use crate::template::{FieldSpecifier, OwnerKey, Sampler, ScopeKey, Template, TemplateKind};
use crate::time::Timestamp;

/// The format version written by this build.
const VERSION: u32 = 1;

/// What a decoder has learned: give it to serde, and to [`Decoder::restore`] after a restart, so that the first datagram decodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    elements: Vec<RuntimeElement>,
    domains: Vec<Domain>,
    sequences: Vec<Sequence>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Domain {
    protocol: Protocol,
    port: u16,
    number: u32,
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
    heard: Timestamp,
    tracker: Tracker,
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
    let owners = (0..store.owner_bound()).map(crate::template::Owner);
    let exporters = owners.filter_map(|owner| {
        let state = store.owner_state(owner)?;
        let OwnerKey::Address(_) = state.key else { return None };
        let domains = store.scopes_of(owner).iter().filter_map(|&scope| {
            let state = store.scope_state(scope)?;
            Some(Domain {
                protocol: protocol_of(&state.key),
                port: state.key.port,
                number: state.key.domain,
                boot: state.boot,
                samplers: state.sampling.rates().to_vec(),
                templates: store.templates_of(scope).map(|(_, entry)| shape(&entry.template, entry.refreshed)).collect(),
            })
        });
        let sequences = decoder.sessions.of(owner).filter_map(|(key, session)| {
            Some(Sequence {
                port: key.port,
                protocol: key.protocol,
                domain: key.domain,
                heard: session.last_heard,
                tracker: session.tracker?,
            })
        });
        let mut elements: Vec<RuntimeElement> = store.elements_of(owner).cloned().collect();
        elements.sort_by_key(|element| element.id);
        let mut sequences: Vec<Sequence> = sequences.collect();
        sequences.sort_by_key(|sequence| (sequence.port, sequence.protocol, sequence.domain));
        Some(Peer {
            exporter: super::exporter_of(state.key, 0),
            heard: state.heard,
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
        let key = OwnerKey::Address(peer.exporter.octets());
        let (owner, _) = decoder.store.owner(key, peer.heard, EXPORTER_COST);
        for element in &peer.elements {
            decoder.store.learn_element(owner, element.clone(), &decoder.settings.schema, &decoder.settings.limits);
        }
        for domain in &peer.domains {
            let Some(dialect) = dialect_of(domain.protocol) else { continue };
            let key = ScopeKey { owner, dialect, port: domain.port, domain: domain.number };
            let Some(scope) = decoder.store.scope(key, &decoder.settings.limits) else { continue };
            if let Some(boot) = domain.boot {
                decoder.store.set_boot(scope, boot);
            }
            for &(sampler, rate) in &domain.samplers {
                decoder.store.learn_sampling(scope, sampler, Some(rate), &decoder.settings.limits);
            }
            for shape in &domain.templates {
                if decoder.store.find(scope, shape.id).is_some() {
                    continue;
                }
                let uid = decoder.store.next_uid();
                let specifiers = shape.fields.iter().map(|&(element, length, scope)| FieldSpecifier { element, length, scope });
                let elements = &decoder.settings.elements;
                let resolve = |id| match elements.resolve(id) {
                    ElementRef::Unknown(_) => match decoder.store.element(owner, id) {
                        Some(element) => ElementRef::Runtime(std::sync::Arc::clone(element)),
                        None => ElementRef::Unknown(id),
                    },
                    known => known,
                };
                let (schema, limits) = (&decoder.settings.schema, &decoder.settings.limits);
                if let Ok(template) = Template::compile(uid, shape.id, shape.kind, specifiers, resolve, schema, limits) {
                    decoder.store.insert(scope, template, shape.refreshed, limits);
                }
            }
        }
        for sequence in &peer.sequences {
            let key = SessionKey { port: sequence.port, protocol: sequence.protocol, domain: sequence.domain };
            let limits = &decoder.settings.limits;
            decoder.sessions.restore(owner, key, sequence.tracker, sequence.heard, &mut decoder.store, limits);
        }
        decoder.store.enforce(owner, None, &decoder.settings.limits);
        // The next exporter may take the place of one that had to go: what is kept beside the store goes first.
        decoder.drain_gone(peer.heard);
    }
    Ok(())
}
