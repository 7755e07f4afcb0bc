//! What is known of goflow2's output before its first octet is read.

use flowcodec::io::goflow2::{Dialect, Format, Reader, recognise};

/// What is known of files that goflow2 wrote; by default nothing: they tell it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Goflow2Input {
    /// Every file holds messages of goflow2's, and how.
    pub messages: Option<Messages>,
    /// The dialect of protobuf.
    pub dialect: Option<Dialect>,
}

/// How a file holds goflow2's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Messages {
    /// One JSON object a line.
    Json,
    /// Protobuf; the first octets tell whether lengths stand in it.
    Protobuf,
    /// Protobuf, the length in front of each message; whether a newline stands behind it, if that is known.
    Prefixed {
        /// It does, or does not.
        separated: Option<bool>,
    },
    /// Protobuf, a newline behind each message.
    Lines,
}

impl Goflow2Input {
    /// What reads such a file.
    #[must_use]
    pub fn reader(self) -> Reader {
        let reader = match self.messages {
            None | Some(Messages::Protobuf) => Reader::new(),
            Some(Messages::Json) => Reader::of(Format::Json),
            Some(Messages::Lines) => Reader::of(Format::Lines),
            Some(Messages::Prefixed { separated }) => {
                let reader = Reader::of(Format::Prefixed);
                if let Some(separated) = separated { reader.separated(separated) } else { reader }
            }
        };
        if let Some(dialect) = self.dialect { reader.dialect(dialect) } else { reader }
    }

    /// Whether the first octets have to tell whether lengths stand in front of messages, and do not.
    pub(super) fn is_framing_unknown(self, head: &[u8]) -> bool {
        self.messages == Some(Messages::Protobuf) && !matches!(recognise(head), Some(Format::Prefixed | Format::Lines))
    }
}
