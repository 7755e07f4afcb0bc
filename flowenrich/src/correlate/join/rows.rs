//! What fits together, and the rows that tell of it.

use std::sync::Arc;

use flowcodec::Text;
use flowcodec::model::{FieldValue, Flow, field};

use super::held::{Endpoint, Held, HeldFlow, HeldLeg};
use super::{Join, TCP};
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
        let (texts, places) = (&self.table.texts, &self.places);
        let mut row = Flow::new(Arc::clone(&self.schema));
        leg.kept.put(texts, &mut row);
        put_text(&mut row, places.join, Some("leg"));
        put_text(&mut row, places.end, Some(leg.end.name()));
        put(&mut row, places.site, Some(FieldValue::Text(Text::new(texts.get(leg.site)))));
        put(&mut row, Some(field::SRC_ADDR.id()), Some(FieldValue::Address(address(at.addr))));
        put_number(&mut row, Some(field::SRC_PORT.id()), Some(at.port.into()));
        put(&mut row, Some(field::DST_ADDR.id()), leg.destination.0.map(FieldValue::Address));
        put_number(&mut row, Some(field::DST_PORT.id()), leg.destination.1.map(u64::from));
        put_number(&mut row, Some(field::IP_PROTOCOL.id()), Some(TCP.into()));
        put_time(&mut row, field::START.id(), Some(leg.start));
        put_time(&mut row, field::END.id(), leg.until);
        row
    }
}
