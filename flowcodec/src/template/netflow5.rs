//! The plan of NetFlow v5, whose layout never changes, written out: a row is put together in registers and stored once.
//!
//! The general executor gives the same rows; tests over all recordings hold the two together.

use crate::context::Context;
use crate::model::{FieldId, FlowRecord, HOT, field, presence_bit};
use crate::wire::{be16, be32};

/// Fills one row for each record of 48 octets.
pub(super) fn rows(context: &Context, mut prototype: FlowRecord, octets: &[u8], rows: &mut [FlowRecord]) {
    let (exported, now) = (context.exported, context.uptime_ms.unwrap_or(0));
    prototype.mark(presence_bit(field::START.id()) | presence_bit(field::END.id()));
    let icmp_bits = presence_bit(field::ICMP_TYPE.id()) | presence_bit(field::ICMP_CODE.id());
    let [present, rate, _, _, _, _, _, _, who, whose, .., received, domain, _, _, _, flags, _, _, codes, rest] =
        prototype.words();
    let (records, _) = octets.as_chunks::<48>();
    for (row, record) in rows.iter_mut().zip(records) {
        let octet = |at: usize| u64::from(record.get(at).copied().unwrap_or(0));
        let half = |at: usize| u64::from(be16(record, at));
        let word = |at: usize| u64::from(be32(record, at));
        // The lower half of an IPv4-mapped address; the upper half is zero.
        let mapped = |at: usize| lane(0xffff, 2, 2) | lane(u64::from(u32::from_ne_bytes(be32(record, at).to_be_bytes())), 4, 4);
        let time = |at: usize| exported.at_uptime(now, be32(record, at)).as_nanos().cast_unsigned();
        let is_icmp = matches!(octet(38), 1 | 58);
        let icmp = if is_icmp { lane(octet(34), 4, 1) | lane(octet(35), 5, 1) } else { 0 };
        // Word by word: put together in an array first, the row would be copied twice.
        let mut put = |place: usize, word: u64| row.put(place.wrapping_mul(8), word.to_ne_bytes());
        put(0, present | if is_icmp { icmp_bits } else { 0 });
        put(1, rate);
        put(2, 0);
        put(3, mapped(0));
        put(4, 0);
        put(5, mapped(4));
        put(6, 0);
        put(7, mapped(8));
        put(8, who);
        put(9, whose);
        put(10, word(20));
        put(11, word(16));
        put(12, time(24));
        put(13, time(28));
        put(14, received);
        put(15, domain);
        put(16, lane(half(12), 0, 4) | lane(half(14), 4, 4));
        put(17, lane(half(40), 0, 4) | lane(half(42), 4, 4));
        put(18, lane(half(32), 0, 2) | lane(half(34), 2, 2));
        put(19, flags | lane(octet(37), 0, 2));
        put(20, 0);
        put(21, lane(octet(38), 4, 1) | lane(octet(39), 5, 1) | lane(octet(44), 7, 1));
        put(22, codes | lane(octet(45), 0, 1) | icmp);
        put(23, rest);
    }
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
