//! Vector code: octets in, octets out. It knows no protocol and no field.
//!
//! A template's plan says which octets of a record go where ([`Move`]), and what numbers need beyond that ([`Number`]). Two things are
//! made of them:
//!
//! - [`Rows`]: one row of 192 octets for each record. The fewest windows of the record that cover the moves, and a byte shuffle for each,
//!   so that one instruction swaps, widens and places several fields.
//! - [`Tiles`]: cells of columns for some records at a time. The same shuffles, then the registers of these records are transposed, so
//!   that the cells of one column stand together.
//!
//! All `unsafe` of this crate stands here: loads, stores, and calls that need a processor's feature. Both are made when a template is
//! compiled, for the best the processor has; there are none where it has nothing, and nowhere with `--cfg flowcodec_no_simd`.

mod arena;
#[cfg_attr(all(target_arch = "x86_64", not(flowcodec_no_simd)), path = "x86_64/mod.rs")]
#[cfg_attr(not(all(target_arch = "x86_64", not(flowcodec_no_simd))), path = "portable.rs")]
mod machine;

pub(crate) use arena::{ALIGNMENT, Arena};
pub use machine::prefetch;
pub(crate) use machine::{Clock, Rows, Tiles};

/// Octets of a row.
pub(crate) const ROW: usize = 192;

/// Where in a row the two numbers stand that may need more than a move, 8 octets each.
pub(crate) const PAIR: usize = 144;

/// Octets that go from a record to a row or cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Move {
    /// Place in the record.
    pub(crate) from: usize,
    /// Place in the row, or in the cell.
    pub(crate) to: usize,
    /// How many, at most 16.
    pub(crate) len: usize,
    /// Whether the last comes first: a number of the wire on a little-endian machine.
    pub(crate) reversed: bool,
}

/// What becomes of a number of 8 octets once it is in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    /// Nothing.
    Plain,
    /// It is multiplied by this, which is not 0, and held at `i64::MAX`.
    Scale(u32),
    /// It is a counter of milliseconds, of which a [`Clock`] knows where it stood at a certain moment; that many milliseconds ago.
    Ago,
}

/// Up to so many rows behind the last one may be written: there is room for them in each column.
pub(crate) const TILE: usize = 8;

/// One cell of each record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) octets: Move,
    /// Octets of the cell: 1, 2, 4, 8 or 16. What no octet is moved to is zero.
    pub(crate) width: usize,
    /// Whether it is an address of which the record has the last four octets: those in front are the prefix of an IPv4-mapped one.
    pub(crate) mapped: bool,
    /// For a width of 8.
    pub(crate) number: Number,
    /// Where in the arena the column begins.
    pub(crate) column: usize,
}

/// The octets of a word as they stand in memory.
pub(crate) const fn octets(word: &u128) -> &[u8; 16] {
    #[expect(unsafe_code, reason = "a reference to the same memory by another type")]
    // SAFETY: `word` is 16 octets of memory that may be read for as long as the reference given back lives; octets have no alignment,
    // and every pattern of bits is one.
    unsafe {
        &*core::ptr::from_ref(word).cast()
    }
}

/// What is nothing but its octets.
///
/// # Safety
/// No octet of it is padding, and every pattern of bits is a value.
#[expect(unsafe_code, reason = "who implements it makes a promise")]
pub(crate) unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($type:ty),*) => {$(
        #[expect(unsafe_code, reason = "a promise")]
        // SAFETY: an unsigned number, or an array of octets: neither has padding or a pattern of bits that is no value.
        unsafe impl Plain for $type {}
    )*};
}

plain!(u8, u16, u32, u64, u128, [u8; 6], [u8; 16]);
