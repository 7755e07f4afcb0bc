//! The grammar, what is refused and why, and that no text does harm.

use proptest::prelude::*;

use super::*;

fn parse(expression: &str) -> Result<Filter, FilterError> {
    Filter::parse(expression, Schema::common())
}

/// The expression as it is printed.
fn printed(expression: &str) -> String {
    parse(expression).unwrap_or_else(|error| panic!("{error}")).to_string()
}

/// Sentence and place of what is refused; a mark that is not the last character of three lines is no good.
fn refused(expression: &str) -> (String, usize) {
    let error = parse(expression).unwrap_err().to_string();
    let lines: Vec<_> = error.lines().collect();
    let [sentence, shown, mark] = lines[..] else { panic!("{error}") };
    assert_eq!(shown, format!("  {expression}"));
    let column = mark.strip_suffix('^').unwrap();
    assert!(column.chars().all(|blank| blank == ' '));
    (sentence.to_owned(), column.len() - 2)
}

#[test]
fn what_binds_before_what() {
    let cases = [
        ("vlan or tos and ttl", "vlan or tos and ttl"),
        ("(vlan or tos) and ttl", "(vlan or tos) and ttl"),
        ("vlan and tos or ttl and flows", "vlan and tos or ttl and flows"),
        ("not vlan and tos", "not vlan and tos"),
        ("not (vlan and tos)", "not (vlan and tos)"),
        ("not not vlan", "not not vlan"),
        ("(((vlan)))", "vlan"),
        ("vlan and (tos and ttl)", "vlan and (tos and ttl)"),
        ("vlan or (tos or ttl) or flows", "vlan or (tos or ttl) or flows"),
        ("vlan and tos and ttl", "vlan and tos and ttl"),
        ("!vlan&&(tos||ttl)", "not vlan and (tos or ttl)"),
        ("  vlan\n\tand tos ", "vlan and tos"),
    ];
    for (expression, expected) in cases {
        assert_eq!(printed(expression), expected);
    }
}

#[test]
fn values_of_every_type() {
    let cases = [
        ("dst_port=443", "dst_port = 443"),
        ("dst_port == 0x1bb", "dst_port = 443"),
        ("octets>10k", "octets > 10000"),
        ("octets <= 1MB", "octets <= 1000000"),
        ("octets < 2GiB", "octets < 2147483648"),
        ("octets != 3Ti", "octets != 3298534883328"),
        ("packets >= 4Ki", "packets >= 4096"),
        ("ip_protocol = tcp", "ip_protocol = 6"),
        ("ip_protocol in (UDP, 6, icmpv6)", "ip_protocol in (17, 6, 58)"),
        ("protocol = ipfix or protocol = sflow", "protocol = 10 or protocol = 105"),
        ("counters_scaled = yes", "counters_scaled = 2"),
        ("direction = egress", "direction = 1"),
        ("end_reason = \"Idle timeout\"", "end_reason = 1"),
        ("flow_type = inter-node", "flow_type = 2"),
        ("src_port in 1024-65535", "src_port in (1024-65535)"),
        ("src_port in (22,80, 8000-8099)", "src_port in (22, 80, 8000-8099)"),
        ("src_addr = 10.0.0.1", "src_addr = 10.0.0.1"),
        ("src_addr = ::ffff:10.0.0.1", "src_addr = 10.0.0.1"),
        ("src_addr in 10.0.0.0/8", "src_addr in (10.0.0.0/8)"),
        ("dst_addr in (2001:db8::/32, 192.0.2.1)", "dst_addr in (2001:db8::/32, 192.0.2.1)"),
        ("port = 53", "port = 53"),
        ("addr in 10.0.0.0/8 and mac", "addr in (10.0.0.0/8) and mac"),
        ("pod contains web", "pod contains \"web\""),
        ("src_mac = 02:00:00:00:00:0A", "src_mac = 02:00:00:00:00:0a"),
        ("sampling_rate > 0.5", "sampling_rate > 0.5"),
        ("sampling_rate = 1e3", "sampling_rate = 1000"),
        ("start >= 2026-11-21T04:16:41Z", "start >= 2026-11-21T04:16:41.000000000Z"),
        ("start < \"2026-11-21 04:16:41.363\"", "start < 2026-11-21T04:16:41.363000000Z"),
        ("end > 2026-11-21", "end > 2026-11-21T00:00:00.000000000Z"),
        ("src_pod ~ \"a \\\"b\\\" \\\\ \\xc3\\xa9 \\xff\"", "src_pod contains \"a \\\"b\\\" \\\\ é \\xff\""),
        ("src_pod = \"and\"", "src_pod = \"and\""),
        ("tunnel_key = 0x00002A", "tunnel_key = \"00002a\""),
        ("mpls_labels contains 1000", "mpls_labels contains 1000"),
    ];
    for (expression, expected) in cases {
        assert_eq!(printed(expression), expected);
        assert_eq!(parse(expression), parse(expected), "{expression}");
    }
}

