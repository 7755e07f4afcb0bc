//! No vector code: the plan's own list of operations does all.

use core::convert::Infallible;

use super::{Arena, Cell, Move, Number, ROW};

/// Sends for the cache line that a value begins in, where that can be done.
#[inline]
pub const fn prefetch<T>(_: &T) {}

/// Nothing of this kind exists here.
#[derive(Debug, Clone)]
pub(crate) struct Rows(Infallible);

/// Nor of this.
#[derive(Debug, Clone)]
pub(crate) struct Tiles(Infallible);

/// Nor of this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clock(Infallible);

impl Rows {
    pub(crate) const fn compile(_: usize, _: &[Move], _: [Number; 2]) -> Option<Self> {
        None
    }

    pub(crate) const fn most_bytes(_: usize, _: usize) -> usize {
        0
    }

    pub(crate) fn run<'a>(&self, _: &[u8], _: Option<Clock>, _: &[u8; ROW], _: impl Iterator<Item = &'a mut [u8; ROW]>) {
        match self.0 {}
    }
}

impl Tiles {
    pub(crate) const fn compile(_: &[Cell], _: usize) -> Option<Self> {
        None
    }

    pub(crate) const fn run(&self, _: &[u8], _: usize, _: usize, _: Option<Clock>, _: &mut Arena, _: usize) {
        match self.0 {}
    }
}

impl Clock {
    pub(crate) const fn new(_: i64, _: u32) -> Option<Self> {
        None
    }
}
