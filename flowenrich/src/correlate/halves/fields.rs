//! The fields that correlated flows have beside the common ones: what each side counted.

use flowcodec::model::{Field, FieldDef, FieldId, FieldSpec, Moment, Schema, Source, String, U64, Unit};

const fn antrea(id: u16) -> Source {
    Source::enterprise(56506, id)
}

macro_rules! fields {
    ($($konst:ident $name:literal: $type:ident, $unit:ident, [$($source:expr),*], $doc:literal;)*) => {
        /// What [`Correlator`](super::Correlator) adds to the schema. Antrea's aggregator sends the same under elements of its own, so
        /// a decoder with these in its schema gives its records the same fields.
        pub mod field {
            use super::*;
            $(#[doc = $doc]
            pub static $konst: FieldDef<$type> = FieldDef::new($name, Unit::$unit, $doc, &[$($source),*]);)*
        }

        /// All fields that correlation adds to a schema.
        pub fn fields() -> impl Iterator<Item = FieldSpec> {
            [$(field::$konst.spec()),*].into_iter()
        }
    };
}

fields! {
    CORRELATION "correlation": String, None, [], "What became of the flow: `merged` of both halves; `single`, as no second half was to come; `partial`, as it did not come.";
    SRC_OCTETS "octets_from_src_node": U64, Octets, [antrea(123)], "Octets since the last record, as the source's node counted them.";
    DST_OCTETS "octets_from_dst_node": U64, Octets, [antrea(131)], "Octets since the last record, as the destination's node counted them.";
    SRC_OCTETS_TOTAL "octets_total_from_src_node": U64, Octets, [antrea(121)], "Octets since the flow began, as the source's node counted them.";
    DST_OCTETS_TOTAL "octets_total_from_dst_node": U64, Octets, [antrea(129)], "Octets since the flow began, as the destination's node counted them.";
    SRC_PACKETS "packets_from_src_node": U64, Packets, [antrea(122)], "Packets since the last record, as the source's node counted them.";
    DST_PACKETS "packets_from_dst_node": U64, Packets, [antrea(130)], "Packets since the last record, as the destination's node counted them.";
    SRC_PACKETS_TOTAL "packets_total_from_src_node": U64, Packets, [antrea(120)], "Packets since the flow began, as the source's node counted them.";
    DST_PACKETS_TOTAL "packets_total_from_dst_node": U64, Packets, [antrea(128)], "Packets since the flow began, as the destination's node counted them.";
    SRC_REVERSE_OCTETS "reverse_octets_from_src_node": U64, Octets, [antrea(127)], "Octets of the opposite direction since the last record, as the source's node counted them.";
    DST_REVERSE_OCTETS "reverse_octets_from_dst_node": U64, Octets, [antrea(135)], "Octets of the opposite direction since the last record, as the destination's node counted them.";
    SRC_REVERSE_OCTETS_TOTAL "reverse_octets_total_from_src_node": U64, Octets, [antrea(125)], "Octets of the opposite direction since the flow began, as the source's node counted them.";
    DST_REVERSE_OCTETS_TOTAL "reverse_octets_total_from_dst_node": U64, Octets, [antrea(133)], "Octets of the opposite direction since the flow began, as the destination's node counted them.";
    SRC_REVERSE_PACKETS "reverse_packets_from_src_node": U64, Packets, [antrea(126)], "Packets of the opposite direction since the last record, as the source's node counted them.";
    DST_REVERSE_PACKETS "reverse_packets_from_dst_node": U64, Packets, [antrea(134)], "Packets of the opposite direction since the last record, as the destination's node counted them.";
    SRC_REVERSE_PACKETS_TOTAL "reverse_packets_total_from_src_node": U64, Packets, [antrea(124)], "Packets of the opposite direction since the flow began, as the source's node counted them.";
    DST_REVERSE_PACKETS_TOTAL "reverse_packets_total_from_dst_node": U64, Packets, [antrea(132)], "Packets of the opposite direction since the flow began, as the destination's node counted them.";
    SRC_END "end_from_src_node": Moment, UnixNanos, [antrea(151)], "Last packet of the flow, as the source's node saw it.";
    DST_END "end_from_dst_node": Moment, UnixNanos, [antrea(152)], "Last packet of the flow, as the destination's node saw it.";
    SRC_THROUGHPUT "throughput_from_src_node": U64, BitsPerSecond, [antrea(147)], "Throughput between the last two records of the source's node.";
    DST_THROUGHPUT "throughput_from_dst_node": U64, BitsPerSecond, [antrea(148)], "Throughput between the last two records of the destination's node.";
    SRC_REVERSE_THROUGHPUT "reverse_throughput_from_src_node": U64, BitsPerSecond, [antrea(149)], "Throughput of the opposite direction between the last two records of the source's node.";
    DST_REVERSE_THROUGHPUT "reverse_throughput_from_dst_node": U64, BitsPerSecond, [antrea(150)], "Throughput of the opposite direction between the last two records of the destination's node.";
}

