//! Telling flow protocols from everything else by content.
//!
//! The first two octets are the version, but one DNS query in some thousands has an id that reads as one. So the
//! port decides how much more has to fit:
//!
//! | where | what has to fit |
//! |---|---|
//! | to a [`COLLECTOR_PORTS`] port | the version |
//! | elsewhere, clock within a day of the capture's | version, then the header of the table below |
//! | elsewhere, another clock after 1990 | the same, and the first set lies inside the payload |
//! | elsewhere, no sensible clock (set by neither NTP nor hand) | the same, and the lengths add up to the payload |
//!
//! | protocol | clock at | header |
//! |---|---|---|
//! | NetFlow v1 / v5 / v7 | 8 | count 1 to 24 / 30 / 28; header (16 / 24 / 24) and a record (48 / 48 / 52) are there |
//! | NetFlow v8 | 8 | 28 octets, aggregation 1 to 14, count 1 to 51 |
//! | NetFlow v9 | 8 | 20 octets; first set id 0, 1 or 256 and more |
//! | IPFIX | 4 | 16 octets, length 16 and more; no set, or first set id 2, 3 or 256 and more |
//! | sFlow v2, v4, v5 | none | version, address type 1 or 2, the header is there, at most 1,024 samples |
//!
//! A length beyond the payload is no reason to refuse: captures cut packets, and exporters err.

use flowcodec::Protocol;

/// Says which flow protocol a UDP payload is, if any: by its version alone where it goes to one of the
/// [`COLLECTOR_PORTS`], else by lengths, ids and clock as well.
///
/// `received_ns` is the time of the capture in nanoseconds since 1970, 0 if there is none.
#[must_use]
pub fn recognise(payload: &[u8], destination_port: u16, received_ns: i64) -> Option<Protocol> {
    let protocol = version(payload)?;
    if COLLECTOR_PORTS.contains(&destination_port) {
        return Some(protocol);
    }
    let fits = match protocol {
        Protocol::NetFlow1 => fixed(payload, received_ns, 16, 48, 24),
        Protocol::NetFlow5 => fixed(payload, received_ns, 24, 48, 30),
        Protocol::NetFlow7 => fixed(payload, received_ns, 24, 52, 28),
        Protocol::NetFlow8 => aggregated(payload, received_ns),
        Protocol::NetFlow9 => with_sets(payload, 20, clock(payload, 8, received_ns)?, |id| !(2..=255).contains(&id)),
        Protocol::Ipfix => messages(payload, received_ns),
        Protocol::Sflow => sflow(payload),
        _ => false,
    };
    fits.then_some(protocol)
}

/// Says whether a byte stream starts as IPFIX does; `None` while there is too little of it.
pub(super) fn ipfix_stream(start: &[u8]) -> Option<bool> {
    let length = match (u16_at(start, 0), u16_at(start, 2)) {
        (Some(10), Some(length)) => length,
        (Some(10), None) | (None, _) => return None,
        (Some(_), _) => return Some(false),
    };
    if length < 20 {
        // No room for a set.
        return Some(length == 16);
    }
    u16_at(start, 16).map(ipfix_set_id)
}

/// Ports that collectors usually listen at.
pub const COLLECTOR_PORTS: [u16; 11] = [2054, 2055, 2056, 4739, 6343, 9025, 9026, 9555, 9995, 9996, 9997];

/// Octets after which [`recognise`] has seen all it looks at, sets aside.
pub(super) const ENOUGH: usize = 76;

fn version(payload: &[u8]) -> Option<Protocol> {
    match u16_at(payload, 0)? {
        0 => matches!(u16_at(payload, 2)?, 2 | 4 | 5).then_some(Protocol::Sflow),
        1 => Some(Protocol::NetFlow1),
        5 => Some(Protocol::NetFlow5),
        7 => Some(Protocol::NetFlow7),
        8 => Some(Protocol::NetFlow8),
        9 => Some(Protocol::NetFlow9),
        10 => Some(Protocol::Ipfix),
        _ => None,
    }
}

/// NetFlow with records of one length.
fn fixed(payload: &[u8], received_ns: i64, header: usize, record: usize, most: u16) -> bool {
    let (Some(count), Some(clock)) = (u16_at(payload, 2), clock(payload, 8, received_ns)) else {
        return false;
    };
    if !(1..=most).contains(&count) || payload.len() < header + record {
        return false;
    }
    clock != Clock::Unset || payload.len() == header + record * usize::from(count)
}

fn aggregated(payload: &[u8], received_ns: i64) -> bool {
    let (Some(count), Some(clock)) = (u16_at(payload, 2), clock(payload, 8, received_ns)) else {
        return false;
    };
    let aggregation = payload.get(22).copied().unwrap_or_default();
    // The shortest record has 28 octets, so 51 are the most in an Ethernet frame.
    if payload.len() < 28 + 28 || !(1..=14).contains(&aggregation) || !(1..=51).contains(&count) {
        return false;
    }
    clock != Clock::Unset || (payload.len() - 28).is_multiple_of(usize::from(count))
}

