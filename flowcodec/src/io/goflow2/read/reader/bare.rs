//! Protobuf without lengths: where a message ends that only a newline follows.

use super::{MOST, Reader};
use crate::error::Fault;
use crate::io::goflow2::read::wire::{LineEnd, end_of_line};
use crate::io::goflow2::schema;
use crate::model::Flow;

impl Reader {
    /// A message in front of a newline. Where something is no field, the message ends at the next newline behind which one begins as
    /// goflow2's do, with their type: a newline alone could be a part of an address.
    pub(super) fn next_bare(&mut self) -> Option<Result<Flow, Fault>> {
        if self.dropped == 0 && self.rest().is_empty() {
            return None;
        }
        if !self.astray && self.dropped == 0 {
            match end_of_line(self.rest(), self.searched) {
                LineEnd::At(at) | LineEnd::Beyond(at) => self.searched = at,
                LineEnd::Invalid(at) => (self.searched, self.astray) = (at, true),
            }
        }
        let astray = self.astray || self.dropped != 0;
        let ahead = self.rest().get(self.searched..).unwrap_or_default();
        let newline = if astray { line_end_astray(ahead) } else { (ahead.first() == Some(&b'\n')).then_some(0) };
        let (len, end) = match newline.map(|at| self.searched.saturating_add(at)) {
            Some(at) if !astray || self.has_ended() || self.rest().len() > at.saturating_add(2) => (at, at.saturating_add(1)),
            None if self.has_ended() => (self.rest().len(), self.rest().len()),
            undecided => {
                let len = self.rest().len();
                if astray {
                    self.searched = undecided.unwrap_or(len);
                }
                self.drop_long(if astray { self.searched } else { len });
                return None;
            }
        };
        let ends = end > len;
        if self.dropped != 0 || len > MOST {
            self.cut = !ends;
            return Some(self.too_long(end));
        }
        let mut flow = Flow::new(schema());
        let read = self.message(self.used, len, &mut flow);
        self.cut = !ends && read.is_err();
        Some(self.done(end, flow, read))
    }
}

/// The first newline behind which a message begins with its type, or behind which the octets end before that can be told.
fn line_end_astray(octets: &[u8]) -> Option<usize> {
    let newlines = octets.iter().enumerate().filter(|(_, octet)| **octet == b'\n').map(|(at, _)| at);
    let mut ends = newlines.filter(|at| {
        let behind = octets.get(at.saturating_add(1)..).unwrap_or_default();
        matches!(behind, [] | [8] | [8, 1..=4, ..])
    });
    ends.next()
}
