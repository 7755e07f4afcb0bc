//! The walk through the samples of an sFlow datagram.

use super::message::{Found, Message, Show, Step, Which};
use super::{Decoder, ExporterChange, What};
use crate::sflow::{Sample, SampleKind, Samples, Tally};

impl Show {
    const fn of_sample(kind: SampleKind) -> Self {
        match kind {
            SampleKind::Flow | SampleKind::Discard => Self::Flows,
            SampleKind::Counters => Self::Counters,
            SampleKind::Unknown => Self::Unknown,
        }
    }
}

impl<'d> Message<'d> {
    /// The next run of samples that are given as one event, or what is wrong in front of them.
    pub(super) fn samples(&mut self, decoder: &mut Decoder, samples: &mut Samples<'d>) -> Step<'d> {
        let start = samples.rest();
        let (mut run, mut end, mut len) = (None, start.bytes().len(), 0_u32);
        while let Some(kind) = samples.ahead() {
            let show = Show::of_sample(kind);
            if run.is_some_and(|run| run != show) {
                break;
            }
            match samples.next() {
                Some(Ok(sample)) => {
                    self.sample(decoder, &sample);
                    run = Some(show);
                    end = samples.left();
                    len = len.wrapping_add(1);
                }
                Some(Err(fault)) => {
                    // Told behind the run, which ends here.
                    self.counted = None;
                    decoder.fault(&self.context, fault);
                    if run.is_none() {
                        return Step::Again;
                    }
                    break;
                }
                None => break,
            }
        }
        let Some(show) = run else { return Step::Done };
        let counter = match show {
            Show::Counters => &mut decoder.stats.counters,
            Show::Unknown => &mut decoder.stats.unknown_samples,
            Show::Flows | Show::Options => &mut decoder.stats.flows,
        };
        *counter = counter.saturating_add(u64::from(len));
        self.counted = self.counted.map(|counted| counted.wrapping_add(len));
        if show != Show::Unknown {
            self.tally.records = self.tally.records.saturating_add(u64::from(len));
            decoder.store.prove(self.owner, self.context.received);
        }
        let octets = start.bytes().get(..start.bytes().len().saturating_sub(end)).unwrap_or_default();
        Step::Found(Found { which: Which::Samples { offset: start.offset() }, octets, len, show })
    }

    /// Walks one sample: its octets, what is wrong inside, and the number its source gave it.
    fn sample(&mut self, decoder: &mut Decoder, sample: &Sample<'_>) {
        let mut tally = Tally::default();
        let depth = decoder.settings.limits.list_depth;
        sample.tally(depth, &mut tally, |fault| decoder.fault(&self.context, fault));
        decoder.stats.bytes_decoded = decoder.stats.bytes_decoded.saturating_add(u64::from(tally.octets));
        decoder.stats.unknown_records = decoder.stats.unknown_records.saturating_add(u64::from(tally.unknown_records));
        debug_assert_eq!(
            tally.octets.saturating_add(tally.lost_octets),
            sample.octets(),
            "every octet of a sample is told of once"
        );
        let followed = decoder.sessions.sampled(self.owner, self.session, sample, &mut decoder.store, &decoder.settings.limits);
        if let Some(source) = followed.evicted {
            decoder.note(&self.context, What::Exporter(ExporterChange::SourceEvicted(source)));
        }
        if let Some(change) = followed.change {
            decoder.sequence(&self.context, change);
        }
    }
}
