//! Recordings: `NAME.bin`, each message behind its length in four octets, and beside it `NAME.index.tsv` with times and link addresses.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::ValueEnum;
use flowcodec::Timestamp;
use vanflow::amqp;
use vanflow::message::{Content, Message};

use crate::hub::{FeedState, Hub};

/// How fast a recording is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Pace {
    /// As it came.
    Real,
    /// As fast as it goes.
    Max,
}

/// A recording, read and checked.
#[derive(Debug)]
pub struct Recording {
    octets: Vec<u8>,
    messages: Vec<Recorded>,
}

#[derive(Debug)]
struct Recorded {
    at: Timestamp,
    link: String,
    place: Range<usize>,
}

impl Recording {
    /// Reads a recording, with its index if there is one.
    ///
    /// # Errors
    /// When a file cannot be read, or does not say where its messages are; with the place.
    pub fn open(file: &Path) -> anyhow::Result<Self> {
        let octets = fs::read(file).with_context(|| format!("the recording {} cannot be read", file.display()))?;
        let index = index_of(file);
        let messages = match fs::read_to_string(&index) {
            Ok(text) => indexed(&text, octets.len()).with_context(|| format!("in {}", index.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                unindexed(&octets).with_context(|| format!("in {}", file.display()))?
            }
            Err(error) => return Err(error).with_context(|| format!("the index {} cannot be read", index.display())),
        };
        Ok(Self { octets, messages })
    }

    /// How many messages it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Plays all of it; then the clock stands still, so that what ended stays visible.
    pub async fn play(&self, hub: &Hub, pace: Pace) {
        let mut before = None;
        for (number, message) in self.messages.iter().enumerate() {
            if pace == Pace::Real {
                let wait = before.map_or(0, |before| message.at.since(before));
                tokio::time::sleep(Duration::from_nanos(u64::try_from(wait).unwrap_or(0))).await;
            } else if number % 64 == 0 {
                tokio::task::yield_now().await;
            }
            before = Some(message.at);
            hub.tick_through(message.at);
            hub.message(message.at, &message.link, self.octets.get(message.place.clone()).unwrap_or_default());
            // A recording does what it did; nothing is asked of anybody.
            let _ = hub.commands();
        }
        hub.finish();
        hub.set_feed(hub.now(), FeedState::Played);
    }
}

/// `NAME.index.tsv` beside `NAME.bin`.
fn index_of(file: &Path) -> PathBuf {
    file.with_extension("index.tsv")
}

fn indexed(text: &str, octets: usize) -> anyhow::Result<Vec<Recorded>> {
    let mut lines = text.lines().enumerate();
    let (_, head) = lines.next().context("the index is empty")?;
    let head: Vec<_> = head.split('\t').collect();
    let place =
        |name: &str| head.iter().position(|column| *column == name).with_context(|| format!("line 1 names no column \"{name}\""));
    let [at, link, offset, size] = [place("recv_unix_us")?, place("link_address")?, place("offset")?, place("length")?];
    let mut messages = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
        let cells: Vec<_> = line.split('\t').collect();
        let cell = |column: usize| {
            let name = head.get(column).copied().unwrap_or_default();
            cells.get(column).copied().with_context(|| format!("line {} has no \"{name}\"", number + 1))
        };
        let wrong = |column: usize| format!("line {}, column {}", number + 1, column + 1);
        let micros: i64 = cell(at)?.parse().with_context(|| wrong(at))?;
        let from: usize = cell(offset)?.parse().with_context(|| wrong(offset))?;
        let length: usize = cell(size)?.parse().with_context(|| wrong(size))?;
        let until = from.checked_add(length).filter(|until| *until <= octets);
        let Some(until) = until else {
            bail!("line {}: {length} octets at {from} are beyond the recording, which has {octets}", number + 1);
        };
        let at = Timestamp::from_nanos(micros.saturating_mul(1_000));
        messages.push(Recorded { at, link: cell(link)?.to_owned(), place: from..until });
    }
    ensure!(!messages.is_empty(), "it names no message");
    Ok(messages)
}

