//! Files of lines.

use std::io::BufRead;

/// Why a file of lines could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// A line is not what it should be.
    #[error("line {line}: {what}")]
    Line {
        /// Its number, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// The file could not be read.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Gives every line that is neither empty nor a remark (`#`), without blanks around it, to `each`.
pub(crate) fn lines(from: impl BufRead, mut each: impl FnMut(&str) -> Result<(), String>) -> Result<(), ReadError> {
    for (number, line) in (1_u64..).zip(from.lines()) {
        let line = line?;
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            each(line).map_err(|what| ReadError::Line { line: number, what })?;
        }
    }
    Ok(())
}
