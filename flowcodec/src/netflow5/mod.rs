//! NetFlow v1, v5 and v7: fixed layouts, IPv4 only.
//!
//! ```text
//!  header: | version u16 | count u16 | uptime ms u32 | unix seconds u32 | nanoseconds u32 |                              v1: 16
//!          v5: | flow sequence u32 | engine type u8 | engine id u8 | sampling mode 2 bits, interval 14 bits |               24
//!          v7: | flow sequence u32 | reserved u32 |                                                                        24
//! ```
//!
//! | version | records | source |
//! |---|---|---|
//! | v1 | 52 octets; softflowd sends 48 | Cisco's export datagram formats; told apart by (payload − 16) / count |
//! | v5 | 48 octets | the same |
//! | v7 | 52 octets | the same |
//!
//! Written by [`encode`] and [`Writer`].
//!
//! A count beyond the octets, or octets beyond the count, are faults; the whole records that are present are good.

mod encode;
mod message;
mod record;
mod templates;

pub use encode::{OwnedRecord, Settings, Writer, encode};
pub use message::{Header, Packet, Records};
pub use record::Record;
pub(crate) use templates::Layouts;
