//! A record: one line of JSON, read and extended in place.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::json::{Member, NoObject, NotForGo, members, quoted, unquoted, write_go_string, write_go_value};

/// A line and where its members stand.
#[derive(Debug)]
pub(crate) struct Record<'l> {
    line: &'l [u8],
    members: &'l [Member],
    /// The closing brace.
    end: usize,
}

/// A member that is added.
#[derive(Debug)]
pub(crate) struct Added<'n> {
    pub(crate) name: &'n str,
    pub(crate) value: Said,
}

/// Its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Text(String),
    List(Vec<String>),
}

impl<'l> Record<'l> {
    /// Scans a line; `members` is working space.
    pub(crate) fn scan(line: &'l [u8], space: &'l mut Vec<Member>) -> Result<Self, NoObject> {
        let end = members(line, space)?;
        Ok(Self { line, members: space, end })
    }

    fn at(&self, range: &std::ops::Range<usize>) -> &'l [u8] {
        self.line.get(range.clone()).unwrap_or_default()
    }

    /// Names and values as they stand there, names without quotes; escapes are not resolved.
    pub(crate) fn raw(&self) -> impl Iterator<Item = (&'l [u8], &'l [u8])> + '_ {
        self.members
            .iter()
            .map(|Member { name, value }| (self.at(&(name.start.saturating_add(1)..name.end.saturating_sub(1))), self.at(value)))
    }

    /// The value of a member; of several of one name the last, as every reader of JSON has it.
    pub(crate) fn value(&self, name: &str) -> Option<&'l [u8]> {
        self.place(name).map(|member| self.at(&member.value))
    }

    fn place(&self, name: &str) -> Option<&'l Member> {
        let is = |quoted: &[u8]| match quoted.get(1..quoted.len().saturating_sub(1)) {
            Some(plain) if plain == name.as_bytes() => true,
            Some(other) if other.contains(&b'\\') => unquoted(quoted) == name,
            _ => false,
        };
        self.members.iter().rev().find(|member| is(self.at(&member.name)))
    }

    /// Writes the line with what is added: members that are there already get their new value in their place, others stand behind the last.
    pub(crate) fn write(&self, added: &[Added<'_>], out: &mut Vec<u8>) {
        let mut replaced: Vec<(&Member, &Said)> = Vec::new();
        let mut new: Vec<&Added<'_>> = Vec::new();
        for added in added {
            match self.place(added.name) {
                Some(member) => {
                    replaced.retain(|(other, _)| *other != member);
                    replaced.push((member, &added.value));
                }
                None => {
                    new.retain(|other| other.name != added.name);
                    new.push(added);
                }
            }
        }
        replaced.sort_by_key(|(member, _)| member.value.start);
        let mut done = 0;
        let mut copy = |to: usize, from: usize, out: &mut Vec<u8>| {
            out.extend_from_slice(self.at(&(done..to)));
            done = from;
        };
        for (member, value) in replaced {
            copy(member.value.start, member.value.end, out);
            value.write(out);
        }
        // Behind the last value, or behind the brace of an empty object: spaces in front of the closing brace stay there.
        let behind = self.members.last().map_or(self.end, |last| last.value.end);
        copy(behind, behind, out);
        for (number, added) in new.into_iter().enumerate() {
            if number != 0 || !self.members.is_empty() {
                out.push(b',');
            }
            quoted(added.name, out);
            out.push(b':');
            added.value.write(out);
        }
        copy(self.line.len(), self.line.len(), out);
    }

    /// Writes all members sorted, as the original does.
    pub(crate) fn write_sorted(&self, added: &[Added<'_>], out: &mut Vec<u8>) -> Result<(), NotForGo> {
        let mut sorted: BTreeMap<Cow<'_, str>, Result<&[u8], &Said>> = BTreeMap::new();
        sorted.extend(self.members.iter().map(|member| (unquoted(self.at(&member.name)), Ok(self.at(&member.value)))));
        sorted.extend(added.iter().map(|added| (Cow::Borrowed(added.name), Err(&added.value))));
        let start = out.len();
        for (number, (name, value)) in sorted.into_iter().enumerate() {
            out.push(if number == 0 { b'{' } else { b',' });
            write_go_string(&name, out);
            out.push(b':');
            match value {
                Ok(value) => write_go_value(value, out)?,
                Err(said) => said.write_go(out),
            }
        }
        if out.len() == start {
            out.push(b'{');
        }
        out.push(b'}');
        Ok(())
    }
}

impl Said {
    fn write(&self, out: &mut Vec<u8>) {
        self.write_by(quoted, out);
    }

    fn write_go(&self, out: &mut Vec<u8>) {
        self.write_by(write_go_string, out);
    }

    fn write_by(&self, write: fn(&str, &mut Vec<u8>), out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => write(text, out),
            Self::List(list) => {
                out.push(b'[');
                for (number, text) in list.iter().enumerate() {
                    if number != 0 {
                        out.push(b',');
                    }
                    write(text, out);
                }
                out.push(b']');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(text: &str) -> Said {
        Said::Text(text.to_owned())
    }

    fn written(line: &str, added: &[(&'static str, Said)]) -> (String, String) {
        let mut space = Vec::new();
        let record = Record::scan(line.as_bytes(), &mut space).unwrap();
        let added: Vec<_> = added.iter().map(|(name, value)| Added { name, value: value.clone() }).collect();
        let (mut plain, mut sorted) = (Vec::new(), Vec::new());
        record.write(&added, &mut plain);
        record.write_sorted(&added, &mut sorted).unwrap();
        (String::from_utf8(plain).unwrap(), String::from_utf8(sorted).unwrap())
    }

    #[test]
    fn what_is_there_stays_as_it_is() {
        let added = [("SrcPod", text("a\"<b>")), ("SrcOwners", Said::List(vec!["Job/x".to_owned(), "CronJob/y".to_owned()]))];
        let (plain, sorted) = written(r#" { "z" : 1.0e2 , "b":18446744073709551616, "z":null } "#, &added);
        assert_eq!(
            plain,
            r#" { "z" : 1.0e2 , "b":18446744073709551616, "z":null,"SrcPod":"a\"<b>","SrcOwners":["Job/x","CronJob/y"] } "#
        );
        assert_eq!(
            sorted,
            r#"{"SrcOwners":["Job/x","CronJob/y"],"SrcPod":"a\"\u003cb\u003e","b":18446744073709551616,"z":null}"#
        );
    }

    #[test]
    fn a_member_that_is_there_gets_its_new_value() {
        let added = [("P", text("1")), ("SrcPod", text("new")), ("P", text("2"))];
        let (plain, sorted) = written(r#"{"SrcPod":"old","a":0,"Src\u0050od":"older","b":[]}"#, &added);
        assert_eq!(plain, r#"{"SrcPod":"old","a":0,"Src\u0050od":"new","b":[],"P":"2"}"#);
        assert_eq!(sorted, r#"{"P":"2","SrcPod":"new","a":0,"b":[]}"#);
        assert_eq!(written("{ }", &[("x", text(""))]), (r#"{ "x":""}"#.to_owned(), r#"{"x":""}"#.to_owned()));
        assert_eq!(written("{}", &[]), ("{}".to_owned(), "{}".to_owned()));
    }

    proptest! {
        /// Both forms say what a map with the additions would, and without additions the text is the same octet by octet.
        #[test]
        fn both_forms_say_the_same(map in prop::collection::btree_map("[a-e\"\\\\<é]{0,3}", any::<Option<i64>>(), 0..6), name in "[a-e]{0,2}", value in any::<String>()) {
            let line = serde_json::to_string(&map).unwrap();
            let mut space = Vec::new();
            let record = Record::scan(line.as_bytes(), &mut space).unwrap();
            let mut same = Vec::new();
            record.write(&[], &mut same);
            prop_assert_eq!(&same, line.as_bytes());

            let mut expected: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line).unwrap();
            expected.insert(name.clone(), value.clone().into());
            let added = [Added { name: &name, value: Said::Text(value) }];
            let (mut plain, mut sorted) = (Vec::new(), Vec::new());
            record.write(&added, &mut plain);
            record.write_sorted(&added, &mut sorted).unwrap();
            prop_assert_eq!(&serde_json::from_slice::<serde_json::Map<_, _>>(&plain).unwrap(), &expected);
            prop_assert_eq!(&serde_json::from_slice::<serde_json::Map<_, _>>(&sorted).unwrap(), &expected);
        }
    }
}
