//! Look-ups and enrichment beside what one would write without this workspace: std's `HashMap`, `prefix-trie`, cloned strings.
//!
//! All data is made from numbers that are mixed, and the same for all sides; both sides answer the same, which is checked before they are
//! measured.

mod made;
mod sides;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::{self, Write};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::Serialize;

use sides::{enrich_batch, lookup_exact, prefix4, prefix6};

/// Two ways to do the same; each gives back what it found, summed up, so that nothing is done for nobody.
pub(crate) struct Sides {
    peer: &'static str,
    /// Questions, or records, of a turn.
    records: u64,
    /// Records in a batch, where there are batches.
    batch: Option<u64>,
    /// What is not measured: done before each turn of ours.
    before: Box<dyn FnMut()>,
    ours: Box<dyn FnMut() -> u64>,
    theirs: Box<dyn FnMut() -> u64>,
}

/// One comparison.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct LookupPath {
    /// Its name on the command line of `versus`.
    pub name: &'static str,
    prepare: fn() -> Sides,
}

/// All of them.
pub const LOOKUPS: [LookupPath; 4] = [
    LookupPath { name: "lookup_exact", prepare: lookup_exact },
    LookupPath { name: "prefix4", prepare: prefix4 },
    LookupPath { name: "prefix6", prepare: prefix6 },
    LookupPath { name: "enrich_batch", prepare: enrich_batch },
];

/// What was measured; the members of the other paths' lines that do not apply are null.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct LookupLine {
    path: &'static str,
    ns_per_record: f64,
    gb_per_s: Option<f64>,
    ns_per_batch: Option<f64>,
    copy_share: Option<f64>,
    allocs_per_datagram: Option<f64>,
    peers: BTreeMap<&'static str, f64>,
    #[serde(skip)]
    best: (f64, f64),
}

/// Time this thread was on a processor, so that neighbours on a busy machine do not count; where the system does not tell, all time.
fn on_cpu() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|told| told.split_whitespace().next()?.parse().ok());
    nanos.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

impl LookupPath {
    /// Measures both sides by turns.
    ///
    /// # Errors
    /// When they do not find the same: then there is nothing to compare.
    pub fn compare(&self, rounds: u32) -> anyhow::Result<LookupLine> {
        let Sides { peer, records, batch, mut before, mut ours, mut theirs } = (self.prepare)();
        before();
        let (found, other) = (ours(), theirs());
        ensure!(found == other, "{}: {found} found here, {other} by {peer}", self.name);
        let each = |side: &mut dyn FnMut() -> u64| {
            let start = on_cpu();
            black_box(side());
            #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "some millions")]
            let records = records as f64;
            on_cpu().saturating_sub(start).as_secs_f64() * 1e9 / records
        };
        let mut ratios = Vec::new();
        let mut best = (f64::MAX, f64::MAX);
        for _ in 0..rounds {
            before();
            let (mine, other) = (each(&mut *ours), each(&mut *theirs));
            ratios.push(other / mine);
            best = (best.0.min(mine), best.1.min(other));
        }
        ratios.sort_by(f64::total_cmp);
        let median = ratios.get(ratios.len() / 2).copied().unwrap_or(f64::NAN);
        #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "some thousands")]
        let ns_per_batch = batch.map(|batch| best.0 * batch as f64);
        Ok(LookupLine {
            path: self.name,
            ns_per_record: best.0,
            gb_per_s: None,
            ns_per_batch,
            copy_share: None,
            allocs_per_datagram: None,
            peers: BTreeMap::from([(peer, median)]),
            best,
        })
    }
}

impl LookupLine {
    /// A line of the table.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let (ours, theirs) = self.best;
        for (peer, median) in &self.peers {
            writeln!(out, "{:<21} {:>7} {ours:>9.2}  {peer} {median:.1} ({:.1}; {theirs:.0} ns)", self.path, "", theirs / ours)?;
        }
        Ok(())
    }
}
