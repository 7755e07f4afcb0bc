//! The walk through one datagram: message by message.

use super::Decoder;
use super::message::{Body, Found, Message, Step};
use crate::context::Context;
use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::exporter::{Exporter, Protocol, Session};
use crate::model::Scaled;
use crate::time::Timestamp;
use crate::wire::{be16, be32, len32};
use crate::{ipfix, netflow5, netflow9, sflow};

/// A walk through octets.
#[derive(Debug)]
pub(super) struct Walk<'d> {
    bytes: &'d [u8],
    exporter: Exporter,
    session: Option<Session>,
    received: Timestamp,
    /// Where the next message begins.
    next: usize,
    message: Option<Message<'d>>,
    done: bool,
}

/// A message whose header was read: the octets of the header, and those of the whole message.
struct Opened {
    header: usize,
    len: usize,
}

impl<'d> Walk<'d> {
    #[inline]
    pub(super) const fn new(exporter: Exporter, session: Option<Session>, received: Timestamp, bytes: &'d [u8]) -> Self {
        Self { bytes, exporter, session, received, next: 0, message: None, done: false }
    }

    /// When the octets were received.
    pub(super) const fn received(&self) -> Timestamp {
        self.received
    }

    /// The records found last, and what their message says.
    pub(super) fn found(&self) -> Option<(&Context, &Found<'d>)> {
        self.message.as_ref().map(|message| (&message.context, &message.found))
    }

    /// Whether nothing comes behind the records found last.
    #[inline]
    pub(super) fn is_spent(&self) -> bool {
        self.next >= self.bytes.len() && self.message.as_ref().is_some_and(|message| message.closed)
    }

    /// Goes on to the next records, or to the next thing that is to be told first.
    #[inline]
    pub(super) fn step(&mut self, decoder: &mut Decoder) -> Step {
        loop {
            match &mut self.message {
                // A datagram without octets is a fault of its own; otherwise the walk ends with the octets.
                None if self.done || (self.next >= self.bytes.len() && self.next != 0) => return Step::Done,
                None => self.open(decoder),
                Some(message) => match message.step(decoder) {
                    Step::Again => {}
                    Step::Done => {
                        message.close(decoder);
                        self.message = None;
                    }
                    Step::Found => {
                        // Its last records may be given while it is closed already: what closing shows is told behind them.
                        if message.is_over() {
                            message.close(decoder);
                        }
                        return Step::Found;
                    }
                },
            }
            if decoder.is_loud() {
                return Step::Again;
            }
        }
    }

    /// What is known before the header is read.
    #[inline]
    fn blank(&self) -> Context {
        let mut context = Context::new(self.exporter, self.received);
        context.stream = self.session.map(|session| session.id);
        context.offset = u32::try_from(self.next).unwrap_or(u32::MAX);
        context
    }

    #[cold]
    fn fail(&mut self, decoder: &mut Decoder, protocol: Protocol, fault: Fault) {
        self.done = true;
        let context = Context { protocol, ..self.blank() };
        let left = len32(self.bytes.get(self.next..).unwrap_or_default());
        decoder.fault(&context, fault.costing(left));
    }

