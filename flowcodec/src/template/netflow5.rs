//! The plan of NetFlow v5, whose layout never changes, written out: a row is put together in registers and stored once.
//!
//! The general executor gives the same rows; tests over all recordings hold the two together.

use crate::context::Context;
use crate::model::{FieldId, FlowRecord, HOT, field, presence_bit};

/// Fills one row for each record of 48 octets.
pub(super) fn rows(context: &Context, mut prototype: FlowRecord, octets: &[u8], rows: &mut [FlowRecord]) {
    let (exported, now) = (context.exported.as_nanos(), context.uptime_ms.unwrap_or(0));
    prototype.mark(presence_bit(field::START.id()) | presence_bit(field::END.id()));
    let icmp_bits = presence_bit(field::ICMP_TYPE.id()) | presence_bit(field::ICMP_CODE.id());
    let [present, rate, _, _, _, _, _, _, who, whose, .., received, domain, _, _, _, flags, _, _, codes, rest] =
        prototype.words();
    let (records, _) = octets.as_chunks::<48>();
    for (row, record) in rows.iter_mut().zip(records) {
        let eight = |at: usize| record.get(at..).and_then(|rest| rest.first_chunk::<8>()).copied().unwrap_or([0; 8]);
        // The lower half of an IPv4-mapped address; the upper half is zero.
        let mapped = |octets: [u8; 4]| lane(0xffff, 2, 2) | lane(u64::from(u32::from_ne_bytes(octets)), 4, 4);
        let time = |uptime: u64| {
            let ago_ms = now.wrapping_sub(low(uptime)).cast_signed();
            exported.wrapping_sub(i64::from(ago_ms).wrapping_mul(1_000_000)).cast_unsigned()
        };
        let [[s0, s1, s2, s3, d0, d1, d2, d3], [n0, n1, n2, n3, i0, i1, o0, o1]] = [eight(0), eight(8)];
        let (counts, times) = (u64::from_be_bytes(eight(16)), u64::from_be_bytes(eight(24)));
        let [p0, p1, q0, q1, _, tcp_flags, protocol, tos] = eight(32);
        let [a0, a1, b0, b1, src_len, dst_len, _, _] = eight(40);
        let pair = |high, low| u64::from(u16::from_be_bytes([high, low]));
        let is_icmp = matches!(protocol, 1 | 58);
        let icmp = if is_icmp { lane(u64::from(q0), 4, 1) | lane(u64::from(q1), 5, 1) } else { 0 };
        // Two words at a time: a core commits one store a cycle, however wide.
        let mut put = |place: usize, first: u64, second: u64| row.put(place.wrapping_mul(16), both(first, second).to_ne_bytes());
        put(0, present | if is_icmp { icmp_bits } else { 0 }, rate);
        put(1, 0, mapped([s0, s1, s2, s3]));
        put(2, 0, mapped([d0, d1, d2, d3]));
        put(3, 0, mapped([n0, n1, n2, n3]));
        put(4, who, whose);
        put(5, counts & 0xffff_ffff, counts >> 32);
        put(6, time(times >> 32), time(times));
        put(7, received, domain);
        put(8, lane(pair(i0, i1), 0, 4) | lane(pair(o0, o1), 4, 4), lane(pair(a0, a1), 0, 4) | lane(pair(b0, b1), 4, 4));
        put(9, lane(pair(p0, p1), 0, 2) | lane(pair(q0, q1), 2, 2), flags | lane(u64::from(tcp_flags), 0, 2));
        put(10, 0, lane(u64::from(protocol), 4, 1) | lane(u64::from(tos), 5, 1) | lane(u64::from(src_len), 7, 1));
        put(11, codes | lane(u64::from(dst_len), 0, 1) | icmp, rest);
    }
}

/// Two words as they follow one another in memory.
fn both(first: u64, second: u64) -> u128 {
    let (low, high) = if cfg!(target_endian = "little") { (first, second) } else { (second, first) };
    (u128::from(high) << 64) | u128::from(low)
}

/// The lower half.
fn low(word: u64) -> u32 {
    u32::try_from(word & 0xffff_ffff).unwrap_or(0)
}

/// `value` as the `width` octets at `at` of a word in the machine's own order.
const fn lane(value: u64, at: u32, width: u32) -> u64 {
    let octets = if cfg!(target_endian = "little") { at } else { 8_u32.wrapping_sub(at).wrapping_sub(width) };
    value.wrapping_shl(octets.wrapping_mul(8))
}

/// The places this executor counts on. The compiler refuses a table that has moved.
const _: () = {
    const fn at(id: FieldId, place: u16) {
        #[expect(clippy::as_conversions, clippy::indexing_slicing, reason = "evaluated by the compiler")]
        let found = HOT[id.number() as usize];
        assert!(found == place, "a field has moved: this executor has to follow");
    }
    at(field::SAMPLING_RATE.id(), 8);
    at(field::SRC_ADDR.id(), 16);
    at(field::DST_ADDR.id(), 32);
    at(field::NEXT_HOP.id(), 48);
    at(field::EXPORTER.id(), 64);
    at(field::OCTETS.id(), 80);
    at(field::PACKETS.id(), 88);
    at(field::START.id(), 96);
    at(field::END.id(), 104);
    at(field::RECEIVED.id(), 112);
    at(field::DOMAIN.id(), 120);
    at(field::IN_IF.id(), 128);
    at(field::OUT_IF.id(), 132);
    at(field::SRC_AS.id(), 136);
    at(field::DST_AS.id(), 140);
    at(field::SRC_PORT.id(), 144);
    at(field::DST_PORT.id(), 146);
    at(field::TCP_FLAGS.id(), 152);
    at(field::EXPORTER_PORT.id(), 156);
    at(field::TEMPLATE.id(), 158);
    at(field::IP_PROTOCOL.id(), 172);
    at(field::TOS.id(), 173);
    at(field::SRC_PREFIX_LEN.id(), 175);
    at(field::DST_PREFIX_LEN.id(), 176);
    at(field::ICMP_TYPE.id(), 180);
    at(field::ICMP_CODE.id(), 181);
    at(field::PROTOCOL.id(), 182);
    at(field::IP_VERSION.id(), 183);
    at(field::COUNTERS_SCALED.id(), 184);
};
