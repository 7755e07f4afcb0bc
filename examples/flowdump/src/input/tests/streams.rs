//! IPFIX over TCP.

use super::*;

type Tcp = PacketBuilderStep<etherparse::TcpHeader>;

/// A segment from port 5000 to 4739, changed by `flags`.
fn segment(sequence: u32, payload: &[u8], flags: fn(Tcp) -> Tcp) -> Vec<u8> {
    let builder = PacketBuilder::ipv4(SOURCE, DESTINATION, 64);
    let builder = flags(builder.tcp(5000, 4739, sequence, 1000));
    let mut packet = Vec::new();
    builder.write(&mut packet, payload).unwrap();
    packet
}

fn data(sequence: u32, payload: &[u8]) -> Vec<u8> {
    segment(sequence, payload, |tcp| tcp)
}

fn syn(sequence: u32) -> Vec<u8> {
    segment(sequence, &[], Tcp::syn)
}

fn fin(sequence: u32, payload: &[u8]) -> Vec<u8> {
    segment(sequence, payload, Tcp::fin)
}

/// The octets of each stream, which streams ended, and what was passed over.
type Streams = (Vec<Vec<u8>>, Vec<usize>, Vec<(u64, Passed)>);

fn streams(frames: &[Vec<u8>]) -> Streams {
    streams_of(&pcap(RAW_IP, frames))
}

fn streams_of(file: &[u8]) -> Streams {
    let (mut streams, mut ended, mut passed) = (Vec::new(), Vec::new(), Vec::new());
    for got in all(file) {
        match got {
            Got::Stream(number, source, _, _, bytes) => {
                assert_eq!(source, socket(SOURCE, 5000));
                assert!(!ended.contains(&number), "a stream goes on after its end");
                if number == streams.len() {
                    streams.push(Vec::new());
                }
                streams[number].extend(bytes);
            }
            Got::End(number) => ended.push(number),
            Got::Passed(bytes, why) => passed.push((bytes, why)),
            Got::Datagram(..) => panic!("{got:?}"),
        }
    }
    (streams, ended, passed)
}

/// Three messages.
fn text() -> Vec<u8> {
    [message(100), message(60), message(140)].concat()
}

#[test]
fn a_connection_is_a_stream() {
    let text = text();
    let frames = [syn(99), data(100, &text[..150]), data(250, &text[150..]), fin(400, &[])];
    let got = all(&pcap(RAW_IP, &frames));
    let from = socket(SOURCE, 5000);
    assert_eq!(
        got,
        [
            Got::Stream(0, from, 1001 * SECOND, 24 + 56 + 56, text[..150].to_vec()),
            Got::Stream(0, from, 1002 * SECOND, 24 + 56 + 206 + 56, text[150..].to_vec()),
            Got::End(0),
        ]
    );
}

#[test]
fn the_start_may_come_octet_by_octet() {
    let text = text();
    let pieces: Vec<_> = (0..30).map(|at| data(at, &[text[usize::try_from(at).unwrap()]])).collect();
    let got = all(&pcap(RAW_IP, &pieces));
    // Each piece keeps its own place in the file.
    let offsets = got.iter().filter_map(|got| match got {
        Got::Stream(_, _, _, offset, _) => Some(*offset),
        _ => None,
    });
    let expected: Vec<_> = (0..30).map(|at| 24 + 57 * at + 56).collect();
    assert_eq!(offsets.collect::<Vec<_>>(), expected);
    assert_eq!(streams(&pieces), (vec![text[..30].to_vec()], vec![0], vec![]));
    // Too little to tell.
    assert_eq!(streams(&pieces[..17]), (vec![], vec![], vec![(17, Passed::OtherTcp)]));
}

#[test]
fn segments_are_put_in_order() {
    let text = text();
    let frames = [
        syn(99),
        data(350, &text[250..]),
        data(150, &text[50..150]),
        data(100, &text[..50]),
        data(250, &text[150..250]),
        fin(400, &[]),
    ];
    let got = all(&pcap(RAW_IP, &frames));
    let offsets = got.iter().filter_map(|got| match got {
        Got::Stream(_, _, ns, offset, _) => Some((ns / SECOND, *offset)),
        _ => None,
    });
    // Ready at the time of the segment that filled the hole, and still at its own place in the file.
    assert_eq!(offsets.collect::<Vec<_>>(), [(1003, 398), (1003, 242), (1004, 504), (1004, 136)]);
    assert_eq!(streams(&frames), (vec![text], vec![0], vec![]));
}

#[test]
fn repeated_and_overlapping_segments_count_once() {
    let text = text();
    let frames = [
        syn(99),
        syn(99),
        data(100, &text[..100]),
        data(100, &text[..100]),
        data(150, &text[50..120]),
        // Behind a hole: twice the same, then longer, then one that overlaps it.
        data(260, &text[160..200]),
        data(260, &text[160..200]),
        data(260, &text[160..210]),
        data(290, &text[190..300]),
        data(220, &text[120..170]),
        // A keep-alive.
        data(399, &[0]),
        fin(400, &[]),
        // And the last segment again.
        data(390, &text[290..]),
    ];
    let repeated = [100, 50, 40, 40, 10, 20, 1, 10].map(|octets| (octets, Passed::Repeated));
    assert_eq!(streams(&frames), (vec![text], vec![0], repeated.to_vec()));
}

#[test]
fn sequence_numbers_come_round() {
    let text = text();
    let start = u32::MAX - 49;
    let frames = [
        syn(start - 1),
        data(start.wrapping_add(200), &text[200..]),
        data(start.wrapping_add(100), &text[100..200]),
        data(start, &text[..100]),
        fin(start.wrapping_add(300), &[]),
    ];
    assert_eq!(streams(&frames), (vec![text], vec![0], vec![]));
}

