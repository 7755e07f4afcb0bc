//! AMQP 1.0: types and message sections, borrowed. Nothing here knows VAN-Flow.
//!
//! ```text
//!  constructor   what follows                              read as
//!  4x            nothing                                   null, true, false, 0, empty list
//!  5x 6x 7x 8x 9x  1, 2, 4, 8, 16 octets                   numbers, time, uuid
//!  Ax Bx         size of 1 or 4 octets, then octets        binary, string, symbol
//!  Cx Dx         size and count of 1 or 4 octets, values   list, map
//!  Ex Fx         size, count, one constructor, bodies      array
//!  00            descriptor, value                         described value
//! ```
//!
//! (OASIS AMQP 1.0 part 1 §1.2 and §1.6; sections: part 3 §3.2.) A [`Value`] is read shallow: of a list, map or array only the size is
//! checked, and its items are read when they are asked for. So a value inside costs only its container, and reading is linear in the
//! octets. Nesting is followed to [`DEPTH`].
//!
//! # Where this is more lenient than the standard
//!
//! - Codes that the standard leaves open are skipped by their class and given as [`Value::Other`].
//! - A message-id may be of any type (Skupper's routers send a signed long), keys of maps too.
//! - Sections may come in any order; of repeated ones the first counts, and unknown ones are passed over.
//! - Strings keep their octets: [`Text`](flowcodec::Text) says whether they are UTF-8.
//!
//! # Where it is stricter
//!
//! - A compound must end where its size says, and may not count more items than it has octets: also an array of items without octets.
//!
//! # Faults
//!
//! A [`Fault`](flowcodec::Fault) is of [`Layer::Datagram`](flowcodec::Layer) for the message, `Set` for a section, `Field` for a value;
//! its offset counts from the first octet that was given to [`Message::parse`] or [`Value::parse`].

mod compound;
mod encode;
mod message;
mod value;

pub use compound::{Array, Items, List, Map, Pairs, Plain, PlainPairs};
pub use encode::{Encoder, Form};
pub use message::{Message, Properties, Section, SectionKind, Sections};
pub use value::{DEPTH, Described, Descriptor, Value};
