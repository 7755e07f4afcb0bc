//! XDR (RFC 4506) as sFlow uses it: everything in words of four octets, big-endian.
//!
//! | on the wire | here |
//! |---|---|
//! | `unsigned int`, `int`, `unsigned hyper`, `float` | `u32`, `i32`, `u64`, `f32` |
//! | `address`: type word, then 0, 4 or 16 octets | `Option<IpAddr>` |
//! | `mac`: 6 octets and 2 of padding | [`Mac`] |
//! | `string<>`, `opaque<>`: length word, octets, padding to the next word | [`Text`], `&[u8]` |
//! | `unsigned int x<>`: count word, then so many words | [`Words`] |

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::{Fault, FaultKind, Layer, LimitedBy};
use crate::model::{Mac, Numbers};
use crate::text::Text;
use crate::wire::{Input, len32};

/// What is left of a body. Bodies are read through this and not through nom's inputs, which measured three times as slow: no offset is
/// carried along, because what is left always ends where the body ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next `N` octets.
    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Bad> {
        let Some((head, rest)) = self.0.split_first_chunk::<N>() else {
            return Err(self.bad(FaultKind::Truncated, u32::try_from(N).unwrap_or(u32::MAX), len32(self.0)));
        };
        self.0 = rest;
        Ok(head)
    }

    /// The next `length` octets.
    #[inline]
    pub(super) fn take(&mut self, length: u32) -> Result<&'a [u8], Bad> {
        let Some((head, rest)) = self.0.split_at_checked(usize::try_from(length).unwrap_or(usize::MAX)) else {
            return Err(self.bad(FaultKind::Truncated, length, len32(self.0)));
        };
        self.0 = rest;
        Ok(head)
    }

    /// The next `length` octets, and the padding behind them as far as it is there: the last structure of some agents goes without.
    #[inline]
    pub(super) fn padded(&mut self, length: u32) -> Result<&'a [u8], Bad> {
        let octets = self.take(length)?;
        let padding = usize::try_from(length.wrapping_neg() & 3).unwrap_or(0);
        self.0 = self.0.get(padding..).unwrap_or_default();
        Ok(octets)
    }

    /// A count, checked against the octets behind it: items take `min` octets or more.
    #[inline]
    pub(super) fn count(&mut self, min: u32) -> Result<u32, Bad> {
        let start = *self;
        let count = u32::read(self)?;
        let fit = len32(self.0).checked_div(min).unwrap_or(0);
        if count > fit { Err(start.bad(FaultKind::CountBeyondOctets, count, fit)) } else { Ok(count) }
    }

    #[cold]
    const fn bad(self, kind: FaultKind, required: u32, available: u32) -> Bad {
        Bad { kind, left: self.0.len(), required, available }
    }
}

/// What is wrong with a body, and where: with `left` octets of it left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bad {
    kind: FaultKind,
    left: usize,
    required: u32,
    available: u32,
}

impl Bad {
    /// The fault, `body` being what was read.
    #[cold]
    pub(super) fn fault(self, body: Input<'_>) -> Fault {
        let at = u32::try_from(body.bytes().len().saturating_sub(self.left)).unwrap_or(u32::MAX);
        let fault = Fault::new(self.kind, Layer::Field, LimitedBy::RecordLength, body.offset().saturating_add(at));
        fault.sizes(self.required, self.available)
    }
}

/// Something with a form in XDR.
pub(super) trait Xdr<'a>: Sized {
    /// The fewest octets it can take.
    const MIN: u32;
    /// Reads it.
    fn read(reader: &mut Reader<'a>) -> Result<Self, Bad>;
    /// Writes it at the end of `out`.
    fn write(&self, out: &mut Vec<u8>);
}

macro_rules! plain {
    ($($kind:ty, $octets:literal, $from:ident, $to:ident;)*) => {$(
        impl Xdr<'_> for $kind {
            const MIN: u32 = $octets;

            #[inline]
            fn read(reader: &mut Reader<'_>) -> Result<Self, Bad> {
                reader.array::<$octets>().map(|octets| Self::$from(*octets))
            }

            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.$to());
            }
        }
    )*};
}

plain! {
    u32, 4, from_be_bytes, to_be_bytes;
    i32, 4, from_be_bytes, to_be_bytes;
    u64, 8, from_be_bytes, to_be_bytes;
    f32, 4, from_be_bytes, to_be_bytes;
    Ipv4Addr, 4, from_octets, octets;
    Ipv6Addr, 16, from_octets, octets;
}

impl Xdr<'_> for Option<IpAddr> {
    const MIN: u32 = 4;

    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self, Bad> {
        let start = *reader;
        Ok(match u32::read(reader)? {
            0 => None,
            1 => Some(IpAddr::V4(Ipv4Addr::read(reader)?)),
            2 => Some(IpAddr::V6(Ipv6Addr::read(reader)?)),
            // How long the address is, and with it where the next field begins, is not known.
            _ => return Err(start.bad(FaultKind::ValueInvalid, 0, 0)),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            None => 0_u32.write(out),
            Some(IpAddr::V4(address)) => {
                1_u32.write(out);
                address.write(out);
            }
            Some(IpAddr::V6(address)) => {
                2_u32.write(out);
                address.write(out);
            }
        }
    }
}

