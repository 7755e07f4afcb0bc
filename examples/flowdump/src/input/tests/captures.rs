//! File kinds, times, and files that stop early.

use super::*;

#[test]
fn every_kind_of_pcap_is_read() {
    let frame = udp(2055, &flow(30));
    for (magic, little, extra, expected) in [
        ([0xd4, 0xc3, 0xb2, 0xa1], true, 0, 1_700_000_000_123_456_000),
        ([0xa1, 0xb2, 0xc3, 0xd4], false, 0, 1_700_000_000_123_456_000),
        ([0x4d, 0x3c, 0xb2, 0xa1], true, 0, 1_700_000_000_000_123_456),
        ([0xa1, 0xb2, 0x3c, 0x4d], false, 0, 1_700_000_000_000_123_456),
        ([0x34, 0xcd, 0xb2, 0xa1], true, 8, 1_700_000_000_123_456_000),
    ] {
        let word = |it: u32| {
            if little { it.to_le_bytes() } else { it.to_be_bytes() }
        };
        let half = |it: u16| {
            if little { it.to_le_bytes() } else { it.to_be_bytes() }
        };
        let length = u32::try_from(frame.len()).unwrap();
        let file = [
            magic.to_vec(),
            [half(2), half(4)].concat(),
            [0, 0, 65_535, 101].map(word).concat(),
            [1_700_000_000, 123_456, length, length].map(word).concat(),
            vec![0; extra],
            frame.clone(),
        ]
        .concat();
        let offset = u64::try_from(24 + 16 + extra + 28).unwrap();
        let (from, to) = (socket(SOURCE, 5000), socket(DESTINATION, 2055));
        let expected = Got::Datagram(from, to, expected, offset, flow(30));
        assert_eq!(all(&file), [expected], "{magic:x?}");
    }
}

/// A pcapng file under construction.
struct Ng {
    file: Vec<u8>,
    little: bool,
}

impl Ng {
    fn new() -> Self {
        let file = Vec::new();
        Self { file, little: true }.section(true)
    }

    fn word(&self, it: u32) -> [u8; 4] {
        if self.little { it.to_le_bytes() } else { it.to_be_bytes() }
    }

    fn half(&self, it: u16) -> [u8; 2] {
        if self.little { it.to_le_bytes() } else { it.to_be_bytes() }
    }

    fn block(mut self, kind: u32, content: &[u8]) -> Self {
        let padding = content.len().next_multiple_of(4) - content.len();
        let length = u32::try_from(content.len() + padding + 12).unwrap();
        let (kind, length) = (self.word(kind), self.word(length));
        for part in [&kind, &length, content, &[0; 3][..padding], &length] {
            self.file.extend(part);
        }
        self
    }

    fn section(mut self, little: bool) -> Self {
        self.little = little;
        let content = [&self.word(0x1a2b_3c4d)[..], &self.half(1), &self.half(0), &[0xff; 8]];
        let content = content.concat();
        self.block(0x0a0d_0d0a, &content)
    }

    /// An interface with options, each a code and a value.
    fn interface(self, link: u16, snaplen: u32, options: &[(u16, &[u8])]) -> Self {
        let mut content = [&self.half(link)[..], &[0, 0], &self.word(snaplen)].concat();
        for (code, value) in options {
            content.extend(self.half(*code));
            content.extend(self.half(u16::try_from(value.len()).unwrap()));
            content.extend(*value);
            content.resize(content.len().next_multiple_of(4), 0);
        }
        if !options.is_empty() {
            content.extend([0; 4]);
        }
        self.block(1, &content)
    }

    fn packet(self, interface: u32, ticks: u64, frame: &[u8]) -> Self {
        let length = u32::try_from(frame.len()).unwrap();
        let (high, low) = (ticks >> 32, ticks & 0xffff_ffff);
        let [high, low] = [high, low].map(|it| u32::try_from(it).unwrap());
        let words = [interface, high, low, length, length].map(|it| self.word(it));
        let content = [&words.concat(), frame].concat();
        self.block(6, &content)
    }

    fn times(&self) -> Vec<i64> {
        all(&self.file)
            .into_iter()
            .map(|got| match got {
                Got::Datagram(_, _, received_ns, ..) => received_ns,
                other => panic!("{other:?}"),
            })
            .collect()
    }
}

