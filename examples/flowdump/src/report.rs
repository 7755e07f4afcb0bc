//! What is said on standard error.

use std::fmt::{self, Display};
use std::io::{self, Write as _};
use std::path::PathBuf;

use flowcodec::{Context, Exporter, Fault, Protocol};

use crate::feed::{Place, file_offset};

/// Says something to who runs the program.
pub fn tell(what: &dyn Display) {
    let _ = writeln!(io::stderr(), "flowdump: {what}");
}

/// Faults that are told one by one; the rest are only counted.
const TOLD: u64 = 20;

/// Tells of faults: the first twenty, a run of the same fault as one line and a count.
#[derive(Debug, Default)]
pub struct Report {
    /// Nothing is told of faults.
    quiet: bool,
    told: u64,
    /// Faults that were only counted.
    untold: u64,
    /// The last fault that was told, as long as nothing else was found behind it.
    run: Option<Run>,
}

/// A fault that was told, and those behind it that are the same at other places.
#[derive(Debug)]
struct Run {
    file: PathBuf,
    /// Of goflow2's messages, none.
    from: Option<(Protocol, Exporter)>,
    fault: Fault,
    more: u64,
    /// What those behind it cost.
    octets: u64,
    /// Where the last one lies.
    last: Option<u64>,
}

impl Report {
    /// One that tells of faults, or leaves them to the counters.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        Self { quiet, ..Self::default() }
    }

    /// A fault was found; `context` is `None` of goflow2's messages.
    pub fn fault(&mut self, place: Place<'_>, context: Option<&Context>, fault: Fault) {
        if self.quiet {
            return;
        }
        let from = context.map(|context| (context.protocol, context.exporter));
        let at = file_offset(place, context, fault.offset);
        if let Some(run) = self.run.as_mut().filter(|run| run.file == place.file && run.from == from && is_same(run.fault, fault))
        {
            run.more = run.more.saturating_add(1);
            run.octets = run.octets.saturating_add(u64::from(fault.bytes));
            run.last = at;
            return;
        }
        self.end_run();
        if self.told == TOLD {
            self.untold = self.untold.saturating_add(1);
            return;
        }
        self.told = self.told.saturating_add(1);
        let run = Run { file: place.file.to_owned(), from, fault, more: 0, octets: 0, last: at };
        tell(&run);
        self.run = Some(run);
    }

    /// Something else was found: what follows is no run of the last fault.
    pub fn end_run(&mut self) {
        if let Some(run) = self.run.take().filter(|run| run.more != 0) {
            tell(&Repeated(&run));
        }
    }

    /// There is no more.
    pub fn finish(&mut self) {
        self.end_run();
        if self.untold != 0 {
            tell(&format_args!("{} more faults; --stats counts them all", self.untold));
        }
    }
}

/// Whether faults differ in nothing but their place and cost.
fn is_same(one: Fault, other: Fault) -> bool {
    let without = |fault: Fault| {
        let Fault { kind, layer, limit, required, available, .. } = fault;
        (kind, layer, limit, required, available)
    };
    without(one) == without(other)
}

impl Run {
    /// File and offset in it.
    fn place(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.as_os_str().is_empty() {
            write!(f, "{}: ", self.file.display())?;
        }
        self.last.map_or(Ok(()), |offset| write!(f, "octet {offset}: "))
    }
}

/// A fault as a sentence: file, offset in the file, exporter, what.
impl Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place(f)?;
        let fault = self.fault;
        match self.from {
            // A file of messages, or a bare datagram, says nothing of its sender.
            Some((protocol, exporter)) if exporter == Exporter::UNSPECIFIED => write!(f, "{protocol}: {fault}"),
            Some((protocol, exporter)) => write!(f, "{protocol} from {exporter}: {fault}"),
            None => write!(f, "goflow2's message: {fault}"),
        }
    }
}

/// The faults behind the first of a run.
struct Repeated<'a>(&'a Run);

impl Display for Repeated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.place(f)?;
        write!(f, "the same {} more times in a row, here the last", self.0.more)?;
        match self.0.octets {
            0 => Ok(()),
            octets => write!(f, "; {octets} more octets not decoded"),
        }
    }
}
