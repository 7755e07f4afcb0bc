//! **Nothing here yet.** This crate will tell who was behind an address at the time of a flow: Kubernetes objects, subnets,
//! `GeoIP` and AS, interface names. It holds its place in the workspace, is not published, and exports nothing until it does that.
#![forbid(unsafe_code)]
