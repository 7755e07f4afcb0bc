//! The target of correlation over recordings, and over changes of them. `FLOWCODEC_FUZZ_ROUNDS` makes more.
#![cfg(test)]

use std::ops::ControlFlow;
use std::path::Path;

use flowcodec::model::Schema;
use flowcodec::{Decoder, Event, Exporter, Flow, Timestamp};
use flowcodec_fuzz::{Mutator, correlate, write_correlate};
use flowdump::input::{Item, Options, read};

/// Seconds since the one before, and the flow.
fn flows(file: &str) -> Vec<(u8, Flow)> {
    let (mut decoder, mut flows, mut before) = (Decoder::default(), Vec::new(), None);
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file), &Options::default(), &mut |_| {}, &mut |item| {
        if let Item::Datagram { source, received_ns, bytes, .. } = item {
            let second = received_ns / 1_000_000_000;
            let seconds = u8::try_from((second - before.replace(second).unwrap_or(second)).min(63)).unwrap();
            let mut events = decoder.datagram(Exporter::from(source), Timestamp::from_nanos(received_ns), bytes);
            while let Some(event) = events.next() {
                if let Event::Flows(set) = event {
                    flows.extend(set.into_iter().map(|record| (seconds | 0x40, record.to_flow(&Schema::common()))));
                }
            }
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    flows
}

#[test]
fn recordings_and_their_changes() {
    let rounds: u64 = std::env::var("FLOWCODEC_FUZZ_ROUNDS").map_or(300, |rounds| rounds.parse().unwrap());
    let mut seeds = Vec::new();
    for (file, records) in
        [("../flowenrich/tests/data/correlation-a.pcap", 30), ("../examples/captures/openvswitch-ipfix.pcap", 345)]
    {
        let flows = flows(file);
        assert_eq!(flows.len(), records);
        for part in flows.chunks(60) {
            seeds.push(write_correlate(part.iter().map(|(seconds, flow)| (*seconds, flow))));
        }
    }
    let mut mutator = Mutator::new(5);
    for seed in &seeds {
        correlate(seed);
        for length in 0..seed.len().min(120) {
            correlate(&seed[..length]);
        }
        for round in 0..rounds {
            let donor = &seeds[usize::try_from(round).unwrap() % seeds.len()];
            correlate(&mutator.change(seed, donor));
        }
    }
}
