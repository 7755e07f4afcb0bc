//! `/metrics`: the network observer's counters under its names, and the collector's own.

mod render;
mod totals;

pub(crate) use render::render;
pub(crate) use totals::Totals;
