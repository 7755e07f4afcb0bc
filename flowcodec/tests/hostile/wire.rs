//! Messages made by hand, and what a decoder says of them.

use flowcodec::template::{SamplingChange, TemplateKind};
use flowcodec::{
    Context, Decoder, Event, Events, Exporter, ExporterChange, Fault, FaultKind, Layer, LimitedBy, SequenceChange, Session,
    Settings, TemplateChange, Timestamp, Value,
};

/// Big-endian numbers and octets, one behind the other: `wire![5_u16, 1_u8, octets]`.
macro_rules! wire {
    ($($part:expr),* $(,)?) => {{
        #[allow(unused_mut, reason = "nothing may be asked for")]
        let mut octets = Vec::<u8>::new();
        $(crate::wire::Put::put(&$part, &mut octets);)*
        octets
    }};
}

/// What can stand in [`wire!`].
pub(crate) trait Put {
    fn put(&self, octets: &mut Vec<u8>);
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Put for $number {
            fn put(&self, octets: &mut Vec<u8>) {
                octets.extend_from_slice(&self.to_be_bytes());
            }
        }
    )*};
}
numbers!(u8 u16 u32 u64);

impl<const N: usize> Put for [u8; N] {
    fn put(&self, octets: &mut Vec<u8>) {
        octets.extend_from_slice(self);
    }
}

impl Put for Vec<u8> {
    fn put(&self, octets: &mut Vec<u8>) {
        octets.extend_from_slice(self);
    }
}

impl Put for &str {
    fn put(&self, octets: &mut Vec<u8>) {
        octets.extend_from_slice(self.as_bytes());
    }
}

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
pub(crate) const SECONDS: u32 = 1_700_000_000;
/// Octets of the header of an IPFIX message, and of a v9 packet.
pub(crate) const IPFIX: u32 = 16;
pub(crate) const V9: u32 = 20;

pub(crate) fn exporter() -> Exporter {
    Exporter::new([192, 0, 2, 1].into(), 4739)
}

/// An IPFIX message of domain 1.
pub(crate) fn ipfix(sets: &[Vec<u8>]) -> Vec<u8> {
    ipfix_of(1, 0, sets)
}

pub(crate) fn ipfix_of(domain: u32, sequence: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let body = sets.concat();
    wire![10_u16, u16::try_from(body.len() + 16).unwrap(), SECONDS, sequence, domain, body]
}

/// Makes a message of sets: [`ipfix`] or [`v9`].
pub(crate) type Protocol = fn(&[Vec<u8>]) -> Vec<u8>;

/// A v9 packet of source 1.
pub(crate) fn v9(sets: &[Vec<u8>]) -> Vec<u8> {
    wire![9_u16, 1_u16, 1_000_000_u32, SECONDS, 0_u32, 1_u32, sets.concat()]
}

/// A v5 packet whose header counts `count` records, in front of `body`.
pub(crate) fn v5(count: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    wire![5_u16, count, 1_000_000_u32, SECONDS, 0_u32, sequence, 0_u32, body.to_vec()]
}

#[expect(clippy::needless_pass_by_value, reason = "made on the spot, always")]
pub(crate) fn set(id: u16, body: Vec<u8>) -> Vec<u8> {
    wire![id, u16::try_from(body.len() + 4).unwrap(), body]
}

/// A template (or v9 template) record of elements and lengths; above 0x8000, an element of enterprise 64999.
pub(crate) fn template(id: u16, fields: &[(u16, u16)]) -> Vec<u8> {
    wire![id, u16::try_from(fields.len()).unwrap(), specifiers(fields)]
}

/// An IPFIX options template record whose first field is the scope.
pub(crate) fn options(id: u16, fields: &[(u16, u16)]) -> Vec<u8> {
    wire![id, u16::try_from(fields.len()).unwrap(), 1_u16, specifiers(fields)]
}

pub(crate) fn specifiers(fields: &[(u16, u16)]) -> Vec<u8> {
    let one = |&(element, length): &(u16, u16)| {
        if element & 0x8000 == 0 { wire![element, length] } else { wire![element, length, 64_999_u32] }
    };
    fields.iter().flat_map(one).collect()
}

/// A value behind its length.
pub(crate) fn variable(value: &[u8]) -> Vec<u8> {
    wire![u8::try_from(value.len()).unwrap(), value.to_vec()]
}

/// The shape of [`record`]: source address and octets.
pub(crate) const SHAPE: [(u16, u16); 2] = [(8, 4), (1, 4)];

/// A record of [`SHAPE`] that can be told from others.
pub(crate) fn record(number: u8) -> Vec<u8> {
    vec![192, 0, 2, number, 0, 0, 0, number]
}

/// One event, without its borrow.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Said {
    Flows(Records),
    Options(Records),
    Template(u16, TemplateKind, TemplateChange),
    Sampling(SamplingChange),
    Sequence(SequenceChange),
    Exporter(ExporterChange),
    Fault(Context, Fault),
}

/// A set that was read: its template, and the octets of each record.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Records {
    pub(crate) context: Context,
    pub(crate) template: u16,
    pub(crate) raw: Vec<Vec<u8>>,
    /// Sampling rate and start of each, and its first element as text.
    pub(crate) rates: Vec<Option<f64>>,
    pub(crate) names: Vec<Option<String>>,
}

