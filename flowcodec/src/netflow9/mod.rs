//! NetFlow v9 (RFC 3954).
//!
//! ```text
//!  header:  | version 9 u16 | count u16 | uptime ms u32 | unix seconds u32 | sequence u32 | source id u32 |    20
//!  FlowSet: | id u16 | length u16, header included | body |
//!  id 0 templates, 1 options templates, 2-255 reserved, 256- data
//! ```
//!
//! | section | here |
//! |---|---|
//! | §5.1 header | [`Header`]; there is no total length, and `count` is often wrong: nothing is bounded by it |
//! | §5.2 template FlowSet, §6.1 options template FlowSet | [`Sets`], [`template::wire`](crate::template::wire) |
//! | §5.3 data FlowSet | [`Set::Data`] |
//! | writing: §5.1 to §5.3, §6, §9 template resend | [`Writer`], [`FlowWriter`] |
//! | §5.1 sequence: packets | [`SequenceEvent`](crate::SequenceEvent) |
//!
//! Deviations accepted: several packets back to back (a file of them, never a datagram) cannot be told apart, since no length says where
//! the first ends. The second header reads as a reserved FlowSet, and is reported.

mod encode;
mod message;

pub use crate::template::wire::{Set, Sets};
pub use encode::{FlowWriter, Settings, Writer};
pub use message::{Header, Packet};
