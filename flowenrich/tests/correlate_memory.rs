//! What correlation holds, counted at the allocator: never more than it says, and it never says more than its cap.
#![cfg(test)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use flowcodec::model::{FieldValue, Flow, Schema};
use flowcodec::{Text, Timestamp, field as core};
use flowenrich::correlate::join::{self, End, Join, Leg, Sites};
use flowenrich::correlate::{BiflowSettings, Biflows, Correlator, Dedup, DedupSettings, halves};

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to `System` with the arguments it came with, so the promises of `GlobalAlloc` are those of `System`; the counter
// is an atomic, and neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the promises of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: `ptr` came from `alloc` above, which is `System`'s, with this layout.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const CAP: usize = 3_000_000;
const SECOND: i64 = 1_000_000_000;

/// A flow like no other, with names like no other's.
fn flow(n: u32) -> Flow {
    let [a, b, c, d] = n.to_be_bytes();
    let mut flow = Flow::new(Schema::common());
    flow.set(core::EXPORTER.id(), FieldValue::Address([192, 0, 2, a].into()));
    flow.set(core::SRC_ADDR.id(), FieldValue::Address([10, b, c, d].into()));
    flow.set(core::DST_ADDR.id(), FieldValue::Address([10, 0, 0, 1].into()));
    flow.set(core::SRC_PORT.id(), FieldValue::Unsigned(40_000));
    flow.set(core::DST_PORT.id(), FieldValue::Unsigned(80));
    flow.set(core::IP_PROTOCOL.id(), FieldValue::Unsigned(6));
    flow.set(core::FLOW_TYPE.id(), FieldValue::Unsigned(2));
    flow.set(core::OCTETS.id(), FieldValue::Unsigned(n.into()));
    for (place, field) in (0..).zip([core::SRC_POD, core::SRC_NODE, core::SRC_NAMESPACE, core::EGRESS_POLICY, core::SRC_LABELS]) {
        let text = format!("{n}-{place}-{}", "x".repeat(usize::from(d) % 70));
        flow.set(field.id(), FieldValue::Text(Text::from(text.as_str())));
    }
    flow
}

/// Floods one of them; `step` gives it a flow, and says how many octets it holds and how many flows it gave out.
fn flood(name: &str, fixed: usize, mut step: impl FnMut(Timestamp, Flow) -> (usize, u64), least: u64) {
    let before = HELD.load(Ordering::Relaxed);
    let (mut most, mut given, mut now) = (0, 0, Timestamp::from_seconds(1_795_176_000));
    for n in 0..30_000 {
        now = now.offset(SECOND / 1_000);
        let (told, out) = step(now, flow(n));
        given += out;
        let held = HELD.load(Ordering::Relaxed).wrapping_sub(before).wrapping_add(fixed);
        assert!(told <= CAP, "{name} says {told}");
        assert!(held <= told + 512, "{name} holds {held}, and says {told}");
        most = most.max(held);
    }
    println!("{name}: at most {most} of {CAP} octets, {given} given out early");
    assert!(most > CAP / 2, "{name}: the cap is used, {most}");
    assert!(given >= least, "{name}: {given} given out");
}

/// One test, as the counter is of all threads, and the harness allocates where it starts another.
#[test]
fn memory() {
    // The harness notes in another thread that this one runs.
    std::thread::sleep(std::time::Duration::from_millis(300));
    never_more_than_the_cap();
    room_is_given_back_after_a_burst();
}

