//! Options of goflow2's formats.

use clap::{Args, ValueEnum};
use flowcodec::io::goflow2::{Dialect, Framing};

const HEADING: &str = "goflow2's formats";

/// What `--format goflow2-json` and `--format goflow2-bin` ask for; without it, they write what goflow2 writes to a file.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Goflow2Options {
    /// Whose message it is: other names and times, and in protobuf number 38 means another thing. v2 where nothing is said.
    #[arg(long, value_enum, value_name = "VERSION", help_heading = HEADING)]
    pub dialect: Option<Version>,
    /// goflow2-bin: whether the length of each message stands in front of it, as a varint.
    ///
    /// Without it as goflow2 does: in v2 always, in v1 not (there it is `-format.protobuf.fixedlen`). ClickHouse wants it for its format
    /// Protobuf, and wants none for `ProtobufSingle`.
    #[arg(long, value_enum, value_name = "WHETHER", help_heading = HEADING)]
    pub length_prefix: Option<Whether>,
    /// goflow2-bin: what stands behind each message.
    ///
    /// Without it a newline, as in goflow2's files (`-transport.file.sep`). Its Kafka messages have none, and most readers of
    /// protobuf want none.
    #[arg(long, value_enum, value_name = "WHAT", help_heading = HEADING)]
    pub separator: Option<Separator>,
}

/// The dialects by the version of goflow2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Version {
    /// goflow2 1.x: times in seconds; in JSON `CamelCase` keys.
    V1,
    /// goflow2 2.x: times in nanoseconds; in JSON `snake_case` keys and words for protocols.
    V2,
}

/// Whether something is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Whether {
    /// It is.
    Yes,
    /// It is not.
    No,
}

/// What stands between messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Separator {
    /// A newline.
    Newline,
    /// Nothing.
    None,
}

impl Goflow2Options {
    /// Whether any of them was given.
    #[must_use]
    pub const fn is_given(&self) -> bool {
        self.dialect.is_some() || self.is_framing_given()
    }

    /// Whether one of those was given that are for protobuf alone.
    #[must_use]
    pub const fn is_framing_given(&self) -> bool {
        self.length_prefix.is_some() || self.separator.is_some()
    }

    /// Whether nobody could tell one message from the next.
    #[must_use]
    pub fn is_inseparable(&self) -> bool {
        self.framing() == Framing::Bare
    }

    /// The dialect.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self.dialect.unwrap_or(Version::V2) {
            Version::V1 => Dialect::V1,
            Version::V2 => Dialect::V2,
        }
    }

    /// What stands around a message.
    #[must_use]
    pub fn framing(&self) -> Framing {
        let prefixed = match self.length_prefix {
            Some(whether) => whether == Whether::Yes,
            None => self.dialect() == Dialect::V2,
        };
        match (prefixed, self.separator.unwrap_or(Separator::Newline)) {
            (false, Separator::None) => Framing::Bare,
            (false, Separator::Newline) => Framing::BareLines,
            (true, Separator::None) => Framing::Prefixed,
            (true, Separator::Newline) => Framing::PrefixedLines,
        }
    }
}
