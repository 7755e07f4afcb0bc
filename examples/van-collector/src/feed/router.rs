//! A router, live: connects, carries out what the collector wants, and begins again when the connection is lost.

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

use super::address::RouterAddress;
use super::tls::{self, Certificates};
use crate::hub::{FeedState, Hub, wall_clock};

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
            eprintln!("van-collector: {}: {reason}; next try in {:.1} s", self.address, pause.as_secs_f32());
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
        let (host, port) = self.address.place();
        let stream = TcpStream::connect((host, port)).await.context("no connection")?;
        stream.set_nodelay(true)?;
        if !self.address.is_tls() {
            return Ok(Box::new(stream));
        }
        let certificates = self.certificates.as_ref().context("amqps:// needs certificates")?;
        let host = self.server_name.as_deref().unwrap_or(host);
        let name = ServerName::try_from(host.to_owned()).with_context(|| format!("\"{host}\" is no name of a server"))?;
        let connected = certificates.connector()?.connect(name, stream).await;
        Ok(Box::new(connected.map_err(|error| tls::told(error, host, certificates))?))
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
