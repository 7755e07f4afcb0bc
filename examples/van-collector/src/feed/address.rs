//! Where a router is: `amqp://HOST[:PORT]`, or `amqps://HOST[:PORT]`.

use core::fmt;
use core::num::NonZeroU16;
use core::str::FromStr;

use anyhow::{Context as _, bail, ensure};

/// `amqp://HOST[:PORT]` or `amqps://HOST[:PORT]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouterAddress {
    tls: bool,
    host: String,
    port: u16,
}

impl RouterAddress {
    /// Whether the connection is made over TLS.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        self.tls
    }

    /// What is connected to: the host without brackets, and the port.
    #[must_use]
    pub fn place(&self) -> (&str, u16) {
        (&self.host, self.port)
    }
}

const FORMS: &str = "a router's address is amqp://HOST[:PORT] or amqps://HOST[:PORT]";

impl FromStr for RouterAddress {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (tls, rest) = match text.split_once("://") {
            Some(("amqp", rest)) => (false, rest),
            Some(("amqps", rest)) => (true, rest),
            Some((scheme, _)) => bail!("\"{scheme}://\" is not understood: {FORMS}"),
            None => bail!("\"amqp://\" or \"amqps://\" is missing in front: {FORMS}"),
        };
        if let Some((_, host)) = rest.rsplit_once('@') {
            // What stands before it may be a secret, and is not said again.
            bail!("names and passwords before \"@{host}\" are not understood: who we are is said by the certificate of amqps://");
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if let Some(place) = rest.find(['/', '?', '#']) {
            bail!("\"{}\" behind the host is not understood: {FORMS}", rest.get(place..).unwrap_or_default());
        }
        let (host, port) = if let Some(rest) = rest.strip_prefix('[') {
            let (host, port) = rest.split_once(']').context("the \"]\" of an IPv6 address is missing")?;
            ensure!(host.parse::<std::net::Ipv6Addr>().is_ok(), "\"[{host}]\" is no IPv6 address");
            match port.strip_prefix(':') {
                port @ Some(_) => (host, port),
                None if port.is_empty() => (host, None),
                None => bail!("\"{port}\" behind \"[{host}]\" is not understood: {FORMS}"),
            }
        } else {
            ensure!(rest.matches(':').count() < 2, "an IPv6 address stands in brackets: \"[{rest}]\"");
            rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port)))
        };
        ensure!(!host.is_empty(), "no host is named: {FORMS}");
        let strange = |letter: char| letter.is_control() || letter.is_whitespace() || "\"<>\\^`{|}%".contains(letter);
        ensure!(!host.contains(strange), "{host:?} is no name of a host");
        let port = match port {
            None if tls => 5671,
            None => 5672,
            Some(port) => match port.parse::<NonZeroU16>() {
                Ok(number) if port.bytes().all(|octet| octet.is_ascii_digit()) => number.get(),
                _ => bail!("\"{port}\" behind \"{host}:\" is no port: a number from 1 to 65535"),
            },
        };
        Ok(Self { tls, host: host.to_owned(), port })
    }
}

impl fmt::Display for RouterAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "amqps" } else { "amqp" };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}://{open}{}{close}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        text.parse::<RouterAddress>().map(|address| address.to_string()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn addresses_of_routers() {
        for (text, wanted) in [
            ("amqp://localhost", "amqp://localhost:5672"),
            ("amqps://skupper-router-local:5671/", "amqps://skupper-router-local:5671"),
            ("amqps://[::1]", "amqps://[::1]:5671"),
            ("amqp://[fd00::2]:7000", "amqp://[fd00::2]:7000"),
            ("amqp://10.0.0.1:1", "amqp://10.0.0.1:1"),
        ] {
            assert_eq!(read(text), Ok(wanted.into()));
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place() {
        for (text, wanted) in [
            ("localhost:5672", "\"amqp://\" or \"amqps://\" is missing in front"),
            ("http://x", "\"http://\" is not understood"),
            ("AMQP://x", "\"AMQP://\" is not understood"),
            ("amqp://user:secret@x", "before \"@x\" are not understood"),
            ("amqp://x/queue", "\"/queue\" behind the host"),
            ("amqp://x?tls=1", "\"?tls=1\" behind the host"),
            ("amqp://", "no host is named"),
            ("amqp://:5672", "no host is named"),
            ("amqp://x:", "\"\" behind \"x:\" is no port"),
            ("amqp://x:0", "\"0\" behind \"x:\" is no port: a number from 1 to 65535"),
            ("amqp://x:70000", "\"70000\" behind \"x:\" is no port"),
            ("amqp://x:+5", "\"+5\" behind \"x:\" is no port"),
            ("amqp://x:amqp", "\"amqp\" behind \"x:\" is no port"),
            ("amqp://::1", "stands in brackets: \"[::1]\""),
            ("amqp://[::1", "\"]\" of an IPv6 address is missing"),
            ("amqp://[router]", "\"[router]\" is no IPv6 address"),
            ("amqp://[::1]5672", "\"5672\" behind \"[::1]\""),
            ("amqp://two hosts", "is no name of a host"),
        ] {
            let told = read(text).unwrap_err();
            assert!(told.contains(wanted) && !told.contains("secret"), "{text}: {told}");
        }
    }
}