#[test]
fn what_is_refused_and_where() {
    let address = "write 10.0.0.1 or 2001:db8::1, or behind \"in\" a network, 10.0.0.0/8";
    let number = "write 80, 0x50, 10k or behind \"in\" 80-90, up to 65535";
    let cases = [
        ("src_addr = 5", format!("\"5\" is no value of src_addr, which is an address: {address}"), 11),
        ("src_addr = 10.0.0.0/8", format!("\"10.0.0.0/8\" is no value of src_addr, which is an address: {address}"), 11),
        ("addr in (10.0.0.1, x)", format!("\"x\" is no value of addr, which is an address: {address}"), 19),
        ("src_addr in 10.0.0.0/33", format!("\"10.0.0.0/33\" is no value of src_addr, which is an address: {address}"), 12),
        ("dst_port = 70000", format!("\"70000\" is no value of dst_port, which is a number: {number}"), 11),
        ("dst_port in 80-79", format!("\"80-79\" is no value of dst_port, which is a number: {number}"), 12),
        ("dst_port = -1", format!("\"-1\" is no value of dst_port, which is a number: {number}"), 11),
        ("dst_port = 80MB", format!("\"80MB\" is no value of dst_port, which is a number: {number}"), 11),
        (
            "octets = 16777216Ti",
            "\"16777216Ti\" is no value of octets, which is a number: write 80, 0x50, 10k, 10MB or behind \"in\" 80-90, up to \
             18446744073709551615"
                .to_owned(),
            9,
        ),
        (
            "protocol = ipfx",
            "\"ipfx\" is no value of protocol, which is a number: write a number up to 255, or unknown, netflow1, netflow5, netflow7, \
             netflow8, netflow9, ipfix, sflow, vanflow"
                .to_owned(),
            11,
        ),
        (
            "start > yesterday",
            "\"yesterday\" is no value of start, which is a time: write 2026-11-21T04:16:41.5Z, \"2026-11-21 04:16:41\" or 2026-11-21, \
             in UTC"
                .to_owned(),
            8,
        ),
        ("src_mac = 02:00", "\"02:00\" is no value of src_mac, which is a MAC address: write 02:00:00:00:00:0a".to_owned(), 10),
        ("sampling_rate = NaN", "\"NaN\" is no value of sampling_rate, which is a number: write 100 or 0.5".to_owned(), 16),
        (
            "tunnel_key = 123",
            "\"123\" is no value of tunnel_key, which is octets: write two hexadecimal digits for each octet: 00002a".to_owned(),
            13,
        ),
        ("scr_addr = 10.0.0.1", "no field is called \"scr_addr\"; nearest: src_addr, service_addr, dst_addr; flowdump --list-fields names them all".to_owned(), 0),
        ("vlan and zzz", "no field is called \"zzz\"; flowdump --list-fields names them all".to_owned(), 9),
        ("addr < 10.0.0.1", "addresses have no order: ask whether addr is \"in\" a network".to_owned(), 5),
        ("src_pod > a", "src_pod is text, which has no order".to_owned(), 8),
        ("port != 443", "port is either side, so != is unclear: say \"not port = ...\"".to_owned(), 5),
        ("mpls_labels = 5", "mpls_labels is a list of numbers: ask whether it \"contains\" one".to_owned(), 12),
        ("mpls_labels in 5", "mpls_labels is a list of numbers: ask whether it \"contains\" one".to_owned(), 12),
        ("dst_port contains 4", "dst_port is a number, and only text and lists contain".to_owned(), 9),
        ("dst_port 443", "here = != < <= > >= \"in\" or \"contains\" is wanted".to_owned(), 9),
        ("dst_port =", format!("here a value is wanted: {number}"), 10),
        ("src_pod = and", "here a value is wanted: write web or \"a b\"".to_owned(), 10),
        ("src_port in (80, 443", "here \",\" or \")\" is wanted".to_owned(), 20),
        ("src_port in ()", format!("here a value is wanted: {number}"), 13),
        ("", "here the name of a field is wanted, \"not\" or \"(\"".to_owned(), 0),
        ("vlan and", "here the name of a field is wanted, \"not\" or \"(\"".to_owned(), 8),
        ("\"vlan\"", "here the name of a field is wanted, \"not\" or \"(\"".to_owned(), 0),
        ("(vlan or tos", "here \")\" is wanted, or \"and\" or \"or\"".to_owned(), 12),
        ("vlan)", "nothing was opened that this closes".to_owned(), 4),
        ("vlan (tos)", "here \"and\" or \"or\" is wanted, or the end".to_owned(), 5),
        ("src_pod = \"web", "this quote does not end, or has a \\ in front of something else than \", \\ or xNN".to_owned(), 10),
        ("src_pod = \"\\n\"", "this quote does not end, or has a \\ in front of something else than \", \\ or xNN".to_owned(), 10),
        ("src_pod = 'web'", "values are quoted by \"".to_owned(), 10),
        ("tos & 3", "\"&\" means nothing here; values with such characters go in quotes".to_owned(), 4),
    ];
    for (expression, sentence, column) in cases {
        assert_eq!(refused(expression), (sentence, column), "{expression}");
    }
}

