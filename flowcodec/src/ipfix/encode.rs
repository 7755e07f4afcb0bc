//! Writing IPFIX: whole messages with templates, resend and sequence ([`Writer`]), flows of the common model ([`FlowWriter`]), and
//! single messages put together by hand ([`MessageBuilder`]).

use super::Header;
use crate::ie::Elements;
use crate::model::{FieldId, Flow, FlowRecord};
use crate::template::encode::{
    ElementValue, EncodeError, Engine, FlowSettings, FlowShapes, Head, Lengths, Plan, Resend, Sealed, Set, Sets, Shapes, put_at,
};
use crate::template::wire::{Dialect, FieldSpecifier, TemplateKind};
use crate::time::Timestamp;

/// What messages travel over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// Datagrams, one message in each: templates are sent again and cannot be withdrawn (RFC 7011 §8.4).
    Udp(Resend),
    /// TCP, SCTP or a file: templates are sent once, and can be withdrawn (RFC 7011 §8.1; RFC 5655).
    Stream,
}

/// How a [`Writer`] behaves.
///
/// ```
/// let mut settings = flowcodec::ipfix::Settings::udp(1_400);
/// settings.pad_sets = true;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// What messages travel over.
    pub transport: Transport,
    /// Octets of the longest message, header included. Over UDP what the path's MTU leaves; a record is never split.
    pub max_message: u16,
    /// Whether sets are filled up to a multiple of four octets, where their records are longer than the padding. Off by default.
    pub pad_sets: bool,
    /// The form of lengths in front of variable-length values.
    pub lengths: Lengths,
}

impl Settings {
    /// Datagrams of at most `max_message` octets; 512 where the path is not known (RFC 7011 §10.3.3).
    #[must_use]
    pub fn udp(max_message: u16) -> Self {
        Self { transport: Transport::Udp(Resend::default()), max_message, pad_sets: false, lengths: Lengths::Shortest }
    }

    /// A byte stream, with messages as long as they can be.
    #[must_use]
    pub const fn stream() -> Self {
        Self { transport: Transport::Stream, max_message: u16::MAX, pad_sets: false, lengths: Lengths::Shortest }
    }
}

/// Writes the messages of one observation domain over one transport session.
///
/// Records are collected until a message is full or [flushed](Self::flush); finished messages go to the `out` of the call that finished
/// them. Templates go in front of the first record after they were added, and again when they are due. The sequence number counts data
/// records sent before (RFC 7011 §3.1). `now` is the export time of the messages that a call finishes. A call that fails writes nothing.
///
/// ```
/// use flowcodec::Timestamp;
/// use flowcodec::ie::ElementId;
/// use flowcodec::ipfix::{Message, Settings, Writer};
/// use flowcodec::template::FieldSpecifier;
/// use flowcodec::template::encode::ElementValue;
/// let mut writer = Writer::new(1, Settings::udp(1_400))?;
/// writer.add_template(256, &[FieldSpecifier::new(ElementId::iana(1), 8)])?;
/// let (now, mut sent) = (Timestamp::from_seconds(1_700_000_000), Vec::new());
/// writer.record(now, 256, &[ElementValue::Unsigned(1_500)], |message| sent.push(message.to_vec()))?;
/// writer.flush(now, |message| sent.push(message.to_vec()))?;
/// assert_eq!(Message::parse(&sent[0])?.sets().count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Writer {
    engine: Engine<IpfixHead>,
}

impl Writer {
    /// A writer without templates, for a new transport session.
    ///
    /// # Errors
    /// [`EncodeError::MessageSize`] for messages too small to hold anything.
    pub fn new(domain: u32, settings: Settings) -> Result<Self, EncodeError> {
        Self::with_elements(domain, settings, Elements::default())
    }

