//! Hand-made frames, octet by octet. Behind `#`: what it is, and where that is defined.

use crate::packet::Start;

pub(super) struct Frame {
    pub(super) name: &'static str,
    pub(super) start: Start,
    pub(super) bytes: Vec<u8>,
}

/// Hex digits; the rest of a line from `#` on is a remark.
fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.lines().map(|line| line.split('#').next().unwrap()).collect();
    let digits: Vec<u8> = digits.bytes().filter(|digit| !digit.is_ascii_whitespace()).collect();
    let text = |pair: &[u8]| String::from_utf8(pair.to_vec()).unwrap();
    digits.chunks(2).map(|pair| u8::from_str_radix(&text(pair), 16).unwrap()).collect()
}

const ETHERNET: &str = "
    02 00 00 00 00 0b   # destination (IEEE 802.3 §3.2.4)
    02 00 00 00 00 0a   # source (§3.2.5)
";

/// RFC 9293 §3.1 with one option word.
const TCP: &str = "
    01 bb c3 50         # ports 443, 50000
    00 00 00 01 00 00 00 02
    61 12 ff ff         # 6 words, reserved bit 1, ACK and SYN (RFC 9293 §3.1, RFC 9565 §3)
    00 00 00 00
    02 04 05 b4         # maximum segment size (§3.2)
";

const UDP: &str = "
    30 39 00 35 00 0c 00 00   # 12345 to 53, 12 octets (RFC 768)
    de ad be ef
";

fn ipv4(protocol: u8, payload: &str) -> String {
    let total = 20 + hex(payload).len();
    format!(
        "45 b8 {:02x} {:02x}       # version 4, 5 words, class EF, total length (RFC 791 §3.1)
         12 34 40 00               # identification, do not fragment
         3f {protocol:02x} 00 00   # 63 hops, protocol
         c0 00 02 01               # 192.0.2.1
         c6 33 64 02               # 198.51.100.2
         {payload}",
        total >> 8,
        total & 0xff
    )
}

fn ipv6(next: u8, payload: &str) -> String {
    let length = hex(payload).len();
    format!(
        "6b 81 23 45               # version 6, class EF, flow label 0x12345 (RFC 8200 §3)
         {:02x} {:02x} {next:02x} 3f   # payload length, next header, 63 hops
         20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01
         20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 02
         {payload}",
        length >> 8,
        length & 0xff
    )
}

fn ethernet(rest: &str) -> String {
    format!("{ETHERNET}{rest}")
}

fn on_ethernet(rest: &str) -> (Start, String) {
    (Start::ETHERNET, ethernet(rest))
}

const VXLAN: &str = "
    c0 00 12 b5 00 00 00 00   # to port 4789 (RFC 7348 §5), UDP length filled in as 0: as after segmentation
    08 00 00 00 00 30 39 00   # I flag, VNI 12345
";
const GENEVE: &str = "
    c0 00 17 c1 00 00 00 00   # to port 6081 (RFC 8926 §3.3)
    02 00 65 58 00 02 9a 00   # version 0, 2 words of options, Ethernet, VNI 666 (§3.4)
    01 02 80 01 aa bb cc dd   # an option of 1 word (§3.5)
";

