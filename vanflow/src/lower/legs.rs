//! The two local legs of a connection.

use std::net::IpAddr;

use flowcodec::{Text, Timestamp};

use super::{address, identity, number};
use crate::collector::{Connection, EndedBy};
use crate::record::Attribute;

/// One end's local part of a connection: what an IP flow seen in that site would show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leg<'a> {
    /// Which end.
    pub end: LegEnd,
    /// Identity of the site. The same address is another host in another site.
    pub site: Option<Text<'a>>,
    /// Who connects: the client, or the connector's router.
    pub source: Endpoint<'a>,
    /// Where to: the listener, or the server.
    pub destination: Endpoint<'a>,
    /// When the connection began, by the receiver's clock.
    pub start: Option<Timestamp>,
    /// When it ended, by the receiver's clock; `None` while it lives.
    pub until: Option<Timestamp>,
}

/// Which end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LegEnd {
    /// Client to listener.
    Client,
    /// Connector to server.
    Server,
}

/// Host and port, as they were told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Endpoint<'a> {
    /// The host: an address or a name.
    pub host: Option<Text<'a>>,
    /// The port: a number or a service's name.
    pub port: Option<Text<'a>>,
}

impl Endpoint<'_> {
    /// The host, if it is an address.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        self.host.and_then(address)
    }

    /// The port, if it is a number.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port.and_then(number).and_then(|port| u16::try_from(port).ok())
    }
}

/// The two legs of a connection: client to listener in the listener's site, and the connector's own end to the server in its site.
#[must_use]
pub fn legs<'a>(connection: &Connection<'a>) -> [Leg<'a>; 2] {
    let listener = connection.listener().and_then(|listener| listener.record());
    let of_listener = |attribute| listener.and_then(|view| view.text(attribute));
    let side = connection.listener_side().or_else(|| connection.connector_side());
    let source = side.and_then(|view| view.source());
    let corrected = |time: Option<Timestamp>| Some(source.map_or(time?, |source| source.corrected(time.unwrap_or_default())));
    // An end that was inferred is by the receiver's clock already.
    let told = side.is_some_and(|view| view.ended() == Some(EndedBy::Source));
    let (start, end) = (corrected(connection.start()), connection.end());
    let until = if told { corrected(end) } else { end };
    [
        Leg {
            end: LegEnd::Client,
            site: identity(connection.client_site()),
            source: Endpoint { host: connection.client_host(), port: connection.client_port() },
            destination: Endpoint { host: of_listener(Attribute::DEST_HOST), port: of_listener(Attribute::DEST_PORT) },
            start,
            until,
        },
        Leg {
            end: LegEnd::Server,
            site: identity(connection.server_site()),
            source: Endpoint { host: connection.proxy_host(), port: connection.proxy_port() },
            destination: Endpoint { host: connection.server_host(), port: connection.server_port() },
            start,
            until,
        },
    ]
}
