//! Compares the paths with the copy of the same octets, and with the peers, interleaved in one process.
#![deny(unsafe_code)]

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use anyhow::ensure;
use benches::lookups::{LOOKUPS, LookupLine};
use benches::paths::{ARROW_BATCH, Copies, Ours, PATHS, Path};
use benches::workload::{Size, Workload};
use clap::Parser;
use clap::builder::PossibleValuesParser;
use serde::Serialize;

/// Compares flowcodec with copying the same octets and with other decoders, in one process.
///
/// For each path and each size of input, all sides take turns, round after round, on the same octets; each turn is several passes
/// that last some milliseconds. Templates are learned before. Output is reused, not kept; what a peer allocates it also frees. A ratio
/// is taken within each round; the median over the rounds is given, and behind it the ratio of the best times of both sides.
///
/// The copy is done datagram by datagram: to one place that stays in the first-level cache ("copy"), and to places side by side, as who
/// keeps the datagrams would ("copy kept"). A share of 25 % means that the path takes four times as long.
///
/// The paths exporters_N and templates_N do the same work with N exporters or templates in turn: what a record costs should stay the same.
/// The paths capture_* read recordings, with a decoder that knows nothing at the start of each pass; but for one they lie in the corpus,
/// and are left out where that is not here (FLOWCODEC_CORPUS says where it is).
///
/// The path vanflow_decode reads every attribute of VAN-Flow messages, beside serde_amqp's `Value` of their bodies alone. The paths
/// vanflow_merge_N merge updates of two counters into a collector that holds N connections (1,000 where no number stands): what an update
/// costs should stay the same. Of 180 KB they touch 2,000 connections at most, of 14 MB up to 160,000, which no cache holds.
///
/// The paths lookup_exact, prefix4, prefix6 and enrich_batch are look-ups, and not decoding: their peers are std's HashMap and prefix-trie, which
/// are always there.
///
/// Without the feature `peers` only the copy is compared. Run it with `--release`.
#[derive(Debug, Parser)]
struct Arguments {
    /// One JSON object a line and path: path, ns_per_record and gb_per_s (best round), ns_per_batch (null where a path has none),
    /// copy_share (a fraction, against "copy"; median), allocs_per_datagram, and peers (how many times our time each takes; median; of
    /// those that do not decode every record, a record that they do). gb_per_s and copy_share are null where only a part of the way is
    /// measured. Of the larger input, if --size does not say otherwise.
    #[arg(long)]
    json: bool,

    /// Fewer and shorter turns: a look, not a result.
    #[arg(long)]
    quick: bool,

    /// Only this size of input, where a path has several; both by default.
    #[arg(long, value_parser = PossibleValuesParser::new([Size::Small, Size::Large].map(Size::name)))]
    size: Option<String>,

    /// Paths to compare; all by default.
    #[arg(value_name = "PATH", value_parser = PossibleValuesParser::new(PATHS.map(|path| path.name).into_iter().chain(LOOKUPS.map(|path| path.name))))]
    paths: Vec<String>,
}

/// What was measured of one path: in JSON what the help says, the rest in the table only.
#[derive(Debug, Serialize)]
struct Line {
    path: &'static str,
    ns_per_record: f64,
    gb_per_s: Option<f64>,
    ns_per_batch: Option<f64>,
    copy_share: Option<f64>,
    allocs_per_datagram: f64,
    peers: BTreeMap<&'static str, f64>,
    #[serde(skip)]
    table: Table,
}

/// What only the table says.
#[derive(Debug)]
struct Table {
    size: &'static str,
    records: u64,
    copy_share_best: f64,
    copy_kept_share: f64,
    copy_kept_share_best: f64,
    peers_best: BTreeMap<&'static str, f64>,
    peers_ns_per_record: BTreeMap<&'static str, f64>,
    /// Records decoded by peers that do not decode all: their ratio is that of a record.
    peers_incomplete: BTreeMap<&'static str, u64>,
}

/// Rows of a batch of `arrow_finish`.
const BATCH_ROWS: f64 = 8_192.0;

const OURS: &str = "flowcodec";
const COPY: &str = "copy";
const COPY_KEPT: &str = "copy_kept";