fn never_more_than_the_cap() {
    let schema = Schema::common();
    drop(Schema::common().with(halves::fields()).unwrap());
    let held = || HELD.load(Ordering::Relaxed);

    let start = held();
    let mut settings = halves::Settings::default();
    (settings.limits.bytes, settings.limits.entries) = (CAP, 20_000);
    let mut correlator = Correlator::new(settings, &schema).unwrap();
    let own = held() - start - of_schema(&schema, halves::fields());
    let step = |now, flow: Flow| {
        let mut given = 0;
        correlator.offer(now, &flow, |_| given += 1);
        (correlator.bytes_held(), given)
    };
    flood("correlator", own, step, 20_000);
    assert_eq!(correlator.stats().evicted, correlator.stats().partial);

    let start = held();
    let mut settings = DedupSettings::default();
    (settings.limits.bytes, settings.limits.entries) = (CAP, 20_000);
    let mut dedup = Dedup::new(settings, &schema).unwrap();
    let own = held() - start - of_schema(&schema, Dedup::fields());
    let step = |now, flow: Flow| {
        let mut given = 0;
        dedup.offer(now, &flow, |_| given += 1);
        (dedup.bytes_held(), given)
    };
    flood("dedup", own, step, 20_000);

    let start = held();
    let mut settings = BiflowSettings::default();
    (settings.limits.bytes, settings.limits.entries) = (CAP, 20_000);
    let mut biflows = Biflows::new(settings, &schema).unwrap();
    let own = held() - start - of_schema(&schema, Biflows::fields());
    let step = |now, flow: Flow| {
        let mut given = 0;
        biflows.offer(now, &flow, |_| given += 1);
        (biflows.bytes_held(), given)
    };
    flood("biflows", own, step, 20_000);

    let sites = || Sites::by(|_| Some("here".into()));
    let start = held();
    let mut settings = join::Settings::default();
    (settings.limits.bytes, settings.limits.entries) = (CAP, 20_000);
    let mut join = Join::new(settings, sites(), &schema).unwrap();
    let own = held() - start - of_schema(&schema, Join::fields());
    let step = |now, flow: Flow| {
        let (mut given, id) = (0, flow.row().octets().unwrap().to_string());
        if flow.row().octets().unwrap().is_multiple_of(2) {
            let source = std::net::SocketAddr::new(flow.row().src_addr().unwrap(), 40_000);
            join.leg(now, &Leg::new(id.as_str().into(), End::Client, "here".into(), source, now), |_| given += 1);
        } else {
            join.flow(now, &flow, |_| given += 1);
        }
        (join.bytes_held(), given)
    };
    flood("join", own, step, 20_000);
}

/// What a schema with these fields takes, which is no part of what is held.
fn of_schema(schema: &Schema, fields: impl Iterator<Item = flowcodec::model::FieldSpec>) -> usize {
    let before = HELD.load(Ordering::Relaxed);
    let with = schema.with(fields).unwrap();
    let after = HELD.load(Ordering::Relaxed);
    drop(with);
    after - before
}

type Kind = fn(u32) -> Flow;

/// A half without names.
fn bare(n: u32) -> Flow {
    let [_, b, c, d] = n.to_be_bytes();
    let mut flow = Flow::new(Schema::common());
    flow.set(core::SRC_ADDR.id(), FieldValue::Address([11, b, c, d].into()));
    flow.set(core::DST_ADDR.id(), FieldValue::Address([10, 0, 0, 1].into()));
    flow.set(core::FLOW_TYPE.id(), FieldValue::Unsigned(2));
    flow
}

/// What a flood of one kind took is there for another kind after it, and no flow drives out more than a few.
fn room_is_given_back_after_a_burst() {
    const ROOMY: usize = 8 << 20;
    let schema = Schema::common().with(halves::fields()).unwrap();
    let held = || HELD.load(Ordering::Relaxed);
    let run = |kinds: &[Kind], pause: i64| {
        let mut settings = halves::Settings::default();
        settings.limits.bytes = ROOMY;
        let mut correlator = Correlator::with(settings, schema.clone());
        let beside = held() - correlator.bytes_held();
        let (mut most, mut now) = (0, Timestamp::from_seconds(1_795_176_000));
        for kind in kinds {
            now = now.offset(pause * SECOND);
            correlator.tick(now, |_| {});
            for n in 0..20_000 {
                now = now.offset(SECOND / 10_000);
                let (flow, mut given) = (kind(n), 0);
                correlator.offer(now, &flow, |_| given += 1);
                most = most.max(given);
                let told = correlator.bytes_held();
                assert!(told <= ROOMY, "says {told}");
                drop(flow);
                let holds = held() - beside;
                assert!(holds <= told + 512, "holds {holds}, and says {told}");
            }
        }
        (correlator.held(), most)
    };
    let (named, few) = run(&[flow], 0);
    let orders: [&[Kind]; 3] = [&[bare, flow], &[flow, bare, flow], &[bare, flow, bare, flow]];
    for kinds in orders {
        let (after, most) = run(kinds, 0);
        println!("{after} after a burst, {named} without, {most} given out at once");
        assert!(after * 10 >= named * 9, "{after} after a burst, {named} without");
        assert!(most <= 8, "{most} given out at once");
    }
    let (bares, after) = (run(&[bare], 0).0, run(&[flow, bare], 3_600).0);
    assert!(after * 10 >= bares * 9, "{after} after names, {bares} without");
    assert!(few <= 8, "{few} given out at once");
}
