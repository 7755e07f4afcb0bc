//! Broken and hostile messages into a collector with small caps: no panic, every message and update is counted once, all stays under its
//! cap, and every view can be read.

#[cfg(test)]
mod common;

#[cfg(test)]
mod tests {
    use core::hint::black_box;

    use flowcodec::Timestamp;
    use flowcodec::model::Schema;
    use proptest::prelude::*;
    use vanflow::collector::{Collector, Settings, Stats};
    use vanflow::lower::{Lowering, legs};
    use vanflow::message::{beacon, heartbeat, records};
    use vanflow::record::{Attribute, Class, RecordType, Scalar};

    use crate::common::recording;

    fn small() -> Settings {
        let mut settings = Settings::default();
        (settings.flows, settings.logs, settings.source_elements, settings.sources) = (20, 3, 12, 4);
        (settings.total_bytes, settings.record_attributes, settings.versions, settings.changes) = (60_000, 20, 3, 30);
        settings
    }

    /// A collector, and what it said of each message.
    struct Watched {
        collector: Collector,
        updates: u64,
        skipped: u64,
    }

    impl Watched {
        fn new() -> Self {
            Self { collector: Collector::new(small()), updates: 0, skipped: 0 }
        }

        fn message(&mut self, now: Timestamp, link: &str, octets: &[u8]) {
            if let Ok(outcome) = self.collector.message(now, link, octets) {
                self.updates += u64::from(outcome.updates);
                self.skipped += u64::from(outcome.skipped);
            }
            let (settings, collector) = (small(), &self.collector);
            assert!(collector.held(Class::Flow) <= settings.flows && collector.held(Class::Log) <= settings.logs);
            assert!(collector.sources().count() <= settings.sources);
            // One record may be the last drop.
            assert!(collector.bytes_held() <= settings.total_bytes + 20_000, "{}", collector.bytes_held());
        }

        fn check(&mut self) {
            let Stats {
                messages,
                beacons,
                heartbeats,
                records,
                bad_messages,
                other_subjects,
                misplaced,
                duplicates,
                bad_beacons,
                ..
            } = *self.collector.stats();
            let told = beacons + heartbeats + records + bad_messages + other_subjects + misplaced + duplicates + bad_beacons;
            assert_eq!(messages, told, "{:?}", self.collector.stats());
            let stats = self.collector.stats();
            assert_eq!(stats.updates, self.updates);
            assert_eq!(stats.bad_updates + stats.unknown_types + stats.refused_updates, self.skipped);
            let lowering = Lowering::new(&Schema::common()).unwrap();
            for connection in self.collector.connections() {
                black_box((format!("{connection:?}"), legs(&connection), lowering.connection(&connection)));
            }
            for request in self.collector.requests() {
                black_box((format!("{request:?}"), lowering.request(&request)));
            }
            for record in self.collector.all_records() {
                black_box(format!("{record:?}"));
                assert_eq!(self.collector.record(record.id()).unwrap().identity(), record.identity());
                assert!(self.collector.find_all(record.identity().as_bytes()).any(|found| found.id() == record.id()));
                black_box(self.collector.loss(record));
            }
            black_box((self.collector.links().count(), self.collector.services(), self.collector.inferred_processes()));
            while self.collector.poll_command().is_some() {}
            while self.collector.poll_change().is_some() {}
        }

        /// When all is silent and its time is over, nothing is left: no octet and no source.
        fn drain(mut self) {
            self.check();
            let mut ticks = 0;
            while let Some(next) = self.collector.next_tick() {
                self.collector.tick(next);
                ticks += 1;
                assert!(ticks < 1_000, "time goes on");
            }
            assert_eq!((self.collector.bytes_held(), self.collector.all_records().count()), (0, 0));
            assert_eq!(self.collector.sources().count(), 0);
            self.check();
        }
    }

