//! Where messages come from: a router, or a recording.

pub mod router;
pub mod recording;
mod tls;

pub use recording::{Pace, Recording};
pub use router::{Retry, RouterAddress, RouterFeed};
pub use tls::Certificates;
