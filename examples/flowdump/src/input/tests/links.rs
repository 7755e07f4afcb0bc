//! Link layers, IP and its fragments.

use super::*;

#[test]
fn every_link_layer_leads_to_the_payload() {
    let payload = flow(60);
    let packet = udp(2055, &payload);
    let cooked = [&[0; 14][..], &[8, 0]].concat();
    let cooked2 = [&[8, 0][..], &[0; 18]].concat();
    let tags = [&[0; 12][..], &[0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 8, 0]].concat();
    let tags3 = [&[0; 12][..], &[0x91, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 8, 0]].concat();
    for (link, header) in [
        (1, ethernet(0x0800, &[])),
        (1, [&[0; 12][..], &[0x81, 0, 0, 7, 8, 0]].concat()),
        (1, tags),
        (1, tags3),
        (0, vec![2, 0, 0, 0]),
        (0, vec![0, 0, 0, 2]),
        (108, vec![0, 0, 0, 2]),
        (12, vec![]),
        (14, vec![]),
        (101, vec![]),
        (228, vec![]),
        (113, cooked),
        (276, cooked2),
        // With the length of the checksum in the upper bits.
        (0x4400_0001, ethernet(0x0800, &[])),
    ] {
        let file = pcap(link, &[[&header[..], &packet].concat()]);
        let expected = Got::Datagram(
            socket(SOURCE, 5000),
            socket(DESTINATION, 2055),
            1000 * SECOND,
            u64::try_from(24 + 16 + header.len() + 28).unwrap(),
            payload.clone(),
        );
        assert_eq!(all(&file), [expected], "link type {link}, {header:?}");
    }
}

#[test]
fn every_link_layer_carries_ipv6() {
    let payload = flow(60);
    let packet = udp6(2055, &payload);
    for (link, header) in [
        (1, ethernet(0x86dd, &[])),
        (0, vec![30, 0, 0, 0]),
        (0, vec![10, 0, 0, 0]),
        (108, vec![0, 0, 0, 24]),
        (101, vec![]),
        (229, vec![]),
        (113, [&[0; 14][..], &[0x86, 0xdd]].concat()),
        (276, [&[0x86, 0xdd][..], &[0; 18]].concat()),
    ] {
        let file = pcap(link, &[[&header[..], &packet].concat()]);
        let expected = Got::Datagram(
            socket6(SOURCE6, 5000),
            socket6(DESTINATION6, 2055),
            1000 * SECOND,
            u64::try_from(24 + 16 + header.len() + 48).unwrap(),
            payload.clone(),
        );
        assert_eq!(all(&file), [expected], "link type {link}, {header:?}");
    }
}

#[test]
fn a_pcap_of_another_link_type_is_an_error() {
    let (got, done) = run(&pcap(127, &[vec![1; 60]]));
    assert!(got.is_empty());
    assert_eq!(done.unwrap_err().to_string(), "test.pcap: packets of link type 127 cannot be read");
}

#[test]
fn padding_behind_the_payload_is_cut_off() {
    let mut frame = ethernet(0x0800, &udp(2055, &flow(5)));
    frame.resize(60, 0);
    assert_eq!(datagrams(&pcap(ETHERNET, &[frame])), [(82, flow(5))]);
    // Padding inside IP: the UDP length counts.
    let mut inner = udp(2055, &flow(5))[20..].to_vec();
    inner.resize(40, 0xee);
    let packet = ipv4(IpNumber::UDP, &inner);
    assert_eq!(datagrams(&pcap(RAW_IP, &[packet])), [(68, flow(5))]);
}

#[test]
fn a_packet_that_the_capture_cut_is_handed_over_if_it_is_known() {
    let cut = |packet: Vec<u8>, kept: usize| {
        let mut file = pcap_header(RAW_IP);
        file.extend(record(1000, &packet[..kept], packet.len()));
        all(&file)
    };
    let got = cut(udp(2055, &flow(100)), 28 + 40);
    let [Got::Datagram(_, _, _, 68, bytes)] = &got[..] else { panic!("{got:?}") };
    assert_eq!(*bytes, flow(100)[..40]);
    let other = vec![0x40; 200];
    assert_eq!(cut(udp(9, &other), 28 + 40), [Got::Passed(40, Passed::Truncated)]);
    // Enough is there to see that it is something else.
    assert_eq!(cut(udp(9, &other), 28 + 100), [Got::Passed(100, Passed::OtherUdp)]);
    assert_eq!(cut(udp(2055, &flow(100)), 24), [Got::Passed(4, Passed::Truncated)]);
    assert_eq!(cut(udp(2055, &flow(100)), 10), [Got::Passed(10, Passed::Truncated)]);
}

#[test]
fn what_is_not_udp_or_tcp_is_passed_over() {
    let frames = [
        ethernet(0x0806, &[0; 46]),
        ethernet(0x88cc, &[0; 46]),
        ethernet(0x0800, &ipv4(IpNumber::ICMP, &[8; 40])),
        ethernet(0x0800, &udp(53, &[0x55; 40])),
        vec![1; 10],
        ethernet(0x0800, &[0x45, 0, 0]),
        ethernet(0x0800, &[0x55; 40]),
        ethernet(0x0800, &ipv4(IpNumber::UDP, &[1, 2, 3])),
        ethernet(0x0800, &ipv4(IpNumber::TCP, &[0; 24])),
    ];
    assert_eq!(
        all(&pcap(ETHERNET, &frames)),
        [
            Got::Passed(60, Passed::NotIp),
            Got::Passed(60, Passed::NotIp),
            Got::Passed(40, Passed::OtherIp),
            Got::Passed(40, Passed::OtherUdp),
            Got::Passed(10, Passed::BadPacket),
            Got::Passed(17, Passed::BadPacket),
            Got::Passed(54, Passed::BadPacket),
            Got::Passed(3, Passed::BadPacket),
            Got::Passed(24, Passed::BadPacket),
        ]
    );
    let loopback = [vec![7, 0, 0, 0, 1, 2], vec![2, 0]];
    assert_eq!(all(&pcap(0, &loopback)), [Got::Passed(6, Passed::NotIp), Got::Passed(2, Passed::BadPacket)]);
}

