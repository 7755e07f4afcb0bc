//! The client against a captured connection: a real router's side of it, octet by octet.

#[cfg(test)]
mod common;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use flowcodec::Timestamp;
    use vanflow::client::{Client, ClientError, Event, Settings};
    use vanflow::collector::{Collector, Command};
    use vanflow::message::flush;

    use crate::common::{corpus, recording, state};

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn events(client: &mut Client) -> Vec<Event> {
        core::iter::from_fn(|| client.poll_event()).collect()
    }

    /// Both streams of the capture, by the port they come from; segments in order, each once.
    fn streams() -> Option<BTreeMap<u16, Vec<u8>>> {
        let capture = fs::read(corpus()?.join("v2-main.wire.pcap")).unwrap();
        let mut segments: BTreeMap<u16, BTreeMap<u32, Vec<u8>>> = BTreeMap::new();
        let mut at = 24;
        while at < capture.len() {
            let length = usize::try_from(u32::from_le_bytes(capture[at + 8..at + 12].try_into().unwrap())).unwrap();
            let packet = &capture[at + 16..at + 16 + length];
            at += 16 + length;
            let ip = &packet[14..];
            let tcp = &ip[usize::from(ip[0] & 15) * 4..usize::from(u16::from_be_bytes([ip[2], ip[3]]))];
            let payload = &tcp[usize::from(tcp[12] >> 4) * 4..];
            if !payload.is_empty() {
                let sequence = u32::from_be_bytes(tcp[4..8].try_into().unwrap());
                segments.entry(u16::from_be_bytes([tcp[0], tcp[1]])).or_default().insert(sequence, payload.to_vec());
            }
        }
        Some(segments.into_iter().map(|(port, segments)| (port, segments.into_values().flatten().collect())).collect())
    }

    /// The container's name in the capture, which proton also names its receivers by.
    fn container(stream: &[u8]) -> String {
        let at = stream.windows(5).position(|window| window == [0, 0x53, 0x10, 0xc0, 0x40]).unwrap();
        let length = usize::from(stream[at + 7]);
        String::from_utf8(stream[at + 8..at + 8 + length].to_vec()).unwrap()
    }

    #[test]
    fn the_captured_router_is_understood() {
        let Some(streams) = streams() else { return };
        let (router, collector) = (&streams[&21_000], streams.iter().find(|(port, _)| **port != 21_000).unwrap().1);
        for piece in [1, 7, 1_000, router.len()] {
            let mut client = Client::new(Settings::new(&container(collector)), NOW);
            let recorded = recording("v2-main").unwrap();
            let mut addresses: Vec<_> = recorded.iter().map(|message| message.link.clone()).collect();
            addresses.sort();
            addresses.dedup();
            for address in &addresses {
                client.subscribe(address);
            }
            let (mut messages, mut opened) = (Vec::new(), 0);
            for octets in router.chunks(piece) {
                client.handle_input(NOW, octets).unwrap();
                for event in events(&mut client) {
                    match event {
                        Event::Message { address, octets } => messages.push((address, octets)),
                        Event::Opened => opened += 1,
                        Event::Subscribed { address } => assert!(addresses.contains(&address)),
                        Event::Detached { .. } | Event::Closed { .. } => {}
                        other => panic!("{other:?}"),
                    }
                }
            }
            assert_eq!((opened, client.passed_over()), (1, 0));
            // The capture was stopped before the last heartbeat.
            let wanted: Vec<_> = recorded.into_iter().map(|message| (message.link, message.octets)).take(156).collect();
            assert_eq!(messages.len(), wanted.len());
            assert_eq!(messages, wanted, "in pieces of {piece}");
        }
    }

    /// A collector that knows nothing, behind the client: it finds the sources by their beacons, has their addresses subscribed to, asks
    /// each for everything, and comes to the state of the recording.
    #[test]
    fn a_collector_behind_the_client() {
        let Some(streams) = streams() else { return };
        let (router, proton) = (&streams[&21_000], streams.iter().find(|(port, _)| **port != 21_000).unwrap().1);
        let (mut client, mut collector) = (Client::new(Settings::new(&container(proton)), NOW), Collector::default());
        let (mut subscribed, mut flushed, mut sent) = (Vec::new(), Vec::new(), Vec::new());
        for octets in router.chunks(50) {
            while let Some(command) = collector.poll_command() {
                match command {
                    Command::Subscribe(address) => client.subscribe(&address),
                    Command::Unsubscribe(address) => client.unsubscribe(&address),
                    Command::Flush(address) => {
                        client.send(&address, &flush(&address));
                        flushed.push(address.to_string());
                    }
                    other => panic!("{other:?}"),
                }
            }
            sent.extend(client.take_output());
            client.handle_input(NOW, octets).unwrap();
            for event in events(&mut client) {
                match event {
                    Event::Subscribed { address } => subscribed.push(address),
                    Event::Message { address, octets } => {
                        collector.message(NOW, &address, &octets).unwrap();
                    }
                    _ => {}
                }
            }
        }
        // As many links as the recorder's own collector had, and a FLUSH for each source.
        flushed.sort();
        assert_eq!(flushed, ["sfe.ctrl-west-v2", "sfe.iQeO_:0", "sfe.w3st0:0"]);
        assert_eq!(subscribed.len(), 13);
        assert!(flushed.iter().all(|address| holds(&sent, address.as_bytes())));
        let wanted = state("v2-main").unwrap();
        let records = wanted["records"].as_object().unwrap();
        assert_eq!(collector.all_records().count(), records.len());
        for (identity, record) in records {
            let found = collector.find(identity.as_bytes()).unwrap();
            assert_eq!(found.attributes().count() + 2, record["attrs"].as_object().unwrap().len(), "{identity}");
            assert_eq!(found.ended().is_some(), record["ended"].as_bool().unwrap(), "{identity}");
        }
    }

    #[test]
    fn every_prefix_and_changed_octets_of_the_capture() {
        let Some(streams) = streams() else { return };
        let router = &streams[&21_000][..3_000];
        let run = |octets: &[u8]| {
            let mut client = Client::new(Settings::new("c"), NOW);
            client.subscribe("mc/sfe.all");
            let result = client.handle_input(NOW, octets);
            assert_eq!(client.handle_input(NOW, &[]).is_err(), result.is_err(), "an error is for good");
            events(&mut client);
            client.take_output().len()
        };
        for end in 0..router.len() {
            assert!(run(&router[..end]) < 10_000);
        }
        let mut octets = router.to_vec();
        for at in 0..octets.len() {
            let kept = octets[at];
            for changed in [kept ^ 1, kept ^ 0x80, 0, 0xff] {
                octets[at] = changed;
                assert!(run(&octets) < 10_000);
            }
            octets[at] = kept;
        }
    }

    /// Frames, by hand: size, data offset 2, type, channel, then the performative.
    fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len() + 8).unwrap();
        [&size.to_be_bytes()[..], &[2, kind, 0, 0], body].concat()
    }

    const OUTCOME: &[u8] = &[0, 0x53, 0x44, 0xc0, 3, 1, 0x50, 0];
    /// Mechanisms: one symbol instead of an array.
    const MECHANISMS: &[u8] = b"\x00\x53\x40\xc0\x0c\x01\xa3\x09ANONYMOUS";
    /// Open with an idle time of 8 seconds; begin.
    const OPEN: &[u8] = b"\x00\x53\x10\xc0\x0c\x05\xa1\x01r\x40\x40\x40\x70\x00\x00\x1f\x40";
    const BEGIN: &[u8] = &[0, 0x53, 0x11, 0xc0, 7, 4, 0x60, 0, 0, 0x43, 0x43, 0x43];

    fn opened() -> Client {
        let mut client = Client::new(Settings::new("c"), NOW);
        let header = *b"AMQP\x03\x01\0\0";
        client.handle_input(NOW, &[&header[..], &frame(1, MECHANISMS), &frame(1, OUTCOME)].concat()).unwrap();
        client.handle_input(NOW, &[&b"AMQP\0\x01\0\0"[..], &frame(0, OPEN), &frame(0, BEGIN)].concat()).unwrap();
        assert_eq!(events(&mut client), [Event::Opened]);
        client.take_output();
        client
    }

    fn holds(output: &[u8], wanted: &[u8]) -> bool {
        output.windows(wanted.len()).any(|window| window == wanted)
    }

    #[test]
    fn a_message_waits_for_credit() {
        let mut client = opened();
        let message = flush("sfe.a:0");
        client.send("sfe.a:0", &message);
        let output = client.take_output();
        assert!(holds(&output, b"c-to-sfe.a:0-1") && !holds(&output, &message));
        // Attach of the router under its handle 9, then a flow with credit 1 for it.
        let attach = b"\x00\x53\x12\xc0\x14\x03\xa1\x0ec-to-sfe.a:0-1\x52\x09\x42";
        client.handle_input(NOW, &frame(0, attach)).unwrap();
        assert!(!holds(&client.take_output(), &message));
        let flow = &[0, 0x53, 0x13, 0xc0, 10, 7, 0x43, 0x43, 0x43, 0x43, 0x52, 9, 0x43, 0x52, 1][..];
        client.send("sfe.a:0", &message);
        client.handle_input(NOW, &frame(0, flow)).unwrap();
        let output = client.take_output();
        assert_eq!(output.windows(message.len()).filter(|window| *window == message).count(), 1, "one, for a credit of one");
    }

    #[test]
    fn heartbeats_go_both_ways() {
        let mut client = opened();
        let later = |seconds: i64| NOW.offset(seconds * 1_000_000_000);
        assert_eq!(client.next_tick(), later(4));
        client.tick(later(3)).unwrap();
        assert_eq!(client.take_output(), b"");
        client.tick(later(4)).unwrap();
        assert_eq!(client.take_output(), [0, 0, 0, 8, 2, 0, 0, 0]);
        client.handle_input(later(10), &[0, 0, 0, 8, 2, 0, 0, 0]).unwrap();
        client.tick(later(25)).unwrap();
        assert_eq!(client.tick(later(26)), Err(ClientError::Idle));
        assert_eq!(client.handle_input(later(27), &[]), Err(ClientError::Idle));
    }

    #[test]
    fn what_ends_a_connection() {
        let mut client = Client::new(Settings::new("c"), NOW);
        assert_eq!(client.handle_input(NOW, b"HTTP/1.1 400 Bad"), Err(ClientError::FrameSize));
        let mut client = Client::new(Settings::new("c"), NOW);
        assert_eq!(client.handle_input(NOW, b"AMQP\x02\x01\0\0"), Err(ClientError::NotAmqp), "TLS inside the protocol");
        let mut settings = Settings::new("c");
        settings.external = true;
        let mut client = Client::new(settings, NOW);
        assert_eq!(client.handle_input(NOW, &frame(1, MECHANISMS)), Err(ClientError::Mechanism));
        let mut client = Client::new(Settings::new("c"), NOW);
        assert_eq!(client.handle_input(NOW, &frame(1, &[0, 0x53, 0x44, 0xc0, 3, 1, 0x50, 1])), Err(ClientError::Refused(1)));
        let mut client = opened();
        let close = b"\x00\x53\x18\xc0\x15\x01\x00\x53\x1d\xc0\x0f\x02\xa3\x08amqp:bye\xa1\x02ok";
        client.handle_input(NOW, &frame(0, close)).unwrap();
        assert_eq!(events(&mut client), [Event::Closed { reason: "amqp:bye: ok".into() }]);
        let mut client = opened();
        assert_eq!(client.handle_input(NOW, &[0, 2, 0, 0, 2, 0, 0, 0]), Err(ClientError::FrameSize), "131,072 octets");
    }
}
