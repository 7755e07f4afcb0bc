//! Writing NetFlow v9: whole packets with templates, resend and sequence ([`Writer`]), and flows of the common model
//! ([`FlowWriter`]).

use super::Header;
use crate::ie::Elements;
use crate::model::{FieldId, Flow, FlowRecord};
use crate::template::encode::{
    ElementValue, EncodeError, Engine, FlowSettings, FlowShapes, Head, Plan, Resend, Sealed, Shapes, put_at,
};
use crate::template::wire::{Dialect, FieldSpecifier, TemplateKind};
use crate::time::Timestamp;

/// How a [`Writer`] behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Octets of the longest packet, header included; a record is never split.
    pub max_packet: u16,
    /// When templates are sent again (RFC 3954 §9).
    pub resend: Resend,
    /// Whether FlowSets are filled up to a multiple of four octets (RFC 3954 §5.3), where their records are longer than the padding. On
    /// by default.
    pub pad_sets: bool,
}

impl Settings {
    /// Datagrams of at most `max_packet` octets.
    #[must_use]
    pub fn new(max_packet: u16) -> Self {
        Self { max_packet, resend: Resend::default(), pad_sets: true }
    }
}

/// Writes the packets of one source id.
///
/// Records are collected until a packet is full or [flushed](Self::flush); finished packets go to the `out` of the call that finished
/// them. The sequence number counts packets, `count` all records, templates included (RFC 3954 §5.1). `now` is the time of the packets
/// that a call finishes. A call that fails writes nothing.
///
/// The header has whole seconds, and its uptime is that of the same moment: readers get uptimes of flows (elements 21 and 22) back to
/// the millisecond.
///
/// ```
/// use flowcodec::Timestamp;
/// use flowcodec::ie::ElementId;
/// use flowcodec::netflow9::{Packet, Settings, Writer};
/// use flowcodec::template::FieldSpecifier;
/// use flowcodec::template::encode::ElementValue;
/// let boot = Timestamp::from_seconds(1_600_000_000);
/// let mut writer = Writer::new(1, boot, Settings::new(1_400))?;
/// writer.add_template(256, &[FieldSpecifier::new(ElementId::iana(1), 4)])?;
/// let (now, mut sent) = (Timestamp::from_seconds(1_600_000_009), Vec::new());
/// writer.record(now, 256, &[ElementValue::Unsigned(1_500)], |packet| sent.push(packet.to_vec()))?;
/// writer.flush(now, |packet| sent.push(packet.to_vec()))?;
/// let packet = Packet::parse(&sent[0])?;
/// assert_eq!((packet.header().count, packet.header().uptime_ms), (2, 9_000));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Writer {
    engine: Engine<NetFlow9Head>,
}

impl Writer {
    /// A writer without templates, of an exporter that booted at `boot`.
    ///
    /// # Errors
    /// [`EncodeError::MessageSize`] for packets too small to hold anything.
    pub fn new(source_id: u32, boot: Timestamp, settings: Settings) -> Result<Self, EncodeError> {
        Self::with_elements(source_id, boot, settings, Elements::default())
    }

    /// The same with elements of your own.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_elements(source_id: u32, boot: Timestamp, settings: Settings, elements: Elements) -> Result<Self, EncodeError> {
        let Settings { max_packet, resend, pad_sets } = settings;
        let plan = Plan { dialect: Dialect::NetFlow9, most: max_packet, pad: pad_sets, resend: Some(resend) };
        let shapes = Shapes::new(Dialect::NetFlow9).with_elements(elements);
        Ok(Self { engine: Engine::new(NetFlow9Head { source_id, boot, sequence: 0 }, plan, shapes)? })
    }

    /// The templates it knows.
    #[must_use]
    pub const fn templates(&self) -> &Shapes {
        self.engine.shapes()
    }

    /// Sequence number of the next packet.
    #[must_use]
    pub const fn sequence(&self) -> u32 {
        self.engine.head().sequence
    }

    /// Adds a template, or replaces one of the same id; one that is known already is left alone.
    ///
    /// # Errors
    /// As [`Shapes::add`]; [`EncodeError::TemplateTooLong`].
    pub fn add_template(&mut self, id: u16, fields: &[FieldSpecifier]) -> Result<(), EncodeError> {
        self.engine.add(id, TemplateKind::Data, fields)
    }

    /// The same for an options template (RFC 3954 §6.1): scope fields in front, of
    /// [`ElementId::NetFlow9Scope`](crate::ie::ElementId::NetFlow9Scope).
    ///
    /// # Errors
    /// As [`add_template`](Self::add_template).
    pub fn add_options_template(&mut self, id: u16, fields: &[FieldSpecifier]) -> Result<(), EncodeError> {
        self.engine.add(id, TemplateKind::Options, fields)
    }

    /// Makes all templates go out again before the next record, or at the next [`flush`](Self::flush).
    pub fn resend_templates(&mut self) {
        self.engine.announce_again();
    }

    /// Begins again after a restart of the exporter at `boot`: sequence 0, all templates to be sent. Records not yet flushed are
    /// dropped.
    pub fn restart(&mut self, boot: Timestamp) {
        let source_id = self.engine.head().source_id;
        self.engine.restart(NetFlow9Head { source_id, boot, sequence: 0 });
    }

    /// Writes one record: a value for each field of its template, in its order.
    ///
    /// # Errors
    /// An unknown template; values that do not fit it; a record too long for a packet; `now` outside 1970 to 2106.
    pub fn record(
        &mut self,
        now: Timestamp,
        template: u16,
        values: &[ElementValue<'_>],
        mut out: impl FnMut(&[u8]),
    ) -> Result<(), EncodeError> {
        self.engine.record(now, template, values, &mut out)
    }

    /// Sends the records collected so far, and templates that are new or due. To be called now and then, also without records.
    ///
    /// # Errors
    /// `now` outside 1970 to 2106.
    pub fn flush(&mut self, now: Timestamp, mut out: impl FnMut(&[u8])) -> Result<(), EncodeError> {
        self.engine.flush(now, &mut out)
    }
}