#[test]
fn the_time_of_pcapng_follows_resolution_and_offset() {
    let frame = udp(2055, &flow(30));
    let offset = 1_600_000_000_i64;
    for little in [true, false] {
        let sixteen = if little { offset.to_le_bytes() } else { offset.to_be_bytes() };
        let file = Ng::new()
            .section(little)
            .interface(101, 0, &[])
            .interface(101, 0, &[(9, &[9])])
            .interface(101, 0, &[(2, b"eth0"), (9, &[3]), (14, &sixteen)])
            .interface(101, 0, &[(9, &[0x8a])])
            .interface(101, 0, &[(9, &[127])])
            .packet(0, 1_700_000_000_123_456, &frame)
            .packet(1, 1_700_000_000_123_456_789, &frame)
            .packet(2, 1_500, &frame)
            .packet(3, 1_536, &frame)
            .packet(4, 77, &frame);
        assert_eq!(
            file.times(),
            [1_700_000_000_123_456_000, 1_700_000_000_123_456_789, 1_600_000_001_500_000_000, 1_500_000_000, 0,],
            "little-endian: {little}"
        );
    }
}

#[test]
fn sections_of_pcapng_stand_alone() {
    let frame = udp(2055, &flow(31));
    let file = Ng::new()
        .interface(127, 0, &[])
        .interface(101, 0, &[])
        .packet(0, 1, &frame)
        .packet(1, 2_000_000, &frame)
        .packet(2, 3, &frame)
        .section(false)
        .interface(101, 0, &[(9, &[9])])
        .packet(0, 4, &frame);
    let (from, to) = (socket(SOURCE, 5000), socket(DESTINATION, 2055));
    let datagram = |ns, offset| Got::Datagram(from, to, ns, offset, flow(31));
    let block = 28 + 60 + 4;
    let start = 28 + 20 + 20;
    let second = start + 3 * block + 28 + 32;
    assert_eq!(
        all(&file.file),
        [
            Got::Passed(59, Passed::LinkType),
            datagram(2 * SECOND, start + block + 28 + 28),
            Got::Passed(59, Passed::BadPacket),
            datagram(4, second + 28 + 28),
        ]
    );
}

#[test]
fn the_other_packet_blocks_of_pcapng_are_read() {
    let frame = udp(2055, &flow(31));
    let length = 59_u32;
    for little in [true, false] {
        let file = Ng::new().section(little).interface(101, 50, &[]);
        // A simple packet is cut at the length of its interface.
        let simple = [&file.word(length)[..], &frame[..50]].concat();
        let old =
            [&file.half(0)[..], &file.half(9), &file.word(0), &file.word(5), &file.word(length), &file.word(length), &frame]
                .concat();
        // Statistics and a block that nobody knows.
        let file = file.block(3, &simple).block(5, &[0; 12]).block(0x7777, &[1, 2, 3, 4]).block(2, &old);
        let got = all(&file.file);
        let [Got::Datagram(_, _, 0, 116, cut), Got::Datagram(_, _, 5_000, _, whole)] = &got[..] else { panic!("{got:?}") };
        assert_eq!(*cut, flow(31)[..22]);
        assert_eq!(*whole, flow(31));
    }
}

#[test]
fn a_bad_block_of_pcapng_costs_only_itself() {
    let frame = udp(2055, &flow(31));
    let mut content = [0_u32, 0, 0, 9999, 9999].map(u32::to_le_bytes).concat();
    content.extend(&frame);
    let file = Ng::new()
        // An interface too short for what it has to say keeps its number.
        .block(1, &[101, 0, 0, 0])
        .interface(101, 0, &[])
        .block(6, &content)
        .packet(0, 1, &frame)
        .packet(1, 1, &frame);
    let got = all(&file.file);
    assert_eq!(
        got[..3],
        [Got::Passed(16, Passed::BadPacket), Got::Passed(92, Passed::BadPacket), Got::Passed(59, Passed::LinkType),]
    );
    assert!(matches!(got[3], Got::Datagram(..)));
    assert_eq!(got.len(), 4);
    // Where the end of the block is not known either, that is the end.
    let mut file = Ng::new().interface(101, 0, &[]).packet(0, 1, &frame).file;
    let last = file.len() - 4;
    file[last] ^= 4;
    let (got, done) = run(&file);
    assert!(got.is_empty());
    assert_eq!(done.unwrap_err().to_string(), "test.pcap is damaged at octet 48: this is no record");
}

