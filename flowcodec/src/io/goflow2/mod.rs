//! goflow2's message: what [goflow2](https://github.com/netsampler/goflow2) writes, written and read.
//!
//! Whoever has goflow2 in front of Kafka or ClickHouse changes the decoder and nothing behind it; and what goflow2 has written can be
//! read as flows of the common model.
//!
//! | | |
//! |---|---|
//! | dialects | [`Dialect::V1`] (goflow2 1.x), [`Dialect::V2`] (2.x): other names and times, and number 38 means another thing |
//! | encodings | JSON, one object a line ([`write_json`]); protobuf ([`write_protobuf`]), as one [`Framing`] or another; of a whole set at once
//! | | ([`write_json_set`], [`write_protobuf_set`]) |
//! | readers | [`Reader`] for streams and files, [`read_json`] and [`read_protobuf`] for one message |
//!
//! One table (`table.rs`) lists the fields. As in goflow2, what is not known is 0 or empty, and so 0 and empty are read as absent.
//!
//! # Where it differs from goflow2
//!
//! - Octets and packets are those of elements 1 and 2; those of 23 and 24 where there are no others. goflow2 takes what comes last.
//! - The sampling rate of each record, where goflow2 knows one rate for each exporter.
//! - Protocol buffers: `time_flow_start_ms` and the fields up to 102 that goflow2 got by version 1.3 are written in v1 as well; who does
//!   not know them passes over them.
//! - What goflow2's JSON has no word for is lost in it. A protocol whose word several have (`experimental`, `unassigned`) is refused, and
//!   absent from then on; an absent one is written as 0, whose word is `HOPOPT`. Of Ethernet types v2 has three words; the others are
//!   empty, and an absent one is written as the IP version of the addresses says.
//! - `SrcPod`, `SrcNamespace`, `DstPod` and `DstNamespace`, which kube-enricher adds to JSON, are read, and not written. What else it adds
//!   is counted as unknown.
//! - `layer_stack` and what else 2.2 tells of headers is written of flows that were read from goflow2, and else empty.

mod read;
mod table;
mod words;
mod write;

use std::sync::{Arc, LazyLock};

pub use read::{Format, JSON_HEAD, MOST, Reader, ReaderStats, read_json, read_protobuf, read_protobuf_as, recognise};
pub use write::{Message, write_json, write_json_rows, write_json_set, write_protobuf, write_protobuf_rows, write_protobuf_set};

use self::table::Scale;
use crate::model::{COLUMNS, FieldDef, FieldId, Octets, Schema, U32, U32List, Unit};

/// The two forms of the message. A reader tells them apart by what is in a message, as far as that tells: see [`read_protobuf`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a third would be another format")]
pub enum Dialect {
    /// goflow2 1.x: times in seconds; in JSON `CamelCase` keys and the 43 of version 1.0.
    V1,
    /// goflow2 2.x: times in nanoseconds; in JSON `snake_case` keys and words for protocols.
    V2,
}

impl Dialect {
    const fn scale(self) -> Scale {
        match self {
            Self::V1 => Scale::Seconds,
            Self::V2 => Scale::Nanos,
        }
    }
}

/// What stands around a protobuf message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "both, one, the other or none")]
pub enum Framing {
    /// Nothing: one message is one record of Kafka, as v1 writes by default (`ProtobufSingle` of ClickHouse).
    Bare,
    /// A newline behind it: a file of v1.
    BareLines,
    /// Its length in front, a varint: as v2 writes to Kafka (`Protobuf` of ClickHouse).
    Prefixed,
    /// Both: a file of v2, unless its separator was set empty.
    PrefixedLines,
}

impl Framing {
    const fn has_prefix(self) -> bool {
        matches!(self, Self::Prefixed | Self::PrefixedLines)
    }

    const fn has_separator(self) -> bool {
        matches!(self, Self::BareLines | Self::PrefixedLines)
    }
}

