//! **Nothing here yet.** This crate will decode Skupper's VAN-Flow (AMQP 1.0 bodies) and collect it into one view across sites.
//! It holds its place in the workspace, is not published, and exports nothing until it does that.
#![forbid(unsafe_code)]