#[test]
fn the_mark_stands_below_the_place() {
    // Characters count, not octets; a long expression is shown around the place.
    assert_eq!(
        parse("src_pod = \"é\" and x").unwrap_err().to_string(),
        "no field is called \"x\"; flowdump --list-fields names them all\n  src_pod = \"é\" and x\n                    ^"
    );
    let long = format!("{0} and x and {0}", ["dst_port = 443"; 10].join(" and "));
    let error = parse(&long).unwrap_err().to_string();
    let lines: Vec<_> = error.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            "  ...nd dst_port = 443 and dst_port = 443 and dst_port = 443 and x and dst_port = 443 and dst_port = 443 ...",
            &format!("  {:63}^", "")
        ]
    );
}

#[test]
fn length_and_depth_have_ends() {
    let long = |octets: usize| format!("vlan{}", " ".repeat(octets - 4));
    assert!(parse(&long(MOST_OCTETS)).is_ok());
    let error = parse(&long(MOST_OCTETS + 1)).unwrap_err();
    assert_eq!((error.at, &*error.what), (MOST_OCTETS, "an expression has at most 16384 octets"));
    for (open, close) in [("(", ")"), ("not ", ""), ("!", ""), ("not(", ")")] {
        let levels = if open == "not(" { MOST_LEVELS / 2 } else { MOST_LEVELS };
        let deep = |levels: usize| format!("{}vlan{}", open.repeat(levels), close.repeat(levels));
        assert!(parse(&deep(levels)).is_ok());
        let error = parse(&deep(levels + 1)).unwrap_err();
        assert_eq!((error.at, &*error.what), (levels * open.len(), "more than 64 levels of parentheses and \"not\""));
        assert!(parse(&open.repeat(MOST_OCTETS / open.len())).is_err());
    }
    // What stands side by side is no depth.
    let wide = vec!["vlan"; 1_000].join(" and not ");
    assert_eq!(printed(&wide), wide);
}

