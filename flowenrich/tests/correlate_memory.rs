//! What correlation holds, counted at the allocator: never more than it says, and it never says more than its cap.
#![cfg(test)]

#[expect(dead_code, reason = "the most that was held is a matter of others")]
mod counting;

use std::sync::Arc;

use counting::held;
use flowcodec::model::{FieldSpec, FieldValue, Flow, Schema};
use flowcodec::{Text, Timestamp, field as core};
use flowenrich::correlate::join::{self, End, Join, Leg, Sites};
use flowenrich::correlate::{BiflowSettings, Biflows, Correlator, Dedup, DedupSettings, halves};

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

/// One of the four.
trait Rule {
    /// With so many octets and entries at most.
    fn new(octets: usize, entries: usize, schema: &Arc<Schema>) -> Self;

    /// What it adds to a schema.
    fn fields() -> Vec<FieldSpec>;

    /// How many flows it gives out for one.
    fn offer(&mut self, now: Timestamp, flow: &Flow) -> u64;

    fn tick(&mut self, now: Timestamp);

    /// Octets and entries that it says it holds.
    fn holds(&self) -> (usize, usize);
}

macro_rules! rules {
    ($($rule:ty, $settings:ty, $name:ident)*) => {$(
        impl Rule for $rule {
            fn new(octets: usize, entries: usize, schema: &Arc<Schema>) -> Self {
                let mut settings = <$settings>::default();
                (settings.limits.bytes, settings.limits.entries) = (octets, entries);
                Self::with(settings, Arc::clone(schema))
            }

            fn fields() -> Vec<FieldSpec> {
                rules!(fields $rule, $name)
            }

            fn offer(&mut self, now: Timestamp, flow: &Flow) -> u64 {
                let mut given = 0;
                Self::offer(self, now, flow, |_| given += 1);
                given
            }

            fn tick(&mut self, now: Timestamp) {
                Self::tick(self, now, |_| {});
            }

            fn holds(&self) -> (usize, usize) {
                (self.bytes_held(), self.held())
            }
        }
    )*};
    (fields $rule:ty, halves) => { halves::fields().collect() };
    (fields $rule:ty, $name:ident) => { <$rule>::fields().collect() };
}

rules! {
    Correlator, halves::Settings, halves
    Dedup, DedupSettings, dedup
    Biflows, BiflowSettings, biflows
}

/// Every second flow comes as a leg.
impl Rule for Join {
    fn new(octets: usize, entries: usize, schema: &Arc<Schema>) -> Self {
        let mut settings = join::Settings::default();
        (settings.limits.bytes, settings.limits.entries) = (octets, entries);
        Self::with(settings, Sites::by(|_| Some("here".into())), Arc::clone(schema))
    }

    fn fields() -> Vec<FieldSpec> {
        Self::fields().collect()
    }

    fn offer(&mut self, now: Timestamp, flow: &Flow) -> u64 {
        let (mut given, number) = (0, flow.row().octets().unwrap());
        if number.is_multiple_of(2) {
            let source = std::net::SocketAddr::new(flow.row().src_addr().unwrap(), 40_000);
            let id = number.to_string();
            self.leg(now, &Leg::new(id.as_str().into(), End::Client, "here".into(), source, now), |_| given += 1);
        } else {
            self.flow(now, flow, |_| given += 1);
        }
        given
    }

    fn tick(&mut self, now: Timestamp) {
        Self::tick(self, now, |_| {});
    }

    fn holds(&self) -> (usize, usize) {
        (self.bytes_held(), self.held())
    }
}

/// Floods one of them with flows that are all different.
fn flood<R: Rule>(name: &str, least: u64) -> R {
    let schema = Schema::common().with(R::fields()).unwrap();
    let before = held();
    let mut rule = R::new(CAP, 20_000, &schema);
    let (mut most, mut given, mut now) = (0, 0, Timestamp::from_seconds(1_795_176_000));
    for n in 0..30_000 {
        now = now.offset(SECOND / 1_000);
        let flow = flow(n);
        given += rule.offer(now, &flow);
        drop(flow);
        let (told, holds) = (rule.holds().0, held().wrapping_sub(before));
        assert!(told <= CAP, "{name} says {told}");
        assert!(holds <= told + 512, "{name} holds {holds}, and says {told}");
        most = most.max(holds);
    }
    println!("{name}: at most {most} of {CAP} octets, {given} given out early");
    assert!(most > CAP / 2, "{name}: the cap is used, {most}");
    assert!(given >= least, "{name}: {given} given out");
    rule
}

/// One test, as the counter is of all threads, and the harness allocates where it starts another.
#[test]
fn memory() {
    // The harness notes in another thread that this one runs.
    std::thread::sleep(std::time::Duration::from_millis(300));
    never_more_than_the_cap();
    room_is_given_back_after_a_burst();
    the_default_limits_hold_what_they_say();
}

