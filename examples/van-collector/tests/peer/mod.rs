//! A router for tests: AMQP 1.0 over TCP or TLS, negotiated for real, by its own hand. It shares values and encoder with the client, and
//! nothing of its framing, links or credit. What it sends are the messages of a recording, in frames and segments as a real router's were.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_rustls::TlsAcceptor;
use vanflow::amqp::{Descriptor, Encoder, Message, Value};

/// What the router is told to do.
#[derive(Debug)]
pub(crate) enum Act {
    /// Send a message by the link that is attached to an address.
    Send { link: String, octets: Vec<u8>, settled: bool },
    /// Close the connection, politely.
    Close(&'static str),
    /// Close the link that is attached to an address.
    Detach(&'static str),
    /// Hang up.
    HangUp,
    /// Send something that is no AMQP.
    Garbage(Vec<u8>),
    /// Say nothing any more, and keep the connection.
    Stall,
}

/// What the router saw.
#[derive(Debug, Default, Clone)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    pub(crate) mechanisms: Vec<String>,
    pub(crate) containers: Vec<String>,
    /// Addresses of receivers that are attached now.
    pub(crate) attached: BTreeSet<String>,
    /// Addresses of receivers, each time one was attached.
    pub(crate) attaches: Vec<String>,
    pub(crate) flushes: Vec<String>,
    pub(crate) dispositions: usize,
    pub(crate) heartbeats: usize,
    pub(crate) closed: usize,
    /// What a real router would not have stood.
    pub(crate) violations: Vec<String>,
    /// Octets of certificates that clients showed.
    pub(crate) certificates: Vec<Vec<u8>>,
}

/// How the router speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) mechanism: &'static str,
    /// Octets of the payload of one frame: less than a message is several transfers.
    pub(crate) frame: usize,
    /// Milliseconds after which it wants to hear something.
    pub(crate) idle: u32,
}

impl Default for Manner {
    fn default() -> Self {
        // As the router of the capture opened: frames of 16 KiB, 8 seconds.
        Self { mechanism: "ANONYMOUS", frame: 16_384, idle: 8_000 }
    }
}

#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) port: u16,
    acts: UnboundedSender<Act>,
    seen: Arc<Mutex<Seen>>,
}

impl Peer {
    pub(crate) async fn start(manner: Manner, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (acts, mut told) = unbounded_channel();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                shared.lock().unwrap().connections += 1;
                match &tls {
                    None => Session::new(manner, &shared).run(stream, &mut told).await,
                    Some(tls) => {
                        let Ok(stream) = tls.accept(stream).await else { continue };
                        let shown = stream.get_ref().1.peer_certificates().unwrap_or_default().first().map(|der| der.to_vec());
                        shared.lock().unwrap().certificates.extend(shown);
                        Session::new(manner, &shared).run(stream, &mut told).await;
                    }
                }
                shared.lock().unwrap().attached.clear();
            }
        });
        Self { port, acts, seen }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn act(&self, act: Act) {
        self.acts.send(act).unwrap();
    }

    /// Sends a message once its address is attached.
    pub(crate) async fn send(&self, link: &str, octets: &[u8]) {
        self.until(&format!("{link} is attached"), |seen| seen.attached.contains(link)).await;
        // Routers settle before they send; what passed from a controller through a router is not settled.
        self.act(Act::Send { link: link.to_owned(), octets: octets.to_vec(), settled: !link.contains("ctrl") });
    }

    /// Waits until what was seen is as wanted.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&Seen) -> bool) -> Seen {
        for _ in 0..2_000 {
            let seen = self.seen();
            if wanted(&seen) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("not within 10 seconds: {what}; {:#?}", self.seen());
    }
}

/// How many octets the real router gave to each write, in the beginning of the capture.
const SEGMENTS: [usize; 30] = [
    36, 16, 281, 130, 174, 640, 131, 534, 122, 122, 122, 164, 600, 164, 600, 876, 205, 122, 127, 59, 127, 59, 1693, 774, 120,
    120, 745, 232, 235, 175,
];

