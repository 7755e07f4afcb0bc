//! Messages of templates and records, put together by hand (RFC 3954, RFC 7011). Broken ones are made in `hostile/wire.rs`.
#![allow(dead_code, reason = "each test program uses a part of this")]

use flowcodec::{Exporter, Timestamp};

/// When messages were exported, where nothing else is said, and received.
pub(crate) const SECONDS: u32 = 1_700_000_000;
pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
/// The observation domain of IPFIX messages, the source of v9 packets.
pub(crate) const DOMAIN: u32 = 7;

pub(crate) fn exporter() -> Exporter {
    Exporter::new([192, 0, 2, 1].into(), 4739)
}

pub(crate) fn be(number: usize) -> [u8; 2] {
    u16::try_from(number).unwrap().to_be_bytes()
}

/// A set, or FlowSet of v9.
pub(crate) fn set(id: u16, body: &[u8]) -> Vec<u8> {
    [&id.to_be_bytes()[..], &be(body.len() + 4), body].concat()
}

pub(crate) fn ipfix(sets: &[Vec<u8>]) -> Vec<u8> {
    ipfix_at(SECONDS, sets)
}

pub(crate) fn ipfix_at(exported: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let body = sets.concat();
    [&[0, 10][..], &be(body.len() + 16), &exported.to_be_bytes(), &[0; 4], &DOMAIN.to_be_bytes(), &body].concat()
}

/// A v9 packet that counts its FlowSets instead of their records, as many exporters do.
pub(crate) fn netflow9_at(exported: u32, uptime: u32, sets: &[Vec<u8>]) -> Vec<u8> {
    let (uptime, exported, domain) = (uptime.to_be_bytes(), exported.to_be_bytes(), DOMAIN.to_be_bytes());
    [&[0, 9][..], &be(sets.len()), &uptime, &exported, &[0; 4], &domain, &sets.concat()].concat()
}

/// A template record; elements as (enterprise, id, length).
pub(crate) fn template(id: u16, fields: &[(u32, u16, u16)]) -> Vec<u8> {
    [&id.to_be_bytes()[..], &be(fields.len()), &specifiers(fields)].concat()
}

pub(crate) fn specifiers(fields: &[(u32, u16, u16)]) -> Vec<u8> {
    let mut specifiers = Vec::new();
    for &(pen, element, length) in fields {
        specifiers.extend((element | if pen == 0 { 0 } else { 0x8000 }).to_be_bytes());
        specifiers.extend(length.to_be_bytes());
        if pen != 0 {
            specifiers.extend(pen.to_be_bytes());
        }
    }
    specifiers
}
