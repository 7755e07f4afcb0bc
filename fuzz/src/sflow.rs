//! One datagram of sFlow: through the views, through a fresh decoder, and again and again as the agent would go on.

use flowcodec::sflow::table::Values;
use flowcodec::sflow::{Datagram, FlowView, Sample, Structure};
use flowcodec::{Exporter, Limits, Settings};

use crate::audit::Audit;
use crate::read::Reading;
use crate::views::{NOW, decode, size};

/// sFlow.
///
/// # Panics
/// When an invariant does not hold.
pub fn sflow(data: &[u8]) {
    match Datagram::parse(data) {
        Ok(datagram) => {
            views(&datagram, data.len());
            goes_on(data, &datagram);
        }
        // Without a header, all is lost.
        Err(fault) => assert_eq!(size(fault.bytes), data.len(), "{fault}"),
    }
    decode(data);
}

/// Octets are counted once, whichever way they are walked.
fn views(datagram: &Datagram<'_>, len: usize) {
    let limits = Limits::default();
    let (mut lost, mut faults) = (0_u32, 0_u32);
    let tally = datagram.tally(&limits, |fault| {
        assert!(size(fault.offset) <= len, "{fault}");
        lost = lost.saturating_add(fault.bytes);
        faults = faults.saturating_add(1);
    });
    assert_eq!(tally.lost_octets, lost);
    assert_eq!(size(tally.octets.saturating_add(lost)), len, "header, samples, records and faults are the datagram");
    assert!(tally.bad_records.saturating_add(tally.bad_samples) <= faults);
    let (mut samples, mut records) = (0_u32, 0_u32);
    for sample in datagram.samples().flatten() {
        samples = samples.saturating_add(1);
        assert!(size(sample.offset().saturating_add(sample.octets())) <= len);
        assert_eq!(sample.head().is_some(), sample.layout().is_some(), "a head is known or it is not");
        if let Some(values) = sample.values() {
            assert!(values.into_iter().all(|value| value.is_ok()), "what stands in front of the records was measured");
        }
        records = records.saturating_add(of_sample(&sample, &limits));
    }
    assert_eq!((samples, records), (tally.samples, tally.records));
}

/// Records that fit.
fn of_sample(sample: &Sample<'_>, limits: &Limits) -> u32 {
    let mut fit = 0_u32;
    let mut at = sample.records().rest().offset();
    for record in sample.records().flatten() {
        assert_eq!(record.offset(), at, "one record behind the other");
        at = at.saturating_add(record.octets());
        let good = record.check(limits).is_ok();
        fit = fit.saturating_add(u32::from(good));
        record_agrees(&record, good);
    }
    fit
}

/// The view and the table find the same.
fn record_agrees(record: &Structure<'_>, good: bool) {
    let values = record.values();
    if let Some(fault) = values.clone().and_then(|mut values: Values<'_>| values.find_map(Result::err)) {
        assert!(!good, "{fault}");
        assert_eq!(fault.bytes, record.octets(), "a record that does not fit costs itself");
    }
    match record.flow() {
        Ok(FlowView::Other(other)) => assert_eq!(other, *record),
        view => assert_eq!(view.is_ok(), good, "{record:?}"),
    }
    for value in values.into_iter().flatten().flatten() {
        assert!(!value.def.name.is_empty() && value.octets.len() <= record.body().len());
        // What is printed of a list is bounded by its octets.
        assert!(value.value.to_string().len() <= value.octets.len().saturating_mul(16).saturating_add(64));
    }
}

/// The agent goes on: its numbers and those of its samples count up, one datagram is lost, and then it begins anew. A forged source that
/// says the same beside it, out of step, makes no difference.
fn goes_on(data: &[u8], datagram: &Datagram<'_>) {
    let agent = Exporter::new([192, 0, 2, 1].into(), 6343);
    let forged = Exporter::new([192, 0, 2, 2].into(), 6343);
    let run = |settings: Settings, forging: bool| {
        let mut audit = Audit::new(settings, Reading::Cheap);
        for (second, step) in [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (6, 6), (100, 0), (101, 1)] {
            let now = NOW.offset(i64::from(second).saturating_mul(1_000_000_000));
            audit.datagram(agent, now, &later(data, datagram, step));
            if forging {
                audit.datagram(forged, now, data);
            }
        }
        let status = audit.decoder().exporters().find(|status| status.exporter == agent);
        audit.restart();
        audit.datagram(agent, NOW, data);
        audit.finish();
        status
    };
    assert_eq!(run(Settings::default(), true), run(Settings::default(), false), "who else speaks is no matter");
    let mut small = Settings::default();
    (small.limits.session_sources, small.limits.exporter_sessions) = (4, 3);
    (small.limits.total_bytes, small.limits.exporter_bytes) = (64 << 10, 24 << 10);
    run(small, true);
}

/// The datagram of `step` seconds later: all sequence numbers and the uptime have gone on.
fn later(data: &[u8], datagram: &Datagram<'_>, step: u32) -> Vec<u8> {
    let mut data = data.to_vec();
    let mut add = |at: u32, more: u32| {
        if let Some(word) = data.get_mut(size(at)..).and_then(|rest| rest.first_chunk_mut()) {
            *word = u32::from_be_bytes(*word).wrapping_add(more).to_be_bytes();
        }
    };
    // Sequence, uptime and count stand in front of the samples.
    let samples = datagram.body().offset();
    add(samples.saturating_sub(12), step);
    add(samples.saturating_sub(8), step.saturating_mul(1_000));
    for sample in datagram.samples().flatten().filter(|sample| sample.sequence().is_some()) {
        add(sample.offset().saturating_add(8), step);
    }
    data
}
