//! The command line.

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, ValueEnum};
use flowcodec::model::Schema;
use flowcodec::{Decoder, Event, Settings};
use indicatif::{ProgressBar, ProgressStyle};

use crate::destination::Destination;
use crate::feed::{Feed, Place, file_offset};
use crate::fields::{self, Columns, ColumnsError};
use crate::filter::{Filter, FilterError};
use crate::input::Options;
use crate::output::{Csv, Form, Output, Table, exporters_as_json, exporters_as_table};

/// Shows the flows inside captures, IPFIX files and raw datagrams.
///
/// FILE is a pcap or pcapng capture (gzipped too), or an IPFIX file (RFC 5655). Flow protocols are recognised by their content on any
/// UDP port, and IPFIX inside TCP too; other traffic is passed over and counted. Files given together share one decoder, in order: a
/// template in the first serves the data in the second.
#[derive(Debug, Parser)]
#[command(name = "flowdump", version, about, after_long_help = FILTERS_AND_EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Arguments {
    /// How flows are shown.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Fields to show, in this order, as columns or members: `src_addr,dst_addr,octets`.
    ///
    /// The names are those of --list-fields. Without it, the table has the columns a person asks for first, JSON every field that is
    /// present, and CSV addresses, ports, counters, times, interfaces, routing, application and Kubernetes names.
    #[arg(long, value_name = "NAME,...", value_parser = columns, conflicts_with_all = ["stats", "exporters"])]
    pub fields: Option<Columns>,
    /// Show only the records that pass: 'src_addr in 10.0.0.0/8 and dst_port = 443'; --help says more.
    #[arg(long, value_name = "EXPRESSION", value_parser = filter, conflicts_with_all = ["stats", "exporters"])]
    pub filter: Option<Filter>,
    /// Write to FILE instead of standard output.
    ///
    /// FILE is there when it is complete, or not at all: until then the output stands beside it under a hidden name, and FILE, if there is
    /// one, stays as it was. When an input could not be read to its end, what was read is kept as FILE.incomplete.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// In Arrow and Parquet, addresses as octets (16, IPv4 mapped; 6 of a MAC address) instead of text.
    #[arg(long)]
    pub binary_addresses: bool,
    /// Show counters, as one JSON object, instead of flows.
    #[arg(long, conflicts_with = "exporters")]
    pub stats: bool,
    /// Show who emitted what, as a table or with --format json, instead of flows.
    ///
    /// One line for each source address and port, protocol, and observation domain or sFlow agent and sub-agent. STATUS is the worst
    /// that is true:
    /// `silent` (heard, but nothing it sent gave a record), `faults` (something could not be decoded), `loss` (by its sequence numbers
    /// records or packets are missing), `ok`.
    #[arg(long)]
    pub exporters: bool,
    /// Print the names of all fields, with type, unit and meaning.
    #[arg(long, conflicts_with_all = ["stats", "exporters", "fields", "filter"])]
    pub list_fields: bool,
    /// Each FILE is one bare datagram: a UDP payload and nothing else.
    #[arg(long)]
    pub raw: bool,
    /// Let data use a template of another observation domain of the same exporter, when its own has none (Open vSwitch 3.1).
    #[arg(long)]
    pub other_domains: bool,
    /// Files to read; `-` is standard input.
    #[arg(required_unless_present = "list_fields", value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

const FILTERS_AND_EXAMPLES: &str = "\
Filters:
  dst_port = 443                      also != < <= > >=; a field alone: the flow has it
  src_addr in 10.0.0.0/8              a network, a range (1024-65535) or a list (22, 80, 8000-8099)
  src_pod contains web                part of a text, member of a list; also ~
  addr = 10.0.0.1 and not port = 53   without src_ and dst_: either side
  ip_protocol = tcp or vlan           not binds before and, and before or; also ! && || and ( )
  octets >= 10MB                      k M G T are thousands, Ki Mi Gi Ti 1024s
  start >= 2026-11-21T04:16:41Z       RFC 3339; UTC without a zone, midnight without a time
  in_if_name = \"to the core\"          quotes around what is no plain word; in them \\\" \\\\ \\xNN
  Names are those of --list-fields. A test of a field that the flow does not have is false, != too:
  dst_port != 53 wants another port, not dst_port = 53 passes flows without ports as well.

