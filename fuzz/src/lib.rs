//! Fuzz targets as functions: octets in, invariants checked.
//!
//! | target | what it reads |
//! |---|---|
//! | [`netflow5`] | one datagram through the views of v1, v5 and v7, and through a fresh decoder |
//! | [`netflow9`] | the same for v9 |
//! | [`ipfix`] | the same for IPFIX, and as a byte stream |
//! | [`sflow`] | one datagram of sFlow through the views, through a fresh decoder, and as a session that goes on |
//! | [`headers`] | the first octets of a packet, from every kind of start, cut, and in samples |
//! | [`goflow2`] | a stream of goflow2's messages in every format, whole and in pieces; written and read again |
//! | [`vanflow_message`] | one AMQP message, value by value, and as VAN-Flow |
//! | [`vanflow_collector`] | a collector under small caps, and several sources |
//! | [`correlate`] | rows of records through correlation, de-duplication, biflows and the join, under small caps |
//! | [`session`] | several exporters, streams, pauses and restarts, under small limits |
//!
//! Each target is one line of a libFuzzer binary in `fuzz_targets/`, and is run over all seeds in the ordinary tests. What every target
//! holds is in [`Audit`].
#![forbid(unsafe_code)]

mod audit;
mod correlate;
mod digest;
mod goflow2;
mod headers;
mod mutate;
mod read;
mod session;
mod sflow;
mod vanflow;
mod views;

pub use audit::Audit;
pub use correlate::{correlate, write_correlate};
pub use goflow2::{goflow2, write_goflow2};
pub use headers::{headers, write_headers};
pub use mutate::Mutator;
pub use read::Reading;
pub use session::{session, write_session};
pub use sflow::sflow;
pub use vanflow::{vanflow_collector, vanflow_message, write_collector};
pub use views::{ipfix, netflow5, netflow9};
