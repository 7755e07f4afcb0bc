//! A flow in the making: takes the fields of a message as they come, in any order.

use std::net::IpAddr;

use super::keys;
use super::moments::Moments;
use super::stack::Stack;
use super::text::{address, mac_number, prefix_len};
use crate::Text;
use crate::exporter::Protocol;
use crate::io::goflow2::table::{Form, Mpls, Name};
use crate::io::goflow2::{Skipped, id, words};
use crate::model::{FieldId, FieldValue, Flow, Mac, Numbers, field, octets_of_address};

/// A value as an encoding has it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Given<'a> {
    Number(u64),
    /// Of protobuf.
    Octets(&'a [u8]),
    /// Of JSON, with its escapes undone.
    Text(&'a [u8]),
}

impl<'a> Given<'a> {
    /// A number, also when it was written as text.
    #[inline]
    fn number(self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Text(text) if text.iter().all(u8::is_ascii_digit) => core::str::from_utf8(text).ok()?.parse().ok(),
            Self::Text(_) | Self::Octets(_) => None,
        }
    }

    #[inline]
    const fn text(self) -> Option<&'a [u8]> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::Octets(_) => None,
        }
    }

    #[inline]
    const fn is_empty(self) -> bool {
        match self {
            Self::Number(_) => false,
            Self::Octets(octets) | Self::Text(octets) => octets.is_empty(),
        }
    }

    /// An address in 4 or 16 octets, or as text.
    #[inline]
    fn address(self) -> Option<IpAddr> {
        match self {
            Self::Octets(octets) => match octets.len() {
                4 => octets.first_chunk::<4>().map(|octets| IpAddr::from(*octets)),
                16 => octets.first_chunk::<16>().map(|octets| IpAddr::from(*octets)),
                _ => None,
            },
            Self::Text(text) => address(text),
            Self::Number(_) => None,
        }
    }
}

/// The flow, and what has to wait for the end of the message.
#[derive(Debug)]
pub(super) struct Draft<'f> {
    flow: &'f mut Flow,
    sampler: Option<IpAddr>,
    vlan_id: Option<u64>,
    moments: Moments,
    lists: Vec<(FieldId, Vec<u32>)>,
    segments: Vec<u8>,
    labels: Stack,
    ttls: Stack,
    depth: u64,
    named: Named,
    /// Forms that have been there, by their rows in the table.
    given: u128,
    pub(super) skipped: Skipped,
}

/// The numbers whose names have been there: names say nothing that the numbers do not say.
#[derive(Debug, Default)]
struct Named {
    etype: bool,
    protocol: bool,
    /// Whether it was the name of type 0, which is read as absent.
    icmp: Option<bool>,
}

impl<'f> Draft<'f> {
    /// Of a flow of [`schema`](crate::io::goflow2::schema) that has nothing yet.
    pub(super) fn new(flow: &'f mut Flow) -> Self {
        Self {
            flow,
            sampler: None,
            vlan_id: None,
            moments: Moments::default(),
            lists: Vec::new(),
            segments: Vec::new(),
            labels: Stack::default(),
            ttls: Stack::default(),
            depth: 0,
            named: Named::default(),
            given: 0,
            skipped: Skipped::default(),
        }
    }

    /// Milliseconds count only beside their second: nobody has said that the message is not of goflow.
    pub(super) const fn doubt_millis(&mut self) {
        self.moments.doubts_millis = true;
    }

    /// Takes a value of the field at a place of the table, or behind it. What the common model cannot hold is counted, and so is what takes
    /// the place of another value: messages without anything between them look like one.
    pub(super) fn put(&mut self, place: usize, given: Given<'_>) {
        match given {
            Given::Number(number) => self.put_number(place, number),
            Given::Text(text) => self.put_text(place, text),
            Given::Octets(octets) => self.put_octets(place, octets),
        }
    }

    /// The same of a number.
    #[inline]
    pub(super) fn put_number(&mut self, place: usize, number: u64) {
        match keys::plain(place) {
            // Most of what a message has. 0 is what goflow2 writes when it does not know.
            Some(id) => {
                self.mark(place);
                let held = number == 0 || self.flow.set_unsigned(id, number);
                self.check(held);
            }
            None => self.put_other_number(place, number),
        }
    }

    fn put_other_number(&mut self, place: usize, number: u64) {
        self.put_any(place, Given::Number(number));
    }

    /// The same of a text.
    pub(super) fn put_text(&mut self, place: usize, text: &[u8]) {
        self.put_any(place, Given::Text(text));
    }

    /// The same of octets.
    pub(super) fn put_octets(&mut self, place: usize, octets: &[u8]) {
        self.put_any(place, Given::Octets(octets));
    }