    /// Begins the message at `next`.
    fn open(&mut self, decoder: &mut Decoder) {
        let bytes = self.bytes.get(self.next..).unwrap_or_default();
        if bytes.len() < 2 {
            let layer = if bytes.is_empty() { Layer::Datagram } else { Layer::Header };
            let fault = Fault::new(FaultKind::Truncated, layer, LimitedBy::Datagram, 0).sizes(2, len32(bytes));
            return self.fail(decoder, Protocol::Unknown, fault);
        }
        let version = be16(bytes, 0);
        // What follows a message in the same datagram can only be another of IPFIX: only there a length says where the first ended.
        if self.next != 0 && version != 10 {
            let fault = Fault::new(FaultKind::TrailingOctets, Layer::Datagram, LimitedBy::MessageLength, 0);
            return self.fail(decoder, Protocol::Unknown, fault.sizes(0, len32(bytes)));
        }
        let opened = match version {
            // A stream has no other protocol: what looks like one is a stream out of step.
            version if version != 10 && self.session.is_some() => {
                Err(Fault::new(FaultKind::UnknownVersion, Layer::Header, LimitedBy::Datagram, 0))
            }
            1 | 5 | 7 => netflow5::Packet::parse(bytes).map(|packet| self.open_fixed(packet, bytes.len())),
            9 => netflow9::Packet::parse(bytes).map(|packet| self.open_netflow9(&packet, bytes.len())),
            10 => ipfix::Message::parse(bytes).map(|message| self.open_ipfix(decoder, &message)),
            0 if matches!(be32(bytes, 0), 2 | 4 | 5) => match sflow::Datagram::parse(bytes) {
                Ok(datagram) => Ok(self.open_sflow(&datagram, bytes.len())),
                Err(fault) => return self.fail(decoder, Protocol::Sflow, fault),
            },
            8 => Err(Fault::new(FaultKind::UnsupportedVersion, Layer::Header, LimitedBy::Datagram, 0)),
            _ => Err(Fault::new(FaultKind::UnknownVersion, Layer::Header, LimitedBy::Datagram, 0)),
        };
        match opened {
            Ok(Opened { header, len }) => {
                self.next = self.next.saturating_add(len);
                decoder.stats.messages = decoder.stats.messages.saturating_add(1);
                decoder.stats.bytes_decoded = decoder.stats.bytes_decoded.saturating_add(u64::try_from(header).unwrap_or(0));
                if let Some(message) = &mut self.message {
                    message.begin(decoder, self.session);
                }
            }
            Err(fault) => self.fail(decoder, protocol_of(version), fault),
        }
    }

    #[inline]
    fn open_fixed(&mut self, packet: netflow5::Packet<'d>, len: usize) -> Opened {
        let header = packet.header();
        let context = Context {
            protocol: header.protocol,
            exported: header.exported(),
            uptime_ms: Some(header.uptime_ms),
            sequence: header.flow_sequence,
            domain: u32::from(u16::from_be_bytes([header.engine_type, header.engine_id])),
            sampling_rate: header.sampling_interval().map(f64::from),
            ..self.blank()
        };
        let opened = Opened { header: netflow5::Header::size(header.protocol), len };
        self.message = Some(Message::new(context, Body::Fixed(packet)));
        opened
    }

    #[inline]
    fn open_netflow9(&mut self, packet: &netflow9::Packet<'d>, len: usize) -> Opened {
        let header = packet.header();
        let context = Context {
            protocol: Protocol::NetFlow9,
            exported: header.exported(),
            uptime_ms: Some(header.uptime_ms),
            sequence: header.sequence,
            domain: header.source_id,
            ..self.blank()
        };
        self.message = Some(Message::new(context, Body::Sets(packet.sets(), None)));
        Opened { header: netflow9::Header::SIZE, len }
    }

    #[inline]
    fn open_ipfix(&mut self, decoder: &mut Decoder, message: &ipfix::Message<'d>) -> Opened {
        let header = message.header();
        let context = Context {
            protocol: Protocol::Ipfix,
            exported: header.exported(),
            sequence: header.sequence,
            domain: header.domain,
            ..self.blank()
        };
        let made = self.message.insert(Message::new(context, Body::Sets(message.sets(), None)));
        if let Some(fault) = message.truncated() {
            decoder.fault(&made.context, fault);
        }
        Opened { header: ipfix::Header::SIZE, len: message.present() }
    }

    #[inline]
    fn open_sflow(&mut self, datagram: &sflow::Datagram<'d>, len: usize) -> Opened {
        let header = datagram.header();
        let context = Context {
            protocol: Protocol::Sflow,
            agent: header.agent,
            domain: header.sub_agent_id,
            sequence: header.sequence,
            uptime_ms: Some(header.uptime_ms),
            // One sample is one packet, whatever the rate.
            counters_scaled: Scaled::No,
            ..self.blank()
        };
        self.message = Some(Message::new(context, Body::Samples(datagram.samples())));
        Opened { header: usize::try_from(datagram.body().offset()).unwrap_or(0), len }
    }
}

const fn protocol_of(version: u16) -> Protocol {
    match version {
        1 => Protocol::NetFlow1,
        5 => Protocol::NetFlow5,
        7 => Protocol::NetFlow7,
        8 => Protocol::NetFlow8,
        9 => Protocol::NetFlow9,
        10 => Protocol::Ipfix,
        _ => Protocol::Unknown,
    }
}
