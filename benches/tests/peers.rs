//! The peers decode what they are timed on: a ratio to work that was refused would say nothing.
#![cfg(feature = "peers")]

use benches::peers::{Decoded, Peer};
use benches::workload::{Capture, Shape, Size, Workload};

#[test]
fn peers_decode_every_record_of_fixed_length() {
    for shape in [Shape::NetFlow5, Shape::NetFlow9, Shape::Ipfix, Shape::Sflow] {
        let workload = Workload::new(shape, Size::Small);
        for mut peer in Peer::all(&workload) {
            for _ in 0..2 {
                let wanted = Decoded { records: workload.records(), refused: 0 };
                assert_eq!(peer.run(&workload), wanted, "{} {}", peer.name(), shape.name());
            }
        }
    }
}

/// netgauze-flow-pkt 0.13 takes the length 65535 of an element it does not know literally; netflow_parser 1.0.6 gives sets without
/// records, also with the elements registered. Should a later version decode them, `versus` will compare it.
#[test]
fn peers_decode_no_record_of_antrea() {
    let workload = Workload::new(Shape::Antrea, Size::Small);
    for mut peer in Peer::all(&workload) {
        assert_eq!(peer.run(&workload).records, 0, "{}", peer.name());
    }
}

/// Real agents send expanded samples too; who decodes fewer records than there are is compared by the records it gives.
#[test]
fn peers_decode_the_captures() {
    for (capture, wanted) in [
        (Capture::Hsflowd, [("flowparser-sflow", 146), ("sflow-parser", 152)]),
        (Capture::Ipfix, [("netflow_parser", 51_565), ("netgauze-flow-pkt", 57_907)]),
    ] {
        let workload = Workload::new(Shape::Capture(capture), Size::Capture);
        if workload.is_empty() {
            eprintln!("skipped: the recording is not here");
            continue;
        }
        let decoded: Vec<_> = Peer::all(&workload).iter_mut().map(|peer| (peer.name(), peer.run(&workload).records)).collect();
        assert_eq!(decoded, wanted);
    }
}