/// Writes flows of the common model: each field to the first of its elements that fits and has a NetFlow v9 number, each combination of
/// fields by a template of its own, so that absent stays absent.
///
/// Fields that come from the message or the collector, and those that only enterprise elements carry, are not written; see
/// [`writes`](Self::writes). Text takes a template for each length, NetFlow v9 having no variable length: choose the fields with care.
#[derive(Debug, Clone)]
pub struct FlowWriter {
    writer: Writer,
    flows: FlowShapes,
}

impl FlowWriter {
    /// Over a writer, which may have templates of its own. [`TimeForm::Uptime`](crate::template::encode::TimeForm::Uptime) is what
    /// collectors of NetFlow v9 know best.
    #[must_use]
    pub fn new(writer: Writer, flows: FlowSettings) -> Self {
        let flows = FlowShapes::new(writer.templates(), flows);
        Self { writer, flows }
    }

    /// Whether a field is written when a flow has it.
    #[must_use]
    pub fn writes(&self, field: FieldId) -> bool {
        self.flows.writes(field)
    }

    /// The writer below, for records of other templates.
    pub const fn writer(&mut self) -> &mut Writer {
        &mut self.writer
    }

    /// Writes the fields of a row.
    ///
    /// # Errors
    /// A value that no element of its field can carry; no field at all; no template left; a time 12 days or more from `now` as an
    /// uptime; and as [`Writer::record`].
    pub fn row(&mut self, now: Timestamp, row: &FlowRecord, mut out: impl FnMut(&[u8])) -> Result<(), EncodeError> {
        self.writer.engine.row(&mut self.flows, now, row, &mut out)
    }

    /// Writes an owned flow: its fields and the elements beside them.
    ///
    /// # Errors
    /// As [`row`](Self::row); [`EncodeError::SchemaMismatch`]; elements that have no number in NetFlow v9.
    pub fn flow(&mut self, now: Timestamp, flow: &Flow, mut out: impl FnMut(&[u8])) -> Result<(), EncodeError> {
        self.writer.engine.flow(&mut self.flows, now, flow, &mut out)
    }

    /// As [`Writer::flush`].
    ///
    /// # Errors
    /// As [`Writer::flush`].
    pub fn flush(&mut self, now: Timestamp, out: impl FnMut(&[u8])) -> Result<(), EncodeError> {
        self.writer.flush(now, out)
    }
}

#[derive(Debug, Clone, Copy)]
struct NetFlow9Head {
    source_id: u32,
    boot: Timestamp,
    sequence: u32,
}

impl Head for NetFlow9Head {
    const SIZE: usize = Header::SIZE;

    fn boot(&self) -> Option<Timestamp> {
        Some(self.boot)
    }

    fn seal(&mut self, message: &mut [u8], sealed: Sealed) {
        let count = sealed.data_records.saturating_add(sealed.template_records);
        let uptime = Timestamp::from_seconds(u64::from(sealed.seconds)).since(self.boot).div_euclid(1_000_000);
        put_at(message, 0, 9_u16.to_be_bytes());
        put_at(message, 2, u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes());
        put_at(message, 4, u32::try_from(uptime.rem_euclid(1 << 32)).unwrap_or(0).to_be_bytes());
        put_at(message, 8, sealed.seconds.to_be_bytes());
        put_at(message, 12, self.sequence.to_be_bytes());
        put_at(message, 16, self.source_id.to_be_bytes());
        self.sequence = self.sequence.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ie::ElementId;

    #[test]
    fn a_packet_octet_by_octet() {
        let boot = Timestamp::from_nanos(999_500_000_000_000);
        let now = Timestamp::from_nanos(1_000_000_900_000_000);
        let mut writer = Writer::new(0x0a0b_0c0d, boot, Settings::new(1_400)).unwrap();
        writer.add_template(256, &[FieldSpecifier::new(ElementId::iana(1), 5)]).unwrap();
        let scope = FieldSpecifier::scope(ElementId::NetFlow9Scope(1), 4);
        writer.add_options_template(257, &[scope, FieldSpecifier::new(ElementId::iana(34), 2)]).unwrap();
        let mut sent = Vec::new();
        writer.record(now, 256, &[ElementValue::Unsigned(5)], |packet| sent.push(packet.to_vec())).unwrap();
        let options = [ElementValue::Octets(&[0; 4]), ElementValue::Unsigned(100)];
        writer.record(now, 257, &options, |packet| sent.push(packet.to_vec())).unwrap();
        writer.flush(now, |packet| sent.push(packet.to_vec())).unwrap();
        #[rustfmt::skip]
        let expected = [
            // Four records; half a second of uptime more than the last whole second is left out.
            0, 9, 0, 4, 0, 7, 0xa1, 0x20, 0, 15, 0x42, 0x40, 0, 0, 0, 0, 0x0a, 0x0b, 0x0c, 0x0d,
            0, 0, 0, 12, 1, 0, 0, 1, 0, 1, 0, 5,
            0, 1, 0, 20, 1, 1, 0, 4, 0, 4, 0, 1, 0, 4, 0, 34, 0, 2, 0, 0,
            1, 0, 0, 12, 0, 0, 0, 0, 5, 0, 0, 0,
            1, 1, 0, 12, 0, 0, 0, 0, 0, 100, 0, 0,
        ];
        assert_eq!(sent, [expected]);
        assert_eq!(writer.sequence(), 1);
    }
}
