//! One session and its links.

use std::collections::{BTreeMap, VecDeque};

use crate::amqp::{Encoder, Value};

use super::frame::{Layer, frame};
use super::performative::{ATTACH, DETACH, DISPOSITION, FLOW, Fields, TRANSFER, text_or_null};
use super::{Event, Settings};

/// Transfers that either side may be ahead: as many as there are.
pub(super) const WINDOW: u32 = 0x7fff_ffff;
/// The descriptors of a source and a target, and of the outcome "accepted".
const SOURCE: u64 = 0x28;
const TARGET: u64 = 0x29;
const ACCEPTED: u64 = 0x24;

/// One link. Its place in the list is our handle.
#[derive(Debug)]
struct Link {
    name: String,
    address: String,
    receives: bool,
    state: State,
    /// The router's handle.
    remote: Option<u32>,
    delivered: u32,
    credit: u32,
    /// Of a receiver: the message that is being put together, and how large it is.
    partial: Vec<u8>,
    skipping: bool,
    delivery: Option<u32>,
    /// Of a sender: messages that wait for credit.
    waiting: VecDeque<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Wanted,
    Attaching,
    Attached,
    Detaching,
    Gone,
}

/// Messages that may wait for credit at one address; the oldest go. A FLUSH is worth no more than the one after it.
const WAITING: usize = 16;

#[derive(Debug)]
pub(super) struct Links {
    all: Vec<Link>,
    by_remote: BTreeMap<u32, usize>,
    container: String,
    credit: u32,
    message_bytes: usize,
    frame_bytes: u32,
    made: u64,
    next_incoming: u32,
    next_outgoing: u32,
    passed_over: u64,
}