/// Without an index: each message came by the address it says it was sent to, when the last heartbeat before it was sent.
fn unindexed(octets: &[u8]) -> anyhow::Result<Vec<Recorded>> {
    let mut messages = Vec::new();
    let mut at = 0_usize;
    while at < octets.len() {
        let head = octets.get(at..).and_then(<[u8]>::first_chunk::<4>);
        let length = head.and_then(|head| usize::try_from(u32::from_be_bytes(*head)).ok());
        let place = length.and_then(|length| Some(at.checked_add(4)?..at.checked_add(4)?.checked_add(length)?));
        let message = place.clone().and_then(|place| octets.get(place));
        let (Some(place), Some(message)) = (place, message) else {
            bail!("a message should begin at {at}, and its length leads beyond the {} octets of the file", octets.len());
        };
        at = place.end;
        let to = amqp::Message::parse(message).ok().and_then(|message| message.properties().to);
        let link = to.map(|to| to.to_string()).unwrap_or_default();
        let beat = match Message::parse(message).map(|message| message.content) {
            Ok(Content::Heartbeat(beat)) => beat.now_us.and_then(|us| i64::try_from(us).ok()),
            _ => None,
        };
        messages.push((beat, Recorded { at: Timestamp::EPOCH, link, place }));
    }
    ensure!(!messages.is_empty(), "there is no message in it");
    // What came before the first heartbeat came at its time, as well as anybody knows.
    let mut clock = messages.iter().find_map(|(beat, _)| *beat).unwrap_or(0);
    let timed = messages.into_iter().map(|(beat, message)| {
        clock = beat.map_or(clock, |beat| beat.max(clock));
        Recorded { at: Timestamp::from_nanos(clock.saturating_mul(1_000)), ..message }
    });
    Ok(timed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "seq\trecv_unix_us\tlink_address\toffset\tlength\n";

    #[test]
    fn an_index_that_does_not_fit_is_told_with_its_line() {
        let said = |text: &str| format!("{:#}", indexed(text, 100).unwrap_err());
        assert_eq!(said(""), "the index is empty");
        assert_eq!(said("seq\tlink_address"), "line 1 names no column \"recv_unix_us\"");
        assert_eq!(said(HEAD), "it names no message");
        assert_eq!(said(&format!("{HEAD}0\t5\tmc/a\t4\t97")), "line 2: 97 octets at 4 are beyond the recording, which has 100");
        assert_eq!(said(&format!("{HEAD}0\t5\tmc/a")), "line 2 has no \"offset\"");
        assert_eq!(said(&format!("{HEAD}0\tsoon\tmc/a\t4\t5")), "line 2, column 2: invalid digit found in string");
        let messages = indexed(&format!("{HEAD}0\t5\tmc/a\t4\t96\n"), 100).unwrap();
        assert_eq!((messages[0].at, &*messages[0].link, &messages[0].place), (Timestamp::from_nanos(5_000), "mc/a", &(4..100)));
    }

    #[test]
    fn without_an_index_heartbeats_are_the_clock() {
        let messages =
            [vanflow::message::beacon("ROUTER", "a:0", "mc/sfe.a:0", "sfe.a:0"), vanflow::message::heartbeat("a:0", 7_000_000)];
        let mut octets = Vec::new();
        for message in &messages {
            octets.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
            octets.extend_from_slice(message);
        }
        let read = unindexed(&octets).unwrap();
        let seen: Vec<_> = read.iter().map(|message| (message.at.as_seconds(), &*message.link)).collect();
        assert_eq!(seen, [(7, "mc/sfe.all"), (7, "mc/sfe.a:0")]);
        let cut = format!("{:#}", unindexed(&octets[..octets.len() - 1]).unwrap_err());
        assert!(cut.contains(&format!("should begin at {}", messages[0].len() + 4)), "{cut}");
    }
}
