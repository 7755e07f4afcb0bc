//! Records in, records out.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as Source, Write};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use flowcodec::io::goflow2::{Dialect, Format, Reader, Skipped, write_json};
use flowenrich::{Found, Source as _};
use tracing::{debug, info, warn};

use crate::careful;
use crate::cluster::Known;
use crate::input::{INPUT, Lines, Read};
use crate::json::Member;
use crate::question::{At, Pair, now, protocol};
use crate::record::{Added, Record};

/// What came of records and of questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// Records written, with or without something added.
    pub(crate) records: u64,
    /// Lines that are no record, passed through as they are.
    pub(crate) no_records: u64,
    /// Questions: one answer.
    pub(crate) hits: u64,
    /// Several of equal right.
    pub(crate) ambiguous: u64,
    /// None.
    pub(crate) misses: u64,
    /// Not asked: the cluster's lists were not complete yet.
    pub(crate) not_synced: u64,
    /// Not asked: the record has no such member, or no address in it.
    pub(crate) absent: u64,
    /// Records without a time of their own that were asked for now, though for theirs was wanted.
    pub(crate) untimed: u64,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { records, no_records, hits, ambiguous, misses, not_synced, absent, untimed } = self;
        write!(
            f,
            "{records} records, {no_records} lines that are none; addresses: {hits} found, {ambiguous} ambiguous, {misses} not found, "
        )?;
        write!(f, "{not_synced} before the cluster was known, {absent} absent; {untimed} records without a time, asked for now")
    }
}

/// How messages stand in the input, and which names they get.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Messages {
    /// Whether newlines stand behind them; told by the first, if it is not said.
    pub(crate) separated: Option<bool>,
    pub(crate) dialect: Dialect,
}

/// How records are enriched.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) pairs: Vec<Pair>,
    pub(crate) known: Known,
    pub(crate) at: At,
    pub(crate) with_services: bool,
    counts: Counts,
    /// What was said last of it, and when.
    reported: (Instant, Counts),
    members: Vec<Member>,
}

/// Where records go, in errors.
const OUTPUT: &str = "standard output";

/// How often a running program says what it has done.
const REPORT: Duration = Duration::from_mins(10);

impl Pipe {
    pub(crate) fn new(pairs: Vec<Pair>, known: Known, at: At, with_services: bool) -> Self {
        let (counts, reported) = (Counts::default(), (Instant::now(), Counts::default()));
        Self { pairs, known, at, with_services, counts, reported, members: Vec::new() }
    }

    pub(crate) const fn counts(&self) -> Counts {
        self.counts
    }

    /// Reads lines until they end. What is done is written before more is waited for.
    pub(crate) fn run(&mut self, from: impl Source, to: &mut impl Write) -> anyhow::Result<()> {
        let mut lines = Lines::new(from);
        let (mut line, mut out) = (Vec::new(), Vec::new());
        loop {
            let read = lines.next(&mut line, || {
                self.report();
                to.flush().context(OUTPUT)
            })?;
            match read {
                Read::End => return to.flush().context(OUTPUT),
                Read::Line => {
                    out.clear();
                    self.line(&line, &mut out);
                    to.write_all(&out).context(OUTPUT)?;
                }
                Read::Piece => to.write_all(&line).context(OUTPUT)?,
                Read::LastPiece => {
                    self.counts.no_records = self.counts.no_records.saturating_add(1);
                    debug!("a line of more than {} octets is passed through", crate::input::MOST);
                    to.write_all(&line).context(OUTPUT)?;
                }
            }
        }
    }

    /// Says now and then what was done.
    fn report(&mut self) {
        let (at, told) = self.reported;
        if at.elapsed() >= REPORT && told != self.counts {
            info!("{}", self.counts);
            self.reported = (Instant::now(), self.counts);
        }
    }

