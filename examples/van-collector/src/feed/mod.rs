//! Where messages come from: a router, or a recording.

pub mod recording;
pub mod router;
mod tls;

pub use recording::{Pace, Recording};
pub use router::{Retry, RouterAddress, RouterFeed};
pub use tls::Certificates;