Examples:
  flowdump capture.pcap                           the flows in a capture
  flowdump --format json capture.pcap.gz          one object a line, names as in the README
  flowdump --format elements templates.ipfix data.ipfix
  flowdump --format csv --fields start,src_addr,dst_addr,octets capture.pcap
  flowdump --filter 'src_addr in 10.0.0.0/8 and dst_port = 443' capture.pcap
  flowdump --format parquet -o flows.parquet capture.pcap
  tcpdump -w - udp port 4739 | flowdump -
  flowdump --exporters capture.pcap               who emitted what, and what was lost
  flowdump --stats capture.pcap                   what was in it, and what could not be decoded

What could not be decoded is said on standard error, with its offset in the file.
Exit status: 0 when all files were read to their end (faults inside do not count), 1 when one could not be, 2 for a wrong command line.";

/// The forms of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns for people.
    Table,
    /// The common model: one JSON object a line.
    Json,
    /// Comma-separated values with a header (RFC 4180).
    Csv,
    /// Every information element by its registered name: one JSON object a line.
    Elements,
    /// An Arrow stream (IPC), of batches with the columns of CSV. Only with the feature `columnar`.
    Arrow,
    /// A Parquet file (zstd) with the columns of CSV. Only with the feature `columnar`.
    Parquet,
}

fn columns(list: &str) -> Result<Columns, ColumnsError> {
    Columns::named(list, &Schema::common())
}

fn filter(expression: &str) -> Result<Filter, FilterError> {
    Filter::parse(expression, Schema::common())
}

impl Arguments {
    /// Those of the command line; ends the program when they are wrong, or ask for help.
    #[must_use]
    pub fn from_command_line() -> Self {
        let arguments = Self::parse();
        let conflict = match arguments.format {
            Format::Elements if arguments.fields.is_some() => "--format elements shows all elements; --fields is for the others",
            Format::Table | Format::Json => return arguments.without_binary(),
            _ if arguments.exporters => "--exporters comes as a table, or with --format json",
            Format::Csv | Format::Elements => return arguments.without_binary(),
            Format::Arrow | Format::Parquet if arguments.stats => "--stats is JSON; --format says how flows are shown",
            Format::Arrow | Format::Parquet if cfg!(not(feature = "columnar")) => {
                "this flowdump was built without Arrow and Parquet; with them: cargo run --release -p flowdump --features columnar"
            }
            Format::Arrow | Format::Parquet if arguments.output.is_none() && io::stdout().is_terminal() => {
                "Arrow and Parquet are not for a terminal: write to a file with -o FILE, or into a pipe"
            }
            Format::Arrow | Format::Parquet => return arguments,
        };
        Self::command().error(ErrorKind::ArgumentConflict, conflict).exit()
    }

    /// These, in which nothing is about Arrow and Parquet.
    fn without_binary(self) -> Self {
        if self.binary_addresses {
            let conflict = "--binary-addresses is for --format arrow and --format parquet";
            Self::command().error(ErrorKind::ArgumentConflict, conflict).exit()
        }
        self
    }

    /// What to make of the records.
    fn output(&self, schema: &Arc<Schema>) -> anyhow::Result<Output> {
        let columns = self.fields.clone();
        let form = match self.format {
            _ if self.stats || self.exporters => Form::Quiet,
            Format::Table => Form::Table(columns.map_or_else(Table::usual, |columns| Table::of(columns, schema))),
            Format::Json => Form::Json(columns),
            Format::Csv => Form::Csv(Csv::new(columns.unwrap_or_else(|| Columns::common(schema)))),
            Format::Elements => Form::Elements,
            Format::Arrow | Format::Parquet => self.columnar(columns.unwrap_or_else(|| Columns::common(schema)), schema)?,
        };
        Ok(Output::new(Arc::clone(schema), form, self.filter.clone()))
    }

    #[cfg(feature = "columnar")]
    fn columnar(&self, columns: Columns, schema: &Arc<Schema>) -> anyhow::Result<Form> {
        use flowcodec::io::arrow::Addresses;

        use crate::output::{Columnar, Kind};

        let kind = if self.format == Format::Arrow { Kind::Stream } else { Kind::Parquet };
        let addresses = if self.binary_addresses { Addresses::Octets } else { Addresses::Text };
        Ok(Form::Columnar(Box::new(Columnar::new(kind, columns, schema, addresses)?)))
    }

