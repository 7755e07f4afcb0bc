//! Look-ups over many addresses, both sides in turn in one process; and readers beside a writer.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a program that measures: it says what it found, or stops"
)]

use std::collections::HashMap;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flowcodec::Timestamp;
use flowenrich::kube::{Cluster, Meta, Object, Pod};
use flowenrich::subnet::PrefixTable;
use flowenrich::{AddrKey, Lookup, Source};
use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};
use prefix_trie::PrefixMap;

fn main() {
    longest_prefix();
    pods_by_address_and_readers_beside_a_writer();
}

fn mixed(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn low(n: u64) -> u32 {
    u32::try_from(n & 0xffff_ffff).unwrap()
}

/// Time this thread was on a processor, so that neighbours on a busy machine do not count.
fn on_cpu() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|told| told.split_whitespace().next()?.parse().ok());
    nanos.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);

/// Nanoseconds each, the best of some rounds; both in turn.
fn side_by_side<T: Copy>(name: &str, questions: &[T], peer: &str, ours: impl Fn(T) -> u64, theirs: impl Fn(T) -> u64) {
    let (mut best, mut best_peer) = (f64::MAX, f64::MAX);
    for _ in 0..9 {
        best = best.min(each(questions, &ours));
        best_peer = best_peer.min(each(questions, &theirs));
    }
    println!("{name}: ours {best:.1} ns, {peer} {best_peer:.1} ns; ratio {:.1}", best_peer / best);
}

fn each<T: Copy>(questions: &[T], ask: impl Fn(T) -> u64) -> f64 {
    let start = on_cpu();
    black_box(questions.iter().fold(0_u64, |sum, question| sum.wrapping_add(ask(*question))));
    on_cpu().saturating_sub(start).as_secs_f64() * 1e9 / f64::from(u32::try_from(questions.len()).unwrap())
}

/// Shaped like a routing table: most are /24, some longer, nested in shorter ones.
fn network4(n: u64) -> Ipv4Network {
    let prefix = match mixed(n ^ 0x11) % 100 {
        0..60 => 24,
        60..75 => 20 + mixed(n ^ 0x22) % 4,
        75..90 => 12 + mixed(n ^ 0x33) % 8,
        _ => 25 + mixed(n ^ 0x44) % 8,
    };
    // The longer ones stand close together.
    let addr = if prefix > 24 { 0x5000_0000 | (low(mixed(n)) >> 8) } else { low(mixed(n)) };
    let prefix = u8::try_from(prefix).unwrap();
    Ipv4Network::new(Ipv4Addr::from(addr & (u32::MAX << (32 - prefix))), prefix).unwrap()
}

/// A label for some fifty networks, as countries, providers and sites are.
fn label(n: u32) -> u32 {
    n % 20_000
}

fn network6(n: u64) -> Ipv6Network {
    let prefix = u8::try_from([32, 40, 44, 48, 48, 48, 56, 64][usize::try_from(mixed(n ^ 0x55) % 8).unwrap()]).unwrap();
    // As registries hand them out: a few thousand /32 under 2000::/3, networks below them.
    let upper = 0x2000_0000_0000_0000 | ((mixed(n % 4_000) >> 35) << 32) | (mixed(n) >> 32);
    let bits = (u128::from(upper) << 64) & (u128::MAX << (128 - prefix));
    Ipv6Network::new(Ipv6Addr::from(bits), prefix).unwrap()
}

fn longest_prefix() {
    let four: Vec<_> = (0..1_000_000).map(network4).collect();
    let start = Instant::now();
    let ours: PrefixTable<u32> = four.iter().zip(0..).map(|(network, n)| (IpNetwork::V4(*network), label(n))).collect();
    println!("1 M IPv4 prefixes built in {:?}, {} MiB", start.elapsed(), ours.octets() >> 20);
    let theirs: PrefixMap<(u32, u8), u32> =
        four.iter().map(|net| (net.network().to_bits(), net.prefix())).zip((0..).map(label)).collect();
    let questions: Vec<Ipv4Addr> = (0..2_000_000).map(|n| Ipv4Addr::from(low(mixed(n ^ 0xabcd_0000)))).collect();
    let mut found = [0_u64; 2];
    for addr in &questions {
        let host = (addr.to_bits(), 32);
        let (a, b) = (ours.find(IpAddr::V4(*addr)).map(|(_, n)| *n), theirs.get_lpm(&host).map(|(_, n)| *n));
        assert_eq!(a, b, "{addr}");
        found[usize::from(a.is_some())] += 1;
    }
    println!("misses and hits {found:?}");
    side_by_side(
        "prefix4",
        &questions,
        "prefix-trie",
        |addr| ours.value(IpAddr::V4(addr)).map_or(0, |n| u64::from(*n)),
        |addr| theirs.get_lpm(&(addr.to_bits(), 32)).map_or(0, |(_, n)| u64::from(*n)),
    );

    let six: Vec<_> = (0..1_000_000).map(network6).collect();
    let start = Instant::now();
    let ours: PrefixTable<u32> = six.iter().zip(0..).map(|(network, n)| (IpNetwork::V6(*network), label(n))).collect();
    println!("1 M IPv6 prefixes built in {:?}, {} MiB", start.elapsed(), ours.octets() >> 20);
    let theirs: PrefixMap<(u128, u8), u32> =
        six.iter().map(|net| (net.network().to_bits(), net.prefix())).zip((0..).map(label)).collect();
    // Half of them inside some network, half beside.
    let question = |n: u64| match n % 2 {
        0 => Ipv6Addr::from(network6(mixed(n) % 1_000_000).network().to_bits() | u128::from(mixed(n ^ 0x77) >> 8)),
        _ => {
            let upper = 0x2000_0000_0000_0000 | ((mixed(n % 4_000) >> 35) << 32) | (mixed(n ^ 0x66) >> 32);
            Ipv6Addr::from((u128::from(upper) << 64) | 1)
        }
    };
    let questions: Vec<_> = (0..2_000_000).map(question).collect();
    for addr in &questions {
        let (a, b) = (ours.find(IpAddr::V6(*addr)).map(|(_, n)| *n), theirs.get_lpm(&(addr.to_bits(), 128)).map(|(_, n)| *n));
        assert_eq!(a, b, "{addr}");
    }
    side_by_side(
        "prefix6",
        &questions,
        "prefix-trie",
        |addr| ours.value(IpAddr::V6(addr)).map_or(0, |n| u64::from(*n)),
        |addr| theirs.get_lpm(&(addr.to_bits(), 128)).map_or(0, |(_, n)| u64::from(*n)),
    );
}

