//! flowdump
fn main() {}