fn messages(payload: &[u8], received_ns: i64) -> bool {
    let (Some(length), Some(clock)) = (u16_at(payload, 2), clock(payload, 4, received_ns)) else {
        return false;
    };
    let length = usize::from(length);
    if length < 16 || payload.len() < 16 {
        return false;
    }
    if clock == Clock::Unset && length != payload.len() {
        return false;
    }
    // More may follow the message: another one, or padding.
    let message = payload.get(..length).unwrap_or(payload);
    with_sets(message, 16, clock, ipfix_set_id)
}

/// A header and then sets, each with id and length.
fn with_sets(message: &[u8], header: usize, clock: Clock, known: impl Fn(u16) -> bool) -> bool {
    let Some(mut sets) = message.get(header..) else {
        return false;
    };
    if sets.is_empty() {
        // A header alone is legal, but little to go by.
        return clock == Clock::Near;
    }
    let Some(id) = u16_at(sets, 0) else {
        return clock == Clock::Near;
    };
    let length = u16_at(sets, 2).map_or(0, usize::from);
    match clock {
        Clock::Near => known(id),
        Clock::Set => known(id) && (4..=sets.len()).contains(&length),
        Clock::Unset => {
            while let (Some(id), Some(length)) = (u16_at(sets, 0), u16_at(sets, 2)) {
                let length = usize::from(length);
                let Some(rest) = sets.get(length..).filter(|_| length >= 4 && known(id)) else {
                    return false;
                };
                sets = rest;
            }
            // Up to three octets may be padding.
            true
        }
    }
}

fn ipfix_set_id(id: u16) -> bool {
    matches!(id, 2 | 3) || id > 255
}

fn sflow(payload: &[u8]) -> bool {
    let address = match u32_at(payload, 4) {
        Some(1) => 4,
        Some(2) => 16,
        _ => return false,
    };
    // Version 5 has a sub-agent more.
    let words = if u32_at(payload, 0) == Some(5) { 3 } else { 2 };
    let count = u32_at(payload, 8 + address + 4 * words);
    count.is_some_and(|count| count <= 1024)
}

/// How the clock in a header compares with that of the capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clock {
    /// Within a day.
    Near,
    /// Some time after 1990.
    Set,
    /// Before: an exporter that does not know the time, or not a clock at all.
    Unset,
}

fn clock(payload: &[u8], at: usize, received_ns: i64) -> Option<Clock> {
    let seconds = i64::from(u32_at(payload, at)?);
    Some(if seconds < YEAR_1990 {
        Clock::Unset
    } else if (seconds - received_ns / 1_000_000_000).abs() <= DAY {
        Clock::Near
    } else {
        Clock::Set
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*bytes))
}