struct Link {
    name: String,
    address: String,
    /// Whether messages go from us to the client.
    sends: bool,
    handle: u32,
    sent: u32,
    credit: u32,
    partial: Vec<u8>,
}

struct Session<'s> {
    manner: Manner,
    seen: &'s Mutex<Seen>,
    input: Vec<u8>,
    output: Vec<u8>,
    /// By the client's handle.
    links: BTreeMap<u32, Link>,
    next_handle: u32,
    deliveries: u32,
    segment: usize,
    open: bool,
    over: bool,
    stalled: bool,
    waiting: Vec<(String, Vec<u8>, bool)>,
}

impl<'s> Session<'s> {
    fn new(manner: Manner, seen: &'s Mutex<Seen>) -> Self {
        Self {
            manner,
            seen,
            input: Vec::new(),
            output: Vec::new(),
            links: BTreeMap::new(),
            next_handle: 100,
            deliveries: 0,
            segment: 0,
            open: false,
            over: false,
            stalled: false,
            waiting: Vec::new(),
        }
    }

    async fn run(mut self, mut stream: impl AsyncRead + AsyncWrite + Unpin, acts: &mut UnboundedReceiver<Act>) {
        let mut octets = [0; 4096];
        let mut beat = tokio::time::interval(Duration::from_millis(u64::from(self.manner.idle / 2).max(20)));
        while !self.over {
            tokio::select! {
                read = stream.read(&mut octets) => match read {
                    Ok(0) | Err(_) => return,
                    Ok(length) => {
                        self.input.extend_from_slice(&octets[..length]);
                        self.take();
                    }
                },
                act = acts.recv(), if self.open => match act {
                    Some(Act::Send { link, octets, settled }) => self.waiting.push((link, octets, settled)),
                    Some(Act::Close(reason)) => self.close(reason),
                    Some(Act::Detach(address)) => self.detach(address),
                    Some(Act::Garbage(octets)) => self.output.extend_from_slice(&octets),
                    Some(Act::Stall) => self.stalled = true,
                    Some(Act::HangUp) | None => return,
                },
                _ = beat.tick(), if self.open => self.output.extend_from_slice(&[0, 0, 0, 8, 2, 0, 0, 0]),
            }
            self.deliver();
            let output = std::mem::take(&mut self.output);
            if self.stalled {
                continue;
            }
            let mut rest = &output[..];
            while !rest.is_empty() {
                let length = SEGMENTS[self.segment % SEGMENTS.len()].min(rest.len());
                self.segment += 1;
                if stream.write_all(&rest[..length]).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
                rest = &rest[length..];
            }
        }
        let _ = stream.shutdown().await;
    }

    fn violation(&mut self, what: String) {
        self.seen.lock().unwrap().violations.push(what);
        self.over = true;
    }

    /// Headers and frames, as far as they are there.
    fn take(&mut self) {
        while self.input.len() >= 8 && !self.over {
            if self.input.starts_with(b"AMQP") {
                let header: Vec<u8> = self.input.drain(..8).collect();
                self.output.extend_from_slice(&header);
                match header[4] {
                    3 => self.mechanisms(),
                    0 => {}
                    _ => self.violation(format!("protocol {header:?}")),
                }
                continue;
            }
            let size = usize::try_from(u32::from_be_bytes(self.input[..4].try_into().unwrap())).unwrap();
            if !(8..=65_536).contains(&size) {
                return self.violation(format!("a frame of {size} octets"));
            }
            if self.input.len() < size {
                return;
            }
            let frame: Vec<u8> = self.input.drain(..size).collect();
            let body = &frame[usize::from(frame[4]) * 4..];
            if body.is_empty() {
                self.seen.lock().unwrap().heartbeats += 1;
            } else {
                self.performative(body);
            }
        }
    }

    fn mechanisms(&mut self) {
        let name = self.manner.mechanism.as_bytes();
        let length = u8::try_from(name.len()).unwrap();
        // Performative 0x40, a list of one array of one symbol.
        let mut body = vec![0, 0x53, 0x40, 0xc0, length + 6, 1, 0xe0, length + 3, 1, 0xa3, length];
        body.extend_from_slice(name);
        self.frame_of(1, &body, &[]);
    }