    /// The same with elements of your own.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_elements(domain: u32, settings: Settings, elements: Elements) -> Result<Self, EncodeError> {
        let shapes = Shapes::new(Dialect::Ipfix).with_elements(elements).with_lengths(settings.lengths);
        let resend = match settings.transport {
            Transport::Udp(resend) => Some(resend),
            Transport::Stream => None,
        };
        let plan = Plan { dialect: Dialect::Ipfix, most: settings.max_message, pad: settings.pad_sets, resend };
        Ok(Self { engine: Engine::new(IpfixHead { domain, sequence: 0 }, plan, shapes)? })
    }

    /// The templates it knows.
    #[must_use]
    pub const fn templates(&self) -> &Shapes {
        self.engine.shapes()
    }

    /// Sequence number of the next message.
    #[must_use]
    pub const fn sequence(&self) -> u32 {
        self.engine.head().sequence
    }

    /// Adds a template; one that is known already is left alone. Over UDP a new definition replaces the old one.
    ///
    /// # Errors
    /// As [`Shapes::add`]; [`EncodeError::TemplateTooLong`]; over a stream [`EncodeError::TemplateInUse`] for another definition of an
    /// id that was sent.
    pub fn add_template(&mut self, id: u16, fields: &[FieldSpecifier]) -> Result<(), EncodeError> {
        self.engine.add(id, TemplateKind::Data, fields)
    }

    /// The same for an options template, scope fields in front (RFC 7011 §3.4.2).
    ///
    /// # Errors
    /// As [`add_template`](Self::add_template).
    pub fn add_options_template(&mut self, id: u16, fields: &[FieldSpecifier]) -> Result<(), EncodeError> {
        self.engine.add(id, TemplateKind::Options, fields)
    }

    /// Withdraws a template behind all that was written before (RFC 7011 §8.1); its id is free then.
    ///
    /// # Errors
    /// [`EncodeError::WithdrawalOverUdp`]; an unknown id; `now` outside 1970 to 2106.
    pub fn withdraw_template(&mut self, now: Timestamp, id: u16, mut out: impl FnMut(&[u8])) -> Result<(), EncodeError> {
        self.engine.withdraw(id, now, &mut out)
    }

    /// Makes all templates go out again before the next record, or at the next [`flush`](Self::flush).
    pub fn resend_templates(&mut self) {
        self.engine.announce_again();
    }

    /// Begins a new transport session: sequence 0, all templates to be sent. Records not yet flushed are dropped.
    pub fn restart(&mut self) {
        let domain = self.engine.head().domain;
        self.engine.restart(IpfixHead { domain, sequence: 0 });
    }

    /// Writes one record: a value for each field of its template, in its order.
    ///
    /// # Errors
    /// An unknown template; values that do not fit it; a record too long for a message; `now` outside 1970 to 2106.
    pub fn record(
        &mut self,
        now: Timestamp,
        template: u16,
        values: &[ElementValue<'_>],
        mut out: impl FnMut(&[u8]),
    ) -> Result<(), EncodeError> {
        self.engine.record(now, template, values, &mut out)
    }

    /// Sends the records collected so far, and templates that are new or due. To be called now and then over UDP, also without records.
    ///
    /// # Errors
    /// `now` outside 1970 to 2106.
    pub fn flush(&mut self, now: Timestamp, mut out: impl FnMut(&[u8])) -> Result<(), EncodeError> {
        self.engine.flush(now, &mut out)
    }
}

/// Writes flows of the common model: each field to the first of its elements that fits, each combination of fields by a template of
/// its own, so that absent stays absent.
///
/// Fields that come from the message or the collector (exporter, receive time, domain, ...) have no element and are not written; see
/// [`writes`](Self::writes). The sampling rate is written as elements 305 and 306, when it is a whole number. Elements beside the
/// common fields are written as they came.
///
/// ```
/// use flowcodec::ipfix::{FlowWriter, Settings, Writer};
/// use flowcodec::model::{FieldValue, Schema, field};
/// use flowcodec::template::encode::{FlowSettings, TimeForm};
/// use flowcodec::{FlowRecord, Timestamp};
/// let flows = FlowSettings::new(Schema::common(), TimeForm::Milliseconds);
/// let mut writer = FlowWriter::new(Writer::new(1, Settings::udp(1_400))?, flows);
/// let mut row = FlowRecord::EMPTY;
/// row.set(field::OCTETS.id(), FieldValue::Unsigned(1_500));
/// let (now, mut sent) = (Timestamp::from_seconds(1_700_000_000), Vec::new());
/// writer.row(now, &row, |message| sent.push(message.to_vec()))?;
/// writer.flush(now, |message| sent.push(message.to_vec()))?;
/// assert_eq!(sent[0].len(), 16 + 4 + 8 + 4 + 8);
/// # Ok::<(), flowcodec::template::encode::EncodeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct FlowWriter {
    writer: Writer,
    flows: FlowShapes,
}

