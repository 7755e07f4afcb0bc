//! Every value that tshark, beats, logstash, netgauze and telegraf found in the corpus, against the elements of our records.
#![cfg(test)]

#[path = "corpus_values/agree.rs"]
mod agree;
mod common;
#[path = "corpus_values/sources.rs"]
mod sources;
#[path = "corpus_values/whole_samples.rs"]
mod whole_samples;

use std::collections::BTreeMap;

use agree::{Field, Names, What, json};
use common::{corpus, groups};
use flowcodec::ie::ElementId;
use flowcodec::{Event, Record, Settings};
use sources::{Case, cases};

/// Rows of tshark's that the octets prove wrong, counted from 1. It keeps the first definition of a template id, and says otherwise:
const WRONG: &[(&str, &[usize])] = &[
    // ... the second message redefines id 256 with two IPv6 addresses.
    ("src__go_ipfix", &[1, 2, 3, 4]),
    // ... messages 11 to 13 have longer records than the 9th: behind the first of each set tshark is out of step.
    ("src__softflowd", &[83, 85, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 99, 102, 104, 107]),
    // The one "record" of 260 octets is of a template of 2,563.
    ("src__netgauze_nf9_tests_g08", &[1]),
    // The one sample says 116 octets, of which the datagram has 76: tshark shows what is there.
    ("src-gopacket_sflow__gopacket_sflow.11", &[1]),
];

/// An MLD report: IPv6, hop-by-hop options (0), ICMPv6 (58). tshark and telegraf give the first number of the chain; element 4 is the one
/// in the last extension header.
fn last_protocol(records: &mut [Vec<Field>]) -> usize {
    let mut given = 0;
    for field in records.iter_mut().flatten() {
        let first = (field.label == "proto_no" && field.value == "0") || (field.label == "protocol" && field.value == "hopopt");
        if first {
            field.value = 58.into();
            given += 1;
        }
    }
    given
}

/// The IPFIX of softflowd has start before end in the templates 1024 and 2048, its v9 had end before start: tshark swaps them.
fn swap_times(records: &mut [Vec<Field>]) {
    for record in records.iter_mut().skip(57) {
        if record.iter().any(|field| field.label == "template" && (field.value == "1024" || field.value == "2048")) {
            for field in record {
                if let What::Time(ids) = &mut field.what {
                    *ids = ids
                        .iter()
                        .map(|id| if *id == ElementId::iana(21) { ElementId::iana(22) } else { ElementId::iana(21) })
                        .collect();
                }
            }
        }
    }
}

/// Follows a case through the records of its group.
struct Follow {
    case: Case,
    /// How many were found, or, in any order, how many are left.
    found: usize,
    values: usize,
    /// What the first record that was not the next expected one had instead.
    differs: Option<String>,
}

impl Follow {
    const fn new(case: Case) -> Self {
        Self { case, found: 0, values: 0, differs: None }
    }

    fn record(&mut self, record: &Record<'_>) {
        if !self.case.ordered {
            let fits = |fields: &[Field]| fields.iter().all(|field| field.agrees(record));
            let fitting = self.case.records.iter().enumerate().filter(|(_, fields)| fits(fields));
            // The one that says the most: another may say less of a record still to come.
            if let Some((place, _)) = fitting.max_by_key(|(_, fields)| fields.len()) {
                self.values += self.case.records.swap_remove(place).len();
                self.found += 1;
            }
            return;
        }
        let Some(expected) = self.case.records.get(self.found) else { return };
        let differing: Vec<_> = expected.iter().filter(|field| !field.agrees(record)).collect();
        if differing.is_empty() {
            self.values += expected.len();
            self.found += 1;
            self.differs = None;
        } else if self.differs.is_none() {
            let all: Vec<_> = differing.iter().map(|it| format!("{} {}, not {}", it.label, it.value, it.found(record))).collect();
            self.differs = Some(all.join("; "));
        }
    }
}

#[test]
fn all_values_are_those_of_other_decoders() {
    let Some(corpus) = corpus() else { return };
    let names = Names::new();
    let mut wrong = Vec::new();
    let mut compared: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    for group in groups(&corpus) {
        let mut cases = cases(&corpus, &group, &names);
        if group.name == "src__softflowd" {
            swap_times(&mut cases[0].records);
        }
        if group.name == "telegraf__sflow_issue_15918" {
            assert_eq!(cases.iter_mut().map(|case| last_protocol(&mut case.records)).collect::<Vec<_>>(), [1, 1]);
        }
        if let Some((_, rows)) = WRONG.iter().find(|(name, _)| *name == group.name) {
            let mut row = 0;
            cases[0].records.retain(|_| {
                row += 1;
                !rows.contains(&row)
            });
        }
        let mut follows: Vec<_> = cases.into_iter().map(|case| (case.records.len(), Follow::new(case))).collect();
        group.decode(&corpus, Settings::default(), &mut |event| {
            if let Event::Flows(set) | Event::Options(set) | Event::Counters(set) = event {
                for record in set.records() {
                    for (_, follow) in &mut follows {
                        follow.record(&record);
                    }
                }
            }
        });
        for (stated, follow) in follows {
            let sum = compared.entry(follow.case.source).or_default();
            *sum = (sum.0 + follow.found, sum.1 + follow.values, sum.2 + follow.case.nameless);
            if follow.found != stated {
                let differs = follow.differs.unwrap_or_else(|| format!("no record is left for {:?}", follow.case.records));
                wrong.push(format!("{} {}: {} of {stated} records: {differs}", group.name, follow.case.source, follow.found));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{compared:?}", wrong.join("\n"));
    // Records, values, and values without a common name.
    let expected = BTreeMap::from([
        ("beats", (310, 5_273, 381)),
        ("logstash", (35, 506, 1)),
        ("netgauze", (1_621, 37_327, 0)),
        ("telegraf", (64, 1_065, 0)),
        ("tshark", (70_243, 469_574, 0)),
    ]);
    assert_eq!(compared, expected);
}

#[test]
fn samples_of_sflow_are_as_tshark_decodes_them() {
    let Some(corpus) = corpus() else { return };
    let (mut wrong, mut samples, mut values) = (Vec::new(), 0, 0);
    for group in groups(&corpus).iter().filter(|group| group.members.iter().any(|member| member.protocols.contains("sFlow"))) {
        let mut records = Vec::new();
        group.decode(&corpus, Settings::default(), &mut |event| {
            if let Event::Flows(set) | Event::Counters(set) = event {
                records.extend(set.records().filter(|record| record.sample().is_some()).map(|record| json(&record)));
            }
        });
        // Of the one group of sFlow there, its only sample.
        let wrong_rows = WRONG.iter().find(|(name, _)| *name == group.name).map_or(0, |(_, rows)| rows.len());
        for sample in whole_samples::samples(&corpus, &group.name).into_iter().skip(wrong_rows) {
            let compared: Vec<_> = records.iter().map(|record| sample.agree(record)).collect();
            match compared.iter().position(Result::is_ok) {
                Some(at) => {
                    values += compared[at].as_ref().unwrap();
                    records.swap_remove(at);
                    samples += 1;
                }
                None => {
                    // What was compared to the wrong sample ends early.
                    let nearest = compared.into_iter().filter_map(Result::err).max();
                    wrong.push(format!("{} {}: {nearest:?}", group.name, sample.title));
                }
            }
        }
        wrong.extend(records.iter().map(|record| format!("{}: tshark has no {record}", group.name)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((samples, values), (218, 6_420));
}