/// A datagram of 100 octets in three fragments.
fn three(id: u16) -> [Vec<u8>; 3] {
    let whole = udp(2055, &flow(100));
    let whole = &whole[20..];
    [
        fragment(IpNumber::UDP, id, 0, true, &whole[..40]),
        fragment(IpNumber::UDP, id, 40, true, &whole[40..80]),
        fragment(IpNumber::UDP, id, 80, false, &whole[80..]),
    ]
}

#[test]
fn fragments_are_joined_in_every_order() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let pieces = three(7);
        let frames = order.map(|it| pieces[it].clone());
        let file = pcap(RAW_IP, &frames);
        let before = order.iter().take_while(|it| **it != 0);
        let before: usize = before.map(|it| 16 + pieces[*it].len()).sum();
        let expected = Got::Datagram(
            socket(SOURCE, 5000),
            socket(DESTINATION, 2055),
            1002 * SECOND,
            // Behind the UDP header of the first fragment, wherever that is.
            u64::try_from(24 + before + 16 + 20 + 8).unwrap(),
            flow(100),
        );
        assert_eq!(all(&file), [expected], "{order:?}");
    }
}

#[test]
fn fragments_of_ipv6_are_joined() {
    let whole = udp6(2055, &flow(100));
    let (header, whole) = whole.split_at(40);
    let piece = |at: u16, more: bool, bytes: &[u8]| {
        let mut packet = header.to_vec();
        packet[4..6].copy_from_slice(&u16::try_from(bytes.len() + 8).unwrap().to_be_bytes());
        packet[6] = 44;
        packet.extend([17, 0]);
        packet.extend((at | u16::from(more)).to_be_bytes());
        packet.extend([0, 0, 0, 9]);
        packet.extend(bytes);
        packet
    };
    let frames = [piece(40, false, &whole[40..]), piece(0, true, &whole[..40])];
    let offset = 24 + 16 + frames[0].len() + 16 + 40 + 8 + 8;
    let expected = (u64::try_from(offset).unwrap(), flow(100));
    assert_eq!(datagrams(&pcap(RAW_IP, &frames)), [expected]);
}

#[test]
fn datagrams_whose_fragments_are_mixed_stay_apart() {
    let ([a0, a1, a2], [b0, b1, b2]) = (three(1), three(2));
    let file = pcap(RAW_IP, &[a0, b2, b0, a2, b1, a1]);
    assert_eq!(datagrams(&file).len(), 2);
    // The same addresses in two VLANs.
    let tagged = |vlan, packet: &[u8]| {
        let tag = [0, vlan, 8, 0];
        ethernet(0x8100, &[&tag[..], packet].concat())
    };
    let [a, b, c] = three(1);
    let frames = [tagged(1, &a), tagged(2, &b), tagged(1, &c)];
    let missing = |octets| Got::Passed(octets, Passed::FragmentMissing);
    assert_eq!(all(&pcap(ETHERNET, &frames)), [missing(68), missing(40)]);
}

#[test]
fn fragments_without_their_neighbours_are_counted() {
    let [a, _, c] = three(7);
    let missing = Got::Passed(68, Passed::FragmentMissing);
    assert_eq!(all(&pcap(RAW_IP, &[a.clone(), c])), [missing]);
    // More than a minute later the same number is another packet.
    let [_, b, c] = three(7);
    let mut file = pcap_header(RAW_IP);
    for (second, frame) in [(1000, &a), (1061, &b), (1061, &c), (1062, &a)] {
        file.extend(record(second, frame, frame.len()));
    }
    let got = all(&file);
    assert_eq!(got.len(), 2);
    assert_eq!(got[0], Got::Passed(40, Passed::FragmentMissing));
    assert!(matches!(got[1], Got::Datagram(..)));
    // A fragment that was cut by the capture, and one that no packet can have.
    let mut file = pcap_header(RAW_IP);
    file.extend(record(1000, &a[..50], a.len()));
    let odd = fragment(IpNumber::UDP, 8, 0, true, &[1; 9]);
    file.extend(record(1000, &odd, odd.len()));
    assert_eq!(all(&file), [Got::Passed(30, Passed::Truncated), Got::Passed(9, Passed::BadPacket)]);
}

#[test]
fn the_packets_that_wait_for_fragments_are_limited() {
    let frames: Vec<_> = (0..513).map(|id| three(id)[0].clone()).collect();
    let [_, b, c] = three(0);
    let [_, d, e] = three(1);
    let full = [&frames[..512], &[b.clone(), c.clone()]].concat();
    assert!(matches!(all(&pcap_fast(&full))[0], Got::Datagram(..)));
    let over = [&frames[..], &[d, e, b, c]].concat();
    let got = all(&pcap_fast(&over));
    assert_eq!(got[0], Got::Passed(40, Passed::FragmentMissing));
    let whole = got.iter().filter(|it| matches!(it, Got::Datagram(..)));
    assert_eq!(whole.count(), 1, "the first made room, the second did not");
}

/// All packets at one time.
fn pcap_fast(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = pcap_header(RAW_IP);
    for frame in frames {
        file.extend(record(1000, frame, frame.len()));
    }
    file
}
