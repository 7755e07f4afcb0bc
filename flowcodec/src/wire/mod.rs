//! The one way to read message grammar: an input that knows where it is and what ends it, for nom parsers.
//!
//! Parsers are functions `Input -> Parsed<Output>`. Leaves take a whole fixed header as `&[u8; N]` after one check; a length field
//! makes a sub-input ([`take`]) that nothing inside can read past. Record bodies are not read here but through a compiled template.

use nom::error::{ErrorKind, ParseError};
use nom::{Err, IResult, Needed};

use crate::error::{Fault, FaultKind, Layer, LimitedBy};

/// What a parser gives: the rest and the output, or a [`Fault`].
pub type Parsed<'a, T> = IResult<Input<'a>, T, Fault>;

/// Octets with their absolute offset in the message, and the name of what ended them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input<'a> {
    bytes: &'a [u8],
    offset: u32,
    limit: LimitedBy,
}

impl<'a> Input<'a> {
    /// A whole datagram, message or file.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0, limit: LimitedBy::Datagram }
    }

    /// Octets that begin at `offset` of their message and were ended by `limit`.
    #[must_use]
    pub const fn at(bytes: &'a [u8], offset: u32, limit: LimitedBy) -> Self {
        Self { bytes, offset, limit }
    }

    /// What is left.
    #[must_use]
    pub const fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Offset of the first octet left, from the start of the message.
    #[must_use]
    pub const fn offset(self) -> u32 {
        self.offset
    }

    /// What ended the octets.
    #[must_use]
    pub const fn limit(self) -> LimitedBy {
        self.limit
    }

    /// How many octets are left.
    #[must_use]
    pub fn len32(self) -> u32 {
        len32(self.bytes)
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// The same octets, ended by another limit.
    #[must_use]
    pub const fn limited_by(self, limit: LimitedBy) -> Self {
        Self { limit, ..self }
    }

    /// A fault at this place that names this input's limit.
    #[cold]
    #[must_use]
    pub fn fault(self, kind: FaultKind, layer: Layer) -> Fault {
        Fault::new(kind, layer, self.limit, self.offset)
    }

    /// "Cut short": `required` octets were asked for here.
    #[cold]
    #[must_use]
    pub fn short(self, layer: Layer, required: u32) -> Fault {
        self.fault(FaultKind::Truncated, layer).sizes(required, self.len32()).costing(self.len32())
    }

    fn advanced(self, by: usize) -> Option<(Self, Self)> {
        let (head, tail) = self.bytes.split_at_checked(by)?;
        let offset = self.offset.saturating_add(len32(head));
        Some((Self { bytes: tail, offset, limit: self.limit }, Self { bytes: head, ..self }))
    }
}

/// The next `N` octets as one array: one bounds check for a whole fixed structure.
///
/// # Errors
/// [`FaultKind::Truncated`] in `layer`.
#[inline]
pub fn array<const N: usize>(layer: Layer) -> impl Fn(Input<'_>) -> Parsed<'_, &[u8; N]> {
    move |input| match (input.bytes.first_chunk::<N>(), input.advanced(N)) {
        (Some(head), Some((rest, _))) => Ok((rest, head)),
        _ => Err(Err::Error(input.short(layer, u32::try_from(N).unwrap_or(u32::MAX)))),
    }
}

/// The next `length` octets as an input of exactly that size, ended by `limit`.
///
/// # Errors
/// [`FaultKind::Truncated`] in `layer`.
#[inline]
pub fn take(length: usize, layer: Layer, limit: LimitedBy) -> impl Fn(Input<'_>) -> Parsed<'_, Input<'_>> {
    move |input| match input.advanced(length) {
        Some((rest, head)) => Ok((rest, head.limited_by(limit))),
        None => Err(Err::Error(input.short(layer, u32::try_from(length).unwrap_or(u32::MAX)))),
    }
}

/// The fault inside nom's error.
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "made for `map_err`")]
pub fn fault_of(error: Err<Fault>) -> Fault {
    match error {
        Err::Error(fault) | Err::Failure(fault) => fault,
        Err::Incomplete(_) => Fault::new(FaultKind::Truncated, Layer::Datagram, LimitedBy::Datagram, 0),
    }
}

