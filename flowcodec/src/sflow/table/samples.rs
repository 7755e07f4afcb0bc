//! What stands before the records of samples. Sources and interfaces of the expanded forms are two fields each.

use super::{FieldDef, Layout, PACKETS, word};

const EXPANDED: &[FieldDef] = &[
    word("sequence_number"),
    word("source_id_type"),
    word("source_id_index"),
    word("sampling_rate").unit(PACKETS),
    word("sample_pool").unit(PACKETS),
    word("drops"),
    word("input_format"),
    word("input_value"),
    word("output_format"),
    word("output_value"),
];

const DISCARDED: &[FieldDef] = &[
    word("sequence_number"),
    word("source_id_type"),
    word("source_id_index"),
    word("drops"),
    word("inputifindex"),
    word("outputifindex"),
    word("reason"),
];

/// Ascending by format.
pub(super) static LAYOUTS: &[Layout] = &[
    Layout::sample(
        1,
        "flow_sample",
        const {
            &[
                word("sequence_number"),
                word("source_id"),
                word("sampling_rate").unit(PACKETS),
                word("sample_pool").unit(PACKETS),
                word("drops"),
                word("input"),
                word("output"),
            ]
        },
    ),
    Layout::sample(2, "counters_sample", const { &[word("sequence_number"), word("source_id")] }),
    Layout::sample(3, "flow_sample_expanded", EXPANDED),
    Layout::sample(
        4,
        "counters_sample_expanded",
        const { &[word("sequence_number"), word("source_id_type"), word("source_id_index")] },
    ),
    Layout::sample(5, "discarded_packet", DISCARDED),
];
