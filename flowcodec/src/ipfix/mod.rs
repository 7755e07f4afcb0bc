//! IPFIX (RFC 7011).
//!
//! ```text
//!  header: | version 10 u16 | length u16, all of it | export seconds u32 | sequence u32 | observation domain u32 |    16
//!  set:    | id u16 | length u16, header included | body |
//!  id 2 templates, 3 options templates, 0, 1 and 4-255 reserved, 256- data
//! ```
//!
//! | section | here |
//! |---|---|
//! | §3.1 message header | [`Header`], [`Message`] |
//! | §3.3 sets, §3.4 templates, options templates | [`Sets`], [`template::wire`](crate::template::wire) |
//! | §6.2 reduced-size encoding, §7 variable length | [`Record`](crate::Record) |
//! | §8.1 withdrawal | [`TemplateRecord::is_withdrawal`](crate::template::wire::TemplateRecord::is_withdrawal) |
//! | §10.4 streams; RFC 5655 files | [`Framer`] |
//! | writing: §3.1 sequence, §8 templates over UDP and streams, §10.3.3 message size | [`Writer`], [`FlowWriter`], [`MessageBuilder`] |
//!
//! Several messages in one datagram, which no RFC allows and some exporters send, are read by their lengths.

mod encode;
mod framer;
mod message;

pub use crate::template::wire::{Set, Sets};
pub use encode::{FlowWriter, MessageBuilder, Settings, Transport, Writer};
pub use framer::Framer;
pub use message::{Header, Message};
