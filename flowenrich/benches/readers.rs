//! Readers beside a writer: batches of look-ups over 100,000 pods, by turns alone and while 10,000 updates a second are applied and shown
//! ten times a second. Batches are timed by the clock on the wall, so that what holds a reader up is in them, whoever it is; how long
//! the reader was on a processor is told beside it, as on a busy machine neighbours hold up both.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program that measures: it says what it found, or stops")]

use std::hint::black_box;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flowcodec::Timestamp;
use flowenrich::kube::{Cluster, Index, Meta, Object, Pod};
use flowenrich::{AddrKey, Live, Lookup, Question, Source};

const PODS: u32 = 100_000;
/// Questions of a batch.
const BATCH: usize = 8_192;
/// Updates in a tenth of a second.
const UPDATES: u32 = 1_000;
const TENTH: Duration = Duration::from_millis(100);
/// A turn, and how many there are of each kind.
const TURN: Duration = Duration::from_millis(500);
const TURNS: u32 = 20;

fn mixed(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 31)
}

fn below(n: u64, end: u32) -> u32 {
    u32::try_from(mixed(n) % u64::from(end)).unwrap()
}

fn addr(n: u32) -> IpAddr {
    ((10 << 24) | n).to_be_bytes().into()
}

/// The pod of a number in a state: its address is claimed anew with each.
fn pod(n: u32, state: u32) -> Object {
    Object::Pod(Pod {
        meta: Meta {
            kind: "Pod".to_owned(),
            namespace: format!("team-{}", n % 40),
            name: format!("service-{:04}-6d4cf56db6-{n:05x}", n / 4),
            uid: n.to_string(),
            resource_version: Some(u64::from(state) + 1),
            created: Some(Timestamp::EPOCH),
            ..Meta::default()
        },
        node: Some(format!("node-{}", n % 200)),
        host_addr: Some(addr(state)),
        addrs: vec![addr(n)],
        ..Pod::default()
    })
}

fn main() {
    let mut cluster = Cluster::default();
    cluster.load((0..PODS).map(|n| pod(n, 0)), Timestamp::EPOCH);
    let live = cluster.live();
    let now = Timestamp::from_seconds(100_000);
    let asked = |n: u64| Question { key: AddrKey::new(addr(below(n, PODS + PODS / 4))), at: now };
    let questions: Vec<_> = (0..1 << 20).map(asked).collect();
    let (writing, stop, updates) = (AtomicBool::new(false), AtomicBool::new(false), AtomicU64::new(0));
    let (mut alone, mut beside) = ((Vec::new(), Duration::ZERO), (Vec::new(), Duration::ZERO));
    let mut busy = Duration::ZERO;
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let (mut state, mut busy) = (0, Duration::ZERO);
            while !stop.load(Ordering::Relaxed) {
                let start = Instant::now();
                if writing.load(Ordering::Relaxed) {
                    let began = on_cpu();
                    state += 1;
                    for n in 0..UPDATES {
                        cluster.apply(pod(below(u64::from(n) ^ (u64::from(state) << 20), PODS), state), now);
                    }
                    cluster.tick(now);
                    cluster.publish();
                    updates.fetch_add(UPDATES.into(), Ordering::Relaxed);
                    busy += on_cpu().saturating_sub(began);
                }
                std::thread::sleep(TENTH.saturating_sub(start.elapsed()));
            }
            busy
        });
        for _ in 0..TURNS {
            for (beside_a_writer, times) in [(false, &mut alone), (true, &mut beside)] {
                writing.store(beside_a_writer, Ordering::Relaxed);
                // What was begun before ends.
                std::thread::sleep(TENTH);
                let (times, on_cpu) = times;
                *on_cpu += read(&live, &questions, times);
            }
        }
        stop.store(true, Ordering::Relaxed);
        busy = writer.join().unwrap();
    });
    let turns = (TURN + TENTH).as_secs_f64() * f64::from(TURNS);
    let rate = f64::from(u32::try_from(updates.into_inner()).unwrap()) / turns;
    println!("writer: {rate:.0} updates a second, {:.1} % of a processor", 100.0 * busy.as_secs_f64() / turns);
    let middle = [("alone", &mut alone), ("beside", &mut beside)].map(|(name, (times, on_cpu))| {
        times.sort();
        let at = |share: usize| times.get(times.len().saturating_sub(1) * share / 1_000).copied().unwrap_or_default();
        let each = |time: Duration| time.as_secs_f64() * 1e9 / 8_192.0;
        println!(
            "{name}: {} batches of {BATCH} look-ups, {:.1} ns a look-up on a processor; by the clock {:.1} in the middle, {:.1} at 99 %; \
             slowest batch {:.2} ms, at 99.9 % {:.2} ms",
            times.len(),
            each(*on_cpu) / f64::from(u32::try_from(times.len()).unwrap()),
            each(at(500)),
            each(at(990)),
            at(1_000).as_secs_f64() * 1e3,
            at(999).as_secs_f64() * 1e3,
        );
        each(at(500))
    });
    let [alone, beside] = middle;
    println!("beside a writer a look-up takes {:.2} times as long", beside / alone);
}

/// Time this thread was on a processor; where the system does not tell, none.
fn on_cpu() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|told| told.split_whitespace().next()?.parse().ok());
    nanos.map_or(Duration::ZERO, Duration::from_nanos)
}

/// Asks batch after batch for a turn, each of the index of its moment; gives the time on a processor.
fn read(live: &Live<Index>, questions: &[Question<'_>], times: &mut Vec<Duration>) -> Duration {
    let (start, before) = (Instant::now(), on_cpu());
    for batch in questions.chunks_exact(BATCH).cycle() {
        let begin = Instant::now();
        let index = live.current();
        index.lookup_all(batch, |_, found| {
            black_box(found.one().is_some());
        });
        drop(index);
        times.push(begin.elapsed());
        if start.elapsed() > TURN {
            break;
        }
    }
    on_cpu().saturating_sub(before)
}
