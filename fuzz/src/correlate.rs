//! Records that belong together, under small caps: all that comes in goes out, once.

use flowcodec::model::{FieldValue, Flow, Schema, field};
use flowcodec::{Text, Timestamp};
use flowenrich::correlate::join::{self, End, Join, Leg, Sites};
use flowenrich::correlate::{BiflowSettings, Biflows, Correlator, Dedup, DedupSettings, Limits, halves};

/// Octets of one step.
const STEP: usize = 12;

/// Steps as [`correlate`] reads them, made of flows: addresses and ports by their last octets, seconds since the flow before.
pub fn write_correlate<'a>(flows: impl Iterator<Item = (u8, &'a Flow)>) -> Vec<u8> {
    let mut data = Vec::new();
    for (seconds, flow) in flows {
        let row = flow.row();
        let last = |octets: u16| octets.to_be_bytes()[1];
        let end = |addr: Option<std::net::IpAddr>| addr.map_or(0, |addr| u16::from(octets(addr)[15]));
        let known = |text: Option<Text<'_>>| u8::from(text.is_some_and(|text| !text.as_bytes().is_empty()));
        let pods = known(flow.get(field::SRC_POD)) | known(flow.get(field::DST_POD)) << 1;
        let small = |number: u64| u8::try_from(number % 251).unwrap_or(0);
        data.extend([
            seconds,
            last(end(row.src_addr())) | last(row.src_port().unwrap_or(0)) << 4,
            last(end(row.dst_addr())) | last(row.dst_port().unwrap_or(0)) << 4,
            pods | flow.get(field::FLOW_TYPE).unwrap_or(0) << 2,
            flow.get(field::EGRESS_POLICY_ACTION).unwrap_or(0) | flow.get(field::INGRESS_POLICY_ACTION).unwrap_or(0) << 2,
            small(row.octets().unwrap_or(0)),
            small(flow.get(field::OCTETS_TOTAL).unwrap_or(0)),
            small(row.start().map_or(0, |start| start.as_seconds().cast_unsigned())),
            small(row.end().map_or(0, |end| end.as_seconds().cast_unsigned())),
            row.exporter().map_or(0, |addr| octets(addr)[15]),
            row.direction().unwrap_or(0xff),
            small(flow.get(field::REVERSE_OCTETS).unwrap_or(0)),
        ]);
    }
    data
}

fn octets(addr: std::net::IpAddr) -> [u8; 16] {
    match addr {
        std::net::IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        std::net::IpAddr::V6(v6) => v6.octets(),
    }
}

/// A flow of one step. Few addresses, so that much belongs together.
fn flow(step: [u8; STEP], schema: &std::sync::Arc<Schema>) -> Flow {
    let [_, src, dst, pods, actions, delta, total, start, end, exporter, direction, reverse] = step;
    let mut flow = Flow::new(schema.clone());
    let mut number = |id, number: u8| flow.set(id, FieldValue::Unsigned(number.into()));
    // What is odd is absent, here and there.
    if src & 0x80 == 0 {
        number(field::SRC_PORT.id(), src >> 4);
        number(field::DST_PORT.id(), dst >> 4);
    }
    number(field::FLOW_TYPE.id(), pods >> 2 & 7);
    number(field::EGRESS_POLICY_ACTION.id(), actions & 3);
    number(field::INGRESS_POLICY_ACTION.id(), actions >> 2 & 3);
    number(field::OCTETS.id(), delta);
    number(field::PACKETS.id(), 1);
    if total > 0 {
        number(field::OCTETS_TOTAL.id(), total);
    }
    if reverse & 1 == 1 {
        number(field::REVERSE_OCTETS.id(), reverse);
    }
    if direction < 3 {
        number(field::DIRECTION.id(), direction);
    }
    if actions & 0x10 > 0 {
        number(field::ICMP_TYPE.id(), actions >> 5);
        number(field::ICMP_CODE.id(), 0);
    }
    let second = |second: u8| FieldValue::Time(Timestamp::from_seconds(1_795_176_000 + u64::from(second)));
    if start < 250 {
        flow.set(field::START.id(), second(start));
    }
    if end < 250 {
        flow.set(field::END.id(), second(end));
    }
    flow.set(field::EXPORTER.id(), FieldValue::Address([192, 0, 2, exporter & 3].into()));
    if exporter & 0x80 == 0 {
        flow.set(field::SRC_ADDR.id(), FieldValue::Address([10, 0, 0, src & 7].into()));
        flow.set(field::DST_ADDR.id(), FieldValue::Address([10, 0, 0, dst & 7].into()));
    }
    if exporter & 0x40 > 0 {
        flow.set(field::PROXY_SNAT_ADDR.id(), FieldValue::Address([10, 0, 0, src & 3].into()));
    }
    for (bit, pod) in [(1, field::SRC_POD), (2, field::DST_POD)] {
        let name = if pods & bit > 0 { format!("pod-{delta}") } else { String::new() };
        flow.set(pod.id(), FieldValue::Text(Text::from(name.as_str())));
    }
    flow
}

const BYTES: usize = 260_000;