    #[expect(clippy::inline_always, reason = "once for each kind of value: none of them goes through memory as one of several")]
    #[inline(always)]
    fn put_any(&mut self, place: usize, given: Given<'_>) {
        let Some(form) = keys::form(place) else { return };
        self.mark(place);
        let held = self.held(form, given).is_some();
        self.check(held);
    }

    /// Notes that a field is there, and counts when it has been before and is no list.
    #[inline]
    fn mark(&mut self, place: usize) {
        let bit = u32::try_from(place).map_or(0, |place| 1_u128.wrapping_shl(place));
        self.check(self.given & bit & !keys::LISTS == 0);
        self.given |= bit;
    }

    /// `None` when the value cannot be held. What goflow2 writes of fields it does not know is held by leaving them absent.
    #[expect(clippy::inline_always, reason = "as above")]
    #[inline(always)]
    fn held(&mut self, form: Form, given: Given<'_>) -> Option<()> {
        match form {
            Form::Type => self.kind(given),
            Form::Sequence => self.unsigned(id::SEQUENCE, given.number()?),
            Form::Rate => match given.number()? {
                0 => Some(()),
                rate => self.set(field::SAMPLING_RATE.id(), FieldValue::Double(rounded(rate))),
            },
            Form::Octets => self.unsigned(field::OCTETS.id(), given.number()?),
            Form::Packets => self.unsigned(field::PACKETS.id(), given.number()?),
            Form::Number(id) => self.unsigned(id, given.number()?),
            Form::VlanId => {
                self.vlan_id = Some(given.number()?).filter(|number| *number != 0).or(self.vlan_id);
                Some(())
            }
            Form::TopBits(id) => self.unsigned(id, given.number().filter(|bits| *bits < 8)? << 5),
            Form::Time(moment, scale) => self.moments.put(moment, scale, given.number()?),
            Form::Sampler | Form::Address(_) | Form::Text(_) if given.is_empty() => Some(()),
            Form::Sampler => {
                self.sampler = Some(given.address()?);
                Some(())
            }
            Form::Addresses(id::SEGMENTS) => {
                self.segments.extend(octets_of_address(given.address()?));
                Some(())
            }
            // One of a list is all that the common model has room for.
            Form::Addresses(id) if self.flow.value(id).is_some() => None,
            Form::Address(id) | Form::Addresses(id) => self.set(id, FieldValue::Address(given.address()?)),
            Form::Mac(id, _) => self.mac(id, given),
            Form::Etype => self.word(field::ETHERTYPE.id(), given, words::etype_of),
            Form::Protocol => self.word(field::IP_PROTOCOL.id(), given, words::protocol_of),
            Form::Network { bits, .. } => self.word(bits, given, prefix_len),
            Form::Numbers(id) => self.push(id, given.number()?),
            Form::Layers(id) => {
                let layer = given.text().and_then(words::layer_of).or_else(|| given.number())?;
                self.push(id, layer)
            }
            Form::Mpls(part) => self.mpls(part, given.number()?),
            Form::Name(name) => {
                self.name(name, given.text()?);
                Some(())
            }
            Form::Text(id) => self.set(id, FieldValue::Text(Text::new(given.text()?))),
        }
    }

    #[inline]
    fn set(&mut self, id: FieldId, value: FieldValue<'_>) -> Option<()> {
        self.flow.set(id, value).then_some(())
    }

    /// A number; 0 is what goflow2 writes when it does not know.
    #[inline]
    fn unsigned(&mut self, id: FieldId, number: u64) -> Option<()> {
        (number == 0 || self.flow.set_unsigned(id, number)).then_some(())
    }

    /// A number, or a word for one; no word at all says nothing.
    fn word(&mut self, id: FieldId, given: Given<'_>, number_of: impl Fn(&[u8]) -> Option<u64>) -> Option<()> {
        if given.is_empty() {
            return Some(());
        }
        let number = given.text().and_then(number_of).or_else(|| given.number())?;
        self.unsigned(id, number)
    }

    fn kind(&mut self, given: Given<'_>) -> Option<()> {
        let of_word = |word: &[u8]| words::TYPES.iter().position(|known| known.as_bytes() == word);
        let kind = given.text().and_then(of_word).and_then(|kind| u64::try_from(kind).ok()).or_else(|| given.number())?;
        match kind {
            0 => Some(()),
            kind => self.unsigned(field::PROTOCOL.id(), u64::from(words::protocol_of_type(kind)?.code())),
        }
    }

    fn mac(&mut self, id: FieldId, given: Given<'_>) -> Option<()> {
        let number = match given.text() {
            None => given.number()?,
            Some([]) => return Some(()),
            Some(text) => mac_number(text)?,
        };
        let [0, 0, octets @ ..] = number.to_be_bytes() else { return None };
        if number == 0 { Some(()) } else { self.set(id, FieldValue::Mac(Mac::new(octets))) }
    }

