//! Who sent a datagram, and over what.

use core::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use serde::{Deserialize, Serialize};

/// The transport source of a message: address and port. An IPv4 address is kept IPv4-mapped, so `192.0.2.1` and
/// `::ffff:192.0.2.1` are one exporter; IPv6 scope ids and flow labels are not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Exporter {
    address: Ipv6Addr,
    port: u16,
}

impl Exporter {
    /// No address at all: what raw and file input comes from (`[::]:0`).
    pub const UNSPECIFIED: Self = Self { address: Ipv6Addr::UNSPECIFIED, port: 0 };

    /// From address and source port.
    #[must_use]
    pub const fn new(address: IpAddr, port: u16) -> Self {
        let address = match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        Self { address, port }
    }

    /// The address; IPv4 as IPv4.
    #[must_use]
    pub const fn address(self) -> IpAddr {
        match self.address.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(self.address),
        }
    }

    /// The address as 16 octets, IPv4 mapped.
    #[must_use]
    pub const fn octets(self) -> [u8; 16] {
        self.address.octets()
    }

    /// The source port.
    #[must_use]
    pub const fn port(self) -> u16 {
        self.port
    }
}

impl From<SocketAddr> for Exporter {
    fn from(source: SocketAddr) -> Self {
        Self::new(source.ip(), source.port())
    }
}

impl fmt::Display for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        SocketAddr::new(self.address(), self.port).fmt(f)
    }
}

/// One byte stream (a TCP or TLS connection, an SCTP association, a file). Its templates are its own and go when it is closed
/// (RFC 7011 §8.1, §10.3). The id is the caller's, and must not be used again while the session is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "an exporter and a number is all it will ever be")]
pub struct Session {
    /// The other end.
    pub exporter: Exporter,
    /// The caller's number for this stream.
    pub id: u64,
}

impl Session {
    /// A stream from `exporter` under the caller's number `id`.
    #[must_use]
    pub const fn new(exporter: Exporter, id: u64) -> Self {
        Self { exporter, id }
    }
}

/// The protocol a message was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Protocol {
    /// NetFlow v1.
    NetFlow1,
    /// NetFlow v5.
    NetFlow5,
    /// NetFlow v7.
    NetFlow7,
    /// NetFlow v8: recognised, not decoded.
    NetFlow8,
    /// NetFlow v9 (RFC 3954).
    NetFlow9,
    /// IPFIX (RFC 7011).
    Ipfix,
    /// sFlow, any version.
    Sflow,
    /// Skupper's VAN-Flow, which `vanflow` reads.
    VanFlow,
    /// None that is known.
    Unknown,
}

impl Protocol {
    /// The name used in every output: `netflow5`, `ipfix`, ...
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NetFlow1 => "netflow1",
            Self::NetFlow5 => "netflow5",
            Self::NetFlow7 => "netflow7",
            Self::NetFlow8 => "netflow8",
            Self::NetFlow9 => "netflow9",
            Self::Ipfix => "ipfix",
            Self::Sflow => "sflow",
            Self::VanFlow => "vanflow",
            Self::Unknown => "unknown",
        }
    }

    /// The number used where the protocol is a column of numbers; [`from_code`](Self::from_code) turns it back.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::NetFlow1 => 1,
            Self::NetFlow5 => 5,
            Self::NetFlow7 => 7,
            Self::NetFlow8 => 8,
            Self::NetFlow9 => 9,
            Self::Ipfix => 10,
            Self::Sflow => 105,
            Self::VanFlow => 200,
        }
    }

    /// The protocol of a [`code`](Self::code).
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::NetFlow1,
            5 => Self::NetFlow5,
            7 => Self::NetFlow7,
            8 => Self::NetFlow8,
            9 => Self::NetFlow9,
            10 => Self::Ipfix,
            105 => Self::Sflow,
            200 => Self::VanFlow,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