/// Correlation, de-duplication, biflows and the join over one row of records, with room for a few.
///
/// # Panics
/// When an invariant does not hold.
pub fn correlate(data: &[u8]) {
    let (steps, _) = data.as_chunks::<STEP>();
    let common = Schema::common();
    let mut limits = Limits::default();
    (limits.entries, limits.bytes) = (5, BYTES);

    let mut settings = halves::Settings::default();
    settings.limits = limits;
    let mut correlator = Correlator::with(settings, common.clone());
    let mut settings = DedupSettings::default();
    settings.limits = limits;
    let mut dedup = Dedup::with(settings, common.clone());
    let mut settings = BiflowSettings::default();
    settings.limits = limits;
    let mut biflows = Biflows::with(settings, common.clone());
    let mut settings = join::Settings::default();
    settings.limits = limits;
    let site = |exporter| Some(format!("{exporter}").as_str().into()).filter(|site: &std::sync::Arc<str>| !site.ends_with('3'));
    let mut join = Join::with(settings, Sites::by(site), common.clone());

    // Octets that came, and went out by each.
    let (mut came, mut deduped, mut both_ways, mut stitched) = (0_u64, 0_u64, 0_u64, 0_u64);
    let (mut merged, mut joined, mut legs) = (0_u64, 0_u64, 0_u64);
    let octets = |flow: &Flow| flow.row().octets().unwrap_or(0);
    let two_ways = |flow: &Flow| octets(flow).saturating_add(flow.get(field::REVERSE_OCTETS).unwrap_or(0));
    let mut now = Timestamp::from_seconds(1_795_176_000);
    for step in steps {
        now = now.offset(i64::from(step[0] & 0x3f).saturating_mul(1_000_000_000));
        let flow = flow(*step, &common);
        came = came.saturating_add(octets(&flow));
        both_ways = both_ways.saturating_add(two_ways(&flow));
        correlator.offer(now, &flow, |_| merged = merged.saturating_add(1));
        dedup.offer(now, &flow, |flow| deduped = deduped.saturating_add(octets(&flow)));
        biflows.offer(now, &flow, |flow| stitched = stitched.saturating_add(two_ways(&flow)));
        join.flow(now, &flow, |row| tell(&row, &mut joined, &mut legs));
        if let (Some(addr), Some(port)) = (flow.row().src_addr(), flow.row().src_port()) {
            let id = format!("{}", step[5] & 3);
            let until = (step[6] & 1 > 0).then(|| now.offset(i64::from(step[7])));
            let leg = Leg::new(id.as_str().into(), End::Client, "192.0.2.1".into(), (addr, port).into(), now).until(until);
            join.leg(now, &leg.to(flow.row().dst_addr(), flow.row().dst_port()), |row| tell(&row, &mut joined, &mut legs));
        }
        if step[0] & 0x40 > 0 {
            correlator.tick(now, |_| merged = merged.saturating_add(1));
            dedup.tick(now, |flow| deduped = deduped.saturating_add(octets(&flow)));
            biflows.tick(now, |flow| stitched = stitched.saturating_add(two_ways(&flow)));
            join.tick(now, |row| tell(&row, &mut joined, &mut legs));
        }
        for (held, bytes) in [
            (correlator.held(), correlator.bytes_held()),
            (dedup.held(), dedup.bytes_held()),
            (biflows.held(), biflows.bytes_held()),
            (join.held(), join.bytes_held()),
        ] {
            assert!(held <= 5 && bytes <= BYTES, "{held} held, {bytes} octets");
        }
    }
    correlator.finish(now, |_| merged = merged.saturating_add(1));
    dedup.finish(|flow| deduped = deduped.saturating_add(octets(&flow)));
    biflows.finish(|flow| stitched = stitched.saturating_add(two_ways(&flow)));
    join.finish(|row| tell(&row, &mut joined, &mut legs));

    assert_eq!((correlator.held(), dedup.held(), biflows.held(), join.held()), (0, 0, 0, 0));
    let stats = correlator.stats();
    assert!(merged == stats.given && stats.given >= stats.merged.max(stats.partial), "{stats:?}");
    assert_eq!(both_ways, stitched, "{:?}", biflows.stats());
    let stats = dedup.stats();
    assert_eq!(came, deduped.saturating_add(stats.duplicate_octets), "{stats:?}");
    let stats = join.stats();
    assert_eq!((joined, stats.legs_alone), (stats.flows, legs), "{stats:?}");
    let decided = [stats.passed, stats.matched, stats.ambiguous, stats.unmatched, stats.refused];
    assert!(decided.into_iter().fold(0, u64::saturating_add) >= stats.flows, "legs are refused too: {stats:?}");
    assert_eq!(stats.legs, [stats.legs_matched, stats.legs_ambiguous, stats.legs_alone].into_iter().fold(0, u64::saturating_add));
}

fn tell(row: &Flow, flows: &mut u64, legs: &mut u64) {
    // A leg's own row has no octets.
    let counter = if row.row().octets().is_none() { legs } else { flows };
    *counter = counter.saturating_add(1);
}
