//! What records are found by, beside their identity: processes by host and site, pairs by their counterflow, and how many flows named a
//! parent.

use flowcodec::Text;

use super::parts::{COUNTERPARTS, Epoch, Held, Node, Record, Tally};
use super::{HOST_BYTES, Store, TALLY_BYTES};
use crate::collector::slab::Key;
use crate::record::{Attribute, Class, RecordType};

impl Store {
    /// Enters what an attribute of this record is found by.
    pub(super) fn hook(&mut self, key: Key<Record>, attribute: Attribute) {
        let Some(record) = self.records.get(key) else { return };
        let epoch = record.epoch;
        match (record.kind, attribute) {
            (RecordType::PROCESS, Attribute::PARENT | Attribute::SOURCE_HOST) => {
                if let Some((site, host)) = self.site_and_host(record)
                    && self.hosts.insert((site, host, key))
                {
                    self.bytes = self.bytes.saturating_add(HOST_BYTES);
                }
            }
            (RecordType::FLOW, Attribute::COUNTERFLOW) => {
                if let Some(node) = record.reference(attribute).and_then(|node| self.nodes.get_mut(node))
                    && node.counterparts.len() < COUNTERPARTS
                {
                    node.counterparts.push(key);
                }
            }
            (_, Attribute::PARENT) if record.class == Class::Flow => {
                if let Some(parent) = record.reference(attribute) {
                    let bytes = &mut self.bytes;
                    let tally = self.tallies.entry((parent, epoch)).or_insert_with(|| {
                        *bytes = bytes.saturating_add(TALLY_BYTES);
                        Tally::default()
                    });
                    tally.seen = tally.seen.saturating_add(1);
                    tally.held = tally.held.saturating_add(1);
                }
            }
            _ => {}
        }
    }

    /// Undoes [`hook`](Self::hook).
    pub(super) fn unhook(&mut self, key: Key<Record>, attribute: Attribute) {
        let Some(record) = self.records.get(key) else { return };
        let epoch = record.epoch;
        match (record.kind, attribute) {
            (RecordType::PROCESS, Attribute::PARENT | Attribute::SOURCE_HOST) => {
                if let Some((site, host)) = self.site_and_host(record)
                    && self.hosts.remove(&(site, host, key))
                {
                    self.bytes = self.bytes.saturating_sub(HOST_BYTES);
                }
            }
            (RecordType::FLOW, Attribute::COUNTERFLOW) => {
                if let Some(node) = record.reference(attribute).and_then(|node| self.nodes.get_mut(node)) {
                    node.counterparts.retain(|counterpart| *counterpart != key);
                }
            }
            (_, Attribute::PARENT) if record.class == Class::Flow => {
                if let Some(parent) = record.reference(attribute) {
                    if let Some(tally) = self.tallies.get_mut(&(parent, epoch)) {
                        tally.held = tally.held.saturating_sub(1);
                    }
                    self.release_tally(parent, epoch);
                }
            }
            _ => {}
        }
    }

    /// Lets go of a tally whose parent is not described and whose flows are gone.
    pub(super) fn release_tally(&mut self, parent: Key<Node>, epoch: Key<Epoch>) {
        let empty = self.tallies.get(&(parent, epoch)).is_some_and(|tally| tally.held == 0);
        if empty && self.version_of(parent, epoch).is_none() {
            self.tallies.remove(&(parent, epoch));
            self.bytes = self.bytes.saturating_sub(TALLY_BYTES);
        }
    }

    /// How many flows of an epoch named this parent, also those that went.
    pub(in crate::collector) fn flows_seen(&self, parent: Key<Node>, epoch: Key<Epoch>) -> u64 {
        self.tallies.get(&(parent, epoch)).map_or(0, |tally| tally.seen)
    }

    fn site_and_host(&self, process: &Record) -> Option<(Key<Node>, u64)> {
        let site = process.reference(Attribute::PARENT)?;
        let Some(Held::Text(host)) = process.held(Attribute::SOURCE_HOST) else { return None };
        Some((site, self.hash(host)))
    }

    /// Live processes of a host in a site, and ended ones behind them.
    pub(in crate::collector) fn processes_at(
        &self,
        site: Key<Node>,
        host: Text<'_>,
    ) -> impl Iterator<Item = (Key<Record>, &Record)> {
        let hash = self.hash(host.as_bytes());
        let octets = host.as_bytes().to_vec();
        self.hosts
            .range((site, hash, Key::MIN)..=(site, hash, Key::MAX))
            .filter_map(|&(_, _, key)| Some((key, self.records.get(key)?)))
            .filter(move |(_, record)| matches!(record.held(Attribute::SOURCE_HOST), Some(Held::Text(text)) if **text == *octets))
    }
}
