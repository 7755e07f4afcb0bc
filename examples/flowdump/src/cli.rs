//! The command line.

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, ValueEnum};
use flowcodec::io::goflow2::Skipped;
use flowcodec::model::Schema;
use flowcodec::{Decoder, Event, Settings};
use indicatif::{ProgressBar, ProgressStyle};

use crate::destination::{Destination, Extent};
use crate::feed::{Feed, Place, Seen};
use crate::fields::{self, Columns, ColumnsError};
use crate::filter::{Filter, FilterError};
use crate::goflow2::{Goflow2InputOptions, Goflow2Options};
use crate::input::{InputError, Options};
use crate::output::{Csv, Elements, Form, Goflow2, Json, Output, Table, exporters_as_json, exporters_as_table};
use crate::report::{Report, tell};

/// Shows the flows inside captures, IPFIX files, raw datagrams and goflow2's output.
///
/// FILE is a pcap or pcapng capture, an IPFIX file (RFC 5655), or what goflow2 wrote (JSON lines, protobuf), gzipped too. Flow protocols
/// are recognised by their content on any UDP port, and IPFIX inside TCP too; other traffic is passed over and counted. Files given
/// together share one decoder, in order: a template in the first serves the data in the second.
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
    /// one, stays as it was. When an input could not be read to its end, what was read, if anything, is kept as FILE.incomplete.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write each line to standard output as soon as it is complete, as is done on a terminal anyway: for a pipe that is watched.
    #[arg(long, conflicts_with = "output")]
    pub line_buffered: bool,
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
    /// How goflow2's messages are written.
    #[command(flatten)]
    pub goflow2: Goflow2Options,
    /// What is said of goflow2's messages that are read.
    #[command(flatten)]
    pub goflow2_input: Goflow2InputOptions,
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
  flowdump --format json capture.pcap.gz          one object a line, names as --list-fields has them
  flowdump --format elements templates.ipfix data.ipfix
  flowdump --format csv --fields start,src_addr,dst_addr,octets capture.pcap
  flowdump --filter 'src_addr in 10.0.0.0/8 and dst_port = 443' capture.pcap
  flowdump --format parquet -o flows.parquet capture.pcap
  flowdump --format goflow2-json capture.pcap     what goflow2 2.x would write; --dialect v1 for 1.x
  flowdump --format goflow2-bin --separator none capture.pcap     for ClickHouse's format Protobuf
  flowdump --filter 'dst_port = 443' goflow2.json     goflow2's output is an input too
  flowdump --input-format goflow2-bin --input-dialect v1 flows.pb     where it does not tell by itself what it is
  tcpdump -U -w - udp port 4739 | flowdump -      as they come; with --line-buffered into a pipe too
  flowdump --exporters capture.pcap               who emitted what, and what was lost
  flowdump --stats capture.pcap                   what was in it, and what could not be decoded

In texts of exporters, octets that are not UTF-8 stand as \\xNN, and so do control characters in the table and in CSV; a backslash
that by itself would look like that stands as \\x5c. Arrow and Parquet have the octets in raw_text.

What could not be decoded is said on standard error, with its offset in the file.
Exit status: 0 when all files were read to their end (faults inside do not count), 1 when one could not be (it is cut, or its
messages cannot be told from one another any more), 2 for a wrong command line. Of an IPFIX file that ends inside a message all
that is there is read: that is a fault inside, and 1 only with -o, where a whole file is promised.";

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
    /// goflow2's message: one JSON object a line.
    Goflow2Json,
    /// goflow2's message: protobuf.
    Goflow2Bin,
}

fn columns(list: &str) -> Result<Columns, ColumnsError> {
    Columns::named(list, &fields::schema())
}

fn filter(expression: &str) -> Result<Filter, FilterError> {
    Filter::parse(expression, fields::schema())
}

impl Arguments {
    /// Those of the command line; ends the program when they are wrong, or ask for help.
    #[must_use]
    pub fn from_command_line() -> Self {
        let arguments = Self::parse();
        match arguments.conflict() {
            Some(conflict) => Self::command().error(ErrorKind::ArgumentConflict, conflict).exit(),
            None => arguments,
        }
    }

    fn is_to_stdout(&self) -> bool {
        self.output.as_deref().is_none_or(|output| output == Path::new("-"))
    }

