//! The walk through a data set: how many records are whole, and what is wrong behind them.

use crate::error::{Fault, FaultKind, Layer};
use crate::template::Template;
use crate::wire::{Input, len32};

/// Places noted of one set at most: 16 KiB. Of a set with more of them, records are walked again when they are read.
pub(crate) const MOST_BASES: usize = 4_096;

/// Number of whole records in the body of a set, their octets, and what is wrong behind them. Up to three octets, or only zeros, are
/// padding (RFC 7011 §3.3.1); more is a record that was cut. Cost: one step for each variable-length field; where each of them ends is
/// noted in `bases`, so that nobody has to walk there again.
#[inline]
pub(crate) fn whole_records(template: &Template, body: Input<'_>, bases: &mut Vec<u32>) -> (u32, usize, Option<Fault>) {
    bases.clear();
    let (len, used, truncated) = match template.record_len().and_then(|length| usize::try_from(length).ok()) {
        Some(length) => {
            let len = body.bytes().len().checked_div(length).unwrap_or(0);
            (u32::try_from(len).unwrap_or(u32::MAX), len.saturating_mul(length), false)
        }
        None => count(template, body.bytes(), bases),
    };
    let rest = body.bytes().get(used..).unwrap_or_default();
    let cut = (truncated || (rest.len() > 3 && rest.iter().any(|&octet| octet != 0))).then(|| {
        let kind = if truncated { FaultKind::RecordTruncated } else { FaultKind::TrailingOctets };
        let offset = body.offset().saturating_add(u32::try_from(used).unwrap_or(u32::MAX));
        let fault = Fault::new(kind, Layer::Record, body.limit(), offset);
        fault.sizes(template.min_record_len(), len32(rest)).costing(len32(rest))
    });
    (len, used, cut)
}

/// Number of whole records, their octets, and whether the one behind them runs past the end.
fn count(template: &Template, body: &[u8], bases: &mut Vec<u32>) -> (u32, usize, bool) {
    let tail = usize::try_from(template.tail()).unwrap_or(usize::MAX);
    let min = usize::try_from(template.min_record_len()).unwrap_or(usize::MAX);
    let stride = template.skips().len().saturating_add(1);
    let (mut len, mut used, mut noting) = (0_u32, 0_usize, true);
    loop {
        let rest = body.get(used..).unwrap_or_default();
        if rest.len() < min {
            return (len, used, false);
        }
        noting &= bases.len().saturating_add(stride) <= MOST_BASES;
        let length = if noting {
            let noted = bases.len();
            let end =
                template.note_segments(body, used, bases).map(|at| at.saturating_add(tail)).filter(|&end| end <= body.len());
            if end.is_none() {
                bases.truncate(noted);
            }
            end.map(|end| end.saturating_sub(used))
        } else {
            bases.clear();
            template.record_at(rest)
        };
        match length {
            Some(length) => {
                used = used.saturating_add(length);
                len = len.saturating_add(1);
            }
            None => return (len, used, true),
        }
    }
}
