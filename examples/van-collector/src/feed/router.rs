//! A router, live: connects, carries out what the collector wants, and begins again when the connection is lost.

use core::fmt;
use core::str::FromStr;
use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use flowcodec::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::rustls::pki_types::ServerName;
use vanflow::client::{Client, Event, Settings};
use vanflow::collector::Command;
use vanflow::message::flush;

use super::tls::Certificates;
use crate::hub::{FeedState, Hub, wall_clock};

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
}

impl FromStr for RouterAddress {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (tls, rest) = match text.split_once("://") {
            Some(("amqp", rest)) => (false, rest),
            Some(("amqps", rest)) => (true, rest),
            _ => bail!("\"{text}\" is no address of a router: amqp://HOST[:PORT] or amqps://HOST[:PORT]"),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['@', '/', '?', '#']) {
            bail!("\"{text}\": nothing but a host and a port is understood; who we are is said by a certificate");
        }
        let (host, port) = match rest.rsplit_once(':') {
            // An IPv6 address has colons of its own, and stands in brackets.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, port.parse().with_context(|| format!("\"{port}\" is no port"))?)
            }
            _ => (rest, if tls { 5671 } else { 5672 }),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            bail!("\"{text}\" names no host");
        }
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

/// How long to wait before a connection is tried again: twice as long each time, up to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// After the first failure. Default a quarter of a second.
    pub first: Duration,
    /// At most. Default 30 seconds.
    pub most: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { first: Duration::from_millis(250), most: Duration::from_secs(30) }
    }
}

/// What connects to a router.
#[derive(Debug, Clone)]
pub struct RouterFeed {
    /// Where.
    pub address: RouterAddress,
    /// With what, over TLS.
    pub certificates: Option<Certificates>,
    /// The name that the router's certificate has to have, where it is not the host's.
    pub server_name: Option<String>,
    /// How AMQP is spoken.
    pub settings: Settings,
    /// When to try again.
    pub retry: Retry,
}

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How often time passes while nothing else happens.
const TICK: Duration = Duration::from_millis(200);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl RouterFeed {
    /// Feeds the hub until `stop` says so.
    pub async fn run(&self, hub: &Arc<Hub>, mut stop: watch::Receiver<bool>) {
        let mut wait = self.retry.first;
        while !*stop.borrow() {
            let begun = wall_clock();
            let ended = tokio::select! {
                ended = self.connection(hub, stop.clone()) => ended,
                () = ticking(hub) => return,
            };
            let reason = match ended {
                Ok(()) => return,
                Err(error) => format!("{error:#}"),
            };
            // A connection that held was a good one; one that is lost at once is not tried ever faster.
            if wall_clock().since(begun) >= nanos(self.retry.most) {
                wait = self.retry.first;
            }
            let pause = jittered(wait);
            eprintln!("van-collector: {}: {reason}; next try in {pause:?}", self.address);
            hub.set_feed(wall_clock(), FeedState::Connecting { reason: Some(reason) });
            tokio::select! {
                () = sleep(pause) => {}
                () = ticking(hub) => return,
                _ = stop.changed() => return,
            }
            wait = (wait * 2).min(self.retry.most);
        }
    }

    async fn connection(&self, hub: &Hub, stop: watch::Receiver<bool>) -> anyhow::Result<()> {
        let mut stream = timeout(CONNECT, self.connect()).await.map_err(|_| anyhow!("no connection within {CONNECT:?}"))??;
        self.session(&mut *stream, hub, stop).await
    }

    async fn connect(&self) -> anyhow::Result<Box<dyn Stream>> {
        let stream = TcpStream::connect((&*self.address.host, self.address.port)).await.context("no connection")?;
        stream.set_nodelay(true)?;
        if !self.address.tls {
            return Ok(Box::new(stream));
        }
        let certificates = self.certificates.as_ref().context("amqps:// needs certificates")?;
        let name = self.server_name.as_ref().unwrap_or(&self.address.host);
        let name = ServerName::try_from(name.clone()).with_context(|| format!("\"{name}\" is no name of a server"))?;
        let stream = certificates.connector()?.connect(name, stream).await.context("TLS")?;
        Ok(Box::new(stream))
    }

    /// Speaks AMQP until the connection ends, or `stop` ends it.
    async fn session(&self, stream: &mut dyn Stream, hub: &Hub, mut stop: watch::Receiver<bool>) -> anyhow::Result<()> {
        let mut client = Client::new(self.settings.clone(), wall_clock());
        let mut octets = vec![0; 1 << 16];
        let (mut subscribed, mut passed) = (HashSet::new(), 0);
        loop {
            for command in hub.commands() {
                match command {
                    Command::Subscribe(address) => {
                        client.subscribe(&address);
                        subscribed.insert(address);
                    }
                    Command::Unsubscribe(address) => {
                        client.unsubscribe(&address);
                        subscribed.remove(&address);
                    }
                    Command::Flush(address) => client.send(&address, &flush(&address)),
                    _ => {}
                }
            }
            self.send(stream, &mut client).await?;
            let pause = client.next_tick().since(wall_clock());
            let pause = TICK.min(Duration::from_nanos(u64::try_from(pause).unwrap_or(0)));
            let now = tokio::select! {
                read = stream.read(&mut octets) => {
                    let length = read.context("the connection was lost")?;
                    let now = wall_clock();
                    let taken = client.handle_input(now, octets.get(..length).unwrap_or_default());
                    // What came before an error counts.
                    let closed = events(&mut client, hub, now, &subscribed);
                    let passed_over = client.passed_over();
                    hub.passed_over(passed_over - core::mem::replace(&mut passed, passed_over));
                    taken?;
                    if let Some(reason) = closed {
                        self.send(stream, &mut client).await?;
                        bail!(reason);
                    }
                    if length == 0 {
                        bail!("the router hung up");
                    }
                    now
                }
                () = sleep(pause) => wall_clock(),
                _ = stop.changed() => {
                    client.close();
                    self.send(stream, &mut client).await?;
                    return Ok(stream.shutdown().await?);
                }
            };
            client.tick(now)?;
        }
    }

    async fn send(&self, stream: &mut dyn Stream, client: &mut Client) -> anyhow::Result<()> {
        let out = client.take_output();
        if !out.is_empty() {
            let sent = async {
                stream.write_all(&out).await?;
                stream.flush().await
            };
            timeout(self.settings.idle, sent).await.map_err(|_| anyhow!("the router takes nothing"))??;
        }
        Ok(())
    }
}

