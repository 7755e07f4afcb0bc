//! Nanoseconds a record, however many are held, and what passing time costs.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program that measures: it says what it found, or stops")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use flowcodec::model::{FieldValue, Flow, Schema};
use flowcodec::{Text, Timestamp, field as core};
use flowenrich::correlate::join::{self, End, Join, Leg, Sites};
use flowenrich::correlate::{BiflowSettings, Biflows, Correlator, Dedup, DedupSettings, Limits, halves};

/// Time this thread was on a processor: told in steps of milliseconds, and without its neighbours.
fn on_cpu() -> Duration {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(told.split_whitespace().next().unwrap().parse().unwrap())
}

fn mixed(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z ^ (z >> 27)
}

/// A half as Antrea sends it: some ten names, of a cluster of a few thousand pods.
fn half(n: u32, turn: u64, schema: &std::sync::Arc<Schema>) -> Flow {
    let [_, b, c, d] = n.to_be_bytes();
    let mut flow = Flow::new(schema.clone());
    flow.set(core::EXPORTER.id(), FieldValue::Address([192, 0, 2, d].into()));
    flow.set(core::SRC_ADDR.id(), FieldValue::Address([10, b, c, d].into()));
    flow.set(core::DST_ADDR.id(), FieldValue::Address([10, 96, 0, 1].into()));
    flow.set(core::START.id(), FieldValue::Time(Timestamp::from_seconds(1_795_176_000)));
    flow.set(core::END.id(), FieldValue::Time(Timestamp::from_seconds(1_795_176_010 + turn)));
    let mut number = |id, number| flow.set(id, FieldValue::Unsigned(number));
    for (id, value) in
        [(core::SRC_PORT.id(), 40_000), (core::DST_PORT.id(), 80), (core::IP_PROTOCOL.id(), 6), (core::FLOW_TYPE.id(), 2)]
    {
        number(id, value);
    }
    for (id, value) in [
        (core::OCTETS.id(), 100),
        (core::PACKETS.id(), 1),
        (core::OCTETS_TOTAL.id(), 100 * (turn + 1)),
        (core::PACKETS_TOTAL.id(), turn + 1),
        (core::REVERSE_OCTETS_TOTAL.id(), 900 * (turn + 1)),
    ] {
        number(id, value);
    }
    let pod = n % 5_000;
    let mut text = |id, text: &str| flow.set(id, FieldValue::Text(Text::from(text)));
    text(core::SRC_POD.id(), &format!("frontend-6d4cf56db6-{pod:05}"));
    text(core::SRC_NAMESPACE.id(), &format!("team-{}", pod % 40));
    text(core::SRC_NODE.id(), &format!("node-{}", pod % 200));
    text(core::SERVICE_NAME.id(), &format!("shop/api-{}:http", pod % 100));
    text(core::EGRESS_POLICY.id(), "restrict-egress");
    text(core::EGRESS_POLICY_NAMESPACE.id(), "shop");
    text(core::TCP_STATE.id(), "ESTABLISHED");
    for empty in [core::DST_POD, core::DST_NAMESPACE, core::DST_NODE, core::INGRESS_POLICY, core::EGRESS_NAME] {
        text(empty.id(), "");
    }
    flow
}

fn main() {
    the_same_however_much_is_held();
    time_passes();
}

const WAVE: u32 = 500;
const ROUNDS: u64 = 40;

/// Fills it with `held` flows, then gives further records for some of them, wave after wave; each is timed alone, and the best wave counts, as neighbours on a busy machine do not.
fn figures(name: &str, held: u32, mut offer: impl FnMut(&Flow) -> (usize, usize), schema: &std::sync::Arc<Schema>) {
    let (mut entries, mut bytes) = (0, 0);
    for n in 0..held {
        (entries, bytes) = offer(&half(n, 0, schema));
    }
    let mut best = [f64::MAX; 2];
    for round in 0..ROUNDS {
        let known: Vec<_> = (0..WAVE)
            .map(|n| half(u32::try_from(mixed(u64::from(n) | round << 20) % u64::from(held)).unwrap(), round + 1, schema))
            .collect();
        let new: Vec<_> = (0..WAVE).map(|n| half(0x80_0000 + n + u32::try_from(round).unwrap() * WAVE, 0, schema)).collect();
        for (best, wave) in best.iter_mut().zip([known, new]) {
            let start = Instant::now();
            for flow in &wave {
                offer(flow);
            }
            *best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(WAVE));
        }
    }
    let each = bytes / entries.max(1);
    println!(
        "{name}, {entries:>9} held: {:5.0} ns a record of a flow held, {:5.0} of a new one; {each} octets a flow",
        best[0], best[1]
    );
}

