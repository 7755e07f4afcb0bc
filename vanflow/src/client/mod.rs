//! A client of AMQP 1.0 without a socket: what a collector needs to listen to a router and to send it FLUSH, and no more.
//!
//! Octets received go in, octets to send come out, messages are handed over as they came: routers send messages that stricter clients
//! refuse. One session, pre-settled receivers whose credit is kept up, senders that wait for credit, heartbeats both ways. SASL is
//! ANONYMOUS, or EXTERNAL where the transport is TLS with a client's certificate; the transport is the caller's.
//!
//! ```
//! use flowcodec::Timestamp;
//! use vanflow::client::{Client, Settings};
//!
//! let now = Timestamp::from_seconds(1_800_000_000);
//! let mut client = Client::new(Settings::new("collector-1"), now);
//! client.subscribe("mc/sfe.all");
//! assert_eq!(client.take_output(), b"AMQP\x03\x01\0\0"); // ... and so on, as the router answers
//! ```

mod frame;
mod links;
mod performative;

use std::collections::VecDeque;

use core::time::Duration;
use flowcodec::{Fault, Timestamp};

use crate::amqp::{Descriptor, Encoder, Value};
use frame::{Framer, Item, Layer};
use links::Links;
use performative::{
    ATTACH, BEGIN, CLOSE, DETACH, DISPOSITION, END, FLOW, Fields, OPEN, SASL_INIT, SASL_MECHANISMS, SASL_OUTCOME, TRANSFER,
    text_or_null,
};

/// How a client speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// Names the client to the router; no two connections may have the same.
    pub container: String,
    /// The host asked for, where a router serves several.
    pub hostname: Option<String>,
    /// Whether to be who the certificate of the transport says (EXTERNAL), rather than nobody (ANONYMOUS).
    pub external: bool,
    /// Octets of the largest frame taken. Default 64 KiB.
    pub frame_bytes: u32,
    /// Octets of the largest message taken; a larger one is passed over and counted. Default 4 MiB.
    pub message_bytes: usize,
    /// Messages a receiver may be sent ahead. Default 1,000: a router sends up to 50 records a message and drops what has no credit.
    pub credit: u32,
    /// How long the router may be silent. It is asked to speak at least twice in that time. Default 16 seconds.
    pub idle: Duration,
}

impl Settings {
    /// The defaults, under this name.
    #[must_use]
    pub fn new(container: &str) -> Self {
        Self {
            container: container.to_owned(),
            hostname: None,
            external: false,
            frame_bytes: 65_536,
            message_bytes: 4 << 20,
            credit: 1_000,
            idle: Duration::from_secs(16),
        }
    }
}

/// Why a connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The other side speaks another protocol, or another version.
    #[error("the other side does not speak AMQP 1.0")]
    NotAmqp,
    /// A frame larger than allowed, or one whose sizes do not fit.
    #[error("a frame that is too large, or whose sizes do not fit")]
    FrameSize,
    /// A performative that cannot be read.
    #[error("a performative that cannot be read: {0}")]
    Performative(Fault),
    /// A performative that may not come here.
    #[error("performative {0:#04x} may not come here")]
    Unexpected(u64),
    /// The router does not offer the mechanism.
    #[error("the router does not offer the SASL mechanism")]
    Mechanism,
    /// The router refused who we are: the code of its outcome.
    #[error("SASL outcome {0}")]
    Refused(u64),
    /// The router was silent for too long.
    #[error("the router was silent for too long")]
    Idle,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The router answered: links are being attached.
    Opened,
    /// A receiver is in place.
    Subscribed {
        /// Its address.
        address: String,
    },
    /// A message, whole.
    Message {
        /// Address of the receiver it came by.
        address: String,
        /// All its sections.
        octets: Vec<u8>,
    },
    /// The router closed a link.
    Detached {
        /// Its address.
        address: String,
        /// Why, in the router's words: condition and description.
        reason: String,
    },
    /// The router closed the connection, or its session; nothing more will come.
    Closed {
        /// Why, in the router's words.
        reason: String,
    },
}

/// How far the connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// SASL is spoken.
    Sasl,
    /// SASL is over; open and begin are sent.
    Opening,
    /// Session and links are in use.
    Open,
    Closed,
}