/// How long to measure.
#[derive(Debug, Clone, Copy)]
struct Effort {
    rounds: u32,
    turn: Duration,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let effort = if arguments.quick {
        Effort { rounds: 7, turn: Duration::from_millis(2) }
    } else {
        Effort { rounds: 41, turn: Duration::from_millis(8) }
    };
    let mut out = io::stdout().lock();
    if !arguments.json {
        let heads = [
            ["path", "size", "ns/record", "GB/s", "of copy", "of copy kept", "allocs"],
            ["", "", "best", "best", "median (best)", "median (best)", "/datagram"],
        ];
        for ([path, size, ns, gb, copy, kept, allocs], peers) in
            heads.into_iter().zip(["peers: times ours", "median (best; ns/record)"])
        {
            writeln!(out, "{path:<21} {size:>7} {ns:>9} {gb:>7} {copy:>18} {kept:>18} {allocs:>9}  {peers}")?;
        }
    }
    for path in PATHS {
        if !arguments.paths.is_empty() && !arguments.paths.iter().any(|name| name == path.name) {
            continue;
        }
        let sizes = path.shape.sizes();
        for &size in sizes {
            let wanted = match &arguments.size {
                Some(name) => sizes.len() == 1 || name == size.name(),
                None => !arguments.json || sizes.last() == Some(&size),
            };
            let Some(line) = wanted.then(|| compare(&path, size, effort)).transpose()?.flatten() else { continue };
            tell(&mut out, arguments.json, &line, Line::print)?;
        }
    }
    for path in LOOKUPS {
        if !arguments.paths.is_empty() && !arguments.paths.iter().any(|name| name == path.name) {
            continue;
        }
        tell(&mut out, arguments.json, &path.compare(effort.rounds)?, LookupLine::print)?;
    }
    Ok(())
}

/// Writes what was measured of a path: as JSON, or as `print` does.
fn tell<W: Write, T: Serialize>(
    out: &mut W,
    json: bool,
    line: &T,
    print: impl FnOnce(&T, &mut W) -> io::Result<()>,
) -> anyhow::Result<()> {
    if json {
        serde_json::to_writer(&mut *out, line)?;
        writeln!(out)?;
    } else {
        print(line, out)?;
    }
    Ok(out.flush()?)
}

impl Line {
    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let percent = |median: f64, best: f64| format!("{:.1} % ({:.1} %)", median * 100.0, best * 100.0);
        let table = &self.table;
        let whole = |text: String| if self.copy_share.is_some() { text } else { "-".to_owned() };
        let share = whole(percent(self.copy_share.unwrap_or(f64::NAN), table.copy_share_best));
        let kept = whole(percent(table.copy_kept_share, table.copy_kept_share_best));
        let gb = whole(format!("{:.2}", self.gb_per_s.unwrap_or(f64::NAN)));
        write!(
            out,
            "{:<21} {:>7} {:>9.2} {gb:>7} {share:>18} {kept:>18} {:>9.2} ",
            self.path, table.size, self.ns_per_record, self.allocs_per_datagram
        )?;
        if let Some(ns) = self.ns_per_batch {
            write!(out, " {ns:.0} ns/batch")?;
        }
        for (name, ratio) in &self.peers {
            let best = table.peers_best.get(name).copied().unwrap_or(f64::NAN);
            let ns = table.peers_ns_per_record.get(name).copied().unwrap_or(f64::NAN);
            write!(out, " {name} {ratio:.2} ({best:.2}; {ns:.0} ns)")?;
        }
        for (name, records) in &table.peers_incomplete {
            write!(out, " {name} decodes {records} of {} records", table.records)?;
        }
        writeln!(out)
    }
}

/// One pass; gives what counts of its time, if that is not all.
type Run<'a> = Box<dyn FnMut(&Workload) -> Option<Duration> + 'a>;

/// One side: the copy, ours, or a peer.
struct Side<'a> {
    name: &'static str,
    run: Run<'a>,
    /// The pass it comes to next.
    pass: u32,
    /// Passes in a turn.
    passes: u32,
    /// Nanoseconds a pass, round by round.
    times: Vec<f64>,
}

impl<'a> Side<'a> {
    fn new(name: &'static str, run: impl FnMut(&Workload) -> Option<Duration> + 'a) -> Self {
        Self { name, run: Box::new(run), pass: 0, passes: 1, times: Vec::new() }
    }