/// Words and signs of expressions, and what only looks like them.
const VOCABULARY: &[&str] = &[
    "(",
    ")",
    ",",
    "and",
    "or",
    "not",
    "in",
    "contains",
    "=",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "~",
    "!",
    "&&",
    "||",
    "&",
    "\"",
    "\\",
    "'",
    "src_addr",
    "addr",
    "port",
    "dst_port",
    "octets",
    "start",
    "src_mac",
    "src_pod",
    "tunnel_key",
    "mpls_labels",
    "sampling_rate",
    "protocol",
    "ip_protocol",
    "10.0.0.1",
    "10.0.0.0/8",
    "::/0",
    "443",
    "1-2",
    "0x",
    "0x1",
    "1MB",
    "tcp",
    "ipfix",
    "\"a\"",
    "\"\"",
    "\"\\xff\"",
    "2026-11-21",
    "02:00:00:00:00:0a",
    "0a",
    "é",
    "\0",
    "1e309",
    "-",
    "/",
    "99999999999999999999",
];

/// Tests that are well formed, by type.
const TESTS: &[&str] = &[
    "vlan",
    "src_addr = 10.0.0.1",
    "dst_addr != 2001:db8::1",
    "addr in (10.0.0.0/8, ::1, 10.1.2.3/30)",
    "port = 443",
    "port < 1024",
    "dst_port in 1000-2000",
    "dst_port in (80, 443, 8000-8099)",
    "octets > 1MiB",
    "packets <= 18446744073709551615",
    "protocol = netflow5",
    "ip_protocol in (tcp, udp)",
    "end_reason = 2",
    "start >= 2026-11-21T04:16:41.000000001Z",
    "observed != 1677-09-22",
    "src_mac = 02:00:00:00:00:0a",
    "mac in (ff:ff:ff:ff:ff:ff)",
    "src_pod = \"\"",
    "pod ~ \"a\\\\b\\\"c\"",
    "dst_labels contains \"\\xff\\x00é\"",
    "tunnel_key != 00002a",
    "application_id in (\"\", 0d000001)",
    "mpls_labels contains 16",
    "sampling_rate > 0.1",
    "sampling_rate in (1, 1e300, 5e-324)",
];

fn expressions() -> impl Strategy<Value = String> {
    let test = prop::sample::select(TESTS).prop_map(str::to_owned);
    test.prop_recursive(8, 64, 4, |inner| {
        let parts = || prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            parts().prop_map(|parts| parts.join(" and ")),
            parts().prop_map(|parts| parts.join(" or ")),
            inner.clone().prop_map(|part| format!("({part})")),
            inner.clone().prop_map(|part| format!("not {part}")),
            inner.prop_map(|part| format!("not ({part})")),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_does_harm(text in ".{0,80}") {
        if let Err(error) = parse(&text) {
            prop_assert!(error.at <= text.len() && text.is_char_boundary(error.at));
            prop_assert_eq!(error.to_string().lines().count(), 3);
        }
    }

    #[test]
    fn no_words_do_harm(words in prop::collection::vec(prop::sample::select(VOCABULARY), 0..24), blank in prop::sample::select(&["", " "][..])) {
        let text = words.join(blank);
        match parse(&text) {
            Ok(filter) => prop_assert_eq!(parse(&filter.to_string()), Ok(filter)),
            Err(error) => prop_assert!(text.is_char_boundary(error.at)),
        }
    }

    #[test]
    fn what_is_printed_means_the_same(text in expressions()) {
        let filter = parse(&text).unwrap();
        let shown = filter.to_string();
        prop_assert_eq!(&parse(&shown).unwrap(), &filter);
        prop_assert_eq!(parse(&shown).unwrap().to_string(), shown);
    }
}