#[test]
fn a_hole_that_stays_ends_the_stream() {
    let text = text();
    let hole = [syn(99), data(100, &text[..100]), data(260, &text[160..])];
    let expected = |octets| (vec![text[..100].to_vec()], vec![0], vec![(octets, Passed::SegmentMissing)]);
    assert_eq!(streams(&hole), expected(140));
    // The FIN has its place behind the hole, so it does not end the stream; RST does.
    let late = [&hole[..], &[fin(400, &[]), data(200, &text[100..160])]].concat();
    assert_eq!(streams(&late), (vec![text.clone()], vec![0], vec![]));
    let reset = segment(400, &[], Tcp::rst);
    let late = [&hole[..], &[reset, data(200, &text[100..160])]].concat();
    let (whole, ended, passed) = streams(&late);
    assert_eq!((whole, ended), (vec![text[..100].to_vec()], vec![0]));
    assert_eq!(passed, [(140, Passed::SegmentMissing), (60, Passed::Repeated)]);
}

#[test]
fn what_waits_behind_a_hole_is_limited() {
    let start = [syn(99), data(100, &message(100))];
    let behind = |octets: u32| {
        let pieces = octets.div_ceil(32_768);
        let mut frames = start.to_vec();
        frames.extend((0..pieces).map(|piece| {
            let length = (octets - piece * 32_768).min(32_768);
            data(201 + piece * 32_768, &vec![3; usize::try_from(length).unwrap()])
        }));
        frames.push(data(200, &[9]));
        streams(&frames)
    };
    let (whole, _, passed) = behind(1 << 20);
    assert_eq!(whole[0].len(), 100 + (1 << 20) + 1);
    assert_eq!(passed, []);
    let (whole, ended, passed) = behind((1 << 20) + 1);
    assert_eq!(whole[0].len(), 100);
    assert_eq!(ended, [0]);
    let missing = |octets| (octets, Passed::SegmentMissing);
    assert_eq!(passed, [missing((1 << 20) + 1), missing(1)]);
}

#[test]
fn other_connections_are_passed_over() {
    let frames = [syn(99), data(100, b"SSH-2.0-OpenSSH\r\n"), data(500, &text()), data(117, &text())];
    let passed = [17, 300, 300].map(|octets| (octets, Passed::OtherTcp));
    assert_eq!(streams(&frames), (vec![], vec![], passed.to_vec()));
    // The start decides, even if it comes last.
    let frames = [syn(99), data(110, &[1; 30]), data(100, &[1; 10])];
    let passed = [10, 30].map(|octets| (octets, Passed::OtherTcp));
    assert_eq!(streams(&frames), (vec![], vec![], passed.to_vec()));
}

#[test]
fn a_capture_may_start_inside_a_connection() {
    let text = text();
    // A bare acknowledgement says nothing.
    let frames = [data(5, &[]), data(100, &text[..200]), data(300, &text[200..])];
    assert_eq!(streams(&frames), (vec![text.clone()], vec![0], vec![]));
    // The SYN came late.
    let frames = [data(100, &text[..200]), syn(99), data(300, &text[200..])];
    assert_eq!(streams(&frames), (vec![text.clone()], vec![0], vec![]));
    // Not at a message: nothing to be had.
    let frames = [data(100, &text[50..])];
    assert_eq!(streams(&frames), (vec![], vec![], vec![(250, Passed::OtherTcp)]));
}

#[test]
fn the_same_ports_may_be_used_again() {
    let (text, other) = (text(), message(80));
    let frames = [syn(99), data(100, &text), syn(5000), data(5001, &other)];
    assert_eq!(streams(&frames), (vec![text.clone(), other.clone()], vec![0, 1], vec![]));
    let frames = [syn(99), data(100, &text), fin(400, &[]), syn(5000), data(5001, &other)];
    assert_eq!(streams(&frames), (vec![text, other], vec![0, 1], vec![]));
}

#[test]
fn a_segment_that_the_capture_cut_ends_the_stream() {
    let text = text();
    let mut file = pcap_header(RAW_IP);
    let (first, second) = (data(100, &text[..200]), data(300, &text[200..]));
    file.extend(record(1000, &first[..40 + 120], first.len()));
    file.extend(record(1000, &second, second.len()));
    let expected = (vec![text[..120].to_vec()], vec![0], vec![(100, Passed::Truncated)]);
    assert_eq!(streams_of(&file), expected);
}

#[test]
fn the_directions_that_are_remembered_are_limited() {
    let connect = |port: u16| {
        let builder = PacketBuilder::ipv4(SOURCE, DESTINATION, 64);
        let mut packet = Vec::new();
        builder.tcp(port, 4739, 1, 1000).write(&mut packet, &message(20)).unwrap();
        packet
    };
    let ends = |count: u16| {
        let frames: Vec<_> = (0..count).map(connect).collect();
        let got = all(&pcap(RAW_IP, &frames));
        let streams = got.iter().filter(|got| matches!(got, Got::Stream(..))).count();
        assert_eq!(streams, usize::from(count));
        got.iter().position(|got| matches!(got, Got::End(_))).unwrap()
    };
    // All end with the capture; or half of them when one too many comes.
    assert_eq!(ends(8192), 8192);
    assert_eq!(ends(8193), 8192);
    let frames: Vec<_> = (0..8193).map(connect).collect();
    let got = all(&pcap(RAW_IP, &frames));
    assert_eq!(got[8192..8192 + 4096], (0..4096).map(Got::End).collect::<Vec<_>>());
    assert!(matches!(got[8192 + 4096], Got::Stream(8192, ..)));
}
