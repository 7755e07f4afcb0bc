//! The command line.

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, ValueEnum};
use flowcodec::io::goflow2;
use flowenrich::Mapping;
use tracing::{Level, error, info, warn};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cluster::{self, Known};
use crate::go_flags::doubled;
use crate::pipe::{Messages, Pipe};
pub use crate::question::{At, Dialect};
use crate::question::{Pair, pairs};

/// Adds to goflow2's output which pod, workload, node or service was behind each address.
///
/// Reads records from standard input, one JSON object a line, and writes them to standard output with members added; every other member,
/// their order and the spelling of numbers stay as they are. A line that is no record is passed through unchanged.
///
/// What is known of the cluster comes from its API (--kubeconfig, else $KUBECONFIG, else the pod's own service account) or from a dump
/// (--objects). The answer is that for the time of the flow: an address that one pod had at nine and another has now is told apart.
#[derive(Debug, Parser)]
#[command(name = "kube-enricher", version, disable_version_flag = true, after_long_help = MEMBERS_AND_EXAMPLES)]
pub struct Arguments {
    /// Which members hold addresses, and how the names of added members begin: `SrcAddr=Src,DstAddr=Dst,NextHop=Nxt`.
    ///
    /// Any member can be named, also one that an earlier pair added. Without it: SrcAddr=Src,DstAddr=Dst, or src_addr=Src,dst_addr=Dst in
    /// records of goflow2 2.x.
    #[arg(long, value_name = "MEMBER=PREFIX,...")]
    pub mapping: Option<Mapping>,
    /// How records come: lines of JSON, or protobuf messages with their length in front (goflow2 2.x: -format bin; 1.x: -format pb
    /// -format.protobuf.fixedlen). Lines of JSON go out of both.
    #[arg(long, value_enum, default_value_t = Input::Json)]
    pub input: Input,
    /// The form of goflow2's records; without it each line shows its own. Of protobuf it says how members are named in the JSON that
    /// goes out: v2 without it, v1 with --compat.
    #[arg(long, value_enum)]
    pub dialect: Option<Dialect>,
    /// What stands behind each protobuf message: goflow2's file transport puts a newline there, unless it is told -transport.file.sep="".
    /// Without it the first message shows it.
    #[arg(long, value_enum)]
    pub separator: Option<Separator>,
    /// A file of objects instead of a live cluster, as `kubectl get pods,svc,nodes,endpointslices,rs,rc,deploy,jobs,cronjobs -A -o
    /// json` prints it: a List, or a bare array.
    #[arg(long, value_name = "DUMP.json")]
    pub objects: Option<PathBuf>,
    /// How the cluster is reached; the file that kubectl uses.
    #[arg(long, value_name = "FILE", conflicts_with = "objects")]
    pub kubeconfig: Option<PathBuf>,
    /// Wait so many seconds at most for the cluster to be known before the first record is read. Without it, records that come earlier say
    /// so (`not synced`). --compat waits 30 seconds, unless told otherwise; records that come before the cluster is known get nothing added
    /// then, and are counted.
    #[arg(long, value_name = "SECONDS", conflicts_with = "objects")]
    pub wait: Option<u64>,
    /// For which time is asked: `record` (its end, else its start, else when it was received), `now`, or a time as RFC 3339 writes it.
    /// With `record`, those without any time are asked for now, and counted.
    #[arg(long, default_value = "record", value_name = "WHEN")]
    pub at: At,
    /// Answer as goflow2-kube-enricher of 2021 did, to the octet: members sorted, HTML escapes, the first of several, at any time.
    ///
    /// Integers keep their digits, which is the one difference. --at has no effect.
    #[arg(long)]
    pub compat: bool,
    /// With --compat, whether addresses that are no pod's are looked for among services.
    #[arg(long, value_enum, default_value_t = Switch::On, requires = "compat")]
    pub services: Switch,
    /// What is told on standard error: trace, debug, info, warning, error, fatal; anything else is info.
    #[arg(long, default_value = "info", value_name = "LEVEL")]
    pub loglevel: String,
    /// Print the version and end.
    #[arg(short = 'v', long = "version", short_alias = 'V', action = clap::ArgAction::Version)]
    version: Option<bool>,
}

