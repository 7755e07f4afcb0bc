#![doc = include_str!("../README.md")]
//!
//! # Where to begin
//!
//! - [`Collector`](collector::Collector): messages in, sources, records, connections, requests and changes out.
//! - [`Message`](message::Message): one message, borrowed, for those who keep their own state.
//! - [`record`]: record types and attributes as data.
//! - [`lower`]: into the common record model of [`flowcodec`], and the local legs of a connection.
//! - [`amqp`]: AMQP 1.0 types and sections, for any message.
//! - `client` (feature `client`): a client of AMQP 1.0 without a socket, that hands over messages as they came.
//!
//! A module uses only what stands below it: `amqp`, `record`, `message`, `collector`, `lower`.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects, clippy::exhaustive_enums, clippy::exhaustive_structs))]

pub mod amqp;
#[cfg(feature = "client")]
pub mod client;
pub mod collector;
pub mod lower;
pub mod message;
pub mod record;
