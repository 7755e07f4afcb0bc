//! Every group of the corpus: as many records and templates as the reference counts, and every octet accounted for.
#![cfg(test)]

mod common;

use common::{Group, corpus, groups, reference};
use flowcodec::{Event, Settings};

/// A group whose reference counts something else than what its octets hold.
struct Other {
    group: &'static str,
    records: u64,
    templates: u64,
    why: &'static str,
}

const fn other(group: &'static str, records: u64, templates: u64, why: &'static str) -> Other {
    Other { group, records, templates, why }
}

const OTHERS: &[Other] = &[
    // Data that comes before its template is kept; tshark drops it. `nothing_is_kept` shows that this is all the difference.
    other("akvorado__data+templates", 22, 2, "set 257 comes ahead of its template in the same datagram"),
    other("graylog__data-datatemplate", 4, 3, "the first datagram is data of a template in the second"),
    other("graylog__nprobe-netflow9-4", 16, 3, "two datagrams of data come ahead of the one with their template"),
    other("netflow_parser__IPFIX", 67_629, 29, "940 sets come before their template; the first template is in frame 685"),
    other("src__vflow_ipfix_test", 4, 6, "three sets of the third datagram have their templates in the fourth"),
    // NetFlow v9 is walked by length. tshark stops at the header's count, which these exporters set too low.
    other("graylog__netflow9", 22, 3, "the count is 1 where two templates, an options template and data follow"),
    other(
        "graylog__netflow-v9-1",
        2,
        2,
        "the count is 2 and two templates use it up; behind them is a set of two records, then another message",
    ),
    other(
        "logstash__v9_invalid01",
        3,
        3,
        "the count is 2, six sets follow: two templates, an options template, and one record of each",
    ),
    other(
        "logstash__ipfix_basic",
        13,
        3,
        "two messages in one datagram, of 484 and 304 octets; tshark reads the first, beats both",
    ),
    other(
        "logstash__v9_h3c",
        16,
        1,
        "tshark gives up at a field of 2 octets where it wants an IPv4 address; beats and logstash find 16",
    ),
    other(
        "src__go_ipfix",
        1,
        2,
        "the second template redefines id 256 with two IPv6 addresses: the 13 octets of the third message are none of its records, the \
         32 of the fourth are one. tshark reads both with the first definition",
    ),
    other(
        "src__netgauze_nf9_tests_g08",
        0,
        16,
        "fuzzed. The last template that is not of zero size asks for 2,563 octets, the set of data has 260. tshark calls them one record",
    ),
    other(
        "src__softflowd",
        106,
        19,
        "the 11th message redefines template 2049 with 76 octets (two MAC addresses more) and its 684 octets of data are 9 records; \
         tshark goes on with the definition of the 9th and finds 11, addresses out of step",
    ),
    other(
        "ipfixcol__bad-length-in-set",
        0,
        15,
        "15 templates are whole; the 16th asks for 240 octets of fields where its set has 64 left",
    ),
    other(
        "vermont__template_set_length_too_small",
        0,
        0,
        "the one template asks for 44 octets of fields, its set has 42 left, and what follows is out of step",
    ),
    // sFlow. The datagrams with faults are arrays in the sources of tests: octets stand behind what they count.
    other(
        "src-gopacket_sflow__gopacket_sflow.11",
        0,
        0,
        "the one sample says 116 octets where 76 are left: it ends with a text that was cut. tshark shows what is there",
    ),
    other(
        "tcpdump__sflow_multiple_counter_30_pdus",
        151,
        0,
        "25 datagrams of sFlow with 144 samples, and 5 of NetFlow v5 with 7 records: tshark reads these as sFlow too, for their port",
    ),
];