impl Links {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            all: Vec::new(),
            by_remote: BTreeMap::new(),
            container: settings.container.clone(),
            credit: settings.credit.max(1),
            message_bytes: settings.message_bytes,
            frame_bytes: u32::MAX,
            made: 0,
            next_incoming: 0,
            next_outgoing: 0,
            passed_over: 0,
        }
    }

    pub(super) const fn passed_over(&self) -> u64 {
        self.passed_over
    }

    pub(super) fn frame_bytes(&mut self, most: Option<u32>) {
        // Every peer takes 512 (part 2 §2.7.1).
        self.frame_bytes = most.unwrap_or(u32::MAX).max(512);
    }

    pub(super) fn begin(&mut self, fields: &Fields<'_>) {
        self.next_incoming = fields.u32(1).unwrap_or(0);
    }

    pub(super) fn subscribe(&mut self, address: &str) {
        if !self.all.iter().any(|link| link.receives && link.address == address && link.lives()) {
            // The first receiver of an address is called by it; a later one must not meet its name.
            let first = !self.all.iter().any(|link| link.receives && link.address == address);
            let suffix = if first { String::new() } else { self.number() };
            let name = [&*self.container, "-", address, &suffix].concat();
            self.add(name, address, true);
        }
    }

    pub(super) fn unsubscribe(&mut self, address: &str, out: &mut Vec<u8>) {
        for (handle, link) in (0_u32..).zip(&mut self.all) {
            if link.receives && link.address == address && link.lives() {
                link.state = match link.state {
                    State::Wanted => State::Gone,
                    _ => {
                        detach(handle, out);
                        State::Detaching
                    }
                };
            }
        }
    }

    pub(super) fn send(&mut self, address: &str, message: &[u8]) {
        if !self.all.iter().any(|link| !link.receives && link.address == address && link.lives()) {
            let number = self.number();
            let name = [&*self.container, "-to-", address, &number].concat();
            self.add(name, address, false);
        }
        let sender = self.all.iter_mut().find(|link| !link.receives && link.address == address && link.lives());
        if let Some(sender) = sender {
            if sender.waiting.len() >= WAITING {
                sender.waiting.pop_front();
            }
            sender.waiting.push_back(message.to_vec());
        }
    }

    fn number(&mut self) -> String {
        self.made = self.made.saturating_add(1);
        format!("-{}", self.made)
    }

    fn add(&mut self, name: String, address: &str, receives: bool) {
        let link = Link {
            name,
            address: address.to_owned(),
            receives,
            state: State::Wanted,
            remote: None,
            delivered: 0,
            credit: 0,
            partial: Vec::new(),
            skipping: false,
            delivery: None,
            waiting: VecDeque::new(),
        };
        // A handle is free once both sides have detached.
        match self.all.iter_mut().find(|old| old.state == State::Gone && old.address != address) {
            Some(place) => *place = link,
            None => self.all.push(link),
        }
    }

    /// Attaches what is wanted, gives credit, and sends what has credit.
    pub(super) fn settle(&mut self, out: &mut Vec<u8>) {
        for at in 0..self.all.len() {
            let handle = u32::try_from(at).unwrap_or(u32::MAX);
            let Some(link) = self.all.get_mut(at) else { continue };
            if link.state == State::Wanted {
                link.state = State::Attaching;
                link.attach(handle, out);
            }
            if link.state != State::Attached {
                continue;
            }
            if link.receives && link.credit <= self.credit >> 1 {
                link.credit = self.credit;
                let (incoming, outgoing, delivered, credit) =
                    (self.next_incoming, self.next_outgoing, link.delivered, link.credit);
                let flow = |list: &mut Encoder| {
                    for number in [incoming, WINDOW, outgoing, WINDOW, handle, delivered, credit] {
                        list.put(&Value::Uint(number));
                    }
                };
                frame(out, Layer::Amqp, FLOW, flow, &[]);
            }
            while !link.receives && link.credit > 0 {
                let Some(message) = link.waiting.pop_front() else { break };
                link.credit = link.credit.saturating_sub(1);
                link.delivered = link.delivered.wrapping_add(1);
                transfer(handle, &mut self.next_outgoing, self.frame_bytes, &message, out);
            }
        }
    }

    /// A performative of the session.
    pub(super) fn frame(
        &mut self,
        code: u64,
        fields: &Fields<'_>,
        payload: &[u8],
        out: &mut Vec<u8>,
        events: &mut VecDeque<Event>,
    ) {
        match code {
            ATTACH => self.attached(fields, events),
            FLOW => self.flow(fields),
            TRANSFER => self.transferred(fields, payload, out, events),
            _ => self.detached(fields, out, events),
        }
    }

    fn attached(&mut self, fields: &Fields<'_>, events: &mut VecDeque<Event>) {
        let Some(name) = fields.get(0).text() else { return };
        let found = self.all.iter().position(|link| link.state == State::Attaching && link.name.as_bytes() == name.as_bytes());
        let (Some(at), Some(remote)) = (found, fields.u32(1)) else { return };
        self.by_remote.insert(remote, at);
        let Some(link) = self.all.get_mut(at) else { return };
        (link.state, link.remote) = (State::Attached, Some(remote));
        if link.receives {
            link.delivered = fields.u32(9).unwrap_or(0);
            // A router that refuses answers without a source, and detaches at once.
            if !fields.get(5).is_null() {
                events.push_back(Event::Subscribed { address: link.address.clone() });
            }
        }
    }

    fn flow(&mut self, fields: &Fields<'_>) {
        let link = fields.u32(4).and_then(|remote| self.by_remote.get(&remote)).and_then(|at| self.all.get_mut(*at));
        if let Some(link) = link.filter(|link| !link.receives) {
            // Credit counts from what the router has seen (part 2 §2.6.7).
            let seen = fields.u32(5).unwrap_or(0);
            let limit = seen.wrapping_add(fields.u32(6).unwrap_or(0));
            let credit = limit.wrapping_sub(link.delivered);
            link.credit = if credit > WINDOW { 0 } else { credit };
        }
    }

    fn transferred(&mut self, fields: &Fields<'_>, payload: &[u8], out: &mut Vec<u8>, events: &mut VecDeque<Event>) {
        self.next_incoming = self.next_incoming.wrapping_add(1);
        let link = fields.u32(0).and_then(|remote| self.by_remote.get(&remote)).and_then(|at| self.all.get_mut(*at));
        let Some(link) = link.filter(|link| link.receives) else { return };
        link.delivery = fields.u32(1).or(link.delivery);
        if link.partial.len().saturating_add(payload.len()) > self.message_bytes {
            (link.skipping, link.partial) = (true, Vec::new());
        }
        if !link.skipping {
            link.partial.extend_from_slice(payload);
        }
        let aborted = fields.truth(9);
        if fields.truth(5) && !aborted {
            return;
        }
        link.delivered = link.delivered.wrapping_add(1);
        link.credit = link.credit.saturating_sub(1);
        let (octets, skipped) = (core::mem::take(&mut link.partial), core::mem::take(&mut link.skipping));
        if let Some(delivery) = link.delivery.take().filter(|_| !fields.truth(4) && !aborted) {
            let disposition = |list: &mut Encoder| {
                list.put(&Value::Bool(true)).put(&Value::Uint(delivery)).put(&Value::Null).put(&Value::Bool(true));
                list.described(ACCEPTED, |outcome| outcome.list(|_| ()));
            };
            frame(out, Layer::Amqp, DISPOSITION, disposition, &[]);
        }
        if skipped || aborted {
            self.passed_over = self.passed_over.saturating_add(1);
        } else {
            events.push_back(Event::Message { address: link.address.clone(), octets });
        }
    }

    fn detached(&mut self, fields: &Fields<'_>, out: &mut Vec<u8>, events: &mut VecDeque<Event>) {
        let Some(at) = fields.u32(0).and_then(|remote| self.by_remote.remove(&remote)) else { return };
        let Some(link) = self.all.get_mut(at) else { return };
        if link.state != State::Detaching {
            detach(u32::try_from(at).unwrap_or(u32::MAX), out);
            events.push_back(Event::Detached { address: link.address.clone(), reason: fields.error(2) });
        }
        (link.state, link.partial, link.waiting) = (State::Gone, Vec::new(), VecDeque::new());
    }
}

