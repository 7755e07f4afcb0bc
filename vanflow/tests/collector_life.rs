//! Sources that come, restart, fall silent and return; what is asked of the connection; caps at n and n + 1; changes.

#[cfg(test)]
mod common;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use flowcodec::Timestamp;
    use proptest::prelude::*;
    use vanflow::collector::{Change, Collector, Command, EndedBy, Process, RecordChange, Settings, SourceChange};
    use vanflow::message::{Content, Message, RecordSpec, beacon, heartbeat, records};
    use vanflow::record::{Attribute, Class, RecordType, Scalar, Unit};

    use crate::common::{Received, recording};

    const BASE: &str = "mc/sfe.a:0";
    const FLOWS: &str = "mc/sfe.a:0.flows";

    /// In microseconds.
    const HOUR: u64 = 3_600_000_000;

    /// Seconds of the receiver's clock.
    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + seconds)
    }

    /// The same in the wire's unit.
    fn us(seconds: u64) -> u64 {
        (1_800_000_000 + seconds) * 1_000_000
    }

    const fn number(number: u64) -> Scalar<'static> {
        Scalar::Number(number)
    }

    fn text(text: &str) -> Scalar<'_> {
        Scalar::Text(text.into())
    }

    fn announce(collector: &mut Collector, seconds: u64, id: &str) {
        let (address, direct) = (format!("mc/sfe.{id}"), format!("sfe.{id}"));
        collector.message(at(seconds), "mc/sfe.all", &beacon("ROUTER", id, &address, &direct)).unwrap();
    }

    fn beat(collector: &mut Collector, seconds: u64, id: &str) {
        collector.message(at(seconds), &format!("mc/sfe.{id}"), &heartbeat(id, us(seconds))).unwrap();
    }

    fn send(collector: &mut Collector, seconds: u64, link: &str, id: Option<u64>, specs: &[RecordSpec<'_>]) -> (u32, u32) {
        let outcome = collector.message(at(seconds), link, &records(id, link, specs)).unwrap();
        (outcome.updates, outcome.skipped)
    }

    fn commands(collector: &mut Collector) -> Vec<Command> {
        core::iter::from_fn(|| collector.poll_command()).collect()
    }

    fn changes(collector: &mut Collector) -> Vec<(RecordChange, String)> {
        core::iter::from_fn(|| collector.poll_change())
            .filter_map(|change| match change {
                Change::Record { what, identity, .. } => Some((what, identity.as_text().to_string())),
                _ => None,
            })
            .collect()
    }

    fn subscribe(address: &str) -> Command {
        Command::Subscribe(address.into())
    }

    #[test]
    fn a_beacon_is_subscribed_to_and_flushed_when_it_is_heard() {
        let mut collector = Collector::default();
        assert_eq!(commands(&mut collector), [subscribe("mc/sfe.all")]);
        announce(&mut collector, 0, "a:0");
        let four = ["", ".flows", ".logs", ".heartbeats"].map(|suffix| subscribe(&format!("{BASE}{suffix}")));
        assert_eq!(commands(&mut collector), four);
        announce(&mut collector, 1, "a:0");
        assert_eq!(commands(&mut collector), [], "once");
        beat(&mut collector, 2, "a:0");
        assert_eq!(commands(&mut collector), [Command::Flush("sfe.a:0".into())], "the subscription is in place");
        beat(&mut collector, 4, "a:0");
        assert_eq!(commands(&mut collector), []);
    }

    #[test]
    fn without_a_sign_flush_goes_after_five_seconds() {
        let mut collector = Collector::default();
        announce(&mut collector, 0, "a:0");
        commands(&mut collector);
        assert_eq!(collector.next_tick(), Some(at(5)));
        collector.tick(at(4));
        assert_eq!(commands(&mut collector), []);
        collector.tick(at(5));
        assert_eq!(commands(&mut collector), [Command::Flush("sfe.a:0".into())]);
    }

    #[test]
    fn after_a_reconnect_all_is_asked_for_again() {
        let mut collector = Collector::default();
        for id in ["a:0", "b:0"] {
            announce(&mut collector, 0, id);
            beat(&mut collector, 1, id);
        }
        commands(&mut collector);
        collector.reconnected(at(20));
        let asked = commands(&mut collector);
        assert_eq!((asked.len(), &asked[0]), (9, &subscribe("mc/sfe.all")));
        beat(&mut collector, 21, "b:0");
        assert_eq!(commands(&mut collector), [Command::Flush("sfe.b:0".into())]);
        collector.tick(at(25));
        assert_eq!(commands(&mut collector), [Command::Flush("sfe.a:0".into())]);
    }

    #[test]
    fn silence_ends_and_a_return_takes_the_place() {
        let mut collector = Collector::default();
        announce(&mut collector, 0, "a:0");
        let router: RecordSpec<'_> = (RecordType::ROUTER, "a:0", &[(Attribute::START_TIME, number(7))]);
        let gone: RecordSpec<'_> = (RecordType::LISTENER, "a:1", &[(Attribute::START_TIME, number(8))]);
        send(&mut collector, 1, BASE, Some(10), &[router, gone]);
        let old = collector.find(b"a:0").unwrap().id();
        commands(&mut collector);
        collector.tick(at(30));
        assert_eq!(collector.find(b"a:0").unwrap().ended(), None);
        assert_eq!(collector.next_tick(), Some(at(31)));
        collector.tick(at(31));
        let (router_seen, source) = (collector.find(b"a:0").unwrap(), collector.source("a:0").unwrap());
        assert_eq!((router_seen.ended(), source.is_silent()), (Some(EndedBy::Silence), true));
        assert_eq!(commands(&mut collector).len(), 4, "subscriptions closed, so that it can be found again");
        // Heard again: its id goes on, and nothing is taken for a restart.
        announce(&mut collector, 40, "a:0");
        assert_eq!(commands(&mut collector).len(), 4);
        send(&mut collector, 41, BASE, Some(30), &[router]);
        assert_eq!(commands(&mut collector), [Command::Flush("sfe.a:0".into())]);
        assert_eq!(collector.find_all(b"a:0").count(), 1, "the same router, not a second one");
        assert_eq!(collector.find(b"a:0").unwrap().ended(), None);
        let new = collector.find(b"a:0").unwrap().id();
        assert_eq!(collector.find(b"a:1").unwrap().ended(), Some(EndedBy::Silence), "not sent again");
        assert_eq!((collector.stats().silences, collector.stats().restarts), (1, 0));
        collector.tick(at(31 + 15 * 60));
        assert!(collector.find(b"a:1").is_none(), "its time is over");
        let told: Vec<_> = core::iter::from_fn(|| collector.poll_change()).collect();
        let sources = told.iter().filter_map(|change| if let Change::Source { what, .. } = change { Some(*what) } else { None });
        assert!(sources.eq([SourceChange::Appeared, SourceChange::Silent, SourceChange::Returned, SourceChange::Silent]));
        let replaced = told.iter().position(|change| *change == Change::Replaced { old, new }).unwrap();
        assert!(matches!(&told[replaced + 1], Change::Record { what: RecordChange::Removed, id, .. } if *id == old));
        assert!(matches!(&told[replaced + 2], Change::Record { what: RecordChange::Appeared, id, .. } if *id == new));
        assert_eq!(told.iter().filter(|change| matches!(change, Change::Replaced { .. })).count(), 1);
    }

    fn there<'a>(identity: &'a str, attributes: &'a [(Attribute, Scalar<'a>)]) -> RecordSpec<'a> {
        (RecordType::PROCESS, identity, attributes)
    }

    fn connection<'a>(identity: &'a str, attributes: &'a [(Attribute, Scalar<'a>)]) -> RecordSpec<'a> {
        (RecordType::BIFLOW_TPORT, identity, attributes)
    }

    #[test]
    fn a_restart_by_a_fallen_id_keeps_two_connections_of_one_identity_apart() {
        let mut collector = Collector::default();
        announce(&mut collector, 0, "a:0");
        let first =
            [(Attribute::START_TIME, number(us(1))), (Attribute::OCTETS, number(500)), (Attribute::END_TIME, number(us(2)))];
        send(&mut collector, 1, FLOWS, Some(100), &[connection("a:7", &first)]);
        commands(&mut collector);
        // A partial update: without the id, it would have been merged into the one before.
        send(&mut collector, 12, FLOWS, Some(3), &[connection("a:7", &[(Attribute::OCTETS, number(1))])]);
        assert_eq!(commands(&mut collector), [Command::Flush("sfe.a:0".into())]);
        assert_eq!(collector.source("a:0").unwrap().epoch_number(), 1);
        let versions: Vec<_> = collector.find_all(b"a:7").collect();
        assert_eq!(versions.len(), 2);
        let new = collector.find(b"a:7").unwrap();
        assert_eq!((new.number(Attribute::OCTETS), new.end(), new.is_complete()), (Some(1), None, false));
        let old = versions.iter().find(|version| version.id() != new.id()).unwrap();
        assert_eq!((old.number(Attribute::OCTETS), old.ended()), (Some(500), Some(EndedBy::Source)));
        assert_eq!(collector.connections().count(), 2);
    }

    #[test]
    fn a_restart_by_another_start_or_type() {
        for second in [
            connection("a:7", &[(Attribute::OCTETS, number(1)), (Attribute::START_TIME, number(us(11)))]),
            (RecordType::LISTENER, "a:7", &[]),
        ] {
            let mut collector = Collector::default();
            announce(&mut collector, 0, "a:0");
            let start = [(Attribute::START_TIME, number(us(1)))];
            send(&mut collector, 1, FLOWS, None, &[connection("a:6", &start), connection("a:7", &start)]);
            // What stands before it in the message is of the new time too.
            let octets = [(Attribute::OCTETS, number(9))];
            let noop = connection("a:6", &octets);
            send(&mut collector, 12, FLOWS, None, &[noop, second]);
            assert_eq!((collector.stats().restarts, collector.find_all(b"a:7").count()), (1, 2));
            let old = collector.find_all(b"a:6").find(|version| version.ended() == Some(EndedBy::Restart)).unwrap();
            assert_eq!(old.number(Attribute::OCTETS), None, "not mixed");
        }
    }

    #[test]
    fn two_routers_of_one_site() {
        let mut collector = Collector::default();
        for (id, link) in [("a:0", BASE), ("b:0", "mc/sfe.b:0")] {
            announce(&mut collector, 0, id);
            send(
                &mut collector,
                1,
                link,
                None,
                &[(RecordType::SITE, "west", &[(Attribute::START_TIME, number(us(0))), (Attribute::NAME, text(id))])],
            );
        }
        assert_eq!((collector.find_all(b"west").count(), collector.stats().restarts), (2, 0));
        beat(&mut collector, 20, "b:0");
        collector.tick(at(40));
        let site = collector.find(b"west").unwrap();
        assert_eq!((site.ended(), site.source().unwrap().id()), (None, "b:0"), "the one that is alive");
    }

    #[test]
    fn clients_are_inferred_in_their_site_and_replaced() {
        let mut collector = Collector::default();
        announce(&mut collector, 0, "a:0");
        let router = (RecordType::ROUTER, "a:0", &[(Attribute::PARENT, text("west"))][..]);
        let listener = (RecordType::LISTENER, "a:1", &[(Attribute::PARENT, text("a:0"))][..]);
        let server = [(Attribute::PARENT, text("a:0")), (Attribute::DEST_HOST, text("10.0.0.9"))];
        let attributes =
            [(Attribute::PARENT, text("a:1")), (Attribute::SOURCE_HOST, text("10.0.0.5")), (Attribute::CONNECTOR, text("a:2"))];
        send(&mut collector, 1, FLOWS, Some(1), &[connection("a:7", &attributes)]);
        let of = |collector: &Collector| {
            collector
                .connections()
                .next()
                .map(|found| (format!("{:?}", found.client()), format!("{:?}", found.server())))
                .unwrap()
        };
        assert_eq!(of(&collector), ("None".into(), "None".into()), "shown at once, with what is known");
        send(&mut collector, 2, BASE, Some(2), &[router, listener, (RecordType::CONNECTOR, "a:2", &server)]);
        assert_eq!(
            of(&collector),
            ("None".into(), "Some(Inferred(west, 10.0.0.9))".into()),
            "a server at once, a client after a while"
        );
        beat(&mut collector, 16, "a:0");
        assert_eq!(of(&collector).0, "Some(Inferred(west, 10.0.0.5))");
        let inferred: Vec<_> =
            collector.inferred_processes().iter().map(|found| (found.host.to_string(), found.is_server)).collect();
        assert_eq!(inferred, [("10.0.0.5".to_owned(), false), ("10.0.0.9".to_owned(), true)]);
        let process = |site, host| [(Attribute::PARENT, text(site)), (Attribute::SOURCE_HOST, text(host))];
        send(&mut collector, 17, BASE, None, &[there("p0", &process("east", "10.0.0.5")[..])]);
        assert_eq!(of(&collector).0, "Some(Inferred(west, 10.0.0.5))", "of another site, where addresses mean other things");
        send(&mut collector, 17, BASE, None, &[there("p1", &process("west", "10.0.0.5")[..])]);
        assert_eq!(of(&collector).0, "Some(Known(p1))", "also for a connection of before");
        send(&mut collector, 18, BASE, None, &[there("p2", &process("west", "10.0.0.5")[..])]);
        assert_eq!(of(&collector).0, "Some(Ambiguous)");
        send(&mut collector, 19, BASE, None, &[there("p2", &[(Attribute::SOURCE_HOST, text("10.0.0.6"))][..])]);
        assert_eq!(of(&collector).0, "Some(Known(p1))", "it moved");
        send(&mut collector, 20, BASE, None, &[there("p1", &[(Attribute::END_TIME, number(us(20)))][..])]);
        assert_eq!(of(&collector).0, "Some(Known(p1))", "ended, but nothing lives there");
        send(&mut collector, 21, BASE, None, &[(RecordType::CONNECTOR, "a:2", &[(Attribute::PROCESS, text("p9"))][..])]);
        let found = collector.connections().next().unwrap();
        assert!(matches!(found.server(), Some(Process::Named(identity)) if identity == "p9".into()));
        assert!(found.missing().start && !found.missing().client && !found.is_complete());
    }

    #[test]
    fn a_pair_shows_with_one_side() {
        let mut collector = Collector::default();
        announce(&mut collector, 0, "a:0");
        let side = [(Attribute::COUNTERFLOW, text("b:4")), (Attribute::OCTETS, number(9)), (Attribute::LATENCY, number(30))];
        send(&mut collector, 1, FLOWS, None, &[(RecordType::FLOW, "a:3", &side)]);
        let found = collector.connections().next().unwrap();
        assert_eq!((found.identity(), found.octets(), found.octets_reverse()), ("b:4".into(), None, Some(9)));
        assert!(found.missing().counterpart);
        announce(&mut collector, 1, "b:0");
        let other = [(Attribute::OCTETS, number(5)), (Attribute::LATENCY, number(20))];
        send(&mut collector, 2, "mc/sfe.b:0.flows", None, &[(RecordType::FLOW, "b:4", &other)]);
        assert_eq!(collector.connections().count(), 1);
        let found = collector.connections().next().unwrap();
        assert_eq!((found.identity(), found.octets(), found.octets_reverse()), ("b:4".into(), Some(5), Some(9)));
        assert_eq!((found.missing().counterpart, found.added_latency_us()), (false, Some(-10)));
    }

    #[test]
    fn ended_is_what_the_source_means_by_it() {
        let mut collector = Collector::default();
        announce(&mut collector, 0, "a:0");
        let mut ended = |attributes: &[(Attribute, Scalar<'_>)]| {
            send(&mut collector, 1, BASE, None, &[(RecordType::PROCESS, "p", attributes)]);
            let view = collector.find(b"p").unwrap();
            (view.ended().is_some(), view.end())
        };
        assert_eq!(ended(&[(Attribute::START_TIME, number(us(5))), (Attribute::END_TIME, number(0))]), (false, None));
        assert_eq!(ended(&[(Attribute::END_TIME, number(us(4)))]), (false, None), "before its start");
        assert_eq!(ended(&[(Attribute::END_TIME, number(us(6)))]), (true, Some(at(6))));
        assert_eq!(ended(&[(Attribute::END_TIME, number(0))]), (false, None), "it lives again");
    }

    #[test]
    fn changes_are_told_once_until_polled() {
        let mut collector = Collector::default();
        announce(&mut collector, 0, "a:0");
        changes(&mut collector);
        let octets = |octets| [(Attribute::OCTETS, number(octets))];
        for sent in [1, 2, 3] {
            send(&mut collector, 1, FLOWS, None, &[connection("a:7", &octets(sent))]);
        }
        assert_eq!(changes(&mut collector), [(RecordChange::Appeared, "a:7".into())]);
        send(&mut collector, 1, FLOWS, None, &[connection("a:7", &octets(3)), connection("a:7", &[])]);
        assert_eq!(changes(&mut collector), [], "nothing new was said");
        for sent in [4, 5] {
            send(&mut collector, 1, FLOWS, None, &[connection("a:7", &octets(sent))]);
        }
        send(&mut collector, 1, FLOWS, None, &[connection("a:7", &[(Attribute::END_TIME, number(us(1)))])]);
        assert_eq!(changes(&mut collector), [(RecordChange::Updated, "a:7".into()), (RecordChange::Ended, "a:7".into())]);
        collector.tick(at(1 + 15 * 60));
        assert_eq!(changes(&mut collector), [(RecordChange::Removed, "a:7".into())]);
    }

    #[test]
    fn changes_over_their_cap_are_counted() {
        let mut settings = Settings::default();
        settings.changes = 3;
        let mut collector = Collector::new(settings);
        for identity in ["a:1", "a:2", "a:3"] {
            send(&mut collector, 1, FLOWS, None, &[connection(identity, &[])]);
        }
        // One for the source, and one each.
        assert_eq!(collector.poll_change(), Some(Change::Lost(1)));
        assert_eq!((changes(&mut collector).len(), collector.stats().lost_changes), (3, 1));
    }

    #[test]
    fn caps_at_n_and_one_more() {
        let mut settings = Settings::default();
        (settings.flows, settings.logs, settings.source_elements, settings.sources) = (3, 2, 2, 2);
        (settings.text_bytes, settings.identity_bytes, settings.record_attributes) = (5, 16, 3);
        let mut collector = Collector::new(settings);
        let ended = [(Attribute::END_TIME, number(us(1)))];
        for (identity, attributes) in [("a:1", &[][..]), ("a:2", &ended), ("a:3", &[])] {
            send(&mut collector, 1, FLOWS, None, &[connection(identity, attributes)]);
        }
        assert_eq!((collector.held(Class::Flow), collector.stats().evicted_flows), (3, 0));
        send(&mut collector, 1, FLOWS, None, &[connection("a:4", &[])]);
        assert_eq!((collector.held(Class::Flow), collector.stats().evicted_flows), (3, 1));
        assert!(collector.find(b"a:2").is_none() && collector.find(b"a:1").is_some(), "what had ended goes first");
        send(&mut collector, 1, FLOWS, None, &[connection("a:5", &[])]);
        assert!(collector.find(b"a:1").is_none(), "then the oldest");
        assert_eq!(collector.stats().evicted_live_flows, 1);
        for identity in ["a:7", "a:8", "a:9"] {
            send(&mut collector, 1, "mc/sfe.a:0.logs", None, &[(RecordType::LOG, identity, &[])]);
        }
        assert_eq!((collector.held(Class::Log), collector.stats().evicted_logs), (2, 1));
        for (identity, taken) in [("a:10", 1), ("a:11", 1), ("a:12", 0), ("a:11", 1)] {
            assert_eq!(send(&mut collector, 1, BASE, None, &[(RecordType::LINK, identity, &[])]), (taken, 1 - taken));
        }
        // Text of 5, 6 octets; identity of 16, 17; attributes 3, 4.
        let long = "1234567890123456";
        let refused = |collector: &Collector| (collector.stats().refused_updates, collector.stats().refused_attributes);
        assert_eq!(refused(&collector), (1, 0));
        send(
            &mut collector,
            1,
            FLOWS,
            None,
            &[connection("a:5", &[(Attribute::SOURCE_HOST, text("12345")), (Attribute::SOURCE_PORT, text("123456"))])],
        );
        assert_eq!(refused(&collector), (1, 1));
        send(&mut collector, 1, FLOWS, None, &[connection(long, &[]), connection("12345678901234567", &[])]);
        assert_eq!(refused(&collector), (2, 1));
        let many =
            [Attribute::OCTETS, Attribute::LATENCY, Attribute::STREAM_ID, Attribute::new(1_000)].map(|code| (code, number(1)));
        send(&mut collector, 1, FLOWS, None, &[connection(long, &many[..3]), connection(long, &many)]);
        assert_eq!((refused(&collector), collector.stats().unknown_attributes), ((2, 2), 1));
        for (id, known) in [("b:0", 2), ("c:0", 2)] {
            announce(&mut collector, 1, id);
            assert_eq!(collector.sources().count(), known);
        }
        assert_eq!(collector.stats().refused_sources, 1);
        collector.tick(at(40));
        announce(&mut collector, 41, "c:0");
        assert_eq!((collector.sources().count(), collector.stats().evicted_sources), (2, 1));
        assert!(collector.source("a:0").is_none() && collector.find(b"a:10").is_none(), "with all it described");
    }

    #[test]
    fn all_octets_together_stay_under_their_cap() {
        let mut settings = Settings::default();
        settings.total_bytes = 100_000;
        let mut collector = Collector::new(settings);
        let long = "x".repeat(300);
        for number in 0..2_000 {
            let identity = format!("a:{number}");
            send(
                &mut collector,
                1,
                FLOWS,
                None,
                &[connection(&identity, &[(Attribute::SOURCE_HOST, text(&long)), (Attribute::PARENT, text("a:1"))])],
            );
            assert!(collector.bytes_held() <= 100_000);
        }
        let held = u64::try_from(collector.held(Class::Flow)).unwrap();
        assert_eq!(held + collector.stats().evicted_flows, 2_000);
        assert!(held > 50);
        // Elements do not go for others: the last are refused.
        for number in 0..2_000 {
            send(&mut collector, 1, BASE, None, &[(RecordType::LINK, &format!("l:{number}"), &[(Attribute::NAME, text(&long))])]);
        }
        assert_eq!(collector.held(Class::Flow), 0);
        assert!(collector.stats().refused_updates > 1_000 && collector.bytes_held() < 101_000, "{}", collector.bytes_held());
    }

    #[test]
    fn what_belongs_nowhere_costs_itself() {
        let mut collector = Collector::default();
        announce(&mut collector, 0, "a:0");
        send(&mut collector, 1, "mc/sfe.all", None, &[connection("x", &[])]);
        send(&mut collector, 1, "elsewhere", None, &[connection("x", &[])]);
        assert_eq!((collector.stats().misplaced, collector.all_records().count()), (2, 0));
        // An identity that is taken; another version.
        collector.message(at(1), "mc/sfe.all", &beacon("ROUTER", "a:0", "mc/sfe.evil", "sfe.evil")).unwrap();
        let other: Vec<u8> = beacon("ROUTER", "b:0", "mc/sfe.b:0", "sfe.b:0")
            .windows(2)
            .map(|pair| if pair == [1, 0xa1] { 2 } else { pair[0] })
            .collect();
        assert!(collector.message(at(1), "mc/sfe.all", &[&other[..], b"0"].concat()).is_ok());
        assert_eq!((collector.stats().bad_beacons, collector.sources().count()), (2, 1));
        assert_eq!(collector.source("a:0").unwrap().direct(), Some("sfe.a:0"));
        assert!(collector.message(at(1), BASE, b"\x00\x53").is_err());
        send(&mut collector, 1, BASE, None, &[(RecordType::new(77), "x", &[]), (RecordType::LINK, "y", &[])]);
        assert_eq!((collector.stats().bad_messages, collector.stats().unknown_types, collector.all_records().count()), (1, 1, 1));
    }

    #[test]
    fn nobody_takes_the_addresses_of_another() {
        let mut collector = Collector::default();
        // Known by its messages alone, as yet.
        send(&mut collector, 1, BASE, None, &[(RecordType::ROUTER, "a:0", &[])]);
        let refused = ["mc/sfe.a:0.flows", "mc/sfe.a:0.logs", "mc/sfe.all"];
        for address in refused {
            collector.message(at(1), "mc/sfe.all", &beacon("ROUTER", "evil", address, "sfe.evil")).unwrap();
        }
        announce(&mut collector, 2, "b:0.flows");
        // Its four addresses would have been the other's.
        announce(&mut collector, 2, "b:0");
        announce(&mut collector, 3, "a:0");
        let sources: Vec<_> = collector.sources().map(|source| (source.id(), source.direct())).collect();
        assert_eq!(sources, [("a:0", Some("sfe.a:0")), ("b:0.flows", Some("sfe.b:0.flows"))]);
        assert_eq!((collector.stats().misplaced, collector.stats().refused_sources), (4, 2));
        // A beacon on the address of another does not say that the own ones are in place.
        commands(&mut collector);
        collector.message(at(4), BASE, &beacon("ROUTER", "c:0", "mc/sfe.c:0", "sfe.c:0")).unwrap();
        assert_eq!(commands(&mut collector).len(), 4, "subscribed, not flushed");
    }

    #[test]
    fn a_clock_is_known_by_the_least_delay() {
        let mut collector = Collector::default();
        announce(&mut collector, 0, "a:0");
        // The sender is ten seconds ahead; the second heartbeat travelled least.
        for (received, sent) in [(2_500, 12_000), (4_100, 14_000), (6_900, 16_000)] {
            let at = Timestamp::from_nanos(at(0).as_nanos() + received * 1_000_000);
            collector.message(at, BASE, &heartbeat("a:0", us(0) + sent * 1_000)).unwrap();
        }
        let source = collector.source("a:0").unwrap();
        assert_eq!(source.clock_offset_ns(), Some(-9_900_000_000));
        assert_eq!(source.corrected(at(14)), Timestamp::from_nanos(at(4).as_nanos() + 100_000_000));
        assert_eq!(source.longest_gap_ns(), 2_800_000_000);
    }

    /// A message of the recording as the router would have sent it had it started `shift` later.
    fn shifted(message: &Received, shift: u64) -> Option<Received> {
        let read = Message::parse(&message.octets).unwrap();
        let Content::Record(updates) = read.content else { return None };
        let updates: Vec<_> = updates.map(Result::unwrap).collect();
        let attributes: Vec<Vec<_>> = updates
            .iter()
            .map(|update| {
                let later = |(attribute, value): (Attribute, Scalar<'_>)| match value {
                    Scalar::Number(number) if attribute.definition().unwrap().unit == Unit::UnixMicros && number > 0 => {
                        (attribute, Scalar::Number(number + shift).number(), String::new())
                    }
                    Scalar::Number(number) => (attribute, Some(number), String::new()),
                    Scalar::Text(text) => (attribute, None, text.to_string()),
                    _ => unreachable!(),
                };
                update.attributes().map(later).collect()
            })
            .collect();
        let borrowed: Vec<Vec<_>> = attributes
            .iter()
            .map(|list| {
                list.iter().map(|(code, number, held)| (*code, number.map_or_else(|| text(held), Scalar::Number))).collect()
            })
            .collect();
        let names: Vec<_> = updates.iter().map(|update| update.identity().to_string()).collect();
        let specs: Vec<RecordSpec<'_>> = updates
            .iter()
            .zip(&names)
            .zip(&borrowed)
            .map(|((update, name), list)| (update.record_type(), &**name, &**list))
            .collect();
        Some(Received { octets: records(read.id, &message.link, &specs), ..message.clone() })
    }

    fn attributes(collector: &Collector, epoch: u64, back: u64) -> Vec<String> {
        let of_west =
            collector.all_records().filter(|record| record.source().unwrap().id() == "w3st0:0" && record.epoch_number() == epoch);
        let mut all: Vec<_> = of_west
            .map(|record| {
                let shown = record.attributes().map(|(attribute, value)| match value {
                    Scalar::Number(number) if attribute.definition().unwrap().unit == Unit::UnixMicros && number > 0 => {
                        (attribute, Scalar::Number(number - back))
                    }
                    other => (attribute, other),
                });
                format!("{} {} {:?}", record.record_type(), record.identity(), shown.collect::<Vec<_>>())
            })
            .collect();
        all.sort();
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        /// A router restarts and does the same again under the same identities, while messages of before are still on their way by
        /// the other address. Both times are kept apart.
        #[test]
        fn a_restarted_router_uses_its_identities_again(late in 0_usize..6, behind in 1_usize..6) {
            let messages = recording("v2-main").unwrap();
            let mut plain = Collector::default();
            for message in &messages {
                plain.message(message.at, &message.link, &message.octets).unwrap();
            }
            let wanted = attributes(&plain, 0, 0);

            let west = |message: &&Received| message.link.starts_with("mc/sfe.w3st0:0");
            let mut sequence = messages.clone();
            let again: Vec<_> = messages.iter().filter(west).filter_map(|message| shifted(message, HOUR)).collect();
            // The last messages of the flows' address come behind the first of the new time on the base address.
            let held_back: Vec<_> = {
                let places: Vec<_> = (0..sequence.len()).filter(|&at| sequence[at].link == "mc/sfe.w3st0:0.flows").collect();
                let places = &places[places.len() - late..];
                let held = places.iter().map(|&at| sequence[at].clone()).collect::<Vec<_>>();
                sequence = sequence.iter().enumerate().filter(|(at, _)| !places.contains(at)).map(|(_, message)| message.clone()).collect();
                held
            };
            let (base, rest): (Vec<_>, Vec<_>) = again.into_iter().partition(|message| message.link == "mc/sfe.w3st0:0");
            sequence.extend(base[..behind].iter().cloned());
            sequence.extend(held_back);
            sequence.extend(rest);
            sequence.extend(base[behind..].iter().cloned());
            let end = messages.last().unwrap().at;
            let mut collector = Collector::default();
            for (at, message) in sequence.iter().enumerate() {
                let now = if at < messages.len() { messages[at].at } else { end };
                collector.message(now, &message.link, &message.octets).unwrap();
            }
            prop_assert_eq!(collector.stats().restarts, 1);
            prop_assert_eq!(collector.source("w3st0:0").unwrap().epoch_number(), 1);
            prop_assert_eq!(attributes(&collector, 0, 0), wanted.clone(), "before");
            prop_assert_eq!(attributes(&collector, 1, HOUR), wanted, "after");
            let west = collector.all_records().filter(|record| record.source().unwrap().id() == "w3st0:0");
            prop_assert!(west.filter(|record| record.epoch_number() == 0).all(|record| record.ended().is_some()));
            // Each connection is on the listener of its own time, and their connectors are the other router's, which did not restart.
            for found in collector.connections() {
                let side = found.listener_side().unwrap();
                let listener = found.listener().unwrap().record().unwrap();
                prop_assert_eq!(side.epoch_number(), listener.epoch_number());
                prop_assert!(found.connector().unwrap().record().is_some());
            }
        }
    }

    #[test]
    fn flapping_starts_ask_for_no_more_than_a_flush_in_two_seconds() {
        let mut collector = Collector::default();
        announce(&mut collector, 0, "a:0");
        beat(&mut collector, 1, "a:0");
        commands(&mut collector);
        for start in 1..500 {
            send(
                &mut collector,
                1 + start / 100,
                BASE,
                None,
                &[(RecordType::ROUTER, "a:0", &[(Attribute::START_TIME, number(start))])],
            );
        }
        collector.tick(at(10));
        assert!(commands(&mut collector).len() <= 4);
        assert_eq!((collector.stats().restarts, collector.find_all(b"a:0").count()), (498, 16), "and versions are capped");
    }

    #[test]
    fn a_silent_source_goes_with_its_last_record() {
        let mut settings = Settings::default();
        settings.retention = Duration::from_mins(1);
        let mut collector = Collector::new(settings);
        announce(&mut collector, 0, "a:0");
        send(&mut collector, 1, BASE, None, &[(RecordType::ROUTER, "a:0", &[])]);
        let mut ticks = 0;
        while let Some(next) = collector.next_tick() {
            collector.tick(next);
            ticks += 1;
            assert!(ticks < 10, "time goes on");
        }
        assert_eq!((collector.sources().count(), collector.all_records().count(), collector.bytes_held()), (0, 0, 0));
        assert_eq!(collector.now(), at(31 + 60));
    }
}