    /// What does not go together.
    fn conflict(&self) -> Option<&'static str> {
        let to_goflow2 = matches!(self.format, Format::Goflow2Json | Format::Goflow2Bin);
        let columnar = matches!(self.format, Format::Arrow | Format::Parquet);
        let binary = columnar || self.format == Format::Goflow2Bin;
        let to_stdout = self.is_to_stdout();
        if let Some(conflict) = self.goflow2_input.conflict() {
            return Some(conflict);
        }
        Some(match self.format {
            _ if self.goflow2.is_given() && !to_goflow2 => {
                "--dialect, --length-prefix and --separator are for --format goflow2-json and --format goflow2-bin"
            }
            Format::Goflow2Json if self.goflow2.is_framing_given() => {
                "goflow2-json is one object a line; --length-prefix and --separator are for --format goflow2-bin"
            }
            Format::Goflow2Bin if self.goflow2.is_inseparable() => {
                "neither a length in front of messages nor a separator behind them: nobody could tell one from the next"
            }
            _ if to_goflow2 && self.fields.is_some() => {
                "goflow2's message has fields of its own; --fields is for the other formats"
            }
            Format::Elements if self.fields.is_some() => "--format elements shows all elements; --fields is for the others",
            _ if self.exporters && !matches!(self.format, Format::Table | Format::Json) => {
                "--exporters comes as a table, or with --format json"
            }
            _ if self.binary_addresses && !columnar => "--binary-addresses is for --format arrow and --format parquet",
            _ if self.stats && !matches!(self.format, Format::Table | Format::Json) => {
                "--stats is JSON; --format says how flows are shown"
            }
            _ if columnar && self.line_buffered => {
                "Arrow and Parquet are written in batches, not in lines: for a pipe that is watched, --format json --line-buffered"
            }
            _ if columnar && cfg!(not(feature = "columnar")) => {
                "this flowdump was built without Arrow and Parquet; with them: cargo run --release -p flowdump --features columnar"
            }
            _ if binary && to_stdout && io::stdout().is_terminal() => {
                "this format is not for a terminal: write to a file with -o FILE, or into a pipe"
            }
            _ => return None,
        })
    }

    /// How the records are shown.
    fn form(&self, schema: &Arc<Schema>) -> anyhow::Result<Box<dyn Form>> {
        let columns = self.fields.clone();
        Ok(match self.format {
            Format::Table => Box::new(columns.map_or_else(Table::usual, |columns| Table::of(columns, schema))),
            Format::Json => Box::new(Json::new(Arc::clone(schema), columns)),
            Format::Csv => Box::new(Csv::new(&columns.unwrap_or_else(|| Columns::common(schema)), schema)?),
            Format::Elements => Box::new(Elements::default()),
            Format::Goflow2Json => Box::new(Goflow2::new(self.goflow2.dialect(), None)),
            Format::Goflow2Bin => Box::new(Goflow2::new(self.goflow2.dialect(), Some(self.goflow2.framing()))),
            Format::Arrow | Format::Parquet => self.columnar(columns.unwrap_or_else(|| Columns::common(schema)), schema)?,
        })
    }

    #[cfg(feature = "columnar")]
    fn columnar(&self, columns: Columns, schema: &Arc<Schema>) -> anyhow::Result<Box<dyn Form>> {
        use flowcodec::io::arrow::Addresses;

        use crate::output::{Columnar, Kind};

        let kind = if self.format == Format::Arrow { Kind::Stream } else { Kind::Parquet };
        let addresses = if self.binary_addresses { Addresses::Octets } else { Addresses::Text };
        Ok(Box::new(Columnar::new(kind, columns, schema, addresses)?))
    }

    #[cfg(not(feature = "columnar"))]
    #[expect(clippy::unused_self, reason = "with the feature it is used")]
    fn columnar(&self, _: Columns, _: &Arc<Schema>) -> anyhow::Result<Box<dyn Form>> {
        anyhow::bail!("built without the feature columnar")
    }
}

