//! sFlow version 5: lazy views over a datagram, every layout as data, and an encoder.
//!
//! ```text
//!  datagram: | version 5 | agent: type, 0, 4 or 16 octets | sub-agent | sequence | uptime ms | samples n |   24, 28 or 40
//!  sample:   | data_format | length | sequence | source ... rate, pool, drops, input, output | records n |   8 + 12 to 44
//!  record:   | data_format | length | body of this length, padded to a word |
//!  data_format: | enterprise, 20 bits | format, 12 bits |      all words of 32 bits, big-endian (XDR, RFC 4506)
//! ```
//!
//! | part | here | source |
//! |---|---|---|
//! | datagram | [`Datagram`], [`Header`] | `sample_datagram_v5` of `sflow_version_5.txt` |
//! | samples 0:1 to 0:4 | [`Sample`], [`FlowHead`], [`CountersHead`] | `flow_sample`, `counters_sample` and their expanded forms |
//! | sample 0:5 | [`Sample`], [`DiscardHead`], [`DropReason`] | `discarded_packet` of `sflow_drops.txt` |
//! | records | [`Structure`], raw | `flow_record`, `counter_record` |
//! | what flows often carry | [`FlowView`], typed | see the views |
//! | all flow and counter records | [`table`], as data | see there |
//! | writing | [`encode`] | |
//!
//! Everything is found by its own length, never by what was inside or by a count. Hence a bad record costs itself, a bad sample costs
//! itself, and only a length that runs past its surroundings costs what follows there. Longer bodies than a layout knows are newer
//! versions of it: what is behind the known fields is not looked at. [`Datagram::tally`] counts all of this, the unknown included.
//!
//! Versions 2 and 4 have no lengths: they are recognised ([`FaultKind::UnsupportedVersion`](crate::FaultKind::UnsupportedVersion)), and
//! not read.

pub mod encode;
mod flow;
mod message;
mod plain;
mod reason;
mod sample;
mod structure;
pub mod table;
mod xdr;

pub use encode::{DatagramWriter, EncodeError, Form};
pub use flow::{
    Acl, AsPath, AsSegment, Decapsulate, EgressQueue, Ethernet, FlowView, Function, Gateway, HeaderProtocol, HwTrap, Ipv4, Ipv6,
    LinuxDropReason, Mpls, Nat, NatPort, PacketTime, QueueDepth, RawHeader, Router, SocketIpv4, SocketIpv6, Switch, TransitDelay,
    Url, User, VlanTunnel, Vni,
};
pub(crate) use message::RecordFaults;
pub(crate) use plain::{Places, Plain, PlainFlow};
pub(crate) use structure::split;

pub use message::{Datagram, Header, Samples, Tally};
pub use reason::DropReason;
pub use sample::{CountersHead, DiscardHead, FlowHead, Interface, Sample, SampleHead, SampleKind, Source};
pub use structure::{DataFormat, Records, Structure};
pub use xdr::Words;
