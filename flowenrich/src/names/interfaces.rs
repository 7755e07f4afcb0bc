//! Names of interfaces and exporters: learned from what exporters say of themselves, or read from a file.

use std::collections::HashMap;
use std::io::BufRead;
use std::net::IpAddr;

use flowcodec::batch::FlowBatch;
use flowcodec::ie::{ElementId, SflowStructure};
use flowcodec::model::{FieldDef, FieldSpec, FieldValue, Schema, String as TextField, Unit, field};
use flowcodec::{Record, RecordSet, Text, Value};
use serde::{Deserialize, Serialize};

use crate::cells::Columns;
use crate::enricher::{BindError, Binding, Enricher, OtherSchema, Outcome, Step, added};
use crate::live::{Live, Source};
use crate::lookup::Found;
use crate::read::{ReadError, lines};

/// What is known of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Interface {
    /// Its name (`ge-0/0/1`), empty when not known.
    pub name: Box<str>,
    /// What its administrator wrote, empty when not known.
    pub description: Box<str>,
}

/// Names by device and `ifIndex`. A device is the sFlow agent, or the address that its messages come from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InterfaceNames {
    devices: HashMap<IpAddr, Device>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Device {
    name: Option<Box<str>>,
    interfaces: HashMap<u32, Interface>,
}

impl InterfaceNames {
    /// An interface.
    #[must_use]
    pub fn interface(&self, device: IpAddr, index: u32) -> Option<&Interface> {
        self.devices.get(&device.to_canonical())?.interfaces.get(&index)
    }

    /// The name of a device.
    #[must_use]
    pub fn device(&self, device: IpAddr) -> Option<&str> {
        self.devices.get(&device.to_canonical())?.name.as_deref()
    }

    /// Reads lines of `device,index,name,description`; without an index the name is the device's. The description may be missing, and
    /// may have commas in it. Empty lines and such that begin with `#` are passed over.
    ///
    /// # Errors
    /// At the first line that is none of these. Nothing is taken then.
    pub fn read(from: impl BufRead) -> Result<Self, ReadError> {
        let mut names = Self::default();
        lines(from, |line| {
            let mut parts = line.splitn(4, ',').map(str::trim);
            let mut part = |what: &str| parts.next().ok_or_else(|| format!("'{line}' has no {what}"));
            let (device, index, name) = (part("device")?, part("index")?, part("name")?);
            let description = parts.next().unwrap_or_default();
            let address: IpAddr = device.parse().map_err(|_| format!("'{device}' is no address"))?;
            let device = names.devices.entry(address.to_canonical()).or_default();
            if index.is_empty() {
                device.name = Some(name.into());
            } else {
                let index = index.parse().map_err(|_| format!("'{index}' is no interface index"))?;
                device.interfaces.insert(index, Interface { name: name.into(), description: description.into() });
            }
            Ok(())
        })?;
        Ok(names)
    }

    fn len(&self) -> usize {
        self.devices.values().fold(self.devices.len(), |sum, device| sum.saturating_add(device.interfaces.len()))
    }
}

/// Names that grow from the records handed over. Bounded; readers see what was last [published](Self::publish).
#[derive(Debug, Default)]
pub struct Learned {
    names: InterfaceNames,
    /// Devices and interfaces in `names`: counted as they come, for each new name asks.
    held: usize,
    live: Live<InterfaceNames>,
    changed: bool,
    refused: u64,
}

impl Learned {
    /// As many devices and interfaces are kept; further ones are refused, so that forged exporters cannot push out known ones.
    pub const MOST: usize = 100_000;
    /// Octets of a name or description that are kept.
    const LONGEST: usize = 255;

    /// From names that are known already: a snapshot, a file.
    #[must_use]
    pub fn from_names(names: InterfaceNames) -> Self {
        Self { live: Live::new(names.clone()), held: names.len(), names, changed: false, refused: 0 }
    }

    /// Where readers find the names: the same slot at every call.
    #[must_use]
    pub fn live(&self) -> Live<InterfaceNames> {
        self.live.clone()
    }

