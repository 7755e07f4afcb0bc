//! Every value that tshark, beats, logstash, netgauze and telegraf found in the corpus, against the elements of our records.
#![cfg(test)]

#[path = "corpus_values/agree.rs"]
mod agree;
mod common;
#[path = "corpus_values/sources.rs"]
mod sources;

use std::collections::BTreeMap;

use agree::{Field, Names, What};
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
];

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

/// The next record the case expects, if the record at hand is not it, with what differs.
struct Differs(String);

/// Follows a case through the records of its group.
struct Follow {
    case: Case,
    /// How many were found, or, in any order, how many are left.
    found: usize,
    values: usize,
    differs: Option<Differs>,
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
            self.differs = Some(Differs(all.join("; ")));
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
        if let Some((_, rows)) = WRONG.iter().find(|(name, _)| *name == group.name) {
            let mut row = 0;
            cases[0].records.retain(|_| {
                row += 1;
                !rows.contains(&row)
            });
        }
        let mut follows: Vec<_> = cases.into_iter().map(|case| (case.records.len(), Follow::new(case))).collect();
        group.decode(&corpus, Settings::default(), &mut |event| {
            if let Event::Flows(set) | Event::Options(set) = event {
                for record in set.records() {
                    follows.iter_mut().for_each(|(_, follow)| follow.record(&record));
                }
            }
        });
        for (stated, follow) in follows {
            let sum = compared.entry(follow.case.source).or_default();
            *sum = (sum.0 + follow.found, sum.1 + follow.values, sum.2 + follow.case.nameless);
            if follow.found != stated {
                let Differs(differs) =
                    follow.differs.unwrap_or_else(|| Differs(format!("no record is left for {:?}", follow.case.records)));
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
        ("telegraf", (55, 878, 0)),
        ("tshark", (70_025, 468_702, 0)),
    ]);
    assert_eq!(compared, expected);
}
