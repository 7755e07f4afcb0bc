//! The paths under criterion, in records and octets a second: for following one of them over time. To compare with the copy and the
//! peers, use `versus`, which interleaves them in one process.

use std::time::{Duration, Instant};

use benches::paths::{Copies, Ours, PATHS};
use benches::workload::Workload;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Runs pass after pass: the messages are numbered anew in front of each, outside the time. A run may say what of it counts.
fn passes<R>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    workload: &mut Workload,
    mut run: impl FnMut(&Workload) -> (R, Option<Duration>),
) {
    let bytes = u64::try_from(workload.octets()).unwrap_or(u64::MAX);
    group.throughput(Throughput::ElementsAndBytes { elements: workload.records(), bytes });
    let mut pass = 0_u32;
    group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
        bencher.iter_custom(|count| {
            let mut time = Duration::ZERO;
            for _ in 0..count {
                workload.number(pass);
                pass = pass.wrapping_add(1);
                let start = Instant::now();
                let (_, counted) = core::hint::black_box(run(workload));
                time += counted.unwrap_or_else(|| start.elapsed());
            }
            time
        });
    });
}

fn decode(criterion: &mut Criterion) {
    for path in PATHS {
        for &size in path.shape.sizes() {
            let mut workload = Workload::new(path.shape, size);
            if workload.is_empty() {
                continue;
            }
            let mut group = criterion.benchmark_group(format!("{}/{}", path.name, size.name()));
            let mut ours = Ours::new(&workload);
            passes(&mut group, "flowcodec", &mut workload, |workload| ((path.run)(&mut ours, workload), ours.finishing()));
            let mut copies = Copies::new(&workload);
            passes(&mut group, "copy", &mut workload, |workload| (copies.one_place(workload), None));
            passes(&mut group, "copy_kept", &mut workload, |workload| (copies.side_by_side(workload), None));
            #[cfg(feature = "peers")]
            // Peers that do not write what ours does are left out here; `versus` and a test say so.
            for mut peer in benches::peers::Peer::of(&path, &workload).into_iter().flatten() {
                // A peer that does not decode all of it would be compared by what it refuses.
                if peer.run(&workload).records == workload.records() {
                    passes(&mut group, peer.name(), &mut workload, |workload| (peer.run(workload), None));
                }
            }
            group.finish();
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2)).sample_size(30);
    targets = decode
}
criterion_main!(benches);
