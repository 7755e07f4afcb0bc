//! goflow2's message, out and in.
//!
//! | what is held to what | |
//! |---|---|
//! | real captures | `captures`: values worked out by hand from the octets |
//! | a record goflow2 1.x wrote | `reference`: key by key |
//! | goflow2's schemas | `proto`, decoded by prost |
//! | what was written | `roundtrip`: read again, in both dialects and encodings |
//! | anything else | `stream`: cuts, splits, bad messages, hostile octets |
#![cfg(test)]
#![cfg(feature = "goflow2")]

mod captures;
mod proto;
mod reference;
mod roundtrip;
mod stream;
