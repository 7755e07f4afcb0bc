//! One end's part of a connection through an application network.

use std::net::{IpAddr, SocketAddr};

use flowcodec::model::Schema;
use flowcodec::{Flow, Text, Timestamp};

/// Which end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a connection has two ends")]
pub enum End {
    /// From the client to the listener, in the client's site.
    Client,
    /// From the connector to the server, in the server's site.
    Server,
}

impl End {
    /// The word used in flows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// The part of a connection that an IP flow of its site shows: client to listener, or connector to server. Whatever brings connections
/// makes these: the crate `vanflow` knows both legs of each.
///
/// The same leg may be told again, as its connection goes on and ends: what is known by then holds.
///
/// ```
/// use std::net::SocketAddr;
///
/// use flowcodec::{Flow, Timestamp};
/// use flowenrich::correlate::join::{End, Join, Leg};
/// use vanflow::collector::Connection;
/// use vanflow::lower::{LegEnd, Lowering, legs};
///
/// /// `lowering` is made with the join's schema: `Lowering::with(join.schema().clone())`.
/// fn tell(join: &mut Join, lowering: &Lowering, connection: &Connection<'_>, now: Timestamp, rows: &mut Vec<Flow>) {
///     let told = lowering.connection(connection);
///     for leg in legs(connection) {
///         let (from, to) = (&leg.source, &leg.destination);
///         let (Some(site), Some(addr), Some(port), Some(start)) = (leg.site, from.address(), from.port(), leg.start) else { continue };
///         let end = if leg.end == LegEnd::Client { End::Client } else { End::Server };
///         let ours = Leg::new(connection.identity(), end, site, SocketAddr::new(addr, port), start);
///         join.leg(now, &ours.to(to.address(), to.port()).until(leg.until).telling(&told), |row| rows.push(row));
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Leg<'a> {
    pub(super) id: Text<'a>,
    pub(super) end: End,
    pub(super) site: Text<'a>,
    pub(super) source: SocketAddr,
    pub(super) destination: (Option<IpAddr>, Option<u16>),
    pub(super) start: Timestamp,
    pub(super) until: Option<Timestamp>,
    pub(super) connection: Option<&'a Flow>,
}

impl<'a> Leg<'a> {
    /// The leg at one `end` of the connection `id`, in a site: who connects from where, and since when by the receiver's clock.
    #[must_use]
    pub const fn new(id: Text<'a>, end: End, site: Text<'a>, source: SocketAddr, start: Timestamp) -> Self {
        Self { id, end, site, source, destination: (None, None), start, until: None, connection: None }
    }

    /// Where it goes, as far as that is known by address and number. A listener on all addresses (`0.0.0.0`) is at none in particular.
    #[must_use]
    pub fn to(self, addr: Option<IpAddr>, port: Option<u16>) -> Self {
        let addr = addr.filter(|addr| !addr.is_unspecified()).map(|addr| addr.to_canonical());
        Self { destination: (addr, port.filter(|port| *port != 0)), ..self }
    }

    /// When it ended; `None` while it lives.
    #[must_use]
    pub const fn until(self, until: Option<Timestamp>) -> Self {
        Self { until, ..self }
    }

    /// What there is to say of the connection: the fields of this flow that are no common ones go into the IP flows of the leg. It has to
    /// be of the join's [schema](super::Join::schema).
    #[must_use]
    pub const fn telling(self, connection: &'a Flow) -> Self {
        Self { connection: Some(connection), ..self }
    }

    /// What is to say of the connection, if it is said in this schema.
    pub(super) fn told_in(&self, schema: &Schema) -> Option<&'a Flow> {
        self.connection.filter(|connection| connection.schema().tag() == schema.tag())
    }
}
