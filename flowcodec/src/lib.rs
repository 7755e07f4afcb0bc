//! Flow telemetry decoded without copying.
#![deny(unsafe_code)]
pub mod ie;