    fn frame_of(&mut self, kind: u8, body: &[u8], payload: &[u8]) {
        let size = u32::try_from(8 + body.len() + payload.len()).unwrap();
        self.output.extend_from_slice(&size.to_be_bytes());
        self.output.extend_from_slice(&[2, kind, 0, 0]);
        self.output.extend_from_slice(body);
        self.output.extend_from_slice(payload);
    }

    fn say(&mut self, kind: u8, code: u64, fields: impl FnOnce(&mut Encoder)) {
        let mut encoder = Encoder::default();
        encoder.described(code, |encoder| encoder.list(fields));
        self.frame_of(kind, &encoder.finish(), &[]);
    }

    fn performative(&mut self, body: &[u8]) {
        let (value, payload) = Value::split(body).unwrap();
        let Value::Described(described) = value else { return self.violation(format!("{value:?} is no performative")) };
        let (Descriptor::Code(code), Value::List(list)) = (described.descriptor(), described.value()) else {
            return self.violation(format!("{described:?}"));
        };
        let fields: Vec<Value<'_>> = list.items().map(Result::unwrap).collect();
        let field = |place: usize| fields.get(place).copied().unwrap_or(Value::Null);
        let number = |place: usize| field(place).unsigned().and_then(|number| u32::try_from(number).ok());
        let text = |value: Value<'_>| value.text().map(|text| text.to_string()).unwrap_or_default();
        match code {
            0x41 => {
                let asked = text(field(0));
                let refused = u8::from(asked != self.manner.mechanism);
                self.seen.lock().unwrap().mechanisms.push(asked);
                self.say(1, 0x44, |list| {
                    list.put(&Value::Ubyte(refused));
                });
            }
            0x10 => {
                self.seen.lock().unwrap().containers.push(text(field(0)));
                let idle = self.manner.idle;
                self.say(0, 0x10, |list| {
                    list.string("rtr-west")
                        .put(&Value::Null)
                        .put(&Value::Uint(16_384))
                        .put(&Value::Ushort(32_767))
                        .put(&Value::Uint(idle));
                });
            }
            0x11 => {
                self.say(0, 0x11, |list| {
                    list.put(&Value::Ushort(0)).put(&Value::Uint(0)).put(&Value::Uint(512)).put(&Value::Uint(0x7fff_ffff));
                });
                self.open = true;
            }
            0x12 => self.attach(&fields, number(1).unwrap()),
            0x13 => {
                if let Some(link) = number(4).and_then(|handle| self.links.get_mut(&handle)) {
                    let limit = number(5).unwrap_or(0).wrapping_add(number(6).unwrap_or(0));
                    link.credit = limit.wrapping_sub(link.sent);
                }
            }
            0x14 => self.transferred(number(0).unwrap(), field(5) == Value::Bool(true), payload),
            0x15 => self.seen.lock().unwrap().dispositions += 1,
            0x16 => {
                if let Some(link) = number(0).and_then(|handle| self.links.remove(&handle)) {
                    if link.sends {
                        self.seen.lock().unwrap().attached.remove(&link.address);
                    }
                    self.say(0, 0x16, |list| {
                        list.put(&Value::Uint(link.handle)).put(&Value::Bool(true));
                    });
                }
            }
            0x17 => self.say(0, 0x17, |_| ()),
            0x18 => {
                self.say(0, 0x18, |_| ());
                self.seen.lock().unwrap().closed += 1;
                self.over = true;
            }
            _ => self.violation(format!("performative {code:#x}")),
        }
    }

