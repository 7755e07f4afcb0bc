//! Words for numbers: protocols, services, ICMP types, TCP flags; and names of interfaces and exporters, learned from what exporters say.

mod interfaces;
mod numbers;
mod tables;
mod words;

pub use interfaces::{Interface, InterfaceNames, Interfaces, Learned};
pub use numbers::{Services, icmp_code, icmp_type, ip_protocol, tcp_flags};
pub use words::Words;
