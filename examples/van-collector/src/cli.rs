//! The command line.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Parser;
use tokio::net::TcpListener;
use tokio::sync::watch;
use vanflow::client;
use vanflow::collector::Settings;

use crate::feed::{Certificates, Pace, Recording, Retry, RouterAddress, RouterFeed};
use crate::http::serve;
use crate::http_options::{HttpOptions, at_least_one};
use crate::hub::{Clock, Hub};
use crate::ndjson::{FlowWriter, WhenFull};

/// Collects Skupper's VAN-Flow from a router, or from a recording, and shows the network.
///
/// The page is at http://127.0.0.1:8010/ unless --listen says otherwise; programs ask /api/v2alpha1/ (as with Skupper's network observer)
/// or /api/v1alpha1/ (as with the prototype collector), Prometheus asks /metrics.
#[derive(Debug, Clone, Parser)]
#[command(name = "van-collector", version, about, after_long_help = EXAMPLES)]
#[command(override_usage = "van-collector [OPTIONS] ROUTER\n       van-collector [OPTIONS] --replay FILE.bin")]
pub struct Arguments {
    /// The router to connect to: `amqp://HOST[:PORT]`, or `amqps://HOST[:PORT]` with certificates.
    #[arg(required_unless_present = "replay", conflicts_with = "replay", value_name = "ROUTER")]
    pub router: Option<RouterAddress>,
    /// Play a recording instead: messages, each behind its length in four octets (big-endian).
    ///
    /// Times and link addresses are those of NAME.index.tsv beside NAME.bin. Without it, the clock is that of the heartbeats inside, and
    /// a message came by the address it was sent to. The clock stands still at the end, so that what ended stays visible.
    #[arg(long, value_name = "FILE.bin")]
    pub replay: Option<PathBuf>,
    /// How fast a recording is played.
    #[arg(long, value_enum, default_value_t = Pace::Max, conflicts_with = "router")]
    pub pace: Pace,
    /// Serve nothing, and end when the recording is over and its flows are written.
    #[arg(long, conflicts_with_all = ["router", "listen"], requires = "flows")]
    pub once: bool,
    /// Folder with `ca.crt`, `tls.crt` and `tls.key`, for amqps://.
    #[arg(long, value_name = "FOLDER", default_value = "/etc/messaging", conflicts_with = "replay")]
    pub certificates: PathBuf,
    /// The name the router's certificate has to have, where it is not the host's.
    #[arg(long, value_name = "NAME", conflicts_with = "replay")]
    pub server_name: Option<String>,
    /// Name of this collector towards the router; no two may have the same. Default: made from the process.
    #[arg(long, value_name = "NAME", conflicts_with = "replay")]
    pub container: Option<String>,
    /// Where HTTP is served. Other than loopback, anyone who reaches it reads everything.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8010", value_parser = address_and_port)]
    pub listen: SocketAddr,
    /// Write a JSON line for each connection and request when it is over; `-` is standard output.
    ///
    /// A line waits until all of the flow is known, 20 seconds at most; `van_complete` is 0 then. What turns out otherwise later (a router
    /// that was silent returns, and its connections live) is written once more when it is over: `van_correction` says how many lines came
    /// before, `van_id` and `start` are theirs. What lives when the program ends has no `end`.
    ///
    /// A file that exists is appended to. Flows that could not be written are counted, told at the end, and exit with status 1.
    #[arg(long, value_name = "FILE")]
    pub flows: Option<PathBuf>,
    /// Flow records held at most, live and ended; over it one goes for each that comes, and is counted.
    #[arg(long, value_name = "COUNT", default_value_t = Settings::default().flows, value_parser = at_least_one)]
    pub max_flows: usize,
    /// How long ended records stay.
    #[arg(long, value_name = "SECONDS", default_value_t = Settings::default().retention.as_secs())]
    pub retention: u64,
    /// After how long without a word a source's records are taken for ended.
    #[arg(long, value_name = "SECONDS", default_value_t = Settings::default().silence.as_secs(), value_parser = clap::value_parser!(u64).range(1..))]
    pub silence: u64,
    /// Limits of what is served.
    #[command(flatten)]
    pub http: HttpOptions,
}

const EXAMPLES: &str = "\
Examples:
  van-collector amqp://localhost:5672             a router on this machine
  van-collector amqps://skupper-router-local --certificates /etc/messaging --listen 0.0.0.0:8010
  van-collector --replay v2-main.bin              a recording, as fast as it goes, then the page
  van-collector --replay v2-main.bin --pace real  the page while it happens
  van-collector --replay v2-main.bin --once --flows - | jq .van_address
  curl 'http://127.0.0.1:8010/api/v2alpha1/connections?sortBy=octetCount.desc&limit=5'
  curl -N 'http://127.0.0.1:8010/api/v1alpha1/flows?vanaddr=echo:9090&watch=1'

Exit status: 0 when it was asked to end, 1 when it could not do what was asked, 2 for a wrong command line.";