fn pod(n: u32, generation: u32) -> Object {
    let [_, b, c, d] = n.to_be_bytes();
    Object::Pod(Pod {
        meta: Meta {
            kind: "Pod".to_owned(),
            namespace: format!("team-{}", n % 40),
            name: format!("service-{:04}-6d4cf56db6-{n:05x}", n / 4),
            uid: format!("{n}-{generation}"),
            created: Some(Timestamp::from_seconds(generation.into())),
            ..Meta::default()
        },
        node: Some(format!("node-{}", n % 200)),
        addrs: vec![[10, b, c, d].into()],
        ..Pod::default()
    })
}

fn pods_by_address_and_readers_beside_a_writer() {
    let many = 100_000_u32;
    let mut cluster = Cluster::default();
    let start = Instant::now();
    cluster.load((0..many).map(|n| pod(n, 0)), Timestamp::EPOCH);
    println!("{many} pods applied in {:?}", start.elapsed());
    let live = cluster.live();
    let index = live.current();
    let plain: HashMap<IpAddr, String> =
        (0..many).map(|n| (IpAddr::from(((10 << 24) | n).to_be_bytes()), format!("pod-{n}"))).collect();
    let questions: Vec<IpAddr> =
        (0..2_000_000).map(|n| IpAddr::from(((10 << 24) | (low(mixed(n)) % (many + many / 4))).to_be_bytes())).collect();
    let now = Timestamp::from_seconds(1_000);
    let length = |name: Option<&str>| name.map_or(0, |name| u64::try_from(name.len()).unwrap());
    side_by_side(
        "pod by address and time",
        &questions,
        "std HashMap",
        |addr| u64::from(index.lookup(AddrKey::new(addr), now).one().is_some()),
        |addr| u64::from(plain.contains_key(&addr)),
    );
    side_by_side(
        "its name",
        &questions,
        "std HashMap",
        |addr| length(index.lookup(AddrKey::new(addr), now).one().and_then(|answer| answer.name())),
        |addr| length(plain.get(&addr).map(String::as_str)),
    );

    // A reader alone, and beside a writer of 10,000 updates a second that publishes ten times a second.
    let (stop, updates) = (AtomicBool::new(false), AtomicU64::new(0));
    let read = |label: &str| {
        let (start, mut asked) = (on_cpu(), 0_u64);
        while on_cpu().saturating_sub(start) < Duration::from_secs(2) {
            let index = live.current();
            for addr in questions.iter().skip(usize::try_from(asked % 1_000_000).unwrap()).take(8_192) {
                black_box(index.lookup(AddrKey::new(*addr), now).one().is_some());
            }
            asked += 8_192;
        }
        let each = on_cpu().saturating_sub(start).as_secs_f64() * 1e9 / f64::from(u32::try_from(asked).unwrap());
        println!("{label}: {each:.1} ns a look-up");
    };
    for _ in 0..2 {
        read("reader alone");
        stop.store(false, Ordering::Relaxed);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let start = Instant::now();
                let (mut generation, mut busy) = (0, Duration::ZERO);
                while !stop.load(Ordering::Relaxed) {
                    generation += 1;
                    let began = on_cpu();
                    for n in 0..1_000 {
                        cluster.apply(pod(low(mixed(n ^ (u64::from(generation) << 20))) % many, generation), now);
                    }
                    cluster.tick(now);
                    cluster.publish();
                    busy += on_cpu().saturating_sub(began);
                    updates.fetch_add(1_000, Ordering::Relaxed);
                    let next = Duration::from_millis(100) * generation;
                    std::thread::sleep(next.saturating_sub(start.elapsed()));
                }
                println!("writer busy {:.1} % of the time", 100.0 * busy.as_secs_f64() / start.elapsed().as_secs_f64());
            });
            read("reader beside a writer");
            stop.store(true, Ordering::Relaxed);
        });
        println!("{} updates so far", updates.load(Ordering::Relaxed));
    }
}
