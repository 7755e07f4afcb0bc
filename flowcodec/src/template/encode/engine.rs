//! The writer behind both protocols: when templates go out, and where a message ends.

use std::collections::BTreeSet;

use super::{ElementValue, EncodeError, FlowShapes, Resend, Set, Sets, Shape, Shapes, unix_seconds};
use crate::model::{FieldId, FieldValue, Flow, FlowRecord, OtherElement};
use crate::template::wire::{Dialect, FieldSpecifier, TemplateKind};
use crate::time::Timestamp;

/// What differs: the header.
pub(crate) trait Head {
    /// Octets of the header.
    const SIZE: usize;

    /// When the exporter booted, where headers tell its uptime.
    fn boot(&self) -> Option<Timestamp>;

    /// Fills in the header of a finished message and counts it.
    fn seal(&mut self, message: &mut [u8], sealed: Sealed);
}

/// What a header says of its message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sealed {
    pub(crate) seconds: u32,
    pub(crate) data_records: u32,
    pub(crate) template_records: u32,
}

/// How a writer behaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) dialect: Dialect,
    pub(crate) most: u16,
    pub(crate) pad: bool,
    /// `None` over a byte stream.
    pub(crate) resend: Option<Resend>,
}

/// Where finished messages go.
pub(crate) type Out<'o> = &'o mut dyn FnMut(&[u8]);

#[derive(Debug, Clone)]
pub(crate) struct Engine<H> {
    head: H,
    plan: Plan,
    shapes: Shapes,
    unsent: BTreeSet<u16>,
    // How often a template was replaced or withdrawn.
    changes: u64,
    // Since all templates were sent.
    messages: u32,
    announced: Option<Timestamp>,
    message: Sets,
    record: Vec<u8>,
    template: Vec<u8>,
}

impl<H: Head> Engine<H> {
    pub(crate) fn new(head: H, plan: Plan, shapes: Shapes) -> Result<Self, EncodeError> {
        // A header, a set header and one octet.
        if usize::from(plan.most) < H::SIZE.saturating_add(8) {
            return Err(EncodeError::MessageSize(u32::from(plan.most)));
        }
        Ok(Self {
            head,
            plan,
            shapes,
            unsent: BTreeSet::new(),
            changes: 0,
            messages: 0,
            announced: None,
            message: Sets::new(H::SIZE, plan.most),
            record: Vec::new(),
            template: Vec::new(),
        })
    }

    pub(crate) const fn head(&self) -> &H {
        &self.head
    }

    pub(crate) const fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    pub(crate) fn add(&mut self, id: u16, kind: TemplateKind, fields: &[FieldSpecifier]) -> Result<(), EncodeError> {
        let shape = self.shapes.check(id, kind, fields)?;
        match self.shapes.get(id) {
            Some(known) if *known == shape => return Ok(()),
            Some(_) if self.plan.resend.is_none() && !self.unsent.contains(&id) => return Err(EncodeError::TemplateInUse(id)),
            _ => {}
        }
        self.template.clear();
        self.shapes.put_shape(&mut self.template, &shape)?;
        let room = self.room();
        let octets = octets32(self.template.len()).max(shape.min_record_len());
        if octets > room {
            return Err(EncodeError::TemplateTooLong { template: id, octets, room });
        }
        self.changes = self.changes.wrapping_add(u64::from(self.shapes.get(id).is_some()));
        self.shapes.insert(shape);
        self.unsent.insert(id);
        Ok(())
    }

    /// The longest item a message has room for, padding included.
    fn room(&self) -> u32 {
        let room = self.message.room();
        octets32(if self.plan.pad { room & !3 } else { room })
    }

    /// All templates are to be sent before the next record.
    pub(crate) fn announce_again(&mut self) {
        self.unsent.extend(self.shapes.iter().map(Shape::id));
    }

    /// A new session: nothing of what was under construction goes out any more.
    pub(crate) fn restart(&mut self, head: H) {
        self.head = head;
        self.message.clear();
        self.messages = 0;
        self.announced = None;
        self.announce_again();
    }

    pub(crate) fn withdraw(&mut self, id: u16, now: Timestamp, out: Out<'_>) -> Result<(), EncodeError> {
        if self.plan.resend.is_some() {
            return Err(EncodeError::WithdrawalOverUdp);
        }
        let seconds = unix_seconds(now)?;
        let kind = self.shapes.get(id).ok_or(EncodeError::TemplateUnknown(id))?.kind();
        self.shapes.remove(id);
        self.changes = self.changes.wrapping_add(1);
        // What the other side never heard of need not be taken back.
        if !self.unsent.remove(&id) {
            let [high, low] = id.to_be_bytes();
            let set = Set { withdrawal: true, ..Set::templates(self.plan.dialect, kind, self.plan.pad) };
            if !self.message.fits(set, 4) {
                self.seal(seconds, out);
            }
            self.message.push(set, &[high, low, 0, 0]);
        }
        Ok(())
    }