    fn attach(&mut self, fields: &[Value<'_>], handle: u32) {
        let name = fields[0].text().unwrap().to_string();
        let sends = fields[2] == Value::Bool(true);
        let Value::Described(terminus) = fields[if sends { 5 } else { 6 }] else { return self.violation("no terminus".into()) };
        let Value::List(list) = terminus.value() else { return self.violation("no terminus".into()) };
        let address = list.items().next().unwrap().unwrap().text().unwrap().to_string();
        if self.links.values().any(|link| link.name == name) || self.links.contains_key(&handle) {
            return self.violation(format!("{name} is attached twice"));
        }
        let own = self.next_handle;
        self.next_handle += 1;
        self.say(0, 0x12, |list| {
            list.string(&name).put(&Value::Uint(own)).put(&Value::Bool(!sends)).put(&Value::Ubyte(2)).put(&Value::Ubyte(0));
            for (code, here) in [(0x28, sends), (0x29, !sends)] {
                list.described(code, |terminus| {
                    terminus.list(|list| {
                        if here {
                            list.string(&address);
                        }
                    });
                });
            }
            list.put(&Value::Null).put(&Value::Null).put(&Value::Uint(0));
        });
        if sends {
            let mut seen = self.seen.lock().unwrap();
            seen.attached.insert(address.clone());
            seen.attaches.push(address.clone());
        } else {
            self.say(0, 0x13, |list| {
                for number in [0, 0x7fff_ffff, 0, 0x7fff_ffff, own, 0, 250] {
                    list.put(&Value::Uint(number));
                }
            });
        }
        self.links.insert(handle, Link { name, address, sends, handle: own, sent: 0, credit: 0, partial: Vec::new() });
    }

    fn transferred(&mut self, handle: u32, more: bool, payload: &[u8]) {
        let Some(link) = self.links.get_mut(&handle).filter(|link| !link.sends) else {
            return self.violation(format!("a transfer on {handle}"));
        };
        link.partial.extend_from_slice(payload);
        if more {
            return;
        }
        let octets = std::mem::take(&mut link.partial);
        let address = link.address.clone();
        let message = Message::parse(&octets).unwrap();
        let properties = message.properties();
        if properties.subject != Some("FLUSH".into()) || properties.to != Some((&*address).into()) {
            return self.violation(format!("{properties:?} to {address}"));
        }
        self.seen.lock().unwrap().flushes.push(address);
    }

    /// Sends what has credit. A router would drop what has none; a test wants to have it all.
    fn deliver(&mut self) {
        while let Some((address, ..)) = self.waiting.first() {
            let found = self.links.values_mut().find(|link| link.sends && link.address == *address && link.credit > 0);
            let Some(link) = found else { return };
            (link.credit, link.sent) = (link.credit - 1, link.sent.wrapping_add(1));
            let handle = link.handle;
            let (_, octets, settled) = self.waiting.remove(0);
            let (delivery, pieces) = (self.deliveries, octets.chunks(self.manner.frame).count());
            self.deliveries += 1;
            for (place, piece) in octets.chunks(self.manner.frame).enumerate() {
                let mut encoder = Encoder::default();
                encoder.described(0x14, |encoder| {
                    encoder.list(|list| {
                        list.put(&Value::Uint(handle));
                        // Only the first frame of a delivery has to name it.
                        if place == 0 {
                            list.put(&Value::Uint(delivery)).put(&Value::Binary(&delivery.to_le_bytes())).put(&Value::Uint(0));
                        } else {
                            list.put(&Value::Null).put(&Value::Null).put(&Value::Null);
                        }
                        list.put(&Value::Bool(settled)).put(&Value::Bool(place + 1 < pieces));
                    });
                });
                self.frame_of(0, &encoder.finish(), piece);
            }
        }
    }

    fn detach(&mut self, address: &str) {
        let found = self.links.iter().find(|(_, link)| link.sends && link.address == address).map(|(handle, _)| *handle);
        let link = self.links.remove(&found.unwrap()).unwrap();
        self.seen.lock().unwrap().attached.remove(&link.address);
        self.say(0, 0x16, |list| {
            list.put(&Value::Uint(link.handle)).put(&Value::Bool(true));
        });
    }

    fn close(&mut self, reason: &str) {
        self.say(0, 0x18, |list| {
            list.described(0x1d, |error| {
                error.list(|list| {
                    list.symbol("amqp:connection:forced").string(reason);
                });
            });
        });
        self.over = true;
    }
}
