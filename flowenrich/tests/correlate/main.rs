//! Records that belong together, against recordings and by properties.
#![cfg(test)]

mod batch;
mod biflow;
mod common;
mod dedup;
mod halves;
mod halves_properties;
mod join;