    /// Names refused because there were too many.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Learns from a set of options records (elements 82 and 83 beside an interface index: 10, 14, 252 or 253), of sFlow counter samples
    /// (`port_name`, `host_descr`), or of any records that say them. Sets that say no names cost one look at their template, samples a
    /// walk over their records.
    pub fn learn(&mut self, set: RecordSet<'_>) {
        if let Some(template) = set.template() {
            let named = |id| template.fields().iter().any(|field| field.id() == ElementId::iana(id));
            if !named(82) && !named(83) {
                return;
            }
        }
        for record in set {
            match record.sample() {
                Some(_) => self.learn_sample(&record),
                None => self.learn_record(&record),
            }
        }
    }

    /// Shows readers what was learned so far.
    pub fn publish(&mut self) {
        if std::mem::take(&mut self.changed) {
            self.live.replace(self.names.clone());
        }
    }

    fn learn_record(&mut self, record: &Record<'_>) {
        let Some(index) = record.get(field::IN_IF).or_else(|| record.get(field::OUT_IF)) else { return };
        let (name, description) = (record.get(field::IN_IF_NAME), record.get(field::IN_IF_DESCRIPTION));
        self.put(record.context().exporter.address(), index, name, description);
    }

    fn learn_sample(&mut self, record: &Record<'_>) {
        let context = record.context();
        let device = context.agent.unwrap_or_else(|| context.exporter.address());
        for element in record.elements() {
            let Value::Text(text) = element.value() else { continue };
            match element.id() {
                ElementId::Sflow { structure: SflowStructure::Counter(1005), field: 1 } => {
                    let source = record.sample().and_then(flowcodec::sflow::Sample::source);
                    if let Some(source) = source.filter(|source| source.class == 0) {
                        self.put(device, source.index, Some(text), None);
                    }
                }
                ElementId::Sflow { structure: SflowStructure::Counter(2000), field: 1 } => self.put_device(device, text),
                _ => {}
            }
        }
    }