/// Octets as `u32`; messages are shorter than 64 KiB, and a longer slice counts as the largest value.
#[must_use]
#[inline]
pub fn len32(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// Big-endian `u16` at `at` of a structure whose size was checked; 0 where it does not reach.
#[must_use]
#[inline]
pub fn be16(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |octets| u16::from_be_bytes(*octets))
}

/// Big-endian `u32` at `at`, as [`be16`].
#[must_use]
#[inline]
pub fn be32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |octets| u32::from_be_bytes(*octets))
}

/// Big-endian unsigned number of 0 to 8 octets (reduced-size encoding, RFC 7011 §6.2); longer ones do not fit and give `None`.
#[must_use]
#[inline]
pub fn unsigned(bytes: &[u8]) -> Option<u64> {
    if bytes.len() > 8 {
        return None;
    }
    Some(match *bytes {
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_be_bytes([a, b])),
        [a, b, c, d] => u64::from(u32::from_be_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        _ => bytes.iter().fold(0, |number, &octet| (number << 8) | u64::from(octet)),
    })
}

/// Big-endian two's-complement number of 1 to 8 octets, sign-extended from the top bit of what was sent.
#[must_use]
#[inline]
pub fn signed(bytes: &[u8]) -> Option<i64> {
    let number = unsigned(bytes)?;
    let unused = 64_u32.saturating_sub(u32::try_from(bytes.len()).ok()?.saturating_mul(8));
    Some(if unused == 64 { 0 } else { (number << unused).cast_signed() >> unused })
}

impl ParseError<Input<'_>> for Fault {
    fn from_error_kind(input: Input<'_>, _: ErrorKind) -> Self {
        input.short(Layer::Datagram, 0)
    }

    fn append(_: Input<'_>, _: ErrorKind, other: Self) -> Self {
        other
    }
}

impl<'a> nom::Input for Input<'a> {
    type Item = u8;
    type Iter = core::iter::Copied<core::slice::Iter<'a, u8>>;
    type IterIndices = core::iter::Enumerate<Self::Iter>;

    fn input_len(&self) -> usize {
        self.bytes.len()
    }

    fn take(&self, index: usize) -> Self {
        self.advanced(index).map_or(*self, |(_, head)| head)
    }

    fn take_from(&self, index: usize) -> Self {
        self.advanced(index).map_or(*self, |(rest, _)| rest)
    }

    fn take_split(&self, index: usize) -> (Self, Self) {
        self.advanced(index).unwrap_or((*self, *self))
    }

    fn position<P>(&self, predicate: P) -> Option<usize>
    where
        P: Fn(Self::Item) -> bool,
    {
        self.bytes.iter().position(|&octet| predicate(octet))
    }

    fn iter_elements(&self) -> Self::Iter {
        self.bytes.iter().copied()
    }

    fn iter_indices(&self) -> Self::IterIndices {
        self.iter_elements().enumerate()
    }

    fn slice_index(&self, count: usize) -> Result<usize, Needed> {
        if self.bytes.len() >= count { Ok(count) } else { Err(Needed::new(count.saturating_sub(self.bytes.len()))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_absolute_through_sub_inputs() {
        let bytes = [0_u8; 16];
        let (rest, _) = array::<4>(Layer::Header)(Input::new(&bytes)).unwrap();
        let (rest, body) = take(8, Layer::Set, LimitedBy::SetLength)(rest).unwrap();
        assert_eq!((body.offset(), rest.offset(), rest.len32()), (4, 12, 4));
        let (inner, _) = array::<6>(Layer::Record)(body).unwrap();
        let fault = fault_of(array::<6>(Layer::Record)(inner).unwrap_err());
        assert_eq!((fault.offset, fault.limit, fault.required, fault.available), (10, LimitedBy::SetLength, 6, 2));
    }

    #[test]
    fn numbers_of_every_width() {
        assert_eq!(unsigned(&[]), Some(0));
        assert_eq!(unsigned(&[1, 2, 3]), Some(0x01_02_03));
        assert_eq!(unsigned(&[0xff; 8]), Some(u64::MAX));
        assert_eq!(unsigned(&[0; 9]), None);
        assert_eq!(signed(&[0xff]), Some(-1));
        assert_eq!(signed(&[0x7f, 0xff]), Some(32_767));
        assert_eq!(signed(&[0xff, 0xff, 0xfe]), Some(-2));
        assert_eq!(signed(&[]), Some(0));
    }
}