/// Seconds since 1970.
const YEAR_1990: i64 = 631_152_000;
/// Seconds.
const DAY: i64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u32 = 1_700_000_000;
    const NOW_NS: i64 = 1_700_000_000_000_000_000;

    /// A header of `length` octets (then zeros) with a version, a second word and a clock.
    fn header(version: u16, second: u16, clock_at: usize, clock: u32, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        bytes[..2].copy_from_slice(&version.to_be_bytes());
        bytes[2..4].copy_from_slice(&second.to_be_bytes());
        bytes[clock_at..clock_at + 4].copy_from_slice(&clock.to_be_bytes());
        bytes
    }

    fn elsewhere(payload: &[u8]) -> Option<Protocol> {
        recognise(payload, 40_000, NOW_NS)
    }

    #[test]
    fn fixed_layouts_need_a_count_a_record_and_a_clock() {
        for (version, protocol, head, record, most) in
            [(1, Protocol::NetFlow1, 16, 48, 24), (5, Protocol::NetFlow5, 24, 48, 30), (7, Protocol::NetFlow7, 24, 52, 28)]
        {
            let with = |count, clock, length| elsewhere(&header(version, count, 8, clock, length));
            assert_eq!(with(1, NOW, head + record), Some(protocol));
            assert_eq!(with(most, NOW, head + record), Some(protocol));
            assert_eq!(with(1, NOW, head + 5 * record), Some(protocol));
            assert_eq!(with(1, NOW, head + record - 1), None);
            assert_eq!(with(0, NOW, head + record), None);
            assert_eq!(with(most + 1, NOW, head + record), None);
            assert_eq!(with(2, 12, head + 2 * record), Some(protocol));
            assert_eq!(with(2, 12, head + 2 * record + 1), None);
        }
    }

    #[test]
    fn version_8_needs_an_aggregation() {
        let mut bytes = header(8, 2, 8, NOW, 28 + 56);
        assert_eq!(elsewhere(&bytes), None);
        bytes[22] = 14;
        assert_eq!(elsewhere(&bytes), Some(Protocol::NetFlow8));
        bytes[22] = 15;
        assert_eq!(elsewhere(&bytes), None);
    }

    #[test]
    fn sets_are_judged_by_the_clock() {
        for (version, clock_at, head, protocol) in [(9, 8, 20, Protocol::NetFlow9), (10, 4, 16, Protocol::Ipfix)] {
            let with = |clock, id: u16, length: u16| {
                let mut bytes = header(version, u16::try_from(head).unwrap() + 12, clock_at, clock, head);
                bytes.extend(id.to_be_bytes());
                bytes.extend(length.to_be_bytes());
                bytes.extend([0; 8]);
                elsewhere(&bytes)
            };
            for length in [0, 3, 12, 999] {
                assert_eq!(with(NOW, 256, length), Some(protocol), "near, {length}");
            }
            assert_eq!(with(NOW, 200, 12), None);
            assert_eq!(with(NOW - 900_000, 256, 12), Some(protocol));
            assert_eq!(with(NOW - 900_000, 256, 13), None);
            assert_eq!(with(NOW - 900_000, 256, 3), None);
            assert_eq!(with(77, 256, 12), Some(protocol));
            assert_eq!(with(77, 256, 8), None, "the rest is no set");
        }
        assert_eq!(elsewhere(&header(10, 16, 4, NOW, 16)), Some(Protocol::Ipfix));
        assert_eq!(elsewhere(&header(10, 15, 4, NOW, 16)), None);
        assert_eq!(elsewhere(&header(10, 16, 4, NOW, 15)), None);
    }

    #[test]
    fn sflow_needs_an_address_and_a_count() {
        let with = |version: u32, address: u32, count: u32| {
            let words = if version == 5 { 3 } else { 2 };
            let mut bytes = [version, address].map(u32::to_be_bytes).concat();
            bytes.resize(8 + if address == 2 { 16 } else { 4 } + 4 * words, 9);
            bytes.extend(count.to_be_bytes());
            elsewhere(&bytes)
        };
        for version in [2, 4, 5] {
            for address in [1, 2] {
                assert_eq!(with(version, address, 1024), Some(Protocol::Sflow));
                assert_eq!(with(version, address, 1025), None);
            }
            assert_eq!(with(version, 0, 1), None);
            assert_eq!(with(version, 3, 1), None);
        }
        assert_eq!(with(3, 1, 1), None);
    }

    #[test]
    fn dns_ntp_and_others_are_passed_over() {
        for id in [0u16, 1, 2, 5, 7, 8, 9, 10] {
            for flags in [0x0100u16, 0x8180, 0x0000, 0x0005] {
                // One question, and one answer in the reply.
                let mut dns = [id, flags, 1, u16::from(flags > 0x8000), 0, 1].map(u16::to_be_bytes).concat();
                dns.extend(b"\x07example\x03com\x00\x00\x01\x00\x01");
                dns.extend([0xc0; 80]);
                assert_eq!(elsewhere(&dns), None, "id {id}, flags {flags:x}");
            }
        }
        let mut ntp = vec![0x23; 48];
        ntp[1] = 0;
        assert_eq!(elsewhere(&ntp), None);
        assert_eq!(elsewhere(b"<34>Oct 11 22:14:15 host su: failed"), None);
        // STUN: a binding request is type 1 and its length reads as a count.
        let mut stun = vec![0, 1, 0, 8, 0x21, 0x12, 0xa4, 0x42];
        stun.extend([0x77; 20]);
        assert_eq!(elsewhere(&stun), None);
        assert_eq!(elsewhere(&[]), None);
        assert_eq!(elsewhere(&[10]), None);
    }

    #[test]
    fn a_collector_port_needs_the_version_only() {
        assert_eq!(recognise(&[0, 9, 1], 2055, 0), Some(Protocol::NetFlow9));
        assert_eq!(recognise(&[0, 0, 0, 5, 0, 0], 6343, 0), Some(Protocol::Sflow));
        assert_eq!(recognise(&[0, 0, 0, 3, 0, 0], 6343, 0), None);
        assert_eq!(recognise(&[0, 3, 1], 2055, 0), None);
        assert_eq!(recognise(&[], 2055, 0), None);
    }

    #[test]
    fn a_stream_is_known_by_its_first_message() {
        let mut start = header(10, 24, 4, NOW, 16);
        assert_eq!(ipfix_stream(&start), None);
        start.extend([0, 2]);
        assert_eq!(ipfix_stream(&start), Some(true));
        start[17] = 1;
        assert_eq!(ipfix_stream(&start), Some(false));
        assert_eq!(ipfix_stream(&[0]), None);
        assert_eq!(ipfix_stream(&[0, 10, 0]), None);
        assert_eq!(ipfix_stream(&[0, 10, 0, 15]), Some(false));
        assert_eq!(ipfix_stream(&[0, 10, 0, 16]), Some(true));
        assert_eq!(ipfix_stream(&[0, 10, 0, 17]), Some(false));
        assert_eq!(ipfix_stream(b"SS"), Some(false));
    }
}
