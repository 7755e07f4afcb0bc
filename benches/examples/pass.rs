//! Runs one path for a while, to be profiled.
#![allow(clippy::unwrap_used)]
use benches::paths::{Ours, PATHS};
use benches::workload::{Size, Workload};
fn main() {
    let name = std::env::args().nth(1).unwrap();
    let n: u32 = std::env::args().nth(2).unwrap().parse().unwrap();
    let path = PATHS.iter().find(|p| p.name == name).unwrap();
    let mut workload = Workload::new(path.shape, Size::Small);
    let mut ours = Ours::new(&workload);
    let mut t = std::time::Duration::ZERO;
    let mut best = f64::MAX;
    for pass in 0..n {
        workload.number(pass);
        let s = std::time::Instant::now();
        std::hint::black_box((path.run)(&mut ours, &workload));
        let e = s.elapsed();
        t += e;
        best = best.min(e.as_nanos() as f64 / workload.records() as f64);
    }
    println!(
        "{} records {} datagrams; {name}: {:.2} avg {:.2} best ns/record",
        workload.records(),
        workload.len(),
        t.as_nanos() as f64 / (workload.records() * u64::from(n)) as f64,
        best
    );
}
