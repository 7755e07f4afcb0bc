//! VAN-Flow messages, borrowed: BEACON, HEARTBEAT, RECORD and FLUSH.
//!
//! | subject | properties.to | application properties | body |
//! |---|---|---|---|
//! | BEACON | `mc/sfe.all` | v, sourceType, id, address, direct | none that matters |
//! | HEARTBEAT | `mc/sfe.<source>` | v, now (microseconds since 1970), id | none that matters |
//! | RECORD | the address it came by | none | a list of maps: attribute code to value |
//! | FLUSH | `sfe.<source>` | none | none |
//!
//! Nothing is allocated, and what cannot be read costs the smallest thing around it: a pair of a map, a record of the list, the message.

mod encode;
mod read;
mod update;

pub use encode::{RecordSpec, beacon, flush, heartbeat, records};
pub use read::{Beacon, Content, Heartbeat, Message};
pub use update::{Attributes, Skipped, Update, Updates};