impl Records {
    fn of(set: flowcodec::RecordSet<'_>) -> Self {
        use flowcodec::field;
        let name = |value: Value<'_>| match value {
            Value::Text(text) => Some(text.to_string()),
            _ => None,
        };
        Self {
            context: *set.context(),
            template: set.template().unwrap().id(),
            raw: set.records().map(|record| record.raw().to_vec()).collect(),
            rates: set.records().map(|record| record.get(field::SAMPLING_RATE)).collect(),
            names: set.records().map(|record| name(record.elements().next().unwrap().value())).collect(),
        }
    }
}

fn said(mut events: Events<'_>) -> Vec<Said> {
    let mut said = Vec::new();
    while let Some(event) = events.next() {
        said.push(match event {
            Event::Flows(set) => Said::Flows(Records::of(set)),
            Event::Options(set) => Said::Options(Records::of(set)),
            Event::Template(event) => {
                let there = matches!(event.change, TemplateChange::Learned | TemplateChange::Changed);
                assert_eq!(event.template.is_some(), there, "{event:?}");
                Said::Template(event.id, event.kind, event.change)
            }
            Event::Sampling(event) => Said::Sampling(event.change),
            Event::Sequence(event) => Said::Sequence(event.change),
            Event::Exporter(event) => Said::Exporter(event.change),
            Event::Fault(event) => Said::Fault(*event.context, event.fault),
            other => panic!("{other:?}"),
        });
    }
    said
}

/// A decoder whose books are looked at after every call.
pub(crate) struct Bench {
    pub(crate) decoder: Decoder,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        Self { decoder: Decoder::new(settings) }
    }

    pub(crate) fn udp(&mut self, datagram: &[u8]) -> Vec<Said> {
        self.from(exporter(), NOW, datagram)
    }

    pub(crate) fn from(&mut self, exporter: Exporter, received: Timestamp, datagram: &[u8]) -> Vec<Said> {
        let before = self.decoder.stats().bytes_reported;
        let said = said(self.decoder.datagram(exporter, received, datagram));
        self.books(before, said)
    }

    pub(crate) fn message(&mut self, session: Session, message: &[u8]) -> Vec<Said> {
        let before = self.decoder.stats().bytes_reported;
        let said = said(self.decoder.message(session, NOW, message));
        self.books(before, said)
    }

    pub(crate) fn close(&mut self, session: Session) -> Vec<Said> {
        let before = self.decoder.stats().bytes_reported;
        let said = said(self.decoder.close(session));
        self.books(before, said)
    }

    pub(crate) fn tick(&mut self, now: Timestamp) -> Vec<Said> {
        let before = self.decoder.stats().bytes_reported;
        let said = said(self.decoder.tick(now));
        self.books(before, said)
    }

    pub(crate) fn finish(&mut self) -> Vec<Said> {
        let before = self.decoder.stats().bytes_reported;
        let said = said(self.decoder.finish());
        assert_eq!(self.decoder.stats().bytes_pending, 0);
        self.books(before, said)
    }

    fn books(&self, reported_before: u64, said: Vec<Said>) -> Vec<Said> {
        let stats = self.decoder.stats();
        assert_eq!(stats.bytes, stats.bytes_decoded + stats.bytes_reported + stats.bytes_pending, "{stats:?}");
        let cost: u64 = faults(&said).iter().map(|fault| u64::from(fault.bytes)).sum();
        assert_eq!(stats.bytes_reported, reported_before + cost, "{said:?}");
        said
    }
}

pub(crate) fn faults(said: &[Said]) -> Vec<Fault> {
    said.iter().filter_map(|it| if let Said::Fault(_, fault) = it { Some(*fault) } else { None }).collect()
}

/// The octets of all flow records, in order.
pub(crate) fn flows(said: &[Said]) -> Vec<Vec<u8>> {
    said.iter().filter_map(|it| if let Said::Flows(set) = it { Some(set.raw.clone()) } else { None }).flatten().collect()
}

pub(crate) fn changes(said: &[Said]) -> Vec<(u16, TemplateKind, TemplateChange)> {
    said.iter()
        .filter_map(|it| if let Said::Template(id, kind, change) = it { Some((*id, *kind, *change)) } else { None })
        .collect()
}

/// The one flow set there is.
pub(crate) fn only_flows(said: &[Said]) -> &Records {
    let mut sets = said.iter().filter_map(|it| if let Said::Flows(set) = it { Some(set) } else { None });
    let only = sets.next().unwrap();
    assert!(sets.next().is_none(), "{said:?}");
    only
}

/// A fault in full.
pub(crate) fn fault(
    kind: FaultKind,
    layer: Layer,
    limit: LimitedBy,
    at: u32,
    bytes: u32,
    (required, available): (u32, u32),
) -> Fault {
    Fault::new(kind, layer, limit, at).sizes(required, available).costing(bytes)
}

pub(crate) fn len32(octets: &[u8]) -> u32 {
    u32::try_from(octets.len()).unwrap()
}
