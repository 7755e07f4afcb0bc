//! `decode(encode(x)) = x`: for elements, lists, templates, the fixed layouts and the common model; with messages split at any size,
//! and streams cut anywhere.

#[cfg(test)]
mod elements;
#[cfg(test)]
mod generate;
#[cfg(test)]
mod model;
#[cfg(test)]
mod seen;

#[cfg(test)]
const NOW: flowcodec::Timestamp = flowcodec::Timestamp::from_seconds(1_700_000_000);
#[cfg(test)]
const BOOT: flowcodec::Timestamp = flowcodec::Timestamp::from_seconds(1_690_000_000);