#[test]
fn records_longer_than_the_buffer_are_read() {
    let small = udp(2055, &flow(31));
    let mut large = small.clone();
    large.resize(400_000, 0);
    let expected = [flow(31), flow(31), flow(31)];
    let frames = [large.clone(), small.clone(), large.clone()];
    let got = datagrams(&pcap(RAW_IP, &frames));
    assert_eq!(got.clone().map_bytes(), expected);
    assert_eq!(got[1].0, 24 + 16 + 400_000 + 16 + 28);
    let file = Ng::new().interface(101, 0, &[]).packet(0, 1, &large).packet(0, 2, &small).packet(0, 3, &large);
    assert_eq!(datagrams(&file.file).map_bytes(), expected);
}

trait MapBytes {
    fn map_bytes(self) -> Vec<Vec<u8>>;
}

impl MapBytes for Vec<(u64, Vec<u8>)> {
    fn map_bytes(self) -> Vec<Vec<u8>> {
        self.into_iter().map(|(_, bytes)| bytes).collect()
    }
}

#[test]
fn a_capture_that_is_cut_gives_what_is_ahead_of_the_cut() {
    let frame = udp(2055, &flow(31));
    let file = pcap(RAW_IP, &[frame.clone(), frame.clone()]);
    let second = 24 + 16 + 59;
    for cut in [second + 1, second + 15, second + 16, file.len() - 1] {
        let (got, done) = run(&file[..cut]);
        assert_eq!(got.len(), 1, "{cut}");
        let expected = format!("test.pcap is cut short: it ends at octet {cut}, inside the record that starts at octet 99");
        assert_eq!(done.unwrap_err().to_string(), expected);
    }
    assert_eq!(all(&file[..second]).len(), 1);
    assert_eq!(all(&file[..24]), []);
    for cut in [4, 23] {
        let (got, done) = run(&file[..cut]);
        assert!(got.is_empty());
        assert!(matches!(done, Err(InputError::Truncated { offset: 0, .. })), "{done:?}");
    }
    let file = Ng::new().interface(101, 0, &[]).packet(0, 1, &frame).packet(0, 1, &frame).file;
    for cut in [48 + 92 + 1, 48 + 92 + 50, file.len() - 1] {
        let (got, done) = run(&file[..cut]);
        assert_eq!(got.len(), 1, "{cut}");
        let Err(InputError::Truncated { offset: 140, end, .. }) = done else { panic!("{done:?}") };
        assert_eq!(end, octets(cut));
    }
    for cut in [4, 12, 27] {
        let (_, done) = run(&file[..cut]);
        assert!(matches!(done, Err(InputError::Truncated { offset: 0, .. })), "{done:?}");
    }
}

#[test]
fn a_length_that_makes_no_sense_is_damage() {
    let frame = udp(2055, &flow(31));
    let mut file = pcap(RAW_IP, &[frame.clone(), frame.clone(), frame.clone()]);
    file[99 + 8..99 + 12].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    let (got, done) = run(&file);
    assert_eq!(got.len(), 1);
    assert_eq!(done.unwrap_err().to_string(), "test.pcap is damaged at octet 99: its length makes no sense");
    let mut file = Ng::new().interface(101, 0, &[]).packet(0, 1, &frame).file;
    file[52..56].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    let (_, done) = run(&file);
    assert!(matches!(done, Err(InputError::Damaged { offset: 48, .. })), "{done:?}");
    let mut file = Ng::new().file;
    file[4..8].copy_from_slice(&27_u32.to_le_bytes());
    let (_, done) = run(&file);
    assert!(matches!(done, Err(InputError::Damaged { offset: 0, .. })), "{done:?}");
}

