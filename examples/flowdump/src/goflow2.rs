//! Options of goflow2's formats, as outputs and as inputs.

use clap::{Args, ValueEnum};
use flowcodec::io::goflow2::{Dialect, Framing};

use crate::input::{Goflow2Input, Messages};

const HEADING: &str = "goflow2's formats";
const INPUT_HEADING: &str = "goflow2's output as input";

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

impl From<Version> for Dialect {
    fn from(version: Version) -> Self {
        match version {
            Version::V1 => Self::V1,
            Version::V2 => Self::V2,
        }
    }
}

/// What is said of files that goflow2 wrote; without it, each file tells it by its first octets and each message by what is in it.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Goflow2InputOptions {
    /// Take every FILE as what goflow2 wrote, whatever it begins with.
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = INPUT_HEADING, conflicts_with = "raw")]
    pub input_format: Option<InputFormat>,
    /// The dialect of goflow2's protobuf. Without it every message tells its own.
    ///
    /// goflow2's own messages do: they say when goflow2 received the flow, in seconds (v1) or nanoseconds (v2). In messages with fewer
    /// fields number 38 can be the start of a flow (v1) or flags of IPv4 (v2); in v1 the numbers 63 and 64 can be times in milliseconds,
    /// or fields of goflow that came before it. What is in doubt is left out and counted (--stats: `doubtful_values`), not guessed.
    /// JSON has names for everything: it needs no dialect.
    #[arg(long, value_enum, value_name = "VERSION", help_heading = INPUT_HEADING)]
    pub input_dialect: Option<Version>,
    /// With --input-format goflow2-bin: whether the length of each message stands in front of it.
    ///
    /// Without it the first octets tell. goflow2 v2 writes it always, v1 with `-format.protobuf.fixedlen`.
    #[arg(long, value_enum, value_name = "WHETHER", help_heading = INPUT_HEADING, requires = "input_format")]
    pub input_length_prefix: Option<Whether>,
    /// With --input-length-prefix yes: what stands behind each message. Without it the octet behind the first one tells.
    #[arg(long, value_enum, value_name = "WHAT", help_heading = INPUT_HEADING, requires = "input_length_prefix")]
    pub input_separator: Option<Separator>,
}

/// What goflow2 writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InputFormat {
    /// One JSON object a line.
    Goflow2Json,
    /// Protobuf.
    Goflow2Bin,
}

impl Goflow2InputOptions {
    /// What does not go together.
    #[must_use]
    pub fn conflict(&self) -> Option<&'static str> {
        Some(match (self.input_format, self.input_length_prefix) {
            (Some(InputFormat::Goflow2Json), _) if self.input_dialect.is_some() => {
                "goflow2's JSON says in its keys what a field is; --input-dialect is for --input-format goflow2-bin"
            }
            (Some(InputFormat::Goflow2Json), Some(_)) => {
                "goflow2-json is one object a line; --input-length-prefix and --input-separator are for --input-format goflow2-bin"
            }
            (_, Some(Whether::No)) if self.input_separator == Some(Separator::None) => {
                "neither a length in front of messages nor a separator behind them: nobody can tell one from the next"
            }
            _ => return None,
        })
    }

    /// The same for the reading of files.
    #[must_use]
    pub fn input(&self) -> Goflow2Input {
        let separated = self.input_separator.map(|separator| separator == Separator::Newline);
        let messages = self.input_format.map(|format| match (format, self.input_length_prefix) {
            (InputFormat::Goflow2Json, _) => Messages::Json,
            (InputFormat::Goflow2Bin, None) => Messages::Protobuf,
            (InputFormat::Goflow2Bin, Some(Whether::Yes)) => Messages::Prefixed { separated },
            (InputFormat::Goflow2Bin, Some(Whether::No)) => Messages::Lines,
        });
        Goflow2Input { messages, dialect: self.input_dialect.map(Dialect::from) }
    }
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
        self.dialect.unwrap_or(Version::V2).into()
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