/// What of messages is not in the flows that were read from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[non_exhaustive]
pub struct Skipped {
    /// Fields that the message of goflow2 does not have: mapped ones, for example.
    pub unknown_fields: u64,
    /// Values that the common model cannot hold: an address of five octets, a port above 65,535, a second VLAN, a label of MPLS that no
    /// place is known of, a protocol's name without its number. And values that are there once more: the last one that is not 0 and
    /// fits counts. So does the finest of moments that do not agree.
    pub refused_values: u64,
    /// Values of protobuf that mean one thing or another, where nothing in the message says which: [`read_protobuf`] lists them, and
    /// [`read_protobuf_as`] and [`Reader::dialect`] read them.
    pub doubtful_values: u64,
}

impl Skipped {
    const fn count_unknown(&mut self) {
        self.unknown_fields = self.unknown_fields.saturating_add(1);
    }

    const fn add(&mut self, other: Self) {
        self.unknown_fields = self.unknown_fields.saturating_add(other.unknown_fields);
        self.refused_values = self.refused_values.saturating_add(other.refused_values);
        self.doubtful_values = self.doubtful_values.saturating_add(other.doubtful_values);
    }
}

macro_rules! added {
    ($($name:ident $text:literal: $ty:ty, $unit:ident, $doc:literal;)*) => {
        $(#[doc = $doc]
        pub static $name: FieldDef<$ty> = FieldDef::new($text, Unit::$unit, $doc, &[]);)*

        /// Their numbers: behind those of the core, in this order.
        mod id {
            use super::{FieldId, Number};
            $(pub(super) const $name: FieldId = super::behind_core(Number::$name);)*
        }

        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "only counts")]
        enum Number { $($name,)* }

        /// How many there are.
        const ADDED: usize = [$($text),*].len();

        static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
            // Nothing in the core has one of these names: a test holds it.
            Schema::common().with([$($name.spec()),*]).unwrap_or_else(|_| Schema::common())
        });
    };
}

added! {
    SEQUENCE "sequence_num": U32, None, "goflow2: sequence number of the message that the flow came in.";
    MPLS_TTLS "mpls_ttls": U32List, Hops, "goflow2: times to live of the MPLS labels, top of stack first.";
    LAYERS "layer_stack": U32List, None, "goflow2: protocols of the sampled headers, outermost first, in goflow2's numbers.";
    LAYER_SIZES "layer_sizes": U32List, Octets, "goflow2: lengths of the sampled headers.";
    SEGMENTS "ipv6_segments": Octets, None, "goflow2: addresses of the IPv6 routing header, 16 octets each.";
    SEGMENTS_LEFT "ipv6_segments_left": U32, None, "goflow2: segments left in the IPv6 routing header.";
}

#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::arithmetic_side_effects,
    reason = "there are some hundred fields"
)]
const fn behind_core(number: Number) -> FieldId {
    FieldId::new((COLUMNS.len() + number as usize) as u16)
}

/// The common schema with what only this message has: of such flows the readers are. What was read is written again, apart from what
/// [`Skipped`] counts, and from what stands above under "Where it differs".
#[must_use]
pub fn schema() -> Arc<Schema> {
    Arc::clone(&SCHEMA)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Field;

    #[test]
    fn the_numbers_of_the_added_fields_are_those_of_the_schema() {
        let schema = schema();
        assert_eq!(schema.resolve(&SEQUENCE).map(Field::id), Some(id::SEQUENCE));
        assert_eq!(schema.resolve(&MPLS_TTLS).map(Field::id), Some(id::MPLS_TTLS));
        assert_eq!(schema.resolve(&LAYERS).map(Field::id), Some(id::LAYERS));
        assert_eq!(schema.resolve(&LAYER_SIZES).map(Field::id), Some(id::LAYER_SIZES));
        assert_eq!(schema.resolve(&SEGMENTS).map(Field::id), Some(id::SEGMENTS));
        assert_eq!(schema.resolve(&SEGMENTS_LEFT).map(Field::id), Some(id::SEGMENTS_LEFT));
        assert_eq!(schema.fields().len(), COLUMNS.len() + ADDED);
    }
}
