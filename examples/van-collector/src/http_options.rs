//! Options of what is served.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use crate::http::Limits;

/// How many may ask at once, and how long is waited for them.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "HTTP (over a limit the answer is 503, with Retry-After)")]
#[group(id = "http", multiple = true, conflicts_with = "once")]
pub struct HttpOptions {
    /// Connections. Each is a handle of the process: `ulimit -n` has to be larger.
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().connections, value_parser = at_least_one)]
    pub http_connections: usize,
    /// Of these, such that watch (watch=1).
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().watchers, value_parser = at_least_one)]
    pub http_watchers: usize,
    /// Questions that are worked on at once; others wait in turn. While one is, the feed waits.
    #[arg(long, value_name = "COUNT", default_value_t = Limits::default().questions, value_parser = at_least_one)]
    pub http_questions: usize,
    /// How long a question waits for its turn.
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().turn.as_secs(), value_parser = seconds())]
    pub http_turn: u64,
    /// Octets of answers that wait to be taken, with what changes meanwhile for those who watch: 268435456, 256Mi, 1Gi.
    ///
    /// A list of any length takes 64 KiB, and 16 octets for each of its rows: they are written as they are taken.
    #[arg(long, value_name = "OCTETS", default_value_t = Octets::from(Limits::default().answers))]
    pub http_answers: Octets,
    /// How long the head of a request may take, and a connection be idle.
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().head.as_secs(), value_parser = seconds())]
    pub http_head: u64,
    /// How long a reader may take nothing of what is sent.
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().stall.as_secs(), value_parser = seconds())]
    pub http_stall: u64,
    /// Octets a second that a reader has to take on the whole; 0 for none. Whatever it is, some 200 KB have to be taken within --http-stall:
    /// less is not seen as progress.
    ///
    /// A reader may be behind by what --http-stall gives it, and is cut off then: the connection ends in the middle of the answer. Each is
    /// counted, in `van_collector_http_cut_total`.
    #[arg(long, value_name = "OCTETS", default_value_t = Octets(Limits::default().rate))]
    pub http_rate: Octets,
}

impl HttpOptions {
    /// The limits they make.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            connections: self.http_connections,
            watchers: self.http_watchers,
            questions: self.http_questions,
            turn: Duration::from_secs(self.http_turn),
            answers: usize::try_from(self.http_answers.0).unwrap_or(usize::MAX),
            head: Duration::from_secs(self.http_head),
            stall: Duration::from_secs(self.http_stall),
            rate: self.http_rate.0,
        }
    }
}

/// A number of at least one.
pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(0) => Err("at least 1 is needed".to_owned()),
        Ok(count) => Ok(count),
        Err(error) => Err(error.to_string()),
    }
}

/// Some time, and not more than a day: what is longer was meant otherwise.
fn seconds() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(1..=86_400)
}

/// A number of octets, as it is written in Kubernetes: `16384`, `16Ki`, `256Mi`, `100M`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Octets(pub u64);

const UNITS: [(&str, u64); 6] =
    [("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10), ("G", 1_000_000_000), ("M", 1_000_000), ("k", 1_000)];

impl From<usize> for Octets {
    fn from(octets: usize) -> Self {
        Self(u64::try_from(octets).unwrap_or(u64::MAX))
    }
}

impl FromStr for Octets {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unit = UNITS.iter().find_map(|(unit, size)| Some((text.strip_suffix(unit)?, *size)));
        let (number, size) = unit.unwrap_or((text, 1));
        let number = number.parse::<u64>().map_err(|_| "a number is wanted, alone or with Ki, Mi, Gi, k, M or G".to_owned())?;
        number.checked_mul(size).map(Self).ok_or_else(|| "that is more than can be counted".to_owned())
    }
}

impl fmt::Display for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |size: u64| self.0 != 0 && self.0.is_multiple_of(size);
        match UNITS.iter().find(|(unit, size)| unit.ends_with('i') && whole(*size)) {
            Some((unit, size)) => write!(f, "{}{unit}", self.0 / size),
            None => self.0.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Served {
        #[arg(long)]
        once: bool,
        #[command(flatten)]
        http: HttpOptions,
    }

    fn limits(arguments: &[&str]) -> Limits {
        let served = Served::try_parse_from(["x"].iter().chain(arguments)).unwrap();
        assert!(!served.once);
        served.http.limits()
    }

    #[test]
    fn nothing_said_is_the_default() {
        assert_eq!(limits(&[]), Limits::default());
    }

    #[test]
    fn each_limit_has_its_flag() {
        let mut all = Limits::default();
        (all.connections, all.watchers, all.questions, all.answers) = (9, 8, 7, 6 << 20);
        let seconds = Duration::from_secs;
        (all.turn, all.head, all.stall, all.rate) = (seconds(5), seconds(4), seconds(3), 2_000);
        let counts = ["--http-connections=9", "--http-watchers=8", "--http-questions=7", "--http-answers=6Mi"];
        let times = ["--http-turn=5", "--http-head=4", "--http-stall=3", "--http-rate=2k"];
        assert_eq!(limits(&[counts, times].concat()), all);
    }

    #[test]
    fn octets_as_people_write_them() {
        for (text, octets, shown) in
            [("0", 0, "0"), ("16384", 16_384, "16Ki"), ("100M", 100_000_000, "100000000"), ("3Gi", 3 << 30, "3Gi")]
        {
            let read: Octets = text.parse().unwrap();
            assert_eq!((read, &*read.to_string()), (Octets(octets), shown), "{text}");
        }
        for text in ["", "Ki", "1.5Mi", "-1", "16 Ki", "16ki", "18446744073709551616", "18446744073709551615Ki"] {
            text.parse::<Octets>().unwrap_err();
        }
    }

    #[test]
    fn what_serves_nothing_has_no_limits() {
        let said = Served::try_parse_from(["x", "--once", "--http-rate=1"]).unwrap_err().to_string();
        assert!(said.contains("cannot be used with"), "{said}");
        assert!(Served::try_parse_from(["x", "--once"]).is_ok());
    }
}
