//! What fits together, and the rows that tell of it.

use std::net::SocketAddr;
use std::sync::Arc;

use flowcodec::Text;
use flowcodec::model::{FieldValue, Flow, field};

use super::held::{Endpoint, Held, HeldFlow, HeldLeg};
use super::leg::Leg;
use super::{Join, TCP, of_connection};
use crate::correlate::input::address;
use crate::correlate::limits::nanos;
use crate::correlate::pending::Handle;
use crate::correlate::sum::{put, put_number, put_text, put_time};

/// The legs that fit a flow; whether in the opposite direction.
pub(super) type Found = Vec<(Handle, bool)>;

impl Join {
    /// The legs that overlap a flow; if none does, those that are near it.
    pub(super) fn legs_of(&self, flow: &HeldFlow) -> Found {
        let ([source, destination], skew) = (flow.ends, nanos(self.settings.skew));
        let mut found = Vec::new();
        for (reversed, at, to) in [(false, source, destination), (true, destination, source)] {
            for (handle, held) in self.table.entries.find(&Endpoint::new(flow.site, at)) {
                if let Held::Leg(leg) = held
                    && leg.goes_to(to)
                {
                    found.push((leg.when().gap(flow.when), handle, reversed));
                }
            }
        }
        let near = if found.iter().any(|(gap, ..)| *gap == 0) { 0 } else { skew };
        found.into_iter().filter(|(gap, ..)| *gap <= near).map(|(_, handle, reversed)| (handle, reversed)).collect()
    }

    fn leg_of(&self, handle: Handle) -> Option<&HeldLeg> {
        match self.table.entries.get(handle)? {
            Held::Leg(leg) => Some(leg),
            Held::Flow(_) => None,
        }
    }

    pub(super) fn joined(&self, flow: &HeldFlow, found: &Found) -> Flow {
        let (texts, places) = (&self.table.texts, &self.places);
        let mut row = Flow::new(Arc::clone(&self.schema));
        let mut connections = found.iter().filter_map(|(handle, _)| self.leg_of(*handle)).map(|leg| {
            let mut told = Flow::new(Arc::clone(&self.schema));
            leg.kept.put(texts, &mut told);
            put_text(&mut told, places.end, Some(leg.end.name()));
            told
        });
        if let Some(first) = connections.next() {
            let others: Vec<_> = connections.collect();
            let agreed = first.fields().filter(|(id, value)| others.iter().all(|other| other.value(*id) == Some(*value)));
            agreed.for_each(|(id, value)| put(&mut row, Some(id), Some(value)));
        }
        flow.kept.put(texts, &mut row);
        let word = match found.len() {
            0 => "unmatched",
            1 => "matched",
            _ => "ambiguous",
        };
        put_text(&mut row, places.join, Some(word));
        put_number(&mut row, places.legs, u64::try_from(found.len()).ok());
        put(&mut row, places.site, Some(FieldValue::Text(Text::new(texts.get(flow.site)))));
        if let [(_, reversed)] = **found {
            put_number(&mut row, places.reversed, Some(reversed.into()));
        }
        row
    }

    /// The row of a leg without flows.
    pub(super) fn alone(&self, at: Endpoint, leg: &HeldLeg) -> Flow {
        let texts = &self.table.texts;
        let mut row = Flow::new(Arc::clone(&self.schema));
        leg.kept.put(texts, &mut row);
        let source = SocketAddr::new(address(at.addr), at.port);
        let told = Leg::new(Text::new(texts.get(leg.id)), leg.end, Text::new(texts.get(leg.site)), source, leg.start);
        self.tell(&mut row, &told.to(leg.destination.0, leg.destination.1).until(leg.until));
        row
    }

    /// The same of one that is not held.
    pub(super) fn row_of(&self, leg: &Leg<'_>) -> Flow {
        let mut row = Flow::new(Arc::clone(&self.schema));
        for (id, value) in leg.told_in(&self.schema).into_iter().flat_map(of_connection) {
            put(&mut row, Some(id), Some(value));
        }
        self.tell(&mut row, leg);
        row
    }

    fn tell(&self, row: &mut Flow, leg: &Leg<'_>) {
        let places = &self.places;
        put_text(row, places.join, Some("leg"));
        put_text(row, places.end, Some(leg.end.name()));
        put(row, places.site, Some(FieldValue::Text(leg.site)));
        put(row, Some(field::SRC_ADDR.id()), Some(FieldValue::Address(leg.source.ip().to_canonical())));
        put_number(row, Some(field::SRC_PORT.id()), Some(leg.source.port().into()));
        put(row, Some(field::DST_ADDR.id()), leg.destination.0.map(FieldValue::Address));
        put_number(row, Some(field::DST_PORT.id()), leg.destination.1.map(u64::from));
        put_number(row, Some(field::IP_PROTOCOL.id()), Some(TCP.into()));
        put_time(row, field::START.id(), Some(leg.start));
        put_time(row, field::END.id(), leg.until);
    }
}