/// Counters in one order everywhere: octets, packets, and both of the opposite direction.
pub(super) const COUNTERS: usize = 4;

/// Where the fields of one side are in a schema; those that it lacks are left out.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfSide {
    pub(super) deltas: [Option<FieldId>; COUNTERS],
    pub(super) totals: [Option<FieldId>; COUNTERS],
    pub(super) end: Option<FieldId>,
    pub(super) throughputs: [Option<FieldId>; 2],
}

/// Where all of them are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    pub(super) correlation: Option<FieldId>,
    /// How many fields every schema has; these are none of them.
    core: usize,
    /// Source, destination.
    pub(super) sides: [OfSide; 2],
}

impl Places {
    pub(super) fn new(schema: &Schema) -> Self {
        use field as f;
        let number = |def: &FieldDef<U64>| schema.resolve(def).map(Field::id);
        let moment = |def: &FieldDef<Moment>| schema.resolve(def).map(Field::id);
        let numbers = |defs: [&FieldDef<U64>; COUNTERS]| defs.map(number);
        Self {
            core: Schema::common().fields().len(),
            correlation: schema.resolve(&f::CORRELATION).map(Field::id),
            sides: [
                OfSide {
                    deltas: numbers([&f::SRC_OCTETS, &f::SRC_PACKETS, &f::SRC_REVERSE_OCTETS, &f::SRC_REVERSE_PACKETS]),
                    totals: numbers([
                        &f::SRC_OCTETS_TOTAL,
                        &f::SRC_PACKETS_TOTAL,
                        &f::SRC_REVERSE_OCTETS_TOTAL,
                        &f::SRC_REVERSE_PACKETS_TOTAL,
                    ]),
                    end: moment(&f::SRC_END),
                    throughputs: [number(&f::SRC_THROUGHPUT), number(&f::SRC_REVERSE_THROUGHPUT)],
                },
                OfSide {
                    deltas: numbers([&f::DST_OCTETS, &f::DST_PACKETS, &f::DST_REVERSE_OCTETS, &f::DST_REVERSE_PACKETS]),
                    totals: numbers([
                        &f::DST_OCTETS_TOTAL,
                        &f::DST_PACKETS_TOTAL,
                        &f::DST_REVERSE_OCTETS_TOTAL,
                        &f::DST_REVERSE_PACKETS_TOTAL,
                    ]),
                    end: moment(&f::DST_END),
                    throughputs: [number(&f::DST_THROUGHPUT), number(&f::DST_REVERSE_THROUGHPUT)],
                },
            ],
        }
    }

    /// Whether a field is one of these, which are reckoned and not taken over.
    pub(super) fn has(&self, id: FieldId) -> bool {
        if id.index() < self.core {
            return false;
        }
        let of_side = |side: &OfSide| {
            let numbers = side.deltas.iter().chain(&side.totals).chain(&side.throughputs);
            numbers.chain([&side.end]).any(|field| *field == Some(id))
        };
        self.correlation == Some(id) || self.sides.iter().any(of_side)
    }
}