#[expect(clippy::too_many_lines, reason = "a table")]
pub(super) fn frames() -> Vec<Frame> {
    let tcp4 = ipv4(6, TCP);
    let udp4 = ipv4(17, UDP);
    let tcp6 = ipv6(6, TCP);
    let snap = "aa aa 03 00 00 00 08 00   # SNAP, RFC 1042: organisation 0, Ethernet type\n";
    let inner_frame = ethernet(&format!("81 00 00 07 08 00 {tcp4}"));
    let table: Vec<(&'static str, (Start, String))> = vec![
        ("ethernet ipv4 tcp", on_ethernet(&format!("08 00 {tcp4}"))),
        ("ethernet ipv4 udp padded", on_ethernet(&format!("08 00 {udp4} 00 00 00 00 00 00"))),
        ("ethernet ipv6 tcp", on_ethernet(&format!("86 dd {tcp6}"))),
        // IEEE 802.1Q §9.6: priority 5, drop eligible, id 100.
        ("vlan", on_ethernet(&format!("81 00 b0 64 08 00 {tcp4}"))),
        // IEEE 802.1ad: service tag 200, customer tag 100.
        ("802.1ad", on_ethernet(&format!("88 a8 00 c8 81 00 a0 64 86 dd {tcp6}"))),
        ("three tags", on_ethernet(&format!("91 00 00 01 92 00 00 02 81 00 00 03 08 00 {tcp4}"))),
        ("nine tags", on_ethernet(&format!("{} 08 00 {tcp4}", "81 00 00 01 ".repeat(9)))),
        // IEEE 802.3 §3.2.6: a length; IEEE 802.2 §3.2. Padding behind it.
        ("802.3 stp", on_ethernet("00 07 42 42 03 00 00 00 00 00 00 00 00 00")),
        ("802.3 snap", on_ethernet(&format!("{:04x} {snap} {tcp4} 00 00", 8 + hex(&tcp4).len()))),
        ("802.3 cisco", on_ethernet("00 10 aa aa 03 00 00 0c 20 00 02 b4 00 00 00 00 00 00")),
        ("802.3 length too small", on_ethernet(&format!("00 05 {snap} {tcp4}"))),
        ("lldp", on_ethernet("88 cc 02 07 04 00 01 02 03 04 05")),
        // RFC 3032 §2.1: labels 16001 and 24 with class 5, the second at the bottom.
        ("mpls", on_ethernet(&format!("88 47 03 e8 1a ff 00 01 8b 40 {tcp4}"))),
        ("mpls start ipv6", (Start::MPLS, format!("00 02 01 40 {tcp6}"))),
        ("mpls twelve", on_ethernet(&format!("88 48 {} 00 00 c1 40 {tcp4}", "00 01 00 40 ".repeat(11)))),
        ("mpls endless", on_ethernet(&format!("88 47 {}", "00 01 00 40 ".repeat(20)))),
        ("mpls pseudowire", on_ethernet(&format!("88 47 00 01 01 40 00 00 00 00 {inner_frame}"))),
        // RFC 2516 §4, RFC 1661 §2.
        ("pppoe", on_ethernet(&format!("88 64 11 00 04 d2 {:04x} 00 21 {tcp4} 00 00", 2 + hex(&tcp4).len()))),
        ("pppoe ipv6", on_ethernet(&format!("88 64 11 00 04 d2 {:04x} 00 57 {tcp6}", 2 + hex(&tcp6).len()))),
        ("pppoe lcp", on_ethernet("88 64 11 00 04 d2 00 0a c0 21 09 01 00 08 00 00 00 00 00 00")),
        ("pppoe wrong", on_ethernet("88 64 21 00 04 d2 00 0a c0 21 09 01 00 08 00 00 00 00 00 00")),
        ("pppoe discovery", on_ethernet("88 63 11 09 00 00 00 04 01 01 00 00")),
        // RFC 1662 §3.1; the protocol in one octet, RFC 1661 §6.5.
        ("ppp hdlc", (Start::PPP, format!("ff 03 00 21 {tcp4}"))),
        ("ppp short", (Start::PPP, format!("57 {tcp6}"))),
        ("ppp mpls", (Start::PPP, format!("02 81 00 01 01 40 {tcp4}"))),
        ("pos ppp", (Start::POS, format!("ff 03 00 57 {tcp6}"))),
        ("pos cisco", (Start::POS, format!("0f 00 08 00 {tcp4}"))),
        ("aal5 ip", (Start::from_sflow(10), tcp6.clone())),
        // RFC 826: who has 198.51.100.2, tell 192.0.2.1.
        ("arp", on_ethernet("08 06 00 01 08 00 06 04 00 01 02 00 00 00 00 0a c0 00 02 01 00 00 00 00 00 00 c6 33 64 02 00 00")),
        (
            "arp other",
            on_ethernet("08 06 00 06 08 00 08 04 00 02 02 00 00 00 00 00 00 0a c0 00 02 01 00 00 00 00 00 00 00 00 c6 33 64 02"),
        ),
        ("ip start 4", (Start::IP, udp4.clone())),
        ("ip start 6", (Start::IP, tcp6.clone())),
        ("ip start 5", (Start::IP, "55 00 00 00".to_owned())),
        ("ipv4 start is 6", (Start::IPV4, tcp6.clone())),
        // RFC 791 §3.1: record route in 2 option words; total length 28 + 24.
        (
            "ipv4 options",
            (Start::IPV4, format!("47 00 00 34 00 01 00 00 40 06 00 00 c0 00 02 01 c6 33 64 02 07 07 04 00 00 00 00 00 {TCP}")),
        ),
        ("ipv4 first fragment", (Start::IPV4, format!("45 00 00 20 be ef 20 00 40 11 00 00 c0 00 02 01 c6 33 64 02 {UDP}"))),
        ("ipv4 later fragment", (Start::IPV4, format!("45 00 00 20 be ef 00 b9 40 11 00 00 c0 00 02 01 c6 33 64 02 {UDP}"))),
        // What a host sees of a packet its card will segment.
        ("ipv4 length 0", on_ethernet(&format!("08 00 45 00 00 00 00 01 00 00 40 06 00 00 c0 00 02 01 c6 33 64 02 {TCP}"))),
        ("ipv4 length too small", (Start::IPV4, format!("46 00 00 14 00 01 00 00 40 06 00 00 c0 00 02 01 c6 33 64 02 {TCP}"))),
        ("ipv4 4 words", (Start::IPV4, format!("44 00 00 2c 00 01 00 00 40 06 00 00 c0 00 02 01 c6 33 64 02 {TCP}"))),
        // The packet is 24 octets: what follows is no TCP.
        ("ipv4 shorter than tcp", (Start::IPV4, format!("45 00 00 18 00 01 00 00 40 06 00 00 c0 00 02 01 c6 33 64 02 {TCP}"))),
        ("ospf", (Start::IPV4, ipv4(89, "02 01 00 2c"))),
        // RFC 8200 §4.3 hop-by-hop, §4.4 routing (SRv6, RFC 8754), §4.6 destination, RFC 4302 §2.2 AH of 4 words.
        (
            "ipv6 extensions",
            (
                Start::IPV6,
                ipv6(
                    0,
                    &format!(
                        "2b 00 05 02 00 00 01 00   # router alert, then routing
                         33 02 04 00 00 00 00 00 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 02
                         3c 02 00 00 00 00 01 00 00 00 00 01 aa bb cc dd
                         06 00 01 04 00 00 00 00 {TCP}"
                    ),
                ),
            ),
        ),
        // §4.5: the first fragment, and a later one at 185 x 8.
        ("ipv6 first fragment", (Start::IPV6, ipv6(44, &format!("11 00 00 01 00 c0 ff ee {UDP}")))),
        ("ipv6 later fragment", (Start::IPV6, ipv6(44, &format!("11 00 05 c8 00 c0 ff ee {UDP}")))),
        ("ipv6 later fragment of options", (Start::IPV6, ipv6(44, &format!("3c 00 05 c9 00 c0 ff ee {UDP}")))),
        ("ipv6 no next header", (Start::IPV6, ipv6(59, "00 01"))),
        ("ipv6 esp", (Start::IPV6, ipv6(50, "00 00 10 01 00 00 00 01"))),
        ("ipv6 endless", (Start::IPV6, ipv6(60, &"3c 00 01 04 00 00 00 00 ".repeat(17)))),
        // RFC 2675 §2: 65536 + 32 octets behind the header.
        (
            "ipv6 jumbogram",
            (
                Start::IPV6,
                format!(
                    "60 00 00 00 00 00 00 40 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01
                     20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 02 06 00 c2 04 00 01 00 20 {TCP}"
                ),
            ),
        ),
        (
            "ipv6 mapped",
            (
                Start::IPV6,
                tcp6.replacen(
                    "20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01",
                    "00 00 00 00 00 00 00 00 00 00 ff ff c0 00 02 01",
                    1,
                ),
            ),
        ),
        // RFC 792: port unreachable; RFC 4443 §4.1: echo request. RFC 9260 §3.1, RFC 4340 §5.1, RFC 3828 §3.1.
        ("icmp", on_ethernet(&format!("08 00 {}", ipv4(1, "03 03 00 00 00 00 00 00 45 00")))),
        ("icmpv6", on_ethernet(&format!("86 dd {}", ipv6(58, "80 00 00 00 00 01 00 02")))),
        ("sctp", (Start::IPV4, ipv4(132, "0b 59 0b 5a 00 00 00 01 00 00 00 00 01 00 00 14"))),
        ("dccp", (Start::IPV4, ipv4(33, "0b 59 0b 5a 03 00 00 00 00 00 00 00"))),
        ("udp-lite", (Start::IPV6, ipv6(136, "0b 59 0b 5a 00 08 00 00"))),
        ("tcp offset too small", (Start::IPV4, ipv4(6, &TCP.replace("61 12", "41 12")))),
        // RFC 2784 §2, RFC 2890 §2: plain; with checksum, key 0x0a0b0c0d and sequence; bridged; RFC 2637 §4.1.
        ("gre", on_ethernet(&format!("08 00 {}", ipv4(47, &format!("00 00 86 dd {tcp6}"))))),
        (
            "gre key",
            on_ethernet(&format!(
                "08 00 {}",
                ipv4(47, &format!("b0 00 65 58 00 00 00 00 0a 0b 0c 0d 00 00 00 01 {inner_frame}"))
            )),
        ),
        ("gre pptp", (Start::IPV4, ipv4(47, &format!("30 81 88 0b 00 2e 04 d2 00 00 00 01 00 00 00 00 ff 03 00 21 {tcp4}")))),
        ("gre source routed", (Start::IPV4, ipv4(47, "40 00 08 00 00 00 00 00"))),
        ("gre keep-alive", (Start::IPV4, ipv4(47, "00 00 00 00"))),
        ("vxlan", on_ethernet(&format!("08 00 {}", ipv4(17, &format!("{VXLAN} {inner_frame}"))))),
        ("vxlan not", (Start::IPV4, ipv4(17, &format!("{} {inner_frame}", VXLAN.replace("08 00 00 00 00", "00 00 00 00 00"))))),
        // RFC 768: the length ends the datagram behind 8 octets of data.
        ("vxlan short", (Start::IPV4, ipv4(17, &format!("{} {inner_frame}", VXLAN.replace("b5 00 00", "b5 00 18"))))),
        ("geneve", on_ethernet(&format!("86 dd {}", ipv6(17, &format!("{GENEVE} {inner_frame}"))))),
        (
            "geneve ip",
            (
                Start::IPV4,
                ipv4(
                    17,
                    &format!("{} {tcp6}", GENEVE.replace("02 00 65 58", "00 00 86 dd").replace("01 02 80 01 aa bb cc dd", "")),
                ),
            ),
        ),
        ("ip in ip", (Start::IPV4, ipv4(4, &udp4))),
        ("6in4", on_ethernet(&format!("08 00 {}", ipv4(41, &tcp6)))),
        ("4in6", (Start::IPV6, ipv6(4, &tcp4))),
        ("6in6 srv6", (Start::IPV6, ipv6(43, &format!("29 00 04 00 00 00 00 00 {tcp6}")))),
        ("ethernet in ipv6", (Start::IPV6, ipv6(143, &inner_frame))),
        ("mpls in ip", (Start::IPV4, ipv4(137, &format!("00 02 01 40 {tcp6}")))),
        ("six deep", (Start::IPV4, (0..6).fold(udp4.clone(), |inner, _| ipv4(4, &inner)))),
        // IEEE 802.11 §9.3.2.1: QoS data from a station to an access point, and from there; encrypted; without data.
        (
            "802.11 to",
            (
                Start::WLAN,
                format!(
                    "88 01 00 00              # QoS data, to the distribution system
                     02 00 00 00 00 cc        # access point
                     {} 02 00 00 00 00 0b     # source, destination
                     10 00 00 00              # sequence, QoS control
                     {snap} {tcp4}",
                    "02 00 00 00 00 0a"
                ),
            ),
        ),
        (
            "802.11 from",
            (Start::WLAN, format!("08 02 00 00 02 00 00 00 00 0b 02 00 00 00 00 cc 02 00 00 00 00 0a 10 00 {snap} {udp4}")),
        ),
        (
            "802.11 bridge",
            (
                Start::WLAN,
                format!(
                    "08 03 00 00 {} 10 00 02 00 00 00 00 0a {snap} {udp4}",
                    "02 00 00 00 00 cc 02 00 00 00 00 cd 02 00 00 00 00 0b"
                ),
            ),
        ),
        ("802.11 encrypted", (Start::WLAN, format!("08 41 00 00 {ETHERNET} 02 00 00 00 00 0b 10 00 11 22 33 44 55 66 77 88"))),
        ("802.11 null", (Start::WLAN, format!("48 01 00 00 {ETHERNET} 02 00 00 00 00 0b 10 00"))),
        ("802.11 beacon", (Start::WLAN, format!("80 00 00 00 {ETHERNET} 02 00 00 00 00 0a 10 00 00 00"))),
        ("802.11 aggregated", (Start::WLAN, format!("88 01 00 00 {ETHERNET} 02 00 00 00 00 0b 10 00 80 00 00 00"))),
        ("infiniband", (Start::from_sflow(18), "00 02 00 01 00 10 00 01".to_owned())),
    ];
    table.into_iter().map(|(name, (start, text))| Frame { name, start, bytes: hex(&text) }).collect()
}

pub(super) fn frame(name: &str) -> Frame {
    frames().into_iter().find(|frame| frame.name == name).unwrap_or_else(|| panic!("no frame {name}"))
}
