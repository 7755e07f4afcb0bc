//! Goes over one path again and again, and nothing else: for profilers.
//!
//!     cargo run --release -p benches --example pass -- sflow_rows 4000
#![deny(unsafe_code)]

use std::io::Write as _;
use std::time::Instant;

use anyhow::Context as _;
use benches::paths::{Ours, PATHS};
use benches::workload::Workload;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().context("the name of a path, as `versus` has it, and how many passes")?;
    let passes: u32 = arguments.next().context("how many passes")?.parse().context("how many passes")?;
    let path = PATHS.iter().find(|path| path.name == name).with_context(|| format!("there is no path {name}"))?;
    let size = path.shape.sizes().first().context("a size")?;
    let mut workload = Workload::new(path.shape, *size);
    let mut ours = Ours::new(&workload);
    let mut best = f64::INFINITY;
    for pass in 0..passes {
        workload.number(pass);
        let start = Instant::now();
        std::hint::black_box((path.run)(&mut ours, &workload));
        best = best.min(start.elapsed().as_secs_f64());
    }
    let records = f64::from(u32::try_from(workload.records())?);
    writeln!(
        std::io::stdout(),
        "{name}: {:.2} ns a record in the best pass, {} datagrams each",
        best * 1e9 / records,
        workload.len()
    )?;
    Ok(())
}