    fn put(&mut self, device: IpAddr, index: u32, name: Option<Text<'_>>, description: Option<Text<'_>>) {
        let known = self.names.interface(device, index);
        let mut interface = known.cloned().unwrap_or_default();
        for (text, place) in [(name, &mut interface.name), (description, &mut interface.description)] {
            if let Some(text) = text.map(kept).filter(|text| !text.is_empty()) {
                *place = text;
            }
        }
        if known == Some(&interface) || interface == Interface::default() {
            return;
        }
        if known.is_none() && self.held >= Self::MOST {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        let interfaces = &mut self.entry(device).interfaces;
        let new = interfaces.insert(index, interface).is_none();
        self.held = self.held.saturating_add(usize::from(new));
    }

    fn put_device(&mut self, device: IpAddr, name: Text<'_>) {
        let name = kept(name);
        let known = self.names.device(device);
        if name.is_empty() || known == Some(&*name) {
            return;
        }
        if known.is_none() && self.held >= Self::MOST {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        self.entry(device).name = Some(name);
    }

    /// A device that is changed now.
    fn entry(&mut self, device: IpAddr) -> &mut Device {
        self.changed = true;
        let held = &mut self.held;
        self.names.devices.entry(device.to_canonical()).or_insert_with(|| {
            *held = held.saturating_add(1);
            Device::default()
        })
    }
}

/// A name as it is kept: without padding, what is not text made visible, of bounded length.
fn kept(text: Text<'_>) -> Box<str> {
    let octets = text.trimmed().as_bytes();
    Text::new(octets.get(..Learned::LONGEST).unwrap_or(octets)).to_string().into()
}

static OUT_NAME: FieldDef<TextField> = FieldDef::new("out_if_name", Unit::None, "Name of the output interface.", &[]);
static DEVICE: FieldDef<TextField> = FieldDef::new("exporter_name", Unit::None, "Name the exporter gives itself.", &[]);

/// The enricher that names a flow's interfaces and exporter: `in_if_name` where the record does not say it, `out_if_name`,
/// `exporter_name`.
#[derive(Debug, Clone)]
pub struct Interfaces<S> {
    source: S,
}

impl<S: Source<Index = InterfaceNames>> Interfaces<S> {
    /// Names from `source`: [`Learned::live`], or an `Arc` of names that were read.
    #[must_use]
    pub const fn new(source: S) -> Self {
        Self { source }
    }
}

impl<S: Source<Index = InterfaceNames>> Enricher for Interfaces<S> {
    fn fields(&self) -> Vec<FieldSpec> {
        vec![OUT_NAME.spec(), DEVICE.spec()]
    }

    fn bind(&self, schema: &Schema) -> Result<Binding, BindError> {
        let added = self.fields().iter().map(|spec| added(schema, spec)).collect::<Result<Vec<_>, _>>()?;
        let writes = [field::IN_IF_NAME.id()].into_iter().chain(added).collect();
        Ok(Binding::new(schema, vec![Step { reads: Vec::new(), writes }]))
    }

    fn enrich(&self, binding: &Binding, batch: &mut FlowBatch) -> Result<Outcome, OtherSchema> {
        let mut columns = Columns::take(batch, binding.writes(batch.schema())?);
        let mut outcome = Outcome::default();
        let names = self.source.current();
        let (agents, exporters) = (batch.column(field::AGENT), batch.column(field::EXPORTER));
        let (inputs, outputs) = (batch.column(field::IN_IF), batch.column(field::OUT_IF));
        let said = batch.column(field::IN_IF_NAME);
        for row in 0..batch.len() {
            let mut cells = columns.row(row);
            // What the record says itself is not asked for, and stays.
            let own = said.and_then(|column| column.get(row));
            if let Some(own) = own {
                cells.put(0, FieldValue::Text(own));
            }
            let device = agents.and_then(|column| column.get(row)).or_else(|| exporters.and_then(|column| column.get(row)));
            let Some(device) = device else {
                outcome.absent = outcome.absent.saturating_add(3);
                continue;
            };
            let name = |index: u32| names.interface(device, index).map(|it| &*it.name).filter(|name| !name.is_empty());
            let input = inputs.filter(|_| own.is_none()).and_then(|column| column.get(row));
            let output = outputs.and_then(|column| column.get(row));
            for (place, found) in [input.map(name), output.map(name), Some(names.device(device))].into_iter().enumerate() {
                match found {
                    Some(name) => {
                        outcome.count(&Found::from(name));
                        cells.text_if(place, name);
                    }
                    None => outcome.absent = outcome.absent.saturating_add(1),
                }
            }
        }
        outcome += columns.put(batch);
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn forged_devices_are_counted_as_they_come_and_refused_when_they_are_too_many() {
        let file = "192.0.2.1,,edge\n192.0.2.1,7,xe-0/0/7\n";
        let mut learned = Learned::from_names(InterfaceNames::read(file.as_bytes()).unwrap());
        assert_eq!(learned.held, 2);
        let known: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        learned.put(known, 7, Some(Text::from("et-0/0/7")), None);
        learned.put_device(known, Text::from("core"));
        assert_eq!((learned.held, learned.names.len()), (2, 2), "another name for what is known");
        for number in 0..60_000_u32 {
            let device = IpAddr::V6(Ipv6Addr::from_bits(number.into()));
            learned.put(device, 1, Some(Text::from("eth0")), None);
            learned.put_device(device, Text::from("forged"));
        }
        assert_eq!((learned.held, learned.names.len()), (Learned::MOST, Learned::MOST));
        // A device and its interface are two, so 49,999 had room beside the known one; the name of the last of them came too late.
        assert_eq!(learned.refused(), 2 * (60_000 - 49_999) + 1);
        learned.put(known, 7, Some(Text::from("ae7")), None);
        assert_eq!(learned.names.interface(known, 7).map(|it| &*it.name), Some("ae7"), "what is known can still change");
    }
}