const MEMBERS_AND_EXAMPLES: &str = "\
Added members, each behind its prefix (Src, Dst):
  Pod Namespace HostIP Workload WorkloadKind    as goflow2-kube-enricher has them
  Kind Name Node Zone                           Pod, Node or Service; its name; where it is
  By                                            how a service has the address: clusterIP, externalIP, loadBalancer, nodePort, endpoint
  Owners                                        upward: [\"ReplicaSet/api-7b9c\", \"Deployment/api\"]
  Ambiguous                                     all who have equal right to the address: [\"a/one\", \"b/two\"]
  Warn                                          `not synced` until the cluster is known; or that there are several

Examples:
  goflow2 | kube-enricher
  goflow2 | kube-enricher -mapping \"SrcAddr=Src,DstAddr=Dst,NextHop=Nxt\"
  goflow2 -format bin | kube-enricher --input pb
  kube-enricher --objects dump.json --at 2026-11-20T09:05:00Z < flows.json
  goflow2 | kube-enricher --compat              what goflow2-kube-enricher would have printed

Flags can be written as Go's are, -mapping=X or -mapping X, and with two dashes.
The service account needs list and watch on pods, services, nodes, endpointslices, replicasets, deployments, statefulsets, daemonsets,
jobs, cronjobs and replicationcontrollers (examples/kube-enricher/goflow-kube.yaml). Kinds that may not be listed are told and done
without, but for pods, services and nodes.
Exit status: 0 at the end of the input, 1 when the cluster or the input cannot be read, 2 for a wrong command line.";

/// The forms of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Input {
    /// One JSON object a line.
    Json,
    /// Protobuf messages, each behind its length.
    Pb,
}

/// What stands behind a protobuf message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Separator {
    /// A newline.
    Newline,
    /// Nothing.
    None,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Yes.
    On,
    /// No.
    Off,
}

impl Arguments {
    /// Those of the command line; ends the program when they are wrong, or ask for help.
    #[must_use]
    pub fn from_command_line() -> Self {
        let arguments = Self::parse_from(go_style(std::env::args_os()));
        match arguments.conflict() {
            Some(conflict) => Self::command().error(ErrorKind::ArgumentConflict, conflict).exit(),
            None => arguments,
        }
    }

    /// What does not go together.
    fn conflict(&self) -> Option<&'static str> {
        let is_for_messages = self.separator.is_some() && self.input == Input::Json;
        is_for_messages.then_some("--separator is for --input pb: lines of JSON end with a newline")
    }
}

/// Turns Go's forms of flags into clap's.
fn go_style(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let command = Arguments::command();
    let (options, mut flags): (Vec<_>, Vec<_>) =
        command.get_arguments().partition(|argument| argument.get_action().takes_values());
    let names =
        |arguments: Vec<&clap::Arg>| arguments.iter().filter_map(|argument| argument.get_long().map(str::to_owned)).collect();
    flags.retain(|argument| !argument.is_positional());
    let mut flags: Vec<String> = names(flags);
    flags.extend(["v", "help"].map(str::to_owned));
    doubled(arguments, &flags, &names(options))
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::from_command_line();
    log_to_stderr(&arguments.loglevel);
    match enrich(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has seen enough.
        Err(failure) if is_broken_pipe(&failure) => ExitCode::SUCCESS,
        Err(failure) => {
            error!("{failure:#}");
            ExitCode::FAILURE
        }
    }
}

fn enrich(arguments: &Arguments) -> anyhow::Result<()> {
    let known = known(arguments)?;
    let pairs = pairs(arguments.mapping.as_ref(), arguments.dialect);
    let mut pipe = Pipe::new(pairs, known, arguments.at, arguments.services == Switch::On);
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let result = match arguments.input {
        Input::Json => pipe.run(io::stdin().lock(), &mut out),
        Input::Pb => pipe.run_messages(io::stdin().lock(), &mut out, messages(arguments)),
    };
    let counts = pipe.counts();
    info!("{counts}");
    for members in pipe.pairs.iter().filter_map(Pair::unmet).filter(|_| counts.records > 0) {
        warn!("no record had an address in {members}; --mapping says where addresses are");
    }
    result
}

fn messages(arguments: &Arguments) -> Messages {
    let dialect = match arguments.dialect {
        Some(Dialect::V1) => goflow2::Dialect::V1,
        None if arguments.compat => goflow2::Dialect::V1,
        Some(Dialect::V2) | None => goflow2::Dialect::V2,
    };
    Messages { separated: arguments.separator.map(|separator| separator == Separator::Newline), dialect }
}

fn known(arguments: &Arguments) -> anyhow::Result<Known> {
    match &arguments.objects {
        Some(dump) => cluster::from_dump(dump, arguments.compat),
        #[cfg(feature = "kube")]
        None => crate::live::follow(arguments.kubeconfig.as_deref(), arguments.compat, arguments.wait),
        #[cfg(not(feature = "kube"))]
        None => anyhow::bail!("built without the feature `kube`: give --objects DUMP.json"),
    }
}

fn is_broken_pipe(failure: &anyhow::Error) -> bool {
    failure.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn log_to_stderr(wanted: &str) {
    let known = match wanted.to_ascii_lowercase().as_str() {
        "trace" => Some(Level::TRACE),
        "debug" => Some(Level::DEBUG),
        "info" => Some(Level::INFO),
        "warn" | "warning" => Some(Level::WARN),
        "error" | "fatal" | "panic" => Some(Level::ERROR),
        _ => None,
    };
    let level = known.unwrap_or(Level::INFO);
    // What libraries have to say is for who looks for their faults.
    let others = if level >= Level::DEBUG { LevelFilter::from_level(level) } else { LevelFilter::OFF };
    tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .with_max_level(level)
        .finish()
        .with(Targets::new().with_target(env!("CARGO_CRATE_NAME"), level).with_default(others))
        .init();
    if known.is_none() {
        let _ = writeln!(io::stderr(), "kube-enricher: log level {wanted} not recognized, using info");
    }
}