fn the_same_however_much_is_held() {
    let mut limits = Limits::default();
    (limits.entries, limits.bytes) = (1_100_000, 6 << 30);
    let now = Timestamp::from_seconds(1_795_176_010);
    for held in [1_000, 10_000, 100_000, 1_000_000] {
        let mut settings = halves::Settings::default();
        settings.limits = limits;
        let mut correlator = Correlator::new(settings, &Schema::common()).unwrap();
        let schema = correlator.schema().clone();
        figures(
            "correlator",
            held,
            |flow| {
                correlator.offer(now, flow, drop);
                (correlator.held(), correlator.bytes_held())
            },
            &schema,
        );
    }
    for held in [1_000, 100_000, 1_000_000] {
        let mut settings = DedupSettings::default();
        settings.limits = limits;
        let mut dedup = Dedup::new(settings, &Schema::common()).unwrap();
        let schema = dedup.schema().clone();
        figures(
            "dedup",
            held,
            |flow| {
                dedup.offer(now, flow, drop);
                (dedup.held(), dedup.bytes_held())
            },
            &schema,
        );
    }
    for held in [1_000, 100_000, 1_000_000] {
        let mut settings = BiflowSettings::default();
        settings.limits = limits;
        let mut biflows = Biflows::new(settings, &Schema::common()).unwrap();
        let schema = biflows.schema().clone();
        figures(
            "biflows",
            held,
            |flow| {
                biflows.offer(now, flow, drop);
                (biflows.held(), biflows.bytes_held())
            },
            &schema,
        );
    }
    for held in [1_000, 100_000, 500_000] {
        let mut settings = join::Settings::default();
        settings.limits = limits;
        let mut join = Join::new(settings, Sites::by(|_| Some("here".into())), &Schema::common()).unwrap();
        let (schema, mut n) = (join.schema().clone(), 0_u64);
        figures(
            "join, a flow and its leg",
            held,
            |flow| {
                n += 1;
                let (id, source) = (n.to_string(), SocketAddr::new(flow.row().src_addr().unwrap(), 40_000));
                join.leg(now, &Leg::new(id.as_str().into(), End::Client, "here".into(), source, now), drop);
                join.flow(now, flow, drop);
                (join.held(), join.bytes_held())
            },
            &schema,
        );
    }
}

/// What time costs: timers of all that is held run out, and everything is given out.
fn time_passes() {
    for held in [10_000, 100_000] {
        let mut settings = halves::Settings::default();
        settings.limits.entries = 200_000;
        settings.limits.bytes = 1 << 30;
        let mut correlator = Correlator::new(settings, &Schema::common()).unwrap();
        let schema = correlator.schema().clone();
        let now = |n: u32| Timestamp::from_millis(1_795_176_000_000 + u64::from(n) * 100_000 / u64::from(held));
        for n in 0..held {
            correlator.offer(now(n), &half(n, 0, &schema), drop);
        }
        let start = on_cpu();
        let (mut given, mut ticks) = (0_u32, 0_u32);
        while correlator.held() > 0 {
            ticks += 1;
            correlator.tick(now(held).offset(i64::from(ticks) * 1_000_000_000), |_| given += 1);
        }
        assert_eq!(given, held);
        let each = on_cpu().saturating_sub(start).as_secs_f64() * 1e9 / f64::from(held);
        println!("{held:>7} flows that run out over {ticks} ticks: {each:.0} ns each, made into a flow and given out");
    }
}
