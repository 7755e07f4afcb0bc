//! The command line.

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};
use flowcodec::{Decoder, Event, Settings};
use indicatif::{ProgressBar, ProgressStyle};

use crate::feed::{Feed, Place, file_offset};
use crate::input::Options;
use crate::output::{Output, Table};

/// Shows the flows inside captures, IPFIX files and raw datagrams.
///
/// FILE is a pcap or pcapng capture (gzipped too), or an IPFIX file (RFC 5655). Flow protocols are recognised by their content on any
/// UDP port, and IPFIX inside TCP too; other traffic is passed over and counted. Files given together share one decoder, in order: a
/// template in the first serves the data in the second.
#[derive(Debug, Parser)]
#[command(name = "flowdump", version, about, after_long_help = EXAMPLES)]
pub struct Arguments {
    /// How flows are shown.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Show counters, as one JSON object, instead of flows.
    #[arg(long)]
    pub stats: bool,
    /// Each FILE is one bare datagram: a UDP payload and nothing else.
    #[arg(long)]
    pub raw: bool,
    /// Let data use a template of another observation domain of the same exporter, when its own has none (Open vSwitch 3.1).
    #[arg(long)]
    pub other_domains: bool,
    /// Files to read; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  flowdump capture.pcap                           the flows in a capture
  flowdump --format json capture.pcap.gz          one object a line, names as in the README
  flowdump --format elements templates.ipfix data.ipfix
  tcpdump -w - udp port 4739 | flowdump -
  flowdump --stats capture.pcap                   what was in it, and what could not be decoded

What could not be decoded is said on standard error, with its offset in the file. Exit status: 0 when all files were read to their end
(faults inside do not count), 1 when one could not be, 2 for a wrong command line.";

/// The forms of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns for people.
    Table,
    /// The common model: one JSON object a line.
    Json,
    /// Every information element by its registered name: one JSON object a line.
    Elements,
}

/// Faults that are told one by one; the rest are only counted.
const TOLD: u64 = 20;

/// Runs the program.
#[must_use]
pub fn run(arguments: &Arguments) -> ExitCode {
    let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    match dump(arguments, &mut out).and_then(|whole| {
        out.flush().context("standard output")?;
        Ok(whole)
    }) {
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
    let mut settings = Settings::default();
    settings.scope.other_domains = arguments.other_domains;
    let mut feed = Feed::new(Decoder::new(settings), Options { raw: arguments.raw });
    let mut output = match arguments.format {
        _ if arguments.stats => Output::Quiet,
        Format::Table => Output::Table(Box::<Table>::default()),
        Format::Json => Output::Json(String::new()),
        Format::Elements => Output::Elements(String::new()),
    };
    let mut whole = true;
    let mut faults = 0_u64;
    let mut failed: Option<io::Error> = None;
    {
        let mut each = |place: Place<'_>, event: Event<'_>| {
            if let Event::Fault(event) = &event {
                faults = faults.saturating_add(1);
                if faults <= TOLD && !arguments.stats {
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
        return Err(error).context("standard output");
    }
    output.finish(out).context("standard output")?;
    if arguments.stats {
        serde_json::to_writer(&mut *out, &feed.summary()).context("standard output")?;
        writeln!(out).context("standard output")?;
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