/// Between three quarters of a wait and all of it: collectors that lost a router together do not come back together.
fn jittered(wait: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 256;
    wait * (768 + u32::try_from(random).unwrap_or(0)) / 1_024
}

/// Tells the hub what happened; a reason when the connection is of no use any more.
fn events(client: &mut Client, hub: &Hub, now: Timestamp, subscribed: &HashSet<Arc<str>>) -> Option<String> {
    let mut closed = None;
    while let Some(event) = client.poll_event() {
        match event {
            Event::Opened => hub.connected(now),
            Event::Message { address, octets } => hub.message(now, &address, &octets),
            Event::Detached { address, reason } => {
                let said = format!("the router closed the link {address:?}: {}", or_none(&reason));
                // What a subscription would have brought is missed in silence: a new connection subscribes and asks for everything
                // again. A question that nobody takes is no reason to lose the connection.
                if subscribed.contains(&*address) {
                    closed = Some(said);
                } else {
                    eprintln!("van-collector: {said}");
                }
            }
            Event::Closed { reason } => closed = Some(format!("the router closed the connection: {}", or_none(&reason))),
            _ => {}
        }
    }
    closed
}

const fn or_none(reason: &str) -> &str {
    if reason.is_empty() { "no reason given" } else { reason }
}

/// Time passes, also while there is no connection: sources fall silent.
async fn ticking(hub: &Hub) {
    loop {
        sleep(TICK).await;
        hub.tick(wall_clock());
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_routers() {
        let read =
            |text: &str| text.parse::<RouterAddress>().map(|address| address.to_string()).map_err(|error| format!("{error:#}"));
        assert_eq!(read("amqp://localhost"), Ok("amqp://localhost:5672".into()));
        assert_eq!(read("amqps://skupper-router-local:5671/"), Ok("amqps://skupper-router-local:5671".into()));
        assert_eq!(read("amqps://[::1]"), Ok("amqps://[::1]:5671".into()));
        assert_eq!(read("amqp://[fd00::2]:7000"), Ok("amqp://[fd00::2]:7000".into()));
        assert!(read("http://x").unwrap_err().contains("amqps://HOST"));
        assert!(read("amqp://user:secret@x").unwrap_err().contains("certificate"));
        assert_eq!(read("amqp://x:70000").unwrap_err(), "\"70000\" is no port: number too large to fit in target type");
        assert!(read("amqp://").unwrap_err().contains("no host"));
    }
}