fn never_more_than_the_cap() {
    let correlator: Correlator = flood("correlator", 20_000);
    assert_eq!(correlator.stats().evicted, correlator.stats().partial);
    drop(correlator);
    drop(flood::<Dedup>("dedup", 20_000));
    drop(flood::<Biflows>("biflows", 20_000));
    drop(flood::<Join>("join", 20_000));
}

type Kind = fn(u32) -> Flow;

/// A flow without names; a half.
fn bare(n: u32) -> Flow {
    let [_, b, c, d] = n.to_be_bytes();
    let mut flow = Flow::new(Schema::common());
    flow.set(core::SRC_ADDR.id(), FieldValue::Address([11, b, c, d].into()));
    flow.set(core::DST_ADDR.id(), FieldValue::Address([10, 0, 0, 1].into()));
    flow.set(core::SRC_PORT.id(), FieldValue::Unsigned(40_000));
    flow.set(core::DST_PORT.id(), FieldValue::Unsigned(80));
    flow.set(core::IP_PROTOCOL.id(), FieldValue::Unsigned(6));
    flow.set(core::EXPORTER.id(), FieldValue::Address([192, 0, 2, 1].into()));
    flow.set(core::FLOW_TYPE.id(), FieldValue::Unsigned(2));
    flow.set(core::OCTETS.id(), FieldValue::Unsigned(n.into()));
    flow
}

/// What a flood of one kind took is there for another kind after it, and no flow drives out more than a few.
fn room_is_given_back_after_a_burst() {
    burst::<Correlator>("correlator", 8);
    burst::<Dedup>("dedup", 8);
    burst::<Biflows>("biflows", 8);
    // Legs without names are so small that a flow takes the room of some more.
    burst::<Join>("join", 16);
}

fn burst<R: Rule>(name: &str, few: u64) {
    const ROOMY: usize = 8 << 20;
    let schema = Schema::common().with(R::fields()).unwrap();
    let run = |kinds: &[Kind], pause: i64| {
        let before = held();
        let mut rule = R::new(ROOMY, 200_000, &schema);
        let (mut most, mut now) = (0, Timestamp::from_seconds(1_795_176_000));
        for kind in kinds {
            now = now.offset(pause * SECOND);
            rule.tick(now);
            for n in 0..20_000 {
                now = now.offset(SECOND / 10_000);
                let flow = kind(n);
                most = most.max(rule.offer(now, &flow));
                drop(flow);
                let (told, holds) = (rule.holds().0, held().wrapping_sub(before));
                assert!(told <= ROOMY, "{name} says {told}");
                assert!(holds <= told + 512, "{name} holds {holds}, and says {told}");
            }
        }
        (rule.holds().1, most)
    };
    let (named, most) = run(&[flow], 0);
    assert!(most <= few, "{name}: {most} given out at once");
    let orders: [&[Kind]; 3] = [&[bare, flow], &[flow, bare, flow], &[bare, flow, bare, flow]];
    for kinds in orders {
        let (after, most) = run(kinds, 0);
        println!("{name}: {after} after a burst, {named} without, {most} given out at once");
        assert!(after * 10 >= named * 9, "{name}: {after} after a burst, {named} without");
        assert!(most <= few, "{name}: {most} given out at once");
    }
    let (bares, after) = (run(&[bare], 0).0, run(&[flow, bare], 7_200).0);
    assert!(after * 10 >= bares * 9, "{name}: {after} after names, {bares} without");
}

/// Halves with names as pods have them, with the limits that nobody chose.
fn the_default_limits_hold_what_they_say() {
    let schema = Schema::common().with(halves::fields()).unwrap();
    let mut correlator = Correlator::with(halves::Settings::default(), schema);
    let now = Timestamp::from_seconds(1_795_176_000);
    for n in 0..200_000_u32 {
        let mut flow = bare(n);
        let service = format!("service-{:05}", n / 4);
        let labels = format!("{{\"app\":\"{service}\",\"pod-template-hash\":\"6d4cf56db6\"}}");
        let names = [
            (core::SRC_POD, format!("{service}-6d4cf56db6-{n:05x}")),
            (core::SRC_NAMESPACE, format!("team-{}", n / 4 % 40)),
            (core::SRC_NODE, format!("node-{}", n % 200)),
            (core::SRC_LABELS, labels),
        ];
        for (field, name) in names {
            flow.set(field.id(), FieldValue::Text(Text::from(name.as_str())));
        }
        correlator.offer(now, &flow, |_| {});
        if correlator.stats().evicted > 0 {
            break;
        }
    }
    println!("{} halves under the default limits", correlator.held());
    assert!((150_000..=200_000).contains(&correlator.held()), "{}", correlator.held());
}
