//! The walk through the samples of an sFlow datagram.

use super::message::{Body, Found, Message, Show, Step, Which};
use super::sessions::SessionId;
use super::sources::{Followed, SampleNumber};
use super::{Decoder, ExporterChange, What};
use crate::record::MOST_PLACES;
use crate::sflow::{Places, RecordFaults, Sample, SampleKind, Samples, Tally};
use crate::wire::Input;

impl Show {
    const fn of_sample(kind: SampleKind) -> Self {
        match kind {
            SampleKind::Flow | SampleKind::Discard => Self::Flows,
            SampleKind::Counters => Self::Counters,
            SampleKind::Unknown => Self::Unknown,
        }
    }
}

/// Samples that are given as one event.
struct Run {
    show: Option<Show>,
    len: u32,
}

impl Run {
    /// Takes samples as long as there is nothing to be told of them: they are of the commonest, and each is the next of its source.
    /// Gives what was noted of the one behind, if that is of the commonest too.
    #[inline]
    fn take(&mut self, decoder: &mut Decoder, session: SessionId, samples: &mut Samples<'_>) -> Option<Places> {
        let mut sources = decoder.sessions.sources(session)?;
        let before = samples.left();
        let noted = loop {
            let Some((plain, behind)) = samples.peek_plain() else { break None };
            let show = Show::of_sample(plain.kind);
            let goes_on = self.show.is_none_or(|run| run == show) && decoder.places.len() < MOST_PLACES;
            if !goes_on || !sources.goes_on(SampleNumber::of_plain(&plain)) {
                break Some(plain.places);
            }
            decoder.places.push(Some(plain.places));
            samples.advance(behind);
            self.show = Some(show);
            self.len = self.len.wrapping_add(1);
        };
        let octets = u64::try_from(before.saturating_sub(samples.left())).unwrap_or(0);
        decoder.stats.bytes_decoded = decoder.stats.bytes_decoded.saturating_add(octets);
        noted
    }
}

impl<'d> Message<'d> {
    /// The next run of samples that are given as one event, or what is wrong in front of them.
    #[inline(never)]
    pub(super) fn samples(&mut self, decoder: &mut Decoder, mut samples: Samples<'d>) -> Step {
        let start = samples.rest();
        let mut run = Run { show: None, len: 0 };
        decoder.places.clear();
        while !samples.is_over() {
            let noted = run.take(decoder, self.session, &mut samples);
            let Some((sample, behind)) = samples.peek() else { break };
            let show = Show::of_sample(sample.kind());
            if run.show.is_some_and(|run| run != show) {
                break;
            }
            self.sample(decoder, sample, noted, samples.rest());
            samples.advance(behind);
            run.show = Some(show);
            run.len = run.len.wrapping_add(1);
            // What is to be told of a sample is told behind it, before more of that is found.
            if self.bad.is_some() || decoder.is_loud() {
                break;
            }
        }
        let Run { show: Some(show), len } = run else { return self.bad_sample(decoder, samples) };
        let counter = match show {
            Show::Counters => &mut decoder.stats.counters,
            Show::Unknown => &mut decoder.stats.unknown_samples,
            Show::Flows | Show::Options => &mut decoder.stats.flows,
        };
        *counter = counter.saturating_add(u64::from(len));
        if show != Show::Unknown {
            self.tally.records = self.tally.records.saturating_add(u64::from(len));
            decoder.store.prove(self.owner, self.context.received);
        }
        let taken = start.bytes().len().saturating_sub(samples.rest().bytes().len());
        let octets = start.bytes().get(..taken).unwrap_or_default();
        self.found = Found { which: Which::Samples { offset: start.offset() }, octets, len, show };
        self.body = Body::Samples(samples);
        Step::Found
    }

    /// What is wrong in front of samples that can be read, or the end of all.
    #[cold]
    fn bad_sample(&mut self, decoder: &mut Decoder, mut samples: Samples<'d>) -> Step {
        let fault = samples.next();
        self.body = Body::Samples(samples);
        match fault {
            Some(Err(fault)) => {
                decoder.fault(&self.context, fault);
                Step::Again
            }
            _ => Step::Done,
        }
    }

    /// Walks one sample: its octets, what is wrong inside, and the number its source gave it.
    #[cold]
    fn sample(&mut self, decoder: &mut Decoder, sample: Sample<'_>, places: Option<Places>, rest: Input<'d>) {
        // Room for it is made once and for all; the samples behind are read the long way.
        if decoder.places.len() < MOST_PLACES {
            decoder.places.push(places);
        }
        if places.is_some() {
            decoder.stats.bytes_decoded = decoder.stats.bytes_decoded.saturating_add(u64::from(sample.octets()));
        } else {
            self.odd_sample(decoder, rest);
        }
        let Some(number) = SampleNumber::of(&sample) else { return };
        match decoder.sessions.sampled(self.owner, self.session, number, &mut decoder.store, &decoder.settings.limits) {
            Followed::Nothing | Followed::New => {}
            Followed::Change(change) => decoder.sequence(&self.context, change),
            Followed::Instead(source) => {
                decoder.note(&self.context, What::Exporter(ExporterChange::SourceEvicted(source)));
            }
        }
    }

    /// A sample that is none of the commonest, record by record: the next of these. (Taking the sample itself would put it in memory for
    /// all the others too.)
    #[cold]
    fn odd_sample(&mut self, decoder: &mut Decoder, rest: Input<'d>) {
        let Some((sample, _)) = Sample::split_first(rest.bytes(), rest.offset()) else { return };
        let (mut tally, mut bad) = (Tally::default(), false);
        let depth = decoder.settings.limits.list_depth;
        sample.tally(depth, &mut tally, |_| bad = true);
        // They may be thousands: each is told before the next is looked for.
        self.bad = bad.then(|| RecordFaults::new(&sample, depth));
        decoder.stats.bytes_decoded = decoder.stats.bytes_decoded.saturating_add(u64::from(tally.octets));
        decoder.stats.unknown_records = decoder.stats.unknown_records.saturating_add(u64::from(tally.unknown_records));
        debug_assert_eq!(
            tally.octets.saturating_add(tally.lost_octets),
            sample.octets(),
            "every octet of a sample is told of once"
        );
    }
}