impl FlowWriter {
    /// Over a writer, which may have templates of its own. [`TimeForm::Uptime`](crate::template::encode::TimeForm::Uptime) counts as
    /// milliseconds here: IPFIX headers tell no uptime.
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
    /// A value that no element of its field can carry; no field at all; no template left; and as [`Writer::record`].
    pub fn row(&mut self, now: Timestamp, row: &FlowRecord, mut out: impl FnMut(&[u8])) -> Result<(), EncodeError> {
        self.writer.engine.row(&mut self.flows, now, row, &mut out)
    }

    /// Writes an owned flow: its fields and the elements beside them.
    ///
    /// # Errors
    /// As [`row`](Self::row); [`EncodeError::SchemaMismatch`]; elements that have no number in IPFIX, and lists of records.
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

/// One message put together set by set, with the header as given and nothing added: for tests, and for programs that keep their own
/// state.
///
/// ```
/// use flowcodec::ipfix::MessageBuilder;
/// let mut message = MessageBuilder::new(u16::MAX);
/// message.raw(256, &[1, 2, 3, 4])?;
/// assert_eq!(message.finish(1_700_000_000, 7, 1)[..4], [0, 10, 0, 24]);
/// # Ok::<(), flowcodec::template::encode::EncodeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct MessageBuilder {
    sets: Sets,
    item: Vec<u8>,
}

impl MessageBuilder {
    /// An empty message of at most `max_message` octets.
    #[must_use]
    pub fn new(max_message: u16) -> Self {
        Self { sets: Sets::new(Header::SIZE, max_message), item: Vec::new() }
    }

    /// Adds a template record.
    ///
    /// # Errors
    /// An unknown id, or [`EncodeError::RecordTooLong`] when the message is full.
    pub fn template(&mut self, shapes: &Shapes, id: u16) -> Result<(), EncodeError> {
        let kind = shapes.get(id).ok_or(EncodeError::TemplateUnknown(id))?.kind();
        self.item.clear();
        shapes.put_template(&mut self.item, id)?;
        self.push(Set::templates(Dialect::Ipfix, kind, false))
    }

    /// Adds a withdrawal (RFC 7011 §8.1); `id` 2 or 3 withdraws all templates of the kind.
    ///
    /// # Errors
    /// [`EncodeError::RecordTooLong`] when the message is full.
    pub fn withdrawal(&mut self, kind: TemplateKind, id: u16) -> Result<(), EncodeError> {
        self.item.clear();
        self.item.extend_from_slice(&id.to_be_bytes());
        self.item.extend_from_slice(&[0, 0]);
        self.push(Set { withdrawal: true, ..Set::templates(Dialect::Ipfix, kind, false) })
    }

    /// Adds a record; consecutive ones of a template share a set.
    ///
    /// # Errors
    /// As [`Shapes::put_record`], or [`EncodeError::RecordTooLong`] when the message is full.
    pub fn record(&mut self, shapes: &Shapes, template: u16, values: &[ElementValue<'_>]) -> Result<(), EncodeError> {
        self.item.clear();
        shapes.put_record(&mut self.item, template, values)?;
        self.push(Set::data(template, false, 0))
    }

    /// Adds octets to a set of any id.
    ///
    /// # Errors
    /// [`EncodeError::RecordTooLong`] when the message is full.
    pub fn raw(&mut self, set: u16, octets: &[u8]) -> Result<(), EncodeError> {
        self.item.clear();
        self.item.extend_from_slice(octets);
        self.push(Set::data(set, false, 0))
    }

    /// The finished message; [`clear`](Self::clear) begins a new one.
    pub fn finish(&mut self, export_seconds: u32, sequence: u32, domain: u32) -> &[u8] {
        let message = self.sets.finish();
        put_header(message, export_seconds, sequence, domain);
        message
    }

    /// Begins a new message; buffers are kept.
    pub fn clear(&mut self) {
        self.sets.clear();
    }

    fn push(&mut self, set: Set) -> Result<(), EncodeError> {
        if !self.sets.fits(set, self.item.len()) {
            let count = |octets| u32::try_from(octets).unwrap_or(u32::MAX);
            return Err(EncodeError::RecordTooLong { octets: count(self.item.len()), room: count(self.sets.left(set)) });
        }
        self.sets.push(set, &self.item);
        Ok(())
    }
}

#[derive(Debug, Clone, Copy)]
struct IpfixHead {
    domain: u32,
    sequence: u32,
}

impl Head for IpfixHead {
    const SIZE: usize = Header::SIZE;