    fn push(&mut self, id: FieldId, number: u64) -> Option<()> {
        let number = u32::try_from(number).ok()?;
        match self.lists.iter_mut().find(|(known, _)| *known == id) {
            Some((_, list)) => list.push(number),
            None => self.lists.push((id, vec![number])),
        }
        Some(())
    }

    /// An empty one and `unknown` are what goflow2 writes when it has none.
    fn name(&mut self, name: Name, text: &[u8]) {
        match name {
            _ if matches!(text, b"" | b"unknown") => {}
            Name::Etype => self.named.etype = true,
            Name::Protocol => self.named.protocol = true,
            Name::Icmp => self.named.icmp = Some(text == b"EchoReply"),
        }
    }

    fn mpls(&mut self, part: Mpls, number: u64) -> Option<()> {
        let narrow = u32::try_from(number).ok()?;
        match part {
            // The labels say it.
            Mpls::Any => {}
            _ if number == 0 => {}
            Mpls::Count => self.depth = number,
            Mpls::Label(place) => *self.labels.first.get_mut(place)? = narrow,
            Mpls::LastLabel => self.labels.last = narrow,
            Mpls::Ttl(place) => *self.ttls.first.get_mut(place)? = narrow,
            Mpls::LastTtl => self.ttls.last = narrow,
        }
        Some(())
    }

    /// Leaves a value out that means one thing or another.
    pub(super) const fn doubt(&mut self) {
        self.skipped.doubtful_values = self.skipped.doubtful_values.saturating_add(1);
    }

    #[inline]
    fn check(&mut self, held: bool) {
        self.refuse(u64::from(!held));
    }

    #[inline]
    const fn refuse(&mut self, values: u64) {
        self.skipped.refused_values = self.skipped.refused_values.saturating_add(values);
    }

    /// Gives the flow what was left for the end. Gives what of the message is not in it.
    pub(super) fn finish(mut self) -> Skipped {
        if let Some(address) = self.sampler {
            let of_sflow = self.flow.row().protocol() == Some(Protocol::Sflow.code());
            let sampler = if of_sflow { field::AGENT.id() } else { field::EXPORTER.id() };
            self.flow.set(sampler, FieldValue::Address(address));
        }
        self.skipped.doubtful_values = self.skipped.doubtful_values.saturating_add(self.moments.doubtful());
        self.refuse(self.moments.lost());
        for (id, time) in [field::RECEIVED.id(), field::START.id(), field::END.id()].into_iter().zip(self.moments.known()) {
            if let Some(time) = time {
                self.flow.set(id, FieldValue::Time(time));
            }
        }
        // The tag of the packet itself goes before what a switch says of the port.
        if let Some(vlan) = self.vlan_id {
            let of_port = self.flow.row().vlan().map(u64::from);
            let held = self.flow.set(field::VLAN.id(), FieldValue::Unsigned(vlan));
            self.check(held && of_port.is_none_or(|of_port| of_port == vlan));
        }
        self.check(self.depth <= 4);
        self.stack(field::MPLS_LABELS.id(), self.labels);
        if self.ttls != Stack::default() {
            self.stack(id::MPLS_TTLS, self.ttls);
        }
        self.refuse(self.lost_names());
        for (id, list) in &self.lists {
            self.flow.set(*id, FieldValue::Numbers(Numbers::from(&**list)));
        }
        if !self.segments.is_empty() {
            self.flow.set(id::SEGMENTS, FieldValue::Octets(&self.segments));
        }
        self.skipped
    }

    /// Puts the list of a stack in the place of one that was there as a whole; what of either is lost is counted.
    fn stack(&mut self, id: FieldId, stack: Stack) {
        let list = stack.list(self.depth);
        self.refuse(stack.lost(&list));
        match self.lists.iter_mut().find(|(known, _)| *known == id) {
            _ if list.is_empty() => {}
            Some((_, known)) => {
                let replaced = if *known == list { 0 } else { known.len() };
                *known = list;
                self.refuse(u64::try_from(replaced).unwrap_or(u64::MAX));
            }
            None => self.lists.push((id, list)),
        }
    }

    /// How many names stand for numbers that are not there.
    fn lost_names(&self) -> u64 {
        let absent = |id: FieldId| self.flow.value(id).is_none();
        let is_type_0 = self.named.icmp == Some(true) && self.flow.get(field::IP_PROTOCOL) == Some(1);
        let lost = [
            self.named.etype && absent(field::ETHERTYPE.id()),
            self.named.protocol && absent(field::IP_PROTOCOL.id()),
            self.named.icmp.is_some() && !is_type_0 && absent(field::ICMP_TYPE.id()),
        ];
        lost.into_iter().map(u64::from).sum()
    }
}

/// Rates are far below 2^53.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "see above")]
const fn rounded(rate: u64) -> f64 {
    rate as f64
}
