//! Lines of flows: each flow once when it is over, and a later line only where it says something else.

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    use flowcodec::Timestamp;
    use serde_json::Value as Json;
    use van_collector::hub::{Clock, Hub};
    use van_collector::ndjson::{FlowWriter, WhenFull};
    use vanflow::collector::Settings;
    use vanflow::message::{RecordSpec, beacon, heartbeat, records};
    use vanflow::record::{Attribute, RecordType, Scalar};

    const BASE: &str = "mc/sfe.a:0";
    const FLOWS: &str = "mc/sfe.a:0.flows";

    /// What was written.
    #[derive(Debug, Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(octets)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A collector that hears one router and one controller's site, and what it writes.
    struct Bench {
        hub: Arc<Hub>,
        sink: Sink,
    }

    fn text(text: &str) -> Scalar<'_> {
        Scalar::Text(text.into())
    }

    fn at(second: u64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + second)
    }

    fn us(second: u64) -> Scalar<'static> {
        Scalar::Number((1_800_000_000 + second) * 1_000_000)
    }

    impl Bench {
        fn new(change: impl FnOnce(&mut Settings)) -> Self {
            Self::paced(WhenFull::Wait, change)
        }

        fn paced(pace: WhenFull, change: impl FnOnce(&mut Settings)) -> Self {
            let (mut settings, sink) = (Settings::default(), Sink::default());
            change(&mut settings);
            let writer = FlowWriter::new(Box::new(sink.clone()), pace).unwrap();
            let bench = Self { hub: Hub::new(settings, Clock::Recording, "test", Some(writer)), sink };
            bench.announce(0);
            bench
        }

        fn announce(&self, second: u64) {
            self.hub.message(at(second), "mc/sfe.all", &beacon("ROUTER", "a:0", BASE, "sfe.a:0"));
        }

        fn send(&self, second: u64, link: &str, specs: &[RecordSpec<'_>]) {
            self.hub.tick_through(at(second));
            self.hub.message(at(second), link, &records(None, link, specs));
        }

        /// All that a complete connection refers to.
        fn network(&self, second: u64) {
            let start = (Attribute::START_TIME, us(0));
            let listener = [(Attribute::PARENT, text("a:0")), start, (Attribute::ADDRESS, text("web"))];
            let connector = [(Attribute::PARENT, text("a:0")), start, (Attribute::PROCESS, text("server"))];
            self.send(
                second,
                BASE,
                &[
                    (RecordType::SITE, "west", &[start]),
                    (RecordType::ROUTER, "a:0", &[(Attribute::PARENT, text("west")), start]),
                    (RecordType::LISTENER, "a:1", &listener),
                    (RecordType::CONNECTOR, "a:2", &connector),
                    (RecordType::PROCESS, "server", &[(Attribute::PARENT, text("west")), start]),
                    (
                        RecordType::PROCESS,
                        "client",
                        &[(Attribute::PARENT, text("west")), start, (Attribute::SOURCE_HOST, text("10.0.0.1"))],
                    ),
                ],
            );
        }

        fn connection(&self, second: u64, octets: u64, end: Option<u64>) {
            self.connection_of("a:7", second, octets, end);
        }

        fn connection_of(&self, id: &str, second: u64, octets: u64, end: Option<u64>) {
            let mut attributes = vec![
                (Attribute::PARENT, text("a:1")),
                (Attribute::START_TIME, us(2)),
                (Attribute::SOURCE_HOST, text("10.0.0.1")),
                (Attribute::OCTETS, Scalar::Number(octets)),
                (Attribute::CONNECTOR, text("a:2")),
            ];
            attributes.extend(end.map(|end| (Attribute::END_TIME, us(end))));
            attributes.sort();
            self.send(second, FLOWS, &[(RecordType::BIFLOW_TPORT, id, &attributes)]);
        }

        /// Until its source has been silent for so long that what it described is taken for ended, and all that waits is due.
        fn silence(&self, second: u64) {
            for second in (second..second + 60).step_by(5) {
                self.hub.tick_through(at(second));
                self.hub.tick(at(second));
            }
        }

        fn close(self) -> (Vec<Json>, anyhow::Result<()>) {
            let closed = self.hub.close();
            let octets = self.sink.0.lock().unwrap();
            (String::from_utf8_lossy(&octets).lines().map(|line| serde_json::from_str(line).unwrap()).collect(), closed)
        }

        fn lines(self) -> Vec<Json> {
            let (lines, closed) = self.close();
            closed.unwrap();
            lines
        }
    }

    fn said(line: &Json) -> (Option<u64>, Option<&str>, Option<u64>) {
        (line["octets_total"].as_u64(), line["end"].as_str(), line["van_correction"].as_u64())
    }

    #[test]
    fn a_connection_that_outlives_a_silence_is_corrected_once() {
        let bench = Bench::new(|_| ());
        bench.network(1);
        bench.connection(3, 100, None);
        bench.silence(4);
        bench.announce(70);
        bench.network(71);
        bench.connection(72, 150, None);
        bench.connection(80, 200, Some(80));
        bench.connection(81, 200, Some(80));
        bench.silence(82);
        let lines = bench.lines();
        let said: Vec<_> = lines.iter().map(said).collect();
        assert_eq!(
            said,
            [
                (Some(100), Some("2027-01-15T08:00:33.000000000Z"), None),
                (Some(200), Some("2027-01-15T08:01:20.000000000Z"), Some(1)),
            ]
        );
        for field in ["van_id", "start"] {
            assert_eq!(lines[0][field], lines[1][field], "by these the line that is corrected is found");
        }
        assert_eq!((&lines[0]["van_complete"], &lines[1]["van_complete"]), (&1.into(), &1.into()));
    }

    #[test]
    fn one_that_still_lives_at_the_end_is_corrected_too() {
        let bench = Bench::new(|_| ());
        bench.network(1);
        bench.connection(3, 100, None);
        bench.silence(4);
        bench.announce(70);
        bench.connection(72, 150, None);
        let lines = bench.lines();
        assert_eq!(lines.iter().map(said).collect::<Vec<_>>()[1..], [(Some(150), None, Some(1))]);
    }

    /// What returns before anything was written has one line, and what took its place is not counted as lost.
    #[test]
    fn a_short_silence_is_not_seen() {
        let bench = Bench::new(|_| ());
        // Nothing but the connection is described: it waits for the rest.
        bench.connection(3, 100, None);
        bench.hub.tick_through(at(40));
        bench.hub.tick(at(40));
        bench.announce(41);
        bench.connection(42, 150, None);
        bench.connection(50, 200, Some(50));
        bench.silence(51);
        let lines = bench.lines();
        assert_eq!(lines.iter().map(said).collect::<Vec<_>>(), [(Some(200), Some("2027-01-15T08:00:50.000000000Z"), None)]);
    }

    /// The source asks for nothing but says all again, as routers do after a FLUSH: no line says it twice.
    #[test]
    fn what_is_said_again_is_not_written_again() {
        let bench = Bench::new(|_| ());
        bench.network(1);
        bench.connection(3, 100, Some(3));
        for second in 4..10 {
            bench.connection(second, 100, Some(3));
            bench.network(second);
        }
        // A late word on it is one.
        bench.connection(11, 101, Some(3));
        let lines = bench.lines();
        let octets: Vec<_> = lines.iter().map(|line| said(line).0.zip(said(line).2.or(Some(0)))).collect();
        assert_eq!(octets, [Some((100, 0)), Some((101, 1))]);
    }

    /// Half of a pair of v1 is written when it has waited long enough; the other half corrects it, by the same identity.
    #[test]
    fn the_other_side_of_a_pair_corrects_the_first() {
        let bench = Bench::new(|_| ());
        let over = [(Attribute::START_TIME, us(2)), (Attribute::END_TIME, us(3)), (Attribute::OCTETS, Scalar::Number(7))];
        let mut connector = vec![(Attribute::COUNTERFLOW, text("b:9"))];
        connector.extend(over);
        connector.sort();
        bench.send(3, FLOWS, &[(RecordType::FLOW, "a:8", &connector)]);
        for second in (4..26).step_by(2) {
            bench.hub.message(at(second), BASE, &heartbeat("a:0", 1));
        }
        bench.send(27, FLOWS, &[(RecordType::FLOW, "b:9", &over)]);
        let lines = bench.lines();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines.iter().all(|line| line["van_id"] == "b:9"), "{lines:?}");
        assert_eq!((&lines[0]["octets_total"], lines[0].get("van_correction")), (&Json::Null, None));
        assert_eq!((&lines[1]["octets_total"], &lines[1]["van_correction"]), (&7.into(), &1.into()));
    }

    /// What waits is written when all of it is known, long before it would have to be.
    #[test]
    fn nothing_waits_for_longer_than_it_has_to() {
        let bench = Bench::new(|_| ());
        bench.connection(3, 100, Some(3));
        let written = |bench: &Bench| bench.sink.0.lock().unwrap().len();
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(written(&bench), 0);
        bench.network(5);
        bench.hub.tick(at(6));
        // The lines are another thread's.
        let asked = Instant::now();
        while written(&bench) == 0 {
            assert!(asked.elapsed() < Duration::from_secs(10), "known after two seconds, written at the next look");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(bench.lines().len(), 1);
    }

    #[test]
    fn what_is_evicted_while_it_lives_is_lost_and_told() {
        let bench = Bench::new(|settings| settings.flows = 10);
        for number in 0..25 {
            let id = format!("a:{}", 100 + number);
            bench.send(3, FLOWS, &[(RecordType::BIFLOW_TPORT, &id, &[(Attribute::START_TIME, us(2))])]);
        }
        let (lines, closed) = bench.close();
        assert_eq!(lines.len(), 10);
        assert!(closed.unwrap_err().to_string().starts_with("15 flows were evicted"));
    }

    /// Connections of numbers, all in one message.
    fn many(bench: &Bench, second: u64, numbers: core::ops::Range<u32>, end: Option<u64>) {
        let ids: Vec<_> = numbers.map(|number| format!("a:{number}")).collect();
        let mut attributes = vec![(Attribute::START_TIME, us(2))];
        attributes.extend(end.map(|end| (Attribute::END_TIME, us(end))));
        let specs: Vec<RecordSpec<'_>> = ids.iter().map(|id| (RecordType::BIFLOW_TPORT, &**id, &*attributes)).collect();
        bench.send(second, FLOWS, &specs);
    }

    /// A source of more flows than changes can wait falls silent, and is forgotten.
    #[test]
    fn what_was_written_is_not_missed_when_changes_are_lost() {
        let bench = Bench::new(|settings| settings.changes = 100);
        for first in (100..400).step_by(20) {
            many(&bench, 3, first..first + 20, None);
        }
        bench.silence(4);
        bench.hub.tick(at(5_000));
        bench.hub.look(|collector| {
            assert_eq!(collector.all_records().count(), 0);
            assert!(collector.stats().lost_changes >= 2 * 200, "of ends and of removals: {:?}", collector.stats());
        });
        assert_eq!(bench.lines().len(), 300);
    }

    /// Each flow that goes unwritten is counted, once, whether the change that says so is lost or not.
    #[test]
    fn what_goes_is_counted_once_when_changes_are_lost() {
        // While they wait to be written, their source goes for another.
        let bench = Bench::new(|settings| (settings.changes, settings.sources) = (20, 1));
        for first in (100..150).step_by(10) {
            many(&bench, 3, first..first + 10, None);
        }
        bench.hub.tick_through(at(34));
        bench.hub.message(at(35), "mc/sfe.all", &beacon("ROUTER", "b:0", "mc/sfe.b:0", "sfe.b:0"));
        assert!(bench.hub.look(|collector| collector.stats().lost_changes) >= 30 + 30);
        let (lines, closed) = bench.close();
        assert_eq!(lines.len(), 0);
        assert!(closed.unwrap_err().to_string().starts_with("50 flows were evicted"));

        // While they live, as many others come at once.
        let bench = Bench::new(|settings| (settings.changes, settings.flows) = (20, 50));
        for first in (100..150).step_by(10) {
            many(&bench, 3, first..first + 10, None);
        }
        many(&bench, 4, 200..250, None);
        assert!(bench.hub.look(|collector| collector.stats().lost_changes) >= 80);
        let (lines, closed) = bench.close();
        assert_eq!(lines.len(), 50);
        assert!(closed.unwrap_err().to_string().starts_with("50 flows were evicted"));
    }

    /// A line that nobody took is no line: the next one of its flow corrects only what came before it.
    #[test]
    fn a_line_that_was_refused_is_not_corrected() {
        let bench = Bench::paced(WhenFull::Lose, |_| ());
        bench.network(1);
        bench.connection_of("a:7", 3, 100, Some(3));
        let slow = bench.sink.0.lock().unwrap();
        // More lines than wait for a reader.
        for first in (1_000..10_000).step_by(50) {
            many(&bench, 4, first..first + 50, Some(4));
        }
        for second in (5..30).step_by(5) {
            bench.hub.message(at(second), BASE, &heartbeat("a:0", 1));
        }
        bench.connection_of("a:7", 31, 150, Some(3));
        bench.connection_of("a:8", 31, 150, Some(3));
        drop(slow);
        let (asked, written) = (Instant::now(), |sink: &Sink| sink.0.lock().unwrap().split(|octet| *octet == b'\n').count());
        while written(&bench.sink) < 8_192 {
            assert!(asked.elapsed() < Duration::from_secs(10), "{} lines", written(&bench.sink));
            std::thread::sleep(Duration::from_millis(5));
        }
        bench.connection_of("a:7", 32, 200, Some(3));
        bench.connection_of("a:8", 32, 200, Some(3));
        let (lines, closed) = bench.close();
        let corrections = |id: &str| -> Vec<_> {
            let lines = lines.iter().filter(|line| line["van_id"] == id).map(said);
            lines.map(|(octets, _, correction)| (octets, correction)).collect()
        };
        assert_eq!(corrections("a:7"), [(Some(100), None), (Some(200), Some(1))]);
        assert_eq!(corrections("a:8"), [(Some(200), None)]);
        // 9,002 flows and one correction that were to be written, and two more lines that were.
        let refused = 9_003 + 2 - lines.len();
        assert!(closed.unwrap_err().to_string().starts_with(&format!("{refused} flows were not written")));
    }
}