/// Runs the program.
#[must_use]
pub fn run(arguments: &Arguments) -> ExitCode {
    match write(arguments) {
        // A file under the final name promises more than what went to a pipe or the screen together with the warning.
        Ok(Extent::Cut) if arguments.is_to_stdout() => ExitCode::SUCCESS,
        Ok(Extent::Whole) => ExitCode::SUCCESS,
        Ok(Extent::Cut | Extent::Part | Extent::Nothing) => ExitCode::FAILURE,
        // Whoever reads our output has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Writes the output to where it belongs.
fn write(arguments: &Arguments) -> anyhow::Result<Extent> {
    let mut out = Destination::open(arguments.output.as_deref(), &arguments.files, arguments.line_buffered)?;
    let name = out.name();
    let extent = dump(arguments, &mut out).with_context(|| name.clone())?;
    if let Some(kept) = out.finish(extent).with_context(|| name.clone())? {
        tell(&format_args!("{name} is not written; what could be read is in {}", kept.display()));
    }
    Ok(extent)
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Reads all files, and says how much of them could be read.
///
/// # Errors
/// When `out` does not take the output.
pub fn dump(arguments: &Arguments, out: &mut dyn Write) -> anyhow::Result<Extent> {
    let schema = fields::schema();
    if arguments.list_fields {
        fields::list(out, &schema)?;
        return Ok(Extent::Whole);
    }
    let mut settings = Settings::default();
    settings.schema = Arc::clone(&schema);
    settings.scope.other_domains = arguments.other_domains;
    let options = Options { raw: arguments.raw, goflow2: arguments.goflow2_input.input() };
    let mut feed = Feed::new(Decoder::new(settings), options);
    // Who asks for counters gets no flows, and finds the faults there.
    let counted = arguments.stats || arguments.exporters;
    let output = if counted { None } else { Some(Output::new(arguments.form(&schema)?, arguments.filter.clone())) };
    let (mut whole, mut cut) = (true, false);
    let mut found = Found { out, output, report: Report::new(counted), empty: true, failed: None };
    for file in &arguments.files {
        let bar = progress_bar(file);
        let mut progress = |at| bar.as_ref().into_iter().for_each(|bar| bar.set_position(at));
        let result = feed.read(file, &mut progress, &mut |place, seen| found.take(place, &seen));
        if let Some(bar) = &bar {
            bar.finish_and_clear();
        }
        if let Err(error) = result {
            found.report.end_run();
            tell(&error);
            if matches!(error, InputError::CutMessage { .. }) { cut = true } else { whole = false }
        }
    }
    feed.finish(&mut |place, seen| found.take(place, &seen));
    let Found { out, output, mut report, empty, failed } = found;
    report.end_run();
    if let Some(error) = failed {
        return Err(error.into());
    }
    if let Some(mut output) = output {
        output.finish(out)?;
    }
    if feed.has_read_goflow2() && (arguments.exporters || arguments.format == Format::Elements) {
        tell(
            &"goflow2's messages have no elements and do not tell of loss: they are not in this output; --format json shows them",
        );
    }
    if arguments.goflow2_input.input_dialect.is_some() && !feed.has_read_protobuf() {
        tell(&"--input-dialect was of no use: no file held goflow2's messages in protobuf");
    }
    if !counted {
        tell_skipped(&feed.skipped());
    }
    if arguments.exporters {
        let exporters = feed.exporters();
        let show = if arguments.format == Format::Json { exporters_as_json } else { exporters_as_table };
        show(out, &exporters)?;
    } else if arguments.stats {
        serde_json::to_writer(&mut *out, &feed.summary())?;
        writeln!(out)?;
    }
    report.finish();
    Ok(match (whole, empty) {
        (true, _) if cut => Extent::Cut,
        (true, _) => Extent::Whole,
        (false, false) => Extent::Part,
        (false, true) => Extent::Nothing,
    })
}

/// Says what of goflow2's messages is in no flow.
fn tell_skipped(skipped: &Skipped) {
    if skipped.unknown_fields != 0 || skipped.refused_values != 0 {
        tell(&format_args!(
            "goflow2's messages: {} unknown fields and {} values that no flow can hold were left out; --stats counts them",
            skipped.unknown_fields, skipped.refused_values
        ));
    }
    if skipped.doubtful_values != 0 {
        tell(&format_args!(
            "goflow2's messages: {} values mean one thing in one version and another in others, and were left out; --input-dialect v1 or \
             v2 says which it is",
            skipped.doubtful_values
        ));
    }
}

/// What becomes of what is found.
struct Found<'a> {
    out: &'a mut dyn Write,
    /// `None` where only counters are asked for.
    output: Option<Output>,
    report: Report,
    /// Nothing was found yet.
    empty: bool,
    /// `out` takes no more.
    failed: Option<io::Error>,
}

impl Found<'_> {
    fn take(&mut self, place: Place<'_>, seen: &Seen<'_>) -> ControlFlow<()> {
        self.empty = false;
        match seen {
            Seen::Event(Event::Fault(event)) => self.report.fault(place, Some(event.context), event.fault),
            Seen::Fault(fault) => self.report.fault(place, None, *fault),
            _ => self.report.end_run(),
        }
        let shown = match (seen, &mut self.output) {
            (Seen::Event(event), Some(output)) => output.event(self.out, event),
            (Seen::Flow(flow), Some(output)) => output.flow(self.out, flow),
            (Seen::Fault(_), _) | (_, None) => Ok(()),
        };
        self.failed = shown.err();
        if self.failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
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