/// The client. See the [module](self).
#[derive(Debug)]
pub struct Client {
    settings: Settings,
    state: State,
    framer: Framer,
    out: Vec<u8>,
    events: VecDeque<Event>,
    links: Links,
    heard: Timestamp,
    spoke: Timestamp,
    /// How often the router wants to hear from us, in nanoseconds.
    wanted: Option<i64>,
    failed: Option<ClientError>,
}

impl Client {
    /// A client that greets: its first output asks for SASL.
    #[must_use]
    pub fn new(settings: Settings, now: Timestamp) -> Self {
        let links = Links::new(&settings);
        Self {
            settings,
            state: State::Sasl,
            framer: Framer::default(),
            out: Layer::Sasl.header().to_vec(),
            events: VecDeque::new(),
            links,
            heard: now,
            spoke: now,
            wanted: None,
            failed: None,
        }
    }

    /// Takes what was received.
    ///
    /// # Errors
    /// When the connection cannot go on. It is over then: every further call gives the same.
    pub fn handle_input(&mut self, now: Timestamp, octets: &[u8]) -> Result<(), ClientError> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        self.heard = now;
        self.framer.push(octets);
        loop {
            let handled = match self.framer.next(self.settings.frame_bytes) {
                Ok(None) => return Ok(()),
                Ok(Some(Item::Header(layer))) => self.header(layer),
                Ok(Some(Item::Frame { body_at, end })) if body_at == end => Ok(()),
                Ok(Some(Item::Frame { body_at, end })) => {
                    // The body is lent by the framer, and everything else of the client is needed beside it.
                    let framer = core::mem::take(&mut self.framer);
                    let handled = self.frame(framer.body(body_at, end));
                    self.framer = framer;
                    handled
                }
                Err(error) => Err(error),
            };
            if let Err(error) = handled {
                self.fail(error);
                return Err(error);
            }
        }
    }

    /// What is to be sent now. Ask after every other call.
    pub fn take_output(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.out)
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Attaches a receiver, once the connection is open. An address that has one is left as it is.
    pub fn subscribe(&mut self, address: &str) {
        self.links.subscribe(address);
        self.settle();
    }

    /// Detaches the receiver of an address.
    pub fn unsubscribe(&mut self, address: &str) {
        self.links.unsubscribe(address, &mut self.out);
    }

    /// Sends a message, pre-settled, once the router gives credit for its address.
    pub fn send(&mut self, address: &str, message: &[u8]) {
        self.links.send(address, message);
        self.settle();
    }

    /// Makes time pass: says that we live, and notices when the router does not.
    ///
    /// # Errors
    /// [`ClientError::Idle`], or what ended the connection before.
    pub fn tick(&mut self, now: Timestamp) -> Result<(), ClientError> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        if now.since(self.heard) >= self.patience() {
            self.fail(ClientError::Idle);
            return Err(ClientError::Idle);
        }
        if self.wanted.is_some_and(|wanted| now.since(self.spoke) >= wanted) && self.state == State::Open {
            self.out.extend_from_slice(&frame::EMPTY);
            self.spoke = now;
        }
        Ok(())
    }

    /// When [`tick`](Self::tick) has something to do.
    #[must_use]
    pub fn next_tick(&self) -> Timestamp {
        let silence = self.heard.offset(self.patience());
        self.wanted.map_or(silence, |wanted| silence.min(self.spoke.offset(wanted)))
    }

    /// Says goodbye; the connection may be dropped once the output is sent.
    pub fn close(&mut self) {
        if matches!(self.state, State::Open | State::Opening) {
            frame::frame(&mut self.out, Layer::Amqp, CLOSE, |_| (), &[]);
        }
        self.state = State::Closed;
    }

    /// Messages that were passed over because they were larger than [`Settings::message_bytes`], or aborted.
    #[must_use]
    pub const fn passed_over(&self) -> u64 {
        self.links.passed_over()
    }

    fn patience(&self) -> i64 {
        nanos(self.settings.idle)
    }

    #[cold]
    fn fail(&mut self, error: ClientError) {
        (self.failed, self.state) = (Some(error), State::Closed);
    }

    fn header(&mut self, layer: Layer) -> Result<(), ClientError> {
        match (self.state, layer) {
            (State::Sasl, Layer::Sasl) | (State::Opening, Layer::Amqp) => Ok(()),
            _ => Err(ClientError::NotAmqp),
        }
    }

    fn frame(&mut self, body: &[u8]) -> Result<(), ClientError> {
        let (performative, payload) = Value::split(body).map_err(ClientError::Performative)?;
        let (code, list) = match performative {
            Value::Described(described) => match (described.descriptor(), described.value()) {
                (Descriptor::Code(code), Value::List(list)) => (code, list),
                (Descriptor::Code(code), _) => return Err(ClientError::Unexpected(code)),
                _ => return Err(ClientError::Unexpected(0)),
            },
            _ => return Err(ClientError::Unexpected(0)),
        };
        let fields = Fields::read(list).map_err(ClientError::Performative)?;
        match (self.state, code) {
            (State::Sasl, SASL_MECHANISMS) => self.mechanisms(&fields),
            (State::Sasl, SASL_OUTCOME) => self.outcome(&fields),
            (State::Opening, OPEN) => {
                // Half of what the router would wait for.
                let idle = fields.number(4).filter(|idle| *idle > 0).and_then(|millis| i64::try_from(millis).ok());
                self.wanted = idle.map(|millis| millis.saturating_mul(500_000));
                self.links.frame_bytes(fields.number(2).and_then(|most| u32::try_from(most).ok()));
                Ok(())
            }
            (State::Opening, BEGIN) => {
                self.state = State::Open;
                self.links.begin(&fields);
                self.events.push_back(Event::Opened);
                self.settle();
                Ok(())
            }
            (State::Open, ATTACH | FLOW | TRANSFER | DETACH) => {
                self.links.frame(code, &fields, payload, &mut self.out, &mut self.events);
                self.settle();
                Ok(())
            }
            (State::Open, DISPOSITION) | (State::Closed, _) => Ok(()),
            (State::Opening | State::Open, END | CLOSE) => {
                frame::frame(&mut self.out, Layer::Amqp, code, |_| (), &[]);
                self.state = State::Closed;
                self.events.push_back(Event::Closed { reason: fields.error(0) });
                Ok(())
            }
            _ => Err(ClientError::Unexpected(code)),
        }
    }

    fn mechanisms(&mut self, fields: &Fields<'_>) -> Result<(), ClientError> {
        let wanted = if self.settings.external { "EXTERNAL" } else { "ANONYMOUS" };
        let is_wanted = |value: Value<'_>| value.text().is_some_and(|name| name.as_bytes() == wanted.as_bytes());
        let offered = match fields.get(0) {
            Value::Array(array) => array.items().flatten().any(is_wanted),
            one => is_wanted(one),
        };
        if !offered {
            return Err(ClientError::Mechanism);
        }
        let hostname = self.settings.hostname.clone();
        let init = |list: &mut Encoder| {
            list.symbol(wanted).put(&Value::Binary(if wanted == "EXTERNAL" { b"" } else { b"anonymous" }));
            text_or_null(list, hostname.as_deref());
        };
        frame::frame(&mut self.out, Layer::Sasl, SASL_INIT, init, &[]);
        Ok(())
    }

    fn outcome(&mut self, fields: &Fields<'_>) -> Result<(), ClientError> {
        match fields.number(0) {
            Some(0) => {}
            code => return Err(ClientError::Refused(code.unwrap_or(u64::MAX))),
        }
        self.state = State::Opening;
        self.out.extend_from_slice(&Layer::Amqp.header());
        let Settings { container, hostname, frame_bytes, idle, .. } = &self.settings;
        // Half of our patience is what the router is told, so that it speaks in time.
        let idle = u32::try_from(idle.as_millis() >> 1).unwrap_or(u32::MAX);
        let open = |list: &mut Encoder| {
            list.string(container);
            text_or_null(list, hostname.as_deref());
            list.put(&Value::Uint(*frame_bytes)).put(&Value::Ushort(0)).put(&Value::Uint(idle));
        };
        frame::frame(&mut self.out, Layer::Amqp, OPEN, open, &[]);
        let begin = |list: &mut Encoder| {
            list.put(&Value::Null).put(&Value::Uint(0)).put(&Value::Uint(links::WINDOW)).put(&Value::Uint(links::WINDOW));
        };
        frame::frame(&mut self.out, Layer::Amqp, BEGIN, begin, &[]);
        Ok(())
    }

    /// What links wait for is sent as soon as it may.
    fn settle(&mut self) {
        if self.state == State::Open {
            self.links.settle(&mut self.out);
        }
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