    /// Reads protobuf messages, each with its length in front, until they end; they come out as lines of JSON.
    pub(crate) fn run_messages(&mut self, from: impl Source, to: &mut impl Write, messages: Messages) -> anyhow::Result<()> {
        let mut from = BufReader::with_capacity(1 << 16, from);
        let mut reader = Reader::of(Format::Prefixed);
        if let Some(separated) = messages.separated {
            reader = reader.separated(separated);
        }
        let (mut line, mut out) = (String::new(), Vec::new());
        loop {
            // What is read is all there is for now: what came of the messages before has to be seen.
            let octets = match from.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                octets => octets.context(INPUT)?,
            };
            let count = octets.len();
            if count == 0 {
                reader.end();
            } else {
                reader.push(octets);
            }
            from.consume(count);
            while let Some(message) = reader.next() {
                match message {
                    Ok(flow) => {
                        line.clear();
                        write_json(&mut line, &flow, messages.dialect);
                        line.push('\n');
                        out.clear();
                        self.line(line.as_bytes(), &mut out);
                        to.write_all(&out).context(OUTPUT)?;
                    }
                    Err(fault) => {
                        self.counts.no_records = self.counts.no_records.saturating_add(1);
                        let place = format!("standard input, octet {}: {fault}", reader.position());
                        if reader.has_failed() {
                            to.flush().context(OUTPUT)?;
                            anyhow::bail!("{place}; nothing behind it can be read (--input json, or another --separator?)");
                        }
                        warn!("{place}");
                    }
                }
            }
            self.report();
            to.flush().context(OUTPUT)?;
            if count == 0 {
                let skipped = reader.stats().skipped;
                if skipped != Skipped::default() {
                    info!(
                        "{} fields of messages are not known, {} values did not fit, {} mean different things in v1 and v2",
                        skipped.unknown_fields, skipped.refused_values, skipped.doubtful_values
                    );
                }
                return Ok(());
            }
        }
    }

    /// Enriches one line.
    pub(crate) fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let (text, end) = split_end(line);
        // The original ends every line as a scanner of lines gives it: without a carriage return, with a newline.
        let end = if self.known.is_original() { b"\n" } else { end };
        let start = out.len();
        let mut members = std::mem::take(&mut self.members);
        let written = self.record(text, &mut members, out);
        self.members = members;
        let counter = match written {
            Ok(()) => &mut self.counts.records,
            Err(why) => {
                debug!("no record, passed through: {why}");
                out.truncate(start);
                out.extend_from_slice(text);
                &mut self.counts.no_records
            }
        };
        *counter = counter.saturating_add(1);
        out.extend_from_slice(end);
    }

    fn record(&mut self, text: &[u8], members: &mut Vec<Member>, out: &mut Vec<u8>) -> Result<(), String> {
        let record = Record::scan(text, members).map_err(|fault| fault.to_string())?;
        let mut added = Vec::new();
        let mut found = Counts::default();
        match &self.known {
            Known::Careful(live) => {
                let index = live.current();
                let (at, protocol) = (self.at.of(&record), protocol(&record));
                found.untimed = u64::from(at.is_none());
                let at = at.unwrap_or_else(now);
                for pair in &self.pairs {
                    let asked = pair.place(&record, &added).and_then(|place| careful::ask(&index, &place, protocol, at));
                    let counter = match &asked {
                        None => &mut found.absent,
                        Some(Found::One(_)) => &mut found.hits,
                        Some(Found::Ambiguous(_)) => &mut found.ambiguous,
                        Some(Found::Nothing) => &mut found.misses,
                        Some(Found::NotSynced) => &mut found.not_synced,
                    };
                    *counter = counter.saturating_add(1);
                    if let Some(asked) = asked {
                        careful::say(asked, &pair.names, &mut added);
                    }
                }
                record.write(&added, out);
            }
            Known::Original(original) => {
                let original = original.read();
                for pair in &self.pairs {
                    let count = pair.place(&record, &added).map(|place| {
                        let say = || original.say(&place.text, self.with_services, &pair.names, &mut added);
                        original.is_synced().then(say)
                    });
                    let counter = match count {
                        None => &mut found.absent,
                        Some(None) => &mut found.not_synced,
                        Some(Some(0)) => &mut found.misses,
                        Some(Some(1)) => &mut found.hits,
                        Some(Some(_)) => &mut found.ambiguous,
                    };
                    *counter = counter.saturating_add(1);
                }
                drop(original);
                sorted(&record, &added, out)?;
            }
        }
        self.counts.add(found);
        Ok(())
    }
}

fn sorted(record: &Record<'_>, added: &[Added<'_>], out: &mut Vec<u8>) -> Result<(), String> {
    record.write_sorted(added, out).map_err(|_| "a number beyond a 64-bit float".to_owned())
}

/// A line and what ends it.
fn split_end(line: &[u8]) -> (&[u8], &[u8]) {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    line.split_at(text.len())
}

impl Counts {
    const fn add(&mut self, more: Self) {
        self.hits = self.hits.saturating_add(more.hits);
        self.ambiguous = self.ambiguous.saturating_add(more.ambiguous);
        self.misses = self.misses.saturating_add(more.misses);
        self.not_synced = self.not_synced.saturating_add(more.not_synced);
        self.absent = self.absent.saturating_add(more.absent);
        self.untimed = self.untimed.saturating_add(more.untimed);
    }
}
