//! Records that belong together become one.
//!
//! | | from | into |
//! |---|---|---|
//! | [`Correlator`] | what two nodes say of a flow between their pods | one flow that names both ends, with the counters of each side |
//! | [`Dedup`] | what several interfaces or exporters say of a flow | one of them |
//! | [`Biflows`] | the two directions of a conversation | one biflow (RFC 5103) |
//! | [`Join`] | the local legs of VAN connections, and IP flows of their sites | IP flows that name service, sites and latency |
//!
//! All four are a rule over one kind of table: entries by key, each with a timer. So they share what is asked of them:
//!
//! - **No clock**: every call is told the time, and [`tick`](Correlator::tick) makes it pass. Results go to the closure of the call.
//! - **Bounded**: [`Limits`] says how many entries and octets are held, names included. Over it, what is due next is given out early, as
//!   it is, and counted.
//! - **In any order**: what comes of records does not depend on the order in which they came, as long as they come while their entry is
//!   held. A record that comes twice changes nothing where halves and legs are concerned; where records are summed (de-duplication, biflows)
//!   it cannot be told from two that are alike, unless it comes from another place.
//! - **Constant work** for each record, however much is held: a timer wheel, and no walk over everything.
//!
//! Records are offered as they are: owned flows, [records](flowcodec::Record) of a set, or the [rows](BatchRows) of a batch.
//!
//! Nothing is dropped in silence: what found no partner is given out and says so, and so is what there is no room for at all.

mod biflow;
mod dedup;
pub mod halves;
mod input;
pub mod join;
mod kept;
mod limits;
mod pending;
mod slots;
mod sum;
mod texts;
mod wheel;

pub use biflow::{BiflowSettings, BiflowStats, Biflows};
pub use dedup::{Dedup, DedupSettings, DedupStats};
pub use halves::Correlator;
pub use input::{BatchRow, BatchRows, Common};
pub use join::Join;
pub use limits::Limits;