    #[test]
    fn every_octet_of_a_recording_changed() {
        let mut watched = Watched::new();
        for message in recording("v2-main").unwrap() {
            let mut octets = message.octets.clone();
            for at in 0..octets.len() {
                let kept = octets[at];
                for changed in [kept ^ 0x01, kept ^ 0x80, 0x00, 0xff] {
                    octets[at] = changed;
                    watched.message(message.at, &message.link, &octets);
                }
                octets[at] = kept;
            }
            watched.message(message.at, &message.link, &octets);
            watched.collector.tick(message.at);
            watched.check();
        }
        assert!(watched.collector.stats().bad_messages > 1_000 && watched.updates > 1_000);
        watched.drain();
    }

    /// Type, name, and attributes: code, and a number or a name.
    type Spec = (u32, u8, Vec<(u32, Option<u64>, u8)>);

    #[derive(Debug, Clone)]
    enum Step {
        Beacon(u8),
        Heartbeat(u8, u64),
        Record { source: u8, place: u8, id: Option<u64>, specs: Vec<Spec> },
        Tick(u16),
        Reconnected,
    }

    fn steps() -> impl Strategy<Value = Step> {
        // Few names and codes, so that things meet.
        let attribute = (
            prop_oneof![3 => 2_u32..8, 2 => 14_u32..20, 1 => 20_u32..70, 1 => Just(60_u32)],
            proptest::option::of(0_u64..4),
            0_u8..10,
        );
        let spec = (prop_oneof![8 => 0_u32..18, 1 => 18_u32..20], 0_u8..10, proptest::collection::vec(attribute, 0..6));
        prop_oneof![
            2 => (0_u8..6).prop_map(Step::Beacon),
            2 => (0_u8..6, 0_u64..100).prop_map(|(source, now)| Step::Heartbeat(source, now)),
            12 => (0_u8..6, 0_u8..4, proptest::option::of(0_u64..40), proptest::collection::vec(spec, 0..8))
                .prop_map(|(source, place, id, specs)| Step::Record { source, place, id, specs }),
            3 => (0_u16..40).prop_map(Step::Tick),
            1 => Just(Step::Reconnected),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn whatever_sources_say(steps in proptest::collection::vec(steps(), 0..120)) {
            let mut watched = Watched::new();
            let mut now = Timestamp::from_seconds(1_800_000_000);
            let name = |number: u8| format!("n{number}");
            for step in steps {
                match step {
                    Step::Beacon(source) => {
                        let (id, address) = (name(source), format!("mc/sfe.n{source}"));
                        watched.message(now, "mc/sfe.all", &beacon("ROUTER", &id, &address, &id));
                    }
                    Step::Heartbeat(source, sent) => watched.message(now, &format!("mc/sfe.n{source}"), &heartbeat(&name(source), sent)),
                    Step::Record { source, place, id, specs } => {
                        let link = format!("mc/sfe.n{source}{}", ["", ".flows", ".logs", ".heartbeats"][usize::from(place)]);
                        let names: Vec<_> = (0..10).map(name).collect();
                        let lists: Vec<Vec<_>> = specs
                            .iter()
                            .map(|(_, _, list)| {
                                let scalar = |number: Option<u64>, text: u8| {
                                    number.map_or_else(|| Scalar::Text(names[usize::from(text)].as_str().into()), Scalar::Number)
                                };
                                list.iter().map(|(code, number, text)| (Attribute::new(*code), scalar(*number, *text))).collect()
                            })
                            .collect();
                        let specs: Vec<_> = specs
                            .iter()
                            .zip(&lists)
                            .map(|((code, identity, _), list)| (RecordType::new(*code), &*names[usize::from(*identity)], &**list))
                            .collect();
                        watched.message(now, &link, &records(id, &link, &specs));
                    }
                    Step::Tick(seconds) => {
                        now = now.offset(i64::from(seconds) * 1_000_000_000);
                        watched.collector.tick(now);
                    }
                    Step::Reconnected => watched.collector.reconnected(now),
                }
            }
            watched.drain();
        }
    }
}