impl Link {
    fn lives(&self) -> bool {
        !matches!(self.state, State::Detaching | State::Gone)
    }

    fn attach(&self, handle: u32, out: &mut Vec<u8>) {
        let terminus = |list: &mut Encoder, code, address| {
            list.described(code, |terminus| terminus.list(|list| text_or_null(list, address)));
        };
        let address = |here| Some(&*self.address).filter(|_| here);
        let fields = |list: &mut Encoder| {
            // Senders settle before they send (1); receivers settle first (0).
            list.string(&self.name)
                .put(&Value::Uint(handle))
                .put(&Value::Bool(self.receives))
                .put(&Value::Ubyte(1))
                .put(&Value::Ubyte(0));
            terminus(list, SOURCE, address(self.receives));
            terminus(list, TARGET, address(!self.receives));
            if !self.receives {
                list.put(&Value::Null).put(&Value::Null).put(&Value::Uint(0));
            }
        };
        frame(out, Layer::Amqp, ATTACH, fields, &[]);
    }
}

fn detach(handle: u32, out: &mut Vec<u8>) {
    let fields = |list: &mut Encoder| {
        list.put(&Value::Uint(handle)).put(&Value::Bool(true));
    };
    frame(out, Layer::Amqp, DETACH, fields, &[]);
}

/// A message as one transfer, or as many as the router's frames need.
fn transfer(handle: u32, delivery: &mut u32, frame_bytes: u32, message: &[u8], out: &mut Vec<u8>) {
    // What stands before the payload takes less than 64 octets.
    let room = usize::try_from(frame_bytes).unwrap_or(usize::MAX).saturating_sub(64).max(1);
    let pieces = message.len().div_ceil(room).max(1);
    let id = *delivery;
    for (piece, number) in message.chunks(room).zip(1_usize..) {
        let fields = |list: &mut Encoder| {
            list.put(&Value::Uint(handle)).put(&Value::Uint(id)).put(&Value::Binary(&id.to_be_bytes())).put(&Value::Uint(0));
            list.put(&Value::Bool(true)).put(&Value::Bool(number < pieces));
        };
        frame(out, Layer::Amqp, TRANSFER, fields, piece);
        *delivery = delivery.wrapping_add(1);
    }
}
