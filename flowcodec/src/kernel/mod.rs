//! Vector code: octets in, octets out. It knows no protocol and no field.
//!
//! A template's plan says which octets of a record go where in a row ([`Move`]); [`Rows`] turns that into the fewest windows of the
//! record that cover them, and a byte shuffle for each, so that one instruction swaps, widens and places several fields. What a value
//! needs beyond that (a time is a multiplication) is done in the same registers.
//!
//! All `unsafe` of this crate stands here: loads, stores, and calls that need a processor's feature. A [`Rows`] is made when a template is
//! compiled, for the best the processor has; there is none where it has nothing, and nowhere with `--cfg flowcodec_no_simd`.

#[cfg_attr(all(target_arch = "x86_64", not(flowcodec_no_simd)), path = "x86_64/mod.rs")]
#[cfg_attr(not(all(target_arch = "x86_64", not(flowcodec_no_simd))), path = "portable.rs")]
mod machine;

pub(crate) use machine::{Clock, Rows};

/// Octets of a row.
pub(crate) const ROW: usize = 192;

/// Where in a row the two numbers of [`Pair`] stand, 8 octets each.
pub(crate) const PAIR: usize = 144;

/// Octets that go from a record to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    /// Place in the record.
    pub(crate) from: usize,
    /// Place in the row.
    pub(crate) to: usize,
    /// How many, at most 16.
    pub(crate) len: usize,
    /// Whether the last comes first: a number of the wire in a little-endian row.
    pub(crate) reversed: bool,
}

/// What becomes of the two numbers at [`PAIR`] once they are in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pair {
    /// Nothing.
    Plain,
    /// Each is multiplied by its own factor, and held at `i64::MAX`. A factor of 0 leaves the number as it is.
    Scale([u32; 2]),
    /// Each (where told so) is a counter of milliseconds that stood at one number at a certain moment ([`Clock`]).
    Ago([bool; 2]),
}