    fn boot(&self) -> Option<Timestamp> {
        None
    }

    fn seal(&mut self, message: &mut [u8], sealed: Sealed) {
        put_header(message, sealed.seconds, self.sequence, self.domain);
        self.sequence = self.sequence.wrapping_add(sealed.data_records);
    }
}

fn put_header(message: &mut [u8], export_seconds: u32, sequence: u32, domain: u32) {
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    put_at(message, 0, 10_u16.to_be_bytes());
    put_at(message, 2, length.to_be_bytes());
    put_at(message, 4, export_seconds.to_be_bytes());
    put_at(message, 8, sequence.to_be_bytes());
    put_at(message, 12, domain.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::ie::ElementId;
    use crate::ipfix::{Message, Set as Part};

    const NOW: Timestamp = Timestamp::from_seconds(0x1234_5678);
    const ONE: &[FieldSpecifier] = &[FieldSpecifier::new(ElementId::iana(1), 4)];

    fn udp(most: u16, resend: Resend) -> Settings {
        Settings { transport: Transport::Udp(resend), ..Settings::udp(most) }
    }

    /// Sequence, ids of template sets as they are, ids of data sets with their records.
    fn outline(message: &[u8]) -> (u32, Vec<(u16, usize)>) {
        let message = Message::parse(message).unwrap();
        let sets = message.sets().map(|set| match set.unwrap() {
            Part::Templates(records) => (2, records.count()),
            Part::Data { id, body } => (id, body.bytes().len() / 4),
            Part::Reserved { id, .. } => (id, 0),
        });
        (message.header().sequence, sets.collect())
    }

    fn collect(sent: &mut Vec<Vec<u8>>) -> impl FnMut(&[u8]) + '_ {
        |message| sent.push(message.to_vec())
    }

    #[test]
    fn a_message_octet_by_octet() {
        let mut writer = Writer::new(0x0a0b_0c0d, Settings::udp(1_400)).unwrap();
        writer.add_template(256, ONE).unwrap();
        let mut sent = Vec::new();
        writer.record(NOW, 256, &[ElementValue::Unsigned(5)], collect(&mut sent)).unwrap();
        writer.record(NOW, 256, &[ElementValue::Unsigned(6)], collect(&mut sent)).unwrap();
        assert!(sent.is_empty());
        writer.flush(NOW, collect(&mut sent)).unwrap();
        #[rustfmt::skip]
        let expected = [
            0, 10, 0, 40, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0, 0x0a, 0x0b, 0x0c, 0x0d,
            0, 2, 0, 12, 1, 0, 0, 1, 0, 1, 0, 4,
            1, 0, 0, 12, 0, 0, 0, 5, 0, 0, 0, 6,
        ];
        assert_eq!(sent, [expected]);
        assert_eq!(writer.sequence(), 2);
        writer.flush(NOW, collect(&mut sent)).unwrap();
        assert_eq!(sent.len(), 1, "nothing left");
    }

    #[test]
    fn a_record_fits_or_is_refused_and_is_never_split() {
        // Room for a header, a set header and a record of 9 octets.
        for (octets, fits) in [(9, true), (10, false)] {
            let mut writer = Writer::new(1, udp(29, Resend::NEVER)).unwrap();
            writer.add_template(256, &[FieldSpecifier::new(ElementId::iana(82), crate::template::VARIABLE)]).unwrap();
            let text = vec![b'x'; octets - 1];
            let values = [ElementValue::Text(crate::Text::new(&text))];
            let mut sent = Vec::new();
            let written = writer.record(NOW, 256, &values, collect(&mut sent));
            assert_eq!(written.is_ok(), fits);
            if !fits {
                assert_eq!(written, Err(EncodeError::RecordTooLong { octets: 10, room: 9 }));
                assert!(sent.is_empty(), "not even its template");
            }
            writer.flush(NOW, collect(&mut sent)).unwrap();
            assert!(sent.iter().all(|message| message.len() <= 29));
        }
        let long = Writer::new(1, udp(29, Resend::NEVER)).unwrap().add_template(256, &[ONE[0]; 3]);
        assert_eq!(long, Err(EncodeError::TemplateTooLong { template: 256, octets: 16, room: 9 }));
        assert_eq!(Writer::new(1, udp(23, Resend::NEVER)).err(), Some(EncodeError::MessageSize(23)));
    }

    #[test]
    fn templates_go_out_again_by_messages_and_by_time() {
        // Two records a message, templates in every third.
        let resend = Resend::new(Some(2), Some(Duration::from_mins(1)));
        let mut writer = Writer::new(1, udp(40, resend)).unwrap();
        writer.add_template(256, ONE).unwrap();
        let mut sent = Vec::new();
        for number in 0..12 {
            writer.record(NOW, 256, &[ElementValue::Unsigned(number)], collect(&mut sent)).unwrap();
        }
        writer.flush(NOW, collect(&mut sent)).unwrap();
        let outlines: Vec<_> = sent.iter().map(|message| outline(message)).collect();
        let (with, without) = (|sequence| (sequence, vec![(2, 1), (256, 2)]), |sequence| (sequence, vec![(256, 5)]));
        assert_eq!(outlines, [with(0), without(2), with(7), (9, vec![(256, 3)])]);

        sent.clear();
        writer.flush(NOW.offset(59_999_999_999), collect(&mut sent)).unwrap();
        // Two messages went out meanwhile.
        assert_eq!(sent.len(), 1);
        writer.flush(NOW.offset(119_999_999_998), collect(&mut sent)).unwrap();
        assert_eq!(sent.len(), 1);
        writer.flush(NOW.offset(119_999_999_999), collect(&mut sent)).unwrap();
        assert_eq!(outline(&sent[1]), (12, vec![(2, 1)]));
    }

    #[test]
    fn streams_withdraw_before_they_redefine() {
        let mut writer = Writer::new(1, Settings::stream()).unwrap();
        let two = [ONE[0], ONE[0]];
        let mut sent = Vec::new();
        writer.add_template(256, ONE).unwrap();
        writer.record(NOW, 256, &[ElementValue::Unsigned(5)], collect(&mut sent)).unwrap();
        writer.add_template(256, ONE).unwrap();
        assert_eq!(writer.add_template(256, &two), Err(EncodeError::TemplateInUse(256)));
        writer.withdraw_template(NOW, 256, collect(&mut sent)).unwrap();
        assert_eq!(writer.record(NOW, 256, &[], collect(&mut sent)), Err(EncodeError::TemplateUnknown(256)));
        writer.add_template(256, &two).unwrap();
        writer.record(NOW, 256, &[ElementValue::Unsigned(6); 2], collect(&mut sent)).unwrap();
        writer.flush(NOW, collect(&mut sent)).unwrap();
        assert_eq!(outline(&sent[0]), (0, vec![(2, 1), (256, 1), (2, 1), (2, 1), (256, 2)]));
        assert_eq!(sent[0][36..44], [0, 2, 0, 8, 1, 0, 0, 0]);

        let mut writer = Writer::new(1, Settings::udp(500)).unwrap();
        writer.add_template(256, ONE).unwrap();
        assert_eq!(writer.withdraw_template(NOW, 256, |_| {}), Err(EncodeError::WithdrawalOverUdp));
    }

    #[test]
    fn padding_only_where_no_record_could_be_meant() {
        for (length, octets) in [(5, 12), (3, 7)] {
            let mut writer = Writer::new(1, Settings { pad_sets: true, ..Settings::udp(500) }).unwrap();
            writer.add_template(256, &[FieldSpecifier::new(ElementId::iana(1), length)]).unwrap();
            let mut sent = Vec::new();
            writer.record(NOW, 256, &[ElementValue::Unsigned(5)], collect(&mut sent)).unwrap();
            writer.flush(NOW, collect(&mut sent)).unwrap();
            assert_eq!(sent[0].len(), 16 + 12 + octets);
        }
    }

    #[test]
    fn a_restart_begins_at_zero_with_templates() {
        let mut writer = Writer::new(1, Settings::stream()).unwrap();
        writer.add_template(256, ONE).unwrap();
        let mut sent = Vec::new();
        for _ in 0..2 {
            writer.record(NOW, 256, &[ElementValue::Unsigned(5)], collect(&mut sent)).unwrap();
            writer.flush(NOW, collect(&mut sent)).unwrap();
            writer.restart();
        }
        assert_eq!(sent[0], sent[1]);
        assert_eq!(writer.record(Timestamp::from_nanos(-1), 256, &[], |_| {}), Err(EncodeError::TimeRange));
    }

    #[test]
    fn a_template_replaced_below_a_flow_writer_is_not_used_for_flows() {
        use crate::model::{FieldValue, Schema, field};
        let flows = FlowSettings::new(Schema::common(), crate::template::encode::TimeForm::Seconds);
        let mut writer = FlowWriter::new(Writer::new(1, Settings::udp(500)).unwrap(), flows);
        let mut row = FlowRecord::EMPTY;
        assert_eq!(writer.row(NOW, &row, |_| {}), Err(EncodeError::FlowEmpty));
        row.set(field::OCTETS.id(), FieldValue::Unsigned(9));
        writer.row(NOW, &row, |_| {}).unwrap();
        writer.writer().add_template(256, ONE).unwrap();
        writer.row(NOW, &row, |_| {}).unwrap();
        let mut sent = Vec::new();
        writer.flush(NOW, collect(&mut sent)).unwrap();
        assert_eq!(outline(&sent[0]).1, [(2, 1), (256, 2), (2, 2), (257, 2)]);
        row.set(field::SAMPLING_RATE.id(), FieldValue::Double(2.5));
        let refused = EncodeError::FieldUnwritable { field: field::SAMPLING_RATE.id() };
        assert_eq!(writer.row(NOW, &row, |_| {}), Err(refused));
        assert!(writer.writes(field::START.id()) && !writer.writes(field::EXPORTER.id()));
    }

    #[test]
    fn elements_follow_the_ip_version() {
        use crate::model::{FieldValue, Schema, field};
        let flows = FlowSettings::new(Schema::common(), crate::template::encode::TimeForm::Seconds);
        let mut writer = FlowWriter::new(Writer::new(1, Settings::udp(500)).unwrap(), flows);
        for address in ["192.0.2.1", "2001:db8::1"] {
            let mut row = FlowRecord::EMPTY;
            row.set(field::SRC_ADDR.id(), FieldValue::Address(address.parse().unwrap()));
            row.set(field::SRC_PREFIX_LEN.id(), FieldValue::Unsigned(24));
            row.set(field::ICMP_TYPE.id(), FieldValue::Unsigned(3));
            writer.row(NOW, &row, |_| {}).unwrap();
        }
        let fields = |id| writer.writer.templates().get(id).unwrap().fields();
        let ids = |id| fields(id).iter().map(|(field, _)| field.element).collect::<Vec<_>>();
        assert_eq!(ids(256), [8, 9, 176].map(ElementId::iana));
        assert_eq!(ids(257), [27, 29, 178].map(ElementId::iana));
    }

    #[test]
    fn a_message_by_hand() {
        let mut shapes = Shapes::new(Dialect::Ipfix);
        shapes.add(256, TemplateKind::Data, ONE).unwrap();
        let mut message = MessageBuilder::new(40);
        message.template(&shapes, 256).unwrap();
        message.withdrawal(TemplateKind::Options, 3).unwrap();
        assert_eq!(message.raw(256, &[0]), Err(EncodeError::RecordTooLong { octets: 1, room: 0 }));
        assert_eq!(message.finish(1, 2, 3)[28..], [0, 3, 0, 8, 0, 3, 0, 0]);
        message.clear();
        message.record(&shapes, 256, &[ElementValue::Unsigned(7)]).unwrap();
        assert_eq!(message.finish(1, 2, 3), [0, 10, 0, 24, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 0, 0, 8, 0, 0, 0, 7]);
    }
}