    /// A turn; the messages are numbered anew in front of each pass, outside the time.
    fn turn(&mut self, workload: &mut Workload) -> Duration {
        let mut time = Duration::ZERO;
        for _ in 0..self.passes {
            workload.number(self.pass);
            self.pass = self.pass.wrapping_add(1);
            let start = Instant::now();
            let counted = (self.run)(workload);
            time += counted.unwrap_or_else(|| start.elapsed());
        }
        time
    }

    /// Finds how many passes make a turn.
    fn settle(&mut self, workload: &mut Workload, turn: Duration) {
        while self.turn(workload) < turn && self.passes < 1 << 20 {
            self.passes *= 2;
        }
    }

    fn measure(&mut self, workload: &mut Workload) {
        let time = self.turn(workload);
        self.times.push(time.as_secs_f64() * 1e9 / f64::from(self.passes));
    }

    fn best(&self) -> f64 {
        self.times.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

/// Measures a path; `None` when its recording is not here.
fn compare(path: &Path, size: Size, effort: Effort) -> anyhow::Result<Option<Line>> {
    let mut workload = Workload::new(path.shape, size);
    if workload.is_empty() {
        eprintln!("{}: left out, its recording is not here", path.name);
        return Ok(None);
    }
    let mut ours = Ours::new(&workload);
    let (mut one_place, mut side_by_side) = (Copies::new(&workload), Copies::new(&workload));
    // Once a batch has been full twice, nothing is new.
    let passes = u32::try_from(2 * u64::try_from(ARROW_BATCH)? / workload.records().max(1))? + 1;
    let mut first = 0;
    for pass in 0..passes {
        workload.number(pass);
        first = (path.run)(&mut ours, &workload);
    }
    // As many again, so that batches that are handed over are in it.
    let mut second = 0;
    let (allocated, ()) = allocations::count(|| {
        for pass in passes..2 * passes {
            workload.number(pass);
            second = (path.run)(&mut ours, &workload);
        }
    });
    let allocated = float(allocated)? / f64::from(passes);
    ensure!(first == second && first != 0, "{}: two passes over the same records differ", path.name);
    ensure!(ours.decoder().stats().faults.total() == 0, "{}: faults", path.name);

    let mut incomplete = BTreeMap::new();
    #[cfg(feature = "peers")]
    let mut peers = if ours.finishing().is_some() { Vec::new() } else { benches::peers::Peer::of(path, &workload)? };
    #[cfg(feature = "peers")]
    peers.retain_mut(|peer| {
        let records = peer.run(&workload).records;
        if records != workload.records() {
            incomplete.insert(peer.name(), records);
        }
        records != 0
    });

    let mut sides = vec![
        Side::new(OURS, |workload: &Workload| {
            core::hint::black_box((path.run)(&mut ours, workload));
            ours.finishing()
        }),
        Side::new(COPY, |workload: &Workload| {
            core::hint::black_box(one_place.one_place(workload));
            None
        }),
        Side::new(COPY_KEPT, |workload: &Workload| {
            core::hint::black_box(side_by_side.side_by_side(workload));
            None
        }),
    ];
    #[cfg(feature = "peers")]
    sides.extend(peers.iter_mut().map(|peer| {
        Side::new(peer.name(), |workload: &Workload| {
            core::hint::black_box(peer.run(workload));
            None
        })
    }));
    if let Some((name, run)) = path.beside() {
        let mut other = Ours::new(&workload);
        sides.push(Side::new(name, move |workload: &Workload| {
            core::hint::black_box(run(&mut other, workload));
            None
        }));
    }
    // Ours has made these passes already.
    for side in sides.iter_mut().take(1) {
        side.pass = passes + 1;
    }
    for side in &mut sides {
        side.settle(&mut workload, effort.turn);
    }
    for _ in 0..effort.rounds {
        for side in &mut sides {
            side.measure(&mut workload);
        }
        // In the other order the next time, so that none always follows the same.
        sides.reverse();
    }
    sides.sort_by_key(|side| side.name != OURS);
    line(path, size, &workload, &sides, allocated, core::mem::take(&mut incomplete)).map(Some)
}

fn line(
    path: &Path,
    size: Size,
    workload: &Workload,
    sides: &[Side<'_>],
    allocated: f64,
    peers_incomplete: BTreeMap<&'static str, u64>,
) -> anyhow::Result<Line> {
    let (Some((ours, others)), records) = (sides.split_first(), float(workload.records())?) else {
        anyhow::bail!("nothing was measured");
    };
    let mut table = Table {
        size: size.name(),
        records: workload.records(),
        copy_share_best: f64::NAN,
        copy_kept_share: f64::NAN,
        copy_kept_share_best: f64::NAN,
        peers_best: BTreeMap::new(),
        peers_ns_per_record: BTreeMap::new(),
        peers_incomplete,
    };
    let (mut copy_share, mut peers) = (f64::NAN, BTreeMap::new());
    // Of a part of the way neither copying nor a peer's whole way says anything.
    let whole = path.name != "arrow_finish";
    for side in others {
        let (ratio, best) = (median(side, ours), side.best() / ours.best());
        match side.name {
            COPY => (copy_share, table.copy_share_best) = (ratio, best),
            COPY_KEPT => (table.copy_kept_share, table.copy_kept_share_best) = (ratio, best),
            name => {
                let decoded = table.peers_incomplete.get(name).map_or(Ok(records), |&decoded| float(decoded))?;
                peers.insert(name, ratio * records / decoded);
                table.peers_best.insert(name, best * records / decoded);
                table.peers_ns_per_record.insert(name, side.best() / decoded);
            }
        }
    }
    Ok(Line {
        path: path.name,
        ns_per_record: ours.best() / records,
        gb_per_s: whole.then_some(float(workload.octets())? / ours.best()),
        ns_per_batch: (!whole).then(|| ours.best() / records * BATCH_ROWS),
        copy_share: whole.then_some(copy_share),
        allocs_per_datagram: allocated / float(workload.len())?,
        peers,
        table,
    })
}

/// How many times the time of `ours` the side takes: the median over the rounds.
fn median(side: &Side<'_>, ours: &Side<'_>) -> f64 {
    let mut ratios: Vec<f64> = side.times.iter().zip(&ours.times).map(|(side, ours)| side / ours).collect();
    ratios.sort_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN)
}

fn float(number: impl TryInto<u32, Error: std::error::Error + Send + Sync + 'static>) -> anyhow::Result<f64> {
    Ok(f64::from(number.try_into()?))
}

/// Counts allocations, when asked to: at all other times an allocation costs the peers no more than one load.
mod allocations {
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    static COUNTING: AtomicBool = AtomicBool::new(false);
    static COUNT: AtomicU64 = AtomicU64::new(0);

    /// Allocations and growths while `run` runs, and what it gives.
    pub(crate) fn count<T>(run: impl FnOnce() -> T) -> (u64, T) {
        COUNT.store(0, Ordering::Relaxed);
        COUNTING.store(true, Ordering::Relaxed);
        let value = run();
        COUNTING.store(false, Ordering::Relaxed);
        (COUNT.load(Ordering::Relaxed), value)
    }

    struct Counter;

    #[global_allocator]
    static COUNTER: Counter = Counter;

    impl Counter {
        fn note() {
            if COUNTING.load(Ordering::Relaxed) {
                COUNT.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    #[expect(unsafe_code, reason = "an allocator is told of its caller's duties, and passes them on to the system's")]
    // SAFETY: every method hands its arguments on to `System` as they are and gives back what that gives, so that the promises of
    // `GlobalAlloc` are kept by `System`; counting touches two atomics, and neither allocates nor unwinds.
    unsafe impl GlobalAlloc for Counter {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            Self::note();
            // SAFETY: the caller promised of `layout` what `System` asks for: its size is not zero.
            unsafe { System.alloc(layout) }
        }

        unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
            Self::note();
            // SAFETY: as for `alloc`.
            unsafe { System.alloc_zeroed(layout) }
        }

        unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            Self::note();
            // SAFETY: the caller promised that `place` came from this allocator, which is `System`, with this `layout`, and that `size`
            // is neither zero nor overflows.
            unsafe { System.realloc(place, layout, size) }
        }

        unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
            // SAFETY: the caller promised that `place` came from this allocator, which is `System`, with this `layout`.
            unsafe { System.dealloc(place, layout) }
        }
    }
}
