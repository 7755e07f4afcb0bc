//! Where messages come from: a router, or a recording.

mod address;
pub mod recording;
pub mod router;
mod tls;

pub use address::RouterAddress;
pub use recording::{Pace, Recording};
pub use router::{Retry, RouterFeed};
pub use tls::Certificates;