/// Runs the program.
#[must_use]
pub fn run(arguments: &Arguments) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let done = runtime.context("no threads").and_then(|runtime| {
        let done = runtime.block_on(collect(arguments));
        // Watchers may stay; they are not waited for.
        runtime.shutdown_timeout(Duration::from_secs(1));
        done
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("van-collector: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn collect(arguments: &Arguments) -> anyhow::Result<()> {
    let mut settings = Settings::default();
    settings.flows = arguments.max_flows;
    settings.retention = Duration::from_secs(arguments.retention);
    settings.silence = Duration::from_secs(arguments.silence);
    // What can fail comes first: nothing is written by a program that cannot begin.
    if arguments.router.as_ref().is_some_and(RouterAddress::is_tls) {
        Certificates::in_folder(&arguments.certificates).check()?;
    } else if arguments.server_name.is_some() {
        bail!("--server-name is for amqps://: without TLS the router shows no certificate");
    }
    let recording = arguments.replay.as_ref().map(|file| Recording::open(file)).transpose()?;
    let listener = if arguments.once { None } else { Some(listen(arguments.listen).await?) };
    let pace = arguments.pace;
    let when_full = if recording.is_some() && pace == Pace::Max { WhenFull::Wait } else { WhenFull::Lose };
    let flows = arguments.flows.as_ref().map(|file| writer(file, when_full)).transpose()?;
    let state = flows.as_ref().map(FlowWriter::state);
    let (stop, mut stopped) = watch::channel(false);
    let (hub, mut feed) = match (recording, &arguments.router) {
        (Some(recording), _) => {
            let name = arguments.replay.as_ref().and_then(|file| file.file_name()).unwrap_or_default().to_string_lossy();
            let hub = Hub::new(settings, Clock::Recording, &name, flows);
            let player = Arc::clone(&hub);
            let feed = tokio::spawn(async move {
                tokio::select! {
                    () = recording.play(&player, pace) => {}
                    _ = stopped.changed() => {}
                }
            });
            (hub, feed)
        }
        (None, Some(address)) => {
            let hub = Hub::new(settings, Clock::Live, &address.to_string(), flows);
            let (feed, player) = (router_feed(arguments, address), Arc::clone(&hub));
            (hub, tokio::spawn(async move { feed.run(&player, stopped).await }))
        }
        (None, None) => bail!("neither a router nor a recording"),
    };
    let serving = async {
        // Who asks about a recording that is not shown as it happens, asks about all of it.
        if arguments.once || arguments.replay.is_some() && pace == Pace::Max {
            (&mut feed).await?;
        }
        let Some(listener) = listener else { return Ok(()) };
        eprintln!("van-collector: the network is at http://{}/", listener.local_addr()?);
        serve(listener, Arc::clone(&hub), arguments.http.limits()).await.context("HTTP")
    };
    let failed = async {
        match &state {
            Some(state) => state.failed().await,
            None => core::future::pending().await,
        }
    };
    let ended = tokio::select! {
        ended = serving => ended,
        () = asked_to_end() => Ok(()),
        () = failed => Ok(()),
    };
    // The feed says goodbye to its router, and waits for no reader of flows any more.
    stop.send_replace(true);
    if let Some(state) = &state {
        state.hurry();
    }
    if !feed.is_finished() {
        let _ = tokio::time::timeout(Duration::from_secs(2), feed).await;
    }
    let closed = tokio::task::spawn_blocking(move || hub.close()).await?;
    ended.and(closed)
}

fn address_and_port(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "an address and a port are wanted: 127.0.0.1:8010, [::1]:8010, or 0.0.0.0:8010 for all who reach it")
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listener = TcpListener::bind(address).await;
    listener.with_context(|| format!("{address} cannot be listened on; --listen says where else"))
}

fn router_feed(arguments: &Arguments, address: &RouterAddress) -> RouterFeed {
    let name = arguments.container.clone().unwrap_or_else(|| format!("van-collector-{}", std::process::id()));
    let mut settings = client::Settings::new(&name);
    settings.external = address.is_tls();
    RouterFeed {
        address: address.clone(),
        certificates: address.is_tls().then(|| Certificates::in_folder(&arguments.certificates)),
        server_name: arguments.server_name.clone(),
        settings,
        retry: Retry::default(),
    }
}

fn writer(file: &std::path::Path, when_full: WhenFull) -> anyhow::Result<FlowWriter> {
    let out: Box<dyn Write + Send> = if file.as_os_str() == "-" {
        Box::new(BufWriter::new(io::stdout()))
    } else {
        let opened = File::options().append(true).create(true).open(file);
        Box::new(BufWriter::new(opened.with_context(|| format!("flows cannot be written to {}", file.display()))?))
    };
    FlowWriter::new(out, when_full)
}

/// Control-C, or what an orchestrator sends.
async fn asked_to_end() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupted => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    let _ = interrupted.await;
}