    #[cfg(not(feature = "columnar"))]
    #[expect(clippy::unused_self, reason = "with the feature it is used")]
    fn columnar(&self, _: Columns, _: &Arc<Schema>) -> anyhow::Result<Form> {
        anyhow::bail!("built without the feature columnar")
    }
}

/// Faults that are told one by one; the rest are only counted.
const TOLD: u64 = 20;

/// Runs the program.
#[must_use]
pub fn run(arguments: &Arguments) -> ExitCode {
    match write(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        // Whoever reads our output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes the output to where it belongs.
fn write(arguments: &Arguments) -> anyhow::Result<bool> {
    let mut out = Destination::open(arguments.output.as_deref(), &arguments.files)?;
    let name = out.name();
    let whole = dump(arguments, &mut out).with_context(|| name.clone())?;
    if let Some(kept) = out.finish(whole).with_context(|| name.clone())? {
        tell(&format_args!("{name} is not written; what could be read is in {}", kept.display()));
    }
    Ok(whole)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn tell(what: &dyn std::fmt::Display) {
    let _ = writeln!(io::stderr(), "flowdump: {what}");
}

/// Reads all files; `false` when one of them could not be read to its end.
///
/// # Errors
/// When `out` does not take the output.
pub fn dump(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<bool> {
    let schema = Schema::common();
    if arguments.list_fields {
        fields::list(out, &schema)?;
        return Ok(true);
    }
    let mut settings = Settings::default();
    settings.scope.other_domains = arguments.other_domains;
    let mut feed = Feed::new(Decoder::new(settings), Options { raw: arguments.raw });
    let mut output = arguments.output(&schema)?;
    // Who asks for counters finds the faults there.
    let counted = arguments.stats || arguments.exporters;
    let mut whole = true;
    let mut faults = 0_u64;
    let mut failed: Option<io::Error> = None;
    {
        let mut each = |place: Place<'_>, event: Event<'_>| {
            if let Event::Fault(event) = &event {
                faults = faults.saturating_add(1);
                if faults <= TOLD && !counted {
                    tell(&Told { place, event });
                }
            }
            match output.event(out, &event) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        for file in &arguments.files {
            let bar = progress_bar(file);
            let result = feed.read(file, &mut |at| bar.as_ref().into_iter().for_each(|bar| bar.set_position(at)), &mut each);
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
            if let Err(error) = result {
                tell(&error);
                whole = false;
            }
        }
        feed.finish(&mut each);
    }
    if let Some(error) = failed {
        return Err(error.into());
    }
    output.finish(out)?;
    if arguments.exporters {
        let exporters = feed.exporters();
        let show = if arguments.format == Format::Json { exporters_as_json } else { exporters_as_table };
        show(out, &exporters)?;
    } else if arguments.stats {
        serde_json::to_writer(&mut *out, &feed.summary())?;
        writeln!(out)?;
    } else if faults > TOLD {
        tell(&format_args!("{} more faults; --stats counts them all", faults.saturating_sub(TOLD)));
    }
    Ok(whole)
}

/// A fault as a sentence: file, offset in the file, exporter, what.
struct Told<'a> {
    place: Place<'a>,
    event: &'a flowcodec::FaultEvent<'a>,
}

impl std::fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (context, fault) = (self.event.context, self.event.fault);
        if !self.place.file.as_os_str().is_empty() {
            write!(f, "{}: ", self.place.file.display())?;
        }
        if let Some(offset) = file_offset(self.place, context, fault.offset) {
            write!(f, "octet {offset}: ")?;
        }
        write!(f, "{} from {}: {fault}", context.protocol, context.exporter)
    }
}

/// A bar for files that take a while, where somebody watches.
fn progress_bar(file: &Path) -> Option<ProgressBar> {
    const WORTH_IT: u64 = 16 << 20;
    let length = file.metadata().ok()?.len();
    if length < WORTH_IT || !io::stderr().is_terminal() {
        return None;
    }
    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}").ok()?;
    Some(ProgressBar::new(length).with_style(style).with_message(file.display().to_string()))
}