#[test]
fn gzip_is_undone() {
    let frames = [udp(2055, &flow(31)), udp(2055, &flow(500))];
    let file = pcap(RAW_IP, &frames);
    assert_eq!(all(&gzip(&file)), all(&file));
    // Members one after another are one file.
    let (a, b) = file.split_at(70);
    assert_eq!(all(&[gzip(a), gzip(b)].concat()), all(&file));
    let ng = Ng::new().interface(101, 0, &[]).packet(0, 1, &frames[0]).file;
    assert_eq!(all(&gzip(&ng)), all(&ng));
    let stream = [message(40), message(30)].concat();
    assert_eq!(all(&gzip(&stream)), all(&stream));
    let packed = gzip(&file);
    let (_, done) = run(&packed[..packed.len() - 12]);
    assert!(matches!(done, Err(InputError::Truncated { .. })), "{done:?}");
    let (_, done) = run(&[0x1f, 0x8b, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert!(matches!(done, Err(InputError::Io { .. })), "{done:?}");
}

#[test]
fn a_file_of_messages_is_a_stream() {
    let file = [message(40), message(16), message(65_535)].concat();
    let got = all(&file);
    let mut bytes: Vec<u8> = Vec::new();
    for got in &got[..got.len() - 1] {
        let Got::Stream(0, NOWHERE, 0, offset, piece) = got else { panic!("{got:?}") };
        assert_eq!(*offset, octets(bytes.len()));
        bytes.extend(piece);
    }
    assert_eq!(bytes, file);
    assert_eq!(got.last(), Some(&Got::End(0)));
}

#[test]
fn other_files_are_refused_in_words() {
    for text in [&b"Where are the flows?\n"[..], b"x", &flow(60), &[0, 10, 0, 15, 1, 1, 1, 1, 1]] {
        let (got, done) = run(text);
        assert!(got.is_empty());
        assert_eq!(
            done.unwrap_err().to_string(),
            "test.pcap is neither a capture (pcap, pcapng), nor an IPFIX file, nor goflow2's output; for a bare datagram use --raw"
        );
    }
    for empty in [vec![], gzip(&[])] {
        let (_, done) = run(&empty);
        assert_eq!(done.unwrap_err().to_string(), "test.pcap is empty");
    }
    let done = read(Path::new("no/such/file"), &Options::default(), &mut |_| {}, &mut |_| ControlFlow::Continue(()));
    assert!(done.unwrap_err().to_string().starts_with("no/such/file: "));
}

#[test]
fn raw_takes_the_whole_file() {
    let raw = Options { raw: true, ..Options::default() };
    let expected = |bytes: &[u8]| Got::Datagram(NOWHERE, NOWHERE, 0, 0, bytes.to_vec());
    for bytes in [flow(60), message(40), vec![1], pcap(RAW_IP, &[])] {
        let (got, done) = run_with(&bytes[..], raw);
        done.unwrap();
        assert_eq!(got, [expected(&bytes)]);
        let (got, done) = run_with(&gzip(&bytes)[..], raw);
        done.unwrap();
        assert_eq!(got, [expected(&bytes)]);
    }
    let (_, done) = run_with(io::empty(), raw);
    assert!(matches!(done, Err(InputError::Empty { .. })));
    let mut long = vec![9; MAX_RAW];
    let (got, _) = run_with(&long[..], raw);
    assert_eq!(got.len(), 1);
    long.push(9);
    let (got, done) = run_with(&long[..], raw);
    assert!(got.is_empty());
    assert!(matches!(done, Err(InputError::RawTooLong { .. })));
}

#[test]
fn the_caller_can_break_off() {
    let frame = udp(2055, &flow(31));
    let file = pcap(RAW_IP, &[frame.clone(), frame.clone(), frame]);
    // The cut at the end is never seen.
    let source = Source::new(String::new(), Box::new(&file[..file.len() - 1])).unwrap();
    let mut count = 0;
    let done = read_source(source, Options::default(), &mut |_| {}, &mut |_| {
        count += 1;
        if count == 2 {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    done.unwrap();
    assert_eq!(count, 2);
}

#[test]
fn damage_anywhere_is_survived() {
    let frames = [udp(2055, &flow(31)), ipv4(IpNumber::ICMP, &[8; 20])];
    let ng = Ng::new()
        .interface(101, 0, &[(9, &[9]), (14, &[0; 8])])
        .packet(0, 1, &frames[0])
        .packet(0, 2, &frames[1])
        .section(false)
        .interface(101, 0, &[(9, &[9]), (14, &[0; 8])])
        .packet(0, 3, &frames[0]);
    for file in [pcap(RAW_IP, &frames), ng.file.clone(), gzip(&ng.file)] {
        for at in 0..file.len() {
            let _ = run(&file[..at]);
            for flip in [1, 0x80, 0xff] {
                let mut damaged = file.clone();
                damaged[at] ^= flip;
                let _ = run(&damaged);
            }
        }
    }
}