impl Xdr<'_> for Mac {
    const MIN: u32 = 8;

    #[inline]
    fn read(reader: &mut Reader<'_>) -> Result<Self, Bad> {
        let &[a, b, c, d, e, f, _, _] = reader.array()?;
        Ok(Self::new([a, b, c, d, e, f]))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.octets());
        out.extend_from_slice(&[0, 0]);
    }
}

impl<'a> Xdr<'a> for &'a [u8] {
    const MIN: u32 = 4;

    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, Bad> {
        let start = *reader;
        let length = u32::read(reader)?;
        // The fault is that of the length word.
        reader.padded(length).map_err(|bad| Bad { left: start.0.len(), ..bad })
    }

    fn write(&self, out: &mut Vec<u8>) {
        len32(self).write(out);
        out.extend_from_slice(self);
        pad(out, self.len());
    }
}

impl<'a> Xdr<'a> for Text<'a> {
    const MIN: u32 = 4;

    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, Bad> {
        <&[u8]>::read(reader).map(Text::new)
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.as_bytes().write(out);
    }
}

/// Zeros up to the next word behind `length` octets.
pub(super) fn pad(out: &mut Vec<u8>, length: usize) {
    out.resize(out.len().saturating_add(length.wrapping_neg() & 3), 0);
}

/// Numbers of a structure (`unsigned int x<>`): as they stand on the wire, or given to be written. Equal when the numbers are.
///
/// ```
/// use flowcodec::sflow::Words;
/// let labels = [16, 17];
/// assert_eq!(Words::from(&labels[..]).iter().collect::<Vec<_>>(), [16, 17]);
/// ```
#[derive(Clone, Copy, Default)]
pub struct Words<'a> {
    // One of the two is empty.
    wire: &'a [[u8; 4]],
    given: &'a [u32],
}

impl<'a> Words<'a> {
    /// The numbers in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.wire.iter().map(|octets| u32::from_be_bytes(*octets)).chain(self.given.iter().copied())
    }

    /// The last number.
    #[must_use]
    pub fn last(&self) -> Option<u32> {
        self.given.last().copied().or_else(|| self.wire.last().map(|octets| u32::from_be_bytes(*octets)))
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.wire.len().saturating_add(self.given.len())
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> From<Words<'a>> for Numbers<'a> {
    fn from(words: Words<'a>) -> Self {
        if words.given.is_empty() { Self::on_wire(words.wire) } else { Self::from(words.given) }
    }
}

impl<'a> From<&'a [u32]> for Words<'a> {
    fn from(given: &'a [u32]) -> Self {
        Self { wire: &[], given }
    }
}

impl PartialEq for Words<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Words<'_> {}

impl core::fmt::Debug for Words<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> Xdr<'a> for Words<'a> {
    const MIN: u32 = 4;

    #[inline]
    fn read(reader: &mut Reader<'a>) -> Result<Self, Bad> {
        let count = reader.count(4)?;
        Ok(Self { wire: reader.take(count.saturating_mul(4))?.as_chunks().0, given: &[] })
    }

    fn write(&self, out: &mut Vec<u8>) {
        u32::try_from(self.len()).unwrap_or(u32::MAX).write(out);
        self.iter().for_each(|word| word.write(out));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a, T: Xdr<'a>>(bytes: &'a [u8]) -> Result<(T, &'a [u8]), Fault> {
        let mut reader = Reader(bytes);
        let value = T::read(&mut reader).map_err(|bad| bad.fault(Input::at(bytes, 100, LimitedBy::RecordLength)))?;
        Ok((value, reader.0))
    }

    #[test]
    fn opaque_data_is_padded_and_the_last_padding_may_be_missing() {
        let bytes = [0, 0, 0, 5, b'h', b'e', b'l', b'l', b'o', 0, 0, 0, 9];
        assert_eq!(read::<&[u8]>(&bytes), Ok((&b"hello"[..], &[9][..])));
        assert_eq!(read::<&[u8]>(&bytes[..10]), Ok((&b"hello"[..], &[][..])));
        let fault = read::<&[u8]>(&bytes[..8]).unwrap_err();
        assert_eq!((fault.kind, fault.offset, fault.required, fault.available), (FaultKind::Truncated, 100, 5, 4));
    }

    #[test]
    fn a_count_is_held_against_the_octets() {
        let fault = read::<Words<'_>>(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0]).unwrap_err();
        assert_eq!((fault.kind, fault.offset, fault.required, fault.available), (FaultKind::CountBeyondOctets, 100, u32::MAX, 1));
    }

    #[test]
    fn an_unknown_address_type_has_no_length() {
        let fault = read::<Option<IpAddr>>(&[0, 0, 0, 3, 1, 2, 3, 4]).unwrap_err();
        assert_eq!((fault.kind, fault.offset), (FaultKind::ValueInvalid, 100));
        assert_eq!(read::<Option<IpAddr>>(&[0, 0, 0, 0]).unwrap().0, None);
    }
}