    pub(crate) fn record(
        &mut self,
        now: Timestamp,
        template: u16,
        values: &[ElementValue<'_>],
        out: Out<'_>,
    ) -> Result<(), EncodeError> {
        let seconds = unix_seconds(now)?;
        self.record.clear();
        self.shapes.put_record(&mut self.record, template, values)?;
        self.put(now, seconds, template, out)
    }

    pub(crate) fn row(
        &mut self,
        flows: &mut FlowShapes,
        now: Timestamp,
        row: &FlowRecord,
        out: Out<'_>,
    ) -> Result<(), EncodeError> {
        self.fields(flows, now, row.fields(), &[], out)
    }

    pub(crate) fn flow(&mut self, flows: &mut FlowShapes, now: Timestamp, flow: &Flow, out: Out<'_>) -> Result<(), EncodeError> {
        if flow.schema().tag() != flows.schema().tag() {
            return Err(EncodeError::SchemaMismatch);
        }
        self.fields(flows, now, flow.fields(), flow.other(), out)
    }

    fn fields<'v>(
        &mut self,
        flows: &mut FlowShapes,
        now: Timestamp,
        fields: impl Iterator<Item = (FieldId, FieldValue<'v>)>,
        other: &[OtherElement],
        out: Out<'_>,
    ) -> Result<(), EncodeError> {
        let seconds = unix_seconds(now)?;
        self.record.clear();
        flows.check(&self.shapes, self.changes);
        flows.encode(&self.shapes, &mut self.record, (now, self.head.boot()), fields, other)?;
        let template = if let Some(id) = flows.known() {
            id
        } else {
            let id = flows.free(|id| self.shapes.get(id).is_none())?;
            self.add(id, TemplateKind::Data, flows.specifiers())?;
            flows.learn(id);
            id
        };
        self.put(now, seconds, template, out)
    }

    /// Sends what is due and what is under construction.
    pub(crate) fn flush(&mut self, now: Timestamp, out: Out<'_>) -> Result<(), EncodeError> {
        let seconds = unix_seconds(now)?;
        self.announce(now, seconds, out)?;
        if !self.message.is_empty() {
            self.seal(seconds, out);
        }
        Ok(())
    }

    /// Puts the record in `self.record` into a message, behind all templates that are due.
    fn put(&mut self, now: Timestamp, seconds: u32, template: u16, out: Out<'_>) -> Result<(), EncodeError> {
        let shortest = self.shapes.get(template).ok_or(EncodeError::TemplateUnknown(template))?.min_record_len();
        let set = Set::data(template, self.plan.pad, shortest);
        let (octets, room) = (octets32(self.record.len()), self.room());
        if octets > room {
            return Err(EncodeError::RecordTooLong { octets, room });
        }
        self.announce(now, seconds, out)?;
        if !self.message.fits(set, self.record.len()) {
            self.seal(seconds, out);
            // The message that went out may have been the last before templates are due again.
            self.announce(now, seconds, out)?;
            if !self.message.fits(set, self.record.len()) {
                self.seal(seconds, out);
            }
        }
        self.message.push(set, &self.record);
        Ok(())
    }

    /// Writes the templates that are new or due. They may fill messages of their own.
    fn announce(&mut self, now: Timestamp, seconds: u32, out: Out<'_>) -> Result<(), EncodeError> {
        if self.is_due(now) {
            self.announce_again();
            self.messages = 0;
            self.announced = Some(now);
        }
        while let Some(&id) = self.unsent.first() {
            let Some(shape) = self.shapes.get(id) else {
                self.unsent.remove(&id);
                continue;
            };
            self.template.clear();
            self.shapes.put_shape(&mut self.template, shape)?;
            let set = Set::templates(self.plan.dialect, shape.kind(), self.plan.pad);
            if !self.message.fits(set, self.template.len()) {
                self.seal(seconds, out);
            }
            self.message.push(set, &self.template);
            self.unsent.remove(&id);
        }
        Ok(())
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let Some(resend) = self.plan.resend else { return false };
        let Some(announced) = self.announced else { return true };
        // A clock that was set back far counts as time that went by.
        let elapsed = core::time::Duration::from_nanos(now.since(announced).unsigned_abs());
        resend.messages.is_some_and(|messages| self.messages >= messages.max(1))
            || resend.after.is_some_and(|after| elapsed >= after.max(core::time::Duration::from_nanos(1)))
    }

    fn seal(&mut self, seconds: u32, out: Out<'_>) {
        let sealed =
            Sealed { seconds, data_records: self.message.data_records(), template_records: self.message.template_records() };
        let message = self.message.finish();
        self.head.seal(message, sealed);
        out(message);
        self.message.clear();
        self.messages = self.messages.saturating_add(1);
    }
}

fn octets32(octets: usize) -> u32 {
    u32::try_from(octets).unwrap_or(u32::MAX)
}
