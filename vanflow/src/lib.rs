//! Skupper VAN-Flow.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, clippy::exhaustive_enums, clippy::exhaustive_structs))]

pub mod amqp;
pub mod collector;
pub mod lower;
pub mod message;
pub mod record;