/// Records and templates by the reference.
fn stated(corpus: &std::path::Path, group: &Group) -> (u64, u64) {
    if group.members.iter().all(|member| !member.borrowed) {
        return group.members.iter().fold((0, 0), |sum, member| (sum.0 + member.records, sum.1 + member.templates));
    }
    // The manifest counts a file that belongs to two groups as it decodes in the first.
    reference(corpus, &group.name).iter().fold((0, 0), |sum, row| match &*row["kind"] {
        "data" | "options_data" | "sample" => (sum.0 + 1, sum.1),
        "template" | "options_template" => (sum.0, sum.1 + 1),
        _ => sum,
    })
}

/// What a group gives, and what is wrong with the account of its octets.
fn found(corpus: &std::path::Path, group: &Group, settings: Settings) -> ((u64, u64), Vec<String>) {
    let (mut flows, mut options, mut counters, mut unknown) = (0, 0, 0, 0);
    let (mut faults, mut fault_octets) = (0, 0);
    let feed = group.decode(corpus, settings, &mut |event| match event {
        Event::Flows(set) => flows += u64::from(set.len()),
        Event::Options(set) => options += u64::from(set.len()),
        Event::Counters(set) => counters += u64::from(set.len()),
        Event::Unknown(set) => unknown += u64::from(set.len()),
        Event::Fault(event) => {
            faults += 1;
            fault_octets += u64::from(event.fault.bytes);
        }
        _ => {}
    });
    let stats = feed.decoder().stats();
    let mut wrong = Vec::new();
    let mut check = |what: &str, one: u64, other: u64| {
        if one != other {
            wrong.push(format!("{}: {what}: {one} and {other}", group.name));
        }
    };
    check("octets, and decoded and reported", stats.bytes, stats.bytes_decoded + stats.bytes_reported);
    check("octets pending at the end", stats.bytes_pending, 0);
    check("octets reported, and those of the faults", stats.bytes_reported, fault_octets);
    check("faults counted, and given", stats.faults.total(), faults);
    check("flows counted, and given", stats.flows, flows);
    check("options counted, and given", stats.options, options);
    check("counters counted, and given", stats.counters, counters);
    check("unknown samples counted, and given", stats.unknown_samples, unknown);
    if group.members[0].format != "pcap" {
        check("octets, and those of the files", stats.bytes, group.members.iter().map(|member| member.bytes).sum());
    }
    // The reference counts every sample of sFlow, of formats it knows and of others.
    let records = stats.flows + stats.options + stats.counters + stats.unknown_samples;
    ((records, stats.templates + stats.options_templates + stats.withdrawals), wrong)
}

#[test]
fn every_group_gives_its_records_and_templates() {
    let Some(corpus) = corpus() else { return };
    let groups = groups(&corpus);
    assert_eq!(groups.len(), 141);
    let (mut wrong, mut total, mut others) = (Vec::new(), (0, 0), 0);
    for group in &groups {
        let other = OTHERS.iter().find(|other| other.group == group.name);
        let stated = stated(&corpus, group);
        let (found, mut account) = found(&corpus, group, Settings::default());
        wrong.append(&mut account);
        let (expected, why) = other.map_or((stated, "the reference"), |other| ((other.records, other.templates), other.why));
        if found != expected {
            wrong.push(format!("{}: found {found:?}, reference {stated:?}, expected {expected:?}: {why}", group.name));
        }
        if let Some(other) = other {
            others += 1;
            assert_ne!(stated, expected, "{} needs no exception", other.group);
        }
        total = (total.0 + found.0, total.1 + found.1);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(others, OTHERS.len());
    assert_eq!(total, (79_998, 993));
}

#[test]
fn nothing_is_kept() {
    let Some(corpus) = corpus() else { return };
    let groups = groups(&corpus);
    for other in &OTHERS[..5] {
        let group = groups.iter().find(|group| group.name == other.group).unwrap();
        let mut settings = Settings::default();
        settings.limits.pending_bytes = 0;
        let (found, wrong) = found(&corpus, group, settings);
        assert_eq!(found, stated(&corpus, group), "{}", group.name);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
